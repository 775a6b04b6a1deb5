/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes of types http, https, ws and wss: HTTP/1.1. What was read from the node is parsed where it
 * lies and goes on from there.
 */
#include <string.h>

#include "forward.h"
#include "wire.h"

static uint32_t begin(struct exchange *x, mcmp_error *err)
{
    struct upstream *up = x->up;
    char *room = out_room(&up->out, &x->client->worker->buffers, BUFFER_ROOM);
    struct forward_texts texts;
    mcmp_http_forward f;
    size_t len = 0;

    forward_fill(x, &texts, &f);
    if (room == NULL ||
        mcmp_http_encode_request(x->head, &f, room, BUFFER_ROOM, &len, err) != MCMP_OK)
        return 431;
    out_commit(&up->out, len);
    x->chunked_up = f.sent_framing == MCMP_HTTP_FRAMING_CHUNKED;
    x->upgrade_asked = (int)f.sent_upgrade;
    return 0;
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
            x->held = 1;
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

static int take_head(struct exchange *x)
{
    struct upstream *up = x->up;
    struct buffer *in = up->in;
    const mcmp_http_info *info;
    int rc;

    if (buffer_len(in) == 0)
        return STEP_READ;
    rc = mcmp_http_head_parse_response(up->head, x->info->method, in->data + in->start,
                                       buffer_len(in), NULL);
    if (rc == MCMP_NEED_MORE) {
        if (in->start > 0) {
            memmove(in->data, in->data + in->start, buffer_len(in));
            in->end -= in->start;
            in->start = 0;
        }
        if (buffer_room(in) > 0)
            return STEP_READ;
        rc = MCMP_ERR_HTTP_SIZE;
    }
    if (rc != MCMP_OK) {
        /* A node that talks HTTP and sends one bad head is not down for all other requests. */
        exchange_fail(x,
                      rc == MCMP_ERR_HTTP_LINE || rc == MCMP_ERR_HTTP_VERSION
                          ? MCMP_OUTCOME_NO_ANSWER
                          : MCMP_OUTCOME_BROKEN,
                      rc == MCMP_ERR_HTTP_SIZE ? "the head of the answer is over max-response-head"
                                               : mcmp_strerror(rc));
        return STEP_OVER;
    }
    info = mcmp_http_head_info(up->head);
    in->start += info->head_size;
    return response_head(x, up->head);
}

static int take_body(struct exchange *x)
{
    struct upstream *up = x->up;
    struct buffer *in = up->in;
    struct out *out = &x->client->out;

    while (out_has_room(out)) {
        mcmp_span content;
        size_t used = 0;
        int rc = mcmp_http_body_feed(&up->body, in->data + in->start, buffer_len(in), &used,
                                     &content, NULL);

        in->start += used;
        if (rc == MCMP_DONE)
            return response_end(x);
        if (rc == MCMP_NEED_MORE)
            return STEP_READ;
        if (rc != MCMP_OK || response_content(x, content) != 0) {
            exchange_fail(x, MCMP_OUTCOME_BROKEN, "the body of the answer is malformed");
            return STEP_OVER;
        }
    }
    return STEP_ON;
}

static int take_answer(struct exchange *x)
{
    return x->answer_head ? take_body(x) : take_head(x);
}

static int ends_by_close(struct exchange *x)
{
    return mcmp_http_body_end(&x->up->body, NULL) == MCMP_DONE;
}

static int may_reuse(const struct exchange *x)
{
    return x->node_reuse && x->body_done && !x->upload_broken && x->up->out.bytes == 0 &&
           buffer_len(x->up->in) == 0;
}

const struct wire wire_http = { 0,           1 * MCMP_SEC,  "no answer in time (node-timeout)",
                                begin,       take_content,  NULL,
                                take_answer, ends_by_close, may_reuse };
