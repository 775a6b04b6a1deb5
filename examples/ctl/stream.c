/* SPDX-License-Identifier: Apache-2.0 */
/* TCP with deadlines, see stream.h. Every address of a name is tried in turn. */
#include "stream.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void ctl_stream_init(ctl_stream *s, const ctl_options *options)
{
    memset(s, 0, sizeof(*s));
    s->options = options;
    s->fd = -1;
}

int ctl_stream_fail(ctl_stream *s, const char *why)
{
    (void)snprintf(s->why, sizeof(s->why), "%s", why);
    return -1;
}

int ctl_stream_wait(ctl_stream *s, short events, mcmp_time deadline, const char *what)
{
    struct pollfd fd = { s->fd, events, 0 };
    mcmp_time left = deadline - ctl_now();
    int rc;

    do {
        rc = left > 0 ? poll(&fd, 1, (int)((left + MCMP_MSEC - 1) / MCMP_MSEC)) : 0;
        left = deadline - ctl_now();
    } while (rc < 0 && errno == EINTR);
    if (rc > 0)
        return 0;
    if (rc < 0)
        return ctl_stream_fail(s, strerror(errno));
    (void)snprintf(s->why, sizeof(s->why), "no %s within %g s (--timeout)", what,
                   (double)s->options->timeout / MCMP_SEC);
    return -1;
}

static int connect_to(ctl_stream *s, const struct addrinfo *address, mcmp_time deadline)
{
    int one = 1;
    int error = 0;
    socklen_t len = sizeof(error);

    s->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd < 0)
        return ctl_stream_fail(s, strerror(errno));
    (void)setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(s->fd, address->ai_addr, address->ai_addrlen) != 0) {
        if (errno != EINPROGRESS)
            error = errno;
        else if (ctl_stream_wait(s, POLLOUT, deadline, "connection") != 0)
            goto fail;
        else
            (void)getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    }
    if (error == 0)
        return 0;
    (void)snprintf(s->why, sizeof(s->why), "can't connect: %s", strerror(error));
fail:
    (void)close(s->fd);
    s->fd = -1;
    return -1;
}

int ctl_stream_open(ctl_stream *s, mcmp_time deadline)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    struct addrinfo *found;
    char host[256];
    char port[8];
    int rc;

    (void)snprintf(host, sizeof(host), "%.*s", (int)s->options->host.len, s->options->host.ptr);
    (void)snprintf(port, sizeof(port), "%u", s->options->port);
    rc = getaddrinfo(host, port, &hints, &found);
    if (rc != 0) {
        (void)snprintf(s->why, sizeof(s->why), "can't resolve the name: %s", gai_strerror(rc));
        return -1;
    }
    rc = -1;
    for (const struct addrinfo *a = found; a != NULL && rc != 0; a = a->ai_next)
        rc = connect_to(s, a, deadline);
    freeaddrinfo(found);
    if (rc == 0 && s->options->tls)
        rc = ctl_tls_start(s, deadline);
    return rc;
}

int ctl_stream_write(ctl_stream *s, const char *data, size_t len, mcmp_time deadline)
{
    if (s->ssl != NULL)
        return ctl_tls_write(s, data, len, deadline);
    while (len > 0) {
        ssize_t n = send(s->fd, data, len, MSG_NOSIGNAL);

        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return ctl_stream_fail(s, strerror(errno));
        if (n < 0 && ctl_stream_wait(s, POLLOUT, deadline, "room for the message") != 0)
            return -1;
        data += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

int ctl_stream_read(ctl_stream *s, char *data, size_t size, size_t *out_len, mcmp_time deadline)
{
    if (s->ssl != NULL)
        return ctl_tls_read(s, data, size, out_len, deadline);
    for (;;) {
        ssize_t n = recv(s->fd, data, size, 0);

        if (n >= 0) {
            *out_len = (size_t)n;
            return 0;
        }
        if (errno != EAGAIN && errno != EINTR)
            return ctl_stream_fail(s, strerror(errno));
        if (ctl_stream_wait(s, POLLIN, deadline, "answer") != 0)
            return -1;
    }
}

void ctl_stream_close(ctl_stream *s)
{
    ctl_tls_close(s);
    if (s->fd >= 0)
        (void)close(s->fd);
    s->fd = -1;
}

void ctl_stream_clear(ctl_stream *s)
{
    ctl_stream_close(s);
    ctl_tls_clear(s);
}
