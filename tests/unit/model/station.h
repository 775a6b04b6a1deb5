/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A management port without sockets: a cluster, an answer and a clock, driven through the public
 * API only. A request that waits is resumed at once with the result the test has set. Tables of
 * steps say what is sent and which bytes come back; `{id}` stands for the id of the cluster.
 */
#ifndef MCMP_TEST_STATION_H
#define MCMP_TEST_STATION_H

#include "support.h"

#include <libmcmp/libmcmp.h>

typedef struct station {
    mcmp_cluster *cluster;
    mcmp_response *response;
    mcmp_error err;
    mcmp_peer peer;
    mcmp_time now;
    uint64_t connection;
    const char *accept;
    int probe_ok;         /* what a probe shows */
    int probes;           /* asked for so far */
    int delays;           /* held answers so far */
    char probed[300];     /* host:port of the last probe */
    mcmp_time probe_time; /* the time it was given */
    char log[4096];       /* lines of level info and worse, each with its level's digit */
    size_t log_len;
} station;

static void station_log(void *ctx, int level, const char *module, const char *msg, size_t len)
{
    station *s = ctx;
    int room = (int)(sizeof(s->log) - s->log_len);
    int n = snprintf(s->log + s->log_len, (size_t)room, "%d %.*s\n", level, (int)len, msg);

    ck_assert(strcmp(module, "cluster") == 0 || strcmp(module, "lb") == 0);
    if (n > 0 && n < room)
        s->log_len += (size_t)n;
}

static inline void station_clear_log(station *s)
{
    s->log_len = 0;
    s->log[0] = '\0';
}

static inline void station_address(station *s, uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    const uint8_t mapped[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d };

    memcpy(s->peer.address, mapped, sizeof(mapped));
    s->peer.has_address = 1;
}

/* opts: NULL, or what a test wants to be different; its log and clock are set here. */
static inline int station_try_open(station *s, mcmp_cluster_options *opts)
{
    mcmp_cluster_options own;
    mcmp_logger logger;
    int rc;

    memset(s, 0, sizeof(*s));
    if (opts == NULL) {
        mcmp_cluster_options_init(&own);
        opts = &own;
    }
    mcmp_logger_init(&logger);
    logger.ctx = s;
    logger.fn = station_log;
    if (opts->logger == NULL)
        opts->logger = &logger;
    mcmp_error_init(&s->err);
    mcmp_peer_init(&s->peer);
    station_address(s, 127, 0, 0, 1);
    s->now = 1000 * MCMP_SEC;
    s->connection = 1;
    s->probe_ok = 1;
    opts->now = s->now;
    rc = mcmp_cluster_open(&s->cluster, opts, &s->err);
    if (rc == MCMP_OK)
        rc = mcmp_response_new(&s->response, opts->allocator, &s->err);
    opts->logger = NULL;
    return rc;
}

static inline void station_close(station *s)
{
    mcmp_response_free(s->response);
    mcmp_cluster_close(s->cluster);
    s->response = NULL;
    s->cluster = NULL;
}

static inline void station_open(station *s, mcmp_cluster_options *opts)
{
    int rc = station_try_open(s, opts);

    ck_assert_msg(rc == MCMP_OK, "open: %s: %s", mcmp_error_name(rc), s->err.message);
}

/* "CONFIG /", "STOP-APP /x/ *" without the blank, "GET /page" */
static inline void station_request(station *s, const char *line, mcmp_span body,
                                   mcmp_request *request)
{
    const char *blank = strchr(line, ' ');

    ck_assert(blank != NULL);
    mcmp_request_init(request);
    request->method.ptr = line;
    request->method.len = (size_t)(blank - line);
    request->target = span_of(blank + 1);
    request->command = mcmp_command_of_method(request->method);
    request->flags =
        mcmp_request_flags(request->target, span_of(s->accept != NULL ? s->accept : ""));
    request->body = body;
    request->body_size = body.len;
    request->now = s->now;
    request->connection = s->connection;
    request->peer = &s->peer;
}

