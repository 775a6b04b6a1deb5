/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of requests and responses: what is read from them, and what is refused where. */
#include "cuts.h"

static stage place;
static mcmp_http_head *head;

static void setup(const mcmp_http_options *opts)
{
    if (place.ends[0] == NULL)
        stage_init(&place);
    ck_assert_int_eq(mcmp_http_head_new(&head, opts, NULL), MCMP_OK);
}

static void teardown(void)
{
    mcmp_http_head_free(head);
    head = NULL;
}

#define H11 " HTTP/1.1\r\nHost: a\r\n"

typedef struct good_row {
    const char *name;
    const char *data;
    uint32_t method;
    const char *method_name;
    const char *target;
    uint32_t minor;
    const char *host;
    uint32_t framing;
    uint64_t length;
    uint32_t flags;
    uint32_t headers;
} good_row;

#define KEEP MCMP_HTTP_KEEP_ALIVE
#define NONE MCMP_HTTP_FRAMING_NONE
#define LENGTH MCMP_HTTP_FRAMING_LENGTH
#define CHUNKED MCMP_HTTP_FRAMING_CHUNKED
#define CLOSE MCMP_HTTP_FRAMING_CLOSE

static const good_row good_rows[] = {
    { "shortest 1.1", "GET /" H11 "\r\n", 1, "GET", "/", 1, "a", NONE, 0, KEEP, 1 },
    { "1.0 without host", "GET / HTTP/1.0\r\n\r\n", 1, "GET", "/", 0, "", NONE, 0, 0, 0 },
    { "1.0 keep-alive", "HEAD / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", 2, "HEAD", "/", 0, "",
      NONE, 0, KEEP, 1 },
    { "close", "GET /" H11 "Connection: close\r\n\r\n", 1, "GET", "/", 1, "a", NONE, 0, 0, 2 },
    { "close in a list", "GET /" H11 "Connection: foo , CLOSE\r\n\r\n", 1, "GET", "/", 1, "a", NONE,
      0, 0, 2 },
    { "close wins over keep-alive",
      "GET /" H11 "Connection: keep-alive\r\nConnection: close\r\n\r\n", 1, "GET", "/", 1, "a",
      NONE, 0, 0, 3 },
    { "length", "POST /x" H11 "Content-Length: 12\r\n\r\n", 3, "POST", "/x", 1, "a", LENGTH, 12,
      KEEP | MCMP_HTTP_HAS_LENGTH, 2 },
    { "length 0", "PUT /x" H11 "content-length:0\r\n\r\n", 4, "PUT", "/x", 1, "a", LENGTH, 0,
      KEEP | MCMP_HTTP_HAS_LENGTH, 2 },
    { "length of 2^63-1", "POST /x" H11 "Content-Length: 9223372036854775807\r\n\r\n", 3, "POST",
      "/x", 1, "a", LENGTH, INT64_MAX, KEEP | MCMP_HTTP_HAS_LENGTH, 2 },
    { "length over 32 bits", "POST /x" H11 "Content-Length: 4294967297\r\n\r\n", 3, "POST", "/x", 1,
      "a", LENGTH, 4294967297, KEEP | MCMP_HTTP_HAS_LENGTH, 2 },
    { "chunked in any case", "POST /x" H11 "Transfer-Encoding: ChUnKeD\r\n\r\n", 3, "POST", "/x", 1,
      "a", CHUNKED, 0, KEEP, 2 },
    { "expect", "POST /" H11 "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n", 3, "POST", "/", 1,
      "a", LENGTH, 1, KEEP | MCMP_HTTP_HAS_LENGTH | MCMP_HTTP_EXPECT_CONTINUE, 3 },
    { "expect without body", "GET /" H11 "Expect: 100-continue\r\n\r\n", 1, "GET", "/", 1, "a",
      NONE, 0, KEEP, 2 },
    { "expect of 1.0", "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", 3,
      "POST", "/", 0, "", LENGTH, 1, MCMP_HTTP_HAS_LENGTH, 2 },
    { "other method", "BREW /pot" H11 "\r\n", 0, "BREW", "/pot", 1, "a", NONE, 0, KEEP, 1 },
    { "method names have case", "get /" H11 "\r\n", 0, "get", "/", 1, "a", NONE, 0, KEEP, 1 },
    { "all token bytes", "!#$%&'*+-.^_`|~09azAZ /" H11 "\r\n", 0, "!#$%&'*+-.^_`|~09azAZ", "/", 1,
      "a", NONE, 0, KEEP, 1 },
    { "options", "OPTIONS *" H11 "\r\n", 6, "OPTIONS", "*", 1, "a", NONE, 0, KEEP, 1 },
    { "delete", "DELETE /" H11 "\r\n", 5, "DELETE", "/", 1, "a", NONE, 0, KEEP, 1 },
    { "trace", "TRACE /" H11 "\r\n", 7, "TRACE", "/", 1, "a", NONE, 0, KEEP, 1 },
    { "patch", "PATCH /" H11 "\r\n", 8, "PATCH", "/", 1, "a", NONE, 0, KEEP, 1 },
    { "target with raw high bytes", "GET /\xc3\xa9" H11 "\r\n", 1, "GET", "/\xc3\xa9", 1, "a", NONE,
      0, KEEP, 1 },
    { "empty lines before", "\r\n\r\nGET /" H11 "\r\n", 1, "GET", "/", 1, "a", NONE, 0, KEEP, 1 },
    { "eight empty lines before", "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\nGET /" H11 "\r\n", 1, "GET", "/",
      1, "a", NONE, 0, KEEP, 1 },
    { "upgrade", "GET /" H11 "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 1, "GET", "/", 1,
      "a", NONE, 0, KEEP | MCMP_HTTP_UPGRADE, 3 },
    { "upgrade that Connection does not name", "GET /" H11 "Upgrade: websocket\r\n\r\n", 1, "GET",
      "/", 1, "a", NONE, 0, KEEP, 2 },
    { "upgrade beside a body",
      "GET /" H11 "Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\n", 1, "GET", "/",
      1, "a", LENGTH, 3, KEEP | MCMP_HTTP_HAS_LENGTH, 4 },
    { "upgrade of 1.0", "GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", 1,
      "GET", "/", 0, "", NONE, 0, 0, 2 },
};

