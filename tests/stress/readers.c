/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A read section at each store of a writer. Sections are begun between messages and go on, one
 * after the other, before each store of the next messages: what such a section reads and calls
 * whole must be the state that it began with, and one that was not overtaken by two messages must
 * come through. So each order of one reader's steps among a writer's stores is tried, as far as one
 * processor's order of memory goes.
 */
#include "image.h"

#define AGES 3u /* sections begun now, one message ago, two messages ago */

typedef struct readers {
    torture *t;
    world world;
    mcmp__read section[AGES];
    uint64_t digest[AGES]; /* of the version that it began with */
    uint64_t accepted[AGES];
    uint64_t refused[AGES];
    told_table told;
    told_observer slow; /* an observer that takes one change at a time */
} readers;

static readers *the_readers;

static uint64_t version_of(const mcmp__read *section)
{
    return section->seen >> 1;
}

/* Reads all of what the section's copy holds now, and asks whether that counts. */
static void go_on(readers *r, uint32_t age)
{
    mcmp__read section = r->section[age];
    uint64_t digest, behind;
    int whole;

    digest = image_digest_of(r->world.cluster, version_of(&section));
    behind = mcmp__version(r->world.cluster) - version_of(&section);
    whole = mcmp__read_done(&section);
    r->t->number[N_SECTIONS]++;
    if (whole && digest != r->digest[age])
        torture_fail(r->t, "a section of %llu messages ago calls a part of a message whole",
                     (unsigned long long)behind);
    if (!whole && behind == 0)
        torture_fail(r->t, "a section was overtaken by nobody");
    if (whole)
        r->accepted[behind < AGES ? behind : AGES - 1]++;
    else
        r->refused[behind < AGES ? behind : AGES - 1]++;
}

/* Observers: a new one reads all there is, another one goes on where it was. */
static void observe(readers *r)
{
    char wrong[200] = "";
    uint64_t last;

    if (told_look(&r->told, r->world.cluster, 1, &last, wrong, sizeof(wrong)) != 0)
        torture_fail(r->t, "an observer during a write: %s", wrong);
    if (r->t->number[N_STORES] % 4096 == 0 && told_go_on(&r->slow, &r->told, 1) != 0)
        torture_fail(r->t, "a slow observer: %s", r->slow.wrong);
}

static void at_store(const volatile void *at)
{
    readers *r = the_readers;

    (void)at;
    torture_hook = NULL;
    r->t->number[N_STORES]++;
    for (uint32_t age = 0; age < AGES; age++)
        go_on(r, age);
    observe(r);
    torture_hook = at_store;
}

static void begin(readers *r)
{
    if (version_of(&r->section[0]) == mcmp__version(r->world.cluster))
        return; /* the last message changed nothing */
    for (uint32_t age = AGES - 1; age > 0; age--) {
        r->section[age] = r->section[age - 1];
        r->digest[age] = r->digest[age - 1];
    }
    mcmp__read_init(&r->section[0], r->world.cluster);
    mcmp__read_begin(&r->section[0]);
    r->digest[0] = image_digest(r->world.cluster);
}

int torture_readers(torture *t)
{
    static readers r;
    uint32_t messages = t->messages != 0 ? t->messages : t->full ? 5000 : 150;
    uint64_t seed = t->seed;

    memset(&r, 0, sizeof(r));
    r.t = t;
    the_readers = &r;
    world_open(&r.world, MCMP_MEMORY_HEAP, NULL, 0, t->no_ring ? 0 : WORLD_RING);
    if (told_open(&r.slow, r.world.cluster, 0) != 0)
        torture_fail(t, "%s", r.slow.wrong);
    for (uint32_t i = 0; i < messages && t->failures == 0; i++) {
        world_message m;

        world_message_make(&m, &seed);
        r.world.now += m.wait * MCMP_MSEC;
        if (version_of(&r.section[AGES - 1]) != 0)
            torture_hook = at_store;
        (void)world_apply(&r.world, &m);
        torture_hook = NULL;
        if (i % 16 == 0 && mcmp_cluster_check(r.world.cluster, NULL, NULL) != MCMP_OK)
            torture_fail(t, "the region is damaged");
        begin(&r);
        t->number[N_MESSAGES]++;
        torture_alive();
    }
    /* A section of one message ago comes through until the next one begins to write. */
    if (t->failures == 0 && (r.accepted[0] == 0 || r.accepted[1] == 0 || r.refused[1] == 0))
        torture_fail(t, "the sections met no write");
    t->number[N_TOLD] = r.slow.count;
    t->number[N_MISSED] = r.slow.missed;
    told_close(&r.slow);
    world_close(&r.world);
    return 0;
}
