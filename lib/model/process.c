/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process slots: each process that selects owns one, with its own pages of running counts.
 *
 * Concurrency, lock-free. A slot's word is 0 (free), its owner (pid and start time), or a cleaner
 * with the top bit set: who wins that swap, and nobody else, clears the counts, so that a slot
 * which already has a new owner is never cleared. A cleaner that dies is found by its own word like
 * any owner. A process counts only while its active bit is set; the bit goes before the clearing
 * starts.
 */
#include "model/process.h"

#define CLEANING (UINT64_C(1) << 63)

static mcmp__word *owner_word(const mcmp_cluster *cluster, uint32_t process)
{
    return cluster->region + MCMP__R_PID + process;
}

/* Pids of another namespace than the region's are other processes'. */
static int is_foreign(const mcmp_cluster *cluster)
{
    uint64_t region = mcmp__word_get(cluster->region + MCMP__R_PID_SPACE);
    uint64_t own = mcmp__os_pid_space();

    return region != 0 && own != 0 && region != own;
}

static uint64_t self_in(const mcmp_cluster *cluster)
{
    return mcmp__os_self() | (is_foreign(cluster) ? MCMP__PROCESS_FOREIGN : 0);
}

static mcmp__word *counts_at(mcmp_cluster *cluster, uint32_t process)
{
    const mcmp__layout *layout = &cluster->layout;

    return cluster->region + layout->counts_base + (size_t)process * layout->counts_words;
}

static void clear_counts(mcmp_cluster *cluster, uint32_t process)
{
    const mcmp__layout *layout = &cluster->layout;
    mcmp__word *counts = counts_at(cluster, process);
    size_t pages = layout->touched_at / MCMP__PAGE_COUNTS;

    for (size_t base = 0; base < pages; base += 64) {
        mcmp__word *bits = counts + layout->touched_at + base / 64;
        uint64_t touched = mcmp__word_get(bits);

        for (size_t page = base; page < pages && page < base + 64; page++) {
            if ((touched >> (page - base) & 1) == 0)
                continue;
            for (size_t w = 0; w < MCMP__PAGE_COUNTS; w++)
                mcmp__word_set(counts + page * MCMP__PAGE_COUNTS + w, 0);
        }
        mcmp__word_set(bits, 0);
    }
}

/* 1 when this call gave the slot back. */
static int clean(mcmp_cluster *cluster, uint32_t process, uint64_t owner)
{
    uint64_t cleaner = self_in(cluster) | CLEANING;

    if (!mcmp__word_swap(owner_word(cluster, process), &owner, cleaner))
        return 0;
    atomic_fetch_and_explicit(cluster->region + MCMP__R_ACTIVE + process / 64,
                              ~(UINT64_C(1) << (process % 64)), memory_order_acq_rel);
    clear_counts(cluster, process);
    atomic_store_explicit(owner_word(cluster, process), 0, memory_order_release);
    return 1;
}

static int claim_free(mcmp_cluster *cluster)
{
    uint64_t self = self_in(cluster);

    for (uint32_t p = 0; p < cluster->layout.max_processes; p++) {
        uint64_t none = 0;

        if (!mcmp__word_swap(owner_word(cluster, p), &none, self))
            continue;
        atomic_fetch_or_explicit(cluster->region + MCMP__R_ACTIVE + p / 64, UINT64_C(1) << (p % 64),
                                 memory_order_acq_rel);
        cluster->process = p;
        cluster->self = self;
        cluster->pid = mcmp__os_pid();
        cluster->counts = counts_at(cluster, p);
        return 1;
    }
    return 0;
}

void mcmp__process_sweep_all(mcmp_cluster *cluster, int all)
{
    for (uint32_t p = 0; p < cluster->layout.max_processes; p++) {
        uint64_t owner = mcmp__word_get(owner_word(cluster, p));

        if (owner != 0 && (all || mcmp__os_process_state(owner & ~CLEANING) == MCMP__PROCESS_GONE))
            clean(cluster, p, owner);
    }
}

void mcmp__process_sweep(mcmp_cluster *cluster)
{
    if (!is_foreign(cluster)) /* or everybody else would look dead */
        mcmp__process_sweep_all(cluster, 0);
}

uint64_t mcmp__process_find_live(const mcmp_cluster *cluster)
{
    for (uint32_t p = 0; p < cluster->layout.max_processes; p++) {
        uint64_t owner = mcmp__word_get(owner_word(cluster, p)) & ~CLEANING;

        if (owner != 0 && mcmp__os_process_state(owner) != MCMP__PROCESS_GONE)
            return owner;
    }
    return 0;
}

int mcmp__process_claim(mcmp_cluster *cluster, mcmp_error *err)
{
    if (claim_free(cluster))
        return MCMP_OK;
    mcmp__process_sweep(cluster);
    if (claim_free(cluster))
        return MCMP_OK;
    return mcmp__fail(err, MCMP_ERR_FULL, "max_processes", "all %u slots for processes are taken",
                      cluster->layout.max_processes);
}

void mcmp__process_leave(mcmp_cluster *cluster)
{
    if (cluster->pid == mcmp__os_pid()) /* else inherited: the slot is the parent's */
        clean(cluster, cluster->process, cluster->self);
}

int mcmp_cluster_process_gone(mcmp_cluster *cluster, int64_t pid)
{
    int found = 0;

    if (cluster->local.read_only)
        return MCMP_ERR_STATE;
    for (uint32_t p = 0; pid > 0 && p < cluster->layout.max_processes; p++) {
        uint64_t owner = mcmp__word_get(owner_word(cluster, p));

        /* One that surely lives is a new process under the same pid. */
        if (owner != 0 && (uint32_t)owner == (uint64_t)pid &&
            mcmp__os_process_state(owner & ~CLEANING) != MCMP__PROCESS_ALIVE)
            found |= clean(cluster, p, owner);
    }
    return found ? MCMP_OK : MCMP_ERR_NOT_FOUND;
}
