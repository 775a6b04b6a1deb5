# SPDX-License-Identifier: Apache-2.0
"""tls-listen: clients that come by TLS, with and without a certificate of their own."""
import os
import ssl
import subprocess

import pytest

import raw
from ajp import Container
from nodes import Node, accept_key
from server import Server, program


@pytest.fixture(scope='module', name='cert')
def certificate(tmp_path_factory):
    """A self-signed certificate for localhost, in one file with its key, and a client's."""
    path = tmp_path_factory.mktemp('front')
    made = {}
    for name in ('server', 'client', 'stranger'):
        key, pem = path / f'{name}.key', path / f'{name}.pem'
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2',
                        '-subj', f'/CN={name}', '-addext', 'subjectAltName=DNS:localhost',
                        '-keyout', str(key), '-out', str(pem)], check=True, capture_output=True)
        pem.write_text(pem.read_text() + key.read_text())
        made[name] = str(pem)
    return made


def https(server, cert, client=None, version=None):
    """A raw client over TLS."""
    context = ssl.create_default_context(cafile=cert['server'])
    context.set_alpn_protocols(['h2', 'http/1.1'])
    if client:
        context.load_cert_chain(cert[client])
    if version:
        context.maximum_version = version
    made = raw.Client(server.addresses['tls-listen'][0])
    made.sock = context.wrap_socket(made.sock, server_hostname='localhost')
    return made


def start(cert, *flags):
    return Server('--tls-listen', '127.0.0.1:0', '--tls-certificate', cert['server'], *flags)


@pytest.fixture(scope='module', name='plain')
def plain_server(cert):
    with Node('n') as node, start(cert) as server:
        server.register('n', node.port)
        server.node = node
        yield server


@pytest.mark.parametrize('version', [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_requests_and_bodies_by_tls(plain, cert, version):
    with https(plain, cert, version=version) as client:
        assert client.sock.selected_alpn_protocol() == 'http/1.1'
        for size in (0, 1, 16384, 16385, 70000, 3000000):
            body = os.urandom(size)
            answer = client.get('/', method='POST', body=body, headers=[('Content-Length', size)])
            assert answer.body == b'n ' + body
    assert plain.node.requests[-1].get('X-Forwarded-Proto') == 'https'


def test_both_listeners_serve_at_once(plain, cert):
    with https(plain, cert) as client:
        assert client.get('/').status == 200
        assert plain.get('/').status == 200
        assert client.get('/').status == 200


def test_many_requests_in_one_record(plain, cert):
    with https(plain, cert) as client:
        client.send('GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n' * 100)
        assert [client.answer().status for _ in range(100)] == [200] * 100
        client.send(b'GET /big HTTP/1.1\r\nHost: localhost\r\nX: ' + b'y' * 12000 + b'\r\n\r\n')
        assert client.answer().status == 200


def test_a_clean_end_is_told(plain, cert):
    with https(plain, cert) as client:
        assert client.get('/', headers=[('Connection', 'close')]).status == 200
        assert client.sock.recv(10) == b''  # close_notify, or this would raise


def test_a_broken_answer_is_not_ended_cleanly(cert):
    def cut(_, conn, request):
        del request
        conn.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345')
        return False

    with Node('n', cut) as node, start(cert) as server:
        server.register('n', node.port)
        with https(server, cert) as client:
            client.send('GET / HTTP/1.0\r\n\r\n')
            with pytest.raises((raw.Closed, ssl.SSLError, ConnectionResetError)):
                client.answer()


def test_websocket_by_tls(cert):
    def handler(_, conn, request):
        key = request.get('Sec-WebSocket-Key')
        conn.send('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n'
                  f'Upgrade: websocket\r\nSec-WebSocket-Accept: {accept_key(key)}\r\n\r\n')
        while True:
            conn.send(conn.exactly(4))

    with Node('n', handler) as node, start(cert) as server:
        server.register('n', node.port)
        with https(server, cert) as client:
            client.send('GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n'
                        'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
                        'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n')
            assert client.answer(interim=True).status == 101
            for i in range(50):
                client.send(b'%04d' % i)
                assert client.exactly(4) == b'%04d' % i


def test_plain_bytes_and_silence_harm_nobody(plain, cert):
    with raw.Client(plain.addresses['tls-listen'][0]) as client:
        client.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
        assert b'200 OK' not in client.rest()
    with raw.Client(plain.addresses['tls-listen'][0]):
        with https(plain, cert) as client:
            assert client.get('/').status == 200


def test_an_ajp_node_is_told_the_facts_of_tls(cert):
    with Container('n') as node, start(cert, '--tls-client-ca', cert['client']) as server:
        assert 'State=OK' in server.register('n', node.port, scheme='ajp')
        with https(server, cert, client='client') as client:
            assert client.get('/').status == 200
            cipher, version, bits = client.sock.cipher()
        request = node.requests[-1]
        assert request.is_ssl == 1
        assert (request.attributes['ssl_cipher'], request.attributes['ssl_key_size']) == \
            (cipher, bits)
        assert request.named['AJP_SSL_PROTOCOL'] == version
        assert len(request.attributes['ssl_session']) == 64
        with open(cert['client'], encoding='ascii') as file:
            assert request.attributes['ssl_cert'] in file.read()
        with https(server, cert) as client:
            assert client.get('/').status == 200
        assert 'ssl_cert' not in node.requests[-1].attributes
        assert server.get('/').status == 200
        plain = node.requests[-1]
        assert plain.is_ssl == 0 and 'ssl_cipher' not in plain.attributes
    assert node.pings >= 1, 'it was probed in the clear, whatever its clients speak'


def test_a_certificate_nobody_vouches_for_ends_the_handshake(cert):
    with Node('n') as node, start(cert, '--tls-client-ca', cert['client']) as server:
        server.register('n', node.port)
        with pytest.raises((ssl.SSLError, ConnectionResetError, raw.Closed, BrokenPipeError)):
            with https(server, cert, client='stranger') as client:
                client.get('/')


@pytest.mark.parametrize('flags, says', [
    (['--tls-listen', '127.0.0.1:0'], 'tls-listen needs a tls-certificate'),
    (['--tls-listen', '127.0.0.1:0', '--tls-certificate', '/nowhere'],
     "can't use /nowhere for tls-certificate"),
    (['--tls-listen', '127.0.0.1:0', '--tls-certificate', 'CERT', '--tls-key', '/nowhere'],
     "can't use /nowhere for tls-key"),
    (['--tls-listen', '127.0.0.1:0', '--tls-certificate', 'CERT', '--tls-client-ca', '/nowhere'],
     "can't use /nowhere for tls-client-ca"),
])
def test_what_is_missing_is_named(cert, flags, says):
    flags = [cert['server'] if flag == 'CERT' else flag for flag in flags]
    run = subprocess.run([program(), *flags], capture_output=True, text=True, timeout=20,
                         check=False)
    assert run.returncode != 0 and says in run.stderr, run.stderr
