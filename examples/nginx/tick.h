/* SPDX-License-Identifier: Apache-2.0 */
/* The clock, and the work that time brings. */
#ifndef NGX_MCMP_TICK_H
#define NGX_MCMP_TICK_H

#include "core.h"

ngx_int_t ngx_mcmp_tick_start(ngx_mcmp_zone_t *zone, ngx_cycle_t *cycle);
void ngx_mcmp_tick_stop(ngx_mcmp_zone_t *zone);

#endif
