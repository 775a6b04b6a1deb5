/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers as one HTTP message (MCMP 2), in the form that the Java client needs: always a reason
 * phrase, always Content-Length, `Connection: close` exactly when the socket is closed at once.
 * The head grows line by line in its own buffer, so that nothing is copied twice; memory is reused
 * from answer to answer.
 */
#include "refusal.h"
#include "request.h"

#include <libmcmp/response.h>
#include <libmcmp/version.h>

#define MAX_HEADERS 16  /* of add_header */
#define KEEP_BODY 65536 /* a greater body's memory is given back at the next answer */
#define START_ROOM 64   /* status line and `Content-Type: ` */
#define END_ROOM 64     /* Content-Length and Connection */
#define TYPE_ROOM 64    /* a Content-Type */
#define MESS_ROOM 192   /* what a refusal has besides the args of its Mess */
#define MORE_ROOM 32    /* ", and <n> more" with any n */

struct mcmp_response {
    mcmp_allocator allocator;
    mcmp__buf head;
    mcmp__buf body;
    mcmp__buf leftover; /* entries that found no place, for the Mess */
    uint64_t leftover_count;
    mcmp__buf pending_text; /* the texts of probe */
    mcmp_pending pending;
    mcmp_probe probe;
    mcmp_decoder *decoder;
    size_t header_count; /* those of add_header */
    uint32_t status;
    uint32_t refusal;
    int is_pending;
    int is_head; /* the request was HEAD: no body is sent */
    int must_close;
    int reserved; /* the memory of the body is kept for the answer to come */
};

static const struct {
    uint32_t status;
    mcmp_span text;
} statuses[] = {
    { 200, MCMP__SPAN("200 OK") },
    { 500, MCMP__SPAN("500 Internal Server Error") },
    { 403, MCMP__SPAN("403 Forbidden") },
    { 400, MCMP__SPAN("400 Bad Request") },
    { 404, MCMP__SPAN("404 Not Found") },
    { 405, MCMP__SPAN("405 Method Not Allowed") },
    { 413, MCMP__SPAN("413 Payload Too Large") },
};

static mcmp_span status_text(uint32_t status)
{
    for (size_t i = 0; i < MCMP__COUNT(statuses); i++)
        if (statuses[i].status == status)
            return statuses[i].text;
    return mcmp__span("", 0);
}

int mcmp_response_new(mcmp_response **out, const mcmp_allocator *allocator, mcmp_error *err)
{
    mcmp_allocator taken;
    mcmp_response *response;
    int rc = mcmp__allocator_take(&taken, allocator);

    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "allocator", "the allocator is not valid");
    if ((response = mcmp__calloc(&taken, 1, sizeof(*response))) == NULL)
        return mcmp__fail(err, MCMP_ERR_NOMEM, NULL, "no memory for an answer");
    response->allocator = taken;
    mcmp__buf_init(&response->head, &response->allocator, 0);
    mcmp__buf_init(&response->body, &response->allocator, 0);
    mcmp__buf_init(&response->leftover, &response->allocator, 0);
    mcmp__buf_init(&response->pending_text, &response->allocator, 0);
    *out = response;
    return MCMP_OK;
}

void mcmp_response_free(mcmp_response *response)
{
    mcmp_allocator allocator;

    if (response == NULL)
        return;
    allocator = response->allocator;
    mcmp__buf_clear(&response->head);
    mcmp__buf_clear(&response->body);
    mcmp__buf_clear(&response->leftover);
    mcmp__buf_clear(&response->pending_text);
    mcmp_decoder_free(response->decoder);
    mcmp__free(&allocator, response, sizeof(*response));
}

uint32_t mcmp_response_status(const mcmp_response *response)
{
    return response->status;
}

mcmp_span mcmp_response_reason(const mcmp_response *response)
{
    mcmp_span text = status_text(response->status);

    return text.len > 0 ? mcmp__span(text.ptr + 4, text.len - 4) : text;
}

