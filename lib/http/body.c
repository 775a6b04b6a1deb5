/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies as spans of the host's buffer: by length, chunked, or until the connection ends. The
 * chunked coding is taken by one function per state, byte by byte over the framing only; content
 * is never touched. RFC 9112 7.1 without leniencies: CRLF only, no blanks around the size, sizes
 * below 2^63.
 */
#include "http.h"

#define STATE_SIZE_FIRST 0
#define STATE_SIZE 1
#define STATE_EXTENSION 2
#define STATE_SIZE_LF 3
#define STATE_CONTENT_CR 4
#define STATE_CONTENT_LF 5
#define STATE_TRAILER 6 /* at the start of a line */
#define STATE_TRAILER_NAME 7
#define STATE_TRAILER_VALUE 8
#define STATE_TRAILER_LF 9
#define STATE_LAST_LF 10
#define STATE_CONTENT 11 /* not for the table: spans, no bytes */
#define STATE_DONE 12
#define STATE_FAILED 13

#define DEFAULT_EXTENSION 256u
#define DEFAULT_TRAILER 8192u
#define DEFAULT_OVERHEAD 65536u

void mcmp_http_body_init_sized(mcmp_http_body *body, size_t size)
{
    mcmp__sized_init(body, size);
}

static uint32_t or_default(uint32_t value, uint32_t fallback)
{
    return value != 0 ? value : fallback;
}

int mcmp_http_body_start(mcmp_http_body *body, uint32_t framing, uint64_t length, mcmp_error *err)
{
    if (body->struct_size < sizeof(*body))
        return mcmp__fail(err, MCMP_ERR_INVALID, "struct_size", "the body is not initialised");
    if (framing < MCMP_HTTP_FRAMING_NONE || framing > MCMP_HTTP_FRAMING_CLOSE)
        return mcmp__fail(err, MCMP_ERR_INVALID, "framing", "unknown framing");
    if (framing == MCMP_HTTP_FRAMING_LENGTH && body->max_body != 0 && length > body->max_body)
        return mcmp__fail(err, MCMP_ERR_HTTP_BODY_SIZE, "max_body", "the body is over max_body");
    body->framing = framing;
    body->received = 0;
    body->overhead = 0;
    body->count = 0;
    body->left = framing == MCMP_HTTP_FRAMING_CLOSE ? UINT64_MAX : length;
    body->state = STATE_CONTENT;
    if (framing == MCMP_HTTP_FRAMING_CHUNKED) {
        body->left = 0;
        body->state = STATE_SIZE_FIRST;
    } else if (framing == MCMP_HTTP_FRAMING_NONE || body->left == 0) {
        body->state = STATE_DONE;
    }
    return MCMP_OK;
}

static int fail_chunk(mcmp_error *err, const char *text)
{
    return mcmp__fail(err, MCMP_ERR_HTTP_CHUNK, "chunk", "%s", text);
}

static int on_size(mcmp_http_body *body, char c, mcmp_error *err)
{
    int digit = mcmp__hex_value(c);

    if (digit >= 0) {
        /* leading zeros count, so that a size line is bounded */
        if (body->count++ >= 16 || body->left > (uint64_t)INT64_MAX >> 4)
            return fail_chunk(err, "a chunk size is too large");
        body->left = (body->left << 4) | (uint64_t)digit;
        body->state = STATE_SIZE;
        return MCMP_OK;
    }
    if (body->state == STATE_SIZE_FIRST)
        return fail_chunk(err, "a chunk has no size");
    if (c != '\r' && c != ';')
        return fail_chunk(err, "a chunk size is not hexadecimal");
    body->count = 0;
    body->state = c == '\r' ? STATE_SIZE_LF : STATE_EXTENSION;
    return MCMP_OK;
}

static int on_extension(mcmp_http_body *body, char c, mcmp_error *err)
{
    if (c == '\r') {
        body->state = STATE_SIZE_LF;
        return MCMP_OK;
    }
    if (!mcmp__http_char_is(c, MCMP__CHAR_TEXT))
        return fail_chunk(err, "a control byte in a chunk extension");
    if (++body->count > or_default(body->max_extension, DEFAULT_EXTENSION))
        return fail_chunk(err, "a chunk extension is over max_extension");
    return MCMP_OK;
}

static int on_size_lf(mcmp_http_body *body, char c, mcmp_error *err)
{
    body->count = 0;
    if (c != '\n')
        return fail_chunk(err, "a CR without LF in a chunk size line");
    if (body->left == 0) {
        body->state = STATE_TRAILER;
        return MCMP_OK;
    }
    if (body->max_body != 0 && body->left > body->max_body - body->received)
        return mcmp__fail(err, MCMP_ERR_HTTP_BODY_SIZE, "max_body", "the body is over max_body");
    if (body->left > (uint64_t)INT64_MAX - body->received)
        return fail_chunk(err, "the body is too large");
    if (body->overhead > or_default(body->max_overhead, DEFAULT_OVERHEAD) &&
        body->overhead / 4 > body->received)
        return fail_chunk(err, "too little content for so much framing: over max_overhead");
    body->state = STATE_CONTENT;
    return MCMP_OK;
}

static int on_content_cr(mcmp_http_body *body, char c, mcmp_error *err)
{
    body->state = STATE_CONTENT_LF;
    return c == '\r' ? MCMP_OK : fail_chunk(err, "a chunk is longer than its size");
}

static int on_content_lf(mcmp_http_body *body, char c, mcmp_error *err)
{
    body->state = STATE_SIZE_FIRST;
    return c == '\n' ? MCMP_OK : fail_chunk(err, "a CR without LF behind a chunk");
}

