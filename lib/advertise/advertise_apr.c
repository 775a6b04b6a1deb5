/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets of a multicast group, and the address that is to be announced. System calls and not
 * apr_mcast_*: those want a pool and a process-wide apr_initialize(), which a library must not
 * force on its host (STYLE O4). Interfaces are kept by index, which both families understand.
 *
 * Receivers bind to the group's address, so that nothing else that comes to the port is heard, and
 * hear the group on their own interface only.
 */
#include "values.h"

#include <libmcmp/multicast.h>

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEFAULT_TTL 10
#define DEFAULT_PORT 23364

typedef union any_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage room;
} any_address;

struct mcmp_multicast {
    mcmp_allocator allocator;
    int fd;
    unsigned interface; /* index; 0 = the system's choice */
    any_address group;
    any_address local; /* of the interface, when the host named one by its address */
};

void mcmp_multicast_options_init_sized(mcmp_multicast_options *opts, size_t size)
{
    mcmp__sized_init(opts, size);
}

static socklen_t length_of(const any_address *address)
{
    return address->any.sa_family == AF_INET6 ? sizeof(address->v6) : sizeof(address->v4);
}

/* 0, or -1 when the text is no address literal */
static int make_address(mcmp_span text, uint32_t port, any_address *out)
{
    uint8_t bytes[16];

    memset(out, 0, sizeof(*out));
    if (mcmp__address_parse(text, bytes) != 0)
        return -1;
    if (memchr(text.ptr, ':', text.len) != NULL) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons((uint16_t)port);
        memcpy(&out->v6.sin6_addr, bytes, 16);
        return 0;
    }
    out->v4.sin_family = AF_INET;
    out->v4.sin_port = htons((uint16_t)port);
    memcpy(&out->v4.sin_addr, bytes + 12, 4);
    return 0;
}

static int is_multicast(const any_address *address)
{
    if (address->any.sa_family == AF_INET6)
        return IN6_IS_ADDR_MULTICAST(&address->v6.sin6_addr);
    return IN_MULTICAST(ntohl(address->v4.sin_addr.s_addr));
}

static int is_wildcard(const any_address *address)
{
    if (address->any.sa_family == AF_INET6)
        return IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr);
    return address->v4.sin_addr.s_addr == htonl(INADDR_ANY);
}

static int is_same(const any_address *a, const struct sockaddr *b)
{
    any_address other = { .room = { 0 } };

    if (a->any.sa_family != b->sa_family)
        return 0;
    memcpy(&other, b, length_of(a));
    if (b->sa_family == AF_INET6)
        return memcmp(&a->v6.sin6_addr, &other.v6.sin6_addr, 16) == 0;
    return a->v4.sin_addr.s_addr == other.v4.sin_addr.s_addr;
}

/* "ADDRESS:PORT", both of which may be left out. Cuts the brackets off. 0, or -1 */
static int split(mcmp_span text, mcmp_span *address, mcmp_span *port)
{
    const char *end = text.ptr;
    size_t len;

    *port = mcmp__span(NULL, 0);
    if (text.len != 0 && text.ptr[0] == '[') {
        if ((end = memchr(text.ptr, ']', text.len)) == NULL)
            return -1;
        *address = mcmp__span(text.ptr + 1, (size_t)(end - text.ptr) - 1);
        end++;
    } else {
        end = text.len != 0 ? memchr(text.ptr, ':', text.len) : NULL;
        end = end != NULL ? end : text.ptr + text.len;
        *address = mcmp__span(text.ptr, (size_t)(end - text.ptr));
    }
    len = text.len - (size_t)(end - text.ptr);
    if (len == 0)
        return 0;
    *port = mcmp__span(end + 1, len - 1);
    return end[0] == ':' && len > 1 ? 0 : -1;
}

static int parse_group(mcmp_span text, any_address *out, mcmp_error *err)
{
    mcmp_span address;
    mcmp_span port_text;
    uint64_t port = DEFAULT_PORT;

    if (split(text, &address, &port_text) != 0 ||
        (port_text.len != 0 && (mcmp__parse_uint(port_text, 65535, &port) != 0 || port == 0)))
        return mcmp__fail(err, MCMP_ERR_INVALID, "group",
                          "the group is not ADDRESS:PORT with a port in 1..65535");
    if (address.len == 0)
        address = mcmp__span_str("224.0.1.105");
    if (make_address(address, (uint32_t)port, out) != 0 || !is_multicast(out))
        return mcmp__fail(err, MCMP_ERR_INVALID, "group",
                          "the group is no multicast address (224.0.0.0/4, [ff00::]/8)");
    return MCMP_OK;
}

