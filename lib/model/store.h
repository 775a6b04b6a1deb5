/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store as its writers see it (DESIGN 3): transactions over the tables, and snapshots for
 * views.
 *
 * Contract. mcmp__tx_begin() takes the one writer lock (a dead owner's is recovered, and what it
 * left half done is undone or finished before the first write). Everything written in a transaction
 * becomes visible at once by commit, or never: abort, and death at any instruction, leave no trace.
 * A transaction that wrote nothing publishes nothing. Between begin and commit or abort nothing is
 * allocated and no callback of the host (log, authorise) may be called.
 *
 * Reading inside a transaction: &tx->rd serves every function of read.h that takes a mcmp__read,
 * and sees the transaction's own writes; read_begin and read_done are not called on it. Indices
 * stay valid until commit unless their row is removed. Judging a message before locking uses the
 * same functions on a read section.
 *
 * MCMP_ERR_FULL comes before anything of that call is written, with field = the option's name.
 */
#ifndef MCMP__STORE_H
#define MCMP__STORE_H

#include "base/base.h"
#include "model/read.h"

#include <libmcmp/view.h>

typedef struct mcmp__tx {
    mcmp__read rd;
    mcmp_cluster *cluster;
    mcmp__word *work;   /* the copy that is written, once open */
    mcmp__word *bitmap; /* blocks that are in the dirty log */
    mcmp__word *log;    /* the same in the order of their first writes */
    mcmp_time now;
    uint64_t log_count;
    uint32_t open;       /* something was written */
    uint32_t fresh_node; /* added by this message */
    uint32_t fresh_generation;
    uint32_t pinned_balancer; /* put by this message; goes at commit if it has no node */
    uint64_t heal_connection; /* of the added node */
    uint64_t changes;         /* entries of the ring of changes by this message */
    uint64_t change_start;    /* where the first of them is */
} mcmp__tx;

/* MCMP_OK, MCMP_ERR_OS (the lock can't be taken), MCMP_ERR_STATE (attached for reading only) */
int mcmp__tx_begin(mcmp__tx *tx, mcmp_cluster *cluster, mcmp_time now, mcmp_error *err);
/* The same, but waits no longer than that for the lock. */
int mcmp__tx_begin_within(mcmp__tx *tx, mcmp_cluster *cluster, mcmp_time now, uint32_t ms,
                          mcmp_error *err);
void mcmp__tx_commit(mcmp__tx *tx);
void mcmp__tx_abort(mcmp__tx *tx);

/* Access rules: owned by the authorisation part, one per handle. Called at the start of open,
 * before there is a region to leave behind, and at the start of close. */
typedef struct mcmp__access mcmp__access;
mcmp__access **mcmp__access_of(mcmp_cluster *cluster);
int mcmp__access_open(mcmp_cluster *cluster, mcmp_error *err);
void mcmp__access_close(mcmp_cluster *cluster);

/* Nodes */

/* What CONFIG says of a node. Texts are copied. */
typedef struct mcmp__node_data {
    mcmp_span route;
    mcmp_span domain; /* empty = none */
    mcmp_span host;   /* as shown; compared without case, IPv6 by value */
    uint32_t port;
    uint32_t scheme;
    uint32_t flushpackets;
    int32_t smax;
    uint32_t reversed;
    uint32_t reserved;
    mcmp_time flushwait;
    mcmp_time ping;
    mcmp_time ttl;
    mcmp_time timeout;
    uint64_t owner[3]; /* who registered it, for MCMP_CLUSTER_OWNERSHIP; free form */
} mcmp__node_data;

/* Live or leaving; a live row hides leaving ones. Of one route, and of one endpoint, there is at
 * most one row in all, since a CONFIG takes the row of a leaving node over. 0 = none. */
uint32_t mcmp__row_by_route(mcmp__read *rd, mcmp_span route);
uint32_t mcmp__row_by_endpoint(mcmp__read *rd, mcmp_span host, uint32_t port);
mcmp_handle mcmp__node_handle(mcmp__read *rd, uint32_t node); /* of any row; row 0: no handle */
int mcmp__host_equal(mcmp_span a, mcmp_span b);               /* the comparison of endpoints */
void mcmp__node_owner(mcmp__read *rd, uint32_t node, uint64_t out[3]);
void mcmp__node_set_owner(mcmp__tx *tx, uint32_t node, const uint64_t owner[3]);
uint64_t mcmp__node_removed_connection(mcmp__read *rd, uint32_t node); /* of a leaving one */

/* A new live node with a new id and a zero live row. Leaving rows of its route or endpoint are
 * forgotten. Route and endpoint of live nodes must be free (asserted).
 * MCMP_OK, MCMP_ERR_FULL (max_nodes): leaving rows never count. */
int mcmp__node_add(mcmp__tx *tx, const mcmp__node_data *data, uint32_t balancer, uint32_t *out,
                   mcmp_error *err);
