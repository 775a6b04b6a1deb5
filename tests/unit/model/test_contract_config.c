/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MCMP 4.1 and 4.4 sentence by sentence, as far as the other suites do not say it: endpoints, what
 * belongs to the balancer, rows that are taken over, full tables, heal_reset, silence to the
 * microsecond.
 */
#include "held.h"

#define ONE "JVMRoute=n1&Host=10.0.0.1&Port=8009"
#define TWO "JVMRoute=n2&Host=10.0.0.2&Port=8009"

/*
 * Host without case, IPv6 by value, and Port; Type does not count. An IPv4 address is a name here:
 * it is compared as it is written, also against the IPv6 form that holds it.
 */
static const struct {
    const char *name;
    const char *a;
    const char *b;
    int same;
} endpoints[] = {
    { "case", "Host=Node.Example&Port=80", "Host=node.eXample&Port=80", 1 },
    { "the port", "Host=h&Port=80", "Host=h&Port=81", 0 },
    { "digits of the port", "Host=h&Port=80", "Host=h&Port=0080", 1 },
    { "Type", "Host=h&Port=80&Type=ajp", "Host=h&Port=80&Type=https", 1 },
    { "defaults", "Type=http", "Host=LOCALHOST&Port=8009", 1 },
    { "a dot at the end", "Host=h.example&Port=80", "Host=h.example.&Port=80", 0 },
    { "brackets", "Host=%5B::1%5D&Port=80", "Host=::1&Port=80", 1 },
    { "long and short", "Host=%5B0:0:0:0:0:0:0:1%5D&Port=80", "Host=%5B::1%5D&Port=80", 1 },
    { "hex digits", "Host=2001:DB8::A&Port=80", "Host=2001:0db8:0::000a&Port=80", 1 },
    { "the dotted end", "Host=::ffff:10.0.0.1&Port=80", "Host=::ffff:a00:1&Port=80", 1 },
    { "zones", "Host=fe80::1%25eth0&Port=80", "Host=%5Bfe80::1%25eth1%5D&Port=80", 1 },
    { "another value", "Host=::1&Port=80", "Host=::2&Port=80", 0 },
    { "IPv4 and the IPv6 that holds it", "Host=10.0.0.1&Port=80", "Host=::ffff:10.0.0.1&Port=80",
      0 },
    { "IPv4 as written", "Host=10.0.0.1&Port=80", "Host=10.0.0.01&Port=80", 0 },
    { "name and address", "Host=localhost&Port=80", "Host=127.0.0.1&Port=80", 0 },
};

START_TEST(test_an_endpoint_is_one_whatever_way_it_is_written)
{
    for (size_t i = 0; i < COUNT_OF(endpoints); i++) {
        station s;
        char body[120];

        station_open(&s, NULL);
        (void)snprintf(body, sizeof(body), "JVMRoute=a&%s", endpoints[i].a);
        row_code(endpoints[i].name, say(&s, "CONFIG /", body), MCMP_OK);
        (void)snprintf(body, sizeof(body), "JVMRoute=b&%s", endpoints[i].b);
        row_code(endpoints[i].name, say(&s, "CONFIG /", body),
                 endpoints[i].same ? MCMP_ERR_CONFLICT : MCMP_OK);
        if (endpoints[i].same)
            row_text(endpoints[i].name, answer_header(&s, "Mess"),
                     "MEM: Another for the same worker already exist");
        station_close(&s);
    }
}
END_TEST

START_TEST(test_a_host_is_shown_as_it_was_sent_first)
{
    station s;

    station_open(&s, NULL);
    must(&s, "CONFIG /", "JVMRoute=a&Host=Node.Example&Port=80");
    must(&s, "CONFIG /", "JVMRoute=a&Host=NODE.EXAMPLE&Port=80");
    ck_assert(info_has(&s, ",Host: Node.Example,"));
    must(&s, "CONFIG /", "JVMRoute=b&Host=FE80::0:1%25lo&Port=80");
    ck_assert(info_has(&s, ",Host: [FE80::0:1],"));
    ck_assert_int_eq(s.probes, 0);
    station_close(&s);
}
END_TEST

