/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of a balancer (MCMP 2), from this library or the existing ones: Content-Length, chunked,
 * or up to the end of the stream. An answer is complete or it is an error; 1xx heads are passed
 * over.
 */
#include "frame.h"

#include <libmcmp/client.h>

#define DEFAULT_MAX_BODY (64u << 20)
#define DEFAULT_MAX_HEAD 16384
#define DEFAULT_MAX_HEADERS 100

enum { HEADER_VERSION, HEADER_TYPE, HEADER_MESS, HEADER_CONTENT_TYPE, HEADERS };

static const mcmp_span header_names[HEADERS] = {
    [HEADER_VERSION] = MCMP__SPAN("Version"),
    [HEADER_TYPE] = MCMP__SPAN("Type"),
    [HEADER_MESS] = MCMP__SPAN("Mess"),
    [HEADER_CONTENT_TYPE] = MCMP__SPAN("Content-Type"),
};

struct mcmp_answer {
    mcmp_allocator allocator;
    mcmp__frame frame;
    mcmp_answer_info info;
    mcmp__range reason;
    mcmp__range values[HEADERS];
    uint8_t given[HEADERS];
    uint32_t status;
    int ready;
};

void mcmp_answer_options_init_sized(mcmp_answer_options *opts, size_t size)
{
    mcmp__sized_init(opts, size);
}

/* HTTP/1.x SP 3DIGIT SP reason */
static const char *on_status_line(void *owner, mcmp__frame *frame, mcmp_span line)
{
    mcmp_answer *answer = owner;
    uint64_t status;

    memset(answer->given, 0, sizeof(answer->given));
    memset(answer->values, 0, sizeof(answer->values));
    if (line.len < 13 || line.ptr[8] != ' ' || line.ptr[12] != ' ' ||
        !mcmp__frame_version(frame, mcmp__span(line.ptr, 8)))
        return "no status line of HTTP/1.0 or HTTP/1.1";
    if (mcmp__parse_uint(mcmp__span(line.ptr + 9, 3), 999, &status) != 0 || status < 100 ||
        status == 101)
        return "no status that can be an answer";
    answer->status = (uint32_t)status;
    answer->reason = mcmp__frame_range(frame, mcmp__span(line.ptr + 13, line.len - 13));
    return NULL;
}

static const char *on_answer_header(void *owner, mcmp__frame *frame, mcmp_span name,
                                    mcmp_span value)
{
    mcmp_answer *answer = owner;

    for (size_t i = 0; i < HEADERS; i++) {
        if (!mcmp__span_eq_nocase(header_names[i], name))
            continue;
        if (answer->given[i])
            return "a header occurs twice";
        answer->given[i] = 1;
        answer->values[i] = mcmp__frame_range(frame, value);
    }
    return NULL;
}

static int on_answer_head(void *owner)
{
    const mcmp_answer *answer = owner;

    if (answer->status < 200)
        return MCMP__BODY_SKIP;
    return answer->status == 204 || answer->status == 304 ? MCMP__BODY_NONE : MCMP__BODY_TO_CLOSE;
}

static const mcmp__frame_ops answer_ops = { on_status_line, on_answer_header, on_answer_head };

int mcmp_answer_new(mcmp_answer **out, const mcmp_answer_options *opts, mcmp_error *err)
{
    mcmp_answer_options own;
    mcmp_allocator allocator;
    mcmp_answer *answer;
    int rc = mcmp__sized_in(&own, sizeof(own), opts, sizeof(own.struct_size));

    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "mcmp_answer_options", "options are not initialised or too new");
    if ((rc = mcmp__allocator_take(&allocator, own.allocator)) != MCMP_OK)
        return mcmp__fail(err, rc, "allocator", "the allocator is not valid");
    if ((answer = mcmp__calloc(&allocator, 1, sizeof(*answer))) == NULL)
        return mcmp__fail(err, MCMP_ERR_NOMEM, NULL, "no memory for an answer parser");
    answer->allocator = allocator;
    answer->frame.ops = &answer_ops;
    answer->frame.owner = answer;
    answer->frame.max_body = own.max_body != 0 ? own.max_body : DEFAULT_MAX_BODY;
    answer->frame.max_head = own.max_head != 0 ? own.max_head : DEFAULT_MAX_HEAD;
    answer->frame.max_headers = own.max_headers != 0 ? own.max_headers : DEFAULT_MAX_HEADERS;
    answer->frame.bad_code = MCMP_ERR_ANSWER;
    mcmp__frame_init(&answer->frame, &answer->allocator);
    *out = answer;
    return MCMP_OK;
}

void mcmp_answer_free(mcmp_answer *answer)
{
    mcmp_allocator allocator;

    if (answer == NULL)
        return;
    allocator = answer->allocator;
    mcmp__frame_clear(&answer->frame);
    mcmp__free(&allocator, answer, sizeof(*answer));
}

