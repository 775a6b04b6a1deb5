/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection to a balancer, see link.h. What libuv holds on to (a resolution, a socket) lives
 * in blocks of their own that point back to the link; when the link gives one up it cuts that
 * pointer, and the block frees itself when libuv is done with it.
 */
#include "link.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX ((uint64_t)8 * 1024 * 1024) /* INFO of a large balancer */

typedef struct node_lookup {
    uv_getaddrinfo_t req;
    node_link *link;
} node_lookup;

typedef struct node_wire {
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_write_t write;
    node_link *link;
    char in[16384];
} node_wire;

struct node_link {
    uv_loop_t *loop;
    const node_proxy *proxy;
    const node_options *options;
    node_link_fn done;
    void *ctx;
    uv_timer_t *timer; /* of the step that is going on */
    node_lookup *lookup;
    node_wire *wire;
    struct addrinfo *addresses;
    struct addrinfo *address; /* the one being tried */
    mcmp_answer *answer;
    char *request;
    size_t request_len;
    int connected;
    int used;        /* the connection has carried an answer */
    int busy;        /* an answer is awaited */
    int sending;     /* inside node_link_send(): done() has to wait */
    int error;       /* of the last address tried */
    mcmp_time limit; /* of each time limit; 0 = none */
    int code;        /* of a failure: MCMP_ERR_*, 0 = none of the library */
    char why[160];   /* of a failure */
};

static void start_request(node_link *link);
static void try_address(node_link *link);

/* ---- giving things up ---- */

static void on_wire_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void drop_wire(node_link *link)
{
    if (link->wire == NULL)
        return;
    link->wire->link = NULL;
    uv_close((uv_handle_t *)&link->wire->tcp, on_wire_closed);
    link->wire = NULL;
    link->connected = 0;
    link->used = 0;
}

static void drop_lookup(node_link *link)
{
    if (link->lookup != NULL) {
        link->lookup->link = NULL;
        (void)uv_cancel(
            (uv_req_t *)&link->lookup->req); /* fails when it runs: then it ends itself */
        link->lookup = NULL;
    }
    if (link->addresses != NULL)
        uv_freeaddrinfo(link->addresses);
    link->addresses = NULL;
    link->address = NULL;
}

static void tell_failure(node_link *link)
{
    link->busy = 0;
    link->done(link->ctx, NULL, link->code, link->why);
}

static void on_tell_failure(uv_timer_t *timer)
{
    tell_failure(timer->data);
}

static void fail_with(node_link *link, int code, const char *what, int uv_status)
{
    (void)snprintf(link->why, sizeof(link->why), "%s%s%s", what, uv_status != 0 ? ": " : "",
                   uv_status != 0 ? uv_strerror(uv_status) : "");
    link->code = code;
    uv_timer_stop(link->timer);
    drop_lookup(link);
    drop_wire(link);
    if (link->sending)
        uv_timer_start(link->timer, on_tell_failure, 0, 0);
    else
        tell_failure(link);
}

static void fail(node_link *link, const char *what, int uv_status)
{
    fail_with(link, 0, what, uv_status);
}

/* The connection broke. One that had been used may just have been idle for too long. */
static void broken(node_link *link, const char *what, int uv_status)
{
    if (!link->busy) {
        drop_wire(link);
        return;
    }
    if (!link->used) {
        fail(link, what, uv_status);
        return;
    }
    drop_wire(link);
    start_request(link);
}

static void arm(node_link *link, mcmp_time time);

/* An address that does not answer must not hide the next one of the same name. */
static void on_timeout(uv_timer_t *timer)
{
    node_link *link = timer->data;

    if (!link->connected && link->address != NULL && link->address->ai_next != NULL) {
        drop_wire(link);
        link->address = link->address->ai_next;
        arm(link, link->options->connect_timeout);
        try_address(link);
        return;
    }
    fail(link, link->connected ? "no answer in time" : "no connection in time", 0);
}

