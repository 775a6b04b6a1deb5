/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of places, seats, groups and chunks: a seat counts its pairs, stands in the groups of its
 * balancer and domain where it says, among those of its status; a place lists its groups; a chunk
 * belongs to one group or is free.
 */
#include "model/check.h"
#include "model/index.h"

#define LEAF 8u
#define FANOUT 16u

/* A seat stands in the group where it says, among those of its status. */
static void check_member(mcmp__checker *c, uint32_t seat, uint32_t word, uint32_t domain)
{
    uint64_t at = mcmp__row_get(c->rd, MCMP__T_SEAT, seat, word);
    uint64_t hold = mcmp__row_get(c->rd, MCMP__T_SEAT, seat, MCMP__S_NODE);
    uint32_t status = mcmp__seat_status(mcmp__row_get(c->rd, MCMP__T_SEAT, seat, MCMP__S_GEN));
    uint32_t balancer = mcmp__node_balancer(c->rd, mcmp__lo(hold));
    uint32_t group = mcmp__group_find(c->rd, mcmp__hi(hold), balancer, domain);
    uint64_t counts = mcmp__row_get(c->rd, MCMP__T_GROUP, group, MCMP__G_COUNTS);
    uint32_t from = 0;

    if (!mcmp__expect(c, group != 0 && group == mcmp__lo(at), MCMP__T_SEAT, seat,
                      "it is in a foreign group"))
        return;
    for (uint32_t s = 1; s < status; s++)
        from += mcmp__tally(counts, s);
    mcmp__expect(c, mcmp__hi(at) >= from && mcmp__hi(at) < from + mcmp__tally(counts, status),
                 MCMP__T_SEAT, seat, "it is not among those of its status");
    mcmp__expect(c,
                 mcmp__group_member(c->rd, group, mcmp__hi(at)) == mcmp__pack(mcmp__lo(hold), seat),
                 MCMP__T_SEAT, seat, "its position is another's");
}

/* Few seats are not in the index; between half of that and all of it, it depends on what was. */
static void check_indexed(mcmp__checker *c, uint32_t place, uint64_t seats)
{
    mcmp__expect(c,
                 mcmp__hi(seats) == 0
                     ? mcmp__lo(seats) <= MCMP__PLACE_SCAN
                     : mcmp__hi(seats) == 1 && mcmp__lo(seats) > MCMP__PLACE_SCAN / 2,
                 MCMP__T_PLACE, place, "its seats are in the index and should not be, or not");
}

/* What the pairs say of their seats, and the seats of their places. */
static void check_counts(mcmp__checker *c)
{
    mcmp__tally_clear(c, MCMP__T_SEAT);
    for (uint32_t p = mcmp__check_next(c, MCMP__T_PAIR, 0); p != 0;
         p = mcmp__check_next(c, MCMP__T_PAIR, p)) {
        uint32_t seat = mcmp__hi(mcmp__row_get(c->rd, MCMP__T_PAIR, p, MCMP__P_NODE));

        c->tally[seat] += mcmp__tally_one(mcmp__pair_status(c->rd, p)); /* both were looked at */
    }
    for (uint32_t s = mcmp__check_next(c, MCMP__T_SEAT, 0); s != 0;
         s = mcmp__check_next(c, MCMP__T_SEAT, s))
        mcmp__expect(c, mcmp__row_get(c->rd, MCMP__T_SEAT, s, MCMP__S_PAIRS) == c->tally[s],
                     MCMP__T_SEAT, s, "it miscounts its pairs");
    mcmp__tally_clear(c, MCMP__T_PLACE);
    for (uint32_t s = mcmp__check_next(c, MCMP__T_SEAT, 0); s != 0;
         s = mcmp__check_next(c, MCMP__T_SEAT, s)) {
        uint64_t hold = mcmp__row_get(c->rd, MCMP__T_SEAT, s, MCMP__S_NODE);

        if (mcmp__check_link(c, MCMP__T_SEAT, s, MCMP__T_NODE, mcmp__lo(hold)) &&
            mcmp__check_link(c, MCMP__T_SEAT, s, MCMP__T_PLACE, mcmp__hi(hold)))
            c->tally[mcmp__hi(hold)]++;
    }
    for (uint32_t l = mcmp__check_next(c, MCMP__T_PLACE, 0); l != 0;
         l = mcmp__check_next(c, MCMP__T_PLACE, l)) {
        uint64_t seats = mcmp__row_get(c->rd, MCMP__T_PLACE, l, MCMP__L_SEATS);

        mcmp__expect(c, c->tally[l] != 0 && mcmp__lo(seats) == c->tally[l], MCMP__T_PLACE, l,
                     "it miscounts its seats");
        check_indexed(c, l, seats);
    }
}

