/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plain scan against the one with all rules. Two clusters hear the same messages and get the
 * same requests, but those of the second one have tried a node that is long gone: that changes
 * nothing but the way to the choice.
 */
#include "farm.h"

#define STEPS 6000u

typedef struct twins {
    farm plain;
    farm whole;
    uint32_t count; /* nodes n1 .. */
    uint32_t state; /* of next() */
} twins;

static uint32_t next(twins *t, uint32_t below)
{
    t->state = t->state * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)t->state * below) >> 32);
}

static void say(twins *t, const char *fmt, uint32_t node, int load)
{
    char text[512];

    (void)snprintf(text, sizeof(text), fmt, node, load);
    farm_script(&t->plain, text);
    farm_script(&t->whole, text);
}

static void open_twins(twins *t, uint32_t count, int load)
{
    mcmp_cluster_options opts;

    farm_options(&opts);
    opts.recalc_period = MCMP_SEC;
    farm_open(&t->plain, &opts);
    farm_open(&t->whole, &opts);
    t->count = count;
    t->state = count;
    for (uint32_t i = 1; i <= count; i++) {
        say(t, "CONFIG JVMRoute=n%u&Host=h&Port=%d" FREE, i, 8000 + (int)i);
        say(t, "ENABLE-APP JVMRoute=n%u&Alias=localhost&Context=/app", i, 0);
        say(t, "STATUS JVMRoute=n%u&Load=%d", i, load);
    }
}

/* Now and then something happens to a node; members change their places in the group. */
static void disturb(twins *t, int same_load)
{
    uint32_t node = 1 + next(t, t->count);
    int load = same_load ? 100 : (int)next(t, 101);

    switch (next(t, 5)) {
    case 0:
        say(t, "DISABLE-APP JVMRoute=n%u&Alias=localhost&Context=/app", node, 0);
        break;
    case 1:
        say(t, "+1100|!STATUS JVMRoute=n%u&Load=100", node, 0);
        break;
    case 2:
        say(t, "STATUS JVMRoute=n%u&Load=-1", node, 0);
        break;
    default:
        say(t, "ENABLE-APP JVMRoute=n%u&Alias=localhost&Context=/app", node, 0);
        say(t, "STATUS JVMRoute=n%u&Load=%d", node, load);
        break;
    }
}

/* Brings every node back, so that the next choices are plain ones. */
static void calm(twins *t, int same_load)
{
    for (uint32_t i = 1; i <= t->count; i++) {
        say(t, "ENABLE-APP JVMRoute=n%u&Alias=localhost&Context=/app", i, 0);
        say(t, "STATUS JVMRoute=n%u&Load=%d", i, same_load ? 100 : 1 + (int)next(t, 100));
    }
}

static void pass(twins *t, mcmp_time time)
{
    t->plain.now += time;
    t->whole.now += time;
}

static void compare(uint32_t count, int same_load)
{
    static const mcmp_handle gone = 1; /* of no generation */
    uint32_t steps = (uint32_t)as_often(STEPS, 1000);
    mcmp_query plain;
    mcmp_query whole;
    twins t;

    open_twins(&t, count, 100);
    mcmp_query_init(&plain);
    plain.path = span_of("/app/x");
    whole = plain;
    whole.tried = &gone;
    whole.tried_count = 1;
    for (uint32_t i = 0; i < steps; i++) {
        uint32_t here = farm_pick(&t.plain, &plain);
        uint32_t there = farm_pick(&t.whole, &whole);

        ck_assert_msg(here == there, "%u nodes, pick %u: n%u, not n%u", count, i, here, there);
        if (i % 500 > 400 && next(&t, 4) == 0)
            disturb(&t, same_load);
        if (i % 500 == 499)
            calm(&t, same_load);
        pass(&t, next(&t, 20) * MCMP_MSEC);
        if (i % 700 == 699)
            pass(&t, next(&t, 100) * MCMP_SEC);
    }
    farm_close(&t.plain);
    farm_close(&t.whole);
}

START_TEST(test_plain_chooses_what_the_scan_with_all_rules_chooses)
{
    /* inline members, a leaf, two leaves, the most that are looked at one by one, windows */
    static const uint32_t counts[] = { 1, 2, 3, 4, 11, 12, 16, 17, 40 };

    depends_on_the_process();
    for (size_t i = 0; i < COUNT_OF(counts); i += (size_t)as_often(1, 2)) {
        compare(counts[i], 1);
        compare(counts[i], 0);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { test_plain_chooses_what_the_scan_with_all_rules_chooses };

    return run_tests("plain", tests, COUNT_OF(tests));
}
