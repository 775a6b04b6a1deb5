/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring of changes from inside: positions and numbers that wrap, writers that died at each point
 * of their work, aborted messages, and a ring with foreign bytes in it.
 */
#include "watch.h"

#include "base/health.h"
#include "model/change.h"
#include "model/tx.h"

static void open_small(station *s, uint64_t ring)
{
    mcmp_cluster_options opts;

    mcmp_cluster_options_init(&opts);
    opts.max_nodes = 8;
    opts.max_aliases = 32;
    opts.max_contexts = 128;
    opts.change_ring = ring;
    station_open(s, &opts);
}

static void check(station *s)
{
    mcmp_error err;

    mcmp_error_init(&err);
    ck_assert_msg(mcmp_cluster_check(s->cluster, NULL, &err) == MCMP_OK, "%s", err.message);
}

/* A ring that has seen so many words and changes already. */
static void age(station *s, uint64_t words, uint64_t changes)
{
    mcmp__word *region = s->cluster->region;

    for (int i = 0; i < 2; i++) {
        mcmp__word_set(region + s->cluster->layout.copy_base[i] + MCMP__H_CHANGES, words);
        mcmp__word_set(region + s->cluster->layout.copy_base[i] + MCMP__H_SEQUENCE, changes);
    }
    mcmp__word_set(mcmp__change_control(s->cluster) + MCMP__C_FROM, words);
}

static void write_some(station *s, uint64_t *seed)
{
    static const char *const lines[] = { "STOP-APP /", "REMOVE-APP /", "ENABLE-APP /" };
    char body[200];
    uint32_t n = test_random(seed) % 40;

    (void)snprintf(body, sizeof(body), "JVMRoute=n1&Alias=a&Context=/%.*s", (int)n,
                   "0123456789012345678901234567890123456789");
    ck_assert_int_eq(say(s, lines[test_random(seed) % COUNT_OF(lines)], body), MCMP_OK);
}

START_TEST(test_positions_and_numbers_wrap)
{
    static const uint64_t starts[] = { UINT64_MAX, UINT64_MAX - 511,  UINT64_MAX - 1000,
                                       UINT32_MAX, UINT32_MAX - 1000, (UINT64_C(1) << 63) - 700 };

    for (size_t k = 0; k < COUNT_OF(starts); k++) {
        uint64_t last = starts[k] - 20; /* numbers wrap a little later than positions */
        uint64_t seed = k + 1;
        mcmp_observer *fast, *slow;
        uint64_t slow_last = last;
        mcmp_change change;
        station s;

        open_small(&s, 4096);
        age(&s, starts[k], last);
        fast = watch_from(s.cluster, MCMP_OBSERVE_NOW, 0);
        slow = watch_from(s.cluster, MCMP_OBSERVE_AFTER, last);
        ck_assert_int_eq(say(&s, "CONFIG /", ONE), MCMP_OK);
        for (int i = 0; i < as_often(300, 80); i++) {
            write_some(&s, &seed);
            while (watch_next(fast, &change) == MCMP_OK) {
                ck_assert_uint_eq(change.sequence, ++last);
                ck_assert_uint_eq(change.missed, 0);
                row_text("route", change.route, "n1");
            }
            if (i % 37 != 0)
                continue;
            while (watch_next(slow, &change) == MCMP_OK) {
                ck_assert_uint_eq(change.sequence, slow_last + 1 + change.missed);
                slow_last = change.sequence;
            }
            ck_assert_uint_eq(slow_last, last);
            check(&s);
        }
        mcmp_observer_free(fast);
        fast = watch_from(s.cluster, MCMP_OBSERVE_OLDEST, 0);
        ck_assert_int_eq(watch_next(fast, &change), MCMP_OK);
        ck_assert_uint_le(last - change.sequence, 4096 / 56);
        mcmp_observer_free(fast);
        mcmp_observer_free(slow);
        station_close(&s);
    }
}
END_TEST

START_TEST(test_an_aborted_message_leaves_nothing)
{
    mcmp_observer *observer;
    mcmp_change change;
    station s;

    open_small(&s, 4096);
    ck_assert_int_eq(say(&s, "CONFIG /", ONE), MCMP_OK);
    observer = watch_from(s.cluster, MCMP_OBSERVE_NOW, 0);
    for (int i = 0; i < 200; i++) { /* more than the ring holds */
        mcmp__tx tx;

        ck_assert_int_eq(mcmp__tx_begin(&tx, s.cluster, s.now, NULL), MCMP_OK);
        mcmp__change_event(&tx, MCMP_CHANGE_LOADED, 0, "loaded");
        mcmp__tx_abort(&tx);
        ck_assert_int_eq(watch_next(observer, &change), MCMP_DONE);
    }
    check(&s);
    ck_assert_int_eq(say(&s, "STATUS /", "JVMRoute=n1"), MCMP_OK);
    ck_assert_int_eq(watch_next(observer, &change), MCMP_OK);
    ck_assert_uint_eq(change.sequence, 2);
    row_text("bytes", span_of(watch_short(change.bytes)), "STATUS / JVMRoute=n1");
    mcmp_observer_free(observer);
    station_close(&s);
}
END_TEST

