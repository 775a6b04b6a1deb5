/* SPDX-License-Identifier: Apache-2.0 */
/* SetHandler mod_cluster-manager. */
#ifndef MCMP_HTTPD_MANAGER_H
#define MCMP_HTTPD_MANAGER_H

#include "module.h"

/* In post_config: the secret of the page's forms, one for all children. 0, or -1: logged. */
int manager_begin(apr_pool_t *pconf, server_rec *s);
void manager_register(apr_pool_t *pool);

#endif
