/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of nodes, balancers, aliases, numbers of virtual hosts, pairs, texts and remembered
 * domains: what a row points to is in use and points back, lists hold each row once and in order,
 * and every count is counted again.
 */
#include "base/health.h"
#include "model/check.h"
#include "model/index.h"

/* A moment of the host's clock: others are subtracted from it without a look. */
static int is_moment(uint64_t word)
{
    return (int64_t)word >= -(INT64_MAX / 4) && (int64_t)word <= INT64_MAX / 4;
}

/* A time as a message gives it; it may be as long as it likes. */
static int is_time(uint64_t word)
{
    return (int64_t)word >= MCMP_NEVER;
}

static int len_fits(mcmp__checker *c, enum mcmp__text_kind kind, uint32_t row)
{
    const mcmp__text_place *place = &c->rd->layout->text[kind];
    uint64_t lens = mcmp__row_get(c->rd, place->table, row, place->len_word);

    return (lens >> place->len_shift & 0xffff) <= place->max;
}

/* One more for the row that `target` names. */
static void count_one(mcmp__checker *c, uint32_t table, uint32_t row, uint32_t to, uint32_t target,
                      uint64_t one)
{
    if (mcmp__check_link(c, table, row, to, target))
        c->tally[target] += one;
}

/* Every row in use of `table` has been counted as often as its word says. */
static void compare(mcmp__checker *c, uint32_t table, uint32_t word, uint32_t shift, uint64_t mask,
                    const char *rule)
{
    for (uint32_t r = mcmp__check_next(c, table, 0); r != 0; r = mcmp__check_next(c, table, r))
        mcmp__expect(c, (mcmp__row_get(c->rd, table, r, word) >> shift & mask) == c->tally[r],
                     table, r, rule);
}

/* Nodes */

/* Never used again, so not to wrap; a pair's order has 62 bits. */
#define SEQUENCE_MAX (UINT64_MAX - UINT32_MAX)
#define ORDER_MAX (SEQUENCE_MAX >> 2)

typedef struct node_walk {
    uint64_t last;
    uint32_t live, leaving;
} node_walk;

static void check_node_fields(mcmp__checker *c, uint32_t n, const mcmp__node *node)
{
    static const uint32_t times[] = { MCMP__N_FLUSHWAIT, MCMP__N_PING, MCMP__N_TTL,
                                      MCMP__N_TIMEOUT };
    int ok = is_moment(mcmp__row_get(c->rd, MCMP__T_NODE, n, MCMP__N_REMOVED_AT));

    for (size_t i = 0; i < MCMP__COUNT(times); i++)
        ok &= is_time(mcmp__row_get(c->rd, MCMP__T_NODE, n, times[i]));
    mcmp__expect(c, ok, MCMP__T_NODE, n, "a time is out of range");
    mcmp__expect(c, node->scheme <= MCMP_SCHEME_WSS && node->flushpackets <= 2, MCMP__T_NODE, n,
                 "its scheme or flushing is none");
    mcmp__expect(c, mcmp__handle_generation(node->handle) != 0, MCMP__T_NODE, n,
                 "it has no generation");
}

/* Its word outside the copies is of its generation; the one that was replaced last may be late. */
static void check_health(mcmp__checker *c, uint32_t n, const mcmp__node *node)
{
    const mcmp_cluster *cluster = c->rd->cluster;
    const mcmp__live *live = mcmp__live_of(cluster, n);
    uint64_t word = mcmp__word_get(&live->health);

    if (cluster->local.read_only)
        return;
    mcmp__expect(c, mcmp__word_get(&live->id) == node->id, MCMP__T_NODE, n,
                 "its live row is of another node");
    if (mcmp__head_get(c->rd, MCMP__H_FIX) == n)
        return;
    mcmp__expect(c, mcmp__hi(word) == mcmp__handle_generation(node->handle), MCMP__T_NODE, n,
                 "its health is of another generation");
}

