/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a node as messages and the clock write it: what CONFIG may change, silent nodes and
 * replacement, removal and its grace periods, re-registration, heal_reset (MCMP 4.1, 4.4, 4.5).
 */
#include "station.h"

#define ONE "JVMRoute=n1&Host=10.0.0.1&Port=8009"
#define TWO "JVMRoute=n2&Host=10.0.0.2&Port=8009"

static void must(station *s, const char *line, const char *body)
{
    row_code(body, say(s, line, body), MCMP_OK);
}

/* The id of the first node line that names the route; 0 = none. */
static unsigned long long id_of(station *s, const char *route)
{
    mcmp_view *view;
    mcmp_node_info node;
    unsigned long long id = 0;

    ck_assert_int_eq(mcmp_view_new(&view, s->cluster, s->now, &s->err), MCMP_OK);
    mcmp_node_info_init(&node);
    for (size_t i = 0; id == 0 && mcmp_view_node(view, i, &node) == MCMP_OK; i++)
        if (node.route.len == strlen(route) && memcmp(node.route.ptr, route, node.route.len) == 0)
            id = node.id;
    mcmp_view_free(view);
    return id;
}

static uint32_t state_of(station *s, const char *route)
{
    mcmp_view *view;
    mcmp_node_info node;
    uint32_t state = UINT32_MAX;

    ck_assert_int_eq(mcmp_view_new(&view, s->cluster, s->now, &s->err), MCMP_OK);
    mcmp_node_info_init(&node);
    for (size_t i = 0; mcmp_view_node(view, i, &node) == MCMP_OK; i++)
        if (node.route.len == strlen(route) && memcmp(node.route.ptr, route, node.route.len) == 0)
            state = node.state;
    mcmp_view_free(view);
    return state;
}

/* A CONFIG for the living node ONE: what changes, and whether it may. */
static const struct {
    const char *name;
    const char *body;
    int code;
    const char *shown; /* by INFO or DUMP afterwards */
} changes[] = {
    { "nothing", ONE, MCMP_OK, "Flushwait: 10,Ping: 10,Smax: -1" },
    { "flushpackets", ONE "&flushpackets=auto", MCMP_OK, "Flushpackets: Auto" },
    { "absent is default again", ONE, MCMP_OK, "Flushpackets: Off" },
    { "flushwait", ONE "&flushwait=25", MCMP_OK, "Flushwait: 25" },
    { "ping", ONE "&ping=3", MCMP_OK, "Ping: 3" },
    { "Timeout", ONE "&Timeout=9", MCMP_OK, "timeout: 9" },
    { "Domain", ONE "&Domain=grp+1", MCMP_OK, "LBGroup: grp 1" },
    { "sticky off", ONE "&StickySession=No", MCMP_OK, "Sticky: 0 [JSESSIONID]" },
    { "cookie", ONE "&StickySessionCookie=SID&StickySessionPath=sid", MCMP_OK,
      "Sticky: 1 [SID]/[sid]" },
    { "remove and force", ONE "&StickySessionRemove=yes&StickySessionForce=no", MCMP_OK,
      "remove: 1 force: 0" },
    { "WaitWorker", ONE "&WaitWorker=3000", MCMP_OK, "Timeout: 3000" },
    { "Maxattempts", ONE "&Maxattempts=7", MCMP_OK, "maxAttempts: 7" },
    { "Balancer", ONE "&Balancer=other", MCMP_ERR_CONFLICT, "Balancer: mycluster" },
    { "Host", "JVMRoute=n1&Host=10.0.0.9&Port=8009", MCMP_ERR_CONFLICT, "Host: 10.0.0.1" },
    { "Port", "JVMRoute=n1&Host=10.0.0.1&Port=9", MCMP_ERR_CONFLICT, "Port: 8009" },
    { "Type", ONE "&Type=http", MCMP_ERR_CONFLICT, "Type: ajp" },
    { "Reversed", ONE "&Reversed=true", MCMP_ERR_CONFLICT, "n1" },
    { "Smax", ONE "&smax=3", MCMP_ERR_CONFLICT, "Smax: -1" },
    { "Ttl", ONE "&ttl=3", MCMP_ERR_CONFLICT, "Ttl: 60" },
};

