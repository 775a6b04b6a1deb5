/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the plan's state says, as bytes (JAVA-CLIENT 1: one context per message, all aliases in one
 * list, JVMRoute first). CONFIG is always the whole truth (MCMP 4.1).
 */
#include "client/agent.h"

#include <libmcmp/view.h>

#define APP_FIELDS (MCMP_FIELD_JVMROUTE | MCMP_FIELD_ALIAS | MCMP_FIELD_CONTEXT)
#define NOT_OF_CONFIG (MCMP_FIELD_ALIAS | MCMP_FIELD_CONTEXT | MCMP_FIELD_LOAD | MCMP_FIELD_SCHEME)
#define DEFAULT_LOAD 100

/* Views that a message needs while it is written. */
typedef struct say_room {
    mcmp_span alias;
    mcmp_span context;
} say_room;

static uint32_t command_of(uint8_t status)
{
    switch (status) {
    case MCMP_STATUS_ENABLED:
        return MCMP_COMMAND_ENABLE_APP;
    case MCMP_STATUS_DISABLED:
        return MCMP_COMMAND_DISABLE_APP;
    default:
        return MCMP_COMMAND_STOP_APP;
    }
}

uint32_t mcmp__say_command(const mcmp__peer *peer)
{
    switch (peer->state) {
    case MCMP__PLAN_INFO:
        return MCMP_COMMAND_INFO;
    case MCMP__PLAN_CONFIG:
        return MCMP_COMMAND_CONFIG;
    case MCMP__PLAN_APPS:
        return command_of(peer->agent->wanted[peer->index]);
    case MCMP__PLAN_STATUS:
        return MCMP_COMMAND_STATUS;
    case MCMP__PLAN_DISABLE:
        return MCMP_COMMAND_DISABLE_APP;
    case MCMP__PLAN_STOP:
        return MCMP_COMMAND_STOP_APP;
    default:
        return MCMP_COMMAND_REMOVE_APP;
    }
}

static void fill_config(const mcmp__peer *peer, mcmp_message *message)
{
    *message = peer->agent->node;
    message->given &= ~(uint64_t)NOT_OF_CONFIG;
    message->flags &= MCMP_COMMAND_REVERSED | MCMP_COMMAND_STICKY | MCMP_COMMAND_STICKY_FORCE |
                      MCMP_COMMAND_STICKY_REMOVE;
}

static int32_t load_of(const mcmp_agent *agent, mcmp_time now)
{
    int32_t load = (agent->node.given & MCMP_FIELD_LOAD) != 0 ? agent->node.load : DEFAULT_LOAD;

    if (agent->health != MCMP_AGENT_UP)
        return -1;
    if (agent->options.load != NULL)
        load = agent->options.load(agent->options.ctx, now);
    return load < -1 ? -1 : load > 100 ? 100 : load;
}

static void fill_app(const mcmp__peer *peer, say_room *room, mcmp_message *message)
{
    const mcmp_message *node = &peer->agent->node;

    message->given = APP_FIELDS;
    message->contexts = &room->context;
    message->context_count = 1;
    if (peer->state == MCMP__PLAN_PURGE) {
        mcmp__inventory_pair(peer, peer->index, &room->alias, &room->context);
        message->aliases = &room->alias;
        message->alias_count = 1;
        return;
    }
    room->context = node->contexts[peer->index];
    message->aliases = node->aliases;
    message->alias_count = node->alias_count;
}

static void fill(const mcmp__peer *peer, mcmp_time now, say_room *room, mcmp_message *message)
{
    const mcmp_message *node = &peer->agent->node;

    mcmp_message_init(message);
    if (peer->state == MCMP__PLAN_CONFIG) {
        fill_config(peer, message);
    } else if (peer->state != MCMP__PLAN_INFO) {
        message->given = MCMP_FIELD_JVMROUTE;
        message->jvm_route = node->jvm_route;
    }
    if (peer->state == MCMP__PLAN_STATUS) {
        message->given |= MCMP_FIELD_LOAD;
        message->load = load_of(peer->agent, now);
    } else if (peer->state == MCMP__PLAN_LEAVE || peer->state == MCMP__PLAN_REMOVE_NODE) {
        message->flags = MCMP_COMMAND_WHOLE_NODE;
    } else if (peer->state != MCMP__PLAN_INFO && peer->state != MCMP__PLAN_CONFIG) {
        fill_app(peer, room, message);
    }
    message->command = mcmp__say_command(peer);
    message->path = peer->path;
    message->host_header = peer->authority;
    message->user_agent = node->user_agent;
}

int mcmp__say(mcmp__peer *peer, mcmp_time now, mcmp_error *err)
{
    say_room room;
    mcmp_message message;
    size_t len = 0;
    int rc;

    fill(peer, now, &room, &message);
    rc = mcmp_message_encode(&message, NULL, 0, &len, NULL);
    if (rc != MCMP_ERR_SPACE)
        return mcmp__fail(err, rc, NULL, "the request can't be written");
    mcmp__buf_reset(&peer->request);
    if (mcmp__buf_reserve(&peer->request, len) != 0) {
        mcmp__buf_reset(&peer->request);
        return mcmp__fail(err, MCMP_ERR_NOMEM, NULL, "no memory for a request of %zu bytes", len);
    }
    rc = mcmp_message_encode(&message, peer->request.data, peer->request.cap, &peer->request.len,
                             err);
    peer->said_health = peer->agent->health;
    peer->said_at = now;
    if (peer->state == MCMP__PLAN_APPS)
        peer->sent_status = peer->agent->wanted[peer->index];
    return rc;
}
