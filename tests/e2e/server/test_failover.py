# SPDX-License-Identifier: Apache-2.0
"""Which failures are retried on another node, which are told to the client, and how (MCMP 5.9)."""
import threading

import pytest

import mcmp
import raw
from nodes import Node, free_port, serve_route
from server import Server
from waiting import until


def close_without_answer(node, conn, request):
    conn.body(request)
    return False


def silent(node, conn, request):
    conn.rest()
    return False


def pair(bad, *flags, **config):
    """A server with a node that misbehaves and one that serves."""
    class Both:
        def __enter__(self):
            self.bad = Node('bad', bad)
            self.good = Node('good')
            self.server = Server(*flags)
            self.server.register('bad', self.bad.port, **config)
            self.server.register('good', self.good.port, **config)
            return self.server, self.bad, self.good

        def __exit__(self, *args):
            self.bad.stop()
            self.good.stop()
            self.server.stop()
    return Both()


def test_a_dead_node_costs_no_request():
    with Server() as server, Node('a') as a, Node('b') as b:
        server.register('a', a.port)
        server.register('b', b.port)
        a.stop()
        routes = [server.get(f'/{i}', method='POST', body=b'x' * 1000).get('X-Route')
                  for i in range(20)]
        assert routes == ['b'] * 20


def test_an_idempotent_request_goes_to_another_node():
    with pair(close_without_answer) as (server, bad, good):
        for i in range(10):
            answer = server.get(f'/{i}', method='PUT', body=b'body' * 1000)
            assert (answer.status, answer.body) == (200, b'good ' + b'body' * 1000)
        assert bad.requests
        assert len(good.requests) == 10


def test_a_chunked_body_is_sent_again_from_its_start():
    with pair(close_without_answer) as (server, bad, _):
        until(lambda: once_chunked(server) and bad.requests, what='the bad node was tried')


