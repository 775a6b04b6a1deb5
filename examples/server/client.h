/* SPDX-License-Identifier: Apache-2.0 */
/* Client connections: reading requests, keep-alive, limits of time, and closing. */
#ifndef SERVER_CLIENT_H
#define SERVER_CLIENT_H

#include <sys/socket.h>

#include "out.h"
#include "worker.h"

struct exchange;

enum client_phase {
    CLIENT_IDLE,     /* between requests */
    CLIENT_TLS,      /* shaking hands */
    CLIENT_HEAD,     /* a head is coming */
    CLIENT_EXCHANGE, /* a request is being served */
    CLIENT_LINGER,   /* our side is closed, the rest is read and dropped */
    CLIENT_CLOSED
};

struct client {
    struct io io;
    struct link link;
    struct worker *worker;
    struct timer timer;
    struct stream stream;
    struct tls_facts *tls; /* of a client by TLS, else NULL */
    struct exchange *exchange;
    struct buffer *in;
    struct out out;
    uint64_t number;
    enum client_phase phase;
    int at_end; /* the client closed its side */
    int running;
    int served; /* had a request */
    size_t lingered;
    mcmp_time linger_until;
    uint16_t peer_port;
    char peer[48];  /* address as text, without brackets */
    char local[48]; /* likewise of our side; empty until somebody asks */
};

void clients_init(struct worker *w);
/* Take a connection; the descriptor is ours. */
void client_start(struct worker *w, int fd, const struct sockaddr *peer, int tls);
/* The worker leaves: idle connections are closed. */
void clients_leave(struct worker *w);
/* Close all of them and free what was kept for later ones. */
void clients_close(struct worker *w);

/* The exchange is over and its answer sent: go on, or close. */
void client_done(struct client *c, int reuse);
/* Close at once; broken: so that the client can't take what it got for complete. */
void client_close(struct client *c, int broken);
/* Address of our side of the connection as text. */
const char *client_local(struct client *c);
/* Wait for events; TLS may need another one than it seems. */
void client_want(struct client *c, unsigned events);
/* Send what is queued. 1: all; 0: the client is slow, IO_WRITE is waited for; -1: it is gone. */
int client_flush(struct client *c);
/* Read more of the request. >0: bytes came; 0: nothing now; -1: end or error, see at_end. */
ssize_t client_read(struct client *c);

#endif
