/* SPDX-License-Identifier: Apache-2.0 */
/* See told.h. */
#include "told.h"

#include "base/health.h"
#include "model/change.h"

#include <stdarg.h>

static int is_on(const mcmp_cluster *cluster)
{
    return mcmp__changes_on(cluster);
}

static uint64_t add(uint64_t hash, const void *data, size_t len)
{
    const unsigned char *bytes = data;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t hash_of(const mcmp_change *change)
{
    const uint64_t numbers[] = { change->sequence, change->commit,       (uint64_t)change->time,
                                 change->node,     change->kind,         change->flags,
                                 change->size,     change->state_before, change->state_after };
    uint64_t hash = add(UINT64_C(0xcbf29ce484222325), numbers, sizeof(numbers));

    hash = add(hash, change->route.ptr, change->route.len);
    hash = add(hash, change->text.ptr, change->text.len);
    return add(hash, change->bytes.ptr, change->bytes.len);
}

static uint32_t count_of(mcmp_span text, const char *what)
{
    size_t len = strlen(what);
    uint32_t count = 0;

    for (size_t i = 0; i + len <= text.len; i++)
        count += memcmp(text.ptr + i, what, len) == 0;
    return count;
}

/* As every message of the world: contexts come in pairs. */
static int is_whole(const mcmp_change *change)
{
    return count_of(change->bytes, "%2Fl") == count_of(change->bytes, "%2Fr");
}

static int wrong_of(char *out, size_t room, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int wrong_of(char *out, size_t room, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(out, room, format, args);
    va_end(args);
    return -1;
}

/* 0: it is the change of this number, or the first that is known of it. */
static int compare(told_table *table, const mcmp_change *change, int learn, char *wrong,
                   size_t room)
{
    _Atomic uint64_t *slot = &table->change[change->sequence % TOLD_ROOM];
    uint64_t hash = hash_of(change);
    uint64_t word = change->sequence << 32 | ((hash ^ hash >> 32) & UINT32_MAX);
    uint64_t known = atomic_load(slot);

    if (!is_whole(change))
        return wrong_of(wrong, room, "change %llu has one half of a message",
                        (unsigned long long)change->sequence);
    while (known >> 32 < change->sequence) {
        if (!learn)
            return wrong_of(wrong, room, "change %llu was never made",
                            (unsigned long long)change->sequence);
        if (atomic_compare_exchange_strong(slot, &known, word))
            return 0;
    }
    if (known >> 32 == change->sequence && known != word)
        return wrong_of(wrong, room, "change %llu was another one before",
                        (unsigned long long)change->sequence);
    return 0; /* or others are far ahead */
}

/* The next change: 1; 0: there is none; -1. Its number follows from what was told before. */
static int take(told_observer *o, mcmp_change *change)
{
    int has_entry;
    int rc;

    mcmp_change_init(change);
    rc = mcmp_observer_next(o->observer, change, NULL);
    if (rc == MCMP_DONE || rc == MCMP_ERR_OVERTAKEN)
        return 0;
    if (rc != MCMP_OK)
        return wrong_of(o->wrong, sizeof(o->wrong), "an observer is told %s", mcmp_error_name(rc));
    has_entry = change->kind != MCMP_CHANGE_MISSED;
    if (o->last != 0 && change->sequence != o->last + change->missed + (uint64_t)has_entry)
        return wrong_of(o->wrong, sizeof(o->wrong), "after change %llu comes %llu with %llu missed",
                        (unsigned long long)o->last, (unsigned long long)change->sequence,
                        (unsigned long long)change->missed);
    o->last = change->sequence;
    o->missed += change->missed;
    o->count += (uint64_t)has_entry;
    if (change->missed != 0)
        memset(o->node, 0, sizeof(o->node));
    return 1;
}

static int begin(told_observer *o, mcmp_cluster *cluster, uint32_t from, uint64_t after)
{
    mcmp_observer_options opts;
    int rc;

    memset(o, 0, sizeof(*o));
    mcmp_observer_options_init(&opts);
    opts.from = from;
    opts.after = after;
    do {
        rc = mcmp_observer_new(&o->observer, cluster, &opts, NULL);
    } while (rc == MCMP_ERR_OVERTAKEN);
    o->last = after;
    if (rc == MCMP_OK)
        return 0;
    return wrong_of(o->wrong, sizeof(o->wrong), "no observer: %s", mcmp_error_name(rc));
}

int told_look(told_table *table, mcmp_cluster *cluster, int learn, uint64_t *out_last, char *wrong,
              size_t room)
{
    mcmp_change change;
    told_observer o;
    int rc = 0;

    *out_last = 0;
    if (!is_on(cluster))
        return 0;
    if (begin(&o, cluster, MCMP_OBSERVE_OLDEST, 0) == 0)
        while ((rc = take(&o, &change)) == 1 && rc >= 0)
            if (change.kind != MCMP_CHANGE_MISSED &&
                compare(table, &change, learn, o.wrong, sizeof(o.wrong)) != 0)
                break;
    *out_last = o.last;
    (void)snprintf(wrong, room, "%s", o.wrong);
    told_close(&o);
    return wrong[0] == '\0' ? 0 : -1;
}

int told_open(told_observer *o, mcmp_cluster *cluster, uint64_t after)
{
    memset(o, 0, sizeof(*o));
    if (!is_on(cluster))
        return 0;
    return begin(o, cluster, after != 0 ? MCMP_OBSERVE_AFTER : MCMP_OBSERVE_NOW, after);
}

static void note_state(told_observer *o, const mcmp_change *change)
{
    uint32_t node = change->route.len == 2 ? (uint32_t)(change->route.ptr[1] - '0') : WORLD_NODES;

    if (change->kind != MCMP_CHANGE_HEALTH || node >= WORLD_NODES)
        return;
    o->node[node] = change->node;
    o->state[node] = change->state_after;
}

int told_go_on(told_observer *o, told_table *table, uint32_t most)
{
    mcmp_change change;

    if (o->observer == NULL)
        return 0;
    for (uint32_t i = 0; i < most; i++) {
        int rc = take(o, &change);

        if (rc != 1)
            return rc;
        if (change.kind == MCMP_CHANGE_MISSED)
            continue;
        if (compare(table, &change, 1, o->wrong, sizeof(o->wrong)) != 0)
            return -1;
        note_state(o, &change);
    }
    return 0;
}

void told_close(told_observer *o)
{
    mcmp_observer_free(o->observer);
    o->observer = NULL;
}

int told_agrees(told_observer *o, const world *w)
{
    mcmp__tx tx;
    int compared = 0;

    if (o->observer == NULL || mcmp__tx_begin(&tx, w->cluster, w->now, NULL) != MCMP_OK)
        return 0;
    for (uint32_t i = 0; i < WORLD_NODES && o->wrong[0] == '\0'; i++) {
        uint32_t row = o->node[i] != 0 ? mcmp__node_by_handle(&tx.rd, o->node[i]) : 0;
        uint32_t state;

        if (row == 0)
            continue;
        state =
            mcmp__health_state(mcmp__lo(mcmp__word_get(&mcmp__live_of(w->cluster, row)->health)));
        if (state != o->state[i])
            (void)wrong_of(o->wrong, sizeof(o->wrong),
                           "node r%u is %s, the last that observers were told is %s", i,
                           mcmp_node_state_name(state), mcmp_node_state_name(o->state[i]));
        compared++;
    }
    mcmp__tx_abort(&tx);
    return o->wrong[0] == '\0' ? compared : -1;
}
