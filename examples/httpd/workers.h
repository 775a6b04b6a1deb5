/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mod_proxy's workers, one for each node that this process has forwarded to: its name, timeouts and
 * pool of connections. A worker belongs to one generation of its node; the next one gets a new one.
 */
#ifndef MCMP_HTTPD_WORKERS_H
#define MCMP_HTTPD_WORKERS_H

#include "traffic.h"

/* What virtual hosts may set differently; each set has workers of its own. */
struct workers_kind {
    const char *secret;  /* NULL = none */
    const char *upgrade; /* protocols that may be switched to, as mod_proxy's upgrade= */
    int64_t field_size;
};

/* A worker that is held; text lives as long as it is held. */
struct node_worker;

/* Makes the tables of this process; the kinds of all servers are known from then on. */
void workers_init(apr_pool_t *pool, server_rec *main_server);

/*
 * Holds the worker of a selected node for requests of server s; lock-free but for the first time.
 * NULL when it can't be made, which is logged.
 */
struct node_worker *workers_hold(server_rec *s, const mcmp_selection *selection);
/* Gives it back; after the last holder of a retired one its connections are closed. */
void workers_release(struct node_worker *held);

proxy_worker *workers_proxy(const struct node_worker *held);

/* Bytes that passed over it since they were last taken, by all requests. */
void workers_take_bytes(struct node_worker *held, uint64_t *out_read, uint64_t *out_sent);

/* Retires the workers of nodes that are no more, now and then. */
void workers_sweep(mcmp_cluster *cluster, mcmp_time now);

#endif
