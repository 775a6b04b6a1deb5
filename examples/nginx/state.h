/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a zone outside of it: mcmp_state files, and the move to a zone of other limits. */
#ifndef NGX_MCMP_STATE_H
#define NGX_MCMP_STATE_H

#include "core.h"

/* Into an empty cluster; one that has nodes, and a file that is not there, are left alone. */
void ngx_mcmp_state_load(ngx_mcmp_zone_t *zone, ngx_log_t *log);

void ngx_mcmp_state_move(ngx_mcmp_zone_t *from, ngx_mcmp_zone_t *to, ngx_log_t *log);

/* Saves in the background when something changed; called now and then by the worker that ticks. */
typedef struct ngx_mcmp_saver_s ngx_mcmp_saver_t;

ngx_mcmp_saver_t *ngx_mcmp_saver_new(ngx_mcmp_zone_t *zone, ngx_pool_t *pool);
void ngx_mcmp_saver_turn(ngx_mcmp_saver_t *saver, mcmp_time now);

/* At the end of the process: waits for a save that runs; owner: this worker ticked until now. */
void ngx_mcmp_saver_end(ngx_mcmp_saver_t *saver, int owner);

#endif
