/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens the listening sockets. With `accept = spread` each worker slot has a socket of its own on
 * the same address (SO_REUSEPORT): the system spreads connections evenly and no worker is woken for
 * another's; with `shared` all are woken for each connection and the first one gets it. Under wrk
 * on two cores both gave the same rate within the noise; spread is the default because its cost
 * does not grow with the number of workers. The master keeps the sockets, so neither loses a
 * connection that waits in a queue when a worker dies.
 */
#include "sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "values.h"

#define BACKLOG 4096

static int open_one(const struct address *address, int reuse_port)
{
    int fd = socket(address->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* inherited by accept */
    if (address->addr.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
    if ((reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) != 0) ||
        bind(fd, (const struct sockaddr *)&address->addr, address->len) != 0 ||
        listen(fd, BACKLOG) != 0) {
        int saved = errno;

        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

/* All sockets of one address; the first one fixes the port. */
static int open_listening(struct listening *listening, const struct config *config, unsigned slots)
{
    int spread = config->accept == ACCEPT_SPREAD;
    unsigned wanted = spread ? slots : 1;

    listening->fds = calloc(wanted, sizeof(*listening->fds));
    if (listening->fds == NULL)
        return -1;
    for (unsigned i = 0; i < wanted; i++) {
        int fd = open_one(&listening->address, spread && wanted > 1);

        if (fd < 0)
            return -1;
        listening->fds[listening->fd_count++] = fd;
        if (i == 0) {
            listening->address.len = sizeof(listening->address.addr);
            getsockname(fd, (struct sockaddr *)&listening->address.addr, &listening->address.len);
        }
    }
    return 0;
}

/*
 * SO_REUSEPORT would let a second server of the same user join in silence; a plain bind first shows
 * that the address is taken.
 */
static int is_free(const struct address *address)
{
    int fd;

    fd = open_one(address, 0);
    if (fd < 0)
        return 0;
    close(fd);
    return 1;
}

static int open_list(struct listening_set *set, const struct config *config,
                     const struct address_list *list, enum listening_kind kind, unsigned slots,
                     struct complaint *why)
{
    for (int64_t i = 0; i < list->count; i++) {
        struct listening *listening = &set->item[set->count++];
        char text[64];

        listening->address = list->item[i];
        listening->kind = kind;
        if (is_free(&listening->address) && open_listening(listening, config, slots) == 0)
            continue;
        value_address_text((const struct sockaddr *)&list->item[i].addr, text);
        snprintf(why->text, sizeof(why->text), "can't listen on %s: %s", text, strerror(errno));
        return -1;
    }
    return 0;
}

int sockets_open(struct listening_set *set, const struct config *config, unsigned slots,
                 struct complaint *why)
{
    memset(set, 0, sizeof(*set));
    set->item = calloc((size_t)(config->listen.count + config->tls_listen.count +
                                config->management.count + config->tls_management.count),
                       sizeof(*set->item));
    if (set->item == NULL)
        return -1;
    if (open_list(set, config, &config->listen, LISTENING_PLAIN, slots, why) != 0 ||
        open_list(set, config, &config->tls_listen, LISTENING_TLS, slots, why) != 0 ||
        open_list(set, config, &config->management, LISTENING_MANAGEMENT, slots, why) != 0 ||
        open_list(set, config, &config->tls_management, LISTENING_TLS_MANAGEMENT, slots, why) !=
            0) {
        sockets_close(set);
        return -1;
    }
    return 0;
}

void sockets_close(struct listening_set *set)
{
    for (unsigned i = 0; i < set->count; i++) {
        for (unsigned k = 0; k < set->item[i].fd_count; k++)
            close(set->item[i].fds[k]);
        free(set->item[i].fds);
    }
    free(set->item);
    memset(set, 0, sizeof(*set));
}

int sockets_fd(const struct listening *listening, unsigned slot)
{
    return listening->fds[slot % listening->fd_count];
}

void sockets_print(const struct listening_set *set, FILE *out)
{
    static const char *const names[] = { [LISTENING_PLAIN] = "listen",
                                         [LISTENING_TLS] = "tls-listen",
                                         [LISTENING_MANAGEMENT] = "management",
                                         [LISTENING_TLS_MANAGEMENT] = "tls-management" };

    for (unsigned i = 0; i < set->count; i++) {
        char text[64];

        value_address_text((const struct sockaddr *)&set->item[i].address.addr, text);
        fprintf(out, "%s %s\n", names[set->item[i].kind], text);
    }
}
