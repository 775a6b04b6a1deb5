/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds and outcomes: released exactly once, counts that never drift, and what puts a node in
 * error.
 */
#include "farm.h"

#include <pthread.h>

static int select_app(farm *f, mcmp_selection *selection)
{
    mcmp_query query;

    mcmp_query_init(&query);
    query.now = f->now;
    query.path = span_of("/app");
    mcmp_selection_init(selection);
    return mcmp_select_node(f->cluster, &query, selection, NULL);
}

static void open_one(farm *f)
{
    mcmp_cluster_options opts;

    farm_options(&opts);
    farm_open(f, &opts);
    farm_script(f, NODE("n1", "") ON("n1", "/app"));
}

START_TEST(test_release_happens_exactly_once)
{
    mcmp_selection selection;
    farm f;

    open_one(&f);
    mcmp_selection_init(&selection);
    ck_assert_int_eq(mcmp_selection_release(f.cluster, &selection, NULL), MCMP_ERR_RELEASED);
    ck_assert_int_eq(select_app(&f, &selection), MCMP_OK);
    ck_assert_uint_ne(selection.flags & MCMP_SELECTION_HELD, 0);
    ck_assert_uint_eq(farm_info(&f, "n1").connected, 1);
    ck_assert_int_eq(mcmp_selection_release(f.cluster, &selection, NULL), MCMP_OK);
    ck_assert_uint_eq(selection.flags & MCMP_SELECTION_HELD, 0);
    ck_assert_uint_eq(farm_info(&f, "n1").connected, 0);
    ck_assert_int_eq(mcmp_selection_release(f.cluster, &selection, NULL), MCMP_ERR_RELEASED);
    ck_assert_uint_eq(farm_info(&f, "n1").connected, 0);
    farm_close(&f);
}
END_TEST

START_TEST(test_release_is_due_before_a_selection_is_used_again)
{
    mcmp_selection selection;
    mcmp_query query;
    mcmp_error err;
    farm f;

    open_one(&f);
    ck_assert_int_eq(select_app(&f, &selection), MCMP_OK);
    mcmp_query_init(&query);
    query.now = f.now;
    query.path = span_of("/app");
    mcmp_error_init(&err);
    ck_assert_int_eq(mcmp_select_node(f.cluster, &query, &selection, &err), MCMP_ERR_INVALID);
    ck_assert_str_eq(err.field, "selection");
    ck_assert_uint_eq(farm_info(&f, "n1").connected, 1);
    ck_assert_int_eq(farm_release(&f, &selection, MCMP_OUTCOME_OK), MCMP_OK);
    ck_assert_int_eq(mcmp_select_node(f.cluster, &query, &selection, &err), MCMP_OK);
    ck_assert_int_eq(farm_release(&f, &selection, MCMP_OUTCOME_OK), MCMP_OK);
    farm_close(&f);
}
END_TEST

START_TEST(test_release_leaves_a_selection_that_tells_nothing_of_the_last)
{
    mcmp_selection selection;
    mcmp_selection fresh;
    mcmp_query query;
    farm f;

    open_one(&f);
    ck_assert_int_eq(select_app(&f, &selection), MCMP_OK);
    ck_assert_int_eq(farm_release(&f, &selection, MCMP_OUTCOME_OK), MCMP_OK);
    mcmp_query_init(&query);
    query.now = f.now;
    query.path = span_of("/other");
    mcmp_selection_init(&fresh);
    ck_assert_int_eq(mcmp_select_node(f.cluster, &query, &selection, NULL), MCMP_NOT_OURS);
    ck_assert_int_eq(mcmp_select_node(f.cluster, &query, &fresh, NULL), MCMP_NOT_OURS);
    ck_assert_int_eq(memcmp(&selection, &fresh, offsetof(mcmp_selection, text)), 0);
    farm_script(&f, FAIL("n1"));
    query.now = f.now;
    query.path = span_of("/app");
    ck_assert_int_eq(mcmp_select_node(f.cluster, &query, &selection, NULL), MCMP_NO_NODE);
    ck_assert_uint_eq(selection.node, 0);
    ck_assert_uint_eq(selection.port, 0);
    ck_assert_uint_eq(selection.route.len, 0);
    row_text("balancer", selection.balancer, "mycluster");
    row_text("cookie", selection.cookie_name, "JSESSIONID");
    row_text("path", selection.path_name, "jsessionid");
    farm_close(&f);
}
END_TEST