/* The pair that a seat leads to is one of its own. */
static void check_first(mcmp__checker *c, uint32_t seat, uint32_t pair)
{
    if (pair != 0 && mcmp__check_link(c, MCMP__T_SEAT, seat, MCMP__T_PAIR, pair))
        mcmp__expect(c, mcmp__hi(mcmp__row_get(c->rd, MCMP__T_PAIR, pair, MCMP__P_NODE)) == seat,
                     MCMP__T_SEAT, seat, "it leads to a pair of another");
}

static uint64_t check_seats(mcmp__checker *c)
{
    uint64_t members = 0;

    for (uint32_t seat = mcmp__check_next(c, MCMP__T_SEAT, 0); seat != 0;
         seat = mcmp__check_next(c, MCMP__T_SEAT, seat)) {
        uint64_t gen = mcmp__row_get(c->rd, MCMP__T_SEAT, seat, MCMP__S_GEN);
        uint64_t pairs = mcmp__row_get(c->rd, MCMP__T_SEAT, seat, MCMP__S_PAIRS);
        uint64_t hold = mcmp__row_get(c->rd, MCMP__T_SEAT, seat, MCMP__S_NODE);
        uint32_t domain = mcmp__node_domain(c->rd, mcmp__lo(hold));
        uint32_t status = mcmp__seat_status(gen);

        if (!mcmp__expect(c,
                          mcmp__hi(gen) != 0 && status >= MCMP_STATUS_ENABLED &&
                              mcmp__tally(pairs, status) != 0,
                          MCMP__T_SEAT, seat, "it has a status that none of its pairs has"))
            break;
        for (uint32_t s = 1; s < status; s++)
            mcmp__expect(c, mcmp__tally(pairs, s) == 0, MCMP__T_SEAT, seat,
                         "it hides a better status");
        check_member(c, seat, MCMP__S_MAIN, 0);
        mcmp__expect(c, mcmp__seat_find(c->rd, mcmp__lo(hold), mcmp__hi(hold)) == seat,
                     MCMP__T_SEAT, seat, "it is not found");
        check_first(c, seat, mcmp__seat_pair(gen));
        members++;
        if (domain != 0) {
            check_member(c, seat, MCMP__S_DOMAIN, domain);
            members++;
        } else {
            mcmp__expect(c, mcmp__row_get(c->rd, MCMP__T_SEAT, seat, MCMP__S_DOMAIN) == 0,
                         MCMP__T_SEAT, seat, "it is in a domain that its node is not in");
        }
    }
    return members;
}

/* Groups */

/* Chunks below and with this one for `leaves` leaves; each is met once. level 0 is a leaf. */
static uint64_t check_tree(mcmp__checker *c, uint32_t group, uint32_t chunk, uint32_t level,
                           uint32_t leaves)
{
    uint32_t below = 1u << (4 * (level > 0 ? level - 1 : 0)); /* leaves of a full child */
    uint64_t count = 1;

    if (!mcmp__expect(c, chunk != 0 && chunk <= mcmp__check_high(c, MCMP__T_CHUNK), MCMP__T_GROUP,
                      group, "a chunk of it is none") ||
        !mcmp__expect(c, c->tally[chunk] == 0, MCMP__T_CHUNK, chunk, "it is free or another's too"))
        return 0;
    c->tally[chunk] = 1;
    for (uint32_t k = 0; level > 0 && k < FANOUT; k++) {
        uint64_t w = mcmp__row_get(c->rd, MCMP__T_CHUNK, chunk, k / 2);
        uint32_t child = k % 2 == 0 ? mcmp__lo(w) : mcmp__hi(w);

        if (leaves == 0) {
            mcmp__expect(c, child == 0, MCMP__T_CHUNK, chunk, "it has more below than it needs");
            continue;
        }
        count += check_tree(c, group, child, level - 1, MCMP__MIN(leaves, below));
        leaves -= MCMP__MIN(leaves, below);
    }
    return count;
}

