/* SPDX-License-Identifier: Apache-2.0 */
/* The demonstration application by HTTP/1. */
#include "demo_conn.h"

#include <string.h>

static int open_nothing(demo_conn *conn)
{
    (void)conn;
    return 0;
}

static int run_head(demo_conn *conn)
{
    demo_head head;
    size_t used = 0;
    int status;

    if (conn->in_len == 0) {
        if (conn->eof || conn->server->stopping)
            demo_conn_close(conn);
        return 0;
    }
    status = demo_head_parse(conn->in, conn->in_len, &used, &head);
    if (status == DEMO_MORE) {
        if (conn->eof)
            demo_conn_close(conn);
        return 0;
    }
    conn->minor = head.minor;
    conn->head_only = node_span_is(head.method, "HEAD");
    conn->keep_alive = head.keep_alive && !conn->eof;
    conn->body_count = 0;
    conn->chunked = 0;
    conn->answer.len = 0;
    if (status != DEMO_OK)
        return demo_conn_refuse(conn, (unsigned)status);
    demo_body_begin(&conn->body, &head);
    if (head.expect_continue)
        demo_conn_send(conn, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    if (conn->phase == DEMO_PHASE_CLOSED || !demo_conn_begin(conn, &head))
        return 0;
    demo_conn_drop_input(conn, used);
    return 1;
}

static int run_body(demo_conn *conn)
{
    mcmp_span piece = { NULL, 0 };
    size_t used;
    int rc = demo_body_next(&conn->body, conn->in, conn->in_len, &used, &piece);

    if (rc == DEMO_OK && piece.len > 0) {
        conn->body_count += piece.len;
        if (conn->page->piece != NULL)
            conn->page->piece(conn, piece);
        if (conn->phase == DEMO_PHASE_CLOSED)
            return 0;
    }
    demo_conn_drop_input(conn, used);
    if (rc == DEMO_MORE) {
        if (conn->eof)
            demo_conn_close(conn);
        return 0;
    }
    if (rc >= 400) {
        demo_conn_close(conn); /* an answer may have begun, so none can be given */
        return 0;
    }
    if (rc == DEMO_END) {
        conn->phase = DEMO_PHASE_NEXT;
        if (conn->page->finish != NULL)
            conn->page->finish(conn);
    }
    return conn->phase != DEMO_PHASE_CLOSED;
}

/* How the answer's body ends, and whether the connection outlives it. */
static void decide_framing(demo_conn *conn, unsigned status, int64_t length)
{
    conn->chunked = length < 0 && conn->minor >= 1 && !demo_is_bodiless(status);
    if (length < 0 && conn->minor == 0)
        conn->keep_alive = 0; /* the end of the stream is the end of the body */
    if (conn->server->stopping && status >= 200)
        conn->keep_alive = 0;
}

static void head(demo_conn *conn, unsigned status, const char *type, int64_t length,
                 const char *extra)
{
    node_buf *out = &conn->answer;

    decide_framing(conn, status, length);
    node_buf_printf(out, "HTTP/1.1 %u %s\r\nServer: mcmp-node\r\nX-Route: %s\r\n", status,
                    demo_reason(status), conn->server->options.route);
    if (type != NULL && !demo_is_bodiless(status))
        node_buf_printf(out, "Content-Type: %s\r\n", type);
    if (conn->chunked)
        node_buf_add_str(out, "Transfer-Encoding: chunked\r\n");
    else if (length >= 0 && !demo_is_bodiless(status))
        node_buf_printf(out, "Content-Length: %lld\r\n", (long long)length);
    if (status != 101)
        node_buf_printf(out, "Connection: %s\r\n", conn->keep_alive ? "keep-alive" : "close");
    node_buf_add_str(out, extra);
    node_buf_add_str(out, "\r\n");
}

static void frame(demo_conn *conn, node_buf *out, mcmp_span piece)
{
    if (conn->chunked)
        node_buf_printf(out, "%zx\r\n", piece.len);
    node_buf_add_span(out, piece);
    if (conn->chunked)
        node_buf_add_str(out, "\r\n");
}

static void end(demo_conn *conn)
{
    if (conn->chunked && !conn->head_only)
        demo_conn_send(conn, "0\r\n\r\n", 5);
    conn->chunked = 0;
}

static void turn_away(demo_conn *conn)
{
    conn->minor = 1;
    (void)demo_conn_refuse(conn, 503);
}

const demo_wire demo_wire_http = { open_nothing, run_head, run_body, head, frame, end, turn_away };
