/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One probe: resolve, then for each address connect (TLS for https and wss), send, read until the
 * library has a verdict. Connect and read share the deadline; a further address gets its share of
 * what is left, so that a mute first one does not use all of it.
 */
#include "probe.h"

#include <libmcmp/command.h>
#include <libmcmp/probe.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cluster.h"
#include "io.h"
#include "resolve.h"
#include "tls.h"
#include "worker.h"

enum phase { PHASE_RESOLVE, PHASE_CONNECT, PHASE_TLS, PHASE_SEND, PHASE_READ, PHASE_OVER };

struct probe {
    struct io io;
    struct stream stream;
    struct worker *worker;
    struct timer timer;
    struct resolve *resolve;
    probe_fn fn;
    void *ctx;
    enum phase phase;
    int open; /* io is in use */
    int ok;
    const char *why;
    mcmp_time deadline;
    uint32_t scheme;
    char host[256];
    struct address list[RESOLVE_MAX];
    unsigned count;
    unsigned next;
    char request[1024];
    size_t request_len;
    size_t sent;
    mcmp_probe_exchange exchange;
};

static void try_next(struct probe *p);

static void probe_free(struct io *io)
{
    struct probe *p = LINK_OWNER(struct probe, io, io);

    p->worker->probe_count--;
    free(p);
}

static void next_closed(struct io *io)
{
    struct probe *p = LINK_OWNER(struct probe, io, io);

    p->open = 0;
    if (p->phase == PHASE_OVER)
        probe_free(io);
    else
        try_next(p);
}

/* Close what is open; then either end or go on with the next address. */
static void drop(struct probe *p)
{
    if (p->phase == PHASE_OVER) {
        resolve_cancel(p->resolve);
        timer_drop(&p->timer);
    }
    stream_clear(&p->stream);
    if (p->open && p->io.fd >= 0) /* it may be closing for the next address */
        io_close(&p->io, next_closed);
    else if (!p->open && p->phase == PHASE_OVER)
        probe_free(&p->io);
}

static void finish(struct probe *p, int ok, const char *why)
{
    probe_fn fn = p->fn;

    p->phase = PHASE_OVER;
    p->fn = NULL;
    if (fn != NULL)
        fn(p->ctx, ok, why);
    drop(p);
}

/* This address failed. */
static void fail(struct probe *p, const char *why)
{
    p->why = why;
    if (p->next >= p->count || clock_now() >= p->deadline) {
        finish(p, 0, why);
        return;
    }
    p->phase = PHASE_CONNECT;
    if (p->open)
        drop(p);
    else
        try_next(p);
}

static void judge(struct probe *p)
{
    const char *why = mcmp_probe_exchange_text(&p->exchange);

    if (p->exchange.verdict == MCMP_PROBE_GOOD)
        finish(p, 1, why);
    else
        fail(p, why);
}

static void do_read(struct probe *p)
{
    char answer[512];
    int rc = MCMP_NEED_MORE;

    while (rc == MCMP_NEED_MORE) {
        ssize_t n = stream_read(&p->stream, answer, sizeof(answer));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            io_want(&p->io, p->stream.ssl != NULL ? p->stream.need : IO_READ);
            return;
        }
        if (n < 0) {
            fail(p, strerror(errno));
            return;
        }
        rc = n > 0 ? mcmp_probe_exchange_feed(&p->exchange, answer, (size_t)n, NULL)
                   : mcmp_probe_exchange_end(&p->exchange, NULL);
    }
    judge(p);
}

static void do_send(struct probe *p)
{
    while (p->sent < p->request_len) {
        struct iovec iov = { p->request + p->sent, p->request_len - p->sent };
        ssize_t n = stream_writev(&p->stream, &iov, 1);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            io_want(&p->io, p->stream.ssl != NULL ? p->stream.need : IO_WRITE);
            return;
        }
        if (n < 0) {
            fail(p, strerror(errno));
            return;
        }
        p->sent += (size_t)n;
    }
    p->phase = PHASE_READ;
    io_want(&p->io, IO_READ);
}

static void do_tls(struct probe *p)
{
    const char *why = "";
    int rc = stream_handshake(&p->stream, &why);

    if (rc < 0) {
        fail(p, why);
    } else if (rc == 0) {
        io_want(&p->io, p->stream.need);
    } else {
        p->phase = PHASE_SEND;
        do_send(p);
    }
}

