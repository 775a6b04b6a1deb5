/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of the management port: every row is run whole, byte by byte and at every split point,
 * out of memory that ends at a guard page, and must give the same story each time.
 */
#include "golden.h"
#include "support.h"

#include <libmcmp/command.h>
#include <libmcmp/parser.h>

#define MAX_DECODE 16384 /* of parser.c */

typedef struct limits {
    uint64_t max_body;
    uint64_t max_drop;
    uint32_t max_head;
    uint32_t max_headers;
} limits;

/* What happened, as text: one line per request, then how it ended. */
typedef struct story {
    char *text;
    size_t len;
    size_t cap;
} story;

static void tell(story *s, const char *data, size_t len)
{
    if (s->len + len + 1 > s->cap) {
        s->cap = (s->len + len + 1) * 2;
        s->text = realloc(s->text, s->cap);
        ck_assert(s->text != NULL);
    }
    if (len > 0)
        memcpy(s->text + s->len, data, len);
    s->len += len;
    s->text[s->len] = '\0';
}

static void tell_request(story *s, const mcmp_request *request)
{
    char head[64];

    ck_assert(request != NULL);
    tell(s, head, (size_t)snprintf(head, sizeof(head), "%u ", request->command));
    tell(s, request->method.ptr, request->method.len);
    tell(s, " ", 1);
    tell(s, request->target.ptr, request->target.len);
    tell(s, head,
         (size_t)snprintf(head, sizeof(head), " %x %llu [", request->flags,
                          (unsigned long long)request->body_size));
    tell(s, request->host.ptr, request->host.len);
    tell(s, "] [", 3);
    tell(s, request->body.ptr, request->body.len);
    tell(s, "]\n", 2);
}

/* The body comes decoded just when the command has one, and as a decoder decodes it. */
static void check_decoded(mcmp_request *request)
{
    mcmp_decoder *decoder = NULL;
    const mcmp_command *own = NULL;
    const mcmp_command *made = mcmp_request_command(request, NULL);
    mcmp_request plain = *request;

    if (request->decoded == NULL && memory_was_short())
        return; /* left to mcmp_apply() */
    ck_assert_int_eq(request->decoded != NULL, request->command >= MCMP_COMMAND_CONFIG &&
                                                   request->command <= MCMP_COMMAND_PING &&
                                                   (request->flags & MCMP_REQUEST_OVERSIZE) == 0 &&
                                                   request->body.len <= MAX_DECODE);
    if (request->decoded == NULL)
        return;
    plain.decoded = NULL;
    ck_assert_int_eq(mcmp_decoder_new(&decoder, NULL, NULL, NULL), MCMP_OK);
    ck_assert_int_eq(mcmp_decoder_decode(decoder, &plain, &own, NULL, NULL) == MCMP_OK,
                     made != NULL);
    if (made != NULL) {
        ck_assert_uint_eq(made->kind, own->kind);
        ck_assert_uint_eq(made->flags, own->flags);
        ck_assert_uint_eq(made->given, own->given);
        row_bytes("route", made->jvm_route, own->jvm_route.ptr, own->jvm_route.len);
    }
    mcmp_decoder_free(decoder);
}

static mcmp_parser *new_parser(const limits *max)
{
    mcmp_command_limits names;
    mcmp_parser_options opts;
    mcmp_parser *parser = NULL;

    mcmp_command_limits_init(&names);
    mcmp_parser_options_init(&opts);
    opts.limits = &names;
    if (max != NULL) {
        opts.max_body = max->max_body;
        opts.max_drop = max->max_drop;
        opts.max_head = max->max_head;
        opts.max_headers = max->max_headers;
    }
    ck_assert_int_eq(mcmp_parser_new(&parser, &opts, NULL), MCMP_OK);
    return parser;
}

/* Feed one piece completely; returns the last result. */
static int feed_piece(mcmp_parser *parser, const char *data, size_t len, story *s)
{
    mcmp_error err;
    char text[64];
    int rc = MCMP_NEED_MORE;

    for (size_t off = 0; off < len;) {
        size_t used = 0;

        mcmp_error_init(&err);
        rc = mcmp_parser_feed(parser, data + off, len - off, &used, &err);
        ck_assert(used <= len - off);
        off += used;
        if (rc == MCMP_OK) {
            tell_request(s, mcmp_parser_request(parser));
            check_decoded(mcmp_parser_request(parser));
        } else
            ck_assert(mcmp_parser_request(parser) == NULL);
        if (rc < 0) {
            ck_assert_int_eq(err.code, rc);
            ck_assert_uint_gt(strlen(err.message), 0);
            tell(s, text,
                 (size_t)snprintf(text, sizeof(text), "%s @%llu\n", mcmp_error_name(rc),
                                  (unsigned long long)err.offset));
            return rc;
        }
    }
    return rc;
}

