# SPDX-License-Identifier: Apache-2.0
"""Requests and answers of every shape between a client and an application in a real Tomcat."""
import hashlib
import json
import os
import socket
import struct
import threading

import pytest

import raw
from front import Front, header, shown
from waiting import until
from wire import stream_content

MEBIBYTE = 1 << 20
METHODS = [
    'OPTIONS', 'GET', 'POST', 'PUT', 'DELETE', 'TRACE', 'PROPFIND', 'PROPPATCH', 'MKCOL', 'COPY',
    'MOVE', 'LOCK', 'UNLOCK', 'ACL', 'REPORT', 'VERSION-CONTROL', 'CHECKIN', 'CHECKOUT',
    'UNCHECKOUT', 'SEARCH', 'MKWORKSPACE', 'UPDATE', 'LABEL', 'MERGE', 'BASELINE-CONTROL',
    'MKACTIVITY', 'PATCH', 'QUERY', 'X']


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def test_every_method_arrives_under_its_name(front):
    with raw.Client(front.traffic) as client:
        for method in METHODS:
            answer = client.get('/app/m', method=method)
            seen = shown(answer)
            assert (seen['method'], seen['node']) == (method, 'n1')
            # TRACE never has a body
            if method not in ('GET', 'TRACE'):
                seen = shown(client.get('/app/m', method=method, body=method.encode()))
                assert (seen['method'], seen['bodyDigest']) == (method, sha256(method.encode()))


@pytest.mark.parametrize('target, uri, path, query', [
    ('/app', '/app', None, None),
    ('/app/a%20b/%C3%A9?q=%41&r', '/app/a%20b/%C3%A9', '/a b/\u00e9', 'q=%41&r'),
    ('/app/x?', '/app/x', '/x', ''),
    ('/app/x;v=1/y;w?a=b', '/app/x;v=1/y;w', '/x/y', 'a=b'),
    ('/app/x?' + 'q' * 6000, '/app/x', '/x', 'q' * 6000),
])
def test_path_and_query_arrive(front, target, uri, path, query):
    seen = front.show(target)
    assert (seen['uri'], seen['path']) == (uri, path)
    # a query that is there and empty is told by some and not by others
    assert (seen['query'] or '') == (query or '')


def test_who_asks_whom_arrives(front):
    with raw.Client(front.traffic) as client:
        port = client.sock.getsockname()[1]
        seen = shown(client.get('/app/', host='www.example.org:81',
                                headers=[('AJP_REMOTE_PORT', '1'), ('Authorization', 'Basic Og==')]))
    assert (seen['serverName'], seen['serverPort']) == ('www.example.org', 81)
    assert (seen['scheme'], seen['secure'], seen['protocol']) == ('http', 0, 'HTTP/1.1')
    assert (seen['remoteUser'], seen['authType']) == (None, None)
    assert header(seen, 'Host') == ['www.example.org:81']
    assert header(seen, 'Authorization') == ['Basic Og==']
    if front.kind == 'http':
        assert header(seen, 'X-Forwarded-For') == ['127.0.0.1']
    else:
        assert (seen['remoteAddr'], seen['remotePort']) == ('127.0.0.1', port)
        assert seen['localAddr'] == '127.0.0.1'


def test_nothing_a_client_sends_sets_an_attribute(front):
    names = ['remote_user', 'AJP_REMOTE_PORT', 'JK_LB_ACTIVATION', 'secret', 'ssl_cipher',
             'jakarta.servlet.request.cipher_suite', 'AJP_SSL_PROTOCOL']
    plain = front.show('/app/')
    seen = front.show('/app/', headers=[(name, '1') for name in names])
    assert seen['attributes'] == plain['attributes']
    assert (seen['remoteUser'], seen['secure']) == (None, 0)


