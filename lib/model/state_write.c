/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a copied state to bytes (docs/state-file.md). The store is copied first (snapshot.c), so
 * nothing here is in anybody's way. Records refer to each other by their place in the file, which
 * is that of registration; what only a leaving row holds is left out.
 */
#include "model/rows.h"
#include "model/state.h"

#include "base/health.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

/* Places in the file by rows of the store. */
typedef struct writer {
    mcmp__state_image *image;
    mcmp__snapshot *snap;
    mcmp__read *rd;
    mcmp_allocator allocator;
    mcmp_time now;
    uint32_t *nodes; /* live rows, oldest first */
    uint32_t node_count;
    uint32_t *balancer_at; /* by row */
    uint32_t *alias_at;
} writer;

static void put(mcmp__buf *out, uint64_t value, unsigned bytes)
{
    char data[8];

    for (unsigned i = 0; i < bytes; i++)
        data[i] = (char)(value >> (8 * i) & 0xff);
    mcmp__buf_add(out, data, bytes);
}

static void put_text(mcmp__buf *out, mcmp_span text)
{
    put(out, text.len, 2);
    mcmp__buf_add_span(out, text);
}

static uint32_t rows_of(const writer *w, uint32_t table)
{
    return w->rd->layout->table[table].cap + 1;
}

static mcmp__buf *payload(writer *w, enum mcmp__state_section section)
{
    w->image->count[section]++;
    return &w->image->payload[section];
}

static mcmp_span text_of(writer *w, enum mcmp__text_kind kind, uint32_t index)
{
    return index != 0 ? mcmp__snapshot_text(w->snap, kind, index) : mcmp__span("", 0);
}

static mcmp_time age_of(const writer *w, mcmp_time at)
{
    mcmp_time age = w->now > at ? w->now - at : 0;

    return MCMP__MIN(age, MCMP__STATE_MAX_TIME);
}

/* A message may give a time of any size. */
static void put_time(mcmp__buf *out, mcmp_time time)
{
    put(out, (uint64_t)MCMP__MIN(time, MCMP__STATE_MAX_TIME), 8);
}

static void write_cluster(writer *w)
{
    mcmp__buf *out = payload(w, MCMP__SECTION_CLUSTER);
    mcmp_span product = mcmp__span_str(mcmp__config_of(w->rd->cluster)->opts.product);

    product.len = MCMP__MIN(product.len, MCMP__STATE_PRODUCT);
    put(out, mcmp__cluster_id(w->rd->cluster), 8);
    put(out, mcmp__head_get(w->rd, MCMP__H_NODE_SEQ), 8);
    put_text(out, product);
}

static int write_balancers(writer *w)
{
    uint32_t rows = rows_of(w, MCMP__T_BALANCER);
    uint32_t left = rows; /* of a damaged list, which may be a circle */

    for (uint32_t b = mcmp__balancer_next(w->rd, 0); b != 0; b = mcmp__balancer_next(w->rd, b)) {
        mcmp__balancer row;
        mcmp__buf *out;

        if (b >= rows || left-- == 0 || !mcmp__balancer_get(w->rd, b, &row))
            return MCMP_ERR_DAMAGED;
        if (row.nodes == 0)
            continue;
        w->balancer_at[b] = w->image->count[MCMP__SECTION_BALANCERS];
        out = payload(w, MCMP__SECTION_BALANCERS);
        put(out,
            (row.flags & MCMP_COMMAND_STICKY ? MCMP__STATE_STICKY : 0) |
                (row.flags & MCMP_COMMAND_STICKY_FORCE ? MCMP__STATE_FORCE : 0) |
                (row.flags & MCMP_COMMAND_STICKY_REMOVE ? MCMP__STATE_REMOVE : 0),
            1);
        put(out, row.max_attempts, 4);
        put_time(out, row.wait_worker);
        put_text(out, text_of(w, MCMP__BALANCER_NAME, b));
        put_text(out, text_of(w, MCMP__BALANCER_COOKIE, b));
        put_text(out, text_of(w, MCMP__BALANCER_PATH, b));
    }
    return MCMP_OK;
}

/* The store lists the newest first. */
static int list_nodes(writer *w)
{
    uint32_t rows = rows_of(w, MCMP__T_NODE);
    uint32_t left = rows;
    uint32_t at = rows;

    for (uint32_t n = mcmp__node_next(w->rd, 0); n != 0; n = mcmp__node_next(w->rd, n)) {
        mcmp__node row;

        if (n >= rows || left-- == 0 || !mcmp__node_get(w->rd, n, &row))
            return MCMP_ERR_DAMAGED;
        if (!row.leaving)
            w->nodes[--at] = n;
    }
    w->node_count = rows - at;
    memmove(w->nodes, w->nodes + at, w->node_count * sizeof(*w->nodes));
    return MCMP_OK;
}

