# SPDX-License-Identifier: Apache-2.0
"""The processes: addresses, workers, restart, reload, stop, logs, configuration."""
import json
import os
import signal
import socket
import subprocess
import threading

import pytest

import mcmp
import raw
from nodes import Node, serve_route
from server import Server, children, listening, program
from waiting import until

LOOPBACK = {'0100007F', '00000000000000000000000001000000'}


def run(*flags):
    return subprocess.run([program(), *flags], capture_output=True, text=True, timeout=20,
                          check=False)


def test_only_loopback_is_listened_on_by_default():
    with Server(workers=2) as server:
        for pid in [server.pid] + server.workers():
            assert set(listening(pid)) <= LOOPBACK
        assert set(listening(server.pid)) == {'0100007F'}
    text = run('--check-config').stdout
    assert 'listen = 127.0.0.1:8000' in text
    assert 'management = 127.0.0.1:6666' in text


def test_a_listener_can_be_left_out_and_repeated():
    with Server(listen=('127.0.0.1:0', '127.0.0.1:0'), management=('none',)) as server:
        assert len(server.addresses['listen']) == 2
        assert server.management is None
        for address in server.addresses['listen']:
            assert raw.get(address, '/').status == 404


def test_an_address_in_use_is_an_error():
    with Server() as server:
        again = run('--listen', f'127.0.0.1:{server.traffic[1]}', '--management', '127.0.0.1:0')
        assert again.returncode == 1
        assert f"can't listen on 127.0.0.1:{server.traffic[1]}" in again.stderr


def test_a_node_registered_through_one_worker_is_used_by_all():
    with Server(workers=3) as server, Node('n') as node:
        server.register('n', node.port)
        for _ in range(60):
            assert server.get('/').status == 200
        until(lambda: len(set(workers_of(server))) == 3, what='every worker served')


def workers_of(server):
    """The worker is the high half of a connection's number."""
    server.get('/')
    return [json.loads(line)['connection'] >> 32 for line in server.access().splitlines()]


@pytest.mark.parametrize('accept', ['spread', 'shared'])
def test_a_killed_worker_is_replaced_and_what_it_held_is_given_back(accept):
    release = threading.Event()

    def held(node, conn, request):
        if request.target == '/held':
            release.wait(30)
        serve_route(node, conn, request)
    with Server('--accept', accept, workers=2) as server, Node('n', held) as node:
        server.allow_deaths = True
        server.register('n', node.port)
        clients = [raw.Client(server.traffic) for _ in range(8)]
        for client in clients:
            client.send('GET /held HTTP/1.1\r\nHost: x\r\n\r\n')
        until(lambda: server.nodes()['n']['Connected'] == '8', what='8 requests run')
        victims = server.workers()
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        until(lambda: len(server.workers()) == 2 and not set(server.workers()) & set(victims),
              what='new workers')
        until(lambda: server.nodes()['n']['Connected'] == '0', what='nothing is held')
        release.set()
        for client in clients:
            assert client.is_closed()
            client.close()
        assert server.get('/').status == 200
        assert server.log().count('was killed by signal 9') == 2


def test_a_worker_that_dies_at_once_is_not_restarted_in_a_loop():
    with Server() as server:
        server.allow_deaths = True
        for _ in range(5):
            pid = until(server.workers, what='a worker')[0]
            os.kill(pid, signal.SIGKILL)
            until(lambda p=pid: p not in server.workers(), what='it is gone')
        until(lambda: server.workers() and server.get('/').status == 404, 20, 'it serves again')


def test_sigterm_finishes_the_requests():
    release = threading.Event()

    def held(node, conn, request):
        if request.target == '/held':
            release.wait(20)
        conn.reply('done')
    with Node('n', held) as node:
        server = Server(workers=2)
        server.register('n', node.port)
        idle = raw.Client(server.traffic)
        assert idle.get('/').status == 200
        new = raw.Client(server.traffic)
        busy = raw.Client(server.traffic)
        busy.send('GET /held HTTP/1.1\r\nHost: x\r\n\r\n')
        until(lambda: len(node.requests) == 2, what='a request runs')
        server.signal(signal.SIGTERM)
        assert idle.is_closed()
        first = new.get('/')  # a first request on its way is not cut off
        assert (first.status, first.get('Connection')) == (200, 'close')
        until(lambda: refused(server.traffic), what='no connection is taken')
        assert server.process.poll() is None
        release.set()
        answer = busy.answer()
        assert (answer.status, answer.body, answer.get('Connection')) == (200, b'done', 'close')
        assert server.process.wait(20) == 0
        assert not os.path.exists(server.ready)
        server.stop()
        for client in (idle, new, busy):
            client.close()


