/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Views: order and content of rows, a state that stays while the cluster moves on, and whole
 * messages only while another thread writes (DESIGN P1).
 */
#include "station.h"

#include <pthread.h>
#include <stdatomic.h>

static void must(station *s, const char *line, const char *body)
{
    row_code(body, say(s, line, body), MCMP_OK);
}

START_TEST(test_a_view_stays_as_it_was)
{
    station s;
    mcmp_view *view;
    mcmp_node_info node;
    mcmp_context_info context;

    station_open(&s, NULL);
    must(&s, "CONFIG /", "JVMRoute=n1&Host=10.0.0.1&Port=81&Type=http&Domain=d&Balancer=b");
    must(&s, "ENABLE-APP /", "JVMRoute=n1&Alias=a,b&Context=/x");
    must(&s, "STATUS /", "JVMRoute=n1&Load=7");
    ck_assert_int_eq(mcmp_view_new(&view, s.cluster, s.now, &s.err), MCMP_OK);
    must(&s, "REMOVE-APP /*", "JVMRoute=n1");
    must(&s, "CONFIG /", "JVMRoute=n2&Host=10.0.0.2");
    mcmp_node_info_init(&node);
    mcmp_context_info_init(&context);
    ck_assert_uint_eq(mcmp_view_node_count(view), 1);
    ck_assert_int_eq(mcmp_view_node(view, 0, &node), MCMP_OK);
    row_text("route", node.route, "n1");
    row_text("host", node.host, "10.0.0.1");
    row_text("balancer", node.balancer, "b");
    row_text("domain", node.domain, "d");
    ck_assert_uint_eq(node.port, 81);
    ck_assert_uint_eq(node.scheme, MCMP_SCHEME_HTTP);
    ck_assert_uint_eq(node.state, MCMP_NODE_ACTIVE);
    ck_assert_int_eq(node.load, 7);
    ck_assert_int_eq(node.last_status, s.now);
    ck_assert_int_eq(node.ttl, 60 * MCMP_SEC);
    ck_assert_int_eq(mcmp_node_is_current(s.cluster, node.handle), 0);
    ck_assert_uint_eq(mcmp_view_context_count(view), 2);
    ck_assert_int_eq(mcmp_view_context(view, 1, &context), MCMP_OK);
    row_text("alias", context.alias, "b");
    row_text("path", context.path, "/x");
    ck_assert_uint_eq(context.node_id, node.id);
    ck_assert_uint_eq(context.id, 2);
    ck_assert_uint_eq(context.vhost, 1);
    ck_assert_uint_eq(context.status, MCMP_STATUS_ENABLED);
    ck_assert_int_eq(mcmp_view_context(view, 2, &context), MCMP_DONE);
    ck_assert_int_eq(mcmp_view_node(view, 1, &node), MCMP_DONE);
    node.struct_size = 0;
    ck_assert_int_eq(mcmp_view_node(view, 0, &node), MCMP_ERR_INVALID);
    mcmp_view_free(view);
    mcmp_view_free(NULL);
    station_close(&s);
}
END_TEST

START_TEST(test_an_older_caller_gets_what_it_knows)
{
    station s;
    mcmp_view *view;
    mcmp_node_info node;

    station_open(&s, NULL);
    must(&s, "CONFIG /", "JVMRoute=n1&Host=10.0.0.1");
    ck_assert_int_eq(mcmp_view_new(&view, s.cluster, s.now, &s.err), MCMP_OK);
    memset(&node, 0x55, sizeof(node));
    node.struct_size = offsetof(mcmp_node_info, route);
    ck_assert_int_eq(mcmp_view_node(view, 0, &node), MCMP_OK);
    ck_assert_uint_eq(node.id, 1);
    ck_assert_uint_eq(node.port, 0x55555555);
    ck_assert_uint_eq(node.struct_size, offsetof(mcmp_node_info, route));
    mcmp_view_free(view);
    station_close(&s);
}
END_TEST

