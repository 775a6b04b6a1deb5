/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of the access log. `common` is the combined format with our own fields behind it, `json`
 * one object per line. Bytes of clients and nodes are escaped for the format, so that no request
 * can forge a line or a field. Lines are collected and written whole, at the latest after
 * access-flush and when the worker ends.
 */
#include "access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cluster.h"
#include "exchange.h"
#include "log.h"

#define LOG_ROOM 65536
#define LINE_ROOM 8192
#define FIELD_ROOM 2048

struct access_log {
    struct worker *worker;
    struct timer timer;
    int fd;
    size_t used;
    time_t second; /* for which the texts below are made */
    char common_time[40];
    char iso_time[40];
    char data[LOG_ROOM];
};

static void flush(struct access_log *log)
{
    size_t done = 0;

    while (log->fd >= 0 && done < log->used) {
        ssize_t n = write(log->fd, log->data + done, log->used - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            log_write(MCMP_LOG_ERROR, "access", "can't write the access log: %s", strerror(errno));
            break;
        }
        done += (size_t)n;
    }
    log->used = 0;
}

static void on_timer(struct timer *timer)
{
    flush(LINK_OWNER(struct access_log, timer, timer));
}

static void open_file(struct access_log *log)
{
    const char *path = log->worker->config->access_log;

    log->fd = -1;
    if (strcmp(path, "off") == 0)
        return;
    if (strcmp(path, "stdout") == 0)
        log->fd = dup(STDOUT_FILENO);
    else
        log->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (log->fd < 0)
        log_write(MCMP_LOG_ERROR, "access", "can't open %s: %s", path, strerror(errno));
}

struct access_log *access_log_new(struct worker *w)
{
    struct access_log *log = malloc(sizeof(*log));

    if (log == NULL)
        return NULL;
    log->worker = w;
    log->used = 0;
    log->second = -1;
    timer_init(&log->timer, on_timer);
    open_file(log);
    return log;
}

void access_log_reopen(struct access_log *log)
{
    flush(log);
    if (log->fd >= 0)
        close(log->fd);
    open_file(log);
}

void access_log_free(struct access_log *log)
{
    flush(log);
    timer_drop(&log->timer);
    if (log->fd >= 0)
        close(log->fd);
    free(log);
}

static void make_times(struct access_log *log)
{
    time_t now = time(NULL);
    struct tm tm;

    if (now == log->second)
        return;
    log->second = now;
    gmtime_r(&now, &tm);
    strftime(log->common_time, sizeof(log->common_time), "%d/%b/%Y:%H:%M:%S +0000", &tm);
    strftime(log->iso_time, sizeof(log->iso_time), "%Y-%m-%dT%H:%M:%SZ", &tm);
}

/* For JSON: bytes outside printable ASCII become \u00xx. */
static void escape_json(char *out, size_t size, mcmp_span text)
{
    size_t used = 0;

    for (size_t i = 0; i < text.len && used + 7 < size; i++) {
        unsigned char ch = (unsigned char)text.ptr[i];

        if (ch == '"' || ch == '\\') {
            out[used++] = '\\';
            out[used++] = (char)ch;
        } else if (ch >= 0x20 && ch < 0x7f) {
            out[used++] = (char)ch;
        } else {
            used += (size_t)snprintf(out + used, size - used, "\\u%04x", ch);
        }
    }
    out[used] = '\0';
}

struct fields {
    char method[64];
    char target[FIELD_ROOM];
    char referer[FIELD_ROOM / 2];
    char agent[FIELD_ROOM / 2];
    char route[320];
    char balancer[320];
    const char *reason;
    const char *protocol;
    long long total;
    long long connect;
    long long first_byte;
};

static void escape(char *out, size_t size, mcmp_span text, int json)
{
    if (json)
        escape_json(out, size, text);
    else
        log_escape(out, size, text.ptr, text.len);
}

static mcmp_span header(const struct exchange *x, uint32_t id)
{
    mcmp_span value = { "-", 1 };

    if (x->info != NULL)
        mcmp_http_head_find(x->head, id, &value);
    return value;
}

