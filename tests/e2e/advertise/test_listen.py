# SPDX-License-Identifier: Apache-2.0
"""mcmpctl listen: what is heard is shown, what a node would not believe is refused by name."""
import json
import subprocess
import time

import pytest

import advert
import server
from agent import program
from ctl import ctl

PORT = 23364
FLAGS = ['listen', '--interface', 'lo']


class Listening:
    """A running mcmpctl that has joined the group; lines() ends it after so many datagrams."""

    def __init__(self, *more):
        self.process = subprocess.Popen([program('mcmpctl'), *FLAGS, *map(str, more)],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        end = time.monotonic() + 30
        while '224.0.1.105' not in groups() and time.monotonic() < end:
            time.sleep(0.01)

    def __enter__(self):
        return self

    def __exit__(self, *args):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def done(self, code=0):
        out, err = self.process.communicate(timeout=40)
        assert self.process.returncode == code, (self.process.returncode, out, err)
        return out


def groups():
    """Groups joined in this namespace."""
    with open('/proc/net/igmp', encoding='ascii') as file:
        words = [line.split()[0] for line in file.readlines()[1:] if line.startswith('\t\t\t\t')]
    return ['.'.join(str(byte) for byte in reversed(bytes.fromhex(word))) for word in words]


def test_a_server_is_seen_to_come_and_go():
    with Listening() as listening:
        out = listening.process.stdout
        head = out.readline()
        with server.Server('--advertise', '--advertise-interface', 'lo', '--advertise-frequency',
                           '300ms') as s:
            address = '%s:%d' % s.management
            lines = [out.readline(), out.readline()]
        while 'left' not in lines[-1]:
            lines.append(out.readline())
    assert head.split() == ['TIME', 'FROM', 'ADDRESS', 'PROTO', 'STATUS', 'SERVER', 'SEQUENCE',
                            'DIGEST', 'VERDICT']
    assert lines[0].split()[2:5] == [address, 'http', '200']
    assert lines[0].endswith('no key  new\n') and lines[1].endswith('no key  same\n')
    assert lines[-1].split()[4] == '410'
    assert len({line.index(address) for line in lines}) == 1


def test_json_is_a_document_per_line(tmp_path):
    (tmp_path / 'key').write_text('k\n')
    with Listening('--json', '--count', '4', '--key-file', tmp_path / 'key') as listening:
        advert.send(advert.make(key='k'), PORT)
        advert.send(advert.make(key='k', sequence=2, mac=True), PORT)
        advert.send(advert.make(key='other', sequence=3), PORT)
        advert.send(advert.make(key='k', sequence=4, status='410 Gone', mac=True), PORT)
        found = [json.loads(line) for line in listening.done(5).splitlines()]
    assert [item['verdict'] for item in found] == ['new', 'same', 'refused', 'left']
    assert [item.get('digest') for item in found] == ['md5', 'hmac', None, 'hmac']
    assert found[0]['address'] == '127.0.0.1:6666' and found[0]['server'] == 's-1'
    assert found[0]['from'].startswith('127.0.0.1:')
    assert found[2]['reason'] == 'Digest is wrong for the security key'
    assert 'k' not in [item.get('key') for item in found]


@pytest.mark.parametrize('datagram, reason', [
    (advert.make(sequence='x'), 'Sequence: not a number'),
    (advert.make()[:100], 'not printable ASCII that ends in CRLF'),
    (advert.make(more=['X-Long: ' + 'l' * 400]), 'more than 512 bytes'),
    (advert.make(address='0.0.0.0:80'), 'the wildcard address'),
    (advert.make(key='k'), 'Digest is wrong: the sender may have a key'),
    (b'\x1b[2J', 'not HTTP/1.x'),
])
def test_what_a_node_would_not_believe_is_refused(datagram, reason):
    with Listening('--count', '1') as listening:
        advert.send(datagram, PORT)
        line = listening.done(5).splitlines()[1]
    assert 'refused: ' in line and reason in line
    assert '\x1b' not in line


def test_a_repeated_datagram_is_a_replay():
    with Listening('--count', '2') as listening:
        advert.send(advert.make(sequence=7), PORT)
        advert.send(advert.make(sequence=7), PORT)
        lines = listening.done(5).splitlines()[1:]
    assert lines[0].endswith('new') and 'Sequence 7 is not newer than 7' in lines[1]


def test_silence_is_told():
    ran = ctl(None, *FLAGS, '--for', '200ms')
    assert ran.code == 3 and ran.err == 'mcmpctl: nothing was heard from 224.0.1.105:23364\n'


@pytest.mark.parametrize('args, err', [
    (['listen', '--interface', 'nope'], 'no interface has the name or address nope'),
    (['listen', '--group', '10.0.0.1:99'],
     'the group is no multicast address (224.0.0.0/4, [ff00::]/8)'),
    (['listen', '--key-file', '/nonexistent'],
     '--key-file: /nonexistent: No such file or directory'),
    (['listen', '--key-file', '/dev/null'],
     '--key-file: the first line of /dev/null is no key of 1 to 1022 bytes'),
    (['nodes', '--for', '1s'], '--for does not go with nodes'),
])
def test_a_wrong_command_line_is_named(args, err):
    ctl(None, *args).must(2, err)
