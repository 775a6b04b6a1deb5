/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of a request on its way to an HTTP/1.1 node (AJP13 6): Host by policy, the client's
 * end-to-end headers as they came, then what the proxy itself says. Nothing of the client's framing
 * is copied; ours is written from what was parsed.
 */
#include "http.h"

#define X_FIELDS                                                                                \
    (MCMP__BIT(MCMP_HTTP_FIELD_X_FORWARDED_FOR) | MCMP__BIT(MCMP_HTTP_FIELD_X_FORWARDED_HOST) | \
     MCMP__BIT(MCMP_HTTP_FIELD_X_FORWARDED_PROTO))
#define KNOWN_FLAGS                                                                         \
    (MCMP_HTTP_FORWARD_X | MCMP_HTTP_FORWARD_RFC7239 | MCMP_HTTP_FORWARD_TRUSTED |          \
     MCMP_HTTP_FORWARD_CLOSE | MCMP_HTTP_FORWARD_NO_EXPECT | MCMP_HTTP_FORWARD_NO_UPGRADE | \
     MCMP_HTTP_FORWARD_OWN_LINES)

void mcmp_http_forward_init_sized(mcmp_http_forward *forward, size_t size)
{
    mcmp__sized_init(forward, size);
}

static int check(const mcmp_http_forward *forward, mcmp_error *err)
{
    const mcmp_span texts[] = { forward->host, forward->client, forward->scheme, forward->by,
                                forward->via };
    int rc;

    if ((forward->flags & ~KNOWN_FLAGS) != 0)
        return mcmp__fail(err, MCMP_ERR_UNSUPPORTED, "flags", "unknown flags");
    if (forward->target == NULL || forward->target->target.len == 0)
        return mcmp__fail(err, MCMP_ERR_INVALID, "target", "there is no canonical target");
    if (forward->framing > MCMP_HTTP_FRAMING_CHUNKED)
        return mcmp__fail(err, MCMP_ERR_INVALID, "framing", "not a framing of requests");
    rc = mcmp__http_check_texts(texts, MCMP__COUNT(texts), err);
    if (rc == MCMP_OK)
        rc = mcmp__http_check_lines(forward->add, forward->add_count, err);
    return rc;
}

/* What of the client's head stays behind, apart from hop-by-hop headers. */
static uint64_t skipped(const mcmp_http_forward *forward)
{
    uint64_t skip = MCMP__BIT(MCMP_HTTP_FIELD_HOST) | MCMP__BIT(MCMP_HTTP_FIELD_CONTENT_LENGTH) |
                    MCMP__BIT(MCMP_HTTP_FIELD_PROXY); /* CVE-2016-5387 */
    const uint32_t both = MCMP_HTTP_FORWARD_X | MCMP_HTTP_FORWARD_RFC7239;

    if ((forward->flags & MCMP_HTTP_FORWARD_X) != 0)
        skip |= X_FIELDS;
    if ((forward->flags & MCMP_HTTP_FORWARD_RFC7239) != 0)
        skip |= MCMP__BIT(MCMP_HTTP_FIELD_FORWARDED);
    /* a node that reads the other family must not be told tales by an untrusted client */
    if ((forward->flags & both) != 0 && (forward->flags & MCMP_HTTP_FORWARD_TRUSTED) == 0)
        skip |= X_FIELDS | MCMP__BIT(MCMP_HTTP_FIELD_FORWARDED);
    if ((forward->flags & MCMP_HTTP_FORWARD_NO_EXPECT) != 0)
        skip |= MCMP__BIT(MCMP_HTTP_FIELD_EXPECT);
    return skip;
}

/* "name: " and, for a trusted client, its own values joined; the caller adds ours and CRLF. */
static void put_list_begin(mcmp__out *out, const mcmp_http_head *head, uint32_t id, int trusted,
                           mcmp_span name)
{
    mcmp__http_put_span(out, name);
    MCMP__PUT(out, ": ");
    if (!trusted || !mcmp__head_has(head, id) || ((head->listed >> id) & 1) != 0)
        return;
    for (uint32_t i = head->first[id]; i < head->info.header_count; i++) {
        if (head->rows[i].id != id || head->rows[i].value_len == 0)
            continue;
        mcmp__http_put_span(out, mcmp__row_value(head, &head->rows[i]));
        MCMP__PUT(out, ", ");
    }
}

