/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Forward Request (AJP13 2), from the same parsed head that the HTTP codec takes. The client's
 * end-to-end headers go in their order; the proxy's own lines are written by the HTTP codec and
 * taken over, so that both kinds of node are told the same. Of framing exactly one line is ours.
 */
#include "ajp.h"

#define BIT(id) (UINT64_C(1) << (id))
#define X_FIELDS                                                                    \
    (BIT(MCMP_HTTP_FIELD_X_FORWARDED_FOR) | BIT(MCMP_HTTP_FIELD_X_FORWARDED_HOST) | \
     BIT(MCMP_HTTP_FIELD_X_FORWARDED_PROTO))
/* Never copied: written anew, answered by the host (AJP13 4.4), or no header at all. */
#define NEVER                                                               \
    (BIT(MCMP_HTTP_FIELD_HOST) | BIT(MCMP_HTTP_FIELD_CONTENT_LENGTH) |      \
     BIT(MCMP_HTTP_FIELD_TRANSFER_ENCODING) | BIT(MCMP_HTTP_FIELD_EXPECT) | \
     BIT(MCMP_HTTP_FIELD_UPGRADE) | BIT(MCMP_HTTP_FIELD_PROXY))
#define FORWARDED (MCMP_HTTP_FORWARD_X | MCMP_HTTP_FORWARD_RFC7239)
#define KNOWN_FLAGS                                                    \
    (FORWARDED | MCMP_HTTP_FORWARD_TRUSTED | MCMP_HTTP_FORWARD_CLOSE | \
     MCMP_HTTP_FORWARD_NO_EXPECT | MCMP_HTTP_FORWARD_NO_UPGRADE)

/* One call of encode. */
typedef struct job {
    mcmp_ajp_proxy *proxy;
    const mcmp_http_head *request;
    const mcmp_http_info *info;
    mcmp_http_forward forward;
    mcmp_ajp_facts facts;
    mcmp__ajp_out out;
    uint64_t skip;    /* bit per field number */
    uint32_t lines;   /* headers written */
    uint32_t framing; /* of the body */
    uint64_t length;
    mcmp_error *err;
} job;

static int fail_size(const job *j, const char *field, const char *text)
{
    return mcmp__fail(j->err, MCMP_ERR_AJP_REQUEST_SIZE, field, "%s", text);
}

static void put_name(job *j, uint32_t code, mcmp_span name)
{
    j->lines++;
    if (code != 0)
        mcmp__ajp_put16(&j->out, MCMP__AJP_CODED + code);
    else
        mcmp__ajp_put_string(&j->out, name);
}

static int is_dropped(const job *j, mcmp_span name)
{
    for (size_t i = 0; i < j->forward.drop_count; i++)
        if (mcmp__span_eq_nocase(j->forward.drop[i], name))
            return 1;
    return 0;
}

/* What stays of one Cookie line; 0: nothing. */
static int put_cookie_line(job *j, mcmp_span value, int some)
{
    mcmp_span cookie = j->forward.remove_cookie;
    mcmp_span pair;
    size_t from = 0;
    int here = 0;

    if (cookie.len == 0 && value.len != 0) {
        mcmp__ajp_put_bytes(&j->out, "; ", some ? 2 : 0);
        mcmp__ajp_put_bytes(&j->out, value.ptr, value.len);
        return 1;
    }
    while (cookie.len != 0 && mcmp__cookie_rest(value, cookie, &from, &pair)) {
        mcmp__ajp_put_bytes(&j->out, here ? ";" : "; ", here ? 1 : some * 2);
        pair = here ? pair : mcmp__trimmed(pair);
        mcmp__ajp_put_bytes(&j->out, pair.ptr, pair.len);
        here = 1;
    }
    return here;
}

/* AJP13 5: several Cookie lines become one, from the first one's place on. */
static void put_cookies(job *j, uint32_t index, mcmp_span value)
{
    const mcmp__ajp_out before = j->out;
    size_t left = mcmp_http_head_values(j->request, MCMP_HTTP_FIELD_COOKIE, NULL, 0) - 1;
    size_t at;
    int some;

    put_name(j, MCMP__AJP_COOKIE, value);
    at = j->out.len;
    mcmp__ajp_put16(&j->out, 0);
    some = put_cookie_line(j, value, 0);
    while (left != 0) {
        mcmp_pair line;
        uint32_t id;

        (void)mcmp_http_head_header(j->request, ++index, &line, &id, NULL);
        if (id != MCMP_HTTP_FIELD_COOKIE)
            continue;
        some |= put_cookie_line(j, line.value, some);
        left--;
    }
    if (!some) {
        j->out = before;
        j->lines--;
        return;
    }
    if (j->out.len < j->out.size)
        mcmp__ajp_set16(j->out.data + at, (uint32_t)(j->out.len - at - 2));
    mcmp__ajp_put8(&j->out, 0);
}

