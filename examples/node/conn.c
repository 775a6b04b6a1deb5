/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection on libuv, see conn.h. What libuv holds on to (a resolution, a socket, a timer, a
 * write) lives in blocks of their own that point back; when the connection gives one up it cuts
 * that pointer, and the block frees itself when libuv is done with it.
 */
#include "conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct conn_lookup {
    uv_getaddrinfo_t req;
    node_conn *conn;
} conn_lookup;

typedef struct conn_socket {
    uv_tcp_t tcp;
    uv_connect_t connect;
    node_conn *conn;
    char in[16384];
} conn_socket;

typedef struct conn_write {
    uv_write_t req;
    conn_socket *socket;
    char data[];
} conn_write;

struct node_conn {
    uv_loop_t *loop;
    node_conn_events events;
    void *ctx;
    uv_timer_t *timer; /* of the address being tried, or 0 ms to tell a failure */
    conn_lookup *lookup;
    conn_socket *socket;
    struct addrinfo *addresses;
    struct addrinfo *address; /* the one being tried */
    node_tls_conn *tls;
    uint64_t slice; /* ms for each address */
    mcmp_time time;
    uint32_t port;
    int open;   /* connected() was called */
    int ended;  /* closed() was or will be called */
    int status; /* of the last address tried */
    char host[256];
    char why[160];
};

/* ---- giving things up ---- */

static void on_socket_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void drop_socket(node_conn *conn)
{
    if (conn->socket == NULL)
        return;
    conn->socket->conn = NULL;
    uv_close((uv_handle_t *)&conn->socket->tcp, on_socket_closed);
    conn->socket = NULL;
}

static void drop_lookup(node_conn *conn)
{
    if (conn->lookup != NULL) {
        conn->lookup->conn = NULL;
        (void)uv_cancel((uv_req_t *)&conn->lookup->req); /* one that runs ends itself */
        conn->lookup = NULL;
    }
    if (conn->addresses != NULL)
        uv_freeaddrinfo(conn->addresses);
    conn->addresses = conn->address = NULL;
}

static void on_tell_end(uv_timer_t *timer)
{
    node_conn *conn = timer->data;

    conn->events.closed(conn->ctx, conn->why[0] != '\0' ? conn->why : NULL);
}

/* Told by the timer, so never from inside a call of the owner's. */
static void end_with(node_conn *conn, const char *what, int status)
{
    if (conn->ended)
        return;
    conn->ended = 1;
    (void)snprintf(conn->why, sizeof(conn->why), "%s%s%s", what, status != 0 ? ": " : "",
                   status != 0 ? uv_strerror(status) : "");
    drop_lookup(conn);
    drop_socket(conn);
    uv_timer_start(conn->timer, on_tell_end, 0, 0);
}

/* ---- carrying bytes ---- */

static void on_written(uv_write_t *req, int status)
{
    conn_write *write = req->data;
    node_conn *conn = write->socket->conn;

    free(write);
    if (status < 0 && status != UV_ECANCELED && conn != NULL)
        end_with(conn, "can't send", status);
}

static void send_bytes(node_conn *conn, const void *data, size_t len)
{
    conn_write *write = malloc(sizeof(*write) + len);
    uv_buf_t buf;
    int rc;

    if (write == NULL) {
        end_with(conn, "can't send", UV_ENOMEM);
        return;
    }
    memcpy(write->data, data, len);
    write->req.data = write;
    write->socket = conn->socket;
    buf = uv_buf_init(write->data, (unsigned)len);
    rc = uv_write(&write->req, (uv_stream_t *)&conn->socket->tcp, &buf, 1, on_written);
    if (rc != 0) {
        free(write);
        end_with(conn, "can't send", rc);
    }
}

static void flush_tls(node_conn *conn)
{
    char piece[16384];
    size_t len;

    while (!conn->ended && (len = node_tls_take(conn->tls, piece, sizeof(piece))) > 0)
        send_bytes(conn, piece, len);
}

static void tell_open(node_conn *conn)
{
    conn->open = 1;
    uv_timer_stop(conn->timer);
    conn->events.connected(conn->ctx);
}

/* The socket tells whether the owner closed the connection from inside an event. */
static void read_tls(node_conn *conn)
{
    conn_socket *socket = conn->socket;
    char piece[16384];
    const char *why = NULL;
    int rc;

    if (!conn->open) {
        rc = node_tls_handshake(conn->tls, &why);
        flush_tls(conn);
        if (rc < 0)
            end_with(conn, why, 0);
        if (rc != 1 || conn->ended)
            return;
        tell_open(conn);
    }
    while (socket->conn == conn && !conn->ended) {
        rc = node_tls_read(conn->tls, piece, sizeof(piece), &why);
        if (rc < 0)
            end_with(conn, why != NULL ? why : "", 0);
        if (rc <= 0)
            break;
        conn->events.received(conn->ctx, piece, (size_t)rc);
    }
    if (socket->conn == conn && !conn->ended)
        flush_tls(conn); /* an answer to a key update */
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    node_conn *conn = ((conn_socket *)stream->data)->conn;

    if (conn == NULL || len == 0)
        return;
    if (len == UV_EOF && (conn->tls == NULL || conn->open))
        end_with(conn, "", 0);
    else if (len < 0)
        end_with(conn, "the connection broke", (int)len);
    else if (conn->tls == NULL)
        conn->events.received(conn->ctx, buf->base, (size_t)len);
    else if (node_tls_put(conn->tls, buf->base, (size_t)len) != 0)
        end_with(conn, "can't read", UV_ENOMEM);
    else
        read_tls(conn);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    conn_socket *socket = handle->data;

    (void)suggested;
    *buf = uv_buf_init(socket->in, sizeof(socket->in));
}

