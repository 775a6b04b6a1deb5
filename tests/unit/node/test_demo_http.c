/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request heads and bodies as the demonstration application reads them: tables of good and bad
 * ones, each body whole, byte by byte and cut at every place.
 */
#include "support.h"

#include "demo_http.h"
#include "demo_sessions.h"

/* An empty text may have no pointer; comparing wants one. */
static mcmp_span shown(mcmp_span text)
{
    return text.ptr != NULL ? text : node_span("", 0);
}

typedef struct head_row {
    const char *name;
    const char *text;
    int result;
    const char *method;
    const char *path;
    const char *query;
    int keep_alive;
    int chunked;
    int length;
} head_row;

static const head_row heads[] = {
    { "plain", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 0, "GET", "/", "", 1, 0, 0 },
    { "query", "GET /a?b=1&c HTTP/1.1\r\n\r\n", 0, "GET", "/a", "b=1&c", 1, 0, 0 },
    { "asterisk", "OPTIONS * HTTP/1.1\r\n\r\n", 0, "OPTIONS", "*", "", 1, 0, 0 },
    { "length", "POST / HTTP/1.1\r\nContent-Length: 12\r\n\r\n", 0, "POST", "/", "", 1, 0, 12 },
    { "same length twice", "POST / HTTP/1.1\r\nContent-Length: 2\r\ncontent-length: 2\r\n\r\n", 0,
      "POST", "/", "", 1, 0, 2 },
    { "chunked", "PUT / HTTP/1.1\r\ntransfer-encoding: Chunked\r\n\r\n", 0, "PUT", "/", "", 1, 1,
      0 },
    { "close", "GET / HTTP/1.1\r\nConnection: x, Close\r\n\r\n", 0, "GET", "/", "", 0, 0, 0 },
    { "old", "GET / HTTP/1.0\r\n\r\n", 0, "GET", "/", "", 0, 0, 0 },
    { "old kept", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 0, "GET", "/", "", 1, 0, 0 },
    { "empty lines first", "\r\n\r\nGET / HTTP/1.1\r\n\r\n", 0, "GET", "/", "", 1, 0, 0 },
    { "not complete", "GET / HTTP/1.1\r\nHost: x\r\n", DEMO_MORE, "", "", "", 0, 0, 0 },
    { "nothing", "", DEMO_MORE, "", "", "", 0, 0, 0 },
    { "two lengths", "POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n", 400, "",
      "", "", 0, 0, 0 },
    { "length and chunked",
      "POST / HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "", "", "",
      0, 0, 0 },
    { "negative length", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, "", "", "", 0, 0,
      0 },
    { "length over 63 bits", "POST / HTTP/1.1\r\nContent-Length: 9223372036854775808\r\n\r\n", 400,
      "", "", "", 0, 0, 0 },
    { "unknown coding", "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "", "", "", 0, 0,
      0 },
    { "other expectation", "POST / HTTP/1.1\r\nExpect: x\r\n\r\n", 417, "", "", "", 0, 0, 0 },
    { "bare LF", "GET / HTTP/1.1\nHost: x\r\n\r\n", 400, "", "", "", 0, 0, 0 },
    { "blank before colon", "GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400, "", "", "", 0, 0, 0 },
    { "folded", "GET / HTTP/1.1\r\nA: x\r\n y\r\n\r\n", 400, "", "", "", 0, 0, 0 },
    { "no colon", "GET / HTTP/1.1\r\nHost\r\n\r\n", 400, "", "", "", 0, 0, 0 },
    { "no version", "GET /\r\n\r\n", 400, "", "", "", 0, 0, 0 },
    { "other version", "GET / HTTP/2.0\r\n\r\n", 505, "", "", "", 0, 0, 0 },
    { "no slash", "GET x HTTP/1.1\r\n\r\n", 400, "", "", "", 0, 0, 0 },
    { "method is no token", "G(T / HTTP/1.1\r\n\r\n", 400, "", "", "", 0, 0, 0 },
};

START_TEST(test_a_head_is_understood_or_refused_with_its_status)
{
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        const head_row *row = &heads[i];
        guard text = guard_copy(row->text, strlen(row->text));
        demo_head head;
        size_t used = 0;

        row_int(row->name, demo_head_parse(text.ptr, text.len, &used, &head), row->result);
        if (row->result == DEMO_OK) {
            row_int(row->name, used, text.len);
            row_text(row->name, head.method, row->method);
            row_text(row->name, head.path, row->path);
            row_text(row->name, shown(head.query), row->query);
            row_int(row->name, head.keep_alive, row->keep_alive);
            row_int(row->name, head.chunked, row->chunked);
            row_int(row->name, head.length, row->length);
        }
        guard_free(&text);
    }
}
END_TEST

