# SPDX-License-Identifier: Apache-2.0
"""H2, C4: licence line, opening comment, no unowned TODO, no path of somebody's machine, line length
(clang-format leaves comments alone)."""
import re

import common

SOURCE = ('.c', '.h', '.py', '.sh', '.cmake', '.js')
SPDX = 'SPDX-License-Identifier: Apache-2.0'
TODO = re.compile(r'\b(TODO|FIXME|XXX)\b(?!\s*\(#\d+\))')
# /tmp is fair: tests make folders there. A home or a checkout is not.
MACHINE = re.compile(r'(?<![\w.$}/])/(?:home/\w|root/|work/\w|Users/\w)')
TEXT = SOURCE + ('.txt', '.md', '.in', '.map', '.json', '.conf', '.yml', '.yaml', '.ini')

args = common.arguments(__doc__)
report = common.Report('marks')
for name in args.files or common.tracked(args.root):
    if not (name.endswith(TEXT) or name.startswith('.ci/')) or name.startswith('tests/golden/'):
        continue
    report.looked_at += 1
    text = common.read(args, name)
    is_source = name.endswith(SOURCE) or name.endswith('CMakeLists.txt') or name.startswith('.ci/')
    if is_source and SPDX not in '\n'.join(text.split('\n')[:3]):
        report.add(name, 1, f'the first lines lack "{SPDX}"')
    if name.startswith(('lib/', 'examples/', 'tests/')) and name.endswith(('.c', '.h')):
        if not re.match(r'/\*[^\n]*\*/\n\s*/\*', text):
            report.add(name, 2, 'a comment that tells the job of the file is missing (C4)')
    if name != 'scripts/gates/marks.py':
        for match in TODO.finditer(text):
            report.add(name, common.line_of(text, match.start()),
                       f'{match.group(1)} without an issue: write {match.group(1)}(#n)')
        for match in MACHINE.finditer(text):
            report.add(name, common.line_of(text, match.start()), 'path of a machine')
    table = False  # between `clang-format off` and `on`
    for number, line in enumerate(text.split('\n'), 1):
        table = 'clang-format off' in line or (table and 'clang-format on' not in line)
        if line != line.rstrip() and is_source:
            report.add(name, number, 'blanks at the end of the line')
        if len(line) > 100 and name.endswith(('.c', '.h')) and '"' not in line \
                and not table:
            report.add(name, number, f'{len(line)} columns, at most 100')
report.end()
