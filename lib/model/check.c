/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The invariants of the whole region, one function per table. It runs under the lock on the working
 * copy after the repair that every transaction begins with, and first compares the two copies. Cost
 * is in proportion to what is registered. Everything is bounds-checked, so that a damaged region is
 * reported and not followed.
 */
#include "model/tx.h"

typedef struct checker {
    mcmp__tx *tx;
    mcmp__read *rd;
    mcmp_error *err;
    int rc;
    uint64_t pairs, seats, domain_seats, members, chunks;
    uint64_t alias_refs, context_refs, domain_refs;
} checker;

static void expect(checker *c, int holds, const char *what, uint32_t row)
{
    if (holds || c->rc != MCMP_OK)
        return;
    c->rc = mcmp__fail(c->err, MCMP_ERR_DAMAGED, "region", "%s (row %u)", what, row);
}

static uint32_t high_of(checker *c, uint32_t table)
{
    uint32_t high = mcmp__hi(mcmp__head_get(c->rd, MCMP__H_TABLE + table));

    return MCMP__MIN(high, c->rd->layout->table[table].cap);
}

/* The copies agree in everything that is in use; nothing of the log is left. */
static void check_copies(checker *c)
{
    const mcmp_cluster *cluster = c->tx->cluster;
    const mcmp__word *one = cluster->region + cluster->layout.copy_base[0];
    const mcmp__word *two = cluster->region + cluster->layout.copy_base[1];

    for (size_t i = 0; i < MCMP__H_WORDS; i++)
        expect(c, mcmp__word_get(one + i) == mcmp__word_get(two + i), "header words differ",
               (uint32_t)i);
    for (uint32_t t = 0; t < MCMP__TABLES && c->rc == MCMP_OK; t++) {
        const mcmp__table *table = &cluster->layout.table[t];
        size_t words = ((size_t)high_of(c, t) + 1) * table->words;

        for (size_t i = 0; i < words; i++)
            if (mcmp__word_get(one + table->base + i) != mcmp__word_get(two + table->base + i))
                expect(c, 0, "rows of the copies differ", t);
    }
    for (uint32_t i = 0; i < MCMP__INDEXES && c->rc == MCMP_OK; i++) {
        const mcmp__index *ix = &cluster->layout.index[i];
        uint32_t buckets = mcmp__lo(mcmp__head_get(c->rd, MCMP__H_INDEX + i));

        for (uint32_t b = 0; b < buckets && b < ix->cap; b++)
            if (mcmp__word_get(one + ix->base + b) != mcmp__word_get(two + ix->base + b))
                expect(c, 0, "buckets of the copies differ", i);
    }
    for (size_t i = 0; i < cluster->layout.copy_words / MCMP__BLOCK_WORDS / 64; i++)
        if (mcmp__word_get(cluster->region + cluster->layout.bitmap_base + i) != 0)
            expect(c, 0, "a block is marked and not in the log", (uint32_t)i);
}

/* Free list and rows in use make up all rows ever taken. */
static void check_slots(checker *c, uint32_t table)
{
    uint64_t used = mcmp__head_get(c->rd, MCMP__H_USED + table);
    uint32_t high = high_of(c, table);
    uint32_t row = mcmp__lo(mcmp__head_get(c->rd, MCMP__H_TABLE + table));
    uint32_t free_rows = 0;

    for (; row != 0 && free_rows <= high; free_rows++) {
        expect(c, row <= high, "a free list leaves its table", row);
        row = mcmp__lo(mcmp__row_get(c->rd, table, row, 1));
    }
    expect(c, used + free_rows == high, "rows are lost or free twice", table);
}

static void check_index(checker *c, uint32_t index)
{
    const mcmp__index *ix = &c->rd->layout->index[index];
    uint64_t w = mcmp__head_get(c->rd, MCMP__H_INDEX + index);
    uint32_t found = 0;

    for (uint32_t b = 0; b < mcmp__lo(w) && b < ix->cap && c->rc == MCMP_OK; b++) {
        uint32_t row = (uint32_t)mcmp__data_get(c->rd->base + ix->base + b);

        for (; row != 0 && found <= mcmp__hi(w); found++) {
            uint64_t link = mcmp__row_get(c->rd, ix->table, row, ix->link);
            uint32_t hit = mcmp__index_first(c->rd, index, mcmp__hi(link));

            while (hit != 0 && hit != row)
                hit = mcmp__index_next(c->rd, index, hit, mcmp__hi(link));
            expect(c, hit == row, "a row is in a wrong bucket", row);
            row = mcmp__lo(link);
        }
    }
    expect(c, found == mcmp__hi(w), "an index has lost or gained rows", index);
    if (index != MCMP__I_GROUP && (index != MCMP__I_PLACE || c->rd->layout->use_alias))
        expect(c, found == mcmp__head_get(c->rd, MCMP__H_USED + ix->table),
               "an index does not hold every row", index);
}

