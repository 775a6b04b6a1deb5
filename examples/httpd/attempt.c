/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forwarding with failover. Our scheme_handler hook comes first, runs the hook again for the scheme
 * itself (and declines inside of that), and so knows the result of each attempt exactly, without
 * any mark on a worker that other threads use, too.
 *
 * When a node closes the connection instead of answering, mod_proxy_http closes the client's
 * connection, if that had carried a request before, so that the client asks again. A filter in
 * front of all others holds that back: another node may answer instead.
 */
#include "attempt.h"

#include <http_request.h>
#include <util_filter.h>

#include "module.h"
#include "reverse.h"
#include "workers.h"

static ap_filter_rec_t *filter_handle;

/* What an attempt leaves in a request, to be taken back before the next one. */
struct before {
    apr_table_t *headers_out;
    const char *status_line;
    int status;
    int no_cache;
};

static void save(const request_rec *r, struct before *before)
{
    before->headers_out = r->headers_out;
    before->status_line = r->status_line;
    before->status = r->status;
    before->no_cache = r->no_cache;
}

static void restore(request_rec *r, const struct before *before)
{
    static const char *const notes[] = { "proxy_timedout", "proxy-status", "error-notes",
                                         "verbose-error-to" };

    r->headers_out = before->headers_out;
    r->status_line = before->status_line;
    r->status = before->status;
    r->no_cache = before->no_cache;
    for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++)
        apr_table_unset(r->notes, notes[i]);
}

static int has_note(const request_rec *r, const char *name)
{
    return apr_table_get(r->notes, name) != NULL;
}

/* May it be sent a second time, whatever became of the first? */
static int is_repeatable(request_rec *r)
{
    switch (r->method_number) {
    case M_GET: /* and HEAD */
    case M_OPTIONS:
    case M_TRACE:
    case M_PUT:
    case M_DELETE:
        return !ap_request_has_body(r);
    default:
        return 0;
    }
}

/* No complete answer, and the connection was there. */
static uint32_t result_of_loss(const struct exchange *x)
{
    request_rec *r = x->r;

    if (x->is_answered || has_note(r, "proxy-status") || x->is_reused)
        return MCMP_OUTCOME_BROKEN;
    /* the node may have refused a body by closing: no client may put nodes into error by that */
    if (x->selection.scheme != MCMP_SCHEME_AJP && !x->is_read && ap_request_has_body(r))
        return MCMP_OUTCOME_BROKEN;
    return MCMP_OUTCOME_NO_ANSWER;
}

/* MCMP_OUTCOME_* for what the scheme's handler returned. */
static uint32_t result_of(const struct exchange *x, int status)
{
    request_rec *r = x->r;

    if (r->connection->aborted)
        return MCMP_OUTCOME_CLIENT;
    if (x->is_cut)
        return result_of_loss(x);
    if (status == OK || has_note(r, "proxy-error-override"))
        return MCMP_OUTCOME_OK;
    if (has_note(r, "proxy_timedout"))
        return MCMP_OUTCOME_TIMEOUT;
    switch (status) {
    case DONE: /* the end of a tunnel, or of an answer that broke */
        return r->status == HTTP_SWITCHING_PROTOCOLS ? MCMP_OUTCOME_OK : MCMP_OUTCOME_BROKEN;
    case DECLINED:
        return MCMP_OUTCOME_UNUSED;
    case HTTP_SERVICE_UNAVAILABLE: /* mod_proxy: nothing of the request is lost */
        return x->is_reused ? MCMP_OUTCOME_BROKEN : MCMP_OUTCOME_CONNECT;
    case HTTP_GATEWAY_TIME_OUT:
        return MCMP_OUTCOME_TIMEOUT;
    case HTTP_BAD_GATEWAY:
    case HTTP_INTERNAL_SERVER_ERROR:
        return result_of_loss(x);
    default:
        return MCMP_OUTCOME_CLIENT;
    }
}

static int is_loss(uint32_t result)
{
    return result == MCMP_OUTCOME_CONNECT || result == MCMP_OUTCOME_NO_ANSWER;
}

/* Whether to go on, and what of. A kept connection that the node had closed is no fault of it: the
 * request goes out once more, to whatever node is chosen. */
