# SPDX-License-Identifier: Apache-2.0
"""A real apache2 on free loopback ports with modules of the build folder.

The configuration is a text; in it `@name@` stands for the port of that name (`ports`), `@run@` for
the server's folder (its content of its own is in docs/) and `@modules@` for the one of the built
modules. By default mod_mcmp is loaded, the main server serves traffic and a virtual host of its own
receives MCMP:

    with Httpd(mpm='prefork', children=8) as httpd, Node('a') as node:
        httpd.register('a', node.port)
        assert httpd.get('/').body == b'a '
"""
import ctypes
import os
import re
import signal
import subprocess
import tempfile
import time

import mcmp
import raw
from nodes import free_port
from server import children
from waiting import until

PR_SET_PDEATHSIG = 1
APACHE = '/usr/sbin/apache2'
SYSTEM = '/usr/lib/apache2/modules'
BIN = os.environ.get('MCMP_BIN', os.path.join(os.path.dirname(__file__), '../../../build/debug/bin'))
MODULES = os.path.abspath(os.path.join(BIN, '../modules'))
BASE = ('authz_core', 'authz_host', 'proxy', 'proxy_http')

HEAD = '''ServerRoot @run@
DefaultRuntimeDir @run@
PidFile @run@/pid
ErrorLog @run@/error.log
LogLevel notice
ServerName localhost
User www-data
Group www-data
DocumentRoot @run@/docs
'''

EVENT = '''StartServers {children}
ServerLimit {children}
ThreadLimit {threads}
ThreadsPerChild {threads}
MaxRequestWorkers {all}
MinSpareThreads {all}
MaxSpareThreads {all}
'''

PREFORK = '''StartServers {children}
ServerLimit {children}
MaxRequestWorkers {children}
MinSpareServers {children}
MaxSpareServers {children}
'''

TIMES = '''Timeout 30
KeepAliveTimeout 30
MaxKeepAliveRequests 0
GracefulShutdownTimeout 20
'''

MANAGEMENT = '''<VirtualHost 127.0.0.1:@management@>
EnableMCMPReceive
{more}
</VirtualHost>
'''

SANITIZER = ('Sanitizer', 'runtime error:')
BROKEN = SANITIZER + ('exit signal', 'child pid')


def module():
    path = os.path.join(MODULES, 'mod_mcmp.so')
    assert os.path.exists(path), f'{path} is missing; set MCMP_BIN'
    return path


def is_sanitized():
    with open(module(), 'rb') as file:
        return b'__asan_init' in file.read()


def environment():
    """What a sanitizer's module needs in a server that was built without it."""
    env = dict(os.environ)
    if os.path.exists(os.path.join(MODULES, 'mod_mcmp.so')) and is_sanitized():
        found = [subprocess.run(['gcc', f'-print-file-name={name}'], capture_output=True, text=True,
                                check=True).stdout.strip() for name in ('libasan.so', 'libubsan.so')]
        env['LD_PRELOAD'] = ':'.join(found)
        # the server itself leaves memory to the end of its processes
        env['ASAN_OPTIONS'] = 'detect_leaks=0:quarantine_size_mb=4:abort_on_error=1'
        env['UBSAN_OPTIONS'] = 'halt_on_error=1:abort_on_error=1'
    return env


def own_group():
    """The server signals its whole group when it ends; it ends, too, when the test is killed."""
    os.setsid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def load_lines(mpm, modules, with_mcmp=True, level='info'):
    """LoadModule lines; a name with a '/' is a file."""
    lines = [f'LoadModule {name}_module {SYSTEM}/mod_{name}.so'
             for name in (f'mpm_{mpm}', *BASE, *modules)]
    if with_mcmp:
        lines += [f'LoadModule mcmp_module {module()}', f'LogLevel mcmp:{level}']
    return '\n'.join(lines) + '\n'


