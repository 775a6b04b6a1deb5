/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a client connection. An idle one holds no buffer. Requests are served one after the
 * other in the order they came; those that were sent ahead wait in the buffer. When a connection
 * must end while the client may still send, our side is closed first and the rest is read and
 * dropped for a while, so that the answer is not lost to a reset.
 */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "access_log.h"
#include "cluster.h"
#include "exchange.h"
#include "listener.h"
#include "tls_front.h"

#define FIRST_REQUEST MCMP_SEC /* patience of a worker that leaves */
#define NEXT_REQUEST (200 * MCMP_MSEC)
#define LINGER_PAUSE (2 * MCMP_SEC)
#define LINGER_TOTAL (30 * MCMP_SEC)

static void client_run(struct client *c);

/* Exchanges that are not in use; they keep their parsers. */
static struct exchange *free_exchanges;

static struct exchange *exchange_get(struct client *c)
{
    struct exchange *x = free_exchanges;
    mcmp_http_head *head;

    if (x != NULL) {
        free_exchanges = x->next_free;
        head = x->head;
    } else {
        const struct config *config = c->worker->config;
        mcmp_http_options opts;

        mcmp_http_options_init(&opts);
        opts.max_head = (uint32_t)config->max_head;
        opts.max_line = opts.max_head;
        opts.max_headers = (uint32_t)config->max_headers;
        x = malloc(sizeof(*x));
        if (x == NULL || mcmp_http_head_new(&head, &opts, NULL) != MCMP_OK) {
            free(x);
            return NULL;
        }
    }
    memset(x, 0, offsetof(struct exchange, target));
    x->head = head;
    x->client = c;
    x->last_failure = -1;
    x->query.now = 0; /* nothing was chosen yet; the rest is filled with the first choice */
    x->selection.reason = MCMP_REASON_NONE;
    x->selection.retry_at = 0;
    return x;
}

static void exchange_put(struct exchange *x)
{
    slab_put(&x->client->worker->buffers, x->target_room);
    slab_put(&x->client->worker->buffers, x->tail);
    mcmp_http_head_reset(x->head);
    x->next_free = free_exchanges;
    free_exchanges = x;
}

void clients_init(struct worker *w)
{
    slab_init(&w->client_slab, sizeof(struct client));
}

static void on_closed(struct io *io)
{
    struct client *c = LINK_OWNER(struct client, io, io);
    struct worker *w = c->worker;

    slab_put(&w->client_slab, c);
    w->client_count--;
    if (!w->stopping)
        listeners_resume(w);
    worker_check_end(w);
}

void client_close(struct client *c, int broken)
{
    struct worker *w = c->worker;

    if (c->phase == CLIENT_CLOSED)
        return;
    if (broken) {
        struct linger reset = { 1, 0 };

        setsockopt(c->io.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    } else if (c->stream.ssl != NULL) {
        stream_end(&c->stream);
    }
    c->phase = CLIENT_CLOSED;
    if (c->exchange != NULL)
        exchange_put(c->exchange);
    c->exchange = NULL;
    out_clear(&c->out, &w->buffers);
    slab_put(&w->buffers, c->in);
    c->in = NULL;
    timer_drop(&c->timer);
    link_remove(&c->link);
    stream_clear(&c->stream);
    tls_facts_free(c->tls);
    c->tls = NULL;
    io_close(&c->io, on_closed);
}

/* Close our side and read on for a while. */
static void client_linger(struct client *c)
{
    struct worker *w = c->worker;

    if (c->at_end) {
        client_close(c, 0);
        return;
    }
    stream_end(&c->stream);
    c->phase = CLIENT_LINGER;
    c->linger_until = clock_now() + LINGER_TOTAL;
    timer_set(&w->timers, &c->timer, LINGER_PAUSE);
    client_want(c, IO_READ);
}

static void linger_read(struct client *c)
{
    char drop[16384];
    ssize_t n = stream_read(&c->stream, drop, sizeof(drop));

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || clock_now() > c->linger_until)
        client_close(c, 0);
    else
        timer_set(&c->worker->timers, &c->timer, LINGER_PAUSE);
}

void client_want(struct client *c, unsigned events)
{
    if (c->stream.ssl != NULL && events != 0)
        events |= c->stream.need;
    io_want(&c->io, events);
}

int client_flush(struct client *c)
{
    uint64_t sent = 0;
    int rc = out_flush(&c->out, &c->worker->buffers, &c->stream, &sent);

    if (c->exchange != NULL)
        c->exchange->to_client += sent;
    if (rc == 0)
        client_want(c, c->io.want | IO_WRITE);
    else if ((c->io.want & IO_WRITE) != 0)
        client_want(c, c->io.want & ~IO_WRITE);
    return rc;
}

