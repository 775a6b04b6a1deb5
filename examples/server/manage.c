/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One management connection: bytes to the parser, a complete request to mcmp_apply(), the answer
 * back. An answer that waits for a probe or a delay is resumed when that is over; nothing is read
 * meanwhile. A connection that is to be closed while bytes may still come is closed in two steps
 * (our side first), since a reset would eat the answer.
 */
#include "manage.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <libmcmp/libmcmp.h>

#include "cluster.h"
#include "io.h"
#include "listener.h"
#include "log.h"
#include "probe.h"
#include "tls_front.h"
#include "worker.h"

#define READ_ROOM 8192
#define FIRST_MESSAGE MCMP_SEC
#define LINGER_TIME (2 * MCMP_SEC)
#define LINGER_BYTES (4 << 20)

enum phase {
    MANAGE_TLS,    /* the handshake is under way */
    MANAGE_READ,   /* waits for bytes */
    MANAGE_WAIT,   /* a probe or a delay runs */
    MANAGE_WRITE,  /* the answer is on its way */
    MANAGE_LINGER, /* our side is closed */
    MANAGE_CLOSED
};

struct manage {
    struct io io;
    struct link link;
    struct worker *worker;
    struct stream stream;
    struct timer timer;
    mcmp_parser *parser;
    mcmp_response *response;
    struct probe *probe;
    mcmp_peer peer;
    uint64_t number;
    enum phase phase;
    int served;   /* at least one message was answered */
    int busy;     /* inside a message */
    int at_end;   /* the peer closed its side */
    int last;     /* close after this answer */
    int applying; /* the deadline runs for a message that is complete */
    int delayed;  /* waits for a delay, not for a probe */
    size_t sent;
    size_t lingered;
    size_t start; /* data[start..end) is not yet parsed */
    size_t end;
    char identity[512]; /* subject of the certificate, behind peer.identity */
    char data[READ_ROOM];
};

static void serve(struct manage *m);

static void on_closed(struct io *io)
{
    struct manage *m = LINK_OWNER(struct manage, io, io);
    struct worker *w = m->worker;

    mcmp_parser_free(m->parser);
    mcmp_response_free(m->response);
    w->manage_count--;
    free(m);
    if (!w->stopping)
        listeners_resume(w);
    worker_check_end(w);
}

static void manage_close(struct manage *m)
{
    if (m->phase == MANAGE_CLOSED)
        return;
    m->phase = MANAGE_CLOSED;
    probe_cancel(m->probe);
    m->probe = NULL;
    timer_drop(&m->timer);
    link_remove(&m->link);
    stream_clear(&m->stream);
    io_close(&m->io, on_closed);
}

/* TLS may have to write to be able to read, and the other way round. */
static void want(struct manage *m, unsigned events)
{
    io_want(&m->io, m->stream.need != 0 && events != 0 ? m->stream.need : events);
}

static void linger(struct manage *m)
{
    if (m->at_end) {
        manage_close(m);
        return;
    }
    m->phase = MANAGE_LINGER;
    stream_end(&m->stream);
    timer_set(&m->worker->timers, &m->timer, LINGER_TIME);
    want(m, IO_READ);
}

/* Send what is left of the answer; 1 when all of it is out. */
static int send_answer(struct manage *m)
{
    mcmp_span head = mcmp_response_head(m->response);
    mcmp_span body = mcmp_response_body(m->response);

    while (m->sent < head.len + body.len) {
        struct iovec iov[2];
        int count = 0;
        ssize_t n;

        if (m->sent < head.len) {
            iov[count].iov_base = (void *)(uintptr_t)(head.ptr + m->sent);
            iov[count++].iov_len = head.len - m->sent;
        }
        if (body.len > 0) {
            size_t skip = m->sent > head.len ? m->sent - head.len : 0;

            iov[count].iov_base = (void *)(uintptr_t)(body.ptr + skip);
            iov[count++].iov_len = body.len - skip;
        }
        n = stream_writev(&m->stream, iov, count);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            want(m, IO_WRITE);
            return 0;
        }
        if (n < 0) {
            manage_close(m);
            return 0;
        }
        m->sent += (size_t)n;
    }
    return 1;
}

/* The answer is complete: send it, and go on or close. */
static void answer(struct manage *m)
{
    m->phase = MANAGE_WRITE;
    if (!send_answer(m))
        return;
    if (m->last || m->worker->stopping || mcmp_response_must_close(m->response)) {
        linger(m);
        return;
    }
    m->phase = MANAGE_READ;
    m->served = 1;
    m->busy = 0;
    m->applying = 0;
    timer_set(&m->worker->timers, &m->timer, m->worker->config->management_idle_timeout);
    want(m, IO_READ);
}

