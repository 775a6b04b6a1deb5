/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Full tables (MCMP 4.1, 4.2): what stays, what is listed, and that all_or_nothing leaves nothing.
 */
#include "station.h"

#define ONE "JVMRoute=n1&Host=10.0.0.1"
#define ALIAS "Can't update or insert host alias for node with \"n1\" JVMRoute "
#define CONTEXT "Can't update or insert context for node with \"n1\" JVMRoute "

static void open_small(station *s, uint32_t aliases, uint32_t contexts, uint32_t flags)
{
    mcmp_cluster_options opts;

    mcmp_cluster_options_init(&opts);
    opts.max_nodes = 4;
    opts.max_aliases = aliases;
    opts.max_contexts = contexts;
    opts.flags = flags;
    station_open(s, &opts);
}

static const struct {
    const char *name;
    uint32_t aliases;
    uint32_t contexts;
    const char *lists;
    const char *mess;
    const char *tail; /* INFO's lines afterwards */
} rows[] = {
    { "contexts", 4, 2, "Alias=a&Context=/1,/2,/3,/4",
      "MEM: " CONTEXT "(/3 and alias: a), " CONTEXT "(/4 and alias: a)",
      "Vhost: [1:1:1], Alias: a\nContext: [1:1:1], Context: /1, Status: STOPPED\n"
      "Context: [1:1:1], Context: /2, Status: STOPPED\n" },
    { "contexts of the second alias", 4, 3, "Alias=a,b&Context=/1,/2",
      "MEM: " CONTEXT "(/2 and alias: b)",
      "Vhost: [1:1:1], Alias: a\nVhost: [1:1:2], Alias: b\n"
      "Context: [1:1:1], Context: /1, Status: STOPPED\n"
      "Context: [1:1:1], Context: /2, Status: STOPPED\n"
      "Context: [1:1:2], Context: /1, Status: STOPPED\n" },
    { "aliases", 1, 9, "Alias=a,b,c&Context=/1", "MEM: " ALIAS "(b), " ALIAS "(c)",
      "Vhost: [1:1:1], Alias: a\nContext: [1:1:1], Context: /1, Status: STOPPED\n" },
    { "both", 2, 1, "Alias=a,b,c&Context=/1", "MEM: " CONTEXT "(/1 and alias: b), " ALIAS "(c)",
      "Vhost: [1:1:1], Alias: a\nVhost: [1:1:2], Alias: b\n"
      "Context: [1:1:1], Context: /1, Status: STOPPED\n" },
};

START_TEST(test_what_fits_stays_and_what_does_not_is_listed)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        station s;
        char body[200];

        open_small(&s, rows[i].aliases, rows[i].contexts, 0);
        (void)snprintf(body, sizeof(body), ONE "&%s", rows[i].lists);
        /* twice: the repeat finds what fits and lists the same */
        for (int turn = 0; turn < 2; turn++) {
            row_code(rows[i].name, say(&s, "CONFIG /", body), MCMP_ERR_FULL);
            row_int(rows[i].name, mcmp_response_status(s.response), 500);
            row_text(rows[i].name, answer_header(&s, "Type"), "MEM");
            row_text(rows[i].name, answer_header(&s, "Mess"), rows[i].mess);
            row_int(rows[i].name, s.err.wire_class, MCMP_WIRE_MEM);
            row_text(rows[i].name, span_of(s.err.field),
                     strstr(rows[i].mess, "context for") != NULL ? "max_contexts" : "max_aliases");
            row_text(rows[i].name, info_tail(&s), rows[i].tail);
        }
        row_code(rows[i].name, say(&s, "STATUS /", "JVMRoute=n1&Load=1"), MCMP_OK);
        station_close(&s);
    }
}
END_TEST

START_TEST(test_all_or_nothing_leaves_nothing)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        station s;
        char body[200];

        open_small(&s, rows[i].aliases, rows[i].contexts, MCMP_CLUSTER_ALL_OR_NOTHING);
        (void)snprintf(body, sizeof(body), ONE "&%s", rows[i].lists);
        row_code(rows[i].name, say(&s, "CONFIG /", body), MCMP_ERR_FULL);
        row_text(rows[i].name, answer_header(&s, "Mess"), rows[i].mess);
        row_text(rows[i].name, info_text(&s), "");
        row_code(rows[i].name, say(&s, "STATUS /", "JVMRoute=n1&Load=1"), MCMP_ERR_UNKNOWN_NODE);
        /* a node that lives stays as it was, its other fields too */
        row_code(rows[i].name, say(&s, "CONFIG /", ONE), MCMP_OK);
        (void)snprintf(body, sizeof(body), ONE "&Domain=d&%s", rows[i].lists);
        row_code(rows[i].name, say(&s, "CONFIG /", body), MCMP_ERR_FULL);
        row_true(rows[i].name, info_has(&s, "LBGroup: ,"));
        row_text(rows[i].name, info_tail(&s), "");
        station_close(&s);
    }
}
END_TEST

