/* SPDX-License-Identifier: Apache-2.0 */
/* Classes of bytes against their definitions, and the scans against one byte at a time. */
#include "support.h"

#include "http/http.h"

/* Millions of comparisons: an assertion, which tells Check each time, only for those that fail. */
#define quick_int(row, got, want)                \
    do {                                         \
        if ((intmax_t)(got) != (intmax_t)(want)) \
            row_int((row), (got), (want));       \
    } while (0)

static int is_one_of(int c, const char *set)
{
    return c != 0 && strchr(set, c) != NULL;
}

static int is_alnum(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

START_TEST(each_byte_is_in_the_classes_of_its_definition)
{
    for (int c = 0; c < 256; c++) {
        unsigned want = 0;
        char name[16];

        (void)snprintf(name, sizeof(name), "0x%02x", (unsigned)c);
        want |= is_alnum(c) || is_one_of(c, "!#$%&'*+-.^_`|~") ? MCMP__CHAR_TOKEN : 0;
        want |= is_alnum(c) || is_one_of(c, "-._~!$&'()*+,;=:@") ? MCMP__CHAR_PATH : 0;
        want |= is_alnum(c) || is_one_of(c, "-._~") ? MCMP__CHAR_PLAIN | MCMP__CHAR_HOST : 0;
        want |= is_one_of(c, "0123456789abcdefABCDEF") ? MCMP__CHAR_HEX : 0;
        want |= c == '\t' || (c >= 0x20 && c != 0x7f) ? MCMP__CHAR_TEXT : 0;
        row_int(name, mcmp__http_chars[c], want);
    }
}
END_TEST

static size_t slow_bad(const char *text, size_t len, int target)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)text[i];

        if (c == 0x7f || (target ? c < 0x21 : (c < 0x20 && c != '\t')))
            return i;
    }
    return len;
}

START_TEST(scans_find_the_first_bad_byte_at_every_length_and_place)
{
    for (size_t len = 0; len <= 40; len++) {
        guard g = guard_copy("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", len);

        for (size_t at = 0; at < len; at++) {
            for (int c = 0; c < 256; c++) {
                char name[48];

                g.ptr[at] = (char)c;
                (void)snprintf(name, sizeof(name), "0x%02x at %zu of %zu", (unsigned)c, at, len);
                quick_int(name, mcmp__http_text_bad(g.ptr, len), slow_bad(g.ptr, len, 0));
                quick_int(name, mcmp__http_target_bad(g.ptr, len), slow_bad(g.ptr, len, 1));
                quick_int(name, mcmp__http_has_high(g.ptr, len), c > 0x7f);
            }
            g.ptr[at] = 'a';
        }
        guard_free(&g);
    }
}
END_TEST

/* One byte after the other, as the contract has it. */
static size_t slow_line_end(const char *text, size_t len, uint32_t *odd)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)text[i];

        if (c == '\n' || (c == '\r' && i + 1 == len))
            return i;
        if (c != '\t' && (c < 0x20 || c == 0x7f) && (c != '\r' || text[i + 1] != '\n'))
            *odd = 1;
    }
    return len;
}

static void compare_line_end(const char *name, const guard *g)
{
    uint32_t odd = 0;
    uint32_t slow_odd = 0;
    size_t want = slow_line_end(g->ptr, g->len, &slow_odd);
    size_t got;

    got = mcmp__http_line_end(g->ptr, g->len, &odd);
    quick_int(name, got, want);
    quick_int(name, odd, slow_odd);
}

START_TEST(lines_end_at_their_first_lf_and_odd_bytes_before_it_are_noted)
{
    static const char marks[] = "\r\n\t\x01\x1f\x20\x7f\x80\xff";

    for (size_t len = 0; len <= 40; len++) {
        guard g = guard_copy("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", len);

        compare_line_end("plain", &g);
        for (size_t at = 0; at < len; at++) {
            for (int c = 0; c < 256; c++) {
                g.ptr[at] = (char)c;
                compare_line_end("one", &g);
            }
            for (size_t next = at + 1; next < len; next++) {
                for (size_t m = 0; m < sizeof(marks) * sizeof(marks); m++) {
                    g.ptr[at] = marks[m / sizeof(marks)];
                    g.ptr[next] = marks[m % sizeof(marks)];
                    compare_line_end("two", &g);
                }
                g.ptr[next] = 'a';
            }
            g.ptr[at] = 'a';
        }
        guard_free(&g);
    }
}
END_TEST

