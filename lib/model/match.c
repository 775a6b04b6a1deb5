/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From host and path to candidates (MCMP 5.1, 5.2): the longest context that matches, the balancers
 * that hold it, and their members.
 *
 * Cost: one pass over the path, one lookup for each of its prefixes whose depth is in use by any
 * context, and with use_alias one lookup per label of the host name when wildcards exist; nothing
 * depends on how many nodes, aliases and contexts there are. Readers may be overtaken at any point.
 */
#include "model/index.h"

#define PREFIXES 128u /* a ring: of more than these the shortest are lost */
#define ROOT PREFIXES /* the context `/`, which matches whatever else does not; never lost */

typedef struct prefixes {
    uint32_t hash[PREFIXES + 1];
    uint32_t end[PREFIXES + 1];
    uint32_t count;
} prefixes;

/* Bit 0 says whether contexts of the next depth exist. The last bit stands for all from there. */
static inline uint64_t next_depth(uint64_t depths)
{
    return depths >> 1 | (depths & UINT64_C(1) << (MCMP__DEPTHS - 1));
}

/* Every prefix that ends at a segment border and may be a context. */
static void cut_prefixes(mcmp__read *rd, mcmp_span path, prefixes *out)
{
    uint64_t depths = mcmp__head_get(rd, MCMP__H_DEPTHS);
    size_t limit = rd->layout->max_context;
    size_t end = MCMP__MIN(path.len, limit + 1);
    uint64_t hash = mcmp__hash_start(rd->layout);
    size_t at = 0;

    out->count = 0;
    out->hash[ROOT] = rd->layout->root_hash;
    out->end[ROOT] = 1;
    while (at < end && path.ptr[at] == '/') {
        depths = next_depth(depths);
        if (depths == 0)
            return; /* no context is so deep */
        at = mcmp__hash_to_mark(path.ptr, at + 1, end, &hash, mcmp__borders);
        if (at > limit)
            return; /* no context is so long */
        if ((depths & 1) != 0) {
            out->hash[out->count % PREFIXES] = (uint32_t)hash;
            out->end[out->count % PREFIXES] = (uint32_t)at;
            out->count++;
        }
    }
}

/* A place with its first group. */
static inline void add_place(mcmp__read *rd, uint32_t place, uint32_t group, mcmp__match *match)
{
    if (place == 0)
        return;
    if (match->balancer != 0 && mcmp__group_find(rd, place, match->balancer, 0) == 0)
        return;
    match->place[match->count] = place;
    match->cursor[match->count] = group;
    match->count++;
}

/* With use_alias a context has a place for each alias. */
static MCMP__APART void add_places(mcmp__read *rd, uint32_t context, const mcmp__aliases *names,
                                   mcmp__match *match)
{
    for (uint32_t i = 0; i < names->count; i++) {
        uint32_t place = mcmp__place_find(rd, names->text[i], context);
        uint64_t groups = mcmp__row_get(rd, MCMP__T_PLACE, place, MCMP__L_GROUPS);

        add_place(rd, place, mcmp__lo(groups), match);
    }
}

/* A context's text. Contexts and groups that came together have equal numbers, so while the text's
 * row is on its way, the group of its number is asked for. */
static inline uint32_t find_context(mcmp__read *rd, mcmp_span prefix, uint32_t hash)
{
    const mcmp__table *groups = &rd->layout->table[MCMP__T_GROUP];
    uint32_t row = mcmp__bucket_start(rd, MCMP__I_CTEXT, hash);

    MCMP__SOON_READ(rd->base + groups->base + (size_t)row * groups->words);
    return mcmp__text_among(rd, MCMP__I_CTEXT, row, prefix, hash);
}

/* 1 when somebody holds this context. */
static inline int try_context(mcmp__read *rd, mcmp_span prefix, uint32_t hash,
                              const mcmp__aliases *names, mcmp__match *match)
{
    uint32_t context = find_context(rd, prefix, hash);
    uint64_t place;

    if (context == 0)
        return 0;
    if (rd->layout->use_alias) {
        add_places(rd, context, names, match);
    } else {
        place = mcmp__row_get(rd, MCMP__T_CTEXT, context, MCMP__X_PLACE);
        add_place(rd, mcmp__lo(place), mcmp__hi(place), match);
    }
    return match->count != 0;
}

uint32_t mcmp__match_find(mcmp__read *rd, mcmp_span host, mcmp_span path, uint32_t balancer,
                          mcmp__match *match)
{
    mcmp__aliases names;
    int is_path = path.len > 0 && path.ptr[0] == '/';
    prefixes cut;
    uint32_t left;

    match->count = 0;
    match->group = 0;
    match->balancer = balancer;
    match->context_len = 0;
    if (rd->layout->use_alias) {
        mcmp__host_aliases(rd, host, &names);
        if (names.count == 0)
            return 0;
    }
    if (!is_path)
        path = mcmp__span("/", 1); /* `*`, which only that context matches */
    cut_prefixes(rd, path, &cut);
    left = MCMP__MIN(cut.count, PREFIXES);
    for (;;) {
        uint32_t i = left > 0 ? --cut.count % PREFIXES : ROOT;

        if (try_context(rd, mcmp__span(path.ptr, cut.end[i]), cut.hash[i], &names, match)) {
            match->context_len = is_path ? cut.end[i] : 0;
            return match->count;
        }
        if (left-- == 0)
            return 0;
    }
}

