#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Request rates of Apache httpd through mod_mcmp with two nodes and through mod_proxy_balancer
with the same two as BalancerMembers, and of an unrelated ProxyPass beside mod_mcmp and without
it; loaded by wrk in turn, at several sizes of the cluster. The other nodes are idle; they are
probed once in --period seconds (LBstatusRecalTime), which costs some 40 to 55 us of processor time
each, nearly all of it the kernel's for a connection: 1000 of them in the 5 s of the default take
about 1 % of a processor from whatever else the server does. --probes --period 5 measures it.

   sh tests/bench/httpd.sh [build/release/bin] [--rounds 5] [--seconds 3] [--connections 32]
       [--sizes 2x1,200x10,1000x100] [--mpm event] [--period 60] [--realtime] [--gate]
       [--instructions | --probes]

Two servers that differ in mod_mcmp alone take turns, the first one changing with the round.
Machines differ and drift, so the figure to look at is the ratio: of rates, and of the processor
time that httpd took for a request, both as the median of the rounds. With --realtime (as root)
nothing else runs during a round: on a machine that others use, too, only that gives steady
figures. With --gate the exit status tells whether the goals were met by either: 0.97 for the
cluster, 0.99 for the unrelated rule. With --instructions nothing is timed: callgrind counts the
instructions of the server's own code for a request (the thread that serves in one prefork child,
no kernel): steadier than any time, but for how often it has to wait for the node, a percent or so.
There the other server has a thread of mod_watchdog, too: the C library's calls cost more in a process
with threads, which each child of the event MPM is anyway.
"""
import argparse
import contextlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..')
BODY = '0123456789abcdef' * 4
BALANCER = ('proxy_balancer', 'slotmem_shm', 'lbmethod_byrequests')
WATCHED = ('proxy_hcheck',)  # has a thread of mod_watchdog, as mod_mcmp has
GOALS = {'cluster': 0.97, 'other rule': 0.99}

NGINX = '''daemon off; worker_processes 1; pid {run}/pid; error_log {run}/error.log;
events {{ worker_connections 8192; }}
http {{ access_log off; keepalive_requests 1000000000; keepalive_timeout 300s;
client_body_temp_path {run}/a; proxy_temp_path {run}/b; fastcgi_temp_path {run}/c;
uwsgi_temp_path {run}/d; scgi_temp_path {run}/e;
server {{ {listen} location = /count {{ stub_status; }}
location / {{ default_type text/plain; return 200 {body}; }} }} }}
'''
COMMON = '''MaxKeepAliveRequests 0
ProxyPass /plain http://127.0.0.1:{plain}
'''
WITHOUT = '''<Proxy balancer://two>
BalancerMember http://127.0.0.1:{one}
BalancerMember http://127.0.0.1:{two}
</Proxy>
ProxyPass /app balancer://two/app
'''
WITH = '''LBstatusRecalTime {period}
Maxnode 1100
Maxhost 1100
Maxcontext 120000
'''


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n', maxsplit=1)[0])
    parser.add_argument('--bin', default=os.path.join(ROOT, 'build/release/bin'))
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--seconds', type=int, default=3)
    parser.add_argument('--connections', type=int, default=32)
    parser.add_argument('--sizes', default='2x1,200x10,1000x100')
    parser.add_argument('--mpm', default='event')
    parser.add_argument('--period', type=int, default=60)
    parser.add_argument('--realtime', action='store_true')
    parser.add_argument('--instructions', action='store_true')
    parser.add_argument('--probes', action='store_true')
    parser.add_argument('--gate', action='store_true')
    return parser.parse_args()


class Nodes:
    """An nginx that listens for every node: the two busy ones, and idle ones at 127.0.n.m."""

    def __init__(self, count):
        from nodes import free_port  # pylint: disable=import-outside-toplevel
        self.dir = tempfile.TemporaryDirectory(prefix='mcmp-bench-')
        self.ports = [free_port() for _ in range(3)]
        self.idle = [f'127.0.{1 + i // 250}.{1 + i % 250}' for i in range(count)]
        listen = ''.join(f'listen 127.0.0.1:{port};' for port in self.ports)
        listen += ''.join(f'listen {address}:{self.ports[0]};' for address in self.idle)
        path = os.path.join(self.dir.name, 'nginx.conf')
        with open(path, 'w', encoding='ascii') as file:
            file.write(NGINX.format(run=self.dir.name, listen=listen, body=BODY))
        self.process = subprocess.Popen(['nginx', '-p', self.dir.name, '-c', path],
                                        stderr=subprocess.DEVNULL)

    def requests(self):
        """How many came so far, this one included."""
        import raw  # pylint: disable=import-outside-toplevel
        return int(raw.get(('127.0.0.1', self.ports[0]), '/count').body.split()[9])

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        self.dir.cleanup()


def processor_ns(pid):
    """Of all threads of the server's processes."""
    from server import children  # pylint: disable=import-outside-toplevel
    total = 0
    for each in children(pid):
        for thread in os.listdir(f'/proc/{each}/task'):
            with open(f'/proc/{each}/task/{thread}/schedstat', encoding='ascii') as file:
                total += int(file.read().split()[0])
    return total


