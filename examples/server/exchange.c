/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of an exchange: take the request apart, choose a node, get a connection, and go to
 * another node when that is safe (MCMP 5.9): always before a byte was sent, afterwards only for
 * idempotent methods whose body is still in the buffer.
 */
#include "exchange.h"

#include <string.h>

#include "access_log.h"
#include "cluster.h"
#include "forward.h"
#include "log.h"
#include "node_settings.h"
#include "wire.h"

#define COUNT_PERIOD (100 * MCMP_MSEC)

static int start_body(struct exchange *x)
{
    return mcmp_http_body_start(&x->body, x->info->framing, x->info->length, NULL);
}

/* The body needs the room behind the head: the head goes to the front of the buffer. */
static void move_front(struct exchange *x)
{
    struct buffer *in = x->client->in;

    if (x->head_at == 0)
        return;
    memmove(in->data, in->data + x->head_at, in->end - x->head_at);
    in->end -= x->head_at;
    x->head_at = 0;
    mcmp_http_head_rebase(x->head, in->data);
}

static int parse_target(struct exchange *x)
{
    struct worker *w = x->client->worker;
    int rc;

    mcmp_http_target_init(&x->target);
    rc = mcmp_http_target_parse(x->info, 0, NULL, 0, &x->target, NULL);
    if (rc != MCMP_ERR_SPACE)
        return rc;
    x->target_room = buffer_get(&w->buffers);
    if (x->target_room == NULL)
        return MCMP_ERR_NOMEM;
    rc = mcmp_http_target_parse(x->info, 0, x->target_room->data, BUFFER_ROOM, &x->target, NULL);
    return rc == MCMP_ERR_SPACE ? MCMP_ERR_HTTP_TARGET_SIZE : rc;
}

static void set_query(struct exchange *x)
{
    size_t count =
        mcmp_http_head_values(x->head, MCMP_HTTP_FIELD_COOKIE, x->cookies, EXCHANGE_COOKIES);

    mcmp_query_init(&x->query);
    x->query.host = x->target.host;
    x->query.path = x->target.path;
    x->query.cookies = x->cookies;
    x->query.cookie_count = count < EXCHANGE_COOKIES ? count : EXCHANGE_COOKIES;
    x->query.tried = x->tried;
}

void exchange_begin(struct exchange *x)
{
    const struct config *config = x->client->worker->config;
    int rc;

    x->info = mcmp_http_head_info(x->head);
    if (x->info->framing != MCMP_HTTP_FRAMING_NONE)
        move_front(x);
    x->body_at = x->head_at + x->info->head_size;
    x->client->in->start = x->body_at;
    x->idempotent = mcmp_http_is_idempotent(x->info->method);
    x->body_kept = 1;
    mcmp_http_body_init(&x->body);
    x->body.max_body = (uint64_t)config->max_body;
    if (x->info->target.len > (size_t)config->max_target) {
        answer_send(x, 414, "the target is over max-target");
        return;
    }
    rc = start_body(x);
    if (rc == MCMP_OK)
        rc = parse_target(x);
    if (rc != MCMP_OK) {
        answer_send(x, mcmp_http_status_of(rc), mcmp_error_name(rc));
        return;
    }
    x->body_done = mcmp_http_body_is_done(&x->body);
    set_query(x);
    if (forward_hops(x) == 0)
        answer_send(x, x->info->method == MCMP_HTTP_OPTIONS ? 200 : 405, "Max-Forwards is 0");
    else
        exchange_select(x);
}

void exchange_release(struct exchange *x, int result)
{
    mcmp_outcome outcome;

    if (!x->selected)
        return;
    x->selected = 0;
    mcmp_outcome_init(&outcome);
    outcome.result = (uint32_t)result;
    outcome.bytes_read = x->from_node;
    outcome.bytes_sent = x->to_node;
    outcome.now = clock_now();
    mcmp_selection_release(x->client->worker->cluster, &x->selection, &outcome);
    x->from_node = 0; /* the next node counts its own */
    x->to_node = 0;
}

void exchange_count(struct exchange *x)
{
    mcmp_time now = clock_now();

    if (!x->selected || now - x->counted_at < COUNT_PERIOD)
        return;
    if (x->counted_at != 0) { /* most exchanges end before, and are counted then */
        mcmp_selection_progress(x->client->worker->cluster, &x->selection, x->from_node,
                                x->to_node);
        x->from_node = 0;
        x->to_node = 0;
    }
    x->counted_at = now;
}

