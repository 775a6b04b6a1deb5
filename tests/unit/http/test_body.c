/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies: the same content, end and refusal however the bytes are cut; limits met exactly. */
#include "cuts.h"

#define CHUNKED MCMP_HTTP_FRAMING_CHUNKED
#define CHUNK MCMP_ERR_HTTP_CHUNK
#define SIZE MCMP_ERR_HTTP_BODY_SIZE

typedef struct outcome {
    int code;        /* of the last feed */
    uint64_t at;     /* of the error, from the first byte; else bytes used */
    uint64_t got;    /* received */
    uint64_t framed; /* overhead */
    size_t len;
    char text[512];
} outcome;

static void feed_part(mcmp_http_body *body, stage *s, const char *data, size_t len, outcome *out)
{
    const char *part = stage_put(s, data, len);
    size_t off = 0;
    mcmp_error err;

    mcmp_error_init(&err);
    do {
        size_t used = 77;
        mcmp_span span;

        out->code = mcmp_http_body_feed(body, part + off, len - off, &used, &span, &err);
        if (out->code < 0) {
            ck_assert_uint_eq(used, 0);
            ck_assert_uint_eq(span.len, 0);
            out->at += off + err.offset;
            return;
        }
        ck_assert(out->code == MCMP_OK ? span.len > 0 : span.len == 0);
        ck_assert(span.len == 0 || (span.ptr >= part && span.ptr + span.len <= part + len));
        ck_assert(out->len + span.len <= sizeof(out->text));
        if (span.len != 0)
            memcpy(out->text + out->len, span.ptr, span.len);
        out->len += span.len;
        off += used;
        ck_assert(out->code != MCMP_NEED_MORE || off == len);
    } while (out->code == MCMP_OK);
    out->at += off;
}

static void feed_cut(const mcmp_http_body *fresh, stage *s, const char *data, size_t len,
                     size_t first, size_t step, outcome *out)
{
    mcmp_http_body body = *fresh;
    size_t from = 0;
    size_t take = first;

    memset(out, 0, sizeof(*out));
    for (;;) {
        feed_part(&body, s, data + from, take, out);
        from += take;
        if (out->code != MCMP_NEED_MORE || from == len)
            break;
        take = len - from < step ? len - from : step;
    }
    out->got = body.received;
    out->framed = body.overhead;
    if (out->code == MCMP_DONE) {
        mcmp_span span;
        size_t used;

        ck_assert(mcmp_http_body_is_done(&body));
        ck_assert_int_eq(mcmp_http_body_feed(&body, "x", 1, &used, &span, NULL), MCMP_DONE);
        ck_assert_uint_eq(used, 0);
        ck_assert_int_eq(mcmp_http_body_end(&body, NULL), MCMP_DONE);
    }
    if (out->code < 0) {
        mcmp_span span;
        size_t used;

        ck_assert_int_eq(mcmp_http_body_feed(&body, "0", 1, &used, &span, NULL), MCMP_ERR_STATE);
        ck_assert_int_eq(mcmp_http_body_end(&body, NULL), MCMP_ERR_TRUNCATED);
    }
}

static void same_outcome(const char *row, const char *way, size_t at, const outcome *a,
                         const outcome *b)
{
    ck_assert_msg(a->code == b->code && a->at == b->at && a->len == b->len &&
                      memcmp(a->text, b->text, a->len) == 0 && a->got == b->got &&
                      (a->code < 0 || a->framed == b->framed),
                  "row '%s' %s %zu: %s at %llu, whole: %s at %llu", row, way, at,
                  mcmp_error_name(b->code), (unsigned long long)b->at, mcmp_error_name(a->code),
                  (unsigned long long)a->at);
}

