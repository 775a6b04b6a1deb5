# SPDX-License-Identifier: Apache-2.0
"""A foreign decoder, tshark's AJP13 dissector, reads what mcmp-server says to Tomcat and to
mcmp-node: our proxy role, and both of our roles."""
import collections
import json

import raw
from agent import Agent
from capture import Capture
from front import Front
from server import Server
from test_content import METHODS
from waiting import until
from wire import stream_content

FIELDS = ['ajp13.code', 'ajp13.method', 'ajp13.uri', 'ajp13.query_string', 'ajp13.secret',
          'ajp13.raddr', 'ajp13.srv', 'ajp13.stored_method', 'ajp13.unknown_attribute',
          'ajp13.content_length.invalid', '_ws.malformed', 'ajp13.reusep']


def drive(front):
    """Exchanges of many shapes; the targets in order."""
    targets = []
    with raw.Client(front.traffic, timeout=20) as client:
        def ask(path, **args):
            targets.append(path)
            return client.get(path, **args)
        for method in METHODS:
            body = b'' if method in ('GET', 'HEAD', 'TRACE') else b'12345'
            assert ask('/app/m', method=method, body=body).status == 200
        for size in (0, 1, 511, 512, 767, 768, 2000, 2700, 8186, 8187, 65530, 65531, 200000):
            body = stream_content(size)
            assert ask('/app/p', method='POST', body=body,
                       headers=[('Content-Length', size)]).status == 200
            assert ask(f'/app/bytes?n={size}').body == body
        targets.append('/app/c')
        client.send(b'PUT /app/c HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n'
                    + b'3\r\nabc\r\n' * 100 + b'0\r\n\r\n')
        assert client.answer().status == 200
        for path in ('/app/status?code=204', '/app/status?code=304', '/app/fields?n=5000',
                     '/app/cookies?n=50', '/app/stream?n=5', '/app/redirect', '/app/a%20b;x=y?q=1',
                     '/app/session'):
            assert ask(path).status < 400
        assert ask('/app/bytes?n=9', method='HEAD').status == 200
        assert ask('/app/h', headers=[('X-Latin', 'caf\u00e9'), ('X-Empty', ''),
                                      ('Cookie', 'a=b'), ('Cookie', 'c=d')]).status == 200
        assert ask('/app/last', headers=[('X-Last', '1')]).status == 200
    return targets


def test_tshark_decodes_every_packet(tomcat):
    with Capture(tomcat.ports['small']) as capture, \
            Front([tomcat], 'small', '--ajp-ping-idle', '0') as front:
        targets = drive(front)
        capture.finish(b'"path":"/last"')
        found = capture.decode(FIELDS)
    check(found, targets)
    assert found['ajp13.secret'] == [tomcat.secret] * len(targets)
    assert found['ajp13.stored_method'] == ['PATCH', 'QUERY', 'X']
    assert set(found['ajp13.code']) == {'2', '3', '4', '5', '6', '9', '10'}


def drive_node(server):
    """Exchanges with the demonstration application; the targets in order."""
    targets = []
    with raw.Client(server.traffic, timeout=20) as client:
        def ask(path, **args):
            targets.append(path)
            answer = client.get(path, **args)
            assert answer.status < 500
            return answer.body
        for method in ('GET', 'POST', 'PATCH', 'PROPFIND', 'X'):
            ask('/json', method=method, body=b'' if method == 'GET' else b'12345')
        for size in (0, 1, 511, 768, 2000, 8184, 8185, 8186, 100000):
            body = stream_content(size)
            chunks = b'%x\r\n%s\r\n' % (size, body) if size else b''
            told = ask('/upload', method='POST', body=chunks + b'0\r\n\r\n',
                       headers=[('Transfer-Encoding', 'chunked')])
            assert json.loads(told)['bytes'] == size
            if size <= 8186 and size != 2000:  # one packet carries all of it
                told = ask('/upload', method='POST', body=body,
                           headers=[('Content-Length', size)])
                assert json.loads(told)['bytes'] == size
            for more in ('', '&chunked=1'):
                assert ask(f'/stream?bytes={size}{more}') == body
        for path in ('/status?code=204', '/status?code=304', '/status?code=404', '/', '/none'):
            ask(path)
        ask('/stream?bytes=9', method='HEAD')
        ask('/json?last=one')
    return targets


def test_tshark_decodes_every_packet_of_our_container_role():
    with Server('--ajp-ping-idle', '0') as server, \
            Agent('--type', 'ajp', '--interval', '500ms', proxies=['%s:%d' % server.management]) \
            as node:
        node.log.wait('registered as n1 ')
        until(lambda: server.nodes()['n1']['Load'] == '100')
        with Capture(node.port) as capture:
            targets = drive_node(server)
            capture.finish(b'"target":"/json?last=one"')
            found = capture.decode(FIELDS)
    check(found, targets)
    assert found['ajp13.stored_method'] == ['PATCH', 'X']
    assert {'2', '3', '4', '5', '6'} <= set(found['ajp13.code'])


def check(found, targets):
    """What holds of every captured run."""
    assert found['_ws.malformed'] == []
    assert found['ajp13.unknown_attribute'] == []
    assert found['ajp13.content_length.invalid'] == []
    assert found['ajp13.uri'] == [target.split('?')[0] for target in targets]
    assert found['ajp13.query_string'] == [target.split('?')[1] for target in targets
                                           if '?' in target]
    assert set(found['ajp13.raddr']) == {'127.0.0.1'} and set(found['ajp13.srv']) == {'localhost'}
    codes = collections.Counter(found['ajp13.code'])
    assert codes['2'] == codes['4'] == len(targets)
    # the connection is asked before each of its uses but the first, the node with each STATUS; the
    # last question may have come too late for its answer
    assert codes['9'] >= len(targets) - 1
    assert codes['10'] - codes['9'] in (0, 1)
    assert set(found['ajp13.reusep']) == {'1'}
