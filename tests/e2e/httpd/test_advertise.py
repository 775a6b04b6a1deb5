# SPDX-License-Identifier: Apache-2.0
"""mod_mcmp makes itself known, in a network namespace of the test's own: every datagram goes through
a reader with the rules of the Java client."""
import os
import signal
import time

import pytest

import netns

REASON = netns.enter()
NO_WIRE = netns.add_wire() if REASON is None else REASON
if REASON is not None:
    pytest.skip(REASON, allow_module_level=True)

# pylint: disable=wrong-import-position
from advert import JavaReader, Listener
from httpd import Httpd, check
from server import children

PORT = 23364
LO = 'ServerAdvertise On\nAdvertiseBindAddress 127.0.0.1\n'
MPM = os.environ.get('MCMP_MPM', 'event')


def announced(listener, reader, status=200, timeout=20):
    found = reader.read(listener.next(timeout))
    assert found['status'] == status, found
    return found


def test_first_at_once_then_every_frequency_then_the_end():
    reader = JavaReader()
    with Listener(PORT) as listener:
        with Httpd(host=LO + 'AdvertiseFrequency 0.300', mpm=MPM, children=2) as httpd:
            found = announced(listener, reader)
            assert found['X-Manager-Address'] == f'127.0.0.1:{httpd.port("management")}'
            assert found['X-Manager-Protocol'] == 'http'
            assert found['X-Manager-Url'] == f'/{found["Server"]}'
            assert found['X-Manager-Host'] == 'localhost'
            begin = time.monotonic()
            for _ in range(5):
                assert announced(listener, reader)['Server'] == found['Server']
            assert 0.8 < time.monotonic() - begin < 30
        statuses = drain(listener, reader)
    assert statuses[-1] == 410 and set(statuses[:-1]) <= {200}
    assert len(reader.proxies) == 1
    assert reader.last[found['Server']] == 6 + len(statuses), 'each number is the last one and 1'


def test_restarts_leave_no_number_out():
    reader = JavaReader()
    with Listener(PORT) as listener:
        with Httpd(host=LO + 'AdvertiseFrequency 0.500', mpm=MPM) as httpd:
            found = announced(listener, reader)
            for _ in range(3):
                httpd.graceful()
        heard = 1 + len(drain(listener, reader))
    assert reader.last[found['Server']] == heard


def drain(listener, reader):
    """Status of everything that was heard up to a silence."""
    statuses = []
    while True:
        try:
            statuses.append(reader.read(listener.next(1))['status'])
        except TimeoutError:
            return statuses


def test_another_process_goes_on_where_the_last_one_was():
    """A killed child and a graceful restart change neither id nor sequence."""
    reader = JavaReader()
    with Listener(PORT) as listener:
        with Httpd(host=LO + 'AdvertiseFrequency 0.200', mpm=MPM, children=2) as httpd:
            httpd.allow_deaths = True
            announced(listener, reader)
            for pid in children(httpd.pid):
                os.kill(pid, signal.SIGKILL)
            announced(listener, reader)
            announced(listener, reader)
            httpd.graceful()
            for _ in range(10):
                announced(listener, reader)
        assert 410 in drain(listener, reader)
    assert len(reader.proxies) == 1


def test_a_host_that_a_restart_takes_away_says_good_bye():
    reader = JavaReader()
    with Listener(PORT) as listener:
        with Httpd(host=LO, mpm=MPM) as httpd:
            found = announced(listener, reader)
            httpd.reconfigure()
            httpd.graceful()
            assert announced(listener, reader, 410)['Server'] == found['Server']
            httpd.graceful()
            assert listener.is_silent(0.5)
            httpd.reconfigure(host=LO)
            httpd.graceful()
            assert announced(listener, reader)['Server'] != found['Server']
        announced(listener, reader, 410)
    assert len(reader.proxies) == 2


