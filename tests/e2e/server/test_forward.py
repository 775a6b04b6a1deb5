# SPDX-License-Identifier: Apache-2.0
"""Requests and answers through mcmp-server: framing, headers, order, early ends."""
import email.utils
import socket
import threading
import time

import pytest

import raw
from nodes import Node, accept_key
from server import Server
from waiting import until


@pytest.fixture(scope='module', name='plain')
def plain_server():
    """One worker, one node that answers with its route and the body it got."""
    with Node('n1') as node, Server() as server:
        server.register('n1', node.port)
        server.node = node
        yield server


def with_handler(handler, *flags, **config):
    """A server with one node that runs handler; to be used in a with statement."""
    class Both:
        def __enter__(self):
            self.node = Node('n1', handler)
            self.server = Server(*flags)
            self.server.register('n1', self.node.port, **config)
            return self.server, self.node

        def __exit__(self, *args):
            self.node.stop()
            self.server.stop()
    return Both()


def test_a_get_is_answered_by_the_node(plain):
    answer = plain.get('/a?b=c')
    assert (answer.status, answer.body, answer.get('X-Route')) == (200, b'n1 ', 'n1')
    request = plain.node.requests[-1]
    assert (request.method, request.target) == ('GET', '/a?b=c')


def test_both_sides_keep_their_connections(plain):
    before = plain.node.connections
    with raw.Client(plain.traffic) as client:
        for i in range(20):
            assert client.get(f'/{i}').status == 200
    assert plain.node.connections - before <= 1


def test_forwarded_headers_are_added_and_hop_by_hop_ones_dropped(plain):
    plain.get('/h', headers=[('Connection', 'keep-alive, X-Hop'), ('X-Hop', '1'), ('X-End', '2'),
                             ('TE', 'trailers'), ('X-Forwarded-For', '10.0.0.9')])
    request = plain.node.requests[-1]
    assert request.get('X-Forwarded-For') == '10.0.0.9, 127.0.0.1'
    assert request.get('X-Forwarded-Proto') == 'http'
    assert request.get('X-Forwarded-Host') == 'localhost'
    assert request.get('Via') == '1.1 mcmp-server'
    assert (request.get('X-Hop'), request.get('TE'), request.get('X-End')) == (None, None, '2')
    assert request.get('Host') == 'localhost'


def test_an_unknown_path_is_404_and_the_connection_goes_on():
    with Server() as server, Node('n2') as node:
        server.register('n2', node.port, context='/app')
        with raw.Client(server.traffic) as client:
            answer = client.get('/none')
            assert (answer.status, answer.get('Connection')) == (404, None)
            assert client.get('/app/x').status == 200


@pytest.mark.parametrize('size', [0, 1, 100, 65535, 65536, 65537, 1000000])
def test_bodies_with_a_length_pass_unchanged(plain, size):
    body = bytes(i * 7 % 251 for i in range(size))
    answer = plain.get('/p', method='POST', body=body, headers=[('Content-Length', size)])
    assert answer.body == b'n1 ' + body
    assert plain.node.requests[-1].get('Content-Length') == str(size)


