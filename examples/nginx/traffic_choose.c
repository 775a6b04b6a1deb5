/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a request to a node: what is asked of the library, what becomes of its answer, and the one
 * release of each selection. Objects are kept for reuse, as one is larger than a request's pool.
 */
#include "traffic.h"

#define COUNT_PERIOD 100 /* milliseconds; shorter requests are counted when they end */
#define FREE_MOST 256

/* Of this worker: requests under way, and objects for others. */
static ngx_queue_t running = { &running, &running };
static ngx_queue_t unused = { &unused, &unused };
static ngx_uint_t unused_count;

static void clean(void *data)
{
    ngx_mcmp_traffic_t *t = data;

    ngx_mcmp_hold_end(t);
    ngx_mcmp_ajp_end(t);
    ngx_mcmp_release(t, MCMP_OUTCOME_CLIENT);
    if (t->node != NULL)
        ngx_mcmp_node_put(t->node);
    ngx_queue_remove(&t->queue);
    if (unused_count >= FREE_MOST) {
        ngx_free(t);
        return;
    }
    ngx_queue_insert_head(&unused, &t->queue);
    unused_count++;
}

static ngx_mcmp_traffic_t *take(ngx_log_t *log)
{
    ngx_mcmp_traffic_t *t;

    if (ngx_queue_empty(&unused))
        return ngx_alloc(sizeof(ngx_mcmp_traffic_t), log);
    t = ngx_queue_data(ngx_queue_head(&unused), ngx_mcmp_traffic_t, queue);
    ngx_queue_remove(&t->queue);
    unused_count--;
    return t;
}

ngx_mcmp_traffic_t *ngx_mcmp_traffic_of(ngx_http_request_t *r)
{
    ngx_mcmp_ctx_t *record = ngx_mcmp_ctx(r);
    ngx_mcmp_traffic_t *t = record != NULL ? record->traffic : NULL;

    return t != NULL && t->request == r && t->upstream == r->upstream ? t : NULL;
}

static size_t cookies_of(ngx_http_request_t *r, mcmp_span *list)
{
    size_t count = 0;

#if NGX_MCMP_LINKED_HEADERS
    for (ngx_table_elt_t *h = r->headers_in.cookie; h != NULL && count < NGX_MCMP_COOKIES;
         h = h->next)
        list[count++] = ngx_mcmp_span(&h->value);
#else
    ngx_table_elt_t **h = r->headers_in.cookies.elts;

    for (ngx_uint_t i = 0; i < r->headers_in.cookies.nelts && count < NGX_MCMP_COOKIES; i++)
        list[count++] = ngx_mcmp_span(&h[i]->value);
#endif
    return count;
}

/* The target as it goes to nodes: as it came, or what rewriting made of it. */
static ngx_int_t target_of(ngx_http_request_t *r, ngx_str_t *out)
{
    size_t escaped;
    u_char *p;

    if (r->valid_unparsed_uri) {
        *out = r->unparsed_uri;
        return NGX_OK;
    }
    escaped = 2 * ngx_escape_uri(NULL, r->uri.data, r->uri.len, NGX_ESCAPE_URI);
    p = ngx_pnalloc(r->pool, r->uri.len + escaped + 1 + r->args.len);
    if (p == NULL)
        return NGX_ERROR;
    out->data = p;
    p = (u_char *)ngx_escape_uri(p, r->uri.data, r->uri.len, NGX_ESCAPE_URI);
    if (r->args.len > 0) {
        *p++ = '?';
        p = ngx_cpymem(p, r->args.data, r->args.len);
    }
    out->len = (size_t)(p - out->data);
    return NGX_OK;
}

