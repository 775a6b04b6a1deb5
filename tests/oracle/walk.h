/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A random walk of a cluster beside its reference model. A step is a number: what it does follows
 * from that number alone, never from the state, so any history with steps left out can be replayed.
 * After each step everything that can be seen is compared: the answer, INFO, DUMP, states, counts,
 * handles, and the choice for a random request.
 */
#ifndef MCMP_TEST_WALK_H
#define MCMP_TEST_WALK_H

#include "oracle.h"

enum {
    WALK_HELD = 8,      /* selections held at the same time */
    WALK_WAITING = 3,   /* messages whose probe or delay has not come back */
    WALK_HANDLES = 2048 /* the last handles that were seen */
};

/* What most of the messages and probes of a time do. */
enum { WALK_EVEN, WALK_FLOW, WALK_EBB, WALK_TIDES };

typedef struct walk_setup {
    const char *name;
    oracle_options opts;
    uint32_t policy;
    int tide;  /* nodes come for so many steps, then they go; 0: both all the time */
    int every; /* everything is compared after each such number of steps; 0 = 1 */
} walk_setup;

extern const walk_setup walk_small[]; /* a few nodes: everything meets everything */
extern const walk_setup walk_many[];  /* many nodes with the same contexts */
extern const int walk_small_count, walk_many_count;

typedef struct walk_handle {
    mcmp_handle handle;
    uint64_t id, epoch;
    int used, reported;
} walk_handle;

typedef struct walk_waiting {
    int used;
    oracle_message message;
    oracle_hint hint; /* with what it comes back */
    mcmp_time resume_at;
    mcmp_request request;
    mcmp_response *response;
    char method[16];
    char target[4];
    char body[1024];
} walk_waiting;

typedef struct walk_held {
    int used;
    mcmp_selection selection;
    mcmp_handle handle;
    uint64_t id, epoch, place;
    int alias, context;
} walk_held;

typedef struct walk_counts {
    uint64_t steps, messages, unknown, conflict, full, denied, pending, choices, holds, probes,
        gone;
    uint64_t reason[MCMP_REASON_FORCED + 1];
    uint64_t compared, nodes, pairs; /* the latter are sums over what was compared */
    uint64_t indexed, unindexed;     /* places whose seats went into the index, and out of it */
    uint64_t raised[2], lowered[2];  /* groups whose tree got or lost a level */
    uint64_t most;                   /* members of a group */
} walk_counts;

typedef struct walk {
    oracle o;
    walk_setup setup;
    mcmp_cluster *cluster;
    mcmp_peer peer[2];
    mcmp_error err;
    mcmp_time now;
    uint64_t seed; /* of the step at hand */
    int tide;      /* the same */
    int verbose;
    char why[1024];
    walk_waiting waiting[WALK_WAITING];
    walk_held held[WALK_HELD];
    walk_handle handles[WALK_HANDLES];
    uint32_t handle_count;
    oracle_answer answer;
    oracle_text text[2];
    uint8_t indexed[O_ALIASES][O_CONTEXTS];
    uint8_t level[O_ALIASES][O_CONTEXTS][O_BALANCERS];
    walk_counts counts;
} walk;

/* 1, or 0 with the reason in why. wrap: counters start near their wrap. */
int walk_open(walk *w, const walk_setup *setup, uint64_t seed, int wrap);
int walk_step(walk *w, uint64_t step, int tide);
int walk_check(walk *w);
void walk_close(walk *w);

/* Parts of a step */
uint32_t walk_pick(walk *w, uint32_t n);
int walk_fail(walk *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void walk_say(const walk *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
int walk_message(walk *w);  /* a command, or one that comes back */
int walk_nonsense(walk *w); /* a command that is refused before the state is looked at */
int walk_choice(walk *w);   /* a dry run for a random request */
int walk_hold(walk *w);
int walk_release(walk *w);
int walk_tick(walk *w);
int walk_compare(walk *w);
void walk_wrap(walk *w);
void walk_note_groups(walk *w);

#endif
