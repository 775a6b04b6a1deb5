/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node that an agent speaks for: a copy of the host's message, whose texts live in one block.
 * What CONFIG leaves out counts with the default of the protocol (MCMP 3.1).
 */
#include "client/agent.h"

#include <libmcmp/view.h>

#include <stddef.h>

#define DEFAULT_PORT 8009
#define ELEMENTS_MAX 65536

static const size_t text_fields[] = {
    offsetof(mcmp_message, user_agent),  offsetof(mcmp_message, jvm_route),
    offsetof(mcmp_message, domain),      offsetof(mcmp_message, host),
    offsetof(mcmp_message, balancer),    offsetof(mcmp_message, sticky_cookie),
    offsetof(mcmp_message, sticky_path),
};

static mcmp_span *text_field(mcmp_message *message, size_t i)
{
    return (mcmp_span *)(void *)((char *)message + text_fields[i]);
}

/* Bytes of all texts; -1 when they can't be counted. */
static int count_text(mcmp_message *node, size_t *out)
{
    size_t sum = 0;
    int bad = 0;

    for (size_t i = 0; i < MCMP__COUNT(text_fields); i++)
        bad |= mcmp__add_size(sum, text_field(node, i)->len, &sum);
    for (size_t i = 0; i < node->alias_count; i++)
        bad |= mcmp__add_size(sum, node->aliases[i].len, &sum);
    for (size_t i = 0; i < node->context_count; i++)
        bad |= mcmp__add_size(sum, node->contexts[i].len, &sum);
    for (size_t i = 0; i < node->extra_count; i++) {
        bad |= mcmp__add_size(sum, node->extra[i].name.len, &sum);
        bad |= mcmp__add_size(sum, node->extra[i].value.len, &sum);
    }
    *out = sum;
    return bad;
}

static mcmp_span put(char **at, mcmp_span text)
{
    mcmp_span copy = { *at, text.len };

    if (text.len > 0)
        memcpy(*at, text.ptr, text.len);
    *at += text.len;
    return copy;
}

static void copy_texts(mcmp_agent *agent)
{
    mcmp_message *node = &agent->node;
    mcmp_span *contexts = agent->lists + node->alias_count;
    char *at = agent->text;

    for (size_t i = 0; i < MCMP__COUNT(text_fields); i++)
        *text_field(node, i) = put(&at, *text_field(node, i));
    for (size_t i = 0; i < node->alias_count; i++)
        agent->lists[i] = put(&at, node->aliases[i]);
    for (size_t i = 0; i < node->context_count; i++)
        contexts[i] = put(&at, node->contexts[i]);
    for (size_t i = 0; i < node->extra_count; i++) {
        agent->extra[i].name = put(&at, node->extra[i].name);
        agent->extra[i].value = put(&at, node->extra[i].value);
    }
    node->aliases = agent->lists;
    node->contexts = contexts;
    node->extra = agent->extra;
    memset(agent->wanted, MCMP_STATUS_ENABLED, node->context_count);
}

static int take_memory(mcmp_agent *agent)
{
    const mcmp_message *node = &agent->node;
    size_t count = node->alias_count + node->context_count;

    agent->lists_size = count * sizeof(*agent->lists);
    agent->text = mcmp__alloc(&agent->allocator, agent->text_size);
    agent->lists = mcmp__alloc(&agent->allocator, agent->lists_size);
    agent->wanted = mcmp__alloc(&agent->allocator, node->context_count);
    if (node->extra_count > 0) {
        agent->extra = mcmp__calloc(&agent->allocator, node->extra_count, sizeof(*agent->extra));
        if (agent->extra == NULL)
            return -1;
    }
    return agent->text == NULL || agent->lists == NULL || agent->wanted == NULL ? -1 : 0;
}

static int check_node(const mcmp_message *node, mcmp_error *err)
{
    mcmp_message config = *node;
    size_t len;
    int rc;

    if ((node->given & MCMP_FIELD_JVMROUTE) == 0 || node->jvm_route.len == 0)
        return mcmp__fail(err, MCMP_ERR_INVALID, "jvm_route", "a node needs a JVMRoute");
    if (node->alias_count > ELEMENTS_MAX || node->context_count > ELEMENTS_MAX ||
        node->extra_count > ELEMENTS_MAX)
        return mcmp__fail(err, MCMP_ERR_INVALID, "node", "more than %d aliases or contexts",
                          ELEMENTS_MAX);
    config.command = MCMP_COMMAND_CONFIG;
    rc = mcmp_message_encode(&config, NULL, 0, &len, err);
    return rc == MCMP_ERR_SPACE ? MCMP_OK : rc;
}

int mcmp__self_copy(mcmp_agent *agent, const mcmp_message *from, mcmp_error *err)
{
    static const mcmp_span any_alias = MCMP__SPAN("localhost");
    static const mcmp_span any_context = MCMP__SPAN("/");
    int rc = mcmp__sized_in(&agent->node, sizeof(agent->node), from, sizeof(size_t));

    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "node", "the message was not initialised, or is too new");
    agent->node.struct_size = sizeof(agent->node);
    agent->node.path = agent->node.host_header = agent->node.accept = mcmp__span(NULL, 0);
    rc = check_node(&agent->node, err);
    if (rc != MCMP_OK)
        return rc;
    if (agent->node.alias_count == 0) {
        agent->node.aliases = &any_alias;
        agent->node.alias_count = 1;
    }
    if (agent->node.context_count == 0) {
        agent->node.contexts = &any_context;
        agent->node.context_count = 1;
    }
    if (count_text(&agent->node, &agent->text_size) != 0)
        return mcmp__fail(err, MCMP_ERR_INVALID, "node", "texts of impossible length");
    if (take_memory(agent) != 0)
        return mcmp__fail(err, MCMP_ERR_NOMEM, NULL, "no memory for a node");
    copy_texts(agent);
    return MCMP_OK;
}

void mcmp__self_clear(mcmp_agent *agent)
{
    mcmp__free(&agent->allocator, agent->text, agent->text_size);
    mcmp__free(&agent->allocator, agent->lists, agent->lists_size);
    mcmp__free(&agent->allocator, agent->wanted, agent->node.context_count);
    mcmp__free(&agent->allocator, agent->extra, agent->node.extra_count * sizeof(*agent->extra));
}

mcmp_span mcmp__self_host(const mcmp_agent *agent)
{
    static const mcmp_span standard = MCMP__SPAN("localhost");

    return (agent->node.given & MCMP_FIELD_HOST) != 0 ? agent->node.host : standard;
}

uint32_t mcmp__self_port(const mcmp_agent *agent)
{
    return (agent->node.given & MCMP_FIELD_PORT) != 0 ? agent->node.port : DEFAULT_PORT;
}

uint32_t mcmp__self_scheme(const mcmp_agent *agent)
{
    return (agent->node.given & MCMP_FIELD_TYPE) != 0 ? agent->node.scheme : MCMP_SCHEME_AJP;
}
