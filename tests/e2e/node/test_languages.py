# SPDX-License-Identifier: Apache-2.0
"""Applications that know nothing of MCMP, in four languages: each is registered by an mcmp-node of
its own, which checks it, and is reached through mcmp-server."""
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys

import pytest
import raw
from agent import Agent
from nodes import free_port
from server import Server
from tomcat import Tomcat, end_with_us
from waiting import until

PHP = '''<?php
header('Content-Type: text/plain');
echo 'php ', $_SERVER['REQUEST_METHOD'], ' ', $_SERVER['REQUEST_URI'], ' ',
    strlen(file_get_contents('php://input'));
'''
NODE = '''
const http = require('http');
http.createServer((request, response) => {
    let size = 0;
    request.on('data', piece => { size += piece.length; });
    request.on('end', () => response.end(`node ${request.method} ${request.url} ${size}`));
}).listen(Number(process.argv[2]), '127.0.0.1');
'''


class Application:
    """A server as a plain process on a free port."""

    def __init__(self, argv, folder, port=None):
        self.port = port or free_port()
        self.argv = [word.format(port=self.port) for word in argv]
        self.folder = folder
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.argv, cwd=self.folder, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        preexec_fn=end_with_us)
        until(self._listens, 20, ' '.join(self.argv))

    def _listens(self):
        assert self.process.poll() is None, f'{self.argv} ended with {self.process.returncode}'
        with contextlib.suppress(OSError), raw.Client(('127.0.0.1', self.port)):
            return True
        return False

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def agent(server, route, port, context, check, *flags):
    return Agent('--interval', '500ms', '--context', context, '--check', check, '--check-interval',
                 '100ms', '--check-fall', 1, '--drain-wait', 0, *flags, route=route,
                 proxies=[f'{server.management[0]}:{server.management[1]}'],
                 backend=f'127.0.0.1:{port}', demo=False)


@pytest.fixture(name='farm', scope='module')
def all_of_them(tmp_path_factory):
    folder = tmp_path_factory.mktemp('languages')
    (folder / 'py').mkdir()
    (folder / 'py' / 'hello.txt').write_text('python GET /py/hello.txt 0')
    (folder / 'index.php').write_text(PHP)
    (folder / 'app.js').write_text(NODE)
    with contextlib.ExitStack() as stack:
        # http.server answers OPTIONS with 501, so nodes are probed by GET here
        server = stack.enter_context(Server('--probe-method', 'GET', '--probe-path', '/',
                                            workers=2))
        tomcat = stack.enter_context(Tomcat())
        parts = {'server': server, 'tomcat': tomcat}
        for name, argv in {
                'php': ['php', '-S', '127.0.0.1:{port}', 'index.php'],
                'py': [sys.executable, '-m', 'http.server', '--bind', '127.0.0.1', '{port}'],
                'js': [shutil.which('node') or 'node', 'app.js', '{port}']}.items():
            parts[name] = stack.enter_context(Application(argv, folder))
        checks = {'php': f'http://127.0.0.1:{parts["php"].port}/php/health', 'py': 'tcp',
                  'js': f'http://127.0.0.1:{parts["js"].port}/'}
        parts['agents'] = {name: stack.enter_context(
            agent(server, name, parts[name].port, f'/{name}', check))
            for name, check in checks.items()}
        parts['agents']['tomcat'] = stack.enter_context(
            agent(server, 'tomcat', tomcat.ports['http'], '/app',
                  f'http://127.0.0.1:{tomcat.ports["http"]}/app/echo'))
        for name, running in parts['agents'].items():
            running.log.wait(f'registered as {name} ', 20)
        yield parts


@pytest.mark.parametrize('name', ['php', 'js'])
def test_requests_with_and_without_a_body_reach_it(farm, name):
    label = {'php': 'php', 'js': 'node'}[name]
    address = farm['server'].traffic
    answer = raw.get(address, f'/{name}/a/b?c=d')
    assert answer.status == 200 and answer.body.decode() == f'{label} GET /{name}/a/b?c=d 0'
    with raw.Client(address) as client:
        body = b'x' * 100000
        client.send(f'POST /{name}/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n'
                    '\r\n'.encode() + body)
        assert client.answer('POST').body.decode() == f'{label} POST /{name}/ 100000'


def test_the_files_of_python_are_served(farm):
    address = farm['server'].traffic
    answer = raw.get(address, '/py/hello.txt')
    assert answer.status == 200 and answer.body == b'python GET /py/hello.txt 0'
    assert raw.get(address, '/py/none').status == 404


def test_tomcat_is_reached_with_its_sessions(farm):
    address = farm['server'].traffic
    assert raw.get(address, '/app/echo').status == 200
    assert farm['tomcat'].get('/app/echo').status == 200
    assert raw.get(address, '/none').status == 404


def test_one_that_dies_is_told_and_comes_back(farm):
    address, php = farm['server'].traffic, farm['php']
    php.stop()
    farm['agents']['php'].log.wait('the application is not well')
    until(lambda: raw.get(address, '/php/x').status == 503, 10, 'the server gives it nothing')
    assert raw.get(address, '/js/x').status == 200, 'others do not notice'
    php.start()
    until(lambda: raw.get(address, '/php/x').status == 200, 10, 'it is served again')


def test_each_is_drained_and_gone_at_the_end(farm):
    address = farm['server'].traffic
    for name, running in farm['agents'].items():
        assert running.stop() == 0, name
    for path in ('/php/x', '/js/x', '/py/hello.txt', '/app/echo'):
        assert raw.get(address, path).status == 404
    assert not re.search('warn|error', '\n'.join(farm['agents']['js'].log.lines))
    assert os.path.exists(farm['php'].folder)
