/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of the hash indexes: every row that belongs into an index is in it once, in the bucket of
 * its hash, its hash is that of its key, and no two rows have one key.
 */
#include "model/check.h"
#include "model/index.h"

/* What a row is found by: two numbers, or a text and a number. */
typedef struct key {
    uint64_t a, b;
    size_t len;
    char text[MCMP__TEXT_MAX + 8];
} key;

/* 0 when the text is too long, or not followed by zeros as lookups need it. */
static int take_text(mcmp__checker *c, const mcmp__word *words, size_t len, size_t max, key *out)
{
    if (len > max || len > MCMP__TEXT_MAX)
        return 0;
    mcmp__words_copy(words, len, out->text);
    out->len = len;
    return !c->rd->torn && mcmp__words_equal(words, mcmp__span(out->text, len));
}

static int take_kind(mcmp__checker *c, enum mcmp__text_kind kind, uint32_t row, key *out)
{
    const mcmp__text_place *place = &c->rd->layout->text[kind];
    const mcmp__word *words = mcmp__row(c->rd, place->table, row);
    uint64_t len = mcmp__data_get(words + place->len_word) >> place->len_shift & 0xffff;

    return take_text(c, words + place->word, (size_t)len, place->max, out);
}

static int take_host(mcmp__checker *c, uint32_t row, key *out)
{
    char normal[MCMP__HOST_NORMAL];

    if (!take_kind(c, MCMP__NODE_HOST, row, out))
        return 0;
    out->len = mcmp__host_normal(mcmp__span(out->text, out->len), normal);
    memcpy(out->text, normal, out->len);
    out->a = mcmp__row_get(c->rd, MCMP__T_NODE, row, MCMP__N_PORT) & 0xffff;
    return 1;
}

/* Numbers of a row, by index. */
static void take_words(mcmp__checker *c, uint32_t index, uint32_t row, key *out)
{
    static const uint32_t words[MCMP__INDEXES] = {
        [MCMP__I_VHOST] = MCMP__V_NODE, [MCMP__I_PAIR] = MCMP__P_ALIAS,
        [MCMP__I_SEAT] = MCMP__S_NODE,  [MCMP__I_PLACE] = MCMP__L_KEY,
        [MCMP__I_GROUP] = MCMP__G_KEY,
    };

    out->a = mcmp__row_get(c->rd, c->rd->layout->index[index].table, row, words[index]);
    if (index == MCMP__I_GROUP)
        out->b = mcmp__lo(mcmp__row_get(c->rd, MCMP__T_GROUP, row, MCMP__G_DOMAIN));
}

static int key_of(mcmp__checker *c, uint32_t index, uint32_t row, key *out)
{
    uint64_t w;

    out->a = 0;
    out->b = 0;
    out->len = 0;
    switch (index) {
    case MCMP__I_ROUTE:
        return take_kind(c, MCMP__NODE_ROUTE, row, out);
    case MCMP__I_ENDPOINT:
        return take_host(c, row, out);
    case MCMP__I_BALANCER:
        return take_kind(c, MCMP__BALANCER_NAME, row, out);
    case MCMP__I_ATEXT:
        return take_kind(c, MCMP__ALIAS_TEXT, row, out);
    case MCMP__I_CTEXT:
        return take_kind(c, MCMP__CONTEXT_TEXT, row, out);
    case MCMP__I_DTEXT:
        return take_kind(c, MCMP__DOMAIN_TEXT, row, out);
    case MCMP__I_MEMORY:
        w = mcmp__row_get(c->rd, MCMP__T_MEMORY, row, MCMP__M_DOMAIN);
        return take_text(c, mcmp__row(c->rd, MCMP__T_MEMORY, row) + MCMP__M_TEXT, mcmp__hi(w),
                         c->rd->layout->text[MCMP__NODE_ROUTE].max, out);
    case MCMP__I_ALIAS:
        w = mcmp__row_get(c->rd, MCMP__T_ALIAS, row, MCMP__A_TEXT);
        out->a = mcmp__pack(mcmp__lo(mcmp__row_get(c->rd, MCMP__T_ALIAS, row, MCMP__A_NODE)),
                            mcmp__lo(w));
        out->b = 1;
        return 1;
    default:
        take_words(c, index, row, out);
        return 1;
    }
}

static uint32_t hash_of(const mcmp__layout *layout, uint32_t index, const key *of)
{
    mcmp_span text = mcmp__span(of->text, of->len);
    uint32_t depth;

    switch (index) {
    case MCMP__I_ROUTE:
    case MCMP__I_BALANCER:
    case MCMP__I_MEMORY:
        return mcmp__hash_text(layout, text);
    case MCMP__I_ATEXT:
    case MCMP__I_CTEXT:
    case MCMP__I_DTEXT:
        return mcmp__text_hash(layout, index, text, &depth);
    case MCMP__I_ENDPOINT:
        return mcmp__hash_ints(layout, mcmp__hash_text(layout, text), of->a);
    default:
        return mcmp__hash_ints(layout, of->a, of->b);
    }
}

