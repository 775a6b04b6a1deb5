/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request heads and bodies for the demonstration application, see demo_http.h. Strict where a lax
 * reading would let two parties see different messages: two lengths, a length with chunked, a bare
 * LF, NUL, a blank before the colon and folded lines are refused.
 */
#include "demo_http.h"

#include <string.h>

#define EXTRA_MAX 8192 /* bytes of chunk extensions and trailers of one body */

enum body_state {
    BODY_LENGTH,
    BODY_SIZE,
    BODY_EXTENSION,
    BODY_SIZE_LF,
    BODY_CHUNK,
    BODY_CHUNK_CR,
    BODY_CHUNK_LF,
    BODY_TRAILER_START,
    BODY_TRAILER,
    BODY_TRAILER_LF,
    BODY_LAST_LF,
    BODY_DONE
};

static int is_token(mcmp_span text)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < text.len; i++) {
        char c = node_lower(text.ptr[i]);

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
            (c == '\0' || memchr(marks, c, sizeof(marks) - 1) == NULL))
            return 0;
    }
    return text.len > 0;
}

static int has_control(mcmp_span text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return 1;
    }
    return 0;
}

static int parse_line(mcmp_span line, demo_head *head)
{
    mcmp_span rest;
    mcmp_span version;

    head->method = node_span_cut(line, ' ', &rest);
    head->target = node_span_cut(rest, ' ', &version);
    if (!is_token(head->method) || head->target.len == 0 || has_control(line))
        return 400;
    if (node_span_is(version, "HTTP/1.1"))
        head->minor = 1;
    else if (!node_span_is(version, "HTTP/1.0"))
        return version.len > 5 && memcmp(version.ptr, "HTTP/", 5) == 0 ? 505 : 400;
    if (head->target.ptr[0] != '/' && !node_span_is(head->target, "*"))
        return 400;
    head->path = node_span_cut(head->target, '?', &head->query);
    head->keep_alive = head->minor >= 1;
    return DEMO_OK;
}

static int parse_length(demo_head *head, mcmp_span value)
{
    uint64_t length;

    if (node_parse_uint(value, INT64_MAX, &length) != 0)
        return 400;
    if (head->has_length && length != head->length)
        return 400;
    head->length = length;
    head->has_length = 1;
    return DEMO_OK;
}

static int apply_header(demo_head *head, mcmp_span name, mcmp_span value)
{
    if (node_span_is_nocase(name, "content-length"))
        return parse_length(head, value);
    if (node_span_is_nocase(name, "transfer-encoding")) {
        if (head->chunked || !node_span_is_nocase(value, "chunked"))
            return 501;
        head->chunked = 1;
    } else if (node_span_is_nocase(name, "connection")) {
        if (node_list_has(value, "close"))
            head->keep_alive = 0;
        else if (head->minor == 0 && node_list_has(value, "keep-alive"))
            head->keep_alive = 1;
    } else if (node_span_is_nocase(name, "expect")) {
        if (!node_span_is_nocase(value, "100-continue"))
            return 417;
        head->expect_continue = head->minor >= 1;
    }
    return DEMO_OK;
}

static int parse_header(mcmp_span line, demo_head *head)
{
    mcmp_span value;
    mcmp_span name = node_span_cut(line, ':', &value);

    if (value.ptr == NULL || !is_token(name) || has_control(value))
        return 400;
    if (head->header_count == DEMO_HEADERS_MAX)
        return 431;
    value = node_span_trim(value);
    head->headers[head->header_count].name = name;
    head->headers[head->header_count].value = value;
    head->header_count++;
    return apply_header(head, name, value);
}

/* The next line that ends in CRLF. DEMO_OK, DEMO_MORE, or 400 for a bare LF. */
static int next_line(const char *data, size_t len, size_t *at, mcmp_span *line)
{
    const char *start = data + *at;
    const char *lf = *at < len ? memchr(start, '\n', len - *at) : NULL;

    if (lf == NULL)
        return DEMO_MORE;
    if (lf == start || lf[-1] != '\r')
        return 400;
    *line = node_span(start, (size_t)(lf - start) - 1);
    *at += (size_t)(lf - start) + 1;
    return DEMO_OK;
}

static int parse_lines(const char *data, size_t len, size_t *at, demo_head *head)
{
    mcmp_span line;
    int rc;

    while (*at + 1 < len && data[*at] == '\r' && data[*at + 1] == '\n')
        *at += 2; /* RFC 9112 2.2: empty lines before a request are skipped */
    rc = next_line(data, len, at, &line);
    if (rc == DEMO_OK)
        rc = parse_line(line, head);
    while (rc == DEMO_OK) {
        rc = next_line(data, len, at, &line);
        if (rc == DEMO_OK && line.len == 0)
            return DEMO_OK;
        if (rc == DEMO_OK)
            rc = parse_header(line, head);
    }
    return rc;
}

int demo_head_parse(const char *data, size_t len, size_t *used, demo_head *head)
{
    size_t at = 0;
    int rc;

    memset(head, 0, sizeof(*head));
    rc = parse_lines(data, len, &at, head);
    if (rc == DEMO_MORE && len >= DEMO_HEAD_MAX)
        return 431;
    if (rc != DEMO_OK)
        return rc;
    if (head->chunked && head->has_length)
        return 400;
    *used = at;
    return DEMO_OK;
}