static uint64_t check_vector(mcmp__checker *c, uint32_t group, uint32_t n)
{
    uint32_t root = mcmp__hi(mcmp__row_get(c->rd, MCMP__T_GROUP, group, MCMP__G_DOMAIN));
    uint32_t leaves, level = 0;

    if (n <= MCMP__INLINE_MEMBERS) {
        mcmp__expect(c, root == 0, MCMP__T_GROUP, group, "it has a chunk and needs none");
        return 0;
    }
    leaves = (n - MCMP__INLINE_MEMBERS + LEAF - 1) / LEAF;
    for (uint32_t room = 1; room < leaves; room *= FANOUT)
        level++;
    return check_tree(c, group, root, level, leaves);
}

/* Free chunks are marked first: none of them is part of a group. */
static void mark_free_chunks(mcmp__checker *c)
{
    uint32_t row = mcmp__lo(mcmp__head_get(c->rd, MCMP__H_TABLE + MCMP__T_CHUNK));

    mcmp__tally_clear(c, MCMP__T_CHUNK);
    while (row != 0) { /* it ends: check_slots() went along */
        c->tally[row] = 1;
        row = mcmp__lo(mcmp__row_get(c->rd, MCMP__T_CHUNK, row, 1));
    }
}

static uint64_t check_group_rows(mcmp__checker *c)
{
    uint64_t seats = mcmp__head_get(c->rd, MCMP__H_USED + MCMP__T_SEAT);
    uint64_t members = 0, chunks = 0;

    mark_free_chunks(c);
    for (uint32_t g = mcmp__check_next(c, MCMP__T_GROUP, 0); g != 0;
         g = mcmp__check_next(c, MCMP__T_GROUP, g)) {
        uint64_t key = mcmp__row_get(c->rd, MCMP__T_GROUP, g, MCMP__G_KEY);
        uint64_t counts = mcmp__row_get(c->rd, MCMP__T_GROUP, g, MCMP__G_COUNTS);
        uint32_t domain = mcmp__lo(mcmp__row_get(c->rd, MCMP__T_GROUP, g, MCMP__G_DOMAIN));
        uint32_t n = mcmp__tally_all(counts);

        if (!mcmp__check_link(c, MCMP__T_GROUP, g, MCMP__T_PLACE, mcmp__lo(key)) ||
            !mcmp__check_link(c, MCMP__T_GROUP, g, MCMP__T_BALANCER, mcmp__hi(key)) ||
            (domain != 0 && !mcmp__check_link(c, MCMP__T_GROUP, g, MCMP__T_DTEXT, domain)))
            break;
        mcmp__expect(c, n != 0 && n <= seats && counts >> (3 * MCMP__TALLY_BITS) == 0,
                     MCMP__T_GROUP, g, "it has no member, or too many");
        mcmp__expect(c, mcmp__group_find(c->rd, mcmp__lo(key), mcmp__hi(key), domain) == g,
                     MCMP__T_GROUP, g, "it is not found");
        members += n;
        chunks += c->rc == MCMP_OK ? check_vector(c, g, n) : 0;
    }
    mcmp__expect(c, chunks == mcmp__head_get(c->rd, MCMP__H_USED + MCMP__T_CHUNK), MCMP__T_CHUNK, 0,
                 "chunks are lost");
    return members;
}

