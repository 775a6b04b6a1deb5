# SPDX-License-Identifier: Apache-2.0
"""One process under Valgrind: messages, traffic of every outcome, restarts. Nothing that it reports
has a frame of ours. (httpd and its libraries have findings of their own.)"""
import glob
import os
import re
import shutil

import pytest

import mcmp
import raw
from httpd import Httpd, is_sanitized
from nodes import Node, free_port, serve_route
from waiting import until

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../..')
FILES = [os.path.basename(name) for pattern in ('examples/httpd/*.c', 'lib/*/*.c')
         for name in glob.glob(os.path.join(ROOT, pattern))]
OURS = re.compile(r'mod_mcmp|mcmp_|\((' + '|'.join(map(re.escape, FILES)) + r'):\d')
VALGRIND = ['valgrind', '--leak-check=full', '--show-leak-kinds=definite', '--num-callers=40',
            '--track-origins=no', '--log-file=@log@.%p']


def findings(prefix):
    """The blocks of all logs that name a frame of ours; each begins without an indent."""
    found, looked = [], 0
    for name in glob.glob(prefix + '.*'):
        with open(name, encoding='utf-8', errors='replace') as file:
            text = re.sub(r'^==\d+== ?', '', file.read(), flags=re.M)
        looked += 'ERROR SUMMARY' in text
        found += [block for block in text.split('\n\n')
                  if re.search(r'^ +(at|by) 0x', block, re.M) and OURS.search(block)]
    return found, looked


def sometimes(node, conn, request):
    if request.target.startswith('/cut'):
        return False
    if request.target == '/break':
        conn.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx')
        return False
    return serve_route(node, conn, request)


def exercise(httpd, a, b):
    sessions = {'StickySessionForce': 'No', 'StickySessionRemove': 'Yes'}
    for node in (a, b):
        httpd.register(node.route, node.port, **sessions)
    for command in ('INFO', 'DUMP', 'PING', 'VERSION', 'BOGUS'):
        httpd.send(command)
    with raw.Client(httpd.traffic) as client:
        for path in ('/', '/a%20b?c', '/x;jsessionid=1.a'):
            assert client.get(path, headers=[('Cookie', 'a=b; JSESSIONID=x.b')]).status == 200
        assert client.get('/', method='POST', body=b'z' * 100000).status == 200
    for path in ('/cut', '/break'):
        with raw.Client(httpd.traffic) as client:
            client.send(f'GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
            client.rest()
    mcmp.send(httpd.management, 'CONFIG', {'JVMRoute': 'dead', 'Host': '127.0.0.1',
                                           'Port': free_port(), 'Type': 'http', **sessions})
    mcmp.send(httpd.management, 'ENABLE-APP', {'JVMRoute': 'dead', 'Alias': 'localhost',
                                               'Context': '/dead'})
    assert httpd.get('/dead').status == 503
    mcmp.send(httpd.management, 'STATUS', {'JVMRoute': 'a', 'Load': -1})
    assert httpd.get('/', headers=[('Cookie', 'JSESSIONID=x.a')]).status == 200
    mcmp.send(httpd.management, 'REMOVE-APP', {'JVMRoute': 'a'}, target='/*')
    httpd.register('a', a.port, **sessions)
    assert httpd.get('/').status == 200


@pytest.mark.skipif(not shutil.which('valgrind'), reason='valgrind is not installed')
@pytest.mark.skipif(is_sanitized(), reason='the sanitizer looks itself')
def test_nothing_of_ours_is_reported(tmp_path):
    tmp_path.chmod(0o777)
    for parent in list(tmp_path.parents)[:2]:  # children run as another user
        parent.chmod(0o755)
    log = str(tmp_path / 'log')
    wrap = [word.replace('@log@', log) for word in VALGRIND]
    with Node('a', sometimes) as a, Node('b', sometimes) as b, \
            Httpd('LBstatusRecalTime 1\n', mpm='prefork', children=1, wrap=wrap) as httpd:
        exercise(httpd, a, b)
        probes = a.probes
        until(lambda: a.probes > probes, 60, 'an idle probe')
        httpd.graceful()
        until(lambda: answers(httpd), 60, 'the new child serves')
    found, looked = findings(log)
    assert looked >= 2, 'Valgrind ended without a summary'
    assert not found, '\n\n'.join(found[:5])


def answers(httpd):
    try:
        return httpd.get('/').status == 200
    except (OSError, raw.Closed):
        return False
