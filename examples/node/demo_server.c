/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listener of the demonstration application and the sweeper that ends connections whose time
 * limit is over. See demo.h.
 */
#include "demo_conn.h"

#include <stdlib.h>
#include <string.h>

#define SWEEP_MS 500
#define BACKLOG 511

static void on_connection(uv_stream_t *listener, int status)
{
    if (status == 0)
        demo_conn_accept(listener->data);
}

static void on_sweep(uv_timer_t *timer)
{
    demo_server *server = timer->data;
    uint64_t now = uv_now(server->loop);

    for (demo_conn *conn = server->first; conn != NULL;) {
        demo_conn *next = conn->next;

        if (conn->deadline != 0 && now >= conn->deadline)
            demo_conn_close(conn);
        conn = next;
    }
    if (server->accept_pending && !server->stopping)
        demo_conn_accept(server);
}

static void on_server_handle_closed(uv_handle_t *handle)
{
    demo_server *server = handle->data;

    if (--server->open_handles > 0)
        return;
    demo_sessions_free(server->sessions);
    free(server);
}

static int resolve(const demo_options *options, uv_loop_t *loop, struct sockaddr_storage *out)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
    uv_getaddrinfo_t req;
    int rc = uv_getaddrinfo(loop, &req, NULL, options->host, NULL, &hints);

    if (rc != 0)
        return rc;
    memcpy(out, req.addrinfo->ai_addr, req.addrinfo->ai_addrlen);
    uv_freeaddrinfo(req.addrinfo);
    if (out->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)out)->sin6_port = htons((uint16_t)options->port);
    else
        ((struct sockaddr_in *)out)->sin_port = htons((uint16_t)options->port);
    return 0;
}

static int read_port(demo_server *server)
{
    struct sockaddr_storage address;
    int len = sizeof(address);
    int rc = uv_tcp_getsockname(&server->listener, (struct sockaddr *)&address, &len);

    if (rc != 0)
        return rc;
    server->port =
        ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                            : ((struct sockaddr_in *)&address)->sin_port);
    return 0;
}

static int open_listener(demo_server *server)
{
    struct sockaddr_storage address;
    int rc = resolve(&server->options, server->loop, &address);

    if (rc == 0)
        rc = uv_tcp_bind(&server->listener, (struct sockaddr *)&address, 0);
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)&server->listener, BACKLOG, on_connection);
    return rc == 0 ? read_port(server) : rc;
}

demo_server *demo_start(uv_loop_t *loop, const demo_options *options, const char **why)
{
    demo_server *server = calloc(1, sizeof(*server));
    int rc;

    *why = "no memory";
    if (server == NULL)
        return NULL;
    server->loop = loop;
    server->options = *options;
    server->sessions = demo_sessions_new();
    server->open_handles = 2;
    uv_tcp_init(loop, &server->listener);
    uv_timer_init(loop, &server->sweeper);
    server->listener.data = server;
    server->sweeper.data = server;
    rc = server->sessions != NULL ? open_listener(server) : UV_ENOMEM;
    if (rc == 0)
        rc = uv_timer_start(&server->sweeper, on_sweep, SWEEP_MS, SWEEP_MS);
    if (rc != 0) {
        *why = uv_strerror(rc);
        demo_close(server);
        return NULL;
    }
    return server;
}

uint32_t demo_port(const demo_server *server)
{
    return server->port;
}

uint32_t demo_connections(const demo_server *server)
{
    return server->count;
}

void demo_stop(demo_server *server)
{
    server->stopping = 1;
    if (!uv_is_closing((uv_handle_t *)&server->listener))
        uv_close((uv_handle_t *)&server->listener, on_server_handle_closed);
    for (demo_conn *conn = server->first; conn != NULL;) {
        demo_conn *next = conn->next;

        if (conn->phase == DEMO_PHASE_HEAD)
            demo_conn_run(conn);
        conn = next;
    }
}

void demo_close(demo_server *server)
{
    while (server->first != NULL)
        demo_conn_close(server->first);
    if (!uv_is_closing((uv_handle_t *)&server->listener))
        uv_close((uv_handle_t *)&server->listener, on_server_handle_closed);
    uv_close((uv_handle_t *)&server->sweeper, on_server_handle_closed);
}
