/* SPDX-License-Identifier: Apache-2.0 */
/* The names that AJP has codes for, AJP13 2 and 3. Tables only: nothing here depends on a role. */
#include "ajp.h"

const mcmp_span mcmp__ajp_methods[MCMP__AJP_METHODS + 1] = {
    [1] = MCMP__SPAN("OPTIONS"),
    [2] = MCMP__SPAN("GET"),
    [3] = MCMP__SPAN("HEAD"),
    [4] = MCMP__SPAN("POST"),
    [5] = MCMP__SPAN("PUT"),
    [6] = MCMP__SPAN("DELETE"),
    [7] = MCMP__SPAN("TRACE"),
    [8] = MCMP__SPAN("PROPFIND"),
    [9] = MCMP__SPAN("PROPPATCH"),
    [10] = MCMP__SPAN("MKCOL"),
    [11] = MCMP__SPAN("COPY"),
    [12] = MCMP__SPAN("MOVE"),
    [13] = MCMP__SPAN("LOCK"),
    [14] = MCMP__SPAN("UNLOCK"),
    [15] = MCMP__SPAN("ACL"),
    [16] = MCMP__SPAN("REPORT"),
    [17] = MCMP__SPAN("VERSION-CONTROL"),
    [18] = MCMP__SPAN("CHECKIN"),
    [19] = MCMP__SPAN("CHECKOUT"),
    [20] = MCMP__SPAN("UNCHECKOUT"),
    [21] = MCMP__SPAN("SEARCH"),
    [22] = MCMP__SPAN("MKWORKSPACE"),
    [23] = MCMP__SPAN("UPDATE"),
    [24] = MCMP__SPAN("LABEL"),
    [25] = MCMP__SPAN("MERGE"),
    [26] = MCMP__SPAN("BASELINE-CONTROL"),
    [27] = MCMP__SPAN("MKACTIVITY"),
};

const mcmp_span mcmp__ajp_request_names[MCMP__AJP_REQUEST_CODES + 1] = {
    [1] = MCMP__SPAN("accept"),
    [2] = MCMP__SPAN("accept-charset"),
    [3] = MCMP__SPAN("accept-encoding"),
    [4] = MCMP__SPAN("accept-language"),
    [5] = MCMP__SPAN("authorization"),
    [6] = MCMP__SPAN("connection"),
    [MCMP__AJP_CONTENT_TYPE] = MCMP__SPAN("content-type"),
    [MCMP__AJP_CONTENT_LENGTH] = MCMP__SPAN("content-length"),
    [MCMP__AJP_COOKIE] = MCMP__SPAN("cookie"),
    [10] = MCMP__SPAN("cookie2"),
    [MCMP__AJP_HOST] = MCMP__SPAN("host"),
    [12] = MCMP__SPAN("pragma"),
    [13] = MCMP__SPAN("referer"),
    [14] = MCMP__SPAN("user-agent"),
};

const mcmp_span mcmp__ajp_response_names[MCMP__AJP_RESPONSE_CODES + 1] = {
    [1] = MCMP__SPAN("Content-Type"),      [2] = MCMP__SPAN("Content-Language"),
    [3] = MCMP__SPAN("Content-Length"),    [4] = MCMP__SPAN("Date"),
    [5] = MCMP__SPAN("Last-Modified"),     [6] = MCMP__SPAN("Location"),
    [7] = MCMP__SPAN("Set-Cookie"),        [8] = MCMP__SPAN("Set-Cookie2"),
    [9] = MCMP__SPAN("Servlet-Engine"),    [10] = MCMP__SPAN("Status"),
    [11] = MCMP__SPAN("WWW-Authenticate"),
};

/* Numbers of the HTTP codec: header fields and methods that it knows anyhow. */
const uint8_t mcmp__ajp_field_codes[MCMP__AJP_FIELDS] = {
    [MCMP_HTTP_FIELD_HOST] = MCMP__AJP_HOST,
    [MCMP_HTTP_FIELD_CONTENT_LENGTH] = MCMP__AJP_CONTENT_LENGTH,
    [MCMP_HTTP_FIELD_CONNECTION] = 6,
    [MCMP_HTTP_FIELD_COOKIE] = MCMP__AJP_COOKIE,
    [MCMP_HTTP_FIELD_USER_AGENT] = 14,
    [MCMP_HTTP_FIELD_REFERER] = 13,
    [MCMP_HTTP_FIELD_CONTENT_TYPE] = MCMP__AJP_CONTENT_TYPE,
    [MCMP_HTTP_FIELD_ACCEPT] = 1,
    [MCMP_HTTP_FIELD_AUTHORIZATION] = 5,
};

