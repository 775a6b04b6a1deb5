# SPDX-License-Identifier: Apache-2.0
"""Waiting for a condition, never for a time: polls until it holds, fails loudly when it does not."""
import time


def until(condition, timeout=10, what='condition', pause=0.01):
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f'{what}: not within {timeout} s'
        time.sleep(pause)
