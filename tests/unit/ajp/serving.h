/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays the container role against bytes of a proxy, in every way they can be cut, and writes down
 * what happened. The host behind it asks for the whole body, then answers every request by 200
 * without content; what it sent is in the story as hex.
 */
#ifndef MCMP_TEST_AJP_SERVING_H
#define MCMP_TEST_AJP_SERVING_H

#include "exchange.h"

typedef struct server {
    mcmp_ajp_container *container;
    int early;     /* answer at HEAD, without reading the body */
    uint32_t most; /* of Get Body Chunk */
    uint32_t keep; /* reuse */
} server;

SUPPORT_UNUSED static void server_open(server *v, const mcmp_ajp_options *opts)
{
    memset(v, 0, sizeof(*v));
    v->keep = 1;
    ck_assert_int_eq(mcmp_ajp_container_new(&v->container, opts, NULL), MCMP_OK);
}

SUPPORT_UNUSED static void server_sent(story *s, const char *bytes, size_t len)
{
    story_line(s, "<");
    for (size_t i = 0; i < len; i++)
        story_line(s, "%02x", (uint8_t)bytes[i]);
    story_line(s, "\n");
}

static void server_text(story *s, const char *name, mcmp_span text)
{
    if (text.ptr == NULL)
        return;
    story_line(s, " %s=[", name);
    story_bytes(s, text.ptr, text.len);
    story_line(s, "]");
}

SUPPORT_UNUSED static void server_tell(const server *v, story *s)
{
    const mcmp_ajp_request *r = mcmp_ajp_container_request(v->container);

    ck_assert_ptr_nonnull(r);
    ck_assert_uint_eq(r->struct_size, sizeof(*r));
    story_line(s, "%.*s(%u,%u)", (int)r->method_name.len, r->method_name.ptr, r->method_code,
               r->method);
    server_text(s, "uri", r->uri);
    server_text(s, "query", r->query);
    ck_assert_int_eq(r->has_query, r->query.ptr != NULL);
    server_text(s, "protocol", r->protocol);
    server_text(s, "addr", r->remote_addr);
    server_text(s, "client", r->remote_host);
    server_text(s, "server", r->server_name);
    story_line(s, " port=%u ssl=%u", r->server_port, r->is_ssl);
    server_text(s, "host", r->host);
    server_text(s, "type", r->content_type);
    story_line(s, " framing=%u", r->framing);
    if (r->framing == MCMP_HTTP_FRAMING_LENGTH)
        story_line(s, ",%llu", (unsigned long long)r->length);
    if (r->remote_port != 0)
        story_line(s, " rport=%u", r->remote_port);
    if (r->ssl_key_size != 0)
        story_line(s, " key=%u", r->ssl_key_size);
    server_text(s, "local", r->local_addr);
    server_text(s, "user", r->remote_user);
    server_text(s, "auth", r->auth_type);
    server_text(s, "route", r->jvm_route);
    server_text(s, "activation", r->activation);
    server_text(s, "cert", r->ssl_cert);
    server_text(s, "cipher", r->ssl_cipher);
    server_text(s, "session", r->ssl_session);
    server_text(s, "tls", r->ssl_protocol);
    story_line(s, "\n");
    for (uint32_t i = 0; i < r->header_count + r->attribute_count; i++) {
        int is_header = i < r->header_count;
        mcmp_pair pair;

        if (is_header)
            ck_assert_int_eq(mcmp_ajp_container_header(v->container, i, &pair), MCMP_OK);
        else
            ck_assert_int_eq(mcmp_ajp_container_attribute(v->container, i - r->header_count, &pair),
                             MCMP_OK);
        story_line(s, is_header ? "  " : "  @");
        story_bytes(s, pair.name.ptr, pair.name.len);
        story_line(s, ": ");
        story_bytes(s, pair.value.ptr, pair.value.len);
        story_line(s, "\n");
    }
}

