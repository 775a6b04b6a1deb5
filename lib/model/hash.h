/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts as words, and the steps of their hashes: inline, so that a reader finds the end of a path's
 * segment and its hash in one pass.
 *
 * Eight bytes at a time, by a multiplication that folds its upper half back; at last the remaining
 * bytes with the length above them. Every step is one to one, so short texts never meet in 64 bits;
 * the seed is random and the length counts, so that `/a/b` is not `/ab` and nobody can choose texts
 * that meet.
 */
#ifndef MCMP__HASH_H
#define MCMP__HASH_H

#include "base/compiler.h"

#include <stddef.h>
#include <stdint.h>

static inline uint32_t mcmp__text_word4(const char *text)
{
    const unsigned char *bytes = (const unsigned char *)text; /* without a sign */

    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* Eight bytes, the first one lowest. */
static inline uint64_t mcmp__text_word(const char *text)
{
    return mcmp__text_word4(text) | (uint64_t)mcmp__text_word4(text + 4) << 32;
}

/* Less than eight bytes, zeros above them, in few steps: they may be taken twice. */
static inline uint64_t mcmp__text_rest(const char *text, size_t len)
{
    const unsigned char *bytes = (const unsigned char *)text;

    if (len >= 4)
        return mcmp__text_word4(text) | (uint64_t)mcmp__text_word4(text + len - 4) << 8 * (len - 4);
    if (len == 0)
        return 0;
    return bytes[0] | (uint64_t)bytes[len / 2] << 8 * (len / 2) |
           (uint64_t)bytes[len - 1] << 8 * (len - 1);
}

/* With the next word of a text. */
static inline uint64_t mcmp__hash_word(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 32;
}

/* With what is left of a text of len bytes. */
static inline uint64_t mcmp__hash_rest(uint64_t hash, uint64_t rest, size_t len)
{
    hash = mcmp__hash_word(hash, rest | (uint64_t)len << 56) * UINT64_C(0xd6e8feb86659fd93);
    return hash ^ hash >> 32;
}

/* A whole segment, or a text that has none. */
static inline uint64_t mcmp__hash_segment(uint64_t hash, const char *segment, size_t len)
{
    size_t left = len;

    for (; left >= 8; left -= 8, segment += 8)
        hash = mcmp__hash_word(hash, mcmp__text_word(segment));
    return mcmp__hash_rest(hash, mcmp__text_rest(segment, left), len);
}

/* The lowest bit marks the first `/`, above it some more may be set. Of bytes below 0x80 only 0
 * gets its upper bit when 1 is taken off. */
static inline uint64_t mcmp__slashes(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);

    return ((word ^ '/' * ones) - ones) & ~word & 0x80 * ones;
}

/* The same for `/`, `?` and `;`, of which the latter two differ in one bit. */
static inline uint64_t mcmp__borders(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t slash = word ^ '/' * ones;
    uint64_t other = (word | 0x04 * ones) ^ '?' * ones;

    return ((slash - ones) | (other - ones)) & ~word & 0x80 * ones;
}

/* Adds the segment that begins at text[at] to the hash. Where it ends: at a mark, or at `end`. */
static inline size_t mcmp__hash_to_mark(const char *text, size_t at, size_t end, uint64_t *hash,
                                        uint64_t (*marks_of)(uint64_t word))
{
    size_t from = at;

    for (;;) {
        size_t n = end - at;
        uint64_t word = n >= 8 ? mcmp__text_word(text + at) : mcmp__text_rest(text + at, n);
        uint64_t marks = marks_of(word);

        if (marks != 0) {
            n = mcmp__lowest_bit64(marks) / 8;
            word &= (marks ^ (marks - 1)) >> 8; /* what is below the mark's byte */
        }
        if (n < 8) {
            *hash = mcmp__hash_rest(*hash, word, at + n - from);
            return at + n;
        }
        *hash = mcmp__hash_word(*hash, word);
        at += 8;
    }
}

#endif
