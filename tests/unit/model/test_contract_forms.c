/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What INFO, DUMP and the answers of *-APP show over the life of nodes (MCMP 3.3, 4.2, 4.7, 4.9),
 * as far as the other suites do not say it: order, ids, rows of balancers, requests that run.
 */
#include "held.h"

#define ONE "JVMRoute=n1&Host=10.0.0.1&Port=8009"
#define TWO "JVMRoute=n2&Host=10.0.0.2&Port=8009"

static void choose(station *s, const char *host, const char *path, mcmp_selection *selection)
{
    mcmp_query query;

    mcmp_query_init(&query);
    query.now = s->now;
    query.host = span_of(host);
    query.path = span_of(path);
    mcmp_selection_init(selection);
    row_code(path, mcmp_select_node(s->cluster, &query, selection, &s->err), MCMP_OK);
}

START_TEST(test_registration_orders_the_lines_and_replacement_does_not)
{
    static const step steps[] = {
        { "first", "CONFIG /", ONE "&Alias=a&Context=/1", MCMP_OK, "", NULL },
        { "second", "CONFIG /", TWO "&Alias=a,b&Context=/2", MCMP_OK, "",
          "Vhost: [2:1:1], Alias: a\nVhost: [2:1:2], Alias: b\nVhost: [1:1:3], Alias: a\n"
          "Context: [2:1:1], Context: /2, Status: STOPPED\n"
          "Context: [2:1:2], Context: /2, Status: STOPPED\n"
          "Context: [1:1:3], Context: /1, Status: STOPPED\n" },
        { "replaced: the place stays", "CONFIG /", "JVMRoute=n1&Host=10.0.0.9&Type=http", MCMP_OK,
          "",
          "Vhost: [2:1:1], Alias: a\nVhost: [2:1:2], Alias: b\nVhost: [1:1:3], Alias: a\n"
          "Context: [2:1:1], Context: /2, Status: STOPPED\n"
          "Context: [2:1:2], Context: /2, Status: STOPPED\n"
          "Context: [1:1:3], Context: /1, Status: STOPPED\n" },
        { "a status changes: each by registration", "ENABLE-APP /",
          "JVMRoute=n2&Alias=a&Context=/3,/2", MCMP_OK,
          "Type=ENABLE-APP-RSP\nJvmRoute=n2\nAlias=a Contexts=/3,/2\n",
          "Vhost: [2:1:1], Alias: a\nVhost: [2:1:2], Alias: b\nVhost: [1:1:3], Alias: a\n"
          "Context: [2:1:2], Context: /2, Status: STOPPED\n"
          "Context: [2:1:1], Context: /2, Status: ENABLED\n"
          "Context: [2:1:1], Context: /3, Status: ENABLED\n"
          "Context: [1:1:3], Context: /1, Status: STOPPED\n" },
        { "removed", "REMOVE-APP /*", "JVMRoute=n1", MCMP_OK, "", NULL },
        { "registered again: newest, with a new id", "CONFIG /", ONE "&Alias=b&Context=/1", MCMP_OK,
          "",
          "Vhost: [3:1:1], Alias: b\nVhost: [2:1:2], Alias: a\nVhost: [2:1:3], Alias: b\n"
          "Context: [3:1:1], Context: /1, Status: STOPPED\n"
          "Context: [2:1:3], Context: /2, Status: STOPPED\n"
          "Context: [2:1:2], Context: /2, Status: ENABLED\n"
          "Context: [2:1:2], Context: /3, Status: ENABLED\n" },
    };
    mcmp_cluster_options opts;
    station s;

    mcmp_cluster_options_init(&opts);
    opts.replace_policy = MCMP_REPLACE_LAST_WRITER;
    station_open(&s, &opts);
    PLAY(&s, steps);
    /* the takeover of its grace row left no second one */
    ck_assert(!info_has(&s, "Node: [1],"));
    station_close(&s);
}
END_TEST

