/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages: requests with a method that httpd does not know, in hosts with EnableMCMPReceive. They
 * are kept from everything that maps a URL to something else: translation, the file system, types,
 * and what fixups do to directories. Access control stands between, so the rules of the host apply
 * (a <Location />, since messages are no files). Other hosts decline, and httpd says 501.
 *
 * An answer may have to wait for a probe or a moment. The thread waits, bounded by the deadline: a
 * request can be suspended in httpd 2.4, but its connection could not be used again afterwards.
 */
#include "receive.h"

#include <apr_strings.h>
#include <http_connection.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>

#include "body.h"
#include "probe.h"

#define HANDLER "mcmp-receive"

static int is_message(const request_rec *r)
{
    mcmp_span method = { r->method, 0 };

    if (r->method_number != M_INVALID || r->main != NULL || r->prev != NULL)
        return 0;
    if (mcmp_httpd_host_of(r->server)->receive != 1)
        return 0;
    method.len = strlen(r->method);
    return mcmp_command_of_method(method) != MCMP_COMMAND_PAGE; /* "get" */
}

/* The target `*` names no location, but the rules of <Location /> are for it, too. */
static int on_read(request_rec *r)
{
    if (!is_message(r))
        return DECLINED;
    if (r->uri == NULL || r->uri[0] != '/') {
        r->uri = apr_pstrdup(r->pool, "/");
        r->parsed_uri.path = apr_pstrdup(r->pool, "/");
    }
    return DECLINED;
}

static int on_translate(request_rec *r)
{
    if (!is_message(r))
        return DECLINED;
    r->filename = apr_pstrdup(r->pool, HANDLER);
    r->handler = HANDLER;
    return OK;
}

static int on_pre_translate(request_rec *r)
{
    return is_message(r) ? OK : DECLINED;
}

static int keep_away(request_rec *r)
{
    return is_message(r) ? OK : DECLINED;
}

static apr_status_t free_response(void *data)
{
    mcmp_response_free(data);
    return APR_SUCCESS;
}

static mcmp_response *response_make(request_rec *r)
{
    mcmp_response *response = NULL;

    if (mcmp_response_new(&response, NULL, NULL) != MCMP_OK)
        return NULL;
    apr_pool_cleanup_register(r->pool, response, free_response, apr_pool_cleanup_null);
    return response;
}

/* Wait for what the answer waits for; 1 when a probe was good. */
static int wait_for(request_rec *r, const mcmp_pending *pending)
{
    const char *why = NULL;
    mcmp_time left;
    int good;

    if (pending->kind == MCMP_PENDING_DELAY) {
        left = pending->resume_at - mcmp_httpd_now();
        if (left > 0)
            apr_sleep(left < MCMP_SEC ? left : MCMP_SEC);
        return 0;
    }
    good = probe_run(pending->probe, &why);
    if (!good)
        ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r, "a probe for %s failed: %s", r->method,
                      why != NULL ? why : "no answer");
    return good;
}

/* The limit is the host's; the library knows one for all hosts. */
static void name_limit(request_rec *r, const mcmp_request *request, mcmp_response *response)
{
    mcmp_span args[2];

    if (mcmp_response_refusal(response) != MCMP_REFUSAL_MESSAGE_SIZE)
        return;
    args[0].ptr = apr_psprintf(r->pool, "%" APR_UINT64_T_FMT, request->body_size);
    args[0].len = strlen(args[0].ptr);
    args[1].ptr =
        apr_psprintf(r->pool, "%" APR_INT64_T_FMT, mcmp_httpd_host_of(r->server)->max_message);
    args[1].len = strlen(args[1].ptr);
    (void)mcmp_response_refuse(response, request, MCMP_REFUSAL_MESSAGE_SIZE, args, 2);
}

static int apply(request_rec *r, mcmp_request *request, mcmp_response *response)
{
    mcmp_cluster *cluster = mcmp_httpd_cluster();
    mcmp_error err;
    int rc;

    mcmp_error_init(&err);
    rc = mcmp_apply(cluster, request, response, &err);
    while (rc == MCMP_PENDING) {
        int good = wait_for(r, mcmp_response_pending(response));

        rc = mcmp_apply_resume(cluster, request, response, good, mcmp_httpd_now(), &err);
    }
    if (mcmp_response_status(response) == 0) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "%s can't be answered: %s: %s", r->method,
                      mcmp_error_name(rc), err.message);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (rc == MCMP_ERR_DENIED)
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                      "%s is refused: %s (MCMPAuthorize says who may)", r->method, err.message);
    else if (rc != MCMP_OK)
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "%s is refused: %s", r->method, err.message);
    name_limit(r, request, response);
    answer_send_as_is(r, response);
    return DONE;
}

static int on_log(request_rec *r)
{
    return is_message(r) ? answer_log(r) : DECLINED;
}

/* Access is granted. Nothing of the answer is httpd's own, so no ErrorDocument takes its place. */
static int on_fixups(request_rec *r)
{
    mcmp_request request;
    mcmp_peer peer;
    mcmp_response *response;
    int rc;

    if (!is_message(r))
        return DECLINED;
    response = response_make(r);
    if (response == NULL || mcmp_httpd_cluster() == NULL)
        return HTTP_SERVICE_UNAVAILABLE;
    r->expecting_100 = 0; /* MCMP 1 and 2: Expect is ignored, there are no 1xx answers */
    mcmp_request_init(&request);
    rc = body_read(r, (uint64_t)mcmp_httpd_host_of(r->server)->max_message, &request);
    if (rc != OK)
        return rc;
    request_fill(r, &request, &peer);
    request.command = mcmp_command_of_method(request.method);
    return apply(r, &request, response);
}

void receive_register(apr_pool_t *pool)
{
    (void)pool;
    ap_hook_post_read_request(on_read, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_pre_translate_name(on_pre_translate, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_translate_name(on_translate, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_map_to_storage(keep_away, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_type_checker(keep_away, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_fixups(on_fixups, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_log_transaction(on_log, NULL, NULL, APR_HOOK_REALLY_FIRST);
}