/* What a writer of a STATUS had done when it died. */
enum { ANNOUNCED, SWAPPED, WRITTEN, COMMITTED, DEATHS };

static void die_in_status(station *s, int point)
{
    mcmp__word *control = mcmp__change_control(s->cluster);
    uint32_t before, after;
    mcmp_handle node;
    uint64_t sequence;
    mcmp__tx tx;

    ck_assert_int_eq(mcmp__tx_begin(&tx, s->cluster, 777, NULL), MCMP_OK);
    node = mcmp__node_handle(&tx.rd, mcmp__node_by_route(&tx.rd, span_of("n1")));
    sequence = mcmp__head_get(&tx.rd, MCMP__H_SEQUENCE);
    mcmp__tx_abort(&tx);
    if (point == COMMITTED)
        ck_assert_int_eq(mcmp__change_live(s->cluster, node, MCMP__HEALTH_STATUS_LOAD, 60, 777, 1,
                                           &before, &after),
                         0);
    mcmp__word_set(control + MCMP__C_BEFORE,
                   mcmp__pack((uint32_t)mcmp__word_get(
                                  &mcmp__live_of(s->cluster, mcmp__handle_index(node))->health),
                              MCMP__HEALTH_STATUS_LOAD));
    mcmp__word_set(control + MCMP__C_MESSAGE, 1);
    mcmp__word_set(control + MCMP__C_SEQUENCE, sequence);
    mcmp__word_set(control + MCMP__C_TIME, 777);
    if (point == SWAPPED || point == WRITTEN)
        ck_assert_int_eq(mcmp__live_swap(s->cluster, node, MCMP__HEALTH_STATUS_LOAD, 60, 777, 1,
                                         &before, &after),
                         0);
    if (point == WRITTEN) {
        ck_assert_int_eq(mcmp__tx_begin(&tx, s->cluster, 777, NULL), MCMP_OK);
        mcmp__change_event(&tx, MCMP_CHANGE_LOADED, 0, "a part of something");
        mcmp__tx_abort(&tx);
    }
    mcmp__word_set(control + MCMP__C_HANDLE, node);
}

START_TEST(test_a_status_whose_writer_died_is_finished_or_never_was)
{
    static const seen none[] = { { MCMP_CHANGE_MESSAGE, "n2", "", NULL } };
    static const seen both[] = {
        { MCMP_CHANGE_MESSAGE, "n1", "", "STATUS / JVMRoute=n1&Load=60" },
        { MCMP_CHANGE_HEALTH, "n1", "status, was unproven, is active", "" },
        { MCMP_CHANGE_MESSAGE, "n2", "", NULL },
    };

    for (int point = 0; point < DEATHS; point++) {
        mcmp_observer *observer;
        mcmp_change change;
        station s;

        open_small(&s, 4096);
        ck_assert_int_eq(say(&s, "CONFIG /", ONE), MCMP_OK);
        observer = watch_from(s.cluster, MCMP_OBSERVE_NOW, 0);
        die_in_status(&s, point);
        if (point != COMMITTED)
            ck_assert_int_eq(watch_next(observer, &change), MCMP_DONE);
        ck_assert_int_eq(say(&s, "CONFIG /", "JVMRoute=n2&Port=1"), MCMP_OK);
        if (point == ANNOUNCED)
            WATCH("announced", observer, none);
        else
            WATCH("swapped", observer, both);
        check(&s);
        ck_assert_int_eq(info_has(&s, "Load: 60"), point != ANNOUNCED);
        mcmp_observer_free(observer);
        station_close(&s);
    }
}
END_TEST

