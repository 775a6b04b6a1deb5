/* SPDX-License-Identifier: Apache-2.0 */
/* The work that time brings: mcmp_tick() in every worker, idle probes, nodes that went away. */
#ifndef SERVER_TICK_H
#define SERVER_TICK_H

struct worker;
struct tick;

struct tick *tick_new(struct worker *w);
void tick_free(struct tick *tick);

#endif
