/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer's way to the client. What was read from the node is parsed where it lies and sent from
 * there; the node is read again when the client took all of it. When the last byte of an answer was
 * taken, the node's connection is free for others even though the client is still slow.
 */
#include <errno.h>
#include <string.h>

#include "cluster.h"
#include "date.h"
#include "exchange.h"
#include "wire.h"

#define READS_AT_ONCE 4
#define MOST_INTERIM 16 /* a node could go on with them for ever */

static int queue_head(struct exchange *x, const mcmp_http_head *head, mcmp_http_reply *reply)
{
    const mcmp_http_info *info = mcmp_http_head_info(head);
    struct client *c = x->client;
    const struct config *config = c->worker->config;
    char *room = out_room(&c->out, &c->worker->buffers, (size_t)info->head_size + 1024);
    size_t len = 0;
    mcmp_span date;
    int rc;

    mcmp_http_reply_init(reply);
    if (config->via) {
        reply->via.ptr = config->via_name;
        reply->via.len = strlen(config->via_name);
    }
    reply->minor = x->info->minor;
    if ((x->info->flags & MCMP_HTTP_KEEP_ALIVE) != 0 && x->body_done && !c->worker->stopping)
        reply->flags |= MCMP_HTTP_KEEP_ALIVE;
    if (info->status >= 200 && mcmp_http_head_find(head, MCMP_HTTP_FIELD_DATE, &date) != MCMP_OK) {
        reply->add = date_header();
        reply->add_count = 1;
    }
    if (x->upgrade_asked)
        reply->flags |= MCMP_HTTP_UPGRADE;
    if (room == NULL)
        return -1;
    rc = mcmp_http_encode_response(head, reply, room, buffer_room(c->out.scratch), &len, NULL);
    if (rc != MCMP_OK)
        return -1;
    out_commit(&c->out, len);
    return 0;
}

/* The final head: how the body comes and how it goes on. */
static int begin_answer(struct exchange *x, const mcmp_http_head *head)
{
    const mcmp_http_info *info = mcmp_http_head_info(head);
    struct upstream *up = x->up;
    mcmp_http_reply reply;

    if (queue_head(x, head, &reply) != 0) {
        exchange_fail(x, MCMP_OUTCOME_BROKEN, "the head of the answer can't be passed on");
        return STEP_OVER;
    }
    x->answered = 1;
    x->answer_head = 1;
    x->status = info->status;
    x->node_reuse = (info->flags & MCMP_HTTP_KEEP_ALIVE) != 0;
    x->chunked_down = reply.sent_framing == MCMP_HTTP_FRAMING_CHUNKED;
    x->client_reuse = (reply.sent_flags & MCMP_HTTP_KEEP_ALIVE) != 0;
    mcmp_http_body_start(&up->body, info->framing, info->length, NULL);
    return STEP_ON;
}

static int interim(struct exchange *x, const mcmp_http_head *head)
{
    mcmp_http_reply reply;
    uint32_t status = mcmp_http_head_info(head)->status;

    if (++x->interims > MOST_INTERIM) {
        exchange_fail(x, MCMP_OUTCOME_BROKEN, "too many interim answers");
        return STEP_OVER;
    }
    if (status == 100 && x->continued)
        return STEP_ON; /* the client has ours */
    if (queue_head(x, head, &reply) != 0) {
        exchange_fail(x, MCMP_OUTCOME_BROKEN, "an interim answer can't be passed on");
        return STEP_OVER;
    }
    x->continued = x->continued || status == 100;
    if ((reply.sent_flags & MCMP_HTTP_UPGRADE) != 0) {
        x->answered = 1;
        x->upgraded = 1;
        x->status = status;
    }
    return STEP_ON;
}

int response_head(struct exchange *x, const mcmp_http_head *head)
{
    if (x->first_byte_at == 0)
        x->first_byte_at = clock_now();
    return mcmp_http_head_info(head)->status < 200 ? interim(x, head) : begin_answer(x, head);
}

int response_content(struct exchange *x, mcmp_span content)
{
    struct client *c = x->client;
    struct slab *buffers = &c->worker->buffers;
    char *room;

    x->body_out += content.len;
    if (!x->chunked_down) {
        out_refer(&c->out, content.ptr, content.len);
        return 0;
    }
    room = out_room(&c->out, buffers, MCMP_HTTP_CHUNK_HEAD_MAX);
    if (room == NULL)
        return -1;
    out_commit(&c->out, mcmp_http_chunk_head(room, content.len));
    out_refer(&c->out, content.ptr, content.len);
    return out_copy(&c->out, buffers, MCMP_HTTP_CHUNK_END, sizeof(MCMP_HTTP_CHUNK_END) - 1);
}

int response_end(struct exchange *x)
{
    struct client *c = x->client;

    x->answer_done = 1;
    if (x->chunked_down && out_copy(&c->out, &c->worker->buffers, MCMP_HTTP_CHUNK_LAST,
                                    sizeof(MCMP_HTTP_CHUNK_LAST) - 1) != 0) {
        exchange_client_gone(x);
        return STEP_OVER;
    }
    return STEP_ON;
}

