/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Node rows: live ones, and leaving ones that stay visible for a while after their removal (MCMP
 * 4.4) without ever counting against the limit.
 *
 * Invariants: one row at most per route and per endpoint, live and leaving together. The list of
 * all rows is in the order of registration, the list of leaving rows in the order of removal.
 * There are twice as many slots as nodes, and never more leaving rows than nodes.
 * Concurrency: writers inside a transaction; lookups also serve readers.
 */
#include "model/change.h"
#include "model/index.h"
#include "model/tx.h"

#define HOST_MAX 258u

static const mcmp__list all_rows = { MCMP__T_NODE, MCMP__N_LIST, MCMP__TABLES, 0, MCMP__H_NODES };
static const mcmp__list leaving_rows = { MCMP__T_NODE, MCMP__N_LEAVE, MCMP__TABLES, 0,
                                         MCMP__H_LEAVING };

/* Endpoints: an IPv6 address by value, anything else without case. */
typedef struct host_key {
    unsigned char bytes[HOST_MAX];
    size_t len;
} host_key;

_Static_assert(HOST_MAX <= MCMP__HOST_NORMAL, "the checker has room for a host");

static void host_take(host_key *key, mcmp_span host)
{
    if (host.len > 0 && host.ptr[0] == '[' && mcmp__address_parse(host, key->bytes + 1) == 0) {
        key->bytes[0] = '\0'; /* starts no name */
        key->len = 17;
        return;
    }
    key->len = MCMP__MIN(host.len, HOST_MAX);
    for (size_t i = 0; i < key->len; i++)
        key->bytes[i] = (unsigned char)mcmp__lower(host.ptr[i]);
}

size_t mcmp__host_normal(mcmp_span host, char out[MCMP__HOST_NORMAL])
{
    host_key key;

    host_take(&key, host);
    memcpy(out, key.bytes, key.len);
    return key.len;
}

int mcmp__host_equal(mcmp_span a, mcmp_span b)
{
    host_key left, right;

    host_take(&left, a);
    host_take(&right, b);
    return left.len == right.len && memcmp(left.bytes, right.bytes, left.len) == 0;
}

static uint32_t endpoint_hash(const mcmp__layout *layout, const host_key *key, uint32_t port)
{
    return mcmp__hash_ints(
        layout, mcmp__hash_text(layout, mcmp__span((const char *)key->bytes, key->len)), port);
}

static uint32_t node_state(mcmp__read *rd, uint32_t node)
{
    return mcmp__lo(mcmp__row_get(rd, MCMP__T_NODE, node, MCMP__N_GEN));
}

static uint32_t node_port(mcmp__read *rd, uint32_t node)
{
    return (uint32_t)mcmp__row_get(rd, MCMP__T_NODE, node, MCMP__N_PORT) & 0xffff;
}

uint32_t mcmp__row_by_route(mcmp__read *rd, mcmp_span route)
{
    uint32_t hash = mcmp__hash_text(rd->layout, route);
    uint32_t node = mcmp__index_start(rd, MCMP__I_ROUTE, hash);

    while (node != 0) {
        const mcmp__word *words = mcmp__row(rd, MCMP__T_NODE, node);

        if ((mcmp__data_get(words + MCMP__N_LENS) & 0xffff) == route.len &&
            mcmp__words_equal(words + MCMP__N_TEXT, route))
            return node;
        node = mcmp__index_next(rd, MCMP__I_ROUTE, node, hash);
    }
    return 0;
}

uint32_t mcmp__node_by_route(mcmp__read *rd, mcmp_span route)
{
    uint32_t node;

    if (route.len > rd->layout->text[MCMP__NODE_ROUTE].max)
        return 0;
    node = mcmp__row_by_route(rd, route);
    return node_state(rd, node) == MCMP__N_LIVE ? node : 0;
}

