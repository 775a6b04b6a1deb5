# SPDX-License-Identifier: Apache-2.0
"""mcmp-server makes itself known: what it says and when, heard by a strict Java reader."""
import signal
import socket
import subprocess
import time

import pytest

import advert
import server
from advert import JavaReader, Listener

PORT = 23364


def flags(*more, frequency='10s'):
    return ['--advertise', '--advertise-interface', 'lo', '--advertise-frequency', frequency, *more]


def announced(listener, reader, status=200, timeout=20):
    found = reader.read(listener.next(timeout))
    assert found['status'] == status, found
    return found


def address_of(s):
    return f'{s.management[0]}:{s.management[1]}'


def test_first_at_once_and_the_stop_is_said():
    reader = JavaReader()
    with Listener(PORT) as listener:
        s = server.Server(*flags())
        found = announced(listener, reader)
        address = address_of(s)
        assert found['X-Manager-Address'] == address
        assert found['X-Manager-Protocol'] == 'http'
        assert found['X-Manager-Url'] == f'/{found["Server"]}'
        assert found['X-Manager-Host'] == socket.gethostname()
        assert 'X-Manager-Digest' not in found
        assert listener.is_silent(0.3)
        s.stop()
        gone = announced(listener, reader, 410)
        assert gone['Server'] == found['Server']
        assert listener.is_silent(0.2)
    assert reader.proxies == {found['Server']: address}


def test_every_frequency_and_a_new_id_at_each_start():
    reader = JavaReader()
    with Listener(PORT) as listener:
        for _ in range(2):
            with server.Server(*flags(frequency='100ms')):
                begin = time.monotonic()
                ids = {announced(listener, reader)['Server'] for _ in range(6)}
                assert 0.3 < time.monotonic() - begin < 30
                assert len(ids) == 1
            while announced_status(listener, reader) == 200:
                pass
    assert len(reader.proxies) == 2


def announced_status(listener, reader):
    return reader.read(listener.next())['status']


def test_workers_and_a_reload_do_not_speak():
    """The master alone does: a worker that dies or is replaced changes nothing."""
    reader = JavaReader()
    with Listener(PORT) as listener:
        with server.Server(*flags('--stop-timeout', '1s'), workers=3) as s:
            found = announced(listener, reader)
            s.signal(signal.SIGHUP)
            for _ in range(20):
                if 'reloaded' in s.log():
                    break
                time.sleep(0.1)
            assert 'reloaded' in s.log()
            assert listener.is_silent(0.5)
        assert announced(listener, reader, 410)['Server'] == found['Server']


@pytest.mark.parametrize('hmac', [True, False])
def test_with_a_key(tmp_path, hmac):
    reader = JavaReader('s3cret, with blanks')
    (tmp_path / 'key').write_text('s3cret, with blanks\nnot this\n')
    more = ['--advertise-key-file', tmp_path / 'key'] + ([] if hmac else ['--advertise-hmac=no'])
    with Listener(PORT) as listener:
        with server.Server(*flags(*more)) as s:
            found = announced(listener, reader)
            assert ('X-Manager-Digest' in found) == hmac
            assert 's3cret' not in s.log()
        announced(listener, reader, 410)


@pytest.mark.parametrize('management, host', [('0.0.0.0:0', '127.0.0.1'), ('*:0', '127.0.0.1'),
                                              ('[::]:0', '[::1]')])
def test_the_wildcard_is_never_announced(management, host):
    reader = JavaReader()
    with Listener(PORT) as listener:
        with server.Server(*flags(), management=[management]) as s:
            address = announced(listener, reader)['X-Manager-Address']
            assert address == f'{host}:{s.management[1]}'
        announced(listener, reader, 410)


def test_ipv6(wire):
    """A link-local address is not announced, though the interface has one."""
    reader = JavaReader()
    with Listener(PORT, 'ff05::1:5', wire) as listener:
        with server.Server(*flags('--advertise-group', '[ff05::1:5]:23364',
                                  '--advertise-interface', wire), management=['[::]:0']) as s:
            found = announced(listener, reader)
            assert found['X-Manager-Address'] == f'[fd00:9:8::1]:{s.management[1]}'
        announced(listener, reader, 410)


@pytest.mark.parametrize('management, host', [('0.0.0.0:0', '10.9.8.1'),
                                              ('[::]:0', '[fd00:9:8::1]')])
