# SPDX-License-Identifier: Apache-2.0
"""Large bodies in bounded memory, slow clients and slow nodes, clients that leave at every stage,
reloads and dead workers under load. MCMP_BYTES sets the size of the large bodies."""
import os
import signal
import socket
import struct
import threading
import time

import pytest

import ajp
import raw
from ajp import Container
from nginx import Nginx
from nodes import Node
from server import peak
from waiting import until

BYTES = int(os.environ.get('MCMP_BYTES', 64 << 20))
SECONDS = float(os.environ.get('MCMP_SECONDS', 3))
KINDS = {'http': Node, 'ajp': Container}
BLOCK = bytes(range(256)) * 256
STREAM = ('location / { mcmp_pass cluster; proxy_request_buffering off; proxy_buffering off; '
          'client_max_body_size 0; }')
BUFFERED = 'location / { mcmp_pass cluster; proxy_max_temp_file_size 0; client_max_body_size 0; }'


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def counts(conn, request):
    """The size of the request's body."""
    sizes = []

    def sink(data):
        sizes.append(len(data))
    if isinstance(conn, ajp.Connection):
        conn.content(request, sink)
    else:
        conn.body(request, sink)
    return sum(sizes)


def sends(conn, size):
    """An answer of this size."""
    if isinstance(conn, ajp.Connection):
        part = ajp.chunk(BLOCK[:8184]) * 8
        conn.send(ajp.head(200, [('Content-Length', str(size))]))
        step = 8184 * 8
        for _ in range(size // step):
            conn.send(part)
        rest = size % step
        while rest > 0:
            conn.send(ajp.chunk(BLOCK[:min(rest, 8184)]))
            rest -= min(rest, 8184)
        conn.send(ajp.end())
        return
    conn.send(f'HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n')
    for at in range(0, size, len(BLOCK)):
        conn.send(BLOCK[:min(len(BLOCK), size - at)])


def app(_node, conn, request):
    size = counts(conn, request)
    want = (request.uri if isinstance(conn, ajp.Connection) else request.target).split('/')[-1]
    if want.isdigit():
        sends(conn, int(want))
    else:
        conn.reply(str(size))


@pytest.mark.parametrize('locations', [STREAM, BUFFERED], ids=['streamed', 'buffered'])
def test_big_bodies_both_ways_need_little_memory(kind, locations):
    with KINDS[kind]('n1', app) as node, Nginx(locations=locations, workers=1) as server:
        server.register('n1', node.port, scheme=kind)
        assert server.get('/10').status == 200
        worker = server.workers()[0]
        before = peak(worker)
        got = []
        with server.client(timeout=120) as client:
            client.send(f'GET /{BYTES} HTTP/1.1\r\nHost: a\r\n\r\n')
            client.answer(sink=lambda data: got.append(len(data)))
            assert sum(got) == BYTES
            for frame in (f'Content-Length: {BYTES}', 'Transfer-Encoding: chunked'):
                client.send(f'PUT /up HTTP/1.1\r\nHost: a\r\n{frame}\r\n\r\n')
                chunked = 'chunked' in frame
                piece = (b'%x\r\n' % len(BLOCK) + BLOCK + b'\r\n') if chunked else BLOCK
                for _ in range(BYTES // len(BLOCK)):
                    client.send(piece)
                if chunked:
                    client.send(b'0\r\n\r\n')
                assert client.answer().body == str(BYTES // len(BLOCK) * len(BLOCK)).encode()
        assert peak(worker) - before < 24 << 20


def test_a_slow_client_holds_the_node_back_and_no_other_request(kind):
    sent = []

    def handler(_node, conn, request):
        if (request.uri if kind == 'ajp' else request.target) != '/slow':
            app(_node, conn, request)
            return
        conn.send(ajp.head(200) if kind == 'ajp' else 'HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n')
        for _ in range(1500):
            conn.send(ajp.chunk(BLOCK[:8184]) * 8 if kind == 'ajp' else BLOCK)
            sent.append(1)

    with KINDS[kind]('n1', handler) as node, Nginx(locations=STREAM, workers=1) as server:
        server.register('n1', node.port, scheme=kind)
        worker = server.workers()[0]
        with server.client(rcvbuf=4096) as client:
            client.send('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n')
            assert client.head().status == 200
            until(lambda: is_still(sent), 20, 'the node is held back')
            assert len(sent) < 1000
            before = peak(worker)
            assert server.get('/10').body == BLOCK[:10]
            assert peak(worker) - before < 4 << 20
        until(lambda: server.nodes()['n1']['Connected'] == '0', 10)
        assert server.get('/10').status == 200


def is_still(items):
    before = len(items)
    time.sleep(0.3)
    return before > 0 and len(items) == before


def test_a_slow_node_holds_the_client_back(kind):
    gate = threading.Event()

    def handler(node, conn, request):
        if kind == 'ajp' and request.get('content-length') != '0':
            gate.wait(20)
        elif kind == 'http':
            gate.wait(20)
        app(node, conn, request)

    with KINDS[kind]('n1', handler) as node, Nginx(locations=STREAM, workers=1) as server:
        server.register('n1', node.port, scheme=kind)
        worker = server.workers()[0]
        before = peak(worker)
        sent = []
        size = 64 << 20
        with server.client(timeout=60) as client:
            client.send(f'PUT /up HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n')

            def push():
                for _ in range(size // len(BLOCK)):
                    client.send(BLOCK)
                    sent.append(1)
            thread = threading.Thread(target=push)
            thread.start()
            until(lambda: is_still(sent), 20, 'the client is held back')
            assert len(sent) * len(BLOCK) < size
            gate.set()
            thread.join(60)
            assert client.answer().body == str(size).encode()
        assert peak(worker) - before < 8 << 20


def leave(client, how):
    if how == 'reset':
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    client.close()


STAGES = {
    'inside the head': (b'GET /x HTTP/1.1\r\nHo', None),
    'before the body': (b'PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n', None),
    'inside the body': (b'PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n' +
                        b'x' * 30000, None),
    'inside a chunk': (b'PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
                       b'ffff\r\n' + b'x' * 30000, None),
    'before the answer': (b'GET /wait HTTP/1.1\r\nHost: a\r\n\r\n', None),
    'inside the answer': (b'GET /100000000 HTTP/1.1\r\nHost: a\r\n\r\n', 20000),
}


@pytest.mark.parametrize('how', ['FIN', 'reset'])
@pytest.mark.parametrize('locations', [STREAM, BUFFERED], ids=['streamed', 'buffered'])
def test_a_client_that_leaves_at_any_stage_leaves_nothing_behind(kind, locations, how):
    def handler(node, conn, request):
        if (request.uri if kind == 'ajp' else request.target) == '/wait':
            conn.sock.settimeout(20)
            conn.sock.recv(1)  # nginx closes
            return False
        return app(node, conn, request)

    with KINDS[kind]('n1', handler) as node, Nginx(locations=locations, workers=1) as server:
        server.register('n1', node.port, scheme=kind)
        for stage, (data, read) in STAGES.items():
            client = server.client()
            client.send(data)
            time.sleep(0.05)
            if read:
                client.exactly(read)
            leave(client, how)
            until(lambda: server.nodes()['n1']['Connected'] == '0', 10, stage)
            assert server.get('/10').body == BLOCK[:10], stage
        row = server.nodes()['n1']
        assert (row['Load'], row['Connected']) == ('100', '0'), 'no fault of the node'


class Load:
    """Clients that count what was answered and what was not."""

    def __init__(self, server, clients=6, path='/100'):
        self.server = server
        self.path = path
        self.stop = threading.Event()
        self.good = 0
        self.bad = []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(number,))
                        for number in range(clients)]

    def once(self, number):
        method, body = (('GET', b''), ('PUT', b'x' * 3000))[number % 2]
        return self.server.get(self.path, method=method, body=body).status

    def run(self, number):
        while not self.stop.is_set():
            try:
                status = self.once(number)
            except (OSError, raw.Closed) as error:
                status = repr(error)
            with self.lock:
                if status == 200:
                    self.good += 1
                else:
                    self.bad.append(status)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join(20)


def test_reloads_under_load_lose_no_request_and_no_node(kind):
    with KINDS[kind]('n1', app) as node, KINDS[kind]('n2', app) as other, Nginx() as server:
        for each in (node, other):
            server.register(each.route, each.port, scheme=kind)
        with Load(server) as load:
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                server.reload()
        assert not load.bad and load.good > 50
        assert {row['Connected'] for row in server.nodes().values()} == {'0'}
        assert set(server.nodes()) == {'n1', 'n2'}


def test_a_killed_worker_gives_back_what_it_held(kind):
    with KINDS[kind]('n1', app) as node, Nginx() as server:
        server.allow_deaths = True
        server.register('n1', node.port, scheme=kind)
        with Load(server) as load:
            for _ in range(3):
                time.sleep(0.3)
                victim = server.workers()[0]
                os.kill(victim, signal.SIGKILL)
                until(lambda gone=victim: gone not in server.workers() and
                      len(server.workers()) == 2, 10, 'a new worker')
        assert load.good > 30
        assert all(not isinstance(status, int) for status in load.bad), load.bad
        until(lambda: server.nodes()['n1']['Connected'] == '0', 15, 'nothing is held')
        for _ in range(4):
            assert server.get('/10').status == 200


def test_requests_of_an_old_worker_are_counted_until_they_end(kind):
    gate = threading.Event()

    def handler(node, conn, request):
        gate.wait(20)
        app(node, conn, request)

    with KINDS[kind]('n1', handler) as node, Nginx(workers=1) as server, server.client() as client:
        server.register('n1', node.port, scheme=kind)
        client.send('GET /10 HTTP/1.1\r\nHost: a\r\n\r\n')
        until(lambda: server.nodes()['n1']['Connected'] == '1', 5)
        server.reload(wait=False)
        until(lambda: len(server.workers()) == 2, 10, 'old and new')
        assert server.nodes()['n1']['Connected'] == '1'
        gate.set()
        assert client.answer().status == 200
        until(lambda: server.nodes()['n1']['Connected'] == '0', 10)
        until(lambda: len(server.workers()) == 1, 10, 'the old worker ends')