static void connected(struct probe *p)
{
    mcmp_span host = { p->host, strlen(p->host) };
    int error = 0;
    socklen_t len = sizeof(error);
    const char *why = "";

    getsockopt(p->io.fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error != 0) {
        fail(p, strerror(error));
        return;
    }
    p->phase = PHASE_SEND;
    if (p->scheme != MCMP_SCHEME_HTTPS && p->scheme != MCMP_SCHEME_WSS) {
        do_send(p);
        return;
    }
    p->phase = PHASE_TLS;
    if (stream_start_tls(&p->stream, p->worker, host, &why) != 0)
        fail(p, why);
    else
        do_tls(p);
}

static void on_ready(struct io *io, unsigned events)
{
    struct probe *p = LINK_OWNER(struct probe, io, io);

    (void)events;
    if (p->phase == PHASE_CONNECT)
        connected(p);
    else if (p->phase == PHASE_TLS)
        do_tls(p);
    else if (p->phase == PHASE_SEND)
        do_send(p);
    else if (p->phase == PHASE_READ)
        do_read(p);
}

static void try_next(struct probe *p)
{
    mcmp_time left = p->deadline - clock_now();
    int fd;

    p->phase = PHASE_CONNECT;
    p->sent = 0;
    while (p->next < p->count) {
        const struct address *address = &p->list[p->next++];

        fd = stream_connect(&address->addr, address->len);
        if (fd < 0) {
            p->why = strerror(errno);
            continue;
        }
        if (io_open(&p->io, &p->worker->loop, fd, on_ready) != 0) {
            close(fd);
            continue;
        }
        p->open = 1;
        p->stream.fd = fd;
        (void)mcmp_probe_exchange_start(&p->exchange, NULL, NULL); /* each is asked anew */
        timer_set(&p->worker->timers, &p->timer, left / (mcmp_time)(p->count - p->next + 1));
        io_want(&p->io, IO_WRITE);
        return;
    }
    finish(p, 0, p->why);
}

static void on_timer(struct timer *timer)
{
    struct probe *p = LINK_OWNER(struct probe, timer, timer);

    if (p->phase == PHASE_RESOLVE && p->count > 0)
        try_next(p);
    else if (p->phase == PHASE_RESOLVE)
        finish(p, 0, p->resolve != NULL ? "the name service does not answer" : p->why);
    else
        fail(p, "no answer in time");
}

static void on_resolved(void *ctx, const struct address *list, unsigned count, const char *error)
{
    struct probe *p = ctx;

    p->resolve = NULL;
    p->why = error;
    memcpy(p->list, list, count * sizeof(*list));
    p->count = count;
    timer_set(&p->worker->timers, &p->timer, 0);
}

/* The question and who may judge its answer. 0, or -1. */
static int prepare(struct probe *p, const mcmp_probe *what)
{
    static const mcmp_span agent = { "mcmp-server", sizeof("mcmp-server") - 1 };

    mcmp_probe_exchange_init(&p->exchange);
    return mcmp_probe_encode(what, agent, p->request, sizeof(p->request), &p->request_len, NULL) ==
                       MCMP_OK &&
                   mcmp_probe_exchange_start(&p->exchange, what, NULL) == MCMP_OK
               ? 0
               : -1;
}

/* Find the addresses, or begin to. */
static void find(struct probe *p, const mcmp_probe *what)
{
    int may_resolve = (what->flags & MCMP_PROBE_RESOLVE) != 0 || resolve_is_localhost(what->host);

    if (prepare(p, what) != 0) {
        p->why = "the request can't be written";
    } else if (resolve_literal(what->host, what->port, &p->list[0])) {
        p->count = 1;
    } else if (!may_resolve) {
        p->why = "names are not resolved";
    } else {
        p->resolve = resolve_start(p->worker, what->host, what->port, on_resolved, p);
        p->why = "the name can't be looked up";
    }
    /* Also a failure is told from the loop, not from inside the start. */
    timer_set(&p->worker->timers, &p->timer, p->resolve != NULL ? p->deadline - clock_now() : 0);
}

struct probe *probe_start(struct worker *w, const mcmp_probe *what, probe_fn fn, void *ctx)
{
    struct probe *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return NULL;
    p->worker = w;
    p->fn = fn;
    p->ctx = ctx;
    p->deadline = what->deadline;
    p->scheme = what->scheme;
    p->why = "no address";
    timer_init(&p->timer, on_timer);
    if (what->host.len < sizeof(p->host))
        memcpy(p->host, what->host.ptr, what->host.len);
    w->probe_count++;
    find(p, what);
    return p;
}

void probe_cancel(struct probe *p)
{
    if (p == NULL)
        return;
    p->fn = NULL;
    p->phase = PHASE_OVER;
    drop(p);
}