/* cuts: sorted offsets where the input is cut */
static char *run_cut(const limits *max, const char *data, size_t len, const size_t *cuts,
                     size_t count)
{
    mcmp_parser *parser = new_parser(max);
    story s = { NULL, 0, 0 };
    size_t off = 0;
    int rc = MCMP_OK;

    tell(&s, "", 0);
    for (size_t i = 0; i <= count && rc >= 0; i++) {
        size_t end = i < count ? cuts[i] : len;
        guard piece = guard_copy(data + off, end - off);

        rc = feed_piece(parser, piece.ptr, piece.len, &s);
        off = end;
        guard_free(&piece);
    }
    if (rc >= 0) {
        mcmp_error err;

        mcmp_error_init(&err);
        rc = mcmp_parser_end(parser, &err);
        tell(&s, rc == MCMP_OK ? "end\n" : "cut\n", 4);
        if (rc != MCMP_OK)
            ck_assert_int_eq(rc, MCMP_ERR_TRUNCATED);
    }
    mcmp_parser_free(parser);
    return s.text;
}

static void check_story(const char *name, const limits *max, const char *data, size_t len,
                        const char *want)
{
    size_t *every = calloc(len + 1, sizeof(*every));
    size_t stride = len > 1000 ? (size_t)as_often(1, 499) : 1;
    char *got = run_cut(max, data, len, NULL, 0);

    ck_assert_msg(strcmp(got, want) == 0, "row '%s': got\n%s, not\n%s", name, got, want);
    free(got);
    for (size_t i = 0; i < len; i++)
        every[i] = i + 1;
    got = run_cut(max, data, len, every, len > 0 ? len - 1 : 0);
    ck_assert_msg(strcmp(got, want) == 0, "row '%s' byte by byte: %s, not %s", name, got, want);
    free(got);
    for (size_t cut = 1; cut < len; cut += stride) {
        got = run_cut(max, data, len, &cut, 1);
        ck_assert_msg(strcmp(got, want) == 0, "row '%s' cut at %zu: %s", name, cut, got);
        free(got);
    }
    free(every);
}

typedef struct row {
    const char *name;
    mcmp_span in;
    const char *want;
} row;

static void check_rows(const limits *max, const row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_story(rows[i].name, max, rows[i].in.ptr, rows[i].in.len, rows[i].want);
}

START_TEST(test_parser_reads_requests)
{
    static const row rows[] = {
        { "nothing", TEXT(""), "end\n" },
        { "no body", TEXT("INFO / HTTP/1.1\r\n\r\n"), "8 INFO / 0 0 [] []\nend\n" },
        { "a body", TEXT("STATUS / HTTP/1.1\r\nHost: h:1\r\nContent-Length: 11\r\n\r\nJVMRoute=t1"),
          "6 STATUS / 0 11 [h:1] [JVMRoute=t1]\nend\n" },
        { "length zero", TEXT("PING / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"),
          "7 PING / 0 0 [] []\nend\n" },
        { "method in any case", TEXT("eNaBle-aPP /x/* HTTP/1.1\r\n\r\n"),
          "2 eNaBle-aPP /x/* 1 0 [] []\nend\n" },
        { "longer than a method", TEXT("INFOS / HTTP/1.1\r\n\r\n"), "0 INFOS / 0 0 [] []\nend\n" },
        { "other method", TEXT("POST / HTTP/1.1\r\n\r\n"), "0 POST / 0 0 [] []\nend\n" },
        { "star", TEXT("REMOVE-APP * HTTP/1.1\r\n\r\n"), "5 REMOVE-APP * 1 0 [] []\nend\n" },
        { "slash star", TEXT("STOP-APP /* HTTP/1.1\r\n\r\n"), "4 STOP-APP /* 1 0 [] []\nend\n" },
        { "star not after a slash", TEXT("STOP-APP /a* HTTP/1.1\r\n\r\n"),
          "4 STOP-APP /a* 0 0 [] []\nend\n" },
        { "page", TEXT("GET /x?y HTTP/1.1\r\n\r\n"), "11 GET /x?y 0 0 [] []\nend\n" },
        { "head of the page", TEXT("HEAD / HTTP/1.1\r\n\r\n"), "11 HEAD / 40 0 [] []\nend\n" },
        { "HTTP/1.0 closes", TEXT("DUMP / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"),
          "9 DUMP / 2 0 [] []\nend\n" },
        { "close", TEXT("VERSION / HTTP/1.1\r\nConnection: te , CLOSE\r\n\r\n"),
          "10 VERSION / 2 0 [] []\nend\n" },
        { "no word close", TEXT("VERSION / HTTP/1.1\r\nConnection: closed\r\n\r\n"),
          "10 VERSION / 0 0 [] []\nend\n" },
        { "content type and expect are not looked at",
          TEXT("PING / HTTP/1.1\r\nContent-Type: x\r\nExpect: 100-continue\r\n"
               "Content-Length: 1\r\n\r\nx"),
          "7 PING / 0 1 [] [x]\nend\n" },
        { "two requests at once",
          TEXT("STATUS / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcPING /* HTTP/1.1\r\n\r\n"),
          "6 STATUS / 0 3 [] [abc]\n7 PING /* 1 0 [] []\nend\n" },
        { "stray empty lines", TEXT("\r\n\r\n\r\n\r\nPING / HTTP/1.1\r\n\r\n\r\n"),
          "7 PING / 0 0 [] []\nend\n" },
        { "too many stray lines", TEXT("\r\n\r\n\r\n\r\n\r\nPING"), "MCMP_ERR_HTTP @8\n" },
        { "blanks around values", TEXT("PING / HTTP/1.1\r\nHost: \t a \t\r\nX:\r\n\r\n"),
          "7 PING / 0 0 [a] []\nend\n" },
        { "bytes above 0x7f in a value", TEXT("PING / HTTP/1.1\r\nX: \xff\x80\r\n\r\n"),
          "7 PING / 0 0 [] []\nend\n" },
        { "cut in the line", TEXT("PING / HT"), "cut\n" },
        { "cut in the head", TEXT("PING / HTTP/1.1\r\n"), "cut\n" },
        { "cut in the body", TEXT("PING / HTTP/1.1\r\nContent-Length: 2\r\n\r\na"), "cut\n" },
    };

    check_rows(NULL, rows, COUNT_OF(rows));
}
END_TEST