START_TEST(test_a_balancer_is_dumped_until_its_last_row_is_forgotten)
{
    station s;

    station_open(&s, NULL);
    must(&s, "CONFIG /", ONE "&Balancer=first");
    must(&s, "CONFIG /", TWO "&Balancer=first");
    must(&s, "CONFIG /", "JVMRoute=n3&Balancer=second");
    must(&s, "REMOVE-APP /*", "JVMRoute=n1");
    s.now += 5 * MCMP_SEC;
    must(&s, "REMOVE-APP /*", "JVMRoute=n2");
    s.now += MCMP_SEC;
    s.connection++;
    must(&s, "CONFIG /", TWO "&Balancer=second");
    s.now += 14 * MCMP_SEC - 1; /* the last moment of n1's row */
    ck_assert(text_has(dump_text(&s), "balancer: [1] Name: first "));
    ck_assert(text_has(dump_text(&s), "Balancer: first,JVMRoute: REMOVED"));
    s.now += 1;
    ck_assert(!text_has(dump_text(&s), "first"));
    ck_assert(text_has(dump_text(&s), "balancer: [1] Name: second "));
    station_close(&s);
}
END_TEST

START_TEST(test_stop_app_counts_a_context_also_when_its_pair_finds_no_place)
{
    mcmp_cluster_options opts;
    mcmp_selection selection;
    station s;

    mcmp_cluster_options_init(&opts);
    opts.max_aliases = 1;
    opts.stop_hold = MCMP_NEVER;
    station_open(&s, &opts);
    must(&s, "CONFIG /", ONE);
    must(&s, "ENABLE-APP /", "JVMRoute=n1&Alias=a&Context=/x");
    choose(&s, "a", "/x/y", &selection);
    must(&s, "STOP-APP /", "JVMRoute=n1&Alias=b&Context=/x,/z");
    row_text("answer", answer_body(&s),
             "Type=STOP-APP-RSP&JvmRoute=n1&Requests=1&Alias=b&Context=/x,/z\nJvmRoute=n1\n");
    ck_assert_int_eq(mcmp_selection_release(s.cluster, &selection, NULL), MCMP_OK);
    must(&s, "STOP-APP /", "JVMRoute=n1&Alias=b&Context=/x,/z");
    ck_assert(text_has(answer_body(&s), "&Requests=0&"));
    station_close(&s);
}
END_TEST

START_TEST(test_a_request_that_ends_on_the_old_endpoint_is_counted_until_then)
{
    mcmp_cluster_options opts;
    mcmp_selection selection;
    station s;

    mcmp_cluster_options_init(&opts);
    opts.replace_policy = MCMP_REPLACE_LAST_WRITER;
    opts.stop_hold = MCMP_NEVER;
    station_open(&s, &opts);
    must(&s, "CONFIG /", ONE);
    must(&s, "ENABLE-APP /", "JVMRoute=n1&Alias=a&Context=/x");
    choose(&s, "a", "/x", &selection);
    row_text("its endpoint", selection.host, "10.0.0.1");
    must(&s, "CONFIG /", "JVMRoute=n1&Host=10.0.0.2");
    ck_assert(info_has(&s, "Host: 10.0.0.2,") && info_has(&s, ",Connected: 1,"));
    row_text("still", selection.host, "10.0.0.1");
    must(&s, "STOP-APP /", "JVMRoute=n1&Alias=a&Context=/x");
    ck_assert(text_has(answer_body(&s), "&Requests=1&"));
    ck_assert_int_eq(mcmp_selection_release(s.cluster, &selection, NULL), MCMP_OK);
    ck_assert(info_has(&s, "Elected: 1,") && info_has(&s, ",Connected: 0,"));
    must(&s, "STOP-APP /", "JVMRoute=n1&Alias=a&Context=/x");
    ck_assert(text_has(answer_body(&s), "&Requests=0&"));
    station_close(&s);
}
END_TEST

