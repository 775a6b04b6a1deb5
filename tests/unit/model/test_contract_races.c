/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several writers at once (MCMP 1: after a probe everything from `node known` on is judged again;
 * 4.1): whatever the order in which their probes come back, an endpoint has one node and a route
 * one endpoint, and who loses is told why.
 */
#include "held.h"

#include <pthread.h>

#define ONE "JVMRoute=n1&Host=10.0.0.1&Port=8009"
#define TWO "JVMRoute=n2&Host=10.0.0.2&Port=8009"
#define EXISTS "MEM: Node with \"n1\" JVMRoute already exists"
#define TAKEN "MEM: Another for the same worker already exist"

static void open_with(station *s, const char *first, const char *second)
{
    station_open(s, NULL);
    must(s, "CONFIG /", first);
    must(s, "ENABLE-APP /", "JVMRoute=n1&Alias=a&Context=/x");
    if (second != NULL)
        must(s, "CONFIG /", second);
}

START_TEST(test_of_two_writers_on_one_route_the_second_is_judged_by_what_the_first_wrote)
{
    for (int first_lives = 0; first_lives <= 1; first_lives++) {
        station s;
        held a;
        held b;

        open_with(&s, ONE, NULL);
        ck_assert_int_eq(held_start(&s, &a, "CONFIG /", "JVMRoute=n1&Host=10.0.0.7&Port=1"),
                         MCMP_PENDING);
        ck_assert_int_eq(held_start(&s, &b, "CONFIG /", "JVMRoute=n1&Host=10.0.0.8&Port=1"),
                         MCMP_PENDING);
        ck_assert_int_eq(held_resume(&s, &b, 0), MCMP_OK);
        ck_assert(info_has(&s, "Host: 10.0.0.8,Port: 1"));
        /* what a learnt of the old endpoint says nothing about the one that counts now */
        ck_assert_int_eq(held_resume(&s, &a, 0), MCMP_PENDING);
        row_text("the new endpoint is probed", held_host(&a), "10.0.0.8");
        if (first_lives) {
            ck_assert_int_eq(held_resume(&s, &a, 1), MCMP_ERR_CONFLICT);
            row_text("why", held_mess(&a), EXISTS);
            ck_assert(info_has(&s, "Host: 10.0.0.8,Port: 1"));
        } else {
            ck_assert_int_eq(held_resume(&s, &a, 0), MCMP_OK);
            ck_assert(info_has(&s, "Host: 10.0.0.7,Port: 1"));
        }
        ck_assert(info_has(&s, "Context: /x, Status: ENABLED"));
        ck_assert(!info_has(&s, "Node: [2]"));
        held_end(&a);
        held_end(&b);
        station_close(&s);
    }
}
END_TEST

START_TEST(test_a_message_that_arrives_twice_is_taken_twice)
{
    static const char body[] = "JVMRoute=n1&Host=10.0.0.7&Port=1&Alias=a&Context=/y";
    station s;
    held a;
    held b;

    open_with(&s, ONE, NULL);
    ck_assert_int_eq(held_start(&s, &a, "CONFIG /", body), MCMP_PENDING);
    ck_assert_int_eq(held_start(&s, &b, "CONFIG /", body), MCMP_PENDING);
    ck_assert_int_eq(held_resume(&s, &a, 0), MCMP_OK);
    ck_assert_int_eq(held_resume(&s, &b, 0), MCMP_OK);
    row_text("as once", info_tail(&s),
             "Vhost: [1:1:1], Alias: a\nContext: [1:1:1], Context: /y, Status: STOPPED\n"
             "Context: [1:1:1], Context: /x, Status: ENABLED\n");
    held_end(&a);
    held_end(&b);
    station_close(&s);
}
END_TEST

