# SPDX-License-Identifier: Apache-2.0
"""Which node serves a request, against MCMP.md sections 4 to 6: raw clients on one side, nodes that
answer byte by byte on the other, two workers in between. `calm` never looks at a node by itself;
`quick` does all the time. Written from the contracts alone.
"""
import re
import signal
import socket
import threading
import time

import pytest

import raw
from cluster import Cluster, OK, pair, says, session, upgraded
from nodes import free_port
from server import Server
from waiting import until


# --- 5.1 .. 5.3: contexts ---------------------------------------------------------------------

CONTEXTS = [
    ('', 'app'), ('/', 'app'), ('/x/y', 'app'), ('?q=/deep', 'app'), (';v=1/deep', 'app'),
    ('/;v=1', 'app'), ('/deep', 'deep'), ('/deep/', 'deep'), ('/deep/x', 'deep'),
    ('/deep;v=1', 'deep'), ('/deep?x', 'deep'), ('/deeper', 'app'), ('/dee', 'app'),
    ('/DEEP', 'app'), ('/x/deep', 'app'), ('/%64eep', 'deep'), ('/deep%3Fx', 'app'),
    ('/x/../deep', 'deep'), ('/./deep', 'deep'), ('/deep/..', 'app'), ('/deep/%2e%2e/x', 'app'),
    ('x', 404), ('-', 404),
]


def test_the_longest_context_decides_at_segment_borders(calm):
    calm.add('app')
    calm.add('deep', calm.root + '/deep')
    found = {path: calm.serves(path) for path, _ in CONTEXTS}
    assert found == dict(CONTEXTS)


def test_the_root_context_takes_what_no_other_does(calm):
    calm.add('app')
    calm.add('root', '/')
    assert calm.serves('/x') == 'app'
    assert calm.serves('x') == 'root'
    answer = raw.get(calm.server.traffic, '/')
    assert answer.status == 200 and answer.get('X-Route') == f'{calm.tag}-root'
    answer = raw.get(calm.server.traffic, '/?a=' + calm.root)
    assert answer.get('X-Route') == f'{calm.tag}-root'


def test_there_is_no_fall_back_to_a_shorter_context(calm):
    calm.add('app')
    calm.add('deep', calm.root + '/deep')
    calm.app('deep', calm.root + '/deep', 'STOP-APP')
    assert calm.serves('/deep/x') == 404
    assert calm.serves('/x') == 'app'
    calm.app('deep', calm.root + '/deep', 'REMOVE-APP')
    assert calm.serves('/deep/x') == 'app'


def test_what_is_not_ours_is_404_and_what_is_not_usable_503_with_retry_after(calm):
    calm.add('n')
    answer = calm.get('x')
    assert answer.status == 404 and answer.get('Retry-After') is None
    calm.app('n', command='STOP-APP')
    answer = calm.get()
    assert answer.status == 404 and answer.get('Retry-After') is None
    calm.app('n')
    calm.load('n', -1)
    answer = calm.get()
    assert answer.status == 503 and int(answer.get('Retry-After')) > 0
    assert answer.get('Content-Length') is not None
    calm.load('n', 1)
    assert calm.serves() == 'n'


def test_the_path_that_was_matched_is_the_path_that_is_forwarded(calm):
    node = calm.add('n')
    for sent, seen in (('/a/../b?q=../c', '/b?q=../c'), ('/%61', None), ('//x', None),
                       ('/a%2Fb', '/a%2Fb'), ('/a%20b', '/a%20b'), ('/a;p=1/b;q=2?x=%3b',) * 2):
        answer = calm.get(sent)
        if answer.status == 200 and seen:
            assert node.requests[-1].target == calm.root + seen
        else:
            assert answer.status in (200, 400, 404), sent
        assert '..' not in node.requests[-1].target.split('?')[0]


@pytest.mark.parametrize('path', ['/../../etc', '/%00', '/%zz', '/%', '/a\\..\\b'])
def test_paths_with_no_meaning_never_reach_a_node_raw(calm, path):
    node = calm.add('n')
    status = calm.get(path).status
    if status == 200:
        assert '..' not in node.requests[-1].target and '%00' not in node.requests[-1].target
    else:
        assert status in (400, 404)


def test_an_absolute_target_is_taken_apart(calm):
    node = calm.add('n')
    with calm.client() as client:
        client.send(f'GET http://localhost{calm.root}/x?y HTTP/1.1\r\nHost: localhost\r\n\r\n')
        assert client.answer().status == 200
    assert node.requests[-1].target == calm.root + '/x?y'


# --- 5.4, 5.5: sessions -----------------------------------------------------------------------
# `own` has Load 0: it serves its sessions, and nothing else while `other` is usable.