/* Index of the interface that has the address; 0 = none. */
static unsigned interface_of(const any_address *address)
{
    struct ifaddrs *list;
    unsigned index = 0;

    if (getifaddrs(&list) != 0)
        return 0;
    for (const struct ifaddrs *i = list; i != NULL && index == 0; i = i->ifa_next)
        if (i->ifa_addr != NULL && is_same(address, i->ifa_addr))
            index = if_nametoindex(i->ifa_name);
    freeifaddrs(list);
    return index;
}

/* Link-local addresses mean nothing without their zone, which can't be announced. */
static int is_announceable(const any_address *address)
{
    if (is_wildcard(address) || is_multicast(address))
        return 0;
    return address->any.sa_family != AF_INET6 || !IN6_IS_ADDR_LINKLOCAL(&address->v6.sin6_addr);
}

/* The first address of a family on an interface that can be announced. 0, or -1 */
static int address_on(unsigned interface, int family, any_address *out)
{
    struct ifaddrs *list;
    int rc = -1;

    if (getifaddrs(&list) != 0)
        return -1;
    for (const struct ifaddrs *i = list; i != NULL && rc != 0; i = i->ifa_next) {
        if (i->ifa_addr == NULL || i->ifa_addr->sa_family != family ||
            if_nametoindex(i->ifa_name) != interface)
            continue;
        memset(out, 0, sizeof(*out));
        memcpy(out, i->ifa_addr,
               family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
        rc = is_announceable(out) ? 0 : -1;
    }
    freeifaddrs(list);
    return rc;
}

static int find_interface(mcmp_multicast *m, mcmp_span name, mcmp_error *err)
{
    char text[IF_NAMESIZE];
    char shown[64];

    if (name.len == 0)
        return MCMP_OK;
    if (make_address(name, 0, &m->local) == 0) {
        m->interface = interface_of(&m->local);
    } else if (name.len < sizeof(text)) {
        memcpy(text, name.ptr, name.len);
        text[name.len] = '\0';
        m->interface = if_nametoindex(text);
    }
    if (m->interface == 0)
        return mcmp__fail(err, MCMP_ERR_INVALID, "interface_name",
                          "no interface has the name or address %s",
                          mcmp__printable(shown, sizeof(shown), name));
    return MCMP_OK;
}

static int set_int(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value));
}

static int set_sending_v4(const mcmp_multicast *m, int ttl, int loop)
{
    struct ip_mreqn request = { .imr_ifindex = (int)m->interface };
    any_address source;

    /* without it datagrams on the loopback interface would come from another one's address */
    if (m->interface != 0 && address_on(m->interface, AF_INET, &source) == 0)
        request.imr_address = source.v4.sin_addr;
    if (m->local.any.sa_family == AF_INET)
        request.imr_address = m->local.v4.sin_addr;
    if (m->interface != 0 &&
        setsockopt(m->fd, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof(request)) != 0)
        return -1;
    return set_int(m->fd, IPPROTO_IP, IP_MULTICAST_TTL, ttl) |
           set_int(m->fd, IPPROTO_IP, IP_MULTICAST_LOOP, loop);
}

static int set_sending_v6(const mcmp_multicast *m, int ttl, int loop)
{
    if (m->interface != 0 &&
        set_int(m->fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)m->interface) != 0)
        return -1;
    return set_int(m->fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, ttl) |
           set_int(m->fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, loop);
}

static int join(const mcmp_multicast *m)
{
    if (m->group.any.sa_family == AF_INET6) {
        struct ipv6_mreq request = { .ipv6mr_multiaddr = m->group.v6.sin6_addr,
                                     .ipv6mr_interface = m->interface };

        return setsockopt(m->fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof(request));
    }
    struct ip_mreqn request = { .imr_multiaddr = m->group.v4.sin_addr,
                                .imr_ifindex = (int)m->interface };

    return setsockopt(m->fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof(request));
}

