/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an agent says to a proxy from its registration on: driven by answers and a clock that the
 * test turns. The requests of a whole life are compared with those that the Java client was
 * recorded sending.
 */
#include "drive.h"
#include "golden.h"

START_TEST(test_it_registers_then_tells_its_status_at_each_interval)
{
    drive_begin_one();
    drive_register();
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(drive_wait_ms(), 10000);
        drive.now += 9999 * MCMP_MSEC;
        ck_assert_int_eq(drive_next(), DRIVE_WAITS);
        drive.now += MCMP_MSEC;
        drive_expect(MCMP_COMMAND_STATUS, DRIVE_STATUS_OK);
    }
    ck_assert_uint_eq(drive.connects, 1);
    drive_end();
}
END_TEST

START_TEST(test_the_rhythm_of_status_is_kept_when_answers_are_slow)
{
    drive_begin_one();
    drive_register();
    for (int i = 0; i < 5; i++) {
        drive.now = MCMP_SEC + (i + 1) * 10 * MCMP_SEC;
        ck_assert_int_eq(drive_next(), MCMP_COMMAND_STATUS);
        drive.now += 3 * MCMP_SEC;
        drive_ok(DRIVE_STATUS_OK);
        ck_assert_int_eq(drive_wait_ms(), 7000);
    }
    drive_end();
}
END_TEST

START_TEST(test_a_status_that_comes_late_begins_a_new_rhythm)
{
    drive_begin_one();
    drive_register();
    drive.now += 11 * MCMP_SEC; /* a second late, which is less than an eighth */
    drive_expect(MCMP_COMMAND_STATUS, DRIVE_STATUS_OK);
    ck_assert_int_eq(drive_wait_ms(), 9000);
    drive.now += 14 * MCMP_SEC;
    drive_expect(MCMP_COMMAND_STATUS, DRIVE_STATUS_OK);
    ck_assert_int_eq(drive_wait_ms(), 10000);
    drive.now += 10 * MCMP_SEC;
    ck_assert_int_eq(drive_next(), MCMP_COMMAND_STATUS);
    drive.now += 15 * MCMP_SEC; /* the answer takes longer than an interval */
    drive_ok(DRIVE_STATUS_OK);
    ck_assert_int_eq(drive_wait_ms(), 10000);
    drive_end();
}
END_TEST

START_TEST(test_nothing_is_sent_while_an_answer_is_awaited)
{
    drive_begin_one();
    ck_assert_int_eq(drive_next(), MCMP_COMMAND_INFO);
    drive.now += 19 * MCMP_SEC;
    ck_assert_int_eq(drive_next(), DRIVE_WAITS);
    ck_assert_int_eq(drive.step.until, 21 * MCMP_SEC);
    drive_end();
}
END_TEST

typedef struct loss_row {
    const char *name;
    unsigned status;
    const char *type;
    const char *body;
    int at_once; /* registers again without delay */
    int over;
} loss_row;

static const loss_row losses[] = {
    { "unknown node", 500, "MEM", "", 1, 0 },
    { "no type", 500, NULL, "", 1, 0 },
    { "denied", 403, "GENERAL", "", 1, 0 },
    { "204", 204, NULL, "", 1, 0 },
    { "syntax", 500, "SYNTAX", "", 0, 1 },
    { "other id", 200, NULL, DRIVE_STATUS("6"), 1, 0 },
    { "same id", 200, NULL, DRIVE_STATUS_OK, 0, 0 },
    { "no id", 200, NULL, "Type=STATUS-RSP&JVMRoute=n1&State=OK\n", 0, 0 },
    { "notok", 200, NULL, "Type=STATUS-RSP&JVMRoute=n1&State=NOTOK&id=5\n", 0, 0 },
    { "empty", 200, NULL, "", 0, 0 },
};

