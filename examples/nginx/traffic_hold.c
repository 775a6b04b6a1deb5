/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request that waits for a node (WaitWorker) or for a node's address, and one that is answered by
 * us, at a place where nginx knows only "connected", "connecting" and "no live upstreams". It is
 * given a connection that stays "connecting": nginx goes on to watch the client, and ends the
 * request as any other when that leaves. When the wait is over, a real connection takes the place
 * of the other one.
 */
#include "traffic.h"

static void go_on(ngx_event_t *ev);

void ngx_mcmp_hold_end(ngx_mcmp_traffic_t *t)
{
    ngx_mcmp_hold_t *h = &t->hold;

    if (!h->on)
        return;
    h->on = 0;
    if (h->lookup != NULL)
        ngx_resolve_name_done(h->lookup);
    h->lookup = NULL;
    if (h->write.timer_set)
        ngx_del_timer(&h->write);
    if (h->wake.timer_set)
        ngx_del_timer(&h->wake);
    if (h->wake.posted) {
        ngx_delete_posted_event(&h->wake);
    }
}

ngx_int_t ngx_mcmp_hold(ngx_mcmp_traffic_t *t, ngx_peer_connection_t *pc)
{
    static ngx_str_t name = ngx_string("-");
    ngx_http_request_t *r = t->request;
    ngx_mcmp_hold_t *h = &t->hold;
    ngx_connection_t *c = &h->connection;

    ngx_memzero(h, sizeof(*h));
    h->on = 1;
    c->fd = (ngx_socket_t)-1;
    c->read = &h->read;
    c->write = &h->write;
    c->pool = r->pool;
    c->log = r->connection->log;
    h->read.data = c;
    h->write.data = c;
    h->write.write = 1;
    h->read.log = c->log;
    h->write.log = c->log;
    h->wake.log = c->log;
    h->wake.data = t;
    h->wake.handler = go_on;
    pc->connection = c;
    pc->sockaddr = &h->address.sockaddr; /* nginx gives back only what has an address */
    pc->socklen = sizeof(h->address.sockaddr);
    pc->name = &name;
    ngx_post_event(&h->wake, &ngx_posted_events);
    return NGX_AGAIN;
}

/* Not to be touched afterwards. */
static void finish(ngx_mcmp_traffic_t *t)
{
    ngx_http_request_t *r = t->request;
    ngx_int_t status = t->answer;

    if (r->upstream->state != NULL)
        r->upstream->state->status = (ngx_uint_t)status;
    r->main->count++; /* ending the upstream takes one */
    (*r->upstream->cleanup)(r);
    ngx_http_finalize_request(r, status);
}

/* What nginx does with a connection that it has just opened. */
static void adopt(ngx_mcmp_traffic_t *t, ngx_int_t rc, ngx_event_handler_pt handler)
{
    ngx_http_request_t *r = t->request;
    ngx_http_upstream_t *u = r->upstream;
    ngx_connection_t *c = u->peer.connection;

    if (c->pool == NULL)
        c->pool = ngx_create_pool(128, r->connection->log);
    if (c->pool == NULL) {
        ngx_close_connection(c);
        u->peer.connection = NULL;
        t->answer = NGX_HTTP_INTERNAL_SERVER_ERROR;
        finish(t);
        return;
    }
    u->state->peer = u->peer.name;
    c->requests++;
    c->data = r;
    c->read->handler = handler;
    c->write->handler = handler;
    c->sendfile &= r->connection->sendfile;
    u->output.sendfile = c->sendfile;
    if (r->connection->tcp_nopush == NGX_TCP_NOPUSH_DISABLED)
        c->tcp_nopush = NGX_TCP_NOPUSH_DISABLED;
    c->log = r->connection->log;
    c->pool->log = c->log;
    c->read->log = c->log;
    c->write->log = c->log;
    u->writer.connection = c;
    if (rc == NGX_AGAIN)
        ngx_add_timer(c->write, u->conf->connect_timeout);
    else
        u->write_event_handler(r, u);
}

static ngx_int_t nothing_to_ask(ngx_peer_connection_t *pc, void *data)
{
    (void)pc;
    (void)data;
    return NGX_OK;
}

/* As nginx connects, but the node is chosen already. */
static ngx_int_t connect_now(ngx_peer_connection_t *pc)
{
    ngx_event_get_peer_pt get = pc->get;
    ngx_int_t rc;

    pc->get = nothing_to_ask;
    rc = ngx_event_connect_peer(pc);
    pc->get = get;
    return rc;
}

static void on_address(ngx_resolver_ctx_t *ctx);