/* The node closed its side, or the connection broke. */
static int node_ended(struct exchange *x, int error)
{
    if (!x->answer_head) {
        exchange_fail(x, MCMP_OUTCOME_NO_ANSWER,
                      error != 0 ? strerror(error) : "closed before its answer");
        return STEP_OVER;
    }
    if (error == 0 && x->wire->ends_by_close(x)) {
        x->node_reuse = 0;
        return response_end(x);
    }
    exchange_fail(x, MCMP_OUTCOME_BROKEN, error != 0 ? strerror(error) : "the answer is cut short");
    return STEP_OVER;
}

/* STEP_ON: bytes came; STEP_READ: none now. */
static int read_node(struct exchange *x)
{
    struct upstream *up = x->up;
    struct buffer *in = up->in;
    ssize_t n;

    if (in->start == in->end) {
        in->start = 0;
        in->end = 0;
    }
    do {
        n = stream_read(&up->stream, in->data + in->end, buffer_room(in));
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
        in->end += (size_t)n;
        x->from_node += (uint64_t)n;
        x->try_bytes += (uint64_t)n;
        return STEP_ON;
    }
    if (n < 0 && errno == EAGAIN)
        return STEP_READ;
    return node_ended(x, n < 0 ? errno : 0);
}

/* All of the answer was taken: the node is free, what is queued may still have to go out. */
static void free_node(struct exchange *x)
{
    struct upstream *up = x->up;
    int keep = x->wire->may_reuse(x);

    x->tail = up->in;
    up->in = NULL;
    x->up = NULL;
    upstream_release(up, keep);
    exchange_release(x, MCMP_OUTCOME_OK);
    x->phase = EXCHANGE_LAST;
}

/* Send what is queued. STEP_ON: all out. */
static int flush(struct exchange *x)
{
    struct client *c = x->client;
    int rc = client_flush(c);

    if (rc < 0) {
        exchange_client_gone(x);
        return STEP_OVER;
    }
    if (rc > 0)
        return STEP_ON;
    if (x->up != NULL && x->answer_done)
        free_node(x);
    if (x->up != NULL)
        upstream_want(x->up, x->up->io.want & ~IO_READ);
    exchange_set_timer(x);
    return STEP_READ;
}

static void finish(struct exchange *x)
{
    struct client *c = x->client;

    if (x->up != NULL)
        free_node(x);
    slab_put(&c->worker->buffers, x->tail);
    x->tail = NULL;
    client_done(c, x->client_reuse && x->body_done);
}

/* 1 when nothing more is to be taken from the node. */
static int is_complete(const struct exchange *x)
{
    return x->answer_done || x->upgraded;
}

/* Take what lies in the buffer until more is needed. */
static int take(struct exchange *x)
{
    int rc = STEP_ON;

    while (rc == STEP_ON && !is_complete(x) && out_has_room(&x->client->out))
        rc = x->wire->take_answer(x);
    return rc;
}

static int get_buffer(struct exchange *x)
{
    struct upstream *up = x->up;

    if (up->in == NULL)
        up->in = buffer_get(&x->client->worker->buffers);
    return up->in != NULL;
}

/*
 * What was taken is sent; the exchange may be complete by that. STEP_ON: it is not; STEP_READ: the
 * client is slow.
 */
static int pass_on(struct exchange *x)
{
    int rc = x->client->out.bytes > 0 ? flush(x) : STEP_ON;

    if (rc != STEP_ON)
        return rc;
    if (x->up == NULL || x->answer_done) {
        finish(x);
        return STEP_OVER;
    }
    if (x->upgraded) {
        tunnel_begin(x);
        return STEP_OVER;
    }
    return STEP_ON;
}

/* Take and pass on what came. STEP_READ: that is all for now; STEP_OVER. */
static int move(struct exchange *x)
{
    int rc = STEP_ON;

    for (int reads = 0; rc == STEP_ON; reads++) {
        if (x->up != NULL && !get_buffer(x)) {
            exchange_client_gone(x);
            return STEP_OVER;
        }
        do {
            int passed;

            if (x->up != NULL && !is_complete(x))
                rc = take(x);
            passed = rc == STEP_OVER ? STEP_OVER : pass_on(x);
            if (passed != STEP_ON)
                return passed;
        } while (rc == STEP_ON);
        rc = reads < READS_AT_ONCE || stream_has_more(&x->up->stream) ? read_node(x) : STEP_READ;
    }
    if (rc == STEP_READ) {
        upstream_want(x->up, x->up->io.want | IO_READ);
        exchange_set_timer(x);
    }
    return rc;
}

void response_pump(struct exchange *x)
{
    if (move(x) == STEP_OVER || !x->wake_upload)
        return;
    x->wake_upload = 0;
    if (x->up != NULL)
        exchange_pump(x);
}
