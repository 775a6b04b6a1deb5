# SPDX-License-Identifier: Apache-2.0
"""mcmp-node against a recording balancer: what it sends, byte for byte, and how it reacts."""
import signal
import socket
import subprocess
import time

import pytest
from agent import Agent, program
from stub_proxy import StubProxy, answer, error, good
from waiting import until

REGISTER = ['INFO', 'CONFIG', 'ENABLE-APP', 'STATUS']
ALIASES = ('--alias', 'localhost,t1.example', '--alias', 'www.example')


def expected(command, target, address, body=''):
    """The form of JAVA-CLIENT 1; only User-Agent tells who sends."""
    lines = [f'{command} {target} HTTP/1.1', f'Host: {address}']
    if body:
        lines.append(f'Content-Length: {len(body)}')
    lines += ['User-Agent: mcmp-node/0.1.0', 'Connection: Keep-Alive', '', '']
    return ('\r\n'.join(lines) + body).encode()


def test_every_request_has_the_form_of_the_java_client():
    apps = [f'JVMRoute=t1&Alias=localhost%2Ct1.example%2Cwww.example&Context={context}'
            for context in ('%2F', '%2Fapp')]
    config = 'JVMRoute=t1&Host=127.0.0.1&Port=18009&StickySessionForce=No&Type=ajp'
    with StubProxy() as proxy, Agent('--type', 'ajp', *ALIASES, '--context', '/', '--context',
                                     '/app', '--drain-wait', 0, route='t1', proxies=[proxy],
                                     backend='127.0.0.1:18009', demo=False) as node:
        proxy.wait_command('STATUS')
        assert node.stop() == 0
        want = [('INFO', '/', ''), ('CONFIG', '/', config),
                *(('ENABLE-APP', '/', app) for app in apps),
                ('STATUS', '/', 'JVMRoute=t1&Load=100'),
                *((command, '/', app) for command in ('DISABLE-APP', 'STOP-APP', 'REMOVE-APP')
                  for app in apps),
                ('REMOVE-APP', '/*', 'JVMRoute=t1')]
        assert [r.raw for r in proxy.requests] == [expected(c, t, proxy.address, b)
                                                   for c, t, b in want]
        assert proxy.count == 1, 'one connection carries everything'


def test_config_with_every_setting_has_the_form_of_the_java_client():
    want = ('JVMRoute=t2&Balancer=MyBal&Domain=grp+1&Host=127.0.0.1&Maxattempts=17&Port=18443'
            '&StickySession=No&StickySessionForce=No&StickySessionRemove=Yes&Timeout=15&Type=https'
            '&WaitWorker=16&flushpackets=On&flushwait=11&ping=12&smax=13&ttl=14')
    flags = ['--balancer', 'MyBal', '--domain', 'grp 1', '--max-attempts', 17, '--timeout', 15,
             '--type', 'https', '--wait-worker', 16, '--flushpackets', 'on', '--flushwait', '11ms',
             '--ping', 12, '--smax', 13, '--ttl', 14, '--sticky-session', 'no', '--sticky-remove',
             'yes']
    with StubProxy() as proxy, Agent(*flags, route='t2', proxies=[proxy],
                                     backend='127.0.0.1:18443', demo=False):
        assert proxy.wait_command('CONFIG')[0].body.decode() == want
    java = want.replace('&StickySessionForce=No', '')
    with StubProxy() as proxy, Agent(*flags, '--sticky-force', 'yes', route='t2', proxies=[proxy],
                                     backend='127.0.0.1:18443', demo=False):
        assert proxy.wait_command('CONFIG')[0].body.decode() == java, 'JAVA-CLIENT 1, second CONFIG'


def test_a_balancer_may_be_given_by_name_and_by_ipv6_address():
    with StubProxy() as proxy, Agent(proxies=[f'localhost:{proxy.port}']):
        request = proxy.wait_command('STATUS')[0]
        assert f'Host: localhost:{proxy.port}\r\n'.encode() in request.raw
    with Agent('--interval', '1s', proxies=['[::1]:9']) as node:
        node.log.wait(r"\[::1\]:9: can't connect")