void mcmp_answer_reset(mcmp_answer *answer)
{
    answer->ready = 0;
    mcmp__frame_reset(&answer->frame);
}

static uint32_t wire_class_of(mcmp_span type)
{
    static const struct {
        const char *name;
        uint32_t wire_class;
    } classes[] = {
        { "SYNTAX", MCMP_WIRE_SYNTAX },
        { "MEM", MCMP_WIRE_MEM },
        { "GENERAL", MCMP_WIRE_GENERAL },
    };

    for (size_t i = 0; i < MCMP__COUNT(classes); i++)
        if (mcmp__span_is(type, classes[i].name))
            return classes[i].wire_class;
    return MCMP_WIRE_NONE;
}

static void fill_info(mcmp_answer *answer)
{
    const mcmp__frame *frame = &answer->frame;
    mcmp_answer_info *info = &answer->info;

    memset(info, 0, sizeof(*info));
    info->struct_size = sizeof(*info);
    info->status = answer->status;
    info->reason = mcmp__frame_span(frame, answer->reason);
    info->version = mcmp__frame_span(frame, answer->values[HEADER_VERSION]);
    info->type = mcmp__frame_span(frame, answer->values[HEADER_TYPE]);
    info->mess = mcmp__frame_span(frame, answer->values[HEADER_MESS]);
    info->content_type = mcmp__frame_span(frame, answer->values[HEADER_CONTENT_TYPE]);
    info->wire_class = wire_class_of(info->type);
    info->body = mcmp__frame_body(frame);
    if (frame->close || frame->to_close || (frame->http10 && !frame->keep_alive))
        info->flags |= MCMP_ANSWER_CLOSE;
    answer->ready = 1;
}

int mcmp_answer_feed(mcmp_answer *answer, const void *data, size_t len, size_t *used,
                     mcmp_error *err)
{
    int rc;

    answer->ready = 0;
    rc = mcmp__frame_feed(&answer->frame, data, len, used, err);
    if (rc == MCMP_OK)
        fill_info(answer);
    return rc;
}

int mcmp_answer_end(mcmp_answer *answer, mcmp_error *err)
{
    int rc = mcmp__frame_end(&answer->frame, err);

    answer->ready = 0;
    if (rc == MCMP_OK)
        fill_info(answer);
    return rc;
}

const mcmp_answer_info *mcmp_answer_get(const mcmp_answer *answer)
{
    return answer->ready ? &answer->info : NULL;
}

/* The first line; nothing after it belongs to the fields (MCMP 4.2). */
static mcmp_span first_line(mcmp_span body)
{
    size_t len = 0;

    while (len < body.len && body.ptr[len] != '\n' && body.ptr[len] != '\r')
        len++;
    return mcmp__span(body.ptr, len);
}

int mcmp_answer_field(mcmp_span body, const char *name, mcmp_span *out)
{
    mcmp_span line = first_line(body);
    size_t name_len = strlen(name);

    for (size_t from = 0; from < line.len;) {
        size_t end = from;

        while (end < line.len && line.ptr[end] != '&')
            end++;
        if (end - from > name_len && line.ptr[from + name_len] == '=' &&
            memcmp(line.ptr + from, name, name_len) == 0) {
            *out = mcmp__span(line.ptr + from + name_len + 1, end - from - name_len - 1);
            return MCMP_OK;
        }
        from = end + 1;
    }
    return MCMP_ERR_NOT_FOUND;
}

int mcmp_answer_number(mcmp_span body, const char *name, uint64_t *out)
{
    mcmp_span text;
    int rc = mcmp_answer_field(body, name, &text);

    if (rc != MCMP_OK)
        return rc;
    return mcmp__parse_uint(text, UINT64_MAX, out) == 0 ? MCMP_OK : MCMP_ERR_ANSWER;
}

/* Bytes that text[i..] stands for: 1, or 3 for an escape, whose value goes to *out. */
static size_t one_byte(mcmp_span text, size_t i, char *out)
{
    int high = text.len - i >= 3 && text.ptr[i] == '%' ? mcmp__hex_value(text.ptr[i + 1]) : -1;
    int low = high >= 0 ? mcmp__hex_value(text.ptr[i + 2]) : -1;

    *out = low >= 0 ? (char)(high * 16 + low) : text.ptr[i];
    return low >= 0 ? 3 : 1;
}

int mcmp_answer_unescape(mcmp_span text, char *buf, size_t size, size_t *out_len)
{
    size_t len = 0;
    char byte;

    for (size_t i = 0; i < text.len; i += one_byte(text, i, &byte))
        len++;
    *out_len = len;
    if (len > size)
        return MCMP_ERR_SPACE;
    len = 0;
    for (size_t i = 0; i < text.len;) {
        i += one_byte(text, i, &byte);
        buf[len++] = byte;
    }
    return MCMP_OK;
}
