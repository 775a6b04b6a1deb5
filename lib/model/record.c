/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands that were carried out, as canonical messages for observers: what another cluster has to
 * be sent to come to the same state, whatever its own defaults are.
 *
 * Where the tables were full, only a part of a message took effect. Then it is recorded with the
 * aliases that found a place, followed by a REMOVE-APP for each pair that did not: a cluster with
 * the same limits leaves out the same pairs again, and one with more room takes them out.
 * Runs inside the transaction: nothing is allocated here but by mcmp__record_open(), before it.
 */
#include "apply.h"
#include "change.h"

int mcmp__record_open(mcmp__record *record, const mcmp__call *call)
{
    size_t count = call->command->alias_count;

    record->kept = record->room;
    record->size = 0;
    if (!mcmp__changes_on(call->cluster) || count <= MCMP__RECORD_ROOM)
        return MCMP_OK;
    record->kept = mcmp__calloc(&call->config->allocator, count, sizeof(*record->kept));
    if (record->kept == NULL)
        return mcmp__fail(call->err, MCMP_ERR_NOMEM, NULL, "no memory for the message");
    record->size = count * sizeof(*record->kept);
    return MCMP_OK;
}

void mcmp__record_close(mcmp__record *record, const mcmp__call *call)
{
    if (record->size != 0)
        mcmp__free(&call->config->allocator, record->kept, record->size);
}

static void start_message(mcmp_message *message, const mcmp_command *command, uint32_t kind)
{
    mcmp_message_init(message);
    message->command = kind;
    message->flags = MCMP_MESSAGE_BARE;
    message->given = MCMP_FIELD_JVMROUTE;
    message->jvm_route = command->jvm_route;
}

static void give_pairs(mcmp_message *message, const mcmp_span *aliases, size_t alias_count,
                       const mcmp_span *contexts, size_t context_count)
{
    message->given |= MCMP_FIELD_ALIAS | MCMP_FIELD_CONTEXT;
    message->aliases = aliases;
    message->alias_count = alias_count;
    message->contexts = contexts;
    message->context_count = context_count;
}

/* REMOVE-APP for each run of contexts that the alias has not got. */
static void take_back(mcmp__tx *tx, uint32_t node, const mcmp_command *command,
                      const mcmp_span *alias)
{
    uint32_t row = mcmp__alias_find(&tx->rd, node, *alias);
    size_t first = 0;

    for (size_t i = 0; i <= command->context_count; i++) {
        mcmp_message message;

        if (i < command->context_count && mcmp__pair_find(&tx->rd, row, command->contexts[i]) == 0)
            continue;
        if (i > first) {
            start_message(&message, command, MCMP_COMMAND_REMOVE_APP);
            give_pairs(&message, alias, 1, command->contexts + first, i - first);
            mcmp__change_message(tx, MCMP_CHANGE_MESSAGE, node, NULL, &message);
        }
        first = i + 1;
    }
}

/* Did an alias without contexts go, since the new ones of its number found no place? */
static int lost_any(mcmp__tx *tx, uint32_t node, const mcmp_command *command)
{
    mcmp_cluster *cluster = tx->cluster;
    uint64_t version = mcmp__word_get(cluster->region + MCMP__R_PUB) >> 1;
    mcmp__read before = tx->rd;

    before.base = cluster->region + cluster->layout.copy_base[version & 1];
    for (size_t i = 0; i < command->alias_count; i++)
        if (mcmp__alias_find(&tx->rd, node, command->aliases[i]) == 0 &&
            mcmp__alias_find(&before, node, command->aliases[i]) != 0)
            return 1;
    return 0;
}

/* The aliases that are there now; all, where that is what made one go. */
static size_t keep_aliases(mcmp__record *record, mcmp__tx *tx, uint32_t node,
                           const mcmp_command *command)
{
    int all = command->kind != MCMP_COMMAND_CONFIG && lost_any(tx, node, command);
    size_t kept = 0;

    for (size_t i = 0; i < command->alias_count; i++)
        if (all || mcmp__alias_find(&tx->rd, node, command->aliases[i]) != 0)
            record->kept[kept++] = command->aliases[i];
    return kept;
}

