# SPDX-License-Identifier: Apache-2.0
"""Clients by TLS: the application behind AJP knows it, and knows the same as behind mod_proxy_ajp."""
import contextlib
import ssl
import subprocess

import pytest

import raw
from front import Front, shown
from peers import ProxyAjp

PREFIX = 'jakarta.servlet.request.'
CIPHERS = {'TLSv1.2': 'ECDHE-RSA-AES128-GCM-SHA256', 'TLSv1.3': 'TLS_AES_256_GCM_SHA384'}


@pytest.fixture(scope='module', name='certificates')
def self_signed_certificates(tmp_path_factory):
    """Each in one file with its key."""
    folder = tmp_path_factory.mktemp('certificates')
    made = []
    for name in ('localhost', 'a client'):
        key, pem = folder / 'key', folder / f'{name[0]}.pem'
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2',
                        '-subj', f'/O=mcmp/CN={name}', '-addext', 'subjectAltName=DNS:localhost',
                        '-keyout', str(key), '-out', str(pem)], check=True, capture_output=True)
        pem.write_text(pem.read_text() + key.read_text())
        made.append(str(pem))
    return made


@pytest.fixture(scope='module', name='both')
def both_proxies(tomcat, certificates):
    own, client = certificates
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(Front(
            [tomcat], 'ajp', '--tls-listen', '127.0.0.1:0', '--tls-certificate', own,
            '--tls-client-ca', client))
        theirs = stack.enter_context(ProxyAjp(tomcat.ports['ajp'], tomcat.secret,
                                              tls=certificates))
        yield ours.addresses['tls-listen'][0], theirs.traffic


def see(address, certificates, version, with_client):
    """What the application saw of a request by TLS."""
    context = ssl.create_default_context(cafile=certificates[0])
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version.replace('.', '_')]
    if version == 'TLSv1.2':
        context.set_ciphers(CIPHERS[version])
    if with_client:
        context.load_cert_chain(certificates[1])
    with raw.Client(address) as client:
        client.sock = context.wrap_socket(client.sock, server_hostname='localhost')
        seen = shown(client.get('/app/x', host='localhost:8443', headers=[('X-Cipher', 'mine')]))
    seen['attributes'] = dict(seen['attributes'])
    return seen


@pytest.mark.parametrize('version', CIPHERS)
@pytest.mark.parametrize('with_client', [False, True])
def test_the_application_knows_of_tls(both, certificates, version, with_client):
    ours, theirs = (see(address, certificates, version, with_client) for address in both)
    assert (ours['scheme'], ours['secure'], ours['serverPort']) == ('https', 1, 8443)
    told = ours['attributes']
    assert told[PREFIX + 'cipher_suite'] == CIPHERS[version]
    assert told[PREFIX + 'key_size'] == ('128' if version == 'TLSv1.2' else '256')
    assert told['org.apache.tomcat.util.net.secure_protocol_version'] == version
    assert told.get(PREFIX + 'X509Certificate') == ('CN=a client,O=mcmp' if with_client else None)
    for seen in (ours, theirs):
        # each connection has its own; by TLS 1.2 with a ticket there is none
        session = seen['attributes'].pop(PREFIX + 'ssl_session_id', '')
        assert len(session) == (64 if version == 'TLSv1.3' else 0)
        for name in ('headers', 'remotePort'):  # see test_differential.py
            seen.pop(name)
    assert ours == theirs


def test_a_plain_client_is_not_secure(tomcat, certificates):
    with Front([tomcat], 'ajp', '--tls-listen', '127.0.0.1:0', '--tls-certificate',
               certificates[0]) as front:
        seen = front.show('/app/x', headers=[('X-Forwarded-Proto', 'https'), ('SSL_CIPHER', 'x')])
        assert (seen['scheme'], seen['secure']) == ('http', 0)
        assert not any(name.startswith(PREFIX) for name, _ in seen['attributes'])
