/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The places of everything in the region, computed from the limits alone, so that every process
 * that knows the options knows them too. Capacities are for the worst case, so that the
 * documented limits (nodes, aliases, contexts, balancers) are the only ones that can be met:
 * reserved address space costs nothing until it is touched. Offsets are in 64-bit words.
 */
#include "model/layout.h"

#include "model/hash.h"
#include "model/change.h"
#include "model/rows.h"

#define ROUND(n, unit) (((n) + (unit)-1) / (unit) * (unit))
#define PAGE_WORDS 512u

static uint32_t text_words(uint32_t bytes)
{
    return (bytes + 7) / 8;
}

/* Rows and capacities. A node that was removed stays as a leaving row beside the live ones: hence
 * twice the nodes, with a domain each; three more with the domain memory. */
static void size_tables(mcmp__layout *layout, const mcmp_command_limits *limits)
{
    uint32_t nodes = layout->max_nodes;
    uint32_t names = text_words(limits->balancer) + 2 * text_words(limits->cookie);
    const mcmp__table sizes[MCMP__TABLES] = {
        [MCMP__T_NODE] = { 0,
                           ROUND(MCMP__N_TEXT + text_words(limits->jvm_route) +
                                     text_words(limits->host + 2),
                                 MCMP__BLOCK_WORDS),
                           2 * nodes },
        [MCMP__T_BALANCER] = { 0, MCMP__B_TEXT + names, layout->max_balancers },
        [MCMP__T_ALIAS] = { 0, MCMP__A_WORDS, layout->max_aliases },
        [MCMP__T_VHOST] = { 0, MCMP__V_WORDS, layout->max_aliases },
        [MCMP__T_PAIR] = { 0, MCMP__P_WORDS, layout->max_contexts },
        [MCMP__T_SEAT] = { 0, MCMP__S_WORDS, layout->max_contexts },
        [MCMP__T_PLACE] = { 0, MCMP__L_WORDS, layout->max_contexts },
        [MCMP__T_GROUP] = { 0, MCMP__G_WORDS, 2 * layout->max_contexts },
        [MCMP__T_CHUNK] = { 0, MCMP__BLOCK_WORDS, layout->max_contexts + 64 },
        [MCMP__T_ATEXT] = { 0, MCMP__X_TEXT + text_words(limits->alias), layout->max_aliases },
        [MCMP__T_CTEXT] = { 0, MCMP__X_TEXT + text_words(limits->context), layout->max_contexts },
        [MCMP__T_DTEXT] = { 0, MCMP__X_TEXT + text_words(limits->domain), 3 * nodes },
        [MCMP__T_MEMORY] = { 0, MCMP__M_TEXT + text_words(limits->jvm_route), nodes },
    };

    memcpy(layout->table, sizes, sizeof(sizes));
}

static void name_indexes(mcmp__layout *layout)
{
    static const mcmp__index indexes[MCMP__INDEXES] = {
        [MCMP__I_ROUTE] = { 0, 0, MCMP__T_NODE, MCMP__N_LINK_ROUTE },
        [MCMP__I_ENDPOINT] = { 0, 0, MCMP__T_NODE, MCMP__N_LINK_ENDPOINT },
        [MCMP__I_BALANCER] = { 0, 0, MCMP__T_BALANCER, MCMP__B_LINK },
        [MCMP__I_ALIAS] = { 0, 0, MCMP__T_ALIAS, MCMP__A_LINK },
        [MCMP__I_VHOST] = { 0, 0, MCMP__T_VHOST, MCMP__V_LINK },
        [MCMP__I_PAIR] = { 0, 0, MCMP__T_PAIR, MCMP__P_LINK },
        [MCMP__I_SEAT] = { 0, 0, MCMP__T_SEAT, MCMP__S_LINK },
        [MCMP__I_PLACE] = { 0, 0, MCMP__T_PLACE, MCMP__L_LINK },
        [MCMP__I_GROUP] = { 0, 0, MCMP__T_GROUP, MCMP__G_LINK },
        [MCMP__I_ATEXT] = { 0, 0, MCMP__T_ATEXT, MCMP__X_LINK },
        [MCMP__I_CTEXT] = { 0, 0, MCMP__T_CTEXT, MCMP__X_LINK },
        [MCMP__I_DTEXT] = { 0, 0, MCMP__T_DTEXT, MCMP__X_LINK },
        [MCMP__I_MEMORY] = { 0, 0, MCMP__T_MEMORY, MCMP__M_LINK },
    };

    memcpy(layout->index, indexes, sizeof(indexes));
    for (size_t i = 0; i < MCMP__INDEXES; i++) {
        uint32_t cap = 8;

        while (cap < layout->table[indexes[i].table].cap)
            cap *= 2;
        layout->index[i].cap = cap;
    }
}

