/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of a balancer: each row whole, byte by byte and at every split point, out of memory that
 * ends at a guard page, must tell the same story.
 */
#include "support.h"

#include <libmcmp/client.h>

static void tell(char *out, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#include <stdarg.h>

static void tell(char *out, size_t size, const char *fmt, ...)
{
    size_t len = strlen(out);
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(out + len, size - len, fmt, args);
    va_end(args);
}

static void tell_answer(char *out, size_t size, const mcmp_answer_info *info)
{
    ck_assert(info != NULL);
    tell(out, size, "%u [%.*s] class=%u type=[%.*s] mess=[%.*s] v=[%.*s] ct=[%.*s] %x [%.*s]\n",
         info->status, (int)info->reason.len, info->reason.ptr, info->wire_class,
         (int)info->type.len, info->type.ptr, (int)info->mess.len, info->mess.ptr,
         (int)info->version.len, info->version.ptr, (int)info->content_type.len,
         info->content_type.ptr, info->flags, (int)info->body.len, info->body.ptr);
}

static int feed_piece(mcmp_answer *answer, const char *data, size_t len, char *out, size_t size)
{
    int rc = MCMP_NEED_MORE;

    for (size_t off = 0; off < len;) {
        size_t used = 0;
        mcmp_error err;

        mcmp_error_init(&err);
        rc = mcmp_answer_feed(answer, data + off, len - off, &used, &err);
        off += used;
        if (rc == MCMP_OK)
            tell_answer(out, size, mcmp_answer_get(answer));
        if (rc < 0) {
            tell(out, size, "%s @%llu\n", mcmp_error_name(rc), (unsigned long long)err.offset);
            return rc;
        }
    }
    return rc;
}

/* step 0: cut once at `cut`; else pieces of step bytes */
static void run(const mcmp_answer_options *opts, mcmp_span in, size_t step, size_t cut, char *out,
                size_t size)
{
    mcmp_answer *answer = NULL;
    int rc = MCMP_OK;

    out[0] = '\0';
    ck_assert_int_eq(mcmp_answer_new(&answer, opts, NULL), MCMP_OK);
    for (size_t off = 0; off < in.len && rc >= 0;) {
        size_t end = step != 0 ? off + step : (off < cut ? cut : in.len);
        guard piece;

        end = end < in.len ? end : in.len;
        piece = guard_copy(in.ptr + off, end - off);
        rc = feed_piece(answer, piece.ptr, piece.len, out, size);
        guard_free(&piece);
        off = end;
    }
    if (rc >= 0) {
        rc = mcmp_answer_end(answer, NULL);
        if (rc == MCMP_OK)
            tell_answer(out, size, mcmp_answer_get(answer));
        else
            ck_assert(mcmp_answer_get(answer) == NULL);
        tell(out, size, "%s\n", mcmp_error_name(rc));
    }
    mcmp_answer_free(answer);
}

typedef struct row {
    const char *name;
    mcmp_span in;
    const char *want;
} row;

static void check_rows(const mcmp_answer_options *opts, const row *rows, size_t count)
{
    char got[1024];

    for (size_t i = 0; i < count; i++) {
        run(opts, rows[i].in, rows[i].in.len + 1, 0, got, sizeof(got));
        ck_assert_msg(strcmp(got, rows[i].want) == 0, "row '%s':\n%s, not\n%s", rows[i].name, got,
                      rows[i].want);
        run(opts, rows[i].in, 1, 0, got, sizeof(got));
        ck_assert_msg(strcmp(got, rows[i].want) == 0, "row '%s' byte by byte: %s", rows[i].name,
                      got);
        for (size_t cut = 1; cut < rows[i].in.len; cut++) {
            run(opts, rows[i].in, 0, cut, got, sizeof(got));
            ck_assert_msg(strcmp(got, rows[i].want) == 0, "row '%s' cut at %zu: %s", rows[i].name,
                          cut, got);
        }
    }
}

#define PLAIN "class=0 type=[] mess=[] v=[] ct=[] "

START_TEST(test_answer_reads_answers)
{
    static const row rows[] = {
        { "nothing", TEXT(""), "MCMP_DONE\n" },
        { "empty", TEXT("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
          "200 [OK] " PLAIN "0 []\nMCMP_DONE\n" },
        { "no reason", TEXT("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"),
          "200 [] " PLAIN "0 []\nMCMP_DONE\n" },
        { "a body, then another",
          TEXT("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nab"
               "HTTP/1.1 200 Fine so\r\nContent-Length: 1\r\n\r\nc"),
          "200 [OK] class=0 type=[] mess=[] v=[] ct=[text/plain] 0 [ab]\n"
          "200 [Fine so] " PLAIN "0 [c]\nMCMP_DONE\n" },
        { "an error",
          TEXT("HTTP/1.1 500 Internal Server Error\r\nversion: 0.2.1\r\nTYPE: MEM\r\n"
               "mess: MEM: Can't read node\r\nContent-Length: 0\r\n\r\n"),
          "500 [Internal Server Error] class=2 type=[MEM] mess=[MEM: Can't read node] v=[0.2.1] "
          "ct=[] 0 []\nMCMP_DONE\n" },
        { "SYNTAX", TEXT("HTTP/1.1 500 E\r\nType: SYNTAX\r\nContent-Length: 0\r\n\r\n"),
          "500 [E] class=1 type=[SYNTAX] mess=[] v=[] ct=[] 0 []\nMCMP_DONE\n" },
        { "GENERAL", TEXT("HTTP/1.1 403 F\r\nType: GENERAL\r\nContent-Length: 0\r\n\r\n"),
          "403 [F] class=3 type=[GENERAL] mess=[] v=[] ct=[] 0 []\nMCMP_DONE\n" },
        { "unknown Type", TEXT("HTTP/1.1 500 E\r\nType: mem\r\nContent-Length: 0\r\n\r\n"),
          "500 [E] class=0 type=[mem] mess=[] v=[] ct=[] 0 []\nMCMP_DONE\n" },
        { "chunked, as httpd sends it",
          TEXT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"),
          "200 [OK] " PLAIN "0 [ab]\nMCMP_DONE\n" },
        { "close", TEXT("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na"),
          "200 [OK] " PLAIN "1 [a]\nMCMP_DONE\n" },
        { "to the end of the stream", TEXT("HTTP/1.1 200 OK\r\n\r\nabc"),
          "200 [OK] " PLAIN "1 [abc]\nMCMP_OK\n" },
        { "to the end, empty", TEXT("HTTP/1.0 200 OK\r\n\r\n"),
          "200 [OK] " PLAIN "1 []\nMCMP_OK\n" },
        { "HTTP/1.0", TEXT("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na"),
          "200 [OK] " PLAIN "1 [a]\nMCMP_DONE\n" },
        { "HTTP/1.0 that is kept",
          TEXT("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na"),
          "200 [OK] " PLAIN "0 [a]\nMCMP_DONE\n" },
        { "204 has no body", TEXT("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"),
          "204 [No Content] " PLAIN "0 []\nMCMP_DONE\n" },
        { "1xx is passed over",
          TEXT("HTTP/1.1 100 Continue\r\nMess: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
               "\r\na"),
          "200 [OK] " PLAIN "0 [a]\nMCMP_DONE\n" },
        { "stray empty line", TEXT("\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
          "200 [OK] " PLAIN "0 []\nMCMP_DONE\n" },
    };

    check_rows(NULL, rows, COUNT_OF(rows));
}
END_TEST

START_TEST(test_answer_refuses_what_is_none)
{
    static const row rows[] = {
        { "HTTP/2", TEXT("HTTP/2.0 200 OK\r\n\r\n"), "MCMP_ERR_ANSWER @0\n" },
        { "no second blank", TEXT("HTTP/1.1 200\r\n\r\n"), "MCMP_ERR_ANSWER @0\n" },
        { "four digits", TEXT("HTTP/1.1 2000 OK\r\n\r\n"), "MCMP_ERR_ANSWER @0\n" },
        { "no digits", TEXT("HTTP/1.1 2x0 OK\r\n\r\n"), "MCMP_ERR_ANSWER @0\n" },
        { "status 99", TEXT("HTTP/1.1 099 OK\r\n\r\n"), "MCMP_ERR_ANSWER @0\n" },
        { "upgrade", TEXT("HTTP/1.1 101 S\r\n\r\n"), "MCMP_ERR_ANSWER @0\n" },
        { "two lengths", TEXT("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na"),
          "MCMP_ERR_ANSWER @36\n" },
        { "two Types", TEXT("HTTP/1.1 200 OK\r\nType: MEM\r\nType: MEM\r\n"),
          "MCMP_ERR_ANSWER @28\n" },
        { "bad chunk", TEXT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"),
          "MCMP_ERR_ANSWER @47\n" },
        { "bare LF", TEXT("HTTP/1.1 200 OK\n"), "MCMP_ERR_ANSWER @15\n" },
        { "cut in the head", TEXT("HTTP/1.1 200 OK\r\n"), "MCMP_ERR_TRUNCATED\n" },
        { "cut in the body", TEXT("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na"),
          "MCMP_ERR_TRUNCATED\n" },
        { "cut after 100", TEXT("HTTP/1.1 100 C\r\n\r\nH"), "MCMP_ERR_TRUNCATED\n" },
    };

    check_rows(NULL, rows, COUNT_OF(rows));
}
END_TEST

START_TEST(test_answer_has_limits)
{
    static const row rows[] = {
        { "body of the limit", TEXT("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd"),
          "200 [OK] " PLAIN "0 [abcd]\nMCMP_DONE\n" },
        { "length over the limit", TEXT("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde"),
          "MCMP_ERR_BODY_SIZE @36\n" },
        { "stream of the limit", TEXT("HTTP/1.1 200 OK\r\n\r\nabcd"),
          "200 [OK] " PLAIN "1 [abcd]\nMCMP_OK\n" },
        { "stream over the limit", TEXT("HTTP/1.1 200 OK\r\n\r\nabcde"),
          "MCMP_ERR_BODY_SIZE @23\n" },
        { "chunks over the limit",
          TEXT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde"),
          "MCMP_ERR_BODY_SIZE @55\n" },
        { "head over the limit",
          TEXT("HTTP/1.1 200 OK\r\nX: 901234567890123456789012345678901234567890\r\n"),
          "MCMP_ERR_HEAD_SIZE @60\n" },
        { "too many lines", TEXT("HTTP/1.1 200 OK\r\nA:1\r\nB:2\r\nC:3\r\n\r\n"),
          "MCMP_ERR_HEAD_SIZE @27\n" },
    };
    mcmp_answer_options opts;

    mcmp_answer_options_init(&opts);
    opts.max_body = 4;
    opts.max_head = 60;
    opts.max_headers = 2;
    check_rows(&opts, rows, COUNT_OF(rows));
}
END_TEST

START_TEST(test_answer_starts_anew_after_a_reset)
{
    mcmp_answer *answer = NULL;
    size_t used;
    static const char good[] = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na";

    ck_assert_int_eq(mcmp_answer_new(&answer, NULL, NULL), MCMP_OK);
    ck_assert(mcmp_answer_get(answer) == NULL);
    ck_assert_int_eq(mcmp_answer_feed(answer, "x\r\n", 3, &used, NULL), MCMP_ERR_ANSWER);
    ck_assert_int_eq(mcmp_answer_feed(answer, "x", 1, &used, NULL), MCMP_ERR_STATE);
    ck_assert_int_eq(mcmp_answer_end(answer, NULL), MCMP_ERR_STATE);
    mcmp_answer_reset(answer);
    ck_assert_int_eq(mcmp_answer_feed(answer, good, sizeof(good) - 1, &used, NULL), MCMP_OK);
    ck_assert_uint_eq(mcmp_answer_get(answer)->status, 200);
    mcmp_answer_reset(answer);
    ck_assert(mcmp_answer_get(answer) == NULL);
    mcmp_answer_free(answer);
    mcmp_answer_free(NULL);
}
END_TEST

START_TEST(test_answer_finds_fields_and_numbers)
{
    static const struct {
        const char *name;
        const char *body;
        const char *field;
        int rc;
        const char *value;
        int number_rc;
        uint64_t number;
    } rows[] = {
        { "State", "Type=STATUS-RSP&JVMRoute=t1&State=OK&id=1\n", "State", MCMP_OK, "OK",
          MCMP_ERR_ANSWER, 0 },
        { "last", "Type=STATUS-RSP&JVMRoute=t1&State=OK&id=17\n", "id", MCMP_OK, "17", MCMP_OK,
          17 },
        { "first", "Type=PING-RSP", "Type", MCMP_OK, "PING-RSP", MCMP_ERR_ANSWER, 0 },
        { "none", "Type=PING-RSP&State=OK", "id", MCMP_ERR_NOT_FOUND, NULL, MCMP_ERR_NOT_FOUND, 0 },
        { "case matters", "ID=1", "id", MCMP_ERR_NOT_FOUND, NULL, MCMP_ERR_NOT_FOUND, 0 },
        { "no part of a name", "xid=1&idx=2&id=3", "id", MCMP_OK, "3", MCMP_OK, 3 },
        { "empty", "id=", "id", MCMP_OK, "", MCMP_ERR_ANSWER, 0 },
        { "only the first line", "Type=A\nid=1", "id", MCMP_ERR_NOT_FOUND, NULL, MCMP_ERR_NOT_FOUND,
          0 },
        { "CRLF", "id=1\r\n", "id", MCMP_OK, "1", MCMP_OK, 1 },
        { "drained",
          "Type=STOP-APP-RSP&JvmRoute=t1&Requests=2&Alias=a,b&Context=/\nJvmRoute=t1\n"
          "Alias=a Contexts=/\n",
          "Requests", MCMP_OK, "2", MCMP_OK, 2 },
        { "2^64 - 1", "id=18446744073709551615", "id", MCMP_OK, "18446744073709551615", MCMP_OK,
          UINT64_MAX },
        { "2^64", "id=18446744073709551616", "id", MCMP_OK, "18446744073709551616", MCMP_ERR_ANSWER,
          0 },
        { "nothing", "", "id", MCMP_ERR_NOT_FOUND, NULL, MCMP_ERR_NOT_FOUND, 0 },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        guard body = guard_copy(rows[i].body, strlen(rows[i].body));
        mcmp_span text = { body.ptr, body.len };
        mcmp_span value;
        uint64_t number = 0;

        row_code(rows[i].name, mcmp_answer_field(text, rows[i].field, &value), rows[i].rc);
        if (rows[i].rc == MCMP_OK)
            row_text(rows[i].name, value, rows[i].value);
        row_code(rows[i].name, mcmp_answer_number(text, rows[i].field, &number), rows[i].number_rc);
        row_true(rows[i].name, number == rows[i].number);
        guard_free(&body);
    }
}
END_TEST

START_TEST(test_answer_unescapes_text)
{
    static const struct {
        const char *in;
        const char *want;
    } rows[] = {
        { "", "" },         { "abc", "abc" },         { "%41%4a%4A", "AJJ" }, { "a%", "a%" },
        { "a%4", "a%4" },   { "%zz", "%zz" },         { "%%41", "%A" },       { "a+b", "a+b" },
        { "%26%3D", "&=" }, { "%C3%A4", "\xc3\xa4" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        guard in = guard_copy(rows[i].in, strlen(rows[i].in));
        mcmp_span text = { in.ptr, in.len };
        char out[16] = "untouched";
        size_t len = 0;
        size_t want = strlen(rows[i].want);

        if (want > 0) {
            row_code(rows[i].in, mcmp_answer_unescape(text, out, want - 1, &len), MCMP_ERR_SPACE);
            row_int(rows[i].in, len, want);
            row_text(rows[i].in, span_of(out), "untouched");
        }
        row_code(rows[i].in, mcmp_answer_unescape(text, out, want, &len), MCMP_OK);
        row_text(rows[i].in, ((mcmp_span){ out, len }), rows[i].want);
        guard_free(&in);
    }
}
END_TEST

static int answer_once(const mcmp_allocator *allocator, void *ctx)
{
    char body[1000];
    mcmp_answer_options opts;
    mcmp_answer *answer = NULL;
    size_t used;
    int rc;

    (void)ctx;
    memset(body, 'b', sizeof(body));
    mcmp_answer_options_init(&opts);
    opts.allocator = allocator;
    rc = mcmp_answer_new(&answer, &opts, NULL);
    if (rc == MCMP_OK)
        rc = mcmp_answer_feed(answer, "HTTP/1.1 200 OK\r\n\r\n", 19, &used, NULL);
    if (rc == MCMP_NEED_MORE)
        rc = mcmp_answer_feed(answer, body, sizeof(body), &used, NULL);
    if (rc == MCMP_NEED_MORE)
        rc = mcmp_answer_end(answer, NULL);
    mcmp_answer_free(answer);
    return rc;
}

START_TEST(test_answer_survives_any_failed_allocation)
{
    run_with_oom("answer", answer_once, NULL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_answer_reads_answers,
        test_answer_refuses_what_is_none,
        test_answer_has_limits,
        test_answer_starts_anew_after_a_reset,
        test_answer_finds_fields_and_numbers,
        test_answer_unescapes_text,
        test_answer_survives_any_failed_allocation,
    };

    return run_tests("answer", tests, COUNT_OF(tests));
}
