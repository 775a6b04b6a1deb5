/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aliases of a node, virtual-host numbers (MCMP 3.3) and pairs (alias, context).
 *
 * A number belongs to one node; its row counts the pairs of all its aliases, and with the last pair
 * the number goes and takes its aliases along. Aliases of a number form a chain that only ever goes
 * as a whole. Numbers 1..64 of a node are bits of its row, so the lowest free one is found at once;
 * above, the row remembers up to where all are taken.
 * Concurrency: writers inside a transaction; lookups also serve readers.
 */
#include "model/index.h"
#include "model/tx.h"

#define MASKED 64u

static mcmp__list aliases_of(uint32_t node)
{
    mcmp__list list = { MCMP__T_ALIAS, MCMP__A_LIST, MCMP__T_NODE, node, MCMP__N_ALIASES };

    return list;
}

static mcmp__list pairs_of(uint32_t node)
{
    mcmp__list list = { MCMP__T_PAIR, MCMP__P_LIST, MCMP__T_NODE, node, MCMP__N_PAIRS };

    return list;
}

/* Numbers */

static uint32_t vhost_find(mcmp__read *rd, uint32_t node, uint32_t number)
{
    uint64_t key = mcmp__pack(node, number);
    uint32_t hash = mcmp__hash_ints(rd->layout, key, 0);
    uint32_t row = mcmp__index_start(rd, MCMP__I_VHOST, hash);

    while (row != 0 && mcmp__row_get(rd, MCMP__T_VHOST, row, MCMP__V_NODE) != key)
        row = mcmp__index_next(rd, MCMP__I_VHOST, row, hash);
    return row;
}

uint32_t mcmp__vhost_free(mcmp__read *rd, uint32_t node)
{
    uint64_t used = mcmp__row_get(rd, MCMP__T_NODE, node, MCMP__N_VHOSTS);
    uint32_t number = 1;

    if (used == ~UINT64_C(0)) {
        number += MASKED + mcmp__lo(mcmp__row_get(rd, MCMP__T_NODE, node, MCMP__N_VHOST_HINT));
        while (vhost_find(rd, node, number) != 0)
            number++;
        return number;
    }
    for (; (used & 1) != 0; used >>= 1)
        number++;
    return number;
}

static void number_used(mcmp__tx *tx, uint32_t node, uint32_t number)
{
    uint64_t used = mcmp__row_get(&tx->rd, MCMP__T_NODE, node, MCMP__N_VHOSTS);
    uint32_t hint = mcmp__lo(mcmp__row_get(&tx->rd, MCMP__T_NODE, node, MCMP__N_VHOST_HINT));

    if (number <= MASKED)
        mcmp__row_put(tx, MCMP__T_NODE, node, MCMP__N_VHOSTS, used | UINT64_C(1) << (number - 1));
    else if (number == MASKED + 1 + hint)
        mcmp__row_put_lo(tx, MCMP__T_NODE, node, MCMP__N_VHOST_HINT, hint + 1);
}

static void number_free(mcmp__tx *tx, uint32_t node, uint32_t number)
{
    uint64_t used = mcmp__row_get(&tx->rd, MCMP__T_NODE, node, MCMP__N_VHOSTS);
    uint32_t hint = mcmp__lo(mcmp__row_get(&tx->rd, MCMP__T_NODE, node, MCMP__N_VHOST_HINT));

    if (number <= MASKED)
        mcmp__row_put(tx, MCMP__T_NODE, node, MCMP__N_VHOSTS,
                      used & ~(UINT64_C(1) << (number - 1)));
    else if (number - MASKED - 1 < hint)
        mcmp__row_put_lo(tx, MCMP__T_NODE, node, MCMP__N_VHOST_HINT, number - MASKED - 1);
}

