/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request's way to an AJP node: the Forward Request, then content as the node asks for it.
 * nginx hands over what there is; what is in no packet yet stays in ajp->in, and as nginx reads no
 * more of the client's body than fits its buffers, that is the back-pressure. Called again by the
 * write event, which the answer's side posts when the node asks for more.
 */
#include "traffic_ajp.h"

static off_t size_of(const ngx_chain_t *in)
{
    off_t size = 0;

    for (; in != NULL; in = in->next)
        size += ngx_buf_size(in->buf);
    return size;
}

/* Its bufs are nginx's, its links are ours. */
static ngx_int_t append(ngx_mcmp_traffic_t *t, ngx_chain_t *in)
{
    ngx_mcmp_ajp_t *ajp = t->ajp;
    ngx_chain_t **end = &ajp->in;

    while (*end != NULL)
        end = &(*end)->next;
    for (; in != NULL; in = in->next) {
        ngx_chain_t *link;

        if (in->buf->last_buf)
            ajp->last = 1;
        if (ngx_buf_size(in->buf) == 0)
            continue;
        link = ngx_alloc_chain_link(t->request->pool);
        if (link == NULL)
            return NGX_ERROR;
        link->buf = in->buf;
        link->next = NULL;
        *end = link;
        end = &link->next;
    }
    return NGX_OK;
}

static ngx_chain_t *get_buf(ngx_mcmp_traffic_t *t)
{
    ngx_chain_t *link = ngx_chain_get_free_buf(t->request->pool, &t->ajp->free);

    if (link == NULL)
        return NULL;
    link->next = NULL;
    return link;
}

/* A few bytes of our own. */
static ngx_int_t put_bytes(ngx_mcmp_traffic_t *t, const char *bytes, size_t len, ngx_chain_t ***end)
{
    ngx_chain_t *link;
    ngx_buf_t *b;
    u_char *start;

    if (len == 0)
        return NGX_OK;
    link = get_buf(t);
    if (link == NULL)
        return NGX_ERROR;
    b = link->buf;
    start = b->start != NULL ? b->start : ngx_palloc(t->request->pool, MCMP_AJP_FRAME_MAX);
    if (start == NULL)
        return NGX_ERROR;
    ngx_memzero(b, sizeof(*b));
    b->start = start;
    b->end = start + MCMP_AJP_FRAME_MAX;
    b->pos = start;
    b->last = ngx_cpymem(start, bytes, len);
    b->temporary = 1;
    b->flush = 1;
    b->tag = NGX_MCMP_AJP_TAG;
    **end = link;
    *end = &link->next;
    return NGX_OK;
}

/* A part of nginx's buf, which stays as it is until the part that is its last has left. */
static ngx_int_t put_part(ngx_mcmp_traffic_t *t, ngx_buf_t *from, off_t size, ngx_chain_t ***end)
{
    ngx_mcmp_ajp_t *ajp = t->ajp;
    ngx_chain_t *link = get_buf(t);
    ngx_buf_t *b;

    if (link == NULL)
        return NGX_ERROR;
    b = link->buf;
    *b = *from;
    b->tag = NGX_MCMP_AJP_TAG;
    b->shadow = from;
    b->last_shadow = ajp->taken + size == ngx_buf_size(from);
    b->last_buf = 0;
    b->flush = 1;
    b->recycled = 0;
    if (ngx_buf_in_memory(from)) {
        b->in_file = 0;
        b->pos += ajp->taken;
        b->last = b->pos + size;
    } else {
        b->file_pos += ajp->taken;
        b->file_last = b->file_pos + size;
    }
    **end = link;
    *end = &link->next;
    return NGX_OK;
}

static ngx_int_t put_content(ngx_mcmp_traffic_t *t, off_t size, ngx_chain_t ***end)
{
    ngx_mcmp_ajp_t *ajp = t->ajp;

    while (size > 0) {
        ngx_chain_t *link = ajp->in;
        off_t whole = ngx_buf_size(link->buf);
        off_t part = ngx_min(size, whole - ajp->taken);

        if (put_part(t, link->buf, part, end) != NGX_OK)
            return NGX_ERROR;
        size -= part;
        ajp->taken += part;
        if (ajp->taken == whole) {
            ajp->taken = 0;
            ajp->in = link->next;
            ngx_free_chain(t->request->pool, link);
        }
    }
    return NGX_OK;
}

