/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mcmp_cluster_check(): its figures, and that each kind of damage is told by table, row and rule,
 * by who can lock and by who only reads.
 */
#include "segments.h"

#include "model/region.h"
#include "model/rows.h"

typedef struct damaged {
    segment s;
    farm f;
    mcmp_cluster *reader;
    bytes b;
} damaged;

static void damaged_open(damaged *d)
{
    mcmp_cluster_options opts;

    d->s = segment_name("check");
    segment_options(&opts, &d->s, MCMP_ATTACH_CREATE);
    farm_open(&d->f, &opts);
    farm_script(&d->f, segment_farm);
    for (int i = 0; i < 4; i++) /* a group with a chunk */
        farm_sayf(&d->f,
                  "CONFIG JVMRoute=g%d&Host=g%d&Domain=d1|"
                  "ENABLE-APP JVMRoute=g%d&Alias=localhost&Context=/x",
                  i, i, i);
    segment_adopt(&opts, &d->s, MCMP_ATTACH_READ);
    d->reader = segment_open(&opts);
    d->b = segment_map(&d->s);
    ck_assert_int_eq(mcmp_cluster_check(d->f.cluster, NULL, NULL), MCMP_OK);
}

static void damaged_close(damaged *d)
{
    segment_unmap(&d->b);
    mcmp_cluster_close(d->reader);
    farm_close(&d->f);
    ck_assert_int_eq(mcmp_segment_unlink(d->s.name, 0, NULL), MCMP_OK);
}

/* A word of a row, or of the header (table MCMP__TABLES), in a copy. */
static uint64_t *word_of(damaged *d, int copy, uint32_t table, uint32_t row, uint32_t word)
{
    const mcmp__layout *layout = &d->f.cluster->layout;
    uint64_t *base = d->b.words + layout->copy_base[copy];

    if (table == MCMP__TABLES)
        return base + word;
    return base + layout->table[table].base + (size_t)row * layout->table[table].words + word;
}

