/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between a request of httpd and one of the library. httpd has parsed the head; the body comes
 * through its input filters, so chunks, limits and timeouts of the host apply. The answer goes out
 * with its length, never in chunks, which old clients can't read.
 */
#include "body.h"

#include <apr_atomic.h>
#include <apr_strings.h>
#include <http_connection.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_ssl.h>
#include <http_vhost.h>
#include <unistd.h>

#define MAX_DROP (16u << 20)

struct collected {
    char *data;
    apr_size_t len;
    apr_size_t room;
    apr_size_t limit;
    uint64_t seen;
};

static void keep(request_rec *r, struct collected *body, const char *data, apr_size_t len)
{
    body->seen += len;
    if (body->seen > body->limit)
        return;
    if (body->room - body->len < len) {
        apr_size_t room = 2 * (body->len + len) < 1024 ? 1024 : 2 * (body->len + len);
        char *more = apr_palloc(r->pool, room);

        if (body->len != 0)
            memcpy(more, body->data, body->len);
        body->data = more;
        body->room = room;
    }
    memcpy(body->data + body->len, data, len);
    body->len += len;
}

/* 1 at the end of the body, 0 when there is more, -1 when it can't be read. */
static int take(request_rec *r, struct collected *body, apr_bucket_brigade *brigade)
{
    for (apr_bucket *b = APR_BRIGADE_FIRST(brigade); b != APR_BRIGADE_SENTINEL(brigade);
         b = APR_BUCKET_NEXT(b)) {
        const char *data;
        apr_size_t len;

        if (APR_BUCKET_IS_EOS(b))
            return 1;
        if (APR_BUCKET_IS_METADATA(b))
            continue;
        if (apr_bucket_read(b, &data, &len, APR_BLOCK_READ) != APR_SUCCESS)
            return -1;
        keep(r, body, data, len);
    }
    return 0;
}

/* What the filter says: its own status when it has one, else that the client broke off. */
static int read_failure(request_rec *r, apr_status_t rv)
{
    r->connection->keepalive = AP_CONN_CLOSE;
    return rv == APR_SUCCESS ? HTTP_BAD_REQUEST : ap_map_http_request_error(rv, HTTP_BAD_REQUEST);
}

int body_read(request_rec *r, uint64_t limit, mcmp_request *request)
{
    apr_bucket_brigade *brigade = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    const char *announced = apr_table_get(r->headers_in, "Content-Length");
    struct collected body = { NULL, 0, 0, (apr_size_t)limit, 0 };
    int rc = 0;

    while (rc == 0 && body.seen <= MAX_DROP) {
        apr_status_t rv = ap_get_brigade(r->input_filters, brigade, AP_MODE_READBYTES,
                                         APR_BLOCK_READ, HUGE_STRING_LEN);

        if (rv == APR_SUCCESS)
            rc = take(r, &body, brigade);
        if (rv != APR_SUCCESS || rc < 0)
            return read_failure(r, rv);
        apr_brigade_cleanup(brigade);
    }
    if (body.seen > MAX_DROP) { /* nothing more is taken from this connection */
        r->connection->keepalive = AP_CONN_CLOSE;
        request->flags |= MCMP_REQUEST_LINGER;
    }
    request->body_size = body.seen;
    if (announced != NULL && apr_strtoi64(announced, NULL, 10) > (apr_int64_t)body.seen)
        request->body_size = (uint64_t)apr_strtoi64(announced, NULL, 10);
    if (body.seen > body.limit) {
        request->flags |= MCMP_REQUEST_OVERSIZE;
        return OK;
    }
    request->body.ptr = body.data;
    request->body.len = body.len;
    return OK;
}

static void fill_address(mcmp_peer *peer, const apr_sockaddr_t *address)
{
    if (address == NULL)
        return;
    if (address->family == APR_INET) {
        peer->address[10] = peer->address[11] = 0xff;
        memcpy(peer->address + 12, &address->sa.sin.sin_addr, 4);
        peer->has_address = 1;
#if APR_HAVE_IPV6
    } else if (address->family == APR_INET6) {
        memcpy(peer->address, &address->sa.sin6.sin6_addr, 16);
        peer->has_address = 1;
#endif
    }
    peer->port = address->port;
}

/* The name in a certificate that the host has verified. */
static mcmp_span identity_of(request_rec *r)
{
    mcmp_span none = { NULL, 0 };
    mcmp_span name;
    conn_rec *c = r->connection;
    const char *verified;

    if (!ap_ssl_conn_is_ssl(c))
        return none;
    verified = ap_ssl_var_lookup(r->pool, r->server, c, r, "SSL_CLIENT_VERIFY");
    if (verified == NULL || strcmp(verified, "SUCCESS") != 0)
        return none;
    name.ptr = ap_ssl_var_lookup(r->pool, r->server, c, r, "SSL_CLIENT_S_DN_CN");
    name.len = name.ptr != NULL ? strlen(name.ptr) : 0;
    return name;
}