START_TEST(test_of_two_routes_that_move_to_one_endpoint_one_gets_it)
{
    for (int winner = 0; winner <= 1; winner++) {
        station s;
        held h[2];

        open_with(&s, ONE, TWO);
        ck_assert_int_eq(held_start(&s, &h[0], "CONFIG /", "JVMRoute=n1&Host=10.0.0.9&Port=1"),
                         MCMP_PENDING);
        ck_assert_int_eq(held_start(&s, &h[1], "CONFIG /", "JVMRoute=n2&Host=10.0.0.9&Port=1"),
                         MCMP_PENDING);
        ck_assert_int_eq(held_resume(&s, &h[winner], 0), MCMP_OK);
        ck_assert_int_eq(held_resume(&s, &h[!winner], 0), MCMP_ERR_CONFLICT);
        row_text("why", held_mess(&h[!winner]), TAKEN);
        ck_assert(info_has(&s, winner ? "Name: n2,Balancer: mycluster,LBGroup: ,Host: 10.0.0.9"
                                      : "Name: n1,Balancer: mycluster,LBGroup: ,Host: 10.0.0.9"));
        ck_assert(info_has(&s, winner ? "Host: 10.0.0.1,Port: 8009" : "Host: 10.0.0.2,Port: 8009"));
        held_end(&h[0]);
        held_end(&h[1]);
        station_close(&s);
    }
}
END_TEST

/* What others do while the probe of n1's CONFIG for 10.0.0.9 is on the way, and what it is told
 * when the probe of its old endpoint has failed. */
static const struct {
    const char *name;
    const char *line;
    const char *body;
    int code;
    const char *shown;
} meanwhile[] = {
    { "a new node registers there", "CONFIG /", "JVMRoute=n3&Host=10.0.0.9&Port=1",
      MCMP_ERR_CONFLICT, "Node: [1],Name: n1,Balancer: mycluster,LBGroup: ,Host: 10.0.0.1" },
    { "the node is removed: it is new", "REMOVE-APP /*", "JVMRoute=n1", MCMP_OK,
      "Node: [3],Name: n1,Balancer: mycluster,LBGroup: ,Host: 10.0.0.9" },
    { "the balancer of another changes", "CONFIG /", TWO "&StickySession=No", MCMP_OK,
      "Node: [1],Name: n1,Balancer: mycluster,LBGroup: ,Host: 10.0.0.9" },
    { "nothing that matters", "INFO /", "", MCMP_OK,
      "Node: [1],Name: n1,Balancer: mycluster,LBGroup: ,Host: 10.0.0.9" },
};

START_TEST(test_what_others_do_during_a_probe_counts_when_it_comes_back)
{
    for (size_t i = 0; i < COUNT_OF(meanwhile); i++) {
        station s;
        held h;

        open_with(&s, ONE, TWO);
        row_code(meanwhile[i].name,
                 held_start(&s, &h, "CONFIG /", "JVMRoute=n1&Host=10.0.0.9&Port=1"), MCMP_PENDING);
        s.connection = 2;
        must(&s, meanwhile[i].line, meanwhile[i].body);
        row_code(meanwhile[i].name, held_resume(&s, &h, 0), meanwhile[i].code);
        row_true(meanwhile[i].name, info_has(&s, meanwhile[i].shown));
        held_end(&h);
        station_close(&s);
    }
}
END_TEST

START_TEST(test_a_silent_node_that_speaks_up_during_the_probe_keeps_its_endpoint)
{
    for (int speaks = 0; speaks <= 1; speaks++) {
        station s;
        held h;

        open_with(&s, ONE, NULL);
        must(&s, "STATUS /", "JVMRoute=n1&Load=5");
        s.now += 16 * MCMP_SEC;
        must(&s, "CONFIG /", TWO);
        ck_assert_int_eq(held_start(&s, &h, "CONFIG /", "JVMRoute=n2&Host=10.0.0.1&Port=8009"),
                         MCMP_PENDING);
        row_text("its own old one", held_host(&h), "10.0.0.2");
        if (speaks)
            must(&s, "STATUS /", "JVMRoute=n1&Load=5");
        ck_assert_int_eq(held_resume(&s, &h, 0), speaks ? MCMP_ERR_CONFLICT : MCMP_OK);
        ck_assert_int_eq(info_has(&s, "Name: n1"), speaks);
        ck_assert_int_eq(info_has(&s, "Context: /x"), speaks);
        held_end(&h);
        station_close(&s);
    }
}
END_TEST

