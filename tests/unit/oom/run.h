/* SPDX-License-Identifier: Apache-2.0 */
/* Between oom_run.c, which starts scenarios, and oom_fail.c, which fails their allocations. */
#ifndef MCMP_TEST_OOM_RUN_H
#define MCMP_TEST_OOM_RUN_H

#include "oom.h"

/* Written by the processes that run a scenario, read by who started them. */
typedef struct oom_results {
    _Atomic size_t calls;   /* allocations */
    _Atomic size_t alone;   /* failures that were the only one of their run */
    _Atomic size_t in_line; /* failures of the run in line */
    _Atomic size_t refused; /* calls that returned MCMP_ERR_NOMEM for it */
    _Atomic size_t borne;   /* calls in line that returned something else in spite of it */
    _Atomic size_t same;    /* clusters that were seen to hold the same */
    _Atomic size_t wrong;
    _Atomic int shared; /* oom_shared() was called */
    char reason[128];   /* oom_in_line() */
} oom_results;

typedef enum oom_mode { OOM_COUNT, OOM_LINE, OOM_FAIL, OOM_COPY } oom_mode;

/* Of the process that runs a scenario. Its children that are not copies of it are not counted:
 * they may be killed at any moment. */
typedef struct oom_process {
    const char *suite;
    const TTest *test;
    oom_mode mode;
    pid_t owner;
    _Atomic size_t calls;
    _Atomic size_t live;
    _Atomic size_t failed; /* allocations */
    _Atomic size_t refused;
    size_t fail_at; /* OOM_FAIL */
    size_t points;  /* OOM_COPY: so many of `expected` */
    size_t expected;
    double until;          /* no more copies after that; 0 = all */
    _Atomic int under_way; /* calls whose allocations count */
    int is_sample;         /* not all n */
    int skip;              /* run_with_oom() */
    int is_copy;
    int outside;         /* oom_outside() */
    _Atomic int watched; /* by others: oom_others() */
} oom_process;

extern oom_process oom_own;
extern oom_results *oom_result;

pid_t __real_fork(void);
double oom_clock(void);
int oom_is_counted(void);
/* What is done between these is neither counted nor seen by the scenario's own allocator. */
void oom_pause(int on);

#endif
