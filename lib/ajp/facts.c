/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes of a Forward Request. They come from the host's facts alone, never from the client
 * (CVE-2020-1938). The order is that of Apache httpd's mod_proxy_ajp, so that recordings of it can
 * be compared byte for byte.
 */
#include "ajp.h"

#define PORT_DIGITS 5

typedef struct fact {
    uint8_t code;    /* of the attribute; MCMP__AJP_NAMED: see name */
    uint8_t is_text; /* 1: may hold line ends, as PEM does */
    uint16_t at;     /* of the span in mcmp_ajp_facts */
    mcmp_span name;
} fact;

#define FACT(code, member)                           \
    {                                                \
        (code), 0, offsetof(mcmp_ajp_facts, member), \
        {                                            \
            NULL, 0                                  \
        }                                            \
    }
#define NAMED(member, literal)                                                    \
    {                                                                             \
        MCMP__AJP_NAMED, 0, offsetof(mcmp_ajp_facts, member), MCMP__SPAN(literal) \
    }

/* Before the query, between it and the key's size, and behind that: see mcmp__ajp_put_facts(). */
static const fact first_facts[] = {
    FACT(3, remote_user),
    FACT(4, auth_type),
};
static const fact middle_facts[] = {
    FACT(6, jvm_route),
    FACT(MCMP__AJP_SECRET, secret),
    { 7, 1, offsetof(mcmp_ajp_facts, ssl_cert), { NULL, 0 } },
    FACT(8, ssl_cipher),
    FACT(9, ssl_session),
};
static const fact protocol_facts[] = { NAMED(ssl_protocol, "AJP_SSL_PROTOCOL") };
static const fact last_facts[] = {
    NAMED(local_addr, "AJP_LOCAL_ADDR"),
    NAMED(activation, "JK_LB_ACTIVATION"),
};
static const mcmp_span remote_port = MCMP__SPAN("AJP_REMOTE_PORT");

void mcmp_ajp_facts_init_sized(mcmp_ajp_facts *facts, size_t size)
{
    mcmp__sized_init(facts, size);
}

static mcmp_span text_of(const mcmp_ajp_facts *facts, const fact *row)
{
    mcmp_span text;

    memcpy(&text, (const char *)facts + row->at, sizeof(text));
    return text;
}

/* A secret is never shown, so the message tells the code only. */
static int fail_text(uint32_t code, mcmp_error *err)
{
    return mcmp__fail(err, MCMP_ERR_INVALID, "facts",
                      "a text for attribute %u holds a control byte", code);
}

static int is_bad(mcmp_span text, int with_lines)
{
    if (with_lines)
        return memchr(text.ptr, '\0', text.len) != NULL;
    return mcmp__ajp_text_bad(text) != text.len;
}

static int check_named(const mcmp_pair *pair, mcmp_error *err)
{
    uint64_t port;

    if (pair->name.len == 0 || mcmp__ajp_text_bad(pair->name) != pair->name.len ||
        mcmp__ajp_text_bad(pair->value) != pair->value.len)
        return mcmp__fail(err, MCMP_ERR_INVALID, "attributes",
                          "the name is empty, or a control byte is in name or value");
    if (mcmp__ajp_is_reserved(pair->name))
        return mcmp__fail(err, MCMP_ERR_AJP_ATTRIBUTE, "attributes",
                          "the name belongs to an attribute with a code");
    if (mcmp__span_eq_nocase(pair->name, remote_port) &&
        (pair->value.len > PORT_DIGITS || mcmp__parse_uint(pair->value, 65535, &port) != 0))
        return mcmp__fail(err, MCMP_ERR_INVALID, "AJP_REMOTE_PORT", "the value is not a port");
    return MCMP_OK;
}

int mcmp__ajp_facts_check(const mcmp_ajp_facts *facts, mcmp_error *err)
{
    const mcmp_span texts[] = { facts->remote_addr, facts->remote_host, facts->server_name };
    int rc = MCMP_OK;

    if (facts->server_port > 65535 || facts->remote_port > 65535 || facts->ssl_key_size > 65535 ||
        facts->is_ssl > 1)
        return mcmp__fail(err, MCMP_ERR_INVALID, "facts", "a number is out of its range");
    for (size_t i = 0; i < MCMP__COUNT(texts); i++)
        if (texts[i].len != 0 && is_bad(texts[i], 0))
            return fail_text(0, err);
    for (size_t i = 0; i < facts->attribute_count && rc == MCMP_OK; i++)
        rc = check_named(&facts->attributes[i], err);
    return rc;
}

static void put_named(mcmp__ajp_out *out, mcmp_span name, mcmp_span value)
{
    mcmp__ajp_put8(out, MCMP__AJP_NAMED);
    mcmp__ajp_put_string(out, name);
    mcmp__ajp_put_string(out, value);
}

static inline int put_rows(mcmp__ajp_out *out, const mcmp_ajp_facts *facts, const fact *rows,
                           size_t count, mcmp_error *err)
{
    for (size_t i = 0; i < count; i++) {
        mcmp_span text = text_of(facts, &rows[i]);

        if (text.len == 0)
            continue;
        if (is_bad(text, rows[i].is_text))
            return fail_text(rows[i].code, err);
        if (rows[i].code == MCMP__AJP_NAMED) {
            put_named(out, rows[i].name, text);
            continue;
        }
        mcmp__ajp_put8(out, rows[i].code);
        mcmp__ajp_put_string(out, text);
    }
    return MCMP_OK;
}

/* What needs more than its text. */
static void put_numbers(mcmp__ajp_out *out, const mcmp_ajp_facts *facts, mcmp_span stored_method)
{
    char digits[20];

    if (stored_method.len != 0) {
        mcmp__ajp_put8(out, MCMP__AJP_STORED_METHOD);
        mcmp__ajp_put_string(out, stored_method);
    }
    if (facts->remote_port != 0)
        put_named(out, remote_port,
                  mcmp__span(digits, mcmp__format_uint(digits, facts->remote_port)));
}

int mcmp__ajp_put_facts(mcmp__ajp_out *out, const mcmp_ajp_facts *facts,
                        const mcmp_http_target *target, mcmp_span stored_method, mcmp_error *err)
{
    int rc = put_rows(out, facts, first_facts, MCMP__COUNT(first_facts), err);

    if (rc == MCMP_OK && target->target.len > target->forward.len) { /* there was a `?` */
        mcmp__ajp_put8(out, MCMP__AJP_QUERY);
        mcmp__ajp_put_string(out, target->query);
    }
    if (rc == MCMP_OK)
        rc = put_rows(out, facts, middle_facts, MCMP__COUNT(middle_facts), err);
    if (rc == MCMP_OK && facts->ssl_key_size != 0) {
        mcmp__ajp_put8(out, MCMP__AJP_KEY_SIZE);
        mcmp__ajp_put16(out, facts->ssl_key_size);
    }
    if (rc == MCMP_OK)
        rc = put_rows(out, facts, protocol_facts, MCMP__COUNT(protocol_facts), err);
    put_numbers(out, facts, stored_method);
    if (rc == MCMP_OK)
        rc = put_rows(out, facts, last_facts, MCMP__COUNT(last_facts), err);
    for (size_t i = 0; i < facts->attribute_count; i++)
        put_named(out, facts->attributes[i].name, facts->attributes[i].value);
    mcmp__ajp_put8(out, MCMP__AJP_LAST);
    return rc;
}
