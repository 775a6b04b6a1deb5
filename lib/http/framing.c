/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a whole head means: where its body ends, whether the connection goes on, which headers end
 * at this hop. Whatever two parties could read in two ways is refused (AJP13 5, RFC 9112 6.3):
 * smuggling lives from the difference.
 */
#include "http.h"

#define OPTION_CLOSE 0x1u
#define OPTION_KEEP_ALIVE 0x2u
#define OPTION_UPGRADE 0x4u

static int fail_field(const mcmp_http_head *head, uint32_t id, int code, const char *name,
                      const char *text, mcmp_error *err)
{
    return mcmp__http_fail_at(err, code, name, mcmp__head_first(head, id)->value, text);
}

/* 1*DIGIT below 2^63. */
static int read_length(mcmp_span text, uint64_t *out)
{
    uint64_t value = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (!mcmp__is_digit(text.ptr[i]) || value > (uint64_t)INT64_MAX / 10)
            return -1;
        value = value * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    *out = value;
    return text.len != 0 && value <= INT64_MAX ? 0 : -1;
}

static int take_length(mcmp_http_head *head, mcmp_error *err)
{
    const uint32_t id = MCMP_HTTP_FIELD_CONTENT_LENGTH;

    if ((head->repeated & MCMP__BIT(id)) != 0)
        return fail_field(head, id, MCMP_ERR_HTTP_FRAMING, "Content-Length",
                          "Content-Length is repeated", err);
    if (read_length(mcmp__row_value(head, mcmp__head_first(head, id)), &head->info.length) != 0)
        return fail_field(head, id, MCMP_ERR_HTTP_FRAMING, "Content-Length",
                          "Content-Length is not a decimal number below 2^63", err);
    head->info.flags |= MCMP_HTTP_HAS_LENGTH;
    return MCMP_OK;
}

/* Only `chunked` alone passes. Of the others, a list that ends in it is a coding we don't have. */
static int take_coding(mcmp_http_head *head, mcmp_error *err)
{
    const uint32_t id = MCMP_HTTP_FIELD_TRANSFER_ENCODING;
    mcmp_span rest = mcmp__row_value(head, mcmp__head_first(head, id));
    mcmp_span coding = { NULL, 0 };
    int codings = 0;
    int chunked = 0;
    int code = MCMP_ERR_HTTP_FRAMING;

    if (head->info.minor == 0)
        return fail_field(head, id, code, "Transfer-Encoding", "Transfer-Encoding in HTTP/1.0",
                          err);
    if (mcmp__head_has(head, MCMP_HTTP_FIELD_CONTENT_LENGTH))
        return fail_field(head, id, code, "Transfer-Encoding",
                          "Transfer-Encoding together with Content-Length", err);
    if ((head->repeated & MCMP__BIT(id)) != 0)
        return fail_field(head, id, code, "Transfer-Encoding", "Transfer-Encoding is repeated",
                          err);
    if (MCMP__HTTP_IS(rest, "chunked"))
        return MCMP_OK;
    for (; mcmp__http_list_next(&rest, &coding); codings++)
        chunked += MCMP__HTTP_IS(coding, "chunked");
    if (codings > 1 && chunked == 1 && MCMP__HTTP_IS(coding, "chunked"))
        code = MCMP_ERR_HTTP_CODING;
    return fail_field(head, id, code, "Transfer-Encoding", "Transfer-Encoding is not chunked", err);
}

/* RFC 9110 7.6.1: what Connection names ends here. */
static void mark_listed(mcmp_http_head *head, mcmp_span name)
{
    for (uint32_t i = 0; i < head->info.header_count; i++) {
        mcmp__http_row *row = &head->rows[i];

        if (row->id == MCMP_HTTP_FIELD_OTHER && row->name_len == name.len &&
            mcmp__span_eq_nocase(mcmp__row_name(head, row), name))
            row->hop = 1;
    }
}

static uint32_t known_option(mcmp_span option)
{
    if (MCMP__HTTP_IS(option, "keep-alive"))
        return OPTION_KEEP_ALIVE;
    if (MCMP__HTTP_IS(option, "close"))
        return OPTION_CLOSE;
    if (MCMP__HTTP_IS(option, "upgrade"))
        return OPTION_UPGRADE;
    return 0;
}

static int take_options_of(mcmp_http_head *head, const mcmp__http_row *row, uint32_t *options,
                           uint32_t *budget, mcmp_error *err)
{
    mcmp_span rest = mcmp__row_value(head, row);
    mcmp_span option;

    while (mcmp__http_list_next(&rest, &option)) {
        uint32_t known = known_option(option);
        uint32_t id;

        *options |= known;
        if (known != 0)
            continue;
        if (!mcmp__http_is_token(option))
            return mcmp__http_fail_at(err, MCMP_ERR_HTTP_HEADER, "Connection", row->value,
                                      "Connection is not a list of names");
        if ((*budget)-- == 0)
            return mcmp__http_fail_at(err, MCMP_ERR_HTTP_SIZE, "Connection", row->value,
                                      "Connection names too many headers");
        id = mcmp__http_field_id(option.ptr, option.len);
        if (id != MCMP_HTTP_FIELD_OTHER)
            head->listed |= MCMP__BIT(id);
        else
            mark_listed(head, option);
    }
    return MCMP_OK;
}

