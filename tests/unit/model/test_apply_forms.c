/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answers of MCMP 4.2 to 4.6 and 4.11 to the byte, and what each command does to INFO.
 */
#include "station.h"

#define NODE "JVMRoute=n1&Host=10.0.0.1&Port=8009"

static const step app_steps[] = {
    { "CONFIG", "CONFIG /", NODE "&Alias=h1,h2&Context=/a", MCMP_OK, "",
      "Vhost: [1:1:1], Alias: h1\nVhost: [1:1:2], Alias: h2\n"
      "Context: [1:1:1], Context: /a, Status: STOPPED\n"
      "Context: [1:1:2], Context: /a, Status: STOPPED\n" },
    { "ENABLE-APP", "ENABLE-APP /", "JVMRoute=n1&Alias=H1,h2&Context=/a,/b%2Fc", MCMP_OK,
      "Type=ENABLE-APP-RSP\nJvmRoute=n1\nAlias=h1 Contexts=/a,/b/c\nAlias=h2 Contexts=/a,/b/c\n",
      "Vhost: [1:1:1], Alias: h1\nVhost: [1:1:2], Alias: h2\n"
      "Context: [1:1:1], Context: /a, Status: ENABLED\n"
      "Context: [1:1:2], Context: /a, Status: ENABLED\n"
      "Context: [1:1:1], Context: /b/c, Status: ENABLED\n"
      "Context: [1:1:2], Context: /b/c, Status: ENABLED\n" },
    { "a repeat", "ENABLE-APP /", "JVMRoute=n1&Alias=h1&Context=/a", MCMP_OK,
      "Type=ENABLE-APP-RSP\nJvmRoute=n1\nAlias=h1 Contexts=/a\n", NULL },
    { "DISABLE-APP", "DISABLE-APP /", "JVMRoute=n1&Alias=h1&Context=/a", MCMP_OK,
      "Type=DISABLE-APP-RSP\nJvmRoute=n1\nAlias=h1 Contexts=/a\n",
      "Vhost: [1:1:1], Alias: h1\nVhost: [1:1:2], Alias: h2\n"
      "Context: [1:1:1], Context: /a, Status: DISABLED\n"
      "Context: [1:1:2], Context: /a, Status: ENABLED\n"
      "Context: [1:1:1], Context: /b/c, Status: ENABLED\n"
      "Context: [1:1:2], Context: /b/c, Status: ENABLED\n" },
    { "STOP-APP", "STOP-APP /", "JVMRoute=n1&Alias=h2,h1&Context=/b/c", MCMP_OK,
      "Type=STOP-APP-RSP&JvmRoute=n1&Requests=0&Alias=h2,h1&Context=/b/c\nJvmRoute=n1\n"
      "Alias=h2 Contexts=/b/c\nAlias=h1 Contexts=/b/c\n",
      "Vhost: [1:1:1], Alias: h1\nVhost: [1:1:2], Alias: h2\n"
      "Context: [1:1:1], Context: /b/c, Status: STOPPED\n"
      "Context: [1:1:2], Context: /b/c, Status: STOPPED\n"
      "Context: [1:1:1], Context: /a, Status: DISABLED\n"
      "Context: [1:1:2], Context: /a, Status: ENABLED\n" },
    { "REMOVE-APP", "REMOVE-APP /", "JVMRoute=n1&Alias=h1,none&Context=/a,/none", MCMP_OK,
      "Type=REMOVE-APP-RSP\nJvmRoute=n1\nAlias=h1 Contexts=/a\n", NULL },
    { "REMOVE-APP of nothing", "REMOVE-APP /", "JVMRoute=n1&Alias=h1&Context=/a", MCMP_OK,
      "Type=REMOVE-APP-RSP\nJvmRoute=n1\n",
      "Vhost: [1:1:1], Alias: h1\nVhost: [1:1:2], Alias: h2\n"
      "Context: [1:1:1], Context: /b/c, Status: STOPPED\n"
      "Context: [1:1:2], Context: /b/c, Status: STOPPED\n"
      "Context: [1:1:2], Context: /a, Status: ENABLED\n" },
    { "whole node", "ENABLE-APP /*", "JVMRoute=n1&Alias=zz&Context=/zz", MCMP_OK, "",
      "Vhost: [1:1:1], Alias: h1\nVhost: [1:1:2], Alias: h2\n"
      "Context: [1:1:2], Context: /a, Status: ENABLED\n"
      "Context: [1:1:1], Context: /b/c, Status: ENABLED\n"
      "Context: [1:1:2], Context: /b/c, Status: ENABLED\n" },
    { "whole node by another path", "STOP-APP /mcmp/*", "JVMRoute=n1", MCMP_OK, "",
      "Vhost: [1:1:1], Alias: h1\nVhost: [1:1:2], Alias: h2\n"
      "Context: [1:1:2], Context: /a, Status: STOPPED\n"
      "Context: [1:1:1], Context: /b/c, Status: STOPPED\n"
      "Context: [1:1:2], Context: /b/c, Status: STOPPED\n" },
    { "whole node by a star", "DISABLE-APP *", "JVMRoute=n1", MCMP_OK, "", NULL },
    { "CONFIG keeps the status", "CONFIG /", NODE "&Alias=h1,h2&Context=/a,/b/c", MCMP_OK, "",
      "Vhost: [1:1:1], Alias: h1\nVhost: [1:1:2], Alias: h2\n"
      "Context: [1:1:1], Context: /a, Status: STOPPED\n"
      "Context: [1:1:2], Context: /a, Status: DISABLED\n"
      "Context: [1:1:1], Context: /b/c, Status: DISABLED\n"
      "Context: [1:1:2], Context: /b/c, Status: DISABLED\n" },
    { "slash at the end", "ENABLE-APP /", "JVMRoute=n1&Alias=h1&Context=/a/", MCMP_OK,
      "Type=ENABLE-APP-RSP\nJvmRoute=n1\nAlias=h1 Contexts=/a\n", NULL },
    { "root and repeats", "ENABLE-APP /", "JVMRoute=n1&Alias=h1,H1&Context=/,/&Context=/a", MCMP_OK,
      "Type=ENABLE-APP-RSP\nJvmRoute=n1\nAlias=h1 Contexts=/,/a\n", NULL },
    { "REMOVE-APP of the node", "REMOVE-APP /*", "JVMRoute=n1", MCMP_OK, "", "" },
    { "a second time", "REMOVE-APP /*", "JVMRoute=n1", MCMP_ERR_UNKNOWN_NODE, NULL, "" },
};

