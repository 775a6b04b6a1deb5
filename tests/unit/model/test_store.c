/* SPDX-License-Identifier: Apache-2.0 */
/* What the random churn does not reach: large groups, many numbers, times, rings, snapshots. */
#include "model/rows.h"
#include "model/store.h"

#include "base/health.h"

#include "support.h"

#define NODES 700

typedef struct fixture {
    mcmp_cluster *cluster;
    mcmp_time now;
} fixture;

static void fixture_open(fixture *f, uint32_t nodes, uint32_t contexts)
{
    mcmp_cluster_options opts;

    mcmp_cluster_options_init(&opts);
    opts.max_nodes = nodes;
    opts.max_aliases = contexts;
    opts.max_contexts = contexts;
    opts.max_balancers = 2;
    opts.random_seed = 9;
    f->now = MCMP_SEC;
    ck_assert_int_eq(mcmp_cluster_open(&f->cluster, &opts, NULL), MCMP_OK);
}

static void fixture_close(fixture *f)
{
    mcmp_error err;

    mcmp_error_init(&err);
    ck_assert_msg(mcmp_cluster_check(f->cluster, NULL, &err) == MCMP_OK, "%s", err.message);
    mcmp_cluster_close(f->cluster);
}

static mcmp_span numbered(char *buffer, const char *prefix, uint32_t n)
{
    int len = snprintf(buffer, 40, "%s%u", prefix, n);

    return (mcmp_span){ buffer, (size_t)len };
}

static uint32_t add(fixture *f, mcmp__tx *tx, uint32_t n, const char *domain)
{
    mcmp__balancer_data balancer = { .name = TEXT("b") };
    mcmp__node_data node = { .port = 80 };
    char route[40], host[40];
    uint32_t b, row;

    (void)f;
    node.route = numbered(route, "n", n);
    node.host = numbered(host, "10.0.0.", n);
    node.domain = span_of(domain);
    ck_assert_int_eq(mcmp__balancer_put(tx, &balancer, &b, NULL), MCMP_OK);
    ck_assert_int_eq(mcmp__node_add(tx, &node, b, &row, NULL), MCMP_OK);
    return row;
}

static void begin(fixture *f, mcmp__tx *tx)
{
    ck_assert_int_eq(mcmp__tx_begin(tx, f->cluster, f->now, NULL), MCMP_OK);
}

static void serve(mcmp__tx *tx, uint32_t node, const char *context, uint32_t status)
{
    uint32_t alias = mcmp__alias_find(&tx->rd, node, span_of("localhost"));
    uint32_t pair;

    if (alias == 0)
        ck_assert_int_eq(mcmp__alias_add(tx, node, span_of("localhost"), 1, &alias, NULL), MCMP_OK);
    ck_assert_int_eq(mcmp__pair_add(tx, alias, span_of(context), status, &pair, NULL), MCMP_OK);
}

/* Every member once, in the order of status. */
static void check_group(fixture *f, uint32_t want)
{
    static uint8_t seen[2 * NODES + 1];
    mcmp__match match;
    mcmp__set set;
    mcmp__read rd;
    uint32_t total, last = 0;

    memset(seen, 0, sizeof(seen));
    mcmp__read_init(&rd, f->cluster);
    mcmp__read_begin(&rd);
    mcmp__match_find(&rd, span_of("localhost"), span_of("/app/x"), 0, &match);
    total = mcmp__set_of(&rd, &match, mcmp__match_next(&rd, &match), 0, &set);
    ck_assert_uint_eq(total, want);
    for (uint32_t i = 0; i < total; i++) {
        mcmp__member one, run;

        ck_assert_int_eq(mcmp__set_member(&rd, &set, i, &one), 1);
        ck_assert_uint_eq(mcmp__set_members(&rd, &set, i, 1, &run), 1);
        ck_assert_uint_eq(run.node, one.node);
        ck_assert_uint_ge(one.status, last);
        ck_assert_uint_eq(seen[one.node]++, 0);
        last = one.status;
    }
    ck_assert_int_eq(mcmp__read_done(&rd), 1);
    ck_assert_uint_eq(rd.damaged, 0);
}

