/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The escapers, one by one, over every byte; and the stream under them.
 */
#include "support.h"

#include "model/out.h"

typedef struct sink {
    char data[8192];
    size_t len;
    int calls;
    int stop_at;
} sink;

static int sink_write(void *ctx, const void *data, size_t len)
{
    sink *s = ctx;

    if (++s->calls == s->stop_at)
        return 1;
    ck_assert(s->len + len <= sizeof(s->data));
    memcpy(s->data + s->len, data, len);
    s->len += len;
    return 0;
}

typedef void (*escape_fn)(mcmp__out *out, mcmp_span text);

static const struct {
    const char *name;
    escape_fn escape;
    mcmp_span in;
    const char *want;
} rows[] = {
    { "text plain", mcmp__out_text, TEXT("a b,%&=+<\"'>[~"), "a b,%&=+<\"'>[~" },
    { "text bytes", mcmp__out_text, TEXT("\0\n\x7f\x80\xff"), "%00%0A%7F%80%FF" },
    { "text empty", mcmp__out_text, TEXT(""), "" },
    { "amp marks", mcmp__out_amp, TEXT("%&=+ "), "%25%26%3D%2B%20" },
    { "amp plain", mcmp__out_amp, TEXT("/a,b;<c>"), "/a,b;<c>" },
    { "amp bytes", mcmp__out_amp, TEXT("\r\n\xc3"), "%0D%0A%C3" },
    { "xml marks", mcmp__out_xml, TEXT("<a href='x\"&y'>"),
      "&lt;a href=&#39;x&quot;&amp;y&#39;&gt;" },
    { "xml bytes", mcmp__out_xml, TEXT("\0\t\xc3\xa4"), "%00%09%C3%A4" },
    { "json marks", mcmp__out_json, TEXT("a\"\\/\n</script>"),
      "\"a\\u0022\\u005C/\\u000A\\u003C/script\\u003E\"" },
    { "json utf-8", mcmp__out_json, TEXT("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
      "\"\\u00E4\\u20AC\\uD83D\\uDE00\"" },
    { "json cut utf-8", mcmp__out_json, TEXT("\xe2\x82"), "\"%E2%82\"" },
    { "json overlong", mcmp__out_json, TEXT("\xc0\x80\xe0\x80\x80"), "\"%C0%80%E0%80%80\"" },
    { "json surrogate", mcmp__out_json, TEXT("\xed\xa0\x80"), "\"%ED%A0%80\"" },
    { "json beyond", mcmp__out_json, TEXT("\xf4\x90\x80\x80"), "\"%F4%90%80%80\"" },
    { "json bad continuation", mcmp__out_json, TEXT("\xc3(\xc3"), "\"%C3(%C3\"" },
    { "label", mcmp__out_label, TEXT("a\"b\\c\nd"), "a\\\"b\\\\c%0Ad" },
};

START_TEST(test_each_form_escapes_its_marks)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        sink s = { .len = 0 };
        guard g = guard_copy(rows[i].in.ptr, rows[i].in.len);
        mcmp_span in = { g.ptr, g.len };
        mcmp_span got = { s.data, 0 };
        mcmp__out out;

        mcmp__out_init(&out, sink_write, &s);
        rows[i].escape(&out, in);
        row_code(rows[i].name, mcmp__out_end(&out), MCMP_OK);
        got.len = s.len;
        row_text(rows[i].name, got, rows[i].want);
        guard_free(&g);
    }
}
END_TEST

START_TEST(test_no_byte_gets_through_unprintable)
{
    static const escape_fn all[] = { mcmp__out_text, mcmp__out_amp, mcmp__out_xml, mcmp__out_json,
                                     mcmp__out_label };

    for (size_t f = 0; f < COUNT_OF(all); f++) {
        for (int byte = 0; byte < 256; byte++) {
            sink s = { .len = 0 };
            char c = (char)byte;
            mcmp_span in = { &c, 1 };
            mcmp__out out;

            mcmp__out_init(&out, sink_write, &s);
            all[f](&out, in);
            ck_assert_int_eq(mcmp__out_end(&out), MCMP_OK);
            ck_assert(s.len > 0);
            for (size_t i = 0; i < s.len; i++)
                ck_assert(s.data[i] >= 0x20 && s.data[i] <= 0x7e);
        }
    }
}
END_TEST

