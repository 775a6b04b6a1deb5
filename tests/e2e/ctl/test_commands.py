# SPDX-License-Identifier: Apache-2.0
"""Each command of mcmpctl: what it prints for people and scripts, what it does to the proxy, its exit
code, and what it says when something is wrong."""
import json
import os
import re
import shlex
import socket
import subprocess
import threading
import xml.etree.ElementTree

import pytest
from agent import program
from ctl import ctl, rows
from nodes import Node
from server import Server
from waiting import until

import mcmp


def busy(_node, conn, request):
    """Answers are held back until `busy.go` is set."""
    if request.method == 'GET':
        busy.go.wait(30)
    conn.reply(b'ok')


@pytest.fixture(name='farm', scope='module')
def the_farm():
    busy.go = threading.Event()
    busy.go.set()
    name = f'mcmp-test-ctl-{os.getpid()}'
    with Node(handler=busy) as node, Server('--segment', name) as server:
        server.segment = name
        server.node = node
        yield server
    # the name outlives the server on purpose
    subprocess.run([program('mcmp-server'), '--segment', name, '--remove-segment'], check=True,
                   capture_output=True)


@pytest.fixture(name='server')
def a_server(farm):
    """The farm with its two nodes as they are at the start of each test."""
    for route in ('n1', 'n2', 'n3'):
        mcmp.send(farm.management, 'REMOVE-APP', {'JVMRoute': route}, target='/*')
    busy.go.set()
    farm.register('n1', farm.node.port, context='/,/shop', alias='localhost,www.example',
                  Domain='east')
    farm.register('n2', farm.node.port + 1 if farm.node.port < 65535 else 1024, context='/shop',
                  load=-1, host='127.0.0.2')
    return farm


def contexts(server):
    return {(row['CONTEXT'], row['ALIAS'], row['ROUTE']): row['STATUS']
            for row in rows(ctl(server.management, 'contexts').must())}


def test_nodes_are_listed_for_people_and_for_scripts(server):
    table = {row['ROUTE']: row for row in rows(ctl(server.management, 'nodes').must())
             if row['ROUTE'] in ('n1', 'n2')}
    assert table['n1']['DOMAIN'] == 'east' and table['n2']['DOMAIN'] == '-'
    assert table['n1']['ENDPOINT'] == f'http://127.0.0.1:{server.node.port}'
    assert (table['n1']['LOAD'], table['n2']['LOAD']) == ('100', '-1')
    listed = json.loads(ctl(server.management, 'nodes', '--json').must())
    assert all(isinstance(node['port'], int) for node in listed)
    one = next(node for node in listed if node['route'] == 'n1')
    assert one['load'] == 100 and one['type'] == 'http' and one['connected'] == 0, one


def test_contexts_are_listed_by_alias_and_of_one_node(server):
    assert contexts(server) == {
        ('/', 'localhost', 'n1'): 'ENABLED', ('/', 'www.example', 'n1'): 'ENABLED',
        ('/shop', 'localhost', 'n1'): 'ENABLED', ('/shop', 'www.example', 'n1'): 'ENABLED',
        ('/shop', 'localhost', 'n2'): 'ENABLED'}
    assert [row['ROUTE'] for row in rows(ctl(server.management, 'contexts', 'n2').must())] == ['n2']
    listed = json.loads(ctl(server.management, 'contexts', 'n2', '--json').must())
    assert listed == [{'context': '/shop', 'alias': 'localhost', 'route': 'n2',
                       'status': 'ENABLED'}]
    ctl(server.management, 'contexts', 'n9').must(1, '%s:%d knows no node "n9"' % server.management)


def test_reports_come_in_each_form(server):
    assert ctl(server.management, 'info').must().startswith('Node: [')
    assert ctl(server.management, 'dump', '--text').must().startswith('balancer: [')
    for command, root in (('info', 'Info'), ('dump', 'Dump')):
        xml_text = ctl(server.management, command, '--xml').must()
        assert xml.etree.ElementTree.fromstring(xml_text).tag == root
        assert json.loads(ctl(server.management, command, '--json').must())['protocol'] == '0.2.1'


