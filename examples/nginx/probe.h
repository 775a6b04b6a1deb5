/* SPDX-License-Identifier: Apache-2.0 */
/* One probe of a node or endpoint (MCMP 6), by nginx events with one deadline. */
#ifndef NGX_MCMP_PROBE_H
#define NGX_MCMP_PROBE_H

#include "core.h"

typedef struct ngx_mcmp_probe_s ngx_mcmp_probe_t;

/* Called once, never from inside the start. why is static text, or NULL. */
typedef void (*ngx_mcmp_probe_pt)(void *ctx, int ok, const char *why);

/* holds: a graceful end of the worker waits for it. NULL without memory. */
ngx_mcmp_probe_t *ngx_mcmp_probe_start(ngx_mcmp_zone_t *zone, const mcmp_probe *what, int holds,
                                       ngx_mcmp_probe_pt done, void *ctx);

/* Ends it without a call; NULL is allowed. */
void ngx_mcmp_probe_cancel(ngx_mcmp_probe_t *probe);

#endif
