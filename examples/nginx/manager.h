/* SPDX-License-Identifier: Apache-2.0 */
/* The page for people: mcmp_manager. */
#ifndef NGX_MCMP_MANAGER_H
#define NGX_MCMP_MANAGER_H

#include "core.h"

char *ngx_mcmp_set_manager(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

#endif
