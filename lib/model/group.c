/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Candidate groups: which nodes hold exactly one context, by balancer, and again by domain.
 *
 * A group keeps the seats (seat.c) of its nodes in one vector, ENABLED before DISABLED before
 * STOPPED: three in its row, the rest in a tree of 64-byte chunks (8 members or 16 chunks below).
 * Seats know their positions, so joining, leaving and changing status are O(1), and any member is
 * found in as many steps as the tree is high.
 *
 * Concurrency: writers inside a transaction; *_find and group_member also serve readers that may be
 * overtaken.
 */
#include "model/index.h"
#include "model/tx.h"

#define LEAF 8u
#define FANOUT 16u
#define MAX_LEVEL 5u

/* Levels of directories above the leaves for m members in the tree. */
static inline uint32_t level_for(uint32_t m)
{
    return m <= LEAF ? 0 : mcmp__highest_bit((m - 1) / LEAF) / 4 + 1;
}

/* Which child of a directory at this level leads to member j. */
static inline uint32_t way_down(uint32_t j, uint32_t level)
{
    return j / LEAF >> (4 * (level - 1)) & (FANOUT - 1);
}

static inline uint32_t child_get(mcmp__read *rd, uint32_t chunk, uint32_t k)
{
    uint64_t w = mcmp__row_get(rd, MCMP__T_CHUNK, chunk, k / 2);

    return (uint32_t)(w >> k % 2 * 32);
}

static void child_put(mcmp__tx *tx, uint32_t chunk, uint32_t k, uint32_t child)
{
    if (k % 2 == 0)
        mcmp__row_put_lo(tx, MCMP__T_CHUNK, chunk, k / 2, child);
    else
        mcmp__row_put_hi(tx, MCMP__T_CHUNK, chunk, k / 2, child);
}

static inline uint32_t leaf_below(mcmp__read *rd, uint32_t chunk, uint32_t j, uint32_t m)
{
    for (uint32_t level = level_for(m); level > 0; level--)
        chunk = child_get(rd, chunk, way_down(j, level));
    return chunk;
}

static uint32_t leaf_of(mcmp__read *rd, uint32_t group, uint32_t j, uint32_t m)
{
    uint32_t root = mcmp__hi(mcmp__row_get(rd, MCMP__T_GROUP, group, MCMP__G_DOMAIN));

    return leaf_below(rd, root, j, m);
}

/* Member j of the m in the tree, and those behind it in its leaf. */
mcmp__run mcmp__group_leaf(mcmp__read *rd, const mcmp__word *group, uint32_t j, uint32_t m)
{
    uint32_t root = mcmp__hi(mcmp__data_get(group + MCMP__G_DOMAIN));
    uint32_t leaf = leaf_below(rd, root, j, m);
    mcmp__run run = { mcmp__row(rd, MCMP__T_CHUNK, leaf) + j % LEAF, LEAF - j % LEAF };

    return run;
}

uint64_t mcmp__group_member(mcmp__read *rd, uint32_t group, uint32_t i)
{
    const mcmp__word *row = mcmp__row(rd, MCMP__T_GROUP, group);
    uint32_t n = mcmp__tally_all(mcmp__data_get(row + MCMP__G_COUNTS));

    return mcmp__data_get(mcmp__group_run(rd, row, i, n).at);
}

/* The same while the vector has room for n members. */
static uint64_t member_get(mcmp__tx *tx, uint32_t group, uint32_t i, uint32_t n)
{
    uint32_t j = i - MCMP__INLINE_MEMBERS;

    if (i < MCMP__INLINE_MEMBERS)
        return mcmp__row_get(&tx->rd, MCMP__T_GROUP, group, MCMP__G_MEMBERS + i);
    return mcmp__row_get(&tx->rd, MCMP__T_CHUNK,
                         leaf_of(&tx->rd, group, j, n - MCMP__INLINE_MEMBERS), j % LEAF);
}

static void seat_at(mcmp__tx *tx, uint32_t group, uint32_t seat, uint32_t position)
{
    uint32_t domain = mcmp__lo(mcmp__row_get(&tx->rd, MCMP__T_GROUP, group, MCMP__G_DOMAIN));

    mcmp__row_put(tx, MCMP__T_SEAT, seat, domain != 0 ? MCMP__S_DOMAIN : MCMP__S_MAIN,
                  mcmp__pack(group, position));
}

