# SPDX-License-Identifier: Apache-2.0
"""listed.py INCLUDE NAME...: every public function whose documentation says that it may return
MCMP_ERR_NOMEM is one of the names, which are those that run with failing allocations or are exempt."""
import pathlib
import re
import sys

DECLARED = re.compile(r"/\*\*((?:(?!\*/).)*?)\*/\s*MCMP_API\s+[^;(]*?(mcmp_\w+)\s*\(", re.S)


def main():
    folder, names = pathlib.Path(sys.argv[1]), set(sys.argv[2:])
    found = set()
    for header in sorted(folder.glob("*.h")):
        for text, name in DECLARED.findall(header.read_text()):
            if "MCMP_ERR_NOMEM" in text:
                found.add(name)
    for name in sorted(found - names):
        print(f"{name} may find no memory, and is not in mcmp_oom_wrapped (tests/CMakeLists.txt)")
    for name in sorted(names - found):
        print(f"{name} is listed, and its documentation does not say MCMP_ERR_NOMEM")
    print(f"{len(found)} functions may find no memory")
    return 0 if found and found == names else 1


sys.exit(main())
