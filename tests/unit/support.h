/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helpers of all unit tests: assertions that print the row of a table, buffers that end at a guard
 * page, an allocator whose n-th call fails and that counts what was not given back, and the main
 * function of a suite. Header only, so that a test is one file.
 */
#ifndef MCMP_TEST_SUPPORT_H
#define MCMP_TEST_SUPPORT_H

#include <libmcmp/base.h>

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "oom/hooks.h"

#define SUPPORT_UNUSED __attribute__((unused))
#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

/* A span over a string literal, also in tables. */
#define TEXT(literal)                  \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }

/* Assertions of a table: row names the case. */
#define row_true(row, cond) ck_assert_msg((cond), "row '%s': %s", (row), #cond)
#define row_code(row, got, want)                                                \
    do {                                                                        \
        int got_ = (got);                                                       \
        int want_ = (want);                                                     \
        ck_assert_msg(got_ == want_, "row '%s': %s is %s, not %s", (row), #got, \
                      mcmp_error_name(got_), mcmp_error_name(want_));           \
    } while (0)
#define row_int(row, got, want)                                                                 \
    do {                                                                                        \
        intmax_t got_ = (intmax_t)(got);                                                        \
        intmax_t want_ = (intmax_t)(want);                                                      \
        ck_assert_msg(got_ == want_, "row '%s': %s is %jd, not %jd", (row), #got, got_, want_); \
    } while (0)
#define row_text(row, got, want)                                                          \
    do {                                                                                  \
        mcmp_span got_ = (got);                                                           \
        const char *want_ = (want);                                                       \
        ck_assert_msg(got_.len == strlen(want_) &&                                        \
                          (got_.len == 0 || memcmp(got_.ptr, want_, got_.len) == 0),      \
                      "row '%s': %s is \"%.*s\", not \"%s\"", (row), #got, (int)got_.len, \
                      got_.len != 0 ? got_.ptr : "", want_);                              \
    } while (0)
#define row_bytes(row, got, want, want_len)                                                  \
    do {                                                                                     \
        mcmp_span got_ = (got);                                                              \
        ck_assert_msg(got_.len == (want_len) &&                                              \
                          (got_.len == 0 || memcmp(got_.ptr, (want), got_.len) == 0),        \
                      "row '%s': %s is \"%.*s\", not \"%.*s\"", (row), #got, (int)got_.len,  \
                      got_.len != 0 ? got_.ptr : "", (int)(want_len), (const char *)(want)); \
    } while (0)

static inline mcmp_span span_of(const char *text)
{
    mcmp_span span = { text, strlen(text) };

    return span;
}

/* A copy of bytes whose end is the end of the readable memory: reading on is a crash. */
typedef struct guard {
    char *ptr;
    size_t len;
    void *map;
    size_t map_size;
} guard;

SUPPORT_UNUSED static guard guard_copy(const void *data, size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t room = (len + page - 1) / page * page;
    guard g = { NULL, len, NULL, room + page };

    g.map = mmap(NULL, g.map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(g.map != MAP_FAILED);
    ck_assert_int_eq(mprotect((char *)g.map + room, page, PROT_NONE), 0);
    g.ptr = (char *)g.map + room - len;
    if (len > 0)
        memcpy(g.ptr, data, len);
    return g;
}

SUPPORT_UNUSED static void guard_free(guard *g)
{
    munmap(g->map, g->map_size);
    g->map = NULL;
}

/* Counts calls and bytes; call number fail_at (from 1) and all later ones fail; 0 = none. */
typedef struct test_heap {
    mcmp_allocator allocator;
    size_t calls;
    size_t fail_at;
    size_t live_blocks;
    size_t live_bytes;
} test_heap;

SUPPORT_UNUSED static void *test_heap_alloc(void *ctx, size_t size)
{
    test_heap *heap = ctx;
    void *ptr;

    heap->calls++;
    if (heap->fail_at != 0 && heap->calls >= heap->fail_at)
        return NULL;
    ptr = malloc(size);
    if (ptr != NULL) {
        heap->live_blocks++;
        heap->live_bytes += size;
    }
    return ptr;
}

SUPPORT_UNUSED static void *test_heap_realloc(void *ctx, void *ptr, size_t old_size,
                                              size_t new_size)
{
    test_heap *heap = ctx;
    void *moved;

    heap->calls++;
    if (heap->fail_at != 0 && heap->calls >= heap->fail_at)
        return NULL;
    moved = realloc(ptr, new_size);
    if (moved != NULL)
        heap->live_bytes = heap->live_bytes - old_size + new_size;
    return moved;
}

SUPPORT_UNUSED static void test_heap_free(void *ctx, void *ptr, size_t size)
{
    test_heap *heap = ctx;

    ck_assert_msg(heap->live_blocks > 0 && heap->live_bytes >= size, "freed more than allocated");
    heap->live_blocks--;
    heap->live_bytes -= size;
    free(ptr);
}

SUPPORT_UNUSED static void test_heap_init(test_heap *heap, size_t fail_at)
{
    memset(heap, 0, sizeof(*heap));
    mcmp_allocator_init(&heap->allocator);
    heap->allocator.ctx = heap;
    heap->allocator.alloc = test_heap_alloc;
    heap->allocator.realloc = test_heap_realloc;
    heap->allocator.free = test_heap_free;
    heap->fail_at = fail_at;
}

/*
 * Run a scenario once unharmed (it must return 0 and allocate), then with each of its allocations
 * failing in turn: it must return MCMP_ERR_NOMEM and give everything back. The scenario frees what
 * it made in any case.
 */
typedef int (*oom_scenario)(const mcmp_allocator *allocator, void *ctx);

SUPPORT_UNUSED static void run_with_oom(const char *name, oom_scenario scenario, void *ctx)
{
    test_heap heap;
    size_t calls;

    if (oom_by_itself != NULL)
        oom_by_itself(1); /* nothing is to fail but what fails here */
    test_heap_init(&heap, 0);
    row_code(name, scenario(&heap.allocator, ctx), MCMP_OK);
    row_int(name, heap.live_blocks, 0);
    row_int(name, heap.live_bytes, 0);
    calls = heap.calls;
    row_true(name, calls > 0);
    for (size_t n = 1; n <= calls; n++) {
        test_heap_init(&heap, n);
        row_code(name, scenario(&heap.allocator, ctx), MCMP_ERR_NOMEM);
        row_int(name, heap.live_blocks, 0);
        row_int(name, heap.live_bytes, 0);
    }
    if (oom_by_itself != NULL)
        oom_by_itself(0);
}

/* A small deterministic generator for random cuts. */
SUPPORT_UNUSED static uint32_t test_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

/* Read a whole file of the tests' folder; free() the result. */
SUPPORT_UNUSED static char *read_test_file(const char *name, size_t *len)
{
    char path[1024];
    FILE *file;
    char *data = NULL;
    size_t cap = 0;
    size_t got;

    (void)snprintf(path, sizeof(path), "%s/%s", MCMP_TEST_DIR, name);
    file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "can't open %s", path);
    *len = 0;
    do {
        cap += 65536;
        data = realloc(data, cap);
        ck_assert(data != NULL);
        got = fread(data + *len, 1, cap - *len, file);
        *len += got;
    } while (got > 0);
    (void)fclose(file);
    return data;
}

/* The main function of a suite: run all tests, return the exit status. */
SUPPORT_UNUSED static int run_tests(const char *name, const TTest *const *tests, size_t count)
{
    Suite *suite;
    TCase *tcase;
    SRunner *runner;
    int failed;

    if (oom_run_tests != NULL && getenv("MCMP_OOM") != NULL)
        return oom_run_tests(name, tests, count, getenv("MCMP_OOM"));
    suite = suite_create(name);
    tcase = tcase_create(name);
    tcase_set_timeout(tcase, 100);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

#endif
