# SPDX-License-Identifier: Apache-2.0
"""The scale bench: times and rates of bench_scale, and instructions per call by callgrind.

usage: scale.py --bin DIR [--short] [--seconds S]
Prints tables. --short takes the two small sizes and a moment for each figure, and fails when a
choice at 200x10 takes many more instructions than at 20x50, or a figure is missing. Times are never
judged.
"""
import argparse
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import figures  # noqa: E402

SIZES = [(20, 50), (200, 10), (1000, 100), (4096, 200)]
CALLS = [('select', 'measure_select', '1250-2010'), ('release', 'measure_release', '-'),
         ('STATUS', 'measure_status', '-'), ('a new pair', 'measure_pair', '-')]
MOST = 1.3  # 200x10 against 20x50


def count(engine, size, rounds):
    """{function: instructions per call}"""
    totals = figures.measure(args.bin, ['bench_scale', 'count', engine, *map(str, size), str(rounds)])
    return {name: cost / calls for name, (calls, cost) in totals.items()}


def table(engine, found, sizes):
    print(f'instructions per call, {engine}')
    print('  ' + ' ' * 12 + ''.join(f'{f"{n}x{c}":>12}' for n, c in sizes) + '   prototype')
    for name, function, prototype in CALLS:
        row = ''.join(f'{found[size].get(function, 0):12.0f}' for size in sizes)
        print(f'  {name:12}{row}   {prototype if engine == "libmcmp" else "-"}')


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument('--bin', required=True)
parser.add_argument('--short', action='store_true')
parser.add_argument('--seconds', default=None)
args = parser.parse_args()
bench = os.path.join(args.bin, 'bench_scale')
chosen = SIZES[:2] if args.short else SIZES
seconds = args.seconds or ('0.02' if args.short else '0.3')
printed = subprocess.run([bench, seconds, *[str(number) for size in chosen for number in size]],
                         stdout=subprocess.PIPE, check=True).stdout
print(printed.decode(), flush=True)
rounds = 500 if args.short else 2000
own = {size: count('libmcmp', size, rounds) for size in chosen}
table('libmcmp', own, chosen)
if b'built without LMDB' not in printed:
    table('LMDB', {size: count('lmdb', size, rounds) for size in chosen}, chosen)
failed = False
for name, function, _ in CALLS:
    if not all(found.get(function) for found in own.values()):
        print(f'{name}: not counted')
        failed = True
        continue
    ratio = own[SIZES[1]][function] / own[SIZES[0]][function]
    if ratio > MOST:
        print(f'{name}: {ratio:.2f} times as many instructions at 200x10 as at 20x50, {MOST} allowed')
        failed = True
sys.exit(1 if failed else 0)
