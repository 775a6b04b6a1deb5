/* SPDX-License-Identifier: Apache-2.0 */
/* What support.h and scenarios ask of the runner, in programs that have it; see oom.h. */
#ifndef MCMP_TEST_OOM_HOOKS_H
#define MCMP_TEST_OOM_HOOKS_H

#include <check.h>
#include <stddef.h>

int oom_run_tests(const char *name, const TTest *const *tests, size_t count, const char *most)
    __attribute__((weak));
int oom_has_failed(void) __attribute__((weak));
int oom_is_short(void) __attribute__((weak));
void oom_shared(void) __attribute__((weak));
void oom_in_line(const char *why) __attribute__((weak));
void oom_by_itself(int on) __attribute__((weak)); /* 1: nothing is to fail but what fails there */

/* 1: an allocation failed in this scenario, so what may be left out for want of memory may be. */
__attribute__((unused)) static int memory_was_short(void)
{
    return oom_has_failed != NULL && oom_has_failed();
}

/* How often a scenario that repeats itself does so: `all` times, but where each of its allocations
 * fails alone, and the scenario is run or copied for each of them, only `few`. */
__attribute__((unused)) static long as_often(long all, long few)
{
    return oom_is_short != NULL && oom_is_short() ? few : all;
}

/* The scenario's outcome depends on the process that makes an object, as random choices do. */
__attribute__((unused)) static void depends_on_the_process(void)
{
    if (oom_shared != NULL)
        oom_shared();
}

/* Two runs of the scenario do not allocate the same, so there is no n-th allocation: they fail in
 * line only, each of the calls that are made. */
__attribute__((unused)) static void fails_in_line_only(const char *why)
{
    if (oom_in_line != NULL)
        oom_in_line(why);
}

#endif
