/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a registration: DISABLE-APP, the wait for sessions, STOP-APP until no request runs or
 * the time is over, REMOVE-APP. A model of the proxy counts requests that end at known times, so
 * the moment at which draining ends is known too.
 */
#include "drive.h"

START_TEST(test_draining_stops_until_nothing_runs_then_removes)
{
    mcmp_handle proxy = drive_begin_one();

    drive_register();
    (void)mcmp_agent_drain(drive.agent, 0, drive.now);
    ck_assert_uint_eq(drive_state(proxy), MCMP_AGENT_STATE_DRAINING);
    drive_expect(MCMP_COMMAND_DISABLE_APP, "");
    ck_assert_int_eq(drive_wait_ms(), 2000);
    drive.now += 2 * MCMP_SEC;
    drive_expect(MCMP_COMMAND_STOP_APP,
                 "Type=STOP-APP-RSP&JvmRoute=n1&Requests=2&Alias=a&Context=/app\n");
    ck_assert_int_eq(drive_wait_ms(), 100);
    drive.now += MCMP_SEC;
    drive_expect(MCMP_COMMAND_STOP_APP,
                 "Type=STOP-APP-RSP&JvmRoute=n1&Requests=0&Alias=a&Context=/app\n");
    drive_expect(MCMP_COMMAND_REMOVE_APP, "");
    ck_assert_uint_eq(drive_state(proxy), MCMP_AGENT_STATE_DRAINING);
    drive_expect(MCMP_COMMAND_REMOVE_APP, "");
    ck_assert_int_eq(drive_next(), DRIVE_OVER);
    ck_assert_uint_eq(drive_state(proxy), MCMP_AGENT_STATE_REMOVED);
    ck_assert_uint_eq(drive.closes, 1);
    drive_end();
}
END_TEST

/* Request i of the model ends at ends[i], as the proxy sees it. */
typedef struct drain_row {
    const char *name;
    int requests;
    mcmp_time
        first; /* the first one ends so long after the drain began; the others at 10 ms each */
    int never; /* one of them never ends */
    mcmp_time ended; /* draining has ended at the earliest */
    uint32_t state;
} drain_row;

static const drain_row drains[] = {
    { "none", 0, 0, 0, 0, MCMP_AGENT_STATE_REMOVED },
    { "one", 1, 1500 * MCMP_MSEC, 0, 1500 * MCMP_MSEC, MCMP_AGENT_STATE_REMOVED },
    { "fifty", 50, 500 * MCMP_MSEC, 0, 990 * MCMP_MSEC, MCMP_AGENT_STATE_REMOVED },
    { "fifty and one that never ends", 50, 500 * MCMP_MSEC, 1, 10 * MCMP_SEC,
      MCMP_AGENT_STATE_INCOMPLETE },
};

static int still_running(const drain_row *row, mcmp_time since)
{
    int count = row->never;

    for (int i = 0; i < row->requests; i++)
        count += row->first + i * 10 * MCMP_MSEC > since;
    return count;
}

START_TEST(test_draining_ends_when_the_last_request_has_ended)
{
    for (size_t i = 0; i < COUNT_OF(drains); i++) {
        const drain_row *row = &drains[i];
        mcmp_agent_options opts;
        mcmp_handle proxy;
        mcmp_time start;
        int next;

        mcmp_agent_options_init(&opts);
        opts.drain_wait = MCMP_NEVER;
        drive_begin(&opts);
        proxy = drive_add("127.0.0.1", 1, 0);
        drive_register();
        start = drive.now;
        (void)mcmp_agent_drain(drive.agent, 0, drive.now);
        while ((next = drive_next()) != DRIVE_OVER) {
            char body[128];

            if (next == DRIVE_WAITS) {
                drive.now = drive.step.until;
                continue;
            }
            (void)snprintf(body, sizeof(body), "Type=STOP-APP-RSP&JvmRoute=n1&Requests=%d&A=b\n",
                           still_running(row, drive.now - start));
            drive_ok(next == MCMP_COMMAND_STOP_APP ? body : "");
            row_true(row->name, drive.now - start <= 11 * MCMP_SEC);
        }
        row_true(row->name, drive.now - start >= row->ended);
        row_true(row->name, drive.now - start <= row->ended + 100 * MCMP_MSEC);
        row_int(row->name, drive_state(proxy), row->state);
        drive_end();
    }
}
END_TEST

static uint64_t sessions_left;

static uint64_t count_sessions(void *ctx, mcmp_time now)
{
    (void)ctx;
    (void)now;
    return sessions_left;
}