START_TEST(test_a_head_with_nul_is_refused)
{
    static const char text[] = "GET / HTTP/1.1\r\nA: x\0y\r\n\r\n";
    demo_head head;
    size_t used;

    ck_assert_int_eq(demo_head_parse(text, sizeof(text) - 1, &used, &head), 400);
}
END_TEST

START_TEST(test_a_head_over_its_limits_is_refused_with_431)
{
    node_buf text = { 0 };
    demo_head head;
    size_t used;

    node_buf_add_str(&text, "GET / HTTP/1.1\r\n");
    for (int i = 0; i < DEMO_HEADERS_MAX + 1; i++)
        node_buf_printf(&text, "A%d: x\r\n", i);
    node_buf_add_str(&text, "\r\n");
    ck_assert_int_eq(demo_head_parse(text.data, text.len, &used, &head), 431);
    text.len = 0;
    node_buf_add_str(&text, "GET / HTTP/1.1\r\nA: ");
    while (text.len < DEMO_HEAD_MAX)
        node_buf_add_str(&text, "xxxxxxxx");
    ck_assert_int_eq(demo_head_parse(text.data, DEMO_HEAD_MAX, &used, &head), 431);
    node_buf_clear(&text);
}
END_TEST

typedef struct cookie_row {
    const char *name;
    const char *line;
    const char *value; /* NULL: none */
} cookie_row;

static const cookie_row cookies[] = {
    { "alone", "JSESSIONID=a.n1", "a.n1" },
    { "among others", "x=1; JSESSIONID=a.n1; y=2", "a.n1" },
    { "inside another value", "x=JSESSIONID=b; y=2", NULL },
    { "end of another name", "XJSESSIONID=b", NULL },
    { "quoted", "JSESSIONID=\"a.n1\"", "a.n1" },
    { "first of two", "JSESSIONID=a; JSESSIONID=b", "a" },
    { "other case", "jsessionid=a", NULL },
    { "without a value", "JSESSIONID", NULL },
    { "empty", "JSESSIONID=", "" },
};

START_TEST(test_a_cookie_is_found_by_the_rules_of_cookies)
{
    for (size_t i = 0; i < COUNT_OF(cookies); i++) {
        demo_head head = { .header_count = 1 };
        mcmp_span value;

        head.headers[0].name = span_of("cookie");
        head.headers[0].value = span_of(cookies[i].line);
        value = demo_cookie_get(&head, span_of("JSESSIONID"));
        if (cookies[i].value == NULL)
            row_true(cookies[i].name, value.ptr == NULL);
        else
            row_text(cookies[i].name, value, cookies[i].value);
    }
}
END_TEST

START_TEST(test_a_number_of_the_query_is_found_missing_or_bad)
{
    uint64_t value = 0;

    ck_assert_int_eq(demo_query_uint(span_of("a=1&bytes=70"), "bytes", 100, &value), 0);
    ck_assert_uint_eq(value, 70);
    ck_assert_int_eq(demo_query_uint(span_of("a=1&xbytes=70"), "bytes", 100, &value), 1);
    ck_assert_int_eq(demo_query_uint(span_of("bytes=101"), "bytes", 100, &value), -1);
    ck_assert_int_eq(demo_query_uint(span_of("bytes=1x"), "bytes", 100, &value), -1);
    ck_assert_int_eq(demo_query_uint(span_of("bytes"), "bytes", 100, &value), -1);
    ck_assert_int_eq(
        demo_query_uint(span_of("bytes=99999999999999999999"), "bytes", UINT64_MAX, &value), -1);
}
END_TEST

typedef struct body_row {
    const char *name;
    int chunked;
    uint64_t length;
    const char *text;
    int result;
    const char *payload;
    const char *rest;
} body_row;