COOKIES = [
    ('plain', ['JSESSIONID=abc.{own}'], 'own'),
    ('among others', ['a=1; JSESSIONID=abc.{own}; b=2'], 'own'),
    ('no blank', ['a=1;JSESSIONID=abc.{own};b=2'], 'own'),
    ('quoted', ['JSESSIONID="abc.{own}"'], 'own'),
    ('repeated, known last', ['JSESSIONID=x.gone; JSESSIONID=abc.{own}'], 'own'),
    ('repeated, known first', ['JSESSIONID=abc.{own}; JSESSIONID=x.gone'], 'own'),
    ('second line', ['a=1', 'JSESSIONID=abc.{own}'], 'own'),
    ('in a value', ['a=JSESSIONID=abc.{own}'], 'other'),
    ('in a quoted value', ['a="x, JSESSIONID=abc.{own}"'], 'other'),
    ('longer name', ['XJSESSIONID=abc.{own}'], 'other'),
    ('shorter name', ['SESSIONID=abc.{own}'], 'other'),
    ('other case', ['jsessionid=abc.{own}'], 'other'),
    ('no route', ['JSESSIONID=abc'], 'other'),
    ('empty route', ['JSESSIONID=abc.'], 'other'),
    ('empty', ['JSESSIONID='], 'other'),
    ('unknown route under Force', ['JSESSIONID=abc.nobody'], 'other'),
    ('route only by prefix', ['JSESSIONID=abc.{own}x'], 'other'),
    ('after many lines', [f'a{i}=1' for i in range(40)] + ['JSESSIONID=abc.{own}'], 'own'),
    ('after many pairs', ['a=1; ' * 400 + 'JSESSIONID=abc.{own}'], 'own'),
    ('attributes of old', ['$Version=1; JSESSIONID=abc.{own}; $Path=/'], 'own'),
]


def test_a_session_is_found_in_cookies_and_nowhere_else(calm):
    pair(calm)
    for name, lines, wanted in COOKIES:
        headers = [('Cookie', line.replace('{own}', f'{calm.tag}-own')) for line in lines]
        assert calm.serves(headers=headers) == wanted, name


def test_a_session_is_found_in_the_path(calm):
    pair(calm)
    route = f'{calm.tag}-own'
    for path, wanted in ((f'/x;jsessionid=abc.{route}', 'own'),
                         (f'/x;jsessionid=abc.{route}?a=b', 'own'),
                         (f'/x;v=1;jsessionid=abc.{route};w=2', 'own'),
                         (f';jsessionid=abc.{route}', 'own'),
                         (f'/x?;jsessionid=abc.{route}', 'other'),
                         (f'/x;xjsessionid=abc.{route}', 'other'),
                         (f'/x;JSESSIONID=abc.{route}', 'other'),
                         (f'/x/jsessionid=abc.{route}', 'other'),
                         ('/x;jsessionid=abc.nobody', 'other')):
        assert calm.serves(path) == wanted, path


def test_the_cookie_counts_before_the_path(calm):
    pair(calm)
    cookie = [('Cookie', f'JSESSIONID=a.{calm.tag}-other')]
    assert calm.serves(f';jsessionid=a.{calm.tag}-own', headers=cookie) == 'other'


def test_names_of_the_session_are_the_balancer_s(calm):
    pair(calm, StickySessionCookie='SID', StickySessionPath='sid')
    assert calm.serves(headers=[('Cookie', f'SID=a.{calm.tag}-own')]) == 'own'
    assert calm.serves(f';sid=a.{calm.tag}-own') == 'own'
    assert calm.serves(headers=[('Cookie', f'JSESSIONID=a.{calm.tag}-own')]) == 'other'


def test_without_stickysession_nobody_sticks(calm):
    pair(calm, StickySession='No')
    assert calm.serves(headers=[('Cookie', f'JSESSIONID=a.{calm.tag}-own')]) == 'other'


def test_disabled_serves_sessions_only(calm):
    calm.add('n')
    calm.app('n', command='DISABLE-APP')
    assert calm.serves() == 404
    assert calm.serves(headers=session(calm, 'n')) == 'n'
    calm.add('enabled')
    assert calm.serves() == 'enabled'
    assert calm.serves(headers=session(calm, 'n')) == 'n'
    calm.app('n', command='STOP-APP')
    assert calm.serves(headers=session(calm, 'n')) == 503, 'Force is the default'


def test_a_disabled_node_takes_a_lost_session_only_when_no_enabled_one_can(calm):
    own = calm.add('own', StickySessionForce='No')
    calm.add('enabled', load=0, StickySessionForce='No')
    calm.add('disabled', load=100, StickySessionForce='No')
    calm.app('disabled', command='DISABLE-APP')
    own.stop()
    for _ in range(3):
        assert calm.serves(headers=session(calm, 'own')) == 'enabled'
    calm.load('enabled', -1)
    assert calm.serves(headers=session(calm, 'own')) == 'disabled'
    assert calm.serves() == 503, 'without a session it is not for DISABLED ones'


