/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads of requests and responses, line by line, out of the host's buffer. A line is looked at
 * when its LF is there, so the result can't depend on how the bytes were cut; the search for that
 * LF goes on where it stopped, so each byte is searched once. Limits bound where an LF may be at
 * all. RFC 9112, without its leniencies: bare LF, bare CR, obs-fold and blanks before the colon
 * are refused.
 */
#include "http.h"

#define DEFAULT_LINE 8192u
#define DEFAULT_HEADERS 100u
#define DEFAULT_HEAD 65536u
#define MOST_HEADERS 10000u
#define MOST_HEAD (16u << 20)
#define VERSION_LEN 8 /* HTTP/1.1 */
#define REASON_AT (VERSION_LEN + 1 + 3 + 1)

void mcmp_http_options_init_sized(mcmp_http_options *opts, size_t size)
{
    mcmp__sized_init(opts, size);
}

void mcmp_http_info_init_sized(mcmp_http_info *info, size_t size)
{
    mcmp__sized_init(info, size);
}

int mcmp__http_fail_at(mcmp_error *err, int code, const char *field, uint64_t offset,
                       const char *text)
{
    (void)mcmp__fail(err, code, field, "%s", text);
    mcmp__error_at(err, offset);
    return code;
}

static int take_options(mcmp_http_options *dst, const mcmp_http_options *src, mcmp_error *err)
{
    int rc = mcmp__sized_in(dst, sizeof(*dst), src, sizeof(dst->struct_size));

    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "options", "options of a size or version that is not known");
    if (dst->flags != 0)
        return mcmp__fail(err, MCMP_ERR_UNSUPPORTED, "flags", "unknown flags");
    if (dst->max_head == 0)
        dst->max_head = DEFAULT_HEAD;
    if (dst->max_line == 0)
        dst->max_line = MCMP__MIN(DEFAULT_LINE, dst->max_head);
    if (dst->max_headers == 0)
        dst->max_headers = DEFAULT_HEADERS;
    if (dst->max_head > MOST_HEAD)
        return mcmp__fail(err, MCMP_ERR_INVALID, "max_head", "max_head is over 16 MiB");
    if (dst->max_line > dst->max_head)
        return mcmp__fail(err, MCMP_ERR_INVALID, "max_line", "max_line is over max_head");
    if (dst->max_headers > MOST_HEADERS)
        return mcmp__fail(err, MCMP_ERR_INVALID, "max_headers", "max_headers is over 10000");
    return MCMP_OK;
}

int mcmp_http_head_new(mcmp_http_head **out, const mcmp_http_options *opts, mcmp_error *err)
{
    mcmp_http_options taken;
    mcmp_allocator allocator;
    mcmp_http_head *head;
    size_t size;
    int rc;

    if (out == NULL)
        return mcmp__fail(err, MCMP_ERR_INVALID, "out", "out is NULL");
    rc = take_options(&taken, opts, err);
    if (rc != MCMP_OK)
        return rc;
    rc = mcmp__allocator_take(&allocator, taken.allocator);
    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "allocator", "the allocator is not valid");
    size = sizeof(*head) + taken.max_headers * sizeof(head->rows[0]);
    head = mcmp__alloc(&allocator, size);
    if (head == NULL)
        return mcmp__fail(err, MCMP_ERR_NOMEM, NULL, "no memory for a head parser");
    memset(head, 0, sizeof(*head));
    head->allocator = allocator;
    head->size = size;
    head->max_line = taken.max_line;
    head->max_headers = taken.max_headers;
    head->max_head = taken.max_head;
    *out = head;
    return MCMP_OK;
}

void mcmp_http_head_free(mcmp_http_head *head)
{
    if (head == NULL)
        return;
    mcmp_allocator allocator = head->allocator;
    mcmp__free(&allocator, head, head->size);
}

void mcmp_http_head_reset(mcmp_http_head *head)
{
    head->state = MCMP__HEAD_FRESH;
}

void mcmp__http_head_begin(mcmp_http_head *head, uint32_t response)
{
    head->state = MCMP__HEAD_FIRST;
    head->line = 0;
    head->scan = 0;
    head->odd = 0;
    head->empty_lines = 0;
    head->response = response;
    head->seen = 0;
    head->repeated = 0;
    head->listed = 0;
    memset(&head->info, 0, sizeof(head->info));
    head->info.struct_size = sizeof(head->info);
}

