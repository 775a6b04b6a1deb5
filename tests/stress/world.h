/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small cluster and random messages for it, driven by the public interface. The messages certify
 * themselves: every field of a node follows from one number, and contexts come in pairs that each
 * message treats alike. So whoever looks can tell a whole message from a part of one.
 */
#ifndef MCMP_TORTURE_WORLD_H
#define MCMP_TORTURE_WORLD_H

#include "torture.h"

#define WORLD_NODES 5u
#define WORLD_ALIASES 2u  /* per node */
#define WORLD_CONTEXTS 4u /* pairs of contexts */
#define WORLD_HELD 6u

/* Kinds of clusters */
#define WORLD_TIGHT 1u /* the tables are too small for the messages */
#define WORLD_RING 2u  /* changes are kept for observers, in a ring of a few messages */

typedef struct world {
    mcmp_cluster *cluster;
    mcmp_response *response;
    mcmp_peer peer;
    mcmp_time now;
    uint64_t seed;
    mcmp_selection held[WORLD_HELD];
    uint32_t held_count;
    uint32_t fails;                /* every so many-th request that was sent to a node; 0 = none */
    void (*after_call)(void *ctx); /* after each call that may have changed something, or NULL */
    void *after_ctx;
    char wrong[200]; /* what a look found */
} world;

typedef struct world_message {
    const char *method;
    const char *target;
    char body[512];
    int probe_ok;
    uint32_t wait; /* milliseconds since the message before */
} world_message;

/* memory: MCMP_MEMORY_*; host_memory for MCMP_MEMORY_HOST. kind: WORLD_*. Ends the program when
 * that fails. */
void world_open(world *w, uint32_t memory, void *host_memory, size_t size, uint32_t kind);
size_t world_size(uint32_t kind); /* of the region */
/* Another one who works on the same cluster, by the same handle. */
void world_join(world *w, mcmp_cluster *cluster, uint64_t seed);
void world_leave(world *w);
void world_close(world *w); /* and the cluster */

void world_message_make(world_message *m, uint64_t *seed);
/* The code of mcmp_apply(), probes and delays answered at once. */
int world_apply(world *w, const world_message *m);

/* Each returns 0, or -1 and w->wrong. */
int world_look(world *w);           /* a whole view */
int world_select(world *w);         /* choose, hold or release; 1 = a node was chosen */
void world_release_all(world *w);   /* what is held */
uint32_t world_connected(world *w); /* selections that count as running, of all nodes and seats */
int world_health_agrees(world *w);  /* live rows carry the generations of their nodes */
#endif
