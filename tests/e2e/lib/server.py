# SPDX-License-Identifier: Apache-2.0
"""Starts mcmp-server on free loopback ports and looks at its workers."""
import os
import signal
import subprocess
import tempfile

import mcmp
import raw
from waiting import until

BIN = os.environ.get('MCMP_BIN', os.path.join(os.path.dirname(__file__), '../../../build/debug/bin'))


def program():
    path = os.path.join(BIN, 'mcmp-server')
    assert os.access(path, os.X_OK), f'{path} is missing; set MCMP_BIN'
    return path


def is_sanitized():
    with open(program(), 'rb') as file:
        data = file.read()
    return b'__asan_init' in data or b'__tsan_init' in data


def children(pid):
    path = f'/proc/{pid}/task/{pid}/children'
    with open(path, encoding='ascii') as file:
        return [int(word) for word in file.read().split()]


def rss(pid):
    """Resident memory of a process now, without what it shares with others, in bytes."""
    with open(f'/proc/{pid}/statm', encoding='ascii') as file:
        words = file.read().split()
    return (int(words[1]) - int(words[2])) * os.sysconf('SC_PAGE_SIZE')


def peak(pid):
    """Greatest resident memory of a process so far, in bytes."""
    with open(f'/proc/{pid}/status', encoding='ascii') as file:
        for line in file:
            if line.startswith('VmHWM:'):
                return int(line.split()[1]) * 1024
    raise AssertionError('no VmHWM')


def listening(pid):
    """Local addresses (hex, as in /proc) of the listening TCP sockets of a process."""
    inodes = set()
    for name in os.listdir(f'/proc/{pid}/fd'):
        try:
            target = os.readlink(f'/proc/{pid}/fd/{name}')
        except OSError:
            continue
        if target.startswith('socket:['):
            inodes.add(target[8:-1])
    found = []
    for table in ('tcp', 'tcp6'):
        with open(f'/proc/{pid}/net/{table}', encoding='ascii') as file:
            for line in file.readlines()[1:]:
                words = line.split()
                if words[3] == '0A' and words[9] in inodes:
                    found.append(words[1].split(':')[0])
    return found


class Server:
    """A running mcmp-server; .traffic and .management are (host, port)."""

    def __init__(self, *flags, workers=1, config=None, listen=('127.0.0.1:0',),
                 management=('127.0.0.1:0',)):
        self.dir = tempfile.TemporaryDirectory(prefix='mcmp-server-')
        self.ready = self.path('ready')
        self.log_path = self.path('error.log')
        self.access_path = self.path('access.log')
        argv = [program(), '--workers', str(workers), '--ready-file', self.ready,
                '--error-log', self.log_path, '--access-log', self.access_path,
                '--access-format', 'json', '--access-flush', '20ms']
        for address in listen:
            argv += ['--listen', address]
        for address in management:
            argv += ['--management', address]
        if config is not None:
            self.write('server.conf', config)
            argv += ['--config', self.path('server.conf')]
        argv += [str(flag) for flag in flags]
        # a sanitizer's quarantine would count as memory of the program
        self.env = {**os.environ, 'ASAN_OPTIONS': 'quarantine_size_mb=4:detect_leaks=1'}
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env=self.env)
        until(lambda: os.path.exists(self.ready) or self.process.poll() is not None, 20,
              'mcmp-server is ready')
        if self.process.poll() is not None:
            raise AssertionError(self.process.stderr.read().decode() + self.log())
        self.addresses = {'listen': [], 'tls-listen': [], 'management': [],
                          'tls-management': []}
        with open(self.ready, encoding='ascii') as file:
            for line in file:
                kind, address = line.split()
                host, port = address.rsplit(':', 1)
                self.addresses[kind].append((host, int(port)))
        self.traffic = (self.addresses['listen'] or [None])[0]
        self.management = (self.addresses['management'] or [None])[0]

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.stop()

    def path(self, name):
        return os.path.join(self.dir.name, name)

    def write(self, name, text):
        with open(self.path(name), 'w', encoding='utf-8') as file:
            file.write(text)

    def log(self):
        try:
            with open(self.log_path, encoding='latin-1') as file:
                return file.read()
        except FileNotFoundError:
            return ''

    def access(self):
        try:
            with open(self.access_path, encoding='latin-1') as file:
                return file.read()
        except FileNotFoundError:
            return ''

    @property
    def pid(self):
        return self.process.pid

    def workers(self):
        return children(self.pid)

    def signal(self, number):
        self.process.send_signal(number)

    def register(self, route, port, **args):
        return mcmp.register(self.management, route, port, **args)

    def nodes(self):
        return {node['Name']: node for node in mcmp.info(self.management)[0]}

    def get(self, path='/', **args):
        return raw.get(self.traffic, path, **args)

    def stop(self, expect=0):
        """End it gracefully; a sanitizer's report or a wrong code fails the test."""
        workers = self.workers() if self.process.poll() is None else []
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(60)
        except subprocess.TimeoutExpired:
            for pid in workers:
                os.kill(pid, signal.SIGKILL)
            self.process.kill()
            self.process.wait()
            raise
        errors = self.process.stderr.read().decode(errors='replace')
        self.process.stdout.close()
        self.process.stderr.close()
        log = self.log()
        self.dir.cleanup()
        for text in (errors, log):
            assert 'Sanitizer' not in text and 'runtime error' not in text, text
        assert 'was killed by signal' not in log or self.allow_deaths, log
        assert code == expect, (code, errors, log)

    allow_deaths = False