static int put_client_lines(job *j)
{
    int cookies = 0;

    for (uint32_t i = 0; i < j->info->header_count; i++) {
        mcmp_pair line;
        uint32_t code;
        uint32_t id;
        uint32_t hop;

        (void)mcmp_http_head_header(j->request, i, &line, &id, &hop);
        if (hop != 0 || ((j->skip >> id) & 1) != 0)
            continue;
        if (j->forward.drop_count != 0 && is_dropped(j, line.name))
            continue;
        if (id == MCMP_HTTP_FIELD_COOKIE) {
            if (!cookies)
                put_cookies(j, i, line.value);
            cookies = 1;
            continue;
        }
        code = id != MCMP_HTTP_FIELD_OTHER ? mcmp__ajp_field_codes[id]
                                           : mcmp__ajp_request_code(line.name);
        if (code == 0 && line.name.len > MCMP__AJP_NAME_MAX)
            return fail_size(j, "name", "the name of a header is over 255 bytes");
        put_name(j, code, line.name);
        mcmp__ajp_put_string(&j->out, line.value);
    }
    return MCMP_OK;
}

static int put_own_line(job *j, mcmp_span name, mcmp_span value)
{
    if (name.len > MCMP__AJP_NAME_MAX)
        return mcmp__fail(j->err, MCMP_ERR_INVALID, "add", "a name is over 255 bytes");
    if (mcmp__ajp_request_code(name) == MCMP__AJP_CONTENT_LENGTH || mcmp__ajp_is_hop(name))
        return mcmp__fail(j->err, MCMP_ERR_INVALID, "add",
                          "the length of the body and what ends at this hop are not the host's");
    put_name(j, mcmp__ajp_request_code(name), name);
    mcmp__ajp_put_string(&j->out, value);
    return MCMP_OK;
}

/* Lines of the proxy itself, as the HTTP codec writes them: "name: value" and CRLF. */
static int put_own_lines(job *j)
{
    mcmp_http_forward forward = j->forward;
    char *text = j->proxy->text;
    size_t left = 0;
    int rc;

    if ((forward.flags & FORWARDED) == 0 && forward.via.len == 0 && forward.add_count == 0)
        return MCMP_OK;
    forward.flags =
        (forward.flags & (FORWARDED | MCMP_HTTP_FORWARD_TRUSTED)) | MCMP_HTTP_FORWARD_OWN_LINES;
    rc = mcmp_http_encode_request(j->request, &forward, text, j->proxy->text_size, &left, j->err);
    if (rc == MCMP_ERR_SPACE)
        return fail_size(j, "max_head", "what is added to the head is over max_head");
    while (rc == MCMP_OK && left != 0) {
        const char *colon = memchr(text, ':', left);
        const char *end = memchr(text, '\r', left);

        rc = put_own_line(j, mcmp__span(text, (size_t)(colon - text)),
                          mcmp__span(colon + 2, (size_t)(end - colon - 2)));
        left -= (size_t)(end + 2 - text);
        text += end + 2 - text;
    }
    return rc;
}

/* AJP13 5: exactly one of these, or neither when there is no body. */
static void put_framing(job *j)
{
    static const mcmp_span name = MCMP__SPAN("transfer-encoding");
    static const mcmp_span chunked = MCMP__SPAN("chunked");
    char digits[20];

    if (j->framing == MCMP_HTTP_FRAMING_LENGTH) {
        put_name(j, MCMP__AJP_CONTENT_LENGTH, name);
        mcmp__ajp_put_string(&j->out, mcmp__span(digits, mcmp__format_uint(digits, j->length)));
    } else if (j->framing == MCMP_HTTP_FRAMING_CHUNKED) {
        put_name(j, 0, name);
        mcmp__ajp_put_string(&j->out, chunked);
    }
}

