/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Codes and error objects: the list in base.h against the table, bands, and what an error object of
 * another size gets to see.
 */
#include "support.h"

#include "base/base.h"

#include <libmcmp/version.h>

/* One line `#define MCMP_ERR_X (-1)` of the header; 0 when the line is none. */
static int code_line(const char *line, char *name, size_t size, int *code)
{
    const char *start = line + strlen("#define ");
    const char *digits;
    int sign = 1;
    size_t len;

    if (strncmp(line, "#define MCMP_ERR_", 17) != 0)
        return 0;
    len = strcspn(start, " ");
    if (len >= size)
        return 0;
    (void)snprintf(name, size, "%.*s", (int)len, start);
    digits = start + len + strcspn(start + len, "-0123456789");
    if (*digits == '-') {
        sign = -1;
        digits++;
    }
    for (*code = 0; *digits >= '0' && *digits <= '9'; digits++)
        *code = *code * 10 + (*digits - '0');
    *code *= sign;
    return 1;
}

static int in_band(const char *name, int code)
{
    if (strncmp(name, "MCMP_ERR_HTTP_", 14) == 0)
        return code <= -501 && code >= -599;
    if (strncmp(name, "MCMP_ERR_ADVERT_", 16) == 0)
        return code <= -601 && code >= -699;
    return code <= -1 && code >= -499;
}

START_TEST(test_error_table_has_every_code_of_the_header)
{
    size_t len;
    char *text = read_test_file("../include/libmcmp/base.h", &len);
    int seen[1000] = { 0 };
    size_t count = 0;

    text[len - 1] = '\0';
    for (char *line = text; line != NULL; line = strchr(line, '\n')) {
        char name[64];
        int code;

        line += line != text;
        if (!code_line(line, name, sizeof(name), &code))
            continue;
        count++;
        row_true(name, code < 0 && code > -1000);
        ck_assert_msg(in_band(name, code), "%s: %d is outside of its band", name, code);
        ck_assert_msg(!seen[-code], "%s: %d is used twice", name, code);
        seen[-code] = 1;
        ck_assert_str_eq(mcmp_error_name(code), name);
        ck_assert_str_ne(mcmp_strerror(code), "unknown code");
        row_true(name, strlen(mcmp_strerror(code)) > 4);
    }
    free(text);
    ck_assert_uint_ge(count, 33);
}
END_TEST

START_TEST(test_error_names_results_that_are_no_errors)
{
    static const struct {
        int code;
        const char *name;
    } rows[] = { { MCMP_OK, "MCMP_OK" },           { MCMP_NEED_MORE, "MCMP_NEED_MORE" },
                 { MCMP_DONE, "MCMP_DONE" },       { MCMP_PENDING, "MCMP_PENDING" },
                 { MCMP_WAIT, "MCMP_WAIT" },       { MCMP_NO_CONTEXT, "MCMP_NO_CONTEXT" },
                 { MCMP_NO_NODE, "MCMP_NO_NODE" }, { MCMP_NOT_OURS, "MCMP_NOT_OURS" } };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        row_true(rows[i].name, rows[i].code >= 0);
        ck_assert_str_eq(mcmp_error_name(rows[i].code), rows[i].name);
    }
}
END_TEST

START_TEST(test_error_names_are_never_null)
{
    static const int unknown[] = { 999, -999, -42, INT32_MAX, INT32_MIN };

    for (size_t i = 0; i < COUNT_OF(unknown); i++) {
        ck_assert_str_eq(mcmp_error_name(unknown[i]), "MCMP_?");
        ck_assert_str_eq(mcmp_strerror(unknown[i]), "unknown code");
    }
}
END_TEST

START_TEST(test_fail_fills_code_field_and_message)
{
    mcmp_error err;

    mcmp_error_init(&err);
    row_code("fail", mcmp__fail(&err, MCMP_ERR_FULL, "max_nodes", "%d of %d", 3, 3), MCMP_ERR_FULL);
    ck_assert_int_eq(err.code, MCMP_ERR_FULL);
    ck_assert_str_eq(err.field, "max_nodes");
    ck_assert_str_eq(err.message, "3 of 3");
    mcmp__error_wire(&err, MCMP_WIRE_MEM);
    mcmp__error_at(&err, 77);
    ck_assert_uint_eq(err.wire_class, MCMP_WIRE_MEM);
    ck_assert_uint_eq(err.offset, 77);
    ck_assert_str_eq(err.message, "3 of 3");
}
END_TEST