static void resume(struct manage *m, int probe_ok);
static void go_on(struct manage *m, int probe_ok);

static void on_probed(void *ctx, int ok, const char *why)
{
    struct manage *m = ctx;

    m->probe = NULL;
    if (why != NULL)
        log_write(MCMP_LOG_DEBUG, "manage", "the probe of an endpoint %s: %s",
                  ok ? "passed" : "failed", why);
    go_on(m, ok);
}

static void wait_for(struct manage *m)
{
    const mcmp_pending *pending = mcmp_response_pending(m->response);

    m->phase = MANAGE_WAIT;
    m->delayed = 0;
    io_want(&m->io, 0);
    if (pending == NULL) {
        manage_close(m); /* can't be: PENDING without a reason */
    } else if (pending->kind == MCMP_PENDING_DELAY) {
        m->delayed = 1;
        timer_set(&m->worker->timers, &m->timer, pending->resume_at - clock_now());
    } else {
        timer_clear(&m->timer);
        m->probe = probe_start(m->worker, pending->probe, on_probed, m);
        if (m->probe == NULL)
            resume(m, 0);
    }
}

static void judge(struct manage *m, int rc)
{
    if (rc == MCMP_PENDING) {
        wait_for(m);
    } else if (mcmp_response_status(m->response) == 0) {
        log_write(MCMP_LOG_ERROR, "manage", "no answer: %s", mcmp_strerror(rc));
        manage_close(m);
    } else {
        timer_set(&m->worker->timers, &m->timer, m->worker->config->management_timeout);
        m->sent = 0;
        answer(m);
    }
}

static void resume(struct manage *m, int probe_ok)
{
    mcmp_request *request = mcmp_parser_request(m->parser);

    judge(m,
          mcmp_apply_resume(m->worker->cluster, request, m->response, probe_ok, clock_now(), NULL));
}

static void apply(struct manage *m)
{
    mcmp_request *request = mcmp_parser_request(m->parser);

    m->applying = 1;
    m->last = m->last || (request->flags & MCMP_REQUEST_LINGER) != 0;
    request->now = clock_now();
    request->connection = m->number;
    request->peer = &m->peer;
    judge(m, mcmp_apply(m->worker->cluster, request, m->response, NULL));
}

static void refuse_bytes(struct manage *m, int code)
{
    m->last = 1;
    m->sent = 0;
    if (mcmp_response_bad_http(m->response, code) == MCMP_OK)
        answer(m);
    else
        manage_close(m);
}

/* Parse what was read, answer request after request while nothing has to be waited for. */
static void serve(struct manage *m)
{
    while (m->phase == MANAGE_READ && m->start < m->end) {
        size_t used = 0;
        int rc = mcmp_parser_feed(m->parser, m->data + m->start, m->end - m->start, &used, NULL);

        m->start += used;
        if (!m->busy) {
            m->busy = 1;
            timer_set(&m->worker->timers, &m->timer, m->worker->config->management_timeout);
        }
        if (rc == MCMP_OK)
            apply(m);
        else if (rc != MCMP_NEED_MORE)
            refuse_bytes(m, rc);
    }
    if (m->phase == MANAGE_READ && m->at_end)
        manage_close(m);
}

/* One piece. 1 when more may lie inside TLS, which no event announces. */
static int read_piece(struct manage *m)
{
    ssize_t n = stream_read(&m->stream, m->data, sizeof(m->data));

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        want(m, IO_READ);
        return 0;
    }
    if (n < 0) {
        manage_close(m);
        return 0;
    }
    m->at_end = n == 0;
    m->start = 0;
    m->end = (size_t)n;
    if (m->phase == MANAGE_READ) {
        serve(m);
        if (m->phase != MANAGE_READ)
            return 0;
        want(m, IO_READ);
        return stream_has_more(&m->stream);
    }
    m->lingered += (size_t)n;
    if (m->at_end || m->lingered > LINGER_BYTES) {
        manage_close(m);
        return 0;
    }
    return stream_has_more(&m->stream);
}

static void do_read(struct manage *m)
{
    while (read_piece(m)) {
    }
}

static void shake_hands(struct manage *m)
{
    const char *why = "";
    int rc = stream_handshake(&m->stream, &why);

    if (rc == 0) {
        io_want(&m->io, m->stream.need);
        return;
    }
    if (rc < 0) {
        log_write(MCMP_LOG_NOTICE, "manage", "tls-management: %s", why);
        manage_close(m);
        return;
    }
    m->stream.need = 0;
    m->peer.identity.ptr = m->identity;
    m->peer.identity.len = tls_front_subject(&m->stream, m->identity, sizeof(m->identity));
    m->phase = MANAGE_READ;
    io_want(&m->io, IO_READ);
    if (stream_has_more(&m->stream))
        do_read(m);
}

