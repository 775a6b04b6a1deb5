/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traffic of mod_mcmp: which requests go to the cluster (route.c), to which node and over which
 * worker (forward.c, attempt.c, workers.c), and what came of it. mod_proxy and its schemes do the
 * forwarding.
 */
#ifndef MCMP_HTTPD_TRAFFIC_H
#define MCMP_HTTPD_TRAFFIC_H

#include <httpd.h>
#include <mod_proxy.h>

#include <libmcmp/libmcmp.h>

/* Registers the hooks of traffic; called once by the module's own registration. */
void mcmp_httpd_register_traffic(apr_pool_t *pool);

/* A node has gone, or has another endpoint: what this process holds of it is closed when the last
 * request over it has ended. Any thread. */
void mcmp_httpd_node_gone(mcmp_handle node);

#endif
