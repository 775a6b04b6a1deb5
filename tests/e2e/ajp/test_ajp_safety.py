# SPDX-License-Identifier: Apache-2.0
"""When a connection to an ajp node may serve again and a request be sent again, and what a probe
takes for an answer: AJP13 5."""
import os
import signal
import socket
import time

import pytest

import ajp
import mcmp
import raw
from ajp import Container
from server import Server

EVIL = ajp.head(200, [('Content-Length', '4')]) + ajp.chunk(b'EVIL') + ajp.end()


@pytest.mark.parametrize('method', ['GET', 'POST'])
@pytest.mark.parametrize('act', [lambda sock: sock.sendall(b'x'), lambda sock: sock.sendall(EVIL),
                                 lambda sock: sock.shutdown(socket.SHUT_WR)],
                         ids=['byte', 'answer', 'FIN'])
@pytest.mark.parametrize('client_first', [True, False])
def test_what_comes_before_the_request_is_no_answer_to_it(method, act, client_first):
    """The worker finds both in one round of its loop, in either order."""
    conns = []

    def handler(node, conn, request):
        conns.append(conn)
        ajp.echo(node, conn, request)

    node = Container('n1', handler)
    with Server() as server, raw.Client(server.traffic) as client:
        server.register('n1', node.port, scheme='ajp')
        assert client.get('/1').body == b'n1 '
        time.sleep(0.1)  # the connection rests
        worker = server.workers()[0]
        steps = [lambda: client.send(f'{method} /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx'),
                 lambda: act(conns[0].sock)]
        os.kill(worker, signal.SIGSTOP)
        try:
            for step in steps if client_first else reversed(steps):
                step()
                time.sleep(0.05)
        finally:
            os.kill(worker, signal.SIGCONT)
        assert client.answer().body == b'n1 x'
        assert conns[-1] is not conns[0]
    node.stop()


REPLIES = {'a byte': b'A', 'Get Body Chunk': ajp.get_body(1), 'an interim head': ajp.head(100),
           'no AJP': b'HTTP/1.1 200 OK\r\n\r\n'}


@pytest.mark.parametrize('name', REPLIES)
@pytest.mark.parametrize('method', ['GET', 'PUT'])
def test_a_request_that_was_replied_to_is_never_sent_again(method, name):
    seen = []

    def handler(_, conn, request):
        seen.append(request.uri)
        if request.get('content-length'):
            conn.data_packet()
        conn.send(REPLIES[name])
        return False

    nodes = [Container(route, handler) for route in ('n1', 'n2')]
    with Server() as server:
        for node in nodes:
            server.register(node.route, node.port, scheme='ajp')
        assert server.get('/a', method=method, body=b'xy' if method == 'PUT' else b'').status == 502
        assert seen == ['/a']
    for node in nodes:
        node.stop()


@pytest.mark.parametrize('method, times', [('GET', 2), ('PUT', 2), ('POST', 1)])
def test_a_kept_connection_that_ends_without_a_reply_is_replaced_once(method, times):
    seen = []

    def handler(node, conn, request):
        body = conn.content(request)
        if request.uri == '/2':
            seen.append(body)
            if len(seen) == 1:
                return False
        conn.reply(node.route)
        return True

    node = Container('n1', handler)
    with Server() as server, raw.Client(server.traffic) as client:
        server.register('n1', node.port, scheme='ajp')
        assert client.get('/1').status == 200
        body = b'' if method == 'GET' else b'xy'
        answer = client.get('/2', method=method, body=body)
        assert (answer.status, seen) == (200 if times == 2 else 502, [body] * times)
        assert server.nodes()['n1']['Load'] == '100'
    node.stop()


PROBES = {'CPong': ([ajp.CPONG], True), 'in parts': ([ajp.CPONG[:1], ajp.CPONG[1:]], True),
          'one byte more': ([ajp.CPONG + b'\0'], False), 'two': ([ajp.CPONG * 2], False),
          'longer payload': ([b'AB\0\x02\x09\0'], False), 'End Response': ([ajp.end()], False),
          'wrong magic': ([b'\x12\x34\0\x01\x09'], False), 'an echo': ([ajp.CPING], False),
          'half': ([ajp.CPONG[:4]], False), 'nothing': ([], False)}


@pytest.fixture(scope='module', name='probing')
def probing_server():
    with Server('--log-level', 'debug') as server:
        yield server


@pytest.mark.parametrize('name', PROBES)
def test_a_probe_takes_exactly_a_cpong(probing, name):
    pieces, good = PROBES[name]
    asked = []

    def serve(_, conn):
        asked.append(conn.exactly(5))
        for piece in pieces:
            conn.send(piece)
            time.sleep(0.05)
        if good:
            asked.append(conn.rest())

    node = Container('n1')
    node.raw_handler = serve
    answer = mcmp.send(probing.management, 'PING',
                       {'Scheme': 'ajp', 'Host': '127.0.0.1', 'Port': node.port})
    assert ('State=OK' if good else 'State=NOTOK') in answer.body.decode()
    assert asked[0] == ajp.CPING
    if good:
        assert 'the secret was not checked' in probing.log()
    node.stop()