static void arm(node_link *link, mcmp_time time)
{
    if (link->limit > 0 && time > link->limit)
        time = link->limit;
    uv_timer_start(link->timer, on_timeout, (uint64_t)((time + MCMP_MSEC - 1) / MCMP_MSEC), 0);
}

/* ---- answers ---- */

static void deliver(node_link *link)
{
    const mcmp_answer_info *answer = mcmp_answer_get(link->answer);

    uv_timer_stop(link->timer);
    link->busy = 0;
    link->used = 1;
    if ((answer->flags & MCMP_ANSWER_CLOSE) != 0)
        drop_wire(link);
    link->done(link->ctx, answer, 0, NULL);
}

static void take_input(node_link *link, const char *data, size_t len)
{
    mcmp_error err;
    size_t used = 0;
    int rc;

    if (!link->busy) { /* nothing was asked: such a connection is not to be trusted */
        drop_wire(link);
        return;
    }
    mcmp_error_init(&err);
    rc = mcmp_answer_feed(link->answer, data, len, &used, &err);
    if (rc == MCMP_NEED_MORE)
        return;
    if (rc != MCMP_OK) {
        fail_with(link, rc, err.message[0] != '\0' ? err.message : mcmp_strerror(rc), 0);
        return;
    }
    if (used < len)
        link->connected = 0; /* more than was asked for: not used again */
    deliver(link);
}

static void end_input(node_link *link, int status)
{
    if (link->busy && status == UV_EOF && mcmp_answer_end(link->answer, NULL) == MCMP_OK) {
        const mcmp_answer_info *answer = mcmp_answer_get(link->answer);

        uv_timer_stop(link->timer);
        link->busy = 0;
        drop_wire(link);
        link->done(link->ctx, answer, 0, NULL);
        return;
    }
    broken(link, "the connection broke", status);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    node_wire *wire = stream->data;

    if (wire->link == NULL || len == 0)
        return;
    if (len < 0)
        end_input(wire->link, (int)len);
    else
        take_input(wire->link, buf->base, (size_t)len);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    node_wire *wire = handle->data;

    (void)suggested;
    *buf = uv_buf_init(wire->in, sizeof(wire->in));
}

/* ---- sending ---- */

static void on_written(uv_write_t *req, int status)
{
    node_wire *wire = req->data;

    if (status < 0 && wire->link != NULL)
        broken(wire->link, "can't send", status);
}

static void write_request(node_link *link)
{
    uv_buf_t buf = uv_buf_init(link->request, (unsigned)link->request_len);
    int rc;

    mcmp_answer_reset(link->answer);
    link->wire->write.data = link->wire;
    rc = uv_write(&link->wire->write, (uv_stream_t *)&link->wire->tcp, &buf, 1, on_written);
    if (rc != 0) {
        fail(link, "can't send", rc);
        return;
    }
    arm(link, link->options->answer_timeout);
}

static void on_connected(uv_connect_t *req, int status)
{
    node_wire *wire = req->data;
    node_link *link = wire->link;

    if (link == NULL)
        return;
    if (status == 0)
        status = uv_read_start((uv_stream_t *)&wire->tcp, on_alloc, on_read);
    if (status != 0) {
        link->error = status;
        drop_wire(link);
        link->address = link->address->ai_next;
        try_address(link);
        return;
    }
    drop_lookup(link);
    uv_tcp_nodelay(&wire->tcp, 1);
    link->connected = 1;
    write_request(link);
}

static int open_wire(node_link *link)
{
    node_wire *wire = calloc(1, sizeof(*wire));
    int rc;

    if (wire == NULL)
        return UV_ENOMEM;
    wire->link = link;
    wire->tcp.data = wire;
    wire->connect.data = wire;
    rc = uv_tcp_init(link->loop, &wire->tcp);
    if (rc != 0) {
        free(wire);
        return rc;
    }
    wire->tcp.data = wire;
    link->wire = wire;
    rc = uv_tcp_connect(&wire->connect, &wire->tcp, link->address->ai_addr, on_connected);
    if (rc != 0)
        drop_wire(link);
    return rc;
}

