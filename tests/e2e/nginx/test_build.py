# SPDX-License-Identifier: Apache-2.0
"""The other way of the README to build the module: nginx's own configure and make, with the warnings
that nginx makes errors, against the packaged server."""
import glob
import os
import re
import subprocess

import pytest

from nginx import Nginx
from server import BIN

SOURCE = '/usr/share/nginx/src'
ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), '../../..'))
LIBRARY = os.path.abspath(os.path.join(BIN, '../lib/libmcmp.a'))
CONFIGURE = """. ./conf_flags
exec ./configure --with-cc-opt='-O1 -fPIC' --with-ld-opt=-fPIC "${NGX_CONF_FLAGS[@]}" \\
    --add-dynamic-module="$1" --builddir="$2"
"""


def run(argv, **more):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, timeout=500, **more)
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.skipif(not os.path.exists(f'{SOURCE}/conf_flags'), reason='nginx-dev is not installed')
def test_configure_and_make_build_a_module_that_works(tmp_path, monkeypatch):
    with open(f'{ROOT}/examples/nginx/README.md', encoding='utf-8') as file:
        more = re.search(r'libmcmp\.a (-l[^"]*)"', file.read()).group(1)
    env = {**os.environ, 'MCMP_CFLAGS': f'-I{ROOT}/include', 'MCMP_LIBS': f'{LIBRARY} {more}'}
    run(['bash', '-c', CONFIGURE, 'sh', f'{ROOT}/examples/nginx', str(tmp_path)], cwd=SOURCE, env=env)
    # of the packaged modules only ours
    makefile = tmp_path / 'Makefile'
    run(['make', '-f', str(makefile), '-C', SOURCE, '-j2', f'{tmp_path}/ngx_http_mcmp_module.so'])
    assert glob.glob(f'{tmp_path}/*.so') == [f'{tmp_path}/ngx_http_mcmp_module.so']
    monkeypatch.setenv('MCMP_NGINX_MODULE', f'{tmp_path}/ngx_http_mcmp_module.so')
    with Nginx(locations='') as nginx:
        nginx.register('n1', 1, load=-1)
        assert 'n1' in nginx.nodes()