/* Cut the line at *from off the head, without its CRLF; its colon is at *colon. */
static mcmp_span head_line(mcmp_span head, size_t *from, size_t *colon)
{
    size_t at = *from;
    mcmp_span line = { head.ptr + at, 0 };

    *colon = 0;
    for (; at + 1 < head.len && head.ptr[at] != '\r'; at++)
        if (head.ptr[at] == ':' && *colon == 0)
            *colon = at - *from;
    line.len = at - *from;
    *from = at + 2;
    return line;
}

int mcmp_response_header(const mcmp_response *response, size_t i, mcmp_pair *out)
{
    mcmp_span head = mcmp_response_head(response);
    size_t from = 0;
    size_t colon;
    mcmp_span line;

    if (head.len == 0)
        return MCMP_DONE;
    (void)head_line(head, &from, &colon); /* status */
    do {
        line = head_line(head, &from, &colon);
        if (line.len == 0)
            return MCMP_DONE;
    } while (i-- > 0);
    out->name = mcmp__span(line.ptr, colon);
    out->value = mcmp__span(line.ptr + colon + 2, line.len - colon - 2);
    return MCMP_OK;
}

mcmp_span mcmp_response_head(const mcmp_response *response)
{
    return response->status != 0 ? mcmp__span(response->head.data, response->head.len)
                                 : mcmp__span("", 0);
}

mcmp_span mcmp_response_body(const mcmp_response *response)
{
    if (response->status == 0 || response->is_head || response->body.len == 0)
        return mcmp__span("", 0);
    return mcmp__span(response->body.data, response->body.len);
}

int mcmp_response_must_close(const mcmp_response *response)
{
    return response->must_close;
}

uint32_t mcmp_response_refusal(const mcmp_response *response)
{
    return response->refusal;
}

const mcmp_pending *mcmp_response_pending(const mcmp_response *response)
{
    return response->is_pending ? &response->pending : NULL;
}

/* Nothing is answered any more and nothing is awaited. */
static inline void drop_answer(mcmp_response *response)
{
    if (response->body.cap > KEEP_BODY && !response->reserved)
        mcmp__buf_clear(&response->body);
    mcmp__buf_reset(&response->head);
    mcmp__buf_reset(&response->body);
    response->must_close = 0;
    response->header_count = 0;
    response->status = 0;
    response->refusal = MCMP_REFUSAL_NONE;
    response->is_pending = 0;
}

/* Room in the head for len bytes more; NULL: no memory. */
static inline char *head_room(mcmp_response *response, size_t len)
{
    mcmp__buf *head = &response->head;

    if (len > head->cap - head->len && mcmp__buf_reserve(head, len) != MCMP_OK)
        return NULL;
    return head->data + head->len;
}

static inline char *put(char *at, const char *text, size_t len)
{
    memcpy(at, text, len);
    return at + len;
}

#define PUT(at, literal) put((at), (literal), sizeof(literal) - 1)

/* The head ends at `at` now. */
static inline int head_ends(mcmp_response *response, const char *at)
{
    response->head.len = (size_t)(at - response->head.data);
    return MCMP_OK;
}

/* One line of the head: what stands before the value, and the value; both known to be safe. */
static int put_line(mcmp_response *response, mcmp_span before, mcmp_span value)
{
    char *at = head_room(response, before.len + value.len + 2);

    if (at == NULL)
        return MCMP_ERR_NOMEM;
    at = put(at, before.ptr, before.len);
    if (value.len > 0)
        at = put(at, value.ptr, value.len);
    return head_ends(response, PUT(at, "\r\n"));
}

/* Start anew, with an empty head. */
static inline int begin(mcmp_response *response, const mcmp_request *request, uint32_t status)
{
    mcmp_request room;
    int rc = mcmp__request_take(&request, &room);

    if (rc != MCMP_OK)
        return rc;
    drop_answer(response);
    response->is_head = (request->flags & MCMP_REQUEST_HEAD) != 0;
    response->must_close = (request->flags & (MCMP_REQUEST_CLOSE | MCMP_REQUEST_LINGER)) != 0;
    response->status = status;
    return MCMP_OK;
}

