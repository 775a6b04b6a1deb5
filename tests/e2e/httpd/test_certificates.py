# SPDX-License-Identifier: Apache-2.0
"""Messages by TLS: the certificate of the sender says which routes it may speak for."""
import ssl
import subprocess
from urllib.parse import urlencode

import pytest

import raw
from httpd import Httpd


def make(folder, name):
    """A certificate that vouches for itself."""
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj',
                    f'/CN={name}', '-keyout', folder / f'{name}.key', '-out', folder / f'{name}.pem'],
                   check=True, capture_output=True)
    return (folder / f'{name}.pem').read_text(), (folder / f'{name}.key').read_text()


@pytest.fixture(scope='module')
def pairs(tmp_path_factory):
    folder = tmp_path_factory.mktemp('certificates')
    return folder, {name: make(folder, name) for name in ('server', 'alpha', 'beta')}


class Client(raw.Client):
    def __init__(self, address, folder, name):
        super().__init__(address)
        context = ssl.create_default_context(cafile=folder / 'server.pem')
        context.check_hostname = False
        if name:
            context.load_cert_chain(folder / f'{name}.pem', folder / f'{name}.key')
        self.sock = context.wrap_socket(self.sock)


def test_certificates_speak_for_their_routes(pairs, tmp_path):
    folder, texts = pairs
    together = tmp_path / 'all.pem'
    together.write_text(''.join(cert for cert, _ in texts.values()))
    host = (f'SSLEngine On\nSSLCertificateFile {folder}/server.pem\n'
            f'SSLCertificateKeyFile {folder}/server.key\nSSLCACertificateFile {together}\n'
            'SSLVerifyClient optional\n')
    main = 'MCMPAuthorize certificate alpha a1 a2*\nMCMPAuthorize certificate beta b*\n'
    with Httpd(main, host, modules=('ssl', 'socache_shmcb')) as server:
        for sender, route, wanted in (('alpha', 'a1', 200), ('alpha', 'a2x', 200), ('alpha', 'b1', 403),
                                      ('beta', 'b1', 200), ('beta', 'a1', 403), (None, 'a1', 403)):
            fields = {'JVMRoute': route, 'Host': '127.0.0.1', 'Type': 'http',
                      'Port': 9000 + sum(route.encode())}
            with Client(server.management, folder, sender) as client:
                answer = client.get('/', method='CONFIG', body=urlencode(fields).encode())
                assert answer.status == wanted, (sender, route, answer.headers)
                if wanted == 403:
                    assert answer.get('Mess') == 'GENERAL: Not authorised'
        with Client(server.management, folder, 'alpha') as client:
            names = client.get('/', method='INFO').body.decode()
        assert 'Name: a1,' in names and 'Name: b1,' in names


def test_nodes_by_https_are_probed(pairs):
    """The node's certificate is nobody's business here: a probe asks for a sign of life."""
    folder, _ = pairs
    node = (f'Listen 127.0.0.1:@node@\n<VirtualHost 127.0.0.1:@node@>\nSSLEngine On\n'
            f'SSLCertificateFile {folder}/server.pem\nSSLCertificateKeyFile {folder}/server.key\n'
            '</VirtualHost>\n')
    with Httpd('CreateBalancers 1\n', more=node, modules=('ssl', 'socache_shmcb')) as server:
        for port, state in ((server.port('node'), 'OK'), (server.port('traffic'), 'NOTOK')):
            fields = {'JVMRoute': f'n{state}', 'Host': '127.0.0.1', 'Port': port, 'Type': 'https'}
            assert server.send('CONFIG', fields).status == 200
            answer = server.send('STATUS', {'JVMRoute': f'n{state}', 'Load': 50})
            assert f'State={state}&' in answer.body.decode()
