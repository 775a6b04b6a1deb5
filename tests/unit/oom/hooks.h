/* SPDX-License-Identifier: Apache-2.0 */
/* What support.h asks of oom_run.c, in programs that have it; see oom.h. */
#ifndef MCMP_TEST_OOM_HOOKS_H
#define MCMP_TEST_OOM_HOOKS_H

#include <check.h>
#include <stddef.h>

int oom_run_tests(const char *name, const TTest *const *tests, size_t count, const char *most)
    __attribute__((weak));
int oom_has_failed(void) __attribute__((weak));
void oom_shared(void) __attribute__((weak));
void oom_by_itself(int on) __attribute__((weak)); /* 1: nothing is to fail but what fails there */

/* 1: an allocation failed in this scenario, so what may be left out for want of memory may be. */
__attribute__((unused)) static int memory_was_short(void)
{
    return oom_has_failed != NULL && oom_has_failed();
}

/* The scenario's outcome depends on the process that makes an object, as random choices do. */
__attribute__((unused)) static void depends_on_the_process(void)
{
    if (oom_shared != NULL)
        oom_shared();
}

#endif