/* A seat stands in the group where it says, among those of its status. */
static void check_member(checker *c, uint32_t seat, uint32_t word, uint32_t domain)
{
    uint64_t at = mcmp__row_get(c->rd, MCMP__T_SEAT, seat, word);
    uint64_t hold = mcmp__row_get(c->rd, MCMP__T_SEAT, seat, MCMP__S_NODE);
    uint32_t status = mcmp__lo(mcmp__row_get(c->rd, MCMP__T_SEAT, seat, MCMP__S_GEN));
    uint32_t balancer = mcmp__node_balancer(c->rd, mcmp__lo(hold));
    uint32_t group = mcmp__group_find(c->rd, mcmp__hi(hold), balancer, domain);
    uint64_t counts = mcmp__row_get(c->rd, MCMP__T_GROUP, group, MCMP__G_COUNTS);
    uint32_t from = 0;

    for (uint32_t s = 1; s < status; s++)
        from += mcmp__tally(counts, s);
    expect(c, group != 0 && group == mcmp__lo(at), "a seat is in a foreign group", seat);
    expect(c, mcmp__hi(at) >= from && mcmp__hi(at) < from + mcmp__tally(counts, status),
           "a seat is not among those of its status", seat);
    expect(c, mcmp__group_member(c->rd, group, mcmp__hi(at)) == mcmp__pack(mcmp__lo(hold), seat),
           "a seat's position is another's", seat);
}

static void check_seats(checker *c)
{
    for (uint32_t seat = 1; seat <= high_of(c, MCMP__T_SEAT) && c->rc == MCMP_OK; seat++) {
        uint32_t status = mcmp__lo(mcmp__row_get(c->rd, MCMP__T_SEAT, seat, MCMP__S_GEN));
        uint64_t pairs = mcmp__row_get(c->rd, MCMP__T_SEAT, seat, MCMP__S_PAIRS);
        uint64_t hold = mcmp__row_get(c->rd, MCMP__T_SEAT, seat, MCMP__S_NODE);
        uint32_t domain = mcmp__node_domain(c->rd, mcmp__lo(hold));

        if (status == 0)
            continue;
        c->seats++;
        c->pairs -= mcmp__tally_all(pairs);
        expect(c, status <= MCMP_STATUS_STOPPED && mcmp__tally(pairs, status) != 0,
               "a seat has a status that none of its pairs has", seat);
        for (uint32_t s = 1; s < status; s++)
            expect(c, mcmp__tally(pairs, s) == 0, "a seat hides a better status", seat);
        check_member(c, seat, MCMP__S_MAIN, 0);
        if (domain != 0) {
            c->domain_seats++;
            check_member(c, seat, MCMP__S_DOMAIN, domain);
        } else {
            expect(c, mcmp__row_get(c->rd, MCMP__T_SEAT, seat, MCMP__S_DOMAIN) == 0,
                   "a seat is in a domain that its node is not in", seat);
        }
    }
}

/* Chunks that n members in a tree need. */
static uint64_t chunks_for(uint32_t n)
{
    uint64_t level = n <= MCMP__INLINE_MEMBERS ? 0 : (n - MCMP__INLINE_MEMBERS + 7) / 8;
    uint64_t sum = level;

    while (level > 1) {
        level = (level + 15) / 16;
        sum += level;
    }
    return sum;
}

static void check_groups(checker *c)
{
    for (uint32_t g = 1; g <= high_of(c, MCMP__T_GROUP) && c->rc == MCMP_OK; g++) {
        uint64_t key = mcmp__row_get(c->rd, MCMP__T_GROUP, g, MCMP__G_KEY);
        uint64_t next = mcmp__lo(mcmp__row_get(c->rd, MCMP__T_GROUP, g, MCMP__G_LIST));
        uint32_t n = mcmp__tally_all(mcmp__row_get(c->rd, MCMP__T_GROUP, g, MCMP__G_COUNTS));
        uint32_t other;

        if (key == 0)
            continue;
        expect(c, n != 0, "a group has no member", g);
        c->members += n;
        c->chunks += chunks_for(n);
        if (next == 0)
            continue;
        other = mcmp__hi(mcmp__row_get(c->rd, MCMP__T_GROUP, (uint32_t)next, MCMP__G_KEY));
        expect(c,
               mcmp__row_get(c->rd, MCMP__T_BALANCER, mcmp__hi(key), MCMP__B_ORDER) <
                   mcmp__row_get(c->rd, MCMP__T_BALANCER, other, MCMP__B_ORDER),
               "groups are not in the order of their balancers", g);
    }
    expect(c, c->members == c->seats + c->domain_seats, "groups hold more than the seats", 0);
    expect(c, c->chunks == mcmp__head_get(c->rd, MCMP__H_USED + MCMP__T_CHUNK), "chunks are lost",
           0);
}