@pytest.mark.parametrize('command, status', [('disable', 'DISABLED'), ('stop', 'STOPPED'),
                                             ('enable', 'ENABLED')])
def test_a_context_a_pair_and_a_node_get_a_status(server, command, status):
    first = 'stop' if command == 'enable' else 'enable'
    ctl(server.management, first, 'n1').must()
    before = contexts(server)
    done = {'disable': 'disabled', 'stop': 'stopped', 'enable': 'enabled'}[command]
    out = ctl(server.management, command, 'n1/shop', '--alias', 'www.example').must()
    assert out == f'n1/shop: {done}\n'
    assert contexts(server) == {**before, ('/shop', 'www.example', 'n1'): status}
    ctl(server.management, command, 'n1/shop/').must()
    assert contexts(server) == {**before, ('/shop', 'www.example', 'n1'): status,
                                ('/shop', 'localhost', 'n1'): status}
    assert ctl(server.management, command, 'n1').must() == f'n1: {done}\n'
    assert {value for key, value in contexts(server).items() if key[2] == 'n1'} == {status}
    assert contexts(server)[('/shop', 'localhost', 'n2')] == 'ENABLED'


def test_names_that_are_not_plain_ascii():
    """INFO writes them %XX; what looks like that and is printable is the name itself."""
    with Server() as own:
        for port, route in enumerate(('n%41', 'ä😀\\'), 1):
            own.register(route, port, context='/c%20d')
        listed = json.loads(ctl(own.management, 'nodes', '--json').must())
        told = json.loads(ctl(own.management, 'info', '--json').must())
        routes = {node['route'] for node in listed}
        assert routes == {node['route'] for node in told['nodes']} == {'n%41', 'ä😀\\'}
        for route in routes:
            assert ctl(own.management, 'stop', f'{route}/c%20d').must() == f'{route}/c%20d: stopped\n'
            assert 'STOPPED' in ctl(own.management, 'contexts', route).must()


def test_names_that_the_proxy_does_not_know_change_nothing(server):
    before = contexts(server)
    proxy = '%s:%d' % server.management
    for args, why in (
            (('enable', 'n9'), f'{proxy} knows no node "n9"; see mcmpctl nodes'),
            (('remove', 'n1/nope'), f'{proxy}: node "n1" has no context "/nope"; '
                                    'see mcmpctl contexts'),
            (('stop', 'n1/shop', '--alias', 'x'), f'{proxy}: node "n1" has no context "/shop" '
                                                  'under alias x; see mcmpctl contexts')):
        assert ctl(server.management, *args).must(1, why) == ''
    assert contexts(server) == before


def test_config_registers_and_remove_takes_out(server):
    ctl(server.management, 'config', 'n3', 'Host=127.0.0.3', 'Port=8080', 'type=http',
        'Context=/x', 'Alias=localhost').must()
    assert contexts(server)[('/x', 'localhost', 'n3')] == 'STOPPED'
    ctl(server.management, 'remove', 'n3').must()
    assert ('/x', 'localhost', 'n3') not in contexts(server)
    proxy = '%s:%d' % server.management
    ctl(server.management, 'config', 'n3', 'Typ=http').must(
        2, '"Typ" is no key of CONFIG; see mcmpctl(1)')
    ctl(server.management, 'config', 'n3', 'Type').must(2, '"Type" is no KEY=VALUE')
    ctl(server.management, 'config', 'n3', 'Host=127.0.0.3', 'Port=0').must(
        1, f'{proxy}: SYNTAX: Port field has bad value')
    ctl(server.management, 'config', 'n1', 'Host=127.0.0.1', 'Port=1', 'Type=http').must(
        1, f'{proxy}: MEM: Node with "n1" JVMRoute already exists')


