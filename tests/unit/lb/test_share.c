/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The measure of MCMP 5.6: values, periods that end, clocks that are behind, and shares that come
 * out of nothing but the words.
 */
#include "support.h"

#include "lb/share.h"

#define WORD(period, picks) ((uint64_t)(period) << MCMP__SHARE_PICKS | (picks))

static const struct {
    const char *name;
    uint64_t word;
    uint64_t carry;
    uint32_t period;
    int load;
    uint64_t value;
} values[] = {
    { "nothing picked", WORD(5, 0), 0, 5, 100, 0 },
    { "one pick of load 100", WORD(5, 1), 0, 5, 100, 10 },
    { "one pick of load 1", WORD(5, 1), 0, 5, 1, 1000 },
    { "picks of load 30", WORD(5, 7), 0, 5, 30, 233 },
    { "carry counts", WORD(5, 7), 1000, 5, 100, 1070 },
    { "the finished period becomes the carry", WORD(4, 10), 0, 5, 100, 100 },
    { "of an older carry half stays", WORD(4, 10), 50, 5, 100, 125 },
    { "an idle period halves it", WORD(3, 10), 0, 5, 100, 50 },
    { "many idle periods forget it", WORD(3, 10), 0, 300, 100, 0 },
    { "a clock one period behind rolls nothing", WORD(6, 10), 7, 5, 100, 107 },
    { "the number of the period wraps", WORD(0xffffff, 10), 0, 0, 100, 100 },
    { "no overflow with all picks", WORD(5, MCMP__SHARE_PICK_MASK), 0, 5, 1,
      MCMP__SHARE_PICK_MASK * 1000 },
};

START_TEST(test_share_gives_the_value_of_the_protocol)
{
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        mcmp__share share =
            mcmp__share_read(values[i].word, values[i].carry, values[i].period, values[i].load);

        row_int(values[i].name, mcmp__share_value(share, values[i].load), values[i].value);
    }
}
END_TEST

START_TEST(test_share_counts_and_rolls)
{
    mcmp__word word = 0;
    mcmp__word carry = 0;

    for (int i = 0; i < 10; i++)
        mcmp__share_add(&word, &carry, 7, 50);
    ck_assert_uint_eq(word, WORD(7, 10));
    ck_assert_uint_eq(carry, 0);
    mcmp__share_add(&word, &carry, 8, 50);
    ck_assert_uint_eq(word, WORD(8, 1));
    ck_assert_uint_eq(carry, 200);
    mcmp__share_add(&word, &carry, 10, 50); /* one pick in 8, nothing in 9 */
    ck_assert_uint_eq(word, WORD(10, 1));
    ck_assert_uint_eq(carry, (20 + 100) / 2);
    mcmp__share_add(&word, &carry, 9, 50); /* a clock behind */
    ck_assert_uint_eq(word, WORD(10, 2));
    word = WORD(10, MCMP__SHARE_PICK_MASK);
    mcmp__share_add(&word, &carry, 10, 50);
    ck_assert_uint_eq(word, WORD(10, MCMP__SHARE_PICK_MASK));
}
END_TEST

START_TEST(test_share_numbers_periods)
{
    ck_assert_uint_eq(mcmp__share_period(0, 5 * MCMP_SEC), 0);
    ck_assert_uint_eq(mcmp__share_period(5 * MCMP_SEC - 1, 5 * MCMP_SEC), 0);
    ck_assert_uint_eq(mcmp__share_period(5 * MCMP_SEC, 5 * MCMP_SEC), 1);
    ck_assert_uint_eq(mcmp__share_period(12 * MCMP_SEC, MCMP_NEVER), 0);
}
END_TEST

/* Picks the least value by hand: 100/50/25 over many periods, uneven traffic. */
START_TEST(test_share_gives_each_load_its_part_over_periods)
{
    static const int loads[3] = { 100, 50, 25 };
    mcmp__word word[3] = { 0, 0, 0 };
    mcmp__word carry[3] = { 0, 0, 0 };
    uint32_t picked[3] = { 0, 0, 0 };

    for (uint32_t i = 0; i < 100000; i++) {
        uint32_t period = i / (100 + i % 37);
        uint64_t least = UINT64_MAX;
        int best = 0;

        for (int k = 0; k < 3; k++) {
            mcmp__share share = mcmp__share_read(word[k], carry[k], period, loads[k]);
            uint64_t value = mcmp__share_value(share, loads[k]);

            if (value < least) {
                least = value;
                best = k;
            }
        }
        mcmp__share_add(&word[best], &carry[best], period, loads[best]);
        picked[best]++;
    }
    for (int k = 0; k < 3; k++) {
        double ideal = 100000.0 * loads[k] / 175;

        ck_assert_msg(picked[k] > ideal * 0.98 && picked[k] < ideal * 1.02, "load %d: %u of %f",
                      loads[k], picked[k], ideal);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_share_gives_the_value_of_the_protocol,
        test_share_counts_and_rolls,
        test_share_numbers_periods,
        test_share_gives_each_load_its_part_over_periods,
    };

    return run_tests("share", tests, COUNT_OF(tests));
}