START_TEST(test_release_of_a_dry_run_is_refused)
{
    mcmp_selection selection;
    mcmp_query query;
    farm f;

    open_one(&f);
    mcmp_query_init(&query);
    query.now = f.now;
    query.path = span_of("/app");
    query.flags = MCMP_QUERY_DRY_RUN;
    mcmp_selection_init(&selection);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(mcmp_select_node(f.cluster, &query, &selection, NULL), MCMP_OK);
        ck_assert_uint_eq(selection.flags, 0);
        ck_assert_int_eq(mcmp_selection_release(f.cluster, &selection, NULL), MCMP_ERR_RELEASED);
    }
    ck_assert_uint_eq(farm_info(&f, "n1").connected, 0);
    ck_assert_uint_eq(farm_info(&f, "n1").elected, 0);
    farm_close(&f);
}
END_TEST

START_TEST(test_release_counts_bytes_and_outcomes)
{
    static const struct {
        const char *name;
        uint32_t result;
        uint32_t state;
    } rows[] = {
        { "ok", MCMP_OUTCOME_OK, MCMP_NODE_ACTIVE },
        { "no connection", MCMP_OUTCOME_CONNECT, MCMP_NODE_ERROR },
        { "no answer", MCMP_OUTCOME_NO_ANSWER, MCMP_NODE_ERROR },
        { "broken answer", MCMP_OUTCOME_BROKEN, MCMP_NODE_ACTIVE },
        { "timeout", MCMP_OUTCOME_TIMEOUT, MCMP_NODE_ACTIVE },
        { "client", MCMP_OUTCOME_CLIENT, MCMP_NODE_ACTIVE },
        { "unused", MCMP_OUTCOME_UNUSED, MCMP_NODE_ACTIVE },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mcmp_selection selection;
        mcmp_outcome outcome;
        mcmp_node_info info;
        farm f;

        open_one(&f);
        for (uint64_t round = 1; round <= 2; round++) {
            row_code(rows[i].name, select_app(&f, &selection), MCMP_OK);
            mcmp_outcome_init(&outcome);
            outcome.result = rows[i].result;
            outcome.bytes_read = 100;
            outcome.bytes_sent = 7;
            outcome.now = f.now;
            row_code(rows[i].name, mcmp_selection_release(f.cluster, &selection, &outcome),
                     MCMP_OK);
            info = farm_info(&f, "n1");
            row_int(rows[i].name, info.state, rows[i].state);
            row_int(rows[i].name, info.bytes_read, 100 * round);
            row_int(rows[i].name, info.bytes_sent, 7 * round);
            row_int(rows[i].name, info.elected, round);
            row_int(rows[i].name, info.connected, 0);
            if (rows[i].state == MCMP_NODE_ERROR)
                row_code(rows[i].name, select_app(&f, &selection), MCMP_NO_NODE);
            farm_script(&f, LOAD("n1", "100"));
        }
        farm_close(&f);
    }
}
END_TEST

