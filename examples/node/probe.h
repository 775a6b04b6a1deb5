/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question to the application or the system, with a deadline: can a connection be made, what
 * does a URL answer, what does a command print and how does it end.
 */
#ifndef NODE_PROBE_H
#define NODE_PROBE_H

#include "options.h"

#include <uv.h>

typedef struct node_probe node_probe;

typedef struct node_probe_target {
    int32_t kind;        /* NODE_CHECK_TCP, URL, COMMAND */
    mcmp_span host;      /* TCP; URL has its own */
    uint32_t port;       /* TCP */
    const node_url *url; /* URL */
    const char *command; /* COMMAND: for /bin/sh -c */
    mcmp_time timeout;
} node_probe_target;

/* ok: it is well; text is what came (the first bytes), or what went wrong. Once, and never from
 * inside node_probe_start(); the probe is gone after it. */
typedef void (*node_probe_fn)(void *ctx, int ok, const char *text);

/* NULL: no memory. */
node_probe *node_probe_start(uv_loop_t *loop, const node_probe_target *target, node_probe_fn done,
                             void *ctx);
void node_probe_cancel(node_probe *probe); /* done is not called; NULL is allowed */

#endif
