/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters and times of the balancer at their wrap, set from inside: no test could count so far.
 * Generations, versions and the ring of removed nodes wrap in tests/oracle/walk_wrap.c, positions
 * and numbers of changes in test_observer_ring, periods in test_share.
 */
#include "farm.h"

#include "lb/used.h"
#include "model/region.h"

#define PERIOD (5 * MCMP_SEC)

static const uint32_t policies[] = { MCMP_POLICY_LBFACTOR, MCMP_POLICY_BUSYNESS,
                                     MCMP_POLICY_TWO_CHOICES, MCMP_POLICY_HASH,
                                     MCMP_POLICY_CUSTOM };

static mcmp__live *live_of(farm *f, const char *route)
{
    return mcmp__live_of(f->cluster, mcmp__handle_index(farm_handle(f, route)));
}

/* By what the host is told: who was chosen less often since the start is better. */
static int is_better(void *ctx, const mcmp_candidate *a, const mcmp_candidate *b)
{
    uint64_t start = *(const uint64_t *)ctx;

    return b->elected - start < a->elected - start;
}

static void open_three(farm *f, uint32_t policy, uint64_t *elected)
{
    mcmp_cluster_options opts;

    farm_options(&opts);
    opts.policy = policy;
    opts.better = is_better;
    opts.better_ctx = elected;
    farm_open(f, &opts);
    farm_script(f, NODE("n1", "") NODE("n2", "") NODE("n3", "") ON("n1", "/") ON("n2", "/")
                       ON("n3", "/"));
    for (uint32_t i = 1; i <= 3; i++) {
        char route[8];

        (void)snprintf(route, sizeof(route), "n%u", i);
        mcmp__word_set(&live_of(f, route)->elected, *elected);
    }
}

START_TEST(test_picks_wrap_and_choose_as_before)
{
    depends_on_the_process();
    for (size_t p = 0; p < COUNT_OF(policies); p++) {
        uint64_t start[] = { 0, UINT64_MAX - 5 };
        uint64_t counted = 0;
        mcmp_query query;
        farm f[2];

        mcmp_query_init(&query);
        query.path = span_of("/");
        for (size_t i = 0; i < 2; i++)
            open_three(&f[i], policies[p], &start[i]);
        for (uint32_t n = 0; n < 60; n++) {
            uint32_t one = farm_pick(&f[0], &query);
            uint32_t other = farm_pick(&f[1], &query);

            ck_assert_uint_ne(one, 0);
            ck_assert_uint_ne(other, 0);
            ck_assert_uint_eq(other, one);
            f[0].now = f[1].now += 100 * MCMP_MSEC;
        }
        for (uint32_t i = 1; i <= 3; i++) {
            char route[8], line[64];
            uint64_t picks;

            (void)snprintf(route, sizeof(route), "n%u", i);
            picks = farm_info(&f[0], route).elected;
            counted += picks;
            ck_assert_uint_eq(farm_info(&f[1], route).elected, start[1] + picks);
            farm_sayf(&f[1], "INFO x=");
            (void)snprintf(line, sizeof(line), "Elected: %llu,",
                           (unsigned long long)(start[1] + picks));
            ck_assert_ptr_nonnull(memmem(mcmp_response_body(f[1].response).ptr,
                                         mcmp_response_body(f[1].response).len, line,
                                         strlen(line)));
        }
        ck_assert_uint_eq(counted, 60);
        farm_close(&f[0]);
        farm_close(&f[1]);
    }
}
END_TEST