/* Places */

typedef struct group_walk {
    uint32_t place;
    uint64_t last;
} group_walk;

static void visit_group(mcmp__checker *c, uint32_t g, void *ctx)
{
    group_walk *walk = ctx;
    uint64_t key = mcmp__row_get(c->rd, MCMP__T_GROUP, g, MCMP__G_KEY);
    uint32_t domain = mcmp__lo(mcmp__row_get(c->rd, MCMP__T_GROUP, g, MCMP__G_DOMAIN));
    uint64_t order = mcmp__row_get(c->rd, MCMP__T_BALANCER, mcmp__hi(key), MCMP__B_ORDER);

    mcmp__expect(c, mcmp__lo(key) == walk->place && domain == 0, MCMP__T_GROUP, g,
                 "it is in the list of a foreign place");
    mcmp__expect(c, order > walk->last, MCMP__T_GROUP, g,
                 "groups are not in the order of their balancers");
    walk->last = order;
}

static void check_key(mcmp__checker *c, uint32_t place)
{
    uint64_t key = mcmp__row_get(c->rd, MCMP__T_PLACE, place, MCMP__L_KEY);
    uint64_t groups = mcmp__row_get(c->rd, MCMP__T_PLACE, place, MCMP__L_GROUPS);

    if (!mcmp__check_link(c, MCMP__T_PLACE, place, MCMP__T_CTEXT, mcmp__hi(key)))
        return;
    if (c->rd->layout->use_alias) {
        mcmp__check_link(c, MCMP__T_PLACE, place, MCMP__T_ATEXT, mcmp__lo(key));
        return;
    }
    mcmp__expect(c,
                 mcmp__lo(key) == 0 &&
                     mcmp__row_get(c->rd, MCMP__T_CTEXT, mcmp__hi(key), MCMP__X_PLACE) ==
                         mcmp__pack(place, mcmp__lo(groups)),
                 MCMP__T_PLACE, place, "its context does not lead to it and its first group");
}

static void check_places(mcmp__checker *c)
{
    uint64_t listed = 0, groups = 0, contexts = 0;

    for (uint32_t l = mcmp__check_next(c, MCMP__T_PLACE, 0); l != 0;
         l = mcmp__check_next(c, MCMP__T_PLACE, l)) {
        group_walk walk = { l, 0 };

        check_key(c, l);
        listed += mcmp__check_list(c, MCMP__T_GROUP, MCMP__G_LIST,
                                   mcmp__row_get(c->rd, MCMP__T_PLACE, l, MCMP__L_GROUPS),
                                   visit_group, &walk);
    }
    for (uint32_t g = mcmp__check_next(c, MCMP__T_GROUP, 0); g != 0;
         g = mcmp__check_next(c, MCMP__T_GROUP, g))
        groups += mcmp__lo(mcmp__row_get(c->rd, MCMP__T_GROUP, g, MCMP__G_DOMAIN)) == 0;
    for (uint32_t x = mcmp__check_next(c, MCMP__T_CTEXT, 0); x != 0;
         x = mcmp__check_next(c, MCMP__T_CTEXT, x))
        contexts += mcmp__row_get(c->rd, MCMP__T_CTEXT, x, MCMP__X_PLACE) != 0;
    mcmp__expect(c, listed == groups, MCMP__T_GROUP, 0, "a group is in no place's list");
    mcmp__expect(
        c,
        contexts ==
            (c->rd->layout->use_alias ? 0 : mcmp__head_get(c->rd, MCMP__H_USED + MCMP__T_PLACE)),
        MCMP__T_CTEXT, 0, "a context leads to a place that is not its own");
}

void mcmp__check_groups(mcmp__checker *c)
{
    uint64_t members;

    check_counts(c);
    if (c->rc != MCMP_OK)
        return;
    check_places(c);
    members = check_group_rows(c);
    if (c->rc != MCMP_OK)
        return;
    mcmp__expect(c, check_seats(c) == members, MCMP__T_GROUP, 0, "groups hold more than the seats");
}
