/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live rows of nodes, and running counts per process.
 *
 * Concurrency. A live row belongs to the node's slot and is changed in place by any process, lock
 * free. Its health word carries the node's generation, so that an event of an earlier occupant or
 * of a replaced endpoint can't touch it. A new row is cleared before the commit that makes the node
 * visible, while its slot is free for everybody. A replaced endpoint's word is renewed after the
 * commit; if the writer dies between, the next one does it (H_FIX names the node).
 * Counts: each process has a word per node and per seat, generation << 32 | running, in pages of
 * its own; only its threads write them. Sums go over the processes that are active. So what a dead
 * process held is given back by clearing its words.
 */
#include "base/compiler.h"
#include "base/health.h"
#include "model/change.h"
#include "model/process.h"
#include "model/state.h"

mcmp__live *mcmp__live_of(const mcmp_cluster *cluster, uint32_t node)
{
    if (node >= cluster->local.node_slots)
        node = 0;
    return cluster->local.live + node;
}

void mcmp__live_start(mcmp__tx *tx)
{
    mcmp__live *live = mcmp__live_of(tx->cluster, tx->fresh_node);
    mcmp__word *words = (mcmp__word *)live; /* a row is an array of words */

    for (size_t i = 0; i < sizeof(*live) / sizeof(mcmp__word); i++)
        mcmp__word_set(words + i, 0);
    mcmp__word_set(&live->registered_at, (uint64_t)tx->now);
    mcmp__word_set(&live->id, mcmp__node_id(&tx->rd, tx->fresh_node));
    mcmp__word_set(&live->heal_connection, tx->heal_connection);
    mcmp__word_set(&live->health, mcmp__pack(mcmp__health_next(0, MCMP__HEALTH_REGISTER, 0),
                                             tx->fresh_generation));
}

/* As live_start(), before the commit. A cluster that is loaded never had a node, so nobody looks at
 * these rows before the commit makes them known. */
void mcmp__live_restore(mcmp__tx *tx, const mcmp__state_node *node)
{
    mcmp__live *live = mcmp__live_of(tx->cluster, node->row);
    mcmp__word *words = (mcmp__word *)live; /* a row is an array of words */
    uint64_t gen = mcmp__row_get(&tx->rd, MCMP__T_NODE, node->row, MCMP__N_GEN);
    mcmp_time last = tx->now - node->status_age;

    for (size_t i = 0; i < sizeof(*live) / sizeof(mcmp__word); i++)
        mcmp__word_set(words + i, 0);
    mcmp__word_set(&live->registered_at, (uint64_t)tx->now);
    mcmp__word_set(&live->id, mcmp__node_id(&tx->rd, node->row));
    mcmp__word_set(&live->elected, node->elected);
    mcmp__word_set(&live->bytes_read, node->bytes_read);
    mcmp__word_set(&live->bytes_sent, node->bytes_sent);
    mcmp__word_set(&live->read_mark, node->bytes_read);
    if (node->status_age >= 0)
        mcmp__word_set(&live->last_status, (uint64_t)MCMP__MAX(last, 1)); /* 0 means never */
    mcmp__word_set(&live->health, mcmp__pack(mcmp__health_next(0, MCMP__HEALTH_RESTORE, node->load),
                                             mcmp__hi(gen)));
}

void mcmp__live_repair(mcmp__tx *tx)
{
    uint32_t node = (uint32_t)mcmp__head_get(&tx->rd, MCMP__H_FIX);
    mcmp__live *live;
    uint64_t gen, word;
    uint32_t next;

    if (node == 0) /* nearly always */
        return;
    gen = mcmp__row_get(&tx->rd, MCMP__T_NODE, node, MCMP__N_GEN);
    live = mcmp__live_of(tx->cluster, node);
    word = mcmp__word_get(&live->health);
    if (mcmp__lo(gen) == MCMP__N_FREE || mcmp__hi(word) == mcmp__hi(gen))
        return;
    mcmp__word_set(&live->last_status, 0);
    mcmp__word_set(&live->probed_at, 0);
    mcmp__word_set(&live->failed, 0);
    do {
        next = mcmp__health_next(mcmp__lo(word), MCMP__HEALTH_REPLACE, 0);
        if ((next & ~mcmp__lo(word) & MCMP__HEALTH_FRESH) != 0)
            mcmp__word_set(&live->usable_since, (uint64_t)tx->now);
    } while (!mcmp__word_swap(&live->health, &word, mcmp__pack(next, mcmp__hi(gen))));
}

/* The word has another generation: is the handle stale, or has a writer not renewed the word yet?
 * Then any transaction does it. Whoever serves a request does not wait for the lock (DESIGN 3, P2):
 * a writer that has it renews the word itself, and until then such an event is dropped. */
