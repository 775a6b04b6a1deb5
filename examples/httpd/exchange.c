/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selecting a node for a request and giving it back. A selection is released exactly once: after
 * the attempt, or at the latest by the cleanup of the request's pool, whatever becomes of the
 * request. Nothing is locked while a request waits for a node.
 */
#include "exchange.h"

#include <apr_strings.h>

#include "module.h"
#include "workers.h"

#define PREFIX_LEN (sizeof(BALANCER_PREFIX) - 1)
#define PROXY_LEN (sizeof("proxy:") - 1)

struct exchange *exchange_of(const request_rec *r)
{
    return ap_get_module_config(r->request_config, &mcmp_module);
}

static apr_status_t at_end(void *data)
{
    exchange_end(data);
    return APR_SUCCESS;
}

/* As the library wants it: decoded. Rules that pass the path on as it came leave it encoded. */
static const char *decoded(request_rec *r, const char *rest)
{
    char *path;

    if (apr_table_get(r->notes, "proxy-nocanon") == NULL &&
        apr_table_get(r->notes, "proxy-noencode") == NULL)
        return rest;
    path = apr_pstrmemdup(r->pool, rest, strcspn(rest, "?"));
    return ap_unescape_url_keep2f(path, 0) == OK ? path : rest;
}

struct exchange *exchange_new(request_rec *r)
{
    struct exchange *x = apr_palloc(r->pool, sizeof(*x));

    memset(x, 0, offsetof(struct exchange, selection));
    mcmp_selection_init(&x->selection);
    x->r = r;
    x->cluster = mcmp_httpd_cluster();
    ap_set_module_config(r->request_config, &mcmp_module, x);
    apr_pool_cleanup_register(r->pool, x, at_end, apr_pool_cleanup_null);
    return x;
}

static void set_name(struct exchange *x, const char *name, size_t len)
{
    char *text = apr_palloc(x->r->pool, PREFIX_LEN + len + 1);

    memcpy(text, BALANCER_PREFIX, PREFIX_LEN);
    memcpy(text + PREFIX_LEN, name, len);
    text[PREFIX_LEN + len] = '\0';
    ap_str_tolower(text + PREFIX_LEN);
    x->name = text;
    x->balancer.ptr = text + PREFIX_LEN;
    x->balancer.len = len;
}

void exchange_name(struct exchange *x)
{
    set_name(x, x->selection.balancer.ptr, x->selection.balancer.len);
}

void exchange_aim(struct exchange *x, const char *url)
{
    const char *name = url + PREFIX_LEN;
    size_t len = strcspn(name, "/?");

    set_name(x, name, len);
    x->rest = name[len] == '/' ? name + len : apr_pstrcat(x->r->pool, "/", name + len, NULL);
    x->path = decoded(x->r, x->rest); /* the same text when it is not encoded */
}

void exchange_query(const request_rec *r, mcmp_query *query, mcmp_span lines[SESSION_COOKIE_LINES])
{
    mcmp_query_init(query);
    query->now = mcmp_httpd_now();
    if (r->hostname != NULL) {
        query->host.ptr = r->hostname;
        query->host.len = strlen(r->hostname);
    }
    query->cookies = lines;
    query->cookie_count = session_cookie_lines(apr_table_get(r->headers_in, "Cookie"), lines);
}

/* MCMP 5.8: sleeps between two questions. */
static int select_or_wait(struct exchange *x, mcmp_query *query, mcmp_error *err)
{
    int rc = mcmp_select_node(x->cluster, query, &x->selection, err);

    while (rc == MCMP_WAIT) {
        mcmp_time left = x->selection.retry_at - query->now;

        if (query->waiting_since == 0)
            query->waiting_since = query->now;
        apr_sleep(left > MCMP_MSEC ? left : MCMP_MSEC);
        query->now = mcmp_httpd_now();
        rc = mcmp_select_node(x->cluster, query, &x->selection, err);
    }
    return rc;
}