/* The finished one keeps its own time, and a message that is refused does not take it back. */
START_TEST(test_what_was_finished_outlives_a_refusal)
{
    mcmp_observer *observer;
    mcmp_change change;
    station s;

    open_small(&s, 4096);
    ck_assert_int_eq(say(&s, "CONFIG /", ONE), MCMP_OK);
    observer = watch_from(s.cluster, MCMP_OBSERVE_NOW, 0);
    die_in_status(&s, SWAPPED);
    ck_assert_int_eq(say(&s, "CONFIG /", "JVMRoute=n2&Host=10.0.0.1&Port=8009"), MCMP_ERR_CONFLICT);
    ck_assert_int_eq(watch_next(observer, &change), MCMP_OK);
    ck_assert_int_eq(change.time, 777);
    ck_assert_int_eq(watch_next(observer, &change), MCMP_OK);
    ck_assert_int_eq(watch_next(observer, &change), MCMP_DONE);
    mcmp_observer_free(observer);
    station_close(&s);
}
END_TEST

/* A node that was removed and came back meanwhile has nothing to do with it. */
START_TEST(test_an_announcement_for_a_gone_node_is_dropped)
{
    mcmp_observer *observer;
    mcmp_change change;
    station s;

    open_small(&s, 4096);
    ck_assert_int_eq(say(&s, "CONFIG /", ONE), MCMP_OK);
    die_in_status(&s, ANNOUNCED);
    mcmp__word_set(mcmp__change_control(s.cluster) + MCMP__C_HANDLE, 0x7700000099);
    observer = watch_from(s.cluster, MCMP_OBSERVE_NOW, 0);
    ck_assert_int_eq(say(&s, "CONFIG /", ONE), MCMP_OK);
    ck_assert_int_eq(watch_next(observer, &change), MCMP_DONE);
    ck_assert_uint_eq(mcmp__word_get(mcmp__change_control(s.cluster) + MCMP__C_HANDLE), 0);
    mcmp_observer_free(observer);
    station_close(&s);
}
END_TEST

/* Foreign bytes anywhere in the ring: an error or some change, never a wrong address, and writers
 * go on. */
START_TEST(test_a_damaged_ring_is_not_followed)
{
    uint64_t seed = 99;
    int rounds = (int)as_often(200, 10);
    size_t damaged = 0;
    size_t reported = 0;

    for (int i = 0; i < rounds; i++) {
        uint64_t words_seed = (uint64_t)i + 1;
        mcmp_observer *observer;
        mcmp__word *control;
        mcmp_change change;
        mcmp_error err;
        station s;
        int rc;

        open_small(&s, 4096);
        ck_assert_int_eq(say(&s, "CONFIG /", ONE), MCMP_OK);
        for (int k = 0; k < 12; k++)
            write_some(&s, &words_seed);
        control = mcmp__change_control(s.cluster);
        for (int k = 0; k < 1 + i % 4; k++) {
            uint32_t at = i % 5 == 0 ? MCMP__C_FROM : MCMP__C_WORDS + test_random(&seed) % 200;
            uint64_t value = test_random(&seed) % 3 == 0
                                 ? (uint64_t)test_random(&seed) << 32 | test_random(&seed)
                                 : test_random(&seed) % 600;

            mcmp__word_set(control + at, value);
        }
        observer = watch_from(s.cluster, MCMP_OBSERVE_OLDEST, 0);
        mcmp_error_init(&err);
        reported += mcmp_cluster_check(s.cluster, NULL, &err) == MCMP_ERR_DAMAGED;
        for (int k = 0; k < 300; k++) {
            mcmp_change_init(&change);
            rc = mcmp_observer_next(observer, &change, &err);
            if (rc != MCMP_OK)
                break;
            for (size_t b = 0; b < change.bytes.len; b++) /* all of it is there */
                damaged += change.bytes.ptr[b] == '\x01';
        }
        damaged += rc == MCMP_ERR_DAMAGED;
        ck_assert(rc == MCMP_ERR_DAMAGED || rc == MCMP_DONE || rc == MCMP_ERR_OVERTAKEN ||
                  rc == MCMP_OK);
        for (int k = 0; k < 100; k++) /* overwrites the whole ring */
            write_some(&s, &words_seed);
        ck_assert_int_eq(mcmp_cluster_check(s.cluster, NULL, &err), MCMP_OK);
        mcmp_observer_free(observer);
        station_close(&s);
    }
    ck_assert_uint_gt(damaged, (size_t)rounds / 20);
    ck_assert_uint_gt(reported, (size_t)rounds / 20);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_positions_and_numbers_wrap,
        test_an_aborted_message_leaves_nothing,
        test_a_status_whose_writer_died_is_finished_or_never_was,
        test_what_was_finished_outlives_a_refusal,
        test_an_announcement_for_a_gone_node_is_dropped,
        test_a_damaged_ring_is_not_followed,
    };

    return run_tests("observer: ring", tests, COUNT_OF(tests));
}