START_TEST(a_group_grows_and_shrinks_through_every_level)
{
    uint32_t nodes = (uint32_t)as_often(NODES, 70);
    fixture f;
    mcmp__tx tx;

    fixture_open(&f, nodes, nodes);
    for (uint32_t n = 0; n < nodes; n++) {
        begin(&f, &tx);
        serve(&tx, add(&f, &tx, n, n % 5 == 0 ? "five" : ""), "/app", 1 + n % 3);
        mcmp__tx_commit(&tx);
        if (n < 150 || n % 64 == 0)
            check_group(&f, n + 1);
    }
    ck_assert_int_eq(mcmp_cluster_check(f.cluster, NULL, NULL), MCMP_OK);
    for (uint32_t k = 0; k < nodes; k++) {
        uint32_t n = k * 269 % nodes; /* in another order */
        char route[40];

        f.now += 60 * MCMP_SEC;
        begin(&f, &tx);
        mcmp__node_remove(&tx, mcmp__node_by_route(&tx.rd, numbered(route, "n", n)), 0);
        mcmp__tx_commit(&tx);
        if (nodes - k < 150 || k % 64 == 0) {
            ck_assert_int_eq(mcmp_cluster_check(f.cluster, NULL, NULL), MCMP_OK);
            check_group(&f, nodes - k - 1);
        }
    }
    fixture_close(&f);
}
END_TEST

#define HOLDERS 14 /* of one context: more than those that are found without an index, and fewer */
#define HELD_ALIASES 3

static const char *const alias_names[HELD_ALIASES] = { "localhost", "a.org", "b.org" };

/* Adds or removes the pair of the node's n-th alias. */
static void toggle(mcmp__tx *tx, uint32_t node, uint32_t n, uint32_t *status, uint32_t next)
{
    uint32_t alias = mcmp__alias_find(&tx->rd, node, span_of(alias_names[n]));
    uint32_t pair = mcmp__pair_find(&tx->rd, alias, span_of("/app"));

    ck_assert_uint_eq(mcmp__pair_status(&tx->rd, pair), *status);
    if (pair != 0 && next % 3 != 0) {
        mcmp__pair_remove(tx, pair);
        *status = 0;
        return;
    }
    *status = 1 + next % 3;
    if (pair != 0) {
        mcmp__pair_set_status(tx, pair, *status);
        return;
    }
    if (alias == 0)
        ck_assert_int_eq(mcmp__alias_add(tx, node, span_of(alias_names[n]), n + 1, &alias, NULL),
                         MCMP_OK);
    ck_assert_int_eq(mcmp__pair_add(tx, alias, span_of("/app"), *status, &pair, NULL), MCMP_OK);
}

/* 1: the seats of the only place are in the index. */
static uint32_t compare_holders(fixture *f, uint32_t status[HOLDERS][HELD_ALIASES])
{
    uint32_t indexed;
    mcmp__read rd;

    mcmp__read_init(&rd, f->cluster);
    mcmp__read_begin(&rd);
    for (uint32_t i = 0; i < HOLDERS; i++) {
        char route[40];
        uint32_t node = mcmp__node_by_route(&rd, numbered(route, "n", i));
        uint32_t any = 0;

        for (uint32_t n = 0; n < HELD_ALIASES; n++) {
            uint32_t alias = mcmp__alias_find(&rd, node, span_of(alias_names[n]));
            uint32_t pair = mcmp__pair_find(&rd, alias, span_of("/app"));

            ck_assert_uint_eq(mcmp__pair_status(&rd, pair), status[i][n]);
            any |= status[i][n];
        }
        ck_assert_int_eq(mcmp__context_seat(&rd, node, span_of("/app")) != 0, any != 0);
    }
    indexed = mcmp__hi(mcmp__row_get(&rd, MCMP__T_PLACE, 1, MCMP__L_SEATS));
    ck_assert_int_eq(mcmp__read_done(&rd), 1);
    ck_assert_uint_eq(rd.damaged, 0);
    return indexed;
}

