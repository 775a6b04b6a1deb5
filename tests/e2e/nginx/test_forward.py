# SPDX-License-Identifier: Apache-2.0
"""mcmp_pass and mcmp_balancer among nginx's other directives: what a location, an upstream and the
things around them do with nodes of both kinds."""
import os
import re
import ssl
import subprocess

import pytest

import ajp
from ajp import Container
from nginx import Nginx
from nodes import Node, accept_key, free_port
from waiting import until

KINDS = {'http': Node, 'ajp': Container}


class Echo:
    """The same application for both kinds: tells its route, and what headers it is told to set."""

    def __init__(self, headers=(), status=200, body=None):
        self.headers = list(headers)
        self.status = status
        self.body = body

    def __call__(self, node, conn, request):
        if isinstance(conn, ajp.Connection):
            conn.content(request)
            status = self.status
        else:
            conn.body(request)
            status = f'{self.status} Ok'
        body = node.route if self.body is None else self.body
        conn.reply(body, status=status, headers=[('X-Route', node.route)] + self.headers)


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def node_of(kind, route, app=None):
    return KINDS[kind](route, app or Echo())


BALANCER = 'upstream up { mcmp_balancer cluster; %s } '
PROXY = 'location / { proxy_pass http://up; proxy_set_header Host $host; %s }'


def test_proxy_pass_to_an_upstream_of_the_cluster(kind):
    with node_of(kind, 'n1') as node, node_of(kind, 'n2') as other, \
            Nginx(http=BALANCER % '', locations=PROXY % '') as server:
        for each in (node, other):
            server.register(each.route, each.port, scheme=kind)
        assert {server.get('/x').get('X-Route') for _ in range(8)} == {'n1', 'n2'}
        for route in ('n1', 'n2'):
            answer = server.get('/x', headers=[('Cookie', f'JSESSIONID=a.{route}')])
            assert answer.body == route.encode()


def test_statuses_of_an_upstream_without_a_node():
    with Nginx(http=BALANCER % '', locations=PROXY % '') as server:
        assert server.get('/x').status == 404
        server.register('n1', free_port(), load=100)
        answer = server.get('/x')
        assert answer.status == 503 and int(answer.get('Retry-After')) > 0
        assert server.get('/x').status == 503


def test_an_upstream_may_be_for_one_balancer():
    with Node('n1') as one, Node('n2') as two, \
            Nginx(http='upstream a { mcmp_balancer cluster one; }'
                       'upstream b { mcmp_balancer cluster two; }',
                  locations='location /a { proxy_pass http://a; }'
                            'location /b { proxy_pass http://b; }') as server:
        server.register('n1', one.port, Balancer='one')
        server.register('n2', two.port, Balancer='two')
        for _ in range(4):
            assert server.get('/a').get('X-Route') == 'n1'
            assert server.get('/b').get('X-Route') == 'n2'


def test_nginx_s_own_keepalive_may_keep_the_connections():
    lines = 'proxy_http_version 1.1; proxy_set_header Connection "";'
    with Node('n1') as node, Nginx(http=BALANCER % 'keepalive 8;', locations=PROXY % lines,
                                   workers=1) as server:
        server.register('n1', node.port)
        for _ in range(10):
            assert server.get('/x').status == 200
        assert node.connections <= 2  # the probe's and one


def test_connections_are_kept_by_both_directives(kind):
    lines = 'proxy_http_version 1.1; proxy_set_header Connection "";'
    for parts in ({}, {'http': BALANCER % '', 'locations': PROXY % lines}):
        with node_of(kind, 'n1') as node, Nginx(workers=1, **parts) as server:
            server.register('n1', node.port, scheme=kind)
            for i in range(10):
                assert server.get(f'/{i}', method='POST', body=b'x' * i).status == 200
            assert node.connections <= 2


def test_keepalive_can_be_limited_and_turned_off(kind):
    with node_of(kind, 'n1') as node, \
            Nginx(workers=1, server='mcmp_keepalive 0;') as server:
        server.register('n1', node.port, scheme=kind)
        before = node.connections
        for _ in range(5):
            assert server.get('/x').status == 200
        assert node.connections - before == 5
    with node_of(kind, 'n1') as node, \
            Nginx(workers=1, server='mcmp_keepalive 4 timeout=200ms requests=3;') as server:
        server.register('n1', node.port, scheme=kind)
        before = node.connections
        for _ in range(6):
            assert server.get('/x').status == 200
        assert node.connections - before == 2
        until(lambda: not node.open, 5, 'idle connections are closed in their time')


