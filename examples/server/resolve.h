/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts of nodes to socket addresses: literals at once, names in the background. */
#ifndef SERVER_RESOLVE_H
#define SERVER_RESOLVE_H

#include <libmcmp/base.h>

#include "config.h"

#define RESOLVE_MAX 16u

struct worker;
struct resolve;

/* count 0: the name could not be resolved, error tells why. The list is valid for the call. */
typedef void (*resolve_fn)(void *ctx, const struct address *list, unsigned count,
                           const char *error);

/* 1 when host is an address (IPv6 in brackets) and out was set. */
int resolve_literal(mcmp_span host, uint32_t port, struct address *out);
int resolve_is_localhost(mcmp_span host);
/* Look a name up; fn is called later, once. NULL when that can't even be started. */
struct resolve *resolve_start(struct worker *w, mcmp_span host, uint32_t port, resolve_fn fn,
                              void *ctx);
/* fn will not be called; NULL is allowed. */
void resolve_cancel(struct resolve *resolve);

#endif
