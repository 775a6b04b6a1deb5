# SPDX-License-Identifier: Apache-2.0
"""Each gate must find what it is for, and leave good sources alone."""
import os
import subprocess
import sys
import tempfile
import unittest

GATES = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'scripts', 'gates')
HEAD = '/* SPDX-License-Identifier: Apache-2.0 */\n/*\n * Job of the file.\n */\n'


def run(gate, files, build=None):
    """(status, output) of a gate over a tree made of {name: text}."""
    with tempfile.TemporaryDirectory() as root:
        for name, text in files.items():
            path = os.path.join(root, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'w', encoding='utf-8') as file:
                file.write(text)
        command = [sys.executable, os.path.join(GATES, gate + '.py'), '--root', root]
        if build:
            build(root)
            command += ['--build', os.path.join(root, 'build')]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr


class GateTest(unittest.TestCase):
    def finds(self, gate, files, text, build=None):
        status, out = run(gate, files, build)
        self.assertEqual(status, 1, out)
        self.assertIn(text, out)

    def passes(self, gate, files, build=None):
        status, out = run(gate, files, build)
        self.assertEqual(status, 0, out)
        self.assertNotIn(' 0 looked at', out)


class Banned(GateTest):
    def test_finds_a_banned_call(self):
        self.finds('banned', {'lib/base/a.c': HEAD + 'int f(char *a)\n{\n    return atoi(a);\n}\n'},
                   'lib/base/a.c:7: atoi() is banned')

    def test_finds_libc_memory_in_the_library_only(self):
        text = HEAD + 'void *f(void)\n{\n    return malloc(1);\n}\n'
        self.finds('banned', {'lib/lb/a.c': text}, 'malloc() is banned')
        self.passes('banned', {'examples/server/a.c': text})

    def test_leaves_comments_strings_and_members_alone(self):
        self.passes('banned', {'lib/lb/a.c': HEAD + '/* no strcpy(x) */\nconst char *s = "atoi(1)";\n'
                               'void f(struct x *a)\n{\n    a->free(a);\n}\n'})

    def test_finds_ctype(self):
        self.finds('banned', {'lib/lb/a.c': HEAD + '#include <ctype.h>\n'}, '<ctype.h> is banned')


class Layers(GateTest):
    def test_lb_may_read_the_model_but_not_write_it(self):
        files = {'lib/model/read.h': HEAD, 'lib/model/store.h': HEAD,
                 'lib/lb/a.c': HEAD + '#include "model/read.h"\n'}
        self.passes('layers', files)
        files['lib/lb/a.c'] = HEAD + '#include "../model/store.h"\n'
        self.finds('layers', files, 'lib/lb may not include "../model/store.h"')

    def test_folders_do_not_meet_behind_the_public_headers(self):
        self.finds('layers', {'lib/http/a.c': HEAD + '#include "protocol/field.h"\n'},
                   'lib/http may not include')

    def test_apr_stays_in_its_files(self):
        self.finds('layers', {'lib/model/a.c': HEAD + '#include <apr_pools.h>\n'}, '*_apr.c')
        self.passes('layers', {'lib/base/os_apr.c': HEAD + '#include <apr_pools.h>\n'})

    def test_examples_use_installed_headers(self):
        self.finds('layers', {'examples/server/a.c': HEAD + '#include "../../lib/base/base.h"\n',
                              'lib/base/base.h': HEAD}, 'installed headers only')

    def test_public_headers_have_no_cycle(self):
        self.finds('layers', {'include/libmcmp/a.h': HEAD + '#include <libmcmp/b.h>\n',
                              'include/libmcmp/b.h': HEAD + '#include <libmcmp/a.h>\n'},
                   'includes itself')

    def test_codecs_include_no_sockets(self):
        self.finds('layers', {'lib/http/a.c': HEAD + '#include <sys/socket.h>\n'}, 'does no I/O')


class Sizes(GateTest):
    @staticmethod
    def function(body):
        return HEAD + 'static int f(int a)\n{\n' + body + '    return a;\n}\n'

    def test_finds_long_files_and_functions(self):
        self.finds('sizes', {'lib/base/a.c': HEAD + '\n' * 800}, 'lines is 804')
        self.finds('sizes', {'lib/base/a.c': self.function('    a++;\n' * 77)}, 'length is 81')
        self.passes('sizes', {'lib/base/a.c': self.function('    a++;\n' * 76)})

    def test_finds_deep_nesting_without_braces(self):
        deep = '    if (a)\n        for (;;)\n            while (a)\n'
        self.passes('sizes', {'lib/base/a.c': self.function(deep + '                a++;\n')})
        self.finds('sizes', {'lib/base/a.c': self.function(
            deep + '                if (a)\n                    a++;\n')}, 'nesting is 4')

    def test_else_if_is_no_deeper(self):
        chain = '    if (a)\n        a++;\n' + '    else if (a)\n        a++;\n' * 5
        self.passes('sizes', {'lib/base/a.c': self.function(chain)})

    def test_finds_complexity(self):
        self.finds('sizes', {'lib/base/a.c': self.function('    if (a && a)\n        a++;\n' * 8)},
                   'complexity is 17')

    def test_exceptions_are_used_or_reported(self):
        allow = {'scripts/size-allow.txt': 'lib/base/a.c:f length 90 a table of calls\n'}
        self.passes('sizes', {'lib/base/a.c': self.function('    a++;\n' * 80), **allow})
        self.finds('sizes', {'lib/base/a.c': self.function(''), **allow}, 'no longer needed')