def test_idle_connections_of_a_removed_node_are_closed(kind):
    with node_of(kind, 'n1') as node, Nginx(workers=1) as server:
        server.register('n1', node.port, scheme=kind)
        assert server.get('/x').status == 200
        until(lambda: len(node.open) == 1, 5, 'one is kept')
        raw_remove(server, 'n1')
        until(lambda: not node.open, 20, 'it is closed')


def raw_remove(server, route):
    import mcmp  # pylint: disable=import-outside-toplevel
    assert mcmp.send(server.management, 'REMOVE-APP', {'JVMRoute': route}, '/*').status == 200


def test_what_is_not_ours_goes_to_nginx_s_own_content(kind):
    with node_of(kind, 'n1') as node, Nginx() as server:
        server.write('html/file', 'static')
        server.register('n1', node.port, scheme=kind, context='/app')
        assert server.get('/file').body == b'static'
        assert server.get('/none').status == 404
        assert server.get('/app/x').body == b'n1'


def test_a_zone_may_be_named_by_a_variable(kind):
    with node_of(kind, 'n1') as node, \
            Nginx(locations='location / { set $z cluster; if ($arg_z) { set $z $arg_z; } '
                            'mcmp_pass $z; }') as server:
        server.register('n1', node.port, scheme=kind)
        assert server.get('/x').body == b'n1'
        assert server.get('/x?z=nobody').status == 500
        assert 'there is no zone "nobody"' in server.log()


def test_error_page_and_intercepted_errors(kind):
    with node_of(kind, 'n1', Echo(status=500)) as node, \
            Nginx(server='error_page 404 500 503 @sorry; location @sorry { return 200 "sorry"; }',
                  locations='location / { mcmp_pass cluster; proxy_intercept_errors on; }'
                            'location /raw { mcmp_pass cluster; }') as server:
        assert server.get('/x').body == b'sorry'
        server.register('n1', node.port, scheme=kind)
        assert server.get('/x').body == b'sorry'
        assert server.get('/raw').status == 500
        node.stop()
        assert server.get('/x').body == b'sorry'
        until(lambda: server.nodes()['n1']['Connected'] == '0', 5)


def test_an_error_page_may_be_on_the_cluster_itself(kind):
    with node_of(kind, 'n1') as node, \
            Nginx(server='error_page 404 = /app/fallback;') as server:
        server.register('n1', node.port, scheme=kind, context='/app')
        assert server.get('/none').body == b'n1'


def test_x_accel_redirect(kind):
    with node_of(kind, 'n1', Echo([('X-Accel-Redirect', '/inner/file')])) as node, \
            Nginx(server='location /inner { internal; alias {dir}/html; }') as server:
        server.write('html/file', 'from the disk')
        server.register('n1', node.port, scheme=kind)
        assert server.get('/x').body == b'from the disk'
        until(lambda: server.nodes()['n1']['Connected'] == '0', 5)


def test_subrequests(kind):
    page = 'one <!--# include virtual="/app/a" --> two <!--# include virtual="/app/b" --> end'
    with node_of(kind, 'n1') as node, \
            Nginx(locations='location / { ssi on; } location /app { mcmp_pass cluster; }',
                  server='ssi_types text/plain;') as server:
        server.write('html/page.html', page)
        server.register('n1', node.port, scheme=kind, context='/app')
        assert server.get('/page.html').body == b'one n1 two n1 end'
        assert {request.uri if kind == 'ajp' else request.target
                for request in node.requests} == {'/app/a', '/app/b'}


def test_auth_request_by_a_node(kind):
    with node_of(kind, 'n1', Echo(status=401)) as node, \
            Nginx(locations='location / { auth_request /auth; } location /auth { '
                            'mcmp_pass cluster; proxy_pass_request_body off; '
                            'proxy_set_header Content-Length ""; }') as server:
        server.write('html/file', 'inside')
        server.register('n1', node.port, scheme=kind)
        assert server.get('/file').status == 401
        node.handler = Echo(status=204, body='')
        assert server.get('/file').body == b'inside'


