# SPDX-License-Identifier: Apache-2.0
"""Draining through a real server: the node leaves when its last request has ended, not before, and
at the latest when its time is over."""
import threading
import time

import mcmp
import pytest
from agent import Agent
from server import Server
from waiting import until
from wire import Wire, get

LATE = 3  # seconds that a busy machine may take beyond the moment that is right


@pytest.fixture(name='server', scope='module')
def running_server():
    with Server(workers=2) as server:
        yield server


def busy(server):
    return sum(int(node['Connected']) for node in mcmp.info(server.management)[0])


class Load:
    """Requests that run for some time each; .ended are the times at which they were answered."""

    def __init__(self, server, count, milliseconds):
        self.ended = []
        self.statuses = []
        self.threads = [threading.Thread(target=self._get, args=(server, milliseconds), daemon=True)
                        for _ in range(count)]
        for thread in self.threads:
            thread.start()
        until(lambda: busy(server) == count, 20, f'{count} requests run')

    def _get(self, server, milliseconds):
        try:
            with Wire(server.traffic[1], timeout=30) as wire:
                reply = wire.get(f'/slow?ms={milliseconds}')
        except (OSError, AssertionError):
            return
        self.statuses.append(reply.status)
        self.ended.append(time.monotonic())

    def join(self):
        for thread in self.threads:
            thread.join(30)


def node(server, *flags):
    agent = Agent('--drain-wait', 0, '--drain-timeout', '20s', *flags,
                  proxies=[f'{server.management[0]}:{server.management[1]}'])
    agent.log.wait('registered as n1')
    return agent


@pytest.mark.parametrize('count', [0, 1, 50])
def test_it_leaves_when_the_last_request_has_ended(server, count):
    with node(server) as agent:
        load = Load(server, count, 2000)
        start = time.monotonic()
        agent.signal()
        agent.log.wait(': removed', 25)
        removed = time.monotonic()
        assert agent.wait_exit() == 0
        load.join()
        assert load.statuses == [200] * count, 'nothing was cut off'
        right = max(load.ended, default=start)
        assert removed > right - 1, 'it waited for the last one'
        assert removed < right + LATE, f'{removed - right:.2f} s after the last one'
        assert bool(agent.log.find('waits for')) == (count > 0)
        until(lambda: not mcmp.info(server.management)[1])


def test_new_requests_go_elsewhere_meanwhile(server):
    with node(server) as agent, Agent('--interval', '300ms', route='n2', proxies=[
            f'{server.management[0]}:{server.management[1]}']) as other:
        other.log.wait('registered as n2')
        load = Load(server, 6, 1500)
        agent.signal()
        agent.log.wait('waits for')
        assert {get(server.traffic[1], '/json').route for _ in range(10)} == {'n2'}
        assert agent.wait_exit() == 0
        load.join()
        assert load.statuses == [200] * 6


def test_a_request_that_never_ends_holds_it_up_no_longer_than_its_time(server):
    with node(server, '--drain-timeout', '2s') as agent:
        Load(server, 1, 600000)
        start = time.monotonic()
        agent.signal()
        agent.log.wait('leaves with 1 requests running')
        assert 1.9 < time.monotonic() - start < 2 + LATE
        agent.log.wait(': removed')
        assert agent.wait_exit() == 4