def test_the_address_is_that_of_the_interface(wire, management, host):
    reader = JavaReader()
    with Listener(PORT, interface=wire) as listener:
        with server.Server(*flags('--advertise-interface', wire), management=[management]) as s:
            found = announced(listener, reader)
            assert found['X-Manager-Address'] == f'{host}:{s.management[1]}'


def test_all_options_are_said():
    reader = JavaReader()
    with Listener(24000, '239.1.2.3') as listener:
        with server.Server(*flags('--advertise-group', '239.1.2.3:24000', '--advertise-address',
                                  '198.51.100.7:443', '--advertise-url', '/mcmp',
                                  '--advertise-protocol', 'https', '--advertise-host',
                                  'front.example', '--advertise-ttl', '0')):
            found = announced(listener, reader)
    assert found['X-Manager-Address'] == '198.51.100.7:443'
    assert found['X-Manager-Url'] == '/mcmp'
    assert found['X-Manager-Protocol'] == 'https'
    assert found['X-Manager-Host'] == 'front.example'


def test_loop_off_is_not_heard_here(wire):
    with Listener(PORT, interface=wire) as listener:
        for loop in ('yes', 'no'):
            with server.Server(*flags('--advertise-interface', wire, f'--advertise-loop={loop}')):
                assert listener.is_silent(0.5) == (loop == 'no')
            if loop == 'yes':
                assert b'410 Gone' in listener.next()


def test_a_network_that_is_not_there_yet_is_waited_for():
    """No route to the group: told once, and a 410 is not sent for what was never announced."""
    with Listener(PORT) as listener:
        with server.Server('--advertise', '--advertise-frequency', '50ms', '--advertise-address',
                           '198.51.100.7:6666') as s:
            time.sleep(0.5)
            assert s.log().count("can't send a datagram") == 1
        assert listener.is_silent(0.2)


@pytest.mark.parametrize('more, text', [
    (['--advertise-interface', 'no-such-if'], 'advertise-interface'),
    (['--advertise-interface', '192.0.2.1'], 'advertise-interface'),
    (['--advertise-group', '10.0.0.1:23364'], 'advertise-group'),
    (['--advertise-address', '0.0.0.0'], 'advertise-address'),
    (['--advertise-address', 'front.example:6666'], 'advertise-address'),
    (['--advertise-frequency', '0'], 'advertise-frequency'),
    (['--advertise-ttl', '256'], 'advertise-ttl'),
    (['--advertise-key-file', '/nonexistent'], 'advertise-key-file'),
    (['--advertise-key-file', '/dev/null'], 'advertise-key-file'),
    (['--advertise-url', '/' + 'u' * 400], 'X-Manager-Url'),
    (['--management', 'none'], 'needs a management listener'),
])
def test_what_can_not_work_is_an_error_at_the_start(more, text):
    done = subprocess.run([server.program(), '--listen', '127.0.0.1:0', '--management',
                           '127.0.0.1:0', *flags(), *more], capture_output=True, text=True,
                          timeout=20, check=False)
    assert done.returncode in (1, 2), done.stderr
    assert text in done.stderr, done.stderr


def test_the_reader_is_strict():
    """It finds what a Java client would stumble over."""
    reader = JavaReader()
    good = advert.make()
    reader.read(good)
    bad = {
        'Sequence is not newer': good,
        'and 512 are read': advert.make(sequence=2, more=['X-Manager-Long: ' + 'l' * 300]),
        'the digest is wrong': advert.make(sequence=2, key='k'),
        'adds the proxy': advert.make(server='s-2', status='410 Gone'),
        'an address before Server': b'\r\n'.join(
            sorted(advert.make(sequence=2).split(b'\r\n')[:-2],
                   key=lambda line: line.startswith(b'Server'))) + b'\r\n\r\n',
        'no empty line': advert.make(sequence=2)[:-2],
        'ends the listener': advert.make(sequence=2, address='127.0.0.1:x'),
        'wildcard': advert.make(sequence=3, address='0.0.0.0:80'),
        'Digest is missing': advert.make(sequence=4).replace(b'Digest: ', b'X-Manager-Digest: '),
    }
    for text, datagram in bad.items():
        with pytest.raises(AssertionError, match=text):
            reader.read(datagram)
