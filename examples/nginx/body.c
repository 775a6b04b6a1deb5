/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a body piece by piece into one block. A body over the limit is read to its end and dropped,
 * up to 16 MiB, so that the answer is not eaten by a reset (MCMP 1); then reading ends, and nginx
 * closes in its lingering way. Nothing goes to a temporary file.
 */
#include "body.h"

#define MAX_DROP (16u << 20)
#define FIRST_ROOM 4096u

static ngx_mcmp_body_t *body_of(ngx_http_request_t *r)
{
    return ngx_mcmp_ctx(r)->body;
}

/* Once over the limit it is refused whole, so nothing of it is needed any more. */
static ngx_int_t append(ngx_http_request_t *r, ngx_mcmp_body_t *body, const u_char *data,
                        size_t len)
{
    body->seen += len;
    if (body->seen > body->max) {
        body->len = 0;
        return NGX_OK;
    }
    if (body->room - body->len < len) {
        size_t room = ngx_min(ngx_max(2 * body->room, body->len + len + FIRST_ROOM), body->max);
        u_char *grown = ngx_palloc(r->pool, room);

        if (grown == NULL)
            return NGX_ERROR;
        if (body->len != 0) {
            ngx_memcpy(grown, body->data, body->len);
            (void)ngx_pfree(r->pool, body->data);
        }
        body->data = grown;
        body->room = room;
    }
    ngx_memcpy(body->data + body->len, data, len);
    body->len += len;
    return NGX_OK;
}

/* Takes the buffers that nginx has filled, and gives them back to it. */
static ngx_int_t take(ngx_http_request_t *r, ngx_mcmp_body_t *body)
{
    ngx_chain_t *cl = r->request_body != NULL ? r->request_body->bufs : NULL;

    while (cl != NULL) {
        ngx_chain_t *next = cl->next;
        ngx_buf_t *b = cl->buf;

        if (ngx_buf_in_memory(b)) {
            if (append(r, body, b->pos, (size_t)(b->last - b->pos)) != NGX_OK)
                return NGX_ERROR;
            b->pos = b->last;
        }
        ngx_free_chain(r->pool, cl);
        cl = next;
    }
    if (r->request_body != NULL)
        r->request_body->bufs = NULL;
    return NGX_OK;
}

static void complete(ngx_http_request_t *r, ngx_mcmp_body_t *body)
{
    r->read_event_handler = ngx_http_block_reading;
    body->done(r, body->ctx);
}

/* 1 when the body is there, or enough of it. */
static int is_over(ngx_http_request_t *r, ngx_mcmp_body_t *body)
{
    body->more = body->seen > MAX_DROP;
    return !r->reading_body || body->more;
}

/* Takes what there is; an event comes only for what is not there yet. */
static void on_read(ngx_http_request_t *r)
{
    ngx_mcmp_body_t *body = body_of(r);
    ngx_int_t rc = take(r, body);
    uint64_t before;

    while (rc == NGX_OK && !is_over(r, body)) {
        before = body->seen;
        rc = ngx_http_read_unbuffered_request_body(r);
        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            ngx_http_finalize_request(r, rc);
            return;
        }
        rc = take(r, body);
        if (rc == NGX_OK && r->reading_body && body->seen == before) {
            r->read_event_handler = on_read;
            return;
        }
    }
    if (rc == NGX_OK)
        complete(r, body);
    else
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
}

ngx_int_t ngx_mcmp_body_read(ngx_http_request_t *r, ngx_mcmp_body_t *body, size_t max,
                             void (*done)(ngx_http_request_t *r, void *ctx), void *ctx)
{
    ngx_mcmp_ctx_t *record = ngx_mcmp_ctx(r);
    ngx_int_t rc;

    if (record == NULL)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    record->body = body;
    body->max = max;
    body->done = done;
    body->ctx = ctx;
    r->request_body_no_buffering = 1;
    r->expect_tested = 1; /* MCMP 1 and 2: Expect is ignored, there are no 1xx answers */
    rc = ngx_http_read_client_request_body(r, on_read);
    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}