static ngx_int_t parse_target(ngx_mcmp_traffic_t *t)
{
    ngx_http_request_t *r = t->request;
    mcmp_http_info info;
    ngx_str_t target;
    char *room;
    int rc;

    if (target_of(r, &target) != NGX_OK)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    mcmp_http_info_init(&info);
    info.method = r->method == NGX_HTTP_OPTIONS ? MCMP_HTTP_OPTIONS : MCMP_HTTP_OTHER;
    info.target = ngx_mcmp_span(&target);
    info.host = ngx_mcmp_span(&r->headers_in.server);
    mcmp_http_target_init(&t->target);
    rc = mcmp_http_target_parse(&info, 0, NULL, 0, &t->target, NULL);
    if (rc == MCMP_ERR_SPACE) {
        room = ngx_pnalloc(r->pool, t->target.needed);
        if (room == NULL)
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        rc = mcmp_http_target_parse(&info, 0, room, t->target.needed, &t->target, NULL);
    }
    return rc == MCMP_OK ? NGX_OK : NGX_HTTP_BAD_REQUEST;
}

ngx_int_t ngx_mcmp_traffic_ask(ngx_mcmp_traffic_t *t, const ngx_str_t *balancer)
{
    ngx_int_t rc = parse_target(t);

    if (rc != NGX_OK)
        return rc;
    mcmp_query_init(&t->query);
    t->query.host = ngx_mcmp_span(&t->request->headers_in.server);
    t->query.path = t->target.path;
    t->query.cookies = t->cookies;
    t->query.cookie_count = cookies_of(t->request, t->cookies);
    t->query.tried = t->tried;
    if (balancer != NULL)
        t->query.balancer = ngx_mcmp_span(balancer);
    return NGX_OK;
}

static ngx_str_t text_of(mcmp_span span)
{
    ngx_str_t text = { span.len, (u_char *)span.ptr };

    return text;
}

static void copy(ngx_pool_t *pool, ngx_str_t *text)
{
    u_char *data = text->len > 0 ? ngx_pstrdup(pool, text) : NULL;

    if (data == NULL)
        text->len = 0;
    text->data = data;
}

/* What the variables show points into the selection and the node; before another try those of the
 * one before are copied, as are the names in nginx's list of tries. */
static void forget_node(ngx_mcmp_traffic_t *t)
{
    ngx_http_request_t *r = t->request;
    ngx_str_t *shown[] = { &t->record->route, &t->record->context, &t->record->balancer,
                           &t->record->session_route, &t->record->node };
    ngx_http_upstream_state_t *state;
    ngx_str_t *name;

    if (t->node == NULL)
        return;
    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
        copy(r->pool, shown[i]);
    name = ngx_palloc(r->pool, sizeof(*name));
    if (name != NULL) {
        *name = t->node->name;
        copy(r->pool, name);
    }
    state = r->upstream_states != NULL ? r->upstream_states->elts : NULL;
    for (ngx_uint_t i = 0; state != NULL && i < r->upstream_states->nelts; i++) {
        if (state[i].peer == &t->node->name)
            state[i].peer = name;
    }
    ngx_mcmp_node_put(t->node);
    t->node = NULL;
}

static void note(ngx_mcmp_traffic_t *t)
{
    ngx_mcmp_ctx_t *record = t->record;
    const mcmp_selection *selection = &t->selection;

    record->tries++;
    record->route = text_of(selection->route);
    record->context = text_of(selection->path_context);
    record->balancer = text_of(selection->balancer);
    record->session_route = text_of(selection->session_route);
    t->node = ngx_mcmp_node_get(t->zone, selection, t->request->connection->log);
    if (t->node != NULL)
        record->node = t->node->url;
}

int ngx_mcmp_choose(ngx_mcmp_traffic_t *t, ngx_uint_t dry)
{
    mcmp_query *query = &t->query;

    forget_node(t);
    query->now = ngx_mcmp_now();
    query->tried_count = t->tried_count;
    query->flags = dry ? MCMP_QUERY_DRY_RUN : 0;
    mcmp_selection_init(&t->selection);
    t->chosen = t->zone->cluster != NULL
                    ? mcmp_select_node(t->zone->cluster, query, &t->selection, NULL)
                    : MCMP_NO_NODE;
    if (t->chosen == MCMP_OK && !dry) {
        t->held = 1;
        t->settled = 0;
        t->since = query->now;
        t->counted_in = 0;
        t->counted_out = 0;
        note(t);
    } else if (t->chosen == MCMP_WAIT) {
        if (query->waiting_since == 0)
            query->waiting_since = query->now;
        t->tried_count = t->tried_well; /* who is in error may have come back by the next look */
    }
    t->record->reason = t->selection.reason;
    return t->chosen;
}