START_TEST(test_every_state_of_a_node_has_a_name)
{
    static const char *const names[] = { "unproven", "active",  "standby", "broken",
                                         "error",    "leaving", "removed", "?" };

    for (uint32_t state = 0; state < COUNT_OF(names); state++)
        ck_assert_str_eq(mcmp_node_state_name(state), names[state]);
}
END_TEST

START_TEST(test_the_state_follows_messages_and_probes)
{
    static const struct {
        const char *name;
        const char *body;
        int probe_ok;
        uint32_t state;
    } turns[] = {
        { "broken", "JVMRoute=n1&Load=-1", 1, MCMP_NODE_BROKEN },
        { "active", "JVMRoute=n1&Load=1", 1, MCMP_NODE_ACTIVE },
        { "error", "JVMRoute=n1&Load=1", 0, MCMP_NODE_ERROR },
        { "without Load", "JVMRoute=n1", 1, MCMP_NODE_ACTIVE },
        { "standby", "JVMRoute=n1&Load=0", 1, MCMP_NODE_STANDBY },
        { "broken again", "JVMRoute=n1&Load=-1", 1, MCMP_NODE_BROKEN },
    };
    station s;
    mcmp_view *view;
    mcmp_node_info node;

    station_open(&s, NULL);
    must(&s, "CONFIG /", "JVMRoute=n1&Host=10.0.0.1");
    mcmp_node_info_init(&node);
    for (size_t i = 0; i < COUNT_OF(turns); i++) {
        s.now += 2 * MCMP_SEC;
        s.probe_ok = turns[i].probe_ok;
        must(&s, "STATUS /", turns[i].body);
        ck_assert_int_eq(mcmp_view_new(&view, s.cluster, s.now, &s.err), MCMP_OK);
        ck_assert_int_eq(mcmp_view_node(view, 0, &node), MCMP_OK);
        row_int(turns[i].name, node.state, turns[i].state);
        mcmp_view_free(view);
    }
    station_close(&s);
}
END_TEST

typedef struct writer {
    station *s;
    atomic_int stop;
    atomic_int turns;
} writer;

/* Three pairs come and go; no message leaves one or two of them. */
static void *write_on(void *ctx)
{
    writer *w = ctx;

    while (!atomic_load(&w->stop)) {
        const char *lists = "JVMRoute=n1&Alias=a,b,c&Context=/x";
        int rc = say(w->s, "ENABLE-APP /", lists);

        if (rc == MCMP_OK)
            rc = say(w->s, "REMOVE-APP /", lists);
        if (rc != MCMP_OK)
            return w; /* refused: not expected */
        atomic_fetch_add(&w->turns, 1);
    }
    return NULL;
}

START_TEST(test_a_view_never_shows_half_a_message)
{
    station s;
    writer w;
    pthread_t thread;
    void *complaint = NULL;
    size_t taken = 0;

    fails_in_line_only("of threads no two runs are the same");
    station_open(&s, NULL);
    must(&s, "CONFIG /", "JVMRoute=n1&Host=10.0.0.1");
    memset(&w, 0, sizeof(w));
    w.s = &s;
    ck_assert_int_eq(pthread_create(&thread, NULL, write_on, &w), 0);
    while (atomic_load(&w.turns) < 300 || taken < 300) {
        mcmp_view *view;
        int rc = mcmp_view_new(&view, s.cluster, 1000 * MCMP_SEC, NULL);
        size_t count;

        ck_assert(rc == MCMP_OK || rc == MCMP_ERR_OVERTAKEN);
        if (rc != MCMP_OK)
            continue;
        count = mcmp_view_context_count(view);
        taken++;
        ck_assert_msg(count == 0 || count == 3, "%zu pairs", count);
        mcmp_view_free(view);
    }
    atomic_store(&w.stop, 1);
    ck_assert_int_eq(pthread_join(thread, &complaint), 0);
    ck_assert(complaint == NULL);
    station_close(&s);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_a_view_stays_as_it_was,
        test_an_older_caller_gets_what_it_knows,
        test_every_state_of_a_node_has_a_name,
        test_the_state_follows_messages_and_probes,
        test_a_view_never_shows_half_a_message,
    };

    return run_tests("view", tests, COUNT_OF(tests));
}
