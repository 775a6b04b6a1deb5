/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The peer of an upstream, as nginx asks for it: init for a request, get and free for each try.
 * What became of a try is told from what nginx left behind, as free() is told only whether it
 * failed.
 */
#include "traffic.h"

static ngx_int_t get_peer(ngx_peer_connection_t *pc, void *data)
{
    ngx_mcmp_traffic_t *t = data;
    ngx_int_t rc = ngx_mcmp_decide(t, pc);

    return rc == NGX_OK || rc == NGX_DONE ? rc : ngx_mcmp_hold(t, pc);
}

static ngx_uint_t timed_out(const ngx_connection_t *c)
{
    return c != NULL && (c->read->timedout || c->write->timedout);
}

/* Nothing was heard: says something of the node only when it had all it needed to answer, on a
 * connection that it had not closed already. */
static ngx_int_t judge_silence(const ngx_mcmp_traffic_t *t, const ngx_peer_connection_t *pc)
{
    const ngx_http_upstream_t *u = t->request->upstream;

    return pc->cached || !u->request_body_sent ? MCMP_OUTCOME_BROKEN : MCMP_OUTCOME_NO_ANSWER;
}

/* Of a try that nginx calls failed. */
static ngx_int_t judge_failure(const ngx_mcmp_traffic_t *t, const ngx_peer_connection_t *pc)
{
    const ngx_http_upstream_t *u = t->request->upstream;

    if (pc->connection == NULL)
        return MCMP_OUTCOME_CONNECT; /* what nginx knows is of the try before */
    if (t->foreign)
        return MCMP_OUTCOME_NO_ANSWER;
    if (u->headers_in.status_n > 0 && !t->broken)
        return MCMP_OUTCOME_OK; /* it answered, by a status that is tried elsewhere */
    if (!u->request_sent && !pc->cached)
        return MCMP_OUTCOME_CONNECT;
    if (timed_out(pc->connection))
        return MCMP_OUTCOME_TIMEOUT;
    if (u->state == NULL || u->state->bytes_received == 0)
        return judge_silence(t, pc);
    return MCMP_OUTCOME_BROKEN;
}

/* Of a request that nginx ended. */
static ngx_int_t judge_end(const ngx_mcmp_traffic_t *t, const ngx_peer_connection_t *pc)
{
    ngx_http_request_t *r = t->request;
    const ngx_http_upstream_t *u = r->upstream;
    ngx_int_t rc = t->ended;

    if (t->broken)
        return t->foreign ? MCMP_OUTCOME_NO_ANSWER : MCMP_OUTCOME_BROKEN;
    if (rc == NGX_OK || rc == NGX_DECLINED)
        return MCMP_OUTCOME_OK;
    if (!u->header_sent && u->headers_in.status_n > 0 && rc == (ngx_int_t)u->headers_in.status_n)
        return MCMP_OUTCOME_OK; /* its error page is ours */
    if (r->connection->error || r->connection->timedout)
        return MCMP_OUTCOME_CLIENT;
    if (timed_out(pc->connection))
        return MCMP_OUTCOME_TIMEOUT;
    if (rc == NGX_HTTP_BAD_GATEWAY)
        return MCMP_OUTCOME_BROKEN;
    return MCMP_OUTCOME_CLIENT;
}

/* Nothing but a CPing was sent, so all of the request is still here. */
static void rewind_request(ngx_http_upstream_t *u)
{
    off_t at = 0;

    u->request_sent = 0;
    u->output.buf = NULL;
    u->output.in = NULL;
    u->output.busy = NULL;
    for (ngx_chain_t *link = u->request_bufs; link != NULL; link = link->next) {
        link->buf->pos = link->buf->start;
        if (link->buf->in_file) { /* there is one file at most */
            link->buf->file_pos = at;
            at = link->buf->file_last;
        }
    }
}

/* 1: the same node is asked once more, by a new connection. */
static ngx_uint_t is_stale(ngx_mcmp_traffic_t *t, ngx_peer_connection_t *pc)
{
    ngx_http_upstream_t *u = t->request->upstream;

    if (t->was_stale || !pc->cached || t->final || t->broken)
        return 0;
    if (ngx_mcmp_ajp_is_pinging(t)) {
        rewind_request(u);
        pc->tries++;
    } else if (timed_out(pc->connection) || u->state == NULL || u->state->bytes_received > 0) {
        return 0;
    }
    t->was_stale = 1;
    t->fresh = 1;
    return 1;
}