/* No node may serve it just now: when to ask again is in the answer. */
static int refuse_for_now(struct exchange *x, mcmp_time now)
{
    mcmp_time left = x->selection.retry_at - now;
    apr_int64_t seconds = left > 0 ? (left + MCMP_SEC - 1) / MCMP_SEC : 1;

    apr_table_setn(x->r->err_headers_out, "Retry-After",
                   apr_psprintf(x->r->pool, "%" APR_INT64_T_FMT, seconds));
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, x->r, "balancer %s has no node for %s: %s",
                  x->balancer.ptr, x->path, mcmp_reason_name(x->selection.reason));
    return HTTP_SERVICE_UNAVAILABLE;
}

static int refuse(struct exchange *x, int rc, mcmp_time now, const mcmp_error *err)
{
    if (rc == MCMP_NO_NODE)
        return refuse_for_now(x, now);
    if (rc == MCMP_NO_CONTEXT || rc == MCMP_NOT_OURS) {
        ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, x->r, "balancer %s has no context for %s: %s",
                      x->balancer.ptr, x->path, mcmp_reason_name(x->selection.reason));
        return (int)mcmp_httpd_host_of(x->r->server)->no_context_status;
    }
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, x->r, "no node can be selected: %s: %s",
                  mcmp_error_name(rc), err->message);
    return HTTP_INTERNAL_SERVER_ERROR;
}

int exchange_ask(struct exchange *x, uint32_t flags)
{
    mcmp_span lines[SESSION_COOKIE_LINES];
    mcmp_query query;
    int rc;

    exchange_query(x->r, &query, lines);
    x->path = x->r->uri;
    query.path.ptr = x->path;
    query.path.len = strlen(x->path);
    query.flags = flags;
    rc = mcmp_select_node(x->cluster, &query, &x->selection, NULL);
    if (rc < 0)
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, x->r, "the cluster can't be asked: %s",
                      mcmp_error_name(rc));
    return rc;
}

static int take_node(struct exchange *x)
{
    mcmp_span lines[SESSION_COOKIE_LINES];
    mcmp_query query;
    mcmp_error err;
    int rc;

    mcmp_error_init(&err);
    exchange_query(x->r, &query, lines);
    query.path.ptr = x->path;
    query.path.len = strlen(x->path);
    query.balancer = x->balancer;
    query.tried = x->tried;
    query.tried_count = x->tried_count;
    rc = select_or_wait(x, &query, &err);
    return rc == MCMP_OK ? OK : refuse(x, rc, query.now, &err);
}