START_TEST(test_app_commands_answer_and_change_as_they_should)
{
    station s;

    station_open(&s, NULL);
    PLAY(&s, app_steps);
    ck_assert_int_eq(s.probes, 0);
    station_close(&s);
}
END_TEST

START_TEST(test_every_answer_has_a_length_a_reason_and_its_content_type)
{
    static const struct {
        const char *line;
        const char *body;
        const char *accept;
        const char *type;
    } rows[] = {
        { "CONFIG /", NODE, NULL, "" },
        { "ENABLE-APP /", "JVMRoute=n1&Alias=a&Context=/", NULL, "text/plain" },
        { "ENABLE-APP /*", "JVMRoute=n1", NULL, "" },
        { "STATUS /", "JVMRoute=n1&Load=5", NULL, "text/plain" },
        { "STATUS /", "JVMRoute=n1&Load=5", "application/json", "application/json" },
        { "PING /", "", NULL, "text/plain" },
        { "PING /", "", "application/json", "application/json" },
        { "INFO /", "junk%", NULL, "text/plain" },
        { "INFO /", "", "text/xml", "text/xml" },
        { "INFO /", "", "application/json", "application/json" },
        { "INFO /", "", "text/xml, application/json", "text/xml" },
        { "DUMP /", "junk%", NULL, "text/plain" },
        { "DUMP /", "", "text/xml", "text/xml" },
        { "DUMP /", "", "application/json", "application/json" },
        { "VERSION /", "junk%", NULL, "text/plain" },
        { "VERSION /", "", "text/xml", "text/xml" },
        { "VERSION /", "", "application/json", "application/json" },
        { "GET /whatever", "", NULL, "text/html; charset=utf-8" },
        { "GET /metrics", "", NULL, "text/plain; version=0.0.4" },
        { "GET /no-metrics", "", NULL, "text/html; charset=utf-8" },
    };
    station s;

    station_open(&s, NULL);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char length[24];

        s.accept = rows[i].accept;
        row_code(rows[i].line, say(&s, rows[i].line, rows[i].body), MCMP_OK);
        row_int(rows[i].line, mcmp_response_status(s.response), 200);
        row_text(rows[i].line, mcmp_response_reason(s.response), "OK");
        row_text(rows[i].line, answer_header(&s, "Content-Type"), rows[i].type);
        (void)snprintf(length, sizeof(length), "%zu", answer_body(&s).len);
        row_text(rows[i].line, answer_header(&s, "Content-Length"), length);
        for (size_t k = 0; k < answer_body(&s).len; k++)
            row_true(rows[i].line, (answer_body(&s).ptr[k] & 0x80) == 0);
    }
    station_close(&s);
}
END_TEST

