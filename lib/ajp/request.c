/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A complete Forward Request in the container role (AJP13 2): one pass over the payload, each part
 * by its own function, attributes by a table. Whatever two readers could take in two ways is
 * refused. Views point into the object's own copy of the packet.
 */
#include "ajp.h"

#define FIRST_FIELD 1 /* behind the type */
#define KEY_SIZE_TEXT 5

/* One call of take. */
typedef struct job {
    mcmp_ajp_container *container;
    mcmp_ajp_request *request;
    mcmp__ajp_in in;
    uint32_t has_length;
    uint32_t has_coding;
    uint32_t has_host;
    mcmp_span secret;
    mcmp_error *err;
} job;

static int fail(const job *j, int code, const char *field, const char *text)
{
    return mcmp__ajp_fail_at(j->err, code, field,
                             j->container->packet_at + MCMP__AJP_FRAME + j->in.at, text);
}

static int fail_string(const job *j, const char *field)
{
    return fail(j, MCMP_ERR_AJP_STRING, field, "a string or number leaves its packet");
}

static int has_nul(mcmp_span text)
{
    return text.len != 0 && memchr(text.ptr, '\0', text.len) != NULL;
}

/* Percent-encoded ASCII. */
static int is_plain(mcmp_span text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((uint8_t)text.ptr[i] <= 0x20 || (uint8_t)text.ptr[i] >= 0x7f)
            return 0;
    return 1;
}

static int check_uri(const job *j)
{
    mcmp_span uri = j->request->uri;
    int is_path = uri.len != 0 && uri.ptr[0] == '/';

    if ((!is_path && !mcmp__span_is(uri, "*")) || !is_plain(uri) ||
        memchr(uri.ptr, '?', uri.len) != NULL || memchr(uri.ptr, '#', uri.len) != NULL)
        return fail(j, MCMP_ERR_AJP_TARGET, "req_uri", "not a path, or not percent-encoded");
    return MCMP_OK;
}

static int take_method(job *j)
{
    uint32_t code;

    if (mcmp__ajp_take8(&j->in, &code) != 0)
        return fail_string(j, "method");
    if (code == 0 || (code > MCMP__AJP_METHODS && code != MCMP_AJP_METHOD_STORED))
        return fail(j, MCMP_ERR_AJP_METHOD, "method", "a method code that is not known");
    j->request->method_code = code;
    if (code != MCMP_AJP_METHOD_STORED)
        j->request->method_name = mcmp__ajp_methods[code];
    return MCMP_OK;
}

static int take_texts(job *j)
{
    mcmp_ajp_request *r = j->request;
    const struct {
        mcmp_span *out;
        const char *name;
    } texts[] = {
        { &r->protocol, "protocol" },       { &r->uri, "req_uri" },
        { &r->remote_addr, "remote_addr" }, { &r->remote_host, "remote_host" },
        { &r->server_name, "server_name" },
    };

    for (size_t i = 0; i < MCMP__COUNT(texts); i++) {
        if (mcmp__ajp_take_string(&j->in, texts[i].out) != 0)
            return fail_string(j, texts[i].name);
        if (mcmp__ajp_text_bad(*texts[i].out) != texts[i].out->len)
            return fail(j, MCMP_ERR_AJP_STRING, texts[i].name, "a control byte in a text");
    }
    if (mcmp__ajp_take16(&j->in, &r->server_port) != 0 || mcmp__ajp_take8(&j->in, &r->is_ssl) != 0)
        return fail_string(j, "is_ssl");
    if (r->is_ssl > 1)
        return fail(j, MCMP_ERR_AJP_STRING, "is_ssl", "a boolean is neither 0 nor 1");
    return check_uri(j);
}

static int take_name(job *j, mcmp_span *name, uint32_t *code)
{
    uint32_t len;

    if (mcmp__ajp_take16(&j->in, &len) != 0)
        return fail_string(j, "name");
    if (len >= MCMP__AJP_CODED) {
        *code = len - MCMP__AJP_CODED;
        if (*code == 0 || *code > MCMP__AJP_REQUEST_CODES)
            return fail(j, MCMP_ERR_AJP_HEADER, "name", "a header code that is not known");
        *name = mcmp__ajp_request_names[*code];
        return MCMP_OK;
    }
    if (len > MCMP__AJP_NAME_MAX)
        return fail(j, MCMP_ERR_AJP_HEADER, "name", "a header name is over 255 bytes");
    if (mcmp__ajp_take_rest(&j->in, len, name) != 0)
        return fail_string(j, "name");
    if (!mcmp__ajp_is_token(*name))
        return fail(j, MCMP_ERR_AJP_HEADER, "name", "a header name is not a token");
    *code = mcmp__ajp_request_code(*name);
    return MCMP_OK;
}

