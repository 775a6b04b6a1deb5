# SPDX-License-Identifier: Apache-2.0
"""The management port beyond the contract: the page, who may send, hostile peers, names of nodes,
TLS nodes, and what becomes of a probe when its worker or client goes."""
import html
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
from urllib.parse import urlencode

import pytest

import mcmp
import raw
from nginx import Nginx
from nodes import Node, free_port
from server import rss
from waiting import until

PAGE = 'mcmp_receive cluster; location /page { mcmp_manager cluster commands=on; } ' \
       'location /look { mcmp_manager cluster; }'


@pytest.fixture(scope='module')
def nginx():
    with Nginx(locations='', manage=PAGE) as running:
        yield running


@pytest.fixture(scope='module')
def node(nginx):
    with Node() as running:
        nginx.register('n1', running.port, context='/a', domain='d')
        yield running


def page(nginx, path, method='GET', **args):
    with raw.Client(nginx.management) as client:
        return client.get(path, method, **args)


def post(nginx, path, fields):
    return page(nginx, path, 'POST', body=urlencode(fields).encode())


def nonce(nginx):
    body = page(nginx, '/page').body.decode()
    return html.unescape(re.search(r'name="?nonce"? value="?([^">]+)"?', body).group(1))


def status(nginx):
    return mcmp.info(nginx.management)[1][0]['Status']


def test_head_of_the_page_has_the_length_and_no_body(nginx, node):
    for path in ('/page', '/look', '/'):
        whole = page(nginx, path)
        assert whole.status == 200 and b'Node n1' in whole.body
        with raw.Client(nginx.management) as client:
            head = client.get(path, 'HEAD')
            assert abs(int(head.get('Content-Length')) - len(whole.body)) < 64
            assert client.get(path).body[:15] == b'<!DOCTYPE html>'


def test_the_page_changes_something_only_by_post_with_its_token(nginx, node):
    fields = {'nonce': nonce(nginx), 'Cmd': 'DISABLE-APP', 'Range': 'CONTEXT', 'JVMRoute': 'n1',
              'Alias': 'localhost', 'Context': '/a'}
    assert page(nginx, '/page?' + urlencode(fields)).status == 405
    assert status(nginx) == 'ENABLED'
    assert post(nginx, '/page', {**fields, 'nonce': 'x' * 32}).status == 403
    assert post(nginx, '/look', fields).status == 403
    assert status(nginx) == 'ENABLED'
    assert post(nginx, '/page', fields).status == 200
    assert status(nginx) == 'DISABLED'
    assert post(nginx, '/page', {**fields, 'Cmd': 'ENABLE-APP'}).status == 200
    assert status(nginx) == 'ENABLED'
    assert post(nginx, '/page', {**fields, 'x': 'y' * 20000}).status == 413


def test_all_workers_and_reloads_know_the_token(nginx, node):
    token = nonce(nginx)
    assert {nonce(nginx) for _ in range(10)} == {token}
    nginx.reload()
    assert nonce(nginx) == token


def test_the_page_gives_the_commands_that_only_look(nginx, node):
    assert page(nginx, '/look?Cmd=INFO').body.startswith(b'Node: [')
    assert page(nginx, '/look?Cmd=DUMP').body.startswith(b'balancer: [')
    assert page(nginx, '/look?Cmd=VERSION').body.startswith(b'release: ')


def test_who_may_send_is_judged_for_each_command():
    zone = 'mcmp_zone cluster 16m; mcmp_authorize 192.0.2.0/24;'
    with Nginx(zone=zone, locations='') as server:
        for command in ('PING', 'INFO', 'DUMP', 'VERSION', 'CONFIG', 'STATUS'):
            answer = mcmp.send(server.management, command, {'JVMRoute': 'a'})
            assert answer.status == 403 and answer.get('Mess') == 'GENERAL: Not authorised', command
        server.configure(zone='mcmp_zone cluster 16m; mcmp_authorize loopback;')
        server.reload()
        assert mcmp.send(server.management, 'PING').status == 200, 'a reload changes who may send'
        server.configure(manage='mcmp_receive cluster; deny all;')
        server.reload()
        assert mcmp.send(server.management, 'PING').status == 403, "nginx's own rules apply too"


