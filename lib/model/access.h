/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may send a command, and who may touch a node (MCMP 1 and 2, DESIGN 6): an allow list of
 * networks, TLS identities bound to routes, and the host's own callback. All of them must agree;
 * what is not known is refused. Made once when a cluster is opened, read-only afterwards.
 */
#ifndef MCMP__MODEL_ACCESS_H
#define MCMP__MODEL_ACCESS_H

#include "base/base.h"

#include <libmcmp/cluster.h>

typedef struct mcmp__access mcmp__access;

/* opts went through mcmp__sized_in(); texts are copied. MCMP_ERR_INVALID names the bad entry. */
int mcmp__access_new(mcmp__access **out, const mcmp_cluster_options *opts,
                     const mcmp_allocator *allocator, mcmp_error *err);
void mcmp__access_free(mcmp__access *access);

/* 1: the sender may send this command; asked before anything of the body is looked at. */
int mcmp__access_command(const mcmp__access *access, const mcmp_peer *peer, uint32_t command);
/* 1: the sender may touch the node of this route. Calls the host: never under a lock. */
int mcmp__access_node(const mcmp__access *access, const mcmp_peer *peer, uint32_t command,
                      mcmp_span route);

/* 0: every sender that may send a command may touch every node, nobody needs to be asked. */
int mcmp__access_has_node_rules(const mcmp__access *access);

/* `*` matches any run of bytes; everything else matches itself. */
int mcmp__access_glob(mcmp_span pattern, mcmp_span text);

/* What stands for the sender in MCMP_CLUSTER_OWNERSHIP: its identity, else its address; all zero
 * for a sender that can own nothing. */
void mcmp__access_owner(const mcmp_peer *peer, uint64_t out[3]);

/* 1: an address literal of loopback, or the name localhost. */
int mcmp__access_is_loopback(mcmp_span host);

#endif
