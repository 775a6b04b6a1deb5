/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metrics of the options, sampled once per interval.
 */
#ifndef NODE_METRICS_H
#define NODE_METRICS_H

#include "options.h"

#include <uv.h>

typedef struct node_metrics node_metrics;

node_metrics *node_metrics_start(uv_loop_t *loop,
                                 const node_options *options); /* NULL: no memory */
void node_metrics_free(node_metrics *metrics);
int32_t node_metrics_load(node_metrics *metrics); /* of the next STATUS */

/* Share of the processors' time that was used between two reads of /proc/stat's first line, -1 when
 * the text is none. state: 2 numbers of the caller's, 0 before the first call. Pure. */
double node_cpu_share(const char *text, uint64_t state[2]);

/* Share of the memory in use by the text of /proc/meminfo, -1 when it is none. Pure. */
double node_memory_share(const char *text);

#endif
