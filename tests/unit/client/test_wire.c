/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections of an agent: what a host is told to do, and what every kind of event leads to,
 * those that come too late too. Options and proxies that are not valid, and want of memory.
 */
#include "drive.h"

static int step_action(void)
{
    mcmp_agent_step_init(&drive.step);
    ck_assert_int_eq(mcmp_agent_next(drive.agent, drive.now, &drive.step, NULL), MCMP_OK);
    drive.proxy = drive.step.proxy;
    drive.connection = drive.step.connection;
    return (int)drive.step.action;
}

START_TEST(test_a_step_says_where_to_connect_and_how)
{
    mcmp_agent_proxy proxy;
    mcmp_handle handle;

    drive_begin(NULL);
    mcmp_agent_proxy_init(&proxy);
    proxy.host = span_of("::1");
    proxy.path = span_of("/mcmp");
    proxy.name = span_of("first");
    proxy.port = 6666;
    proxy.flags = MCMP_AGENT_TLS;
    ck_assert_int_eq(mcmp_agent_add(drive.agent, &proxy, drive.now, &handle, NULL), MCMP_OK);
    ck_assert_int_eq(step_action(), MCMP_AGENT_CONNECT);
    row_text("host", drive.step.host, "::1");
    ck_assert_uint_eq(drive.step.port, 6666);
    ck_assert_uint_eq(drive.step.flags, MCMP_AGENT_TLS);
    ck_assert_uint_eq(drive.step.proxy, handle);
    ck_assert_int_eq(mcmp_agent_connected(drive.agent, handle, drive.connection, drive.now),
                     MCMP_OK);
    ck_assert_int_eq(drive_next(), MCMP_COMMAND_INFO);
    ck_assert_ptr_nonnull(strstr(drive.request, "INFO /mcmp/ HTTP/1.1\r\nHost: [::1]:6666\r\n"));
    drive_break("broken pipe");
    ck_assert(drive_logged("first: broken pipe"));
    drive_end();
}
END_TEST

