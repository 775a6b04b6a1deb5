/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections of the demonstration application: reading, phases, writing with back-pressure, time
 * limits. One function per phase, a table drives them; what the bytes mean, the wire knows.
 * Single-threaded (one libuv loop).
 */
#include "demo_conn.h"

#include <stdlib.h>
#include <string.h>

#define OUT_HIGH ((size_t)256 * 1024) /* queued output above which nothing more is made */
#define STREAM_BLOCK ((size_t)64 * 1024)
#define IDLE_MS 120000u /* no request, or no progress */
#define HEAD_MS 20000u  /* first byte of a head to its last */
#define LINGER_MS 2000u

typedef struct write_job {
    uv_write_t req;
    char data[];
} write_job;

static void set_deadline(demo_conn *conn, uint64_t ms)
{
    conn->deadline = ms != 0 ? uv_now(conn->server->loop) + ms : 0;
}

static void on_handle_closed(uv_handle_t *handle)
{
    demo_conn *conn = handle->data;

    if (--conn->handles > 0)
        return;
    EVP_MD_CTX_free(conn->digest);
    mcmp_ajp_container_free(conn->ajp);
    free(conn->target);
    node_buf_clear(&conn->answer);
    free(conn);
}

static void unlink_conn(demo_conn *conn)
{
    demo_server *server = conn->server;

    if (conn->prev != NULL)
        conn->prev->next = conn->next;
    else
        server->first = conn->next;
    if (conn->next != NULL)
        conn->next->prev = conn->prev;
    server->count--;
}

void demo_conn_close(demo_conn *conn)
{
    if (conn->phase == DEMO_PHASE_CLOSED)
        return;
    conn->phase = DEMO_PHASE_CLOSED;
    unlink_conn(conn);
    uv_close((uv_handle_t *)&conn->tcp, on_handle_closed);
    uv_close((uv_handle_t *)&conn->timer, on_handle_closed);
}

/* ---- output ---- */

static void on_written(uv_write_t *req, int status)
{
    write_job *job = (write_job *)req;
    demo_conn *conn = req->data;

    free(job);
    if (conn->phase == DEMO_PHASE_CLOSED)
        return;
    if (status < 0) {
        demo_conn_close(conn);
        return;
    }
    if (conn->deadline != 0 && conn->phase != DEMO_PHASE_HEAD && conn->phase != DEMO_PHASE_LINGER)
        set_deadline(conn, IDLE_MS);
    demo_conn_run(conn);
}

void demo_conn_send(demo_conn *conn, const void *data, size_t len)
{
    write_job *job;
    uv_buf_t buf;

    if (len == 0 || conn->phase == DEMO_PHASE_CLOSED)
        return;
    job = malloc(sizeof(*job) + len);
    if (job == NULL) {
        demo_conn_close(conn);
        return;
    }
    memcpy(job->data, data, len);
    job->req.data = conn;
    buf = uv_buf_init(job->data, (unsigned)len);
    if (uv_write(&job->req, (uv_stream_t *)&conn->tcp, &buf, 1, on_written) != 0) {
        free(job);
        demo_conn_close(conn);
    }
}

static int output_is_full(const demo_conn *conn)
{
    return uv_stream_get_write_queue_size((const uv_stream_t *)&conn->tcp) >= OUT_HIGH;
}

void demo_conn_send_piece(demo_conn *conn, mcmp_span piece)
{
    node_buf framed = { 0 };

    if (piece.len == 0 || conn->head_only)
        return;
    conn->wire->frame(conn, &framed, piece);
    if (framed.failed)
        demo_conn_close(conn);
    else
        demo_conn_send(conn, framed.data, framed.len);
    node_buf_clear(&framed);
}

int demo_is_bodiless(unsigned status)
{
    return status < 200 || status == 204 || status == 304;
}

void demo_conn_head(demo_conn *conn, unsigned status, const char *type, int64_t length,
                    const char *extra)
{
    conn->wire->head(conn, status, type, length, extra);
}

void demo_conn_answer(demo_conn *conn, unsigned status, const char *type, const node_buf *body,
                      const char *extra)
{
    demo_conn_head(conn, status, type, (int64_t)body->len, extra);
    if (!conn->head_only && !demo_is_bodiless(status) && body->len > 0)
        conn->wire->frame(conn, &conn->answer, node_span(body->data, body->len));
    if (body->failed)
        conn->answer.failed = 1;
}

