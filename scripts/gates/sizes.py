# SPDX-License-Identifier: Apache-2.0
"""Z1, Z2: lengths of files and functions, nesting, cyclomatic complexity.

Functions are found by the format that clang-format leaves: a body opens by `{` in column 0.
Exceptions stand in scripts/size-allow.txt: `file[:function] what limit  reason`.
"""
import os
import re

import common

C_FILE = 800
INTERNAL_HEADER = 250
PUBLIC_HEADER = 600
EXAMPLE = 150  # D2: one idea each
FUNCTION = 80
NESTING = 3
COMPLEXITY = 15
TOKEN = re.compile(r'[A-Za-z_]\w*|&&|\|\||[{}();?:]|[^\s\w]|\d[\w.]*')


def functions(code):
    """(name, first line, last line, body) of each function definition."""
    lines = code.split('\n')
    for number, line in enumerate(lines):
        if not line.startswith('{'):
            continue
        start = number
        while start > 0 and lines[start - 1].strip() and not lines[start - 1].startswith(('}', ' }')):
            start -= 1
        head = ' '.join(lines[start:number])
        found = re.search(r'(\w+)\s*\(', re.sub(r'__attribute__\s*\(\(.*?\)\)', '', head))
        end = next((i for i in range(number, len(lines)) if lines[i].startswith('}')), number)
        if found:
            macro = re.match(r'START_TEST\((\w+)\)', head)
            yield (macro or found).group(1), start + 1, end + 1, '\n'.join(lines[number:end + 1])


class Body:
    """Walks the statements of a function for the depth of its control structures."""

    def __init__(self, text):
        self.tokens = TOKEN.findall(text)
        self.at = 0
        self.nesting = 0

    def peek(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else ''

    def take(self):
        self.at += 1
        return self.tokens[self.at - 1] if self.at <= len(self.tokens) else ''

    def balanced(self, opening, closing):
        depth = 0
        while self.at < len(self.tokens):
            token = self.take()
            depth += (token == opening) - (token == closing)
            if depth == 0:
                return

    def statement(self, depth):
        token = self.peek()
        if token == '{':
            self.take()
            while self.peek() not in ('}', ''):
                self.statement(depth)
            self.take()
        elif token in ('if', 'for', 'while', 'switch'):
            self.control(depth)
        elif token == 'do':
            self.take()
            self.deeper(depth)
            self.simple()
        else:
            self.simple()

    def deeper(self, depth):
        self.nesting = max(self.nesting, depth + 1)
        self.statement(depth + 1)

    def control(self, depth):
        self.take()
        self.balanced('(', ')')
        self.deeper(depth)
        if self.peek() == 'else':
            self.take()
            if self.peek() == 'if':
                self.control(depth)
            else:
                self.deeper(depth)

    def simple(self):
        """Up to the `;` or the `:` of a label, over braces of initialisers."""
        first = self.at
        questions = 0
        while self.at < len(self.tokens):
            token = self.peek()
            if token in '({':
                self.balanced(token, ')' if token == '(' else '}')
                continue
            if token == '}':
                return
            self.take()
            questions += token == '?'
            if token == ':':
                if questions == 0 and (self.tokens[first] in ('case', 'default') or
                                       self.at - first == 2):
                    return
                questions -= 1
            if token == ';':
                return


def nesting(text):
    body = Body(text)
    body.statement(0)
    return body.nesting


def complexity(text):
    words = re.findall(r'\b(?:if|for|while|case)\b|&&|\|\||\?', text)
    return 1 + len(words)


def allowed(args):
    """{(file or file:function, what): limit}"""
    rows = {}
    path = os.path.join(args.root, 'scripts', 'size-allow.txt')
    if os.path.exists(path):
        for line in open(path, encoding='utf-8'):
            fields = line.split(None, 3)
            if len(fields) == 4 and not line.startswith('#'):
                rows[(fields[0], fields[1])] = int(fields[2])
    return rows


def judge(report, rows, used, key, where, what, value, limit):
    limit_here = rows.get((key, what), limit)
    if value > limit and (key, what) in rows:
        used.add((key, what))
    if value > limit_here:
        report.add(where[0], where[1], f'{key.split(":")[-1]}: {what} is {value}, at most {limit_here}')


args = common.arguments(__doc__)
report = common.Report('sizes')
rows = allowed(args)
used = set()
for name in common.sources(args):
    report.looked_at += 1
    text = common.read(args, name)
    limit = C_FILE
    if name.endswith('.h'):
        limit = PUBLIC_HEADER if name.startswith('include/') else INTERNAL_HEADER
    if name.startswith('examples/minimal/'):
        limit = EXAMPLE
    judge(report, rows, used, name, (name, 0), 'lines', text.count('\n'), limit)
    code = common.without_directives(common.code_only(text))
    for function, first, last, body in functions(code):
        key = f'{name}:{function}'
        where = (name, first)
        judge(report, rows, used, key, where, 'length', last - first + 1, FUNCTION)
        if not name.startswith('tests/'):
            judge(report, rows, used, key, where, 'nesting', nesting(body), NESTING)
            judge(report, rows, used, key, where, 'complexity', complexity(body), COMPLEXITY)
if not args.files:
    for key, what in sorted(set(rows) - used):
        report.add('scripts/size-allow.txt', 0, f'{key} {what}: no longer needed, take it out')
report.end()
