# SPDX-License-Identifier: Apache-2.0
"""Advertise datagrams: made here, heard by a plain socket, and read as the Java client reads them.

JavaReader is strict: what would end the client's listener, or make it ignore a datagram, fails the
test by name."""
import hashlib
import hmac
import re
import socket
import struct
import time
from email.utils import formatdate

GROUP = '224.0.1.105'
HEADERS = ('Date', 'Sequence', 'Digest', 'Server', 'X-Manager-Address', 'X-Manager-Url',
           'X-Manager-Protocol', 'X-Manager-Host')


def digest(key, date, sequence, server):
    salt = hashlib.md5(key.encode()).digest() if key else bytes(16)
    return hashlib.md5(salt + (date + sequence + server).encode()).hexdigest()


def make(server='s-1', address='127.0.0.1:6666', sequence=1, status='200 OK', key='', mac=False,
         date=None, protocol='http', more=()):
    """A datagram as bytes; `more` are further header lines."""
    date = formatdate(date if date is not None else time.time(), usegmt=True)
    lines = [f'HTTP/1.0 {status}', f'Date: {date}', f'Sequence: {sequence}',
             f'Digest: {digest(key, date, str(sequence), server)}', f'Server: {server}',
             f'X-Manager-Address: {address}', f'X-Manager-Url: /{server}',
             f'X-Manager-Protocol: {protocol}', 'X-Manager-Host: test', *more]
    head = ''.join(f'{line}\r\n' for line in lines)
    if mac:
        code = hmac.new(key.encode(), (head + '\r\n').encode(), 'sha256').hexdigest()
        head += f'X-Manager-Digest: hmac-sha256 {code}\r\n'
    return (head + '\r\n').encode()


class JavaReader:
    """What the Java client makes of datagrams; .proxies maps Server to the first address of it."""

    def __init__(self, key=''):
        self.key = key
        self.proxies = {}
        self.last = {}

    def read(self, datagram):
        """The headers; an AssertionError names what the client would stumble over."""
        assert len(datagram) <= 512, f'{len(datagram)} bytes, and 512 are read'
        text = datagram[:512].decode('ascii')
        assert text.endswith('\r\n\r\n'), 'no empty line at the end'
        assert '\n' not in text.replace('\r\n', ''), 'a bare line end'
        first, *lines = text[:-4].split('\r\n')
        parts = first.split(' ', 2)
        assert len(parts) == 3 and re.fullmatch(r'HTTP/1\.\d', parts[0]), f'bad line {first!r}'
        assert parts[1].isdigit() and int(parts[1]) >= 100 and parts[2], f'bad line {first!r}'
        found = {}
        for line in lines:
            name, separator, value = line.partition(': ')
            assert separator and value and value == value.strip(), f'bad header {line!r}'
            assert name not in found, f'{name} twice'
            assert name != 'X-Manager-Address' or 'Server' in found, 'an address before Server'
            found[name] = value
        for name in HEADERS[:-1]:
            assert name in found, f'{name} is missing'
        for name in found:
            assert name in HEADERS or name == 'X-Manager-Digest', f'{name} is no header of it'
        self._check(found, datagram)
        found['status'] = int(parts[1])
        return found

    def _check(self, found, datagram):
        server = found['Server']
        wanted = digest(self.key, found['Date'], found['Sequence'], server)
        assert found['Digest'] == wanted, 'the digest is wrong'
        assert re.fullmatch(r'\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT', found['Date'])
        assert found['Sequence'].isdigit(), 'Sequence is no number'
        assert int(found['Sequence']) > self.last.get(server, 0), 'Sequence is not newer'
        self.last[server] = int(found['Sequence'])
        host, _, port = found['X-Manager-Address'].rpartition(':')
        assert port.isdigit() and 1 <= int(port) <= 65535, 'a bad port ends the listener'
        assert host not in ('0.0.0.0', '[::]', '', '*'), 'the wildcard is announced'
        assert (host[0] == '[') == (':' in host), 'IPv6 without brackets'
        if 'X-Manager-Digest' in found:
            line = f'X-Manager-Digest: {found["X-Manager-Digest"]}\r\n'.encode()
            code = hmac.new(self.key.encode(), datagram.replace(line, b''), 'sha256').hexdigest()
            assert found['X-Manager-Digest'] == f'hmac-sha256 {code}', 'the HMAC is wrong'
        if self.last[server] == 1 or server not in self.proxies:
            first = datagram.split(b' ')[1]
            assert first == b'200', f'{first} as the first word of a server adds the proxy'
            self.proxies[server] = found['X-Manager-Address']


class Listener:
    """Hears a group on the loopback interface."""

    def __init__(self, port, group=GROUP, interface='lo'):
        index = socket.if_nametoindex(interface)
        family = socket.AF_INET6 if ':' in group else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((group, port))
        packed = socket.inet_pton(family, group)
        if family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                                   packed + struct.pack('@I', index))
        else:
            self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                                   packed + struct.pack('@4si', bytes(4), index))

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.socket.close()

    def next(self, timeout=20):
        self.socket.settimeout(timeout)
        return self.socket.recv(65536)

    def is_silent(self, seconds):
        try:
            self.next(seconds)
        except TimeoutError:
            return True
        return False


def send(datagram, port, group=GROUP, interface='lo'):
    """To the group, by the loopback interface."""
    index = socket.if_nametoindex(interface)
    family = socket.AF_INET6 if ':' in group else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as out:
        if family == socket.AF_INET6:
            out.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        else:
            source = socket.inet_aton('127.0.0.1') if interface == 'lo' else bytes(4)
            out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF,
                           struct.pack('@4s4si', bytes(4), source, index))
        out.sendto(datagram, (group, port))
