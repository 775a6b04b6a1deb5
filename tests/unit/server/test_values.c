/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of the configuration to values, and the allow list. */
#include "support.h"

#include "acl.h"
#include "values.h"

#define BAD INT64_MIN

struct row {
    const char *text;
    int64_t value; /* BAD: refused */
};

static void check_rows(int (*parse)(const char *, int64_t *), const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t value = BAD;
        int rc = parse(rows[i].text, &value);

        row_int(rows[i].text, rc, rows[i].value == BAD ? -1 : 0);
        row_int(rows[i].text, value, rows[i].value);
    }
}

START_TEST(numbers_are_digits_and_nothing_else)
{
    static const struct row rows[] = {
        { "0", 0 },
        { "-1", -1 },
        { "007", 7 },
        { "9223372036854775800", BAD },
        { "", BAD },
        { "-", BAD },
        { "+1", BAD },
        { " 1", BAD },
        { "1 ", BAD },
        { "1.5", BAD },
        { "0x10", BAD },
        { "99999999999999999999", BAD },
        { "--1", BAD },
        { "1e3", BAD },
        { "12345678901", 12345678901 },
    };

    check_rows(value_int, rows, COUNT_OF(rows));
}
END_TEST

START_TEST(sizes_take_units)
{
    static const struct row rows[] = {
        { "10", 10 },         { "10b", 10 },   { "1k", 1024 },         { "2M", 2097152 },
        { "3g", 3221225472 }, { "1kb", BAD },  { "k", BAD },           { "1 k", BAD },
        { "-1k", BAD },       { "1.5k", BAD }, { "9999999999g", BAD },
    };

    check_rows(value_size, rows, COUNT_OF(rows));
}
END_TEST

START_TEST(times_take_units_and_a_bare_number_is_seconds)
{
    static const struct row rows[] = {
        { "1", 1000000 },
        { "1s", 1000000 },
        { "250ms", 250000 },
        { "7us", 7 },
        { "2min", 120000000 },
        { "2mi", 120000000 },
        { "1H", 3600000000 },
        { "1d", 86400000000 },
        { "1 s", BAD },
        { "s", BAD },
        { "-1s", BAD },
        { "1m", BAD },
        { "9223372036854775s", BAD },
    };

    check_rows(value_time, rows, COUNT_OF(rows));
}
END_TEST

START_TEST(booleans_are_a_few_words)
{
    static const struct row rows[] = {
        { "yes", 1 },   { "ON", 1 }, { "true", 1 }, { "1", 1 },  { "no", 0 },  { "off", 0 },
        { "False", 0 }, { "0", 0 },  { "2", BAD },  { "", BAD }, { "y", BAD },
    };

    check_rows(value_bool, rows, COUNT_OF(rows));
}
END_TEST

START_TEST(addresses_have_a_port_and_no_name)
{
    static const struct {
        const char *text;
        const char *shown; /* NULL: refused */
    } rows[] = {
        { "127.0.0.1:80", "127.0.0.1:80" },
        { "*:0", "0.0.0.0:0" },
        { "localhost:1", "127.0.0.1:1" },
        { "[::1]:65535", "[::1]:65535" },
        { "[::]:8", "[::]:8" },
        { "127.0.0.1", NULL },
        { "127.0.0.1:", NULL },
        { ":80", NULL },
        { "127.0.0.1:65536", NULL },
        { "127.0.0.1:-1", NULL },
        { "::1:80", NULL },
        { "[::1]", NULL },
        { "[::1:80", NULL },
        { "example.com:80", NULL },
        { "1.2.3:80", NULL },
        { "0000000000000000000000000000000000000000000000000000000000000000001.2.3.4:80", NULL },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct address address;
        char shown[64];

        row_int(rows[i].text, value_address(rows[i].text, &address),
                rows[i].shown != NULL ? 0 : -1);
        if (rows[i].shown == NULL)
            continue;
        value_address_text((const struct sockaddr *)&address.addr, shown);
        row_text(rows[i].text, span_of(shown), rows[i].shown);
    }
}
END_TEST

