/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structs that carry their size, between callers and a library of other age (STYLE A2, A3). One
 * struct stands for the library's; older and newer callers are shorter and longer memory.
 */
#include "support.h"

#include "base/base.h"

typedef struct sample {
    size_t struct_size;
    uint64_t first;
    uint64_t second;
    uint64_t third;
} sample;

#define NEWER (sizeof(sample) + 16)

typedef union memory {
    sample s;
    unsigned char bytes[NEWER];
} memory;

START_TEST(test_sized_init_clears_exactly_the_size)
{
    memory m;

    memset(m.bytes, 0xa5, sizeof(m.bytes));
    mcmp__sized_init(&m, offsetof(sample, third));
    ck_assert_uint_eq(m.s.struct_size, offsetof(sample, third));
    ck_assert_uint_eq(m.s.first, 0);
    ck_assert_uint_eq(m.s.second, 0);
    ck_assert_uint_eq(m.bytes[offsetof(sample, third)], 0xa5);
}
END_TEST

START_TEST(test_sized_init_refuses_nonsense)
{
    sample s = { 1, 2, 3, 4 };

    mcmp__sized_init(NULL, sizeof(s));
    mcmp__sized_init(&s, sizeof(size_t) - 1);
    ck_assert_uint_eq(s.struct_size, 1);
    ck_assert_uint_eq(s.first, 2);
}
END_TEST

START_TEST(test_sized_in_takes_a_missing_tail_as_zero)
{
    guard old;
    sample caller = { offsetof(sample, third), 7, 8, 9 };
    sample got;

    old = guard_copy(&caller, offsetof(sample, third));
    row_code("older", mcmp__sized_in(&got, sizeof(got), old.ptr, sizeof(size_t)), MCMP_OK);
    ck_assert_uint_eq(got.first, 7);
    ck_assert_uint_eq(got.second, 8);
    ck_assert_uint_eq(got.third, 0);
    guard_free(&old);
}
END_TEST

START_TEST(test_sized_in_takes_a_newer_caller_who_asks_for_nothing_new)
{
    memory m;
    sample got;

    mcmp__sized_init(&m, NEWER);
    m.s.third = 3;
    row_code("newer", mcmp__sized_in(&got, sizeof(got), &m, sizeof(size_t)), MCMP_OK);
    ck_assert_uint_eq(got.third, 3);
}
END_TEST

START_TEST(test_sized_in_refuses_any_unknown_bit)
{
    for (size_t at = sizeof(sample); at < NEWER; at++) {
        memory m;
        sample got;

        mcmp__sized_init(&m, NEWER);
        m.bytes[at] = 1;
        row_code("unknown", mcmp__sized_in(&got, sizeof(got), &m, sizeof(size_t)),
                 MCMP_ERR_UNSUPPORTED);
    }
}
END_TEST

START_TEST(test_sized_in_refuses_what_was_not_initialised)
{
    sample s = { 0, 1, 1, 1 };
    sample got;

    row_code("0", mcmp__sized_in(&got, sizeof(got), &s, sizeof(size_t)), MCMP_ERR_INVALID);
    s.struct_size = offsetof(sample, second) - 1;
    row_code("short", mcmp__sized_in(&got, sizeof(got), &s, offsetof(sample, second)),
             MCMP_ERR_INVALID);
}
END_TEST

START_TEST(test_sized_in_of_null_is_all_default)
{
    sample got = { 1, 2, 3, 4 };

    row_code("NULL", mcmp__sized_in(&got, sizeof(got), NULL, sizeof(size_t)), MCMP_OK);
    ck_assert_uint_eq(got.first, 0);
    ck_assert_uint_eq(got.third, 0);
}
END_TEST

START_TEST(test_sized_out_fills_older_newer_and_equal_structs)
{
    static const struct {
        const char *name;
        size_t size;
    } rows[] = { { "size only", sizeof(size_t) },
                 { "older", offsetof(sample, third) },
                 { "equal", sizeof(sample) },
                 { "newer", NEWER } };
    const sample own = { sizeof(own), 1, 2, 3 };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        memory m;

        memset(m.bytes, 0xa5, sizeof(m.bytes));
        m.s.struct_size = rows[i].size;
        row_code(rows[i].name, mcmp__sized_out(&m, &own, sizeof(own)), MCMP_OK);
        row_int(rows[i].name, m.s.struct_size, rows[i].size);
        for (size_t at = sizeof(size_t); at < NEWER; at++) {
            int want = at >= rows[i].size ? 0xa5 : 0;

            if (at < rows[i].size && at < sizeof(own))
                want = ((const unsigned char *)&own)[at];
            row_int(rows[i].name, m.bytes[at], want);
        }
    }
}
END_TEST

START_TEST(test_sized_out_refuses_what_was_not_initialised)
{
    const sample own = { sizeof(own), 1, 2, 3 };
    sample s = { 0, 5, 5, 5 };

    row_code("0", mcmp__sized_out(&s, &own, sizeof(own)), MCMP_ERR_INVALID);
    row_code("NULL", mcmp__sized_out(NULL, &own, sizeof(own)), MCMP_ERR_INVALID);
    ck_assert_uint_eq(s.first, 5);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {
        test_sized_init_clears_exactly_the_size,
        test_sized_init_refuses_nonsense,
        test_sized_in_takes_a_missing_tail_as_zero,
        test_sized_in_takes_a_newer_caller_who_asks_for_nothing_new,
        test_sized_in_refuses_any_unknown_bit,
        test_sized_in_refuses_what_was_not_initialised,
        test_sized_in_of_null_is_all_default,
        test_sized_out_fills_older_newer_and_equal_structs,
        test_sized_out_refuses_what_was_not_initialised,
    };

    return run_tests("sized", tests, COUNT_OF(tests));
}
