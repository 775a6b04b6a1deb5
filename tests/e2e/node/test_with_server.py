# SPDX-License-Identifier: Apache-2.0
"""mcmp-node and mcmp-server together: real registration, real traffic."""
import hashlib
import json
import signal
import socket
import threading
import time

import mcmp
import pytest
from agent import Agent
from server import Server
from waiting import until
from wire import Wire, WebSocket, get, stream_content

MEBIBYTE = 1 << 20


@pytest.fixture(name='server')
def running_server():
    with Server(workers=2) as server:
        yield server


def agent(server, *flags, **more):
    servers = server if isinstance(server, list) else [server]
    node = Agent('--interval', '500ms', *flags,
                 proxies=[f'{s.management[0]}:{s.management[1]}' for s in servers], **more)
    try:
        node.log.wait(rf'registered as {node.route} ')
    except AssertionError:
        node.__exit__()
        raise
    return node


def served_by(server, path='/json', count=8):
    """Routes of fresh requests."""
    return [get(server.traffic[1], path).route for _ in range(count)]


def contexts(server):
    """(context, status) of all nodes."""
    return sorted((row['Context'], row['Status']) for row in mcmp.info(server.management)[1])


def test_two_nodes_share_requests_and_keep_sessions(server):
    with agent(server), agent(server, route='n2'):
        seen = served_by(server, count=20)
        assert 8 <= seen.count('n1') <= 12 and seen.count('n1') + seen.count('n2') == 20
        with Wire(server.traffic[1]) as wire:
            first = wire.get('/json')
            cookie = first['set-cookie'].split(';')[0]
            for count in range(2, 8):
                reply = wire.get('/json', f'Cookie: {cookie}')
                assert reply.route == first.route and json.loads(reply.text)['count'] == count


def test_contexts_and_aliases_arrive(server):
    with agent(server, '--context', '/a', '--context', '/b/c', '--alias', 'x.example', '--alias',
               'y.example', '--load', 70):
        assert contexts(server) == sorted([('/a', 'ENABLED'), ('/b/c', 'ENABLED')] * 2)
        assert server.nodes()['n1']['Load'] == '70'
        port = server.traffic[1]
        assert get(port, '/a/json').status == 200 and get(port, '/b/c/json').status == 200
        assert get(port, '/b/json').status == 404


def test_a_restarted_node_with_other_contexts_leaves_no_old_ones(server):
    with agent(server, '--context', '/a', '--context', '/b') as old:
        port = old.port
        old.signal(signal.SIGKILL)
        old.wait_exit()
    with agent(server, '--context', '/b', '--context', '/c', backend=f'127.0.0.1:{port}'):
        assert contexts(server) == [('/b', 'ENABLED'), ('/c', 'ENABLED')]


@pytest.mark.parametrize('running', [0, 1, 50])
def test_draining_ends_when_the_last_request_ends(server, running):
    with agent(server) as leaving, agent(server, route='n2'):
        wires = [Wire(server.traffic[1]) for _ in range(running)]
        for wire in wires:
            wire.send(b'GET /slow?ms=1500 HTTP/1.1\r\nHost: localhost\r\n'
                      b'Cookie: JSESSIONID=abc.n1\r\n\r\n')
        until(lambda: int(server.nodes()['n1']['Connected']) == running)
        start = time.monotonic()
        leaving.signal()
        for wire in wires:
            reply = wire.reply()
            assert reply.status == 200 and reply.route == 'n1'
            wire.close()
        ended = time.monotonic()
        assert leaving.wait_exit() == 0
        assert time.monotonic() - max(ended, start + 1) < 4, 'then it does not wait any longer'
        assert set(served_by(server)) == {'n2'}


def test_a_request_that_never_ends_does_not_hold_the_node(server):
    with agent(server, '--drain-wait', 0, '--drain-timeout', '1s') as leaving, \
            Wire(server.traffic[1]) as wire:
        wire.send(b'GET /slow?ms=60000 HTTP/1.1\r\nHost: localhost\r\n\r\n')
        until(lambda: server.nodes()['n1']['Connected'] == '1')
        assert leaving.stop(10) == 4


