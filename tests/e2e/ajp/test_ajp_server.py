# SPDX-License-Identifier: Apache-2.0
"""mcmp-server in front of nodes of type ajp: requests, bodies, reuse, failures, secrets."""
import hashlib
import os
import threading
import time

import pytest

import ajp
import raw
from ajp import Container
from nodes import Node, accept_key
from server import Server
from waiting import until


class Pair:
    """A server with one container that runs handler; to be used in a with statement."""

    def __init__(self, handler=ajp.echo, *flags, settings=None, **config):
        self.handler = handler
        self.flags = flags
        self.settings = settings
        self.config = config

    def __enter__(self):
        self.node = Container('n1', self.handler)
        flags = list(self.flags)
        if self.settings is not None:
            self.file = f'/tmp/mcmp-ajp-{os.getpid()}-{id(self)}'
            with open(os.open(self.file, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), 'w',
                      encoding='ascii') as file:
                file.write(self.settings)
            flags += ['--node-settings', self.file]
        self.server = Server(*flags)
        self.server.register('n1', self.node.port, scheme='ajp', **self.config)
        return self.server, self.node

    def __exit__(self, *args):
        self.node.stop()
        self.server.stop()
        if self.settings is not None:
            os.unlink(self.file)


@pytest.fixture(scope='module', name='plain')
def plain_server():
    with Pair() as (server, node):
        server.node = node
        yield server


@pytest.mark.parametrize('method', ['GET', 'HEAD', 'OPTIONS', 'DELETE', 'TRACE', 'PROPFIND', 'PATCH',
                                    'BREW', 'VERSION-CONTROL', 'MKACTIVITY'])
def test_every_method_reaches_the_container(plain, method):
    answer = plain.get('/a', method=method)
    assert (answer.status, answer.get('X-Method')) == (200, method)


def test_the_container_is_told_who_asks_for_what(plain):
    with raw.Client(plain.traffic) as client:
        port = client.sock.getsockname()[1]
        assert client.get('/a%20b;p=1?q=%41', host='site.example:8080',
                          headers=[('Accept', '*/*'), ('X-Own', 'caf\xe9')]).status == 200
    request = plain.node.requests[-1]
    assert (request.method, request.uri, request.protocol) == ('GET', '/a%20b;p=1', 'HTTP/1.1')
    assert request.attributes == {'query_string': 'q=%41', 'jvm_route': 'n1'}
    assert request.named == {'AJP_REMOTE_PORT': str(port), 'AJP_LOCAL_ADDR': '127.0.0.1'}
    assert (request.remote_addr, request.server_name, request.server_port, request.is_ssl) == \
        ('127.0.0.1', 'site.example', 8080, 0)
    assert (request.get('accept'), request.get('x-own')) == ('*/*', 'caf\xe9')
    assert request.get('x-forwarded-for') == '127.0.0.1'


def test_hop_by_hop_headers_end_here_and_cookies_are_joined(plain):
    plain.get('/h', headers=[('Connection', 'X-Hop'), ('X-Hop', '1'), ('Cookie', 'a=1'),
                             ('TE', 'trailers'), ('Cookie', 'b=2'), ('Upgrade', 'h2c')])
    request = plain.node.requests[-1]
    names = [name for name, _ in request.headers]
    assert [value for name, value in request.headers if name == 'cookie'] == ['a=1; b=2']
    for name in ('x-hop', 'connection', 'te', 'upgrade', 'transfer-encoding', 'expect'):
        assert name not in names, name


@pytest.mark.parametrize('size', [0, 1, 511, 512, 600, 767, 768, 1791, 1792, 2559, 2816, 8186, 8187,
                                  8188, 100000, 1000000])
@pytest.mark.parametrize('chunked', [False, True])
def test_bodies_of_every_size_arrive_whole(plain, size, chunked):
    data = os.urandom(size)
    headers = [('Content-Length', str(size))]
    body = data
    if chunked:
        headers = [('Transfer-Encoding', 'chunked')]
        body = b''.join(b'%x\r\n' % len(data[at:at + 5000]) + data[at:at + 5000] + b'\r\n'
                        for at in range(0, size, 5000)) + b'0\r\n\r\n'
    with raw.Client(plain.traffic) as client:
        answer = client.get('/p', method='POST', headers=headers, body=body)
        assert (answer.status, answer.body) == (200, b'n1 ' + data)
        assert client.get('/next').status == 200  # both connections go on


def test_connections_are_used_again(plain):
    before = plain.node.connections
    with raw.Client(plain.traffic) as client:
        for i in range(20):
            assert client.get(f'/{i}', method='POST', body=b'x' * 100).status == 200
    assert plain.node.connections - before <= 1