/* Memory for that many bytes from the start on; what the buffer holds stays, and so it does when
 * there is none. */
static int make_room(mcmp__buf *buf, size_t size)
{
    int failed = buf->failed;
    int rc;

    if (size <= buf->cap)
        return MCMP_OK;
    buf->failed = 0;
    rc = mcmp__buf_reserve(buf, size - buf->len);
    buf->failed = failed;
    return rc;
}

#define HEAD_ROOM (START_ROOM + TYPE_ROOM + END_ROOM)

int mcmp_response_reserve(mcmp_response *response, size_t body, size_t mess)
{
    size_t mess_room = mess != 0 ? MCMP__MIN(mess, (size_t)MCMP__MESS_MAX) + MESS_ROOM : 0;

    response->reserved = 1;
    if (mess == 0 && body <= response->body.cap && HEAD_ROOM <= response->head.cap)
        return MCMP_OK; /* nearly always */
    if (make_room(&response->head, HEAD_ROOM + mess_room) != MCMP_OK ||
        make_room(&response->body, MCMP__MAX(body, mess_room)) != MCMP_OK ||
        make_room(&response->leftover, mess_room) != MCMP_OK)
        return MCMP_ERR_NOMEM;
    return MCMP_OK;
}

int mcmp_response_begin(mcmp_response *response, const mcmp_request *request,
                        const char *content_type)
{
    size_t type_len = content_type != NULL ? strlen(content_type) : 0;
    int rc = begin(response, request, 200);
    char *at;

    if (rc != MCMP_OK)
        return rc;
    if ((at = head_room(response, START_ROOM + type_len)) == NULL)
        return MCMP_ERR_NOMEM;
    at = PUT(at, "HTTP/1.1 200 OK\r\n");
    if (content_type != NULL) {
        at = PUT(at, "Content-Type: ");
        at = put(at, content_type, type_len);
        at = PUT(at, "\r\n");
    }
    return head_ends(response, at);
}

/* The same with the status line of an error. */
static int begin_error(mcmp_response *response, const mcmp_request *request, uint32_t status)
{
    static const mcmp_span version = MCMP__SPAN("HTTP/1.1 ");
    int rc = begin(response, request, status);

    return rc == MCMP_OK ? put_line(response, version, status_text(status)) : rc;
}

/* A header of any name; a failure is kept by the buffer until the end. */
static int put_header(mcmp_response *response, mcmp_span name, mcmp_span value)
{
    static const mcmp_span separator = MCMP__SPAN(": ");

    mcmp__buf_add_span(&response->head, name);
    return put_line(response, separator, value);
}

int mcmp_response_begin_status(mcmp_response *response, const mcmp_request *request,
                               uint32_t status, const char *content_type)
{
    static const mcmp_span type = MCMP__SPAN("Content-Type");
    int rc;

    if (status_text(status).len == 0)
        return MCMP_ERR_INVALID;
    rc = begin_error(response, request, status);
    if (rc != MCMP_OK || content_type == NULL)
        return rc;
    return put_header(response, type, mcmp__span_str(content_type));
}

int mcmp_response_add_header(mcmp_response *response, const char *name, mcmp_span value)
{
    mcmp_span own = mcmp__span_str(name);

    if (response->status == 0)
        return MCMP_ERR_STATE;
    if (own.len == 0 || mcmp__token_len(name) != own.len)
        return MCMP_ERR_INVALID;
    for (size_t i = 0; i < value.len; i++) {
        uint8_t byte = (uint8_t)value.ptr[i];

        if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
            return MCMP_ERR_INVALID;
    }
    if (response->header_count == MAX_HEADERS)
        return MCMP_ERR_LIMIT;
    response->header_count++;
    return put_header(response, own, value);
}

int mcmp_response_write(mcmp_response *response, const void *data, size_t len)
{
    mcmp__buf_add(&response->body, data, len);
    return response->body.failed;
}

