# SPDX-License-Identifier: Apache-2.0
"""Other people's AJP proxies before our container role: mod_proxy_ajp, mod_jk and (without bodies)
lighttpd's mod_ajp13 drive mcmp-node --type ajp --demo."""
import contextlib
import hashlib
import json
import threading

import pytest

import raw
from agent import Agent
from peers import Lighttpd, ModJk, ProxyAjp
from stub_proxy import StubProxy
from wire import stream_content

SECRET = 's3cret-1'
PEERS = {
    'mod_proxy_ajp': lambda nodes: ProxyAjp(nodes['wide'].port, SECRET),
    'mod_proxy_ajp of small packets': lambda nodes: ProxyAjp(nodes['small'].port, SECRET, 8192),
    'mod_jk': lambda nodes: ModJk(nodes['wide'].port, SECRET),
    'mod_jk of small packets': lambda nodes: ModJk(nodes['small'].port, SECRET, 8192),
    'mod_ajp13': lambda nodes: Lighttpd(nodes['open'].port),
}
WITH_BODIES = [name for name in PEERS if name != 'mod_ajp13']


@pytest.fixture(scope='module', name='nodes')
def demonstration_nodes(tmp_path_factory):
    secret = tmp_path_factory.mktemp('secret') / 'file'
    secret.write_text(SECRET + '\n')
    flags = {'wide': ('--ajp-secret-file', secret, '--ajp-packet', 65536),
             'small': ('--ajp-secret-file', secret), 'open': ()}
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(
            Agent('--type', 'ajp', '--context', '/app', *more,
                  proxies=[stack.enter_context(StubProxy())])) for name, more in flags.items()}


@pytest.fixture(scope='module', name='running')
def running_peers(nodes):
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(make(nodes)) for name, make in PEERS.items()}


@pytest.fixture(name='peer', params=PEERS)
def any_peer(running, request):
    return running[request.param]


@pytest.fixture(name='sender', params=WITH_BODIES)
def peer_that_sends_bodies(running, request):
    return running[request.param]


def page(answer):
    assert answer.status == 200, (answer.status, answer.body)
    return json.loads(answer.body)


def header(seen, name):
    return [value for key, value in seen['headers'] if key.lower() == name.lower()]


def test_requests_arrive_as_they_were_sent(peer):
    with raw.Client(peer.traffic) as client:
        for target in ('/app/json', '/app/json?a=b&c=%20d'):
            seen = page(client.get(target, host='www.example.org', headers=[
                ('X-Latin', 'caf\u00e9'), ('X-Long', 'x' * 3000), ('User-Agent', 'u'),
                ('Accept', 'a/b'), ('Referer', 'r')]))
            assert (seen['method'], seen['target'], seen['route']) == ('GET', target, 'n1')
            for name, value in (('Host', 'www.example.org'), ('X-Latin', 'caf\u00e9'),
                                ('X-Long', 'x' * 3000), ('User-Agent', 'u'), ('Accept', 'a/b'),
                                ('Referer', 'r')):
                assert header(seen, name) == [value], name


def test_sessions_are_kept(peer):
    with raw.Client(peer.traffic) as client:
        answer = client.get('/app/json')
        cookie = answer.get('Set-Cookie').split(';')[0]
        assert cookie.endswith('.n1')
        for count in range(2, 6):
            assert page(client.get('/app/json', headers=[('Cookie', cookie)]))['count'] == count


@pytest.mark.parametrize('more', ['', '&chunked=1'])
def test_answers_of_every_awkward_size_come_whole(peer, more):
    with raw.Client(peer.traffic) as client:
        for size in (0, 1, 8183, 8184, 8185, 65527, 65528, 65529, 3000000):
            answer = client.get(f'/app/stream?bytes={size}{more}')
            assert (answer.status, answer.body) == (200, stream_content(size)), size


def test_answers_without_a_body_leave_the_connection_usable(peer):
    with raw.Client(peer.traffic) as client:
        for _ in range(2):
            assert client.get('/app/status?code=204').status == 204
            assert client.get('/app/status?code=304').status == 304
            answer = client.get('/app/stream?bytes=5000', method='HEAD')
            assert (answer.status, answer.body) == (200, b'')
            assert client.get('/app/status?code=404').status == 404
            assert client.get('/app/stream?bytes=20').body == stream_content(20)


def test_bodies_of_every_awkward_size_arrive_whole(sender):
    with raw.Client(sender.traffic) as client:
        for size in (0, 1, 511, 512, 767, 768, 2000, 2700, 8185, 8186, 8187, 65530, 65531, 1000000):
            body = stream_content(size)
            answer = client.get('/app/upload', method='PUT', body=body,
                                headers=[('Content-Length', size)])
            assert page(answer) == {'bytes': size, 'sha256': hashlib.sha256(body).hexdigest()}
            answer = client.get('/app/echo', method='POST', body=body,
                                headers=[('Content-Length', size)])
            assert (answer.status, answer.body) == (200, body), size


def test_bodies_of_unknown_length_arrive_whole(sender):
    with raw.Client(sender.traffic) as client:
        for size in (0, 5, 8186, 100000):
            body = stream_content(size)
            chunks = b''.join(b'%x\r\n%s\r\n' % (len(body[at:at + 999]), body[at:at + 999])
                              for at in range(0, size, 999)) + b'0\r\n\r\n'
            answer = client.get('/app/upload', method='POST', body=chunks,
                                headers=[('Transfer-Encoding', 'chunked')])
            assert page(answer) == {'bytes': size, 'sha256': hashlib.sha256(body).hexdigest()}


@pytest.mark.parametrize('method', ['POST', 'PUT', 'DELETE', 'PATCH', 'PROPFIND', 'MKACTIVITY',
                                    'QUERY'])
def test_every_kind_of_method_arrives(sender, method):
    with raw.Client(sender.traffic) as client:
        for body in (b'', b'12345'):
            seen = page(client.get('/app/json', method=method, body=body))
            assert (seen['method'], seen['target']) == (method, '/app/json')


def test_an_expectation_is_met(sender):
    with raw.Client(sender.traffic) as client:
        client.send('POST /app/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n'
                    'Expect: 100-continue\r\n\r\n')
        assert client.answer(interim=True).status == 100
        client.send('hello')
        assert client.answer().body == b'hello'


def test_a_client_that_leaves_in_the_middle_harms_nobody(sender):
    for _ in range(4):
        with raw.Client(sender.traffic) as client:
            client.send('POST /app/upload HTTP/1.1\r\nHost: localhost\r\n'
                        'Content-Length: 100000\r\n\r\n' + 'x' * 50000)
    assert page(sender.get('/app/json'))['route'] == 'n1'


def test_many_clients_at_once_get_their_own_answers(peer):
    wrong = []

    def ask(first):
        with raw.Client(peer.traffic) as client:
            for size in range(first, first + 3000, 150):
                if client.get(f'/app/stream?bytes={size}').body != stream_content(size):
                    wrong.append(size)
    threads = [threading.Thread(target=ask, args=(i,)) for i in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize('make', [ProxyAjp, ModJk])
def test_a_wrong_secret_is_refused(nodes, make):
    for secret in ('wr0ng', None):
        with make(nodes['wide'].port, secret) as peer:
            assert peer.get('/app/json').status == 403
