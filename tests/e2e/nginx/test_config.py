# SPDX-License-Identifier: Apache-2.0
"""What nginx -t says of a configuration: every directive in its forms, and every mistake with what
is wrong and what is allowed."""
import os
import re

import pytest

import raw
from nginx import Nginx, module
from nodes import Node, free_port
from waiting import until


@pytest.fixture(scope='module')
def nginx():
    with Nginx(locations='') as running:
        running.allow_deaths = True  # its log has the complaints of the tests below
        yield running


ZONE = 'mcmp_zone cluster 16m; '

GOOD = [
    ZONE,
    'mcmp_zone cluster 16m segment=test.seg_1-a; ',
    ZONE + 'mcmp_zone other 16m; mcmp_policy hash zone=other; mcmp_policy busyness;',
    'mcmp_policy two_choices zone=cluster; ' + ZONE,
    'mcmp_limits nodes=20 aliases=100 contexts=400 balancers=4 processes=8 message=64k; '
    'mcmp_zone cluster 2m;',
    ZONE + 'mcmp_timing recalc=1s silent_after=off grace=5s domain_memory=1m heal=2s stop_hold=off;',
    ZONE + 'mcmp_probe deadline=2s failures=5 good_below=400 method=GET path=/health host=a.example;',
    ZONE + 'mcmp_options all_or_nothing no_heal ranked_routes deterministic ping_any ownership;',
    ZONE + 'mcmp_replace_policy probe_old;', ZONE + 'mcmp_replace_policy refuse;',
    ZONE + 'mcmp_replace_policy last_writer;', ZONE + 'mcmp_policy lbfactor;',
    ZONE + 'mcmp_use_alias on;', ZONE + 'mcmp_use_alias off zone=cluster;',
    ZONE + 'mcmp_slow_start 30s;', ZONE + 'mcmp_no_context_status 404;',
    ZONE + 'mcmp_no_context_status 503;', ZONE + 'mcmp_no_context_status 503 balancers=a,b;',
    ZONE + 'mcmp_authorize loopback 10.0.0.0/8 fd00::/8;',
    ZONE + 'mcmp_authorize private; mcmp_authorize identity CN=n1 n1,n1-*; '
    'mcmp_authorize identity CN=n2 n2;',
    ZONE + 'mcmp_default_balancer shop;', ZONE + 'mcmp_state {dir}/state zone=cluster;',
]


@pytest.mark.parametrize('zone', GOOD)
def test_a_good_configuration_is_taken(nginx, zone):
    code, said = nginx.test(zone=zone)
    assert code == 0 and 'test is successful' in said, said


