# SPDX-License-Identifier: Apache-2.0
"""Many connections, and nodes that die and come back while requests run (MCMP_SECONDS sets how
long)."""
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time

import raw
from nodes import Node
from server import Server, is_sanitized, peak
from waiting import until

SECONDS = float(os.environ.get('MCMP_SECONDS', 5))
NODE_PROCESS = os.path.join(os.path.dirname(__file__), '../lib/node_process.py')
LIMIT = (64 << 20) * (8 if is_sanitized() else 1)


class NodeProcess:
    """A node that can be killed."""

    def __init__(self, route, port=0):
        self.route = route
        self.process = subprocess.Popen([sys.executable, NODE_PROCESS, route, str(port)],
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


class Load:
    """Keep-alive clients that send GET after GET until told to stop."""

    def __init__(self, address, count):
        self.address = address
        self.stopping = False
        self.lock = threading.Lock()
        self.results = []  # (time, status, route)
        self.threads = [threading.Thread(target=self._run) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def _run(self):
        client = raw.Client(self.address)
        while not self.stopping:
            try:
                answer = client.get('/')
                result = (answer.status, answer.get('X-Route'))
                closing = answer.get('Connection') == 'close'
            except (raw.Closed, ConnectionError):
                result, closing = (0, None), True
            with self.lock:
                self.results.append((time.monotonic(), *result))
            if closing:
                client.close()
                client = raw.Client(self.address)
        client.close()

    def routes_since(self, start):
        with self.lock:
            return {route for when, _, route in self.results if when > start}

    def stop(self):
        self.stopping = True
        for thread in self.threads:
            thread.join()


def test_a_killed_node_costs_at_most_what_it_was_serving_and_comes_back():
    count = 8
    with Server('--recalc', '200ms') as server:
        nodes = [NodeProcess(f'n{i}') for i in range(3)]
        load = None
        try:
            for node in nodes:
                server.register(node.route, node.port)
            load = Load(server.traffic, count)
            until(lambda: len(load.routes_since(0)) == 3, what='all three serve')
            for _ in range(3):
                killed = time.monotonic()
                nodes[0].kill()
                until(lambda t=killed: len(load.routes_since(t)) >= 2, what='the others serve')
                settled = time.monotonic()
                until(lambda t=settled: len([r for r in load.results if r[0] > t]) > 100,
                      what='100 more requests')
                with load.lock:
                    failed = [r for r in load.results if r[0] > killed and r[1] != 200]
                assert len(failed) <= count, failed
                nodes[0] = NodeProcess('n0', nodes[0].port)
                back = time.monotonic()
                until(lambda t=back: 'n0' in load.routes_since(t), what='it comes back by itself')
            until(lambda: sum(int(n['Connected']) for n in server.nodes().values()) <= count,
                  what='few are counted as running')
        finally:
            if load:
                load.stop()
            for node in nodes:
                node.kill()
        until(lambda: sum(int(n['Connected']) for n in server.nodes().values()) == 0,
              what='none is counted as running')


def test_idle_and_busy_connections_live_side_by_side():
    idle_count, busy_count = 1000, 200
    with Server() as server, Node('n') as node:
        server.register('n', node.port)
        idle = []
        busy = {}
        selector = selectors.DefaultSelector()
        request = b'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
        try:
            for _ in range(idle_count):
                idle.append(raw.Client(server.traffic))
            for _ in range(busy_count):
                client = raw.Client(server.traffic)
                client.sock.setblocking(False)
                busy[client.sock] = 0
                selector.register(client.sock, selectors.EVENT_READ)
                client.sock.send(request)
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                for key, _ in selector.select(1):
                    data = key.fileobj.recv(65536)
                    assert data.startswith(b'HTTP/1.1 200 ') and data.endswith(b'n '), data
                    busy[key.fileobj] += 1
                    key.fileobj.send(request)
            assert min(busy.values()) > 0
            assert all(peak(pid) < LIMIT for pid in server.workers())
            for client in idle:
                assert client.get('/').status == 200
        finally:
            selector.close()
            for sock in busy:
                sock.close()
            for client in idle:
                client.close()


def test_connections_over_the_limit_wait_for_their_turn():
    with Server('--max-connections', 5) as server:
        clients = [raw.Client(server.traffic) for _ in range(5)]
        for client in clients:
            assert client.get('/').status == 404
        extra = raw.Client(server.traffic, timeout=0.3)
        extra.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
        try:
            extra.answer()
            raise AssertionError('served over the limit')
        except TimeoutError:
            pass
        clients[0].close()
        extra.sock.settimeout(10)
        assert extra.answer().status == 404
        for client in clients[1:] + [extra]:
            client.close()


def test_a_client_that_resets_in_the_middle_harms_nobody():
    with Server() as server, Node('n') as node:
        server.register('n', node.port)
        for i in range(200):
            client = raw.Client(server.traffic)
            client.send(b'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n'
                        + b'x' * (i * 400))
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
            client.close()
        assert server.get('/').status == 200
        until(lambda: server.nodes()['n']['Connected'] == '0', what='nothing is held')