void demo_conn_flush(demo_conn *conn)
{
    if (conn->answer.failed) {
        demo_conn_close(conn);
        return;
    }
    demo_conn_send(conn, conn->answer.data, conn->answer.len);
    conn->answer.len = 0;
}

/* ---- phases: each returns 1 when the next one may run at once ---- */

void demo_conn_drop_input(demo_conn *conn, size_t len)
{
    memmove(conn->in, conn->in + len, conn->in_len - len);
    conn->in_len -= len;
}

/* An answer to a request that can't be read on: then the connection ends. */
int demo_conn_refuse(demo_conn *conn, unsigned status)
{
    node_buf text = { 0 };

    conn->keep_alive = 0;
    node_buf_printf(&text, "%u %s\n", status, demo_reason(status));
    demo_conn_answer(conn, status, "text/plain", &text,
                     status == 426 ? "Upgrade: websocket\r\n" : "");
    node_buf_clear(&text);
    demo_conn_flush(conn);
    if (conn->phase != DEMO_PHASE_CLOSED)
        conn->phase = DEMO_PHASE_NEXT;
    return conn->phase != DEMO_PHASE_CLOSED;
}

int demo_conn_begin(demo_conn *conn, const demo_head *head)
{
    mcmp_span path;
    int status;

    conn->page = demo_page_find(conn->server, head, &path);
    conn->phase = DEMO_PHASE_BODY;
    set_deadline(conn, IDLE_MS);
    status = conn->page->begin(conn, head, path);
    if (status != 0 && conn->phase != DEMO_PHASE_CLOSED)
        return demo_conn_refuse(conn, (unsigned)status);
    return conn->phase != DEMO_PHASE_CLOSED;
}

static int run_head(demo_conn *conn)
{
    return conn->wire->run_head(conn);
}

static int run_body(demo_conn *conn)
{
    return conn->wire->run_body(conn);
}

static int run_produce(demo_conn *conn)
{
    char block[STREAM_BLOCK];
    uint64_t left = conn->stream_size - conn->stream_at;
    size_t len = left < sizeof(block) ? (size_t)left : sizeof(block);

    if (len > 0) {
        demo_stream_fill(block, len, conn->stream_at);
        conn->stream_at += len;
        demo_conn_send_piece(conn, node_span(block, len));
    }
    if (conn->phase == DEMO_PHASE_CLOSED)
        return 0;
    if (conn->stream_at == conn->stream_size)
        conn->phase = DEMO_PHASE_NEXT;
    return conn->phase != DEMO_PHASE_CLOSED;
}

static void on_slow_done(uv_timer_t *timer)
{
    demo_conn *conn = timer->data;

    set_deadline(conn, IDLE_MS);
    conn->phase = DEMO_PHASE_NEXT;
    demo_conn_flush(conn);
    if (conn->phase != DEMO_PHASE_CLOSED)
        demo_conn_run(conn);
}

static int run_wait(demo_conn *conn)
{
    if (conn->deadline != 0) {
        conn->deadline = 0; /* the timer of this phase counts instead */
        uv_timer_start(&conn->timer, on_slow_done, conn->wait_ms, 0);
    }
    return 0;
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
    demo_conn *conn = req->data;

    free(req);
    if (status < 0 && conn->phase != DEMO_PHASE_CLOSED)
        demo_conn_close(conn);
}

/* End our side and read what still comes, so that a reset does not eat the answer. */
static void begin_linger(demo_conn *conn)
{
    uv_shutdown_t *req = malloc(sizeof(*req));

    conn->phase = DEMO_PHASE_LINGER;
    set_deadline(conn, LINGER_MS);
    if (req == NULL) {
        demo_conn_close(conn);
        return;
    }
    req->data = conn;
    if (uv_shutdown(req, (uv_stream_t *)&conn->tcp, on_shutdown) != 0) {
        free(req);
        demo_conn_close(conn);
    }
}

static int run_next(demo_conn *conn)
{
    conn->wire->end(conn);
    if (conn->phase == DEMO_PHASE_CLOSED)
        return 0;
    if (!conn->keep_alive) {
        begin_linger(conn);
        return conn->phase != DEMO_PHASE_CLOSED;
    }
    conn->phase = DEMO_PHASE_HEAD;
    set_deadline(conn, conn->in_len > 0 ? HEAD_MS : IDLE_MS);
    return 1;
}