/* AJP13 5: what says where the body ends says it once. */
static int note_framing(job *j, mcmp_span name, mcmp_span value, uint32_t code)
{
    if (code == MCMP__AJP_CONTENT_LENGTH) {
        if (j->has_length++ != 0)
            return fail(j, MCMP_ERR_AJP_FRAMING, "content-length", "repeated");
        if (value.len > 19 ||
            mcmp__parse_uint(value, (uint64_t)INT64_MAX, &j->request->length) != 0)
            return fail(j, MCMP_ERR_AJP_FRAMING, "content-length",
                        "not a decimal number below 2^63");
        j->request->framing = MCMP_HTTP_FRAMING_LENGTH;
    } else if (mcmp__span_is_nocase(name, "transfer-encoding")) {
        if (j->has_coding++ != 0 || !mcmp__span_is_nocase(value, "chunked"))
            return fail(j, MCMP_ERR_AJP_FRAMING, "transfer-encoding", "repeated, or not chunked");
        j->request->framing = MCMP_HTTP_FRAMING_CHUNKED;
    }
    if (j->has_length && j->has_coding)
        return fail(j, MCMP_ERR_AJP_FRAMING, "transfer-encoding", "together with content-length");
    return MCMP_OK;
}

static int take_header(job *j, mcmp_pair *line)
{
    uint32_t code = 0;
    int rc = take_name(j, &line->name, &code);

    if (rc != MCMP_OK)
        return rc;
    if (mcmp__ajp_take_string(&j->in, &line->value) != 0)
        return fail_string(j, "value");
    if (mcmp__ajp_text_bad(line->value) != line->value.len)
        return fail(j, MCMP_ERR_AJP_HEADER, "value", "a control byte in a header value");
    if (code == MCMP__AJP_HOST && j->has_host++ != 0)
        return fail(j, MCMP_ERR_AJP_HEADER, "host", "repeated");
    if (code == MCMP__AJP_HOST)
        j->request->host = line->value;
    if (code == MCMP__AJP_CONTENT_TYPE)
        j->request->content_type = line->value;
    return note_framing(j, line->name, line->value, code);
}

static int take_headers(job *j)
{
    uint32_t count;

    if (mcmp__ajp_take16(&j->in, &count) != 0)
        return fail_string(j, "headers");
    if (count > j->container->max_headers)
        return fail(j, MCMP_ERR_AJP_SIZE, "max_headers", "too many header lines");
    j->request->framing = MCMP_HTTP_FRAMING_NONE;
    for (uint32_t i = 0; i < count; i++) {
        int rc = take_header(j, &j->container->lines[i]);

        if (rc != MCMP_OK)
            return rc;
    }
    j->request->header_count = count;
    return MCMP_OK;
}

/* Named attributes with a member of their own. */
static const struct {
    mcmp_span name;
    size_t at; /* of the span in mcmp_ajp_request */
} named[] = {
    { MCMP__SPAN("AJP_REMOTE_PORT"), 0 },
    { MCMP__SPAN("AJP_LOCAL_ADDR"), offsetof(mcmp_ajp_request, local_addr) },
    { MCMP__SPAN("AJP_SSL_PROTOCOL"), offsetof(mcmp_ajp_request, ssl_protocol) },
    { MCMP__SPAN("JK_LB_ACTIVATION"), offsetof(mcmp_ajp_request, activation) },
};

static void set_text(mcmp_ajp_request *request, size_t at, mcmp_span text)
{
    memcpy((char *)request + at, &text, sizeof(text));
}

static int note_known(job *j, size_t row, mcmp_span value)
{
    uint64_t port = 0;

    if ((j->container->names_seen >> row & 1) != 0)
        return fail(j, MCMP_ERR_AJP_ATTRIBUTE, "attribute", "repeated");
    j->container->names_seen |= 1u << row;
    if (named[row].at != 0) {
        set_text(j->request, named[row].at, value);
        return MCMP_OK;
    }
    if (mcmp__parse_uint(value, 65535, &port) != 0)
        return fail(j, MCMP_ERR_AJP_ATTRIBUTE, "AJP_REMOTE_PORT", "not a port");
    j->request->remote_port = (uint32_t)port;
    return MCMP_OK;
}