BAD = [
    ('mcmp_zone cluster;', 'invalid number of arguments in "mcmp_zone" directive'),
    ('mcmp_zone "" 16m;', 'a zone needs a name'),
    ('mcmp_zone cluster 16x;', 'bad size "16x" of zone "cluster": bytes are needed'),
    ('mcmp_zone cluster 0;', 'bad size "0" of zone "cluster"'),
    ('mcmp_zone cluster 16m foo=1;', 'unknown argument "foo=1", allowed is segment=NAME'),
    ('mcmp_zone cluster 16m segment=;', 'bad name of a segment "": 1 to 64 of A-Z'),
    ('mcmp_zone cluster 16m segment=a/b;', 'bad name of a segment "a/b"'),
    (ZONE + ZONE, 'zone "cluster" is already defined in {dir}/nginx.conf:'),
    ('mcmp_zone cluster 1m;', 'mcmp_zone "cluster" in {dir}/nginx.conf:'),
    ('mcmp_zone cluster 1m;', 'is too small for mcmp_limits nodes=256 aliases=1024 contexts=8192 '
     'processes=64: '),
    ('limit_req_zone $uri zone=cluster:1m rate=1r/s; ' + ZONE,
     'is already declared for a different use'),
    ('', 'zone "cluster" is used in {dir}/nginx.conf:'),
    (ZONE + 'mcmp_policy hash zone=typo;', 'but no mcmp_zone defines it'),
    (ZONE + 'mcmp_policy zone=;', 'zone= needs the name of an mcmp_zone'),
    (ZONE + 'mcmp_policy zone=cluster;', 'a value is needed in front of zone='),
    (ZONE + 'mcmp_policy fastest;',
     'unknown value "fastest", allowed are lbfactor, busyness, two_choices, hash'),
    (ZONE + 'mcmp_policy hash please;', 'unknown argument "please", allowed is zone='),
    (ZONE + 'mcmp_policy hash; mcmp_policy hash;', '"mcmp_policy" directive is duplicate'),
    (ZONE + 'mcmp_replace_policy never;',
     'unknown value "never", allowed are probe_old, refuse, last_writer'),
    (ZONE + 'mcmp_use_alias maybe;', 'unknown value "maybe", allowed are on, off'),
    (ZONE + 'mcmp_limits hosts=3;', 'unknown argument "hosts=3", allowed are nodes=, aliases=, '
     'contexts=, balancers=, processes=, message='),
    (ZONE + 'mcmp_limits nodes;', 'unknown argument "nodes", allowed are nodes='),
    (ZONE + 'mcmp_limits nodes=0;', 'bad value "0" of nodes=: a number from 1 to 65535 is needed'),
    (ZONE + 'mcmp_limits nodes=many;', 'bad value "many" of nodes=: a number from 1 to 65535'),
    (ZONE + 'mcmp_limits message=1;', 'bad value "1" of message=: a size in bytes from 1024 to'),
    (ZONE + 'mcmp_timing recalc=1x;', 'bad value "1x" of recalc=: a time in milliseconds from 100'),
    (ZONE + 'mcmp_timing recalc=off;', 'bad value "off" of recalc='),
    (ZONE + 'mcmp_timing silent_after=1ms;',
     'bad value "1ms" of silent_after=: a time in milliseconds of at least 1000 is needed, or "off"'),
    (ZONE + 'mcmp_timing probe=1s;', 'unknown argument "probe=1s", allowed are recalc=, silent_after='),
    (ZONE + 'mcmp_probe good_below=99;', 'bad value "99" of good_below=: a number from 200 to 600'),
    (ZONE + 'mcmp_probe "path=/a b";', 'bad value "/a b" of path='),
    (ZONE + 'mcmp_probe method=;', 'bad value "" of method=: a token of a length from 1 to 32'),
    (ZONE + 'mcmp_options sometimes;', 'unknown option "sometimes", allowed are all_or_nothing, no_heal'),
    (ZONE + 'mcmp_slow_start soon;', 'bad value "soon": a time in milliseconds from 0 to'),
    (ZONE + 'mcmp_no_context_status 500;', 'bad status "500", allowed are 404 and 503'),
    (ZONE + 'mcmp_no_context_status 404 balancers=a;',
     'bad argument "balancers=a": 503 may be followed by balancers=NAME,NAME'),
    (ZONE + 'mcmp_authorize identity CN=x;',
     'identity needs the subject of a certificate and a comma list of routes'),
    *((ZONE + f'mcmp_authorize {word};', f'bad network "{bad}", allowed are private, loopback, any, ADDRESS')
      for word, bad in (('everybody', 'everybody'), ('private 10.0.0.0/33', '10.0.0.0/33'), ('""', ''),
                        ('private,any', 'private,any'))),
    (ZONE + 'mcmp_probe path=x;', 'bad value "x" of path=: * or a path behind /'),
    (ZONE + 'mcmp_probe method=A,B;', 'bad value "A,B" of method=: a token'),
    (ZONE + 'mcmp_state "";', 'bad file "": the name of a file is needed'),
    (ZONE + 'mcmp_state state/;', 'bad file "state/": the name of a file is needed'),
    (ZONE + 'mcmp_state none/state;', 'there is no folder for "{dir}/none/state" (2: No such file or directory)'),
    (ZONE + 'mcmp_authorize any; mcmp_authorize private;', '"mcmp_authorize" directive is duplicate'),
    (ZONE + 'mcmp_zone two 16m; mcmp_state {dir}/state;',
     'zones "cluster" and "two" have the same mcmp_state file'),
    ('mcmp_zone cluster 16m segment=s; mcmp_zone two 16m segment=s;',
     'zones "cluster" and "two" have the same segment'),
    (ZONE + 'mcmp_default_balancer a b;', 'unknown argument "b", allowed is zone='),
    (ZONE + 'mcmp_receive cluster;', '"mcmp_receive" directive is not allowed here'),
]


@pytest.mark.parametrize('zone,message', BAD)
def test_a_mistake_is_named_with_what_is_allowed(nginx, zone, message):
    code, said = nginx.test(zone=zone)
    assert code == 1, said
    assert message.replace('{dir}', nginx.dir.name) in said, said
    assert '[emerg]' in said
    assert not zone.startswith(ZONE) or 'zone=typo' in zone or re.findall('mcmp_[a-z_]+', zone)[-1] in said, said