static void member_put(mcmp__tx *tx, uint32_t group, uint32_t i, uint32_t n, uint64_t member)
{
    uint32_t j = i - MCMP__INLINE_MEMBERS;

    if (i < MCMP__INLINE_MEMBERS)
        mcmp__row_put(tx, MCMP__T_GROUP, group, MCMP__G_MEMBERS + i, member);
    else
        mcmp__row_put(tx, MCMP__T_CHUNK, leaf_of(&tx->rd, group, j, n - MCMP__INLINE_MEMBERS),
                      j % LEAF, member);
    seat_at(tx, group, mcmp__hi(member), i);
}

static uint32_t chunk_new(mcmp__tx *tx)
{
    uint32_t chunk = mcmp__row_alloc(tx, MCMP__T_CHUNK);

    MCMP__ASSERT(chunk != 0);
    for (uint32_t w = 0; w < MCMP__BLOCK_WORDS; w++)
        mcmp__row_put(tx, MCMP__T_CHUNK, chunk, w, 0);
    return chunk;
}

/* Room for one more than n members. */
static void vector_grow(mcmp__tx *tx, uint32_t group, uint32_t n)
{
    uint32_t j, chunk, level;

    if (n < MCMP__INLINE_MEMBERS)
        return;
    j = n - MCMP__INLINE_MEMBERS;
    level = level_for(j + 1);
    chunk = mcmp__hi(mcmp__row_get(&tx->rd, MCMP__T_GROUP, group, MCMP__G_DOMAIN));
    if (j == 0 || level != level_for(j)) {
        uint32_t root = chunk_new(tx);

        if (j != 0)
            child_put(tx, root, 0, chunk);
        chunk = root;
        mcmp__row_put_hi(tx, MCMP__T_GROUP, group, MCMP__G_DOMAIN, root);
    }
    for (; level > 0; level--) {
        uint32_t k = way_down(j, level);
        uint32_t child = child_get(&tx->rd, chunk, k);

        if (child == 0) {
            child = chunk_new(tx);
            child_put(tx, chunk, k, child);
        }
        chunk = child;
    }
}

/* Give back what n - 1 members do not need. */
static void vector_shrink(mcmp__tx *tx, uint32_t group, uint32_t n)
{
    uint32_t path[MAX_LEVEL + 1];
    uint32_t j, level, at;

    if (n <= MCMP__INLINE_MEMBERS)
        return;
    j = n - 1 - MCMP__INLINE_MEMBERS;
    if (j % LEAF != 0)
        return;
    level = level_for(j + 1);
    path[level] = mcmp__hi(mcmp__row_get(&tx->rd, MCMP__T_GROUP, group, MCMP__G_DOMAIN));
    for (at = level; at > 0; at--)
        path[at - 1] = child_get(&tx->rd, path[at], way_down(j, at));
    for (at = 0;; at++) {
        mcmp__row_free(tx, MCMP__T_CHUNK, path[at]);
        if (at == level) {
            mcmp__row_put_hi(tx, MCMP__T_GROUP, group, MCMP__G_DOMAIN, 0);
            return;
        }
        if (way_down(j, at + 1) != 0)
            break;
    }
    child_put(tx, path[at + 1], way_down(j, at + 1), 0);
    if (level != level_for(j)) { /* one level less: the root has one child left */
        mcmp__row_put_hi(tx, MCMP__T_GROUP, group, MCMP__G_DOMAIN,
                         child_get(&tx->rd, path[level], 0));
        mcmp__row_free(tx, MCMP__T_CHUNK, path[level]);
    }
}

static void group_insert(mcmp__tx *tx, uint32_t group, uint64_t member, uint32_t status)
{
    uint64_t counts = mcmp__row_get(&tx->rd, MCMP__T_GROUP, group, MCMP__G_COUNTS);
    uint32_t n = mcmp__tally_all(counts);
    uint32_t hole = n;

    vector_grow(tx, group, n);
    for (uint32_t s = MCMP_STATUS_STOPPED; s > status; s--) {
        uint32_t first = hole - mcmp__tally(counts, s);

        if (first != hole)
            member_put(tx, group, hole, n + 1, member_get(tx, group, first, n + 1));
        hole = first;
    }
    member_put(tx, group, hole, n + 1, member);
    mcmp__row_put(tx, MCMP__T_GROUP, group, MCMP__G_COUNTS, counts + mcmp__tally_one(status));
}

