/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every scenario of a suite once more with each of its allocations failing (STYLE M5).
 *
 * The linker sends each call of a public function that allocates through a wrapper (--wrap, see
 * tests/CMakeLists.txt), so the scenarios need no change: oom.c and oom_answer.c. A counting
 * allocator is put in, in front of the scenario's own if it gives one (oom_fail.c). A call that
 * returns MCMP_ERR_NOMEM after an allocation failed must have left its outputs alone, and a cluster
 * as it was (the bytes that it would save); it is made again with the same arguments, and the
 * scenario goes on with all of its assertions. At the end nothing may be left.
 *
 * A scenario is run in two ways:
 * - In line: one run, whole, to its end. Each call is made again and again: its first allocation
 *   fails, then the second one, until none is left. So each allocation of each call fails, in
 *   threads too, at the price of a call's allocations squared; but the scenario is not one with
 *   a single failure. A call that bears a failure and returns something else has ended: its next
 *   allocation fails when the function is called the next time.
 * - Alone: for each n there is a run in which the n-th allocation fails and no other one. A
 *   scenario that shares nothing with another process is run once, and at each allocation a copy
 *   of the process (fork) goes on with that one failing. The copy ends early when the library holds
 *   no memory any more: then nothing can remember the failure, since the library has no state of
 *   its own, and the rest would be what the scenario did without a failure. Scenarios that share
 *   something (files, processes, memory, random choices) are run anew for each n, to their end.
 *   What repeats itself thousands of times does so less often here: as_often() in hooks.h.
 *
 * MCMP_OOM=all: both ways, all n; a scenario that is in line only says why. MCMP_OOM=N: in line,
 * and at most N allocations alone, spread over all, for no longer than a second or one copy;
 * as_often() is small in both. What runs under run_with_oom() is not counted: there each allocation
 * fails anyway.
 */
#ifndef MCMP_TEST_OOM_H
#define MCMP_TEST_OOM_H

#include "support.h"

#include <libmcmp/libmcmp.h>

#include <stdatomic.h>

/* Declares the real function and its wrapper. */
#define WRAP(name, ...)             \
    int __real_##name(__VA_ARGS__); \
    int __wrap_##name(__VA_ARGS__); \
    int __wrap_##name(__VA_ARGS__)

/* Around a call whose allocations count; calls that the library makes inside are part of it. */
typedef struct oom_call {
    size_t failed; /* allocations, before it */
    int inner;     /* inside of another one */
} oom_call;

int oom_on(void);
oom_call oom_enter(const char *function);
/* 1: a call is under way in this thread. */
int oom_is_inside(void);
/* 1: the call failed for want of memory, and is to be made again. */
int oom_leave(oom_call call, int rc);
/* The call that is to be made again is another one, since a part of it was done. */
void oom_progress(void);
/* The allocator to give instead of this one. */
const mcmp_allocator *oom_instead(const mcmp_allocator *own);
/* An object is not counted: what happens to it later has to be seen. */
void oom_outside(void);
/* The scenario shares something with others: a copy of its process would be in their way. */
void oom_shared(void);
/* Others change what this process looks at. */
void oom_others(void);

/* What a cluster holds, before a call that may fail; nothing when that can't be told. */
typedef struct oom_state {
    int is_known;
    int rc;
    uint64_t sum;
    size_t bytes;
} oom_state;

oom_state oom_look(mcmp_cluster *cluster);
/* After a call that was refused memory: it holds the same. */
void oom_same(const oom_state *before, mcmp_cluster *cluster, const char *function);

#endif