uint32_t mcmp__row_by_endpoint(mcmp__read *rd, mcmp_span host, uint32_t port)
{
    host_key key;
    uint32_t hash, node;

    host_take(&key, host);
    hash = endpoint_hash(rd->layout, &key, port);
    node = mcmp__index_start(rd, MCMP__I_ENDPOINT, hash);
    while (node != 0) {
        char text[HOST_MAX];
        size_t len = mcmp__text(rd, MCMP__NODE_HOST, node, text, sizeof(text));

        if (node_port(rd, node) == port && mcmp__host_equal(mcmp__span(text, len), host))
            return node;
        node = mcmp__index_next(rd, MCMP__I_ENDPOINT, node, hash);
    }
    return 0;
}

uint32_t mcmp__node_by_handle(mcmp__read *rd, mcmp_handle handle)
{
    uint32_t node = mcmp__lo(handle);
    uint64_t gen = mcmp__row_get(rd, MCMP__T_NODE, node, MCMP__N_GEN);

    return mcmp__hi(handle) != 0 && gen == mcmp__pack(MCMP__N_LIVE, mcmp__hi(handle)) ? node : 0;
}

/* Writing */

static void put_endpoint(mcmp__tx *tx, uint32_t node, const mcmp__node_data *data)
{
    const mcmp__text_place *place = &tx->rd.layout->text[MCMP__NODE_HOST];
    uint64_t lens = mcmp__row_get(&tx->rd, MCMP__T_NODE, node, MCMP__N_LENS);
    host_key key;

    MCMP__ASSERT(data->host.len <= place->max);
    mcmp__put_text(tx, MCMP__T_NODE, node, place->word, data->host);
    mcmp__row_put(tx, MCMP__T_NODE, node, MCMP__N_LENS,
                  (lens & ~UINT64_C(0xffff0000)) | (uint64_t)data->host.len << 16);
    host_take(&key, data->host);
    mcmp__index_add(tx, MCMP__I_ENDPOINT, node, endpoint_hash(tx->rd.layout, &key, data->port));
}

static void put_fields(mcmp__tx *tx, uint32_t node, const mcmp__node_data *data)
{
    mcmp__row_put(tx, MCMP__T_NODE, node, MCMP__N_PORT,
                  mcmp__pack(data->port | data->scheme << 16 | data->flushpackets << 24,
                             (uint32_t)data->smax));
    mcmp__row_put(tx, MCMP__T_NODE, node, MCMP__N_FLUSHWAIT, (uint64_t)data->flushwait);
    mcmp__row_put(tx, MCMP__T_NODE, node, MCMP__N_PING, (uint64_t)data->ping);
    mcmp__row_put(tx, MCMP__T_NODE, node, MCMP__N_TTL, (uint64_t)data->ttl);
    mcmp__row_put(tx, MCMP__T_NODE, node, MCMP__N_TIMEOUT, (uint64_t)data->timeout);
    mcmp__row_put_hi(tx, MCMP__T_NODE, node, MCMP__N_VHOST_HINT, data->reversed);
}

static uint32_t next_generation(mcmp__tx *tx, uint32_t node)
{
    uint32_t gen = mcmp__hi(mcmp__row_get(&tx->rd, MCMP__T_NODE, node, MCMP__N_GEN)) + 1;

    return gen != 0 ? gen : 1;
}

static uint32_t domain_ref(mcmp__tx *tx, mcmp_span domain)
{
    return domain.len != 0 ? mcmp__text_ref(tx, MCMP__I_DTEXT, domain) : 0;
}

static void domain_unref(mcmp__tx *tx, uint32_t domain)
{
    if (domain != 0)
        mcmp__text_unref(tx, MCMP__I_DTEXT, domain);
}

static void count_nodes(mcmp__tx *tx, int live, int leaving)
{
    uint64_t w = mcmp__head_get(&tx->rd, MCMP__H_COUNTS);

    mcmp__head_put(tx, MCMP__H_COUNTS,
                   mcmp__pack(mcmp__lo(w) + (uint32_t)live, mcmp__hi(w) + (uint32_t)leaving));
}

