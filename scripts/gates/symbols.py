# SPDX-License-Identifier: Apache-2.0
"""A5, N1, N2: exports, map, headers and docs/symbols.txt agree; internal names are mcmp__."""
import glob
import os
import re
import subprocess

import common

FUNCTION = re.compile(r'^MCMP_API\s[^;{]*?\b(\w+)\s*\(', re.M)


def nm(*arguments):
    out = subprocess.run(['nm', '--format=posix', *arguments], check=True, capture_output=True)
    return [line.split() for line in out.stdout.decode().splitlines()]


def exported(build):
    """Defined dynamic symbols of the library without their version."""
    names = nm('-D', '--defined-only', os.path.join(build, 'lib', 'libmcmp.so'))
    return {n[0].split('@')[0] for n in names if n[1] != 'A'}


def of_map(text):
    part = text.split('global:', 1)[1].split('local:', 1)[0]
    return [line.strip().rstrip(';') for line in part.splitlines() if line.strip()]


def compare(report, left_name, left, right_name, right):
    for symbol in sorted(set(left) - set(right)):
        report.add(right_name, 0, f'{symbol} is in {left_name}, but not here')


def check_sorted(report, name, symbols):
    for before, after in zip(symbols, symbols[1:]):
        if before >= after:
            report.add(name, 0, f'{after} is out of order or twice')


def check_static(report, build):
    """Global names of the static library."""
    for row in nm('-g', '--defined-only', os.path.join(build, 'lib', 'libmcmp.a')):
        if len(row) < 2 or row[0].endswith(':'):
            continue
        report.looked_at += 1
        if not row[0].startswith('mcmp_'):
            report.add('libmcmp.a', 0, f'{row[0]} lacks the prefix mcmp__ (N2)')


args = common.arguments(__doc__)
report = common.Report('symbols')
headers = set()
for name in common.sources(args, ('.h',), ('include',)):
    headers |= set(FUNCTION.findall(common.code_only(common.read(args, name))))
mapped = of_map(common.read(args, 'lib/libmcmp.map'))
listed = [line.split() for line in common.read(args, 'docs/symbols.txt').splitlines()
          if line and not line.startswith('#')]
names = [row[0] for row in listed]
exports = exported(args.build)
check_sorted(report, 'lib/libmcmp.map', mapped)
check_sorted(report, 'docs/symbols.txt', names)
for row in listed:
    if len(row) != 4:
        report.add('docs/symbols.txt', 0, f'{row[0]}: symbol introduced deprecated removed')
gone = {row[0] for row in listed if len(row) == 4 and row[3] != '-'}
compare(report, 'the headers', headers, 'lib/libmcmp.map', mapped)
compare(report, 'lib/libmcmp.map', mapped, 'include/libmcmp', headers)
compare(report, 'lib/libmcmp.map', mapped, 'libmcmp.so', exports)
compare(report, 'libmcmp.so', exports, 'lib/libmcmp.map', mapped)
compare(report, 'lib/libmcmp.map', mapped, 'docs/symbols.txt', set(names) - gone)
compare(report, 'docs/symbols.txt', set(names) - gone, 'lib/libmcmp.map', mapped)
for symbol in sorted(exports):
    if not re.fullmatch(r'mcmp_[a-z0-9]+(_[a-z0-9]+)*', symbol):
        report.add('libmcmp.so', 0, f'{symbol} is no public name (N1)')
report.looked_at += len(exports)
check_static(report, args.build)
if not glob.glob(os.path.join(args.build, 'lib', 'libmcmp.so.0.*')):
    report.add('libmcmp.so', 0, 'the soname is not libmcmp.so.0.<minor> (A6)')
report.end()
