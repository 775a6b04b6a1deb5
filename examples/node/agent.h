/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent: one plan and one link per balancer, all in one loop.
 */
#ifndef NODE_AGENT_H
#define NODE_AGENT_H

#include "options.h"

#include <uv.h>

typedef struct node_agent node_agent;

/* ready: once, at the first registration anywhere; ended: once, when every plan is over. */
typedef void (*node_agent_fn)(void *ctx);

node_agent *node_agent_start(uv_loop_t *loop, const node_options *options, uint32_t port,
                             node_agent_fn ready, node_agent_fn ended, void *ctx);
void node_agent_drain(node_agent *agent);
int node_agent_exit_code(const node_agent *agent); /* NODE_EXIT_* */
void node_agent_free(node_agent *agent);

/* The Load of a machine: 100 when idle, 1 when the load average reaches the processors. Pure. */
int32_t node_load_of(double average, unsigned processors);

#endif
