/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load out of metrics: history with decay, weights, and what the system's own texts say; and the
 * verdict out of checks.
 */
#include "support.h"

#include "health.h"
#include "load.h"
#include "metrics.h"

START_TEST(test_later_values_count_more)
{
    node_history history = { .count = 0 };

    ck_assert(node_history_mean(&history, 2) == 0);
    node_history_add(&history, 0.5, 3);
    ck_assert(node_history_mean(&history, 2) == 0.5);
    node_history_add(&history, 1.0, 3); /* (1 + 0.5 / 2) / 1.5 */
    ck_assert(node_history_mean(&history, 2) > 0.833 && node_history_mean(&history, 2) < 0.834);
    ck_assert(node_history_mean(&history, 1) == 0.75);
    node_history_add(&history, 0, 3);
    node_history_add(&history, 0, 3); /* the first one has gone */
    ck_assert_uint_eq(history.count, 3);
    ck_assert(node_history_mean(&history, 2) > 0.142 && node_history_mean(&history, 2) < 0.143);
    for (int i = 0; i < 1000; i++)
        node_history_add(&history, 1, 1000);
    ck_assert_uint_eq(history.count, NODE_HISTORY_MAX);
    ck_assert(node_history_mean(&history, 2) == 1);
}
END_TEST

START_TEST(test_the_load_falls_as_shares_are_used)
{
    static const struct {
        const char *name;
        double used[2];
        uint32_t weights[2];
        int32_t load;
    } rows[] = {
        { "idle", { 0, 0 }, { 1, 1 }, 100 },
        { "a quarter", { 0.25, 0.25 }, { 1, 7 }, 75 },
        { "half of one", { 0.5, 0 }, { 1, 1 }, 75 },
        { "by weight", { 0.5, 0 }, { 3, 1 }, 62 },
        { "full", { 1, 1 }, { 1, 1 }, 1 },
        { "beyond", { 40, 1 }, { 1, 1 }, 1 },
        { "one beyond is full, not more", { 40, 0 }, { 1, 1 }, 50 },
        { "one not known", { -1, 0.4 }, { 9, 1 }, 60 },
        { "none known", { -1, -1 }, { 1, 1 }, -1 },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        row_int(rows[i].name, node_load_of(rows[i].used, rows[i].weights, 2), rows[i].load);
}
END_TEST

START_TEST(test_the_share_of_the_processors_is_between_two_reads)
{
    uint64_t state[2] = { 0, 0 };

    ck_assert(node_cpu_share("cpu  100 0 100 700 100 0 0 0 50 0\ncpu0 1 2\n", state) < 0);
    ck_assert(node_cpu_share("cpu  150 0 150 750 150 0 0 0 90 0\n", state) == 0.5);
    ck_assert(node_cpu_share("cpu  150 0 150 750 150 0 0 0 90 0\n", state) < 0); /* no time */
    ck_assert(node_cpu_share("intr 5\n", state) < 0);
    ck_assert(node_cpu_share("cpu  x\n", state) < 0);
    ck_assert(node_cpu_share("", state) < 0);
}
END_TEST

START_TEST(test_the_share_of_the_memory_is_what_is_not_available)
{
    ck_assert(node_memory_share("MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:   250 kB\n") ==
              0.75);
    ck_assert(node_memory_share("MemTotal:  1000 kB\n") < 0);
    ck_assert(node_memory_share("MemTotal: 10 kB\nMemAvailable: 11 kB\n") < 0);
    ck_assert(node_memory_share("") < 0);
}
END_TEST

START_TEST(test_a_verdict_needs_its_number_of_results_in_a_row)
{
    static const char story[] = "+ ++ -- + --- - + -+- ++"; /* results, blanks do not count */
    static const char wells[] = "+ ++ ++ + ++- - - --- -+"; /* what is thought after each */
    node_verdict verdict = { .fall = 3, .rise = 2, .is_well = -1 };

    for (size_t i = 0; story[i] != '\0'; i++) {
        int before = verdict.is_well;

        if (story[i] == ' ')
            continue;
        ck_assert_int_eq(node_verdict_add(&verdict, story[i] == '+'), before != (wells[i] == '+'));
        ck_assert_int_eq(verdict.is_well, wells[i] == '+');
    }
}
END_TEST

START_TEST(test_the_first_result_counts_at_once)
{
    node_verdict verdict = { .fall = 3, .rise = 2, .is_well = -1 };

    ck_assert_int_eq(node_verdict_add(&verdict, 0), 1);
    ck_assert_int_eq(verdict.is_well, 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_later_values_count_more,
        test_the_load_falls_as_shares_are_used,
        test_the_share_of_the_processors_is_between_two_reads,
        test_the_share_of_the_memory_is_what_is_not_available,
        test_a_verdict_needs_its_number_of_results_in_a_row,
        test_the_first_result_counts_at_once,
    };

    return run_tests("load", tests, COUNT_OF(tests));
}
