/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which nodes this process has selected and not yet been told to be gone: per slot one word, the
 * newest generation that was selected (low half) and the oldest that may still have connections
 * (high half). A slot can be used by several generations between two ticks, and the connections of
 * each have to be dropped.
 *
 * Concurrency: one word, changed by compare and swap, of this process alone; relaxed, since nothing
 * else is ordered by it.
 */
#ifndef MCMP__LB_USED_H
#define MCMP__LB_USED_H

#include "base/base.h"
#include "base/compiler.h"
#include "model/read.h"

void mcmp__used_add(_Atomic uint64_t *used, uint32_t generation);

/* The slot's node of this generation was selected. */
static inline void mcmp__used_mark(_Atomic uint64_t *used, uint32_t generation)
{
    if ((uint32_t)atomic_load_explicit(used, memory_order_relaxed) != generation)
        mcmp__used_add(used, generation);
}

/* 1 and the oldest handle of the slot that was used here and is gone; it is not told again. */
int mcmp__used_take(mcmp_cluster *cluster, uint32_t slot, mcmp_handle *out);

#endif
