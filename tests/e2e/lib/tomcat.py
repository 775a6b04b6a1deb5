# SPDX-License-Identifier: Apache-2.0
"""Debian's Tomcat as a plain process: its own base in a temporary folder, free loopback ports, the
web application of tests/e2e/tomcat/app.

Connectors: http; ajp (secret, packets of 64 KiB), small (secret, packets of 8 KiB, the default),
open (no secret, for peers that can't send one)."""
import ctypes
import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile

import raw
from waiting import until

PR_SET_PDEATHSIG = 1
HOME = '/usr/share/tomcat10'
JAVA = os.path.realpath('/usr/lib/jvm/default-java')
APP = os.path.join(os.path.dirname(__file__), '../tomcat/app')
BIN = os.environ.get('MCMP_BIN', os.path.join(os.path.dirname(__file__), '../../../build/debug/bin'))

SERVER = '''<?xml version="1.0" encoding="UTF-8"?>
<Server port="-1">
  <Service name="Catalina">
    {connectors}
    <Engine name="Catalina" defaultHost="localhost" jvmRoute="{route}">
      <Host name="localhost" appBase="webapps" autoDeploy="false" deployOnStartup="false">
        <Context path="/app" docBase="{app}" sessionCookiePath="/app">
          <JarScanner scanClassPath="false" scanManifest="false" />
        </Context>
      </Host>
    </Engine>
  </Service>
</Server>
'''
CONNECTOR = ('<Connector protocol="{protocol}" address="127.0.0.1" port="{port}" '
             'allowTrace="true" connectionTimeout="20000" maxThreads="60" minSpareThreads="2" '
             'maxPostSize="-1" {more} />')
AJP = 'secretRequired="true" secret="{secret}" '
KINDS = {'http': 'maxHttpHeaderSize="65536" maxSwallowSize="-1"',
         'ajp': AJP + 'packetSize="65536"',
         'small': AJP,
         'open': 'secretRequired="false"'}


def compiled_app():
    """The folder of the web application, compiled once for each state of its source."""
    source = os.path.join(APP, 'Probe.java')
    digest = hashlib.sha256()
    for name in ('Probe.java', 'web.xml'):
        with open(os.path.join(APP, name), 'rb') as file:
            digest.update(file.read())
    target = os.path.join(BIN, '..', 'tests', 'probe-' + digest.hexdigest()[:16])
    target = os.path.abspath(target)
    if os.path.isdir(target):
        return target
    os.makedirs(os.path.dirname(target), exist_ok=True)
    made = tempfile.mkdtemp(dir=os.path.dirname(target))
    classes = os.path.join(made, 'WEB-INF', 'classes')
    os.makedirs(classes)
    subprocess.run([os.path.join(JAVA, 'bin/javac'), '-Xlint:all', '-Werror', '-proc:none',
                    '-classpath', os.path.join(HOME, 'lib/servlet-api.jar'),
                    '-d', classes, source], check=True)
    shutil.copy(os.path.join(APP, 'web.xml'), os.path.join(made, 'WEB-INF'))
    try:
        os.rename(made, target)
    except OSError:  # another test was quicker
        shutil.rmtree(made)
    return target


def end_with_us():
    """A test that is killed for its time leaves no virtual machine behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Tomcat:
    """A running Tomcat; .ports has the port of each connector. secret is that of ajp and small;
    java: how the virtual machine works, by default so that it is up soon."""

    def __init__(self, route='n1', secret='s3cret-1', ports=None,
                 java='-XX:TieredStopAtLevel=1 -XX:+UseSerialGC'):
        self.route = route
        self.secret = secret
        self.dir = tempfile.TemporaryDirectory(prefix='mcmp-tomcat-')
        self.log_path = self.path('out')
        for name in ('conf', 'logs', 'temp', 'work', 'webapps'):
            os.mkdir(self.path(name))
        connectors = [CONNECTOR.format(
            protocol='HTTP/1.1' if kind == 'http' else 'AJP/1.3', port=(ports or {}).get(kind, 0),
            more=more.format(secret=secret)) for kind, more in KINDS.items()]
        self.write('conf/server.xml', SERVER.format(connectors='\n    '.join(connectors),
                                                    route=route, app=compiled_app()))
        self.write('conf/web.xml', '<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" '
                                   'version="6.0" metadata-complete="true" />\n')
        env = {'CATALINA_HOME': HOME, 'CATALINA_BASE': self.dir.name, 'JAVA_HOME': JAVA,
               'JRE_HOME': JAVA, 'PATH': os.environ['PATH'],
               'CATALINA_OPTS': f'-Dprobe.node={route} -Xmx256m {java}'}
        with open(self.log_path, 'wb') as out:
            self.process = subprocess.Popen([os.path.join(HOME, 'bin/catalina.sh'), 'run'],
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            env=env, preexec_fn=end_with_us)
        try:
            until(self._is_up, 60, 'Tomcat is up', pause=0.05)
        except BaseException:
            print(self.log())
            self.stop()
            raise
        found = re.findall(r'Starting ProtocolHandler \["[a-z-]+-127\.0\.0\.1-(?:auto-\d+-)?(\d+)"',
                           self.log())
        self.ports = dict(zip(KINDS, map(int, found)))
        assert len(self.ports) == len(KINDS), self.log()

    def _is_up(self):
        assert self.process.poll() is None, 'Tomcat ended: ' + self.log()
        return 'Server startup in' in self.log()

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
        with open(self.log_path, encoding='utf-8', errors='replace') as file:
            return file.read()

    def get(self, path='/', **args):
        """A request without any proxy."""
        return raw.get(('127.0.0.1', self.ports['http']), path, **args)

    def release(self, key):
        assert self.get(f'/app/release?key={key}').status == 200

    def kill(self):
        """kill -9: nothing says good bye."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        # nothing of it is kept, so there is no need to wait for an orderly end
        if self.process.poll() is None:
            self.kill()
        self.dir.cleanup()
