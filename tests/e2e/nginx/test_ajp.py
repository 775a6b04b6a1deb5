# SPDX-License-Identifier: Apache-2.0
"""Nodes of type ajp behind nginx: the tests that mcmp-server passes, and which bodies nginx buffers.
MCMP_BUFFERING=1 asks the same with nginx's buffers on."""
import os
import sys
import threading

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '../ajp'))

import test_ajp_safety as safety  # noqa: E402
import test_ajp_server as contract  # noqa: E402
import ajp  # noqa: E402
import raw  # noqa: E402
from front import Front  # noqa: E402
from waiting import until  # noqa: E402

STREAMING = os.environ.get('MCMP_BUFFERING', '0') == '0'


def front(*flags, **args):
    return Front(*flags, streaming=STREAMING, **args)


contract.Server = front
safety.Server = front


@pytest.fixture(scope='module', name='plain')
def plain_server():
    with contract.Pair() as (server, node):
        server.node = node
        yield server


# nginx itself refuses TRACE and headers over its buffers, and it does not forward what a client sent
# that is gone already; its words on secrets are others. Probes are asked about in test_contract.py.
OTHERWISE = ('test_every_method_reaches_the_container', 'test_a_wrong_secret_is_hinted_at_in_the_log',
             'test_a_client_that_leaves_inside_its_body_is_no_fault_of_the_node',
             'test_the_packet_size_limits_the_head_and_is_named',
             'test_a_probe_takes_exactly_a_cpong')
if not STREAMING:  # the whole body is read before the node hears of it
    OTHERWISE += ('test_an_early_answer_reaches_the_client_and_the_connection_lives_on',
                  'test_an_early_answer_without_reuse_closes')
for module in (contract, safety):
    globals().update({name: value for name, value in vars(module).items()
                      if name.startswith('test_') and name not in OTHERWISE})


@pytest.mark.parametrize('method', ['GET', 'HEAD', 'OPTIONS', 'DELETE', 'PROPFIND', 'PATCH', 'BREW',
                                    'VERSION-CONTROL', 'MKACTIVITY'])
def test_every_method_that_nginx_takes_reaches_the_container(plain, method):
    answer = plain.get('/a', method=method)
    assert (answer.status, answer.get('X-Method')) == (200, method)


def test_a_client_that_leaves_inside_its_body_costs_the_node_only_its_connection():
    seen = []
    began = threading.Event()

    def handler(_, conn, request):
        try:
            seen.append(len(conn.data_packet()))
            began.set()
            conn.send(ajp.get_body())
            while True:
                seen.append(len(conn.data_packet()))
                conn.send(ajp.get_body())
        except (raw.Closed, OSError) as error:
            seen.append(type(error).__name__)
            return False

    with contract.Pair(handler) as (server, node):
        client = raw.Client(server.traffic)
        client.send('POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n' + 'x' * 30000)
        if STREAMING:
            assert began.wait(10)
        client.close()
        if STREAMING:
            until(lambda: isinstance(seen[-1], str), 10, 'the container sees its connection closed')
            assert 0 not in seen, 'an empty packet would have ended the body'
        until(lambda: server.nodes()['n1']['Connected'] == '0', 5)
        node.handler = ajp.echo
        assert server.get('/y').status == 200
        assert server.nodes()['n1']['Load'] == '100'


def test_a_wrong_secret_is_hinted_at():
    def handler(_, conn, request):
        del request
        conn.reply('', status=403)

    with contract.Pair(handler) as (server, _):
        assert server.get('/').status == 403
        assert 'it wants a secret, see "mcmp_ajp_secret"' in server.log()


def test_the_packet_size_limits_the_head_and_is_named_in_the_log():
    with contract.Pair(ajp.echo, '--max-head', '64k') as (server, _):
        assert server.get('/', headers=[('X-Big', 'x' * 9000)]).status == 431
        assert '8192' in server.log()
    with contract.Pair(ajp.echo, '--max-head', '64k',
                       settings='[node n1]\nmax-packet = 32768\n') as (server, node):
        assert server.get('/', headers=[('X-Big', 'x' * 20480)]).status == 200
        assert len(node.requests[-1].get('x-big')) == 20480