/* Wherever in a text it stands: texts are looked at by words. */
START_TEST(test_a_byte_is_escaped_at_every_place)
{
    for (size_t len = 1; len <= 18; len++) {
        for (unsigned i = 0; i < len * 256; i++) {
            size_t at = i / 256;
            unsigned char byte = (unsigned char)(i % 256);
            char text[18];
            char want[64];
            sink s = { .len = 0 };
            guard g;
            mcmp__out out;

            memset(text, 'x', sizeof(text));
            text[at] = (char)byte;
            g = guard_copy(text, len);
            mcmp__out_init(&out, sink_write, &s);
            mcmp__out_text(&out, mcmp__span(g.ptr, len));
            ck_assert_int_eq(mcmp__out_end(&out), MCMP_OK);
            (void)snprintf(want, sizeof(want), "%.*s%%%02X%.*s", (int)at, "xxxxxxxxxxxxxxxxxx",
                           byte, (int)(len - at - 1), "xxxxxxxxxxxxxxxxxx");
            if (byte >= 0x20 && byte <= 0x7e)
                (void)snprintf(want, sizeof(want), "%.*s", (int)len, text);
            ck_assert_uint_eq(s.len, strlen(want));
            ck_assert_mem_eq(s.data, want, s.len);
            guard_free(&g);
        }
    }
}
END_TEST

START_TEST(test_times_are_decimal_fractions)
{
    static const struct {
        mcmp_time value;
        mcmp_time unit;
        const char *want;
    } times[] = {
        { 0, MCMP_SEC, "0" },         { 10 * MCMP_SEC, MCMP_SEC, "10" },
        { 1500000, MCMP_SEC, "1.5" }, { 1, MCMP_SEC, "0.000001" },
        { 1050, MCMP_MSEC, "1.05" },  { -5, MCMP_SEC, "0" },
    };

    for (size_t i = 0; i < COUNT_OF(times); i++) {
        sink s = { .len = 0 };
        mcmp_span got = { s.data, 0 };
        mcmp__out out;

        mcmp__out_init(&out, sink_write, &s);
        mcmp__out_time(&out, times[i].value, times[i].unit);
        ck_assert_int_eq(mcmp__out_end(&out), MCMP_OK);
        got.len = s.len;
        row_text(times[i].want, got, times[i].want);
    }
}
END_TEST

START_TEST(test_a_receiver_that_stops_is_not_called_again)
{
    char big[7000];
    sink s = { .stop_at = 2 };
    mcmp__out out;

    memset(big, 'x', sizeof(big));
    mcmp__out_init(&out, sink_write, &s);
    mcmp__out_bytes(&out, big, sizeof(big));
    ck_assert_int_eq(mcmp__out_end(&out), MCMP_ERR_CALLBACK);
    ck_assert_int_eq(s.calls, 2);
    memset(&s, 0, sizeof(s));
    mcmp__out_init(&out, sink_write, &s);
    mcmp__out_bytes(&out, big, sizeof(big));
    ck_assert_int_eq(mcmp__out_end(&out), MCMP_OK);
    ck_assert_uint_eq(s.len, sizeof(big));
    ck_assert(s.calls <= 4);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_each_form_escapes_its_marks,
        test_no_byte_gets_through_unprintable,
        test_a_byte_is_escaped_at_every_place,
        test_times_are_decimal_fractions,
        test_a_receiver_that_stops_is_not_called_again,
    };

    return run_tests("out", tests, COUNT_OF(tests));
}