def test_ping_tells_ok_and_notok(server):
    assert ' OK in ' in ctl(server.management, 'ping').must()
    assert ctl(server.management, 'ping', 'n1').must().startswith('n1: OK in ')
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        url = f'http://127.0.0.1:{free.getsockname()[1]}'
        assert ctl(server.management, 'ping', url).must(5).startswith(f'{url}: NOTOK in ')
    told = json.loads(ctl(server.management, 'ping', 'n1', '--json').must())
    assert told['state'] == 'OK' and told['id'] > 0, told
    ctl(server.management, 'ping', 'n9').must(
        1, '%s:%d: MEM: Can\'t read node with "n9" JVMRoute' % server.management)
    for bad in ('gopher://h:1', 'http://h', 'http://h:x'):
        assert '\n' not in ctl(server.management, 'ping', bad).must(
            2, f'"{bad}" is no endpoint; expected SCHEME://HOST:PORT with scheme ajp, http, https, '
               'ws or wss')


def test_status_names_what_is_wrong(server):
    out = ctl(server.management, 'status').must(5)
    assert 'node n2 says that it is broken (Load -1)' in out
    assert 'node n2 does not answer the proxy\'s probe' in out
    ctl(server.management, 'remove', 'n2').must()
    assert 'wrong     nothing' in ctl(server.management, 'status').must()
    ctl(server.management, 'disable', 'n1/shop').must()
    told = json.loads(ctl(server.management, 'status', '--json').must(5))
    assert told['wrong'] == ['context /shop is served by no node to new clients'], told
    assert (told['active'], told['enabled'], told['disabled']) == (1, 2, 2), told


def test_drain_waits_until_the_last_request_has_ended(server):
    busy.go.clear()
    clients = [threading.Thread(target=server.get, args=('/shop/',)) for _ in range(3)]
    for client in clients:
        client.start()
    until(lambda: server.nodes()['n1']['Connected'] == '3', what='three requests run')
    for target in ('n1/shop', 'n1'):
        ctl(server.management, 'drain', target, '--wait', '--most', '300ms').must(
            4, f'{target}: 3 requests still run after 0.3 s (--most)')
    out = ctl(server.management, 'drain', 'n1/shop').must()
    assert out == 'n1/shop: stopped, running 3\n'
    timer = threading.Timer(0.5, busy.go.set)
    timer.start()
    out = ctl(server.management, 'drain', 'n1', '--wait', '--sessions', '10ms').must()
    assert out.startswith('n1: disabled, sessions have 0.01 s\n') and 'n1: drained in ' in out
    timer.join()
    for client in clients:
        client.join()
    assert set(value for key, value in contexts(server).items() if key[2] == 'n1') == {'STOPPED'}


def test_watch_shows_rates(server):
    out = ctl(server.management, 'watch', '--count', '2', '--interval', '100ms').must()
    tables = [part for part in out.split('\n\n') if part.startswith('ROUTE')]
    assert len(tables) == 2, out
    first = {row['ROUTE']: row for row in rows(tables[0].split('\n2')[0])}
    assert first['n1']['REQUESTS/s'] == '-', out


def test_watch_ends_when_nobody_reads_any_more(server):
    argv = [program('mcmpctl'), '--proxy', '%s:%d' % server.management, 'watch', '--interval', '50ms']
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as watch:
        assert watch.stdout.readline()
        watch.stdout.close()
        assert watch.wait(20) == 3 and b'standard output' in watch.stderr.read()


def test_explain_reads_the_segment(server):
    name = server.segment
    out = ctl(None, 'explain', 'http://localhost/shop/x', '--segment', name).must()
    assert 'result: node "n1"' in out
    out = ctl(None, 'explain', '/shop', '--segment', name, '--cookie', 'JSESSIONID=a.n1').must()
    assert 'reason sticky' in out
    ctl(server.management, 'stop', 'n1').must()
    assert 'result: status 404' in ctl(None, 'explain', '/', '--segment', name).must(5)
    assert ctl(None, 'explain', '/', '--segment', 'mcmp-test-none').code == 3
    ctl(None, 'explain', '/').must(2, 'explain needs --segment NAME, the cluster\'s named segment')


