/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the application is well: it is checked at an interval, and counts as well or not after so
 * many equal results in a row.
 */
#ifndef NODE_HEALTH_H
#define NODE_HEALTH_H

#include "options.h"

#include <uv.h>

/* Pure: the results so far. */
typedef struct node_verdict {
    int64_t fall;
    int64_t rise;
    int64_t row; /* results in a row that are not what is thought */
    int is_well; /* -1: nothing is known yet; the first result counts */
} node_verdict;

int node_verdict_add(node_verdict *verdict, int ok); /* 1: is_well has changed */

typedef struct node_health node_health;
typedef void (*node_health_fn)(void *ctx, int is_well);

/* changed: at the first result, and at each change. NULL: no memory. */
node_health *node_health_start(uv_loop_t *loop, const node_options *options, uint32_t port,
                               node_health_fn changed, void *ctx);
void node_health_free(node_health *health); /* NULL is allowed */

#endif