static void group_take_out(mcmp__tx *tx, uint32_t group, uint32_t position, uint32_t status)
{
    uint64_t counts = mcmp__row_get(&tx->rd, MCMP__T_GROUP, group, MCMP__G_COUNTS);
    uint32_t n = mcmp__tally_all(counts);
    uint32_t hole = position;
    uint32_t end = 0;

    for (uint32_t s = MCMP_STATUS_ENABLED; s <= MCMP_STATUS_STOPPED; s++) {
        end += mcmp__tally(counts, s);
        if (s < status || mcmp__tally(counts, s) == 0)
            continue;
        if (end - 1 != hole)
            member_put(tx, group, hole, n, member_get(tx, group, end - 1, n));
        hole = end - 1;
    }
    vector_shrink(tx, group, n);
    mcmp__row_put(tx, MCMP__T_GROUP, group, MCMP__G_COUNTS, counts - mcmp__tally_one(status));
}

/* Groups. The first of a place is found through the place and mostly the only one, so it is not in
 * the index; one that was there when another came first is put there then. */

static uint32_t first_group(mcmp__read *rd, uint32_t place)
{
    return mcmp__lo(mcmp__row_get(rd, MCMP__T_PLACE, place, MCMP__L_GROUPS));
}

static int is_indexed(mcmp__read *rd, uint32_t group)
{
    return mcmp__row_get(rd, MCMP__T_GROUP, group, MCMP__G_LINK) != MCMP__NOT_INDEXED;
}

static void group_index(mcmp__tx *tx, uint32_t group)
{
    uint64_t key = mcmp__row_get(&tx->rd, MCMP__T_GROUP, group, MCMP__G_KEY);
    uint32_t domain = mcmp__lo(mcmp__row_get(&tx->rd, MCMP__T_GROUP, group, MCMP__G_DOMAIN));

    mcmp__index_add(tx, MCMP__I_GROUP, group, mcmp__hash_ints(tx->rd.layout, key, domain));
}

uint32_t mcmp__group_find(mcmp__read *rd, uint32_t place, uint32_t balancer, uint32_t domain)
{
    uint64_t key = mcmp__pack(place, balancer);
    uint32_t row = domain == 0 ? first_group(rd, place) : 0;
    uint32_t hash;

    if (row != 0 && mcmp__row_get(rd, MCMP__T_GROUP, row, MCMP__G_KEY) == key)
        return row;
    hash = mcmp__hash_ints(rd->layout, key, domain);
    row = mcmp__index_start(rd, MCMP__I_GROUP, hash);
    while (row != 0) {
        const mcmp__word *words = mcmp__row(rd, MCMP__T_GROUP, row);

        if (mcmp__data_get(words + MCMP__G_KEY) == key &&
            mcmp__lo(mcmp__data_get(words + MCMP__G_DOMAIN)) == domain)
            return row;
        row = mcmp__index_next(rd, MCMP__I_GROUP, row, hash);
    }
    return 0;
}

/* Without use_alias the context leads to the place's first group as well. */
static void note_first(mcmp__tx *tx, uint32_t place)
{
    uint64_t key = mcmp__row_get(&tx->rd, MCMP__T_PLACE, place, MCMP__L_KEY);

    if (!tx->rd.layout->use_alias)
        mcmp__row_put(tx, MCMP__T_CTEXT, mcmp__hi(key), MCMP__X_PLACE,
                      mcmp__pack(place, first_group(&tx->rd, place)));
}

static mcmp__list groups_of(uint32_t place)
{
    mcmp__list list = { MCMP__T_GROUP, MCMP__G_LIST, MCMP__T_PLACE, place, MCMP__L_GROUPS };

    return list;
}

static uint64_t order_of(mcmp__tx *tx, uint32_t balancer)
{
    return mcmp__row_get(&tx->rd, MCMP__T_BALANCER, balancer, MCMP__B_ORDER);
}

