/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: levels, the default level, cut texts, and peer bytes made printable without growing
 * over the room.
 */
#include "support.h"

#include "base/base.h"

typedef struct seen {
    int calls;
    int level;
    size_t len;
    char module[16];
    char text[1024];
} seen;

static void note(void *ctx, int level, const char *module, const char *msg, size_t len)
{
    seen *s = ctx;

    s->calls++;
    s->level = level;
    s->len = len;
    (void)snprintf(s->module, sizeof(s->module), "%s", module);
    (void)snprintf(s->text, sizeof(s->text), "%s", msg);
}

START_TEST(test_log_passes_the_levels_wanted)
{
    static const struct {
        const char *name;
        int32_t wanted;
        int level;
        int calls;
    } rows[] = {
        { "info by default", 0, MCMP_LOG_INFO, 1 },
        { "no debug by default", 0, MCMP_LOG_DEBUG, 0 },
        { "debug when wanted", MCMP_LOG_DEBUG, MCMP_LOG_DEBUG, 1 },
        { "errors only", MCMP_LOG_ERROR, MCMP_LOG_WARN, 0 },
        { "errors always", MCMP_LOG_ERROR, MCMP_LOG_ERROR, 1 },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        seen s = { 0 };
        mcmp_logger logger;

        mcmp_logger_init(&logger);
        logger.ctx = &s;
        logger.fn = note;
        logger.level = rows[i].wanted;
        mcmp__log(&logger, rows[i].level, "store", "node %d", 5);
        row_int(rows[i].name, s.calls, rows[i].calls);
        if (s.calls != 0) {
            ck_assert_str_eq(s.text, "node 5");
            ck_assert_str_eq(s.module, "store");
            ck_assert_uint_eq(s.len, 6);
            ck_assert_int_eq(s.level, rows[i].level);
        }
    }
}
END_TEST

START_TEST(test_log_is_silent_without_a_function)
{
    mcmp_logger logger;

    mcmp_logger_init(&logger);
    mcmp__log(&logger, MCMP_LOG_ERROR, "m", "x");
    mcmp__log(NULL, MCMP_LOG_ERROR, "m", "x");
    ck_assert_int_eq(mcmp__log_wanted(NULL, MCMP_LOG_ERROR), 0);
    ck_assert_int_eq(mcmp__log_wanted(&logger, MCMP_LOG_ERROR), 0);
}
END_TEST

START_TEST(test_log_cuts_long_texts_and_tells_their_length)
{
    char text[2000];
    seen s = { 0 };
    mcmp_logger logger;

    memset(text, 'y', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    mcmp_logger_init(&logger);
    logger.ctx = &s;
    logger.fn = note;
    mcmp__log(&logger, MCMP_LOG_WARN, "m", "%s", text);
    ck_assert_int_eq(s.calls, 1);
    ck_assert_uint_eq(s.len, strlen(s.text));
    ck_assert_uint_lt(s.len, 1000);
}
END_TEST

START_TEST(test_printable_escapes_and_fits)
{
    static const struct {
        const char *name;
        mcmp_span text;
        size_t size;
        const char *want;
    } rows[] = {
        { "plain", TEXT("abc"), 16, "abc" },
        { "control", TEXT("a\r\n\tb"), 32, "a%0D%0A%09b" },
        { "NUL and high bytes", TEXT("\0\x7f\xff"), 32, "%00%7F%FF" },
        { "cut at a byte", TEXT("abcdef"), 4, "abc" },
        { "cut before an escape", TEXT("ab\n"), 5, "ab" },
        { "an escape that just fits", TEXT("ab\n"), 6, "ab%0A" },
        { "empty", TEXT(""), 4, "" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char out[33];

        memset(out, '#', sizeof(out));
        ck_assert_ptr_eq(mcmp__printable(out, rows[i].size, rows[i].text), out);
        row_text(rows[i].name, mcmp__span_str(out), rows[i].want);
        row_int(rows[i].name, out[rows[i].size], '#');
    }
}
END_TEST

int main(void)
{
    const TTest *tests[] = {
        test_log_passes_the_levels_wanted,
        test_log_is_silent_without_a_function,
        test_log_cuts_long_texts_and_tells_their_length,
        test_printable_escapes_and_fits,
    };

    return run_tests("log", tests, COUNT_OF(tests));
}