START_TEST(each_rule_is_told_by_table_row_and_words)
{
    static const struct {
        const char *row;
        uint32_t table, index, word;
        uint64_t flip; /* in both copies */
        const char *field;
        int64_t offset; /* -1: whichever row met it first */
        const char *rule;
    } rows[] = {
        { "high", MCMP__TABLES, 0, MCMP__H_TABLE + MCMP__T_PAIR, UINT64_C(1) << 60, "pair", 0,
          "more rows" },
        { "used", MCMP__TABLES, 0, MCMP__H_USED + MCMP__T_SEAT, 1, "seat", 0, "more rows" },
        { "row 0", MCMP__T_PLACE, 0, MCMP__L_KEY, 7, "place", 0, "not zero" },
        { "free list", MCMP__TABLES, 0, MCMP__H_TABLE + MCMP__T_ALIAS, 3, "alias", -1,
          "free list" },
        { "hash", MCMP__T_CTEXT, 2, MCMP__X_LINK, UINT64_C(1) << 63, "context_text", -1, "" },
        { "way to a pair", MCMP__T_SEAT, 1, MCMP__S_GEN, 4, "pair", -1, "every row" },
        { "way to a seat", MCMP__T_PLACE, 1, MCMP__L_SEATS, UINT64_C(1) << 32, "seat", -1, "" },
        { "route", MCMP__T_NODE, 1, MCMP__N_TEXT, 1, "node", 1, "its hash is wrong" },
        { "route's end", MCMP__T_NODE, 1, MCMP__N_TEXT, UINT64_C(1) << 60, "node", 1, "text" },
        { "state", MCMP__T_NODE, 1, MCMP__N_GEN, 4, "node", 1, "neither live nor leaving" },
        { "balancer", MCMP__T_NODE, 1, MCMP__N_BAL, 0x40, "node", 1, "" },
        { "scheme", MCMP__T_NODE, 1, MCMP__N_PORT, 0x80 << 16, "node", 1, "scheme" },
        { "ping", MCMP__T_NODE, 1, MCMP__N_PING, UINT64_C(1) << 63, "node", 1, "time" },
        { "list", MCMP__T_NODE, 2, MCMP__N_LIST, UINT64_C(1) << 32, "node", 2, "torn" },
        { "vhosts", MCMP__T_NODE, 1, MCMP__N_VHOSTS, 1 << 20, "node", 1, "numbers" },
        { "hint", MCMP__T_NODE, 1, MCMP__N_VHOST_HINT, 1, "node", 1, "hint" },
        { "live", MCMP__TABLES, 0, MCMP__H_COUNTS, 1, "header", MCMP__H_COUNTS, "miscounted" },
        { "nodes of a balancer", MCMP__T_BALANCER, 1, MCMP__B_NODES, 1, "balancer", 1,
          "miscounts" },
        { "order", MCMP__T_BALANCER, 1, MCMP__B_ORDER, 1 << 30, "balancer", 1, "order" },
        { "cookie", MCMP__T_BALANCER, 1, MCMP__B_LENS, 0x80 << 16, "balancer", 1, "too long" },
        { "alias' node", MCMP__T_ALIAS, 1, MCMP__A_NODE, 3, "alias", 1, "" },
        { "alias' pairs", MCMP__T_ALIAS, 1, MCMP__A_TEXT, UINT64_C(1) << 32, "alias", 1,
          "miscounts" },
        { "chain", MCMP__T_VHOST, 1, MCMP__V_ALIAS, 2, "alias", -1, "of another number" },
        { "status", MCMP__T_PAIR, 1, MCMP__P_ORDER, 1, "pair", 1, "no status" },
        { "another status", MCMP__T_PAIR, 1, MCMP__P_ORDER, 2, "seat", -1, "pairs" },
        { "pair's seat", MCMP__T_PAIR, 1, MCMP__P_NODE, UINT64_C(1) << 33, "pair", -1, "" },
        { "seat's status", MCMP__T_SEAT, 1, MCMP__S_GEN, 2, "seat", 1, "status" },
        { "position", MCMP__T_SEAT, 1, MCMP__S_MAIN, UINT64_C(1) << 32, "seat", 1, "" },
        { "tally", MCMP__T_GROUP, 1, MCMP__G_COUNTS, 1 << 21, "group", -1, "" },
        { "member", MCMP__T_GROUP, 1, MCMP__G_MEMBERS, 5, "seat", -1, "position" },
        { "seats of a place", MCMP__T_PLACE, 1, MCMP__L_SEATS, 1, "place", 1, "miscounts" },
        { "groups of a place", MCMP__T_PLACE, 1, MCMP__L_GROUPS, UINT64_C(1) << 40, "group", -1,
          "ends elsewhere" },
        { "references", MCMP__T_CTEXT, 1, MCMP__X_REFS, 2, "context_text", 1, "miscounted" },
        { "depth", MCMP__T_CTEXT, 1, MCMP__X_REFS, UINT64_C(1) << 41, "context_text", 1, "depth" },
        { "place of a text", MCMP__T_CTEXT, 1, MCMP__X_PLACE, 2, "place", -1, "" },
        { "mask", MCMP__TABLES, 0, MCMP__H_DEPTHS, 1 << 9, "header", MCMP__H_DEPTHS, "mask" },
        { "wild", MCMP__TABLES, 0, MCMP__H_WILD, 1, "header", MCMP__H_WILD, "wildcards" },
        { "domain", MCMP__T_DTEXT, 1, MCMP__X_REFS, 4, "domain_text", 1, "miscounted" },
        { "memory", MCMP__T_MEMORY, 1, MCMP__M_AT, UINT64_C(1) << 63, "memory", 1, "time" },
    };
    damaged d;

    damaged_open(&d);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mcmp_cluster *const clusters[] = { d.f.cluster, d.reader };

        for (int copy = 0; copy < 2; copy++)
            *word_of(&d, copy, rows[i].table, rows[i].index, rows[i].word) ^= rows[i].flip;
        for (size_t k = 0; k < COUNT_OF(clusters); k++) {
            mcmp_error err;

            mcmp_error_init(&err);
            row_code(rows[i].row, mcmp_cluster_check(clusters[k], NULL, &err), MCMP_ERR_DAMAGED);
            row_text(rows[i].row, span_of(err.field), rows[i].field);
            if (rows[i].offset >= 0)
                row_int(rows[i].row, err.offset, rows[i].offset);
            ck_assert_msg(strstr(err.message, rows[i].rule) != NULL, "row '%s': %s", rows[i].row,
                          err.message);
        }
        for (int copy = 0; copy < 2; copy++)
            *word_of(&d, copy, rows[i].table, rows[i].index, rows[i].word) ^= rows[i].flip;
        row_code(rows[i].row, mcmp_cluster_check(d.f.cluster, NULL, NULL), MCMP_OK);
    }
    damaged_close(&d);
}
END_TEST

