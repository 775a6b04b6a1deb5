# SPDX-License-Identifier: Apache-2.0
"""Which node serves a request: the tests of the wire's traffic contract, asked of nginx. Bodies are
buffered by nginx, as by default, since one that was not can't be sent again."""
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '../wire'))

import test_traffic_contract as contract  # noqa: E402
from cluster import Cluster  # noqa: E402
from front import Front  # noqa: E402


def buffered(*flags, **args):
    return Front(*flags, streaming=False, **args)


contract.Server = buffered


@pytest.fixture(scope='module')
def calm_server():
    with buffered('--recalc', '1h', '--node-timeout', '2s', '--silent-after', 'off',
                  workers=2) as server:
        yield server


@pytest.fixture(scope='module')
def quick_server():
    with buffered('--recalc', '200ms', '--max-failed-probes', '3', '--grace', '300ms',
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


globals().update({name: value for name, value in vars(contract).items()
                  if name.startswith('test_')})
