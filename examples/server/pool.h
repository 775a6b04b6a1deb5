/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections to nodes. Each node (by handle and endpoint) has a pool in each worker: idle
 * connections are used again, newest first; those above smax are closed after ttl, those up to smax
 * after node-idle-timeout, the last `min` of them never. A connection to an ajp node that was idle
 * for a while is asked by CPing first; one that does not answer is replaced by a fresh one, which
 * is asked, too.
 */
#ifndef SERVER_POOL_H
#define SERVER_POOL_H

#include <libmcmp/libmcmp.h>

#include "log.h"
#include "node_settings.h"
#include "out.h"
#include "resolve.h"
#include "worker.h"

struct exchange;
struct pool;

enum upstream_phase {
    UPSTREAM_CONNECT,
    UPSTREAM_TLS,
    UPSTREAM_PING, /* AJP: is the node alive? */
    UPSTREAM_BUSY, /* belongs to an exchange */
    UPSTREAM_IDLE,
    UPSTREAM_CLOSED
};

struct upstream {
    struct io io;
    struct stream stream;
    struct link link; /* in the pool's idle or used ring */
    struct worker *worker;
    struct pool *pool;
    struct exchange *exchange;
    struct timer timer;
    struct upstream *next_free;
    mcmp_http_head *head; /* parser of responses; stays with the object */
    mcmp_http_body body;
    mcmp_ajp_proxy *ajp; /* codec of connections to ajp nodes; stays with the object */
    uint32_t ajp_packet; /* its max_packet */
    struct buffer *in;
    struct out out;
    enum upstream_phase phase;
    int reused;      /* served a request before */
    int open;        /* io is in use */
    unsigned next;   /* next address to try */
    const char *why; /* what a connect failed of at once */
    mcmp_time deadline;
    mcmp_time ttl;
    mcmp_time ping;
    mcmp_time idle_since;
    int64_t smax;
};

struct pool {
    struct pool *next; /* in the table's chain */
    struct worker *worker;
    mcmp_handle node;
    uint32_t scheme;
    uint32_t port;
    struct link idle;
    struct link used;
    unsigned idle_count;
    unsigned total;
    int gone;     /* the node went away: no connection is kept */
    int answered; /* it answered a request by AJP */
    struct node_setting setting;
    struct resolve *resolve;
    struct address list[RESOLVE_MAX];
    unsigned count;
    mcmp_time resolved_at;
    struct log_limit limit;
    size_t host_len;
    char host[256];
    char route[256];
};

/* How a connection came about, or not. */
#define POOL_READY 0   /* x->up may be used at once */
#define POOL_COMING 1  /* exchange_connected() or exchange_connect_failed() will be called */
#define POOL_FULL (-1) /* max-node-connections */
#define POOL_FAILED (-2)

struct pools *pools_new(struct worker *w);
void pools_free(struct pools *pools);
/* A connection to the node of the exchange's selection; fresh: not a used one. */
int pool_acquire(struct pools *pools, struct exchange *x, int fresh, const char **why);
/* The exchange is done with its connection: keep it, or close it. */
void upstream_release(struct upstream *up, int keep);
/* Drop the connections of a node that is gone. */
void pools_node_gone(struct pools *pools, mcmp_handle node);
void upstream_want(struct upstream *up, unsigned events);
/* A connection that was asked whether its node lives. */
void upstream_is_ready(struct upstream *up);
void upstream_is_dead(struct upstream *up, const char *why);

#endif