static int put_lines(job *j)
{
    mcmp_span host = j->forward.host.len != 0 ? j->forward.host : j->forward.target->host;
    size_t at = j->out.len;
    int rc;

    mcmp__ajp_put16(&j->out, 0);
    if (host.len != 0) {
        put_name(j, MCMP__AJP_HOST, host);
        mcmp__ajp_put_string(&j->out, host);
    }
    rc = put_client_lines(j);
    if (rc == MCMP_OK)
        rc = put_own_lines(j);
    if (rc != MCMP_OK)
        return rc;
    put_framing(j);
    if (j->lines > j->proxy->max_headers)
        return fail_size(j, "max_headers", "the request has more header lines than max_headers");
    if (j->out.len <= j->out.size)
        mcmp__ajp_set16(j->out.data + at, j->lines);
    return MCMP_OK;
}

/* Fills in of Host what the facts don't tell; an IPv6 address keeps its brackets. */
static void split_host(mcmp_span text, mcmp_span *name, uint32_t *port)
{
    size_t end = text.len;
    uint64_t value = 0;

    while (end != 0 && mcmp__is_digit(text.ptr[end - 1]))
        end--;
    if (end != 0 && text.ptr[end - 1] == ':') {
        if (*port == 0 &&
            mcmp__parse_uint(mcmp__span(text.ptr + end, text.len - end), 65535, &value) == 0)
            *port = (uint32_t)value;
        text.len = end - 1;
    }
    if (name->len == 0)
        *name = text;
}

static void put_uri(job *j)
{
    mcmp_span path = j->forward.target->forward;
    mcmp_span remove = j->forward.remove_path;
    mcmp_span piece;
    size_t from = 0;
    size_t at = j->out.len;

    if (remove.len == 0 || memchr(path.ptr, ';', path.len) == NULL) {
        mcmp__ajp_put_string(&j->out, path);
        return;
    }
    mcmp__ajp_put16(&j->out, 0);
    while (mcmp__path_rest(path, remove, &from, &piece))
        mcmp__ajp_put_bytes(&j->out, piece.ptr, piece.len);
    if (j->out.len < j->out.size)
        mcmp__ajp_set16(j->out.data + at, (uint32_t)(j->out.len - at - 2));
    mcmp__ajp_put8(&j->out, 0);
}

/* Everything before the headers. */
static void put_first(job *j, uint32_t method)
{
    static const mcmp_span protocols[] = { MCMP__SPAN("HTTP/1.0"), MCMP__SPAN("HTTP/1.1") };
    const mcmp_ajp_facts *facts = &j->facts;
    mcmp_span name = facts->server_name;
    mcmp_span host = j->forward.target->host;
    uint32_t port = facts->server_port;

    if (name.len == 0 || port == 0)
        split_host(host.len != 0 ? host : j->forward.host, &name, &port);
    if (port == 0)
        port = facts->is_ssl ? 443 : 80;
    mcmp__ajp_put8(&j->out, MCMP__AJP_FORWARD);
    mcmp__ajp_put8(&j->out, method);
    mcmp__ajp_put_string(&j->out, protocols[j->info->minor != 0]);
    put_uri(j);
    mcmp__ajp_put_string(&j->out,
                         facts->remote_addr.len != 0 ? facts->remote_addr : j->forward.client);
    if (facts->remote_host.len != 0)
        mcmp__ajp_put_string(&j->out, facts->remote_host);
    else
        mcmp__ajp_put16(&j->out, MCMP__AJP_NULL);
    mcmp__ajp_put_string(&j->out, name);
    mcmp__ajp_put16(&j->out, port);
    mcmp__ajp_put8(&j->out, facts->is_ssl);
}

static uint64_t skipped(uint32_t flags)
{
    uint64_t skip = NEVER;

    /* A node that reads the other family must not be told tales by an untrusted client. */
    if ((flags & FORWARDED) != 0 && (flags & MCMP_HTTP_FORWARD_TRUSTED) == 0)
        return skip | X_FIELDS | BIT(MCMP_HTTP_FIELD_FORWARDED);
    if ((flags & MCMP_HTTP_FORWARD_X) != 0)
        skip |= X_FIELDS;
    if ((flags & MCMP_HTTP_FORWARD_RFC7239) != 0)
        skip |= BIT(MCMP_HTTP_FIELD_FORWARDED);
    return skip;
}

