/* SPDX-License-Identifier: Apache-2.0 */
/* What time brings: mcmp_tick() by mod_watchdog, in one process at a time. */
#ifndef MCMP_HTTPD_WATCHDOG_H
#define MCMP_HTTPD_WATCHDOG_H

#include "module.h"

/* In post_config of the parent. 0, or -1: logged. */
int watchdog_register(apr_pool_t *pconf, server_rec *s);

#endif
