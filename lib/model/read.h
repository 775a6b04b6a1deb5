/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store as its readers see it (DESIGN 3): the one header of lib/model that lib/lb may include.
 *
 * Contract. A read section sees the state after a whole number of messages. It takes no lock and
 * writes nothing; what it read counts only when mcmp__read_done() returns 1, so copy out inside and
 * act outside:
 *
 *     mcmp__read_init(&rd, cluster);
 *     do {
 *         mcmp__read_begin(&rd);
 *         ...              (no return, goto or callback from here)
 *     } while (!mcmp__read_done(&rd));
 *     if (rd.damaged) ... (indices of the region point nowhere, or a cluster attached for reading
 *                          was always overtaken: mcmp__read_result() is the error)
 *
 * Inside a section every index is checked before it is followed; one that is out of range reads as
 * 0 ("none"). Indices (node, balancer, seat, ...) are slots from 1 up and mean something only
 * inside the section that found them; across sections use handles. The live rows and running
 * counts are outside the copies: plain atomics, usable at any time.
 */
#ifndef MCMP__READ_H
#define MCMP__READ_H

#include <libmcmp/cluster.h>
#include <libmcmp/response.h>
#include <libmcmp/select.h>

#include "base/atomic.h"
#include "base/base.h"

/* The cluster's handle */

/* Options with every default filled in (times: MCMP_NEVER stays, it means off); immutable. */
typedef struct mcmp__config {
    mcmp_cluster_options opts; /* its pointers are copies that live as long as the handle */
    mcmp_command_limits limits;
    mcmp_logger logger;
    mcmp_allocator allocator;
} mcmp__config;

const mcmp__config *mcmp__config_of(const mcmp_cluster *cluster);

/* What lb keeps per handle, that is per process. */
typedef struct mcmp__local {
    _Atomic uint64_t *used;  /* by node index, node_slots of them: what was selected here, of lb */
    struct mcmp__live *live; /* rows of the region, node_slots of them, row 0 belongs to no node */
    uint32_t node_slots;     /* over every index that a node can have */
    uint32_t read_only;      /* attached for reading: nothing of the region may be written */
    _Atomic uint64_t random; /* state of a generator; seeded per process, again after fork */
    void *lb;                /* lb's own; freed by lb_free when the handle is closed */
    void (*lb_free)(mcmp_cluster *cluster, void *lb);
} mcmp__local;

mcmp__local *mcmp__local_of(mcmp_cluster *cluster);

/* 16 words of the region for lb alone (health schedule), zero when the region is created. */
mcmp__word *mcmp__shared_words(mcmp_cluster *cluster);

/* Read sections */

typedef struct mcmp__layout mcmp__layout;

typedef struct mcmp__read {
    const mcmp__layout *layout; /* where which table is */
    const mcmp__word *base;     /* the copy that is read */
    mcmp_cluster *cluster;
    uint64_t seen;    /* publication word at begin */
    uint32_t tries;   /* sections so far */
    uint32_t walked;  /* steps from one row to another of the same hash, of all sections */
    uint32_t locked;  /* this one holds the lock, after too many tries */
    uint32_t torn;    /* an index was out of range: overtaken, or damaged */
    uint32_t damaged; /* 1: torn, but nobody overtook; 2: always overtaken */
} mcmp__read;

void mcmp__read_init(mcmp__read *rd, mcmp_cluster *cluster);
void mcmp__read_begin(mcmp__read *rd);
int mcmp__read_done(mcmp__read *rd); /* 1: whole; 0: begin again. Ends after bounded tries. */
int mcmp__read_result(const mcmp__read *rd); /* MCMP_OK, MCMP_ERR_DAMAGED, MCMP_ERR_OVERTAKEN */
uint64_t mcmp__version(const mcmp_cluster *cluster); /* changes with each message that changes */

/* Contexts and candidates (MCMP 5.1, 5.2) */

#define MCMP__MATCH_MAX \
    8 /* aliases of one host name that count: itself and wildcards, longest first */