def test_proxy_directives_hold_for_both_kinds(kind):
    headers = [('Set-Cookie', 'a=b; Path=/app; HttpOnly'), ('Location', 'http://inner/app/x'),
               ('X-Hidden', '1'), ('X-Powered-By', 'it')]
    lines = ('proxy_cookie_path /app /; proxy_redirect http://inner/ /outer/; '
             'proxy_hide_header X-Hidden; proxy_set_header X-More "$host-$mcmp_route"; '
             'proxy_set_header Host $host; proxy_method PUT; proxy_set_body "own body";')
    with node_of(kind, 'n1', Echo(headers, status=302)) as node, \
            Nginx(locations='location / { mcmp_pass cluster; %s }' % lines) as server:
        server.register('n1', node.port, scheme=kind)
        bodies = []

        def handler(_node, conn, request):
            bodies.append(conn.content(request) if kind == 'ajp' else conn.body(request))
            conn.reply('', status=302 if kind == 'ajp' else '302 Found', headers=headers)
        node.handler = handler
        answer = server.get('/app', host='outside.example')
        assert answer.status == 302
        assert answer.get('Set-Cookie') == 'a=b; Path=/; HttpOnly'
        assert answer.get('Location').endswith('/outer/app/x')
        assert answer.get('X-Hidden') is None and answer.get('X-Powered-By') == 'it'
        request = node.requests[-1]
        assert request.method == 'PUT' and bodies == [b'own body']
        name = 'x-more' if kind == 'ajp' else 'X-More'
        assert request.get(name) == 'outside.example-n1'
        assert request.get('host' if kind == 'ajp' else 'Host') == 'outside.example'


def test_headers_of_the_client_s_connection_end_here(kind):
    with node_of(kind, 'n1') as node, \
            Nginx(locations='location / { mcmp_pass cluster; '
                            'proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }') as server:
        server.register('n1', node.port, scheme=kind)
        assert server.get('/', headers=[
            ('Connection', 'keep-alive, X-Hop,, x-forwarded-for , Host'), ('X-Hop', '1'),
            ('x-hop', '2'), ('Connection', 'Other'), ('Other', '3'), ('Proxy-Connection', 'x'),
            ('Proxy-Authorization', 'Basic eDp5'), ('Trailer', 'X-T'), ('TE', 'trailers'),
            ('Proxy', 'http://evil/'), ('X-End', 'kept')]).status == 200
        seen = node.requests[-1]
        for name in ('X-Hop', 'Other', 'Proxy-Connection', 'Proxy-Authorization', 'Trailer', 'TE',
                     'Proxy'):
            assert seen.get(name.lower()) is None, name
        assert seen.get('x-end') == 'kept' and seen.get('host') == 'localhost'
        assert seen.get('x-forwarded-for') == '127.0.0.1', 'what we add is not for clients to drop'
        names = ','.join(f'h{i}' for i in range(65))
        assert server.get('/', headers=[('Connection', names)]).status == 400
        assert server.get('/', headers=[('Connection', names[:-4])]).status == 200


def test_the_client_s_host_reaches_the_node(kind):
    with node_of(kind, 'n1') as node, Nginx() as server:
        server.register('n1', node.port, scheme=kind)
        for host in ('localhost', 'a.example:8081', '[::1]:80'):
            assert server.get('/x', host=host).status == 200
            assert node.requests[-1].get('host') == host
        with server.client() as client:
            client.send('GET /x HTTP/1.0\r\n\r\n')
            assert client.answer().status == 200
        assert node.requests[-1].get('host') == f'127.0.0.1:{node.port}'


@pytest.mark.parametrize('buffering', ['on', 'off'])
@pytest.mark.parametrize('request_buffering', ['on', 'off'])
def test_bodies_pass_whole_whatever_is_buffered(kind, buffering, request_buffering):
    lines = (f'proxy_buffering {buffering}; proxy_request_buffering {request_buffering}; '
             'client_max_body_size 0;')
    blocks = [os.urandom(size) for size in (1, 100, 8191, 8192, 70000, 3000000)]
    node = Node('n1') if kind == 'http' else Container('n1')
    with node, Nginx(locations='location / { mcmp_pass cluster; %s }' % lines) as server, \
            server.client() as client:
        server.register('n1', node.port, scheme=kind)
        for body in blocks:
            assert client.get('/x', method='POST', body=body).body == b'n1 ' + body
            head = b'POST /y HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
            client.send(head + b'%x\r\n' % len(body) + body + b'\r\n0\r\n\r\n')
            assert client.answer().body == b'n1 ' + body


