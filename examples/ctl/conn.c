/* SPDX-License-Identifier: Apache-2.0 */
/* Questions and answers over one connection, see conn.h. */
#include "conn.h"
#include "stream.h"

#include <stdlib.h>
#include <string.h>

struct ctl_conn {
    ctl_stream stream;
    mcmp_answer *answer;
    char *request; /* encoded */
    size_t request_len;
    int is_open;
    int is_used; /* it has answered before, so that an end may be the proxy's idle timeout */
};

int ctl_conn_new(ctl_conn **out, const ctl_options *options)
{
    ctl_conn *conn = calloc(1, sizeof(*conn));

    if (conn == NULL || mcmp_answer_new(&conn->answer, NULL, NULL) != MCMP_OK) {
        free(conn);
        return -1;
    }
    ctl_stream_init(&conn->stream, options);
    *out = conn;
    return 0;
}

static void close_conn(ctl_conn *conn)
{
    ctl_stream_close(&conn->stream);
    mcmp_answer_reset(conn->answer);
    conn->is_open = 0;
    conn->is_used = 0;
}

void ctl_conn_free(ctl_conn *conn)
{
    if (conn == NULL)
        return;
    ctl_stream_clear(&conn->stream);
    mcmp_answer_free(conn->answer);
    free(conn->request);
    free(conn);
}

static int encode(ctl *c, mcmp_message *message)
{
    ctl_conn *conn = c->conn;
    mcmp_error err;
    size_t len = 0;

    mcmp_error_init(&err);
    message->path = c->options.prefix;
    message->host_header = c->options.authority;
    message->user_agent = ctl_span("mcmpctl/" MCMP_VERSION);
    if (mcmp_message_encode(message, NULL, 0, &len, &err) != MCMP_ERR_SPACE)
        return ctl_fail(CTL_USAGE, "%s", err.message);
    free(conn->request);
    conn->request = malloc(len);
    if (conn->request == NULL ||
        mcmp_message_encode(message, conn->request, len, &conn->request_len, &err) != MCMP_OK)
        return ctl_fail(CTL_UNREACHABLE, "no memory for a message of %zu bytes", len);
    return CTL_OK;
}

/* Answers a turn of `read`: 1 = complete, 0 = more is needed, -1 = failed with the stream's why. */
static int take_bytes(ctl_conn *conn, const char *data, size_t len)
{
    mcmp_error err;
    size_t used = 0;
    int rc;

    mcmp_error_init(&err);
    rc = len != 0 ? mcmp_answer_feed(conn->answer, data, len, &used, &err)
                  : mcmp_answer_end(conn->answer, &err);
    if (rc == MCMP_OK)
        return 1;
    if (rc == MCMP_NEED_MORE)
        return 0;
    if (rc == MCMP_DONE)
        return ctl_stream_fail(&conn->stream, "the proxy closed the connection without an answer");
    return ctl_stream_fail(&conn->stream, err.message);
}

static int exchange(ctl *c, mcmp_time deadline)
{
    ctl_conn *conn = c->conn;
    char data[16384];
    size_t len;
    int rc;

    if (!conn->is_open && ctl_stream_open(&conn->stream, deadline) != 0)
        return -1;
    conn->is_open = 1;
    if (ctl_stream_write(&conn->stream, conn->request, conn->request_len, deadline) != 0)
        return -1;
    do {
        if (ctl_stream_read(&conn->stream, data, sizeof(data), &len, deadline) != 0)
            return -1;
        rc = take_bytes(conn, data, len);
    } while (rc == 0);
    return rc == 1 ? 0 : -1;
}

int ctl_ask(ctl *c, mcmp_message *message, const mcmp_answer_info **out)
{
    ctl_conn *conn = c->conn;
    mcmp_time deadline = ctl_now() + c->options.timeout;
    int rc = encode(c, message);

    if (rc != CTL_OK)
        return rc;
    if (conn->is_open && mcmp_answer_get(conn->answer) != NULL &&
        (mcmp_answer_get(conn->answer)->flags & MCMP_ANSWER_CLOSE))
        close_conn(conn);
    rc = exchange(c, deadline);
    if (rc != 0 && conn->is_used) { /* every command may arrive twice (MCMP 2) */
        close_conn(conn);
        rc = exchange(c, deadline);
    }
    if (rc != 0) {
        (void)ctl_fail(CTL_UNREACHABLE, "%s: %s", c->options.proxy, conn->stream.why);
        close_conn(conn);
        return CTL_UNREACHABLE;
    }
    conn->is_used = 1;
    *out = mcmp_answer_get(conn->answer);
    return CTL_OK;
}

int ctl_must(ctl *c, mcmp_message *message, const mcmp_answer_info **out)
{
    int rc = ctl_ask(c, message, out);
    const mcmp_answer_info *answer;

    if (rc != CTL_OK)
        return rc;
    answer = *out;
    if (answer->status == 200)
        return CTL_OK;
    if (answer->mess.len != 0)
        return ctl_fail(CTL_REFUSED, "%s: %.*s", c->options.proxy, (int)answer->mess.len,
                        answer->mess.ptr);
    return ctl_fail(CTL_REFUSED, "%s: the proxy answered %u %.*s to %s", c->options.proxy,
                    answer->status, (int)answer->reason.len, answer->reason.ptr,
                    mcmp_command_name(message->command));
}
