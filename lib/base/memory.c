/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of the host's choice and the growing buffer on top of it (STYLE 8). Sizes are multiplied
 * and added checked. A buffer keeps its first failure, so writers need one check at their end.
 */
#include "base.h"

#include <stdlib.h>

static void *libc_alloc(void *ctx, size_t size)
{
    (void)ctx;
    return malloc(size);
}

static void *libc_realloc(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    return realloc(ptr, new_size);
}

static void libc_free(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    (void)size;
    free(ptr);
}

void mcmp_allocator_init_sized(mcmp_allocator *allocator, size_t size)
{
    mcmp__sized_init(allocator, size);
}

int mcmp__allocator_take(mcmp_allocator *dst, const mcmp_allocator *src)
{
    int rc = mcmp__sized_in(dst, sizeof(*dst), src, sizeof(*dst));

    if (rc != MCMP_OK)
        return rc;
    dst->struct_size = sizeof(*dst);
    if (dst->alloc == NULL && dst->realloc == NULL && dst->free == NULL) {
        dst->alloc = libc_alloc;
        dst->realloc = libc_realloc;
        dst->free = libc_free;
    }
    if (dst->alloc == NULL || dst->realloc == NULL || dst->free == NULL)
        return MCMP_ERR_INVALID; /* half an allocator would mix two heaps */
    return MCMP_OK;
}

void *mcmp__alloc(const mcmp_allocator *a, size_t size)
{
    return a->alloc(a->ctx, size);
}

void *mcmp__calloc(const mcmp_allocator *a, size_t count, size_t size)
{
    size_t bytes;
    void *ptr;

    if (mcmp__mul_size(count, size, &bytes) != 0)
        return NULL;
    ptr = a->alloc(a->ctx, bytes);
    if (ptr != NULL)
        memset(ptr, 0, bytes);
    return ptr;
}

void *mcmp__realloc(const mcmp_allocator *a, void *ptr, size_t old_size, size_t new_size)
{
    return ptr == NULL ? a->alloc(a->ctx, new_size) : a->realloc(a->ctx, ptr, old_size, new_size);
}

void mcmp__free(const mcmp_allocator *a, void *ptr, size_t size)
{
    if (ptr != NULL)
        a->free(a->ctx, ptr, size);
}

int mcmp__mul_size(size_t a, size_t b, size_t *out)
{
    if (b != 0 && a > SIZE_MAX / b)
        return -1;
    *out = a * b;
    return 0;
}

int mcmp__add_size(size_t a, size_t b, size_t *out)
{
    if (a > SIZE_MAX - b)
        return -1;
    *out = a + b;
    return 0;
}

void mcmp__buf_init(mcmp__buf *buf, const mcmp_allocator *allocator, size_t limit)
{
    memset(buf, 0, sizeof(*buf));
    buf->allocator = allocator;
    buf->limit = limit;
}

void mcmp__buf_clear(mcmp__buf *buf)
{
    mcmp__free(buf->allocator, buf->data, buf->cap);
    mcmp__buf_init(buf, buf->allocator, buf->limit);
}

int mcmp__buf_reserve(mcmp__buf *buf, size_t more)
{
    size_t need;
    size_t cap = buf->cap != 0 ? buf->cap : 256;
    char *data;

    if (buf->failed != 0)
        return buf->failed;
    if (mcmp__add_size(buf->len, more, &need) != 0)
        return buf->failed = MCMP_ERR_NOMEM;
    if (buf->limit != 0 && need > buf->limit) /* also when the memory would hold it */
        return buf->failed = MCMP_ERR_LIMIT;
    if (need <= buf->cap)
        return MCMP_OK;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    data = mcmp__realloc(buf->allocator, buf->data, buf->cap, cap);
    if (data == NULL)
        return buf->failed = MCMP_ERR_NOMEM;
    buf->data = data;
    buf->cap = cap;
    return MCMP_OK;
}

void mcmp__buf_add_slow(mcmp__buf *buf, const void *data, size_t len)
{
    if (len == 0 || mcmp__buf_reserve(buf, len) != MCMP_OK)
        return;
    memcpy(buf->data + buf->len, data, len);
    buf->len += len;
}

void mcmp__buf_add_span(mcmp__buf *buf, mcmp_span span)
{
    mcmp__buf_add(buf, span.ptr, span.len);
}

void mcmp__buf_add_str(mcmp__buf *buf, const char *text)
{
    mcmp__buf_add(buf, text, strlen(text));
}

void mcmp__buf_add_char(mcmp__buf *buf, char c)
{
    mcmp__buf_add(buf, &c, 1);
}

void mcmp__buf_add_uint(mcmp__buf *buf, uint64_t value)
{
    char digits[20];

    mcmp__buf_add(buf, digits, mcmp__format_uint(digits, value));
}

void mcmp__buf_add_int(mcmp__buf *buf, int64_t value)
{
    if (value < 0)
        mcmp__buf_add_char(buf, '-');
    mcmp__buf_add_uint(buf, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}
