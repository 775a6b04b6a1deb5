# SPDX-License-Identifier: Apache-2.0
"""Whatever a connection waits for, the worker sleeps meanwhile: no event comes again and again."""
import os
import select
import socket
import threading

import pytest

import mcmp
import raw
from nodes import Node
from server import Server
from test_tls import certificate  # noqa: F401 pylint: disable=unused-import
from waiting import until

WINDOW = 0.4
TICKS = os.sysconf('SC_CLK_TCK')


def cpu(server):
    total = 0
    for pid in server.workers():
        with open(f'/proc/{pid}/stat', encoding='ascii') as file:
            words = file.read().rsplit(')', 1)[1].split()
        total += int(words[11]) + int(words[12])
    return total / TICKS


def assert_sleeps(server):
    """A spinning worker takes all of the time; one that serves its timers next to nothing."""
    used = []

    def settled():
        before = cpu(server)
        select.select([], [], [], WINDOW)
        used.append(cpu(server) - before)
        return used[-1] < WINDOW / 4
    until(settled, 4, f'{used} s of CPU in {WINDOW} s')


class Held:
    """A node that answers when released; before that it takes the head only, or all (takes)."""

    def __init__(self, tls=None, first=b'', takes=False):
        self.release = threading.Event()
        self.taken = threading.Event()
        self.first = first
        self.takes = takes
        self.node = Node('n', self.handler, tls=tls)

    def handler(self, _, conn, request):
        if self.first:
            conn.send(self.first)
        if self.takes:
            conn.body(request)
            self.taken.set()
        self.release.wait(30)
        if not self.first:
            if not self.takes:
                conn.body(request)
            conn.reply('ok')

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.release.set()
        self.node.stop()


@pytest.fixture(name='held')
def held_node():
    with Held() as held, Server() as server:
        server.register('n', held.node.port)
        held.server = server
        with raw.Client(server.traffic) as client:
            held.client = client
            yield held


def wait_for_request(held):
    until(lambda: held.node.requests, what='the request is at the node')


def test_while_the_node_thinks(held):
    held.client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    wait_for_request(held)
    assert_sleeps(held.server)
    held.release.set()
    assert held.client.answer().status == 200


def test_while_the_client_has_ended_its_side(held):
    held.client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    held.client.sock.shutdown(socket.SHUT_WR)
    wait_for_request(held)
    assert_sleeps(held.server)
    held.release.set()
    assert held.client.answer().status == 200


def test_while_more_requests_wait_than_the_buffer_holds(held):
    count = 4000
    held.client.send(b'GET / HTTP/1.1\r\nHost: x\r\n\r\n' * count)
    wait_for_request(held)
    assert_sleeps(held.server)
    held.release.set()
    for _ in range(count):
        assert held.client.answer().status == 200


def fill(client, data):
    client.sock.settimeout(0.3)
    sent = 0
    try:
        while True:
            sent += client.sock.send(data)
    except TimeoutError:
        client.sock.settimeout(20)
        return sent


def test_while_the_node_takes_nothing(held):
    held.client.send(f'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {1 << 30}\r\n\r\n')
    fill(held.client, b'x' * 65536)
    assert_sleeps(held.server)
    held.node.drop_connections()
    assert held.client.answer().status == 502


def test_while_the_client_takes_nothing():
    first = b'HTTP/1.1 200 OK\r\nContent-Length: 30000000\r\n\r\n' + b'x' * 30000000
    with Held(first=first) as held, Server() as server:
        server.register('n', held.node.port)
        with raw.Client(server.traffic, rcvbuf=4096) as client:
            client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
            wait_for_request(held)
            assert_sleeps(server)
            assert len(client.answer().body) == 30000000


def test_while_a_client_owes_its_body(held):
    held.client.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab')
    wait_for_request(held)
    assert_sleeps(held.server)
    held.client.send('cde')
    held.release.set()
    assert held.client.answer().status == 200