START_TEST(test_config_changes_what_may_change_and_nothing_else)
{
    station s;
    unsigned long long id;

    station_open(&s, NULL);
    must(&s, "CONFIG /", ONE);
    must(&s, "ENABLE-APP /", "JVMRoute=n1&Alias=a&Context=/x");
    id = id_of(&s, "n1");
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        int found;
        mcmp_span dump;

        row_code(changes[i].name, say(&s, "CONFIG /", changes[i].body), changes[i].code);
        found = info_has(&s, changes[i].shown);
        ck_assert_int_eq(say(&s, "DUMP /", ""), MCMP_OK);
        dump = answer_body(&s);
        found |= memmem(dump.ptr, dump.len, changes[i].shown, strlen(changes[i].shown)) != NULL;
        row_true(changes[i].name, found);
        row_true(changes[i].name, info_has(&s, "Context: /x, Status: ENABLED"));
        row_int(changes[i].name, id_of(&s, "n1"), id);
    }
    station_close(&s);
}
END_TEST

START_TEST(test_an_endpoint_is_host_without_case_and_ipv6_by_value)
{
    station s;

    station_open(&s, NULL);
    must(&s, "CONFIG /", "JVMRoute=a&Host=Node.Example&Port=80");
    ck_assert_int_eq(say(&s, "CONFIG /", "JVMRoute=b&Host=node.example&Port=80&Type=http"),
                     MCMP_ERR_CONFLICT);
    must(&s, "CONFIG /", "JVMRoute=a&Host=NODE.example&Port=80");
    must(&s, "CONFIG /", "JVMRoute=c&Host=%5B0:0:0:0:0:0:0:1%5D&Port=80");
    ck_assert_int_eq(say(&s, "CONFIG /", "JVMRoute=d&Host=::1&Port=80"), MCMP_ERR_CONFLICT);
    must(&s, "CONFIG /", "JVMRoute=c&Host=::1&Port=80");
    must(&s, "CONFIG /", "JVMRoute=d&Host=::1&Port=81");
    ck_assert_int_eq(s.probes, 0);
    station_close(&s);
}
END_TEST

START_TEST(test_a_changed_node_replaces_itself_when_its_old_endpoint_is_dead)
{
    station s;
    unsigned long long id;

    station_open(&s, NULL);
    must(&s, "CONFIG /", ONE);
    must(&s, "ENABLE-APP /", "JVMRoute=n1&Alias=a&Context=/x,/y");
    must(&s, "DISABLE-APP /", "JVMRoute=n1&Alias=a&Context=/y");
    must(&s, "STATUS /", "JVMRoute=n1&Load=70");
    s.now += 2 * MCMP_SEC;
    s.probe_ok = 0;
    must(&s, "STATUS /", "JVMRoute=n1&Load=70");
    ck_assert_uint_eq(state_of(&s, "n1"), MCMP_NODE_ERROR);
    id = id_of(&s, "n1");
    s.probes = 0;
    s.probe_ok = 1;
    ck_assert_int_eq(say(&s, "CONFIG /", "JVMRoute=n1&Host=10.0.0.7&Port=81&Type=http"),
                     MCMP_ERR_CONFLICT);
    ck_assert_int_eq(s.probes, 1);
    ck_assert_str_eq(s.probed, "10.0.0.1:8009");
    ck_assert(info_has(&s, "Host: 10.0.0.1,Port: 8009"));
    s.probe_ok = 0;
    must(&s, "CONFIG /", "JVMRoute=n1&Host=10.0.0.7&Port=81&Type=http");
    ck_assert_int_eq(s.probes, 2);
    ck_assert(info_has(&s, "Host: 10.0.0.7,Port: 81,Type: http"));
    ck_assert(info_has(&s, "Load: 70"));
    ck_assert(info_has(&s, "Context: /x, Status: ENABLED"));
    ck_assert(info_has(&s, "Context: /y, Status: DISABLED"));
    ck_assert_uint_eq(id_of(&s, "n1"), id);
    ck_assert_uint_ne(state_of(&s, "n1"), MCMP_NODE_ERROR);
    /* the old endpoint is free, the new one taken */
    must(&s, "CONFIG /", "JVMRoute=n2&Host=10.0.0.1&Port=8009");
    ck_assert_int_eq(say(&s, "CONFIG /", "JVMRoute=n3&Host=10.0.0.7&Port=81"), MCMP_ERR_CONFLICT);
    station_close(&s);
}
END_TEST