START_TEST(test_the_last_config_of_any_node_gives_the_balancer_its_fields)
{
    station s;

    station_open(&s, NULL);
    must(&s, "CONFIG /", ONE "&StickySessionCookie=SID&WaitWorker=7&Maxattempts=3&Domain=d");
    ck_assert(text_has(dump_text(&s), "Sticky: 1 [SID]/[jsessionid] remove: 0 force: 1 Timeout: 7 "
                                      "maxAttempts: 3\n"));
    /* absent is default, also for a field that another node gave */
    must(&s, "CONFIG /", TWO "&StickySession=0");
    ck_assert(text_has(dump_text(&s), "Sticky: 0 [JSESSIONID]/[jsessionid] remove: 0 force: 1 "
                                      "Timeout: 0 maxAttempts: 1\n"));
    ck_assert(info_has(&s, "Name: n1,Balancer: mycluster,LBGroup: d,"));
    /* a CONFIG that is refused gives nothing */
    ck_assert_int_eq(say(&s, "CONFIG /", ONE "&smax=1&WaitWorker=9"), MCMP_ERR_CONFLICT);
    ck_assert_int_eq(say(&s, "CONFIG /", "JVMRoute=n3&Host=10.0.0.2&Port=8009&WaitWorker=9"),
                     MCMP_ERR_CONFLICT);
    ck_assert(text_has(dump_text(&s), "Timeout: 0 maxAttempts: 1\n"));
    station_close(&s);
}
END_TEST

/* Two balancers, one node each; the first one's row changes hands in one message. */
static const struct {
    const char *name;
    const char *line;
    const char *before;
    mcmp_time silence;
    const char *config;
} takeovers[] = {
    { "its route comes back", "REMOVE-APP /*", "JVMRoute=n1", 0, ONE "&Balancer=first" },
    { "it comes back elsewhere", "REMOVE-APP /*", "JVMRoute=n1", 0,
      "JVMRoute=n1&Host=10.0.0.9&Balancer=first" },
    { "its endpoint gets another route", "REMOVE-APP /*", "JVMRoute=n1", 0,
      "JVMRoute=n9&Host=10.0.0.1&Port=8009&Balancer=first" },
    { "it was silent", "STATUS /", "JVMRoute=n1", 16 * MCMP_SEC,
      "JVMRoute=n9&Host=10.0.0.1&Port=8009&Balancer=first" },
};

START_TEST(test_a_balancer_keeps_its_place_when_its_only_row_is_taken_over)
{
    for (size_t i = 0; i < COUNT_OF(takeovers); i++) {
        station s;
        mcmp_span dump;

        station_open(&s, NULL);
        must(&s, "CONFIG /", ONE "&Balancer=first");
        must(&s, "CONFIG /", TWO "&Balancer=second");
        must(&s, takeovers[i].line, takeovers[i].before);
        s.connection++;
        s.now += takeovers[i].silence;
        must(&s, "CONFIG /", takeovers[i].config);
        dump = dump_text(&s);
        row_true(takeovers[i].name, text_has(dump, "balancer: [1] Name: first "));
        row_true(takeovers[i].name, text_has(dump, "balancer: [2] Name: second "));
        row_true(takeovers[i].name, !text_has(dump, "balancer: [3]"));
        /* one row per node: what was taken over is no row of its own any more */
        row_true(takeovers[i].name, !info_has(&s, "Node: [4]") && !info_has(&s, "Node: [1]"));
        row_true(takeovers[i].name, info_has(&s, "Node: [3]") && info_has(&s, "Node: [2]"));
        station_close(&s);
    }
}
END_TEST

START_TEST(test_a_balancer_goes_when_its_last_row_changes_to_another)
{
    station s;

    station_open(&s, NULL);
    must(&s, "CONFIG /", ONE "&Balancer=first");
    must(&s, "REMOVE-APP /*", "JVMRoute=n1");
    ck_assert(text_has(dump_text(&s), "Name: first "));
    s.connection++;
    must(&s, "CONFIG /", ONE "&Balancer=second");
    ck_assert(!text_has(dump_text(&s), "Name: first "));
    ck_assert(text_has(dump_text(&s), "balancer: [1] Name: second "));
    station_close(&s);
}
END_TEST

