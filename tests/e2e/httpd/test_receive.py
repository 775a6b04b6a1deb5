# SPDX-License-Identifier: Apache-2.0
"""Messages among everything else that httpd does with a request: rules of access, translation,
directories, error pages, limits, other hosts; and the page."""
import re
from urllib.parse import urlencode

import pytest

import mcmp
import raw
from httpd import Httpd
from nodes import Node

REFUSED = b'<html>'


def config(name='n', port=9000, **more):
    return {'JVMRoute': name, 'Host': '127.0.0.1', 'Port': port, 'Type': 'http', **more}


def ask(address, method, path='/', body='', headers=()):
    with raw.Client(address) as client:
        return client.get(path, method=method, body=body.encode(), headers=headers)


# --- access -------------------------------------------------------------------------------------------

@pytest.mark.parametrize('rule,path,wanted', [
    ('<Location />\nRequire all denied\n</Location>', '/', 403),
    ('<Location />\nRequire all denied\n</Location>', '/*', 403),
    ('<Location />\nRequire ip 127.0.0.1\n</Location>', '/', 200),
    ('<Location />\nRequire ip 10.0.0.0/8\n</Location>', '/', 403),
    ('<Location /mcmp>\nRequire all denied\n</Location>', '/mcmp', 403),
    ('<Location /mcmp>\nRequire all denied\n</Location>', '/', 200),
    ('<Location />\n<Limit GET>\nRequire all denied\n</Limit>\n</Location>', '/', 200),
])
def test_the_rules_of_the_host_apply(rule, path, wanted):
    with Httpd(host=rule) as server:
        for command in ('PING', 'INFO', 'VERSION', 'CONFIG'):
            answer = ask(server.management, command, path,
                         urlencode(config()) if command == 'CONFIG' else '')
            assert answer.status == wanted, command
        assert (wanted == 200) == ('n' in known(server))


def known(server):
    """Names of nodes, also where messages are refused: by the page."""
    try:
        return set(server.nodes())
    except ValueError:
        return set()


def test_who_is_not_authorised_is_told_so():
    with Httpd('MCMPAuthorize 10.0.0.0/8 192.168.1.1\n') as server:
        for command in ('PING', 'INFO', 'DUMP', 'VERSION', 'CONFIG', 'STATUS'):
            answer = server.send(command, config() if command == 'CONFIG' else {})
            assert answer.status == 403, command
            assert answer.get('Type') == 'GENERAL' and answer.get('Mess')
            assert answer.get('Mess') == 'GENERAL: Not authorised'
        assert 'MCMPAuthorize says who may' in server.log()
    with Httpd('MCMPAuthorize 10.0.0.0/8 loopback\n') as server:
        assert server.send('PING').status == 200


# --- translation ----------------------------------------------------------------------------------------

BUSY = '''DocumentRoot @run@
DirectoryIndex index.html
FallbackResource /fallback.html
ErrorDocument 500 "<html>500</html>"
ErrorDocument 403 "<html>403</html>"
ErrorDocument 404 "<html>404</html>"
RewriteEngine On
RewriteRule ^ /rewritten.html
Alias /aliased /nowhere
RedirectMatch ^/redirected http://localhost/
ProxyPass / http://127.0.0.1:1/
AddDefaultCharset utf-8
<Location />
RewriteEngine On
RewriteRule ^ /rewritten.html
Options +MultiViews +Indexes
SetHandler server-status
SetOutputFilter DEFLATE
Header always set X-Added 1
</Location>
'''


@pytest.mark.parametrize('mpm', ['event', 'prefork'])
def test_nothing_maps_a_message_elsewhere(mpm):
    modules = ('dir', 'alias', 'rewrite', 'negotiation', 'mime', 'status', 'filter', 'deflate',
               'headers', 'autoindex')
    with Httpd('TypesConfig /dev/null\n', BUSY, mpm=mpm, modules=modules) as server:
        server.write('index.html', 'index')
        server.write('rewritten.html', 'rewritten')
        for path in ('/', '/*', '/any/where', '/index.html', '/aliased', '/redirected', '//', '/?q=1'):
            answer = ask(server.management, 'PING', path, headers=[('Accept-Encoding', 'gzip')])
            assert answer.status == 200 and answer.body.startswith(b'Type=PING-RSP&State=OK'), path
            assert answer.get('Content-Encoding') is None
            assert int(answer.get('Content-Length')) == len(answer.body)
        answer = ask(server.management, 'STATUS', body='JVMRoute=gone')
        assert answer.status == 500 and answer.get('Type') == 'MEM' and REFUSED not in answer.body
        assert answer.get('Transfer-Encoding') is None and answer.get('Version') == '0.2.1'
        assert ask(server.management, 'FOO').get('Mess') == 'SYNTAX: Command is not supported'


