/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listening sockets. The master opens all of them before it forks and keeps them, so that a
 * connection that waits in a queue survives the death of the worker that would have taken it.
 */
#ifndef SERVER_SOCKETS_H
#define SERVER_SOCKETS_H

#include <stdio.h>

#include "config.h"

enum listening_kind {
    LISTENING_PLAIN,
    LISTENING_TLS,
    LISTENING_MANAGEMENT,
    LISTENING_TLS_MANAGEMENT
};

struct listening {
    struct address address; /* the real one, also when port 0 was asked for */
    enum listening_kind kind;
    unsigned fd_count; /* 1 (shared), or one per worker slot */
    int *fds;
};

struct listening_set {
    struct listening *item;
    unsigned count;
};

/* Open what the configuration says for `slots` workers. 0, or -1 with the complaint. */
int sockets_open(struct listening_set *set, const struct config *config, unsigned slots,
                 struct complaint *why);
void sockets_close(struct listening_set *set);
/* The socket that a worker of this slot accepts from. */
int sockets_fd(const struct listening *listening, unsigned slot);
/* 1: MCMP is spoken there. */
static inline int listening_is_management(enum listening_kind kind)
{
    return kind == LISTENING_MANAGEMENT || kind == LISTENING_TLS_MANAGEMENT;
}
/* "listen ADDR:PORT" and so on, by the option's name. */
void sockets_print(const struct listening_set *set, FILE *out);

#endif