START_TEST(test_status_probes_and_takes_the_load)
{
    station s;

    station_open(&s, NULL);
    ck_assert_int_eq(say(&s, "CONFIG /", NODE "&ping=3"), MCMP_OK);
    ck_assert(info_has(&s, ",Load: 0\n"));
    ck_assert_int_eq(say(&s, "STATUS /", "JVMRoute=n1&Load=50"), MCMP_OK);
    row_text("good", answer_body(&s),
             with_id(&s, "Type=STATUS-RSP&JVMRoute=n1&State=OK&id={id}\n"));
    ck_assert_int_eq(s.probes, 1);
    ck_assert_str_eq(s.probed, "10.0.0.1:8009");
    ck_assert_int_eq(s.probe_time, 3 * MCMP_SEC);
    ck_assert(info_has(&s, ",Load: 50\n"));
    /* younger than a second: the probe stands for this one too */
    s.now += MCMP_SEC - 1;
    ck_assert_int_eq(say(&s, "STATUS /", "JVMRoute=n1&Load=60.9"), MCMP_OK);
    ck_assert_int_eq(s.probes, 1);
    ck_assert(info_has(&s, ",Load: 60\n"));
    s.now += MCMP_SEC;
    s.probe_ok = 0;
    ck_assert_int_eq(say(&s, "STATUS /", "JVMRoute=n1&Load=70"), MCMP_OK);
    row_text("bad", answer_body(&s),
             with_id(&s, "Type=STATUS-RSP&JVMRoute=n1&State=NOTOK&id={id}\n"));
    ck_assert_int_eq(s.probes, 2);
    ck_assert(info_has(&s, ",Load: 60\n"));
    /* without Load: probe, nothing stored */
    s.probe_ok = 1;
    ck_assert_int_eq(say(&s, "STATUS /", "JVMRoute=n1"), MCMP_OK);
    ck_assert_int_eq(s.probes, 3);
    ck_assert(info_has(&s, ",Load: 60\n"));
    /* broken: no probe */
    s.now += 5 * MCMP_SEC;
    s.probe_ok = 0;
    ck_assert_int_eq(say(&s, "STATUS /", "JVMRoute=n1&Load=-1"), MCMP_OK);
    row_text("broken", answer_body(&s),
             with_id(&s, "Type=STATUS-RSP&JVMRoute=n1&State=OK&id={id}\n"));
    ck_assert_int_eq(s.probes, 3);
    ck_assert(info_has(&s, ",Load: -1\n"));
    s.accept = "application/json";
    s.probe_ok = 1;
    ck_assert_int_eq(say(&s, "STATUS /", "JVMRoute=n1&Load=0"), MCMP_OK);
    row_text(
        "json", answer_body(&s),
        with_id(&s, "{\"type\":\"STATUS-RSP\",\"route\":\"n1\",\"state\":\"OK\",\"id\":{id}}\n"));
    station_close(&s);
}
END_TEST

