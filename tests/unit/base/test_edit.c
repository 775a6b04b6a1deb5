/* SPDX-License-Identifier: Apache-2.0 */
/* What stays of a Cookie value and of a path when a session is taken out (MCMP 5.5). */
#include "base/base.h"
#include "support.h"

typedef struct edit_row {
    const char *text;
    const char *name;
    const char *want; /* the parts that stay, each in brackets */
} edit_row;

static const edit_row cookies[] = {
    { "", "S", "" },
    { "a=1", "S", "[a=1]" },
    { "S=x", "S", "" },
    { "a=1; S=x; b=2", "S", "[a=1][ b=2]" },
    { "S=x; b=2", "S", "[ b=2]" },
    { "a=1;S=x", "S", "[a=1]" },
    { "S=x; S=y", "S", "" },
    { " S = x ;b", "S", "[b]" },
    { "SS=x; s=y; S", "S", "[SS=x][ s=y][ S]" },
    { "a=\"S=x; b\"", "S", "[a=\"S=x][ b\"]" },
    { "a=1;", "S", "[a=1]" },
    { ";;a=1", "S", "[][][a=1]" },
};

static const edit_row paths[] = {
    { "/", "s", "[/]" },
    { "/a;s=1", "s", "[/a]" },
    { "/a;s=1/b", "s", "[/a][/b]" },
    { "/a;s;t=2/b", "s", "[/a][;t=2/b]" },
    { "/a;st=2;s=1;s=2", "s", "[/a;st=2][]" },
    { ";s=1/x", "s", "[][/x]" },
    { "/a;S=1", "s", "[/a;S=1]" },
};

static void check(const edit_row *row,
                  int (*next)(mcmp_span text, mcmp_span name, size_t *from, mcmp_span *out))
{
    char got[256];
    size_t from = 0;
    mcmp_span part;
    int len = 0;

    got[0] = '\0';
    while (next(span_of(row->text), span_of(row->name), &from, &part))
        len += snprintf(got + len, sizeof(got) - (size_t)len, "[%.*s]", (int)part.len, part.ptr);
    ck_assert_msg(strcmp(got, row->want) == 0, "'%s': %s, not %s", row->text, got, row->want);
}

START_TEST(test_edit_takes_a_cookie_out)
{
    for (size_t i = 0; i < COUNT_OF(cookies); i++)
        check(&cookies[i], mcmp__cookie_rest);
}
END_TEST

START_TEST(test_edit_takes_a_path_parameter_out)
{
    for (size_t i = 0; i < COUNT_OF(paths); i++)
        check(&paths[i], mcmp__path_rest);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_edit_takes_a_cookie_out,
        test_edit_takes_a_path_parameter_out,
    };

    return run_tests("edit", tests, COUNT_OF(tests));
}
