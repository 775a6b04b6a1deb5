/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text as pointer and length: comparing, numbers up to their limit, character classes over all 256
 * bytes. Texts end at a guard page.
 */
#include "support.h"

#include "base/base.h"

START_TEST(test_parse_uint_takes_digits_up_to_the_limit)
{
    static const struct {
        const char *text;
        uint64_t max;
        int rc;
        uint64_t value;
    } rows[] = {
        { "0", 0, 0, 0 },
        { "7", 9, 0, 7 },
        { "00012", 12, 0, 12 },
        { "65535", 65535, 0, 65535 },
        { "65536", 65535, -1, 0 },
        { "18446744073709551615", UINT64_MAX, 0, UINT64_MAX },
        { "18446744073709551616", UINT64_MAX, -1, 0 },
        { "99999999999999999999", UINT64_MAX, -1, 0 },
        { "1", 0, -1, 0 },
        { "5", 4, -1, 0 },
        { "", 9, -1, 0 },
        { "-1", 9, -1, 0 },
        { "+1", 9, -1, 0 },
        { " 1", 9, -1, 0 },
        { "1 ", 9, -1, 0 },
        { "1x", 99, -1, 0 },
        { "0x1", 99, -1, 0 },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        guard text = guard_copy(rows[i].text, strlen(rows[i].text));
        uint64_t got = 0;

        row_int(rows[i].text, mcmp__parse_uint(mcmp__span(text.ptr, text.len), rows[i].max, &got),
                rows[i].rc);
        ck_assert_uint_eq(got, rows[i].value);
        guard_free(&text);
    }
}
END_TEST

START_TEST(test_format_uint_is_the_reverse_of_parse_uint)
{
    uint64_t state = 3;

    for (int i = 0; i < 2000; i++) {
        uint64_t value = ((uint64_t)test_random(&state) << 32 | test_random(&state)) >> (i % 64);
        char digits[20];
        size_t len = mcmp__format_uint(digits, value);
        uint64_t back;

        ck_assert_int_eq(mcmp__parse_uint(mcmp__span(digits, len), UINT64_MAX, &back), 0);
        ck_assert_uint_eq(back, value);
    }
}
END_TEST

START_TEST(test_format_uint_knows_the_borders_of_lengths)
{
    uint64_t border = 1;

    for (int i = 0; i < 20; i++, border *= 10) {
        for (uint64_t value = border - 1; value <= border + 1; value++) {
            char digits[20];
            char want[24];
            size_t len = mcmp__format_uint(digits, value);

            (void)snprintf(want, sizeof(want), "%llu", (unsigned long long)value);
            row_text(want, mcmp__span(digits, len), want);
        }
    }
}
END_TEST

START_TEST(test_comparing_knows_case_and_length)
{
    static const struct {
        const char *name;
        mcmp_span a;
        mcmp_span b;
        int eq;
        int nocase;
    } rows[] = {
        { "equal", TEXT("abc"), TEXT("abc"), 1, 1 },
        { "case", TEXT("aBc"), TEXT("Abc"), 0, 1 },
        { "shorter", TEXT("ab"), TEXT("abc"), 0, 0 },
        { "other", TEXT("abd"), TEXT("abc"), 0, 0 },
        { "empty", TEXT(""), TEXT(""), 1, 1 },
        { "empty and not", TEXT(""), TEXT("a"), 0, 0 },
        { "NUL inside", TEXT("a\0b"), TEXT("a\0c"), 0, 0 },
        { "32 apart, no letters", TEXT("@"), TEXT("`"), 0, 0 },
        { "bytes above 0x7f", TEXT("\xc4"), TEXT("\xe4"), 0, 0 },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        row_int(rows[i].name, mcmp__span_eq(rows[i].a, rows[i].b), rows[i].eq);
        row_int(rows[i].name, mcmp__span_eq_nocase(rows[i].a, rows[i].b), rows[i].nocase);
    }
    ck_assert_int_eq(mcmp__span_eq(mcmp__span(NULL, 0), mcmp__span_str("")), 1);
    ck_assert_int_eq(mcmp__span_is(mcmp__span_str("id"), "id"), 1);
    ck_assert_int_eq(mcmp__span_is_nocase(mcmp__span_str("ID"), "id"), 1);
    ck_assert_int_eq(mcmp__span_is_nocase(mcmp__span_str("IDs"), "id"), 0);
}
END_TEST