/* " HTTP/1.x" at the end of a request line, or "HTTP/1.x " before a status. */
static int take_version(mcmp_http_head *head, const char *text, uint64_t offset, mcmp_error *err)
{
    if (memcmp(text, "HTTP/", 5) != 0 || !mcmp__is_digit(text[5]) || text[6] != '.' ||
        !mcmp__is_digit(text[7]))
        return mcmp__http_fail_at(err, MCMP_ERR_HTTP_LINE, "version", offset,
                                  "no HTTP version where one belongs");
    if (text[5] != '1' || text[7] > '1')
        return mcmp__http_fail_at(err, MCMP_ERR_HTTP_VERSION, "version", offset,
                                  "the HTTP version is not 1.0 or 1.1");
    head->info.minor = (uint32_t)(text[7] - '0');
    return MCMP_OK;
}

/* RFC 9112 3: method SP request-target SP HTTP-version, each SP exactly one. */
static int take_request_line(mcmp_http_head *head, size_t len, mcmp_error *err)
{
    mcmp_http_info *info = &head->info;
    const char *text = head->base + head->line;
    size_t method = 0;
    size_t target;
    size_t bad;
    int rc;

    while (method < len && mcmp__http_char_is(text[method], MCMP__CHAR_TOKEN))
        method++;
    if (method == 0 || method == len || text[method] != ' ')
        return mcmp__http_fail_at(err, MCMP_ERR_HTTP_LINE, "method", head->line + method,
                                  "the method is not a token and a blank");
    if (len < method + 2 + 1 + VERSION_LEN || text[len - VERSION_LEN - 1] != ' ')
        return mcmp__http_fail_at(err, MCMP_ERR_HTTP_LINE, "version", head->line + len,
                                  "the request line has no target or version");
    rc = take_version(head, text + len - VERSION_LEN, head->line + len - VERSION_LEN, err);
    if (rc != MCMP_OK)
        return rc;
    target = len - VERSION_LEN - 1 - (method + 1);
    bad = mcmp__http_target_bad(text + method + 1, target);
    if (bad != target)
        return mcmp__http_fail_at(err, MCMP_ERR_HTTP_LINE, "target", head->line + method + 1 + bad,
                                  "a blank or control byte in the request target");
    info->method_name = mcmp__span(text, method);
    info->target.len = target;
    head->start = head->line;
    info->method = mcmp__http_method_id(info->method_name);
    if (mcmp__span_is(info->method_name, "CONNECT"))
        return mcmp__http_fail_at(err, MCMP_ERR_HTTP_METHOD, "method", head->line,
                                  "CONNECT is not forwarded");
    return MCMP_OK;
}

