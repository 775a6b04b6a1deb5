/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the torture share. Each part is one file with one job and one function that
 * main.c calls; it counts what it did, and reports what it found by torture_fail(). Nothing here
 * waits without a bound: a watchdog ends a run that makes no progress and says so.
 */
#ifndef MCMP_TORTURE_H
#define MCMP_TORTURE_H

#include "model/tx.h"

#include <libmcmp/libmcmp.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

/* Status of the program */
#define TORTURE_FOUND 1    /* a promise was broken */
#define TORTURE_WATCHDOG 3 /* nothing went on any more */
#define TORTURE_SKIPPED 77 /* the system does not allow this part */

typedef enum torture_number {
    N_MESSAGES,     /* applied to the end */
    N_KILLS,        /* processes killed */
    N_REPAIR_KILLS, /* of them while they repaired */
    N_INSIDE,       /* of them while they stood inside a message with the lock */
    N_IMAGES,       /* states of the region after a death, each repaired and checked */
    N_REPAIRS,      /* of them states that a death during a repair left */
    N_STORES,       /* stores into the region that were hit */
    N_INSTRUCTIONS, /* single steps */
    N_CHECKS,       /* of all invariants */
    N_VIEWS,        /* whole states that readers looked through */
    N_SELECTIONS,   /* nodes that readers were given */
    N_SECTIONS,     /* read sections that went on while a message was written */
    N_GIVEN_BACK,   /* selections of dead processes */
    N_TOLD,         /* changes that observers were told */
    N_MISSED,       /* changes that they were told they missed */
    N_AGREED,       /* states of nodes that were what observers had been told */
    N_NUMBERS
} torture_number;

typedef struct torture {
    uint64_t seed;
    double seconds;    /* how long parts without a fixed amount of work run */
    uint32_t messages; /* how many messages those with one go through */
    uint32_t kills;    /* and this many random kills, if they fit into the time */
    uint32_t full;
    uint32_t no_ring; /* no changes are kept for observers */
    uint64_t number[N_NUMBERS];
    uint32_t failures;
} torture;

/* A part's result: 0, or TORTURE_SKIPPED. What it found is in t->failures. */
int torture_writes(torture *t);
int torture_readers(torture *t);
int torture_random(torture *t);
int torture_threads(torture *t);
int torture_step(torture *t);

void torture_fail(torture *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Something went on; the watchdog starts anew. */
void torture_alive(void);
double torture_now(void); /* seconds, monotonic */

/* Lets time go by, below a second: for the moment of a kill, and between looks with a deadline. */
void torture_pause(uint32_t ns);

uint32_t torture_pick(uint64_t *seed, uint32_t n); /* 0 .. n - 1 */

/* Called by the hooked library before each store into a shared word; NULL = nothing. Only of this
 * thread, since others store as well. Never called with the library as it is released. */
typedef void (*torture_hook_fn)(const volatile void *at);
extern _Thread_local torture_hook_fn torture_hook;
void mcmp_torture_store(const volatile void *at);
int torture_has_hooks(void); /* 1: in the program with the hooked library */

/* This process dies when its parent does. For children, right after fork. */
void torture_leash(void);

#endif
