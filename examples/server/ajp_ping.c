/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPing on a connection of a pool. What is not exactly one CPong means that the node is not there.
 */
#include <errno.h>
#include <sys/socket.h>

#include "wire_ajp.h"

int ajp_ping_start(struct upstream *up, mcmp_time patience)
{
    char packet[8];
    size_t len = 0;

    if (mcmp_ajp_proxy_encode_ping(up->ajp, packet, sizeof(packet), &len, NULL) != MCMP_OK)
        return -1;
    if (send(up->io.fd, packet, len, MSG_NOSIGNAL) != (ssize_t)len)
        return -1;
    mcmp_ajp_proxy_sent(up->ajp, len);
    up->phase = UPSTREAM_PING;
    timer_set(&up->worker->timers, &up->timer, patience);
    upstream_want(up, IO_READ);
    return 0;
}

void ajp_ping_readable(struct upstream *up)
{
    char data[64];
    ssize_t n = recv(up->io.fd, data, sizeof(data), 0);
    mcmp_ajp_event event;
    size_t used = 0;
    int rc;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        upstream_is_dead(up, "the node closed the connection instead of answering CPing");
        return;
    }
    mcmp_ajp_event_init(&event);
    rc = mcmp_ajp_proxy_feed(up->ajp, data, (size_t)n, &used, &event, NULL);
    if (rc == MCMP_OK && event.type == MCMP_AJP_EVENT_PONG && used == (size_t)n)
        upstream_is_ready(up);
    else if (rc != MCMP_NEED_MORE)
        upstream_is_dead(up, "the node answers CPing by something else");
}
