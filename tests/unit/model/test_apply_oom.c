/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenarios with each of their allocations failing in turn (STYLE M5), and the promise that a
 * message of a size seen before allocates nothing (DESIGN P4).
 */
#include "station.h"

#define ONE "JVMRoute=n1&Host=10.0.0.1&Port=8009"

/* Lists long enough for more pairs than the stack has bits for. */
static const char *long_lists(void)
{
    static char body[4096];
    size_t len = (size_t)snprintf(body, sizeof(body), "JVMRoute=n1&Alias=a0");

    for (int i = 1; i < 40; i++)
        len += (size_t)snprintf(body + len, sizeof(body) - len, ",a%d", i);
    len += (size_t)snprintf(body + len, sizeof(body) - len, "&Context=/0");
    for (int i = 1; i < 40; i++)
        len += (size_t)snprintf(body + len, sizeof(body) - len, ",/%d", i);
    return body;
}

typedef struct message {
    const char *line;
    const char *body; /* NULL: long_lists() */
    const char *accept;
    int code;
} message;

static const message lives[][12] = {
    {
        { "CONFIG /", ONE "&Alias=a,b&Context=/x,/y", NULL, MCMP_OK },
        { "ENABLE-APP /", "JVMRoute=n1&Alias=a&Context=/x", NULL, MCMP_OK },
        { "STATUS /", "JVMRoute=n1&Load=5", NULL, MCMP_OK },
        { "STOP-APP /", "JVMRoute=n1&Alias=a&Context=/x", NULL, MCMP_OK },
        { "CONFIG /", "JVMRoute=n2&Host=10.0.0.1&Port=8009", NULL, MCMP_ERR_CONFLICT },
        { "REMOVE-APP /*", "JVMRoute=n1", NULL, MCMP_OK },
        { "STATUS /", "JVMRoute=n1", NULL, MCMP_ERR_UNKNOWN_NODE },
    },
    {
        { "CONFIG /", ONE, NULL, MCMP_OK },
        { "ENABLE-APP /", NULL, NULL, MCMP_OK },
        { "REMOVE-APP /", NULL, NULL, MCMP_OK },
    },
    {
        { "CONFIG /", ONE "&Alias=a,b&Context=/x,/y", NULL, MCMP_OK },
        { "INFO /", "", NULL, MCMP_OK },
        { "DUMP /", "", "text/xml", MCMP_OK },
        { "INFO /", "", "application/json", MCMP_OK },
        { "GET /", "", NULL, MCMP_OK },
        { "VERSION /", "", NULL, MCMP_OK },
        { "PING /", "Scheme=http&Host=localhost&Port=1", "application/json", MCMP_OK },
        { "FROB /", "", NULL, MCMP_ERR_SYNTAX },
        { "STATUS /", "", NULL, MCMP_ERR_SYNTAX },
    },
    {
        { "CONFIG /", ONE "&Alias=a,b&Context=/1,/2,/3,/4,/5,/6,/7", NULL, MCMP_ERR_FULL },
    },
};

static int live(const mcmp_allocator *allocator, void *ctx)
{
    const message *messages = ctx;
    mcmp_cluster_options opts;
    station s;
    int rc;

    mcmp_cluster_options_init(&opts);
    opts.allocator = allocator;
    opts.max_nodes = 8;
    opts.max_aliases = 64;
    opts.max_contexts = messages[0].code == MCMP_ERR_FULL ? 10 : 4096;
    rc = station_try_open(&s, &opts);
    for (size_t i = 0; rc == MCMP_OK && messages[i].line != NULL; i++) {
        s.accept = messages[i].accept;
        rc = say(&s, messages[i].line, messages[i].body != NULL ? messages[i].body : long_lists());
        if (rc == messages[i].code)
            rc = MCMP_OK;
    }
    station_close(&s);
    return rc;
}

START_TEST(test_each_allocation_may_fail)
{
    for (size_t i = 0; i < COUNT_OF(lives); i++) {
        char name[16];
        message copy[12];

        (void)snprintf(name, sizeof(name), "life %zu", i);
        memcpy(copy, lives[i], sizeof(copy));
        run_with_oom(name, live, copy);
    }
}
END_TEST

static int see(const mcmp_allocator *allocator, void *ctx)
{
    mcmp_cluster_options opts;
    mcmp_view *view;
    station s;
    int rc;

    (void)ctx;
    mcmp_cluster_options_init(&opts);
    opts.allocator = allocator;
    opts.max_nodes = 8;
    opts.max_aliases = 64;
    opts.max_contexts = 64;
    rc = station_try_open(&s, &opts);
    if (rc == MCMP_OK)
        rc = say(&s, "CONFIG /", ONE "&Alias=a,b&Context=/x,/y");
    if (rc == MCMP_OK)
        rc = mcmp_view_new(&view, s.cluster, s.now, &s.err);
    if (rc == MCMP_OK)
        mcmp_view_free(view);
    station_close(&s);
    return rc;
}

START_TEST(test_a_view_may_find_no_memory)
{
    run_with_oom("view", see, NULL);
}
END_TEST

