# SPDX-License-Identifier: Apache-2.0
"""mcmp_advertise: what a strict reader hears over reloads, killed workers and the end, and what
nginx -t says of mistakes."""
import os
import signal
import time

import pytest

from advert import GROUP, JavaReader, Listener
from nginx import Nginx
from nodes import free_port
from waiting import until

KEY = 'secret of the group'


def directive(port, more=''):
    return (f'mcmp_advertise cluster group={GROUP}:{port} interface=127.0.0.1 ttl=0 frequency=200ms '
            f'{more};')


class Hearing(Listener):
    """A listener whose datagrams all go through the strict reader."""

    def __init__(self, port, key=''):
        super().__init__(port)
        self.reader = JavaReader(key)
        self.heard = []

    def hear(self, timeout=5):
        found = self.reader.read(self.next(timeout))
        self.heard.append(found)
        return found


def test_workers_take_turns_and_the_end_is_said():
    port = free_port()
    with Hearing(port, KEY) as ear:
        manage = 'mcmp_receive cluster; ' + directive(port, 'key_file={dir}/key')
        with Nginx(locations='', manage=manage, files={'key': KEY + '\n'}) as nginx:
            nginx.allow_deaths = True
            first = ear.hear()
            assert first['status'] == 200
            assert first['X-Manager-Address'] == f'127.0.0.1:{nginx.management[1]}'
            assert first['X-Manager-Protocol'] == 'http' and 'X-Manager-Digest' in first
            start = time.monotonic()
            for _ in range(5):
                ear.hear()
            assert time.monotonic() - start > 0.6, 'more than one worker sends'
            nginx.reload()
            for _ in range(3):
                ear.hear()
            for pid in nginx.workers():
                os.kill(pid, signal.SIGKILL)
            for _ in range(3):
                ear.hear()
            assert {found['Server'] for found in ear.heard} == {first['Server']}
            assert {found['status'] for found in ear.heard} == {200}
            assert KEY not in nginx.log()
        last = ear.hear()
        while last['status'] == 200:
            last = ear.hear()
        assert last['status'] == 410 and last['Server'] == first['Server']
        assert ear.is_silent(0.6)


def test_a_reload_without_it_says_good_bye():
    port = free_port()
    with Hearing(port) as ear, Nginx(locations='',
                                     manage='mcmp_receive cluster; ' + directive(port)) as nginx:
        assert ear.hear()['status'] == 200
        nginx.configure(manage='mcmp_receive cluster;')
        nginx.reload()
        until(lambda: ear.hear()['status'] == 410, 5, 'the last datagram')
        assert ear.is_silent(0.6)


def test_the_wildcard_is_never_announced_and_tls_is_told():
    port = free_port()
    listen = free_port()
    with Hearing(port) as ear:
        with Nginx(locations='', http=f'server {{ listen {listen}; mcmp_receive cluster; '
                   + directive(port, 'url=/here host=proxy.example hmac=off') + ' }'):
            found = ear.hear()
            assert found['X-Manager-Address'] == f'127.0.0.1:{listen}'
            assert found['X-Manager-Url'] == '/here' and found['X-Manager-Host'] == 'proxy.example'


BAD = [
    ('mcmp_advertise;', 'invalid number of arguments'),
    ('mcmp_advertise none;', 'zone "none" is used in'),
    ('mcmp_advertise cluster; mcmp_advertise cluster;', 'zone "cluster" is already advertised in'),
    ('mcmp_advertise cluster every=1s;', 'unknown argument "every=1s", allowed are frequency=, ttl=, '
     'loop=, hmac=, address=, group=, interface=, url=, protocol=, host=, key_file='),
    ('mcmp_advertise cluster loop=yes;', 'bad value "yes" of loop=, allowed are on and off'),
    ('mcmp_advertise cluster ttl=300;', 'bad value "300" of ttl=: a number from 0 to 255 is needed'),
    ('mcmp_advertise cluster protocol=ajp13;', 'bad protocol "ajp13", allowed are http and https'),
    ('mcmp_advertise cluster group=10.0.0.1:9;', 'mcmp_advertise in {dir}/nginx.conf:25: group=: the group is no multicast'),
    ('mcmp_advertise cluster interface=none9;', 'mcmp_advertise in {dir}/nginx.conf:25: interface=: no interface has the name'),
    ('mcmp_advertise cluster address=proxy;', 'mcmp_advertise in {dir}/nginx.conf:25: address=: '),
    ('mcmp_advertise cluster key_file=none;', 'can\'t read key_file "'),
    ('mcmp_advertise cluster key_file=/dev/null;', 'must have 1 to 1023 bytes'),
]


@pytest.fixture(scope='module')
def nginx():
    with Nginx(locations='') as running:
        running.allow_deaths = True
        yield running


@pytest.mark.parametrize('words,message', BAD)
def test_a_mistake_is_named(nginx, words, message):
    code, said = nginx.test(manage='mcmp_receive cluster; ' + words)
    assert code == 1 and message.replace('{dir}', nginx.dir.name) in said, said