def test_bench_counts_messages(server):
    told = json.loads(ctl(server.management, 'bench', '--messages', '50', '--json').must())
    assert told['messages'] == 50 and told['perSecond'] > 0, told
    assert '20 messages in ' in ctl(server.management, 'bench', 'status', 'n1', '--messages',
                                    '20').must()
    ctl(server.management, 'bench', 'status').must(
        2, 'bench takes ping, info, version or status ROUTE')


@pytest.mark.parametrize('args, why', [
    ((), 'which command? --help lists them'),
    (('frob',), 'unknown command "frob"; --help lists them'),
    (('nodes', '--frob'), 'unknown flag --frob; --help lists them'),
    (('nodes', '--wait'), '--wait does not go with nodes'),
    (('nodes', 'x'), '"x" is one argument too many; usage: mcmpctl nodes'),
    (('enable',), 'usage: mcmpctl enable ROUTE[/CONTEXT]'),
    (('enable', '/x'), '"/x" names no node'),
    (('enable', 'n1', '--alias', 'x'), '--alias goes with ROUTE/CONTEXT'),
    (('nodes', '--timeout'), '--timeout needs a value: TIME'),
    (('nodes', '--timeout', '0'), '--timeout: "0" is not valid, expected TIME, 1 ms or more'),
    (('watch', '--interval', '1ms'), '--interval: "1ms" is not valid, expected TIME, 50 ms or more'),
    (('watch', '--count', 'x'), '--count: "x" is not valid, expected N, 0 or more'),
    (('bench', '--messages', '0'), '--messages: "0" is not valid, expected N, 1 or more'),
    (('drain', 'n1', '--wait=1'), '--wait takes no value'),
    (('nodes', '--cert', 'x'), '--cert goes with TLS only: add --tls, or https:// before the address'),
    (('nodes', '--insecure'), '--insecure goes with TLS only: add --tls, or https:// before the address'),
    (('nodes', '--proxy', '127.0.0.1:66666'),
     '--proxy: "127.0.0.1:66666" is not valid, expected HOST:PORT[/PREFIX]'),
    (('nodes', '--proxy', '::1'), '--proxy: "::1" is not valid, expected HOST:PORT[/PREFIX]'),
])
def test_a_wrong_command_line_says_what_is_wrong(args, why):
    ctl(None, *args).must(2, why)


def test_help_of_a_command_is_about_that_command():
    out = ctl(None, 'watch', '--help').must()
    assert out.startswith('usage: mcmpctl [flags] watch\n')
    assert '--interval' in out and '--proxy' in out and '--sessions' not in out and 'ROUTE' not in out
    assert ctl(None, '--help', 'drain').must().startswith('usage: mcmpctl [flags] drain ROUTE[/CONTEXT]\n')
    whole = ctl(None, '--help').must()
    assert '  drain ROUTE[/CONTEXT]' in whole and '--sessions' in whole


def test_the_address_of_a_flag_says_itself_whether_it_is_tls(server):
    env = {'MCMPCTL_PROXY': 'https://127.0.0.1:1'}
    assert ' OK in ' in ctl(server.management, 'ping', env=env).must()


def test_a_proxy_that_is_not_there_or_mute_is_told_with_its_reason():
    with socket.socket() as mute:
        mute.bind(('127.0.0.1', 0))
        address = mute.getsockname()
        ctl(address, 'ping').must(3, '%s:%d: can\'t connect: Connection refused' % address)
        mute.listen()
        ctl(None, 'ping', '--timeout', '100ms', env={'MCMPCTL_PROXY': '%s:%d' % address}).must(
            3, '%s:%d: no answer within 0.1 s (--timeout)' % address)