static void visit_node(mcmp__checker *c, uint32_t n, void *ctx)
{
    node_walk *walk = ctx;
    mcmp__node node;
    uint64_t state = mcmp__row_get(c->rd, MCMP__T_NODE, n, MCMP__N_GEN);

    mcmp__expect(c, mcmp__node_get(c->rd, n, &node) && mcmp__lo(state) <= MCMP__N_LEAVING,
                 MCMP__T_NODE, n, "it is neither live nor leaving");
    mcmp__expect(c, node.id < walk->last && node.id != 0, MCMP__T_NODE, n,
                 "nodes are not in the order of registration");
    mcmp__expect(c, mcmp__head_get(c->rd, MCMP__H_NODE_SEQ) >= node.id, MCMP__T_NODE, n,
                 "its id was never given");
    check_node_fields(c, n, &node);
    walk->last = node.id;
    walk->live += !node.leaving;
    walk->leaving += node.leaving;
    count_one(c, MCMP__T_NODE, n, MCMP__T_BALANCER, node.balancer,
              node.leaving ? UINT64_C(1) << 32 : 1);
    if (!node.leaving)
        check_health(c, n, &node);
    else
        mcmp__expect(c,
                     (mcmp__row_get(c->rd, MCMP__T_NODE, n, MCMP__N_ALIASES) |
                      mcmp__row_get(c->rd, MCMP__T_NODE, n, MCMP__N_PAIRS)) == 0,
                     MCMP__T_NODE, n, "it is leaving and has contexts");
}

static void visit_leaving(mcmp__checker *c, uint32_t n, void *ctx)
{
    (void)ctx;
    mcmp__expect(c, mcmp__lo(mcmp__row_get(c->rd, MCMP__T_NODE, n, MCMP__N_GEN)) == MCMP__N_LEAVING,
                 MCMP__T_NODE, n, "it is listed as leaving and is live");
}

static void check_nodes(mcmp__checker *c)
{
    uint64_t counts = mcmp__head_get(c->rd, MCMP__H_COUNTS);
    node_walk walk = { UINT64_MAX, 0, 0 };
    uint32_t leaving;

    mcmp__tally_clear(c, MCMP__T_BALANCER);
    mcmp__check_list(c, MCMP__T_NODE, MCMP__N_LIST, mcmp__head_get(c->rd, MCMP__H_NODES),
                     visit_node, &walk);
    leaving = mcmp__check_list(c, MCMP__T_NODE, MCMP__N_LEAVE,
                               mcmp__head_get(c->rd, MCMP__H_LEAVING), visit_leaving, NULL);
    mcmp__expect(c, walk.live == mcmp__lo(counts) && walk.leaving == mcmp__hi(counts), MCMP__TABLES,
                 MCMP__H_COUNTS, "nodes are miscounted");
    mcmp__expect(
        c, (uint64_t)walk.live + walk.leaving == mcmp__head_get(c->rd, MCMP__H_USED + MCMP__T_NODE),
        MCMP__T_NODE, 0, "a node is not in the list of nodes");
    mcmp__expect(c,
                 mcmp__head_get(c->rd, MCMP__H_NODE_SEQ) <= SEQUENCE_MAX &&
                     mcmp__head_get(c->rd, MCMP__H_ORDER_SEQ) <= ORDER_MAX,
                 MCMP__TABLES, MCMP__H_NODE_SEQ, "more was registered than time has been for");
    mcmp__expect(c, leaving == walk.leaving, MCMP__T_NODE, 0,
                 "a leaving node is not in their list");
    mcmp__expect(c,
                 walk.live <= c->rd->cluster->layout.max_nodes &&
                     walk.leaving <= c->rd->cluster->layout.max_nodes,
                 MCMP__T_NODE, 0, "more nodes than max_nodes");
    mcmp__expect(c, mcmp__head_get(c->rd, MCMP__H_FIX) <= mcmp__check_high(c, MCMP__T_NODE),
                 MCMP__TABLES, MCMP__H_FIX, "the node replaced last is none");
    compare(c, MCMP__T_BALANCER, MCMP__B_NODES, 0, UINT64_MAX, "it miscounts its nodes");
}

/* Balancers */

