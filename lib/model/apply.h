/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One command on its way through the order of judgement (MCMP 1): what the handlers of apply.c's
 * table share. A handler starts at `node known`, since everything before it was judged by the time
 * it is called, and is called again from there when a probe or delay has come back.
 */
#ifndef MCMP__MODEL_APPLY_H
#define MCMP__MODEL_APPLY_H

#include "access.h"
#include "out.h"
#include "store.h"

#include <libmcmp/response.h>

#define MCMP__LOG_MODULE "cluster"

typedef struct mcmp__call {
    mcmp_cluster *cluster;
    const mcmp__config *config;
    const mcmp_request *request;
    const mcmp_command *command;
    mcmp_response *response;
    mcmp_error *err;
    mcmp_time now;      /* of this call; request->now is the time of arrival */
    uint32_t resumed;   /* MCMP_PENDING_* that came back; 0 = first judgement */
    int probe_ok;       /* with MCMP_PENDING_PROBE */
    mcmp_handle probed; /* node whose probe came back; 0 = a free endpoint */
    uint64_t sender[3]; /* what owns nodes, with MCMP_CLUSTER_OWNERSHIP; taken before any lock */
} mcmp__call;

int mcmp__apply_config(mcmp__call *call);
int mcmp__apply_app(mcmp__call *call);
int mcmp__apply_status(mcmp__call *call);
int mcmp__apply_ping(mcmp__call *call);
int mcmp__apply_report(mcmp__call *call); /* INFO, DUMP, VERSION, page */

/* Answers. Each returns what the handler returns. */
int mcmp__refuse(mcmp__call *call, uint32_t refusal, mcmp_span arg);
int mcmp__refuse_unknown(mcmp__call *call);
/* Room for the answer before anything is changed: the message must not fail after that.
 * MCMP_ERR_NOMEM; see mcmp_response_reserve(). */
int mcmp__answer_reserve(mcmp__call *call, size_t body, size_t mess);
int mcmp__answer_empty(mcmp__call *call);
void mcmp__answer_begin(mcmp__call *call, mcmp__out *out, const char *content_type);
int mcmp__answer_end(mcmp__call *call, mcmp__out *out);
/* The whole of a short text/plain answer. */
int mcmp__answer_text(mcmp__call *call, const char *text, size_t len);
/* `Type=STATUS-RSP&JVMRoute=..&State=..&id=..`, or JSON; route empty: without JVMRoute. */
int mcmp__answer_state(mcmp__call *call, mcmp_span type, mcmp_span route, int ok);
/* MCMP_PENDING with a probe of this endpoint; node 0 and ping 0: a free one. */
int mcmp__answer_probe(mcmp__call *call, mcmp_handle node, mcmp_span host, uint32_t port,
                       uint32_t scheme, mcmp_time ping);

/* Find the node of the command's route. MCMP_OK, or the refusal already answered: unknown, or the
 * sender has no right to it. */
int mcmp__target_find(mcmp__call *call, mcmp_handle *out);
/* MCMP_PENDING with a probe of the node. */
int mcmp__target_probe(mcmp__call *call, mcmp_handle node);
int mcmp__target_is_senders(const mcmp__call *call, mcmp__read *rd, uint32_t node);
/* Inside a section or transaction: 1 when MCMP_CLUSTER_OWNERSHIP is off, or the sender registered
 * the node. */
static inline int mcmp__target_is_owned(const mcmp__call *call, mcmp__read *rd, uint32_t node)
{
    return !(call->config->opts.flags & MCMP_CLUSTER_OWNERSHIP) ||
           mcmp__target_is_senders(call, rd, node);
}

/* Pairs (alias, context) of the command, for CONFIG and *-APP (MCMP 3.3). */

enum { MCMP__LEFTOVERS = 256 };            /* listed one by one; Mess has room for fewer */
#define MCMP__PAIR_LIMIT ((size_t)1 << 24) /* the product of two lists may be beyond all bounds */
#define MCMP__NO_CONTEXT UINT32_MAX        /* the alias itself found no place */

typedef struct mcmp__leftover {
    uint32_t alias;   /* index in the command */
    uint32_t context; /* index, or MCMP__NO_CONTEXT */
} mcmp__leftover;

/* What became of the pairs; filled inside a transaction, used after it. done has one bit per pair,
 * alias by alias, or is NULL. */
typedef struct mcmp__pairs {
    uint8_t *done;
    size_t limit;     /* pairs that are looked at; more are counted as left out */
    size_t changed;   /* added, removed or given another status */
    size_t added_odd; /* added contexts without leading slash */
    size_t left_count;
    uint64_t left_more; /* left out beyond left[] */
    uint32_t full_aliases;
    uint32_t full_contexts;
    uint32_t first_row; /* of the first alias, when it was looked up before; 0 = look it up */
    mcmp__leftover left[MCMP__LEFTOVERS];
} mcmp__pairs;

void mcmp__pairs_init(mcmp__pairs *pairs); /* left[] stays as it is */
/* Likewise, but that done and limit stay. */
void mcmp__pairs_again(mcmp__pairs *pairs);

/* Add the pairs that do not exist with this status; set_existing: the others get it too. */
void mcmp__pairs_register(mcmp__tx *tx, uint32_t node, const mcmp_command *command, uint32_t status,
                          int set_existing, mcmp__pairs *pairs);
void mcmp__pairs_remove(mcmp__tx *tx, uint32_t node, const mcmp_command *command,
                        mcmp__pairs *pairs);
/* 1: all pairs exist with this status. The row of the first alias stays in pairs. */
int mcmp__pairs_have(mcmp__read *rd, uint32_t node, const mcmp_command *command, uint32_t status,
                     mcmp__pairs *pairs);
/* Mark the pairs that exist. */
void mcmp__pairs_mark(mcmp__read *rd, uint32_t node, const mcmp_command *command,
                      mcmp__pairs *pairs);
/* Running requests of the named contexts (MCMP 4.2). */
uint64_t mcmp__pairs_running(mcmp__read *rd, uint32_t node, const mcmp_command *command,
                             size_t limit, int by_pair);
int mcmp__pairs_is_done(const mcmp__pairs *pairs, const mcmp_command *command, size_t alias,
                        size_t context);
void mcmp__pairs_log_left(const mcmp__call *call, const mcmp__pairs *pairs);

#endif