/* What probe a PING asks for; empty: none. */
static const struct {
    const char *name;
    const char *body;
    const char *probed;
    const char *state;
} pings[] = {
    { "plain", "", "", "" },
    { "a node", "JVMRoute=n1", "10.0.0.1:8009", "" },
    { "the route alone counts", "JVMRoute=n1&Scheme=http&Host=192.0.2.1&Port=1", "10.0.0.1:8009",
      "" },
    { "loopback", "Scheme=http&Host=127.0.0.1&Port=81", "127.0.0.1:81", "" },
    { "all of 127", "Scheme=http&Host=127.255.0.9&Port=81", "127.255.0.9:81", "" },
    { "loopback 6", "Scheme=https&Host=%5B::1%5D&Port=81", "[::1]:81", "" },
    { "long loopback 6", "Scheme=ws&Host=0:0:0:0:0:0:0:1&Port=81", "[0:0:0:0:0:0:0:1]:81", "" },
    { "localhost", "Scheme=wss&Host=LocalHost&Port=81", "LocalHost:81", "" },
    { "an endpoint of a node", "Scheme=http&Host=10.0.0.1&Port=8009", "10.0.0.1:8009", "" },
    { "another port of it", "Scheme=http&Host=10.0.0.1&Port=22", "", "NOTOK" },
    { "anything else", "Scheme=ajp&Host=192.0.2.1&Port=80", "", "NOTOK" },
    { "a name", "Scheme=ajp&Host=example.com&Port=80", "", "NOTOK" },
    { "nearly localhost", "Scheme=ajp&Host=localhost.example.com&Port=80", "", "NOTOK" },
    { "nearly loopback", "Scheme=ajp&Host=127.0.0.1.example.com&Port=80", "", "NOTOK" },
    { "the wildcard", "Scheme=ajp&Host=0.0.0.0&Port=80", "", "NOTOK" },
};

START_TEST(test_ping_probes_nothing_but_what_is_allowed)
{
    station s;

    station_open(&s, NULL);
    ck_assert_int_eq(say(&s, "CONFIG /", NODE), MCMP_OK);
    for (s.probe_ok = 0; s.probe_ok <= 1; s.probe_ok++) {
        for (size_t i = 0; i < COUNT_OF(pings); i++) {
            int probes = s.probes;
            char want[100];
            const char *state = s.probe_ok ? "OK" : "NOTOK";

            if (pings[i].state[0] != '\0')
                state = pings[i].state;
            else if (pings[i].body[0] == '\0')
                state = "OK";
            (void)snprintf(want, sizeof(want), "Type=PING-RSP%s&State=%s&id={id}\n",
                           pings[i].body[0] == 'J' ? "&JVMRoute=n1" : "", state);
            s.probed[0] = '\0';
            row_code(pings[i].name, say(&s, "PING /", pings[i].body), MCMP_OK);
            row_text(pings[i].name, span_of(s.probed), pings[i].probed);
            row_int(pings[i].name, s.probes - probes, pings[i].probed[0] != '\0');
            row_text(pings[i].name, answer_body(&s), with_id(&s, want));
            if (s.probes != probes)
                row_int(pings[i].name, s.probe_time, 10 * MCMP_SEC);
        }
    }
    station_close(&s);
}
END_TEST

START_TEST(test_an_option_lets_ping_probe_anything)
{
    mcmp_cluster_options opts;
    station s;

    mcmp_cluster_options_init(&opts);
    opts.flags = MCMP_CLUSTER_PING_ANY;
    station_open(&s, &opts);
    ck_assert_int_eq(say(&s, "PING /", "Scheme=ajp&Host=example.com&Port=80"), MCMP_OK);
    ck_assert_str_eq(s.probed, "example.com:80");
    station_close(&s);
}
END_TEST

