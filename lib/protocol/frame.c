/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP/1 message machine (see frame.h): one function per state, a table drives them. Strict:
 * bare LF, control characters, folded lines, two lengths, a length beside a transfer coding and
 * unknown codings are errors with the offset in the stream (MCMP 1).
 */
#include "frame.h"

#include "base/compiler.h"

#define MAX_STRAY 4         /* empty lines before a start line (RFC 9112, 2.2) */
#define MAX_CHUNK_LINE 1024 /* size and extensions of one chunk */
#define MAX_CHUNK_DIGITS 16 /* hex digits of a chunk size */
#define KEEP_MEMORY 16384   /* more is given back between two messages */
#define MAX_LENGTH (UINT64_MAX / 4)

enum {
    STATE_START,
    STATE_HEADER,
    STATE_BODY,
    STATE_TO_CLOSE,
    STATE_CHUNK_SIZE,
    STATE_CHUNK_DATA,
    STATE_CHUNK_END,
    STATE_TRAILER,
    STATE_COMPLETE,
    STATE_FAILED
};

/* Results of a step besides errors */
#define STEP_STARVED 1  /* all bytes used */
#define STEP_ON MCMP_OK /* go on with the state that is set now */

typedef struct cursor {
    const char *ptr;
    const char *end;
} cursor;

static int fail_at(mcmp__frame *f, mcmp_error *err, int code, uint64_t at, const char *what)
{
    f->state = STATE_FAILED;
    mcmp__fail(err, code, NULL, "%s", what);
    mcmp__error_at(err, at);
    return code;
}

static int fail_line(mcmp__frame *f, mcmp_error *err, const char *what)
{
    return fail_at(f, err, f->bad_code, f->line_at, what);
}

static void take(mcmp__frame *f, cursor *in, size_t count)
{
    in->ptr += count;
    f->stream += count;
}

/* Nothing is taken and nothing is changed: the bytes may come again. */
static int no_memory(mcmp__frame *f, mcmp_error *err)
{
    f->text.failed = 0;
    mcmp__fail(err, MCMP_ERR_NOMEM, NULL, "no memory for the message");
    mcmp__error_at(err, f->stream);
    return MCMP_ERR_NOMEM;
}

static inline int store(mcmp__frame *f, cursor *in, size_t count, mcmp_error *err)
{
    mcmp__buf *text = &f->text;

    if (count > text->cap - text->len && mcmp__buf_reserve(text, count) != MCMP_OK)
        return no_memory(f, err);
    if (count > 0) /* no bytes may have no address */
        memcpy(text->data + text->len, in->ptr, count);
    text->len += count;
    take(f, in, count);
    return MCMP_OK;
}

static void next_line(mcmp__frame *f)
{
    f->line = f->text.len;
    f->line_at = f->stream;
}

static void next_message(mcmp__frame *f)
{
    if (f->text.cap > KEEP_MEMORY)
        mcmp__buf_clear(&f->text);
    mcmp__buf_reset(&f->text);
    f->state = STATE_START;
    f->header_count = f->stray = f->cr = 0;
    f->head_len = 0;
    f->room = f->ext_room = f->max_head;
    f->length = f->remaining = f->received = f->total = 0;
    f->has_length = f->has_coding = f->http10 = f->close = f->keep_alive = 0;
    f->oversize = f->linger = f->to_close = 0;
    next_line(f);
}

/* Is one of these eight bytes below 0x20 or DEL? A tab counts too; the caller looks closer. */
static int has_control(const char *ptr)
{
    const uint64_t ones = 0x0101010101010101u;
    const uint64_t highs = 0x8080808080808080u;
    uint64_t word;
    uint64_t del;

    memcpy(&word, ptr, sizeof(word));
    del = word ^ (ones * 0x7f);
    return ((((word - ones * 0x20) & ~word) | ((del - ones) & ~del)) & highs) != 0;
}

/* The first control character or DEL, tabs included, or end. */
static const char *next_control(const char *ptr, const char *end)
{
#ifdef MCMP__CONTROLS16
    for (; end - ptr >= 16; ptr += 16) {
        uint32_t mask = MCMP__CONTROLS16(ptr);

        if (mask != 0)
            return ptr + mcmp__lowest_bit(mask);
    }
#endif
    while (end - ptr >= 8 && !has_control(ptr))
        ptr += 8;
    for (; ptr < end; ptr++) {
        uint8_t c = (uint8_t)*ptr;

        if (c < 0x20 || c == 0x7f)
            break;
    }
    return ptr;
}

