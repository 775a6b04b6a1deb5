/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Observers: readers of the ring of changes.
 *
 * Concurrency. No lock and no write to the region. The published end and the number of the last
 * change are read as any word of a copy (reader.c). What lies between MCMP__C_FROM and that end is
 * whole; an entry is copied out, and counts when C_FROM has not passed it after the copying
 * (acquire fence). An observer whose place was passed goes on at C_FROM and knows by the numbers
 * how many it missed. Everything that was read is checked before it is used, so a damaged ring is
 * an error and not followed.
 */
#include "model/change.h"
#include "model/tx.h"

#define TRIES 24u

/* Where an observer is; what a change that was not taken goes back to. */
typedef struct place {
    uint64_t at;     /* position of the next entry */
    uint64_t next;   /* its number, if none is missed */
    uint64_t missed; /* so far, and not told yet */
    int begun;       /* next is known */
} place;

struct mcmp_observer {
    mcmp_cluster *cluster;
    mcmp_allocator allocator;
    place place;
    uint64_t *words; /* the entry that was given last */
    size_t room;     /* words */
};

typedef struct published {
    uint64_t end;
    uint64_t last; /* number */
    uint64_t from;
} published;

void mcmp_change_init_sized(mcmp_change *change, size_t size)
{
    mcmp__sized_init(change, size);
}

void mcmp_observer_options_init_sized(mcmp_observer_options *opts, size_t size)
{
    mcmp__sized_init(opts, size);
}

static uint64_t from_of(const mcmp_cluster *cluster)
{
    return mcmp__data_get(mcmp__change_control(cluster) + MCMP__C_FROM);
}

/* What is published now: 1, or 0 when writers were faster. */
static int look(const mcmp_cluster *cluster, published *out)
{
    const mcmp__word *pub = cluster->region + MCMP__R_PUB;
    uint64_t seen = atomic_load_explicit(pub, memory_order_acquire);
    const mcmp__word *copy = cluster->region + cluster->layout.copy_base[(seen >> 1) & 1];

    out->end = mcmp__data_get(copy + MCMP__H_CHANGES);
    out->last = mcmp__data_get(copy + MCMP__H_SEQUENCE);
    out->from = from_of(cluster);
    mcmp__fence_read();
    return mcmp__word_get(pub) - (seen & ~UINT64_C(1)) <= 2;
}

/* Positions and numbers wrap: only their distance tells which is first. */
static int is_before(uint64_t a, uint64_t b)
{
    return a - b > INT64_MAX;
}

static uint64_t word_at(const mcmp_cluster *cluster, uint64_t at)
{
    uint64_t mask = cluster->layout.ring_words - 1;

    return mcmp__data_get(mcmp__change_control(cluster) + MCMP__C_WORDS + (at & mask));
}

/* Everything before the fence was read from entries that were whole. */
static int is_whole(const mcmp_cluster *cluster, uint64_t at)
{
    mcmp__fence_read();
    return !is_before(at, from_of(cluster));
}

static int grow(mcmp_observer *observer, uint64_t words)
{
    uint64_t *room;

    if (words <= observer->room)
        return MCMP_OK;
    words += words / 2;
    room = mcmp__calloc(&observer->allocator, (size_t)words, sizeof(*room));
    if (room == NULL)
        return MCMP_ERR_NOMEM;
    if (observer->words != NULL)
        mcmp__free(&observer->allocator, observer->words,
                   observer->room * sizeof(*observer->words));
    observer->words = room;
    observer->room = (size_t)words;
    return MCMP_OK;
}

/* Do the lengths that an entry's head tells fit into it? */
static int is_sound(const uint64_t *words, uint64_t count)
{
    uint64_t lens = words[MCMP__E_LENS];
    uint64_t bytes = (lens >> 48) + (lens >> 32 & 0xffff);

    if ((mcmp__hi(words[MCMP__E_SIZE]) >> 8 & MCMP_CHANGE_OMITTED) == 0)
        bytes += mcmp__lo(lens);
    return bytes <= (count - MCMP__E_WORDS) * sizeof(*words);
}

/* The entry at the place, which is not the end. MCMP_OK and its words; MCMP_PENDING: overtaken or
 * passed over, look again. */
