/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays the proxy role against bytes of a container, in every way they can be cut, and writes down
 * what happened as text: events, what went out, how it ended. Content of neighbouring events is one
 * line, so that the text does not depend on cuts. Input always ends at a guard page.
 */
#ifndef MCMP_TEST_AJP_EXCHANGE_H
#define MCMP_TEST_AJP_EXCHANGE_H

#include "story.h"

#include <libmcmp/libmcmp.h>

/* The client's side of an exchange. */
typedef struct client {
    const char *head; /* request as text */
    const char *body;
    size_t body_len;
    uint32_t max_packet;
    uint32_t max_accept;
    uint32_t max_headers;
} client;

typedef struct player {
    mcmp_ajp_proxy *proxy;
    mcmp_http_head *head;
    mcmp_http_target target;
    mcmp_http_forward forward;
    mcmp_ajp_facts facts;
    char room[4096];
    char out[65536];
    const client *client;
    size_t body_at;
} player;

SUPPORT_UNUSED static void player_open(player *p, const client *c)
{
    mcmp_ajp_options opts;

    memset(p, 0, sizeof(*p));
    p->client = c;
    mcmp_ajp_options_init(&opts);
    opts.max_packet = c->max_packet;
    opts.max_accept = c->max_accept;
    opts.max_headers = c->max_headers;
    ck_assert_int_eq(mcmp_ajp_proxy_new(&p->proxy, &opts, NULL), MCMP_OK);
    ck_assert_int_eq(mcmp_http_head_new(&p->head, NULL, NULL), MCMP_OK);
    mcmp_http_target_init(&p->target);
    mcmp_http_forward_init(&p->forward);
    mcmp_ajp_facts_init(&p->facts);
    p->forward.target = &p->target;
}

SUPPORT_UNUSED static void player_close(player *p)
{
    mcmp_ajp_proxy_free(p->proxy);
    mcmp_http_head_free(p->head);
}

SUPPORT_UNUSED static void player_parse(player *p, const char *text)
{
    mcmp_error err;

    mcmp_error_init(&err);
    ck_assert_msg(mcmp_http_head_parse_request(p->head, text, strlen(text), &err) == MCMP_OK,
                  "%s: %s", text, err.message);
    ck_assert_int_eq(mcmp_http_target_parse(mcmp_http_head_info(p->head), 0, p->room,
                                            sizeof(p->room), &p->target, NULL),
                     MCMP_OK);
}

/* Encode and send the Forward Request. */
SUPPORT_UNUSED static int player_request(player *p, size_t *len, mcmp_error *err)
{
    int rc = mcmp_ajp_proxy_encode_request(p->proxy, p->head, &p->forward, &p->facts, p->out,
                                           sizeof(p->out), len, err);

    if (rc == MCMP_OK)
        mcmp_ajp_proxy_sent(p->proxy, *len);
    p->body_at = 0;
    return rc;
}

/* All body packets that are due, sent at once. */
SUPPORT_UNUSED static int player_body(player *p, story *s)
{
    int rc;

    do {
        mcmp_ajp_frame frame;

        mcmp_ajp_frame_init(&frame);
        rc = mcmp_ajp_proxy_encode_body(p->proxy, p->client->body_len - p->body_at,
                                        MCMP_AJP_BODY_LAST, &frame, NULL);
        if (rc != MCMP_OK)
            break;
        story_line(s, "SENT %zu\n", frame.take);
        p->body_at += frame.take;
        mcmp_ajp_proxy_sent(p->proxy, frame.head_len + frame.take + frame.tail_len);
    } while (rc == MCMP_OK);
    return rc;
}

SUPPORT_UNUSED static void player_tell_head(const player *p, story *s)
{
    const mcmp_http_head *head = mcmp_ajp_proxy_head(p->proxy);
    const mcmp_http_info *info;

    ck_assert_ptr_nonnull(head);
    info = mcmp_http_head_info(head);
    story_line(s, "HEAD %u [%.*s] framing %u", info->status, (int)info->reason.len,
               info->reason.ptr, info->framing);
    if (info->framing == MCMP_HTTP_FRAMING_LENGTH)
        story_line(s, " %llu", (unsigned long long)info->length);
    story_line(s, "\n");
    for (uint32_t i = 0; i < info->header_count; i++) {
        mcmp_pair line;

        ck_assert_int_eq(mcmp_http_head_header(head, i, &line, NULL, NULL), MCMP_OK);
        story_line(s, "  ");
        story_bytes(s, line.name.ptr, line.name.len);
        story_line(s, ": ");
        story_bytes(s, line.value.ptr, line.value.len);
        story_line(s, "\n");
    }
}

