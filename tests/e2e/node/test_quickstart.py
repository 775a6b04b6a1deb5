# SPDX-License-Identifier: Apache-2.0
"""examples/quickstart.sh with programs that are already built: nothing is installed here."""
import os
import re
import signal
import subprocess

import pytest
from agent import BIN, Output, program
from waiting import until

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), '../../..'))
SCRIPT = os.path.join(ROOT, 'examples/quickstart.sh')


def shells():
    return [shell for shell in ('/bin/sh', '/bin/bash') if os.path.exists(shell)]


def running(folder):
    """Processes that were started with the run folder in their arguments."""
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/cmdline', 'rb') as file:
                if folder.encode() in file.read():
                    found.append(pid)
        except OSError:
            pass
    return found


@pytest.mark.parametrize('shell', shells())
def test_the_show_is_as_it_should_be_and_leaves_nothing(shell, tmp_path):
    program('mcmp-server')
    done = subprocess.run([shell, SCRIPT, '--once', '--bin', BIN], capture_output=True, text=True,
                          timeout=120, check=False, cwd='/', env={**os.environ, 'TMPDIR': str(tmp_path)})
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    assert 'WRONG' not in done.stdout and 'All was as it should be.' in done.stdout
    assert done.stdout.count(' ok ') >= 10
    assert '\x1b' not in done.stdout, 'no colours in a file'
    assert not running(str(tmp_path)) and not os.listdir(tmp_path)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_it_stays_up_until_a_signal_then_ends_everything(number, tmp_path):
    process = subprocess.Popen(['/bin/sh', SCRIPT, '--bin', BIN], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, start_new_session=True,
                               env={**os.environ, 'TMPDIR': str(tmp_path)})
    try:
        out = Output(process.stdout)
        url = out.wait(r'application +(http://127\.0\.0\.1:\d+/)', 120).group(1)
        got = subprocess.run(['curl', '-s', '--noproxy', '*', '-w', '%{http_code}', '-o', '/dev/null', url],
                             capture_output=True, text=True, timeout=20, check=True)
        assert got.stdout == '200'
        assert len(running(str(tmp_path))) >= 3
        os.killpg(process.pid, number)  # as a terminal does
        assert process.wait(30) in (130, 143, -number)
        until(lambda: not running(str(tmp_path)))
        assert not os.listdir(tmp_path)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def test_missing_programs_are_told(tmp_path):
    done = subprocess.run(['/bin/sh', SCRIPT, '--once', '--bin', str(tmp_path)], capture_output=True,
                          text=True, timeout=20, check=False)
    assert done.returncode == 1 and re.search('mcmp-server is missing', done.stderr)


def test_unknown_flags_are_an_error():
    done = subprocess.run(['/bin/sh', SCRIPT, '--frob'], capture_output=True, text=True, timeout=20,
                          check=False)
    assert done.returncode == 2 and 'usage:' in done.stderr
