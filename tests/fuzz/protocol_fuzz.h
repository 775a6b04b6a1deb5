/* SPDX-License-Identifier: Apache-2.0 */
/* What the targets of lib/protocol share beside fuzz.h: the story a parser told, and its pieces. */
#ifndef MCMP_PROTOCOL_FUZZ_H
#define MCMP_PROTOCOL_FUZZ_H

#include "fuzz.h"

/* What a parser told, as a running hash: equal stories, equal values. */
typedef struct fuzz_story {
    uint64_t hash;
    size_t events;
} fuzz_story;

static inline void fuzz_tell_bytes(fuzz_story *story, const void *data, size_t len)
{
    const unsigned char *bytes = data;

    for (size_t i = 0; i < len; i++)
        story->hash = (story->hash ^ bytes[i]) * 1099511628211u;
    story->hash = (story->hash ^ len) * 1099511628211u;
    story->events++;
}

static inline void fuzz_tell(fuzz_story *story, uint64_t value)
{
    fuzz_tell_bytes(story, &value, sizeof(value));
}

static inline void fuzz_tell_span(fuzz_story *story, mcmp_span text)
{
    fuzz_tell_bytes(story, text.ptr, text.len);
}

/* Bytes of the next piece: all, or 1 to 16 by a small generator. */
static inline size_t fuzz_piece(uint32_t *seed, size_t rest)
{
    size_t piece;

    if (*seed == 0)
        return rest;
    *seed = *seed * 1664525u + 1013904223u;
    *seed |= 1;
    piece = 1 + (*seed >> 24) % 16;
    return piece < rest ? piece : rest;
}

#endif