static void retry_after(ngx_mcmp_traffic_t *t)
{
    ngx_http_request_t *r = t->request;
    mcmp_time wait = t->selection.retry_at - t->query.now;
    ngx_table_elt_t *h = ngx_list_push(&r->headers_out.headers);
    u_char *text = ngx_pnalloc(r->pool, NGX_INT64_LEN);

    if (h == NULL)
        return;
    ngx_memzero(h, sizeof(*h));
    if (text == NULL)
        return;
    if (t->selection.retry_at == 0)
        wait = 5 * MCMP_SEC; /* nothing is known: as soon as a node may report */
    h->hash = 1;
    ngx_str_set(&h->key, "Retry-After");
    h->value.data = text;
    h->value.len =
        (size_t)(ngx_sprintf(text, "%L",
                             wait <= 0 ? (int64_t)1 : (int64_t)((wait + MCMP_SEC - 1) / MCMP_SEC)) -
                 text);
}

ngx_int_t ngx_mcmp_unavailable(ngx_mcmp_traffic_t *t)
{
    retry_after(t);
    return NGX_HTTP_SERVICE_UNAVAILABLE;
}

ngx_int_t ngx_mcmp_choice_status(ngx_mcmp_traffic_t *t)
{
    ngx_int_t status = NGX_HTTP_INTERNAL_SERVER_ERROR;

    if (t->chosen == MCMP_NOT_OURS)
        status = NGX_HTTP_NOT_FOUND;
    else if (t->chosen == MCMP_NO_CONTEXT || t->chosen == MCMP_NO_NODE)
        status = t->selection.status != 0 ? (ngx_int_t)t->selection.status
                                          : NGX_HTTP_SERVICE_UNAVAILABLE;
    else
        ngx_log_error(NGX_LOG_ERR, t->request->connection->log, 0,
                      "mcmp: no choice is possible: %s", mcmp_strerror(t->chosen));
    return status == NGX_HTTP_SERVICE_UNAVAILABLE ? ngx_mcmp_unavailable(t) : status;
}

/* Bytes of this try so far. */
static void flowed(const ngx_mcmp_traffic_t *t, off_t *in, off_t *out)
{
    const ngx_http_upstream_t *u = t->request->upstream;

    *in = 0;
    *out = 0;
    if (u == NULL || u->state == NULL)
        return;
    *in = u->state->bytes_received;
    /* until the end nginx counts what the pipe reads apart */
    if (u->pipe != NULL && u->state->response_time == (ngx_msec_t)-1 && u->pipe->read_length > 0)
        *in += u->pipe->read_length - u->pipe->preread_size;
    *out = u->peer.connection != NULL ? u->peer.connection->sent : u->state->bytes_sent;
}

static uint64_t grown(off_t now, off_t *counted)
{
    off_t more = now > *counted ? now - *counted : 0;

    *counted += more;
    return (uint64_t)more;
}

/* What flows in requests that run for long, so that their nodes do not look idle (MCMP 6). */
static void count_running(mcmp_time now)
{
    for (ngx_queue_t *q = ngx_queue_head(&running); q != &running; q = ngx_queue_next(q)) {
        ngx_mcmp_traffic_t *t = ngx_queue_data(q, ngx_mcmp_traffic_t, queue);
        uint64_t read;
        uint64_t sent;
        off_t in;
        off_t out;

        if (!t->held || t->hold.on || now - t->since < COUNT_PERIOD * MCMP_MSEC)
            continue;
        flowed(t, &in, &out);
        read = grown(in, &t->counted_in);
        sent = grown(out, &t->counted_out);
        if (read > 0 || sent > 0)
            mcmp_selection_progress(t->zone->cluster, &t->selection, read, sent);
    }
}

