/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of our own: small, with the connection kept where the framing of what follows is certain,
 * closed in two steps where it is not.
 */
#include <string.h>

#include "cluster.h"
#include "date.h"
#include "exchange.h"
#include "log.h"

/* Drop a body that came with the request; 1 when the next request follows in the buffer. */
static int skip_body(struct exchange *x)
{
    struct buffer *in = x->client->in;

    if (x->info == NULL || in == NULL)
        return 0;
    if (x->body_done || x->info->framing == MCMP_HTTP_FRAMING_NONE)
        return 1;
    for (;;) {
        mcmp_span content;
        size_t used = 0;
        int rc = mcmp_http_body_feed(&x->body, in->data + in->start, buffer_len(in), &used,
                                     &content, NULL);

        in->start += used;
        if (rc == MCMP_DONE)
            return 1;
        if (rc != MCMP_OK)
            return 0;
    }
}

static uint32_t retry_after(const struct exchange *x, uint32_t status)
{
    mcmp_time wait;

    if (status != 503)
        return 0;
    wait = x->client->worker->config->retry_after;
    if (x->query.now > 0 && x->selection.retry_at > x->query.now)
        wait = x->selection.retry_at - x->query.now;
    return wait <= 0 ? 1 : (uint32_t)((wait + MCMP_SEC - 1) / MCMP_SEC);
}

static int may_go_on(struct exchange *x, uint32_t status)
{
    /* A client that waits for 100 may or may not send its body after this. */
    int unsure = x->info != NULL && (x->info->flags & MCMP_HTTP_EXPECT_CONTINUE) != 0 &&
                 !x->body_done && buffer_len(x->client->in) == 0;

    return x->info != NULL && (x->info->flags & MCMP_HTTP_KEEP_ALIVE) != 0 && status != 400 &&
           status != 408 && status != 413 && !x->client->worker->stopping && !unsure &&
           skip_body(x);
}

static void send_rest(struct exchange *x)
{
    struct client *c = x->client;
    int rc = client_flush(c);

    if (rc < 0)
        exchange_client_gone(x);
    else if (rc > 0)
        client_done(c, x->client_reuse);
    else
        timer_set(&c->worker->timers, &c->timer, c->worker->config->send_timeout);
}

void answer_send(struct exchange *x, uint32_t status, const char *why)
{
    struct client *c = x->client;
    mcmp_http_answer answer;
    size_t len = 0;
    char *room;

    if (x->up != NULL)
        upstream_release(x->up, 0);
    x->up = NULL;
    exchange_release(x, MCMP_OUTCOME_CLIENT);
    x->phase = EXCHANGE_ANSWER;
    x->status = status;
    x->client_reuse = may_go_on(x, status);
    log_write(MCMP_LOG_DEBUG, "answer", "%u to %s: %s", (unsigned)status, c->peer, why);
    mcmp_http_answer_init(&answer);
    answer.status = status;
    answer.minor = x->info != NULL ? x->info->minor : 1;
    answer.retry_after = retry_after(x, status);
    answer.add = date_header();
    answer.add_count = 1;
    answer.flags |= x->client_reuse ? MCMP_HTTP_KEEP_ALIVE : 0;
    if (x->info != NULL && x->info->method == MCMP_HTTP_HEAD)
        answer.flags |= MCMP_HTTP_NO_BODY;
    room = out_room(&c->out, &c->worker->buffers, 1024);
    if (room == NULL || mcmp_http_encode_answer(&answer, room, 1024, &len, NULL) != MCMP_OK) {
        exchange_client_gone(x);
        return;
    }
    out_commit(&c->out, len);
    send_rest(x);
}

void answer_resume(struct exchange *x)
{
    send_rest(x);
}
