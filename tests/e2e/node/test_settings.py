# SPDX-License-Identifier: Apache-2.0
"""What mcmp-node can be told beyond the registration itself: a configuration file, PID and log
files, a service manager, Load out of metrics, checks of the application, TLS to balancers."""
import os
import re
import signal
import socket
import ssl
import subprocess
import time

import mcmp
import pytest
from agent import Agent, program
from nodes import free_port
from server import Server
from stub_proxy import StubProxy, answer
from waiting import until


def run(*flags, timeout=10):
    return subprocess.run([program('mcmp-node'), *map(str, flags)], capture_output=True, text=True,
                          timeout=timeout, check=False)


def loads(proxy):
    return [int(r.fields['Load']) for r in proxy.requests if r.name == 'STATUS']


# ---- file, logs, service manager

def test_a_file_tells_all_and_flags_come_after_it(tmp_path):
    with StubProxy() as one, StubProxy() as two:
        (tmp_path / 'node.conf').write_text(
            f'# a comment\nproxy = {one.address}\nproxy {two.address}/x\ncontext = /a,/b\n'
            'alias=www.example\nload = 5\ninterval = 200ms\ndomain = left\n')
        with Agent('--config', tmp_path / 'node.conf', '--load', 9, '--context', '/c'):
            for proxy in (one, two):
                assert proxy.wait_command('STATUS')[0].fields['Load'] == '9'
                assert [r.fields['Context'] for r in proxy.wait_command('ENABLE-APP', 3)] \
                    == ['/a', '/b', '/c']
                assert proxy.wait_command('CONFIG')[0].fields['Domain'] == 'left'
            assert two.requests[0].target == '/x/'


@pytest.mark.parametrize('text, why', [
    ('route = n1\nfrob = 1\n', ":2: unknown setting 'frob'"),
    ('load = 1000\n', ":1: --load: bad value '1000'"),
    ('x' * 70000, 'has more than 65536 bytes'),
    ('a\0b', 'is no text'),
])
def test_a_bad_file_ends_it_with_2(tmp_path, text, why):
    (tmp_path / 'node.conf').write_text(text)
    done = run('--config', tmp_path / 'node.conf')
    assert done.returncode == 2 and why in done.stderr


def test_a_log_file_is_opened_anew_and_the_pid_file_goes_with_the_program(tmp_path):
    log, pid = tmp_path / 'log', tmp_path / 'pid'
    with StubProxy() as proxy, Agent('--log-file', log, '--pid-file', pid, '--drain-wait', 0,
                                     proxies=[proxy]) as node:
        until(lambda: log.exists() and 'registered as n1' in log.read_text())
        assert pid.read_text() == f'{node.pid}\n'
        log.rename(tmp_path / 'old')
        node.signal(signal.SIGHUP)
        until(log.exists)
        assert node.stop() == 0
        assert 'removed' in log.read_text() and 'removed' not in (tmp_path / 'old').read_text()
        assert not pid.exists() and not node.log.lines


@pytest.mark.parametrize('flag', ['--pid-file', '--log-file'])
def test_a_file_that_can_not_be_written_ends_it_with_1(flag):
    done = run('--route', 'x', '--backend', '127.0.0.1:1', '--proxy', '127.0.0.1:1', flag,
               '/no/such/folder/x')
    assert done.returncode == 1 and '/no/such/folder/x' in done.stderr


@pytest.mark.parametrize('abstract', [False, True])
def test_the_service_manager_is_told(tmp_path, monkeypatch, abstract):
    name = f'@mcmp-{os.getpid()}' if abstract else str(tmp_path / 'notify')
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, StubProxy() as proxy:
        manager.bind('\0' + name[1:] if abstract else name)
        manager.settimeout(10)
        monkeypatch.setenv('NOTIFY_SOCKET', name)
        monkeypatch.setenv('WATCHDOG_USEC', '200000')
        with Agent('--drain-wait', 0, proxies=[proxy]) as node:
            assert manager.recv(1000) == b'READY=1\nSTATUS=registers'
            seen = {manager.recv(1000) for _ in range(6)}
            assert seen == {b'WATCHDOG=1', b'STATUS=registered'}
            node.signal()
            until(lambda: manager.recv(1000).startswith(b'STOPPING=1'))
            assert node.wait_exit() == 0


