# SPDX-License-Identifier: Apache-2.0
"""Request smuggling over the wire: whatever a client writes, the node sees exactly the requests
that the client got answers for, and no client gets an answer that a node made for nobody."""
import threading
import time

import pytest

import raw
from nodes import Node
from server import Server
from waiting import until

HIDDEN = b'GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n'
POST = b'POST /open HTTP/1.1\r\nHost: x\r\n'
CHUNKED = b'Transfer-Encoding: chunked\r\n'


@pytest.fixture(scope='module', name='plain')
def plain_server():
    with Node('n1') as node, Server('--header-timeout', '500ms') as server:
        server.register('n1', node.port)
        server.node = node
        yield server
        assert server.get('/').status == 200


# Each would show /hidden to a node that reads it in the other way.
REFUSED = {
    'CL.TE': POST + b'Content-Length: 4\r\n' + CHUNKED + b'\r\n0\r\n\r\n' + HIDDEN,
    'TE.CL': POST + CHUNKED + b'Content-Length: 5\r\n\r\n0\r\n\r\n' + HIDDEN,
    'TE.TE': POST + CHUNKED + b'Transfer-encoding: cow\r\n\r\n0\r\n\r\n' + HIDDEN,
    'CL.CL': POST + b'Content-Length: 0\r\nContent-Length: 33\r\n\r\n' + HIDDEN,
    'CL list': POST + b'Content-Length: 0, 33\r\n\r\n' + HIDDEN,
    'CL plus': POST + b'Content-Length: +0\r\n\r\n' + HIDDEN,
    'TE not last': POST + b'Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n' + HIDDEN,
    'TE vertical tab': POST + b'Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n' + HIDDEN,
    'TE blank before colon': POST + b'Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n' + HIDDEN,
    'TE folded': POST + b'Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n' + HIDDEN,
    'TE in 1.0': b'POST /open HTTP/1.0\r\n' + CHUNKED + b'\r\n0\r\n\r\n' + HIDDEN,
    'bare CR': POST + b'X: y\rContent-Length: 33\r\n\r\n' + HIDDEN,
    'bare LF': POST + b'X: y\nContent-Length: 33\r\n\r\n' + HIDDEN,
    'empty name': POST + b': z\r\nContent-Length: 33\r\n\r\n' + HIDDEN,
    'chunk size with 0x': POST + CHUNKED + b'\r\n0x21\r\n' + HIDDEN + b'\r\n0\r\n\r\n',
    'chunk size ended by LF': POST + CHUNKED + b'\r\n0\n\r\n' + HIDDEN,
    'chunk extension with LF': POST + CHUNKED + b'\r\n0;\n\r\n\r\n' + HIDDEN,
    'chunk too long': POST + CHUNKED + b'\r\n1\r\nab\r\n0\r\n\r\n' + HIDDEN,
    'request line in the target': b'GET /open HTTP/1.1\r\x01 HTTP/1.1\r\nHost: x\r\n\r\n' + HIDDEN,
    'encoded NUL': b'GET /a%00 HTTP/1.1\r\nHost: x\r\n\r\n' + HIDDEN,
}


def targets(node):
    return [request.target for request in node.requests]


@pytest.mark.parametrize('name', REFUSED)
def test_ambiguous_requests_end_the_connection(plain, name):
    seen = len(plain.node.requests)
    with raw.Client(plain.traffic) as client:
        client.send(REFUSED[name])
        answer = client.answer()
        assert answer.status in (400, 501)
        assert client.is_closed(), 'nothing behind it may be answered'
    with raw.Client(plain.traffic) as client:
        assert client.get('/after').status == 200
    # the node notes requests of several connections in any order
    until(lambda: '/after' in targets(plain.node)[seen:], what='the node saw what came after')
    assert '/hidden' not in targets(plain.node)[seen:]


def test_what_is_read_in_one_way_reaches_the_node_in_that_way(plain):
    """Content that looks like a request stays content; what Connection names still frames."""
    size = b'%d\r\n' % len(HIDDEN)
    for data in (POST + b'Connection: content-length\r\nContent-Length: ' + size + b'\r\n' + HIDDEN,
                 POST + CHUNKED + b'Connection: transfer-encoding\r\n\r\n%x\r\n' % len(HIDDEN)
                 + HIDDEN + b'\r\n0\r\n\r\n',
                 POST + b'Content_Length: 0\r\nContent-Length: ' + size + b'\r\n' + HIDDEN):
        seen = len(plain.node.requests)
        with raw.Client(plain.traffic) as client:
            client.send(data)
            answer = client.answer()
            assert (answer.status, answer.body) == (200, b'n1 ' + HIDDEN)
        assert targets(plain.node)[seen:] == ['/open']


@pytest.mark.parametrize('when', ['at once', 'later'])
def test_an_answer_for_nobody_is_given_to_nobody(when):
    """Response queue poisoning: a second answer waits in a kept connection of the node."""
    poisoned = threading.Event()

    def handler(_, conn):
        second = b'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'
        while request := conn.request():
            if request.target != '/first':
                conn.reply('right')
                continue
            conn.send(b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright'
                      + (second if when == 'at once' else b''))
            if when == 'later':
                time.sleep(0.1)
                conn.send(second)
            poisoned.set()

    with Node('n1', raw_handler=handler) as node, Server() as server:
        server.register('n1', node.port)
        with raw.Client(server.traffic) as client:
            assert client.get('/first').body == b'right'
            assert poisoned.wait(10)
            for _ in range(3):
                assert client.get('/next').body == b'right'