ssize_t client_read(struct client *c)
{
    ssize_t n;

    if (c->in == NULL)
        c->in = buffer_get(&c->worker->buffers);
    if (c->in == NULL)
        return -1;
    if (c->at_end || buffer_room(c->in) == 0)
        return c->at_end ? -1 : 0;
    do {
        n = stream_read(&c->stream, c->in->data + c->in->end, buffer_room(c->in));
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n <= 0) {
        c->at_end = n == 0;
        return -1;
    }
    c->in->end += (size_t)n;
    return n;
}

/* Bytes that no event will announce, since TLS has them already. 1: some came. */
static int read_hidden(struct client *c)
{
    return stream_has_more(&c->stream) && client_read(c) > 0;
}

/* Nothing is left of the requests that came: hold no memory. */
static void rest(struct client *c)
{
    struct worker *w = c->worker;

    c->phase = CLIENT_IDLE;
    if (c->exchange != NULL)
        exchange_put(c->exchange);
    c->exchange = NULL;
    slab_put(&w->buffers, c->in);
    c->in = NULL;
    if (c->at_end || w->stopping) {
        client_close(c, 0);
        return;
    }
    timer_set(&w->timers, &c->timer, w->config->idle_timeout);
    client_want(c, IO_READ);
}

/* More of the head is needed: make room for it. 0: there can't be. */
static int make_room(struct client *c)
{
    struct buffer *in = c->in;

    if (in->start > 0) {
        memmove(in->data, in->data + in->start, buffer_len(in));
        in->end -= in->start;
        in->start = 0;
    }
    return buffer_room(in) > 0;
}

/* Look at the bytes that are there. 0: nothing more to do with them now. */
static int step(struct client *c)
{
    struct worker *w = c->worker;
    int rc;

    if (c->exchange == NULL)
        c->exchange = exchange_get(c);
    if (c->exchange == NULL) {
        client_close(c, 1);
        return 0;
    }
    if (c->phase == CLIENT_IDLE) {
        c->phase = CLIENT_HEAD;
        c->exchange->started = clock_now();
        timer_set(&w->timers, &c->timer, w->config->header_timeout);
    }
    rc = mcmp_http_head_parse_request(c->exchange->head, c->in->data + c->in->start,
                                      buffer_len(c->in), NULL);
    if (rc == MCMP_NEED_MORE && make_room(c)) {
        if (read_hidden(c))
            return 1;
        if (c->at_end)
            client_close(c, 0);
        else
            client_want(c, IO_READ);
        return 0;
    }
    c->phase = CLIENT_EXCHANGE;
    c->exchange->head_at = c->in->start;
    if (rc == MCMP_OK)
        exchange_begin(c->exchange);
    else if (rc == MCMP_NEED_MORE)
        answer_send(c->exchange, 431, "the head is over max-head");
    else
        answer_send(c->exchange, mcmp_http_status_of(rc), mcmp_error_name(rc));
    return 1;
}

/* Serve request after request while nothing has to be waited for. */
static void client_run(struct client *c)
{
    if (c->running)
        return; /* the loop below goes on */
    c->running = 1;
    while (c->phase == CLIENT_IDLE || c->phase == CLIENT_HEAD) {
        if (c->in == NULL || buffer_len(c->in) == 0) {
            if (read_hidden(c))
                continue;
            if (c->phase == CLIENT_IDLE || c->at_end)
                rest(c);
            break;
        }
        if (!step(c))
            break;
    }
    c->running = 0;
}

void client_done(struct client *c, int reuse)
{
    struct exchange *x = c->exchange;

    access_log_write(c->worker->access_log, x);
    exchange_put(x);
    c->exchange = NULL;
    c->served = 1;
    if (!reuse) {
        client_linger(c);
        return;
    }
    c->phase = CLIENT_IDLE;
    client_run(c);
}

/* While a request is served: what the client sends ahead, and whether it leaves. */
static void read_ahead(struct client *c)
{
    ssize_t n = client_read(c);

    if (n < 0 && !c->at_end) {
        exchange_client_gone(c->exchange);
        return;
    }
    if (c->at_end || (c->in != NULL && buffer_room(c->in) == 0))
        client_want(c, c->io.want & ~IO_READ);
}

static void exchange_ready(struct client *c, unsigned events)
{
    struct exchange *x = c->exchange;

    if (x->phase == EXCHANGE_TUNNEL) {
        tunnel_pump(x);
    } else if ((events & IO_WRITE) != 0) {
        if (x->phase == EXCHANGE_ANSWER)
            answer_resume(x);
        else if (x->phase == EXCHANGE_FORWARD || x->phase == EXCHANGE_LAST)
            response_pump(x);
        else if (client_flush(c) < 0)
            exchange_client_gone(x);
    } else if (x->phase == EXCHANGE_FORWARD && !x->held && !x->upload_broken) {
        exchange_pump(x);
    } else {
        read_ahead(c);
    }
}