def test_chunked_bodies_pass_both_ways():
    def handler(_, conn, request):
        body = conn.body(request)
        conn.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
        for i in range(0, len(body), 1000):
            piece = body[i:i + 1000]
            conn.send(f'{len(piece):x}\r\n'.encode() + piece + b'\r\n')
        conn.send('0\r\n\r\n')
    with with_handler(handler) as (server, node), raw.Client(server.traffic) as client:
        for count in (1, 50, 3000):
            content = b''.join(b'%05d' % i for i in range(count))
            client.send('POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
            for i in range(0, len(content), 777):
                piece = content[i:i + 777]
                client.send(b'%x;ext=1\r\n' % len(piece) + piece + b'\r\n')
            client.send('0\r\nTrailer: x\r\n\r\n')
            answer = client.answer()
            assert answer.body == content
            assert node.requests[-1].get('Transfer-Encoding') == 'chunked'


def test_an_http_1_0_client_gets_no_chunks():
    def handler(_, conn, request):
        conn.body(request)
        conn.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n')
    with with_handler(handler) as (server, _), raw.Client(server.traffic) as client:
        client.send('GET / HTTP/1.0\r\n\r\n')
        answer = client.answer()
        assert (answer.body, answer.get('Transfer-Encoding')) == (b'abc', None)
        assert client.is_closed()


def test_http_1_0_keep_alive_is_honoured(plain):
    with raw.Client(plain.traffic) as client:
        for _ in range(3):
            answer = client.get('/', headers=[('Connection', 'keep-alive')], minor=0)
            assert answer.status == 200
            assert answer.get('Connection').lower() == 'keep-alive'
        assert client.get('/', minor=0).status == 200
        assert client.is_closed()


@pytest.mark.parametrize('method,status', [('HEAD', 200), ('GET', 204), ('GET', 304)])
def test_answers_without_a_body_end_at_their_head(method, status):
    def handler(_, conn, request):
        conn.body(request)
        length = 'Content-Length: 1234\r\n' if status != 204 else ''
        conn.send(f'HTTP/1.1 {status} X\r\n{length}\r\n')
    with with_handler(handler) as (server, _), raw.Client(server.traffic) as client:
        for _ in range(3):
            answer = client.get('/', method=method)
            assert answer.status == status
            assert answer.get('Content-Length') == (None if status == 204 else '1234')


def test_interim_answers_are_passed_on_but_not_to_http_1_0():
    def handler(_, conn, request):
        conn.body(request)
        conn.send('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n')
        conn.reply('final')
    with with_handler(handler) as (server, _):
        with raw.Client(server.traffic) as client:
            client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
            first = client.answer(interim=True)
            assert (first.status, first.get('Link')) == (103, '</a>')
            assert client.answer().body == b'final'
        with raw.Client(server.traffic) as client:
            client.send('GET / HTTP/1.0\r\n\r\n')
            assert client.answer(interim=True).status == 200


def test_interim_answers_without_end_are_502():
    def handler(node, conn, request):
        conn.body(request)
        for _ in range(node.interims):
            conn.send('HTTP/1.1 102 Processing\r\n\r\n')
        conn.reply('final')
    with with_handler(handler, Maxattempts=0) as (server, node):
        node.interims = 16
        assert server.get('/').body == b'final'
        node.interims = 17
        assert server.get('/').status == 502


@pytest.mark.parametrize('mode, wanted', [
    ('append', ('9.9.9.9, 127.0.0.1', 'for=9.9.9.9, for=127.0.0.1;host=localhost;proto=http')),
    ('replace', ('127.0.0.1', 'for=127.0.0.1;host=localhost;proto=http')),
    ('off', (None, 'for=127.0.0.1;host=localhost;proto=http')),
])
def test_what_clients_say_of_themselves_counts_only_in_append_mode(mode, wanted):
    with Node('n1') as node, Server('--x-forwarded', mode, '--forwarded') as server:
        server.register('n1', node.port)
        assert server.get('/', headers=[('X-Forwarded-For', '9.9.9.9'),
                                        ('Forwarded', 'for=9.9.9.9')]).status == 200
        request = node.requests[-1]
        assert (request.get('X-Forwarded-For'), request.get('Forwarded')) == wanted


def test_pipelined_requests_are_answered_in_order(plain):
    with raw.Client(plain.traffic) as client:
        body = b'xyz'
        client.send(b''.join(
            b'POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s' % (i, len(body) + i % 3,
                                                                            body + b'!' * (i % 3))
            for i in range(200)))
        for i in range(200):
            assert client.answer().body == b'n1 ' + body + b'!' * (i % 3)


def test_many_pipelined_bad_paths_are_answered():
    with Server() as server, raw.Client(server.traffic) as client:
        client.send(b'GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n' * 3000)
        for _ in range(3000):
            assert client.answer().status == 404


def test_requests_cut_anywhere_come_out_the_same(plain):
    request = b'POST /cut HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n' \
              b'3\r\nabc\r\n2;e\r\nde\r\n0\r\n\r\n'
    with raw.Client(plain.traffic) as client:
        for cut in range(1, len(request)):
            client.send(request[:cut])
            client.send(request[cut:])
            assert client.answer().body == b'n1 abcde', cut
        for byte in request:
            client.send(bytes([byte]))
        assert client.answer().body == b'n1 abcde'


def test_an_expectation_is_met_by_the_node_or_by_us():
    def handler(node, conn, request):
        if node.says_100:
            conn.send('HTTP/1.1 100 Continue\r\n\r\n')
        conn.reply(conn.body(request))
    with with_handler(handler) as (server, node):
        for says in (True, False):
            node.says_100 = says
            with raw.Client(server.traffic) as client:
                client.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n'
                            'Expect: 100-continue\r\n\r\n')
                assert client.answer(interim=True).status == 100
                client.send('hello')
                answer = client.answer(interim=True)
                assert (answer.status, answer.body) == (200, b'hello')