def test_a_name_that_is_none_delays_no_other():
    with StubProxy() as proxy, Agent('--interval', '200ms', proxies=['no.such.host.invalid:1',
                                                                     proxy]) as node:
        proxy.wait_command('STATUS', 3)
        node.log.wait("can't resolve the name|no connection in time", 30)
        assert node.stop() == 0


def test_a_prefix_goes_in_front_of_every_target():
    with StubProxy() as proxy, Agent(proxies=[proxy.address + '/mcmp'], demo=False,
                                     backend='127.0.0.1:1') as node:
        proxy.wait_command('STATUS')
        node.stop()
        assert {r.target for r in proxy.requests} == {'/mcmp/', '/mcmp/*'}


def test_status_comes_at_each_interval():
    with StubProxy() as proxy, Agent('--interval', '200ms', '--load', 42, proxies=[proxy]):
        seen = proxy.wait_command('STATUS', 6)
        assert {r.body for r in seen} == {b'JVMRoute=n1&Load=42'}
        mean = (seen[-1].time - seen[0].time) / (len(seen) - 1)  # single ones may be held up here
        assert 0.15 < mean < 5, mean
        assert proxy.names()[:4] == REGISTER and set(proxy.names()[4:]) == {'STATUS'}


def test_load_auto_tells_a_number_from_1_to_100():
    with StubProxy() as proxy, Agent('--load', 'auto', proxies=[proxy]):
        assert 1 <= int(proxy.wait_command('STATUS')[0].fields['Load']) <= 100


def test_an_answer_of_type_mem_makes_it_register_again_at_once():
    def behave(request):
        if request.command == 'STATUS' and len(proxy.requests) == 5:
            return error('MEM', 'Can\'t read node with "n1" JVMRoute')
        return good(request)

    with StubProxy(behave) as proxy, Agent('--interval', '2s', proxies=[proxy]):
        proxy.wait(lambda seen: len(seen) >= 9)
        assert proxy.names()[:9] == REGISTER + ['STATUS'] + REGISTER
        lost, again = proxy.requests[4], proxy.requests[5]
        assert again.time - lost.time < 1.5, 'long before the next interval'


def test_a_changed_id_makes_it_register_again_once():
    identity = [7]
    with StubProxy(lambda request: good(request, identity[0])) as proxy, \
            Agent('--interval', '100ms', proxies=[proxy]) as node:
        proxy.wait_command('STATUS', 2)
        identity[0] = 8
        node.log.wait('lost its state')
        proxy.wait_command('CONFIG', 2)
        before = len(proxy.wait_command('STATUS'))
        proxy.wait_command('STATUS', before + 4)
        assert proxy.names().count('CONFIG') == 2


def test_a_balancer_that_forgets_each_time_is_not_asked_in_a_tight_loop():
    def behave(request):
        return error('MEM', 'Can\'t read node') if request.command == 'STATUS' else good(request)

    with StubProxy(behave) as proxy, Agent('--interval', '1s', proxies=[proxy]):
        proxy.wait_command('CONFIG', 4, timeout=15)
        times = [r.time for r in proxy.requests if r.command == 'CONFIG']
        assert times[3] - times[1] > 0.5, 'it backs off'
        assert times[1] - times[0] < times[3] - times[1], 'but heals the first loss at once'


def test_a_killed_balancer_is_used_again_within_two_intervals():
    with StubProxy() as proxy, Agent('--interval', '2s', proxies=[proxy]) as node:
        proxy.wait_command('STATUS')
        proxy.stop()
        node.log.wait(r"can't connect: connection refused")
        start = time.monotonic()
        with StubProxy(port=proxy.port) as back:
            back.wait_command('STATUS')
            assert time.monotonic() - start < 4
            assert back.names()[:4] == REGISTER


def test_an_idle_connection_that_was_closed_is_replaced_silently():
    with StubProxy() as proxy, Agent('--interval', '300ms', proxies=[proxy]) as node:
        for n in range(4, 7):
            proxy.wait(lambda _, n=n: proxy.answered >= n)
            proxy.drop_connections()
        proxy.wait_command('STATUS', 5)
        assert proxy.names().count('CONFIG') == 1
        assert not node.log.find('warn|error')