/* Elements of lists as they are sent, and the lines of the answer (MCMP 3.3). */
static const struct {
    const char *name;
    const char *lists;
    int code;
    const char *lines;
} lists[] = {
    { "a slash at the end", "Alias=h&Context=/a/,/a", MCMP_OK, "Alias=h Contexts=/a\n" },
    { "the root anywhere", "Alias=h&Context=/a,/,/b", MCMP_OK, "Alias=h Contexts=/a,/,/b\n" },
    { "nothing but slashes is the root", "Alias=h&Context=//", MCMP_OK, "Alias=h Contexts=/\n" },
    { "without a slash", "Alias=h&Context=a", MCMP_OK, "Alias=h Contexts=a\n" },
    { "case of contexts counts", "Alias=h&Context=/a,/A", MCMP_OK, "Alias=h Contexts=/a,/A\n" },
    { "case of aliases does not", "Alias=h,H&Context=/a", MCMP_OK, "Alias=h Contexts=/a\n" },
    { "keys repeat and have no case", "alias=h&ALIAS=i&context=/a&Context=/b", MCMP_OK,
      "Alias=h Contexts=/a,/b\nAlias=i Contexts=/a,/b\n" },
    { "a coded comma is a comma", "Alias=h%2Ci&Context=/a", MCMP_OK,
      "Alias=h Contexts=/a\nAlias=i Contexts=/a\n" },
    { "bytes", "Alias=h&Context=/%c3%a4", MCMP_OK, "Alias=h Contexts=/%C3%A4\n" },
    { "empty pairs", "&&Alias=h&&Context=/a&", MCMP_OK, "Alias=h Contexts=/a\n" },
    { "an equals sign in a value", "Alias=h&Context=/a=b", MCMP_OK, "Alias=h Contexts=/a=b\n" },
    { "unknown keys", "Foo=&Alias=h&Context=/a&Bar=1", MCMP_OK, "Alias=h Contexts=/a\n" },
    { "a comma at the end", "Alias=h&Context=/a,", MCMP_ERR_SYNTAX, NULL },
    { "a comma at the front", "Alias=,h&Context=/a", MCMP_ERR_SYNTAX, NULL },
    { "an empty list", "Alias=&Context=/a", MCMP_ERR_SYNTAX, NULL },
    { "one bad one of two", "Alias=h&Context=/a&Context=", MCMP_ERR_SYNTAX, NULL },
};

START_TEST(test_lists_are_read_as_told)
{
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        station s;
        char body[200];
        char want[200];

        station_open(&s, NULL);
        must(&s, "CONFIG /", ONE);
        (void)snprintf(body, sizeof(body), "JVMRoute=n1&%s", lists[i].lists);
        row_code(lists[i].name, say(&s, "DISABLE-APP /", body), lists[i].code);
        (void)snprintf(want, sizeof(want), "Type=DISABLE-APP-RSP\nJvmRoute=n1\n%s",
                       lists[i].lines != NULL ? lists[i].lines : "");
        if (lists[i].lines != NULL)
            row_text(lists[i].name, answer_body(&s), want);
        else
            row_text(lists[i].name, info_tail(&s), "");
        station_close(&s);
    }
}
END_TEST

/* What a STOP-APP answers; the node has h:/x and h:/y, nothing runs. */
static const struct {
    const char *name;
    const char *line;
    const char *lists;
    const char *answer;
} stops[] = {
    { "known", "STOP-APP /", "&Alias=h&Context=/x",
      "Type=STOP-APP-RSP&JvmRoute=n1&Requests=0&Alias=h&Context=/x\nJvmRoute=n1\n"
      "Alias=h Contexts=/x\n" },
    { "unknown: created", "STOP-APP /", "&Alias=new&Context=/z,/x",
      "Type=STOP-APP-RSP&JvmRoute=n1&Requests=0&Alias=new&Context=/z,/x\nJvmRoute=n1\n"
      "Alias=new Contexts=/z,/x\n" },
    { "canonical names", "STOP-APP /", "&Alias=NEW,new&Context=/z/",
      "Type=STOP-APP-RSP&JvmRoute=n1&Requests=0&Alias=new&Context=/z\nJvmRoute=n1\n"
      "Alias=new Contexts=/z\n" },
    { "the whole node: nothing", "STOP-APP /*", "", "" },
    { "its lists are ignored, whatever they are", "STOP-APP /*", "&Alias=,,&Context=", "" },
};

START_TEST(test_stop_app_repeats_the_lists_and_names_what_was_done)
{
    station s;

    station_open(&s, NULL);
    must(&s, "CONFIG /", ONE);
    must(&s, "ENABLE-APP /", "JVMRoute=n1&Alias=h&Context=/x,/y");
    for (size_t i = 0; i < COUNT_OF(stops); i++) {
        char body[100];

        (void)snprintf(body, sizeof(body), "JVMRoute=n1%s", stops[i].lists);
        row_code(stops[i].name, say(&s, stops[i].line, body), MCMP_OK);
        row_text(stops[i].name, answer_body(&s), stops[i].answer);
    }
    ck_assert(!info_has(&s, "ENABLED"));
    station_close(&s);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_registration_orders_the_lines_and_replacement_does_not,
        test_a_balancer_is_dumped_until_its_last_row_is_forgotten,
        test_stop_app_counts_a_context_also_when_its_pair_finds_no_place,
        test_a_request_that_ends_on_the_old_endpoint_is_counted_until_then,
        test_lists_are_read_as_told,
        test_stop_app_repeats_the_lists_and_names_what_was_done,
    };

    return run_tests("contract: forms", tests, COUNT_OF(tests));
}