START_TEST(test_parser_reads_chunked_bodies)
{
#define HEAD "STATUS / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" /* 49 bytes */
    static const row rows[] = {
        { "empty", TEXT(HEAD "0\r\n\r\n"), "6 STATUS / 0 0 [] []\nend\n" },
        { "two chunks", TEXT(HEAD "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"),
          "6 STATUS / 0 13 [] [abc0123456789]\nend\n" },
        { "coding in any case",
          TEXT("STATUS / HTTP/1.1\r\nTRANSFER-ENCODING: Chunked\r\n\r\n1\r\nx\r\n000\r\n\r\n"),
          "6 STATUS / 0 1 [] [x]\nend\n" },
        { "extensions are ignored", TEXT(HEAD "1;a=b\r\nx\r\n1 ;\"q\"\r\ny\r\n0;z\r\n\r\n"),
          "6 STATUS / 0 2 [] [xy]\nend\n" },
        { "trailers are dropped", TEXT(HEAD "1\r\nx\r\n0\r\nHost: t\r\nA: b\r\n\r\n"),
          "6 STATUS / 0 1 [] [x]\nend\n" },
        { "and the next request", TEXT(HEAD "1\r\nx\r\n0\r\n\r\nINFO / HTTP/1.0\r\n\r\n"),
          "6 STATUS / 0 1 [] [x]\n8 INFO / 2 0 [] []\nend\n" },
        { "no size", TEXT(HEAD "\r\n"), "MCMP_ERR_HTTP @49\n" },
        { "no hex digit", TEXT(HEAD "1g\r\nx"), "MCMP_ERR_HTTP @49\n" },
        { "0x", TEXT(HEAD "0x1\r\nx"), "MCMP_ERR_HTTP @49\n" },
        { "minus", TEXT(HEAD "-1\r\nx"), "MCMP_ERR_HTTP @49\n" },
        { "blank after the size", TEXT(HEAD "1 \r\nx"), "MCMP_ERR_HTTP @49\n" },
        { "blank before the size", TEXT(HEAD " 1\r\nx"), "MCMP_ERR_HTTP @49\n" },
        { "size of 2^64", TEXT(HEAD "10000000000000000\r\n"), "MCMP_ERR_HTTP @49\n" },
        { "size of 2^63", TEXT(HEAD "8000000000000000\r\n"), "MCMP_ERR_HTTP @49\n" },
        { "LF after the size", TEXT(HEAD "1\nx\r\n"), "MCMP_ERR_HTTP @50\n" },
        { "no CRLF after the data", TEXT(HEAD "1\r\nxyz"), "MCMP_ERR_HTTP @53\n" },
        { "LF after the data", TEXT(HEAD "1\r\nx\n0\r\n"), "MCMP_ERR_HTTP @53\n" },
        { "bad trailer", TEXT(HEAD "0\r\nnot a header\r\n"), "MCMP_ERR_HTTP @52\n" },
        { "folded trailer", TEXT(HEAD "0\r\nA: b\r\n c\r\n"), "MCMP_ERR_HTTP @58\n" },
        { "cut in the last chunk", TEXT(HEAD "0\r\n"), "cut\n" },
    };

    check_rows(NULL, rows, COUNT_OF(rows));
#undef HEAD
}
END_TEST

