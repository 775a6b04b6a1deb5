/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every scenario of a suite once more with each of its allocations failing in turn (STYLE M5).
 *
 * The linker sends each call of a public function that allocates through a wrapper (--wrap, see
 * tests/CMakeLists.txt), so the scenarios need no change: oom.c and oom_answer.c. A counting
 * allocator is put in, in front of the scenario's own if it gives one, and fails once at the n-th
 * allocation. A call that then returns MCMP_ERR_NOMEM must have left its outputs alone, is made
 * again with the same arguments, and the scenario goes on with all of its assertions: so the object
 * must be as it was before the failed call. At the end nothing may be left.
 *
 * A scenario that shares nothing with another process is run once, and at each allocation a copy of
 * the process (fork) goes on with that one failing: oom_run.c. The copy ends early when the library
 * holds no memory any more: then nothing can remember the failure, since the library has no state
 * of its own, and the rest would be what the scenario did without a failure. Of a scenario with
 * more than 5000 allocations, a long loop over one object, 999 of 1000 copies also end 1000 calls
 * after their failure. Scenarios that share something (files, processes, threads, memory, random
 * choices) are run anew for each n, to their end; with more than 500 allocations, for 500 of them.
 *
 * MCMP_OOM=N: at most N allocations of a scenario fail, spread over all, and a scenario takes no
 * longer for that than a second or one copy; `all`: each one. What runs
 * under run_with_oom() is not counted: there each allocation fails anyway.
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
oom_call oom_enter(void);
/* 1: the call failed for want of memory, and is to be made again. */
int oom_leave(oom_call call, int rc);
/* The allocator to give instead of this one. */
const mcmp_allocator *oom_instead(const mcmp_allocator *own);
/* An object is not counted: what happens to it later has to be seen. */
void oom_outside(void);
/* The scenario shares something with others: a copy of its process would be in their way. */
void oom_shared(void);

#endif
