/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets of a group, on the loopback interface only, on a port that nobody has. IPv6 over
 * loopback needs a route that only a namespace of the test's own has: tests/e2e/advertise.
 */
#include "support.h"

#include <libmcmp/advertise.h>
#include <libmcmp/multicast.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

/* "224.0.1.105:PORT" with a port that no UDP socket has. */
static mcmp_span free_group(char *out, size_t size)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)(void *)&address, len), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)(void *)&address, &len), 0);
    close(fd);
    (void)snprintf(out, size, "224.0.1.105:%u", ntohs(address.sin_port));
    return span_of(out);
}

static mcmp_multicast *open_on(mcmp_span group, const char *interface, uint32_t flags)
{
    mcmp_multicast_options opts;
    mcmp_multicast *m = NULL;
    mcmp_error err;

    mcmp_error_init(&err);
    mcmp_multicast_options_init(&opts);
    opts.group = group;
    opts.interface_name = span_of(interface);
    opts.flags = flags;
    ck_assert_msg(mcmp_multicast_open(&m, &opts, &err) == MCMP_OK, "%s (%d)", err.message,
                  (int)err.os_status);
    return m;
}

static int hears(mcmp_multicast *m, int ms)
{
    struct pollfd wait = { .fd = mcmp_multicast_fd(m), .events = POLLIN };

    return poll(&wait, 1, ms) == 1;
}

START_TEST(test_every_receiver_hears_what_is_sent)
{
    static const char *const interfaces[] = { "127.0.0.1", "lo" };

    for (size_t i = 0; i < COUNT_OF(interfaces); i++) {
        char text[64];
        mcmp_span group = free_group(text, sizeof(text));
        mcmp_multicast *sender = open_on(group, interfaces[i], 0);
        mcmp_multicast *receivers[] = { open_on(group, interfaces[i], MCMP_MULTICAST_RECEIVE),
                                        open_on(group, interfaces[i], MCMP_MULTICAST_RECEIVE) };

        ck_assert_int_eq(mcmp_multicast_send(sender, "hello", 5, NULL), MCMP_OK);
        for (size_t r = 0; r < COUNT_OF(receivers); r++) {
            char buf[MCMP_ADVERT_MAX + 1];
            char peer[MCMP_MULTICAST_TEXT] = "";
            size_t len = 0;

            ck_assert(hears(receivers[r], 5000));
            ck_assert_int_eq(
                mcmp_multicast_receive(receivers[r], buf, sizeof(buf), &len, peer, NULL), MCMP_OK);
            ck_assert_uint_eq(len, 5);
            ck_assert_mem_eq(buf, "hello", 5);
            ck_assert_msg(strncmp(peer, "127.0.0.1:", 10) == 0, "%s", peer);
            ck_assert_int_eq(
                mcmp_multicast_receive(receivers[r], buf, sizeof(buf), &len, NULL, NULL),
                MCMP_WAIT);
            mcmp_multicast_close(receivers[r]);
        }
        mcmp_multicast_close(sender);
    }
}
END_TEST

START_TEST(test_too_long_datagrams_are_seen_as_such)
{
    char text[64];
    mcmp_span group = free_group(text, sizeof(text));
    mcmp_multicast *m = open_on(group, "lo", MCMP_MULTICAST_RECEIVE);
    char data[2000] = "";
    char buf[MCMP_ADVERT_MAX + 1];
    size_t len = 0;

    ck_assert_int_eq(mcmp_multicast_send(m, data, sizeof(data), NULL), MCMP_OK);
    ck_assert(hears(m, 5000));
    ck_assert_int_eq(mcmp_multicast_receive(m, buf, sizeof(buf), &len, NULL, NULL), MCMP_OK);
    ck_assert_uint_eq(len, sizeof(buf));
    mcmp_multicast_close(m);
}
END_TEST