/* What only one with the lock can see. */
START_TEST(the_copies_and_the_log_are_compared)
{
    const mcmp__layout *layout;
    mcmp_error err;
    damaged d;
    int other;

    damaged_open(&d);
    layout = &d.f.cluster->layout;
    mcmp_error_init(&err);
    other = (int)(d.b.words[MCMP__R_PUB] >> 1 & 1) ^ 1;
    *word_of(&d, other, MCMP__T_NODE, 2, MCMP__N_TTL) ^= 1;
    ck_assert_int_eq(mcmp_cluster_check(d.f.cluster, NULL, &err), MCMP_ERR_DAMAGED);
    ck_assert_str_eq(err.field, "node");
    ck_assert_uint_eq(err.offset, 2);
    ck_assert_int_eq(mcmp_cluster_check(d.reader, NULL, NULL), MCMP_OK);
    *word_of(&d, other, MCMP__T_NODE, 2, MCMP__N_TTL) ^= 1;

    d.b.words[layout->bitmap_base + 1] = 1;
    ck_assert_int_eq(mcmp_cluster_check(d.f.cluster, NULL, &err), MCMP_ERR_DAMAGED);
    ck_assert_str_eq(err.field, "header");
    d.b.words[layout->bitmap_base + 1] = 0;

    *word_of(&d, 0, MCMP__T_PAIR, layout->table[MCMP__T_PAIR].cap, 3) = 1; /* never used */
    ck_assert_int_eq(mcmp_cluster_check(d.f.cluster, NULL, &err), MCMP_ERR_DAMAGED);
    ck_assert_str_eq(err.field, "pair");
    *word_of(&d, 0, MCMP__T_PAIR, layout->table[MCMP__T_PAIR].cap, 3) = 0;
    d.b.words[layout->copy_base[1] + layout->index[MCMP__I_PAIR].base +
              layout->index[MCMP__I_PAIR].cap - 1] = 1;
    ck_assert_int_eq(mcmp_cluster_check(d.f.cluster, NULL, &err), MCMP_ERR_DAMAGED);
    ck_assert_str_eq(err.field, "pair");
    d.b.words[layout->copy_base[1] + layout->index[MCMP__I_PAIR].base +
              layout->index[MCMP__I_PAIR].cap - 1] = 0;
    ck_assert_int_eq(mcmp_cluster_check(d.f.cluster, NULL, NULL), MCMP_OK);
    damaged_close(&d);
}
END_TEST

