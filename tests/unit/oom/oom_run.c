/* SPDX-License-Identifier: Apache-2.0 */
/* Running each scenario as it is, in line and alone, and what came out; see oom.h. */
#include "run.h"

#include <sys/wait.h>

/* In a sample: seconds for copies, runs anew. */
enum { OOM_SECONDS = 1, OOM_ANEW = 5 };

typedef struct oom_totals {
    size_t tests, points, alone, in_line, refused, borne, same;
} oom_totals;

static int run_here(void)
{
    Suite *suite = suite_create(oom_own.suite);
    TCase *tcase = tcase_create(oom_own.suite);
    SRunner *runner;
    int failed;

    tcase_add_test(tcase, oom_own.test);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    if (failed != 0)
        srunner_print(runner, CK_NORMAL);
    srunner_free(runner);
    return failed;
}

/* In a process of its own: the scenario, and what has to be true at its end. */
static _Noreturn void run_scenario(oom_mode mode, size_t fail_at, size_t points, size_t expected)
{
    int failed;

    oom_own.mode = mode;
    oom_own.fail_at = fail_at;
    oom_own.points = points;
    oom_own.until = points < expected ? oom_clock() + OOM_SECONDS : 0;
    oom_own.expected = expected;
    oom_own.owner = getpid();
    failed = run_here();
    if (failed == 0 && atomic_load(&oom_own.live) != 0) {
        printf("%zu blocks are left\n", atomic_load(&oom_own.live));
        failed = 1;
    }
    if (failed == 0 && mode == OOM_FAIL && atomic_load(&oom_own.failed) == 0) {
        printf("there are only %zu allocations this time\n", atomic_load(&oom_own.calls));
        failed = 1;
    }
    (void)fflush(stdout);
    if (mode == OOM_COUNT)
        atomic_store(&oom_result->calls, atomic_load(&oom_own.calls));
    atomic_fetch_add(&oom_result->refused, atomic_load(&oom_own.refused));
    _exit(failed != 0);
}

/* 1 when it went well. */
static int run(oom_mode mode, size_t fail_at, size_t points, size_t expected)
{
    static const char *const names[] = { "as it is", "in line", "with failing allocation",
                                         "with copies at each allocation" };
    int status = 0;
    pid_t pid;

    (void)fflush(stdout);
    pid = __real_fork();
    if (pid == 0)
        run_scenario(mode, fail_at, points, expected);
    if (pid > 0 && waitpid(pid, &status, 0) == pid && status == 0)
        return 1;
    printf("%s: %s %s %zu ends with %x\n", oom_own.suite, oom_own.test->name, names[mode], fail_at,
           (unsigned)status);
    return 0;
}

/* A run of its own for each n; in the sample a few, since each takes as long as the scenario. */
static int run_anew(size_t calls)
{
    size_t points = oom_own.is_sample && calls > OOM_ANEW ? OOM_ANEW : calls;
    double end = oom_clock() + OOM_SECONDS;

    for (size_t i = 1; i <= points; i++) {
        if (oom_own.is_sample && i > 1 && oom_clock() > end)
            break;
        if (!run(OOM_FAIL, points == calls ? i : 1 + (i - 1) * (calls - 1) / (points - 1), 0, 0))
            return 0;
        atomic_fetch_add(&oom_result->alone, 1);
    }
    return 1;
}

static int run_alone(size_t calls, size_t most)
{
    if (oom_result->reason[0] != '\0')
        return 1;
    if (atomic_load(&oom_result->shared) ? !run_anew(calls)
                                         : !run(OOM_COPY, 0, most < calls ? most : calls, calls))
        return 0;
    if (atomic_load(&oom_result->wrong) != 0)
        return 0;
    if (oom_own.is_sample || atomic_load(&oom_result->alone) == calls)
        return 1;
    printf("%s: %s: not all of %zu allocations failed alone\n", oom_own.suite, oom_own.test->name,
           calls);
    return 0;
}

static void add_up(oom_totals *totals, double seconds)
{
    size_t calls = atomic_load(&oom_result->calls);
    size_t alone = atomic_load(&oom_result->alone);
    size_t in_line = atomic_load(&oom_result->in_line);

    totals->points += calls;
    totals->alone += alone;
    totals->in_line += in_line;
    totals->refused += atomic_load(&oom_result->refused);
    totals->borne += atomic_load(&oom_result->borne);
    totals->same += atomic_load(&oom_result->same);
    if (!oom_own.is_sample)
        printf("%s: %s: %zu of %zu alone%s%s%s, %zu in line, %.1f s\n", oom_own.suite,
               oom_own.test->name, alone, calls, atomic_load(&oom_result->shared) ? " anew" : "",
               oom_result->reason[0] != '\0' ? ": " : "", oom_result->reason, in_line, seconds);
}

/* 1: it went wrong. */
static int run_each(size_t most, oom_totals *totals)
{
    double begin = oom_clock();
    size_t calls;
    int ok;

    memset(oom_result, 0, sizeof(*oom_result));
    if (!run(OOM_COUNT, 0, 0, 0))
        return 1;
    calls = atomic_load(&oom_result->calls);
    if (calls == 0)
        return 0;
    totals->tests++;
    ok = run(OOM_LINE, 0, 0, 0);
    ok = run_alone(calls, most) && ok;
    add_up(totals, oom_clock() - begin);
    return !ok;
}

int oom_run_tests(const char *name, const TTest *const *tests, size_t count, const char *most)
{
    size_t limit = strcmp(most, "all") == 0 ? SIZE_MAX : strtoul(most, NULL, 10);
    const char *only = getenv("MCMP_OOM_ONLY"); /* a part of names, for who looks for a fault */
    oom_totals totals = { 0 };
    int failed = 0;

    oom_result =
        mmap(NULL, sizeof(*oom_result), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (oom_result == MAP_FAILED)
        return 1;
    oom_own.suite = name;
    oom_own.is_sample = limit != SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        if (only != NULL && strstr(tests[i]->name, only) == NULL)
            continue;
        oom_own.test = tests[i];
        failed += run_each(limit, &totals);
    }
    printf("%s: %zu of %zu scenarios allocate, %zu times; failed: %zu alone, %zu in line (%zu were "
           "borne); %zu calls were made again, %zu times a cluster was the same; %d scenarios went "
           "wrong\n",
           name, totals.tests, count, totals.points, totals.alone, totals.in_line, totals.borne,
           totals.refused, totals.same, failed);
    return failed != 0;
}