START_TEST(test_a_node_whose_bytes_wrap_is_not_idle)
{
    mcmp_outcome outcome;
    mcmp_selection selection;
    mcmp_query query;
    mcmp_work work;
    uint64_t zero = 0;
    farm f;

    open_three(&f, MCMP_POLICY_LBFACTOR, &zero);
    mcmp__word_set(&live_of(&f, "n1")->bytes_read, UINT64_MAX - 50);
    mcmp__word_set(&live_of(&f, "n1")->read_mark, UINT64_MAX - 50);
    mcmp__word_set(&live_of(&f, "n1")->bytes_sent, UINT64_MAX);
    farm_script(&f, STOP("n2", "/") STOP("n3", "/"));
    mcmp_selection_init(&selection);
    mcmp_query_init(&query);
    mcmp_outcome_init(&outcome);
    query.path = span_of("/");
    query.now = outcome.now = f.now;
    outcome.bytes_read = 100;
    outcome.bytes_sent = 1;
    ck_assert_int_eq(mcmp_select_node(f.cluster, &query, &selection, NULL), MCMP_OK);
    ck_assert_int_eq(mcmp_selection_release(f.cluster, &selection, &outcome), MCMP_OK);
    ck_assert_uint_eq(farm_info(&f, "n1").bytes_read, 49);
    ck_assert_uint_eq(farm_info(&f, "n1").bytes_sent, 0);
    f.now += PERIOD;
    for (int i = 0; i < 2; i++) { /* n2 and n3 */
        mcmp_work_init(&work);
        ck_assert_int_eq(mcmp_tick(f.cluster, f.now, &work, NULL), MCMP_OK);
        ck_assert_uint_eq(work.kind, MCMP_WORK_PROBE);
        ck_assert_uint_ne(number_of(work.probe->host), 1);
    }
    mcmp_work_init(&work);
    ck_assert_int_eq(mcmp_tick(f.cluster, f.now, &work, NULL), MCMP_DONE);
    farm_close(&f);
}
END_TEST

/* More requests than a word counts are let go of and never given back: the count is lost, and with
 * it nothing else. */
START_TEST(test_running_selections_that_wrap_harm_nobody)
{
    mcmp_selection selection;
    mcmp_query query;
    mcmp_cluster_options opts;
    mcmp__word *count;
    farm f;

    farm_options(&opts);
    farm_open(&f, &opts);
    farm_script(&f, NODE("n1", "") ON("n1", "/") NODE("n2", "") ON("n2", "/other"));
    mcmp_query_init(&query);
    mcmp_selection_init(&selection);
    query.path = span_of("/");
    query.now = f.now;
    ck_assert_int_eq(mcmp_select_node(f.cluster, &query, &selection, NULL), MCMP_OK);
    ck_assert_uint_eq(farm_info(&f, "n1").connected, 1);
    count = f.cluster->counts + mcmp__handle_index(selection.node);
    mcmp__word_set(count, mcmp__word_get(count) | UINT32_MAX);
    ck_assert_uint_eq(farm_info(&f, "n1").connected, UINT32_MAX);
    for (int i = 0; i < 3; i++) {
        mcmp_selection more;

        mcmp_selection_init(&more);
        ck_assert_int_eq(mcmp_select_node(f.cluster, &query, &more, NULL), MCMP_OK);
        ck_assert_uint_eq(number_of(more.route), 1);
        ck_assert_int_eq(mcmp_selection_release(f.cluster, &more, NULL), MCMP_OK);
    }
    ck_assert_uint_eq(farm_info(&f, "n1").connected, 0);
    ck_assert_uint_eq(farm_info(&f, "n2").connected, 0);
    ck_assert_int_eq(mcmp_selection_release(f.cluster, &selection, NULL), MCMP_OK);
    ck_assert_int_eq(mcmp_cluster_check(f.cluster, NULL, NULL), MCMP_OK);
    /* The next occupant of the row counts from zero. */
    farm_script(&f, GONE("n1") "+20000|" NODE("n3", "") ON("n3", "/"));
    query.now = f.now;
    ck_assert_int_eq(mcmp_select_node(f.cluster, &query, &selection, NULL), MCMP_OK);
    ck_assert_uint_eq(number_of(selection.route), 3);
    ck_assert_uint_eq(farm_info(&f, "n3").connected, 1);
    ck_assert_int_eq(mcmp_selection_release(f.cluster, &selection, NULL), MCMP_OK);
    ck_assert_uint_eq(farm_info(&f, "n3").connected, 0);
    farm_close(&f);
}
END_TEST

/* Tickets of probes are times. Seven periods from a start: each node is probed once in each, a
 * ticket counts once, and one that is older than the last does nothing. */
