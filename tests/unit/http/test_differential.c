/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our reading of requests beside that of http-parser 2.9.4, a parser of another family. Ordinary
 * requests, all combinations of a few hundred parts, must be read alike, body included. Where the
 * two judge differently, a row says how: those are the leniencies we don't have.
 */
#include "support.h"

#include <libmcmp/http.h>

#include <http_parser.h>

typedef struct reading {
    int head_done;
    int accepted; /* the head, and the body up to its end */
    int keep_alive;
    int chunked;
    char method[32];
    char target[256];
    char headers[1024]; /* name=value| */
    char body[256];
} reading;

static void append(char *out, size_t size, const char *text, size_t len)
{
    size_t have = strlen(out);

    ck_assert(have + len < size);
    memcpy(out + have, text, len);
    out[have + len] = '\0';
}

/* http-parser */

static int on_target(http_parser *parser, const char *text, size_t len)
{
    append(((reading *)parser->data)->target, sizeof(((reading *)0)->target), text, len);
    return 0;
}

static int on_name(http_parser *parser, const char *text, size_t len)
{
    reading *out = parser->data;
    size_t have = strlen(out->headers);

    if (out->head_done) /* a trailer */
        return 0;
    if (have != 0 && strrchr(out->headers, '=') > strrchr(out->headers, '|'))
        append(out->headers, sizeof(out->headers), "|", 1);
    append(out->headers, sizeof(out->headers), text, len);
    return 0;
}

static int on_value(http_parser *parser, const char *text, size_t len)
{
    reading *out = parser->data;

    if (out->head_done)
        return 0;
    append(out->headers, sizeof(out->headers), "=", 1);
    append(out->headers, sizeof(out->headers), text, len);
    return 0;
}

static int on_head(http_parser *parser)
{
    reading *out = parser->data;

    if (out->headers[0] != '\0')
        append(out->headers, sizeof(out->headers), "|", 1);
    append(out->method, sizeof(out->method), http_method_str(parser->method),
           strlen(http_method_str(parser->method)));
    out->head_done = 1;
    out->keep_alive = http_should_keep_alive(parser);
    out->chunked = (parser->flags & F_CHUNKED) != 0;
    return 0;
}

static int on_body(http_parser *parser, const char *text, size_t len)
{
    append(((reading *)parser->data)->body, sizeof(((reading *)0)->body), text, len);
    return 0;
}

static int on_end(http_parser *parser)
{
    ((reading *)parser->data)->accepted = 1;
    http_parser_pause(parser, 1);
    return 0;
}

static void read_other(const char *data, size_t len, reading *out)
{
    http_parser_settings settings;
    http_parser parser;

    memset(out, 0, sizeof(*out));
    http_parser_settings_init(&settings);
    settings.on_url = on_target;
    settings.on_header_field = on_name;
    settings.on_header_value = on_value;
    settings.on_headers_complete = on_head;
    settings.on_body = on_body;
    settings.on_message_complete = on_end;
    http_parser_init(&parser, HTTP_REQUEST);
    parser.data = out;
    (void)http_parser_execute(&parser, &settings, data, len);
    if (HTTP_PARSER_ERRNO(&parser) != HPE_OK && HTTP_PARSER_ERRNO(&parser) != HPE_PAUSED)
        out->accepted = 0;
}

/* ours */

static void read_body(const mcmp_http_info *info, const char *data, size_t len, reading *out)
{
    mcmp_http_body body;
    size_t off = 0;
    int rc;

    mcmp_http_body_init(&body);
    ck_assert_int_eq(mcmp_http_body_start(&body, info->framing, info->length, NULL), MCMP_OK);
    do {
        mcmp_span span;
        size_t used;

        rc = mcmp_http_body_feed(&body, data + off, len - off, &used, &span, NULL);
        append(out->body, sizeof(out->body), span.len != 0 ? span.ptr : "", span.len);
        off += used;
    } while (rc == MCMP_OK);
    out->accepted = rc == MCMP_DONE;
}

static void read_ours(mcmp_http_head *head, const char *data, size_t len, reading *out)
{
    const mcmp_http_info *info;

    memset(out, 0, sizeof(*out));
    mcmp_http_head_reset(head);
    if (mcmp_http_head_parse_request(head, data, len, NULL) != MCMP_OK)
        return;
    info = mcmp_http_head_info(head);
    append(out->method, sizeof(out->method), info->method_name.ptr, info->method_name.len);
    append(out->target, sizeof(out->target), info->target.ptr, info->target.len);
    for (uint32_t i = 0; i < info->header_count; i++) {
        mcmp_pair pair;

        ck_assert_int_eq(mcmp_http_head_header(head, i, &pair, NULL, NULL), MCMP_OK);
        append(out->headers, sizeof(out->headers), pair.name.ptr, pair.name.len);
        append(out->headers, sizeof(out->headers), "=", 1);
        append(out->headers, sizeof(out->headers), pair.value.ptr, pair.value.len);
        append(out->headers, sizeof(out->headers), "|", 1);
    }
    out->keep_alive = (info->flags & MCMP_HTTP_KEEP_ALIVE) != 0;
    out->chunked = info->framing == MCMP_HTTP_FRAMING_CHUNKED;
    read_body(info, data + info->head_size, len - info->head_size, out);
}

static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH" };
static const char *const targets[] = { "/",         "/a/b?c=d&e", "/x;s=1.n/y",
                                       "/%7Eu/%20", "/~u/..",     "http://h.example:80/p?q" };
