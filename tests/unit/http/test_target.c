/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: one canonical path for matching and forwarding, or a refusal at a known byte. */
#include "support.h"

#include <libmcmp/http.h>

#define LINE MCMP_ERR_HTTP_LINE
#define HOST MCMP_ERR_HTTP_HOST
#define SLASH MCMP_HTTP_PATH_ENCODED_SLASH
#define KEEP MCMP_HTTP_PATH_KEEP_SLASHES

static mcmp_http_info request_of(uint32_t method, const char *target, size_t len)
{
    mcmp_http_info info;

    mcmp_http_info_init(&info);
    info.method = method;
    info.target.ptr = target;
    info.target.len = len;
    info.host = span_of("h.example:80");
    return info;
}

typedef struct good_row {
    const char *target;
    uint32_t flags;
    const char *path;
    const char *forward;
    const char *query;
    const char *whole;
} good_row;

static const good_row good_rows[] = {
    { "/", 0, "/", "/", "", "/" },
    { "/app", 0, "/app", "/app", "", "/app" },
    { "/app/", 0, "/app/", "/app/", "", "/app/" },
    { "/app?", 0, "/app", "/app", "", "/app?" },
    { "/app?x=/../y;z", 0, "/app", "/app", "x=/../y;z", "/app?x=/../y;z" },
    { "/app?a?b", 0, "/app", "/app", "a?b", "/app?a?b" },
    { "/a-._~!$&'()*+,;=:@b", 0, "/a-._~!$&'()*+,;=:@b", "/a-._~!$&'()*+,;=:@b", "",
      "/a-._~!$&'()*+,;=:@b" },
    { "/app;jsessionid=abc.n1/x", 0, "/app;jsessionid=abc.n1/x", "/app;jsessionid=abc.n1/x", "",
      "/app;jsessionid=abc.n1/x" },
    { "/;jsessionid=abc.n1", 0, "/;jsessionid=abc.n1", "/;jsessionid=abc.n1", "",
      "/;jsessionid=abc.n1" },
    { "/app/;x=y", 0, "/app/;x=y", "/app/;x=y", "", "/app/;x=y" },
    /* percent codes */
    { "/%61%70p", 0, "/app", "/app", "", "/app" },
    { "/%41%5A%7e%2d", 0, "/AZ~-", "/AZ~-", "", "/AZ~-" },
    { "/a%20b", 0, "/a b", "/a%20b", "", "/a%20b" },
    { "/a%2bb", 0, "/a+b", "/a%2Bb", "", "/a%2Bb" },
    { "/%c3%a9", 0, "/\xc3\xa9", "/%C3%A9", "", "/%C3%A9" },
    { "/\xc3\xa9", 0, "/\xc3\xa9", "/%C3%A9", "", "/%C3%A9" },
    { "/\xe9", 0, "/\xe9", "/%E9", "", "/%E9" },
    { "/a|b{c}^\"<>`", 0, "/a|b{c}^\"<>`", "/a%7Cb%7Bc%7D%5E%22%3C%3E%60", "",
      "/a%7Cb%7Bc%7D%5E%22%3C%3E%60" },
    { "/a%3bb%3fc%25d%0a", 0, "/a%3Bb%3Fc%25d%0A", "/a%3Bb%3Fc%25d%0A", "", "/a%3Bb%3Fc%25d%0A" },
    { "/%252e%252e/x", 0, "/%252e%252e/x", "/%252e%252e/x", "", "/%252e%252e/x" },
    { "/%23", 0, "/#", "/%23", "", "/%23" },
    { "/%3bx", 0, "/%3Bx", "/%3Bx", "", "/%3Bx" },
    { "/a?%zz&%2e\xe9", 0, "/a", "/a", "%zz&%2e%E9", "/a?%zz&%2e%E9" },
    { "/%61?\xe9", 0, "/a", "/a", "%E9", "/a?%E9" },
    /* dot segments */
    { "/.", 0, "/", "/", "", "/" },
    { "/./", 0, "/", "/", "", "/" },
    { "/a/.", 0, "/a/", "/a/", "", "/a/" },
    { "/a/./b", 0, "/a/b", "/a/b", "", "/a/b" },
    { "/a/..", 0, "/", "/", "", "/" },
    { "/a/../b", 0, "/b", "/b", "", "/b" },
    { "/a/b/../../c/../d", 0, "/d", "/d", "", "/d" },
    { "/a/b/..", 0, "/a/", "/a/", "", "/a/" },
    { "/a/%2e%2E/b", 0, "/b", "/b", "", "/b" },
    { "/a/.%2e/b?q=..", 0, "/b", "/b", "q=..", "/b?q=.." },
    { "/app;x=y/../b", 0, "/b", "/b", "", "/b" },
    { "/.hidden", 0, "/.hidden", "/.hidden", "", "/.hidden" },
    { "/...", 0, "/...", "/...", "", "/..." },
    { "/..a", 0, "/..a", "/..a", "", "/..a" },
    { "/a..", 0, "/a..", "/a..", "", "/a.." },
    { "/.../b", 0, "/.../b", "/.../b", "", "/.../b" },
    { "/a;..", 0, "/a;..", "/a;..", "", "/a;.." },
    /* empty segments */
    { "//", 0, "/", "/", "", "/" },
    { "//a///b//", 0, "/a/b/", "/a/b/", "", "/a/b/" },
    { "//a///b//", KEEP, "//a///b//", "//a///b//", "", "//a///b//" },
    { "/a//../b", 0, "/b", "/b", "", "/b" },
    { "/a//../b", KEEP, "/a/b", "/a/b", "", "/a/b" },
    { "//..", KEEP, "/", "/", "", "/" },
    { "//h/x", 0, "/h/x", "/h/x", "", "/h/x" },
    /* encoded slashes, when they may pass */
    { "/a%2fb", SLASH, "/a%2Fb", "/a%2Fb", "", "/a%2Fb" },
    { "/a%5cb", SLASH, "/a%5Cb", "/a%5Cb", "", "/a%5Cb" },
    { "/a%2fb/../c", SLASH, "/c", "/c", "", "/c" },
    { "/a%2f.b", SLASH, "/a%2F.b", "/a%2F.b", "", "/a%2F.b" },
};

