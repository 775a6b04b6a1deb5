# SPDX-License-Identifier: Apache-2.0
"""Real nginx processes with the module, each in a folder of its own."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '../lib'))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '../wire'))
sys.path.insert(0, os.path.dirname(__file__))
