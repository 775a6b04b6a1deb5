# SPDX-License-Identifier: Apache-2.0
"""The demonstration application of mcmp-node by itself, without a balancer."""
import hashlib
import json
import re
import socket
import threading
import time

import pytest
from agent import Agent
from waiting import until
from wire import Wire, WebSocket, get, stream_content

MEBIBYTE = 1 << 20


@pytest.fixture(scope='module', name='node')
def running_node():
    with Agent('--context', '/app', '--context', '/app/deep') as node:
        yield node
        assert node.stop() == 0


@pytest.mark.parametrize('path', ['/', '/app', '/app/', '/app/deep', '/app;jsessionid=1.n1?x=1'])
def test_the_page_is_at_the_root_and_below_each_context(node, path):
    reply = get(node.port, path, 'X-Probe: <b>&"')
    assert reply.status == 200 and reply.route == 'n1'
    assert 'Served by' in reply.text and '&lt;b&gt;&amp;&quot;' in reply.text
    assert '<b>&"' not in reply.text


def test_links_of_the_page_lead_to_pages(node):
    links = re.findall(r'href="([^"]+)"', get(node.port, '/app/').text)
    assert '/app/json' in links
    for link in links:
        want = 503 if 'code=503' in link else 200
        assert get(node.port, link.replace('ms=2000', 'ms=1')).status == want, link


def test_what_is_not_there_is_404(node):
    for path in ('/nothing', '/app/nothing', '/application', '/appjson'):
        assert get(node.port, path).status == 404, path


def test_a_session_is_counted_and_its_cookie_names_the_route(node):
    with Wire(node.port) as wire:
        first = wire.get('/json')
        cookie = re.match(r'JSESSIONID=(([0-9A-F]{32})\.n1); Path=/; HttpOnly', first['set-cookie'])
        assert json.loads(first.text)['count'] == 1
        for count in (2, 3):
            reply = wire.get('/app/json', f'Cookie: a=b; JSESSIONID={cookie.group(1)}')
            seen = json.loads(reply.text)
            assert seen['count'] == count and seen['session'] == cookie.group(2)
            assert reply['set-cookie'] is None


def test_a_session_of_another_node_goes_on_with_this_route(node):
    reply = get(node.port, '/json', 'Cookie: JSESSIONID=abc.n9')
    assert json.loads(reply.text)['session'] == 'abc'
    assert reply['set-cookie'].startswith('JSESSIONID=abc.n1;')


def test_a_session_id_that_is_none_is_replaced(node):
    reply = get(node.port, '/json', 'Cookie: JSESSIONID=<script>.n1')
    assert re.match(r'[0-9A-F]{32}$', json.loads(reply.text)['session'])


@pytest.mark.parametrize('chunked', [False, True])
@pytest.mark.parametrize('size', [0, 1, 5, 70000, 5 * MEBIBYTE])
def test_echo_sends_the_body_back(node, size, chunked):
    body = stream_content(size)
    with Wire(node.port) as wire:
        head = 'POST /app/echo HTTP/1.1\r\nHost: x\r\nContent-Type: text/x-test\r\n'
        if chunked:
            head += 'Transfer-Encoding: chunked\r\n\r\n'
            sent = b''.join(b'%x\r\n%s\r\n' % (len(body[at:at + 9999]), body[at:at + 9999])
                            for at in range(0, size, 9999)) + b'0\r\n\r\n'
        else:
            head += f'Content-Length: {size}\r\n\r\n'
            sent = body
        thread = threading.Thread(target=wire.send, args=(head.encode() + sent,))
        thread.start()
        reply = wire.reply()
        thread.join()
        assert reply.status == 200 and reply.body == body and reply['content-type'] == 'text/x-test'
        assert reply['transfer-encoding'] == ('chunked' if chunked else None)
        assert wire.get('/json').status == 200, 'the connection is still in step'