int mcmp_response_end(mcmp_response *response)
{
    char *at;

    if (response->status == 0)
        return MCMP_ERR_STATE;
    response->reserved = 0;
    at = head_room(response, END_ROOM);
    if (at == NULL || response->head.failed != 0 || response->body.failed != 0) {
        drop_answer(response);
        return MCMP_ERR_NOMEM;
    }
    at = PUT(at, "Content-Length: ");
    at += mcmp__format_uint(at, response->body.len);
    at = response->must_close ? PUT(at, "\r\nConnection: close\r\n\r\n") : PUT(at, "\r\n\r\n");
    return head_ends(response, at);
}

/* Errors are told in the head, and again in the body for people (MCMP 2). */
static int write_refusal(mcmp_response *response, const mcmp__refusal *row, mcmp_span mess)
{
    const struct {
        mcmp_span name;
        mcmp_span value;
    } lines[] = {
        { MCMP__SPAN("Version"), MCMP__SPAN(MCMP_PROTOCOL_VERSION) },
        { MCMP__SPAN("Type"), mcmp__span_str(mcmp__wire_name(row->wire_class)) },
        { MCMP__SPAN("Mess"), mess },
        { MCMP__SPAN("Content-Type"), MCMP__SPAN("text/plain") },
    };

    for (size_t i = 0; i < MCMP__COUNT(lines); i++)
        if (put_header(response, lines[i].name, lines[i].value) != MCMP_OK)
            return MCMP_ERR_NOMEM;
    for (size_t i = 1; i <= 2; i++) {
        mcmp__buf_add_span(&response->body, lines[i].name);
        mcmp__buf_add(&response->body, ": ", 2);
        mcmp__buf_add_span(&response->body, lines[i].value);
        mcmp__buf_add_char(&response->body, '\n');
    }
    return response->body.failed;
}

/* The entries collected, and how many more there were. */
static mcmp_span leftover_text(mcmp_response *response)
{
    mcmp__buf *text = &response->leftover;

    if (response->leftover_count > 0) {
        mcmp__buf_add_str(text, text->len > 0 ? ", and " : "and ");
        mcmp__buf_add_uint(text, response->leftover_count);
        mcmp__buf_add_str(text, " more");
        response->leftover_count = 0;
    }
    return mcmp__span(text->data, text->len);
}

int mcmp_response_refuse(mcmp_response *response, const mcmp_request *request, uint32_t refusal,
                         const mcmp_span *args, size_t count)
{
    const mcmp__refusal *row = mcmp__refusal_row(refusal);
    char mess[MCMP__MESS_MAX];
    mcmp_span entries;
    size_t len;
    int rc;

    if (row == NULL)
        return MCMP_ERR_INVALID;
    if (refusal == MCMP_REFUSAL_TABLES) {
        entries = leftover_text(response);
        args = &entries;
        count = 1;
    }
    len = mcmp__refusal_mess(row, args, count, mess);
    rc = begin_error(response, request, row->status);
    if (rc != MCMP_OK && rc != MCMP_ERR_NOMEM)
        return rc; /* the request is not valid: nothing was touched */
    response->refusal = refusal;
    if (rc == MCMP_OK)
        rc = write_refusal(response, row, mcmp__span(mess, len));
    if (rc == MCMP_OK)
        rc = refusal == MCMP_REFUSAL_TABLES ? response->leftover.failed : MCMP_OK;
    if (rc == MCMP_OK)
        return mcmp_response_end(response);
    drop_answer(response);
    return rc;
}

int mcmp_response_bad_http(mcmp_response *response, int code)
{
    mcmp_request request;
    int rc;

    mcmp_request_init(&request);
    request.flags = MCMP_REQUEST_CLOSE;
    rc = begin_error(response, &request, code == MCMP_ERR_NOMEM ? 500 : 400);
    if (rc == MCMP_OK)
        rc = put_header(response, mcmp__span_str("Content-Type"), mcmp__span_str("text/plain"));
    mcmp__buf_add_str(&response->body, mcmp_strerror(code));
    mcmp__buf_add_char(&response->body, '\n');
    if (rc == MCMP_OK)
        return mcmp_response_end(response);
    drop_answer(response);
    return rc;
}