START_TEST(test_the_wait_for_sessions_ends_with_the_last_one)
{
    mcmp_agent_options opts;

    mcmp_agent_options_init(&opts);
    opts.sessions = count_sessions;
    opts.drain_wait = 5 * MCMP_SEC;
    for (uint64_t until_none = 0; until_none < 7; until_none++) {
        mcmp_time start;

        drive_begin(&opts);
        drive_add("127.0.0.1", 1, 0);
        drive_register();
        sessions_left = 3;
        (void)mcmp_agent_drain(drive.agent, 0, drive.now);
        start = drive.now;
        drive_expect(MCMP_COMMAND_DISABLE_APP, "");
        for (;;) {
            sessions_left = (uint64_t)(drive.now - start) >= until_none * MCMP_SEC ? 0 : 3;
            if (drive_next() != DRIVE_WAITS)
                break;
            drive.now = drive.step.until;
        }
        ck_assert_int_eq(drive.now - start,
                         (until_none < 5 ? (mcmp_time)until_none : 5) * MCMP_SEC);
        drive_ok("Requests=0&x=y");
        drive_end();
    }
}
END_TEST

START_TEST(test_contexts_that_are_idle_are_not_stopped_again)
{
    static const mcmp_span contexts[] = { TEXT("/a"), TEXT("/b"), TEXT("/c") };
    mcmp_message node = drive_node();
    mcmp_agent_options opts;

    node.contexts = contexts;
    node.context_count = COUNT_OF(contexts);
    mcmp_agent_options_init(&opts);
    opts.node = &node;
    opts.drain_wait = MCMP_NEVER;
    drive_begin(&opts);
    drive_add("127.0.0.1", 1, 0);
    drive_expect(MCMP_COMMAND_INFO, "");
    drive_expect(MCMP_COMMAND_CONFIG, "");
    for (size_t i = 0; i < 3; i++)
        drive_expect(MCMP_COMMAND_ENABLE_APP, "");
    drive_expect(MCMP_COMMAND_STATUS, DRIVE_STATUS_OK);
    (void)mcmp_agent_set_context(drive.agent, contexts[0], MCMP_STATUS_DISABLED, drive.now);
    drive_expect(MCMP_COMMAND_DISABLE_APP, "");
    (void)mcmp_agent_drain(drive.agent, 0, drive.now);
    for (size_t i = 0; i < 2; i++) /* the first one is disabled already */
        drive_expect(MCMP_COMMAND_DISABLE_APP, "");
    drive_expect(MCMP_COMMAND_STOP_APP, "Requests=0&");
    drive_expect(MCMP_COMMAND_STOP_APP, "Requests=7&");
    drive_expect(MCMP_COMMAND_STOP_APP, "Requests=0&");
    drive.now += 100 * MCMP_MSEC;
    ck_assert_int_eq(drive_next(), MCMP_COMMAND_STOP_APP);
    ck_assert_str_eq(drive_body(), "JVMRoute=n1&Alias=localhost&Context=%2Fb");
    drive_ok("Requests=0&");
    for (size_t i = 0; i < 4; i++)
        drive_expect(MCMP_COMMAND_REMOVE_APP, "");
    ck_assert_int_eq(drive_next(), DRIVE_OVER);
    drive_end();
}
END_TEST

START_TEST(test_a_drain_while_an_answer_is_awaited_begins_after_it)
{
    drive_begin_one();
    drive_expect(MCMP_COMMAND_INFO, "");
    ck_assert_int_eq(drive_next(), MCMP_COMMAND_CONFIG);
    (void)mcmp_agent_drain(drive.agent, 0, drive.now);
    ck_assert_int_eq(drive_next(), DRIVE_WAITS);
    drive_ok("");
    ck_assert_int_eq(drive_wait_ms(), 2000); /* nothing was enabled yet */
    drive.now += 2 * MCMP_SEC;
    drive_expect(MCMP_COMMAND_STOP_APP, "Requests=0&");
    drive_end();
}
END_TEST

START_TEST(test_a_node_that_is_not_registered_ends_without_a_word)
{
    drive_begin_one();
    (void)mcmp_agent_drain(drive.agent, 0, drive.now);
    ck_assert_int_eq(drive_next(), DRIVE_OVER);
    drive_end();
    drive_begin_one();
    ck_assert_int_eq(drive_next(), MCMP_COMMAND_INFO); /* and what INFO says makes no difference */
    (void)mcmp_agent_drain(drive.agent, 0, drive.now);
    ck_assert_int_eq(drive_next(), DRIVE_OVER);
    ck_assert_uint_eq(drive.closes, 1);
    drive_end();
}
END_TEST

