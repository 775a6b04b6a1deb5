# SPDX-License-Identifier: Apache-2.0
"""One Tomcat for the tests of a file, and the servers in front of it: by kind of node."""
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '../lib'))
sys.path.insert(0, os.path.dirname(__file__))

from front import KINDS, Front  # noqa: E402
from tomcat import Tomcat  # noqa: E402


@pytest.fixture(scope='module')
def tomcat():
    with Tomcat() as running:
        yield running


@pytest.fixture(scope='module', params=KINDS)
def front(tomcat, request):
    with Front([tomcat], request.param) as running:
        yield running