START_TEST(test_parser_refuses_what_is_no_http)
{
#define LINE "PING / HTTP/1.1\r\n" /* 17 bytes */
    static const row rows[] = {
        { "no blank", TEXT("PING\r\n"), "MCMP_ERR_HTTP @0\n" },
        { "no version", TEXT("PING /\r\n"), "MCMP_ERR_HTTP @0\n" },
        { "two blanks", TEXT("PING  / HTTP/1.1\r\n"), "MCMP_ERR_HTTP @0\n" },
        { "blank at the end", TEXT("PING / HTTP/1.1 \r\n"), "MCMP_ERR_HTTP @0\n" },
        { "tab", TEXT("PING\t/ HTTP/1.1\r\n"), "MCMP_ERR_HTTP @0\n" },
        { "blank first", TEXT(" PING / HTTP/1.1\r\n"), "MCMP_ERR_HTTP @0\n" },
        { "no token", TEXT("P(NG / HTTP/1.1\r\n"), "MCMP_ERR_HTTP @0\n" },
        { "target above 0x7e", TEXT("PING /\xc3\xa4 HTTP/1.1\r\n"), "MCMP_ERR_HTTP @0\n" },
        { "HTTP/2.0", TEXT("PRI * HTTP/2.0\r\n"), "MCMP_ERR_HTTP @0\n" },
        { "HTTP/1.2", TEXT("PING / HTTP/1.2\r\n"), "MCMP_ERR_HTTP @0\n" },
        { "http", TEXT("PING / http/1.1\r\n"), "MCMP_ERR_HTTP @0\n" },
        { "HTTP/1.10", TEXT("PING / HTTP/1.10\r\n"), "MCMP_ERR_HTTP @0\n" },
        { "after a request", TEXT("PING / HTTP/1.1\r\n\r\njunk\r\n"),
          "7 PING / 0 0 [] []\nMCMP_ERR_HTTP @19\n" },
        { "TLS", TEXT("\x16\x03\x01\x02\x00"), "MCMP_ERR_HTTP @0\n" },
        { "bare LF", TEXT("PING / HTTP/1.1\nX: y\n\n"), "MCMP_ERR_HTTP @15\n" },
        { "bare CR", TEXT("PING / HTTP/1.1\rX"), "MCMP_ERR_HTTP @16\n" },
        { "two CR", TEXT("PING / HTTP/1.1\r\r\n"), "MCMP_ERR_HTTP @16\n" },
        { "NUL in the line", TEXT("PI\0NG / HTTP/1.1\r\n"), "MCMP_ERR_HTTP @2\n" },
        { "NUL in a header", TEXT(LINE "A: \0\r\n"), "MCMP_ERR_HTTP @20\n" },
        { "DEL in a header", TEXT(LINE "A: \x7f\r\n"), "MCMP_ERR_HTTP @20\n" },
        { "LF in a header", TEXT(LINE "A: b\nC: d\r\n\r\n"), "MCMP_ERR_HTTP @21\n" },
        { "fold", TEXT(LINE "A: b\r\n c\r\n\r\n"), "MCMP_ERR_HTTP @23\n" },
        { "fold by tab", TEXT(LINE "A: b\r\n\tc\r\n\r\n"), "MCMP_ERR_HTTP @23\n" },
        { "fold first", TEXT(LINE " A: b\r\n"), "MCMP_ERR_HTTP @17\n" },
        { "no colon", TEXT(LINE "Ab\r\n"), "MCMP_ERR_HTTP @17\n" },
        { "no name", TEXT(LINE ": b\r\n"), "MCMP_ERR_HTTP @17\n" },
        { "blank before the colon", TEXT(LINE "A : b\r\n"), "MCMP_ERR_HTTP @17\n" },
        { "two lengths", TEXT(LINE "Content-Length: 1\r\nContent-Length: 1\r\n"),
          "MCMP_ERR_HTTP @36\n" },
        { "a list of lengths", TEXT(LINE "Content-Length: 1, 1\r\n"), "MCMP_ERR_HTTP @17\n" },
        { "no length", TEXT(LINE "Content-Length:\r\n"), "MCMP_ERR_HTTP @17\n" },
        { "plus", TEXT(LINE "Content-Length: +1\r\n"), "MCMP_ERR_HTTP @17\n" },
        { "minus", TEXT(LINE "Content-Length: -1\r\n"), "MCMP_ERR_HTTP @17\n" },
        { "hex", TEXT(LINE "Content-Length: 0x1\r\n"), "MCMP_ERR_HTTP @17\n" },
        { "2^64", TEXT(LINE "Content-Length: 18446744073709551616\r\n"), "MCMP_ERR_HTTP @17\n" },
        { "length, then coding",
          TEXT(LINE "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
          "MCMP_ERR_HTTP @64\n" },
        { "coding, then length",
          TEXT(LINE "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"),
          "MCMP_ERR_HTTP @64\n" },
        { "unknown coding", TEXT(LINE "Transfer-Encoding: gzip\r\n"), "MCMP_ERR_HTTP @17\n" },
        { "two codings", TEXT(LINE "Transfer-Encoding: gzip, chunked\r\n"), "MCMP_ERR_HTTP @17\n" },
        { "no coding", TEXT(LINE "Transfer-Encoding: \r\n"), "MCMP_ERR_HTTP @17\n" },
        { "coding twice", TEXT(LINE "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
          "MCMP_ERR_HTTP @45\n" },
        { "coding in 1.0", TEXT("PING / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n"),
          "MCMP_ERR_HTTP @17\n" },
        { "two Hosts", TEXT(LINE "Host: a\r\nhost: a\r\n"), "MCMP_ERR_HTTP @26\n" },
    };

    check_rows(NULL, rows, COUNT_OF(rows));
#undef LINE
}
END_TEST

START_TEST(test_parser_understands_accept)
{
    static const struct {
        const char *accept;
        uint32_t want;
    } rows[] = {
        { "", 0 },
        { "text/plain", 0 },
        { "*/*", 0 },
        { "text/*", 0 },
        { "text/xml", MCMP_REQUEST_WANT_XML },
        { "Text/XML", MCMP_REQUEST_WANT_XML },
        { "text/html, text/xml;q=0.5", MCMP_REQUEST_WANT_XML },
        { "text/xml ; charset=x", MCMP_REQUEST_WANT_XML },
        { "text/xmlx", 0 },
        { "x-text/xml", 0 },
        { "application/json", MCMP_REQUEST_WANT_JSON },
        { ",, application/JSON ,", MCMP_REQUEST_WANT_JSON },
        { "application/json, text/xml", MCMP_REQUEST_WANT_XML },
        { "text/xml, application/json", MCMP_REQUEST_WANT_XML },
        { "text/xml;q=0, application/json", MCMP_REQUEST_WANT_JSON },
        { "text/xml; Q=0.000", 0 },
        { "text/xml;q=0.001", MCMP_REQUEST_WANT_XML },
        { "text/xml;q=1", MCMP_REQUEST_WANT_XML },
        { "text/plain;x=\"a, text/xml\"", 0 },
        { "text/plain;x=\"a\\\", text/xml", 0 },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char request[256];
        mcmp_parser *parser = new_parser(NULL);
        size_t used;
        int len = snprintf(request, sizeof(request), "INFO / HTTP/1.1\r\nAccept: %s\r\n\r\n",
                           rows[i].accept);

        row_int(rows[i].accept, mcmp_request_flags(span_of("/"), span_of(rows[i].accept)),
                rows[i].want);
        row_int(rows[i].accept, mcmp_request_flags(span_of("*"), span_of(rows[i].accept)),
                rows[i].want | MCMP_REQUEST_WHOLE_NODE);
        row_code(rows[i].accept, mcmp_parser_feed(parser, request, (size_t)len, &used, NULL),
                 MCMP_OK);
        row_int(rows[i].accept, mcmp_parser_request(parser)->flags, rows[i].want);
        mcmp_parser_free(parser);
    }
}
END_TEST

START_TEST(test_parser_joins_several_accept_lines)
{
    static const row rows[] = {
        { "json, then xml",
          TEXT("INFO / HTTP/1.1\r\nAccept: application/json\r\nAccept: text/xml\r\n\r\n"
               "INFO / HTTP/1.1\r\n\r\n"),
          "8 INFO / 10 0 [] []\n8 INFO / 0 0 [] []\nend\n" },
    };

    check_rows(NULL, rows, COUNT_OF(rows));
}
END_TEST

START_TEST(test_parser_drops_what_is_over_the_body_limit)
{
    static const limits small = { 4, 9, 0, 0 };
#define LENGTH(n) "PING / HTTP/1.1\r\nContent-Length: " n "\r\n\r\n"
#define CHUNKED "PING / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    static const row rows[] = {
        { "limit - 1", TEXT(LENGTH("3") "abc"), "7 PING / 0 3 [] [abc]\nend\n" },
        { "limit", TEXT(LENGTH("4") "abcd"), "7 PING / 0 4 [] [abcd]\nend\n" },
        { "limit + 1", TEXT(LENGTH("5") "abcdePING / HTTP/1.1\r\n\r\n"),
          "7 PING / 4 5 [] []\n7 PING / 0 0 [] []\nend\n" },
        { "drop limit", TEXT(LENGTH("9") "abcdefghiPING / HTTP/1.1\r\n\r\n"),
          "7 PING / 4 9 [] []\n7 PING / 0 0 [] []\nend\n" },
        { "drop limit + 1", TEXT(LENGTH("10") "abcdefghi"), "7 PING / e 10 [] []\nend\n" },
        { "nothing is read after it", TEXT(LENGTH("10") "abcdefghij"),
          "7 PING / e 10 [] []\nMCMP_ERR_STATE @0\n" },
        { "far over", TEXT(LENGTH("4611686018427387903") "abcdefghi"),
          "7 PING / e 4611686018427387903 [] []\nend\n" },
        { "cut while dropping", TEXT(LENGTH("9") "abcdefgh"), "cut\n" },
        { "chunked limit", TEXT(CHUNKED "3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"),
          "7 PING / 0 4 [] [abcd]\nend\n" },
        { "chunked limit + 1",
          TEXT(CHUNKED "3\r\nabc\r\n2\r\nde\r\n0\r\nA: b\r\n\r\nPING / HTTP/1.1\r\n\r\n"),
          "7 PING / 4 5 [] []\n7 PING / 0 0 [] []\nend\n" },
        { "chunked drop limit", TEXT(CHUNKED "9\r\nabcdefghi\r\n0\r\n\r\n"),
          "7 PING / 4 9 [] []\nend\n" },
        { "chunked drop limit + 1", TEXT(CHUNKED "5\r\nabcde\r\n5\r\nabcd"),
          "7 PING / e 10 [] []\nend\n" },
        { "a chunk after the drop limit", TEXT(CHUNKED "9\r\nabcdefghi\r\n1\r\n"),
          "7 PING / e 10 [] []\nend\n" },
    };

    check_rows(&small, rows, COUNT_OF(rows));
}
END_TEST

START_TEST(test_parser_has_limits_of_heads_lines_and_extensions)
{
    static const limits small = { 0, 0, 40, 3 };
    static const limits few = { 0, 0, 0, 3 };
    static const row rows[] = {
        /* 17 + 21 + 2 = 40 bytes */
        { "head of the limit", TEXT("PING / HTTP/1.1\r\nA: 345678901234567x\r\n\r\n"),
          "7 PING / 0 0 [] []\nend\n" },
        { "head over the limit", TEXT("PING / HTTP/1.1\r\nA: 345678901234567xy\r\n\r\n"),
          "MCMP_ERR_HEAD_SIZE @40\n" },
        { "line over the limit", TEXT("PING /3456789012345678901234567890123456789 HTTP/1.1\r\n"),
          "MCMP_ERR_HEAD_SIZE @40\n" },
        { "stray lines do not count",
          TEXT("\r\n\r\nPING / HTTP/1.1\r\nA: 345678901234567x\r\n\r\n"),
          "7 PING / 0 0 [] []\nend\n" },
        { "trailers have the same limit", TEXT("P / HTTP/1.1\r\nTransfer-Encoding:chunked\r\n\r\n"),
          "MCMP_ERR_HEAD_SIZE @40\n" },
    };
    static const row counts[] = {
        { "as many lines as allowed", TEXT("PING / HTTP/1.1\r\nA:1\r\nB:2\r\nC:3\r\n\r\n"),
          "7 PING / 0 0 [] []\nend\n" },
        { "one too many", TEXT("PING / HTTP/1.1\r\nA:1\r\nB:2\r\nC:3\r\nD:4\r\n\r\n"),
          "MCMP_ERR_HEAD_SIZE @32\n" },
        { "trailers likewise",
          TEXT("PING / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA:1\r\nB:2\r\nC:3\r\n"
               "D:4\r\n\r\n"),
          "MCMP_ERR_HTTP @65\n" },
    };

    check_rows(&small, rows, COUNT_OF(rows));
    check_rows(&few, counts, COUNT_OF(counts));
}
END_TEST

/* head: 16 KiB by default; a chunk line: 1 KiB; extensions of one message: as the head */
START_TEST(test_parser_keeps_its_default_limits)
{
    static const struct {
        const char *name;
        size_t fill;
        int rc;
    } heads[] = {
        { "limit", 16384 - 24, MCMP_OK },
        { "limit + 1", 16384 - 23, MCMP_ERR_HEAD_SIZE },
    };
    static const struct {
        const char *name;
        size_t chunks; /* each has an extension of 1000 bytes */
        int rc;
    } chunks[] = { { "16000 bytes of extensions", 16, MCMP_OK },
                   { "17000 bytes of extensions", 17, MCMP_ERR_HTTP } };
    static char big[65536];
    size_t used;

    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        mcmp_parser *parser = new_parser(NULL);
        int len =
            snprintf(big, sizeof(big), "PING / HTTP/1.1\r\nA: %0*d\r\n\r\n", (int)heads[i].fill, 0);

        row_code(heads[i].name, mcmp_parser_feed(parser, big, (size_t)len, &used, NULL),
                 heads[i].rc);
        mcmp_parser_free(parser);
    }
    for (size_t i = 0; i < COUNT_OF(chunks); i++) {
        mcmp_parser *parser = new_parser(NULL);
        int len =
            snprintf(big, sizeof(big), "PING / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");

        for (size_t n = 0; n < chunks[i].chunks; n++)
            len += snprintf(big + len, sizeof(big) - (size_t)len, "1;%0999d\r\nx\r\n", 0);
        len += snprintf(big + len, sizeof(big) - (size_t)len, "0\r\n\r\n");
        row_code(chunks[i].name, mcmp_parser_feed(parser, big, (size_t)len, &used, NULL),
                 chunks[i].rc);
        mcmp_parser_free(parser);
    }
}
END_TEST

