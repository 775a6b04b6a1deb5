/* SPDX-License-Identifier: Apache-2.0 */
/* Dates against the system's calendar, and texts that are none. */
#include "support.h"

#include "advertise/values.h"

#include <time.h>

START_TEST(test_dates_are_those_of_the_system)
{
    uint64_t state = 7;

    for (int i = 0; i < 20000; i++) {
        int64_t date = i < 4000 ? (int64_t)i * 86400 * 30 + 86399
                                : (int64_t)test_random(&state) * 64 + test_random(&state) % 64;
        char want[64];
        char got[MCMP__ADVERT_DATE_LEN];
        mcmp_span text = { got, sizeof(got) };
        time_t t = (time_t)date;
        struct tm tm;

        ck_assert_ptr_nonnull(gmtime_r(&t, &tm));
        ck_assert_uint_eq(strftime(want, sizeof(want), "%a, %d %b %Y %H:%M:%S GMT", &tm), 29);
        mcmp__advert_date_write(date, got);
        row_text(want, text, want);
        row_int(want, mcmp__advert_date_read(text), date);
    }
}
END_TEST

START_TEST(test_dates_at_the_ends)
{
    static const struct {
        int64_t date;
        const char *text;
    } rows[] = {
        { 0, "Thu, 01 Jan 1970 00:00:00 GMT" },
        { 951782400, "Tue, 29 Feb 2000 00:00:00 GMT" },
        { 4107542399, "Sun, 28 Feb 2100 23:59:59 GMT" },
        { 4107542400, "Mon, 01 Mar 2100 00:00:00 GMT" },
        { MCMP__ADVERT_DATE_MAX, "Fri, 31 Dec 9999 23:59:59 GMT" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char got[MCMP__ADVERT_DATE_LEN];
        mcmp_span text = { got, sizeof(got) };

        mcmp__advert_date_write(rows[i].date, got);
        row_text(rows[i].text, text, rows[i].text);
        row_int(rows[i].text, mcmp__advert_date_read(text), rows[i].date);
    }
}
END_TEST

START_TEST(test_other_forms_of_the_standard_are_read)
{
    static const char *const rows[] = {
        "20 Nov 2026 04:32:41 GMT",        "Fri, 20 Nov 2026 04:32:41 UT",
        "Fri, 20 Nov 2026 04:32:41 UTC",   "Fri, 20 Nov 2026 04:32:41 +0000",
        "Fri, 20 Nov 2026 05:32:41 +0100", "Thu, 19 Nov 2026 23:02:41 -0530",
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        row_int(rows[i], mcmp__advert_date_read(span_of(rows[i])), 1795149161);
    row_int("one digit", mcmp__advert_date_read(span_of("1 Jan 1970 00:00:00 GMT")), 0);
}
END_TEST

START_TEST(test_what_is_no_date_is_told)
{
    static const char *const rows[] = {
        "",
        "yesterday",
        "Fri, 20 Nov 2026 04:32:41",
        "Fri, 20 Nov 2026 04:32:41 CET",
        "Fri, 20 Nov 2026 04:32:41 GMT ",
        "Fri, 20 Nov 2026 24:00:00 GMT",
        "Fri, 20 Nov 2026 04:60:00 GMT",
        "Fri, 20 Nov 2026 04:32:61 GMT",
        "Fri, 20 Nov 26 04:32:41 GMT",
        "Fri, 20 Nov 2026 4:32:41 GMT",
        "Fri, 31 Nov 2026 04:32:41 GMT",
        "Fri, 29 Feb 2026 04:32:41 GMT",
        "Fri, 32 Dec 2026 04:32:41 GMT",
        "Fri, 00 Nov 2026 04:32:41 GMT",
        "Fri, 20 nov 2026 04:32:41 GMT",
        "Fri,20 Nov 2026 04:32:41 GMT",
        "Fri 20 Nov 2026 04:32:41 GMT",
        "Fri, 20-Nov-2026 04:32:41 GMT",
        "Fri, 20 Nov 2026 04.32.41 GMT",
        "Fri, 20 Nov 2026 04:32:41 +2460",
        "Fri, 20 Nov 2026 04:32:41 +100",
        "Thu, 01 Jan 1970 00:00:00 +0100",
        "Wed, 31 Dec 1969 00:00:00 GMT",
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        guard text = guard_copy(rows[i], strlen(rows[i]));
        mcmp_span span = { text.ptr, text.len };

        row_int(rows[i], mcmp__advert_date_read(span), MCMP_ADVERT_NO_DATE);
        guard_free(&text);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_dates_are_those_of_the_system,
        test_dates_at_the_ends,
        test_other_forms_of_the_standard_are_read,
        test_what_is_no_date_is_told,
    };

    return run_tests("date", tests, COUNT_OF(tests));
}
