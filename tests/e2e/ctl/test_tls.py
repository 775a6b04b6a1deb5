# SPDX-License-Identifier: Apache-2.0
"""mcmpctl over TLS: the proxy's certificate is checked, and one of its own is shown when asked."""
import socket
import ssl
import subprocess
import threading

import pytest
from ctl import ctl
from server import Server


def make(folder, name):
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2',
                    '-subj', f'/CN={name}', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost',
                    '-keyout', folder / f'{name}.key', '-out', folder / f'{name}.pem'], check=True,
                   capture_output=True)
    return str(folder / f'{name}.pem'), str(folder / f'{name}.key')


@pytest.fixture(name='files', scope='module')
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp('tls')
    return {name: make(folder, name) for name in ('proxy', 'client', 'other')}


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Front:
    """TLS before a management port; it wants a certificate of the client."""

    def __init__(self, files, target):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files['proxy'])
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(files['client'][0])
        self.context = context
        self.target = target
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        self.seen = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._forward, args=(conn,), daemon=True).start()

    def _forward(self, conn):
        try:
            client = self.context.wrap_socket(conn, server_side=True)
        except (ssl.SSLError, OSError):
            conn.close()
            return
        self.seen.append(client.getpeercert()['subject'])
        with client, socket.create_connection(self.target) as server:
            answers = threading.Thread(target=pump, args=(server, client), daemon=True)
            answers.start()
            pump(client, server)
            answers.join(10)


@pytest.fixture(name='front', scope='module')
def a_front(files):
    with Server() as server:
        front = Front(files, server.management)
        with front.listener:
            yield front


def test_both_sides_show_a_certificate(front, files):
    own = ('--ca', files['proxy'][0], '--cert', files['client'][0], '--key', files['client'][1])
    for proxy in (f'https://127.0.0.1:{front.port}', f'mcmps://localhost:{front.port}'):
        assert ctl(proxy, 'ping', *own).must().startswith(f'{proxy}: OK in ')
    assert ' OK in ' in ctl(f'127.0.0.1:{front.port}', 'ping', '--tls', *own).must()
    assert front.seen[-1] == ((('commonName', 'client'),),)


@pytest.mark.parametrize('flags, why', [
    (lambda files: (), 'TLS: self-signed certificate'),
    (lambda files: ('--ca', files['other'][0]), 'TLS: self-signed certificate'),
    (lambda files: ('--ca', '/nonexistent'), '--ca /nonexistent'),
    (lambda files: ('--ca', files['proxy'][0], '--cert', files['client'][0], '--key',
                    files['other'][1]), '--key '),
])
def test_what_does_not_fit_is_refused_with_its_reason(front, files, flags, why):
    proxy = f'https://127.0.0.1:{front.port}'
    ran = ctl(proxy, 'ping', *flags(files))
    assert ran.code == 3 and ran.err.startswith(f'mcmpctl: {proxy}: {why}'), ran.err


def test_without_a_certificate_the_proxy_refuses(front, files):
    ran = ctl(f'https://127.0.0.1:{front.port}', 'ping', '--ca', files['proxy'][0])
    assert ran.code == 3 and 'TLS' in ran.err, ran.err
    ran = ctl(f'https://127.0.0.1:{front.port}', 'ping', '--insecure')
    assert ran.code == 3 and 'self-signed' not in ran.err, ran.err


def test_a_port_without_tls_is_told_as_such(files):
    with Server() as server:
        ran = ctl('https://%s:%d' % server.management, 'ping', '--ca', files['proxy'][0])
        assert ran.code == 3 and 'TLS' in ran.err, ran.err