static void shake_hands(struct client *c)
{
    struct worker *w = c->worker;
    const char *why = "";
    int rc = stream_handshake(&c->stream, &why);

    if (rc == 0) {
        io_want(&c->io, c->stream.need);
        return;
    }
    c->tls = rc > 0 ? tls_front_facts(&c->stream) : NULL;
    if (c->tls == NULL) {
        log_write(MCMP_LOG_DEBUG, "tls", "%s: %s", c->peer, why);
        client_close(c, 1);
        return;
    }
    c->phase = CLIENT_IDLE;
    c->stream.need = 0;
    timer_set(&w->timers, &c->timer, w->config->idle_timeout);
    client_want(c, IO_READ);
    if (read_hidden(c))
        client_run(c);
}

static void on_ready(struct io *io, unsigned events)
{
    struct client *c = LINK_OWNER(struct client, io, io);

    switch (c->phase) {
    case CLIENT_TLS:
        shake_hands(c);
        break;
    case CLIENT_IDLE:
    case CLIENT_HEAD:
        if (client_read(c) < 0 && !c->at_end)
            client_close(c, 0);
        else if (c->phase == CLIENT_HEAD && c->at_end)
            client_close(c, 0);
        else
            client_run(c);
        break;
    case CLIENT_EXCHANGE:
        exchange_ready(c, events);
        break;
    case CLIENT_LINGER:
        linger_read(c);
        break;
    default:
        break;
    }
}

static void on_timer(struct timer *timer)
{
    struct client *c = LINK_OWNER(struct client, timer, timer);

    if (c->phase == CLIENT_EXCHANGE) {
        exchange_timeout(c->exchange);
    } else if (c->phase == CLIENT_HEAD) {
        c->phase = CLIENT_EXCHANGE;
        answer_send(c->exchange, 408, "header-timeout");
    } else {
        client_close(c, 0);
    }
}

/* The address as text without its port, which is returned. */
static uint16_t write_address(const struct sockaddr *addr, char *out, size_t size)
{
    if (addr->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)(const void *)addr;

        inet_ntop(AF_INET6, &in->sin6_addr, out, (socklen_t)size);
        return ntohs(in->sin6_port);
    }
    inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)addr)->sin_addr, out,
              (socklen_t)size);
    return ntohs(((const struct sockaddr_in *)(const void *)addr)->sin_port);
}

const char *client_local(struct client *c)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof(addr);

    if (c->local[0] == '\0' && getsockname(c->io.fd, (struct sockaddr *)&addr, &len) == 0)
        write_address((const struct sockaddr *)&addr, c->local, sizeof(c->local));
    return c->local;
}

void client_start(struct worker *w, int fd, const struct sockaddr *peer, int tls)
{
    struct client *c = slab_get(&w->client_slab);

    if (c != NULL)
        memset(c, 0, sizeof(*c));
    if (c == NULL || io_open(&c->io, &w->loop, fd, on_ready) != 0) {
        slab_put(&w->client_slab, c);
        close(fd);
        return;
    }
    c->worker = w;
    c->stream.fd = fd;
    c->number = w->next_connection++;
    out_init(&c->out);
    c->peer_port = write_address(peer, c->peer, sizeof(c->peer));
    link_add(&w->clients, &c->link);
    w->client_count++;
    timer_init(&c->timer, on_timer);
    timer_set(&w->timers, &c->timer, tls ? w->config->header_timeout : w->config->idle_timeout);
    if (tls && tls_front_start(&c->stream, w, LISTENING_TLS) != 0) {
        client_close(c, 1);
        return;
    }
    c->phase = tls ? CLIENT_TLS : CLIENT_IDLE;
    client_want(c, IO_READ);
}

void clients_leave(struct worker *w)
{
    for (struct link *at = w->clients.next, *next; at != &w->clients; at = next) {
        struct client *c = LINK_OWNER(struct client, link, at);

        next = at->next;
        if (c->phase != CLIENT_IDLE)
            continue;
        /* A request may be on the way: it is answered, and told that it was the last. */
        timer_set(&w->timers, &c->timer, c->served ? NEXT_REQUEST : FIRST_REQUEST);
    }
}

void clients_close(struct worker *w)
{
    while (w->clients.next != &w->clients) {
        struct client *c = LINK_OWNER(struct client, link, w->clients.next);

        if (c->phase == CLIENT_EXCHANGE)
            exchange_client_gone(c->exchange);
        else
            client_close(c, 0);
    }
    while (free_exchanges != NULL) {
        struct exchange *x = free_exchanges;

        free_exchanges = x->next_free;
        mcmp_http_head_free(x->head);
        free(x);
    }
}
