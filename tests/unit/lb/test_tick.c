/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The health schedule on a simulated clock: every node in its period, no probe twice, dead owners,
 * failures in a row, nodes that go.
 */
#include "farm.h"

#define PERIOD (5 * MCMP_SEC)

static int tick(farm *f, mcmp_work *work)
{
    mcmp_error err;
    int rc;

    mcmp_work_init(work);
    mcmp_error_init(&err);
    rc = mcmp_tick(f->cluster, f->now, work, &err);
    ck_assert_msg(rc == MCMP_OK || rc == MCMP_DONE, "%s", err.message);
    return rc;
}

static int report(farm *f, const mcmp_probe *probe, int ok)
{
    return mcmp_probe_report(f->cluster, probe->node, probe->ticket, ok, f->now, NULL);
}

/* Sleeps as told until a piece of work comes, at most `limit`. */
static int sleep_for_work(farm *f, mcmp_work *work, mcmp_time limit)
{
    while (tick(f, work) == MCMP_DONE) {
        ck_assert_int_gt(work->next_at, f->now);
        if (work->next_at > limit) {
            f->now = limit;
            return MCMP_DONE;
        }
        f->now = work->next_at;
    }
    return MCMP_OK;
}

static void open_nodes(farm *f, uint32_t count)
{
    mcmp_cluster_options opts;

    farm_options(&opts);
    opts.max_nodes = count;
    opts.max_failed_probes = 3;
    farm_open(f, &opts);
    for (uint32_t i = 1; i <= count; i++)
        farm_sayf(f, JOIN("n%u", "") LOAD("n%u", "100"), i, i, i);
}

/* Over six periods each of the nodes is probed at least once in 1.1 periods. */
static void check_fairness(uint32_t count)
{
    mcmp_time *last = calloc(count + 1, sizeof(*last));
    uint64_t probes = 0;
    mcmp_time end;
    farm f;

    ck_assert_ptr_nonnull(last);
    open_nodes(&f, count);
    for (uint32_t i = 1; i <= count; i++)
        last[i] = f.now;
    end = f.now + 6 * PERIOD;
    for (;;) {
        mcmp_work work;
        uint32_t i;

        if (sleep_for_work(&f, &work, end) == MCMP_DONE)
            break;
        ck_assert_uint_eq(work.kind, MCMP_WORK_PROBE);
        i = number_of(work.probe->host);
        ck_assert_msg(f.now - last[i] <= PERIOD + PERIOD / 10, "n%u of %u waited %jd ms", i, count,
                      (intmax_t)((f.now - last[i]) / MCMP_MSEC));
        last[i] = f.now;
        probes++;
        ck_assert_int_eq(report(&f, work.probe, 1), MCMP_OK);
    }
    for (uint32_t i = 1; i <= count; i++)
        ck_assert_int_le(end - last[i], PERIOD + PERIOD / 10);
    ck_assert_uint_ge(probes, 5 * (uint64_t)count);
    ck_assert_uint_le(probes, 7 * (uint64_t)count);
    farm_close(&f);
    free(last);
}

START_TEST(test_tick_is_fair_to_one_to_forty_and_to_ten_thousand)
{
    check_fairness(1);
    check_fairness(40);
    check_fairness((uint32_t)as_often(10000, 1000));
}
END_TEST

START_TEST(test_tick_sleeps_exactly_to_the_next_probe)
{
    mcmp_work work;
    farm f;

    open_nodes(&f, 2);
    ck_assert_int_eq(sleep_for_work(&f, &work, START_TIME + PERIOD - 1), MCMP_DONE);
    ck_assert_int_eq(tick(&f, &work), MCMP_DONE);
    ck_assert_int_eq(work.next_at, START_TIME + PERIOD);
    f.now = START_TIME + PERIOD;
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(tick(&f, &work), MCMP_OK);
        ck_assert_uint_eq(work.kind, MCMP_WORK_PROBE);
        ck_assert_int_eq(report(&f, work.probe, 1), MCMP_OK);
    }
    ck_assert_int_eq(tick(&f, &work), MCMP_DONE);
    ck_assert_int_eq(sleep_for_work(&f, &work, START_TIME + 2 * PERIOD - 1), MCMP_DONE);
    f.now++;
    ck_assert_int_eq(tick(&f, &work), MCMP_OK);
    farm_close(&f);
}
END_TEST

