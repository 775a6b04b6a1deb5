/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Begins and ends an exchange with an AJP node: the request that the proxy module wrote becomes a
 * Forward Request, and nginx's functions for this try become ours.
 */
#include "traffic_ajp.h"

#define FREE_MOST 64 /* codecs that wait for others; each has room for heads */

static ngx_queue_t unused = { &unused, &unused };
static ngx_uint_t unused_count;

static void drop(ngx_mcmp_ajp_t *ajp)
{
    mcmp_ajp_proxy_free(ajp->proxy);
    mcmp_ajp_proxy_free(ajp->pinger);
    ngx_free(ajp);
}

static ngx_mcmp_ajp_t *make(uint32_t packet, ngx_log_t *log)
{
    ngx_mcmp_ajp_t *ajp = ngx_calloc(sizeof(*ajp), log);
    mcmp_ajp_options opts;

    if (ajp == NULL)
        return NULL;
    mcmp_ajp_options_init(&opts);
    opts.max_packet = packet;
    if (mcmp_ajp_proxy_new(&ajp->proxy, &opts, NULL) != MCMP_OK) {
        ngx_free(ajp);
        return NULL;
    }
    return ajp;
}

static ngx_mcmp_ajp_t *take(uint32_t packet, ngx_log_t *log)
{
    ngx_mcmp_ajp_t *ajp = NULL;
    mcmp_ajp_proxy *proxy;
    mcmp_ajp_proxy *pinger;

    for (ngx_queue_t *q = ngx_queue_head(&unused); q != &unused; q = ngx_queue_next(q)) {
        ajp = ngx_queue_data(q, ngx_mcmp_ajp_t, queue);
        if (ajp->packet == packet) {
            ngx_queue_remove(q);
            unused_count--;
            break;
        }
        ajp = NULL;
    }
    if (ajp == NULL)
        ajp = make(packet, log);
    if (ajp == NULL)
        return NULL;
    proxy = ajp->proxy;
    pinger = ajp->pinger;
    mcmp_ajp_proxy_reset(proxy);
    ngx_memzero(ajp, sizeof(*ajp));
    ajp->proxy = proxy;
    ajp->pinger = pinger;
    ajp->packet = packet;
    return ajp;
}

void ngx_mcmp_ajp_end(ngx_mcmp_traffic_t *t)
{
    ngx_mcmp_ajp_t *ajp = t->ajp;

    if (ajp == NULL)
        return;
    t->ajp = NULL;
    if (unused_count >= FREE_MOST) { /* the oldest may be of a packet size that is gone */
        ngx_mcmp_ajp_t *oldest = ngx_queue_data(ngx_queue_last(&unused), ngx_mcmp_ajp_t, queue);

        ngx_queue_remove(&oldest->queue);
        unused_count--;
        drop(oldest);
    }
    ngx_queue_insert_head(&unused, &ajp->queue);
    unused_count++;
}

static ngx_int_t reinit(ngx_http_request_t *r)
{
    r->state = 0; /* the rest was set up by the choice of the node */
    return NGX_OK;
}

/* The body that stands behind the head in one buffer (proxy_set_body), or the chain behind it. */
static ngx_chain_t *content_of(ngx_mcmp_traffic_t *t, size_t head_size)
{
    ngx_pool_t *pool = t->request->pool;
    ngx_buf_t *whole = t->http.head;
    ngx_chain_t *link;
    ngx_buf_t *b;

    if (head_size >= (size_t)(whole->last - whole->start))
        return t->http.bufs->next;
    link = ngx_alloc_chain_link(pool);
    b = ngx_calloc_buf(pool);
    if (link == NULL || b == NULL)
        return NULL;
    b->start = whole->start + head_size;
    b->pos = b->start;
    b->last = whole->last;
    b->end = whole->last;
    b->memory = 1;
    b->last_buf = 1;
    link->buf = b;
    link->next = t->http.bufs->next;
    return link;
}

static ngx_int_t set_bufs(ngx_mcmp_traffic_t *t, const char *packet, size_t len, size_t head_size)
{
    ngx_http_request_t *r = t->request;
    ngx_chain_t *link = ngx_alloc_chain_link(r->pool);
    ngx_buf_t *b = ngx_create_temp_buf(r->pool, len);

    if (link == NULL || b == NULL)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    b->last = ngx_cpymem(b->last, packet, len);
    b->flush = 1;
    link->buf = b;
    link->next = content_of(t, head_size);
    t->ajp->head = b;
    r->upstream->request_bufs = link;
    return NGX_OK;
}

