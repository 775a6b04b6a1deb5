/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Send Headers as the head of an HTTP/1.1 response. Names and values become header lines only after
 * mcmp_http_head_build_response() has found nothing in them that could be more than a line
 * (CVE-2026-33523, CVE-2022-37436). The status message never decides anything.
 */
#include "ajp.h"

#define FIRST_FIELD 1 /* behind the type */

static int fail_at(const mcmp_ajp_proxy *proxy, int code, const char *field, size_t at,
                   const char *text, mcmp_error *err)
{
    return mcmp__ajp_fail_at(err, code, field, proxy->packet_at + MCMP__AJP_FRAME + at, text);
}

static int take_name(const mcmp_ajp_proxy *proxy, mcmp__ajp_in *in, mcmp_span *name,
                     mcmp_error *err)
{
    size_t at = in->at;
    uint32_t len;

    if (mcmp__ajp_take16(in, &len) != 0)
        return fail_at(proxy, MCMP_ERR_AJP_STRING, "name", at, "the packet ends in a header", err);
    if (len >= MCMP__AJP_CODED) {
        uint32_t code = len - MCMP__AJP_CODED;

        if (code == 0 || code > MCMP__AJP_RESPONSE_CODES)
            return fail_at(proxy, MCMP_ERR_AJP_HEADER, "name", at,
                           "a header code that is not known", err);
        *name = mcmp__ajp_response_names[code];
        return MCMP_OK;
    }
    if (mcmp__ajp_take_rest(in, len, name) != 0)
        return fail_at(proxy, MCMP_ERR_AJP_STRING, "name", at, "a header name leaves its packet",
                       err);
    return MCMP_OK;
}

static int take_lines(const mcmp_ajp_proxy *proxy, mcmp__ajp_in *in, uint32_t count,
                      mcmp_error *err)
{
    if (count > proxy->max_headers)
        return fail_at(proxy, MCMP_ERR_AJP_SIZE, "max_headers", in->at, "too many header lines",
                       err);
    for (uint32_t i = 0; i < count; i++) {
        int rc = take_name(proxy, in, &proxy->lines[i].name, err);

        if (rc != MCMP_OK)
            return rc;
        if (mcmp__ajp_take_string(in, &proxy->lines[i].value) != 0)
            return fail_at(proxy, MCMP_ERR_AJP_STRING, "value", in->at,
                           "a header value leaves its packet", err);
    }
    if (in->at != in->len)
        return fail_at(proxy, MCMP_ERR_AJP_PACKET, "Send Headers", in->at,
                       "bytes behind the last header", err);
    return MCMP_OK;
}

/* Tomcat's message is the status again, others' is empty: then the usual phrase says more. */
static mcmp_span reason_for(mcmp_span message, uint32_t status)
{
    for (size_t i = 0; i < message.len; i++)
        if (!mcmp__is_digit(message.ptr[i]))
            return message;
    return mcmp__span_str(mcmp_http_reason(status));
}

/* What the head's own rules refuse is the node's fault, with the codes of this protocol. */
static int translate(int rc)
{
    switch (rc) {
    case MCMP_ERR_SPACE:
    case MCMP_ERR_HTTP_SIZE:
        return MCMP_ERR_AJP_SIZE;
    case MCMP_ERR_HTTP_LINE:
        return MCMP_ERR_AJP_STATUS;
    case MCMP_ERR_HTTP_FRAMING:
        return MCMP_ERR_AJP_LENGTH;
    default:
        return MCMP_ERR_AJP_HEADER;
    }
}

static int build(mcmp_ajp_proxy *proxy, uint32_t status, mcmp_span reason, uint32_t count,
                 mcmp_error *err)
{
    size_t len;

    return mcmp_http_head_build_response(proxy->head, proxy->method, status, reason, proxy->lines,
                                         count, proxy->text, proxy->text_size, &len, err);
}

/* Once more, for the detail. */
static int fail_build(mcmp_ajp_proxy *proxy, uint32_t status, mcmp_span reason, uint32_t count,
                      mcmp_error *err)
{
    mcmp_error detail;
    int rc;

    mcmp_error_init(&detail);
    rc = build(proxy, status, reason, count, &detail);
    return fail_at(proxy, translate(rc), detail.field, 0, detail.message, err);
}

int mcmp__ajp_reply_head(mcmp_ajp_proxy *proxy, const char *payload, size_t len, mcmp_error *err)
{
    mcmp__ajp_in in = { payload, len, FIRST_FIELD };
    mcmp_span message;
    uint32_t status;
    uint32_t count;
    int rc;

    if (mcmp__ajp_take16(&in, &status) != 0 || mcmp__ajp_take_string(&in, &message) != 0 ||
        mcmp__ajp_take16(&in, &count) != 0)
        return fail_at(proxy, MCMP_ERR_AJP_STRING, "message", in.at,
                       "the packet ends before its headers", err);
    rc = take_lines(proxy, &in, count, err);
    if (rc != MCMP_OK)
        return rc;
    message = reason_for(message, status);
    if (build(proxy, status, message, count, NULL) == MCMP_OK)
        return MCMP_OK;
    return fail_build(proxy, status, message, count, err);
}
