/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Domain memory: the domain of a removed node's route, so that its sessions still fail over inside
 * the domain (MCMP 4.4). As many entries as nodes; the oldest makes room. What is over is not
 * found any more, and goes when its place is needed.
 * Concurrency: writers inside a transaction; recall serves readers.
 */
#include "model/index.h"
#include "model/tx.h"

static const mcmp__list by_age = { MCMP__T_MEMORY, MCMP__M_LIST, MCMP__TABLES, 0,
                                   MCMP__H_MEMORIES };

static uint32_t memory_find(mcmp__read *rd, mcmp_span route)
{
    uint32_t hash = mcmp__hash_text(rd->layout, route);
    uint32_t row = mcmp__index_first(rd, MCMP__I_MEMORY, hash);

    while (row != 0) {
        const mcmp__word *words = mcmp__row(rd, MCMP__T_MEMORY, row);

        if (mcmp__hi(mcmp__data_get(words + MCMP__M_DOMAIN)) == route.len &&
            mcmp__words_equal(words + MCMP__M_TEXT, route))
            return row;
        row = mcmp__index_next(rd, MCMP__I_MEMORY, row, hash);
    }
    return 0;
}

static void drop(mcmp__tx *tx, uint32_t row)
{
    uint32_t domain = mcmp__lo(mcmp__row_get(&tx->rd, MCMP__T_MEMORY, row, MCMP__M_DOMAIN));

    mcmp__list_remove(tx, &by_age, row);
    mcmp__index_remove(tx, MCMP__I_MEMORY, row);
    mcmp__row_put(tx, MCMP__T_MEMORY, row, MCMP__M_DOMAIN, 0);
    mcmp__row_free(tx, MCMP__T_MEMORY, row);
    mcmp__text_unref(tx, MCMP__I_DTEXT, domain);
}

void mcmp__memory_drop(mcmp__tx *tx, mcmp_span route)
{
    uint32_t row = memory_find(&tx->rd, route);

    if (row != 0)
        drop(tx, row);
}

/* A new row; it takes over one reference of the domain. */
static void append(mcmp__tx *tx, mcmp_span route, uint32_t domain, mcmp_time at)
{
    uint32_t row = mcmp__row_alloc(tx, MCMP__T_MEMORY);

    MCMP__ASSERT(row != 0);
    mcmp__row_put(tx, MCMP__T_MEMORY, row, MCMP__M_DOMAIN, mcmp__pack(domain, (uint32_t)route.len));
    mcmp__row_put(tx, MCMP__T_MEMORY, row, MCMP__M_AT, (uint64_t)at);
    mcmp__put_text(tx, MCMP__T_MEMORY, row, MCMP__M_TEXT, route);
    mcmp__index_add(tx, MCMP__I_MEMORY, row, mcmp__hash_text(tx->rd.layout, route));
    mcmp__list_append(tx, &by_age, row);
}

void mcmp__memory_put(mcmp__tx *tx, mcmp_span route, uint32_t domain)
{
    uint64_t refs;

    mcmp__memory_drop(tx, route);
    if (mcmp__row_room(&tx->rd, MCMP__T_MEMORY) == 0)
        drop(tx, mcmp__lo(mcmp__head_get(&tx->rd, MCMP__H_MEMORIES)));
    refs = mcmp__row_get(&tx->rd, MCMP__T_DTEXT, domain, MCMP__X_REFS);
    mcmp__row_put(tx, MCMP__T_DTEXT, domain, MCMP__X_REFS, refs + 1);
    append(tx, route, domain, tx->now);
}

int mcmp__memory_restore(mcmp__tx *tx, mcmp_span route, mcmp_span domain, mcmp_time at)
{
    if (memory_find(&tx->rd, route) != 0)
        return 0;
    append(tx, route, mcmp__text_ref(tx, MCMP__I_DTEXT, domain), at);
    return 1;
}

uint32_t mcmp__memory_next(mcmp__read *rd, uint32_t row, mcmp__memory *out)
{
    uint64_t domain;

    row = row == 0 ? mcmp__lo(mcmp__head_get(rd, MCMP__H_MEMORIES))
                   : mcmp__lo(mcmp__row_get(rd, MCMP__T_MEMORY, row, MCMP__M_LIST));
    domain = mcmp__row_get(rd, MCMP__T_MEMORY, row, MCMP__M_DOMAIN);
    out->at = (mcmp_time)mcmp__row_get(rd, MCMP__T_MEMORY, row, MCMP__M_AT);
    out->domain = mcmp__lo(domain);
    out->route_len = MCMP__MIN(mcmp__hi(domain), rd->layout->text[MCMP__NODE_ROUTE].max);
    mcmp__words_copy(mcmp__row(rd, MCMP__T_MEMORY, row) + MCMP__M_TEXT, out->route_len, out->route);
    return row;
}

uint32_t mcmp__domain_recall(mcmp__read *rd, mcmp_span route, mcmp_time now)
{
    mcmp_time keep = mcmp__config_of(rd->cluster)->opts.domain_memory;
    uint32_t row;
    uint64_t at;

    if (route.len == 0 || route.len > rd->layout->text[MCMP__NODE_ROUTE].max || keep == MCMP_NEVER)
        return 0;
    row = memory_find(rd, route);
    if (row == 0)
        return 0;
    at = mcmp__row_get(rd, MCMP__T_MEMORY, row, MCMP__M_AT);
    if (now - (mcmp_time)at > keep)
        return 0;
    return mcmp__lo(mcmp__row_get(rd, MCMP__T_MEMORY, row, MCMP__M_DOMAIN));
}
