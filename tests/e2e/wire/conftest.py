# SPDX-License-Identifier: Apache-2.0
"""Servers: a fresh one per test, or two kinds that the tests of a file share, each with its nodes."""
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '../lib'))
sys.path.insert(0, os.path.dirname(__file__))

from cluster import Cluster  # noqa: E402
from server import Server  # noqa: E402


@pytest.fixture
def server():
    with Server() as running:
        yield running


@pytest.fixture(scope='module')
def calm_server():
    with Server('--recalc', '1h', '--node-timeout', '2s', '--silent-after', 'off',
                workers=2) as server:
        yield server


@pytest.fixture(scope='module')
def quick_server():
    with Server('--recalc', '200ms', '--max-failed-probes', '3', '--grace', '300ms',
                '--body-timeout', '700ms', '--send-timeout', '1s', workers=2) as server:
        yield server


@pytest.fixture
def calm(calm_server):
    cluster = Cluster(calm_server)
    yield cluster
    cluster.end()


@pytest.fixture
def quick(quick_server):
    cluster = Cluster(quick_server)
    yield cluster
    cluster.end()
