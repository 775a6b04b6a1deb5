/* SPDX-License-Identifier: Apache-2.0 */
/* Probes: what is sent, and the same verdict however the answer is cut; limits met exactly. */
#include "support.h"

#include <libmcmp/ajp.h>
#include <libmcmp/command.h>
#include <libmcmp/probe.h>

#define AJP MCMP_SCHEME_AJP
#define HTTP MCMP_SCHEME_HTTP
#define WHOLE MCMP_PROBE_WHOLE_HEAD

static void fill(mcmp_probe *probe, uint32_t scheme)
{
    mcmp_probe_init(probe);
    probe->scheme = scheme;
    probe->host = span_of("127.0.0.1");
    probe->port = 8080;
    probe->method = span_of("OPTIONS");
    probe->path = span_of("*");
    probe->authority = span_of("127.0.0.1:8080");
    probe->good_below = 500;
}

/* ---- the question ---- */

static const struct {
    const char *name;
    uint32_t scheme;
    const char *method;
    const char *path;
    const char *authority;
    const char *agent;
    const char *wrong; /* field of the error; NULL = good */
    mcmp_span bytes;
} questions[] = {
    { "http", HTTP, "OPTIONS", "*", "a:1", "x/1", NULL,
      TEXT("OPTIONS * HTTP/1.1\r\nHost: a:1\r\nUser-Agent: x/1\r\nConnection: close\r\n\r\n") },
    { "no agent", HTTP, "GET", "/up?x", "a:1", "", NULL,
      TEXT("GET /up?x HTTP/1.1\r\nHost: a:1\r\nConnection: close\r\n\r\n") },
    { "https", MCMP_SCHEME_HTTPS, "HEAD", "/", "[::1]:1", "a b (c)", NULL,
      TEXT(
          "HEAD / HTTP/1.1\r\nHost: [::1]:1\r\nUser-Agent: a b (c)\r\nConnection: close\r\n\r\n") },
    { "ws", MCMP_SCHEME_WS, "GET", "/", "", "", NULL,
      TEXT("GET / HTTP/1.1\r\nHost: \r\nConnection: close\r\n\r\n") },
    { "wss", MCMP_SCHEME_WSS, "GET", "/", "a", "", NULL,
      TEXT("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") },
    { "ajp asks for nothing else", AJP, "", "", "", "\n", NULL, TEXT("\x12\x34\0\x01\x0a") },
    { "no method", HTTP, "", "*", "a", "", "method", TEXT("") },
    { "two words as method", HTTP, "GET /", "*", "a", "", "method", TEXT("") },
    { "a method with a line", HTTP, "GET\r\n", "*", "a", "", "method", TEXT("") },
    { "no path", HTTP, "GET", "", "a", "", "path", TEXT("") },
    { "a path with a blank", HTTP, "GET", "/a b", "a", "", "path", TEXT("") },
    { "a path with a line", HTTP, "GET", "/\r\nX:y", "a", "", "path", TEXT("") },
    { "a path with DEL", HTTP, "GET", "/\x7f", "a", "", "path", TEXT("") },
    { "a Host with a line", HTTP, "GET", "/", "a\r\nX: y", "", "authority", TEXT("") },
    { "a Host with a blank", HTTP, "GET", "/", "a b", "", "authority", TEXT("") },
    { "an agent with a line", HTTP, "GET", "/", "a", "x\ny", "agent", TEXT("") },
    { "no such scheme", 5, "GET", "/", "a", "", "scheme", TEXT("") },
};