/* A node comes back within the grace period, and what INFO shows then; n1 was at 10.0.0.1:8009. */
static const struct {
    const char *name;
    const char *body;
    const char *gone;
} returns[] = {
    { "same route, same endpoint", ONE, "Node: [1]" },
    { "same route, other endpoint", "JVMRoute=n1&Host=10.0.0.3&Port=1", "Node: [1]" },
    { "other route, same endpoint", "JVMRoute=n9&Host=10.0.0.1&Port=8009", "Node: [1]" },
    { "other balancer", ONE "&Balancer=b", "Balancer: mycluster" },
};

START_TEST(test_a_grace_row_goes_to_who_has_its_route_or_endpoint)
{
    for (size_t i = 0; i < COUNT_OF(returns); i++) {
        for (int stage = 0; stage <= 1; stage++) {
            station s;
            mcmp_node_info node;

            station_open(&s, NULL);
            must(&s, "CONFIG /", ONE "&Domain=d&Alias=a&Context=/x");
            must(&s, "STATUS /", "JVMRoute=n1&Load=9");
            must(&s, "REMOVE-APP /*", "JVMRoute=n1");
            s.now += stage * 11 * MCMP_SEC;
            s.connection++;
            row_code(returns[i].name, say(&s, "CONFIG /", returns[i].body), MCMP_OK);
            row_true(returns[i].name, !info_has(&s, returns[i].gone));
            row_true(returns[i].name, info_has(&s, "Node: [2]") && info_has(&s, ",Load: 0\n"));
            row_text(returns[i].name, info_tail(&s), "");
            row_true(returns[i].name, !info_has(&s, "REMOVED"));
            row_true(returns[i].name, find_node(&s, i == 2 ? "n9" : "n1", &node));
            row_int(returns[i].name, node.state, MCMP_NODE_UNPROVEN);
            station_close(&s);
        }
    }
}
END_TEST

START_TEST(test_a_refused_config_leaves_a_grace_row_as_it_is)
{
    station s;

    station_open(&s, NULL);
    must(&s, "CONFIG /", ONE);
    must(&s, "CONFIG /", TWO);
    must(&s, "REMOVE-APP /*", "JVMRoute=n1");
    ck_assert_int_eq(say(&s, "CONFIG /", "JVMRoute=n1&Host=10.0.0.2&Port=8009"), MCMP_ERR_CONFLICT);
    ck_assert(info_has(&s, "Node: [1],Name: n1"));
    /* nor can it be addressed, under either of its names */
    ck_assert_int_eq(say(&s, "ENABLE-APP /*", "JVMRoute=n1"), MCMP_ERR_UNKNOWN_NODE);
    s.now += 11 * MCMP_SEC;
    ck_assert_int_eq(say(&s, "REMOVE-APP /*", "JVMRoute=REMOVED"), MCMP_ERR_UNKNOWN_NODE);
    ck_assert_int_eq(say(&s, "PING /", "JVMRoute=REMOVED"), MCMP_ERR_UNKNOWN_NODE);
    ck_assert(info_has(&s, "Node: [1],Name: REMOVED"));
    station_close(&s);
}
END_TEST

