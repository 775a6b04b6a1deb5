# SPDX-License-Identifier: Apache-2.0
"""The cluster's memory over restarts and deaths, and what all children see of it."""
import contextlib
import os
import selectors
import signal
import socket
import subprocess
import threading
import time

import pytest

import mcmp
import raw
from httpd import Httpd, environment, is_sanitized, own_group
from nodes import Node
from server import rss
from waiting import until

MPMS = pytest.mark.parametrize('mpm', ['event', 'prefork'])
QUIET = 'MCMPSilentAfter 0\n'


def fill(server, count=5, port=20000):
    """Nodes that nobody asks anything of; returns INFO but for what time changes."""
    for i in range(count):
        answer = server.send('CONFIG', {'JVMRoute': f'n{i}', 'Host': '127.0.0.1', 'Port': port + i,
                                        'Type': 'http', 'Domain': f'd{i % 2}'})
        assert answer.status == 200
        answer = server.send('ENABLE-APP' if i % 2 else 'DISABLE-APP',
                             {'JVMRoute': f'n{i}', 'Alias': 'localhost', 'Context': f'/a{i}'})
        assert answer.status == 200
    return shape(server)


def shape(server):
    nodes, contexts = mcmp.info(server.management)
    return ([(n['Name'], n['LBGroup'], n['Host'], n['Port']) for n in nodes],
            [(c['Context'], c['Status']) for c in contexts])


def ident(server):
    return server.send('PING').body.decode().split('id=')[1].strip()


@MPMS
def test_a_graceful_restart_keeps_everything(mpm):
    with Httpd(QUIET, mpm=mpm, children=2) as server:
        before, number = fill(server), ident(server)
        for _ in range(3):
            server.graceful()
            assert shape(server) == before and ident(server) == number


def test_a_hard_restart_keeps_everything():
    with Httpd(QUIET) as server:
        before, number = fill(server), ident(server)
        server.hard_restart()
        assert shape(server) == before and ident(server) == number


@MPMS
@pytest.mark.parametrize('changed', ['Maxnode 200\n', 'Maxnode 5\nMaxhost 5\nMaxcontext 5\n',
                                     'UseAlias On\n'])
def test_changed_sizes_move_the_state(mpm, changed):
    with Httpd(QUIET, mpm=mpm, children=2) as server:
        before, number = fill(server), ident(server)
        server.reconfigure(QUIET + changed)
        server.graceful()
        assert shape(server) == before and ident(server) == number
        answer = server.send('CONFIG', {'JVMRoute': 'more', 'Host': '127.0.0.1', 'Port': 30000,
                                        'Type': 'http'})
        assert (answer.status == 500) == ('Maxnode 5\n' in changed), answer.headers


def test_sizes_that_are_too_small_are_told_by_name():
    with Httpd(QUIET) as server:
        fill(server)
        server.reconfigure(QUIET + 'Maxnode 3\nMaxhost 3\nMaxcontext 3\n')
        server.graceful()
        assert len(shape(server)[0]) == 3
        assert 'the limit max_nodes is met' in server.log()


@MPMS
def test_what_runs_is_counted_over_a_restart(mpm):
    """A request in flight in an old child is counted until it ends."""
    let_go = threading.Event()

    def slow(node, conn, _request):
        let_go.wait(30)
        return conn.reply(node.route.encode())

    def connected():
        return int(server.nodes()['n']['Connected'])

    with Node('n', handler=slow) as node, Httpd(QUIET, mpm=mpm, children=2) as server:
        server.register('n', node.port)
        answers = []
        thread = threading.Thread(target=lambda: answers.append(server.get('/')))
        thread.start()
        until(lambda: connected() == 1, 20, 'the request')
        for _ in range(2):
            server.graceful(settled=False)
            assert connected() == 1
        let_go.set()
        thread.join(30)
        assert answers[0].status == 200
        until(lambda: connected() == 0, 20, 'the end of the request')


def test_other_settings_hold_after_a_graceful_restart():
    with Httpd(QUIET) as server:
        fill(server)
        server.reconfigure(QUIET + 'MCMPReplacePolicy refuse\nManagerBalancerName later\n')
        server.graceful()
        answer = server.send('CONFIG', {'JVMRoute': 'x', 'Host': '127.0.0.1', 'Port': 31000,
                                        'Type': 'http'})
        assert answer.status == 200
        assert server.nodes()['x']['Balancer'] == 'later'
        assert server.nodes()['n1']['Balancer'] == 'mycluster'


