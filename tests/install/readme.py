# SPDX-License-Identifier: Apache-2.0
"""The C program of README.md: it is examples/minimal/readme_host.c, compiles as it stands and runs.

usage: readme.py SOURCE-DIR BUILD-DIR WORK-DIR CC
"""
import os
import re
import subprocess
import sys

source, build, work, compiler = sys.argv[1:5]


def read(name):
    with open(os.path.join(source, name), encoding='utf-8') as file:
        return file.read()


readme = read('README.md')
blocks = re.findall(r'^```c\n(.*?)^```$', readme, re.S | re.M)
if len(blocks) != 1:
    sys.exit(f'README.md has {len(blocks)} C programs, not one')
if blocks[0] != read('examples/minimal/readme_host.c'):
    sys.exit('the program in README.md is not examples/minimal/readme_host.c')
if blocks[0].count('\n') > 40:
    sys.exit(f'the program has {blocks[0].count(chr(10))} lines, more than 40')

os.makedirs(work, exist_ok=True)
path = os.path.join(work, 'readme_host')
with open(path + '.c', 'w', encoding='utf-8') as file:
    file.write(blocks[0])
subprocess.run([compiler, '-std=c11', '-Wall', '-Wextra', '-Wpedantic', '-Werror', '-I',
                os.path.join(source, 'include'), path + '.c', '-L', os.path.join(build, 'lib'),
                '-lmcmp', '-Wl,-rpath,' + os.path.join(build, 'lib'), '-o', path], check=True)
run = subprocess.run([path], capture_output=True, text=True, check=True)
print(run.stdout, end='')
if 'goes to n1, port 8080' not in run.stdout:
    sys.exit('the program does not say where the request goes')

for link in re.findall(r'\]\(([^)#]+)\)', readme):
    if '://' not in link and not os.path.exists(os.path.join(source, link)):
        sys.exit(f'README.md: {link} does not exist')