def test_a_route_may_have_dots(calm):
    pair(calm)
    calm.add('own.x', load=0)
    assert calm.serves(headers=session(calm, 'own.x')) == 'own.x'
    assert calm.serves(headers=session(calm, 'own')) == 'own'


def test_force_is_the_default_and_keeps_a_session_from_another_node(calm):
    own, _ = pair(calm)
    own.stop()
    for _ in range(2):
        answer = calm.get(headers=session(calm, 'own'))
        assert answer.status == 503 and answer.get('Retry-After')
    assert calm.serves() == 'other'


def test_without_force_a_session_moves(calm):
    own, _ = pair(calm, StickySessionForce='No')
    own.stop()
    for _ in range(2):
        assert calm.serves(headers=session(calm, 'own')) == 'other'


def test_a_stopped_own_node_under_force_is_503_and_without_it_another(calm):
    pair(calm)
    calm.app('own', command='STOP-APP')
    assert calm.serves(headers=session(calm, 'own')) == 503
    calm.config('other', calm.nodes[1].port, StickySessionForce='No')
    assert calm.serves(headers=session(calm, 'own')) == 'other'


def test_sessions_fail_over_inside_their_domain_even_under_force(calm):
    calm.add('a1', Domain='left')
    calm.add('a2', Domain='left', load=1)
    calm.add('b1', Domain='right', load=100)
    calm.nodes[0].stop()
    for _ in range(4):
        assert calm.serves(headers=session(calm, 'a1')) == 'a2'
    calm.nodes[1].stop()
    assert calm.serves(headers=session(calm, 'a1')) == 503
    calm.config('b1', calm.nodes[2].port, Domain='right', StickySessionForce='No')
    assert calm.serves(headers=session(calm, 'a1')) == 'b1'


def test_the_domain_of_a_removed_node_is_remembered(calm):
    calm.add('a1', Domain='left')
    calm.add('a2', Domain='left', load=1)
    calm.add('b1', Domain='right', load=100)
    calm.ok('REMOVE-APP', '/*', JVMRoute=f'{calm.tag}-a1')
    for _ in range(4):
        assert calm.serves(headers=session(calm, 'a1')) == 'a2'
    calm.load('a2', -1)
    assert calm.serves(headers=session(calm, 'a1')) == 503


def test_a_removed_node_without_a_domain_frees_its_sessions(calm):
    pair(calm)
    calm.ok('REMOVE-APP', '/*', JVMRoute=f'{calm.tag}-own')
    assert calm.serves(headers=session(calm, 'own')) == 'other'


def test_stickysessionremove_takes_the_id_out_and_touches_nothing_else(calm):
    own, other = pair(calm, StickySessionForce='No', StickySessionRemove='Yes')
    route = f'{calm.tag}-own'
    headers = [('Cookie', f'a="x; y"; JSESSIONID=abc.{route}; b=JSESSIONID=1'),
               ('Cookie', 'c=3'), ('X-Mine', f'JSESSIONID=abc.{route}')]
    path = f'/x;v=1;jsessionid=abc.{route};w=2/y;z=3?q=;jsessionid=abc.{route}'
    assert calm.serves(path, headers=headers) == 'own'
    assert own.requests[-1].target == calm.root + path
    assert f'JSESSIONID=abc.{route}' in own.requests[-1].get('Cookie')
    own.stop()
    assert calm.serves(path, headers=headers) == 'other'
    seen = other.requests[-1]
    assert seen.target == calm.root + f'/x;v=1;w=2/y;z=3?q=;jsessionid=abc.{route}'
    cookies = '; '.join(seen.all('Cookie'))
    assert cookies == 'a="x; y"; b=JSESSIONID=1; c=3'
    assert seen.get('X-Mine') == f'JSESSIONID=abc.{route}'
    assert calm.serves(f';jsessionid=abc.{route}', headers=session(calm, 'own')) == 'other'
    assert other.requests[-1].get('Cookie') is None
    assert other.requests[-1].target == calm.root


def test_without_remove_a_moved_session_keeps_its_id(calm):
    own, other = pair(calm, StickySessionForce='No')
    own.stop()
    assert calm.serves(headers=session(calm, 'own')) == 'other'
    assert other.requests[-1].get('Cookie') == f'JSESSIONID=abc.{calm.tag}-own'


def test_a_session_stays_after_its_node_was_restarted(calm):
    own, _ = pair(calm)
    own.stop()
    assert calm.serves(headers=session(calm, 'own')) == 503
    again = calm.stub('own', port=own.port)
    assert 'State=OK' in calm.load('own', 0)
    for _ in range(2):
        assert calm.serves(headers=session(calm, 'own')) == 'own'
    assert len(again.requests) == 2


# --- 5.6: load ----------------------------------------------------------------------------------