static int take_entry(mcmp_observer *observer, place *p, const published *now)
{
    const mcmp_cluster *cluster = observer->cluster;
    uint64_t words = mcmp__lo(word_at(cluster, p->at));
    uint64_t sequence = word_at(cluster, p->at + MCMP__E_SEQUENCE);
    int rc;

    if (!is_whole(cluster, p->at))
        return MCMP_PENDING;
    if (words < MCMP__E_WORDS || words > now->end - p->at || is_before(now->last, sequence))
        return MCMP_ERR_DAMAGED;
    if (p->begun && is_before(sequence, p->next)) { /* seen in an earlier run */
        p->at += words;
        observer->place = *p;
        return MCMP_PENDING;
    }
    rc = grow(observer, words);
    if (rc != MCMP_OK)
        return rc;
    for (uint64_t i = 0; i < words; i++)
        observer->words[i] = word_at(cluster, p->at + i);
    if (!is_whole(cluster, p->at))
        return MCMP_PENDING;
    if (!is_sound(observer->words, words))
        return MCMP_ERR_DAMAGED;
    p->missed += p->begun ? sequence - p->next : 0;
    p->next = sequence + 1;
    p->at += words;
    p->begun = 1;
    return MCMP_OK;
}

/* Nothing is there; what was lost is counted. MCMP_OK: there is that to tell, else MCMP_DONE. */
static int take_end(place *p, const published *now)
{
    if (p->begun)
        p->missed += now->last + 1 - p->next;
    p->next = now->last + 1;
    p->begun = 1;
    return p->missed != 0 ? MCMP_OK : MCMP_DONE;
}

/* One turn: MCMP_OK, MCMP_DONE, MCMP_PENDING (again) or an error. *out_entry: there is one. */
static int turn(mcmp_observer *observer, place *p, int *out_entry)
{
    published now;

    *out_entry = 0;
    if (!look(observer->cluster, &now))
        return MCMP_PENDING;
    if (is_before(now.end, now.from)) /* writers went on meanwhile */
        return MCMP_PENDING;
    if (is_before(p->at, now.from))
        p->at = now.from;
    if (p->at == now.end)
        return take_end(p, &now);
    if (now.end - p->at > observer->cluster->layout.ring_words)
        return MCMP_ERR_DAMAGED;
    *out_entry = 1;
    return take_entry(observer, p, &now);
}

static void fill(const mcmp_observer *observer, const place *p, int has_entry, mcmp_change *out)
{
    const uint64_t *words = observer->words;
    const char *text = (const char *)(words + MCMP__E_WORDS); /* bytes follow the head */
    uint64_t kinds, lens;

    memset(out, 0, sizeof(*out));
    out->struct_size = sizeof(*out);
    out->sequence = p->next - 1;
    out->missed = p->missed;
    out->kind = MCMP_CHANGE_MISSED;
    if (!has_entry)
        return;
    kinds = words[MCMP__E_SIZE] >> 32;
    lens = words[MCMP__E_LENS];
    out->commit = words[MCMP__E_VERSION];
    out->time = (mcmp_time)words[MCMP__E_TIME];
    out->node = words[MCMP__E_NODE];
    out->kind = (uint32_t)kinds & 0xff;
    out->flags = (uint32_t)(kinds >> 8) & 0xff;
    out->state_before = (uint32_t)(kinds >> 16) & 0xff;
    out->state_after = (uint32_t)(kinds >> 24) & 0xff;
    out->route = mcmp__span(text, (size_t)(lens >> 32 & 0xffff));
    out->text = mcmp__span(text + out->route.len, (size_t)(lens >> 48));
    out->size = mcmp__lo(lens);
    if ((out->flags & MCMP_CHANGE_OMITTED) == 0)
        out->bytes = mcmp__span(out->text.ptr + out->text.len, out->size);
}

static int next(mcmp_observer *observer, mcmp_change *out, mcmp_error *err)
{
    place p;
    int has_entry = 0;
    int rc = MCMP_PENDING;

    for (uint32_t tries = 0; rc == MCMP_PENDING && tries < TRIES; tries++) {
        uint64_t at = observer->place.at;

        p = observer->place;
        rc = turn(observer, &p, &has_entry);
        if (observer->place.at != at) /* one more that need not be told: no try */
            tries = 0;
    }
    if (rc == MCMP_PENDING)
        return mcmp__fail(err, MCMP_ERR_OVERTAKEN, NULL, "writers were faster %u times", TRIES);
    if (rc == MCMP_ERR_NOMEM)
        return mcmp__fail(err, rc, NULL, "no memory for the change");
    if (rc < 0)
        return mcmp__fail(err, rc, "change_ring", "the ring of changes is damaged");
    observer->place = p;
    if (rc != MCMP_OK)
        return rc;
    fill(observer, &p, has_entry, out);
    observer->place.missed = 0;
    return MCMP_OK;
}

