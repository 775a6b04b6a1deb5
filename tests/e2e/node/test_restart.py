# SPDX-License-Identifier: Apache-2.0
"""mcmp-server with a state file: stopped, killed, started again; nodes and sessions stay."""
import glob
import json
import os
import re
import signal
import stat
import subprocess
import time

import mcmp
import pytest
from agent import Agent
from nodes import Node, free_port
from server import Server, program
from waiting import until
from wire import get


class Place:
    """Addresses and a state file that outlive the server."""

    def __init__(self, folder):
        self.state = os.path.join(folder, 'state')
        self.listen = f'127.0.0.1:{free_port()}'
        self.management = f'127.0.0.1:{free_port()}'

    def start(self, *flags, workers=2):
        return Server('--state', self.state, *flags, workers=workers, listen=(self.listen,),
                      management=(self.management,))

    def saved(self):
        try:
            with open(self.state, 'rb') as file:
                return file.read()
        except FileNotFoundError:
            return b''

    def await_saved(self, *words):
        until(lambda: all(word in self.saved() for word in words), what=f'{words} are saved')

    def agent(self, route, *flags):
        node = Agent('--interval', '300ms', *flags, route=route, proxies=[self.management])
        node.log.wait(f'registered as {route} ')
        return node


@pytest.fixture(name='place')
def make_place(tmp_path):
    return Place(str(tmp_path))


def id_of(server):
    return re.search(rb'id=(\d+)', mcmp.send(server.management, 'PING').body).group(1)


def contexts(server):
    return sorted((row['Context'], row['Status']) for row in mcmp.info(server.management)[1])


def kill_all(server):
    """SIGKILL to every process of it, as when the machine loses power."""
    pids = [server.pid] + server.workers()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    server.process.wait()
    until(lambda: not any(os.path.exists(f'/proc/{pid}') for pid in pids[1:]), what='all are gone')
    server.process.stdout.close()
    server.process.stderr.close()
    server.dir.cleanup()


def count(node, pattern):
    return sum(1 for line in node.log.lines if re.search(pattern, line))


def json_nodes(server):
    answer = mcmp.send(server.management, 'INFO', headers=[('Accept', 'application/json')])
    return {node['route']: node for node in json.loads(answer.body)['nodes']}


def session(port, route):
    """A cookie of a fresh session on this node."""
    def ask():
        reply = get(port, '/json')
        return reply['set-cookie'].split(';')[0] if reply.route == route else None
    return until(ask, what=f'a session on {route}')


def test_a_killed_server_comes_back_with_nodes_sessions_and_statuses(place):
    server = place.start()
    port = server.traffic[1]
    with place.agent('n1') as one, place.agent('n2') as two, Node('by-hand') as other:
        mcmp.register(server.management, 'n3', other.port, context='/on')
        for verb, context in (('DISABLE', '/off'), ('STOP', '/out')):
            assert mcmp.send(server.management, f'{verb}-APP', {
                'JVMRoute': 'n3', 'Alias': 'localhost', 'Context': context}).status == 200
        cookies = {route: session(port, route) for route in ('n1', 'n2')}
        before = id_of(server), contexts(server), sorted(server.nodes())
        place.await_saved(b'n1', b'n2', b'/on', b'/off', b'/out')
        kill_all(server)
        with place.start() as server:
            # the very first requests after the start, sticky ones among them
            for route, cookie in cookies.items():
                reply = get(port, '/json', f'Cookie: {cookie}')
                assert (reply.status, reply.route) == (200, route)
                assert json.loads(reply.text)['count'] == 2
            assert {get(port, '/json').route for _ in range(10)} == {'n1', 'n2'}
            assert get(port, '/on').status == 200
            assert get(port, '/off').status == 404 and get(port, '/out').status == 404
            assert get(port, '/off', 'Cookie: JSESSIONID=x.n3').status == 200
            assert (id_of(server), contexts(server), sorted(server.nodes())) == before
            start = time.monotonic()
            until(lambda: all(json_nodes(server)[route]['lastStatus'] is not None and
                              json_nodes(server)[route]['lastStatus'] < time.monotonic() - start
                              for route in ('n1', 'n2')), what='each node sent its STATUS')
            for node in (one, two):
                assert count(node, 'registered as') == 1, 'no node had to register again'
            for route, cookie in cookies.items():
                assert get(port, '/json', f'Cookie: {cookie}').route == route


def test_a_node_that_died_meanwhile_gets_nothing(place):
    server = place.start()
    port = server.traffic[1]
    with place.agent('n1') as one, place.agent('n2', '--context', '/'):
        cookie = session(port, 'n1')
        place.await_saved(b'n1', b'n2')
        kill_all(server)
        one.signal(signal.SIGKILL)
        one.wait_exit()
        with place.start() as server:
            start = time.monotonic()
            for _ in range(10):
                reply = get(port, '/json')
                assert (reply.status, reply.route) == (200, 'n2')
            assert get(port, '/json', f'Cookie: {cookie}').route == 'n2'
            assert time.monotonic() - start < 5
            assert json_nodes(server)['n1']['state'] == 'error'


def test_a_graceful_stop_saves_what_no_change_has_saved(place):
    with Node('n') as node:
        with place.start(workers=1) as server:
            server.register('n', node.port)
            place.await_saved(b'localhost')
            for _ in range(3):
                assert server.get('/').status == 200
            assert mcmp.send(server.management, 'STATUS',
                             {'JVMRoute': 'n', 'Load': 33}).status == 200
            before = server.nodes()['n']
            assert (before['Load'], before['Elected']) == ('33', '3')
        assert stat.S_IMODE(os.stat(place.state).st_mode) == 0o600
        assert glob.glob(place.state + '*') == [place.state]
        with place.start(workers=1) as server:
            after = server.nodes()['n']
            assert (after['Load'], after['Elected'], after['Read']) == ('33', '3', before['Read'])


