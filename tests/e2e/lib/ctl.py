# SPDX-License-Identifier: Apache-2.0
"""Runs mcmpctl."""
import os
import subprocess

from agent import program


class Ran:
    def __init__(self, argv, done):
        self.argv = argv
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    def must(self, code=0, err=''):
        assert self.code == code and self.err == (f'mcmpctl: {err}\n' if err else ''), \
            (self.argv, self.code, self.out, self.err)
        return self.out


def ctl(address, *args, env=None, timeout=60):
    """address: (host, port) of a management port, a text for --proxy, or None for no flag."""
    argv = [program('mcmpctl'), *map(str, args)]
    if address is not None:
        argv += ['--proxy', address if isinstance(address, str) else '%s:%d' % address]
    done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=timeout, check=False, env={**os.environ, **(env or {})})
    return Ran(argv, done)


def rows(text):
    """A table's lines as dicts by its headline."""
    lines = text.splitlines()
    heads = lines[0].split()
    return [dict(zip(heads, line.split())) for line in lines[1:]]
