/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session ids and routes out of cookies and paths: RFC 6265 splitting, quotes, repeats, path
 * parameters in any segment. Every text ends at a guard page.
 */
#include "support.h"

#include "lb/session.h"

/* Appends a value and `|` to a text. */
static void note(char *text, size_t room, mcmp_span value)
{
    size_t len = strlen(text);

    (void)snprintf(text + len, room - len, "%.*s|", (int)value.len, value.ptr);
}

typedef struct cookie_row {
    const char *name;
    const char *line[2];
    const char *cookie;
    const char *values; /* all found, each followed by `|` */
} cookie_row;

static const cookie_row cookies[] = {
    { "one cookie", { "JSESSIONID=a.n1", NULL }, "JSESSIONID", "a.n1|" },
    { "among others", { "x=1; JSESSIONID=a.n1; y=2", NULL }, "JSESSIONID", "a.n1|" },
    { "without blanks between", { "x=1;JSESSIONID=a.n1;y=2", NULL }, "JSESSIONID", "a.n1|" },
    { "tabs and blanks around",
      { "x=1 ;\t JSESSIONID=a.n1 \t; y=2", NULL },
      "JSESSIONID",
      "a.n1|" },
    { "quotes are dropped", { "JSESSIONID=\"a.n1\"", NULL }, "JSESSIONID", "a.n1|" },
    { "one quote stays", { "JSESSIONID=\"a.n1", NULL }, "JSESSIONID", "\"a.n1|" },
    { "a quote alone stays", { "JSESSIONID=\"", NULL }, "JSESSIONID", "\"|" },
    { "empty quotes are no value", { "JSESSIONID=\"\"", NULL }, "JSESSIONID", "" },
    { "an empty value is none", { "JSESSIONID=; x=1", NULL }, "JSESSIONID", "" },
    { "no value at all", { "JSESSIONID; x=1", NULL }, "JSESSIONID", "" },
    { "the line ends after the name", { "JSESSIONID", NULL }, "JSESSIONID", "" },
    { "not inside another value",
      { "x=JSESSIONID=b.n2; JSESSIONID=a.n1", NULL },
      "JSESSIONID",
      "a.n1|" },
    { "not as the end of another name", { "MYJSESSIONID=b.n2", NULL }, "JSESSIONID", "" },
    { "not as the start of another name", { "JSESSIONIDX=b.n2", NULL }, "JSESSIONID", "" },
    { "another case is another name", { "jsessionid=b.n2", NULL }, "JSESSIONID", "" },
    { "a repeat in one line",
      { "JSESSIONID=a.n1; JSESSIONID=b.n2", NULL },
      "JSESSIONID",
      "a.n1|b.n2|" },
    { "a repeat in two lines",
      { "JSESSIONID=a.n1", "JSESSIONID=b.n2" },
      "JSESSIONID",
      "a.n1|b.n2|" },
    { "in the second line", { "x=1; y=2", "z=3; JSESSIONID=b.n2" }, "JSESSIONID", "b.n2|" },
    { "a line is no continuation", { "x=1; JSESSION", "ID=b.n2" }, "JSESSIONID", "" },
    { "an equals sign in the value", { "JSESSIONID=a=b.n1", NULL }, "JSESSIONID", "a=b.n1|" },
    { "a blank before the equals sign", { "JSESSIONID =a.n1", NULL }, "JSESSIONID", "a.n1|" },
    { "old attributes are others",
      { "$Version=1; JSESSIONID=a.n1; $Path=/app", NULL },
      "JSESSIONID",
      "a.n1|" },
    { "empty pairs are skipped", { ";;; ; JSESSIONID=a.n1;", NULL }, "JSESSIONID", "a.n1|" },
    { "an empty line", { "", NULL }, "JSESSIONID", "" },
    { "blanks only", { "   ", NULL }, "JSESSIONID", "" },
    { "a balancer without a cookie name", { "=a.n1", NULL }, "", "" },
    { "a name with a dot", { "MY.ID=a.n1", NULL }, "MY.ID", "a.n1|" },
};

START_TEST(test_session_finds_cookies_by_the_rules_of_rfc_6265)
{
    for (size_t i = 0; i < COUNT_OF(cookies); i++) {
        const cookie_row *row = &cookies[i];
        mcmp_span lines[2];
        guard copies[2];
        size_t count = 0;
        char found[256] = "";
        mcmp__cookie_walk walk;
        mcmp_span value;

        for (; count < 2 && row->line[count] != NULL; count++) {
            copies[count] = guard_copy(row->line[count], strlen(row->line[count]));
            lines[count].ptr = copies[count].ptr;
            lines[count].len = copies[count].len;
        }
        mcmp__cookie_walk_init(&walk, lines, count, span_of(row->cookie));
        while (mcmp__cookie_next(&walk, &value)) {
            note(found, sizeof(found), value);
        }
        ck_assert_msg(strcmp(found, row->values) == 0, "%s: found %s, not %s", row->name, found,
                      row->values);
        for (size_t k = 0; k < count; k++)
            guard_free(&copies[k]);
    }
}
END_TEST