static void fill_row(mcmp__tx *tx, uint32_t node, const mcmp__node_data *data, uint32_t balancer)
{
    uint64_t id = mcmp__head_get(&tx->rd, MCMP__H_NODE_SEQ) + 1;
    uint32_t gen = next_generation(tx, node);

    mcmp__head_put(tx, MCMP__H_NODE_SEQ, id);
    for (uint32_t w = MCMP__N_BAL; w < MCMP__N_TEXT; w++)
        mcmp__row_put(tx, MCMP__T_NODE, node, w, 0);
    mcmp__row_put(tx, MCMP__T_NODE, node, MCMP__N_GEN, mcmp__pack(MCMP__N_LIVE, gen));
    mcmp__row_put(tx, MCMP__T_NODE, node, MCMP__N_ID, id);
    mcmp__row_put(tx, MCMP__T_NODE, node, MCMP__N_BAL,
                  mcmp__pack(balancer, domain_ref(tx, data->domain)));
    mcmp__row_put(tx, MCMP__T_NODE, node, MCMP__N_LENS, mcmp__pack((uint32_t)data->route.len, gen));
    mcmp__put_text(tx, MCMP__T_NODE, node, MCMP__N_TEXT, data->route);
    mcmp__index_add(tx, MCMP__I_ROUTE, node, mcmp__hash_text(tx->rd.layout, data->route));
    put_endpoint(tx, node, data);
    put_fields(tx, node, data);
    mcmp__node_set_owner(tx, node, data->owner);
    tx->fresh_node = node;
    tx->fresh_generation = gen;
}

static void forget_if_leaving(mcmp__tx *tx, uint32_t node)
{
    if (node != 0 && node_state(&tx->rd, node) == MCMP__N_LEAVING)
        mcmp__node_forget(tx, node);
}

static mcmp_time removed_at(mcmp__tx *tx, uint32_t node)
{
    return (mcmp_time)mcmp__row_get(&tx->rd, MCMP__T_NODE, node, MCMP__N_REMOVED_AT);
}

/* Longer than anybody is shown the row: heal_reset may need it. */
static int is_old(mcmp__tx *tx, uint32_t node)
{
    const mcmp_cluster_options *opts = &mcmp__config_of(tx->cluster)->opts;

    return tx->now - removed_at(tx, node) > MCMP__MAX(2 * opts->grace, opts->heal_window);
}

/* Leaving rows that nobody needs any more; a few per message, so that none costs more for it. */
static void forget_old(mcmp__tx *tx)
{
    for (int i = 0; i < 3; i++) {
        uint32_t node = mcmp__lo(mcmp__head_get(&tx->rd, MCMP__H_LEAVING));

        if (node == 0 || !is_old(tx, node))
            return;
        mcmp__node_forget(tx, node);
    }
}

void mcmp__node_forget_over(mcmp__tx *tx, uint32_t balancer)
{
    uint32_t node = mcmp__lo(mcmp__head_get(&tx->rd, MCMP__H_LEAVING));

    while (node != 0 && mcmp__leaving_stage(tx->cluster, removed_at(tx, node), tx->now) < 0) {
        uint32_t newer = mcmp__lo(mcmp__row_get(&tx->rd, MCMP__T_NODE, node, MCMP__N_LEAVE));

        if (is_old(tx, node) || mcmp__node_balancer(&tx->rd, node) == balancer)
            mcmp__node_forget(tx, node);
        node = newer;
    }
}

int mcmp__node_add(mcmp__tx *tx, const mcmp__node_data *data, uint32_t balancer, uint32_t *out,
                   mcmp_error *err)
{
    uint32_t live = mcmp__lo(mcmp__head_get(&tx->rd, MCMP__H_COUNTS));
    uint32_t node;

    if (live >= tx->rd.layout->max_nodes)
        return mcmp__fail(err, MCMP_ERR_FULL, "max_nodes", "the table of nodes is full (%u)", live);
    MCMP__ASSERT(data->route.len <= tx->rd.layout->text[MCMP__NODE_ROUTE].max);
    /* The slot before the rows that go: one that others still see is not taken at once. */
    node = mcmp__row_alloc(tx, MCMP__T_NODE);
    MCMP__ASSERT(node != 0);
    forget_if_leaving(tx, mcmp__row_by_route(&tx->rd, data->route));
    forget_if_leaving(tx, mcmp__row_by_endpoint(&tx->rd, data->host, data->port));
    mcmp__memory_drop(tx, data->route);
    fill_row(tx, node, data, balancer);
    mcmp__list_insert(tx, &all_rows, 0, node);
    mcmp__balancer_count(tx, balancer, 1, 0);
    count_nodes(tx, 1, 0);
    forget_old(tx);
    *out = node;
    return MCMP_OK;
}