static void renew(mcmp_cluster *cluster, mcmp_handle node, uint32_t event, mcmp_time now)
{
    int serves = event == MCMP__HEALTH_FORWARD_FAILED || event == MCMP__HEALTH_FRESH_DONE;
    mcmp__tx tx;
    int rc;

    if (!mcmp_node_is_current(cluster, node))
        return;
    rc = serves ? mcmp__tx_begin_within(&tx, cluster, now, 0, NULL)
                : mcmp__tx_begin(&tx, cluster, now, NULL);
    if (rc == MCMP_OK)
        mcmp__tx_abort(&tx);
}

/* With a ring of changes a new state is one for observers: not without the lock. */
static inline int is_observed(const mcmp_cluster *cluster, uint32_t word, uint32_t next)
{
    return mcmp__changes_on(cluster) && mcmp__health_state(word) != mcmp__health_state(next);
}

static inline int swap(mcmp_cluster *cluster, mcmp_handle node, uint32_t event, int load,
                       mcmp_time now, int locked, uint32_t *before, uint32_t *after)
{
    mcmp__live *live = mcmp__live_of(cluster, mcmp__handle_index(node));
    uint64_t word = mcmp__word_get(&live->health);
    uint32_t next;

    do {
        if (mcmp__hi(word) != mcmp__hi(node) || mcmp__hi(node) == 0)
            return -1;
        next = mcmp__health_next(mcmp__lo(word), (mcmp__health_event)event, load);
        if (!locked && is_observed(cluster, mcmp__lo(word), next))
            return 1;
        if ((next & ~mcmp__lo(word) & MCMP__HEALTH_FRESH) != 0)
            mcmp__word_set(&live->usable_since, (uint64_t)now);
    } while (next != mcmp__lo(word) &&
             !mcmp__word_swap(&live->health, &word, mcmp__pack(next, mcmp__hi(word))));
    *before = mcmp__lo(word);
    *after = next;
    return 0;
}

int mcmp__live_swap(mcmp_cluster *cluster, mcmp_handle node, uint32_t event, int load,
                    mcmp_time now, int locked, uint32_t *before, uint32_t *after)
{
    return swap(cluster, node, event, load, now, locked, before, after);
}

int mcmp__live_event(mcmp_cluster *cluster, mcmp_handle node, uint32_t event, int load,
                     mcmp_time now, uint32_t *before, uint32_t *after)
{
    mcmp__live *live = mcmp__live_of(cluster, mcmp__handle_index(node));
    uint64_t word = mcmp__word_get(&live->health);
    uint32_t was, is;
    int rc;

    if (mcmp__hi(word) != mcmp__hi(node))
        renew(cluster, node, event, now);
    rc = swap(cluster, node, event, load, now, 0, &was, &is);
    if (rc == 1)
        rc = mcmp__change_live(cluster, node, event, load, now, 0, &was, &is);
    if (rc == 0 && before != NULL)
        *before = was;
    if (rc == 0 && after != NULL)
        *after = is;
    return rc;
}

static mcmp_time heal_until(mcmp_cluster *cluster, uint32_t node)
{
    mcmp_time until;
    mcmp__read rd;

    mcmp__read_init(&rd, cluster);
    do {
        mcmp__read_begin(&rd);
        until = (mcmp_time)mcmp__row_get(&rd, MCMP__T_NODE, node, MCMP__N_HEAL_UNTIL);
    } while (!mcmp__read_done(&rd));
    return until;
}

int mcmp__heal_fire(mcmp_cluster *cluster, uint32_t node, uint64_t connection, mcmp_time now)
{
    mcmp__live *live = mcmp__live_of(cluster, node);
    uint64_t armed = mcmp__word_get(&live->heal_connection);

    if (armed == 0)
        return 0;
    if (!mcmp__word_swap(&live->heal_connection, &armed, 0))
        return 0; /* another STATUS was first */
    return armed == connection && now <= heal_until(cluster, node);
}

/* Running selections */

void mcmp__running_of(mcmp__read *rd, uint32_t node, uint32_t seat, mcmp__running *out)
{
    uint64_t lens = mcmp__row_get(rd, MCMP__T_NODE, node, MCMP__N_LENS);
    uint64_t gen = mcmp__row_get(rd, MCMP__T_SEAT, seat, MCMP__S_GEN);

    out->node = mcmp__pack(node, mcmp__hi(lens));
    out->seat = mcmp__pack(seat, mcmp__hi(gen));
}

/* First use of a word for this generation: note its page, for the clearing. */
static void touch(mcmp_cluster *cluster, size_t at)
{
    size_t page = at / MCMP__PAGE_COUNTS;

    atomic_fetch_or_explicit(cluster->counts + cluster->layout.touched_at + page / 64,
                             UINT64_C(1) << (page % 64), memory_order_relaxed);
}

