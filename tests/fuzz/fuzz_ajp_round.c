/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one role writes, the other one reads back equal. The first four bytes choose facts, sizes
 * and the status; the rest is a client's head, and behind its empty line the content of both
 * bodies.
 */
#include "ajp_fuzz.h"

typedef struct round {
    ajp_client client;
    mcmp_ajp_proxy *proxy;
    mcmp_ajp_container *container;
    const uint8_t *choice;
    const char *content;
    size_t content_len;
    char out[65536];
    size_t got; /* content that the reading side took */
} round_trip;

static const mcmp_span texts[] = { { "bob", 3 }, { "n1", 2 }, { "::1", 3 }, { "TLSv1.3", 7 } };

static void choose_facts(round_trip *r)
{
    mcmp_ajp_facts *f = &r->client.facts;
    uint8_t bits = r->choice[0];

    f->remote_addr = texts[2];
    f->remote_port = (uint32_t)r->choice[1] * 257;
    f->server_port = (uint32_t)r->choice[2] * 257;
    f->ssl_key_size = bits & 1 ? (uint32_t)r->choice[3] * 257 : 0;
    f->is_ssl = bits & 1;
    if (bits & 2)
        f->remote_user = texts[0];
    if (bits & 4)
        f->jvm_route = texts[1];
    if (bits & 8)
        f->ssl_protocol = texts[3];
    if (bits & 16)
        f->activation = texts[0];
}

/* Feeds len bytes in two parts; gives the number of content bytes, which must be those of want. */
static void read_request(round_trip *r, const char *data, size_t len, size_t cut, const char *want)
{
    size_t ends[2] = { cut < len ? cut : len, len };
    size_t off = 0;

    for (int i = 0; i < 2; i++) {
        int rc;

        do {
            mcmp_ajp_event event;
            size_t used = 0;

            mcmp_ajp_event_init(&event);
            rc = mcmp_ajp_container_feed(r->container, data + off, ends[i] - off, &used, &event,
                                         NULL);
            off += used;
            if (rc == MCMP_OK && event.type == MCMP_AJP_EVENT_BODY) {
                MUST(memcmp(event.data.ptr, want + r->got, event.data.len) == 0);
                r->got += event.data.len;
            }
        } while (rc == MCMP_OK);
        MUST(rc == MCMP_NEED_MORE);
    }
}

static int same_nocase(mcmp_span a, mcmp_span b)
{
    if (a.len != b.len)
        return 0;
    for (size_t i = 0; i < a.len; i++)
        if ((a.ptr[i] >= 'A' && a.ptr[i] <= 'Z' ? a.ptr[i] + 32 : a.ptr[i]) !=
            (b.ptr[i] >= 'A' && b.ptr[i] <= 'Z' ? b.ptr[i] + 32 : b.ptr[i]))
            return 0;
    return 1;
}

static int is_kept(uint32_t id, uint32_t flags)
{
    return flags == 0 && id != MCMP_HTTP_FIELD_HOST && id != MCMP_HTTP_FIELD_CONTENT_LENGTH &&
           id != MCMP_HTTP_FIELD_EXPECT && id != MCMP_HTTP_FIELD_UPGRADE &&
           id != MCMP_HTTP_FIELD_PROXY && id != MCMP_HTTP_FIELD_COOKIE;
}

/* The client's end-to-end headers come out in their order, beside Host, Cookie and framing. */
static void compare_headers(const round_trip *r, const mcmp_ajp_request *q)
{
    const mcmp_http_info *info = mcmp_http_head_info(r->client.head);
    uint32_t at = 0;

    for (uint32_t i = 0; i < info->header_count; i++) {
        mcmp_pair want;
        mcmp_pair got;
        uint32_t flags;
        uint32_t id;

        MUST(mcmp_http_head_header(r->client.head, i, &want, &id, &flags) == MCMP_OK);
        if (!is_kept(id, flags))
            continue;
        do {
            MUST(mcmp_ajp_container_header(r->container, at++, &got) == MCMP_OK);
        } while (!same_nocase(got.name, want.name));
        MUST(fuzz_same(got.value, want.value));
    }
    MUST(q->header_count <= info->header_count + 2);
}

