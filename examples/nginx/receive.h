/* SPDX-License-Identifier: Apache-2.0 */
/* The management port: mcmp_receive. */
#ifndef NGX_MCMP_RECEIVE_H
#define NGX_MCMP_RECEIVE_H

#include "core.h"

char *ngx_mcmp_set_receive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

#endif