static void add(mcmp__record *record, mcmp__tx *tx, uint32_t node, const mcmp_command *command,
                const mcmp__pairs *pairs, mcmp_message *message)
{
    size_t kept;

    if (command->alias_count == 0 || (message->flags & MCMP_COMMAND_WHOLE_NODE) != 0) {
        mcmp__change_message(tx, MCMP_CHANGE_MESSAGE, node, NULL, message);
        return;
    }
    if (pairs->left_count == 0 && pairs->left_more == 0) {
        give_pairs(message, command->aliases, command->alias_count, command->contexts,
                   command->context_count);
        mcmp__change_message(tx, MCMP_CHANGE_MESSAGE, node, NULL, message);
        return;
    }
    kept = keep_aliases(record, tx, node, command);
    if (kept != 0)
        give_pairs(message, record->kept, kept, command->contexts, command->context_count);
    else if (message->command != MCMP_COMMAND_CONFIG)
        return; /* nothing took effect */
    mcmp__change_message(tx, MCMP_CHANGE_MESSAGE, node, NULL, message);
    for (size_t i = 0; i < kept; i++)
        take_back(tx, node, command, &record->kept[i]);
}

void mcmp__record_app(mcmp__record *record, mcmp__tx *tx, uint32_t node, const mcmp__call *call,
                      const mcmp__pairs *pairs)
{
    const mcmp_command *command = call->command;
    mcmp_message message;

    if (!mcmp__changes_on(tx->cluster))
        return;
    start_message(&message, command, command->kind);
    message.flags |= command->flags & MCMP_COMMAND_WHOLE_NODE;
    add(record, tx, node, command, pairs, &message);
}

void mcmp__record_config(mcmp__record *record, mcmp__tx *tx, uint32_t node, const mcmp__call *call,
                         const mcmp__balancer_data *balancer, const mcmp__pairs *pairs)
{
    const mcmp_command *command = call->command;
    mcmp_message message;

    if (!mcmp__changes_on(tx->cluster))
        return;
    start_message(&message, command, MCMP_COMMAND_CONFIG);
    message.given |= MCMP_FIELD_HOST | MCMP_FIELD_PORT | MCMP_FIELD_TYPE | MCMP_FIELD_REVERSED |
                     MCMP_FIELD_FLUSHPACKETS | MCMP_FIELD_FLUSHWAIT | MCMP_FIELD_PING |
                     MCMP_FIELD_SMAX | MCMP_FIELD_TTL | MCMP_FIELD_TIMEOUT | MCMP_FIELD_BALANCER |
                     MCMP_FIELD_STICKY | MCMP_FIELD_STICKY_FORCE | MCMP_FIELD_STICKY_REMOVE |
                     MCMP_FIELD_STICKY_COOKIE | MCMP_FIELD_STICKY_PATH | MCMP_FIELD_WAIT_WORKER |
                     MCMP_FIELD_MAX_ATTEMPTS;
    if (command->domain.len != 0) /* an empty value is refused */
        message.given |= MCMP_FIELD_DOMAIN;
    message.flags |= command->flags & (MCMP_COMMAND_REVERSED | MCMP_COMMAND_STICKY |
                                       MCMP_COMMAND_STICKY_FORCE | MCMP_COMMAND_STICKY_REMOVE);
    message.domain = command->domain;
    message.host = command->host;
    message.balancer = balancer->name;
    message.sticky_cookie = command->sticky_cookie;
    message.sticky_path = command->sticky_path;
    message.port = command->port;
    message.scheme = command->scheme;
    message.flushpackets = command->flushpackets;
    message.smax = command->smax;
    message.flushwait = command->flushwait;
    message.ping = command->ping;
    message.ttl = command->ttl;
    message.timeout = command->timeout;
    message.wait_worker = command->wait_worker;
    message.max_attempts = command->max_attempts;
    add(record, tx, node, command, pairs, &message);
}
