/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mcmp_pass: the content handler that asks the cluster first, and hands over what is its own to the
 * proxy module, with our upstream behind it. What is not the cluster's goes on to nginx's next
 * content handler, as if the directive were not there.
 */
#include "traffic.h"

static ngx_mcmp_zone_t *zone_of(ngx_http_request_t *r, const ngx_mcmp_loc_t *conf)
{
    ngx_mcmp_zone_t *zone = conf->zone;
    ngx_str_t name;

    if (conf->named == NULL)
        return zone;
    if (ngx_http_complex_value(r, conf->named, &name) != NGX_OK)
        return NULL;
    zone = ngx_mcmp_zone_find(&name);
    if (zone == NULL)
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0, "mcmp_pass: there is no zone \"%V\"",
                      &name);
    return zone;
}

/* A node is held from the choice on, so where a body is still to come from the client, only a look
 * is taken here. */
static ngx_uint_t has_body(const ngx_http_request_t *r)
{
    return r->headers_in.content_length_n > 0 || r->headers_in.chunked
#if (NGX_HTTP_V2)
           || (r->stream != NULL && !r->stream->in_closed)
#endif
        ;
}

ngx_int_t ngx_mcmp_pass(ngx_http_request_t *r)
{
    ngx_mcmp_loc_t *conf = ngx_http_get_module_loc_conf(r, ngx_http_mcmp_traffic_module);
    ngx_mcmp_zone_t *zone = zone_of(r, conf);
    ngx_mcmp_traffic_t *t;
    ngx_int_t rc;

    if (zone == NULL)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    t = ngx_mcmp_traffic_new(r, zone);
    if (t == NULL)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    rc = ngx_mcmp_traffic_ask(t, NULL);
    if (rc != NGX_OK)
        return rc;
    rc = ngx_mcmp_hide_hop_by_hop(r);
    if (rc != NGX_OK)
        return rc;
    rc = ngx_mcmp_choose(t, has_body(r));
    if (rc == MCMP_NOT_OURS)
        return NGX_DECLINED;
    if (rc != MCMP_OK && rc != MCMP_WAIT)
        return ngx_mcmp_choice_status(t);
    t->passed = 1;
    t->ready = 1;
    return conf->proxy(r);
}