static void for_seats(mcmp__tx *tx, uint32_t node, void (*visit)(mcmp__tx *, uint32_t))
{
    uint32_t pair = 0;

    while ((pair = mcmp__pair_next(&tx->rd, node, pair)) != 0) {
        uint64_t at = mcmp__row_get(&tx->rd, MCMP__T_PAIR, pair, MCMP__P_NODE);

        visit(tx, mcmp__hi(at));
    }
}

/* A seat has one or more pairs: those after the first find it joined already. */
static void rejoin_domain(mcmp__tx *tx, uint32_t seat)
{
    if (mcmp__row_get(&tx->rd, MCMP__T_SEAT, seat, MCMP__S_DOMAIN) == 0)
        mcmp__seat_join_domain(tx, seat);
}

static void rejoin(mcmp__tx *tx, uint32_t seat)
{
    if (mcmp__row_get(&tx->rd, MCMP__T_SEAT, seat, MCMP__S_MAIN) == 0)
        mcmp__seat_join(tx, seat);
}

static int domain_differs(mcmp__tx *tx, uint32_t node, mcmp_span domain)
{
    uint32_t old = mcmp__node_domain(&tx->rd, node);
    uint64_t refs = mcmp__row_get(&tx->rd, MCMP__T_DTEXT, old, MCMP__X_REFS);

    if (old == 0)
        return domain.len != 0;
    return refs >> 48 != domain.len ||
           !mcmp__words_equal(mcmp__row(&tx->rd, MCMP__T_DTEXT, old) + MCMP__X_TEXT, domain);
}

static void change_domain(mcmp__tx *tx, uint32_t node, mcmp_span domain)
{
    uint32_t old = mcmp__node_domain(&tx->rd, node);

    if (!domain_differs(tx, node, domain))
        return;
    for_seats(tx, node, mcmp__seat_leave_domain);
    mcmp__row_put_hi(tx, MCMP__T_NODE, node, MCMP__N_BAL, domain_ref(tx, domain));
    domain_unref(tx, old);
    for_seats(tx, node, rejoin_domain);
}

void mcmp__node_update(mcmp__tx *tx, uint32_t node, const mcmp__node_data *data)
{
    uint64_t port = mcmp__row_get(&tx->rd, MCMP__T_NODE, node, MCMP__N_PORT);

    mcmp__row_put(tx, MCMP__T_NODE, node, MCMP__N_PORT,
                  (port & ~UINT64_C(0xff000000)) | (uint64_t)data->flushpackets << 24);
    mcmp__row_put(tx, MCMP__T_NODE, node, MCMP__N_FLUSHWAIT, (uint64_t)data->flushwait);
    mcmp__row_put(tx, MCMP__T_NODE, node, MCMP__N_PING, (uint64_t)data->ping);
    mcmp__row_put(tx, MCMP__T_NODE, node, MCMP__N_TIMEOUT, (uint64_t)data->timeout);
    change_domain(tx, node, data->domain);
}

static void report_gone(mcmp__tx *tx, uint32_t node)
{
    uint64_t gone = mcmp__head_get(&tx->rd, MCMP__H_GONE);
    uint32_t gen = mcmp__hi(mcmp__row_get(&tx->rd, MCMP__T_NODE, node, MCMP__N_GEN));

    mcmp__head_put(tx, (uint32_t)(MCMP__H_RING + gone % MCMP__GONE_RING), mcmp__pack(node, gen));
    mcmp__head_put(tx, MCMP__H_GONE, gone + 1);
}

