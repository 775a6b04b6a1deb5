/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Choice among the members of a set by a policy (MCMP 5.6, 5.7, 7). Works inside a read section:
 * it reads, and notes what is to be written; mcmp__choice_apply() writes it when the section was
 * whole.
 *
 * Order of preference: ENABLED with Load > 0, ENABLED with Load 0, and with a session DISABLED
 * ones in the same order. Up to MCMP__CHOICE_WHOLE members of a status are looked at one by one. Of
 * more, MCMP__CHOICE_ROUNDS samples at most (two random windows of two neighbours each) are taken
 * until one has an active node; when none has, every member is looked at once from a random place
 * on, ending at the fourth active one. So the cost is constant while more than a few in a hundred
 * are active, and never above one look at each member; a usable node is always found. Rendezvous
 * hashing looks at all members: only that keeps each key on its node when others come and go.
 */
#ifndef MCMP__LB_CHOICE_H
#define MCMP__LB_CHOICE_H

#include "lb/share.h"
#include "model/read.h"

#include <libmcmp/view.h>

#define MCMP__CHOICE_WHOLE 16u
#define MCMP__CHOICE_ROUNDS 4u
#define MCMP__CHOICE_ENOUGH 4u /* active nodes that end the look at all */
#define MCMP__CHOICE_TRIED 64u
#define MCMP__CHOICE_PASSED 4u     /* nodes in slow start that one choice passes over at most */
#define MCMP__PROBE_SLACK MCMP_SEC /* after a probe's deadline, for its report to come in */
#define MCMP__FULL_RAMP 65536u     /* slow start is over */

/* A usable member with what policies go by. */
typedef struct mcmp__runner {
    uint32_t node; /* index; 0 = none */
    uint32_t seat;
    uint32_t status;
    uint32_t health;
    int load;         /* 0..100 */
    uint32_t ramp;    /* of MCMP__FULL_RAMP */
    uint64_t measure; /* of the policy; less is better */
    uint64_t value;   /* of MCMP 5.6; decides where the measure is equal */
    uint64_t picks;   /* of the period */
} mcmp__runner;

typedef struct mcmp__start {
    mcmp_handle node;
    uint32_t index;
    mcmp__share share;
} mcmp__start;

typedef struct mcmp__choice {
    /* set by the caller */
    mcmp__read *rd;
    mcmp_cluster *cluster;
    const mcmp__config *config;
    mcmp__local *local; /* its live rows, and what else there is per node */
    mcmp_time now;
    uint32_t policy;       /* MCMP_POLICY_* */
    uint32_t disabled_ok;  /* the request has a session */
    uint64_t key;          /* hash of the key, for MCMP_POLICY_HASH */
    uint64_t random;       /* a counter; mixed when it is used, which few choices do */
    const uint32_t *tried; /* node indices */
    uint32_t tried_count;
    uint32_t only; /* index of the node a custom policy chose; 0 = all */

    /* found on the way */
    uint32_t period;
    uint32_t unwell;   /* members that error or Load -1 keeps out, tried or not */
    uint32_t unproven; /* of them: loaded from a file, their first probe is under way */
    uint32_t ordered;  /* ties go to the lower id, not to who was seen first */
    uint32_t fresh;    /* the scan met nodes without a start value */
    uint32_t mean_known;
    mcmp__share mean; /* of the peers: picks as value (E * 1000 / L), and carry */
    uint64_t sum_picks;
    uint64_t sum_carry;
    uint32_t sum_count;
    uint32_t passed_count; /* chosen in slow start and passed over; counted as picks */
    uint32_t passed[MCMP__CHOICE_PASSED];
    uint32_t start_count; /* start values to set */
    mcmp__start start[MCMP__CHOICE_WHOLE];
    uint32_t list_count; /* custom policy: the candidates of the best class */
    mcmp__runner list[MCMP__CHOICE_WHOLE];
} mcmp__choice;

/* The live row of a node; every index that a section gives is inside the table. */
static inline mcmp__live *mcmp__choice_live(const mcmp__choice *choice, uint32_t node)
{
    return &choice->local->live[node];
}

/* Clears what is found on the way, before each section. */
static inline void mcmp__choice_begin(mcmp__choice *choice)
{
    choice->period = mcmp__share_period(choice->now, choice->config->opts.recalc_period);
    choice->unwell = 0;
    choice->unproven = 0;
    choice->ordered = 0;
    choice->fresh = 0;
    choice->mean_known = 0;
    choice->passed_count = 0;
    choice->start_count = 0;
    choice->list_count = 0;
}

/* Some members that stand side by side. */
typedef struct mcmp__window {
    uint32_t from;
    uint32_t count;
} mcmp__window;

#define MCMP__WINDOWS_HOLD 4u /* members */
/* Random ones of count members: two windows of two neighbours, or two single ones for two choices;
 * the first follows the last. Returns into how many they fall. */
uint32_t mcmp__choice_windows(mcmp__choice *choice, uint32_t count, mcmp__window out[4]);

/* 1 and the member chosen, or 0 when none is usable. */
int mcmp__choice_make(mcmp__choice *choice, const mcmp__set *set, mcmp__runner *out);
/* Could this member serve now? Fills out. Used for the session's own node, too. */
int mcmp__choice_usable(mcmp__choice *choice, const mcmp__member *member, mcmp__runner *out);
/* Is the node of this health loaded from a file and its first probe still to be awaited? After the
 * longest time of a probe nobody makes one: then it is a hot standby. */
int mcmp__choice_awaits(const mcmp__choice *choice, uint32_t node, uint32_t health);
/* Sets start values and counts picks that slow start passed over. After a whole section. */
void mcmp__choice_apply(const mcmp__choice *choice);
/* Well mixed bits of a counter that goes on by MCMP__CHOICE_STEP. */
#define MCMP__CHOICE_STEP UINT64_C(0x9e3779b97f4a7c15)
static inline uint64_t mcmp__choice_mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

#endif
