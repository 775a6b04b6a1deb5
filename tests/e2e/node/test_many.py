# SPDX-License-Identifier: Apache-2.0
"""500 agents against one server: each tells its STATUS in time."""
import os
import subprocess

import mcmp
from agent import BIN
from server import Server

COUNT = 500
INTERVAL = 2000  # ms
ROUNDS = 6


def test_500_agents_tell_their_status_in_time():
    with Server(workers=2) as server:
        done = subprocess.run([os.path.join(BIN, '../tests/many_agents'), str(COUNT),
                               str(INTERVAL), str(ROUNDS), str(server.management[1])],
                              capture_output=True, text=True, timeout=200, check=False)
        print(done.stdout, done.stderr)
        assert done.returncode == 0, done.stderr
        found = {words[0]: words[1:] for words in map(str.split, done.stdout.splitlines())}
        assert int(found['statuses'][0]) >= ROUNDS, 'each told that many'
        assert int(found['late_ms'][0]) < INTERVAL * 3 / 4, 'none was late by most of an interval'
        before, after = map(int, found['memory_kb'])
        assert after < before * 1.1 + 1024, 'in constant memory'
        assert int(found['removed'][0]) == COUNT
        assert not mcmp.info(server.management)[1], 'all have left'