START_TEST(test_fail_replaces_what_an_older_failure_left)
{
    mcmp_error err;

    mcmp_error_init(&err);
    (void)mcmp__fail(&err, MCMP_ERR_FULL, "max_nodes", "a longer sentence than the next");
    mcmp__error_wire(&err, MCMP_WIRE_MEM);
    (void)mcmp__fail(&err, MCMP_ERR_NOMEM, NULL, "none");
    ck_assert_int_eq(err.code, MCMP_ERR_NOMEM);
    ck_assert_str_eq(err.field, "");
    ck_assert_str_eq(err.message, "none");
    ck_assert_uint_eq(err.wire_class, MCMP_WIRE_NONE);
}
END_TEST

START_TEST(test_fail_cuts_long_texts)
{
    mcmp_error err;
    char text[1000];

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    mcmp_error_init(&err);
    (void)mcmp__fail(&err, MCMP_ERR_LIMIT, text, "%s", text);
    ck_assert_uint_eq(strlen(err.field), sizeof(err.field) - 1);
    ck_assert_uint_eq(strlen(err.message), sizeof(err.message) - 1);
}
END_TEST

START_TEST(test_fail_needs_no_error_object)
{
    row_code("fail", mcmp__fail(NULL, MCMP_ERR_LIMIT, "x", "y"), MCMP_ERR_LIMIT);
    row_code("os", mcmp__fail_os(NULL, 2, "open"), MCMP_ERR_OS);
    mcmp__error_wire(NULL, MCMP_WIRE_MEM);
    mcmp__error_at(NULL, 1);
}
END_TEST

START_TEST(test_fail_os_keeps_the_status)
{
    mcmp_error err;

    mcmp_error_init(&err);
    row_code("os", mcmp__fail_os(&err, 13, "mmap"), MCMP_ERR_OS);
    ck_assert_int_eq(err.os_status, 13);
    ck_assert_ptr_nonnull(strstr(err.message, "mmap"));
}
END_TEST

/* An error object of an older caller ends before `line`; what follows it must stay. */
START_TEST(test_fail_writes_no_further_than_an_older_object)
{
    union {
        mcmp_error err;
        unsigned char bytes[sizeof(mcmp_error)];
    } old;

    memset(old.bytes, 0xa5, sizeof(old.bytes));
    mcmp_error_init_sized(&old.err, offsetof(mcmp_error, line));
    (void)mcmp__fail(&old.err, MCMP_ERR_FULL, "f", "m");
    mcmp__error_at(&old.err, 5);
    ck_assert_int_eq(old.err.code, MCMP_ERR_FULL);
    ck_assert_uint_eq(old.err.offset, 5);
    ck_assert_uint_eq(old.err.struct_size, offsetof(mcmp_error, line));
    for (size_t i = offsetof(mcmp_error, line); i < sizeof(old.bytes); i++)
        ck_assert_uint_eq(old.bytes[i], 0xa5);
}
END_TEST

START_TEST(test_version_tells_what_was_linked)
{
    mcmp_version_info info;

    mcmp_version_info_init(&info);
    row_code("version", mcmp_version(&info), MCMP_OK);
    ck_assert_uint_eq(info.number, MCMP_VERSION_NUM);
    ck_assert_uint_eq(info.number,
                      MCMP_VERSION_MAJOR << 16 | MCMP_VERSION_MINOR << 8 | MCMP_VERSION_PATCH);
    ck_assert_str_eq(info.text, MCMP_VERSION);
    ck_assert_str_eq(info.protocol, MCMP_PROTOCOL_VERSION);
    row_code("NULL", mcmp_version(NULL), MCMP_ERR_INVALID);
    info.struct_size = 0;
    row_code("not initialised", mcmp_version(&info), MCMP_ERR_INVALID);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {
        test_error_table_has_every_code_of_the_header,
        test_error_names_results_that_are_no_errors,
        test_error_names_are_never_null,
        test_fail_fills_code_field_and_message,
        test_fail_replaces_what_an_older_failure_left,
        test_fail_cuts_long_texts,
        test_fail_needs_no_error_object,
        test_fail_os_keeps_the_status,
        test_fail_writes_no_further_than_an_older_object,
        test_version_tells_what_was_linked,
    };

    return run_tests("error", tests, COUNT_OF(tests));
}
