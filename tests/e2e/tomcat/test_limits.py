# SPDX-License-Identifier: Apache-2.0
"""What AJP connectors refuse: heads over a packet, a wrong secret, upgrades."""
import threading

import pytest

import raw
from front import Front, header
from waiting import until
from wire import WebSocket, stream_content


@pytest.fixture(scope='module', name='small')
def front_of_the_default_packet(tomcat):
    with Front([tomcat], 'small', '--max-head', '64k', node_flags=('--timeout', '1s')) as front:
        yield front


def test_a_header_of_20_kib_arrives_in_packets_of_32768(tomcat):
    with Front([tomcat], 'ajp', '--max-head', '64k', packet=32768) as front:
        big = 'b' * 20480
        assert header(front.show('/app/', headers=[('X-Big', big)]), 'X-Big') == [big]
        # far over the limit of HTTP's heads, still under that of its packet
        big = 'c' * 31000
        assert header(front.show('/app/', headers=[('X-Big', big)]), 'X-Big') == [big]
        answer = front.get('/app/', headers=[('X-Big', 'd' * 32768)])
        assert answer.status == 431


def test_a_header_over_the_default_packet_is_431_and_the_log_names_the_limit(small):
    with raw.Client(small.traffic) as client:
        assert client.get('/app/', headers=[('X-Big', 'b' * 20480)]).status == 431
    until(lambda: 'max_packet' in small.log())
    line = next(line for line in small.log().splitlines() if 'max_packet' in line)
    assert ' 8192' in line
    assert small.show()['node'] == 'n1', 'the node is as good as before'
    assert 'forward failed' not in small.log()


def test_the_greatest_head_that_fits_arrives_whole(small):
    """Byte by byte around the limit: 431 or the whole header, never a cut one."""
    statuses = []
    with raw.Client(small.traffic) as client:
        for size in (*range(7400, 8192, 64), *range(7880, 8000, 2)):
            answer = client.get('/app/early', headers=[('X-Big', 'b' * size)])
            statuses.append((size, answer.status))
            if answer.get('Connection') == 'close':
                client.close()
                client.__init__(small.traffic)
    statuses.sort()
    fits = [size for size, status in statuses if status == 200]
    over = [size for size, status in statuses if status == 431]
    assert len(fits) + len(over) == len(statuses) and fits and over
    assert max(fits) < min(over)
    big = 'b' * max(fits)
    assert header(small.show('/app/', headers=[('X-Big', big)]), 'X-Big') == [big]


def test_an_answer_over_the_containers_packet_is_504_and_the_log_says_why(small):
    # Tomcat sends not one byte then
    answer = small.get('/app/fields?n=9000')
    assert answer.status == 504
    until(lambda: 'packet size' in small.log())
    assert small.get('/app/fields?n=5000').status == 200


def test_a_wrong_secret_is_403_and_the_log_hints_at_it(tomcat):
    with Front([tomcat], 'ajp', secret='wr0ng-secret') as front:
        assert front.get('/app/').status == 403
        until(lambda: 'node-settings' in front.log())
        line = next(line for line in front.log().splitlines() if 'node-settings' in line)
        assert '"n1"' in line and 'request 403' in line and 'secret' in line
        assert 'wr0ng-secret' not in front.log() and tomcat.secret not in front.log()


def test_the_secret_shows_nowhere(tomcat):
    with Front([tomcat], 'ajp', '--log-level', 'debug') as front:
        assert front.show()['node'] == 'n1'
        assert tomcat.secret not in front.get('/app/').body.decode()
        for command in ('INFO', 'DUMP', 'GET'):
            with raw.Client(front.management) as client:
                answer = client.get('/', method=command)
                assert answer.status == 200 and tomcat.secret not in answer.body.decode()
        assert tomcat.secret not in front.log() + front.access()


def test_an_upgrade_takes_the_http_port_of_an_ajp_node_or_is_501(tomcat):
    with Front([tomcat], 'ajp',
               settings=f'upgrade-endpoint = {tomcat.ports["http"]}') as front:
        with WebSocket(front.traffic[1], '/app/ws') as ws:
            assert (ws.head.status, ws.head['X-Node']) == (101, 'n1')
            for size in (1, 1000, 300000):
                payload = stream_content(size)
                frame = ws.frame(2, payload)
                sender = threading.Thread(target=ws.wire.send, args=(frame,))
                sender.start()
                assert ws.wire.exactly(len(frame)) == frame
                sender.join()
        assert front.show()['node'] == 'n1', 'what is no upgrade goes by ajp'
    with Front([tomcat], 'ajp') as front:
        with WebSocket(front.traffic[1], '/app/ws') as ws:
            assert ws.head.status == 501
