/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container says. The first byte chooses the request and the cut; the rest is the stream.
 * Properties: cuts change nothing; no head comes out that the HTTP codec can't pass on as it is;
 * content never exceeds its length; after an error nothing more comes and nothing is used again.
 */
#include "ajp_fuzz.h"

static const char *const requests[] = {
    "GET /a HTTP/1.1\r\nHost: h\r\n\r\n",
    "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5000\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
};

/* Body packets of all that is due; their sizes belong to the story. */
static void upload(mcmp_ajp_proxy *proxy, ajp_story *s)
{
    mcmp_ajp_frame frame;
    int rc;

    mcmp_ajp_frame_init(&frame);
    while ((rc = mcmp_ajp_proxy_encode_body(proxy, 3000, 0, &frame, NULL)) == MCMP_OK) {
        MUST(frame.head[4] != 2 && frame.head[4] != 7 && frame.head[4] != 8 && frame.head[4] != 10);
        story_number(s, frame.take);
        mcmp_ajp_proxy_sent(proxy, frame.head_len + frame.take);
    }
    MUST(rc == MCMP_DONE);
}

static void check_head(const mcmp_http_head *head, ajp_story *s)
{
    const mcmp_http_info *info = mcmp_http_head_info(head);
    mcmp_http_reply reply;
    mcmp_http_head *again;
    size_t need = 0;
    size_t len;
    char *out;

    MUST(info != NULL && info->status >= 200 && info->status <= 599);
    story_number(s, info->status);
    story_span(s, info->reason);
    for (uint32_t i = 0; i < info->header_count; i++) {
        mcmp_pair line;

        MUST(mcmp_http_head_header(head, i, &line, NULL, NULL) == MCMP_OK);
        story_span(s, line.name);
        story_span(s, line.value);
    }
    mcmp_http_reply_init(&reply);
    reply.minor = 1;
    MUST(mcmp_http_encode_response(head, &reply, NULL, 0, &need, NULL) == MCMP_ERR_SPACE);
    out = malloc(need);
    MUST(out != NULL);
    MUST(mcmp_http_encode_response(head, &reply, out, need, &len, NULL) == MCMP_OK);
    MUST(mcmp_http_head_new(&again, NULL, NULL) == MCMP_OK);
    if (need <= 8192) {
        MUST(mcmp_http_head_parse_response(again, info->method, out, len, NULL) == MCMP_OK);
        MUST(mcmp_http_head_info(again)->head_size == len);
    }
    mcmp_http_head_free(again);
    free(out);
}

/* There is content of answers that have some, and never more than was announced. */
static void check_content(const mcmp_ajp_proxy *proxy, const ajp_story *s)
{
    const mcmp_http_info *info = mcmp_http_head_info(mcmp_ajp_proxy_head(proxy));

    MUST(info->framing != MCMP_HTTP_FRAMING_NONE);
    MUST(info->framing != MCMP_HTTP_FRAMING_LENGTH || s->content <= info->length);
}

static void take(mcmp_ajp_proxy *proxy, ajp_story *s, const char *data, size_t len)
{
    char *part = fuzz_copy(data, len);
    size_t off = 0;
    mcmp_error err;

    mcmp_error_init(&err);
    do {
        mcmp_ajp_event event;
        size_t used = 0;

        mcmp_ajp_event_init(&event);
        s->rc = mcmp_ajp_proxy_feed(proxy, part + off, len - off, &used, &event, &err);
        off += used;
        MUST(off <= len);
        if (s->rc != MCMP_OK)
            break;
        story_event(s, &event);
        if (event.type == MCMP_AJP_EVENT_HEAD)
            check_head(mcmp_ajp_proxy_head(proxy), s);
        if (event.type == MCMP_AJP_EVENT_BODY)
            check_content(proxy, s);
        if (event.type == MCMP_AJP_EVENT_GET_BODY)
            upload(proxy, s);
        if (event.type == MCMP_AJP_EVENT_END) {
            s->rc = MCMP_DONE;
            MUST(!mcmp_ajp_proxy_can_reuse(proxy) || off == len);
        }
    } while (s->rc == MCMP_OK);
    MUST(s->rc != MCMP_NEED_MORE || off == len);
    s->offset = err.offset;
    free(part);
}

static void play(const ajp_client *c, const char *data, size_t len, size_t step, ajp_story *s)
{
    mcmp_http_forward forward = c->forward;
    mcmp_ajp_progress progress;
    mcmp_ajp_options opts;
    mcmp_ajp_proxy *proxy;
    char out[256];
    size_t out_len;

    memset(s, 0, sizeof(*s));
    mcmp_ajp_options_init(&opts);
    opts.max_headers = 16;
    opts.max_head = 4096;
    opts.max_accept = 8192;
    MUST(mcmp_ajp_proxy_new(&proxy, &opts, NULL) == MCMP_OK);
    MUST(mcmp_ajp_proxy_encode_request(proxy, c->head, &forward, NULL, out, sizeof(out), &out_len,
                                       NULL) == MCMP_OK);
    mcmp_ajp_proxy_sent(proxy, out_len);
    upload(proxy, s);
    s->rc = MCMP_NEED_MORE;
    for (size_t at = 0; at < len && s->rc == MCMP_NEED_MORE; at += step)
        take(proxy, s, data + at, len - at < step ? len - at : step);
    mcmp_ajp_progress_init(&progress);
    MUST(mcmp_ajp_proxy_progress(proxy, &progress) == MCMP_OK);
    MUST(progress.body_taken == s->content);
    if (s->rc < 0) {
        mcmp_ajp_event event;
        size_t used = 7;

        mcmp_ajp_event_init(&event);
        MUST(!mcmp_ajp_proxy_can_reuse(proxy));
        MUST(mcmp_ajp_proxy_status_of(s->rc) == 502);
        MUST(mcmp_ajp_proxy_feed(proxy, data, len, &used, &event, NULL) == MCMP_ERR_STATE);
        MUST(used == 0);
    }
    MUST(mcmp_ajp_proxy_end(proxy, NULL) == (s->rc == MCMP_DONE ? MCMP_DONE : MCMP_ERR_TRUNCATED));
    mcmp_ajp_proxy_free(proxy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *request;
    ajp_client client;
    ajp_story whole;
    ajp_story other;

    if (size < 1)
        return 0;
    request = requests[data[0] & 3];
    MUST(client_parse(&client, request, strlen(request)) == 0);
    play(&client, (const char *)data + 1, size - 1, size, &whole);
    play(&client, (const char *)data + 1, size - 1, 1, &other);
    MUST(story_same(&whole, &other));
    play(&client, (const char *)data + 1, size - 1, (size_t)(data[0] >> 2) + 2, &other);
    MUST(story_same(&whole, &other));
    mcmp_http_head_free(client.head);
    return 0;
}
