/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Balancer rows. A row lives from its first node until its last row, live or leaving, is forgotten;
 * one that only leaving nodes hold makes room for a new balancer when the table is full.
 * Concurrency: writers inside a transaction; lookups also serve readers.
 */
#include "model/index.h"
#include "model/tx.h"

static const mcmp__list all_balancers = { MCMP__T_BALANCER, MCMP__B_LIST, MCMP__TABLES, 0,
                                          MCMP__H_BALANCERS };

uint32_t mcmp__balancer_by_name(mcmp__read *rd, mcmp_span name)
{
    uint32_t hash = mcmp__hash_text(rd->layout, name);
    uint32_t row = mcmp__index_first(rd, MCMP__I_BALANCER, hash);

    while (row != 0) {
        const mcmp__word *words = mcmp__row(rd, MCMP__T_BALANCER, row);

        if ((mcmp__data_get(words + MCMP__B_LENS) & 0xffff) == name.len &&
            mcmp__words_equal(words + MCMP__B_TEXT, name))
            return row;
        row = mcmp__index_next(rd, MCMP__I_BALANCER, row, hash);
    }
    return 0;
}

void mcmp__balancer_count(mcmp__tx *tx, uint32_t balancer, int live, int leaving)
{
    uint64_t w = mcmp__row_get(&tx->rd, MCMP__T_BALANCER, balancer, MCMP__B_NODES);

    w = mcmp__pack(mcmp__lo(w) + (uint32_t)live, mcmp__hi(w) + (uint32_t)leaving);
    mcmp__row_put(tx, MCMP__T_BALANCER, balancer, MCMP__B_NODES, w);
    if (w != 0 || balancer == tx->pinned_balancer)
        return;
    mcmp__list_remove(tx, &all_balancers, balancer);
    mcmp__index_remove(tx, MCMP__I_BALANCER, balancer);
    mcmp__row_put(tx, MCMP__T_BALANCER, balancer, MCMP__B_ORDER, 0);
    mcmp__row_free(tx, MCMP__T_BALANCER, balancer);
}

void mcmp__balancer_unpin(mcmp__tx *tx)
{
    uint32_t balancer = tx->pinned_balancer;

    tx->pinned_balancer = 0;
    if (balancer != 0)
        mcmp__balancer_count(tx, balancer, 0, 0);
}

static int has_live(mcmp__tx *tx, uint32_t balancer)
{
    return mcmp__lo(mcmp__row_get(&tx->rd, MCMP__T_BALANCER, balancer, MCMP__B_NODES)) != 0;
}

/* Let this row alone stay without nodes until the end of the message. */
static void pin(mcmp__tx *tx, uint32_t balancer)
{
    if (tx->pinned_balancer == balancer)
        return;
    mcmp__balancer_unpin(tx);
    tx->pinned_balancer = balancer;
}

/* Rows that are over are forgotten some time later. A balancer that only they hold is over as well:
 * it begins anew, at the end of the list. */
void mcmp__balancer_pin(mcmp__tx *tx, mcmp_span name)
{
    uint32_t balancer = mcmp__balancer_by_name(&tx->rd, name);

    if (balancer != 0 && !has_live(tx, balancer)) {
        mcmp__node_forget_over(tx, balancer);
        balancer = mcmp__balancer_by_name(&tx->rd, name);
    }
    pin(tx, balancer);
}

/* Forget leaving rows, the oldest first, until a balancer that only they hold is free. */
static int make_room(mcmp__tx *tx)
{
    uint32_t node = mcmp__lo(mcmp__head_get(&tx->rd, MCMP__H_LEAVING));

    while (node != 0 && mcmp__row_room(&tx->rd, MCMP__T_BALANCER) == 0) {
        uint32_t newer = mcmp__lo(mcmp__row_get(&tx->rd, MCMP__T_NODE, node, MCMP__N_LEAVE));
        uint32_t balancer = mcmp__node_balancer(&tx->rd, node);

        if (!has_live(tx, balancer))
            mcmp__node_forget(tx, node);
        node = newer;
    }
    return mcmp__row_room(&tx->rd, MCMP__T_BALANCER) != 0;
}

static void put_text(mcmp__tx *tx, uint32_t row, enum mcmp__text_kind kind, mcmp_span text)
{
    const mcmp__text_place *place = &tx->rd.layout->text[kind];
    uint64_t lens = mcmp__row_get(&tx->rd, MCMP__T_BALANCER, row, MCMP__B_LENS);

    MCMP__ASSERT(text.len <= place->max);
    lens &= ~(UINT64_C(0xffff) << place->len_shift);
    mcmp__row_put(tx, MCMP__T_BALANCER, row, MCMP__B_LENS,
                  lens | (uint64_t)text.len << place->len_shift);
    mcmp__put_text(tx, MCMP__T_BALANCER, row, place->word, text);
}

static void put_fields(mcmp__tx *tx, uint32_t row, const mcmp__balancer_data *data)
{
    mcmp__row_put(tx, MCMP__T_BALANCER, row, MCMP__B_FLAGS,
                  mcmp__pack(data->flags, data->max_attempts));
    mcmp__row_put(tx, MCMP__T_BALANCER, row, MCMP__B_WAIT, (uint64_t)data->wait_worker);
    put_text(tx, row, MCMP__BALANCER_COOKIE, data->cookie);
    put_text(tx, row, MCMP__BALANCER_PATH, data->path);
}

int mcmp__balancer_make(mcmp__tx *tx, const mcmp__balancer_data *data, uint32_t *out,
                        mcmp_error *err)
{
    uint64_t order = mcmp__head_get(&tx->rd, MCMP__H_ORDER_SEQ) + 1;
    uint32_t row;

    if (mcmp__row_room(&tx->rd, MCMP__T_BALANCER) == 0 && !make_room(tx))
        return mcmp__fail(err, MCMP_ERR_FULL, "max_balancers",
                          "the table of balancers is full (%u)", tx->rd.layout->max_balancers);
    row = mcmp__row_alloc(tx, MCMP__T_BALANCER);
    mcmp__head_put(tx, MCMP__H_ORDER_SEQ, order);
    mcmp__row_put(tx, MCMP__T_BALANCER, row, MCMP__B_NODES, 0);
    mcmp__row_put(tx, MCMP__T_BALANCER, row, MCMP__B_ORDER, order);
    mcmp__row_put(tx, MCMP__T_BALANCER, row, MCMP__B_LENS, 0);
    put_text(tx, row, MCMP__BALANCER_NAME, data->name);
    mcmp__index_add(tx, MCMP__I_BALANCER, row, mcmp__hash_text(tx->rd.layout, data->name));
    mcmp__list_append(tx, &all_balancers, row);
    put_fields(tx, row, data);
    *out = row;
    return MCMP_OK;
}

int mcmp__balancer_put(mcmp__tx *tx, const mcmp__balancer_data *data, uint32_t *out,
                       mcmp_error *err)
{
    uint32_t row = mcmp__balancer_by_name(&tx->rd, data->name);
    int rc = MCMP_OK;

    if (row == 0)
        rc = mcmp__balancer_make(tx, data, &row, err);
    else
        put_fields(tx, row, data);
    if (rc != MCMP_OK)
        return rc;
    pin(tx, row);
    *out = row;
    return MCMP_OK;
}

uint32_t mcmp__balancer_next(mcmp__read *rd, uint32_t balancer)
{
    if (balancer == 0)
        return mcmp__lo(mcmp__head_get(rd, MCMP__H_BALANCERS));
    return mcmp__lo(mcmp__row_get(rd, MCMP__T_BALANCER, balancer, MCMP__B_LIST));
}
