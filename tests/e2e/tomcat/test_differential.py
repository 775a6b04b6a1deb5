# SPDX-License-Identifier: Apache-2.0
"""The same requests through mcmp-server and through httpd's mod_proxy_ajp to one AJP connector of one
Tomcat: the application sees the same, the client gets the same, apart from ALLOWED."""
import fnmatch
import hashlib
import json

import pytest

import raw
from front import Front
from peers import ProxyAjp
from test_content import METHODS
from wire import stream_content

# What may differ: a pattern of what was observed, why, and what each side has to show then.
ALLOWED = [
    ('request.header.via', 'mcmp-server names itself to the node (RFC 9110 7.6.3); mod_proxy_ajp '
     'never does', lambda ours, theirs: theirs is None and ours[0].endswith(' mcmp-server')),
    ('request.header.x-forwarded-*', 'mcmp-server adds them for every type of node by default; '
     'mod_proxy_ajp leaves the facts to attributes', lambda ours, theirs: theirs is None),
    ('request.header.connection', 'a header of one hop: mcmp-server removes it and what it lists '
     '(RFC 9110 7.6.1), mod_proxy_ajp passes both on', lambda ours, theirs: ours is None),
    ('request.header.x-hop', 'as above', lambda ours, theirs: (ours, theirs) == (None, ['1'])),
    ('answer.header.via', 'mcmp-server names itself to the client (RFC 9110 7.6.3)',
     lambda ours, theirs: (ours, theirs) == (['1.1 mcmp-server'], None)),
    ('answer.header.server', 'httpd names itself; Tomcat sends no such line',
     lambda ours, theirs: ours is None and theirs[0].startswith('Apache')),
    ('answer.header.content-length', 'this httpd drops the length that the container told',
     lambda ours, theirs: ours is not None and theirs is None),
    ('answer.header.transfer-encoding', 'having dropped the length, httpd sends chunks',
     lambda ours, theirs: (ours, theirs) == (None, ['chunked'])),
    ('answer.header.connection', 'httpd closes after 400, 500 and 503, and where an HTTP/1.0 client '
     'is not told the length', lambda ours, theirs: ours != ['close'] and theirs == ['close']),
]


def observe(client, request):
    """Everything that an exchange showed, flat: name -> value."""
    method = request.get('method', 'GET')
    answer = client.get(**request)
    seen = {'answer.status': answer.status, 'answer.bytes': len(answer.body)}
    for name in {name.lower() for name, _ in answer.headers}:
        seen[f'answer.header.{name}'] = [v for n, v in answer.headers if n.lower() == name]
    if 'answer.header.date' in seen:
        seen['answer.header.date'] = len(seen['answer.header.date'])  # seconds may pass between
    body = answer.body
    if body.startswith(b'{"node"') and method != 'HEAD':
        # its length is that of what is compared field by field below
        for name in ('answer.bytes', 'answer.header.content-length'):
            seen.pop(name, None)
        told = json.loads(body)
        told['remotePort'] -= client.sock.getsockname()[1]
        for name, value in told.pop('headers'):
            seen.setdefault(f'request.header.{name.lower()}', []).append(value)
        for name, value in told.pop('attributes'):
            seen[f'request.attribute.{name}'] = value
        for name, value in told.items():
            seen[f'request.{name}'] = value
    else:
        seen['answer.body'] = hashlib.sha256(body).hexdigest()
    return seen


def differences(ours, theirs):
    return {name: (ours.get(name), theirs.get(name)) for name in sorted({*ours, *theirs})
            if ours.get(name) != theirs.get(name)}


def chunked(body, piece=1000):
    return b''.join(b'%x\r\n%s\r\n' % (len(body[at:at + piece]), body[at:at + piece])
                    for at in range(0, len(body), piece)) + b'0\r\n\r\n'


def post(size, path='/app/', **more):
    return {'path': path, 'method': 'POST', 'body': stream_content(size),
            'headers': [('Content-Length', size)], **more}


