# SPDX-License-Identifier: Apache-2.0
"""Bodies of any size in bounded memory, with back-pressure both ways (MCMP_BYTES sets the size)."""
import hashlib
import os
import threading
import time

import pytest

import raw
from nodes import Node
from server import Server, is_sanitized, peak, rss
from waiting import until

SIZE = int(os.environ.get('MCMP_BYTES', 256 << 20))
BLOCK = bytes(range(256)) * 1024
# Shadow memory and the quarantine of a sanitizer are no memory of the program.
LIMIT = (64 << 20) * (4 if is_sanitized() else 1)


def content_digest(size):
    digest = hashlib.sha256()
    for _ in range(size // len(BLOCK)):
        digest.update(BLOCK)
    digest.update(BLOCK[:size % len(BLOCK)])
    return digest.hexdigest()


def send_content(conn, size, chunked):
    left = size
    while left > 0:
        piece = BLOCK[:left]
        if chunked:
            conn.send(b'%x\r\n' % len(piece) + piece + b'\r\n')
        else:
            conn.send(piece)
        left -= len(piece)
    if chunked:
        conn.send(b'0\r\n\r\n')


def big(_, conn, request):
    """Takes any upload and tells its checksum; a GET gets the content."""
    chunked = request.target == '/chunked'
    if request.method == 'GET':
        framing = 'Transfer-Encoding: chunked' if chunked else f'Content-Length: {SIZE}'
        conn.send(f'HTTP/1.1 200 OK\r\n{framing}\r\n\r\n')
        send_content(conn, SIZE, chunked)
        return
    digest = hashlib.sha256()
    conn.body(request, digest.update)
    conn.reply(digest.hexdigest())


@pytest.fixture(scope='module', name='proxy')
def running():
    with Node('n', big) as node, Server() as server:
        server.register('n', node.port)
        yield server
        for pid in server.workers():
            assert peak(pid) < LIMIT, f'{peak(pid)} bytes at most'


@pytest.mark.parametrize('path', ['/length', '/chunked'])
def test_a_big_download_arrives_whole(proxy, path):
    digest = hashlib.sha256()
    with raw.Client(proxy.traffic, timeout=120) as client:
        client.send(f'GET {path} HTTP/1.1\r\nHost: x\r\n\r\n')
        assert client.answer(sink=digest.update).status == 200
    assert digest.hexdigest() == content_digest(SIZE)
    assert all(rss(pid) < LIMIT for pid in proxy.workers())


@pytest.mark.parametrize('chunked', [False, True])
def test_a_big_upload_arrives_whole(proxy, chunked):
    with raw.Client(proxy.traffic, timeout=120) as client:
        framing = 'Transfer-Encoding: chunked' if chunked else f'Content-Length: {SIZE}'
        client.send(f'POST / HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n')
        send_content(client, SIZE, chunked)
        assert client.answer().body.decode() == content_digest(SIZE)
    assert all(rss(pid) < LIMIT for pid in proxy.workers())


def test_a_slow_client_holds_the_node_back():
    state = {}

    def endless(_, conn, request):
        conn.send(f'HTTP/1.1 200 OK\r\nContent-Length: {1 << 40}\r\n\r\n')
        conn.sock.settimeout(1)
        state['sent'] = 0
        try:
            while True:
                state['sent'] += conn.sock.send(BLOCK)
        except TimeoutError:
            state['full'] = True
        return False
    with Node('n', endless) as node, Server() as server:
        server.register('n', node.port)
        with raw.Client(server.traffic, rcvbuf=65536) as client:
            client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
            until(lambda: state.get('full'), 30, 'the node can send no more')
            assert state['sent'] < 32 << 20
            assert all(peak(pid) < LIMIT for pid in server.workers())


def test_a_slow_node_holds_the_client_back():
    go_on = threading.Event()

    def slow(_, conn, request):
        go_on.wait(30)
        digest = hashlib.sha256()
        conn.body(request, digest.update)
        conn.reply(digest.hexdigest())
    size = 64 << 20
    with Node('n', slow) as node, Server() as server:
        server.register('n', node.port)
        with raw.Client(server.traffic, timeout=1) as client:
            client.send(f'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n')
            left = size
            try:
                while left > 0:
                    left -= client.sock.send(BLOCK[:left])
            except TimeoutError:
                pass
            assert left > size // 2
            assert all(peak(pid) < LIMIT for pid in server.workers())
            go_on.set()
            client.sock.settimeout(30)
            # what was sent is a prefix of BLOCK repeated: go on where it stopped
            done = size - left
            while left > 0:
                at = done % len(BLOCK)
                sent = client.sock.send(BLOCK[at:at + left])
                left -= sent
                done += sent
            assert len(client.answer().body) == 64


def test_both_directions_flow_at_once():
    def echo(_, conn, request):
        conn.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
        conn.body(request, lambda piece: conn.send(b'%x\r\n' % len(piece) + piece + b'\r\n'))
        conn.send('0\r\n\r\n')
    size = 64 << 20
    with Node('n', echo) as node, Server() as server:
        server.register('n', node.port)
        with raw.Client(server.traffic, timeout=60) as client:
            client.send(f'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n')
            sender = threading.Thread(target=send_content, args=(client, size, False))
            sender.start()
            digest = hashlib.sha256()
            assert client.answer(sink=digest.update).status == 200
            sender.join()
            assert digest.hexdigest() == content_digest(size)


def test_a_stalled_taker_is_cut_after_send_timeout():
    def endless(_, conn, request):
        conn.send(f'HTTP/1.1 200 OK\r\nContent-Length: {1 << 40}\r\n\r\n')
        while True:
            conn.send(BLOCK)
    with Node('n', endless) as node, Server('--send-timeout', '500ms') as server:
        server.register('n', node.port)
        with raw.Client(server.traffic, rcvbuf=65536) as client:
            client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
            until(lambda: '"cut":true' in server.access(), what='it is cut')
            assert not client.rest().endswith(b'\r\n0\r\n\r\n')


def test_pieces_are_passed_on_as_they_come():
    asked = threading.Event()

    def trickle(_, conn, request):
        conn.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
        for i in range(5):
            conn.send(f'2\r\n{i}!\r\n')
            asked.wait(20)
            asked.clear()
        conn.send('0\r\n\r\n')
    with Node('n', trickle) as node, Server() as server:
        server.register('n', node.port)
        with raw.Client(server.traffic) as client:
            client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
            pieces = []

            def sink(piece):
                pieces.append(piece)
                asked.set()
            start = time.monotonic()
            client.answer(sink=sink)
            assert b''.join(pieces) == b'0!1!2!3!4!'
            assert time.monotonic() - start < 10
