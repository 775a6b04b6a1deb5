/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an AJP node is told of the client beside the request's head: addresses, TLS, the secret. All
 * of it comes from nginx, nothing from the client's headers but the name it asked for.
 */
#include "traffic_ajp.h"

static mcmp_span text_of(const ngx_str_t *text)
{
    mcmp_span none = { NULL, 0 };

    return text->len > 0 ? ngx_mcmp_span(text) : none;
}

static mcmp_span local_address(ngx_http_request_t *r)
{
    ngx_connection_t *c = r->connection;
    ngx_str_t text;

    ngx_str_null(&text);
    text.len = NGX_SOCKADDR_STRLEN;
    text.data = ngx_pnalloc(r->pool, text.len);
    if (text.data == NULL || ngx_connection_local_sockaddr(c, &text, 0) != NGX_OK)
        text.len = 0;
    return text_of(&text);
}

/* The port that the client named; 0: none. */
static uint32_t named_port(ngx_http_request_t *r)
{
    ngx_table_elt_t *host = r->headers_in.host;
    size_t name = r->headers_in.server.len;
    ngx_int_t port;

    if (host == NULL || host->value.len <= name + 1 || host->value.data[name] != ':')
        return 0;
    port = ngx_atoi(host->value.data + name + 1, host->value.len - name - 1);
    return port > 0 && port <= 65535 ? (uint32_t)port : 0;
}

#if (NGX_HTTP_SSL)
static mcmp_span tls_text(ngx_http_request_t *r,
                          ngx_int_t (*get)(ngx_connection_t *c, ngx_pool_t *pool, ngx_str_t *s))
{
    ngx_str_t text;

    ngx_str_null(&text);
    if (get(r->connection, r->pool, &text) != NGX_OK)
        text.len = 0;
    return text_of(&text);
}

/* names of ciphers and protocols are static texts with a NUL */
static mcmp_span tls_name(ngx_http_request_t *r,
                          ngx_int_t (*get)(ngx_connection_t *c, ngx_pool_t *pool, ngx_str_t *s))
{
    ngx_str_t text;

    ngx_str_null(&text);
    if (get(r->connection, r->pool, &text) != NGX_OK || text.data == NULL)
        text.len = 0;
    else
        text.len = ngx_strlen(text.data);
    return text_of(&text);
}

static void fill_tls(ngx_http_request_t *r, mcmp_ajp_facts *facts)
{
    SSL *ssl = r->connection->ssl->connection;
    int bits = SSL_get_cipher_bits(ssl, NULL);

    facts->is_ssl = 1;
    facts->ssl_cipher = tls_name(r, ngx_ssl_get_cipher_name);
    facts->ssl_protocol = tls_name(r, ngx_ssl_get_protocol);
    facts->ssl_session = tls_text(r, ngx_ssl_get_session_id);
    facts->ssl_cert = tls_text(r, ngx_ssl_get_raw_certificate);
    facts->ssl_key_size = bits > 0 ? (uint32_t)bits : 0;
}
#endif

void ngx_mcmp_ajp_facts(ngx_mcmp_traffic_t *t, mcmp_ajp_facts *facts)
{
    ngx_http_request_t *r = t->request;
    const ngx_mcmp_setting_t *secret = ngx_mcmp_setting(t->conf->secrets, &t->selection);

    mcmp_ajp_facts_init(facts);
    facts->remote_addr = text_of(&r->connection->addr_text);
    facts->remote_port = ngx_inet_get_port(r->connection->sockaddr);
    facts->local_addr = local_address(r);
    facts->server_name = text_of(&r->headers_in.server);
    facts->server_port = named_port(r);
    facts->jvm_route = t->selection.route;
    if (secret != NULL)
        facts->secret = text_of(&secret->text);
#if (NGX_HTTP_SSL)
    if (r->connection->ssl != NULL)
        fill_tls(r, facts);
#endif
    if (facts->server_name.len > 0 && facts->server_port == 0)
        facts->server_port = facts->is_ssl ? 443 : 80;
}
