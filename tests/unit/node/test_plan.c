/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan for one balancer, driven by answers and a clock that the test turns. The requests of a
 * whole life are compared with those that the Java client was recorded sending.
 */
#include "golden.h"

#include "log.h"
#include "plan.h"

#include <libmcmp/libmcmp.h>

static node_options options;
static node_plan plan;
static mcmp_time now;

static void begin(int argc, const char *const *argv)
{
    char why[200];

    node_log_level(0);
    ck_assert_msg(node_options_parse(&options, argc, argv, why, sizeof(why)) == NODE_OPTIONS_RUN,
                  "%s", why);
    plan_init(&plan, &options, "proxy", options.backend_port, 1);
    now = MCMP_SEC;
}

static void begin_short(void)
{
    static const char *const argv[] = { "mcmp-node",   "--route",      "n1",          "--proxy",
                                        "127.0.0.1:1", "--backend",    "127.0.0.1:2", "--context",
                                        "/app",        "--drain-wait", "2s" };

    begin(COUNT_OF(argv), argv);
}

/* The command that the plan wants to send now; -1: it waits or is over. */
static int next_command(void)
{
    mcmp_message message;
    plan_lists lists;
    mcmp_time until;

    if (plan_next(&plan, now, &until) != PLAN_SEND)
        return -1;
    plan_message(&plan, &options.proxies[0], &lists, &message);
    return (int)message.command;
}

static void answer_with(uint32_t status, uint32_t wire_class, const char *body)
{
    mcmp_answer_info answer = { .struct_size = sizeof(answer), .status = status };

    answer.wire_class = wire_class;
    answer.body = span_of(body);
    answer.reason = answer.mess = answer.type = span_of("x");
    plan_answer(&plan, now, &answer);
}

static void answer_ok(const char *body)
{
    answer_with(200, MCMP_WIRE_NONE, body);
}

/* How long the plan waits, in ms; -1 when it does not. */
static int64_t wait_ms(void)
{
    mcmp_time until;

    if (plan_next(&plan, now, &until) != PLAN_WAIT || until == INT64_MAX)
        return -1;
    return (until - now) / MCMP_MSEC;
}

static void expect(int command, const char *body)
{
    ck_assert_int_eq(next_command(), command);
    answer_ok(body);
}

#define STATUS_OK "Type=STATUS-RSP&JVMRoute=n1&State=OK&id=5\n"

static void register_node(void)
{
    expect(MCMP_COMMAND_INFO, "");
    expect(MCMP_COMMAND_CONFIG, "");
    expect(MCMP_COMMAND_ENABLE_APP, "");
    expect(MCMP_COMMAND_STATUS, STATUS_OK);
}

START_TEST(test_it_registers_then_tells_its_status_at_each_interval)
{
    begin_short();
    register_node();
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(wait_ms(), 10000);
        now += 9999 * MCMP_MSEC;
        ck_assert_int_eq(next_command(), -1);
        now += MCMP_MSEC;
        expect(MCMP_COMMAND_STATUS, STATUS_OK);
    }
    plan_clear(&plan);
}
END_TEST

START_TEST(test_nothing_is_sent_while_an_answer_is_awaited)
{
    begin_short();
    ck_assert_int_eq(next_command(), MCMP_COMMAND_INFO);
    now += 3600 * MCMP_SEC;
    ck_assert_int_eq(next_command(), -1);
    ck_assert_int_eq(wait_ms(), -1);
    plan_clear(&plan);
}
END_TEST

typedef struct loss_row {
    const char *name;
    uint32_t status;
    uint32_t wire_class;
    const char *body;
    int at_once; /* registers again without delay */
    int over;
} loss_row;

