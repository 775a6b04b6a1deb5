/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all fuzz targets share: their one entry, called by libFuzzer or by replay.c, and how a
 * property is held. A broken one aborts, so that both see it. Inputs are copied into blocks of
 * exactly their size: a read past the end is a report of ASan.
 */
#ifndef MCMP_FUZZ_H
#define MCMP_FUZZ_H

#include <libmcmp/base.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x)                                                                   \
    do {                                                                          \
        if (!(x)) {                                                               \
            (void)fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #x); \
            abort();                                                              \
        }                                                                         \
    } while (0)

static inline char *fuzz_copy(const void *data, size_t len)
{
    char *copy = malloc(len != 0 ? len : 1);

    MUST(copy != NULL);
    if (len != 0)
        memcpy(copy, data, len);
    return copy;
}

static inline int fuzz_same(mcmp_span a, mcmp_span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

#endif
