/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nginx has parsed the head and writes the head of the answer; the names and values in between are
 * the library's. An answer always has its Content-Length: nothing may compress it on the way.
 */
#include "exchange.h"

static mcmp_span span(const u_char *data, size_t len)
{
    mcmp_span out = { (const char *)data, len };

    return out;
}

static void take_address(mcmp_peer *peer, const struct sockaddr *addr)
{
    const struct sockaddr_in *in = (const void *)addr;

    if (addr->sa_family == AF_INET) {
        peer->address[10] = peer->address[11] = 0xff;
        ngx_memcpy(peer->address + 12, &in->sin_addr, 4);
        peer->port = ntohs(in->sin_port);
        peer->has_address = 1;
    }
#if (NGX_HAVE_INET6)
    if (addr->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)addr;

        ngx_memcpy(peer->address, &in6->sin6_addr, 16);
        peer->port = ntohs(in6->sin6_port);
        peer->has_address = 1;
    }
#endif
}

#if (NGX_HTTP_SSL)

static ngx_http_variable_value_t *variable(ngx_http_request_t *r, const char *name)
{
    ngx_str_t text = { ngx_strlen(name), (u_char *)(uintptr_t)name };
    ngx_uint_t key = ngx_hash_key(text.data, text.len);
    ngx_http_variable_value_t *v = ngx_http_get_variable(r, &text, key);

    return v != NULL && !v->not_found && v->len != 0 ? v : NULL;
}

/* The subject of a certificate that nginx has verified. */
static void take_identity(ngx_http_request_t *r, mcmp_peer *peer)
{
    ngx_http_variable_value_t *v;

    if (r->connection->ssl == NULL)
        return;
    v = variable(r, "ssl_client_verify");
    if (v == NULL || v->len != 7 || ngx_strncmp(v->data, "SUCCESS", 7) != 0)
        return;
    v = variable(r, "ssl_client_s_dn");
    if (v != NULL)
        peer->identity = span(v->data, v->len);
}

#else

static void take_identity(ngx_http_request_t *r, mcmp_peer *peer)
{
    (void)r;
    (void)peer;
}

#endif

/* All Accept lines count; nginx keeps none of them by itself. */
static uint32_t take_accept(ngx_http_request_t *r, mcmp_span target)
{
    uint32_t flags = mcmp_request_flags(target, span(NULL, 0));

    for (ngx_list_part_t *part = &r->headers_in.headers.part; part != NULL; part = part->next) {
        ngx_table_elt_t *headers = part->elts;

        for (ngx_uint_t i = 0; i < part->nelts; i++)
            if (headers[i].key.len == 6 &&
                ngx_strncasecmp(headers[i].key.data, (u_char *)"accept", 6) == 0)
                flags |= mcmp_request_flags(target, ngx_mcmp_span(&headers[i].value));
    }
    if ((flags & MCMP_REQUEST_WANT_XML) != 0)
        flags &= ~MCMP_REQUEST_WANT_JSON;
    return flags;
}

void ngx_mcmp_exchange_take(ngx_http_request_t *r, mcmp_request *request, mcmp_peer *peer)
{
    mcmp_peer_init(peer);
    take_address(peer, r->connection->sockaddr);
    take_identity(r, peer);
    mcmp_request_init(request);
    request->method = ngx_mcmp_span(&r->method_name);
    request->command = mcmp_command_of_method(request->method);
    request->target = ngx_mcmp_span(&r->unparsed_uri);
    request->flags = take_accept(r, request->target);
    if (r->http_version < NGX_HTTP_VERSION_11 || !r->keepalive)
        request->flags |= MCMP_REQUEST_CLOSE;
    if (r->method == NGX_HTTP_HEAD)
        request->flags |= MCMP_REQUEST_HEAD;
    if (r->headers_in.host != NULL)
        request->host = ngx_mcmp_span(&r->headers_in.host->value);
    request->now = ngx_mcmp_now();
    request->connection = r->connection->number;
    request->peer = peer;
}

static void free_response(void *data)
{
    mcmp_response_free(data);
}

mcmp_response *ngx_mcmp_exchange_response(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(r->pool, 0);
    mcmp_response *response;

    if (cleanup == NULL || mcmp_response_new(&response, NULL, NULL) != MCMP_OK)
        return NULL;
    cleanup->handler = free_response;
    cleanup->data = response;
    return response;
}

static int is(mcmp_span name, const char *text)
{
    return name.len == ngx_strlen(text) &&
           ngx_strncasecmp((u_char *)(uintptr_t)name.ptr, (u_char *)(uintptr_t)text, name.len) == 0;
}

static ngx_str_t str(mcmp_span text)
{
    ngx_str_t out = { text.len, (u_char *)(uintptr_t)text.ptr };

    return out;
}

static ngx_int_t add_header(ngx_http_request_t *r, const mcmp_pair *pair)
{
    ngx_table_elt_t *header;

    if (is(pair->name, "Connection"))
        return NGX_OK;                      /* nginx writes it */
    if (is(pair->name, "Content-Length")) { /* not that of the body: HEAD has none */
        r->headers_out.content_length_n =
            ngx_atoof((u_char *)(uintptr_t)pair->value.ptr, pair->value.len);
        return NGX_OK;
    }
    if (is(pair->name, "Content-Type")) {
        r->headers_out.content_type = str(pair->value);
        r->headers_out.content_type_len = pair->value.len;
        return NGX_OK;
    }
    header = ngx_list_push(&r->headers_out.headers);
    if (header == NULL)
        return NGX_ERROR;
    ngx_memzero(header, sizeof(*header));
    header->hash = 1;
    header->key = str(pair->name);
    header->value = str(pair->value);
    return NGX_OK;
}

/* The status with its reason phrase, which clients look for. */
static ngx_int_t set_status(ngx_http_request_t *r, const mcmp_response *response)
{
    mcmp_span reason = mcmp_response_reason(response);
    u_char *line = ngx_pnalloc(r->pool, reason.len + 5);

    if (line == NULL)
        return NGX_ERROR;
    r->headers_out.status = mcmp_response_status(response);
    r->headers_out.status_line.data = line;
    r->headers_out.status_line.len =
        (size_t)(ngx_sprintf(line, "%03ui %*s", r->headers_out.status, reason.len, reason.ptr) -
                 line);
    return NGX_OK;
}

static ngx_int_t send_body(ngx_http_request_t *r, mcmp_span body)
{
    ngx_buf_t *b = ngx_calloc_buf(r->pool);
    ngx_chain_t out = { b, NULL };

    if (b == NULL)
        return NGX_ERROR;
    b->pos = b->start = (u_char *)(uintptr_t)body.ptr;
    b->last = b->end = b->pos + body.len;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;
    return ngx_http_output_filter(r, &out);
}

ngx_int_t ngx_mcmp_exchange_send(ngx_http_request_t *r, const mcmp_response *response)
{
    mcmp_span body = mcmp_response_body(response);
    mcmp_pair pair;
    ngx_int_t rc;

    if (set_status(r, response) != NGX_OK)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    for (size_t i = 0; mcmp_response_header(response, i, &pair) == MCMP_OK; i++)
        if (add_header(r, &pair) != NGX_OK)
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
    if (mcmp_response_must_close(response))
        r->keepalive = 0;
    r->allow_ranges = 0;
    r->disable_not_modified = 1;
#if (NGX_HTTP_GZIP)
    r->gzip_tested = 1;
    r->gzip_ok = 0;
#endif
    r->header_only = body.len == 0;
    rc = ngx_http_send_header(r);
    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only)
        return rc;
    return send_body(r, body);
}