/* Only what this socket joined, not what others of the host did. */
static int hear_own_only(const mcmp_multicast *m)
{
    if (m->group.any.sa_family == AF_INET)
        return set_int(m->fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
#ifdef IPV6_MULTICAST_ALL
    return set_int(m->fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
#else
    return 0;
#endif
}

static int set_up(mcmp_multicast *m, const mcmp_multicast_options *own, mcmp_error *err)
{
    int is_v6 = m->group.any.sa_family == AF_INET6;
    int loop = (own->flags & MCMP_MULTICAST_NO_LOOP) == 0;
    int ttl = own->ttl != 0 ? (int)own->ttl : DEFAULT_TTL;

    if ((own->flags & MCMP_MULTICAST_TTL_0) != 0)
        ttl = 0;
    m->fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (m->fd < 0)
        return mcmp__fail_os(err, errno, "multicast socket");
    if ((is_v6 ? set_sending_v6(m, ttl, loop) : set_sending_v4(m, ttl, loop)) != 0)
        return mcmp__fail_os(err, errno, "multicast interface, TTL or loop");
    if ((own->flags & MCMP_MULTICAST_RECEIVE) == 0)
        return MCMP_OK;
    if (set_int(m->fd, SOL_SOCKET, SO_REUSEADDR, 1) != 0 || hear_own_only(m) != 0)
        return mcmp__fail_os(err, errno, "multicast socket");
    if (bind(m->fd, &m->group.any, length_of(&m->group)) != 0)
        return mcmp__fail_os(err, errno, "binding to the multicast group");
    return join(m) == 0 ? MCMP_OK : mcmp__fail_os(err, errno, "joining the multicast group");
}

int mcmp_multicast_open(mcmp_multicast **out, const mcmp_multicast_options *opts, mcmp_error *err)
{
    mcmp_multicast_options own;
    mcmp_allocator allocator;
    mcmp_multicast *m;
    int rc = mcmp__sized_in(&own, sizeof(own), opts, sizeof(own.struct_size));

    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "mcmp_multicast_options",
                          "options are not initialised or too new");
    if (own.ttl > 255)
        return mcmp__fail(err, MCMP_ERR_INVALID, "ttl", "the TTL is not in 1..255");
    if (own.flags > (MCMP_MULTICAST_RECEIVE | MCMP_MULTICAST_NO_LOOP | MCMP_MULTICAST_TTL_0))
        return mcmp__fail(err, MCMP_ERR_UNSUPPORTED, "flags", "a flag that is not known");
    if ((rc = mcmp__allocator_take(&allocator, own.allocator)) != MCMP_OK)
        return mcmp__fail(err, rc, "allocator", "the allocator is not valid");
    if ((m = mcmp__calloc(&allocator, 1, sizeof(*m))) == NULL)
        return mcmp__fail(err, MCMP_ERR_NOMEM, NULL, "no memory for a multicast socket");
    m->allocator = allocator;
    m->fd = -1;
    if ((rc = parse_group(own.group, &m->group, err)) != MCMP_OK ||
        (rc = find_interface(m, own.interface_name, err)) != MCMP_OK)
        goto fail;
    if (m->group.any.sa_family == AF_INET6)
        m->group.v6.sin6_scope_id = m->interface;
    if ((rc = set_up(m, &own, err)) != MCMP_OK)
        goto fail;
    *out = m;
    return MCMP_OK;

fail:
    mcmp_multicast_close(m);
    return rc;
}

void mcmp_multicast_close(mcmp_multicast *socket)
{
    mcmp_allocator allocator;

    if (socket == NULL)
        return;
    allocator = socket->allocator;
    if (socket->fd >= 0)
        (void)close(socket->fd);
    mcmp__free(&allocator, socket, sizeof(*socket));
}

int mcmp_multicast_fd(const mcmp_multicast *socket)
{
    return socket->fd;
}

int mcmp_multicast_send(mcmp_multicast *socket, const void *data, size_t len, mcmp_error *err)
{
    ssize_t sent;

    do
        sent = sendto(socket->fd, data, len, MSG_NOSIGNAL, &socket->group.any,
                      length_of(&socket->group));
    while (sent < 0 && errno == EINTR);
    return sent >= 0 ? MCMP_OK : mcmp__fail_os(err, errno, "sending to the multicast group");
}

static void write_address(const any_address *address, char *out)
{
    char text[INET6_ADDRSTRLEN] = "";
    int is_v6 = address->any.sa_family == AF_INET6;
    const void *bytes = is_v6 ? (const void *)&address->v6.sin6_addr : &address->v4.sin_addr;
    unsigned port = ntohs(is_v6 ? address->v6.sin6_port : address->v4.sin_port);

    (void)inet_ntop(address->any.sa_family, bytes, text, sizeof(text));
    (void)snprintf(out, MCMP_MULTICAST_TEXT, is_v6 ? "[%s]:%u" : "%s:%u", text, port);
}

int mcmp_multicast_receive(mcmp_multicast *socket, void *buf, size_t size, size_t *out_len,
                           char *peer, mcmp_error *err)
{
    any_address from = { .room = { 0 } };
    socklen_t from_len = sizeof(from);
    ssize_t got;

    do
        got = recvfrom(socket->fd, buf, size, 0, &from.any, &from_len);
    while (got < 0 && errno == EINTR);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return MCMP_WAIT;
    if (got < 0)
        return mcmp__fail_os(err, errno, "receiving from the multicast group");
    *out_len = (size_t)got;
    if (peer != NULL)
        write_address(&from, peer);
    return MCMP_OK;
}

/* The address that the system would send to the group from. 0, or -1 when there is no way. */
static int route_to_group(const mcmp_multicast *m, any_address *out)
{
    socklen_t len = sizeof(*out);
    int fd = socket(m->group.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int rc = -1;

    memset(out, 0, sizeof(*out));
    if (fd < 0)
        return -1;
    if (connect(fd, &m->group.any, length_of(&m->group)) == 0 &&
        getsockname(fd, &out->any, &len) == 0 && !is_wildcard(out))
        rc = 0;
    (void)close(fd);
    return rc;
}

/* An address of this family that the group's datagrams could come from. 0, or -1 */
static int derive(const mcmp_multicast *m, int family, any_address *out)
{
    unsigned interface = m->interface;

    if (m->local.any.sa_family == family && is_announceable(&m->local)) {
        *out = m->local;
        return 0;
    }
    if (interface == 0) {
        if (route_to_group(m, out) != 0)
            return -1;
        if (out->any.sa_family == family && is_announceable(out))
            return 0;
        interface = interface_of(out);
    }
    return interface != 0 ? address_on(interface, family, out) : -1;
}

/*
 * A wildcard of IPv4 is served on IPv4 only; one of IPv6 on IPv6 in any case, and on IPv4 where the
 * host did not forbid it; `*` on both, so that the family of those who hear the group decides.
 */
static int derive_any(const mcmp_multicast *m, int listener, any_address *out)
{
    int first = listener != AF_UNSPEC ? listener : m->group.any.sa_family;

    if (derive(m, first, out) == 0)
        return 0;
    return listener == AF_INET ? -1 : derive(m, first == AF_INET ? AF_INET6 : AF_INET, out);
}

int mcmp_multicast_announce(mcmp_multicast *socket, mcmp_span listener, char *out, mcmp_error *err)
{
    any_address address;
    mcmp_span host;
    mcmp_span port_text;
    uint64_t port;
    int is_star;

    if (split(listener, &host, &port_text) != 0 || mcmp__parse_uint(port_text, 65535, &port) != 0 ||
        port == 0)
        return mcmp__fail(err, MCMP_ERR_ADVERT_ADDRESS, "listener",
                          "the listener is not ADDRESS:PORT with a port in 1..65535");
    is_star = mcmp__span_is(host, "*");
    if (!is_star && make_address(host, (uint32_t)port, &address) != 0)
        return mcmp__fail(err, MCMP_ERR_ADVERT_ADDRESS, "listener",
                          "the listener has no address literal");
    if ((is_star || is_wildcard(&address)) &&
        derive_any(socket, is_star ? AF_UNSPEC : address.any.sa_family, &address) != 0)
        return mcmp__fail(err, MCMP_ERR_ADVERT_ADDRESS, "listener",
                          "the interface has no address that can be announced: name one");
    if (!is_announceable(&address))
        return mcmp__fail(err, MCMP_ERR_ADVERT_ADDRESS, "listener",
                          "a multicast or link-local address can't be announced: name another");
    if (address.any.sa_family == AF_INET6)
        address.v6.sin6_port = htons((uint16_t)port);
    else
        address.v4.sin_port = htons((uint16_t)port);
    write_address(&address, out);
    return MCMP_OK;
}