def test_a_request_that_breaks_on_a_used_connection_is_sent_once_more():
    def behave(request):
        broke = request.command == 'STATUS' and proxy.names().count('STATUS') == 2
        return b'' if broke else good(request)

    with StubProxy(behave) as proxy, Agent('--interval', '1s', proxies=[proxy]):
        proxy.wait_command('STATUS', 4)
        assert proxy.names()[:7] == REGISTER + ['STATUS'] * 3
        first, repeat = proxy.requests[4:6]
        assert repeat.connection == first.connection + 1 and repeat.time - first.time < 0.9


def test_answers_that_close_the_connection_are_fine():
    def behave(request):
        reply = good(request).replace(b'Content-Length', b'Connection: close\r\nContent-Length')
        proxy_socket = proxy.connections[-1]
        proxy_socket.sendall(reply)
        return b''

    with StubProxy(behave) as proxy, Agent('--interval', '200ms', proxies=[proxy]):
        proxy.wait_command('STATUS', 3)
        assert proxy.names()[:6] == REGISTER + ['STATUS', 'STATUS']
        assert proxy.count >= 6


def test_a_chunked_answer_and_one_in_single_bytes_are_fine():
    def behave(request):
        reply = good(request)
        head, body = reply.split(b'\r\n\r\n', 1)
        if request.command == 'STATUS':
            pieces = b''.join(b'1\r\n%c\r\n' % byte for byte in body)
            reply = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n' + pieces + b'0\r\n\r\n'
        for byte in reply[:-1]:
            proxy.connections[-1].send(bytes([byte]))
        return reply[-1:]

    with StubProxy(behave) as proxy, Agent('--interval', '200ms', proxies=[proxy]) as node:
        node.log.wait(r'registered as n1 .* \(id 1\)')
        proxy.wait_command('STATUS', 2)


def test_a_balancer_that_never_answers_delays_no_other():
    with StubProxy(lambda request: None) as mute, StubProxy() as proxy, \
            Agent('--interval', '200ms', '--answer-timeout', '30s', proxies=[mute, proxy]):
        seen = proxy.wait_command('STATUS', 8)
        assert seen[-1].time - seen[0].time < 10
        assert mute.names() == ['INFO']


def test_a_balancer_that_never_answers_is_tried_again_after_the_timeout():
    with StubProxy(lambda request: None) as mute, \
            Agent('--answer-timeout', '200ms', '--interval', '500ms', proxies=[mute]) as node:
        mute.wait_command('INFO', 3)
        node.log.wait('no answer in time')


def test_two_balancers_are_both_told_everything():
    with StubProxy() as one, StubProxy() as two, \
            Agent('--drain-wait', 0, proxies=[one, two]) as node:
        for proxy in (one, two):
            proxy.wait_command('STATUS')
        assert node.stop() == 0
        for proxy in (one, two):
            assert proxy.names() == REGISTER + ['DISABLE-APP', 'STOP-APP', 'REMOVE-APP',
                                                'REMOVE-APP /*']


def test_draining_waits_until_no_request_runs():
    running = [3, 2, 1, 0]

    def behave(request):
        return good(request, requests=running.pop(0) if request.command == 'STOP-APP' else 0)

    with StubProxy(behave) as proxy, Agent('--drain-wait', '300ms', proxies=[proxy]) as node:
        proxy.wait_command('STATUS')
        assert node.stop() == 0
        names = proxy.names()[4:]
        assert names == ['DISABLE-APP'] + ['STOP-APP'] * 4 + ['REMOVE-APP', 'REMOVE-APP /*']
        disabled, stopped = proxy.requests[4:6]
        assert stopped.time - disabled.time >= 0.29, 'sessions were served meanwhile'


def test_a_request_that_never_ends_is_left_behind_at_the_timeout():
    with StubProxy(lambda request: good(request, requests=1)) as proxy, \
            Agent('--drain-wait', 0, '--drain-timeout', '1s', proxies=[proxy]) as node:
        proxy.wait_command('STATUS')
        start = time.monotonic()
        assert node.stop() == 4
        assert 0.9 < time.monotonic() - start < 8
        assert proxy.names()[-2:] == ['REMOVE-APP', 'REMOVE-APP /*']
        assert node.log.find('leaves with 1 requests running')