START_TEST(test_a_question_is_written_whole_or_not_at_all)
{
    for (size_t i = 0; i < COUNT_OF(questions); i++) {
        const char *row = questions[i].name;
        size_t want = questions[i].bytes.len;
        mcmp_probe probe;
        mcmp_error err;
        size_t len = 77;
        guard room = guard_copy(NULL, 0);

        fill(&probe, questions[i].scheme);
        probe.method = span_of(questions[i].method);
        probe.path = span_of(questions[i].path);
        probe.authority = span_of(questions[i].authority);
        mcmp_error_init(&err);
        if (questions[i].wrong != NULL) {
            row_code(
                row,
                mcmp_probe_encode(&probe, span_of(questions[i].agent), room.ptr, 0, &len, &err),
                MCMP_ERR_INVALID);
            row_text(row, span_of(err.field), questions[i].wrong);
            row_int(row, len, 77);
            guard_free(&room);
            continue;
        }
        guard_free(&room);
        for (size_t size = 0; size <= want; size++) {
            char zero[256] = { 0 };
            mcmp_span got;

            room = guard_copy(zero, size);
            row_code(
                row,
                mcmp_probe_encode(&probe, span_of(questions[i].agent), room.ptr, size, &len, &err),
                size < want ? MCMP_ERR_SPACE : MCMP_OK);
            row_int(row, len, want);
            got.ptr = room.ptr;
            got.len = size;
            if (size < want)
                row_bytes(row, got, zero, size);
            else
                row_bytes(row, got, questions[i].bytes.ptr, want);
            guard_free(&room);
        }
    }
}
END_TEST

/* ---- the answer ---- */

typedef struct outcome {
    mcmp_probe_exchange exchange;
    int64_t code; /* of the last feed; as wide as to leave no padding */
} outcome;

static void feed_piece(mcmp_probe_exchange *exchange, const char *data, size_t len, int64_t *code)
{
    guard piece = guard_copy(data, len);

    *code = mcmp_probe_exchange_feed(exchange, piece.ptr, len, NULL);
    guard_free(&piece);
    ck_assert_int_eq(*code, exchange->verdict == MCMP_PROBE_OPEN ? MCMP_NEED_MORE : MCMP_DONE);
}

/* Cut after first bytes, then after step more each time; all is given, whatever the verdict. */
static void feed_cut(const mcmp_probe *probe, const mcmp_probe_exchange *fresh, mcmp_span data,
                     size_t first, size_t step, outcome *out)
{
    size_t from = 0;
    size_t take = first;

    out->exchange = *fresh;
    out->code = MCMP_OK;
    ck_assert_int_eq(mcmp_probe_exchange_start(&out->exchange, probe, NULL), MCMP_OK);
    do {
        feed_piece(&out->exchange, data.ptr + from, take, &out->code);
        from += take;
        take = data.len - from < step ? data.len - from : step;
    } while (from < data.len);
}

static void feed_all_ways(const char *row, const mcmp_probe *probe,
                          const mcmp_probe_exchange *fresh, mcmp_span data, outcome *out)
{
    outcome other;

    feed_cut(probe, fresh, data, data.len, 1, out);
    for (size_t cut = 0; cut <= data.len; cut++) {
        feed_cut(probe, fresh, data, cut, cut < data.len ? data.len : 1, &other);
        ck_assert_msg(memcmp(&other, out, sizeof(other)) == 0, "row '%s' cut at %zu", row, cut);
    }
    feed_cut(probe, fresh, data, 0, 1, &other);
    ck_assert_msg(memcmp(&other, out, sizeof(other)) == 0, "row '%s' byte by byte", row);
}

#define H "HTTP/1.1 "
#define CONTINUE H "100 Continue\r\nA: b\r\n\r\n"
#define C (sizeof(CONTINUE) - 1)

