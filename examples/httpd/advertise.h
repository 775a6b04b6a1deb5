/* SPDX-License-Identifier: Apache-2.0 */
/* Makes virtual hosts with ServerAdvertise known by multicast. */
#ifndef MCMP_HTTPD_ADVERTISE_H
#define MCMP_HTTPD_ADVERTISE_H

#include "module.h"

/* In post_config of the parent: what is announced, and that it can be. 0, or -1: logged. */
int advertise_open(apr_pool_t *pconf, server_rec *s);
/* In the process of the watchdog: send what is due. When something is due again. */
mcmp_time advertise_step(mcmp_time now);
/* That process ends, or gives its turn to another one. */
void advertise_pause(void);

#endif