static const struct {
    const char *name;
    const char *path;
    const char *values;
} params[] = {
    { "at the end", "/app;jsessionid=a.n1", "a.n1|" },
    { "in a segment in the middle", "/app;jsessionid=a.n1/page", "a.n1|" },
    { "before another parameter", "/app;jsessionid=a.n1;x=1", "a.n1|" },
    { "after another parameter", "/app;x=1;jsessionid=a.n1", "a.n1|" },
    { "before the query", "/app;jsessionid=a.n1?x=1", "a.n1|" },
    { "not in the query", "/app?x=1;jsessionid=a.n1", "" },
    { "not without a semicolon", "/app/jsessionid=a.n1", "" },
    { "not as the end of another name", "/app;myjsessionid=a.n1", "" },
    { "not as the start of another name", "/app;jsessionidx=a.n1", "" },
    { "not inside another value", "/app;x=jsessionid=a.n1", "" },
    { "an empty value is none", "/app;jsessionid=", "" },
    { "an empty value, then one", "/app;jsessionid=;jsessionid=a.n1", "a.n1|" },
    { "two of them", "/app;jsessionid=a.n1/b;jsessionid=b.n2", "a.n1|b.n2|" },
    { "the name alone", "/app;jsessionid", "" },
    { "nothing after the semicolon", "/app;", "" },
    { "an empty path", "", "" },
    { "another case is another name", "/app;JSESSIONID=a.n1", "" },
};

START_TEST(test_session_finds_path_parameters_in_any_segment)
{
    for (size_t i = 0; i < COUNT_OF(params); i++) {
        guard copy = guard_copy(params[i].path, strlen(params[i].path));
        mcmp_span path = { copy.ptr, copy.len };
        char found[256] = "";
        mcmp_span value;
        size_t pos = 0;

        while (mcmp__path_param_next(path, span_of("jsessionid"), &pos, &value)) {
            note(found, sizeof(found), value);
        }
        ck_assert_msg(strcmp(found, params[i].values) == 0, "%s: found %s, not %s", params[i].name,
                      found, params[i].values);
        pos = 0;
        ck_assert_int_eq(mcmp__path_param_next(path, span_of(""), &pos, &value), 0);
        guard_free(&copy);
    }
}
END_TEST

START_TEST(test_session_cuts_paths_at_query_and_parameters)
{
    static const char *const rows[][2] = {
        { "/app", "/app" },     { "/app?x=1", "/app" },
        { "/app;x=1", "/app" }, { "/app?a;b", "/app" },
        { "/app;a?b", "/app" }, { "/app;a/b", "/app" },
        { "/a;x/b;y", "/a" },   { "", "" },
        { "?x", "" },           { ";x", "" },
        { "/", "/" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        guard copy = guard_copy(rows[i][0], strlen(rows[i][0]));
        mcmp_span path = { copy.ptr, copy.len };

        row_text(rows[i][0], mcmp__path_cut(path), rows[i][1]);
        guard_free(&copy);
    }
}
END_TEST

START_TEST(test_session_splits_ids_at_the_first_dot)
{
    static const char *const rows[][3] = {
        { "id.n1", "id", "n1" },     { "id", "id", "" },        { "id.n.1", "id", "n.1" },
        { ".n1", "", "n1" },         { "id.", "id", "" },       { "", "", "" },
        { "a.b.c.d", "a", "b.c.d" }, { "id..n1", "id", ".n1" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        row_text(rows[i][0], mcmp__session_stem(span_of(rows[i][0])), rows[i][1]);
        row_text(rows[i][0], mcmp__session_route(span_of(rows[i][0])), rows[i][2]);
    }
}
END_TEST

START_TEST(test_session_walks_ranked_routes)
{
    static const char *const rows[][2] = {
        { "a", "a|" }, { "a.b.c", "a|b|c|" }, { "a..b", "a|b|" }, { ".a.", "a|" },
        { "", "" },    { "...", "" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mcmp_span rest = span_of(rows[i][0]);
        char found[64] = "";
        mcmp_span route;

        while (mcmp__route_next(&rest, &route)) {
            note(found, sizeof(found), route);
        }
        ck_assert_msg(strcmp(found, rows[i][1]) == 0, "%s: %s", rows[i][0], found);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_session_finds_cookies_by_the_rules_of_rfc_6265,
        test_session_finds_path_parameters_in_any_segment,
        test_session_cuts_paths_at_query_and_parameters,
        test_session_splits_ids_at_the_first_dot,
        test_session_walks_ranked_routes,
    };

    return run_tests("session", tests, COUNT_OF(tests));
}