def test_a_standby_serves_when_nobody_else_can_and_a_broken_node_never(calm):
    calm.add('standby', load=0)
    main = calm.add('main', load=1)
    assert {calm.serves() for _ in range(6)} == {'main'}
    calm.load('main', -1)
    assert {calm.serves() for _ in range(4)} == {'standby'}
    calm.load('standby', -1)
    assert calm.serves() == 503
    calm.load('main', 1)
    assert calm.serves() == 'main'
    main.stop()
    assert calm.serves() == 503
    assert 'State=NOTOK' in calm.load('main', 100)
    assert calm.serves() == 503
    assert calm.value('main', 'Load') == 1, 'the Load of a failed STATUS is not taken'


def test_a_node_is_reachable_right_after_its_registration(calm):
    for _ in range(3):
        calm.add(f'n{len(calm.nodes)}', load=None)
    assert str(calm.serves()).startswith('n')


def test_loads_share_the_requests(calm):
    calm.add('big', load=100)
    calm.add('small', load=50)
    counts = {'big': 0, 'small': 0}
    with calm.client() as one, calm.client() as two:
        for i in range(60):
            client = (one, two)[i % 2]
            counts[client.get(calm.root).get('X-Route').split('-', 1)[1]] += 1
    assert 38 <= counts['big'] <= 42, counts


def test_two_balancers_live_side_by_side(calm):
    calm.add('a', calm.root + '/a')
    calm.balancer += 'x'
    calm.add('b', calm.root + '/b', StickySessionCookie='OTHER')
    assert calm.serves('/a') == 'a' and calm.serves('/b') == 'b'
    assert calm.serves('/b', headers=session(calm, 'a')) == 'b'
    assert calm.serves('/a', headers=[('Cookie', f'OTHER=x.{calm.tag}-b')]) == 'a'


def test_two_balancers_on_one_context_are_told_apart_by_the_session(calm):
    calm.add('a', StickySessionCookie='SA')
    calm.balancer += 'x'
    calm.add('b', StickySessionCookie='SB')
    assert calm.serves(headers=[('Cookie', f'SB=x.{calm.tag}-b')]) == 'b'
    assert calm.serves(headers=[('Cookie', f'SA=x.{calm.tag}-a')]) == 'a'
    assert calm.serves() == 'a', 'the first by registration'


# --- 5.8, 5.9: failover -------------------------------------------------------------------------

def dead(calm, name, load=100, **fields):
    """A node that was there when it registered."""
    node = calm.add(name, load=load, **fields)
    node.stop()
    return node


def test_a_refused_connection_costs_nothing_also_for_a_post(calm):
    dead(calm, 'dead', load=100)
    calm.add('alive', load=1)
    assert calm.serves(method='POST', body=b'x' * 100) == 'alive'
    assert calm.serves(method='POST', body=b'x' * 100) == 'alive'
    assert calm.value('dead', 'Elected') <= 1, 'in error after the first failure'


def test_maxattempts_counts_the_further_tries(calm):
    dead(calm, 'a', load=100, Maxattempts='0')
    calm.add('z', load=0, Maxattempts='0')
    assert calm.serves() == 503
    for name in 'bc':
        dead(calm, name, load=100, Maxattempts='1')
    calm.config('z', calm.nodes[1].port, Maxattempts='1')
    assert calm.serves() == 503, 'two tries, two dead nodes'
    assert calm.serves() == 'z'


@pytest.mark.parametrize('method,wanted', [('GET', 'good'), ('PUT', 'good'), ('DELETE', 'good'),
                                           ('POST', 502), ('PATCH', 502)])
def test_only_idempotent_requests_that_were_sent_go_to_another_node(calm, method, wanted):
    calm.add('bad', handler=says(b'', close=True))
    good = calm.add('good', load=1)
    body = b'data' if method not in ('GET', 'DELETE') else b''
    assert calm.serves(method=method, body=body) == wanted
    assert len(good.requests) == (1 if wanted == 'good' else 0)


def test_a_put_is_repeated_with_its_whole_body(calm):
    calm.add('bad', handler=says(b'', close=True))
    good = calm.add('good', load=1)
    body = bytes(range(256)) * 40
    answer = calm.get(method='PUT', body=body)
    assert answer.status == 200 and answer.body == good.route.encode() + b' ' + body


def test_a_connection_that_the_node_closed_after_use_is_not_met_by_a_request(calm):
    node = calm.add('n')
    with calm.client() as client:
        for method in ('GET', 'POST', 'GET', 'POST'):
            answer = client.get(calm.root, method=method, body=b'x' if method == 'POST' else b'')
            assert answer.status == 200
            node.drop_connections()
            time.sleep(0.05)
    assert calm.row('n') and len(node.requests) == 4


def closes_second(first=1):
    """Serves `first` requests on a connection, then closes it when the next one has come."""
    seen = {}

    def handler(_node, conn, request):
        conn.body(request)
        seen[conn] = seen.get(conn, 0) + 1
        if seen[conn] > first:
            return False
        conn.send(OK)
        return None
    return handler


