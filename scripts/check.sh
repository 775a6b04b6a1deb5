#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The gates of STYLE 17. Each prints its findings; the last line names the gates that failed.
set -u

fast_gates="format banned layers sizes marks docs"
usage() {
    cat <<TXT
usage: sh scripts/check.sh [--fast | --no-tests] [GATE...]
  (nothing)   every gate, then sh tests/run.sh
  --fast      those that read sources only, for editors: $fast_gates
  --no-tests  every gate, without sh tests/run.sh
  GATE        only these
TXT
}

tests=1
gates=
for arg in "$@"; do
    case $arg in
    --fast) gates=$fast_gates tests=0 ;;
    --no-tests) tests=0 ;;
    --help | -h) usage && exit 0 ;;
    -*) usage >&2 && exit 2 ;;
    *) gates="$gates $arg" tests=0 ;;
    esac
done
cd "$(dirname "$0")/.." || exit 1
[ -n "$gates" ] || gates="$fast_gates gcc symbols objects doxygen clang fuzz"

python=/usr/bin/python3
[ -x "$python" ] || python=python3
jobs=$(nproc 2>/dev/null || echo 2)

build_with() { # FOLDER C-COMPILER C++-COMPILER
    cmake -S . -B "build/$1" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo "-DCMAKE_C_COMPILER=$2" \
        "-DCMAKE_CXX_COMPILER=$3" >"build/$1.configure.log" 2>&1 || {
        cat "build/$1.configure.log"
        return 1
    }
    cmake --build "build/$1" -j "$jobs" -- --quiet
}

run_gate() {
    case $1 in
    gcc) build_with check-gcc gcc g++ ;;
    clang) build_with check-clang clang-14 clang++-14 ;;
    fuzz) sh scripts/fuzz.sh --total 60 ;;
    doxygen) cmake --build build/check-gcc --target docs -- --quiet ;;
    *) "$python" "scripts/gates/$1.py" --root . --build build/check-gcc ;;
    esac
}

mkdir -p build
failed=
for gate in $gates; do
    run_gate "$gate" || failed="$failed $gate"
done
if [ "$tests" = 1 ]; then
    sh tests/run.sh || failed="$failed tests"
fi
if [ -n "$failed" ]; then
    echo "check: failed:$failed"
    exit 1
fi
echo "check: all gates passed"
