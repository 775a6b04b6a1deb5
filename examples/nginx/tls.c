/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS of probes: one context per zone and worker, made at the first use. Certificates are not
 * verified, as proxy_ssl_verify is off by default too.
 */
#include "tls.h"

#if (NGX_SSL)

static ngx_ssl_t *context(ngx_mcmp_zone_t *zone)
{
    ngx_pool_cleanup_t *cleanup;
    ngx_ssl_t *ssl = zone->ssl;

    if (ssl != NULL)
        return ssl;
    ssl = ngx_pcalloc(ngx_cycle->pool, sizeof(*ssl));
    cleanup = ssl != NULL ? ngx_pool_cleanup_add(ngx_cycle->pool, 0) : NULL;
    if (cleanup == NULL)
        return NULL;
    ssl->log = ngx_cycle->log;
    if (ngx_ssl_create(ssl, NGX_SSL_TLSv1_2 | NGX_SSL_TLSv1_3, NULL) != NGX_OK)
        return NULL;
    cleanup->handler = ngx_ssl_cleanup_ctx;
    cleanup->data = ssl;
    zone->ssl = ssl;
    return ssl;
}

/* RFC 6066: no name for a literal. */
static int is_name(const ngx_str_t *host)
{
    return host->len != 0 && host->data[0] != '[' &&
           ngx_inet_addr(host->data, host->len) == INADDR_NONE;
}

ngx_int_t ngx_mcmp_tls_start(ngx_mcmp_zone_t *zone, ngx_connection_t *c, const ngx_str_t *host,
                             ngx_connection_handler_pt done)
{
    ngx_ssl_t *ssl = context(zone);
    ngx_int_t rc;

    if (ssl == NULL || ngx_ssl_create_connection(ssl, c, NGX_SSL_CLIENT) != NGX_OK)
        return NGX_ERROR;
    if (is_name(host) && SSL_set_tlsext_host_name(c->ssl->connection, host->data) == 0)
        return NGX_ERROR;
    rc = ngx_ssl_handshake(c);
    if (rc == NGX_AGAIN)
        c->ssl->handler = done;
    else
        done(c);
    return NGX_OK;
}

int ngx_mcmp_tls_is_up(const ngx_connection_t *c)
{
    return c->ssl != NULL && c->ssl->handshaked;
}

void ngx_mcmp_tls_close(ngx_connection_t *c)
{
    if (c->ssl == NULL)
        return;
    c->ssl->no_wait_shutdown = 1;
    c->ssl->no_send_shutdown = 1;
    (void)ngx_ssl_shutdown(c);
}

#else

ngx_int_t ngx_mcmp_tls_start(ngx_mcmp_zone_t *zone, ngx_connection_t *c, const ngx_str_t *host,
                             ngx_connection_handler_pt done)
{
    (void)zone;
    (void)c;
    (void)host;
    (void)done;
    return NGX_ERROR;
}

int ngx_mcmp_tls_is_up(const ngx_connection_t *c)
{
    (void)c;
    return 0;
}

void ngx_mcmp_tls_close(ngx_connection_t *c)
{
    (void)c;
}

#endif
