/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readiness of a descriptor: the one place that knows the event library. Reading and writing is
 * done by plain system calls on the descriptor, straight from and to the buffers.
 */
#ifndef SERVER_IO_H
#define SERVER_IO_H

#include <uv.h>

#define IO_READ 1u
#define IO_WRITE 2u

struct io {
    uv_poll_t poll;
    int fd;
    unsigned want;    /* events the owner waits for */
    unsigned watched; /* events the loop watches; may be more than wanted */
    void (*ready)(struct io *io, unsigned events);
    void (*closed)(struct io *io);
};

/* Take a non-blocking descriptor. 0 or -1; the descriptor is the owner's when it fails. */
int io_open(struct io *io, uv_loop_t *loop, int fd, void (*ready)(struct io *io, unsigned events));
/* Wait for these events and no others. */
void io_want(struct io *io, unsigned events);
/* 1 when bytes lie there that were not read yet. */
int io_has_input(const struct io *io);
/* Close the descriptor at once; closed() is called later, when the memory may go. */
void io_close(struct io *io, void (*closed)(struct io *io));

#endif