START_TEST(test_a_proxy_that_forgot_the_node_ends_the_draining)
{
    mcmp_handle proxy = drive_begin_one();

    drive_register();
    (void)mcmp_agent_drain(drive.agent, 0, drive.now);
    ck_assert_int_eq(drive_next(), MCMP_COMMAND_DISABLE_APP);
    drive_answer(500, "MEM", "");
    ck_assert_int_eq(drive_next(), DRIVE_OVER);
    ck_assert_uint_eq(drive_state(proxy), MCMP_AGENT_STATE_REMOVED);
    drive_end();
}
END_TEST

START_TEST(test_a_proxy_that_is_gone_is_tried_three_times_while_draining)
{
    mcmp_handle proxy = drive_begin_one();
    int tries = 0;
    int next;

    drive_register();
    (void)mcmp_agent_drain(drive.agent, 0, drive.now);
    while ((next = drive_next()) != DRIVE_OVER) {
        if (next == DRIVE_WAITS) {
            drive.now = drive.step.until;
            continue;
        }
        ck_assert_int_eq(next, MCMP_COMMAND_DISABLE_APP);
        drive_break("connection refused");
        tries++;
    }
    ck_assert_int_eq(tries, 4); /* the first one broke on a connection that had been idle */
    ck_assert_uint_eq(drive_state(proxy), MCMP_AGENT_STATE_INCOMPLETE);
    drive_end();
}
END_TEST

START_TEST(test_a_mute_proxy_has_the_time_that_is_left)
{
    mcmp_handle proxy = drive_begin_one();
    mcmp_time start;

    drive_register();
    start = drive.now;
    (void)mcmp_agent_drain(drive.agent, 0, drive.now);
    while (drive_next() != DRIVE_OVER)
        if (drive.step.until > drive.now)
            drive.now = drive.step.until;
    ck_assert_int_le(drive.now - start, 12 * MCMP_SEC);
    ck_assert_uint_eq(drive_state(proxy), MCMP_AGENT_STATE_INCOMPLETE);
    drive_end();
}
END_TEST

START_TEST(test_one_proxy_is_drained_and_forgotten_while_others_go_on)
{
    mcmp_handle one = drive_begin_one();
    mcmp_handle two = drive_add("127.0.0.1", 2, 0);

    for (int i = 0; i < 8; i++) {
        (void)drive_next();
        drive_ok("");
    }
    ck_assert_uint_eq(drive_state(one), MCMP_AGENT_STATE_REGISTERED);
    ck_assert_uint_eq(drive_state(two), MCMP_AGENT_STATE_REGISTERED);
    ck_assert_int_eq(mcmp_agent_drain(drive.agent, one, drive.now), MCMP_OK);
    drive_expect(MCMP_COMMAND_DISABLE_APP, "");
    drive.now += 2 * MCMP_SEC;
    drive_expect(MCMP_COMMAND_STOP_APP, "Requests=0&");
    drive_expect(MCMP_COMMAND_REMOVE_APP, "");
    drive_expect(MCMP_COMMAND_REMOVE_APP, "");
    ck_assert_int_eq(drive_next(), DRIVE_WAITS);
    ck_assert_int_eq(mcmp_agent_drain(drive.agent, one, drive.now), MCMP_ERR_STALE);
    ck_assert_uint_eq(mcmp_agent_each(drive.agent, 0), two);
    ck_assert_uint_eq(mcmp_agent_each(drive.agent, two), 0);
    drive.now += 8 * MCMP_SEC;
    drive_expect(MCMP_COMMAND_STATUS, DRIVE_STATUS_OK);
    drive_end();
}
END_TEST

START_TEST(test_an_agent_that_drains_takes_no_further_proxy)
{
    mcmp_agent_proxy proxy;

    drive_begin(NULL);
    (void)mcmp_agent_drain(drive.agent, 0, drive.now);
    mcmp_agent_proxy_init(&proxy);
    proxy.host = span_of("127.0.0.1");
    proxy.port = 1;
    ck_assert_int_eq(mcmp_agent_add(drive.agent, &proxy, drive.now, NULL, NULL), MCMP_ERR_STATE);
    ck_assert_int_eq(drive_next(), DRIVE_OVER);
    drive_end();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_draining_stops_until_nothing_runs_then_removes,
        test_draining_ends_when_the_last_request_has_ended,
        test_the_wait_for_sessions_ends_with_the_last_one,
        test_contexts_that_are_idle_are_not_stopped_again,
        test_a_drain_while_an_answer_is_awaited_begins_after_it,
        test_a_node_that_is_not_registered_ends_without_a_word,
        test_a_proxy_that_forgot_the_node_ends_the_draining,
        test_a_proxy_that_is_gone_is_tried_three_times_while_draining,
        test_a_mute_proxy_has_the_time_that_is_left,
        test_one_proxy_is_drained_and_forgotten_while_others_go_on,
        test_an_agent_that_drains_takes_no_further_proxy,
    };

    return run_tests("drain", tests, COUNT_OF(tests));
}