/* ---- connecting ---- */

static void try_address(node_conn *conn);

static void on_connected(uv_connect_t *req, int status)
{
    conn_socket *socket = req->data;
    node_conn *conn = socket->conn;

    if (conn == NULL)
        return;
    if (status == 0)
        status = uv_read_start((uv_stream_t *)&socket->tcp, on_alloc, on_read);
    if (status != 0) {
        conn->status = status;
        drop_socket(conn);
        conn->address = conn->address->ai_next;
        try_address(conn);
        return;
    }
    drop_lookup(conn);
    uv_tcp_nodelay(&socket->tcp, 1);
    if (conn->tls == NULL)
        tell_open(conn);
    else
        read_tls(conn);
}

static int open_socket(node_conn *conn)
{
    conn_socket *socket = calloc(1, sizeof(*socket));
    int rc;

    if (socket == NULL)
        return UV_ENOMEM;
    socket->conn = conn;
    socket->connect.data = socket;
    rc = uv_tcp_init(conn->loop, &socket->tcp);
    if (rc != 0) {
        free(socket);
        return rc;
    }
    socket->tcp.data = socket;
    conn->socket = socket;
    rc = uv_tcp_connect(&socket->connect, &socket->tcp, conn->address->ai_addr, on_connected);
    if (rc != 0)
        drop_socket(conn);
    return rc;
}

/* An address that does not answer must not hide the next one of the same name. */
static void on_slice(uv_timer_t *timer)
{
    node_conn *conn = timer->data;

    if (conn->address == NULL || conn->address->ai_next == NULL)
        return; /* the last one has all the time that the owner gives it */
    drop_socket(conn);
    conn->address = conn->address->ai_next;
    try_address(conn);
}

static void set_port(struct sockaddr *address, uint32_t port)
{
    if (address->sa_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)address)->sin6_port = htons((uint16_t)port);
    else
        ((struct sockaddr_in *)(void *)address)->sin_port = htons((uint16_t)port);
}

static void try_address(node_conn *conn)
{
    for (; conn->address != NULL; conn->address = conn->address->ai_next) {
        set_port(conn->address->ai_addr, conn->port);
        conn->status = open_socket(conn);
        if (conn->status != 0)
            continue;
        uv_timer_start(conn->timer, on_slice, conn->slice, 0);
        return;
    }
    end_with(conn, "can't connect", conn->status);
}

static void start_addresses(node_conn *conn, struct addrinfo *addresses)
{
    uint64_t count = 0;

    for (const struct addrinfo *a = addresses; a != NULL; a = a->ai_next)
        count++;
    conn->slice = (uint64_t)(conn->time / MCMP_MSEC) / (count > 0 ? count : 1) + 1;
    conn->addresses = conn->address = addresses;
    try_address(conn);
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *addresses)
{
    conn_lookup *lookup = req->data;
    node_conn *conn = lookup->conn;

    free(lookup);
    if (conn == NULL) {
        uv_freeaddrinfo(addresses);
        return;
    }
    conn->lookup = NULL;
    if (status != 0)
        end_with(conn, "can't resolve the name", status);
    else
        start_addresses(conn, addresses);
}

/* A numeric address is read at once, a name by a thread of libuv's pool. */
static void resolve(node_conn *conn)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST };
    conn_lookup *lookup = calloc(1, sizeof(*lookup));
    int rc;

    if (lookup == NULL) {
        end_with(conn, "can't resolve the name", UV_ENOMEM);
        return;
    }
    if (uv_getaddrinfo(conn->loop, &lookup->req, NULL, conn->host, NULL, &hints) == 0) {
        start_addresses(conn, lookup->req.addrinfo);
        free(lookup);
        return;
    }
    hints.ai_flags = 0;
    lookup->conn = conn;
    lookup->req.data = lookup;
    rc = uv_getaddrinfo(conn->loop, &lookup->req, on_resolved, conn->host, NULL, &hints);
    if (rc == 0) {
        conn->lookup = lookup;
        return;
    }
    free(lookup);
    end_with(conn, "can't resolve the name", rc);
}

/* ---- for the owner ---- */

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle);
}

node_conn *node_conn_open(uv_loop_t *loop, const node_conn_target *target,
                          const node_conn_events *events, void *ctx)
{
    node_conn *conn = calloc(1, sizeof(*conn));

    if (conn == NULL || target->host.len >= sizeof(conn->host)) {
        free(conn);
        return NULL;
    }
    conn->loop = loop;
    conn->events = *events;
    conn->ctx = ctx;
    conn->port = target->port;
    conn->time = target->time;
    memcpy(conn->host, target->host.ptr, target->host.len);
    conn->timer = calloc(1, sizeof(*conn->timer));
    if (conn->timer != NULL && target->tls != NULL)
        conn->tls = node_tls_open(target->tls, conn->host);
    if (conn->timer == NULL || (target->tls != NULL && conn->tls == NULL)) {
        free(conn->timer);
        free(conn);
        return NULL;
    }
    uv_timer_init(loop, conn->timer);
    conn->timer->data = conn;
    resolve(conn);
    return conn;
}

void node_conn_write(node_conn *conn, const void *data, size_t len)
{
    if (conn->ended || conn->socket == NULL)
        return;
    if (conn->tls == NULL) {
        send_bytes(conn, data, len);
        return;
    }
    if (node_tls_write(conn->tls, data, len) != 0)
        end_with(conn, "can't send by TLS", 0);
    flush_tls(conn);
}

void node_conn_close(node_conn *conn)
{
    if (conn == NULL)
        return;
    drop_lookup(conn);
    drop_socket(conn);
    uv_close((uv_handle_t *)conn->timer, on_timer_closed);
    node_tls_close(conn->tls);
    free(conn);
}