static void fill_forward(ngx_mcmp_traffic_t *t, const mcmp_http_head *head,
                         const mcmp_http_target *target, mcmp_http_forward *forward)
{
    mcmp_http_forward_init(forward);
    forward->target = target;
    forward->host = ngx_mcmp_head_host(t, head);
    forward->flags = MCMP_HTTP_FORWARD_NO_EXPECT | MCMP_HTTP_FORWARD_NO_UPGRADE;
    if ((t->selection.flags & MCMP_SELECTION_REMOVE_SESSION) != 0) {
        forward->remove_cookie = t->selection.cookie_name;
        forward->remove_path = t->selection.path_name;
    }
}

/* NGX_OK, or the status to answer. */
static ngx_int_t write_request(ngx_mcmp_traffic_t *t)
{
    static char packet[MCMP_AJP_PACKET_MAX]; /* of this worker; copied at once */
    mcmp_http_forward forward;
    mcmp_http_target target;
    mcmp_ajp_facts facts;
    mcmp_http_head *head;
    mcmp_error err;
    size_t len = 0;
    int rc;

    mcmp_error_init(&err);
    head = ngx_mcmp_head_parse(t, &target, &err);
    if (head == NULL) {
        ngx_mcmp_log_error(NGX_LOG_ERR, t->request->connection->log, "request for an AJP node",
                           &err);
        return (ngx_int_t)mcmp_http_status_of(err.code);
    }
    fill_forward(t, head, &target, &forward);
    ngx_mcmp_ajp_facts(t, &facts);
    rc = mcmp_ajp_proxy_encode_request(t->ajp->proxy, head, &forward, &facts, packet,
                                       sizeof(packet), &len, &err);
    if (rc != MCMP_OK) {
        ngx_mcmp_log_error(NGX_LOG_ERR, t->request->connection->log, "request for an AJP node",
                           &err);
        return (ngx_int_t)mcmp_ajp_proxy_status_of(rc);
    }
    return set_bufs(t, packet, len, mcmp_http_head_info(head)->head_size);
}

ngx_int_t ngx_mcmp_ajp_begin(ngx_mcmp_traffic_t *t)
{
    const ngx_mcmp_setting_t *packet = ngx_mcmp_setting(t->conf->packets, &t->selection);
    ngx_http_request_t *r = t->request;
    ngx_http_upstream_t *u = r->upstream;
    ngx_int_t rc;

    ngx_mcmp_ajp_end(t);
    if (u->pipe == NULL) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "mcmp: node \"%*s\" speaks AJP: use \"mcmp_pass\" or \"proxy_pass\"",
                      t->selection.route.len, t->selection.route.ptr);
        return NGX_HTTP_BAD_GATEWAY;
    }
    t->ajp =
        take(packet != NULL ? (uint32_t)packet->number : MCMP_AJP_PACKET_MIN, r->connection->log);
    if (t->ajp == NULL)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    rc = write_request(t);
    if (rc != NGX_OK)
        return rc;
#if (NGX_HTTP_SSL)
    u->ssl = 0;
#endif
    u->cacheable = 0; /* what is cached is a head of HTTP */
    u->reinit_request = reinit;
    u->process_header = ngx_mcmp_ajp_process_header;
    u->input_filter_init = ngx_mcmp_ajp_filter_init;
    u->input_filter = ngx_mcmp_ajp_filter;
    u->pipe->input_filter = ngx_mcmp_ajp_pipe_filter;
    u->output.output_filter = ngx_mcmp_ajp_output;
    u->output.filter_ctx = t;
    return NGX_OK;
}

void ngx_mcmp_ajp_ask(ngx_mcmp_traffic_t *t)
{
    ngx_mcmp_ajp_t *ajp = t->ajp;

    if (ajp->pinger == NULL && mcmp_ajp_proxy_new(&ajp->pinger, NULL, NULL) != MCMP_OK)
        return;
    mcmp_ajp_proxy_reset(ajp->pinger);
    ajp->ping = 1;
    ajp->read_timeout = t->own.read_timeout;
    t->own.read_timeout = (ngx_msec_t)(t->selection.ping / MCMP_MSEC);
}

ngx_uint_t ngx_mcmp_ajp_is_pinging(const ngx_mcmp_traffic_t *t)
{
    return t->ajp != NULL && t->ajp->ping;
}

ngx_uint_t ngx_mcmp_ajp_can_keep(const ngx_mcmp_traffic_t *t)
{
    const ngx_mcmp_ajp_t *ajp = t->ajp;

    return ajp->ended && !ajp->more && t->request->upstream->writer.out == NULL &&
           mcmp_ajp_proxy_can_reuse(ajp->proxy);
}