START_TEST(test_a_replaced_node_may_change_its_balancer)
{
    station s;

    station_open(&s, NULL);
    must(&s, "CONFIG /", ONE);
    must(&s, "ENABLE-APP /", "JVMRoute=n1&Alias=a&Context=/x");
    s.probe_ok = 0;
    must(&s, "CONFIG /", ONE "&Balancer=Other");
    ck_assert(info_has(&s, "Balancer: other"));
    ck_assert(info_has(&s, "Context: /x, Status: ENABLED"));
    ck_assert_int_eq(say(&s, "DUMP /", ""), MCMP_OK);
    ck_assert(memmem(answer_body(&s).ptr, answer_body(&s).len, "mycluster", 9) == NULL);
    station_close(&s);
}
END_TEST

START_TEST(test_a_silent_node_is_replaced_without_a_probe)
{
    station s;

    station_open(&s, NULL);
    must(&s, "CONFIG /", ONE);
    must(&s, "STATUS /", "JVMRoute=n1&Load=70");
    s.probes = 0;
    s.now += 15 * MCMP_SEC;
    ck_assert_int_eq(say(&s, "CONFIG /", "JVMRoute=n1&Host=10.0.0.7"), MCMP_ERR_CONFLICT);
    ck_assert_int_eq(s.probes, 1);
    s.now += 1;
    must(&s, "CONFIG /", "JVMRoute=n1&Host=10.0.0.7");
    ck_assert_int_eq(s.probes, 1);
    /* it is new there and has not fallen silent again */
    ck_assert_int_eq(say(&s, "CONFIG /", "JVMRoute=n1&Host=10.0.0.8"), MCMP_ERR_CONFLICT);
    ck_assert_int_eq(s.probes, 2);
    station_close(&s);
}
END_TEST

START_TEST(test_a_node_that_never_sent_status_is_not_silent)
{
    station s;

    station_open(&s, NULL);
    must(&s, "CONFIG /", ONE);
    s.now += 3600 * MCMP_SEC;
    ck_assert_int_eq(say(&s, "CONFIG /", "JVMRoute=n2&Host=10.0.0.1&Port=8009"), MCMP_ERR_CONFLICT);
    ck_assert_int_eq(say(&s, "CONFIG /", "JVMRoute=n1&Host=10.0.0.7"), MCMP_ERR_CONFLICT);
    ck_assert_int_eq(s.probes, 1);
    station_close(&s);
}
END_TEST

START_TEST(test_the_endpoint_of_a_silent_node_goes_to_another_route_in_one_step)
{
    station s;

    station_open(&s, NULL);
    must(&s, "CONFIG /", ONE);
    must(&s, "ENABLE-APP /", "JVMRoute=n1&Alias=a&Context=/x");
    must(&s, "STATUS /", "JVMRoute=n1&Load=70");
    ck_assert_int_eq(say(&s, "CONFIG /", "JVMRoute=pod&Host=10.0.0.1&Port=8009"),
                     MCMP_ERR_CONFLICT);
    s.now += 15 * MCMP_SEC + 1;
    must(&s, "CONFIG /", "JVMRoute=pod&Host=10.0.0.1&Port=8009&Alias=b&Context=/z");
    row_text("tail", info_tail(&s),
             "Vhost: [2:1:1], Alias: b\nContext: [2:1:1], Context: /z, Status: STOPPED\n");
    ck_assert(!info_has(&s, "n1"));
    ck_assert_int_eq(say(&s, "STATUS /", "JVMRoute=n1"), MCMP_ERR_UNKNOWN_NODE);
    station_close(&s);
}
END_TEST

