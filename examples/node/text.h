/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text as (pointer, length) for mcmp-node: comparing, numbers, a growing buffer. No locale, no
 * allocation except in node_buf. The library's own helpers are not installed, so a host has its
 * own.
 */
#ifndef NODE_TEXT_H
#define NODE_TEXT_H

#include <libmcmp/base.h>

#include <stdarg.h>

#define NODE_COUNT(a) (sizeof(a) / sizeof((a)[0]))

mcmp_span node_span(const char *ptr, size_t len);
mcmp_span node_span_of(const char *text);
mcmp_span node_span_trim(mcmp_span text); /* blanks and tabs at both ends */
int node_span_is(mcmp_span a, const char *text);
int node_span_is_nocase(mcmp_span a, const char *text);
int node_span_starts(mcmp_span a, mcmp_span prefix);
char node_lower(char c);
int node_hex_value(char c); /* 0..15, or -1 */

/* Split at the first mark: the part before it is returned, *rest is what follows (ptr NULL when the
 * mark does not occur). */
mcmp_span node_span_cut(mcmp_span text, char mark, mcmp_span *rest);

/* Decimal digits only, the whole span. 0, or -1 when it is no number or over max. */
int node_parse_uint(mcmp_span text, uint64_t max, uint64_t *out);

/* A comma list as in a header: 1 when it has the token (without case). */
int node_list_has(mcmp_span list, const char *token);

/* A growing buffer. A failed append is kept in `failed`; the contents then must not be used. */
typedef struct node_buf {
    char *data;
    size_t len;
    size_t cap;
    int failed;
} node_buf;

void node_buf_add(node_buf *buf, const void *data, size_t len);
void node_buf_add_span(node_buf *buf, mcmp_span text);
void node_buf_add_str(node_buf *buf, const char *text);
void node_buf_printf(node_buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void node_buf_add_html(node_buf *buf, mcmp_span text); /* escaped for HTML */
void node_buf_add_json(node_buf *buf, mcmp_span text); /* a JSON string with its quotes */
void node_buf_clear(node_buf *buf);

#endif