void mcmp__node_replace(mcmp__tx *tx, uint32_t node, const mcmp__node_data *data, uint32_t balancer)
{
    uint32_t old = mcmp__node_balancer(&tx->rd, node);

    report_gone(tx, node);
    forget_if_leaving(tx, mcmp__row_by_endpoint(&tx->rd, data->host, data->port));
    mcmp__index_remove(tx, MCMP__I_ENDPOINT, node);
    put_endpoint(tx, node, data);
    put_fields(tx, node, data);
    mcmp__row_put(tx, MCMP__T_NODE, node, MCMP__N_GEN,
                  mcmp__pack(MCMP__N_LIVE, next_generation(tx, node)));
    mcmp__head_put(tx, MCMP__H_FIX, node); /* the live row follows at commit */
    if (old != balancer) {
        for_seats(tx, node, mcmp__seat_leave);
        mcmp__row_put_lo(tx, MCMP__T_NODE, node, MCMP__N_BAL, balancer);
        for_seats(tx, node, rejoin);
        mcmp__balancer_count(tx, balancer, 1, 0);
        mcmp__balancer_count(tx, old, -1, 0);
    }
    change_domain(tx, node, data->domain);
}

void mcmp__node_remove(mcmp__tx *tx, uint32_t node, uint64_t connection)
{
    uint32_t gen = mcmp__hi(mcmp__row_get(&tx->rd, MCMP__T_NODE, node, MCMP__N_GEN));
    uint32_t balancer = mcmp__node_balancer(&tx->rd, node);
    uint32_t domain = mcmp__node_domain(&tx->rd, node);
    char text[256];
    size_t len = mcmp__text(&tx->rd, MCMP__NODE_ROUTE, node, text, sizeof(text));

    report_gone(tx, node);
    mcmp__node_clear(tx, node);
    if (domain != 0)
        mcmp__memory_put(tx, mcmp__span(text, len), domain);
    mcmp__row_put(tx, MCMP__T_NODE, node, MCMP__N_GEN, mcmp__pack(MCMP__N_LEAVING, gen));
    mcmp__row_put(tx, MCMP__T_NODE, node, MCMP__N_REMOVED_AT, (uint64_t)tx->now);
    mcmp__row_put(tx, MCMP__T_NODE, node, MCMP__N_REMOVED_CONNECTION, connection);
    mcmp__list_append(tx, &leaving_rows, node);
    count_nodes(tx, -1, 1);
    mcmp__balancer_count(tx, balancer, -1, 1);
    forget_old(tx);
    if (mcmp__hi(mcmp__head_get(&tx->rd, MCMP__H_COUNTS)) > tx->rd.layout->max_nodes)
        mcmp__node_forget(tx, mcmp__lo(mcmp__head_get(&tx->rd, MCMP__H_LEAVING)));
}

void mcmp__node_forget(mcmp__tx *tx, uint32_t node)
{
    uint64_t bal = mcmp__row_get(&tx->rd, MCMP__T_NODE, node, MCMP__N_BAL);

    MCMP__ASSERT(node_state(&tx->rd, node) == MCMP__N_LEAVING);
    mcmp__change_event(tx, MCMP_CHANGE_FORGOTTEN, node, "forgotten");
    mcmp__list_remove(tx, &leaving_rows, node);
    mcmp__list_remove(tx, &all_rows, node);
    mcmp__index_remove(tx, MCMP__I_ROUTE, node);
    mcmp__index_remove(tx, MCMP__I_ENDPOINT, node);
    domain_unref(tx, mcmp__hi(bal));
    mcmp__row_put_lo(tx, MCMP__T_NODE, node, MCMP__N_GEN, MCMP__N_FREE);
    mcmp__row_free(tx, MCMP__T_NODE, node);
    count_nodes(tx, 0, -1);
    mcmp__balancer_count(tx, mcmp__lo(bal), 0, -1);
}

void mcmp__node_set_owner(mcmp__tx *tx, uint32_t node, const uint64_t owner[3])
{
    for (uint32_t i = 0; i < 3; i++)
        mcmp__row_put(tx, MCMP__T_NODE, node, MCMP__N_OWNER + i, owner[i]);
}

void mcmp__heal_arm(mcmp__tx *tx, uint32_t node, uint64_t connection, mcmp_time until)
{
    MCMP__ASSERT(node == tx->fresh_node);
    tx->heal_connection = connection;
    mcmp__row_put(tx, MCMP__T_NODE, node, MCMP__N_HEAL_UNTIL, (uint64_t)until);
}