START_TEST(seats_and_pairs_are_found_with_and_without_their_index)
{
    uint32_t status[HOLDERS][HELD_ALIASES] = { 0 };
    uint32_t steps = (uint32_t)as_often(3000, 200);
    uint32_t indexed = 0, turns = 0;
    uint64_t random = 1;
    mcmp_error err;
    mcmp__tx tx;
    fixture f;

    mcmp_error_init(&err);

    fixture_open(&f, HOLDERS, HOLDERS * HELD_ALIASES);
    for (uint32_t i = 0; i < HOLDERS; i++) {
        begin(&f, &tx);
        add(&f, &tx, i, i % 4 == 0 ? "four" : "");
        mcmp__tx_commit(&tx);
    }
    for (uint32_t step = 0; step < steps; step++) {
        /* the number of holders swings between few and all */
        uint32_t holders = 1 + (step / 50 % 2 == 0 ? step / 3 % 50 : 50 - step / 3 % 50) / 4;
        uint32_t i, n, next;
        char route[40];

        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        i = (uint32_t)(random >> 33) % HOLDERS;
        n = (uint32_t)(random >> 40) % HELD_ALIASES;
        next = i < holders ? 3 * ((uint32_t)(random >> 50) % 7) + (step + i) % 3
                           : 1 + (uint32_t)(random >> 50) % 2; /* these mostly go */
        if (i >= holders && status[i][n] == 0)
            continue;
        begin(&f, &tx);
        toggle(&tx, mcmp__node_by_route(&tx.rd, numbered(route, "n", i)), n, &status[i][n], next);
        mcmp__tx_commit(&tx);
        ck_assert_msg(mcmp_cluster_check(f.cluster, NULL, &err) == MCMP_OK, "%s", err.message);
        turns += indexed != compare_holders(&f, status);
        indexed = compare_holders(&f, status);
    }
    ck_assert_uint_gt(turns, steps / 300);
    fixture_close(&f);
}
END_TEST

START_TEST(the_lowest_free_number_is_found_beyond_sixty_four)
{
    uint32_t node, alias;
    char name[40];
    fixture f;
    mcmp__tx tx;

    fixture_open(&f, 4, 200);
    begin(&f, &tx);
    node = add(&f, &tx, 1, "");
    for (uint32_t n = 1; n <= 150; n++) {
        ck_assert_uint_eq(mcmp__vhost_free(&tx.rd, node), n);
        ck_assert_int_eq(mcmp__alias_add(&tx, node, numbered(name, "a", n), n, &alias, NULL),
                         MCMP_OK);
    }
    static const uint32_t holes[] = { 120, 70, 64, 3 };
    for (size_t i = 0; i < COUNT_OF(holes); i++) {
        ck_assert_int_eq(mcmp__vhost_settle(&tx, node, holes[i]), 1);
        ck_assert_uint_eq(mcmp__vhost_free(&tx.rd, node), holes[i]);
        ck_assert_uint_eq(mcmp__alias_find(&tx.rd, node, numbered(name, "a", holes[i])), 0);
    }
    mcmp__tx_commit(&tx);
    fixture_close(&f);
}
END_TEST

START_TEST(leaving_rows_have_their_stages_and_never_take_capacity)
{
    fixture f;
    mcmp__tx tx;
    char route[40];

    fixture_open(&f, 3, 16);
    for (uint32_t n = 0; n < 20; n++) {
        begin(&f, &tx);
        serve(&tx, add(&f, &tx, n, ""), "/app", 1);
        mcmp__tx_commit(&tx);
        if (n < 2)
            continue;
        begin(&f, &tx);
        mcmp__node_remove(&tx, mcmp__node_by_route(&tx.rd, numbered(route, "n", n - 2)), 0);
        mcmp__tx_commit(&tx);
        begin(&f, &tx);
        ck_assert_uint_ne(mcmp__row_by_route(&tx.rd, numbered(route, "n", n - 2)), 0);
        ck_assert_uint_eq(mcmp__node_by_route(&tx.rd, numbered(route, "n", n - 2)), 0);
        ck_assert_uint_eq(mcmp__node_count(&tx.rd), 2);
        mcmp__tx_abort(&tx);
    }
    ck_assert_int_eq(mcmp__leaving_stage(f.cluster, 0, 10 * MCMP_SEC - 1), MCMP_NODE_LEAVING);
    ck_assert_int_eq(mcmp__leaving_stage(f.cluster, 0, 10 * MCMP_SEC), MCMP_NODE_REMOVED);
    ck_assert_int_eq(mcmp__leaving_stage(f.cluster, 0, 20 * MCMP_SEC - 1), MCMP_NODE_REMOVED);
    ck_assert_int_eq(mcmp__leaving_stage(f.cluster, 0, 20 * MCMP_SEC), -1);
    fixture_close(&f);
}
END_TEST

