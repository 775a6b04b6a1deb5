/* SPDX-License-Identifier: Apache-2.0 */
/* Counting, failing and running; see oom.h. */
#include "oom.h"

#include <sys/wait.h>
#include <time.h>

enum {
    OOM_SECONDS = 1,
    OOM_OWN = 64,
    OOM_ANEW = 5,
    OOM_ANEW_ALL = 500,
    OOM_LONG = 5000,
    OOM_TAIL = 1000,
    OOM_WHOLE = 1000
};

pid_t __real_fork(void);

/* Written by the processes that run a scenario, read by who started them. */
typedef struct oom_results {
    _Atomic size_t calls;   /* allocations */
    _Atomic size_t done;    /* of them made to fail */
    _Atomic size_t refused; /* calls that returned MCMP_ERR_NOMEM for it */
    _Atomic size_t wrong;
    _Atomic int shared; /* oom_shared() was called */
} oom_results;

typedef enum oom_mode { OOM_COUNT, OOM_FAIL, OOM_COPY } oom_mode;

/* Of the process that runs a scenario. Its children that are not copies of it are not counted:
 * they may be killed at any moment. */
static struct {
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
    int skip;              /* run_with_oom() */
    int is_copy;
    size_t calls_left; /* of a copy; 0 = to its end */
    int outside;       /* oom_outside() */
} own;

static _Thread_local int depth;
static oom_results *results;

static int is_counted(void)
{
    return results != NULL && own.owner == getpid();
}

int oom_on(void)
{
    return results != NULL;
}

int oom_has_failed(void)
{
    return is_counted() && atomic_load(&own.failed) != 0;
}

void oom_by_itself(int on)
{
    own.skip = on;
}

void oom_outside(void)
{
    own.outside = 1;
}

void oom_shared(void)
{
    if (is_counted())
        atomic_store(&results->shared, 1);
}

oom_call oom_enter(void)
{
    oom_call call = { atomic_load(&own.failed), depth != 0 };

    if (depth++ == 0)
        atomic_fetch_add(&own.under_way, 1);
    return call;
}

static _Noreturn void leave_copy(void)
{
    atomic_fetch_add(&results->refused, atomic_load(&own.refused));
    _exit(0);
}

int oom_leave(oom_call call, int rc)
{
    if (--depth == 0) {
        atomic_fetch_sub(&own.under_way, 1);
        if (own.calls_left != 0 && --own.calls_left == 0)
            leave_copy();
    }
    if (call.inner || !is_counted() || rc != MCMP_ERR_NOMEM ||
        atomic_load(&own.failed) == call.failed)
        return 0;
    atomic_fetch_add(&own.refused, 1);
    return 1;
}