def test_with_a_key_the_whole_datagram_is_vouched_for():
    reader = JavaReader('a key, with blanks')
    with Listener(PORT) as listener:
        with Httpd(host=LO + 'AdvertiseSecurityKey "a key, with blanks"', mpm=MPM) as httpd:
            assert 'X-Manager-Digest' in announced(listener, reader)
            assert 'a key' not in httpd.log()
        announced(listener, reader, 410)


def test_a_long_url_leaves_no_room_for_the_second_digest():
    """Java clients read 512 bytes: what they need is in them."""
    reader = JavaReader('k')
    url = '/' + 'u' * 180
    with Listener(PORT) as listener:
        with Httpd(host=LO + f'AdvertiseSecurityKey k\nAdvertiseManagerUrl {url}', mpm=MPM):
            found = announced(listener, reader)
    assert found['X-Manager-Url'] == url and 'X-Manager-Digest' not in found


WIRE = 'ServerAdvertise On\nAdvertiseBindAddress 10.9.8.1\n'


@pytest.mark.skipif(NO_WIRE is not None, reason=str(NO_WIRE))
@pytest.mark.parametrize('listen', ['@wild@', '0.0.0.0:@wild@'])
def test_the_wildcard_is_never_announced(listen):
    reader = JavaReader()
    more = f'Listen {listen}\n<VirtualHost *:@wild@>\nEnableMCMPReceive\n{WIRE}</VirtualHost>\n'
    with Listener(PORT, interface='wire0') as listener:
        with Httpd(more=more, mpm=MPM) as httpd:
            address = announced(listener, reader)['X-Manager-Address']
            assert address == f'10.9.8.1:{httpd.port("wild")}'


def test_group_url_and_the_main_server():
    reader = JavaReader()
    with Listener(24000, '239.1.2.3') as listener:
        with Httpd(main='ServerAdvertise On https://127.0.0.9:7777\nAdvertiseBindAddress lo\n'
                        'AdvertiseGroup 239.1.2.3:24000', mpm=MPM):
            found = announced(listener, reader)
    assert found['X-Manager-Address'] == '127.0.0.9:7777'
    assert found['X-Manager-Protocol'] == 'https'


def test_two_hosts_have_ids_of_their_own():
    reader = JavaReader()
    more = ('Listen 127.0.0.1:@second@\n<VirtualHost 127.0.0.1:@second@>\nEnableMCMPReceive\n' + LO +
            '</VirtualHost>\n')
    with Listener(PORT) as listener:
        with Httpd(host=LO, more=more, mpm=MPM) as httpd:
            announced(listener, reader)
            announced(listener, reader)
            wanted = {f'127.0.0.1:{httpd.port(name)}' for name in ('management', 'second')}
    assert set(reader.proxies.values()) == wanted and len(reader.proxies) == 2


def test_off_is_silent():
    with Listener(PORT) as listener:
        with Httpd(host='AdvertiseBindAddress 127.0.0.1', mpm=MPM):
            assert listener.is_silent(1)


@pytest.mark.parametrize('lines, text', [
    ('AdvertiseBindAddress 192.0.2.7', 'no interface has the name or address 192.0.2.7'),
    ('AdvertiseBindAddress 127.0.0.1\nAdvertiseGroup 10.0.0.1', 'no multicast address'),
    ('AdvertiseBindAddress 127.0.0.1\nAdvertiseManagerUrl /' + 'u' * 250, 'over 512 bytes'),
    ('AdvertiseFrequency 0', 'AdvertiseFrequency'),
])
def test_what_can_not_work_ends_the_start(lines, text):
    with pytest.raises(AssertionError) as ended:
        with Httpd(host='ServerAdvertise On\n' + lines, mpm=MPM):
            pass
    assert text in str(ended.value), str(ended.value)[-2000:]


def test_the_configuration_is_checked_without_a_socket():
    code, said = check('Listen 127.0.0.1:@a@\nServerAdvertise On\nAdvertiseBindAddress 192.0.2.7\n')
    assert code == 0, said
