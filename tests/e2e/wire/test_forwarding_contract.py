# SPDX-License-Identifier: Apache-2.0
"""What goes through the server unharmed and what must not, against MCMP.md 6 and AJP13.md 5 and 6:
heads, bodies, framing, upgrades, targets, and the faults of clients and nodes. Written from the
contracts alone.
"""
import random
import socket
import threading
import time

import pytest

import raw
from cluster import OK, ended, says, upgraded
from waiting import until


# --- heads both ways ---------------------------------------------------------------------------------

def test_hop_by_hop_headers_of_the_client_end_here(calm):
    node = calm.add('n')
    answer = calm.get(headers=[
        ('Connection', 'keep-alive, X-Hop, x-forwarded-for, Host'), ('X-Hop', '1'),
        ('Keep-Alive', 'timeout=5'), ('Proxy-Connection', 'keep-alive'), ('TE', 'trailers'),
        ('Trailer', 'X-T'), ('Proxy-Authorization', 'Basic eDp5'), ('Upgrade', 'h2c'),
        ('X-End', 'kept'), ('Proxy', 'http://evil/')])
    assert answer.status == 200
    seen = node.requests[-1]
    for name in ('X-Hop', 'Keep-Alive', 'Proxy-Connection', 'Trailer', 'Proxy-Authorization',
                 'Upgrade', 'Proxy'):
        assert seen.get(name) is None, name
    assert seen.get('X-End') == 'kept' and seen.get('Host') == 'localhost'
    assert seen.get('X-Forwarded-For') == '127.0.0.1', 'what we add is not for the client to drop'
    assert len(seen.all('Host')) == 1


def test_hop_by_hop_headers_of_the_node_end_here(calm):
    calm.add('n', handler=says(
        b'HTTP/1.1 200 Fine\r\nConnection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: timeout=1\r\n'
        b'Proxy-Authenticate: Basic\r\nTrailer: T\r\nUpgrade: h2c\r\nSet-Cookie: a=1\r\n'
        b'Set-Cookie: b=2\r\nX-End: v\r\nContent-Length: 2\r\n\r\nok'))
    answer = calm.get()
    assert answer.status == 200 and answer.reason == 'Fine' and answer.body == b'ok'
    for name in ('X-Hop', 'Keep-Alive', 'Trailer', 'Upgrade', 'Transfer-Encoding'):
        assert answer.get(name) is None, name
    assert [v for n, v in answer.headers if n.lower() == 'set-cookie'] == ['a=1', 'b=2']
    assert answer.get('X-End') == 'v'


def test_forwarded_headers_are_appended(calm):
    node = calm.add('n')
    calm.get(host='Example.com:8080')
    seen = node.requests[-1]
    assert seen.get('X-Forwarded-For') == '127.0.0.1'
    assert seen.get('X-Forwarded-Host') == 'Example.com:8080'
    assert seen.get('X-Forwarded-Proto') == 'http'
    assert seen.get('Host') == 'Example.com:8080'
    calm.get(headers=[('X-Forwarded-For', '192.0.2.1')])
    assert ', '.join(node.requests[-1].all('X-Forwarded-For')) == '192.0.2.1, 127.0.0.1'


def test_end_to_end_headers_keep_their_order_and_bytes(calm):
    node = calm.add('n')
    given = [('X-B', '1'), ('x-a', ' inner  blanks '), ('X-B', '2'), ('X-Utf', 'gr\xc3\xbc\xc3\x9f')]
    calm.get(headers=given)
    seen = [(n, v) for n, v in node.requests[-1].headers if n.lower() in ('x-a', 'x-b', 'x-utf')]
    assert seen == [('X-B', '1'), ('x-a', 'inner  blanks'), ('X-B', '2'),
                    ('X-Utf', 'gr\xc3\xbc\xc3\x9f')]


# --- bodies ---------------------------------------------------------------------------------------------

