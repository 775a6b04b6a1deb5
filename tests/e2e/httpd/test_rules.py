# SPDX-License-Identifier: Apache-2.0
"""Rules of the administrator beside the cluster: ProxyPass in all its forms, rewriting, encoded
paths, error pages, virtual hosts, static balancers."""
import mcmp
import pytest

from httpd import Httpd
from nodes import Node

BALANCER = ('proxy_balancer', 'slotmem_shm', 'lbmethod_byrequests')
WHO = 'Header always set X-Balancer "%{BALANCER_NAME}e" env=BALANCER_NAME\n'


def target(node):
    return node.requests[-1].target


@pytest.mark.parametrize('modules', [(), BALANCER], ids=['alone', 'with_mod_proxy_balancer'])
@pytest.mark.parametrize('create', [0, 1, 2])
def test_a_proxypass_to_the_cluster(create, modules):
    with Node('a') as a, Node('b') as b:
        with Httpd(f'CreateBalancers {create}\n'
                   'ProxyPass /front balancer://mycluster/app\n'
                   'ProxyPass /none balancer://unheard/app\n'
                   r'ProxyPassMatch ^/match/(.*\.do)$ balancer://MyCluster/app/$1' '\n',
                   modules=modules) as httpd:
            httpd.register('a', a.port, context='/app')
            httpd.register('b', b.port, context='/app', Balancer='unused')
            for _ in range(3):
                assert httpd.get('/front/x?q=1').get('X-Route') == 'a'
            assert target(a) == '/app/x?q=1'
            assert httpd.get('/match/y.do?q=1').get('X-Route') == 'a'
            assert target(a) == '/app/y.do?q=1'
            assert httpd.get('/none/x').status == 404
            # without a rule: as CreateBalancers says
            assert httpd.get('/app/z').status == (404 if create == 1 else 200)
            assert httpd.get('/match/y').status == 404


@pytest.mark.parametrize('rules, modules', [
    ('CreateBalancers 0', ()),
    ('ProxyPass / balancer://mycluster/', ()),
    ('RewriteEngine On\nRewriteRule ^/(.*) balancer://mycluster/$1 [P]', ('rewrite',)),
], ids=['mapped', 'proxypass', 'rewrite'])
def test_the_page_stays_where_a_node_has_everything_else(rules, modules):
    page = '<Location /manager>\nSetHandler mod_cluster-manager\n</Location>\n'
    with Node('a') as a, Httpd(rules + '\n' + page, modules=modules) as httpd:
        httpd.register('a', a.port, context='/')
        assert httpd.get('/app').get('X-Route') == 'a'
        for path in ('/manager', '/manager?Cmd=DUMP', '/manager/more'):
            answer = httpd.get(path)
            assert answer.status == 200 and answer.get('X-Route') is None, path
        assert b'Node a' in httpd.get('/manager').body
        assert httpd.get('/managers').get('X-Route') == 'a'


def test_sessions_and_failover_through_a_proxypass():
    with Node('a') as a, Node('b') as b, \
            Httpd('CreateBalancers 1\nProxyPass / balancer://mycluster/\n') as httpd:
        httpd.register('a', a.port)
        httpd.register('b', b.port)
        assert [httpd.get('/', headers=[('Cookie', 'JSESSIONID=x.b')]).get('X-Route')
                for _ in range(4)] == ['b'] * 4
        a.stop()
        assert [httpd.get('/').get('X-Route') for _ in range(10)] == ['b'] * 10


def test_the_context_of_a_rule_is_that_of_its_target():
    with Node('a') as a, Httpd('CreateBalancers 1\nResponseStatusCodeOnNoContext 503\n'
                               'ProxyPass /one balancer://mycluster/app\n'
                               'ProxyPass /two balancer://mycluster/other\n') as httpd:
        httpd.register('a', a.port, context='/app')
        assert httpd.get('/one').status == 200
        assert httpd.get('/two').status == 503


@pytest.mark.parametrize('create, main, other', [(0, 200, 200), (1, 404, 404), (2, 200, 404)])
def test_create_balancers_and_virtual_hosts(create, main, other):
    with Node('a') as a, Httpd(f'CreateBalancers {create}\nListen 127.0.0.1:@other@\n',
                               more='<VirtualHost 127.0.0.1:@other@>\n</VirtualHost>\n') as httpd:
        httpd.register('a', a.port, context='/app')
        assert httpd.get('/app').status == main
        import raw
        assert raw.get(httpd.address('other'), '/app').status == other


def test_other_rules_come_first():
    with Node('a') as a, Node('static') as static:
        with Httpd(WHO + 'ProxyPass /app/own !\n'
                   r'ProxyPassMatch ^/app/.*\.png$ !' '\n'
                   f'ProxyPass /app/static http://127.0.0.1:{static.port}/\n'
                   '<Location /app/here>\nProxyPass !\n</Location>\n', modules=('headers',)) as httpd:
            httpd.register('a', a.port, context='/app')
            assert httpd.get('/app/x').get('X-Route') == 'a'
            for path in ('/app/own', '/app/own/x', '/app/x/y.png', '/app/here/x'):
                assert httpd.get(path).status == 404, path
            answer = httpd.get('/app/static/x')
            assert (answer.get('X-Route'), answer.get('X-Balancer')) == ('static', None)