START_TEST(test_parser_reads_the_recorded_session_at_any_cut)
{
    golden_session session;
    story want = { NULL, 0, 0 };
    uint64_t seed = 1;
    char *got;
    size_t *cuts;

    golden_load(&session);
    for (size_t i = 0; i < session.count; i++) {
        const golden_request *one = &session.requests[i];
        mcmp_parser *parser = new_parser(NULL);
        size_t used = 0;

        ck_assert_int_eq(mcmp_parser_feed(parser, one->bytes, one->len, &used, NULL), MCMP_OK);
        ck_assert_uint_eq(used, one->len);
        ck_assert_uint_eq(mcmp_parser_request(parser)->body.len, one->len - one->head_len);
        ck_assert_uint_ne(mcmp_parser_request(parser)->command, MCMP_COMMAND_UNKNOWN);
        tell_request(&want, mcmp_parser_request(parser));
        mcmp_parser_free(parser);
    }
    tell(&want, "end\n", 4);
    check_story("whole, byte by byte, each cut", NULL, session.bytes, session.len, want.text);
    cuts = malloc(session.len * sizeof(*cuts));
    for (int round = 0; round < as_often(200, 2); round++) {
        size_t count = 0;

        for (size_t at = 1; at < session.len; at += 1 + test_random(&seed) % 97)
            cuts[count++] = at;
        got = run_cut(NULL, session.bytes, session.len, cuts, count);
        ck_assert_str_eq(got, want.text);
        free(got);
    }
    free(cuts);
    free(want.text);
    golden_free(&session);
}
END_TEST