START_TEST(test_a_node_whose_status_waits_for_its_probe_is_not_silent)
{
    station s;
    held status;

    open_with(&s, ONE, NULL);
    must(&s, "STATUS /", "JVMRoute=n1&Load=5");
    s.now += 10 * MCMP_SEC;
    ck_assert_int_eq(held_start(&s, &status, "STATUS /", "JVMRoute=n1&Load=5"), MCMP_PENDING);
    s.now += 9 * MCMP_SEC;
    ck_assert_int_eq(say(&s, "CONFIG /", "JVMRoute=n2&Host=10.0.0.1&Port=8009"), MCMP_ERR_CONFLICT);
    row_text("why", answer_header(&s, "Mess"), TAKEN);
    ck_assert_int_eq(held_resume(&s, &status, 0), MCMP_OK);
    held_end(&status);
    station_close(&s);
}
END_TEST

START_TEST(test_a_status_of_a_node_that_was_removed_and_came_back_is_probed_anew)
{
    station s;
    held status;
    mcmp_node_info node;

    open_with(&s, ONE, NULL);
    ck_assert_int_eq(held_start(&s, &status, "STATUS /", "JVMRoute=n1&Load=5"), MCMP_PENDING);
    s.connection = 2;
    must(&s, "REMOVE-APP /*", "JVMRoute=n1");
    s.connection = 3;
    must(&s, "CONFIG /", "JVMRoute=n1&Host=10.0.0.3&Port=8009");
    ck_assert_int_eq(held_resume(&s, &status, 0), MCMP_PENDING);
    row_text("the node of now", held_host(&status), "10.0.0.3");
    ck_assert(find_node(&s, "n1", &node));
    ck_assert_uint_eq(node.state, MCMP_NODE_UNPROVEN);
    ck_assert_int_eq(held_resume(&s, &status, 1), MCMP_OK);
    ck_assert(info_has(&s, ",Load: 5\n"));
    held_end(&status);
    station_close(&s);
}
END_TEST

START_TEST(test_ping_of_an_endpoint_is_judged_again_after_its_probe)
{
    for (int removed = 0; removed <= 1; removed++) {
        station s;
        held ping;

        open_with(&s, ONE, NULL);
        ck_assert_int_eq(held_start(&s, &ping, "PING /", "Scheme=ajp&Host=10.0.0.1&Port=8009"),
                         MCMP_PENDING);
        if (removed)
            must(&s, "REMOVE-APP /*", "JVMRoute=n1");
        ck_assert_int_eq(held_resume(&s, &ping, 1), MCMP_OK);
        row_text("state", mcmp_response_body(ping.response),
                 with_id(&s, removed ? "Type=PING-RSP&State=NOTOK&id={id}\n"
                                     : "Type=PING-RSP&State=OK&id={id}\n"));
        held_end(&ping);
        station_close(&s);
    }
}
END_TEST

START_TEST(test_a_ping_of_a_node_changes_nothing_of_it)
{
    station s;
    mcmp_node_info node;

    open_with(&s, ONE, NULL);
    must(&s, "STATUS /", "JVMRoute=n1&Load=5");
    s.probe_ok = 0;
    must(&s, "PING /", "JVMRoute=n1");
    row_text("state", answer_body(&s),
             with_id(&s, "Type=PING-RSP&JVMRoute=n1&State=NOTOK&id={id}\n"));
    ck_assert(find_node(&s, "n1", &node));
    ck_assert_uint_eq(node.state, MCMP_NODE_ACTIVE);
    station_close(&s);
}
END_TEST

/* One of several that register the same endpoint at the same moment. */
typedef struct writer {
    pthread_t thread;
    pthread_barrier_t *start;
    mcmp_cluster *cluster;
    int number;
    int code;
    char mess[100];
} writer;

