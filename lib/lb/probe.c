/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schedule of idle probes (MCMP 6). A node's due time is a live word; who swaps it from a time
 * that has come to the time the probe expires owns the probe, and that expiry is its ticket. The
 * report swaps it to the next due time. So no probe is handed out twice, and one whose owner died
 * is due again when it expires; a report after that is recognised, since the word has moved on.
 *
 * Contract: nothing is locked. Per block of nodes a handle remembers the earliest due time and when
 * it looked; a block is looked at again when that time comes, or after a sixteenth of a period,
 * since other processes and messages set due times too. So one call looks at the words of a few
 * blocks.
 */
#include "tick.h"

#include "lb/select.h"

#include "base/health.h"
#include "lb/choice.h"
#include "lb/note.h"

#define PARKED INT64_MAX /* due time of a row without a live node; a new node starts from zero */
#define SPREAD_FROM 16u  /* so many nodes get their due times spread over a sixteenth of a period */

static mcmp_time time_of(const mcmp__word *word)
{
    return (mcmp_time)mcmp__word_get(word);
}

static int swap_time(mcmp__word *word, mcmp_time from, mcmp_time to)
{
    uint64_t expected = (uint64_t)from;

    return mcmp__word_swap(word, &expected, (uint64_t)to);
}

/* One period on, a little less for each of many nodes, so that they drift apart. */
static mcmp_time one_period_after(mcmp_cluster *cluster, uint32_t node, mcmp_time at)
{
    mcmp_time period = mcmp__config_of(cluster)->opts.probe_period;

    if (node <= SPREAD_FROM)
        return at + period;
    return at + period -
           (mcmp_time)(mcmp__choice_mix((uint64_t)at + node) % ((uint64_t)period / 16 + 1));
}

/* When the node is due; a new one gets its first due time here. */
static mcmp_time due_of(mcmp_cluster *cluster, uint32_t node, mcmp__live *live, mcmp_time now)
{
    uint64_t health = mcmp__word_get(&live->health);
    mcmp_time due = time_of(&live->due);
    mcmp_time first;

    if (health >> 32 == 0)
        return PARKED;
    if (due != 0)
        return due;
    first = time_of(&live->registered_at);
    first = one_period_after(cluster, node, first > 0 && first <= now ? first : now);
    if ((health & MCMP__HEALTH_RESTORED) != 0)
        first = now; /* loaded from a file: proven or not is to be known at once */
    return swap_time(&live->due, 0, first) ? first : time_of(&live->due);
}

/* A node that is well and sent bytes since the last look needs no probe. */
static int is_idle(const mcmp__live *live)
{
    uint64_t health = mcmp__word_get(&live->health);

    return (health & (MCMP__HEALTH_ERROR | MCMP__HEALTH_RESTORED)) != 0 ||
           mcmp__word_get(&live->bytes_read) == mcmp__word_get(&live->read_mark);
}

/* The node's row and host. 0 when the row has no live node. */
static int read_node(mcmp_cluster *cluster, uint32_t node, mcmp__node *row,
                     char host[MCMP__HOST_ROOM], size_t *out_len)
{
    mcmp__read rd;
    int found;

    mcmp__read_init(&rd, cluster);
    do {
        mcmp__read_begin(&rd);
        found = mcmp__node_get(&rd, node, row) && !row->leaving;
        *out_len = found ? mcmp__text(&rd, MCMP__NODE_HOST, node, host, MCMP__HOST_ROOM) : 0;
    } while (!mcmp__read_done(&rd));
    return found && !rd.damaged;
}

/* A node whose time has come: 1 when a probe was made ready for it. */
static int serve_due(mcmp_cluster *cluster, mcmp__tick *tick, uint32_t node, mcmp_time due,
                     mcmp_time now)
{
    mcmp__live *live = mcmp__live_of(cluster, node);
    mcmp__node row;
    mcmp_time expiry;
    size_t host_len;

    if (!is_idle(live)) {
        if (swap_time(&live->due, due, one_period_after(cluster, node, now)))
            mcmp__word_set(&live->read_mark, mcmp__word_get(&live->bytes_read));
        return 0;
    }
    if (!read_node(cluster, node, &row, tick->host, &host_len)) {
        swap_time(&live->due, due, PARKED);
        return 0;
    }
    mcmp__probe_fill(mcmp__config_of(cluster), mcmp__span(tick->host, host_len), row.port,
                     row.scheme, row.ping, now, tick->authority, &tick->probe);
    expiry = tick->probe.deadline + MCMP__PROBE_SLACK;
    if (!swap_time(&live->due, due, expiry))
        return 0;
    mcmp__word_set(&live->ticket, (uint64_t)now);
    tick->probe.node = row.handle;
    tick->probe.ticket = (uint64_t)expiry;
    return 1;
}