class Marks(GateTest):
    def test_finds_missing_licence_and_job(self):
        self.finds('marks', {'lib/base/a.c': 'int a;\n'}, 'SPDX')
        self.finds('marks', {'lib/base/a.c': '/* SPDX-License-Identifier: Apache-2.0 */\nint a;\n'},
                   'job of the file')

    def test_a_todo_needs_an_issue(self):
        word = 'TO' + 'DO'
        self.finds('marks', {'lib/base/a.c': HEAD + f'/* {word}: later */\n'}, 'without an issue')
        self.passes('marks', {'lib/base/a.c': HEAD + f'/* {word}(#12): later */\n'})

    def test_finds_long_comments(self):
        self.finds('marks', {'lib/base/a.c': HEAD + '/* ' + 'x' * 100 + ' */\n'}, '106 columns')


class Docs(GateTest):
    GOOD = ('/**\n * @defgroup mcmp_a A\n * @{ */\n/**\n * @brief Do.\n * @param[in] a what\n'
            ' * @return 0\n * @mt_any @reentrant no\n * @since 0.1\n */\n'
            'MCMP_API int mcmp_do(int a);\n')

    def test_accepts_complete_docs(self):
        self.passes('docs', {'include/libmcmp/a.h': HEAD + self.GOOD})

    def test_finds_each_missing_piece(self):
        for piece in ('@brief Do.', '@param[in] a what', '@return 0', '@mt_any', '@reentrant no',
                      '@since 0.1'):
            with self.subTest(piece):
                self.finds('docs', {'include/libmcmp/a.h': HEAD + self.GOOD.replace(piece, '')},
                           'mcmp_do: ')


def compiled(*names):
    """Makes objects of lib/<folder>/<file>.c the way the build lays them out."""
    def build(root):
        for name in names:
            folder, file = name.split('/')
            out = os.path.join(root, 'build', 'lib', folder, 'CMakeFiles', f'mcmp_{folder}.dir')
            os.makedirs(out, exist_ok=True)
            subprocess.run(['cc', '-c', '-o', os.path.join(out, file + '.o'),
                            os.path.join(root, 'lib', name)], check=True)
    return build


class Objects(GateTest):
    def test_finds_system_calls_in_codecs(self):
        self.finds('objects', {'lib/http/a.c': 'int socket(int, int, int);\n'
                               'int mcmp__x(void)\n{\n    return socket(1, 1, 1);\n}\n'},
                   'calls socket', compiled('http/a.c'))

    def test_finds_writable_data_but_not_constants(self):
        self.finds('objects', {'lib/http/a.c': 'static int n;\nint mcmp__x(void)\n{\n    return n++;\n}\n'},
                   'writable data', compiled('http/a.c'))
        self.passes('objects', {'lib/http/a.c': 'extern int mcmp__x(void);\nstatic const int n[] = { 1 };\n'
                                'int mcmp__x(void)\n{\n    return n[0];\n}\n'}, compiled('http/a.c'))

    def test_finds_the_os_layer_below_a_codec(self):
        self.finds('objects', {
            'lib/base/os_apr.c': 'int mcmp__os_time(void)\n{\n    return 1;\n}\n',
            'lib/lb/a.c': 'int mcmp__os_time(void);\nint mcmp__x(void)\n{\n    return mcmp__os_time();\n}\n'},
            'which does I/O', compiled('base/os_apr.c', 'lb/a.c'))

    def test_lets_digests_through_but_not_randomness(self):
        provider = ('int mcmp__md5(void)\n{\n    return 1;\n}\n'
                    'int mcmp__random_bytes(void)\n{\n    return 1;\n}\n')
        call = 'int %s(void);\nint mcmp__x(void)\n{\n    return %s();\n}\n'
        self.passes('objects', {'lib/base/crypto_openssl.c': provider,
                                'lib/advertise/a.c': call % (('mcmp__md5',) * 2)},
                    compiled('base/crypto_openssl.c', 'advertise/a.c'))
        self.finds('objects', {'lib/base/crypto_openssl.c': provider,
                               'lib/advertise/a.c': call % (('mcmp__random_bytes',) * 2)},
                   'which does I/O', compiled('base/crypto_openssl.c', 'advertise/a.c'))


if __name__ == '__main__':
    unittest.main(verbosity=0)