static int check(job *j)
{
    const mcmp_http_forward *f = &j->forward;

    if (!mcmp_ajp_proxy_can_reuse(j->proxy))
        return mcmp__fail(j->err, MCMP_ERR_STATE, NULL, "the connection can't be used (again)");
    if (j->info == NULL || j->info->status != 0)
        return mcmp__fail(j->err, MCMP_ERR_STATE, NULL, "there is no complete request head");
    if ((f->flags & ~KNOWN_FLAGS) != 0)
        return mcmp__fail(j->err, MCMP_ERR_UNSUPPORTED, "flags", "unknown flags");
    if (f->target == NULL || f->target->target.len == 0)
        return mcmp__fail(j->err, MCMP_ERR_INVALID, "target", "there is no canonical target");
    if (f->framing > MCMP_HTTP_FRAMING_CHUNKED)
        return mcmp__fail(j->err, MCMP_ERR_INVALID, "framing", "not a framing of requests");
    if ((f->host.len != 0 && mcmp__ajp_text_bad(f->host) != f->host.len) ||
        (f->client.len != 0 && mcmp__ajp_text_bad(f->client) != f->client.len))
        return mcmp__fail(j->err, MCMP_ERR_INVALID, "text", "a text holds a control byte");
    return mcmp__ajp_facts_check(&j->facts, j->err);
}

/* The packet has left our hands: from here on the exchange is open. */
static void begin(job *j, size_t len)
{
    mcmp_ajp_proxy *proxy = j->proxy;

    mcmp_http_head_reset(proxy->head);
    proxy->phase = MCMP__PROXY_OPEN;
    proxy->method = j->info->method;
    proxy->body_framing = j->framing;
    proxy->body_left = j->framing == MCMP_HTTP_FRAMING_LENGTH ? j->length : 0;
    proxy->body_ended = j->framing != MCMP_HTTP_FRAMING_CHUNKED && proxy->body_left == 0;
    proxy->first_due = proxy->body_left != 0;
    proxy->get_due = 0;
    proxy->body_sent = 0;
    proxy->answer_framing = MCMP_HTTP_FRAMING_AUTO;
    proxy->answer_left = 0;
    proxy->answer_taken = 0;
    proxy->has_reply = 0;
    proxy->has_head = 0;
    proxy->interims = 0;
    proxy->unsent += len;
}

static int encode(job *j, size_t *out_len)
{
    uint32_t method;
    int rc = check(j);

    if (rc != MCMP_OK)
        return rc;
    j->skip = skipped(j->forward.flags);
    j->framing = j->forward.framing;
    j->length = j->forward.length;
    if (j->framing == MCMP_HTTP_FRAMING_AUTO) {
        j->framing = j->info->framing;
        j->length = j->info->length;
    }
    method = j->info->method == MCMP_HTTP_GET ? 2 : mcmp__ajp_method_code(j->info->method_name);
    put_first(j, method);
    rc = put_lines(j);
    if (rc != MCMP_OK)
        return rc;
    rc = mcmp__ajp_put_facts(
        &j->out, &j->facts, j->forward.target,
        method == MCMP_AJP_METHOD_STORED ? j->info->method_name : mcmp__span(NULL, 0), j->err);
    if (rc != MCMP_OK)
        return rc;
    return mcmp__ajp_finish(&j->out, j->proxy->max_packet, MCMP_ERR_AJP_REQUEST_SIZE, out_len,
                            j->err);
}

int mcmp_ajp_proxy_encode_request(mcmp_ajp_proxy *proxy, const mcmp_http_head *request,
                                  mcmp_http_forward *forward, const mcmp_ajp_facts *facts,
                                  char *out, size_t size, size_t *out_len, mcmp_error *err)
{
    job j;
    int rc;

    j.proxy = proxy;
    j.request = request;
    j.info = mcmp_http_head_info(request);
    j.err = err;
    j.lines = 0;
    rc = mcmp__sized_in(&j.forward, sizeof(j.forward), forward, sizeof(size_t));
    if (rc == MCMP_OK)
        rc = mcmp__sized_in(&j.facts, sizeof(j.facts), facts, sizeof(size_t));
    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "forward", "a struct is of a size that is not known");
    mcmp__ajp_begin(&j.out, out, size, MCMP__AJP_TO_CONTAINER);
    rc = encode(&j, out_len);
    if (rc != MCMP_OK)
        return rc;
    begin(&j, j.out.len);
    j.forward.sent_framing = j.framing;
    j.forward.sent_upgrade = 0;
    return mcmp__sized_out(forward, &j.forward, sizeof(j.forward));
}