@pytest.mark.parametrize('size', [0, 1, 15, 16, 17, 65536, 3 * MEBIBYTE + 5])
@pytest.mark.parametrize('more', ['', '&chunked=1'])
def test_stream_has_the_documented_content(node, size, more):
    reply = get(node.port, f'/stream?bytes={size}{more}')
    assert reply.status == 200 and reply.body == stream_content(size)
    assert (reply['transfer-encoding'] == 'chunked') == bool(more)


def test_upload_counts_and_checksums(node):
    body = stream_content(3 * MEBIBYTE + 7)
    reply = get(node.port, '/upload', method='PUT', body=body)
    assert json.loads(reply.text) == {'bytes': len(body),
                                      'sha256': hashlib.sha256(body).hexdigest()}
    assert json.loads(get(node.port, '/upload').text)['bytes'] == 0


def test_slow_answers_after_its_time_and_blocks_nobody(node):
    with Wire(node.port) as wire:
        start = time.monotonic()
        wire.send(b'GET /slow?ms=1500 HTTP/1.1\r\nHost: x\r\n\r\n')
        assert get(node.port, '/json').status == 200
        assert time.monotonic() - start < 1.4
        reply = wire.reply()
        assert reply.text == 'waited 1500 ms\n' and 1.49 < time.monotonic() - start < 10


@pytest.mark.parametrize('code', [200, 204, 302, 304, 404, 418, 500, 503, 599])
def test_status_answers_with_the_code(node, code):
    with Wire(node.port) as wire:
        assert wire.get(f'/status?code={code}').status == code
        assert wire.get('/json').status == 200


@pytest.mark.parametrize('path', ['/status', '/status?code=99', '/status?code=600', '/slow',
                                  '/slow?ms=x', '/stream', '/stream?bytes=-1',
                                  '/stream?bytes=9223372036854775808'])
def test_a_bad_parameter_is_400(node, path):
    assert get(node.port, path).status == 400


def test_options_of_anything_is_200(node):
    for target in ('*', '/', '/app/nothing'):
        reply = get(node.port, target, method='OPTIONS')
        assert reply.status == 200 and 'OPTIONS' in reply['allow'] and reply.body == b''


def test_head_has_no_body(node):
    with Wire(node.port) as wire:
        for path in ('/', '/json', '/stream?bytes=1000', '/stream?bytes=5&chunked=1', '/echo',
                     '/slow?ms=1', '/status?code=404'):
            wire.get(path, method='HEAD')
            assert wire.data == b''
        assert wire.get('/json').status == 200


def test_pipelined_requests_are_answered_in_order(node):
    with Wire(node.port) as wire:
        wire.send(b''.join(b'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n%04d' % n
                           for n in range(200))
                  + b'GET /slow?ms=20 HTTP/1.1\r\nHost: x\r\n\r\nGET /json HTTP/1.1\r\n\r\n')
        for n in range(200):
            assert wire.reply().body == b'%04d' % n
        assert wire.reply().text.startswith('waited')
        assert wire.reply().status == 200


def test_a_request_in_single_bytes_is_understood(node):
    with Wire(node.port) as wire:
        for byte in b'POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n' \
                    b'3\r\nabc\r\n0\r\n\r\n':
            wire.send(bytes([byte]))
        assert json.loads(wire.reply().text)['bytes'] == 3


def test_continue_is_sent_before_the_body_is_read(node):
    with Wire(node.port) as wire:
        wire.send(b'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n'
                  b'Expect: 100-continue\r\n\r\n')
        assert wire.answer(interim=True).status == 100
        wire.send(b'ok')
        assert wire.reply().body == b'ok'


def test_http_1_0_is_closed_after_the_answer(node):
    with Wire(node.port) as wire:
        wire.send(b'GET /stream?bytes=100&chunked=1 HTTP/1.0\r\n\r\n')
        head, body = wire.rest().split(b'\r\n\r\n', 1)
        assert body == stream_content(100) and b'chunked' not in head


