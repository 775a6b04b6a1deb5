# SPDX-License-Identifier: Apache-2.0
"""Starts stock nginx with ngx_http_mcmp_module on free loopback ports, all its files in a folder of
its own, and looks at its workers. Ended by its process id.

The configuration is put together of parts; {traffic}, {management} and {dir} in them are replaced.
Without `locations` everything is passed to the zone. MCMP_BIN names the folder of programs beside
modules/; MCMP_NGINX another nginx (one with sanitizers), MCMP_NGINX_MODULE another module."""
import ctypes
import os
import signal
import subprocess
import tempfile

import mcmp
import raw
from nodes import free_ports
from server import BIN, children
from waiting import until

PR_SET_PDEATHSIG = 1
MAIN = '''load_module {module};
daemon off;
user root;
pid {dir}/pid;
error_log {dir}/error.log {level};
worker_processes {workers};
worker_shutdown_timeout {shutdown};
{main}
events {{ worker_connections {connections}; {events} }}
http {{
    log_format mcmp escape=json '{{"status":$status,"uri":"$request_uri","route":"$mcmp_route",'
        '"node":"$mcmp_node","context":"$mcmp_context","balancer":"$mcmp_balancer",'
        '"session_route":"$mcmp_session_route","reason":"$mcmp_reason","tries":"$mcmp_tries"}}';
    access_log {dir}/access.log mcmp;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    root {dir}/html;
    {zone}
    {http}
    server {{
        listen 127.0.0.1:{management};
        {manage}
    }}
    server {{
        listen 127.0.0.1:{traffic} {listen};
        server_name localhost;
        {server}
        {locations}
    }}
}}
'''


def program():
    return os.environ.get('MCMP_NGINX', '/usr/sbin/nginx')


def module():
    path = os.environ.get('MCMP_NGINX_MODULE',
                          os.path.join(BIN, '../modules/ngx_http_mcmp_module.so'))
    assert os.path.exists(path), f'{path} is missing; set MCMP_BIN'
    return os.path.abspath(path)


def end_with_us():
    """A test that is killed for its time ends the master, which ends its workers."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def environment():
    """A sanitizer's quarantine would count as memory of the program, and nginx itself leaves its
    cycle to the system when it ends; MCMP_NGINX_PRELOAD is the runtime of a module with it."""
    return {**os.environ, 'ASAN_OPTIONS': 'quarantine_size_mb=4:detect_leaks=0',
            'LD_PRELOAD': os.environ.get('MCMP_NGINX_PRELOAD', '')}


class Nginx:
    """A running nginx; .traffic and .management are (host, port)."""

    allow_deaths = False

    def __init__(self, locations='location / { mcmp_pass cluster; }', server='', http='', main='',
                 events='', zone='mcmp_zone cluster 16m;', manage='mcmp_receive cluster;', listen='',
                 workers=2, connections=2048, level='info', shutdown='30s', files=None):
        self.parts = {'locations': locations, 'server': server, 'http': http, 'main': main,
                      'events': events, 'zone': zone, 'manage': manage, 'listen': listen,
                      'workers': workers, 'connections': connections, 'level': level,
                      'shutdown': shutdown}
        self.dir = tempfile.TemporaryDirectory(prefix='mcmp-nginx-')
        os.mkdir(self.path('html'))
        for name, text in (files or {}).items():
            self.write(name, text)
        self.process = None
        for _ in range(5):
            self.traffic, self.management = (('127.0.0.1', port) for port in free_ports(2))
            self.configure()
            if self._start():
                return
        self.dir.cleanup()
        raise AssertionError('no ports are free')

    def configure(self, **parts):
        """Write the file, with other parts than before."""
        self.parts.update(parts)
        ports = {'traffic': str(self.traffic[1]), 'management': str(self.management[1]),
                 'dir': self.dir.name}
        given = {}
        for name, text in self.parts.items():
            text = str(text)
            for key, value in ports.items():
                text = text.replace('{' + key + '}', value)
            given[name] = text
        self.write('nginx.conf', MAIN.format(**{**given, **ports, 'module': module()}))

    def argv(self, *more):
        return [program(), '-p', self.dir.name, '-c', self.path('nginx.conf'),
                '-e', self.path('error.log'), *more]

    def _start(self):
        self.process = subprocess.Popen(self.argv(), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        env=environment(), preexec_fn=end_with_us)
        until(lambda: self.process.poll() is not None or self._is_up(), 20, 'nginx is up')
        if self.process.poll() is None:
            return True
        said = self.process.stderr.read().decode(errors='replace')
        self.process.stderr.close()
        if 'Address already in use' in said:
            return False
        self.dir.cleanup()
        raise AssertionError(f'nginx ended: {said}')

    def _is_up(self):
        if len(self.workers()) < int(self.parts['workers']):
            return False
        try:
            for address in (self.traffic, self.management):
                raw.Client(address, timeout=5).close()
        except OSError:
            return False
        return True

    def test(self, **parts):
        """nginx -t with these parts: (code, what it said)."""
        before = dict(self.parts)
        self.configure(**parts)
        done = subprocess.run(self.argv('-t'), stdin=subprocess.DEVNULL, capture_output=True,
                              env=environment(), check=False, timeout=30)
        self.configure(**before)
        return done.returncode, done.stderr.decode(errors='replace')

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.stop()

    def path(self, name):
        return os.path.join(self.dir.name, name)

    def write(self, name, text):
        with open(self.path(name), 'w', encoding='utf-8') as file:
            file.write(text)

    def _read(self, name):
        try:
            with open(self.path(name), encoding='latin-1') as file:
                return file.read()
        except FileNotFoundError:
            return ''

    def log(self):
        return self._read('error.log')

    def access(self):
        return self._read('access.log')

    @property
    def pid(self):
        return self.process.pid

    def workers(self):
        """Processes of workers, those of an older configuration included."""
        return children(self.pid)

    def signal(self, number):
        self.process.send_signal(number)

    def reload(self, wait=True):
        """SIGHUP; with wait until the old workers are gone and new ones are there."""
        old = set(self.workers())
        self.signal(signal.SIGHUP)
        if wait:
            until(lambda: not old & set(self.workers()) and
                  len(self.workers()) == int(self.parts['workers']), 40, 'workers were replaced')

    def register(self, route, port, **args):
        return mcmp.register(self.management, route, port, **args)

    def nodes(self):
        return {node['Name']: node for node in mcmp.info(self.management)[0]}

    def get(self, path='/', **args):
        return raw.get(self.traffic, path, **args)

    def client(self, **args):
        return raw.Client(self.traffic, **args)

    def stop_process(self, expect=0):
        """SIGTERM, and its end; the folder stays."""
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
        self.process.stderr.close()
        log = self.log()
        for text in (errors, log):
            assert 'Sanitizer' not in text and 'runtime error' not in text, text
        assert '[alert]' not in log and '[emerg]' not in log or self.allow_deaths, log
        assert code == expect, (code, errors, log)

    def restart(self):
        """A new server with the same files and ports."""
        self.stop_process()
        assert self._start()

    def stop(self, expect=0):
        """End it gracefully; a sanitizer's report, a worker that died or a wrong code fail."""
        try:
            self.stop_process(expect)
        finally:
            self.dir.cleanup()
