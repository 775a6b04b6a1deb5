# SPDX-License-Identifier: Apache-2.0
"""Which node a request goes to: balancing, sessions, draining, standby, domains, aliases, and what
the request's environment tells of it."""
import os

import mcmp
import raw
from httpd import Httpd
from nodes import Node
from waiting import until

MPM = os.environ.get('MCMP_MPM', 'event')
NAMES = ('BALANCER_NAME', 'BALANCER_WORKER_NAME', 'BALANCER_WORKER_ROUTE', 'BALANCER_SESSION_ROUTE',
         'BALANCER_SESSION_STICKY', 'BALANCER_ROUTE_CHANGED', 'BALANCER_CONTEXT_ID')
TELL = ''.join(f'Header always set X-{name} "%{{{name}}}e" env={name}\n' for name in NAMES)


def server(main='', host='', more='', **args):
    return Httpd(main, host, more, mpm=MPM, **args)


def cookie(value):
    return [('Cookie', f'other=1; JSESSIONID={value}; more=2')]


def routes(httpd, count, **args):
    return [httpd.get('/', **args).get('X-Route') for _ in range(count)]


def told(answer):
    return {name: answer.get('X-' + name) for name in NAMES if answer.get('X-' + name) is not None}


def test_requests_are_shared_by_load():
    with server() as httpd, Node('a') as a, Node('b') as b:
        httpd.register('a', a.port, load=75)
        httpd.register('b', b.port, load=25)
        with raw.Client(httpd.traffic) as client:
            got = [client.get('/').get('X-Route') for _ in range(80)]
        assert 55 <= got.count('a') <= 65
        shown = httpd.nodes()
        assert int(shown['a']['Elected']) + int(shown['b']['Elected']) == 80
        assert shown['a']['Connected'] == '0'
        assert int(shown['a']['Read']) > 0 and int(shown['a']['Transfered']) > 0


def test_the_request_arrives_whole():
    with server('ProxyPreserveHost On\n') as httpd, Node('a') as a:
        httpd.register('a', a.port, context='/app')
        answer = httpd.get('/app/x%20y?q=%31', method='PUT', body=b'z' * 100000, host='example.org')
        assert answer.body == b'a ' + b'z' * 100000
        request = a.requests[-1]
        assert (request.method, request.target) == ('PUT', '/app/x%20y?q=%31')
        assert request.get('Host') == 'example.org'


def test_what_no_context_matches_is_the_server_s_own():
    with server() as httpd, Node('a') as a:
        httpd.write('docs/own.txt', 'own')
        httpd.register('a', a.port, context='/app')
        assert httpd.get('/own.txt').body == b'own'
        assert httpd.get('/appendix').status == 404
        assert httpd.get('/app/own.txt').get('X-Route') == 'a'
        mcmp.send(httpd.management, 'REMOVE-APP', {'JVMRoute': 'a'}, target='/*')
        assert httpd.get('/app/own.txt').status == 404
        assert not [request for request in a.requests if 'own' in request.target][1:]


def test_the_longest_context_decides():
    with server() as httpd, Node('a') as a, Node('b') as b:
        httpd.register('a', a.port, context='/')
        httpd.register('b', b.port, context='/app/deep')
        assert [httpd.get(path).get('X-Route') for path in
                ('/', '/app', '/app/deeper', '/app/deep', '/app/deep/x', '/app/deep;v=1')] == \
            ['a', 'a', 'a', 'b', 'b', 'b']


def test_a_session_stays_at_its_node():
    with server(TELL, modules=('headers',)) as httpd, Node('a') as a, Node('b') as b:
        httpd.register('a', a.port)
        httpd.register('b', b.port)
        assert routes(httpd, 6, headers=cookie('x.b')) == ['b'] * 6
        assert [httpd.get('/x;jsessionid=y.a').get('X-Route') for _ in range(4)] == ['a'] * 4
        # the name inside another value, and several lines of cookies
        assert len(set(routes(httpd, 6, headers=[('Cookie', 'c=JSESSIONID=x.b')]))) == 2
        two = [('Cookie', 'first=1'), ('Cookie', 'JSESSIONID=x.b')]
        assert routes(httpd, 4, headers=two) == ['b'] * 4


def test_the_environment_tells_the_choice():
    with server(TELL, modules=('headers',)) as httpd, Node('a') as a:
        httpd.register('a', a.port, Balancer='Farm')
        new = told(httpd.get('/'))
        assert new.pop('BALANCER_CONTEXT_ID').isdigit()
        assert new == {'BALANCER_NAME': 'balancer://farm', 'BALANCER_WORKER_ROUTE': 'a',
                       'BALANCER_WORKER_NAME': f'http://127.0.0.1:{a.port}',
                       'BALANCER_ROUTE_CHANGED': '1'}
        own = told(httpd.get('/', headers=cookie('x.a')))
        assert own['BALANCER_SESSION_ROUTE'] == 'a'
        assert own['BALANCER_SESSION_STICKY'] == 'JSESSIONID'
        assert 'BALANCER_ROUTE_CHANGED' not in own
        path = told(httpd.get('/x;jsessionid=y.a'))
        assert path['BALANCER_SESSION_STICKY'] == 'jsessionid'