/* What may change at any time: domain, flushpackets, flushwait, ping, timeout. Writes only what
 * differs. A new domain costs in proportion to the node's contexts. */
void mcmp__node_update(mcmp__tx *tx, uint32_t node, const mcmp__node_data *data);
/* All but the route, and the balancer: keeps id, live row, contexts and their status; the handle
 * gets a new generation, the old one is reported by mcmp__gone_next(). health word: event
 * REPLACE. */
void mcmp__node_replace(mcmp__tx *tx, uint32_t node, const mcmp__node_data *data,
                        uint32_t balancer);
/* REMOVE-APP of the whole node: contexts and aliases go, the row becomes a leaving one, its
 * domain is remembered. connection: of the message, 0 = none; for heal_reset. */
void mcmp__node_remove(mcmp__tx *tx, uint32_t node, uint64_t connection);
void mcmp__node_forget(mcmp__tx *tx, uint32_t node); /* a leaving row, now */
/* Leaving rows that are not shown any more, at least those of this balancer. Each is forgotten
 * once, so that a message costs more only after many removals that none has cleaned up after. */
void mcmp__node_forget_over(mcmp__tx *tx, uint32_t balancer);

/* All rows, live and leaving, newest registration first; node = 0 starts, 0 ends. */
uint32_t mcmp__node_next(mcmp__read *rd, uint32_t node);
uint32_t mcmp__node_count(mcmp__read *rd); /* live ones */
/* Stage of a leaving row: MCMP_NODE_LEAVING, MCMP_NODE_REMOVED, or -1 = not shown any more. Rows
 * that are over stay for heal_window and are reused without a sign. */
int mcmp__leaving_stage(const mcmp_cluster *cluster, mcmp_time removed_at, mcmp_time now);

/* Balancers */

typedef struct mcmp__balancer_data {
    mcmp_span name; /* lower case */
    mcmp_span cookie;
    mcmp_span path;
    mcmp_time wait_worker;
    uint32_t flags; /* MCMP_COMMAND_STICKY, _FORCE, _REMOVE */
    uint32_t max_attempts;
} mcmp__balancer_data;

/* Find or add the balancer and give it these fields; writes only what differs. A balancer that gets
 * no node before commit goes again. MCMP_OK, MCMP_ERR_FULL (max_balancers). */
int mcmp__balancer_put(mcmp__tx *tx, const mcmp__balancer_data *data, uint32_t *out,
                       mcmp_error *err);
/* Keep the balancer, if there is one, though its last row goes in this message: one that loses its
 * row and gets another is the same balancer for readers, in its old place. */
void mcmp__balancer_pin(mcmp__tx *tx, mcmp_span name);
/* A new one, without the promise that it goes: its nodes must follow in the same message. */
int mcmp__balancer_make(mcmp__tx *tx, const mcmp__balancer_data *data, uint32_t *out,
                        mcmp_error *err);
/* In order of registration; 0 starts, 0 ends. With only leaving nodes it is still listed. */
uint32_t mcmp__balancer_next(mcmp__read *rd, uint32_t balancer);

/* Aliases of a node and virtual-host numbers (MCMP 3.3) */

typedef struct mcmp__alias {
    uint64_t id; /* running id of its Vhost line; never used again */
    uint32_t node;
    uint32_t text;  /* MCMP__ALIAS_TEXT */
    uint32_t vhost; /* number */
    uint32_t pairs; /* contexts registered under this alias */
} mcmp__alias;

uint32_t mcmp__alias_find(mcmp__read *rd, uint32_t node, mcmp_span alias); /* lower case */
int mcmp__alias_get(mcmp__read *rd, uint32_t row, mcmp__alias *out);
/* Of the node, by registration; 0 starts, 0 ends. */
uint32_t mcmp__alias_next(mcmp__read *rd, uint32_t node, uint32_t row);
uint32_t mcmp__vhost_free(mcmp__read *rd, uint32_t node); /* lowest number not in use */
/* The alias must not exist at the node. MCMP_OK, MCMP_ERR_FULL (max_aliases). */
int mcmp__alias_add(mcmp__tx *tx, uint32_t node, mcmp_span alias, uint32_t vhost, uint32_t *out,
                    mcmp_error *err);
/* Drop the number with all its aliases if it has no pair (one that never got any: the context table
 * was full). 1 when it went. Removing pairs does this by itself. */
int mcmp__vhost_settle(mcmp__tx *tx, uint32_t node, uint32_t vhost);

/* Pairs (alias, context) of a node */

typedef struct mcmp__pair {
    uint64_t order; /* registration; never used again */
    uint32_t node;
    uint32_t alias;   /* its row */
    uint32_t context; /* MCMP__CONTEXT_TEXT */
    uint32_t status;  /* MCMP_STATUS_* */
    uint32_t seat; /* for mcmp__running_seat(): of the pair with use_alias, else of the context */
    uint32_t reserved;
} mcmp__pair;

