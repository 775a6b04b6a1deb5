/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MCMP 4.5, 4.6 and 6 sentence by sentence, as far as the other suites do not say it: what STATUS
 * does to Load and error, which probe stands for another, what an idle probe may change, whom PING
 * may probe, and how many failed probes remove a node.
 */
#include "held.h"

#define ONE "JVMRoute=n1&Host=10.0.0.1&Port=8009"

static void open_one(station *s, mcmp_cluster_options *opts)
{
    station_open(s, opts);
    must(s, "CONFIG /", ONE);
    must(s, "ENABLE-APP /", "JVMRoute=n1&Alias=a&Context=/x");
}

/* What a request for /x gets now. */
static int choose(station *s)
{
    mcmp_query query;
    mcmp_selection selection;
    int rc;

    mcmp_query_init(&query);
    query.now = s->now;
    query.host = span_of("a");
    query.path = span_of("/x");
    mcmp_selection_init(&selection);
    rc = mcmp_select_node(s->cluster, &query, &selection, &s->err);
    if (rc == MCMP_OK)
        ck_assert_int_eq(mcmp_selection_release(s->cluster, &selection, NULL), MCMP_OK);
    return rc;
}

/* Let the time go on until one idle probe was made and reported; 1 when there was one. */
static int idle_probe(station *s, int ok)
{
    for (int turn = 0; turn < 100; turn++) {
        mcmp_work work;
        int rc;

        s->now += 200 * MCMP_MSEC;
        mcmp_work_init(&work);
        while ((rc = mcmp_tick(s->cluster, s->now, &work, &s->err)) == MCMP_OK)
            if (work.kind == MCMP_WORK_PROBE) {
                ck_assert_int_eq(mcmp_probe_report(s->cluster, work.probe->node, work.probe->ticket,
                                                   ok, s->now, &s->err),
                                 MCMP_OK);
                return 1;
            }
        ck_assert_int_eq(rc, MCMP_DONE);
    }
    return 0;
}

/* Events in turn, and what INFO shows and a request gets afterwards. */
enum { STATUS_OK, STATUS_NOTOK, IDLE_OK, IDLE_BAD };

typedef struct event {
    int what;
    const char *load; /* of a STATUS; NULL: without */
} event;

static const struct {
    const char *name;
    event events[5];
    size_t count;
    const char *load;
    int choice;
    uint32_t state;
} lives[] = {
    { "new: hot standby", { { 0 } }, 0, "0", MCMP_OK, MCMP_NODE_UNPROVEN },
    { "STATUS without Load keeps the Load",
      { { STATUS_OK, NULL } },
      1,
      "0",
      MCMP_OK,
      MCMP_NODE_STANDBY },
    { "a Load", { { STATUS_OK, "40" } }, 1, "40", MCMP_OK, MCMP_NODE_ACTIVE },
    { "Load 0 is standby",
      { { STATUS_OK, "40" }, { STATUS_OK, "0" } },
      2,
      "0",
      MCMP_OK,
      MCMP_NODE_STANDBY },
    { "a failed probe: error, the Load is not taken",
      { { STATUS_OK, "40" }, { STATUS_NOTOK, "80" } },
      2,
      "40",
      MCMP_NO_NODE,
      MCMP_NODE_ERROR },
    { "the next good one clears it",
      { { STATUS_OK, "40" }, { STATUS_NOTOK, "80" }, { STATUS_OK, "90" } },
      3,
      "90",
      MCMP_OK,
      MCMP_NODE_ACTIVE },
    { "without Load it clears it, too",
      { { STATUS_OK, "40" }, { STATUS_NOTOK, "80" }, { STATUS_OK, NULL } },
      3,
      "40",
      MCMP_OK,
      MCMP_NODE_ACTIVE },
    { "an idle probe clears error and leaves Load",
      { { STATUS_OK, "40" }, { STATUS_NOTOK, "80" }, { IDLE_OK, NULL } },
      3,
      "40",
      MCMP_OK,
      MCMP_NODE_ACTIVE },
    { "a bad idle probe sets error",
      { { STATUS_OK, "40" }, { IDLE_BAD, NULL } },
      2,
      "40",
      MCMP_NO_NODE,
      MCMP_NODE_ERROR },
    { "-1 is taken without a probe",
      { { STATUS_OK, "40" }, { STATUS_NOTOK, "-1" } },
      2,
      "-1",
      MCMP_NO_NODE,
      MCMP_NODE_BROKEN },
    { "a good idle probe does not end -1",
      { { STATUS_OK, "-1" }, { IDLE_OK, NULL } },
      2,
      "-1",
      MCMP_NO_NODE,
      MCMP_NODE_BROKEN },
    { "nor does a STATUS without Load",
      { { STATUS_OK, "-1" }, { STATUS_OK, NULL } },
      2,
      "-1",
      MCMP_NO_NODE,
      MCMP_NODE_BROKEN },
    { "nor one with a Load whose probe fails",
      { { STATUS_OK, "-1" }, { STATUS_NOTOK, "7" } },
      2,
      "-1",
      MCMP_NO_NODE,
      MCMP_NODE_BROKEN },
    { "a good one with a Load does",
      { { STATUS_OK, "-1" }, { STATUS_OK, "7" } },
      2,
      "7",
      MCMP_OK,
      MCMP_NODE_ACTIVE },
    { "so does Load 0",
      { { STATUS_OK, "-1" }, { STATUS_OK, "0" } },
      2,
      "0",
      MCMP_OK,
      MCMP_NODE_STANDBY },
    { "-1 proves nothing about an error",
      { { STATUS_OK, "40" }, { STATUS_NOTOK, "5" }, { STATUS_OK, "-1" }, { STATUS_NOTOK, "9" } },
      4,
      "-1",
      MCMP_NO_NODE,
      MCMP_NODE_BROKEN },
    { "a fraction is dropped", { { STATUS_OK, "99.99" } }, 1, "99", MCMP_OK, MCMP_NODE_ACTIVE },
};