static const loss_row losses[] = {
    { "unknown node", 500, MCMP_WIRE_MEM, "", 1, 0 },
    { "no type", 500, MCMP_WIRE_NONE, "", 1, 0 },
    { "denied", 403, MCMP_WIRE_GENERAL, "", 1, 0 },
    { "syntax", 500, MCMP_WIRE_SYNTAX, "", 0, 1 },
    { "other id", 200, MCMP_WIRE_NONE, "Type=STATUS-RSP&JVMRoute=n1&State=OK&id=6\n", 1, 0 },
    { "same id", 200, MCMP_WIRE_NONE, STATUS_OK, 0, 0 },
    { "no id", 200, MCMP_WIRE_NONE, "Type=STATUS-RSP&JVMRoute=n1&State=OK\n", 0, 0 },
    { "notok", 200, MCMP_WIRE_NONE, "Type=STATUS-RSP&JVMRoute=n1&State=NOTOK&id=5\n", 0, 0 },
    { "empty", 200, MCMP_WIRE_NONE, "", 0, 0 },
};

START_TEST(test_an_answer_to_status_tells_whether_the_node_was_lost)
{
    for (size_t i = 0; i < COUNT_OF(losses); i++) {
        const loss_row *row = &losses[i];

        begin_short();
        register_node();
        now += 10 * MCMP_SEC;
        row_int(row->name, next_command(), MCMP_COMMAND_STATUS);
        answer_with(row->status, row->wire_class, row->body);
        row_int(row->name, plan.end, row->over ? PLAN_END_REFUSED : 0);
        if (row->at_once)
            row_int(row->name, next_command(), MCMP_COMMAND_INFO);
        else if (!row->over)
            row_int(row->name, wait_ms(), 10000);
        plan_clear(&plan);
    }
}
END_TEST

START_TEST(test_a_second_loss_in_a_row_waits)
{
    begin_short();
    register_node();
    now += 10 * MCMP_SEC;
    for (int round = 0; round < 2; round++) {
        ck_assert_int_eq(next_command(), MCMP_COMMAND_STATUS);
        answer_with(500, MCMP_WIRE_MEM, "");
        if (round == 0) {
            expect(MCMP_COMMAND_INFO, "");
            expect(MCMP_COMMAND_CONFIG, "");
            expect(MCMP_COMMAND_ENABLE_APP, "");
        }
    }
    ck_assert_int_ge(wait_ms(), 100);
    plan_clear(&plan);
}
END_TEST

START_TEST(test_failures_back_off_up_to_the_interval)
{
    int64_t longest = 0;

    begin_short();
    for (int i = 0; i < 20; i++) {
        int64_t wait;

        ck_assert_int_eq(next_command(), MCMP_COMMAND_INFO);
        plan_failed(&plan, now, 0, "connection refused");
        wait = wait_ms();
        ck_assert_int_gt(wait, 0);
        ck_assert_int_le(wait, 10000);
        if (i == 0)
            ck_assert_int_le(wait, 400);
        longest = wait > longest ? wait : longest;
        now += (wait + 1) * MCMP_MSEC;
    }
    ck_assert_int_ge(longest, 7500);
    register_node();
    ck_assert_int_eq(wait_ms(), 10000);
    plan_clear(&plan);
}
END_TEST

#define INFO_NODE(port) \
    "Node: [3],Name: n1,Balancer: b,LBGroup: ,Host: 127.0.0.1,Port: " port ",Type: http\n"
#define INFO_APP(status)                 \
    "Vhost: [3:1:1], Alias: localhost\n" \
    "Context: [3:1:1], Context: /app, Status: " status "\n"

typedef struct return_row {
    const char *name;
    const char *info; /* after the balancer was out of reach */
    int next;         /* command */
} return_row;