START_TEST(requests_are_read_in_any_cut)
{
    setup(NULL);
    for (size_t i = 0; i < COUNT_OF(good_rows); i++) {
        const good_row *row = &good_rows[i];
        const mcmp_http_info *info;
        summary got;

        parse_all_ways(row->name, head, -1, &place, row->data, strlen(row->data), &got);
        row_code(row->name, got.code, MCMP_OK);
        info = mcmp_http_head_info(head);
        row_int(row->name, info->method, row->method);
        row_text(row->name, info->method_name, row->method_name);
        row_text(row->name, info->target, row->target);
        row_int(row->name, info->minor, row->minor);
        row_text(row->name, info->host, row->host);
        row_int(row->name, info->framing, row->framing);
        row_int(row->name, info->length, row->length);
        row_int(row->name, info->flags, row->flags);
        row_int(row->name, info->header_count, row->headers);
        row_int(row->name, info->head_size, strlen(row->data));
        row_int(row->name, info->status, 0);
    }
    teardown();
}
END_TEST

typedef struct bad_row {
    const char *name;
    mcmp_span data;
    int code;
    const char *field;
    uint64_t offset;
} bad_row;

#define LINE MCMP_ERR_HTTP_LINE
#define HEADER MCMP_ERR_HTTP_HEADER