@pytest.mark.parametrize('request_bytes, status', [
    (b'nonsense\r\n\r\n', 400),
    (b'GET / HTTP/1.1\nHost: x\n\n', 400),
    (b'POST /echo HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n', 400),
    (b'GET / HTTP/3.0\r\n\r\n', 505),
    (b'GET / HTTP/1.1\r\nA: ' + b'x' * 40000, 431),
])
def test_a_bad_head_gets_its_status_and_a_close(node, request_bytes, status):
    with Wire(node.port) as wire:
        wire.send(request_bytes)
        assert wire.rest().startswith(b'HTTP/1.1 %d ' % status)


def test_a_bad_body_or_its_early_end_is_a_close(node):
    for tail in (b'zz\r\n', b'5\r\nab'):
        with Wire(node.port) as wire:
            wire.send(b'POST /upload HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n' + tail)
            wire.sock.shutdown(socket.SHUT_WR)
            assert wire.rest() == b''


def test_a_half_closed_client_still_gets_its_answer(node):
    with Wire(node.port) as wire:
        wire.send(b'GET /slow?ms=100 HTTP/1.1\r\nHost: x\r\n\r\n')
        wire.sock.shutdown(socket.SHUT_WR)
        assert wire.rest().endswith(b'waited 100 ms\n')


def test_a_tunnel_echoes_frames(node):
    with WebSocket(node.port, '/app/ws') as ws:
        assert ws.head.status == 101
        for payload in (b'', b'hello', b'x' * 126, stream_content(70000), stream_content(MEBIBYTE)):
            sender = threading.Thread(target=ws.send, args=(2, payload))
            sender.start()
            assert ws.read() == (0x82, payload)
            sender.join()
        ws.send(1, b'part', fin=False)
        ws.send(9, b'are you there')
        ws.send(0, b'two')
        assert ws.read() == (0x01, b'part')
        assert ws.read() == (0x8a, b'are you there')
        assert ws.read() == (0x80, b'two')
        ws.send(8, b'\x03\xe8')
        assert ws.read() == (0x88, b'\x03\xe8')
        assert ws.wire.rest() == b''


def test_a_frame_without_a_mask_closes_the_tunnel(node):
    with WebSocket(node.port) as ws:
        ws.wire.send(b'\x81\x02Hi')
        assert ws.read() == (0x88, b'\x03\xea')


def test_a_plain_request_for_a_tunnel_is_426(node):
    reply = get(node.port, '/ws')
    assert reply.status == 426 and reply['upgrade'] == 'websocket'


def test_a_reader_that_does_not_read_costs_bounded_memory(node):
    before = node.memory()
    wires = [Wire(node.port) for _ in range(20)]
    for wire in wires[:10]:
        wire.send(b'GET /stream?bytes=4000000000 HTTP/1.1\r\nHost: x\r\n\r\n')
        wire.more()
    for wire in wires[10:]:
        wire.sock.settimeout(0.3)  # it can't send all: the other side stops reading
        with pytest.raises(TimeoutError):
            wire.send(b'POST /echo HTTP/1.1\r\nContent-Length: 900000000\r\n\r\n'
                      + b'x' * 30 * MEBIBYTE)
    assert get(node.port, '/json').status == 200
    assert node.memory() - before < 48 * MEBIBYTE
    for wire in wires:
        wire.close()


def test_many_connections_at_once(node):
    wires = [Wire(node.port) for _ in range(300)]
    for wire in wires:
        wire.send(b'GET /slow?ms=50 HTTP/1.1\r\nHost: x\r\n\r\n')
    for wire in wires:
        assert wire.reply().status == 200
        wire.close()


def test_it_ends_when_the_requests_that_run_are_finished():
    with Agent() as node, Wire(node.port) as wire, Wire(node.port) as idle:
        assert idle.get('/json').status == 200
        wire.send(b'GET /slow?ms=600 HTTP/1.1\r\nHost: x\r\n\r\n')
        until(lambda: get(node.port, '/json').status == 200)
        node.signal()
        assert idle.rest() == b''
        reply = wire.reply()
        assert reply.status == 200 and reply['connection'] == 'keep-alive'
        assert node.wait_exit(5) == 0
