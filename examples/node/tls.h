/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS towards management ports, by OpenSSL over memory: bytes in, bytes out, no sockets.
 */
#ifndef NODE_TLS_H
#define NODE_TLS_H

#include <stddef.h>

typedef struct node_tls node_tls;           /* settings that all connections share */
typedef struct node_tls_conn node_tls_conn; /* one connection */

typedef struct node_tls_options {
    const char *ca;   /* file of certificates to trust; NULL: the system's */
    const char *cert; /* file of our certificate and its chain; NULL: none */
    const char *key;  /* file of its key; NULL: it is in cert */
    int verify;       /* 0: take any certificate */
} node_tls_options;

/* NULL: *why says what is wrong; it is static text. */
node_tls *node_tls_new(const node_tls_options *options, const char **why);
void node_tls_free(node_tls *tls);

/* A connection to a host, whose certificate must name it. NULL: no memory. */
node_tls_conn *node_tls_open(node_tls *tls, const char *host);
void node_tls_close(node_tls_conn *conn);

/* Bytes that came from the peer. 0, or -1 without memory. */
int node_tls_put(node_tls_conn *conn, const void *data, size_t len);

/* Go on with the handshake. 1: it is done, 0: more bytes are needed, -1: *why. */
int node_tls_handshake(node_tls_conn *conn, const char **why);

/* Plain bytes: their number, 0 when more are needed, -1: *why; NULL when the peer has ended it. */
int node_tls_read(node_tls_conn *conn, void *data, size_t size, const char **why);
int node_tls_write(node_tls_conn *conn, const void *data, size_t len); /* 0, or -1 */

/* Bytes that are to be sent to the peer: up to size of them; their number. */
size_t node_tls_take(node_tls_conn *conn, void *data, size_t size);

#endif
