/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What observers get to see: each message that changed something in canonical form, health and
 * removals as events, in order; places, gaps and limits of the ring.
 */
#include "watch.h"

static const struct {
    const char *line;
    const char *body;
    int code;
    seen list[4];
    size_t count;
} said[] = {
    { "CONFIG /x",
      ONE "&Alias=B,a&Context=/x/,/y,/x",
      0,
      { MESSAGE("CONFIG / JVMRoute=n1&Alias=b%2Ca&Balancer=mycluster&Context=%2Fx%2C%2Fy&Host="
                "10.0.0.1&Maxattempts=1&Port=8009" CONFIG_REST) },
      1 },
    { "CONFIG /", ONE "&Alias=B,a&Context=/x", 0, { MESSAGE("") }, 0 },
    { "ENABLE-APP /",
      "Context=/x&Alias=A&JVMRoute=n1",
      0,
      { MESSAGE("ENABLE-APP / JVMRoute=n1&Alias=a&Context=%2Fx") },
      1 },
    { "ENABLE-APP /", "Context=/x&Alias=A&JVMRoute=n1", 0, { MESSAGE("") }, 0 },
    { "ENABLE-APP /", "Context=/x&Alias=A&JVMRoute=no", MCMP_ERR_UNKNOWN_NODE, { MESSAGE("") }, 0 },
    { "DISABLE-APP /",
      "JVMRoute=n1&Alias=a&Context=/x&Context=/new",
      0,
      { MESSAGE("DISABLE-APP / JVMRoute=n1&Alias=a&Context=%2Fx%2C%2Fnew") },
      1 },
    { "STOP-APP /app/*", "JVMRoute=n1", 0, { MESSAGE("STOP-APP /* JVMRoute=n1") }, 1 },
    { "STOP-APP /app/*", "JVMRoute=n1&Alias=q", 0, { MESSAGE("") }, 0 },
    { "REMOVE-APP /",
      "JVMRoute=n1&Alias=a&Context=/new,/no",
      0,
      { MESSAGE("REMOVE-APP / JVMRoute=n1&Alias=a&Context=%2Fnew%2C%2Fno") },
      1 },
    { "REMOVE-APP /", "JVMRoute=n1&Alias=a&Context=/new", 0, { MESSAGE("") }, 0 },
    { "STATUS /",
      "JVMRoute=n1&Load=50.7",
      0,
      { MESSAGE("STATUS / JVMRoute=n1&Load=50"), HEALTH("n1", "status, was unproven, is active") },
      2 },
    { "STATUS /", "Load=50&JVMRoute=n1", 0, { MESSAGE("STATUS / JVMRoute=n1&Load=50") }, 1 },
    { "STATUS /", "JVMRoute=n1", 0, { MESSAGE("STATUS / JVMRoute=n1") }, 1 },
    { "STATUS /",
      "JVMRoute=n1&Load=-1",
      0,
      { MESSAGE("STATUS / JVMRoute=n1&Load=-1"), HEALTH("n1", "status, was active, is broken") },
      2 },
    { "STATUS /", "JVMRoute=n1&Load=200", MCMP_ERR_SYNTAX, { MESSAGE("") }, 0 },
    { "PING /", "JVMRoute=n1", 0, { MESSAGE("") }, 0 },
    { "INFO /", "", 0, { MESSAGE("") }, 0 },
    { "CONFIG /",
      "JVMRoute=n2&Host=::1&Port=1&Type=WSS&Domain=d+1&Balancer=BB&StickySession=no&"
      "StickySessionRemove=1&StickySessionForce=off&StickySessionCookie=C&StickySessionPath=p&"
      "WaitWorker=99999999999999999999&Maxattempts=0&flushpackets=auto&flushwait=7&ping=1500ms&"
      "smax=-7&ttl=2mi&Timeout=3&Reversed=yes",
      0,
      { MESSAGE("CONFIG / JVMRoute=n2&Balancer=bb&Domain=d+1&Host=%5B%3A%3A1%5D&Maxattempts=0&"
                "Port=1&Reversed=true&StickySession=No&StickySessionCookie=C&"
                "StickySessionForce=No&StickySessionPath=p&StickySessionRemove=Yes&Timeout=3&"
                "Type=wss&WaitWorker=4611686018428&flushpackets=Auto&flushwait=7&ping=1500ms&"
                "smax=-7&ttl=120") },
      1 },
    { "REMOVE-APP /*", "JVMRoute=n2", 0, { MESSAGE("REMOVE-APP /* JVMRoute=n2") }, 1 },
    { "REMOVE-APP /*", "JVMRoute=n2", MCMP_ERR_UNKNOWN_NODE, { MESSAGE("") }, 0 },
    { "CONFIG /",
      "JVMRoute=n2&Host=h",
      0,
      { { MCMP_CHANGE_FORGOTTEN, "n2", "forgotten", "" }, { MCMP_CHANGE_MESSAGE, "n2", "", NULL } },
      2 },
};

