#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check.sh [--more] [DIR]: the model of the store holds as it is, and a fence left out gives a wrong
# read; but for the one between a log entry and the log's length, which it shows to be a precaution.
# --more: three messages instead, with one kill (all states, 6 GB, minutes) and with two (a bit for
# each state, 4 GB, half an hour). Works in DIR, or in a directory of its own. Needs spin and a C
# compiler.
set -u
model=$(cd "$(dirname "$0")" && pwd)/store.pml
more=0
[ "${1:-}" = --more ] && more=1 && shift
dir=${1:-$(mktemp -d)}
failed=0

# NAME WANTED-ERRORS SPIN-FLAGS COMPILER-FLAGS
run() {
    mkdir -p "$dir/$1" && cd "$dir/$1" || exit 2
    # shellcheck disable=SC2086
    spin $3 -a "$model" >spin.log &&
        ${CC:-cc} -w -O2 -DSAFETY -DVECTORSZ=2048 $4 -o pan pan.c ||
        { echo "$1: can't be built" && exit 2; }
    # shellcheck disable=SC2086
    ./pan -m100000 -n ${5:-} >out 2>&1
    wrong=0
    grep -q 'assertion violated ((x==should_x' out && wrong=1
    # out of memory: not all states were seen
    [ "$2" = 0 ] && grep -q 'Search not completed' out && wrong=2
    if grep -q "errors: $2" out && [ "$wrong" = "$2" ] && ! grep -q 'max search depth' out; then
        echo "$1: $(grep -o 'depth reached [0-9]*, errors: [0-9]*' out)," \
            "$(grep 'states, stored' out | head -1)"
    else
        echo "$1: NOT as it should be, see $dir/$1/out" && failed=1
    fi
}

if [ $more = 1 ]; then
    run three_messages 0 "-DMSGS=3 -DKILLS=1" "-DCOLLAPSE -DMEMLIM=9000" -w26
    run two_kills 0 "-DMSGS=3 -DKILLS=2" -DBITSTATE "-w35 -k3"
    exit $failed
fi
run whole 0 "-DMSGS=2 -DKILLS=1" -DCOLLAPSE
late="-DKILLS=1 -DREADS_ONLY -DLATE_READER"
run NO_MARK_FENCE 1 "-DMSGS=3 -DKILLS=0 -DREADS_ONLY -DNO_MARK_FENCE" "-DCOLLAPSE -DBFS"
run NO_COMMIT_RELEASE 1 "-DMSGS=2 -DKILLS=0 -DREADS_ONLY -DNO_COMMIT_RELEASE" "-DCOLLAPSE -DBFS"
run NO_READ_FENCE 1 "-DMSGS=3 -DKILLS=0 -DREADS_ONLY -DNO_READ_FENCE" "-DCOLLAPSE -DBFS"
run NO_READ_ACQUIRE 1 "-DMSGS=2 -DKILLS=0 -DREADS_ONLY -DNO_READ_ACQUIRE" "-DCOLLAPSE -DBFS"
run NO_ENTRY_FENCE 0 "-DMSGS=2 $late -DNO_ENTRY_FENCE" -DCOLLAPSE
run NO_COUNT_FENCE 1 "-DMSGS=2 $late -DNO_COUNT_FENCE" -DCOLLAPSE
run NO_COPY_FENCE 1 "-DMSGS=3 $late -DNO_COPY_FENCE" -DCOLLAPSE
exit $failed