static const return_row returns[] = {
    { "all is there", INFO_NODE("2") INFO_APP("ENABLED"), MCMP_COMMAND_STATUS },
    { "nothing is there", "", MCMP_COMMAND_CONFIG },
    { "no context", INFO_NODE("2"), MCMP_COMMAND_CONFIG },
    { "context is stopped", INFO_NODE("2") INFO_APP("STOPPED"), MCMP_COMMAND_CONFIG },
    { "other port", INFO_NODE("3") INFO_APP("ENABLED"), MCMP_COMMAND_CONFIG },
    { "one too many",
      INFO_NODE("2") INFO_APP("ENABLED") "Context: [3:1:1], Context: /old, Status: STOPPED\n",
      MCMP_COMMAND_REMOVE_APP },
};

START_TEST(test_a_balancer_that_kept_everything_is_told_nothing_anew)
{
    for (size_t i = 0; i < COUNT_OF(returns); i++) {
        const return_row *row = &returns[i];

        begin_short();
        register_node();
        now += 10 * MCMP_SEC;
        for (int tries = 0; tries < 3; tries++) { /* a STATUS, then INFO, find nobody */
            row_int(row->name, next_command(),
                    tries == 0 ? MCMP_COMMAND_STATUS : MCMP_COMMAND_INFO);
            plan_failed(&plan, now, 0, "connection refused");
            now += 10 * MCMP_SEC;
        }
        expect(MCMP_COMMAND_INFO, row->info);
        row_int(row->name, next_command(), row->next);
        plan_clear(&plan);
    }
}
END_TEST

START_TEST(test_a_balancer_that_came_back_with_another_id_is_told_everything)
{
    begin_short();
    register_node();
    now += 10 * MCMP_SEC;
    ck_assert_int_eq(next_command(), MCMP_COMMAND_STATUS);
    plan_failed(&plan, now, 0, "connection refused");
    now += 10 * MCMP_SEC;
    expect(MCMP_COMMAND_INFO, INFO_NODE("2") INFO_APP("ENABLED"));
    expect(MCMP_COMMAND_STATUS, "Type=STATUS-RSP&JVMRoute=n1&State=OK&id=6\n");
    expect(MCMP_COMMAND_INFO, INFO_NODE("2") INFO_APP("ENABLED"));
    ck_assert_int_eq(next_command(), MCMP_COMMAND_CONFIG);
    plan_clear(&plan);
}
END_TEST

START_TEST(test_a_lost_registration_is_no_matter_of_status)
{
    begin_short();
    expect(MCMP_COMMAND_INFO, "");
    expect(MCMP_COMMAND_CONFIG, "");
    expect(MCMP_COMMAND_ENABLE_APP, "");
    ck_assert_int_eq(next_command(), MCMP_COMMAND_STATUS); /* the first one: no id is known */
    plan_failed(&plan, now, 0, "connection reset");
    now += 10 * MCMP_SEC;
    expect(MCMP_COMMAND_INFO, INFO_NODE("2") INFO_APP("ENABLED"));
    ck_assert_int_eq(next_command(), MCMP_COMMAND_CONFIG);
    plan_clear(&plan);
}
END_TEST

START_TEST(test_draining_stops_until_nothing_runs_then_removes)
{
    begin_short();
    register_node();
    plan_drain(&plan, now);
    expect(MCMP_COMMAND_DISABLE_APP, "");
    ck_assert_int_eq(wait_ms(), 2000);
    now += 2 * MCMP_SEC;
    expect(MCMP_COMMAND_STOP_APP,
           "Type=STOP-APP-RSP&JvmRoute=n1&Requests=2&Alias=a&Context=/app\n");
    ck_assert_int_eq(wait_ms(), 500);
    now += MCMP_SEC;
    expect(MCMP_COMMAND_STOP_APP,
           "Type=STOP-APP-RSP&JvmRoute=n1&Requests=0&Alias=a&Context=/app\n");
    expect(MCMP_COMMAND_REMOVE_APP, "");
    ck_assert_int_eq(plan.end, 0);
    expect(MCMP_COMMAND_REMOVE_APP, "");
    ck_assert_int_eq(plan.end, PLAN_END_REMOVED);
    plan_clear(&plan);
}
END_TEST

