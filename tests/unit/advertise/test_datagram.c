/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams as bytes: written for the strictest reader, read strictly, and their digests. */
#include "java_reader.h"

#include <libmcmp/advertise.h>

/* As httpd's mod_advertise sends it; recorded on the loopback interface. */
static const char recorded[] = "HTTP/1.0 200 OK\r\n"
                               "Date: Fri, 20 Nov 2026 04:32:41 GMT\r\n"
                               "Sequence: 2\r\n"
                               "Digest: 2717edaaef0162dc6bf34839e70a8620\r\n"
                               "Server: 14ae36b5-d95a-45fc-97ae-5977c94c4352\r\n"
                               "X-Manager-Address: 127.0.0.1:16666\r\n"
                               "X-Manager-Url: /14ae36b5-d95a-45fc-97ae-5977c94c4352\r\n"
                               "X-Manager-Protocol: http\r\n"
                               "X-Manager-Host: localhost\r\n"
                               "\r\n";

#define RECORDED_DATE 1795149161

static const mcmp_span no_key = { NULL, 0 };

static mcmp_advert sample(void)
{
    mcmp_advert advert;

    mcmp_advert_init(&advert);
    advert.status = 200;
    advert.sequence = 2;
    advert.date = RECORDED_DATE;
    advert.server = span_of("14ae36b5-d95a-45fc-97ae-5977c94c4352");
    advert.address = span_of("127.0.0.1:16666");
    advert.host = span_of("localhost");
    return advert;
}

static mcmp_span encode(const mcmp_advert *advert, mcmp_span key, char *buf, size_t size)
{
    mcmp_span out = { buf, 0 };

    ck_assert_int_eq(mcmp_advert_encode(advert, key, buf, size, &out.len, NULL), MCMP_OK);
    return out;
}

START_TEST(test_a_datagram_is_written_byte_for_byte_as_httpd_does)
{
    char buf[MCMP_ADVERT_MAX];
    mcmp_advert advert = sample();
    mcmp_span got = encode(&advert, no_key, buf, sizeof(buf));

    row_text("recorded", got, recorded);
}
END_TEST

START_TEST(test_a_recorded_datagram_is_read_and_verified)
{
    guard data = guard_copy(recorded, sizeof(recorded) - 1);
    mcmp_advert advert;

    mcmp_advert_init(&advert);
    ck_assert_int_eq(mcmp_advert_decode(data.ptr, data.len, &advert, NULL), MCMP_OK);
    ck_assert_uint_eq(advert.status, 200);
    ck_assert_uint_eq(advert.sequence, 2);
    ck_assert_int_eq(advert.date, RECORDED_DATE);
    row_text("server", advert.server, "14ae36b5-d95a-45fc-97ae-5977c94c4352");
    row_text("address", advert.address, "127.0.0.1:16666");
    row_text("url", advert.url, "/14ae36b5-d95a-45fc-97ae-5977c94c4352");
    row_text("protocol", advert.protocol, "http");
    row_text("host", advert.host, "localhost");
    ck_assert_uint_eq(advert.hmac.len, 0);
    row_code("no key", mcmp_advert_verify(&advert, no_key, NULL), MCMP_OK);
    row_code("a key", mcmp_advert_verify(&advert, span_of("k"), NULL), MCMP_ERR_ADVERT_DIGEST);
    guard_free(&data);
}
END_TEST

START_TEST(test_digest_with_a_key_is_md5_over_the_salt_and_three_values)
{
    /* md5(md5("secret") + Date + Sequence + Server), made by another program */
    char buf[MCMP_ADVERT_MAX];
    mcmp_advert advert = sample();
    mcmp_span got = encode(&advert, span_of("secret"), buf, sizeof(buf));

    ck_assert_ptr_nonnull(
        memmem(got.ptr, got.len, "Digest: 13f07b2baf1f00977911ade548845ff6\r\n", 42));
}
END_TEST