def test_a_kept_connection_that_ends_under_a_get_costs_nothing(calm):
    node = calm.add('n', handler=closes_second())
    with calm.client() as client:
        for _ in range(3):
            assert client.get(calm.root).status == 200
    assert len(node.requests) == 5, 'each second use of a connection was tried once more'


def test_a_kept_connection_that_ends_under_a_post_is_no_verdict_on_the_node(calm):
    calm.add('n', handler=closes_second())
    with calm.client() as client:
        assert client.get(calm.root, method='POST', body=b'x').status == 200
        assert client.get(calm.root, method='POST', body=b'x').status == 502
        assert client.get(calm.root, method='POST', body=b'x').status == 200


def test_an_error_is_cleared_by_a_good_status(calm):
    node = dead(calm, 'n')
    assert calm.serves() == 503
    calm.stub('n', port=node.port)
    assert calm.serves() == 503, 'only a probe or STATUS may say that it is back'
    assert 'State=OK' in calm.load('n', 100)
    assert calm.serves() == 'n'


def test_an_error_is_cleared_by_a_ping_free_idle_probe(quick):
    node = dead(quick, 'n')
    assert quick.serves() == 503
    quick.stub('n', port=node.port)
    until(lambda: quick.serves() == 'n', 3, 'the probe clears the error')


def test_load_minus_one_is_not_cleared_by_idle_probes(quick):
    node = quick.add('n')
    quick.load('n', -1)
    before = node.probes
    until(lambda: node.probes > before + 1, 3, 'idle probes')
    assert quick.serves() == 503


def test_idle_nodes_are_probed_every_period_and_removed_after_failures(quick):
    node = quick.add('n')
    start, before = time.monotonic(), node.probes
    until(lambda: node.probes >= before + 5, 5, 'five probes')
    assert 0.7 <= time.monotonic() - start <= 4
    node.stop()
    until(lambda: quick.serves() == 404, 5, 'removed: its contexts are gone')
    assert quick.command('STATUS', JVMRoute=node.route, Load='1').status == 500
    until(lambda: quick.row('n') is None, 3, 'the grace row goes')


def test_a_request_waits_for_a_node_that_comes_back(calm):
    node = calm.add('n', WaitWorker='3')
    calm.load('n', -1)
    timer = threading.Timer(0.4, lambda: calm.load('n', 100))
    timer.start()
    start = time.monotonic()
    assert calm.serves() == 'n'
    assert 0.3 <= time.monotonic() - start < 2.5
    timer.join()
    for headers in ((), session(calm, 'n')):
        node.stop()
        answers = []
        again = threading.Thread(target=lambda sent=headers: answers.append(
            calm.serves(headers=sent)))
        again.start()
        time.sleep(0.3)
        node = calm.stub('n', port=node.port)
        assert 'State=OK' in calm.load('n', 100)
        again.join(10)
        assert answers == ['n'], 'also when this request met the dead node itself'


def test_waiting_ends_after_waitworker(calm):
    calm.add('n', WaitWorker='1')
    calm.load('n', -1)
    start = time.monotonic()
    assert calm.serves() == 503
    assert 0.8 <= time.monotonic() - start < 3


def test_a_stopped_context_is_not_waited_for(calm):
    calm.add('n', WaitWorker='3')
    calm.app('n', command='STOP-APP')
    start = time.monotonic()
    assert calm.serves() == 404
    assert time.monotonic() - start < 1


# --- changes while requests run ------------------------------------------------------------------

class Held:
    """A handler that answers when it is told to."""

    def __init__(self):
        self.go = threading.Event()
        self.waiting = 0

    def __call__(self, node, conn, request):
        body = conn.body(request)
        self.waiting += 1
        self.go.wait(10)
        conn.reply(node.route.encode() + b' ' + body, headers=[('X-Route', node.route)])


def background(calm, count=1, path=''):
    results = []

    def run():
        results.append(calm.serves(path))
    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()

    def join():
        for thread in threads:
            thread.join(15)
        return results
    return join


def test_a_request_ends_on_the_endpoint_that_it_began_on(calm):
    held = Held()
    old = calm.stub('n', held)
    calm.config('n', old.port)
    calm.app('n')
    calm.load('n', 100)
    join = background(calm)
    until(lambda: held.waiting == 1, 5)
    new = calm.stub('n')
    refused = calm.command('CONFIG', JVMRoute=old.route, Host='127.0.0.1', Port=new.port,
                           Type='http', Balancer=calm.balancer)
    assert refused.status == 500 and refused.get('Type') == 'MEM'
    old.sock.close()
    try:
        socket.create_connection(('127.0.0.1', old.port), 1).close()
    except OSError:
        pass
    calm.config('n', new.port)
    assert calm.serves() == 'n' and len(new.requests) == 1
    held.go.set()
    assert join() == ['n'] and len(new.requests) == 1
    until(lambda: calm.value('n', 'Connected') == 0, 3, 'nothing is left running')