START_TEST(test_messages_are_seen_in_canonical_form)
{
    mcmp_observer *observer;
    station s;

    open_ring(&s, NULL, 65536);
    observer = watch_from(s.cluster, MCMP_OBSERVE_NOW, 0);
    for (size_t i = 0; i < COUNT_OF(said); i++) {
        row_code(said[i].line, say(&s, said[i].line, said[i].body), said[i].code);
        watch_all(said[i].body, observer, said[i].list, said[i].count);
    }
    mcmp_observer_free(observer);
    station_close(&s);
}
END_TEST

START_TEST(test_a_change_tells_number_commit_time_and_node)
{
    mcmp_observer *observer;
    mcmp_change first, second;
    mcmp_handle node;
    station s;

    open_ring(&s, NULL, 1);
    observer = watch_from(s.cluster, MCMP_OBSERVE_NOW, 0);
    ck_assert_int_eq(say(&s, "CONFIG /", ONE), MCMP_OK);
    ck_assert_int_eq(watch_next(observer, &first), MCMP_OK);
    ck_assert_uint_eq(first.sequence, 1);
    ck_assert_int_eq(first.time, s.now);
    ck_assert_int_eq(mcmp_node_is_current(s.cluster, first.node), 1);
    node = first.node;
    s.now += 5;
    ck_assert_int_eq(say(&s, "STATUS /", "JVMRoute=n1&Load=1"), MCMP_OK);
    ck_assert_int_eq(watch_next(observer, &first), MCMP_OK);
    ck_assert_int_eq(watch_next(observer, &second), MCMP_OK);
    ck_assert_uint_eq(first.sequence, 2);
    ck_assert_uint_eq(second.sequence, 3);
    ck_assert_uint_eq(first.commit, second.commit);
    ck_assert_int_eq(second.time, s.now);
    ck_assert_uint_eq(second.node, node);
    ck_assert_uint_eq(second.state_before, MCMP_NODE_UNPROVEN);
    ck_assert_uint_eq(second.state_after, MCMP_NODE_ACTIVE);
    mcmp_observer_free(observer);
    mcmp_observer_free(NULL);
    station_close(&s);
}
END_TEST

static void probe_all(station *s, int ok)
{
    mcmp_work work;

    s->now += 20 * MCMP_SEC;
    for (;;) {
        mcmp_work_init(&work);
        if (mcmp_tick(s->cluster, s->now, &work, NULL) != MCMP_OK)
            return;
        if (work.kind == MCMP_WORK_PROBE)
            ck_assert_int_eq(mcmp_probe_report(s->cluster, work.probe->node, work.probe->ticket, ok,
                                               s->now, NULL),
                             MCMP_OK);
    }
}

static void fail_forward(station *s)
{
    mcmp_selection selection;
    mcmp_outcome outcome;
    mcmp_query query;

    mcmp_selection_init(&selection);
    mcmp_outcome_init(&outcome);
    mcmp_query_init(&query);
    query.path = span_of("/x");
    query.now = s->now;
    ck_assert_int_eq(mcmp_select_node(s->cluster, &query, &selection, &s->err), MCMP_OK);
    outcome.result = MCMP_OUTCOME_CONNECT;
    outcome.now = s->now;
    ck_assert_int_eq(mcmp_selection_release(s->cluster, &selection, &outcome), MCMP_OK);
}