def test_the_unit_is_installed_and_names_the_program(tmp_path):
    build = os.path.join(os.path.dirname(program('mcmp-node')), '..')
    done = subprocess.run(['cmake', '--install', os.path.join(build, 'examples/node'), '--prefix',
                           tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / 'lib/systemd/system/mcmp-node@.service').read_text()
    assert f'ExecStart={tmp_path}/bin/mcmp-node --config /etc/mcmp-node/%i.conf' in text
    assert 'Type=notify' in text and '@mcmp' not in text
    for key in re.findall(r'^(\w+)=', text, re.M):
        assert key[0].isupper(), key


# ---- load

def test_a_command_and_a_url_make_the_load(tmp_path):
    busy = tmp_path / 'busy'
    busy.write_text('50\n')
    with StubProxy() as proxy, StubProxy(lambda _: answer(' 10 \n')) as other:
        with Agent('--interval', '200ms', '--metric', f'command*3/100=cat {busy}', '--metric',
                   f'url/100=http://{other.address}/busy', '--load-history', 0, proxies=[proxy]):
            until(lambda: 60 in loads(proxy), 20, 'half of the one thrice, a tenth of the other')
            busy.write_text('1000')
            until(lambda: loads(proxy)[-1] in (22, 23), 20, 'full thrice, a tenth once')
            busy.write_text('0')
            until(lambda: loads(proxy)[-1] in (97, 98), 20)


def test_history_and_decay_smooth_the_load(tmp_path):
    busy = tmp_path / 'busy'
    busy.write_text('0')
    with StubProxy() as proxy, Agent('--interval', '300ms', '--metric', f'command/100=cat {busy}',
                                     '--load-history', 2, '--load-decay', 2, proxies=[proxy]):
        proxy.wait_command('STATUS', 5)
        busy.write_text('100')
        until(lambda: loads(proxy)[-1] == 1, 20)
        steps = [load for load in loads(proxy) if load != 100]
        assert steps[:2] == [43, 14], 'values 1, 0, 0 and 1, 1, 0 by weights 4, 2, 1'


def test_metrics_of_the_system_give_a_load():
    with StubProxy() as proxy, Agent('--interval', '200ms', '--metric', 'cpu', '--metric',
                                     'memory*2', '--metric', 'loadavg', proxies=[proxy]):
        proxy.wait_command('STATUS', 4)
        assert all(1 <= load <= 100 for load in loads(proxy))


def test_a_metric_that_gives_no_number_is_left_out():
    sleep = f'sleep 77.{os.getpid()}'
    with StubProxy() as proxy, Agent('--interval', '200ms', '--metric', 'command/1=echo much',
                                     '--metric', f'command/1={sleep}', '--metric',
                                     'memory/1000000', '--drain-wait', 0, proxies=[proxy]) as node:
        node.log.wait('echo much is left out: no number')
        node.log.wait(f'{sleep} is left out: no answer in time')
        proxy.wait_command('STATUS', 3)
        assert set(loads(proxy)) == {100}
        assert node.stop() == 0
        assert sum('echo much' in line for line in node.log.lines) == 1, 'said once'
    until(lambda: not subprocess.run(['pgrep', '-f', f'^{sleep}$'], capture_output=True,
                                     check=False).stdout, 10, 'it was killed')


# ---- health

def test_an_application_that_is_not_well_is_not_registered(tmp_path):
    well = tmp_path / 'well'
    with StubProxy() as proxy, Agent('--check', f'test -e {well}', '--check-interval', '50ms',
                                     '--check-fall', 2, '--interval', '60s', '--load', 40,
                                     '--drain-wait', 0, proxies=[proxy]) as node:
        node.log.wait('the application is not well: the command ended with 1')
        time.sleep(0.3)
        assert not proxy.requests, 'nobody was told'
        well.touch()
        proxy.wait_command('STATUS')
        well.unlink()
        proxy.wait_command('STATUS', 2)
        well.touch()
        proxy.wait_command('STATUS', 3)
        assert loads(proxy) == [40, -1, 40]
        assert proxy.names().count('CONFIG') == 1
        assert node.stop() == 0


def test_a_sick_application_may_be_taken_out(tmp_path):
    well = tmp_path / 'well'
    well.touch()
    with StubProxy() as proxy, Agent('--check', f'test -e {well}', '--check-interval', '50ms',
                                     '--check-fall', 1, '--check-action', 'remove',
                                     proxies=[proxy]) as node:
        proxy.wait_command('STATUS')
        well.unlink()
        proxy.wait_command('REMOVE-APP /*')
        well.touch()
        proxy.wait_command('STATUS', 2)
        assert proxy.names() == ['INFO', 'CONFIG', 'ENABLE-APP', 'STATUS', 'REMOVE-APP /*',
                                 'INFO', 'CONFIG', 'ENABLE-APP', 'STATUS']
        node.log.wait('removed, as the backend is not well')


def test_a_url_and_a_port_tell_the_health_too():
    port = free_port()
    with StubProxy() as proxy, Agent('--check', 'tcp', '--check-interval', '50ms', proxies=[proxy],
                                     demo=False, backend=f'127.0.0.1:{port}') as node:
        node.log.wait("the application is not well: can't connect")
        assert not proxy.requests
        answers = [b'HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n',
                   b'HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n']
        with StubProxy(lambda _: answers[0], port=port) as backend:
            proxy.wait_command('STATUS')
            with StubProxy() as other, Agent('--check', f'http://{backend.address}/health?a=b',
                                             '--check-interval', '50ms', proxies=[other],
                                             demo=False, backend=backend.address) as second:
                second.log.wait('the application is not well: the answer is 500')
                assert backend.requests[-1].target == '/health?a=b' and not other.requests
                del answers[0]
                other.wait_command('STATUS')


# ---- TLS

def certificate(folder, name, address='127.0.0.1'):
    files = folder / f'{name}.pem', folder / f'{name}.key'
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2',
                    '-subj', f'/CN={name}', '-addext', f'subjectAltName=IP:{address}', '-keyout',
                    files[1], '-out', files[0]], check=True, capture_output=True)
    return files


