/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authorisation of the management port (DESIGN 6). The allow list is a handful of networks that are
 * tried one by one; identities are compared whole or by `*` globs. Fails closed: an empty list
 * refuses everybody, a sender without an address is refused unless "local" or "any" is listed.
 */
#include "access.h"
#include "store.h"

#include "base/compiler.h"
#include "base/crypto.h"

/* The 16-byte form as it lies in memory, and which of its bits count; none: every address. */
typedef struct network {
    uint64_t address[2];
    uint64_t mask[2];
} network;

typedef struct identity {
    mcmp_span name;
    mcmp_span routes;
} identity;

struct mcmp__access {
    mcmp_allocator allocator;
    network *networks;
    size_t network_count;
    size_t network_cap;
    int allow_local; /* senders without an address */
    identity *identities;
    size_t identity_count;
    char *text; /* of the identities */
    size_t text_size;
    mcmp_authorize_fn authorize;
    void *authorize_ctx;
};

typedef struct keyword {
    const char *name;
    const char *networks; /* comma list */
    int local;
} keyword;

static const keyword keywords[] = {
    { "loopback", "127.0.0.0/8,::1/128", 0 },
    { "private",
      "127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,169.254.0.0/16,fc00::/7,"
      "fe80::/10",
      0 },
    { "local", "", 1 },
    { "any", "0.0.0.0/0,::/0", 1 },
};

/* The next element of a comma list without blanks around it; 0 at the end. */
static int next_element(mcmp_span *list, mcmp_span *out)
{
    size_t i = 0;
    mcmp_span item;

    if (list->ptr == NULL)
        return 0;
    while (i < list->len && list->ptr[i] != ',')
        i++;
    item = mcmp__span(list->ptr, i);
    *list = i < list->len ? mcmp__span(list->ptr + i + 1, list->len - i - 1) : mcmp__span(NULL, 0);
    while (item.len != 0 && item.ptr[0] == ' ')
        item = mcmp__span(item.ptr + 1, item.len - 1);
    while (item.len != 0 && item.ptr[item.len - 1] == ' ')
        item.len--;
    *out = item;
    return 1;
}

/* The network of the first so many bits of an address. */
static network network_of(const uint8_t address[16], uint32_t bits)
{
    uint8_t mask[16] = { 0 };
    network net;

    for (uint32_t i = 0; i < bits; i++)
        mask[i / 8] |= (uint8_t)(0x80u >> i % 8);
    memcpy(net.address, address, sizeof(net.address));
    memcpy(net.mask, mask, sizeof(net.mask));
    return net;
}

static int add_network(mcmp__access *access, mcmp_span text)
{
    uint8_t address[16];
    uint64_t prefix = 128;
    const char *slash = memchr(text.ptr, '/', text.len);
    mcmp_span host = text;
    uint64_t bits;
    uint64_t most;

    if (slash != NULL)
        host.len = (size_t)(slash - text.ptr);
    if (mcmp__address_parse(host, address) != 0)
        return MCMP_ERR_INVALID;
    if (slash != NULL) {
        most = memchr(host.ptr, ':', host.len) != NULL ? 128 : 32;
        if (mcmp__parse_uint(mcmp__span(slash + 1, text.len - host.len - 1), most, &bits) != 0)
            return MCMP_ERR_INVALID;
        prefix = bits + (128 - most);
    }
    if (access->network_count == access->network_cap) {
        size_t cap = access->network_cap != 0 ? access->network_cap * 2 : 8;
        network *more = mcmp__realloc(&access->allocator, access->networks,
                                      access->network_cap * sizeof(*more), cap * sizeof(*more));

        if (more == NULL)
            return MCMP_ERR_NOMEM;
        access->networks = more;
        access->network_cap = cap;
    }
    access->networks[access->network_count++] = network_of(address, (uint32_t)prefix);
    return MCMP_OK;
}

static int add_allowed(mcmp__access *access, mcmp_span item)
{
    for (size_t i = 0; i < MCMP__COUNT(keywords); i++) {
        mcmp_span list = mcmp__span_str(keywords[i].networks);
        mcmp_span text;

        if (!mcmp__span_is_nocase(item, keywords[i].name))
            continue;
        access->allow_local |= keywords[i].local;
        while (list.len != 0 && next_element(&list, &text)) {
            int rc = add_network(access, text);

            if (rc != MCMP_OK)
                return rc;
        }
        return MCMP_OK;
    }
    return item.len == 0 ? MCMP_ERR_INVALID : add_network(access, item);
}

