/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's allocator and the growing buffer: sizes given back are the sizes asked for, limits and
 * failed allocations are kept until the end, checked arithmetic.
 */
#include "support.h"

#include "base/base.h"

START_TEST(test_allocator_takes_libc_for_nothing)
{
    mcmp_allocator a;
    char *ptr;

    row_code("NULL", mcmp__allocator_take(&a, NULL), MCMP_OK);
    ptr = mcmp__alloc(&a, 10);
    ck_assert_ptr_nonnull(ptr);
    memset(ptr, 1, 10);
    ptr = mcmp__realloc(&a, ptr, 10, 5000);
    ck_assert_ptr_nonnull(ptr);
    ck_assert_int_eq(ptr[9], 1);
    mcmp__free(&a, ptr, 5000);
    mcmp__free(&a, NULL, 0);
}
END_TEST

START_TEST(test_allocator_refuses_half_a_set)
{
    test_heap heap;
    mcmp_allocator a;

    for (int missing = 0; missing < 3; missing++) {
        test_heap_init(&heap, 0);
        if (missing == 0)
            heap.allocator.alloc = NULL;
        else if (missing == 1)
            heap.allocator.realloc = NULL;
        else
            heap.allocator.free = NULL;
        row_code("half", mcmp__allocator_take(&a, &heap.allocator), MCMP_ERR_INVALID);
    }
}
END_TEST

START_TEST(test_calloc_clears_and_checks_the_product)
{
    test_heap heap;
    unsigned char *ptr;

    test_heap_init(&heap, 0);
    ptr = mcmp__calloc(&heap.allocator, 7, 9);
    for (size_t i = 0; i < 63; i++)
        ck_assert_uint_eq(ptr[i], 0);
    ck_assert_uint_eq(heap.live_bytes, 63);
    mcmp__free(&heap.allocator, ptr, 63);
    ck_assert_ptr_null(mcmp__calloc(&heap.allocator, SIZE_MAX / 2, 3));
    ck_assert_uint_eq(heap.calls, 1);
    ck_assert_uint_eq(heap.live_blocks, 0);
}
END_TEST

START_TEST(test_checked_sizes_stop_at_the_greatest_value)
{
    size_t out = 5;

    ck_assert_int_eq(mcmp__mul_size(SIZE_MAX, 1, &out), 0);
    ck_assert_uint_eq(out, SIZE_MAX);
    ck_assert_int_eq(mcmp__mul_size(SIZE_MAX, 0, &out), 0);
    ck_assert_uint_eq(out, 0);
    ck_assert_int_eq(mcmp__mul_size(SIZE_MAX / 2 + 1, 2, &out), -1);
    ck_assert_uint_eq(out, 0);
    ck_assert_int_eq(mcmp__add_size(SIZE_MAX - 1, 1, &out), 0);
    ck_assert_uint_eq(out, SIZE_MAX);
    ck_assert_int_eq(mcmp__add_size(SIZE_MAX, 1, &out), -1);
    ck_assert_uint_eq(out, SIZE_MAX);
}
END_TEST

static int grow_a_buffer(const mcmp_allocator *allocator, void *ctx)
{
    mcmp__buf buf;
    int failed;

    (void)ctx;
    mcmp__buf_init(&buf, allocator, 0);
    for (int i = 0; i < 1000; i++)
        mcmp__buf_add_str(&buf, "0123456789");
    failed = buf.failed;
    if (failed == 0 && buf.len != 10000)
        failed = MCMP_ERR_STATE;
    mcmp__buf_clear(&buf);
    return failed;
}

START_TEST(test_buffer_keeps_its_first_failure)
{
    run_with_oom("grow", grow_a_buffer, NULL);
}
END_TEST

START_TEST(test_buffer_holds_exactly_its_limit)
{
    test_heap heap;
    mcmp__buf buf;

    test_heap_init(&heap, 0);
    mcmp__buf_init(&buf, &heap.allocator, 300);
    for (int i = 0; i < 300; i++)
        mcmp__buf_add_char(&buf, 'x');
    ck_assert_int_eq(buf.failed, 0);
    ck_assert_uint_eq(buf.len, 300);
    mcmp__buf_reset(&buf);
    for (int i = 0; i < 100; i++)
        mcmp__buf_add_str(&buf, "abcd");
    ck_assert_int_eq(buf.failed, MCMP_ERR_LIMIT);
    ck_assert_uint_le(buf.len, 300);
    mcmp__buf_reset(&buf);
    ck_assert_int_eq(buf.failed, 0);
    mcmp__buf_clear(&buf);
    ck_assert_uint_eq(heap.live_blocks, 0);
}
END_TEST

START_TEST(test_buffer_writes_numbers)
{
    static const struct {
        int64_t value;
        const char *text;
    } rows[] = { { 0, "0" },
                 { -1, "-1" },
                 { 1234567890, "1234567890" },
                 { INT64_MAX, "9223372036854775807" },
                 { INT64_MIN, "-9223372036854775808" } };
    test_heap heap;
    mcmp__buf buf;

    test_heap_init(&heap, 0);
    mcmp__buf_init(&buf, &heap.allocator, 0);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mcmp__buf_reset(&buf);
        mcmp__buf_add_int(&buf, rows[i].value);
        row_text(rows[i].text, mcmp__span(buf.data, buf.len), rows[i].text);
    }
    mcmp__buf_reset(&buf);
    mcmp__buf_add_uint(&buf, UINT64_MAX);
    row_text("greatest", mcmp__span(buf.data, buf.len), "18446744073709551615");
    mcmp__buf_clear(&buf);
    ck_assert_uint_eq(heap.live_bytes, 0);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {
        test_allocator_takes_libc_for_nothing,
        test_allocator_refuses_half_a_set,
        test_calloc_clears_and_checks_the_product,
        test_checked_sizes_stop_at_the_greatest_value,
        test_buffer_keeps_its_first_failure,
        test_buffer_holds_exactly_its_limit,
        test_buffer_writes_numbers,
    };

    return run_tests("memory", tests, COUNT_OF(tests));
}