def test_other_hosts_know_no_messages():
    more = '<VirtualHost 127.0.0.1:@other@>\n</VirtualHost>\n'
    with Httpd('CreateBalancers 1\n', more='Listen 127.0.0.1:@other@\n' + more,
               modules=('dir',)) as server:
        for address in (server.traffic, server.address('other')):
            for command in ('CONFIG', 'ENABLE-APP', 'DISABLE-APP', 'STOP-APP', 'REMOVE-APP', 'STATUS',
                            'PING', 'INFO', 'DUMP', 'VERSION'):
                answer = ask(address, command, body=urlencode(config()))
                assert answer.status == 501, (command, answer.status)
                assert answer.get('Mess') is None
        assert server.nodes() == {}


def test_requests_that_are_no_messages_stay_httpds():
    with Httpd() as server:
        server.write('page.html', 'a page')
        assert ask(server.management, 'GET', '/nothing').status in (403, 404)
        assert ask(server.management, 'OPTIONS').status == 200
        assert ask(server.management, 'get').status == 501


# --- limits ------------------------------------------------------------------------------------------------

def body_of(size):
    text = urlencode(config()) + '&'
    return text + '&' * (size - len(text))


def test_each_host_has_its_own_limit():
    more = ('Listen 127.0.0.1:@other@\n<VirtualHost 127.0.0.1:@other@>\nEnableMCMPReceive\n'
            'MaxMCMPMessSize 4096\n</VirtualHost>\n')
    with Httpd(host='MaxMCMPMessSize 1024', more=more) as server:
        for address, limit in ((server.management, 1024), (server.address('other'), 4096)):
            for size in (limit - 1, limit):
                assert ask(address, 'CONFIG', body=body_of(size)).status == 200
            with raw.Client(address) as client:
                answer = client.get('/', method='CONFIG', body=body_of(limit + 1).encode())
                assert answer.status == 500 and answer.get('Type') == 'MEM'
                assert answer.get('Mess') == (f'MEM: Message of {limit + 1} bytes exceeds the limit of '
                                              f'{limit}')
                assert client.get('/', method='PING').status == 200, 'the connection goes on'


def test_the_computed_limit_is_that_of_the_tables():
    with Httpd('Maxhost 20\nMaxcontext 100\n') as server:
        limit = 9 + 64 + 20 * 255 + 7 + 100 * 80 + 8
        assert ask(server.management, 'CONFIG', body=body_of(limit)).status == 200
        answer = ask(server.management, 'CONFIG', body=body_of(limit + 1))
        assert answer.get('Mess') == f'MEM: Message of {limit + 1} bytes exceeds the limit of {limit}'


def test_limits_of_the_host_come_first():
    with Httpd(host='LimitRequestBody 100\n') as server:
        answer = ask(server.management, 'CONFIG', body=body_of(500))
        assert answer.status == 413
        assert server.nodes() == {}


def test_a_body_that_breaks_off_changes_nothing():
    with Httpd() as server:
        for cut in (1, 20, 60):
            with raw.Client(server.management) as client:
                text = urlencode(config())
                client.send(f'CONFIG / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(text)}\r\n\r\n' +
                            text[:-cut])
        assert server.nodes() == {}


def test_full_tables_name_what_found_no_place():
    with Httpd('Maxnode 2\nMaxhost 2\nMaxcontext 2\n') as server:
        for i in range(2):
            assert server.send('CONFIG', config(f'n{i}', 9000 + i)).status == 200
        answer = server.send('CONFIG', config('n2', 9002))
        assert answer.get('Mess') == 'MEM: Can\'t update or insert node with "n2" JVMRoute'
        answer = server.send('CONFIG', config('n0', 9000, Alias='a', Context='/1,/2,/3'))
        assert answer.status == 500 and '(/3 and alias: a)' in answer.get('Mess')


# --- connections -----------------------------------------------------------------------------------------

def test_connections_are_kept_and_closed_as_asked():
    with Httpd() as server, raw.Client(server.management) as client:
        for i in range(100):
            answer = mcmp.message(client, 'PING' if i % 3 else 'STATUS', {} if i % 3 else {'Foo': '1'})
            assert answer.status == (200 if i % 3 else 500)
            assert answer.get('Connection') is None
        answer = mcmp.message(client, 'PING', headers=[('Connection', 'close')])
        assert answer.get('Connection') == 'close' and client.is_closed()


def test_the_count_of_requests_per_connection_holds():
    with Httpd(host='MaxKeepAliveRequests 3') as server:
        with raw.Client(server.management) as client:
            found = [mcmp.message(client, 'STATUS', {'Foo': '1'}).get('Connection') for _ in range(4)]
            assert found == [None, None, None, 'close'] and client.is_closed()
        assert server.send('PING').status == 200


