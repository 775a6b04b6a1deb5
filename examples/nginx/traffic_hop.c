/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Headers that are about the client's connection alone: those that are so by name, and those that
 * its Connection lists (RFC 9110, 7.6.1). They are hidden before the proxy module writes the node's
 * head, so what the configuration sends under such a name still goes out: a client can't take
 * X-Forwarded-For away by naming it (CVE-2022-31813).
 */
#include "traffic.h"

#define MAX_LISTED 64u

static ngx_str_t connection = ngx_string("Connection");

static ngx_uint_t is_named(const ngx_table_elt_t *header, const u_char *name, size_t len)
{
    return header->key.len == len && ngx_strncasecmp(header->key.data, (u_char *)name, len) == 0;
}

/* The proxy module passes over whatever has the name of a header that it writes itself. */
static void hide(ngx_table_elt_t *header)
{
    static u_char low[] = "connection";

    header->key = connection;
    header->lowcase_key = low;
    header->hash = ngx_hash_key(low, sizeof(low) - 1);
}

static void hide_named(ngx_http_request_t *r, const u_char *name, size_t len)
{
    for (ngx_list_part_t *part = &r->headers_in.headers.part; part != NULL; part = part->next) {
        ngx_table_elt_t *headers = part->elts;

        for (ngx_uint_t i = 0; i < part->nelts; i++)
            if (is_named(&headers[i], name, len))
                hide(&headers[i]);
    }
}

static ngx_uint_t is_blank(u_char c)
{
    return c == ' ' || c == '\t' || c == ',';
}

/* The names in one Connection line. NGX_ERROR: there are too many. */
static ngx_int_t hide_listed(ngx_http_request_t *r, const ngx_str_t *list, ngx_uint_t *count)
{
    const u_char *at = list->data;
    const u_char *end = list->data + list->len;

    while (at < end) {
        const u_char *name = at;

        while (at < end && !is_blank(*at))
            at++;
        if (at > name) {
            if (++*count > MAX_LISTED)
                return NGX_ERROR;
            hide_named(r, name, (size_t)(at - name));
        }
        while (at < end && is_blank(*at))
            at++;
    }
    return NGX_OK;
}

ngx_int_t ngx_mcmp_hide_hop_by_hop(ngx_http_request_t *r)
{
    static const ngx_str_t names[] = {
        ngx_string("Proxy-Connection"),
        ngx_string("Proxy-Authenticate"),
        ngx_string("Proxy-Authorization"),
        ngx_string("Trailer"),
        ngx_string("Keep-Alive"),
        ngx_string("TE"),
        ngx_string("Proxy"), /* CGI would take it for the variable HTTP_PROXY */
    };
    ngx_uint_t count = 0;

    for (ngx_list_part_t *part = &r->headers_in.headers.part; part != NULL; part = part->next) {
        ngx_table_elt_t *headers = part->elts;

        for (ngx_uint_t i = 0; i < part->nelts; i++)
            if (is_named(&headers[i], connection.data, connection.len) &&
                hide_listed(r, &headers[i].value, &count) != NGX_OK)
                return NGX_HTTP_BAD_REQUEST;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        hide_named(r, names[i].data, names[i].len);
    return NGX_OK;
}