START_TEST(test_an_answer_to_status_tells_whether_the_node_was_lost)
{
    for (size_t i = 0; i < COUNT_OF(losses); i++) {
        const loss_row *row = &losses[i];
        mcmp_handle proxy = drive_begin_one();

        drive_register();
        row_int(row->name, drive_state(proxy), MCMP_AGENT_STATE_REGISTERED);
        drive.now += 10 * MCMP_SEC;
        row_int(row->name, drive_next(), MCMP_COMMAND_STATUS);
        drive_answer(row->status, row->type, row->body);
        if (row->over) {
            row_int(row->name, drive_state(proxy), MCMP_AGENT_STATE_REFUSED);
            row_true(row->name, drive_next() == DRIVE_WAITS && drive.step.until == INT64_MAX);
        } else if (row->at_once) {
            row_int(row->name, drive_state(proxy), MCMP_AGENT_STATE_REGISTERING);
            row_int(row->name, drive_next(), MCMP_COMMAND_INFO);
        } else {
            row_int(row->name, drive_wait_ms(), 10000);
        }
        drive_end();
    }
}
END_TEST

START_TEST(test_a_refusal_for_good_tells_why_and_is_tried_only_when_the_host_wants_it)
{
    mcmp_agent_info info;
    mcmp_handle other;
    mcmp_handle proxy = drive_begin_one();

    drive_expect(MCMP_COMMAND_INFO, "");
    ck_assert_int_eq(drive_next(), MCMP_COMMAND_CONFIG);
    drive_answer(500, "SYNTAX", "");
    mcmp_agent_info_init(&info);
    ck_assert_int_eq(mcmp_agent_get(drive.agent, proxy, &info), MCMP_OK);
    ck_assert_uint_eq(info.state, MCMP_AGENT_STATE_REFUSED);
    row_text("reason", info.reason, "answered 500 Word: it says why");
    ck_assert_int_eq(drive_next(), DRIVE_WAITS);
    ck_assert_uint_eq(drive.closes, 1);
    drive.now += 3600 * MCMP_SEC;
    other = drive_add("127.0.0.1", 2, 0);
    drive_register(); /* others go on */
    ck_assert_uint_eq(drive.proxy, other);
    ck_assert_int_eq(mcmp_agent_retry(drive.agent, proxy, drive.now), MCMP_OK);
    drive_register();
    ck_assert_uint_eq(drive.proxy, proxy);
    ck_assert_uint_eq(drive_state(proxy), MCMP_AGENT_STATE_REGISTERED);
    drive_end();
}
END_TEST

START_TEST(test_a_second_loss_in_a_row_waits)
{
    drive_begin_one();
    drive_register();
    drive.now += 10 * MCMP_SEC;
    for (int round = 0; round < 2; round++) {
        ck_assert_int_eq(drive_next(), MCMP_COMMAND_STATUS);
        drive_answer(500, "MEM", "");
        if (round == 0) {
            drive_expect(MCMP_COMMAND_INFO, "");
            drive_expect(MCMP_COMMAND_CONFIG, "");
            drive_expect(MCMP_COMMAND_ENABLE_APP, "");
        }
    }
    ck_assert_int_ge(drive_wait_ms(), 100);
    drive_end();
}
END_TEST

START_TEST(test_failures_back_off_up_to_the_interval)
{
    int64_t longest = 0;

    drive_begin_one();
    for (int i = 0; i < 20; i++) {
        int64_t wait;

        ck_assert_int_eq(drive_next(), MCMP_COMMAND_INFO);
        drive_break("connection refused");
        wait = drive_wait_ms();
        ck_assert_int_gt(wait, 0);
        ck_assert_int_le(wait, 10000);
        if (i == 0)
            ck_assert_int_le(wait, 400);
        longest = wait > longest ? wait : longest;
        drive.now += (wait + 1) * MCMP_MSEC;
    }
    ck_assert_int_ge(longest, 7500);
    drive_register();
    ck_assert_int_eq(drive_wait_ms(), 10000);
    drive_end();
}
END_TEST

