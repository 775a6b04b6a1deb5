/* SPDX-License-Identifier: Apache-2.0 */
/* What datagrams make known, and that those which are refused change nothing. */
#include "support.h"

#include <libmcmp/advertise.h>

#define DATE 1795149161

typedef struct sender {
    const char *server;
    const char *address;
    const char *key;
    uint32_t flags;
} sender;

static const sender first = { "s-1", "10.0.0.1:6666", "", 0 };

static mcmp_span datagram_of(const sender *from, uint32_t status, uint64_t sequence, int64_t date)
{
    static char buf[MCMP_ADVERT_MAX];
    mcmp_span out = { buf, 0 };
    mcmp_advert advert;

    mcmp_advert_init(&advert);
    advert.status = status;
    advert.sequence = sequence;
    advert.date = date;
    advert.server = span_of(from->server);
    advert.address = span_of(from->address);
    advert.flags = from->flags;
    ck_assert_int_eq(
        mcmp_advert_encode(&advert, span_of(from->key), buf, sizeof(buf), &out.len, NULL), MCMP_OK);
    return out;
}

static mcmp_finder *make(const char *key, uint32_t flags, uint32_t max)
{
    mcmp_finder_options opts;
    mcmp_finder *finder = NULL;

    mcmp_finder_options_init(&opts);
    opts.key = span_of(key);
    opts.flags = flags;
    opts.max_proxies = max;
    opts.lost_after = 30 * MCMP_SEC;
    ck_assert_int_eq(mcmp_finder_new(&finder, &opts, NULL), MCMP_OK);
    return finder;
}

static int feed(mcmp_finder *finder, mcmp_span datagram, mcmp_time now, mcmp_found *found)
{
    guard data = guard_copy(datagram.ptr, datagram.len);
    int rc;

    mcmp_found_init(found);
    found->change = 77;
    rc = mcmp_finder_feed(finder, data.ptr, data.len, now, DATE, found, NULL);
    ck_assert(rc == MCMP_OK || found->change == 77);
    guard_free(&data);
    return rc;
}

static uint32_t change_of(mcmp_finder *finder, mcmp_span datagram, mcmp_time now)
{
    mcmp_found found;

    ck_assert_int_eq(feed(finder, datagram, now, &found), MCMP_OK);
    return found.change;
}

START_TEST(test_a_proxy_is_found_leaves_and_comes_back)
{
    mcmp_finder *finder = make("", 0, 0);
    mcmp_found found;

    ck_assert_int_eq(feed(finder, datagram_of(&first, 200, 1, DATE), 5, &found), MCMP_OK);
    ck_assert_uint_eq(found.change, MCMP_FOUND_NEW);
    ck_assert_uint_eq(found.status, 200);
    ck_assert_uint_eq(found.sequence, 1);
    ck_assert_int_eq(found.date, DATE);
    ck_assert_int_eq(found.heard, 5);
    ck_assert_uint_eq(found.port, 6666);
    ck_assert_uint_eq(found.flags, 0);
    row_text("server", found.server, "s-1");
    row_text("address", found.address, "10.0.0.1:6666");
    row_text("host", found.host, "10.0.0.1");
    row_text("url", found.url, "/s-1");
    row_text("protocol", found.protocol, "http");
    row_text("name", found.name, "");
    ck_assert_uint_eq(change_of(finder, datagram_of(&first, 200, 2, DATE), 6), MCMP_FOUND_SAME);
    ck_assert_uint_eq(change_of(finder, datagram_of(&first, 410, 3, DATE), 7), MCMP_FOUND_LEFT);
    ck_assert_uint_eq(change_of(finder, datagram_of(&first, 410, 4, DATE), 8), MCMP_FOUND_SAME);
    ck_assert_int_eq(mcmp_finder_get(finder, 0, &found), MCMP_OK);
    ck_assert_uint_eq(found.change, MCMP_FOUND_LEFT);
    ck_assert_uint_eq(change_of(finder, datagram_of(&first, 200, 5, DATE), 9), MCMP_FOUND_BACK);
    ck_assert_uint_eq(mcmp_finder_count(finder), 1);
    ck_assert_int_eq(mcmp_finder_get(finder, 1, &found), MCMP_ERR_NOT_FOUND);
    mcmp_finder_free(finder);
}
END_TEST

START_TEST(test_brackets_are_no_part_of_the_host)
{
    static const sender six = { "s-6", "[2001:db8::1]:6666", "", 0 };
    mcmp_finder *finder = make("", 0, 0);
    mcmp_found found;

    ck_assert_int_eq(feed(finder, datagram_of(&six, 200, 1, DATE), 0, &found), MCMP_OK);
    row_text("host", found.host, "2001:db8::1");
    row_text("address", found.address, "[2001:db8::1]:6666");
    mcmp_finder_free(finder);
}
END_TEST

