/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enable, disable, stop, remove, drain: a node as a whole, or one of its contexts. The aliases of a
 * context are asked for first, so that nothing is created by a mistyped name.
 */
#include "app.h"
#include "conn.h"

#include <stdlib.h>
#include <string.h>

static void split(ctl_target *target, const char *text)
{
    const char *slash = strchr(text, '/');

    memset(target, 0, sizeof(*target));
    target->route = ctl_span(text);
    if (slash == NULL)
        return;
    target->route.len = (size_t)(slash - text);
    target->context = ctl_span(slash);
    while (target->context.len > 1 && slash[target->context.len - 1] == '/')
        target->context.len--;
}

/* The aliases that have the context, in their own memory. */
static int take_aliases(ctl *c, ctl_target *target, const ctl_state *state, size_t node)
{
    const char *alias = c->options.alias;

    target->aliases = calloc(state->pair_count + 1, sizeof(*target->aliases));
    if (target->aliases == NULL)
        return ctl_fail(CTL_UNREACHABLE, "no memory for the aliases");
    for (size_t i = 0; i < state->pair_count; i++) {
        const ctl_pair *pair = &state->pairs[i];
        size_t len = 0;
        char *copy;

        if (pair->node != node || !ctl_state_is(pair->path, target->context) ||
            (alias != NULL && !ctl_state_is(pair->alias, ctl_span(alias))))
            continue;
        copy = malloc(pair->alias.len + 1);
        if (copy == NULL || ctl_unescape(pair->alias, copy, pair->alias.len + 1, &len) != 0) {
            free(copy);
            return ctl_fail(CTL_UNREACHABLE, "no memory for an alias");
        }
        target->aliases[target->alias_count++] = (mcmp_span){ copy, len };
    }
    return CTL_OK;
}

static int fail_context(ctl *c, const ctl_target *target)
{
    return ctl_fail(
        CTL_REFUSED, "%s: node \"%.*s\" has no context \"%.*s\"%s%s; see mcmpctl contexts",
        c->options.proxy, (int)target->route.len, target->route.ptr, (int)target->context.len,
        target->context.ptr, c->options.alias != NULL ? " under alias " : "",
        c->options.alias != NULL ? c->options.alias : "");
}

int ctl_target_take(ctl *c, ctl_target *target, const char *text)
{
    ctl_state state;
    size_t node;
    int rc;

    split(target, text);
    if (target->route.len == 0)
        return ctl_fail(CTL_USAGE, "\"%s\" names no node", text);
    if (target->context.len == 0 && c->options.alias != NULL)
        return ctl_fail(CTL_USAGE, "--alias goes with ROUTE/CONTEXT");
    rc = ctl_state_ask(c, &state);
    if (rc != CTL_OK)
        return rc;
    node = ctl_state_find(&state, target->route);
    if (node == state.node_count)
        rc = ctl_fail(CTL_REFUSED, "%s knows no node \"%.*s\"; see mcmpctl nodes", c->options.proxy,
                      (int)target->route.len, target->route.ptr);
    else if (target->context.len != 0)
        rc = take_aliases(c, target, &state, node);
    if (rc == CTL_OK && target->context.len != 0 && target->alias_count == 0)
        rc = fail_context(c, target);
    ctl_state_clear(&state);
    if (rc != CTL_OK)
        ctl_target_clear(target);
    return rc;
}

void ctl_target_clear(ctl_target *target)
{
    for (size_t i = 0; i < target->alias_count; i++)
        free((void *)(uintptr_t)target->aliases[i].ptr);
    free(target->aliases);
    target->aliases = NULL;
    target->alias_count = 0;
}

int ctl_target_send(ctl *c, const ctl_target *target, uint32_t command,
                    const mcmp_answer_info **out)
{
    mcmp_message message;

    mcmp_message_init(&message);
    message.command = command;
    message.given = MCMP_FIELD_JVMROUTE;
    message.jvm_route = target->route;
    if (target->context.len == 0) {
        message.flags = MCMP_COMMAND_WHOLE_NODE;
    } else {
        message.given |= MCMP_FIELD_ALIAS | MCMP_FIELD_CONTEXT;
        message.aliases = target->aliases;
        message.alias_count = target->alias_count;
        message.contexts = &target->context;
        message.context_count = 1;
    }
    return ctl_must(c, &message, out);
}

static int run(ctl *c, uint32_t command, const char *done)
{
    const mcmp_answer_info *answer;
    ctl_target target;
    int rc = ctl_target_take(c, &target, c->options.args[0]);

    if (rc != CTL_OK)
        return rc;
    rc = ctl_target_send(c, &target, command, &answer);
    if (rc == CTL_OK)
        (void)printf("%s: %s\n", c->options.args[0], done);
    ctl_target_clear(&target);
    return rc;
}

int ctl_run_enable(ctl *c)
{
    return run(c, MCMP_COMMAND_ENABLE_APP, "enabled");
}

int ctl_run_disable(ctl *c)
{
    return run(c, MCMP_COMMAND_DISABLE_APP, "disabled");
}

int ctl_run_stop(ctl *c)
{
    return run(c, MCMP_COMMAND_STOP_APP, "stopped");
}

int ctl_run_remove(ctl *c)
{
    return run(c, MCMP_COMMAND_REMOVE_APP, "removed");
}
