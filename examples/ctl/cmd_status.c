/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status: one look at a proxy, with what is wrong named in words. Every node is probed by PING, as
 * INFO's text does not tell whether a node answers.
 */
#include "conn.h"
#include "out.h"
#include "state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { WRONG_SHOWN = 100 };

typedef struct look {
    char release[128];
    uint64_t id;
    ctl_state state;
    size_t active;
    size_t standby;
    size_t broken;
    size_t leaving;
    size_t by_status[4];
    char *wrong[WRONG_SHOWN];
    size_t wrong_count;
} look;

static void wrong(look *l, const char *what, mcmp_span name, const char *more)
{
    char line[512];

    if (l->wrong_count++ >= WRONG_SHOWN)
        return;
    (void)snprintf(line, sizeof(line), "%s %.*s %s", what, (int)name.len, name.ptr, more);
    l->wrong[l->wrong_count - 1] = strdup(line);
}

/* `release: X, protocol: Y` */
static int ask_version(ctl *c, look *l)
{
    const mcmp_answer_info *answer;
    mcmp_message message;
    mcmp_span body;
    size_t len = 0;
    int rc;

    mcmp_message_init(&message);
    message.command = MCMP_COMMAND_VERSION;
    rc = ctl_must(c, &message, &answer);
    if (rc != CTL_OK)
        return rc;
    body = answer->body;
    if (body.len > 9 && memcmp(body.ptr, "release: ", 9) == 0) {
        body.ptr += 9;
        body.len -= 9;
    }
    while (len < body.len && body.ptr[len] != ',' && body.ptr[len] != '\n')
        len++;
    (void)snprintf(l->release, sizeof(l->release), "%.*s", (int)len, body.ptr);
    return CTL_OK;
}

enum { PING_OK, PING_NOTOK, PING_REFUSED };

static int ping(ctl *c, mcmp_span route, int *out_result, uint64_t *out_id)
{
    const mcmp_answer_info *answer;
    mcmp_message message;
    mcmp_span state;
    int rc;

    mcmp_message_init(&message);
    message.command = MCMP_COMMAND_PING;
    message.given = route.len != 0 ? MCMP_FIELD_JVMROUTE : 0;
    message.jvm_route = route;
    rc = ctl_ask(c, &message, &answer);
    if (rc != CTL_OK)
        return rc;
    if (answer->status != 200)
        *out_result = PING_REFUSED;
    else if (mcmp_answer_field(answer->body, "State", &state) == MCMP_OK &&
             ctl_span_is(state, "OK"))
        *out_result = PING_OK;
    else
        *out_result = PING_NOTOK;
    (void)mcmp_answer_number(answer->body, "id", out_id);
    return CTL_OK;
}

/* A node that the proxy shows and does not know is on its way out (MCMP 4.4). */
static int look_at_node(ctl *c, look *l, const mcmp_info_line *node)
{
    char room[256];
    mcmp_span route = { room, 0 };
    uint64_t id;
    int result = PING_REFUSED;
    int rc = CTL_OK;

    if (ctl_unescape(node->name, room, sizeof(room), &route.len) == 0)
        rc = ping(c, route, &result, &id);
    if (rc != CTL_OK)
        return rc;
    if (result == PING_REFUSED) {
        l->leaving++;
        return CTL_OK;
    }
    if (node->load > 0)
        l->active++;
    else if (node->load == 0)
        l->standby++;
    else
        l->broken++;
    if (node->load < 0)
        wrong(l, "node", node->name, "says that it is broken (Load -1)");
    if (result == PING_NOTOK)
        wrong(l, "node", node->name, "does not answer the proxy's probe");
    return CTL_OK;
}

static int compare_paths(const void *a, const void *b)
{
    const ctl_pair *one = a;
    const ctl_pair *two = b;
    size_t len = one->path.len < two->path.len ? one->path.len : two->path.len;
    int order = len != 0 ? memcmp(one->path.ptr, two->path.ptr, len) : 0;

    if (order != 0)
        return order;
    return one->path.len < two->path.len ? -1 : one->path.len > two->path.len;
}