def check(text, mpm='event', modules=(), mcmp_module=True):
    """What `apache2 -t` says of a configuration: (exit code, text). Ports as in Httpd."""
    with tempfile.TemporaryDirectory(prefix='mcmp-httpd-') as run:
        os.chmod(run, 0o755)
        os.mkdir(os.path.join(run, 'docs'), 0o755)
        text = HEAD + load_lines(mpm, modules, mcmp_module) + text
        ports = {name: free_port() for name in set(re.findall('@([a-z0-9]+)@', text))}
        path = os.path.join(run, 'httpd.conf')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(fill(text, {**ports, 'run': run, 'modules': MODULES}))
        done = subprocess.run([APACHE, '-t', '-f', path], env=environment(), timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
        return done.returncode, done.stdout


def fill(text, values):
    return re.sub('@([a-z0-9]+)@', lambda found: str(values[found.group(1)]), text)


class Httpd:
    """A running apache2. main: lines of the main server, host: of the receiving virtual host,
    more: lines at the end (other virtual hosts). Ports are 'traffic', 'management' and those that
    `@name@` asks for; port('name') tells them. receive=False: no virtual host is made."""

    def __init__(self, main='', host='', more='', *, mpm='event', modules=(), children=1,
                 threads=32, mcmp_module=True, receive=True, level='info', wrap=()):
        # pylint: disable=redefined-outer-name
        self.dir = tempfile.TemporaryDirectory(prefix='mcmp-httpd-')
        os.chmod(self.dir.name, 0o755)  # for children that dropped their rights
        os.mkdir(self.path('docs'), 0o755)
        sizes = {'children': children, 'threads': threads, 'all': children * threads}
        self.prefix = (HEAD + load_lines(mpm, modules, mcmp_module, level) +
                       (PREFORK if mpm == 'prefork' else EVENT).format(**sizes) + TIMES)
        self.receive = receive
        self.wanted = children
        self.text = self.assemble(main, host, more)
        self.values = {}
        self.process = None
        self.allow_deaths = False
        self._start([*wrap, APACHE, '-f', self.path('httpd.conf'), '-DFOREGROUND'])

    def assemble(self, main, host, more):
        listen = 'Listen 127.0.0.1:@traffic@\n'
        if self.receive:
            listen += 'Listen 127.0.0.1:@management@\n'
        return (self.prefix + listen + main + '\n' +
                (MANAGEMENT.format(more=host) if self.receive else '') + more + '\n')

    def _start(self, argv):
        """A port that another process took meanwhile is no failure."""
        for _ in range(5):
            names = set(re.findall('@([a-z0-9]+)@', self.text)) - {'run', 'modules'}
            self.values = {name: free_port() for name in names}
            self.values.update(run=self.dir.name, modules=MODULES)
            self.write('httpd.conf', fill(self.text, self.values))
            with open(self.path('stderr'), 'wb') as out:
                self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out,
                                                stderr=out, env=environment(),
                                                preexec_fn=own_group)
            until(lambda: self.process.poll() is not None or self._is_up(), 60, 'apache2 is up')
            if self.process.poll() is None:
                return
            said = self.said() + self.log()
            if 'could not bind' not in said:
                break
        self.dir.cleanup()
        raise AssertionError(f'apache2 ended: {said}')

    def _is_up(self):
        try:
            raw.Client(self.traffic).close()
        except OSError:
            return False
        return os.path.exists(self.path('pid'))

    def __enter__(self):
        return self

    def __exit__(self, kind, *args):
        if kind is not None:
            print(self.log()[-20000:])
        self.stop(failed=kind is not None)

    def path(self, name):
        return os.path.join(self.dir.name, name)

    def write(self, name, text):
        with open(self.path(name), 'w', encoding='utf-8') as file:
            file.write(text)

    def read(self, name):
        try:
            with open(self.path(name), encoding='utf-8', errors='replace') as file:
                return file.read()
        except FileNotFoundError:
            return ''

    def log(self):
        return self.read('error.log')

    def said(self):
        return self.read('stderr')

    def port(self, name):
        return self.values[name]

    def address(self, name):
        return ('127.0.0.1', self.values[name])

    @property
    def traffic(self):
        return self.address('traffic')

    @property
    def management(self):
        return self.address('management')

    @property
    def pid(self):
        with open(self.path('pid'), encoding='ascii') as file:
            return int(file.read())

    def children(self):
        return children(self.pid)

    def register(self, route, port, **args):
        return mcmp.register(self.management, route, port, **args)

    def send(self, command, fields=(), target='/', headers=()):
        return mcmp.send(self.management, command, fields, target, headers)

    def nodes(self):
        return {node['Name']: node for node in mcmp.info(self.management)[0]}

    def get(self, path='/', **args):
        return raw.get(self.traffic, path, **args)

    def reconfigure(self, main='', host='', more=''):
        """Other lines for the next graceful(); ports stay."""
        self.text = self.assemble(main, host, more)
        self.write('httpd.conf', fill(self.text, self.values))

    def graceful(self, settled=True):
        """SIGUSR1; with settled, until the children of before have gone."""
        count = self.log().count('resuming normal operations')
        old = set(self.children())
        os.kill(self.pid, signal.SIGUSR1)
        until(lambda: self.log().count('resuming normal operations') > count, 60,
              'the graceful restart')
        if settled:
            until(lambda: not old & set(self.children()), 60, 'the old children have gone')

    def hard_restart(self):
        count = self.log().count('resuming normal operations')
        self.calm_down()
        os.kill(self.pid, signal.SIGHUP)
        until(lambda: self.log().count('resuming normal operations') > count, 30, 'the restart')

    def calm_down(self):
        """Where its children get a SIGTERM, one of the event MPM looks at sockets that its threads
        may just free."""
        for _ in range(20):
            if not self.is_busy():
                break
            time.sleep(0.02)
        time.sleep(0.05)  # some are freed after the system has forgotten them

    def is_busy(self):
        """A connection that a thread may just be closing."""
        ports = {f'{port:04X}' for port in self.values.values() if isinstance(port, int)}
        with open('/proc/net/tcp', encoding='ascii') as file:
            rows = [line.split() for line in file.readlines()[1:]]
        return any(row[1].split(':')[1] in ports and row[3] in ('01', '08') for row in rows)

    def stop(self, failed=False):
        """End it; a sanitizer's report, a crash or a wrong code fails the test."""
        if self.process.poll() is None:
            self.calm_down()
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                for pid in children(self.process.pid):
                    os.kill(pid, signal.SIGKILL)
                self.process.kill()
                self.process.wait()
                raise
        said, log, code = self.said(), self.log(), self.process.returncode
        self.dir.cleanup()
        if failed:
            return
        for text in (said, log):
            for mark in SANITIZER if self.allow_deaths else BROKEN:
                assert mark not in text, text[-20000:]
        assert code == 0, (code, said, log[-5000:])