static uint32_t vhost_need(mcmp__tx *tx, uint32_t node, uint32_t number)
{
    uint64_t key = mcmp__pack(node, number);
    uint32_t vhost = vhost_find(&tx->rd, node, number);

    if (vhost != 0)
        return vhost;
    vhost = mcmp__row_alloc(tx, MCMP__T_VHOST);
    MCMP__ASSERT(vhost != 0 && number != 0);
    mcmp__row_put(tx, MCMP__T_VHOST, vhost, MCMP__V_NODE, key);
    mcmp__row_put(tx, MCMP__T_VHOST, vhost, MCMP__V_ALIAS, 0);
    mcmp__index_add(tx, MCMP__I_VHOST, vhost, mcmp__hash_ints(tx->rd.layout, key, 0));
    number_used(tx, node, number);
    return vhost;
}

static void alias_drop(mcmp__tx *tx, uint32_t node, uint32_t row)
{
    mcmp__list list = aliases_of(node);
    uint64_t text = mcmp__row_get(&tx->rd, MCMP__T_ALIAS, row, MCMP__A_TEXT);

    MCMP__ASSERT(mcmp__hi(text) == 0);
    mcmp__list_remove(tx, &list, row);
    mcmp__index_remove(tx, MCMP__I_ALIAS, row);
    mcmp__row_put(tx, MCMP__T_ALIAS, row, MCMP__A_TEXT, 0);
    mcmp__row_free(tx, MCMP__T_ALIAS, row);
    mcmp__text_unref(tx, MCMP__I_ATEXT, mcmp__lo(text));
}

static int vhost_settle(mcmp__tx *tx, uint32_t vhost)
{
    uint64_t key = mcmp__row_get(&tx->rd, MCMP__T_VHOST, vhost, MCMP__V_NODE);
    uint64_t w = mcmp__row_get(&tx->rd, MCMP__T_VHOST, vhost, MCMP__V_ALIAS);
    uint32_t alias = mcmp__lo(w);

    if (vhost == 0 || mcmp__hi(w) != 0)
        return 0;
    while (alias != 0) {
        uint32_t next = mcmp__lo(mcmp__row_get(&tx->rd, MCMP__T_ALIAS, alias, MCMP__A_VNEXT));

        alias_drop(tx, mcmp__lo(key), alias);
        alias = next;
    }
    mcmp__index_remove(tx, MCMP__I_VHOST, vhost);
    mcmp__row_put(tx, MCMP__T_VHOST, vhost, MCMP__V_NODE, 0);
    mcmp__row_free(tx, MCMP__T_VHOST, vhost);
    number_free(tx, mcmp__lo(key), mcmp__hi(key));
    return 1;
}

int mcmp__vhost_settle(mcmp__tx *tx, uint32_t node, uint32_t vhost)
{
    return vhost_settle(tx, vhost_find(&tx->rd, node, vhost));
}

/* Aliases. Key: node and text. */

static uint32_t alias_hash(const mcmp__layout *layout, uint32_t node, uint32_t text)
{
    return mcmp__hash_ints(layout, mcmp__pack(node, text), 1);
}

/* The node's first alias, if it is this one. */
static uint32_t first_alias(mcmp__read *rd, uint32_t node, mcmp_span alias)
{
    uint32_t row = mcmp__alias_next(rd, node, 0);
    uint32_t text = mcmp__lo(mcmp__row_get(rd, MCMP__T_ALIAS, row, MCMP__A_TEXT));

    return text != 0 && mcmp__text_is(mcmp__row(rd, MCMP__T_ATEXT, text), alias) ? row : 0;
}