static void visit_balancer(mcmp__checker *c, uint32_t b, void *ctx)
{
    uint64_t *last = ctx;
    uint64_t order = mcmp__row_get(c->rd, MCMP__T_BALANCER, b, MCMP__B_ORDER);

    mcmp__expect(c, order > *last && order <= mcmp__head_get(c->rd, MCMP__H_ORDER_SEQ),
                 MCMP__T_BALANCER, b, "balancers are not in the order of registration");
    mcmp__expect(c, mcmp__row_get(c->rd, MCMP__T_BALANCER, b, MCMP__B_NODES) != 0, MCMP__T_BALANCER,
                 b, "it has no node");
    mcmp__expect(c, len_fits(c, MCMP__BALANCER_COOKIE, b) && len_fits(c, MCMP__BALANCER_PATH, b),
                 MCMP__T_BALANCER, b, "a name is too long");
    mcmp__expect(c, is_time(mcmp__row_get(c->rd, MCMP__T_BALANCER, b, MCMP__B_WAIT)),
                 MCMP__T_BALANCER, b, "a time is out of range");
    *last = order;
}

static void check_balancers(mcmp__checker *c)
{
    uint64_t last = 0;
    uint32_t count =
        mcmp__check_list(c, MCMP__T_BALANCER, MCMP__B_LIST,
                         mcmp__head_get(c->rd, MCMP__H_BALANCERS), visit_balancer, &last);

    mcmp__expect(c, count == mcmp__head_get(c->rd, MCMP__H_USED + MCMP__T_BALANCER),
                 MCMP__T_BALANCER, 0, "a balancer is not in the list of balancers");
}

/* Aliases and numbers */

typedef struct list_walk {
    uint32_t node;
    uint64_t last;
} list_walk;

static void visit_alias(mcmp__checker *c, uint32_t a, void *ctx)
{
    list_walk *walk = ctx;
    uint64_t owner = mcmp__row_get(c->rd, MCMP__T_ALIAS, a, MCMP__A_NODE);
    uint64_t id = mcmp__row_get(c->rd, MCMP__T_ALIAS, a, MCMP__A_ID);

    mcmp__expect(c, mcmp__lo(owner) == walk->node, MCMP__T_ALIAS, a, "it is of another node");
    mcmp__expect(c, id > walk->last && id <= mcmp__head_get(c->rd, MCMP__H_ORDER_SEQ),
                 MCMP__T_ALIAS, a, "aliases are not in the order of registration");
    if (mcmp__check_link(c, MCMP__T_ALIAS, a, MCMP__T_VHOST, mcmp__hi(owner)))
        mcmp__expect(c,
                     mcmp__lo(mcmp__row_get(c->rd, MCMP__T_VHOST, mcmp__hi(owner), MCMP__V_NODE)) ==
                         walk->node,
                     MCMP__T_ALIAS, a, "its number is of another node");
    walk->last = id;
}

/* The pair that the seat leads to has another key, if it is not this one. */
static int is_only(mcmp__checker *c, uint32_t p, uint32_t seat)
{
    uint32_t first = mcmp__seat_pair(mcmp__row_get(c->rd, MCMP__T_SEAT, seat, MCMP__S_GEN));

    return first == p || mcmp__row_get(c->rd, MCMP__T_PAIR, first, MCMP__P_ALIAS) !=
                             mcmp__row_get(c->rd, MCMP__T_PAIR, p, MCMP__P_ALIAS);
}