static void live(station *s, const char *name, const event *e)
{
    char body[60];
    int is_status = e->what == STATUS_OK || e->what == STATUS_NOTOK;
    int no_probe = e->load != NULL && e->load[0] == '-';
    int probes = s->probes;

    s->now += 2 * MCMP_SEC; /* no probe stands for another here */
    if (!is_status) {
        row_true(name, idle_probe(s, e->what == IDLE_OK));
        return;
    }
    s->probe_ok = e->what == STATUS_OK;
    (void)snprintf(body, sizeof(body), "JVMRoute=n1%s%s", e->load != NULL ? "&Load=" : "",
                   e->load != NULL ? e->load : "");
    row_code(name, say(s, "STATUS /", body), MCMP_OK);
    row_text(name, answer_body(s),
             with_id(s, s->probe_ok || no_probe
                            ? "Type=STATUS-RSP&JVMRoute=n1&State=OK&id={id}\n"
                            : "Type=STATUS-RSP&JVMRoute=n1&State=NOTOK&id={id}\n"));
    row_int(name, s->probes - probes, !no_probe);
}

START_TEST(test_status_and_idle_probes_change_load_and_error_as_told)
{
    for (size_t i = 0; i < COUNT_OF(lives); i++) {
        station s;
        mcmp_node_info node;
        char load[20];

        open_one(&s, NULL);
        for (size_t k = 0; k < lives[i].count; k++)
            live(&s, lives[i].name, &lives[i].events[k]);
        (void)snprintf(load, sizeof(load), ",Load: %s\n", lives[i].load);
        row_true(lives[i].name, info_has(&s, load));
        row_code(lives[i].name, choose(&s), lives[i].choice);
        row_true(lives[i].name, find_node(&s, "n1", &node));
        row_int(lives[i].name, node.state, lives[i].state);
        station_close(&s);
    }
}
END_TEST

START_TEST(test_a_probe_stands_for_another_only_while_it_is_young_and_was_good)
{
    static const struct {
        const char *name;
        event before; /* IDLE_* or STATUS_* */
        mcmp_time after;
        int probes;
    } rows[] = {
        { "of a STATUS", { STATUS_OK, "5" }, MCMP_SEC - 1, 0 },
        { "a second old", { STATUS_OK, "5" }, MCMP_SEC, 1 },
        { "a failed one", { STATUS_NOTOK, "5" }, 0, 1 },
        { "an idle one", { IDLE_OK, NULL }, MCMP_SEC - 1, 0 },
        { "a failed idle one", { IDLE_BAD, NULL }, 0, 1 },
        { "none was made", { STATUS_OK, "-1" }, 0, 1 },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        station s;

        open_one(&s, NULL);
        live(&s, rows[i].name, &rows[i].before);
        s.now += rows[i].after;
        s.probes = 0;
        s.probe_ok = 1;
        row_code(rows[i].name, say(&s, "STATUS /", "JVMRoute=n1&Load=6"), MCMP_OK);
        row_int(rows[i].name, s.probes, rows[i].probes);
        row_true(rows[i].name, info_has(&s, ",Load: 6\n"));
        station_close(&s);
    }
}
END_TEST

