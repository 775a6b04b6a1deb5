/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the walk needs of the inside: counters that begin near their wrap, which no test could reach
 * by counting, and the check of all invariants.
 */
#include "model/rows.h"
#include "walk.h"

static void put_both(mcmp_cluster *cluster, size_t at, uint64_t value)
{
    for (int copy = 0; copy < 2; copy++)
        mcmp__word_set(cluster->region + cluster->layout.copy_base[copy] + at, value);
}

/* Every slot of the table has had so many occupants; none has one now. */
static void age_slots(mcmp_cluster *cluster, uint32_t table, uint32_t word, uint32_t generation)
{
    const mcmp__table *t = &cluster->layout.table[table];

    for (uint32_t row = 1; row <= t->cap; row++)
        put_both(cluster, t->base + (size_t)row * t->words + word,
                 mcmp__pack(0, generation - row % 3));
}

void walk_wrap(walk *w)
{
    mcmp_cluster *cluster = w->cluster;

    age_slots(cluster, MCMP__T_NODE, MCMP__N_GEN, UINT32_MAX);
    age_slots(cluster, MCMP__T_SEAT, MCMP__S_GEN, UINT32_MAX);
    put_both(cluster, MCMP__H_ORDER_SEQ, (UINT64_C(1) << 61) - 50);
    put_both(cluster, MCMP__H_GONE, UINT64_MAX - 5);
    w->o.last_id = UINT64_C(999999999999000000); /* 18 digits (MCMP 4.7) */
    put_both(cluster, MCMP__H_NODE_SEQ, w->o.last_id);
    mcmp__word_set(cluster->region + MCMP__R_PUB, UINT64_MAX - 201);
}

int walk_check(walk *w)
{
    if (mcmp_cluster_check(w->cluster, NULL, &w->err) == MCMP_OK)
        return 1;
    return walk_fail(w, "broken inside: %s", w->err.message);
}
