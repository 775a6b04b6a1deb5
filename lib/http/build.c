/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A response head out of parts that another protocol brought. Written as the text that a node of
 * ours would have sent, so that all who read heads need not know: rows hold offsets, lines stand
 * one behind the other. What can't be such a line is refused before it becomes text.
 */
#include "http.h"

#define STATUS_LINE 13u /* "HTTP/1.1 200 " */

static int fail_line(const mcmp_pair *lines, const mcmp_pair *line, int code, const char *field,
                     const char *text, mcmp_error *err)
{
    return mcmp__http_fail_at(err, code, field, (uint64_t)(line - lines), text);
}

static void put_status(mcmp__out *out, uint32_t status, mcmp_span reason)
{
    char text[STATUS_LINE] = "HTTP/1.1 200";

    text[9] = (char)('0' + status / 100);
    text[10] = (char)('0' + status / 10 % 10);
    text[11] = (char)('0' + status % 10);
    text[12] = ' ';
    mcmp__http_put(out, text, sizeof(text));
    mcmp__http_put_span(out, reason);
    MCMP__PUT(out, "\r\n");
}

/* "name: value" and CRLF */
static void put_line(mcmp__out *out, mcmp_span name, mcmp_span value)
{
    size_t before = out->len;
    char *at;

    out->len += name.len + value.len + 4;
    if (out->len > out->size)
        return;
    at = out->data + before;
    memcpy(at, name.ptr, name.len);
    at += name.len;
    memcpy(at, ": ", 2);
    if (value.len != 0)
        memcpy(at + 2, value.ptr, value.len);
    memcpy(at + 2 + value.len, "\r\n", 2);
}

/* One line and its row; the text may not fit, then only its length counts. */
static void put_row(mcmp_http_head *head, mcmp__out *out, mcmp_span name, mcmp_span value,
                    uint32_t id)
{
    mcmp__http_row *row = &head->rows[head->info.header_count];

    row->name = (uint32_t)out->len;
    row->name_len = (uint32_t)name.len;
    row->value = (uint32_t)(out->len + name.len + 2);
    row->value_len = (uint32_t)value.len;
    row->id = (uint8_t)id;
    row->hop = 0;
    if (id != MCMP_HTTP_FIELD_OTHER)
        mcmp__head_note(head, id);
    head->info.header_count++;
    put_line(out, name, value);
}

/* A name that is known by number is letters and `-`, or has a CR that passed for a `-`. */
static int put_lines(mcmp_http_head *head, mcmp__out *out, const mcmp_pair *lines, size_t count,
                     mcmp_error *err)
{
    for (const mcmp_pair *line = lines; line < lines + count; line++) {
        mcmp_span value = mcmp__trimmed(line->value);
        uint32_t id;

        id = line->name.len != 0 ? mcmp__http_field_id(line->name.ptr, line->name.len) : 0;
        if (id == MCMP_HTTP_FIELD_OTHER ? !mcmp__http_is_token(line->name)
                                        : memchr(line->name.ptr, '\r', line->name.len) != NULL)
            return fail_line(lines, line, MCMP_ERR_HTTP_HEADER, "name",
                             "the header name is not a token", err);
        if (mcmp__http_text_bad(value.ptr, value.len) != value.len)
            return fail_line(lines, line, MCMP_ERR_HTTP_HEADER, "value",
                             "a control byte in a header value", err);
        if (id == MCMP_HTTP_FIELD_TRANSFER_ENCODING)
            continue;
        if (head->info.header_count == head->max_headers)
            return fail_line(lines, line, MCMP_ERR_HTTP_SIZE, "max_headers",
                             "too many header lines", err);
        if (line->name.len + 2 + value.len > head->max_line ||
            out->len + line->name.len + value.len + 6 > head->max_head)
            return fail_line(lines, line, MCMP_ERR_HTTP_SIZE, "max_head", "the head is too long",
                             err);
        put_row(head, out, line->name, value, id);
    }
    return MCMP_OK;
}

static int build(mcmp_http_head *head, uint32_t status, mcmp_span reason, const mcmp_pair *lines,
                 size_t count, mcmp__out *out, mcmp_error *err)
{
    int rc;

    if (status < 100 || status > 599)
        return mcmp__fail(err, MCMP_ERR_HTTP_LINE, "status", "the status is not 100..599");
    if (mcmp__http_text_bad(reason.ptr, reason.len) != reason.len)
        return mcmp__fail(err, MCMP_ERR_HTTP_LINE, "reason", "a control byte in the reason phrase");
    if (reason.len > head->max_line - MCMP__MIN(STATUS_LINE, head->max_line))
        return mcmp__fail(err, MCMP_ERR_HTTP_SIZE, "max_line", "the reason phrase is too long");
    put_status(out, status, reason);
    rc = put_lines(head, out, lines, count, err);
    if (rc == MCMP_OK)
        MCMP__PUT(out, "\r\n");
    return rc;
}

int mcmp_http_head_build_response(mcmp_http_head *head, uint32_t request_method, uint32_t status,
                                  mcmp_span reason, const mcmp_pair *lines, size_t count, char *out,
                                  size_t size, size_t *out_len, mcmp_error *err)
{
    mcmp__out writer = { out, size, 0 };
    int rc;

    mcmp__http_head_begin(head, 1);
    head->state = MCMP__HEAD_SETTLED;
    head->request_method = request_method;
    rc = build(head, status, reason, lines, count, &writer, err);
    if (rc == MCMP_OK)
        rc = mcmp__http_put_done(&writer, out_len, err);
    if (rc != MCMP_OK)
        return rc;
    head->base = out;
    head->info.status = status;
    head->info.minor = 1;
    head->info.reason = mcmp__span(out + STATUS_LINE, reason.len);
    head->info.head_size = writer.len;
    rc = mcmp__http_head_settle_response(head, err);
    if (rc != MCMP_OK)
        return rc;
    head->state = MCMP__HEAD_DONE;
    return mcmp_http_head_rebase(head, out);
}