def once_chunked(server):
    with raw.Client(server.traffic) as client:
        client.send('PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
        client.send('3\r\nabc\r\n')
        client.send('4\r\ndefg\r\n0\r\n\r\n')
        answer = client.answer()
        assert (answer.status, answer.body) == (200, b'good abcdefg')
    return True


def test_a_post_that_was_sent_is_not_repeated():
    with pair(close_without_answer) as (server, bad, good):
        statuses = [server.get('/', method='POST', body=b'x').status for _ in range(4)]
        assert 502 in statuses
        assert len(bad.requests) == statuses.count(502)
        assert len(good.requests) == statuses.count(200)


def test_a_body_that_was_not_kept_is_not_repeated():
    def after_much(node, conn, request):
        conn.exactly(300000)
        return False
    with pair(after_much, '--replay', '16k') as (server, bad, good):
        body = b'y' * 1000000
        statuses = []
        until(lambda: statuses.append(server.get('/', method='PUT', body=body).status) or
              502 in statuses, what='the bad node was met')
        assert len(good.requests) == statuses.count(200)


def test_no_answer_in_time_is_504():
    with Server('--node-timeout', '300ms') as server, Node('n', silent) as node:
        server.register('n', node.port, Maxattempts=0)
        assert server.get('/').status == 504


def test_the_node_s_own_timeout_counts():
    with Server() as server, Node('n', silent) as node:
        server.register('n', node.port, Maxattempts=0, Timeout='300ms')
        assert server.get('/').status == 504


def test_a_connect_that_hangs_is_given_up_after_ping():
    # A listener whose queue is full does not answer to a SYN.
    import socket
    with socket.socket() as full:
        full.bind(('127.0.0.1', 0))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = []
        for _ in range(4):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(('127.0.0.1', port))
            fillers.append(sock)
        with Server() as server:
            # The last Load is what counts; -1 needs no probe, so the node becomes usable by Load 0.
            mcmp.send(server.management, 'CONFIG', {'JVMRoute': 'n', 'Host': '127.0.0.1',
                                                    'Port': port, 'Type': 'http', 'ping': '300ms',
                                                    'Maxattempts': 0})
            mcmp.send(server.management, 'ENABLE-APP', {'JVMRoute': 'n', 'Alias': 'localhost',
                                                        'Context': '/'})
            assert server.get('/').status == 503
        for sock in fillers:
            sock.close()


def test_a_kept_connection_that_the_node_closed_costs_no_request():
    def closes_after_one(node, conn, request):
        serve_route(node, conn, request)
        return node.keep
    with Server() as server, Node('n', closes_after_one) as node:
        node.keep = True
        server.register('n', node.port, Maxattempts=0)
        for i in range(30):
            assert server.get('/', method='POST', body=b'x').status == 200
            node.drop_connections()


def test_an_early_close_on_a_reused_connection_is_tried_once_more():
    def second_fails(node, conn, request):
        serve_route(node, conn, request)
        if conn.request() is not None:
            node.seconds += 1
        return False
    with Server() as server, Node('n', second_fails) as node:
        node.seconds = 0
        server.register('n', node.port, Maxattempts=0)
        for i in range(10):
            assert server.get(f'/{i}').status == 200
        assert node.seconds > 0


def test_the_client_s_early_end_is_not_held_against_the_node():
    with Server('--body-timeout', '300ms') as server, Node('n') as node:
        server.register('n', node.port)
        for _ in range(3):
            with raw.Client(server.traffic) as client:
                client.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc')
        with raw.Client(server.traffic) as client:
            client.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc')
            assert client.answer().status == 408
            assert client.is_closed()
        assert server.get('/').status == 200
        until(lambda: server.nodes()['n']['Connected'] == '0', what='nothing is held')


def test_wait_worker_waits_for_a_node_that_comes():
    with Server() as server, Node('n') as node:
        server.register('n', node.port, WaitWorker=10)
        mcmp.send(server.management, 'STATUS', {'JVMRoute': 'n', 'Load': -1})
        answers = []
        thread = threading.Thread(target=lambda: answers.append(server.get('/')))
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        mcmp.send(server.management, 'STATUS', {'JVMRoute': 'n', 'Load': 50})
        thread.join(10)
        assert answers[0].status == 200


def test_wait_worker_ends():
    with Server() as server, Node('n') as node:
        server.register('n', node.port, WaitWorker=1)
        mcmp.send(server.management, 'STATUS', {'JVMRoute': 'n', 'Load': -1})
        answer = server.get('/')
        assert answer.status == 503
        assert int(answer.get('Retry-After')) >= 1


def test_sticky_sessions_stay_and_the_id_is_removed_when_they_must_move():
    with Server() as server, Node('a') as a, Node('b') as b:
        for node in (a, b):
            server.register(node.route, node.port, StickySessionForce='No',
                            StickySessionRemove='Yes')
        for _ in range(10):
            answer = server.get('/', headers=[('Cookie', 'x=1; JSESSIONID=abc.b; y=2')])
            assert answer.get('X-Route') == 'b'
        mcmp.send(server.management, 'STATUS', {'JVMRoute': 'b', 'Load': -1})
        answer = server.get('/p;jsessionid=abc.b?q',
                            headers=[('Cookie', 'x=1; JSESSIONID=abc.b; y=2')])
        assert answer.get('X-Route') == 'a'
        assert a.requests[-1].get('Cookie') == 'x=1; y=2'
        assert a.requests[-1].target == '/p?q'


@pytest.mark.parametrize('scheme', ['ws', 'http'])
def test_ws_nodes_are_forwarded_to_like_http_nodes(scheme):
    with Server() as server, Node('n') as node:
        assert 'State=OK' in server.register('n', node.port, scheme=scheme)
        assert server.get('/').status == 200


def test_a_node_by_name_is_resolved_and_every_address_tried():
    with Server() as server, Node('n') as node:
        # localhost is ::1 and 127.0.0.1; the node listens on the second only
        assert 'State=OK' in server.register('n', node.port, host='localhost')
        assert server.get('/').status == 200


def test_max_node_connections_is_a_limit():
    release = threading.Event()

    def held(node, conn, request):
        release.wait(20)
        conn.reply('ok')
    with Server('--max-node-connections', 2) as server, Node('n', held) as node:
        server.register('n', node.port)
        clients = [raw.Client(server.traffic) for _ in range(2)]
        for client in clients:
            client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
        until(lambda: len(node.requests) == 2, what='two requests are held')
        assert server.get('/').status == 503
        assert 'max-node-connections is met' in server.log()
        release.set()
        for client in clients:
            assert client.answer().status == 200
            client.close()


def test_a_replaced_or_removed_node_loses_its_connections():
    with Server('--grace', '1s') as server, Node('n') as node:
        server.register('n', node.port)
        assert server.get('/').status == 200
        until(lambda: len(node.open) == 1, what='the connection is kept')
        mcmp.send(server.management, 'REMOVE-APP', {'JVMRoute': 'n'}, target='/*')
        until(lambda: len(node.open) == 0, what='the connection is dropped')
        assert server.get('/').status == 404


def test_a_dead_endpoint_is_503_not_a_hang():
    with Server() as server:
        mcmp.send(server.management, 'CONFIG', {'JVMRoute': 'n', 'Host': '127.0.0.1',
                                                'Port': free_port(), 'Type': 'http'})
        mcmp.send(server.management, 'ENABLE-APP', {'JVMRoute': 'n', 'Alias': 'localhost',
                                                    'Context': '/'})
        assert server.get('/').status == 503


def test_idle_connections_to_nodes_are_closed_by_age_but_for_the_least():
    def busy(server, count):
        clients = [raw.Client(server.traffic) for _ in range(count)]
        for client in clients:
            client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
        for client in clients:
            assert client.answer().status == 200
            client.close()

    def held(node, conn, request):
        node.barrier.wait(10)
        serve_route(node, conn, request)
    with Server('--node-idle-timeout', '300ms', '--min', 2) as server, Node('n', held) as node:
        node.barrier = threading.Barrier(6)
        server.register('n', node.port)
        busy(server, 6)
        assert len(node.open) == 6
        until(lambda: len(node.open) == 2, what='all but two are closed')
    with Server('--node-idle-timeout', '1h') as server, Node('n', held) as node:
        node.barrier = threading.Barrier(6)
        server.register('n', node.port, smax=3, ttl='300ms')
        busy(server, 6)
        until(lambda: len(node.open) == 3, what='those above smax are closed')
