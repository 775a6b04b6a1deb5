/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Called by the generated layout program for every mcmp_*_init_sized(): an older, an equal and a
 * newer caller get exactly their bytes cleared, with their own size in front.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

int check_init(const char *name, void (*init)(void *, size_t), size_t size);

static int wrong(const unsigned char *bytes, size_t size, size_t room)
{
    size_t got;

    memcpy(&got, bytes, sizeof(got));
    if (got != size)
        return 1;
    for (size_t i = sizeof(got); i < room; i++)
        if (bytes[i] != (i < size ? 0 : 0xa5))
            return 1;
    return 0;
}

int check_init(const char *name, void (*init)(void *, size_t), size_t size)
{
    const size_t sizes[] = { sizeof(size_t), size / 2 / 8 * 8 + 8, size, size + 64 };
    static union {
        unsigned char bytes[8192];
        uint64_t align;
    } memory;

    if (size + 128 > sizeof(memory.bytes))
        return 1;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        memset(memory.bytes, 0xa5, sizeof(memory.bytes));
        init(memory.bytes, sizes[i]);
        if (wrong(memory.bytes, sizes[i], size + 128)) {
            fprintf(stderr, "%s_init_sized(%zu) does not clear exactly that\n", name, sizes[i]);
            return 1;
        }
    }
    return 0;
}
