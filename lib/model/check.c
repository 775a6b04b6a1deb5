/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mcmp_cluster_check(): the invariants of the whole region. It runs under the lock on the working
 * copy, after the repair that every transaction begins with, and first compares the two copies; a
 * cluster attached for reading has no lock and checks a snapshot. Cost is in proportion to what is
 * registered. What it accepts, a writer may follow without looking.
 */
#include "model/change.h"
#include "model/check.h"

#include "model/process.h"

#define LOCK_MS 10000u

static const char *const table_names[MCMP__TABLES + 1] = {
    [MCMP__T_NODE] = "node",          [MCMP__T_BALANCER] = "balancer",
    [MCMP__T_ALIAS] = "alias",        [MCMP__T_VHOST] = "vhost",
    [MCMP__T_PAIR] = "pair",          [MCMP__T_SEAT] = "seat",
    [MCMP__T_PLACE] = "place",        [MCMP__T_GROUP] = "group",
    [MCMP__T_CHUNK] = "chunk",        [MCMP__T_ATEXT] = "alias_text",
    [MCMP__T_CTEXT] = "context_text", [MCMP__T_DTEXT] = "domain_text",
    [MCMP__T_MEMORY] = "memory",      [MCMP__TABLES] = "header",
};

int mcmp__expect(mcmp__checker *c, int holds, uint32_t table, uint64_t row, const char *rule)
{
    if (holds && !c->rd->torn)
        return 1;
    if (c->rc != MCMP_OK)
        return 0;
    if (holds)
        rule = "an index leaves its table";
    c->rc = mcmp__fail(c->err, MCMP_ERR_DAMAGED, table_names[table], "%s %llu: %s",
                       table_names[table], (unsigned long long)row, rule);
    mcmp__error_at(c->err, row);
    return 0;
}

uint32_t mcmp__check_high(const mcmp__checker *c, uint32_t table)
{
    return mcmp__hi(mcmp__head_get(c->rd, MCMP__H_TABLE + table));
}

/* The word that is 0 in a free row. Chunks have none. */
int mcmp__check_in_use(mcmp__checker *c, uint32_t table, uint32_t row)
{
    static const struct {
        uint32_t word;
        uint64_t mask;
    } in_use[MCMP__TABLES] = {
        [MCMP__T_NODE] = { MCMP__N_GEN, UINT32_MAX },
        [MCMP__T_BALANCER] = { MCMP__B_ORDER, UINT64_MAX },
        [MCMP__T_ALIAS] = { MCMP__A_TEXT, UINT32_MAX },
        [MCMP__T_VHOST] = { MCMP__V_NODE, UINT64_MAX },
        [MCMP__T_PAIR] = { MCMP__P_ALIAS, UINT64_MAX },
        [MCMP__T_SEAT] = { MCMP__S_NODE, UINT64_MAX },
        [MCMP__T_PLACE] = { MCMP__L_KEY, UINT64_MAX },
        [MCMP__T_GROUP] = { MCMP__G_KEY, UINT64_MAX },
        [MCMP__T_CHUNK] = { 0, 0 },
        [MCMP__T_ATEXT] = { MCMP__X_REFS, UINT64_MAX },
        [MCMP__T_CTEXT] = { MCMP__X_REFS, UINT64_MAX },
        [MCMP__T_DTEXT] = { MCMP__X_REFS, UINT64_MAX },
        [MCMP__T_MEMORY] = { MCMP__M_DOMAIN, UINT64_MAX },
    };

    return (mcmp__row_get(c->rd, table, row, in_use[table].word) & in_use[table].mask) != 0;
}

uint32_t mcmp__check_next(mcmp__checker *c, uint32_t table, uint32_t row)
{
    uint32_t high = mcmp__check_high(c, table);

    if (c->rc != MCMP_OK)
        return 0;
    while (row < high)
        if (mcmp__check_in_use(c, table, ++row))
            return row;
    return 0;
}

int mcmp__check_link(mcmp__checker *c, uint32_t table, uint32_t row, uint32_t to, uint32_t target)
{
    return mcmp__expect(
        c, target != 0 && target <= mcmp__check_high(c, to) && mcmp__check_in_use(c, to, target),
        table, row, "it points to a row that is not in use");
}

void mcmp__tally_clear(mcmp__checker *c, uint32_t table)
{
    memset(c->tally, 0, ((size_t)mcmp__check_high(c, table) + 1) * sizeof(*c->tally));
}