def test_a_request_goes_from_one_kind_of_node_to_the_other():
    def breaks(_node, conn, _request):
        conn.sock.close()
        return False

    for first, second in (('ajp', 'http'), ('http', 'ajp')):
        with node_of(first, 'n1', breaks) as bad, node_of(second, 'n2') as good, \
                Nginx(workers=1) as server:
            server.register('n1', bad.port, scheme=first, load=100, Maxattempts=3)
            server.register('n2', good.port, scheme=second, load=1)
            for body in (b'', b'z' * 20000):
                answer = server.get('/x', method='PUT', body=body,
                                    headers=[('Cookie', 'JSESSIONID=a.n1')])
                assert answer.status in (502, 503), 'Force is the default'
            server.register('n1', bad.port, scheme=first, load=100, StickySessionForce='No')
            answer = server.get('/x', method='PUT', body=b'z' * 20000,
                                headers=[('Cookie', 'JSESSIONID=a.n1')])
            assert (answer.status, answer.get('X-Route')) == (200, 'n2')


def websocket(_node, conn, request):
    key = request.get('Sec-WebSocket-Key')
    conn.send('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
              f'Sec-WebSocket-Accept: {accept_key(key)}\r\n\r\n')
    while conn.data or conn.more():
        conn.send(conn.data.upper())
        conn.data = b''
    return False


UPGRADE = ('GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: {}\r\n'
           'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n')


def test_websocket_works_without_configuration_and_can_be_turned_off():
    with Node('n1', websocket) as node, Nginx() as server, server.client() as client:
        server.register('n1', node.port)
        client.send(UPGRADE.format('websocket'))
        assert client.answer(interim=True).status == 101
        client.send('hello')
        assert client.exactly(5) == b'HELLO'
        until(lambda: server.nodes()['n1']['Connected'] == '1', 5)
        client.close()
        until(lambda: server.nodes()['n1']['Connected'] == '0', 5)
    for line, token in (('mcmp_upgrade off;', 'websocket'), ('', 'h2c')):
        with Node('n1') as node, Nginx(server=line) as server, server.client() as client:
            server.register('n1', node.port)
            client.send(UPGRADE.format(token))
            assert client.answer().status == 200
            assert node.requests[-1].get('Upgrade') is None
            assert node.requests[-1].get('Connection') is None


def certificate(folder):
    cert, key = os.path.join(folder, 'cert.pem'), os.path.join(folder, 'key.pem')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2',
                    '-subj', '/CN=localhost', '-keyout', key, '-out', cert], check=True,
                   capture_output=True)
    return cert, key


def test_nodes_behind_tls(tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(tmp_path))
    with Node('n1', tls=context) as node, Node('n2') as plain, Nginx(workers=1) as server:
        server.register('n1', node.port, scheme='https')
        server.register('n2', plain.port)
        for route in ('n1', 'n2') * 3:
            answer = server.get('/x', headers=[('Cookie', f'JSESSIONID=a.{route}')])
            assert answer.get('X-Route') == route
        assert node.connections <= 2


def test_clients_behind_tls_and_http2(kind, tmp_path):
    cert, key = certificate(tmp_path)
    port = free_port()
    with node_of(kind, 'n1') as node, \
            Nginx(server=f'listen 127.0.0.1:{port} ssl http2; ssl_certificate {cert}; '
                         f'ssl_certificate_key {key};') as server:
        server.register('n1', node.port, scheme=kind)
        done = subprocess.run(
            ['curl', '-sk', '--http2', '-d', 'x' * 100000, '-w', '%{http_version} %{http_code} ',
             f'https://localhost:{port}/x', '-H', 'Cookie: a=1', '-H', 'Cookie: b=2',
             f'https://localhost:{port}/y'], capture_output=True, text=True, check=True, timeout=30)
        assert done.stdout == 'n12 200 n12 200 '
        request = node.requests[-1]
        assert request.get('cookie') is None or '; ' in request.get('cookie')
        if kind == 'ajp':
            assert request.is_ssl == 1 and request.server_port == port
            assert 'AES' in request.attributes['ssl_cipher']
            assert request.attributes['ssl_key_size'] >= 128
            assert request.named['AJP_SSL_PROTOCOL'].startswith('TLSv1')