static void probe_from(mcmp_time start)
{
    mcmp_time last[3] = { start, start, start };
    uint32_t probes[3] = { 0 };
    uint64_t older[3] = { 0 };
    mcmp_cluster_options opts;
    farm f;

    farm_options(&opts);
    opts.now = start;
    opts.max_failed_probes = 1;
    farm_open(&f, &opts);
    f.now = start;
    farm_script(&f, NODE("n1", "") NODE("n2", ""));
    while (f.now < start + 7 * PERIOD) {
        mcmp_work work;
        uint32_t i;

        mcmp_work_init(&work);
        if (mcmp_tick(f.cluster, f.now, &work, NULL) == MCMP_DONE) {
            ck_assert_int_gt(work.next_at, f.now);
            f.now = work.next_at;
            continue;
        }
        ck_assert_uint_eq(work.kind, MCMP_WORK_PROBE);
        i = number_of(work.probe->host);
        ck_assert_msg(f.now - last[i] >= PERIOD && f.now - last[i] <= PERIOD + MCMP_SEC,
                      "start %jd: n%u after %jd ms", (intmax_t)start, i,
                      (intmax_t)((f.now - last[i]) / MCMP_MSEC));
        last[i] = f.now;
        probes[i]++;
        /* One failure that counts would remove the node. */
        ck_assert_int_eq(mcmp_probe_report(f.cluster, work.probe->node, older[i], 0, f.now, NULL),
                         MCMP_OK);
        older[i] = work.probe->ticket;
        ck_assert_int_eq(mcmp_probe_report(f.cluster, work.probe->node, older[i], 1, f.now, NULL),
                         MCMP_OK);
        ck_assert_int_eq(mcmp_probe_report(f.cluster, work.probe->node, older[i], 0, f.now, NULL),
                         MCMP_OK);
    }
    ck_assert_uint_ge(probes[1], 6);
    ck_assert_uint_ge(probes[2], 6);
    ck_assert_uint_eq(farm_info(&f, "n1").state, MCMP_NODE_ACTIVE);
    farm_close(&f);
}

START_TEST(test_tickets_go_on_at_each_end_of_the_clock)
{
    static const mcmp_time starts[] = { 0,
                                        1,
                                        (mcmp_time)INT32_MAX - 3 * PERIOD,
                                        (mcmp_time)UINT32_MAX - 3 * PERIOD,
                                        (INT64_C(1) << 53) - 3 * PERIOD,
                                        INT64_MAX - 3600 * MCMP_SEC };

    for (size_t i = 0; i < COUNT_OF(starts); i++)
        probe_from(starts[i]);
}
END_TEST

/* What this process selected, told when it is gone: generations on both sides of the wrap. */
START_TEST(test_gone_nodes_of_wrapped_generations_are_told_in_order)
{
    _Atomic uint64_t *used;
    mcmp_handle handle;
    mcmp_cluster_options opts;
    farm f;

    farm_options(&opts);
    farm_open(&f, &opts);
    used = &mcmp__local_of(f.cluster)->used[3];
    mcmp__used_mark(used, UINT32_MAX - 1);
    mcmp__used_mark(used, 2);
    mcmp__used_mark(used, UINT32_MAX); /* late: of another thread */
    for (uint32_t i = 0; i < 4; i++) {
        static const uint32_t wanted[] = { UINT32_MAX - 1, UINT32_MAX, 1, 2 };

        ck_assert_int_eq(mcmp__used_take(f.cluster, 3, &handle), 1);
        ck_assert_uint_eq(mcmp__handle_generation(handle), wanted[i]);
        ck_assert_uint_eq(mcmp__handle_index(handle), 3);
    }
    ck_assert_int_eq(mcmp__used_take(f.cluster, 3, &handle), 0);
    farm_close(&f);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_picks_wrap_and_choose_as_before,
        test_a_node_whose_bytes_wrap_is_not_idle,
        test_running_selections_that_wrap_harm_nobody,
        test_tickets_go_on_at_each_end_of_the_clock,
        test_gone_nodes_of_wrapped_generations_are_told_in_order,
    };

    return run_tests("wraps", tests, COUNT_OF(tests));
}
