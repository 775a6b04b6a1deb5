# SPDX-License-Identifier: Apache-2.0
"""Requests that run are counted, whatever becomes of the worker that runs them, and state changes
under traffic reach all workers."""
import os
import signal
import threading

import pytest

import mcmp
import raw
from nginx import Nginx
from nodes import Node
from server import rss
from waiting import until

PASS = 'location / { mcmp_pass cluster; }'


class Slow(Node):
    """Answers when it is told to."""

    def __init__(self):
        self.go = threading.Event()
        self.running = threading.Semaphore(0)
        super().__init__('n1', self.serve)

    def serve(self, _node, conn, request):
        conn.body(request)
        self.running.release()
        assert self.go.wait(60)
        conn.reply(b'done')


def connected(nginx):
    return int(nginx.nodes()['n1']['Connected'])


def start(nginx, node, count):
    clients = [nginx.client(timeout=40) for _ in range(count)]
    for client in clients:
        client.send('GET /a/x HTTP/1.1\r\nHost: localhost\r\n\r\n')
    for _ in clients:
        assert node.running.acquire(timeout=20)
    return clients


def test_requests_of_old_workers_are_counted_until_they_end():
    with Nginx(locations=PASS) as nginx, Slow() as node:
        nginx.register('n1', node.port, context='/a')
        old = start(nginx, node, 5)
        assert connected(nginx) == 5
        workers = set(nginx.workers())
        nginx.reload(wait=False)
        until(lambda: len(set(nginx.workers()) - workers) == 2, 20, 'new workers')
        assert connected(nginx) == 5
        new = start(nginx, node, 3)
        until(lambda: connected(nginx) == 8, 5, 'both generations are counted')
        node.go.set()
        for client in old + new:
            assert client.answer().body == b'done'
            client.close()
        until(lambda: connected(nginx) == 0, 10, 'nothing runs')
        until(lambda: not workers & set(nginx.workers()), 30, 'old workers end')
        assert connected(nginx) == 0


def test_what_a_killed_worker_had_in_flight_is_given_back_at_once():
    with Nginx(locations=PASS) as nginx, Slow() as node:
        nginx.allow_deaths = True
        nginx.register('n1', node.port, context='/a')
        for _ in range(5):
            clients = start(nginx, node, 6)
            assert connected(nginx) == 6
            workers = nginx.workers()
            for pid in workers:
                os.kill(pid, signal.SIGKILL)
            until(lambda: len(set(nginx.workers()) - set(workers)) == 2, 20, 'workers come back')
            until(lambda: connected(nginx) == 0, 4, 'counts are given back before the sweep')
            for client in clients:
                client.close()
        node.go.set()
        assert nginx.get('/a/').body == b'done'


def test_stop_app_tells_how_many_requests_run_in_all_workers():
    with Nginx(locations=PASS, workers=3) as nginx, Slow() as node:
        nginx.register('n1', node.port, context='/a')
        clients = start(nginx, node, 7)
        fields = {'JVMRoute': 'n1', 'Alias': 'localhost', 'Context': '/a'}
        answer = mcmp.send(nginx.management, 'STOP-APP', fields)
        assert b'&Requests=7&' in answer.body
        assert nginx.get('/a/new').status == 404
        node.go.set()
        for client in clients:
            assert client.answer().status == 200
            client.close()
        until(lambda: b'&Requests=0&' in mcmp.send(nginx.management, 'STOP-APP', fields).body, 10,
              'drained')


@pytest.mark.parametrize('rounds', [int(os.environ.get('MCMP_RELOADS', '100'))])
def test_reloads_and_changed_limits_under_traffic_fail_no_request(rounds):
    limits = 'mcmp_limits nodes={} aliases=100 contexts=400 processes=32; mcmp_zone cluster 5m;'
    with Nginx(locations=PASS, zone=limits.format(20)) as nginx, Node('n1') as node:
        nginx.register('n1', node.port, context='/a')
        ending, bad, good = [], [], []

        def visit():
            while not ending:
                try:
                    # a connection of its own each time: kept ones may be closed by a reload
                    answer = raw.get(nginx.traffic, '/a/x')
                    (good if answer.status == 200 else bad).append(answer.status)
                except (OSError, raw.Closed) as error:
                    bad.append(error)

        threads = [threading.Thread(target=visit) for _ in range(4)]
        for thread in threads:
            thread.start()
        for i in range(rounds):
            old = set(nginx.workers())
            if i % 10 == 9:
                nginx.configure(zone=limits.format(20 + i))
            nginx.reload(wait=False)
            until(lambda: set(nginx.workers()) - old, 30, 'new workers')
        ending.append(1)
        for thread in threads:
            thread.join(60)
        assert bad == [] and len(good) > rounds
        until(lambda: len(nginx.workers()) == 2 and connected(nginx) == 0, 40, 'nothing is left')


@pytest.mark.parametrize('rounds', [int(os.environ.get('MCMP_RELOADS', '100'))])
def test_workers_killed_under_traffic_lose_no_registration_and_do_not_grow(rounds):
    """A visitor loses a request with the worker that has it, and nothing after that."""
    with Nginx(locations=PASS, workers=2) as nginx, Node('n1') as node:
        nginx.allow_deaths = True
        nginx.register('n1', node.port, context='/a')
        ending, wrong, good, sizes = [], [], [], []

        def visit(ask):
            while not ending:
                try:
                    answer = ask()
                    (good if answer.status == 200 else wrong).append(answer.status)
                except (OSError, raw.Closed, AssertionError):
                    pass  # its worker has gone, or has not come yet

        def load():
            return mcmp.send(nginx.management, 'STATUS', {'JVMRoute': 'n1', 'Load': len(good) % 100 + 1})

        threads = [threading.Thread(target=visit, args=(ask,))
                   for ask in 3 * [lambda: raw.get(nginx.traffic, '/a/x')] + [load]]
        for thread in threads:
            thread.start()
        for i in range(rounds):
            old, count = nginx.workers(), len(good)
            os.kill(old[i % len(old)], signal.SIGKILL)
            until(lambda: set(nginx.workers()) - set(old), 20, 'a worker comes back')
            until(lambda: len(good) > count + 20, 20, 'requests go on')
            sizes.append(rss(nginx.pid))
        ending.append(1)
        for thread in threads:
            thread.join(60)
        assert wrong == []
        until(lambda: connected(nginx) == 0, 20, 'everything is given back')
        contexts = [(row['Context'], row['Status']) for row in mcmp.info(nginx.management)[1]]
        assert contexts == [('/a', 'ENABLED')]
        assert sizes[-1] <= sizes[len(sizes) // 4] + (1 << 20), sizes
