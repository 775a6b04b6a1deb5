/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the examples share and what has nothing to do with the library: a check that ends the
 * program, texts as spans, a clock, loopback sockets.
 */
#ifndef MCMP_EXAMPLE_H
#define MCMP_EXAMPLE_H

#include <libmcmp/libmcmp.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define check(good, what) example_check((good), __FILE__, __LINE__, (what))

static inline void example_check(int good, const char *file, int line, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "%s:%d: %s\n", file, line, what);
    exit(1);
}

static inline mcmp_span text_of(const char *text)
{
    mcmp_span span = { text, strlen(text) };

    return span;
}

static inline int is_text(mcmp_span span, const char *text)
{
    return span.len == strlen(text) && memcmp(span.ptr, text, span.len) == 0;
}

static inline mcmp_time monotonic_now(void)
{
    struct timespec time;

    check(clock_gettime(CLOCK_MONOTONIC, &time) == 0, "no clock");
    return time.tv_sec * MCMP_SEC + time.tv_nsec / 1000;
}

/* A loopback socket: port 0 binds a free one and tells it, else it is connected to; -1 when nobody
 * listens there. */
static inline int loopback_socket(int type, uint32_t *port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)*port) };
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, type, 0);

    check(fd >= 0, "no socket");
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (*port != 0) {
        if (connect(fd, (struct sockaddr *)&address, len) == 0)
            return fd;
        close(fd);
        return -1;
    }
    check(bind(fd, (struct sockaddr *)&address, len) == 0, "can't bind");
    check(type == SOCK_DGRAM || listen(fd, 16) == 0, "can't listen");
    check(getsockname(fd, (struct sockaddr *)&address, &len) == 0, "no port");
    *port = ntohs(address.sin_port);
    return fd;
}

/* Texts here are shorter than what a socket takes at once. */
static inline void send_whole(int fd, mcmp_span text)
{
    check(send(fd, text.ptr, text.len, 0) == (ssize_t)text.len, "send");
}

#endif
