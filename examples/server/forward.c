/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request's way to a node: choose one, get a connection, write the head, move the body, and go
 * to another node when that is safe (MCMP 5.9): always before a byte was sent, afterwards only for
 * idempotent methods whose body is still in the buffer. Nothing of a body is copied; the client is
 * read only when what came before has gone to the node.
 */
#include "forward.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "access_log.h"
#include "cluster.h"
#include "exchange.h"
#include "log.h"
#include "values.h"

#define COUNT_PERIOD (100 * MCMP_MSEC)
#define READS_AT_ONCE 4 /* of one connection before others have their turn */

/* What of the configuration has to be taken apart; one worker per process. */
static struct {
    mcmp_span upgrade[16];
    size_t upgrade_count;
} setup;

void forward_init(const struct config *config)
{
    const char *at = config->upgrade;

    setup.upgrade_count = 0;
    while (*at != '\0' && setup.upgrade_count < 16) {
        size_t len;

        at += strspn(at, ", \t");
        len = strcspn(at, ", \t");
        if (len > 0) {
            setup.upgrade[setup.upgrade_count].ptr = at;
            setup.upgrade[setup.upgrade_count++].len = len;
        }
        at += len;
    }
}

static int starts_body(struct exchange *x)
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

/* Max-Forwards of OPTIONS and TRACE (RFC 9110 7.6.2); -1: none that counts. */
static int64_t max_forwards(const struct exchange *x)
{
    static const mcmp_span name = { "Max-Forwards", 12 };
    mcmp_span value;
    char text[20];
    int64_t count;

    if (x->info->method != MCMP_HTTP_OPTIONS && x->info->method != MCMP_HTTP_TRACE)
        return -1;
    if (mcmp_http_head_find_name(x->head, name, &value) != MCMP_OK || value.len >= sizeof(text))
        return -1;
    memcpy(text, value.ptr, value.len);
    text[value.len] = '\0';
    return value_int(text, &count) == 0 && count >= 0 ? count : -1;
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
    rc = starts_body(x);
    if (rc == MCMP_OK)
        rc = parse_target(x);
    if (rc != MCMP_OK) {
        answer_send(x, mcmp_http_status_of(rc), mcmp_error_name(rc));
        return;
    }
    x->body_done = mcmp_http_body_is_done(&x->body);
    set_query(x);
    if (max_forwards(x) == 0)
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

static void log_failure(struct exchange *x, const char *why)
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

static void connect_node(struct exchange *x)
{
    struct worker *w = x->client->worker;
    const char *why = "";
    int rc;

    x->phase = EXCHANGE_CONNECT;
    x->connect_from = clock_now();
    if (x->selection.scheme == MCMP_SCHEME_AJP) {
        log_write(MCMP_LOG_ERROR, "forward",
                  "node \"%.*s\" is of type ajp, which this server can't forward to",
                  (int)x->selection.route.len, x->selection.route.ptr);
        exchange_release(x, MCMP_OUTCOME_UNUSED);
        answer_send(x, 502, "nodes of type ajp are not supported");
        return;
    }
    timer_clear(&x->client->timer); /* the pool watches the time to connect */
    rc = pool_acquire(w->pools, x, x->fresh, &why);
    x->fresh = 0;
    if (rc == POOL_READY) {
        exchange_connected(x);
    } else if (rc == POOL_FULL) {
        log_failure(x, why);
        exchange_release(x, MCMP_OUTCOME_UNUSED);
        answer_send(x, 503, why);
    } else if (rc == POOL_FAILED) {
        exchange_connect_failed(x, why);
    }
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
        x->tries++;
        connect_node(x);
    } else if (rc == MCMP_WAIT) {
        if (x->query.waiting_since == 0)
            x->query.waiting_since = now;
        x->tried_count = x->tried_well; /* who is in error may have come back by the next look */
        timer_set(&w->timers, &x->client->timer, x->selection.retry_at - now);
        io_want(&x->client->io, IO_READ);
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

static void fill_forward(struct exchange *x, mcmp_http_forward *f, char *host, size_t size)
{
    const struct config *config = x->client->worker->config;
    const mcmp_selection *sel = &x->selection;

    mcmp_http_forward_init(f);
    f->target = &x->target;
    f->client.ptr = x->client->peer;
    f->client.len = strlen(x->client->peer);
    if (config->host_header == HOST_NODE || x->target.host.len == 0) {
        f->host.ptr = host;
        f->host.len = (size_t)snprintf(host, size, "%.*s:%u", (int)sel->host.len, sel->host.ptr,
                                       (unsigned)sel->port);
    }
    if (config->via) {
        f->via.ptr = config->via_name;
        f->via.len = strlen(config->via_name);
    }
    if ((sel->flags & MCMP_SELECTION_REMOVE_SESSION) != 0) {
        f->remove_cookie = sel->cookie_name;
        f->remove_path = sel->path_name;
    }
    f->upgrades = setup.upgrade;
    f->upgrade_count = setup.upgrade_count;
    f->flags |= config->x_forwarded != FORWARDED_OFF ? MCMP_HTTP_FORWARD_X : 0;
    f->flags |= config->x_forwarded == FORWARDED_APPEND ? MCMP_HTTP_FORWARD_TRUSTED : 0;
    f->flags |= config->forwarded ? MCMP_HTTP_FORWARD_RFC7239 : 0;
    f->flags |= x->continued ? MCMP_HTTP_FORWARD_NO_EXPECT : 0;
}

/* Write the head into the node's queue. 0, or -1 when it does not fit. */
static int queue_head(struct exchange *x)
{
    static const mcmp_span hops_name = { "Max-Forwards", 12 };
    struct upstream *up = x->up;
    int64_t hops = max_forwards(x);
    mcmp_pair hops_line = { hops_name, { NULL, 0 } };
    mcmp_http_forward f;
    char host[320];
    char hops_text[24];
    char *room = out_room(&up->out, &x->client->worker->buffers, BUFFER_ROOM);
    size_t len = 0;

    fill_forward(x, &f, host, sizeof(host));
    if (hops > 0) {
        hops_line.value.ptr = hops_text;
        hops_line.value.len =
            (size_t)snprintf(hops_text, sizeof(hops_text), "%lld", (long long)(hops - 1));
        f.drop = &hops_name;
        f.drop_count = 1;
        f.add = &hops_line;
        f.add_count = 1;
    }
    if (room == NULL ||
        mcmp_http_encode_request(x->head, &f, room, BUFFER_ROOM, &len, NULL) != MCMP_OK)
        return -1;
    out_commit(&up->out, len);
    x->chunked_up = f.sent_framing == MCMP_HTTP_FRAMING_CHUNKED;
    x->upgrade_asked = (int)f.sent_upgrade;
    return 0;
}

void exchange_connected(struct exchange *x)
{
    x->connected_at = clock_now();
    x->phase = EXCHANGE_FORWARD;
    x->head_sent = 0;
    x->try_bytes = 0;
    if (queue_head(x) != 0) {
        upstream_release(x->up, 0);
        x->up = NULL;
        exchange_release(x, MCMP_OUTCOME_UNUSED);
        answer_send(x, 431, "the head does not fit with what is added to it");
        return;
    }
    upstream_want(x->up, IO_READ);
    io_want(&x->client->io, IO_READ);
    exchange_pump(x);
}

/* Make ready to send the request once more from its beginning. */
static void rewind_request(struct exchange *x)
{
    if (x->info->framing != MCMP_HTTP_FRAMING_NONE) {
        x->client->in->start = x->body_at;
        starts_body(x);
        x->body_done = mcmp_http_body_is_done(&x->body);
    }
    x->upload_broken = 0;
    x->head_sent = 0;
    x->body_in = 0;
}

static void drop_upstream(struct exchange *x)
{
    if (x->up != NULL)
        upstream_release(x->up, 0);
    x->up = NULL;
}

/* Cut an answer that began: the client must see that it is not complete. */
static void cut(struct exchange *x, int outcome)
{
    struct client *c = x->client;

    drop_upstream(x);
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
    int uploading = x->head_sent && x->up != NULL &&
                    (!x->body_done || x->upload_broken || x->up->out.bytes > 0);

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

void exchange_fail(struct exchange *x, int outcome, const char *why)
{
    int stale =
        x->up != NULL && x->up->reused && x->try_bytes == 0 && outcome == MCMP_OUTCOME_NO_ANSWER;
    int again = !x->head_sent || (x->idempotent && x->body_kept);
    uint32_t retries = x->selection.max_retries;

    if (x->answered) {
        log_failure(x, why);
        cut(x, outcome == MCMP_OUTCOME_TIMEOUT ? outcome : MCMP_OUTCOME_BROKEN);
        return;
    }
    if (outcome == MCMP_OUTCOME_NO_ANSWER)
        outcome = judge_silence(x, stale);
    drop_upstream(x);
    if (stale && again && !x->stale_retried) {
        /* The node closed a kept connection as we took it: no failure, a fresh one decides. */
        x->stale_retried = 1;
        x->fresh = 1;
        rewind_request(x);
        connect_node(x);
        return;
    }
    log_failure(x, why);
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

    drop_upstream(x);
    exchange_release(x, MCMP_OUTCOME_CLIENT);
    if (x->status == 0)
        x->status = 499; /* in the log only, as others have it */
    x->cut_short = 1;
    access_log_write(c->worker->access_log, x);
    client_close(c, 1);
}

/* 1 when no more of the body goes to the node: all of it is taken, or the node takes no more. */
static int has_sent_body(const struct exchange *x)
{
    return x->body_done || x->upload_broken;
}

/* 1 when the upload waits for bytes of the client and for nothing else. */
static int waits_for_body(const struct exchange *x)
{
    return !has_sent_body(x) && x->up != NULL && x->up->out.bytes == 0;
}

/* 1 when the client waits for 100 before it sends a body. */
static int owes_continue(const struct exchange *x)
{
    return (x->info->flags & MCMP_HTTP_EXPECT_CONTINUE) != 0 && x->info->minor > 0 &&
           !x->continued && !x->answered && x->body.received == 0;
}

void exchange_set_timer(struct exchange *x)
{
    struct client *c = x->client;
    const struct config *config = c->worker->config;
    mcmp_time time = x->selection.timeout > 0 ? x->selection.timeout : config->node_timeout;

    exchange_count(x);
    if (c->out.bytes > 0)
        time = config->send_timeout;
    else if (x->phase == EXCHANGE_FORWARD && waits_for_body(x))
        time = owes_continue(x) ? CONTINUE_PATIENCE : config->body_timeout;
    timer_set(&c->worker->timers, &c->timer, time);
}

/* The node does not say 100 and the client waits for it. */
static void send_continue(struct exchange *x)
{
    struct client *c = x->client;

    x->continued = 1;
    if (out_copy(&c->out, &c->worker->buffers, MCMP_HTTP_CONTINUE,
                 sizeof(MCMP_HTTP_CONTINUE) - 1) != 0 ||
        client_flush(c) < 0)
        exchange_client_gone(x);
    else
        exchange_set_timer(x);
}

void exchange_timeout(struct exchange *x)
{
    struct client *c = x->client;

    if (x->phase == EXCHANGE_WAIT) {
        exchange_select(x);
    } else if (x->phase != EXCHANGE_FORWARD || c->out.bytes > 0) {
        exchange_client_gone(x); /* takes nothing, or a tunnel is silent */
    } else if (waits_for_body(x) && owes_continue(x)) {
        send_continue(x);
    } else if (waits_for_body(x) && !x->answered) {
        drop_upstream(x);
        exchange_release(x, MCMP_OUTCOME_CLIENT);
        answer_send(x, 408, "body-timeout");
    } else if (waits_for_body(x)) {
        exchange_client_gone(x);
    } else {
        exchange_fail(x, MCMP_OUTCOME_TIMEOUT, "no answer in time (node-timeout)");
    }
}

static int queue_content(struct exchange *x, mcmp_span content)
{
    struct out *out = &x->up->out;
    struct slab *buffers = &x->client->worker->buffers;
    char *room;

    x->body_in += content.len;
    if (!x->chunked_up) {
        out_refer(out, content.ptr, content.len);
        return 0;
    }
    room = out_room(out, buffers, MCMP_HTTP_CHUNK_HEAD_MAX);
    if (room == NULL)
        return -1;
    out_commit(out, mcmp_http_chunk_head(room, content.len));
    out_refer(out, content.ptr, content.len);
    return out_copy(out, buffers, MCMP_HTTP_CHUNK_END, sizeof(MCMP_HTTP_CHUNK_END) - 1);
}

/* Take content from the client's buffer. MCMP_OK: it may be queued; NEED_MORE; or an error. */
static int take_content(struct exchange *x)
{
    struct buffer *in = x->client->in;
    struct slab *buffers = &x->client->worker->buffers;

    while (out_has_room(&x->up->out)) {
        mcmp_span content;
        size_t used = 0;
        int rc = mcmp_http_body_feed(&x->body, in->data + in->start, buffer_len(in), &used,
                                     &content, NULL);

        in->start += used;
        if (rc == MCMP_OK && queue_content(x, content) != 0)
            return MCMP_ERR_NOMEM;
        if (rc == MCMP_DONE) {
            x->body_done = 1;
            if (x->chunked_up && out_copy(&x->up->out, buffers, MCMP_HTTP_CHUNK_LAST,
                                          sizeof(MCMP_HTTP_CHUNK_LAST) - 1) != 0)
                return MCMP_ERR_NOMEM;
            return MCMP_OK;
        }
        if (rc != MCMP_OK)
            return rc == MCMP_NEED_MORE && x->up->out.bytes > 0 ? MCMP_OK : rc;
    }
    return MCMP_OK;
}

/* All that was read has gone to the node: make room, by giving up the replay if need be. */
static void recycle(struct exchange *x)
{
    struct client *c = x->client;
    struct buffer *in = c->in;
    int64_t replay = x->idempotent ? c->worker->config->replay : 0;

    if (in->start < in->end)
        return;
    if (x->body_kept && in->end == x->body_at)
        return;
    if (x->body_kept && buffer_room(in) > 0 && (int64_t)(in->end - x->body_at) < replay)
        return;
    x->body_kept = 0;
    in->start = x->body_at;
    in->end = x->body_at;
}

/* The client broke the rules inside its body, or ended too early. */
static void bad_body(struct exchange *x, int rc)
{
    if (x->answered || rc == MCMP_ERR_TRUNCATED) {
        exchange_client_gone(x);
        return;
    }
    drop_upstream(x);
    exchange_release(x, MCMP_OUTCOME_CLIENT);
    answer_send(x, mcmp_http_status_of(rc), mcmp_error_name(rc));
}

/* 1: all sent; 0: blocked, or the node takes no more. */
static int flush_node(struct exchange *x)
{
    struct client *c = x->client;
    struct upstream *up = x->up;
    uint64_t sent = 0;
    int rc = out_flush(&up->out, &c->worker->buffers, &up->stream, &sent);

    x->to_node += sent;
    x->head_sent = x->head_sent || sent > 0;
    if (rc > 0)
        return 1;
    if (rc == 0) {
        upstream_want(up, up->io.want | IO_WRITE);
        io_want(&c->io, c->io.want & ~IO_READ);
    } else {
        /* It may have answered before it closed: that is read before anything is judged. */
        x->upload_broken = 1;
        out_clear(&up->out, &c->worker->buffers);
        upstream_want(up, IO_READ);
    }
    exchange_set_timer(x);
    return 0;
}

/* Take and send what there is of the request. 0: blocked, or the exchange is over. */
static int send_request(struct exchange *x)
{
    for (;;) {
        int rc = MCMP_OK;

        /* What came with the head goes out with it; what is wrong with it never does. */
        if (!has_sent_body(x))
            rc = take_content(x);
        if (rc != MCMP_OK && rc != MCMP_NEED_MORE) {
            bad_body(x, rc);
            return 0;
        }
        if (x->up->out.bytes > 0 && !flush_node(x))
            return 0;
        if (has_sent_body(x) || rc == MCMP_NEED_MORE)
            return 1;
    }
}

void exchange_pump(struct exchange *x)
{
    struct client *c = x->client;
    ssize_t n = 1;

    for (int reads = 0; n > 0; reads++) {
        if (!send_request(x))
            return;
        if (has_sent_body(x))
            break;
        recycle(x);
        n = reads < READS_AT_ONCE ? client_read(c) : 0;
    }
    if (n < 0) {
        bad_body(x, MCMP_ERR_TRUNCATED);
        return;
    }
    if ((x->up->io.want & IO_WRITE) != 0)
        upstream_want(x->up, x->up->io.want & ~IO_WRITE);
    if (!c->at_end)
        io_want(&c->io, c->io.want | IO_READ); /* for more, or to see it leave */
    exchange_set_timer(x);
}

void exchange_node_ready(struct exchange *x, unsigned events)
{
    int both = (events & IO_WRITE) != 0 && (events & IO_READ) != 0;

    if (x->phase == EXCHANGE_TUNNEL) {
        tunnel_pump(x);
        return;
    }
    if (x->up->stream.ssl != NULL && x->up->out.bytes > 0)
        both = 1; /* under TLS an event may mean either direction */
    if (both) {
        /* In turn: what is not done now is announced again. */
        x->turn = !x->turn;
        events = x->turn ? IO_WRITE : IO_READ;
    }
    if ((events & IO_WRITE) != 0)
        exchange_pump(x);
    else
        response_pump(x);
}
