/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an AJP node's answer, as the proxy module leaves that of an HTTP node. */
#include "traffic_ajp.h"

static ngx_table_elt_t *push(ngx_http_request_t *r, mcmp_span name, mcmp_span value)
{
    ngx_table_elt_t *h = ngx_list_push(&r->upstream->headers_in.headers);
    u_char *p;

    if (h == NULL)
        return NULL;
    ngx_memzero(h, sizeof(*h));
    p = ngx_pnalloc(r->pool, 2 * (name.len + 1) + value.len + 1);
    if (p == NULL)
        return NULL;
    h->key.data = p;
    h->key.len = name.len;
    p = ngx_mcmp_put(p, name);
    *p++ = '\0';
    h->value.data = p;
    h->value.len = value.len;
    p = ngx_mcmp_put(p, value);
    *p++ = '\0';
    h->lowcase_key = p;
    h->hash = ngx_hash_strlow(p, h->key.data, name.len);
    p[name.len] = '\0';
    return h;
}

static ngx_int_t take_line(ngx_http_request_t *r, const mcmp_pair *line)
{
    ngx_http_upstream_main_conf_t *umcf =
        ngx_http_get_module_main_conf(r, ngx_http_upstream_module);
    ngx_table_elt_t *h = push(r, line->name, line->value);
    ngx_http_upstream_header_t *known;

    if (h == NULL)
        return NGX_ERROR;
    known = ngx_hash_find(&umcf->headers_in_hash, h->hash, h->lowcase_key, h->key.len);
    return known == NULL || known->handler(r, h, known->offset) == NGX_OK ? NGX_OK : NGX_ERROR;
}

/* A line without a value keeps nginx's own from being left out. */
static ngx_int_t add_empty(ngx_http_request_t *r, ngx_table_elt_t *known, const char *name)
{
    mcmp_span key = { name, ngx_strlen(name) };
    mcmp_span none = { "", 0 };
    ngx_table_elt_t *h;

    if (known != NULL)
        return NGX_OK;
    h = push(r, key, none);
    if (h == NULL)
        return NGX_ERROR;
    ngx_str_null(&h->value);
    return NGX_OK;
}

static ngx_int_t set_status(ngx_http_request_t *r, const mcmp_http_info *info)
{
    ngx_http_upstream_t *u = r->upstream;
    u_char *p = ngx_pnalloc(r->pool, 4 + info->reason.len);

    if (p == NULL)
        return NGX_ERROR;
    u->headers_in.status_n = info->status;
    u->headers_in.status_line.data = p;
    p = ngx_sprintf(p, "%03uD ", info->status);
    p = ngx_mcmp_put(p, info->reason);
    u->headers_in.status_line.len = (size_t)(p - u->headers_in.status_line.data);
    if (u->state != NULL && u->state->status == 0)
        u->state->status = info->status;
    return NGX_OK;
}

/* A node that refuses our secret shows it by nothing but this. */
static void hint_secret(ngx_mcmp_traffic_t *t, uint32_t status)
{
    ngx_uint_t given = ngx_mcmp_setting(t->conf->secrets, &t->selection) != NULL;

    if (t->node->answered)
        return;
    t->node->answered = 1;
    if (status == NGX_HTTP_FORBIDDEN)
        ngx_log_error(NGX_LOG_WARN, t->request->connection->log, 0,
                      "mcmp: node \"%*s\" answers its first request 403: if that is its AJP "
                      "connector, %s",
                      t->selection.route.len, t->selection.route.ptr,
                      given ? "the secret of \"mcmp_ajp_secret\" is not its own"
                            : "it wants a secret, see \"mcmp_ajp_secret\"");
}

ngx_int_t ngx_mcmp_ajp_take_head(ngx_mcmp_traffic_t *t, const mcmp_http_head *head)
{
    ngx_http_request_t *r = t->request;
    const mcmp_http_info *info = mcmp_http_head_info(head);
    uint32_t flags;
    uint32_t id;
    mcmp_pair line;

    if (set_status(r, info) != NGX_OK)
        return NGX_ERROR;
    hint_secret(t, info->status);
    for (uint32_t i = 0; i < info->header_count; i++) {
        mcmp_http_head_header(head, i, &line, &id, &flags);
        if ((flags & MCMP_HTTP_FIELD_HOP) != 0 ||
            (info->status == NGX_HTTP_NO_CONTENT && id == MCMP_HTTP_FIELD_CONTENT_LENGTH))
            continue;
        if (take_line(r, &line) != NGX_OK)
            return NGX_ERROR;
    }
    if (add_empty(r, r->upstream->headers_in.server, "Server") != NGX_OK)
        return NGX_ERROR;
    return add_empty(r, r->upstream->headers_in.date, "Date");
}
