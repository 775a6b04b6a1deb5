/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers of a worker: a wheel of 16 ms slots. Moving a timer later, which every request does, only
 * writes its time; the slot is corrected when it comes up.
 */
#ifndef SERVER_TIMER_H
#define SERVER_TIMER_H

#include <stdint.h>

#include <uv.h>

#include <libmcmp/base.h>

#define TIMER_SLOTS 1024u

struct timer {
    struct timer *next;
    struct timer *prev; /* NULL: in no slot */
    uint64_t at;        /* tick when it is due; 0: not set */
    uint64_t slot;      /* tick under which it is filed */
    void (*fire)(struct timer *timer);
};

struct timers {
    uv_timer_t handle;
    struct timer slots[TIMER_SLOTS]; /* heads of rings */
    uint64_t bits[TIMER_SLOTS / 64]; /* slots that may hold timers */
    uint64_t tick;                   /* first tick not yet looked at */
    uint64_t armed;                  /* tick for which the handle is set; 0: none */
    uint64_t base;                   /* loop time of tick 0 */
};

void timers_init(struct timers *timers, uv_loop_t *loop);
void timers_close(struct timers *timers);
void timer_init(struct timer *timer, void (*fire)(struct timer *timer));
/* Fire once, `after` microseconds from now at the earliest; replaces an earlier setting. */
void timer_set(struct timers *timers, struct timer *timer, mcmp_time after);
/* Not to fire; cheap, the timer may stay filed. */
void timer_clear(struct timer *timer);
/* Take it out, before its memory goes. */
void timer_drop(struct timer *timer);

#endif