def test_expect_continue_is_answered_here(plain):
    with raw.Client(plain.traffic) as client:
        client.send('POST /e HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n'
                    'Expect: 100-continue\r\n\r\n')
        assert client.answer(interim=True).status == 100
        client.send('abc')
        answer = client.answer()
    assert (answer.status, answer.body) == (200, b'n1 abc')
    assert plain.node.requests[-1].get('expect') is None


def test_a_flush_reaches_the_client_at_once():
    gate = threading.Event()

    def handler(_, conn, request):
        del request
        conn.send(ajp.head(200) + ajp.chunk(b'one') + ajp.chunk(b''))
        gate.wait(20)
        conn.send(ajp.chunk(b'two') + ajp.end())

    with Pair(handler) as (server, _), raw.Client(server.traffic) as client:
        client.send('GET /f HTTP/1.1\r\nHost: a\r\n\r\n')
        assert client.head().get('Transfer-Encoding') == 'chunked'
        assert client.line() == b'3' and client.exactly(5) == b'one\r\n'
        gate.set()
        assert client.line() == b'3' and client.exactly(5) == b'two\r\n'
        assert client.line() == b'0' and client.line() == b''


@pytest.mark.parametrize('status', [204, 304])
def test_answers_without_a_body_have_none(status):
    def handler(_, conn, request):
        del request
        conn.send(ajp.head(status, [('ETag', '"1"')]) + ajp.chunk(b'never seen') + ajp.end())

    with Pair(handler) as (server, node), raw.Client(server.traffic) as client:
        for _ in range(2):
            answer = client.get('/n')
            assert (answer.status, answer.body, answer.get('ETag')) == (status, b'', '"1"')
        assert node.connections <= 2  # the probe's and one


def early(body, reuse):
    def handler(_, conn, request):
        if request.method == 'POST':
            conn.data_packet()  # the first one comes without being asked for
        conn.send(ajp.head(403, [('Content-Length', '2')]) + ajp.chunk(b'no') + ajp.end(reuse))
        return bool(reuse)

    with Pair(handler) as (server, node), raw.Client(server.traffic) as client:
        client.send(f'POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: {body}\r\n\r\n')
        client.send(b'x' * min(body, 20000))
        answer = client.answer()
        assert (answer.status, answer.body) == (403, b'no')
        assert server.get('/other').status == 403
        return node.connections


def test_an_early_answer_reaches_the_client_and_the_connection_lives_on():
    """What the client still holds was never asked for: the node's connection is in order."""
    assert early(100000, 1) <= 2


def test_an_early_answer_without_reuse_closes():
    assert early(100000, 0) >= 2


def test_a_client_that_leaves_inside_its_body_is_no_fault_of_the_node():
    seen = []

    def handler(_, conn, request):
        try:
            conn.content(request)
        except (raw.Closed, OSError) as error:
            seen.append(type(error).__name__)
            return False
        conn.reply('ok')
        return True

    with Pair(handler) as (server, _):
        client = raw.Client(server.traffic)
        client.send('POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n' + 'x' * 30000)
        client.close()
        until(lambda: seen, 10, 'the container sees its connection closed')
        assert server.get('/y').status == 200
        assert server.nodes()['n1']['Load'] == '100'


BROKEN = {
    'bad magic': b'XY\x00\x01\x09',
    'http': b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
    'proxy magic': b'\x12\x34\x00\x01\x0a',
    'unknown type': ajp.packet(b'\x63'),
    'empty packet': ajp.packet(b''),
    'status 99': ajp.head(99),
    'status 600': ajp.head(600),
    'status 101': ajp.head(101),
    'CR in a value': ajp.head(200, [('X', 'a\rb')]),
    'LF in a value': ajp.head(200, [('X', 'a\nSet-Cookie: b=c')]),
    'NUL in a value': ajp.head(200, [('X', 'a\0b')]),
    'no token as a name': ajp.head(200, [('X Y', 'a')]),
    'empty name': ajp.head(200, [('', 'a')]),
    'data before the head': ajp.chunk(b'x'),
    'end before the head': ajp.end(),
    'a short string': ajp.packet(b'\x04\x00\xc8\x00\x20OK\0\x00\x00'),
    'no NUL behind a string': ajp.packet(b'\x04\x00\xc8\x00\x02OKX\x00\x00'),
    'fewer headers than told': ajp.packet(b'\x04\x00\xc8\x00\x02OK\0\x00\x05'),
    'unknown header code': ajp.packet(b'\x04\x00\xc8\x00\x02OK\0\x00\x01\xa0\x0c\x00\x01a\0'),
    'bytes behind the headers': ajp.packet(b'\x04\x00\xc8\x00\x02OK\0\x00\x00zz'),
    'silence and close': b'',
}