uint32_t mcmp__alias_find(mcmp__read *rd, uint32_t node, mcmp_span alias)
{
    uint32_t row = first_alias(rd, node, alias);
    uint32_t text, hash;

    if (row != 0) /* most nodes have but one, and most messages name it */
        return row;
    text = mcmp__text_find(rd, MCMP__I_ATEXT, alias, mcmp__hash_text(rd->layout, alias));
    hash = alias_hash(rd->layout, node, text);
    row = text != 0 ? mcmp__index_start(rd, MCMP__I_ALIAS, hash) : 0;
    while (row != 0) {
        const mcmp__word *words = mcmp__row(rd, MCMP__T_ALIAS, row);

        if (mcmp__lo(mcmp__data_get(words + MCMP__A_TEXT)) == text &&
            mcmp__lo(mcmp__data_get(words + MCMP__A_NODE)) == node)
            return row;
        row = mcmp__index_next(rd, MCMP__I_ALIAS, row, hash);
    }
    return 0;
}

int mcmp__alias_get(mcmp__read *rd, uint32_t row, mcmp__alias *out)
{
    const mcmp__word *words = mcmp__row(rd, MCMP__T_ALIAS, row);
    uint64_t text = mcmp__data_get(words + MCMP__A_TEXT);
    uint64_t node = mcmp__data_get(words + MCMP__A_NODE);

    out->id = mcmp__data_get(words + MCMP__A_ID);
    out->node = mcmp__lo(node);
    out->text = mcmp__lo(text);
    out->vhost = mcmp__hi(mcmp__row_get(rd, MCMP__T_VHOST, mcmp__hi(node), MCMP__V_NODE));
    out->pairs = mcmp__hi(text);
    return out->text != 0;
}

uint32_t mcmp__alias_next(mcmp__read *rd, uint32_t node, uint32_t row)
{
    if (row == 0)
        return mcmp__lo(mcmp__row_get(rd, MCMP__T_NODE, node, MCMP__N_ALIASES));
    return mcmp__lo(mcmp__row_get(rd, MCMP__T_ALIAS, row, MCMP__A_LIST));
}

int mcmp__alias_add(mcmp__tx *tx, uint32_t node, mcmp_span alias, uint32_t vhost, uint32_t *out,
                    mcmp_error *err)
{
    mcmp__list list = aliases_of(node);
    uint64_t id = mcmp__head_get(&tx->rd, MCMP__H_ORDER_SEQ) + 1;
    uint32_t row, text, number;
    uint64_t w;

    if (mcmp__row_room(&tx->rd, MCMP__T_ALIAS) == 0)
        return mcmp__fail(err, MCMP_ERR_FULL, "max_aliases", "the table of aliases is full (%u)",
                          tx->rd.layout->max_aliases);
    MCMP__ASSERT(mcmp__alias_find(&tx->rd, node, alias) == 0);
    row = mcmp__row_alloc(tx, MCMP__T_ALIAS);
    text = mcmp__text_ref(tx, MCMP__I_ATEXT, alias);
    number = vhost_need(tx, node, vhost);
    w = mcmp__row_get(&tx->rd, MCMP__T_VHOST, number, MCMP__V_ALIAS);
    mcmp__head_put(tx, MCMP__H_ORDER_SEQ, id);
    mcmp__row_put(tx, MCMP__T_ALIAS, row, MCMP__A_TEXT, text);
    mcmp__row_put(tx, MCMP__T_ALIAS, row, MCMP__A_NODE, mcmp__pack(node, number));
    mcmp__row_put(tx, MCMP__T_ALIAS, row, MCMP__A_VNEXT, mcmp__lo(w));
    mcmp__row_put(tx, MCMP__T_ALIAS, row, MCMP__A_ID, id);
    mcmp__row_put(tx, MCMP__T_VHOST, number, MCMP__V_ALIAS, mcmp__pack(row, mcmp__hi(w)));
    mcmp__index_add(tx, MCMP__I_ALIAS, row, alias_hash(tx->rd.layout, node, text));
    mcmp__list_append(tx, &list, row);
    *out = row;
    return MCMP_OK;
}

/* Pairs. Key: alias row and context, of which the text is hashed: that saves looking its row up. */

static uint32_t pair_hash(const mcmp__layout *layout, uint32_t alias, mcmp_span context)
{
    return mcmp__hash_ints(layout, mcmp__pack(alias, mcmp__context_hash(layout, context)), 0);
}

