/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every scenario of a suite once more with each of its allocations failing in turn (STYLE M5).
 *
 * The linker sends each call of a public function that allocates through a wrapper here (--wrap,
 * see tests/CMakeLists.txt), so the scenarios need no change. Where a scenario gives no allocator,
 * one is put in that counts, and fails once at the n-th allocation. A call that then returns
 * MCMP_ERR_NOMEM must have left its outputs alone, is made again with the same arguments, and the
 * scenario goes on with all of its assertions: so the object must be as it was before the failed
 * call. At the end nothing may be left. Each run is a process of its own.
 *
 * MCMP_OOM=N: at most N allocations of a test fail, spread over all, and no test takes longer than
 * some seconds; `all`: each one. Not counted: what an own allocator of the scenario gives, and the
 * building of answers by the host (a failure is kept until their end; test_response has it).
 */
#include "support.h"

#include <libmcmp/libmcmp.h>

#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>

enum { OOM_SECONDS = 1 };

/* Shared with the process that runs the scenario. */
typedef struct oom_state {
    _Atomic size_t calls;
    _Atomic size_t live;
    _Atomic size_t failed;  /* allocations that were refused */
    _Atomic size_t refused; /* calls that returned MCMP_ERR_NOMEM for it */
    size_t fail_at;
    _Atomic int counting; /* calls under way whose allocations count */
    pid_t owner;          /* its children are not counted: they may be killed at any moment */
} oom_state;

static oom_state *oom;

static int oom_is_counted(void)
{
    return oom != NULL && oom->owner == getpid();
}

int oom_has_failed(void)
{
    return oom_is_counted() && atomic_load(&oom->failed) != 0;
}

static int oom_refuses(void)
{
    if (!oom_is_counted() || atomic_load(&oom->counting) == 0)
        return 0;
    if (atomic_fetch_add(&oom->calls, 1) + 1 != oom->fail_at)
        return 0;
    atomic_fetch_add(&oom->failed, 1);
    return 1;
}

static void *oom_alloc(void *ctx, size_t size)
{
    void *ptr = oom_refuses() ? NULL : malloc(size);

    (void)ctx;
    if (ptr != NULL && oom_is_counted())
        atomic_fetch_add(&oom->live, 1);
    return ptr;
}

static void *oom_realloc(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    return oom_refuses() ? NULL : realloc(ptr, new_size);
}

static void oom_free(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    (void)size;
    if (oom_is_counted())
        atomic_fetch_sub(&oom->live, 1);
    free(ptr);
}

static const mcmp_allocator oom_allocator = { .struct_size = sizeof(mcmp_allocator),
                                              .alloc = oom_alloc,
                                              .realloc = oom_realloc,
                                              .free = oom_free };

static size_t oom_enter(void)
{
    if (oom == NULL)
        return 0;
    atomic_fetch_add(&oom->counting, 1);
    return atomic_load(&oom->failed);
}

/* 1: the call failed for want of memory, and is to be made again. */
static int oom_leave(size_t failed, int rc)
{
    if (oom == NULL)
        return 0;
    atomic_fetch_sub(&oom->counting, 1);
    if (rc != MCMP_ERR_NOMEM || atomic_load(&oom->failed) == failed)
        return 0;
    atomic_fetch_add(&oom->refused, 1);
    return 1;
}

/* Declares the real function and its wrapper. */
#define WRAP(name, ...)             \
    int __real_##name(__VA_ARGS__); \
    int __wrap_##name(__VA_ARGS__); \
    int __wrap_##name(__VA_ARGS__)

