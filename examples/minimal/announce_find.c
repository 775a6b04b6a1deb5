/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A proxy makes itself known by multicast, and a node finds it. The library says what is to be sent
 * when, and what a received datagram changes; sockets, clock and random bytes are the host's. Here
 * both sides are one program on the loopback interface, and the loop is a poll().
 *
 *     announce_find   runs until the node has seen the proxy come and go
 */
#include "example.h"

#include <poll.h>
#include <sys/random.h>

typedef struct proxy {
    mcmp_multicast *socket;
    mcmp_advertiser *advertiser;
} proxy;

/* ADDR:PORT of a group on a port that nobody has. */
static void choose_group(char *out, size_t size)
{
    uint32_t port = 0;

    close(loopback_socket(SOCK_DGRAM, &port));
    (void)snprintf(out, size, "224.0.1.105:%u", port);
}

static mcmp_multicast *open_socket(const char *group, uint32_t flags)
{
    mcmp_multicast_options options;
    mcmp_multicast *socket = NULL;
    mcmp_error err;

    mcmp_error_init(&err);
    mcmp_multicast_options_init(&options);
    options.group = text_of(group);
    options.interface_name = text_of("lo");
    options.flags = flags | MCMP_MULTICAST_TTL_0;
    if (mcmp_multicast_open(&socket, &options, &err) != MCMP_OK)
        (void)fprintf(stderr, "%s: %s\n", group, err.message);
    check(socket != NULL, "no multicast socket");
    return socket;
}

static void open_proxy(proxy *p, const char *group)
{
    mcmp_advertiser_options options;
    char server[MCMP_ADVERT_UUID];
    char address[MCMP_MULTICAST_TEXT];
    uint8_t random[16];

    check(getrandom(random, sizeof(random), 0) == sizeof(random), "no random bytes");
    mcmp_advert_uuid(random, server);
    p->socket = open_socket(group, 0);
    /* what the management listener is bound to; a wildcard becomes the interface's address */
    check(mcmp_multicast_announce(p->socket, text_of("0.0.0.0:6666"), address, NULL) == MCMP_OK,
          "no address to announce");
    mcmp_advertiser_options_init(&options);
    options.server = text_of(server);
    options.address = text_of(address);
    options.key = text_of("not in the source, please");
    options.flags = MCMP_ADVERTISER_HMAC;
    options.frequency = 50 * MCMP_MSEC;
    check(mcmp_advertiser_new(&p->advertiser, &options, NULL) == MCMP_OK, "no advertiser");
}

/* [loop] */
/* Send what is due. When to come again; MCMP_NEVER when all is said. */
static mcmp_time run_proxy(proxy *p)
{
    mcmp_span datagram;
    mcmp_time at = MCMP_NEVER;

    if (mcmp_advertiser_next(p->advertiser, monotonic_now(), (int64_t)time(NULL), &datagram, &at,
                             NULL) == MCMP_OK &&
        mcmp_multicast_send(p->socket, datagram.ptr, datagram.len, NULL) != MCMP_OK)
        mcmp_advertiser_unsent(p->advertiser); /* the network is not there yet */
    return at;
}

/* Take what has come. MCMP_FOUND_* of the last datagram that changed something, or SAME. */
static uint32_t run_node(mcmp_multicast *socket, mcmp_finder *finder)
{
    char data[MCMP_ADVERT_MAX + 1]; /* one more than allowed: too long ones are seen as such */
    uint32_t change = MCMP_FOUND_SAME;
    size_t len;

    while (mcmp_multicast_receive(socket, data, sizeof(data), &len, NULL, NULL) == MCMP_OK) {
        mcmp_found found;
        mcmp_error err;

        mcmp_error_init(&err);
        mcmp_found_init(&found);
        if (mcmp_finder_feed(finder, data, len, monotonic_now(), (int64_t)time(NULL), &found,
                             &err) != MCMP_OK) {
            (void)fprintf(stderr, "refused: %s\n", err.message);
            continue;
        }
        if (found.change == MCMP_FOUND_SAME)
            continue;
        change = found.change;
        (void)printf("%s %.*s://%.*s\n", change == MCMP_FOUND_LEFT ? "left" : "found",
                     (int)found.protocol.len, found.protocol.ptr, (int)found.address.len,
                     found.address.ptr);
    }
    return change;
}
/* [loop] */

int main(void)
{
    mcmp_finder_options options;
    mcmp_finder *finder = NULL;
    mcmp_multicast *socket;
    char group[64];
    proxy p;
    uint32_t change = MCMP_FOUND_SAME;
    mcmp_time end = monotonic_now() + 10 * MCMP_SEC;

    choose_group(group, sizeof(group));
    socket = open_socket(group, MCMP_MULTICAST_RECEIVE);
    mcmp_finder_options_init(&options);
    options.key = text_of("not in the source, please");
    check(mcmp_finder_new(&finder, &options, NULL) == MCMP_OK, "no finder");
    open_proxy(&p, group);
    while (change != MCMP_FOUND_LEFT) {
        struct pollfd wait = { .fd = mcmp_multicast_fd(socket), .events = POLLIN };
        mcmp_time at = run_proxy(&p);
        mcmp_time left = at != MCMP_NEVER ? at - monotonic_now() : MCMP_SEC;

        check(monotonic_now() < end, "nothing was heard");
        if (poll(&wait, 1, left > 0 ? (int)(left / MCMP_MSEC) + 1 : 0) > 0)
            change = run_node(socket, finder);
        if (change == MCMP_FOUND_NEW)
            check(mcmp_advertiser_stop(p.advertiser, 0) == MCMP_OK, "it can't be stopped");
    }
    check(mcmp_finder_count(finder) == 1, "there was one proxy");
    mcmp_finder_free(finder);
    mcmp_advertiser_free(p.advertiser);
    mcmp_multicast_close(p.socket);
    mcmp_multicast_close(socket);
    return 0;
}