def test_an_expectation_may_be_refused_without_the_body():
    def handler(_, conn, request):
        conn.reply('no', status='417 Expectation Failed')
        return False
    with with_handler(handler) as (server, _), raw.Client(server.traffic) as client:
        client.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n'
                    'Expect: 100-continue\r\n\r\n')
        answer = client.answer(interim=True)
        assert (answer.status, answer.body, answer.get('Connection')) == (417, b'no', 'close')
        assert client.is_closed()


@pytest.mark.parametrize('node_closes', [False, True])
def test_an_answer_before_the_end_of_the_upload_arrives(node_closes):
    def handler(_, conn, request):
        conn.reply('too much', status='413 Content Too Large')
        if node_closes:
            return False
        conn.rest()
        return False
    with with_handler(handler) as (server, _), raw.Client(server.traffic) as client:
        client.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n')
        client.send(b'x' * 300000)
        answer = client.answer()
        assert (answer.status, answer.body, answer.get('Connection')) == (413, b'too much', 'close')


def test_an_answer_that_breaks_off_is_not_ended_cleanly():
    def handler(node, conn, request):
        conn.body(request)
        conn.send(node.start)
        return False
    with with_handler(handler) as (server, node):
        node.start = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'
        with pytest.raises((raw.Closed, ConnectionError)):
            server.get('/')
        node.start = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'
        with pytest.raises((raw.Closed, ConnectionError)):
            server.get('/')
        node.start = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n'
        with pytest.raises((raw.Closed, ConnectionError)):
            server.get('/')
        node.start = 'HTTP/1.1 200 OK\r\n\r\nuntil close'
        assert server.get('/').body == b'until close'


@pytest.mark.parametrize('bytes_of_node', [
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
    'HTTP/1.1 200 OK\nContent-Length: 0\n\n',
    'HTTP/1.1 200 OK\r\nA: b\r\n c: d\r\n\r\n',
    'garbage\r\n\r\n',
    'HTTP/1.1 200 OK\r\nX: ' + 'y' * 70000 + '\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n',
])
def test_a_bad_head_of_the_node_is_502(bytes_of_node):
    def handler(_, conn, request):
        conn.body(request)
        conn.send(bytes_of_node)
        return False
    with with_handler(handler, Maxattempts=0) as (server, _):
        assert server.get('/').status == 502


def test_bytes_after_an_answer_close_the_node_connection():
    def handler(_, conn, request):
        conn.body(request)
        conn.send('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\n'
                  'Content-Length: 4\r\n\r\nevil')
    with with_handler(handler) as (server, node), raw.Client(server.traffic) as client:
        for _ in range(5):
            assert client.get('/').body == b'a'
        assert node.connections >= 5