static void check_pairs(checker *c, uint32_t node)
{
    uint64_t last = 0;

    for (uint32_t p = mcmp__pair_next(c->rd, node, 0); p != 0 && c->rc == MCMP_OK;
         p = mcmp__pair_next(c->rd, node, p)) {
        mcmp__pair pair;
        uint64_t alias, hold, key;

        expect(c, mcmp__pair_get(c->rd, p, &pair), "a node lists a free pair", p);
        alias = mcmp__row_get(c->rd, MCMP__T_ALIAS, pair.alias, MCMP__A_NODE);
        hold = mcmp__row_get(c->rd, MCMP__T_SEAT, pair.seat, MCMP__S_NODE);
        key = mcmp__row_get(c->rd, MCMP__T_PLACE, mcmp__hi(hold), MCMP__L_KEY);
        expect(c, pair.node == node && mcmp__lo(alias) == node, "a pair is of another node", p);
        expect(c, pair.order > last, "pairs are not in the order of registration", p);
        expect(c, mcmp__lo(hold) == node && mcmp__hi(key) == pair.context,
               "a pair has a foreign seat", p);
        expect(c, pair.status >= MCMP_STATUS_ENABLED && pair.status <= MCMP_STATUS_STOPPED,
               "a pair has no status", p);
        last = pair.order;
        c->pairs++;
        c->context_refs++;
    }
}

static void check_aliases(checker *c, uint32_t node)
{
    uint64_t last = 0;

    for (uint32_t a = mcmp__alias_next(c->rd, node, 0); a != 0 && c->rc == MCMP_OK;
         a = mcmp__alias_next(c->rd, node, a)) {
        mcmp__alias alias;

        expect(c, mcmp__alias_get(c->rd, a, &alias), "a node lists a free alias", a);
        expect(c, alias.node == node && alias.vhost != 0, "an alias has no number", a);
        expect(c, alias.id > last, "aliases are not in the order of registration", a);
        last = alias.id;
        c->alias_refs++;
    }
}

static void check_vhosts(checker *c)
{
    for (uint32_t v = 1; v <= high_of(c, MCMP__T_VHOST) && c->rc == MCMP_OK; v++) {
        uint64_t key = mcmp__row_get(c->rd, MCMP__T_VHOST, v, MCMP__V_NODE);
        uint64_t w = mcmp__row_get(c->rd, MCMP__T_VHOST, v, MCMP__V_ALIAS);
        uint32_t pairs = 0;

        if (key == 0)
            continue;
        for (uint32_t a = mcmp__lo(w), steps = 0; a != 0 && steps <= c->rd->layout->max_aliases;
             steps++) {
            uint64_t owner = mcmp__row_get(c->rd, MCMP__T_ALIAS, a, MCMP__A_NODE);

            expect(c, mcmp__hi(owner) == v && mcmp__lo(owner) == mcmp__lo(key),
                   "an alias is of another number", a);
            pairs += mcmp__hi(mcmp__row_get(c->rd, MCMP__T_ALIAS, a, MCMP__A_TEXT));
            a = mcmp__lo(mcmp__row_get(c->rd, MCMP__T_ALIAS, a, MCMP__A_VNEXT));
        }
        expect(c, pairs == mcmp__hi(w), "a number miscounts its contexts", v);
    }
}

