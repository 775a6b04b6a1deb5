# SPDX-License-Identifier: Apache-2.0
"""Starts mcmp-node for tests. Waiting is for what is expected, never for a time."""
import os
import re
import signal
import subprocess
import threading

BIN = os.environ.get('MCMP_BIN', os.path.join(os.path.dirname(__file__), '../../../build/release/bin'))


def program(name):
    path = os.path.join(BIN, name)
    assert os.access(path, os.X_OK), f'{path} is missing; set MCMP_BIN'
    return path


class Output:
    """Lines of a stream, read by a thread, that a test can wait for."""

    def __init__(self, stream):
        self.lines = []
        self.ended = False
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self.thread.start()

    def _read(self, stream):
        for line in stream:
            with self.changed:
                self.lines.append(line.rstrip('\n'))
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def find(self, pattern):
        return next((m for m in (re.search(pattern, line) for line in self.lines) if m), None)

    def wait(self, pattern, timeout=10):
        with self.changed:
            self.changed.wait_for(lambda: self.find(pattern) or self.ended, timeout)
            found = self.find(pattern)
        assert found, f'no line matches {pattern!r}:\n' + '\n'.join(self.lines)
        return found


class Agent:
    """A running mcmp-node. With demo=True its application's port is in .port."""

    def __init__(self, *flags, route='n1', proxies=(), backend=None, demo=True):
        argv = [program('mcmp-node'), '--route', route, '--backend', backend or '127.0.0.1:0']
        for proxy in proxies:
            argv += ['--proxy', getattr(proxy, 'address', proxy)]
        argv += (['--demo'] if demo else []) + [str(flag) for flag in flags]
        self.route = route
        # a sanitizer's quarantine would count as memory of the program
        env = {**os.environ, 'ASAN_OPTIONS': 'quarantine_size_mb=4'}
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        stdin=subprocess.DEVNULL, text=True, env=env)
        self.out = Output(self.process.stdout)
        self.log = Output(self.process.stderr)
        self.port = None
        try:
            if demo:
                self.port = int(self.out.wait(r'^listening on .*:(\d+)$').group(1))
        except AssertionError:
            self.__exit__()
            raise

    @property
    def pid(self):
        return self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.log.thread.join(5)
        self.process.stdout.close()
        self.process.stderr.close()
        print('\n'.join(self.log.lines))  # pytest shows it when the test failed
        for line in self.log.lines:
            assert 'Sanitizer' not in line and 'runtime error' not in line, line

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait_exit(self, timeout=20):
        return self.process.wait(timeout)

    def stop(self, timeout=20):
        """Drain; the exit code."""
        self.signal()
        return self.wait_exit(timeout)

    def memory(self):
        """Resident bytes."""
        with open(f'/proc/{self.pid}/status', encoding='ascii') as file:
            return int(re.search(r'VmRSS:\s+(\d+) kB', file.read()).group(1)) * 1024
