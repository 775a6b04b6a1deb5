/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STATUS and PING (MCMP 4.5, 4.6): probes with an answer. STATUS writes live words only, so it
 * takes no lock and publishes nothing. Transitions of health follow the one table of base/health.h.
 */
#include "apply.h"
#include "change.h"

#include "base/health.h"

/* MCMP 4.5: a probe younger than this may stand for a new one. */
#define PROBE_REUSE MCMP_SEC

static const mcmp_span status_rsp = MCMP__SPAN("STATUS-RSP");
static const mcmp_span ping_rsp = MCMP__SPAN("PING-RSP");

static void log_transition(const mcmp__call *call, uint32_t before, uint32_t after)
{
    uint32_t old_state;
    uint32_t new_state;
    char route[192];

    if (!mcmp__log_wanted(&call->config->logger, MCMP_LOG_INFO))
        return;
    old_state = mcmp__health_state(before);
    new_state = mcmp__health_state(after);
    if (old_state == new_state)
        return;
    mcmp__log(&call->config->logger, MCMP_LOG_INFO, MCMP__LOG_MODULE,
              "node %s: %s, was %s (STATUS, load %d)",
              mcmp__printable(route, sizeof(route), call->command->jvm_route),
              mcmp_node_state_name(new_state), mcmp_node_state_name(old_state),
              mcmp__health_load(after));
}

/* Zero in a live row means never, also where the host's clock starts from it. */
static void note_time(mcmp__word *word, mcmp_time now)
{
    mcmp__word_set(word, (uint64_t)(now != 0 ? now : 1));
}

/* Whatever comes of the probe: a node that speaks is not silent (MCMP 4.1). But a message that
 * finds no memory was not heard. */
static void note_spoken(const mcmp__call *call, mcmp_handle node)
{
    note_time(&mcmp__live_of(call->cluster, mcmp__handle_index(node))->last_status, call->now);
}

/* The end of a STATUS; ok tells what the probe, if there was one, has shown. */
static int finish_status(mcmp__call *call, mcmp_handle node, int ok, int probed)
{
    const mcmp_command *command = call->command;
    uint32_t event = MCMP__HEALTH_STATUS;
    uint32_t before;
    uint32_t after;
    int rc = mcmp__answer_state(call, status_rsp, command->jvm_route, ok);

    if (rc != MCMP_OK)
        return rc; /* nothing was changed */
    note_spoken(call, node);
    if (!ok)
        event = MCMP__HEALTH_STATUS_FAILED;
    else if (command->given & MCMP_FIELD_LOAD)
        event = MCMP__HEALTH_STATUS_LOAD;
    if (ok && mcmp__changes_on(call->cluster)) /* one more message for observers */
        rc = mcmp__change_live(call->cluster, node, event, command->load, call->now, 1, &before,
                               &after);
    else
        rc =
            mcmp__live_event(call->cluster, node, event, command->load, call->now, &before, &after);
    if (rc != 0)
        return mcmp__refuse_unknown(call); /* removed or replaced this very moment */
    if (ok && probed) {
        mcmp__live *live = mcmp__live_of(call->cluster, mcmp__handle_index(node));

        note_time(&live->probed_at, call->now);
        mcmp__word_set(&live->failed, 0);
    }
    if (before != after)
        log_transition(call, before, after);
    return MCMP_OK;
}

static int has_fresh_probe(const mcmp__call *call, const mcmp__live *live)
{
    mcmp_time at = (mcmp_time)mcmp__word_get(&live->probed_at);

    return at != 0 && call->now - at < PROBE_REUSE &&
           !(mcmp__word_get(&live->health) & MCMP__HEALTH_ERROR);
}

int mcmp__apply_status(mcmp__call *call)
{
    const mcmp_command *command = call->command;
    mcmp_handle node = 0;
    mcmp__live *live;
    int rc = mcmp__target_find(call, &node);

    if (rc != MCMP_OK)
        return rc;
    live = mcmp__live_of(call->cluster, mcmp__handle_index(node));
    if (mcmp__word_get(&live->heal_connection) != 0 &&
        mcmp__answer_reserve(call, 0, 3 * command->jvm_route.len) != MCMP_OK)
        return MCMP_ERR_NOMEM; /* before it is used up */
    /* MCMP 4.1, heal_reset (PEER): its first STATUS after a reset is answered MEM once */
    if (mcmp__heal_fire(call->cluster, mcmp__handle_index(node), call->request->connection,
                        call->now)) {
        note_spoken(call, node);
        return mcmp__refuse_unknown(call);
    }
    if (command->given & MCMP_FIELD_LOAD && command->load < 0)
        return finish_status(call, node, 1, 0);
    if (call->resumed == MCMP_PENDING_PROBE && call->probed == node)
        return finish_status(call, node, call->probe_ok, 1);
    if (has_fresh_probe(call, live))
        return finish_status(call, node, 1, 0);
    rc = mcmp__target_probe(call, node);
    if (rc != MCMP_ERR_NOMEM)
        note_spoken(call, node);
    return rc;
}

static int is_registered(mcmp__call *call)
{
    mcmp__read rd;
    uint32_t node;
    mcmp__node row;

    mcmp__read_init(&rd, call->cluster);
    do {
        mcmp__read_begin(&rd);
        node = mcmp__row_by_endpoint(&rd, call->command->host, call->command->port);
        if (node != 0 && (!mcmp__node_get(&rd, node, &row) || row.leaving))
            node = 0;
    } while (!mcmp__read_done(&rd));
    return node != 0;
}

/* PEER (MCMP 4.6): only loopback and endpoints of nodes, or the proxy would be a port scanner. */
static int ping_endpoint(mcmp__call *call)
{
    const mcmp_command *command = call->command;
    mcmp_span none = { NULL, 0 };

    if (!(call->config->opts.flags & MCMP_CLUSTER_PING_ANY) &&
        !mcmp__access_is_loopback(command->host) && !is_registered(call))
        return mcmp__answer_state(call, ping_rsp, none, 0);
    if (call->resumed == MCMP_PENDING_PROBE && call->probed == 0)
        return mcmp__answer_state(call, ping_rsp, none, call->probe_ok);
    return mcmp__answer_probe(call, 0, command->host, command->port, command->scheme, 0);
}

int mcmp__apply_ping(mcmp__call *call)
{
    const mcmp_command *command = call->command;
    mcmp_handle node = 0;
    int rc;

    if (command->jvm_route.len == 0) {
        if (command->given & MCMP_FIELD_SCHEME)
            return ping_endpoint(call);
        return mcmp__answer_state(call, ping_rsp, command->jvm_route, 1);
    }
    rc = mcmp__target_find(call, &node);
    if (rc != MCMP_OK)
        return rc;
    if (call->resumed == MCMP_PENDING_PROBE && call->probed == node)
        return mcmp__answer_state(call, ping_rsp, command->jvm_route, call->probe_ok);
    return mcmp__target_probe(call, node);
}
