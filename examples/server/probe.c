/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One probe: resolve, then for each address connect (TLS for https and wss), send, read the first
 * answer. http: any final status below the limit is good. ajp: CPing must be answered by CPong,
 * exactly. Connect and read share the deadline; a further address gets its share of what is left,
 * so that a mute first one does not use all of it.
 */
#include "probe.h"

#include <libmcmp/ajp.h>

#include <errno.h>
#include <stdio.h>
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
    uint32_t good_below;
    char host[256];
    struct address list[RESOLVE_MAX];
    unsigned count;
    unsigned next;
    char request[1024];
    size_t request_len;
    size_t sent;
    char answer[512];
    size_t answer_len;
    mcmp_ajp_proxy *ajp; /* codec of a CPing */
};

static void try_next(struct probe *p);

static void probe_free(struct io *io)
{
    struct probe *p = LINK_OWNER(struct probe, io, io);

    p->worker->probe_count--;
    mcmp_ajp_proxy_free(p->ajp);
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

/* The number of a status line; 0: more is needed; -1: no HTTP. */
static int status_number(const char *at, size_t len)
{
    int status = 0;

    if (len < 12)
        return memcmp(at, "HTTP/1.", len < 7 ? len : 7) == 0 ? 0 : -1;
    if (memcmp(at, "HTTP/1.", 7) != 0 || at[8] != ' ')
        return -1;
    for (int i = 9; i < 12; i++) {
        if (at[i] < '0' || at[i] > '9')
            return -1;
        status = status * 10 + (at[i] - '0');
    }
    return status >= 100 ? status : -1;
}

/* The status of the first final head in the answer; 0: more is needed; -1: no HTTP. */
static int final_status(const struct probe *p)
{
    const char *at = p->answer;
    size_t len = p->answer_len;

    for (;;) {
        int status = status_number(at, len);
        const char *end;

        if (status <= 0 || status >= 200)
            return status;
        end = memmem(at, len, "\r\n\r\n", 4);
        if (end == NULL)
            return 0;
        len -= (size_t)(end + 4 - at);
        at = end + 4;
    }
}

static int is_ajp(const struct probe *p)
{
    return p->scheme == MCMP_SCHEME_AJP;
}

/* AJP13 5: the secret is no part of CPing, so a good answer says nothing of it. */
static int judge_ajp(struct probe *p, size_t from)
{
    mcmp_ajp_event event;
    size_t used = 0;
    int rc;

    mcmp_ajp_event_init(&event);
    rc = mcmp_ajp_proxy_feed(p->ajp, p->answer + from, p->answer_len - from, &used, &event, NULL);
    if (rc == MCMP_NEED_MORE)
        return 0;
    if (rc == MCMP_OK && event.type == MCMP_AJP_EVENT_PONG && from + used == p->answer_len)
        finish(p, 1, "CPong came; the secret was not checked by that");
    else
        fail(p, "the answer to CPing is no CPong");
    return 1;
}

/* 1 when the answer decides, which finishes the probe. The bytes from `from` on are new. */
static int judge(struct probe *p, size_t from)
{
    int status;

    if (is_ajp(p))
        return judge_ajp(p, from);
    status = final_status(p);
    if (status == 0)
        return 0;
    if (status > 0 && (uint32_t)status < p->good_below)
        finish(p, 1, NULL);
    else
        fail(p, status < 0 ? "the answer is no HTTP" : "bad status");
    return 1;
}

static void do_read(struct probe *p)
{
    for (;;) {
        ssize_t n =
            stream_read(&p->stream, p->answer + p->answer_len, sizeof(p->answer) - p->answer_len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            io_want(&p->io, p->stream.ssl != NULL ? p->stream.need : IO_READ);
            return;
        }
        if (n <= 0) {
            fail(p, n < 0 ? strerror(errno) : "closed without an answer");
            return;
        }
        p->answer_len += (size_t)n;
        if (judge(p, p->answer_len - (size_t)n))
            return;
        if (p->answer_len == sizeof(p->answer)) {
            fail(p, "the answer is too long");
            return;
        }
    }
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

/* Each address is asked anew. 0, or -1 without memory. */
static int write_cping(struct probe *p)
{
    mcmp_ajp_options opts;

    mcmp_ajp_options_init(&opts);
    opts.max_accept = MCMP_AJP_PACKET_MIN;
    opts.max_head = MCMP_AJP_PACKET_MIN;
    if (p->ajp != NULL)
        mcmp_ajp_proxy_reset(p->ajp);
    else if (mcmp_ajp_proxy_new(&p->ajp, &opts, NULL) != MCMP_OK)
        return -1;
    return mcmp_ajp_proxy_encode_ping(p->ajp, p->request, sizeof(p->request), &p->request_len,
                                      NULL) == MCMP_OK
               ? 0
               : -1;
}

static void try_next(struct probe *p)
{
    mcmp_time left = p->deadline - clock_now();
    int fd;

    p->phase = PHASE_CONNECT;
    p->sent = 0;
    p->answer_len = 0;
    if (is_ajp(p) && write_cping(p) != 0) {
        finish(p, 0, "no memory for a CPing");
        return;
    }
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

static void write_request(struct probe *p, const mcmp_probe *what)
{
    int len;

    if (is_ajp(p))
        return; /* written when an address is tried */
    len = snprintf(p->request, sizeof(p->request),
                   "%.*s %.*s HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: mcmp-server\r\n"
                   "Connection: close\r\n\r\n",
                   (int)what->method.len, what->method.ptr, (int)what->path.len, what->path.ptr,
                   (int)what->authority.len, what->authority.ptr);
    p->request_len = len > 0 && (size_t)len < sizeof(p->request) ? (size_t)len : 0;
}

/* Find the addresses, or begin to. */
static void find(struct probe *p, const mcmp_probe *what)
{
    int may_resolve = (what->flags & MCMP_PROBE_RESOLVE) != 0 || resolve_is_localhost(what->host);

    if (p->request_len == 0 && !is_ajp(p)) {
        p->why = "the request is too long";
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
    p->good_below = what->good_below;
    p->why = "no address";
    timer_init(&p->timer, on_timer);
    if (what->host.len < sizeof(p->host))
        memcpy(p->host, what->host.ptr, what->host.len);
    w->probe_count++;
    write_request(p, what);
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
