/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which certificate may manage which nodes: a file with the section [identities] and lines
 * `ROUTES = SUBJECT`. ROUTES is a comma list of JVMRoutes in which `*` stands for any run of
 * characters; SUBJECT is that of the certificate as RFC 2253 writes it.
 */
#ifndef SERVER_IDENTITIES_H
#define SERVER_IDENTITIES_H

#include <libmcmp/base.h>

#include "config.h"

struct identities {
    mcmp_pair *item; /* name: the subject, value: its routes */
    size_t count;
};

/* NULL with the complaint; free with identities_free(). */
struct identities *identities_read(const char *path, struct complaint *why);
void identities_free(struct identities *identities);

#endif
