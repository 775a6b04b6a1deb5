/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of AJP13 2 and 3, row by row, and the look-ups over them. */
#include "ajp/ajp.h"
#include "support.h"

static const char *const methods[] = {
    "OPTIONS",
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "TRACE",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "ACL",
    "REPORT",
    "VERSION-CONTROL",
    "CHECKIN",
    "CHECKOUT",
    "UNCHECKOUT",
    "SEARCH",
    "MKWORKSPACE",
    "UPDATE",
    "LABEL",
    "MERGE",
    "BASELINE-CONTROL",
    "MKACTIVITY",
};
static const char *const request_names[] = {
    "accept",     "accept-charset", "accept-encoding", "accept-language", "authorization",
    "connection", "content-type",   "content-length",  "cookie",          "cookie2",
    "host",       "pragma",         "referer",         "user-agent",
};
static const char *const response_names[] = {
    "Content-Type", "Content-Language", "Content-Length", "Date",   "Last-Modified",    "Location",
    "Set-Cookie",   "Set-Cookie2",      "Servlet-Engine", "Status", "WWW-Authenticate",
};

START_TEST(methods_have_their_codes)
{
    ck_assert_uint_eq(COUNT_OF(methods), MCMP__AJP_METHODS);
    for (uint32_t i = 0; i < COUNT_OF(methods); i++) {
        row_text(methods[i], mcmp__ajp_methods[i + 1], methods[i]);
        row_int(methods[i], mcmp__ajp_method_code(span_of(methods[i])), i + 1);
    }
    ck_assert_uint_eq(mcmp__ajp_method_code(span_of("PATCH")), MCMP_AJP_METHOD_STORED);
    ck_assert_uint_eq(mcmp__ajp_method_code(span_of("get")), MCMP_AJP_METHOD_STORED);
    ck_assert_uint_eq(mcmp__ajp_method_code(span_of("GE")), MCMP_AJP_METHOD_STORED);
}
END_TEST

