# SPDX-License-Identifier: Apache-2.0
"""C1: all C sources are as clang-format 14 with .clang-format leaves them."""
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
for name in common.sources(args):
    report.looked_at += 1
    run = subprocess.run([tool, '--dry-run', '-Werror', name], cwd=args.root,
                         capture_output=True, text=True)
    if run.returncode != 0:
        where = run.stderr.split(':')[1:2] or ['1']
        report.add(name, where[0], f'not formatted: {tool.rsplit("/", 1)[-1]} -i {name}')
report.end()