static double oom_clock(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Is call n one of `points`, spread over `expected`? */
static int is_point(size_t n)
{
    if (own.until > 0 && atomic_load(&results->done) != 0 && oom_clock() > own.until)
        return 0;
    if (own.points >= own.expected)
        return 1;
    return n * own.points / own.expected != (n - 1) * own.points / own.expected;
}

/* This process goes on; a copy of it returns 1 and fails here. */
static int copy_fails(size_t n)
{
    int status = 0;
    pid_t pid;

    (void)fflush(stdout);
    pid = __real_fork();
    if (pid == 0) {
        own.owner = getpid();
        own.is_copy = 1;
        own.calls_left = own.expected > OOM_LONG && n % OOM_WHOLE != 0 ? OOM_TAIL : 0;
        return 1;
    }
    atomic_fetch_add(&results->done, 1);
    if (pid > 0 && waitpid(pid, &status, 0) == pid && status == 0)
        return 0;
    printf("%s: %s with allocation %zu failing ends with %x\n", own.suite, own.test->name, n,
           (unsigned)status);
    atomic_fetch_add(&results->wrong, 1);
    return 0;
}

static int refuses(void)
{
    size_t n;

    if (!is_counted() || own.skip || atomic_load(&own.under_way) == 0)
        return 0;
    n = atomic_fetch_add(&own.calls, 1) + 1;
    if (own.mode == OOM_COUNT || own.is_copy || (own.mode == OOM_FAIL && n != own.fail_at))
        return 0;
    if (own.mode == OOM_COPY && (!is_point(n) || !copy_fails(n)))
        return 0;
    atomic_fetch_add(&own.failed, 1);
    return 1;
}

/* A copy that holds nothing has nothing more to show. */
static void end_copy(void)
{
    if (!own.is_copy || own.outside || atomic_load(&own.failed) == 0 ||
        atomic_load(&own.live) != 0 || atomic_load(&own.under_way) != 0)
        return;
    leave_copy();
}

/* Allocators: ctx is NULL or the scenario's own, which is called behind. */

static mcmp_allocator behind[OOM_OWN];
static mcmp_allocator before[OOM_OWN];
static size_t own_count;

static void *oom_alloc(void *ctx, size_t size)
{
    const mcmp_allocator *next = ctx;
    void *ptr = NULL;

    if (!refuses())
        ptr = next != NULL ? next->alloc(next->ctx, size) : malloc(size);
    if (ptr != NULL && is_counted())
        atomic_fetch_add(&own.live, 1);
    return ptr;
}

static void *oom_realloc(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    const mcmp_allocator *next = ctx;

    if (refuses())
        return NULL;
    return next != NULL ? next->realloc(next->ctx, ptr, old_size, new_size)
                        : realloc(ptr, new_size);
}

static void oom_free(void *ctx, void *ptr, size_t size)
{
    const mcmp_allocator *next = ctx;

    if (next != NULL)
        next->free(next->ctx, ptr, size);
    else
        free(ptr);
    if (is_counted() && ptr != NULL && atomic_fetch_sub(&own.live, 1) == 1)
        end_copy();
}

static const mcmp_allocator counting = { .struct_size = sizeof(mcmp_allocator),
                                         .alloc = oom_alloc,
                                         .realloc = oom_realloc,
                                         .free = oom_free };

const mcmp_allocator *oom_instead(const mcmp_allocator *given)
{
    if (!is_counted() || own.skip)
        return given;
    if (given == NULL)
        return &counting;
    /* What is not complete is refused by the library, which is what the scenario wants to see. */
    if (given->struct_size != sizeof(*given) || given->alloc == NULL || given->realloc == NULL ||
        given->free == NULL || given->alloc == oom_alloc) {
        own.outside = 1;
        return given;
    }
    for (size_t i = 0; i < own_count; i++)
        if (memcmp(&behind[i], given, sizeof(*given)) == 0)
            return &before[i];
    ck_assert_msg(own_count < OOM_OWN, "a scenario with more than %d allocators", OOM_OWN);
    behind[own_count] = *given;
    before[own_count] = counting;
    before[own_count].ctx = &behind[own_count];
    return &before[own_count++];
}

/* Running */

static int run_here(void)
{
    Suite *suite = suite_create(own.suite);
    TCase *tcase = tcase_create(own.suite);
    SRunner *runner;
    int failed;

    tcase_add_test(tcase, own.test);
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

/* The scenario in a process of its own; 1 when it went well. */
static int run(oom_mode mode, size_t fail_at, size_t most, size_t expected)
{
    int status = 0;
    pid_t pid;

    (void)fflush(stdout);
    pid = __real_fork();
    if (pid == 0) {
        int failed;

        own.mode = mode;
        own.fail_at = fail_at;
        own.points = most != 0 ? most : expected;
        own.until = most != 0 ? oom_clock() + OOM_SECONDS : 0;
        own.expected = expected;
        own.owner = getpid();
        failed = run_here();
        if (failed == 0 && atomic_load(&own.live) != 0) {
            printf("%zu blocks are left\n", atomic_load(&own.live));
            failed = 1;
        }
        (void)fflush(stdout);
        if (mode == OOM_COUNT)
            atomic_store(&results->calls, atomic_load(&own.calls));
        atomic_fetch_add(&results->refused, atomic_load(&own.refused));
        _exit(failed != 0);
    }
    if (pid > 0 && waitpid(pid, &status, 0) == pid && status == 0)
        return 1;
    printf("%s: %s %s %zu ends with %x\n", own.suite, own.test->name,
           mode == OOM_FAIL ? "with failing allocation" : "as it is", fail_at, (unsigned)status);
    return 0;
}

typedef struct oom_totals {
    size_t tests, points, done, refused, shared;
} oom_totals;

/* Anew for each n; in the sample a few, since each takes as long as the scenario. */
static int run_anew(size_t calls, size_t most, oom_totals *totals)
{
    size_t limit = most == 0 ? OOM_ANEW_ALL : OOM_ANEW;
    size_t points = calls < limit ? calls : limit;
    double end = oom_clock() + OOM_SECONDS;

    totals->shared++;
    for (size_t i = 1; i <= points && (most == 0 || i == 1 || oom_clock() < end); i++) {
        size_t n = points == calls ? i : 1 + (i - 1) * (calls - 1) / (points - 1);

        if (!run(OOM_FAIL, n, 0, 0))
            return 1;
        totals->done++;
    }
    return 0;
}

static int run_each(size_t most, oom_totals *totals)
{
    size_t calls;
    int failed = 0;

    memset(results, 0, sizeof(*results));
    if (!run(OOM_COUNT, 0, 0, 0))
        return 1;
    calls = atomic_load(&results->calls);
    totals->tests += calls != 0;
    totals->points += calls;
    if (calls == 0)
        return 0;
    if (atomic_load(&results->shared))
        failed = run_anew(calls, most, totals);
    else
        failed = !run(OOM_COPY, 0, most, calls) || atomic_load(&results->wrong) != 0;
    totals->done += atomic_load(&results->done);
    totals->refused += atomic_load(&results->refused);
    return failed;
}

int oom_run_tests(const char *name, const TTest *const *tests, size_t count, const char *most)
{
    size_t limit = strcmp(most, "all") == 0 ? 0 : strtoul(most, NULL, 10);
    oom_totals totals = { 0 };
    int failed = 0;

    results =
        mmap(NULL, sizeof(*results), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (results == MAP_FAILED)
        return 1;
    own.suite = name;
    for (size_t i = 0; i < count; i++) {
        own.test = tests[i];
        failed += run_each(limit, &totals);
    }
    printf("%s: %zu of %zu scenarios allocate, %zu times; %zu of these failed (%zu scenarios anew "
           "for each), %zu calls were made again, %d scenarios went wrong\n",
           name, totals.tests, count, totals.points, totals.done, totals.shared, totals.refused,
           failed);
    return failed != 0;
}
