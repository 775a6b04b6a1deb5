# SPDX-License-Identifier: Apache-2.0
"""S1, O4: what the object files need from outside, and that none has writable data.

Folders without I/O may call a short list of functions of libc and the library's own, but not those
that *_apr.c and *_openssl.c define.
"""
import glob
import os
import re
import subprocess

import common

SANS_IO = ('protocol', 'client', 'lb', 'ajp', 'http', 'advertise')
PURE = set('''memcpy memmove memset memcmp memchr memrchr memmem strlen strnlen strcmp strncmp strchr
strrchr strstr strpbrk strspn strcspn snprintf vsnprintf qsort bsearch log log2 exp exp2 pow __stack_chk_fail
_GLOBAL_OFFSET_TABLE_ __assert_fail __popcountdi2'''.split())
# Computing that a provider behind *_openssl.c does (base/digest.h).
DIGESTS = set('mcmp__md5 mcmp__hmac_sha256 mcmp__secret_eq mcmp__wipe'.split())
# model meets the system through base; base also has the C library's allocator.
MORE = {'base': set('malloc realloc free calloc'.split())}
INSTRUMENTED = re.compile(r'__(asan|ubsan|tsan|sanitizer|sancov|gcov|llvm)_|__start___|__stop___')


def lines(*command):
    return subprocess.run(command, check=True, capture_output=True).stdout.decode().splitlines()


def objects(build):
    """{'folder/file.c': path of its object}"""
    found = {}
    for path in glob.glob(os.path.join(build, 'lib', '*', 'CMakeFiles', 'mcmp_*.dir', '**', '*.o'),
                          recursive=True):
        folder = path[len(os.path.join(build, 'lib')) + 1:].split(os.sep)[0]
        found[f'{folder}/{os.path.basename(path)[:-2]}'] = path
    return found


def is_system(name):
    return name.endswith(('_apr.c', '_openssl.c'))


def undefined(path):
    return [line.split()[0] for line in lines('nm', '--format=posix', '-u', path)]


def defined(path):
    return {line.split()[0] for line in lines('nm', '--format=posix', '-g', '--defined-only', path)}


def check_calls(report, name, path, of_system):
    folder = name.split('/')[0]
    allowed = PURE | MORE.get(folder, set())
    for symbol in undefined(path):
        if INSTRUMENTED.match(symbol):
            continue
        if symbol.startswith('mcmp_'):
            if folder in SANS_IO and symbol in of_system - DIGESTS:
                report.add('lib/' + name, 0, f'calls {symbol}, which does I/O (S1)')
        elif symbol not in allowed:
            report.add('lib/' + name, 0, f'calls {symbol}, which is not on the list (S1)')


def check_data(report, name, path):
    """Objects in sections that stay writable; .data.rel.ro is read-only after relocation."""
    for line in lines('objdump', '-t', path):
        match = re.search(r' O (\.(?:data|bss|tdata|tbss)\S*|\*COM\*)\s+0*([0-9a-f]+)\s+(\S+)', line)
        if match and not match.group(1).startswith('.data.rel.ro'):
            report.add('lib/' + name, 0, f'{match.group(3)} is writable data in {match.group(1)} (O4)')


args = common.arguments(__doc__)
report = common.Report('objects')
found = objects(args.build)
of_system = set()
for name, path in found.items():
    if is_system(name):
        of_system |= defined(path)
for name, path in sorted(found.items()):
    report.looked_at += 1
    if not is_system(name):
        check_calls(report, name, path, of_system)
    check_data(report, name, path)
if not found:
    report.add(args.build, 0, 'no objects: build first')
report.end()