/* Out of memory that ends at a guard page. */
START_TEST(test_comparing_sees_each_byte)
{
    char text[40];

    memset(text, 'a', sizeof(text));
    for (size_t len = 0; len <= sizeof(text); len++) {
        guard g = guard_copy(text, len);

        ck_assert_int_eq(mcmp__bytes_eq(g.ptr, text, len), 1);
        for (size_t i = 0; i < len; i++) {
            g.ptr[i] = 'b';
            ck_assert_int_eq(mcmp__bytes_eq(g.ptr, text, len), 0);
            g.ptr[i] = 'a';
        }
        guard_free(&g);
    }
}
END_TEST

START_TEST(test_a_list_has_its_words_whole)
{
    static const struct {
        const char *list, *word;
        int has;
    } rows[] = {
        { "a,b", "a", 1 },    { "a,b", "b", 1 }, { "a,b", "c", 0 }, { "ab,c", "a", 0 },
        { "a , b ", "B", 1 }, { "a,,b", "", 0 }, { "", "a", 0 },    { "", "", 0 },
        { "a", "a,", 0 },     { "a b", "a", 0 }, { ",a", "a", 1 },  { NULL, "a", 0 },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        row_int(rows[i].list != NULL ? rows[i].list : "none",
                mcmp__list_has(mcmp__span_str(rows[i].list), mcmp__span_str(rows[i].word)),
                rows[i].has);
}
END_TEST

START_TEST(test_character_classes_cover_all_bytes)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789"
                                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    for (int c = 0; c < 256; c++) {
        int is_token = c != 0 && strchr(token, c) != NULL;
        int hex = -1;
        char name[16];

        if (c >= '0' && c <= '9')
            hex = c - '0';
        if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
            hex = (c | 0x20) - 'a' + 10;
        (void)snprintf(name, sizeof(name), "%#x", (unsigned)c);
        row_int(name, mcmp__is_token_char((char)c), is_token);
        row_int(name, mcmp__hex_value((char)c), hex);
        row_int(name, mcmp__is_digit((char)c), c >= '0' && c <= '9');
        row_int(name, mcmp__lower((char)c), (char)(c >= 'A' && c <= 'Z' ? c + 32 : c));
    }
}
END_TEST

START_TEST(test_lower_in_place_changes_each_byte_alone)
{
    for (size_t len = 1; len <= 18; len++) {
        for (unsigned i = 0; i < len * 256; i++) {
            char text[18];
            char byte = (char)(i % 256);
            guard g;

            memset(text, 'Q', sizeof(text));
            text[i / 256] = byte;
            g = guard_copy(text, len);
            memset(text, 'q', sizeof(text));
            text[i / 256] = mcmp__lower(byte);
            mcmp__lower_in_place(g.ptr, len);
            ck_assert_mem_eq(g.ptr, text, len);
            guard_free(&g);
        }
    }
}
END_TEST

START_TEST(test_lower_in_place_changes_letters_only)
{
    char text[] = "A-Z [\\] \xc4 z";
    char word[] = "abcdefghijkL";

    ck_assert_int_eq(mcmp__lower_in_place(text, strlen(text)), 1);
    ck_assert_str_eq(text, "a-z [\\] \xc4 z");
    ck_assert_int_eq(mcmp__lower_in_place(text, strlen(text)), 0);
    for (size_t len = 0; len <= 12; len++) /* only the last letter is a great one */
        ck_assert_int_eq(mcmp__lower_in_place(word, len), len == 12);
    word[2] = 'C';
    ck_assert_int_eq(mcmp__lower_in_place(word, 2), 0);
    ck_assert_int_eq(mcmp__lower_in_place(word, 3), 1);
    ck_assert_str_eq(word, "abcdefghijkl");
}
END_TEST

int main(void)
{
    const TTest *tests[] = {
        test_parse_uint_takes_digits_up_to_the_limit,
        test_format_uint_is_the_reverse_of_parse_uint,
        test_comparing_knows_case_and_length,
        test_a_list_has_its_words_whole,
        test_comparing_sees_each_byte,
        test_character_classes_cover_all_bytes,
        test_lower_in_place_changes_letters_only,
        test_lower_in_place_changes_each_byte_alone,
        test_format_uint_knows_the_borders_of_lengths,
    };

    return run_tests("text", tests, COUNT_OF(tests));
}