uint32_t mcmp__check_list(mcmp__checker *c, uint32_t table, uint32_t word, uint64_t anchor,
                          mcmp__visit *visit, void *ctx)
{
    uint64_t used = mcmp__head_get(c->rd, MCMP__H_USED + table);
    uint32_t row = mcmp__lo(anchor);
    uint32_t before = 0;
    uint32_t count = 0;

    while (row != 0) {
        uint64_t links;

        if (!mcmp__expect(c, count < used, table, row, "a list is a circle") ||
            !mcmp__check_link(c, table, before, table, row))
            return count;
        links = mcmp__row_get(c->rd, table, row, word);
        if (!mcmp__expect(c, mcmp__hi(links) == before, table, row, "a list is torn here"))
            return count;
        if (visit != NULL)
            visit(c, row, ctx);
        if (c->rc != MCMP_OK)
            return count;
        count++;
        before = row;
        row = mcmp__lo(links);
    }
    mcmp__expect(c, mcmp__hi(anchor) == before, table, before, "a list ends elsewhere");
    return count;
}

/* What the headers of tables and indexes say is possible; everything else builds on it. */
static void check_header(mcmp__checker *c)
{
    const mcmp__layout *layout = c->rd->layout;

    for (uint32_t t = 0; t < MCMP__TABLES; t++) {
        uint32_t high = mcmp__check_high(c, t);
        uint64_t used = mcmp__head_get(c->rd, MCMP__H_USED + t);

        if (!mcmp__expect(c, high <= layout->table[t].cap && used <= high, t, 0,
                          "more rows than the table has"))
            return;
        c->figures.used_bytes += (uint64_t)high * layout->table[t].words * sizeof(mcmp__word);
        for (uint32_t w = 0; w < layout->table[t].words; w++)
            if (!mcmp__expect(c, mcmp__row_get(c->rd, t, 0, w) == 0, t, 0, "it is not zero"))
                return;
    }
    for (uint32_t i = 0; i < MCMP__INDEXES; i++) {
        uint32_t buckets = mcmp__lo(mcmp__head_get(c->rd, MCMP__H_INDEX + i));

        c->figures.used_bytes += (uint64_t)buckets * sizeof(mcmp__word);
        if (!mcmp__expect(c, buckets <= layout->index[i].cap && (buckets == 0 || buckets >= 8),
                          layout->index[i].table, 0, "an index has a wrong number of buckets"))
            return;
    }
}

static int words_agree(const mcmp__word *one, const mcmp__word *two, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (mcmp__word_get(one + i) != mcmp__word_get(two + i))
            return 0;
    return 1;
}

/* What was never used is zero: a writer does not write what is there already, so what stands there
 * in one copy alone would stay. Only memory that a segment has is looked at. */
static int is_untouched(const mcmp_cluster *cluster, size_t from, size_t end)
{
    size_t page = mcmp__os_page_size() / sizeof(mcmp__word);

    while (from < end) {
        int64_t at = mcmp__os_segment_touched(cluster->segment, from * sizeof(mcmp__word));
        size_t stop;

        if (at < 0 || (uint64_t)at / sizeof(mcmp__word) >= end)
            return 1;
        from = MCMP__MAX(from, (size_t)at / sizeof(mcmp__word));
        stop = MCMP__MIN(end, (from / page + 1) * page);
        for (; from < stop; from++)
            if (mcmp__word_get(cluster->region + from) != 0)
                return 0;
    }
    return 1;
}

static void check_unused(mcmp__checker *c, const mcmp_cluster *cluster)
{
    const mcmp__layout *layout = &cluster->layout;

    for (int copy = 0; copy < 2; copy++) {
        size_t base = layout->copy_base[copy];

        for (uint32_t t = 0; t < MCMP__TABLES; t++) {
            const mcmp__table *table = &layout->table[t];
            uint32_t high = mcmp__check_high(c, t);

            mcmp__expect(c,
                         is_untouched(cluster,
                                      base + table->base + ((size_t)high + 1) * table->words,
                                      base + table->base + ((size_t)table->cap + 1) * table->words),
                         t, high, "rows behind it are not zero");
        }
        for (uint32_t i = 0; i < MCMP__INDEXES; i++) {
            const mcmp__index *ix = &layout->index[i];
            uint32_t buckets = mcmp__lo(mcmp__head_get(c->rd, MCMP__H_INDEX + i));

            mcmp__expect(
                c, is_untouched(cluster, base + ix->base + buckets, base + ix->base + ix->cap),
                ix->table, buckets, "unused buckets are not zero");
        }
    }
}

