# SPDX-License-Identifier: Apache-2.0
"""Two proxies and three nodes that know nothing of each other but the multicast group."""
import contextlib
import signal
import time

import advert
import mcmp
import pytest
import raw
from agent import Agent
from nodes import free_port
from server import Server
from waiting import until

INTERVAL = 1.0
ADVERTISE = ['--advertise', '--advertise-interface', 'lo', '--advertise-frequency', '500ms']


def proxy(port, *flags):
    """A proxy with a management port of its own choice, so that it can come back there."""
    return Server(*ADVERTISE, *flags, workers=1, management=(f'127.0.0.1:{port}',))


def node(route, *flags):
    return Agent('--advertise', '--advertise-interface', '127.0.0.1', '--interval',
                 f'{INTERVAL}s', '--drain-wait', 0, *flags, route=route)


def routes(server):
    return {row['Name'] for row in mcmp.info(server.management)[0]}



def test_two_proxies_and_three_nodes_find_each_other():
    ports = [free_port(), free_port()]
    with contextlib.ExitStack() as stack:
        nodes = [stack.enter_context(node(route)) for route in ('a', 'b', 'c')]
        proxies = [proxy(port) for port in ports]
        for server, code in zip(proxies, (-signal.SIGKILL, 0)):
            stack.callback(server.stop, code)
        for server in proxies:
            until(lambda server=server: routes(server) == {'a', 'b', 'c'}, 10, 'all are there')
            until(lambda server=server: raw.get(server.traffic, '/json').status == 200, 5)
        # one is killed: nobody is told, and what listens there later is another start of it
        proxies[0].signal(signal.SIGKILL)
        proxies[0].process.wait()
        nodes[0].log.wait("can't connect", 10)
        back = stack.enter_context(proxy(ports[0]))
        start = time.monotonic()
        until(lambda: routes(back) == {'a', 'b', 'c'}, 10, 'all are back')
        until(lambda: raw.get(back.traffic, '/json').status == 200, 5)
        taken = time.monotonic() - start
        assert taken < 2 * INTERVAL, f'{taken:.2f} s, two intervals are {2 * INTERVAL} s'
        print(f'used again after {taken:.2f} s')
        assert routes(proxies[1]) == {'a', 'b', 'c'}
        # one stops: it says so, and is forgotten
        proxies[1].signal(signal.SIGTERM)
        for running in nodes:
            running.log.wait(f':{ports[1]} goes away')
            running.log.wait(f':{ports[1]}: is forgotten')
        for running in nodes:
            assert running.stop() == 0
        until(lambda: not routes(back) or not mcmp.info(back.management)[1])


@pytest.fixture(name='key')
def key_file(tmp_path):
    file = tmp_path / 'key'
    file.write_text('a secret\n')
    return file


BAD = {
    'no digest': lambda n: advert.make(sequence=n, address='127.0.0.1:1', key='wrong'),
    'no mac': lambda n: advert.make(sequence=n, address='127.0.0.1:1', key='a secret')[:-40],
    'too long': lambda n: advert.make(sequence=n, address='127.0.0.1:1', key='a secret',
                                      more=['X: ' + 'y' * 500]),
    'status': lambda n: advert.make(sequence=n, address='127.0.0.1:1', key='a secret',
                                    status='OK 200'),
    'sequence': lambda n: advert.make(sequence=f'{n}x', address='127.0.0.1:1', key='a secret'),
    'port': lambda n: advert.make(sequence=n, address='127.0.0.1:none', key='a secret'),
    'old date': lambda n: advert.make(sequence=n, address='127.0.0.1:1', key='a secret',
                                      date=time.time() - 86400),
}


def test_with_a_key_bad_datagrams_change_nothing(key):
    with node('a', '--advertise-key-file', key) as running, \
            proxy(free_port(), '--advertise-key-file', key) as server:
        until(lambda: routes(server) == {'a'}, 10)
        for n, (name, make) in enumerate(BAD.items(), 100):
            advert.send(make(n), 23364)
            print(name)
        good = advert.make(server='s-9', sequence=7, address='127.0.0.1:9', key='a secret')
        advert.send(good, 23364)
        running.log.wait('127.0.0.1:9 is there')
        advert.send(advert.make(server='s-9', sequence=6, address='127.0.0.1:9', key='a secret',
                                status='410 Gone'), 23364)
        advert.send(good, 23364)  # again
        running.log.wait('is refused')
        time.sleep(0.3)
        assert not running.log.find('127.0.0.1:1[ :]'), 'none of them named a proxy'
        assert not running.log.find('127.0.0.1:9 goes away')
        assert routes(server) == {'a'} and running.stop() == 0


def test_without_the_key_of_the_nodes_a_proxy_is_not_taken(key):
    with node('a', '--advertise-key-file', key) as running, proxy(free_port()) as server:
        running.log.wait('a datagram of .* is refused')
        assert not routes(server) and running.stop() == 0


def test_what_can_not_be_listened_to_ends_it_with_1(tmp_path):
    for flags in (['--advertise-group', '127.0.0.1:5'], ['--advertise-interface', 'none0'],
                  ['--advertise-key-file', tmp_path / 'none']):
        with Agent('--advertise', *flags, demo=False, backend='127.0.0.1:1') as running:
            assert running.wait_exit() == 1
            running.log.wait('--advertise: ')