START_TEST(test_agents_with_other_seeds_come_back_at_other_times)
{
    mcmp_agent_options opts;
    mcmp_time times[64];
    size_t same = 0;

    mcmp_agent_options_init(&opts);
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        opts.seed = i * 77777;
        drive_begin(&opts);
        drive_add("127.0.0.1", 1, 0);
        for (int tries = 0; tries < 6; tries++) {
            ck_assert_int_eq(drive_next(), MCMP_COMMAND_INFO);
            drive_break("connection refused");
            ck_assert_int_eq(drive_next(), DRIVE_WAITS);
            times[i] = drive.step.until - drive.now;
            drive.now = drive.step.until;
        }
        for (size_t j = 0; j < i; j++)
            same += times[j] / (100 * MCMP_MSEC) == times[i] / (100 * MCMP_MSEC);
        drive_end();
    }
    /* 2016 pairs over 40 windows of 100 ms: 50 are to be expected */
    ck_assert_uint_lt(same, 200);
}
END_TEST

#define INFO_NODE(port) \
    "Node: [3],Name: n1,Balancer: b,LBGroup: ,Host: 127.0.0.1,Port: " port ",Type: http\n"
#define INFO_APP(status)                 \
    "Vhost: [3:1:1], Alias: localhost\n" \
    "Context: [3:1:1], Context: /app, Status: " status "\n"