START_TEST(methods_have_their_http_numbers)
{
    static const struct {
        const char *name;
        uint32_t method;
    } rows[] = {
        { "GET", MCMP_HTTP_GET },        { "HEAD", MCMP_HTTP_HEAD },
        { "POST", MCMP_HTTP_POST },      { "PUT", MCMP_HTTP_PUT },
        { "DELETE", MCMP_HTTP_DELETE },  { "OPTIONS", MCMP_HTTP_OPTIONS },
        { "TRACE", MCMP_HTTP_TRACE },    { "PATCH", MCMP_HTTP_PATCH },
        { "PROPFIND", MCMP_HTTP_OTHER }, { "MKACTIVITY", MCMP_HTTP_OTHER },
        { "BREW", MCMP_HTTP_OTHER },     { "patch", MCMP_HTTP_OTHER },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        row_int(rows[i].name, mcmp__ajp_http_method(span_of(rows[i].name)), rows[i].method);
}
END_TEST

static void upper(char *text)
{
    for (; *text != '\0'; text++)
        *text = (char)(*text >= 'a' && *text <= 'z' ? *text - 32 : *text);
}

START_TEST(request_headers_have_their_codes_in_any_case)
{
    ck_assert_uint_eq(COUNT_OF(request_names), MCMP__AJP_REQUEST_CODES);
    for (uint32_t i = 0; i < COUNT_OF(request_names); i++) {
        char text[32];
        size_t len = strlen(request_names[i]);

        row_text(request_names[i], mcmp__ajp_request_names[i + 1], request_names[i]);
        row_int(request_names[i], mcmp__ajp_request_code(span_of(request_names[i])), i + 1);
        (void)snprintf(text, sizeof(text), "%s", request_names[i]);
        upper(text);
        row_int(text, mcmp__ajp_request_code(span_of(text)), i + 1);
        for (size_t at = 0; at < len; at++) { /* one byte apart is another name */
            char other[32];

            (void)snprintf(other, sizeof(other), "%s", request_names[i]);
            other[at] = other[at] == 'x' ? 'y' : 'x';
            row_int(other, mcmp__ajp_request_code(span_of(other)), 0);
        }
        row_int(text, mcmp__ajp_request_code(mcmp__span(text, len - 1)) == i + 1, 0);
    }
    ck_assert_uint_eq(mcmp__ajp_request_code(span_of("x")), 0);
}
END_TEST

START_TEST(header_numbers_of_http_have_the_same_codes)
{
    static const struct {
        uint32_t id;
        const char *name;
    } rows[] = {
        { MCMP_HTTP_FIELD_ACCEPT, "accept" },
        { MCMP_HTTP_FIELD_AUTHORIZATION, "authorization" },
        { MCMP_HTTP_FIELD_CONNECTION, "connection" },
        { MCMP_HTTP_FIELD_CONTENT_TYPE, "content-type" },
        { MCMP_HTTP_FIELD_CONTENT_LENGTH, "content-length" },
        { MCMP_HTTP_FIELD_COOKIE, "cookie" },
        { MCMP_HTTP_FIELD_HOST, "host" },
        { MCMP_HTTP_FIELD_REFERER, "referer" },
        { MCMP_HTTP_FIELD_USER_AGENT, "user-agent" },
    };
    size_t coded = 0;

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        row_int(rows[i].name, mcmp__ajp_field_codes[rows[i].id],
                mcmp__ajp_request_code(span_of(rows[i].name)));
    for (size_t i = 0; i < MCMP__AJP_FIELDS; i++)
        coded += mcmp__ajp_field_codes[i] != 0;
    ck_assert_uint_eq(coded, COUNT_OF(rows));
    ck_assert_uint_gt(MCMP__AJP_FIELDS, MCMP_HTTP_FIELD_SERVER);
}
END_TEST

START_TEST(response_headers_have_their_codes)
{
    ck_assert_uint_eq(COUNT_OF(response_names), MCMP__AJP_RESPONSE_CODES);
    for (uint32_t i = 0; i < COUNT_OF(response_names); i++) {
        char text[32];

        row_text(response_names[i], mcmp__ajp_response_names[i + 1], response_names[i]);
        (void)snprintf(text, sizeof(text), "%s", response_names[i]);
        upper(text);
        row_int(text, mcmp__ajp_response_code(span_of(text)), i + 1);
    }
    ck_assert_uint_eq(mcmp__ajp_response_code(span_of("Server")), 0);
    ck_assert_uint_eq(mcmp__ajp_response_code(span_of("")), 0);
}
END_TEST

START_TEST(names_that_end_here_and_names_that_are_taken)
{
    static const char *const hop[] = { "connection",
                                       "Keep-Alive",
                                       "proxy-connection",
                                       "Proxy-Authenticate",
                                       "proxy-authorization",
                                       "TE",
                                       "trailer",
                                       "TRANSFER-ENCODING",
                                       "upgrade" };
    static const char *const taken[] = { "context",       "servlet_path", "remote_user",
                                         "auth_type",     "query_string", "route",
                                         "ssl_cert",      "ssl_cipher",   "ssl_session",
                                         "req_attribute", "ssl_key_size", "SECRET",
                                         "stored_method" };

    for (size_t i = 0; i < COUNT_OF(hop); i++)
        row_int(hop[i], mcmp__ajp_is_hop(span_of(hop[i])), 1);
    for (size_t i = 0; i < COUNT_OF(taken); i++)
        row_int(taken[i], mcmp__ajp_is_reserved(span_of(taken[i])), 1);
    ck_assert(!mcmp__ajp_is_hop(span_of("content-length")) && !mcmp__ajp_is_hop(span_of("x")));
    ck_assert(!mcmp__ajp_is_reserved(span_of("AJP_REMOTE_PORT")));
}
END_TEST

/* Every byte at every place of texts around the sizes of a step. */
START_TEST(control_bytes_are_found_wherever_they_are)
{
    for (size_t len = 1; len <= 40; len++) {
        for (size_t at = 0; at < len; at++) {
            for (int byte = 0; byte < 256; byte++) {
                int bad = (byte < 0x20 && byte != '\t') || byte == 0x7f;
                char text[40];
                guard g;

                memset(text, 'a', sizeof(text));
                text[at] = (char)byte;
                if (byte != 0 && byte != '\t' && byte != '\n' && byte != 0x1f && byte != 0x20 &&
                    byte != 0x7e && byte != 0x7f && byte != 0x80 && byte != 0xff)
                    continue;
                g = guard_copy(text, len);
                ck_assert_uint_eq(mcmp__ajp_text_bad(mcmp__span(g.ptr, len)), bad ? at : len);
                guard_free(&g);
            }
        }
    }
    ck_assert_uint_eq(mcmp__ajp_text_bad(mcmp__span(NULL, 0)), 0);
}
END_TEST

/* AJP13 5: every getter, at a guard page, for each number of bytes left. */
START_TEST(getters_stay_inside_of_the_packet)
{
    static const char bytes[] = "\0\x03"
                                "abc";

    for (size_t len = 0; len <= sizeof(bytes); len++) {
        guard g = guard_copy(bytes, len);
        mcmp__ajp_in in = { g.ptr, len, 0 };
        mcmp_span text;
        uint32_t value;

        ck_assert_int_eq(mcmp__ajp_take_string(&in, &text), len == 6 ? 0 : -1);
        ck_assert_uint_eq(in.at, len == 6 ? 6 : 0);
        in.at = 0;
        ck_assert_int_eq(mcmp__ajp_take16(&in, &value), len >= 2 ? 0 : -1);
        in.at = 0;
        ck_assert_int_eq(mcmp__ajp_take8(&in, &value), len >= 1 ? 0 : -1);
        in.at = len;
        ck_assert_int_eq(mcmp__ajp_take8(&in, &value), -1);
        ck_assert_int_eq(mcmp__ajp_take16(&in, &value), -1);
        ck_assert_int_eq(mcmp__ajp_take_rest(&in, 0, &text), -1);
        ck_assert_int_eq(mcmp__ajp_take_rest(&in, 0xfffe, &text), -1);
        ck_assert_int_eq(mcmp__ajp_take_rest(&in, 0xffff, &text), 0);
        ck_assert(text.ptr == NULL && text.len == 0 && in.at == len);
        guard_free(&g);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        methods_have_their_codes,
        methods_have_their_http_numbers,
        request_headers_have_their_codes_in_any_case,
        header_numbers_of_http_have_the_same_codes,
        response_headers_have_their_codes,
        names_that_end_here_and_names_that_are_taken,
        control_bytes_are_found_wherever_they_are,
        getters_stay_inside_of_the_packet,
    };

    return run_tests("ajp names", tests, COUNT_OF(tests));
}