START_TEST(targets_become_canonical_and_stay_so)
{
    for (size_t i = 0; i < COUNT_OF(good_rows); i++) {
        const good_row *row = &good_rows[i];
        guard raw = guard_copy(row->target, strlen(row->target));
        mcmp_http_info info = request_of(MCMP_HTTP_GET, raw.ptr, raw.len);
        mcmp_http_target got;
        mcmp_http_target again;
        char buf[512];
        guard room;
        int rc;

        mcmp_http_target_init(&got);
        rc = mcmp_http_target_parse(&info, row->flags, NULL, 0, &got, NULL);
        row_true(row->target, rc == MCMP_OK || (rc == MCMP_ERR_SPACE && got.needed > 0));
        row_true(row->target, got.needed <= 4 * raw.len + 8);
        room = guard_copy(good_rows, got.needed);
        row_code(row->target,
                 mcmp_http_target_parse(&info, row->flags, room.ptr, room.len, &got, NULL),
                 MCMP_OK);
        row_text(row->target, got.path, row->path);
        row_text(row->target, got.forward, row->forward);
        row_text(row->target, got.query, row->query);
        row_text(row->target, got.target, row->whole);
        row_text(row->target, got.host, "h.example:80");
        row_int(row->target, got.form, MCMP_HTTP_FORM_ORIGIN);
        row_true(row->target, got.needed <= room.len);

        info.target = got.target;
        mcmp_http_target_init(&again);
        row_code(row->target, mcmp_http_target_parse(&info, row->flags, buf, 512, &again, NULL),
                 MCMP_OK);
        row_text(row->target, again.target, row->whole);
        row_text(row->target, again.path, row->path);
        guard_free(&room);
        guard_free(&raw);
    }
}
END_TEST

START_TEST(canonical_targets_are_views_of_the_request)
{
    static const char target[] = "/app/x;a=b?q=1";
    mcmp_http_info info = request_of(MCMP_HTTP_GET, target, strlen(target));
    mcmp_http_target got;

    mcmp_http_target_init(&got);
    ck_assert_int_eq(mcmp_http_target_parse(&info, 0, NULL, 0, &got, NULL), MCMP_OK);
    ck_assert_ptr_eq(got.path.ptr, target);
    ck_assert_ptr_eq(got.forward.ptr, target);
    ck_assert_ptr_eq(got.target.ptr, target);
    ck_assert_uint_eq(got.needed, 0);
}
END_TEST

typedef struct bad_row {
    const char *name;
    mcmp_span target;
    uint32_t flags;
    int code;
    uint64_t offset;
} bad_row;