START_TEST(test_each_transition_of_health_is_seen)
{
    static const seen failed[] = { HEALTH("n1", "forward failed, was active, is error") };
    static const seen probed[] = { HEALTH("n1", "probe answered, was error, is active") };
    static const seen mute[] = { HEALTH("n1", "status failed, was active, is error") };
    static const seen expired[] = {
        { MCMP_CHANGE_EXPIRED, "n1", "removed after failed probes", "REMOVE-APP /* JVMRoute=n1" },
    };
    mcmp_cluster_options opts;
    mcmp_observer *observer;
    station s;

    mcmp_cluster_options_init(&opts);
    opts.max_failed_probes = 3;
    open_ring(&s, &opts, 65536);
    ck_assert_int_eq(say(&s, "CONFIG /", ONE "&Alias=a&Context=/x"), MCMP_OK);
    ck_assert_int_eq(say(&s, "ENABLE-APP /", "JVMRoute=n1&Alias=a&Context=/x"), MCMP_OK);
    ck_assert_int_eq(say(&s, "STATUS /", "JVMRoute=n1&Load=9"), MCMP_OK);
    observer = watch_from(s.cluster, MCMP_OBSERVE_NOW, 0);
    fail_forward(&s);
    WATCH("forward", observer, failed);
    probe_all(&s, 1);
    WATCH("probe", observer, probed);
    s.probe_ok = 0;
    s.now += 2 * MCMP_SEC;
    ck_assert_int_eq(say(&s, "STATUS /", "JVMRoute=n1&Load=9"), MCMP_OK);
    WATCH("status", observer, mute);
    probe_all(&s, 0); /* in error already: no transition */
    probe_all(&s, 0);
    watch_all("still in error", observer, NULL, 0);
    probe_all(&s, 0);
    WATCH("expired", observer, expired);
    mcmp_observer_free(observer);
    station_close(&s);
}
END_TEST

START_TEST(test_a_silent_node_is_seen_to_lose_its_endpoint)
{
    static const seen evicted[] = {
        { MCMP_CHANGE_EVICTED, "n1", "silent, its endpoint is another's",
          "REMOVE-APP /* JVMRoute=n1" },
        { MCMP_CHANGE_FORGOTTEN, "n1", "forgotten", "" },
        MESSAGE("CONFIG / JVMRoute=n2&" ONE_SEEN),
    };
    mcmp_observer *observer;
    station s;

    open_ring(&s, NULL, 65536);
    ck_assert_int_eq(say(&s, "CONFIG /", ONE), MCMP_OK);
    ck_assert_int_eq(say(&s, "STATUS /", "JVMRoute=n1&Load=9"), MCMP_OK);
    observer = watch_from(s.cluster, MCMP_OBSERVE_NOW, 0);
    ck_assert_int_eq(say(&s, "CONFIG /", "JVMRoute=n2&Host=10.0.0.1&Port=8009"), MCMP_ERR_CONFLICT);
    watch_all("refused", observer, NULL, 0);
    s.now += 16 * MCMP_SEC;
    ck_assert_int_eq(say(&s, "CONFIG /", "JVMRoute=n2&Host=10.0.0.1&Port=8009"), MCMP_OK);
    WATCH("evicted", observer, evicted);
    mcmp_observer_free(observer);
    station_close(&s);
}
END_TEST

START_TEST(test_a_replaced_endpoint_is_no_longer_in_error)
{
    mcmp_observer *observer;
    mcmp_change change;
    mcmp_handle old;
    station s;

    open_ring(&s, NULL, 65536);
    ck_assert_int_eq(say(&s, "CONFIG /", ONE), MCMP_OK);
    ck_assert_int_eq(say(&s, "STATUS /", "JVMRoute=n1&Load=9"), MCMP_OK);
    s.probe_ok = 0;
    s.now += 2 * MCMP_SEC;
    ck_assert_int_eq(say(&s, "STATUS /", "JVMRoute=n1&Load=9"), MCMP_OK);
    observer = watch_from(s.cluster, MCMP_OBSERVE_OLDEST, 0);
    ck_assert_int_eq(watch_next(observer, &change), MCMP_OK);
    old = change.node;
    while (watch_next(observer, &change) == MCMP_OK)
        ck_assert_uint_eq(change.node, old);
    ck_assert_int_eq(say(&s, "CONFIG /", "JVMRoute=n1&Host=10.0.0.2"), MCMP_OK);
    ck_assert_int_eq(watch_next(observer, &change), MCMP_OK);
    ck_assert_uint_eq(change.kind, MCMP_CHANGE_MESSAGE);
    ck_assert_uint_ne(change.node, old);
    ck_assert_int_eq(mcmp_node_is_current(s.cluster, change.node), 1);
    ck_assert_int_eq(watch_next(observer, &change), MCMP_OK);
    row_text("replaced", change.text, "endpoint replaced, was error, is active");
    ck_assert_int_eq(watch_next(observer, &change), MCMP_DONE);
    mcmp_observer_free(observer);
    station_close(&s);
}
END_TEST