static void name_texts(mcmp__layout *layout, const mcmp_command_limits *limits)
{
    uint32_t route = text_words(limits->jvm_route);
    uint32_t name = text_words(limits->balancer);
    uint32_t cookie = text_words(limits->cookie);
    const mcmp__text_place texts[MCMP__TEXT_KINDS] = {
        [MCMP__NODE_ROUTE] = { MCMP__T_NODE, MCMP__N_LENS, 0, MCMP__N_TEXT, limits->jvm_route, 0, 0,
                               0 },
        [MCMP__NODE_HOST] = { MCMP__T_NODE, MCMP__N_LENS, 16, MCMP__N_TEXT + route,
                              limits->host + 2, 0, 0, 0 },
        [MCMP__BALANCER_NAME] = { MCMP__T_BALANCER, MCMP__B_LENS, 0, MCMP__B_TEXT, limits->balancer,
                                  0, 0, 0 },
        [MCMP__BALANCER_COOKIE] = { MCMP__T_BALANCER, MCMP__B_LENS, 16, MCMP__B_TEXT + name,
                                    limits->cookie, 0, 0, 0 },
        [MCMP__BALANCER_PATH] = { MCMP__T_BALANCER, MCMP__B_LENS, 32, MCMP__B_TEXT + name + cookie,
                                  limits->cookie, 0, 0, 0 },
        [MCMP__DOMAIN_TEXT] = { MCMP__T_DTEXT, MCMP__X_REFS, 48, MCMP__X_TEXT, limits->domain, 0, 0,
                                0 },
        [MCMP__ALIAS_TEXT] = { MCMP__T_ATEXT, MCMP__X_REFS, 48, MCMP__X_TEXT, limits->alias, 0, 0,
                               0 },
        [MCMP__CONTEXT_TEXT] = { MCMP__T_CTEXT, MCMP__X_REFS, 48, MCMP__X_TEXT, limits->context, 0,
                                 0, 0 },
    };

    memcpy(layout->text, texts, sizeof(texts));
}

/* 64-bit sums can't overflow: no limit is over 2^24 and no row over 2^8 words. */
static uint64_t place_copy(mcmp__layout *layout)
{
    uint64_t at = ROUND((uint64_t)MCMP__H_WORDS, MCMP__BLOCK_WORDS);

    for (size_t t = 0; t < MCMP__TABLES; t++) {
        layout->table[t].base = (size_t)at;
        at += ((uint64_t)layout->table[t].cap + 1) * layout->table[t].words;
        at = ROUND(at, MCMP__BLOCK_WORDS);
    }
    for (size_t i = 0; i < MCMP__INDEXES; i++) {
        layout->index[i].base = (size_t)at;
        at += layout->index[i].cap;
        at = ROUND(at, MCMP__BLOCK_WORDS);
    }
    return ROUND(at, PAGE_WORDS);
}

void mcmp__layout_texts(mcmp__layout *layout)
{
    for (size_t k = 0; k < MCMP__TEXT_KINDS; k++) {
        const mcmp__table *table = &layout->table[layout->text[k].table];

        layout->text[k].base = table->base;
        layout->text[k].stride = table->words;
        layout->text[k].cap = table->cap;
    }
}