static void count_start(mcmp_cluster *cluster, size_t at, uint32_t gen)
{
    mcmp__word *count = cluster->counts + at;
    uint64_t word = mcmp__word_get(count);
    uint64_t next;

    do {
        if (mcmp__hi(word) == gen) {
            next = word + 1;
        } else {
            if (mcmp__hi(word) != 0 && (int32_t)(gen - mcmp__hi(word)) < 0)
                return; /* the slot has a newer occupant already */
            touch(cluster, at);
            next = mcmp__pack(1, gen);
        }
    } while (!mcmp__word_swap(count, &word, next));
}

static void count_end(mcmp_cluster *cluster, size_t at, uint32_t gen)
{
    mcmp__word *count = cluster->counts + at;
    uint64_t word = mcmp__word_get(count);

    while (mcmp__hi(word) == gen && mcmp__lo(word) != 0)
        if (mcmp__word_swap(count, &word, word - 1))
            return;
}

void mcmp__running_soon(const mcmp_cluster *cluster, uint32_t node, uint32_t seat)
{
    const mcmp__layout *layout = &cluster->layout;

    if (cluster->counts == NULL || seat > layout->table[MCMP__T_SEAT].cap)
        return;
    MCMP__SOON_WRITTEN(cluster->counts + node);
    MCMP__SOON_WRITTEN(cluster->counts + layout->seats_at + seat);
    MCMP__SOON_READ(cluster->local.used + node);
}

void mcmp__running_start(mcmp_cluster *cluster, const mcmp__running *running)
{
    const mcmp__layout *layout = &cluster->layout;

    if (mcmp__lo(running->node) <= layout->table[MCMP__T_NODE].cap)
        count_start(cluster, mcmp__lo(running->node), mcmp__hi(running->node));
    if (mcmp__lo(running->seat) <= layout->table[MCMP__T_SEAT].cap)
        count_start(cluster, layout->seats_at + mcmp__lo(running->seat), mcmp__hi(running->seat));
}

void mcmp__running_end(mcmp_cluster *cluster, const mcmp__running *running)
{
    const mcmp__layout *layout = &cluster->layout;

    if (mcmp__lo(running->node) <= layout->table[MCMP__T_NODE].cap)
        count_end(cluster, mcmp__lo(running->node), mcmp__hi(running->node));
    if (mcmp__lo(running->seat) <= layout->table[MCMP__T_SEAT].cap)
        count_end(cluster, layout->seats_at + mcmp__lo(running->seat), mcmp__hi(running->seat));
}

/* One process's share; pages it never used are not read, since reading would allocate them. */
static uint32_t share_of(const mcmp_cluster *cluster, uint32_t process, size_t at, uint32_t gen)
{
    const mcmp__layout *layout = &cluster->layout;
    const mcmp__word *counts =
        cluster->region + layout->counts_base + (size_t)process * layout->counts_words;
    size_t page = at / MCMP__PAGE_COUNTS;
    uint64_t touched = mcmp__word_get(counts + layout->touched_at + page / 64);
    uint64_t word;

    if ((touched >> (page % 64) & 1) == 0)
        return 0;
    word = mcmp__word_get(counts + at);
    return mcmp__hi(word) == gen ? mcmp__lo(word) : 0;
}

static uint32_t sum_of(const mcmp_cluster *cluster, size_t at, uint32_t gen)
{
    const mcmp__word *active = cluster->region + MCMP__R_ACTIVE;
    uint32_t processes = cluster->layout.max_processes;
    uint32_t sum = 0;

    for (uint32_t base = 0; base < processes; base += 64) {
        uint64_t bits = mcmp__word_get(active + base / 64);

        for (uint32_t p = base; bits != 0 && p < processes; p++, bits >>= 1)
            if ((bits & 1) != 0)
                sum += share_of(cluster, p, at, gen);
    }
    return sum;
}

uint32_t mcmp__running_node(mcmp__read *rd, uint32_t node)
{
    uint64_t lens = mcmp__row_get(rd, MCMP__T_NODE, node, MCMP__N_LENS);

    if (node > rd->layout->table[MCMP__T_NODE].cap)
        return 0;
    if (rd->layout->running_node != NULL)
        return rd->layout->running_node[node];
    return sum_of(rd->cluster, node, mcmp__hi(lens));
}

uint32_t mcmp__running_seat(mcmp__read *rd, uint32_t seat)
{
    uint64_t gen = mcmp__row_get(rd, MCMP__T_SEAT, seat, MCMP__S_GEN);

    if (seat > rd->layout->table[MCMP__T_SEAT].cap)
        return 0;
    if (rd->layout->running_seat != NULL)
        return rd->layout->running_seat[seat];
    return sum_of(rd->cluster, rd->layout->seats_at + seat, mcmp__hi(gen));
}

uint32_t mcmp__running_of_seat(mcmp_cluster *cluster, mcmp_handle seat)
{
    if (mcmp__handle_index(seat) > cluster->layout.table[MCMP__T_SEAT].cap)
        return 0;
    return sum_of(cluster, cluster->layout.seats_at + mcmp__handle_index(seat),
                  mcmp__handle_generation(seat));
}
