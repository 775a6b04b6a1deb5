/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slabs: objects of one size with a free list, so that a request costs no call of malloc. Memory
 * grows to the greatest number in use and is not given back while the process runs.
 */
#ifndef SERVER_BUFFERS_H
#define SERVER_BUFFERS_H

#include <stddef.h>
#include <stdint.h>

struct slab {
    size_t size;
    void *free;
    size_t used;
};

void slab_init(struct slab *slab, size_t size);
void *slab_get(struct slab *slab); /* not cleared; NULL when there is no memory */
void slab_put(struct slab *slab, void *object);

/* A buffer for bytes of a connection: data[start..end) is filled. */
struct buffer {
    size_t start;
    size_t end;
    char data[];
};

#define BUFFER_ROOM 65536

static inline size_t buffer_len(const struct buffer *b)
{
    return b->end - b->start;
}

static inline size_t buffer_room(const struct buffer *b)
{
    return BUFFER_ROOM - b->end;
}

/* Slab of buffers. */
void buffers_init(struct slab *slab);
struct buffer *buffer_get(struct slab *slab);

#endif