static const char *skip_plain(const char *ptr, const char *end)
{
    ptr = next_control(ptr, end);
    while (ptr < end && *ptr == '\t')
        ptr = next_control(ptr + 1, end);
    return ptr;
}

static int bad_byte(mcmp__frame *f, const cursor *in, const char *at, mcmp_error *err)
{
    const char *what = *at == '\n' ? "LF without CR" : "control character in a line";

    if (f->cr)
        what = "CR without LF";
    return fail_at(f, err, f->bad_code, f->stream + (uint64_t)(at - in->ptr), what);
}

/* Likewise of a line or a part of one. */
static int store_line(mcmp__frame *f, cursor *in, size_t count, mcmp_error *err)
{
    if (store(f, in, count, err) != MCMP_OK)
        return MCMP_ERR_NOMEM;
    f->room -= count;
    return MCMP_OK;
}

/* Move bytes up to the end of the line into text. STEP_ON: the line is complete. */
static int take_line(mcmp__frame *f, cursor *in, mcmp_error *err)
{
    size_t given = (size_t)(in->end - in->ptr);
    const char *end = in->ptr + MCMP__MIN(given, f->room);
    const char *ptr = in->ptr;
    uint32_t cr = f->cr;
    size_t count;
    int complete = 0;

    if (!cr) {
        ptr = skip_plain(ptr, end);
        if (end - ptr >= 2 && memcmp(ptr, "\r\n", 2) == 0) /* nearly always */
            return store_line(f, in, (size_t)(ptr + 2 - in->ptr), err);
        if (ptr < end && *ptr != '\r')
            return bad_byte(f, in, ptr, err);
        if (ptr < end) {
            cr = 1;
            ptr++;
        }
    }
    if (cr && ptr < end) {
        if (*ptr != '\n')
            return bad_byte(f, in, ptr, err);
        cr = 0;
        ptr++;
        complete = 1;
    }
    count = (size_t)(ptr - in->ptr);
    if (store_line(f, in, count, err) != MCMP_OK)
        return MCMP_ERR_NOMEM;
    f->cr = cr;
    if (complete)
        return STEP_ON;
    if (count < given) {
        int code =
            f->state == STATE_START || f->state == STATE_HEADER ? MCMP_ERR_HEAD_SIZE : f->bad_code;

        return fail_at(f, err, code, f->stream, "a line or the head is over its limit");
    }
    return STEP_STARVED;
}

/* The complete line without its CRLF. */
static mcmp_span line_text(const mcmp__frame *f)
{
    return mcmp__span(f->text.data + f->line, f->text.len - f->line - 2);
}

/* Forget the line that was just read: chunk sizes, trailers, stray empty lines. */
static void drop_line(mcmp__frame *f)
{
    f->text.len = f->line;
    next_line(f);
}

mcmp_span mcmp__trim(mcmp_span text)
{
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t')) {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    return text;
}

/* Where the element at the front of a list ends: a comma outside of quotes, or the end. */
static size_t element_end(mcmp_span list)
{
    const char *comma = memchr(list.ptr, ',', list.len);
    size_t end = comma != NULL ? (size_t)(comma - list.ptr) : list.len;
    int quoted = 0;

    if (memchr(list.ptr, '"', end) == NULL)
        return end;
    for (end = 0; end < list.len && (quoted || list.ptr[end] != ','); end++) {
        if (list.ptr[end] == '"')
            quoted = !quoted;
        else if (quoted && list.ptr[end] == '\\' && end + 1 < list.len)
            end++;
    }
    return end;
}

int mcmp__list_next(mcmp_span *rest, mcmp_span *element)
{
    size_t end;

    if (rest->len == 0)
        return 0;
    end = element_end(*rest);
    *element = mcmp__trim(mcmp__span(rest->ptr, end));
    end += end < rest->len;
    *rest = mcmp__span(rest->ptr + end, rest->len - end);
    return 1;
}

static const char *on_length(mcmp__frame *f, mcmp_span value)
{
    if (f->has_length)
        return "Content-Length occurs twice";
    if (mcmp__parse_uint(value, MAX_LENGTH, &f->length) != 0)
        return "Content-Length is no number";
    f->has_length = 1;
    return NULL;
}