mcmp_span demo_head_get(const demo_head *head, const char *name)
{
    for (size_t i = 0; i < head->header_count; i++)
        if (node_span_is_nocase(head->headers[i].name, name))
            return head->headers[i].value;
    return node_span(NULL, 0);
}

int demo_query_uint(mcmp_span query, const char *name, uint64_t max, uint64_t *out)
{
    while (query.ptr != NULL) {
        mcmp_span value;
        mcmp_span key = node_span_cut(node_span_cut(query, '&', &query), '=', &value);

        if (node_span_is(key, name))
            return node_parse_uint(value, max, out) == 0 ? 0 : -1;
    }
    return 1;
}

static mcmp_span cookie_in(mcmp_span line, mcmp_span name)
{
    while (line.ptr != NULL) {
        mcmp_span value;
        mcmp_span pair = node_span_trim(node_span_cut(line, ';', &line));
        mcmp_span key = node_span_trim(node_span_cut(pair, '=', &value));

        if (value.ptr == NULL || key.len != name.len || memcmp(key.ptr, name.ptr, key.len) != 0)
            continue;
        value = node_span_trim(value);
        if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
            value = node_span(value.ptr + 1, value.len - 2);
        return value;
    }
    return node_span(NULL, 0);
}

mcmp_span demo_cookie_get(const demo_head *head, mcmp_span name)
{
    for (size_t i = 0; i < head->header_count; i++) {
        mcmp_span value;

        if (!node_span_is_nocase(head->headers[i].name, "cookie"))
            continue;
        value = cookie_in(head->headers[i].value, name);
        if (value.ptr != NULL)
            return value;
    }
    return node_span(NULL, 0);
}

void demo_body_begin(demo_body *body, const demo_head *head)
{
    memset(body, 0, sizeof(*body));
    body->left = head->length;
    body->state = head->chunked ? BODY_SIZE : BODY_LENGTH;
}

static int size_byte(demo_body *body, char c)
{
    int digit = node_hex_value(c);

    if (digit >= 0) {
        if (++body->digits > 15)
            return 400;
        body->left = body->left * 16 + (uint64_t)digit;
        return DEMO_OK;
    }
    if (body->digits == 0)
        return 400;
    if (c == '\r')
        body->state = BODY_SIZE_LF;
    else if (c == ';' || c == ' ' || c == '\t')
        body->state = BODY_EXTENSION;
    else
        return 400;
    return DEMO_OK;
}

/* A byte of a text that is dropped and ends in CR: extensions and trailers. */
static int dropped_byte(demo_body *body, char c, uint32_t at_cr)
{
    if (c == '\n' || c == '\0' || ++body->extra > EXTRA_MAX)
        return 400;
    if (c == '\r')
        body->state = at_cr;
    return DEMO_OK;
}

static int expect_byte(demo_body *body, char c, char wanted, uint32_t next)
{
    if (c != wanted)
        return 400;
    body->state = next;
    return DEMO_OK;
}

static int size_end(demo_body *body, char c)
{
    body->digits = 0;
    return expect_byte(body, c, '\n', body->left == 0 ? BODY_TRAILER_START : BODY_CHUNK);
}

/* One byte between pieces of payload. */
static int frame_byte(demo_body *body, char c)
{
    switch (body->state) {
    case BODY_SIZE:
        return size_byte(body, c);
    case BODY_EXTENSION:
        return dropped_byte(body, c, BODY_SIZE_LF);
    case BODY_SIZE_LF:
        return size_end(body, c);
    case BODY_CHUNK_CR:
        return expect_byte(body, c, '\r', BODY_CHUNK_LF);
    case BODY_CHUNK_LF:
        return expect_byte(body, c, '\n', BODY_SIZE);
    case BODY_TRAILER_START:
        body->state = c == '\r' ? BODY_LAST_LF : BODY_TRAILER;
        return c == '\r' ? DEMO_OK : dropped_byte(body, c, BODY_TRAILER_LF);
    case BODY_TRAILER:
        return dropped_byte(body, c, BODY_TRAILER_LF);
    case BODY_TRAILER_LF:
        return expect_byte(body, c, '\n', BODY_TRAILER_START);
    default:
        return expect_byte(body, c, '\n', BODY_DONE);
    }
}

static int payload(demo_body *body, const char *data, size_t len, size_t *used, mcmp_span *piece)
{
    size_t take = body->left < len ? (size_t)body->left : len;

    *piece = node_span(data, take);
    *used += take;
    body->left -= take;
    if (body->left == 0 && body->state == BODY_CHUNK)
        body->state = BODY_CHUNK_CR;
    return DEMO_OK;
}

int demo_body_next(demo_body *body, const char *data, size_t len, size_t *used, mcmp_span *piece)
{
    *used = 0;
    if (body->state == BODY_LENGTH && body->left == 0)
        body->state = BODY_DONE;
    while (body->state != BODY_DONE) {
        int rc;

        if (*used == len)
            return DEMO_MORE;
        if (body->state == BODY_LENGTH || body->state == BODY_CHUNK)
            return payload(body, data + *used, len - *used, used, piece);
        rc = frame_byte(body, data[(*used)++]);
        if (rc != DEMO_OK)
            return rc;
    }
    return DEMO_END;
}
