# SPDX-License-Identifier: Apache-2.0
"""A client that writes exactly the bytes it is told and reads answers by their framing."""
import socket


class Closed(Exception):
    """The peer closed (or reset) inside an answer; .got holds the bytes that came."""

    def __init__(self, got):
        super().__init__(f'closed after {got!r}')
        self.got = got


class Answer:
    def __init__(self, status, reason, headers, minor):
        self.status = status
        self.reason = reason
        self.headers = headers  # list of (name, value)
        self.minor = minor
        self.body = b''

    def get(self, name, default=None):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return default


class Client:
    """One connection. timeout bounds each wait."""

    def __init__(self, address, timeout=15, rcvbuf=None):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.settimeout(timeout)
        self.sock.connect(address)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data = b''

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        if isinstance(data, str):
            data = data.encode('latin-1')
        self.sock.sendall(data)

    def more(self):
        """Read once; False at the end of the stream."""
        try:
            got = self.sock.recv(1 << 18)
        except ConnectionResetError:
            got = b''
        self.data += got
        return bool(got)

    def line(self):
        while b'\r\n' not in self.data:
            if not self.more():
                raise Closed(self.data)
        line, self.data = self.data.split(b'\r\n', 1)
        return line

    def exactly(self, count):
        while len(self.data) < count:
            if not self.more():
                raise Closed(self.data)
        got, self.data = self.data[:count], self.data[count:]
        return got

    def rest(self):
        while self.more():
            pass
        got, self.data = self.data, b''
        return got

    def is_closed(self):
        """True when nothing more comes; False when something did."""
        return not self.data and not self.more()

    def head(self):
        start = self.line().decode('latin-1')
        version, status, reason = (start.split(' ', 2) + [''])[:3]
        assert version in ('HTTP/1.0', 'HTTP/1.1'), start
        headers = []
        while True:
            line = self.line().decode('latin-1')
            if not line:
                return Answer(int(status), reason, headers, int(version[-1]))
            name, value = line.split(':', 1)
            headers.append((name, value.strip()))

    def chunks(self, sink):
        while True:
            size = int(self.line().split(b';')[0], 16)
            if size == 0:
                while self.line():
                    pass
                return
            sink(self.exactly(size))
            assert self.line() == b''

    def stream(self, count, sink):
        while count > 0:
            if not self.data and not self.more():
                raise Closed(self.data)
            piece, self.data = self.data[:count], self.data[count:]
            sink(piece)
            count -= len(piece)

    def answer(self, method='GET', interim=False, sink=None):
        """The next final answer (or the next one at all, with interim)."""
        while True:
            answer = self.head()
            if interim or answer.status >= 200:
                break
        parts = []
        sink = sink or parts.append
        if method == 'HEAD' or answer.status < 200 or answer.status in (204, 304):
            pass
        elif 'chunked' in (answer.get('Transfer-Encoding') or ''):
            self.chunks(sink)
        elif answer.get('Content-Length') is not None:
            self.stream(int(answer.get('Content-Length')), sink)
        else:
            while self.data or self.more():
                sink(self.data)
                self.data = b''
        answer.body = b''.join(parts)
        return answer

    def get(self, path='/', method='GET', headers=(), body=b'', host='localhost', minor=1):
        lines = [f'{method} {path} HTTP/1.{minor}', f'Host: {host}']
        lines += [f'{name}: {value}' for name, value in headers]
        if body and not any(name.lower() in ('content-length', 'transfer-encoding')
                            for name, _ in headers):
            lines.append(f'Content-Length: {len(body)}')
        self.send('\r\n'.join(lines).encode('latin-1') + b'\r\n\r\n' + body)
        return self.answer(method)


def get(address, path='/', **args):
    """One request on a connection of its own."""
    with Client(address) as client:
        return client.get(path, **args)