static const char answers[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

START_TEST(test_how_answers_are_cut_makes_no_difference)
{
    static const size_t cuts[] = { 0, 1, 2, 3, 5, 17 };
    static const char info[] = "Node: [3],Name: n1,Balancer: b\n"
                               "Vhost: [3:1:1], Alias: old\n"
                               "Context: [3:1:1], Context: /app, Status: ENABLED\n";

    for (size_t i = 0; i < COUNT_OF(cuts); i++) {
        drive.cut = cuts[i];
        drive_begin_one();
        drive_expect(MCMP_COMMAND_INFO, info);
        drive_expect(MCMP_COMMAND_REMOVE_APP, "");
        drive_expect(MCMP_COMMAND_CONFIG, "");
        drive_expect(MCMP_COMMAND_ENABLE_APP, "");
        drive_expect(MCMP_COMMAND_STATUS, DRIVE_STATUS_OK);
        ck_assert_int_eq(drive_wait_ms(), 10000);
        ck_assert_uint_eq(drive.connects, 1);
        drive_end();
    }
    drive.cut = 0;
}
END_TEST

START_TEST(test_events_of_a_connection_that_was_given_up_are_told_to_be_stale)
{
    mcmp_handle proxy = drive_begin_one();
    uint64_t old;
    size_t used;

    ck_assert_int_eq(step_action(), MCMP_AGENT_CONNECT);
    old = drive.connection;
    drive.now += 5 * MCMP_SEC; /* no connection in time */
    ck_assert_int_eq(step_action(), MCMP_AGENT_CLOSE);
    ck_assert_uint_eq(drive.step.connection, old);
    ck_assert_int_eq(mcmp_agent_connected(drive.agent, proxy, old, drive.now), MCMP_ERR_STALE);
    ck_assert_int_eq(mcmp_agent_closed(drive.agent, proxy, old, drive.now, "late", NULL),
                     MCMP_ERR_STALE);
    ck_assert_int_eq(
        mcmp_agent_received(drive.agent, proxy, old, drive.now, answers, 5, &used, NULL),
        MCMP_ERR_STALE);
    ck_assert_uint_eq(used, 5);
    drive.now += MCMP_SEC;
    ck_assert_int_eq(step_action(), MCMP_AGENT_CONNECT);
    ck_assert_uint_ne(drive.step.connection, old);
    ck_assert_int_eq(mcmp_agent_connected(drive.agent, proxy, old, drive.now), MCMP_ERR_STALE);
    ck_assert_int_eq(mcmp_agent_connected(drive.agent, 77, 1, drive.now), MCMP_ERR_STALE);
    drive_end();
}
END_TEST

START_TEST(test_an_answer_that_does_not_come_in_time_is_a_failure)
{
    drive_begin_one();
    ck_assert_int_eq(drive_next(), MCMP_COMMAND_INFO);
    drive_feed(answers, 20);
    drive.now += 20 * MCMP_SEC - 1;
    ck_assert_int_eq(drive_next(), DRIVE_WAITS);
    ck_assert_uint_eq(drive.closes, 0);
    drive.now += 1;
    ck_assert_int_eq(drive_next(), DRIVE_WAITS);
    ck_assert_uint_eq(drive.closes, 1);
    ck_assert(drive_logged("127.0.0.1:1: no answer in time"));
    drive.now = drive.step.until;
    ck_assert_int_eq(drive_next(), MCMP_COMMAND_INFO);
    drive_end();
}
END_TEST

START_TEST(test_a_request_that_breaks_on_a_used_connection_is_said_once_more)
{
    drive_begin_one();
    drive_expect(MCMP_COMMAND_INFO, "");
    ck_assert_int_eq(drive_next(), MCMP_COMMAND_CONFIG);
    drive_break(NULL);
    ck_assert_int_eq(drive_next(), MCMP_COMMAND_CONFIG);
    ck_assert_uint_eq(drive.connects, 2);
    ck_assert_uint_eq(drive.closes, 0);
    drive_break(NULL); /* a second time it is a failure */
    ck_assert_int_gt(drive_wait_ms(), 0);
    ck_assert(drive_logged("the connection broke: end of file"));
    drive_end();
}
END_TEST

START_TEST(test_a_first_request_that_breaks_is_a_failure)
{
    drive_begin_one();
    ck_assert_int_eq(drive_next(), MCMP_COMMAND_INFO);
    drive_break("connection reset by peer");
    ck_assert_int_gt(drive_wait_ms(), 0);
    drive_end();
}
END_TEST

START_TEST(test_an_idle_connection_may_be_closed_without_a_word)
{
    drive_begin_one();
    drive_register();
    for (int i = 0; i < 3; i++) {
        drive_break(i == 1 ? "connection reset" : NULL);
        ck_assert_int_eq(drive_wait_ms(), 10000);
        drive.now += 10 * MCMP_SEC;
        drive_expect(MCMP_COMMAND_STATUS, DRIVE_STATUS_OK);
    }
    ck_assert_uint_eq(drive.connects, 4);
    ck_assert(!drive_logged("reset"));
    drive_end();
}
END_TEST

START_TEST(test_bytes_that_nobody_asked_for_close_the_connection)
{
    drive_begin_one();
    drive_register();
    drive_feed("HTTP/1.1", 8);
    ck_assert_int_eq(drive_wait_ms(), 10000);
    ck_assert_uint_eq(drive.closes, 1);
    drive.now += 10 * MCMP_SEC;
    ck_assert_int_eq(drive_next(), MCMP_COMMAND_STATUS);
    drive_feed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nmore", 42);
    ck_assert_int_eq(drive_wait_ms(), 10000);
    ck_assert_uint_eq(drive.closes, 2);
    drive_end();
}
END_TEST

START_TEST(test_an_answer_that_ends_the_connection_is_taken)
{
    drive_begin_one();
    ck_assert_int_eq(drive_next(), MCMP_COMMAND_INFO);
    drive_feed("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 57);
    ck_assert_int_eq(drive_next(), MCMP_COMMAND_CONFIG);
    ck_assert_uint_eq(drive.connects, 2);
    drive_ok("");
    ck_assert_int_eq(drive_next(), MCMP_COMMAND_ENABLE_APP);
    drive_feed("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nsome text", 46);
    drive_break(NULL); /* up to the end of the stream */
    drive_expect(MCMP_COMMAND_STATUS, DRIVE_STATUS_OK);
    ck_assert_uint_eq(drive.connects, 3);
    drive_end();
}
END_TEST

START_TEST(test_an_answer_that_is_none_is_a_failure)
{
    static const char *const bad[] = { "nonsense\r\n\r\n", "HTTP/1.1 200\r\n\r\n",
                                       "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
                                       "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nno colon\r\n\r\n" };

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        mcmp_agent_info info;
        mcmp_handle proxy = drive_begin_one();

        row_int(bad[i], drive_next(), MCMP_COMMAND_INFO);
        drive_feed(bad[i], strlen(bad[i]));
        row_true(bad[i], drive_wait_ms() > 0);
        row_int(bad[i], drive.closes, 1);
        mcmp_agent_info_init(&info);
        row_int(bad[i], mcmp_agent_get(drive.agent, proxy, &info), MCMP_OK);
        row_int(bad[i], info.failures, 1);
        row_true(bad[i], info.reason.len > 0);
        drive_end();
    }
}
END_TEST

START_TEST(test_a_mute_proxy_delays_no_other)
{
    mcmp_handle mute;
    mcmp_handle good;
    int statuses = 0;

    drive_begin(NULL);
    mute = drive_add("127.0.0.1", 1, 0);
    good = drive_add("127.0.0.1", 2, 0);
    while (drive.now < 200 * MCMP_SEC) {
        int next = drive_next();

        if (next == DRIVE_WAITS) {
            drive.now = drive.step.until;
        } else if (drive.proxy == good) {
            if (next == MCMP_COMMAND_STATUS)
                ck_assert_int_eq(drive.now, MCMP_SEC + statuses++ * 10 * MCMP_SEC);
            drive_ok(next == MCMP_COMMAND_STATUS ? DRIVE_STATUS_OK : "");
        } else {
            ck_assert_int_eq(next, MCMP_COMMAND_INFO);
            ck_assert_uint_eq(drive.proxy, mute);
        }
    }
    ck_assert_int_eq(statuses, 20);
    drive_end();
}
END_TEST

/* ---- the table of proxies ---- */

START_TEST(test_a_proxy_is_known_by_host_and_port)
{
    mcmp_handle one = drive_begin_one();

    ck_assert_uint_eq(drive_add("127.0.0.1", 1, 0), one);
    ck_assert_uint_ne(drive_add("127.0.0.1", 2, 0), one);
    ck_assert_uint_eq(drive_add("Proxy.Example", 2, 0), drive_add("proxy.example", 2, 0));
    drive_end();
}
END_TEST

START_TEST(test_an_announcement_ends_the_wait_for_a_proxy)
{
    mcmp_handle proxy = drive_begin_one();

    for (int i = 0; i < 8; i++) {
        ck_assert_int_eq(drive_next(), MCMP_COMMAND_INFO);
        drive_break("connection refused");
        ck_assert_int_eq(drive_next(), DRIVE_WAITS);
        if (i < 7)
            drive.now = drive.step.until;
    }
    ck_assert_int_gt(drive_wait_ms(), 5000);
    ck_assert_uint_eq(drive_add("127.0.0.1", 1, MCMP_AGENT_FOUND), proxy);
    ck_assert_int_eq(drive_wait_ms(), 250); /* not at once, whoever floods us with them */
    drive.now += 250 * MCMP_MSEC;
    ck_assert_uint_eq(drive_add("127.0.0.1", 1, MCMP_AGENT_FOUND), proxy);
    drive_register();
    drive_end();
}
END_TEST

START_TEST(test_a_proxy_that_was_found_is_forgotten_when_it_stays_out_of_reach)
{
    mcmp_handle found;
    mcmp_handle fixed;
    mcmp_agent_info info;

    drive_begin(NULL);
    found = drive_add("127.0.0.1", 1, MCMP_AGENT_FOUND);
    fixed = drive_add("127.0.0.1", 2, 0);
    mcmp_agent_info_init(&info);
    while (drive.now < 400 * MCMP_SEC) {
        if (drive_next() == DRIVE_WAITS)
            drive.now = drive.step.until;
        else
            drive_break("connection refused");
        if (drive.now < 300 * MCMP_SEC)
            ck_assert_int_eq(mcmp_agent_get(drive.agent, found, &info), MCMP_OK);
    }
    ck_assert_int_eq(mcmp_agent_get(drive.agent, found, &info), MCMP_ERR_STALE);
    ck_assert_int_eq(mcmp_agent_get(drive.agent, fixed, &info), MCMP_OK);
    ck_assert_uint_ne(drive_add("127.0.0.1", 1, MCMP_AGENT_FOUND), found);
    drive_end();
}
END_TEST

START_TEST(test_a_proxy_that_is_forgotten_is_told_nothing)
{
    mcmp_handle proxy = drive_begin_one();

    drive_register();
    drive.now += 10 * MCMP_SEC;
    ck_assert_int_eq(drive_next(), MCMP_COMMAND_STATUS);
    ck_assert_int_eq(mcmp_agent_forget(drive.agent, proxy), MCMP_OK);
    ck_assert_int_eq(mcmp_agent_forget(drive.agent, proxy), MCMP_ERR_STALE);
    ck_assert_int_eq(mcmp_agent_retry(drive.agent, proxy, drive.now), MCMP_ERR_STALE);
    ck_assert_int_eq(drive_feed(answers, sizeof(answers) - 1), MCMP_ERR_STALE);
    ck_assert_int_eq(drive_next(), DRIVE_WAITS);
    ck_assert_uint_eq(drive.closes, 1);
    ck_assert_int_eq(drive.step.until, INT64_MAX);
    ck_assert_uint_eq(mcmp_agent_each(drive.agent, 0), 0);
    ck_assert_uint_ne(drive_add("127.0.0.1", 1, 0), proxy);
    drive_register();
    drive_end();
}
END_TEST

START_TEST(test_there_is_a_limit_to_the_proxies)
{
    mcmp_agent_options opts;
    mcmp_agent_proxy proxy;
    mcmp_error err;

    mcmp_agent_options_init(&opts);
    opts.max_proxies = 2;
    drive_begin(&opts);
    drive_add("a", 1, 0);
    drive_add("b", 1, 0);
    mcmp_agent_proxy_init(&proxy);
    mcmp_error_init(&err);
    proxy.host = span_of("c");
    proxy.port = 1;
    ck_assert_int_eq(mcmp_agent_add(drive.agent, &proxy, drive.now, NULL, &err), MCMP_ERR_LIMIT);
    ck_assert_str_eq(err.field, "max_proxies");
    drive_end();
}
END_TEST

typedef struct bad_proxy {
    const char *name;
    const char *host;
    const char *path;
    uint32_t port;
    uint32_t flags;
    int code;
} bad_proxy;

START_TEST(test_a_proxy_that_is_not_valid_is_refused_by_name)
{
    static const bad_proxy table[] = {
        { "host", "", "", 1, 0, MCMP_ERR_INVALID },
        { "host", "[::1]", "", 1, 0, MCMP_ERR_INVALID },
        { "host", "a\r\nb", "", 1, 0, MCMP_ERR_INVALID },
        { "host", "a", "/x\n", 1, 0, MCMP_ERR_INVALID },
        { "port", "a", "", 0, 0, MCMP_ERR_INVALID },
        { "port", "a", "", 65536, 0, MCMP_ERR_INVALID },
        { "flags", "a", "", 1, 4, MCMP_ERR_UNSUPPORTED },
    };

    drive_begin(NULL);
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        mcmp_agent_proxy proxy;
        mcmp_error err;

        mcmp_agent_proxy_init(&proxy);
        mcmp_error_init(&err);
        proxy.host = span_of(table[i].host);
        proxy.path = span_of(table[i].path);
        proxy.port = table[i].port;
        proxy.flags = table[i].flags;
        row_code(table[i].name, mcmp_agent_add(drive.agent, &proxy, drive.now, NULL, &err),
                 table[i].code);
        ck_assert_str_eq(err.field, table[i].name);
    }
    ck_assert_int_eq(mcmp_agent_add(drive.agent, NULL, drive.now, NULL, NULL), MCMP_ERR_INVALID);
    drive_end();
}
END_TEST

