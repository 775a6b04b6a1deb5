/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the host of a node to addresses. Literals and localhost are known at once; other names go to
 * nginx's resolver, which needs the directive `resolver` in the http block: the C library's lookup
 * would block the worker.
 */
#include "address.h"

struct ngx_mcmp_lookup_s {
    ngx_resolver_ctx_t *resolve;
    ngx_mcmp_lookup_pt done;
    void *ctx;
    uint32_t port;
    int starting;
    int ended;
    size_t len;
    u_char name[256];
};

static void take_v4(ngx_mcmp_address_t *out, in_addr_t addr, uint32_t port)
{
    ngx_memzero(out, sizeof(*out));
    out->sockaddr.sockaddr_in.sin_family = AF_INET;
    out->sockaddr.sockaddr_in.sin_addr.s_addr = addr;
    out->sockaddr.sockaddr_in.sin_port = htons((in_port_t)port);
    out->socklen = sizeof(out->sockaddr.sockaddr_in);
}

static int take_v6(ngx_mcmp_address_t *out, u_char *text, size_t len, uint32_t port)
{
#if (NGX_HAVE_INET6)
    ngx_memzero(out, sizeof(*out));
    out->sockaddr.sockaddr_in6.sin6_family = AF_INET6;
    out->sockaddr.sockaddr_in6.sin6_port = htons((in_port_t)port);
    out->socklen = sizeof(out->sockaddr.sockaddr_in6);
    return ngx_inet6_addr(text, len, out->sockaddr.sockaddr_in6.sin6_addr.s6_addr) == NGX_OK;
#else
    return 0;
#endif
}

ngx_uint_t ngx_mcmp_literal(mcmp_span host, uint32_t port, ngx_mcmp_address_t *list,
                            ngx_uint_t *count)
{
    u_char *text = (u_char *)(uintptr_t)host.ptr;
    in_addr_t addr;

    *count = 0;
    if (host.len == 9 && ngx_strncasecmp(text, (u_char *)"localhost", 9) == 0) {
        take_v4(&list[0], htonl(INADDR_LOOPBACK), port);
        *count = 1 + (ngx_uint_t)take_v6(&list[1], (u_char *)"::1", 3, port);
        return 1;
    }
    if (host.len > 2 && text[0] == '[' && text[host.len - 1] == ']') {
        *count = (ngx_uint_t)take_v6(&list[0], text + 1, host.len - 2, port);
        return *count;
    }
    addr = ngx_inet_addr(text, host.len);
    if (addr == INADDR_NONE)
        return 0;
    take_v4(&list[0], addr, port);
    *count = 1;
    return 1;
}

static void set_port(ngx_mcmp_address_t *address, uint32_t port)
{
    ngx_inet_set_port(&address->sockaddr.sockaddr, (in_port_t)port);
}

static void on_resolved(ngx_resolver_ctx_t *resolve)
{
    ngx_mcmp_lookup_t *l = resolve->data;
    ngx_mcmp_address_t list[NGX_MCMP_ADDRESSES];
    ngx_uint_t count = 0;

    for (ngx_uint_t i = 0; resolve->state == NGX_OK && i < resolve->naddrs; i++) {
        if (count == NGX_MCMP_ADDRESSES)
            break;
        ngx_memcpy(&list[count].sockaddr, resolve->addrs[i].sockaddr, resolve->addrs[i].socklen);
        list[count].socklen = resolve->addrs[i].socklen;
        set_port(&list[count++], l->port);
    }
    ngx_resolve_name_done(resolve);
    l->ended = 1;
    l->done(l->ctx, list, count, "the name is not known");
    if (!l->starting)
        ngx_free(l);
}

static ngx_mcmp_lookup_t *start(ngx_mcmp_lookup_t *l, ngx_mcmp_zone_t *zone, const char **why)
{
    ngx_resolver_ctx_t *resolve = ngx_resolve_start(zone->resolver, NULL);
    ngx_int_t rc;

    if (resolve == NULL || resolve == NGX_NO_RESOLVER) {
        *why = resolve == NULL ? "no memory" : "a name needs the directive resolver in http";
        ngx_free(l);
        return NULL;
    }
    resolve->name.data = l->name;
    resolve->name.len = l->len;
    resolve->handler = on_resolved;
    resolve->data = l;
    resolve->timeout = zone->resolver_timeout;
    l->resolve = resolve;
    l->starting = 1;
    rc = ngx_resolve_name(resolve);
    l->starting = 0;
    if (rc == NGX_OK && !l->ended)
        return l;
    *why = "the name can't be looked up";
    ngx_free(l);
    return NULL;
}

ngx_mcmp_lookup_t *ngx_mcmp_lookup(ngx_mcmp_zone_t *zone, mcmp_span host, uint32_t port,
                                   ngx_mcmp_lookup_pt done, void *ctx, const char **why)
{
    ngx_mcmp_lookup_t *l;

    *why = "the name is too long";
    if (host.len > sizeof(l->name))
        return NULL;
    *why = "no memory";
    l = ngx_calloc(sizeof(*l), ngx_cycle->log);
    if (l == NULL)
        return NULL;
    l->done = done;
    l->ctx = ctx;
    l->port = port;
    l->len = host.len;
    ngx_memcpy(l->name, host.ptr, host.len);
    return start(l, zone, why);
}

void ngx_mcmp_lookup_cancel(ngx_mcmp_lookup_t *l)
{
    if (l == NULL)
        return;
    ngx_resolve_name_done(l->resolve);
    ngx_free(l);
}