def test_headers_arrive_byte_for_byte(front):
    seen = front.show('/app/', headers=[
        ('X-Latin', 'caf\u00e9'), ('X-Utf8', '\u00e9'.encode().decode('latin-1')),
        ('X-All', ''.join(map(chr, range(0xa1, 0x100)))), ('X-Empty', ''), ('X-Twice', '1'),
        ('X-Twice', '2'), ('Accept', 'a/b;q=0.5, */*'), ('Accept-Charset', 'utf-8'),
        ('Accept-Encoding', 'br'), ('Accept-Language', 'de'), ('Pragma', 'p'), ('Referer', 'r'),
        ('User-Agent', 'u'), ('Content-Type', 't/x')])
    for name, values in {
            'X-Latin': ['caf\u00e9'], 'X-Utf8': ['\u00c3\u00a9'],
            'X-All': [''.join(map(chr, range(0xa1, 0x100)))], 'X-Empty': [''],
            'X-Twice': ['1', '2'], 'Accept': ['a/b;q=0.5, */*'], 'Accept-Charset': ['utf-8'],
            'Accept-Encoding': ['br'], 'Accept-Language': ['de'], 'Pragma': ['p'],
            'Referer': ['r'], 'User-Agent': ['u'], 'Content-Type': ['t/x']}.items():
        assert header(seen, name) == values, name


def test_hop_by_hop_headers_do_not_arrive(front):
    seen = front.show('/app/', headers=[('Connection', 'keep-alive, X-Hop'), ('X-Hop', '1'),
                                        ('TE', 'trailers'), ('Keep-Alive', 'timeout=5'),
                                        ('Proxy-Authorization', 'x'), ('X-End', '2')])
    assert not any(header(seen, name) for name in ('X-Hop', 'TE', 'Keep-Alive',
                                                   'Proxy-Authorization'))
    assert header(seen, 'X-End') == ['2']


def test_cookies_over_several_headers_are_all_seen(front):
    wanted = [[f'c{i}', f'v{i}'] for i in range(6)]
    seen = front.show('/app/', headers=[('Cookie', 'c0=v0; c1=v1'), ('X-Between', '1'),
                                        ('Cookie', 'c2=v2'), ('cookie', 'c3=v3; c4=v4; c5=v5')])
    assert seen['cookies'] == wanted


def test_headers_of_answers_come_byte_for_byte(front):
    answer = front.get('/app/fields?n=5000')
    assert (answer.status, answer.body) == (200, b'fields')
    for name, value in {'X-Long': 'x' * 5000, 'X-Latin': 'caf\u00e9', 'X-Empty': '',
                        'Content-Language': 'fr', 'WWW-Authenticate': 'Basic realm="a b"',
                        'Location': '/app/here', 'Servlet-Engine': 'none',
                        'Last-Modified': 'Thu, 01 Jan 1970 00:00:00 GMT',
                        'Content-Type': 'text/plain', 'Content-Length': '6'}.items():
        assert answer.get(name) == value, name
    assert [value for name, value in answer.headers if name == 'X-Twice'] == ['1', '2']


def test_many_set_cookie_lines_stay_apart_and_in_order(front):
    answer = front.get('/app/cookies?n=90')
    assert [value for name, value in answer.headers if name.lower() == 'set-cookie'] == \
        [f'c{i}=v{i}; Path=/app; HttpOnly' for i in range(90)]


def test_answers_without_a_body_end_at_their_head(front):
    with raw.Client(front.traffic) as client:
        for _ in range(3):
            answer = client.get('/app/status?code=204')
            assert (answer.status, answer.get('Content-Length')) == (204, None)
            answer = client.get('/app/status?code=304')
            assert (answer.status, answer.get('ETag')) == (304, '"tag"')
            answer = client.get('/app/bytes?n=100000', method='HEAD')
            assert (answer.status, answer.get('Content-Length')) == (200, '100000')
            answer = client.get('/app/bytes?n=16')
            assert answer.body == stream_content(16)


@pytest.mark.parametrize('code', [200, 201, 302, 400, 404, 409, 500, 503, 599])
def test_status_codes_come_as_they_are(front, code):
    answer = front.get(f'/app/status?code={code}')
    assert (answer.status, answer.get('ETag')) == (code, '"tag"')
    assert answer.body == (b'' if code < 400 else f'status {code}'.encode())


def test_a_redirect_comes_as_it_is(front):
    answer = front.get('/app/redirect')
    assert (answer.status, answer.get('Location')) == (302, '/app/elsewhere?a=b')


# around the sizes of packets, and of the body packets that are cut short (AJP13.md 5)
@pytest.mark.parametrize('sizes', [
    (0, 1, 2, 511, 512, 640, 767, 768), (1791, 1792, 2303, 2304, 2559, 2560, 2815, 2816),
    (8183, 8184, 8185, 8186, 8187, 8192, 8698, 16372), (65529, 65530, 65531, 65536, 66042, 131060)])