static void check_nodes(checker *c)
{
    uint64_t counts = mcmp__head_get(c->rd, MCMP__H_COUNTS);
    uint64_t last = ~UINT64_C(0);
    uint32_t live = 0, leaving = 0;

    for (uint32_t n = mcmp__node_next(c->rd, 0); n != 0 && c->rc == MCMP_OK;
         n = mcmp__node_next(c->rd, n)) {
        mcmp__node node;
        char route[MCMP__TEXT_MAX], host[MCMP__TEXT_MAX];
        size_t route_len = mcmp__text(c->rd, MCMP__NODE_ROUTE, n, route, sizeof(route));
        size_t host_len = mcmp__text(c->rd, MCMP__NODE_HOST, n, host, sizeof(host));

        expect(c, mcmp__node_get(c->rd, n, &node), "the list of nodes holds a free row", n);
        expect(c, node.id < last, "nodes are not in the order of registration", n);
        expect(c, mcmp__row_by_route(c->rd, mcmp__span(route, route_len)) == n,
               "a node is not found by its route", n);
        expect(c, mcmp__row_by_endpoint(c->rd, mcmp__span(host, host_len), node.port) == n,
               "a node is not found by its endpoint", n);
        expect(c, mcmp__row_get(c->rd, MCMP__T_BALANCER, node.balancer, MCMP__B_ORDER) != 0,
               "a node has no balancer", n);
        last = node.id;
        live += !node.leaving;
        leaving += node.leaving;
        c->domain_refs += node.domain != 0;
        check_pairs(c, n);
        check_aliases(c, n);
    }
    expect(c, live == mcmp__lo(counts) && leaving == mcmp__hi(counts), "nodes are miscounted", 0);
}

static void check_balancers(checker *c)
{
    uint64_t live = 0, leaving = 0, last = 0;

    for (uint32_t b = mcmp__balancer_next(c->rd, 0); b != 0 && c->rc == MCMP_OK;
         b = mcmp__balancer_next(c->rd, b)) {
        mcmp__balancer row;

        expect(c, mcmp__balancer_get(c->rd, b, &row), "the list of balancers holds a free row", b);
        expect(c, row.order > last, "balancers are not in the order of registration", b);
        expect(c, row.nodes + row.leaving != 0, "a balancer has no node", b);
        last = row.order;
        live += row.nodes;
        leaving += row.leaving;
    }
    expect(c, mcmp__head_get(c->rd, MCMP__H_COUNTS) == (leaving << 32 | live),
           "balancers miscount their nodes", 0);
}

static uint64_t sum_refs(checker *c, uint32_t table, uint32_t *depths)
{
    uint64_t sum = 0;

    for (uint32_t x = 1; x <= high_of(c, table); x++) {
        uint64_t refs = mcmp__row_get(c->rd, table, x, MCMP__X_REFS);
        uint32_t depth = (uint32_t)(refs >> 40) & 0xff;

        sum += refs & ((UINT64_C(1) << 40) - 1);
        if (refs != 0 && depth != 0 && depth < MCMP__DEPTHS)
            depths[depth]++;
    }
    return sum;
}

static void check_texts(checker *c)
{
    uint32_t depths[MCMP__DEPTHS] = { 0 };
    uint64_t mask = 0;

    c->domain_refs += mcmp__head_get(c->rd, MCMP__H_USED + MCMP__T_MEMORY);
    expect(c, sum_refs(c, MCMP__T_ATEXT, depths) == c->alias_refs, "aliases are miscounted", 0);
    expect(c, sum_refs(c, MCMP__T_DTEXT, depths) == c->domain_refs, "domains are miscounted", 0);
    expect(c, sum_refs(c, MCMP__T_CTEXT, depths) == c->context_refs, "contexts are miscounted", 0);
    for (uint32_t d = 1; d < MCMP__DEPTHS; d++) {
        expect(c, mcmp__head_get(c->rd, MCMP__H_DEPTH_COUNT + d) == depths[d],
               "depths are miscounted", d);
        mask |= depths[d] != 0 ? UINT64_C(1) << d : 0;
    }
    expect(c, mcmp__head_get(c->rd, MCMP__H_DEPTHS) == mask, "the mask of depths is wrong", 0);
}

static void check_all(checker *c)
{
    check_copies(c);
    for (uint32_t t = 0; t < MCMP__TABLES; t++)
        check_slots(c, t);
    for (uint32_t i = 0; i < MCMP__INDEXES; i++)
        check_index(c, i);
    check_nodes(c);
    check_balancers(c);
    check_vhosts(c);
    check_seats(c); /* takes from pairs what the seats count */
    expect(c, c->pairs == 0, "seats miscount their pairs", 0);
    check_groups(c);
    check_texts(c);
    expect(c, c->rd->torn == 0, "an index leaves its table", 0);
}

int mcmp__cluster_check(mcmp_cluster *cluster, mcmp_error *err)
{
    mcmp__tx tx;
    checker c;
    int rc = mcmp__tx_begin(&tx, cluster, 0, err);

    if (rc != MCMP_OK)
        return rc;
    memset(&c, 0, sizeof(c));
    c.tx = &tx;
    c.rd = &tx.rd;
    c.err = err;
    mcmp__tx_repair(&tx);
    check_all(&c);
    mcmp__tx_abort(&tx);
    return c.rc;
}
