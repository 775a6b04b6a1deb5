# SPDX-License-Identifier: Apache-2.0
"""Two real Tomcats behind mcmp-server: sessions stay, one is killed, one is drained."""
import contextlib
import json

import pytest

import mcmp
import raw
from front import KINDS, Front
from tomcat import Tomcat
from waiting import until


@pytest.fixture(scope='module', name='pair')
def two_tomcats():
    with Tomcat('n1') as one, Tomcat('n2') as two:
        yield one, two


@pytest.fixture(name='cluster', params=KINDS)
def running_cluster(pair, request):
    with Front(pair, request.param, '--recalc', '500ms', '--grace', '300ms',
               node_flags=('--ping', '2s', '--drain-wait', '0')) as front:
        yield front


def served_by(front, count=8):
    """Nodes of fresh requests."""
    return [front.show()['node'] for _ in range(count)]


def session(client, cookie=None):
    """One step of a session: node, counter, cookie that came."""
    answer = client.get('/app/session', headers=[('Cookie', cookie)] if cookie else [])
    assert answer.status == 200
    seen = json.loads(answer.body)
    assert seen['session'].endswith('.' + seen['node'])
    new = answer.get('Set-Cookie')
    return seen['node'], seen['count'], new and new.split(';')[0]


def hold(front, tomcat, key, cookie=None):
    """A client whose request waits in this node."""
    client = raw.Client(front.traffic)
    client.send(f'GET /app/hold?key={key} HTTP/1.1\r\nHost: localhost\r\n'
                f'Cookie: {cookie or "JSESSIONID=abc." + tomcat.route}\r\n\r\n')
    return client


def test_sessions_stick_and_fresh_requests_are_shared(cluster):
    seen = served_by(cluster, 20)
    assert 8 <= seen.count('n1') <= 12
    for _ in range(4):
        with raw.Client(cluster.traffic) as client:
            node, count, cookie = session(client)
            assert (count, cookie.split('.')[1]) == (1, node)
            for step in range(2, 12):
                # half of the steps on a connection of their own
                if step % 2:
                    assert session(client, cookie) == (node, step, None)
                else:
                    with raw.Client(cluster.traffic) as other:
                        assert session(other, cookie) == (node, step, None)


def test_a_session_in_the_path_sticks(cluster):
    for route in ('n1', 'n2', 'n1', 'n1'):
        seen = cluster.show(f'/app/x;jsessionid=0123.{route}')
        assert (seen['node'], seen['path'], seen['requestedSession']) == \
            (route, '/x', f'0123.{route}')


def stop_app(front, route):
    """The fields of the answer's first line."""
    answer = mcmp.send(front.management, 'STOP-APP', {
        'JVMRoute': route, 'Alias': 'localhost', 'Context': '/app'})
    assert answer.status == 200, answer.body
    line = answer.body.decode().splitlines()[0]
    return dict(field.split('=') for field in line.split('&'))


def test_draining_counts_the_requests_that_run(cluster):
    one = cluster.tomcats[0]
    keys = [f'drain-{cluster.kind}-{i}' for i in range(5)]
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(hold(cluster, one, key)) for key in keys]
        until(lambda: cluster.nodes()['n1']['Connected'] == '5')
        for left, key, client in zip((5, 4, 3, 2, 1), keys, clients):
            assert stop_app(cluster, 'n1')['Requests'] == str(left)
            assert set(served_by(cluster, 3)) == {'n2'}
            one.release(key)
            answer = client.answer()
            assert (answer.status, answer.body, answer.get('X-Node')) == (200, b'released', 'n1')
            client.close()
            until(lambda: cluster.nodes()['n1']['Connected'] == str(left - 1))
    assert stop_app(cluster, 'n1')['Requests'] == '0'


def test_a_node_that_is_told_to_leave_waits_for_its_requests(cluster):
    one = cluster.tomcats[0]
    key = f'leave-{cluster.kind}'
    with hold(cluster, one, key) as client:
        until(lambda: cluster.nodes()['n1']['Connected'] == '1')
        agent = cluster.agents['n1']
        agent.signal()
        until(lambda: set(served_by(cluster, 4)) == {'n2'})
        assert agent.process.poll() is None, 'a request runs, so it waits'
        one.release(key)
        assert client.answer().body == b'released'
    assert agent.wait_exit() == 0
    until(lambda: 'n1' not in cluster.nodes(), what='n1 is gone')


@pytest.mark.parametrize('kind', KINDS)
def test_a_killed_tomcat_costs_no_request_that_can_be_repeated(pair, kind):
    """kill -9 under load: sessions go to the other one, and come back to it when it is there."""
    two = pair[1]
    with Tomcat('n3') as victim:
        with Front((victim, two), kind, '--recalc', '300ms',
                   node_flags=('--ping', '2s')) as front:
            with raw.Client(front.traffic) as client:
                node, _, cookie = session(client, 'JSESSIONID=abc.n3')
                assert node == 'n3'
                # connections to it are open and idle when it dies
                lost = hold(front, victim, 'lost')
                until(lambda: front.nodes()['n3']['Connected'] == '1')
                victim.kill()
                # a GET that was cut off is sent again to the other node: there it waits, too
                until(lambda: front.nodes()['n2']['Connected'] == '1')
                two.release('lost')
                answer = lost.answer()
                lost.close()
                assert (answer.status, answer.get('X-Node')) == (200, 'n2')
                node, count, fresh = session(client, cookie)
                assert (node, count) == ('n2', 1)
                assert set(served_by(front)) == {'n2'}
                assert session(client, fresh) == ('n2', 2, None)
            agent = front.agents['n3']
            agent.log.wait("can't reach the backend")
            with Tomcat('n3', ports={front.kind: victim.ports[front.kind]}):
                agent.log.wait('reaches the backend again')
                with raw.Client(front.traffic) as client:
                    until(lambda: session(client, 'JSESSIONID=abc.n3')[0] == 'n3')
                    assert session(client, fresh) == ('n2', 3, None)
