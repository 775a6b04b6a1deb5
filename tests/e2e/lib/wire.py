# SPDX-License-Identifier: Apache-2.0
"""A plain HTTP/1.1 client on a socket: what it sends is what the test wrote, nothing is hidden."""
import base64
import os
import socket


class Reply:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def __getitem__(self, name):
        return self.headers.get(name.lower())

    @property
    def text(self):
        return self.body.decode('latin-1')

    @property
    def route(self):
        return self['x-route']


class Wire:
    """One connection."""

    def __init__(self, port, host='127.0.0.1', timeout=20):
        self.socket = socket.create_connection((host, port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data = b''
        self.eof = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def more(self):
        piece = self.socket.recv(262144)
        self.eof = not piece
        self.data += piece
        return bool(piece)

    def until(self, mark):
        while mark not in self.data:
            assert self.more(), f'the connection ended before {mark!r}; got {self.data[:200]!r}'
        part, self.data = self.data.split(mark, 1)
        return part

    def exactly(self, size):
        while len(self.data) < size:
            assert self.more(), f'the connection ended after {len(self.data)} of {size} bytes'
        part, self.data = self.data[:size], self.data[size:]
        return part

    def head(self):
        lines = self.until(b'\r\n\r\n').decode('latin-1').split('\r\n')
        headers = {}
        for line in lines[1:]:
            name, value = line.split(':', 1)
            headers[name.lower()] = value.strip()
        return int(lines[0].split(' ')[1]), headers

    def pieces(self, headers, status=200, method='GET'):
        """The body of an answer, piece by piece."""
        if method == 'HEAD' or status in (204, 304) or status < 200:
            return
        if headers.get('transfer-encoding') == 'chunked':
            while True:
                size = int(self.until(b'\r\n').split(b';')[0], 16)
                yield self.exactly(size)
                assert self.exactly(2) == b'\r\n'
                if size == 0:
                    return
        left = int(headers['content-length']) if 'content-length' in headers else None
        while left is None or left > 0:
            if not self.data and not self.more():
                assert left is None, f'{left} bytes are missing'
                return
            take = len(self.data) if left is None else min(left, len(self.data))
            piece, self.data = self.data[:take], self.data[take:]
            left = None if left is None else left - take
            yield piece

    def reply(self, method='GET'):
        status, headers = self.head()
        return Reply(status, headers, b''.join(self.pieces(headers, status, method)))

    def get(self, path, *headers, method='GET', body=b'', host='localhost'):
        lines = [f'{method} {path} HTTP/1.1', f'Host: {host}', *headers]
        if body:
            lines.append(f'Content-Length: {len(body)}')
        self.send('\r\n'.join([*lines, '', '']).encode() + body)
        return self.reply(method)

    def closed(self):
        """Reads to the end of the stream; what still came."""
        while not self.eof:
            try:
                self.more()
            except ConnectionResetError:
                break
        return self.data


def get(port, path, *headers, **more):
    with Wire(port) as wire:
        return wire.get(path, *headers, **more)


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
        self.status, self.headers = self.wire.head()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wire.socket.close()

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