/* What the client is told when no (further) try is made. */
static void answer_failure(struct exchange *x)
{
    if (x->last_failure == MCMP_OUTCOME_TIMEOUT)
        answer_send(x, 504, "the node did not answer in time");
    else if (x->last_failure == MCMP_OUTCOME_CONNECT)
        answer_send(x, 503, "no node could be connected to");
    else
        answer_send(x, 502, "the node gave no answer");
}

void exchange_log_failure(struct exchange *x, const char *why)
{
    struct worker *w = x->client->worker;
    uint32_t dropped;
    static struct log_limit limit;

    if (!log_allowed(&limit, clock_now(), &dropped))
        return;
    if (dropped > 0)
        log_write(MCMP_LOG_WARN, "forward", "%u further failures were not logged", dropped);
    log_write(MCMP_LOG_WARN, "forward", "node \"%.*s\" %.*s:%u: %s%s", (int)x->selection.route.len,
              x->selection.route.ptr, (int)x->selection.host.len, x->selection.host.ptr,
              (unsigned)x->selection.port, why, w->stopping ? " (stopping)" : "");
}

/* An ajp node takes upgrades only at an endpoint that the administrator named. 0: nowhere. */
static int divert_upgrade(struct exchange *x)
{
    struct node_setting setting;

    if (x->selection.scheme != MCMP_SCHEME_AJP || !forward_is_upgrade(x))
        return 1;
    node_settings_find(x->client->worker->config->node_settings, x->selection.route,
                       x->selection.balancer, &setting);
    x->selection.scheme = MCMP_SCHEME_HTTP;
    x->selection.port = setting.upgrade_port;
    return setting.upgrade_port != 0;
}

static void connect_node(struct exchange *x)
{
    struct worker *w = x->client->worker;
    const char *why = "";
    int rc;

    x->phase = EXCHANGE_CONNECT;
    x->connect_from = clock_now();
    if (!divert_upgrade(x)) {
        exchange_release(x, MCMP_OUTCOME_UNUSED);
        answer_send(x, 501, "AJP can't upgrade, and node-settings names no upgrade-endpoint");
        return;
    }
    x->wire = wire_of(x->selection.scheme);
    timer_clear(&x->client->timer); /* the pool watches the time to connect */
    rc = pool_acquire(w->pools, x, x->fresh, &why);
    x->fresh = 0;
    if (rc == POOL_READY) {
        exchange_connected(x);
    } else if (rc == POOL_FULL) {
        exchange_log_failure(x, why);
        exchange_release(x, MCMP_OUTCOME_UNUSED);
        answer_send(x, 503, why);
    } else if (rc == POOL_FAILED) {
        exchange_connect_failed(x, why);
    }
}

void exchange_connect_again(struct exchange *x)
{
    connect_node(x);
}

void exchange_select(struct exchange *x)
{
    struct worker *w = x->client->worker;
    mcmp_time now = clock_now();
    int rc;

    x->phase = EXCHANGE_WAIT;
    x->query.now = now;
    x->query.tried_count = x->tried_count;
    mcmp_selection_init(&x->selection);
    rc = mcmp_select_node(w->cluster, &x->query, &x->selection, NULL);
    if (rc == MCMP_OK) {
        x->selected = 1;
        x->suspicious = 0;
        x->tries++;
        connect_node(x);
    } else if (rc == MCMP_WAIT) {
        if (x->query.waiting_since == 0)
            x->query.waiting_since = now;
        x->tried_count = x->tried_well; /* who is in error may have come back by the next look */
        timer_set(&w->timers, &x->client->timer, x->selection.retry_at - now);
        client_want(x->client, IO_READ);
    } else if (x->last_failure >= 0) {
        answer_failure(x);
    } else if (rc == MCMP_NOT_OURS && x->target.form == MCMP_HTTP_FORM_ASTERISK) {
        answer_send(x, 200, "OPTIONS * asks about the proxy itself");
    } else if (rc == MCMP_NOT_OURS) {
        answer_send(x, 404, "no context matches");
    } else if (rc == MCMP_NO_CONTEXT || rc == MCMP_NO_NODE) {
        answer_send(x, x->selection.status != 0 ? x->selection.status : 503,
                    mcmp_reason_name(x->selection.reason));
    } else {
        log_write(MCMP_LOG_ERROR, "forward", "no choice is possible: %s", mcmp_strerror(rc));
        answer_send(x, 500, "no choice is possible");
    }
}