static int check_change(const mcmp_change *out, mcmp_error *err)
{
    if (out == NULL || out->struct_size < sizeof(out->struct_size))
        return mcmp__fail(err, MCMP_ERR_INVALID, "mcmp_change", "the change is not initialised");
    return MCMP_OK;
}

int mcmp_observer_next(mcmp_observer *observer, mcmp_change *out, mcmp_error *err)
{
    mcmp_change change;
    int rc = check_change(out, err);

    if (rc == MCMP_OK)
        rc = next(observer, &change, err);
    if (rc == MCMP_OK)
        (void)mcmp__sized_out(out, &change, sizeof(change)); /* its size was checked above */
    return rc;
}

int mcmp_observer_run(mcmp_observer *observer, mcmp_change_fn callback, void *ctx, size_t max,
                      mcmp_error *err)
{
    if (callback == NULL)
        return mcmp__fail(err, MCMP_ERR_INVALID, "callback", "there is nothing to call");
    for (size_t i = 0; max == 0 || i < max; i++) {
        place before = observer->place;
        mcmp_change change;
        int rc = next(observer, &change, err);

        if (rc != MCMP_OK)
            return rc;
        if (callback(ctx, &change) == 0)
            continue;
        observer->place = before;
        return mcmp__fail(err, MCMP_ERR_CALLBACK, "callback", "the callback took no more changes");
    }
    return MCMP_OK;
}

/* The first place; MCMP_ERR_OVERTAKEN, MCMP_ERR_NOT_FOUND. */
static int begin(mcmp_observer *observer, const mcmp_observer_options *opts, mcmp_error *err)
{
    place *p = &observer->place;
    published now;
    uint32_t tries = 0;

    while (!look(observer->cluster, &now))
        if (++tries == TRIES)
            return mcmp__fail(err, MCMP_ERR_OVERTAKEN, NULL, "writers were faster %u times", TRIES);
    if (opts->from == MCMP_OBSERVE_NOW) {
        p->at = now.end;
        p->next = now.last + 1;
        p->begun = 1;
        return MCMP_OK;
    }
    p->at = now.from;
    if (opts->from == MCMP_OBSERVE_OLDEST)
        return MCMP_OK;
    if (is_before(now.last, opts->after))
        return mcmp__fail(err, MCMP_ERR_NOT_FOUND, "after",
                          "change %llu was not made here, the last one is %llu",
                          (unsigned long long)opts->after, (unsigned long long)now.last);
    p->next = opts->after + 1;
    p->begun = 1;
    return MCMP_OK;
}

int mcmp_observer_new(mcmp_observer **out, mcmp_cluster *cluster, const mcmp_observer_options *opts,
                      mcmp_error *err)
{
    mcmp_observer_options own;
    mcmp_allocator allocator;
    mcmp_observer *observer;
    int rc = mcmp__sized_in(&own, sizeof(own), opts, sizeof(size_t));

    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "options", "the options can't be read");
    if (cluster == NULL || own.from > MCMP_OBSERVE_AFTER)
        return mcmp__fail(err, MCMP_ERR_INVALID, cluster == NULL ? "cluster" : "from",
                          "an argument is missing or unknown");
    if (!mcmp__changes_on(cluster))
        return mcmp__fail(err, MCMP_ERR_STATE, "change_ring",
                          "the cluster was opened without a ring of changes");
    rc = mcmp__allocator_take(&allocator, own.allocator);
    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "allocator", "the allocator can't be used");
    observer = mcmp__calloc(&allocator, 1, sizeof(*observer));
    if (observer == NULL)
        return mcmp__fail(err, MCMP_ERR_NOMEM, NULL, "no memory for the observer");
    observer->cluster = cluster;
    observer->allocator = allocator;
    rc = begin(observer, &own, err);
    if (rc != MCMP_OK) {
        mcmp_observer_free(observer);
        return rc;
    }
    *out = observer;
    return MCMP_OK;
}

void mcmp_observer_free(mcmp_observer *observer)
{
    mcmp_allocator allocator;

    if (observer == NULL)
        return;
    allocator = observer->allocator;
    if (observer->words != NULL)
        mcmp__free(&allocator, observer->words, observer->room * sizeof(*observer->words));
    mcmp__free(&allocator, observer, sizeof(*observer));
}