static int is_allowed(const mcmp_ajp_container *container, mcmp_span name)
{
    for (uint32_t i = 0; i < container->allow_count; i++)
        if (mcmp__span_eq(container->allow[i], name))
            return 1;
    return 0;
}

static int take_named(job *j)
{
    mcmp_ajp_request *r = j->request;
    mcmp_pair *pair = &j->container->attributes[r->attribute_count];

    if (r->attribute_count == MCMP__AJP_ATTRIBUTES)
        return fail(j, MCMP_ERR_AJP_ATTRIBUTE, "attribute", "more than 64 named attributes");
    if (mcmp__ajp_take_string(&j->in, &pair->name) != 0 ||
        mcmp__ajp_take_string(&j->in, &pair->value) != 0)
        return fail_string(j, "attribute");
    if (mcmp__ajp_text_bad(pair->name) != pair->name.len ||
        mcmp__ajp_text_bad(pair->value) != pair->value.len)
        return fail(j, MCMP_ERR_AJP_ATTRIBUTE, "attribute", "a control byte in name or value");
    if (mcmp__ajp_is_reserved(pair->name))
        return fail(j, MCMP_ERR_AJP_ATTRIBUTE, "attribute",
                    "the name belongs to an attribute with a code");
    r->attribute_count++;
    for (size_t i = 0; i < MCMP__COUNT(named); i++)
        if (mcmp__span_eq(named[i].name, pair->name))
            return note_known(j, i, pair->value);
    if (!is_allowed(j->container, pair->name))
        return fail(j, MCMP_ERR_AJP_ATTRIBUTE, "attribute", "a name that is not allowed");
    return MCMP_OK;
}

/* AJP13 2: two bytes, or with some peers a string of 1 to 5 digits. */
static int take_key_size(job *j)
{
    mcmp__ajp_in ahead = j->in;
    mcmp_span digits;
    uint64_t value;
    uint32_t number;

    if (mcmp__ajp_take16(&j->in, &number) != 0)
        return fail_string(j, "ssl_key_size");
    if (number >= 1 && number <= KEY_SIZE_TEXT && mcmp__ajp_take_string(&ahead, &digits) == 0 &&
        mcmp__parse_uint(digits, 65535, &value) == 0) {
        j->in = ahead;
        number = (uint32_t)value;
    }
    j->request->ssl_key_size = number;
    return MCMP_OK;
}

static int take_stored_method(job *j)
{
    mcmp_span name;

    if (mcmp__ajp_take_string(&j->in, &name) != 0)
        return fail_string(j, "stored_method");
    if (j->request->method_code != MCMP_AJP_METHOD_STORED || !mcmp__ajp_is_token(name))
        return fail(j, MCMP_ERR_AJP_METHOD, "stored_method",
                    "beside a method code, or not a token");
    j->request->method_name = name;
    return MCMP_OK;
}

static int take_query(job *j)
{
    if (mcmp__ajp_take_string(&j->in, &j->request->query) != 0)
        return fail_string(j, "query_string");
    if (!is_plain(j->request->query) ||
        (j->request->query.len != 0 && memchr(j->request->query.ptr, '#', j->request->query.len)))
        return fail(j, MCMP_ERR_AJP_TARGET, "query_string", "not percent-encoded");
    j->request->has_query = j->request->query.ptr != NULL;
    return MCMP_OK;
}

static int take_secret(job *j)
{
    if (mcmp__ajp_take_string(&j->in, &j->secret) != 0 || has_nul(j->secret))
        return fail_string(j, "secret");
    return MCMP_OK;
}