START_TEST(test_tick_describes_the_probe)
{
    mcmp_work work;
    mcmp_cluster_options opts;
    farm f;

    farm_options(&opts);
    farm_open(&f, &opts);
    farm_script(&f, "CONFIG JVMRoute=n1&Host=example.net&Port=8080&Type=http&ping=3|+5000|");
    ck_assert_int_eq(tick(&f, &work), MCMP_OK);
    ck_assert_uint_eq(work.probe->node, farm_handle(&f, "n1"));
    row_text("host", work.probe->host, "example.net");
    row_text("method", work.probe->method, "OPTIONS");
    row_text("path", work.probe->path, "*");
    row_text("authority", work.probe->authority, "example.net:8080");
    ck_assert_uint_eq(work.probe->port, 8080);
    ck_assert_uint_eq(work.probe->scheme, MCMP_SCHEME_HTTP);
    ck_assert_uint_eq(work.probe->good_below, 500);
    ck_assert_int_eq(work.probe->deadline, f.now + 3 * MCMP_SEC);
    farm_close(&f);
    farm_options(&opts);
    opts.probe_host = "probe.example";
    farm_open(&f, &opts);
    farm_script(&f, "CONFIG JVMRoute=n1&Host=example.net&Port=443&Type=https&ping=60|+5000|");
    ck_assert_int_eq(tick(&f, &work), MCMP_OK);
    row_text("authority", work.probe->authority, "probe.example");
    ck_assert_int_eq(work.probe->deadline, f.now + 10 * MCMP_SEC);
    farm_close(&f);
}
END_TEST

START_TEST(test_tick_leaves_busy_nodes_alone)
{
    mcmp_selection selection;
    mcmp_outcome outcome;
    mcmp_query query;
    mcmp_work work;
    farm f;

    open_nodes(&f, 1);
    farm_script(&f, ON("n1", "/app"));
    mcmp_query_init(&query);
    query.path = span_of("/app");
    for (int i = 0; i < 30; i++) {
        query.now = f.now;
        mcmp_selection_init(&selection);
        ck_assert_int_eq(mcmp_select_node(f.cluster, &query, &selection, NULL), MCMP_OK);
        mcmp_outcome_init(&outcome);
        outcome.bytes_read = 1;
        outcome.now = f.now;
        ck_assert_int_eq(mcmp_selection_release(f.cluster, &selection, &outcome), MCMP_OK);
        ck_assert_int_eq(sleep_for_work(&f, &work, f.now + MCMP_SEC), MCMP_DONE);
    }
    ck_assert_int_eq(sleep_for_work(&f, &work, f.now + PERIOD + PERIOD), MCMP_OK);
    ck_assert_uint_eq(work.kind, MCMP_WORK_PROBE);
    farm_close(&f);
}
END_TEST

START_TEST(test_tick_hands_a_lost_probe_out_again)
{
    mcmp_probe lost;
    mcmp_work work;
    farm f;

    open_nodes(&f, 1);
    ck_assert_int_eq(sleep_for_work(&f, &work, f.now + PERIOD), MCMP_OK);
    lost = *work.probe;
    ck_assert_int_eq(tick(&f, &work), MCMP_DONE);
    ck_assert_int_eq(sleep_for_work(&f, &work, lost.deadline), MCMP_DONE);
    ck_assert_int_eq(sleep_for_work(&f, &work, lost.deadline + 2 * MCMP_SEC), MCMP_OK);
    ck_assert_uint_eq(work.probe->node, lost.node);
    ck_assert_uint_ne(work.probe->ticket, lost.ticket);
    ck_assert_int_eq(report(&f, &lost, 0), MCMP_OK); /* overtaken: ignored */
    ck_assert_uint_eq(farm_info(&f, "n1").state, MCMP_NODE_ACTIVE);
    ck_assert_int_eq(report(&f, work.probe, 0), MCMP_OK);
    ck_assert_uint_eq(farm_info(&f, "n1").state, MCMP_NODE_ERROR);
    ck_assert_int_eq(report(&f, work.probe, 1), MCMP_OK); /* a second time: ignored */
    ck_assert_uint_eq(farm_info(&f, "n1").state, MCMP_NODE_ERROR);
    farm_close(&f);
}
END_TEST

