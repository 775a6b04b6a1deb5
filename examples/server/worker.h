/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker process: one loop that serves traffic and management, with its share of the sockets and
 * its own pools. All workers see one cluster.
 */
#ifndef SERVER_WORKER_H
#define SERVER_WORKER_H

#include <uv.h>

#include <libmcmp/libmcmp.h>

#include "buffers.h"
#include "config.h"
#include "io.h"
#include "sockets.h"
#include "timer.h"

/* What the master hands to a worker. */
struct worker_start {
    const struct config *config;
    mcmp_cluster *cluster;
    struct listening_set *sockets; /* closed when the worker has taken its own */
    unsigned slot;
    uint32_t serial; /* of all workers ever started */
    int ready_fd;    /* the worker writes its pid there when it serves */
    int life_fd;     /* ends when the master is dead */
};

/* Link in a ring of objects, for closing all of them at the end. */
struct link {
    struct link *next;
    struct link *prev;
};

struct listener;
struct tick;
struct pools;
struct access_log;
struct ssl_ctx_st;

struct worker {
    uv_loop_t loop;
    const struct config *config;
    mcmp_cluster *cluster;
    uint64_t next_connection; /* unique over all workers */
    struct timers timers;
    struct slab buffers;
    struct listener *listeners;
    unsigned listener_count;
    struct link clients; /* of all client connections */
    struct link manages; /* of all management connections */
    unsigned client_count;
    unsigned manage_count;
    unsigned probe_count;
    struct slab client_slab;
    struct slab exchange_slab;
    struct slab upstream_slab;
    struct tick *tick;
    struct pools *pools;
    struct access_log *access_log;
    struct ssl_ctx_st *tls;        /* made when the first https or wss node is met */
    struct ssl_ctx_st *tls_front;  /* of tls-listen, made when its first client comes */
    struct ssl_ctx_st *tls_manage; /* of tls-management, likewise */
    struct io life;
    uv_signal_t signals[3];
    struct timer stop_timer;
    uv_timer_t end_timer;
    int stopping;
    int ended;
};

/* Serve until told to leave. Returns the exit code. */
int worker_run(const struct worker_start *start);
/* A connection is gone: when the worker is leaving this may have been the last one. */
void worker_check_end(struct worker *w);

static inline void link_init(struct link *l)
{
    l->next = l;
    l->prev = l;
}

static inline void link_add(struct link *ring, struct link *l)
{
    l->next = ring;
    l->prev = ring->prev;
    ring->prev->next = l;
    ring->prev = l;
}

static inline void link_remove(struct link *l)
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
    link_init(l);
}

#define LINK_OWNER(type, member, l) ((type *)(void *)((char *)(l)-offsetof(type, member)))

#endif
