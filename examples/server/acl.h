/* SPDX-License-Identifier: Apache-2.0 */
/* Who may manage: a list of networks, asked by the library for every message (MCMP 1). */
#ifndef SERVER_ACL_H
#define SERVER_ACL_H

#include <stdint.h>

#include <libmcmp/parser.h>

#define ACL_MAX 64

struct acl {
    struct {
        uint8_t address[16];
        unsigned bits;
    } net[ACL_MAX];
    unsigned count;
};

/* Parse a comma list of addresses, CIDRs, loopback, private, any. 0, or -1 with *bad its item. */
int acl_parse(struct acl *acl, const char *text, const char **bad);
/* 1 when the peer is in a network of the list; a peer without address only matches `any`. */
int acl_matches(const struct acl *acl, const mcmp_peer *peer);

#endif