static const char *const versions[] = { "HTTP/1.1", "HTTP/1.0" };
static const char *const headers[] = { "",
                                       "User-Agent: curl/7.88\r\nAccept: */*\r\n",
                                       "Connection: close\r\n",
                                       "connection: Keep-Alive\r\nX-Empty:\r\n",
                                       "Cookie: a=b; c=\"d\"\r\nX-Long:   v  w\t x\r\n",
                                       "Accept-Language: de\r\nAccept-Language: en\r\n" };
static const char *const bodies[] = {
    "\r\n",
    "Content-Length: 0\r\n\r\n",
    "Content-Length: 5\r\n\r\nhello",
    "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "transfer-encoding: Chunked\r\n\r\n1;x=y\r\na\r\nB\r\n0123456789a\r\n0\r\nT: v\r\n\r\n",
};

static void compare(mcmp_http_head *head, const char *data, size_t len, int chunked_in_10)
{
    reading other;
    reading ours;

    read_other(data, len, &other);
    read_ours(head, data, len, &ours);
    row_true(data, other.accepted);
    if (chunked_in_10) { /* http-parser takes it, AJP13 5 does not */
        row_true(data, !ours.accepted);
        return;
    }
    row_true(data, ours.accepted);
    row_text(data, span_of(ours.method), other.method);
    row_text(data, span_of(ours.target), other.target);
    row_text(data, span_of(ours.headers), other.headers);
    row_text(data, span_of(ours.body), other.body);
    row_int(data, ours.keep_alive, other.keep_alive);
    row_int(data, ours.chunked, other.chunked);
}

START_TEST(ordinary_requests_are_read_as_by_http_parser)
{
    mcmp_http_head *head;
    unsigned count = 0;

    ck_assert_int_eq(mcmp_http_head_new(&head, NULL, NULL), MCMP_OK);
    for (size_t m = 0; m < COUNT_OF(methods); m++)
        for (size_t t = 0; t < COUNT_OF(targets); t++)
            for (size_t v = 0; v < COUNT_OF(versions); v++)
                for (size_t h = 0; h < COUNT_OF(headers); h++)
                    for (size_t b = 0; b < COUNT_OF(bodies); b++) {
                        char data[512];
                        int len =
                            snprintf(data, sizeof(data), "%s %s %s\r\nHost: h.example\r\n%s%s",
                                     methods[m], targets[t], versions[v], headers[h], bodies[b]);

                        compare(head, data, (size_t)len, v == 1 && b >= 3);
                        count++;
                    }
    ck_assert_uint_eq(count, 7 * 6 * 2 * 6 * 5);
    mcmp_http_head_free(head);
}
END_TEST

#define R "POST / HTTP/1.1\r\nHost: a\r\n"

/* What the two do not judge alike. */
static const struct {
    const char *name;
    const char *data;
    int other;
    int ours;
} differences[] = {
    { "bare LF ends lines", "GET / HTTP/1.1\nHost: a\n\n", 1, 0 },
    { "Host missing", "GET / HTTP/1.1\r\n\r\n", 1, 0 },
    { "Host twice", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 1, 0 },
    { "Host with path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 1, 0 },
    { "obs-fold", R "X: a\r\n b\r\n\r\n", 1, 0 },
    { "several blanks before the target", "GET   / HTTP/1.1\r\nHost: a\r\n\r\n", 1, 0 },
    { "HTTP/0.9 with version", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", 1, 0 },
    { "HTTP/2.0 in plain text", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 1, 0 },
    { "CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 1, 0 },
    { "methods that http-parser does not know", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 0, 1 },
    { "chunk extension without name", R "Transfer-Encoding: chunked\r\n\r\n0;\r\n\r\n", 1, 1 },
    { "blank behind a chunk size", R "Transfer-Encoding: chunked\r\n\r\n0 \r\n\r\n", 1, 0 },
    { "Transfer-Encoding and Content-Length",
      R "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 0, 0 },
    { "Content-Length twice", R "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 0, 0 },
    { "Transfer-Encoding gzip, chunked", R "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 1,
      0 },
    { "Transfer-Encoding identity", R "Transfer-Encoding: identity\r\n\r\n", 0, 0 },
    { "NUL-free control byte in a value", R "X: a\x01\r\n\r\n", 0, 0 },
    { "blank before the colon", R "X : a\r\n\r\n", 1, 0 },
    { "percent code without digits", "GET /% HTTP/1.1\r\nHost: a\r\n\r\n", 1, 1 },
};

START_TEST(differences_from_http_parser_are_the_listed_ones)
{
    mcmp_http_head *head;

    ck_assert_int_eq(mcmp_http_head_new(&head, NULL, NULL), MCMP_OK);
    for (size_t i = 0; i < COUNT_OF(differences); i++) {
        reading other;
        reading ours;

        read_other(differences[i].data, strlen(differences[i].data), &other);
        read_ours(head, differences[i].data, strlen(differences[i].data), &ours);
        row_int(differences[i].name, ours.accepted, differences[i].ours);
        row_int(differences[i].name, other.accepted, differences[i].other);
    }
    mcmp_http_head_free(head);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        ordinary_requests_are_read_as_by_http_parser,
        differences_from_http_parser_are_the_listed_ones,
    };

    return run_tests("http/differential", tests, COUNT_OF(tests));
}
