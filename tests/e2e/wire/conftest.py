# SPDX-License-Identifier: Apache-2.0
"""A fresh server per test; only starting it is shared with the other end-to-end tests."""
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '../lib'))

from server import Server  # noqa: E402


@pytest.fixture
def server():
    with Server() as running:
        yield running