START_TEST(test_release_adds_to_what_was_counted_before)
{
    mcmp_selection selection;
    mcmp_outcome outcome;
    farm f;

    open_one(&f);
    ck_assert_int_eq(mcmp_selection_progress(NULL, &selection, 1, 1), MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_selection_progress(f.cluster, NULL, 1, 1), MCMP_ERR_INVALID);
    mcmp_selection_init(&selection);
    ck_assert_int_eq(mcmp_selection_progress(f.cluster, &selection, 1, 1), MCMP_ERR_RELEASED);
    ck_assert_int_eq(select_app(&f, &selection), MCMP_OK);
    ck_assert_int_eq(mcmp_selection_progress(f.cluster, &selection, 1000, 10), MCMP_OK);
    ck_assert_uint_eq(farm_info(&f, "n1").bytes_read, 1000);
    ck_assert_uint_eq(farm_info(&f, "n1").bytes_sent, 10);
    ck_assert_uint_eq(farm_info(&f, "n1").connected, 1);
    mcmp_outcome_init(&outcome);
    outcome.bytes_read = 500;
    outcome.bytes_sent = 0;
    outcome.now = f.now;
    ck_assert_int_eq(mcmp_selection_release(f.cluster, &selection, &outcome), MCMP_OK);
    ck_assert_int_eq(mcmp_selection_progress(f.cluster, &selection, 1, 1), MCMP_ERR_RELEASED);
    ck_assert_uint_eq(farm_info(&f, "n1").bytes_read, 1500);
    ck_assert_uint_eq(farm_info(&f, "n1").bytes_sent, 10);
    farm_close(&f);
}
END_TEST

START_TEST(test_release_after_the_node_went_touches_nobody_else)
{
    mcmp_selection first;
    mcmp_selection second;
    mcmp_node_info info;
    farm f;

    open_one(&f);
    ck_assert_int_eq(select_app(&f, &first), MCMP_OK);
    farm_script(&f, GONE("n1") "+60000|" NODE("n2", "") ON("n2", "/app"));
    ck_assert_int_eq(select_app(&f, &second), MCMP_OK);
    ck_assert_int_eq(farm_release(&f, &first, MCMP_OUTCOME_CONNECT), MCMP_OK);
    info = farm_info(&f, "n2");
    ck_assert_uint_eq(info.connected, 1);
    ck_assert_uint_eq(info.state, MCMP_NODE_ACTIVE);
    ck_assert_int_eq(farm_release(&f, &second, MCMP_OUTCOME_OK), MCMP_OK);
    ck_assert_uint_eq(farm_info(&f, "n2").connected, 0);
    farm_close(&f);
}
END_TEST

START_TEST(test_release_never_lets_connected_drift)
{
    static mcmp_selection held[64];
    uint32_t used[64] = { 0 };
    uint64_t random = 7;
    uint32_t count = 0;
    farm f;

    open_one(&f);
    for (int step = 0; step < 20000; step++) {
        uint32_t i = test_random(&random) % COUNT_OF(held);

        f.now += MCMP_MSEC;
        if (used[i]) {
            ck_assert_int_eq(farm_release(&f, &held[i], test_random(&random) % 7), MCMP_OK);
            used[i] = 0;
            count--;
        } else if (select_app(&f, &held[i]) == MCMP_OK) {
            used[i] = 1;
            count++;
        } else {
            farm_script(&f, LOAD("n1", "50"));
        }
        if (step % 1000 == 0)
            ck_assert_uint_eq(farm_info(&f, "n1").connected, count);
    }
    for (size_t i = 0; i < COUNT_OF(held); i++)
        if (used[i])
            ck_assert_int_eq(farm_release(&f, &held[i], MCMP_OUTCOME_OK), MCMP_OK);
    ck_assert_uint_eq(farm_info(&f, "n1").connected, 0);
    farm_close(&f);
}
END_TEST

#define THREADS 4
#define TURNS 5000

/* Selects and releases while others do so and a writer changes the cluster. */
static void *select_and_release(void *arg)
{
    farm *f = arg;
    uint64_t picked = 0;

    for (int i = 0; i < TURNS; i++) {
        mcmp_selection selection;

        if (select_app(f, &selection) == MCMP_OK) {
            picked++;
            if (mcmp_selection_release(f->cluster, &selection, NULL) != MCMP_OK)
                return NULL;
        }
    }
    return (void *)(uintptr_t)picked; /* a count, not an address */
}