def certificate(folder, name, ca=None):
    """A key and certificate of this name; signed by itself or by ca."""
    key, cert = os.path.join(folder, name + '.key'), os.path.join(folder, name + '.pem')
    args = ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
            '-keyout', key, '-out', cert, '-subj', f'/CN={name}', '-days', '2']
    if ca:
        args += ['-CA', ca[1], '-CAkey', ca[0]]
    subprocess.run(args, check=True, capture_output=True, timeout=30)
    return key, cert


def test_certificates_are_bound_to_routes(tmp_path):
    root = certificate(tmp_path, 'root')
    one, two = certificate(tmp_path, 'one', root), certificate(tmp_path, 'two', root)
    port = free_port()
    http = (f'server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {root[1]}; ssl_certificate_key '
            f'{root[0]}; ssl_client_certificate {root[1]}; ssl_verify_client optional; mcmp_receive '
            'cluster; }')
    zone = ('mcmp_zone cluster 16m; mcmp_authorize identity CN=one n1,x-*;'
            ' mcmp_authorize identity CN=two n2;')
    with Nginx(zone=zone, http=http, locations='') as server:
        def config(identity, route):
            context = ssl.create_default_context(cafile=root[1])
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            if identity:
                context.load_cert_chain(identity[1], identity[0])
            with raw.Client(('127.0.0.1', port)) as client:
                client.sock = context.wrap_socket(client.sock)
                body = {'JVMRoute': route, 'Port': 8000 + hash(route) % 1000}
                return mcmp.message(client, 'CONFIG', body).status

        assert config(one, 'n1') == 200 and config(one, 'x-7') == 200 and config(two, 'n2') == 200
        assert config(one, 'n2') == 403 and config(two, 'x-7') == 403
        assert config(None, 'n1') == 403
        assert mcmp.send(server.management, 'INFO').status == 403, 'a peer without a certificate'


def test_a_tls_node_is_probed(tmp_path):
    key, cert = certificate(tmp_path, 'node')
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with Nginx(locations='') as server, Node(tls=context) as secure, Node() as plain:
        assert 'State=OK' in server.register('s', secure.port, scheme='https')
        assert 'State=NOTOK' in server.register('p', plain.port, scheme='wss', ping='1')
        assert secure.probes >= 1


def test_an_ajp_node_is_probed():
    def answers(data):
        def handler(_node, conn):
            assert conn.exactly(5) == b'\x12\x34\x00\x01\x0a'
            conn.send(data)
            conn.more()
        return handler

    with Nginx(locations='') as server:
        for i, (data, state) in enumerate(((b'AB\x00\x01\x09', 'State=OK'), (b'AB\x00\x01\x08', 'State=NOTOK'),
                                           (b'AB\x00\x01\x09x', 'State=NOTOK'), (b'', 'State=NOTOK'))):
            with Node(raw_handler=answers(data)) as ajp:
                assert state in server.register(f'a{i}', ajp.port, scheme='ajp', ping='1'), data


def test_names_are_looked_up_by_the_resolver_only():
    with Nginx(locations='') as server, Node() as node:
        assert 'State=OK' in server.register('local', node.port, host='localhost')
        start = time.monotonic()
        assert 'State=NOTOK' in server.register('named', node.port, host='node.test')
        assert time.monotonic() - start < 2
        with NameServer() as names:
            server.configure(http=f'resolver 127.0.0.1:{names.port} ipv6=off; resolver_timeout 3s;')
            server.reload()
            time.sleep(1.1)  # a probe younger than a second is used again
            answer = mcmp.send(server.management, 'STATUS', {'JVMRoute': 'named', 'Load': 5})
            assert b'State=OK' in answer.body and names.asked
            names.mute = True
            mcmp.send(server.management, 'CONFIG', {'JVMRoute': 'mute', 'Host': 'mute.test', 'Port': 1,
                                                    'Type': 'http', 'ping': '1'})
            start = time.monotonic()
            answer = mcmp.send(server.management, 'STATUS', {'JVMRoute': 'mute', 'Load': 5})
            assert b'State=NOTOK' in answer.body and time.monotonic() - start < 3