def answers(text):
    """A proxy that gives this answer to everything, one connection at a time."""
    listener = socket.create_server(('127.0.0.1', 0))

    def serve():
        while True:
            try:
                conn, _ = listener.accept()
            except OSError:
                return
            with conn:
                conn.recv(65536)
                conn.sendall(text)

    threading.Thread(target=serve, daemon=True).start()
    return listener


@pytest.mark.parametrize('text, code, why', [
    (b'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n', 1,
     'the proxy answered 404 Not Found to INFO'),
    (b'SSH-2.0\r\n', 3, None),
    (b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc', 3, None),
    (b'', 3, 'the proxy closed the connection without an answer'),
])
def test_answers_that_are_no_success_are_errors(text, code, why):
    with answers(text) as listener:
        address = listener.getsockname()
        ran = ctl(address, 'nodes', '--timeout', '5s')
        assert ran.code == code and ran.out == '', (ran.code, ran.out, ran.err)
        assert why is None or ran.err == 'mcmpctl: %s:%d: %s\n' % (*address, why)


def test_names_reach_a_terminal_without_control_characters():
    info = (b'Node: [1],Name: a\x1b[31m,Balancer: b,LBGroup: ,Host: h,Port: 1,Type: http,'
            b'Flushpackets: Off,Flushwait: 10,Ping: 10,Smax: -1,Ttl: 60,Elected: 0,Read: 0,'
            b'Transfered: 0,Connected: 0,Load: 1\n')
    head = b'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n' % len(info)
    with answers(head + info) as listener:
        out = ctl(listener.getsockname(), 'nodes').must()
        assert '\x1b' not in out and 'a?[31m' in out
        listed = json.loads(ctl(listener.getsockname(), 'nodes', '--json').must())
        assert listed[0]['route'] == 'a\x1b[31m'


def complete(server, line):
    """What bash offers at the end of the line; a shell for people splits words at = and :, too."""
    words = re.findall('[=:]|[^ =:]+', line) + ([''] if line.endswith(' ') else [])
    script = (f'source {os.path.dirname(__file__)}/../../../examples/ctl/mcmpctl.bash\n'
              f'COMP_LINE="{line}"; COMP_POINT=${{#COMP_LINE}}\n'
              f'COMP_WORDS=({shlex.join(words)}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n'
              '_mcmpctl; printf "%s\\n" "${COMPREPLY[@]}"')
    env = {**os.environ, 'PATH': os.path.dirname(program('mcmpctl')) + ':' + os.environ['PATH'],
           'MCMPCTL_PROXY': '%s:%d' % server.management if '--proxy' not in line else '127.0.0.1:1'}
    done = subprocess.run(['bash', '-c', script], capture_output=True, text=True, check=True,
                          env=env, stdin=subprocess.DEVNULL, timeout=60)
    assert done.stderr == '', done.stderr
    return done.stdout.split()


def test_the_shell_completes_commands_flags_and_targets(server):
    assert complete(server, 'mcmpctl en') == ['enable']
    assert complete(server, 'mcmpctl nodes --js') == ['--json']
    assert complete(server, 'mcmpctl drain n1') == ['n1']
    assert complete(server, 'mcmpctl drain n1/') == ['n1/', 'n1/shop']
    assert complete(server, 'mcmpctl --timeout 1s stop n2/s') == ['n2/shop']
    assert complete(server, 'mcmpctl bench ver') == ['version']
    proxy = '%s:%d' % server.management
    assert complete(server, f'mcmpctl --proxy {proxy} drain n1') == ['n1']
    assert complete(server, f'mcmpctl --proxy={proxy} drain n1/') == ['n1/', 'n1/shop']
    assert complete(server, f'mcmpctl --proxy https://{proxy} --insecure drain n1') == []
    assert complete(server, 'mcmpctl nodes ') == []
