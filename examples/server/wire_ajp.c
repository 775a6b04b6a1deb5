/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes of type ajp: AJP/1.3. The head goes and comes through the codec, bodies as pieces of the
 * buffers they lie in. The node asks for the body packet by packet; until it does, the upload is
 * held. Nothing taken from the node waits here for more of it, so each flush it asks for (and each
 * flushpackets policy) is fulfilled by the way things are.
 */
#include "wire_ajp.h"

#include <stdlib.h>
#include <string.h>

#include "forward.h"
#include "log.h"
#include "tls_front.h"
#include "wire.h"

int wire_ajp_prepare(struct upstream *up, uint32_t max_packet)
{
    mcmp_ajp_options opts;

    if (up->ajp != NULL && up->ajp_packet == max_packet) {
        mcmp_ajp_proxy_reset(up->ajp);
        return 0;
    }
    mcmp_ajp_proxy_free(up->ajp);
    up->ajp = NULL;
    mcmp_ajp_options_init(&opts);
    opts.max_packet = max_packet;
    opts.max_head = (uint32_t)up->worker->config->max_response_head;
    up->ajp_packet = max_packet;
    return mcmp_ajp_proxy_new(&up->ajp, &opts, NULL) == MCMP_OK ? 0 : -1;
}

static mcmp_span text_span(const char *text)
{
    mcmp_span span = { text, strlen(text) };

    return span;
}

static void fill_tls(const struct tls_facts *tls, mcmp_ajp_facts *facts)
{
    facts->is_ssl = 1;
    facts->ssl_cipher = text_span(tls->cipher);
    facts->ssl_protocol = text_span(tls->protocol);
    facts->ssl_session = text_span(tls->session);
    facts->ssl_key_size = tls->key_size;
    if (tls->certificate != NULL)
        facts->ssl_cert = text_span(tls->certificate);
}

static void fill_facts(struct exchange *x, mcmp_ajp_facts *facts)
{
    mcmp_ajp_facts_init(facts);
    facts->remote_addr = text_span(x->client->peer);
    facts->remote_port = x->client->peer_port;
    facts->local_addr = text_span(client_local(x->client));
    facts->jvm_route = x->selection.route;
    facts->secret = text_span(x->up->pool->setting.secret);
    if (x->client->tls != NULL)
        fill_tls(x->client->tls, facts);
}

static uint32_t begin(struct exchange *x, mcmp_error *err)
{
    struct upstream *up = x->up;
    char *room = out_room(&up->out, &x->client->worker->buffers, BUFFER_ROOM);
    struct forward_texts texts;
    mcmp_http_forward f;
    mcmp_ajp_facts facts;
    size_t len = 0;
    int rc = MCMP_ERR_NOMEM;

    forward_fill(x, &texts, &f);
    fill_facts(x, &facts);
    if (room != NULL)
        rc = mcmp_ajp_proxy_encode_request(up->ajp, x->head, &f, &facts, room, BUFFER_ROOM, &len,
                                           err);
    if (rc != MCMP_OK)
        return mcmp_ajp_proxy_status_of(rc);
    out_commit(&up->out, len);
    x->upgrade_asked = 0;
    x->held = 0; /* the codec knows whether a packet is due */
    return 0;
}

/* More content for packets, or the end of the body. MCMP_OK, MCMP_NEED_MORE, or an error. */
static int next_piece(struct exchange *x)
{
    struct buffer *in = x->client->in;
    size_t used = 0;
    int rc =
        mcmp_http_body_feed(&x->body, in->data + in->start, buffer_len(in), &used, &x->piece, NULL);

    in->start += used;
    if (rc != MCMP_OK)
        x->piece.len = 0;
    x->body_done = mcmp_http_body_is_done(&x->body);
    return rc == MCMP_DONE ? MCMP_OK : rc;
}

static int queue_packet(struct exchange *x, const mcmp_ajp_frame *frame)
{
    struct out *out = &x->up->out;

    if (out_copy(out, &x->client->worker->buffers, frame->head, frame->head_len) != 0)
        return MCMP_ERR_NOMEM;
    out_refer(out, x->piece.ptr, frame->take);
    x->piece.ptr += frame->take;
    x->piece.len -= frame->take;
    x->body_in += frame->take;
    return MCMP_OK;
}