START_TEST(test_options_that_are_not_valid_are_refused_by_name)
{
    mcmp_message node = drive_node();
    mcmp_message none = node;
    mcmp_message bad = node;
    mcmp_agent *agent = NULL;
    mcmp_agent_options good;
    mcmp_agent_options opts;
    mcmp_error err;

    mcmp_error_init(&err);
    mcmp_agent_options_init(&good);
    good.node = &node;
#define REFUSED(assignment, name, code)                            \
    opts = good;                                                   \
    opts.assignment;                                               \
    ck_assert_int_eq(mcmp_agent_new(&agent, &opts, &err), (code)); \
    ck_assert_str_eq(err.field, (name));                           \
    ck_assert_ptr_null(agent)
    none.given = 0;
    bad.user_agent = span_of("a\nb");
    REFUSED(node = NULL, "node", MCMP_ERR_INVALID);
    REFUSED(node = &none, "jvm_route", MCMP_ERR_INVALID);
    REFUSED(interval = -1, "interval", MCMP_ERR_INVALID);
    REFUSED(drain_wait = -2, "drain_wait", MCMP_ERR_INVALID);
    REFUSED(stop_poll = MCMP_NEVER, "stop_poll", MCMP_ERR_INVALID);
    REFUSED(max_proxies = 65537, "max_proxies", MCMP_ERR_INVALID);
    REFUSED(reserved = 1, "reserved", MCMP_ERR_UNSUPPORTED);
    opts = good;
    opts.node = &bad;
    ck_assert_int_eq(mcmp_agent_new(&agent, &opts, &err), MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_agent_new(&agent, NULL, &err), MCMP_ERR_INVALID);
    mcmp_agent_free(NULL);
}
END_TEST

