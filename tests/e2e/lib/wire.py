# SPDX-License-Identifier: Apache-2.0
"""A client of the demonstration application: raw.Client by port, its answers with a few short cuts,
and the client's side of a WebSocket."""
import base64
import os

import raw


class Reply:
    """An answer; headers by name in any case, None when missing."""

    def __init__(self, answer):
        self.answer = answer
        self.status = answer.status
        self.body = answer.body

    def __getitem__(self, name):
        return self.answer.get(name)

    @property
    def text(self):
        return self.body.decode('latin-1')

    @property
    def route(self):
        return self['X-Route']


class Wire(raw.Client):
    """One connection to a loopback port. Headers are given as `Name: value`."""

    def __init__(self, port, **args):
        super().__init__(('127.0.0.1', port), **args)

    def reply(self, method='GET', **args):
        return Reply(self.answer(method, **args))

    def get(self, path='/', *headers, **args):
        pairs = [tuple(header.split(': ', 1)) for header in headers]
        return Reply(super().get(path, headers=pairs, **args))


def get(port, path, *headers, **args):
    with Wire(port) as wire:
        return wire.get(path, *headers, **args)


def stream_content(size, at=0):
    """The bytes of /stream from position at on."""
    first = at // 16
    last = (at + size + 15) // 16
    text = b''.join(b'%015x\n' % n for n in range(first, last))
    return text[at - first * 16:at - first * 16 + size]


class WebSocket:
    """The client's side of RFC 6455, enough to send and read frames."""

    def __init__(self, port, path='/ws', *headers):
        self.wire = Wire(port)
        key = base64.b64encode(os.urandom(16)).decode()
        self.wire.send('\r\n'.join([
            f'GET {path} HTTP/1.1', 'Host: localhost', 'Connection: Upgrade', 'Upgrade: websocket',
            'Sec-WebSocket-Version: 13', f'Sec-WebSocket-Key: {key}', *headers, '', '']).encode())
        self.head = Reply(self.wire.head())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wire.close()

    @staticmethod
    def frame(opcode, payload, fin=True, mask=b'\x11\x22\x33\x44'):
        size = len(payload)
        head = bytes([(0x80 if fin else 0) | opcode])
        if size > 65535:
            head += b'\xff' + size.to_bytes(8, 'big')
        elif size > 125:
            head += b'\xfe' + size.to_bytes(2, 'big')
        else:
            head += bytes([0x80 | size])
        key = mask * (size // 4 + 1)
        masked = int.from_bytes(payload, 'big') ^ int.from_bytes(key[:size], 'big')
        return head + mask + masked.to_bytes(size, 'big')

    def send(self, opcode, payload, **more):
        self.wire.send(self.frame(opcode, payload, **more))

    def read(self):
        first, second = self.wire.exactly(2)
        size = second & 0x7f
        if size == 126:
            size = int.from_bytes(self.wire.exactly(2), 'big')
        elif size == 127:
            size = int.from_bytes(self.wire.exactly(8), 'big')
        return first, self.wire.exactly(size)