START_TEST(test_silence_begins_a_moment_after_its_time_and_only_after_a_status)
{
    static const struct {
        const char *name;
        mcmp_time start;
        int probe_ok; /* of the STATUS */
        mcmp_time after;
        int taken;
    } rows[] = {
        { "just as old", 1000 * MCMP_SEC, 1, 15 * MCMP_SEC, 0 },
        { "older", 1000 * MCMP_SEC, 1, 15 * MCMP_SEC + 1, 1 },
        { "a STATUS that got NOTOK is one too", 1000 * MCMP_SEC, 0, 15 * MCMP_SEC, 0 },
        { "and is a last one too", 1000 * MCMP_SEC, 0, 15 * MCMP_SEC + 1, 1 },
        { "a clock that starts from zero", 0, 1, 15 * MCMP_SEC + 2, 1 },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        station s;

        station_open(&s, NULL);
        s.now = rows[i].start;
        must(&s, "CONFIG /", ONE "&Alias=a&Context=/x");
        s.probe_ok = rows[i].probe_ok;
        must(&s, "STATUS /", "JVMRoute=n1&Load=1");
        s.now += rows[i].after;
        s.probes = 0;
        row_code(rows[i].name, say(&s, "CONFIG /", "JVMRoute=n9&Host=10.0.0.1&Port=8009"),
                 rows[i].taken ? MCMP_OK : MCMP_ERR_CONFLICT);
        row_int(rows[i].name, s.probes, 0);
        row_int(rows[i].name, info_has(&s, "Name: n1"), !rows[i].taken);
        row_int(rows[i].name, info_has(&s, "Context: /x"), !rows[i].taken);
        station_close(&s);
    }
}
END_TEST

START_TEST(test_the_probe_of_an_old_endpoint_has_the_time_of_its_ping)
{
    static const struct {
        const char *ping;
        mcmp_time time;
    } rows[] = {
        { "ping=3", 3 * MCMP_SEC },     { "ping=10", 10 * MCMP_SEC },
        { "ping=3600", 10 * MCMP_SEC }, { "ping=250ms", 250 * MCMP_MSEC },
        { "ttl=60", 10 * MCMP_SEC },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        station s;
        char body[100];

        station_open(&s, NULL);
        (void)snprintf(body, sizeof(body), ONE "&%s", rows[i].ping);
        must(&s, "CONFIG /", body);
        row_code(rows[i].ping, say(&s, "CONFIG /", ONE "&smax=9&ping=1"), MCMP_ERR_CONFLICT);
        row_int(rows[i].ping, s.probe_time, rows[i].time);
        station_close(&s);
    }
}
END_TEST

START_TEST(test_aliases_that_fit_stay_though_none_of_their_contexts_does)
{
    mcmp_cluster_options opts;
    station s;

    mcmp_cluster_options_init(&opts);
    opts.max_contexts = 1;
    station_open(&s, &opts);
    must(&s, "CONFIG /", ONE "&Alias=a&Context=/x");
    ck_assert_int_eq(say(&s, "CONFIG /", TWO "&Alias=b,c&Context=/y"), MCMP_ERR_FULL);
    row_text("Mess", answer_header(&s, "Mess"),
             "MEM: Can't update or insert context for node with \"n2\" JVMRoute (/y and alias: b), "
             "Can't update or insert context for node with \"n2\" JVMRoute (/y and alias: c)");
    row_text("INFO", info_tail(&s),
             "Vhost: [2:1:1], Alias: b\nVhost: [2:1:2], Alias: c\nVhost: [1:1:3], Alias: a\n"
             "Context: [1:1:3], Context: /x, Status: STOPPED\n");
    /* they have their number when there is room again, and go with it */
    must(&s, "REMOVE-APP /", "JVMRoute=n1&Alias=a&Context=/x");
    must(&s, "ENABLE-APP /", "JVMRoute=n2&Alias=c&Context=/y");
    row_text("later", info_tail(&s),
             "Vhost: [2:1:1], Alias: b\nVhost: [2:1:2], Alias: c\n"
             "Context: [2:1:2], Context: /y, Status: ENABLED\n");
    must(&s, "REMOVE-APP /", "JVMRoute=n2&Alias=c&Context=/y");
    row_text("gone", info_tail(&s), "");
    station_close(&s);
}
END_TEST

/* What comes between REMOVE-APP of the node and its STATUS on connection 7 (heal_reset). */
static const struct {
    const char *name;
    const char *remove; /* target */
    const char *remove_body;
    uint64_t between; /* connection of a STATUS before; NONE: there is none */
    int configs;      /* how often CONFIG arrives */
    int heals;
} heals[] = {
    { "the client's bug", "REMOVE-APP /*", "JVMRoute=n1", UINT64_MAX, 1, 1 },
    { "CONFIG arrived twice", "REMOVE-APP /*", "JVMRoute=n1", UINT64_MAX, 2, 1 },
    { "a STATUS on a connection without a number was the first", "REMOVE-APP /*", "JVMRoute=n1", 0,
      1, 0 },
    { "only contexts were removed", "REMOVE-APP /", "JVMRoute=n1&Alias=a&Context=/x", UINT64_MAX, 1,
      0 },
    { "another node was removed", "REMOVE-APP /*", "JVMRoute=n2", UINT64_MAX, 1, 0 },
};