static int check_limits(const mcmp__layout *layout, mcmp_error *err)
{
    const struct {
        const char *name;
        uint32_t value, max;
    } rows[] = {
        { "max_nodes", layout->max_nodes, 1u << 18 },
        { "max_aliases", layout->max_aliases, 1u << 20 },
        { "max_contexts", layout->max_contexts, 1u << 24 },
        { "max_balancers", layout->max_balancers, 1u << 20 },
        { "max_processes", layout->max_processes, MCMP__MAX_PROCESSES },
    };

    for (size_t i = 0; i < MCMP__COUNT(rows); i++)
        if (rows[i].value > rows[i].max)
            return mcmp__fail(err, MCMP_ERR_LIMIT, rows[i].name,
                              "%s is %u, at most %u are possible", rows[i].name, rows[i].value,
                              rows[i].max);
    return MCMP_OK;
}

int mcmp__layout_make(mcmp__layout *layout, const mcmp__config *config, mcmp_error *err)
{
    const mcmp_cluster_options *opts = &config->opts;
    uint64_t at, copy, seats, touched;

    memset(layout, 0, sizeof(*layout));
    layout->max_nodes = opts->max_nodes;
    layout->max_aliases = opts->max_aliases;
    layout->max_contexts = opts->max_contexts;
    layout->max_balancers = opts->max_balancers;
    layout->max_processes = opts->max_processes;
    layout->use_alias = (opts->flags & MCMP_CLUSTER_USE_ALIAS) != 0;
    layout->max_context = config->limits.context;
    if (check_limits(layout, err) != MCMP_OK)
        return MCMP_ERR_LIMIT;
    size_tables(layout, &config->limits);
    name_indexes(layout);
    name_texts(layout, &config->limits);
    copy = place_copy(layout);
    mcmp__layout_texts(layout);

    at = ROUND((uint64_t)MCMP__R_PID + opts->max_processes, PAGE_WORDS);
    layout->live_base = (size_t)at;
    at += (2 * (uint64_t)opts->max_nodes + 1) * (sizeof(mcmp__live) / sizeof(mcmp__word));
    at = ROUND(at, PAGE_WORDS);
    seats = ROUND(2 * (uint64_t)opts->max_nodes + 1, PAGE_WORDS);
    touched = seats + ROUND((uint64_t)opts->max_contexts + 1, PAGE_WORDS);
    layout->counts_base = (size_t)at;
    layout->seats_at = (size_t)seats;
    layout->touched_at = (size_t)touched;
    layout->counts_words = (size_t)(touched + ROUND(touched / PAGE_WORDS / 64 + 1, PAGE_WORDS));
    at += (uint64_t)layout->counts_words * opts->max_processes;
    layout->bitmap_base = (size_t)at;
    at += ROUND(copy / MCMP__BLOCK_WORDS / 64 + 1, PAGE_WORDS);
    layout->log_base = (size_t)at;
    at += ROUND(copy / MCMP__BLOCK_WORDS, PAGE_WORDS);
    layout->copy_base[0] = (size_t)at;
    layout->copy_base[1] = (size_t)(at + copy);
    layout->copy_words = (size_t)copy;
    at += 2 * copy;
    layout->ring_base = (size_t)at;
    layout->ring_words = opts->change_ring / sizeof(mcmp__word);
    if (layout->ring_words != 0)
        at += ROUND(MCMP__C_WORDS + layout->ring_words, PAGE_WORDS);
    if (at > SIZE_MAX / sizeof(mcmp__word))
        return mcmp__fail(err, MCMP_ERR_LIMIT, "max_contexts",
                          "the region would not fit into the address space");
    layout->region_words = (size_t)at;
    return MCMP_OK;
}

/* What makes two regions incompatible, by the name of the option. */
typedef struct header_row {
    uint32_t word;
    uint32_t shift;
    uint32_t bits;
    const char *name;
    uint64_t value;
} header_row;

#define HEADER_ROWS 14