static uint32_t group_balancer(mcmp__read *rd, uint32_t group)
{
    return mcmp__hi(mcmp__row_get(rd, MCMP__T_GROUP, group, MCMP__G_KEY));
}

static uint32_t group_next(mcmp__read *rd, uint32_t group)
{
    return mcmp__lo(mcmp__row_get(rd, MCMP__T_GROUP, group, MCMP__G_LIST));
}

/* The cursor whose balancer registered first. */
static uint32_t first_balancer(mcmp__read *rd, const mcmp__match *match)
{
    uint64_t least = ~UINT64_C(0);
    uint32_t best = 0;

    for (uint32_t i = 0; i < match->count; i++) {
        uint32_t balancer = group_balancer(rd, match->cursor[i]);
        uint64_t order = mcmp__row_get(rd, MCMP__T_BALANCER, balancer, MCMP__B_ORDER);

        if (match->cursor[i] != 0 && order < least) {
            least = order;
            best = balancer;
        }
    }
    return best;
}

/* The next one of several places: it is at the cursor of each place where it has a group. */
static uint32_t next_of_several(mcmp__read *rd, mcmp__match *match)
{
    uint32_t balancer = first_balancer(rd, match);

    for (uint32_t i = 0; i < match->count; i++)
        if (match->cursor[i] != 0 && group_balancer(rd, match->cursor[i]) == balancer)
            match->cursor[i] = group_next(rd, match->cursor[i]);
    return balancer;
}

uint32_t mcmp__match_next(mcmp__read *rd, mcmp__match *match)
{
    const mcmp__word *words;

    if (match->count == 0 || match->cursor[0] == ~0u)
        return 0;
    if (match->balancer != 0) {
        match->cursor[0] = ~0u; /* given once */
        return match->balancer;
    }
    if (match->count != 1)
        return next_of_several(rd, match);
    match->group = match->cursor[0];
    if (match->group == 0)
        return 0;
    words = mcmp__row(rd, MCMP__T_GROUP, match->group);
    match->row = words;
    match->cursor[0] = mcmp__lo(mcmp__data_get(words + MCMP__G_LIST));
    match->given = mcmp__hi(mcmp__data_get(words + MCMP__G_KEY));
    return match->given;
}

/* The only group, of which the row is known: nearly every set. */
static inline void set_group(mcmp__set *set, uint32_t group, uint32_t place, const mcmp__word *row)
{
    uint64_t counts = mcmp__data_get(row + MCMP__G_COUNTS);

    set->groups = 1;
    set->group[0] = group;
    set->place[0] = place;
    set->row = row;
    set->enabled = mcmp__tally(counts, MCMP_STATUS_ENABLED);
    set->disabled = mcmp__tally(counts, MCMP_STATUS_DISABLED);
    set->stopped = mcmp__tally(counts, MCMP_STATUS_STOPPED);
}

static void add_group(mcmp__read *rd, mcmp__set *set, uint32_t group, uint32_t place)
{
    uint64_t counts = mcmp__row_get(rd, MCMP__T_GROUP, group, MCMP__G_COUNTS);

    set->group[set->groups] = group;
    set->place[set->groups] = place;
    set->groups++;
    set->enabled += mcmp__tally(counts, MCMP_STATUS_ENABLED);
    set->disabled += mcmp__tally(counts, MCMP_STATUS_DISABLED);
    set->stopped += mcmp__tally(counts, MCMP_STATUS_STOPPED);
}

static MCMP__COLD void add_groups(mcmp__read *rd, const mcmp__match *match, uint32_t balancer,
                                  uint32_t domain, mcmp__set *set)
{
    memset(set, 0, sizeof(*set));
    for (uint32_t i = 0; i < match->count; i++) {
        uint32_t group = mcmp__group_find(rd, match->place[i], balancer, domain);

        if (group != 0)
            add_group(rd, set, group, match->place[i]);
    }
    set->row = mcmp__row(rd, MCMP__T_GROUP, set->group[0]);
}

uint32_t mcmp__set_of(mcmp__read *rd, const mcmp__match *match, uint32_t balancer, uint32_t domain,
                      mcmp__set *set)
{
    if (match->group != 0 && match->given == balancer && domain == 0)
        set_group(set, match->group, match->place[0], match->row);
    else
        add_groups(rd, match, balancer, domain, set);
    return set->enabled + set->disabled + set->stopped;
}

