# SPDX-License-Identifier: Apache-2.0
"""Which failures are retried on another node, which are told to the client, and what a node is held
to account for (MCMP 5.8 and 5.9)."""
import os
import socket
import struct
import threading
import time

import pytest

import mcmp
import raw
from httpd import Httpd
from nodes import Node, free_port, serve_route
from waiting import until

MPM = os.environ.get('MCMP_MPM', 'event')
FRESH, KEPT = 'fresh', 'kept'
OWN = {'headers': [('Cookie', 'JSESSIONID=x.bad')]}


def server(main='', **args):
    return Httpd(main, mpm=MPM, **{'children': 1 if MPM == 'event' else 6, **args})


def close_without_answer(node, conn, request):
    conn.body(request)
    return False


class Pair:
    """A server with a node that misbehaves, whose sessions the requests carry, and one that
    serves."""

    def __init__(self, bad, main='', **config):
        config = {'StickySessionForce': 'No', **config}
        self.bad = Node('bad', bad)
        self.good = Node('good')
        self.server = server(main)
        try:
            self.server.register('bad', self.bad.port, **config)
            self.server.register('good', self.good.port, **config)
        except BaseException:
            self.server.stop(failed=True)
            raise

    def __enter__(self):
        return self.server, self.bad, self.good

    def __exit__(self, kind, *args):
        self.bad.stop()
        self.good.stop()
        self.server.__exit__(kind, *args)


def ask(httpd, way, path='/', **args):
    """One request on a connection that is new, or that has carried one of another context."""
    if way == FRESH:
        return httpd.get(path, **args)
    with raw.Client(httpd.traffic) as client:
        assert client.get('/').status < 500
        return client.get(path, **args)


def is_in_error(httpd, route):
    """Nothing new goes there: it gets no request of 10."""
    before = int(httpd.nodes()[route]['Elected'])
    for _ in range(10):
        httpd.get('/probe')
    return int(httpd.nodes()[route]['Elected']) == before


@pytest.mark.parametrize('method', ['GET', 'POST'])
def test_a_dead_node_costs_no_request(method):
    with server('LBstatusRecalTime 60\n') as httpd, Node('a') as a, Node('b') as b:
        httpd.register('a', a.port)
        httpd.register('b', b.port)
        a.stop()
        for way in (FRESH, KEPT):
            body = b'x' * 100000 if method == 'POST' else b''
            answers = [ask(httpd, way, method=method, body=body) for _ in range(4)]
            assert [answer.get('X-Route') for answer in answers] == ['b'] * 4
        assert len(b.requests[-1].headers) > 0
        assert is_in_error(httpd, 'a')


@pytest.mark.parametrize('way', [FRESH, KEPT])
@pytest.mark.parametrize('method', ['GET', 'HEAD', 'DELETE', 'OPTIONS'])
def test_a_repeatable_request_goes_to_another_node(way, method):
    """Also on a connection of the client that mod_proxy would close."""
    def only_first(node, conn, request):
        if request.method == method and request.target == '/x':
            return False
        return serve_route(node, conn, request)

    with Pair(only_first, 'LBstatusRecalTime 60\n') as (httpd, bad, good):
        answer = ask(httpd, way, '/x', method=method, **OWN)
        assert answer.get('X-Route') == 'good'
        # once more to the same node where the connection was an old one: it may just have ended
        tries = [request.target for request in bad.requests].count('/x')
        assert tries == (1 if way == FRESH else 2)
        assert is_in_error(httpd, 'bad')


@pytest.mark.parametrize('way', [FRESH, KEPT])
@pytest.mark.parametrize('method', ['POST', 'PUT'])
def test_what_was_sent_with_a_body_is_not_repeated(way, method):
    def cut(node, conn, request):
        if request.target == '/x':
            conn.body(request)
            return False
        return serve_route(node, conn, request)

    with Pair(cut) as (httpd, bad, good):
        if way == FRESH:
            assert httpd.get('/x', method=method, body=b'x', **OWN).status == 502
        else:  # mod_proxy leaves it to the client, and says so by closing
            with raw.Client(httpd.traffic) as client:
                assert client.get('/').status == 200
                with pytest.raises(raw.Closed):
                    client.get('/x', method=method, body=b'x', **OWN)
        assert [request.target for request in bad.requests].count('/x') == 1
        assert not [request for request in good.requests if request.target == '/x']


def test_a_post_is_not_repeated_either():
    with Pair(close_without_answer) as (httpd, bad, good):
        assert httpd.get('/x', method='POST', **OWN).status == 502
        assert not good.requests


def test_maxattempts_is_kept():
    with Pair(close_without_answer, Maxattempts=0) as (httpd, bad, good):
        assert httpd.get('/x', **OWN).status == 502
        assert len(bad.requests) == 1 and not good.requests