static const mcmp_span hop_names[] = {
    MCMP__SPAN("connection"),
    MCMP__SPAN("keep-alive"),
    MCMP__SPAN("proxy-connection"),
    MCMP__SPAN("proxy-authenticate"),
    MCMP__SPAN("proxy-authorization"),
    MCMP__SPAN("te"),
    MCMP__SPAN("trailer"),
    MCMP__SPAN("transfer-encoding"),
    MCMP__SPAN("upgrade"),
};

/* Some containers key one table by name, so that a named attribute could stand for a coded one. */
static const mcmp_span reserved_names[] = {
    MCMP__SPAN("context"),       MCMP__SPAN("servlet_path"), MCMP__SPAN("remote_user"),
    MCMP__SPAN("auth_type"),     MCMP__SPAN("query_string"), MCMP__SPAN("route"),
    MCMP__SPAN("ssl_cert"),      MCMP__SPAN("ssl_cipher"),   MCMP__SPAN("ssl_session"),
    MCMP__SPAN("req_attribute"), MCMP__SPAN("ssl_key_size"), MCMP__SPAN("secret"),
    MCMP__SPAN("stored_method"),
};

/*
 * A name's length, first and last letter give its only possible code; the factors were searched so
 * that no two names share a slot (a test resolves each).
 */
#define SLOTS 32u
/* clang-format off */
static const uint8_t slots[SLOTS] = {
    0, 8, 0, 0, 0, 0, 0, 14, 0, 6, 5, 0, 0, 0, 10, 1,
    0, 0, 0, 9, 11, 0, 0, 2, 12, 7, 4, 0, 0, 13, 3, 0,
};
/* clang-format on */

static const uint8_t http_method_of_code[MCMP__AJP_METHODS + 1] = {
    [1] = MCMP_HTTP_OPTIONS, [2] = MCMP_HTTP_GET,    [3] = MCMP_HTTP_HEAD,  [4] = MCMP_HTTP_POST,
    [5] = MCMP_HTTP_PUT,     [6] = MCMP_HTTP_DELETE, [7] = MCMP_HTTP_TRACE,
};

static int find(const mcmp_span *names, size_t count, mcmp_span name)
{
    for (size_t i = 0; i < count; i++)
        if (names[i].len == name.len && name.len != 0 && mcmp__span_eq_nocase(names[i], name))
            return (int)i;
    return -1;
}

/* Token bytes against lower-case letters, digits and `-`, eight at a time. */
static int same(const char *token, const char *lower, size_t len)
{
    size_t i = 0;

    for (; i + 8 <= len; i += 8) {
        uint64_t a;
        uint64_t b;

        memcpy(&a, token + i, sizeof(a));
        memcpy(&b, lower + i, sizeof(b));
        if ((a | UINT64_C(0x2020202020202020)) != b)
            return 0;
    }
    for (; i < len; i++)
        if ((token[i] | 0x20) != lower[i])
            return 0;
    return 1;
}

uint32_t mcmp__ajp_method_code(mcmp_span name)
{
    for (uint32_t i = 1; i <= MCMP__AJP_METHODS; i++)
        if (mcmp__span_eq(mcmp__ajp_methods[i], name))
            return i;
    return MCMP_AJP_METHOD_STORED;
}

uint32_t mcmp__ajp_http_method(mcmp_span name)
{
    uint32_t code = mcmp__ajp_method_code(name);

    if (code != MCMP_AJP_METHOD_STORED)
        return http_method_of_code[code];
    return mcmp__span_is(name, "PATCH") ? MCMP_HTTP_PATCH : MCMP_HTTP_OTHER;
}

uint32_t mcmp__ajp_request_code(mcmp_span name)
{
    uint32_t first = (uint8_t)name.ptr[0] | 0x20u;
    uint32_t last = (uint8_t)name.ptr[name.len - 1] | 0x20u;
    uint32_t code = slots[((uint32_t)name.len + first + 2 * last) % SLOTS];
    const mcmp_span *known = &mcmp__ajp_request_names[code];

    return known->len == name.len && same(name.ptr, known->ptr, name.len) ? code : 0;
}

uint32_t mcmp__ajp_response_code(mcmp_span name)
{
    int at = find(mcmp__ajp_response_names, MCMP__COUNT(mcmp__ajp_response_names), name);

    return at > 0 ? (uint32_t)at : 0;
}

int mcmp__ajp_is_hop(mcmp_span name)
{
    for (size_t i = 0; i < MCMP__COUNT(hop_names); i++)
        if (hop_names[i].len == name.len && same(name.ptr, hop_names[i].ptr, name.len))
            return 1;
    return 0;
}

int mcmp__ajp_is_reserved(mcmp_span name)
{
    return find(reserved_names, MCMP__COUNT(reserved_names), name) >= 0;
}
