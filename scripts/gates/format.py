# SPDX-License-Identifier: Apache-2.0
"""C1: all C sources are as clang-format 14 with .clang-format leaves them."""
import re
import shutil
import subprocess
import sys

import common

args = common.arguments(__doc__)
tool = shutil.which('clang-format-14')
if tool is None:
    print('format: clang-format-14 is not installed (sh scripts/install-deps.sh)')
    sys.exit(1)
report = common.Report('format')
names = common.sources(args)
report.looked_at = len(names)
for at in range(0, len(names), 32):
    run = subprocess.run([tool, '--dry-run', '-Werror', *names[at:at + 32]], cwd=args.root,
                         capture_output=True, text=True)
    for name, line in re.findall(r'^(.+?):(\d+):\d+: error:', run.stderr, re.M):
        report.add(name, line, f'not formatted: {tool.rsplit("/", 1)[-1]} -i {name}')
    if run.returncode != 0 and not report.findings:
        report.add(names[at], 0, run.stderr.strip())
report.end()
