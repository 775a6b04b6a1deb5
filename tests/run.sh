#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds, runs the tests. The last line is `N passed, N failed`.
set -u

usage() {
    cat <<TXT
usage: sh tests/run.sh [--quick | --long] [--help]
  (nothing)  release, AddressSanitizer + UBSan and ThreadSanitizer builds with their tests, and all
             gates; at most 30 minutes on 2 cores
  --quick    release build, unit tests and cheap gates; at most 3 minutes
  --long     the whole set, then hours of torture and fuzzing: MCMP_FUZZ_SECONDS per fuzz target
             (default 1800)
Builds are kept in build/<preset>, so a second run is quicker.
TXT
}

mode=normal
for arg in "$@"; do
    case $arg in
    --quick) mode=quick ;;
    --long) mode=long ;;
    --help | -h) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
    esac
done

cd "$(dirname "$0")/.." || exit 1
sh scripts/install-deps.sh test || exit 1

jobs=$(nproc 2>/dev/null || echo 2)
passed=0
failed=0
summary=
note() { summary="$summary
$1"; }
say() { printf '\n== %s\n' "$1"; }

# count LOG NAME: add ctest's own figures to ours
count() {
    line=$(grep -E 'tests passed, [0-9]+ tests? failed out of [0-9]+' "$1" | tail -n 1)
    if [ -z "$line" ]; then
        failed=$((failed + 1))
        note "$2: no result of ctest"
        return
    fi
    bad=$(printf '%s\n' "$line" | sed -E 's/.*passed, ([0-9]+) tests? failed.*/\1/')
    all=$(printf '%s\n' "$line" | sed -E 's/.*out of ([0-9]+).*/\1/')
    failed=$((failed + bad))
    passed=$((passed + all - bad))
    note "$2: $line"
}

# again PRESET: a few failures of tests against whole servers get a second try, each alone, since those
# have deadlines that a busy machine can miss. Who needed it is named in the summary.
again() {
    names=$(sed -n 's/^[0-9]*:\(e2e\..*\)$/\1/p' "build/$1/Testing/Temporary/LastTestsFailed.log" \
        2>/dev/null)
    [ "$(printf '%s\n' "$names" | wc -l)" -le 5 ] || return
    for name in $names; do
        say "$1: $name again"
        if ctest --test-dir "build/$1" --output-on-failure -R "^$name\$"; then
            failed=$((failed - 1))
            passed=$((passed + 1))
            note "$1: $name passed at its second try"
        fi
    done
}

# run_preset PRESET CTEST-ARGUMENTS...: configure, build, test
run_preset() {
    preset=$1
    shift
    say "$preset: build"
    if ! { cmake --preset "$preset" -DMCMP_BUILD_TESTS=ON >"build/$preset.configure.log" 2>&1 ||
        { cat "build/$preset.configure.log" && false; }; } ||
        ! cmake --build "build/$preset" -j "$jobs" -- --quiet; then
        failed=$((failed + 1))
        note "$preset: does not build"
        return
    fi
    say "$preset: tests"
    rm -f "build/$preset.ctest.log" "build/$preset/Testing/Temporary/LastTestsFailed.log"
    ctest --test-dir "build/$preset" -j "$jobs" --output-on-failure -O "build/$preset.ctest.log" "$@"
    count "build/$preset.ctest.log" "$preset"
    again "$preset"
}

# fuzz SECONDS: each target for a while, starting from its corpus
run_fuzz() {
    say "fuzz"
    sh scripts/fuzz.sh "$1" | tee build/fuzz.log
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' build/fuzz.log | tail -n 1)
    if [ -z "$line" ]; then
        failed=$((failed + 1))
        note "fuzz: no result"
        return
    fi
    passed=$((passed + ${line%% *}))
    bad=${line#*, }
    failed=$((failed + ${bad%% *}))
    note "fuzz: $line"
}

mkdir -p build
case $mode in
quick)
    run_preset release -L 'unit|gate|fuzz|abi' -LE 'long|slow'
    ;;
normal)
    run_preset release -LE long
    run_preset asan -LE 'long|full|gate|bench'
    run_preset tsan -L 'unit|stress' -LE 'long|gate|bench'
    ;;
long)
    run_preset release
    run_preset asan -LE 'full|gate|bench'
    run_preset tsan -L 'unit|stress' -LE 'gate|bench'
    run_fuzz "${MCMP_FUZZ_SECONDS:-1800}"
    ;;
esac

say "summary$summary"
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