START_TEST(test_names_are_escaped_in_answers_joined_by_ampersands)
{
    station s;

    station_open(&s, NULL);
    ck_assert_int_eq(say(&s, "CONFIG /", "JVMRoute=a%26b%3Dc%25%2B%c3&Host=10.0.0.1"), MCMP_OK);
    ck_assert_int_eq(say(&s, "PING /", "JVMRoute=a%26b%3Dc%25%2B%c3"), MCMP_OK);
    row_text("PING", answer_body(&s),
             with_id(&s, "Type=PING-RSP&JVMRoute=a%26b%3Dc%25%2B%C3&State=OK&id={id}\n"));
    ck_assert_int_eq(say(&s, "STATUS /", "JVMRoute=a%26b%3Dc%25%2B%c3"), MCMP_OK);
    row_text("STATUS", answer_body(&s),
             with_id(&s, "Type=STATUS-RSP&JVMRoute=a%26b%3Dc%25%2B%C3&State=OK&id={id}\n"));
    ck_assert_int_eq(
        say(&s, "STOP-APP /", "JVMRoute=a%26b%3Dc%25%2B%c3&Alias=h&Context=/x%26Requests%3D9"),
        MCMP_OK);
    row_text("STOP-APP", answer_body(&s),
             "Type=STOP-APP-RSP&JvmRoute=a%26b%3Dc%25%2B%C3&Requests=0&Alias=h"
             "&Context=/x%26Requests%3D9\nJvmRoute=a%26b%3Dc%25%2B%C3\n"
             "Alias=h Contexts=/x%26Requests%3D9\n");
    /* one of ENABLE-APP is not joined by ampersands */
    ck_assert_int_eq(
        say(&s, "ENABLE-APP /", "JVMRoute=a%26b%3Dc%25%2B%c3&Alias=h&Context=/x%26Requests%3D9"),
        MCMP_OK);
    row_text("ENABLE-APP", answer_body(&s),
             "Type=ENABLE-APP-RSP\nJvmRoute=a&b=c%+%C3\nAlias=h Contexts=/x&Requests=9\n");
    station_close(&s);
}
END_TEST

START_TEST(test_version_names_product_and_protocol)
{
    mcmp_cluster_options opts;
    station s;

    mcmp_cluster_options_init(&opts);
    station_open(&s, NULL);
    ck_assert_int_eq(say(&s, "VERSION /", ""), MCMP_OK);
    row_text("text", answer_body(&s), "release: libmcmp/" MCMP_VERSION ".Final, protocol: 0.2.1\n");
    station_close(&s);
    opts.product = "mod_cluster/2.0.0.Final";
    station_open(&s, &opts);
    ck_assert_int_eq(say(&s, "VERSION /", ""), MCMP_OK);
    row_text("product", answer_body(&s), "release: mod_cluster/2.0.0.Final, protocol: 0.2.1\n");
    s.accept = "text/xml";
    ck_assert_int_eq(say(&s, "VERSION /", ""), MCMP_OK);
    row_text("xml", answer_body(&s),
             "<version><release>mod_cluster/2.0.0.Final</release>"
             "<protocol>0.2.1</protocol></version>\n");
    s.accept = "application/json";
    ck_assert_int_eq(say(&s, "VERSION /", ""), MCMP_OK);
    row_text("json", answer_body(&s),
             "{\"release\":\"mod_cluster/2.0.0.Final\",\"protocol\":\"0.2.1\"}\n");
    station_close(&s);
}
END_TEST

START_TEST(test_defaults_are_shown_by_info_and_dump)
{
    station s;

    station_open(&s, NULL);
    ck_assert_int_eq(say(&s, "CONFIG /", "JVMRoute=n1"), MCMP_OK);
    row_text("INFO", info_text(&s),
             "Node: [1],Name: n1,Balancer: mycluster,LBGroup: ,Host: localhost,Port: 8009,"
             "Type: ajp,Flushpackets: Off,Flushwait: 10,Ping: 10,Smax: -1,Ttl: 60,Elected: 0,"
             "Read: 0,Transfered: 0,Connected: 0,Load: 0\n");
    ck_assert_int_eq(say(&s, "DUMP /", ""), MCMP_OK);
    row_text("DUMP", answer_body(&s),
             "balancer: [1] Name: mycluster Sticky: 1 [JSESSIONID]/[jsessionid] remove: 0 "
             "force: 1 Timeout: 0 maxAttempts: 1\n"
             "node: [1:1],Balancer: mycluster,JVMRoute: n1,LBGroup: [],Host: localhost,"
             "Port: 8009,Type: ajp,flushpackets: 0,flushwait: 10,ping: 10,smax: -1,ttl: 60,"
             "timeout: 0\n");
    station_close(&s);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_app_commands_answer_and_change_as_they_should,
        test_every_answer_has_a_length_a_reason_and_its_content_type,
        test_status_probes_and_takes_the_load,
        test_ping_probes_nothing_but_what_is_allowed,
        test_an_option_lets_ping_probe_anything,
        test_names_are_escaped_in_answers_joined_by_ampersands,
        test_version_names_product_and_protocol,
        test_defaults_are_shown_by_info_and_dump,
    };

    return run_tests("apply: forms", tests, COUNT_OF(tests));
}