def test_while_the_node_closed_its_ears_but_not_its_mouth():
    def deaf(node, conn, request):
        conn.sock.shutdown(socket.SHUT_RD)
        node.release.wait(30)
        return False
    with Node('n', deaf) as node, Server() as server:
        node.release = threading.Event()
        server.register('n', node.port, Maxattempts=0)
        with raw.Client(server.traffic) as client:
            client.send(f'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {1 << 30}\r\n\r\n')
            fill(client, b'x' * 65536)
            assert_sleeps(server)
        node.release.set()


@pytest.mark.parametrize('size', [10, 8 << 20])
def test_while_a_tls_node_thinks(cert, size):
    with Held(tls=cert, takes=True) as held, Server('--tls-ca', cert.path) as server:
        server.register('n', held.node.port, scheme='https')
        with raw.Client(server.traffic) as client:
            client.send(f'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n')
            client.send(b'x' * size)
            assert held.taken.wait(20)
            assert_sleeps(server)
            held.release.set()
            assert client.answer().status == 200


def test_while_a_tls_node_takes_nothing(cert):
    with Held(tls=cert) as held, Server('--tls-ca', cert.path) as server:
        server.register('n', held.node.port, scheme='https')
        with raw.Client(server.traffic) as client:
            client.send(f'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {1 << 30}\r\n\r\n')
            fill(client, b'x' * 65536)
            assert_sleeps(server)
            held.node.drop_connections()
            assert client.answer().status == 502


@pytest.mark.parametrize('ended', ['none', 'client', 'node'])
def test_while_a_tunnel_is_silent(ended):
    def tunnel(node, conn, request):
        conn.send('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n'
                  'Connection: Upgrade\r\n\r\nhello')
        if ended == 'node':
            conn.sock.shutdown(socket.SHUT_WR)
        node.release.wait(30)
        return False
    with Node('n', tunnel) as node, Server() as server:
        node.release = threading.Event()
        server.register('n', node.port)
        with raw.Client(server.traffic) as client:
            client.send('GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n'
                        'Connection: Upgrade\r\n\r\n')
            assert client.answer(interim=True).status == 101
            assert client.exactly(5) == b'hello'
            if ended == 'client':
                client.sock.shutdown(socket.SHUT_WR)
            if ended == 'node':
                assert client.is_closed()
            assert_sleeps(server)
        node.release.set()


def test_while_a_request_waits_for_a_usable_node():
    with Server() as server, Node('n') as node:
        server.register('n', node.port, WaitWorker=20)
        mcmp.send(server.management, 'STATUS', {'JVMRoute': 'n', 'Load': -1})
        with raw.Client(server.traffic) as client:
            client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n')
            client.sock.shutdown(socket.SHUT_WR)
            assert_sleeps(server)
            mcmp.send(server.management, 'STATUS', {'JVMRoute': 'n', 'Load': 1})
            assert client.answer().status == 200


def test_while_a_management_answer_waits_for_a_probe():
    def mute(_, conn):
        conn.rest()
    with Server() as server, Node('n', raw_handler=mute) as node:
        fields = {'JVMRoute': 'n', 'Host': '127.0.0.1', 'Port': node.port, 'Type': 'http',
                  'ping': '5s'}
        mcmp.send(server.management, 'CONFIG', fields)
        with raw.Client(server.management) as client:
            client.send('STATUS / HTTP/1.1\r\nContent-Length: 17\r\n\r\nJVMRoute=n&Load=1'
                        'PING / HTTP/1.1\r\n\r\n')
            client.sock.shutdown(socket.SHUT_WR)
            until(lambda: node.connections > 0, what='the probe runs')
            assert_sleeps(server)
            node.stop()
            assert b'State=NOTOK' in client.answer().body
            assert b'Type=PING-RSP' in client.answer().body
            assert client.is_closed()


def test_with_idle_connections_and_at_the_limit():
    with Server('--max-connections', 3, '--management-max-connections', 2) as server:
        clients = [raw.Client(server.traffic) for _ in range(5)]
        clients += [raw.Client(server.management) for _ in range(4)]
        assert clients[0].get('/').status == 404
        assert_sleeps(server)
        for client in clients:
            client.close()
