# SPDX-License-Identifier: Apache-2.0
"""D1, T1: each public function tells brief, parameters, result, thread class, re-entrancy, since. D2: no code in
guides but quotations."""
import os
import re

import common

FUNCTION = re.compile(r'^MCMP_API\s+([^;{]*?)\b(mcmp_\w+)\s*\(([^;]*)\);', re.M | re.S)
CLASSES = ('@mt_any', '@mt_handle', '@mt_immutable', '@mt_setup')


def comment_before(text, offset):
    """The doc comment that ends right before the declaration, or nothing."""
    head = text[:offset].rstrip()
    if not head.endswith('*/'):
        return ''
    start = head.rfind('/*')
    return head[start:] if head.startswith('/**', start) else ''


def missing(result, name, parameters, comment):
    if not comment:
        return ['a doc comment']
    found = []
    if '@brief' not in comment:
        found.append('@brief')
    for parameter in parameters.split(','):
        words = re.findall(r'\w+', parameter)
        if words and words != ['void']:
            if not re.search(rf'@param\[(in|out|in,out)\]\s+{words[-1]}\b', comment):
                found.append(f'@param[in|out] {words[-1]}')
    if result.strip() != 'void' and '@return' not in comment:
        found.append('@return')
    if sum(len(re.findall(c + r'\b', comment)) for c in CLASSES) != 1:
        found.append('exactly one of ' + ' '.join(CLASSES))
    if len(re.findall(r'@reentrant (?:yes|no)\b', comment)) != 1:
        found.append('@reentrant yes|no')
    if not re.search(r'@since \d+\.\d+', comment):
        found.append('@since')
    return found


args = common.arguments(__doc__)
report = common.Report('docs')
for name in common.sources(args, ('.h',), ('include',)):
    text = common.read(args, name)
    for match in FUNCTION.finditer(text):
        report.looked_at += 1
        result, function, parameters = match.groups()
        for what in missing(result, function, parameters, comment_before(text, match.start())):
            report.add(name, common.line_of(text, match.start()), f'{function}: {what} is missing')
    group = re.search(r'@defgroup mcmp_\w+ ', text)
    if not group and not name.endswith('/libmcmp.h'):
        report.add(name, 1, 'no @defgroup mcmp_<concern>')
for name in common.sources(args, ('.md',), ('docs',)):
    report.looked_at += 1
    text = common.read(args, name)
    for match in re.finditer(r'^```c\b', text, re.M):
        report.add(name, common.line_of(text, match.start()),
                   'C code typed into prose: quote a compiled file by @snippet or @include (D2)')
    for match in re.finditer(r'\]\(([^)#:]+)\)', text):
        if not os.path.exists(os.path.join(args.root, os.path.dirname(name), match.group(1))):
            report.add(name, common.line_of(text, match.start()), f'{match.group(1)} does not exist')
report.end()
