/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small answers of the host's own: errors above all. One table has the reason phrases; which error
 * code deserves which status is said here once.
 */
#include "http.h"

typedef struct reason_row {
    uint32_t status;
    const char *text;
} reason_row;

static const reason_row reasons[] = {
    { 100, "Continue" },
    { 101, "Switching Protocols" },
    { 200, "OK" },
    { 204, "No Content" },
    { 301, "Moved Permanently" },
    { 302, "Found" },
    { 304, "Not Modified" },
    { 307, "Temporary Redirect" },
    { 308, "Permanent Redirect" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 408, "Request Timeout" },
    { 411, "Length Required" },
    { 413, "Content Too Large" },
    { 414, "URI Too Long" },
    { 417, "Expectation Failed" },
    { 421, "Misdirected Request" },
    { 426, "Upgrade Required" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
    { 504, "Gateway Timeout" },
    { 505, "HTTP Version Not Supported" },
};

typedef struct status_row {
    int code;
    uint32_t status;
} status_row;

static const status_row statuses[] = {
    { MCMP_ERR_HTTP_LINE, 400 },    { MCMP_ERR_HTTP_HEADER, 400 },
    { MCMP_ERR_HTTP_FRAMING, 400 }, { MCMP_ERR_HTTP_SIZE, 431 },
    { MCMP_ERR_HTTP_CHUNK, 400 },   { MCMP_ERR_HTTP_VERSION, 505 },
    { MCMP_ERR_HTTP_HOST, 400 },    { MCMP_ERR_HTTP_TARGET_SIZE, 414 },
    { MCMP_ERR_HTTP_CODING, 501 },  { MCMP_ERR_HTTP_METHOD, 501 },
    { MCMP_ERR_HTTP_UPGRADE, 502 }, { MCMP_ERR_HTTP_BODY_SIZE, 413 },
    { MCMP_ERR_TRUNCATED, 400 },
};

void mcmp_http_answer_init_sized(mcmp_http_answer *answer, size_t size)
{
    mcmp__sized_init(answer, size);
}

const char *mcmp_http_reason(uint32_t status)
{
    for (size_t i = 0; i < MCMP__COUNT(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return "";
}

uint32_t mcmp_http_status_of(int code)
{
    for (size_t i = 0; i < MCMP__COUNT(statuses); i++)
        if (statuses[i].code == code)
            return statuses[i].status;
    return 500;
}

static int check(const mcmp_http_answer *answer, mcmp_error *err)
{
    int rc;

    if ((answer->flags & ~(MCMP_HTTP_KEEP_ALIVE | MCMP_HTTP_NO_BODY)) != 0)
        return mcmp__fail(err, MCMP_ERR_UNSUPPORTED, "flags", "unknown flags");
    if (answer->status < 200 || answer->status > 599)
        return mcmp__fail(err, MCMP_ERR_INVALID, "status", "the status is not 200..599");
    rc = mcmp__http_check_texts(&answer->type, 1, err);
    if (rc == MCMP_OK)
        rc = mcmp__http_check_lines(answer->add, answer->add_count, err);
    return rc;
}

static void put_connection(mcmp__out *out, const mcmp_http_answer *answer)
{
    if ((answer->flags & MCMP_HTTP_KEEP_ALIVE) == 0)
        MCMP__PUT(out, "Connection: close\r\n");
    else if (answer->minor == 0)
        MCMP__PUT(out, "Connection: keep-alive\r\n");
}

/* "503 Service Unavailable", used in the status line and as the body's default. */
static size_t status_text(char *text, uint32_t status)
{
    const char *reason = mcmp_http_reason(status);
    size_t len = mcmp__format_uint(text, status);
    size_t more = strlen(reason);

    text[len++] = ' ';
    memcpy(text + len, reason, more);
    return len + more;
}

static void put_answer(mcmp__out *out, const mcmp_http_answer *answer)
{
    char text[64];
    size_t len = status_text(text, answer->status);
    int bare = answer->status == 204 || answer->status == 304;
    mcmp_span body = answer->body;

    MCMP__PUT(out, "HTTP/1.1 ");
    mcmp__http_put(out, text, len);
    MCMP__PUT(out, "\r\n");
    text[len++] = '\n';
    if (body.len == 0)
        body = mcmp__span(text, len);
    if (!bare) {
        MCMP__PUT(out, "Content-Type: ");
        if (answer->type.len != 0)
            mcmp__http_put_span(out, answer->type);
        else
            MCMP__PUT(out, "text/plain");
        MCMP__PUT(out, "\r\nContent-Length: ");
        mcmp__http_put_uint(out, body.len);
        MCMP__PUT(out, "\r\n");
    }
    if (answer->retry_after != 0) {
        MCMP__PUT(out, "Retry-After: ");
        mcmp__http_put_uint(out, answer->retry_after);
        MCMP__PUT(out, "\r\n");
    }
    for (size_t i = 0; i < answer->add_count; i++)
        mcmp__http_put_line(out, answer->add[i].name, answer->add[i].value);
    put_connection(out, answer);
    MCMP__PUT(out, "\r\n");
    if (!bare && (answer->flags & MCMP_HTTP_NO_BODY) == 0)
        mcmp__http_put_span(out, body);
}

int mcmp_http_encode_answer(const mcmp_http_answer *answer, char *out, size_t size, size_t *out_len,
                            mcmp_error *err)
{
    mcmp__out writer = { out, size, 0 };
    mcmp_http_answer local;
    int rc = mcmp__sized_in(&local, sizeof(local), answer, sizeof(local.struct_size));

    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "answer", "the struct is of a size that is not known");
    rc = check(&local, err);
    if (rc != MCMP_OK)
        return rc;
    put_answer(&writer, &local);
    return mcmp__http_put_done(&writer, out_len, err);
}
