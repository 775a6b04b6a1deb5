/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The demonstration application by AJP/1.3, in the role of the container. The codec keeps the order
 * of packets; here its events become what the pages know, and what they write becomes packets.
 */
#include "demo_conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MAX 16u
#define SMALL_MAX 16u /* packets without content */

static int open_codec(demo_conn *conn)
{
    const demo_options *options = &conn->server->options;
    mcmp_ajp_options opts;

    mcmp_ajp_options_init(&opts);
    opts.max_packet = options->max_packet;
    opts.secret = options->secret;
    conn->minor = 1;
    return mcmp_ajp_container_new(&conn->ajp, &opts, NULL) == MCMP_OK ? 0 : -1;
}

/* The request as the pages know it; views into the codec and conn->target. */
static int fill_head(demo_conn *conn, const mcmp_ajp_request *request, demo_head *head)
{
    size_t size = request->uri.len + 1 + request->query.len;
    char *target = realloc(conn->target, size + 1);
    mcmp_span whole;

    if (target == NULL)
        return 503;
    conn->target = target;
    memset(head, 0, sizeof(*head));
    memcpy(target, request->uri.ptr, request->uri.len);
    target[request->uri.len] = '?';
    if (request->query.len > 0)
        memcpy(target + request->uri.len + 1, request->query.ptr, request->query.len);
    whole = node_span(target, request->has_query ? size : request->uri.len);
    head->method = request->method_name;
    head->target = whole;
    head->path = node_span_cut(whole, '?', &head->query);
    head->minor = 1;
    head->keep_alive = 1;
    head->chunked = request->framing == MCMP_HTTP_FRAMING_CHUNKED;
    head->has_length = request->framing == MCMP_HTTP_FRAMING_LENGTH;
    head->length = head->has_length ? request->length : 0;
    while (head->header_count < DEMO_HEADERS_MAX &&
           mcmp_ajp_container_header(conn->ajp, (uint32_t)head->header_count,
                                     &head->headers[head->header_count]) == MCMP_OK)
        head->header_count++;
    return 0;
}

/* The packets so far can't be gone on from: answer what may be answered, and close. */
static int refuse(demo_conn *conn, int rc)
{
    uint32_t status = mcmp_ajp_container_status_of(rc);

    conn->in_len = 0;
    if (status == 0) {
        demo_conn_close(conn);
        return 0;
    }
    conn->head_only = 0; /* of the request before */
    return demo_conn_refuse(conn, status);
}

static void pong(demo_conn *conn)
{
    char packet[SMALL_MAX];
    size_t len = 0;

    if (mcmp_ajp_container_encode_pong(conn->ajp, packet, sizeof(packet), &len, NULL) == MCMP_OK)
        demo_conn_send(conn, packet, len);
}

/* Feed the codec. MCMP_OK with an event, MCMP_NEED_MORE, MCMP_PENDING, or an error. */
static int feed(demo_conn *conn, mcmp_ajp_event *event, size_t *used)
{
    mcmp_ajp_event_init(event);
    *used = 0;
    return mcmp_ajp_container_feed(conn->ajp, conn->in, conn->in_len, used, event, NULL);
}

static int begin(demo_conn *conn)
{
    demo_head head;
    int status = fill_head(conn, mcmp_ajp_container_request(conn->ajp), &head);

    conn->head_only = node_span_is(head.method, "HEAD");
    conn->keep_alive = !conn->eof;
    conn->body_count = 0;
    conn->answer.len = 0;
    return status != 0 ? demo_conn_refuse(conn, (unsigned)status) : demo_conn_begin(conn, &head);
}

static int run_head(demo_conn *conn)
{
    mcmp_ajp_event event;
    size_t used;
    int rc = feed(conn, &event, &used);

    if (rc < 0)
        return refuse(conn, rc);
    demo_conn_drop_input(conn, used);
    if (rc == MCMP_OK && event.type == MCMP_AJP_EVENT_HEAD)
        return begin(conn);
    if (rc == MCMP_OK) {
        if (event.type == MCMP_AJP_EVENT_PING)
            pong(conn);
        return conn->phase != DEMO_PHASE_CLOSED;
    }
    if (conn->eof || conn->server->stopping)
        demo_conn_close(conn);
    return 0;
}

/* The next packet of the body, when none is on its way. */
static int ask_for_body(demo_conn *conn)
{
    char packet[SMALL_MAX];
    size_t len = 0;

    if (!mcmp_ajp_container_wants_body(conn->ajp))
        return 0;
    if (mcmp_ajp_container_encode_get_body(conn->ajp, 0, packet, sizeof(packet), &len, NULL) !=
        MCMP_OK) {
        demo_conn_close(conn);
        return 0;
    }
    demo_conn_send(conn, packet, len);
    return conn->phase != DEMO_PHASE_CLOSED && conn->in_len > 0;
}

