/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1 as the demonstration application reads it: request heads and bodies. Pure: bytes in,
 * meaning out, no I/O, so it is unit-tested by itself. The result does not depend on how the bytes
 * were cut.
 */
#ifndef NODE_DEMO_HTTP_H
#define NODE_DEMO_HTTP_H

#include "text.h"

#define DEMO_HEAD_MAX 32768
#define DEMO_HEADERS_MAX 128

/* Results. A number from 400 on is the HTTP status to refuse the request with. */
#define DEMO_OK 0
#define DEMO_MORE 1
#define DEMO_END 2

/* A request head; all texts are views into the bytes it was read from. */
typedef struct demo_head {
    mcmp_span method;
    mcmp_span target;
    mcmp_span path;  /* target up to `?`, session parameters included */
    mcmp_span query; /* what follows `?` */
    mcmp_pair headers[DEMO_HEADERS_MAX];
    size_t header_count;
    uint64_t length; /* of Content-Length, 0 without */
    int minor;       /* HTTP/1.x */
    int has_length;
    int chunked;
    int keep_alive;
    int expect_continue;
} demo_head;

/* Read a head from the start of data. DEMO_OK: *used bytes; DEMO_MORE: incomplete; else status. */
int demo_head_parse(const char *data, size_t len, size_t *used, demo_head *head);

/* First header of that name; ptr NULL when there is none. */
mcmp_span demo_head_get(const demo_head *head, const char *name);

/* A number of the query, `name=digits`. 0 = found, 1 = not there, -1 = no number or over max. */
int demo_query_uint(mcmp_span query, const char *name, uint64_t max, uint64_t *out);

/* The value of a cookie by RFC 6265 rules, quotes dropped; ptr NULL when there is none. */
mcmp_span demo_cookie_get(const demo_head *head, mcmp_span name);

/* The body of one request, read in pieces. */
typedef struct demo_body {
    uint64_t left;   /* bytes of the length or of the current chunk */
    uint32_t state;  /* private */
    uint32_t digits; /* of the current chunk size */
    uint32_t extra;  /* bytes spent on extensions and trailers, bounded */
} demo_body;

void demo_body_begin(demo_body *body, const demo_head *head);

/*
 * Take bytes. DEMO_OK: *piece is a part of the payload (view into data); DEMO_MORE: all bytes are
 * used; DEMO_END: the body is complete, bytes after *used belong to the next request; else status.
 */
int demo_body_next(demo_body *body, const char *data, size_t len, size_t *used, mcmp_span *piece);

#endif