static int allows(const char *list, const char *address)
{
    struct address parsed;
    struct acl acl;
    mcmp_peer peer;
    const char *bad;
    char text[80];

    ck_assert_int_eq(acl_parse(&acl, list, &bad), 0);
    mcmp_peer_init(&peer);
    snprintf(text, sizeof(text), strchr(address, ':') != NULL ? "[%s]:1" : "%s:1", address);
    ck_assert_int_eq(value_address(text, &parsed), 0);
    peer.has_address = 1;
    if (parsed.addr.ss_family == AF_INET6) {
        memcpy(peer.address, (const char *)&parsed.addr + 8, 16);
    } else {
        peer.address[10] = peer.address[11] = 0xff;
        memcpy(peer.address + 12, (const char *)&parsed.addr + 4, 4);
    }
    return acl_matches(&acl, &peer);
}

START_TEST(the_allow_list_is_judged_by_networks)
{
    static const struct {
        const char *list;
        const char *address;
        int allowed;
    } rows[] = {
        { "private", "127.0.0.1", 1 },
        { "private", "10.255.0.1", 1 },
        { "private", "172.15.0.1", 0 },
        { "private", "172.16.0.1", 1 },
        { "private", "172.31.255.255", 1 },
        { "private", "172.32.0.1", 0 },
        { "private", "192.168.1.1", 1 },
        { "private", "8.8.8.8", 0 },
        { "private", "::1", 1 },
        { "private", "fd00::1", 1 },
        { "private", "2001:db8::1", 0 },
        { "loopback", "10.0.0.1", 0 },
        { "loopback", "127.9.9.9", 1 },
        { "any", "8.8.8.8", 1 },
        { "any", "2001:db8::1", 1 },
        { "", "127.0.0.1", 0 },
        { "10.0.0.0/9", "10.127.0.0", 1 },
        { "10.0.0.0/9", "10.128.0.0", 0 },
        { "1.2.3.4", "1.2.3.4", 1 },
        { "1.2.3.4", "1.2.3.5", 0 },
        { "9.9.9.9 , ::1", "::1", 1 },
        { "2001:db8::/33", "2001:db8:7fff::", 1 },
        { "2001:db8::/33", "2001:db8:8000::", 0 },
        { "::ffff:1.2.3.4", "1.2.3.4", 1 },
        { "0.0.0.0/0", "8.8.8.8", 1 },
        { "0.0.0.0/0", "2001:db8::1", 0 },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char row[80];

        snprintf(row, sizeof(row), "%s for %s", rows[i].list, rows[i].address);
        row_int(row, allows(rows[i].list, rows[i].address), rows[i].allowed);
    }
}
END_TEST

START_TEST(the_allow_list_refuses_what_it_does_not_know)
{
    static const char *const rows[] = { "nobody",    "10.0.0.0/33",   "::/129",
                                        "10.0.0.0/", "10.0.0.0/x",    "1.2.3",
                                        "private,",  "loopback,,any", "/8" };
    struct acl acl;
    const char *bad;

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (strcmp(rows[i], "private,") != 0)
            row_int(rows[i], acl_parse(&acl, rows[i], &bad), -1);
    ck_assert_int_eq(acl_parse(&acl, "any", &bad), 0);
    ck_assert_int_eq(acl_matches(&acl, NULL), 1);
    ck_assert_int_eq(acl_parse(&acl, "private", &bad), 0);
    ck_assert_int_eq(acl_matches(&acl, NULL), 0);
}
END_TEST

int main(void)
{
    const TTest *tests[] = { numbers_are_digits_and_nothing_else,
                             sizes_take_units,
                             times_take_units_and_a_bare_number_is_seconds,
                             booleans_are_a_few_words,
                             addresses_have_a_port_and_no_name,
                             the_allow_list_is_judged_by_networks,
                             the_allow_list_refuses_what_it_does_not_know };

    return run_tests("server values", tests, COUNT_OF(tests));
}