static void header_rows(header_row *rows, const mcmp__layout *layout, const mcmp__config *config)
{
    const mcmp_command_limits *limits = &config->limits;
    const header_row all[HEADER_ROWS] = {
        { MCMP__R_NODES, 0, 32, "max_nodes", layout->max_nodes },
        { MCMP__R_NODES, 32, 32, "max_aliases", layout->max_aliases },
        { MCMP__R_CONTEXTS, 0, 32, "max_contexts", layout->max_contexts },
        { MCMP__R_CONTEXTS, 32, 32, "max_balancers", layout->max_balancers },
        { MCMP__R_PROCESSES, 0, 32, "max_processes", layout->max_processes },
        { MCMP__R_PROCESSES, 32, 32, "USE_ALIAS", layout->use_alias },
        { MCMP__R_NAMES, 0, 16, "jvm_route", limits->jvm_route },
        { MCMP__R_NAMES, 16, 16, "domain", limits->domain },
        { MCMP__R_NAMES, 32, 16, "host", limits->host },
        { MCMP__R_NAMES, 48, 16, "balancer", limits->balancer },
        { MCMP__R_NAMES2, 0, 16, "cookie", limits->cookie },
        { MCMP__R_NAMES2, 16, 16, "alias", limits->alias },
        { MCMP__R_NAMES2, 32, 16, "context", limits->context },
        { MCMP__R_RING, 0, 48, "change_ring", config->opts.change_ring },
    };

    memcpy(rows, all, sizeof(all));
}

void mcmp__header_write(mcmp__word *region, const mcmp__layout *layout, const mcmp__config *config)
{
    header_row rows[HEADER_ROWS];

    header_rows(rows, layout, config);
    mcmp__word_set(region + MCMP__R_MAGIC, MCMP__REGION_MAGIC);
    mcmp__word_set(region + MCMP__R_VERSION, MCMP__REGION_VERSION);
    mcmp__word_set(region + MCMP__R_WORDS, layout->region_words);
    for (size_t i = 0; i < HEADER_ROWS; i++)
        mcmp__word_set(region + rows[i].word, 0);
    for (size_t i = 0; i < HEADER_ROWS; i++)
        mcmp__word_add(region + rows[i].word, rows[i].value << rows[i].shift);
}

static uint64_t header_sum(const mcmp__word *region)
{
    uint64_t sum = MCMP__REGION_VERSION;

    for (size_t i = MCMP__R_MAGIC; i <= MCMP__R_SEED; i++)
        sum = mcmp__hash_word(sum, mcmp__word_get(region + i));
    return sum;
}

void mcmp__header_seal(mcmp__word *region)
{
    mcmp__word_set(region + MCMP__R_SUM, header_sum(region));
}

int mcmp__header_known(const mcmp__word *region, mcmp_error *err)
{
    uint64_t magic = mcmp__word_get(region + MCMP__R_MAGIC);
    uint64_t version = mcmp__word_get(region + MCMP__R_VERSION);

    if ((magic & (UINT64_MAX >> 8)) == MCMP__REGION_SWAPPED)
        return mcmp__fail(err, MCMP_ERR_REGION, "magic",
                          "the region was made by a machine of the other byte order");
    if (magic != MCMP__REGION_MAGIC && (magic & ~UINT64_C(0xff)) == MCMP__REGION_KIND)
        return mcmp__fail(err, MCMP_ERR_REGION, "magic",
                          "the region was made by a program with pointers of %u bytes, this one "
                          "has %u",
                          (unsigned)(magic & 0xff), (unsigned)sizeof(void *));
    if (magic != MCMP__REGION_MAGIC)
        return mcmp__fail(err, MCMP_ERR_REGION, "magic", "the memory holds no region");
    if (version != MCMP__REGION_VERSION)
        return mcmp__fail(err, MCMP_ERR_REGION, "version",
                          "the region has layout %llu, this library knows %u",
                          (unsigned long long)version, MCMP__REGION_VERSION);
    return MCMP_OK;
}

