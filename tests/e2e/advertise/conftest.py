# SPDX-License-Identifier: Apache-2.0
"""Every test here runs in a network namespace of its own, in which multicast harms nobody."""
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '../lib'))
import netns

REASON = netns.enter()
NO_WIRE = netns.add_wire() if REASON is None else REASON


@pytest.fixture(autouse=True)
def _own_network():
    if REASON is not None:
        pytest.skip(REASON)


@pytest.fixture
def wire():
    """Name of an interface that is not loopback."""
    if NO_WIRE is not None:
        pytest.skip(NO_WIRE)
    return 'wire0'