static int is_same(const key *one, const key *two)
{
    return one->a == two->a && one->b == two->b && one->len == two->len &&
           memcmp(one->text, two->text, one->len) == 0;
}

/* The rows of the chain before this one, which were looked at, have other keys. */
static int is_first(mcmp__checker *c, uint32_t index, uint32_t row, uint32_t hash, const key *own)
{
    uint32_t at = mcmp__index_first(c->rd, index, hash);

    for (uint32_t steps = 0; at != row && at != 0 && steps < MCMP__CHAIN_MAX; steps++) {
        key other;

        if (!key_of(c, index, at, &other) || is_same(own, &other))
            return 0;
        at = mcmp__index_next(c->rd, index, at, hash);
    }
    return at == row;
}

/* Does the row belong into the index, or is it found by another way? */
static int belongs(mcmp__checker *c, uint32_t index, uint32_t row)
{
    mcmp__read *rd = c->rd;
    uint32_t other;

    switch (index) {
    case MCMP__I_PLACE:
        return rd->layout->use_alias != 0;
    case MCMP__I_GROUP:
        return mcmp__row_get(rd, MCMP__T_GROUP, row, MCMP__G_LINK) != MCMP__NOT_INDEXED;
    case MCMP__I_SEAT: /* its place says it */
        other = mcmp__hi(mcmp__row_get(rd, MCMP__T_SEAT, row, MCMP__S_NODE));
        return mcmp__hi(mcmp__row_get(rd, MCMP__T_PLACE, other, MCMP__L_SEATS)) != 0;
    case MCMP__I_PAIR: /* not the one that its seat leads to */
        other = mcmp__hi(mcmp__row_get(rd, MCMP__T_PAIR, row, MCMP__P_NODE));
        return mcmp__seat_pair(mcmp__row_get(rd, MCMP__T_SEAT, other, MCMP__S_GEN)) != row;
    default:
        return 1;
    }
}

static uint64_t rows_for(mcmp__checker *c, uint32_t index)
{
    uint32_t table = c->rd->layout->index[index].table;
    uint64_t count = 0;

    for (uint32_t r = mcmp__check_next(c, table, 0); r != 0; r = mcmp__check_next(c, table, r))
        count += (uint64_t)belongs(c, index, r);
    return count;
}

static uint32_t check_chain(mcmp__checker *c, uint32_t index, uint32_t bucket, uint32_t room)
{
    const mcmp__index *ix = &c->rd->layout->index[index];
    uint32_t buckets = mcmp__lo(mcmp__head_get(c->rd, MCMP__H_INDEX + index));
    uint64_t head = mcmp__data_get(c->rd->base + ix->base + bucket);
    uint32_t row = mcmp__lo(head);
    uint32_t filter = 0;
    uint32_t found = 0;

    while (row != 0 && c->rc == MCMP_OK) {
        uint64_t link;
        key own;

        if (!mcmp__expect(c, found < room, ix->table, row, "a bucket's chain is too long") ||
            !mcmp__check_link(c, ix->table, row, ix->table, row))
            break;
        link = mcmp__row_get(c->rd, ix->table, row, ix->link);
        mcmp__expect(c, mcmp__bucket_of(mcmp__hi(link), buckets) == bucket, ix->table, row,
                     "it is in a wrong bucket");
        if (!mcmp__expect(c, key_of(c, index, row, &own), ix->table, row, "its text is damaged"))
            break;
        mcmp__expect(c, hash_of(c->rd->layout, index, &own) == mcmp__hi(link), ix->table, row,
                     "its hash is wrong");
        mcmp__expect(c, belongs(c, index, row), ix->table, row,
                     "it is in an index and has another way");
        mcmp__expect(c, is_first(c, index, row, mcmp__hi(link), &own), ix->table, row,
                     "another row has its key");
        filter |= mcmp__filter_bit(mcmp__hi(link));
        found++;
        row = mcmp__lo(link);
    }
    mcmp__expect(c, filter == mcmp__hi(head), ix->table, bucket, "a bucket has a wrong filter");
    return found;
}

void mcmp__check_indexes(mcmp__checker *c)
{
    for (uint32_t i = 0; i < MCMP__INDEXES && c->rc == MCMP_OK; i++) {
        uint64_t w = mcmp__head_get(c->rd, MCMP__H_INDEX + i);
        uint32_t table = c->rd->layout->index[i].table;
        uint32_t found = 0;

        for (uint32_t b = 0; b < mcmp__lo(w) && c->rc == MCMP_OK; b++)
            found += check_chain(c, i, b, mcmp__hi(w) - found);
        mcmp__expect(c, found == mcmp__hi(w), table, 0, "an index has lost rows");
        mcmp__expect(c, found == rows_for(c, i), table, 0, "an index does not hold every row");
    }
}