/* RFC 9112 4: HTTP-version SP 3DIGIT SP [reason] */
static int take_status_line(mcmp_http_head *head, size_t len, mcmp_error *err)
{
    mcmp_http_info *info = &head->info;
    const char *text = head->base + head->line;
    const char *code = text + VERSION_LEN + 1;
    size_t fixed = REASON_AT;
    size_t bad;
    int rc;

    if (len < fixed || text[VERSION_LEN] != ' ' || code[3] != ' ')
        return mcmp__http_fail_at(err, MCMP_ERR_HTTP_LINE, "status", head->line,
                                  "the status line is not version, status and reason");
    rc = take_version(head, text, head->line, err);
    if (rc != MCMP_OK)
        return rc;
    if (code[0] < '1' || code[0] > '5' || !mcmp__is_digit(code[1]) || !mcmp__is_digit(code[2]))
        return mcmp__http_fail_at(err, MCMP_ERR_HTTP_LINE, "status", head->line + VERSION_LEN + 1,
                                  "the status is not 100..599");
    bad = mcmp__http_text_bad(text + fixed, len - fixed);
    if (bad != len - fixed)
        return mcmp__http_fail_at(err, MCMP_ERR_HTTP_LINE, "reason", head->line + fixed + bad,
                                  "a control byte in the reason phrase");
    info->status = (uint32_t)((code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0'));
    info->reason.len = len - fixed;
    return MCMP_OK;
}

static int take_first_line(mcmp_http_head *head, size_t len, mcmp_error *err)
{
    int rc;

    if (len == 0 && !head->response && head->empty_lines < MCMP__HTTP_EMPTY_LINES) {
        head->empty_lines++;
        return MCMP_OK;
    }
    rc = head->response ? take_status_line(head, len, err) : take_request_line(head, len, err);
    if (rc == MCMP_OK)
        head->state = MCMP__HEAD_FIELDS;
    return rc;
}

static int fail_name(const mcmp_http_head *head, size_t at, mcmp_error *err)
{
    const char *line = head->base + head->line;
    const char *text = "the header name is not a token and a colon";

    if (at == 0 && (line[0] == ' ' || line[0] == '\t'))
        text = "a folded header line, or a blank before the first one";
    else if (at == 0)
        text = "the header name is empty";
    else if (line[at] == ' ' || line[at] == '\t')
        text = "a blank between header name and colon";
    return mcmp__http_fail_at(err, MCMP_ERR_HTTP_HEADER, "name", head->line + at, text);
}

/* The line ends with CR, which is no token byte: it stops the scan of the name. */
static int take_field(mcmp_http_head *head, size_t len, mcmp_error *err)
{
    const char *text = head->base + head->line;
    const char *stop = text + len;
    const char *value = text;
    mcmp__http_row *row;
    size_t name_len;
    size_t bad;

    while (mcmp__http_char_is(*value, MCMP__CHAR_TOKEN))
        value++;
    name_len = (size_t)(value - text);
    if (name_len == 0 || *value != ':')
        return fail_name(head, name_len, err);
    if (head->info.header_count == head->max_headers)
        return mcmp__http_fail_at(err, MCMP_ERR_HTTP_SIZE, "max_headers", head->line,
                                  "too many header lines");
    value++;
    while (value < stop && (*value == ' ' || *value == '\t'))
        value++;
    while (stop > value && (stop[-1] == ' ' || stop[-1] == '\t'))
        stop--;
    bad = head->odd ? mcmp__http_text_bad(value, (size_t)(stop - value)) : (size_t)(stop - value);
    if (bad != (size_t)(stop - value))
        return mcmp__http_fail_at(err, MCMP_ERR_HTTP_HEADER, "value",
                                  (uint64_t)(value - head->base) + bad,
                                  "a control byte in a header value");
    row = &head->rows[head->info.header_count];
    row->name = head->line;
    row->name_len = (uint32_t)name_len;
    row->value = (uint32_t)(value - head->base);
    row->value_len = (uint32_t)(stop - value);
    row->id = (uint8_t)mcmp__http_field_id(text, name_len);
    row->hop = 0;
    if (row->id != MCMP_HTTP_FIELD_OTHER)
        mcmp__head_note(head, row->id);
    head->info.header_count++;
    return MCMP_OK;
}

/* A whole line, LF at end. MCMP_DONE: it was the empty one behind the headers. */
static int take_line(mcmp_http_head *head, size_t end, mcmp_error *err)
{
    size_t len = end - head->line;
    int rc;

    if (len == 0 || head->base[end - 1] != '\r')
        return mcmp__http_fail_at(
            err, head->state == MCMP__HEAD_FIRST ? MCMP_ERR_HTTP_LINE : MCMP_ERR_HTTP_HEADER,
            "line", end, "a line ends with LF alone");
    len--;
    if (head->state == MCMP__HEAD_FIRST)
        rc = take_first_line(head, len, err);
    else if (len == 0)
        rc = MCMP_DONE;
    else
        rc = take_field(head, len, err);
    head->line = head->scan = (uint32_t)end + 1;
    head->odd = 0;
    return rc;
}

static int fail_size(const mcmp_http_head *head, mcmp_error *err)
{
    int by_line = head->line + head->max_line + 1 < head->max_head;
    int code = MCMP_ERR_HTTP_SIZE;

    if (head->state == MCMP__HEAD_FIRST && !head->response)
        code = MCMP_ERR_HTTP_TARGET_SIZE;
    return mcmp__http_fail_at(err, code, by_line ? "max_line" : "max_head", head->line,
                              by_line ? "a line of the head is too long" : "the head is too long");
}

/* Garbage such as a TLS hello has no LF to wait for: its first byte tells. */
static int check_first_byte(const mcmp_http_head *head, mcmp_error *err)
{
    char c = head->base[head->line];

    if (head->response ? c == 'H' : (mcmp__http_char_is(c, MCMP__CHAR_TOKEN) || c == '\r'))
        return MCMP_OK;
    return mcmp__http_fail_at(err, MCMP_ERR_HTTP_LINE, "line", head->line,
                              "the first byte can't begin an HTTP message");
}

static int take_lines(mcmp_http_head *head, size_t len, mcmp_error *err)
{
    int rc = MCMP_OK;

    while (rc == MCMP_OK) {
        /* where the LF of this line may be at the latest */
        size_t last =
            MCMP__MIN((size_t)head->line + head->max_line + 1, (size_t)head->max_head - 1);
        size_t window = MCMP__MIN(len, last + 1);
        size_t end = head->scan;

        if (head->state == MCMP__HEAD_FIRST && head->line < len) {
            rc = check_first_byte(head, err);
            if (rc != MCMP_OK)
                return rc;
        }
        if (end < window)
            end += mcmp__http_line_end(head->base + end, window - end, &head->odd);
        if (end >= window || head->base[end] != '\n') {
            if (window > last)
                return fail_size(head, err);
            head->scan = (uint32_t)end;
            return MCMP_NEED_MORE;
        }
        rc = take_line(head, end, err);
    }
    return rc;
}

/* Only lengths and offsets are kept while the bytes may still move; this makes texts of them. */
static void place(mcmp_http_head *head, const char *base)
{
    mcmp_http_info *info = &head->info;

    head->base = base;
    if (head->response) {
        info->reason.ptr = base + REASON_AT;
    } else {
        info->method_name.ptr = base + head->start;
        info->target.ptr = base + head->start + info->method_name.len + 1;
    }
    if (mcmp__head_has(head, MCMP_HTTP_FIELD_HOST))
        info->host = mcmp__row_value(head, mcmp__head_first(head, MCMP_HTTP_FIELD_HOST));
    if ((info->flags & MCMP_HTTP_UPGRADE) != 0)
        info->upgrade = mcmp__row_value(head, mcmp__head_first(head, MCMP_HTTP_FIELD_UPGRADE));
}

static int parse(mcmp_http_head *head, uint32_t response, const void *data, size_t len,
                 mcmp_error *err)
{
    int rc;

    if (head->state == MCMP__HEAD_FRESH || head->state >= MCMP__HEAD_DONE)
        mcmp__http_head_begin(head, response);
    if (head->response != response || len < head->scan)
        return mcmp__fail(err, MCMP_ERR_STATE, NULL, "another head is in work: reset first");
    head->base = data;
    rc = take_lines(head, len, err);
    if (rc == MCMP_NEED_MORE)
        return rc;
    if (rc == MCMP_DONE) {
        head->info.head_size = head->line;
        rc = response ? mcmp__http_head_settle_response(head, err)
                      : mcmp__http_head_settle_request(head, err);
        place(head, data);
    }
    head->state = rc == MCMP_OK ? MCMP__HEAD_DONE : MCMP__HEAD_SETTLED;
    return rc;
}

int mcmp_http_head_parse_request(mcmp_http_head *head, const void *data, size_t len,
                                 mcmp_error *err)
{
    return parse(head, 0, data, len, err);
}

int mcmp_http_head_parse_response(mcmp_http_head *head, uint32_t request_method, const void *data,
                                  size_t len, mcmp_error *err)
{
    head->request_method = request_method;
    return parse(head, 1, data, len, err);
}

int mcmp_http_head_rebase(mcmp_http_head *head, const void *data)
{
    if (head->state != MCMP__HEAD_DONE)
        return MCMP_ERR_STATE;
    place(head, data);
    return MCMP_OK;
}

const mcmp_http_info *mcmp_http_head_info(const mcmp_http_head *head)
{
    return head->state == MCMP__HEAD_DONE ? &head->info : NULL;
}

int mcmp_http_head_header(const mcmp_http_head *head, uint32_t index, mcmp_pair *out,
                          uint32_t *out_id, uint32_t *out_flags)
{
    const mcmp__http_row *row = &head->rows[index];

    if (head->state != MCMP__HEAD_DONE || index >= head->info.header_count)
        return MCMP_ERR_NOT_FOUND;
    out->name = mcmp__row_name(head, row);
    out->value = mcmp__row_value(head, row);
    if (out_id != NULL)
        *out_id = row->id;
    if (out_flags != NULL)
        *out_flags = mcmp__row_is_hop(head, row) ? MCMP_HTTP_FIELD_HOP : 0;
    return MCMP_OK;
}

int mcmp_http_head_find(const mcmp_http_head *head, uint32_t id, mcmp_span *out)
{
    if (head->state != MCMP__HEAD_DONE || id == MCMP_HTTP_FIELD_OTHER || id >= MCMP__HTTP_FIELDS ||
        !mcmp__head_has(head, id))
        return MCMP_ERR_NOT_FOUND;
    *out = mcmp__row_value(head, mcmp__head_first(head, id));
    return MCMP_OK;
}

int mcmp_http_head_find_name(const mcmp_http_head *head, mcmp_span name, mcmp_span *out)
{
    if (head->state != MCMP__HEAD_DONE)
        return MCMP_ERR_NOT_FOUND;
    for (uint32_t i = 0; i < head->info.header_count; i++) {
        const mcmp__http_row *row = &head->rows[i];

        if (!mcmp__span_eq_nocase(mcmp__row_name(head, row), name))
            continue;
        *out = mcmp__row_value(head, row);
        return MCMP_OK;
    }
    return MCMP_ERR_NOT_FOUND;
}

size_t mcmp_http_head_values(const mcmp_http_head *head, uint32_t id, mcmp_span *out, size_t size)
{
    size_t count = 0;

    if (head->state != MCMP__HEAD_DONE || id == MCMP_HTTP_FIELD_OTHER || id >= MCMP__HTTP_FIELDS ||
        !mcmp__head_has(head, id))
        return 0;
    for (uint32_t i = head->first[id]; i < head->info.header_count; i++) {
        if (head->rows[i].id != id)
            continue;
        if (count < size)
            out[count] = mcmp__row_value(head, &head->rows[i]);
        count++;
        if ((head->repeated & MCMP__BIT(id)) == 0)
            break;
    }
    return count;
}
