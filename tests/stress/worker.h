/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers of the random part: processes with a thread that writes and one that reads, on one shared
 * region. What they tell each other and the one who kills them is in memory of its own.
 */
#ifndef MCMP_TORTURE_WORKER_H
#define MCMP_TORTURE_WORKER_H

#include "told.h"

#define WORKERS 3u
#define WORKER_THREADS 2u

/* Where a worker can be made to stand still, to be killed there. */
typedef enum worker_place {
    PLACE_NONE,
    PLACE_LOCK,     /* about to take the lock */
    PLACE_LOCKED,   /* has it, nothing is written yet */
    PLACE_MARK,     /* before the mark */
    PLACE_REPAIR,   /* while the copies are made equal */
    PLACE_REPAIRED, /* before the log is emptied */
    PLACE_LOG,      /* before an entry of the log */
    PLACE_LENGTH,   /* before its length */
    PLACE_BITS,     /* before its bit */
    PLACE_DATA,     /* before a word of the copy */
    PLACE_LIVE,     /* before a word of a live row */
    PLACE_ANNOUNCE, /* before a control word of the ring of changes */
    PLACE_ENTRY,    /* before a word of a change */
    PLACE_PUBLISH,  /* before the publication */
    PLACE_UNLOCK,   /* after it, about to release the lock */
    PLACE_UNLOCKED, /* has released it */
    PLACE_COUNTS,   /* before a running count is changed */
    PLACES
} worker_place;

typedef struct worker_state {
    _Atomic uint64_t commits;
    _Atomic uint64_t views;
    _Atomic uint64_t selections;
    _Atomic uint64_t waited; /* of the writer, when it completed the first message after a death */
    _Atomic uint32_t writer_tid; /* 0 until both threads work */
    _Atomic uint32_t readers;
    _Atomic uint32_t parked;     /* threads that hold nothing and stand */
    _Atomic uint32_t stop_at;    /* worker_place */
    _Atomic uint32_t stop_after; /* so many times later */
    _Atomic uint32_t stands;     /* there */
} worker_state;

typedef struct worker_board {
    _Atomic uint32_t park; /* release what you hold and stand */
    _Atomic uint32_t failures;
    char text[200]; /* of the first one */
    /* The first message that another one than this worker (from 1, 0 = nobody asks) completed. */
    _Atomic uint32_t dying;
    _Atomic uint64_t first; /* ns << 2 | index; 0 = not yet */
    worker_state worker[WORKERS];
    /* What observers are told; and the last change of each worker's, which outlives it. */
    told_table told;
    _Atomic uint64_t last_told[WORKERS];
    _Atomic uint64_t changes_told;
    _Atomic uint64_t changes_missed;
} worker_board;

/* Forks a worker; returns its pid. */
pid_t worker_start(worker_board *board, world *shared, uint32_t index, uint64_t seed);
/* The cluster's lock is watched, so that workers can stand before and after it. */
void worker_watch_lock(mcmp_cluster *cluster);
int worker_has_lock(worker_place place); /* 1: who stands there is inside of a message */

uint64_t worker_clock(void); /* ns, monotonic */
/* ns that a thread has waited for a processor; 0 when the system does not tell */
uint64_t worker_waited(pid_t pid, pid_t tid);

#endif