uint32_t mcmp__pair_find(mcmp__read *rd, uint32_t alias, mcmp_span context);
/* What was found on the way to a pair, for who adds it if there is none: nothing may be written in
 * between. */
typedef struct mcmp__spot {
    uint32_t hash;  /* of the context */
    uint32_t depth; /* its segments */
    uint32_t text;  /* MCMP__CONTEXT_TEXT; 0 = not there yet, as the others */
    uint32_t place;
    uint32_t seat;
} mcmp__spot;
uint32_t mcmp__pair_spot(mcmp__read *rd, uint32_t alias, mcmp_span context, mcmp__spot *out);
int mcmp__pair_get(mcmp__read *rd, uint32_t pair, mcmp__pair *out);
uint32_t mcmp__pair_status(mcmp__read *rd, uint32_t pair); /* of a pair that was found; row 0: 0 */
/* Of the node, by registration; 0 starts, 0 ends. */
uint32_t mcmp__pair_next(mcmp__read *rd, uint32_t node, uint32_t pair);
/* The pair must not exist. MCMP_OK, MCMP_ERR_FULL (max_contexts). */
int mcmp__pair_add(mcmp__tx *tx, uint32_t alias, mcmp_span context, uint32_t status, uint32_t *out,
                   mcmp_error *err);
/* The same at the spot where pair_spot() found none. */
int mcmp__pair_add_at(mcmp__tx *tx, uint32_t alias, mcmp_span context, const mcmp__spot *spot,
                      uint32_t status, uint32_t *out, mcmp_error *err);
void mcmp__pair_set_status(mcmp__tx *tx, uint32_t pair, uint32_t status); /* writes if it differs */
/* The last one of a virtual-host number takes the number and its aliases with it. */
void mcmp__pair_remove(mcmp__tx *tx, uint32_t pair);
/* Without use_alias: the seat of the node's context, whatever alias has it. 0 = none. */
uint32_t mcmp__context_seat(mcmp__read *rd, uint32_t node, mcmp_span context);
/* Handle of the seat of (node, alias, context), to ask for its running requests outside the
 * transaction; without use_alias the alias does not matter. 0 = none. */
mcmp_handle mcmp__seat_handle(mcmp__read *rd, uint32_t seat);
uint32_t mcmp__running_of_seat(mcmp_cluster *cluster, mcmp_handle seat);

/* Domain memory, for saving and loading */

typedef struct mcmp__memory {
    mcmp_time at;
    uint32_t domain; /* MCMP__DOMAIN_TEXT */
    uint32_t route_len;
    char route[256];
} mcmp__memory;

/* Oldest first; 0 starts, 0 ends. Fills out. */
uint32_t mcmp__memory_next(mcmp__read *rd, uint32_t row, mcmp__memory *out);
/* As the newest one. 0 = the route is remembered already. There must be room. */
int mcmp__memory_restore(mcmp__tx *tx, mcmp_span route, mcmp_span domain, mcmp_time at);

/* Room, to judge a message whole before it writes: entries that still fit. */
uint32_t mcmp__room_aliases(mcmp__read *rd);
uint32_t mcmp__room_pairs(mcmp__read *rd);

/* Times and words of live rows */

/* heal_reset (MCMP 4.1): lives in the live row, cleared by an atomic exchange. */
void mcmp__heal_arm(mcmp__tx *tx, uint32_t node, uint64_t connection, mcmp_time until);
/* 1 once, when armed for this connection and not over. Lock-free; outside transactions. */
int mcmp__heal_fire(mcmp_cluster *cluster, uint32_t node, uint64_t connection, mcmp_time now);

uint64_t mcmp__cluster_id(const mcmp_cluster *cluster);
/* The same in decimal; room is used when the id has changed since this handle was made. */
mcmp_span mcmp__cluster_id_text(const mcmp_cluster *cluster, char room[20]);

/* Snapshots: one whole state in memory of its own, for views. Every function that reads takes its
 * rd; live rows and running counts are those of the moment of copying and come through it too.
 * Without `must` it takes no lock: MCMP_ERR_OVERTAKEN after bounded tries; with it the copying is
 * done under the lock then. MCMP_ERR_NOMEM */
typedef struct mcmp__snapshot mcmp__snapshot;

int mcmp__snapshot_new(mcmp__snapshot **out, mcmp_cluster *cluster, int must, mcmp_error *err);
void mcmp__snapshot_free(mcmp__snapshot *snap);
mcmp__read *mcmp__snapshot_rd(mcmp__snapshot *snap);
/* Text without a copy, valid as long as the snapshot. */
mcmp_span mcmp__snapshot_text(mcmp__snapshot *snap, enum mcmp__text_kind kind, uint32_t index);
const mcmp__live *mcmp__snapshot_live(const mcmp__snapshot *snap, uint32_t node);

#endif