START_TEST(test_a_proxy_that_only_says_that_it_goes_is_not_added)
{
    mcmp_finder *finder = make("", 0, 0);
    mcmp_found found;

    ck_assert_int_eq(feed(finder, datagram_of(&first, 410, 1, DATE), 0, &found), MCMP_OK);
    ck_assert_uint_eq(found.change, MCMP_FOUND_SAME);
    ck_assert_uint_eq(found.server.len, 0);
    ck_assert_uint_eq(mcmp_finder_count(finder), 0);
    mcmp_finder_free(finder);
}
END_TEST

/* Each row changes nothing: neither what is known nor what counts as new later. */
START_TEST(test_what_is_refused_changes_nothing)
{
    static const sender good = { "s-1", "10.0.0.1:6666", "k", 0 };
    static const sender wrong_key = { "s-1", "10.0.0.1:6666", "K", 0 };
    static const sender no_key = { "s-1", "10.0.0.1:6666", "", 0 };
    static const sender moved = { "s-1", "10.0.0.66:6666", "k", 0 };
    static const sender new_wrong = { "s-9", "10.0.0.9:6666", "K", 0 };
    static const struct {
        const char *name;
        const sender *from;
        uint32_t status;
        uint64_t sequence;
        int64_t date;
        int code;
    } rows[] = {
        { "wrong key", &wrong_key, 410, 11, DATE, MCMP_ERR_ADVERT_DIGEST },
        { "no key", &no_key, 410, 11, DATE, MCMP_ERR_ADVERT_DIGEST },
        { "replayed", &good, 200, 10, DATE, MCMP_ERR_ADVERT_REPLAY },
        { "replayed with another status", &good, 410, 10, DATE, MCMP_ERR_ADVERT_REPLAY },
        { "older", &good, 410, 9, DATE, MCMP_ERR_ADVERT_REPLAY },
        { "another address", &moved, 200, 11, DATE, MCMP_ERR_ADVERT_ADDRESS },
        { "too old", &good, 410, 11, DATE - 301, MCMP_ERR_ADVERT_DATE },
        { "from the future", &good, 410, 11, DATE + 301, MCMP_ERR_ADVERT_DATE },
        { "new with a wrong key", &new_wrong, 200, 1, DATE, MCMP_ERR_ADVERT_DIGEST },
    };
    mcmp_finder *finder = make("k", 0, 0);
    mcmp_found found;

    ck_assert_uint_eq(change_of(finder, datagram_of(&good, 200, 10, DATE), 1), MCMP_FOUND_NEW);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mcmp_span datagram =
            datagram_of(rows[i].from, rows[i].status, rows[i].sequence, rows[i].date);

        row_code(rows[i].name, feed(finder, datagram, 2, &found), rows[i].code);
        row_int(rows[i].name, mcmp_finder_count(finder), 1);
        row_code(rows[i].name, mcmp_finder_get(finder, 0, &found), MCMP_OK);
        row_int(rows[i].name, found.change, MCMP_FOUND_NEW);
        row_int(rows[i].name, found.sequence, 10);
        row_int(rows[i].name, found.heard, 1);
        row_text(rows[i].name, found.address, "10.0.0.1:6666");
    }
    ck_assert_uint_eq(change_of(finder, datagram_of(&good, 200, 11, DATE + 300), 3),
                      MCMP_FOUND_SAME);
    ck_assert_uint_eq(change_of(finder, datagram_of(&good, 200, 12, DATE - 300), 3),
                      MCMP_FOUND_SAME);
    mcmp_finder_free(finder);
}
END_TEST

START_TEST(test_cut_long_and_malformed_datagrams_change_nothing)
{
    mcmp_finder *finder = make("", 0, 0);
    mcmp_found found;
    mcmp_span next;
    char text[MCMP_ADVERT_MAX + 100];

    ck_assert_uint_eq(change_of(finder, datagram_of(&first, 200, 1, DATE), 1), MCMP_FOUND_NEW);
    next = datagram_of(&first, 410, 2, DATE);
    for (mcmp_span cut = next; cut.len-- > 0;)
        ck_assert_int_eq(feed(finder, cut, 2, &found), MCMP_ERR_ADVERT_SYNTAX);
    memset(text, 'l', sizeof(text));
    (void)snprintf(text, sizeof(text), "%.*sX-Long: ", (int)strcspn(next.ptr, "\n") + 1, next.ptr);
    text[strlen(text)] = 'l';
    memcpy(text + sizeof(text) - 4, "\r\n\r\n", 4);
    next.ptr = text;
    next.len = sizeof(text);
    ck_assert_int_eq(feed(finder, next, 2, &found), MCMP_ERR_ADVERT_SIZE);
    ck_assert_int_eq(mcmp_finder_get(finder, 0, &found), MCMP_OK);
    ck_assert_uint_eq(found.change, MCMP_FOUND_NEW);
    ck_assert_uint_eq(found.sequence, 1);
    mcmp_finder_free(finder);
}
END_TEST