static inline int station_settle(station *s, const mcmp_request *request, int rc)
{
    int turns = 0;

    while (rc == MCMP_PENDING) {
        const mcmp_pending *pending = mcmp_response_pending(s->response);

        ck_assert(pending != NULL && turns++ < 100);
        if (pending->kind == MCMP_PENDING_PROBE) {
            ck_assert(pending->probe != NULL);
            s->probes++;
            s->probe_time = pending->probe->deadline - s->now;
            (void)snprintf(s->probed, sizeof(s->probed), "%.*s:%u", (int)pending->probe->host.len,
                           pending->probe->host.ptr, (unsigned)pending->probe->port);
        } else {
            s->delays++;
            ck_assert(pending->resume_at > s->now);
            s->now = pending->resume_at;
        }
        rc = mcmp_apply_resume(s->cluster, request, s->response, s->probe_ok, s->now, &s->err);
    }
    return rc;
}

static inline int station_send(station *s, const char *line, mcmp_span body)
{
    mcmp_request request;

    station_request(s, line, body, &request);
    return station_settle(s, &request, mcmp_apply(s->cluster, &request, s->response, &s->err));
}

static inline int say(station *s, const char *line, const char *body)
{
    return station_send(s, line, span_of(body));
}

static inline mcmp_span answer_body(const station *s)
{
    return mcmp_response_body(s->response);
}

/* The value of a header, or an empty span. */
static inline mcmp_span answer_header(const station *s, const char *name)
{
    mcmp_pair pair;
    mcmp_span none = { "", 0 };

    for (size_t i = 0; mcmp_response_header(s->response, i, &pair) == MCMP_OK; i++)
        if (pair.name.len == strlen(name) && memcmp(pair.name.ptr, name, pair.name.len) == 0)
            return pair.value;
    return none;
}

/* text with `{id}` filled in; static room, good until the next call */
static inline const char *with_id(const station *s, const char *text)
{
    static char room[1 << 20];
    size_t len = 0;

    while (*text != '\0') {
        ck_assert(len + 24 < sizeof(room));
        if (strncmp(text, "{id}", 4) == 0) {
            len += (size_t)snprintf(room + len, 24, "%llu",
                                    (unsigned long long)mcmp_cluster_id(s->cluster));
            text += 4;
        } else {
            room[len++] = *text++;
        }
    }
    room[len] = '\0';
    return room;
}

/* The INFO text of now. */
static inline mcmp_span info_text(station *s)
{
    s->accept = NULL;
    ck_assert_int_eq(say(s, "INFO /", ""), MCMP_OK);
    return answer_body(s);
}

static inline int info_has(station *s, const char *text)
{
    mcmp_span info = info_text(s);

    return info.len != 0 && memmem(info.ptr, info.len, text, strlen(text)) != NULL;
}

/* INFO's Vhost and Context lines, the node lines left out: short enough for tables. */
static inline mcmp_span info_tail(station *s)
{
    mcmp_span info = info_text(s);

    while (info.len >= 5 && memcmp(info.ptr, "Node:", 5) == 0) {
        const char *end = memchr(info.ptr, '\n', info.len);

        ck_assert(end != NULL);
        info.len -= (size_t)(end + 1 - info.ptr);
        info.ptr = end + 1;
    }
    return info;
}

/* One message of a scenario. answer NULL: not looked at. info NULL: likewise; else INFO's lines. */
typedef struct step {
    const char *name;
    const char *line;
    const char *body;
    int code;
    const char *answer;
    const char *info;
} step;

static inline void play(station *s, const step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        row_code(steps[i].name, say(s, steps[i].line, steps[i].body), steps[i].code);
        if (steps[i].answer != NULL)
            row_text(steps[i].name, answer_body(s), with_id(s, steps[i].answer));
        if (steps[i].info != NULL)
            row_text(steps[i].name, info_tail(s), steps[i].info);
    }
}

#define PLAY(s, steps) play((s), (steps), COUNT_OF(steps))

#endif