START_TEST(test_tick_gives_no_probe_to_two_handles)
{
    mcmp_cluster_options opts;
    mcmp_work work[2];
    void *memory = NULL;
    size_t size;
    farm f[2];
    int rc[2];

    farm_options(&opts);
    opts.memory = MCMP_MEMORY_HOST;
    ck_assert_int_eq(mcmp_cluster_region_size(&opts, &size, NULL), MCMP_OK);
    ck_assert_int_eq(posix_memalign(&memory, (size_t)sysconf(_SC_PAGESIZE), size), 0);
    memset(memory, 0, size);
    opts.host_memory = memory;
    opts.host_memory_size = size;
    farm_open(&f[0], &opts);
    farm_open(&f[1], &opts);
    for (int i = 1; i <= 20; i++)
        farm_sayf(&f[0], NODE("n%d", ""), i, i, i);
    for (int step = 0; step < 40; step++) {
        uint32_t probes = 0;

        f[0].now += MCMP_SEC;
        f[1].now = f[0].now;
        do {
            for (int k = 0; k < 2; k++) {
                rc[k] = tick(&f[k], &work[k]);
                probes += rc[k] == MCMP_OK;
            }
            if (rc[0] == MCMP_OK && rc[1] == MCMP_OK)
                ck_assert_uint_ne(work[0].probe->node, work[1].probe->node);
            for (int k = 0; k < 2; k++)
                if (rc[k] == MCMP_OK) /* the other one reports */
                    ck_assert_int_eq(report(&f[1 - k], work[k].probe, 1), MCMP_OK);
        } while (rc[0] == MCMP_OK || rc[1] == MCMP_OK);
        ck_assert_uint_le(probes, 20);
    }
    farm_close(&f[1]);
    farm_close(&f[0]);
    free(memory);
}
END_TEST

START_TEST(test_tick_removes_who_fails_again_and_again)
{
    mcmp_work work;
    farm f;

    open_nodes(&f, 1);
    farm_script(&f, ON("n1", "/app"));
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 2; i++) {
            ck_assert_int_eq(sleep_for_work(&f, &work, f.now + 2 * PERIOD), MCMP_OK);
            ck_assert_int_eq(report(&f, work.probe, 0), MCMP_OK);
            ck_assert_uint_eq(farm_info(&f, "n1").state, MCMP_NODE_ERROR);
        }
        ck_assert_int_eq(sleep_for_work(&f, &work, f.now + 2 * PERIOD), MCMP_OK);
        if (round == 0) {
            ck_assert_int_eq(report(&f, work.probe, 1), MCMP_OK); /* not in a row */
            ck_assert_uint_eq(farm_info(&f, "n1").state, MCMP_NODE_ACTIVE);
        }
    }
    ck_assert_int_eq(report(&f, work.probe, 0), MCMP_OK);
    ck_assert_uint_eq(farm_info(&f, "n1").state, MCMP_NODE_LEAVING);
    ck_assert_int_eq(mcmp_node_is_current(f.cluster, work.probe->node), 0);
    ck_assert_int_eq(report(&f, work.probe, 0), MCMP_ERR_STALE);
    ck_assert_int_eq(sleep_for_work(&f, &work, f.now + 20 * PERIOD), MCMP_DONE);
    farm_close(&f);
}
END_TEST

static void note_line(void *ctx, int level, const char *module, const char *msg, size_t len)
{
    char *text = ctx;

    (void)module;
    (void)len;
    (void)snprintf(text + strlen(text), 2048 - strlen(text), "%d %s\n", level, msg);
}

START_TEST(test_tick_logs_each_change_once)
{
    char text[2048] = "";
    mcmp_cluster_options opts;
    mcmp_selection selection;
    mcmp_logger logger;
    mcmp_query query;
    mcmp_work work;
    farm f;

    mcmp_logger_init(&logger);
    logger.fn = note_line;
    logger.ctx = text;
    farm_options(&opts);
    opts.logger = &logger;
    opts.max_failed_probes = 2;
    farm_open(&f, &opts);
    farm_script(&f, NODE("n1", "") ON("n1", "/app"));
    text[0] = '\0';
    mcmp_query_init(&query);
    query.path = span_of("/app");
    query.now = f.now;
    query.session = span_of("secret.n1");
    mcmp_selection_init(&selection);
    ck_assert_int_eq(mcmp_select_node(f.cluster, &query, &selection, NULL), MCMP_OK);
    ck_assert_int_eq(farm_release(&f, &selection, MCMP_OUTCOME_CONNECT), MCMP_OK);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(sleep_for_work(&f, &work, f.now + 2 * PERIOD), MCMP_OK);
        ck_assert_int_eq(report(&f, work.probe, i < 3), MCMP_OK);
    }
    ck_assert_str_eq(text, "2 node n1: forward failed, was active, is error\n"
                           "4 node n1: probe answered, was error, is active\n"
                           "2 node n1: probe failed, was active, is error\n"
                           "2 node n1 removed after 2 failed probes\n");
    farm_close(&f);
}
END_TEST