/* The longest context that matches, of all balancers or of the one asked for. */
typedef struct mcmp__match {
    uint32_t count;                  /* 0: no context matches */
    uint32_t balancer;               /* as asked */
    size_t context_len;              /* it is path[0 .. context_len) */
    uint32_t group;                  /* of the balancer that was given last; 0 = look it up */
    uint32_t given;                  /* that balancer */
    const mcmp__word *row;           /* of the group */
    uint32_t place[MCMP__MATCH_MAX]; /* (alias, context) */
    uint32_t cursor[MCMP__MATCH_MAX];
} mcmp__match;

/* host: Host or :authority, port allowed, any case; only looked at with use_alias on. path is cut
 * at the first `?` or `;` here. balancer: 0 = any. Returns match->count. */
uint32_t mcmp__match_find(mcmp__read *rd, mcmp_span host, mcmp_span path, uint32_t balancer,
                          mcmp__match *match);
/* The balancers that hold the matched context, in registration order: the first call gives the
 * first one, 0 ends. With a fixed balancer that one only. */
uint32_t mcmp__match_next(mcmp__read *rd, mcmp__match *match);

/* The members of one balancer at the matched context. They are numbered in the order ENABLED,
 * DISABLED, STOPPED. Where groups > 1 a node may be counted several times; see
 * mcmp__set_member(). */
typedef struct mcmp__set {
    uint32_t groups; /* 1; with use_alias up to MCMP__MATCH_MAX; 0 = the balancer has none here */
    uint32_t enabled;
    uint32_t disabled;
    uint32_t stopped;
    uint32_t group[MCMP__MATCH_MAX];
    uint32_t place[MCMP__MATCH_MAX];
    const mcmp__word *row; /* of the first group */
} mcmp__set;

typedef struct mcmp__member {
    uint32_t node;   /* index; 0 = none */
    uint32_t seat;   /* its place in this context, for the running count */
    uint32_t status; /* MCMP_STATUS_*, the most serving one of the aliases that count */
} mcmp__member;

/* domain: 0 = all members, else only those in this domain. Returns the number of members. */
uint32_t mcmp__set_of(mcmp__read *rd, const mcmp__match *match, uint32_t balancer, uint32_t domain,
                      mcmp__set *set);
/* i < enabled + disabled + stopped. Returns 0 where the i-th is a repeat of a node that counts
 * under another number with a status at least as good: skip it. O(1), independent of the set's
 * size. */
int mcmp__set_member(mcmp__read *rd, const mcmp__set *set, uint32_t i, mcmp__member *out);
/* Members from .. from + n - 1, without repeats, in one call; returns how many were written. */
uint32_t mcmp__set_members(mcmp__read *rd, const mcmp__set *set, uint32_t from, uint32_t n,
                           mcmp__member *out);

/* Members where they stand, for who looks at each of them in a few steps: words `seat << 32 | node`
 * from number i of a set of one group on. Nothing about them was checked, and behind the set's last
 * member there is anything. */
typedef struct mcmp__run {
    const mcmp__word *at;
    uint32_t count;
} mcmp__run;

mcmp__run mcmp__set_run(mcmp__read *rd, const mcmp__set *set, uint32_t i);
/* 1 and its member when the node is one of the set; O(1). */
int mcmp__set_find(mcmp__read *rd, const mcmp__set *set, uint32_t node, mcmp__member *out);

/* Nodes and balancers */

uint32_t mcmp__node_by_route(mcmp__read *rd, mcmp_span route);   /* live ones only; 0 = none */
uint32_t mcmp__node_by_handle(mcmp__read *rd, mcmp_handle node); /* live and current; 0 = stale */
uint32_t mcmp__node_slots(const mcmp__read *rd); /* node indices in use are 1 .. this */

/* Also of a node that was removed and is still shown (MCMP 4.4): leaving = 1. */
typedef struct mcmp__node {
    mcmp_handle handle;
    uint64_t id; /* `<n>` of the wire */
    uint32_t balancer;
    uint32_t domain; /* index of its text; 0 = none */
    uint32_t port;
    uint32_t scheme;
    uint32_t flushpackets;
    int32_t smax;
    uint32_t reversed;
    uint32_t leaving;
    mcmp_time flushwait;
    mcmp_time ping;
    mcmp_time ttl;
    mcmp_time timeout;
    mcmp_time removed_at; /* of a leaving one */
} mcmp__node;