def test_chunked_requests_arrive_by_their_content(calm):
    node = calm.add('n')
    with calm.client() as client:
        client.send(f'POST {calm.root} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n'
                    '3;x="y"\r\nabc\r\n')
        time.sleep(0.05)
        client.send('00A\r\n0123456789\r\n0\r\nX-Trailer: 1\r\n\r\n')
        answer = client.answer()
        assert answer.body == node.route.encode() + b' abc0123456789'
        assert client.get(calm.root).status == 200
    seen = node.requests[0]
    assert (seen.get('Transfer-Encoding') == 'chunked') != (seen.get('Content-Length') is not None)


CHUNKED = (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
           b'5\r\nhello\r\n6;e=1\r\n world\r\n0\r\nX-T: 1\r\n\r\n')
ANSWERS = [
    ('length', b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world', False),
    ('chunked', CHUNKED, False),
    ('until close', b'HTTP/1.1 200 OK\r\n\r\nhello world', True),
    ('1.0 until close', b'HTTP/1.0 200 OK\r\n\r\nhello world', True),
    ('1.0 with length', b'HTTP/1.0 200 OK\r\nContent-Length: 11\r\n\r\nhello world', True),
    ('close announced', b'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 11\r\n\r\n'
     b'hello world', True),
    ('no reason', b'HTTP/1.1 200 \r\nContent-Length: 11\r\n\r\nhello world', False),
]


@pytest.mark.parametrize('name,data,close', ANSWERS, ids=[a[0] for a in ANSWERS])
def test_an_answer_arrives_whole_however_it_is_framed(calm, name, data, close):
    node = calm.add('n', handler=says(data, close=close))
    with calm.client() as client:
        for _ in range(2):
            answer = client.get(calm.root)
            assert answer.status == 200 and answer.body == b'hello world', name
            assert answer.get('Connection', '').lower() != 'close', 'the client may go on'
    answer = calm.get(minor=0)
    assert answer.body == b'hello world' and answer.get('Transfer-Encoding') is None
    assert len(node.requests) == 3


def test_bodiless_answers_end_at_their_head(calm):
    length = b'Content-Length: 5\r\n'
    for method, status, extra in (('HEAD', b'200 OK', length), ('GET', b'204 No Content', b''),
                                  ('GET', b'304 Not Modified', length),
                                  ('HEAD', b'200 OK', b'Transfer-Encoding: chunked\r\n')):
        calm.add(f'n{len(calm.nodes)}', handler=says(
            b'HTTP/1.1 ' + status + b'\r\n' + extra + b'ETag: "x"\r\n\r\n'))
        with calm.client() as client:
            for _ in range(2):
                answer = client.get(calm.root, method=method)
                assert answer.status == int(status[:3]) and answer.get('ETag') == '"x"'
                assert answer.body == b''
            if extra == length and method == 'HEAD':
                assert answer.get('Content-Length') == '5'
            if status.startswith(b'204'):
                assert answer.get('Content-Length') is None
                assert answer.get('Transfer-Encoding') is None
        calm.ok('REMOVE-APP', '/*', JVMRoute=calm.nodes[-1].route)


def test_interim_answers_pass_to_1_1_and_not_to_1_0(calm):
    calm.add('n', handler=says(b'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n' + OK))
    with calm.client() as client:
        client.send(f'GET {calm.root} HTTP/1.1\r\nHost: h\r\n\r\n')
        first = client.answer(interim=True)
        assert first.status == 103 and first.get('Link') == '</a>'
        assert client.answer(interim=True).body == b'ok'
        client.send(f'GET {calm.root} HTTP/1.0\r\n\r\n')
        assert client.answer(interim=True).status == 200


def test_expect_continue_is_met_before_the_body(calm):
    node = calm.add('n')
    with calm.client() as client:
        client.send(f'POST {calm.root} HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n'
                    'Expect: 100-continue\r\n\r\n')
        assert client.answer(interim=True).status == 100
        client.send('body')
        answer = client.answer(interim=True)
        assert answer.status == 200 and answer.body.endswith(b' body')
    assert len(node.requests) == 1
    with calm.client() as client:
        client.send(f'POST /{calm.tag}x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n'
                    'Expect: 100-continue\r\n\r\n')
        assert client.answer(interim=True).status == 404


@pytest.mark.parametrize('method,wanted', [('PUT', 200), ('POST', 502)])
def test_a_body_that_one_node_asked_for_goes_to_the_next_without_asking_again(calm, method, wanted):
    def asks(_node, conn, request):
        conn.send(b'HTTP/1.1 100 Continue\r\n\r\n')
        conn.body(request)
        return False
    bad = calm.add('bad', handler=asks)
    good = calm.add('good', load=1)
    with calm.client() as client:
        client.send(f'{method} {calm.root} HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n'
                    'Expect: 100-continue\r\n\r\n')
        assert client.answer(interim=True).status == 100
        client.send('body')
        answer = client.answer(interim=True)
        assert answer.status == wanted
    assert len(bad.requests) == 1 and len(good.requests) == (wanted == 200)
    if wanted == 200:
        assert answer.body == good.route.encode() + b' body'
        assert good.requests[0].get('Expect') is None
        assert calm.value('bad', 'Elected') == 1 and calm.value('good', 'Elected') == 1


def test_an_http_1_0_client_that_keeps_its_connection_sees_where_an_answer_ends(calm):
    calm.add('n', handler=says(CHUNKED))
    with calm.client() as client:
        answer = client.get(calm.root, minor=0, headers=[('Connection', 'keep-alive')])
        assert answer.body == b'hello world' and answer.get('Transfer-Encoding') is None
        if answer.get('Content-Length') is None:
            assert answer.get('Connection', 'close').lower() == 'close'
            assert ended(client) == 'fin'


def test_an_early_answer_reaches_the_client_and_is_no_fault(calm):
    calm.add('n', handler=says(b'HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n'
                               b'Connection: close\r\n\r\nno', close=True, drain=False))
    with calm.client() as client:
        client.send(f'POST {calm.root} HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nxx')
        answer = client.answer()
        assert answer.status == 413 and answer.body == b'no'
    assert calm.get().status == 413, 'the node is not in error'


def test_a_node_that_breaks_off_an_upload_is_no_broken_node(calm):
    """It may have refused the body and its answer was lost to the reset."""
    def handler(_node, conn, request):
        if request.method == 'POST':
            time.sleep(0.1)
            conn.abort()
            return False
        return conn.reply(b'ok')
    calm.add('n', handler=handler)
    with calm.client() as client:
        try:
            client.send(f'POST {calm.root} HTTP/1.1\r\nHost: h\r\n'
                        'Content-Length: 30000000\r\n\r\n' + 'x' * 8000000)
        except OSError:
            pass
        assert client.answer().status == 502
    assert calm.get().status == 200


def test_pipelined_requests_are_answered_in_their_order(calm):
    def handler(node, conn, request):
        body = conn.body(request)
        if request.target.endswith('0'):
            time.sleep(0.1)
        conn.reply(request.target.encode() + body)
    calm.add('n', handler=handler)
    with calm.client() as client:
        client.send(''.join(
            f'POST {calm.root}/{i} HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n{i}'
            for i in range(8)))
        for i in range(8):
            assert client.answer().body == f'{calm.root}/{i}{i}'.encode()


@pytest.mark.parametrize('head,goes_on', [
    ('HTTP/1.1\r\nHost: h', True), ('HTTP/1.1\r\nHost: h\r\nConnection: close', False),
    ('HTTP/1.1\r\nHost: h\r\nConnection: foo, Close', False), ('HTTP/1.0', False),
    ('HTTP/1.0\r\nConnection: keep-alive', True)])
def test_the_client_decides_whether_its_connection_goes_on(calm, head, goes_on):
    calm.add('n')
    for path in (calm.root, f'/{calm.tag}x'):
        with calm.client() as client:
            client.send(f'GET {path} {head}\r\n\r\n')
            answer = client.answer()
            said = answer.get('Connection', '').lower()
            if goes_on:
                assert said != 'close'
                assert client.get(calm.root).status == 200
            else:
                assert said == 'close' and ended(client) == 'fin'


CUT = [
    ('length', b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello', False),
    ('length, reset', b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello', True),
    ('between chunks', b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n', False),
    ('in a chunk', b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello', False),
    ('before the trailer ends', b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
     b'5\r\nhello\r\n0\r\n', False),
    ('bad chunk', b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX9\r\n', False),
    ('until close, reset', b'HTTP/1.1 200 OK\r\n\r\nhello', True),
]


@pytest.mark.parametrize('minor', [1, 0])
@pytest.mark.parametrize('name,data,reset', CUT, ids=[c[0] for c in CUT])
def test_an_answer_that_breaks_off_is_not_ended_cleanly(calm, name, data, reset, minor):
    cut = says(data, close=True, reset=reset)
    calm.add('n', handler=lambda node, conn, request: (
        conn.reply(b'fine') if request.target.endswith('fine') else cut(node, conn, request)))
    with calm.client() as client:
        client.send(f'GET {calm.root} HTTP/1.{minor}\r\nHost: h\r\n\r\n')
        got, end = b'', None
        while end is None:
            try:
                piece = client.sock.recv(65536)
                got += piece
                end = 'fin' if not piece else None
            except ConnectionResetError:
                end = 'reset'
        if b'\r\n\r\n' in got:
            head, body = got.split(b'\r\n\r\n', 1)
            clean = (end == 'fin' and b'content-length' not in head.lower()
                     and (b'chunked' not in head.lower() or body.endswith(b'0\r\n\r\n')))
            assert not clean, (name, got)
            assert b'0\r\n\r\n' not in body, (name, got)
    until(lambda: calm.value('n', 'Connected') == 0, 3)
    assert calm.get('/fine').status == 200, 'broken after the answer began: no error state'


# --- what no request or answer may look like ------------------------------------------------------------

SMUGGLED = [
    'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde',
    'Content-Length: 4, 5\r\n\r\nabcde',
    'Content-Length: +4\r\n\r\nabcd', 'Content-Length: 0x4\r\n\r\nabcd',
    'Content-Length: 4 4\r\n\r\nabcd', 'Content-Length : 4\r\n\r\nabcd',
    'Content-Length: 18446744073709551617\r\n\r\nx',
    'Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n',
    'Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n',
    'Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n',
    'Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n', ' Transfer-Encoding: chunked\r\n\r\n',
    'X: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 'X: a\r\n folded\r\n\r\n',
    'X: a\rb\r\n\r\n', 'X: a\0b\r\n\r\n', 'Host: other\r\n\r\n', 'No-colon\r\n\r\n', ': x\r\n\r\n',
    'X(y: 1\r\n\r\n',
    'Transfer-Encoding: chunked\r\n\r\n-1\r\n', 'Transfer-Encoding: chunked\r\n\r\n5 \n',
    'Transfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n',
    'Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n',
]


def test_what_could_be_read_in_two_ways_ends_the_connection(calm):
    node = calm.add('n')
    for rest in SMUGGLED:
        with calm.client() as client:
            client.send(f'POST {calm.root} HTTP/1.1\r\nHost: h\r\n{rest}'
                        f'GET {calm.root}/smuggled HTTP/1.1\r\nHost: h\r\n\r\n')
            answer = client.answer()
            assert answer.status in (400, 501), (rest, answer.status)
            assert ended(client) in ('fin', 'reset'), rest
    assert not [r for r in node.requests if 'smuggled' in r.target]
    assert calm.serves() == 'n', 'a client fault never marks a node'
    until(lambda: calm.value('n', 'Connected') == 0, 3)


def test_oversized_requests_get_their_status(calm):
    calm.add('n')
    assert calm.get(headers=[('X', 'a' * 20000)]).status == 431
    assert calm.get(headers=[(f'X{i}', '1') for i in range(150)]).status == 431
    assert calm.get('/' + 'a' * 10000).status == 414
    assert calm.serves() == 'n'


BAD_ANSWERS = [
    b'garbage\r\n\r\n', b'HTTP/2 200 OK\r\n\r\n', b'HTTP/1.1 20 OK\r\n\r\n', b'HTTP/1.1 999 No\r\n\r\n',
    b'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
    b'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    b'HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n',
    b'HTTP/1.1 200 OK\nContent-Length: 0\n\n', b'HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n',
    b'HTTP/1.1 200 OK\r\nX y: b\r\nContent-Length: 0\r\n\r\n',
    b'HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
]


@pytest.mark.parametrize('data', BAD_ANSWERS)
def test_a_bad_head_of_the_node_is_502(calm, data):
    calm.add('n', handler=says(data, close=True))
    with calm.client() as client:
        assert client.get(calm.root).status == 502


def test_an_answer_head_over_the_limit_is_502_and_no_verdict_on_the_node(calm):
    def handler(_node, conn, request):
        big = b'X: ' + b'a' * 40000 if request.target.endswith('big') else b'X: a'
        conn.send(b'HTTP/1.1 200 OK\r\n' + big + b'\r\nContent-Length: 2\r\n\r\nok')
    calm.add('n', handler=handler)
    assert calm.get('/big').status == 502
    assert calm.get('/small').status == 200, 'one page must not take the node out for all'


def test_bytes_after_an_answer_are_never_the_next_client_s(calm):
    node = calm.add('n', handler=says(OK + b'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'))
    with calm.client() as client:
        for _ in range(4):
            assert client.get(calm.root).body == b'ok'
    assert node.connections >= 4


# --- upgrades ------------------------------------------------------------------------------------------------

def test_websocket_goes_through_an_http_node(calm):
    node = calm.add('n', handler=upgraded)
    with calm.client() as client:
        client.send(f'GET {calm.root} HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\n'
                    'Upgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\nearly')
        answer = client.head()
        assert answer.status == 101 and answer.get('Upgrade').lower() == 'websocket'
        assert 'upgrade' in answer.get('Connection').lower()
        assert client.exactly(7) == b'hiEARLY'
        assert calm.value('n', 'Connected') == 1
        client.send('more')
        assert client.exactly(4) == b'MORE'
        client.sock.shutdown(socket.SHUT_WR)
        assert client.is_closed()
    assert node.requests[0].get('Connection').lower() == 'upgrade'
    until(lambda: calm.value('n', 'Connected') == 0, 3)
    assert calm.get(headers=[('Upgrade', 'h2c'), ('Connection', 'upgrade')]).body == b'plain'


@pytest.mark.parametrize('who', ['client', 'node'])
def test_a_websocket_that_breaks_on_one_side_ends_on_the_other(calm, who):
    conns = []

    def handler(_node, conn, _request):
        conns.append(conn)
        conn.send(b'HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n')
        while conn.more():
            pass
        return False
    calm.add('n', handler=handler)
    with calm.client() as client:
        client.send(f'GET {calm.root} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n'
                    'Upgrade: websocket\r\n\r\n')
        assert client.head().status == 101
        if who == 'client':
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
            client.close()
        else:
            conns[0].sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
            conns[0].sock.shutdown(socket.SHUT_RD)
            conns[0].sock.close()
            assert ended(client) in ('fin', 'reset')
    until(lambda: calm.value('n', 'Connected') == 0, 5)
    assert 'State=OK' in calm.load('n', 1)


# --- slow ones ------------------------------------------------------------------------------------------------

def test_a_node_that_is_silent_is_504_and_not_in_error(calm):
    def handler(_node, conn, request):
        if request.target.endswith('slow'):
            time.sleep(2.5)
        conn.reply(b'ok')
    calm.add('n', handler=handler, Timeout='1', Maxattempts='0')
    assert calm.get('/slow').status == 504
    assert calm.get().status == 200


def test_a_client_that_stops_its_upload_is_408_and_no_fault_of_the_node(quick):
    quick.add('n')
    with quick.client() as client:
        client.send(f'POST {quick.root} HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc')
        assert client.answer().status == 408
        assert ended(client) in ('fin', 'reset')
    with quick.client() as client:
        client.send(f'POST {quick.root} HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc')
    assert quick.serves() == 'n'
    until(lambda: quick.value('n', 'Connected') == 0, 3)


# --- canonical targets ---------------------------------------------------------------------------------------

ESCAPES = ['/..;/x', '/..;v=1/x', '/.;/x', '/%2e%2e;/x', '/..%2fx', '/%2e%2e%2fx', '\\..\\x',
           '/%5c..%5cx', '/a%00b', '#x', '/a b', '/%2', '/%zz']


def test_no_spelling_of_a_path_leaves_its_context(calm):
    app = calm.add('app', calm.root + '/app')
    other = calm.add('other', '/' + calm.tag + 'other')
    for escape in ESCAPES:
        assert calm.get('/app' + escape).status == 400, escape
    for path in ('/app/../../../etc', '/app/%2e%2e/%2E%2E/etc', '/app;v=1/../../etc'):
        assert calm.get(path).status in (400, 404), path
    assert not app.requests and not other.requests
    assert calm.serves(f'/app/../../{calm.tag}other/x') == 'other'
    assert other.requests[-1].target == f'/{calm.tag}other/x'
    assert calm.serves('/x;v=1/../app') == 'app'
    assert app.requests[-1].target == calm.root + '/app'


def test_the_host_of_an_absolute_target_counts_and_a_missing_one_is_the_node_s(calm):
    node = calm.add('n')
    with calm.client() as client:
        client.send(f'GET http://abc:81{calm.root} HTTP/1.1\r\nHost: other\r\n\r\n')
        assert client.answer().status == 200
    assert node.requests[-1].all('Host') == ['abc:81']
    with calm.client() as client:
        client.send(f'GET {calm.root} HTTP/1.0\r\n\r\n')
        assert client.answer().status == 200
    assert node.requests[-1].minor == 1
    assert node.requests[-1].all('Host') == [f'127.0.0.1:{node.port}']


def test_own_answers_are_whole_and_the_connection_goes_on(calm):
    calm.add('n')
    calm.load('n', -1)
    with calm.client() as client:
        for method in ('GET', 'HEAD', 'POST'):
            for path, status in ((calm.root, 503), (f'/{calm.tag}x', 404)):
                answer = client.get(path, method=method, body=b'x' if method == 'POST' else b'')
                assert answer.status == status
                assert int(answer.get('Content-Length')) > 0
                assert len(answer.body) == (0 if method == 'HEAD' else
                                            int(answer.get('Content-Length')))


@pytest.mark.parametrize('request_line', ['CONNECT h:80 HTTP/1.1', 'GET / HTTP/1.1\r\nHost: a b',
                                          'GET /', 'GET / HTTP/2.0', 'GET  / HTTP/1.1'])
def test_what_is_no_request_is_refused_and_closed(calm, request_line):
    with calm.client() as client:
        client.send(f'{request_line}\r\nHost: h\r\n\r\n')
        answer = client.answer()
        assert answer.status in (400, 405, 501, 505)
        assert answer.get('Connection').lower() == 'close' and ended(client) == 'fin'


# --- all at once ------------------------------------------------------------------------------------------------

def unruly(node, conn, request):
    """Answers with what was asked for, in one of many ways, or not at all."""
    want = request.get('X-Id', '').encode() + b' ' + conn.body(request)
    dice = random.random()
    size = b'%d' % len(want)
    if request.get('Upgrade'):
        conn.send(b'HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n' + want)
        return False
    if dice < 0.4:
        conn.send(b'HTTP/1.1 200 OK\r\nContent-Length: ' + size + b'\r\n\r\n' + want)
        return None
    if dice < 0.6:
        middle = len(want) // 2
        conn.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
        for part in (want[:middle], want[middle:]):
            if part:
                conn.send(b'%x\r\n' % len(part) + part + b'\r\n')
        conn.send(b'0\r\n\r\n')
        return None
    if dice < 0.7:
        conn.send(b'HTTP/1.1 200 OK\r\n\r\n' + want)
    elif dice < 0.8:
        conn.send(b'HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n' + want)
    elif dice < 0.85:
        conn.send(b'HTTP/1.1 200 OK\r\nContent-Length: ' + size + b'\r\n\r\n' + want + b'HTTP/1.1')
    elif dice < 0.9:
        conn.abort()
    elif dice < 0.95:
        time.sleep(0.02)
    return False


def unruly_client(calm, end, wrong, good):
    while time.monotonic() < end:
        try:
            with calm.client(timeout=10) as client:
                for _ in range(random.randrange(1, 6)):
                    if not one_request(calm, client, wrong, good):
                        break
        except (OSError, raw.Closed):
            pass


def one_request(calm, client, wrong, good):
    """False when the connection is to be given up."""
    name = f'{random.getrandbits(64):x}'
    body = b'b' * random.choice((0, 1, 5000, 100000))
    dice = random.random()
    head = (f'{random.choice(("GET", "PUT", "POST"))} {calm.root}/{name} HTTP/1.1\r\nHost: h\r\n'
            f'X-Id: {name}\r\n')
    if dice < 0.1:
        client.send(head + 'Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
        answer = client.head()
        if answer.status == 101:
            got = client.rest()
            good.append(1)
            if got != name.encode() + b' ':
                wrong.append((name, got))
        return False
    if dice < 0.4 and body:
        client.send(head + 'Transfer-Encoding: chunked\r\n\r\n')
        client.send(b'%x\r\n' % len(body) + body + b'\r\n0\r\n\r\n')
    else:
        client.send(head + f'Content-Length: {len(body)}\r\n\r\n')
        if dice > 0.95:
            client.send(body[:len(body) // 2])
            return False
        client.send(body)
    if dice > 0.9:
        return False
    answer = client.answer()
    if answer.status == 200:
        good.append(1)
        if answer.body != name.encode() + b' ' + body:
            wrong.append((name, len(body), len(answer.body), answer.body[:40]))
    elif answer.status not in (404, 502, 503, 504):
        wrong.append((name, answer.status))
    return (answer.get('Connection') or '').lower() != 'close'


def churn(calm, end, names):
    while time.monotonic() < end:
        name = random.choice(names)
        node = next(n for n in calm.nodes if n.route.endswith('-' + name))
        dice = random.random()
        if dice < 0.3:
            calm.config(name, node.port, WaitWorker=random.choice('01'))
            calm.app(name)
            calm.load(name, random.choice((-1, 0, 1, 100)))
        elif dice < 0.6:
            calm.command('STATUS', JVMRoute=node.route, Load='50')
        elif dice < 0.8:
            calm.command('STOP-APP', JVMRoute=node.route, Alias='localhost', Context=calm.root)
            calm.command('ENABLE-APP', JVMRoute=node.route, Alias='localhost', Context=calm.root)
        else:
            calm.command('REMOVE-APP', '/*', JVMRoute=node.route)


def test_no_answer_goes_astray_while_everything_changes(calm):
    names = list('abcd')
    for name in names:
        calm.add(name, handler=unruly)
    end = time.monotonic() + 5
    wrong, good = [], []
    threads = [threading.Thread(target=unruly_client, args=(calm, end, wrong, good))
               for _ in range(10)]
    threads.append(threading.Thread(target=churn, args=(calm, end, names)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not wrong, wrong[:5]
    assert len(good) > 100
    for name in names:
        node = next(n for n in calm.nodes if n.route.endswith('-' + name))
        calm.config(name, node.port)
        calm.app(name)
        until(lambda at=name: calm.value(at, 'Connected') == 0, 10, 'all holds are given back')
        assert 'State=OK' in calm.load(name, 100)
