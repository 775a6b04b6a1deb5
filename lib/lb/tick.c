/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mcmp_tick(): first nodes that are gone, then probes that are due, then how long there is nothing
 * to do. What a handle remembers is only a shortcut; the truth is in the region, so any process may
 * tick, may be killed, and may tick again.
 */
#include "tick.h"

#include "lb/select.h"
#include "lb/used.h"

#define LONGEST_SLEEP MCMP_SEC /* nodes that go are noticed within this time */
#define SWEEP_EVERY (10 * MCMP_SEC)

static void tick_free(mcmp_cluster *cluster, void *lb)
{
    const mcmp_allocator *allocator = &mcmp__config_of(cluster)->allocator;
    mcmp__tick *tick = lb;

    if (tick == NULL)
        return;
    mcmp__free(allocator, tick->due, 2 * tick->blocks * sizeof(*tick->due));
    mcmp__free(allocator, tick, sizeof(*tick));
}

mcmp__tick *mcmp__tick_of(mcmp_cluster *cluster)
{
    const mcmp_allocator *allocator = &mcmp__config_of(cluster)->allocator;
    mcmp__local *local = mcmp__local_of(cluster);
    mcmp__tick *tick = local->lb;

    if (tick != NULL)
        return tick;
    tick = mcmp__calloc(allocator, 1, sizeof(*tick));
    if (tick == NULL)
        return NULL;
    tick->blocks = local->node_slots / MCMP__TICK_BLOCK + 1;
    tick->due = mcmp__calloc(allocator, 2 * (size_t)tick->blocks, sizeof(*tick->due));
    if (tick->due == NULL) {
        mcmp__free(allocator, tick, sizeof(*tick));
        return NULL;
    }
    tick->seen = tick->due + tick->blocks;
    for (uint32_t i = 0; i < tick->blocks; i++)
        tick->seen[i] = INT64_MIN;
    local->lb = tick;
    local->lb_free = tick_free;
    return tick;
}

/* The next entry of the store's list of gone nodes. 1, 0, or -1: too many were missed. */
static int next_gone(mcmp_cluster *cluster, mcmp__tick *tick, mcmp_handle *out)
{
    uint64_t cursor;
    mcmp__read rd;
    int found;

    mcmp__read_init(&rd, cluster);
    do {
        mcmp__read_begin(&rd);
        cursor = tick->gone;
        found = tick->gone_started ? mcmp__gone_next(&rd, &cursor, out) : -1;
        if (found < 0)
            cursor = mcmp__gone_now(&rd);
    } while (!mcmp__read_done(&rd));
    tick->gone = cursor;
    tick->gone_started = 1;
    return found;
}

/*
 * Looks at all nodes used here: needed when the list ran ahead, and now and then for one that was
 * selected just before it went, and marked just after.
 */
static int sweep_used(mcmp_cluster *cluster, mcmp__tick *tick, mcmp_handle *out)
{
    uint32_t slots = mcmp__local_of(cluster)->node_slots;

    for (; tick->sweep != 0 && tick->sweep < slots; tick->sweep++)
        if (mcmp__used_take(cluster, tick->sweep, out))
            return 1; /* the slot is looked at again: it may have had several nodes */
    tick->sweep = 0;
    return 0;
}

int mcmp__gone_find(mcmp_cluster *cluster, mcmp__tick *tick, mcmp_time now, mcmp_handle *out)
{
    mcmp_handle gone;
    int found = 1;

    while (found > 0) {
        if (tick->slot != 0 && mcmp__used_take(cluster, tick->slot, out))
            return 1;
        found = next_gone(cluster, tick, &gone);
        tick->slot = found > 0 ? mcmp__handle_index(gone) : 0;
    }
    if (found < 0 || now >= tick->sweep_at) {
        tick->sweep = 1;
        tick->sweep_at = now + SWEEP_EVERY;
    }
    return sweep_used(cluster, tick, out);
}

/* What processes held that died without anybody telling. One of all processes looks at a time: who
 * swaps the next time in. A time that is too far away is none of ours. */
static void sweep_processes(mcmp_cluster *cluster, mcmp_time now)
{
    mcmp__word *due = mcmp__shared_words(cluster) + MCMP__SHARED_SWEEP;
    uint64_t at = mcmp__word_get(due);

    if (at - (uint64_t)now - 1 < (uint64_t)SWEEP_EVERY)
        return;
    if (mcmp__word_swap(due, &at, (uint64_t)now + (uint64_t)SWEEP_EVERY))
        mcmp__process_sweep(cluster);
}

/* One piece of work: MCMP_OK, MCMP_DONE or MCMP_ERR_NOMEM. */
static int next_work(mcmp_cluster *cluster, mcmp_time now, mcmp_work *work, mcmp_error *err)
{
    mcmp__tick *tick = mcmp__tick_of(cluster);
    mcmp_time next;

    if (tick == NULL)
        return mcmp__fail(err, MCMP_ERR_NOMEM, NULL, "no memory for the health schedule");
    sweep_processes(cluster, now);
    work->next_at = now;
    if (mcmp__gone_find(cluster, tick, now, &work->node)) {
        work->kind = MCMP_WORK_NODE_GONE;
        return MCMP_OK;
    }
    work->node = 0;
    if (mcmp__probe_find(cluster, tick, now, &next)) {
        work->kind = MCMP_WORK_PROBE;
        work->probe = &tick->probe;
        return MCMP_OK;
    }
    work->next_at = MCMP__MIN(next, now + LONGEST_SLEEP);
    return MCMP_DONE;
}

int mcmp_tick(mcmp_cluster *cluster, mcmp_time now, mcmp_work *work, mcmp_error *err)
{
    mcmp_work found = { 0 };
    int rc;

    if (cluster == NULL || work == NULL || work->struct_size < sizeof(work->struct_size))
        return mcmp__fail(err, MCMP_ERR_INVALID, "work",
                          "no cluster, or no piece of work made "
                          "ready by mcmp_work_init()");
    if (mcmp__local_of(cluster)->read_only)
        return mcmp__fail(err, MCMP_ERR_STATE, "attach", "attached for reading only");
    rc = next_work(cluster, now, &found, err);
    if (rc < 0)
        return rc;
    (void)mcmp__sized_out(work, &found, sizeof(found)); /* its size was checked above */
    return rc;
}
