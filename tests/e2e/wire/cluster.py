# SPDX-License-Identifier: Apache-2.0
"""Nodes of one test on a server that several tests share, and nodes that answer byte by byte."""
import itertools
import socket
import time

import mcmp
import raw
from nodes import Node

NAMES = itertools.count(1)


class Cluster:
    """Nodes of one test on a shared server; all that was registered is removed at its end."""

    def __init__(self, server):
        self.server = server
        self.tag = f't{next(NAMES)}'
        self.root = '/' + self.tag
        self.balancer = self.tag
        self.routes = set()
        self.nodes = []

    def command(self, command, target='/', **fields):
        return mcmp.send(self.server.management, command, fields, target)

    def ok(self, command, target='/', **fields):
        answer = self.command(command, target, **fields)
        assert answer.status == 200, (command, fields, answer.headers)
        return answer.body.decode()

    def config(self, name, port, **fields):
        route = f'{self.tag}-{name}'
        self.routes.add(route)
        given = {'JVMRoute': route, 'Host': '127.0.0.1', 'Port': port, 'Type': 'http',
                 'Balancer': self.balancer, **fields}
        self.ok('CONFIG', **given)
        return route

    def app(self, name, context=None, command='ENABLE-APP', alias='localhost'):
        return self.ok(command, JVMRoute=f'{self.tag}-{name}', Alias=alias,
                       Context=self.root if context is None else context)

    def load(self, name, value):
        return self.ok('STATUS', JVMRoute=f'{self.tag}-{name}', Load=value)

    def stub(self, name, handler=None, **args):
        args.update({'handler': handler} if handler else {})
        node = Node(f'{self.tag}-{name}', **args)
        self.nodes.append(node)
        return node

    def add(self, name, context=None, load=100, handler=None, **fields):
        """A node with its context enabled and a Load."""
        node = self.stub(name, handler)
        self.config(name, node.port, **fields)
        self.app(name, context)
        if load is not None:
            assert 'State=OK' in self.load(name, load)
        return node

    def get(self, path='', **args):
        return raw.get(self.server.traffic, self.root + path, **args)

    def serves(self, path='', **args):
        """The short name of the node that answered, or the status when none did."""
        answer = self.get(path, **args)
        route = answer.get('X-Route')
        return route.split('-', 1)[1] if answer.status == 200 and route else answer.status

    def client(self, **args):
        return raw.Client(self.server.traffic, **args)

    def row(self, name):
        route = f'{self.tag}-{name}'
        for node in mcmp.info(self.server.management)[0]:
            if node['Name'] == route:
                return node
        return None

    def value(self, name, key):
        return int(self.row(name)[key])

    def end(self):
        for node in self.nodes:
            node.stop()
        for route in self.routes:
            self.command('REMOVE-APP', '/*', JVMRoute=route)


def says(data, close=False, reset=False, drain=True):
    """A handler that answers every request with these bytes."""
    def handler(_node, conn, request):
        if drain:
            conn.body(request)
        conn.send(data)
        if reset:
            time.sleep(0.05)
            conn.abort()
        return False if close or reset else None
    return handler


def ended(client):
    """How the connection ended: 'fin', 'reset', or 'open' when it goes on."""
    client.sock.settimeout(1.5)
    try:
        return 'fin' if client.sock.recv(1) == b'' else 'more'
    except ConnectionResetError:
        return 'reset'
    except socket.timeout:
        return 'open'


OK = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'


def pair(calm, **fields):
    own = calm.add('own', load=0, **fields)
    other = calm.add('other', load=100, **fields)
    return own, other


def session(calm, name):
    return [('Cookie', f'JSESSIONID=abc.{calm.tag}-{name}')]


def upgraded(_node, conn, request):
    if request.get('Upgrade') is None:
        return conn.reply(b'plain')
    conn.send(b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
              b'\r\nhi')
    while conn.data or conn.more():
        conn.send(conn.data.upper())
        conn.data = b''
    return False
