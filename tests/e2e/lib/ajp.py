# SPDX-License-Identifier: Apache-2.0
"""A container for tests: reads AJP13 requests by a decoder of its own and writes any bytes."""
import struct

import nodes
import raw

METHODS = ('', 'OPTIONS', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'TRACE', 'PROPFIND', 'PROPPATCH',
           'MKCOL', 'COPY', 'MOVE', 'LOCK', 'UNLOCK', 'ACL', 'REPORT', 'VERSION-CONTROL', 'CHECKIN',
           'CHECKOUT', 'UNCHECKOUT', 'SEARCH', 'MKWORKSPACE', 'UPDATE', 'LABEL', 'MERGE',
           'BASELINE-CONTROL', 'MKACTIVITY')
NAMES = ('', 'accept', 'accept-charset', 'accept-encoding', 'accept-language', 'authorization',
         'connection', 'content-type', 'content-length', 'cookie', 'cookie2', 'host', 'pragma',
         'referer', 'user-agent')
ATTRIBUTES = {3: 'remote_user', 4: 'auth_type', 5: 'query_string', 6: 'jvm_route', 7: 'ssl_cert',
              8: 'ssl_cipher', 9: 'ssl_session', 12: 'secret', 13: 'stored_method'}
CPING = b'\x12\x34\x00\x01\x0a'
CPONG = b'AB\x00\x01\x09'


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def number(self):
        self.at += 2
        return struct.unpack('>H', self.data[self.at - 2:self.at])[0]

    def text(self):
        size = self.number()
        if size == 0xFFFF:
            return None
        text = self.data[self.at:self.at + size]
        assert len(text) == size and self.data[self.at + size] == 0
        self.at += size + 1
        return text.decode('latin-1')


class Request:
    """One decoded Forward Request."""

    def __init__(self, payload):
        reader = Reader(payload)
        assert reader.byte() == 2, payload[:1]
        code = reader.byte()
        self.protocol = reader.text()
        self.uri = reader.text()
        self.remote_addr = reader.text()
        self.remote_host = reader.text()
        self.server_name = reader.text()
        self.server_port = reader.number()
        self.is_ssl = reader.byte()
        self.headers = []
        for _ in range(reader.number()):
            if payload[reader.at] == 0xA0:
                name = NAMES[reader.number() & 0xFF]
            else:
                name = reader.text()
            self.headers.append((name, reader.text()))
        self.attributes = {}
        self.named = {}
        while True:
            kind = reader.byte()
            if kind == 0xFF:
                break
            if kind == 10:
                name = reader.text()
                self.named[name] = reader.text()
            elif kind == 11:
                self.attributes['ssl_key_size'] = reader.number()
            else:
                self.attributes[ATTRIBUTES[kind]] = reader.text()
        assert reader.at == len(payload), 'bytes behind the end of the attributes'
        self.method = self.attributes['stored_method'] if code == 0xFF else METHODS[code]

    def get(self, name, default=None):
        for key, value in self.headers:
            if key.lower() == name:
                return value
        return default


def string(text):
    if isinstance(text, str):
        text = text.encode('latin-1')
    return struct.pack('>H', len(text)) + text + b'\0'


def packet(payload):
    return b'AB' + struct.pack('>H', len(payload)) + payload


def head(status=200, headers=(), reason='OK'):
    lines = b''.join(string(name) + string(value) for name, value in headers)
    return packet(b'\x04' + struct.pack('>H', status) + string(reason) +
                  struct.pack('>H', len(headers)) + lines)


def chunk(data):
    return packet(b'\x03' + struct.pack('>H', len(data)) + data + b'\0')


def end(reuse=1):
    return packet(b'\x05' + bytes([reuse]))


def get_body(size=8186):
    return packet(b'\x06' + struct.pack('>H', size))


class Connection(nodes.Connection):
    """The container's side of a connection."""

    def packet(self):
        """The payload of the next packet; CPings are answered on the way. None at the end."""
        while True:
            while len(self.data) < 4:
                if not self.more():
                    return None
            assert self.data[:2] == b'\x12\x34', self.data[:8]
            size = struct.unpack('>H', self.data[2:4])[0]
            self.exactly(4)
            payload = self.exactly(size)
            if payload != b'\x0a':
                return payload
            self.pings += 1
            self.send(CPONG)

    pings = 0

    def data_packet(self):
        """Content of the next body packet."""
        payload = self.packet()
        if payload is None:
            raise raw.Closed(b'')
        if not payload:
            return b''
        size = struct.unpack('>H', payload[:2])[0]
        assert size == len(payload) - 2, payload[:8]
        assert payload[0] not in (2, 7, 8, 10), 'a body packet that looks like another packet'
        return payload[2:]

    def content(self, request, sink=None):
        """All of the body, asked for packet by packet."""
        parts = []
        sink = sink or parts.append
        length = request.get('content-length')
        if length is not None:
            left = int(length)
            if left > 0:
                data = self.data_packet()
                while data:
                    sink(data)
                    left -= len(data)
                    if left == 0:
                        break
                    self.send(get_body())
                    data = self.data_packet()
            assert left == 0, left
        elif request.get('transfer-encoding'):
            while True:
                self.send(get_body())
                data = self.data_packet()
                if not data:
                    break
                sink(data)
        return b''.join(parts)

    def reply(self, body=b'', status=200, headers=(), reuse=1):
        if isinstance(body, str):
            body = body.encode()
        out = head(status, [('Content-Length', str(len(body)))] + list(headers))
        for at in range(0, len(body), 8184):
            out += chunk(body[at:at + 8184])
        self.send(out + end(reuse))


def echo(node, conn, request):
    """The default: tells its route and what it was told, echoes bodies."""
    body = conn.content(request)
    conn.reply(b'' if request.method == 'HEAD' else node.route.encode() + b' ' + body,
               headers=[('X-Route', node.route), ('X-Method', request.method)])


class Container(nodes.Node):
    """A node of type ajp. handler(node, conn, request); False ends the connection."""

    def __init__(self, route='n1', handler=echo, **args):
        self.pings = 0
        super().__init__(route, handler=handler, raw_handler=Container.serve, **args)

    def serve(self, plain):
        conn = Connection(plain.sock)
        while True:
            payload = conn.packet()
            self.pings += conn.pings
            conn.pings = 0
            if payload is None:
                return
            request = Request(payload)
            with self.lock:
                self.requests.append(request)
            if self.handler(self, conn, request) is False:
                return