static void put_list(mcmp__out *out, const mcmp_http_head *head, uint32_t id, int trusted,
                     mcmp_span name, mcmp_span value)
{
    if (value.len == 0)
        return;
    put_list_begin(out, head, id, trusted, name);
    mcmp__http_put_span(out, value);
    MCMP__PUT(out, "\r\n");
}

/* RFC 7239 4: a value with a colon or bracket in it is quoted, an IPv6 address also bracketed. */
static void put_forwarded_value(mcmp__out *out, mcmp_span value, int address)
{
    int colon = value.len != 0 && memchr(value.ptr, ':', value.len) != NULL;
    int bracket = address && colon && value.ptr[0] != '[';
    int quote = !mcmp__http_is_token(value);

    if (quote)
        MCMP__PUT(out, "\"");
    if (bracket)
        MCMP__PUT(out, "[");
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == '"' || value.ptr[i] == '\\')
            MCMP__PUT(out, "\\");
        mcmp__http_put(out, value.ptr + i, 1);
    }
    if (bracket)
        MCMP__PUT(out, "]");
    if (quote)
        MCMP__PUT(out, "\"");
}

static void put_rfc7239(mcmp__out *out, const mcmp_http_head *head,
                        const mcmp_http_forward *forward, mcmp_span host, mcmp_span scheme)
{
    static const mcmp_span name = MCMP__SPAN("Forwarded");
    static const mcmp_span unknown = MCMP__SPAN("unknown");

    put_list_begin(out, head, MCMP_HTTP_FIELD_FORWARDED,
                   (forward->flags & MCMP_HTTP_FORWARD_TRUSTED) != 0, name);
    if (forward->by.len != 0) {
        MCMP__PUT(out, "by=");
        put_forwarded_value(out, forward->by, 1);
        MCMP__PUT(out, ";");
    }
    MCMP__PUT(out, "for=");
    put_forwarded_value(out, forward->client.len != 0 ? forward->client : unknown, 1);
    if (host.len != 0) {
        MCMP__PUT(out, ";host=");
        put_forwarded_value(out, host, 0);
    }
    MCMP__PUT(out, ";proto=");
    mcmp__http_put_span(out, scheme);
    MCMP__PUT(out, "\r\n");
}

static void put_forwarded(mcmp__out *out, const mcmp_http_head *head,
                          const mcmp_http_forward *forward)
{
    static const mcmp_span http = MCMP__SPAN("http");
    static const mcmp_span name_for = MCMP__SPAN("X-Forwarded-For");
    static const mcmp_span name_host = MCMP__SPAN("X-Forwarded-Host");
    static const mcmp_span name_proto = MCMP__SPAN("X-Forwarded-Proto");
    int trusted = (forward->flags & MCMP_HTTP_FORWARD_TRUSTED) != 0;
    mcmp_span scheme = forward->scheme.len != 0 ? forward->scheme : http;
    mcmp_span host = forward->target->host;

    if ((forward->flags & MCMP_HTTP_FORWARD_X) != 0) {
        put_list(out, head, MCMP_HTTP_FIELD_X_FORWARDED_FOR, trusted, name_for, forward->client);
        put_list(out, head, MCMP_HTTP_FIELD_X_FORWARDED_HOST, trusted, name_host, host);
        put_list(out, head, MCMP_HTTP_FIELD_X_FORWARDED_PROTO, trusted, name_proto, scheme);
    }
    if ((forward->flags & MCMP_HTTP_FORWARD_RFC7239) != 0)
        put_rfc7239(out, head, forward, host, scheme);
}

static int is_allowed(const mcmp_http_forward *forward, mcmp_span protocol)
{
    if (forward->upgrades == NULL)
        return mcmp__span_is_nocase(protocol, "websocket");
    for (size_t i = 0; i < forward->upgrade_count; i++)
        if (mcmp__span_eq_nocase(forward->upgrades[i], protocol))
            return 1;
    return 0;
}

/* The protocols asked for that are allowed, as one Upgrade line. 1 when there is one. */
static uint32_t put_upgrade(mcmp__out *out, const mcmp_http_head *head,
                            const mcmp_http_forward *forward)
{
    mcmp_span rest = head->info.upgrade;
    mcmp_span protocol;
    uint32_t some = 0;

    if ((forward->flags & MCMP_HTTP_FORWARD_NO_UPGRADE) != 0)
        return 0;
    while (rest.len != 0 && mcmp__http_list_next(&rest, &protocol)) {
        if (!is_allowed(forward, protocol))
            continue;
        if (some)
            MCMP__PUT(out, ", ");
        else
            MCMP__PUT(out, "Connection: upgrade\r\nUpgrade: ");
        mcmp__http_put_span(out, protocol);
        some = 1;
    }
    if (some)
        MCMP__PUT(out, "\r\n");
    return some;
}

