/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A station with an observer: what was changed, compared with a table, and given to another
 * cluster.
 */
#ifndef MCMP_TEST_WATCH_H
#define MCMP_TEST_WATCH_H

#include "station.h"

/* One expected change; bytes: method, target, blank, body. NULL: not looked at. */
typedef struct seen {
    uint32_t kind;
    const char *route;
    const char *text;
    const char *bytes;
} seen;

static inline mcmp_observer *watch_from(mcmp_cluster *cluster, uint32_t from, uint64_t after)
{
    mcmp_observer_options opts;
    mcmp_observer *observer;
    mcmp_error err;

    mcmp_error_init(&err);
    mcmp_observer_options_init(&opts);
    opts.from = from;
    opts.after = after;
    ck_assert_msg(mcmp_observer_new(&observer, cluster, &opts, &err) == MCMP_OK, "%s", err.message);
    return observer;
}

static inline int watch_next(mcmp_observer *observer, mcmp_change *out)
{
    mcmp_error err;
    int rc;

    mcmp_error_init(&err);
    mcmp_change_init(out);
    rc = mcmp_observer_next(observer, out, &err);
    ck_assert_msg(rc >= 0, "%s: %s", mcmp_error_name(rc), err.message);
    return rc;
}

/* "STATUS / JVMRoute=a" of the request; static room */
static inline const char *watch_short(mcmp_span bytes)
{
    static char room[16384];
    const char *line = memmem(bytes.ptr, bytes.len, " HTTP/1.1\r\n", 11);
    const char *body = memmem(bytes.ptr, bytes.len, "\r\n\r\n", 4);

    if (bytes.len == 0)
        return "";
    ck_assert(line != NULL && body != NULL && bytes.len < sizeof(room));
    body += 4;
    (void)snprintf(room, sizeof(room), "%.*s %.*s", (int)(line - bytes.ptr), bytes.ptr,
                   (int)(bytes.ptr + bytes.len - body), body);
    return room;
}

/* Exactly these come next, without a gap. */
static inline void watch_all(const char *row, mcmp_observer *observer, const seen *list,
                             size_t count)
{
    mcmp_change change;

    for (size_t i = 0; i < count; i++) {
        int rc = watch_next(observer, &change);

        ck_assert_msg(rc == MCMP_OK, "row '%s': change %zu is missing", row, i);
        row_int(row, change.kind, list[i].kind);
        row_int(row, change.missed, 0);
        if (list[i].route != NULL)
            row_text(row, change.route, list[i].route);
        if (list[i].text != NULL)
            row_text(row, change.text, list[i].text);
        if (list[i].bytes != NULL)
            row_text(row, span_of(watch_short(change.bytes)), list[i].bytes);
        row_int(row, change.size, change.bytes.len);
    }
    ck_assert_msg(watch_next(observer, &change) == MCMP_DONE, "row '%s': one more of kind %u: %s",
                  row, change.kind, watch_short(change.bytes));
}

#define WATCH(row, observer, list) watch_all((row), (observer), (list), COUNT_OF(list))

/* Give the request to another station at the time of the change. */
static inline int watch_replay(station *to, mcmp_parser *parser, const mcmp_change *change)
{
    const mcmp_request *parsed;
    mcmp_request request;
    size_t used = 0;
    int rc = mcmp_parser_feed(parser, change->bytes.ptr, change->bytes.len, &used, NULL);

    if (rc == MCMP_NEED_MORE) /* without a body the end of the head is the end */
        ck_abort_msg("not one whole request: %s", watch_short(change->bytes));
    ck_assert_int_eq(rc, MCMP_OK);
    ck_assert_uint_eq(used, change->bytes.len);
    parsed = mcmp_parser_request(parser);
    ck_assert(parsed != NULL);
    request = *parsed;
    to->now = change->time;
    request.now = change->time;
    request.connection = 0;
    request.peer = &to->peer;
    return station_settle(to, &request, mcmp_apply(to->cluster, &request, to->response, &to->err));
}

/* A usual node, and what is seen of it. */
#define ONE "JVMRoute=n1&Host=10.0.0.1&Port=8009"
#define CONFIG_REST                                                                        \
    "&Reversed=false&StickySession=Yes&StickySessionCookie=JSESSIONID&StickySessionForce=" \
    "Yes&StickySessionPath=jsessionid&StickySessionRemove=No&Timeout=0&Type=ajp&"          \
    "WaitWorker=0&flushpackets=Off&flushwait=10&ping=10&smax=-1&ttl=60"
#define ONE_SEEN "Balancer=mycluster&Host=10.0.0.1&Maxattempts=1&Port=8009" CONFIG_REST
#define MESSAGE(bytes)                       \
    {                                        \
        MCMP_CHANGE_MESSAGE, NULL, "", bytes \
    }
#define HEALTH(route, text)                 \
    {                                       \
        MCMP_CHANGE_HEALTH, route, text, "" \
    }

static inline void open_ring(station *s, mcmp_cluster_options *opts, uint64_t ring)
{
    mcmp_cluster_options own;

    if (opts == NULL) {
        mcmp_cluster_options_init(&own);
        opts = &own;
    }
    opts->change_ring = ring;
    station_open(s, opts);
}

/* ENABLE-APP of 900 contexts at n1 */
static inline const char *long_body(void)
{
    static char body[8192];
    size_t len = (size_t)snprintf(body, sizeof(body), "JVMRoute=n1&Alias=a&Context=/0");

    for (int i = 1; i < 900; i++)
        len += (size_t)snprintf(body + len, sizeof(body) - len, ",/%d", i);
    return body;
}

#endif
