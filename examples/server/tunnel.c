/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After an upgrade: raw bytes both ways until both sides have ended or nothing moves any more. Each
 * direction has one buffer and reads only when the other side took what came before.
 */
#include <errno.h>
#include <sys/socket.h>

#include "access_log.h"
#include "exchange.h"

#define CLIENT_ENDED 1
#define NODE_ENDED 2
#define READS_AT_ONCE 4

static void tunnel_end(struct exchange *x, int outcome)
{
    struct client *c = x->client;

    upstream_release(x->up, 0);
    x->up = NULL;
    exchange_release(x, outcome);
    access_log_write(c->worker->access_log, x);
    client_close(c, outcome != MCMP_OUTCOME_OK);
}

/* 1: go on; 0: broken, the tunnel is over. */
static int to_node(struct exchange *x)
{
    struct client *c = x->client;
    struct upstream *up = x->up;

    for (int reads = 0; reads < READS_AT_ONCE; reads++) {
        struct buffer *in = c->in;
        uint64_t sent = 0;
        int rc = out_flush(&up->out, &c->worker->buffers, &up->stream, &sent);

        x->to_node += sent;
        x->body_in += sent;
        if (rc <= 0)
            return rc == 0;
        if (in->start < in->end) {
            out_refer(&up->out, in->data + in->start, buffer_len(in));
            in->start = in->end;
            continue;
        }
        in->start = x->body_at;
        in->end = x->body_at;
        if ((x->tunnel_ends & CLIENT_ENDED) != 0)
            return 1;
        if (client_read(c) >= 0) {
            if (buffer_len(in) == 0)
                return 1;
            continue;
        }
        if (!c->at_end)
            return 0;
        x->tunnel_ends |= CLIENT_ENDED;
        if (up->stream.ssl == NULL)
            shutdown(up->io.fd, SHUT_WR);
    }
    return 1;
}

static int to_client(struct exchange *x)
{
    struct client *c = x->client;
    struct upstream *up = x->up;
    struct buffer *in = up->in;

    for (int reads = 0; reads < READS_AT_ONCE; reads++) {
        int rc = client_flush(c);
        ssize_t n;

        if (rc <= 0)
            return rc == 0;
        if (in->start < in->end) {
            out_refer(&c->out, in->data + in->start, buffer_len(in));
            x->body_out += buffer_len(in);
            in->start = in->end;
            continue;
        }
        in->start = 0;
        in->end = 0;
        if ((x->tunnel_ends & NODE_ENDED) != 0)
            return 1;
        n = stream_read(&up->stream, in->data, BUFFER_ROOM);
        if (n > 0) {
            in->end = (size_t)n;
            x->from_node += (uint64_t)n;
            continue;
        }
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        x->tunnel_ends |= NODE_ENDED;
        stream_end(&c->stream);
    }
    return 1;
}

void tunnel_pump(struct exchange *x)
{
    struct client *c = x->client;
    struct upstream *up = x->up;
    unsigned want;

    if (!to_node(x) || !to_client(x)) {
        tunnel_end(x, MCMP_OUTCOME_BROKEN);
        return;
    }
    if (x->tunnel_ends == (CLIENT_ENDED | NODE_ENDED) && up->out.bytes == 0 && c->out.bytes == 0) {
        tunnel_end(x, MCMP_OUTCOME_OK);
        return;
    }
    want = (x->tunnel_ends & CLIENT_ENDED) == 0 && up->out.bytes == 0 ? IO_READ : 0;
    client_want(c, want | (c->out.bytes > 0 ? IO_WRITE : 0));
    want = (x->tunnel_ends & NODE_ENDED) == 0 && c->out.bytes == 0 ? IO_READ : 0;
    upstream_want(up, want | (up->out.bytes > 0 ? IO_WRITE : 0));
    exchange_count(x);
    timer_set(&c->worker->timers, &c->timer, c->worker->config->tunnel_timeout);
}

void tunnel_begin(struct exchange *x)
{
    x->phase = EXCHANGE_TUNNEL;
    x->body_in = 0;
    tunnel_pump(x);
}
