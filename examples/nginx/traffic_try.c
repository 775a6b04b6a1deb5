/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One try: a node, its address, a connection that is idle, and which protocol to speak there. What
 * the proxy module set up for HTTP is put back for each try that speaks it, so that a request may
 * go from an AJP node to an HTTP node and back.
 */
#include "traffic.h"

void ngx_mcmp_keep_http(ngx_mcmp_traffic_t *t)
{
    ngx_http_upstream_t *u = t->request->upstream;
    ngx_mcmp_http_t *http = &t->http;

    http->conf = u->conf;
    http->bufs = u->request_bufs;
    http->head = u->request_bufs->buf;
    http->reinit = u->reinit_request;
    http->process = u->process_header;
    http->finalize = u->finalize_request;
    http->filter_init = u->input_filter_init;
    http->filter = u->input_filter;
    http->pipe_filter = u->pipe != NULL ? u->pipe->input_filter : NULL;
    http->output = u->output.output_filter;
    http->output_ctx = u->output.filter_ctx;
    http->buffering = u->buffering;
    http->cacheable = u->cacheable;
#if (NGX_HTTP_SSL)
    http->ssl = u->conf->ssl != NULL;
#endif
}

/* The node's own times, and what AJP needs: the body may go on after the answer's head came. */
static void own_conf(ngx_mcmp_traffic_t *t)
{
    const mcmp_selection *selection = &t->selection;
    ngx_msec_t timeout = (ngx_msec_t)(selection->timeout / MCMP_MSEC);
    ngx_msec_t ping = (ngx_msec_t)(selection->ping / MCMP_MSEC);

    t->own = *t->http.conf;
    if (timeout > 0) {
        t->own.read_timeout = timeout;
        t->own.send_timeout = timeout;
    }
    if (ping > 0 && ping < t->own.connect_timeout)
        t->own.connect_timeout = ping;
    t->own.preserve_output = selection->scheme == MCMP_SCHEME_AJP;
    t->request->upstream->conf = &t->own;
}

static ngx_int_t speak_http(ngx_mcmp_traffic_t *t)
{
    ngx_http_request_t *r = t->request;
    ngx_http_upstream_t *u = r->upstream;
    const ngx_mcmp_http_t *http = &t->http;
    ngx_uint_t tls =
        t->selection.scheme == MCMP_SCHEME_HTTPS || t->selection.scheme == MCMP_SCHEME_WSS;

    if (tls && !http->ssl) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "mcmp: node \"%*s\" speaks TLS, but \"proxy_pass http://\" does not: use "
                      "\"https://\" there, which serves both, or \"mcmp_pass\"",
                      t->selection.route.len, t->selection.route.ptr);
        return NGX_HTTP_BAD_GATEWAY;
    }
    ngx_mcmp_ajp_end(t);
    u->request_bufs = http->bufs;
    u->request_bufs->buf = http->head;
    u->reinit_request = http->reinit;
    u->process_header = http->process;
    u->input_filter_init = http->filter_init;
    u->input_filter = http->filter;
    if (u->pipe != NULL)
        u->pipe->input_filter = http->pipe_filter;
    u->output.output_filter = http->output;
    u->output.filter_ctx = http->output_ctx;
    u->cacheable = http->cacheable;
#if (NGX_HTTP_SSL)
    u->ssl = tls;
#endif
    if (u->reinit_request(r) != NGX_OK)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    if (t->passed || (t->selection.flags & MCMP_SELECTION_REMOVE_SESSION) != 0)
        return ngx_mcmp_head_for_http(t);
    return NGX_OK;
}

static ngx_int_t speak(ngx_mcmp_traffic_t *t)
{
    ngx_http_upstream_t *u = t->request->upstream;

    own_conf(t);
    u->buffering = t->http.buffering;
    if (t->selection.flushpackets == MCMP_FLUSH_ON && !u->store && !u->cacheable)
        u->buffering = 0;
    if (t->selection.scheme == MCMP_SCHEME_AJP)
        return ngx_mcmp_ajp_begin(t);
    return speak_http(t);
}

