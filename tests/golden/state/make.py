# SPDX-License-Identifier: Apache-2.0
"""Writes v1.state from docs/state-file.md alone, with a checksum of its own; --check compares."""
import os
import struct
import sys

M = (1 << 64) - 1
P1, P2, P3, P4, P5 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9,
                      0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)


def rotate(x, r):
    return (x << r | x >> 64 - r) & M


def mix(acc, lane):
    return rotate((acc + lane * P2) & M, 31) * P1 & M


def xxh64(data):
    at, n = 0, len(data)
    if n >= 32:
        v = [P1 + P2 & M, P2, 0, -P1 & M]
        while at + 32 <= n:
            v = [mix(a, lane) for a, lane in zip(v, struct.unpack_from('<4Q', data, at))]
            at += 32
        h = sum(rotate(a, r) for a, r in zip(v, (1, 7, 12, 18))) & M
        for a in v:
            h = ((h ^ mix(0, a)) * P1 + P4) & M
    else:
        h = P5
    h = h + n & M
    while at + 8 <= n:
        h = (rotate(h ^ mix(0, struct.unpack_from('<Q', data, at)[0]), 27) * P1 + P4) & M
        at += 8
    if at + 4 <= n:
        h = (rotate(h ^ struct.unpack_from('<I', data, at)[0] * P1 & M, 23) * P2 + P3) & M
        at += 4
    for byte in data[at:]:
        h = rotate(h ^ byte * P5 & M, 11) * P1 & M
    h = (h ^ h >> 33) * P2 & M
    h = (h ^ h >> 29) * P3 & M
    return h ^ h >> 32


assert xxh64(b'') == 0xEF46DB3751D8E999  # of the specification of xxHash


def text(value):
    data = value.encode('latin-1')
    return struct.pack('<H', len(data)) + data


def seconds(value):
    return int(value * 1000000)


def balancer(flags, attempts, wait, name, cookie, path):
    return struct.pack('<BIq', flags, attempts, seconds(wait)) + text(name) + text(cookie) + text(path)


def node(id, balancer, port, type, flush, smax, flags, load, flushwait, ping, ttl, timeout, age, elected,
         read, sent, owner, route, host, domain):
    return (struct.pack('<QIHBBiBb5q3QB', id, balancer, port, type, flush, smax, flags, load,
                        seconds(flushwait), seconds(ping), seconds(ttl), seconds(timeout),
                        age if age < 0 else seconds(age), elected, read, sent, owner[0])
            + owner[1] + text(route) + text(host) + text(domain))


def alias(node, number, name):
    return struct.pack('<II', node, number) + text(name)


def context(alias, status, path):
    return struct.pack('<IB', alias, status) + text(path)


def domain(age, route, name):
    return struct.pack('<q', seconds(age)) + text(route) + text(name)


V4 = (1, bytes(10) + b'\xff\xff\x0a\x00\x00\x01')
IDENTITY = (2, bytes(range(16)))
NOBODY = (0, bytes(16))
SECTIONS = (
    (b'CLUS', [struct.pack('<QQ', 1234567890, 77) + text('golden/1.0.0.Final')]),
    (b'BALA', [balancer(3, 1, 0, 'second', 'JSESSIONID', 'jsessionid'),
               balancer(4, 2147483647, 1 << 20, 'first balancer', 'X', 'p\xe4th')]),
    (b'NODE', [node(3, 1, 65535, 4, 2, -2147483648, 1, 100, 0.01, 10, 60, 0, 5, 1 << 40, 2, 3, V4,
                    'route.with.dots', '[2001:db8::1]', 'east'),
               node(70, 0, 1, 0, 0, -1, 0, -1, 0, 0, 0, 0, -1, 0, 0, 0, IDENTITY, 'b', 'h', ''),
               node(77, 0, 8080, 1, 1, 7, 0, 0, 0.001, 0.5, 3600, 20, 86400, 9, 1 << 63, 8, NOBODY,
                    'c\xff', '192.0.2.1', 'east')]),
    (b'ALIA', [alias(0, 2, 'www.example.com'), alias(0, 7, '*.example.org'), alias(0, 2, 'x'),
               alias(2, 1, 'localhost')]),
    (b'CTXT', [context(2, 3, '/'), context(1, 1, '/shop'), context(0, 2, '/a/b/c'),
               context(2, 1, '/shop'), context(3, 1, 'odd')]),
    (b'DOMA', [domain(299, 'gone', 'west'), domain(0, 'gone2', 'north \xfc')]),
)


def build():
    heads, body = [], b''
    for tag, records in SECTIONS:
        payload = b''.join(records)
        head = tag + struct.pack('<IQQ', len(records), len(payload), xxh64(payload))
        head += struct.pack('<Q', xxh64(head))
        heads.append(head)
        body += head + payload
    start = (b'\x89mcmp\r\n\x1a'
             + struct.pack('<IIQQ', 1, len(SECTIONS), 40 + len(body), xxh64(b''.join(heads))))
    return start + struct.pack('<Q', xxh64(start)) + body


if __name__ == '__main__':
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'v1.state')
    if sys.argv[1:] == ['--check']:
        with open(path, 'rb') as file:
            sys.exit('v1.state is not what docs/state-file.md says' if file.read() != build() else 0)
    with open(path, 'wb') as file:
        file.write(build())