def test_the_status_is_logged_as_it_was_sent():
    with Httpd('LogFormat "%m %>s" short\nCustomLog @run@/access.log short\n') as server:
        server.send('PING')
        server.send('STATUS', {'JVMRoute': 'gone'})
        server.graceful()
        assert sorted(server.read('access.log').splitlines()) == ['PING 200', 'STATUS 500']


# --- forms ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('command', ['INFO', 'DUMP', 'VERSION'])
@pytest.mark.parametrize('kind', ['text/plain', 'text/xml', 'application/json'])
def test_forms_of_the_answers(command, kind):
    with Httpd() as server:
        server.send('CONFIG', config('a', Alias='x', Context='/c'))
        answer = server.send(command, headers=[('Accept', kind)])
        assert answer.status == 200 and answer.get('Content-Type') == kind
        start = {'text/xml': b'<', 'application/json': b'{'}.get(kind)
        assert answer.body.startswith(start) if start else answer.body[:1] in b'Nbr'


def test_the_product_is_the_same_everywhere():
    page = '<Location /manager>\nSetHandler mod_cluster-manager\n</Location>'
    with Httpd(host=page) as server:
        said = server.send('VERSION').body.decode()
        product = re.fullmatch(r'release: (mod_cluster/2\.\d+\.\d+\.Final), protocol: 0\.2\.1\n', said)
        assert product
        text = ask(server.management, 'GET', '/manager').body.decode()
        assert re.search(r'\S*/\d+\.\d+\.\d+\.Final', text).group(0).endswith(product.group(1))
        assert 'Node' not in text


# --- the page ----------------------------------------------------------------------------------------------

PAGE = '<Location /manager>\nSetHandler mod_cluster-manager\n%s\n</Location>\n%s'


def forms(text):
    """The hidden fields of each form."""
    found = []
    for form in re.findall(r'<form.*?</form>', text, re.S):
        found.append(dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)))
    return found


def test_the_page_shows_and_changes():
    with Node('a') as node, Httpd(host=PAGE % ('', '')) as server:
        server.register('a', node.port, context='/app', Domain='d')
        answer = ask(server.management, 'GET', '/manager')
        text = answer.body.decode()
        assert answer.status == 200 and answer.get('Content-Type').startswith('text/html')
        assert 'Node a' in text and '/app' in text
        assert "default-src 'none'" in answer.get('Content-Security-Policy')
        fields = next(form for form in forms(text) if form['Range'] == 'CONTEXT')
        fields['Cmd'] = 'DISABLE-APP'
        bad = {**fields, 'nonce': 'x' * len(fields['nonce'])}
        assert ask(server.management, 'POST', '/manager', urlencode(bad)).status == 403
        assert mcmp.info(server.management)[1][0]['Status'] == 'ENABLED'
        assert ask(server.management, 'POST', '/manager', urlencode(fields)).status == 200
        assert mcmp.info(server.management)[1][0]['Status'] == 'DISABLED'
        for scope in ('NODE', 'DOMAIN'):
            more = {**fields, 'Range': scope, 'Cmd': 'ENABLE-APP', 'JVMRoute': 'a', 'Domain': 'd'}
            assert ask(server.management, 'POST', '/manager', urlencode(more)).status == 200
            assert mcmp.info(server.management)[1][0]['Status'] == 'ENABLED'
            more['Cmd'] = 'STOP-APP'
            assert ask(server.management, 'POST', '/manager', urlencode(more)).status == 200
            assert mcmp.info(server.management)[1][0]['Status'] == 'STOPPED'


def test_the_page_answers_commands_that_only_read():
    with Httpd(host=PAGE % ('', '')) as server:
        server.send('CONFIG', config('a'))
        for command, start in (('INFO', b'Node: [1]'), ('DUMP', b'balancer: ['),
                               ('VERSION', b'release: mod_cluster/2.')):
            answer = ask(server.management, 'GET', f'/manager?Cmd={command}')
            assert answer.status == 200 and answer.body.startswith(start), command


def test_switches_of_the_page():
    with Httpd(host=PAGE % ('', 'AllowCmd Off\nReduceDisplay On')) as server:
        server.send('CONFIG', config('a', Alias='x', Context='/c'))
        text = ask(server.management, 'GET', '/manager').body.decode()
        assert 'Node a' in text and '<form' not in text
        form = urlencode({'Cmd': 'ENABLE-APP', 'Range': 'NODE', 'JVMRoute': 'a'})
        assert ask(server.management, 'POST', '/manager', form).status == 403
    with Httpd(host=PAGE % ('', 'CheckNonce Off')) as server:
        server.send('CONFIG', config('a', Alias='x', Context='/c'))
        assert ask(server.management, 'POST', '/manager', form).status == 200
        assert mcmp.info(server.management)[1][0]['Status'] == 'ENABLED'


def test_rules_of_the_page_are_its_own():
    with Httpd(host=PAGE % ('Require all denied', '')) as server:
        assert ask(server.management, 'GET', '/manager').status == 403
        assert server.send('PING').status == 200