START_TEST(test_a_probe_of_the_old_endpoint_does_not_stand_for_one_of_the_new)
{
    mcmp_cluster_options opts;
    station s;

    mcmp_cluster_options_init(&opts);
    opts.replace_policy = MCMP_REPLACE_LAST_WRITER;
    open_one(&s, &opts);
    must(&s, "STATUS /", "JVMRoute=n1&Load=6");
    must(&s, "CONFIG /", "JVMRoute=n1&Host=10.0.0.2");
    s.probes = 0;
    must(&s, "STATUS /", "JVMRoute=n1&Load=7");
    ck_assert_int_eq(s.probes, 1);
    ck_assert_str_eq(s.probed, "10.0.0.2:8009");
    station_close(&s);
}
END_TEST

START_TEST(test_so_many_failed_probes_in_a_row_remove_a_node_and_one_good_one_starts_anew)
{
    mcmp_cluster_options opts;
    station s;
    mcmp_node_info node;

    mcmp_cluster_options_init(&opts);
    opts.max_failed_probes = 3;
    open_one(&s, &opts);
    for (int i = 0; i < 2; i++)
        ck_assert(idle_probe(&s, 0));
    ck_assert(idle_probe(&s, 1));
    for (int i = 0; i < 2; i++)
        ck_assert(idle_probe(&s, 0));
    ck_assert(info_has(&s, "Context: /x"));
    ck_assert(idle_probe(&s, 0));
    /* as REMOVE-APP of the node does it (MCMP 4.4) */
    row_text("no contexts", info_tail(&s), "");
    ck_assert(find_node(&s, "n1", &node));
    ck_assert_uint_eq(node.state, MCMP_NODE_LEAVING);
    ck_assert_int_eq(say(&s, "STATUS /", "JVMRoute=n1"), MCMP_ERR_UNKNOWN_NODE);
    s.now += 10 * MCMP_SEC;
    ck_assert(find_node(&s, "REMOVED", &node));
    must(&s, "CONFIG /", ONE);
    ck_assert(info_has(&s, "Node: [2],Name: n1,"));
    station_close(&s);
}
END_TEST

/* How n1 goes, whose sessions stay in its domain for 300 s then (MCMP 4.4). */
static const struct {
    const char *name;
    int removed; /* by REMOVE-APP; else another route takes the endpoint of a silent node */
    mcmp_time after;
    uint32_t reason; /* of the choice for a session of n1 */
} memories[] = {
    { "removed", 1, 0, MCMP_REASON_DOMAIN },
    { "at the end", 1, 300 * MCMP_SEC, MCMP_REASON_DOMAIN },
    { "over", 1, 300 * MCMP_SEC + 1, MCMP_REASON_BALANCED },
    { "silent", 0, 300 * MCMP_SEC, MCMP_REASON_DOMAIN },
    { "silent, over", 0, 300 * MCMP_SEC + 1, MCMP_REASON_BALANCED },
};

START_TEST(test_the_domain_of_a_node_that_went_is_remembered_for_its_time)
{
    for (size_t i = 0; i < COUNT_OF(memories); i++) {
        station s;
        mcmp_query query;
        mcmp_selection selection;

        station_open(&s, NULL);
        must(&s, "CONFIG /", ONE "&Domain=d");
        must(&s, "STATUS /", "JVMRoute=n1&Load=9");
        s.now += 16 * MCMP_SEC;
        must(&s, "CONFIG /", "JVMRoute=n2&Host=10.0.0.2&Domain=d");
        must(&s, "ENABLE-APP /", "JVMRoute=n2&Alias=a&Context=/x");
        must(&s, "STATUS /", "JVMRoute=n2&Load=1");
        if (memories[i].removed)
            must(&s, "REMOVE-APP /*", "JVMRoute=n1");
        must(&s, "CONFIG /",
             memories[i].removed ? "JVMRoute=n3&Host=10.0.0.3" : "JVMRoute=n3&Host=10.0.0.1");
        must(&s, "ENABLE-APP /", "JVMRoute=n3&Alias=a&Context=/x");
        must(&s, "STATUS /", "JVMRoute=n3&Load=100");
        s.now += memories[i].after;
        mcmp_query_init(&query);
        query.now = s.now;
        query.path = span_of("/x;jsessionid=abc.n1");
        mcmp_selection_init(&selection);
        row_code(memories[i].name, mcmp_select_node(s.cluster, &query, &selection, &s.err),
                 MCMP_OK);
        row_int(memories[i].name, selection.reason, memories[i].reason);
        if (memories[i].reason == MCMP_REASON_DOMAIN)
            row_text(memories[i].name, selection.route, "n2");
        ck_assert_int_eq(mcmp_selection_release(s.cluster, &selection, NULL), MCMP_OK);
        station_close(&s);
    }
}
END_TEST

