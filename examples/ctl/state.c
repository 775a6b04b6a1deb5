/* SPDX-License-Identifier: Apache-2.0 */
/* INFO as tables, see state.h. */
#include "state.h"
#include "conn.h"

#include <stdlib.h>
#include <string.h>

typedef struct vhost {
    uint64_t node;
    uint64_t number;
    uint64_t id;
    mcmp_span alias;
} vhost;

/* What a reading of INFO collects. */
typedef struct reading {
    ctl_state *state;
    vhost *vhosts;
    size_t vhost_count;
    mcmp_info_line *contexts;
    size_t context_count;
} reading;

/* Room for one element more, in steps of powers of two. NULL without memory. */
static void *grown(void *list, size_t count, size_t size)
{
    if (count != 0 && (count & (count - 1)) != 0)
        return list;
    return realloc(list, (count == 0 ? 1 : count * 2) * size);
}

static int add_line(reading *r, const mcmp_info_line *line)
{
    vhost row = { line->node, line->vhost, line->id, line->name };
    void *list;

    if (line->kind == MCMP_INFO_NODE) {
        list = grown(r->state->nodes, r->state->node_count, sizeof(*line));
        if (list == NULL)
            return -1;
        r->state->nodes = list;
        r->state->nodes[r->state->node_count++] = *line;
    } else if (line->kind == MCMP_INFO_VHOST) {
        list = grown(r->vhosts, r->vhost_count, sizeof(row));
        if (list == NULL)
            return -1;
        r->vhosts = list;
        r->vhosts[r->vhost_count++] = row;
    } else {
        list = grown(r->contexts, r->context_count, sizeof(*line));
        if (list == NULL)
            return -1;
        r->contexts = list;
        r->contexts[r->context_count++] = *line;
    }
    return 0;
}

static int add_pair(ctl_state *state, size_t node, mcmp_span alias, const mcmp_info_line *context)
{
    ctl_pair *list = grown(state->pairs, state->pair_count, sizeof(*list));

    if (list == NULL)
        return -1;
    state->pairs = list;
    state->pairs[state->pair_count++] = (ctl_pair){ node, alias, context->name, context->status };
    return 0;
}

/* The vhosts of one node, which stand together; contexts come node by node too. */
typedef struct group {
    uint64_t node_id;
    size_t node;
    size_t first;
    size_t count;
} group;

static void find_group(const reading *r, uint64_t node_id, group *out)
{
    out->node_id = node_id;
    out->node = 0;
    while (out->node < r->state->node_count && r->state->nodes[out->node].node != node_id)
        out->node++;
    out->first = 0;
    while (out->first < r->vhost_count && r->vhosts[out->first].node != node_id)
        out->first++;
    out->count = 0;
    while (out->first + out->count < r->vhost_count &&
           r->vhosts[out->first + out->count].node == node_id)
        out->count++;
}

/* The line of a context names its alias by the third id (MCMP 3.3). Other servers give one number
 * for all aliases of a list and another id; then it is about each of them. */
static int join_context(reading *r, const mcmp_info_line *context, const group *g)
{
    const vhost *rows = r->vhosts + g->first;
    int by_id = 0;
    size_t found = 0;

    for (size_t i = 0; i < g->count && !by_id; i++)
        by_id = rows[i].number == context->vhost && rows[i].id == context->id;
    for (size_t i = 0; i < g->count; i++) {
        if (rows[i].number != context->vhost || (by_id && rows[i].id != context->id))
            continue;
        found++;
        if (add_pair(r->state, g->node, rows[i].alias, context) != 0)
            return -1;
    }
    return found != 0 ? 0 : add_pair(r->state, g->node, ctl_span(""), context);
}

static int join(reading *r)
{
    group g = { 0, 0, 0, 0 };

    for (size_t i = 0; i < r->context_count; i++) {
        const mcmp_info_line *context = &r->contexts[i];

        if (i == 0 || context->node != g.node_id)
            find_group(r, context->node, &g);
        if (g.node < r->state->node_count && join_context(r, context, &g) != 0)
            return -1;
    }
    return 0;
}

static int read_lines(reading *r, mcmp_span text, mcmp_error *err)
{
    mcmp_info_reader reader;
    mcmp_info_line line;
    int rc;

    mcmp_info_reader_init(&reader);
    mcmp_info_line_init(&line);
    reader.text = text;
    while ((rc = mcmp_info_next(&reader, &line, err)) == MCMP_OK)
        if (add_line(r, &line) != 0)
            return MCMP_ERR_NOMEM;
    if (rc != MCMP_DONE)
        return rc;
    return join(r) == 0 ? MCMP_OK : MCMP_ERR_NOMEM;
}

int ctl_state_ask(ctl *c, ctl_state *out)
{
    const mcmp_answer_info *answer;
    mcmp_message message;
    mcmp_error err;
    reading r = { .state = out };
    int rc;

    memset(out, 0, sizeof(*out));
    mcmp_error_init(&err);
    mcmp_message_init(&message);
    message.command = MCMP_COMMAND_INFO;
    rc = ctl_must(c, &message, &answer);
    if (rc != CTL_OK)
        return rc;
    out->text = malloc(answer->body.len + 1);
    if (out->text == NULL)
        return ctl_fail(CTL_UNREACHABLE, "no memory for an INFO of %zu bytes", answer->body.len);
    if (answer->body.len != 0)
        memcpy(out->text, answer->body.ptr, answer->body.len);
    rc = read_lines(&r, (mcmp_span){ out->text, answer->body.len }, &err);
    free(r.vhosts);
    free(r.contexts);
    if (rc == MCMP_OK)
        return CTL_OK;
    ctl_state_clear(out);
    return ctl_fail(CTL_UNREACHABLE, "%s: INFO: %s", c->options.proxy,
                    rc == MCMP_ERR_NOMEM ? "no memory" : err.message);
}

void ctl_state_clear(ctl_state *state)
{
    free(state->text);
    free(state->nodes);
    free(state->pairs);
    memset(state, 0, sizeof(*state));
}

int ctl_state_is(mcmp_span escaped, mcmp_span text)
{
    char room[1024];
    size_t len;

    return ctl_unescape(escaped, room, sizeof(room), &len) == 0 && len == text.len &&
           (len == 0 || memcmp(room, text.ptr, len) == 0);
}

size_t ctl_state_find(const ctl_state *state, mcmp_span route)
{
    size_t i = 0;

    while (i < state->node_count && !ctl_state_is(state->nodes[i].name, route))
        i++;
    return i;
}

const char *ctl_status_name(uint32_t status)
{
    static const char *const names[] = { "?", "ENABLED", "DISABLED", "STOPPED" };

    return names[status < CTL_COUNT(names) ? status : 0];
}