typedef struct return_row {
    const char *name;
    const char *info; /* after the proxy was out of reach */
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

START_TEST(test_a_proxy_that_kept_everything_is_told_nothing_anew)
{
    for (size_t i = 0; i < COUNT_OF(returns); i++) {
        const return_row *row = &returns[i];

        drive_begin_one();
        drive_register();
        drive.now += 10 * MCMP_SEC;
        for (int tries = 0; tries < 4; tries++) { /* a STATUS, its repeat, then INFO, find nobody */
            row_int(row->name, drive_next(), tries < 2 ? MCMP_COMMAND_STATUS : MCMP_COMMAND_INFO);
            drive_break("connection refused");
            drive.now += tries > 0 ? 10 * MCMP_SEC : 0;
        }
        drive_expect(MCMP_COMMAND_INFO, row->info);
        row_int(row->name, drive_next(), row->next);
        drive_end();
    }
}
END_TEST

START_TEST(test_a_proxy_that_came_back_with_another_id_is_told_everything)
{
    drive_begin_one();
    drive_register();
    drive.now += 10 * MCMP_SEC;
    for (int tries = 0; tries < 2; tries++) {
        ck_assert_int_eq(drive_next(), MCMP_COMMAND_STATUS);
        drive_break("connection refused");
    }
    drive.now += 10 * MCMP_SEC;
    drive_expect(MCMP_COMMAND_INFO, INFO_NODE("2") INFO_APP("ENABLED"));
    drive_expect(MCMP_COMMAND_STATUS, DRIVE_STATUS("6"));
    drive_expect(MCMP_COMMAND_INFO, INFO_NODE("2") INFO_APP("ENABLED"));
    ck_assert_int_eq(drive_next(), MCMP_COMMAND_CONFIG);
    drive_end();
}
END_TEST

START_TEST(test_a_lost_registration_is_no_matter_of_status)
{
    drive_begin_one();
    drive_expect(MCMP_COMMAND_INFO, "");
    drive_expect(MCMP_COMMAND_CONFIG, "");
    drive_expect(MCMP_COMMAND_ENABLE_APP, "");
    for (int tries = 0; tries < 2; tries++) {
        ck_assert_int_eq(drive_next(), MCMP_COMMAND_STATUS); /* the first one: no id is known */
        drive_break("connection reset");
    }
    drive.now += 10 * MCMP_SEC;
    drive_expect(MCMP_COMMAND_INFO, INFO_NODE("2") INFO_APP("ENABLED"));
    ck_assert_int_eq(drive_next(), MCMP_COMMAND_CONFIG);
    drive_end();
}
END_TEST

START_TEST(test_what_info_shows_beyond_the_node_is_removed)
{
    static const char info[] = "Node: [3],Name: n1,Balancer: b\n"
                               "Node: [2],Name: n2,Balancer: b\n"
                               "Vhost: [3:1:1], Alias: LOCALHOST\n"
                               "Vhost: [3:1:2], Alias: old\n"
                               "Vhost: [2:1:3], Alias: other\n"
                               "Context: [3:1:1], Context: /app, Status: ENABLED\n"
                               "Context: [3:1:2], Context: /app, Status: ENABLED\n"
                               "Context: [2:1:3], Context: /other, Status: ENABLED\n";

    drive_begin_one();
    drive_expect(MCMP_COMMAND_INFO, info);
    ck_assert_int_eq(drive_next(), MCMP_COMMAND_REMOVE_APP);
    ck_assert_str_eq(drive_body(), "JVMRoute=n1&Alias=old&Context=%2Fapp");
    drive_ok("");
    drive_expect(MCMP_COMMAND_CONFIG, "");
    drive_end();
}
END_TEST

/* INFO of any length, in a block of its own. */
static void answer_long_info(size_t lines)
{
    char *body = malloc(lines * 128 + 256);
    size_t len;

    ck_assert(body != NULL);
    len = (size_t)snprintf(body, 256,
                           "Node: [3],Name: n1,Balancer: b\nVhost: [3:1:1], Alias: a%%20b\n");
    for (size_t i = 0; i < lines; i++)
        len += (size_t)snprintf(body + len, 128,
                                "Context: [3:1:1], Context: /old%zu, Status: ENABLED\n", i);
    {
        char head[128];
        int head_len =
            snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", len);

        ck_assert_int_eq(drive_feed(head, (size_t)head_len), MCMP_OK);
        ck_assert_int_eq(drive_feed(body, len), MCMP_OK);
    }
    free(body);
}

START_TEST(test_a_long_inventory_is_purged_up_to_its_limit)
{
    size_t purged = 0;
    int next;

    drive_begin_one();
    ck_assert_int_eq(drive_next(), MCMP_COMMAND_INFO);
    answer_long_info(3000);
    while ((next = drive_next()) == MCMP_COMMAND_REMOVE_APP) {
        char want[128];

        (void)snprintf(want, sizeof(want), "JVMRoute=n1&Alias=a+b&Context=%%2Fold%zu", purged++);
        ck_assert_str_eq(drive_body(), want);
        drive_ok("");
    }
    ck_assert_int_eq(next, MCMP_COMMAND_CONFIG);
    ck_assert_uint_eq(purged, 1024);
    drive_end();
}
END_TEST

START_TEST(test_an_info_that_is_too_long_is_passed_over)
{
    mcmp_agent_options opts;

    mcmp_agent_options_init(&opts);
    opts.max_answer = 1000;
    drive_begin(&opts);
    drive_add("127.0.0.1", 1, 0);
    ck_assert_int_eq(drive_next(), MCMP_COMMAND_INFO);
    drive_feed("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", 41);
    drive_expect(MCMP_COMMAND_CONFIG, "");
    ck_assert(drive_logged("INFO is too long"));
    ck_assert_uint_eq(drive.closes, 1);
    drive_expect(MCMP_COMMAND_ENABLE_APP, "");
    ck_assert_int_eq(drive_next(), MCMP_COMMAND_STATUS);
    drive_feed("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", 41);
    ck_assert_int_gt(drive_wait_ms(), 0);
    drive_end();
}
END_TEST

/* ---- load and health ---- */

static int32_t told_load;
static mcmp_time asked_at;

static int32_t tell_load(void *ctx, mcmp_time now)
{
    ck_assert_ptr_eq(ctx, &told_load);
    asked_at = now;
    return told_load;
}

static void expect_load(const char *body)
{
    ck_assert_int_eq(drive_next(), MCMP_COMMAND_STATUS);
    ck_assert_str_eq(drive_body(), body);
    drive_ok(DRIVE_STATUS_OK);
}

static void begin_with_load(void)
{
    mcmp_agent_options opts;

    mcmp_agent_options_init(&opts);
    opts.load = tell_load;
    opts.ctx = &told_load;
    drive_begin(&opts);
    drive_add("127.0.0.1", 1, 0);
    drive_expect(MCMP_COMMAND_INFO, "");
    drive_expect(MCMP_COMMAND_CONFIG, "");
    drive_expect(MCMP_COMMAND_ENABLE_APP, "");
}

START_TEST(test_the_load_is_asked_right_before_each_status_and_kept_in_its_range)
{
    static const struct {
        int32_t load;
        const char *body;
    } table[] = { { 77, "JVMRoute=n1&Load=77" },        { 0, "JVMRoute=n1&Load=0" },
                  { 100, "JVMRoute=n1&Load=100" },      { 101, "JVMRoute=n1&Load=100" },
                  { -1, "JVMRoute=n1&Load=-1" },        { -5, "JVMRoute=n1&Load=-1" },
                  { INT32_MAX, "JVMRoute=n1&Load=100" } };

    begin_with_load();
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        told_load = table[i].load;
        expect_load(table[i].body);
        ck_assert_int_eq(asked_at, drive.now);
        drive.now += 10 * MCMP_SEC;
    }
    drive_end();
}
END_TEST