START_TEST(test_without_a_key_the_date_does_not_matter)
{
    mcmp_finder *finder = make("", 0, 0);
    mcmp_span datagram = datagram_of(&first, 200, 1, 0);
    mcmp_finder_options opts;
    mcmp_found found;

    ck_assert_uint_eq(change_of(finder, datagram, 0), MCMP_FOUND_NEW);
    mcmp_finder_free(finder);

    mcmp_finder_options_init(&opts); /* nor when the window is off */
    opts.key = span_of("k");
    opts.window = MCMP_NEVER;
    ck_assert_int_eq(mcmp_finder_new(&finder, &opts, NULL), MCMP_OK);
    ck_assert_uint_eq(
        change_of(finder, datagram_of(&(sender){ "s", "10.0.0.1:1", "k", 0 }, 200, 1, 0), 0),
        MCMP_FOUND_NEW);
    mcmp_found_init(&found);
    ck_assert_int_eq(mcmp_finder_get(finder, 0, &found), MCMP_OK);
    ck_assert_int_eq(found.date, 0);
    mcmp_finder_free(finder);
}
END_TEST

START_TEST(test_a_server_that_sent_an_hmac_must_go_on)
{
    static const sender with = { "s-1", "10.0.0.1:6666", "k", MCMP_ADVERT_HMAC };
    static const sender without = { "s-1", "10.0.0.1:6666", "k", 0 };
    static const sender other = { "s-2", "10.0.0.2:6666", "k", 0 };
    mcmp_finder *finder = make("k", 0, 0);
    mcmp_found found;

    ck_assert_int_eq(feed(finder, datagram_of(&with, 200, 1, DATE), 0, &found), MCMP_OK);
    ck_assert_uint_eq(found.flags, MCMP_ADVERT_HMAC);
    ck_assert_int_eq(feed(finder, datagram_of(&without, 410, 2, DATE), 0, &found),
                     MCMP_ERR_ADVERT_DIGEST);
    ck_assert_uint_eq(change_of(finder, datagram_of(&other, 200, 1, DATE), 0), MCMP_FOUND_NEW);
    mcmp_finder_free(finder);

    finder = make("k", MCMP_FINDER_HMAC, 0);
    ck_assert_int_eq(feed(finder, datagram_of(&without, 200, 1, DATE), 0, &found),
                     MCMP_ERR_ADVERT_DIGEST);
    ck_assert_uint_eq(change_of(finder, datagram_of(&with, 200, 1, DATE), 0), MCMP_FOUND_NEW);
    mcmp_finder_free(finder);

    finder = make("", 0, 0); /* without a key it can't be told, and is not claimed */
    ck_assert_int_eq(feed(finder, datagram_of(&first, 200, 1, DATE), 0, &found), MCMP_OK);
    ck_assert_uint_eq(found.flags, 0);
    mcmp_finder_free(finder);
}
END_TEST

START_TEST(test_silence_is_told_once)
{
    static const sender second = { "s-2", "10.0.0.2:6666", "", 0 };
    mcmp_finder *finder = make("", 0, 0);
    mcmp_found found;
    mcmp_time at = -7;

    mcmp_found_init(&found);
    ck_assert_int_eq(mcmp_finder_expire(finder, 0, &found, &at), MCMP_DONE);
    ck_assert_int_eq(at, MCMP_NEVER);
    change_of(finder, datagram_of(&first, 200, 1, DATE), 0);
    change_of(finder, datagram_of(&second, 200, 1, DATE), 10 * MCMP_SEC);
    ck_assert_int_eq(mcmp_finder_expire(finder, 30 * MCMP_SEC - 1, &found, &at), MCMP_DONE);
    ck_assert_int_eq(at, 30 * MCMP_SEC);
    ck_assert_int_eq(mcmp_finder_expire(finder, 30 * MCMP_SEC, &found, &at), MCMP_OK);
    ck_assert_uint_eq(found.change, MCMP_FOUND_LOST);
    row_text("lost", found.server, "s-1");
    ck_assert_int_eq(mcmp_finder_expire(finder, 30 * MCMP_SEC, &found, &at), MCMP_DONE);
    ck_assert_int_eq(at, 40 * MCMP_SEC);
    ck_assert_int_eq(mcmp_finder_get(finder, 0, &found), MCMP_OK);
    ck_assert_uint_eq(found.change, MCMP_FOUND_LOST);
    ck_assert_int_eq(feed(finder, datagram_of(&first, 200, 1, DATE), 31 * MCMP_SEC, &found),
                     MCMP_ERR_ADVERT_REPLAY);
    ck_assert_uint_eq(change_of(finder, datagram_of(&first, 200, 2, DATE), 31 * MCMP_SEC),
                      MCMP_FOUND_BACK);
    mcmp_finder_free(finder);
}
END_TEST