SUPPORT_UNUSED static void player_event(player *p, story *s, const mcmp_ajp_event *event)
{
    switch (event->type) {
    case MCMP_AJP_EVENT_HEAD:
        player_tell_head(p, s);
        break;
    case MCMP_AJP_EVENT_BODY:
        story_body(s, event->data);
        break;
    case MCMP_AJP_EVENT_FLUSH:
        story_line(s, "FLUSH\n");
        break;
    case MCMP_AJP_EVENT_GET_BODY:
        story_line(s, "GET %u\n", event->size);
        (void)player_body(p, s);
        break;
    case MCMP_AJP_EVENT_END:
        story_line(s, "END reuse %d\n", mcmp_ajp_proxy_can_reuse(p->proxy));
        break;
    case MCMP_AJP_EVENT_PONG:
        story_line(s, "PONG reuse %d\n", mcmp_ajp_proxy_can_reuse(p->proxy));
        break;
    default:
        ck_abort_msg("event %u", event->type);
    }
}

/* One part of the input; the result of the last call. */
SUPPORT_UNUSED static int player_feed(player *p, story *s, const char *data, size_t len,
                                      mcmp_error *err)
{
    const char *in = staged(data, len);
    size_t off = 0;
    int rc;

    do {
        mcmp_ajp_event event;
        size_t used = 0;

        mcmp_ajp_event_init(&event);
        rc = mcmp_ajp_proxy_feed(p->proxy, in + off, len - off, &used, &event, err);
        off += used;
        ck_assert(off <= len);
        if (rc == MCMP_OK)
            player_event(p, s, &event);
        else
            ck_assert_uint_eq(event.type, 0);
        if (rc == MCMP_OK && event.type == MCMP_AJP_EVENT_END) {
            rc = off < len ? MCMP_DONE : MCMP_NEED_MORE;
            break;
        }
    } while (rc == MCMP_OK);
    ck_assert(rc != MCMP_NEED_MORE || off == len);
    return rc;
}

/* The whole exchange, cut after first bytes and then after each step bytes; then end of stream. */
SUPPORT_UNUSED static void player_play(player *p, const wire *w, size_t first, size_t step,
                                       story *s)
{
    mcmp_error err;
    size_t at = 0;
    size_t len;
    int rc = MCMP_NEED_MORE;

    s->len = 0;
    s->in_body = 0;
    mcmp_error_init(&err);
    mcmp_ajp_proxy_reset(p->proxy);
    if (p->client->head == NULL) { /* a CPing */
        ck_assert_int_eq(mcmp_ajp_proxy_encode_ping(p->proxy, p->out, 5, &len, NULL), MCMP_OK);
        mcmp_ajp_proxy_sent(p->proxy, len);
    } else {
        rc = player_request(p, &len, &err);
        ck_assert_msg(rc == MCMP_OK, "%s", err.message);
        (void)player_body(p, s);
        rc = MCMP_NEED_MORE;
    }
    while (rc == MCMP_NEED_MORE && at < w->len) {
        size_t part = at == 0 && first != 0 ? first : step;

        part = part < w->len - at ? part : w->len - at;
        rc = player_feed(p, s, w->bytes + at, part, &err);
        at += part;
    }
    if (rc < 0)
        story_line(s, "%s %s @%llu\n", mcmp_error_name(rc), err.field,
                   (unsigned long long)err.offset);
    else
        story_line(s, "%s\n", mcmp_ajp_proxy_end(p->proxy, NULL) == MCMP_DONE ? "closed" : "cut");
    ck_assert(rc >= 0 || !mcmp_ajp_proxy_can_reuse(p->proxy));
}

/* All ways of cutting tell the same; `END reuse` alone may differ when bytes lie behind it. */
SUPPORT_UNUSED static void player_all_ways(const char *row, player *p, const wire *w, story *s)
{
    static story other;
    size_t stride = w->len < 3000 ? 1 : w->len / 1500;

    player_play(p, w, 0, w->len, s);
    player_play(p, w, 0, 1, &other);
    ck_assert_msg(strcmp(s->text, other.text) == 0, "row '%s' byte by byte:\n%s\ninstead of\n%s",
                  row, other.text, s->text);
    for (size_t cut = 1; cut < w->len; cut += cut < 200 || cut + 200 > w->len ? 1 : stride) {
        player_play(p, w, cut, w->len, &other);
        ck_assert_msg(strcmp(s->text, other.text) == 0, "row '%s' cut at %zu:\n%s\ninstead of\n%s",
                      row, cut, other.text, s->text);
    }
}

#endif