uint32_t mcmp__pair_find(mcmp__read *rd, uint32_t alias, mcmp_span context)
{
    uint32_t hash = pair_hash(rd->layout, alias, context);
    uint32_t row = alias != 0 ? mcmp__index_start(rd, MCMP__I_PAIR, hash) : 0;

    while (row != 0) {
        uint64_t key = mcmp__row_get(rd, MCMP__T_PAIR, row, MCMP__P_ALIAS);

        if (mcmp__lo(key) == alias &&
            mcmp__text_is(mcmp__row(rd, MCMP__T_CTEXT, mcmp__hi(key)), context))
            return row;
        row = mcmp__index_next(rd, MCMP__I_PAIR, row, hash);
    }
    return 0;
}

int mcmp__pair_get(mcmp__read *rd, uint32_t pair, mcmp__pair *out)
{
    const mcmp__word *words = mcmp__row(rd, MCMP__T_PAIR, pair);
    uint64_t alias = mcmp__data_get(words + MCMP__P_ALIAS);
    uint64_t node = mcmp__data_get(words + MCMP__P_NODE);

    out->order = mcmp__data_get(words + MCMP__P_ORDER);
    out->node = mcmp__lo(node);
    out->alias = mcmp__lo(alias);
    out->context = mcmp__hi(alias);
    out->status = (uint32_t)mcmp__data_get(words + MCMP__P_STATUS);
    out->seat = mcmp__hi(node);
    out->reserved = 0;
    return out->alias != 0;
}

uint32_t mcmp__pair_status(mcmp__read *rd, uint32_t pair)
{
    return (uint32_t)mcmp__row_get(rd, MCMP__T_PAIR, pair, MCMP__P_STATUS);
}

uint32_t mcmp__pair_next(mcmp__read *rd, uint32_t node, uint32_t pair)
{
    if (pair == 0)
        return mcmp__lo(mcmp__row_get(rd, MCMP__T_NODE, node, MCMP__N_PAIRS));
    return mcmp__lo(mcmp__row_get(rd, MCMP__T_PAIR, pair, MCMP__P_LIST));
}

static void count_pair(mcmp__tx *tx, uint32_t alias, uint32_t vhost, int step)
{
    uint64_t text = mcmp__row_get(&tx->rd, MCMP__T_ALIAS, alias, MCMP__A_TEXT);
    uint64_t w = mcmp__row_get(&tx->rd, MCMP__T_VHOST, vhost, MCMP__V_ALIAS);

    mcmp__row_put(tx, MCMP__T_ALIAS, alias, MCMP__A_TEXT,
                  mcmp__pack(mcmp__lo(text), mcmp__hi(text) + (uint32_t)step));
    mcmp__row_put(tx, MCMP__T_VHOST, vhost, MCMP__V_ALIAS,
                  mcmp__pack(mcmp__lo(w), mcmp__hi(w) + (uint32_t)step));
}

