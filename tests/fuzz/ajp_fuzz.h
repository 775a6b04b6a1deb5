/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the targets of lib/ajp share: an exchange opened by a fixed request, feeding in parts of a
 * given size, and a sum of all that came out, which must not depend on the parts.
 */
#ifndef MCMP_AJP_FUZZ_H
#define MCMP_AJP_FUZZ_H

#include "fuzz.h"

#include <libmcmp/ajp.h>

/* All that was seen of a connection; content of neighbouring events is one. */
typedef struct ajp_story {
    uint64_t sum;
    uint64_t content;
    uint64_t offset;
    int last; /* type of the last event */
    int rc;
} ajp_story;

static inline void story_add(ajp_story *s, const void *data, size_t len)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < len; i++)
        s->sum = (s->sum ^ bytes[i]) * UINT64_C(0x100000001b3);
}

static inline void story_number(ajp_story *s, uint64_t value)
{
    story_add(s, &value, sizeof(value));
}

static inline void story_span(ajp_story *s, mcmp_span text)
{
    story_number(s, text.len);
    story_add(s, text.ptr, text.len);
}

static inline void story_event(ajp_story *s, const mcmp_ajp_event *event)
{
    if (event->type == MCMP_AJP_EVENT_BODY) {
        MUST(event->data.len != 0);
        if (s->last != MCMP_AJP_EVENT_BODY)
            story_number(s, MCMP_AJP_EVENT_BODY);
        story_add(s, event->data.ptr, event->data.len);
        s->content += event->data.len;
    } else {
        story_number(s, event->type + ((uint64_t)event->size << 8));
    }
    s->last = (int)event->type;
}

static inline int story_same(const ajp_story *a, const ajp_story *b)
{
    return a->sum == b->sum && a->content == b->content && a->rc == b->rc &&
           (a->rc >= 0 || a->offset == b->offset);
}

/* A parsed head with its target, for a proxy. */
typedef struct ajp_client {
    mcmp_http_head *head;
    mcmp_http_target target;
    mcmp_http_forward forward;
    mcmp_ajp_facts facts;
    char room[4096];
} ajp_client;

static inline int client_parse(ajp_client *c, const char *text, size_t len)
{
    mcmp_http_target_init(&c->target);
    mcmp_http_forward_init(&c->forward);
    mcmp_ajp_facts_init(&c->facts);
    MUST(mcmp_http_head_new(&c->head, NULL, NULL) == MCMP_OK);
    if (mcmp_http_head_parse_request(c->head, text, len, NULL) != MCMP_OK ||
        mcmp_http_target_parse(mcmp_http_head_info(c->head), 0, c->room, sizeof(c->room),
                               &c->target, NULL) != MCMP_OK) {
        mcmp_http_head_free(c->head);
        return -1;
    }
    c->forward.target = &c->target;
    return 0;
}

#endif