static uint32_t recall(fixture *f, const char *route)
{
    uint32_t domain;
    mcmp__read rd;

    mcmp__read_init(&rd, f->cluster);
    mcmp__read_begin(&rd);
    domain = mcmp__domain_recall(&rd, span_of(route), f->now);
    ck_assert_int_eq(mcmp__read_done(&rd), 1);
    return domain;
}

START_TEST(a_removed_nodes_domain_is_remembered_for_its_time)
{
    fixture f;
    mcmp__tx tx;

    fixture_open(&f, 4, 8);
    begin(&f, &tx);
    add(&f, &tx, 1, "east");
    mcmp__tx_commit(&tx);
    ck_assert_uint_eq(recall(&f, "n1"), 0);
    begin(&f, &tx);
    mcmp__node_remove(&tx, mcmp__node_by_route(&tx.rd, span_of("n1")), 0);
    mcmp__tx_commit(&tx);
    ck_assert_uint_ne(recall(&f, "n1"), 0);
    f.now += 300 * MCMP_SEC;
    ck_assert_uint_ne(recall(&f, "n1"), 0);
    f.now += 1;
    ck_assert_uint_eq(recall(&f, "n1"), 0);
    begin(&f, &tx);
    add(&f, &tx, 1, "");
    mcmp__tx_commit(&tx);
    f.now -= 1;
    ck_assert_uint_eq(recall(&f, "n1"), 0); /* configured again: nothing to remember */
    fixture_close(&f);
}
END_TEST

START_TEST(handles_of_removed_and_replaced_nodes_are_stale_and_reported)
{
    mcmp__node_data node = { .host = TEXT("other"), .port = 81 };
    mcmp_handle first, second, gone;
    uint64_t cursor;
    mcmp__node info;
    uint32_t row, before, after;
    fixture f;
    mcmp__tx tx;

    fixture_open(&f, 4, 8);
    begin(&f, &tx);
    cursor = mcmp__gone_now(&tx.rd);
    row = add(&f, &tx, 1, "");
    mcmp__node_get(&tx.rd, row, &info);
    first = info.handle;
    mcmp__tx_commit(&tx);
    ck_assert_int_eq(mcmp_node_is_current(f.cluster, first), 1);
    ck_assert_int_eq(
        mcmp__live_event(f.cluster, first, MCMP__HEALTH_FORWARD_FAILED, 0, f.now, &before, &after),
        0);
    ck_assert_uint_ne(after & MCMP__HEALTH_ERROR, 0);
    begin(&f, &tx);
    node.route = span_of("n1");
    mcmp__node_replace(&tx, row, &node, mcmp__node_balancer(&tx.rd, row));
    mcmp__node_get(&tx.rd, row, &info);
    second = info.handle;
    mcmp__tx_commit(&tx);
    ck_assert_uint_ne(first, second);
    ck_assert_int_eq(mcmp_node_is_current(f.cluster, first), 0);
    ck_assert_int_eq(mcmp_node_is_current(f.cluster, second), 1);
    ck_assert_int_eq(
        mcmp__live_event(f.cluster, first, MCMP__HEALTH_PROBE_FAILED, 0, f.now, NULL, NULL), -1);
    ck_assert_int_eq(
        mcmp__live_event(f.cluster, second, MCMP__HEALTH_STATUS, 0, f.now, &before, NULL), 0);
    ck_assert_uint_eq(before & MCMP__HEALTH_ERROR, 0); /* a new endpoint has no error */
    ck_assert_int_eq(mcmp__node_expire(f.cluster, first, f.now, NULL), MCMP_ERR_STALE);
    ck_assert_int_eq(mcmp__node_expire(f.cluster, second, f.now, NULL), MCMP_OK);
    begin(&f, &tx);
    ck_assert_int_eq(mcmp__gone_next(&tx.rd, &cursor, &gone), 1);
    ck_assert_uint_eq(gone, first);
    ck_assert_int_eq(mcmp__gone_next(&tx.rd, &cursor, &gone), 1);
    ck_assert_uint_eq(gone, second);
    ck_assert_int_eq(mcmp__gone_next(&tx.rd, &cursor, &gone), 0);
    mcmp__tx_abort(&tx);
    fixture_close(&f);
}
END_TEST