def test_bodies_of_every_awkward_size_arrive_whole(front, sizes):
    with raw.Client(front.traffic) as client:
        for size in sizes:
            body = stream_content(size)
            seen = shown(client.get('/app/', method='POST', body=body,
                                    headers=[('Content-Length', size)]))
            assert (seen['bodyBytes'], seen['bodyDigest']) == (size, sha256(body))
            answer = client.get(f'/app/bytes?n={size}')
            assert answer.body == body
            assert client.get(f'/app/bytes?n={size}&length=no').body == body


def test_chunked_uploads_arrive_whole(front):
    with raw.Client(front.traffic) as client:
        for size, piece in ((0, 1), (1, 1), (3000, 7), (100000, 8186), (300000, 640),
                            (1000000, 250000)):
            body = stream_content(size)
            client.send('PUT /app/ HTTP/1.1\r\nHost: localhost\r\n'
                        'Transfer-Encoding: chunked\r\n\r\n')
            client.send(b''.join(b'%x\r\n%s\r\n' % (len(body[at:at + piece]), body[at:at + piece])
                                 for at in range(0, size, piece)))
            client.send(b'0\r\nX-Trailer: 1\r\n\r\n')
            seen = shown(client.answer())
            assert (seen['bodyBytes'], seen['bodyDigest']) == (size, sha256(body))
            assert header(seen, 'Content-Length') == []


def test_an_expectation_is_met_before_the_body(front):
    with raw.Client(front.traffic) as client:
        for _ in range(2):
            client.send('POST /app/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n'
                        'Expect: 100-continue\r\n\r\n')
            assert client.answer(interim=True).status == 100
            client.send('hello')
            assert shown(client.answer())['bodyDigest'] == sha256(b'hello')


def content_digest(size):
    digest = hashlib.sha256()
    for at in range(0, size, MEBIBYTE):
        digest.update(stream_content(min(MEBIBYTE, size - at), at))
    return digest.hexdigest()


def test_big_bodies_pass_both_ways(front):
    size = int(os.environ.get('MCMP_BYTES', 100 * MEBIBYTE + 3))
    with raw.Client(front.traffic, timeout=60) as client:
        got = hashlib.sha256()
        count = 0

        def take(data):
            nonlocal count
            count += len(data)
            got.update(data)
        client.send(f'GET /app/bytes?n={size} HTTP/1.1\r\nHost: localhost\r\n\r\n')
        assert client.answer(sink=take).status == 200
        sent = hashlib.sha256()
        client.send(f'PUT /app/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n')
        piece = stream_content(MEBIBYTE)
        for at in range(0, size, MEBIBYTE):
            sent.update(piece[:size - at])
            client.send(piece[:size - at])
        seen = shown(client.answer())
    assert (count, got.hexdigest()) == (size, content_digest(size))
    assert (seen['bodyBytes'], seen['bodyDigest']) == (size, sent.hexdigest())


@pytest.mark.parametrize('chunked', [False, True])
def test_an_echo_passes_both_ways_at_once(front, chunked):
    body = stream_content(4 * MEBIBYTE)
    framing = 'Transfer-Encoding: chunked' if chunked else f'Content-Length: {len(body)}'
    sent = b'%x\r\n%s\r\n0\r\n\r\n' % (len(body), body) if chunked else body
    with raw.Client(front.traffic) as client:
        head = f'POST /app/echo HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n'
        sender = threading.Thread(target=client.send, args=(head.encode() + sent,))
        sender.start()
        assert client.answer().body == body
        sender.join()


def test_pieces_are_passed_on_when_the_application_flushes(front, tomcat):
    key = f'stream-{front.kind}-'
    with raw.Client(front.traffic) as client:
        client.send(f'GET /app/stream?n=4&key={key} HTTP/1.1\r\nHost: localhost\r\n\r\n')
        assert client.head().get('Transfer-Encoding') == 'chunked'
        for i in range(4):
            if i:
                tomcat.release(f'{key}{i}')
            piece = b'piece %d\n' % i
            assert client.line() == b'%x' % len(piece)
            assert client.exactly(len(piece) + 2) == piece + b'\r\n'
        assert client.exactly(5) == b'0\r\n\r\n'
        assert client.get('/app/').status == 200