/* The call, and again when it was refused memory: then `undone` tells what it must have left. */
#define CALL(call, undone)                            \
    size_t failed_ = oom_enter();                     \
    int rc_ = (call);                                 \
                                                      \
    if (!oom_leave(failed_, rc_))                     \
        return rc_;                                   \
    if (err != NULL)                                  \
        mcmp_error_init_sized(err, err->struct_size); \
    ck_assert_msg((undone), #undone);                 \
    return (call)

/* The options with the counting allocator, when they have none. */
#define WITH_ALLOCATOR(type, opts)                                                                \
    type own_;                                                                                    \
                                                                                                  \
    if (oom != NULL &&                                                                            \
        ((opts) == NULL || ((opts)->struct_size == sizeof(own_) && (opts)->allocator == NULL))) { \
        if ((opts) != NULL)                                                                       \
            own_ = *(opts);                                                                       \
        else                                                                                      \
            type##_init(&own_);                                                                   \
        own_.allocator = &oom_allocator;                                                          \
        (opts) = &own_;                                                                           \
    }

WRAP(mcmp_cluster_open, mcmp_cluster **out, const mcmp_cluster_options *opts, mcmp_error *err)
{
    mcmp_cluster *before = out != NULL ? *out : NULL;

    WITH_ALLOCATOR(mcmp_cluster_options, opts)
    CALL(__real_mcmp_cluster_open(out, opts, err), *out == before);
}

WRAP(mcmp_parser_new, mcmp_parser **out, const mcmp_parser_options *opts, mcmp_error *err)
{
    mcmp_parser *before = out != NULL ? *out : NULL;

    WITH_ALLOCATOR(mcmp_parser_options, opts)
    CALL(__real_mcmp_parser_new(out, opts, err), *out == before);
}

WRAP(mcmp_answer_new, mcmp_answer **out, const mcmp_answer_options *opts, mcmp_error *err)
{
    mcmp_answer *before = out != NULL ? *out : NULL;

    WITH_ALLOCATOR(mcmp_answer_options, opts)
    CALL(__real_mcmp_answer_new(out, opts, err), *out == before);
}

WRAP(mcmp_http_head_new, mcmp_http_head **out, const mcmp_http_options *opts, mcmp_error *err)
{
    mcmp_http_head *before = out != NULL ? *out : NULL;

    WITH_ALLOCATOR(mcmp_http_options, opts)
    CALL(__real_mcmp_http_head_new(out, opts, err), *out == before);
}

WRAP(mcmp_response_new, mcmp_response **out, const mcmp_allocator *allocator, mcmp_error *err)
{
    mcmp_response *before = out != NULL ? *out : NULL;

    if (oom != NULL && allocator == NULL)
        allocator = &oom_allocator;
    CALL(__real_mcmp_response_new(out, allocator, err), *out == before);
}

WRAP(mcmp_decoder_new, mcmp_decoder **out, const mcmp_command_limits *limits,
     const mcmp_allocator *allocator, mcmp_error *err)
{
    mcmp_decoder *before = out != NULL ? *out : NULL;

    if (oom != NULL && allocator == NULL)
        allocator = &oom_allocator;
    CALL(__real_mcmp_decoder_new(out, limits, allocator, err), *out == before);
}

WRAP(mcmp_decoder_decode, mcmp_decoder *decoder, const mcmp_request *request,
     const mcmp_command **out, uint32_t *refusal, mcmp_error *err)
{
    const mcmp_command *before = out != NULL ? *out : NULL;

    CALL(__real_mcmp_decoder_decode(decoder, request, out, refusal, err), *out == before);
}

WRAP(mcmp_response_decoder, mcmp_response *response, const mcmp_command_limits *limits,
     mcmp_decoder **out, mcmp_error *err)
{
    mcmp_decoder *before = out != NULL ? *out : NULL;

    CALL(__real_mcmp_response_decoder(response, limits, out, err), *out == before);
}

WRAP(mcmp_apply, mcmp_cluster *cluster, const mcmp_request *request, mcmp_response *response,
     mcmp_error *err)
{
    CALL(__real_mcmp_apply(cluster, request, response, err),
         mcmp_response_status(response) == 0 && mcmp_response_pending(response) == NULL);
}

WRAP(mcmp_apply_resume, mcmp_cluster *cluster, const mcmp_request *request, mcmp_response *response,
     int probe_ok, mcmp_time now, mcmp_error *err)
{
    CALL(__real_mcmp_apply_resume(cluster, request, response, probe_ok, now, err),
         mcmp_response_pending(response) != NULL);
}

WRAP(mcmp_tick, mcmp_cluster *cluster, mcmp_time now, mcmp_work *work, mcmp_error *err)
{
    CALL(__real_mcmp_tick(cluster, now, work, err), work != NULL);
}

WRAP(mcmp_view_new, mcmp_view **out, mcmp_cluster *cluster, mcmp_time now, mcmp_error *err)
{
    mcmp_view *before = out != NULL ? *out : NULL;

    CALL(__real_mcmp_view_new(out, cluster, now, err), *out == before);
}

WRAP(mcmp_cluster_check, mcmp_cluster *cluster, mcmp_check *out, mcmp_error *err)
{
    CALL(__real_mcmp_cluster_check(cluster, out, err), cluster != NULL);
}

WRAP(mcmp_cluster_save, mcmp_cluster *cluster, const char *path, mcmp_time now, mcmp_error *err)
{
    CALL(__real_mcmp_cluster_save(cluster, path, now, err), cluster != NULL);
}

WRAP(mcmp_cluster_encode, mcmp_cluster *cluster, mcmp_time now, mcmp_write_fn write, void *ctx,
     mcmp_error *err)
{
    CALL(__real_mcmp_cluster_encode(cluster, now, write, ctx, err), cluster != NULL);
}

WRAP(mcmp_cluster_load, mcmp_cluster *cluster, const char *path, const mcmp_load_options *opts,
     mcmp_load_report *out, mcmp_error *err)
{
    CALL(__real_mcmp_cluster_load(cluster, path, opts, out, err), cluster != NULL);
}

WRAP(mcmp_cluster_decode, mcmp_cluster *cluster, const void *data, size_t len,
     const mcmp_load_options *opts, mcmp_load_report *out, mcmp_error *err)
{
    CALL(__real_mcmp_cluster_decode(cluster, data, len, opts, out, err), cluster != NULL);
}

WRAP(mcmp_observer_new, mcmp_observer **out, mcmp_cluster *cluster,
     const mcmp_observer_options *opts, mcmp_error *err)
{
    mcmp_observer *before = out != NULL ? *out : NULL;

    CALL(__real_mcmp_observer_new(out, cluster, opts, err), *out == before);
}

WRAP(mcmp_observer_next, mcmp_observer *observer, mcmp_change *out, mcmp_error *err)
{
    CALL(__real_mcmp_observer_next(observer, out, err), observer != NULL);
}

WRAP(mcmp_page_serve, mcmp_cluster *cluster, const mcmp_page_options *opts,
     const mcmp_request *request, mcmp_response *response, mcmp_error *err)
{
    CALL(__real_mcmp_page_serve(cluster, opts, request, response, err), response != NULL);
}

WRAP(mcmp_ajp_proxy_new, mcmp_ajp_proxy **out, const mcmp_ajp_options *opts, mcmp_error *err)
{
    mcmp_ajp_proxy *before = out != NULL ? *out : NULL;

    WITH_ALLOCATOR(mcmp_ajp_options, opts)
    CALL(__real_mcmp_ajp_proxy_new(out, opts, err), *out == before);
}

WRAP(mcmp_ajp_container_new, mcmp_ajp_container **out, const mcmp_ajp_options *opts,
     mcmp_error *err)
{
    mcmp_ajp_container *before = out != NULL ? *out : NULL;

    WITH_ALLOCATOR(mcmp_ajp_options, opts)
    CALL(__real_mcmp_ajp_container_new(out, opts, err), *out == before);
}

WRAP(mcmp_advertiser_new, mcmp_advertiser **out, const mcmp_advertiser_options *opts,
     mcmp_error *err)
{
    mcmp_advertiser *before = out != NULL ? *out : NULL;

    WITH_ALLOCATOR(mcmp_advertiser_options, opts)
    CALL(__real_mcmp_advertiser_new(out, opts, err), *out == before);
}

WRAP(mcmp_finder_new, mcmp_finder **out, const mcmp_finder_options *opts, mcmp_error *err)
{
    mcmp_finder *before = out != NULL ? *out : NULL;

    WITH_ALLOCATOR(mcmp_finder_options, opts)
    CALL(__real_mcmp_finder_new(out, opts, err), *out == before);
}

WRAP(mcmp_finder_feed, mcmp_finder *finder, const void *data, size_t len, mcmp_time now,
     int64_t date, mcmp_found *out, mcmp_error *err)
{
    size_t before = mcmp_finder_count(finder);

    CALL(__real_mcmp_finder_feed(finder, data, len, now, date, out, err),
         mcmp_finder_count(finder) == before);
}

WRAP(mcmp_multicast_open, mcmp_multicast **out, const mcmp_multicast_options *opts, mcmp_error *err)
{
    mcmp_multicast *before = out != NULL ? *out : NULL;

    WITH_ALLOCATOR(mcmp_multicast_options, opts)
    CALL(__real_mcmp_multicast_open(out, opts, err), *out == before);
}

WRAP(mcmp_agent_new, mcmp_agent **out, const mcmp_agent_options *opts, mcmp_error *err)
{
    mcmp_agent *before = out != NULL ? *out : NULL;

    WITH_ALLOCATOR(mcmp_agent_options, opts)
    CALL(__real_mcmp_agent_new(out, opts, err), *out == before);
}

WRAP(mcmp_agent_add, mcmp_agent *agent, const mcmp_agent_proxy *proxy, mcmp_time now,
     mcmp_handle *out, mcmp_error *err)
{
    mcmp_handle before = out != NULL ? *out : 0;

    CALL(__real_mcmp_agent_add(agent, proxy, now, out, err), out == NULL || *out == before);
}

WRAP(mcmp_agent_next, mcmp_agent *agent, mcmp_time now, mcmp_agent_step *step, mcmp_error *err)
{
    uint32_t before = step != NULL ? step->action : 0;

    CALL(__real_mcmp_agent_next(agent, now, step, err), step->action == before);
}

WRAP(mcmp_agent_closed, mcmp_agent *agent, mcmp_handle proxy, uint64_t connection, mcmp_time now,
     const char *why, mcmp_error *err)
{
    CALL(__real_mcmp_agent_closed(agent, proxy, connection, now, why, err), agent != NULL);
}

/* Those that take bytes: what was taken before the failure stays taken. */
#define FEED(function, object)                                                   \
    size_t failed = oom_enter();                                                 \
    size_t first = 0;                                                            \
    int rc = function((object), data, len, used, err);                           \
                                                                                 \
    if (!oom_leave(failed, rc))                                                  \
        return rc;                                                               \
    first = *used;                                                               \
    ck_assert_uint_le(first, len);                                               \
    rc = function((object), (const char *)data + first, len - first, used, err); \
    *used += first;                                                              \
    return rc

WRAP(mcmp_parser_feed, mcmp_parser *parser, const void *data, size_t len, size_t *used,
     mcmp_error *err)
{
    FEED(__real_mcmp_parser_feed, parser);
}

WRAP(mcmp_answer_feed, mcmp_answer *answer, const void *data, size_t len, size_t *used,
     mcmp_error *err)
{
    FEED(__real_mcmp_answer_feed, answer);
}

WRAP(mcmp_agent_received, mcmp_agent *agent, mcmp_handle proxy, uint64_t connection, mcmp_time now,
     const void *data, size_t len, size_t *used, mcmp_error *err)
{
    size_t failed = oom_enter();
    size_t first = 0;
    int rc = __real_mcmp_agent_received(agent, proxy, connection, now, data, len, used, err);

    if (!oom_leave(failed, rc))
        return rc;
    first = *used;
    ck_assert_uint_le(first, len);
    rc = __real_mcmp_agent_received(agent, proxy, connection, now, (const char *)data + first,
                                    len - first, used, err);
    *used += first;
    return rc;
}

/* Running */

/* Scenarios that can't be run like this, and why. */
static const char *const oom_exempt[] = {
    /* counts how often the host is asked, and a call made again asks again */
    "test_the_callback_is_asked_for_the_command_and_for_the_node",
};

static int is_exempt(const TTest *test)
{
    for (size_t i = 0; i < COUNT_OF(oom_exempt); i++)
        if (strcmp(test->name, oom_exempt[i]) == 0)
            return 1;
    return 0;
}

static int run_here(const char *name, const TTest *test)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    SRunner *runner;
    int failed;

    tcase_add_test(tcase, test);
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

/* One scenario in a process of its own with the n-th allocation failing; 1 when it went well. */
static int run_once(const char *name, const TTest *test, size_t n)
{
    int status = 0;
    pid_t pid;

    memset(oom, 0, sizeof(*oom));
    oom->fail_at = n;
    (void)fflush(stdout);
    pid = fork();
    if (pid == 0) {
        int failed;

        oom->owner = getpid();
        failed = run_here(name, test);

        if (failed == 0 && atomic_load(&oom->live) != 0) {
            printf("%zu blocks are left\n", atomic_load(&oom->live));
            failed = 1;
        }
        (void)fflush(stdout);
        _exit(failed != 0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return 0;
    if (status == 0)
        return 1;
    if (n == 0)
        printf("%s: %s as it is ends with %x\n", name, test->name, (unsigned)status);
    else
        printf("%s: %s with allocation %zu failing ends with %x\n", name, test->name, n,
               (unsigned)status);
    return 0;
}

static double oom_clock(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

typedef struct oom_totals {
    size_t tests, points, done, refused;
} oom_totals;

static int run_each(const char *name, const TTest *test, size_t most, oom_totals *totals)
{
    double end = oom_clock() + OOM_SECONDS;
    size_t calls, points;

    if (is_exempt(test))
        return 0;
    if (!run_once(name, test, 0))
        return 1;
    calls = atomic_load(&oom->calls);
    points = most != 0 && most < calls ? most : calls;
    totals->tests += calls != 0;
    totals->points += calls;
    for (size_t i = 1; i <= points && (most == 0 || oom_clock() < end); i++) {
        size_t n = points == calls ? i : 1 + (i - 1) * (calls - 1) / (points > 1 ? points - 1 : 1);

        if (!run_once(name, test, n))
            return 1;
        totals->done++;
        totals->refused += atomic_load(&oom->refused);
    }
    return 0;
}

int oom_run_tests(const char *name, const TTest *const *tests, size_t count, const char *most)
{
    oom_totals totals = { 0 };
    int failed = 0;

    oom = mmap(NULL, sizeof(*oom), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (oom == MAP_FAILED)
        return 1;
    for (size_t i = 0; i < count; i++)
        failed += run_each(name, tests[i], strcmp(most, "all") == 0 ? 0 : strtoul(most, NULL, 10),
                           &totals);
    printf("%s: %zu of %zu scenarios allocate, %zu times; %zu of these failed, %zu calls were made "
           "again, %d scenarios went wrong\n",
           name, totals.tests, count, totals.points, totals.done, totals.refused, failed);
    return failed != 0;
}
