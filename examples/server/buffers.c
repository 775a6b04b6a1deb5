/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slabs and buffers. Under AddressSanitizer every object comes from malloc, so that a use after the
 * return of an object is seen.
 */
#include "buffers.h"

#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define SLAB_PLAIN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLAB_PLAIN 1
#endif
#endif
#ifndef SLAB_PLAIN
#define SLAB_PLAIN 0
#endif

#define SLAB_CHUNK 65536

void slab_init(struct slab *slab, size_t size)
{
    slab->size = (size + 15) & ~(size_t)15;
    slab->free = NULL;
    slab->used = 0;
}

static int grow(struct slab *slab)
{
    size_t count = slab->size < SLAB_CHUNK ? SLAB_CHUNK / slab->size : 1;
    char *chunk = malloc(count * slab->size);

    if (chunk == NULL)
        return -1;
    for (size_t i = 0; i < count; i++) {
        void **object = (void **)(void *)(chunk + i * slab->size);

        *object = slab->free;
        slab->free = object;
    }
    return 0;
}

void *slab_get(struct slab *slab)
{
    void **object;

    slab->used++;
    if (SLAB_PLAIN)
        return malloc(slab->size);
    if (slab->free == NULL && grow(slab) != 0) {
        slab->used--;
        return NULL;
    }
    object = slab->free;
    slab->free = *object;
    return object;
}

void slab_put(struct slab *slab, void *object)
{
    if (object == NULL)
        return;
    slab->used--;
    if (SLAB_PLAIN) {
        free(object);
        return;
    }
    *(void **)object = slab->free;
    slab->free = object;
}

void buffers_init(struct slab *slab)
{
    slab_init(slab, sizeof(struct buffer) + BUFFER_ROOM);
}

struct buffer *buffer_get(struct slab *slab)
{
    struct buffer *b = slab_get(slab);

    if (b != NULL) {
        b->start = 0;
        b->end = 0;
    }
    return b;
}
