/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a proxy sends. The first byte chooses cut and secret; the rest is the stream. The host asks
 * for whole bodies and answers each request. Properties: cuts change nothing; texts are free of
 * control bytes; content never exceeds its length; after an error nothing more comes.
 */
#include "ajp_fuzz.h"

static void check_text(mcmp_span text)
{
    for (size_t i = 0; i < text.len; i++)
        MUST(((uint8_t)text.ptr[i] >= 0x20 || text.ptr[i] == '\t') && text.ptr[i] != 0x7f);
}

static void tell(const mcmp_ajp_container *container, ajp_story *s)
{
    const mcmp_ajp_request *r = mcmp_ajp_container_request(container);
    const mcmp_span texts[] = { r->method_name, r->protocol,    r->uri,         r->query,
                                r->remote_addr, r->remote_host, r->server_name, r->host,
                                r->local_addr,  r->remote_user, r->auth_type,   r->jvm_route,
                                r->activation,  r->ssl_cipher,  r->ssl_session, r->ssl_protocol };
    mcmp_pair pair;

    MUST(r->method_name.len != 0 && (r->uri.ptr[0] == '/' || r->uri.ptr[0] == '*'));
    MUST(r->is_ssl <= 1 && r->remote_port <= 65535);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        check_text(texts[i]);
        story_span(s, texts[i]);
    }
    story_number(s, r->length + r->framing);
    for (uint32_t i = 0; i < r->header_count; i++) {
        MUST(mcmp_ajp_container_header(container, i, &pair) == MCMP_OK);
        check_text(pair.name);
        check_text(pair.value);
        story_span(s, pair.name);
        story_span(s, pair.value);
    }
    for (uint32_t i = 0; i < r->attribute_count; i++) {
        MUST(mcmp_ajp_container_attribute(container, i, &pair) == MCMP_OK);
        story_span(s, pair.name);
    }
    MUST(mcmp_ajp_container_header(container, r->header_count, &pair) == MCMP_ERR_NOT_FOUND);
}

static void answer(mcmp_ajp_container *container, uint32_t status)
{
    static const mcmp_pair line = { { "Content-Length", 14 }, { "0", 1 } };
    char out[128];
    size_t len;

    MUST(mcmp_ajp_container_encode_head(container, status, &line, 1, out, sizeof(out), &len,
                                        NULL) == MCMP_OK);
    MUST(mcmp_ajp_container_encode_end(container, 1, out, sizeof(out), &len, NULL) == MCMP_OK);
}

static void on_event(mcmp_ajp_container *container, ajp_story *s, const mcmp_ajp_event *event)
{
    char out[16];
    size_t len;

    if (event->type == MCMP_AJP_EVENT_HEAD)
        tell(container, s);
    if (event->type == MCMP_AJP_EVENT_BODY) {
        const mcmp_ajp_request *r = mcmp_ajp_container_request(container);

        MUST(r->framing != MCMP_HTTP_FRAMING_NONE);
        MUST(r->framing != MCMP_HTTP_FRAMING_LENGTH || s->content <= r->length);
    }
    if (event->type == MCMP_AJP_EVENT_END) {
        const mcmp_ajp_request *r = mcmp_ajp_container_request(container);

        MUST(r->framing != MCMP_HTTP_FRAMING_LENGTH || r->length == s->content);
        s->content = 0;
        answer(container, 200);
    }
    if (event->type == MCMP_AJP_EVENT_PING)
        MUST(mcmp_ajp_container_encode_pong(container, out, sizeof(out), &len, NULL) == MCMP_OK);
    if (mcmp_ajp_container_wants_body(container))
        MUST(mcmp_ajp_container_encode_get_body(container, 0, out, sizeof(out), &len, NULL) ==
             MCMP_OK);
}

static void take(mcmp_ajp_container *container, ajp_story *s, const char *data, size_t len)
{
    char *part = fuzz_copy(data, len);
    size_t off = 0;
    mcmp_error err;

    mcmp_error_init(&err);
    do {
        mcmp_ajp_event event;
        size_t used = 0;

        mcmp_ajp_event_init(&event);
        s->rc = mcmp_ajp_container_feed(container, part + off, len - off, &used, &event, &err);
        off += used;
        MUST(off <= len && s->rc != MCMP_PENDING);
        if (s->rc == MCMP_OK) {
            story_event(s, &event);
            on_event(container, s, &event);
        }
    } while (s->rc == MCMP_OK);
    MUST(s->rc != MCMP_NEED_MORE || off == len);
    MUST(strstr(err.message, "geheim") == NULL);
    s->offset = err.offset;
    free(part);
}

static void play(const char *data, size_t len, size_t step, int secret, ajp_story *s)
{
    static const mcmp_span names[] = { { "mine", 4 } };
    mcmp_ajp_container *container;
    mcmp_ajp_options opts;

    memset(s, 0, sizeof(*s));
    mcmp_ajp_options_init(&opts);
    opts.max_headers = 16;
    opts.allow = names;
    opts.allow_count = 1;
    opts.secret.ptr = "geheim";
    opts.secret.len = secret ? 6 : 0;
    MUST(mcmp_ajp_container_new(&container, &opts, NULL) == MCMP_OK);
    s->rc = MCMP_NEED_MORE;
    for (size_t at = 0; at < len && s->rc == MCMP_NEED_MORE; at += step)
        take(container, s, data + at, len - at < step ? len - at : step);
    if (s->rc < 0) {
        mcmp_ajp_event event;
        uint32_t status = mcmp_ajp_container_status_of(s->rc);
        size_t used;

        mcmp_ajp_event_init(&event);
        MUST(mcmp_ajp_container_feed(container, data, len, &used, &event, NULL) == MCMP_ERR_STATE);
        if (status != 0)
            answer(container, status);
    }
    mcmp_ajp_container_free(container);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ajp_story whole;
    ajp_story other;
    int secret;

    if (size < 1)
        return 0;
    secret = data[0] & 1;
    play((const char *)data + 1, size - 1, size, secret, &whole);
    play((const char *)data + 1, size - 1, 1, secret, &other);
    MUST(story_same(&whole, &other));
    play((const char *)data + 1, size - 1, (size_t)(data[0] >> 1) + 2, secret, &other);
    MUST(story_same(&whole, &other));
    return 0;
}