/* Attributes by code: a text of the request, or a function. Without both: taken and left. */
static const struct {
    uint16_t at;
    uint16_t is_text; /* 1: PEM, with line ends */
    int (*take)(job *j);
} coded[] = {
    [1] = { 0, 1, NULL }, /* context and servlet_path mean nothing, peers may send them */
    [2] = { 0, 1, NULL },
    [3] = { offsetof(mcmp_ajp_request, remote_user), 0, NULL },
    [4] = { offsetof(mcmp_ajp_request, auth_type), 0, NULL },
    [MCMP__AJP_QUERY] = { 0, 0, take_query },
    [6] = { offsetof(mcmp_ajp_request, jvm_route), 0, NULL },
    [7] = { offsetof(mcmp_ajp_request, ssl_cert), 1, NULL },
    [8] = { offsetof(mcmp_ajp_request, ssl_cipher), 0, NULL },
    [9] = { offsetof(mcmp_ajp_request, ssl_session), 0, NULL },
    [MCMP__AJP_NAMED] = { 0, 0, take_named },
    [MCMP__AJP_KEY_SIZE] = { 0, 0, take_key_size },
    [MCMP__AJP_SECRET] = { 0, 0, take_secret },
    [MCMP__AJP_STORED_METHOD] = { 0, 0, take_stored_method },
};

static int take_coded(job *j, uint32_t code)
{
    mcmp_span text;

    if (code != MCMP__AJP_NAMED && (j->container->codes_seen >> code & 1) != 0)
        return fail(j, MCMP_ERR_AJP_ATTRIBUTE, "attribute", "repeated");
    j->container->codes_seen |= 1u << code;
    if (coded[code].take != NULL)
        return coded[code].take(j);
    if (mcmp__ajp_take_string(&j->in, &text) != 0)
        return fail_string(j, "attribute");
    if (coded[code].is_text ? has_nul(text) : mcmp__ajp_text_bad(text) != text.len)
        return fail(j, MCMP_ERR_AJP_ATTRIBUTE, "attribute", "a control byte in a text");
    if (coded[code].at != 0)
        set_text(j->request, coded[code].at, text);
    return MCMP_OK;
}

static int take_attributes(job *j)
{
    uint32_t code;
    int rc = MCMP_OK;

    while (rc == MCMP_OK) {
        if (mcmp__ajp_take8(&j->in, &code) != 0)
            return fail_string(j, "attribute");
        if (code == MCMP__AJP_LAST)
            break;
        if (code == 0 || code >= MCMP__COUNT(coded))
            return fail(j, MCMP_ERR_AJP_ATTRIBUTE, "attribute", "a code that is not known");
        rc = take_coded(j, code);
    }
    if (rc == MCMP_OK && j->in.at != j->in.len)
        return fail(j, MCMP_ERR_AJP_PACKET, "Forward Request", "bytes behind the last attribute");
    return rc;
}

/* The time it takes depends on the length of what was sent, not on what is in it. */
static int is_secret(mcmp_span want, mcmp_span got)
{
    volatile uint8_t differ = want.len != got.len;

    for (size_t i = 0; i < got.len; i++)
        differ = (uint8_t)(differ | ((uint8_t)got.ptr[i] ^ (uint8_t)want.ptr[i % want.len]));
    return differ == 0;
}

static int finish(job *j)
{
    mcmp_ajp_request *r = j->request;

    r->method = mcmp__ajp_http_method(r->method_name);
    if (j->container->secret.len != 0 && !is_secret(j->container->secret, j->secret))
        return fail(j, MCMP_ERR_AJP_SECRET, "secret", "the secret is wrong or missing");
    if (r->method_name.len == 0)
        return fail(j, MCMP_ERR_AJP_METHOD, "stored_method", "the method has no name");
    if (mcmp__span_is(r->uri, "*") && !mcmp__span_is(r->method_name, "OPTIONS"))
        return fail(j, MCMP_ERR_AJP_TARGET, "req_uri", "`*` is for OPTIONS only");
    return MCMP_OK;
}

int mcmp__ajp_request_take(mcmp_ajp_container *container, size_t len, mcmp_error *err)
{
    static int (*const parts[])(job * j) = { take_method, take_texts, take_headers, take_attributes,
                                             finish };
    job j = { .container = container,
              .request = &container->request,
              .in = { container->packet, len, FIRST_FIELD },
              .err = err };
    int rc = MCMP_OK;

    memset(&container->request, 0, sizeof(container->request));
    container->request.struct_size = sizeof(container->request);
    container->codes_seen = 0;
    container->names_seen = 0;
    for (size_t i = 0; i < MCMP__COUNT(parts) && rc == MCMP_OK; i++)
        rc = parts[i](&j);
    return rc;
}