static const struct {
    const char *name;
    uint32_t scheme;
    uint32_t flags;
    mcmp_span data;
    uint32_t verdict;
    uint32_t status;
    uint32_t head_at;
    uint32_t taken;
} answers[] = {
    { "nothing", HTTP, 0, TEXT(""), MCMP_PROBE_OPEN, 0, 0, 0 },
    { "200", HTTP, 0, TEXT(H "200 OK\r\n\r\n"), MCMP_PROBE_GOOD, 200, 0, 12 },
    { "all but the last digit", HTTP, 0, TEXT(H "20"), MCMP_PROBE_OPEN, 0, 0, 11 },
    { "without a reason", HTTP, 0, TEXT(H "200"), MCMP_PROBE_GOOD, 200, 0, 12 },
    { "HTTP/1.0", HTTP, 0, TEXT("HTTP/1.0 404 x"), MCMP_PROBE_GOOD, 404, 0, 12 },
    { "https", MCMP_SCHEME_HTTPS, 0, TEXT(H "302"), MCMP_PROBE_GOOD, 302, 0, 12 },
    { "ws", MCMP_SCHEME_WS, 0, TEXT(H "405"), MCMP_PROBE_GOOD, 405, 0, 12 },
    { "wss", MCMP_SCHEME_WSS, 0, TEXT(H "405"), MCMP_PROBE_GOOD, 405, 0, 12 },
    { "the last good one", HTTP, 0, TEXT(H "499 x"), MCMP_PROBE_GOOD, 499, 0, 12 },
    { "the first bad one", HTTP, 0, TEXT(H "500 x"), MCMP_PROBE_BAD_STATUS, 500, 0, 12 },
    { "999", HTTP, 0, TEXT(H "999 x"), MCMP_PROBE_BAD_STATUS, 999, 0, 12 },
    { "what follows a status", HTTP, 0, TEXT(H "200 OK\r\n\r\n" H "500 x"), MCMP_PROBE_GOOD, 200, 0,
      12 },
    { "099", HTTP, 0, TEXT(H "099 x"), MCMP_PROBE_NOT_HTTP, 0, 0, 12 },
    { "two digits", HTTP, 0, TEXT(H "20 OK"), MCMP_PROBE_NOT_HTTP, 0, 0, 12 },
    { "HTTP/2", HTTP, 0, TEXT("HTTP/2 200"), MCMP_PROBE_NOT_HTTP, 0, 0, 6 },
    { "HTTP/1.x", HTTP, 0, TEXT("HTTP/1.x 200"), MCMP_PROBE_NOT_HTTP, 0, 0, 8 },
    { "small letters", HTTP, 0, TEXT("http/1.1 200"), MCMP_PROBE_NOT_HTTP, 0, 0, 1 },
    { "two blanks", HTTP, 0, TEXT("HTTP/1.1  200"), MCMP_PROBE_NOT_HTTP, 0, 0, 10 },
    { "a line before it", HTTP, 0, TEXT("\r\n" H "200 OK"), MCMP_PROBE_NOT_HTTP, 0, 0, 1 },
    { "SSH", HTTP, 0, TEXT("SSH-2.0-x\r\n"), MCMP_PROBE_NOT_HTTP, 0, 0, 1 },
    { "a CPong", HTTP, 0, TEXT("AB\0\x01\x09"), MCMP_PROBE_NOT_HTTP, 0, 0, 1 },
    { "100 alone", HTTP, 0, TEXT(CONTINUE), MCMP_PROBE_OPEN, 0, C, C },
    { "100 first", HTTP, 0, TEXT(CONTINUE H "204 x"), MCMP_PROBE_GOOD, 204, C, C + 12 },
    { "100 twice", HTTP, 0, TEXT(CONTINUE CONTINUE H "503 x"), MCMP_PROBE_BAD_STATUS, 503, 2 * C,
      2 * C + 12 },
    { "100, an end with a CR too many", HTTP, 0, TEXT(H "100 x\r\n\r\r\n\r\n" H "200"),
      MCMP_PROBE_GOOD, 200, 21, 33 },
    { "100, bare LF are no end", HTTP, 0, TEXT(H "100 x\n\n" H "200\r\n\r\n"), MCMP_PROBE_OPEN, 0,
      32, 32 },
    { "100, then no HTTP", HTTP, 0, TEXT(CONTINUE "SSH"), MCMP_PROBE_NOT_HTTP, 0, C, C + 1 },
    { "101, then the other protocol", HTTP, 0, TEXT(H "101 x\r\n\r\n\x81\x05"), MCMP_PROBE_NOT_HTTP,
      0, 18, 19 },
    { "whole head, status only", HTTP, WHOLE, TEXT(H "200 OK\r\nA: b\r\n"), MCMP_PROBE_OPEN, 200, 0,
      23 },
    { "whole head", HTTP, WHOLE, TEXT(H "200 OK\r\nA: b\r\n\r\nbody"), MCMP_PROBE_GOOD, 200, 0,
      25 },
    { "whole head, bad", HTTP, WHOLE, TEXT(H "500\r\n\r\n"), MCMP_PROBE_BAD_STATUS, 500, 0, 16 },
    { "whole head behind 100", HTTP, WHOLE, TEXT(CONTINUE H "200\r\nA: b\r\n\r\nx"),
      MCMP_PROBE_GOOD, 200, C, C + 22 },
    { "CPong", AJP, 0, TEXT("AB\0\x01\x09"), MCMP_PROBE_GOOD, 0, 0, 5 },
    { "no CPong yet", AJP, 0, TEXT("AB\0\x01"), MCMP_PROBE_OPEN, 0, 0, 4 },
    { "CPong and a byte", AJP, 0, TEXT("AB\0\x01\x09\0"), MCMP_PROBE_NOT_PONG, 0, 0, 5 },
    { "CPong twice", AJP, 0,
      TEXT("AB\0\x01\x09"
           "AB\0\x01\x09"),
      MCMP_PROBE_NOT_PONG, 0, 0, 5 },
    { "CPong with more in it", AJP, 0, TEXT("AB\0\x02\x09\0"), MCMP_PROBE_NOT_PONG, 0, 0, 4 },
    { "End Response", AJP, 0, TEXT("AB\0\x02\x05\x01"), MCMP_PROBE_NOT_PONG, 0, 0, 4 },
    { "an echo", AJP, 0, TEXT("\x12\x34\0\x01\x0a"), MCMP_PROBE_NOT_PONG, 0, 0, 1 },
    { "HTTP", AJP, 0, TEXT(H "400 Bad Request\r\n\r\n"), MCMP_PROBE_NOT_PONG, 0, 0, 1 },
};

