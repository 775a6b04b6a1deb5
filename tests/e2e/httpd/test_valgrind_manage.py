# SPDX-License-Identifier: Apache-2.0
"""One process under Valgrind: messages, probes, traffic, the page, restarts. What has a frame of the
module or of the library must be clean; httpd and its other modules leave memory to their end."""
import re
import shutil
import signal
from urllib.parse import urlencode

import pytest

import raw
from httpd import Httpd, is_sanitized
from nodes import Node
from waiting import until

OURS = re.compile(r'\b(mcmp__?\w+|mcmp_httpd_\w+|mod_mcmp\.so|/examples/httpd/)')
VALGRIND = ('sh', '-c', 'exec valgrind -q --leak-check=full --show-leak-kinds=definite,possible '
            '--errors-for-leak-kinds=definite --num-callers=40 --keep-debuginfo=yes '
            '--log-file=/dev/stderr "$@" -X', 'sh')


def records(text):
    """Reports of Valgrind, each as its lines."""
    found, lines = [], []
    for line in text.splitlines():
        inside = re.match(r'==\d+== ?(.*)', line)
        if inside and inside.group(1).strip():
            lines.append(inside.group(1))
        elif lines:
            found.append('\n'.join(lines))
            lines = []
    return found + (['\n'.join(lines)] if lines else [])


def use(server, node, other):
    server.register('a', node.port, context='/app')
    server.register('b', other.port, context='/app', host='localhost')
    for i in range(20):
        assert server.get('/app/x').status == 200, i
    for command in ('INFO', 'DUMP', 'VERSION', 'FOO', 'PING'):
        for kind in ('text/plain', 'text/xml', 'application/json'):
            server.send(command, headers=[('Accept', kind)])
    assert server.send('CONFIG', {'JVMRoute': ''}).status == 500
    assert server.send('CONFIG', [('JVMRoute', 'x' * 200000)]).status == 500
    for _ in range(3):
        with raw.Client(server.management, timeout=60) as client:
            assert client.get('/manager').status == 200
            form = urlencode({'Cmd': 'STOP-APP', 'Range': 'NODE', 'JVMRoute': 'a'}).encode()
            assert client.get('/manager', method='POST', body=form).status == 403
    other.stop()
    for _ in range(10):
        assert server.get('/app/x').status == 200
    until(lambda: 'b: ' in server.log() and 'error' in server.log(), 60, 'the dead node is found')
    assert server.send('STOP-APP', {'JVMRoute': 'a'}, '/*').status == 200
    assert server.send('REMOVE-APP', {'JVMRoute': 'b'}, '/*').status == 200


@pytest.mark.skipif(not shutil.which('valgrind'), reason='Valgrind is not installed')
@pytest.mark.skipif(is_sanitized(), reason='the sanitizer does the same')
@pytest.mark.parametrize('mpm', ['event', 'prefork'])
def test_our_frames_are_clean(mpm):
    page = ('LBstatusRecalTime 1\nMCMPStateFile @run@/nodes.state\n'
            'ModProxyClusterHCTemplate hcmethod=GET hcuri=/up hcfails=2\n')
    host = '<Location /manager>\nSetHandler mod_cluster-manager\n</Location>\n'
    with Node('a') as node, Node('b') as other:
        server = Httpd(page, host, mpm=mpm, threads=4, wrap=VALGRIND)
        try:
            use(server, node, other)
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(120)
        finally:
            server.process.kill()
            server.process.wait()
        said = server.said()
        server.dir.cleanup()
    bad = [record for record in records(said) if OURS.search(record)]
    assert not bad, '\n\n'.join(bad)[-20000:]
