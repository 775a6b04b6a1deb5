/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepting. At the limit of connections the socket is not watched, so that new ones wait in the
 * system's queue or go to another worker. A lack of descriptors pauses accepting for a moment
 * instead of spinning.
 */
#include "listener.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "client.h"
#include "log.h"
#include "manage.h"
#include "worker.h"

#define ACCEPT_AT_ONCE 32

static int has_room(const struct listener *l)
{
    const struct worker *w = l->worker;

    return listening_is_management(l->kind)
               ? w->manage_count < w->config->management_max_connections
               : w->client_count < w->config->max_connections;
}

static void take(struct listener *l)
{
    for (int i = 0; i < ACCEPT_AT_ONCE && has_room(l); i++) {
        struct sockaddr_storage addr;
        socklen_t len = sizeof(addr);
        int fd = accept4(l->io.fd, (struct sockaddr *)&addr, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0 && errno != EAGAIN) {
            log_write(MCMP_LOG_ERROR, "listener", "can't accept: %s", strerror(errno));
            io_want(&l->io, 0);
            timer_set(&l->worker->timers, &l->pause, MCMP_SEC / 5);
        }
        if (fd < 0)
            return;
        if (listening_is_management(l->kind))
            manage_start(l->worker, fd, (const struct sockaddr *)&addr,
                         l->kind == LISTENING_TLS_MANAGEMENT);
        else
            client_start(l->worker, fd, (const struct sockaddr *)&addr, l->kind == LISTENING_TLS);
    }
    if (!has_room(l))
        io_want(&l->io, 0);
}

static void on_ready(struct io *io, unsigned events)
{
    (void)events;
    take(LINK_OWNER(struct listener, io, io));
}

static void on_pause_over(struct timer *timer)
{
    struct listener *l = LINK_OWNER(struct listener, pause, timer);

    if (l->open)
        io_want(&l->io, IO_READ);
}

int listener_open(struct listener *l, struct worker *w, int fd, enum listening_kind kind)
{
    l->worker = w;
    l->kind = kind;
    timer_init(&l->pause, on_pause_over);
    if (io_open(&l->io, &w->loop, fd, on_ready) != 0)
        return -1;
    l->open = 1;
    io_want(&l->io, IO_READ);
    return 0;
}

static void on_closed(struct io *io)
{
    (void)io;
}

void listener_close(struct listener *l)
{
    if (!l->open)
        return;
    take(l); /* who waits in the queue would be reset */
    l->open = 0;
    timer_drop(&l->pause);
    io_close(&l->io, on_closed);
}

void listeners_resume(struct worker *w)
{
    for (unsigned i = 0; i < w->listener_count; i++)
        if (w->listeners[i].open && w->listeners[i].io.want == 0 && has_room(&w->listeners[i]))
            io_want(&w->listeners[i].io, IO_READ);
}