static uint32_t put_framing(mcmp__out *out, const mcmp_http_info *info,
                            const mcmp_http_forward *forward)
{
    int automatic = forward->framing == MCMP_HTTP_FRAMING_AUTO;
    uint32_t framing = automatic ? info->framing : forward->framing;

    if (framing == MCMP_HTTP_FRAMING_LENGTH) {
        MCMP__PUT(out, "Content-Length: ");
        mcmp__http_put_uint(out, automatic ? info->length : forward->length);
        MCMP__PUT(out, "\r\n");
    } else if (framing == MCMP_HTTP_FRAMING_CHUNKED) {
        MCMP__PUT(out, "Transfer-Encoding: chunked\r\n");
    }
    return framing;
}

static void put_first_lines(mcmp__out *out, const mcmp_http_head *head,
                            const mcmp_http_forward *forward)
{
    mcmp__http_put_span(out, head->info.method_name);
    MCMP__PUT(out, " ");
    mcmp__http_put_target(out, forward->target, forward->remove_path);
    MCMP__PUT(out, " HTTP/1.1\r\nHost: ");
    mcmp__http_put_span(out, forward->host.len != 0 ? forward->host : forward->target->host);
    MCMP__PUT(out, "\r\n");
}

/* What the proxy says of itself and of the client. */
static void put_own(mcmp__out *out, const mcmp_http_head *head, const mcmp_http_forward *forward)
{
    put_forwarded(out, head, forward);
    if (forward->via.len != 0) {
        mcmp__http_put(out, head->info.minor == 0 ? "Via: 1.0 " : "Via: 1.1 ", 9);
        mcmp__http_put_span(out, forward->via);
        MCMP__PUT(out, "\r\n");
    }
    for (size_t i = 0; i < forward->add_count; i++)
        mcmp__http_put_line(out, forward->add[i].name, forward->add[i].value);
}

/* What ends a head of ours: the life of the connection and the framing of the body. */
static void put_last_lines(mcmp__out *out, const mcmp_http_head *head, mcmp_http_forward *forward)
{
    forward->sent_upgrade = put_upgrade(out, head, forward);
    if ((forward->flags & MCMP_HTTP_FORWARD_CLOSE) != 0 && !forward->sent_upgrade)
        MCMP__PUT(out, "Connection: close\r\n");
    forward->sent_framing = put_framing(out, &head->info, forward);
    MCMP__PUT(out, "\r\n");
}

static void put_head(mcmp__out *out, const mcmp_http_head *head, mcmp_http_forward *forward)
{
    const mcmp__copy copy = { .head = head,
                              .skip = skipped(forward),
                              .drop = forward->drop,
                              .drop_count = forward->drop_count,
                              .remove_cookie = forward->remove_cookie };

    put_first_lines(out, head, forward);
    mcmp__http_put_fields(out, &copy);
    put_own(out, head, forward);
    put_last_lines(out, head, forward);
}

int mcmp_http_encode_request(const mcmp_http_head *request, mcmp_http_forward *forward, char *out,
                             size_t size, size_t *out_len, mcmp_error *err)
{
    mcmp__out writer = { out, size, 0 };
    mcmp_http_forward local;
    int rc = mcmp__sized_in(&local, sizeof(local), forward, sizeof(local.struct_size));

    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "forward", "the struct is of a size that is not known");
    if (request->state != MCMP__HEAD_DONE || request->response)
        return mcmp__fail(err, MCMP_ERR_STATE, NULL, "there is no complete request head");
    rc = check(&local, err);
    if (rc != MCMP_OK)
        return rc;
    if ((local.flags & MCMP_HTTP_FORWARD_OWN_LINES) != 0)
        put_own(&writer, request, &local);
    else
        put_head(&writer, request, &local);
    rc = mcmp__http_put_done(&writer, out_len, err);
    if (rc == MCMP_OK)
        (void)mcmp__sized_out(forward, &local, sizeof(local));
    return rc;
}
