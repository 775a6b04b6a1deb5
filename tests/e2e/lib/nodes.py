# SPDX-License-Identifier: Apache-2.0
"""Nodes for tests: a thread per connection runs a handler that writes bytes as it likes."""
import base64
import hashlib
import random
import socket
import ssl
import struct
import threading

import raw


class Request:
    def __init__(self, method, target, headers, minor):
        self.method = method
        self.target = target
        self.headers = headers
        self.minor = minor

    def get(self, name, default=None):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return default

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]


class Connection(raw.Client):
    """The node's side of a connection."""

    def __init__(self, sock):  # pylint: disable=super-init-not-called
        self.sock = sock
        self.sock.settimeout(30)
        self.data = b''

    def request(self):
        """The head of the next request; None at the end of the stream."""
        while not self.data:
            if not self.more():
                return None
        method, target, version = self.line().decode('latin-1').split(' ')
        headers = []
        while True:
            line = self.line().decode('latin-1')
            if not line:
                return Request(method, target, headers, int(version[-1]))
            name, value = line.split(':', 1)
            headers.append((name, value.strip()))

    def body(self, request, sink=None):
        parts = []
        sink = sink or parts.append
        if 'chunked' in (request.get('Transfer-Encoding') or ''):
            self.chunks(sink)
        elif request.get('Content-Length'):
            self.stream(int(request.get('Content-Length')), sink)
        return b''.join(parts)

    def reply(self, body=b'', status='200 OK', headers=()):
        if isinstance(body, str):
            body = body.encode()
        lines = [f'HTTP/1.1 {status}', f'Content-Length: {len(body)}']
        lines += [f'{name}: {value}' for name, value in headers]
        self.send('\r\n'.join(lines).encode('latin-1') + b'\r\n\r\n' + body)

    def abort(self):
        """Close by a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.sock.close()


def serve_route(node, conn, request):
    """The default: tells its route, echoes bodies."""
    body = conn.body(request)
    conn.reply(b'' if request.method == 'HEAD' else node.route.encode() + b' ' + body,
               headers=[('X-Route', node.route)])


class Node:
    """Listens on a free port. handler(node, conn, request) is called per request; returning False
    ends the connection. raw_handler(node, conn) has the connection as a whole instead."""

    def __init__(self, route='n1', handler=serve_route, raw_handler=None, port=0, tls=None):
        self.route = route
        self.handler = handler
        self.raw_handler = raw_handler
        self.requests = []
        self.probes = 0
        self.connections = 0
        self.open = set()
        self.lock = threading.Lock()
        self.tls = tls
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(('127.0.0.1', port))
        self.sock.listen(1024)
        self.port = self.sock.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.stop()

    def _accept(self):
        while True:
            try:
                sock, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            conn = Connection(sock)
            with self.lock:
                self.connections += 1
                self.open.add(sock)
            if self.raw_handler:
                self.raw_handler(self, conn)
            else:
                self._requests(conn)
        except (OSError, raw.Closed, ssl.SSLError):
            pass
        finally:
            with self.lock:
                self.open.discard(sock)
            sock.close()

    def _requests(self, conn):
        while True:
            request = conn.request()
            if request is None:
                return
            if request.method == 'OPTIONS' and request.target == '*':
                self.probes += 1
                conn.reply()
                return
            with self.lock:
                self.requests.append(request)
            if self.handler(self, conn, request) is False:
                return

    def drop_connections(self):
        with self.lock:
            socks = list(self.open)
        for sock in socks:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def stop(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()
        self.drop_connections()


def _candidates():
    """Ports below those that the kernel gives to outgoing connections: none of them takes one
    between the asking and the listening."""
    with open('/proc/sys/net/ipv4/ip_local_port_range', encoding='ascii') as file:
        first = int(file.read().split()[0])
    return range(10000, first) if first > 20000 else range(20000, 60000)


def _is_free(port):
    with socket.socket() as sock:
        try:
            sock.bind(('127.0.0.1', port))
        except OSError:
            return False
    return True


_given = set()
_random = random.SystemRandom()  # a test that seeds the usual one shall not repeat another's ports


def free_port():
    """A port that nothing listens on, so that connecting to it is refused; never the same twice."""
    span = _candidates()
    for _ in range(1000):
        port = _random.choice(span)
        if port not in _given and _is_free(port):
            _given.add(port)
            return port
    raise AssertionError('no free port found')


def free_ports(count):
    return [free_port() for _ in range(count)]


def accept_key(key):
    """Sec-WebSocket-Accept of RFC 6455."""
    digest = hashlib.sha1((key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').encode()).digest()
    return base64.b64encode(digest).decode()