START_TEST(test_a_node_that_moves_onto_a_silent_one_takes_its_place)
{
    station s;
    unsigned long long id;

    station_open(&s, NULL);
    must(&s, "CONFIG /", ONE);
    must(&s, "STATUS /", "JVMRoute=n1&Load=70");
    s.now += 15 * MCMP_SEC + 1;
    must(&s, "CONFIG /", TWO);
    id = id_of(&s, "n2");
    s.probe_ok = 0;
    must(&s, "CONFIG /", "JVMRoute=n2&Host=10.0.0.1&Port=8009");
    ck_assert_uint_eq(id_of(&s, "n2"), id);
    ck_assert(!info_has(&s, "Name: n1"));
    ck_assert(info_has(&s, "Host: 10.0.0.1"));
    ck_assert_uint_eq(state_of(&s, "n2"), MCMP_NODE_UNPROVEN);
    station_close(&s);
}
END_TEST

START_TEST(test_policies_refuse_or_let_the_last_writer_win)
{
    mcmp_cluster_options opts;
    station s;

    mcmp_cluster_options_init(&opts);
    opts.replace_policy = MCMP_REPLACE_REFUSE;
    station_open(&s, &opts);
    must(&s, "CONFIG /", ONE);
    must(&s, "STATUS /", "JVMRoute=n1&Load=70");
    s.probes = 0;
    s.probe_ok = 0;
    s.now += 3600 * MCMP_SEC;
    ck_assert_int_eq(say(&s, "CONFIG /", "JVMRoute=n1&Host=10.0.0.7"), MCMP_ERR_CONFLICT);
    ck_assert_int_eq(say(&s, "CONFIG /", "JVMRoute=n2&Host=10.0.0.1&Port=8009"), MCMP_ERR_CONFLICT);
    ck_assert_int_eq(s.probes, 0);
    station_close(&s);

    mcmp_cluster_options_init(&opts);
    opts.replace_policy = MCMP_REPLACE_LAST_WRITER;
    station_open(&s, &opts);
    must(&s, "CONFIG /", ONE);
    must(&s, "CONFIG /", TWO);
    must(&s, "CONFIG /", "JVMRoute=n1&Host=10.0.0.7");
    ck_assert(info_has(&s, "Host: 10.0.0.7"));
    ck_assert_int_eq(say(&s, "CONFIG /", "JVMRoute=n1&Host=10.0.0.2&Port=8009"), MCMP_ERR_CONFLICT);
    ck_assert_int_eq(s.probes, 0);
    station_close(&s);

    mcmp_cluster_options_init(&opts);
    opts.silent_after = MCMP_NEVER;
    station_open(&s, &opts);
    must(&s, "CONFIG /", ONE);
    must(&s, "STATUS /", "JVMRoute=n1&Load=70");
    s.now += 3600 * MCMP_SEC;
    ck_assert_int_eq(say(&s, "CONFIG /", "JVMRoute=n2&Host=10.0.0.1&Port=8009"), MCMP_ERR_CONFLICT);
    station_close(&s);
}
END_TEST