START_TEST(test_hmac_covers_every_other_byte)
{
    const mcmp_span key = span_of("secret");
    char buf[MCMP_ADVERT_MAX];
    mcmp_advert advert = sample();
    mcmp_span got;
    size_t refused = 0;

    advert.flags = MCMP_ADVERT_HMAC;
    got = encode(&advert, key, buf, sizeof(buf));
    ck_assert_ptr_nonnull(memmem(got.ptr, got.len, "X-Manager-Digest: hmac-sha256 ", 30));
    for (size_t i = 0; i < got.len; i++) {
        mcmp_advert read;

        buf[i] ^= 1;
        mcmp_advert_init(&read);
        if (mcmp_advert_decode(buf, got.len, &read, NULL) != MCMP_OK)
            refused++;
        else if ((read.flags & MCMP_ADVERT_HMAC) != 0)
            ck_assert_msg(mcmp_advert_verify(&read, key, NULL) == MCMP_ERR_ADVERT_DIGEST,
                          "byte %zu may be changed", i);
        else /* its own name: then it is another datagram, without */
            ck_assert_ptr_null(memmem(buf, got.len, "X-Manager-Digest: hmac-sha256 ", 30));
        buf[i] ^= 1;
    }
    ck_assert_uint_gt(refused, 0);
    ck_assert_uint_lt(refused, got.len / 2);
}
END_TEST

START_TEST(test_hex_digits_of_a_peer_may_be_upper_case)
{
    char text[sizeof(recorded)];
    mcmp_advert advert;

    memcpy(text, recorded, sizeof(recorded));
    for (char *c = strstr(text, "Digest: ") + 8; *c != '\r'; c++)
        *c = *c >= 'a' ? (char)(*c - 32) : *c;
    mcmp_advert_init(&advert);
    ck_assert_int_eq(mcmp_advert_decode(text, sizeof(text) - 1, &advert, NULL), MCMP_OK);
    ck_assert_int_eq(mcmp_advert_verify(&advert, no_key, NULL), MCMP_OK);
}
END_TEST