int mcmp__pair_add(mcmp__tx *tx, uint32_t alias, mcmp_span context, uint32_t status, uint32_t *out,
                   mcmp_error *err)
{
    uint64_t owner = mcmp__row_get(&tx->rd, MCMP__T_ALIAS, alias, MCMP__A_NODE);
    uint32_t alias_text = mcmp__lo(mcmp__row_get(&tx->rd, MCMP__T_ALIAS, alias, MCMP__A_TEXT));
    uint64_t order = mcmp__head_get(&tx->rd, MCMP__H_ORDER_SEQ) + 1;
    mcmp__list list = pairs_of(mcmp__lo(owner));
    uint32_t pair, text, seat;

    if (mcmp__row_room(&tx->rd, MCMP__T_PAIR) == 0)
        return mcmp__fail(err, MCMP_ERR_FULL, "max_contexts", "the table of contexts is full (%u)",
                          tx->rd.layout->max_contexts);
    MCMP__ASSERT(alias_text != 0 && mcmp__pair_find(&tx->rd, alias, context) == 0);
    pair = mcmp__row_alloc(tx, MCMP__T_PAIR);
    text = mcmp__text_ref(tx, MCMP__I_CTEXT, context);
    seat = mcmp__seat_change(tx, mcmp__lo(owner), alias_text, text, 0, status);
    mcmp__head_put(tx, MCMP__H_ORDER_SEQ, order);
    mcmp__row_put(tx, MCMP__T_PAIR, pair, MCMP__P_ALIAS, mcmp__pack(alias, text));
    mcmp__row_put(tx, MCMP__T_PAIR, pair, MCMP__P_NODE, mcmp__pack(mcmp__lo(owner), seat));
    mcmp__row_put(tx, MCMP__T_PAIR, pair, MCMP__P_ORDER, order);
    mcmp__row_put(tx, MCMP__T_PAIR, pair, MCMP__P_STATUS, status);
    mcmp__index_add(tx, MCMP__I_PAIR, pair, pair_hash(tx->rd.layout, alias, context));
    mcmp__list_append(tx, &list, pair);
    count_pair(tx, alias, mcmp__hi(owner), 1);
    *out = pair;
    return MCMP_OK;
}

void mcmp__pair_set_status(mcmp__tx *tx, uint32_t pair, uint32_t status)
{
    mcmp__pair row;
    uint32_t text;

    if (!mcmp__pair_get(&tx->rd, pair, &row) || row.status == status)
        return;
    text = mcmp__lo(mcmp__row_get(&tx->rd, MCMP__T_ALIAS, row.alias, MCMP__A_TEXT));
    mcmp__seat_change(tx, row.node, text, row.context, row.status, status);
    mcmp__row_put(tx, MCMP__T_PAIR, pair, MCMP__P_STATUS, status);
}

static void pair_drop(mcmp__tx *tx, uint32_t pair, const mcmp__pair *row)
{
    mcmp__list list = pairs_of(row->node);
    uint64_t owner = mcmp__row_get(&tx->rd, MCMP__T_ALIAS, row->alias, MCMP__A_NODE);
    uint32_t text = mcmp__lo(mcmp__row_get(&tx->rd, MCMP__T_ALIAS, row->alias, MCMP__A_TEXT));

    mcmp__seat_change(tx, row->node, text, row->context, row->status, 0);
    mcmp__list_remove(tx, &list, pair);
    mcmp__index_remove(tx, MCMP__I_PAIR, pair);
    mcmp__row_put(tx, MCMP__T_PAIR, pair, MCMP__P_ALIAS, 0);
    mcmp__row_free(tx, MCMP__T_PAIR, pair);
    mcmp__text_unref(tx, MCMP__I_CTEXT, row->context);
    count_pair(tx, row->alias, mcmp__hi(owner), -1);
    vhost_settle(tx, mcmp__hi(owner));
}

void mcmp__pair_remove(mcmp__tx *tx, uint32_t pair)
{
    mcmp__pair row;

    if (mcmp__pair_get(&tx->rd, pair, &row))
        pair_drop(tx, pair, &row);
}

void mcmp__node_clear(mcmp__tx *tx, uint32_t node)
{
    uint32_t row;

    while ((row = mcmp__pair_next(&tx->rd, node, 0)) != 0)
        mcmp__pair_remove(tx, row);
    while ((row = mcmp__alias_next(&tx->rd, node, 0)) != 0) /* numbers that never got a pair */
        vhost_settle(tx, mcmp__hi(mcmp__row_get(&tx->rd, MCMP__T_ALIAS, row, MCMP__A_NODE)));
}

uint32_t mcmp__room_aliases(mcmp__read *rd)
{
    return mcmp__row_room(rd, MCMP__T_ALIAS);
}

uint32_t mcmp__room_pairs(mcmp__read *rd)
{
    return mcmp__row_room(rd, MCMP__T_PAIR);
}