START_TEST(test_app_commands_leave_out_what_does_not_fit_and_log_it)
{
    static const step steps[] = {
        { "CONFIG", "CONFIG /", ONE, MCMP_OK, "", "" },
        { "two of three", "ENABLE-APP /", "JVMRoute=n1&Alias=a&Context=/1,/2,/3", MCMP_OK,
          "Type=ENABLE-APP-RSP\nJvmRoute=n1\nAlias=a Contexts=/1,/2\n", NULL },
        { "nothing fits", "ENABLE-APP /", "JVMRoute=n1&Alias=b,c,d&Context=/1", MCMP_OK,
          "Type=ENABLE-APP-RSP\nJvmRoute=n1\n",
          "Vhost: [1:1:1], Alias: a\nContext: [1:1:1], Context: /1, Status: ENABLED\n"
          "Context: [1:1:1], Context: /2, Status: ENABLED\n" },
        { "what exists is done", "STOP-APP /", "JVMRoute=n1&Alias=b,a&Context=/9,/2", MCMP_OK,
          "Type=STOP-APP-RSP&JvmRoute=n1&Requests=0&Alias=b,a&Context=/9,/2\nJvmRoute=n1\n"
          "Alias=a Contexts=/2\n",
          NULL },
    };
    station s;

    open_small(&s, 2, 2, 0);
    PLAY(&s, steps);
    ck_assert(strstr(s.log, "2 node n1: 1 entries left out, first /3 of alias a: "
                            "max_contexts is full\n") != NULL);
    ck_assert(strstr(s.log, "max_aliases, max_contexts is full\n") != NULL);
    station_close(&s);
}
END_TEST

START_TEST(test_removed_rows_give_their_places_back)
{
    station s;

    open_small(&s, 2, 4, 0);
    for (int i = 0; i < 50; i++) {
        ck_assert_int_eq(say(&s, "CONFIG /", ONE "&Alias=a,b&Context=/1,/2"), MCMP_OK);
        ck_assert_int_eq(say(&s, "REMOVE-APP /*", "JVMRoute=n1"), MCMP_OK);
        s.connection++;
    }
    ck_assert_int_eq(say(&s, "CONFIG /", ONE "&Alias=a,b&Context=/1,/2"), MCMP_OK);
    for (int i = 0; i < 50; i++) {
        ck_assert_int_eq(say(&s, "REMOVE-APP /", "JVMRoute=n1&Alias=a,b&Context=/1,/2"), MCMP_OK);
        ck_assert_int_eq(say(&s, "STOP-APP /", "JVMRoute=n1&Alias=c,d&Context=/3,/4"), MCMP_OK);
        ck_assert_int_eq(say(&s, "REMOVE-APP /", "JVMRoute=n1&Alias=c,d&Context=/3,/4"), MCMP_OK);
        ck_assert_int_eq(say(&s, "STOP-APP /", "JVMRoute=n1&Alias=a,b&Context=/1,/2"), MCMP_OK);
    }
    ck_assert(strstr(s.log, "full") == NULL);
    station_close(&s);
}
END_TEST

START_TEST(test_a_message_that_names_far_too_much_is_listed_up_to_4096_bytes)
{
    static char body[200000];
    mcmp_cluster_options opts;
    mcmp_command_limits limits;
    station s;
    size_t len;
    mcmp_span mess;

    mcmp_cluster_options_init(&opts);
    mcmp_command_limits_init(&limits);
    limits.max_message = sizeof(body);
    opts.limits = &limits;
    opts.max_nodes = 2;
    opts.max_aliases = 10000;
    opts.max_contexts = 5;
    station_open(&s, &opts);
    len = (size_t)snprintf(body, sizeof(body), ONE "&Alias=a0");
    for (int i = 1; i < 6000; i++)
        len += (size_t)snprintf(body + len, sizeof(body) - len, ",a%d", i);
    len += (size_t)snprintf(body + len, sizeof(body) - len, "&Context=/0");
    for (int i = 1; i < 6000; i++)
        len += (size_t)snprintf(body + len, sizeof(body) - len, ",/%d", i);
    ck_assert_int_eq(say(&s, "CONFIG /", body), MCMP_ERR_FULL);
    mess = answer_header(&s, "Mess");
    ck_assert(mess.len <= 4096 && mess.len > 3900);
    ck_assert(memcmp(mess.ptr + mess.len - 5, " more", 5) == 0);
    /* 36 million pairs less five: what is listed and what is counted */
    {
        size_t listed = 0;
        unsigned long long more = 0;

        for (size_t i = 0; i + 4 <= mess.len; i++)
            listed += memcmp(mess.ptr + i, "Can'", 4) == 0;
        for (size_t i = mess.len - 6, unit = 1; mess.ptr[i] != ' '; i--, unit *= 10)
            more += (unsigned long long)(mess.ptr[i] - '0') * unit;
        ck_assert_uint_eq(listed + more, 6000ull * 6000 - 5);
    }
    station_close(&s);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_what_fits_stays_and_what_does_not_is_listed,
        test_all_or_nothing_leaves_nothing,
        test_app_commands_leave_out_what_does_not_fit_and_log_it,
        test_removed_rows_give_their_places_back,
        test_a_message_that_names_far_too_much_is_listed_up_to_4096_bytes,
    };

    return run_tests("apply: full tables", tests, COUNT_OF(tests));
}
