/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target without libFuzzer, so that every build replays the corpus: each file of the
 * folders given, each of its prefixes (short files) and seeded mutations of it. The same run
 * happens every time; a crash names the file and, for a mutation, its number.
 * Usage: replay_NAME [--mutations N] [FILE|FOLDER...]
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static size_t mutations = 64;
static size_t runs;
static uint64_t state = 0x9e3779b97f4a7c15u;

static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Each run gets a block of exactly its size, so that a sanitizer sees every byte read beyond. */
static void run_one(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size != 0 ? size : 1);

    if (copy == NULL)
        return;
    if (size != 0)
        memcpy(copy, data, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    runs++;
}

static size_t mutate(uint8_t *data, size_t size)
{
    static const uint8_t marks[] = { 0x00, 0xff, '\r', '\n', ' ', ':', '%', '&', '=', ';', '/' };
    size_t changes = 1 + next_random() % 4;

    for (size_t i = 0; i < changes && size != 0; i++) {
        size_t at = next_random() % size;

        switch (next_random() % 4) {
        case 0:
            data[at] ^= (uint8_t)(1u << (next_random() % 8));
            break;
        case 1:
            data[at] = marks[next_random() % sizeof(marks)];
            break;
        case 2: /* take one byte out */
            memmove(data + at, data + at + 1, size - at - 1);
            size--;
            break;
        default: /* copy a piece over another place */
            memmove(data + at, data, next_random() % (size - at));
        }
    }
    return size;
}

static void run_with_mutations(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size != 0 ? size : 1);

    if (copy == NULL)
        return;
    run_one(data, size);
    for (size_t cut = 0; cut < size && size <= 512; cut++)
        run_one(data, cut);
    for (size_t i = 0; i < mutations; i++) {
        if (size != 0)
            memcpy(copy, data, size);
        run_one(copy, mutate(copy, size));
    }
    free(copy);
}

static int run_file(const char *name)
{
    FILE *file = fopen(name, "rb");
    uint8_t *data = NULL;
    long size = -1;
    int ok = 0;

    if (file != NULL && fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0)
        data = malloc((size_t)size + 1);
    if (data != NULL && fseek(file, 0, SEEK_SET) == 0)
        ok = fread(data, 1, (size_t)size, file) == (size_t)size;
    if (ok) {
        printf("%s\n", name); /* the last line before a crash names the input */
        (void)fflush(stdout);
        run_with_mutations(data, (size_t)size);
    } else {
        fprintf(stderr, "%s: can't be read\n", name);
    }
    free(data);
    if (file != NULL)
        (void)fclose(file);
    return ok ? 0 : 1;
}

static int run_folder(const char *name)
{
    struct dirent **entries;
    int count = scandir(name, &entries, NULL, alphasort);
    int bad = 0;

    if (count < 0) {
        fprintf(stderr, "%s: can't be read\n", name);
        return 1;
    }
    for (int i = 0; i < count; i++) {
        char path[4096];

        if (entries[i]->d_name[0] != '.') {
            (void)snprintf(path, sizeof(path), "%s/%s", name, entries[i]->d_name);
            bad |= run_file(path);
        }
        free(entries[i]);
    }
    free(entries);
    return bad;
}

static int number(const char *text, size_t *out)
{
    *out = 0;
    for (; *text >= '0' && *text <= '9' && *out < 1000000; text++)
        *out = *out * 10 + (size_t)(*text - '0');
    return *text == '\0' ? 0 : 1;
}

int main(int argc, char **argv)
{
    int bad = 0;

    run_with_mutations((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++) {
        struct stat info;

        if (strcmp(argv[i], "--mutations") == 0 && i + 1 < argc)
            bad |= number(argv[++i], &mutations);
        else if (stat(argv[i], &info) == 0 && S_ISDIR(info.st_mode))
            bad |= run_folder(argv[i]);
        else
            bad |= run_file(argv[i]);
    }
    printf("%zu runs\n", runs);
    return bad;
}
