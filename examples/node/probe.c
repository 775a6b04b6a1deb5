/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes, see probe.h. A command runs in a process group of its own, which is killed at the
 * deadline. What libuv holds on to (a timer, a process, a pipe) lives in blocks of their own.
 */
#include "probe.h"
#include "conn.h"
#include "text.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX ((uint64_t)1 << 20)
#define TEXT_MAX 256

typedef struct probe_process {
    uv_process_t process;
    uv_pipe_t pipe;
    node_probe *probe;
    int open; /* handles that are not closed */
    char in[4096];
} probe_process;

struct node_probe {
    node_probe_fn done;
    void *ctx;
    uv_timer_t *timer;
    node_conn *conn;
    mcmp_answer *answer;
    probe_process *child;
    int64_t exit_status;
    int has_exited;
    int has_ended; /* its output */
    int32_t kind;
    const node_url *url;
    size_t len;
    int ok;
    char text[TEXT_MAX];
};

/* ---- the end ---- */

static void on_child_closed(uv_handle_t *handle)
{
    probe_process *child = handle->data;

    if (--child->open == 0)
        free(child);
}

static void drop_child(node_probe *probe)
{
    probe_process *child = probe->child;

    if (child == NULL)
        return;
    if (!probe->has_exited)
        (void)kill(-child->process.pid, SIGKILL); /* its group */
    child->probe = NULL;
    uv_close((uv_handle_t *)&child->process, on_child_closed);
    uv_close((uv_handle_t *)&child->pipe, on_child_closed);
    probe->child = NULL;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle);
}

void node_probe_cancel(node_probe *probe)
{
    if (probe == NULL)
        return;
    drop_child(probe);
    node_conn_close(probe->conn);
    mcmp_answer_free(probe->answer);
    uv_close((uv_handle_t *)probe->timer, on_timer_closed);
    free(probe);
}

static void finish(node_probe *probe, int ok, const char *text)
{
    node_probe_fn done = probe->done;
    void *ctx = probe->ctx;
    char copy[TEXT_MAX];

    (void)snprintf(copy, sizeof(copy), "%s", text);
    node_probe_cancel(probe);
    done(ctx, ok, copy);
}

static void on_finish(uv_timer_t *timer)
{
    node_probe *probe = timer->data;

    finish(probe, 0, probe->text);
}

/* From inside node_probe_start(): told a little later. */
static void finish_later(node_probe *probe, const char *what, int status)
{
    (void)snprintf(probe->text, sizeof(probe->text), "%s: %s", what, uv_strerror(status));
    uv_timer_start(probe->timer, on_finish, 0, 0);
}

static void on_timeout(uv_timer_t *timer)
{
    finish(timer->data, 0, "no answer in time");
}

static void keep(node_probe *probe, const char *data, size_t len)
{
    size_t room = sizeof(probe->text) - 1 - probe->len;

    len = len < room ? len : room;
    memcpy(probe->text + probe->len, data, len);
    probe->len += len;
    probe->text[probe->len] = '\0';
}

/* ---- connections and URLs ---- */

static void take_answer(node_probe *probe)
{
    const mcmp_answer_info *info = mcmp_answer_get(probe->answer);
    char why[64];

    if (info->status < 200 || info->status > 399) {
        (void)snprintf(why, sizeof(why), "the answer is %u", info->status);
        finish(probe, 0, why);
        return;
    }
    keep(probe, info->body.ptr, info->body.len);
    finish(probe, 1, probe->text);
}

static void on_connected(void *ctx)
{
    node_probe *probe = ctx;
    char request[4096];
    int len;

    if (probe->kind == NODE_CHECK_TCP) {
        finish(probe, 1, "");
        return;
    }
    len = snprintf(request, sizeof(request),
                   "GET %.*s HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: mcmp-node/" MCMP_VERSION
                   "\r\nAccept: */*\r\nConnection: close\r\n\r\n",
                   (int)probe->url->path.len, probe->url->path.ptr, (int)probe->url->authority.len,
                   probe->url->authority.ptr);
    if (len < 0 || (size_t)len >= sizeof(request))
        finish(probe, 0, "the URL is too long");
    else
        node_conn_write(probe->conn, request, (size_t)len);
}

static void on_received(void *ctx, const char *data, size_t len)
{
    node_probe *probe = ctx;
    size_t used;
    int rc = mcmp_answer_feed(probe->answer, data, len, &used, NULL);

    if (rc == MCMP_OK)
        take_answer(probe);
    else if (rc != MCMP_NEED_MORE)
        finish(probe, 0, mcmp_strerror(rc));
}

