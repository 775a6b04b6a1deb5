# SPDX-License-Identifier: Apache-2.0
"""Makes the shared helpers importable."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '../lib'))
