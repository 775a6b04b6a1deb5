# SPDX-License-Identifier: Apache-2.0
"""Two servers of one host share a cluster by the name of its memory."""
import os
import signal
import subprocess
import threading

import pytest

import mcmp
import raw
from nodes import Node, serve_route
from server import Server, program
from waiting import until


@pytest.fixture(name='segment')
def segment_fixture(request):
    name = f'e2e-{os.getpid()}-{request.node.name}'[:64]
    yield name
    run('--segment', name, '--remove-segment')
    assert not os.path.exists(f'/dev/shm/libmcmp.{name}')


def run(*flags):
    return subprocess.run([program(), *flags], capture_output=True, text=True, timeout=60,
                          check=False)


def figures(name):
    result = run('--segment', name, '--check-segment')
    assert result.returncode == 0, result.stderr
    return {key: int(value) for key, value in map(str.split, result.stdout.splitlines())}


def share(name, **args):
    return Server('--segment', name, **args)


def kill_whole(server):
    """The master first, so that nobody is told and nobody is replaced."""
    pids = [server.pid] + server.workers()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    server.process.wait()
    until(lambda: not any(os.path.exists(f'/proc/{pid}/fd') and os.listdir(f'/proc/{pid}/fd')
                          for pid in pids[1:] if is_alive(pid)), what='its workers are gone')
    server.process.stdout.close()
    server.process.stderr.close()
    server.dir.cleanup()


def is_alive(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii', errors='replace') as file:
            return file.read().rsplit(')', 1)[1].split()[0] not in 'ZX'
    except OSError:
        return False


def test_a_node_that_registered_at_one_server_serves_through_both(segment):
    with share(segment, workers=2) as one, share(segment, workers=1) as two, Node('n') as node:
        one.register('n', node.port)
        for server in (one, two):
            answer = server.get('/')
            assert (answer.status, answer.get('X-Route')) == (200, 'n')
        assert mcmp.info(one.management) == mcmp.info(two.management)
        mcmp.send(two.management, 'DISABLE-APP', {'JVMRoute': 'n', 'Alias': 'localhost',
                                                  'Context': '/'})
        until(lambda: one.get('/').status == 404, what='the other server follows')
        found = figures(segment)
        assert (found['nodes'], found['contexts']) == (1, 1)
        assert found['processes'] == 3 + 2 + 1  # masters, workers, and who checks
        refused = run('--segment', segment, '--remove-segment')
        assert refused.returncode == 1
        assert 'is attached' in refused.stderr


def test_what_a_killed_server_had_in_flight_no_longer_counts(segment):
    release = threading.Event()

    def held(node, conn, request):
        if request.target == '/held':
            release.wait(60)
        serve_route(node, conn, request)
    with share(segment) as one, Node('n', held) as node:
        two = share(segment, workers=2)
        one.register('n', node.port)
        clients = [raw.Client(server.traffic) for server in (one, two, two, two)]
        for client in clients:
            client.send('GET /held HTTP/1.1\r\nHost: x\r\n\r\n')
        until(lambda: one.nodes()['n']['Connected'] == '4', what='4 requests run')
        kill_whole(two)
        until(lambda: one.nodes()['n']['Connected'] == '1', 25, 'those of the dead are given back')
        release.set()
        assert clients[0].answer().status == 200
        until(lambda: one.nodes()['n']['Connected'] == '0', what='nothing is held')
        for client in clients:
            client.close()
        assert figures(segment)['dead'] == 0


def test_a_restarted_server_keeps_its_nodes(segment):
    with Node('n') as node:
        with share(segment) as server:
            server.register('n', node.port)
            ident = mcmp.send(server.management, 'PING').body
        with share(segment, workers=2) as server:
            assert server.get('/').get('X-Route') == 'n'
            assert mcmp.send(server.management, 'PING').body == ident
        killed = share(segment)
        assert killed.get('/').status == 200
        kill_whole(killed)
        with share(segment) as server:
            assert server.get('/').get('X-Route') == 'n'
            assert server.nodes()['n']['Connected'] == '0'


def test_a_segment_that_does_not_fit_is_an_error_that_names_the_option(segment):
    with share(segment):
        for flags, word in ((('--max-nodes', '77'), 'max_nodes'),
                            (('--use-alias',), 'USE_ALIAS'),
                            (('--max-context-length', '80'), 'context')):
            result = run('--segment', segment, '--listen', '127.0.0.1:0', '--management',
                         '127.0.0.1:0', *flags)
            assert result.returncode == 1
            assert word in result.stderr and '--remove-segment removes this one' in result.stderr
    assert 'name of a segment' in run('--segment', 'a/b', '--management', '127.0.0.1:0', '--listen',
                                      '127.0.0.1:0').stderr


def test_a_damaged_segment_is_not_served(segment):
    with Node('n') as node:
        with share(segment) as server:
            server.register('n', node.port)
        with open(f'/dev/shm/libmcmp.{segment}', 'r+b') as file:
            data = file.read(1 << 20)
            file.seek(0)
            file.write(b'\0' * 8)  # the magic number
        result = run('--segment', segment, '--check-segment')
        assert result.returncode == 1
        assert 'MCMP_ERR_REGION' in result.stderr
        with open(f'/dev/shm/libmcmp.{segment}', 'r+b') as file:
            file.write(data[:8])
        assert figures(segment)['nodes'] == 1
        assert run('--check-segment').returncode == 2
