#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the libFuzzer programs and runs each from its corpus. The last line is `N passed, N failed`.
# Usage: scripts/fuzz.sh [--total] SECONDS [NAME...]   seconds per target, or shared by all
set -u

total=0
if [ "${1:-}" = --total ]; then
    total=1
    shift
fi
case ${1:-} in
'' | *[!0-9]*) echo "usage: scripts/fuzz.sh [--total] SECONDS [NAME...]" >&2 && exit 2 ;;
esac
seconds=$1
shift
cd "$(dirname "$0")/.." || exit 1
jobs=$(nproc 2>/dev/null || echo 2)

mkdir -p build
if ! cmake --preset fuzz -DMCMP_BUILD_TESTS=ON >build/fuzz.configure.log 2>&1; then
    cat build/fuzz.configure.log
    exit 1
fi
cmake --build build/fuzz -j "$jobs" -- --quiet || exit 1

[ $# -gt 0 ] || set -- $(ls tests/fuzz | sed -n "s/^fuzz_\(.*\)\.c\$/\1/p")
if [ $# = 0 ]; then
    echo "fuzz: no target"
    exit 1
fi
if [ "$total" = 1 ]; then
    seconds=$((seconds / $#))
    [ "$seconds" -ge 2 ] || seconds=2
fi

passed=0
failed=0
for name in "$@"; do
    seeds=tests/fuzz/corpus/$name
    [ -d "$seeds" ] || seeds=
    mkdir -p "build/fuzz/corpus/$name"
    log=build/fuzz/$name.log
    if "build/fuzz/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=25 -rss_limit_mb=2048 \
        -print_final_stats=1 "-artifact_prefix=build/fuzz/$name-" "build/fuzz/corpus/$name" $seeds \
        >"$log" 2>&1; then
        passed=$((passed + 1))
        printf 'fuzz %s: %s runs\n' "$name" "$(sed -n 's/.*number_of_executed_units: *//p' "$log")"
    else
        failed=$((failed + 1))
        tail -n 40 "$log"
        echo "fuzz $name: FAILED, see $log; put the input into tests/fuzz/corpus/$name"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