START_TEST(parts_compare_without_case_at_every_length)
{
    static const char lower[] = "transfer-encoding-1";

    for (size_t len = 0; len < sizeof(lower); len++) {
        guard g = guard_copy(lower, len);

        row_int(lower, mcmp__http_same(g.ptr, lower, len), 1);
        for (size_t i = 0; i < len; i++) {
            for (int c = 0x20; c < 256; c++) {
                g.ptr[i] = (char)c;
                quick_int(lower, mcmp__http_same(g.ptr, lower, len),
                          mcmp__lower((char)c) == lower[i]);
            }
            g.ptr[i] = lower[i];
        }
        guard_free(&g);
    }
}
END_TEST

START_TEST(lists_are_split_at_commas_without_blanks)
{
    static const struct {
        const char *list;
        const char *elements; /* joined by | */
    } rows[] = {
        { "", "" },           { " \t", "" },           { ",", "" },           { ", ,,", "" },
        { "a", "a|" },        { "a,b", "a|b|" },       { " a , b ", "a|b|" }, { "a b,c", "a b|c|" },
        { ",a,,b,", "a|b|" }, { "\ta\t,\tb", "a|b|" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        guard g = guard_copy(rows[i].list, strlen(rows[i].list));
        mcmp_span rest = { g.ptr, g.len };
        mcmp_span element;
        char joined[64];
        mcmp_span all = { joined, 0 };

        while (mcmp__http_list_next(&rest, &element)) {
            memcpy(joined + all.len, element.ptr, element.len);
            all.len += element.len;
            joined[all.len++] = '|';
        }
        row_text(rows[i].list, all, rows[i].elements);
        guard_free(&g);
    }
}
END_TEST

START_TEST(known_names_are_found_in_any_case_and_no_others)
{
    static const char *const names[MCMP__HTTP_FIELDS] = {
        [MCMP_HTTP_FIELD_HOST] = "Host",
        [MCMP_HTTP_FIELD_CONTENT_LENGTH] = "Content-Length",
        [MCMP_HTTP_FIELD_TRANSFER_ENCODING] = "Transfer-Encoding",
        [MCMP_HTTP_FIELD_CONNECTION] = "Connection",
        [MCMP_HTTP_FIELD_KEEP_ALIVE] = "Keep-Alive",
        [MCMP_HTTP_FIELD_PROXY_CONNECTION] = "Proxy-Connection",
        [MCMP_HTTP_FIELD_PROXY_AUTHENTICATE] = "Proxy-Authenticate",
        [MCMP_HTTP_FIELD_PROXY_AUTHORIZATION] = "Proxy-Authorization",
        [MCMP_HTTP_FIELD_TE] = "TE",
        [MCMP_HTTP_FIELD_TRAILER] = "Trailer",
        [MCMP_HTTP_FIELD_UPGRADE] = "Upgrade",
        [MCMP_HTTP_FIELD_EXPECT] = "Expect",
        [MCMP_HTTP_FIELD_COOKIE] = "Cookie",
        [MCMP_HTTP_FIELD_SET_COOKIE] = "Set-Cookie",
        [MCMP_HTTP_FIELD_X_FORWARDED_FOR] = "X-Forwarded-For",
        [MCMP_HTTP_FIELD_X_FORWARDED_HOST] = "X-Forwarded-Host",
        [MCMP_HTTP_FIELD_X_FORWARDED_PROTO] = "X-Forwarded-Proto",
        [MCMP_HTTP_FIELD_FORWARDED] = "Forwarded",
        [MCMP_HTTP_FIELD_VIA] = "Via",
        [MCMP_HTTP_FIELD_PROXY] = "Proxy",
        [MCMP_HTTP_FIELD_USER_AGENT] = "User-Agent",
        [MCMP_HTTP_FIELD_REFERER] = "Referer",
        [MCMP_HTTP_FIELD_CONTENT_TYPE] = "Content-Type",
        [MCMP_HTTP_FIELD_ACCEPT] = "Accept",
        [MCMP_HTTP_FIELD_AUTHORIZATION] = "Authorization",
        [MCMP_HTTP_FIELD_RETRY_AFTER] = "Retry-After",
        [MCMP_HTTP_FIELD_LOCATION] = "Location",
        [MCMP_HTTP_FIELD_DATE] = "Date",
        [MCMP_HTTP_FIELD_SERVER] = "Server",
    };

    for (uint32_t id = 1; id < MCMP__HTTP_FIELDS; id++) {
        char text[32];
        size_t len = strlen(names[id]);

        memcpy(text, names[id], len + 1);
        row_int(text, mcmp__http_field_id(text, len), id);
        for (size_t i = 0; i < len; i++)
            text[i] = (char)(text[i] >= 'a' && text[i] <= 'z' ? text[i] - 32 : text[i]);
        row_int(text, mcmp__http_field_id(text, len), id);
        for (size_t i = 0; i < len; i++) {
            char kept = text[i];

            /* every other token byte at every place makes it another name */
            for (int c = 1; c < 256; c++) {
                text[i] = (char)c;
                if (mcmp__is_token_char((char)c) && mcmp__lower((char)c) != mcmp__lower(kept))
                    quick_int(text, mcmp__http_field_id(text, len), 0);
            }
            text[i] = kept;
        }
        row_int(text, mcmp__http_field_id(text, len - 1), 0);
    }
}
END_TEST

START_TEST(hosts_are_held_to_the_grammar)
{
    static const struct {
        const char *host;
        int valid;
    } rows[] = {
        { "a", 1 },
        { "example.com", 1 },
        { "example.com.", 1 },
        { "EXAMPLE.com:8080", 1 },
        { "my_host-1~x", 1 },
        { "127.0.0.1:80", 1 },
        { "a:", 1 },
        { "a:65535", 1 },
        { "[::1]", 1 },
        { "[::1]:8080", 1 },
        { "[::]", 1 },
        { "[2001:db8::ff00:42:8329]", 1 },
        { "[1:2:3:4:5:6:7:8]", 1 },
        { "[1:2:3:4:5:6:7::]", 1 },
        { "[::2:3:4:5:6:7:8]", 1 },
        { "[::ffff:192.0.2.1]", 1 },
        { "[1:2:3:4:5:6:192.0.2.1]:1", 1 },
        { "", 0 },
        { ".", 0 },
        { ".a", 0 },
        { "a..b", 0 },
        { "a:65536", 0 },
        { "a:000080", 0 },
        { "a:8a", 0 },
        { "a:-1", 0 },
        { "a:80:80", 0 },
        { ":80", 0 },
        { "a b", 0 },
        { "a,b", 0 },
        { "u@a", 0 },
        { "a/b", 0 },
        { "a?b", 0 },
        { "a#b", 0 },
        { "a%20b", 0 },
        { "a\\b", 0 },
        { "<a>", 0 },
        { "\xc3\xa9.example", 0 },
        { "::1", 0 },
        { "[::1", 0 },
        { "[::1]a", 0 },
        { "[::1]:x", 0 },
        { "[]", 0 },
        { "[:]", 0 },
        { "[:::]", 0 },
        { "[1]", 0 },
        { "[1:2:3:4:5:6:7]", 0 },
        { "[1:2:3:4:5:6:7:8:9]", 0 },
        { "[1:2:3:4:5:6:7:8::]", 0 },
        { "[1::2::3]", 0 },
        { "[12345::]", 0 },
        { "[g::]", 0 },
        { "[::1:]", 0 },
        { "[:1::]", 0 },
        { "[fe80::1%25eth0]", 0 },
        { "[::192.0.2]", 0 },
        { "[::192.0.2.256]", 0 },
        { "[::192.0.2.1.1]", 0 },
        { "[::192.0.2.1:1]", 0 },
        { "[::1234.0.0.1]", 0 },
        { "[v1.x]", 0 },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        guard g = guard_copy(rows[i].host, strlen(rows[i].host));
        mcmp_span host = { g.ptr, g.len };

        row_int(rows[i].host, mcmp__http_host_is_valid(host), rows[i].valid);
        guard_free(&g);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        each_byte_is_in_the_classes_of_its_definition,
        scans_find_the_first_bad_byte_at_every_length_and_place,
        lines_end_at_their_first_lf_and_odd_bytes_before_it_are_noted,
        parts_compare_without_case_at_every_length,
        lists_are_split_at_commas_without_blanks,
        known_names_are_found_in_any_case_and_no_others,
        hosts_are_held_to_the_grammar,
    };

    return run_tests("http/chars", tests, COUNT_OF(tests));
}