static void write_live(writer *w, mcmp__buf *out, uint32_t node)
{
    const mcmp__live *live = mcmp__snapshot_live(w->snap, node);
    mcmp_time last = (mcmp_time)mcmp__word_get(&live->last_status);

    put(out, last != 0 ? (uint64_t)age_of(w, last) : ~UINT64_C(0), 8);
    put(out, mcmp__word_get(&live->elected), 8);
    put(out, mcmp__word_get(&live->bytes_read), 8);
    put(out, mcmp__word_get(&live->bytes_sent), 8);
}

static int write_node(writer *w, uint32_t node)
{
    const mcmp__live *live = mcmp__snapshot_live(w->snap, node);
    mcmp__buf *out = payload(w, MCMP__SECTION_NODES);
    uint64_t owner[3];
    mcmp__node row;

    if (!mcmp__node_get(w->rd, node, &row) || row.balancer >= rows_of(w, MCMP__T_BALANCER))
        return MCMP_ERR_DAMAGED;
    mcmp__node_owner(w->rd, node, owner);
    put(out, row.id, 8);
    put(out, w->balancer_at[row.balancer], 4);
    put(out, row.port, 2);
    put(out, row.scheme, 1);
    put(out, row.flushpackets, 1);
    put(out, (uint32_t)row.smax, 4);
    put(out, row.reversed ? MCMP__STATE_REVERSED : 0, 1);
    put(out, (uint8_t)mcmp__health_load((uint32_t)mcmp__word_get(&live->health)), 1);
    put_time(out, row.flushwait);
    put_time(out, row.ping);
    put_time(out, row.ttl);
    put_time(out, row.timeout);
    write_live(w, out, node);
    put(out, owner[0], 1);
    mcmp__buf_add(out, &owner[1], 2 * sizeof(*owner)); /* bytes of an address or a digest */
    put_text(out, text_of(w, MCMP__NODE_ROUTE, node));
    put_text(out, text_of(w, MCMP__NODE_HOST, node));
    put_text(out, text_of(w, MCMP__DOMAIN_TEXT, row.domain));
    return MCMP_OK;
}

static int write_aliases(writer *w, uint32_t at)
{
    uint32_t node = w->nodes[at];

    for (uint32_t a = mcmp__alias_next(w->rd, node, 0); a != 0;
         a = mcmp__alias_next(w->rd, node, a)) {
        mcmp__alias row;
        mcmp__buf *out;

        if (a >= rows_of(w, MCMP__T_ALIAS) || !mcmp__alias_get(w->rd, a, &row))
            return MCMP_ERR_DAMAGED;
        w->alias_at[a] = w->image->count[MCMP__SECTION_ALIASES];
        if (w->alias_at[a] == rows_of(w, MCMP__T_ALIAS))
            return MCMP_ERR_DAMAGED;
        out = payload(w, MCMP__SECTION_ALIASES);
        put(out, at, 4);
        put(out, row.vhost, 4);
        put_text(out, text_of(w, MCMP__ALIAS_TEXT, row.text));
    }
    return MCMP_OK;
}

static int write_contexts(writer *w, uint32_t at)
{
    uint32_t node = w->nodes[at];

    for (uint32_t p = mcmp__pair_next(w->rd, node, 0); p != 0;
         p = mcmp__pair_next(w->rd, node, p)) {
        mcmp__pair row;
        mcmp__buf *out;

        if (!mcmp__pair_get(w->rd, p, &row) || row.alias >= rows_of(w, MCMP__T_ALIAS) ||
            w->image->count[MCMP__SECTION_CONTEXTS] == rows_of(w, MCMP__T_PAIR))
            return MCMP_ERR_DAMAGED;
        out = payload(w, MCMP__SECTION_CONTEXTS);
        put(out, w->alias_at[row.alias], 4);
        put(out, row.status, 1);
        put_text(out, text_of(w, MCMP__CONTEXT_TEXT, row.context));
        if (out->failed != 0)
            return out->failed;
    }
    return MCMP_OK;
}

/* Those that are not over yet, oldest first. */
static int write_domains(writer *w)
{
    mcmp_time keep = mcmp__config_of(w->rd->cluster)->opts.domain_memory;
    uint32_t left = rows_of(w, MCMP__T_MEMORY);
    mcmp__memory row;

    for (uint32_t m = mcmp__memory_next(w->rd, 0, &row); m != 0;
         m = mcmp__memory_next(w->rd, m, &row)) {
        mcmp__buf *out;

        if (left-- == 0)
            return MCMP_ERR_DAMAGED;
        if (keep == MCMP_NEVER || age_of(w, row.at) > keep)
            continue;
        out = payload(w, MCMP__SECTION_DOMAINS);
        put(out, (uint64_t)age_of(w, row.at), 8);
        put_text(out, mcmp__span(row.route, row.route_len));
        put_text(out, text_of(w, MCMP__DOMAIN_TEXT, row.domain));
    }
    return MCMP_OK;
}

