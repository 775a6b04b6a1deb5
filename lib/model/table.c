/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots, hash indexes and lists inside a copy.
 *
 * Concurrency: writers call these inside a transaction. Lookups are in index.h.
 *
 * Slots: a free list (last freed is taken first) and the highest row ever used. Indexes: linear
 * hashing. The number of buckets follows the number of entries one by one, so that an insertion
 * splits at most one bucket and only as many pages of the heads are touched as there are entries.
 */
#include "model/index.h"
#include "model/tx.h"

#define LEAST_BUCKETS 8u

uint32_t mcmp__row_alloc(mcmp__tx *tx, uint32_t table)
{
    uint64_t w = mcmp__head_get(&tx->rd, MCMP__H_TABLE + table);
    uint32_t row = mcmp__lo(w);

    if (row != 0) {
        uint64_t link = mcmp__row_get(&tx->rd, table, row, 1);

        mcmp__head_put(tx, MCMP__H_TABLE + table, mcmp__pack(mcmp__lo(link), mcmp__hi(w)));
    } else {
        if (mcmp__hi(w) >= tx->rd.layout->table[table].cap)
            return 0;
        row = mcmp__hi(w) + 1;
        mcmp__head_put(tx, MCMP__H_TABLE + table, mcmp__pack(0, row));
    }
    mcmp__head_put(tx, MCMP__H_USED + table, mcmp__head_get(&tx->rd, MCMP__H_USED + table) + 1);
    return row;
}

void mcmp__row_free(mcmp__tx *tx, uint32_t table, uint32_t row)
{
    uint64_t w = mcmp__head_get(&tx->rd, MCMP__H_TABLE + table);

    mcmp__row_put(tx, table, row, 1, mcmp__lo(w));
    mcmp__head_put(tx, MCMP__H_TABLE + table, mcmp__pack(row, mcmp__hi(w)));
    mcmp__head_put(tx, MCMP__H_USED + table, mcmp__head_get(&tx->rd, MCMP__H_USED + table) - 1);
}

uint32_t mcmp__row_room(mcmp__read *rd, uint32_t table)
{
    return rd->layout->table[table].cap - (uint32_t)mcmp__head_get(rd, MCMP__H_USED + table);
}

uint32_t mcmp__index_first(mcmp__read *rd, uint32_t index, uint32_t hash)
{
    return mcmp__index_start(rd, index, hash);
}

uint32_t mcmp__index_next(mcmp__read *rd, uint32_t index, uint32_t row, uint32_t hash)
{
    const mcmp__index *ix = &rd->layout->index[index];

    /* Each step of chain_find() is bounded, but a circle has no end of rows with this hash. */
    if (++rd->walked > MCMP__WALK_MAX) {
        rd->torn = 1;
        return 0;
    }
    return mcmp__chain_find(rd, ix, mcmp__lo(mcmp__row_get(rd, ix->table, row, ix->link)), hash);
}

static void head_put(mcmp__tx *tx, const mcmp__index *ix, uint32_t bucket, uint32_t row,
                     uint32_t filter)
{
    mcmp__put(tx, ix->base + bucket, mcmp__pack(row, filter));
}

static void push(mcmp__tx *tx, const mcmp__index *ix, uint32_t bucket, uint32_t row, uint32_t hash)
{
    uint64_t head = mcmp__bucket_head(&tx->rd, ix, bucket);

    mcmp__row_put(tx, ix->table, row, ix->link, mcmp__pack(mcmp__lo(head), hash));
    head_put(tx, ix, bucket, row, mcmp__hi(head) | mcmp__filter_bit(hash));
}

/* A part of a bucket's rows, in their order, while the chain is gone through. */
typedef struct chain {
    uint32_t first, last;
    uint32_t filter;
} chain;

static void chain_append(mcmp__tx *tx, const mcmp__index *ix, chain *to, uint32_t row,
                         uint32_t hash)
{
    if (to->last == 0)
        to->first = row;
    else
        mcmp__row_put_lo(tx, ix->table, to->last, ix->link, row);
    to->last = row;
    to->filter |= mcmp__filter_bit(hash);
}

static void chain_put(mcmp__tx *tx, const mcmp__index *ix, uint32_t bucket, const chain *of)
{
    if (of->last != 0)
        mcmp__row_put_lo(tx, ix->table, of->last, ix->link, 0);
    head_put(tx, ix, bucket, of->first, of->filter);
}

static void unlink_row(mcmp__tx *tx, const mcmp__index *ix, uint32_t bucket, uint32_t row)
{
    uint32_t at = mcmp__lo(mcmp__bucket_head(&tx->rd, ix, bucket));
    chain kept = { 0, 0, 0 };

    while (at != 0) {
        uint64_t link = mcmp__row_get(&tx->rd, ix->table, at, ix->link);

        if (at != row)
            chain_append(tx, ix, &kept, at, mcmp__hi(link));
        at = mcmp__lo(link);
    }
    chain_put(tx, ix, bucket, &kept);
}