START_TEST(test_a_broken_node_says_so_at_once_and_stays_registered)
{
    told_load = 50;
    begin_with_load();
    expect_load("JVMRoute=n1&Load=50");
    drive.now += MCMP_SEC;
    ck_assert_int_eq(mcmp_agent_set_health(drive.agent, MCMP_AGENT_BROKEN, drive.now), MCMP_OK);
    expect_load("JVMRoute=n1&Load=-1");
    ck_assert_int_eq(drive_wait_ms(), 10000);
    drive.now += 10 * MCMP_SEC;
    expect_load("JVMRoute=n1&Load=-1");
    ck_assert_int_eq(mcmp_agent_set_health(drive.agent, MCMP_AGENT_UP, drive.now), MCMP_OK);
    expect_load("JVMRoute=n1&Load=50");
    ck_assert_int_eq(mcmp_agent_set_health(drive.agent, 3, drive.now), MCMP_ERR_INVALID);
    drive_end();
}
END_TEST

START_TEST(test_a_node_that_breaks_while_a_status_is_under_way_says_so_next)
{
    told_load = 50;
    begin_with_load();
    ck_assert_int_eq(drive_next(), MCMP_COMMAND_STATUS);
    ck_assert_int_eq(mcmp_agent_set_health(drive.agent, MCMP_AGENT_BROKEN, drive.now), MCMP_OK);
    drive_ok(DRIVE_STATUS_OK);
    expect_load("JVMRoute=n1&Load=-1");
    drive_end();
}
END_TEST

START_TEST(test_a_node_that_is_not_well_is_not_registered)
{
    mcmp_handle proxy;

    drive_begin(NULL);
    ck_assert_int_eq(mcmp_agent_set_health(drive.agent, MCMP_AGENT_BROKEN, drive.now), MCMP_OK);
    proxy = drive_add("127.0.0.1", 1, 0);
    ck_assert_int_eq(drive_next(), DRIVE_WAITS);
    ck_assert_int_eq(drive.step.until, INT64_MAX);
    ck_assert_uint_eq(drive_state(proxy), MCMP_AGENT_STATE_HELD);
    drive.now += 3600 * MCMP_SEC;
    ck_assert_int_eq(mcmp_agent_set_health(drive.agent, MCMP_AGENT_UP, drive.now), MCMP_OK);
    drive_register();
    drive_end();
}
END_TEST

START_TEST(test_a_node_that_is_away_is_taken_out_and_comes_back)
{
    mcmp_handle proxy = drive_begin_one();

    drive_register();
    ck_assert_int_eq(mcmp_agent_set_health(drive.agent, MCMP_AGENT_AWAY, drive.now), MCMP_OK);
    ck_assert_int_eq(drive_next(), MCMP_COMMAND_REMOVE_APP);
    ck_assert_ptr_nonnull(strstr(drive.request, "REMOVE-APP /* HTTP/1.1"));
    ck_assert_str_eq(drive_body(), "JVMRoute=n1");
    drive_break("connection reset");
    ck_assert_int_eq(drive_next(), MCMP_COMMAND_REMOVE_APP); /* once more on a new connection */
    drive_break("connection refused");
    ck_assert_int_eq(drive_next(), DRIVE_WAITS);
    drive.now = drive.step.until;
    drive_expect(MCMP_COMMAND_REMOVE_APP, "");
    ck_assert_uint_eq(drive_state(proxy), MCMP_AGENT_STATE_HELD);
    ck_assert_int_eq(drive_next(), DRIVE_WAITS);
    drive.now += 100 * MCMP_SEC;
    ck_assert_int_eq(mcmp_agent_set_health(drive.agent, MCMP_AGENT_UP, drive.now), MCMP_OK);
    drive_register();
    drive_end();
}
END_TEST