static void set_port(struct sockaddr *address, uint32_t port)
{
    if (address->sa_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)address)->sin6_port = htons((uint16_t)port);
    else
        ((struct sockaddr_in *)(void *)address)->sin_port = htons((uint16_t)port);
}

static void try_address(node_link *link)
{
    for (; link->address != NULL; link->address = link->address->ai_next) {
        set_port(link->address->ai_addr, link->proxy->port);
        link->error = open_wire(link);
        if (link->error == 0)
            return;
    }
    fail(link, "can't connect", link->error);
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *addresses)
{
    node_lookup *lookup = req->data;
    node_link *link = lookup->link;

    free(lookup);
    if (link == NULL) {
        uv_freeaddrinfo(addresses);
        return;
    }
    link->lookup = NULL;
    if (status != 0) {
        fail(link, "can't resolve the name", status);
        return;
    }
    link->addresses = link->address = addresses;
    try_address(link);
}

/* A numeric address is read at once, a name by a thread of libuv's pool. */
static int resolve(node_link *link)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST };
    node_lookup *lookup = calloc(1, sizeof(*lookup));
    char name[256];
    int rc;

    if (lookup == NULL || link->proxy->host.len >= sizeof(name)) {
        free(lookup);
        return UV_ENOMEM;
    }
    memcpy(name, link->proxy->host.ptr, link->proxy->host.len);
    name[link->proxy->host.len] = '\0';
    if (uv_getaddrinfo(link->loop, &lookup->req, NULL, name, NULL, &hints) == 0) {
        link->addresses = link->address = lookup->req.addrinfo;
        free(lookup);
        try_address(link);
        return 0;
    }
    hints.ai_flags = 0;
    lookup->link = link;
    lookup->req.data = lookup;
    rc = uv_getaddrinfo(link->loop, &lookup->req, on_resolved, name, NULL, &hints);
    if (rc != 0)
        free(lookup);
    else
        link->lookup = lookup;
    return rc;
}

static void start_request(node_link *link)
{
    int rc;

    if (link->connected) {
        write_request(link);
        return;
    }
    drop_wire(link);
    arm(link, link->options->connect_timeout);
    rc = resolve(link);
    if (rc != 0)
        fail(link, "can't resolve the name", rc);
}

/* ---- for the caller ---- */

int node_link_send(node_link *link, const void *data, size_t len)
{
    char *copy = malloc(len);

    if (copy == NULL)
        return -1;
    memcpy(copy, data, len);
    free(link->request);
    link->request = copy;
    link->request_len = len;
    link->busy = 1;
    link->sending = 1;
    start_request(link);
    link->sending = 0;
    return 0;
}

void node_link_hurry(node_link *link, mcmp_time time)
{
    link->limit = time;
    if (link->busy && uv_timer_get_due_in(link->timer) > (uint64_t)(time / MCMP_MSEC))
        arm(link, time);
}

node_link *node_link_new(uv_loop_t *loop, const node_proxy *proxy, const node_options *options,
                         node_link_fn done, void *ctx)
{
    node_link *link = calloc(1, sizeof(*link));
    mcmp_answer_options answers;

    if (link == NULL)
        return NULL;
    link->loop = loop;
    link->proxy = proxy;
    link->options = options;
    link->done = done;
    link->ctx = ctx;
    link->timer = calloc(1, sizeof(*link->timer));
    mcmp_answer_options_init(&answers);
    answers.max_body = ANSWER_MAX;
    if (link->timer == NULL || mcmp_answer_new(&link->answer, &answers, NULL) != MCMP_OK) {
        free(link->timer);
        free(link);
        return NULL;
    }
    uv_timer_init(loop, link->timer);
    link->timer->data = link;
    return link;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle);
}

void node_link_free(node_link *link)
{
    if (link == NULL)
        return;
    drop_lookup(link);
    drop_wire(link);
    uv_close((uv_handle_t *)link->timer, on_timer_closed);
    mcmp_answer_free(link->answer);
    free(link->request);
    free(link);
}
