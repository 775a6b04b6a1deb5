/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What observers are told. A table knows the changes by their numbers: whoever is told one must be
 * told the same, whole, in order, once, or that it was missed.
 */
#ifndef MCMP_TORTURE_TOLD_H
#define MCMP_TORTURE_TOLD_H

#include "world.h"

#define TOLD_ROOM 1024u /* more than the ring of a world holds */

/* May be in shared memory: number << 32 | hash of the change; 0 = not known. */
typedef struct told_table {
    _Atomic uint64_t change[TOLD_ROOM];
} told_table;

/* An observer that goes on where it was, also where another one was that died. */
typedef struct told_observer {
    mcmp_observer *observer;
    uint64_t last; /* number that it was told */
    uint64_t count;
    uint64_t missed;
    /* The last state of each node that it was told: handles, 0 = none since something was missed */
    mcmp_handle node[WORLD_NODES];
    uint32_t state[WORLD_NODES];
    char wrong[200];
} told_observer;

/* Reads all that the ring holds now, with a new observer. What is not in the table goes into it
 * when `learn` says so. 0 and the last number, or -1 and what is wrong. Without a ring: 0. */
int told_look(told_table *table, mcmp_cluster *cluster, int learn, uint64_t *out_last, char *wrong,
              size_t room);

/* after: the last number that was told; 0 = from now on. Does nothing without a ring. */
int told_open(told_observer *o, mcmp_cluster *cluster, uint64_t after);
/* Up to `most` changes, each compared with the table or put into it. 0, or -1 and o->wrong. */
int told_go_on(told_observer *o, told_table *table, uint32_t most);
void told_close(told_observer *o);

/* Nobody writes, and o has been told all: the health of nodes is what it was told last. -1 and
 * o->wrong; else how many nodes could be compared. */
int told_agrees(told_observer *o, const world *w);

#endif
