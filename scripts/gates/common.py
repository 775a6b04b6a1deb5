# SPDX-License-Identifier: Apache-2.0
"""What the gates share: the list of source files, C text without comments, reporting.

A gate is a program `scripts/gates/<name>.py [--root DIR] [--build DIR] [FILE...]` that prints one
line `file:line: what is wrong` per finding and ends with status 1 when there is any.
"""
import argparse
import os
import re
import subprocess
import sys

_TOKEN = re.compile(
    r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def arguments(doc):
    """The command line that all gates have in common."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument('--root', default=os.path.join(os.path.dirname(__file__), '..', '..'))
    parser.add_argument('--build', default=None, help='build directory, for gates that need one')
    parser.add_argument('files', nargs='*', help='only these, relative to the root')
    args = parser.parse_args()
    args.root = os.path.abspath(args.root)
    args.build = os.path.abspath(args.build or os.path.join(args.root, 'build', 'release'))
    return args


def tracked(root):
    """Files of the tree, relative; what git knows or would add, else everything outside build/."""
    if os.path.exists(os.path.join(root, '.git')):
        out = subprocess.run(
            ['git', '-C', root, 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
            check=True, capture_output=True).stdout.decode()
        names = [n for n in out.split('\0') if n]
        return sorted(n for n in names if os.path.isfile(os.path.join(root, n)))
    names = []
    for folder, dirs, files in os.walk(root):
        dirs[:] = [d for d in dirs if d not in ('build', '.git')]
        names += [os.path.relpath(os.path.join(folder, f), root) for f in files]
    return sorted(names)


def sources(args, suffixes=('.c', '.h'), folders=None):
    """Tracked files with one of the suffixes, in one of the folders."""
    names = args.files or tracked(args.root)
    names = [n for n in names if n.endswith(tuple(suffixes))]
    if folders is not None:
        names = [n for n in names if n.startswith(tuple(f + '/' for f in folders))]
    return names


def read(args, name):
    with open(os.path.join(args.root, name), encoding='utf-8', errors='replace') as file:
        return file.read()


def code_only(text):
    """The text with comments and literals blanked out; offsets and lines stay as they are."""
    def blank(match):
        found = match.group(0)
        if found[0] in '"\'':
            return found[0] + re.sub(r'[^\n]', '_', found[1:-1]) + found[-1]
        return re.sub(r'[^\n]', ' ', found)
    return _TOKEN.sub(blank, text)


def without_directives(code):
    """Blank out preprocessor lines with their continuations."""
    return re.sub(r'^[ \t]*#(?:[^\n\\]|\\.|\\\n)*', lambda m: re.sub(r'[^\n]', ' ', m.group(0)),
                  code, flags=re.M)


def line_of(text, offset):
    return text.count('\n', 0, offset) + 1


class Report:
    """Collects findings; `end` prints them and exits."""

    def __init__(self, gate):
        self.gate = gate
        self.findings = []
        self.looked_at = 0

    def add(self, name, line, text):
        self.findings.append(f'{name}:{line}: {text}' if line else f'{name}: {text}')

    def end(self):
        for finding in self.findings:
            print(finding)
        print(f'{self.gate}: {self.looked_at} looked at, {len(self.findings)} findings')
        sys.exit(1 if self.findings else 0)
