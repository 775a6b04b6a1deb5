/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to the service manager, see notify.h. The address is a path, or an abstract one that
 * begins with `@`.
 */
#include "notify.h"
#include "text.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int node_notify(const char *text)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t len = name != NULL ? strlen(name) : 0;
    ssize_t sent;
    int fd;

    if (len == 0)
        return 0;
    if ((name[0] != '/' && name[0] != '@') || len >= sizeof(address.sun_path)) {
        errno = EINVAL;
        return -1;
    }
    memcpy(address.sun_path, name, len);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    sent = sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
                  (const struct sockaddr *)&address,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
    (void)close(fd);
    return sent < 0 ? -1 : 1;
}

uint64_t node_notify_watchdog(void)
{
    const char *time = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    uint64_t number;

    if (pid != NULL && (node_parse_uint(node_span_of(pid), INT32_MAX, &number) != 0 ||
                        number != (uint64_t)getpid()))
        return 0;
    if (time == NULL || node_parse_uint(node_span_of(time), INT64_MAX, &number) != 0)
        return 0;
    return number / 2000; /* twice as often as it has to be */
}