def test_sessions_are_served_while_the_node_waits_before_it_stops(server):
    with agent(server, '--drain-wait', '3s') as leaving, agent(server, route='n2'):
        leaving.signal()
        until(lambda: ('/', 'DISABLED') in contexts(server))
        assert get(server.traffic[1], '/json', 'Cookie: JSESSIONID=abc.n1').route == 'n1'
        assert set(served_by(server)) == {'n2'}
        assert leaving.wait_exit() == 0
        assert get(server.traffic[1], '/json', 'Cookie: JSESSIONID=abc.n1').route == 'n2'


def test_a_killed_node_comes_back_by_itself_after_its_restart(server):
    with agent(server) as killed, agent(server, route='n2'):
        port = killed.port
        killed.signal(signal.SIGKILL)
        killed.wait_exit()
        assert set(served_by(server)) == {'n2'}
        with agent(server, backend=f'127.0.0.1:{port}'):
            until(lambda: 'n1' in served_by(server, count=2))


def test_two_balancers_serve_and_one_that_was_restarted_serves_again():
    with Server() as one:
        with Server() as two:
            address = '%s:%d' % two.management
            node = agent([one, two])
            until(lambda: get(two.traffic[1], '/json').status == 200)
        with node:
            node.log.wait("can't connect")
            assert get(one.traffic[1], '/json').status == 200
            start = time.monotonic()
            with Server(management=(address,)) as back:
                until(lambda: get(back.traffic[1], '/json').status == 200)
                assert time.monotonic() - start < 8
                assert node.stop() == 0


def test_bodies_pass_unharmed_in_both_directions(server):
    size = 64 * MEBIBYTE + 3
    with agent(server), Wire(server.traffic[1]) as wire:
        got = hashlib.sha256()
        wire.send(f'GET /stream?bytes={size} HTTP/1.1\r\nHost: localhost\r\n\r\n')
        reply = wire.reply(sink=got.update)
        want = hashlib.sha256(stream_content(size)).hexdigest()
        assert reply.status == 200 and got.hexdigest() == want
        reply = wire.get('/upload', method='PUT', body=stream_content(size))
        assert json.loads(reply.text) == {'bytes': size, 'sha256': want}


def test_an_echo_passes_in_both_directions_at_once(server):
    body = stream_content(8 * MEBIBYTE)
    with agent(server), Wire(server.traffic[1]) as wire:
        head = f'POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n'
        sender = threading.Thread(target=wire.send, args=(head.encode() + body,))
        sender.start()
        assert wire.reply().body == body
        sender.join()


def test_a_tunnel_passes(server):
    with agent(server), WebSocket(server.traffic[1]) as ws:
        assert ws.head.status == 101 and ws.head.route == 'n1'
        for payload in (b'hello', stream_content(100000)):
            ws.send(2, payload)
            assert ws.read() == (0x82, payload)
        ws.send(8, b'\x03\xe8')
        assert ws.read() == (0x88, b'\x03\xe8')


def test_a_second_node_of_the_same_route_is_refused_while_the_first_lives(server):
    with agent(server), Agent('--interval', '500ms',
                              proxies=['%s:%d' % server.management]) as second:
        second.log.wait('JVMRoute already exists')
        assert get(server.traffic[1], '/json').status == 200
        assert second.stop() == 0


def test_a_backend_that_is_not_there_is_told(server):
    with socket.socket() as unused:
        unused.bind(('127.0.0.1', 0))
        with Agent('--interval', '300ms', proxies=['%s:%d' % server.management], demo=False,
                   backend=f'127.0.0.1:{unused.getsockname()[1]}') as node:
            node.log.wait("can't reach the backend")
            assert get(server.traffic[1], '/').status == 503
            assert node.stop() == 0