class NameServer:
    """Answers each question with 127.0.0.1."""

    def __init__(self):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(('127.0.0.1', 0))
        self.port = self.sock.getsockname()[1]
        self.asked = 0
        self.mute = False
        threading.Thread(target=self.run, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.sock.close()

    def run(self):
        while True:
            try:
                data, peer = self.sock.recvfrom(512)
            except OSError:
                return
            self.asked += 1
            if not self.mute:
                end = data.index(b'\0', 12) + 5
                self.sock.sendto(data[:2] + b'\x81\x80\0\1\0\1\0\0\0\0' + data[12:end] +
                                 b'\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1', peer)


class Mute:
    """Takes connections and says nothing."""

    def __init__(self):
        self.sock = socket.create_server(('127.0.0.1', 0))
        self.port = self.sock.getsockname()[1]

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.sock.close()


def config(nginx, route, port, **more):
    fields = {'JVMRoute': route, 'Host': '127.0.0.1', 'Port': port, 'Type': 'http', **more}
    assert mcmp.send(nginx.management, 'CONFIG', fields).status == 200


def test_a_mute_node_holds_nobody_up():
    with Nginx(locations='', workers=1) as server, Mute() as mute:
        config(server, 'm', mute.port, ping='2')
        waiting = [raw.Client(server.management) for _ in range(20)]
        for client in waiting:
            client.send('STATUS / HTTP/1.1\r\nHost: x\r\nContent-Length: 18\r\n\r\nJVMRoute=m&Load=10')
        start = time.monotonic()
        for _ in range(20):
            assert mcmp.send(server.management, 'PING').status == 200
        assert time.monotonic() - start < 1.5
        for client in waiting:
            assert b'State=NOTOK' in client.answer().body
        assert time.monotonic() - start < 5


def test_a_client_that_goes_while_a_probe_runs_leaves_nothing():
    with Nginx(locations='', workers=1) as server, Mute() as mute:
        config(server, 'm', mute.port, ping='1')
        fds = f'/proc/{server.workers()[0]}/fd'
        before = len(os.listdir(fds))
        for _ in range(30):
            client = raw.Client(server.management)
            client.send('STATUS / HTTP/1.1\r\nHost: x\r\nContent-Length: 18\r\n\r\nJVMRoute=m&Load=10')
            client.close()
        until(lambda: len(os.listdir(fds)) <= before + 1, 10, 'connections are closed')
        assert mcmp.send(server.management, 'PING').status == 200


def test_a_reload_waits_for_an_answer_that_waits_for_a_probe():
    with Nginx(locations='') as server, Mute() as mute:
        config(server, 'm', mute.port, ping='2')
        with raw.Client(server.management) as client:
            client.send('STATUS / HTTP/1.1\r\nHost: x\r\nContent-Length: 18\r\n\r\nJVMRoute=m&Load=10')
            time.sleep(0.2)
            server.reload(wait=False)
            assert b'State=NOTOK' in client.answer().body
        until(lambda: len(server.workers()) == 2, 20, 'old workers end')


HOSTILE = [
    b'CONFIG / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n',
    b'CONFIG / HTTP/1.1\r\nHost: x\r\nContent-Length: 9223372036854775807\r\n\r\nJVMRoute=a',
    b'CONFIG / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx',
    b'CONFIG / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nx',
    b'CONFIG / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nJVM',
    b'CONFIG / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nJVMRoute=a',
    b'CONFIG / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n\xff\xfe\x00\x01=\x80',
    b'STATUS /%00 HTTP/1.1\r\nHost: x\r\n\r\n', b'PING /../../etc HTTP/1.1\r\nHost: x\r\n\r\n',
    b'GET /' + b'a' * 7000 + b' HTTP/1.1\r\nHost: x\r\n\r\n',
    b'INFO / HTTP/1.1\r\nHost: x\r\nAccept: ' + b'text/xml,' * 800 + b'\r\n\r\n',
    b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', b'\x12\x34\x00\x01\x0a', b'\0' * 100,
    b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', b'CONFIG',
]


def test_hostile_bytes_never_end_a_worker():
    with Nginx(locations='', manage=PAGE + ' client_body_timeout 1s; client_header_timeout 1s;') as server:
        workers = server.workers()
        for path in (b'/', b'/page'):
            for data in HOSTILE:
                data = data.replace(b' / ', b' ' + path + b' ')
                for cut in (len(data), len(data) // 2):
                    with raw.Client(server.management, timeout=10) as client:
                        try:
                            client.send(data[:cut])
                            client.sock.shutdown(socket.SHUT_WR)
                            client.rest()
                        except OSError:
                            pass
        assert server.workers() == workers and server.nodes() == {}
        assert mcmp.send(server.management, 'PING').status == 200


def test_slow_bodies_are_cut_off_and_cost_no_memory():
    manage = 'mcmp_receive cluster; client_body_timeout 1s;'
    with Nginx(locations='', manage=manage, workers=1) as server:
        size = rss(server.workers()[0])
        clients = [raw.Client(server.management) for _ in range(100)]
        for client in clients:
            client.send('CONFIG / HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\nJVMRoute=a')
        assert mcmp.send(server.management, 'PING').status == 200
        assert rss(server.workers()[0]) < size + (8 << 20)
        for client in clients:
            assert b' 408 ' in client.rest()[:20] or client.is_closed()


def test_many_registrations_and_removals_do_not_grow():
    with Nginx(locations='', workers=1) as server, raw.Client(server.management) as client:
        sizes = []
        for i in range(3000):
            body = {'JVMRoute': f'n{i % 40}', 'Port': 1000 + i % 40, 'Alias': f'h{i % 9}', 'Context': '/c'}
            assert mcmp.message(client, 'CONFIG', body).status == 200
            assert mcmp.message(client, 'REMOVE-APP', {'JVMRoute': f'n{i % 40}'}, '/*').status == 200
            if i % 400 == 399:  # keepalive_requests
                client.close()
                client.__init__(server.management)
            if i in (1500, 2999):
                sizes.append(rss(server.workers()[0]))
        assert sizes[1] < sizes[0] + (1 << 20), sizes


def test_a_worker_killed_inside_a_message_leaves_a_whole_state():
    with Nginx(locations='') as server:
        server.allow_deaths = True
        ending = []

        def send(tag):
            i = 0
            while not ending:
                i += 1
                body = {'JVMRoute': f'{tag}{i % 20}', 'Port': 1000 + ord(tag) * 20 + i % 20,
                        'Alias': 'a,b,c', 'Context': '/x,/y,/z'}
                for command, target in (('CONFIG', '/'), ('REMOVE-APP', '/*')):
                    try:
                        mcmp.send(server.management, command, body, target)
                    except (OSError, raw.Closed):
                        pass

        threads = [threading.Thread(target=send, args=(tag,)) for tag in 'ab']
        for thread in threads:
            thread.start()
        for _ in range(15):
            time.sleep(0.1)
            for pid in server.workers():
                os.kill(pid, signal.SIGKILL)
            until(lambda: len(server.workers()) == 2, 20, 'workers come back')
        ending.append(1)
        for thread in threads:
            thread.join()
        nodes, contexts = mcmp.info(server.management)
        assert len(contexts) % 9 == 0 and len(nodes) <= 40, (nodes, contexts)