START_TEST(test_tick_good_probe_does_not_mend_load_minus_one)
{
    mcmp_work work;
    farm f;

    open_nodes(&f, 1);
    farm_script(&f, LOAD("n1", "-1"));
    ck_assert_int_eq(sleep_for_work(&f, &work, f.now + PERIOD), MCMP_OK);
    ck_assert_int_eq(report(&f, work.probe, 1), MCMP_OK);
    ck_assert_uint_eq(farm_info(&f, "n1").state, MCMP_NODE_BROKEN);
    ck_assert_int_eq(farm_info(&f, "n1").load, -1);
    farm_close(&f);
}
END_TEST

static void use_node(farm *f)
{
    mcmp_query query;

    mcmp_query_init(&query);
    query.path = span_of("/app");
    ck_assert_uint_eq(farm_pick(f, &query), 1);
}

START_TEST(test_tick_tells_of_nodes_that_went_and_were_used_here)
{
    mcmp_cluster_options opts;
    mcmp_handle handle;
    mcmp_work work;
    farm f;

    farm_options(&opts);
    opts.replace_policy = MCMP_REPLACE_LAST_WRITER;
    farm_open(&f, &opts);
    farm_script(&f, NODE("n1", "") NODE("n2", "") ON("n1", "/app"));
    use_node(&f);
    ck_assert_int_eq(tick(&f, &work), MCMP_DONE);
    farm_script(&f, GONE("n2"));
    ck_assert_int_eq(tick(&f, &work), MCMP_DONE); /* never used here */
    handle = farm_handle(&f, "n1");
    farm_script(&f, "CONFIG JVMRoute=n1&Host=n1&Port=8010|");
    ck_assert_uint_ne(farm_handle(&f, "n1"), handle);
    ck_assert_int_eq(tick(&f, &work), MCMP_OK);
    ck_assert_uint_eq(work.kind, MCMP_WORK_NODE_GONE);
    ck_assert_uint_eq(work.node, handle);
    ck_assert_int_eq(tick(&f, &work), MCMP_DONE); /* once */
    use_node(&f);
    handle = farm_handle(&f, "n1");
    farm_script(&f, GONE("n1"));
    ck_assert_int_eq(tick(&f, &work), MCMP_OK);
    ck_assert_uint_eq(work.kind, MCMP_WORK_NODE_GONE);
    ck_assert_uint_eq(work.node, handle);
    ck_assert_int_eq(tick(&f, &work), MCMP_DONE);
    farm_close(&f);
}
END_TEST

/* A slot may be used again before anybody ticks: no connection of any of its nodes may be left. */
START_TEST(test_tick_tells_of_each_node_of_a_slot_that_was_used)
{
    mcmp_cluster_options opts;
    mcmp_handle handle[4];
    mcmp_work work;
    farm f;

    farm_options(&opts);
    opts.replace_policy = MCMP_REPLACE_LAST_WRITER;
    for (int ticked = 0; ticked < 2; ticked++) {
        farm_open(&f, &opts);
        farm_script(&f, NODE("n1", "") ON("n1", "/app"));
        if (ticked) /* else the first tick comes late and has to look at all nodes */
            ck_assert_int_eq(tick(&f, &work), MCMP_DONE);
        for (int i = 0; i < 4; i++) {
            farm_sayf(&f, "CONFIG JVMRoute=n1&Host=n1&Port=%d|", 9000 + i);
            handle[i] = farm_handle(&f, "n1");
            if (i != 1)
                use_node(&f);
        }
        for (int i = 0; i < 3; i++) {
            ck_assert_int_eq(tick(&f, &work), MCMP_OK);
            ck_assert_uint_eq(work.kind, MCMP_WORK_NODE_GONE);
            ck_assert_uint_eq(work.node, handle[i]);
        }
        ck_assert_int_eq(tick(&f, &work), MCMP_DONE);
        farm_close(&f);
    }
}
END_TEST

