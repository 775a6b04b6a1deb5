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

/* A parser under test. */
typedef struct fuzz_stream {
    void *parser;
    int (*feed)(void *parser, const void *data, size_t len, size_t *used, mcmp_error *err);
    void (*tell)(fuzz_story *story, void *parser); /* what is complete now */
} fuzz_stream;

/* Feed one piece out of a block of its own; returns the last result. */
static inline int fuzz_feed_piece(const fuzz_stream *of, fuzz_story *story, const uint8_t *data,
                                  size_t len)
{
    char *piece = fuzz_copy(data, len);
    int rc = MCMP_NEED_MORE;

    for (size_t off = 0; off < len && rc >= 0;) {
        size_t used;
        mcmp_error err;

        mcmp_error_init(&err);
        rc = of->feed(of->parser, piece + off, len - off, &used, &err);
        MUST(used <= len - off && (rc != MCMP_NEED_MORE || used == len - off));
        off += used;
        if (rc == MCMP_OK)
            of->tell(story, of->parser);
        if (rc < 0)
            fuzz_tell(story, err.offset);
    }
    free(piece);
    return rc;
}

/* The whole stream in pieces; 0 as seed: at once. */
static inline int fuzz_feed(const fuzz_stream *of, fuzz_story *story, uint32_t seed,
                            const uint8_t *data, size_t size)
{
    int rc = MCMP_NEED_MORE;

    for (size_t off = 0; off < size && rc >= 0;) {
        size_t piece = fuzz_piece(&seed, size - off);

        rc = fuzz_feed_piece(of, story, data + off, piece);
        off += piece;
    }
    return rc;
}

typedef fuzz_story (*fuzz_run)(unsigned limits, uint32_t seed, const uint8_t *data, size_t size);

/* The first byte chooses limits, the second the cuts; the story must not depend on the cuts. */
static inline void fuzz_compare_cuts(fuzz_run run, const uint8_t *data, size_t size)
{
    fuzz_story whole;
    fuzz_story cut;

    if (size < 2)
        return;
    whole = run(data[0], 0, data + 2, size - 2);
    cut = run(data[0], data[1] * 2u + 1, data + 2, size - 2);
    MUST(whole.hash == cut.hash && whole.events == cut.events);
}

#endif
