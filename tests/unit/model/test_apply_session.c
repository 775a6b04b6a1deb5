/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recorded life of a real Java node (tests/golden/java-client-lifecycle.txt), its bytes through
 * parser and apply, whole, byte by byte and at random cuts; answers and state after each step are
 * those of MCMP.md (the recording's answers were another server's).
 */
#include "golden.h"
#include "station.h"

#define ALL "localhost,t1.example,www.example"
#define VHOSTS                                                              \
    "Vhost: [1:1:1], Alias: localhost\nVhost: [1:1:2], Alias: t1.example\n" \
    "Vhost: [1:1:3], Alias: www.example\n"
#define THREE(path, status)                                                                     \
    "Context: [1:1:1], Context: " path ", Status: " status "\nContext: [1:1:2], Context: " path \
    ", Status: " status "\nContext: [1:1:3], Context: " path ", Status: " status "\n"

typedef struct turn {
    size_t count; /* of requests like this in a row */
    const char *method;
    const char *answer; /* NULL: an INFO or DUMP, compared with the state instead */
    const char *tail;   /* INFO's Vhost and Context lines afterwards */
} turn;

#define RSP(type, path)                                              \
    "Type=" type "-RSP\nJvmRoute=t1\nAlias=localhost Contexts=" path \
    "\nAlias=t1.example Contexts=" path "\nAlias=www.example Contexts=" path "\n"
#define STOPPED(path)                                                                   \
    "Type=STOP-APP-RSP&JvmRoute=t1&Requests=0&Alias=" ALL "&Context=" path              \
    "\nJvmRoute=t1\nAlias=localhost Contexts=" path "\nAlias=t1.example Contexts=" path \
    "\nAlias=www.example Contexts=" path "\n"
#define STATUS_OK "Type=STATUS-RSP&JVMRoute=t1&State=OK&id={id}\n"
#define BOTH VHOSTS THREE("/", "ENABLED") THREE("/app", "ENABLED")

static const turn turns[] = {
    { 1, "INFO", "", "" },
    { 1, "CONFIG", "", "" },
    { 1, "ENABLE-APP", RSP("ENABLE-APP", "/"), VHOSTS THREE("/", "ENABLED") },
    { 1, "ENABLE-APP", RSP("ENABLE-APP", "/app"), BOTH },
    { 5, "STATUS", STATUS_OK, BOTH },
    { 1, "INFO", NULL, BOTH },
    { 1, "DUMP", NULL, BOTH },
    { 1, "DISABLE-APP", RSP("DISABLE-APP", "/app"),
      VHOSTS THREE("/app", "DISABLED") THREE("/", "ENABLED") },
    { 1, "ENABLE-APP", RSP("ENABLE-APP", "/app"), BOTH },
    { 1, "DISABLE-APP", "", VHOSTS THREE("/", "DISABLED") THREE("/app", "DISABLED") },
    { 1, "ENABLE-APP", "", BOTH },
    { 1, "INFO", NULL, BOTH },
    { 1, "CONFIG", "", BOTH },
    { 5, "STATUS", STATUS_OK, BOTH },
    { 1, "DISABLE-APP", RSP("DISABLE-APP", "/"),
      VHOSTS THREE("/", "DISABLED") THREE("/app", "ENABLED") },
    { 1, "STOP-APP", STOPPED("/"), VHOSTS THREE("/", "STOPPED") THREE("/app", "ENABLED") },
    { 1, "REMOVE-APP", RSP("REMOVE-APP", "/"), VHOSTS THREE("/app", "ENABLED") },
    { 1, "DISABLE-APP", RSP("DISABLE-APP", "/app"), VHOSTS THREE("/app", "DISABLED") },
    { 1, "STOP-APP", STOPPED("/app"), VHOSTS THREE("/app", "STOPPED") },
    { 1, "REMOVE-APP", RSP("REMOVE-APP", "/app"), "" },
    { 1, "REMOVE-APP", "", "" },
};