static int take_allow(mcmp__access *access, const char *allow, mcmp_error *err)
{
    mcmp_span list = mcmp__span_str(allow != NULL ? allow : "private");
    mcmp_span item;

    if (list.len == 0)
        return MCMP_OK; /* nobody */
    while (next_element(&list, &item)) {
        int rc = add_allowed(access, item);
        char shown[80];

        if (rc == MCMP_ERR_INVALID)
            return mcmp__fail(err, rc, "allow", "\"%s\" is no network and no word of the option",
                              mcmp__printable(shown, sizeof(shown), item));
        if (rc != MCMP_OK)
            return mcmp__fail(err, rc, "allow", "no memory");
    }
    return MCMP_OK;
}

static mcmp_span keep_text(char **at, mcmp_span text)
{
    mcmp_span kept = { *at, text.len };

    if (text.len != 0)
        memcpy(*at, text.ptr, text.len);
    *at += text.len;
    return kept;
}

static int take_identities(mcmp__access *access, const mcmp_cluster_options *opts, mcmp_error *err)
{
    char *at;

    if (opts->identity_count == 0)
        return MCMP_OK;
    if (opts->identities == NULL)
        return mcmp__fail(err, MCMP_ERR_INVALID, "identities", "the table is missing");
    for (size_t i = 0; i < opts->identity_count; i++)
        access->text_size += opts->identities[i].name.len + opts->identities[i].value.len;
    access->identities =
        mcmp__calloc(&access->allocator, opts->identity_count, sizeof(*access->identities));
    access->text_size += 1;
    access->text = mcmp__alloc(&access->allocator, access->text_size);
    access->identity_count = opts->identity_count;
    if (access->identities == NULL || access->text == NULL)
        return mcmp__fail(err, MCMP_ERR_NOMEM, "identities", "no memory");
    at = access->text;
    for (size_t i = 0; i < opts->identity_count; i++) {
        access->identities[i].name = keep_text(&at, opts->identities[i].name);
        access->identities[i].routes = keep_text(&at, opts->identities[i].value);
    }
    return MCMP_OK;
}

int mcmp__access_new(mcmp__access **out, const mcmp_cluster_options *opts,
                     const mcmp_allocator *allocator, mcmp_error *err)
{
    mcmp__access *access = mcmp__calloc(allocator, 1, sizeof(*access));
    int rc;

    if (access == NULL)
        return mcmp__fail(err, MCMP_ERR_NOMEM, NULL, "no memory for the access rules");
    access->allocator = *allocator;
    access->authorize = opts->authorize;
    access->authorize_ctx = opts->authorize_ctx;
    rc = take_allow(access, opts->allow, err);
    if (rc == MCMP_OK)
        rc = take_identities(access, opts, err);
    if (rc != MCMP_OK) {
        mcmp__access_free(access);
        return rc;
    }
    *out = access;
    return MCMP_OK;
}

void mcmp__access_free(mcmp__access *access)
{
    mcmp_allocator allocator;

    if (access == NULL)
        return;
    allocator = access->allocator;
    mcmp__free(&allocator, access->networks, access->network_cap * sizeof(*access->networks));
    mcmp__free(&allocator, access->identities,
               access->identity_count * sizeof(*access->identities));
    mcmp__free(&allocator, access->text, access->text_size);
    mcmp__free(&allocator, access, sizeof(*access));
}

int mcmp__access_glob(mcmp_span pattern, mcmp_span text)
{
    size_t p = 0;
    size_t t = 0;
    size_t star = (size_t)-1;
    size_t mark = 0;

    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            mark = t;
        } else if (p < pattern.len && pattern.ptr[p] == text.ptr[t]) {
            p++;
            t++;
        } else if (star != (size_t)-1) {
            p = star + 1;
            t = ++mark;
        } else {
            return 0;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}

static int network_has(const network *net, const uint64_t address[2])
{
    return (((net->address[0] ^ address[0]) & net->mask[0]) |
            ((net->address[1] ^ address[1]) & net->mask[1])) == 0;
}

