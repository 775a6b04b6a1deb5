/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checksums and lengths of a saved state's headers made to fit whatever it holds, as somebody would
 * who wants to be believed. For unit tests and fuzzing.
 */
#ifndef MCMP_TEST_SEAL_H
#define MCMP_TEST_SEAL_H

#include "model/state.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

static inline uint64_t seal_get(const uint8_t *at)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < 8; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

static inline void seal_put(uint8_t *at, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

/* As far as the sections can be walked; what lies behind is left alone. */
static inline void seal(uint8_t *data, size_t len)
{
    uint8_t heads[MCMP__SECTIONS * MCMP__STATE_SECTION];
    size_t at = MCMP__STATE_HEADER;

    for (uint32_t s = 0; s < MCMP__SECTIONS; s++) {
        uint8_t *head = data + at;
        uint64_t size;

        if (at > len || len - at < MCMP__STATE_SECTION)
            return;
        size = seal_get(head + 8);
        if (size > len - at - MCMP__STATE_SECTION)
            return;
        seal_put(head + 16, XXH64(head + MCMP__STATE_SECTION, (size_t)size, 0));
        seal_put(head + 24, XXH64(head, 24, 0));
        memcpy(heads + s * (size_t)MCMP__STATE_SECTION, head, MCMP__STATE_SECTION);
        at += MCMP__STATE_SECTION + (size_t)size;
    }
    seal_put(data + 16, len);
    seal_put(data + 24, XXH64(heads, sizeof(heads), 0));
    seal_put(data + 32, XXH64(data, 32, 0));
}

#endif
