/* SPDX-License-Identifier: Apache-2.0 */
/* The error log: no byte of a peer forges a line, floods are held back. */
#include "support.h"

#include <fcntl.h>

#include "log.h"

START_TEST(escaping_leaves_only_printable_bytes)
{
    static const struct {
        const char *text;
        size_t len;
        const char *escaped;
    } rows[] = {
        { "plain text", 10, "plain text" },
        { "a\r\nb", 4, "a\\x0d\\x0ab" },
        { "\0\x7f\xff", 3, "\\x00\\x7f\\xff" },
        { "q\"b\\", 4, "q\\\"b\\\\" },
        { "", 0, "" },
    };
    char out[64];

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t len = log_escape(out, sizeof(out), rows[i].text, rows[i].len);

        row_int(rows[i].escaped, len, strlen(rows[i].escaped));
        row_text(rows[i].escaped, span_of(out), rows[i].escaped);
    }
}
END_TEST

START_TEST(escaping_never_writes_behind_its_room)
{
    char text[100];

    memset(text, 1, sizeof(text));
    for (size_t size = 1; size < 40; size++) {
        guard room = guard_copy(text, size);

        ck_assert_uint_lt(log_escape(room.ptr, size, text, sizeof(text)), size);
        guard_free(&room);
    }
}
END_TEST

START_TEST(a_line_is_one_line_whatever_is_in_it)
{
    char path[] = "/tmp/mcmp-test-log-XXXXXX";
    char got[4096];
    int fd = mkstemp(path);
    char *at = got;
    ssize_t len;

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(log_open(path, MCMP_LOG_INFO), 0);
    log_write(MCMP_LOG_INFO, "test", "evil\n2026-01-01 error: forged %d", 1);
    log_library(NULL, MCMP_LOG_WARN, "lib", "x\ry", 3);
    log_write(MCMP_LOG_DEBUG, "test", "not wanted");
    ck_assert_int_eq(log_open("off", MCMP_LOG_INFO), 0);
    log_write(MCMP_LOG_ERROR, "test", "nowhere");
    ck_assert_int_eq(log_open("/nonexistent/x", MCMP_LOG_INFO), -1);
    len = read(fd, got, sizeof(got) - 1);
    ck_assert_int_gt(len, 0);
    got[len] = '\0';
    ck_assert_ptr_nonnull(strstr(got, " test: evil?2026-01-01 error: forged 1\n"));
    ck_assert_ptr_nonnull(strstr(got, " warn "));
    ck_assert_ptr_nonnull(strstr(got, " lib: x?y\n"));
    for (len = 0; *at != '\0'; at++)
        len += *at == '\n';
    ck_assert_int_eq(len, 2);
    close(fd);
    unlink(path);
}
END_TEST

START_TEST(a_flood_is_cut_and_counted)
{
    struct log_limit limit = { 0, 0, 0 };
    mcmp_time now = 100 * MCMP_SEC;
    uint32_t dropped;
    unsigned written = 0;

    for (int i = 0; i < 1000; i++)
        written += (unsigned)log_allowed(&limit, now, &dropped);
    ck_assert_uint_eq(written, 10);
    ck_assert_int_eq(log_allowed(&limit, now + 2 * MCMP_SEC, &dropped), 1);
    ck_assert_uint_eq(dropped, 990);
    ck_assert_int_eq(log_allowed(&limit, now + 4 * MCMP_SEC, &dropped), 1);
    ck_assert_uint_eq(dropped, 0);
}
END_TEST

int main(void)
{
    const TTest *tests[] = { escaping_leaves_only_printable_bytes,
                             escaping_never_writes_behind_its_room,
                             a_line_is_one_line_whatever_is_in_it, a_flood_is_cut_and_counted };

    return run_tests("server log", tests, COUNT_OF(tests));
}