void exchange_drop_upstream(struct exchange *x)
{
    if (x->up != NULL)
        upstream_release(x->up, 0);
    x->up = NULL;
}

/* Make ready to send the request once more from its beginning. */
static void rewind_request(struct exchange *x)
{
    if (x->info->framing != MCMP_HTTP_FRAMING_NONE) {
        x->client->in->start = x->body_at;
        start_body(x);
        x->body_done = mcmp_http_body_is_done(&x->body);
    }
    x->piece.len = 0;
    x->upload_broken = 0;
    x->head_sent = 0;
    x->body_in = 0;
}

/* Cut an answer that began: the client must see that it is not complete. */
static void cut(struct exchange *x, int outcome)
{
    struct client *c = x->client;

    exchange_drop_upstream(x);
    exchange_release(x, outcome);
    x->cut_short = 1;
    access_log_write(c->worker->access_log, x);
    client_close(c, 1);
}

/*
 * What "no answer" says of the node: nothing when it only ended a kept connection as we took it, or
 * broke off an upload, which it may have refused by an answer that the reset took away.
 */
static int judge_silence(const struct exchange *x, int stale)
{
    int uploading =
        x->head_sent && x->up != NULL && (!x->held || x->upload_broken || x->up->out.bytes > 0);

    return stale || uploading ? MCMP_OUTCOME_BROKEN : MCMP_OUTCOME_NO_ANSWER;
}

/* It is not tried again, or, when it is in error, only after waiting: those stand last. */
static void note_tried(struct exchange *x, int outcome)
{
    mcmp_handle node = x->selection.node;

    if (x->tried_count >= EXCHANGE_TRIES)
        return;
    if (outcome != MCMP_OUTCOME_CONNECT && outcome != MCMP_OUTCOME_NO_ANSWER) {
        x->tried[x->tried_count] = x->tried[x->tried_well];
        x->tried[x->tried_well++] = node;
    } else {
        x->tried[x->tried_count] = node;
    }
    x->tried_count++;
}

/* AJP13 5: the node may act on a request that it replied to, be it by asking for its body. */
static int may_repeat(const struct exchange *x)
{
    if (!x->head_sent)
        return 1;
    return x->idempotent && x->body_kept && !(x->wire->replies_once && x->try_bytes > 0);
}

void exchange_fail(struct exchange *x, int outcome, const char *why)
{
    int stale =
        x->up != NULL && x->up->reused && x->try_bytes == 0 && outcome == MCMP_OUTCOME_NO_ANSWER;
    int again = may_repeat(x);
    uint32_t retries = x->selection.max_retries;

    if (x->answered) {
        exchange_log_failure(x, why);
        cut(x, outcome == MCMP_OUTCOME_TIMEOUT ? outcome : MCMP_OUTCOME_BROKEN);
        return;
    }
    if (outcome == MCMP_OUTCOME_NO_ANSWER)
        outcome = judge_silence(x, stale);
    exchange_drop_upstream(x);
    if (stale && again && !x->stale_retried) {
        /* The node closed a kept connection as we took it: no failure, a fresh one decides. */
        x->stale_retried = 1;
        x->fresh = 1;
        rewind_request(x);
        connect_node(x);
        return;
    }
    exchange_log_failure(x, why);
    note_tried(x, outcome);
    x->last_failure = outcome;
    exchange_release(x, outcome);
    if (again && x->tries <= retries && x->tried_count < EXCHANGE_TRIES) {
        rewind_request(x);
        exchange_select(x);
    } else {
        answer_failure(x);
    }
}

void exchange_connect_failed(struct exchange *x, const char *why)
{
    exchange_fail(x, MCMP_OUTCOME_CONNECT, why);
}

void exchange_client_gone(struct exchange *x)
{
    struct client *c = x->client;

    exchange_drop_upstream(x);
    exchange_release(x, MCMP_OUTCOME_CLIENT);
    if (x->status == 0)
        x->status = 499; /* in the log only, as others have it */
    x->cut_short = 1;
    access_log_write(c->worker->access_log, x);
    client_close(c, 1);
}