START_TEST(test_heal_reset_takes_all_of_its_conditions)
{
    for (size_t i = 0; i < COUNT_OF(heals); i++) {
        station s;

        station_open(&s, NULL);
        must(&s, "CONFIG /", ONE "&Alias=a&Context=/x");
        must(&s, "CONFIG /", TWO);
        s.connection = 7;
        must(&s, heals[i].remove, heals[i].remove_body);
        for (int k = 0; k < heals[i].configs; k++)
            must(&s, "CONFIG /", ONE);
        if (heals[i].between != UINT64_MAX) {
            s.connection = heals[i].between;
            must(&s, "STATUS /", "JVMRoute=n1&Load=1");
        }
        s.connection = 7;
        row_code(heals[i].name, say(&s, "STATUS /", "JVMRoute=n1&Load=2"),
                 heals[i].heals ? MCMP_ERR_UNKNOWN_NODE : MCMP_OK);
        if (heals[i].heals)
            row_text(heals[i].name, answer_header(&s, "Mess"),
                     "MEM: Can't read node with \"n1\" JVMRoute");
        row_code(heals[i].name, say(&s, "STATUS /", "JVMRoute=n1&Load=3"), MCMP_OK);
        station_close(&s);
    }
}
END_TEST

START_TEST(test_names_that_have_no_room_are_refused_when_the_cluster_opens)
{
    static const struct {
        const char *name;
        const char *balancer;
        uint32_t host;
        uint32_t cookie;
        int code;
        const char *field;
    } rows[] = {
        { "as long as they may be", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 9, 10, MCMP_OK, "" },
        { "the default balancer", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 0, 0, MCMP_ERR_LIMIT,
          "default_balancer" },
        { "no balancer", "", 0, 0, MCMP_ERR_INVALID, "default_balancer" },
        { "a comma", "a,b", 0, 0, MCMP_ERR_INVALID, "default_balancer" },
        { "the default Host", NULL, 8, 0, MCMP_ERR_LIMIT, "host" },
        { "the default cookie", NULL, 0, 9, MCMP_ERR_LIMIT, "cookie" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mcmp_cluster_options opts;
        mcmp_command_limits limits;
        station s;

        mcmp_cluster_options_init(&opts);
        mcmp_command_limits_init(&limits);
        limits.host = rows[i].host;
        limits.cookie = rows[i].cookie;
        opts.limits = &limits;
        opts.default_balancer = rows[i].balancer;
        row_code(rows[i].name, station_try_open(&s, &opts), rows[i].code);
        row_text(rows[i].name, span_of(s.err.field), rows[i].field);
        if (rows[i].code == MCMP_OK)
            row_code(rows[i].name, say(&s, "CONFIG /", "JVMRoute=n1"), MCMP_OK);
        station_close(&s);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_an_endpoint_is_one_whatever_way_it_is_written,
        test_a_host_is_shown_as_it_was_sent_first,
        test_the_last_config_of_any_node_gives_the_balancer_its_fields,
        test_a_balancer_keeps_its_place_when_its_only_row_is_taken_over,
        test_a_balancer_goes_when_its_last_row_changes_to_another,
        test_a_grace_row_goes_to_who_has_its_route_or_endpoint,
        test_a_refused_config_leaves_a_grace_row_as_it_is,
        test_silence_begins_a_moment_after_its_time_and_only_after_a_status,
        test_the_probe_of_an_old_endpoint_has_the_time_of_its_ping,
        test_aliases_that_fit_stay_though_none_of_their_contexts_does,
        test_heal_reset_takes_all_of_its_conditions,
        test_names_that_have_no_room_are_refused_when_the_cluster_opens,
    };

    return run_tests("contract: CONFIG", tests, COUNT_OF(tests));
}
