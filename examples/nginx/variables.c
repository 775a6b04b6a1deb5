/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record of a request and the variables that show it: $mcmp_route, $mcmp_node, $mcmp_context,
 * $mcmp_balancer, $mcmp_session_route, $mcmp_reason, $mcmp_tries. A request that the module never
 * saw has none of them, which a log writes as "-".
 */
#include "core.h"

typedef enum { SHOW_TEXT, SHOW_REASON, SHOW_TRIES } show_kind;

static const struct {
    ngx_str_t name;
    show_kind kind;
    size_t offset;
} shown[] = {
    { ngx_string("mcmp_route"), SHOW_TEXT, offsetof(ngx_mcmp_ctx_t, route) },
    { ngx_string("mcmp_node"), SHOW_TEXT, offsetof(ngx_mcmp_ctx_t, node) },
    { ngx_string("mcmp_context"), SHOW_TEXT, offsetof(ngx_mcmp_ctx_t, context) },
    { ngx_string("mcmp_balancer"), SHOW_TEXT, offsetof(ngx_mcmp_ctx_t, balancer) },
    { ngx_string("mcmp_session_route"), SHOW_TEXT, offsetof(ngx_mcmp_ctx_t, session_route) },
    { ngx_string("mcmp_reason"), SHOW_REASON, 0 },
    { ngx_string("mcmp_tries"), SHOW_TRIES, 0 },
};

static void on_cleanup(void *data)
{
    (void)data;
}

/* nginx forgets the contexts of modules at an internal redirect; what hangs on the pool stays. */
static ngx_mcmp_ctx_t *find(ngx_http_request_t *r)
{
    ngx_mcmp_ctx_t *ctx = ngx_http_get_module_ctx(r, ngx_http_mcmp_module);

    if (ctx != NULL || !(r->internal || r->filter_finalize))
        return ctx;
    for (ngx_pool_cleanup_t *c = r->pool->cleanup; c != NULL; c = c->next) {
        if (c->handler != on_cleanup)
            continue;
        ctx = c->data;
        if (ctx->request == r)
            return ctx;
    }
    return NULL;
}

ngx_mcmp_ctx_t *ngx_mcmp_ctx(ngx_http_request_t *r)
{
    ngx_mcmp_ctx_t *ctx = find(r);
    ngx_pool_cleanup_t *cleanup;

    if (ctx == NULL) {
        cleanup = ngx_pool_cleanup_add(r->pool, sizeof(*ctx));
        if (cleanup == NULL)
            return NULL;
        ctx = cleanup->data;
        ngx_memzero(ctx, sizeof(*ctx));
        ctx->request = r;
        cleanup->handler = on_cleanup;
    }
    ngx_http_set_ctx(r, ctx, ngx_http_mcmp_module);
    return ctx;
}

static ngx_int_t copy(ngx_pool_t *pool, ngx_str_t *out, mcmp_span text)
{
    u_char *data = ngx_pnalloc(pool, text.len + 1);

    if (data == NULL)
        return NGX_ERROR;
    if (text.len != 0)
        ngx_memcpy(data, text.ptr, text.len);
    out->data = data;
    out->len = text.len;
    return NGX_OK;
}

static ngx_int_t copy_node(ngx_pool_t *pool, ngx_str_t *out, const mcmp_selection *s)
{
    const char *scheme = mcmp_scheme_name(s->scheme);
    size_t size = ngx_strlen(scheme) + s->host.len + sizeof("://:65535");
    u_char *data = ngx_pnalloc(pool, size);

    if (data == NULL)
        return NGX_ERROR;
    out->data = data;
    out->len = (size_t)(ngx_snprintf(data, size, "%s://%*s:%uD", scheme, s->host.len, s->host.ptr,
                                     s->port) -
                        data);
    return NGX_OK;
}

ngx_int_t ngx_mcmp_ctx_note(ngx_http_request_t *r, ngx_mcmp_ctx_t *ctx,
                            const mcmp_selection *selection)
{
    ctx->reason = selection->reason;
    if (copy(r->pool, &ctx->session_route, selection->session_route) != NGX_OK)
        return NGX_ERROR;
    if ((selection->flags & MCMP_SELECTION_HELD) == 0)
        return NGX_OK; /* no node was chosen: what stands there is of the try before */
    ctx->tries++;
    if (copy(r->pool, &ctx->route, selection->route) != NGX_OK ||
        copy(r->pool, &ctx->context, selection->path_context) != NGX_OK ||
        copy(r->pool, &ctx->balancer, selection->balancer) != NGX_OK)
        return NGX_ERROR;
    return copy_node(r->pool, &ctx->node, selection);
}

static void show_text(ngx_http_variable_value_t *v, u_char *data, size_t len)
{
    v->len = (unsigned)len;
    v->data = data;
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = len == 0;
}

static ngx_int_t get(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
    const ngx_mcmp_ctx_t *ctx = find(r);
    u_char *text;

    if (ctx == NULL && r != r->main)
        ctx = find(r->main);
    if (ctx == NULL || (shown[data].kind == SHOW_REASON && ctx->reason == MCMP_REASON_NONE)) {
        v->not_found = 1;
        return NGX_OK;
    }
    if (shown[data].kind == SHOW_TEXT) {
        const ngx_str_t *str = (const void *)((const u_char *)ctx + shown[data].offset);

        show_text(v, str->data, str->len);
    } else if (shown[data].kind == SHOW_REASON) {
        const char *name = mcmp_reason_name((uint32_t)ctx->reason);

        show_text(v, (u_char *)(uintptr_t)name, ngx_strlen(name));
    } else {
        text = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
        if (text == NULL)
            return NGX_ERROR;
        show_text(v, text, (size_t)(ngx_sprintf(text, "%ui", ctx->tries) - text));
    }
    return NGX_OK;
}

ngx_int_t ngx_mcmp_add_variables(ngx_conf_t *cf)
{
    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
        ngx_str_t name = shown[i].name;
        ngx_http_variable_t *v = ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);

        if (v == NULL)
            return NGX_ERROR;
        v->get_handler = get;
        v->data = i;
    }
    return NGX_OK;
}
