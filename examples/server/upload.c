/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request's way to the node that was chosen: its head, then the body as it comes. Nothing of a
 * body is copied; the client is read only when what came before has gone to the node.
 */
#include <errno.h>
#include <string.h>

#include "cluster.h"
#include "exchange.h"
#include "forward.h"
#include "wire.h"

#define READS_AT_ONCE 4 /* of one connection before others have their turn */

void exchange_connected(struct exchange *x)
{
    uint32_t status;
    mcmp_error err;

    x->connected_at = clock_now();
    x->phase = EXCHANGE_FORWARD;
    x->head_sent = 0;
    x->try_bytes = 0;
    x->held = x->body_done;
    mcmp_error_init(&err);
    status = x->wire->begin(x, &err);
    if (status != 0) {
        exchange_log_failure(x, err.message);
        exchange_drop_upstream(x);
        exchange_release(x, MCMP_OUTCOME_UNUSED);
        answer_send(x, status, err.message);
        return;
    }
    upstream_want(x->up, IO_READ);
    client_want(x->client, IO_READ);
    exchange_pump(x);
}

/* 1 when no more of the body goes to the node now, or ever. */
static int is_held(const struct exchange *x)
{
    return x->held || x->upload_broken;
}

/* 1 when the upload waits for bytes of the client and for nothing else. */
static int waits_for_body(const struct exchange *x)
{
    return !is_held(x) && x->up != NULL && x->up->out.bytes == 0;
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
        time = owes_continue(x) ? x->wire->continue_patience : config->body_timeout;
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
        exchange_drop_upstream(x);
        exchange_release(x, MCMP_OUTCOME_CLIENT);
        answer_send(x, 408, "body-timeout");
    } else if (waits_for_body(x)) {
        exchange_client_gone(x);
    } else {
        exchange_fail(x, MCMP_OUTCOME_TIMEOUT, x->wire->silence);
    }
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
    exchange_drop_upstream(x);
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
    if (x->wire->sent != NULL)
        x->wire->sent(x, sent);
    if (rc > 0)
        return 1;
    if (rc == 0) {
        upstream_want(up, up->io.want | IO_WRITE);
        client_want(c, c->io.want & ~IO_READ);
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
        if (!is_held(x))
            rc = x->wire->take_content(x);
        if (rc != MCMP_OK && rc != MCMP_NEED_MORE) {
            bad_body(x, rc);
            return 0;
        }
        if (x->up->out.bytes > 0 && !flush_node(x))
            return 0;
        if (is_held(x) || rc == MCMP_NEED_MORE)
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
        if (is_held(x))
            break;
        recycle(x);
        n = reads < READS_AT_ONCE || stream_has_more(&c->stream) ? client_read(c) : 0;
    }
    if (n < 0) {
        bad_body(x, MCMP_ERR_TRUNCATED);
        return;
    }
    if ((x->up->io.want & IO_WRITE) != 0)
        upstream_want(x->up, x->up->io.want & ~IO_WRITE);
    if (!c->at_end && buffer_room(c->in) > 0)
        client_want(c, c->io.want | IO_READ); /* for more, or to see it leave */
    if (x->wire->continue_patience == 0 && waits_for_body(x) && owes_continue(x))
        send_continue(x);
    else
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
