/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The allow list of the management listener. It lives in the server rather than in the cluster's
 * options because those are fixed for the life of the shared region, and this list may change at
 * SIGHUP. Everything is IPv6; IPv4 is its mapped range.
 */
#include "acl.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "values.h"

static int add(struct acl *acl, const uint8_t *address, unsigned bits)
{
    if (acl->count == ACL_MAX)
        return -1;
    memcpy(acl->net[acl->count].address, address, 16);
    acl->net[acl->count].bits = bits;
    acl->count++;
    return 0;
}

static int add_network(struct acl *acl, const char *item)
{
    uint8_t address[16] = { 0 };
    unsigned width = 128;
    char host[64];
    const char *slash = strchr(item, '/');
    size_t len = slash != NULL ? (size_t)(slash - item) : strlen(item);
    int64_t bits;

    if (len == 0 || len >= sizeof(host))
        return -1;
    memcpy(host, item, len);
    host[len] = '\0';
    if (inet_pton(AF_INET, host, address + 12) == 1) {
        memset(address, 0, 10);
        address[10] = address[11] = 0xff;
        width = 32;
    } else if (inet_pton(AF_INET6, host, address) != 1) {
        return -1;
    }
    bits = width;
    if (slash != NULL && (value_int(slash + 1, &bits) != 0 || bits < 0 || bits > width))
        return -1;
    return add(acl, address, (unsigned)bits + 128 - width);
}

static int add_named(struct acl *acl, const char *item)
{
    static const char *const loopback[] = { "127.0.0.0/8", "::1", NULL };
    static const char *const private_nets[] = { "127.0.0.0/8",    "::1",       "10.0.0.0/8",
                                                "172.16.0.0/12",  "fc00::/7",  "192.168.0.0/16",
                                                "169.254.0.0/16", "fe80::/10", NULL };
    static const char *const any[] = { "::/0", NULL };
    const char *const *list = NULL;

    if (strcasecmp(item, "loopback") == 0)
        list = loopback;
    else if (strcasecmp(item, "private") == 0)
        list = private_nets;
    else if (strcasecmp(item, "any") == 0)
        list = any;
    if (list == NULL)
        return add_network(acl, item);
    for (; *list != NULL; list++)
        if (add_network(acl, *list) != 0)
            return -1;
    return 0;
}

int acl_parse(struct acl *acl, const char *text, const char **bad)
{
    memset(acl, 0, sizeof(*acl));
    while (*text != '\0') {
        size_t len = strcspn(text, ",");
        const char *start = text + strspn(text, " \t");
        size_t size = start < text + len ? (size_t)(text + len - start) : 0;
        char item[64];

        while (size > 0 && (start[size - 1] == ' ' || start[size - 1] == '\t'))
            size--;
        *bad = start;
        if (size >= sizeof(item))
            return -1;
        memcpy(item, start, size);
        item[size] = '\0';
        if (add_named(acl, item) != 0)
            return -1;
        text += len + (text[len] == ',');
    }
    return 0;
}

int acl_matches(const struct acl *acl, const mcmp_peer *peer)
{
    for (unsigned i = 0; i < acl->count; i++) {
        unsigned bytes = acl->net[i].bits / 8;
        unsigned rest = acl->net[i].bits % 8;
        uint8_t mask = (uint8_t)(0xff00u >> rest);

        if (acl->net[i].bits == 0)
            return 1;
        if (peer == NULL || !peer->has_address)
            continue;
        if (memcmp(peer->address, acl->net[i].address, bytes) == 0 &&
            (rest == 0 || ((peer->address[bytes] ^ acl->net[i].address[bytes]) & mask) == 0))
            return 1;
    }
    return 0;
}
