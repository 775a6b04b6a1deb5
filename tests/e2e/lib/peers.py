# SPDX-License-Identifier: Apache-2.0
"""Other people's AJP proxies as plain processes on a free loopback port: httpd with mod_proxy_ajp or
mod_jk, lighttpd with mod_ajp13 (without bodies: those it sends are malformed). Each forwards /app to
one AJP port."""
import os
import subprocess
import tempfile

import raw
from nodes import free_port
from waiting import until

MODULES = '/usr/lib/apache2/modules'

HTTPD = '''ServerRoot {run}
DefaultRuntimeDir {run}
PidFile {run}/pid
ErrorLog {run}/log
LogLevel warn
Listen 127.0.0.1:{port}
ServerName localhost:{port}
User www-data
Group www-data
{modules}
StartServers 1
ServerLimit {processes}
ThreadsPerChild {threads}
MaxRequestWorkers {workers}
KeepAliveTimeout 30
MaxKeepAliveRequests 0
AsyncRequestWorkerFactor 4
LimitRequestFieldSize 65536
LimitRequestLine 65536
TraceEnable extended
AllowEncodedSlashes NoDecode
{more}
'''

PROXY_AJP = '''ProxyPreserveHost On
ProxyAddHeaders Off
ProxyTimeout 20
ProxyPass /app ajp://127.0.0.1:{target}/app {secret} iobuffersize={packet} retry=0
'''

HTTPS = '''SSLEngine on
SSLCertificateFile {own}
SSLCACertificateFile {client}
SSLVerifyClient optional
'''

MOD_JK = '''JkWorkersFile {run}/workers.properties
JkShmFile {run}/jk.shm
JkLogFile {run}/jk.log
JkLogLevel warn
JkOptions +ForwardURIProxy
JkMount /app/* node
'''

WORKERS = '''worker.list=node
worker.node.type=ajp13
worker.node.host=127.0.0.1
worker.node.port={target}
worker.node.max_packet_size={packet}
worker.node.socket_timeout=20
{secret}
'''

LIGHTTPD = '''server.modules = ( "mod_ajp13" )
server.document-root = "{run}"
server.bind = "127.0.0.1"
server.port = {port}
server.errorlog = "{run}/log"
server.max-request-field-size = 32768
# with a prefix, the rest of the path would be cut off
ajp13.server = ( "" => (( "host" => "127.0.0.1", "port" => {target}, "check-local" => "disable" )) )
'''


class Peer:
    """A process that listens on .traffic; its files are in a folder of its own."""

    def __init__(self):
        self.dir = tempfile.TemporaryDirectory(prefix='mcmp-peer-')
        # a child that dropped its rights has to get at its files, too
        os.chmod(self.dir.name, 0o755)
        self.process = None
        self.traffic = None

    def path(self, name):
        return os.path.join(self.dir.name, name)

    def write(self, name, text):
        with open(self.path(name), 'w', encoding='utf-8') as file:
            file.write(text)

    def log(self, name='log'):
        try:
            with open(self.path(name), encoding='utf-8', errors='replace') as file:
                return file.read()
        except FileNotFoundError:
            return ''

    def start(self, argv, configure):
        """configure(port) writes the files; a port that was taken meanwhile is no failure."""
        for _ in range(5):
            port = free_port()
            configure(port)
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            self.traffic = ('127.0.0.1', port)
            until(lambda: self.process.poll() is not None or self._listens(), 20,
                  f'{argv[0]} is up')
            if self.process.poll() is None:
                return
            said = self.process.stderr.read().decode(errors='replace') + self.log()
            self.process.stderr.close()
            if 'in use' not in said:
                break
        self.dir.cleanup()
        raise AssertionError(f'{argv[0]} ended: {said}')

    def _listens(self):
        try:
            raw.Client(self.traffic).close()
        except OSError:
            return False
        return True

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.stop()

    def get(self, path='/', **args):
        return raw.get(self.traffic, path, **args)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stderr.close()
        self.dir.cleanup()


class Httpd(Peer):
    """apache2 with the given modules beside those that it always needs."""

    def __init__(self, modules, more, processes=1, threads=64):
        super().__init__()
        loads = '\n'.join(f'LoadModule {name}_module {MODULES}/mod_{name}.so'
                          for name in ('mpm_event', 'authz_core', *modules))
        self.start(['/usr/sbin/apache2', '-f', self.path('conf'), '-DFOREGROUND'],
                   lambda port: self.write('conf', HTTPD.format(
                       run=self.dir.name, port=port, modules=loads, processes=processes,
                       threads=threads, workers=processes * threads,
                       more=more.format(run=self.dir.name, port=port))))


class ProxyAjp(Httpd):
    """httpd with mod_proxy_ajp; with tls = (own certificate, the clients' one) it speaks HTTPS."""

    def __init__(self, target, secret=None, packet=65536, tls=None, **more):
        lines = PROXY_AJP.format(target=target, packet=packet,
                                 secret=f'secret={secret}' if secret else '')
        if tls:
            lines += HTTPS.format(own=tls[0], client=tls[1])
        super().__init__(('proxy', 'proxy_ajp', *(['ssl'] if tls else [])), lines, **more)


class ModJk(Httpd):
    """httpd with mod_jk."""

    def __init__(self, target, secret=None, packet=65536):
        self.workers = WORKERS.format(target=target, packet=packet,
                                      secret=f'worker.node.secret={secret}' if secret else '')
        super().__init__(('jk',), MOD_JK)

    def start(self, argv, configure):
        self.write('workers.properties', self.workers)
        super().start(argv, configure)


class Lighttpd(Peer):
    """lighttpd with mod_ajp13, which sends a secret over TLS only: its target wants none."""

    def __init__(self, target):
        super().__init__()
        self.start(['/usr/sbin/lighttpd', '-D', '-f', self.path('conf')],
                   lambda port: self.write('conf', LIGHTTPD.format(run=self.dir.name, port=port,
                                                                   target=target)))
