#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Request rates to one Tomcat over AJP through mcmp-server and through httpd's mod_proxy_ajp: the same
number of workers, loaded by wrk in turn, several rounds. Prints the rates, the processor time of the
proxy for a request, and the ratios of each round, since machines differ and drift.

   /usr/bin/python3 tests/bench/ajp.py [--bin build/release/bin] [--rounds 3] [--seconds 5]
       [--connections 50] [--workers 1] [--path /app/bytes?n=64] [--realtime]

With --realtime (as root) nothing else runs during a round: on a machine that others use, too, the
proxy with more threads gets more of it. Keep rounds short then.
"""
import argparse
import contextlib
import os
import re
import statistics
import subprocess
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..')
PACKET = 65536


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n', maxsplit=1)[0])
    parser.add_argument('--bin', default=os.path.join(ROOT, 'build/release/bin'))
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--seconds', type=int, default=5)
    parser.add_argument('--connections', type=int, default=50)
    parser.add_argument('--workers', type=int, default=1)
    parser.add_argument('--path', default='/app/bytes?n=64')
    parser.add_argument('--realtime', action='store_true')
    return parser.parse_args()


def family(pid):
    """The process and all below it."""
    path = f'/proc/{pid}/task/{pid}/children'
    with open(path, encoding='ascii') as file:
        return [pid] + [each for child in file.read().split() for each in family(int(child))]


def processor_seconds(pid):
    total = 0
    for each in family(pid):
        with open(f'/proc/{each}/stat', encoding='ascii') as file:
            words = file.read().rsplit(')', 1)[1].split()
        total += int(words[11]) + int(words[12])
    return total / os.sysconf('SC_CLK_TCK')


@contextlib.contextmanager
def favoured(pids):
    """All threads of these processes before those of any other."""
    def schedule(policy, priority):
        for pid in pids:
            for thread in os.listdir(f'/proc/{pid}/task'):
                with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
                    os.sched_setscheduler(int(thread), policy, os.sched_param(priority))
    schedule(os.SCHED_RR, 5)
    try:
        yield
    finally:
        schedule(os.SCHED_OTHER, 0)


def measure(options, proxy, tomcat):
    if not options.realtime:
        return load(options, proxy, options.seconds)
    own = family(proxy.process.pid) + family(tomcat.process.pid)
    with favoured(own + [os.getpid()]):  # and wrk, which inherits it
        return load(options, proxy, options.seconds)


def load(options, proxy, seconds):
    """Requests per second, and microseconds of the proxy's processor time for each."""
    before = processor_seconds(proxy.process.pid)
    said = subprocess.run(
        ['wrk', '-t1', f'-c{options.connections}', f'-d{seconds}s',
         f'http://127.0.0.1:{proxy.traffic[1]}{options.path}'],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout
    used = processor_seconds(proxy.process.pid) - before
    if re.search('Non-2xx|Socket errors', said):
        sys.exit(said)
    rate = float(re.search(r'^Requests/sec:\s*([\d.]+)', said, re.M).group(1))
    count = int(re.search(r'^\s*(\d+) requests in', said, re.M).group(1))
    return rate, used * 1e6 / count


def rounds(options, ours, theirs, tomcat):
    print(f'{options.workers} worker(s) each, {options.connections} connections, '
          f'{options.seconds} s, {options.path}: requests per second, us of processor time each')
    head = ('round', 'mcmp-server', 'us', 'mod_proxy_ajp', 'us', 'ratio', 'us ratio')
    print('{:<8}{:>13}{:>8}{:>15}{:>8}{:>8}{:>10}'.format(*head))
    rows = []
    for number in range(options.rounds):
        row = (*measure(options, ours, tomcat), *measure(options, theirs, tomcat))
        rows.append(row)
        show(number + 1, row)
    show('median', [statistics.median(column) for column in zip(*rows)])


def show(name, row):
    mine, my_time, other, other_time = row
    print(f'{name!s:<8}{mine:>13.0f}{my_time:>8.1f}{other:>15.0f}{other_time:>8.1f}'
          f'{mine / other:>8.2f}{my_time / other_time:>10.2f}')


def main():
    options = arguments()
    os.environ['MCMP_BIN'] = os.path.abspath(options.bin)
    for folder in ('lib', 'tomcat'):
        sys.path.insert(0, os.path.join(ROOT, 'tests/e2e', folder))
    from front import Front  # pylint: disable=import-outside-toplevel
    from peers import ProxyAjp  # pylint: disable=import-outside-toplevel
    from tomcat import Tomcat  # pylint: disable=import-outside-toplevel
    with Tomcat(java='') as tomcat, \
            Front([tomcat], 'ajp', workers=options.workers, packet=PACKET) as ours, \
            ProxyAjp(tomcat.ports['ajp'], tomcat.secret, PACKET, processes=options.workers) as theirs:
        for proxy in (ours, theirs):
            answer = proxy.get(options.path)
            if answer.status != 200:
                sys.exit(f'{answer.status} {answer.body}')
            load(options, proxy, 3)  # Tomcat's compiler has to see it first
        rounds(options, ours, theirs, tomcat)


main()
