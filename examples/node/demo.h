/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The demonstration application of `mcmp-node --demo`: a small HTTP/1.1 server on libuv that shows
 * what a balancer does with requests. This is the interface for main.c.
 */
#ifndef NODE_DEMO_H
#define NODE_DEMO_H

#include "text.h"

#include <uv.h>

typedef struct demo_server demo_server;

typedef struct demo_options {
    const char *host;           /* address or name to listen on; used by demo_start() only */
    uint32_t port;              /* 0: any free one */
    const char *route;          /* shown, and the suffix of session ids */
    const char *cookie;         /* name of the session cookie */
    const char *const *context; /* the pages are served below these, too; kept */
    size_t context_count;
    uint32_t max_connections; /* further ones are refused with 503 */
    int ajp;                  /* speak AJP/1.3 instead of HTTP/1 */
    mcmp_span secret;         /* AJP: wanted of each request; empty = none; kept */
    uint32_t max_packet;      /* AJP: bytes of a packet; 0 = 8192 */
} demo_options;

/* Start listening. NULL on failure; *why is then a text for people. */
demo_server *demo_start(uv_loop_t *loop, const demo_options *options, const char **why);

uint32_t demo_port(const demo_server *server);
uint32_t demo_connections(const demo_server *server);

/* Stop listening and close idle connections; requests that run are finished. */
void demo_stop(demo_server *server);

/* Close everything; the memory is freed when the loop has run the close callbacks. */
void demo_close(demo_server *server);

#endif
