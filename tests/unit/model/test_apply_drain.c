/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Draining (MCMP 4.2): STOP-APP counts what runs on the named contexts, holds its answer for a
 * moment while that is not nothing, and says it in the line that the Java client reads.
 */
#include "station.h"

#define ONE "JVMRoute=n1&Host=10.0.0.1&Port=8009"
#define STOP_X "JVMRoute=n1&Alias=a&Context=/x"

static void setup(station *s, uint32_t flags, mcmp_time hold)
{
    mcmp_cluster_options opts;

    mcmp_cluster_options_init(&opts);
    opts.flags = flags;
    opts.stop_hold = hold;
    station_open(s, &opts);
    ck_assert_int_eq(say(s, "CONFIG /", ONE), MCMP_OK);
    ck_assert_int_eq(say(s, "ENABLE-APP /", "JVMRoute=n1&Alias=a,b&Context=/x,/y"), MCMP_OK);
    ck_assert_int_eq(say(s, "STATUS /", "JVMRoute=n1&Load=50"), MCMP_OK);
}

static void start(station *s, const char *host, const char *path, mcmp_selection *selection)
{
    mcmp_query query;

    mcmp_query_init(&query);
    query.now = s->now;
    query.host = span_of(host);
    query.path = span_of(path);
    mcmp_selection_init(selection);
    row_code(path, mcmp_select_node(s->cluster, &query, selection, &s->err), MCMP_OK);
}

static void finish(station *s, mcmp_selection *selection)
{
    ck_assert_int_eq(mcmp_selection_release(s->cluster, selection, NULL), MCMP_OK);
}

static int starts_with(mcmp_span text, const char *want)
{
    return text.len >= strlen(want) && memcmp(text.ptr, want, strlen(want)) == 0;
}

START_TEST(test_requests_of_the_named_contexts_are_counted)
{
    static const struct {
        const char *lists;
        const char *shared; /* answer without use_alias: the context counts, whatever its alias */
        const char *by_alias;
    } rows[] = {
        { "Alias=a&Context=/x", "3", "2" },      { "Alias=b&Context=/x", "3", "1" },
        { "Alias=a,b&Context=/x", "3", "3" },    { "Alias=a&Context=/y", "1", "0" },
        { "Alias=a,b&Context=/x,/y", "4", "4" }, { "Alias=a&Context=/z", "0", "0" },
    };

    for (uint32_t flags = 0; flags <= MCMP_CLUSTER_USE_ALIAS; flags += MCMP_CLUSTER_USE_ALIAS) {
        mcmp_selection running[4];
        station s;

        setup(&s, flags, MCMP_NEVER);
        start(&s, "a", "/x/1", &running[0]);
        start(&s, "a", "/x/2", &running[1]);
        start(&s, "b", "/x", &running[2]);
        start(&s, "b", "/y", &running[3]);
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
            char body[100];
            char want[100];

            (void)snprintf(body, sizeof(body), "JVMRoute=n1&%s", rows[i].lists);
            (void)snprintf(want, sizeof(want), "Type=STOP-APP-RSP&JvmRoute=n1&Requests=%s&%s\n",
                           flags != 0 ? rows[i].by_alias : rows[i].shared, rows[i].lists);
            row_code(body, say(&s, "STOP-APP /", body), MCMP_OK);
            row_true(body, starts_with(answer_body(&s), want));
            row_int(body, s.delays, 0);
        }
        for (size_t i = 0; i < COUNT_OF(running); i++)
            finish(&s, &running[i]);
        ck_assert_int_eq(say(&s, "STOP-APP /", STOP_X), MCMP_OK);
        ck_assert(starts_with(answer_body(&s), "Type=STOP-APP-RSP&JvmRoute=n1&Requests=0&"));
        station_close(&s);
    }
}
END_TEST

START_TEST(test_an_answer_is_held_until_nothing_runs_or_the_time_is_over)
{
    mcmp_selection running;
    mcmp_request request;
    station s;
    mcmp_time begin;
    int rc;

    setup(&s, 0, 0);
    start(&s, "a", "/x", &running);
    begin = s.now;
    ck_assert_int_eq(say(&s, "STOP-APP /", STOP_X), MCMP_OK);
    ck_assert_int_eq(s.now - begin, 50 * MCMP_MSEC);
    row_text("over", answer_body(&s),
             "Type=STOP-APP-RSP&JvmRoute=n1&Requests=1&Alias=a&Context=/x\nJvmRoute=n1\n"
             "Alias=a Contexts=/x\n");
    /* the request ends while the answer is held */
    station_request(&s, "STOP-APP /", span_of(STOP_X), &request);
    rc = mcmp_apply(s.cluster, &request, s.response, &s.err);
    ck_assert_int_eq(rc, MCMP_PENDING);
    ck_assert_int_eq(mcmp_response_pending(s.response)->kind, MCMP_PENDING_DELAY);
    ck_assert(mcmp_response_pending(s.response)->probe == NULL);
    finish(&s, &running);
    begin = s.now;
    ck_assert_int_eq(station_settle(&s, &request, rc), MCMP_OK);
    ck_assert_int_le(s.now - begin, 10 * MCMP_MSEC);
    row_text("ended", answer_body(&s),
             "Type=STOP-APP-RSP&JvmRoute=n1&Requests=0&Alias=a&Context=/x\nJvmRoute=n1\n"
             "Alias=a Contexts=/x\n");
    station_close(&s);
}
END_TEST