START_TEST(test_an_answer_says_the_same_in_any_cut)
{
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        const char *row = answers[i].name;
        mcmp_probe probe;
        mcmp_probe_exchange fresh;
        outcome got;

        fill(&probe, answers[i].scheme);
        mcmp_probe_exchange_init(&fresh);
        fresh.flags = answers[i].flags;
        feed_all_ways(row, &probe, &fresh, answers[i].data, &got);
        row_int(row, got.exchange.verdict, answers[i].verdict);
        row_int(row, got.exchange.status, answers[i].status);
        row_int(row, got.exchange.head_at, answers[i].head_at);
        row_int(row, got.exchange.taken, answers[i].taken);
    }
}
END_TEST

START_TEST(test_the_end_of_the_connection_ends_the_wait)
{
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        const char *row = answers[i].name;
        uint32_t want =
            answers[i].verdict != MCMP_PROBE_OPEN ? answers[i].verdict : MCMP_PROBE_CLOSED;
        int is_pong = answers[i].scheme == AJP && answers[i].verdict == MCMP_PROBE_GOOD;
        mcmp_probe probe;
        mcmp_probe_exchange fresh;
        outcome got;

        fill(&probe, answers[i].scheme);
        mcmp_probe_exchange_init(&fresh);
        fresh.flags = answers[i].flags;
        feed_cut(&probe, &fresh, answers[i].data, answers[i].data.len, 1, &got);
        row_int(row, mcmp_probe_exchange_can_reuse(&got.exchange), is_pong);
        row_code(row, mcmp_probe_exchange_end(&got.exchange, NULL), MCMP_DONE);
        row_int(row, got.exchange.verdict, want);
        row_int(row, got.exchange.status, answers[i].status);
        row_int(row, mcmp_probe_exchange_can_reuse(&got.exchange), 0);
        row_code(row, mcmp_probe_exchange_feed(&got.exchange, "", 0, NULL), MCMP_DONE);
        row_int(row, got.exchange.verdict, want);
    }
}
END_TEST

