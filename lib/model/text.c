/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts in the region: stored as words, interned with a reference count where many rows share them
 * (aliases, contexts, domains), hashed once with the region's random seed.
 *
 * A context is hashed segment by segment, each segment's hash seeding the next, so that one pass
 * over a path yields the hash of every prefix that ends at a segment border. The number of its
 * slashes is its depth; the depths in use are kept as a mask, so that readers look up only
 * lengths that exist.
 */
#include "model/index.h"
#include "model/tx.h"

#define REFS_MASK ((UINT64_C(1) << 40) - 1)

uint32_t mcmp__hash_text(const mcmp__layout *layout, mcmp_span text)
{
    return (uint32_t)mcmp__hash_segment(layout->seed, text.ptr, text.len);
}

uint32_t mcmp__hash_ints(const mcmp__layout *layout, uint64_t a, uint64_t b)
{
    uint64_t h = (a ^ layout->seed) * UINT64_C(0x9e3779b97f4a7c15);

    h ^= h >> 32;
    h = (h ^ b) * UINT64_C(0xd6e8feb86659fd93);
    h ^= h >> 29;
    h *= UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(h >> 32);
}

static uint64_t hash_context(const mcmp__layout *layout, mcmp_span text, uint32_t *out_depth)
{
    uint64_t hash = mcmp__hash_start(layout);
    uint32_t depth = 0;
    size_t at = 0;

    do {
        at = mcmp__hash_to_mark(text.ptr, at + 1, text.len, &hash, mcmp__slashes);
        depth++;
    } while (at < text.len);
    *out_depth = MCMP__MIN(depth, MCMP__DEPTHS - 1);
    return hash;
}

void mcmp__words_copy(const mcmp__word *words, size_t len, char *out)
{
    size_t at = 0;

    for (; len - at >= 8; at += 8) {
        uint64_t word = mcmp__data_get(words++);

        memcpy(out + at, &word, sizeof(word));
    }
    if (at < len) {
        uint64_t word = mcmp__data_get(words);

        memcpy(out + at, &word, len - at);
    }
}

/* Interned texts */

static uint32_t text_depth(uint64_t refs)
{
    return (uint32_t)(refs >> 40) & 0xff;
}

uint32_t mcmp__text_hash(const mcmp__layout *layout, uint32_t index, mcmp_span text,
                         uint32_t *out_depth)
{
    *out_depth = 0;
    if (index == MCMP__I_CTEXT && text.len > 0 && text.ptr[0] == '/')
        return (uint32_t)hash_context(layout, text, out_depth);
    return mcmp__hash_text(layout, text);
}

uint32_t mcmp__context_hash(const mcmp__layout *layout, mcmp_span text)
{
    uint32_t depth;

    return mcmp__text_hash(layout, MCMP__I_CTEXT, text, &depth);
}

uint32_t mcmp__context_find(mcmp__read *rd, mcmp_span text)
{
    return mcmp__text_find(rd, MCMP__I_CTEXT, text, mcmp__context_hash(rd->layout, text));
}

static int is_wild(mcmp_span alias)
{
    return alias.len > 2 && alias.ptr[0] == '*' && alias.ptr[1] == '.';
}

/* Contexts that can match are counted by depth, wildcard aliases as a whole. */
static void count_kind(mcmp__tx *tx, uint32_t index, uint32_t depth, int wild, int step)
{
    if (index == MCMP__I_CTEXT && depth != 0) {
        uint64_t count = mcmp__head_get(&tx->rd, MCMP__H_DEPTH_COUNT + depth) + (uint64_t)step;
        uint64_t mask = mcmp__head_get(&tx->rd, MCMP__H_DEPTHS);
        uint64_t bit = UINT64_C(1) << depth;

        mcmp__head_put(tx, MCMP__H_DEPTH_COUNT + depth, count);
        mcmp__head_put(tx, MCMP__H_DEPTHS, count != 0 ? mask | bit : mask & ~bit);
    }
    if (index == MCMP__I_ATEXT && wild)
        mcmp__head_put(tx, MCMP__H_WILD, mcmp__head_get(&tx->rd, MCMP__H_WILD) + (uint64_t)step);
}

uint32_t mcmp__text_ref_at(mcmp__tx *tx, uint32_t index, mcmp_span text, uint32_t hash,
                           uint32_t depth, uint32_t row)
{
    uint32_t table = tx->rd.layout->index[index].table;

    if (row != 0) {
        uint64_t refs = mcmp__row_get(&tx->rd, table, row, MCMP__X_REFS);

        mcmp__row_put(tx, table, row, MCMP__X_REFS, refs + 1);
        return row;
    }
    row = mcmp__row_alloc(tx, table);
    MCMP__ASSERT(row != 0 && text.len <= 1023);
    mcmp__row_put(tx, table, row, MCMP__X_REFS,
                  (uint64_t)text.len << 48 | (uint64_t)depth << 40 | 1);
    mcmp__row_put(tx, table, row, MCMP__X_PLACE, 0);
    mcmp__put_text(tx, table, row, MCMP__X_TEXT, text);
    mcmp__index_add(tx, index, row, hash);
    count_kind(tx, index, depth, is_wild(text), 1);
    return row;
}

uint32_t mcmp__text_ref(mcmp__tx *tx, uint32_t index, mcmp_span text)
{
    uint32_t depth;
    uint32_t hash = mcmp__text_hash(tx->rd.layout, index, text, &depth);

    return mcmp__text_ref_at(tx, index, text, hash, depth,
                             mcmp__text_find(&tx->rd, index, text, hash));
}

void mcmp__text_unref(mcmp__tx *tx, uint32_t index, uint32_t row)
{
    uint32_t table = tx->rd.layout->index[index].table;
    uint64_t refs = mcmp__row_get(&tx->rd, table, row, MCMP__X_REFS);
    char start[8];

    if ((refs & REFS_MASK) > 1) {
        mcmp__row_put(tx, table, row, MCMP__X_REFS, refs - 1);
        return;
    }
    mcmp__words_copy(mcmp__row(&tx->rd, table, row) + MCMP__X_TEXT, sizeof(start), start);
    count_kind(tx, index, text_depth(refs), is_wild(mcmp__span(start, (size_t)(refs >> 48))), -1);
    mcmp__index_remove(tx, index, row);
    mcmp__row_put(tx, table, row, MCMP__X_REFS, 0);
    mcmp__row_free(tx, table, row);
}