static const bad_row bad_rows[] = {
    { "blank before the method", TEXT(" GET /" H11 "\r\n"), LINE, "line", 0 },
    { "TLS hello", TEXT("\x16\x03\x01\x02"), LINE, "line", 0 },
    { "NUL first", TEXT("\0GET /" H11 "\r\n"), LINE, "line", 0 },
    { "no blank", TEXT("GET\r\n\r\n"), LINE, "method", 3 },
    { "HTTP/0.9", TEXT("GET /\r\n"), LINE, "version", 5 },
    { "no target", TEXT("GET HTTP/1.1\r\n\r\n"), LINE, "version", 12 },
    { "empty target", TEXT("GET  HTTP/1.1\r\nHost: a\r\n\r\n"), LINE, "version", 13 },
    { "two blanks before the target", TEXT("GET  / HTTP/1.1\r\n"), LINE, "target", 4 },
    { "two blanks before the version", TEXT("GET /  HTTP/1.1\r\n"), LINE, "target", 5 },
    { "TAB instead of a blank", TEXT("GET\t/ HTTP/1.1\r\n"), LINE, "method", 3 },
    { "TAB before the version", TEXT("GET /\tHTTP/1.1\r\n"), LINE, "version", 14 },
    { "blank behind the version", TEXT("GET / HTTP/1.1 \r\n"), LINE, "version", 15 },
    { "blank in the target", TEXT("GET /a b HTTP/1.1\r\n"), LINE, "target", 6 },
    { "control byte in the target", TEXT("GET /a\x01 HTTP/1.1\r\n"), LINE, "target", 6 },
    { "DEL in the target", TEXT("GET /a\x7f HTTP/1.1\r\n"), LINE, "target", 6 },
    { "DEL behind eight bytes", TEXT("GET /2345678\x7f HTTP/1.1\r\n"), LINE, "target", 12 },
    { "NUL in the target", TEXT("GET /a\0b HTTP/1.1\r\n"), LINE, "target", 6 },
    { "bare CR in the target", TEXT("GET /\rb HTTP/1.1\r\n"), LINE, "target", 5 },
    { "method with a bracket", TEXT("G(T / HTTP/1.1\r\n"), LINE, "method", 1 },
    { "method with a high byte", TEXT("G\xc3\xa9T / HTTP/1.1\r\n"), LINE, "method", 1 },
    { "lower-case version", TEXT("GET / http/1.1\r\n"), LINE, "version", 6 },
    { "version without dot", TEXT("GET / HTTP/1_1\r\n"), LINE, "version", 6 },
    { "version with a letter", TEXT("GET / HTTP/1.x\r\n"), LINE, "version", 6 },
    { "two digits of minor", TEXT("GET / HTTP/1.10\r\n"), LINE, "version", 15 },
    { "HTTP/2.0", TEXT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), MCMP_ERR_HTTP_VERSION, "version", 6 },
    { "HTTP/1.2", TEXT("GET / HTTP/1.2\r\n\r\n"), MCMP_ERR_HTTP_VERSION, "version", 6 },
    { "HTTP/0.9 with version", TEXT("GET / HTTP/0.9\r\n\r\n"), MCMP_ERR_HTTP_VERSION, "version",
      6 },
    { "CONNECT", TEXT("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"), MCMP_ERR_HTTP_METHOD, "method",
      0 },
    { "bare LF behind the request line", TEXT("GET / HTTP/1.1\nHost: a\r\n\r\n"), LINE, "line",
      14 },
    { "only an LF", TEXT("\nGET / HTTP/1.1\r\n"), LINE, "line", 0 },
    { "bare LF behind a header", TEXT("GET / HTTP/1.1\r\nHost: a\n\r\n"), HEADER, "line", 23 },
    { "bare LF at the end", TEXT("GET /" H11 "\n"), HEADER, "line", 25 },
    { "CR CR LF", TEXT("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"), HEADER, "value", 23 },
    { "CR CR LF at the end", TEXT("GET /" H11 "\r\r\n"), HEADER, "name", 25 },
    { "nine empty lines before", TEXT("\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\nGET /" H11 "\r\n"), LINE,
      "method", 16 },
    { "obs-fold with a blank", TEXT("GET /" H11 "X: a\r\n b\r\n\r\n"), HEADER, "name", 31 },
    { "obs-fold with TAB", TEXT("GET /" H11 "X: a\r\n\tb\r\n\r\n"), HEADER, "name", 31 },
    { "blank line before the first header", TEXT("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), HEADER,
      "name", 16 },
    { "blank before the colon", TEXT("GET / HTTP/1.1\r\nHost : a\r\n\r\n"), HEADER, "name", 20 },
    { "TAB before the colon", TEXT("GET / HTTP/1.1\r\nHost\t: a\r\n\r\n"), HEADER, "name", 20 },
    { "empty name", TEXT("GET / HTTP/1.1\r\n: a\r\n\r\n"), HEADER, "name", 16 },
    { "no colon", TEXT("GET / HTTP/1.1\r\nHost\r\n\r\n"), HEADER, "name", 20 },
    { "bracket in the name", TEXT("GET / HTTP/1.1\r\nHo(st: a\r\n\r\n"), HEADER, "name", 18 },
    { "high byte in the name", TEXT("GET / HTTP/1.1\r\nH\xf6: a\r\n\r\n"), HEADER, "name", 17 },
    { "NUL in the name", TEXT("GET / HTTP/1.1\r\nH\0: a\r\n\r\n"), HEADER, "name", 17 },
    { "NUL in a value", TEXT("GET /" H11 "X: a\0b\r\n\r\n"), HEADER, "value", 29 },
    { "bare CR in a value", TEXT("GET /" H11 "X: a\rb\r\n\r\n"), HEADER, "value", 29 },
    { "control byte in a value", TEXT("GET /" H11 "X: a\x1b\r\n\r\n"), HEADER, "value", 29 },
    { "DEL in a value", TEXT("GET /" H11 "X: a\x7f\r\n\r\n"), HEADER, "value", 29 },
    { "control byte far in a value", TEXT("GET /" H11 "X: 0123456789abcdef\x02\r\n\r\n"), HEADER,
      "value", 44 },
    { "vertical tab around a value",
      TEXT("GET /" H11 "X:\x0b"
           "a\r\n\r\n"),
      HEADER, "value", 27 },
    { "Host missing", TEXT("GET / HTTP/1.1\r\n\r\n"), MCMP_ERR_HTTP_HOST, "Host", 18 },
    { "Connection is no list", TEXT("GET /" H11 "Connection: a b\r\n\r\n"), HEADER, "Connection",
      37 },
};