static void feed_all_ways(const char *row, const mcmp_http_body *fresh, stage *s, const char *data,
                          size_t len, outcome *out)
{
    outcome other;

    feed_cut(fresh, s, data, len, len, 1, out);
    feed_cut(fresh, s, data, len, 0, 1, &other);
    same_outcome(row, "byte by byte", 0, out, &other);
    for (size_t cut = 0; cut < len; cut++) {
        feed_cut(fresh, s, data, len, cut, len, &other);
        same_outcome(row, "cut at", cut, out, &other);
    }
}

static void start(mcmp_http_body *body, uint32_t framing, uint64_t length)
{
    ck_assert_int_eq(mcmp_http_body_start(body, framing, length, NULL), MCMP_OK);
}

typedef struct body_row {
    const char *name;
    mcmp_span data;
    int code;
    uint64_t at;
    const char *content;
} body_row;

static const body_row chunked_rows[] = {
    { "empty", TEXT("0\r\n\r\n"), MCMP_DONE, 5, "" },
    { "many zeros", TEXT("0000000000000000\r\n\r\n"), MCMP_DONE, 20, "" },
    { "one chunk", TEXT("3\r\nabc\r\n0\r\n\r\n"), MCMP_DONE, 13, "abc" },
    { "what follows stays", TEXT("3\r\nabc\r\n0\r\n\r\nGET /"), MCMP_DONE, 13, "abc" },
    { "two chunks", TEXT("1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"), MCMP_DONE, 18, "abc" },
    { "digits in both cases", TEXT("a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n"), MCMP_DONE,
      36, "01234567890123456789a" },
    { "leading zeros", TEXT("0003\r\nabc\r\n0\r\n\r\n"), MCMP_DONE, 16, "abc" },
    { "content that looks like framing", TEXT("5\r\n0\r\n\r\n\r\n0\r\n\r\n"), MCMP_DONE, 15,
      "0\r\n\r\n" },
    { "extension", TEXT("3;a=b\r\nabc\r\n0;c\r\n\r\n"), MCMP_DONE, 19, "abc" },
    { "quoted extension", TEXT("3;a=\"b;\tc\"\r\nabc\r\n0\r\n\r\n"), MCMP_DONE, 22, "abc" },
    { "trailer", TEXT("0\r\nA: b\r\nC:\r\n\r\n"), MCMP_DONE, 15, "" },
    { "incomplete size", TEXT("3"), MCMP_NEED_MORE, 1, "" },
    { "incomplete content", TEXT("3\r\nab"), MCMP_NEED_MORE, 5, "ab" },
    { "incomplete end", TEXT("3\r\nabc\r\n0\r\n\r"), MCMP_NEED_MORE, 12, "abc" },
    { "no size", TEXT("\r\n"), CHUNK, 0, "" },
    { "blank before the size", TEXT(" 3\r\n"), CHUNK, 0, "" },
    { "blank behind the size (CVE-2023-46846)", TEXT("3 \r\nabc"), CHUNK, 1, "" },
    { "TAB behind the size", TEXT("3\t\r\nabc"), CHUNK, 1, "" },
    { "blank before the extension", TEXT("3 ;a\r\nabc"), CHUNK, 1, "" },
    { "plus", TEXT("+3\r\nabc"), CHUNK, 0, "" },
    { "minus", TEXT("-3\r\nabc"), CHUNK, 0, "" },
    { "0x (CVE-2022-24790)", TEXT("0x3\r\nabc"), CHUNK, 1, "" },
    { "underscore in the size (CVE-2020-26281)", TEXT("1_0\r\n"), CHUNK, 1, "" },
    { "no digit", TEXT("g\r\n"), CHUNK, 0, "" },
    { "NUL in the size", TEXT("3\0\r\nabc"), CHUNK, 1, "" },
    { "size of 2^63", TEXT("8000000000000000\r\n"), CHUNK, 15, "" },
    { "size of 2^64 (wraps)", TEXT("10000000000000000\r\n"), CHUNK, 16, "" },
    { "17 digits", TEXT("00000000000000003\r\n"), CHUNK, 16, "" },
    { "bare LF behind the size (TERM.EXT)", TEXT("3\nabc\r\n0\r\n\r\n"), CHUNK, 1, "" },
    { "bare CR behind the size", TEXT("3\rabc"), CHUNK, 2, "" },
    { "bare LF in an extension (CVE-2025-43859)", TEXT("3;a\nabc\r\n"), CHUNK, 3, "" },
    { "NUL in an extension", TEXT("3;a\0\r\n"), CHUNK, 3, "" },
    { "bare CR in an extension", TEXT("3;a\rb\r\n"), CHUNK, 4, "" },
    { "content too long", TEXT("3\r\nabcd\r\n"), CHUNK, 6, "abc" },
    { "content not ended by CR", TEXT("3\r\nabc\n0\r\n\r\n"), CHUNK, 6, "abc" },
    { "content ended by CR x", TEXT("3\r\nabc\rx"), CHUNK, 7, "abc" },
    { "bare LF behind the last chunk", TEXT("0\n\r\n"), CHUNK, 1, "" },
    { "bare LF at the end", TEXT("0\r\n\n"), CHUNK, 3, "" },
    { "CR without LF at the end", TEXT("0\r\n\rx"), CHUNK, 4, "" },
    { "trailer without colon", TEXT("0\r\nAb\r\n\r\n"), CHUNK, 5, "" },
    { "trailer with empty name", TEXT("0\r\n: b\r\n\r\n"), CHUNK, 3, "" },
    { "trailer with a blank before the colon", TEXT("0\r\nA : b\r\n\r\n"), CHUNK, 4, "" },
    { "trailer folded", TEXT("0\r\nA: b\r\n c\r\n\r\n"), CHUNK, 9, "" },
    { "trailer ended by bare LF", TEXT("0\r\nA: b\n\r\n"), CHUNK, 7, "" },
    { "NUL in a trailer", TEXT("0\r\nA: \0\r\n\r\n"), CHUNK, 6, "" },
    { "bare CR in a trailer", TEXT("0\r\nA: b\rc\r\n\r\n"), CHUNK, 8, "" },
};