/* httpd's own numbers of connections are given anew; the library wants one that is never used
 * twice. */
static uint64_t connection_number(conn_rec *c)
{
    static apr_uint32_t last;
    uint64_t *number = ap_get_module_config(c->conn_config, &mcmp_module);

    if (number == NULL) {
        number = apr_palloc(c->pool, sizeof(*number));
        *number = (uint64_t)getpid() << 32 | (apr_atomic_inc32(&last) + 1);
        ap_set_module_config(c->conn_config, &mcmp_module, number);
    }
    return *number;
}

static mcmp_span span_of(const char *text)
{
    mcmp_span span = { text, text != NULL ? strlen(text) : 0 };

    return span;
}

static int will_close(request_rec *r)
{
    const char *connection = apr_table_get(r->headers_in, "Connection");

    return r->proto_num < HTTP_VERSION(1, 1) ||
           (connection != NULL && ap_find_token(r->pool, connection, "close"));
}

void request_fill(request_rec *r, mcmp_request *request, mcmp_peer *peer)
{
    mcmp_peer_init(peer);
    fill_address(peer, r->useragent_addr);
    peer->identity = identity_of(r);
    request->method = span_of(r->method);
    request->target = span_of(r->unparsed_uri);
    request->flags |=
        mcmp_request_flags(request->target, span_of(apr_table_get(r->headers_in, "Accept")));
    request->flags |= will_close(r) ? MCMP_REQUEST_CLOSE : 0;
    request->flags |= r->header_only ? MCMP_REQUEST_HEAD : 0;
    request->host = span_of(apr_table_get(r->headers_in, "Host"));
    request->peer = peer;
    request->connection = connection_number(r->connection);
    request->now = mcmp_httpd_now();
}

static void send_headers(request_rec *r, const mcmp_response *response)
{
    mcmp_pair pair;

    for (size_t i = 0; mcmp_response_header(response, i, &pair) == MCMP_OK; i++) {
        const char *name = apr_pstrmemdup(r->pool, pair.name.ptr, pair.name.len);
        const char *value = apr_pstrmemdup(r->pool, pair.value.ptr, pair.value.len);

        if (strcasecmp(name, "Content-Type") == 0)
            ap_set_content_type(r, value);
        else if (strcasecmp(name, "Content-Length") == 0)
            apr_table_setn(r->headers_out, name, value);
        else if (strcasecmp(name, "Connection") != 0)
            apr_table_addn(r->headers_out, name, value);
    }
}

void answer_send(request_rec *r, const mcmp_response *response)
{
    mcmp_span body = mcmp_response_body(response);
    mcmp_span reason = mcmp_response_reason(response);

    r->status = (int)mcmp_response_status(response);
    r->status_line = apr_psprintf(r->pool, "%d %.*s", r->status, (int)reason.len, reason.ptr);
    if (mcmp_response_must_close(response))
        r->connection->keepalive = AP_CONN_CLOSE;
    send_headers(r, response);
    if (!r->header_only && body.len != 0)
        ap_rwrite(body.ptr, (int)body.len, r);
}

static int add_line(void *ctx, const char *name, const char *value)
{
    ap_rprintf(ctx, "%s: %s\r\n", name, value);
    return 1;
}

/* httpd closes the connection after each 500, but a node that is told to configure itself anew goes
 * on with it. So the head is written here, and httpd is asked for no more than whether it keeps the
 * connection (it adds its headers about that), and told of the status when it logs. HTTP/2 knows no
 * such heads. */
void answer_send_as_is(request_rec *r, const mcmp_response *response)
{
    mcmp_span body = mcmp_response_body(response);
    mcmp_span reason = mcmp_response_reason(response);
    int status = (int)mcmp_response_status(response);

    if (r->proto_num >= HTTP_VERSION(2, 0)) {
        answer_send(r, response);
        return;
    }
    if (mcmp_response_must_close(response))
        r->connection->keepalive = AP_CONN_CLOSE;
    send_headers(r, response);
    if (r->content_type != NULL)
        apr_table_setn(r->headers_out, "Content-Type", r->content_type);
    r->status = HTTP_OK;
    if (ap_set_keepalive(r))
        r->connection->keepalives--; /* httpd asks once more, and counts */
    r->assbackwards = 1;
    r->status_line = apr_psprintf(r->pool, "%d %.*s", status, (int)reason.len, reason.ptr);
    ap_rprintf(r, "HTTP/1.1 %s\r\n", r->status_line);
    apr_table_do(add_line, r, r->headers_out, NULL);
    ap_rputs("\r\n", r);
    if (body.len != 0)
        ap_rwrite(body.ptr, (int)body.len, r);
}

int answer_log(request_rec *r)
{
    if (r->assbackwards && r->status_line != NULL)
        r->status = (int)apr_strtoi64(r->status_line, NULL, 10);
    return DECLINED;
}
