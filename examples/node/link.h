/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection to a balancer, on libuv: resolves, connects (every address in turn), sends one
 * request at a time, hands the answer back. Opened when needed and kept. An idle connection may be
 * closed by the balancer at any time, so a request that fails on a used one is repeated once on a
 * new one.
 */
#ifndef NODE_LINK_H
#define NODE_LINK_H

#include "options.h"

#include <uv.h>

typedef struct node_link node_link;

/*
 * answer NULL: failed, why says how, code is what the library said of the answer's bytes, or 0.
 * Once per request, never from inside node_link_send().
 */
typedef void (*node_link_fn)(void *ctx, const mcmp_answer_info *answer, int code, const char *why);

node_link *node_link_new(uv_loop_t *loop, const node_proxy *proxy, const node_options *options,
                         node_link_fn done, void *ctx); /* NULL: no memory; all is kept */
void node_link_free(node_link *link); /* the rest is freed when the loop has run */

/* Send a request; the bytes are copied. 0, or -1 without memory (done is not called then). */
int node_link_send(node_link *link, const void *data, size_t len);

/* From now on a connection or an answer, also one that is awaited, must come within that time. */
void node_link_hurry(node_link *link, mcmp_time time);

#endif