static void failed(ngx_mcmp_traffic_t *t, ngx_peer_connection_t *pc)
{
    ngx_int_t outcome;

    if (is_stale(t, pc))
        return;
    outcome = judge_failure(t, pc);
    if (outcome == MCMP_OUTCOME_CONNECT) {
        ngx_mcmp_unreachable(t, pc);
        if (pc->tries == 0) {
            t->spent = 1;
            pc->tries = 1; /* nginx comes once more, for our 503 instead of its 502 */
        }
        return;
    }
    if (outcome == MCMP_OUTCOME_TIMEOUT && t->ajp != NULL && !t->final)
        ngx_log_error(NGX_LOG_WARN, t->request->connection->log, 0,
                      "mcmp: node \"%*s\" gave no answer in time; a container is silent also when "
                      "the head of its answer is over its own packet size",
                      t->selection.route.len, t->selection.route.ptr);
    ngx_mcmp_tried(t, outcome);
    ngx_mcmp_release(t, outcome);
}

static ngx_uint_t may_keep(const ngx_mcmp_traffic_t *t, const ngx_peer_connection_t *pc)
{
    const ngx_http_upstream_t *u = t->request->upstream;

    if (pc->connection == NULL || t->node == NULL || t->diverted)
        return 0;
    if (t->ajp != NULL)
        return ngx_mcmp_ajp_can_keep(t);
    return u->keepalive && u->request_body_sent;
}

static void over(ngx_mcmp_traffic_t *t, ngx_peer_connection_t *pc)
{
    ngx_int_t outcome = judge_end(t, pc);

    if (outcome == MCMP_OUTCOME_OK && may_keep(t, pc) &&
        ngx_mcmp_idle_keep(t->node, pc->connection, t->conf, &t->selection) == NGX_OK)
        pc->connection = NULL;
    ngx_mcmp_release(t, outcome);
}

static void free_peer(ngx_peer_connection_t *pc, void *data, ngx_uint_t state)
{
    ngx_mcmp_traffic_t *t = data;

    if (pc->tries > 0)
        pc->tries--;
    if (t->hold.on) {
        ngx_mcmp_hold_end(t);
        pc->connection = NULL;
        ngx_mcmp_release(t, MCMP_OUTCOME_CLIENT);
    } else if (!t->held) {
        return;
    } else if ((state & (NGX_PEER_FAILED | NGX_PEER_NEXT)) != 0) {
        failed(t, pc);
    } else {
        over(t, pc);
    }
}

/* nginx tells by nothing else why it ends a request. */
static void on_end(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_mcmp_traffic_t *t = ngx_mcmp_traffic_of(r);

    if (t == NULL)
        return;
    t->ended = rc;
    t->http.finalize(r, rc);
    /* once more to the same node was prepared, but nginx wanted no other try */
    if (t->held && r->upstream->peer.sockaddr == NULL)
        ngx_mcmp_release(t, t->addresses > 0 ? MCMP_OUTCOME_CONNECT : MCMP_OUTCOME_BROKEN);
}

#if (NGX_HTTP_SSL)
static ngx_int_t set_session(ngx_peer_connection_t *pc, void *data)
{
    (void)pc;
    (void)data;
    return NGX_OK;
}

static void save_session(ngx_peer_connection_t *pc, void *data)
{
    (void)pc;
    (void)data;
}
#endif

static ngx_mcmp_traffic_t *new_traffic(ngx_http_request_t *r, const ngx_mcmp_upstream_t *conf)
{
    ngx_mcmp_traffic_t *t = ngx_mcmp_traffic_new(r, conf->zone);

    if (t != NULL)
        t->answer = ngx_mcmp_traffic_ask(t, &conf->balancer);
    return t;
}

ngx_int_t ngx_mcmp_peer_init(ngx_http_request_t *r, ngx_http_upstream_srv_conf_t *us)
{
    ngx_http_upstream_t *u = r->upstream;
    ngx_mcmp_traffic_t *t = NULL;

    if (us->srv_conf == NULL) {
        ngx_mcmp_ctx_t *record = ngx_mcmp_ctx(r);

        if (record != NULL)
            t = record->traffic;
        if (t == NULL || t->request != r || !t->ready) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "mcmp: the upstream \"%V\" is for \"mcmp_pass\" alone", &us->host);
            return NGX_ERROR;
        }
        t->ready = 0;
    } else {
        t = new_traffic(r, ngx_http_conf_upstream_srv_conf(us, ngx_http_mcmp_traffic_module));
    }
    if (t == NULL)
        return NGX_ERROR;
    t->upstream = u;
    ngx_mcmp_keep_http(t);
    u->finalize_request = on_end;
    u->peer.data = t;
    u->peer.get = get_peer;
    u->peer.free = free_peer;
    u->peer.tries = NGX_MCMP_TRIES;
#if (NGX_HTTP_SSL)
    u->peer.set_session = set_session;
    u->peer.save_session = save_session;
#endif
    return NGX_OK;
}
