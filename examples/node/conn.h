/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to a host and port on libuv, by TLS or without: resolves, tries every address in
 * turn, carries bytes. Knows nothing of what they mean and, but for the choice of the address, of
 * no time.
 */
#ifndef NODE_CONN_H
#define NODE_CONN_H

#include "tls.h"

#include <libmcmp/base.h>

#include <uv.h>

typedef struct node_conn node_conn;

/* None is called from inside a function below; after closed() or node_conn_close() none is. */
typedef struct node_conn_events {
    void (*connected)(void *ctx);
    void (*received)(void *ctx, const char *data, size_t len);
    void (*closed)(void *ctx, const char *why); /* why NULL: the peer ended the stream */
} node_conn_events;

typedef struct node_conn_target {
    mcmp_span host; /* name or address, without brackets; 255 bytes at most */
    uint32_t port;
    node_tls *tls;  /* NULL: none; kept */
    mcmp_time time; /* that all addresses of the name share */
} node_conn_target;

/* NULL: no memory. In the end the caller calls node_conn_close(), after closed(), too. */
node_conn *node_conn_open(uv_loop_t *loop, const node_conn_target *target,
                          const node_conn_events *events, void *ctx);
void node_conn_write(node_conn *conn, const void *data, size_t len); /* copied */
void node_conn_close(node_conn *conn); /* the rest is freed when the loop has run */

#endif