START_TEST(chunked_bodies_are_the_same_in_any_cut)
{
    mcmp_http_body body;
    stage place;

    stage_init(&place);
    for (size_t i = 0; i < COUNT_OF(chunked_rows); i++) {
        const body_row *row = &chunked_rows[i];
        outcome got;
        mcmp_span content;

        mcmp_http_body_init(&body);
        start(&body, CHUNKED, 0);
        feed_all_ways(row->name, &body, &place, row->data.ptr, row->data.len, &got);
        row_code(row->name, got.code, row->code);
        row_int(row->name, got.at, row->at);
        content.ptr = got.text;
        content.len = got.len;
        row_text(row->name, content, row->content);
        row_int(row->name, got.got, got.len);
        if (got.code == MCMP_DONE)
            row_int(row->name, got.framed, got.at - got.len);
    }
}
END_TEST

START_TEST(bodies_of_known_length_end_after_it)
{
    static const struct {
        const char *name;
        uint32_t framing;
        uint64_t length;
        const char *data;
        int code;
        uint64_t at;
    } rows[] = {
        { "none", MCMP_HTTP_FRAMING_NONE, 0, "GET", MCMP_DONE, 0 },
        { "none, whatever length", MCMP_HTTP_FRAMING_NONE, 9, "GET", MCMP_DONE, 0 },
        { "length 0", MCMP_HTTP_FRAMING_LENGTH, 0, "GET", MCMP_DONE, 0 },
        { "length", MCMP_HTTP_FRAMING_LENGTH, 3, "abcGET", MCMP_DONE, 3 },
        { "short", MCMP_HTTP_FRAMING_LENGTH, 4, "abc", MCMP_NEED_MORE, 3 },
        { "over 32 bits", MCMP_HTTP_FRAMING_LENGTH, 0x100000001, "abc", MCMP_NEED_MORE, 3 },
        { "until close", MCMP_HTTP_FRAMING_CLOSE, 0, "0\r\n\r\n", MCMP_NEED_MORE, 5 },
    };
    mcmp_http_body body;
    stage place;

    stage_init(&place);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        outcome got;

        mcmp_http_body_init(&body);
        start(&body, rows[i].framing, rows[i].length);
        row_int(rows[i].name, mcmp_http_body_is_done(&body),
                rows[i].code == MCMP_DONE && rows[i].at == 0);
        feed_all_ways(rows[i].name, &body, &place, rows[i].data, strlen(rows[i].data), &got);
        row_code(rows[i].name, got.code, rows[i].code);
        row_int(rows[i].name, got.at, rows[i].at);
        row_int(rows[i].name, got.got, rows[i].at);
    }
}
END_TEST