/* MCMP 4.1: the partial outcome is one message; observers get what took effect. */
START_TEST(test_a_part_of_a_message_is_seen_as_a_part)
{
    static const seen config[] = {
        MESSAGE("CONFIG / JVMRoute=n1&Alias=a%2Cb&Balancer=mycluster&Context=%2F1%2C%2F2%2C%2F3&"
                "Host=10.0.0.1&Maxattempts=1&Port=8009" CONFIG_REST),
        MESSAGE("REMOVE-APP / JVMRoute=n1&Alias=b&Context=%2F2%2C%2F3"),
    };
    static const seen enable[] = {
        MESSAGE("ENABLE-APP / JVMRoute=n1&Alias=b%2Ca&Context=%2F1%2C%2F2%2C%2F3"),
        MESSAGE("REMOVE-APP / JVMRoute=n1&Alias=b&Context=%2F2%2C%2F3"),
    };
    mcmp_cluster_options opts;
    mcmp_observer *observer;
    mcmp_change one, two;
    station s;

    mcmp_cluster_options_init(&opts);
    opts.max_aliases = 2;
    opts.max_contexts = 4;
    open_ring(&s, &opts, 65536);
    observer = watch_from(s.cluster, MCMP_OBSERVE_NOW, 0);
    ck_assert_int_eq(say(&s, "CONFIG /", ONE "&Alias=a,b,c&Context=/1,/2,/3"), MCMP_ERR_FULL);
    WATCH("config", observer, config);
    ck_assert_int_eq(say(&s, "ENABLE-APP /", "JVMRoute=n1&Alias=c,b,a&Context=/1,/2,/3"), MCMP_OK);
    WATCH("enable", observer, enable);
    mcmp_observer_free(observer);
    observer = watch_from(s.cluster, MCMP_OBSERVE_OLDEST, 0);
    ck_assert_int_eq(watch_next(observer, &one), MCMP_OK);
    ck_assert_int_eq(watch_next(observer, &two), MCMP_OK);
    ck_assert_uint_eq(one.commit, two.commit);
    mcmp_observer_free(observer);
    station_close(&s);
}
END_TEST

START_TEST(test_an_observer_begins_where_it_is_told)
{
    mcmp_observer_options opts;
    mcmp_observer *observer;
    mcmp_change change;
    mcmp_error err;
    station s;

    open_ring(&s, NULL, 65536);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(say(&s, i % 2 == 0 ? "CONFIG /" : "REMOVE-APP /*", ONE), MCMP_OK);
    /* 1 config, 2 remove, 3 forgotten, 4 config, 5 remove, 6 forgotten, 7 config */
    observer = watch_from(s.cluster, MCMP_OBSERVE_OLDEST, 0);
    ck_assert_int_eq(watch_next(observer, &change), MCMP_OK);
    ck_assert_uint_eq(change.sequence, 1);
    mcmp_observer_free(observer);
    for (uint64_t after = 0; after <= 7; after++) {
        observer = watch_from(s.cluster, MCMP_OBSERVE_AFTER, after);
        for (uint64_t i = after + 1; i <= 7; i++) {
            ck_assert_int_eq(watch_next(observer, &change), MCMP_OK);
            ck_assert_uint_eq(change.sequence, i);
            ck_assert_uint_eq(change.missed, 0);
        }
        ck_assert_int_eq(watch_next(observer, &change), MCMP_DONE);
        mcmp_observer_free(observer);
    }
    mcmp_observer_options_init(&opts);
    mcmp_error_init(&err);
    opts.from = MCMP_OBSERVE_AFTER;
    opts.after = 8;
    observer = NULL;
    ck_assert_int_eq(mcmp_observer_new(&observer, s.cluster, &opts, &err), MCMP_ERR_NOT_FOUND);
    row_text("field", span_of(err.field), "after");
    opts.from = 3;
    ck_assert_int_eq(mcmp_observer_new(&observer, s.cluster, &opts, &err), MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_observer_new(&observer, NULL, NULL, &err), MCMP_ERR_INVALID);
    ck_assert_ptr_null(observer);
    station_close(&s);
}
END_TEST