static void *register_it(void *arg)
{
    writer *w = arg;
    mcmp_peer peer;
    mcmp_request request;
    mcmp_response *response = NULL;
    mcmp_pair pair;
    char body[100];

    mcmp_peer_init(&peer);
    peer.address[15] = 1; /* ::1 */
    peer.has_address = 1;
    mcmp_request_init(&request);
    (void)snprintf(body, sizeof(body), "JVMRoute=w%d&Host=10.0.0.1&Port=8009&Balancer=b%d",
                   w->number, w->number);
    request.method = span_of("CONFIG");
    request.command = MCMP_COMMAND_CONFIG;
    request.target = span_of("/");
    request.body = span_of(body);
    request.peer = &peer;
    request.now = MCMP_SEC;
    w->code = mcmp_response_new(&response, NULL, NULL);
    pthread_barrier_wait(w->start);
    if (w->code == MCMP_OK)
        w->code = mcmp_apply(w->cluster, &request, response, NULL);
    for (size_t i = 0; mcmp_response_header(response, i, &pair) == MCMP_OK; i++)
        if (pair.name.len == 4)
            (void)snprintf(w->mess, sizeof(w->mess), "%.*s", (int)pair.value.len, pair.value.ptr);
    mcmp_response_free(response);
    return NULL;
}

START_TEST(test_of_many_that_register_one_endpoint_at_once_exactly_one_does)
{
    enum { WRITERS = 6, ROUNDS = 40 };
    writer writers[WRITERS];

    for (int round = 0; round < ROUNDS; round++) {
        pthread_barrier_t start;
        mcmp_cluster *cluster;
        mcmp_view *view;
        int winners = 0;

        ck_assert_int_eq(mcmp_cluster_open(&cluster, NULL, NULL), MCMP_OK);
        ck_assert_int_eq(pthread_barrier_init(&start, NULL, WRITERS), 0);
        for (int i = 0; i < WRITERS; i++) {
            writers[i] = (writer){ .start = &start, .cluster = cluster, .number = i };
            ck_assert_int_eq(pthread_create(&writers[i].thread, NULL, register_it, &writers[i]), 0);
        }
        for (int i = 0; i < WRITERS; i++)
            ck_assert_int_eq(pthread_join(writers[i].thread, NULL), 0);
        for (int i = 0; i < WRITERS; i++) {
            winners += writers[i].code == MCMP_OK;
            row_true("loser", writers[i].code == MCMP_OK || writers[i].code == MCMP_ERR_CONFLICT);
            row_text("why", span_of(writers[i].mess), writers[i].code == MCMP_OK ? "" : TAKEN);
        }
        ck_assert_int_eq(winners, 1);
        ck_assert_int_eq(mcmp_view_new(&view, cluster, MCMP_SEC, NULL), MCMP_OK);
        ck_assert_uint_eq(mcmp_view_node_count(view), 1);
        mcmp_view_free(view);
        pthread_barrier_destroy(&start);
        mcmp_cluster_close(cluster);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_of_two_writers_on_one_route_the_second_is_judged_by_what_the_first_wrote,
        test_a_message_that_arrives_twice_is_taken_twice,
        test_of_two_routes_that_move_to_one_endpoint_one_gets_it,
        test_what_others_do_during_a_probe_counts_when_it_comes_back,
        test_a_silent_node_that_speaks_up_during_the_probe_keeps_its_endpoint,
        test_a_node_whose_status_waits_for_its_probe_is_not_silent,
        test_a_status_of_a_node_that_was_removed_and_came_back_is_probed_anew,
        test_ping_of_an_endpoint_is_judged_again_after_its_probe,
        test_a_ping_of_a_node_changes_nothing_of_it,
        test_of_many_that_register_one_endpoint_at_once_exactly_one_does,
    };

    return run_tests("contract: writers at once", tests, COUNT_OF(tests));
}