static int address_allowed(const mcmp__access *access, const mcmp_peer *peer)
{
    uint64_t address[2];

    if (peer == NULL || !peer->has_address)
        return access->allow_local;
    memcpy(address, peer->address, sizeof(address));
    for (size_t i = 0; i < access->network_count; i++)
        if (network_has(&access->networks[i], address))
            return 1;
    return 0;
}

static int routes_have(mcmp_span routes, mcmp_span route)
{
    mcmp_span item;

    while (next_element(&routes, &item))
        if (item.len != 0 && mcmp__access_glob(item, route))
            return 1;
    return 0;
}

/* An identity may have several entries; a NULL route asks for any of them. */
static int identity_allowed(const mcmp__access *access, const mcmp_peer *peer,
                            const mcmp_span *route)
{
    if (access->identity_count == 0)
        return 1;
    if (peer == NULL || peer->identity.len == 0)
        return 0;
    for (size_t i = 0; i < access->identity_count; i++) {
        const identity *entry = &access->identities[i];

        if (!mcmp__access_glob(entry->name, peer->identity))
            continue;
        if (route == NULL || routes_have(entry->routes, *route))
            return 1;
    }
    return 0;
}

MCMP__COLD static int ask(const mcmp__access *access, const mcmp_peer *peer, uint32_t command,
                          mcmp_span route)
{
    mcmp_access question = {
        .struct_size = sizeof(question), .command = command, .peer = peer, .jvm_route = route
    };

    return access->authorize(access->authorize_ctx, &question) == 0;
}

static int callback_allows(const mcmp__access *access, const mcmp_peer *peer, uint32_t command,
                           mcmp_span route)
{
    return access->authorize == NULL || ask(access, peer, command, route);
}

int mcmp__access_command(const mcmp__access *access, const mcmp_peer *peer, uint32_t command)
{
    return address_allowed(access, peer) && identity_allowed(access, peer, NULL) &&
           callback_allows(access, peer, command, mcmp__span("", 0));
}

int mcmp__access_has_node_rules(const mcmp__access *access)
{
    return access->identity_count != 0 || access->authorize != NULL;
}

MCMP__COLD static int node_allowed(const mcmp__access *access, const mcmp_peer *peer,
                                   uint32_t command, mcmp_span route)
{
    return identity_allowed(access, peer, &route) && callback_allows(access, peer, command, route);
}

int mcmp__access_node(const mcmp__access *access, const mcmp_peer *peer, uint32_t command,
                      mcmp_span route)
{
    if (!mcmp__access_has_node_rules(access)) /* nearly always */
        return 1;
    return node_allowed(access, peer, command, route);
}

void mcmp__access_owner(const mcmp_peer *peer, uint64_t out[3])
{
    uint8_t digest[32];

    memset(out, 0, 3 * sizeof(*out));
    if (peer != NULL && peer->identity.len != 0) {
        if (mcmp__sha256(peer->identity.ptr, peer->identity.len, digest) != 0)
            return; /* nobody: it may change nothing */
        out[0] = 2;
        memcpy(&out[1], digest, 2 * sizeof(*out));
    } else if (peer != NULL && peer->has_address) {
        out[0] = 1;
        memcpy(&out[1], peer->address, sizeof(peer->address));
    }
}

int mcmp__access_is_loopback(mcmp_span host)
{
    static const uint8_t v6[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 };
    static const uint8_t v4[13] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127 };
    uint8_t address[16];

    if (mcmp__span_is_nocase(host, "localhost"))
        return 1;
    return mcmp__address_parse(host, address) == 0 &&
           (memcmp(address, v6, sizeof(v6)) == 0 || memcmp(address, v4, sizeof(v4)) == 0);
}

int mcmp__access_open(mcmp_cluster *cluster, mcmp_error *err)
{
    const mcmp__config *config = mcmp__config_of(cluster);

    return mcmp__access_new(mcmp__access_of(cluster), &config->opts, &config->allocator, err);
}

void mcmp__access_close(mcmp_cluster *cluster)
{
    mcmp__access **access = mcmp__access_of(cluster);

    mcmp__access_free(*access);
    *access = NULL;
}
