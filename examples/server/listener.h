/* SPDX-License-Identifier: Apache-2.0 */
/* Takes connections from a listening socket, as long as the worker has room for them. */
#ifndef SERVER_LISTENER_H
#define SERVER_LISTENER_H

#include "io.h"
#include "sockets.h"
#include "timer.h"

struct worker;

struct listener {
    struct io io;
    struct worker *worker;
    struct timer pause; /* after a lack of descriptors */
    enum listening_kind kind;
    int open;
};

int listener_open(struct listener *l, struct worker *w, int fd, enum listening_kind kind);
void listener_close(struct listener *l);
/* There may be room again. */
void listeners_resume(struct worker *w);

#endif