/* A writer stands, with the lock, between the publication of a replaced endpoint and the renewal of
 * its health word: who serves a request does not wait for it. */
START_TEST(a_request_does_not_wait_for_a_writer_that_stands)
{
    const uint32_t serving[] = { MCMP__HEALTH_FORWARD_FAILED, MCMP__HEALTH_FRESH_DONE };
    mcmp__node_data node = { .route = TEXT("n1"), .host = TEXT("other"), .port = 81 };
    mcmp__live *live;
    mcmp_handle handle;
    uint32_t row;
    fixture f;
    mcmp__tx tx;

    fixture_open(&f, 4, 8);
    begin(&f, &tx);
    row = add(&f, &tx, 1, "");
    mcmp__tx_commit(&tx);
    begin(&f, &tx);
    mcmp__node_replace(&tx, row, &node, mcmp__node_balancer(&tx.rd, row));
    handle = mcmp__node_handle(&tx.rd, row);
    mcmp__tx_commit(&tx);
    live = mcmp__live_of(f.cluster, row);
    begin(&f, &tx);
    mcmp__word_set(&live->health, mcmp__pack(0, mcmp__handle_generation(handle) - 1));
    for (size_t i = 0; i < COUNT_OF(serving); i++)
        ck_assert_int_eq(mcmp__live_event(f.cluster, handle, serving[i], 0, f.now, NULL, NULL), -1);
    mcmp__tx_abort(&tx);
    ck_assert_int_eq(
        mcmp__live_event(f.cluster, handle, MCMP__HEALTH_FORWARD_FAILED, 0, f.now, NULL, NULL), 0);
    ck_assert_uint_eq(mcmp__hi(mcmp__word_get(&live->health)), mcmp__handle_generation(handle));
    fixture_close(&f);
}
END_TEST

START_TEST(a_message_that_changes_nothing_is_not_published)
{
    fixture f;
    mcmp__tx tx;
    uint64_t version;
    uint32_t row;

    fixture_open(&f, 4, 8);
    begin(&f, &tx);
    row = add(&f, &tx, 1, "");
    serve(&tx, row, "/app", 1);
    mcmp__tx_commit(&tx);
    version = mcmp__version(f.cluster);
    begin(&f, &tx);
    mcmp__pair_set_status(&tx, mcmp__pair_next(&tx.rd, row, 0), 1);
    mcmp__tx_commit(&tx);
    ck_assert_uint_eq(mcmp__version(f.cluster), version);
    begin(&f, &tx);
    mcmp__pair_set_status(&tx, mcmp__pair_next(&tx.rd, row, 0), 2);
    mcmp__tx_abort(&tx);
    ck_assert_uint_eq(mcmp__version(f.cluster), version);
    begin(&f, &tx);
    mcmp__pair_set_status(&tx, mcmp__pair_next(&tx.rd, row, 0), 3);
    mcmp__tx_commit(&tx);
    ck_assert_uint_eq(mcmp__version(f.cluster), version + 1);
    fixture_close(&f);
}
END_TEST