@pytest.fixture(name='files', scope='module')
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp('tls')
    return {name: certificate(folder, name, address) for name, address in
            (('proxy', '127.0.0.1'), ('node', '127.0.0.1'), ('elsewhere', '127.0.0.2'))}


class TlsProxy(StubProxy):
    """A balancer whose management port speaks TLS and asks for a certificate."""

    def __init__(self, files, name='proxy', ask=True):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*files[name])
        self.peers = []
        if ask:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(files['node'][0])
        super().__init__()

    def _serve(self, connection, number):
        try:
            secure = self.context.wrap_socket(connection, server_side=True)
        except OSError:
            connection.close()
            return
        self.peers.append(secure.getpeercert())
        super()._serve(secure, number)


def tls_flags(files, ca='proxy', cert='node'):
    return ['--tls-ca', files[ca][0], '--tls-cert', files[cert][0], '--tls-key', files[cert][1]]


def test_a_balancer_is_spoken_to_by_tls_with_a_certificate(files):
    with TlsProxy(files) as proxy, Agent(*tls_flags(files), '--interval', '200ms', '--drain-wait',
                                         0, proxies=[f'https://{proxy.address}']) as node:
        proxy.wait_command('STATUS', 3)
        assert proxy.count == 1, 'one connection carries everything'
        assert dict(entry[0] for entry in proxy.peers[0]['subject'])['commonName'] == 'node'
        assert node.stop() == 0
        assert proxy.names()[-1] == 'REMOVE-APP /*'


def test_a_certificate_that_is_not_trusted_or_of_another_host_is_refused(files):
    with TlsProxy(files, ask=False) as proxy, \
            Agent(*tls_flags(files, ca='elsewhere'), proxies=[f'https://{proxy.address}']) as node:
        node.log.wait('self-signed certificate|unable to get local issuer')
        assert not proxy.requests
    with TlsProxy(files, 'elsewhere', ask=False) as proxy, \
            Agent(*tls_flags(files, ca='elsewhere'), proxies=[f'https://{proxy.address}']) as node:
        node.log.wait('IP address mismatch')
        assert not proxy.requests
    with TlsProxy(files, 'elsewhere', ask=False) as proxy, \
            Agent('--tls-verify', 'no', proxies=[f'https://{proxy.address}']):
        proxy.wait_command('STATUS')


def test_a_node_without_the_certificate_that_is_wanted_is_not_registered(files):
    with TlsProxy(files) as proxy, Agent('--tls-ca', files['proxy'][0],
                                         proxies=[f'https://{proxy.address}']) as node:
        node.log.wait("warn .*(TLS|broke|can't send)")
        assert not proxy.requests


def test_bad_tls_files_end_it_with_1(files):
    base = ['--route', 'x', '--backend', '127.0.0.1:1', '--proxy', 'https://127.0.0.1:1']
    done = run(*base, '--tls-cert', files['node'][0], '--tls-key', files['proxy'][1])
    assert done.returncode == 1 and 'does not belong to --tls-cert' in done.stderr
    done = run(*base, '--tls-ca', '/no/such')
    assert done.returncode == 1 and '--tls-ca' in done.stderr


def test_mcmp_server_by_tls(files):
    with Server('--tls-management', '127.0.0.1:0', '--tls-certificate', files['proxy'][0],
                '--tls-key', files['proxy'][1], '--tls-client-ca', files['node'][0]) as server:
        host, port = server.addresses['tls-management'][0]
        with Agent(*tls_flags(files), proxies=[f'https://{host}:{port}']) as node:
            node.log.wait('registered as n1')
            assert [n['Name'] for n in mcmp.info(server.management)[0]] == ['n1']
