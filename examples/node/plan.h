/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to tell one balancer, and when: register, STATUS at an interval, register again after loss,
 * drain, remove. Pure: answers and the time come in, the next step goes out, no I/O. Each balancer
 * has a plan of its own, so a slow one never delays another.
 */
#ifndef NODE_PLAN_H
#define NODE_PLAN_H

#include "options.h"
#include "text.h"

/* What to do next. */
#define PLAN_SEND 0 /* send plan_message(), then plan_answer() or plan_failed() */
#define PLAN_WAIT 1 /* nothing before the time told */
#define PLAN_END 2  /* nothing ever: see plan.end */

/* How a plan ended. */
#define PLAN_END_REMOVED 1    /* drained and removed, or there was nothing to remove */
#define PLAN_END_REFUSED 2    /* refused for good: answer of type SYNTAX */
#define PLAN_END_INCOMPLETE 3 /* removed with requests still running, or not told */

typedef enum plan_state {
    PLAN_INFO,
    PLAN_PURGE, /* REMOVE-APP for what INFO shows and the options do not have */
    PLAN_CONFIG,
    PLAN_ENABLE,
    PLAN_STATUS,
    PLAN_DISABLE,
    PLAN_STOP,
    PLAN_REMOVE,
    PLAN_REMOVE_NODE,
    PLAN_OVER
} plan_state;

/* A pair that the balancer has and we do not: alias, NUL, context, NUL. */
typedef struct plan_stale {
    char *text;
    size_t alias_len;
    size_t context_len;
} plan_stale;

typedef struct node_plan {
    const node_options *options; /* kept */
    const char *name;            /* of the balancer, for the log; kept */
    plan_state state;
    size_t index;         /* of the context or stale pair the state is about */
    mcmp_time hold_until; /* the state's request is not sent before */
    mcmp_time stop_by;    /* draining is over then */
    uint64_t id;          /* of the balancer's state, by its last STATUS answer */
    uint64_t random;
    uint64_t running;  /* requests told by STOP-APP in this round */
    uint32_t failures; /* in a row */
    uint32_t port;     /* of the backend */
    int32_t load;      /* of the next STATUS */
    int pending;       /* a request was handed out */
    int has_id;
    int registered; /* CONFIG was taken and is not known to be lost */
    int was_ok;     /* a STATUS was answered with OK once */
    int notok;      /* the last STATUS was answered with NOTOK */
    int again;      /* registers again at once; no STATUS was good since */
    int resumes;    /* was registered, and only STATUS and INFO failed since */
    int drain;      /* draining is wanted */
    int cut_off;    /* something was not told or not finished */
    int end;        /* PLAN_END_*, when over */
    plan_stale *stale;
    size_t stale_count;
} node_plan;

void plan_init(node_plan *plan, const node_options *options, const char *name, uint32_t port,
               uint64_t seed);
void plan_clear(node_plan *plan);

/* What to do now. PLAN_WAIT: *until says up to when. */
int plan_next(node_plan *plan, mcmp_time now, mcmp_time *until);

/* The request of PLAN_SEND; its texts are views into plan, options and list (the lists' room). */
typedef struct plan_lists {
    mcmp_span aliases[NODE_ALIASES_MAX];
    mcmp_span context;
} plan_lists;
void plan_message(const node_plan *plan, const node_proxy *proxy, plan_lists *lists,
                  mcmp_message *message);

/* The answer to it. */
void plan_answer(node_plan *plan, mcmp_time now, const mcmp_answer_info *answer);

/* No answer: the balancer is out of reach, broke off, or code says what is wrong with its bytes. */
void plan_failed(node_plan *plan, mcmp_time now, int code, const char *why);

/* Begin to drain; further calls change nothing. */
void plan_drain(node_plan *plan, mcmp_time now);

#endif