static void on_ready(struct io *io, unsigned events)
{
    struct manage *m = LINK_OWNER(struct manage, io, io);

    if (m->phase == MANAGE_TLS) {
        shake_hands(m);
    } else if (m->phase == MANAGE_WRITE && (events & (IO_WRITE | m->stream.need)) != 0) {
        answer(m);
        serve(m);
        if (m->phase == MANAGE_READ && stream_has_more(&m->stream))
            do_read(m);
    } else if ((m->phase == MANAGE_READ || m->phase == MANAGE_LINGER) &&
               (events & (IO_READ | m->stream.need)) != 0) {
        do_read(m);
    }
}

/* After a wait: what follows may lie in our own buffer, or inside TLS. */
static void go_on(struct manage *m, int probe_ok)
{
    resume(m, probe_ok);
    serve(m);
    if (m->phase == MANAGE_READ && stream_has_more(&m->stream))
        do_read(m);
}

static void on_timer(struct timer *timer)
{
    struct manage *m = LINK_OWNER(struct manage, timer, timer);

    if (m->phase == MANAGE_WAIT && m->delayed) {
        go_on(m, 0);
        return;
    }
    if (m->busy && m->phase != MANAGE_LINGER)
        log_write(MCMP_LOG_DEBUG, "manage", "a message or its answer took too long");
    manage_close(m);
}

static void set_peer(mcmp_peer *peer, const struct sockaddr *addr)
{
    mcmp_peer_init(peer);
    if (addr->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)addr;

        peer->address[10] = peer->address[11] = 0xff;
        memcpy(peer->address + 12, &in->sin_addr, 4);
        peer->port = ntohs(in->sin_port);
        peer->has_address = 1;
    } else if (addr->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)(const void *)addr;

        memcpy(peer->address, &in->sin6_addr, 16);
        peer->port = ntohs(in->sin6_port);
        peer->has_address = 1;
    }
}

static int make_objects(struct manage *m)
{
    mcmp_parser_options opts;

    mcmp_parser_options_init(&opts);
    opts.max_body = mcmp_cluster_max_message(m->worker->cluster);
    opts.limits = mcmp_cluster_limits(m->worker->cluster);
    if (mcmp_parser_new(&m->parser, &opts, NULL) != MCMP_OK)
        return -1;
    if (mcmp_response_new(&m->response, NULL, NULL) != MCMP_OK ||
        io_open(&m->io, &m->worker->loop, m->io.fd, on_ready) != 0) {
        mcmp_response_free(m->response);
        mcmp_parser_free(m->parser);
        return -1;
    }
    return 0;
}

void manage_start(struct worker *w, int fd, const struct sockaddr *peer, int tls)
{
    struct manage *m = calloc(1, sizeof(*m));

    if (m != NULL) {
        m->worker = w;
        m->io.fd = fd;
        m->stream.fd = fd;
        m->phase = tls ? MANAGE_TLS : MANAGE_READ;
        m->number = w->next_connection++;
        set_peer(&m->peer, peer);
    }
    if (m == NULL || (tls && tls_front_start(&m->stream, w, LISTENING_TLS_MANAGEMENT) != 0) ||
        make_objects(m) != 0) {
        if (m != NULL)
            stream_clear(&m->stream);
        close(fd);
        free(m);
        return;
    }
    w->manage_count++;
    link_add(&w->manages, &m->link);
    timer_init(&m->timer, on_timer);
    timer_set(&w->timers, &m->timer, w->config->management_timeout);
    io_want(&m->io, IO_READ);
}

void manage_leave(struct worker *w)
{
    for (struct link *at = w->manages.next, *next; at != &w->manages; at = next) {
        struct manage *m = LINK_OWNER(struct manage, link, at);

        next = at->next;
        if ((m->phase != MANAGE_READ && m->phase != MANAGE_TLS) || m->busy)
            continue;
        /* Who just came gets a moment: its first message may be on the way. */
        if (m->served && !io_has_input(&m->io))
            manage_close(m);
        else if (!m->served)
            timer_set(&w->timers, &m->timer, FIRST_MESSAGE);
    }
}

void manage_close_all(struct worker *w)
{
    while (w->manages.next != &w->manages)
        manage_close(LINK_OWNER(struct manage, link, w->manages.next));
}