static const char oom_text[] = "STATUS / HTTP/1.1\r\nContent-Length: 900\r\n\r\n";

static int parse_all(const mcmp_allocator *allocator, void *ctx)
{
    char body[900];
    mcmp_parser_options opts;
    mcmp_parser *parser = NULL;
    size_t used;
    int rc;

    (void)ctx;
    memset(body, 'a', sizeof(body));
    mcmp_parser_options_init(&opts);
    opts.allocator = allocator;
    rc = mcmp_parser_new(&parser, &opts, NULL);
    if (rc != MCMP_OK) {
        ck_assert(parser == NULL);
        return rc;
    }
    rc = mcmp_parser_feed(parser, oom_text, sizeof(oom_text) - 1, &used, NULL);
    if (rc == MCMP_NEED_MORE)
        rc = mcmp_parser_feed(parser, body, sizeof(body), &used, NULL);
    if (rc == MCMP_ERR_NOMEM) /* not a failure of the stream: there may be memory next time */
        ck_assert_int_ne(mcmp_parser_feed(parser, "\r", 1, &used, NULL), MCMP_ERR_STATE);
    mcmp_parser_free(parser);
    return rc;
}

START_TEST(test_parser_survives_any_failed_allocation)
{
    run_with_oom("parse", parse_all, NULL);
}
END_TEST