START_TEST(test_a_full_table_takes_the_place_of_who_is_gone)
{
    mcmp_finder *finder = make("", 0, 2);
    const sender senders[] = {
        { "s-0", "10.0.0.1:1", "", 0 },
        { "s-1", "10.0.0.1:2", "", 0 },
        { "s-2", "10.0.0.1:3", "", 0 },
        { "s-3", "10.0.0.1:4", "", 0 },
    };
    mcmp_found found;

    change_of(finder, datagram_of(&senders[0], 200, 1, DATE), 1);
    change_of(finder, datagram_of(&senders[1], 200, 1, DATE), 2);
    ck_assert_int_eq(feed(finder, datagram_of(&senders[2], 200, 1, DATE), 3, &found),
                     MCMP_ERR_LIMIT);
    ck_assert_uint_eq(change_of(finder, datagram_of(&senders[1], 410, 2, DATE), 4),
                      MCMP_FOUND_LEFT);
    ck_assert_uint_eq(change_of(finder, datagram_of(&senders[0], 410, 2, DATE), 5),
                      MCMP_FOUND_LEFT);
    ck_assert_uint_eq(change_of(finder, datagram_of(&senders[2], 200, 1, DATE), 6), MCMP_FOUND_NEW);
    ck_assert_int_eq(mcmp_finder_get(finder, 1, &found), MCMP_OK); /* the one gone for longest */
    row_text("place", found.server, "s-2");
    ck_assert_uint_eq(mcmp_finder_count(finder), 2);
    ck_assert_uint_eq(change_of(finder, datagram_of(&senders[3], 200, 1, DATE), 7), MCMP_FOUND_NEW);
    ck_assert_int_eq(feed(finder, datagram_of(&senders[0], 200, 3, DATE), 8, &found),
                     MCMP_ERR_LIMIT);
    mcmp_finder_free(finder);
}
END_TEST

START_TEST(test_bad_options_are_named)
{
    static const struct {
        const char *field;
        mcmp_time window;
        mcmp_time lost_after;
        uint32_t max;
        uint32_t flags;
        int code;
    } rows[] = {
        { "window", -2, 0, 0, 0, MCMP_ERR_INVALID },
        { "lost_after", 0, -1, 0, 0, MCMP_ERR_INVALID },
        { "max_proxies", 0, 0, 4097, 0, MCMP_ERR_INVALID },
        { "key", 0, 0, 0, MCMP_FINDER_HMAC, MCMP_ERR_INVALID },
        { "flags", 0, 0, 0, 0x80, MCMP_ERR_UNSUPPORTED },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mcmp_finder *finder = NULL;
        mcmp_finder_options opts;
        mcmp_error err;

        mcmp_error_init(&err);
        mcmp_finder_options_init(&opts);
        opts.window = rows[i].window;
        opts.lost_after = rows[i].lost_after;
        opts.max_proxies = rows[i].max;
        opts.flags = rows[i].flags;
        row_code(rows[i].field, mcmp_finder_new(&finder, &opts, &err), rows[i].code);
        row_text(rows[i].field, span_of(err.field), rows[i].field);
        row_true(rows[i].field, finder == NULL);
    }
    mcmp_finder_free(NULL);
}
END_TEST

START_TEST(test_results_need_an_initialised_struct)
{
    mcmp_finder *finder = make("", 0, 0);
    mcmp_span datagram = datagram_of(&first, 200, 1, DATE);
    mcmp_found found;

    memset(&found, 0, sizeof(found));
    ck_assert_int_eq(mcmp_finder_feed(finder, datagram.ptr, datagram.len, 0, DATE, &found, NULL),
                     MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_finder_feed(finder, datagram.ptr, datagram.len, 0, DATE, NULL, NULL),
                     MCMP_ERR_INVALID);
    ck_assert_uint_eq(mcmp_finder_count(finder), 0);
    mcmp_finder_free(finder);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_a_proxy_is_found_leaves_and_comes_back,
        test_brackets_are_no_part_of_the_host,
        test_a_proxy_that_only_says_that_it_goes_is_not_added,
        test_what_is_refused_changes_nothing,
        test_cut_long_and_malformed_datagrams_change_nothing,
        test_without_a_key_the_date_does_not_matter,
        test_a_server_that_sent_an_hmac_must_go_on,
        test_silence_is_told_once,
        test_a_full_table_takes_the_place_of_who_is_gone,
        test_bad_options_are_named,
        test_results_need_an_initialised_struct,
    };

    return run_tests("finder", tests, COUNT_OF(tests));
}