START_TEST(test_an_answer_is_limited)
{
    static const struct {
        const char *name;
        uint32_t scheme;
        uint32_t flags;
        uint32_t max_answer;
        mcmp_span data;
        uint32_t verdict;
        uint32_t taken;
    } rows[] = {
        { "a status that just fits", HTTP, 0, 12, TEXT(H "200 OK"), MCMP_PROBE_GOOD, 12 },
        { "a status that is cut", HTTP, 0, 11, TEXT(H "200 OK"), MCMP_PROBE_TOO_LONG, 11 },
        { "behind 100, fits", HTTP, 0, C + 12, TEXT(CONTINUE H "200 OK"), MCMP_PROBE_GOOD, C + 12 },
        { "behind 100, cut", HTTP, 0, C + 11, TEXT(CONTINUE H "200 OK"), MCMP_PROBE_TOO_LONG,
          C + 11 },
        { "100 alone, not full", HTTP, 0, C + 1, TEXT(CONTINUE), MCMP_PROBE_OPEN, C },
        { "100 alone, full", HTTP, 0, C, TEXT(CONTINUE), MCMP_PROBE_TOO_LONG, C },
        { "head that fits", HTTP, WHOLE, 16, TEXT(H "200\r\n\r\n"), MCMP_PROBE_GOOD, 16 },
        { "head that is cut", HTTP, WHOLE, 15, TEXT(H "200\r\n\r\n"), MCMP_PROBE_GOOD, 15 },
        { "bad head that is cut", HTTP, WHOLE, 15, TEXT(H "500\r\n\r\n"), MCMP_PROBE_BAD_STATUS,
          15 },
        { "head whose status is cut", HTTP, WHOLE, 11, TEXT(H "200\r\n\r\n"), MCMP_PROBE_TOO_LONG,
          11 },
        { "CPong that fits", AJP, 0, 5, TEXT("AB\0\x01\x09"), MCMP_PROBE_GOOD, 5 },
        { "CPong that is cut", AJP, 0, 4, TEXT("AB\0\x01\x09"), MCMP_PROBE_TOO_LONG, 4 },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mcmp_probe probe;
        mcmp_probe_exchange fresh;
        outcome got;

        fill(&probe, rows[i].scheme);
        mcmp_probe_exchange_init(&fresh);
        fresh.flags = rows[i].flags;
        fresh.max_answer = rows[i].max_answer;
        feed_all_ways(rows[i].name, &probe, &fresh, rows[i].data, &got);
        row_int(rows[i].name, got.exchange.verdict, rows[i].verdict);
        row_int(rows[i].name, got.exchange.taken, rows[i].taken);
    }
}
END_TEST

START_TEST(test_the_default_limit_is_4_kib)
{
    static const uint32_t flags[] = { 0, WHOLE };

    for (size_t i = 0; i < COUNT_OF(flags); i++) {
        const char *start = i == 0 ? H "100 x\r\nA: " : H "500 x\r\nA: ";
        char data[4096];
        mcmp_probe probe;
        mcmp_probe_exchange exchange;

        memset(data, 'x', sizeof(data));
        memcpy(data, start, strlen(start));
        fill(&probe, HTTP);
        mcmp_probe_exchange_init(&exchange);
        exchange.flags = flags[i];
        ck_assert_int_eq(mcmp_probe_exchange_start(&exchange, &probe, NULL), MCMP_OK);
        ck_assert_int_eq(mcmp_probe_exchange_feed(&exchange, data, 4095, NULL), MCMP_NEED_MORE);
        ck_assert_int_eq(mcmp_probe_exchange_feed(&exchange, "x", 1, NULL), MCMP_DONE);
        ck_assert_uint_eq(exchange.verdict, i == 0 ? MCMP_PROBE_TOO_LONG : MCMP_PROBE_BAD_STATUS);
    }
}
END_TEST

START_TEST(test_good_is_below_what_the_probe_says)
{
    static const struct {
        uint32_t good_below;
        const char *answer;
        uint32_t verdict;
    } rows[] = {
        { 0, H "499", MCMP_PROBE_GOOD },         { 0, H "500", MCMP_PROBE_BAD_STATUS },
        { 400, H "399", MCMP_PROBE_GOOD },       { 400, H "400", MCMP_PROBE_BAD_STATUS },
        { 200, H "200", MCMP_PROBE_BAD_STATUS }, { 600, H "599", MCMP_PROBE_GOOD },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mcmp_probe probe;
        mcmp_probe_exchange fresh;
        outcome got;

        fill(&probe, HTTP);
        probe.good_below = rows[i].good_below;
        mcmp_probe_exchange_init(&fresh);
        feed_cut(&probe, &fresh, span_of(rows[i].answer), 12, 1, &got);
        row_int(rows[i].answer, got.exchange.verdict, rows[i].verdict);
    }
}
END_TEST

