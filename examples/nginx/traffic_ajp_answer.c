/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An AJP node's answer on its way to the client. nginx reads into its buffers; content is passed on
 * from where it lies in them. Every byte goes through the codec once, as nothing but End Response
 * ends an answer.
 */
#include "traffic_ajp.h"

/* Where content goes, and what came beside it. */
typedef struct sink_s {
    ngx_mcmp_traffic_t *traffic;
    ngx_int_t (*content)(struct sink_s *sink, mcmp_span data);
    ngx_buf_t *from;   /* buffered: the buf that the content lies in */
    ngx_chain_t **out; /* not buffered: end of the chain */
    ngx_buf_t *last;   /* of what this round passed on */
    ngx_buf_t **shadow;
    ngx_uint_t flush;
} sink_t;

/* The write event takes up the request's body where it waits. */
static void wake_upload(ngx_mcmp_traffic_t *t)
{
    ngx_event_t *wev = t->request->upstream->peer.connection->write;

    ngx_post_event(wev, &ngx_posted_events);
}

/* When the answer has begun and all that the node asked for has left, nothing is owed to it. */
static void stop_send_timer(ngx_mcmp_traffic_t *t)
{
    ngx_http_upstream_t *u = t->request->upstream;

    if (u->writer.out == NULL && u->peer.connection->write->timer_set)
        ngx_del_timer(u->peer.connection->write);
}

static void complain(ngx_mcmp_traffic_t *t, int rc, const mcmp_error *err)
{
    ngx_http_request_t *r = t->request;

    t->broken = 1;
    t->foreign = rc == MCMP_ERR_AJP_PACKET && r->upstream->headers_in.status_n == 0;
    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0, "mcmp: node \"%*s\": %s: %s",
                  t->selection.route.len, t->selection.route.ptr, mcmp_error_name(rc),
                  err->message);
}

static void on_pong(ngx_mcmp_traffic_t *t)
{
    ngx_mcmp_ajp_t *ajp = t->ajp;
    ngx_http_upstream_t *u = t->request->upstream;

    ajp->ping = 0;
    t->own.read_timeout = ajp->read_timeout;
    u->request_body_sent = 0;
    if (u->peer.connection->read->timer_set)
        ngx_del_timer(u->peer.connection->read);
    wake_upload(t);
}

/* The answer to a CPing. NGX_OK: it came; NGX_AGAIN; NGX_ERROR: something else came. */
static ngx_int_t feed_pinger(ngx_mcmp_traffic_t *t, ngx_buf_t *b)
{
    mcmp_ajp_event event;
    size_t used = 0;
    int rc;

    mcmp_ajp_event_init(&event);
    rc = mcmp_ajp_proxy_feed(t->ajp->pinger, b->pos, (size_t)(b->last - b->pos), &used, &event,
                             NULL);
    b->pos += used;
    if (rc == MCMP_NEED_MORE)
        return NGX_AGAIN;
    if (rc != MCMP_OK || event.type != MCMP_AJP_EVENT_PONG || b->pos < b->last)
        return NGX_ERROR;
    on_pong(t);
    return NGX_OK;
}

static int feed(ngx_mcmp_traffic_t *t, ngx_buf_t *b, mcmp_ajp_event *event)
{
    mcmp_error err;
    size_t used = 0;
    int rc;

    mcmp_error_init(&err);
    mcmp_ajp_event_init(event);
    rc = mcmp_ajp_proxy_feed(t->ajp->proxy, b->pos, (size_t)(b->last - b->pos), &used, event, &err);
    b->pos += used;
    if (rc == MCMP_OK && event->type == MCMP_AJP_EVENT_GET_BODY) {
        wake_upload(t);
    } else if (rc == MCMP_OK && event->type == MCMP_AJP_EVENT_END) {
        t->ajp->ended = 1;
        t->ajp->more = b->pos < b->last;
    } else if (rc < 0) {
        complain(t, rc, &err);
    }
    return rc;
}

static void empty(ngx_http_request_t *r)
{
    ngx_buf_t *b = &r->upstream->buffer;

    b->pos = b->start;
#if (NGX_HTTP_CACHE)
    if (r->cache != NULL)
        b->pos += r->cache->header_start;
#endif
    b->last = b->pos;
}

/* 1: there is nothing to pass on after the head. */
static ngx_uint_t has_no_body(const ngx_mcmp_traffic_t *t)
{
    const mcmp_http_head *head = mcmp_ajp_proxy_head(t->ajp->proxy);

    return head != NULL && mcmp_http_head_info(head)->framing == MCMP_HTTP_FRAMING_NONE;
}

static ngx_int_t on_head(ngx_mcmp_traffic_t *t)
{
    stop_send_timer(t);
    return ngx_mcmp_ajp_take_head(t, mcmp_ajp_proxy_head(t->ajp->proxy));
}

/* An answer without a body ends with its head for nginx, so the End Response is waited for here. */
ngx_int_t ngx_mcmp_ajp_process_header(ngx_http_request_t *r)
{
    ngx_http_upstream_t *u = r->upstream;
    ngx_mcmp_traffic_t *t = ngx_mcmp_traffic_of(r);
    ngx_buf_t *b = &u->buffer;
    mcmp_ajp_event event;
    int rc = MCMP_OK;

    if (t->ajp->ping) {
        if (feed_pinger(t, b) == NGX_ERROR)
            return NGX_HTTP_UPSTREAM_INVALID_HEADER;
        empty(r);
        return NGX_AGAIN;
    }
    if (!t->final)
        u->peer.tries = 1; /* AJP13 5: the node may act on what it replied to */
    t->final = 1;
    while (b->pos < b->last && rc == MCMP_OK) {
        rc = feed(t, b, &event);
        if (rc < 0)
            return NGX_HTTP_UPSTREAM_INVALID_HEADER;
        if (rc == MCMP_OK && event.type == MCMP_AJP_EVENT_HEAD && on_head(t) != NGX_OK)
            return NGX_ERROR;
        if (rc == MCMP_OK &&
            (t->ajp->ended || (event.type == MCMP_AJP_EVENT_HEAD && !has_no_body(t))))
            return NGX_OK;
    }
    empty(r);
    return NGX_AGAIN;
}

