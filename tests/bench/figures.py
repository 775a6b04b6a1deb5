# SPDX-License-Identifier: Apache-2.0
"""Instructions per call, counted by callgrind, against the goals.

usage: figures.py --bin DIR [--gate]
Prints one line per figure; with --gate it fails when a figure is over its goal. Figures that do
not reach their goal yet stand in over-goal.txt with a ceiling: they must not get worse.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

SMALL, LARGE = ('20', '50'), ('4096', '200')
# name, program with arguments, function, goal per call (None: only printed), divisor
CASES = [
    ('select 20x50', ['bench_select', *SMALL, '4', '4000'], 'mcmp_select_node', 2000, 1),
    # the goal names no number of nodes per context: all of them, few, and the most that are
    # looked at one by one
    ('select 20x50, 20 each', ['bench_select', *SMALL, '20', '4000'], 'mcmp_select_node', 2000, 1),
    ('select 20x50, 8 each', ['bench_select', *SMALL, '8', '4000'], 'mcmp_select_node', 2000, 1),
    ('select 16x50, 16 each', ['bench_select', '16', '50', '16', '4000'], 'mcmp_select_node', 2000, 1),
    ('select 4096x200', ['bench_select', *LARGE, '4', '4000'], 'mcmp_select_node', 2400, 1),
    ('select 1000 in one', ['bench_select', '1000', '1', '1000', '4000'], 'mcmp_select_node', 2400, 1),
    ('release 20x50', ['bench_select', *SMALL, '4', '4000'], 'mcmp_selection_release', 150, 1),
    ('STATUS 20x50', ['bench_apply', *SMALL, '500'], 'measure_status', 1500, 1),
    ('STATUS 4096x200', ['bench_apply', *LARGE, '500'], 'measure_status', 1950, 1),
    ('no change 20x50', ['bench_apply', *SMALL, '500'], 'measure_same', 1500, 1),
    ('no change 4096x200', ['bench_apply', *LARGE, '500'], 'measure_same', 1950, 1),
    ('new pair 20x50', ['bench_apply', *SMALL, '500'], 'measure_new', 8000, 1),
    ('new pair 4096x200', ['bench_apply', *LARGE, '500'], 'measure_new', 10400, 1),
    # messages of 200 bytes, head and body, the body decoded
    ('parse STATUS, per byte', ['bench_parse', '500'], 'measure_status', 20, 200),
    ('parse ENABLE-APP, per byte', ['bench_parse', '500'], 'measure_enable', 20, 200),
    ('parse CONFIG, per byte', ['bench_parse', '500'], 'measure_config', None, 200),
    ('http request, per byte', ['bench_http', '500'], 'mcmp_http_head_parse_request', 10, 306),
    ('http response, per byte', ['bench_http', '500'], 'mcmp_http_head_parse_response', None, 225),
    ('http encode request', ['bench_http', '500'], 'mcmp_http_encode_request', 3000, 1),
    ('ajp encode request', ['bench_ajp', '500'], 'mcmp_ajp_proxy_encode_request', 3000, 1),
    ('ajp encode, all told', ['bench_ajp', '500', '1'], 'mcmp_ajp_proxy_encode_request', None, 1),
    ('ajp decode head', ['bench_ajp', '500'], 'mcmp_ajp_proxy_feed', 3000, 1),
    ('http encode response', ['bench_http', '500'], 'mcmp_http_encode_response', 3000, 1),
]
# figure at most this many times the other one
RATIOS = [
    ('select 4096x200', 'select 20x50', 1.2),
    ('select 1000 in one', 'select 20x50', 1.2),
    ('STATUS 4096x200', 'STATUS 20x50', 1.3),
    ('no change 4096x200', 'no change 20x50', 1.3),
    ('new pair 4096x200', 'new pair 20x50', 1.3),
]


def ceilings():
    """{name: most} of over-goal.txt, lines `most | name | reason`."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'over-goal.txt')
    found = {}
    with open(path, encoding='utf-8') as file:
        for line in file:
            fields = [field.strip() for field in line.split('|')]
            if len(fields) == 3 and not line.startswith('#'):
                found[fields[1]] = float(fields[0])
    return found


def calls_of(text):
    """{function: (calls, inclusive instructions)} of a callgrind file."""
    names, totals = {}, {}
    callee = calls = None
    for line in text.splitlines():
        match = re.match(r'c?fn=\((\d+)\)(?: (.*))?$', line)
        if match:
            if match.group(2):
                names[match.group(1)] = match.group(2).split("'")[0]
            if line.startswith('c'):
                callee = names[match.group(1)]
        elif line.startswith('calls='):
            calls = int(line[6:].split()[0])
        elif calls is not None:
            count, cost = totals.get(callee, (0, 0))
            totals[callee] = (count + calls, cost + int(line.split()[1]))
            calls = None
    return totals


def measure(folder, command):
    with tempfile.TemporaryDirectory() as work:
        out = os.path.join(work, 'callgrind')
        run = subprocess.run(
            ['valgrind', '--tool=callgrind', '--instr-atstart=no', '--dump-line=no', '-q',
             f'--callgrind-out-file={out}', os.path.join(folder, command[0]), *command[1:]],
            capture_output=True, text=True, check=False)
        if run.returncode != 0:
            sys.exit(f'{" ".join(command)}: {run.stderr}')
        with open(out, encoding='utf-8') as file:
            return calls_of(file.read())


def verdict(figure, goal, ceiling):
    if goal is None:
        return ''
    text = f'goal {goal}'
    if figure > goal:
        text += ' OVER' if ceiling is None else f' OVER, ceiling {ceiling:.0f}'
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--bin', required=True)
    parser.add_argument('--gate', action='store_true')
    args = parser.parse_args()
    runs, figures, over, known = {}, {}, [], ceilings()
    for name, command, function, goal, divisor in CASES:
        key = tuple(command)
        if key not in runs:
            runs[key] = measure(args.bin, command)
        if function not in runs[key]:
            sys.exit(f'{name}: {function} was not called')
        calls, cost = runs[key][function]
        figure = figures[name] = cost / calls / divisor
        print(f'{name:26} {figure:8.1f} instructions  {verdict(figure, goal, known.get(name))}',
              flush=True)
        if goal is not None and figure > max(goal, known.get(name, goal)):
            over.append(name)
        if goal is not None and figure <= goal and name in known:
            print(f'{name}: reached its goal, take it out of over-goal.txt')
    for name, base, most in RATIOS:
        ratio = figures[name] / figures[base]
        print(f'{name:26} {ratio:8.2f} times {base}  {verdict(ratio, most, None)}')
        if ratio > most:
            over.append(f'{name} / {base}')
    if args.gate and over:
        print('not as it should be: ' + ', '.join(over))
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