def test_websocket_bytes_pass_both_ways():
    def handler(_, conn, request):
        assert request.get('Upgrade') == 'websocket'
        conn.send('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n'
                  'Connection: Upgrade\r\n'
                  f'Sec-WebSocket-Accept: {accept_key(request.get("Sec-WebSocket-Key"))}\r\n\r\n'
                  'first')
        while True:
            if not conn.data and not conn.more():
                conn.send('last')
                return False
            data, conn.data = conn.data, b''
            conn.send(data.upper())
    with with_handler(handler) as (server, _), raw.Client(server.traffic) as client:
        client.send('GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
                    'Sec-WebSocket-Version: 13\r\n\r\nearly')
        answer = client.answer(interim=True)
        assert answer.status == 101
        assert answer.get('Sec-WebSocket-Accept') == 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='
        assert client.exactly(10) == b'firstEARLY'
        client.send(b'ab' * 500000)
        assert client.exactly(1000000) == b'AB' * 500000
        client.sock.shutdown(socket.SHUT_WR)
        assert client.rest() == b'last'
        until(lambda: '"upgraded":true' in server.access(), what='the tunnel is logged')


def test_a_refused_upgrade_is_an_ordinary_answer():
    def handler(_, conn, request):
        conn.reply('no', status='403 Forbidden')
    with with_handler(handler) as (server, _), raw.Client(server.traffic) as client:
        answer = client.get('/ws', headers=[('Upgrade', 'websocket'), ('Connection', 'Upgrade')])
        assert (answer.status, answer.body) == (403, b'no')
        assert client.get('/ws').status == 403


def test_an_upgrade_that_is_not_allowed_is_not_passed_on(plain):
    plain.get('/', headers=[('Upgrade', 'h2c'), ('Connection', 'Upgrade, HTTP2-Settings'),
                            ('HTTP2-Settings', 'x')])
    request = plain.node.requests[-1]
    assert (request.get('Upgrade'), request.get('HTTP2-Settings')) == (None, None)


def test_a_slow_client_does_not_hold_back_others():
    def handler(_, conn, request):
        conn.reply(b'z' * (8 << 20))
    with with_handler(handler) as (server, _):
        with raw.Client(server.traffic, rcvbuf=4096) as slow:
            slow.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
            for _ in range(5):
                assert len(server.get('/').body) == 8 << 20
            assert slow.answer().body == b'z' * (8 << 20)


def test_the_client_s_half_close_after_its_request_is_no_end(plain):
    with raw.Client(plain.traffic) as client:
        client.send('GET /half HTTP/1.1\r\nHost: x\r\n\r\n')
        client.sock.shutdown(socket.SHUT_WR)
        assert client.answer().status == 200
        assert client.is_closed()


def test_requests_run_side_by_side(plain):
    errors = []

    def work(number):
        try:
            with raw.Client(plain.traffic) as client:
                for i in range(50):
                    body = f'{number}-{i}'.encode() * (1 + i * 37 % 400)
                    assert client.get('/', method='POST', body=body).body == b'n1 ' + body
        except Exception as error:  # pylint: disable=broad-except
            errors.append(error)
    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


def test_a_refused_connection_is_503_when_no_node_is_left():
    with Server() as server, Node('n1') as node:
        server.register('n1', node.port)
        node.stop()
        answer = server.get('/')
        assert answer.status == 503
        assert int(answer.get('Retry-After')) >= 1


def test_options_and_trace_count_their_hops(plain):
    with raw.Client(plain.traffic) as client:
        assert client.get('*', method='OPTIONS').status == 200
        plain.node.requests.clear()
        assert client.get('/', method='OPTIONS', headers=[('Max-Forwards', '0')]).status == 200
        assert client.get('/', method='TRACE', headers=[('Max-Forwards', '0')]).status == 405
        assert not plain.node.requests
        client.get('/', method='OPTIONS', headers=[('Max-Forwards', '7')])
        assert plain.node.requests[-1].all('Max-Forwards') == ['6']


def test_every_answer_has_a_date(plain):
    def age(text):
        return abs(time.time() - email.utils.parsedate_to_datetime(text).timestamp())
    assert age(plain.get('/').get('Date')) < 10
    assert age(plain.get('/', headers=[('Content-Length', 'x')]).get('Date')) < 10

    def dated(_, conn, request):
        conn.reply('x', headers=[('Date', 'Thu, 01 Jan 1970 00:00:01 GMT')])
    with with_handler(dated) as (server, _):
        answer = server.get('/')
        assert [v for k, v in answer.headers if k == 'Date'] == ['Thu, 01 Jan 1970 00:00:01 GMT']
