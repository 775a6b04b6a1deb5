# SPDX-License-Identifier: Apache-2.0
"""Layout of all structs of the public headers (STYLE A1, A2, A4).

`--generate OUT.c` writes a program that prints one line per member and fails on tail padding, and
calls each mcmp_*_init_sized() as an older, equal and newer caller. `--compare LISTING` checks what
it printed (standard input) against the committed list; `--update LISTING` replaces that.
"""
import glob
import os
import re
import sys

HEADERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'include', 'libmcmp')
FROZEN = {'mcmp_span', 'mcmp_pair'}
TYPES = {'size_t', 'int32_t', 'uint32_t', 'int64_t', 'uint64_t', 'uint8_t', 'uint16_t', 'char',
         'mcmp_time', 'mcmp_handle', 'mcmp_span', 'mcmp_pair'}
STRUCT = re.compile(r'typedef struct (mcmp_\w+) \{(.*?)\} \1;', re.S)
CALLBACK = re.compile(r'typedef \w+ \(\*(mcmp_\w+_fn)\)')
INIT = re.compile(r'MCMP_API void (mcmp_\w+)_init_sized\((mcmp_\w+) \*')


def header_text():
    text = ''
    for name in sorted(glob.glob(os.path.join(HEADERS, '*.h'))):
        with open(name, encoding='utf-8') as file:
            text += file.read()
    return re.sub(r'/\*.*?\*/', '', text, flags=re.S)


def members(body):
    """(type, name) of each member; '*' in the type of pointers."""
    found = []
    for line in (' '.join(part.split()) for part in body.split(';')):
        if not line:
            continue
        callback = re.match(r'(.*)\(\*(\w+)\)\(', line)
        plain = re.match(r'(.*?[ *])(\w+)(?:\[\w+\])?$', line)
        if callback:
            found.append((callback.group(1) + '*', callback.group(2)))
        elif plain:
            found.append((plain.group(1).strip(), plain.group(2)))
        else:
            sys.exit(f'can not read the member: {line}')
    return found


def check(structs, callbacks):
    """Rules that need no compiler."""
    bad = []
    for name, rows in structs.items():
        if name not in FROZEN and rows[0] != ('size_t', 'struct_size'):
            bad.append(f'{name}: neither sized (first member size_t struct_size) nor frozen (A1)')
        for kind, member in rows:
            if '*' not in kind and kind not in TYPES and kind not in callbacks:
                bad.append(f'{name}.{member}: {kind} is no fixed type (A4)')
    return bad


def generate(structs, inits, out):
    with open(out, 'w', encoding='utf-8') as file:
        file.write('#include <libmcmp/libmcmp.h>\n#include <stdio.h>\n#include <string.h>\n\n'
                   'int check_init(const char *name, void (*init)(void *, size_t), size_t size);\n\n'
                   'static int bad;\n\n')
        for name in inits:
            file.write(f'static void init_{name}(void *p, size_t size)\n'
                       f'{{\n    {name}_init_sized(p, size);\n}}\n\n')
        file.write('int main(void)\n{\n')
        for name, rows in structs.items():
            file.write(f'    printf("{name} size %zu\\n", sizeof({name}));\n')
            for _, member in rows:
                file.write(f'    printf("{name}.{member} %zu %zu\\n", offsetof({name}, {member}),\n'
                           f'           sizeof((({name} *)0)->{member}));\n')
            last = rows[-1][1]
            file.write(f'    if (offsetof({name}, {last}) + sizeof((({name} *)0)->{last}) != '
                       f'sizeof({name})) {{\n        bad = 1;\n'
                       f'        fprintf(stderr, "{name} has tail padding (A2)\\n");\n    }}\n')
        for name in inits:
            file.write(f'    bad |= check_init("{name}", init_{name}, sizeof({name}));\n')
        file.write('    return bad;\n}\n')


def compare(listing, update):
    got = sys.stdin.read()
    if update:
        with open(listing, 'w', encoding='utf-8') as file:
            file.write(got)
        return 0
    with open(listing, encoding='utf-8') as file:
        want = file.read()
    got_lines, want_lines = set(got.splitlines()), set(want.splitlines())
    for line in sorted(want_lines - got_lines):
        print(f'- {line}')
    for line in sorted(got_lines - want_lines):
        print(f'+ {line}')
    if got != want:
        print(f'layout differs from {listing}; when that is meant: '
              'cmake --build <build> --target abi-update')
    return 0 if got == want else 1


def main():
    if sys.argv[1] in ('--compare', '--update'):
        return compare(sys.argv[2], sys.argv[1] == '--update')
    text = header_text()
    structs = {name: members(body) for name, body in STRUCT.findall(text)}
    inits = [name for name, of in INIT.findall(text) if name == of]
    bad = check(structs, set(CALLBACK.findall(text)))
    for line in bad:
        print(line, file=sys.stderr)
    generate(structs, inits, sys.argv[2])
    return 1 if bad or len(structs) < 20 or len(inits) < 10 else 0


sys.exit(main())