def test_both_workers_use_a_node_that_was_registered_once(kind):
    with node_of(kind, 'n1') as node, Nginx(workers=2, server='mcmp_keepalive 0;',
                                            http='log_format pid $pid; access_log {dir}/pids pid;'
                                            ) as server:
        server.register('n1', node.port, scheme=kind)

        def seen():
            assert server.get('/x').status == 200
            return len(set(server._read('pids').split())) == 2  # pylint: disable=protected-access
        until(seen, 20, 'both have served')


def test_a_host_that_is_a_name_is_looked_up(kind):
    with node_of(kind, 'n1') as node, Nginx() as server:
        server.register('n1', node.port, scheme=kind, host='localhost')
        assert server.get('/x').body == b'n1'


def test_variables_in_the_log(kind):
    import json  # pylint: disable=import-outside-toplevel
    with node_of(kind, 'n1') as node, Nginx() as server:
        server.register('n1', node.port, scheme=kind, context='/app', Balancer='bal')
        server.get('/app/x', headers=[('Cookie', 'JSESSIONID=a.n1')])
        line = until(lambda: [json.loads(text) for text in server.access().splitlines()
                              if '"/app/x"' in text], 5)[0]
        assert line == {'status': 200, 'uri': '/app/x', 'route': 'n1', 'context': '/app',
                        'node': f'{kind}://127.0.0.1:{node.port}', 'balancer': 'bal',
                        'session_route': 'n1', 'reason': 'sticky', 'tries': '1'}


@pytest.mark.parametrize('line, words', [
    ('mcmp_pass nobody;', 'nobody'),
    ('mcmp_pass cluster; mcmp_pass cluster;', 'duplicate'),
    ('proxy_pass http://127.0.0.1:1; mcmp_pass cluster;', 'beside "proxy_pass"'),
    ('mcmp_keepalive many;', 'a number of connections'),
    ('mcmp_keepalive 1 timeout=x;', 'invalid value'),
    ('mcmp_keepalive 1 other=1;', '"timeout=TIME" and "requests=NUMBER"'),
    ('mcmp_ajp_packet_size 100;', 'from 8192 to 65536'),
    ('mcmp_ajp_packet_size 70000;', 'from 8192 to 65536'),
    ('mcmp_ajp_secret "";', '1 to 1024 bytes'),
    ('mcmp_ajp_secret s3cr3t what=1;', '"node=ROUTE" or "balancer=NAME"'),
    ('mcmp_ajp_secret s3cr3t node=a balancer=b;', 'not both'),
    ('mcmp_ajp_secret s3cr3t; mcmp_ajp_secret s3cr3t;', 'is duplicate for the same nodes'),
    ('mcmp_ajp_ping often;', 'a time, such as 500ms'),
    ('mcmp_upgrade "a b";', 'is a token'),
    ('mcmp_upgrade port=0;', 'from 1 to 65535'),
    ('mcmp_upgrade off; mcmp_upgrade websocket;', 'is duplicate'),
    ('mcmp_upgrade off websocket;', 'protocols can\'t stand beside it: "off"'),
    ('mcmp_ajp_secret s3cr3t node=;', 'a name is expected behind =: "node="'),
    ('mcmp_receive cluster; mcmp_pass cluster;', 'stands beside another directive'),
    ('mcmp_manager cluster; mcmp_pass cluster;', 'stands beside another directive'),
])
def test_bad_directives_of_a_location_are_named(checker, line, words):
    code, said = checker.test(locations='location / { %s }' % line)
    assert code != 0 and words in said, said
    assert words == 'nobody' or re.findall('mcmp_[a-z_]+', line)[-1] in said, said
    assert 's3cr3t' not in said


@pytest.mark.parametrize('lines, words', [
    ('mcmp_balancer nobody;', 'nobody'),
    ('mcmp_balancer cluster; mcmp_balancer cluster;', 'is duplicate'),
    ('mcmp_balancer cluster; server 127.0.0.1:1;', 'take "server" out'),
    ('server 127.0.0.1:1; mcmp_balancer cluster;', 'take "server" out'),
    ('least_conn; mcmp_balancer cluster;', 'must stand before'),
])
def test_bad_upstreams_are_named(checker, lines, words):
    code, said = checker.test(http='upstream up { %s }' % lines)
    assert code != 0 and words in said, said


@pytest.fixture(scope='module', name='checker')
def checker_server():
    with Nginx(workers=1) as server:
        server.allow_deaths = True  # what nginx -t complains of is in its log
        yield server