def test_several_attempts():
    nodes = [Node(f'bad{i}', close_without_answer) for i in range(4)]
    with server('LBstatusRecalTime 60\n') as httpd, Node('good') as good:
        for node in nodes:
            httpd.register(node.route, node.port, Maxattempts=4)
        httpd.register('good', good.port, load=0, Maxattempts=4)  # taken when no other is left
        with raw.Client(httpd.traffic) as client:
            assert client.get('/x').get('X-Route') == 'good'
            assert client.get('/x').get('X-Route') == 'good'
        assert [len(node.requests) for node in nodes] == [1] * 4
        assert {row['Connected'] for row in httpd.nodes().values()} == {'0'}
    for node in nodes:
        node.stop()


def test_a_kept_connection_that_the_node_closes_costs_nothing():
    def closes_late(node, conn, request):
        if node.cut and request.target == '/x':
            node.cut = False
            return False
        return serve_route(node, conn, request)

    with server('LBstatusRecalTime 60\n', children=1) as httpd, Node('a', closes_late) as a:
        a.cut = False
        httpd.register('a', a.port, Maxattempts=0)
        for way in (FRESH, KEPT):
            assert httpd.get('/').status == 200
            a.cut = True
            assert ask(httpd, way, '/x').get('X-Route') == 'a'
            assert not a.cut
        # and it was not held against the node
        assert httpd.get('/').status == 200


def test_an_answer_that_breaks_is_not_repeated():
    def breaks(node, conn, request):
        if request.target != '/x':
            return serve_route(node, conn, request)
        conn.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc')
        return False

    with Pair(breaks, 'LBstatusRecalTime 60\n') as (httpd, bad, good):
        with raw.Client(httpd.traffic) as client, pytest.raises(raw.Closed):
            client.get('/x', **OWN)
        assert not good.requests
        assert not is_in_error(httpd, 'bad')


def silent(node, conn, request):
    if request.target == '/x':
        conn.rest()
        return False
    return serve_route(node, conn, request)


def test_no_answer_in_time():
    with Pair(silent, Timeout='1s', Maxattempts=2) as (httpd, bad, good):
        begun = time.monotonic()
        assert httpd.get('/x', **OWN).status in (502, 504)
        assert 0.8 < time.monotonic() - begun < 10
        # a slow page is not a broken node
        assert not is_in_error(httpd, 'bad')


def test_a_client_that_goes_is_not_held_against_the_node():
    def slow(node, conn, request):
        if request.target == '/x':
            conn.send('HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n')
            for _ in range(100):
                conn.send(b'x' * 1000000)
            return False
        return serve_route(node, conn, request)

    with server('LBstatusRecalTime 60\n') as httpd, Node('a', slow) as a:
        httpd.register('a', a.port, Maxattempts=0)
        for send in ('GET /x HTTP/1.1\r\nHost: x\r\n\r\n',
                     'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc'):
            client = raw.Client(httpd.traffic)
            client.send(send)
            if send.startswith('GET'):
                client.exactly(1000)
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            client.close()
        until(lambda: httpd.nodes()['a']['Connected'] == '0', what='nothing is held')
        assert httpd.get('/').status == 200


def test_a_refused_upload_is_not_held_against_the_node():
    def refuses(node, conn, request):
        if request.method == 'POST':
            conn.abort()
            return False
        return serve_route(node, conn, request)

    with server('LBstatusRecalTime 60\n') as httpd, Node('a', refuses) as a:
        httpd.register('a', a.port)
        assert httpd.get('/x', method='POST', body=b'x' * 20000000).status in (500, 502)
        assert httpd.get('/').status == 200


def test_all_nodes_are_gone():
    with server('LBstatusRecalTime 60\n') as httpd:
        for i in range(3):
            port = free_port()
            mcmp.send(httpd.management, 'CONFIG', {'JVMRoute': f'n{i}', 'Host': '127.0.0.1',
                                                   'Port': port, 'Type': 'http', 'Maxattempts': 5})
            mcmp.send(httpd.management, 'ENABLE-APP', {'JVMRoute': f'n{i}', 'Alias': 'localhost',
                                                       'Context': '/'})
        for _ in range(2):
            answer = httpd.get('/')
            assert answer.status == 503
        assert int(answer.get('Retry-After')) >= 1
        assert {row['Connected'] for row in httpd.nodes().values()} == {'0'}


def test_wait_worker_waits_for_a_node_that_comes():
    with server() as httpd, Node('a') as a:
        httpd.register('a', a.port, WaitWorker=20)
        mcmp.send(httpd.management, 'STATUS', {'JVMRoute': 'a', 'Load': -1})
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(httpd.get('/').status))
                   for _ in range(3)]
        for thread in threads:
            thread.start()
        threads[0].join(0.3)
        assert not answers
        # nothing is locked meanwhile: the node is told of, and others are served
        mcmp.send(httpd.management, 'STATUS', {'JVMRoute': 'a', 'Load': 50})
        for thread in threads:
            thread.join(10)
        assert answers == [200] * 3


def test_wait_worker_ends():
    with server() as httpd, Node('a') as a:
        httpd.register('a', a.port, WaitWorker=1)
        mcmp.send(httpd.management, 'STATUS', {'JVMRoute': 'a', 'Load': -1})
        begun = time.monotonic()
        answer = httpd.get('/')
        assert answer.status == 503 and 0.9 < time.monotonic() - begun < 5
        assert int(answer.get('Retry-After')) >= 1