START_TEST(test_a_node_that_goes_away_while_it_registers_leaves_after_the_answer)
{
    drive_begin_one();
    drive_expect(MCMP_COMMAND_INFO, "");
    ck_assert_int_eq(drive_next(), MCMP_COMMAND_CONFIG);
    ck_assert_int_eq(mcmp_agent_set_health(drive.agent, MCMP_AGENT_AWAY, drive.now), MCMP_OK);
    drive_ok("");
    drive_expect(MCMP_COMMAND_REMOVE_APP, "");
    ck_assert_int_eq(drive_next(), DRIVE_WAITS);
    drive_end();
}
END_TEST

/* ---- contexts ---- */

START_TEST(test_a_context_is_given_another_status_at_once)
{
    static const struct {
        uint32_t status;
        int command;
    } table[] = { { MCMP_STATUS_DISABLED, MCMP_COMMAND_DISABLE_APP },
                  { MCMP_STATUS_STOPPED, MCMP_COMMAND_STOP_APP },
                  { MCMP_STATUS_ENABLED, MCMP_COMMAND_ENABLE_APP } };

    drive_begin_one();
    drive_register();
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        drive.now += MCMP_SEC;
        ck_assert_int_eq(
            mcmp_agent_set_context(drive.agent, drive_context, table[i].status, drive.now),
            MCMP_OK);
        ck_assert_int_eq(drive_next(), table[i].command);
        ck_assert_str_eq(drive_body(), "JVMRoute=n1&Alias=localhost&Context=%2Fapp");
        drive_ok("");
        ck_assert_int_eq(drive_wait_ms(), 9000 - 1000 * (int64_t)i);
    }
    ck_assert_int_eq(mcmp_agent_set_context(drive.agent, span_of("/none"), 1, drive.now),
                     MCMP_ERR_NOT_FOUND);
    ck_assert_int_eq(mcmp_agent_set_context(drive.agent, drive_context, 4, drive.now),
                     MCMP_ERR_INVALID);
    drive_end();
}
END_TEST

START_TEST(test_a_status_of_a_context_outlives_a_loss_and_a_change_under_way_is_not_forgotten)
{
    drive_begin_one();
    drive_register();
    (void)mcmp_agent_set_context(drive.agent, drive_context, MCMP_STATUS_STOPPED, drive.now);
    ck_assert_int_eq(drive_next(), MCMP_COMMAND_STOP_APP);
    (void)mcmp_agent_set_context(drive.agent, drive_context, MCMP_STATUS_DISABLED, drive.now);
    drive_ok("");
    drive_expect(MCMP_COMMAND_DISABLE_APP, "");
    drive.now += 10 * MCMP_SEC;
    ck_assert_int_eq(drive_next(), MCMP_COMMAND_STATUS);
    drive_answer(500, "MEM", "");
    drive_expect(MCMP_COMMAND_INFO, "");
    drive_expect(MCMP_COMMAND_CONFIG, "");
    drive_expect(MCMP_COMMAND_DISABLE_APP, "");
    drive_expect(MCMP_COMMAND_STATUS, DRIVE_STATUS("9"));
    drive_end();
}
END_TEST

START_TEST(test_a_context_that_was_left_out_is_told_of)
{
    drive_begin_one();
    drive_expect(MCMP_COMMAND_INFO, "");
    drive_expect(MCMP_COMMAND_CONFIG, "");
    drive_expect(MCMP_COMMAND_ENABLE_APP, "Type=ENABLE-APP-RSP\nJvmRoute=n1\n");
    ck_assert(drive_logged("127.0.0.1:1: context /app was left out"));
    drive_end();
}
END_TEST