static void visit_pair(mcmp__checker *c, uint32_t p, void *ctx)
{
    list_walk *walk = ctx;
    mcmp__pair pair;
    uint64_t hold, key, text;

    mcmp__expect(c, mcmp__pair_get(c->rd, p, &pair), MCMP__T_PAIR, p, "it is free");
    mcmp__expect(c,
                 pair.order > walk->last && pair.order <= mcmp__head_get(c->rd, MCMP__H_ORDER_SEQ),
                 MCMP__T_PAIR, p, "pairs are not in the order of registration");
    mcmp__expect(c, pair.status >= MCMP_STATUS_ENABLED && pair.status <= MCMP_STATUS_STOPPED,
                 MCMP__T_PAIR, p, "it has no status");
    walk->last = pair.order;
    if (!mcmp__check_link(c, MCMP__T_PAIR, p, MCMP__T_ALIAS, pair.alias) ||
        !mcmp__check_link(c, MCMP__T_PAIR, p, MCMP__T_SEAT, pair.seat) ||
        !mcmp__check_link(c, MCMP__T_PAIR, p, MCMP__T_CTEXT, pair.context))
        return;
    mcmp__expect(c,
                 pair.node == walk->node && mcmp__lo(mcmp__row_get(c->rd, MCMP__T_ALIAS, pair.alias,
                                                                   MCMP__A_NODE)) == walk->node,
                 MCMP__T_PAIR, p, "it is of another node");
    hold = mcmp__row_get(c->rd, MCMP__T_SEAT, pair.seat, MCMP__S_NODE);
    text = c->rd->layout->use_alias
               ? mcmp__lo(mcmp__row_get(c->rd, MCMP__T_ALIAS, pair.alias, MCMP__A_TEXT))
               : 0;
    if (!mcmp__check_link(c, MCMP__T_PAIR, p, MCMP__T_PLACE, mcmp__hi(hold)))
        return;
    key = mcmp__row_get(c->rd, MCMP__T_PLACE, mcmp__hi(hold), MCMP__L_KEY);
    mcmp__expect(c, is_only(c, p, pair.seat), MCMP__T_PAIR, p, "another row has its key");
    mcmp__expect(c, mcmp__lo(hold) == walk->node && key == mcmp__pack((uint32_t)text, pair.context),
                 MCMP__T_PAIR, p, "its seat is another's");
}

/* The lists of all nodes hold all rows. */
static void check_owned(mcmp__checker *c)
{
    uint64_t aliases = 0, pairs = 0;

    for (uint32_t n = mcmp__check_next(c, MCMP__T_NODE, 0); n != 0;
         n = mcmp__check_next(c, MCMP__T_NODE, n)) {
        list_walk walk = { n, 0 };

        aliases += mcmp__check_list(c, MCMP__T_ALIAS, MCMP__A_LIST,
                                    mcmp__row_get(c->rd, MCMP__T_NODE, n, MCMP__N_ALIASES),
                                    visit_alias, &walk);
        walk.last = 0;
        pairs += mcmp__check_list(c, MCMP__T_PAIR, MCMP__P_LIST,
                                  mcmp__row_get(c->rd, MCMP__T_NODE, n, MCMP__N_PAIRS), visit_pair,
                                  &walk);
    }
    mcmp__expect(c, aliases == mcmp__head_get(c->rd, MCMP__H_USED + MCMP__T_ALIAS), MCMP__T_ALIAS,
                 0, "an alias is in no node's list");
    mcmp__expect(c, pairs == mcmp__head_get(c->rd, MCMP__H_USED + MCMP__T_PAIR), MCMP__T_PAIR, 0,
                 "a pair is in no node's list");
}

/* The chain of a number's aliases; each alias is in one. */
static uint64_t check_chain(mcmp__checker *c, uint32_t v, uint64_t room)
{
    uint64_t w = mcmp__row_get(c->rd, MCMP__T_VHOST, v, MCMP__V_ALIAS);
    uint32_t a = mcmp__lo(w);
    uint64_t count = 0;
    uint64_t pairs = 0;

    for (; a != 0; count++) {
        if (!mcmp__expect(c, count < room, MCMP__T_VHOST, v, "its aliases are a circle") ||
            !mcmp__check_link(c, MCMP__T_VHOST, v, MCMP__T_ALIAS, a))
            return count;
        mcmp__expect(c, mcmp__hi(mcmp__row_get(c->rd, MCMP__T_ALIAS, a, MCMP__A_NODE)) == v,
                     MCMP__T_ALIAS, a, "it is of another number");
        pairs += mcmp__hi(mcmp__row_get(c->rd, MCMP__T_ALIAS, a, MCMP__A_TEXT));
        a = mcmp__lo(mcmp__row_get(c->rd, MCMP__T_ALIAS, a, MCMP__A_VNEXT));
    }
    mcmp__expect(c, pairs == mcmp__hi(w) && count != 0, MCMP__T_VHOST, v,
                 "it miscounts its contexts");
    return count;
}