START_TEST(test_everything_from_node_known_on_is_judged_again_after_a_probe)
{
    station s;
    mcmp_response *held = NULL;
    mcmp_request request;
    const char *body = "JVMRoute=n1&Load=5";

    station_open(&s, NULL);
    must(&s, "CONFIG /", ONE);
    ck_assert_int_eq(mcmp_response_new(&held, NULL, NULL), MCMP_OK);
    /* removed while its probe was on the way */
    station_request(&s, "STATUS /", span_of(body), &request);
    ck_assert_int_eq(mcmp_apply(s.cluster, &request, held, &s.err), MCMP_PENDING);
    s.connection = 2;
    must(&s, "REMOVE-APP /*", "JVMRoute=n1");
    ck_assert_int_eq(mcmp_apply_resume(s.cluster, &request, held, 1, s.now, &s.err),
                     MCMP_ERR_UNKNOWN_NODE);
    /* replaced while its probe was on the way: the new endpoint is probed */
    must(&s, "CONFIG /", ONE);
    ck_assert_int_eq(mcmp_apply(s.cluster, &request, held, &s.err), MCMP_PENDING);
    s.probe_ok = 0;
    must(&s, "CONFIG /", "JVMRoute=n1&Host=10.0.0.7");
    ck_assert_int_eq(mcmp_apply_resume(s.cluster, &request, held, 0, s.now, &s.err), MCMP_PENDING);
    ck_assert_int_eq(mcmp_response_pending(held)->kind, MCMP_PENDING_PROBE);
    row_text("new", mcmp_response_pending(held)->probe->host, "10.0.0.7");
    ck_assert_int_eq(mcmp_apply_resume(s.cluster, &request, held, 1, s.now, &s.err), MCMP_OK);
    ck_assert(info_has(&s, "Load: 5"));
    ck_assert(mcmp_response_pending(held) == NULL);
    mcmp_response_free(held);
    station_close(&s);
}
END_TEST

START_TEST(test_a_removed_node_is_shown_for_two_grace_periods)
{
    station s;

    station_open(&s, NULL);
    must(&s, "CONFIG /", ONE "&Alias=a&Context=/x");
    must(&s, "CONFIG /", TWO "&Balancer=b2");
    must(&s, "STATUS /", "JVMRoute=n1&Load=33");
    must(&s, "REMOVE-APP /*", "JVMRoute=n1");
    ck_assert_int_eq(say(&s, "STATUS /", "JVMRoute=n1"), MCMP_ERR_UNKNOWN_NODE);
    row_text("no lines", info_tail(&s), "");
    ck_assert(info_has(&s, "Node: [1],Name: n1,Balancer: mycluster,"));
    ck_assert(info_has(&s, "Load: 33"));
    ck_assert_uint_eq(state_of(&s, "n1"), MCMP_NODE_LEAVING);
    s.now += 10 * MCMP_SEC - 1;
    ck_assert(info_has(&s, "Name: n1,"));
    s.now += 1;
    ck_assert(!info_has(&s, "Name: n1,"));
    ck_assert(info_has(&s, "Node: [1],Name: REMOVED,Balancer: mycluster,"));
    ck_assert_uint_eq(state_of(&s, "REMOVED"), MCMP_NODE_REMOVED);
    ck_assert_int_eq(say(&s, "DUMP /", ""), MCMP_OK);
    ck_assert(memmem(answer_body(&s).ptr, answer_body(&s).len, "JVMRoute: REMOVED", 17) != NULL);
    ck_assert(memmem(answer_body(&s).ptr, answer_body(&s).len, "Name: mycluster", 15) != NULL);
    s.now += 10 * MCMP_SEC - 1;
    ck_assert(info_has(&s, "REMOVED"));
    s.now += 1;
    ck_assert(!info_has(&s, "REMOVED"));
    ck_assert_int_eq(say(&s, "DUMP /", ""), MCMP_OK);
    ck_assert(memmem(answer_body(&s).ptr, answer_body(&s).len, "Name: mycluster", 15) == NULL);
    ck_assert(info_has(&s, "Node: [2],Name: n2"));
    station_close(&s);
}
END_TEST

START_TEST(test_a_node_is_new_again_at_every_stage_of_its_removal)
{
    static const mcmp_time ages[] = { 0, 9 * MCMP_SEC, 11 * MCMP_SEC, 21 * MCMP_SEC };

    for (size_t i = 0; i < COUNT_OF(ages); i++) {
        station s;

        station_open(&s, NULL);
        must(&s, "CONFIG /", ONE "&Alias=a&Context=/x");
        must(&s, "STATUS /", "JVMRoute=n1&Load=33");
        must(&s, "REMOVE-APP /*", "JVMRoute=n1");
        s.now += ages[i];
        s.connection++; /* no reset of the kind that heal_reset cures */
        must(&s, "CONFIG /", ONE);
        row_text("lines", info_text(&s),
                 "Node: [2],Name: n1,Balancer: mycluster,LBGroup: ,Host: 10.0.0.1,Port: 8009,"
                 "Type: ajp,Flushpackets: Off,Flushwait: 10,Ping: 10,Smax: -1,Ttl: 60,Elected: 0,"
                 "Read: 0,Transfered: 0,Connected: 0,Load: 0\n");
        ck_assert_uint_eq(state_of(&s, "n1"), MCMP_NODE_UNPROVEN);
        must(&s, "STATUS /", "JVMRoute=n1&Load=5");
        station_close(&s);
    }
}
END_TEST