int exchange_select(struct exchange *x)
{
    struct node_worker *worker;

    if ((x->selection.flags & MCMP_SELECTION_HELD) == 0) {
        int rc = take_node(x);

        if (rc != OK)
            return rc;
    }
    workers_sweep(x->cluster, x->selection.selected_at);
    worker = workers_hold(x->r->server, &x->selection);
    if (worker == NULL) {
        exchange_release(x, MCMP_OUTCOME_UNUSED);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (x->worker != NULL && x->worker != x->first)
        workers_release(x->worker);
    x->worker = worker;
    if (x->first == NULL)
        x->first = worker;
    return OK;
}

int exchange_tried(struct exchange *x)
{
    if (x->tried_count == EXCHANGE_TRIED)
        return 0;
    if (x->tried == NULL)
        x->tried = apr_palloc(x->r->pool, EXCHANGE_TRIED * sizeof(*x->tried));
    x->tried[x->tried_count++] = x->selection.node;
    return 1;
}

void exchange_release(struct exchange *x, uint32_t result)
{
    mcmp_outcome outcome;

    if ((x->selection.flags & MCMP_SELECTION_HELD) == 0)
        return;
    mcmp_outcome_init(&outcome);
    outcome.result = result;
    outcome.now = mcmp_httpd_now();
    if (x->worker != NULL && result != MCMP_OUTCOME_UNUSED)
        workers_take_bytes(x->worker, &outcome.bytes_read, &outcome.bytes_sent);
    (void)mcmp_selection_release(x->cluster, &x->selection, &outcome);
}

void exchange_end(struct exchange *x)
{
    exchange_release(x, x->r->connection->aborted ? MCMP_OUTCOME_CLIENT : MCMP_OUTCOME_UNUSED);
    if (x->worker != NULL && x->worker != x->first)
        workers_release(x->worker);
    if (x->first != NULL)
        workers_release(x->first);
    x->worker = NULL;
    x->first = NULL;
}

static const char *text_of(struct exchange *x, mcmp_span span)
{
    return apr_pstrmemdup(x->r->pool, span.ptr, span.len);
}

static int is_inside(mcmp_span part, const char *text)
{
    return part.ptr >= text && part.ptr <= text + strlen(text);
}

/* MCMP 5.5: the node must not see an id that is another one's. */
static const char *without_session(struct exchange *x)
{
    const mcmp_selection *sel = &x->selection;
    const char *header = apr_table_get(x->r->headers_in, "Cookie");
    char *kept;

    if (header != NULL && sel->cookie_name.len > 0) {
        kept = session_drop_cookie(x->r->pool, header, sel->cookie_name);
        if (kept != NULL)
            apr_table_setn(x->r->headers_in, "Cookie", kept);
        else
            apr_table_unset(x->r->headers_in, "Cookie");
    }
    if (sel->path_name.len == 0)
        return x->rest;
    return session_drop_parameter(x->r->pool, x->rest, sel->path_name);
}

static void note_session(struct exchange *x)
{
    const mcmp_selection *sel = &x->selection;
    apr_table_t *env = x->r->subprocess_env;

    if ((sel->flags & MCMP_SELECTION_HAS_SESSION) == 0)
        return;
    apr_table_setn(
        env, "BALANCER_SESSION_STICKY",
        text_of(x, is_inside(sel->session, x->path) ? sel->path_name : sel->cookie_name));
    if (sel->session_route.len > 0)
        apr_table_setn(env, "BALANCER_SESSION_ROUTE", text_of(x, sel->session_route));
}

/* What access logs and header rules read. */
static void note_environment(struct exchange *x)
{
    const proxy_worker_shared *s = workers_proxy(x->worker)->s;
    apr_table_t *env = x->r->subprocess_env;
    apr_pool_t *pool = x->r->pool;

    apr_table_setn(env, "BALANCER_NAME", x->name);
    apr_table_setn(env, "BALANCER_WORKER_NAME", apr_pstrdup(pool, s->name));
    apr_table_setn(env, "BALANCER_WORKER_ROUTE", apr_pstrdup(pool, s->route));
    apr_table_setn(env, "BALANCER_CONTEXT_ID", apr_itoa(pool, (int)(uint32_t)x->selection.context));
    if (x->selection.reason != MCMP_REASON_STICKY)
        apr_table_setn(env, "BALANCER_ROUTE_CHANGED", "1");
    else
        apr_table_unset(env, "BALANCER_ROUTE_CHANGED");
    note_session(x);
}

/* Letters that no scheme writes differently in a path, so that most URLs are ready as they are. */
static int is_plain(const char *path)
{
    while (apr_isalnum(*path) || *path == '/' || *path == '-' || *path == '.' || *path == '_')
        path++;
    return *path == '\0';
}

static int is_plain_query(const request_rec *r)
{
    return r->args == NULL || (*ap_scan_vchar_obstext(r->args) == '\0' &&
                               apr_table_get(r->notes, "proxy-noquery") == NULL);
}

/* The scheme writes the URL as it wants it, into r->filename. */
static int canonicalise(request_rec *r)
{
    int rc = proxy_run_canon_handler(r, apr_pstrdup(r->pool, r->filename + PROXY_LEN));

    if (rc != DECLINED)
        return rc;
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                  "no module of mod_proxy serves %s; is mod_proxy_http or mod_proxy_ajp loaded?",
                  r->filename + PROXY_LEN);
    return HTTP_INTERNAL_SERVER_ERROR;
}

int exchange_url(struct exchange *x, char **out)
{
    request_rec *r = x->r;
    const char *node = workers_proxy(x->worker)->s->name;
    const char *rest = x->rest;
    int rc = OK;

    note_environment(x);
    if ((x->selection.flags & MCMP_SELECTION_REMOVE_SESSION) != 0)
        rest = without_session(x);
    if (rest == x->path && is_plain(rest) && is_plain_query(r)) {
        r->filename =
            apr_pstrcat(r->pool, "proxy:", node, rest, r->args != NULL ? "?" : NULL, r->args, NULL);
    } else {
        r->filename = apr_pstrcat(r->pool, "proxy:", node, rest, NULL);
        rc = canonicalise(r);
    }
    *out = r->filename + PROXY_LEN;
    return rc;
}