START_TEST(figures_are_those_of_the_cluster)
{
    mcmp_cluster_options opts;
    mcmp_check check;
    uint64_t before;
    farm f;

    farm_options(&opts);
    farm_open(&f, &opts);
    mcmp_check_init(&check);
    ck_assert_int_eq(mcmp_cluster_check(f.cluster, &check, NULL), MCMP_OK);
    ck_assert_uint_eq(check.messages, 0);
    ck_assert_uint_eq(check.used_bytes, 0);
    ck_assert_uint_gt(check.region_bytes, 100000);
    farm_script(&f, segment_farm);
    ck_assert_int_eq(mcmp_cluster_check(f.cluster, &check, NULL), MCMP_OK);
    ck_assert_uint_eq(check.nodes, 5);
    ck_assert_uint_eq(check.leaving, 1);
    ck_assert_uint_eq(check.balancers, 3);
    ck_assert_uint_eq(check.aliases, 8);
    ck_assert_uint_eq(check.contexts, 14);
    ck_assert_uint_eq(check.processes, 1);
    ck_assert_uint_eq(check.dead, 0);
    ck_assert_uint_eq(check.compared, 1);
    ck_assert_uint_gt(check.groups, 5);
    ck_assert_uint_gt(check.repaired, 0); /* the log names what the last message wrote */
    ck_assert_uint_eq(check.unfinished, 0);
    before = check.messages;
    ck_assert_int_eq(mcmp_cluster_check(f.cluster, &check, NULL), MCMP_OK);
    ck_assert_uint_eq(check.messages, before);
    ck_assert_uint_eq(check.repaired, 0); /* the check before made the copies agree */
    {
        mcmp__node_data node = { .host = TEXT("h"), .route = TEXT("half"), .port = 80 };
        uint32_t row;
        mcmp__tx tx;

        ck_assert_int_eq(mcmp__tx_begin(&tx, f.cluster, f.now, NULL), MCMP_OK);
        ck_assert_int_eq(mcmp__node_add(&tx, &node, 1, &row, NULL), MCMP_OK);
        mcmp__tx_abort(&tx);
    }
    ck_assert_int_eq(mcmp_cluster_check(f.cluster, &check, NULL), MCMP_OK);
    ck_assert_uint_eq(check.unfinished, 1);
    ck_assert_uint_gt(check.repaired, 0);
    ck_assert_uint_eq(check.nodes, 5);
    farm_close(&f);
}
END_TEST

START_TEST(arguments_are_looked_at)
{
    mcmp_check check = { 0 };
    mcmp_cluster *cluster;

    ck_assert_int_eq(mcmp_cluster_check(NULL, NULL, NULL), MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_cluster_open(&cluster, NULL, NULL), MCMP_OK);
    ck_assert_int_eq(mcmp_cluster_check(cluster, &check, NULL), MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_cluster_check(cluster, NULL, NULL), MCMP_OK);
    mcmp_cluster_close(cluster);
}
END_TEST

static int check_scenario(const mcmp_allocator *allocator, void *ctx)
{
    mcmp_cluster_options opts;
    mcmp_cluster *cluster;
    int rc;

    (void)ctx;
    farm_options(&opts);
    opts.allocator = allocator;
    rc = mcmp_cluster_open(&cluster, &opts, NULL);
    if (rc != MCMP_OK)
        return rc;
    rc = mcmp_cluster_check(cluster, NULL, NULL);
    mcmp_cluster_close(cluster);
    return rc;
}

START_TEST(a_check_without_memory_says_so)
{
    run_with_oom("check", check_scenario, NULL);
}
END_TEST

/* The row of the alias was never used: no list leads to it, and no view has a place for it. */
START_TEST(a_pair_of_an_alias_in_no_list_is_damage_for_a_view)
{
    mcmp_view *view = NULL;
    uint64_t last;
    damaged d;

    damaged_open(&d);
    last = d.f.cluster->layout.table[MCMP__T_ALIAS].cap;
    ck_assert_int_eq(mcmp_view_new(&view, d.reader, START_TIME, NULL), MCMP_OK);
    mcmp_view_free(view);
    view = NULL;
    for (int copy = 0; copy < 2; copy++) {
        uint64_t *word = word_of(&d, copy, MCMP__T_PAIR, 1, MCMP__P_ALIAS);

        ck_assert_uint_ne(*word, 0);
        *word = (*word & ~(uint64_t)UINT32_MAX) | last;
    }
    for (int i = 0; i < 8; i++) /* whatever the memory held before */
        ck_assert_int_eq(mcmp_view_new(&view, d.reader, START_TIME, NULL), MCMP_ERR_DAMAGED);
    ck_assert_ptr_null(view);
    damaged_close(&d);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {
        a_pair_of_an_alias_in_no_list_is_damage_for_a_view,
        each_rule_is_told_by_table_row_and_words,
        the_copies_and_the_log_are_compared,
        figures_are_those_of_the_cluster,
        arguments_are_looked_at,
        a_check_without_memory_says_so,
    };

    return run_tests("model check", tests, COUNT_OF(tests));
}