@contextlib.contextmanager
def favoured(pids):
    """All threads of these processes, and what we start meanwhile, before those of any other."""
    def schedule(policy, priority):
        for pid in (*pids, os.getpid()):
            for thread in os.listdir(f'/proc/{pid}/task'):
                with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
                    os.sched_setscheduler(int(thread), policy, os.sched_param(priority))
    schedule(os.SCHED_RR, 5)
    try:
        yield
    finally:
        schedule(os.SCHED_OTHER, 0)


def measure(options, httpd, path):
    if not options.realtime:
        return load(options, httpd, path, options.seconds)
    from server import children  # pylint: disable=import-outside-toplevel
    own = [httpd.pid, *children(httpd.pid), options.nodes.process.pid,
           *children(options.nodes.process.pid)]
    with favoured(own):
        return load(options, httpd, path, options.seconds)


def load(options, httpd, path, seconds):
    """Requests per second, and microseconds of the server's processor time for each."""
    before = processor_ns(httpd.pid)
    said = subprocess.run(
        ['wrk', '-t1', f'-c{options.connections}', f'-d{seconds}s',
         f'http://127.0.0.1:{httpd.port("traffic")}{path}'],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout
    used = processor_ns(httpd.pid) - before
    if re.search('Non-2xx|Socket errors', said):
        sys.exit(said)
    rate = float(re.search(r'^Requests/sec:\s*([\d.]+)', said, re.M).group(1))
    count = int(re.search(r'^\s*(\d+) requests in', said, re.M).group(1))
    return rate, used / 1e3 / count


def compare(options, ours, theirs, path):
    """Rows of (rate, us) of theirs and ours."""
    rows = []
    for httpd in (ours, theirs):
        answer = httpd.get(path)
        if answer.status != 200 or answer.body.decode() != BODY:
            sys.exit(f'{path}: {answer.status} {answer.body}')
        load(options, httpd, path, 1)
    for number in range(options.rounds):
        pair = [ours, theirs] if number % 2 else [theirs, ours]
        got = {httpd: measure(options, httpd, path) for httpd in pair}
        rows.append((*got[theirs], *got[ours]))
    return rows


def show(size, what, rows):
    """One line; the ratios, each so that more is better."""
    middle = [statistics.median(column) for column in zip(*rows)]
    rate = statistics.median(row[2] / row[0] for row in rows)
    cost = statistics.median(row[1] / row[3] for row in rows)
    print(f'{size:<10}{what:<12}{middle[0]:>10.0f}{middle[2]:>10.0f}{rate:>8.3f}'
          f'{middle[1]:>10.1f}{middle[3]:>8.1f}{cost:>8.3f}', flush=True)
    return max(rate, cost) >= GOALS[what]


def register(httpd, nodes, count, contexts):
    """The two busy nodes hold /app, each other one contexts of its own."""
    import mcmp  # pylint: disable=import-outside-toplevel
    import raw  # pylint: disable=import-outside-toplevel
    for i in range(2):
        httpd.register(f'busy{i}', nodes.ports[1 + i], context='/app', StickySession='No')
    with raw.Client(httpd.management) as client:
        for i, address in enumerate(nodes.idle[:count - 2]):
            paths = ','.join(f'/n{i}/c{j}' for j in range(contexts))
            for command, fields in (
                    ('CONFIG', {'JVMRoute': f'idle{i}', 'Host': address, 'Port': nodes.ports[0],
                                'Type': 'http', 'StickySession': 'No'}),
                    ('ENABLE-APP', {'JVMRoute': f'idle{i}', 'Alias': 'localhost',
                                    'Context': paths})):
                answer = mcmp.message(client, command, fields)
                if answer.status != 200:
                    sys.exit(f'{command}: {answer.headers}')


def servers(options, nodes, theirs=BALANCER, **more):
    """The two to compare, not yet started."""
    from httpd import Httpd  # pylint: disable=import-outside-toplevel
    plain, one, two = nodes.ports
    common = COMMON.format(plain=plain)
    return (lambda: Httpd(common + WITHOUT.format(one=one, two=two), modules=theirs,
                          mcmp_module=False, receive=False, **more),
            lambda: Httpd(WITH.format(period=options.period) + common, level='warn', **more))


def run(options, nodes, size):
    theirs, ours = servers(options, nodes, mpm=options.mpm, threads=64,
                           children=1 if options.mpm == 'event' else 64)
    with theirs() as theirs, ours() as ours:
        register(ours, nodes, *size)
        name = '%dx%d' % size
        met = show(name, 'cluster', compare(options, ours, theirs, '/app'))
        return show(name, 'other rule', compare(options, ours, theirs, '/plain/')) and met


def count_once(make, prepare, path, requests):
    """Instructions of the child's first thread, which serves requests, for so many of them."""
    import raw  # pylint: disable=import-outside-toplevel
    from waiting import until  # pylint: disable=import-outside-toplevel
    with make() as httpd:
        prepare(httpd)
        child, = until(httpd.children, 20, 'the child')
        with raw.Client(httpd.traffic, timeout=60) as client:
            for _ in range(requests):
                if client.get(path).status != 200:
                    sys.exit(f'{path} is not served')
    with open(f'{make.out}.{child}-01', encoding='ascii') as file:
        return int(re.search(r'^(?:totals|summary): (\d+)', file.read(), re.M).group(1))


def count(make, prepare, path):
    """Instructions of one request."""
    few, many = (count_once(make, prepare, path, requests) for requests in (100, 500))
    return (many - few) / 400


def run_counted(options, nodes, size):
    with tempfile.TemporaryDirectory(prefix='mcmp-bench-') as folder:
        os.chmod(folder, 0o777)  # the child is another user
        out = os.path.join(folder, 'out')
        wrap = ['valgrind', '--tool=callgrind', '--separate-threads=yes',
                f'--callgrind-out-file={out}.%p']
        makes = servers(options, nodes, BALANCER + WATCHED, mpm='prefork', children=1, wrap=wrap)
        for make in makes:
            make.out = out
        met = []
        for what, path in (('cluster', '/app'), ('other rule', '/plain/')):
            theirs = count(makes[0], lambda httpd: None, path)
            ours = count(makes[1], lambda httpd: register(httpd, nodes, *size), path)
            print(f'{"%dx%d" % size:<10}{what:<12}{theirs:>10.0f}{ours:>10.0f}'
                  f'{theirs / ours:>8.3f}', flush=True)
            met.append(theirs / ours >= GOALS[what])
        return all(met)


def run_probes(options, nodes, size):
    """Nobody asks for anything: what the server does is to probe."""
    _, make = servers(options, nodes, mpm=options.mpm)
    rows = []
    with make() as httpd:
        register(httpd, nodes, *size)
        time.sleep(options.period + 2)  # each has its due time now
        for _ in range(options.rounds):
            start, came, used = time.monotonic(), nodes.requests(), processor_ns(httpd.pid)
            time.sleep(options.seconds)
            used = processor_ns(httpd.pid) - used
            came = nodes.requests() - came - 1
            took = time.monotonic() - start
            rows.append((came / took, used / 1e3 / came, used / took / 1e7))
    print('%-10s%10.0f%10.1f%10.2f' % ('%dx%d' % size, *map(statistics.median, zip(*rows))),
          flush=True)
    return True


def main():
    options = arguments()
    os.environ['MCMP_BIN'] = os.path.abspath(options.bin)
    sys.path.insert(0, os.path.join(ROOT, 'tests/e2e/lib'))
    sizes = [tuple(map(int, size.split('x'))) for size in options.sizes.split(',')]
    nodes = options.nodes = Nodes(max(count for count, _ in sizes))
    try:
        if options.probes:
            print(f'probes of idle nodes, median of {options.rounds} rounds of {options.seconds} s')
            print(f'{"registered":<10}{"each s":>10}{"us":>10}{"% of one":>10}')
            met = [run_probes(options, nodes, size) for size in sizes]
        elif options.instructions:
            print(f'{"registered":<10}{"":<12}{"without":>10}{"mod_mcmp":>10}{"ratio":>8}')
            met = [run_counted(options, nodes, size) for size in sizes]
        else:
            print(f'{options.mpm} MPM, {options.connections} connections, {options.rounds} rounds '
                  f'of {options.seconds} s: requests per second, us of processor time for each')
            print(f'{"registered":<10}{"":<12}{"without":>10}{"mod_mcmp":>10}{"ratio":>8}'
                  f'{"us":>10}{"us":>8}{"ratio":>8}')
            met = [run(options, nodes, size) for size in sizes]
    finally:
        nodes.stop()
    if options.gate and not all(met):
        sys.exit('httpd.py: a goal was missed by rate and by processor time')


main()