START_TEST(the_end_of_the_connection_completes_only_what_may_end_so)
{
    static const struct {
        const char *name;
        uint32_t framing;
        uint64_t length;
        const char *data;
        int code;
    } rows[] = {
        { "until close", MCMP_HTTP_FRAMING_CLOSE, 0, "abc", MCMP_DONE },
        { "until close, empty", MCMP_HTTP_FRAMING_CLOSE, 0, "", MCMP_DONE },
        { "length", MCMP_HTTP_FRAMING_LENGTH, 4, "abc", MCMP_ERR_TRUNCATED },
        { "length, complete", MCMP_HTTP_FRAMING_LENGTH, 3, "abc", MCMP_DONE },
        { "chunked, in a chunk", CHUNKED, 0, "4\r\nabc", MCMP_ERR_TRUNCATED },
        { "chunked, between chunks", CHUNKED, 0, "3\r\nabc\r\n", MCMP_ERR_TRUNCATED },
        { "chunked, before the last LF", CHUNKED, 0, "0\r\n\r", MCMP_ERR_TRUNCATED },
        { "chunked, complete", CHUNKED, 0, "0\r\n\r\n", MCMP_DONE },
        { "none", MCMP_HTTP_FRAMING_NONE, 0, "", MCMP_DONE },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t len = strlen(rows[i].data);
        mcmp_http_body body;
        mcmp_span span;
        size_t used;
        size_t off = 0;
        int rc;

        mcmp_http_body_init(&body);
        start(&body, rows[i].framing, rows[i].length);
        do {
            rc = mcmp_http_body_feed(&body, rows[i].data + off, len - off, &used, &span, NULL);
            off += used;
        } while (rc == MCMP_OK);
        row_code(rows[i].name, mcmp_http_body_end(&body, NULL), rows[i].code);
    }
}
END_TEST

/* lead, count times fill, tail */
static size_t compose(char *out, const char *lead, char fill, size_t count, const char *tail)
{
    size_t len = strlen(lead);

    memcpy(out, lead, len);
    memset(out + len, fill, count);
    memcpy(out + len + count, tail, strlen(tail));
    return len + count + strlen(tail);
}

