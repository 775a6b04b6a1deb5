# SPDX-License-Identifier: Apache-2.0
"""Runs the torture on a mutant of the store and expects that it is caught.

Caught means that a part ends with the status of a finding, or is killed by a fault of the mutant's
own, or that the torture's own watchdog says that nothing goes on. A part that this script has to
end catches nothing.
"""
import argparse
import signal
import subprocess
import sys
import time

PARTS = ('writes', 'random', 'readers')
FOUND = 1
WATCHDOG = 3
FAULTS = (-signal.SIGSEGV, -signal.SIGBUS, -signal.SIGABRT, -signal.SIGFPE, -signal.SIGILL)

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument('--program', required=True)
parser.add_argument('--all', action='store_true', help='go on after the first part that caught it')
args = parser.parse_args()

caught = []
for part in PARTS:
    start = time.monotonic()
    try:
        run = subprocess.run([args.program, '--patience', '3', part], stderr=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        print(f'{part}: ended by force after 120 s')
        continue
    first = (run.stderr.splitlines() or ['torture: no word'])[0]
    seconds = time.monotonic() - start
    if run.returncode in (FOUND, WATCHDOG) or run.returncode in FAULTS:
        caught.append(part)
        print(f'{part}: caught in {seconds:.2f} s, status {run.returncode}: {first}')
        if not args.all:
            break
    else:
        print(f'{part}: status {run.returncode} after {seconds:.2f} s')
print('caught by', ', '.join(caught) if caught else 'nothing')
sys.exit(0 if caught else 1)
