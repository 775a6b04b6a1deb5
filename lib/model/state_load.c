/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From records into the store. The target is empty, so what fits is known beforehand: plan() marks
 * what is left out, oldest first come in; then one transaction writes the rest. Nothing is
 * allocated and nobody is called under the lock. Names that occur twice are found by the store's
 * own indexes; then the transaction is taken back.
 */
#include "model/change.h"
#include "model/state.h"
#include "model/tx.h"

const char *mcmp__skip_name(uint32_t skip)
{
    static const char *const names[MCMP__SKIPS] = {
        [MCMP__SKIP_NONE] = "",
        [MCMP__SKIP_NODES] = "max_nodes",
        [MCMP__SKIP_BALANCERS] = "max_balancers",
        [MCMP__SKIP_ALIASES] = "max_aliases",
        [MCMP__SKIP_CONTEXTS] = "max_contexts",
        [MCMP__SKIP_ROUTE] = "jvm_route",
        [MCMP__SKIP_DOMAIN] = "domain",
        [MCMP__SKIP_HOST] = "host",
        [MCMP__SKIP_BALANCER] = "balancer",
        [MCMP__SKIP_COOKIE] = "cookie",
        [MCMP__SKIP_ALIAS] = "alias",
        [MCMP__SKIP_CONTEXT] = "context",
    };

    return names[skip < MCMP__SKIPS ? skip : 0];
}

/* Planning */

static int is_longer(const mcmp__layout *layout, enum mcmp__text_kind kind, mcmp_span text)
{
    return text.len > layout->text[kind].max;
}

static uint32_t skip_of_balancer(const mcmp__layout *layout, const mcmp__balancer_data *data)
{
    if (is_longer(layout, MCMP__BALANCER_NAME, data->name))
        return MCMP__SKIP_BALANCER;
    if (is_longer(layout, MCMP__BALANCER_COOKIE, data->cookie) ||
        is_longer(layout, MCMP__BALANCER_PATH, data->path))
        return MCMP__SKIP_COOKIE;
    return MCMP__SKIP_NONE;
}

static uint32_t skip_of_node(const mcmp__layout *layout, const mcmp__node_data *data)
{
    if (is_longer(layout, MCMP__NODE_ROUTE, data->route))
        return MCMP__SKIP_ROUTE;
    if (is_longer(layout, MCMP__DOMAIN_TEXT, data->domain))
        return MCMP__SKIP_DOMAIN;
    return is_longer(layout, MCMP__NODE_HOST, data->host) ? MCMP__SKIP_HOST : MCMP__SKIP_NONE;
}

/* A balancer comes in with its first node. */
static void plan_nodes(mcmp__state *state, const mcmp__layout *layout)
{
    uint32_t nodes = 0, balancers = 0;

    for (uint32_t i = 0; i < state->count[MCMP__SECTION_BALANCERS]; i++)
        state->balancers[i].skip = skip_of_balancer(layout, &state->balancers[i].data);
    for (uint32_t i = 0; i < state->count[MCMP__SECTION_NODES]; i++) {
        mcmp__state_node *node = &state->nodes[i];
        mcmp__state_balancer *balancer = &state->balancers[node->balancer];

        node->skip = skip_of_node(layout, &node->data);
        if (node->skip == MCMP__SKIP_NONE)
            node->skip = balancer->skip;
        if (node->skip == MCMP__SKIP_NONE && nodes == layout->max_nodes)
            node->skip = MCMP__SKIP_NODES;
        if (node->skip == MCMP__SKIP_NONE && !balancer->taken && balancers == layout->max_balancers)
            node->skip = balancer->skip = MCMP__SKIP_BALANCERS;
        if (node->skip != MCMP__SKIP_NONE)
            continue;
        nodes++;
        balancers += !balancer->taken;
        balancer->taken = 1;
    }
    for (uint32_t i = 0; i < state->count[MCMP__SECTION_BALANCERS]; i++)
        if (!state->balancers[i].taken && state->balancers[i].skip == MCMP__SKIP_NONE)
            state->balancers[i].skip = MCMP__SKIP_NODES; /* none of its nodes fits */
}