@pytest.mark.parametrize('code, after', [(413, 0), (200, 0), (413, 100000)])
def test_an_answer_before_the_end_of_the_upload_arrives(front, code, after):
    with raw.Client(front.traffic) as client:
        client.send(f'POST /app/early?code={code}&n={after} HTTP/1.1\r\nHost: localhost\r\n'
                    'Content-Length: 1000000000\r\n\r\n')
        client.send(b'x' * 300000)
        answer = client.answer()
        assert (answer.status, answer.body, answer.get('X-Node')) == (code, b'early', 'n1')
    assert front.show()['node'] == 'n1'


def test_a_body_that_the_application_does_not_read_harms_nobody(front):
    with raw.Client(front.traffic) as client:
        for size in (0, 1, 3000, 20000):
            answer = client.get('/app/early', method='POST', body=stream_content(size),
                                headers=[('Content-Length', size)])
            assert (answer.status, answer.body) == (200, b'early'), size
            if answer.get('Connection') == 'close':
                client.close()
                client.__init__(front.traffic)
            assert shown(client.get('/app/after'))['path'] == '/after', size


@pytest.mark.parametrize('framing, sent, wanted', [
    ('Content-Length: 100000', b'x' * 100000, b'whole'),
    ('Content-Length: 100000', b'x' * 50000, b'broken'),
    ('Content-Length: 100000', b'', b'broken'),
    ('Transfer-Encoding: chunked', b'5\r\nhello\r\n0\r\n\r\n', b'whole'),
    ('Transfer-Encoding: chunked', b'5\r\nhello\r\n', b'broken'),
    ('Transfer-Encoding: chunked', b'5\r\nhello\r\nzz\r\n', b'broken'),
    ('Transfer-Encoding: chunked', b'', b'broken')])
def test_the_application_never_takes_a_broken_body_for_a_whole_one(front, tomcat, framing, sent,
                                                                   wanted):
    key = f'{front.kind}-{framing[:1]}-{len(sent)}'
    with raw.Client(front.traffic) as client:
        client.send(f'POST /app/keep?key={key} HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n')
        # the application has the head when the client goes on, or leaves
        assert tomcat.get(f'/app/begun?key={key}').body == b'begun'
        client.send(sent)
    assert tomcat.get(f'/app/kept?key={key}').body == wanted


def test_a_client_that_leaves_while_it_sends_marks_no_node(front):
    for _ in range(4):
        client = raw.Client(front.traffic)
        client.send('POST /app/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n')
        client.send(b'x' * 50000)
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        client.close()
    assert front.show('/app/still')['path'] == '/still'
    until(lambda: front.nodes()['n1']['Connected'] == '0')
    assert int(front.nodes()['n1']['Load']) == 100


def test_a_client_that_leaves_while_it_receives_marks_no_node(front):
    for _ in range(4):
        with raw.Client(front.traffic, rcvbuf=8192) as client:
            client.send('GET /app/bytes?n=50000000 HTTP/1.1\r\nHost: localhost\r\n\r\n')
            assert client.head().status == 200
            client.exactly(1000)
    assert front.show('/app/still')['path'] == '/still'
    until(lambda: front.nodes()['n1']['Connected'] == '0')
    assert int(front.nodes()['n1']['Load']) == 100


def test_an_answer_that_fails_half_way_is_not_ended_cleanly(front):
    # by AJP, Tomcat says nothing at all when an application fails after its answer began
    with Front(front.tomcats, front.kind, node_flags=('--timeout', '1s')) as impatient:
        for length in ('no', 'yes'):
            with raw.Client(impatient.traffic) as client:
                client.send(f'GET /app/throw?length={length} HTTP/1.1\r\nHost: localhost\r\n\r\n')
                got = []
                with pytest.raises(raw.Closed):
                    client.answer(sink=got.append)
                assert b''.join(got) == stream_content(160)
        assert impatient.show()['node'] == 'n1'


def test_pipelined_requests_are_answered_in_order(front):
    with raw.Client(front.traffic) as client:
        client.send(b''.join(b'POST /app/%d HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s'
                             % (i, i, b'y' * i) for i in range(100)))
        for i in range(100):
            seen = json.loads(client.answer().body)
            assert (seen['path'], seen['bodyBytes']) == (f'/{i}', i)