def memory(server):
    """What the parent has of its own, and the number of its mappings."""
    with open(f'/proc/{server.pid}/maps', encoding='ascii') as file:
        lines = file.readlines()
    return rss(server.pid), len(lines)


@pytest.mark.skipif(is_sanitized(), reason='the sanitizer keeps notes of each load of the module')
def test_restarts_do_not_grow_memory():
    with Httpd(QUIET) as server:
        fill(server, 10)
        for i in range(10):
            server.graceful()
        start, maps = memory(server)
        for i in range(50):
            if i % 10 == 5:
                server.reconfigure(QUIET + f'Maxnode {20 + i}\n')
            server.graceful(settled=i % 10 == 9)
        end, more = memory(server)
        assert end - start < 2 << 20, (start, end)
        assert more - maps < 8, (maps, more)
        assert len(shape(server)[0]) == 10


@MPMS
def test_children_see_what_any_of_them_was_told(mpm):
    """8 children: each connection may end in another one."""
    with Httpd(QUIET, mpm=mpm, children=8, threads=8) as server:
        clients = [raw.Client(server.management) for _ in range(16 if mpm == 'event' else 6)]

        def ask(i, command, fields=()):
            """httpd may close a connection that waits; nodes come back then, too."""
            try:
                return mcmp.message(clients[i], command, fields)
            except (raw.Closed, OSError):
                clients[i].close()
                clients[i] = raw.Client(server.management)
                return mcmp.message(clients[i], command, fields)

        for i in range(6):
            answer = ask(i, 'CONFIG', {'JVMRoute': f'n{i}', 'Host': '127.0.0.1', 'Port': 20000 + i,
                                       'Type': 'http'})
            assert answer.status == 200
            for other in range(len(clients)):
                assert f'Name: n{i},' in ask(other, 'INFO').body.decode()
        for client in clients:
            client.close()


