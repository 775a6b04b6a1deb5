# SPDX-License-Identifier: Apache-2.0
"""The cluster's state outlives what happens to processes: reloads, killed workers, other limits, a
new binary, a restart with a state file."""
import os
import signal
import socket
import subprocess
import threading
import time

import pytest

import mcmp
import raw
from nginx import Nginx, environment
from nodes import Node
from server import BIN, children, rss
from waiting import until

SMALL = 'mcmp_limits nodes=20 aliases=100 contexts=400 processes=16{more}; mcmp_zone cluster 3m{zone};'


def small(more='', zone='', rest=''):
    return SMALL.replace('{more}', more).replace('{zone}', zone) + rest


def identity(nginx):
    return mcmp.send(nginx.management, 'PING').body.decode().strip().split('id=')[1]


def shown(nginx):
    """INFO without what counts."""
    nodes, contexts = mcmp.info(nginx.management)
    return ([(n['Name'], n['Port'], n['Load'], n['Balancer']) for n in nodes],
            [(c['Context'], c['Status']) for c in contexts])


def fill(nginx, node):
    nginx.register('n1', node.port, context='/a,/b', alias='h,i', load=70)
    mcmp.send(nginx.management, 'DISABLE-APP', {'JVMRoute': 'n1', 'Alias': 'h', 'Context': '/b'})
    for i in range(4):
        assert mcmp.send(nginx.management, 'CONFIG', {'JVMRoute': f'x{i}', 'Port': 9000 + i,
                                                      'Host': '127.0.0.1'}).status == 200
    return identity(nginx), shown(nginx)


class Sender(threading.Thread):
    """A node's listener: STATUS again and again on one connection, repeated once on a fresh one
    when it breaks, as the Java client does."""

    def __init__(self, nginx, route):
        super().__init__(daemon=True)
        self.nginx = nginx
        self.route = route
        self.ending = False
        self.bad = []
        self.count = 0
        self.start()

    def once(self):
        return mcmp.send(self.nginx.management, 'STATUS', {'JVMRoute': self.route, 'Load': -1})

    def run(self):
        while not self.ending:
            for tries in (0, 1):
                try:
                    answer = self.once()
                    break
                except (OSError, raw.Closed) as error:
                    answer = error
            self.count += 1
            if getattr(answer, 'status', 0) != 200 or b'State=OK' not in answer.body:
                self.bad.append(answer)

    def end(self):
        self.ending = True
        self.join(30)
        assert not self.is_alive()
        assert self.bad == [] and self.count > 10


def test_a_node_is_known_to_all_workers_at_once():
    with Nginx(locations='', workers=4) as nginx, Node() as node:
        nginx.register('n1', node.port)
        for _ in range(40):
            assert [n['Name'] for n in mcmp.info(nginx.management)[0]] == ['n1']


