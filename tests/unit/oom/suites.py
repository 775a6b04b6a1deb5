# SPDX-License-Identifier: Apache-2.0
"""suites.py BUILD UNIT FOLDER...: every suite of the folders has a test that fails all of its
allocations (MCMP_OOM=all) and ends in bounded time. A run of that test fails when a scenario did not
come through all of them; those that are in line only stand here with their reasons, and no others."""
import json
import pathlib
import re
import subprocess
import sys

MOST_SECONDS = 900
REASON = re.compile(r'START_TEST\((\w+)\)(?:(?!END_TEST).)*?fails_in_line_only\("([^"]+)"\)', re.S)
IN_LINE_ONLY = {
    'model.test_segment_read.a_reader_beside_a_busy_writer_sees_whole_messages',
    'model.test_segment_read.a_reader_that_is_always_overtaken_says_so',
    'model.test_view.test_a_view_never_shows_half_a_message',
    'model.test_state_threads.readers_see_all_of_a_load_or_nothing',
}


def tests_of(build):
    """{name: its properties} of all tests that ctest knows."""
    out = subprocess.run(['ctest', '--show-only=json-v1'], cwd=build, check=True,
                         capture_output=True, text=True).stdout
    return {test['name']: {p['name']: p['value'] for p in test['properties']}
            for test in json.loads(out)['tests']}


def main():
    build, unit, folders = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
    tests, found, suites = tests_of(build), set(), 0
    wrong = []
    for folder in folders:
        for source in sorted((unit / folder).glob('test_*.c')):
            name = f'{folder}.{source.stem}'
            if f'unit.{name}' not in tests:  # it needs what is not installed here
                continue
            suites += 1
            test = tests.get(f'long.oom.{name}', {})
            if 'MCMP_OOM=all' not in test.get('ENVIRONMENT', []):
                wrong.append(f'long.oom.{name} with MCMP_OOM=all is missing')
            elif not 0 < float(test.get('TIMEOUT', 0)) <= MOST_SECONDS:
                wrong.append(f'long.oom.{name} may take longer than {MOST_SECONDS} s')
            text = source.read_text()
            if not re.search(r'\brun_tests\(|#include "test_\w+\.c"', text):
                wrong.append(f'{name} has a main function of its own, which knows nothing of MCMP_OOM')
            for scenario, reason in REASON.findall(text):
                found.add(f'{name}.{scenario}')
                print(f'in line only: {name}.{scenario}: {reason}')
    wrong += [f'{name} is in line only, and not listed' for name in sorted(found - IN_LINE_ONLY)]
    wrong += [f'{name} is listed, and not in line only' for name in sorted(IN_LINE_ONLY - found)]
    for line in wrong:
        print(line)
    print(f'{suites} suites, {len(found)} scenarios in line only')
    return 1 if wrong or suites == 0 else 0


sys.exit(main())