static const bad_row bad_rows[] = {
    { "empty", TEXT(""), 0, LINE, 0 },
    { "relative", TEXT("app"), 0, LINE, 0 },
    { "authority form", TEXT("h.example:443"), 0, LINE, 0 },
    { "asterisk for GET", TEXT("*"), 0, LINE, 0 },
    { "asterisk and more", TEXT("*/a"), 0, LINE, 0 },
    { "fragment", TEXT("/a#b"), 0, LINE, 2 },
    { "fragment behind the query", TEXT("/a?b#c"), 0, LINE, 3 },
    { "percent without digits", TEXT("/a%"), 0, LINE, 2 },
    { "percent with one digit", TEXT("/a%4"), 0, LINE, 2 },
    { "percent with letters", TEXT("/a%zz"), 0, LINE, 2 },
    { "percent u (IIS)", TEXT("/a%u002e"), 0, LINE, 2 },
    { "percent before the query", TEXT("/a%?4"), 0, LINE, 2 },
    { "NUL", TEXT("/a%00b"), 0, LINE, 2 },
    { "NUL behind a suffix (%00.jpg)", TEXT("/a.jsp%00.jpg"), SLASH, LINE, 6 },
    { "encoded slash", TEXT("/a%2Fb"), 0, LINE, 2 },
    { "encoded backslash", TEXT("/a%5cb"), 0, LINE, 2 },
    { "backslash", TEXT("/a\\b"), 0, LINE, 2 },
    { "backslash, slashes let through", TEXT("/a\\b"), SLASH, LINE, 2 },
    { "above the root", TEXT("/.."), 0, LINE, 0 },
    { "above the root from below", TEXT("/a/../../b"), 0, LINE, 0 },
    { "above the root, encoded", TEXT("/%2e%2e/b"), 0, LINE, 0 },
    { "above the root past empty segments", TEXT("/a//../../b"), 0, LINE, 0 },
    { "dots with a parameter (CVE-2018-1323)", TEXT("/a/..;/b"), 0, LINE, 0 },
    { "dots with a named parameter", TEXT("/a/..;x=y/b"), 0, LINE, 0 },
    { "one dot with a parameter", TEXT("/a/.;/b"), 0, LINE, 0 },
    { "encoded dots with a parameter", TEXT("/a/%2e%2e;/b"), 0, LINE, 0 },
    { "dots with an encoded semicolon", TEXT("/a/..%3b/b"), 0, LINE, 0 },
    { "dots with a parameter at the end", TEXT("/a/..;x"), 0, LINE, 0 },
    { "parameter of an empty segment (CVE-2018-11759)", TEXT("/;x/app"), 0, LINE, 0 },
    { "parameter of an empty segment inside", TEXT("/a/;x/b"), 0, LINE, 0 },
    { "dots before an encoded slash", TEXT("/a/..%2fb"), SLASH, LINE, 0 },
    { "dots behind an encoded slash", TEXT("/a%2f../b"), SLASH, LINE, 0 },
    { "dots between encoded slashes", TEXT("/a%2f..%2fb"), SLASH, LINE, 0 },
    { "dots behind an encoded backslash", TEXT("/a%5c..%5cb"), SLASH, LINE, 0 },
    { "dots and a parameter behind an encoded slash", TEXT("/a%2f..;x"), SLASH, LINE, 0 },
    { "overlong dot (CVE-2008-2938)", TEXT("/a/%c0%ae%c0%ae/b"), 0, LINE, 6 },
    { "overlong slash", TEXT("/a%c0%af"), 0, LINE, 5 },
    { "overlong slash of three bytes", TEXT("/a%e0%80%af"), 0, LINE, 5 },
    { "overlong slash of four bytes", TEXT("/a%f0%80%80%af"), 0, LINE, 5 },
    { "overlong, half of it raw", TEXT("/a\xc0%ae"), 0, LINE, 3 },
    { "other scheme", TEXT("ftp://h.example/"), 0, LINE, 0 },
    { "scheme without authority", TEXT("http:/a"), 0, LINE, 0 },
    { "authority empty", TEXT("http:///a"), 0, HOST, 7 },
    { "authority with user", TEXT("http://u:p@h.example/a"), 0, HOST, 7 },
    { "authority with bad port", TEXT("http://h.example:x/a"), 0, HOST, 7 },
    { "authority with percent code", TEXT("http://h%2eexample/a"), 0, HOST, 7 },
    { "authority with backslash", TEXT("http://h.example\\@b/a"), 0, HOST, 7 },
    { "absolute, above the root", TEXT("http://h.example/../a"), 0, LINE, 16 },
    { "absolute, encoded NUL", TEXT("http://h.example/a%00"), 0, LINE, 18 },
    { "absolute with fragment", TEXT("http://h.example#a"), 0, LINE, 16 },
};

