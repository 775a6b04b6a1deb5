# SPDX-License-Identifier: Apache-2.0
"""L1, L2 and the table of STYLE 1: who may include whom."""
import os
import re

import common

# Folder -> other folders of lib/ whose headers it may include ('x/y.h' names a single header).
MAY_USE = {
    'base': [],
    'protocol': ['base/base.h', 'base/compiler.h'],
    'client': ['base/base.h'],
    'http': ['base/base.h', 'base/compiler.h'],
    'ajp': ['base/base.h', 'base/compiler.h'],
    'advertise': ['base/base.h', 'base/digest.h'],
    'model': ['base/'],
    'lb': ['base/', 'model/read.h'],
    'compat': ['base/'],
}
# Public headers that a folder may see; others only through their owners.
PUBLIC = {
    'base': ['base.h', 'version.h'],
    'protocol': ['base.h', 'version.h', 'parser.h', 'command.h', 'probe.h', 'response.h',
                 'client.h'],
    'client': ['base.h', 'command.h', 'client.h', 'agent.h', 'view.h'],
    'http': ['base.h', 'http.h', 'http_body.h'],
    'ajp': ['base.h', 'http.h', 'http_body.h', 'ajp.h'],
    'advertise': ['base.h', 'advertise.h', 'multicast.h'],
}
SANS_IO = ('protocol', 'client', 'lb', 'ajp', 'http', 'advertise')
# Parts of base that meet the system.
SYSTEM_PARTS = ('base/os.h', 'base/os_file.h', 'base/crypto.h')
SANS_IO_SYSTEM = {'stddef.h', 'stdint.h', 'string.h', 'stdarg.h', 'limits.h', 'stdatomic.h',
                  'stdbool.h', 'stdalign.h', 'inttypes.h', 'stdio.h', 'xxhash.h', 'math.h', 'assert.h'}
PUBLIC_SYSTEM = {'stddef.h', 'stdint.h'}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def foreign(target):
    if re.match(r'apr(_|-|/)?[\w.]*\.h$|apr-?\d/|apu', target):
        return 'apr'
    return 'openssl' if target.startswith('openssl/') else None


def check_foreign(name, target):
    kind = foreign(target)
    if kind is None or not name.startswith(('lib/', 'include/')):
        return None
    if name.endswith(f'_{kind}.c') or name == 'include/libmcmp/apr.h':
        return None
    return f'<{target}> belongs into a *_{kind}.c file only (L2)'


def check_public(name, quote, target, graph):
    if target.startswith('libmcmp/') and quote == '<':
        graph.setdefault(os.path.basename(name), []).append(target[len('libmcmp/'):])
        return None
    if quote == '<' and target in PUBLIC_SYSTEM or name.endswith('/apr.h'):
        return None
    return f'a public header includes {target}; only <libmcmp/*.h>, <stddef.h>, <stdint.h> (L2)'


def resolve(args, name, target):
    """A quoted include relative to lib/: 'folder/file.h'."""
    beside = os.path.normpath(os.path.join(os.path.dirname(name), target))
    if os.path.exists(os.path.join(args.root, beside)):
        return beside[len('lib/'):] if beside.startswith('lib/') else beside
    return target


def check_lib(args, name, quote, target):
    folder = name.split('/')[1]
    if quote == '<' and target.startswith('libmcmp/'):
        wanted = PUBLIC.get(folder)
        if wanted is not None and target[len('libmcmp/'):] not in wanted:
            return f'lib/{folder} may not include <{target}>'
        return None
    if quote == '<':
        if (folder in SANS_IO and not name.endswith('_apr.c') and target not in SANS_IO_SYSTEM):
            return f'lib/{folder} does no I/O, <{target}> is not among its headers (S1)'
        return None
    path = resolve(args, name, target)
    if path.startswith(folder + '/') or '/' not in path:
        return None
    if folder in SANS_IO and path in SYSTEM_PARTS:
        return f'lib/{folder} does no I/O, "{target}" does (S1)'
    if any(path == use or (use.endswith('/') and path.startswith(use))
           for use in MAY_USE.get(folder, [])):
        return None
    return f'lib/{folder} may not include "{target}" (L1)'


def check_example(args, name, quote, target):
    if quote == '<':
        return None
    path = os.path.normpath(os.path.join(os.path.dirname(name), target))
    if path.startswith('examples/') and os.path.exists(os.path.join(args.root, path)):
        return None
    return f'examples use installed headers only, not "{target}"'


def find_cycle(graph, start, path=()):
    if start in path:
        return path[path.index(start):] + (start,)
    for target in graph.get(start, []):
        cycle = find_cycle(graph, target, path + (start,))
        if cycle:
            return cycle
    return None


args = common.arguments(__doc__)
report = common.Report('layers')
graph = {}
for name in common.sources(args, folders=('include', 'lib', 'examples')):
    report.looked_at += 1
    text = common.read(args, name)
    for match in INCLUDE.finditer(text):
        quote, target = match.groups()
        wrong = check_foreign(name, target)
        if wrong is None and name.startswith('include/'):
            wrong = check_public(name, quote, target, graph)
        elif wrong is None and name.startswith('lib/'):
            wrong = check_lib(args, name, quote, target)
        elif wrong is None:
            wrong = check_example(args, name, quote, target)
        if wrong:
            report.add(name, common.line_of(text, match.start(2)), wrong)
for header in sorted(graph):
    cycle = find_cycle(graph, header)
    if cycle and cycle[0] == header:
        report.add('include/libmcmp/' + header, 0, 'includes itself: ' + ' -> '.join(cycle))
report.end()