static void plan_contexts(mcmp__state *state, const mcmp__layout *layout)
{
    uint32_t aliases = 0, contexts = 0;

    for (uint32_t i = 0; i < state->count[MCMP__SECTION_ALIASES]; i++) {
        mcmp__state_alias *alias = &state->aliases[i];

        alias->skip = state->nodes[alias->node].skip;
        if (alias->skip == MCMP__SKIP_NONE && is_longer(layout, MCMP__ALIAS_TEXT, alias->name))
            alias->skip = MCMP__SKIP_ALIAS;
        if (alias->skip == MCMP__SKIP_NONE && aliases == layout->max_aliases)
            alias->skip = MCMP__SKIP_ALIASES;
        aliases += alias->skip == MCMP__SKIP_NONE;
    }
    for (uint32_t i = 0; i < state->count[MCMP__SECTION_CONTEXTS]; i++) {
        mcmp__state_context *context = &state->contexts[i];

        context->skip = (uint8_t)state->aliases[context->alias].skip;
        if (context->skip == MCMP__SKIP_NONE && context->len > layout->max_context)
            context->skip = MCMP__SKIP_CONTEXT;
        if (context->skip == MCMP__SKIP_NONE && contexts == layout->max_contexts)
            context->skip = MCMP__SKIP_CONTEXTS;
        contexts += context->skip == MCMP__SKIP_NONE;
    }
}

/* Here the newest ones are worth most. */
static void plan_domains(mcmp__state *state, const mcmp__layout *layout)
{
    uint32_t count = 0;

    for (uint32_t i = state->count[MCMP__SECTION_DOMAINS]; i-- > 0;) {
        mcmp__state_domain *domain = &state->domains[i];

        if (is_longer(layout, MCMP__NODE_ROUTE, domain->route))
            domain->skip = MCMP__SKIP_ROUTE;
        else if (is_longer(layout, MCMP__DOMAIN_TEXT, domain->domain))
            domain->skip = MCMP__SKIP_DOMAIN;
        else if (count == layout->table[MCMP__T_MEMORY].cap)
            domain->skip = MCMP__SKIP_NODES;
        count += domain->skip == MCMP__SKIP_NONE;
    }
}

/* Writing, inside the transaction */

static int is_empty(mcmp__read *rd)
{
    return mcmp__node_next(rd, 0) == 0 && mcmp__balancer_next(rd, 0) == 0 &&
           mcmp__head_get(rd, MCMP__H_MEMORIES) == 0;
}

static int write_balancers(mcmp__tx *tx, mcmp__state *state, mcmp_error *err)
{
    for (uint32_t i = 0; i < state->count[MCMP__SECTION_BALANCERS]; i++) {
        mcmp__state_balancer *balancer = &state->balancers[i];

        if (balancer->skip != MCMP__SKIP_NONE)
            continue;
        if (mcmp__balancer_by_name(&tx->rd, balancer->data.name) != 0)
            return mcmp__state_bad(err, MCMP__SECTION_BALANCERS, i, "its name occurs twice");
        if (mcmp__balancer_make(tx, &balancer->data, &balancer->row, err) != MCMP_OK)
            return MCMP_ERR_FULL;
    }
    return MCMP_OK;
}

static int write_nodes(mcmp__tx *tx, mcmp__state *state, mcmp_error *err)
{
    for (uint32_t i = 0; i < state->count[MCMP__SECTION_NODES]; i++) {
        mcmp__state_node *node = &state->nodes[i];

        if (node->skip != MCMP__SKIP_NONE)
            continue;
        if (mcmp__row_by_route(&tx->rd, node->data.route) != 0)
            return mcmp__state_bad(err, MCMP__SECTION_NODES, i, "its route occurs twice");
        if (mcmp__row_by_endpoint(&tx->rd, node->data.host, node->data.port) != 0)
            return mcmp__state_bad(err, MCMP__SECTION_NODES, i, "its endpoint occurs twice");
        mcmp__head_put(tx, MCMP__H_NODE_SEQ, node->id - 1);
        if (mcmp__node_add(tx, &node->data, state->balancers[node->balancer].row, &node->row,
                           err) != MCMP_OK)
            return MCMP_ERR_FULL;
    }
    mcmp__head_put(tx, MCMP__H_NODE_SEQ, state->node_seq);
    tx->fresh_node = 0; /* the live rows of all of them follow */
    return MCMP_OK;
}

