# SPDX-License-Identifier: Apache-2.0
"""mcmp-node --type ajp --demo, by itself and behind mcmp-server: our two roles face each other."""
import hashlib
import json
import os
import struct

import pytest

import ajp
import raw
from agent import Agent
from server import Server
from waiting import until


class Both:
    """A server and a demonstration node that registered there."""

    def __init__(self, *flags, server=()):
        self.flags = flags
        self.server_flags = server

    def __enter__(self):
        self.server = Server(*self.server_flags)
        try:
            self.agent = Agent('--type', 'ajp', '--context', '/', *self.flags,
                               proxies=['%s:%d' % self.server.management])
            until(lambda: 'n1' in self.server.nodes(), 10, 'the node is registered')
            until(lambda: self.server.get('/json').status == 200, 10, 'it is used')
        except BaseException:
            self.server.stop()
            raise
        return self.server, self.agent

    def __exit__(self, *args):
        self.agent.__exit__()
        self.server.stop()


@pytest.fixture(scope='module', name='plain')
def plain_pair():
    with Both() as (server, agent):
        server.agent = agent
        yield server


def test_a_page_and_its_session(plain):
    answer = plain.get('/json?a=b', headers=[('X-Own', 'caf\xe9')])
    page = json.loads(answer.body.decode('latin-1'))
    assert (answer.status, answer.get('X-Route')) == (200, 'n1')
    assert (page['method'], page['target']) == ('GET', '/json?a=b')
    cookie = answer.get('Set-Cookie').split(';')[0]
    assert cookie.endswith('.n1')
    again = plain.get('/json', headers=[('Cookie', cookie)])
    assert again.get('Set-Cookie') is None


@pytest.mark.parametrize('size', [0, 1, 600, 8186, 8187, 20000, 3000000])
@pytest.mark.parametrize('chunked', [False, True])
def test_uploads_and_echoes(plain, size, chunked):
    data = os.urandom(size)
    headers = [('Transfer-Encoding', 'chunked')] if chunked else [('Content-Length', str(size))]
    body = b'%x\r\n' % size + data + b'\r\n' if chunked and size else data
    body += b'0\r\n\r\n' if chunked else b''
    with raw.Client(plain.traffic) as client:
        answer = client.get('/upload', method='POST', headers=headers, body=body)
        assert hashlib.sha256(data).hexdigest() in answer.body.decode()
        assert client.get('/echo', method='POST', headers=headers, body=body).body == data


@pytest.mark.parametrize('path', ['/stream?bytes=3000000', '/stream?bytes=3000000&chunked=1'])
def test_streams(plain, path):
    answer = plain.get(path)
    assert (answer.status, len(answer.body)) == (200, 3000000)
    assert (answer.get('Content-Length') is None) == ('chunked' in path)


@pytest.mark.parametrize('code', [200, 204, 304, 404, 500, 503])
def test_statuses(plain, code):
    assert plain.get(f'/status?code={code}').status == code
    assert plain.get(f'/status?code={code}', method='HEAD').status == code


def test_head_and_waiting(plain):
    answer = plain.get('/json', method='HEAD')
    assert (answer.status, answer.body) == (200, b'')
    assert plain.get('/slow?ms=50').status == 200


def talk(port, data):
    """Send bytes to the demonstration; everything it says until it closes."""
    with raw.Client(('127.0.0.1', port), timeout=5) as client:
        client.send(data)
        client.sock.shutdown(1)
        return client.rest()


def forward(method=2, uri='/json', headers=(), attributes=b''):
    lines = b''.join(ajp.string(name) + ajp.string(value) for name, value in headers)
    payload = (bytes([2, method]) + ajp.string('HTTP/1.1') + ajp.string(uri) +
               ajp.string('127.0.0.1') + b'\xff\xff' + ajp.string('localhost') +
               struct.pack('>H', 80) + b'\0' + struct.pack('>H', len(headers)) + lines +
               attributes + b'\xff')
    return b'\x12\x34' + struct.pack('>H', len(payload)) + payload


def test_cping_is_answered_and_nothing_else_before_a_request(plain):
    port = plain.agent.port
    assert talk(port, ajp.CPING * 3) == ajp.CPONG * 3
    for bad in (b'GET / HTTP/1.1\r\n\r\n', b'\x12\x34\x00\x01\x07', b'\x12\x34\x00\x02\x0a\x00',
                b'AB\x00\x01\x09'):
        assert ajp.CPONG not in talk(port, bad), bad


def test_pipelined_requests_are_answered_in_turn(plain):
    got = talk(plain.agent.port, forward() + forward(uri='/status', attributes=b'\x05' + ajp.string('code=404')) +
               ajp.CPING)
    assert got.count(b'AB\x00\x02\x05') == 2 and got.endswith(ajp.CPONG)


@pytest.mark.parametrize('bad', [
    forward(method=99), forward(method=255), forward(uri='http://a/'), forward(attributes=b'\x63'),
    forward(headers=[('a b', 'c')]), forward(headers=[('x', 'a\nb')]), forward()[:-1] + b'\x00',
    forward(headers=[('content-length', '1'), ('transfer-encoding', 'chunked')]),
    forward(attributes=b'\x0a' + ajp.string('remote_user') + ajp.string('root'))],
    ids=['code', 'no name', 'absolute', 'attribute', 'name', 'value', 'end', 'two lengths', 'key'])
def test_bad_requests_are_refused(plain, bad):
    got = talk(plain.agent.port, bad)
    assert not got or got[4:7] in (b'\x04\x01\x90', b'\x04\x01\x93'), got


def test_a_refusal_after_head_is_whole(plain):
    got = talk(plain.agent.port, forward(method=3) + forward(headers=[('x', 'y')] * 101))
    refusal = got[got.index(b'AB', got.index(ajp.end()) + 6):]
    assert refusal[4:7] == b'\x04\x01\xaf' and refusal.endswith(ajp.end(0)), refusal


def test_the_secret_is_wanted(tmp_path):
    secret = tmp_path / 'secret'
    secret.write_text('right\n')
    settings = tmp_path / 'settings'
    settings.write_text('[node n1]\nsecret = right\n')
    settings.chmod(0o600)
    with Both('--ajp-secret-file', secret, server=['--node-settings', settings]) as \
            (server, agent):
        assert server.get('/json').status == 200
        for attributes in (b'', b'\x0c' + ajp.string('wrong'), b'\x0c' + ajp.string('righ')):
            assert talk(agent.port, forward(attributes=attributes))[4:7] == b'\x04\x01\x93'
        assert talk(agent.port, forward(attributes=b'\x0c' + ajp.string('right')))[4:7] == \
            b'\x04\x00\xc8'


def test_draining_and_leaving():
    with Both('--drain-wait', '100ms') as (server, agent):
        assert agent.stop() == 0
        until(lambda: 'n1' not in server.nodes(), 20, 'the node is gone')
        assert server.get('/json').status == 404
