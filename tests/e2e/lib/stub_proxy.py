# SPDX-License-Identifier: Apache-2.0
"""A balancer for tests: records every MCMP request as the bytes that came, answers as it is told."""
import socket
import threading
import time
import urllib.parse


class Request:
    """One request: raw bytes, command, target, fields of the body, connection number, time."""

    def __init__(self, raw, head, body, connection):
        self.raw = raw
        self.body = body
        self.connection = connection
        self.time = time.monotonic()
        line = head.split(b'\r\n', 1)[0].decode()
        self.command, self.target, self.version = line.split(' ')
        self.fields = dict(urllib.parse.parse_qsl(body.decode()))
        self.whole = self.target.endswith('*')

    @property
    def name(self):
        return self.command + (' /*' if self.whole else '')

    def __repr__(self):
        return f'<{self.command} {self.target} {self.body.decode()}>'


def answer(body='', status='200 OK', headers=()):
    lines = [f'HTTP/1.1 {status}', f'Content-Length: {len(body)}', *headers, '', '']
    return '\r\n'.join(lines).encode() + body.encode()


def error(kind, text, status='500 Internal Server Error'):
    return answer(f'{kind}: {text}\n', status,
                  ('Version: 0.2.1', f'Type: {kind}', f'Mess: {kind}: {text}'))


def good(request, identity=1, requests=0, info=''):
    """What a balancer answers when all is well."""
    route = request.fields.get('JVMRoute', '')
    if request.command == 'INFO':
        return answer(info)
    if request.command == 'STATUS':
        return answer(f'Type=STATUS-RSP&JVMRoute={route}&State=OK&id={identity}\n')
    if request.command == 'STOP-APP':
        return answer(f'Type=STOP-APP-RSP&JvmRoute={route}&Requests={requests}'
                      f'&Alias=localhost&Context={request.fields.get("Context", "")}\n')
    return answer()


class StubProxy:
    """behave(request) returns the bytes of the answer; None: no answer, the connection stays;
    b'': the connection is closed without one."""

    def __init__(self, behave=good, port=0):
        self.behave = behave
        self.requests = []
        self.answered = 0
        self.changed = threading.Condition()
        self.connections = []
        self.count = 0
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(('127.0.0.1', port))
        self.listener.listen(32)
        self.port = self.listener.getsockname()[1]
        self.address = f'127.0.0.1:{self.port}'
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """As if the process was killed: nothing listens, every connection is closed."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.drop_connections()

    def drop_connections(self):
        with self.changed:
            connections, self.connections = self.connections, []
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connection.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self.changed:
                self.connections.append(connection)
                self.count += 1
                number = self.count
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection, number):
        try:
            data = b''
            while True:
                request, data = self._read(connection, data, number)
                if request is None:
                    return
                with self.changed:
                    self.requests.append(request)
                    reply = self.behave(request)
                    self.changed.notify_all()
                if reply == b'':
                    connection.shutdown(socket.SHUT_RDWR)
                    return
                if reply is not None:
                    connection.sendall(reply)
                    with self.changed:
                        self.answered += 1
                        self.changed.notify_all()
        except OSError:
            pass

    @staticmethod
    def _read(connection, data, number):
        while b'\r\n\r\n' not in data:
            piece = connection.recv(65536)
            if not piece:
                return None, b''
            data += piece
        head, rest = data.split(b'\r\n\r\n', 1)
        length = 0
        for line in head.split(b'\r\n')[1:]:
            name, value = line.split(b':', 1)
            if name.lower() == b'content-length':
                length = int(value)
        while len(rest) < length:
            piece = connection.recv(65536)
            if not piece:
                return None, b''
            rest += piece
        raw = head + b'\r\n\r\n' + rest[:length]
        return Request(raw, head, rest[:length], number), rest[length:]

    def names(self):
        with self.changed:
            return [request.name for request in self.requests]

    def wait(self, want, timeout=10):
        """Until want(requests) is true; the requests so far."""
        with self.changed:
            assert self.changed.wait_for(lambda: want(self.requests), timeout), \
                f'not seen in {timeout} s; requests were {self.requests}'
            return list(self.requests)

    def wait_command(self, name, count=1, timeout=10):
        """Until the command came that often; its requests."""
        self.wait(lambda seen: sum(r.name == name for r in seen) >= count, timeout)
        return [r for r in self.requests if r.name == name]