static const body_row bodies[] = {
    { "none", 0, 0, "GET", DEMO_END, "", "GET" },
    { "length", 0, 5, "helloGET", DEMO_END, "hello", "GET" },
    { "cut", 0, 5, "hel", DEMO_MORE, "hel", "" },
    { "chunks", 1, 0, "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\nGET", DEMO_END, "abc0123456789",
      "GET" },
    { "extension and trailer", 1, 0, "1;a=b\r\nx\r\n0;c\r\nT: v\r\nU: w\r\n\r\n", DEMO_END, "x",
      "" },
    { "no size", 1, 0, "\r\nx", 400, "", "" },
    { "bad size", 1, 0, "g\r\n", 400, "", "" },
    { "size too long", 1, 0, "1000000000000000\r\n", 400, "", "" },
    { "no CRLF after a chunk", 1, 0, "1\r\nxy", 400, "x", "" },
    { "bare LF after the size", 1, 0, "1\nx", 400, "", "" },
    { "unfinished", 1, 0, "5\r\nab", DEMO_MORE, "ab", "" },
};

/* Feed the row in pieces of the given size; the first piece may have another one. */
static void check_body(const body_row *row, size_t first, size_t step)
{
    demo_head head = { .length = row->length, .chunked = row->chunked };
    size_t len = strlen(row->text);
    node_buf payload = { 0 };
    demo_body body;
    size_t at = 0;
    size_t end = first < len ? first : len;
    int rc = DEMO_MORE;

    demo_body_begin(&body, &head);
    for (;;) {
        mcmp_span piece = { NULL, 0 };
        size_t used = 0;

        rc = demo_body_next(&body, row->text + at, end - at, &used, &piece);
        at += used;
        if (rc == DEMO_OK)
            node_buf_add_span(&payload, piece);
        else if (rc != DEMO_MORE || end == len)
            break;
        else
            end = end + step < len ? end + step : len;
    }
    row_int(row->name, rc, row->result);
    row_text(row->name, shown(node_span(payload.data, payload.len)), row->payload);
    if (rc == DEMO_END)
        row_text(row->name, node_span(row->text + at, len - at), row->rest);
    node_buf_clear(&payload);
}

START_TEST(test_a_body_does_not_depend_on_how_it_is_cut)
{
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        size_t len = strlen(bodies[i].text);

        check_body(&bodies[i], 1, 1);
        for (size_t cut = 0; cut <= len; cut++)
            check_body(&bodies[i], cut, len);
    }
}
END_TEST

START_TEST(test_endless_trailers_are_refused)
{
    demo_head head = { .chunked = 1 };
    demo_body body;
    mcmp_span piece;
    size_t used;
    int rc = DEMO_MORE;

    demo_body_begin(&body, &head);
    ck_assert_int_eq(demo_body_next(&body, "0\r\n", 3, &used, &piece), DEMO_MORE);
    for (int i = 0; i < 2000 && rc == DEMO_MORE; i++)
        rc = demo_body_next(&body, "Trailer: x\r\n", 12, &used, &piece);
    ck_assert_int_eq(rc, 400);
}
END_TEST

START_TEST(test_sessions_are_counted_and_the_table_forgets_the_oldest)
{
    demo_sessions *sessions = demo_sessions_new();
    char id[32];

    ck_assert_ptr_nonnull(sessions);
    ck_assert_uint_eq(demo_sessions_count(sessions, span_of("a")), 1);
    ck_assert_uint_eq(demo_sessions_count(sessions, span_of("a")), 2);
    ck_assert_uint_eq(demo_sessions_count(sessions, span_of("b")), 1);
    for (int i = 0; i < 200000; i++) {
        (void)snprintf(id, sizeof(id), "id-%d", i);
        ck_assert_uint_eq(demo_sessions_count(sessions, span_of(id)), 1);
    }
    ck_assert_uint_eq(demo_sessions_count(sessions, span_of("a")), 1);
    ck_assert_uint_eq(demo_sessions_count(sessions, span_of("id-199999")), 2);
    ck_assert_int_eq(demo_session_id_is_valid(span_of("Az09-_")), 1);
    ck_assert_int_eq(demo_session_id_is_valid(span_of("")), 0);
    ck_assert_int_eq(demo_session_id_is_valid(span_of("a<b")), 0);
    ck_assert_int_eq(
        demo_session_id_is_valid(span_of("0123456789012345678901234567890123456789012345678")), 0);
    demo_sessions_free(sessions);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_a_head_is_understood_or_refused_with_its_status,
        test_a_head_with_nul_is_refused,
        test_a_head_over_its_limits_is_refused_with_431,
        test_a_cookie_is_found_by_the_rules_of_cookies,
        test_a_number_of_the_query_is_found_missing_or_bad,
        test_a_body_does_not_depend_on_how_it_is_cut,
        test_endless_trailers_are_refused,
        test_sessions_are_counted_and_the_table_forgets_the_oldest,
    };

    return run_tests("demo_http", tests, COUNT_OF(tests));
}