static void compare_request(const round_trip *r)
{
    const mcmp_ajp_request *q = mcmp_ajp_container_request(r->container);
    const mcmp_http_info *info = mcmp_http_head_info(r->client.head);
    const mcmp_ajp_facts *f = &r->client.facts;

    MUST(q != NULL && fuzz_same(q->method_name, info->method_name));
    MUST(q->method == info->method && fuzz_same(q->uri, r->client.target.forward));
    MUST(fuzz_same(q->query, r->client.target.query) && fuzz_same(q->host, r->client.target.host));
    MUST(q->framing == info->framing && q->length == info->length);
    MUST(q->is_ssl == f->is_ssl && q->remote_port == f->remote_port);
    MUST(f->server_port == 0 || q->server_port == f->server_port);
    MUST(q->ssl_key_size == f->ssl_key_size);
    MUST(fuzz_same(q->remote_addr, f->remote_addr) && fuzz_same(q->remote_user, f->remote_user));
    MUST(fuzz_same(q->jvm_route, f->jvm_route) && fuzz_same(q->ssl_protocol, f->ssl_protocol));
    MUST(fuzz_same(q->activation, f->activation));
    compare_headers(r, q);
}

/* One body packet of the proxy, read by the container. 0 when none is due. */
static int move_body(round_trip *r, size_t *at)
{
    size_t step = (size_t)r->choice[1] * 17 + 1;
    size_t have = r->content_len - *at < step ? r->content_len - *at : step;
    mcmp_ajp_frame frame;
    int rc;

    mcmp_ajp_frame_init(&frame);
    rc = mcmp_ajp_proxy_encode_body(
        r->proxy, have, *at + have == r->content_len ? MCMP_AJP_BODY_LAST : 0, &frame, NULL);
    if (rc != MCMP_OK) {
        MUST(rc == MCMP_DONE || rc == MCMP_ERR_AJP_BODY_SHORT);
        return 0;
    }
    memcpy(r->out, frame.head, frame.head_len);
    memcpy(r->out + frame.head_len, r->content + *at, frame.take);
    *at += frame.take;
    mcmp_ajp_proxy_sent(r->proxy, frame.head_len + frame.take);
    read_request(r, r->out, frame.head_len + frame.take, r->choice[2], r->content);
    return 1;
}

static void read_answer(round_trip *r, const char *data, size_t len, mcmp_ajp_event *event)
{
    size_t off = 0;

    event->type = 0;
    while (off < len && event->type != MCMP_AJP_EVENT_END) {
        size_t used;
        int rc = mcmp_ajp_proxy_feed(r->proxy, data + off, len - off, &used, event, NULL);

        MUST(rc == MCMP_OK || rc == MCMP_NEED_MORE);
        off += used;
        if (event->type == MCMP_AJP_EVENT_BODY) {
            MUST(memcmp(event->data.ptr, r->content + r->got, event->data.len) == 0);
            r->got += event->data.len;
        }
    }
    MUST(off == len);
}

static void upload(round_trip *r)
{
    size_t at = 0;
    char out[16];
    size_t len;

    r->got = 0;
    while (move_body(r, &at) || mcmp_ajp_container_wants_body(r->container)) {
        mcmp_ajp_event event;

        if (!mcmp_ajp_container_wants_body(r->container))
            continue;
        MUST(mcmp_ajp_container_encode_get_body(r->container, (uint32_t)r->choice[3] * 9 + 1, out,
                                                sizeof(out), &len, NULL) == MCMP_OK);
        mcmp_ajp_event_init(&event);
        if (mcmp_ajp_proxy_feed(r->proxy, out, len, &len, &event, NULL) != MCMP_OK)
            return; /* the body was short: the connection is over */
        MUST(event.type == MCMP_AJP_EVENT_GET_BODY);
    }
    MUST(r->got == at);
}

