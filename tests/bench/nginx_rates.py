#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Request rates of one nginx worker that proxies to the same backends by a static upstream with
keepalive and by mcmp_balancer, at several sizes of the cluster, and over AJP to a Tomcat beside
httpd's mod_proxy_ajp. The two of a pair are loaded by wrk in turn, several rounds; the median of the
rounds' ratios counts, since machines differ and drift.

The backends are one nginx on as many loopback addresses. The static upstream has the same servers, and
room for an idle connection to each of them.
"""
import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..')
SIZES = ('2x1', '200x10', '1000x100')
PACKET = 65536
BODY = '0123456789abcdef' * 4

PROXY = ('proxy_pass http://{}; proxy_http_version 1.1; proxy_set_header Connection ""; '
         'proxy_set_header Host $host;')


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n', maxsplit=1)[0])
    parser.add_argument('--bin', default=os.path.join(ROOT, 'build/release/bin'))
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--seconds', type=int, default=4)
    parser.add_argument('--connections', type=int, default=50)
    parser.add_argument('--only', choices=(*SIZES, 'ajp'), action='append')
    parser.add_argument('--goal', type=float, default=0.97, help='of the static pairs; exit 1 below')
    parser.add_argument('--nice', type=int, default=0,
                        help='of all that takes part; -15 (as root) where others work, too')
    return parser.parse_args()


def seconds_of(pids):
    total = 0
    for pid in pids:
        with open(f'/proc/{pid}/stat', encoding='ascii') as file:
            words = file.read().rsplit(')', 1)[1].split()
        total += int(words[11]) + int(words[12])
    return total / os.sysconf('SC_CLK_TCK')


def load(options, address, path, pids, seconds=None):
    """Requests per second, and microseconds of the proxy's processor time for each."""
    before = seconds_of(pids)
    said = subprocess.run(
        ['wrk', '-t1', f'-c{options.connections}', f'-d{seconds or options.seconds}s',
         f'http://{address[0]}:{address[1]}{path}'],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout
    used = seconds_of(pids) - before
    if re.search('Non-2xx|Socket errors', said):
        sys.exit(said)
    rate = float(re.search(r'^Requests/sec:\s*([\d.]+)', said, re.M).group(1))
    return rate, used * 1e6 / int(re.search(r'^\s*(\d+) requests in', said, re.M).group(1))


def compare(options, name, ours, theirs):
    """ours and theirs: address, path, pids. The median ratio of rates."""
    rows = []
    for each in (ours, theirs):
        load(options, *each, seconds=2)
    for number in range(options.rounds):
        pair = [ours, theirs]
        order = pair if number % 2 == 0 else pair[::-1]
        found = {id(each): load(options, *each) for each in order}
        rows.append((*found[id(ours)], *found[id(theirs)]))
    middle = [statistics.median(column) for column in zip(*rows)]
    ratio = statistics.median(row[0] / row[2] for row in rows)
    times = statistics.median(row[1] / row[3] for row in rows)
    spread = f'{min(r[0] / r[2] for r in rows):.2f}..{max(r[0] / r[2] for r in rows):.2f}'
    print(f'{name:<10}{middle[0]:>9.0f}{middle[1]:>8.1f}{middle[2]:>11.0f}{middle[3]:>8.1f}'
          f'{ratio:>8.3f}{spread:>13}{times:>10.3f}', flush=True)
    return ratio


class Backends:
    """An nginx that answers on the first `count` addresses of 127.1.0.0/16, one port."""

    def __init__(self, count):
        self.hosts = [f'127.1.{i // 250}.{i % 250 + 1}' for i in range(count)]
        self.dir = tempfile.TemporaryDirectory(prefix='mcmp-bench-')
        self.port = free_port()
        listens = ' '.join(f'listen {host}:{self.port};' for host in self.hosts)
        temps = ' '.join(f'{kind}_temp_path {self.dir.name}/{kind};'
                         for kind in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
        with open(f'{self.dir.name}/conf', 'w', encoding='ascii') as file:
            file.write(f'daemon off; worker_processes 1; pid {self.dir.name}/pid; error_log '
                       f'{self.dir.name}/log; worker_rlimit_nofile 16384; '
                       'events { worker_connections 8192; } '
                       f'http {{ {temps} access_log off; keepalive_requests 1000000000; '
                       f'keepalive_timeout 300s; server {{ {listens} location / {{ '
                       f'default_type text/plain; return 200 {BODY}; }} }} }}')
        self.process = subprocess.Popen(['nginx', '-p', self.dir.name, '-c',
                                         f'{self.dir.name}/conf'], stderr=subprocess.DEVNULL)
        until(lambda: self.answers(self.hosts[-1]), 20, 'the backends answer')

    def answers(self, host):
        try:
            return raw.get((host, self.port), '/').status == 200
        except OSError:
            return False

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.process.terminate()
        self.process.wait()
        self.dir.cleanup()


def register(server, backends, contexts):
    """One connection for all of it."""
    paths = ','.join(f'/c{i}' for i in range(contexts))
    with raw.Client(server.management, timeout=60) as client:
        for number, host in enumerate(backends.hosts):
            route = {'JVMRoute': f'n{number}'}
            for command, fields in (
                    ('CONFIG', {'Host': host, 'Port': backends.port, 'Type': 'http',
                                'StickySession': 'No'}),
                    ('ENABLE-APP', {'Alias': 'localhost', 'Context': paths}),
                    ('STATUS', {'Load': 100})):
                answer = mcmp.message(client, command, {**route, **fields})
                assert answer.status == 200, (command, answer.headers, answer.body)


def static_pair(options, size):
    nodes, contexts = map(int, size.split('x'))
    with Backends(nodes) as backends:
        servers = ' '.join(f'server {host}:{backends.port};' for host in backends.hosts)
        port = free_port()
        http = ('upstream fixed { %s keepalive %d; keepalive_requests 1000000000; } '
                'upstream cluster { mcmp_balancer cluster; } keepalive_requests 1000000000; '
                'mcmp_keepalive 64 requests=1000000000; '
                'mcmp_limits nodes=1200 aliases=4000 contexts=120000; '
                'mcmp_timing recalc=1h silent_after=off; access_log off; '
                'server { listen 127.0.0.1:%d; access_log off; location / { %s } } '
                % (servers, max(64, 2 * nodes), port, PROXY.format('fixed')))
        with Nginx(http=http, locations='access_log off; location / { %s }'
                   % PROXY.format('cluster'), workers=1, connections=16384,
                   zone='mcmp_zone cluster 256m;',
                   level='error', main='worker_rlimit_nofile 16384;') as server:
            register(server, backends, contexts)
            path = f'/c{contexts // 2}/page'
            pids = server.workers()
            assert raw.get(server.traffic, path).body.decode() == BODY
            return compare(options, size, (server.traffic, path, pids),
                           (('127.0.0.1', port), path, pids))


def ajp_pair(options):
    path = '/app/bytes?n=64'
    with Tomcat(java='') as tomcat, \
            Nginx(server=f'mcmp_ajp_secret {tomcat.secret}; mcmp_ajp_packet_size {PACKET}; '
                         'access_log off;', workers=1, level='error',
                  http='keepalive_requests 1000000000;') as ours, \
            ProxyAjp(tomcat.ports['ajp'], tomcat.secret, PACKET, processes=1) as theirs:
        ours.register('n1', tomcat.ports['ajp'], context='/app', scheme='ajp')
        family = [int(pid) for pid in subprocess.run(
            ['ps', '--ppid', str(theirs.process.pid), '-o', 'pid='], capture_output=True,
            text=True, check=True).stdout.split()]
        for address in (ours.traffic, theirs.traffic):
            for _ in range(2):
                load(options, address, path, [], 3)  # Tomcat's compiler has to see it first
        return compare(options, 'ajp', (ours.traffic, path, ours.workers()),
                       (theirs.traffic, path, family))


def main():
    options = arguments()
    os.setpriority(os.PRIO_PROCESS, 0, options.nice)  # all that is started inherits it
    wanted = options.only or (*SIZES, 'ajp')
    print(f'one worker, {options.connections} connections, {options.rounds} rounds of '
          f'{options.seconds} s: requests per second, us of the proxy\'s processor time each')
    print(f'{"":<10}{"mcmp":>9}{"us":>8}{"other":>11}{"us":>8}{"ratio":>8}{"of rounds":>13}'
          f'{"us ratio":>10}')
    low = [size for size in SIZES if size in wanted and static_pair(options, size) < options.goal]
    if 'ajp' in wanted and ajp_pair(options) < 1:
        low.append('ajp')
    if low:
        sys.exit(f'below the goal: {", ".join(low)}')


if __name__ == '__main__':
    for index, word in enumerate(sys.argv):
        if word == '--bin':
            os.environ['MCMP_BIN'] = os.path.abspath(sys.argv[index + 1])
    os.environ.setdefault('MCMP_BIN', os.path.abspath(os.path.join(ROOT, 'build/release/bin')))
    for folder in ('lib', 'tomcat'):
        sys.path.insert(0, os.path.join(ROOT, 'tests/e2e', folder))
    # pylint: disable=wrong-import-position
    import mcmp  # noqa: E402
    import raw  # noqa: E402
    from nginx import Nginx  # noqa: E402
    from nodes import free_port  # noqa: E402
    from peers import ProxyAjp  # noqa: E402
    from tomcat import Tomcat  # noqa: E402
    from waiting import until  # noqa: E402
    main()