static int run_body(demo_conn *conn)
{
    mcmp_ajp_event event;
    size_t used;
    int rc = feed(conn, &event, &used);

    if (rc < 0) {
        demo_conn_close(conn); /* an answer may have begun, so none can be given */
        return 0;
    }
    if (rc == MCMP_OK && event.type == MCMP_AJP_EVENT_BODY) {
        conn->body_count += event.data.len;
        if (conn->page->piece != NULL)
            conn->page->piece(conn, event.data);
        if (conn->phase == DEMO_PHASE_CLOSED)
            return 0;
    }
    demo_conn_drop_input(conn, used);
    if (rc == MCMP_OK && event.type == MCMP_AJP_EVENT_END) {
        conn->phase = DEMO_PHASE_NEXT;
        if (conn->page->finish != NULL)
            conn->page->finish(conn);
        return conn->phase != DEMO_PHASE_CLOSED;
    }
    if (rc == MCMP_OK)
        return 1;
    if (ask_for_body(conn))
        return 1;
    if (conn->eof && conn->phase != DEMO_PHASE_CLOSED)
        demo_conn_close(conn);
    return 0;
}

static void add_line(mcmp_pair *lines, size_t *count, mcmp_span name, mcmp_span value)
{
    if (*count == LINES_MAX)
        return;
    lines[*count].name = name;
    lines[(*count)++].value = value;
}

/* Header lines as the pages write them, each with its CRLF. */
static void add_lines(mcmp_pair *lines, size_t *count, const char *extra)
{
    mcmp_span rest = node_span_of(extra);

    while (rest.ptr != NULL && rest.len > 0) {
        mcmp_span ignored;
        mcmp_span line = node_span_cut(node_span_cut(rest, '\n', &rest), '\r', &ignored);
        mcmp_span value;
        mcmp_span name = node_span_cut(line, ':', &value);

        /* AJP has no upgrade: what speaks of one is of no use to the proxy */
        if (value.ptr != NULL && !node_span_is_nocase(name, "upgrade"))
            add_line(lines, count, name, node_span_trim(value));
    }
}

static void head(demo_conn *conn, unsigned status, const char *type, int64_t length,
                 const char *extra)
{
    mcmp_pair lines[LINES_MAX];
    size_t count = 0;
    size_t len = 0;
    char digits[24];
    char packet[MCMP_AJP_PACKET_MIN];
    mcmp_error err;

    add_line(lines, &count, node_span_of("Server"), node_span_of("mcmp-node"));
    add_line(lines, &count, node_span_of("X-Route"), node_span_of(conn->server->options.route));
    if (type != NULL && !demo_is_bodiless(status))
        add_line(lines, &count, node_span_of("Content-Type"), node_span_of(type));
    if (length >= 0 && !demo_is_bodiless(status)) {
        snprintf(digits, sizeof(digits), "%lld", (long long)length);
        add_line(lines, &count, node_span_of("Content-Length"), node_span_of(digits));
    }
    add_lines(lines, &count, extra);
    mcmp_error_init(&err);
    if (mcmp_ajp_container_encode_head(conn->ajp, status, lines, count, packet, sizeof(packet),
                                       &len, &err) != MCMP_OK)
        conn->answer.failed = 1;
    node_buf_add(&conn->answer, packet, len);
}

static void frame(demo_conn *conn, node_buf *out, mcmp_span piece)
{
    while (piece.len > 0) {
        mcmp_ajp_frame packet;

        mcmp_ajp_frame_init(&packet);
        if (mcmp_ajp_container_encode_body(conn->ajp, piece.len, &packet, NULL) != MCMP_OK) {
            out->failed = 1;
            return;
        }
        node_buf_add(out, packet.head, packet.head_len);
        node_buf_add(out, piece.ptr, packet.take);
        node_buf_add(out, "", packet.tail_len);
        piece = node_span(piece.ptr + packet.take, piece.len - packet.take);
    }
}

static void end(demo_conn *conn)
{
    char packet[SMALL_MAX];
    size_t len = 0;

    if (conn->server->stopping)
        conn->keep_alive = 0;
    if (mcmp_ajp_container_encode_end(conn->ajp, (uint32_t)conn->keep_alive, packet, sizeof(packet),
                                      &len, NULL) == MCMP_OK)
        demo_conn_send(conn, packet, len);
    else
        demo_conn_close(conn);
}

static void turn_away(demo_conn *conn)
{
    demo_conn_close(conn); /* nothing can be said before a request */
}

const demo_wire demo_wire_ajp = { open_codec, run_head, run_body, head, frame, end, turn_away };
