/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lookups in a hash index and of texts and places, inline for the files on the way of a choice;
 * others call index_first and index_next of rows.h. A chain is followed for a bounded number of
 * steps, since a reader that was overtaken may walk in circles.
 */
#ifndef MCMP__INDEX_H
#define MCMP__INDEX_H

#include "base/compiler.h"
#include "model/hash.h"
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

/* A bucket's head is `first row | filter`: of each hash in its chain one bit of 32 is set. So what
 * is not there is mostly known without a look at a row. */
static inline uint32_t mcmp__filter_bit(uint32_t hash)
{
    return 1u << (hash >> 27); /* the bits of a hash that choose no bucket */
}

static inline uint64_t mcmp__bucket_head(mcmp__read *rd, const mcmp__index *ix, uint32_t bucket)
{
    if (bucket >= ix->cap) {
        rd->torn = 1;
        return 0;
    }
    return mcmp__data_get(rd->base + ix->base + bucket);
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

/* The head of the bucket of a hash. */
static inline uint64_t mcmp__head_of(mcmp__read *rd, uint32_t index, uint32_t hash)
{
    uint32_t buckets = mcmp__lo(mcmp__head_get(rd, MCMP__H_INDEX + index));
    const mcmp__index *ix = &rd->layout->index[index];

    return buckets == 0 ? 0 : mcmp__bucket_head(rd, ix, mcmp__bucket_of(hash, buckets));
}

/* The row that the bucket begins with, whatever its own hash; 0 = none has this one. */
static inline uint32_t mcmp__bucket_start(mcmp__read *rd, uint32_t index, uint32_t hash)
{
    uint64_t head = mcmp__head_of(rd, index, hash);

    return (head >> (32 + (hash >> 27)) & 1) != 0 ? mcmp__lo(head) : 0; /* its filter_bit */
}

/* For what mostly is there: the filter is not asked. */
static inline uint32_t mcmp__index_start(mcmp__read *rd, uint32_t index, uint32_t hash)
{
    uint32_t row = mcmp__lo(mcmp__head_of(rd, index, hash));

    return mcmp__chain_find(rd, &rd->layout->index[index], row, hash);
}

/* The last 1..7 bytes of a text as a word in memory, padded with zeros. */
static inline uint64_t mcmp__text_tail(const char *text, size_t len)
{
    uint64_t word = 0;

    if (MCMP__LITTLE_ENDIAN)
        return mcmp__text_rest(text, len);
    memcpy(&word, text, len);
    return word;
}

static inline int mcmp__words_equal(const mcmp__word *words, mcmp_span text)
{
    for (; text.len >= 8; text.len -= 8, text.ptr += 8) {
        uint64_t word;

        memcpy(&word, text.ptr, sizeof(word));
        if (mcmp__data_get(words++) != word)
            return 0;
    }
    return text.len == 0 || mcmp__data_get(words) == mcmp__text_tail(text.ptr, text.len);
}

/* Does this row of interned texts hold the text? */
static inline int mcmp__text_is(const mcmp__word *row, mcmp_span text)
{
    return mcmp__data_get(row + MCMP__X_REFS) >> 48 == text.len &&
           mcmp__words_equal(row + MCMP__X_TEXT, text);
}

/* The interned text among the rows of its bucket from this one on; 0 = none. */
static MCMP__PART uint32_t mcmp__text_among(mcmp__read *rd, uint32_t index, uint32_t row,
                                            mcmp_span text, uint32_t hash)
{
    const mcmp__index *ix = &rd->layout->index[index];

    row = mcmp__chain_find(rd, ix, row, hash);
    while (row != 0) {
        if (mcmp__text_is(mcmp__row(rd, ix->table, row), text))
            return row;
        row = mcmp__index_next(rd, index, row, hash);
    }
    return 0;
}

/* The interned text, in its index; 0 = none. */
static MCMP__PART uint32_t mcmp__text_find(mcmp__read *rd, uint32_t index, mcmp_span text,
                                           uint32_t hash)
{
    uint32_t row = mcmp__bucket_start(rd, index, hash);

    return mcmp__text_among(rd, index, row, text, hash);
}

/* The place of a context without use_alias. */
static inline uint32_t mcmp__place_of(mcmp__read *rd, uint32_t context_text)
{
    return (uint32_t)mcmp__row_get(rd, MCMP__T_CTEXT, context_text, MCMP__X_PLACE);
}

/* The place of a context; without use_alias alias_text is 0. */
static inline uint32_t mcmp__place_find(mcmp__read *rd, uint32_t alias_text, uint32_t context_text)
{
    uint64_t key = mcmp__pack(alias_text, context_text);
    uint32_t hash, row;

    if (!rd->layout->use_alias)
        return mcmp__place_of(rd, context_text);
    hash = mcmp__hash_ints(rd->layout, key, 0);
    row = mcmp__index_start(rd, MCMP__I_PLACE, hash);
    while (row != 0 && mcmp__row_get(rd, MCMP__T_PLACE, row, MCMP__L_KEY) != key)
        row = mcmp__index_next(rd, MCMP__I_PLACE, row, hash);
    return row;
}

/* Seats (seat.c) */

_Static_assert(MCMP__PLACE_SCAN <= MCMP__INLINE_MEMBERS + MCMP__BLOCK_WORDS,
               "few members are in the row and in one leaf");

static inline uint32_t mcmp__seat_among(const mcmp__word *at, uint32_t n, uint32_t node)
{
    for (const mcmp__word *end = at + n; at < end; at++) {
        uint64_t member = mcmp__data_get(at);

        if (mcmp__lo(member) == node)
            return mcmp__hi(member);
    }
    return 0;
}

/* The node among the few members of a group; 0 = it is not. */
static inline uint32_t mcmp__seat_in(mcmp__read *rd, const mcmp__word *group, uint32_t n,
                                     uint32_t node)
{
    uint32_t inside = MCMP__MIN(n, MCMP__INLINE_MEMBERS);
    uint32_t seat = mcmp__seat_among(group + MCMP__G_MEMBERS, inside, node);

    if (seat != 0 || n == inside)
        return seat;
    return mcmp__seat_among(mcmp__group_leaf(rd, group, 0, n - inside).at, n - inside, node);
}

#endif