def test_a_second_signal_ends_at_once():
    with StubProxy(lambda request: good(request, requests=1)) as proxy, \
            Agent('--drain-timeout', '60s', proxies=[proxy]) as node:
        proxy.wait_command('STATUS')
        node.signal(signal.SIGINT)
        proxy.wait_command('STOP-APP')
        node.signal(signal.SIGINT)
        assert node.wait_exit(5) == 4


def test_a_mute_balancer_does_not_hold_the_end_up_for_long():
    with StubProxy() as proxy, Agent('--interval', '200ms', '--drain-timeout', '1s', '--drain-wait',
                                     0, proxies=[proxy]) as node:
        proxy.wait_command('STATUS')
        proxy.behave = lambda request: None
        proxy.wait_command('STATUS', 2)
        start = time.monotonic()
        assert node.stop() == 4
        assert time.monotonic() - start < 8


def test_a_dead_balancer_does_not_hold_the_end_up():
    with StubProxy() as proxy, Agent('--interval', '200ms', proxies=[proxy]) as node:
        proxy.wait_command('STATUS')
        proxy.stop()
        node.log.wait("can't connect")
        start = time.monotonic()
        assert node.stop() == 4, 'it could not be told'
        assert time.monotonic() - start < 3


def test_a_balancer_that_was_never_reached_is_no_failure_at_the_end():
    with socket.socket() as unused:
        unused.bind(('127.0.0.1', 0))
        with Agent(proxies=[f'127.0.0.1:{unused.getsockname()[1]}']) as node:
            node.log.wait("can't connect")
            assert node.stop() == 0


def test_an_answer_of_type_syntax_ends_it_with_3():
    with StubProxy(lambda request: error('SYNTAX', 'JVMRoute field too big')
                   if request.command == 'CONFIG' else good(request)) as proxy, \
            Agent(proxies=[proxy]) as node:
        assert node.wait_exit() == 3
        node.log.wait('SYNTAX: JVMRoute field too big')
        assert proxy.names() == ['INFO', 'CONFIG']


def test_a_refusal_by_policy_is_tried_again():
    refusals = [2]

    def behave(request):
        if request.command == 'CONFIG' and refusals[0]:
            refusals[0] -= 1
            return error('GENERAL', 'Not authorised', '403 Forbidden')
        return good(request)

    with StubProxy(behave) as proxy, Agent('--interval', '300ms', proxies=[proxy]) as node:
        node.log.wait('registered as n1')
        assert proxy.names() == ['INFO', 'CONFIG'] * 2 + REGISTER


INFO = '''\
Node: [9],Name: other,Balancer: b,LBGroup: ,Host: 127.0.0.1,Port: 1,Type: http,Flushpackets: Off
Node: [4],Name: n1,Balancer: b,LBGroup: ,Host: 127.0.0.1,Port: 2,Type: http,Flushpackets: Off
Vhost: [9:1:1], Alias: elsewhere
Vhost: [4:1:2], Alias: localhost
Vhost: [4:1:3], Alias: old.example
Context: [9:1:1], Context: /else, Status: ENABLED
Context: [4:1:2], Context: /, Status: ENABLED
Context: [4:1:2], Context: /old%20app, Status: STOPPED
'''


def test_what_an_earlier_life_left_behind_is_removed_first():
    with StubProxy(lambda request: good(request, info=INFO)) as proxy, Agent(proxies=[proxy]):
        proxy.wait_command('STATUS')
        removed = [(r.fields['Alias'], r.fields['Context']) for r in proxy.requests
                   if r.command == 'REMOVE-APP']
        assert sorted(removed) == [('localhost', '/old app'), ('old.example', '/'),
                                   ('old.example', '/old app')]
        assert proxy.names()[0] == 'INFO' and proxy.names()[4:] == REGISTER[1:]


