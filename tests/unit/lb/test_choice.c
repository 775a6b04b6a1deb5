/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What policies promise over many choices: shares, joining, slow start, large groups, hashing. All
 * through the public API, on a simulated clock.
 */
#include "farm.h"

#define PICKS 100000u

static mcmp_query query_of(const char *path)
{
    mcmp_query query;

    mcmp_query_init(&query);
    query.path = span_of(path);
    return query;
}

/* Nodes n1 .. of these loads, all with /app. */
static void open_loads(farm *f, const mcmp_cluster_options *opts, const int *loads, size_t count)
{
    farm_open(f, opts);
    for (size_t i = 0; i < count; i++)
        farm_sayf(f, JOIN("n%zu", FREE) ON("n%zu", "/app") "STATUS JVMRoute=n%zu&Load=%d|", i + 1,
                  i + 1, i + 1, i + 1, loads[i]);
}

static void check_shares(const char *name, const uint32_t *picked, const int *loads, size_t count,
                         uint32_t total)
{
    int sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += loads[i];
    for (size_t i = 0; i < count; i++) {
        double ideal = (double)total * loads[i] / sum;

        ck_assert_msg(picked[i + 1] >= ideal * 0.98 && picked[i + 1] <= ideal * 1.02,
                      "%s: n%zu was picked %u times, not %.0f", name, i + 1, picked[i + 1], ideal);
    }
}

static int better_by_score(void *ctx, const mcmp_candidate *a, const mcmp_candidate *b)
{
    ++*(uint64_t *)ctx;
    return b->score < a->score;
}

START_TEST(test_choice_gives_each_load_its_share)
{
    static const struct {
        const char *name;
        uint32_t policy;
        int loads[3];
    } rows[] = {
        { "lbfactor", MCMP_POLICY_LBFACTOR, { 100, 50, 25 } },
        { "lbfactor, the lowest first", MCMP_POLICY_LBFACTOR, { 1, 10, 99 } },
        { "busyness", MCMP_POLICY_BUSYNESS, { 100, 50, 25 } },
        { "two choices of equals", MCMP_POLICY_TWO_CHOICES, { 70, 70, 70 } },
        { "custom", MCMP_POLICY_CUSTOM, { 100, 50, 25 } },
    };

    for (size_t r = 0; r < COUNT_OF(rows); r++) {
        uint32_t picks = (uint32_t)as_often(PICKS, PICKS / 5);
        uint32_t picked[4] = { 0 };
        mcmp_query query = query_of("/app/x");
        mcmp_cluster_options opts;
        uint64_t asked = 0;
        farm f;

        farm_options(&opts);
        opts.policy = rows[r].policy;
        opts.better = better_by_score;
        opts.better_ctx = &asked;
        open_loads(&f, &opts, rows[r].loads, 3);
        for (uint32_t i = 0; i < picks; i++) {
            f.now += MCMP_MSEC / 2;
            picked[farm_pick(&f, &query)]++;
        }
        row_int(rows[r].name, picked[0], 0);
        check_shares(rows[r].name, picked, rows[r].loads, 3, picks);
        row_int(rows[r].name, asked > 0, rows[r].policy == MCMP_POLICY_CUSTOM);
        farm_close(&f);
    }
}
END_TEST

START_TEST(test_choice_spreads_what_is_in_flight_by_load)
{
    static const int loads[3] = { 100, 50, 25 };
    static mcmp_selection held[1750];
    uint32_t picked[4] = { 0 };
    mcmp_query query = query_of("/app");
    mcmp_cluster_options opts;
    farm f;

    farm_options(&opts);
    opts.policy = MCMP_POLICY_BUSYNESS;
    open_loads(&f, &opts, loads, 3);
    query.now = f.now;
    for (size_t i = 0; i < COUNT_OF(held); i++) {
        mcmp_selection_init(&held[i]);
        ck_assert_int_eq(mcmp_select_node(f.cluster, &query, &held[i], NULL), MCMP_OK);
        picked[number_of(held[i].route)]++;
    }
    check_shares("in flight", picked, loads, 3, COUNT_OF(held));
    ck_assert_uint_eq(farm_info(&f, "n1").connected, picked[1]);
    for (size_t i = 0; i < COUNT_OF(held); i++)
        ck_assert_int_eq(farm_release(&f, &held[i], MCMP_OUTCOME_OK), MCMP_OK);
    ck_assert_uint_eq(farm_info(&f, "n1").connected, 0);
    farm_close(&f);
}
END_TEST

