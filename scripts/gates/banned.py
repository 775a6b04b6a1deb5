# SPDX-License-Identifier: Apache-2.0
"""C3, M2, E6, S1: calls that are not used here, with what to use instead."""
import re

import common

EVERYWHERE = {
    'strcpy stpcpy strcat strncpy strncat': 'pointer and length, memcpy or snprintf',
    'sprintf vsprintf': 'snprintf',
    'gets': 'fgets',
    'strtok strtok_r strsep': 'a parser of (pointer, length)',
    'isalpha isdigit isalnum isspace isupper islower isxdigit ispunct isprint iscntrl isgraph '
    'tolower toupper': 'mcmp__lower(), mcmp__is_digit(): ctype depends on the locale',
    'setlocale newlocale uselocale localeconv': 'nothing: no locale here',
    'alloca': 'an allocation or a fixed buffer',
    'localtime gmtime asctime ctime mktemp tmpnam': 'the reentrant form',
    'setjmp longjmp sigsetjmp siglongjmp': 'return codes',
    'rand srand random srandom drand48': 'entropy as a parameter, or mcmp__os random bytes',
}
# Tests read what they wrote themselves; everybody else reads what a stranger sent.
PRODUCT = {
    'scanf sscanf fscanf vsscanf': 'a parser of (pointer, length)',
    'atoi atol atoll atof strtol strtoul strtoll strtoull strtoimax strtoumax strtod strtof':
        'mcmp__parse_uint() or a parser of (pointer, length)',
}
LIBRARY = {
    'malloc calloc realloc free strdup strndup asprintf vasprintf aligned_alloc posix_memalign':
        'mcmp__alloc() and friends',
    'printf fprintf vprintf vfprintf puts fputs putchar perror': 'mcmp_error or mcmp__log()',
    'exit _exit abort atexit quick_exit': 'a return code (E6)',
    'getenv secure_getenv system popen sleep usleep nanosleep signal sigaction':
        'nothing: the host owns process, time and environment',
    'time gettimeofday clock_gettime clock': 'a parameter: the host owns the clock',
    'pthread_create thrd_create': 'nothing: the library starts no thread',
}
TESTS = {'sleep usleep nanosleep': 'waiting for what is expected, with a deadline (X6)'}
# What implements the rule may break it.
EXCEPT = {
    'lib/base/memory.c': 'malloc realloc free',
    'lib/base/os_apr.c': 'nanosleep clock_gettime',
}


def rules_for(name):
    rules = dict(EVERYWHERE)
    if not name.startswith('tests/'):
        rules.update(PRODUCT)
    if name.startswith('lib/'):
        rules.update(LIBRARY)
    if name.startswith('tests/'):
        rules.update(TESTS)
    allowed = EXCEPT.get(name, '').split()
    return {word: use for words, use in rules.items() for word in words.split()
            if word not in allowed}


args = common.arguments(__doc__)
report = common.Report('banned')
for name in common.sources(args, folders=('lib', 'include', 'examples', 'tests')):
    report.looked_at += 1
    text = common.read(args, name)
    code = common.code_only(text)
    rules = rules_for(name)
    # A member (a->free) or a member declaration ((*free)(...)) of that name is no call.
    for match in re.finditer(r'(?<![\w.>])(\w+)\s*\(', code):
        if match.group(1) in rules:
            report.add(name, common.line_of(code, match.start(1)),
                       f'{match.group(1)}() is banned, use {rules[match.group(1)]}')
    for match in re.finditer(r'^\s*#\s*include\s*<(ctype|locale|alloca|setjmp)\.h>', text, re.M):
        report.add(name, common.line_of(text, match.start(1)), f'<{match.group(1)}.h> is banned')
report.end()
