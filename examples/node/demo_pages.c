/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the demonstration application serves: one table of pages, each at the root and below every
 * context. Nothing a client sends is trusted; texts are escaped for where they go.
 */
#include "demo_conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOW_MAX_MS 600000u
#define COUNTER_WIDTH 16 /* bytes of one record of /stream */

typedef struct reason {
    unsigned status;
    const char *text;
} reason;

const char *demo_reason(unsigned status)
{
    static const reason reasons[] = {
        { 101, "Switching Protocols" },
        { 200, "OK" },
        { 201, "Created" },
        { 202, "Accepted" },
        { 204, "No Content" },
        { 206, "Partial Content" },
        { 301, "Moved Permanently" },
        { 302, "Found" },
        { 304, "Not Modified" },
        { 307, "Temporary Redirect" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 409, "Conflict" },
        { 410, "Gone" },
        { 417, "Expectation Failed" },
        { 418, "I'm a teapot" },
        { 426, "Upgrade Required" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 502, "Bad Gateway" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
        { 505, "HTTP Version Not Supported" },
    };

    for (size_t i = 0; i < NODE_COUNT(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return "Status";
}

/* ---- sessions ---- */

typedef struct demo_visit {
    char id[DEMO_SESSION_ID_MAX + 1];
    uint64_t count;
    int set_cookie; /* the client does not have id and route like this */
} demo_visit;

static void new_session_id(char out[DEMO_SESSION_ID_MAX + 1])
{
    unsigned char bytes[16];

    if (uv_random(NULL, NULL, bytes, sizeof(bytes), 0, NULL) != 0) {
        uint64_t now = uv_hrtime();

        memset(bytes, 0, sizeof(bytes));
        memcpy(bytes, &now, sizeof(now));
    }
    for (size_t i = 0; i < sizeof(bytes); i++)
        (void)snprintf(out + 2 * i, 3, "%02X", bytes[i]);
}

static void count_visit(demo_conn *conn, const demo_head *head, demo_visit *out)
{
    const demo_options *options = &conn->server->options;
    mcmp_span route;
    mcmp_span cookie = demo_cookie_get(head, node_span_of(options->cookie));
    mcmp_span id = node_span_cut(cookie, '.', &route);

    out->set_cookie = !node_span_is(route, options->route);
    if (demo_session_id_is_valid(id)) {
        memcpy(out->id, id.ptr, id.len);
        out->id[id.len] = '\0';
    } else {
        new_session_id(out->id);
        out->set_cookie = 1;
    }
    out->count = demo_sessions_count(conn->server->sessions, node_span_of(out->id));
}

static void answer_visit(demo_conn *conn, const demo_visit *visit, const char *type,
                         const node_buf *body)
{
    const demo_options *options = &conn->server->options;
    node_buf extra = { 0 };

    node_buf_add_str(&extra, "Cache-Control: no-store\r\n");
    if (visit->set_cookie)
        node_buf_printf(&extra, "Set-Cookie: %s=%s.%s; Path=/; HttpOnly; SameSite=Lax\r\n",
                        options->cookie, visit->id, options->route);
    node_buf_add(&extra, "", 1);
    if (extra.failed)
        conn->answer.failed = 1;
    else
        demo_conn_answer(conn, 200, type, body, extra.data);
    node_buf_clear(&extra);
}

static void finish_small(demo_conn *conn)
{
    demo_conn_flush(conn);
}

/* ---- the page for people ---- */

static const char page_top[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta "
    "charset=\"utf-8\"><title>mcmp-node</title><style>\n"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}\n"
    "h1 b{padding:.1em .4em;border-radius:.2em;color:#fff}td{padding:.1rem .8rem .1rem 0;"
    "vertical-align:top;overflow-wrap:anywhere}td:first-child{color:#666;white-space:nowrap}\n"
    "a{margin-right:.8rem}pre{background:#eee;padding:.5rem;min-height:1.5em}</style></"
    "head><body>\n";

static unsigned hue_of(const char *text)
{
    unsigned hue = 0;

    for (; *text != '\0'; text++)
        hue = hue * 31 + (unsigned char)*text;
    return hue * 67 % 360;
}

static void add_links(node_buf *out, mcmp_span base)
{
    static const char *const links[] = {
        "/", "/json", "/echo", "/slow?ms=2000", "/stream?bytes=4096", "/status?code=503"
    };

    node_buf_add_str(out, "<p>");
    for (size_t i = 0; i < NODE_COUNT(links); i++) {
        node_buf_add_str(out, "<a href=\"");
        node_buf_add_html(out, base);
        node_buf_printf(out, "%s\">%s</a>", links[i], links[i]);
    }
    node_buf_add_str(out, "</p>\n");
}

static void add_tunnel(node_buf *out)
{
    node_buf_add_str(
        out, "<p><button id=\"go\">Send a message through a WebSocket</button></p><pre id=\"log\">"
             "</pre>\n<script>\ndocument.getElementById('go').onclick=function(){\n"
             "var log=document.getElementById('log');\n"
             "var path=location.pathname.replace(/\\/$/,'')+'/ws';\n"
             "var ws=new WebSocket((location.protocol==='https:'?'wss://':'ws://')+"
             "location.host+path);\n"
             "ws.onopen=function(){ws.send('hello '+new Date().toISOString());};\n"
             "ws.onmessage=function(e){log.textContent+='echo: '+e.data+'\\n';ws.close();};\n"
             "ws.onerror=function(){log.textContent+='no tunnel\\n';};};\n</script>\n");
}

static void render_page(node_buf *out, const demo_conn *conn, const demo_head *head,
                        const demo_visit *visit, mcmp_span base)
{
    const char *route = conn->server->options.route;

    node_buf_add_str(out, page_top);
    node_buf_printf(out, "<h1>Served by <b style=\"background:hsl(%u,60%%,40%%)\">", hue_of(route));
    node_buf_add_html(out, node_span_of(route));
    node_buf_printf(out,
                    "</b></h1>\n<p>Session <code>%s</code>, request number <b>%llu</b> of it "
                    "on this node.</p>\n",
                    visit->id, (unsigned long long)visit->count);
    add_links(out, base);
    add_tunnel(out);
    node_buf_add_str(out, "<h2>The request as it arrived</h2><table><tr><td>");
    node_buf_add_html(out, head->method);
    node_buf_add_str(out, "</td><td>");
    node_buf_add_html(out, head->target);
    node_buf_add_str(out, "</td></tr>\n");
    for (size_t i = 0; i < head->header_count; i++) {
        node_buf_add_str(out, "<tr><td>");
        node_buf_add_html(out, head->headers[i].name);
        node_buf_add_str(out, "</td><td>");
        node_buf_add_html(out, head->headers[i].value);
        node_buf_add_str(out, "</td></tr>\n");
    }
    node_buf_add_str(out, "</table></body></html>\n");
}

static int begin_index(demo_conn *conn, const demo_head *head, mcmp_span path)
{
    node_buf body = { 0 };
    mcmp_span clean_rest;
    mcmp_span clean = node_span_cut(head->path, ';', &clean_rest);
    demo_visit visit;

    count_visit(conn, head, &visit);
    render_page(&body, conn, head, &visit, node_span(clean.ptr, clean.len - path.len));
    answer_visit(conn, &visit, "text/html; charset=utf-8", &body);
    node_buf_clear(&body);
    return 0;
}

static int begin_json(demo_conn *conn, const demo_head *head, mcmp_span path)
{
    node_buf body = { 0 };
    demo_visit visit;

    (void)path;
    count_visit(conn, head, &visit);
    node_buf_add_str(&body, "{\"route\":");
    node_buf_add_json(&body, node_span_of(conn->server->options.route));
    node_buf_printf(&body, ",\"session\":\"%s\",\"count\":%llu,\"method\":", visit.id,
                    (unsigned long long)visit.count);
    node_buf_add_json(&body, head->method);
    node_buf_add_str(&body, ",\"target\":");
    node_buf_add_json(&body, head->target);
    node_buf_add_str(&body, ",\"headers\":[");
    for (size_t i = 0; i < head->header_count; i++) {
        node_buf_add_str(&body, i == 0 ? "[" : ",[");
        node_buf_add_json(&body, head->headers[i].name);
        node_buf_add_str(&body, ",");
        node_buf_add_json(&body, head->headers[i].value);
        node_buf_add_str(&body, "]");
    }
    node_buf_add_str(&body, "]}\n");
    answer_visit(conn, &visit, "application/json", &body);
    node_buf_clear(&body);
    return 0;
}

/* ---- bodies ---- */

static int begin_echo(demo_conn *conn, const demo_head *head, mcmp_span path)
{
    mcmp_span type = demo_head_get(head, "content-type");
    node_buf text = { 0 };

    (void)path;
    node_buf_add_span(&text, type.len > 0 ? type : node_span_of("application/octet-stream"));
    node_buf_add(&text, "", 1);
    if (text.failed)
        conn->answer.failed = 1;
    else
        demo_conn_head(conn, 200, text.data, head->chunked ? -1 : (int64_t)head->length,
                       "X-Content-Type-Options: nosniff\r\n");
    node_buf_clear(&text);
    demo_conn_flush(conn);
    return 0;
}

static int begin_upload(demo_conn *conn, const demo_head *head, mcmp_span path)
{
    (void)head;
    (void)path;
    if (conn->digest == NULL)
        conn->digest = EVP_MD_CTX_new();
    if (conn->digest == NULL || EVP_DigestInit_ex(conn->digest, EVP_sha256(), NULL) != 1)
        return 500;
    return 0;
}

static void piece_upload(demo_conn *conn, mcmp_span piece)
{
    if (EVP_DigestUpdate(conn->digest, piece.ptr, piece.len) != 1)
        demo_conn_close(conn);
}

static void finish_upload(demo_conn *conn)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    node_buf body = { 0 };

    if (EVP_DigestFinal_ex(conn->digest, digest, &size) != 1) {
        demo_conn_close(conn);
        return;
    }
    node_buf_printf(&body, "{\"bytes\":%llu,\"sha256\":\"", (unsigned long long)conn->body_count);
    for (unsigned int i = 0; i < size; i++)
        node_buf_printf(&body, "%02x", digest[i]);
    node_buf_add_str(&body, "\"}\n");
    demo_conn_answer(conn, 200, "application/json", &body, "");
    node_buf_clear(&body);
    demo_conn_flush(conn);
}

/*
 * The content of /stream: records of 16 bytes, the record's number as 15 hexadecimal digits and a
 * line end, cut at the size asked for. Every position is recognisable, so a test sees what moved.
 */
void demo_stream_fill(char *out, size_t len, uint64_t at)
{
    static const char digits[] = "0123456789abcdef";
    size_t done = 0;

    while (done < len) {
        uint64_t number = (at + done) / COUNTER_WIDTH;
        size_t from = (size_t)((at + done) % COUNTER_WIDTH);
        size_t take = COUNTER_WIDTH - from < len - done ? COUNTER_WIDTH - from : len - done;
        char record[COUNTER_WIDTH];

        for (size_t i = COUNTER_WIDTH - 1; i-- > 0; number >>= 4)
            record[i] = digits[number & 15];
        record[COUNTER_WIDTH - 1] = '\n';
        memcpy(out + done, record + from, take);
        done += take;
    }
}

static int begin_stream(demo_conn *conn, const demo_head *head, mcmp_span path)
{
    uint64_t bytes = 0;
    uint64_t chunked = 0;

    (void)path;
    if (demo_query_uint(head->query, "bytes", INT64_MAX, &bytes) != 0 ||
        demo_query_uint(head->query, "chunked", 1, &chunked) < 0)
        return 400;
    conn->stream_at = 0;
    conn->stream_size = conn->head_only ? 0 : bytes;
    demo_conn_head(conn, 200, "application/octet-stream", chunked ? -1 : (int64_t)bytes, "");
    return 0;
}

static void finish_stream(demo_conn *conn)
{
    demo_conn_flush(conn);
    if (conn->phase != DEMO_PHASE_CLOSED)
        conn->phase = DEMO_PHASE_PRODUCE;
}

static int begin_slow(demo_conn *conn, const demo_head *head, mcmp_span path)
{
    node_buf body = { 0 };

    (void)path;
    if (demo_query_uint(head->query, "ms", SLOW_MAX_MS, &conn->wait_ms) != 0)
        return 400;
    node_buf_printf(&body, "waited %llu ms\n", (unsigned long long)conn->wait_ms);
    demo_conn_answer(conn, 200, "text/plain", &body, "");
    node_buf_clear(&body);
    return 0;
}

static void finish_slow(demo_conn *conn)
{
    conn->phase = DEMO_PHASE_WAIT;
}

static int begin_status(demo_conn *conn, const demo_head *head, mcmp_span path)
{
    uint64_t code = 0;
    node_buf body = { 0 };

    (void)path;
    if (demo_query_uint(head->query, "code", 599, &code) != 0 || code < 200)
        return 400;
    node_buf_printf(&body, "%u %s\n", (unsigned)code, demo_reason((unsigned)code));
    demo_conn_answer(conn, (unsigned)code, "text/plain", &body,
                     code == 301 || code == 302 || code == 307 ? "Location: /\r\n" : "");
    node_buf_clear(&body);
    return 0;
}

/* ---- WebSocket ---- */

static int begin_ws(demo_conn *conn, const demo_head *head, mcmp_span path)
{
    mcmp_span key = demo_head_get(head, "sec-websocket-key");
    char accept[DEMO_WS_ACCEPT_SIZE];
    char extra[160];

    (void)path;
    if (!node_span_is(head->method, "GET") || head->length > 0 || head->chunked)
        return 400;
    if (!node_list_has(demo_head_get(head, "upgrade"), "websocket") ||
        !node_list_has(demo_head_get(head, "connection"), "upgrade") ||
        !node_span_is(demo_head_get(head, "sec-websocket-version"), "13"))
        return 426;
    if (key.len != 24 || demo_ws_accept(key, accept) != 0)
        return 400;
    (void)snprintf(extra, sizeof(extra),
                   "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n",
                   accept);
    demo_conn_head(conn, 101, NULL, -1, extra);
    return 0;
}

static void finish_ws(demo_conn *conn)
{
    memset(&conn->ws, 0, sizeof(conn->ws));
    conn->keep_alive = 0;
    conn->deadline = 0; /* a tunnel may be idle for long; a dead peer is found by the kernel */
    uv_tcp_keepalive(&conn->tcp, 1, 60);
    demo_conn_flush(conn);
    if (conn->phase != DEMO_PHASE_CLOSED)
        conn->phase = DEMO_PHASE_TUNNEL;
}

/* ---- the rest ---- */

static int begin_options(demo_conn *conn, const demo_head *head, mcmp_span path)
{
    node_buf none = { 0 };

    (void)head;
    (void)path;
    demo_conn_answer(conn, 200, "text/plain", &none,
                     "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n");
    return 0;
}

static int begin_missing(demo_conn *conn, const demo_head *head, mcmp_span path)
{
    node_buf body = { 0 };

    (void)head;
    (void)path;
    node_buf_add_str(&body, "404 Not Found\n");
    demo_conn_answer(conn, 404, "text/plain", &body, "");
    node_buf_clear(&body);
    return 0;
}

static const demo_page page_options = { "*", begin_options, NULL, finish_small };
static const demo_page page_missing = { "", begin_missing, NULL, finish_small };
static const demo_page pages[] = {
    { "", begin_index, NULL, finish_small },
    { "/", begin_index, NULL, finish_small },
    { "/json", begin_json, NULL, finish_small },
    { "/echo", begin_echo, demo_conn_send_piece, NULL },
    { "/upload", begin_upload, piece_upload, finish_upload },
    { "/stream", begin_stream, NULL, finish_stream },
    { "/slow", begin_slow, NULL, finish_slow },
    { "/status", begin_status, NULL, finish_small },
    { "/ws", begin_ws, NULL, finish_ws },
};

static const demo_page *find_path(mcmp_span path)
{
    for (size_t i = 0; i < NODE_COUNT(pages); i++)
        if (node_span_is(path, pages[i].path))
            return &pages[i];
    return NULL;
}

const demo_page *demo_page_find(const demo_server *server, const demo_head *head, mcmp_span *path)
{
    mcmp_span rest;
    mcmp_span clean = node_span_cut(head->path, ';', &rest);
    const demo_page *page;

    *path = clean;
    if (node_span_is(head->method, "OPTIONS"))
        return &page_options;
    for (size_t i = 0; i < server->options.context_count; i++) {
        mcmp_span context = node_span_of(server->options.context[i]);

        if (!node_span_starts(clean, context) ||
            (clean.len > context.len && clean.ptr[context.len] != '/'))
            continue;
        *path = node_span(clean.ptr + context.len, clean.len - context.len);
        page = find_path(*path);
        if (page != NULL)
            return page;
    }
    *path = clean;
    page = find_path(clean);
    return page != NULL && !node_span_is(head->target, "*") ? page : &page_missing;
}