def test_draining():
    with server() as httpd, Node('a') as a, Node('b') as b:
        httpd.register('a', a.port)
        httpd.register('b', b.port)
        mcmp.send(httpd.management, 'DISABLE-APP', {'JVMRoute': 'a', 'Alias': 'localhost',
                                                    'Context': '/'})
        assert routes(httpd, 6) == ['b'] * 6
        assert routes(httpd, 3, headers=cookie('x.a')) == ['a'] * 3
        mcmp.send(httpd.management, 'STOP-APP', {'JVMRoute': 'a', 'Alias': 'localhost',
                                                 'Context': '/'})
        # StickySessionForce is the default: the session's node serves no more
        assert httpd.get('/', headers=cookie('x.a')).status == 503
        mcmp.send(httpd.management, 'STOP-APP', {'JVMRoute': 'b'}, target='/*')
        assert httpd.get('/').status == 404


def test_stop_app_counts_what_runs():
    import threading
    go = threading.Event()

    def held(node, conn, request):
        go.wait(20)
        conn.reply(b'done')

    with server(children=6) as httpd, Node('a', held) as a:
        httpd.register('a', a.port, context='/app')
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(httpd.get('/app').status))
                   for _ in range(3)]
        for thread in threads:
            thread.start()
        until(lambda: httpd.nodes()['a']['Connected'] == '3', what='three requests run')
        stop = mcmp.send(httpd.management, 'STOP-APP', {'JVMRoute': 'a', 'Alias': 'localhost',
                                                        'Context': '/app'})
        assert b'Requests=3' in stop.body
        go.set()
        for thread in threads:
            thread.join(20)
        assert answers == [200] * 3
        until(lambda: httpd.nodes()['a']['Connected'] == '0', what='none runs')


def test_hot_standby():
    with server() as httpd, Node('a') as a, Node('b') as b:
        httpd.register('a', a.port, load=50)
        httpd.register('b', b.port, load=0)
        assert routes(httpd, 5) == ['a'] * 5
        mcmp.send(httpd.management, 'STATUS', {'JVMRoute': 'a', 'Load': -1})
        assert routes(httpd, 5) == ['b'] * 5


def test_domains():
    with server() as httpd, Node('a') as a, Node('b') as b, Node('c') as c:
        for node, domain in ((a, 'one'), (b, 'one'), (c, 'two')):
            httpd.register(node.route, node.port, Domain=domain)
        mcmp.send(httpd.management, 'STATUS', {'JVMRoute': 'a', 'Load': -1})
        assert routes(httpd, 5, headers=cookie('x.a')) == ['b'] * 5
        mcmp.send(httpd.management, 'STATUS', {'JVMRoute': 'b', 'Load': -1})
        assert httpd.get('/', headers=cookie('x.a')).status == 503


def test_an_id_that_moves_is_removed():
    with server() as httpd, Node('a') as a, Node('b') as b:
        for node in (a, b):
            httpd.register(node.route, node.port, StickySessionForce='No',
                           StickySessionRemove='Yes')
        mcmp.send(httpd.management, 'STATUS', {'JVMRoute': 'a', 'Load': -1})
        assert httpd.get('/x;jsessionid=y.a;v=1?q=;jsessionid=1',
                         headers=cookie('x.a')).get('X-Route') == 'b'
        request = b.requests[-1]
        assert request.target == '/x;v=1?q=;jsessionid=1'
        assert request.get('Cookie') == 'other=1; more=2'
        assert httpd.get('/', headers=[('Cookie', 'JSESSIONID=x.a')]).get('X-Route') == 'b'
        assert b.requests[-1].get('Cookie') is None


def test_aliases():
    with server('UseAlias On\n') as httpd, Node('a') as a, Node('b') as b:
        httpd.register('a', a.port, context='/app', alias='one.example.org')
        httpd.register('b', b.port, context='/app', alias='two.example.org,other')
        for host, route in (('one.example.org', 'a'), ('ONE.example.ORG:8080', 'a'),
                            ('Two.Example.org', 'b'), ('other:1', 'b'), ('third', None)):
            assert httpd.get('/app', host=host).get('X-Route') == route, host


def test_no_node_is_told_from_no_context():
    with server('ResponseStatusCodeOnNoContext 410\n') as httpd, Node('a') as a:
        httpd.register('a', a.port, context='/app')
        mcmp.send(httpd.management, 'STATUS', {'JVMRoute': 'a', 'Load': -1})
        answer = httpd.get('/app')
        assert answer.status == 503
        assert int(answer.get('Retry-After')) >= 1
        mcmp.send(httpd.management, 'STOP-APP', {'JVMRoute': 'a'}, target='/*')
        assert httpd.get('/app').status == 410
        assert httpd.get('/').status == 404


def test_failover_can_be_deterministic():
    with server('DeterministicFailover On\n', children=2) as httpd, Node('a') as a, \
            Node('b') as b, Node('c') as c:
        for node in (a, b, c):
            httpd.register(node.route, node.port, StickySessionForce='No')
        mcmp.send(httpd.management, 'STATUS', {'JVMRoute': 'a', 'Load': -1})
        seen = {}
        for i in range(12):
            got = set(routes(httpd, 3, headers=cookie(f'id{i}.a')))
            assert len(got) == 1
            seen[i] = got.pop()
        assert set(seen.values()) == {'b', 'c'}
