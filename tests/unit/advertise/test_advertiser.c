/* SPDX-License-Identifier: Apache-2.0 */
/* When which datagram is sent: time is a number here, and every datagram goes to a Java reader. */
#include "java_reader.h"

#include <libmcmp/advertise.h>

#define DATE 1795149161

static mcmp_advertiser_options sample(void)
{
    mcmp_advertiser_options opts;

    mcmp_advertiser_options_init(&opts);
    opts.server = span_of("14ae36b5-d95a-45fc-97ae-5977c94c4352");
    opts.address = span_of("127.0.0.1:6666");
    return opts;
}

static mcmp_advertiser *make(const mcmp_advertiser_options *opts)
{
    mcmp_advertiser *advertiser = NULL;

    ck_assert_int_eq(mcmp_advertiser_new(&advertiser, opts, NULL), MCMP_OK);
    return advertiser;
}

/* One is due now: it has this status and sequence; when the next one is. */
static mcmp_time sent(mcmp_advertiser *advertiser, mcmp_time now, int status, const char *sequence)
{
    mcmp_span datagram = { NULL, 0 };
    mcmp_time at = -7;
    java_proxy proxy;

    ck_assert_int_eq(mcmp_advertiser_next(advertiser, now, DATE, &datagram, &at, NULL), MCMP_OK);
    ck_assert_ptr_null(java_read(datagram, &proxy));
    ck_assert_int_eq(proxy.status, status);
    ck_assert_str_eq(proxy.sequence, sequence);
    ck_assert_str_eq(proxy.server, "14ae36b5-d95a-45fc-97ae-5977c94c4352");
    ck_assert_str_eq(proxy.address, "127.0.0.1:6666");
    return at;
}

static mcmp_time waits(mcmp_advertiser *advertiser, mcmp_time now)
{
    mcmp_span datagram = { NULL, 0 };
    mcmp_time at = -7;

    ck_assert_int_eq(mcmp_advertiser_next(advertiser, now, DATE, &datagram, &at, NULL), MCMP_WAIT);
    ck_assert_ptr_null(datagram.ptr);
    return at;
}

static void is_done(mcmp_advertiser *advertiser, mcmp_time now)
{
    mcmp_span datagram;
    mcmp_time at;

    ck_assert_int_eq(mcmp_advertiser_next(advertiser, now, DATE, &datagram, &at, NULL), MCMP_DONE);
}

START_TEST(test_the_first_is_due_at_once_and_then_every_frequency)
{
    mcmp_advertiser_options opts = sample();
    mcmp_advertiser *advertiser = make(&opts);
    mcmp_time now = 5 * MCMP_SEC;

    ck_assert_int_eq(mcmp_advertiser_is_announced(advertiser), 0);
    ck_assert_int_eq(sent(advertiser, now, 200, "1"), now + 10 * MCMP_SEC);
    ck_assert_int_eq(mcmp_advertiser_is_announced(advertiser), 1);
    ck_assert_int_eq(waits(advertiser, now), now + 10 * MCMP_SEC);
    ck_assert_int_eq(waits(advertiser, now + 10 * MCMP_SEC - 1), now + 10 * MCMP_SEC);
    now += 10 * MCMP_SEC;
    ck_assert_int_eq(sent(advertiser, now, 200, "2"), now + 10 * MCMP_SEC);
    now += 35 * MCMP_SEC; /* a host that slept sends one, not three */
    ck_assert_int_eq(sent(advertiser, now, 200, "3"), now + 10 * MCMP_SEC);
    ck_assert_int_eq(waits(advertiser, now), now + 10 * MCMP_SEC);
    ck_assert_uint_eq(mcmp_advertiser_sequence(advertiser), 3);
    mcmp_advertiser_free(advertiser);
}
END_TEST

START_TEST(test_a_change_of_the_status_is_sent_at_once)
{
    mcmp_advertiser_options opts = sample();
    mcmp_advertiser *advertiser;

    opts.frequency = MCMP_SEC;
    advertiser = make(&opts);
    sent(advertiser, 0, 200, "1");
    ck_assert_int_eq(mcmp_advertiser_set_status(advertiser, 200), MCMP_OK);
    ck_assert_int_eq(waits(advertiser, 1), MCMP_SEC);
    ck_assert_int_eq(mcmp_advertiser_set_status(advertiser, 503), MCMP_OK);
    ck_assert_int_eq(sent(advertiser, 2, 503, "2"), MCMP_SEC + 2);
    ck_assert_int_eq(sent(advertiser, MCMP_SEC + 2, 503, "3"), 2 * MCMP_SEC + 2);
    ck_assert_int_eq(mcmp_advertiser_set_status(advertiser, 200), MCMP_OK);
    sent(advertiser, MCMP_SEC + 3, 200, "4");
    ck_assert_int_eq(mcmp_advertiser_set_status(advertiser, 99), MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_advertiser_set_status(advertiser, 1000), MCMP_ERR_INVALID);
    mcmp_advertiser_free(advertiser);
}
END_TEST