static void fill(struct fields *f, const struct exchange *x, int json)
{
    static const mcmp_span dash = { "-", 1 };
    mcmp_time now = clock_now();

    escape(f->method, sizeof(f->method), x->info != NULL ? x->info->method_name : dash, json);
    escape(f->target, sizeof(f->target), x->info != NULL ? x->info->target : dash, json);
    escape(f->referer, sizeof(f->referer), header(x, MCMP_HTTP_FIELD_REFERER), json);
    escape(f->agent, sizeof(f->agent), header(x, MCMP_HTTP_FIELD_USER_AGENT), json);
    escape(f->route, sizeof(f->route), x->tries > 0 ? x->selection.route : dash, json);
    escape(f->balancer, sizeof(f->balancer), x->tries > 0 ? x->selection.balancer : dash, json);
    f->reason = x->query.now > 0 ? mcmp_reason_name(x->selection.reason) : "-";
    f->protocol = x->info == NULL ? "-" : x->info->minor == 0 ? "HTTP/1.0" : "HTTP/1.1";
    f->total = (long long)(now - x->started);
    f->connect = x->connected_at > 0 ? (long long)(x->connected_at - x->connect_from) : -1;
    f->first_byte = x->first_byte_at > 0 ? (long long)(x->first_byte_at - x->started) : -1;
}

static int write_common(const struct access_log *log, const struct exchange *x, char *out,
                        size_t size)
{
    struct fields f;

    fill(&f, x, 0);
    return snprintf(out, size,
                    "%s - - [%s] \"%s %s %s\" %u %llu \"%s\" \"%s\" route=%s reason=%s tries=%u "
                    "time=%lld connect=%lld first=%lld in=%llu%s\n",
                    x->client->peer, log->common_time, f.method, f.target, f.protocol,
                    (unsigned)x->status, (unsigned long long)x->body_out, f.referer, f.agent,
                    f.route, f.reason, x->tries, f.total, f.connect, f.first_byte,
                    (unsigned long long)x->body_in, x->cut_short ? " cut" : "");
}

static int write_json(const struct access_log *log, const struct exchange *x, char *out,
                      size_t size)
{
    struct fields f;

    fill(&f, x, 1);
    return snprintf(out, size,
                    "{\"time\":\"%s\",\"client\":\"%s\",\"port\":%u,\"connection\":%llu,"
                    "\"method\":\"%s\",\"target\":\"%s\",\"protocol\":\"%s\",\"status\":%u,"
                    "\"bytes_out\":%llu,\"bytes_in\":%llu,\"balancer\":\"%s\",\"route\":\"%s\","
                    "\"reason\":\"%s\",\"tries\":%u,\"total_us\":%lld,\"connect_us\":%lld,"
                    "\"first_byte_us\":%lld,\"upgraded\":%s,\"cut\":%s,\"referer\":\"%s\","
                    "\"user_agent\":\"%s\"}\n",
                    log->iso_time, x->client->peer, (unsigned)x->client->peer_port,
                    (unsigned long long)x->client->number, f.method, f.target, f.protocol,
                    (unsigned)x->status, (unsigned long long)x->body_out,
                    (unsigned long long)x->body_in, f.balancer, f.route, f.reason, x->tries,
                    f.total, f.connect, f.first_byte, x->upgraded ? "true" : "false",
                    x->cut_short ? "true" : "false", f.referer, f.agent);
}

void access_log_write(struct access_log *log, const struct exchange *x)
{
    char line[LINE_ROOM];
    int len;

    if (log == NULL || log->fd < 0)
        return;
    make_times(log);
    len = log->worker->config->access_format == FORMAT_JSON
              ? write_json(log, x, line, sizeof(line))
              : write_common(log, x, line, sizeof(line));
    if (len <= 0 || (size_t)len >= sizeof(line))
        return; /* can't be: the fields are bounded */
    if (log->used + (size_t)len > sizeof(log->data))
        flush(log);
    if (log->used == 0)
        timer_set(&log->worker->timers, &log->timer, log->worker->config->access_flush);
    memcpy(log->data + log->used, line, (size_t)len);
    log->used += (size_t)len;
}
