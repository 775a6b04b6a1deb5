# SPDX-License-Identifier: Apache-2.0
"""The kinds of nodes: ajp and http in a real Tomcat, WebSocket, TLS."""
import hashlib
import json
import ssl
import subprocess

import pytest

import mcmp
import raw
from httpd import Httpd
from nodes import Node, accept_key, free_port, serve_route
from tomcat import Tomcat
from waiting import until

KEY = 'dGhlIHNhbXBsZSBub25jZQ=='


@pytest.fixture(scope='module', name='tomcats')
def two_tomcats():
    with Tomcat('t1') as one, Tomcat('t2') as two:
        yield one, two


def cluster(tomcats, kind, main='', **config):
    secret = f'AJPSecret {tomcats[0].secret}\n' if kind == 'ajp' else ''
    httpd = Httpd('ProxyPreserveHost On\nProxyIOBufferSize 65536\n' + secret + main,
                  modules=('proxy_ajp',), children=2)
    try:
        for tomcat in tomcats:
            httpd.register(tomcat.route, tomcat.ports[kind], context='/app', scheme=kind, **config)
    except BaseException:
        httpd.stop(failed=True)
        raise
    return httpd


@pytest.mark.parametrize('kind', ['ajp', 'http'])
def test_sessions_of_tomcat_stay(tomcats, kind):
    with cluster(tomcats, kind) as httpd:
        for _ in range(4):
            with raw.Client(httpd.traffic) as client:
                first = client.get('/app/session')
                cookie = first.get('Set-Cookie').split(';')[0]
                node = first.get('X-Node')
                assert cookie.endswith('.' + node)
                for count in range(2, 5):
                    seen = json.loads(client.get('/app/session', headers=[('Cookie', cookie)]).body)
                    assert (seen['node'], seen['count']) == (node, count)
                path = cookie.replace('JSESSIONID', '/app/session;jsessionid')
                assert json.loads(client.get(path).body)['count'] == 5
        rows = httpd.nodes()
        assert {row['Connected'] for row in rows.values()} == {'0'}
        assert all(int(row['Read']) > 0 for row in rows.values())


@pytest.mark.parametrize('kind', ['ajp', 'http'])
def test_bodies_pass_both_ways(tomcats, kind):
    with cluster(tomcats[:1], kind) as httpd:
        body = bytes(range(256)) * 4000
        digest = hashlib.sha256(body).hexdigest()
        with raw.Client(httpd.traffic) as client:
            for _ in range(3):
                seen = json.loads(client.get('/app/x', method='POST', body=body).body)
                assert (seen['method'], seen['bodyDigest']) == ('POST', digest)
                assert client.get('/app/echo', method='POST', body=body).body == body


def test_a_wrong_secret_makes_no_node():
    with Tomcat('t1') as tomcat, \
            Httpd('AJPSecret wrong\n', modules=('proxy_ajp',)) as httpd:
        httpd.register('t1', tomcat.ports['ajp'], context='/app', scheme='ajp')
        assert httpd.get('/app/').status == 403
        # its answer is one: CPing had said that the node is there
        assert httpd.get('/app/').status == 403


def test_a_dead_tomcat_costs_no_request():
    with Tomcat('t1') as one, Tomcat('t2') as two, \
            cluster((one, two), 'ajp', 'LBstatusRecalTime 60\n', StickySessionForce='No') as httpd:
        answers = {httpd.get('/app/session').get('X-Node') for _ in range(4)}
        assert answers == {'t1', 't2'}
        one.kill()
        for method, body in (('GET', b''), ('POST', b'x' * 50000)):
            with raw.Client(httpd.traffic) as client:
                for _ in range(4):
                    answer = client.get('/app/session', method=method, body=body,
                                        headers=[('Cookie', 'JSESSIONID=x.t1')])
                    assert answer.get('X-Node') == 't2', (answer.status, httpd.log()[-2000:])
        assert httpd.nodes()['t1']['Connected'] == '0'


def test_a_request_of_tomcat_in_flight_is_not_lost_by_draining(tomcats):
    with cluster(tomcats[:1], 'ajp') as httpd, raw.Client(httpd.traffic) as client:
        client.send('GET /app/hold?key=h1 HTTP/1.1\r\nHost: x\r\n\r\n')
        until(lambda: httpd.nodes()['t1']['Connected'] == '1', what='it runs')
        stop = mcmp.send(httpd.management, 'STOP-APP', {'JVMRoute': 't1', 'Alias': 'localhost',
                                                        'Context': '/app'})
        assert b'Requests=1' in stop.body
        assert httpd.get('/app/').status == 404
        tomcats[0].release('h1')
        assert client.answer().status == 200
        until(lambda: httpd.nodes()['t1']['Connected'] == '0', what='it ended')