/* The copies agree in everything that is in use; nothing of the log is left. */
static void check_copies(mcmp__checker *c, const mcmp_cluster *cluster)
{
    const mcmp__layout *layout = &cluster->layout;
    const mcmp__word *one = cluster->region + layout->copy_base[0];
    const mcmp__word *two = cluster->region + layout->copy_base[1];

    mcmp__expect(c, words_agree(one, two, MCMP__H_WORDS), MCMP__TABLES, 0, "the copies differ");
    for (uint32_t t = 0; t < MCMP__TABLES; t++) {
        size_t words = layout->table[t].words;

        for (uint32_t row = 0; c->rc == MCMP_OK && row <= mcmp__check_high(c, t); row++) {
            size_t at = layout->table[t].base + row * words;

            mcmp__expect(c, words_agree(one + at, two + at, words), t, row, "the copies differ");
        }
    }
    for (uint32_t i = 0; c->rc == MCMP_OK && i < MCMP__INDEXES; i++) {
        size_t at = layout->index[i].base;

        mcmp__expect(
            c, words_agree(one + at, two + at, mcmp__lo(mcmp__head_get(c->rd, MCMP__H_INDEX + i))),
            layout->index[i].table, 0, "the copies of an index differ");
    }
    for (size_t i = 0; i < layout->copy_words / MCMP__BLOCK_WORDS / 64; i++)
        if (mcmp__word_get(cluster->region + layout->bitmap_base + i) != 0)
            mcmp__expect(c, 0, MCMP__TABLES, i, "a block is marked and not in the log");
    c->figures.compared = 1;
}

/* Free list and rows in use make up all rows ever taken. A list that ends has no row twice. */
static void check_slots(mcmp__checker *c, uint32_t table)
{
    uint64_t used = mcmp__head_get(c->rd, MCMP__H_USED + table);
    uint32_t high = mcmp__check_high(c, table);
    uint32_t row = mcmp__lo(mcmp__head_get(c->rd, MCMP__H_TABLE + table));
    uint32_t found = 0;
    uint32_t count = 0;

    if (c->rc != MCMP_OK)
        return;
    for (; row != 0; count++) {
        if (!mcmp__expect(c, row <= high && used + count < high, table, row,
                          "the free list is too long or leaves the table") ||
            !mcmp__expect(c, !mcmp__check_in_use(c, table, row), table, row,
                          "a row in use is in the free list"))
            return;
        row = mcmp__lo(mcmp__row_get(c->rd, table, row, 1));
    }
    mcmp__expect(c, used + count == high, table, 0, "rows are lost");
    if (table == MCMP__T_CHUNK) /* counted where they are used */
        return;
    for (row = mcmp__check_next(c, table, 0); row != 0; row = mcmp__check_next(c, table, row))
        found++;
    mcmp__expect(c, found == used, table, 0, "rows in use are miscounted");
}

/* A reader has only a copy of the tables, which the ring may be ahead of. */
static void check_changes(mcmp__checker *c)
{
    const char *wrong = mcmp__change_check(c->rd);

    mcmp__expect(c, wrong == NULL, MCMP__TABLES, MCMP__H_CHANGES, wrong);
}

static void check_all(mcmp__checker *c, const mcmp_cluster *cluster)
{
    check_header(c);
    if (c->rc == MCMP_OK && !cluster->local.read_only)
        check_copies(c, cluster);
    if (c->rc == MCMP_OK && cluster->segment >= 0 && !cluster->local.read_only)
        check_unused(c, cluster);
    for (uint32_t t = 0; t < MCMP__TABLES; t++)
        check_slots(c, t);
    if (c->rc == MCMP_OK)
        mcmp__check_indexes(c);
    if (c->rc == MCMP_OK)
        mcmp__check_rows(c);
    if (c->rc == MCMP_OK)
        mcmp__check_groups(c);
    if (c->rc == MCMP_OK && !cluster->local.read_only)
        check_changes(c);
}

/* Figures */

static uint32_t used_of(const mcmp__checker *c, uint32_t table)
{
    return (uint32_t)mcmp__head_get(c->rd, MCMP__H_USED + table);
}