START_TEST(test_parser_allocates_by_need)
{
    test_heap heap;
    mcmp_parser_options opts;
    mcmp_parser *parser = NULL;
    size_t used;
    size_t idle;
    size_t calls;

    test_heap_init(&heap, 0);
    mcmp_parser_options_init(&opts);
    opts.allocator = &heap.allocator;
    opts.max_body = 1 << 20;
    ck_assert_int_eq(mcmp_parser_new(&parser, &opts, NULL), MCMP_OK);
    idle = heap.live_bytes;
    ck_assert_uint_lt(idle, 1024);
    for (int i = 0; i < 3; i++) {
        calls = heap.calls;
        ck_assert_int_eq(mcmp_parser_feed(parser, "INFO / HTTP/1.1\r\n\r\n", 19, &used, NULL),
                         MCMP_OK);
    }
    ck_assert_uint_eq(calls, heap.calls); /* the third time nothing is allocated */
    ck_assert_uint_lt(heap.live_bytes, 2048);
    mcmp_parser_free(parser);
    mcmp_parser_free(NULL);
    ck_assert_uint_eq(heap.live_bytes, 0);
}
END_TEST

START_TEST(test_parser_checks_its_options)
{
    mcmp_command_limits names;
    mcmp_parser_options opts;
    mcmp_allocator half;
    mcmp_parser *parser = NULL;
    mcmp_error err;
    struct {
        mcmp_parser_options opts;
        uint64_t tail;
    } newer;

    mcmp_error_init(&err);
    memset(&opts, 0, sizeof(opts));
    ck_assert_int_eq(mcmp_parser_new(&parser, &opts, &err), MCMP_ERR_INVALID);
    ck_assert_int_eq(err.code, MCMP_ERR_INVALID);
    mcmp_allocator_init(&half);
    half.alloc = test_heap_alloc;
    mcmp_parser_options_init(&opts);
    opts.allocator = &half;
    ck_assert_int_eq(mcmp_parser_new(&parser, &opts, &err), MCMP_ERR_INVALID);
    opts.allocator = NULL;
    mcmp_command_limits_init(&names);
    names.context = 1024;
    opts.limits = &names;
    ck_assert_int_eq(mcmp_parser_new(&parser, &opts, &err), MCMP_ERR_INVALID);
    ck_assert_str_eq(err.field, "mcmp_command_limits");
    mcmp_parser_options_init_sized(&newer.opts, sizeof(newer));
    newer.tail = 1;
    ck_assert_int_eq(mcmp_parser_new(&parser, &newer.opts, &err), MCMP_ERR_UNSUPPORTED);
    ck_assert(parser == NULL);
    newer.tail = 0;
    ck_assert_int_eq(mcmp_parser_new(&parser, &newer.opts, &err), MCMP_OK);
    mcmp_parser_free(parser);
}
END_TEST