/* ---- want of memory ---- */

/* A whole life in which nothing is repeated by the test: the first NOMEM ends it. */
static int live(const mcmp_allocator *allocator, void *ctx)
{
    static const char info[] = "HTTP/1.1 200 OK\r\nContent-Length: 106\r\n\r\n"
                               "Node: [3],Name: n1,Balancer: b\n"
                               "Vhost: [3:1:1], Alias: old\n"
                               "Context: [3:1:1], Context: /x, Status: ENABLED\n\n";
    mcmp_message node = drive_node();
    mcmp_agent_options opts;
    mcmp_agent_proxy proxy;
    mcmp_agent_step step;
    mcmp_agent *agent = NULL;
    size_t used;
    int sends = 0;
    int rc;

    (void)ctx;
    mcmp_agent_options_init(&opts);
    mcmp_agent_proxy_init(&proxy);
    mcmp_agent_step_init(&step);
    opts.node = &node;
    opts.allocator = allocator;
    proxy.host = span_of("127.0.0.1");
    proxy.port = 1;
    rc = mcmp_agent_new(&agent, &opts, NULL);
    if (rc == MCMP_OK)
        rc = mcmp_agent_add(agent, &proxy, 1, NULL, NULL);
    while (rc == MCMP_OK && (rc = mcmp_agent_next(agent, 1, &step, NULL)) == MCMP_OK) {
        if (step.action == MCMP_AGENT_CONNECT)
            rc = mcmp_agent_connected(agent, step.proxy, step.connection, 1);
        else if (sends++ == 0)
            rc = mcmp_agent_received(agent, step.proxy, step.connection, 1, info, sizeof(info) - 1,
                                     &used, NULL);
        else
            rc = mcmp_agent_received(agent, step.proxy, step.connection, 1, answers,
                                     sizeof(answers) - 1, &used, NULL);
    }
    if (rc == MCMP_WAIT)
        ck_assert_int_eq(sends, 5);
    mcmp_agent_free(agent);
    return rc == MCMP_WAIT ? MCMP_OK : rc;
}

