/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies. The first two bytes choose framing and cut; the rest is fed. Properties: cuts change
 * neither content nor end nor the place of an error; content sent again in chunks is the same.
 */
#include "http_fuzz.h"

typedef struct result {
    int code;
    uint64_t at;
    char *content;
    size_t len;
} result;

static void feed_part(mcmp_http_body *body, const char *data, size_t len, result *out)
{
    char *part = fuzz_copy(data, len);
    mcmp_error err;
    size_t off = 0;

    mcmp_error_init(&err);
    do {
        mcmp_span span;
        size_t used;

        out->code = mcmp_http_body_feed(body, part + off, len - off, &used, &span, &err);
        MUST(used <= len - off && (out->code != MCMP_OK || span.len != 0));
        if (span.len != 0)
            memcpy(out->content + out->len, span.ptr, span.len);
        out->len += span.len;
        off += used;
    } while (out->code == MCMP_OK);
    out->at += off + (out->code < 0 ? err.offset : 0);
    free(part);
}

static void run(unsigned choice, const char *data, size_t len, size_t step, result *out)
{
    mcmp_http_body body;
    size_t from = 0;

    mcmp_http_body_init(&body);
    body.max_extension = 16;
    body.max_trailer = 32;
    body.max_overhead = 128;
    body.max_body = (choice & 0x80) != 0 ? 64 : 0;
    out->at = 0;
    out->len = 0;
    out->content = malloc(len + 1);
    MUST(out->content != NULL);
    out->code = mcmp_http_body_start(&body, 1 + choice % 4, (choice >> 2) & 0x1f, NULL);
    MUST(out->code == MCMP_OK);
    do {
        size_t take = len - from < step ? len - from : step;

        feed_part(&body, data + from, take, out);
        from += take;
    } while (out->code == MCMP_NEED_MORE && from < len);
    MUST(mcmp_http_body_is_done(&body) == (out->code == MCMP_DONE));
    MUST(out->code < 0 || body.received == out->len);
    MUST(body.received + body.overhead <= len);
}

/* Chunks of ours carry any content unharmed. */
static void send_again(const result *got)
{
    char *out = malloc(got->len * (MCMP_HTTP_CHUNK_HEAD_MAX + 3) + 8);
    result back;
    size_t len = 0;

    MUST(out != NULL);
    for (size_t i = 0, part = 1; i < got->len; i += part, part = part % 9 + 4) {
        if (part > got->len - i)
            part = got->len - i;
        len += mcmp_http_chunk_head(out + len, part);
        memcpy(out + len, got->content + i, part);
        memcpy(out + len + part, MCMP_HTTP_CHUNK_END, 2);
        len += part + 2;
    }
    memcpy(out + len, MCMP_HTTP_CHUNK_LAST, 5);
    run(2, out, len + 5, 7, &back);
    MUST(back.code == MCMP_DONE && back.at == len + 5 && back.len == got->len);
    MUST(got->len == 0 || memcmp(back.content, got->content, got->len) == 0);
    free(back.content);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data + 2;
    const size_t steps[] = { 1, size > 1 ? (size_t)data[1] + 1 : 1 };
    result whole;

    if (size < 2)
        return 0;
    run(data[0], text, size - 2, size, &whole);
    for (size_t i = 0; i < 2; i++) {
        result other;

        run(data[0], text, size - 2, steps[i], &other);
        MUST(other.code == whole.code && other.at == whole.at);
        MUST(other.len == whole.len);
        MUST(memcmp(other.content, whole.content, whole.len) == 0);
        free(other.content);
    }
    if (whole.code >= 0 && whole.len > 0)
        send_again(&whole);
    free(whole.content);
    return 0;
}
