/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A random history, and a second cluster that is given nothing but what an observer of the first
 * one saw: both are the same at every moment, byte by byte, also with full tables, failed probes,
 * silent nodes and replaced endpoints.
 */
#include "watch.h"

#define ROUTES 6
#define STEPS 2500

static const char *const aliases[] = { "a.org", "B.org", "*.c.org", "localhost", "d" };
static const char *const contexts[] = { "/", "/a", "/a/b", "/c%26d", "plain", "/e" };

typedef struct history {
    station source;
    station copy;
    mcmp_observer *observer;
    mcmp_parser *parser;
    uint64_t seed;
    uint64_t last;
    size_t kinds[8];
} history;

static uint32_t pick(history *h, uint32_t n)
{
    return test_random(&h->seed) % n;
}

static size_t add_list(history *h, char *out, size_t room, const char *key,
                       const char *const *names, uint32_t count)
{
    size_t len = (size_t)snprintf(out, room, "&%s=%s", key, names[pick(h, count)]);

    while (pick(h, 2) == 0 && len + 32 < room)
        len += (size_t)snprintf(out + len, room - len, ",%s", names[pick(h, count)]);
    return len;
}

static void say_config(history *h, uint32_t route)
{
    static const char *const balancers[] = { "one", "TWO", "three", "four" };
    char body[1024];
    uint32_t endpoint = pick(h, 5) == 0 ? pick(h, ROUTES + 2) : route;
    size_t len = (size_t)snprintf(
        body, sizeof(body), "JVMRoute=n%u&Host=10.0.0.%u&Port=%u&Balancer=%s", route, endpoint,
        8000 + endpoint, balancers[pick(h, 8) == 0 ? pick(h, COUNT_OF(balancers)) : route % 2]);

    if (pick(h, 3) == 0)
        len += (size_t)snprintf(body + len, sizeof(body) - len, "&Domain=d%u", pick(h, 2));
    if (pick(h, 4) == 0)
        len += (size_t)snprintf(body + len, sizeof(body) - len,
                                "&StickySessionForce=%u&Maxattempts=%u&Timeout=%u&ping=%ums",
                                pick(h, 2), pick(h, 4), pick(h, 9), 1 + pick(h, 3000));
    if (pick(h, 3) == 0) {
        len += add_list(h, body + len, sizeof(body) - len, "Alias", aliases, COUNT_OF(aliases));
        (void)add_list(h, body + len, sizeof(body) - len, "Context", contexts, COUNT_OF(contexts));
    }
    (void)say(&h->source, "CONFIG /", body);
}

static void say_app(history *h, uint32_t route)
{
    static const char *const lines[] = { "ENABLE-APP /", "DISABLE-APP /", "STOP-APP /",
                                         "REMOVE-APP /" };
    static const char *const whole[] = { "ENABLE-APP /*", "DISABLE-APP /*", "STOP-APP /*",
                                         "REMOVE-APP /*" };
    uint32_t i = pick(h, COUNT_OF(lines));
    char body[512];
    size_t len = (size_t)snprintf(body, sizeof(body), "JVMRoute=n%u", route);

    if (pick(h, 8) == 0) {
        (void)say(&h->source, whole[i], body);
        return;
    }
    len += add_list(h, body + len, sizeof(body) - len, "Alias", aliases, COUNT_OF(aliases));
    (void)add_list(h, body + len, sizeof(body) - len, "Context", contexts, COUNT_OF(contexts));
    (void)say(&h->source, lines[i], body);
}

static void say_status(history *h, uint32_t route)
{
    char body[64];

    h->source.probe_ok = pick(h, 4) != 0;
    if (pick(h, 6) == 0)
        (void)snprintf(body, sizeof(body), "JVMRoute=n%u", route);
    else
        (void)snprintf(body, sizeof(body), "JVMRoute=n%u&Load=%d", route, (int)pick(h, 102) - 1);
    (void)say(&h->source, "STATUS /", body);
}

static void work(history *h)
{
    for (;;) {
        mcmp_work piece;

        mcmp_work_init(&piece);
        if (mcmp_tick(h->source.cluster, h->source.now, &piece, NULL) != MCMP_OK)
            return;
        if (piece.kind == MCMP_WORK_PROBE)
            (void)mcmp_probe_report(h->source.cluster, piece.probe->node, piece.probe->ticket,
                                    pick(h, 3) == 0, h->source.now, NULL);
    }
}

static void step_once(history *h)
{
    uint32_t route = pick(h, ROUTES);

    h->source.connection = 1 + pick(h, 3);
    h->source.now += pick(h, 4) * MCMP_SEC;
    switch (pick(h, 8)) {
    case 0:
    case 1:
        say_config(h, route);
        break;
    case 2:
        say_status(h, route);
        break;
    case 3:
        work(h);
        break;
    default:
        say_app(h, route);
    }
}

