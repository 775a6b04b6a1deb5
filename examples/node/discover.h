/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Balancers that advertise themselves: listens to the multicast group and tells the agent who came
 * and who went.
 */
#ifndef NODE_DISCOVER_H
#define NODE_DISCOVER_H

#include "agent.h"

typedef struct node_discover node_discover;

/* NULL: why (size bytes) says what is wrong. */
node_discover *node_discover_start(uv_loop_t *loop, const node_options *options, node_agent *agent,
                                   char *why, size_t size);
void node_discover_free(node_discover *discover); /* NULL is allowed */

#endif