/* Looks at the nodes of a block. 1 when one was served; the block's due time is known after 0. */
static int look_at_block(mcmp_cluster *cluster, mcmp__tick *tick, uint32_t block, uint32_t slots,
                         mcmp_time now)
{
    uint32_t first = block * MCMP__TICK_BLOCK;
    mcmp_time next = PARKED;

    for (uint32_t node = first; node < first + MCMP__TICK_BLOCK && node <= slots; node++) {
        mcmp__live *live = mcmp__live_of(cluster, node);
        mcmp_time due;

        if (node == 0)
            continue;
        due = due_of(cluster, node, live, now);
        if (due <= now) {
            if (serve_due(cluster, tick, node, due, now)) {
                tick->due[block] = now; /* others of the block may be due as well */
                return 1;
            }
            due = time_of(&live->due);
        }
        next = MCMP__MIN(next, due);
    }
    tick->due[block] = next;
    tick->seen[block] = now;
    return 0;
}

static uint32_t slots_of(mcmp_cluster *cluster)
{
    mcmp__read rd;
    uint32_t slots;

    mcmp__read_init(&rd, cluster);
    do {
        mcmp__read_begin(&rd);
        slots = mcmp__node_slots(&rd);
    } while (!mcmp__read_done(&rd));
    return MCMP__MIN(slots, mcmp__local_of(cluster)->node_slots - 1);
}

int mcmp__probe_find(mcmp_cluster *cluster, mcmp__tick *tick, mcmp_time now, mcmp_time *out_next)
{
    mcmp_time period = mcmp__config_of(cluster)->opts.probe_period;
    uint32_t slots = slots_of(cluster);
    uint32_t blocks = slots / MCMP__TICK_BLOCK + 1;
    mcmp_time next = PARKED;

    *out_next = PARKED;
    if (period <= 0)
        return 0; /* switched off */
    for (uint32_t i = 0; i < blocks; i++) {
        uint32_t block = (tick->turn + i) % blocks;
        int stale = tick->seen[block] == INT64_MIN || tick->seen[block] > now ||
                    now - tick->seen[block] >= period / 16;

        if ((stale || tick->due[block] <= now) && look_at_block(cluster, tick, block, slots, now)) {
            tick->turn = block;
            return 1;
        }
        next = MCMP__MIN(next, tick->due[block]);
    }
    *out_next = MCMP__MIN(next, now + period);
    return 0;
}

/* The result of a probe that was still awaited. */
static int take_result(mcmp_cluster *cluster, mcmp_handle node, mcmp__live *live, int ok,
                       mcmp_time now, mcmp_error *err)
{
    const mcmp_cluster_options *opts = &mcmp__config_of(cluster)->opts;
    uint64_t failed;

    mcmp__word_set(&live->read_mark, mcmp__word_get(&live->bytes_read));
    if (ok) {
        mcmp__word_set(&live->failed, 0);
        mcmp__word_set(&live->probed_at, (uint64_t)now);
        return mcmp__note_event(cluster, node, MCMP__HEALTH_PROBE_OK, now);
    }
    if (mcmp__note_event(cluster, node, MCMP__HEALTH_PROBE_FAILED, now) != MCMP_OK)
        return MCMP_ERR_STALE;
    failed = mcmp__word_add(&live->failed, 1) + 1;
    return failed < opts->max_failed_probes ? MCMP_OK
                                            : mcmp__note_expiry(cluster, node, failed, now, err);
}

int mcmp_probe_report(mcmp_cluster *cluster, mcmp_handle node, uint64_t ticket, int ok,
                      mcmp_time now, mcmp_error *err)
{
    uint32_t index = mcmp__handle_index(node);
    mcmp_time next;
    mcmp__live *live;
    int rc;

    if (cluster == NULL)
        return mcmp__fail(err, MCMP_ERR_INVALID, "cluster", "no cluster");
    if (mcmp__local_of(cluster)->read_only)
        return mcmp__fail(err, MCMP_ERR_STATE, "attach", "attached for reading only");
    if (!mcmp_node_is_current(cluster, node))
        return mcmp__fail(err, MCMP_ERR_STALE, "node", "the node is gone or has a new endpoint");
    live = mcmp__live_of(cluster, index);
    next = one_period_after(cluster, index, time_of(&live->ticket));
    if (!swap_time(&live->due, (mcmp_time)ticket, MCMP__MAX(next, now)))
        return MCMP_OK; /* overtaken */
    rc = take_result(cluster, node, live, ok, now, err);
    if (rc == MCMP_ERR_STALE)
        return mcmp__fail(err, rc, "node", "the node is gone or has a new endpoint");
    return rc;
}