def test_saving_is_done_on_changes_and_at_most_once_per_second(place):
    with Node('n') as node, place.start() as server:
        server.register('n', node.port)
        place.await_saved(b'localhost')
        quiet = os.stat(place.state).st_ino
        end = time.monotonic() + 2.2
        while time.monotonic() < end:  # a STATUS changes Loads only
            mcmp.send(server.management, 'STATUS', {'JVMRoute': 'n', 'Load': 50})
        assert os.stat(place.state).st_ino == quiet
        seen = set()
        turns = 0
        end = time.monotonic() + 3.5
        while time.monotonic() < end:
            verb = 'STOP-APP' if turns % 2 else 'ENABLE-APP'
            mcmp.send(server.management, verb,
                      {'JVMRoute': 'n', 'Alias': 'localhost', 'Context': '/turn'})
            seen.add((os.stat(place.state).st_ino, os.stat(place.state).st_mtime_ns))
            turns += 1
        assert turns > 50 and 3 <= len(seen) <= 6


def test_a_damaged_file_is_put_aside_and_nodes_register_again(place):
    server = place.start()
    with place.agent('n1') as node:
        place.await_saved(b'n1')
        old = id_of(server)
        kill_all(server)
        data = place.saved()
        harms = {'no saved state': b'[server]\n' * 30, 'cut short': data[:-1],
                 'checksum': data[:200] + bytes([data[200] ^ 4]) + data[201:]}
        for number, (word, bad) in enumerate(harms.items(), 1):
            with open(place.state, 'wb') as file:
                file.write(bad)
            with place.start(workers=1) as server:
                assert id_of(server) != old
                assert word in server.log() and 'starting without a state' in server.log()
                aside = glob.glob(place.state + '.damaged-*')
                assert len(aside) == number
                with open(max(aside), 'rb') as file:
                    assert file.read() == bad, 'nothing is lost'
                if number < len(harms):
                    continue
                until(lambda: count(node, 'registered as') >= 2, 15, 'the node registers again')
                until(lambda: get(server.traffic[1], '/json').status == 200)
                place.await_saved(b'n1')


def refused(place, state):
    result = subprocess.run([program(), '--state', state, '--listen', place.listen, '--management',
                             place.management], capture_output=True, text=True, timeout=20,
                            check=False)
    assert result.returncode == 1
    return result.stderr


def test_a_state_that_can_not_be_kept_is_told_at_the_start(place, tmp_path):
    assert "can't save the state" in refused(place, str(tmp_path / 'nowhere' / 'state'))
    (tmp_path / 'folder').mkdir()
    assert "can't load the state" in refused(place, str(tmp_path / 'folder'))
    assert (tmp_path / 'folder').is_dir()


def test_a_second_server_leaves_the_file_alone(place):
    with Node('n') as node, place.start() as server:
        server.register('n', node.port)
        place.await_saved(b'localhost')
        before = os.stat(place.state)
        assert "can't listen" in refused(place, place.state)
        after = os.stat(place.state)
        assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_full_disk_is_told_once_and_when_it_is_over(place):
    with Node('n') as node, place.start() as server:
        os.mkdir(place.state + '.new')  # nothing can be written aside
        server.register('n', node.port)
        until(lambda: "can't save the state" in server.log(), what='the complaint')
        assert server.get('/').status == 200
        os.rmdir(place.state + '.new')
        until(lambda: 'the state is saved again' in server.log(), 20, 'it goes on')
        place.await_saved(b'localhost')
        assert server.log().count("can't save the state") == 1


def test_smaller_tables_take_what_fits_and_name_the_rest(place):
    with Node('n') as node:
        with place.start() as server:
            for route in ('n1', 'n2', 'n3'):
                server.register(route, node.port if route == 'n1' else free_port(),
                                context=f'/{route}', load=1 if route == 'n1' else -1)
        with place.start('--max-nodes', 2) as server:
            assert sorted(server.nodes()) == ['n1', 'n2']
            assert 'no place for node n3: see the limit of max_nodes' in server.log()
            assert server.get('/n1').status == 200


def test_servers_that_share_a_cluster_share_the_file_too(place):
    name = f'restart-{os.getpid()}'
    remove = [program(), '--segment', name, '--remove-segment']
    try:
        with Node('n') as node:
            with place.start('--segment', name) as one, Server(
                    '--segment', name, '--state', place.state) as two:
                one.register('n', node.port)
                place.await_saved(b'localhost')
                mcmp.send(two.management, 'STOP-APP', {'JVMRoute': 'n', 'Alias': 'localhost',
                                                       'Context': '/through-two'})
                place.await_saved(b'/through-two')
            with place.start('--segment', name) as again:  # the memory outlived its servers
                assert 'is not loaded: the cluster has nodes' in again.log()
                assert again.get('/').status == 200
                before = id_of(again)
            subprocess.run(remove, check=True, timeout=20)
            with place.start('--segment', name) as again:
                assert 'is loaded, saved by' in again.log()
                assert again.get('/').status == 200 and id_of(again) == before
    finally:
        subprocess.run(remove, check=False, timeout=20, capture_output=True)