/* Each pass fills the ring anew many times; what is missed plus what is seen is what was made. */
START_TEST(test_a_slow_observer_knows_what_it_missed)
{
    static char body[600];
    mcmp_observer *observer;
    mcmp_change change;
    uint64_t last = 0;
    uint64_t seed = 7;
    uint64_t lost = 0;
    station s;

    open_ring(&s, NULL, 4096);
    observer = watch_from(s.cluster, MCMP_OBSERVE_NOW, 0);
    ck_assert_int_eq(say(&s, "CONFIG /", ONE "&Alias=a&Context=/x"), MCMP_OK);
    for (int i = 0; i < 3000; i++) {
        uint32_t takes = test_random(&seed) % 8 == 0 ? test_random(&seed) % 60 : 0;
        int len = (int)(test_random(&seed) % 70);

        memset(body, 'c', sizeof(body));
        (void)snprintf(
            body, sizeof(body), "JVMRoute=n1&Alias=a&Context=/%.*s", len,
            "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc");
        ck_assert_int_eq(say(&s, i % 2 == 0 ? "STOP-APP /" : "REMOVE-APP /", body), MCMP_OK);
        while (takes-- > 0 && watch_next(observer, &change) == MCMP_OK) {
            ck_assert_uint_eq(change.sequence, last + 1 + change.missed);
            ck_assert_uint_ne(change.kind, MCMP_CHANGE_MISSED);
            last = change.sequence;
            lost += change.missed;
        }
    }
    while (watch_next(observer, &change) == MCMP_OK) {
        ck_assert_uint_eq(change.sequence, last + 1 + change.missed);
        last = change.sequence;
        lost += change.missed;
    }
    ck_assert_uint_gt(lost, 0);
    ck_assert_uint_lt(lost, last);
    mcmp_observer_free(observer);
    observer = watch_from(s.cluster, MCMP_OBSERVE_AFTER, last);
    ck_assert_int_eq(watch_next(observer, &change), MCMP_DONE); /* so that was the very last */
    mcmp_observer_free(observer);
    station_close(&s);
}
END_TEST

START_TEST(test_a_message_over_the_ring_is_seen_without_its_bytes)
{
    mcmp_observer *observer;
    mcmp_change change;
    station s;

    open_ring(&s, NULL, 4096);
    observer = watch_from(s.cluster, MCMP_OBSERVE_NOW, 0);
    ck_assert_int_eq(say(&s, "CONFIG /", ONE), MCMP_OK);
    ck_assert_int_eq(say(&s, "ENABLE-APP /", long_body()), MCMP_OK);
    ck_assert_int_eq(watch_next(observer, &change), MCMP_OK);
    ck_assert_uint_eq(change.flags, 0);
    ck_assert_int_eq(watch_next(observer, &change), MCMP_OK);
    ck_assert_uint_eq(change.kind, MCMP_CHANGE_MESSAGE);
    ck_assert_uint_eq(change.flags, MCMP_CHANGE_OMITTED);
    ck_assert_uint_eq(change.bytes.len, 0);
    ck_assert_uint_gt(change.size, 4096);
    row_text("route", change.route, "n1");
    ck_assert_int_eq(watch_next(observer, &change), MCMP_DONE);
    mcmp_observer_free(observer);
    station_close(&s);
}
END_TEST