static const char *on_coding(mcmp__frame *f, mcmp_span value)
{
    if (f->has_coding)
        return "Transfer-Encoding occurs twice";
    if (!mcmp__span_is_nocase(value, "chunked"))
        return "unknown transfer coding";
    if (f->http10)
        return "Transfer-Encoding in HTTP/1.0";
    f->has_coding = 1;
    return NULL;
}

static const char *on_connection(mcmp__frame *f, mcmp_span value)
{
    mcmp_span token;

    while (mcmp__list_next(&value, &token)) {
        if (mcmp__span_is_nocase(token, "close"))
            f->close = 1;
        else if (mcmp__span_is_nocase(token, "Keep-Alive"))
            f->keep_alive = 1;
    }
    return NULL;
}

static const struct {
    mcmp_span name;
    const char *(*on)(mcmp__frame *f, mcmp_span value);
} common_headers[] = {
    { MCMP__SPAN("Content-Length"), on_length },
    { MCMP__SPAN("Transfer-Encoding"), on_coding },
    { MCMP__SPAN("Connection"), on_connection },
};

static const char *split_header(mcmp_span line, mcmp_span *name, mcmp_span *value)
{
    size_t i = mcmp__token_len(line.ptr); /* CRLF is behind the line */

    if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
        return "folded header line";
    if (i == 0 || i == line.len || line.ptr[i] != ':')
        return "header line without a valid name and colon";
    *name = mcmp__span(line.ptr, i);
    *value = mcmp__trim(mcmp__span(line.ptr + i + 1, line.len - i - 1));
    return NULL;
}

static const char *on_header(mcmp__frame *f, mcmp_span line)
{
    mcmp_span name;
    mcmp_span value;
    const char *wrong = split_header(line, &name, &value);

    if (wrong != NULL)
        return wrong;
    for (size_t i = 0; i < MCMP__COUNT(common_headers); i++)
        if (mcmp__span_eq_nocase(common_headers[i].name, name))
            return common_headers[i].on(f, value);
    return f->ops->header(f->owner, f, name, value);
}

/* size more bytes of body are announced: keep, drop or refuse them. */
static int announce(mcmp__frame *f, uint64_t size, mcmp_error *err)
{
    f->total = f->received + size;
    f->remaining = size;
    if (f->total > f->max_body) {
        if (f->max_drop == 0)
            return fail_at(f, err, MCMP_ERR_BODY_SIZE, f->line_at, "the body is over its limit");
        f->oversize = 1;
        f->text.len = f->head_len;
    }
    if (f->max_drop != 0 && f->total > f->max_drop) {
        f->linger = 1;
        f->remaining = f->max_drop - f->received;
        if (f->remaining == 0)
            f->state = STATE_COMPLETE;
    }
    return STEP_ON;
}

static int end_head(mcmp__frame *f, mcmp_error *err)
{
    int body = f->ops->head_end(f->owner);

    if (f->has_length && f->has_coding)
        return fail_line(f, err, "Content-Length beside Transfer-Encoding");
    f->head_len = f->text.len;
    if (body == MCMP__BODY_SKIP) {
        next_message(f);
        return STEP_ON;
    }
    f->state = STATE_COMPLETE;
    if (body == MCMP__BODY_NONE)
        return STEP_ON;
    if (f->has_coding) {
        f->state = STATE_CHUNK_SIZE;
        f->room = MAX_CHUNK_LINE;
    } else if (f->has_length && f->length > 0) {
        f->state = STATE_BODY;
        return announce(f, f->length, err);
    } else if (!f->has_length && body == MCMP__BODY_TO_CLOSE) {
        f->state = STATE_TO_CLOSE;
        f->to_close = 1;
    }
    next_line(f);
    return STEP_ON;
}

static int step_start(mcmp__frame *f, cursor *in, mcmp_error *err)
{
    const char *wrong;
    int rc = take_line(f, in, err);

    if (rc != STEP_ON)
        return rc;
    if (line_text(f).len == 0) {
        if (++f->stray > MAX_STRAY)
            return fail_line(f, err, "empty lines instead of a start line");
        drop_line(f);
        f->room = f->max_head;
        return STEP_ON;
    }
    wrong = f->ops->start(f->owner, f, line_text(f));
    if (wrong != NULL)
        return fail_line(f, err, wrong);
    f->state = STATE_HEADER;
    next_line(f);
    return STEP_ON;
}