/* ---- the Java client ---- */

/* The recorded session as a set: each of our requests is one of those the Java client sent. */
static void find_in_golden(const golden_session *golden)
{
    for (size_t i = 0; i < golden->count; i++)
        if (golden->requests[i].len == drive.request_len &&
            memcmp(golden->requests[i].bytes, drive.request, drive.request_len) == 0)
            return;
    ck_abort_msg("the Java client never sent this:\n%s", drive.request);
}

START_TEST(test_the_requests_of_a_life_are_those_of_the_java_client)
{
    static const mcmp_span aliases[] = { TEXT("localhost"), TEXT("t1.example"),
                                         TEXT("www.example") };
    static const mcmp_span contexts[] = { TEXT("/"), TEXT("/app") };
    mcmp_message node = drive_node();
    mcmp_agent_options opts;
    golden_session golden;
    int sent = 0;
    int next;

    node.jvm_route = span_of("t1");
    node.user_agent = span_of("ClusterListener/1.0");
    node.port = 18009;
    node.scheme = MCMP_SCHEME_AJP;
    node.given |= MCMP_FIELD_STICKY_FORCE;
    node.aliases = aliases;
    node.alias_count = COUNT_OF(aliases);
    node.contexts = contexts;
    node.context_count = COUNT_OF(contexts);
    mcmp_agent_options_init(&opts);
    opts.node = &node;
    golden_load(&golden);
    drive_begin(&opts);
    drive_add("127.0.0.1", 16666, 0);
    while ((next = drive_next()) != DRIVE_OVER && sent < 100) {
        if (next == DRIVE_WAITS) {
            drive.now = drive.step.until;
            continue;
        }
        find_in_golden(&golden);
        drive_ok(next == MCMP_COMMAND_STATUS ? DRIVE_STATUS_OK : "");
        if (++sent == 6)
            (void)mcmp_agent_drain(drive.agent, 0, drive.now);
    }
    ck_assert_int_eq(sent, 5 + 1 + 2 + 2 + 2 + 1);
    drive_end();
    golden_free(&golden);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_it_registers_then_tells_its_status_at_each_interval,
        test_the_rhythm_of_status_is_kept_when_answers_are_slow,
        test_a_status_that_comes_late_begins_a_new_rhythm,
        test_nothing_is_sent_while_an_answer_is_awaited,
        test_an_answer_to_status_tells_whether_the_node_was_lost,
        test_a_refusal_for_good_tells_why_and_is_tried_only_when_the_host_wants_it,
        test_a_second_loss_in_a_row_waits,
        test_failures_back_off_up_to_the_interval,
        test_agents_with_other_seeds_come_back_at_other_times,
        test_a_proxy_that_kept_everything_is_told_nothing_anew,
        test_a_proxy_that_came_back_with_another_id_is_told_everything,
        test_a_lost_registration_is_no_matter_of_status,
        test_what_info_shows_beyond_the_node_is_removed,
        test_a_long_inventory_is_purged_up_to_its_limit,
        test_an_info_that_is_too_long_is_passed_over,
        test_the_load_is_asked_right_before_each_status_and_kept_in_its_range,
        test_a_broken_node_says_so_at_once_and_stays_registered,
        test_a_node_that_breaks_while_a_status_is_under_way_says_so_next,
        test_a_node_that_is_not_well_is_not_registered,
        test_a_node_that_is_away_is_taken_out_and_comes_back,
        test_a_node_that_goes_away_while_it_registers_leaves_after_the_answer,
        test_a_context_is_given_another_status_at_once,
        test_a_status_of_a_context_outlives_a_loss_and_a_change_under_way_is_not_forgotten,
        test_a_context_that_was_left_out_is_told_of,
        test_the_requests_of_a_life_are_those_of_the_java_client,
    };

    return run_tests("agent", tests, COUNT_OF(tests));
}