static int write_records(writer *w)
{
    int rc = list_nodes(w);

    write_cluster(w);
    if (rc == MCMP_OK)
        rc = write_balancers(w);
    for (uint32_t i = 0; i < w->node_count && rc == MCMP_OK; i++) {
        rc = write_node(w, w->nodes[i]);
        if (rc == MCMP_OK)
            rc = write_aliases(w, i);
        if (rc == MCMP_OK)
            rc = write_contexts(w, i);
    }
    if (rc == MCMP_OK)
        rc = write_domains(w);
    if (rc == MCMP_OK && w->rd->torn)
        rc = MCMP_ERR_DAMAGED;
    for (uint32_t s = 0; s < MCMP__SECTIONS && rc == MCMP_OK; s++)
        rc = w->image->payload[s].failed;
    return rc;
}

static void add_piece(mcmp__state_image *image, uint32_t i, const void *data, size_t len)
{
    image->pieces[i] = mcmp__span(data, len);
}

static void put_at(uint8_t *at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

/* The headers, when all payloads are known. */
static void seal(mcmp__state_image *image)
{
    uint64_t size = MCMP__STATE_HEADER;
    uint8_t *head = image->header;

    add_piece(image, 0, head, sizeof(image->header));
    for (uint32_t s = 0; s < MCMP__SECTIONS; s++) {
        const mcmp__buf *data = &image->payload[s];
        uint8_t *own = image->heads[s];

        memcpy(own, mcmp__section_kinds[s].tag, 4);
        put_at(own + 4, image->count[s], 4);
        put_at(own + 8, data->len, 8);
        put_at(own + 16, XXH64(data->len != 0 ? data->data : "", data->len, 0), 8);
        put_at(own + 24, XXH64(own, MCMP__STATE_SECTION - 8, 0), 8);
        size += MCMP__STATE_SECTION + data->len;
        add_piece(image, 1 + 2 * s, own, MCMP__STATE_SECTION);
        add_piece(image, 2 + 2 * s, data->data, data->len);
    }
    memcpy(head, mcmp__state_magic, sizeof(mcmp__state_magic));
    put_at(head + 8, MCMP__STATE_VERSION, 4);
    put_at(head + 12, MCMP__SECTIONS, 4);
    put_at(head + 16, size, 8);
    put_at(head + 24, XXH64(image->heads, sizeof(image->heads), 0), 8);
    put_at(head + 32, XXH64(head, MCMP__STATE_HEADER - 8, 0), 8);
}

static int make(writer *w)
{
    size_t nodes = rows_of(w, MCMP__T_NODE);
    size_t balancers = rows_of(w, MCMP__T_BALANCER);
    size_t aliases = rows_of(w, MCMP__T_ALIAS);
    int rc = MCMP_ERR_NOMEM;

    w->nodes = mcmp__calloc(&w->allocator, nodes, sizeof(*w->nodes));
    w->balancer_at = mcmp__calloc(&w->allocator, balancers, sizeof(*w->balancer_at));
    w->alias_at = mcmp__calloc(&w->allocator, aliases, sizeof(*w->alias_at));
    if (w->nodes != NULL && w->balancer_at != NULL && w->alias_at != NULL)
        rc = write_records(w);
    mcmp__free(&w->allocator, w->nodes, nodes * sizeof(*w->nodes));
    mcmp__free(&w->allocator, w->balancer_at, balancers * sizeof(*w->balancer_at));
    mcmp__free(&w->allocator, w->alias_at, aliases * sizeof(*w->alias_at));
    return rc;
}

int mcmp__state_image_make(mcmp__state_image *image, mcmp_cluster *cluster, mcmp_time now,
                           mcmp_error *err)
{
    writer w = { .image = image, .now = now };
    int rc;

    memset(image, 0, sizeof(*image));
    for (uint32_t s = 0; s < MCMP__SECTIONS; s++)
        mcmp__buf_init(&image->payload[s], &mcmp__config_of(cluster)->allocator, 0);
    rc = mcmp__snapshot_new(&w.snap, cluster, 1, err);
    if (rc != MCMP_OK)
        return rc;
    w.rd = mcmp__snapshot_rd(w.snap);
    w.allocator = mcmp__config_of(cluster)->allocator;
    rc = make(&w);
    mcmp__snapshot_free(w.snap);
    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "state", "the state can't be written: %s", mcmp_strerror(rc));
    seal(image);
    return MCMP_OK;
}

void mcmp__state_image_clear(mcmp__state_image *image)
{
    for (uint32_t s = 0; s < MCMP__SECTIONS; s++)
        mcmp__buf_clear(&image->payload[s]);
}
