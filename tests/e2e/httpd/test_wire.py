# SPDX-License-Identifier: Apache-2.0
"""The wire contract over a real apache2: the same tests that mcmp-server has to pass.

httpd parses requests before any module sees them, and there it is stricter than MCMP asks for: a
request by HTTP/1.1 needs a Host (clients send one; the client here adds it), and the target `*` is
for OPTIONS alone (clients send `/*`). What it takes although MCMP calls it no HTTP is in conftest.py."""
import pytest

import test_wire_contract as contract
from test_wire_contract import *  # noqa: F401,F403  pylint: disable=wildcard-import,unused-wildcard-import

from httpd import Httpd


class HostClient(contract.Client):
    def raw(self, data):
        if b'Host:' not in data:
            data = data.replace(b' HTTP/1.1\r\n', b' HTTP/1.1\r\nHost: proxy\r\n')
        return super().raw(data)


contract.Client = HostClient


@pytest.fixture
def server():
    """The limits of mcmp-server, and the page where a GET of the management port finds it."""
    with Httpd('Maxnode 4096\nMaxhost 65536\nMaxcontext 1048576',
               '<Location />\nSetHandler mod_cluster-manager\n</Location>') as running:
        yield running


def test_httpd_itself_refuses_the_bare_star(server):
    client = HostClient(server.management)
    assert client.cmd('PING', target='*').status == 400
    client.close()
