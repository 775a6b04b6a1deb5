/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots: the used part of every table of one version, copied into memory of its own with a
 * layout of its own, so that the accessors of read.h serve it like the region.
 *
 * Concurrency. The copying is one read section, hence one whole version; it is repeated when two
 * messages overtook it. Memory is found outside the section, since under the lock nothing may be
 * allocated. Live rows are copied in the same section, running counts right after it.
 */
#include "model/layout.h"
#include "model/rows.h"

#define TRIES 64u

struct mcmp__snapshot {
    mcmp__layout layout; /* compact: caps are what is used */
    mcmp__read rd;
    mcmp_allocator allocator;
    mcmp__word *words; /* the copy, then live rows */
    size_t capacity;   /* words */
    size_t live_at;
    uint32_t *running; /* of nodes, then of seats */
    size_t running_count;
};

static size_t copied_words(const mcmp__snapshot *snap)
{
    return snap->live_at + ((size_t)snap->layout.table[MCMP__T_NODE].cap + 1) *
                               (sizeof(mcmp__live) / sizeof(mcmp__word));
}

/* The compact layout for what the section sees in use. */
static void plan(mcmp__snapshot *snap, mcmp__read *rd)
{
    mcmp__layout *own = &snap->layout;
    size_t at = MCMP__H_WORDS;

    for (uint32_t t = 0; t < MCMP__TABLES; t++) {
        uint32_t high = mcmp__hi(mcmp__head_get(rd, MCMP__H_TABLE + t));

        own->table[t].cap = MCMP__MIN(high, rd->layout->table[t].cap);
        own->table[t].base = at;
        at += ((size_t)own->table[t].cap + 1) * own->table[t].words;
    }
    for (uint32_t i = 0; i < MCMP__INDEXES; i++) {
        uint32_t buckets = mcmp__lo(mcmp__head_get(rd, MCMP__H_INDEX + i));

        own->index[i].cap = MCMP__MIN(buckets, rd->layout->index[i].cap);
        own->index[i].base = at;
        at += own->index[i].cap;
    }
    mcmp__layout_texts(own);
    snap->live_at = at;
}

static void copy_words(mcmp__word *to, const mcmp__word *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mcmp__word_set(to + i, mcmp__data_get(from + i));
}

static void copy_all(mcmp__snapshot *snap, mcmp__read *rd)
{
    const mcmp__layout *own = &snap->layout;
    const mcmp__layout *layout = rd->layout;

    copy_words(snap->words, rd->base, MCMP__H_WORDS);
    for (uint32_t t = 0; t < MCMP__TABLES; t++)
        copy_words(snap->words + own->table[t].base, rd->base + layout->table[t].base,
                   ((size_t)own->table[t].cap + 1) * own->table[t].words);
    for (uint32_t i = 0; i < MCMP__INDEXES; i++)
        copy_words(snap->words + own->index[i].base, rd->base + layout->index[i].base,
                   own->index[i].cap);
    copy_words(snap->words + snap->live_at, rd->cluster->region + layout->live_base,
               copied_words(snap) - snap->live_at);
}

static int grow(mcmp__snapshot *snap, size_t need)
{
    size_t capacity = need + need / 8; /* others may register meanwhile */

    if (snap->words != NULL)
        mcmp__free(&snap->allocator, snap->words, snap->capacity * sizeof(*snap->words));
    snap->words = mcmp__calloc(&snap->allocator, capacity, sizeof(*snap->words));
    snap->capacity = snap->words != NULL ? capacity : 0;
    return snap->words != NULL ? MCMP_OK : MCMP_ERR_NOMEM;
}

/* One whole version, or MCMP_ERR_OVERTAKEN, MCMP_ERR_NOMEM, MCMP_ERR_DAMAGED */
static int take_version(mcmp__snapshot *snap, mcmp_cluster *cluster, int must)
{
    mcmp__read rd;
    size_t need;

    mcmp__read_init(&rd, cluster);
    must &= !cluster->local.read_only;
    for (uint32_t tries = 0; must || tries < TRIES; tries++) {
        if (!must)
            rd.tries = 0; /* never the lock */
        mcmp__read_begin(&rd);
        plan(snap, &rd);
        need = copied_words(snap);
        if (need <= snap->capacity)
            copy_all(snap, &rd);
        if (!mcmp__read_done(&rd))
            continue;
        if (rd.damaged)
            return mcmp__read_result(&rd);
        if (need <= snap->capacity)
            return MCMP_OK;
        if (grow(snap, need) != MCMP_OK)
            return MCMP_ERR_NOMEM;
    }
    return MCMP_ERR_OVERTAKEN;
}

static int take_running(mcmp__snapshot *snap)
{
    uint32_t nodes = snap->layout.table[MCMP__T_NODE].cap + 1;
    uint32_t seats = snap->layout.table[MCMP__T_SEAT].cap + 1;
    uint32_t *running;

    snap->running_count = (size_t)nodes + seats;
    running = mcmp__calloc(&snap->allocator, snap->running_count, sizeof(*running));
    if (running == NULL)
        return MCMP_ERR_NOMEM;
    for (uint32_t i = 1; i < nodes; i++)
        running[i] = mcmp__running_node(&snap->rd, i);
    for (uint32_t i = 1; i < seats; i++)
        running[nodes + i] = mcmp__running_seat(&snap->rd, i);
    snap->running = running;
    snap->layout.running_node = running;
    snap->layout.running_seat = running + nodes;
    return MCMP_OK;
}

int mcmp__snapshot_new(mcmp__snapshot **out, mcmp_cluster *cluster, int must, mcmp_error *err)
{
    const mcmp_allocator *allocator = &cluster->config.allocator;
    mcmp__snapshot *snap = mcmp__calloc(allocator, 1, sizeof(*snap));
    int rc;

    if (snap == NULL)
        return mcmp__fail(err, MCMP_ERR_NOMEM, "view", "no memory for a view");
    snap->allocator = *allocator;
    snap->layout = cluster->layout;
    rc = take_version(snap, cluster, must);
    snap->rd.layout = &snap->layout;
    snap->rd.base = snap->words;
    snap->rd.cluster = cluster;
    if (rc == MCMP_OK)
        rc = take_running(snap);
    if (rc != MCMP_OK) {
        mcmp__snapshot_free(snap);
        return mcmp__fail(err, rc, "view", "no view: %s", mcmp_strerror(rc));
    }
    *out = snap;
    return MCMP_OK;
}

void mcmp__snapshot_free(mcmp__snapshot *snap)
{
    mcmp_allocator allocator;

    if (snap == NULL)
        return;
    allocator = snap->allocator;
    if (snap->running != NULL)
        mcmp__free(&allocator, snap->running, snap->running_count * sizeof(*snap->running));
    if (snap->words != NULL)
        mcmp__free(&allocator, snap->words, snap->capacity * sizeof(*snap->words));
    mcmp__free(&allocator, snap, sizeof(*snap));
}

mcmp__read *mcmp__snapshot_rd(mcmp__snapshot *snap)
{
    return &snap->rd;
}

mcmp_span mcmp__snapshot_text(mcmp__snapshot *snap, enum mcmp__text_kind kind, uint32_t index)
{
    return mcmp__text_in_place(&snap->rd, kind, index);
}

const mcmp__live *mcmp__snapshot_live(const mcmp__snapshot *snap, uint32_t node)
{
    const mcmp__live *rows = (const void *)(snap->words + snap->live_at);

    return rows + (node <= snap->layout.table[MCMP__T_NODE].cap ? node : 0);
}