static int on_trailer_name(mcmp_http_body *body, char c, mcmp_error *err)
{
    if (c == '\r' && body->state == STATE_TRAILER) {
        body->state = STATE_LAST_LF;
        return MCMP_OK;
    }
    if (++body->count > or_default(body->max_trailer, DEFAULT_TRAILER))
        return fail_chunk(err, "the trailer is over max_trailer");
    if (mcmp__http_char_is(c, MCMP__CHAR_TOKEN)) {
        body->state = STATE_TRAILER_NAME;
        return MCMP_OK;
    }
    if (c != ':' || body->state == STATE_TRAILER)
        return fail_chunk(err, "a trailer line is not a name and a value");
    body->state = STATE_TRAILER_VALUE;
    return MCMP_OK;
}

static int on_trailer_value(mcmp_http_body *body, char c, mcmp_error *err)
{
    if (++body->count > or_default(body->max_trailer, DEFAULT_TRAILER))
        return fail_chunk(err, "the trailer is over max_trailer");
    if (c == '\r')
        body->state = STATE_TRAILER_LF;
    else if (!mcmp__http_char_is(c, MCMP__CHAR_TEXT))
        return fail_chunk(err, "a control byte in a trailer value");
    return MCMP_OK;
}

static int on_trailer_lf(mcmp_http_body *body, char c, mcmp_error *err)
{
    body->state = STATE_TRAILER;
    return c == '\n' ? MCMP_OK : fail_chunk(err, "a CR without LF in the trailer");
}

static int on_last_lf(mcmp_http_body *body, char c, mcmp_error *err)
{
    body->state = STATE_DONE;
    return c == '\n' ? MCMP_OK : fail_chunk(err, "a CR without LF behind the last chunk");
}

typedef int (*byte_fn)(mcmp_http_body *body, char c, mcmp_error *err);

static const byte_fn on_byte[] = {
    [STATE_SIZE_FIRST] = on_size,
    [STATE_SIZE] = on_size,
    [STATE_EXTENSION] = on_extension,
    [STATE_SIZE_LF] = on_size_lf,
    [STATE_CONTENT_CR] = on_content_cr,
    [STATE_CONTENT_LF] = on_content_lf,
    [STATE_TRAILER] = on_trailer_name,
    [STATE_TRAILER_NAME] = on_trailer_name,
    [STATE_TRAILER_VALUE] = on_trailer_value,
    [STATE_TRAILER_LF] = on_trailer_lf,
    [STATE_LAST_LF] = on_last_lf,
};

static int take_content(mcmp_http_body *body, const char *data, size_t len, size_t *used,
                        mcmp_span *out, mcmp_error *err)
{
    uint64_t most = body->left;
    size_t take;

    if (body->framing == MCMP_HTTP_FRAMING_CLOSE && body->max_body != 0)
        most = body->max_body - body->received;
    if (most == 0) {
        body->state = STATE_FAILED;
        *used = 0;
        return mcmp__fail(err, MCMP_ERR_HTTP_BODY_SIZE, "max_body", "the body is over max_body");
    }
    take = most < len ? (size_t)most : len;
    *out = mcmp__span(data, take);
    *used += take;
    body->received += take;
    if (body->framing == MCMP_HTTP_FRAMING_CLOSE)
        return MCMP_OK;
    body->left -= take;
    if (body->left == 0)
        body->state = body->framing == MCMP_HTTP_FRAMING_CHUNKED ? STATE_CONTENT_CR : STATE_DONE;
    return MCMP_OK;
}

int mcmp_http_body_feed(mcmp_http_body *body, const void *data, size_t len, size_t *used,
                        mcmp_span *out, mcmp_error *err)
{
    const char *text = data;
    size_t i = 0;

    *used = 0;
    *out = mcmp__span(NULL, 0);
    if (body->state == STATE_FAILED || body->framing == MCMP_HTTP_FRAMING_AUTO)
        return mcmp__fail(err, MCMP_ERR_STATE, NULL, "the body failed before, or was not started");
    while (body->state < STATE_CONTENT && i < len) {
        int rc = on_byte[body->state](body, text[i], err);

        if (rc != MCMP_OK) {
            body->state = STATE_FAILED;
            mcmp__error_at(err, i);
            return rc;
        }
        body->overhead++;
        i++;
    }
    *used = i;
    if (body->state == STATE_DONE)
        return MCMP_DONE;
    if (i == len)
        return MCMP_NEED_MORE;
    return take_content(body, text + i, len - i, used, out, err);
}

int mcmp_http_body_end(mcmp_http_body *body, mcmp_error *err)
{
    if (body->state == STATE_CONTENT && body->framing == MCMP_HTTP_FRAMING_CLOSE)
        body->state = STATE_DONE;
    if (mcmp_http_body_is_done(body))
        return MCMP_DONE;
    return mcmp__fail(err, MCMP_ERR_TRUNCATED, NULL, "the connection ended inside a body");
}

int mcmp_http_body_is_done(const mcmp_http_body *body)
{
    return body->state == STATE_DONE;
}

size_t mcmp_http_chunk_head(char *out, uint64_t length)
{
    static const char digits[] = "0123456789abcdef";
    size_t len = 0;

    for (uint64_t rest = length; rest != 0; rest >>= 4)
        len++;
    if (len == 0)
        return 0;
    for (size_t i = len; i > 0; i--, length >>= 4)
        out[i - 1] = digits[length & 15];
    out[len] = '\r';
    out[len + 1] = '\n';
    return len + 2;
}