START_TEST(test_tick_tells_of_nodes_after_too_many_went)
{
    mcmp_handle handle;
    mcmp_work work;
    farm f;

    mcmp_cluster_options opts;

    farm_options(&opts);
    farm_open(&f, &opts);
    farm_script(&f, NODE("n1", "") ON("n1", "/app"));
    use_node(&f);
    ck_assert_int_eq(tick(&f, &work), MCMP_DONE);
    handle = farm_handle(&f, "n1");
    farm_script(&f, GONE("n1"));
    for (int i = 0; i < 2000; i++)
        farm_sayf(&f, JOIN("x%d", "") GONE("x%d") "+1|", i, i, i);
    ck_assert_int_eq(sleep_for_work(&f, &work, f.now + MCMP_SEC), MCMP_OK);
    ck_assert_uint_eq(work.kind, MCMP_WORK_NODE_GONE);
    ck_assert_uint_eq(work.node, handle);
    farm_close(&f);
}
END_TEST

START_TEST(test_tick_has_no_probes_when_the_period_is_off)
{
    mcmp_cluster_options opts;
    mcmp_query query;
    mcmp_work work;
    farm f;

    farm_options(&opts);
    opts.recalc_period = MCMP_NEVER;
    farm_open(&f, &opts);
    farm_script(&f, NODE("n1", "") ON("n1", "/app"));
    ck_assert_int_eq(sleep_for_work(&f, &work, f.now + 20 * PERIOD), MCMP_DONE);
    mcmp_query_init(&query);
    query.path = span_of("/app");
    ck_assert_uint_eq(farm_pick(&f, &query), 1);
    farm_close(&f);
}
END_TEST

START_TEST(test_tick_probes_by_a_period_of_its_own)
{
    mcmp_cluster_options opts;
    mcmp_time start;
    mcmp_work work;
    farm f;

    farm_options(&opts);
    opts.probe_period = 20 * MCMP_SEC;
    farm_open(&f, &opts);
    farm_script(&f, NODE("n1", "") ON("n1", "/app"));
    start = f.now;
    for (int i = 1; i <= 3; i++) {
        ck_assert_int_eq(sleep_for_work(&f, &work, start + 100 * MCMP_SEC), MCMP_OK);
        ck_assert_uint_eq(work.kind, MCMP_WORK_PROBE);
        ck_assert_int_ge(f.now - start, i * 20 * MCMP_SEC);
        ck_assert_int_le(f.now - start, i * 22 * MCMP_SEC);
        ck_assert_int_eq(report(&f, work.probe, 1), MCMP_OK);
    }
    farm_close(&f);
    opts.probe_period = MCMP_NEVER;
    farm_open(&f, &opts);
    farm_script(&f, NODE("n1", "") ON("n1", "/app"));
    ck_assert_int_eq(sleep_for_work(&f, &work, f.now + 20 * PERIOD), MCMP_DONE);
    farm_close(&f);
}
END_TEST

static int scenario_tick(const mcmp_allocator *allocator, void *ctx)
{
    mcmp_cluster_options opts;
    mcmp_cluster *cluster;
    mcmp_work work;
    int rc;

    (void)ctx;
    farm_options(&opts);
    opts.allocator = allocator;
    rc = mcmp_cluster_open(&cluster, &opts, NULL);
    if (rc != MCMP_OK)
        return rc;
    mcmp_work_init(&work);
    rc = mcmp_tick(cluster, START_TIME, &work, NULL);
    mcmp_cluster_close(cluster);
    return rc == MCMP_DONE ? MCMP_OK : rc;
}

START_TEST(test_tick_survives_without_memory)
{
    run_with_oom("tick", scenario_tick, NULL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_tick_is_fair_to_one_to_forty_and_to_ten_thousand,
        test_tick_sleeps_exactly_to_the_next_probe,
        test_tick_describes_the_probe,
        test_tick_leaves_busy_nodes_alone,
        test_tick_hands_a_lost_probe_out_again,
        test_tick_gives_no_probe_to_two_handles,
        test_tick_removes_who_fails_again_and_again,
        test_tick_logs_each_change_once,
        test_tick_good_probe_does_not_mend_load_minus_one,
        test_tick_tells_of_nodes_that_went_and_were_used_here,
        test_tick_tells_of_each_node_of_a_slot_that_was_used,
        test_tick_tells_of_nodes_after_too_many_went,
        test_tick_has_no_probes_when_the_period_is_off,
        test_tick_probes_by_a_period_of_its_own,
        test_tick_survives_without_memory,
    };

    return run_tests("tick", tests, COUNT_OF(tests));
}
