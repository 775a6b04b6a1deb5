/* SPDX-License-Identifier: Apache-2.0 */
/* What a request's head becomes on its way to a node. */
#ifndef SERVER_FORWARD_H
#define SERVER_FORWARD_H

#include <libmcmp/http.h>

#include "config.h"

struct exchange;

void forward_init(const struct config *config);

/* Max-Forwards of OPTIONS and TRACE (RFC 9110 7.6.2); -1: none that counts. */
int64_t forward_hops(const struct exchange *x);

/* Room for texts that a mcmp_http_forward refers to. */
struct forward_texts {
    mcmp_pair hops_line;
    char hops[24];
    char host[320];
};

/* 1 when the client asks for an upgrade to a protocol that is allowed. */
int forward_is_upgrade(const struct exchange *x);

void forward_fill(struct exchange *x, struct forward_texts *texts, mcmp_http_forward *f);

#endif
