# SPDX-License-Identifier: Apache-2.0
"""https and wss nodes: TLS to the node, certificates checked against its Host."""
import ssl
import subprocess

import pytest

import mcmp
import raw
from nodes import Node, accept_key
from server import Server
from waiting import until


@pytest.fixture(scope='module', name='cert')
def certificate(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1 and localhost."""
    path = tmp_path_factory.mktemp('tls')
    key, pem = path / 'key.pem', path / 'cert.pem'
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2',
                    '-subj', '/CN=node', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost',
                    '-keyout', str(key), '-out', str(pem)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    context.path = str(pem)
    return context


@pytest.mark.parametrize('host', ['127.0.0.1', 'localhost'])
def test_an_https_node_is_probed_and_forwarded_to(cert, host):
    with Node('n', tls=cert) as node, Server('--tls-ca', cert.path) as server:
        assert 'State=OK' in server.register('n', node.port, scheme='https', host=host)
        with raw.Client(server.traffic) as client:
            for size in (0, 10, 100000, 3000000):
                body = b'q' * size
                assert client.get('/', method='POST', body=body,
                                  headers=[('Content-Length', size)]).body == b'n ' + body
        assert node.requests[-1].get('Host') == 'localhost'


def test_big_bodies_flow_through_tls_both_ways(cert):
    def echo(_, conn, request):
        conn.reply(conn.body(request))
    body = bytes(range(256)) * 40000
    with Node('n', echo, tls=cert) as node, Server('--tls-ca', cert.path) as server:
        server.register('n', node.port, scheme='https')
        for _ in range(3):
            assert server.get('/', method='PUT', body=body).body == body


def test_a_certificate_nobody_vouches_for_is_refused(cert):
    with Node('n', tls=cert) as node, Server() as server:
        assert 'State=NOTOK' in register_unproven(server, node.port)
        assert server.get('/').status == 503
        until(lambda: 'self-signed certificate' in server.log(), what='the reason is logged')


def register_unproven(server, port, **config):
    fields = {'JVMRoute': 'n', 'Host': '127.0.0.1', 'Port': port, 'Type': 'https',
              **config}
    mcmp.send(server.management, 'CONFIG', fields)
    mcmp.send(server.management, 'ENABLE-APP', {'JVMRoute': 'n', 'Alias': 'localhost',
                                                'Context': '/'})
    before = server.get('/').status
    assert before == 503
    return mcmp.send(server.management, 'STATUS', {'JVMRoute': 'n', 'Load': 1}).body.decode()


def test_verification_can_be_switched_off(cert):
    with Node('n', tls=cert) as node, Server('--tls-verify=no') as server:
        assert 'State=OK' in server.register('n', node.port, scheme='https')
        assert server.get('/').status == 200


def test_a_wss_node_takes_websockets(cert):
    def handler(_, conn, request):
        conn.send('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n'
                  'Connection: Upgrade\r\n'
                  f'Sec-WebSocket-Accept: {accept_key(request.get("Sec-WebSocket-Key"))}\r\n\r\n')
        left = 300000
        while left > 0:
            if not conn.data and not conn.more():
                return False
            data, conn.data = conn.data, b''
            left -= len(data)
            conn.send(data.upper())
        return False
    with Node('n', handler, tls=cert) as node, Server('--tls-ca', cert.path) as server:
        server.register('n', node.port, scheme='wss')
        with raw.Client(server.traffic) as client:
            client.send('GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n'
                        'Connection: Upgrade\r\nSec-WebSocket-Key: x\r\n\r\n')
            assert client.answer(interim=True).status == 101
            client.send(b'ab' * 150000)
            assert client.exactly(300000) == b'AB' * 150000


def test_a_plain_node_called_https_is_not_usable():
    with Node('n') as node, Server() as server:
        assert 'State=NOTOK' in register_unproven(server, node.port, ping='500ms')
