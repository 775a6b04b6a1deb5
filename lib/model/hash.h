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

#endif
