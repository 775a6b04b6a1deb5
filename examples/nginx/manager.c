/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page: the library writes it, nginx guards it (allow, deny, auth_basic and the rest work in
 * its location) and carries it. The token of its forms is made when the zone is, so that all
 * workers have the same one and a reload keeps it.
 */
#include "manager.h"

#include "body.h"
#include "exchange.h"

#define MAX_FORM (16u * 1024u)

typedef struct {
    ngx_mcmp_body_t body;
    ngx_mcmp_zone_t *zone;
    mcmp_request request;
    mcmp_peer peer;
    mcmp_response *response;
} visit;

static void fill(mcmp_page_options *opts, ngx_http_request_t *r, const visit *v)
{
    const ngx_mcmp_loc_conf_t *conf = ngx_http_get_module_loc_conf(r, ngx_http_mcmp_module);

    mcmp_page_options_init(opts);
    opts->max_form = MAX_FORM;
    if (conf->commands == 1)
        opts->flags |= MCMP_PAGE_COMMANDS;
    opts->token.ptr = v->zone->shared->token;
    opts->token.len = sizeof(v->zone->shared->token);
}

static void on_body(ngx_http_request_t *r, void *ctx)
{
    visit *v = ctx;
    mcmp_page_options opts;
    mcmp_error err;
    int rc;

    mcmp_error_init(&err);
    fill(&opts, r, v);
    v->request.body_size = v->body.seen;
    v->request.body.ptr = (const char *)v->body.data;
    v->request.body.len = v->body.len;
    if (v->body.seen > v->body.max)
        v->request.flags |= MCMP_REQUEST_OVERSIZE;
    if (v->body.more)
        v->request.flags |= MCMP_REQUEST_CLOSE | MCMP_REQUEST_LINGER;
    rc = mcmp_page_serve(v->zone->cluster, &opts, &v->request, v->response, &err);
    if (mcmp_response_status(v->response) != 0) {
        ngx_http_finalize_request(r, ngx_mcmp_exchange_send(r, v->response));
        return;
    }
    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0, "mcmp: no page: %s: %s", mcmp_strerror(rc),
                  err.message);
    ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
}

static ngx_int_t handler(ngx_http_request_t *r)
{
    ngx_mcmp_loc_conf_t *conf = ngx_http_get_module_loc_conf(r, ngx_http_mcmp_module);
    visit *v;

    if (r != r->main)
        return NGX_HTTP_NOT_FOUND;
    if (conf->manager->cluster == NULL)
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    v = ngx_pcalloc(r->pool, sizeof(*v));
    if (v == NULL)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    v->zone = conf->manager;
    v->response = ngx_mcmp_exchange_response(r);
    if (v->response == NULL)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    ngx_mcmp_exchange_take(r, &v->request, &v->peer);
    return ngx_mcmp_body_read(r, &v->body, MAX_FORM, on_body, v);
}

/* mcmp_manager zone [commands=on|off] */
char *ngx_mcmp_set_manager(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mcmp_loc_conf_t *loc = conf;
    ngx_http_core_loc_conf_t *clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    ngx_str_t *args = cf->args->elts;

    (void)cmd;
    if (loc->manager != NULL)
        return "is duplicate";
    if (clcf->handler != NULL)
        return "stands beside another directive that answers requests here";
    loc->commands = 0;
    if (cf->args->nelts == 3) {
        if (ngx_strcmp(args[2].data, "commands=on") == 0) {
            loc->commands = 1;
        } else if (ngx_strcmp(args[2].data, "commands=off") != 0) {
            ngx_mcmp_conf_error(cf, 0,
                                "unknown argument \"%V\", allowed are commands=on and commands=off",
                                &args[2]);
            return NGX_CONF_ERROR;
        }
    }
    loc->manager = ngx_mcmp_zone_use(cf, &args[1]);
    if (loc->manager == NULL)
        return NGX_CONF_ERROR;
    clcf->handler = handler;
    return NGX_CONF_OK;
}
