/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster that all workers share, opened by the master from the configuration. */
#ifndef SERVER_CLUSTER_H
#define SERVER_CLUSTER_H

#include <libmcmp/libmcmp.h>

#include "acl.h"
#include "config.h"

/* Monotonic time of this host, the same in all processes. */
mcmp_time clock_now(void);
/* Open the shared region. The list is asked for every message and must outlive the cluster. */
int cluster_open(mcmp_cluster **out, const struct config *config, const struct acl *acl,
                 unsigned processes, struct complaint *why);

#endif