def websocket(node, conn, request):
    if request.get('Upgrade') is None:
        return serve_route(node, conn, request)
    protocol = request.get('Upgrade')
    conn.send('HTTP/1.1 101 Switching Protocols\r\n'
              f'Upgrade: {protocol}\r\nConnection: Upgrade\r\n'
              f'Sec-WebSocket-Accept: {accept_key(request.get("Sec-WebSocket-Key"))}\r\n\r\nfirst')
    while True:
        if not conn.data and not conn.more():
            return False
        data, conn.data = conn.data, b''
        conn.send(data.upper())


def switch(httpd, protocol='websocket'):
    """The client after it has asked for a tunnel, and the answer's status."""
    client = raw.Client(httpd.traffic)
    client.send(f'GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: {protocol}\r\nConnection: Upgrade\r\n'
                f'Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n')
    answer = client.answer(interim=True)
    return client, answer


@pytest.mark.parametrize('scheme', ['http', 'ws'])
def test_websocket_bytes_pass_both_ways(scheme):
    with Node('a', websocket) as a, Node('b', websocket) as b, Httpd() as httpd:
        for node in (a, b):
            httpd.register(node.route, node.port, scheme=scheme)
        for _ in range(2):
            client, answer = switch(httpd)
            assert answer.status == 101
            assert answer.get('Sec-WebSocket-Accept') == accept_key(KEY)
            assert client.exactly(5) == b'first'
            client.send(b'ab' * 100000)
            assert client.exactly(200000) == b'AB' * 100000
            assert '1' in {row['Connected'] for row in httpd.nodes().values()}
            client.close()
            until(lambda: {row['Connected'] for row in httpd.nodes().values()} == {'0'},
                  what='the tunnel ended')
        # the same nodes serve ordinary requests
        assert {httpd.get('/').get('X-Route') for _ in range(4)} == {'a', 'b'}


@pytest.mark.parametrize('main, protocol, status', [
    ('', 'websocket', 101), ('', 'other', 200),
    ('EnableWsTunnel Off\n', 'websocket', 200), ('EnableWsTunnel\n', 'websocket', 101),
    ('WSUpgradeHeader other\n', 'other', 101), ('WSUpgradeHeader other\n', 'websocket', 200),
    ('WSUpgradeHeader ANY\n', 'other', 101),
])
def test_which_protocols_are_switched_to(main, protocol, status):
    with Node('a', websocket) as a, Httpd(main) as httpd:
        httpd.register('a', a.port)
        client, answer = switch(httpd, protocol)
        assert answer.status == status
        client.close()


def test_a_tunnel_outlives_its_node():
    with Node('a', websocket) as a, Httpd(children=1) as httpd:
        httpd.register('a', a.port)
        client, answer = switch(httpd)
        assert answer.status == 101
        assert client.exactly(5) == b'first'
        for _ in range(3):
            mcmp.send(httpd.management, 'REMOVE-APP', {'JVMRoute': 'a'}, target='/*')
            assert httpd.get('/').status == 404
            httpd.register('a', a.port)
            assert httpd.get('/').status == 200
        client.send('more')
        assert client.exactly(4) == b'MORE'
        client.close()
        until(lambda: httpd.nodes()['a']['Connected'] == '0', what='the tunnel ended')


def test_an_upgrade_goes_to_a_node_that_is_there():
    with Node('a', websocket) as a, Httpd('LBstatusRecalTime 60\n') as httpd:
        mcmp.send(httpd.management, 'CONFIG', {'JVMRoute': 'dead', 'Host': '127.0.0.1',
                                               'Port': free_port(), 'Type': 'http'})
        mcmp.send(httpd.management, 'ENABLE-APP', {'JVMRoute': 'dead', 'Alias': 'localhost',
                                                   'Context': '/'})
        httpd.register('a', a.port, load=0)
        for _ in range(4):
            client, answer = switch(httpd)
            assert answer.status == 101
            client.close()


@pytest.fixture(scope='module', name='cert')
def certificate(tmp_path_factory):
    path = tmp_path_factory.mktemp('tls')
    key, pem = path / 'key.pem', path / 'cert.pem'
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2',
                    '-subj', '/CN=node', '-addext', 'subjectAltName=DNS:localhost',
                    '-keyout', str(key), '-out', str(pem)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    context.text = pem.read_text()
    return context


@pytest.mark.parametrize('scheme', ['https', 'wss'])
def test_nodes_with_tls(cert, scheme, tmp_path):
    authority = tmp_path / 'ca.pem'
    authority.write_text(cert.text)
    # EnableOptions Off: a connection is probe enough here, the request is checked below
    with Node('a', websocket, tls=cert) as a, \
            Httpd(f'SSLProxyEngine On\nSSLProxyCACertificateFile {authority}\n'
                  'SSLProxyVerify require\nEnableOptions Off\n', modules=('ssl',)) as httpd:
        httpd.register('a', a.port, scheme=scheme, host='localhost')
        with raw.Client(httpd.traffic) as client:
            for size in (0, 10, 300000):
                assert client.get('/', method='POST', body=b'q' * size).body == b'a ' + b'q' * size
        client, answer = switch(httpd)
        assert answer.status == 101
        assert client.exactly(5) == b'first'
        client.send('x')
        assert client.exactly(1) == b'X'
        client.close()