@MPMS
def test_killed_children_lose_nothing(mpm):
    """kill -9 of children at any moment of messages: each message that was answered is there."""
    with Httpd(QUIET + 'Maxnode 2000\n', mpm=mpm, children=4, threads=8) as server:
        server.allow_deaths = True
        done, stop = [], threading.Event()

        def register(worker):
            for i in range(200):
                if stop.is_set():
                    return
                route = f'w{worker}-{i}'
                fields = {'JVMRoute': route, 'Host': '127.0.0.1', 'Port': 1000 + worker * 1000 + i,
                          'Type': 'http', 'Alias': 'localhost', 'Context': f'/c{worker}-{i}'}
                try:
                    if server.send('CONFIG', fields).status == 200:
                        done.append(route)
                except (OSError, raw.Closed):
                    pass

        threads = [threading.Thread(target=register, args=(n,)) for n in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(12):
            time.sleep(0.15)
            for pid in server.children()[:2]:
                os.kill(pid, signal.SIGKILL)
        stop.set()
        for thread in threads:
            thread.join(60)
        until(lambda: server.send('PING').status == 200, 20, 'children are back')
        there = set(server.nodes())
        assert len(done) > 20 and set(done) <= there
        assert server.send('REMOVE-APP', {'JVMRoute': done[0]}, '/*').status == 200


def test_a_stop_forgets_and_persistslots_remembers():
    with Httpd(QUIET) as server:
        fill(server)
        number = ident(server)
    with Httpd(QUIET) as server:
        assert shape(server) == ([], []) and ident(server) != number
    settings = QUIET + 'PersistSlots On\nMemManagerFile @run@/manager\n'
    with Httpd(settings) as server:
        before, number = fill(server), ident(server)
        end(server)
        start_again(server)
        assert shape(server) == before and ident(server) == number
        assert os.stat(server.path('manager.state')).st_mode & 0o777 == 0o600


def end(server):
    server.calm_down()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(30) == 0


def start_again(server):
    """In the same folder, under the same configuration and ports."""
    server.process = subprocess.Popen(server.process.args, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                      env=environment(), preexec_fn=own_group)
    until(lambda: is_up(server), 20, 'apache2 is up again')


def is_up(server):
    try:
        raw.Client(server.management).close()
    except OSError:
        return False
    return os.path.exists(server.path('pid'))


def test_a_damaged_state_file_is_put_aside():
    settings = QUIET + 'MCMPStateFile @run@/nodes.state\n'
    with Httpd(settings) as server:
        fill(server)
        end(server)
        with open(server.path('nodes.state'), 'r+b') as file:
            file.seek(60)
            file.write(b'\xff' * 8)
        start_again(server)
        assert shape(server) == ([], [])
        assert "can't be used and is now" in server.log()
        assert [name for name in os.listdir(server.dir.name) if '.damaged-' in name]


def test_a_saved_state_survives_the_death_of_the_parent():
    """What changed is saved about every ten seconds, so also kill -9 of everybody keeps it."""
    settings = QUIET + 'MCMPStateFile @run@/nodes.state\n'
    with Httpd(settings) as server:
        before = fill(server)
        size = os.stat(server.path('nodes.state')).st_size
        until(lambda: os.stat(server.path('nodes.state')).st_size > size, 30, 'it is saved')
        for pid in [server.pid, *server.children()]:
            os.kill(pid, signal.SIGKILL)
        server.process.wait()
        os.unlink(server.path('pid'))
        start_again(server)
        assert shape(server) == before


def test_probes_go_on_in_another_child():
    """The child that makes the probes is killed; nodes are probed all the same."""
    settings = 'LBstatusRecalTime 1\nMCMPProbeMethod GET\nMCMPProbePath /up\n'
    with Node('n') as node, Httpd(settings, children=3, threads=4) as server:
        server.allow_deaths = True
        server.register('n', node.port)
        until(lambda: len(node.requests) >= 3, 20, 'probes')
        for pid in server.children():
            os.kill(pid, signal.SIGKILL)
        seen = len(node.requests)
        until(lambda: len(node.requests) >= seen + 2, 30, 'probes after the kill')
        assert {(r.method, r.target) for r in node.requests} == {('GET', '/up')}


def test_a_node_that_dies_is_found_by_probes_and_removed():
    with Node('n') as node, Httpd('LBstatusRecalTime 1\nMCMPProbeFailures 2\n') as server:
        server.register('n', node.port)
        node.stop()
        until(lambda: 'n' not in [n['Name'] for n in mcmp.info(server.management)[0]] or
              not mcmp.info(server.management)[1], 30, 'the node is removed')


def test_the_health_template_says_what_is_asked_and_how_often():
    template = 'ModProxyClusterHCTemplate hcinterval=300ms hcmethod=GET hcuri=/up hcfails=2\n'
    with Node('n') as node, Httpd(template) as server:
        server.register('n', node.port)
        first = len(node.requests)
        until(lambda: len(node.requests) >= first + 4, 10, 'probes of the template')
        assert node.requests[-1].method == 'GET' and node.requests[-1].target == '/up'


def test_a_lack_of_descriptors_is_no_fault_of_a_node():
    """Mute nodes hold all of them; the node that answers stays active."""
    few = ('sh', '-c', 'ulimit -n 60; exec "$@"', 'sh')
    settings = 'LBstatusRecalTime 1\nMaxnode 100\n'
    mute = [socket.create_server(('127.0.0.1', 0)) for _ in range(60)]
    with Node('n') as node, Httpd(settings, threads=4, wrap=few) as server:
        for i, sock in enumerate(mute):
            fields = {'JVMRoute': f'm{i}', 'Host': '127.0.0.1', 'Port': sock.getsockname()[1],
                      'Type': 'http'}
            assert server.send('CONFIG', fields).status == 200
        server.register('n', node.port)
        until(lambda: "a probe can't be made: no socket" in server.log(), 30, 'the lack')
        time.sleep(1)
        assert server.log().count("a probe can't be made") == 1
        assert 'node n: probe failed' not in server.log()
    for sock in mute:
        sock.close()


def answer_all(servers, count, stop):
    """Each connection is answered as soon as it asked, by one thread."""
    with selectors.DefaultSelector() as selector:
        for i, sock in enumerate(servers):
            sock.setblocking(False)
            selector.register(sock, selectors.EVENT_READ, i)
        while not stop.is_set():
            for key, _ in selector.select(0.1):
                if key.data is None:
                    selector.unregister(key.fileobj)
                    with key.fileobj as conn, contextlib.suppress(OSError):
                        conn.recv(4096)
                        conn.send(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
                else:
                    selector.register(key.fileobj.accept()[0], selectors.EVENT_READ)
                    count[key.data] += 1


def test_probes_wait_for_room_but_not_for_long():
    """At most 16 at a time, of 128 nodes that are due ten times a second."""
    settings = ('ModProxyClusterThreadCount 1\nMaxnode 200\n'
                'ModProxyClusterHCTemplate hcinterval=100ms\n')
    servers = [socket.create_server(('127.0.0.1', 0)) for _ in range(128)]
    count = [0] * len(servers)
    stop = threading.Event()
    thread = threading.Thread(target=answer_all, args=(servers, count, stop))
    thread.start()
    try:
        with Httpd(settings, level='warn') as server, raw.Client(server.management) as client:
            for i, sock in enumerate(servers):
                fields = {'JVMRoute': f'n{i}', 'Host': '127.0.0.1', 'Type': 'http',
                          'Port': sock.getsockname()[1]}
                assert mcmp.message(client, 'CONFIG', fields).status == 200
            before = list(count)
            until(lambda: all(now - then >= 20 for now, then in zip(count, before)), 7,
                  'twenty probes of each, which take two seconds')
    finally:
        stop.set()
        thread.join()
        for sock in servers:
            sock.close()


def test_an_expression_judges_the_answers():
    said = {'value': 'fine'}

    def answers(_node, conn, _request):
        return conn.reply(b'', headers=[('X-Health', said['value'])])

    settings = ('ProxyHCExpr fine {%{REQUEST_STATUS} == 200 && %{resp:X-Health} == "fine"}\n'
                'ProxyHCTemplate every hcinterval=200ms hcmethod=GET hcuri=/up\n'
                'ModProxyClusterHCTemplate hctemplate=every hcexpr=fine hcfails=2 hcpasses=2\n')
    with Node('n', handler=answers) as node, Httpd(settings, modules=('proxy_hcheck',)) as server:
        server.register('n', node.port)
        assert 'State=OK' in server.send('PING', {'JVMRoute': 'n'}).body.decode()
        said['value'] = 'ill'
        assert 'State=NOTOK' in server.send('PING', {'JVMRoute': 'n'}).body.decode()
        until(lambda: 'was active, is error' in server.log(), 30, 'the error')
        said['value'] = 'fine'
        until(lambda: 'was error, is active' in server.log(), 30, 'the end of the error')


HEAD = b'HTTP/1.1 200 OK\r\nContent-Length: 16\r\n'


@pytest.mark.parametrize('answer, state', [
    (HEAD + b'X-Health: fine\r\n\r\n' + b'X-Health: ill \r\n', 'OK'),
    (b'HTTP/1.1 100 Continue\r\nX-Health: ill\r\n\r\n' + HEAD + b'X-Health: fine\r\n\r\n', 'OK'),
    (b'HTTP/1.1 100 Continue\r\nX-Health: fine\r\n\r\n' + HEAD + b'X-Health: ill\r\n\r\n', 'NOTOK'),
    (HEAD + b'\r\n' + b'X-Health: fine\r\n', 'NOTOK'),
    (b'HTTP/1.1 200 OK\r\n' + b'A: b\r\n' * 1000 + b'X-Health: fine\r\n\r\n', 'NOTOK'),
], ids=['head', 'behind a 100', 'not that of a 100', 'not the body', 'not beyond 4 KiB'])
def test_an_expression_sees_the_final_head(answer, state):
    def answers(_node, conn, _request):
        conn.send(answer)
        return False

    settings = ('ProxyHCExpr fine {%{resp:X-Health} == "fine"}\n'
                'ModProxyClusterHCTemplate hcexpr=fine hcmethod=GET hcuri=/up\n')
    with Node('n', handler=answers) as node, Httpd(settings, modules=('proxy_hcheck',)) as server:
        server.register('n', node.port)
        assert f'State={state}' in server.send('PING', {'JVMRoute': 'n'}).body.decode()
