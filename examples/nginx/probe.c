/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One probe: find the addresses, then for each connect (TLS for https and wss), send, read until
 * the library has a verdict. Connect and read share the deadline; each address gets its share of
 * what is left, so that a mute first one does not use all of it. All of it runs on nginx's events;
 * names go to nginx's resolver. The certificate of an https node is not looked at: a probe sends no
 * secret.
 */
#include "probe.h"

#include "address.h"
#include "tls.h"

typedef enum { PHASE_FIND, PHASE_CONNECT, PHASE_TLS, PHASE_SEND, PHASE_READ } phase;

struct ngx_mcmp_probe_s {
    ngx_mcmp_zone_t *zone;
    ngx_mcmp_probe_pt done;
    void *ctx;
    ngx_event_t timer;
    ngx_log_t log; /* quiet: a node that is down is told once, by the library */
    ngx_pool_t *pool;
    ngx_peer_connection_t peer;
    ngx_mcmp_lookup_t *lookup;
    ngx_mcmp_address_t list[NGX_MCMP_ADDRESSES];
    ngx_uint_t count;
    ngx_uint_t next;
    phase phase;
    const char *why;
    mcmp_time deadline;
    uint32_t scheme;
    ngx_str_t host;
    char request[1024];
    size_t request_len;
    size_t sent;
    mcmp_probe_exchange exchange;
};

static void try_next(ngx_mcmp_probe_t *p);

static void disconnect(ngx_mcmp_probe_t *p)
{
    ngx_connection_t *c = p->peer.connection;

    if (c == NULL)
        return;
    p->peer.connection = NULL;
    ngx_mcmp_tls_close(c);
    ngx_close_connection(c);
}

void ngx_mcmp_probe_cancel(ngx_mcmp_probe_t *p)
{
    if (p == NULL)
        return;
    disconnect(p);
    ngx_mcmp_lookup_cancel(p->lookup);
    if (p->timer.timer_set)
        ngx_del_timer(&p->timer);
    ngx_destroy_pool(p->pool); /* the probe lies in it */
}

static void finish(ngx_mcmp_probe_t *p, int ok, const char *why)
{
    ngx_mcmp_probe_pt done = p->done;
    void *ctx = p->ctx;

    ngx_mcmp_probe_cancel(p);
    done(ctx, ok, why);
}

/* This address failed. */
static void fail(ngx_mcmp_probe_t *p, const char *why)
{
    p->why = why;
    disconnect(p);
    if (p->next >= p->count || ngx_mcmp_now() >= p->deadline)
        finish(p, 0, why);
    else
        try_next(p);
}

static int is_tls(const ngx_mcmp_probe_t *p)
{
    return p->scheme == MCMP_SCHEME_HTTPS || p->scheme == MCMP_SCHEME_WSS;
}

static void judge(ngx_mcmp_probe_t *p)
{
    const char *why = mcmp_probe_exchange_text(&p->exchange);

    if (p->exchange.verdict == MCMP_PROBE_GOOD)
        finish(p, 1, why);
    else
        fail(p, why);
}

static void do_read(ngx_mcmp_probe_t *p)
{
    ngx_connection_t *c = p->peer.connection;
    u_char answer[512];
    int rc = MCMP_NEED_MORE;

    while (rc == MCMP_NEED_MORE) {
        ssize_t n = c->recv(c, answer, sizeof(answer));

        if (n == NGX_AGAIN) {
            if (ngx_handle_read_event(c->read, 0) != NGX_OK)
                fail(p, "the event can't be set");
            return;
        }
        if (n < 0) {
            fail(p, "the connection broke");
            return;
        }
        rc = n > 0 ? mcmp_probe_exchange_feed(&p->exchange, answer, (size_t)n, NULL)
                   : mcmp_probe_exchange_end(&p->exchange, NULL);
    }
    judge(p);
}

static void do_send(ngx_mcmp_probe_t *p)
{
    ngx_connection_t *c = p->peer.connection;

    while (p->sent < p->request_len) {
        ssize_t n = c->send(c, (u_char *)p->request + p->sent, p->request_len - p->sent);

        if (n == NGX_AGAIN) {
            if (ngx_handle_write_event(c->write, 0) != NGX_OK)
                fail(p, "the event can't be set");
            return;
        }
        if (n < 0) {
            fail(p, "the connection broke");
            return;
        }
        p->sent += (size_t)n;
    }
    p->phase = PHASE_READ;
    do_read(p);
}

static void on_event(ngx_event_t *event);

static void on_tls(ngx_connection_t *c)
{
    ngx_mcmp_probe_t *p = c->data;

    c->read->handler = on_event;
    c->write->handler = on_event;
    if (!ngx_mcmp_tls_is_up(c)) {
        fail(p, "the TLS handshake failed");
        return;
    }
    p->phase = PHASE_SEND;
    do_send(p);
}

static void connected(ngx_mcmp_probe_t *p)
{
    ngx_connection_t *c = p->peer.connection;
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1 || error != 0) {
        fail(p, "no connection");
        return;
    }
    if (!is_tls(p)) {
        p->phase = PHASE_SEND;
        do_send(p);
        return;
    }
    p->phase = PHASE_TLS;
    if (ngx_mcmp_tls_start(p->zone, c, &p->host, on_tls) != NGX_OK)
        fail(p, "TLS can't be started");
}

static void on_event(ngx_event_t *event)
{
    ngx_connection_t *c = event->data;
    ngx_mcmp_probe_t *p = c->data;

    if (p->phase == PHASE_CONNECT && event->write)
        connected(p);
    else if (p->phase == PHASE_SEND && event->write)
        do_send(p);
    else if (p->phase == PHASE_READ && !event->write)
        do_read(p);
}

