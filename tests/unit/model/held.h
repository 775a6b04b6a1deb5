/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages whose probes are on the way at the same time: each has a request and an answer of its
 * own, and is resumed when the test says so.
 */
#ifndef MCMP_TEST_HELD_H
#define MCMP_TEST_HELD_H

#include "station.h"

typedef struct held {
    mcmp_response *response;
    mcmp_request request;
} held;

static inline int held_start(station *s, held *h, const char *line, const char *body)
{
    ck_assert_int_eq(mcmp_response_new(&h->response, NULL, &s->err), MCMP_OK);
    station_request(s, line, span_of(body), &h->request);
    return mcmp_apply(s->cluster, &h->request, h->response, &s->err);
}

static inline int held_resume(station *s, held *h, int probe_ok)
{
    return mcmp_apply_resume(s->cluster, &h->request, h->response, probe_ok, s->now, &s->err);
}

static inline mcmp_span held_host(const held *h)
{
    const mcmp_pending *pending = mcmp_response_pending(h->response);

    ck_assert(pending != NULL && pending->probe != NULL);
    return pending->probe->host;
}

static inline mcmp_span held_mess(const held *h)
{
    mcmp_pair pair;

    for (size_t i = 0; mcmp_response_header(h->response, i, &pair) == MCMP_OK; i++)
        if (pair.name.len == 4 && memcmp(pair.name.ptr, "Mess", 4) == 0)
            return pair.value;
    return span_of("");
}

static inline void held_end(held *h)
{
    mcmp_response_free(h->response);
    h->response = NULL;
}

/* A message that has to be taken. */
static inline void must(station *s, const char *line, const char *body)
{
    row_code(body, say(s, line, body), MCMP_OK);
}

/* The node of a route as a view shows it; 0 when there is none. */
static inline int find_node(station *s, const char *route, mcmp_node_info *out)
{
    mcmp_view *view;
    int found = 0;

    ck_assert_int_eq(mcmp_view_new(&view, s->cluster, s->now, &s->err), MCMP_OK);
    mcmp_node_info_init(out);
    for (size_t i = 0; !found && mcmp_view_node(view, i, out) == MCMP_OK; i++)
        found =
            out->route.len == strlen(route) && memcmp(out->route.ptr, route, out->route.len) == 0;
    mcmp_view_free(view);
    return found;
}

static inline int text_has(mcmp_span text, const char *part)
{
    return text.len != 0 && memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

static inline mcmp_span dump_text(station *s)
{
    s->accept = NULL;
    ck_assert_int_eq(say(s, "DUMP /", ""), MCMP_OK);
    return answer_body(s);
}

#endif