static void on_beat(ngx_event_t *ev)
{
    count_running(ngx_mcmp_now());
    if (!ngx_queue_empty(&running))
        ngx_add_timer(ev, COUNT_PERIOD);
}

static void start_beat(void)
{
    static ngx_connection_t nobody; /* whom nginx's debug log asks for a number */
    static ngx_event_t beat;

    if (beat.timer_set)
        return;
    nobody.fd = (ngx_socket_t)-1;
    beat.handler = on_beat;
    beat.data = &nobody;
    beat.log = ngx_cycle->log;
    beat.cancelable = 1; /* does not keep a worker from ending */
    ngx_add_timer(&beat, COUNT_PERIOD);
}

ngx_mcmp_traffic_t *ngx_mcmp_traffic_new(ngx_http_request_t *r, ngx_mcmp_zone_t *zone)
{
    ngx_pool_cleanup_t *cln = ngx_pool_cleanup_add(r->pool, 0);
    ngx_mcmp_ctx_t *record = ngx_mcmp_ctx(r);
    ngx_mcmp_traffic_t *t = cln != NULL && record != NULL ? take(r->connection->log) : NULL;

    if (t == NULL)
        return NULL;
    ngx_memzero(t, offsetof(ngx_mcmp_traffic_t, hold));
    t->hold.on = 0;
    t->tried_count = 0;
    t->tried_well = 0;
    ngx_queue_insert_tail(&running, &t->queue);
    cln->handler = clean;
    cln->data = t;
    t->request = r;
    t->zone = zone;
    t->conf = ngx_http_get_module_loc_conf(r, ngx_http_mcmp_traffic_module);
    t->record = record;
    t->last = -1;
    t->ended = NGX_AGAIN;
    record->zone = zone;
    record->traffic = t;
    start_beat();
    return t;
}

void ngx_mcmp_release(ngx_mcmp_traffic_t *t, ngx_int_t result)
{
    mcmp_outcome outcome;
    off_t in;
    off_t out;

    if (t->held) {
        t->held = 0;
        mcmp_outcome_init(&outcome);
        outcome.result = (uint32_t)result;
        flowed(t, &in, &out);
        outcome.bytes_read = grown(in, &t->counted_in);
        outcome.bytes_sent = grown(out, &t->counted_out);
        outcome.now = ngx_mcmp_now();
        mcmp_selection_release(t->zone->cluster, &t->selection, &outcome);
    }
}

void ngx_mcmp_tried(ngx_mcmp_traffic_t *t, ngx_int_t outcome)
{
    mcmp_handle node = t->selection.node;

    t->last = outcome;
    if (t->tried_count >= NGX_MCMP_TRIES)
        return;
    if (outcome != MCMP_OUTCOME_CONNECT && outcome != MCMP_OUTCOME_NO_ANSWER) {
        t->tried[t->tried_count] = t->tried[t->tried_well];
        t->tried[t->tried_well++] = node;
    } else {
        t->tried[t->tried_count] = node;
    }
    t->tried_count++;
}

/* 1: the Upgrade header names a protocol of the list. */
ngx_uint_t ngx_mcmp_upgrade_asked(ngx_http_request_t *r, const ngx_mcmp_loc_t *conf)
{
    static mcmp_span websocket = { "websocket", 9 };
    const mcmp_span *list = conf->protocols != NULL ? conf->protocols->elts : &websocket;
    ngx_uint_t count = conf->protocols != NULL ? conf->protocols->nelts : 1;
    ngx_table_elt_t *h = r->headers_in.upgrade;

    if (h == NULL || !conf->upgrade || r->http_version != NGX_HTTP_VERSION_11 || r != r->main)
        return 0;
    for (ngx_uint_t i = 0; i < count; i++) {
        if (h->value.len == list[i].len &&
            ngx_strncasecmp(h->value.data, (u_char *)list[i].ptr, list[i].len) == 0)
            return 1;
    }
    return 0;
}