@pytest.mark.parametrize('rounds', [int(os.environ.get('MCMP_RELOADS', '100'))])
def test_reloads_under_messages_lose_nothing_and_do_not_grow(rounds):
    with Nginx(zone=small(), locations='') as nginx, Node() as node:
        before = fill(nginx, node)
        sender = Sender(nginx, 'x0')
        until(lambda: sender.count > 5, 10, 'messages flow')
        before = (before[0], shown(nginx))
        sizes = []
        for i in range(rounds):
            old = set(nginx.workers())
            nginx.reload(wait=False)
            until(lambda: set(nginx.workers()) - old, 20, 'new workers')
            if i in (rounds // 5, rounds - 1):
                until(lambda: len(nginx.workers()) == 2, 30, 'old workers end')
                sizes.append((rss(nginx.pid), len(os.listdir(f'/proc/{nginx.pid}/fd')),
                              len(open(f'/proc/{nginx.pid}/maps', encoding='ascii').readlines())))
        sender.end()
        assert (identity(nginx), shown(nginx)) == before
        sanitized = os.environ.get('MCMP_NGINX_PRELOAD') or os.environ.get('MCMP_NGINX')
        room = (8 if sanitized else 1) << 20
        assert sizes[1][0] < sizes[0][0] + room, sizes
        assert sizes[1][1] <= sizes[0][1] and sizes[1][2] <= sizes[0][2] + 8, sizes


def test_killed_workers_lose_nothing():
    with Nginx(zone=small(), locations='') as nginx, Node() as node:
        before = fill(nginx, node)
        nginx.allow_deaths = True
        for _ in range(10):
            workers = nginx.workers()
            for pid in workers:
                os.kill(pid, signal.SIGKILL)
            until(lambda: len(set(nginx.workers()) - set(workers)) == 2, 20, 'workers come back')
            assert (identity(nginx), shown(nginx)) == before


def test_idle_probes_come_from_one_worker_at_a_time_and_go_on_after_its_death():
    zone = small(rest=' mcmp_timing recalc=300ms;')
    with Nginx(zone=zone, locations='', workers=3) as nginx, Node() as node:
        nginx.allow_deaths = True
        nginx.register('n1', node.port)
        start, count = time.monotonic(), node.probes
        until(lambda: node.probes >= count + 10, 20, 'idle probes')
        assert time.monotonic() - start > 1.5, 'each worker probes for itself'
        for _ in range(3):
            for pid in nginx.workers():
                os.kill(pid, signal.SIGKILL)
            count = node.probes
            until(lambda: node.probes > count + 3, 20, 'probes go on')


def test_a_stopped_owner_of_the_clock_is_relieved():
    zone = small(rest=' mcmp_timing recalc=300ms;')
    with Nginx(zone=zone, locations='', workers=2) as nginx, Node() as node:
        nginx.register('n1', node.port)
        for pid in nginx.workers():
            os.kill(pid, signal.SIGSTOP)
            try:
                count = node.probes
                until(lambda: node.probes > count + 3, 20, 'the other one probes')
            finally:
                os.kill(pid, signal.SIGCONT)


def test_a_node_that_fails_its_probes_is_removed():
    zone = small(rest=' mcmp_timing recalc=200ms grace=300ms; mcmp_probe failures=3;')
    with Nginx(zone=zone, locations='') as nginx, Node() as node:
        nginx.register('n1', node.port)
        node.stop()
        until(lambda: 'n1' not in nginx.nodes(), 20, 'the node is removed')
        assert 'node n1 removed after failed probes' in nginx.log() or 'n1' in nginx.log()


def test_other_limits_take_the_state_along():
    with Nginx(zone=small(), locations='') as nginx, Node() as node:
        before = fill(nginx, node)
        sender = Sender(nginx, 'x0')
        until(lambda: sender.count > 5, 10, 'messages flow')
        before = (before[0], shown(nginx))
        maps = []
        for i in range(6):
            zone = small(rest='').replace('nodes=20', f'nodes={30 + i}')
            if i % 3 == 0:
                zone = zone.replace('3m', f'{4 + i}m')
            nginx.configure(zone=zone)
            nginx.reload()
            assert (identity(nginx), shown(nginx)) == before, i
            seen = sender.count  # who repeats once is not to meet two reloads in a row
            until(lambda: sender.count > seen + 2, 10, 'messages flow')
            maps.append(len(open(f'/proc/{nginx.pid}/maps', encoding='ascii').readlines()))
        assert maps[-1] <= maps[1] + 4, maps
        assert nginx.log().count('the state moved to the new size and limits') == 6
        nginx.reload()  # with equal limits again
        sender.end()
        assert (identity(nginx), shown(nginx)) == before


def test_what_does_not_fit_into_smaller_limits_is_told():
    with Nginx(zone=small(), locations='') as nginx, Node() as node:
        fill(nginx, node)
        nginx.configure(zone=small().replace('nodes=20', 'nodes=3'))
        nginx.reload()
        assert set(nginx.nodes()) == {'n1', 'x0', 'x1'}
        assert 'no place for what "x3" has in the saved state, see the limit of max_nodes' in nginx.log()


def test_a_reload_that_fails_changes_nothing():
    with Nginx(zone=small(), locations='') as nginx, Node() as node:
        nginx.allow_deaths = True
        before = fill(nginx, node)
        workers = nginx.workers()
        busy = socket.create_server(('127.0.0.1', 0))
        for bad in (small(rest=' mcmp_policy none;'), small().replace('3m', '4k'),
                    # fails when sockets are opened, after the new zone was made
                    small().replace('nodes=20', 'nodes=40') +
                    f' server {{ listen 127.0.0.1:{busy.getsockname()[1]}; }}'):
            log = len(nginx.log())
            nginx.configure(zone=bad)
            nginx.signal(signal.SIGHUP)
            until(lambda: '[emerg]' in nginx.log()[log:], 30, 'the reload fails')
            until(lambda: 'still could not bind' in nginx.log()[log:] or 'server {' not in bad, 30,
                  'it has tried')
            assert nginx.workers() == workers
            assert (identity(nginx), shown(nginx)) == before
        busy.close()
        for zone in (small(), small().replace('nodes=20', 'nodes=40'), small()):
            nginx.configure(zone=zone)
            nginx.reload()
            assert (identity(nginx), shown(nginx)) == before


def test_a_state_file_outlives_a_restart():
    zone = small(rest=' mcmp_state {dir}/state;')
    with Nginx(zone=zone, locations='') as nginx, Node() as node:
        before = fill(nginx, node)
        until(lambda: os.path.exists(nginx.path('state')), 10, 'the state is saved')
        with open(nginx.path('state'), 'rb') as file:
            first = file.read()
        assert os.stat(nginx.path('state')).st_mode & 0o777 == 0o600
        mcmp.send(nginx.management, 'REMOVE-APP', {'JVMRoute': 'x3'}, '/*')
        nginx.restart()
        until(lambda: nginx.nodes()['n1']['Load'] == '70', 10, 'the state is back')
        assert identity(nginx) == before[0]
        assert set(nginx.nodes()) == {'n1', 'x0', 'x1', 'x2'}
        assert shown(nginx)[1] == before[1][1]
        assert first != open(nginx.path('state'), 'rb').read()


def test_a_damaged_state_file_is_put_aside():
    zone = small(rest=' mcmp_state {dir}/state;')
    with Nginx(zone=zone, locations='', files={'state': 'nonsense'}) as nginx, Node() as node:
        aside = [name for name in os.listdir(nginx.dir.name) if name.startswith('state.damaged-')]
        assert len(aside) == 1 and open(nginx.path(aside[0]), encoding='ascii').read() == 'nonsense'
        assert 'the saved state can\'t be used' in nginx.log()
        nginx.register('n1', node.port)


@pytest.fixture
def segment():
    name = f'ngx-e2e-{os.getpid()}-{time.monotonic_ns()}'
    yield name
    for each in (name, name + '-2'):
        subprocess.run([os.path.join(BIN, 'mcmp-server'), '--segment', each, '--remove-segment'],
                       check=False, capture_output=True, timeout=30)


def test_a_named_segment_outlives_a_restart_and_moves_to_another_name(segment):
    with Nginx(zone=small(zone=f' segment={segment}'), locations='') as nginx, Node() as node:
        before = fill(nginx, node)
        nginx.restart()
        assert (identity(nginx), shown(nginx)) == before
        nginx.configure(zone=small(zone=f' segment={segment}-2').replace('nodes=20', 'nodes=50'))
        nginx.reload()
        assert (identity(nginx), shown(nginx)) == before
        assert not any(name.endswith(segment) for name in os.listdir('/dev/shm'))
        code, said = nginx.test(zone=small(zone=f' segment={segment}-2'))
        assert code == 0, said


def read_pid(path):
    try:
        with open(path, encoding='ascii') as file:
            return int(file.read())
    except (FileNotFoundError, ValueError):
        return 0


def is_alive(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii') as file:
            return file.read().split(') ')[1][0] not in 'ZX'
    except FileNotFoundError:
        return False


def test_a_new_binary_takes_the_named_segment_over(segment, tmp_path):
    config = Nginx(zone=small(zone=f' segment={segment}'), locations='',
                   main='env LD_PRELOAD; env ASAN_OPTIONS;')
    with Node() as node:
        config.stop_process()
        # its parent ends when it is up, so that it takes USR2 as a daemon does
        command = (' '.join(config.argv()) + f' 2>{tmp_path}/err & '
                   f'while ! [ -s {config.path("pid")} ]; do sleep 0.05; done')
        subprocess.run(['/bin/sh', '-c', command], check=True, env=environment(), timeout=20,
                       stdin=subprocess.DEVNULL)
        pids = []
        try:
            old = until(lambda: read_pid(config.path('pid')), 10, 'the first master')
            pids.append(old)
            until(lambda: len(children(old)) == 2, 10, 'its workers')
            before = fill(config, node)
            sender = Sender(config, 'x0')
            os.kill(old, signal.SIGUSR2)
            new = until(lambda: read_pid(config.path('pid')) not in (0, old) and
                        read_pid(config.path('pid')), 20, 'the second master')
            pids.append(new)
            until(lambda: len([p for p in children(new) if p != old]) == 2, 20, 'its workers')
            os.kill(old, signal.SIGQUIT)
            until(lambda: not is_alive(old), 30, 'the first master ends')
            sender.end()
            after = (identity(config), shown(config))
            assert after[0] == before[0] and after[1][1] == before[1][1]
            assert [n[0] for n in after[1][0]] == [n[0] for n in before[1][0]]
        except AssertionError as error:
            raise AssertionError(config.log() + (tmp_path / 'err').read_text()) from error
        finally:
            for pid in pids:
                if is_alive(pid):
                    os.kill(pid, signal.SIGTERM)
            for pid in pids:
                until(lambda pid=pid: not is_alive(pid), 30, 'the masters end')
            config.dir.cleanup()


def test_a_reload_may_drop_a_zone_or_the_whole_module():
    with Nginx(zone=small(), locations='') as nginx, Node() as node:
        fill(nginx, node)
        nginx.configure(zone='mcmp_zone other 16m;', manage='mcmp_receive other;')
        nginx.reload()
        assert nginx.nodes() == {}
        nginx.configure(zone=small(), manage='mcmp_receive cluster;')
        nginx.reload()
        assert nginx.nodes() == {}, 'a zone that was dropped comes back empty'
        fill(nginx, node)
        nginx.write('nginx.conf', f'daemon off; user root; pid {nginx.path("pid")}; worker_processes 2; '
                    f'error_log {nginx.path("error.log")} info; events {{}}')
        nginx.reload()
        assert nginx.process.poll() is None
        nginx.configure()
        nginx.reload()
        assert nginx.nodes() == {}


def test_more_workers_than_places_are_told_and_answer_503():
    zone = 'mcmp_limits processes=3; mcmp_zone cluster 16m;'
    with Nginx(zone=zone, locations='', workers=4) as nginx:
        nginx.allow_deaths = True
        found = {mcmp.send(nginx.management, 'PING').status for _ in range(80)}
        assert found == {200, 503}
        assert 'the worker has no place in its zone, see mcmp_limits processes=' in nginx.log()