static int take_connection(mcmp_http_head *head, uint32_t *options, mcmp_error *err)
{
    const uint32_t id = MCMP_HTTP_FIELD_CONNECTION;
    uint32_t budget = MCMP__HTTP_MAX_OPTIONS;
    int rc = MCMP_OK;

    *options = 0;
    if (!mcmp__head_has(head, id))
        return MCMP_OK;
    for (uint32_t i = head->first[id]; i < head->info.header_count && rc == MCMP_OK; i++)
        if (head->rows[i].id == id)
            rc = take_options_of(head, &head->rows[i], options, &budget, err);
    return rc;
}

/* The parts that requests and responses have in common. */
static int settle(mcmp_http_head *head, uint32_t *options, mcmp_error *err)
{
    mcmp_http_info *info = &head->info;
    int rc = MCMP_OK;

    info->framing = MCMP_HTTP_FRAMING_NONE;
    if (mcmp__head_has(head, MCMP_HTTP_FIELD_TRANSFER_ENCODING)) {
        rc = take_coding(head, err);
        info->framing = MCMP_HTTP_FRAMING_CHUNKED;
    } else if (mcmp__head_has(head, MCMP_HTTP_FIELD_CONTENT_LENGTH)) {
        rc = take_length(head, err);
        info->framing = MCMP_HTTP_FRAMING_LENGTH;
    }
    if (rc == MCMP_OK)
        rc = take_connection(head, options, err);
    if (rc != MCMP_OK)
        return rc;
    if ((*options & OPTION_CLOSE) == 0 && (info->minor == 1 || (*options & OPTION_KEEP_ALIVE) != 0))
        info->flags |= MCMP_HTTP_KEEP_ALIVE;
    return MCMP_OK;
}

static int take_host(mcmp_http_head *head, mcmp_error *err)
{
    const uint32_t id = MCMP_HTTP_FIELD_HOST;

    if (!mcmp__head_has(head, id)) {
        if (head->info.minor == 0)
            return MCMP_OK;
        return mcmp__http_fail_at(err, MCMP_ERR_HTTP_HOST, "Host", head->line, "Host is missing");
    }
    if ((head->repeated & MCMP__BIT(id)) != 0)
        return fail_field(head, id, MCMP_ERR_HTTP_HOST, "Host", "Host is repeated", err);
    if (!mcmp__http_host_is_valid(mcmp__row_value(head, mcmp__head_first(head, id))))
        return fail_field(head, id, MCMP_ERR_HTTP_HOST, "Host", "Host is not a host and a port",
                          err);
    return MCMP_OK;
}

int mcmp__http_head_settle_request(mcmp_http_head *head, mcmp_error *err)
{
    mcmp_http_info *info = &head->info;
    uint32_t options;
    int rc = take_host(head, err);

    if (rc == MCMP_OK)
        rc = settle(head, &options, err);
    if (rc != MCMP_OK)
        return rc;
    if (info->minor == 0)
        return MCMP_OK;
    /* A body before the change of protocol has no agreed place: such an Upgrade is left out. */
    if ((options & OPTION_UPGRADE) != 0 && mcmp__head_has(head, MCMP_HTTP_FIELD_UPGRADE) &&
        (head->repeated & MCMP__BIT(MCMP_HTTP_FIELD_UPGRADE)) == 0 &&
        info->framing == MCMP_HTTP_FRAMING_NONE)
        info->flags |= MCMP_HTTP_UPGRADE;
    if (mcmp__head_has(head, MCMP_HTTP_FIELD_EXPECT) && info->framing != MCMP_HTTP_FRAMING_NONE) {
        mcmp_span expect = mcmp__row_value(head, mcmp__head_first(head, MCMP_HTTP_FIELD_EXPECT));

        if (MCMP__HTTP_IS(expect, "100-continue"))
            info->flags |= MCMP_HTTP_EXPECT_CONTINUE;
    }
    return MCMP_OK;
}

static int never_has_body(uint32_t status)
{
    return status < 200 || status == 204 || status == 304;
}

int mcmp__http_head_settle_response(mcmp_http_head *head, mcmp_error *err)
{
    mcmp_http_info *info = &head->info;
    uint32_t options;
    uint32_t announced;
    int rc = settle(head, &options, err);

    if (rc != MCMP_OK)
        return rc;
    info->method = head->request_method;
    announced = info->framing;
    if (info->method == MCMP_HTTP_HEAD || never_has_body(info->status))
        info->framing = MCMP_HTTP_FRAMING_NONE;
    else if (announced == MCMP_HTTP_FRAMING_NONE)
        info->framing = MCMP_HTTP_FRAMING_CLOSE;
    /* RFC 9112 6.1, 6.3: 1xx and 204 announce no body. Who does may send it: don't read on. */
    if ((info->status < 200 || info->status == 204) && announced != MCMP_HTTP_FRAMING_NONE &&
        (announced == MCMP_HTTP_FRAMING_CHUNKED || info->length != 0))
        info->flags &= ~MCMP_HTTP_KEEP_ALIVE;
    if (info->framing == MCMP_HTTP_FRAMING_CLOSE)
        info->flags &= ~MCMP_HTTP_KEEP_ALIVE;
    if (info->status == 101 && mcmp__head_has(head, MCMP_HTTP_FIELD_UPGRADE) &&
        (options & OPTION_UPGRADE) != 0)
        info->flags |= MCMP_HTTP_UPGRADE;
    return MCMP_OK;
}
