/* SPDX-License-Identifier: Apache-2.0 */
/* Looking up a name beside what the thread does. */
#ifndef MCMP_HTTPD_RESOLVE_H
#define MCMP_HTTPD_RESOLVE_H

#include <netdb.h>

struct resolve;

/* Begin to look a name up; NULL when that is not possible. */
struct resolve *resolve_start(const char *host, const char *port);
/* 0: still on its way; 1: *out has the addresses, which live as long as resolve; -1: there are
 * none. */
int resolve_poll(struct resolve *resolve, const struct addrinfo **out);
/* Also when it is still on its way; NULL is allowed. */
void resolve_free(struct resolve *resolve);

#endif
