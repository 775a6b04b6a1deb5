/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The management port: a request of nginx becomes one of the library, is applied, and its answer
 * sent. An answer that waits for a probe or a delay goes on when that is over; the worker serves
 * others meanwhile, and one that ends gracefully waits for it.
 *
 * In a zone whose state has moved away (a reload with other limits) nothing is answered: a moment
 * after this old worker accepts no connections any more it closes this one, and the sender repeats
 * its message on a new one, which a new worker takes.
 */
#include "receive.h"

#include "body.h"
#include "exchange.h"
#include "probe.h"

typedef struct {
    ngx_mcmp_body_t body;
    ngx_http_request_t *r;
    ngx_mcmp_zone_t *zone;
    mcmp_request request;
    mcmp_peer peer;
    mcmp_response *response;
    ngx_mcmp_probe_t *probe;
    ngx_event_t timer;
    mcmp_time moved_at; /* when it was found that the state is no longer here; 0: it is */
    mcmp_time close_at; /* then; 0: this worker still accepts connections */
} message;

#define MOVED_POLL 10u
#define MOVED_GRACE (2 * MCMP_SEC) /* in which the other old workers stop, too */
#define MOVED_LONGEST (10 * MCMP_SEC)

static void judge(message *m, int rc);

static void resume(message *m, int probe_ok)
{
    mcmp_error err;

    mcmp_error_init(&err);
    judge(m, mcmp_apply_resume(m->zone->cluster, &m->request, m->response, probe_ok, ngx_mcmp_now(),
                               &err));
}

static void on_probed(void *ctx, int ok, const char *why)
{
    message *m = ctx;
    ngx_connection_t *c = m->r->connection;

    m->probe = NULL;
    if (why != NULL)
        ngx_log_error(NGX_LOG_DEBUG, c->log, 0, "mcmp: the probe of an endpoint %s: %s",
                      ok ? "passed" : "failed", why);
    resume(m, ok);
    ngx_http_run_posted_requests(c);
}

static void wait_moved(message *m)
{
    mcmp_time now = ngx_mcmp_now();

    if (m->moved_at == 0)
        m->moved_at = now;
    if (m->close_at == 0 && ngx_exiting)
        m->close_at = now + MOVED_GRACE;
    if ((m->close_at != 0 && now >= m->close_at) || now - m->moved_at > MOVED_LONGEST)
        ngx_http_finalize_request(m->r, NGX_HTTP_CLOSE);
    else
        ngx_add_timer(&m->timer, MOVED_POLL);
}

static void on_timer(ngx_event_t *event)
{
    message *m = event->data;
    ngx_connection_t *c = m->r->connection;

    if (m->moved_at != 0)
        wait_moved(m);
    else
        resume(m, 0);
    ngx_http_run_posted_requests(c);
}

static void wait_for(message *m)
{
    const mcmp_pending *pending = mcmp_response_pending(m->response);
    mcmp_time wait = pending != NULL ? pending->resume_at - ngx_mcmp_now() : 0;

    if (pending != NULL && pending->kind == MCMP_PENDING_PROBE) {
        m->probe = ngx_mcmp_probe_start(m->zone, pending->probe, 1, on_probed, m);
        if (m->probe != NULL)
            return;
        wait = 0; /* no memory: it counts as failed */
    }
    ngx_add_timer(&m->timer, wait > 0 ? (ngx_msec_t)(wait / MCMP_MSEC) + 1 : 1);
}

static void judge(message *m, int rc)
{
    if (m->zone->shared->moved) {
        wait_moved(m);
    } else if (rc == MCMP_PENDING) {
        wait_for(m);
    } else if (mcmp_response_status(m->response) == 0) {
        ngx_log_error(NGX_LOG_ERR, m->r->connection->log, 0, "mcmp: no answer: %s",
                      mcmp_strerror(rc));
        ngx_http_finalize_request(m->r, NGX_HTTP_INTERNAL_SERVER_ERROR);
    } else {
        ngx_http_finalize_request(m->r, ngx_mcmp_exchange_send(m->r, m->response));
    }
}

static void on_body(ngx_http_request_t *r, void *ctx)
{
    message *m = ctx;
    mcmp_error err;

    mcmp_error_init(&err);
    m->request.body_size = m->body.seen;
    if (r->headers_in.content_length_n > 0)
        m->request.body_size = (uint64_t)r->headers_in.content_length_n;
    if (m->request.body_size > m->body.max) {
        m->request.flags |= MCMP_REQUEST_OVERSIZE;
    } else {
        m->request.body.ptr = (const char *)m->body.data;
        m->request.body.len = m->body.len;
    }
    if (m->body.more)
        m->request.flags |= MCMP_REQUEST_CLOSE | MCMP_REQUEST_LINGER;
    if (m->zone->shared->moved)
        wait_moved(m);
    else
        judge(m, mcmp_apply(m->zone->cluster, &m->request, m->response, &err));
}

static void on_cleanup(void *data)
{
    message *m = data;

    ngx_mcmp_probe_cancel(m->probe);
    if (m->timer.timer_set)
        ngx_del_timer(&m->timer);
}

static message *make(ngx_http_request_t *r, ngx_mcmp_zone_t *zone)
{
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(r->pool, sizeof(message));
    message *m;

    if (cleanup == NULL)
        return NULL;
    m = cleanup->data;
    ngx_memzero(m, sizeof(*m));
    cleanup->handler = on_cleanup;
    m->r = r;
    m->zone = zone;
    m->timer.handler = on_timer;
    m->timer.data = m;
    m->timer.log = r->connection->log;
    m->response = ngx_mcmp_exchange_response(r);
    return m->response != NULL ? m : NULL;
}

static ngx_int_t handler(ngx_http_request_t *r)
{
    ngx_mcmp_loc_conf_t *conf = ngx_http_get_module_loc_conf(r, ngx_http_mcmp_module);
    ngx_mcmp_zone_t *zone = conf->receive;
    message *m;

    if (r != r->main)
        return NGX_HTTP_NOT_FOUND; /* messages come from outside */
    if (zone->cluster == NULL)
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    m = make(r, zone);
    if (m == NULL)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    ngx_mcmp_exchange_take(r, &m->request, &m->peer);
    return ngx_mcmp_body_read(r, &m->body, (size_t)mcmp_cluster_max_message(zone->cluster), on_body,
                              m);
}

/* mcmp_receive zone */
char *ngx_mcmp_set_receive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mcmp_loc_conf_t *loc = conf;
    ngx_http_core_loc_conf_t *clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    ngx_str_t *args = cf->args->elts;

    (void)cmd;
    if (loc->receive != NULL)
        return "is duplicate";
    if (clcf->handler != NULL)
        return "stands beside another directive that answers requests here";
    loc->receive = ngx_mcmp_zone_use(cf, &args[1]);
    if (loc->receive == NULL)
        return NGX_CONF_ERROR;
    clcf->handler = handler;
    return NGX_CONF_OK;
}