typedef struct player {
    station s;
    mcmp_parser *parser;
    size_t turn;
    size_t within;
    size_t seen;
} player;

static void check_answer(player *p, const mcmp_request *request)
{
    const turn *t = &turns[p->turn];
    char name[64];

    (void)snprintf(name, sizeof(name), "request %zu: %.*s", p->seen, (int)request->method.len,
                   request->method.ptr);
    row_true(name, p->turn < COUNT_OF(turns));
    row_text(name, request->method, t->method);
    row_int(name, mcmp_response_status(p->s.response), 200);
    row_int(name, mcmp_response_must_close(p->s.response), 0);
    if (t->answer != NULL)
        row_text(name, answer_body(&p->s), with_id(&p->s, t->answer));
    row_text(name, info_tail(&p->s), t->tail);
    p->seen++;
    if (++p->within == t->count) {
        p->turn++;
        p->within = 0;
    }
}

static void play_bytes(player *p, const char *data, size_t len)
{
    while (len != 0) {
        size_t used = 0;
        int rc = mcmp_parser_feed(p->parser, data, len, &used, &p->s.err);

        ck_assert_msg(rc == MCMP_OK || rc == MCMP_NEED_MORE, "%s", p->s.err.message);
        data += used;
        len -= used;
        if (rc == MCMP_OK) {
            mcmp_request *request = mcmp_parser_request(p->parser);

            p->s.now += 100 * MCMP_MSEC;
            request->now = p->s.now;
            request->connection = p->s.connection;
            request->peer = &p->s.peer;
            rc = mcmp_apply(p->s.cluster, request, p->s.response, &p->s.err);
            ck_assert_int_eq(station_settle(&p->s, request, rc), MCMP_OK);
            check_answer(p, request);
        }
    }
}

/* cut: 0 = each request whole, 1 = byte by byte, else random pieces up to this size. What is cut is
 * also decoded by the parser, what is whole by mcmp_apply(). */
static void play_session(size_t cut)
{
    golden_session session;
    mcmp_parser_options parsing;
    player p;
    uint64_t random = cut;

    golden_load(&session);
    memset(&p, 0, sizeof(p));
    station_open(&p.s, NULL);
    mcmp_parser_options_init(&parsing);
    parsing.limits = cut != 0 ? mcmp_cluster_limits(p.s.cluster) : NULL;
    ck_assert_int_eq(mcmp_parser_new(&p.parser, &parsing, &p.s.err), MCMP_OK);
    for (size_t i = 0; i < session.count; i++) {
        const golden_request *request = &session.requests[i];
        size_t done = 0;

        if ((uint64_t)request->connection != p.s.connection) { /* a new one: a parser of its own */
            mcmp_parser_free(p.parser);
            ck_assert_int_eq(mcmp_parser_new(&p.parser, &parsing, &p.s.err), MCMP_OK);
            p.s.connection = (uint64_t)request->connection;
        }
        while (done < request->len) {
            size_t piece = cut == 0 ? request->len : cut == 1 ? 1 : 1 + test_random(&random) % cut;

            piece = piece < request->len - done ? piece : request->len - done;
            play_bytes(&p, request->bytes + done, piece);
            done += piece;
        }
    }
    ck_assert_uint_eq(p.seen, 29);
    ck_assert_uint_eq(p.turn, COUNT_OF(turns));
    mcmp_parser_free(p.parser);
    station_close(&p.s);
    golden_free(&session);
}

START_TEST(test_a_java_node_lives_its_whole_life)
{
    play_session(0);
}
END_TEST

START_TEST(test_it_does_so_byte_by_byte)
{
    play_session(1);
}
END_TEST

START_TEST(test_it_does_so_at_random_cuts)
{
    for (size_t cut = 2; cut < 60; cut += 7)
        play_session(cut);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_a_java_node_lives_its_whole_life,
        test_it_does_so_byte_by_byte,
        test_it_does_so_at_random_cuts,
    };

    return run_tests("apply: a recorded session", tests, COUNT_OF(tests));
}
