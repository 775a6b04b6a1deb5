# SPDX-License-Identifier: Apache-2.0
"""The management port against the wire contract: the tests that mcmp-server passes, with nginx in
front of the library. What nginx's own parser decides is listed here, each with what it does."""
import re

import pytest

import test_wire_contract as wire
from nginx import Nginx
from nodes import free_ports
from test_wire_contract import *  # noqa: F401,F403  the tests themselves

ZONES = 64


class HostClient(wire.Client):
    """nginx refuses HTTP/1.1 without Host, as RFC 9112 wants it; nodes send one."""

    def raw(self, data):
        line, sep, rest = data.partition(b'\r\n')
        if sep and line.endswith(b'HTTP/1.1') and b'\r\nhost:' not in data.lower():
            data = line + sep + b'Host: x\r\n' + rest
        data = data.replace(b'\r\n\r\nPING / HTTP/1.1\r\n\r\nFOO / HTTP/1.1\r\n',
                            b'\r\n\r\nPING / HTTP/1.1\r\nHost: x\r\n\r\nFOO / HTTP/1.1\r\nHost: x\r\n')
        return super().raw(data)


class Zones:
    """Empty clusters for the tests: zones of one nginx, each with a port of its own."""

    def __init__(self):
        self.ports = free_ports(ZONES)
        text = 'mcmp_limits nodes=32 aliases=64 contexts=512 processes=16 message=1m;\n'
        for i, port in enumerate(self.ports):
            text += f'mcmp_zone z{i} 4m; server {{ listen 127.0.0.1:{port}; mcmp_receive z{i}; }}\n'
        self.nginx = Nginx(zone='', http=text, manage='', locations='')

    def take(self):
        return ('127.0.0.1', self.ports.pop())


class Fresh:
    """What the tests know of a server."""

    def __init__(self, management):
        self.management = management


POOL = []


@pytest.fixture(scope='module', autouse=True)
def stop_pool():
    yield
    for zones in POOL:
        zones.nginx.stop()


@pytest.fixture
def server():
    if not POOL or not POOL[-1].ports:
        POOL.append(Zones())
    return Fresh(POOL[-1].take())


@pytest.fixture
def mcmp(server):
    client = HostClient(server.management)
    yield client
    client.close()


@pytest.fixture(autouse=True)
def with_host(monkeypatch):
    monkeypatch.setattr(wire, 'Client', HostClient)


@pytest.mark.parametrize('line', [
    b'PING / HTTP/1.1\r\nHost: x\r\n\r\n', b'PING / HTTP/1.0\r\n\r\n',
    b'PING /any/where HTTP/1.1\r\nHost: x\r\n\r\n',
    b'PING / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n',
    b'PING / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    b'PING / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n',
    b'PING / HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n\r\n',
    b'PING / HTTP/1.1\nHost: x\n\n',
])
def test_ping_is_taken_in_every_legal_http_form(mcmp, line):
    answer = mcmp.raw(line).answer()
    assert answer.status == 200
    assert re.fullmatch(rb'Type=PING-RSP&State=OK&id=\d{1,18}\n', answer.body), answer


@pytest.mark.parametrize('data', [
    b'NONSENSE\r\n\r\n', b'ping / HTTP/1.1\r\nHost: x\r\n\r\n', b'PING * HTTP/1.1\r\nHost: x\r\n\r\n',
    b'PING / HTTP/1.1\r\n\r\n',
    b'PING / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
    b'PING / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    b'PING / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
    b'PING / HTTP/1.1\r\nHost: x\r\nContent-Length: 1x\r\n\r\n',
    b'PING / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n',
    b'PING / HTTP/1.1\r\nHost: x\r\nX: ' + b'a' * 40000 + b'\r\n\r\n',
    b'PING / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
])
def test_what_is_no_http_gets_400_without_mcmp_headers_and_a_close(server, data):
    client = BareClient(server.management)
    answer = client.raw(data).answer()
    assert answer.status == 400, answer
    assert answer.headers.get('connection', '').lower() == 'close'
    for name in ('version', 'type', 'mess'):
        assert name not in answer.headers
    assert client.closed()
    client.close()


BareClient = wire.Client


@pytest.mark.parametrize('method', ['ENABLE-APP', 'DISABLE-APP', 'STOP-APP', 'REMOVE-APP'])
@pytest.mark.parametrize('target', ['/*', '/mcmp/*'])
def test_unknown_node_is_mem_for_the_whole_node_too(mcmp, method, target):
    wire.refused(mcmp.cmd(method, 'JVMRoute=x', target=target),
                 'MEM: Can\'t read node with "x" JVMRoute')