static inline uint32_t checked_node(mcmp__read *rd, uint32_t node)
{
    if (node <= rd->layout->table[MCMP__T_NODE].cap)
        return node;
    rd->torn = 1;
    return 0;
}

/* Status of a node's seat in another group of the set; 0 = none. */
static uint32_t status_in(mcmp__read *rd, const mcmp__set *set, uint32_t g, uint32_t node,
                          uint32_t *out_seat)
{
    uint32_t seat = mcmp__seat_find(rd, node, set->place[g]);
    const mcmp__word *words = mcmp__row(rd, MCMP__T_SEAT, seat);

    if (seat == 0 || (mcmp__lo(mcmp__data_get(words + MCMP__S_MAIN)) != set->group[g] &&
                      mcmp__lo(mcmp__data_get(words + MCMP__S_DOMAIN)) != set->group[g]))
        return 0;
    *out_seat = seat;
    return mcmp__seat_status(mcmp__data_get(words + MCMP__S_GEN));
}

/* Does the node count under another group of the set? */
static int is_repeat(mcmp__read *rd, const mcmp__set *set, uint32_t g, const mcmp__member *member)
{
    for (uint32_t other = 0; other < set->groups; other++) {
        uint32_t seat;
        uint32_t status = other != g ? status_in(rd, set, other, member->node, &seat) : 0;

        if (status != 0 && (status < member->status || (status == member->status && other < g)))
            return 1;
    }
    return 0;
}

int mcmp__set_member(mcmp__read *rd, const mcmp__set *set, uint32_t i, mcmp__member *out)
{
    for (uint32_t s = MCMP_STATUS_ENABLED; s <= MCMP_STATUS_STOPPED; s++) {
        for (uint32_t g = 0; g < set->groups; g++) {
            uint64_t counts = mcmp__row_get(rd, MCMP__T_GROUP, set->group[g], MCMP__G_COUNTS);
            uint32_t n = mcmp__tally(counts, s);
            uint32_t before = s > 1 ? mcmp__tally(counts, 1) : 0;
            uint64_t member;

            if (i >= n) {
                i -= n;
                continue;
            }
            before += s > 2 ? mcmp__tally(counts, 2) : 0;
            member = mcmp__group_member(rd, set->group[g], before + i);
            out->node = checked_node(rd, mcmp__lo(member));
            out->seat = mcmp__hi(member);
            out->status = s;
            return out->node != 0 && (set->groups == 1 || !is_repeat(rd, set, g, out));
        }
    }
    rd->torn = 1;
    return 0;
}

mcmp__run mcmp__set_run(mcmp__read *rd, const mcmp__set *set, uint32_t i)
{
    return mcmp__group_run(rd, set->row, i, set->enabled + set->disabled + set->stopped);
}

/* Members that stand side by side, from number i of the only group on. Returns the end of `out`. */
static inline mcmp__member *take_run(mcmp__read *rd, const mcmp__set *set, uint32_t i, uint32_t end,
                                     const mcmp__word *at, mcmp__member *out)
{
    uint32_t nodes = rd->layout->table[MCMP__T_NODE].cap;
    uint32_t serving = set->enabled + set->disabled;

    for (; i < end; i++) {
        uint64_t member = mcmp__data_get(at);

        at++;
        out->node = mcmp__lo(member);
        out->seat = mcmp__hi(member);
        out->status = i < set->enabled ? MCMP_STATUS_ENABLED
                      : i < serving    ? MCMP_STATUS_DISABLED
                                       : MCMP_STATUS_STOPPED;
        if (out->node - 1 < nodes)
            out++;
        else
            rd->torn = 1;
    }
    return out;
}

uint32_t mcmp__set_members(mcmp__read *rd, const mcmp__set *set, uint32_t from, uint32_t n,
                           mcmp__member *out)
{
    const mcmp__member *first = out;
    uint32_t end = from + n;

    if (set->groups != 1) {
        for (; from < end; from++)
            out += mcmp__set_member(rd, set, from, out);
        return (uint32_t)(out - first);
    }
    while (from < end) {
        mcmp__run run = mcmp__set_run(rd, set, from);
        uint32_t stop = MCMP__MIN(from + run.count, end);

        out = take_run(rd, set, from, stop, run.at, out);
        from = stop;
    }
    return (uint32_t)(out - first);
}

int mcmp__set_find(mcmp__read *rd, const mcmp__set *set, uint32_t node, mcmp__member *out)
{
    out->node = 0;
    out->status = 0;
    for (uint32_t g = 0; g < set->groups; g++) {
        uint32_t seat = 0;
        uint32_t status = status_in(rd, set, g, node, &seat);

        if (status != 0 && (out->status == 0 || status < out->status)) {
            out->node = node;
            out->seat = seat;
            out->status = status;
        }
    }
    return out->node != 0;
}
