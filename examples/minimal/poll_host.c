/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shows: a host with a poll(2) loop of its own. It serves the management port and answers lookups
 * (a datagram "HOST PATH" -> the route that serves this URL).
 * Imitates: a proxy without the proxying. A child plays a node and a client, and ends the program.
 */
#include "example.h"
#include "poll_host_child.h"

#include <poll.h>
#include <sys/wait.h>

#define FDS 16

enum { MANAGEMENT, LOOKUP, FIRST_CONNECTION };

static struct pollfd fds[FDS];
static mcmp_parser *parsers[FDS];
static mcmp_response *responses[FDS];
static mcmp_cluster *cluster;
static mcmp_error err;

/* A node that takes a connection is well here. A real host asks as probe says, without blocking. */
static int probe_is_good(const mcmp_probe *probe)
{
    uint32_t port = probe->port;
    int fd = loopback_socket(SOCK_STREAM, &port);

    return fd >= 0 && close(fd) == 0;
}

static void apply(int i, mcmp_request *request)
{
    mcmp_peer peer;
    int rc;

    mcmp_peer_init(&peer);
    memcpy(peer.address, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1", 16); /* only loopback comes */
    peer.has_address = 1;
    request->peer = &peer;
    request->now = monotonic_now();
    request->connection = (uint64_t)i;
    rc = mcmp_apply(cluster, request, responses[i], &err);
    while (rc == MCMP_PENDING) { /* a STATUS waits for a probe of its node */
        const mcmp_pending *pending = mcmp_response_pending(responses[i]);
        int good = pending->kind == MCMP_PENDING_PROBE && probe_is_good(pending->probe);

        rc = mcmp_apply_resume(cluster, request, responses[i], good, monotonic_now(), &err);
    }
    check(rc != MCMP_ERR_NOMEM, "no memory"); /* other refusals have their answer, too */
    send_whole(fds[i].fd, mcmp_response_head(responses[i]));
    send_whole(fds[i].fd, mcmp_response_body(responses[i]));
}

static void serve_connection(int i)
{
    char data[2048];
    ssize_t len = recv(fds[i].fd, data, sizeof(data), 0);

    for (size_t off = 0, used = 0; len > 0 && off < (size_t)len; off += used) {
        int rc = mcmp_parser_feed(parsers[i], data + off, (size_t)len - off, &used, &err);

        check(rc >= 0, err.message);
        if (rc == MCMP_OK)
            apply(i, mcmp_parser_request(parsers[i]));
    }
    if (len > 0)
        return;
    mcmp_parser_free(parsers[i]);
    mcmp_response_free(responses[i]);
    close(fds[i].fd);
    fds[i].fd = -1; /* poll passes it over */
}

static void accept_connection(void)
{
    int i = FIRST_CONNECTION;

    while (i < FDS && fds[i].fd >= 0)
        i++;
    check(i < FDS, "too many connections");
    fds[i].fd = accept(fds[MANAGEMENT].fd, NULL, NULL);
    check(fds[i].fd >= 0, "accept");
    check(mcmp_parser_new(&parsers[i], NULL, &err) == MCMP_OK, err.message);
    check(mcmp_response_new(&responses[i], NULL, &err) == MCMP_OK, err.message);
}

static void serve_lookup(int fd)
{
    char text[512];
    struct sockaddr_storage from;
    socklen_t from_len = sizeof(from);
    mcmp_query query;
    mcmp_selection selection;
    ssize_t len = recvfrom(fd, text, sizeof(text), 0, (struct sockaddr *)&from, &from_len);
    const char *blank = len > 0 ? memchr(text, ' ', (size_t)len) : NULL;
    int rc;

    check(blank != NULL, "a lookup is HOST PATH");
    mcmp_query_init(&query);
    mcmp_selection_init(&selection);
    query.now = monotonic_now();
    query.host = (mcmp_span){ text, (size_t)(blank - text) };
    query.path = (mcmp_span){ blank + 1, (size_t)(text + len - blank) - 1 };
    query.flags =
        MCMP_QUERY_DRY_RUN; /* nothing is forwarded: nothing counted, nothing to release */
    rc = mcmp_select_node(cluster, &query, &selection, &err);
    if (rc != MCMP_OK)
        selection.route = text_of(mcmp_error_name(rc));
    len =
        sendto(fd, selection.route.ptr, selection.route.len, 0, (struct sockaddr *)&from, from_len);
    check(len > 0, "sendto");
}

int main(void)
{
    uint32_t ports[2] = { 0, 0 };
    mcmp_cluster_options options;
    int status = 1;
    pid_t child;

    for (int i = FIRST_CONNECTION; i < FDS; i++)
        fds[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
    fds[MANAGEMENT].fd = loopback_socket(SOCK_STREAM, &ports[0]);
    fds[LOOKUP].fd = loopback_socket(SOCK_DGRAM, &ports[1]);
    fds[MANAGEMENT].events = fds[LOOKUP].events = POLLIN;
    mcmp_error_init(&err);
    mcmp_cluster_options_init(&options);
    options.now = monotonic_now();
    check(mcmp_cluster_open(&cluster, &options, &err) == MCMP_OK, err.message);
    child = fork();
    check(child >= 0, "fork");
    if (child == 0)
        return play_node(ports[0], ports[1]);
    while (waitpid(child, &status, WNOHANG) == 0) {
        check(poll(fds, FDS, 50) >= 0, "poll");
        if (fds[MANAGEMENT].revents != 0)
            accept_connection();
        if (fds[LOOKUP].revents != 0)
            serve_lookup(fds[LOOKUP].fd);
        for (int i = FIRST_CONNECTION; i < FDS; i++)
            if (fds[i].revents != 0)
                serve_connection(i);
    }
    mcmp_cluster_close(cluster);
    check(status == 0, "the child failed");
    (void)puts("poll_host: ok");
    return 0;
}