static uint32_t group_new(mcmp__tx *tx, uint32_t place, uint32_t balancer, uint32_t domain)
{
    uint32_t group = mcmp__row_alloc(tx, MCMP__T_GROUP);
    mcmp__list list = groups_of(place);
    uint32_t after, first;

    MCMP__ASSERT(group != 0);
    mcmp__row_put(tx, MCMP__T_GROUP, group, MCMP__G_KEY, mcmp__pack(place, balancer));
    mcmp__row_put(tx, MCMP__T_GROUP, group, MCMP__G_DOMAIN, domain);
    mcmp__row_put(tx, MCMP__T_GROUP, group, MCMP__G_COUNTS, 0);
    mcmp__row_put(tx, MCMP__T_GROUP, group, MCMP__G_LIST, 0);
    if (domain != 0) {
        group_index(tx, group);
        return group;
    }
    mcmp__row_put(tx, MCMP__T_GROUP, group, MCMP__G_LINK, MCMP__NOT_INDEXED);
    /* From the end: a balancer that is new here is mostly a new one. */
    after = mcmp__hi(mcmp__row_get(&tx->rd, MCMP__T_PLACE, place, MCMP__L_GROUPS));
    while (after != 0) {
        uint64_t key = mcmp__row_get(&tx->rd, MCMP__T_GROUP, after, MCMP__G_KEY);

        if (order_of(tx, mcmp__hi(key)) < order_of(tx, balancer))
            break;
        after = mcmp__hi(mcmp__row_get(&tx->rd, MCMP__T_GROUP, after, MCMP__G_LIST));
    }
    if (after != 0)
        group_index(tx, group);
    else if ((first = first_group(&tx->rd, place)) != 0 && !is_indexed(&tx->rd, first))
        group_index(tx, first);
    mcmp__list_insert(tx, &list, after, group);
    if (after == 0)
        note_first(tx, place);
    return group;
}

static void group_drop_empty(mcmp__tx *tx, uint32_t group)
{
    uint64_t key = mcmp__row_get(&tx->rd, MCMP__T_GROUP, group, MCMP__G_KEY);
    mcmp__list list = groups_of(mcmp__lo(key));

    if (mcmp__row_get(&tx->rd, MCMP__T_GROUP, group, MCMP__G_COUNTS) != 0)
        return;
    if (mcmp__lo(mcmp__row_get(&tx->rd, MCMP__T_GROUP, group, MCMP__G_DOMAIN)) == 0) {
        mcmp__list_remove(tx, &list, group);
        note_first(tx, mcmp__lo(key));
    }
    if (is_indexed(&tx->rd, group))
        mcmp__index_remove(tx, MCMP__I_GROUP, group);
    mcmp__row_put(tx, MCMP__T_GROUP, group, MCMP__G_KEY, 0);
    mcmp__row_free(tx, MCMP__T_GROUP, group);
}

/* Seats of groups */

static uint32_t seat_status(mcmp__tx *tx, uint32_t seat)
{
    return mcmp__seat_status(mcmp__row_get(&tx->rd, MCMP__T_SEAT, seat, MCMP__S_GEN));
}

static void join(mcmp__tx *tx, uint32_t seat, uint32_t domain)
{
    uint64_t hold = mcmp__row_get(&tx->rd, MCMP__T_SEAT, seat, MCMP__S_NODE);
    uint32_t node = mcmp__lo(hold);
    uint32_t balancer = mcmp__lo(mcmp__row_get(&tx->rd, MCMP__T_NODE, node, MCMP__N_BAL));
    uint32_t group = mcmp__group_find(&tx->rd, mcmp__hi(hold), balancer, domain);

    if (group == 0)
        group = group_new(tx, mcmp__hi(hold), balancer, domain);
    group_insert(tx, group, mcmp__pack(node, seat), seat_status(tx, seat));
}

static void leave(mcmp__tx *tx, uint32_t seat, uint32_t word)
{
    uint64_t at = mcmp__row_get(&tx->rd, MCMP__T_SEAT, seat, word);

    if (at == 0)
        return;
    group_take_out(tx, mcmp__lo(at), mcmp__hi(at), seat_status(tx, seat));
    group_drop_empty(tx, mcmp__lo(at));
    mcmp__row_put(tx, MCMP__T_SEAT, seat, word, 0);
}

void mcmp__seat_leave_domain(mcmp__tx *tx, uint32_t seat)
{
    leave(tx, seat, MCMP__S_DOMAIN);
}

void mcmp__seat_join_domain(mcmp__tx *tx, uint32_t seat)
{
    uint64_t hold = mcmp__row_get(&tx->rd, MCMP__T_SEAT, seat, MCMP__S_NODE);
    uint64_t bal = mcmp__row_get(&tx->rd, MCMP__T_NODE, mcmp__lo(hold), MCMP__N_BAL);

    if (mcmp__hi(bal) != 0)
        join(tx, seat, mcmp__hi(bal));
}

void mcmp__seat_leave(mcmp__tx *tx, uint32_t seat)
{
    leave(tx, seat, MCMP__S_MAIN);
    leave(tx, seat, MCMP__S_DOMAIN);
}

void mcmp__seat_join(mcmp__tx *tx, uint32_t seat)
{
    join(tx, seat, 0);
    mcmp__seat_join_domain(tx, seat);
}