/* Whom PING may probe without an option; nodes live at node.example:80, [2001:db8::1]:443. */
static const struct {
    const char *name;
    const char *endpoint;
    int probed;
} pings[] = {
    { "::1 long", "Host=%5B0:0:0:0:0:0:0:1%5D&Port=1", 1 },
    { "::1 with zeros", "Host=0000::0001&Port=1", 1 },
    { "::1 with a zone", "Host=%5B::1%25lo%5D&Port=1", 1 },
    { "127.0.0.1 in IPv6", "Host=::ffff:127.0.0.1&Port=1", 1 },
    { "127.0.0.1 in hex", "Host=%5B::ffff:7f00:1%5D&Port=1", 1 },
    { "the end of 127", "Host=127.255.255.254&Port=65535", 1 },
    { "localhost in capitals", "Host=LOCALHOST&Port=1", 1 },
    { "before 127", "Host=126.255.255.255&Port=1", 0 },
    { "after 127", "Host=128.0.0.0&Port=1", 0 },
    { "::2", "Host=::2&Port=1", 0 },
    { "a mapped address outside", "Host=::ffff:10.0.0.9&Port=1", 0 },
    { "the wildcard", "Host=0.0.0.0&Port=80", 0 },
    { "the wildcard of IPv6", "Host=%5B::%5D&Port=80", 0 },
    { "a star", "Host=*&Port=80", 0 },
    { "a node's name", "Host=NODE.example&Port=80", 1 },
    { "whatever the scheme", "Host=node.example&Port=80&Scheme=ajp", 1 },
    { "another port of it", "Host=node.example&Port=81", 0 },
    { "a node's IPv6, by value", "Host=2001:DB8:0::1&Port=443", 1 },
    { "one that was removed", "Host=10.0.0.5&Port=8009", 0 },
    { "another name", "Host=other.example&Port=80", 0 },
    { "localhost as a part", "Host=localhost.example&Port=80", 0 },
    { "too short for an address", "Host=127.1&Port=80", 0 },
};

START_TEST(test_ping_may_probe_loopback_and_what_is_registered)
{
    station s;

    station_open(&s, NULL);
    must(&s, "CONFIG /", "JVMRoute=a&Host=node.example&Port=80");
    must(&s, "CONFIG /", "JVMRoute=b&Host=2001:db8::1&Port=443");
    must(&s, "CONFIG /", "JVMRoute=c&Host=10.0.0.5&Port=8009");
    must(&s, "REMOVE-APP /*", "JVMRoute=c");
    for (size_t i = 0; i < COUNT_OF(pings); i++) {
        char body[120];

        s.probes = 0;
        (void)snprintf(body, sizeof(body), "Scheme=http&%s", pings[i].endpoint);
        row_code(pings[i].name, say(&s, "PING /", body), MCMP_OK);
        row_int(pings[i].name, s.probes, pings[i].probed);
        row_text(pings[i].name, answer_body(&s),
                 with_id(&s, pings[i].probed ? "Type=PING-RSP&State=OK&id={id}\n"
                                             : "Type=PING-RSP&State=NOTOK&id={id}\n"));
        if (pings[i].probed)
            row_int(pings[i].name, s.probe_time, 10 * MCMP_SEC);
    }
    station_close(&s);
}
END_TEST

START_TEST(test_the_id_is_the_same_in_every_answer_and_another_one_after_a_fresh_start)
{
    station s;
    station t;

    open_one(&s, NULL);
    must(&s, "STATUS /", "JVMRoute=n1");
    row_text("STATUS", answer_body(&s),
             with_id(&s, "Type=STATUS-RSP&JVMRoute=n1&State=OK&id={id}\n"));
    must(&s, "REMOVE-APP /*", "JVMRoute=n1");
    must(&s, "PING /", "");
    row_text("PING", answer_body(&s), with_id(&s, "Type=PING-RSP&State=OK&id={id}\n"));
    ck_assert_uint_lt(mcmp_cluster_id(s.cluster), 1000000000000000000u);
    station_open(&t, NULL);
    ck_assert_uint_ne(mcmp_cluster_id(s.cluster), mcmp_cluster_id(t.cluster));
    station_close(&t);
    station_close(&s);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_status_and_idle_probes_change_load_and_error_as_told,
        test_a_probe_stands_for_another_only_while_it_is_young_and_was_good,
        test_a_probe_of_the_old_endpoint_does_not_stand_for_one_of_the_new,
        test_so_many_failed_probes_in_a_row_remove_a_node_and_one_good_one_starts_anew,
        test_the_domain_of_a_node_that_went_is_remembered_for_its_time,
        test_ping_may_probe_loopback_and_what_is_registered,
        test_the_id_is_the_same_in_every_answer_and_another_one_after_a_fresh_start,
    };

    return run_tests("contract: STATUS, PING, probes", tests, COUNT_OF(tests));
}
