/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readiness by uv_poll. Of the instructions that a small forwarded request takes in this process
 * libuv's share is 2 % (callgrind), so an own use of epoll could not gain what would justify it.
 * Changing what is watched costs two system calls, so an event that is no
 * longer wanted stays watched until it comes up once; only a new wish is passed on at once. An
 * error condition is reported as readable and writable: the next system call tells it.
 */
#include "io.h"

#include <sys/socket.h>
#include <unistd.h>

static void on_poll(uv_poll_t *poll, int status, int events);

static void watch(struct io *io, unsigned events)
{
    int bits = (events & IO_READ ? UV_READABLE : 0) | (events & IO_WRITE ? UV_WRITABLE : 0);

    io->watched = events;
    if (events != 0)
        uv_poll_start(&io->poll, bits, on_poll);
    else
        uv_poll_stop(&io->poll);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct io *io = poll->data;
    unsigned ready = 0;

    if (status < 0) {
        /* libuv stopped watching; what is wanted is tried by its owner, nothing else comes. */
        io->watched = 0;
        ready = IO_READ | IO_WRITE;
    } else {
        ready = (events & UV_READABLE ? IO_READ : 0) | (events & UV_WRITABLE ? IO_WRITE : 0);
    }
    if ((ready & ~io->want) != 0 && status >= 0)
        watch(io, io->want);
    ready &= io->want;
    if (ready != 0)
        io->ready(io, ready);
}

int io_open(struct io *io, uv_loop_t *loop, int fd, void (*ready)(struct io *io, unsigned events))
{
    if (uv_poll_init(loop, &io->poll, fd) != 0)
        return -1;
    io->poll.data = io;
    io->fd = fd;
    io->want = 0;
    io->watched = 0;
    io->ready = ready;
    return 0;
}

void io_want(struct io *io, unsigned events)
{
    io->want = events;
    if ((events & ~io->watched) != 0)
        watch(io, events);
}

int io_has_input(const struct io *io)
{
    char byte;

    return recv(io->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct io *io = handle->data;

    io->closed(io);
}

void io_close(struct io *io, void (*closed)(struct io *io))
{
    io->closed = closed;
    io->want = 0;
    uv_close((uv_handle_t *)&io->poll, on_closed);
    close(io->fd);
    io->fd = -1;
}