START_TEST(test_a_held_answer_does_not_stop_what_was_enabled_meanwhile)
{
    mcmp_selection running;
    mcmp_request request;
    mcmp_response *held = NULL;
    station s;
    int rc;

    setup(&s, 0, 0);
    start(&s, "a", "/x", &running);
    ck_assert_int_eq(mcmp_response_new(&held, NULL, NULL), MCMP_OK);
    station_request(&s, "STOP-APP /", span_of(STOP_X), &request);
    ck_assert_int_eq(mcmp_apply(s.cluster, &request, held, &s.err), MCMP_PENDING);
    ck_assert_int_eq(say(&s, "ENABLE-APP /", STOP_X), MCMP_OK);
    rc = mcmp_apply_resume(s.cluster, &request, held, 0, s.now + 50 * MCMP_MSEC, &s.err);
    ck_assert_int_eq(rc, MCMP_OK);
    ck_assert(!info_has(&s, "STOPPED"));
    /* and one whose node is gone is told so */
    ck_assert_int_eq(mcmp_apply(s.cluster, &request, held, &s.err), MCMP_PENDING);
    ck_assert_int_eq(say(&s, "REMOVE-APP /*", "JVMRoute=n1"), MCMP_OK);
    rc = mcmp_apply_resume(s.cluster, &request, held, 0, s.now + 50 * MCMP_MSEC, &s.err);
    ck_assert_int_eq(rc, MCMP_ERR_UNKNOWN_NODE);
    finish(&s, &running);
    mcmp_response_free(held);
    station_close(&s);
}
END_TEST

START_TEST(test_whole_node_commands_and_others_never_wait)
{
    mcmp_selection running;
    station s;

    setup(&s, 0, 0);
    start(&s, "a", "/x", &running);
    ck_assert_int_eq(say(&s, "DISABLE-APP /", STOP_X), MCMP_OK);
    ck_assert_int_eq(say(&s, "STOP-APP /*", "JVMRoute=n1"), MCMP_OK);
    ck_assert_uint_eq(answer_body(&s).len, 0);
    ck_assert_int_eq(say(&s, "REMOVE-APP /", STOP_X), MCMP_OK);
    ck_assert_int_eq(s.delays, 0);
    finish(&s, &running);
    station_close(&s);
}
END_TEST

START_TEST(test_info_shows_what_was_chosen_and_what_still_runs)
{
    mcmp_selection running;
    mcmp_outcome outcome;
    mcmp_view *view;
    mcmp_context_info context;
    uint32_t sum = 0;
    station s;

    setup(&s, 0, 0);
    start(&s, "a", "/x", &running);
    ck_assert(info_has(&s, "Elected: 1,Read: 0,Transfered: 0,Connected: 1,"));
    ck_assert_int_eq(mcmp_view_new(&view, s.cluster, s.now, &s.err), MCMP_OK);
    mcmp_context_info_init(&context);
    ck_assert_uint_eq(mcmp_view_context_count(view), 4);
    for (size_t i = 0; mcmp_view_context(view, i, &context) == MCMP_OK; i++)
        sum += context.path.ptr[1] == 'x' && context.alias.ptr[0] == 'a' ? context.requests : 0;
    ck_assert_uint_eq(sum, 1);
    mcmp_view_free(view);
    mcmp_outcome_init(&outcome);
    outcome.bytes_read = 1000;
    outcome.bytes_sent = 77;
    outcome.now = s.now;
    ck_assert_int_eq(mcmp_selection_release(s.cluster, &running, &outcome), MCMP_OK);
    ck_assert(info_has(&s, "Elected: 1,Read: 1000,Transfered: 77,Connected: 0,"));
    station_close(&s);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_requests_of_the_named_contexts_are_counted,
        test_an_answer_is_held_until_nothing_runs_or_the_time_is_over,
        test_a_held_answer_does_not_stop_what_was_enabled_meanwhile,
        test_whole_node_commands_and_others_never_wait,
        test_info_shows_what_was_chosen_and_what_still_runs,
    };

    return run_tests("apply: draining", tests, COUNT_OF(tests));
}