@pytest.mark.parametrize('name', BROKEN)
def test_a_hostile_answer_is_a_clean_502(name):
    def handler(_, conn, request):
        del request
        conn.send(BROKEN[name])
        return False

    with Pair(handler) as (server, _):
        answer = server.get('/bad', method='POST', body=b'abc')
        assert answer.status in (502, 503), name
        assert answer.get('Set-Cookie') is None


def cut(after, content=b'0123456789', length='10'):
    def handler(_, conn, request):
        del request
        whole = ajp.head(200, [('Content-Length', length)] if length else []) + ajp.chunk(content)
        conn.send(whole + after)
        return False
    return handler


@pytest.mark.parametrize('handler', [
    cut(b'', length=None), cut(ajp.end(), length='11'), cut(ajp.end(), length='9'),
    cut(ajp.head(200), length=None), cut(b'junk', length=None)],
                         ids=['no end', 'short', 'long', 'second head', 'junk'])
def test_a_broken_answer_never_ends_cleanly(handler):
    with Pair(handler) as (server, _), raw.Client(server.traffic) as client:
        client.send('GET /b HTTP/1.1\r\nHost: a\r\n\r\n')
        with pytest.raises(raw.Closed):
            answer = client.answer()
            assert answer.status == 502, answer.body
            raise raw.Closed(b'answered by 502')


def test_a_whole_answer_without_its_end_closes_the_client_too():
    """Content-Length is met, so the client has it all: but its connection is not trusted on."""
    with Pair(cut(b'')) as (server, _), raw.Client(server.traffic) as client:
        client.send('GET /b HTTP/1.1\r\nHost: a\r\n\r\n')
        assert client.answer().body == b'0123456789'
        assert client.is_closed()


@pytest.mark.parametrize('tail', [b'x', ajp.CPONG, ajp.head(200) + ajp.end()])
def test_nothing_behind_an_answer_reaches_the_next_client(tail):
    def handler(_, conn, request):
        conn.send(ajp.head(200, [('X-Uri', request.uri)]) + ajp.end() + tail)

    with Pair(handler) as (server, _), raw.Client(server.traffic) as client:
        for i in range(5):
            answer = client.get(f'/{i}')
            assert (answer.status, answer.get('X-Uri')) == (200, f'/{i}')


def test_a_closed_idle_connection_is_no_failure():
    with Pair() as (server, node):
        for i in range(5):
            assert server.get(f'/{i}', method='POST', body=b'x').status == 200
            node.drop_connections()


def test_an_idle_connection_is_asked_by_cping():
    with Pair(ajp.echo, '--ajp-ping-idle', '0') as (server, node), \
            raw.Client(server.traffic) as client:
        assert client.get('/1').status == 200
        before = node.pings
        assert client.get('/2').status == 200
        until(lambda: node.pings == before + 1, 5, 'the CPing is counted')


def test_a_connection_that_does_not_answer_cping_is_replaced():
    silent = []

    def handler(node, conn, request):
        ajp.echo(node, conn, request)
        if request.uri == '/hang':
            silent.append(conn.exactly(5))  # takes the CPing and says nothing
            conn.sock.recv(1)
            return False
        return True

    with Pair(handler, '--ajp-ping-idle', '0', ping=1) as (server, _), \
            raw.Client(server.traffic) as client:
        assert client.get('/hang').status == 200
        start = time.monotonic()
        assert client.get('/after', method='POST', body=b'once').body == b'n1 once'
        assert time.monotonic() - start < 5
        assert silent == [ajp.CPING]


def test_the_secret_is_sent_and_never_shown():
    with Pair(settings='[*]\nsecret = none\n[balancer MyCluster]\nsecret = b\n'
                       '[node n1]\nsecret = s3cr3t-of-n1\n') as (server, node):
        assert server.get('/').status == 200
        assert node.requests[-1].attributes['secret'] == 's3cr3t-of-n1'
        for text in (server.log(), server.access(),
                     raw.get(server.management, '/').body.decode(),
                     raw.get(server.management, '/', method='INFO').body.decode(),
                     raw.get(server.management, '/', method='DUMP').body.decode()):
            assert 's3cr3t' not in text


def test_a_wrong_secret_is_hinted_at_in_the_log():
    def handler(_, conn, request):
        del request
        conn.reply('', status=403)

    with Pair(handler) as (server, _):
        assert server.get('/').status == 403
        assert 'it wants a secret, see node-settings' in server.log()


def test_the_packet_size_limits_the_head_and_is_named():
    with Pair() as (server, _):
        answer = server.get('/', headers=[('X-Big', 'x' * 9000)])
        assert answer.status == 431
        assert '8192' in server.log()
    with Pair(ajp.echo, '--max-head', '64k', settings='[node n1]\nmax-packet = 32768\n') as \
            (server, node):
        assert server.get('/', headers=[('X-Big', 'x' * 20480)]).status == 200
        assert len(node.requests[-1].get('x-big')) == 20480