/* NGX_OK and NGX_AGAIN: the connection is there or on its way. */
static ngx_int_t open_peer(ngx_mcmp_probe_t *p, ngx_mcmp_address_t *address)
{
    ngx_int_t rc;
    ngx_connection_t *c;

    ngx_memzero(&p->peer, sizeof(p->peer));
    p->peer.sockaddr = &address->sockaddr.sockaddr;
    p->peer.socklen = address->socklen;
    p->peer.name = &p->host;
    p->peer.get = ngx_event_get_peer;
    p->peer.log = &p->log;
    p->peer.log_error = NGX_ERROR_INFO;
    rc = ngx_event_connect_peer(&p->peer);
    if (rc != NGX_OK && rc != NGX_AGAIN) {
        disconnect(p);
        return NGX_ERROR;
    }
    c = p->peer.connection;
    c->data = p;
    c->pool = p->pool;
    c->log = c->read->log = c->write->log = &p->log;
    c->read->handler = on_event;
    c->write->handler = on_event;
    return rc;
}

static void set_timer(ngx_mcmp_probe_t *p, mcmp_time wait)
{
    ngx_msec_t msec = wait > 0 ? (ngx_msec_t)(wait / MCMP_MSEC) : 0;

    if (p->timer.timer_set)
        ngx_del_timer(&p->timer);
    ngx_add_timer(&p->timer, msec + 1);
}

static void try_next(ngx_mcmp_probe_t *p)
{
    mcmp_time left = p->deadline - ngx_mcmp_now();

    p->phase = PHASE_CONNECT;
    p->sent = 0;
    (void)mcmp_probe_exchange_start(&p->exchange, NULL, NULL); /* each is asked anew */
    while (p->next < p->count) {
        ngx_int_t rc = open_peer(p, &p->list[p->next++]);

        if (rc == NGX_ERROR) {
            p->why = "no connection";
            continue;
        }
        set_timer(p, left / (mcmp_time)(p->count - p->next + 1));
        if (rc == NGX_OK)
            connected(p);
        return;
    }
    finish(p, 0, p->why);
}

static void on_timer(ngx_event_t *event)
{
    ngx_mcmp_probe_t *p = event->data;

    if (p->phase != PHASE_FIND)
        fail(p, "no answer in time");
    else if (p->count > 0)
        try_next(p);
    else
        finish(p, 0, p->lookup != NULL ? "the name service does not answer" : p->why);
}

/* Goes on from the event loop, not from inside a start. */
static void on_found(void *ctx, const ngx_mcmp_address_t *list, ngx_uint_t count, const char *why)
{
    ngx_mcmp_probe_t *p = ctx;

    p->lookup = NULL;
    p->why = why;
    p->count = ngx_min(count, NGX_MCMP_ADDRESSES);
    if (p->count != 0)
        ngx_memcpy(p->list, list, p->count * sizeof(*list));
    set_timer(p, 0);
}

/* The question and who may judge its answer. 0, or -1. */
static int prepare(ngx_mcmp_probe_t *p, const mcmp_probe *what)
{
    static const mcmp_span agent = { "ngx_http_mcmp_module", sizeof("ngx_http_mcmp_module") - 1 };

    mcmp_probe_exchange_init(&p->exchange);
    return mcmp_probe_encode(what, agent, p->request, sizeof(p->request), &p->request_len, NULL) ==
                       MCMP_OK &&
                   mcmp_probe_exchange_start(&p->exchange, what, NULL) == MCMP_OK
               ? 0
               : -1;
}

/* Find the addresses, or begin to. */
static void begin(ngx_mcmp_probe_t *p, const mcmp_probe *what)
{
    p->why = "names of free endpoints are not looked up";
    if (prepare(p, what) != 0)
        p->why = "the request can't be written";
    else if (!ngx_mcmp_literal(what->host, what->port, p->list, &p->count) &&
             (what->flags & MCMP_PROBE_RESOLVE) != 0)
        p->lookup = ngx_mcmp_lookup(p->zone, what->host, what->port, on_found, p, &p->why);
    if (!p->timer.timer_set)
        set_timer(p, p->lookup != NULL ? p->deadline - ngx_mcmp_now() : 0);
}

ngx_mcmp_probe_t *ngx_mcmp_probe_start(ngx_mcmp_zone_t *zone, const mcmp_probe *what, int holds,
                                       ngx_mcmp_probe_pt done, void *ctx)
{
    ngx_pool_t *pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, ngx_cycle->log);
    ngx_mcmp_probe_t *p = pool != NULL ? ngx_pcalloc(pool, sizeof(*p)) : NULL;

    if (p != NULL)
        p->host.data = ngx_pnalloc(pool, what->host.len + 1);
    if (p == NULL || p->host.data == NULL) {
        if (pool != NULL)
            ngx_destroy_pool(pool);
        return NULL;
    }
    p->pool = pool;
    p->zone = zone;
    p->done = done;
    p->ctx = ctx;
    p->deadline = what->deadline;
    p->scheme = what->scheme;
    p->host.len = (size_t)(ngx_cpymem(p->host.data, what->host.ptr, what->host.len) - p->host.data);
    p->host.data[p->host.len] = '\0';
    p->log = *ngx_cycle->log;
    p->log.next = NULL;
    if (p->log.log_level < NGX_LOG_DEBUG)
        p->log.log_level = NGX_LOG_ALERT;
    p->timer.handler = on_timer;
    p->timer.data = p;
    p->timer.log = ngx_cycle->log;
    p->timer.cancelable = holds ? 0 : 1;
    begin(p, what);
    return p;
}
