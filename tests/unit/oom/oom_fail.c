/* SPDX-License-Identifier: Apache-2.0 */
/* Which allocation fails: the counting allocator, and the calls around it; see oom.h. */
#include "run.h"

#include <sys/wait.h>
#include <time.h>

enum { OOM_OWN = 64, OOM_FUNCTIONS = 64, OOM_RESTARTS = 100, OOM_TRIES = 100000, OOM_WRONG = 5 };

oom_process oom_own;
oom_results *oom_result;

static _Thread_local int depth;
static _Thread_local int paused;

/* In line: the call that is being made again and again. */
static _Thread_local struct {
    const char *function; /* NULL: the next call is a new one */
    size_t skip;          /* allocations that this try lets pass */
    size_t passed;
    size_t tries;
    size_t restarts;
    uint64_t kept; /* sum over what this try allocated, less what it gave back */
    int failed;    /* in this try */
    int progress;  /* oom_progress() */
} line;

/* Functions with calls that bore a failure: where the next call of the same one begins. */
static _Thread_local struct {
    const char *function;
    size_t skip;
} borne[OOM_FUNCTIONS];

int oom_is_counted(void)
{
    return oom_result != NULL && oom_own.owner == getpid();
}

int oom_on(void)
{
    return oom_result != NULL;
}

int oom_has_failed(void)
{
    return oom_is_counted() && atomic_load(&oom_own.failed) != 0;
}

int oom_is_short(void)
{
    return oom_on() && (oom_own.is_sample || oom_own.mode != OOM_LINE);
}

void oom_by_itself(int on)
{
    oom_own.skip = on;
}

void oom_outside(void)
{
    oom_own.outside = 1;
}

void oom_shared(void)
{
    if (oom_is_counted())
        atomic_store(&oom_result->shared, 1);
}

void oom_others(void)
{
    oom_shared();
    atomic_store(&oom_own.watched, 1);
}

void oom_in_line(const char *why)
{
    if (oom_is_counted())
        (void)snprintf(oom_result->reason, sizeof(oom_result->reason), "%s", why);
}

void oom_pause(int on)
{
    paused = on;
}

