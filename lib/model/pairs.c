/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pairs (alias, context) that a message names, and the numbering of virtual hosts (MCMP 3.3).
 * Pairs are taken alias by alias, for each the contexts in the order given. Runs inside a
 * transaction: nothing is allocated or logged here, what became of the pairs goes to mcmp__pairs.
 */
#include "apply.h"

#include "base/compiler.h"

void mcmp__pairs_init(mcmp__pairs *pairs)
{
    pairs->done = NULL;
    pairs->limit = MCMP__PAIR_LIMIT;
    mcmp__pairs_again(pairs);
}

void mcmp__pairs_again(mcmp__pairs *pairs)
{
    pairs->changed = 0;
    pairs->added_odd = 0;
    pairs->left_count = 0;
    pairs->left_more = 0;
    pairs->full_aliases = 0;
    pairs->full_contexts = 0;
    pairs->first_row = 0;
}

static void mark_done(mcmp__pairs *pairs, size_t bit)
{
    if (pairs->done != NULL)
        pairs->done[bit / 8] |= (uint8_t)(1u << bit % 8);
}

int mcmp__pairs_is_done(const mcmp__pairs *pairs, const mcmp_command *command, size_t alias,
                        size_t context)
{
    size_t bit = alias * command->context_count + context;

    return bit < pairs->limit && (pairs->done[bit / 8] >> bit % 8 & 1) != 0;
}

static void leave_out(mcmp__pairs *pairs, size_t alias, size_t context)
{
    if (pairs->left_count == MCMP__LEFTOVERS) {
        pairs->left_more++;
        return;
    }
    pairs->left[pairs->left_count].alias = (uint32_t)alias;
    pairs->left[pairs->left_count++].context =
        context == SIZE_MAX ? MCMP__NO_CONTEXT : (uint32_t)context;
}

/* MCMP 3.3: the number of the first alias of the list that the node already has, otherwise the
 * lowest free one, for all new aliases of the list. */
static uint32_t number_of_list(mcmp__read *rd, uint32_t node, const mcmp_command *command)
{
    for (size_t i = 0; i < command->alias_count; i++) {
        uint32_t row = mcmp__alias_find(rd, node, command->aliases[i]);
        mcmp__alias alias;

        if (row != 0 && mcmp__alias_get(rd, row, &alias))
            return alias.vhost;
    }
    return mcmp__vhost_free(rd, node);
}

typedef struct registration {
    mcmp__tx *tx;
    const mcmp_command *command;
    mcmp__pairs *pairs;
    uint32_t status;
    int set_existing;
} registration;

static void take_existing(registration *reg, uint32_t pair, size_t bit)
{
    mcmp__pair row;

    if (!reg->set_existing)
        return;
    if (mcmp__pair_get(&reg->tx->rd, pair, &row) && row.status != reg->status) {
        mcmp__pair_set_status(reg->tx, pair, reg->status);
        reg->pairs->changed++;
    }
    mark_done(reg->pairs, bit);
}

/* MCMP 2: once a table is full and enough is listed, the rest is counted, not tried one by one.
 * *-APP go on: what exists gets its status. */
static int only_counts(const registration *reg)
{
    return reg->pairs->full_contexts && !reg->set_existing &&
           reg->pairs->left_count == MCMP__LEFTOVERS;
}

static void take_contexts(registration *reg, uint32_t row, size_t alias, size_t count)
{
    mcmp__pairs *pairs = reg->pairs;

    for (size_t i = 0; i < count; i++) {
        mcmp_span context = reg->command->contexts[i];
        size_t bit = alias * reg->command->context_count + i;
        mcmp__spot spot;
        uint32_t pair;

        if (only_counts(reg)) {
            pairs->left_more += count - i;
            return;
        }
        pair = mcmp__pair_spot(&reg->tx->rd, row, context, &spot);
        if (pair != 0) {
            take_existing(reg, pair, bit);
            continue;
        }
        if (pairs->full_contexts ||
            mcmp__pair_add_at(reg->tx, row, context, &spot, reg->status, &pair, NULL) != MCMP_OK) {
            pairs->full_contexts = 1;
            leave_out(pairs, alias, i);
            continue;
        }
        pairs->changed++;
        pairs->added_odd += context.len == 0 || context.ptr[0] != '/';
        mark_done(pairs, bit);
    }
}

void mcmp__pairs_register(mcmp__tx *tx, uint32_t node, const mcmp_command *command, uint32_t status,
                          int set_existing, mcmp__pairs *pairs)
{
    registration reg = { tx, command, pairs, status, set_existing };
    uint32_t number = 0;

    for (size_t i = 0; i < command->alias_count; i++) {
        size_t first = i * command->context_count;
        size_t count = command->context_count;
        uint32_t row;

        if (first >= pairs->limit || only_counts(&reg)) {
            pairs->left_more += (command->alias_count - i) * command->context_count;
            break;
        }
        count = MCMP__MIN(count, pairs->limit - first);
        pairs->left_more += command->context_count - count;
        row = i == 0 ? pairs->first_row : 0;
        if (row == 0)
            row = mcmp__alias_find(&tx->rd, node, command->aliases[i]);
        if (row == 0 && number == 0)
            number = number_of_list(&tx->rd, node, command);
        if (row == 0 && (pairs->full_aliases || mcmp__alias_add(tx, node, command->aliases[i],
                                                                number, &row, NULL) != MCMP_OK)) {
            pairs->full_aliases = 1;
            leave_out(pairs, i, SIZE_MAX);
            continue;
        }
        take_contexts(&reg, row, i, count);
    }
    /* MCMP 4.1: what fits stays, an alias whose contexts did not fit as well. The commands of 4.2
     * tell nobody of a full table, so there it goes again. */
    if (number != 0 && set_existing)
        (void)mcmp__vhost_settle(tx, node, number);
}