static void count_rows(mcmp__checker *c)
{
    uint64_t nodes = mcmp__head_get(c->rd, MCMP__H_COUNTS);

    c->figures.nodes = mcmp__lo(nodes);
    c->figures.leaving = mcmp__hi(nodes);
    c->figures.balancers = used_of(c, MCMP__T_BALANCER);
    c->figures.aliases = used_of(c, MCMP__T_ALIAS);
    c->figures.contexts = used_of(c, MCMP__T_PAIR);
    c->figures.groups = used_of(c, MCMP__T_GROUP);
}

static void count_processes(mcmp__checker *c, const mcmp_cluster *cluster)
{
    for (uint32_t p = 0; p < cluster->layout.max_processes; p++) {
        uint64_t owner = mcmp__word_get(cluster->region + MCMP__R_PID + p) & (UINT64_MAX >> 1);

        if (owner == 0)
            continue;
        c->figures.processes++;
        c->figures.dead += mcmp__os_process_state(owner) == MCMP__PROCESS_GONE;
    }
}

/* Tally for the longest table; found before the lock is taken. */
static int take_tally(mcmp__checker *c, const mcmp_cluster *cluster, size_t *out_count)
{
    *out_count = 1;
    for (uint32_t t = 0; t < MCMP__TABLES; t++)
        *out_count = MCMP__MAX(*out_count, (size_t)cluster->layout.table[t].cap + 1);
    c->tally = mcmp__calloc(&cluster->config.allocator, *out_count, sizeof(*c->tally));
    if (c->tally == NULL)
        return mcmp__fail(c->err, MCMP_ERR_NOMEM, "check", "no memory for the check");
    return MCMP_OK;
}

static int check_locked(mcmp__checker *c, mcmp_cluster *cluster, int patient)
{
    uint64_t pub, log;
    mcmp__tx tx;
    int rc = patient ? mcmp__tx_begin(&tx, cluster, 0, c->err)
                     : mcmp__tx_begin_within(&tx, cluster, 0, LOCK_MS, c->err);

    if (rc != MCMP_OK)
        return rc;
    pub = mcmp__word_get(cluster->region + MCMP__R_PUB);
    log = mcmp__word_get(cluster->region + MCMP__R_LOG);
    c->figures.repaired = MCMP__MIN(log, cluster->layout.copy_words / MCMP__BLOCK_WORDS);
    c->figures.unfinished = (pub & 1) != 0 && log != 0;
    c->figures.messages = pub >> 1;
    c->rd = &tx.rd;
    mcmp__tx_repair(&tx);
    check_all(c, cluster);
    count_rows(c);
    mcmp__tx_abort(&tx);
    return c->rc;
}

static int check_snapshot(mcmp__checker *c, mcmp_cluster *cluster)
{
    mcmp__snapshot *snap;
    int rc = mcmp__snapshot_new(&snap, cluster, 0, c->err);

    if (rc != MCMP_OK)
        return rc;
    c->rd = mcmp__snapshot_rd(snap);
    c->figures.messages = mcmp__version(cluster);
    check_all(c, cluster);
    count_rows(c);
    mcmp__snapshot_free(snap);
    return c->rc;
}

static int check(mcmp_cluster *cluster, mcmp_check *out, int patient, mcmp_error *err)
{
    mcmp__checker c;
    size_t count;
    int rc;

    memset(&c, 0, sizeof(c));
    c.err = err;
    c.figures.struct_size = sizeof(c.figures);
    c.figures.region_bytes = cluster->layout.region_words * sizeof(mcmp__word);
    rc = take_tally(&c, cluster, &count);
    if (rc != MCMP_OK)
        return rc;
    rc =
        cluster->local.read_only ? check_snapshot(&c, cluster) : check_locked(&c, cluster, patient);
    count_processes(&c, cluster);
    mcmp__free(&cluster->config.allocator, c.tally, count * sizeof(*c.tally));
    if (out != NULL)
        (void)mcmp__sized_out(out, &c.figures, sizeof(c.figures)); /* its size was looked at */
    return rc;
}

int mcmp__check_attached(mcmp_cluster *cluster, mcmp_error *err)
{
    return check(cluster, NULL, 0, err);
}

void mcmp_check_init_sized(mcmp_check *out, size_t size)
{
    mcmp__sized_init(out, size);
}

int mcmp_cluster_check(mcmp_cluster *cluster, mcmp_check *out, mcmp_error *err)
{
    if (cluster == NULL || (out != NULL && out->struct_size < sizeof(out->struct_size)))
        return mcmp__fail(err, MCMP_ERR_INVALID, "check",
                          "no cluster, or no struct made ready by mcmp_check_init()");
    return check(cluster, out, 1, err);
}
