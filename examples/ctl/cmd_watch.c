/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch: the nodes as a table that renews itself, with rates since the last look. Where the output
 * is no terminal the tables follow each other.
 */
#include "out.h"
#include "state.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A route that was picked more often since; a proxy that lost its state counts from zero. */
static double rate(uint64_t now, uint64_t before, mcmp_time passed)
{
    return now >= before && passed > 0 ? (double)(now - before) * MCMP_SEC / (double)passed : 0;
}

static const mcmp_info_line *same_node(const ctl_state *state, const mcmp_info_line *node)
{
    for (size_t i = 0; i < state->node_count; i++)
        if (state->nodes[i].node == node->node && state->nodes[i].name.len == node->name.len &&
            memcmp(state->nodes[i].name.ptr, node->name.ptr, node->name.len) == 0)
            return &state->nodes[i];
    return NULL;
}

static void add_row(ctl_table *table, const mcmp_info_line *node, const mcmp_info_line *before,
                    mcmp_time passed)
{
    char text[64];

    ctl_table_span(table, node->name);
    ctl_table_span(table, node->balancer);
    (void)snprintf(text, sizeof(text), "%d", node->load);
    ctl_table_str(table, text);
    ctl_table_uint(table, node->connected);
    if (before == NULL) {
        for (int i = 0; i < 3; i++)
            ctl_table_str(table, "-");
    } else {
        (void)snprintf(text, sizeof(text), "%.1f", rate(node->elected, before->elected, passed));
        ctl_table_str(table, text);
        ctl_table_bytes(table, (uint64_t)rate(node->bytes_read, before->bytes_read, passed));
        ctl_table_bytes(table, (uint64_t)rate(node->transferred, before->transferred, passed));
    }
    ctl_table_uint(table, node->elected);
}

static void headline(const ctl *c, const ctl_state *state)
{
    char text[32] = "";
    time_t now = time(NULL);
    struct tm local;

    if (localtime_r(&now, &local) != NULL)
        (void)strftime(text, sizeof(text), "%H:%M:%S", &local);
    if (isatty(STDOUT_FILENO))
        (void)fputs("\033[H\033[J", stdout); /* home, clear */
    (void)printf("%s  %s  nodes %zu, contexts %zu\n\n", text, c->options.proxy, state->node_count,
                 state->pair_count);
}

static void show(const ctl *c, const ctl_state *state, const ctl_state *before, mcmp_time passed)
{
    static const char *const heads[] = { "ROUTE",       "BALANCER", ">LOAD",   ">RUNNING",
                                         ">REQUESTS/s", ">READ/s",  ">SENT/s", ">ELECTED" };
    ctl_table table;

    headline(c, state);
    ctl_table_init(&table, heads, CTL_COUNT(heads));
    for (size_t i = 0; i < state->node_count; i++)
        add_row(&table, &state->nodes[i], same_node(before, &state->nodes[i]), passed);
    ctl_table_print(&table);
    (void)fflush(stdout);
}

int ctl_run_watch(ctl *c)
{
    ctl_state before;
    mcmp_time last = 0;
    int rc = CTL_OK;

    memset(&before, 0, sizeof(before));
    for (int64_t i = 0; rc == CTL_OK && (c->options.count == 0 || i < c->options.count); i++) {
        ctl_state state;
        mcmp_time now;

        if (i != 0)
            ctl_sleep(c->options.interval);
        rc = ctl_state_ask(c, &state);
        if (rc != CTL_OK)
            break;
        now = ctl_now();
        show(c, &state, &before, now - last);
        ctl_state_clear(&before);
        before = state;
        last = now;
        if (ferror(stdout)) /* whoever read it has gone */
            break;
    }
    ctl_state_clear(&before);
    return rc;
}