START_TEST(test_parser_takes_no_bytes_at_all)
{
    mcmp_parser *parser = new_parser(NULL);
    size_t used = 1;

    ck_assert_int_eq(mcmp_parser_feed(parser, NULL, 0, &used, NULL), MCMP_NEED_MORE);
    ck_assert_uint_eq(used, 0);
    ck_assert_int_eq(mcmp_parser_feed(parser, "INFO / HTTP/1.1\r\n\r\n", 19, &used, NULL), MCMP_OK);
    ck_assert(mcmp_parser_request(parser) != NULL);
    ck_assert_int_eq(mcmp_parser_feed(parser, NULL, 0, &used, NULL), MCMP_NEED_MORE);
    ck_assert(mcmp_parser_request(parser) == NULL);
    ck_assert_int_eq(mcmp_parser_end(parser, NULL), MCMP_OK);
    mcmp_parser_free(parser);
}
END_TEST

START_TEST(test_parser_names_each_command)
{
    static const struct {
        const char *name;
        uint32_t command;
    } rows[] = {
        { "CONFIG", MCMP_COMMAND_CONFIG },
        { "ENABLE-APP", MCMP_COMMAND_ENABLE_APP },
        { "DISABLE-APP", MCMP_COMMAND_DISABLE_APP },
        { "STOP-APP", MCMP_COMMAND_STOP_APP },
        { "REMOVE-APP", MCMP_COMMAND_REMOVE_APP },
        { "STATUS", MCMP_COMMAND_STATUS },
        { "PING", MCMP_COMMAND_PING },
        { "INFO", MCMP_COMMAND_INFO },
        { "DUMP", MCMP_COMMAND_DUMP },
        { "VERSION", MCMP_COMMAND_VERSION },
        { "GET", MCMP_COMMAND_PAGE },
        { "?", MCMP_COMMAND_UNKNOWN },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        row_int(rows[i].name, mcmp_command_of_method(span_of(rows[i].name)), rows[i].command);
        ck_assert_str_eq(mcmp_command_name(rows[i].command), rows[i].name);
    }
    ck_assert_str_eq(mcmp_command_name(99), "?");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_parser_reads_requests,
        test_parser_reads_chunked_bodies,
        test_parser_refuses_what_is_no_http,
        test_parser_understands_accept,
        test_parser_joins_several_accept_lines,
        test_parser_drops_what_is_over_the_body_limit,
        test_parser_has_limits_of_heads_lines_and_extensions,
        test_parser_keeps_its_default_limits,
        test_parser_reads_the_recorded_session_at_any_cut,
        test_parser_survives_any_failed_allocation,
        test_parser_allocates_by_need,
        test_parser_checks_its_options,
        test_parser_takes_no_bytes_at_all,
        test_parser_names_each_command,
    };

    return run_tests("parser", tests, COUNT_OF(tests));
}