/* The answer repeats the client's headers, with the content as its body. */
static void answer(round_trip *r)
{
    static const mcmp_pair type = { { "Content-Type", 12 }, { "text/plain", 10 } };
    uint32_t status = 200 + r->choice[3];
    mcmp_ajp_event event;
    mcmp_ajp_frame frame;
    size_t at = 0;
    size_t len;

    mcmp_ajp_event_init(&event);
    MUST(mcmp_ajp_container_encode_head(r->container, status, &type, 1, r->out, sizeof(r->out),
                                        &len, NULL) == MCMP_OK);
    r->got = 0;
    read_answer(r, r->out, len, &event);
    MUST(mcmp_http_head_info(mcmp_ajp_proxy_head(r->proxy))->status == status);
    MUST(mcmp_http_head_info(mcmp_ajp_proxy_head(r->proxy))->header_count == 1);
    while (at < r->content_len &&
           mcmp_http_head_info(mcmp_ajp_proxy_head(r->proxy))->framing != MCMP_HTTP_FRAMING_NONE) {
        mcmp_ajp_frame_init(&frame);
        MUST(mcmp_ajp_container_encode_body(r->container, r->content_len - at, &frame, NULL) ==
             MCMP_OK);
        memcpy(r->out, frame.head, frame.head_len);
        memcpy(r->out + frame.head_len, r->content + at, frame.take);
        r->out[frame.head_len + frame.take] = '\0';
        read_answer(r, r->out, frame.head_len + frame.take + frame.tail_len, &event);
        at += frame.take;
        MUST(r->got == at);
    }
    MUST(mcmp_ajp_container_encode_end(r->container, 1, r->out, sizeof(r->out), &len, NULL) ==
         MCMP_OK);
    read_answer(r, r->out, len, &event);
    MUST(event.type == MCMP_AJP_EVENT_END);
}

static void run(round_trip *r)
{
    mcmp_ajp_progress progress;
    size_t len;
    int rc;

    choose_facts(r);
    rc = mcmp_ajp_proxy_encode_request(r->proxy, r->client.head, &r->client.forward,
                                       &r->client.facts, r->out, sizeof(r->out), &len, NULL);
    if (rc == MCMP_ERR_AJP_REQUEST_SIZE) {
        MUST(mcmp_ajp_proxy_can_reuse(r->proxy));
        return;
    }
    MUST(rc == MCMP_OK);
    mcmp_ajp_proxy_sent(r->proxy, len);
    read_request(r, r->out, len, (size_t)r->choice[2] * 3, r->content);
    compare_request(r);
    upload(r);
    mcmp_ajp_progress_init(&progress);
    MUST(mcmp_ajp_proxy_progress(r->proxy, &progress) == MCMP_OK);
    if (mcmp_ajp_container_wants_body(r->container) || progress.packets_due != 0)
        return; /* shorter than announced */
    answer(r);
    MUST(mcmp_ajp_proxy_can_reuse(r->proxy));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static round_trip r;
    mcmp_ajp_options opts;
    char *text;

    if (size < 4)
        return 0;
    text = fuzz_copy(data + 4, size - 4);
    r.choice = data;
    if (client_parse(&r.client, text, size - 4) == 0) {
        size_t head = mcmp_http_head_info(r.client.head)->head_size;

        r.content = text + head;
        r.content_len = size - 4 - head;
        mcmp_ajp_options_init(&opts);
        MUST(mcmp_ajp_proxy_new(&r.proxy, &opts, NULL) == MCMP_OK);
        MUST(mcmp_ajp_container_new(&r.container, &opts, NULL) == MCMP_OK);
        run(&r);
        mcmp_ajp_proxy_free(r.proxy);
        mcmp_ajp_container_free(r.container);
        mcmp_http_head_free(r.client.head);
    }
    free(text);
    return 0;
}