SUPPORT_UNUSED static void server_answer(server *v, story *s, uint32_t status, uint32_t reuse)
{
    char out[64];
    size_t len;

    ck_assert_int_eq(
        mcmp_ajp_container_encode_head(v->container, status, NULL, 0, out, sizeof(out), &len, NULL),
        MCMP_OK);
    ck_assert_int_eq(
        mcmp_ajp_container_encode_end(v->container, reuse, out, sizeof(out), &len, NULL), MCMP_OK);
    story_line(s, "answered %u\n", status);
}

static void server_ask(server *v, story *s)
{
    char out[8];
    size_t len;

    if (!mcmp_ajp_container_wants_body(v->container))
        return;
    ck_assert_int_eq(
        mcmp_ajp_container_encode_get_body(v->container, v->most, out, sizeof(out), &len, NULL),
        MCMP_OK);
    server_sent(s, out, len);
}

SUPPORT_UNUSED static void server_event(server *v, story *s, const mcmp_ajp_event *event)
{
    char out[8];
    size_t len;

    switch (event->type) {
    case MCMP_AJP_EVENT_HEAD:
        server_tell(v, s);
        if (v->early)
            server_answer(v, s, 200, v->keep);
        break;
    case MCMP_AJP_EVENT_BODY:
        story_body(s, event->data);
        break;
    case MCMP_AJP_EVENT_END:
        story_line(s, "END\n");
        server_answer(v, s, 200, v->keep);
        break;
    case MCMP_AJP_EVENT_PING:
        ck_assert_int_eq(mcmp_ajp_container_encode_pong(v->container, out, sizeof(out), &len, NULL),
                         MCMP_OK);
        server_sent(s, out, len);
        break;
    default:
        ck_abort_msg("event %u", event->type);
    }
    if (!v->early)
        server_ask(v, s);
}

SUPPORT_UNUSED static int server_feed(server *v, story *s, const char *data, size_t len,
                                      mcmp_error *err)
{
    const char *in = staged(data, len);
    size_t off = 0;
    int rc;

    do {
        mcmp_ajp_event event;
        size_t used = 0;

        mcmp_ajp_event_init(&event);
        rc = mcmp_ajp_container_feed(v->container, in + off, len - off, &used, &event, err);
        off += used;
        ck_assert(off <= len);
        if (rc == MCMP_OK)
            server_event(v, s, &event);
        else
            ck_assert_uint_eq(event.type, 0);
    } while (rc == MCMP_OK);
    ck_assert(rc != MCMP_NEED_MORE || off == len);
    return rc;
}

SUPPORT_UNUSED static void server_play(server *v, const wire *w, size_t first, size_t step,
                                       story *s)
{
    mcmp_error err;
    size_t at = 0;
    int rc = MCMP_NEED_MORE;

    s->len = 0;
    s->in_body = 0;
    s->text[0] = '\0';
    mcmp_error_init(&err);
    mcmp_ajp_container_reset(v->container);
    while (rc == MCMP_NEED_MORE && at < w->len) {
        size_t part = at == 0 && first != 0 ? first : step;

        part = part < w->len - at ? part : w->len - at;
        rc = server_feed(v, s, w->bytes + at, part, &err);
        at += part;
    }
    if (rc < 0)
        story_line(s, "%s %s @%llu -> %u\n", mcmp_error_name(rc), err.field,
                   (unsigned long long)err.offset, mcmp_ajp_container_status_of(rc));
    else if (rc == MCMP_PENDING)
        story_line(s, "pending\n");
}

SUPPORT_UNUSED static void server_all_ways(const char *row, server *v, const wire *w, story *s)
{
    static story other;
    size_t stride = w->len < 3000 ? 1 : w->len / 1500;

    server_play(v, w, 0, w->len, s);
    server_play(v, w, 0, 1, &other);
    ck_assert_msg(strcmp(s->text, other.text) == 0, "row '%s' byte by byte:\n%s\ninstead of\n%s",
                  row, other.text, s->text);
    for (size_t cut = 1; cut < w->len; cut += cut < 200 || cut + 200 > w->len ? 1 : stride) {
        server_play(v, w, cut, w->len, &other);
        ck_assert_msg(strcmp(s->text, other.text) == 0, "row '%s' cut at %zu:\n%s\ninstead of\n%s",
                      row, cut, other.text, s->text);
    }
}

#endif