MANAGE = [
    ('mcmp_receive;', 'invalid number of arguments'),
    ('mcmp_receive none;', 'zone "none" is used in'),
    ('mcmp_receive cluster; mcmp_receive cluster;', '"mcmp_receive" directive is duplicate'),
    ('location / { mcmp_receive cluster; mcmp_manager cluster; }',
     '"mcmp_manager" directive stands beside another directive that answers requests here'),
    ('location / { mcmp_manager cluster commands=yes; }',
     'unknown argument "commands=yes", allowed are commands=on and commands=off'),
    ('location / { mcmp_manager cluster; mcmp_manager cluster; }', 'directive is duplicate'),
]


@pytest.mark.parametrize('manage,message', MANAGE)
def test_a_mistake_at_the_port_or_page_is_named(nginx, manage, message):
    code, said = nginx.test(manage=manage)
    assert code == 1 and message in said, said


def test_the_size_that_is_said_to_be_needed_is_enough(nginx):
    for limits in ('', 'mcmp_limits nodes=1 aliases=1 contexts=1;', 'mcmp_limits nodes=2000 processes=8;'):
        said = nginx.test(zone=limits + 'mcmp_zone cluster 4k;')[1]
        needed = said.split('k are needed')[0].rsplit(' ', 1)[1]
        assert nginx.test(zone=limits + f'mcmp_zone cluster {needed}k;')[0] == 0
        code, said = nginx.test(zone=limits + f'mcmp_zone cluster {int(needed) - 1}k;')
        assert code == 1 and f'{needed}k are needed, {int(needed) - 1}k are given' in said


def test_a_test_of_a_configuration_leaves_no_segment(nginx):
    before = set(os.listdir('/dev/shm'))
    assert nginx.test(zone='mcmp_zone cluster 16m segment=ngx-test-config;')[0] == 0
    assert set(os.listdir('/dev/shm')) <= before


FOLDER = os.path.join(os.path.dirname(__file__), '../../../examples/nginx')


def test_the_example_works_as_it_stands(tmp_path):
    with open(os.path.join(FOLDER, 'example.conf'), encoding='utf-8') as file:
        text = file.read()
    with Nginx(locations='') as nginx, Node() as node:
        text = text.replace('modules/ngx_http_mcmp_module.so', module())
        text = text.replace('127.0.0.1:6666', '127.0.0.1:%d' % nginx.management[1])
        page = free_port()
        text = text.replace('127.0.0.1:8081', f'127.0.0.1:{page}')
        text = text.replace('listen 8080', 'listen 127.0.0.1:%d' % nginx.traffic[1])
        nginx.stop_process()
        nginx.write('nginx.conf', 'daemon off; user root;\n' + text)
        assert nginx._start()
        nginx.register('n1', node.port, context='/shop')
        assert nginx.get('/shop/x').body.startswith(b'n1')
        with raw.Client(('127.0.0.1', page)) as client:
            assert b'Node n1' in client.get('/').body and b'<form' in client.get('/').body
        until(lambda: os.path.exists(nginx.path('shop.state')), 10, 'the state is saved')


def test_the_readme_has_every_directive_and_variable_and_no_other():
    with open(os.path.join(FOLDER, 'README.md'), encoding='utf-8') as file:
        text = file.read()
    known = set()
    for name in os.listdir(FOLDER):
        if name.endswith('.c'):
            with open(os.path.join(FOLDER, name), encoding='utf-8') as file:
                known.update(re.findall(r'ngx_string\("(mcmp_\w+)"\)', file.read()))
    told = set(re.findall(r'^### (mcmp_\w+)$', text, re.M)) | set(re.findall(r'^\| `\$(mcmp_\w+)`', text, re.M))
    assert told == known
    for head in re.findall(r'^### mcmp_\w+\n(`.*?)\n\n', text, re.M | re.S):
        assert 'context: ' in head and head.count('`') >= 2, head


def test_the_readme_names_the_defaults_of_the_tables():
    with open(os.path.join(FOLDER, 'README.md'), encoding='utf-8') as file:
        text = file.read()
    with open(os.path.join(FOLDER, 'options.c'), encoding='utf-8') as file:
        sizes = dict(re.findall(r'#define (\w+) (\d+)u', file.read()))
    assert (f'`nodes={sizes["NODES"]} aliases={sizes["ALIASES"]} contexts={sizes["CONTEXTS"]} '
            f'processes={sizes["PROCESSES"]}`') in text