START_TEST(test_nothing_but_200_is_sent_before_a_200)
{
    mcmp_advertiser_options opts = sample();
    mcmp_advertiser *advertiser;

    opts.status = 503;
    advertiser = make(&opts);
    ck_assert_int_eq(waits(advertiser, 0), MCMP_NEVER);
    ck_assert_int_eq(mcmp_advertiser_set_status(advertiser, 410), MCMP_OK);
    ck_assert_int_eq(waits(advertiser, 100 * MCMP_SEC), MCMP_NEVER);
    ck_assert_int_eq(mcmp_advertiser_set_status(advertiser, 200), MCMP_OK);
    sent(advertiser, 100 * MCMP_SEC, 200, "1");
    mcmp_advertiser_free(advertiser);

    advertiser = make(&opts); /* neither at the stop */
    ck_assert_int_eq(mcmp_advertiser_stop(advertiser, 0), MCMP_OK);
    is_done(advertiser, 1);
    mcmp_advertiser_free(advertiser);
}
END_TEST

START_TEST(test_the_stop_is_said_once)
{
    static const uint32_t statuses[][2] = { { 0, 410 }, { 503, 503 } };

    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        mcmp_advertiser_options opts = sample();
        mcmp_advertiser *advertiser = make(&opts);

        sent(advertiser, 0, 200, "1");
        ck_assert_int_eq(mcmp_advertiser_stop(advertiser, 200), MCMP_ERR_INVALID);
        ck_assert_int_eq(mcmp_advertiser_stop(advertiser, 1000), MCMP_ERR_INVALID);
        ck_assert_int_eq(mcmp_advertiser_stop(advertiser, statuses[i][0]), MCMP_OK);
        ck_assert_int_eq(mcmp_advertiser_set_status(advertiser, 200), MCMP_ERR_STATE);
        ck_assert_int_eq(sent(advertiser, 1, (int)statuses[i][1], "2"), MCMP_NEVER);
        ck_assert_int_eq(mcmp_advertiser_stop(advertiser, 0), MCMP_OK);
        is_done(advertiser, 2);
        is_done(advertiser, 100 * MCMP_SEC);
        mcmp_advertiser_free(advertiser);
    }
}
END_TEST

START_TEST(test_what_was_not_sent_does_not_count_as_announced)
{
    mcmp_advertiser_options opts = sample();
    mcmp_advertiser *advertiser = make(&opts);

    ck_assert_int_eq(sent(advertiser, 0, 200, "1"), 10 * MCMP_SEC);
    mcmp_advertiser_unsent(advertiser);
    ck_assert_int_eq(mcmp_advertiser_is_announced(advertiser), 0);
    ck_assert_int_eq(waits(advertiser, 1), 10 * MCMP_SEC);
    sent(advertiser, 10 * MCMP_SEC, 200, "2");
    sent(advertiser, 20 * MCMP_SEC, 200, "3");
    mcmp_advertiser_unsent(advertiser); /* but an earlier one was */
    ck_assert_int_eq(mcmp_advertiser_is_announced(advertiser), 1);
    mcmp_advertiser_free(advertiser);

    advertiser = make(&opts);
    sent(advertiser, 0, 200, "1");
    mcmp_advertiser_unsent(advertiser);
    ck_assert_int_eq(mcmp_advertiser_stop(advertiser, 0), MCMP_OK);
    is_done(advertiser, 1);
    mcmp_advertiser_free(advertiser);
}
END_TEST

START_TEST(test_processes_that_take_turns_go_on_with_the_sequence)
{
    mcmp_advertiser_options opts = sample();
    mcmp_advertiser *advertiser;

    opts.sequence = 41;
    opts.flags = MCMP_ADVERTISER_ANNOUNCED;
    opts.status = 503;
    advertiser = make(&opts);
    sent(advertiser, 0, 503, "42");
    mcmp_advertiser_unsent(advertiser);
    ck_assert_int_eq(mcmp_advertiser_is_announced(advertiser), 1);
    mcmp_advertiser_free(advertiser);
}
END_TEST

START_TEST(test_options_are_copied_and_used)
{
    char server[] = "s-1";
    char address[] = "[::1]:6666";
    char url[] = "/mcmp";
    char protocol[] = "https";
    char host[] = "front.example";
    char key[] = "secret";
    mcmp_advertiser_options opts;
    mcmp_advertiser *advertiser;
    mcmp_span datagram;
    mcmp_advert advert;
    mcmp_time at;

    mcmp_advertiser_options_init(&opts);
    opts.server = span_of(server);
    opts.address = span_of(address);
    opts.url = span_of(url);
    opts.protocol = span_of(protocol);
    opts.host = span_of(host);
    opts.key = span_of(key);
    opts.flags = MCMP_ADVERTISER_HMAC;
    advertiser = make(&opts);
    server[0] = address[1] = url[0] = protocol[0] = host[0] = key[0] = '!';
    ck_assert_int_eq(mcmp_advertiser_next(advertiser, 0, DATE, &datagram, &at, NULL), MCMP_OK);
    mcmp_advert_init(&advert);
    ck_assert_int_eq(mcmp_advert_decode(datagram.ptr, datagram.len, &advert, NULL), MCMP_OK);
    row_text("server", advert.server, "s-1");
    row_text("address", advert.address, "[::1]:6666");
    row_text("url", advert.url, "/mcmp");
    row_text("protocol", advert.protocol, "https");
    row_text("host", advert.host, "front.example");
    ck_assert_int_eq(advert.date, DATE);
    ck_assert_uint_eq(advert.flags, MCMP_ADVERT_HMAC);
    ck_assert_int_eq(mcmp_advert_verify(&advert, span_of("secret"), NULL), MCMP_OK);
    mcmp_advertiser_free(advertiser);
}
END_TEST