static int take_content(struct exchange *x)
{
    while (out_has_room(&x->up->out)) {
        mcmp_ajp_frame frame;
        mcmp_ajp_progress progress;
        int rc;

        mcmp_ajp_progress_init(&progress);
        mcmp_ajp_proxy_progress(x->up->ajp, &progress);
        x->held = progress.packets_due == 0;
        if (x->held)
            return MCMP_OK;
        rc = x->piece.len == 0 && !x->body_done ? next_piece(x) : MCMP_OK;
        if (rc == MCMP_OK && (x->piece.len > 0 || x->body_done)) {
            mcmp_ajp_frame_init(&frame);
            rc = mcmp_ajp_proxy_encode_body(x->up->ajp, x->piece.len,
                                            x->body_done ? MCMP_AJP_BODY_LAST : 0, &frame, NULL);
            if (rc == MCMP_OK)
                rc = queue_packet(x, &frame);
        }
        if (rc != MCMP_OK)
            return rc == MCMP_NEED_MORE && x->up->out.bytes > 0 ? MCMP_OK : rc;
    }
    return MCMP_OK;
}

static void sent(struct exchange *x, uint64_t bytes)
{
    mcmp_ajp_proxy_sent(x->up->ajp, bytes);
}

/* A node that refuses our secret shows it by nothing but this. */
static void hint_secret(struct exchange *x, const mcmp_http_head *head)
{
    struct pool *pool = x->up->pool;

    if (!pool->answered && mcmp_http_head_info(head)->status == 403)
        log_write(MCMP_LOG_WARN, "forward",
                  "node \"%s\" answers its first request 403: if that is its AJP connector, %s",
                  pool->route,
                  pool->setting.secret[0] != '\0' ? "the secret of node-settings is not its own"
                                                  : "it wants a secret, see node-settings");
    pool->answered = 1;
}

static int on_head(struct exchange *x, const mcmp_ajp_event *event)
{
    const mcmp_http_head *head = mcmp_ajp_proxy_head(x->up->ajp);

    (void)event;
    hint_secret(x, head);
    return response_head(x, head);
}

static int on_body(struct exchange *x, const mcmp_ajp_event *event)
{
    if (response_content(x, event->data) == 0)
        return STEP_ON;
    exchange_fail(x, MCMP_OUTCOME_BROKEN, "no memory for the answer");
    return STEP_OVER;
}

static int on_get_body(struct exchange *x, const mcmp_ajp_event *event)
{
    (void)event;
    x->held = 0;
    x->wake_upload = 1;
    return STEP_ON;
}

static int on_end(struct exchange *x, const mcmp_ajp_event *event)
{
    (void)event;
    return response_end(x);
}

static int on_nothing(struct exchange *x, const mcmp_ajp_event *event)
{
    (void)x;
    (void)event;
    return STEP_ON;
}

static int take_answer(struct exchange *x)
{
    static int (*const on_event[])(struct exchange *, const mcmp_ajp_event *) = {
        [MCMP_AJP_EVENT_HEAD] = on_head,         [MCMP_AJP_EVENT_BODY] = on_body,
        [MCMP_AJP_EVENT_FLUSH] = on_nothing,     [MCMP_AJP_EVENT_END] = on_end,
        [MCMP_AJP_EVENT_GET_BODY] = on_get_body, [MCMP_AJP_EVENT_PONG] = on_nothing,
    };
    struct buffer *in = x->up->in;
    mcmp_ajp_event event;
    mcmp_error err;
    size_t used = 0;
    int rc;

    if (buffer_len(in) == 0)
        return STEP_READ;
    mcmp_ajp_event_init(&event);
    mcmp_error_init(&err);
    rc = mcmp_ajp_proxy_feed(x->up->ajp, in->data + in->start, buffer_len(in), &used, &event, &err);
    in->start += used;
    if (rc == MCMP_NEED_MORE)
        return STEP_READ;
    if (rc == MCMP_OK)
        return on_event[event.type](x, &event);
    /* Who does not speak AJP at all is down; one bad answer says nothing of the next. */
    exchange_fail(x,
                  rc == MCMP_ERR_AJP_PACKET && !x->answer_head ? MCMP_OUTCOME_NO_ANSWER
                                                               : MCMP_OUTCOME_BROKEN,
                  err.message);
    return STEP_OVER;
}

/* Only End Response ends an answer. */
static int ends_by_close(struct exchange *x)
{
    (void)x;
    return 0;
}

static int may_reuse(const struct exchange *x)
{
    return mcmp_ajp_proxy_can_reuse(x->up->ajp) && !x->upload_broken && x->up->out.bytes == 0 &&
           buffer_len(x->up->in) == 0;
}

const struct wire wire_ajp = { 1,
                               0,
                               "no answer in time (node-timeout); a container is silent also when "
                               "the head of its answer is over its own packet size",
                               begin,
                               take_content,
                               sent,
                               take_answer,
                               ends_by_close,
                               may_reuse };