/* An AJP node takes upgrades only at an endpoint that the configuration names. */
static ngx_int_t divert(ngx_mcmp_traffic_t *t)
{
    const ngx_mcmp_setting_t *endpoint;

    t->upgrades = ngx_mcmp_upgrade_asked(t->request, t->conf);
    t->diverted = 0;
    if (!t->upgrades || t->selection.scheme != MCMP_SCHEME_AJP)
        return NGX_OK;
    endpoint = ngx_mcmp_setting(t->conf->endpoints, &t->selection);
    if (endpoint == NULL) {
        ngx_log_error(NGX_LOG_ERR, t->request->connection->log, 0,
                      "mcmp: AJP can't upgrade, and no \"mcmp_upgrade port=\" is for node \"%*s\"",
                      t->selection.route.len, t->selection.route.ptr);
        return NGX_HTTP_NOT_IMPLEMENTED;
    }
    t->selection.scheme = MCMP_SCHEME_HTTP;
    t->selection.port = (uint32_t)endpoint->number;
    t->diverted = 1;
    if (t->node != NULL)
        ngx_mcmp_node_put(t->node);
    t->node = ngx_mcmp_node_get(t->zone, &t->selection, t->request->connection->log);
    if (t->node != NULL)
        t->record->node = t->node->url;
    return NGX_OK;
}

/* A connection that can't be asked again must not be one that the node closed; and no answer of AJP
 * may be one that came before it was asked for (AJP13 5). */
static ngx_int_t take_idle(ngx_mcmp_traffic_t *t, ngx_peer_connection_t *pc)
{
    ngx_http_request_t *r = t->request;
    ngx_uint_t ajp = t->selection.scheme == MCMP_SCHEME_AJP;
    ngx_uint_t look = ajp || (r->method & (NGX_HTTP_POST | NGX_HTTP_LOCK | NGX_HTTP_PATCH)) != 0;
    ngx_msec_t since;

    if (t->fresh || t->diverted)
        return NGX_OK;
    pc->connection = ngx_mcmp_idle_take(t->node, look, pc->log, &since);
    if (pc->connection == NULL)
        return NGX_OK;
    pc->cached = 1;
    if (ajp && t->selection.ping > 0 && ngx_current_msec - since >= t->conf->ajp_ping &&
        !r->request_body_no_buffering)
        ngx_mcmp_ajp_ask(t);
    return NGX_DONE;
}

static ngx_int_t prepare(ngx_mcmp_traffic_t *t, ngx_peer_connection_t *pc)
{
    ngx_mcmp_address_t *address;

    if (!t->settled) {
        t->answer = divert(t);
        if (t->answer != NGX_OK)
            return NGX_DECLINED;
        t->settled = 1;
    }
    if (t->node == NULL) {
        t->answer = NGX_HTTP_INTERNAL_SERVER_ERROR;
        return NGX_DECLINED;
    }
    if (t->node->count == 0 || (t->node->valid != 0 && t->node->valid < ngx_time()))
        return NGX_AGAIN;
    t->answer = speak(t);
    if (t->answer != NGX_OK)
        return NGX_DECLINED;
    pc->name = &t->node->name;
    address = &t->node->list[t->node->turn % t->node->count];
    pc->sockaddr = &address->sockaddr.sockaddr;
    pc->socklen = address->socklen;
    return take_idle(t, pc);
}

/* When no further try is made after one that failed. */
static ngx_int_t failure_status(ngx_mcmp_traffic_t *t)
{
    if (t->last == MCMP_OUTCOME_TIMEOUT)
        return NGX_HTTP_GATEWAY_TIME_OUT;
    if (t->last == MCMP_OUTCOME_CONNECT)
        return ngx_mcmp_unavailable(t);
    return NGX_HTTP_BAD_GATEWAY;
}

ngx_int_t ngx_mcmp_decide(ngx_mcmp_traffic_t *t, ngx_peer_connection_t *pc)
{
    ngx_int_t rc;

    pc->connection = NULL;
    pc->cached = 0;
    if (t->answer != 0)
        return NGX_DECLINED;
    if (!t->held) {
        rc = t->final || t->spent ? MCMP_NO_NODE : ngx_mcmp_choose(t, 0);
        if (rc == MCMP_WAIT)
            return NGX_AGAIN;
        if (rc != MCMP_OK) {
            t->answer = t->last >= 0 ? failure_status(t) : ngx_mcmp_choice_status(t);
            return NGX_DECLINED;
        }
    }
    if (!t->limited && pc->tries > t->selection.max_retries + 1)
        pc->tries = t->selection.max_retries + 1;
    t->limited = 1;
    rc = prepare(t, pc);
    if (rc == NGX_DECLINED)
        ngx_mcmp_release(t, MCMP_OUTCOME_UNUSED);
    return rc;
}

void ngx_mcmp_unreachable(ngx_mcmp_traffic_t *t, ngx_peer_connection_t *pc)
{
    if (t->node != NULL && ++t->addresses < t->node->count) {
        t->node->turn++; /* another address of the same node */
        pc->tries++;
        return;
    }
    t->addresses = 0;
    ngx_mcmp_tried(t, MCMP_OUTCOME_CONNECT);
    ngx_mcmp_release(t, MCMP_OUTCOME_CONNECT);
}