START_TEST(limits_are_met_exactly)
{
    static const struct {
        const char *name;
        uint32_t extension; /* 0 = default */
        uint32_t trailer;
        const char *lead;
        size_t count;
        const char *tail;
        int code;
    } rows[] = {
        { "extension", 8, 0, "0;", 8, "\r\n\r\n", MCMP_DONE },
        { "extension + 1", 8, 0, "0;", 9, "\r\n\r\n", CHUNK },
        { "default extension", 0, 0, "0;", 256, "\r\n\r\n", MCMP_DONE },
        { "default extension + 1", 0, 0, "0;", 257, "\r\n\r\n", CHUNK },
        { "trailer", 0, 8, "0\r\nA:", 5, "\r\n\r\n", MCMP_DONE },
        { "trailer + 1", 0, 8, "0\r\nA:", 6, "\r\n\r\n", CHUNK },
        { "trailer name", 0, 8, "0\r\n", 6, ":\r\n\r\n", MCMP_DONE },
        { "trailer name + 2", 0, 8, "0\r\n", 8, ":\r\n\r\n", CHUNK },
        { "default trailer", 0, 0, "0\r\nA:", 8189, "\r\n\r\n", MCMP_DONE },
        { "default trailer + 1", 0, 0, "0\r\nA:", 8190, "\r\n\r\n", CHUNK },
    };
    static char data[16384];

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t len = compose(data, rows[i].lead, 'a', rows[i].count, rows[i].tail);
        mcmp_http_body body;
        mcmp_span span;
        size_t used;

        mcmp_http_body_init(&body);
        body.max_extension = rows[i].extension;
        body.max_trailer = rows[i].trailer;
        start(&body, CHUNKED, 0);
        row_code(rows[i].name, mcmp_http_body_feed(&body, data, len, &used, &span, NULL),
                 rows[i].code);
    }
}
END_TEST

START_TEST(a_body_over_max_body_is_refused_before_its_content)
{
    static const struct {
        const char *name;
        uint32_t framing;
        uint64_t length;
        const char *data;
        int start;
        int code;
    } rows[] = {
        { "length", MCMP_HTTP_FRAMING_LENGTH, 4, "abcd", MCMP_OK, MCMP_DONE },
        { "length + 1", MCMP_HTTP_FRAMING_LENGTH, 5, "", SIZE, 0 },
        { "chunked", CHUNKED, 0, "1\r\na\r\n3\r\nbcd\r\n0\r\n\r\n", MCMP_OK, MCMP_DONE },
        { "chunked + 1", CHUNKED, 0, "1\r\na\r\n4\r\nbcde\r\n0\r\n\r\n", MCMP_OK, SIZE },
        { "chunked, huge", CHUNKED, 0, "1\r\na\r\n7fffffffffffffff\r\n", MCMP_OK, SIZE },
        { "close", MCMP_HTTP_FRAMING_CLOSE, 0, "abcd", MCMP_OK, MCMP_NEED_MORE },
        { "close + 1", MCMP_HTTP_FRAMING_CLOSE, 0, "abcde", MCMP_OK, SIZE },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t len = strlen(rows[i].data);
        mcmp_http_body body;
        mcmp_span span;
        size_t used;
        size_t off = 0;
        int rc;

        mcmp_http_body_init(&body);
        body.max_body = 4;
        row_code(rows[i].name, mcmp_http_body_start(&body, rows[i].framing, rows[i].length, NULL),
                 rows[i].start);
        if (rows[i].start != MCMP_OK)
            continue;
        do {
            rc = mcmp_http_body_feed(&body, rows[i].data + off, len - off, &used, &span, NULL);
            off += used;
        } while (rc == MCMP_OK);
        row_code(rows[i].name, rc, rows[i].code);
    }
}
END_TEST

/* Chunks of one byte forever cost far more than they carry (as picohttpparser, limited). */
START_TEST(framing_without_content_is_refused_in_the_end)
{
    static const struct {
        const char *name;
        const char *chunk;
        size_t content;
        int refused;
    } rows[] = {
        { "one byte, plain", "1\r\nx\r\n", 1, 1 },
        { "two bytes, plain", "2\r\nxy\r\n", 2, 0 },
        { "two bytes, extension", "2;abcdefg\r\nxy\r\n", 2, 1 },
        { "large enough for its extension", "4;abcdefg\r\nwxyz\r\n", 4, 0 },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t len = strlen(rows[i].chunk);
        mcmp_http_body body;
        int rc = MCMP_NEED_MORE;

        mcmp_http_body_init(&body);
        body.max_overhead = 10000;
        start(&body, CHUNKED, 0);
        for (int n = 0; n < 10000 && rc == MCMP_NEED_MORE; n++) {
            size_t off = 0;

            do {
                mcmp_span span;
                size_t used;

                rc = mcmp_http_body_feed(&body, rows[i].chunk + off, len - off, &used, &span, NULL);
                off += used;
            } while (rc == MCMP_OK);
        }
        row_code(rows[i].name, rc, rows[i].refused ? CHUNK : MCMP_NEED_MORE);
        if (rows[i].refused)
            row_true(rows[i].name, body.overhead > 10000 && body.overhead < 10100);
    }
}
END_TEST