static ngx_int_t put_packets(ngx_mcmp_traffic_t *t, ngx_chain_t ***end)
{
    static const char nul[MCMP_AJP_FRAME_MAX];
    ngx_mcmp_ajp_t *ajp = t->ajp;

    for (;;) {
        off_t ready = size_of(ajp->in) - ajp->taken;
        mcmp_ajp_frame frame;
        int rc;

        mcmp_ajp_frame_init(&frame);
        rc = mcmp_ajp_proxy_encode_body(ajp->proxy, (size_t)ready,
                                        ajp->last ? MCMP_AJP_BODY_LAST : 0, &frame, NULL);
        if (rc == MCMP_NEED_MORE || rc == MCMP_DONE)
            return NGX_OK;
        if (rc != MCMP_OK)
            return NGX_ERROR;
        if (put_bytes(t, frame.head, frame.head_len, end) != NGX_OK ||
            put_content(t, (off_t)frame.take, end) != NGX_OK ||
            put_bytes(t, nul, frame.tail_len, end) != NGX_OK)
            return NGX_ERROR;
    }
}

/* The first of it: the Forward Request, which is nginx's buf as the others are. */
static void put_head(ngx_mcmp_traffic_t *t, ngx_chain_t ***end)
{
    ngx_mcmp_ajp_t *ajp = t->ajp;
    ngx_chain_t *link = ajp->in;

    if (ajp->began || link == NULL || link->buf != ajp->head)
        return;
    ajp->began = 1;
    ajp->in = link->next;
    link->next = NULL;
    **end = link;
    *end = &link->next;
}

static ngx_int_t put_ping(ngx_mcmp_traffic_t *t, ngx_chain_t ***end)
{
    char bytes[MCMP_AJP_FRAME_MAX];
    size_t len = 0;

    if (t->ajp->pinged)
        return NGX_OK;
    t->ajp->pinged = 1;
    if (mcmp_ajp_proxy_encode_ping(t->ajp->pinger, bytes, sizeof(bytes), &len, NULL) != MCMP_OK)
        return NGX_ERROR;
    return put_bytes(t, bytes, len, end);
}

static void give_back(ngx_buf_t *b)
{
    ngx_buf_t *from = b->shadow;

    if (from == NULL)
        return;
    b->shadow = NULL;
    b->start = NULL; /* its memory was not ours */
    if (!b->last_shadow)
        return;
    from->pos = from->last;
    from->file_pos = from->file_last;
}

/* What left is told to the codec, and nginx gets back the bufs that are used up. */
static void account(ngx_mcmp_traffic_t *t, ngx_chain_t *out)
{
    ngx_http_upstream_t *u = t->request->upstream;
    ngx_mcmp_ajp_t *ajp = t->ajp;
    off_t sent = u->peer.connection->sent;

    mcmp_ajp_proxy_sent(ajp->ping ? ajp->pinger : ajp->proxy, (uint64_t)(sent - ajp->sent));
    ajp->sent = sent;
    ngx_chain_update_chains(t->request->pool, &ajp->free, &ajp->busy, &out, NGX_MCMP_AJP_TAG);
    for (ngx_chain_t *link = ajp->free; link != NULL; link = link->next)
        give_back(link->buf);
}

/* While the node asks for nothing, it is the node that is waited for. */
static void set_timer(ngx_mcmp_traffic_t *t)
{
    ngx_http_upstream_t *u = t->request->upstream;
    ngx_event_t *read = u->peer.connection->read;
    mcmp_ajp_progress progress;

    if (u->header_sent || u->request_body_sent)
        return;
    mcmp_ajp_progress_init(&progress);
    mcmp_ajp_proxy_progress(t->ajp->proxy, &progress);
    if (progress.packets_due == 0 && !read->timer_set)
        ngx_add_timer(read, u->conf->read_timeout);
    else if (progress.packets_due > 0 && read->timer_set)
        ngx_del_timer(read);
}

ngx_int_t ngx_mcmp_ajp_output(void *data, ngx_chain_t *in)
{
    ngx_mcmp_traffic_t *t = data;
    ngx_chain_t *out = NULL;
    ngx_chain_t **end = &out;
    ngx_int_t rc;

    if (append(t, in) != NGX_OK)
        return NGX_ERROR;
    if (t->ajp->ended)
        return NGX_OK; /* what it did not ask for stays here */
    if (t->ajp->ping) {
        rc = put_ping(t, &end);
    } else {
        put_head(t, &end);
        rc = put_packets(t, &end);
    }
    if (rc != NGX_OK)
        return NGX_ERROR;
    rc = ngx_chain_writer(&t->request->upstream->writer, out);
    if (rc == NGX_ERROR)
        return NGX_ERROR;
    account(t, out);
    set_timer(t);
    return rc;
}