START_TEST(test_a_start_forgets_the_answer_before)
{
    for (size_t before = 0; before < COUNT_OF(answers); before++) {
        for (size_t i = 0; i < COUNT_OF(answers); i++) {
            mcmp_probe probe;
            mcmp_probe_exchange fresh;
            mcmp_probe_exchange used;
            outcome want;
            outcome got;

            mcmp_probe_exchange_init(&fresh);
            fresh.flags = answers[i].flags;
            fill(&probe, answers[before].scheme);
            feed_cut(&probe, &fresh, answers[before].data, answers[before].data.len, 1, &got);
            used = got.exchange;
            if (before % 2 != 0)
                ck_assert_int_eq(mcmp_probe_exchange_end(&used, NULL), MCMP_DONE);
            fill(&probe, answers[i].scheme);
            feed_cut(&probe, &fresh, answers[i].data, answers[i].data.len, 1, &want);
            used.flags = answers[i].flags;
            feed_cut(&probe, &used, answers[i].data, answers[i].data.len, 1, &got);
            ck_assert_msg(memcmp(&got, &want, sizeof(got)) == 0, "row '%s' after '%s'",
                          answers[i].name, answers[before].name);
            feed_cut(NULL, &got.exchange, answers[i].data, answers[i].data.len, 1, &got);
            ck_assert_msg(memcmp(&got, &want, sizeof(got)) == 0, "row '%s' again", answers[i].name);
        }
    }
}
END_TEST

START_TEST(test_each_verdict_has_its_text)
{
    static const char *const texts[] = {
        [MCMP_PROBE_GOOD] = NULL,
        [MCMP_PROBE_BAD_STATUS] = "bad status",
        [MCMP_PROBE_NOT_HTTP] = "the answer is no HTTP",
        [MCMP_PROBE_NOT_PONG] = "the answer to CPing is no CPong",
        [MCMP_PROBE_TOO_LONG] = "the answer is too long",
        [MCMP_PROBE_CLOSED] = "closed without an answer",
        [7] = NULL,
    };
    mcmp_probe probe;
    mcmp_probe_exchange exchange;

    fill(&probe, HTTP);
    mcmp_probe_exchange_init(&exchange);
    ck_assert_int_eq(mcmp_probe_exchange_start(&exchange, &probe, NULL), MCMP_OK);
    for (uint32_t i = 0; i < COUNT_OF(texts); i++) {
        exchange.verdict = i;
        ck_assert_pstr_eq(mcmp_probe_exchange_text(&exchange), texts[i]);
    }
    fill(&probe, AJP);
    ck_assert_int_eq(mcmp_probe_exchange_start(&exchange, &probe, NULL), MCMP_OK);
    ck_assert_ptr_null(mcmp_probe_exchange_text(&exchange));
    ck_assert_int_eq(mcmp_probe_exchange_feed(&exchange, "AB\0\x01\x09", 5, NULL), MCMP_DONE);
    ck_assert_pstr_eq(mcmp_probe_exchange_text(&exchange),
                      "CPong came; the secret was not checked by that");
}
END_TEST

START_TEST(test_what_was_not_begun_is_refused)
{
    mcmp_probe probe;
    mcmp_probe_exchange exchange;
    mcmp_error err;
    size_t len;

    fill(&probe, HTTP);
    mcmp_error_init(&err);
    memset(&exchange, 0, sizeof(exchange));
    ck_assert_int_eq(mcmp_probe_exchange_start(&exchange, &probe, &err), MCMP_ERR_INVALID);
    mcmp_probe_exchange_init(&exchange);
    ck_assert_int_eq(mcmp_probe_exchange_feed(&exchange, "x", 1, &err), MCMP_ERR_STATE);
    ck_assert_int_eq(mcmp_probe_exchange_end(&exchange, &err), MCMP_ERR_STATE);
    ck_assert_int_eq(mcmp_probe_exchange_can_reuse(&exchange), 0);
    ck_assert_ptr_null(mcmp_probe_exchange_text(&exchange));
    exchange.flags = 2;
    ck_assert_int_eq(mcmp_probe_exchange_start(&exchange, &probe, &err), MCMP_ERR_UNSUPPORTED);
    ck_assert_str_eq(err.field, "flags");
    exchange.flags = 0;
    probe.scheme = 5;
    ck_assert_int_eq(mcmp_probe_exchange_start(&exchange, &probe, &err), MCMP_ERR_INVALID);
    ck_assert_str_eq(err.field, "scheme");
    ck_assert_int_eq(mcmp_probe_exchange_start(&exchange, NULL, &err), MCMP_ERR_STATE);
    ck_assert_int_eq(mcmp_probe_encode(NULL, span_of(""), NULL, 0, &len, &err), MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_probe_exchange_feed(&exchange, "x", 1, &err), MCMP_ERR_STATE);
}
END_TEST