/* In any 100 choices in a row the node may not come more than `most` times. */
static void check_windows(farm *f, uint32_t node, uint32_t choices, uint32_t most, const char *name)
{
    unsigned char ring[100] = { 0 };
    mcmp_query query = query_of("/app");
    uint32_t in_window = 0;

    for (uint32_t i = 0; i < choices; i++) {
        unsigned char hit;

        f->now += MCMP_MSEC;
        hit = farm_pick(f, &query) == node;
        in_window += hit;
        in_window -= ring[i % 100];
        ring[i % 100] = hit;
        ck_assert_msg(in_window <= most, "%s: %u of 100 choices after %u", name, in_window, i);
    }
    ck_assert_msg(in_window > 0, "%s: it was never chosen", name);
}

START_TEST(test_choice_does_not_flood_who_joins_late)
{
    static const int loads[2] = { 100, 100 };
    mcmp_query query = query_of("/app");
    mcmp_cluster_options opts;
    farm f;

    farm_options(&opts);
    open_loads(&f, &opts, loads, 2);
    for (uint32_t i = 0; i < 23456; i++) {
        f.now += MCMP_MSEC;
        farm_pick(&f, &query);
    }
    farm_script(&f, JOIN("n3", FREE) ON("n3", "/app") LOAD("n3", "100"));
    check_windows(&f, 3, 20000, 66, "STATUS last");
    farm_script(&f, JOIN("n4", FREE) LOAD("n4", "100") ON("n4", "/app"));
    check_windows(&f, 4, 20000, 50, "ENABLE-APP last");
    farm_script(&f, JOIN("n5", FREE) ON("n5", "/app") LOAD("n5", "25"));
    check_windows(&f, 5, 20000, 2 * 25 * 100 / 425 + 1, "a small one");
    farm_script(&f, FAIL("n1"));
    for (uint32_t i = 0; i < 12345; i++) {
        f.now += MCMP_MSEC;
        ck_assert_uint_ne(farm_pick(&f, &query), 1);
    }
    farm_script(&f, LOAD("n1", "100"));
    check_windows(&f, 1, 20000, 2 * 100 * 100 / 425, "back from error");
    farm_script(&f, LOAD("n2", "0"));
    for (uint32_t i = 0; i < 12345; i++) {
        f.now += MCMP_MSEC;
        ck_assert_uint_ne(farm_pick(&f, &query), 2);
    }
    farm_script(&f, LOAD("n2", "100"));
    check_windows(&f, 2, 20000, 2 * 100 * 100 / 425, "back from standby");
    farm_close(&f);
}
END_TEST

START_TEST(test_choice_counts_sticky_picks_and_carries_them_over)
{
    static const int loads[2] = { 100, 100 };
    mcmp_query plain = query_of("/app");
    mcmp_query sticky = query_of("/app");
    farm f;
    mcmp_cluster_options opts;

    sticky.session = span_of("x.n1");
    farm_options(&opts);
    open_loads(&f, &opts, loads, 2);
    ck_assert_uint_eq(farm_pick(&f, &plain), 1); /* a tie: the lower id */
    ck_assert_uint_eq(farm_pick(&f, &plain), 2);
    for (int i = 0; i < 10; i++)
        ck_assert_uint_eq(farm_pick(&f, &sticky), 1);
    for (int i = 0; i < 3; i++)
        ck_assert_uint_eq(farm_pick(&f, &plain), 2);
    f.now += 5 * MCMP_SEC; /* the carries are 110 and 40 */
    for (int i = 0; i < 7; i++)
        ck_assert_uint_eq(farm_pick(&f, &plain), 2);
    ck_assert_uint_eq(farm_pick(&f, &plain), 1);
    ck_assert_uint_eq(farm_pick(&f, &plain), 2);
    ck_assert_uint_eq(farm_info(&f, "n1").elected, 12);
    ck_assert_uint_eq(farm_info(&f, "n2").elected, 12);
    farm_close(&f);
}
END_TEST

/* Opens a farm of many nodes. loads repeat. */
static void open_many(farm *f, size_t count, const int *loads, size_t load_count, uint32_t flags)
{
    mcmp_cluster_options opts;

    farm_options(&opts);
    opts.max_nodes = (uint32_t)count;
    opts.max_aliases = (uint32_t)count;
    opts.max_contexts = 2 * (uint32_t)count;
    opts.flags = flags;
    farm_open(f, &opts);
    for (size_t i = 0; i < count; i++)
        farm_sayf(f, JOIN("n%zu", FREE) ON("n%zu", "/app") "STATUS JVMRoute=n%zu&Load=%d|", i + 1,
                  i + 1, i + 1, i + 1, loads[i % load_count]);
}