@pytest.mark.parametrize('count, status', [(95, 200), (120, 431)])
def test_header_lines_are_limited(count, status):
    with Pair(ajp.echo, '--max-headers', '200') as (server, _):
        headers = [(f'X-{i}', 'v') for i in range(count - 3)]
        assert server.get('/', headers=headers).status == status


def websocket(port):
    with raw.Client(port) as client:
        client.send('GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
                    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n')
        answer = client.answer(interim=True)
        if answer.status == 101:
            client.send(b'ping')
            assert client.exactly(4) == b'ping'
        return answer.status


def test_an_upgrade_goes_to_the_endpoint_that_is_named_for_it():
    def handler(_, conn, request):
        key = request.get('Sec-WebSocket-Key')
        conn.send('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n'
                  f'Upgrade: websocket\r\nSec-WebSocket-Accept: {accept_key(key)}\r\n\r\n')
        conn.send(conn.exactly(4))
        return False

    with Node('web', handler) as web:
        with Pair(settings=f'[node n1]\nupgrade-endpoint = {web.port}\n') as (server, _):
            assert websocket(server.traffic) == 101
            assert server.get('/plain').body == b'n1 '
            assert websocket(server.traffic) == 101


def test_an_upgrade_without_such_an_endpoint_is_501():
    with Pair() as (server, _):
        assert websocket(server.traffic) == 501


def test_sessions_stick_and_fail_over():
    def handler(node, conn, request):
        conn.content(request)
        conn.reply(node.route, headers=[('Set-Cookie', f'JSESSIONID=abc.{node.route}; Path=/')])

    nodes = {route: Container(route, handler) for route in ('n1', 'n2', 'n3')}
    try:
        with Server() as server:
            for route, node in nodes.items():
                server.register(route, node.port, scheme='ajp', StickySessionForce='No')
            for route, node in nodes.items():
                answer = server.get('/', headers=[('Cookie', f'JSESSIONID=abc.{route}')])
                assert answer.body.decode() == route
            nodes['n2'].stop()
            others = {server.get('/', headers=[('Cookie', 'JSESSIONID=abc.n2')]).body.decode()
                      for _ in range(10)}
            assert others <= {'n1', 'n3'} and others
    finally:
        for node in nodes.values():
            node.stop()


def test_a_silent_container_is_504_and_the_log_names_the_packet_size():
    def handler(_, conn, request):
        del request
        conn.sock.recv(1)
        return False

    with Pair(handler, timeout=1) as (server, _):
        assert server.get('/').status == 504
        assert 'packet size' in server.log()


@pytest.mark.parametrize('chunked', [False, True])
def test_a_large_upload_and_its_digest(chunked):
    size = int(os.environ.get('MCMP_BYTES', 100 << 20)) >> 20 << 20
    block = os.urandom(1 << 20)
    digest = hashlib.sha256()
    seen = hashlib.sha256()

    def handler(_, conn, request):
        conn.content(request, seen.update)
        conn.reply(seen.hexdigest())

    with Pair(handler) as (server, _), raw.Client(server.traffic, timeout=120) as client:
        frame = 'Transfer-Encoding: chunked' if chunked else f'Content-Length: {size}'
        client.send(f'PUT /up HTTP/1.1\r\nHost: a\r\n{frame}\r\n\r\n')
        for _ in range(size >> 20):
            digest.update(block)
            client.send(b'%x\r\n' % len(block) + block + b'\r\n' if chunked else block)
        if chunked:
            client.send(b'0\r\n\r\n')
        assert client.answer().body.decode() == digest.hexdigest()


def test_a_large_download_and_its_digest():
    size = int(os.environ.get('MCMP_BYTES', 100 << 20)) >> 20 << 20
    block = os.urandom(8184 * 128)
    chunks = b''.join(ajp.chunk(block[at:at + 8184]) for at in range(0, len(block), 8184))
    rounds = size // len(block)

    def handler(_, conn, request):
        del request
        conn.send(ajp.head(200, [('Content-Length', str(rounds * len(block)))]))
        for _ in range(rounds):
            conn.send(chunks)
        conn.send(ajp.end())

    digest = hashlib.sha256()
    for _ in range(rounds):
        digest.update(block)
    seen = hashlib.sha256()
    with Pair(handler) as (server, _), raw.Client(server.traffic, timeout=120) as client:
        client.send('GET /down HTTP/1.1\r\nHost: a\r\n\r\n')
        answer = client.answer(sink=seen.update)
    assert (answer.status, seen.hexdigest()) == (200, digest.hexdigest())
