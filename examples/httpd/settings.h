/* SPDX-License-Identifier: Apache-2.0 */
/* Settings and hosts: created, merged, completed. */
#ifndef MCMP_HTTPD_SETTINGS_H
#define MCMP_HTTPD_SETTINGS_H

#include "module.h"

/* Before a configuration is read. */
void settings_begin(apr_pool_t *pconf);
/* After it was read: defaults, and what one value demands of another. */
void settings_finish(apr_pool_t *pconf, server_rec *s);
/* Say once what became of values that were not taken as they are. */
void settings_tell(server_rec *s);

void *host_create(apr_pool_t *p, server_rec *s);
void *host_merge(apr_pool_t *p, void *base, void *add);

#endif