START_TEST(test_release_counts_right_from_many_threads)
{
    pthread_t threads[THREADS];
    uint64_t picked = 0;
    uint64_t elected = 0;
    farm readers;
    farm f;

    open_one(&f);
    farm_script(&f, NODE("n2", "") ON("n2", "/app"));
    readers = f; /* the writer's clock moves */
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, select_and_release, &readers), 0);
    for (int i = 0; i < 300; i++)
        farm_script(&f, DISABLE("n2", "/app") LOAD("n1", "10") ON("n2", "/app") LOAD("n1", "90"));
    for (int i = 0; i < THREADS; i++) {
        void *result;

        ck_assert_int_eq(pthread_join(threads[i], &result), 0);
        picked += (uintptr_t)result;
    }
    elected = farm_info(&f, "n1").elected + farm_info(&f, "n2").elected;
    ck_assert_uint_eq(picked, THREADS * TURNS);
    ck_assert_uint_eq(elected, picked);
    ck_assert_uint_eq(farm_info(&f, "n1").connected, 0);
    ck_assert_uint_eq(farm_info(&f, "n2").connected, 0);
    farm_close(&f);
}
END_TEST

START_TEST(test_release_checks_its_arguments)
{
    mcmp_selection selection;
    mcmp_outcome outcome;
    mcmp_query query;
    farm f;

    open_one(&f);
    ck_assert_int_eq(select_app(&f, &selection), MCMP_OK);
    memset(&outcome, 0, sizeof(outcome));
    ck_assert_int_eq(mcmp_selection_release(NULL, &selection, NULL), MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_selection_release(f.cluster, NULL, NULL), MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_selection_release(f.cluster, &selection, &outcome), MCMP_ERR_INVALID);
    ck_assert_uint_ne(selection.flags & MCMP_SELECTION_HELD, 0);
    ck_assert_int_eq(mcmp_selection_release(f.cluster, &selection, NULL), MCMP_OK);
    mcmp_query_init(&query);
    query.path = span_of("/app");
    query.tried_count = 65;
    ck_assert_int_eq(mcmp_select_node(f.cluster, &query, &selection, NULL), MCMP_ERR_INVALID);
    query.tried_count = 1; /* without a pointer */
    ck_assert_int_eq(mcmp_select_node(f.cluster, &query, &selection, NULL), MCMP_ERR_INVALID);
    query.tried_count = 0;
    query.flags = 0x80;
    ck_assert_int_eq(mcmp_select_node(f.cluster, &query, &selection, NULL), MCMP_ERR_UNSUPPORTED);
    query.flags = 0;
    query.struct_size = 0;
    ck_assert_int_eq(mcmp_select_node(f.cluster, &query, &selection, NULL), MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_select_node(f.cluster, NULL, &selection, NULL), MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_select_node(f.cluster, &query, NULL, NULL), MCMP_ERR_INVALID);
    farm_close(&f);
}
END_TEST

START_TEST(test_release_knows_names_of_reasons)
{
    ck_assert_str_eq(mcmp_reason_name(MCMP_REASON_STICKY), "sticky");
    ck_assert_str_eq(mcmp_reason_name(MCMP_REASON_FORCED), "forced");
    ck_assert_str_eq(mcmp_reason_name(8), "?");
    ck_assert_str_eq(mcmp_reason_name(UINT32_MAX), "?");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_release_happens_exactly_once,
        test_release_is_due_before_a_selection_is_used_again,
        test_release_leaves_a_selection_that_tells_nothing_of_the_last,
        test_release_of_a_dry_run_is_refused,
        test_release_counts_bytes_and_outcomes,
        test_release_adds_to_what_was_counted_before,
        test_release_after_the_node_went_touches_nobody_else,
        test_release_never_lets_connected_drift,
        test_release_counts_right_from_many_threads,
        test_release_checks_its_arguments,
        test_release_knows_names_of_reasons,
    };

    return run_tests("release", tests, COUNT_OF(tests));
}