/* Numbers 1..64 are bits of their node; the hint says up to where all above are taken. */
static void check_numbers(mcmp__checker *c)
{
    uint32_t v, n;

    mcmp__tally_clear(c, MCMP__T_NODE);
    for (v = mcmp__check_next(c, MCMP__T_VHOST, 0); v != 0;
         v = mcmp__check_next(c, MCMP__T_VHOST, v)) {
        uint64_t key = mcmp__row_get(c->rd, MCMP__T_VHOST, v, MCMP__V_NODE);

        if (mcmp__check_link(c, MCMP__T_VHOST, v, MCMP__T_NODE, mcmp__lo(key)) &&
            mcmp__hi(key) - 1 < 64)
            c->tally[mcmp__lo(key)] |= UINT64_C(1) << (mcmp__hi(key) - 1);
        mcmp__expect(c, mcmp__hi(key) != 0, MCMP__T_VHOST, v, "it is number 0");
    }
    compare(c, MCMP__T_NODE, MCMP__N_VHOSTS, 0, UINT64_MAX, "its numbers are miscounted");
    mcmp__tally_clear(c, MCMP__T_NODE); /* numbers below the hint */
    for (v = mcmp__check_next(c, MCMP__T_VHOST, 0); v != 0;
         v = mcmp__check_next(c, MCMP__T_VHOST, v)) {
        uint64_t key = mcmp__row_get(c->rd, MCMP__T_VHOST, v, MCMP__V_NODE);
        uint32_t hint =
            mcmp__lo(mcmp__row_get(c->rd, MCMP__T_NODE, mcmp__lo(key), MCMP__N_VHOST_HINT));

        if (mcmp__hi(key) > 64 && mcmp__hi(key) - 65 < hint)
            c->tally[mcmp__lo(key)]++;
    }
    for (n = mcmp__check_next(c, MCMP__T_NODE, 0); n != 0; n = mcmp__check_next(c, MCMP__T_NODE, n))
        mcmp__expect(
            c, mcmp__lo(mcmp__row_get(c->rd, MCMP__T_NODE, n, MCMP__N_VHOST_HINT)) == c->tally[n],
            MCMP__T_NODE, n, "its hint for numbers is wrong");
}

static void check_aliases(mcmp__checker *c)
{
    uint64_t used = mcmp__head_get(c->rd, MCMP__H_USED + MCMP__T_ALIAS);
    uint64_t chained = 0;

    mcmp__tally_clear(c, MCMP__T_ALIAS);
    for (uint32_t p = mcmp__check_next(c, MCMP__T_PAIR, 0); p != 0;
         p = mcmp__check_next(c, MCMP__T_PAIR, p))
        count_one(c, MCMP__T_PAIR, p, MCMP__T_ALIAS,
                  mcmp__lo(mcmp__row_get(c->rd, MCMP__T_PAIR, p, MCMP__P_ALIAS)), 1);
    compare(c, MCMP__T_ALIAS, MCMP__A_TEXT, 32, UINT32_MAX, "it miscounts its contexts");
    for (uint32_t v = mcmp__check_next(c, MCMP__T_VHOST, 0); v != 0;
         v = mcmp__check_next(c, MCMP__T_VHOST, v))
        chained += check_chain(c, v, used - chained);
    mcmp__expect(c, chained == used, MCMP__T_ALIAS, 0, "an alias is of no number");
    if (c->rc == MCMP_OK)
        check_numbers(c);
}

/* Texts */

#define REFS_MASK ((UINT64_C(1) << 40) - 1)

static void count_texts(mcmp__checker *c, uint32_t table, uint32_t word, uint32_t shift,
                        uint32_t texts, int may_be_none)
{
    for (uint32_t r = mcmp__check_next(c, table, 0); r != 0; r = mcmp__check_next(c, table, r)) {
        uint32_t text = (uint32_t)(mcmp__row_get(c->rd, table, r, word) >> shift);

        if (text != 0 || !may_be_none)
            count_one(c, table, r, texts, text, 1);
    }
}