START_TEST(test_encoder_refuses_what_nobody_could_use)
{
    static const struct {
        const char *name;
        const char *address;
        const char *server;
        const char *url;
        const char *protocol;
        uint32_t status;
        int code;
        const char *field;
    } rows[] = {
        { "wildcard", "0.0.0.0:80", "s", "", "", 200, MCMP_ERR_ADVERT_ADDRESS, "address" },
        { "wildcard 6", "[::]:80", "s", "", "", 200, MCMP_ERR_ADVERT_ADDRESS, "address" },
        { "long wildcard", "[0:0:0:0:0:0:0:0]:80", "s", "", "", 200, MCMP_ERR_ADVERT_ADDRESS,
          "address" },
        { "mapped wildcard", "[::ffff:0.0.0.0]:80", "s", "", "", 200, MCMP_ERR_ADVERT_ADDRESS,
          "address" },
        { "star", "*:80", "s", "", "", 200, MCMP_ERR_ADVERT_ADDRESS, "address" },
        { "name", "localhost:80", "s", "", "", 200, MCMP_ERR_ADVERT_ADDRESS, "address" },
        { "multicast", "224.0.1.105:80", "s", "", "", 200, MCMP_ERR_ADVERT_ADDRESS, "address" },
        { "multicast 6", "[ff02::1]:80", "s", "", "", 200, MCMP_ERR_ADVERT_ADDRESS, "address" },
        { "broadcast", "255.255.255.255:80", "s", "", "", 200, MCMP_ERR_ADVERT_ADDRESS, "address" },
        { "no port", "10.0.0.1", "s", "", "", 200, MCMP_ERR_ADVERT_ADDRESS, "address" },
        { "empty port", "10.0.0.1:", "s", "", "", 200, MCMP_ERR_ADVERT_ADDRESS, "address" },
        { "port 0", "10.0.0.1:0", "s", "", "", 200, MCMP_ERR_ADVERT_ADDRESS, "address" },
        { "large port", "10.0.0.1:65536", "s", "", "", 200, MCMP_ERR_ADVERT_ADDRESS, "address" },
        { "v4 in brackets", "[10.0.0.1]:80", "s", "", "", 200, MCMP_ERR_ADVERT_ADDRESS, "address" },
        { "bare v6", "::1:80", "s", "", "", 200, MCMP_ERR_ADVERT_ADDRESS, "address" },
        { "zone", "[fe80::1%eth0]:80", "s", "", "", 200, MCMP_ERR_ADVERT_ADDRESS, "address" },
        { "brackets twice", "[[::1]]:80", "s", "", "", 200, MCMP_ERR_ADVERT_ADDRESS, "address" },
        { "empty", "", "s", "", "", 200, MCMP_ERR_ADVERT_ADDRESS, "address" },
        { "no server", "10.0.0.1:80", "", "", "", 200, MCMP_ERR_INVALID, "server" },
        { "server with blank", "10.0.0.1:80", "a b", "", "", 200, MCMP_ERR_INVALID, "server" },
        { "server with line end", "10.0.0.1:80", "a\r\nX: y", "", "", 200, MCMP_ERR_INVALID,
          "server" },
        { "url with line end", "10.0.0.1:80", "s", "/\r\n", "", 200, MCMP_ERR_INVALID, "url" },
        { "protocol", "10.0.0.1:80", "s", "", "ftp", 200, MCMP_ERR_INVALID, "protocol" },
        { "status", "10.0.0.1:80", "s", "", "", 99, MCMP_ERR_INVALID, "status" },
        { "large status", "10.0.0.1:80", "s", "", "", 1000, MCMP_ERR_INVALID, "status" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char buf[MCMP_ADVERT_MAX] = "before";
        mcmp_advert advert = sample();
        mcmp_error err;
        size_t len = 77;

        mcmp_error_init(&err);
        advert.address = span_of(rows[i].address);
        advert.server = span_of(rows[i].server);
        advert.url = span_of(rows[i].url);
        advert.protocol = span_of(rows[i].protocol);
        advert.status = rows[i].status;
        row_code(rows[i].name, mcmp_advert_encode(&advert, no_key, buf, sizeof(buf), &len, &err),
                 rows[i].code);
        row_text(rows[i].name, span_of(err.field), rows[i].field);
        row_true(rows[i].name, err.message[0] != '\0' && len == 77 && buf[0] == 'b');
    }
}
END_TEST

START_TEST(test_encoder_takes_both_families)
{
    static const char *const addresses[] = { "127.0.0.1:1", "10.1.2.3:65535", "[::1]:6666",
                                             "[2001:db8::7]:80", "[::ffff:10.0.0.1]:80" };

    for (size_t i = 0; i < COUNT_OF(addresses); i++) {
        char buf[MCMP_ADVERT_MAX];
        mcmp_advert advert = sample();
        mcmp_advert read;
        mcmp_span got;

        advert.address = span_of(addresses[i]);
        got = encode(&advert, no_key, buf, sizeof(buf));
        mcmp_advert_init(&read);
        row_code(addresses[i], mcmp_advert_decode(got.ptr, got.len, &read, NULL), MCMP_OK);
        row_text(addresses[i], read.address, addresses[i]);
    }
}
END_TEST

START_TEST(test_hmac_needs_a_key_and_flags_must_be_known)
{
    char buf[MCMP_ADVERT_MAX];
    mcmp_advert advert = sample();
    size_t len;

    advert.flags = MCMP_ADVERT_HMAC;
    ck_assert_int_eq(mcmp_advert_encode(&advert, no_key, buf, sizeof(buf), &len, NULL),
                     MCMP_ERR_INVALID);
    advert.flags = 0x80;
    ck_assert_int_eq(mcmp_advert_encode(&advert, no_key, buf, sizeof(buf), &len, NULL),
                     MCMP_ERR_UNSUPPORTED);
    advert = sample();
    advert.date = -1;
    ck_assert_int_eq(mcmp_advert_encode(&advert, no_key, buf, sizeof(buf), &len, NULL),
                     MCMP_ERR_INVALID);
    advert.date = 253402300800;
    ck_assert_int_eq(mcmp_advert_encode(&advert, no_key, buf, sizeof(buf), &len, NULL),
                     MCMP_ERR_INVALID);
}
END_TEST

/* Up to 512 bytes every reader sees all of it; one more is refused. */
START_TEST(test_a_datagram_is_never_over_512_bytes)
{
    char url[MCMP_ADVERT_MAX];
    size_t largest = 0;

    memset(url, 'u', sizeof(url));
    for (uint32_t flags = 0; flags <= MCMP_ADVERT_HMAC; flags++) {
        for (size_t len = 1; len < sizeof(url); len++) {
            char buf[MCMP_ADVERT_MAX];
            mcmp_advert advert = sample();
            mcmp_error err;
            java_proxy proxy;
            size_t out_len = 0;
            int rc;

            mcmp_error_init(&err);
            advert.flags = flags;
            advert.url.ptr = url;
            advert.url.len = len;
            rc = mcmp_advert_encode(&advert, span_of("k"), buf, sizeof(buf), &out_len, &err);
            if (rc == MCMP_OK) {
                mcmp_span got = { buf, out_len };
                mcmp_advert read;

                ck_assert_uint_le(out_len, 512);
                largest = out_len > largest ? out_len : largest;
                ck_assert_ptr_null(java_read(got, &proxy));
                mcmp_advert_init(&read);
                ck_assert_msg(mcmp_advert_decode(buf, out_len, &read, &err) == MCMP_OK, "%s",
                              err.message);
                ck_assert_int_eq(mcmp_advert_verify(&read, span_of("k"), NULL), MCMP_OK);
                continue;
            }
            ck_assert_int_eq(rc, MCMP_ERR_ADVERT_SIZE);
            ck_assert_str_eq(err.field, "X-Manager-Url");
        }
    }
    ck_assert_uint_eq(largest, 512);
}
END_TEST

START_TEST(test_a_short_buffer_is_told_the_size_and_left_alone)
{
    char buf[MCMP_ADVERT_MAX] = "x";
    mcmp_advert advert = sample();
    size_t len = 0;

    ck_assert_int_eq(mcmp_advert_encode(&advert, no_key, NULL, 0, &len, NULL), MCMP_ERR_SPACE);
    ck_assert_uint_eq(len, sizeof(recorded) - 1);
    ck_assert_int_eq(mcmp_advert_encode(&advert, no_key, buf, len - 1, &len, NULL), MCMP_ERR_SPACE);
    ck_assert_int_eq(buf[0], 'x');
    ck_assert_int_eq(mcmp_advert_encode(&advert, no_key, buf, len, &len, NULL), MCMP_OK);
}
END_TEST

/* The recorded one with a text replaced by another. */
static size_t with(const char *from, const char *to, char *out, size_t size)
{
    const char *at = strstr(recorded, from);
    int len;

    ck_assert_msg(at != NULL, "not in the datagram: %s", from);
    len = snprintf(out, size, "%.*s%s%s", (int)(at - recorded), recorded, to, at + strlen(from));
    return (size_t)len;
}

START_TEST(test_decoder_names_what_is_wrong)
{
    static const struct {
        const char *name;
        const char *from;
        const char *to;
        int code;
        const char *field;
    } rows[] = {
        { "status", "200 OK", "2x0 OK", MCMP_ERR_ADVERT_SYNTAX, "status line" },
        { "small status", "200 OK", "099 OK", MCMP_ERR_ADVERT_SYNTAX, "status line" },
        { "long status", "200 OK", "2000 OK", MCMP_ERR_ADVERT_SYNTAX, "status line" },
        { "no text", "200 OK", "200", MCMP_ERR_ADVERT_SYNTAX, "status line" },
        { "empty text", "200 OK", "200 ", MCMP_ERR_ADVERT_SYNTAX, "status line" },
        { "version", "HTTP/1.0", "HTTP/2.0", MCMP_ERR_ADVERT_SYNTAX, "status line" },
        { "request", "HTTP/1.0 200 OK", "GET / HTTP/1.0", MCMP_ERR_ADVERT_SYNTAX, "status line" },
        { "sequence", "Sequence: 2", "Sequence: two", MCMP_ERR_ADVERT_SYNTAX, "Sequence" },
        { "signed sequence", "Sequence: 2", "Sequence: -2", MCMP_ERR_ADVERT_SYNTAX, "Sequence" },
        { "blank sequence", "Sequence: 2", "Sequence:  2", MCMP_ERR_ADVERT_SYNTAX, "Sequence" },
        { "large sequence", "Sequence: 2", "Sequence: 18446744073709551616", MCMP_ERR_ADVERT_SYNTAX,
          "Sequence" },
        { "no sequence", "Sequence: 2\r\n", "", MCMP_ERR_ADVERT_SYNTAX, "Sequence" },
        { "no date", "Date: Fri, 20 Nov 2026 04:32:41 GMT\r\n", "", MCMP_ERR_ADVERT_SYNTAX,
          "Date" },
        { "no digest", "Digest: 2717edaaef0162dc6bf34839e70a8620\r\n", "", MCMP_ERR_ADVERT_SYNTAX,
          "Digest" },
        { "short digest", "a8620\r", "a862\r", MCMP_ERR_ADVERT_SYNTAX, "Digest" },
        { "digest", "a8620\r", "a862g\r", MCMP_ERR_ADVERT_SYNTAX, "Digest" },
        { "no server", "Server: 14ae36b5-d95a-45fc-97ae-5977c94c4352\r\n", "",
          MCMP_ERR_ADVERT_SYNTAX, "X-Manager-Address" },
        { "server", "Server: 14ae36b5", "Server: 14ae/6b5", MCMP_ERR_ADVERT_SYNTAX, "Server" },
        { "small letters", "Server:", "server:", MCMP_ERR_ADVERT_SYNTAX, "X-Manager-Address" },
        { "no address", "X-Manager-Address: 127.0.0.1:16666\r\n", "", MCMP_ERR_ADVERT_SYNTAX,
          "X-Manager-Address" },
        { "address", "127.0.0.1:16666", "localhost:16666", MCMP_ERR_ADVERT_ADDRESS,
          "X-Manager-Address" },
        { "wildcard", "127.0.0.1:16666", "0.0.0.0:16666", MCMP_ERR_ADVERT_ADDRESS,
          "X-Manager-Address" },
        { "port", "127.0.0.1:16666", "127.0.0.1:x", MCMP_ERR_ADVERT_ADDRESS, "X-Manager-Address" },
        { "protocol", "X-Manager-Protocol: http", "X-Manager-Protocol: ajp", MCMP_ERR_ADVERT_SYNTAX,
          "X-Manager-Protocol" },
        { "url", "X-Manager-Url: /14", "X-Manager-Url: / 14", MCMP_ERR_ADVERT_SYNTAX,
          "X-Manager-Url" },
        { "twice", "X-Manager-Host: localhost\r\n", "Sequence: 3\r\n", MCMP_ERR_ADVERT_SYNTAX,
          "Sequence" },
        { "no colon", "X-Manager-Host: localhost", "X-Manager-Host localhost",
          MCMP_ERR_ADVERT_SYNTAX, "header" },
        { "no blank", "X-Manager-Host: localhost", "X-Manager-Host:localhost",
          MCMP_ERR_ADVERT_SYNTAX, "header" },
        { "no value", "X-Manager-Host: localhost", "X-Manager-Host: ", MCMP_ERR_ADVERT_SYNTAX,
          "header" },
        { "bare line end", "Sequence: 2\r\n", "Sequence: 2\n", MCMP_ERR_ADVERT_SYNTAX, "line" },
        { "control", "localhost", "local\thost", MCMP_ERR_ADVERT_SYNTAX, "line" },
        { "not ASCII", "localhost", "local\xc3\xa9", MCMP_ERR_ADVERT_SYNTAX, "line" },
        { "after the end", "localhost\r\n\r\n", "localhost\r\n\r\nX: y\r\n\r\n",
          MCMP_ERR_ADVERT_SYNTAX, "end" },
        { "no empty line", "localhost\r\n\r\n", "localhost\r\n", MCMP_ERR_ADVERT_SYNTAX, "line" },
        { "short hmac", "X-Manager-Host: localhost", "X-Manager-Digest: hmac-sha256 00",
          MCMP_ERR_ADVERT_SYNTAX, "X-Manager-Digest" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[MCMP_ADVERT_MAX];
        size_t len = with(rows[i].from, rows[i].to, text, sizeof(text));
        guard data = guard_copy(text, len);
        mcmp_advert advert;
        mcmp_error err;

        mcmp_error_init(&err);
        mcmp_advert_init(&advert);
        advert.status = 77;
        row_code(rows[i].name, mcmp_advert_decode(data.ptr, data.len, &advert, &err), rows[i].code);
        row_text(rows[i].name, span_of(err.field), rows[i].field);
        row_true(rows[i].name, err.message[0] != '\0' && err.offset <= len && advert.status == 77);
        guard_free(&data);
    }
}
END_TEST

START_TEST(test_decoder_passes_over_what_it_does_not_know)
{
    static const char *const rows[][2] = {
        { "X-Manager-Host: localhost", "X-Other: anything goes: here" },
        { "X-Manager-Host: localhost", "X-Manager-Digest: sha3 0011" },
        { "Date: Fri, 20 Nov 2026 04:32:41 GMT", "Date: yesterday" },
        { "X-Manager-Protocol: http\r\n", "" },
        { "200 OK", "503 Not now, later" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[MCMP_ADVERT_MAX];
        size_t len = with(rows[i][0], rows[i][1], text, sizeof(text));
        mcmp_advert advert;

        mcmp_advert_init(&advert);
        row_code(rows[i][1], mcmp_advert_decode(text, len, &advert, NULL), MCMP_OK);
        row_text(rows[i][1], advert.protocol, "http");
        row_true(rows[i][1], advert.flags == 0);
        row_int(rows[i][1], advert.date, i == 2 ? MCMP_ADVERT_NO_DATE : RECORDED_DATE);
    }
}
END_TEST

START_TEST(test_every_cut_is_refused)
{
    for (size_t len = 0; len < sizeof(recorded) - 1; len++) {
        guard data = guard_copy(recorded, len);
        mcmp_advert advert;

        mcmp_advert_init(&advert);
        ck_assert_msg(mcmp_advert_decode(data.ptr, data.len, &advert, NULL) ==
                          MCMP_ERR_ADVERT_SYNTAX,
                      "cut after %zu", len);
        guard_free(&data);
    }
}
END_TEST

START_TEST(test_a_datagram_over_512_bytes_is_refused)
{
    char text[MCMP_ADVERT_MAX + 2];
    size_t len = sizeof(recorded) - 3;
    mcmp_advert advert;

    mcmp_advert_init(&advert);
    memcpy(text, recorded, len);
    memcpy(text + len, "X-Long: ", 8);
    memset(text + len + 8, 'l', sizeof(text) - len - 8);
    memcpy(text + 508, "\r\n\r\n", 4);
    ck_assert_int_eq(mcmp_advert_decode(text, 512, &advert, NULL), MCMP_OK);
    memcpy(text + 508, "l\r\n\r\n", 5);
    ck_assert_int_eq(mcmp_advert_decode(text, 513, &advert, NULL), MCMP_ERR_ADVERT_SIZE);
}
END_TEST

START_TEST(test_results_need_an_initialised_struct)
{
    mcmp_advert advert;

    memset(&advert, 0, sizeof(advert));
    ck_assert_int_eq(mcmp_advert_decode(recorded, sizeof(recorded) - 1, &advert, NULL),
                     MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_advert_verify(&advert, no_key, NULL), MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_advert_verify(NULL, no_key, NULL), MCMP_ERR_INVALID);
    mcmp_advert_init(&advert);
    ck_assert_int_eq(mcmp_advert_verify(&advert, no_key, NULL), MCMP_ERR_ADVERT_DIGEST);
}
END_TEST

START_TEST(test_uuid_has_its_version_and_variant)
{
    uint8_t random[16];
    char text[MCMP_ADVERT_UUID];

    memset(random, 0xff, sizeof(random));
    mcmp_advert_uuid(random, text);
    ck_assert_str_eq(text, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    memset(random, 0, sizeof(random));
    random[15] = 0x1a;
    mcmp_advert_uuid(random, text);
    ck_assert_str_eq(text, "00000000-0000-4000-8000-00000000001a");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_a_datagram_is_written_byte_for_byte_as_httpd_does,
        test_a_recorded_datagram_is_read_and_verified,
        test_digest_with_a_key_is_md5_over_the_salt_and_three_values,
        test_hmac_covers_every_other_byte,
        test_hex_digits_of_a_peer_may_be_upper_case,
        test_encoder_refuses_what_nobody_could_use,
        test_encoder_takes_both_families,
        test_hmac_needs_a_key_and_flags_must_be_known,
        test_a_datagram_is_never_over_512_bytes,
        test_a_short_buffer_is_told_the_size_and_left_alone,
        test_decoder_names_what_is_wrong,
        test_decoder_passes_over_what_it_does_not_know,
        test_every_cut_is_refused,
        test_a_datagram_over_512_bytes_is_refused,
        test_results_need_an_initialised_struct,
        test_uuid_has_its_version_and_variant,
    };

    return run_tests("advert", tests, COUNT_OF(tests));
}