static void follow(history *h)
{
    mcmp_change change;

    while (watch_next(h->observer, &change) == MCMP_OK) {
        ck_assert_uint_eq(change.sequence, h->last + 1);
        ck_assert_uint_eq(change.flags, 0);
        h->last = change.sequence;
        h->kinds[change.kind]++;
        if (change.bytes.len != 0) {
            int rc = watch_replay(&h->copy, h->parser, &change);

            ck_assert_msg(rc == MCMP_OK || rc == MCMP_ERR_FULL, "%s: %s: %s", mcmp_error_name(rc),
                          watch_short(change.bytes), h->copy.err.message);
        }
    }
}

static char *text_of(station *s, const char *line)
{
    mcmp_span body;
    char *copy;

    ck_assert_int_eq(say(s, line, ""), MCMP_OK);
    body = answer_body(s);
    copy = malloc(body.len + 1);
    ck_assert(copy != NULL);
    if (body.len != 0)
        memcpy(copy, body.ptr, body.len);
    copy[body.len] = '\0';
    return copy;
}

/* What routing and the node's client depend on; aliases without any context do not count: more room
 * in the copy may have kept their virtual host from existing. */
static void keep_contexts(char *info)
{
    char *to = info;

    for (char *line = info; *line != '\0';) {
        char *end = strchr(line, '\n') + 1;

        if (strncmp(line, "Vhost", 5) != 0) {
            const char *name = strstr(line, "], Context");
            const char *from = strncmp(line, "Context", 7) == 0 && name != NULL ? name : line;

            memmove(to, from, (size_t)(end - from));
            to += end - from;
        }
        line = end;
    }
    *to = '\0';
}

static void compare(history *h, int same_limits)
{
    static const char *const lines[] = { "INFO /", "DUMP /" };

    h->copy.now = h->source.now;
    for (size_t i = 0; i < (same_limits ? 2u : 1u); i++) {
        char *want = text_of(&h->source, lines[i]);
        char *got = text_of(&h->copy, lines[i]);

        if (!same_limits) {
            keep_contexts(want);
            keep_contexts(got);
        }
        ck_assert_str_eq(got, want);
        free(want);
        free(got);
    }
}

static void open_pair(history *h, uint64_t seed, int same_limits, uint32_t policy)
{
    mcmp_cluster_options opts;

    memset(h, 0, sizeof(*h));
    h->seed = seed;
    mcmp_cluster_options_init(&opts);
    opts.max_nodes = 4;
    opts.max_aliases = 7;
    opts.max_contexts = 15;
    opts.max_balancers = 3;
    opts.max_failed_probes = 3;
    opts.replace_policy = policy;
    opts.change_ring = 65536;
    opts.random_seed = seed;
    station_open(&h->source, &opts);
    h->observer = watch_from(h->source.cluster, MCMP_OBSERVE_NOW, 0);
    opts.replace_policy = MCMP_REPLACE_LAST_WRITER;
    opts.change_ring = 0;
    if (!same_limits) { /* not of nodes and balancers, which say how long removed ones are kept */
        opts.max_aliases = 70;
        opts.max_contexts = 150;
    }
    station_open(&h->copy, &opts);
    ck_assert_int_eq(mcmp_parser_new(&h->parser, NULL, NULL), MCMP_OK);
}

static void close_pair(history *h)
{
    mcmp_parser_free(h->parser);
    mcmp_observer_free(h->observer);
    station_close(&h->source);
    station_close(&h->copy);
}

/* A history long enough to have had everything in it. */
static void check_kinds(const history *h, uint32_t policy)
{
    ck_assert_uint_gt(h->kinds[MCMP_CHANGE_MESSAGE], STEPS / 4);
    ck_assert_uint_gt(h->kinds[MCMP_CHANGE_HEALTH], 10);
    ck_assert_uint_gt(h->kinds[MCMP_CHANGE_EXPIRED], 0);
    ck_assert_uint_gt(h->kinds[MCMP_CHANGE_FORGOTTEN], 0);
    ck_assert(policy == MCMP_REPLACE_REFUSE || h->kinds[MCMP_CHANGE_EVICTED] > 0);
}

static void run_history(uint64_t seed, int same_limits, uint32_t policy)
{
    static history h;
    int steps = (int)as_often(STEPS, 150);

    open_pair(&h, seed, same_limits, policy);
    for (int i = 0; i < steps; i++) {
        step_once(&h);
        follow(&h);
        if (i % 8 == 0)
            compare(&h, same_limits);
    }
    compare(&h, same_limits);
    if (steps == STEPS)
        check_kinds(&h, policy);
    close_pair(&h);
}

START_TEST(test_a_copy_with_the_same_limits_is_the_same)
{
    for (uint32_t policy = 0; policy <= MCMP_REPLACE_LAST_WRITER; policy++)
        run_history(policy + 1, 1, policy);
}
END_TEST

START_TEST(test_a_copy_with_more_room_serves_the_same)
{
    run_history(11, 0, MCMP_REPLACE_PROBE_OLD);
    run_history(12, 0, MCMP_REPLACE_LAST_WRITER);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_a_copy_with_the_same_limits_is_the_same,
        test_a_copy_with_more_room_serves_the_same,
    };

    return run_tests("observer: replay", tests, COUNT_OF(tests));
}
