/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the library's agent on libuv: its steps become connections, their events go back to it.
 */
#ifndef NODE_AGENT_H
#define NODE_AGENT_H

#include "options.h"
#include "tls.h"

#include <uv.h>

typedef struct node_agent node_agent;

typedef struct node_agent_events {
    void (*ready)(void *ctx);   /* once, at the first registration anywhere */
    void (*ended)(void *ctx);   /* once, when there is nothing left to do */
    int32_t (*load)(void *ctx); /* of the next STATUS, -1 .. 100 */
} node_agent_events;

/* tls: for proxies that want it. NULL: *why. All is kept. */
node_agent *node_agent_start(uv_loop_t *loop, const node_options *options, node_tls *tls,
                             uint32_t port, const node_agent_events *events, void *ctx,
                             const char **why);
void node_agent_drain(node_agent *agent);
void node_agent_set_health(node_agent *agent, uint32_t health); /* MCMP_AGENT_UP, .. */
int node_agent_exit_code(const node_agent *agent);              /* NODE_EXIT_* */
size_t node_agent_registered(const node_agent *agent, size_t *out_proxies);
void node_agent_free(node_agent *agent);

/* A proxy was announced, or said that it goes; host is without brackets. */
void node_agent_found(node_agent *agent, mcmp_span host, uint32_t port, int tls, int is_new);
void node_agent_left(node_agent *agent, mcmp_span host, uint32_t port);

#endif
