/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lookups in a hash index, inline for the files on the way of a choice; others call index_first and
 * index_next of rows.h. A chain is followed for a bounded number of steps, since a reader that was
 * overtaken may walk in circles.
 */
#ifndef MCMP__INDEX_H
#define MCMP__INDEX_H

#include "base/compiler.h"
#include "model/rows.h"

/* The greatest power of two that is not over n; n > 0. */
static inline uint32_t mcmp__power_below(uint32_t n)
{
    return 1u << mcmp__highest_bit(n);
}

static inline uint32_t mcmp__bucket_of(uint32_t hash, uint32_t buckets)
{
    uint32_t power = mcmp__power_below(buckets);
    uint32_t bucket = hash & (2 * power - 1);

    return bucket < buckets ? bucket : hash & (power - 1);
}

static inline uint32_t mcmp__bucket_head(mcmp__read *rd, const mcmp__index *ix, uint32_t bucket)
{
    if (bucket >= ix->cap) {
        rd->torn = 1;
        return 0;
    }
    return (uint32_t)mcmp__data_get(rd->base + ix->base + bucket);
}

/* Go on from row until one has this hash. */
static inline uint32_t mcmp__chain_find(mcmp__read *rd, const mcmp__index *ix, uint32_t row,
                                        uint32_t hash)
{
    const mcmp__table *t = &rd->layout->table[ix->table];
    const mcmp__word *links = rd->base + t->base + ix->link;

    for (uint32_t steps = 0; row != 0; steps++) {
        uint64_t link;

        if (row > t->cap || steps > MCMP__CHAIN_MAX) {
            rd->torn = 1;
            return 0;
        }
        link = mcmp__data_get(links + (size_t)row * t->words);
        if (mcmp__hi(link) == hash)
            return row;
        row = mcmp__lo(link);
    }
    return 0;
}

static inline uint32_t mcmp__index_start(mcmp__read *rd, uint32_t index, uint32_t hash)
{
    const mcmp__index *ix = &rd->layout->index[index];
    uint32_t buckets = mcmp__lo(mcmp__head_get(rd, MCMP__H_INDEX + index));

    if (buckets == 0)
        return 0;
    return mcmp__chain_find(rd, ix, mcmp__bucket_head(rd, ix, mcmp__bucket_of(hash, buckets)),
                            hash);
}

#endif