START_TEST(content_of_all_chunks_stays_below_2_to_the_63)
{
    mcmp_http_body body;
    mcmp_span span;
    size_t used;

    mcmp_http_body_init(&body);
    start(&body, CHUNKED, 0);
    ck_assert_int_eq(mcmp_http_body_feed(&body, "1\r\na\r\n", 6, &used, &span, NULL), MCMP_OK);
    ck_assert_int_eq(mcmp_http_body_feed(&body, "\r\n7fffffffffffffff\r\n", 20, &used, &span, NULL),
                     CHUNK);
}
END_TEST

START_TEST(start_refuses_what_it_does_not_know)
{
    mcmp_http_body body;
    mcmp_span span;
    size_t used;

    memset(&body, 0, sizeof(body));
    ck_assert_int_eq(mcmp_http_body_start(&body, CHUNKED, 0, NULL), MCMP_ERR_INVALID);
    mcmp_http_body_init(&body);
    ck_assert_int_eq(mcmp_http_body_start(&body, 0, 0, NULL), MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_http_body_start(&body, 5, 0, NULL), MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_http_body_feed(&body, "0", 1, &used, &span, NULL), MCMP_ERR_STATE);
    start(&body, CHUNKED, 0);
    ck_assert_int_eq(mcmp_http_body_feed(&body, "x", 1, &used, &span, NULL), CHUNK);
    start(&body, CHUNKED, 0);
    ck_assert_int_eq(mcmp_http_body_feed(&body, "0\r\n\r\n", 5, &used, &span, NULL), MCMP_DONE);
}
END_TEST

START_TEST(chunk_heads_are_read_back)
{
    static const struct {
        uint64_t length;
        const char *text;
    } rows[] = {
        { 0, "" },
        { 1, "1\r\n" },
        { 15, "f\r\n" },
        { 16, "10\r\n" },
        { 0xdeadbeef, "deadbeef\r\n" },
        { INT64_MAX, "7fffffffffffffff\r\n" },
        { UINT64_MAX, "ffffffffffffffff\r\n" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char out[MCMP_HTTP_CHUNK_HEAD_MAX];
        mcmp_span text = { out, mcmp_http_chunk_head(out, rows[i].length) };
        mcmp_http_body body;
        mcmp_span span;
        size_t used;

        row_text(rows[i].text, text, rows[i].text);
        if (text.len == 0 || rows[i].length > INT64_MAX)
            continue;
        mcmp_http_body_init(&body);
        start(&body, CHUNKED, 0);
        row_code(rows[i].text, mcmp_http_body_feed(&body, out, text.len, &used, &span, NULL),
                 MCMP_NEED_MORE);
        row_true(rows[i].text, body.left == rows[i].length);
    }
    ck_assert_str_eq(MCMP_HTTP_CHUNK_END MCMP_HTTP_CHUNK_LAST, "\r\n0\r\n\r\n");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        chunked_bodies_are_the_same_in_any_cut,
        bodies_of_known_length_end_after_it,
        the_end_of_the_connection_completes_only_what_may_end_so,
        limits_are_met_exactly,
        a_body_over_max_body_is_refused_before_its_content,
        framing_without_content_is_refused_in_the_end,
        content_of_all_chunks_stays_below_2_to_the_63,
        start_refuses_what_it_does_not_know,
        chunk_heads_are_read_back,
    };

    return run_tests("http/body", tests, COUNT_OF(tests));
}