void mcmp__pairs_remove(mcmp__tx *tx, uint32_t node, const mcmp_command *command,
                        mcmp__pairs *pairs)
{
    for (size_t i = 0; i < command->alias_count; i++) {
        size_t first = i * command->context_count;

        for (size_t k = 0; k < command->context_count && first + k < pairs->limit; k++) {
            /* looked up each time: the last pair of a number takes the alias with it */
            uint32_t row = mcmp__alias_find(&tx->rd, node, command->aliases[i]);
            uint32_t pair = row == 0 ? 0 : mcmp__pair_find(&tx->rd, row, command->contexts[k]);

            if (row == 0)
                break;
            if (pair == 0)
                continue;
            mcmp__pair_remove(tx, pair);
            pairs->changed++;
            mark_done(pairs, first + k);
        }
    }
}

int mcmp__pairs_have(mcmp__read *rd, uint32_t node, const mcmp_command *command, uint32_t status,
                     mcmp__pairs *pairs)
{
    mcmp__spot spot;

    pairs->first_row = 0;
    for (size_t i = 0; i < command->alias_count; i++) {
        uint32_t row = mcmp__alias_find(rd, node, command->aliases[i]);

        if (i == 0)
            pairs->first_row = row;
        if (row == 0)
            return 0;
        for (size_t k = 0; k < command->context_count; k++)
            if (mcmp__pair_status(rd, mcmp__pair_spot(rd, row, command->contexts[k], &spot)) !=
                status)
                return 0;
    }
    return 1;
}

void mcmp__pairs_mark(mcmp__read *rd, uint32_t node, const mcmp_command *command,
                      mcmp__pairs *pairs)
{
    for (size_t i = 0; i < command->alias_count; i++) {
        uint32_t row = mcmp__alias_find(rd, node, command->aliases[i]);
        size_t first = i * command->context_count;

        for (size_t k = 0; row != 0 && k < command->context_count && first + k < pairs->limit; k++)
            if (mcmp__pair_find(rd, row, command->contexts[k]) != 0)
                mark_done(pairs, first + k);
    }
}

static uint64_t running_by_pair(mcmp__read *rd, uint32_t node, const mcmp_command *command,
                                size_t limit)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < command->alias_count; i++) {
        uint32_t row = mcmp__alias_find(rd, node, command->aliases[i]);
        size_t first = i * command->context_count;

        for (size_t k = 0; row != 0 && k < command->context_count && first + k < limit; k++) {
            uint32_t pair = mcmp__pair_find(rd, row, command->contexts[k]);
            mcmp__pair found;

            if (pair != 0 && mcmp__pair_get(rd, pair, &found))
                sum += mcmp__running_seat(rd, found.seat);
        }
    }
    return sum;
}

uint64_t mcmp__pairs_running(mcmp__read *rd, uint32_t node, const mcmp_command *command,
                             size_t limit, int by_pair)
{
    uint64_t sum = 0;

    if (by_pair)
        return running_by_pair(rd, node, command, limit);
    for (size_t k = 0; k < command->context_count; k++) {
        uint32_t seat = mcmp__context_seat(rd, node, command->contexts[k]);

        if (seat != 0)
            sum += mcmp__running_seat(rd, seat);
    }
    return sum;
}

MCMP__COLD static void log_odd(const mcmp__call *call, const mcmp__pairs *pairs)
{
    char route[192];

    mcmp__log(&call->config->logger, MCMP_LOG_WARN, MCMP__LOG_MODULE,
              "node %s: %zu contexts without leading slash never match",
              mcmp__printable(route, sizeof(route), call->command->jvm_route), pairs->added_odd);
}

MCMP__COLD static void log_left(const mcmp__call *call, const mcmp__pairs *pairs)
{
    char route[192];
    const mcmp__leftover *first = &pairs->left[0];
    char alias[192];
    char context[192];

    alias[0] = '\0';
    context[0] = '\0';
    if (pairs->left_count != 0) /* none is named when only the product of the lists was too great */
        (void)mcmp__printable(alias, sizeof(alias), call->command->aliases[first->alias]);
    if (pairs->left_count != 0 && first->context != MCMP__NO_CONTEXT)
        (void)mcmp__printable(context, sizeof(context), call->command->contexts[first->context]);
    mcmp__log(&call->config->logger, MCMP_LOG_WARN, MCMP__LOG_MODULE,
              "node %s: %llu entries left out, first %s of alias %s: %s%s%s is full",
              mcmp__printable(route, sizeof(route), call->command->jvm_route),
              (unsigned long long)(pairs->left_count + pairs->left_more),
              context[0] != '\0' ? context : "all", alias, pairs->full_aliases ? "max_aliases" : "",
              pairs->full_aliases && pairs->full_contexts ? ", " : "",
              pairs->full_contexts ? "max_contexts" : "");
}

void mcmp__pairs_log_left(const mcmp__call *call, const mcmp__pairs *pairs)
{
    if (pairs->added_odd != 0)
        log_odd(call, pairs);
    if (pairs->left_count != 0 || pairs->left_more != 0)
        log_left(call, pairs);
}
