/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live rows of nodes and running counts: a part of read.h, which includes it. Plain atomics outside
 * of the copies, usable at any time, in and out of read sections.
 */
#ifndef MCMP__LIVE_H
#define MCMP__LIVE_H

/* Live rows: outside the copies. A slot that is taken anew starts from zero; an endpoint that is
 * replaced keeps its row, with last_status, probed_at and failed back at 0. */
typedef struct mcmp__live {
    /* what each choice looks at, in one line of the processor's cache */
    mcmp__word health; /* generation << 32 | word of base/health.h */
    mcmp__word elected;
    mcmp__word bytes_read;
    mcmp__word bytes_sent;
    mcmp__word share;       /* lb: picks of the period, or what the policy needs */
    mcmp__word carry;       /* lb */
    mcmp__word id;          /* of the node's row, for choices between equals; of one generation */
    mcmp__word last_status; /* when STATUS last came; 0 = never */
    mcmp__word usable_since;
    mcmp__word failed;    /* idle probes in a row */
    mcmp__word probed_at; /* lb: last good probe; 0 = never */
    mcmp__word due;       /* lb */
    mcmp__word ticket;    /* lb */
    mcmp__word read_mark; /* lb: bytes_read at the last period */
    mcmp__word registered_at;
    mcmp__word heal_connection; /* commands */
} mcmp__live;

_Static_assert(sizeof(mcmp__live) == 128, "two lines of the processor's cache");

/* Never NULL: an index out of range gives the row 0, which no node has. */
mcmp__live *mcmp__live_of(const mcmp_cluster *cluster, uint32_t node);
/* Replace the health word of base/health.h if the handle is current: 0, or -1 = stale. *before and
 * *after (may be NULL) are the words. Sets usable_since when FRESH comes in. Lock-free. */
int mcmp__live_event(mcmp_cluster *cluster, mcmp_handle node, uint32_t event, int load,
                     mcmp_time now, uint32_t *before, uint32_t *after);

/* The same for the word alone, without a transaction. 1: nothing was done, since the state would
 * become another one, which is for observers; not with `locked`. before and after are not NULL. */
int mcmp__live_swap(mcmp_cluster *cluster, mcmp_handle node, uint32_t event, int load,
                    mcmp_time now, int locked, uint32_t *before, uint32_t *after);

/* Running selections: counted per process, so that a dead one's share can be given back. */
typedef struct mcmp__running {
    uint64_t node; /* slot and generation; kept by an endpoint that is replaced */
    uint64_t seat;
} mcmp__running;

void mcmp__running_of(mcmp__read *rd, uint32_t node, uint32_t seat, mcmp__running *out);
/* A moment before: asks for the words that will be counted in, so that the processor waits once
 * for all of them. node is one that a section gave. */
void mcmp__running_soon(const mcmp_cluster *cluster, uint32_t node, uint32_t seat);
void mcmp__running_start(mcmp_cluster *cluster, const mcmp__running *running);
void mcmp__running_end(mcmp_cluster *cluster, const mcmp__running *running);
uint32_t mcmp__running_node(mcmp__read *rd, uint32_t node); /* of all processes; O(processes) */
uint32_t mcmp__running_seat(mcmp__read *rd, uint32_t seat);

#endif