def test_static_balancers_are_left_alone():
    with Node('a') as a, Node('s') as s, Node('t') as t:
        with Httpd(WHO + '<Proxy balancer://static>\n'
                   f'BalancerMember http://127.0.0.1:{s.port} route=s\n'
                   f'BalancerMember http://127.0.0.1:{t.port} route=t\n'
                   'ProxySet stickysession=ROUTE\n</Proxy>\n'
                   'ProxyPass /static balancer://static\n',
                   modules=('headers', *BALANCER)) as httpd:
            httpd.register('a', a.port, context='/app')
            # a node may call its balancer as it likes: the server's own stays the server's
            httpd.register('b', t.port, context='/x', Balancer='static')
            assert httpd.get('/app').get('X-Balancer') == 'balancer://mycluster'
            got = {httpd.get('/static/').get('X-Route') for _ in range(8)}
            assert got == {'s', 't'}
            sticky = [httpd.get('/static/', headers=[('Cookie', 'ROUTE=x.s')]).get('X-Route')
                      for _ in range(4)]
            assert sticky == ['s'] * 4
            assert httpd.get('/static/').get('X-Balancer') == 'balancer://static'
            assert httpd.get('/x').status == 404
            assert len(s.requests) + len(t.requests) == 13


def test_rewriting_to_the_cluster():
    with Node('a') as a, Httpd('CreateBalancers 1\nRewriteEngine On\n'
                               'RewriteRule ^/old/(.*)$ balancer://mycluster/app/$1 [P]\n'
                               'RewriteRule ^/gone http://127.0.0.1/ [R]\n',
                               modules=('rewrite',)) as httpd:
        httpd.register('a', a.port, context='/app')
        assert httpd.get('/old/a%20b?q=1').get('X-Route') == 'a'
        assert target(a) == '/app/a%20b?q=1'
        assert httpd.get('/gone').status == 302


def test_rewriting_a_path_before_it_is_mapped():
    with Node('a') as a, Httpd('RewriteEngine On\nRewriteRule ^/old/(.*)$ /app/$1 [PT]\n',
                               modules=('rewrite',)) as httpd:
        httpd.register('a', a.port, context='/app')
        assert httpd.get('/old/x?q=1').get('X-Route') == 'a'
        assert target(a) == '/app/x?q=1'


PATHS = ['/app/a%20b', '/app/%C3%A9', "/app/it's", '/app/a+b', '/app/a%3Fb?c', '/app/a;b=c',
         '/app/%5Bx%5D', '/app/a&b=c']


def test_encoded_paths_arrive():
    with Node('a') as a, Httpd('UseNocanon Off\n') as httpd:
        httpd.register('a', a.port, context='/app')
        from urllib.parse import unquote
        for path in PATHS:
            assert httpd.get(path).status == 200, path
            assert unquote(target(a)) == unquote(path)
            assert target(a).count('?') == path.count('?')


def test_raw_paths_arrive_as_they_came():
    with Node('a') as a, Httpd('UseNocanon On\nAllowEncodedSlashes NoDecode\n') as httpd:
        httpd.register('a', a.port, context='/app')
        for path in PATHS + ['/app/%41', '/app/x%2Fy', '/app/%7Euser?%7E']:
            assert httpd.get(path).status == 200, path
            assert target(a) == path
        # what was reduced before it was matched is not passed on raw
        assert httpd.get('/out/../app/x').status == 200
        assert target(a) == '/app/x'
        assert httpd.get('/app/../out/x').status == 404


def test_nocanon_of_a_proxypass():
    with Node('a') as a, Httpd('CreateBalancers 1\n'
                               'ProxyPass /app balancer://mycluster/app nocanon\n') as httpd:
        httpd.register('a', a.port, context='/app/a b')
        assert httpd.get('/app/a%20b/%7E?q').status == 200
        assert target(a) == '/app/a%20b/%7E?q'
        assert httpd.get('/app/c').status == 404


def failing(node, conn, request):
    conn.body(request)
    status = request.target.rsplit('/', 1)[1]
    conn.reply(b'of the node', status=f'{status} X', headers=[('X-Route', node.route)])


def test_error_override():
    with Node('a', failing) as a, Httpd('ProxyErrorOverride On\nErrorDocument 503 /own.html\n'
                                        'ProxyPass /own.html !\n') as httpd:
        httpd.write('docs/own.html', 'own page')
        httpd.register('a', a.port)
        answer = httpd.get('/503')
        assert (answer.status, answer.body) == (503, b'own page')
        assert httpd.get('/404').status == 404
        assert httpd.get('/201').body == b'of the node'
        # such an answer is one: the node stays in use
        assert len(a.requests) == 3
        mcmp.send(httpd.management, 'STATUS', {'JVMRoute': 'a', 'Load': -1})
        answer = httpd.get('/200')
        assert (answer.status, answer.body) == (503, b'own page')


def redirecting(node, conn, request):
    conn.body(request)
    place = request.get('X-Place') or f'http://{request.get("Host")}/app/there?q=1'
    conn.reply(b'', status='302 Found', headers=[('Location', place)])


def test_redirects_are_turned_back():
    with Node('a', redirecting) as a:
        with Httpd('ProxyPass /front balancer://mycluster/app\n'
                   'ProxyPassReverse /front balancer://mycluster/app\n') as httpd:
            httpd.register('a', a.port, context='/app')
            own = f'http://localhost:{httpd.port("traffic")}'
            host = f'localhost:{httpd.port("traffic")}'
            assert httpd.get('/front/x', host=host).get('Location') == own + '/front/there?q=1'
            other = 'http://example.org/app/x'
            answer = httpd.get('/front/x', headers=[('X-Place', other)])
            assert answer.get('Location') == other