/* One CPing of ours, and what the AJP codec makes of the bytes: 1 when it sees exactly a CPong. */
static int is_pong_to_codec(mcmp_ajp_proxy *proxy, mcmp_span data)
{
    mcmp_ajp_event event;
    size_t used;
    char packet[8];
    size_t len;

    mcmp_ajp_proxy_reset(proxy);
    mcmp_ajp_event_init(&event);
    ck_assert_int_eq(mcmp_ajp_proxy_encode_ping(proxy, packet, sizeof(packet), &len, NULL),
                     MCMP_OK);
    return mcmp_ajp_proxy_feed(proxy, data.ptr, data.len, &used, &event, NULL) == MCMP_OK &&
           event.type == MCMP_AJP_EVENT_PONG && used == data.len;
}

START_TEST(test_cping_and_cpong_are_those_of_the_ajp_codec)
{
    mcmp_ajp_proxy *proxy = NULL;
    mcmp_probe probe;
    mcmp_probe_exchange fresh;
    char ours[MCMP_PROBE_PING_LEN];
    char theirs[MCMP_PROBE_PING_LEN];
    size_t len = 0;

    ck_assert_int_eq(mcmp_ajp_proxy_new(&proxy, NULL, NULL), MCMP_OK);
    fill(&probe, AJP);
    ck_assert_int_eq(mcmp_probe_encode(&probe, span_of(""), ours, sizeof(ours), &len, NULL),
                     MCMP_OK);
    ck_assert_uint_eq(len, sizeof(ours));
    ck_assert_int_eq(mcmp_ajp_proxy_encode_ping(proxy, theirs, sizeof(theirs), &len, NULL),
                     MCMP_OK);
    ck_assert_uint_eq(len, sizeof(theirs));
    ck_assert_mem_eq(ours, theirs, sizeof(ours));
    mcmp_probe_exchange_init(&fresh);
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        outcome got;

        feed_cut(&probe, &fresh, answers[i].data, answers[i].data.len, 1, &got);
        row_int(answers[i].name, got.exchange.verdict == MCMP_PROBE_GOOD,
                is_pong_to_codec(proxy, answers[i].data));
    }
    for (unsigned i = 0; i < 5 * 256; i++) { /* each byte of a CPong as any other */
        char bytes[] = "AB\0\x01\x09";
        mcmp_span data = { bytes, 5 };
        outcome got;

        bytes[i / 256] = (char)i;
        feed_cut(&probe, &fresh, data, data.len, 1, &got);
        ck_assert_int_eq(got.exchange.verdict == MCMP_PROBE_GOOD, is_pong_to_codec(proxy, data));
    }
    mcmp_ajp_proxy_free(proxy);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {
        test_a_question_is_written_whole_or_not_at_all,
        test_an_answer_says_the_same_in_any_cut,
        test_the_end_of_the_connection_ends_the_wait,
        test_an_answer_is_limited,
        test_the_default_limit_is_4_kib,
        test_good_is_below_what_the_probe_says,
        test_a_start_forgets_the_answer_before,
        test_each_verdict_has_its_text,
        test_what_was_not_begun_is_refused,
        test_cping_and_cpong_are_those_of_the_ajp_codec,
    };

    return run_tests("probe", tests, COUNT_OF(tests));
}
