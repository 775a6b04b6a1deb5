/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What INFO shows of the node (MCMP 4.7): whether it is all there, and which pairs are from an
 * earlier life. The ids of INFO's lines are read, their third parts too: an alias belongs to the
 * Vhost line of its id. Texts of the proxy are limited in number and length; what is beyond is
 * found at the next registration.
 */
#include "client/agent.h"

#include <libmcmp/command.h>

#define STALE_MAX 1024
#define VHOSTS_MAX 256
#define NAME_MAX_BYTES 256
#define WORK_MAX (1u << 22) /* comparisons, whatever INFO looks like */

typedef struct vhost_row {
    uint64_t vhost;
    uint64_t id;
    size_t len;
    char alias[NAME_MAX_BYTES];
} vhost_row;

typedef struct scan {
    mcmp__peer *peer;
    uint64_t node; /* our id there */
    size_t right;  /* pairs of ours with the status that they are to have */
    vhost_row *vhosts;
    size_t count;
    mcmp__buf stale;
    size_t stale_count;
    uint32_t work;
    int found;
    int same; /* at our endpoint */
} scan;

/* A pair in the buffer: two lengths, then the texts. */
typedef struct stale_head {
    uint32_t alias;
    uint32_t context;
} stale_head;

static mcmp_span stale_at(const mcmp__buf *buf, size_t *at, mcmp_span *context)
{
    stale_head head;
    mcmp_span alias;

    memcpy(&head, buf->data + *at, sizeof(head));
    alias = mcmp__span(buf->data + *at + sizeof(head), head.alias);
    *context = mcmp__span(alias.ptr + alias.len, head.context);
    *at += sizeof(head) + head.alias + head.context;
    return alias;
}

void mcmp__inventory_pair(const mcmp__peer *peer, size_t index, mcmp_span *alias,
                          mcmp_span *context)
{
    size_t at = 0;

    for (size_t i = 0; i <= index; i++)
        *alias = stale_at(&peer->stale, &at, context);
}

static void add_stale(scan *s, mcmp_span alias, mcmp_span context)
{
    stale_head head = { (uint32_t)alias.len, (uint32_t)context.len };
    size_t at = 0;

    if (s->stale_count == STALE_MAX)
        return;
    for (size_t i = 0; i < s->stale_count; i++, s->work++) {
        mcmp_span other;
        mcmp_span name = stale_at(&s->stale, &at, &other);

        if (mcmp__span_eq(name, alias) && mcmp__span_eq(other, context))
            return;
    }
    mcmp__buf_add(&s->stale, &head, sizeof(head));
    mcmp__buf_add_span(&s->stale, alias);
    mcmp__buf_add_span(&s->stale, context);
    s->stale_count++;
}

static int has_alias(const mcmp_message *node, mcmp_span alias)
{
    for (size_t i = 0; i < node->alias_count; i++)
        if (mcmp__span_eq_nocase(node->aliases[i], alias))
            return 1;
    return 0;
}

/* The status that the context is to have; 0: it is none of ours. */
static uint8_t wanted_status(const mcmp_agent *agent, mcmp_span context)
{
    for (size_t i = 0; i < agent->node.context_count; i++)
        if (mcmp__span_eq(agent->node.contexts[i], context))
            return agent->wanted[i];
    return 0;
}

static void scan_context(scan *s, const mcmp_info_line *line, mcmp_span context)
{
    const mcmp_agent *agent = s->peer->agent;
    uint8_t wanted = wanted_status(agent, context);

    for (size_t i = 0; i < s->count && s->stale.failed == 0; i++, s->work++) {
        const vhost_row *row = &s->vhosts[i];
        mcmp_span alias = mcmp__span(row->alias, row->len);
        int ours = wanted != 0 && has_alias(&agent->node, alias);

        if (row->vhost == line->vhost && !ours)
            add_stale(s, alias, context);
        s->right += ours && row->id == line->id && line->status == wanted;
    }
}

/* Without case, an address by its value. */
static int same_host(mcmp_span a, mcmp_span b)
{
    uint8_t left[16];
    uint8_t right[16];

    if (mcmp__address_parse(a, left) == 0 && mcmp__address_parse(b, right) == 0)
        return memcmp(left, right, sizeof(left)) == 0;
    return mcmp__span_eq_nocase(a, b);
}

static int is_our_endpoint(const mcmp_agent *agent, const mcmp_info_line *line)
{
    uint64_t port;

    return mcmp__span_is(line->type, mcmp_scheme_name(mcmp__self_scheme(agent))) &&
           same_host(line->host, mcmp__self_host(agent)) &&
           mcmp__parse_uint(line->port, 65535, &port) == 0 && port == mcmp__self_port(agent);
}

static void scan_vhost(scan *s, const mcmp_info_line *line, mcmp_span name)
{
    vhost_row *row = &s->vhosts[s->count];

    if (s->count == VHOSTS_MAX || name.len > sizeof(row->alias))
        return;
    memcpy(row->alias, name.ptr, name.len);
    row->len = name.len;
    row->vhost = line->vhost;
    row->id = line->id;
    s->count++;
}

static void scan_line(scan *s, const mcmp_info_line *line)
{
    char buf[NAME_MAX_BYTES * 3];
    mcmp_span name = { buf, 0 };

    if (mcmp_answer_unescape(line->name, buf, sizeof(buf), &name.len) != MCMP_OK)
        return;
    if (line->kind == MCMP_INFO_NODE && !s->found) {
        s->found = mcmp__span_eq(name, s->peer->agent->node.jvm_route);
        s->node = line->node;
        s->same = s->found && is_our_endpoint(s->peer->agent, line);
        return;
    }
    if (!s->found || line->node != s->node)
        return;
    if (line->kind == MCMP_INFO_VHOST)
        scan_vhost(s, line, name);
    else if (line->kind == MCMP_INFO_CONTEXT)
        scan_context(s, line, name);
}

static void scan_body(scan *s, mcmp_span body)
{
    mcmp_info_reader reader;
    mcmp_info_line line;
    int rc;

    mcmp_info_reader_init(&reader);
    mcmp_info_line_init(&line);
    reader.text = body;
    while ((rc = mcmp_info_next(&reader, &line, NULL)) == MCMP_OK || rc == MCMP_ERR_ANSWER)
        if (rc == MCMP_OK && s->work < WORK_MAX)
            scan_line(s, &line);
}

void mcmp__inventory_drop(mcmp__peer *peer)
{
    mcmp__buf_clear(&peer->stale);
    mcmp__buf_init(&peer->stale, &peer->agent->allocator, 0);
    peer->stale_count = 0;
}

int mcmp__inventory_take(mcmp__peer *peer, mcmp_span body, int *whole)
{
    const mcmp_agent *agent = peer->agent;
    scan s = { .peer = peer };

    s.vhosts = mcmp__calloc(&agent->allocator, VHOSTS_MAX, sizeof(*s.vhosts));
    if (s.vhosts == NULL)
        return MCMP_ERR_NOMEM;
    mcmp__buf_init(&s.stale, &agent->allocator, 0);
    scan_body(&s, body);
    mcmp__free(&agent->allocator, s.vhosts, VHOSTS_MAX * sizeof(*s.vhosts));
    if (s.stale.failed != 0) {
        mcmp__buf_clear(&s.stale);
        return MCMP_ERR_NOMEM;
    }
    mcmp__inventory_drop(peer);
    peer->stale = s.stale;
    peer->stale_count = s.stale_count;
    *whole = s.same && s.stale_count == 0 &&
             s.right == agent->node.alias_count * agent->node.context_count;
    return MCMP_OK;
}