/* A refused allocation in the middle of a message leaves the old state or the new one. */
START_TEST(test_a_message_can_be_repeated_after_memory_was_short)
{
    for (size_t n = 1; n < 40; n++) {
        mcmp_cluster_options opts;
        test_heap heap;
        station s;
        int rc;

        test_heap_init(&heap, 0);
        mcmp_cluster_options_init(&opts);
        opts.allocator = &heap.allocator;
        station_open(&s, &opts);
        heap.fail_at = heap.calls + n;
        rc = say(&s, "CONFIG /", ONE "&Alias=a&Context=/x");
        if (rc == MCMP_OK)
            rc = say(&s, "ENABLE-APP /", long_lists());
        ck_assert(rc == MCMP_OK || rc == MCMP_ERR_NOMEM);
        heap.fail_at = 0;
        ck_assert_int_eq(say(&s, "CONFIG /", ONE "&Alias=a&Context=/x"), MCMP_OK);
        ck_assert_int_eq(say(&s, "ENABLE-APP /", long_lists()), MCMP_OK);
        ck_assert(info_has(&s, "Context: /39, Status: ENABLED"));
        station_close(&s);
        ck_assert_uint_eq(heap.live_blocks, 0);
    }
}
END_TEST

/* The state after a STATUS whose n-th allocation and all later ones fail. */
static int hear_status(size_t n, const char *body, int *out_heard, int *out_probes)
{
    mcmp_cluster_options opts;
    mcmp_node_info info;
    mcmp_view *view;
    test_heap heap;
    station s;
    int rc;

    test_heap_init(&heap, 0);
    mcmp_cluster_options_init(&opts);
    opts.allocator = &heap.allocator;
    station_open(&s, &opts);
    ck_assert_int_eq(say(&s, "CONFIG /", ONE), MCMP_OK);
    mcmp_response_free(s.response); /* a new one has no room yet */
    ck_assert_int_eq(mcmp_response_new(&s.response, &heap.allocator, NULL), MCMP_OK);
    heap.fail_at = heap.calls + n;
    rc = say(&s, "STATUS /", body);
    heap.fail_at = 0;
    mcmp_node_info_init(&info);
    ck_assert_int_eq(mcmp_view_new(&view, s.cluster, s.now, NULL), MCMP_OK);
    ck_assert_int_eq(mcmp_view_node(view, 0, &info), MCMP_OK);
    *out_heard = info.last_status != 0;
    *out_probes = s.probes;
    mcmp_view_free(view);
    station_close(&s);
    return rc;
}

/* Else a silent node would be spared for a message that nobody answered. */
START_TEST(test_a_status_without_memory_was_not_heard)
{
    static const char *const bodies[] = { "JVMRoute=n1&Load=-1", "JVMRoute=n1&Load=50" };

    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        int rc = MCMP_ERR_NOMEM;
        int heard, probes;

        for (size_t n = 1; rc != MCMP_OK; n++) {
            rc = hear_status(n, bodies[i], &heard, &probes);
            ck_assert(rc == MCMP_OK || rc == MCMP_ERR_NOMEM);
            row_int(bodies[i], heard, rc == MCMP_OK || probes != 0);
            row_true(bodies[i], n > 1 || rc != MCMP_OK);
        }
    }
}
END_TEST

START_TEST(test_repeats_allocate_nothing)
{
    static const message repeats[] = {
        { "CONFIG /", ONE "&Alias=a,b&Context=/x,/y", NULL, MCMP_OK },
        { "ENABLE-APP /", "JVMRoute=n1&Alias=a&Context=/x", NULL, MCMP_OK },
        { "STOP-APP /", "JVMRoute=n1&Alias=a&Context=/x", NULL, MCMP_OK },
        { "REMOVE-APP /", "JVMRoute=n1&Alias=a&Context=/x", NULL, MCMP_OK },
        { "STATUS /", "JVMRoute=n1&Load=5", NULL, MCMP_OK },
        { "PING /", "", NULL, MCMP_OK },
        { "STATUS /", "JVMRoute=no", NULL, MCMP_ERR_UNKNOWN_NODE },
        { "FROB /", "", NULL, MCMP_ERR_SYNTAX },
    };
    mcmp_cluster_options opts;
    test_heap heap;
    station s;
    size_t calls = 0;

    test_heap_init(&heap, 0);
    mcmp_cluster_options_init(&opts);
    opts.allocator = &heap.allocator;
    station_open(&s, &opts);
    for (int turn = 0; turn < 5; turn++) {
        if (turn == 2)
            calls = heap.calls;
        for (size_t i = 0; i < COUNT_OF(repeats); i++)
            row_code(repeats[i].line, say(&s, repeats[i].line, repeats[i].body), repeats[i].code);
    }
    ck_assert_uint_eq(heap.calls, calls);
    station_close(&s);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_each_allocation_may_fail,
        test_a_view_may_find_no_memory,
        test_a_message_can_be_repeated_after_memory_was_short,
        test_a_status_without_memory_was_not_heard,
        test_repeats_allocate_nothing,
    };

    return run_tests("apply: memory", tests, COUNT_OF(tests));
}