def test_a_balancer_with_an_endless_info_is_registered_with_all_the_same():
    def behave(request):
        if request.command == 'INFO':
            return b'HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\nNode: '
        return good(request)

    with StubProxy(behave) as proxy, Agent(proxies=[proxy]) as node:
        node.log.wait('INFO is too long')
        proxy.wait_command('STATUS')
        assert proxy.names() == REGISTER and node.memory() < 64 << 20


def test_notok_is_logged_once_and_status_goes_on():
    def behave(request):
        return good(request).replace(b'State=OK&id=1\n', b'State=NOTOK\n') \
            .replace(b'Content-Length: 42', b'Content-Length: 40')

    with StubProxy(behave) as proxy, Agent('--interval', '100ms', proxies=[proxy]) as node:
        proxy.wait_command('STATUS', 5)
        assert sum("can't reach the backend" in line for line in node.log.lines) == 1


def test_text_of_a_balancer_is_escaped_in_the_log():
    def behave(request):
        return error('GENERAL', 'caf\u00e9', '403 Forbidden')

    with StubProxy(behave) as proxy, Agent('--interval', '1s', proxies=[proxy]) as node:
        node.log.wait('answered 403 Forbidden: GENERAL: caf%C3%A9$')


def test_control_characters_in_an_answer_are_a_failure():
    def behave(request):
        return error('GENERAL', 'x\x1b[2J', '403 Forbidden')

    with StubProxy(behave) as proxy, Agent('--interval', '1s', proxies=[proxy]) as node:
        proxy.wait_command('INFO', 2)
        assert not any('\x1b' in line for line in node.log.lines)


def test_the_ready_file_comes_with_the_registration(tmp_path):
    ready = tmp_path / 'ready'
    ready.write_text('old')
    held = []

    def behave(request):
        if request.command == 'STATUS' and not held:
            held.append(ready.exists())
        return good(request)

    with StubProxy(behave) as proxy, Agent('--ready-file', ready, proxies=[proxy]) as node:
        until(lambda: ready.exists() and held)
        assert ready.read_text() == f'127.0.0.1:{node.port}\n'
        assert held == [False], 'the file of an earlier run is gone'
        assert node.stop() == 0 and not ready.exists()


def test_the_agent_registers_the_port_that_the_demonstration_got():
    with StubProxy() as proxy, Agent(proxies=[proxy]) as node:
        assert proxy.wait_command('CONFIG')[0].fields['Port'] == str(node.port)


@pytest.mark.parametrize('flags, text', [
    ([], '--route is required'),
    (['--route', 'x', '--backend', '127.0.0.1:1', '--frob'], 'unknown flag --frob'),
    (['--route', 'x', '--backend', 'nowhere', '--demo'], "--backend: bad value 'nowhere'"),
])
def test_bad_flags_end_it_with_2(flags, text):
    done = subprocess.run([program('mcmp-node'), *flags], capture_output=True, text=True,
                          timeout=10, check=False)
    assert done.returncode == 2 and text in done.stderr and not done.stdout


def test_help_and_version_end_it_with_0():
    done = subprocess.run([program('mcmp-node'), '--help'], capture_output=True, text=True,
                          timeout=10, check=False)
    assert done.returncode == 0 and 'Exit codes:' in done.stdout
    done = subprocess.run([program('mcmp-node'), '--version'], capture_output=True, text=True,
                          timeout=10, check=False)
    assert done.returncode == 0 and 'libmcmp 0.1.0' in done.stdout


def test_a_taken_address_ends_it_with_1():
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        done = subprocess.run([program('mcmp-node'), '--demo', '--route', 'x', '--backend',
                               f'127.0.0.1:{taken.getsockname()[1]}'],
                              capture_output=True, text=True, timeout=10, check=False)
    assert done.returncode == 1 and 'address already in use' in done.stderr


def test_an_answer_that_is_no_http_is_a_failure_and_tried_again():
    bad = [b'nonsense\r\n\r\n', answer('x' * 10).replace(b' 10', b' -10')]

    def behave(request):
        return bad.pop(0) if bad else good(request)

    with StubProxy(behave) as proxy, Agent('--interval', '300ms', proxies=[proxy]) as node:
        node.log.wait('registered as n1', 15)
        assert proxy.count >= 2
