/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load out of metrics, as the Java client reckons: each metric is a share of its capacity, averaged
 * over its history with decay; the weighted mean of the metrics is what is used, the rest is Load.
 * Pure.
 */
#ifndef NODE_LOAD_H
#define NODE_LOAD_H

#include "options.h"

#define NODE_HISTORY_MAX 101 /* values that are kept of a metric */

typedef struct node_history {
    double values[NODE_HISTORY_MAX]; /* the newest first */
    size_t count;
} node_history;

void node_history_add(node_history *history, double value, size_t most);

/* The mean, each value counting decay times less than the one after it; 0 without values. */
double node_history_mean(const node_history *history, double decay);

/* Used shares (0 = idle, 1 = full) by weight; those below 0 are not known. 1 .. 100, or -1 when
 * none is known. */
int32_t node_load_of(const double *used, const uint32_t *weights, size_t count);

#endif