/* Move the rows of bucket `from` that belong into the new last one, whose head says nothing yet. */
static void split(mcmp__tx *tx, const mcmp__index *ix, uint32_t from, uint32_t buckets)
{
    uint32_t row = mcmp__lo(mcmp__bucket_head(&tx->rd, ix, from));
    chain kept = { 0, 0, 0 };
    chain moved = { 0, 0, 0 };

    while (row != 0) {
        uint64_t link = mcmp__row_get(&tx->rd, ix->table, row, ix->link);
        int stays = mcmp__bucket_of(mcmp__hi(link), buckets) == from;

        chain_append(tx, ix, stays ? &kept : &moved, row, mcmp__hi(link));
        row = mcmp__lo(link);
    }
    chain_put(tx, ix, from, &kept);
    chain_put(tx, ix, buckets - 1, &moved);
}

/* Move the rows of the bucket that was the last one to where they were before it. */
static void join(mcmp__tx *tx, const mcmp__index *ix, uint32_t buckets)
{
    uint32_t row = mcmp__lo(mcmp__bucket_head(&tx->rd, ix, buckets));

    head_put(tx, ix, buckets, 0, 0);
    while (row != 0) {
        uint64_t link = mcmp__row_get(&tx->rd, ix->table, row, ix->link);

        push(tx, ix, mcmp__bucket_of(mcmp__hi(link), buckets), row, mcmp__hi(link));
        row = mcmp__lo(link);
    }
}

void mcmp__index_add(mcmp__tx *tx, uint32_t index, uint32_t row, uint32_t hash)
{
    const mcmp__index *ix = &tx->rd.layout->index[index];
    uint64_t w = mcmp__head_get(&tx->rd, MCMP__H_INDEX + index);
    uint32_t buckets = mcmp__lo(w);
    uint32_t entries = mcmp__hi(w) + 1;

    if (buckets == 0)
        buckets = LEAST_BUCKETS;
    if (entries > buckets && buckets < ix->cap) {
        buckets++;
        split(tx, ix, (buckets - 1) - mcmp__power_below(buckets - 1), buckets);
    }
    mcmp__head_put(tx, MCMP__H_INDEX + index, mcmp__pack(buckets, entries));
    push(tx, ix, mcmp__bucket_of(hash, buckets), row, hash);
}

void mcmp__index_remove(mcmp__tx *tx, uint32_t index, uint32_t row)
{
    const mcmp__index *ix = &tx->rd.layout->index[index];
    uint64_t w = mcmp__head_get(&tx->rd, MCMP__H_INDEX + index);
    uint32_t buckets = mcmp__lo(w);
    uint32_t entries = mcmp__hi(w) - 1;
    uint32_t hash = mcmp__hi(mcmp__row_get(&tx->rd, ix->table, row, ix->link));

    unlink_row(tx, ix, mcmp__bucket_of(hash, buckets), row);
    /* With slack, so that one entry coming and going does not split and join each time. */
    if (buckets > LEAST_BUCKETS && entries < buckets / 2) {
        buckets--;
        join(tx, ix, buckets);
    }
    mcmp__head_put(tx, MCMP__H_INDEX + index, mcmp__pack(buckets, entries));
}

/* Lists */

static uint64_t anchor_get(mcmp__tx *tx, const mcmp__list *list)
{
    if (list->anchor_table == MCMP__TABLES)
        return mcmp__head_get(&tx->rd, list->anchor_word);
    return mcmp__row_get(&tx->rd, list->anchor_table, list->anchor_row, list->anchor_word);
}

static void anchor_put(mcmp__tx *tx, const mcmp__list *list, uint64_t value)
{
    if (list->anchor_table == MCMP__TABLES)
        mcmp__head_put(tx, list->anchor_word, value);
    else
        mcmp__row_put(tx, list->anchor_table, list->anchor_row, list->anchor_word, value);
}

void mcmp__list_insert(mcmp__tx *tx, const mcmp__list *list, uint32_t after, uint32_t row)
{
    uint64_t anchor = anchor_get(tx, list);
    uint32_t next = after != 0 ? mcmp__lo(mcmp__row_get(&tx->rd, list->table, after, list->list))
                               : mcmp__lo(anchor);

    mcmp__row_put(tx, list->table, row, list->list, mcmp__pack(next, after));
    if (after != 0)
        mcmp__row_put_lo(tx, list->table, after, list->list, row);
    if (next != 0)
        mcmp__row_put_hi(tx, list->table, next, list->list, row);
    anchor_put(tx, list,
               mcmp__pack(after == 0 ? row : mcmp__lo(anchor), next == 0 ? row : mcmp__hi(anchor)));
}

void mcmp__list_append(mcmp__tx *tx, const mcmp__list *list, uint32_t row)
{
    mcmp__list_insert(tx, list, mcmp__hi(anchor_get(tx, list)), row);
}

void mcmp__list_remove(mcmp__tx *tx, const mcmp__list *list, uint32_t row)
{
    uint64_t anchor = anchor_get(tx, list);
    uint64_t w = mcmp__row_get(&tx->rd, list->table, row, list->list);
    uint32_t next = mcmp__lo(w);
    uint32_t before = mcmp__hi(w);

    if (before != 0)
        mcmp__row_put_lo(tx, list->table, before, list->list, next);
    if (next != 0)
        mcmp__row_put_hi(tx, list->table, next, list->list, before);
    anchor_put(
        tx, list,
        mcmp__pack(before == 0 ? next : mcmp__lo(anchor), next == 0 ? before : mcmp__hi(anchor)));
}