static void on_closed(void *ctx, const char *why)
{
    node_probe *probe = ctx;

    if (why == NULL && mcmp_answer_end(probe->answer, NULL) == MCMP_OK)
        take_answer(probe);
    else
        finish(probe, 0, why != NULL ? why : "the connection was closed");
}

static void start_conn(node_probe *probe, uv_loop_t *loop, const node_probe_target *target)
{
    static const node_conn_events events = { on_connected, on_received, on_closed };
    node_conn_target where = { target->host, target->port, NULL, target->timeout };

    if (target->kind == NODE_CHECK_URL) {
        where.host = target->url->host;
        where.port = target->url->port;
    }
    probe->conn = node_conn_open(loop, &where, &events, probe);
    if (probe->conn == NULL)
        finish_later(probe, "can't connect", UV_ENOMEM);
}

/* ---- commands ---- */

static void check_child(node_probe *probe)
{
    char why[64];

    if (!probe->has_exited || !probe->has_ended)
        return;
    if (probe->exit_status == 0) {
        finish(probe, 1, probe->text);
        return;
    }
    (void)snprintf(why, sizeof(why), "the command ended with %lld", (long long)probe->exit_status);
    finish(probe, 0, why);
}

static void on_exit_of_child(uv_process_t *process, int64_t status, int number)
{
    node_probe *probe = ((probe_process *)process->data)->probe;

    if (probe == NULL)
        return;
    probe->has_exited = 1;
    probe->exit_status = number != 0 ? 128 + number : status;
    check_child(probe);
}

static void on_output(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    node_probe *probe = ((probe_process *)stream->data)->probe;

    if (probe == NULL || len == 0)
        return;
    if (len > 0) {
        keep(probe, buf->base, (size_t)len);
        return;
    }
    probe->has_ended = 1;
    (void)uv_read_stop(stream);
    check_child(probe);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    probe_process *child = handle->data;

    (void)suggested;
    *buf = uv_buf_init(child->in, sizeof(child->in));
}

static void start_command(node_probe *probe, uv_loop_t *loop, const char *command)
{
    char shell[] = "/bin/sh";
    char flag[] = "-c";
    char *text = strdup(command);
    char *argv[] = { shell, flag, text, NULL };
    probe_process *child = calloc(1, sizeof(*child));
    uv_stdio_container_t streams[3] = { { .flags = UV_IGNORE },
                                        { .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE },
                                        { .flags = UV_INHERIT_FD, .data.fd = 2 } };
    uv_process_options_t options = { .file = shell,
                                     .args = argv,
                                     .flags = UV_PROCESS_DETACHED,
                                     .stdio_count = 3,
                                     .stdio = streams,
                                     .exit_cb = on_exit_of_child };
    int rc = UV_ENOMEM;

    if (text != NULL && child != NULL) {
        child->probe = probe;
        child->process.data = child->pipe.data = child;
        child->open = 2;
        (void)uv_pipe_init(loop, &child->pipe, 0);
        streams[1].data.stream = (uv_stream_t *)&child->pipe;
        probe->child = child;
        rc = uv_spawn(loop, &child->process, &options);
        child->process.data = child;
        if (rc == 0)
            rc = uv_read_start((uv_stream_t *)&child->pipe, on_alloc, on_output);
        else
            probe->has_exited = 1; /* there is nothing to kill */
    } else {
        free(child);
    }
    free(text);
    if (rc != 0)
        finish_later(probe, "the command can't be run", rc);
}

node_probe *node_probe_start(uv_loop_t *loop, const node_probe_target *target, node_probe_fn done,
                             void *ctx)
{
    node_probe *probe = calloc(1, sizeof(*probe));
    mcmp_answer_options answers;

    if (probe == NULL)
        return NULL;
    mcmp_answer_options_init(&answers);
    answers.max_body = ANSWER_MAX;
    probe->timer = calloc(1, sizeof(*probe->timer));
    if (probe->timer == NULL || mcmp_answer_new(&probe->answer, &answers, NULL) != MCMP_OK) {
        free(probe->timer);
        free(probe);
        return NULL;
    }
    uv_timer_init(loop, probe->timer);
    probe->timer->data = probe;
    probe->done = done;
    probe->ctx = ctx;
    probe->kind = target->kind;
    probe->url = target->url;
    uv_timer_start(probe->timer, on_timeout, (uint64_t)(target->timeout / MCMP_MSEC), 0);
    if (target->kind == NODE_CHECK_COMMAND)
        start_command(probe, loop, target->command);
    else
        start_conn(probe, loop, target);
    return probe;
}