START_TEST(test_bad_options_are_named)
{
    static char url[400];
    static const struct {
        const char *name;
        const char *server;
        const char *address;
        const char *url;
        mcmp_time frequency;
        uint64_t sequence;
        uint32_t flags;
        int code;
        const char *field;
    } rows[] = {
        { "no server", "", "10.0.0.1:80", "", 0, 0, 0, MCMP_ERR_INVALID, "server" },
        { "no address", "s", "", "", 0, 0, 0, MCMP_ERR_ADVERT_ADDRESS, "address" },
        { "wildcard", "s", "0.0.0.0:80", "", 0, 0, 0, MCMP_ERR_ADVERT_ADDRESS, "address" },
        { "often", "s", "10.0.0.1:80", "", 999, 0, 0, MCMP_ERR_INVALID, "frequency" },
        { "seldom", "s", "10.0.0.1:80", "", 86401 * MCMP_SEC, 0, 0, MCMP_ERR_INVALID, "frequency" },
        { "negative", "s", "10.0.0.1:80", "", -1, 0, 0, MCMP_ERR_INVALID, "frequency" },
        { "sequence", "s", "10.0.0.1:80", "", 0, UINT64_MAX, 0, MCMP_ERR_INVALID, "sequence" },
        { "hmac without key", "s", "10.0.0.1:80", "", 0, 0, MCMP_ADVERTISER_HMAC, MCMP_ERR_INVALID,
          "key" },
        { "flag", "s", "10.0.0.1:80", "", 0, 0, 0x80, MCMP_ERR_UNSUPPORTED, "flags" },
        { "too long", "s", "10.0.0.1:80", url, 0, 0, 0, MCMP_ERR_ADVERT_SIZE, "X-Manager-Url" },
    };

    memset(url, 'u', sizeof(url) - 1);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mcmp_advertiser *advertiser = NULL;
        mcmp_advertiser_options opts;
        mcmp_error err;

        mcmp_error_init(&err);
        mcmp_advertiser_options_init(&opts);
        opts.server = span_of(rows[i].server);
        opts.address = span_of(rows[i].address);
        opts.url = span_of(rows[i].url);
        opts.frequency = rows[i].frequency;
        opts.sequence = rows[i].sequence;
        opts.flags = rows[i].flags;
        row_code(rows[i].name, mcmp_advertiser_new(&advertiser, &opts, &err), rows[i].code);
        row_text(rows[i].name, span_of(err.field), rows[i].field);
        row_true(rows[i].name, advertiser == NULL);
    }
}
END_TEST

START_TEST(test_a_date_that_can_not_be_written_changes_nothing)
{
    mcmp_advertiser_options opts = sample();
    mcmp_advertiser *advertiser = make(&opts);
    mcmp_span datagram = { NULL, 0 };
    mcmp_time at = -7;

    ck_assert_int_eq(mcmp_advertiser_next(advertiser, 0, -1, &datagram, &at, NULL),
                     MCMP_ERR_INVALID);
    ck_assert_int_eq(at, -7);
    ck_assert_uint_eq(mcmp_advertiser_sequence(advertiser), 0);
    sent(advertiser, 0, 200, "1");
    mcmp_advertiser_free(advertiser);
    mcmp_advertiser_free(NULL);
}
END_TEST

START_TEST(test_a_long_run_never_goes_back)
{
    mcmp_advertiser_options opts = sample();
    mcmp_advertiser *advertiser;
    mcmp_time at = 0;

    opts.frequency = 10 * MCMP_MSEC;
    advertiser = make(&opts);
    for (unsigned i = 1; i <= 10000; i++) {
        char sequence[16];

        (void)snprintf(sequence, sizeof(sequence), "%u", i);
        at = sent(advertiser, at, 200, sequence);
    }
    ck_assert_int_eq(at, 10000 * 10 * MCMP_MSEC);
    mcmp_advertiser_free(advertiser);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_the_first_is_due_at_once_and_then_every_frequency,
        test_a_change_of_the_status_is_sent_at_once,
        test_nothing_but_200_is_sent_before_a_200,
        test_the_stop_is_said_once,
        test_what_was_not_sent_does_not_count_as_announced,
        test_processes_that_take_turns_go_on_with_the_sequence,
        test_options_are_copied_and_used,
        test_bad_options_are_named,
        test_a_date_that_can_not_be_written_changes_nothing,
        test_a_long_run_never_goes_back,
    };

    return run_tests("advertiser", tests, COUNT_OF(tests));
}