int mcmp__header_check(const mcmp__word *region, const mcmp__layout *layout,
                       const mcmp__config *config, mcmp_error *err)
{
    header_row rows[HEADER_ROWS];
    uint64_t words = mcmp__word_get(region + MCMP__R_WORDS);
    uint64_t id = mcmp__word_get(region + MCMP__R_ID);

    if (mcmp__header_known(region, err) != MCMP_OK)
        return MCMP_ERR_REGION;
    header_rows(rows, layout, config);
    for (size_t i = 0; i < HEADER_ROWS; i++) {
        uint64_t value = mcmp__word_get(region + rows[i].word) >> rows[i].shift;

        value &= (UINT64_C(1) << rows[i].bits) - 1;
        if (value != rows[i].value)
            return mcmp__fail(err, MCMP_ERR_REGION, rows[i].name,
                              "the region was made with %s = %llu, the options say %llu",
                              rows[i].name, (unsigned long long)value,
                              (unsigned long long)rows[i].value);
    }
    if (words != layout->region_words)
        return mcmp__fail(err, MCMP_ERR_REGION, "size", "the region has %llu bytes, not %llu",
                          (unsigned long long)words * 8,
                          (unsigned long long)layout->region_words * 8);
    if (mcmp__word_get(region + MCMP__R_SUM) != header_sum(region))
        return mcmp__fail(err, MCMP_ERR_REGION, "seed",
                          "the seed of the region or the sum of its header is damaged");
    if (id == 0 || id > INT32_MAX)
        return mcmp__fail(err, MCMP_ERR_REGION, "id", "the region has no valid id");
    return MCMP_OK;
}

int mcmp__header_adopt(mcmp__config *config, const mcmp_cluster_options *opts,
                       const mcmp__word *region, mcmp_error *err)
{
    mcmp_cluster_options asked;
    mcmp_command_limits limits;
    mcmp__config tried;
    int rc;
    const struct {
        uint32_t *value;
        uint32_t word, shift, mask;
    } rows[] = {
        { &asked.max_nodes, MCMP__R_NODES, 0, UINT32_MAX },
        { &asked.max_aliases, MCMP__R_NODES, 32, UINT32_MAX },
        { &asked.max_contexts, MCMP__R_CONTEXTS, 0, UINT32_MAX },
        { &asked.max_balancers, MCMP__R_CONTEXTS, 32, UINT32_MAX },
        { &asked.max_processes, MCMP__R_PROCESSES, 0, UINT32_MAX },
        { &limits.jvm_route, MCMP__R_NAMES, 0, 0xffff },
        { &limits.domain, MCMP__R_NAMES, 16, 0xffff },
        { &limits.host, MCMP__R_NAMES, 32, 0xffff },
        { &limits.balancer, MCMP__R_NAMES, 48, 0xffff },
        { &limits.cookie, MCMP__R_NAMES2, 0, 0xffff },
        { &limits.alias, MCMP__R_NAMES2, 16, 0xffff },
        { &limits.context, MCMP__R_NAMES2, 32, 0xffff },
    };

    /* Both were taken before, without an error. */
    (void)mcmp__sized_in(&asked, sizeof(asked), opts, sizeof(size_t));
    (void)mcmp__sized_in(&limits, sizeof(limits), asked.limits, sizeof(size_t));
    asked.struct_size = sizeof(asked);
    limits.struct_size = sizeof(limits);
    asked.limits = &limits;
    for (size_t i = 0; i < MCMP__COUNT(rows); i++)
        if (*rows[i].value == 0)
            *rows[i].value =
                (uint32_t)(mcmp__word_get(region + rows[i].word) >> rows[i].shift) & rows[i].mask;
    if (asked.change_ring == 0)
        asked.change_ring = mcmp__word_get(region + MCMP__R_RING);
    if ((uint32_t)(mcmp__word_get(region + MCMP__R_PROCESSES) >> 32) == 1)
        asked.flags |= MCMP_CLUSTER_USE_ALIAS;
    rc = mcmp__config_take(&tried, &asked, err);
    if (rc == MCMP_OK) /* again, since its pointers point into itself; config is whole till then */
        rc = mcmp__config_take(config, &asked, err);
    return rc;
}
