# SPDX-License-Identifier: Apache-2.0
"""mcmp-server with Tomcats behind it, each registered by an mcmp-node."""
import json
import tempfile

from agent import Agent
from server import Server

KINDS = ['http', 'ajp']

SETTINGS = '''[*]
secret = {secret}
max-packet = {packet}
{more}
'''


class Front(Server):
    """kind: a connector of Tomcat (see tomcat.py)."""

    def __init__(self, tomcats, kind, *flags, secret=None, packet=None, node_flags=(), workers=1,
                 settings=''):
        self.kind = kind
        self.tomcats = tomcats
        self.agents = {}
        if kind != 'http':
            # pylint: disable-next=consider-using-with
            self.file = tempfile.NamedTemporaryFile('w', encoding='ascii', suffix='.conf')
            self.file.write(SETTINGS.format(
                secret=secret or tomcats[0].secret,
                packet=packet or (65536 if kind == 'ajp' else 8192), more=settings))
            self.file.flush()
            flags += ('--node-settings', self.file.name)
        super().__init__(*flags, workers=workers)
        try:
            for tomcat in tomcats:
                self.join(tomcat, *node_flags)
        except BaseException:
            self.stop()
            raise

    def join(self, tomcat, *flags):
        """Register it; the agent."""
        node = Agent('--type', 'http' if self.kind == 'http' else 'ajp', '--context', '/app',
                     '--interval', '500ms', *flags, route=tomcat.route, demo=False,
                     backend=f'127.0.0.1:{tomcat.ports[self.kind]}',
                     proxies=['%s:%d' % self.management])
        self.agents[tomcat.route] = node
        node.log.wait(rf'registered as {tomcat.route} ')
        return node

    def show(self, path='/app/', **args):
        """What the application saw."""
        return shown(self.get(path, **args))

    def stop(self, expect=0):
        try:
            for node in self.agents.values():
                node.__exit__()
        finally:
            super().stop(expect)


def shown(answer):
    assert answer.status == 200, (answer.status, answer.body)
    return json.loads(answer.body)


def header(seen, name):
    """Values of a header that the application saw."""
    return [value for key, value in seen['headers'] if key.lower() == name.lower()]
