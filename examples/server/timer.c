/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timer wheel. Invariants: a filed timer's slot is never later than its due tick, so it is
 * always looked at in time; `armed` is never later than the first filled slot. Timers beyond the
 * wheel's range are filed in its last slot and filed again when that comes up.
 */
#include "timer.h"

#include <string.h>

#ifndef TICK_MS
#define TICK_MS 16u /* tests make the wheel turn faster */
#endif

static void on_timer(uv_timer_t *handle);

static uint64_t now_tick(const struct timers *timers)
{
    return (uv_now(timers->handle.loop) - timers->base) / TICK_MS + 1;
}

void timers_init(struct timers *timers, uv_loop_t *loop)
{
    memset(timers, 0, sizeof(*timers));
    for (size_t i = 0; i < TIMER_SLOTS; i++) {
        timers->slots[i].next = &timers->slots[i];
        timers->slots[i].prev = &timers->slots[i];
    }
    uv_timer_init(loop, &timers->handle);
    timers->handle.data = timers;
    timers->base = uv_now(loop);
    timers->tick = 1;
}

void timers_close(struct timers *timers)
{
    uv_close((uv_handle_t *)&timers->handle, NULL);
}

void timer_init(struct timer *timer, void (*fire)(struct timer *timer))
{
    memset(timer, 0, sizeof(*timer));
    timer->fire = fire;
}

void timer_drop(struct timer *timer)
{
    timer->at = 0;
    if (timer->prev == NULL)
        return;
    timer->prev->next = timer->next;
    timer->next->prev = timer->prev;
    timer->prev = NULL;
    timer->next = NULL;
}

void timer_clear(struct timer *timer)
{
    timer->at = 0;
}

static void arm(struct timers *timers, uint64_t tick)
{
    uint64_t now = now_tick(timers);

    timers->armed = tick;
    uv_timer_start(&timers->handle, on_timer, tick > now ? (tick - now) * TICK_MS : 0, 0);
}

static void file(struct timers *timers, struct timer *timer)
{
    uint64_t slot = timer->at;
    struct timer *head;

    if (slot < timers->tick)
        slot = timers->tick;
    if (slot > timers->tick + TIMER_SLOTS - 2)
        slot = timers->tick + TIMER_SLOTS - 2; /* not the slot that is being looked at */
    timer->slot = slot;
    head = &timers->slots[slot % TIMER_SLOTS];
    timer->next = head;
    timer->prev = head->prev;
    head->prev->next = timer;
    head->prev = timer;
    timers->bits[slot % TIMER_SLOTS / 64] |= (uint64_t)1 << (slot % 64);
}

void timer_set(struct timers *timers, struct timer *timer, mcmp_time after)
{
    uint64_t ms = after > 0 ? (uint64_t)(after + MCMP_MSEC - 1) / MCMP_MSEC : 0;

    timer->at = now_tick(timers) + (ms + TICK_MS - 1) / TICK_MS;
    if (timer->prev != NULL) {
        if (timer->slot <= timer->at)
            return;
        uint64_t at = timer->at;

        timer_drop(timer);
        timer->at = at;
    }
    file(timers, timer);
    if (timers->armed == 0 || timer->slot < timers->armed)
        arm(timers, timer->slot);
}

/* First slot from tick on that may hold timers; 0 when none does. */
static uint64_t next_slot(const struct timers *timers)
{
    for (uint64_t tick = timers->tick; tick < timers->tick + TIMER_SLOTS;) {
        uint64_t word = timers->bits[tick % TIMER_SLOTS / 64] >> (tick % 64);

        if (word != 0)
            return tick + (uint64_t)__builtin_ctzll(word);
        tick += 64 - tick % 64;
    }
    return 0;
}

/* Look at everything filed under one tick. */
static void run_slot(struct timers *timers, uint64_t tick, uint64_t now)
{
    struct timer *head = &timers->slots[tick % TIMER_SLOTS];

    timers->bits[tick % TIMER_SLOTS / 64] &= ~((uint64_t)1 << (tick % 64));
    while (head->next != head) {
        struct timer *timer = head->next;
        uint64_t at = timer->at;

        timer_drop(timer);
        if (at == 0)
            continue;
        if (at <= now) {
            timer->fire(timer);
        } else {
            timer->at = at;
            file(timers, timer);
        }
    }
}

static void on_timer(uv_timer_t *handle)
{
    struct timers *timers = handle->data;
    uint64_t now = now_tick(timers);
    uint64_t tick;

    timers->armed = UINT64_MAX; /* timers set by what fires below are found by next_slot() */
    while ((tick = next_slot(timers)) != 0 && tick <= now) {
        timers->tick = tick + 1;
        run_slot(timers, tick, now);
    }
    if (timers->tick < now)
        timers->tick = now;
    timers->armed = 0;
    tick = next_slot(timers);
    if (tick != 0)
        arm(timers, tick);
}
