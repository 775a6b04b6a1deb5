/* SPDX-License-Identifier: Apache-2.0 */
/* See used.h. Generations wrap and are never 0, so they are compared by their distance. */
#include "lb/used.h"

static int is_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

MCMP__COLD void mcmp__used_add(_Atomic uint64_t *used, uint32_t generation)
{
    uint64_t word = atomic_load_explicit(used, memory_order_relaxed);
    uint32_t newest, oldest;

    do {
        newest = (uint32_t)word;
        oldest = (uint32_t)(word >> 32);
        if (oldest == 0 || is_before(generation, oldest))
            oldest = generation;
        if (newest == 0 || is_before(newest, generation))
            newest = generation;
    } while (!atomic_compare_exchange_weak_explicit(used, &word, (uint64_t)oldest << 32 | newest,
                                                    memory_order_relaxed, memory_order_relaxed));
}

int mcmp__used_take(mcmp_cluster *cluster, uint32_t slot, mcmp_handle *out)
{
    mcmp__local *local = mcmp__local_of(cluster);
    _Atomic uint64_t *used = &local->used[slot < local->node_slots ? slot : 0];
    uint64_t word = atomic_load_explicit(used, memory_order_relaxed);
    uint64_t next;
    uint32_t oldest;

    do {
        oldest = (uint32_t)(word >> 32);
        if (oldest == 0)
            return 0;
        *out = (mcmp_handle)oldest << 32 | slot;
        if (oldest == (uint32_t)word && mcmp_node_is_current(cluster, *out))
            return 0;
        next = oldest == UINT32_MAX ? 1 : oldest + 1; /* older than the newest: gone as well */
        next = oldest == (uint32_t)word ? 0 : next << 32 | (uint32_t)word;
    } while (!atomic_compare_exchange_weak_explicit(used, &word, next, memory_order_relaxed,
                                                    memory_order_relaxed));
    return 1;
}