START_TEST(test_what_is_not_sent_to_the_group_is_not_heard)
{
    char text[64];
    mcmp_span group = free_group(text, sizeof(text));
    mcmp_multicast *m = open_on(group, "lo", MCMP_MULTICAST_RECEIVE);
    struct sockaddr_in to = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    unsigned port = 0;

    ck_assert_int_eq(sscanf(text, "224.0.1.105:%u", &port), 1);
    to.sin_port = htons((uint16_t)port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(sendto(fd, "x", 1, 0, (struct sockaddr *)(void *)&to, sizeof(to)), 1);
    ck_assert(!hears(m, 100));
    close(fd);
    mcmp_multicast_close(m);
}
END_TEST

START_TEST(test_loop_and_ttl_are_set)
{
    static const struct {
        uint32_t flags;
        uint32_t ttl;
        int want_ttl;
        int want_loop;
    } rows[] = {
        { 0, 0, 10, 1 },
        { 0, 32, 32, 1 },
        { MCMP_MULTICAST_NO_LOOP, 255, 255, 0 },
        { MCMP_MULTICAST_TTL_0, 7, 0, 1 },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mcmp_multicast_options opts;
        mcmp_multicast *m = NULL;
        int value = -1;
        socklen_t len = sizeof(value);

        mcmp_multicast_options_init(&opts);
        opts.interface_name = span_of("lo");
        opts.flags = rows[i].flags;
        opts.ttl = rows[i].ttl;
        ck_assert_int_eq(mcmp_multicast_open(&m, &opts, NULL), MCMP_OK);
        ck_assert_int_eq(
            getsockopt(mcmp_multicast_fd(m), IPPROTO_IP, IP_MULTICAST_TTL, &value, &len), 0);
        ck_assert_int_eq(value, rows[i].want_ttl);
        ck_assert_int_eq(
            getsockopt(mcmp_multicast_fd(m), IPPROTO_IP, IP_MULTICAST_LOOP, &value, &len), 0);
        ck_assert_int_eq(value, rows[i].want_loop);
        ck_assert_int_ne(fcntl(mcmp_multicast_fd(m), F_GETFD) & FD_CLOEXEC, 0);
        ck_assert_int_ne(fcntl(mcmp_multicast_fd(m), F_GETFL) & O_NONBLOCK, 0);
        mcmp_multicast_close(m);
    }
}
END_TEST

START_TEST(test_bad_options_are_named)
{
    static const struct {
        const char *group;
        const char *interface;
        uint32_t ttl;
        uint32_t flags;
        int code;
        const char *field;
    } rows[] = {
        { "10.0.0.1:23364", "", 0, 0, MCMP_ERR_INVALID, "group" },
        { "224.0.1.105:0", "", 0, 0, MCMP_ERR_INVALID, "group" },
        { "224.0.1.105:", "", 0, 0, MCMP_ERR_INVALID, "group" },
        { "224.0.1.105:65536", "", 0, 0, MCMP_ERR_INVALID, "group" },
        { "224.0.1.105:2336x", "", 0, 0, MCMP_ERR_INVALID, "group" },
        { "ff02::1:23364", "", 0, 0, MCMP_ERR_INVALID, "group" },
        { "[ff02::1", "", 0, 0, MCMP_ERR_INVALID, "group" },
        { "[ff02::1]23364", "", 0, 0, MCMP_ERR_INVALID, "group" },
        { "[::1]:23364", "", 0, 0, MCMP_ERR_INVALID, "group" },
        { "all.example:23364", "", 0, 0, MCMP_ERR_INVALID, "group" },
        { "", "no-such-if", 0, 0, MCMP_ERR_INVALID, "interface_name" },
        { "", "192.0.2.1", 0, 0, MCMP_ERR_INVALID, "interface_name" },
        { "", "a-name-that-is-far-too-long-for-one", 0, 0, MCMP_ERR_INVALID, "interface_name" },
        { "", "lo", 256, 0, MCMP_ERR_INVALID, "ttl" },
        { "", "lo", 0, 0x80, MCMP_ERR_UNSUPPORTED, "flags" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mcmp_multicast_options opts;
        mcmp_multicast *m = NULL;
        mcmp_error err;

        mcmp_error_init(&err);
        mcmp_multicast_options_init(&opts);
        opts.group = span_of(rows[i].group);
        opts.interface_name = span_of(rows[i].interface);
        opts.ttl = rows[i].ttl;
        opts.flags = rows[i].flags;
        row_code(rows[i].group, mcmp_multicast_open(&m, &opts, &err), rows[i].code);
        row_text(rows[i].group, span_of(err.field), rows[i].field);
        row_true(rows[i].group, m == NULL);
    }
    mcmp_multicast_close(NULL);
}
END_TEST

START_TEST(test_the_wildcard_is_never_announced)
{
    static const struct {
        const char *listener;
        const char *announced; /* NULL: refused */
    } rows[] = {
        { "0.0.0.0:6666", "127.0.0.1:6666" },
        { "*:6666", "127.0.0.1:6666" },
        { "[::]:6666", "[::1]:6666" },
        { "10.1.2.3:6666", "10.1.2.3:6666" },
        { "[2001:DB8:0::7]:80", "[2001:db8::7]:80" },
        { "[::1]:80", "[::1]:80" },
        { "0.0.0.0:0", NULL },
        { "0.0.0.0", NULL },
        { ":6666", NULL },
        { "", NULL },
        { "224.0.1.105:6666", NULL },
        { "[fe80::1]:6666", NULL },
        { "localhost:6666", NULL },
        { "10.0.0.1:99999", NULL },
    };
    mcmp_multicast *m = open_on(span_of(""), "lo", 0);

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char out[MCMP_MULTICAST_TEXT] = "before";
        mcmp_error err;
        int rc;

        mcmp_error_init(&err);
        rc = mcmp_multicast_announce(m, span_of(rows[i].listener), out, &err);
        row_code(rows[i].listener, rc,
                 rows[i].announced != NULL ? MCMP_OK : MCMP_ERR_ADVERT_ADDRESS);
        row_text(rows[i].listener, span_of(out),
                 rows[i].announced != NULL ? rows[i].announced : "before");
        row_true(rows[i].listener, rc == MCMP_OK || err.message[0] != '\0');
    }
    mcmp_multicast_close(m);
}
END_TEST

/* Whatever the system chooses for the group by itself, it is an address of its own or a refusal. */
START_TEST(test_without_an_interface_the_route_decides)
{
    mcmp_multicast *m = open_on(span_of(""), "", 0);
    char out[MCMP_MULTICAST_TEXT] = "";
    int rc = mcmp_multicast_announce(m, span_of("0.0.0.0:6666"), out, NULL);

    if (rc == MCMP_OK)
        ck_assert_int_ne(strncmp(out, "0.0.0.0", 7), 0);
    else
        ck_assert_int_eq(rc, MCMP_ERR_ADVERT_ADDRESS);
    mcmp_multicast_close(m);
}
END_TEST

START_TEST(test_a_datagram_goes_from_advertiser_to_finder)
{
    char text[64];
    mcmp_span group = free_group(text, sizeof(text));
    mcmp_multicast *m = open_on(group, "lo", MCMP_MULTICAST_RECEIVE);
    char address[MCMP_MULTICAST_TEXT];
    char buf[MCMP_ADVERT_MAX + 1];
    mcmp_advertiser_options opts;
    mcmp_advertiser *advertiser = NULL;
    mcmp_finder *finder = NULL;
    mcmp_span datagram;
    mcmp_found found;
    mcmp_time at;
    size_t len;

    ck_assert_int_eq(mcmp_multicast_announce(m, span_of("*:6666"), address, NULL), MCMP_OK);
    mcmp_advertiser_options_init(&opts);
    opts.server = span_of("s-1");
    opts.address = span_of(address);
    ck_assert_int_eq(mcmp_advertiser_new(&advertiser, &opts, NULL), MCMP_OK);
    ck_assert_int_eq(mcmp_advertiser_next(advertiser, 0, 1795149161, &datagram, &at, NULL),
                     MCMP_OK);
    ck_assert_int_eq(mcmp_multicast_send(m, datagram.ptr, datagram.len, NULL), MCMP_OK);
    ck_assert(hears(m, 5000));
    ck_assert_int_eq(mcmp_multicast_receive(m, buf, sizeof(buf), &len, NULL, NULL), MCMP_OK);
    ck_assert_int_eq(mcmp_finder_new(&finder, NULL, NULL), MCMP_OK);
    mcmp_found_init(&found);
    ck_assert_int_eq(mcmp_finder_feed(finder, buf, len, 0, 0, &found, NULL), MCMP_OK);
    row_text("found", found.address, "127.0.0.1:6666");
    mcmp_finder_free(finder);
    mcmp_advertiser_free(advertiser);
    mcmp_multicast_close(m);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_every_receiver_hears_what_is_sent,
        test_too_long_datagrams_are_seen_as_such,
        test_what_is_not_sent_to_the_group_is_not_heard,
        test_loop_and_ttl_are_set,
        test_bad_options_are_named,
        test_the_wildcard_is_never_announced,
        test_without_an_interface_the_route_decides,
        test_a_datagram_goes_from_advertiser_to_finder,
    };

    return run_tests("multicast", tests, COUNT_OF(tests));
}
