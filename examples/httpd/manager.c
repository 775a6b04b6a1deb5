/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page for people, as the library makes it. Its forms carry a secret that is made anew with
 * each generation, so that no other page can send them in a browser's name.
 */
#include "manager.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>
#include <string.h>

#include "body.h"

#define HANDLER "mod_cluster-manager"
#define TOKEN_BYTES 24
#define MAX_FORM 16384

static char token[2 * TOKEN_BYTES + 1];

int manager_begin(apr_pool_t *pconf, server_rec *s)
{
    unsigned char bytes[TOKEN_BYTES];
    apr_status_t rv = apr_generate_random_bytes(bytes, sizeof(bytes));

    (void)pconf;
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, rv, s, "no random bytes for the manager page");
        return -1;
    }
    for (int i = 0; i < TOKEN_BYTES; i++)
        apr_snprintf(token + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

static void set_options(mcmp_page_options *opts, const request_rec *r)
{
    const struct mcmp_httpd_host *host = mcmp_httpd_host_of(r->server);

    mcmp_page_options_init(opts);
    opts->flags |= host->allow_commands ? MCMP_PAGE_COMMANDS : 0;
    opts->flags |= host->reduce_display ? MCMP_PAGE_REDUCED : 0;
    opts->flags |= host->check_nonce ? 0 : MCMP_PAGE_NO_TOKEN;
    opts->max_form = MAX_FORM;
    opts->token.ptr = token;
    opts->token.len = sizeof(token) - 1;
}

static apr_status_t free_response(void *data)
{
    mcmp_response_free(data);
    return APR_SUCCESS;
}

/* What a <Location> says is known before the URL is mapped. A page there is mapped like a file, as
 * ever, before a rule or a context of a node can take it: many nodes have the context `/`. */
static int on_translate(request_rec *r)
{
    const core_dir_config *location = ap_get_core_module_config(r->per_dir_config);
    const char *wrong = NULL;
    const char *handler;

    if (location->expr_handler == NULL)
        return DECLINED;
    handler = ap_expr_str_exec(r, location->expr_handler, &wrong);
    if (wrong != NULL || handler == NULL || strcmp(handler, HANDLER) != 0)
        return DECLINED;
    return ap_core_translate(r);
}

static int on_request(request_rec *r)
{
    mcmp_page_options opts;
    mcmp_request request;
    mcmp_peer peer;
    mcmp_response *response = NULL;
    mcmp_error err;
    int rc;

    if (r->handler == NULL || strcmp(r->handler, HANDLER) != 0)
        return DECLINED;
    if (mcmp_httpd_cluster() == NULL || mcmp_response_new(&response, NULL, NULL) != MCMP_OK)
        return HTTP_SERVICE_UNAVAILABLE;
    apr_pool_cleanup_register(r->pool, response, free_response, apr_pool_cleanup_null);
    mcmp_error_init(&err);
    mcmp_request_init(&request);
    rc = body_read(r, MAX_FORM, &request);
    if (rc != OK)
        return rc;
    request_fill(r, &request, &peer);
    set_options(&opts, r);
    rc = mcmp_page_serve(mcmp_httpd_cluster(), &opts, &request, response, &err);
    if (mcmp_response_status(response) == 0) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "the manager page can't be made: %s: %s",
                      mcmp_error_name(rc), err.message);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    answer_send(r, response);
    return OK;
}

void manager_register(apr_pool_t *pool)
{
    (void)pool;
    ap_hook_translate_name(on_translate, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_handler(on_request, NULL, NULL, APR_HOOK_FIRST);
}