def test_what_ends_badly_on_an_old_endpoint_is_not_held_against_the_new_one(calm):
    held = Held()

    def breaks(_node, conn, request):
        conn.body(request)
        held.go.wait(10)
        conn.abort()
        return False
    old = calm.stub('n', breaks)
    calm.config('n', old.port)
    calm.app('n')
    calm.load('n', 100)
    join = background(calm, 2, '/bad')
    until(lambda: calm.value('n', 'Connected') == 2, 5)
    old.sock.shutdown(socket.SHUT_RDWR)
    old.sock.close()
    new = calm.stub('n')
    calm.config('n', new.port)
    held.go.set()
    assert set(join()) <= {'n', 502, 503}
    for _ in range(4):
        assert calm.serves() == 'n'
    assert len(new.requests) >= 4


def test_a_removed_node_finishes_its_requests(calm):
    held = Held()
    calm.add('n', handler=held)
    join = background(calm, 2)
    until(lambda: held.waiting == 2, 5)
    assert calm.ok('REMOVE-APP', '/*', JVMRoute=f'{calm.tag}-n') == ''
    assert calm.serves() == 404
    held.go.set()
    assert join() == ['n', 'n']


def test_stop_app_tells_what_still_runs_and_waits_a_moment(calm):
    held = Held()
    calm.add('n', handler=held)
    join = background(calm, 2)
    until(lambda: held.waiting == 2, 5)
    assert calm.value('n', 'Connected') == 2
    start = time.monotonic()
    body = calm.app('n', command='STOP-APP')
    took = time.monotonic() - start
    route = f'{calm.tag}-n'
    assert body == (f'Type=STOP-APP-RSP&JvmRoute={route}&Requests=2&Alias=localhost&'
                    f'Context={calm.root}\nJvmRoute={route}\n'
                    f'Alias=localhost Contexts={calm.root}\n')
    assert took < 0.5
    assert calm.serves() == 404
    answers = []
    late = threading.Thread(target=lambda: answers.append(calm.app('n', command='STOP-APP')))
    late.start()
    held.go.set()
    late.join(5)
    assert join() == ['n', 'n']
    assert re.search(r'Requests=[012]&', answers[0])
    assert 'Requests=0&' in calm.app('n', command='STOP-APP')


def test_stop_app_as_the_request_ends_counts_none(calm):
    """The Java client asks from inside the node, before the end of the answer reached us."""
    asked = []

    def handler(node, conn, request):
        conn.body(request)
        conn.send(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Route: ' + node.route.encode() +
                  b'\r\n\r\no')
        asker = threading.Thread(
            target=lambda: asked.append(calm.app('n', command='STOP-APP')))
        asker.start()
        time.sleep(0.035)
        conn.send(b'k')
        asker.join(5)
    calm.add('n', handler=handler)
    for turn in range(1, 6):
        assert calm.serves() == 'n'
        until(lambda wanted=turn: len(asked) == wanted, 5)
        if 'Requests=0&' in asked[-1]:
            return
        calm.app('n')  # this machine was busy for longer than the answer may wait
    raise AssertionError(asked)


# --- 4.7: figures --------------------------------------------------------------------------------