/* All header lines that are there. */
static int step_header(mcmp__frame *f, cursor *in, mcmp_error *err)
{
    int rc;

    while ((rc = take_line(f, in, err)) == STEP_ON) {
        const char *wrong;

        if (line_text(f).len == 0)
            return end_head(f, err);
        if (++f->header_count > f->max_headers)
            return fail_at(f, err, MCMP_ERR_HEAD_SIZE, f->line_at, "too many header lines");
        wrong = on_header(f, line_text(f));
        if (wrong != NULL)
            return fail_line(f, err, wrong);
        next_line(f);
    }
    return rc;
}

/* Body bytes of the message or the chunk; STEP_ON: all of them were taken. */
static int take_body(mcmp__frame *f, cursor *in, mcmp_error *err)
{
    size_t given = (size_t)(in->end - in->ptr);
    size_t count = given < f->remaining ? given : (size_t)f->remaining;

    if (f->oversize)
        take(f, in, count);
    else if (store(f, in, count, err) != MCMP_OK)
        return MCMP_ERR_NOMEM;
    f->remaining -= count;
    f->received += count;
    return f->remaining == 0 ? STEP_ON : STEP_STARVED;
}

static int step_body(mcmp__frame *f, cursor *in, mcmp_error *err)
{
    int rc = take_body(f, in, err);

    if (rc == STEP_ON)
        f->state = STATE_COMPLETE;
    return rc;
}

static int step_to_close(mcmp__frame *f, cursor *in, mcmp_error *err)
{
    size_t given = (size_t)(in->end - in->ptr);

    if (given > f->max_body - f->received)
        return fail_at(f, err, MCMP_ERR_BODY_SIZE, f->stream + (f->max_body - f->received),
                       "the body is over its limit");
    f->total = f->received + given;
    f->remaining = given;
    return take_body(f, in, err) == MCMP_ERR_NOMEM ? MCMP_ERR_NOMEM : STEP_STARVED;
}

/* chunk-size [ BWS ";" ext ]: extensions are ignored, but they have a limit in all. */
static const char *read_chunk_size(mcmp__frame *f, mcmp_span line, uint64_t *out)
{
    uint64_t size = 0;
    size_t i = 0;

    for (; i < line.len && mcmp__hex_value(line.ptr[i]) >= 0; i++)
        size = size << 4 | (uint64_t)mcmp__hex_value(line.ptr[i]);
    if (i == 0 || i > MAX_CHUNK_DIGITS || size > MAX_LENGTH - f->received)
        return "bad chunk size";
    if (line.len - i > f->ext_room)
        return "chunk extensions are over their limit";
    f->ext_room -= line.len - i;
    line = mcmp__trim(mcmp__span(line.ptr + i, line.len - i));
    if (i < f->text.len - f->line - 2 && (line.len == 0 || line.ptr[0] != ';'))
        return "bad chunk size";
    *out = size;
    return NULL;
}

static int step_chunk_size(mcmp__frame *f, cursor *in, mcmp_error *err)
{
    uint64_t size = 0;
    const char *wrong;
    int rc = take_line(f, in, err);

    if (rc != STEP_ON)
        return rc;
    wrong = read_chunk_size(f, line_text(f), &size);
    if (wrong != NULL)
        return fail_line(f, err, wrong);
    f->text.len = f->line;
    if (size == 0) {
        f->state = STATE_TRAILER;
        f->room = f->max_head;
        f->header_count = 0;
        next_line(f);
        return STEP_ON;
    }
    f->state = STATE_CHUNK_DATA;
    return announce(f, size, err);
}

static int step_chunk_data(mcmp__frame *f, cursor *in, mcmp_error *err)
{
    int rc = take_body(f, in, err);

    if (rc != STEP_ON)
        return rc;
    f->state = f->linger ? STATE_COMPLETE : STATE_CHUNK_END;
    f->room = 2;
    next_line(f);
    return STEP_ON;
}

static int step_chunk_end(mcmp__frame *f, cursor *in, mcmp_error *err)
{
    int rc;

    if (!f->cr && *in->ptr != '\r')
        return fail_line(f, err, "chunk data without CRLF after it");
    rc = take_line(f, in, err);
    if (rc != STEP_ON)
        return rc;
    drop_line(f);
    f->state = STATE_CHUNK_SIZE;
    f->room = MAX_CHUNK_LINE;
    return STEP_ON;
}