int mcmp__node_get(mcmp__read *rd, uint32_t node, mcmp__node *out); /* 0: no such row */
uint32_t mcmp__node_balancer(mcmp__read *rd, uint32_t node);
uint32_t mcmp__node_domain(mcmp__read *rd, uint32_t node);
uint64_t mcmp__node_id(mcmp__read *rd, uint32_t node);

typedef struct mcmp__balancer {
    uint64_t order; /* by registration; never used again */
    mcmp_time wait_worker;
    uint32_t flags; /* MCMP_COMMAND_STICKY, _FORCE, _REMOVE */
    uint32_t max_attempts;
    uint32_t nodes;   /* live ones */
    uint32_t leaving; /* removed ones that are not forgotten yet */
} mcmp__balancer;

uint32_t mcmp__balancer_by_name(mcmp__read *rd, mcmp_span name); /* lower case; 0 = none */
int mcmp__balancer_get(mcmp__read *rd, uint32_t balancer, mcmp__balancer *out);

/* Texts are copied out. Return: length; never more than room, which the limits bound (<= 1024). */
#define MCMP__TEXT_MAX 1024
enum mcmp__text_kind {
    MCMP__NODE_ROUTE, /* of a node */
    MCMP__NODE_HOST,
    MCMP__BALANCER_NAME, /* of a balancer */
    MCMP__BALANCER_COOKIE,
    MCMP__BALANCER_PATH,
    MCMP__DOMAIN_TEXT, /* interned */
    MCMP__ALIAS_TEXT,
    MCMP__CONTEXT_TEXT,
    MCMP__TEXT_KINDS
};
size_t mcmp__text(mcmp__read *rd, enum mcmp__text_kind kind, uint32_t index, char *out,
                  size_t room);
/* A balancer with its texts: name, cookie and path. The spans point into text. */
#define MCMP__BALANCER_TEXTS_ROOM (3 * 255 + 8)
int mcmp__balancer_all(mcmp__read *rd, uint32_t balancer, char *text, mcmp_span spans[3],
                       mcmp__balancer *out);

/* Domain of a removed node's route, remembered for opts.domain_memory (MCMP 4.4); 0 = none. */
uint32_t mcmp__domain_recall(mcmp__read *rd, mcmp_span route, mcmp_time now);

/* Give back what dead processes held. A look at each slot, and at the system for those in use. */
void mcmp__process_sweep(mcmp_cluster *cluster);

#include "model/live.h" /* live rows and running counts, which are outside the copies */

/* What a selection takes over from its node: all that its row says, route and host, copied to text,
 * and what it is counted by. 0: no such row. */
#define MCMP__NODE_TEXTS_ROOM (255 + 257 + 8) /* a host may have brackets */
int mcmp__node_take(mcmp__read *rd, uint32_t node, uint32_t seat, char *text, mcmp_selection *out,
                    mcmp__running *running);

/* Nodes that are gone or have a new endpoint, as (old) handles in order. *cursor starts with
 * mcmp__gone_now(), the caller keeps it. 1: *out; 0: none further; -1: too many missed. */
uint64_t mcmp__gone_now(mcmp__read *rd);
int mcmp__gone_next(mcmp__read *rd, uint64_t *cursor, mcmp_handle *out);

/* A probe of this endpoint by the options (MCMP 6): deadline min(ping, cap), ping 0 = the cap
 * alone; name resolution allowed; node and ticket are the caller's. authority has room for
 * MCMP__AUTHORITY_MAX bytes and lives as long as the probe, as do the bytes of host. */
#define MCMP__AUTHORITY_MAX (MCMP__TEXT_MAX + 24)
void mcmp__probe_fill(const mcmp__config *config, mcmp_span host, uint32_t port, uint32_t scheme,
                      mcmp_time ping, mcmp_time now, char *authority, mcmp_probe *out);

/* The one write of lb, outside read sections: take a node out as REMOVE-APP does (MCMP 4.4).
 * MCMP_OK, MCMP_ERR_STALE. */
int mcmp__node_expire(mcmp_cluster *cluster, mcmp_handle node, mcmp_time now, mcmp_error *err);

#endif