def recorder(node, conn):
    """Answers each request and keeps every byte that came."""
    while True:
        while b'\r\n\r\n' not in conn.data:
            if not conn.more():
                return
        head, _, rest = conn.data.partition(b'\r\n\r\n')
        match = re.search(rb'content-length: (\d+)', head.lower())
        want = int(match.group(1)) if match else 0
        while len(rest) < want:
            conn.more()
            rest = conn.data.partition(b'\r\n\r\n')[2]
        whole = len(head) + 4 + want
        data, conn.data = conn.data[:whole], conn.data[whole:]
        if data.startswith(b'OPTIONS * '):
            conn.send(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
            return
        node.seen = getattr(node, 'seen', []) + [data]
        conn.send(getattr(node, 'says', OK))


def test_info_counts_what_was_picked_sent_and_received(calm):
    node = calm.stub('n', raw_handler=recorder)
    calm.config('n', node.port)
    calm.app('n')
    calm.load('n', 100)
    for body in (b'', b'x' * 1000, b''):
        assert calm.get(method='POST', body=body).status == 200
    until(lambda: calm.value('n', 'Connected') == 0, 2)
    row = calm.row('n')
    assert int(row['Elected']) == 3
    assert int(row['Transfered']) == sum(map(len, node.seen))
    assert int(row['Read']) == 3 * len(OK)


def test_bytes_of_a_failed_try_count_for_the_node_that_got_them(calm):
    calm.add('bad', handler=says(b'HTTP/1.1 ', close=True))
    node = calm.stub('good', raw_handler=recorder)
    calm.config('good', node.port)
    calm.app('good')
    calm.load('good', 1)
    assert calm.get(method='PUT', body=b'y' * 500).status == 200
    until(lambda: calm.value('good', 'Connected') == 0, 2)
    assert calm.value('bad', 'Read') == 9
    assert calm.value('bad', 'Transfered') > 500
    assert calm.value('good', 'Read') == len(OK)
    assert calm.value('good', 'Transfered') == len(node.seen[0])


def test_connected_comes_back_to_none_after_every_kind_of_end(calm):
    held = Held()
    calm.add('n', handler=held)
    clients = [calm.client() for _ in range(6)]
    for client in clients:
        client.send(f'GET {calm.root} HTTP/1.1\r\nHost: h\r\n\r\n')
    until(lambda: calm.value('n', 'Connected') == 6, 5)
    for client in clients[:3]:
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
        client.close()
    held.go.set()
    for client in clients[3:]:
        assert client.answer().status == 200
        client.close()
    until(lambda: calm.value('n', 'Connected') == 0, 5)
    assert calm.serves() == 'n', 'a client that left is no fault of the node'


# --- what a probe takes for life ----------------------------------------------------------------------------

PROBED = [
    (b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', 'OK'), (b'HTTP/1.0 404 No\r\n\r\n', 'OK'),
    (b'HTTP/1.1 403 \r\n\r\n', 'OK'), (b'HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 204 No\r\n\r\n', 'OK'),
    (b'HTTP/1.1 500 Oh\r\n\r\n', 'NOTOK'), (b'HTTP/1.1 503 Oh\r\n\r\n', 'NOTOK'),
    (b'', 'NOTOK'), (b'SSH-2.0-x\r\n', 'NOTOK'), (b'HTTP/1.1 100 Go on\r\n\r\n', 'NOTOK'),
    (b'HTTP/1.', 'NOTOK'),
]


def test_probes_ask_options_star_and_judge_the_final_status(calm):
    said = [b'']
    asked = []

    def probed(_node, conn):
        while b'\r\n\r\n' not in conn.data and conn.more():
            pass
        asked.append(conn.data)
        conn.send(said[0])
    node = calm.stub('n', raw_handler=probed)
    route = calm.config('n', node.port)
    for said[0], wanted in PROBED:
        assert f'State={wanted}&' in calm.ok('PING', JVMRoute=route), said
    lines = asked[0].split(b'\r\n')
    assert lines[0] == b'OPTIONS * HTTP/1.1'
    heads = dict(line.lower().split(b': ', 1) for line in lines[1:-2])
    assert heads[b'host'] == b'127.0.0.1:%d' % node.port and heads[b'connection'] == b'close'


# --- messages while traffic flows ---------------------------------------------------------------------------

def test_a_live_node_may_be_configured_again_and_serves_meanwhile(calm):
    node = calm.add('n')
    end = time.monotonic() + 1
    bad, good = [], []

    def run():
        with calm.client() as client:
            while time.monotonic() < end:
                answer = client.get(calm.root, headers=session(calm, 'n'))
                (good if answer.status == 200 else bad).append(answer.status)
    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    turn = 0
    while time.monotonic() < end:
        turn += 1
        calm.config('n', node.port, Timeout=turn % 3 + 5, Domain=f'd{turn % 2}', ping=turn % 4 + 1,
                    Maxattempts=turn % 2, StickySessionRemove=('Yes', 'No')[turn % 2])
        calm.app('n', calm.root + '/more')
    for thread in threads:
        thread.join()
    assert not bad and len(good) > 20


def test_a_session_follows_its_node_to_another_endpoint(calm):
    old, _ = pair(calm)
    assert calm.serves(headers=session(calm, 'own')) == 'own'
    old.stop()
    new = calm.stub('own')
    calm.config('own', new.port)
    assert calm.serves(headers=session(calm, 'own')) == 'own' and len(new.requests) == 1


def test_a_client_that_leaves_while_it_waits_leaves_nothing_behind(calm):
    calm.add('n', WaitWorker='2')
    calm.load('n', -1)
    for _ in range(3):
        with calm.client() as client:
            client.send(f'GET {calm.root} HTTP/1.1\r\nHost: h\r\n\r\n')
            time.sleep(0.05)
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
    calm.load('n', 1)
    assert calm.serves() == 'n'
    until(lambda: calm.value('n', 'Connected') == 0, 3)


def test_a_websocket_counts_as_running_and_survives_the_stop_of_its_context(calm):
    calm.add('n', handler=upgraded)
    with calm.client() as client:
        client.send(f'GET {calm.root} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n'
                    'Upgrade: websocket\r\n\r\n')
        assert client.head().status == 101 and client.exactly(2) == b'hi'
        assert 'Requests=1&' in calm.app('n', command='STOP-APP')
        calm.ok('REMOVE-APP', '/*', JVMRoute=f'{calm.tag}-n')
        client.send('still')
        assert client.exactly(5) == b'STILL'


def test_a_stream_is_counted_while_it_flows_so_that_its_node_is_not_idle(quick):
    """One that serves one request at a time could not answer a probe now."""
    go = threading.Event()

    def stream(_node, conn, _request):
        conn.send(b'HTTP/1.1 200 OK\r\n\r\n')
        while not go.wait(0.02):
            conn.send(b'x' * 1000)
        return False
    node = quick.add('n', handler=stream)
    with quick.client() as client:
        client.send(f'GET {quick.root} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n')
        assert client.head().status == 200
        reader = threading.Thread(target=client.rest)
        reader.start()
        try:
            until(lambda: quick.value('n', 'Read') > 10000, 3, 'Read grows')
            before = node.probes
            time.sleep(1)
            assert node.probes <= before + 2
        finally:
            go.set()
            reader.join(5)


def test_a_reload_loses_no_message_and_no_request():
    with Server('--recalc', '1h', workers=2) as server:
        cluster = Cluster(server)
        cluster.add('n')
        end = time.monotonic() + 2
        lost, done = [], []

        def run(act):
            while time.monotonic() < end:
                try:
                    done.append(act())
                except (OSError, raw.Closed, AssertionError) as error:
                    lost.append((act.__name__, repr(error)))

        def message():
            cluster.load('n', 50)

        def request():
            assert cluster.serves() == 'n'

        def kept():
            with cluster.client() as client:
                answer = client.get(cluster.root)
                while time.monotonic() < end and answer.get('Connection') is None:
                    answer = client.get(cluster.root)
                    assert answer.status == 200
        threads = [threading.Thread(target=run, args=(act,)) for act in (message, request, kept)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            time.sleep(0.5)
            server.signal(signal.SIGHUP)
        for thread in threads:
            thread.join(15)
        cluster.end()
        assert not lost and len(done) > 50


# --- options of the choice -------------------------------------------------------------------------------------------------

def test_with_use_alias_the_host_name_decides():
    with Server('--use-alias', '--no-context-status', '503', '--recalc', '1h', workers=2) as server:
        cluster = Cluster(server)
        try:
            for name, alias in (('a', 'one.example,localhost'), ('b', '*.example')):
                node = cluster.stub(name)
                cluster.config(name, node.port)
                cluster.app(name, alias=alias)
                cluster.load(name, 1)
            cluster.app('a', cluster.root + '/x', alias='one.example')
            for host, path, wanted in (
                    ('localhost', '', 'a'), ('LOCALHOST:8000', '', 'a'), ('x.example', '', 'b'),
                    ('x.y.EXAMPLE', '', 'b'), ('example', '', 404), ('other', '', 404),
                    ('one.example', '/x', 'a'), ('two.example', '/x', 'b'),
                    ('localhost', '/x', 'a')):
                assert cluster.serves(path, host=host) == wanted, (host, path)
            cluster.app('a', command='STOP-APP', alias='localhost')
            assert cluster.serves(host='localhost') == 503
        finally:
            cluster.end()


def test_ranked_routes_and_deterministic_failover():
    with Server('--ranked-routes', '--deterministic-failover', '--recalc', '1h',
                workers=2) as server:
        cluster = Cluster(server)
        try:
            for name in 'abcd':
                cluster.add(name, StickySessionForce='No')
            stem = cluster.tag + '-'
            ranked = [('Cookie', f'JSESSIONID=s.{stem}x.{stem}c.{stem}a')]
            assert cluster.serves(headers=ranked) == 'c'
            cluster.nodes[2].stop()
            assert cluster.serves(headers=ranked) in 'abd', 'found dead by this very request'
            assert cluster.serves(headers=ranked) == 'a'
            lost = [[('Cookie', f'JSESSIONID=s{i}.{stem}c')] for i in range(12)]
            found = [cluster.serves(headers=headers) for headers in lost]
            assert set(found) == {'a', 'b', 'd'}
            cluster.ok('REMOVE-APP', '/*', JVMRoute=stem + 'd')
            for headers, before in zip(lost, found):
                assert cluster.serves(headers=headers) == before or before == 'd'
        finally:
            cluster.end()


def test_both_workers_see_every_change_at_once(calm):
    """New connections spread over the workers; each answer must fit the last message."""
    calm.add('n')
    for command, wanted in (('STOP-APP', 404), ('ENABLE-APP', 'n'), ('DISABLE-APP', 404),
                            ('ENABLE-APP', 'n'), ('REMOVE-APP', 404), ('ENABLE-APP', 'n')):
        calm.app('n', command=command)
        assert {calm.serves() for _ in range(8)} == {wanted}, command


def test_a_node_that_is_unknown_to_the_system_is_refused_by_connect(calm):
    port = free_port()
    calm.config('n', port)
    calm.app('n')
    assert calm.serves() == 503, 'standby by registration, but nobody listens'