def refused(address):
    try:
        with socket.create_connection(address, timeout=5) as sock:
            sock.settimeout(0.2)
            sock.sendall(b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
            return sock.recv(1) == b''
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def test_stop_timeout_is_a_limit():
    def silent(node, conn, request):
        conn.rest()
        return False
    with Server('--stop-timeout', '300ms') as server, Node('n', silent) as node:
        server.register('n', node.port)
        with raw.Client(server.traffic) as client:
            client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
            until(lambda: len(node.requests) == 1, what='a request runs')
            server.signal(signal.SIGTERM)
            assert server.process.wait(20) == 0


def test_workers_leave_when_the_master_is_killed():
    with Server(workers=2) as server:
        server.allow_deaths = True
        pids = server.workers()
        server.process.kill()
        server.process.wait()
        until(lambda: not any(os.path.exists(f'/proc/{pid}') for pid in pids), 20, 'they left')
        server.stop = lambda: server.dir.cleanup()


CONFIG = '''
[server]
stop-timeout = 20s
[traffic]
via-name = {name}
[management]
allow = {allow}
[cluster]
grace = {grace}
'''


def test_sighup_takes_over_what_can_change():
    release = threading.Event()

    def held(node, conn, request):
        if request.target == '/held':
            release.wait(20)
        serve_route(node, conn, request)
    first = CONFIG.format(name='one', allow='private', grace='10s')
    with Server(config=first, workers=2) as server, Node('n', held) as node:
        server.register('n', node.port)
        assert server.get('/').get('Via') == '1.1 one'
        before = server.workers()
        with raw.Client(server.traffic) as busy:
            busy.send('GET /held HTTP/1.1\r\nHost: x\r\n\r\n')
            until(lambda: any(r.target == '/held' for r in node.requests), what='a request runs')
            server.write('server.conf', CONFIG.format(name='two', allow='192.0.2.1', grace='11s'))
            os.rename(server.access_path, server.path('old.log'))
            server.signal(signal.SIGHUP)
            until(lambda: server.get('/').get('Via') == '1.1 two', what='the new name is used')
            until(lambda: mcmp.send(server.management, 'INFO').status == 403, what='the new list')
            assert len(set(before) & set(server.workers())) >= 1, 'the busy worker finishes'
            release.set()
            assert busy.answer().status == 200
        until(lambda: not set(before) & set(server.workers()), what='old workers left')
        assert len(server.workers()) == 2
        assert 'grace changes at a restart only' in server.log()
        assert server.get('/new').status == 200
        until(lambda: '"/new"' in server.access(), what='the log was opened again')


def test_a_bad_file_is_refused_at_sighup_and_nothing_changes():
    with Server(config=CONFIG.format(name='one', allow='private', grace='10s')) as server:
        before = server.workers()
        server.write('server.conf', '[traffic]\nvia-nam = x\n')
        server.signal(signal.SIGHUP)
        until(lambda: 'reload refused' in server.log(), what='the complaint')
        assert 'server.conf:2: unknown key "via-nam" in [traffic]' in server.log()
        assert server.workers() == before


def test_logs_are_opened_again_at_sigusr1():
    with Server() as server:
        server.get('/one')
        until(lambda: '/one' in server.access(), what='a line')
        os.rename(server.access_path, server.path('old'))
        server.signal(signal.SIGUSR1)
        until(lambda: os.path.exists(server.access_path), what='the new file')
        server.get('/two')
        until(lambda: '/two' in server.access(), what='a line in it')


BAD_CONFIG = {
    'unknown section': ('[trafic]\n', ':1: unknown section [trafic]; allowed: server, traffic'),
    'unknown key': ('[traffic]\n\nlissten = 1\n', ':3: unknown key "lissten" in [traffic]; allowed: '
                    'listen, tls-listen'),
    'key of another section': ('[log]\nlisten = 127.0.0.1:1\n', ':2: unknown key "listen" in [log]'),
    'key before a section': ('listen = 1\n', ':1: a key before the first [section]'),
    'no pair': ('[log]\nnonsense\n', ':2: expected [section] or key = value'),
    'bad number': ('[traffic]\nmax-connections = many\n', ':2: bad value "many" for '
                   'max-connections; allowed: a number from 1 to 1000000'),
    'number over its range': ('[traffic]\nmax-connections = 1000001\n', ':2: bad value'),
    'bad time': ('[traffic]\nidle-timeout = 5 parsecs\n', ':2: bad value "5 parsecs" for '
                 'idle-timeout; allowed: a time from'),
    'bad word': ('[cluster]\npolicy = random\n', ':2: bad value "random" for policy; allowed: '
                 'lbfactor, busyness, two-choices, hash'),
    'bad boolean': ('[cluster]\nuse-alias = maybe\n', 'allowed: yes or no'),
    'bad address': ('[traffic]\nlisten = example.com:80\n', 'allowed: ADDR:PORT'),
    'bad port': ('[traffic]\nlisten = 127.0.0.1:65536\n', 'allowed: ADDR:PORT'),
    'bad list': ('[management]\nallow = 10.0.0.0/33\n', 'bad value "10.0.0.0/33" for allow'),
}


@pytest.mark.parametrize('name', BAD_CONFIG)
def test_a_bad_configuration_is_refused_with_its_place(name, tmp_path):
    text, message = BAD_CONFIG[name]
    path = tmp_path / 'x.conf'
    path.write_text(text)
    result = run('--config', str(path), '--check-config')
    assert result.returncode == 2
    assert message in result.stderr
    assert not result.stdout


def test_a_printed_configuration_reads_back_the_same(tmp_path):
    first = run('--check-config', '--listen', '127.0.0.1:1', '--listen', '[::1]:2', '--use-alias',
                '--policy', 'hash', '--silent-after', 'off', '--max-body=3g', '--via=no')
    assert first.returncode == 0
    path = tmp_path / 'x.conf'
    path.write_text('# a comment\n; another\n\n' + first.stdout)
    again = run('--config', str(path), '--check-config')
    assert again.stdout == first.stdout
    for line in ('listen = 127.0.0.1:1', 'listen = [::1]:2', 'use-alias = yes', 'policy = hash',
                 'silent-after = off', 'max-body = 3221225472', 'via = no'):
        assert line in first.stdout.splitlines()


def test_flags_win_over_the_file(tmp_path):
    path = tmp_path / 'x.conf'
    path.write_text('[traffic]\nlisten = 127.0.0.1:1\nlisten = 127.0.0.1:2\nmax-head = 12k\n')
    lines = run('--listen', '127.0.0.1:3', '--config', str(path), '--check-config').stdout
    assert [line for line in lines.splitlines() if line.startswith('listen')] == \
        ['listen = 127.0.0.1:3']
    assert 'max-head = 12288' in lines


def test_help_names_every_key_and_fits_the_screen():
    result = run('--help')
    assert result.returncode == 0
    keys = [line.split(' = ')[0] for line in run('--check-config').stdout.splitlines()
            if ' = ' in line]
    assert len(keys) > 60
    for key in keys:
        assert f'--{key}' in result.stdout, key
    assert max(len(line) for line in result.stdout.splitlines()) <= 101
    assert run('--version').stdout.startswith('mcmp-server ')
    assert run('--nonsense').returncode == 2


def test_the_access_log_can_not_be_forged():
    evil = '/x"%0a\\\x7f'
    with Server() as server:
        with raw.Client(server.traffic) as client:
            client.send(b'GET /a"b\xe9 HTTP/1.1\r\nHost: x\r\nUser-Agent: e"vil\\ \xff\r\n\r\n')
            client.answer()
        lines = until(lambda: server.access().splitlines(), what='a line')
        entry = json.loads(lines[0])
        assert entry['status'] in (400, 404)
        assert evil not in lines[0]
    with Server('--access-format', 'common') as server:
        with raw.Client(server.traffic) as client:
            client.send(b'GET /a HTTP/1.1\r\nHost: x\r\nReferer: r" 200 0 "\r\n'
                        b'User-Agent: e"v\x80\r\n\r\n')
            assert client.answer().status == 404
        lines = until(lambda: server.access().splitlines(), what='a line')
        assert len(lines) == 1
        assert '"GET /a HTTP/1.1" 404' in lines[0]
        assert '"r\\" 200 0 \\"" "e\\"v\\x80"' in lines[0]


def test_the_access_log_tells_how_a_request_went():
    with Server() as server, Node('n') as node:
        server.register('n', node.port)
        server.get('/a?b', method='POST', body=b'12345')
        entry = json.loads(until(lambda: server.access().splitlines(), what='a line')[0])
        expected = {'method': 'POST', 'target': '/a?b', 'status': 200, 'bytes_in': 5,
                    'bytes_out': 7, 'route': 'n', 'tries': 1, 'protocol': 'HTTP/1.1',
                    'client': '127.0.0.1', 'upgraded': False, 'cut': False}
        assert {key: entry[key] for key in expected} == expected
        assert 0 <= entry['connect_us'] <= entry['first_byte_us'] <= entry['total_us']


def test_no_child_is_left_behind():
    server = Server(workers=2)
    pids = server.workers()
    assert children(server.pid) == pids
    server.stop()
    assert not any(os.path.exists(f'/proc/{pid}') for pid in pids)


def test_metrics_are_served_to_those_who_may_see_them():
    with Server() as server, Node('n') as node:
        server.register('n', node.port)
        answer = raw.get(server.management, '/metrics')
        assert answer.status == 200
        assert answer.get('Content-Type').startswith('text/plain')
        assert b'route="n"' in answer.body
    with Server('--allow', '192.0.2.1') as server:
        assert raw.get(server.management, '/metrics').status == 403


def test_a_log_that_can_not_be_written_is_an_error_at_the_start(tmp_path):
    flags = ('--listen', '127.0.0.1:0', '--management', '127.0.0.1:0')
    for flag in ('--access-log', '--error-log'):
        result = run(*flags, flag, str(tmp_path / 'none' / 'x.log'))
        assert result.returncode == 1
        assert "can't open" in result.stderr


def test_a_mute_probe_target_holds_nothing_up():
    def mute(_, conn):
        conn.rest()
    with Server() as server, Node('n', raw_handler=mute) as node:
        fields = {'JVMRoute': 'n', 'Host': '127.0.0.1', 'Port': node.port, 'Type': 'http',
                  'ping': '1s'}
        assert mcmp.send(server.management, 'CONFIG', fields).status == 200
        answers = []
        thread = threading.Thread(target=lambda: answers.append(
            mcmp.send(server.management, 'STATUS', {'JVMRoute': 'n', 'Load': 1})))
        thread.start()
        until(lambda: node.connections == 1, what='the probe runs')
        for _ in range(10):
            assert mcmp.send(server.management, 'PING').status == 200
        assert thread.is_alive()
        thread.join(10)
        assert b'State=NOTOK' in answers[0].body


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as sock:
            sock.bind(('::1', 0))
        return True
    except OSError:
        return False


@pytest.mark.skipif(not has_ipv6(), reason='this system has no ::1')
def test_ipv6_is_served_too():
    with Server(listen=('[::1]:0',)) as server:
        host, port = server.traffic
        assert host == '[::1]'
        with socket.create_connection(('::1', port), timeout=10) as sock:
            sock.sendall(b'GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n')
            assert sock.recv(100).startswith(b'HTTP/1.1 404 ')


def test_a_draining_node_is_told_what_still_runs():
    release = threading.Event()

    def held(node, conn, request):
        release.wait(20)
        conn.reply('done')
    with Server() as server, Node('n', held) as node:
        server.register('n', node.port, context='/app')
        fields = {'JVMRoute': 'n', 'Alias': 'localhost', 'Context': '/app'}
        with raw.Client(server.traffic) as client:
            client.send('GET /app HTTP/1.1\r\nHost: x\r\n\r\n')
            until(lambda: node.requests, what='a request runs')
            first = mcmp.send(server.management, 'STOP-APP', fields)
            assert b'Type=STOP-APP-RSP&JvmRoute=n&Requests=1&' in first.body
            assert server.get('/app').status == 404
            release.set()
            assert client.answer().status == 200
        until(lambda: b'&Requests=0&' in mcmp.send(server.management, 'STOP-APP', fields).body,
              what='nothing runs any more')


def test_reloads_lose_no_request():
    statuses = []
    stop = threading.Event()

    def ask(server):
        while not stop.is_set():
            try:
                statuses.append(server.get('/').status)
            except (raw.Closed, ConnectionError) as error:
                statuses.append(repr(error))
    with Server(workers=2) as server, Node('n') as node:
        server.register('n', node.port)
        threads = [threading.Thread(target=ask, args=(server,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(1, 16):
            server.signal(signal.SIGHUP)
            until(lambda n=number: server.log().count('reloaded') == n, what='it is taken')
        until(lambda: len(server.workers()) == 2, 20, 'the old workers left')
        stop.set()
        for thread in threads:
            thread.join()
    assert len(statuses) > 20
    assert set(statuses) == {200}