CASES = {
    **{f'method {method}': {'path': '/app/m', 'method': method} for method in METHODS},
    **{f'body {size}': post(size) for size in (0, 1, 640, 2000, 8186, 8187, 65530, 300000)},
    **{f'chunked {size}': {'path': '/app/', 'method': 'PUT', 'body': chunked(stream_content(size)),
                           'headers': [('Transfer-Encoding', 'chunked')]}
       for size in (0, 5, 20000)},
    'query': {'path': '/app/x?a=b&c=%20d&e'},
    'empty query': {'path': '/app/x?'},
    'percent-encoded': {'path': '/app/a%20b/%C3%A9'},
    'path parameters': {'path': '/app/x;v=1/y?z'},
    'path session': {'path': '/app/x;jsessionid=0123.n1'},
    'cookie': {'path': '/app/', 'headers': [('Cookie', 'a=b; c="d e"')]},
    'session cookie': {'path': '/app/', 'headers': [('Cookie', 'JSESSIONID=0123.n1')]},
    'host with port': {'path': '/app/', 'host': 'www.example.org:8080'},
    'coded headers': {'path': '/app/', 'headers': [
        (name, 'v') for name in ('Accept', 'Accept-Charset', 'Accept-Encoding', 'Accept-Language',
                                 'Authorization', 'Content-Type', 'Cookie2', 'Pragma', 'Referer',
                                 'User-Agent')]},
    'other headers': {'path': '/app/', 'headers': [('X-One', '1'), ('X-Long', 'y' * 5000)]},
    'empty header': {'path': '/app/', 'headers': [('X-Empty', '')]},
    'bytes above 127': {'path': '/app/', 'headers': [('X-Latin', 'caf\u00e9\u00ff')]},
    'http 1.0': {'path': '/app/', 'minor': 0, 'headers': [('Connection', 'keep-alive')]},
    'hop by hop': {'path': '/app/', 'headers': [('Connection', 'X-Hop'), ('X-Hop', '1')]},
    'set-cookie': {'path': '/app/cookies?n=40'},
    'answer fields': {'path': '/app/fields?n=6000'},
    'redirect': {'path': '/app/redirect'},
    'bytes': {'path': '/app/bytes?n=200000'},
    'bytes of unknown length': {'path': '/app/bytes?n=200000&length=no'},
    'head': {'path': '/app/bytes?n=200000', 'method': 'HEAD'},
    'flushed pieces': {'path': '/app/stream?n=5'},
    'echo': post(100000, '/app/echo'),
    'body not read': post(3000, '/app/early'),
    'form': {'path': '/app/', 'method': 'POST', 'body': b'a=b&c=d',
             'headers': [('Content-Type', 'application/x-www-form-urlencoded')]},
    **{f'status {code}': {'path': f'/app/status?code={code}'}
       for code in (200, 201, 204, 304, 400, 404, 418, 500, 503)},
    'dots': {'path': '/app/a/../b/./c'},
}


@pytest.fixture(scope='module', name='both')
def both_proxies(tomcat):
    with Front([tomcat], 'ajp', '--max-head', '64k') as ours, \
            ProxyAjp(tomcat.ports['ajp'], tomcat.secret) as theirs:
        yield ours, theirs


def compare(both, request, used):
    """What differs though it must not; the allowances that were needed go to used."""
    found = []
    for proxy in both:
        with raw.Client(proxy.traffic) as client:
            found.append(observe(client, request))
    bad = {}
    for what, values in differences(*found).items():
        rule = next((pattern for pattern, _, allows in ALLOWED
                     if fnmatch.fnmatch(what, pattern) and allows(*values)), None)
        if rule:
            used.add(rule)
        else:
            bad[what] = values
    return bad


def test_every_exchange_is_the_same_and_every_allowance_is_needed(both):
    used = set()
    found = {name: compare(both, request, used) for name, request in CASES.items()}
    bad = [f'{name}: ours, mod_proxy_ajp: {what}' for name, what in found.items() if what]
    assert not bad, '\n'.join(bad)
    assert used == {pattern for pattern, _, _ in ALLOWED}