START_TEST(test_a_grace_row_is_taken_over_by_its_endpoint_too)
{
    station s;

    station_open(&s, NULL);
    must(&s, "CONFIG /", ONE);
    must(&s, "REMOVE-APP /*", "JVMRoute=n1");
    must(&s, "CONFIG /", "JVMRoute=other&Host=10.0.0.1&Port=8009");
    ck_assert(!info_has(&s, "n1"));
    ck_assert(info_has(&s, "other"));
    station_close(&s);
}
END_TEST

START_TEST(test_grace_rows_never_keep_a_new_node_out)
{
    mcmp_cluster_options opts;
    station s;

    mcmp_cluster_options_init(&opts);
    opts.max_nodes = 2;
    station_open(&s, &opts);
    for (int i = 0; i < 12; i++) {
        char body[80];

        (void)snprintf(body, sizeof(body), "JVMRoute=n%d&Host=10.0.0.%d&Alias=a&Context=/x", i,
                       i + 1);
        must(&s, "CONFIG /", body);
        (void)snprintf(body, sizeof(body), "JVMRoute=n%d", i);
        if (i % 2 == 1)
            must(&s, "REMOVE-APP /*", body);
        if (i % 2 == 1) {
            (void)snprintf(body, sizeof(body), "JVMRoute=n%d", i - 1);
            must(&s, "REMOVE-APP /*", body);
        }
    }
    station_close(&s);
}
END_TEST

/* heal_reset: what comes after REMOVE-APP of the node, and whether STATUS is refused once. */
static const struct {
    const char *name;
    mcmp_time config_after;
    mcmp_time status_after; /* after the CONFIG */
    int other_for_config;   /* on another connection */
    int other_for_status;
    int status_between; /* another STATUS came first, on another connection */
    int heals;
} heals[] = {
    { "the client's bug", 0, 0, 0, 0, 0, 1 },
    { "within five seconds", 2 * MCMP_SEC, 3 * MCMP_SEC, 0, 0, 0, 1 },
    { "too late", 2 * MCMP_SEC, 3 * MCMP_SEC + 1, 0, 0, 0, 0 },
    { "CONFIG too late", 6 * MCMP_SEC, 0, 0, 0, 0, 0 },
    { "CONFIG on another connection", 0, 0, 1, 0, 0, 0 },
    { "STATUS on another connection", 0, 0, 0, 1, 0, 0 },
    { "not the first STATUS", 0, 0, 0, 0, 1, 0 },
};

START_TEST(test_the_first_status_after_a_reset_on_one_connection_is_refused_once)
{
    for (size_t i = 0; i < COUNT_OF(heals); i++) {
        station s;

        station_open(&s, NULL);
        must(&s, "CONFIG /", ONE "&Alias=a&Context=/x");
        must(&s, "STATUS /", "JVMRoute=n1&Load=33");
        s.connection = 7;
        must(&s, "REMOVE-APP /*", "JVMRoute=n1");
        s.now += heals[i].config_after;
        s.connection = heals[i].other_for_config ? 8 : 7;
        must(&s, "CONFIG /", ONE);
        s.connection = 9;
        if (heals[i].status_between)
            must(&s, "STATUS /", "JVMRoute=n1&Load=33");
        s.now += heals[i].status_after;
        s.connection = heals[i].other_for_status ? 8 : 7;
        row_code(heals[i].name, say(&s, "STATUS /", "JVMRoute=n1&Load=33"),
                 heals[i].heals ? MCMP_ERR_UNKNOWN_NODE : MCMP_OK);
        row_code(heals[i].name, say(&s, "STATUS /", "JVMRoute=n1&Load=34"), MCMP_OK);
        row_true(heals[i].name, info_has(&s, "Load: 34"));
        station_close(&s);
    }
}
END_TEST

