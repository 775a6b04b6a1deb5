# SPDX-License-Identifier: Apache-2.0
"""Bad, oversized, ambiguous and slow input on both ports: the right status or a close, and the
server goes on. Server.stop() fails the test when a sanitizer found something."""
import os
import random
import socket
import struct

import pytest

import mcmp
import raw
from nodes import Node
from server import Server
from waiting import until


@pytest.fixture(scope='module', name='both')
def both_ports():
    with Node('n1') as node, Server('--max-head', '8k', '--max-target', '2k', '--max-headers', 50,
                                    '--header-timeout', '500ms', '--management-timeout', '1s',
                                    '--max-body', '100k') as server:
        server.register('n1', node.port)
        server.node = node
        yield server
        assert server.get('/').status == 200


HOST = b'Host: x\r\n'

TRAFFIC = {
    'garbage': (b'\x16\x03\x01\x02\x00\x01\r\n\r\n', 400),
    'no version': (b'GET /\r\n\r\n', 400),
    'version 2.0': (b'GET / HTTP/2.0\r\n' + HOST + b'\r\n', 505),
    'version 3': (b'GET / HTTP/1.2\r\n' + HOST + b'\r\n', None),
    'blank in the target': (b'GET /a b HTTP/1.1\r\n' + HOST + b'\r\n', 400),
    'NUL in the target': (b'GET /a\0b HTTP/1.1\r\n' + HOST + b'\r\n', 400),
    'NUL in a header': (b'GET / HTTP/1.1\r\n' + HOST + b'A: b\0c\r\n\r\n', 400),
    'bare LF': (b'GET / HTTP/1.1\nHost: x\n\n', 400),
    'bare CR': (b'GET / HTTP/1.1\r\n' + HOST + b'A: b\rc\r\n\r\n', 400),
    'folded header': (b'GET / HTTP/1.1\r\n' + HOST + b'A: b\r\n c\r\n\r\n', 400),
    'blank before the colon': (b'GET / HTTP/1.1\r\n' + HOST + b'A : b\r\n\r\n', 400),
    'no host': (b'GET / HTTP/1.1\r\n\r\n', 400),
    'two hosts': (b'GET / HTTP/1.1\r\n' + HOST + HOST + b'\r\n', 400),
    'bad host': (b'GET / HTTP/1.1\r\nHost: a b\r\n\r\n', 400),
    'length and coding': (b'POST / HTTP/1.1\r\n' + HOST + b'Content-Length: 3\r\n'
                          b'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400),
    'two lengths': (b'POST / HTTP/1.1\r\n' + HOST + b'Content-Length: 3\r\nContent-Length: 4\r\n'
                    b'\r\nabcd', 400),
    'negative length': (b'POST / HTTP/1.1\r\n' + HOST + b'Content-Length: -1\r\n\r\n', 400),
    'huge length': (b'POST / HTTP/1.1\r\n' + HOST + b'Content-Length: 99999999999999999999\r\n'
                    b'\r\n', (400, 413)),
    'body over max-body': (b'POST / HTTP/1.1\r\n' + HOST + b'Content-Length: 102401\r\n\r\n', 413),
    'coding not last': (b'POST / HTTP/1.1\r\n' + HOST + b'Transfer-Encoding: chunked, gzip\r\n'
                        b'\r\n', (400, 501)),
    'unknown coding': (b'POST / HTTP/1.1\r\n' + HOST + b'Transfer-Encoding: x\r\n\r\n',
                       (400, 501)),
    'bad chunk size': (b'POST / HTTP/1.1\r\n' + HOST + b'Transfer-Encoding: chunked\r\n\r\n'
                       b'zz\r\n', 400),
    'chunk without its end': (b'POST / HTTP/1.1\r\n' + HOST + b'Transfer-Encoding: chunked\r\n\r\n'
                              b'3\r\nabcd\r\n', 400),
    'chunks over max-body': (b'POST / HTTP/1.1\r\n' + HOST + b'Transfer-Encoding: chunked\r\n\r\n'
                             b'fffff\r\n', 413),
    'target at its limit': (b'GET /' + b'a' * 2047 + b' HTTP/1.1\r\n' + HOST + b'\r\n', 200),
    'target over its limit': (b'GET /' + b'a' * 2048 + b' HTTP/1.1\r\n' + HOST + b'\r\n', 414),
    'head over its limit': (b'GET / HTTP/1.1\r\n' + HOST + b'A: ' + b'b' * 9000 + b'\r\n\r\n',
                            431),
    'too many headers': (b'GET / HTTP/1.1\r\n' + HOST + b'A: b\r\n' * 60 + b'\r\n', 431),
    'path above the root': (b'GET /../etc HTTP/1.1\r\n' + HOST + b'\r\n', 400),
    'bad escape': (b'GET /%zz HTTP/1.1\r\n' + HOST + b'\r\n', 400),
    'CONNECT': (b'CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n', (400, 405, 501)),
}


@pytest.mark.parametrize('name', TRAFFIC)
def test_traffic(both, name):
    data, status = TRAFFIC[name]
    seen = len(both.node.requests)
    with raw.Client(both.traffic) as client:
        client.send(data)
        answer = client.answer()
        if status is not None:
            assert answer.status in (status if isinstance(status, tuple) else (status,))
        if answer.status != 200 and name != 'target over its limit':
            assert answer.get('Connection') == 'close' or answer.minor == 0
            client.sock.shutdown(socket.SHUT_WR)
            assert client.is_closed()
        if answer.status in (400, 414, 431, 501, 505) and b'chunk' not in data:
            assert len(both.node.requests) == seen, 'the node must not see it'


def test_a_slow_head_is_408_and_a_silent_connection_is_closed(both):
    with raw.Client(both.traffic) as client:
        client.send('GET / HTTP/1.1\r\nHo')
        answer = client.answer()
        assert (answer.status, answer.get('Connection')) == (408, 'close')
        assert client.is_closed()


def test_drops_of_a_head_do_not_prolong_its_time(both):
    with raw.Client(both.traffic, timeout=0.05) as client:
        got = b''
        for _ in range(200):
            try:
                client.sock.send(b'a')
                got = client.sock.recv(4096)
                break
            except TimeoutError:
                continue
        assert got.startswith(b'HTTP/1.1 408 ')


def test_an_idle_connection_is_closed():
    with Server('--idle-timeout', '300ms') as server, raw.Client(server.traffic) as client:
        assert client.is_closed()


MANAGEMENT = {
    'garbage': (b'\x16\x03\x01\r\n\r\n', 400),
    'two lengths': (b'STATUS / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab', 400),
    'length and coding': (b'STATUS / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked'
                          b'\r\n\r\n0\r\n\r\n', 400),
    'bad chunk': (b'STATUS / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 400),
    'bare LF': (b'STATUS / HTTP/1.1\nHost: x\n\n', 400),
    'NUL': (b'STATUS / HTTP/1.1\r\nA: \0\r\n\r\n', 400),
    'head over its limit': (b'STATUS / HTTP/1.1\r\nA: ' + b'b' * 20000 + b'\r\n\r\n', 400),
    'unknown command': (b'BREW / HTTP/1.1\r\n\r\n', 500),
    'NUL in a value': (b'STATUS / HTTP/1.1\r\nContent-Length: 14\r\n\r\nJVMRoute=a%00b', 500),
    'body over its limit': (b'CONFIG / HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n'
                            + b'a' * 3000000, 500),
}


@pytest.mark.parametrize('name', MANAGEMENT)
def test_management(both, name):
    data, status = MANAGEMENT[name]
    with raw.Client(both.management) as client:
        client.send(data)
        answer = client.answer()
        assert answer.status == status
        assert (answer.get('Version') is None) == (status == 400)
        if status == 400:
            assert client.is_closed()


def test_a_slow_message_is_cut(both):
    with raw.Client(both.management) as client:
        client.send('STATUS / HTTP/1.1\r\nContent-Length: 100\r\n\r\nJVMR')
        assert client.is_closed()


def test_a_half_closed_management_connection_gets_its_answer(both):
    with raw.Client(both.management) as client:
        client.send('VERSION / HTTP/1.1\r\n\r\n')
        client.sock.shutdown(socket.SHUT_WR)
        assert client.answer().status == 200
        assert client.is_closed()
    with raw.Client(both.management) as client:
        client.send('STATUS / HTTP/1.1\r\nContent-Length: 100\r\n\r\nJVMR')
        client.sock.shutdown(socket.SHUT_WR)
        assert client.is_closed()


def test_management_connections_go_on_and_close_when_told_to(both):
    with raw.Client(both.management) as client:
        for _ in range(3):
            assert mcmp.message(client, 'PING').status == 200
        answer = mcmp.message(client, 'PING', headers=[('Connection', 'close')])
        assert (answer.status, answer.get('Connection')) == (200, 'close')
        assert client.is_closed()
    page = raw.get(both.management, '/')
    assert (page.status, page.get('Content-Type').split(';')[0]) == (200, 'text/html')


def test_a_limit_of_management_connections_holds():
    with Server('--management-max-connections', 2) as server:
        first, second = (raw.Client(server.management) for _ in range(2))
        assert mcmp.message(first, 'PING').status == 200
        assert mcmp.message(second, 'PING').status == 200
        third = raw.Client(server.management, timeout=0.3)
        third.send('PING / HTTP/1.1\r\n\r\n')
        with pytest.raises(TimeoutError):
            third.answer()
        first.close()
        third.sock.settimeout(10)
        assert third.answer().status == 200
        second.close()
        third.close()


def test_peers_outside_the_allow_list_are_refused():
    with Server('--allow', '192.0.2.0/24') as server:
        for command in ('CONFIG', 'INFO', 'PING', 'VERSION', 'DUMP', 'STATUS'):
            answer = mcmp.send(server.management, command)
            assert (answer.status, answer.get('Type')) == (403, 'GENERAL')
        assert raw.get(server.management, '/').status == 403
    with Server('--allow', '192.0.2.0/24, 127.0.0.0/8') as server:
        assert mcmp.send(server.management, 'INFO').status == 200


def test_mutated_input_harms_neither_port(both):
    seed = int(os.environ.get('MCMP_SEED', random.SystemRandom().randrange(1 << 30)))
    rng = random.Random(seed)
    print('MCMP_SEED', seed)
    samples = [(both.traffic, data) for data, _ in TRAFFIC.values() if len(data) < 9500]
    samples += [(both.management, data) for data, _ in MANAGEMENT.values() if len(data) < 9500]
    for _ in range(300):
        address, data = rng.choice(samples)
        data = bytearray(data)
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(len(data))
            kind = rng.randrange(3)
            if kind == 0:
                data[at] = rng.randrange(256)
            elif kind == 1:
                del data[at:at + rng.randrange(1, 9)]
                data = data or bytearray(b'\r')
            else:
                data[at:at] = rng.choice([b'\r\n', b'\n', b'\0', b'\x80', b' ', b':', b'0'])
        client = raw.Client(address)
        client.send(bytes(data))
        if rng.randrange(2):
            client.sock.shutdown(socket.SHUT_WR)
        if rng.randrange(3) == 0:
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        client.close()
    until(lambda: both.get('/').status == 200, what='traffic is served')
    assert mcmp.send(both.management, 'PING').status == 200