ngx_int_t ngx_mcmp_ajp_filter_init(void *data)
{
    ngx_http_request_t *r = data;
    ngx_http_upstream_t *u = r->upstream;
    ngx_mcmp_traffic_t *t = ngx_mcmp_traffic_of(r);

    /* one byte more is always of interest, until the end */
    u->length = t->ajp->ended ? 0 : 1;
    u->pipe->length = u->length;
    return NGX_OK;
}

/* Take what is in the buf. NGX_OK: more is to come; NGX_DONE: the answer is complete. */
static ngx_int_t take(sink_t *sink, ngx_buf_t *b)
{
    ngx_mcmp_traffic_t *t = sink->traffic;

    stop_send_timer(t);
    while (b->pos < b->last) {
        mcmp_ajp_event event;
        int rc = feed(t, b, &event);

        if (rc < 0)
            return NGX_ERROR;
        if (rc == MCMP_NEED_MORE)
            return NGX_OK;
        if (event.type == MCMP_AJP_EVENT_BODY && sink->content(sink, event.data) != NGX_OK)
            return NGX_ERROR;
        if (event.type == MCMP_AJP_EVENT_FLUSH)
            sink->flush = 1;
        if (t->ajp->ended)
            return NGX_DONE;
    }
    return NGX_OK;
}

static ngx_int_t pass_on(sink_t *sink, mcmp_span data)
{
    ngx_http_request_t *r = sink->traffic->request;
    ngx_chain_t *link = ngx_chain_get_free_buf(r->pool, &r->upstream->free_bufs);

    if (link == NULL)
        return NGX_ERROR;
    link->buf->pos = (u_char *)data.ptr;
    link->buf->last = link->buf->pos + data.len;
    link->buf->memory = 1;
    link->buf->flush = 1;
    link->buf->tag = r->upstream->output.tag;
    link->next = NULL;
    *sink->out = link;
    sink->out = &link->next;
    return NGX_OK;
}

ngx_int_t ngx_mcmp_ajp_filter(void *data, ssize_t bytes)
{
    ngx_http_request_t *r = data;
    ngx_http_upstream_t *u = r->upstream;
    sink_t sink = { ngx_mcmp_traffic_of(r), pass_on, NULL, &u->out_bufs, NULL, NULL, 0 };
    ngx_buf_t *b = &u->buffer;
    ngx_int_t rc;

    while (*sink.out != NULL)
        sink.out = &(*sink.out)->next;
    b->pos = b->last;
    b->last += bytes;
    if (u->length == 0) {
        sink.traffic->ajp->more = 1;
        return NGX_OK;
    }
    rc = take(&sink, b);
    if (rc == NGX_DONE)
        u->length = 0;
    return rc == NGX_ERROR ? NGX_ERROR : NGX_OK;
}

/* A part of a buf of the pipe; the buf is free again when all of its parts went out. */
static ngx_int_t pipe_on(sink_t *sink, mcmp_span data)
{
    ngx_event_pipe_t *p = sink->traffic->request->upstream->pipe;
    ngx_chain_t *link = ngx_chain_get_free_buf(p->pool, &p->free);
    ngx_buf_t *b;

    if (link == NULL)
        return NGX_ERROR;
    b = link->buf;
    ngx_memzero(b, sizeof(*b));
    b->pos = (u_char *)data.ptr;
    b->last = b->pos + data.len;
    b->start = sink->from->start;
    b->end = sink->from->end;
    b->tag = p->tag;
    b->temporary = 1;
    b->recycled = 1;
    b->num = sink->from->num;
    *sink->shadow = b;
    sink->shadow = &b->shadow;
    sink->last = b;
    link->next = NULL;
    if (p->in != NULL)
        *p->last_in = link;
    else
        p->in = link;
    p->last_in = &link->next;
    return NGX_OK;
}

/* The node wants the client to have what came so far. */
static void flush(sink_t *sink)
{
    ngx_http_request_t *r = sink->traffic->request;
    const ngx_event_pipe_t *p = r->upstream->pipe;

    if (sink->last != NULL)
        sink->last->flush = 1;
    else if (p->in == NULL && p->out == NULL && !p->downstream_error && r->connection->data == r)
        ngx_http_send_special(r, NGX_HTTP_FLUSH);
}

ngx_int_t ngx_mcmp_ajp_pipe_filter(ngx_event_pipe_t *p, ngx_buf_t *buf)
{
    ngx_http_request_t *r = p->input_ctx;
    sink_t sink = { ngx_mcmp_traffic_of(r), pipe_on, buf, NULL, NULL, &buf->shadow, 0 };
    ngx_int_t rc;

    if (buf->pos == buf->last || p->upstream_done)
        return NGX_OK;
    if (p->length == 0) {
        sink.traffic->ajp->more = 1;
        p->upstream_done = 1;
        return NGX_OK;
    }
    rc = take(&sink, buf);
    if (sink.last != NULL) {
        sink.last->shadow = buf;
        sink.last->last_shadow = 1;
    }
    if (rc == NGX_ERROR)
        return NGX_ERROR;
    if (rc == NGX_DONE)
        p->length = 0;
    if (sink.flush)
        flush(&sink);
    return sink.last != NULL ? NGX_OK : ngx_event_pipe_add_free_buf(p, buf);
}