void mcmp_response_begin_leftover(mcmp_response *response)
{
    mcmp__buf_reset(&response->leftover);
    response->leftover_count = 0;
}

void mcmp_response_count_leftover(mcmp_response *response, uint64_t count)
{
    response->leftover_count += count;
}

static size_t entry_text(char *out, size_t max, mcmp_span route, mcmp_span alias, mcmp_span context)
{
    const mcmp_span parts[] = {
        mcmp__span_str(context.len > 0 ? "Can't update or insert context for node with \""
                                       : "Can't update or insert host alias for node with \""),
        route,
        mcmp__span_str("\" JVMRoute ("),
        context,
        mcmp__span_str(context.len > 0 ? " and alias: " : ""),
        alias,
        mcmp__span_str(")"),
    };
    size_t len = 0;

    for (size_t i = 0; i < MCMP__COUNT(parts); i++)
        len = mcmp__mess_add(out, len, max, parts[i]);
    return len;
}

/* Entries stand whole in the Mess or are counted; only a first one that fills it all is cut. */
int mcmp_response_leftover(mcmp_response *response, mcmp_span route, mcmp_span alias,
                           mcmp_span context)
{
    const size_t room = MCMP__MESS_MAX - (sizeof("MEM: ") - 1) - MORE_ROOM;
    mcmp__buf *text = &response->leftover;
    char entry[MCMP__MESS_MAX];
    size_t len;

    if (response->leftover_count > 0) {
        response->leftover_count++;
        return text->failed;
    }
    len = entry_text(entry, room, route, alias, context);
    if (text->len > 0 && text->len + 2 + len > room) {
        response->leftover_count++;
        return text->failed;
    }
    if (text->len > 0)
        mcmp__buf_add(text, ", ", 2);
    mcmp__buf_add(text, entry, len);
    return text->failed;
}

int mcmp_response_decoder(mcmp_response *response, const mcmp_command_limits *limits,
                          mcmp_decoder **out, mcmp_error *err)
{
    if (response->decoder == NULL) {
        int rc = mcmp_decoder_new(&response->decoder, limits, &response->allocator, err);

        if (rc != MCMP_OK)
            return rc;
    }
    *out = response->decoder;
    return MCMP_OK;
}

static mcmp_span keep_text(mcmp__buf *texts, mcmp_span text)
{
    size_t at = texts->len;

    mcmp__buf_add_span(texts, text);
    return mcmp__span(texts->data + at, text.len);
}

/* The probe with its texts; room is reserved first, so the texts do not move. */
static int keep_probe(mcmp_response *response, const mcmp_probe *probe)
{
    mcmp__buf *texts = &response->pending_text;

    if (texts->data != NULL && probe->host.ptr == texts->data) {
        response->probe = *probe; /* given back: its texts are where they were */
        return MCMP_OK;
    }
    mcmp__buf_reset(texts);
    if (mcmp__buf_reserve(texts, probe->host.len + probe->method.len + probe->path.len +
                                     probe->authority.len + 1) != MCMP_OK)
        return MCMP_ERR_NOMEM;
    response->probe = *probe;
    response->probe.host = keep_text(texts, probe->host);
    response->probe.method = keep_text(texts, probe->method);
    response->probe.path = keep_text(texts, probe->path);
    response->probe.authority = keep_text(texts, probe->authority);
    return MCMP_OK;
}

int mcmp_response_set_pending(mcmp_response *response, const mcmp_pending *pending)
{
    response->is_pending = 0;
    if (pending == NULL)
        return MCMP_OK;
    if (pending->probe != NULL && keep_probe(response, pending->probe) != MCMP_OK)
        return MCMP_ERR_NOMEM;
    drop_answer(response);
    response->pending = *pending;
    response->pending.struct_size = sizeof(response->pending);
    response->pending.probe = pending->probe != NULL ? &response->probe : NULL;
    response->is_pending = 1;
    return MCMP_OK;
}
