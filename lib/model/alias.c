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

static MCMP__APART uint32_t further_alias(mcmp__read *rd, uint32_t node, mcmp_span alias)
{
    uint32_t row, text, hash;

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

uint32_t mcmp__alias_find(mcmp__read *rd, uint32_t node, mcmp_span alias)
{
    uint32_t row = first_alias(rd, node, alias);

    /* most nodes have but one, and most messages name it */
    return row != 0 ? row : further_alias(rd, node, alias);
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

/* Pairs. Key: alias row and context text. The first one of a seat is found by the seat; in the
 * index are only those of further aliases that a node has for one context. */

static uint32_t pair_hash(const mcmp__layout *layout, uint32_t alias, uint32_t text)
{
    return mcmp__hash_ints(layout, mcmp__pack(alias, text), 0);
}

static uint32_t further_pair(mcmp__read *rd, uint32_t alias, uint32_t text)
{
    uint64_t key = mcmp__pack(alias, text);
    uint32_t hash = pair_hash(rd->layout, alias, text);
    uint32_t row = mcmp__index_start(rd, MCMP__I_PAIR, hash);

    while (row != 0 && mcmp__row_get(rd, MCMP__T_PAIR, row, MCMP__P_ALIAS) != key)
        row = mcmp__index_next(rd, MCMP__I_PAIR, row, hash);
    return row;
}

static inline uint32_t pair_of(mcmp__read *rd, uint32_t seat, uint32_t alias, uint32_t text)
{
    const mcmp__word *words = mcmp__row(rd, MCMP__T_SEAT, seat);
    uint32_t first = mcmp__seat_pair(mcmp__data_get(words + MCMP__S_GEN));

    if (first != 0) {
        if (mcmp__row_get(rd, MCMP__T_PAIR, first, MCMP__P_ALIAS) == mcmp__pack(alias, text))
            return first;
        if (mcmp__tally_all(mcmp__data_get(words + MCMP__S_PAIRS)) == 1)
            return 0;
    }
    return further_pair(rd, alias, text);
}

/* The place of the context and the node's seat there. The usual place has one group of few members,
 * which tell without a look at the place. */
static inline void find_seat(mcmp__read *rd, uint32_t node, uint32_t alias_text, mcmp__spot *spot)
{
    uint64_t place;
    uint32_t n;

    if (rd->layout->use_alias) {
        spot->place = mcmp__place_find(rd, alias_text, spot->text);
    } else {
        const mcmp__word *group;

        place = mcmp__row_get(rd, MCMP__T_CTEXT, spot->text, MCMP__X_PLACE);
        spot->place = mcmp__lo(place);
        group = mcmp__row(rd, MCMP__T_GROUP, mcmp__hi(place));
        n = mcmp__tally_all(mcmp__data_get(group + MCMP__G_COUNTS));
        if (n <= MCMP__PLACE_SCAN)
            spot->seat = mcmp__seat_in(rd, group, n, node);
    }
    if (spot->seat == 0 && spot->place != 0)
        spot->seat = mcmp__seat_find(rd, node, spot->place);
}

uint32_t mcmp__pair_spot(mcmp__read *rd, uint32_t alias, mcmp_span context, mcmp__spot *out)
{
    const mcmp__word *row = mcmp__row(rd, MCMP__T_ALIAS, alias);
    uint32_t alias_text = mcmp__lo(mcmp__data_get(row + MCMP__A_TEXT));
    uint32_t node = mcmp__lo(mcmp__data_get(row + MCMP__A_NODE));

    out->place = 0;
    out->seat = 0;
    out->hash = mcmp__text_hash(rd->layout, MCMP__I_CTEXT, context, &out->depth);
    out->text = mcmp__text_find(rd, MCMP__I_CTEXT, context, out->hash);
    if (out->text != 0)
        find_seat(rd, node, alias_text, out);
    return out->seat != 0 ? pair_of(rd, out->seat, alias, out->text) : 0;
}

uint32_t mcmp__pair_find(mcmp__read *rd, uint32_t alias, mcmp_span context)
{
    mcmp__spot spot;

    return alias != 0 ? mcmp__pair_spot(rd, alias, context, &spot) : 0;
}

int mcmp__pair_get(mcmp__read *rd, uint32_t pair, mcmp__pair *out)
{
    const mcmp__word *words = mcmp__row(rd, MCMP__T_PAIR, pair);
    uint64_t alias = mcmp__data_get(words + MCMP__P_ALIAS);
    uint64_t node = mcmp__data_get(words + MCMP__P_NODE);
    uint64_t order = mcmp__data_get(words + MCMP__P_ORDER);

    out->order = order >> 2;
    out->node = mcmp__lo(node);
    out->alias = mcmp__lo(alias);
    out->context = mcmp__hi(alias);
    out->status = (uint32_t)order & 3;
    out->seat = mcmp__hi(node);
    out->reserved = 0;
    return out->alias != 0;
}

uint32_t mcmp__pair_status(mcmp__read *rd, uint32_t pair)
{
    return (uint32_t)mcmp__row_get(rd, MCMP__T_PAIR, pair, MCMP__P_ORDER) & 3;
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

int mcmp__pair_add_at(mcmp__tx *tx, uint32_t alias, mcmp_span context, const mcmp__spot *spot,
                      uint32_t status, uint32_t *out, mcmp_error *err)
{
    uint64_t owner = mcmp__row_get(&tx->rd, MCMP__T_ALIAS, alias, MCMP__A_NODE);
    uint32_t alias_text = mcmp__lo(mcmp__row_get(&tx->rd, MCMP__T_ALIAS, alias, MCMP__A_TEXT));
    uint64_t order = mcmp__head_get(&tx->rd, MCMP__H_ORDER_SEQ) + 1;
    mcmp__list list = pairs_of(mcmp__lo(owner));
    uint32_t place = spot->place;
    uint32_t seat = spot->seat;
    uint32_t pair, text;

    if (mcmp__row_room(&tx->rd, MCMP__T_PAIR) == 0)
        return mcmp__fail(err, MCMP_ERR_FULL, "max_contexts", "the table of contexts is full (%u)",
                          tx->rd.layout->max_contexts);
    MCMP__ASSERT(alias_text != 0 && mcmp__pair_find(&tx->rd, alias, context) == 0);
    pair = mcmp__row_alloc(tx, MCMP__T_PAIR);
    text = mcmp__text_ref_at(tx, MCMP__I_CTEXT, context, spot->hash, spot->depth, spot->text);
    if (place == 0)
        place = mcmp__place_new(tx, tx->rd.layout->use_alias ? alias_text : 0, text);
    if (seat == 0)
        seat = mcmp__seat_new(tx, mcmp__lo(owner), place);
    mcmp__seat_change(tx, seat, 0, status);
    mcmp__head_put(tx, MCMP__H_ORDER_SEQ, order);
    mcmp__row_put(tx, MCMP__T_PAIR, pair, MCMP__P_ALIAS, mcmp__pack(alias, text));
    mcmp__row_put(tx, MCMP__T_PAIR, pair, MCMP__P_NODE, mcmp__pack(mcmp__lo(owner), seat));
    mcmp__row_put(tx, MCMP__T_PAIR, pair, MCMP__P_ORDER, order << 2 | status);
    if (!mcmp__seat_take_pair(tx, seat, pair))
        mcmp__index_add(tx, MCMP__I_PAIR, pair, pair_hash(tx->rd.layout, alias, text));
    mcmp__list_append(tx, &list, pair);
    count_pair(tx, alias, mcmp__hi(owner), 1);
    *out = pair;
    return MCMP_OK;
}

int mcmp__pair_add(mcmp__tx *tx, uint32_t alias, mcmp_span context, uint32_t status, uint32_t *out,
                   mcmp_error *err)
{
    mcmp__spot spot;

    (void)mcmp__pair_spot(&tx->rd, alias, context, &spot);
    return mcmp__pair_add_at(tx, alias, context, &spot, status, out, err);
}

void mcmp__pair_set_status(mcmp__tx *tx, uint32_t pair, uint32_t status)
{
    mcmp__pair row;

    if (!mcmp__pair_get(&tx->rd, pair, &row) || row.status == status)
        return;
    mcmp__seat_change(tx, row.seat, row.status, status);
    mcmp__row_put(tx, MCMP__T_PAIR, pair, MCMP__P_ORDER, row.order << 2 | status);
}

static void pair_drop(mcmp__tx *tx, uint32_t pair, const mcmp__pair *row)
{
    mcmp__list list = pairs_of(row->node);
    uint64_t owner = mcmp__row_get(&tx->rd, MCMP__T_ALIAS, row->alias, MCMP__A_NODE);

    if (!mcmp__seat_drop_pair(tx, row->seat, pair))
        mcmp__index_remove(tx, MCMP__I_PAIR, pair);
    mcmp__seat_change(tx, row->seat, row->status, 0);
    mcmp__list_remove(tx, &list, pair);
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