START_TEST(test_want_of_memory_loses_nothing)
{
    run_with_oom("a life", live, NULL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_a_step_says_where_to_connect_and_how,
        test_how_answers_are_cut_makes_no_difference,
        test_events_of_a_connection_that_was_given_up_are_told_to_be_stale,
        test_an_answer_that_does_not_come_in_time_is_a_failure,
        test_a_request_that_breaks_on_a_used_connection_is_said_once_more,
        test_a_first_request_that_breaks_is_a_failure,
        test_an_idle_connection_may_be_closed_without_a_word,
        test_bytes_that_nobody_asked_for_close_the_connection,
        test_an_answer_that_ends_the_connection_is_taken,
        test_an_answer_that_is_none_is_a_failure,
        test_a_mute_proxy_delays_no_other,
        test_a_proxy_is_known_by_host_and_port,
        test_an_announcement_ends_the_wait_for_a_proxy,
        test_a_proxy_that_was_found_is_forgotten_when_it_stays_out_of_reach,
        test_a_proxy_that_is_forgotten_is_told_nothing,
        test_there_is_a_limit_to_the_proxies,
        test_a_proxy_that_is_not_valid_is_refused_by_name,
        test_options_that_are_not_valid_are_refused_by_name,
        test_want_of_memory_loses_nothing,
    };

    return run_tests("wire", tests, COUNT_OF(tests));
}