/* A context that nodes have and none serves to new clients; pairs are in the order of paths. */
static void look_at_pairs(look *l)
{
    ctl_state *state = &l->state;
    int is_served = 0;

    if (state->pair_count != 0)
        qsort(state->pairs, state->pair_count, sizeof(*state->pairs), compare_paths);
    for (size_t i = 0; i < state->pair_count; i++) {
        const ctl_pair *pair = &state->pairs[i];

        l->by_status[pair->status & 3]++;
        is_served |= pair->status == MCMP_STATUS_ENABLED && state->nodes[pair->node].load >= 0;
        if (i + 1 < state->pair_count && compare_paths(pair, pair + 1) == 0)
            continue;
        if (!is_served)
            wrong(l, "context", pair->path, "is served by no node to new clients");
        is_served = 0;
    }
}

static void print_json(const ctl *c, const look *l)
{
    ctl_json_open(NULL, '{');
    ctl_json_str("proxy", c->options.proxy);
    ctl_json_str("release", l->release);
    ctl_json_int("id", (int64_t)l->id);
    ctl_json_int("nodes", (int64_t)l->state.node_count);
    ctl_json_int("active", (int64_t)l->active);
    ctl_json_int("standby", (int64_t)l->standby);
    ctl_json_int("broken", (int64_t)l->broken);
    ctl_json_int("leaving", (int64_t)l->leaving);
    ctl_json_int("enabled", (int64_t)l->by_status[MCMP_STATUS_ENABLED]);
    ctl_json_int("disabled", (int64_t)l->by_status[MCMP_STATUS_DISABLED]);
    ctl_json_int("stopped", (int64_t)l->by_status[MCMP_STATUS_STOPPED]);
    ctl_json_open("wrong", '[');
    for (size_t i = 0; i < l->wrong_count && i < WRONG_SHOWN; i++)
        ctl_json_str(NULL, l->wrong[i] != NULL ? l->wrong[i] : "");
    ctl_json_close(']');
    ctl_json_close('}');
    ctl_json_end();
}

static void print_text(const ctl *c, const look *l)
{
    (void)printf("proxy     %s\nrelease   ", c->options.proxy);
    ctl_out_text(ctl_span(l->release));
    (void)printf("\nstate id  %" PRIu64 "\n", l->id);
    (void)printf("nodes     %zu: %zu active, %zu standby, %zu broken, %zu leaving\n",
                 l->state.node_count, l->active, l->standby, l->broken, l->leaving);
    (void)printf("contexts  %zu: %zu enabled, %zu disabled, %zu stopped\n", l->state.pair_count,
                 l->by_status[MCMP_STATUS_ENABLED], l->by_status[MCMP_STATUS_DISABLED],
                 l->by_status[MCMP_STATUS_STOPPED]);
    if (l->wrong_count == 0)
        (void)puts("wrong     nothing");
    for (size_t i = 0; i < l->wrong_count && i < WRONG_SHOWN; i++) {
        (void)fputs(i == 0 ? "wrong     " : "          ", stdout);
        ctl_out_text(ctl_span(l->wrong[i] != NULL ? l->wrong[i] : ""));
        (void)putchar('\n');
    }
    if (l->wrong_count > WRONG_SHOWN)
        (void)printf("          and %zu more\n", l->wrong_count - WRONG_SHOWN);
}

static int take_look(ctl *c, look *l)
{
    int result = PING_OK;
    int rc = ask_version(c, l);

    if (rc == CTL_OK)
        rc = ping(c, ctl_span(""), &result, &l->id);
    if (rc == CTL_OK && result != PING_OK)
        wrong(l, "proxy", ctl_span(c->options.proxy), "does not answer PING with OK");
    if (rc == CTL_OK)
        rc = ctl_state_ask(c, &l->state);
    for (size_t i = 0; rc == CTL_OK && i < l->state.node_count; i++)
        rc = look_at_node(c, l, &l->state.nodes[i]);
    if (rc == CTL_OK)
        look_at_pairs(l);
    return rc;
}

int ctl_run_status(ctl *c)
{
    look l;
    int rc;

    memset(&l, 0, sizeof(l));
    rc = take_look(c, &l);
    if (rc == CTL_OK) {
        if (c->options.form == CTL_JSON)
            print_json(c, &l);
        else
            print_text(c, &l);
        rc = l.wrong_count != 0 ? CTL_NOT_OK : CTL_OK;
    }
    for (size_t i = 0; i < l.wrong_count && i < WRONG_SHOWN; i++)
        free(l.wrong[i]);
    ctl_state_clear(&l.state);
    return rc;
}
