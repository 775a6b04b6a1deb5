/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What selecting and explaining share: taking over the caller's query, and a choice made ready.
 */
#ifndef MCMP__LB_SELECT_H
#define MCMP__LB_SELECT_H

#include "lb/lookup.h"

/* What is kept in selection.reserved while it is held. */
enum { MCMP__HELD_NODE, MCMP__HELD_SEAT, MCMP__HELD_INDEX };

/* MCMP_OK, MCMP_ERR_INVALID, MCMP_ERR_UNSUPPORTED */
int mcmp__query_take(const mcmp_query *query, mcmp_query *copy, const mcmp_query **out,
                     mcmp_error *err);
static inline void mcmp__choice_init(mcmp__choice *choice, mcmp_cluster *cluster,
                                     const mcmp_query *query)
{
    choice->cluster = cluster;
    choice->config = mcmp__config_of(cluster);
    choice->local = mcmp__local_of(cluster);
    choice->now = query->now;
    choice->key = 0;
    choice->only = 0;
    choice->random =
        atomic_fetch_add_explicit(&choice->local->random, MCMP__CHOICE_STEP, memory_order_relaxed);
}

#endif
