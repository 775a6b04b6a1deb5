# SPDX-License-Identifier: Apache-2.0
"""MCMP messages as a node sends them."""
from urllib.parse import quote_plus

import raw


def message(client, command, fields=(), target='/', headers=()):
    """Send one message on an open connection; returns the answer."""
    items = fields.items() if isinstance(fields, dict) else fields
    body = '&'.join(f'{key}={quote_plus(str(value), safe="/,")}' for key, value in items)
    lines = [f'{command} {target} HTTP/1.1', 'Host: proxy']
    lines += [f'{name}: {value}' for name, value in headers]
    if body:
        lines.append(f'Content-Length: {len(body)}')
    client.send('\r\n'.join(lines) + '\r\n\r\n' + body)
    return client.answer(command)


def send(address, command, fields=(), target='/', headers=()):
    with raw.Client(address, timeout=25) as client:
        return message(client, command, fields, target, headers)


def info(address):
    """INFO as lists of dicts: nodes and contexts."""
    nodes, contexts = [], []
    for line in send(address, 'INFO').body.decode('latin-1').splitlines():
        kind, rest = line.split(': ', 1)
        pairs = dict(part.split(': ', 1) if ': ' in part else (part, '')
                     for part in rest.replace(', ', ',').split(','))
        if kind == 'Node':
            nodes.append(pairs)
        elif kind == 'Context':
            contexts.append(pairs)
    return nodes, contexts


def register(address, route, port, context='/', alias='localhost', load=100, scheme='http',
             host='127.0.0.1', **config):
    """CONFIG, ENABLE-APP, STATUS; asserts that each was taken."""
    fields = {'JVMRoute': route, 'Host': host, 'Port': port, 'Type': scheme, **config}
    for command, body in (('CONFIG', fields),
                          ('ENABLE-APP', {'JVMRoute': route, 'Alias': alias, 'Context': context}),
                          ('STATUS', {'JVMRoute': route, 'Load': load})):
        answer = send(address, command, body)
        assert answer.status == 200, (command, answer.status, answer.headers, answer.body)
    return answer.body.decode()