START_TEST(test_draining_ends_at_its_time_limit)
{
    int rounds = 0;

    begin_short();
    register_node();
    plan_drain(&plan, now);
    expect(MCMP_COMMAND_DISABLE_APP, "");
    now += 2 * MCMP_SEC;
    while (plan.state == PLAN_STOP && rounds++ < 100) {
        expect(MCMP_COMMAND_STOP_APP, "Type=STOP-APP-RSP&Requests=1&Alias=a&Context=/app\n");
        if (plan.state == PLAN_STOP)
            now += wait_ms() * MCMP_MSEC;
    }
    ck_assert_int_eq(now, MCMP_SEC + 10 * MCMP_SEC);
    expect(MCMP_COMMAND_REMOVE_APP, "");
    expect(MCMP_COMMAND_REMOVE_APP, "");
    ck_assert_int_eq(plan.end, PLAN_END_INCOMPLETE);
    plan_clear(&plan);
}
END_TEST

START_TEST(test_a_signal_while_an_answer_is_awaited_drains_after_it)
{
    begin_short();
    expect(MCMP_COMMAND_INFO, "");
    ck_assert_int_eq(next_command(), MCMP_COMMAND_CONFIG);
    plan_drain(&plan, now);
    ck_assert_int_eq(next_command(), -1);
    answer_ok("");
    expect(MCMP_COMMAND_DISABLE_APP, "");
    plan_clear(&plan);
}
END_TEST

START_TEST(test_a_node_that_is_not_registered_ends_without_a_word)
{
    begin_short();
    plan_drain(&plan, now);
    ck_assert_int_eq(next_command(), -1);
    ck_assert_int_eq(plan.end, PLAN_END_REMOVED);
    plan_clear(&plan);
}
END_TEST

START_TEST(test_a_balancer_that_forgot_the_node_ends_the_draining)
{
    begin_short();
    register_node();
    plan_drain(&plan, now);
    ck_assert_int_eq(next_command(), MCMP_COMMAND_DISABLE_APP);
    answer_with(500, MCMP_WIRE_MEM, "");
    ck_assert_int_eq(plan.end, PLAN_END_REMOVED);
    plan_clear(&plan);
}
END_TEST

START_TEST(test_a_balancer_that_is_gone_is_tried_three_times_while_draining)
{
    int tries = 0;

    begin_short();
    register_node();
    plan_drain(&plan, now);
    while (plan.end == 0 && tries < 10) {
        ck_assert_int_eq(next_command(), MCMP_COMMAND_DISABLE_APP);
        plan_failed(&plan, now, 0, "connection refused");
        tries++;
        now += MCMP_SEC;
    }
    ck_assert_int_eq(tries, 3);
    ck_assert_int_eq(plan.end, PLAN_END_INCOMPLETE);
    plan_clear(&plan);
}
END_TEST

START_TEST(test_what_info_shows_beyond_the_options_is_removed)
{
    static const char info[] = "Node: [3],Name: n1,Balancer: b\n"
                               "Node: [2],Name: n2,Balancer: b\n"
                               "Vhost: [3:1:1], Alias: LOCALHOST\n"
                               "Vhost: [3:1:2], Alias: old\n"
                               "Vhost: [2:1:3], Alias: other\n"
                               "Context: [3:1:1], Context: /app, Status: ENABLED\n"
                               "Context: [3:1:2], Context: /app, Status: ENABLED\n"
                               "Context: [2:1:3], Context: /other, Status: ENABLED\n";
    mcmp_message message;
    plan_lists lists;

    begin_short();
    expect(MCMP_COMMAND_INFO, info);
    ck_assert_uint_eq(plan.stale_count, 1);
    plan_message(&plan, &options.proxies[0], &lists, &message);
    ck_assert_uint_eq(message.alias_count, 1);
    row_text("alias", message.aliases[0], "old");
    row_text("context", message.contexts[0], "/app");
    expect(MCMP_COMMAND_REMOVE_APP, "");
    expect(MCMP_COMMAND_CONFIG, "");
    plan_clear(&plan);
}
END_TEST

