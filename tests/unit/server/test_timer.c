/* SPDX-License-Identifier: Apache-2.0 */
/* The timer wheel, built with ticks of 1 ms so that its range of 1024 slots is about a second. */
#include "support.h"

#include "timer.h"

#define COUNT 8

static struct timers timers;
static uv_loop_t loop;

struct probe {
    struct timer timer;
    uint64_t fired_at; /* loop time; 0: not */
    unsigned times;
    int again;
};

static struct probe probes[COUNT];
static unsigned order[COUNT];
static unsigned fired;

static void on_fire(struct timer *timer)
{
    struct probe *probe = (struct probe *)(void *)timer;

    probe->fired_at = uv_now(&loop);
    probe->times++;
    if (fired < COUNT)
        order[fired] = (unsigned)(probe - probes);
    fired++;
    if (probe->again-- > 0)
        timer_set(&timers, timer, 5 * MCMP_MSEC);
}

static uint64_t start(void)
{
    memset(probes, 0, sizeof(probes));
    fired = 0;
    uv_loop_init(&loop);
    timers_init(&timers, &loop);
    for (size_t i = 0; i < COUNT; i++)
        timer_init(&probes[i].timer, on_fire);
    return uv_now(&loop);
}

static void finish(void)
{
    timers_close(&timers);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}

/* Not before its time; late only by a margin for busy machines. */
static void check_time(unsigned i, uint64_t began, uint64_t ms)
{
    ck_assert_msg(probes[i].fired_at >= began + ms && probes[i].fired_at < began + ms + 500,
                  "timer %u fired after %d ms, not %d", i, (int)(probes[i].fired_at - began),
                  (int)ms);
}

START_TEST(timers_fire_in_the_order_of_their_times)
{
    static const unsigned times[COUNT] = { 50, 10, 90, 30, 70, 0, 110, 20 };
    static const unsigned expected[COUNT] = { 5, 1, 7, 3, 0, 4, 2, 6 };
    uint64_t began = start();

    for (unsigned i = 0; i < COUNT; i++)
        timer_set(&timers, &probes[i].timer, times[i] * MCMP_MSEC);
    uv_run(&loop, UV_RUN_DEFAULT);
    for (unsigned i = 0; i < COUNT; i++) {
        ck_assert_uint_eq(order[i], expected[i]);
        check_time(i, began, times[i]);
        ck_assert_uint_eq(probes[i].times, 1);
    }
    finish();
}
END_TEST

START_TEST(a_timer_moves_later_and_earlier)
{
    uint64_t began = start();

    timer_set(&timers, &probes[0].timer, 10 * MCMP_MSEC);
    timer_set(&timers, &probes[0].timer, 60 * MCMP_MSEC);
    timer_set(&timers, &probes[1].timer, 900 * MCMP_MSEC);
    timer_set(&timers, &probes[1].timer, 20 * MCMP_MSEC);
    uv_run(&loop, UV_RUN_DEFAULT);
    check_time(0, began, 60);
    check_time(1, began, 20);
    ck_assert_uint_eq(fired, 2);
    finish();
}
END_TEST

START_TEST(a_timer_beyond_the_range_fires_once_and_in_time)
{
    uint64_t began = start();

    timer_set(&timers, &probes[0].timer, 2500 * MCMP_MSEC);
    timer_set(&timers, &probes[1].timer, 1023 * MCMP_MSEC);
    timer_set(&timers, &probes[2].timer, 1024 * MCMP_MSEC);
    timer_set(&timers, &probes[3].timer, 1025 * MCMP_MSEC);
    uv_run(&loop, UV_RUN_DEFAULT);
    check_time(0, began, 2500);
    for (unsigned i = 1; i < 4; i++)
        check_time(i, began, 1022 + i);
    ck_assert_uint_eq(fired, 4);
    finish();
}
END_TEST

START_TEST(cleared_and_dropped_timers_do_not_fire)
{
    uint64_t began = start();

    for (unsigned i = 0; i < 3; i++)
        timer_set(&timers, &probes[i].timer, 20 * MCMP_MSEC);
    timer_clear(&probes[0].timer);
    timer_drop(&probes[1].timer);
    timer_clear(&probes[3].timer); /* never set */
    timer_drop(&probes[3].timer);
    uv_run(&loop, UV_RUN_DEFAULT);
    check_time(2, began, 20);
    ck_assert_uint_eq(fired, 1);
    timer_set(&timers, &probes[0].timer, 5 * MCMP_MSEC);
    timer_set(&timers, &probes[1].timer, 5 * MCMP_MSEC);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_uint_eq(fired, 3);
    finish();
}
END_TEST

START_TEST(a_timer_may_be_set_again_while_it_fires)
{
    uint64_t began = start();

    probes[0].again = 20;
    timer_set(&timers, &probes[0].timer, 5 * MCMP_MSEC);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_uint_eq(probes[0].times, 21);
    ck_assert_uint_ge(probes[0].fired_at, began + 105);
    finish();
}
END_TEST

int main(void)
{
    const TTest *tests[] = { timers_fire_in_the_order_of_their_times,
                             a_timer_moves_later_and_earlier,
                             a_timer_beyond_the_range_fires_once_and_in_time,
                             cleared_and_dropped_timers_do_not_fire,
                             a_timer_may_be_set_again_while_it_fires };

    return run_tests("server timer", tests, COUNT_OF(tests));
}