static int run_tunnel(demo_conn *conn)
{
    demo_ws_out out;
    size_t used;
    int rc = demo_ws_next(&conn->ws, conn->in, conn->in_len, &used, &out);

    demo_conn_send(conn, out.head, out.head_len);
    demo_conn_send(conn, out.piece.ptr, out.piece.len);
    if (conn->phase == DEMO_PHASE_CLOSED)
        return 0;
    demo_conn_drop_input(conn, used);
    if (rc == DEMO_WS_CLOSE || (rc == DEMO_WS_MORE && conn->eof))
        begin_linger(conn);
    return rc != DEMO_WS_MORE && conn->phase != DEMO_PHASE_CLOSED;
}

static int run_linger(demo_conn *conn)
{
    conn->in_len = 0;
    if (conn->eof && uv_stream_get_write_queue_size((uv_stream_t *)&conn->tcp) == 0)
        demo_conn_close(conn);
    return 0;
}

static int run_closed(demo_conn *conn)
{
    (void)conn;
    return 0;
}

/* ---- input ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    demo_conn *conn = handle->data;

    (void)suggested;
    *buf = uv_buf_init(conn->in + conn->in_len, (unsigned)(sizeof(conn->in) - conn->in_len));
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    demo_conn *conn = stream->data;

    (void)buf;
    if (conn->phase == DEMO_PHASE_CLOSED || len == 0)
        return;
    if (len < 0) {
        if (len != UV_EOF) {
            demo_conn_close(conn);
            return;
        }
        conn->eof = 1;
        conn->keep_alive = 0;
    } else {
        if (conn->phase == DEMO_PHASE_HEAD && conn->in_len == 0)
            set_deadline(conn, HEAD_MS);
        else if (conn->phase == DEMO_PHASE_BODY)
            set_deadline(conn, IDLE_MS);
        conn->in_len += (size_t)len;
    }
    demo_conn_run(conn);
}

static void update_reading(demo_conn *conn)
{
    int want = !conn->eof && conn->in_len < sizeof(conn->in) && !output_is_full(conn);

    if (want == conn->reading)
        return;
    conn->reading = want;
    if (want)
        uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read);
    else
        uv_read_stop((uv_stream_t *)&conn->tcp);
}

void demo_conn_run(demo_conn *conn)
{
    static int (*const phases[])(demo_conn *) = {
        [DEMO_PHASE_HEAD] = run_head,       [DEMO_PHASE_BODY] = run_body,
        [DEMO_PHASE_PRODUCE] = run_produce, [DEMO_PHASE_WAIT] = run_wait,
        [DEMO_PHASE_NEXT] = run_next,       [DEMO_PHASE_TUNNEL] = run_tunnel,
        [DEMO_PHASE_LINGER] = run_linger,   [DEMO_PHASE_CLOSED] = run_closed,
    };

    while (!output_is_full(conn) && phases[conn->phase](conn))
        ;
    if (conn->phase != DEMO_PHASE_CLOSED)
        update_reading(conn);
}

/* ---- life ---- */

static void link_conn(demo_server *server, demo_conn *conn)
{
    conn->next = server->first;
    if (conn->next != NULL)
        conn->next->prev = conn;
    server->first = conn;
    server->count++;
}

void demo_conn_accept(demo_server *server)
{
    demo_conn *conn = calloc(1, sizeof(*conn));

    server->accept_pending = conn == NULL;
    if (conn == NULL)
        return; /* libuv keeps the connection; the sweeper tries again */
    conn->server = server;
    conn->wire = server->options.ajp ? &demo_wire_ajp : &demo_wire_http;
    conn->handles = 2;
    conn->keep_alive = 1;
    uv_tcp_init(server->loop, &conn->tcp);
    uv_timer_init(server->loop, &conn->timer);
    conn->tcp.data = conn;
    conn->timer.data = conn;
    link_conn(server, conn);
    if (uv_accept((uv_stream_t *)&server->listener, (uv_stream_t *)&conn->tcp) != 0) {
        demo_conn_close(conn);
        return;
    }
    uv_tcp_nodelay(&conn->tcp, 1);
    set_deadline(conn, IDLE_MS);
    if (conn->wire->open(conn) != 0) {
        demo_conn_close(conn);
        return;
    }
    if (server->count > server->options.max_connections)
        conn->wire->turn_away(conn);
    demo_conn_run(conn);
}