START_TEST(test_choice_is_fair_among_a_thousand)
{
    static const int equal[1] = { 80 };
    static const int mixed[3] = { 100, 50, 25 };
    static uint32_t picked[1001];
    uint32_t nodes = (uint32_t)as_often(1000, 100);
    uint32_t by_load[4] = { 0 };
    mcmp_query query = query_of("/app");
    farm f;

    open_many(&f, nodes, equal, 1, 0);
    for (uint32_t i = 0; i < 300 * nodes; i++) {
        f.now += MCMP_MSEC / 20;
        picked[farm_pick(&f, &query)]++;
    }
    for (uint32_t i = 1; i <= nodes; i++)
        ck_assert_msg(picked[i] >= 294 && picked[i] <= 306, "n%u: %u of 300", i, picked[i]);
    farm_close(&f);

    open_many(&f, 999, mixed, 3, 0);
    for (uint32_t i = 0; i < PICKS; i++) {
        f.now += MCMP_MSEC / 20;
        by_load[(farm_pick(&f, &query) - 1) % 3 + 1]++;
    }
    check_shares("a third of each load", by_load, mixed, 3, PICKS);
    farm_close(&f);
}
END_TEST

START_TEST(test_choice_finds_the_few_that_are_usable_among_many)
{
    static const int loads[1] = { 80 };
    mcmp_query query = query_of("/app");
    uint32_t picked[3] = { 0 };
    farm f;

    open_many(&f, 500, loads, 1, 0);
    for (int i = 1; i <= 500; i++)
        if (i != 77 && i != 301)
            farm_sayf(&f, FAIL("n%d"), i);
    for (int i = 0; i < 2000; i++) {
        uint32_t node = farm_pick(&f, &query);

        ck_assert_msg(node == 77 || node == 301, "n%u is in error", node);
        picked[node == 77]++;
    }
    ck_assert_uint_ge(picked[0], 900);
    ck_assert_uint_ge(picked[1], 900);
    farm_script(&f, FAIL("n77"));
    ck_assert_uint_eq(farm_pick(&f, &query), 301);
    farm_script(&f, LOAD("n301", "0"));
    ck_assert_uint_eq(farm_pick(&f, &query), 301);
    farm_script(&f, LOAD("n301", "-1"));
    ck_assert_uint_eq(farm_pick(&f, &query), 0);
    farm_close(&f);
}
END_TEST

START_TEST(test_choice_never_meets_what_is_disabled_or_stopped)
{
    static const int loads[1] = { 80 };
    mcmp_query query = query_of("/app");
    mcmp_query session = query_of("/app");
    farm f;

    session.session = span_of("x.n400");
    open_many(&f, 400, loads, 1, 0);
    for (int i = 1; i <= 400; i++)
        if (i % 100 != 7)
            farm_sayf(&f, i % 2 ? DISABLE("n%d", "/app") : STOP("n%d", "/app"), i);
    for (int i = 0; i < 1000; i++) {
        ck_assert_uint_eq(farm_pick(&f, &query) % 100, 7);
        ck_assert_uint_eq(farm_pick(&f, &session) % 100, 7);
    }
    for (int i = 7; i <= 400; i += 100)
        farm_sayf(&f, FAIL("n%d"), i);
    ck_assert_uint_eq(farm_pick(&f, &query), 0);
    for (int i = 0; i < 100; i++)
        ck_assert_uint_eq(farm_pick(&f, &session) % 2, 1);
    farm_close(&f);
}
END_TEST

#define SESSIONS 500

/* Where each session goes whose own node is gone. */
static void map_sessions(farm *f, uint32_t out[SESSIONS])
{
    for (int i = 0; i < SESSIONS; i++) {
        mcmp_query query = query_of("/app");
        char id[32];

        (void)snprintf(id, sizeof(id), "session%d.n99", i);
        query.session = span_of(id);
        out[i] = farm_pick(f, &query);
        ck_assert_uint_ne(out[i], 0);
    }
}

/* Sessions moved only away from `left` and to `came` (0 = nowhere). Returns how many. */
static int count_moves(const uint32_t *before, const uint32_t *after, uint32_t left, uint32_t came)
{
    int moves = 0;

    for (int i = 0; i < SESSIONS; i++) {
        if (before[i] == after[i])
            continue;
        moves++;
        ck_assert_msg(before[i] == left || after[i] == came, "session %d went from n%u to n%u", i,
                      before[i], after[i]);
    }
    return moves;
}

