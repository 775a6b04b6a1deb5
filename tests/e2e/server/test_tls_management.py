# SPDX-License-Identifier: Apache-2.0
"""The management port over TLS: certificates of nodes and tools, which nodes each may touch, messages
and the page byte for byte as over plain TCP."""
import socket
import ssl
import subprocess

import pytest
import mcmp
import raw
from nodes import Node
from server import Server
from waiting import until


def run(*argv):
    subprocess.run([str(word) for word in argv], check=True, capture_output=True)


@pytest.fixture(name='files', scope='module')
def certificates(tmp_path_factory):
    """One authority and what it vouches for; `stranger` vouches for itself."""
    folder = tmp_path_factory.mktemp('tls')
    paths = {name: (folder / f'{name}.pem', folder / f'{name}.key')
             for name in ('ca', 'server', 'n1', 'admin', 'stranger')}
    for name in ('ca', 'stranger'):
        run('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj',
            f'/CN={name}', '-keyout', paths[name][1], '-out', paths[name][0])
    names = folder / 'names'
    names.write_text('subjectAltName=IP:127.0.0.1,DNS:localhost')
    for name in ('server', 'n1', 'admin'):
        request = folder / f'{name}.csr'
        run('openssl', 'req', '-newkey', 'rsa:2048', '-nodes', '-subj', f'/O=Example/CN={name}',
            '-keyout', paths[name][1], '-out', request)
        run('openssl', 'x509', '-req', '-in', request, '-CA', paths['ca'][0], '-CAkey',
            paths['ca'][1], '-CAcreateserial', '-days', '2', '-extfile', names, '-out',
            paths[name][0])
    identities = folder / 'identities'
    identities.write_text('# who may manage what\n[identities]\n'
                          'n1,n1-* = CN=n1,O=Example\n* = CN=admin,O=Example\n')
    return {'folder': folder, 'identities': identities, **paths}


def flags(files, *more):
    return ('--tls-management', '127.0.0.1:0', '--tls-certificate', files['server'][0], '--tls-key',
            files['server'][1], '--management-client-ca', files['ca'][0], *more)


class TlsClient(raw.Client):
    """A client of the management port that shows a certificate."""

    def __init__(self, server, files, name):  # pylint: disable=super-init-not-called
        context = ssl.create_default_context(cafile=str(files['ca'][0]))
        if name is not None:
            context.load_cert_chain(*files[name])
        plain = socket.create_connection(server.addresses['tls-management'][0], timeout=25)
        self.sock = context.wrap_socket(plain, server_hostname='localhost')
        self.data = b''


def talk(server, files, name, command, fields=(), **args):
    client = TlsClient(server, files, name)
    with client.sock:
        return mcmp.message(client, command, fields, **args)


def test_messages_are_answered_as_over_plain_tcp(files):
    with Node() as node, Server(*flags(files)) as server:
        client = TlsClient(server, files, 'n1')
        with client.sock:
            config = {'JVMRoute': 'n1', 'Host': '127.0.0.1', 'Port': node.port, 'Type': 'http'}
            for command, fields in (('CONFIG', config),
                                    ('ENABLE-APP', {'JVMRoute': 'n1', 'Alias': 'localhost',
                                                    'Context': '/'}),
                                    ('STATUS', {'JVMRoute': 'n1', 'Load': 100})):
                answer = mcmp.message(client, command, fields)
                assert answer.status == 200, (command, answer.headers, answer.body)
            assert 'State=OK' in answer.body.decode()
            over_tls = mcmp.message(client, 'INFO')
        assert over_tls.body == mcmp.send(server.management, 'INFO').body
        assert server.get('/').body == b'n1 '


def test_a_large_message_and_a_large_answer_pass(files):
    with Server(*flags(files, '--max-message', '1m')) as server:
        contexts = ','.join(f'/context-with-a-long-name-{i:05}' for i in range(5000))
        mcmp.send(server.management, 'CONFIG', {'JVMRoute': 'n1', 'Host': '127.0.0.1', 'Port': 1})
        client = TlsClient(server, files, 'n1')
        with client.sock:
            answer = mcmp.message(client, 'ENABLE-APP', {'JVMRoute': 'n1', 'Alias': 'localhost',
                                                         'Context': contexts})
            assert answer.status == 200, answer.body
            info = mcmp.message(client, 'INFO')
            assert info.body.count(b'Context: [') == 5000 and len(info.body) > 300000
            assert info.body == mcmp.send(server.management, 'INFO').body


@pytest.mark.parametrize('name', [None, 'stranger'])
def test_who_shows_no_certificate_of_the_authority_gets_no_answer(files, name):
    with Server(*flags(files)) as server:
        with pytest.raises((ssl.SSLError, ConnectionError, raw.Closed)):
            talk(server, files, name, 'VERSION')
        until(lambda: 'tls-management: ' in server.log(), what='the reason is logged')
        assert talk(server, files, 'admin', 'VERSION').status == 200


def test_a_certificate_manages_its_own_routes_only(files):
    with Server(*flags(files, '--identities', files['identities'])) as server:
        def config(who, route):
            return talk(server, files, who, 'CONFIG', {
                'JVMRoute': route, 'Host': f'127.0.0.{len(route)}', 'Port': len(route)})
        assert config('n1', 'n1').status == 200
        assert config('n1', 'n1-b').status == 200
        refused = config('n1', 'other')
        assert (refused.status, refused.get('Mess')) == (403, 'GENERAL: Not authorised')
        assert config('admin', 'other').status == 200
        # the plain port knows no identity: nobody manages there any more
        plain = mcmp.send(server.management, 'CONFIG', {'JVMRoute': 'n1', 'Host': '127.0.0.1',
                                                        'Port': 2})
        assert (plain.status, plain.get('Type')) == (403, 'GENERAL')


def test_a_client_without_tls_is_cut_off_and_others_are_served(files):
    with Server(*flags(files)) as server:
        with raw.Client(server.addresses['tls-management'][0], timeout=25) as client:
            client.send('INFO / HTTP/1.1\r\nHost: x\r\n\r\n')
            with pytest.raises((raw.Closed, ConnectionError)):
                client.answer('INFO')
        assert talk(server, files, 'admin', 'PING').status == 200


@pytest.mark.parametrize('more, why', [
    (lambda f: ('--tls-management', '127.0.0.1:0'), 'tls-management needs a tls-certificate'),
    (lambda f: flags(f)[:-2] + ('--management-client-ca', '/nonexistent'),
     "can't use /nonexistent for management-client-ca"),
    (lambda f: flags(f, '--identities', '/nonexistent'), "can't read /nonexistent for identities"),
    (lambda f: ('--identities', f['identities']), 'identities needs a management-client-ca'),
    (lambda f: flags(f, '--identities', f['server'][0]), 'expected [section] or key = value'),
])
def test_what_can_not_work_is_refused_at_the_start(files, more, why):
    with pytest.raises(AssertionError) as raised:
        Server(*more(files))
    assert why in str(raised.value)