START_TEST(test_an_info_that_is_too_long_is_passed_over)
{
    begin_short();
    ck_assert_int_eq(next_command(), MCMP_COMMAND_INFO);
    plan_failed(&plan, now, MCMP_ERR_BODY_SIZE, "too long");
    expect(MCMP_COMMAND_CONFIG, "");
    expect(MCMP_COMMAND_ENABLE_APP, "");
    ck_assert_int_eq(next_command(), MCMP_COMMAND_STATUS);
    plan_failed(&plan, now, MCMP_ERR_BODY_SIZE, "too long");
    ck_assert_int_gt(wait_ms(), 0);
    plan_clear(&plan);
}
END_TEST

/* The recorded session as a set: each of our requests is one of those the Java client sent. */
static void find_in_golden(const golden_session *golden, const mcmp_message *message)
{
    char bytes[1024];
    size_t len = 0;

    ck_assert_int_eq(mcmp_message_encode(message, bytes, sizeof(bytes), &len, NULL), MCMP_OK);
    for (size_t i = 0; i < golden->count; i++)
        if (golden->requests[i].len == len && memcmp(golden->requests[i].bytes, bytes, len) == 0)
            return;
    ck_abort_msg("the Java client never sent this:\n%.*s", (int)len, bytes);
}

START_TEST(test_the_requests_of_a_life_are_those_of_the_java_client)
{
    static const char *const argv[] = {
        "mcmp-node", "--route",         "t1",      "--proxy",    "127.0.0.1:16666",
        "--backend", "127.0.0.1:18009", "--type",  "ajp",        "--context",
        "/",         "--context",       "/app",    "--alias",    "localhost",
        "--alias",   "t1.example",      "--alias", "www.example"
    };
    golden_session golden;
    int sent = 0;

    golden_load(&golden);
    begin(COUNT_OF(argv), argv);
    while (plan.end == 0 && sent < 100) {
        mcmp_message message;
        plan_lists lists;
        mcmp_time until;

        if (plan_next(&plan, now, &until) != PLAN_SEND) {
            now = until;
            continue;
        }
        plan_message(&plan, &options.proxies[0], &lists, &message);
        message.user_agent = span_of("ClusterListener/1.0");
        find_in_golden(&golden, &message);
        answer_ok(message.command == MCMP_COMMAND_STATUS ? STATUS_OK : "");
        if (++sent == 6)
            plan_drain(&plan, now);
    }
    ck_assert_int_eq(sent, 5 + 1 + 2 + 2 + 2 + 1);
    plan_clear(&plan);
    golden_free(&golden);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_it_registers_then_tells_its_status_at_each_interval,
        test_nothing_is_sent_while_an_answer_is_awaited,
        test_an_answer_to_status_tells_whether_the_node_was_lost,
        test_a_second_loss_in_a_row_waits,
        test_failures_back_off_up_to_the_interval,
        test_a_balancer_that_kept_everything_is_told_nothing_anew,
        test_a_balancer_that_came_back_with_another_id_is_told_everything,
        test_a_lost_registration_is_no_matter_of_status,
        test_draining_stops_until_nothing_runs_then_removes,
        test_draining_ends_at_its_time_limit,
        test_a_signal_while_an_answer_is_awaited_drains_after_it,
        test_a_node_that_is_not_registered_ends_without_a_word,
        test_a_balancer_that_forgot_the_node_ends_the_draining,
        test_a_balancer_that_is_gone_is_tried_three_times_while_draining,
        test_what_info_shows_beyond_the_options_is_removed,
        test_an_info_that_is_too_long_is_passed_over,
        test_the_requests_of_a_life_are_those_of_the_java_client,
    };

    return run_tests("plan", tests, COUNT_OF(tests));
}