START_TEST(test_heal_reset_can_be_switched_off)
{
    mcmp_cluster_options opts;
    station s;

    mcmp_cluster_options_init(&opts);
    opts.flags = MCMP_CLUSTER_NO_HEAL_RESET;
    station_open(&s, &opts);
    must(&s, "CONFIG /", ONE);
    must(&s, "REMOVE-APP /*", "JVMRoute=n1");
    must(&s, "CONFIG /", ONE);
    must(&s, "STATUS /", "JVMRoute=n1&Load=33");
    station_close(&s);
    mcmp_cluster_options_init(&opts);
    station_open(&s, &opts);
    s.connection = 0; /* the host numbers no connections: nothing is known, nothing is healed */
    must(&s, "CONFIG /", ONE);
    must(&s, "REMOVE-APP /*", "JVMRoute=n1");
    must(&s, "CONFIG /", ONE);
    must(&s, "STATUS /", "JVMRoute=n1&Load=33");
    station_close(&s);
}
END_TEST

START_TEST(test_nodes_are_listed_newest_first_and_ids_are_not_used_again)
{
    station s;
    mcmp_view *view;
    mcmp_node_info node;
    static const char *const want[] = { "n4", "n3", "n1" };

    station_open(&s, NULL);
    must(&s, "CONFIG /", "JVMRoute=n1&Host=10.0.0.1");
    must(&s, "CONFIG /", "JVMRoute=n2&Host=10.0.0.2");
    must(&s, "CONFIG /", "JVMRoute=n3&Host=10.0.0.3");
    must(&s, "REMOVE-APP /*", "JVMRoute=n2");
    s.now += 30 * MCMP_SEC;
    must(&s, "CONFIG /", "JVMRoute=n4&Host=10.0.0.4");
    mcmp_node_info_init(&node);
    ck_assert_int_eq(mcmp_view_new(&view, s.cluster, s.now, &s.err), MCMP_OK);
    ck_assert_uint_eq(mcmp_view_node_count(view), COUNT_OF(want));
    for (size_t i = 0; i < COUNT_OF(want); i++) {
        ck_assert_int_eq(mcmp_view_node(view, i, &node), MCMP_OK);
        row_text(want[i], node.route, want[i]);
        row_int(want[i], node.id, want[i][1] - '0');
        row_int(want[i], mcmp_node_is_current(s.cluster, node.handle), 1);
    }
    ck_assert_int_eq(mcmp_view_node(view, COUNT_OF(want), &node), MCMP_DONE);
    mcmp_view_free(view);
    station_close(&s);
}
END_TEST

START_TEST(test_a_membership_change_is_one_line_of_the_log_and_a_repeat_is_none)
{
    station s;

    station_open(&s, NULL);
    must(&s, "CONFIG /", ONE);
    ck_assert_str_eq(s.log, "4 node n1 registered: ajp://10.0.0.1:8009, balancer mycluster\n");
    station_clear_log(&s);
    must(&s, "CONFIG /", ONE);
    ck_assert_str_eq(s.log, "");
    must(&s, "ENABLE-APP /", "JVMRoute=n1&Alias=a,b&Context=/x");
    ck_assert_str_eq(s.log, "4 node n1: ENABLE-APP /x of a, .., 2 changed\n");
    station_clear_log(&s);
    must(&s, "ENABLE-APP /", "JVMRoute=n1&Alias=a,b&Context=/x");
    must(&s, "ENABLE-APP /*", "JVMRoute=n1");
    must(&s, "INFO /", "");
    must(&s, "PING /", "");
    ck_assert_str_eq(s.log, "");
    must(&s, "STATUS /", "JVMRoute=n1&Load=5");
    ck_assert_str_eq(s.log, "4 node n1: active, was unproven (STATUS, load 5)\n");
    station_clear_log(&s);
    must(&s, "STATUS /", "JVMRoute=n1&Load=6");
    ck_assert_str_eq(s.log, "");
    must(&s, "REMOVE-APP /*", "JVMRoute=n1");
    ck_assert_str_eq(s.log, "4 node n1 removed\n");
    station_clear_log(&s);
    must(&s, "CONFIG /", TWO "&smax=many&Balancer=Big&flushpackets=maybe&Alias=a&Context=odd");
    ck_assert_str_eq(s.log, "3 node n2: bad value of flushpackets, its default is used\n"
                            "3 node n2: bad value of smax, its default is used\n"
                            "3 node n2: the name of its balancer was lower-cased\n"
                            "2 node n2: 1 contexts without leading slash never match\n"
                            "4 node n2 registered: ajp://10.0.0.2:8009, balancer big\n");
    must(&s, "STATUS /", "JVMRoute=n2");
    s.now += 60 * MCMP_SEC;
    station_clear_log(&s);
    must(&s, "CONFIG /", "JVMRoute=n3&Host=10.0.0.2&Port=8009");
    ck_assert_str_eq(s.log, "4 node n3 registered: ajp://10.0.0.2:8009, balancer mycluster, "
                            "in place of silent node n2\n");
    station_close(&s);
}
END_TEST

