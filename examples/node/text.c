/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text helpers of mcmp-node, see text.h. ASCII only; bytes above 0x7f are never letters.
 */
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

mcmp_span node_span(const char *ptr, size_t len)
{
    mcmp_span span = { ptr, len };

    return span;
}

mcmp_span node_span_of(const char *text)
{
    return node_span(text, text != NULL ? strlen(text) : 0);
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

mcmp_span node_span_trim(mcmp_span text)
{
    while (text.len > 0 && is_blank(text.ptr[0])) {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && is_blank(text.ptr[text.len - 1]))
        text.len--;
    return text;
}

char node_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

int node_hex_value(char c)
{
    char low = node_lower(c);

    if (c >= '0' && c <= '9')
        return c - '0';
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

int node_span_is(mcmp_span a, const char *text)
{
    return a.len == strlen(text) && (a.len == 0 || memcmp(a.ptr, text, a.len) == 0);
}

int node_span_is_nocase(mcmp_span a, const char *text)
{
    if (a.len != strlen(text))
        return 0;
    for (size_t i = 0; i < a.len; i++)
        if (node_lower(a.ptr[i]) != node_lower(text[i]))
            return 0;
    return 1;
}

int node_span_starts(mcmp_span a, mcmp_span prefix)
{
    return a.len >= prefix.len && (prefix.len == 0 || memcmp(a.ptr, prefix.ptr, prefix.len) == 0);
}

mcmp_span node_span_cut(mcmp_span text, char mark, mcmp_span *rest)
{
    const char *at = text.len > 0 ? memchr(text.ptr, mark, text.len) : NULL;

    if (at == NULL) {
        *rest = node_span(NULL, 0);
        return text;
    }
    *rest = node_span(at + 1, text.len - (size_t)(at - text.ptr) - 1);
    return node_span(text.ptr, (size_t)(at - text.ptr));
}

int node_parse_uint(mcmp_span text, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;

    if (text.len == 0)
        return -1;
    for (size_t i = 0; i < text.len; i++) {
        uint64_t digit = (uint64_t)(unsigned char)text.ptr[i] - '0';

        if (text.ptr[i] < '0' || text.ptr[i] > '9' || digit > max || value > (max - digit) / 10)
            return -1;
        value = value * 10 + digit;
    }
    *out = value;
    return 0;
}

int node_list_has(mcmp_span list, const char *token)
{
    while (list.ptr != NULL) {
        mcmp_span item = node_span_trim(node_span_cut(list, ',', &list));

        if (node_span_is_nocase(item, token))
            return 1;
    }
    return 0;
}

static int buf_reserve(node_buf *buf, size_t more)
{
    size_t cap = buf->cap != 0 ? buf->cap : 256;
    char *data;

    if (buf->failed || more > SIZE_MAX / 4 || buf->len > SIZE_MAX / 4) {
        buf->failed = 1;
        return -1;
    }
    if (more <= buf->cap - buf->len)
        return 0;
    while (cap - buf->len < more)
        cap *= 2;
    data = realloc(buf->data, cap);
    if (data == NULL) {
        buf->failed = 1;
        return -1;
    }
    buf->data = data;
    buf->cap = cap;
    return 0;
}

void node_buf_add(node_buf *buf, const void *data, size_t len)
{
    if (len == 0 || buf_reserve(buf, len) != 0)
        return;
    memcpy(buf->data + buf->len, data, len);
    buf->len += len;
}

void node_buf_add_span(node_buf *buf, mcmp_span text)
{
    node_buf_add(buf, text.ptr, text.len);
}

void node_buf_add_str(node_buf *buf, const char *text)
{
    node_buf_add(buf, text, strlen(text));
}

void node_buf_printf(node_buf *buf, const char *fmt, ...)
{
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len < 0 || buf_reserve(buf, (size_t)len + 1) != 0) {
        buf->failed = 1;
        return;
    }
    va_start(args, fmt);
    (void)vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, args);
    va_end(args);
    buf->len += (size_t)len;
}

void node_buf_add_html(node_buf *buf, mcmp_span text)
{
    for (size_t i = 0; i < text.len; i++) {
        switch (text.ptr[i]) {
        case '<':
            node_buf_add_str(buf, "&lt;");
            break;
        case '>':
            node_buf_add_str(buf, "&gt;");
            break;
        case '&':
            node_buf_add_str(buf, "&amp;");
            break;
        case '"':
            node_buf_add_str(buf, "&quot;");
            break;
        default:
            node_buf_add(buf, &text.ptr[i], 1);
        }
    }
}

void node_buf_add_json(node_buf *buf, mcmp_span text)
{
    node_buf_add_str(buf, "\"");
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c == '"' || c == '\\')
            node_buf_printf(buf, "\\%c", c);
        else if (c < 0x20 || c > 0x7e)
            node_buf_printf(buf, "\\u%04x", c); /* a byte is shown as that Latin-1 character */
        else
            node_buf_add(buf, &text.ptr[i], 1);
    }
    node_buf_add_str(buf, "\"");
}

void node_buf_clear(node_buf *buf)
{
    free(buf->data);
    memset(buf, 0, sizeof(*buf));
}
