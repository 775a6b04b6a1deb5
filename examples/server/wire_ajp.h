/* SPDX-License-Identifier: Apache-2.0 */
/* What the pool does for connections to ajp nodes. */
#ifndef SERVER_WIRE_AJP_H
#define SERVER_WIRE_AJP_H

#include "pool.h"

/* Give a new connection its codec. 0, or -1 without memory. */
int wire_ajp_prepare(struct upstream *up, uint32_t max_packet);

/* Ask by CPing whether the node lives, before its connection gets a request: then
 * upstream_is_ready() or upstream_is_dead() is called from the loop. 0, or -1: it does not. */
int ajp_ping_start(struct upstream *up, mcmp_time patience);
void ajp_ping_readable(struct upstream *up);

#endif