static int write_aliases(mcmp__tx *tx, mcmp__state *state, mcmp_error *err)
{
    for (uint32_t i = 0; i < state->count[MCMP__SECTION_ALIASES]; i++) {
        mcmp__state_alias *alias = &state->aliases[i];
        uint32_t node = state->nodes[alias->node].row;

        if (alias->skip != MCMP__SKIP_NONE)
            continue;
        if (mcmp__alias_find(&tx->rd, node, alias->name) != 0)
            return mcmp__state_bad(err, MCMP__SECTION_ALIASES, i, "it occurs twice at its node");
        if (mcmp__alias_add(tx, node, alias->name, alias->vhost, &alias->row, err) != MCMP_OK)
            return MCMP_ERR_FULL;
    }
    return MCMP_OK;
}

static int write_contexts(mcmp__tx *tx, mcmp__state *state, mcmp_error *err)
{
    for (uint32_t i = 0; i < state->count[MCMP__SECTION_CONTEXTS]; i++) {
        const mcmp__state_context *context = &state->contexts[i];
        mcmp_span path = mcmp__span(context->path, context->len);
        uint32_t alias = state->aliases[context->alias].row;
        mcmp__spot spot;
        uint32_t pair;

        if (context->skip != MCMP__SKIP_NONE)
            continue;
        if (mcmp__pair_spot(&tx->rd, alias, path, &spot) != 0)
            return mcmp__state_bad(err, MCMP__SECTION_CONTEXTS, i, "it occurs twice at its alias");
        if (mcmp__pair_add_at(tx, alias, path, &spot, context->status, &pair, err) != MCMP_OK)
            return MCMP_ERR_FULL;
    }
    return MCMP_OK;
}

static int write_domains(mcmp__tx *tx, mcmp__state *state, mcmp_error *err)
{
    for (uint32_t i = 0; i < state->count[MCMP__SECTION_DOMAINS]; i++) {
        const mcmp__state_domain *domain = &state->domains[i];

        if (domain->skip != MCMP__SKIP_NONE)
            continue;
        if (mcmp__row_by_route(&tx->rd, domain->route) != 0 ||
            !mcmp__memory_restore(tx, domain->route, domain->domain, tx->now - domain->age))
            return mcmp__state_bad(err, MCMP__SECTION_DOMAINS, i, "its route occurs twice");
    }
    return MCMP_OK;
}

static int write_all(mcmp__tx *tx, mcmp__state *state, mcmp_error *err)
{
    int rc = MCMP_OK;

    if (!is_empty(&tx->rd))
        return mcmp__fail(err, MCMP_ERR_STATE, "cluster", "the cluster is not empty");
    rc = write_balancers(tx, state, err);
    if (rc == MCMP_OK)
        rc = write_nodes(tx, state, err);
    if (rc == MCMP_OK)
        rc = write_aliases(tx, state, err);
    if (rc == MCMP_OK)
        rc = write_contexts(tx, state, err);
    if (rc == MCMP_OK)
        rc = write_domains(tx, state, err);
    return rc;
}

int mcmp__state_load(mcmp_cluster *cluster, mcmp__state *state, mcmp_time now, mcmp_error *err)
{
    mcmp__tx tx;
    int rc;

    plan_nodes(state, &cluster->layout);
    plan_contexts(state, &cluster->layout);
    plan_domains(state, &cluster->layout);
    rc = mcmp__tx_begin(&tx, cluster, now, err);
    if (rc != MCMP_OK)
        return rc;
    rc = write_all(&tx, state, err);
    if (rc != MCMP_OK) {
        mcmp__tx_abort(&tx);
        return rc;
    }
    for (uint32_t i = 0; i < state->count[MCMP__SECTION_NODES]; i++)
        if (state->nodes[i].skip == MCMP__SKIP_NONE)
            mcmp__live_restore(&tx, &state->nodes[i]);
    if (tx.open)
        mcmp__change_event(&tx, MCMP_CHANGE_LOADED, 0, "loaded");
    mcmp__tx_commit(&tx);
    /* Last: who is killed before leaves nodes under another id, and clients tell everything again.
     */
    mcmp__word_set(cluster->region + MCMP__R_ID, state->id);
    return MCMP_OK;
}