static int step_trailer(mcmp__frame *f, cursor *in, mcmp_error *err)
{
    mcmp_span name;
    mcmp_span value;
    const char *wrong;
    int rc = take_line(f, in, err);

    if (rc != STEP_ON)
        return rc;
    if (line_text(f).len == 0) {
        f->text.len = f->line;
        f->state = STATE_COMPLETE;
        return STEP_ON;
    }
    wrong = ++f->header_count > f->max_headers ? "too many trailer lines"
                                               : split_header(line_text(f), &name, &value);
    if (wrong != NULL)
        return fail_line(f, err, wrong);
    drop_line(f);
    return STEP_ON;
}

typedef int (*step_fn)(mcmp__frame *f, cursor *in, mcmp_error *err);

static const step_fn steps[] = {
    [STATE_START] = step_start,
    [STATE_HEADER] = step_header,
    [STATE_BODY] = step_body,
    [STATE_TO_CLOSE] = step_to_close,
    [STATE_CHUNK_SIZE] = step_chunk_size,
    [STATE_CHUNK_DATA] = step_chunk_data,
    [STATE_CHUNK_END] = step_chunk_end,
    [STATE_TRAILER] = step_trailer,
};

void mcmp__frame_init(mcmp__frame *frame, const mcmp_allocator *allocator)
{
    mcmp__buf_init(&frame->text, allocator, 0);
    mcmp__frame_reset(frame);
}

void mcmp__frame_clear(mcmp__frame *frame)
{
    mcmp__buf_clear(&frame->text);
}

void mcmp__frame_reset(mcmp__frame *frame)
{
    frame->stream = 0;
    next_message(frame);
}

int mcmp__frame_feed(mcmp__frame *frame, const void *data, size_t len, size_t *used,
                     mcmp_error *err)
{
    cursor in = { data, data };
    int rc = STEP_ON;

    if (len > 0)
        in.end += len; /* no bytes may have no address */
    *used = 0;
    if (frame->state == STATE_FAILED || (frame->state == STATE_COMPLETE && frame->linger))
        return mcmp__fail(err, MCMP_ERR_STATE, NULL, "the stream can't be read any further");
    if (frame->state == STATE_COMPLETE)
        next_message(frame);
    while (rc == STEP_ON && frame->state != STATE_COMPLETE)
        rc = in.ptr < in.end ? steps[frame->state](frame, &in, err) : STEP_STARVED;
    if (rc < 0 && rc != MCMP_ERR_NOMEM)
        return rc;
    *used = len - (size_t)(in.end - in.ptr);
    if (rc < 0)
        return rc;
    return frame->state == STATE_COMPLETE ? MCMP_OK : MCMP_NEED_MORE;
}

int mcmp__frame_end(mcmp__frame *frame, mcmp_error *err)
{
    if (frame->state == STATE_FAILED)
        return mcmp__fail(err, MCMP_ERR_STATE, NULL, "the stream can't be read any further");
    if (frame->state == STATE_TO_CLOSE) {
        frame->state = STATE_COMPLETE;
        return MCMP_OK;
    }
    if (frame->state == STATE_COMPLETE || (frame->state == STATE_START && frame->text.len == 0))
        return MCMP_DONE;
    return fail_at(frame, err, MCMP_ERR_TRUNCATED, frame->stream,
                   "the stream ended inside a message");
}

int mcmp__frame_is_complete(const mcmp__frame *frame)
{
    return frame->state == STATE_COMPLETE;
}

mcmp__range mcmp__frame_range(const mcmp__frame *frame, mcmp_span part)
{
    mcmp__range range = { 0, part.len };

    if (part.len > 0)
        range.off = (size_t)(part.ptr - frame->text.data);
    return range;
}

mcmp_span mcmp__frame_span(const mcmp__frame *frame, mcmp__range range)
{
    return range.len > 0 ? mcmp__span(frame->text.data + range.off, range.len) : mcmp__span("", 0);
}

mcmp_span mcmp__frame_body(const mcmp__frame *frame)
{
    mcmp__range range = { frame->head_len, frame->text.len - frame->head_len };

    return mcmp__frame_span(frame, range);
}

int mcmp__frame_version(mcmp__frame *frame, mcmp_span text)
{
    frame->http10 = (uint8_t)mcmp__span_is(text, "HTTP/1.0");
    return frame->http10 || mcmp__span_is(text, "HTTP/1.1");
}