static int may_go_on(struct exchange *x, int status, uint32_t result)
{
    if (x->is_answered || x->r->connection->aborted)
        return 0;
    if (result == MCMP_OUTCOME_BROKEN && x->is_reused && !x->was_repeated &&
        !has_note(x->r, "proxy-status") && is_repeatable(x->r)) {
        x->was_repeated = 1;
        return 1;
    }
    if (!is_loss(result) || x->retries >= x->max_retries)
        return 0;
    if (status != HTTP_SERVICE_UNAVAILABLE && !is_repeatable(x->r))
        return 0;
    x->retries++;
    return exchange_tried(x);
}

/* The next node and its URL; OK, or a status: then it is left at the last attempt's result. */
static int next_node(struct exchange *x, char **url)
{
    int rc = exchange_select(x);

    if (rc == OK)
        rc = exchange_url(x, url);
    if (rc != OK)
        exchange_release(x, MCMP_OUTCOME_UNUSED);
    return rc;
}

static apr_bucket *find_end(apr_bucket_brigade *bb)
{
    apr_bucket *b = APR_BRIGADE_FIRST(bb);

    while (b != APR_BRIGADE_SENTINEL(bb) && !AP_BUCKET_IS_EOC(b))
        b = APR_BUCKET_NEXT(b);
    return b != APR_BRIGADE_SENTINEL(bb) ? b : NULL;
}

/* The first thing that comes is either an answer, or mod_proxy's wish to close the connection. */
static apr_status_t watch_answer(ap_filter_t *f, apr_bucket_brigade *bb)
{
    struct exchange *x = f->ctx;

    if (x->is_running && !APR_BRIGADE_EMPTY(bb) && AP_BUCKET_IS_ERROR(APR_BRIGADE_FIRST(bb)) &&
        find_end(bb) != NULL) {
        x->is_cut = 1;
        apr_brigade_cleanup(bb);
        return APR_SUCCESS;
    }
    x->is_answered = 1;
    reverse_headers(x);
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, bb);
}

void attempt_register_filter(void)
{
    /* in front of the filters that content has, so that they see nothing of what is held back */
    filter_handle = ap_register_output_filter("MCMP_ANSWER", watch_answer, NULL,
                                              (ap_filter_type)(AP_FTYPE_RESOURCE - 1));
}

/* What was held back, as mod_proxy_http would have done it. */
static void close_client(request_rec *r)
{
    apr_bucket_alloc_t *alloc = r->connection->bucket_alloc;
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, alloc);

    APR_BRIGADE_INSERT_TAIL(bb, ap_bucket_error_create(HTTP_BAD_GATEWAY, NULL, r->pool, alloc));
    APR_BRIGADE_INSERT_TAIL(bb, ap_bucket_eoc_create(alloc));
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(alloc));
    (void)ap_pass_brigade(r->output_filters, bb);
}

int attempt_begins_answer(request_rec *r, request_rec *answer)
{
    struct exchange *x = exchange_of(r);

    if (x != NULL && x->is_running) {
        x->is_read = 1;
        x->is_reused = answer->connection->keepalives > 0;
    }
    return OK;
}

static int attempt_all(struct exchange *x, proxy_server_conf *conf, char *url,
                       const char *proxyhost, apr_port_t proxyport)
{
    request_rec *r = x->r;
    struct before before;

    save(r, &before);
    for (;;) {
        int status;
        uint32_t result;

        x->is_cut = x->is_read = x->is_reused = 0;
        status =
            proxy_run_scheme_handler(r, workers_proxy(x->worker), conf, url, proxyhost, proxyport);
        result = result_of(x, status);
        exchange_release(x, result);
        if (!may_go_on(x, status, result))
            return status;
        ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r, "node %s failed for %s, going on to another",
                      workers_proxy(x->worker)->s->route, x->path);
        if (next_node(x, &url) != OK)
            return status;
        restore(r, &before);
    }
}

int attempt_run(request_rec *r, proxy_worker *worker, proxy_server_conf *conf, char *url,
                const char *proxyhost, apr_port_t proxyport)
{
    struct exchange *x = exchange_of(r);
    int status;

    if (x == NULL || x->is_running || x->worker == NULL || worker != workers_proxy(x->worker))
        return DECLINED;
    x->max_retries = x->selection.max_retries;
    x->is_running = 1;
    ap_add_output_filter_handle(filter_handle, x, r, r->connection);
    status = attempt_all(x, conf, url, proxyhost, proxyport);
    x->is_running = 0;
    if (x->is_cut)
        close_client(r);
    return status;
}
