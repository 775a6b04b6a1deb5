/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one handle remembers between calls of mcmp_tick(); made at the first one.
 */
#ifndef MCMP__LB_TICK_H
#define MCMP__LB_TICK_H

#include "base/base.h"
#include "model/read.h"

#define MCMP__HOST_ROOM 264u  /* 255 bytes, brackets, whole words */
#define MCMP__SHARED_SWEEP 0u /* of mcmp__shared_words(): when dead processes are looked for */
#define MCMP__TICK_BLOCK 64u  /* nodes whose next due time is remembered as one */

typedef struct mcmp__tick {
    mcmp_probe probe; /* the one handed out last, with its texts */
    char host[MCMP__HOST_ROOM];
    char authority[MCMP__AUTHORITY_MAX];
    uint64_t gone; /* cursor of mcmp__gone_next() */
    int gone_started;
    uint32_t slot;  /* of the last entry of that list: more of its nodes may be gone; 0 = none */
    uint32_t sweep; /* next slot of a look at all nodes used here; 0 = none is going on */
    mcmp_time sweep_at; /* when the next one starts */
    uint32_t turn;      /* block the next look begins with */
    uint32_t blocks;
    mcmp_time *due;  /* per block: not before this time is anything due */
    mcmp_time *seen; /* per block: when it was looked at */
} mcmp__tick;

/* The handle's own, made when there is none yet; NULL when there is no memory. */
mcmp__tick *mcmp__tick_of(mcmp_cluster *cluster);

/* 1 and a node used here that is gone; else 0. */
int mcmp__gone_find(mcmp_cluster *cluster, mcmp__tick *tick, mcmp_time now, mcmp_handle *out);

/* 1 with tick->probe filled; else 0 and the time of the next one. */
int mcmp__probe_find(mcmp_cluster *cluster, mcmp__tick *tick, mcmp_time now, mcmp_time *out_next);

#endif