double oom_clock(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Calls */

static size_t *borne_by(const char *function)
{
    for (size_t i = 0; i < OOM_FUNCTIONS; i++) {
        if (borne[i].function == NULL)
            borne[i].function = function;
        if (borne[i].function == function)
            return &borne[i].skip;
    }
    ck_abort_msg("more than %d functions", OOM_FUNCTIONS);
}

static void line_enter(const char *function)
{
    if (line.function == NULL) {
        line.function = function;
        line.skip = *borne_by(function);
        line.tries = 0;
        line.restarts = 0;
    }
    line.passed = 0;
    line.kept = 0;
    line.failed = 0;
    line.progress = 0;
    line.tries++;
}

/* 1: once more. What a failed try kept, a buffer that has grown, is not allocated again by the next
 * one: that begins with its first allocation. */
static int line_leave(int rc)
{
    size_t *next = borne_by(line.function);

    *next = 0;
    if (line.failed && rc == MCMP_ERR_NOMEM) {
        ck_assert_msg(line.tries < OOM_TRIES, "%s: no end of its failures", line.function);
        if (line.kept != 0 && line.restarts++ < OOM_RESTARTS)
            line.skip = 0;
        else
            line.skip++;
        return 1;
    }
    if (line.failed) {
        *next = line.skip + 1;
        atomic_fetch_add(&oom_result->borne, 1);
    }
    line.function = NULL;
    return 0;
}

void oom_progress(void)
{
    line.skip = 0;
}

int oom_is_inside(void)
{
    return depth != 0;
}

oom_call oom_enter(const char *function)
{
    oom_call call = { atomic_load(&oom_own.failed), depth != 0 };

    if (depth++ != 0)
        return call;
    atomic_fetch_add(&oom_own.under_way, 1);
    if (oom_own.mode == OOM_LINE && oom_is_counted())
        line_enter(function);
    return call;
}

int oom_leave(oom_call call, int rc)
{
    int again;

    if (--depth == 0)
        atomic_fetch_sub(&oom_own.under_way, 1);
    if (call.inner || !oom_is_counted())
        return 0;
    again = oom_own.mode == OOM_LINE
                ? line_leave(rc)
                : rc == MCMP_ERR_NOMEM && atomic_load(&oom_own.failed) != call.failed;
    atomic_fetch_add(&oom_own.refused, (size_t)again);
    return again;
}

/* Failures */

/* Is call n one of `points`, spread over `expected`? */
static int is_point(size_t n)
{
    if (oom_own.until > 0 && atomic_load(&oom_result->alone) != 0 && oom_clock() > oom_own.until)
        return 0;
    if (oom_own.points >= oom_own.expected)
        return 1;
    return n * oom_own.points / oom_own.expected != (n - 1) * oom_own.points / oom_own.expected;
}

/* This process goes on; a copy of it returns 1 and fails here. */
static int copy_fails(size_t n)
{
    int status = 0;
    pid_t pid;

    (void)fflush(stdout);
    pid = __real_fork();
    if (pid == 0) {
        oom_own.owner = getpid();
        oom_own.is_copy = 1;
        return 1;
    }
    atomic_fetch_add(&oom_result->alone, 1);
    if (pid > 0 && waitpid(pid, &status, 0) == pid && status == 0)
        return 0;
    printf("%s: %s with allocation %zu failing ends with %x\n", oom_own.suite, oom_own.test->name,
           n, (unsigned)status);
    if (atomic_fetch_add(&oom_result->wrong, 1) + 1 == OOM_WRONG)
        _exit(1);
    return 0;
}

static int refuses_in_line(void)
{
    if (depth == 0 || line.failed || line.passed++ < line.skip)
        return 0;
    line.failed = 1;
    atomic_fetch_add(&oom_result->in_line, 1);
    return 1;
}

static int is_next(void)
{
    size_t n = atomic_fetch_add(&oom_own.calls, 1) + 1;

    switch (oom_own.mode) {
    case OOM_LINE:
        return refuses_in_line();
    case OOM_FAIL:
        return n == oom_own.fail_at;
    case OOM_COPY:
        return !oom_own.is_copy && is_point(n) && copy_fails(n);
    default:
        return 0;
    }
}

static int refuses(void)
{
    if (!oom_is_counted() || oom_own.skip || atomic_load(&oom_own.under_way) == 0 || !is_next())
        return 0;
    atomic_fetch_add(&oom_own.failed, 1);
    return 1;
}

/* A copy that holds nothing has nothing more to show. */
static void end_copy(void)
{
    if (!oom_own.is_copy || oom_own.outside || atomic_load(&oom_own.failed) == 0 ||
        atomic_load(&oom_own.live) != 0 || atomic_load(&oom_own.under_way) != 0)
        return;
    atomic_fetch_add(&oom_result->refused, atomic_load(&oom_own.refused));
    _exit(0);
}

/* Allocators: ctx is NULL or the scenario's own, which is called behind. */

static mcmp_allocator behind[OOM_OWN];
static mcmp_allocator before[OOM_OWN];
static size_t own_count;

/* No two sums of sizes are the same by accident. */
static uint64_t weight(size_t size)
{
    return (size + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)size << 32;
}

static void *oom_alloc(void *ctx, size_t size)
{
    const mcmp_allocator *next = ctx;
    void *ptr = NULL;

    if (paused)
        return malloc(size);
    if (!refuses())
        ptr = next != NULL ? next->alloc(next->ctx, size) : malloc(size);
    if (ptr != NULL && oom_is_counted()) {
        atomic_fetch_add(&oom_own.live, 1);
        line.kept += weight(size);
    }
    return ptr;
}

static void *oom_realloc(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    const mcmp_allocator *next = ctx;
    void *moved = NULL;

    if (paused)
        return realloc(ptr, new_size);
    if (refuses())
        return NULL;
    moved =
        next != NULL ? next->realloc(next->ctx, ptr, old_size, new_size) : realloc(ptr, new_size);
    if (moved != NULL)
        line.kept += weight(new_size) - weight(old_size);
    return moved;
}

static void oom_free(void *ctx, void *ptr, size_t size)
{
    const mcmp_allocator *next = ctx;

    if (paused) {
        free(ptr);
        return;
    }
    if (next != NULL)
        next->free(next->ctx, ptr, size);
    else
        free(ptr);
    if (!oom_is_counted() || ptr == NULL)
        return;
    line.kept -= weight(size);
    if (atomic_fetch_sub(&oom_own.live, 1) == 1)
        end_copy();
}

static const mcmp_allocator counting = { .struct_size = sizeof(mcmp_allocator),
                                         .alloc = oom_alloc,
                                         .realloc = oom_realloc,
                                         .free = oom_free };

const mcmp_allocator *oom_instead(const mcmp_allocator *given)
{
    if (!oom_is_counted() || oom_own.skip)
        return given;
    if (given == NULL)
        return &counting;
    if (given->alloc == oom_alloc) /* of an object of the library, for one inside of it */
        return given;
    /* What is not complete is refused by the library, which is what the scenario wants to see. */
    if (given->struct_size != sizeof(*given) || given->alloc == NULL || given->realloc == NULL ||
        given->free == NULL) {
        oom_own.outside = 1;
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