START_TEST(hosts_compare_without_case_and_ipv6_by_value)
{
    static const struct {
        const char *name, *a, *b;
        int equal;
    } rows[] = {
        { "case", "Host.Example", "hOST.eXAMPLE", 1 },
        { "other name", "host1", "host2", 0 },
        { "prefix", "host", "host1", 0 },
        { "ipv6 forms", "[::1]", "[0:0::0:1]", 1 },
        { "ipv6 case", "[FE80::A]", "[fe80:0:0::000a]", 1 },
        { "ipv6 others", "[::1]", "[::2]", 0 },
        { "ipv6 and name", "[::1]", "localhost", 0 },
        { "no ipv6 in brackets", "[host]", "[HOST]", 1 },
        { "ipv4", "127.0.0.1", "127.0.0.1", 1 },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        row_int(rows[i].name, mcmp__host_equal(span_of(rows[i].a), span_of(rows[i].b)),
                rows[i].equal);
}
END_TEST

START_TEST(names_that_count_up_spread_over_all_buckets)
{
    static const char *const rows[] = { "n", "/new", "/app/c", "node-", "10.0.0.", "a", "context" };
    enum { NAMES = 4096 };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        static uint8_t load[NAMES];
        mcmp__layout layout;
        uint32_t most = 0;

        memset(&layout, 0, sizeof(layout));
        memset(load, 0, sizeof(load));
        layout.seed = 77;
        for (uint32_t n = 0; n < NAMES; n++) {
            char name[40];
            uint32_t bucket = mcmp__hash_text(&layout, numbered(name, rows[i], n)) & (NAMES - 1);

            load[bucket]++;
            most = load[bucket] > most ? load[bucket] : most;
        }
        row_true(rows[i], most <= 9); /* a random function has 6 or 7 */
    }
}
END_TEST

static int snapshot_scenario(const mcmp_allocator *allocator, void *ctx)
{
    mcmp_cluster_options opts;
    mcmp__snapshot *snap;
    fixture f = { NULL, MCMP_SEC };
    mcmp__tx tx;
    int rc;

    (void)ctx;
    mcmp_cluster_options_init(&opts);
    opts.max_nodes = 4;
    opts.max_contexts = 8;
    opts.allocator = allocator;
    rc = mcmp_cluster_open(&f.cluster, &opts, NULL);
    if (rc != MCMP_OK)
        return rc;
    begin(&f, &tx);
    serve(&tx, add(&f, &tx, 1, "east"), "/app", 2);
    mcmp__tx_commit(&tx);
    rc = mcmp__snapshot_new(&snap, f.cluster, 0, NULL);
    if (rc == MCMP_OK) {
        mcmp__read *rd = mcmp__snapshot_rd(snap);
        uint32_t row;

        begin(&f, &tx); /* the snapshot stays as it was */
        mcmp__node_remove(&tx, mcmp__node_by_route(&tx.rd, span_of("n1")), 0);
        mcmp__tx_commit(&tx);
        row = mcmp__node_by_route(rd, span_of("n1"));
        ck_assert_uint_ne(row, 0);
        row_text("snapshot", mcmp__snapshot_text(snap, MCMP__NODE_HOST, row), "10.0.0.1");
        ck_assert_uint_ne(mcmp__pair_next(rd, row, 0), 0);
        ck_assert_uint_eq(mcmp__running_node(rd, row), 0);
        ck_assert_uint_ne(mcmp__word_get(&mcmp__snapshot_live(snap, row)->registered_at), 0);
        ck_assert_uint_eq(rd->torn, 0);
        mcmp__snapshot_free(snap);
    }
    mcmp_cluster_close(f.cluster);
    return rc;
}

START_TEST(a_snapshot_keeps_its_state_and_survives_without_memory)
{
    run_with_oom("snapshot", snapshot_scenario, NULL);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {
        a_group_grows_and_shrinks_through_every_level,
        seats_and_pairs_are_found_with_and_without_their_index,
        the_lowest_free_number_is_found_beyond_sixty_four,
        leaving_rows_have_their_stages_and_never_take_capacity,
        a_removed_nodes_domain_is_remembered_for_its_time,
        handles_of_removed_and_replaced_nodes_are_stale_and_reported,
        a_request_does_not_wait_for_a_writer_that_stands,
        a_message_that_changes_nothing_is_not_published,
        hosts_compare_without_case_and_ipv6_by_value,
        names_that_count_up_spread_over_all_buckets,
        a_snapshot_keeps_its_state_and_survives_without_memory,
    };

    return run_tests("model store", tests, COUNT_OF(tests));
}