START_TEST(test_choice_failover_by_hash_stays_put)
{
    static const int loads[1] = { 80 };
    static uint32_t first[SESSIONS];
    static uint32_t then[SESSIONS];
    farm f;

    open_many(&f, 20, loads, 1, MCMP_CLUSTER_DETERMINISTIC);
    map_sessions(&f, first);
    map_sessions(&f, then);
    ck_assert_int_eq(count_moves(first, then, 0, 0), 0);
    farm_script(&f, FAIL("n3"));
    map_sessions(&f, then);
    ck_assert_int_gt(count_moves(first, then, 3, 0), 5);
    farm_script(&f, LOAD("n3", "10") LOAD("n4", "1") "+60000|");
    map_sessions(&f, then);
    ck_assert_int_eq(count_moves(first, then, 0, 0), 0);
    farm_script(&f, GONE("n5"));
    map_sessions(&f, then);
    ck_assert_int_gt(count_moves(first, then, 5, 0), 5);
    farm_script(&f, JOIN("n21", FREE) ON("n21", "/app") LOAD("n21", "100"));
    map_sessions(&f, first);
    ck_assert_int_gt(count_moves(then, first, 0, 21), 5);
    farm_close(&f);
}
END_TEST

START_TEST(test_choice_by_hash_takes_key_session_or_path)
{
    static const int loads[4] = { 100, 1, 50, 100 };
    uint32_t picks = (uint32_t)as_often(PICKS, PICKS / 5);
    uint32_t picked[5] = { 0 };
    mcmp_cluster_options opts;
    mcmp_query query;
    char key[32];
    farm f;

    farm_options(&opts);
    opts.policy = MCMP_POLICY_HASH;
    open_loads(&f, &opts, loads, 4);
    for (uint32_t i = 0; i < picks; i++) {
        query = query_of("/app");
        (void)snprintf(key, sizeof(key), "key%u", i);
        query.key = span_of(key);
        picked[farm_pick(&f, &query)]++;
        if (i % 1000 == 0)
            picked[0] += farm_pick(&f, &query) != farm_pick(&f, &query);
    }
    ck_assert_uint_eq(picked[0], 0);
    for (int i = 1; i <= 4; i++)
        ck_assert_msg(picked[i] > picks / 4 * 0.97 && picked[i] < picks / 4 * 1.03, "n%d: %u", i,
                      picked[i]);
    memset(picked, 0, sizeof(picked));
    for (uint32_t i = 0; i < 1000; i++) {
        mcmp_query other;

        (void)snprintf(key, sizeof(key), "/app/%u", i);
        query = query_of(key);
        picked[farm_pick(&f, &query)]++;
        other = query_of("/app");
        other.session = span_of(key); /* the same bytes as session id, without a route */
        ck_assert_uint_eq(farm_pick(&f, &other), farm_pick(&f, &query));
    }
    for (int i = 1; i <= 4; i++)
        ck_assert_uint_gt(picked[i], 150);
    farm_close(&f);
}
END_TEST

START_TEST(test_choice_starts_slowly_when_asked_to)
{
    static const int loads[2] = { 100, 100 };
    mcmp_query query = query_of("/app");
    uint32_t by_part[7] = { 0 };
    mcmp_cluster_options opts;
    farm f;

    farm_options(&opts);
    opts.slow_start = 60 * MCMP_SEC;
    open_loads(&f, &opts, loads, 2);
    f.now += 61 * MCMP_SEC;
    for (uint32_t i = 0; i < 5000; i++) {
        f.now += MCMP_MSEC;
        farm_pick(&f, &query);
    }
    farm_script(&f, JOIN("n3", FREE) ON("n3", "/app") LOAD("n3", "100"));
    for (uint32_t i = 0; i < 70000; i++) {
        f.now += MCMP_MSEC;
        by_part[i / 10000] += farm_pick(&f, &query) == 3;
    }
    for (uint32_t i = 0; i < 6; i++) { /* in the middle of part i its Load counts (2i + 1) / 12 */
        double weight = (2 * i + 1) / 12.0;
        double ideal = 10000 * weight / (2 + weight);

        ck_assert_msg(by_part[i] > ideal * 0.95 && by_part[i] < ideal * 1.05, "part %u: %u of %.0f",
                      i, by_part[i], ideal);
    }
    ck_assert_uint_ge(by_part[6], 3233);
    ck_assert_uint_le(by_part[6], 3434);
    farm_script(&f, FAIL("n1") FAIL("n2") "+61000|" LOAD("n1", "100"));
    for (uint32_t i = 0; i < 1000; i++)
        ck_assert_uint_ne(farm_pick(&f, &query), 0);
    farm_close(&f);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_choice_gives_each_load_its_share,
        test_choice_spreads_what_is_in_flight_by_load,
        test_choice_does_not_flood_who_joins_late,
        test_choice_counts_sticky_picks_and_carries_them_over,
        test_choice_is_fair_among_a_thousand,
        test_choice_finds_the_few_that_are_usable_among_many,
        test_choice_never_meets_what_is_disabled_or_stopped,
        test_choice_failover_by_hash_stays_put,
        test_choice_by_hash_takes_key_session_or_path,
        test_choice_starts_slowly_when_asked_to,
    };

    return run_tests("choice", tests, COUNT_OF(tests));
}
