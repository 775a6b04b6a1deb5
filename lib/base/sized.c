/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structs that cross the library's border carry their size (STYLE 5), so that callers and library
 * of different age understand each other. Invariant: what one side does not know is zero.
 */
#include "base.h"

void mcmp__sized_init(void *dst, size_t size)
{
    if (dst == NULL || size < sizeof(size))
        return;
    memset(dst, 0, size);
    memcpy(dst, &size, sizeof(size));
}

/* Bring a caller's struct to the size this library knows; NULL stands for all zero. */
int mcmp__sized_in(void *dst, size_t dst_size, const void *src, size_t min_size)
{
    const unsigned char *bytes = src;
    size_t size;

    if (src == NULL) {
        memset(dst, 0, dst_size);
        return MCMP_OK;
    }
    memcpy(&size, src, sizeof(size));
    if (size == dst_size) { /* of the same age, as nearly all are */
        memcpy(dst, src, size);
        return MCMP_OK;
    }
    memset(dst, 0, dst_size);
    if (size < min_size)
        return MCMP_ERR_INVALID;
    for (size_t i = dst_size; i < size; i++)
        if (bytes[i] != 0)
            return MCMP_ERR_UNSUPPORTED;
    memcpy(dst, src, MCMP__MIN(size, dst_size));
    return MCMP_OK;
}

/* Fill a caller's struct from ours: its own size stays, a tail it does not know is left out. */
int mcmp__sized_out(void *dst, const void *src, size_t src_size)
{
    size_t size;

    if (dst == NULL)
        return MCMP_ERR_INVALID;
    memcpy(&size, dst, sizeof(size));
    if (size < sizeof(size))
        return MCMP_ERR_INVALID;
    if (size == src_size) {
        memcpy((char *)dst + sizeof(size), (const char *)src + sizeof(size), size - sizeof(size));
        return MCMP_OK;
    }
    memset((char *)dst + sizeof(size), 0, size - sizeof(size));
    if (size > sizeof(size))
        memcpy((char *)dst + sizeof(size), (const char *)src + sizeof(size),
               MCMP__MIN(size, src_size) - sizeof(size));
    return MCMP_OK;
}
