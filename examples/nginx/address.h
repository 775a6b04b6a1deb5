/* SPDX-License-Identifier: Apache-2.0 */
/* Looking up hosts without blocking; literals: ngx_mcmp_literal() in module.h. */
#ifndef NGX_MCMP_ADDRESS_H
#define NGX_MCMP_ADDRESS_H

#include "module.h"

typedef struct ngx_mcmp_lookup_s ngx_mcmp_lookup_t;

/* Called once; list is borrowed; count 0: why says it. May be called from inside the start. */
typedef void (*ngx_mcmp_lookup_pt)(void *ctx, const ngx_mcmp_address_t *list, ngx_uint_t count,
                                   const char *why);

/* By the `resolver` of the http block. NULL: it has ended already, or can't begin, then *why says
 * it. */
ngx_mcmp_lookup_t *ngx_mcmp_lookup(ngx_mcmp_zone_t *zone, mcmp_span host, uint32_t port,
                                   ngx_mcmp_lookup_pt done, void *ctx, const char **why);

/* Ends it without a call; NULL is allowed. */
void ngx_mcmp_lookup_cancel(ngx_mcmp_lookup_t *lookup);

#endif