START_TEST(bad_requests_are_refused_at_the_same_byte_in_any_cut)
{
    setup(NULL);
    for (size_t i = 0; i < COUNT_OF(bad_rows); i++) {
        const bad_row *row = &bad_rows[i];
        summary got;

        parse_all_ways(row->name, head, -1, &place, row->data.ptr, row->data.len, &got);
        row_code(row->name, got.code, row->code);
        row_text(row->name, span_of(got.field), row->field);
        row_int(row->name, got.offset, row->offset);
        row_true(row->name, mcmp_http_head_info(head) == NULL);
    }
    teardown();
}
END_TEST

typedef struct reply_row {
    const char *name;
    int method;
    const char *data;
    uint32_t status;
    const char *reason;
    uint32_t framing;
    uint64_t length;
    uint32_t flags;
} reply_row;

#define GET MCMP_HTTP_GET
#define HAS MCMP_HTTP_HAS_LENGTH

static const reply_row reply_rows[] = {
    { "length", GET, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, "OK", LENGTH, 5,
      KEEP | HAS },
    { "chunked", GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, "OK", CHUNKED,
      0, KEEP },
    { "until close", GET, "HTTP/1.1 200 OK\r\n\r\n", 200, "OK", CLOSE, 0, 0 },
    { "until close with keep-alive", GET, "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n", 200,
      "OK", CLOSE, 0, 0 },
    { "no reason", GET, "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", 200, "", LENGTH, 0,
      KEEP | HAS },
    { "reason of many bytes", GET, "HTTP/1.1 599 \xc3\xa4 b\tc\r\nContent-Length: 1\r\n\r\n", 599,
      "\xc3\xa4 b\tc", LENGTH, 1, KEEP | HAS },
    { "HEAD with length", MCMP_HTTP_HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, "OK",
      NONE, 5, KEEP | HAS },
    { "HEAD chunked", MCMP_HTTP_HEAD, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200,
      "OK", NONE, 0, KEEP },
    { "HEAD without length", MCMP_HTTP_HEAD, "HTTP/1.1 200 OK\r\n\r\n", 200, "OK", NONE, 0, KEEP },
    { "204", GET, "HTTP/1.1 204 No Content\r\n\r\n", 204, "No Content", NONE, 0, KEEP },
    { "204 with length 0", GET, "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 204,
      "No Content", NONE, 0, KEEP | HAS },
    { "204 that announces a body", GET, "HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n", 204,
      "No Content", NONE, 7, HAS },
    { "204 that announces chunks", GET, "HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n", 204,
      "x", NONE, 0, 0 },
    { "304 with length", GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304,
      "Not Modified", NONE, 9, KEEP | HAS },
    { "100", MCMP_HTTP_POST, "HTTP/1.1 100 Continue\r\n\r\n", 100, "Continue", NONE, 0, KEEP },
    { "103 with headers", GET, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 103, "Early Hints",
      NONE, 0, KEEP },
    { "101", GET, "HTTP/1.1 101 SP\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", 101, "SP",
      NONE, 0, KEEP | MCMP_HTTP_UPGRADE },
    { "101 without Upgrade", GET, "HTTP/1.1 101 SP\r\nConnection: upgrade\r\n\r\n", 101, "SP", NONE,
      0, KEEP },
    { "1.0 with length", GET, "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", 200, "OK", LENGTH, 5,
      HAS },
    { "1.0 keep-alive", GET,
      "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n", 200, "OK", LENGTH,
      5, KEEP | HAS },
    { "close", GET, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n", 200, "OK",
      LENGTH, 5, HAS },
};