/* MCMP 4.9: a balancer has its row until its last row is forgotten; what comes later comes anew. */
START_TEST(test_a_balancer_that_time_has_forgotten_comes_last)
{
    static const struct {
        const char *name;
        mcmp_time pause;
        const char *first;
    } rows[] = { { "within the grace periods", 19, "balancer: [1] Name: early" },
                 { "after them", 20, "balancer: [1] Name: late" } };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        station s;

        station_open(&s, NULL);
        row_code(rows[i].name, say(&s, "CONFIG /", "JVMRoute=a&Balancer=early&Port=1"), MCMP_OK);
        row_code(rows[i].name, say(&s, "CONFIG /", "JVMRoute=b&Balancer=late&Port=2"), MCMP_OK);
        row_code(rows[i].name, say(&s, "REMOVE-APP /*", "JVMRoute=a"), MCMP_OK);
        s.now += rows[i].pause * MCMP_SEC;
        row_code(rows[i].name, say(&s, "CONFIG /", "JVMRoute=c&Balancer=early&Port=3"), MCMP_OK);
        row_code(rows[i].name, say(&s, "DUMP /", ""), MCMP_OK);
        ck_assert_uint_gt(answer_body(&s).len, strlen(rows[i].first));
        row_true(rows[i].name,
                 memcmp(answer_body(&s).ptr, rows[i].first, strlen(rows[i].first)) == 0);
        station_close(&s);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_config_changes_what_may_change_and_nothing_else,
        test_an_endpoint_is_host_without_case_and_ipv6_by_value,
        test_a_changed_node_replaces_itself_when_its_old_endpoint_is_dead,
        test_a_replaced_node_may_change_its_balancer,
        test_a_silent_node_is_replaced_without_a_probe,
        test_a_node_that_never_sent_status_is_not_silent,
        test_the_endpoint_of_a_silent_node_goes_to_another_route_in_one_step,
        test_a_node_that_moves_onto_a_silent_one_takes_its_place,
        test_policies_refuse_or_let_the_last_writer_win,
        test_everything_from_node_known_on_is_judged_again_after_a_probe,
        test_a_removed_node_is_shown_for_two_grace_periods,
        test_a_node_is_new_again_at_every_stage_of_its_removal,
        test_a_grace_row_is_taken_over_by_its_endpoint_too,
        test_grace_rows_never_keep_a_new_node_out,
        test_the_first_status_after_a_reset_on_one_connection_is_refused_once,
        test_heal_reset_can_be_switched_off,
        test_nodes_are_listed_newest_first_and_ids_are_not_used_again,
        test_a_membership_change_is_one_line_of_the_log_and_a_repeat_is_none,
        test_a_balancer_that_time_has_forgotten_comes_last,
    };

    return run_tests("apply: life of a node", tests, COUNT_OF(tests));
}