/* Depths of contexts and wildcards among the aliases. */
static void check_kinds(mcmp__checker *c, uint32_t index, uint64_t *depths, uint64_t *wild)
{
    uint32_t table = c->rd->layout->index[index].table;
    enum mcmp__text_kind kind = index == MCMP__I_CTEXT ? MCMP__CONTEXT_TEXT : MCMP__ALIAS_TEXT;

    for (uint32_t x = mcmp__check_next(c, table, 0); x != 0; x = mcmp__check_next(c, table, x)) {
        uint32_t depth = (uint32_t)(mcmp__row_get(c->rd, table, x, MCMP__X_REFS) >> 40) & 0xff;
        char text[MCMP__TEXT_MAX];
        size_t len = mcmp__text(c->rd, kind, x, text, sizeof(text));
        uint32_t right;

        (void)mcmp__text_hash(c->rd->layout, index, mcmp__span(text, len), &right);
        if (!mcmp__expect(c, depth == right && depth < MCMP__DEPTHS, table, x,
                          "its depth is wrong"))
            return;
        depths[depth]++;
        *wild += len > 2 && text[0] == '*' && text[1] == '.';
    }
}

static void check_texts(mcmp__checker *c)
{
    uint64_t depths[MCMP__DEPTHS] = { 0 };
    uint64_t none[MCMP__DEPTHS] = { 0 };
    uint64_t wild = 0, mask = 0;

    mcmp__tally_clear(c, MCMP__T_ATEXT);
    count_texts(c, MCMP__T_ALIAS, MCMP__A_TEXT, 0, MCMP__T_ATEXT, 0);
    compare(c, MCMP__T_ATEXT, MCMP__X_REFS, 0, REFS_MASK, "its references are miscounted");
    mcmp__tally_clear(c, MCMP__T_CTEXT);
    count_texts(c, MCMP__T_PAIR, MCMP__P_ALIAS, 32, MCMP__T_CTEXT, 0);
    compare(c, MCMP__T_CTEXT, MCMP__X_REFS, 0, REFS_MASK, "its references are miscounted");
    mcmp__tally_clear(c, MCMP__T_DTEXT);
    count_texts(c, MCMP__T_NODE, MCMP__N_BAL, 32, MCMP__T_DTEXT, 1);
    count_texts(c, MCMP__T_MEMORY, MCMP__M_DOMAIN, 0, MCMP__T_DTEXT, 0);
    compare(c, MCMP__T_DTEXT, MCMP__X_REFS, 0, REFS_MASK, "its references are miscounted");
    check_kinds(c, MCMP__I_CTEXT, depths, &mask);
    mask = 0; /* contexts are no wildcards */
    check_kinds(c, MCMP__I_ATEXT, none, &wild);
    for (uint32_t d = 1; d < MCMP__DEPTHS; d++) {
        mcmp__expect(c, mcmp__head_get(c->rd, MCMP__H_DEPTH_COUNT + d) == depths[d], MCMP__TABLES,
                     MCMP__H_DEPTH_COUNT + d, "depths are miscounted");
        mask |= depths[d] != 0 ? UINT64_C(1) << d : 0;
    }
    mcmp__expect(c, mcmp__head_get(c->rd, MCMP__H_DEPTHS) == mask, MCMP__TABLES, MCMP__H_DEPTHS,
                 "the mask of depths is wrong");
    mcmp__expect(c, mcmp__head_get(c->rd, MCMP__H_WILD) == wild, MCMP__TABLES, MCMP__H_WILD,
                 "wildcards are miscounted");
}

/* Remembered domains */

static void visit_memory(mcmp__checker *c, uint32_t m, void *ctx)
{
    (void)ctx;
    mcmp__expect(c, is_moment(mcmp__row_get(c->rd, MCMP__T_MEMORY, m, MCMP__M_AT)), MCMP__T_MEMORY,
                 m, "a time is out of range");
}

static void check_memories(mcmp__checker *c)
{
    uint32_t count = mcmp__check_list(c, MCMP__T_MEMORY, MCMP__M_LIST,
                                      mcmp__head_get(c->rd, MCMP__H_MEMORIES), visit_memory, NULL);

    mcmp__expect(c, count == mcmp__head_get(c->rd, MCMP__H_USED + MCMP__T_MEMORY), MCMP__T_MEMORY,
                 0, "a domain is not in the list of memories");
}

void mcmp__check_rows(mcmp__checker *c)
{
    check_nodes(c);
    check_balancers(c);
    check_owned(c);
    check_aliases(c);
    check_texts(c);
    check_memories(c);
}