START_TEST(responses_are_read_in_any_cut)
{
    setup(NULL);
    for (size_t i = 0; i < COUNT_OF(reply_rows); i++) {
        const reply_row *row = &reply_rows[i];
        const mcmp_http_info *info;
        summary got;

        parse_all_ways(row->name, head, row->method, &place, row->data, strlen(row->data), &got);
        row_code(row->name, got.code, MCMP_OK);
        info = mcmp_http_head_info(head);
        row_int(row->name, info->status, row->status);
        row_text(row->name, info->reason, row->reason);
        row_int(row->name, info->framing, row->framing);
        row_int(row->name, info->length, row->length);
        row_int(row->name, info->flags, row->flags);
        row_int(row->name, info->method, (uint32_t)row->method);
    }
    teardown();
}
END_TEST

#define FRAMING MCMP_ERR_HTTP_FRAMING

static const bad_row bad_reply_rows[] = {
    { "no HTTP", TEXT("SSH-2.0-x\r\n"), LINE, "line", 0 },
    { "empty line first", TEXT("\r\nHTTP/1.1 200 OK\r\n\r\n"), LINE, "line", 0 },
    { "lower case", TEXT("Http/1.1 200 OK\r\n\r\n"), LINE, "version", 0 },
    { "status of two digits", TEXT("HTTP/1.1 20 OK\r\n\r\n"), LINE, "status", 0 },
    { "status of four digits", TEXT("HTTP/1.1 2000 OK\r\n\r\n"), LINE, "status", 0 },
    { "status 099", TEXT("HTTP/1.1 099 OK\r\n\r\n"), LINE, "status", 9 },
    { "status 600", TEXT("HTTP/1.1 600 OK\r\n\r\n"), LINE, "status", 9 },
    { "status with a letter", TEXT("HTTP/1.1 2O0 OK\r\n\r\n"), LINE, "status", 9 },
    { "no blank behind the status", TEXT("HTTP/1.1 200\r\n\r\n"), LINE, "status", 0 },
    { "two blanks before the status", TEXT("HTTP/1.1  200 OK\r\n\r\n"), LINE, "status", 0 },
    { "HTTP/2.0", TEXT("HTTP/2.0 200 OK\r\n\r\n"), MCMP_ERR_HTTP_VERSION, "version", 0 },
    { "control byte in the reason", TEXT("HTTP/1.1 200 O\x01K\r\n\r\n"), LINE, "reason", 14 },
    { "bare CR in the reason", TEXT("HTTP/1.1 200 O\rK\r\n\r\n"), LINE, "reason", 14 },
    { "bare LF", TEXT("HTTP/1.1 200 OK\n\r\n"), LINE, "line", 15 },
    { "obs-fold", TEXT("HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n"), HEADER, "name", 23 },
    { "bare LF behind a header", TEXT("HTTP/1.1 200 OK\r\nX: a\n\r\n"), HEADER, "line", 21 },
    { "blank before the colon", TEXT("HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\n"), HEADER,
      "name", 31 },
    { "length twice", TEXT("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n"),
      FRAMING, "Content-Length", 33 },
    { "length and coding",
      TEXT("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"), FRAMING,
      "Transfer-Encoding", 55 },
    { "coding in 1.0", TEXT("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), FRAMING,
      "Transfer-Encoding", 36 },
    { "coding without chunked", TEXT("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"), FRAMING,
      "Transfer-Encoding", 36 },
    { "negative length", TEXT("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), FRAMING,
      "Content-Length", 33 },
    { "length of a 204 is no number", TEXT("HTTP/1.1 204 x\r\nContent-Length: x\r\n\r\n"), FRAMING,
      "Content-Length", 32 },
};

START_TEST(bad_responses_are_refused_at_the_same_byte_in_any_cut)
{
    setup(NULL);
    for (size_t i = 0; i < COUNT_OF(bad_reply_rows); i++) {
        const bad_row *row = &bad_reply_rows[i];
        summary got;

        parse_all_ways(row->name, head, GET, &place, row->data.ptr, row->data.len, &got);
        row_code(row->name, got.code, row->code);
        row_text(row->name, span_of(got.field), row->field);
        row_int(row->name, got.offset, row->offset);
    }
    teardown();
}
END_TEST

/* A request whose line, header count or head has a given size. */
static size_t build(char *out, size_t target, size_t headers, size_t value)
{
    size_t len = 0;

    memcpy(out, "GET /", 5);
    memset(out + 5, 'a', target);
    len = 5 + target;
    memcpy(out + len, H11, strlen(H11));
    len += strlen(H11);
    for (size_t i = 0; i < headers; i++) {
        memcpy(out + len, "X: ", 3);
        memset(out + len + 3, 'v', value);
        memcpy(out + len + 3 + value, "\r\n", 2);
        len += 5 + value;
    }
    memcpy(out + len, "\r\n", 2);
    return len + 2;
}

typedef struct limit_row {
    const char *name;
    size_t target;
    size_t headers;
    size_t value;
    int code;
    const char *field;
} limit_row;

/* max_line 64, max_headers 4, max_head 200 */
static const limit_row limit_rows[] = {
    { "line - 1", 63 - 14, 0, 0, MCMP_OK, "" },
    { "line", 64 - 14, 0, 0, MCMP_OK, "" },
    { "line + 1", 65 - 14, 0, 0, MCMP_ERR_HTTP_TARGET_SIZE, "max_line" },
    { "line far over", 300, 0, 0, MCMP_ERR_HTTP_TARGET_SIZE, "max_line" },
    { "header line - 1", 0, 1, 60, MCMP_OK, "" },
    { "header line", 0, 1, 61, MCMP_OK, "" },
    { "header line + 1", 0, 1, 62, MCMP_ERR_HTTP_SIZE, "max_line" },
    { "headers - 1", 0, 2, 1, MCMP_OK, "" },
    { "headers", 0, 3, 1, MCMP_OK, "" },
    { "headers + 1", 0, 4, 1, MCMP_ERR_HTTP_SIZE, "max_headers" },
    { "head - 1", 25, 3, 44, MCMP_OK, "" },
    { "head", 26, 3, 44, MCMP_OK, "" },
    { "head + 1", 27, 3, 44, MCMP_ERR_HTTP_SIZE, "max_head" },
    { "head far over", 40, 3, 60, MCMP_ERR_HTTP_SIZE, "max_head" },
};

START_TEST(limits_are_met_exactly_in_any_cut)
{
    mcmp_http_options opts;
    static char data[1024];

    mcmp_http_options_init(&opts);
    opts.max_line = 64;
    opts.max_headers = 4;
    opts.max_head = 200;
    setup(&opts);
    for (size_t i = 0; i < COUNT_OF(limit_rows); i++) {
        const limit_row *row = &limit_rows[i];
        size_t len = build(data, row->target, row->headers, row->value);
        summary got;

        if (strcmp(row->name, "head") == 0)
            row_int(row->name, len, 200);
        parse_all_ways(row->name, head, -1, &place, data, len, &got);
        row_code(row->name, got.code, row->code);
        row_text(row->name, span_of(got.field), row->field);
    }
    teardown();
}
END_TEST

START_TEST(default_limits_are_8_KiB_100_headers_and_64_KiB)
{
    static char data[STAGE_ROOM];
    const struct {
        const char *name;
        size_t target;
        size_t headers;
        size_t value;
        int code;
    } rows[] = {
        { "line", 8192 - 14, 0, 0, MCMP_OK },
        { "line + 1", 8193 - 14, 0, 0, MCMP_ERR_HTTP_TARGET_SIZE },
        { "headers", 0, 99, 1, MCMP_OK },
        { "headers + 1", 0, 100, 1, MCMP_ERR_HTTP_SIZE },
    };

    setup(NULL);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t len = build(data, rows[i].target, rows[i].headers, rows[i].value);
        summary got;

        parse_cut(head, -1, &place, data, len, len, 1, &got);
        row_code(rows[i].name, got.code, rows[i].code);
    }
    for (size_t over = 0; over < 2; over++) {
        size_t base = build(data, 0, 7, 8189);
        size_t len = build(data, 65536 - base + over, 7, 8189);
        summary got;

        ck_assert_uint_eq(len, 65536 + over);
        parse_cut(head, -1, &place, data, len, len, 1, &got);
        row_code("64 KiB", got.code, over ? MCMP_ERR_HTTP_SIZE : MCMP_OK);
    }
    teardown();
}
END_TEST

START_TEST(options_out_of_range_are_refused)
{
    mcmp_http_options opts;
    mcmp_http_head *none = NULL;
    const struct {
        const char *name;
        uint32_t line;
        uint32_t headers;
        uint32_t size;
        uint32_t flags;
        int code;
    } rows[] = {
        { "line over head", 300, 0, 200, 0, MCMP_ERR_INVALID },
        { "headers", 0, 10001, 0, 0, MCMP_ERR_INVALID },
        { "head", 0, 0, (16u << 20) + 1, 0, MCMP_ERR_INVALID },
        { "flags", 0, 0, 0, 1, MCMP_ERR_UNSUPPORTED },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mcmp_http_options_init(&opts);
        opts.max_line = rows[i].line;
        opts.max_headers = rows[i].headers;
        opts.max_head = rows[i].size;
        opts.flags = rows[i].flags;
        row_code(rows[i].name, mcmp_http_head_new(&none, &opts, NULL), rows[i].code);
        row_true(rows[i].name, none == NULL);
    }
}
END_TEST

static const char walk[] = "GET /p?q" H11 "Cookie: a=1\r\nX-One: 1\r\nConnection: x-one, cookie\r\n"
                           "cookie:\tb=2 \r\nKeep-Alive: 5\r\nX-Two:\r\n\r\n";

START_TEST(headers_are_found_by_index_number_and_name)
{
    mcmp_pair pair;
    mcmp_span values[4];
    mcmp_span value;
    uint32_t id;
    uint32_t flags;

    setup(NULL);
    ck_assert_int_eq(mcmp_http_head_parse_request(head, walk, strlen(walk), NULL), MCMP_OK);
    ck_assert_uint_eq(mcmp_http_head_values(head, MCMP_HTTP_FIELD_COOKIE, values, 4), 2);
    row_text("first cookie", values[0], "a=1");
    row_text("second cookie", values[1], "b=2");
    ck_assert_uint_eq(mcmp_http_head_values(head, MCMP_HTTP_FIELD_COOKIE, values, 1), 2);
    ck_assert_uint_eq(mcmp_http_head_values(head, MCMP_HTTP_FIELD_HOST, values, 4), 1);
    ck_assert_uint_eq(mcmp_http_head_values(head, MCMP_HTTP_FIELD_VIA, values, 4), 0);
    ck_assert_uint_eq(mcmp_http_head_values(head, MCMP_HTTP_FIELD_OTHER, values, 4), 0);
    ck_assert_int_eq(mcmp_http_head_find(head, MCMP_HTTP_FIELD_KEEP_ALIVE, &value), MCMP_OK);
    row_text("keep-alive", value, "5");
    ck_assert_int_eq(mcmp_http_head_find(head, MCMP_HTTP_FIELD_VIA, &value), MCMP_ERR_NOT_FOUND);
    ck_assert_int_eq(mcmp_http_head_find(head, 0, &value), MCMP_ERR_NOT_FOUND);
    ck_assert_int_eq(mcmp_http_head_find(head, 1000, &value), MCMP_ERR_NOT_FOUND);
    ck_assert_int_eq(mcmp_http_head_find_name(head, span_of("x-TWO"), &value), MCMP_OK);
    row_text("x-two", value, "");
    ck_assert_int_eq(mcmp_http_head_find_name(head, span_of("x-three"), &value),
                     MCMP_ERR_NOT_FOUND);
    ck_assert_int_eq(mcmp_http_head_header(head, 2, &pair, &id, &flags), MCMP_OK);
    row_text("listed header", pair.name, "X-One");
    ck_assert_uint_eq(id, MCMP_HTTP_FIELD_OTHER);
    ck_assert_uint_eq(flags, MCMP_HTTP_FIELD_HOP);
    ck_assert_int_eq(mcmp_http_head_header(head, 4, &pair, &id, &flags), MCMP_OK);
    row_text("listed known header", pair.value, "b=2");
    ck_assert_uint_eq(id, MCMP_HTTP_FIELD_COOKIE);
    ck_assert_uint_eq(flags, MCMP_HTTP_FIELD_HOP);
    ck_assert_int_eq(mcmp_http_head_header(head, 6, &pair, &id, &flags), MCMP_OK);
    ck_assert_uint_eq(flags, 0);
    ck_assert_int_eq(mcmp_http_head_header(head, 7, &pair, NULL, NULL), MCMP_ERR_NOT_FOUND);
    teardown();
}
END_TEST

START_TEST(a_moved_head_is_read_at_its_new_place)
{
    guard moved;
    const mcmp_http_info *info;
    mcmp_span value;
    char *first = strdup(walk);

    setup(NULL);
    ck_assert_int_eq(mcmp_http_head_rebase(head, walk), MCMP_ERR_STATE);
    ck_assert_int_eq(mcmp_http_head_parse_request(head, first, strlen(first), NULL), MCMP_OK);
    moved = guard_copy(walk, strlen(walk));
    free(first);
    ck_assert_int_eq(mcmp_http_head_rebase(head, moved.ptr), MCMP_OK);
    info = mcmp_http_head_info(head);
    ck_assert_ptr_eq(info->method_name.ptr, moved.ptr);
    row_text("target", info->target, "/p?q");
    row_text("host", info->host, "a");
    ck_assert_int_eq(mcmp_http_head_find_name(head, span_of("x-one"), &value), MCMP_OK);
    row_text("x-one", value, "1");
    guard_free(&moved);
    teardown();
}
END_TEST

START_TEST(heads_follow_each_other_in_one_buffer)
{
    const char *data =
        "GET /1" H11 "\r\nPOST /2" H11 "Content-Length: 3\r\n\r\nabcGET /3" H11 "\r\n";
    const char *targets[] = { "/1", "/2", "/3" };
    const char *from = data;

    setup(NULL);
    for (size_t i = 0; i < 3; i++) {
        const mcmp_http_info *info;

        ck_assert_int_eq(mcmp_http_head_parse_request(head, from, strlen(from), NULL), MCMP_OK);
        info = mcmp_http_head_info(head);
        row_text(targets[i], info->target, targets[i]);
        from += info->head_size + info->length;
    }
    ck_assert_uint_eq(strlen(from), 0);
    ck_assert_int_eq(mcmp_http_head_parse_request(head, from, 0, NULL), MCMP_NEED_MORE);
    ck_assert_ptr_null(mcmp_http_head_info(head));
    ck_assert_int_eq(mcmp_http_head_parse_response(head, GET, "H", 1, NULL), MCMP_ERR_STATE);
    mcmp_http_head_reset(head);
    ck_assert_int_eq(mcmp_http_head_parse_response(head, GET, "H", 1, NULL), MCMP_NEED_MORE);
    teardown();
}
END_TEST

START_TEST(connection_names_at_most_32_headers)
{
    for (int count = 32; count <= 33; count++) {
        static const char lead[] = "GET /" H11 "Connection: close, keep-alive";
        char data[512];
        size_t len = strlen(lead);
        mcmp_error err;

        memcpy(data, lead, len);
        for (int i = 0; i < count; i++, len += 3)
            memcpy(data + len, ", x", 3);
        memcpy(data + len, "\r\n\r\n", 4);
        mcmp_error_init(&err);
        setup(NULL);
        row_code("names", mcmp_http_head_parse_request(head, data, len + 4, &err),
                 count == 32 ? MCMP_OK : MCMP_ERR_HTTP_SIZE);
        if (count > 32)
            ck_assert_str_eq(err.field, "Connection");
        teardown();
    }
}
END_TEST

static int new_and_parse(const mcmp_allocator *allocator, void *ctx)
{
    mcmp_http_options opts;
    mcmp_http_head *made;
    int rc;

    (void)ctx;
    mcmp_http_options_init(&opts);
    opts.allocator = allocator;
    rc = mcmp_http_head_new(&made, &opts, NULL);
    if (rc != MCMP_OK)
        return rc;
    rc = mcmp_http_head_parse_request(made, walk, strlen(walk), NULL);
    mcmp_http_head_free(made);
    return rc;
}

START_TEST(no_memory_is_an_error_and_parsing_allocates_nothing)
{
    test_heap heap;

    run_with_oom("new and parse", new_and_parse, NULL);
    test_heap_init(&heap, 0);
    ck_assert_int_eq(new_and_parse(&heap.allocator, NULL), MCMP_OK);
    ck_assert_uint_eq(heap.calls, 1);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        requests_are_read_in_any_cut,
        bad_requests_are_refused_at_the_same_byte_in_any_cut,
        responses_are_read_in_any_cut,
        bad_responses_are_refused_at_the_same_byte_in_any_cut,
        limits_are_met_exactly_in_any_cut,
        default_limits_are_8_KiB_100_headers_and_64_KiB,
        options_out_of_range_are_refused,
        headers_are_found_by_index_number_and_name,
        a_moved_head_is_read_at_its_new_place,
        heads_follow_each_other_in_one_buffer,
        connection_names_at_most_32_headers,
        no_memory_is_an_error_and_parsing_allocates_nothing,
    };

    return run_tests("http/head", tests, COUNT_OF(tests));
}