/* NGX_OK: the answer comes by an event; NGX_DECLINED: there is none to come. */
static ngx_int_t look_up(ngx_mcmp_traffic_t *t)
{
    ngx_http_core_loc_conf_t *clcf = ngx_http_get_module_loc_conf(t->request, ngx_http_core_module);
    ngx_resolver_ctx_t wanted;
    ngx_resolver_ctx_t *ctx;

    ngx_memzero(&wanted, sizeof(wanted));
    wanted.name.data = (u_char *)t->selection.host.ptr;
    wanted.name.len = t->selection.host.len;
    ctx = ngx_resolve_start(clcf->resolver, &wanted);
    if (ctx == NULL || ctx == NGX_NO_RESOLVER) {
        ngx_log_error(NGX_LOG_ERR, t->request->connection->log, 0,
                      "mcmp: \"resolver\" is needed to find the host \"%V\" of node \"%*s\"",
                      &wanted.name, t->selection.route.len, t->selection.route.ptr);
        return NGX_DECLINED;
    }
    ctx->name = wanted.name;
    ctx->handler = on_address;
    ctx->data = t;
    ctx->timeout = clcf->resolver_timeout;
    t->hold.lookup = ctx;
    if (ngx_resolve_name(ctx) != NGX_OK) {
        t->hold.lookup = NULL;
        return NGX_DECLINED;
    }
    return NGX_OK;
}

static void set_wait(ngx_mcmp_traffic_t *t)
{
    mcmp_time wait = t->selection.retry_at - t->query.now;

    ngx_add_timer(&t->hold.wake, wait <= 0 ? 1 : (ngx_msec_t)((wait + MCMP_MSEC - 1) / MCMP_MSEC));
}

/* 1: the request is on its way, or over; 0: another node may be tried. */
static ngx_uint_t connect_or_fail(ngx_mcmp_traffic_t *t, ngx_peer_connection_t *pc, ngx_int_t rc)
{
    ngx_event_handler_pt handler = t->hold.write.handler;

    if (rc == NGX_OK)
        rc = connect_now(pc);
    if (rc == NGX_OK || rc == NGX_AGAIN || rc == NGX_DONE) {
        ngx_mcmp_hold_end(t);
        adopt(t, rc, handler);
        return 1;
    }
    pc->tries--;
    ngx_mcmp_unreachable(t, pc);
    if (pc->tries == 0 || (t->own.next_upstream & NGX_HTTP_UPSTREAM_FT_ERROR) == 0)
        t->spent = 1;
    return 0;
}

static void move(ngx_mcmp_traffic_t *t)
{
    ngx_peer_connection_t *pc = &t->request->upstream->peer;

    for (;;) {
        ngx_int_t rc = ngx_mcmp_decide(t, pc);

        if (rc == NGX_OK || rc == NGX_DONE) {
            if (connect_or_fail(t, pc, rc))
                return;
            continue;
        }
        pc->connection = &t->hold.connection;
        pc->sockaddr = &t->hold.address.sockaddr;
        if (rc == NGX_DECLINED) {
            finish(t);
            return;
        }
        if (!t->held) {
            set_wait(t);
            return;
        }
        if (look_up(t) == NGX_OK)
            return;
        ngx_mcmp_unreachable(t, pc);
    }
}

static void go_on(ngx_event_t *ev)
{
    ngx_mcmp_traffic_t *t = ev->data;
    ngx_connection_t *c = t->request->connection;

    ngx_http_set_log_request(c->log, t->request);
    if (t->hold.write.timer_set)
        ngx_del_timer(&t->hold.write); /* nginx would end the connecting */
    if (!ev->timedout && t->answer == 0 && !t->held) {
        set_wait(t);
        return;
    }
    ev->timedout = 0;
    move(t);
    ngx_http_run_posted_requests(c);
}

static void on_address(ngx_resolver_ctx_t *ctx)
{
    ngx_mcmp_traffic_t *t = ctx->data;
    ngx_connection_t *c = t->request->connection;
    ngx_mcmp_node_t *node = t->node;

    ngx_http_set_log_request(c->log, t->request);
    node->count = 0;
    for (ngx_uint_t i = 0; i < ctx->naddrs && node->count < NGX_MCMP_ADDRESSES; i++) {
        ngx_mcmp_address_t *address = &node->list[node->count++];

        ngx_memcpy(&address->sockaddr, ctx->addrs[i].sockaddr, ctx->addrs[i].socklen);
        address->socklen = ctx->addrs[i].socklen;
        ngx_inet_set_port(&address->sockaddr.sockaddr, (in_port_t)t->selection.port);
    }
    node->valid = ctx->valid > ngx_time() ? ctx->valid : ngx_time() + 1;
    if (ctx->state != 0)
        ngx_log_error(NGX_LOG_ERR, c->log, 0, "mcmp: host \"%V\" of node \"%*s\": %s", &ctx->name,
                      t->selection.route.len, t->selection.route.ptr,
                      ngx_resolver_strerror(ctx->state));
    t->hold.lookup = NULL;
    ngx_resolve_name_done(ctx);
    if (node->count == 0)
        ngx_mcmp_unreachable(t, &t->request->upstream->peer);
    move(t);
    ngx_http_run_posted_requests(c);
}