/* A partial message whose parts do not fit together: at last only numbers are left. */
START_TEST(test_changes_of_one_commit_over_the_ring_are_missed)
{
    static char body[8192];
    mcmp_cluster_options opts;
    mcmp_observer *observer;
    mcmp_change change;
    uint64_t last = 0;
    uint64_t count = 0;
    uint32_t kind = 0;
    size_t len;
    station s;

    mcmp_cluster_options_init(&opts);
    opts.max_aliases = 128;
    opts.max_contexts = 130;
    open_ring(&s, &opts, 4096);
    observer = watch_from(s.cluster, MCMP_OBSERVE_NOW, 0);
    len = (size_t)snprintf(body, sizeof(body), ONE "&Context=/1,/2&Alias=a0");
    for (int i = 1; i < 120; i++)
        len += (size_t)snprintf(body + len, sizeof(body) - len, ",a%d", i);
    ck_assert_int_eq(say(&s, "CONFIG /", body), MCMP_ERR_FULL);
    while (watch_next(observer, &change) == MCMP_OK) {
        ck_assert_uint_eq(change.sequence,
                          last + change.missed + (change.kind != MCMP_CHANGE_MISSED));
        last = change.sequence;
        kind = change.kind;
        count++;
    }
    ck_assert_uint_eq(kind, MCMP_CHANGE_MISSED);
    ck_assert_uint_eq(last, 1 + 55); /* the message, and each that found none */
    ck_assert_uint_lt(count, 55);
    mcmp_observer_free(observer);
    station_close(&s);
}
END_TEST

typedef struct taker {
    uint64_t refuse; /* sequence for which 1 is returned, once */
    uint64_t last;
    int calls;
} taker;

static int take_change(void *ctx, const mcmp_change *change)
{
    taker *t = ctx;

    t->calls++;
    if (change->sequence == t->refuse) {
        t->refuse = 0;
        return 1;
    }
    ck_assert_uint_eq(change->sequence, t->last + 1);
    ck_assert_uint_eq(change->struct_size, sizeof(*change));
    t->last = change->sequence;
    return 0;
}

START_TEST(test_a_callback_gets_what_it_did_not_take_again)
{
    mcmp_observer *observer;
    mcmp_error err;
    taker t = { 3, 0, 0 };
    station s;

    open_ring(&s, NULL, 65536);
    observer = watch_from(s.cluster, MCMP_OBSERVE_OLDEST, 0);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(say(&s, i % 2 == 0 ? "CONFIG /" : "REMOVE-APP /*", ONE), MCMP_OK);
    mcmp_error_init(&err);
    ck_assert_int_eq(mcmp_observer_run(observer, take_change, &t, 0, &err), MCMP_ERR_CALLBACK);
    row_text("field", span_of(err.field), "callback");
    ck_assert_uint_eq(t.last, 2);
    ck_assert_int_eq(mcmp_observer_run(observer, take_change, &t, 2, &err), MCMP_OK);
    ck_assert_uint_eq(t.last, 4);
    ck_assert_int_eq(mcmp_observer_run(observer, take_change, &t, 0, &err), MCMP_DONE);
    ck_assert_uint_eq(t.last, 7);
    ck_assert_int_eq(t.calls, 8);
    ck_assert_int_eq(mcmp_observer_run(observer, take_change, &t, 5, &err), MCMP_DONE);
    ck_assert_int_eq(mcmp_observer_run(observer, NULL, &t, 0, &err), MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_observer_next(observer, NULL, &err), MCMP_ERR_INVALID);
    mcmp_observer_free(observer);
    station_close(&s);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_messages_are_seen_in_canonical_form,
        test_a_change_tells_number_commit_time_and_node,
        test_each_transition_of_health_is_seen,
        test_a_silent_node_is_seen_to_lose_its_endpoint,
        test_a_replaced_endpoint_is_no_longer_in_error,
        test_a_part_of_a_message_is_seen_as_a_part,
        test_an_observer_begins_where_it_is_told,
        test_a_slow_observer_knows_what_it_missed,
        test_a_message_over_the_ring_is_seen_without_its_bytes,
        test_changes_of_one_commit_over_the_ring_are_missed,
        test_a_callback_gets_what_it_did_not_take_again,
    };

    return run_tests("observer", tests, COUNT_OF(tests));
}