START_TEST(ambiguous_targets_are_refused)
{
    for (size_t i = 0; i < COUNT_OF(bad_rows); i++) {
        const bad_row *row = &bad_rows[i];
        guard raw = guard_copy(row->target.ptr, row->target.len);
        mcmp_http_info info = request_of(MCMP_HTTP_GET, raw.ptr, raw.len);
        mcmp_http_target got;
        mcmp_error err;
        char buf[512];

        mcmp_error_init(&err);
        mcmp_http_target_init(&got);
        row_code(row->name, mcmp_http_target_parse(&info, row->flags, buf, 512, &got, &err),
                 row->code);
        row_int(row->name, err.offset, row->offset);
        row_text(row->name, span_of(err.field), "target");
        row_int(row->name, got.path.len, 0);
        guard_free(&raw);
    }
}
END_TEST

START_TEST(absolute_targets_bring_their_host)
{
    static const struct {
        const char *target;
        uint32_t method;
        const char *host;
        const char *path;
        const char *whole;
    } rows[] = {
        { "http://b.example/x?y", MCMP_HTTP_GET, "b.example", "/x", "/x?y" },
        { "HTTP://b.example:81/", MCMP_HTTP_GET, "b.example:81", "/", "/" },
        { "https://[::1]:8443/a/../b", MCMP_HTTP_GET, "[::1]:8443", "/b", "/b" },
        { "http://b.example", MCMP_HTTP_GET, "b.example", "/", "/" },
        { "http://b.example?q=1", MCMP_HTTP_GET, "b.example", "/", "/?q=1" },
        { "http://b.example", MCMP_HTTP_OPTIONS, "b.example", "*", "*" },
        { "http://b.example/", MCMP_HTTP_OPTIONS, "b.example", "/", "/" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        guard raw = guard_copy(rows[i].target, strlen(rows[i].target));
        mcmp_http_info info = request_of(rows[i].method, raw.ptr, raw.len);
        mcmp_http_target got;
        char buf[512];

        mcmp_http_target_init(&got);
        row_code(rows[i].target, mcmp_http_target_parse(&info, 0, buf, 512, &got, NULL), MCMP_OK);
        row_int(rows[i].target, got.form, MCMP_HTTP_FORM_ABSOLUTE);
        row_text(rows[i].target, got.host, rows[i].host);
        row_text(rows[i].target, got.path, rows[i].path);
        row_text(rows[i].target, got.target, rows[i].whole);
        guard_free(&raw);
    }
}
END_TEST

START_TEST(asterisk_is_for_options)
{
    mcmp_http_info info = request_of(MCMP_HTTP_OPTIONS, "*", 1);
    mcmp_http_target got;

    mcmp_http_target_init(&got);
    ck_assert_int_eq(mcmp_http_target_parse(&info, 0, NULL, 0, &got, NULL), MCMP_OK);
    ck_assert_uint_eq(got.form, MCMP_HTTP_FORM_ASTERISK);
    row_text("path", got.path, "*");
    row_text("target", got.target, "*");
}
END_TEST

START_TEST(too_little_room_names_what_suffices)
{
    mcmp_http_info info = request_of(MCMP_HTTP_GET, "/%61?b", 6);
    mcmp_http_target got;
    char buf[64];

    mcmp_http_target_init(&got);
    ck_assert_int_eq(mcmp_http_target_parse(&info, 0, buf, 9, &got, NULL), MCMP_ERR_SPACE);
    ck_assert_uint_eq(got.needed, 10);
    ck_assert_uint_eq(got.path.len, 0);
    ck_assert_int_eq(mcmp_http_target_parse(&info, 0, buf, 10, &got, NULL), MCMP_OK);
    ck_assert_int_eq(mcmp_http_target_parse(&info, 4, buf, 32, &got, NULL), MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_http_target_parse(NULL, 0, buf, 32, &got, NULL), MCMP_ERR_INVALID);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        targets_become_canonical_and_stay_so,
        canonical_targets_are_views_of_the_request,
        ambiguous_targets_are_refused,
        absolute_targets_bring_their_host,
        asterisk_is_for_options,
        too_little_room_names_what_suffices,
    };

    return run_tests("http/target", tests, COUNT_OF(tests));
}
