/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Views (DESIGN 3): a snapshot of the store, laid out for iteration and rendering in the order of
 * MCMP 4.7. Texts stay in the snapshot, which lives as long as the view. Building costs in
 * proportion to the rows; nothing is searched or sorted by comparison.
 */
#include "store.h"
#include "view.h"

#include "base/health.h"

void mcmp_node_info_init_sized(mcmp_node_info *info, size_t size)
{
    mcmp__sized_init(info, size);
}

void mcmp_context_info_init_sized(mcmp_context_info *info, size_t size)
{
    mcmp__sized_init(info, size);
}

static const char *const state_names[] = { "unproven", "active",  "standby", "broken",
                                           "error",    "leaving", "removed" };

const char *mcmp_node_state_name(uint32_t state)
{
    return state < MCMP__COUNT(state_names) ? state_names[state] : "?";
}

const char *mcmp__status_name(uint32_t status)
{
    static const char *const names[] = { "?", "ENABLED", "DISABLED", "STOPPED" };

    return names[status < MCMP__COUNT(names) ? status : 0];
}

const char *mcmp__flush_name(uint32_t flushpackets)
{
    static const char *const names[] = { "Off", "On", "Auto" };

    return names[flushpackets < MCMP__COUNT(names) ? flushpackets : 0];
}

/* Room for one more row; grows by doubling. */
static int grow(const mcmp_allocator *allocator, void *array, size_t *cap, size_t count,
                size_t row_size)
{
    size_t more = *cap != 0 ? *cap * 2 : 16;
    size_t bytes;
    void *rows;

    if (count < *cap)
        return MCMP_OK;
    if (more > UINT32_MAX || mcmp__mul_size(more, row_size, &bytes) != 0)
        return MCMP_ERR_NOMEM;
    memcpy(&rows, array, sizeof(rows)); /* array is the address of a row pointer of any type */
    rows = mcmp__realloc(allocator, rows, *cap * row_size, bytes);
    if (rows == NULL)
        return MCMP_ERR_NOMEM;
    memcpy(array, &rows, sizeof(rows));
    *cap = more;
    return MCMP_OK;
}

/* A balancer has a row as long as one of its nodes has (MCMP 4.9): those marked in has_row. */
static int copy_balancers(mcmp_view *view, const uint8_t *has_row, size_t count)
{
    mcmp__snapshot *snap = view->snapshot;
    mcmp__read *rd = mcmp__snapshot_rd(snap);
    size_t steps = 0; /* of a damaged list, which may be a circle */

    for (uint32_t i = mcmp__balancer_next(rd, 0); i != 0; i = mcmp__balancer_next(rd, i)) {
        mcmp__balancer row;
        mcmp__view_balancer *out;

        if (!mcmp__balancer_get(rd, i, &row) || i >= count || ++steps > count)
            return MCMP_ERR_DAMAGED;
        if (!has_row[i])
            continue;
        if (grow(&view->allocator, &view->balancers, &view->balancer_cap, view->balancer_count,
                 sizeof(*view->balancers)) != MCMP_OK)
            return MCMP_ERR_NOMEM;
        out = &view->balancers[view->balancer_count++];
        out->name = mcmp__snapshot_text(snap, MCMP__BALANCER_NAME, i);
        out->cookie = mcmp__snapshot_text(snap, MCMP__BALANCER_COOKIE, i);
        out->path = mcmp__snapshot_text(snap, MCMP__BALANCER_PATH, i);
        out->flags = row.flags;
        out->max_attempts = row.max_attempts;
        out->wait_worker = row.wait_worker;
    }
    return MCMP_OK;
}

/* index_of: from a row of the store to the index in view->aliases. */
static int copy_aliases(mcmp_view *view, uint32_t node, uint32_t *index_of, size_t index_count)
{
    mcmp__read *rd = mcmp__snapshot_rd(view->snapshot);
    mcmp__view_node *owner = &view->nodes[view->node_count - 1];

    owner->first_alias = view->alias_count;
    for (uint32_t i = mcmp__alias_next(rd, node, 0); i != 0; i = mcmp__alias_next(rd, node, i)) {
        mcmp__alias row;
        mcmp__view_alias *out;

        if (!mcmp__alias_get(rd, i, &row) || i >= index_count || view->alias_count >= index_count)
            return MCMP_ERR_DAMAGED;
        if (grow(&view->allocator, &view->aliases, &view->alias_cap, view->alias_count,
                 sizeof(*view->aliases)) != MCMP_OK)
            return MCMP_ERR_NOMEM;
        index_of[i] = (uint32_t)view->alias_count;
        out = &view->aliases[view->alias_count++];
        memset(out, 0, sizeof(*out));
        out->name = mcmp__snapshot_text(view->snapshot, MCMP__ALIAS_TEXT, row.text);
        out->vhost = row.vhost;
        out->node = (uint32_t)(view->node_count - 1);
    }
    owner->alias_count = view->alias_count - owner->first_alias;
    return MCMP_OK;
}

static int copy_pairs_of_status(mcmp_view *view, uint32_t node, uint32_t status,
                                const uint32_t *index_of, size_t index_count)
{
    mcmp__read *rd = mcmp__snapshot_rd(view->snapshot);
    uint32_t most = mcmp__config_of(rd->cluster)->opts.max_contexts;
    uint32_t steps = 0;

    for (uint32_t i = mcmp__pair_next(rd, node, 0); i != 0; i = mcmp__pair_next(rd, node, i)) {
        mcmp__pair row;
        mcmp__view_pair *out;

        if (!mcmp__pair_get(rd, i, &row) || row.alias >= index_count || ++steps > most)
            return MCMP_ERR_DAMAGED;
        if (row.status != status)
            continue;
        if (view->pair_count >= most) /* lists of several nodes lead to the same pairs */
            return MCMP_ERR_DAMAGED;
        if (grow(&view->allocator, &view->pairs, &view->pair_cap, view->pair_count,
                 sizeof(*view->pairs)) != MCMP_OK)
            return MCMP_ERR_NOMEM;
        out = &view->pairs[view->pair_count++];
        out->path = mcmp__snapshot_text(view->snapshot, MCMP__CONTEXT_TEXT, row.context);
        out->alias = index_of[row.alias];
        out->status = status;
        out->requests = mcmp__running_seat(rd, row.seat);
        out->node = (uint32_t)(view->node_count - 1);
        if (out->alias >= view->alias_count)
            return MCMP_ERR_DAMAGED;
        view->aliases[out->alias].count++;
    }
    return MCMP_OK;
}

/* The Java client keeps the last line of a context that it reads: the most serving comes last. */
static int copy_pairs(mcmp_view *view, uint32_t node, const uint32_t *index_of, size_t index_count)
{
    mcmp__view_node *owner = &view->nodes[view->node_count - 1];

    owner->first_pair = view->pair_count;
    for (uint32_t status = MCMP_STATUS_STOPPED; status >= MCMP_STATUS_ENABLED; status--) {
        int rc = copy_pairs_of_status(view, node, status, index_of, index_count);

        if (rc != MCMP_OK)
            return rc;
    }
    owner->pair_count = view->pair_count - owner->first_pair;
    return MCMP_OK;
}

static void copy_live(mcmp_view *view, uint32_t node, const mcmp__node *row, mcmp_node_info *info)
{
    const mcmp__live *live = mcmp__snapshot_live(view->snapshot, node);
    uint32_t health = (uint32_t)mcmp__word_get(&live->health);

    info->load = mcmp__health_load(health);
    if (!row->leaving)
        info->state = mcmp__health_state(health);
    info->last_status = (mcmp_time)mcmp__word_get(&live->last_status);
    info->elected = mcmp__word_get(&live->elected);
    info->bytes_read = mcmp__word_get(&live->bytes_read);
    info->bytes_sent = mcmp__word_get(&live->bytes_sent);
    info->failed_probes = (uint32_t)mcmp__word_get(&live->failed);
    info->connected = mcmp__running_node(mcmp__snapshot_rd(view->snapshot), node);
}

static void copy_node(mcmp_view *view, uint32_t node, const mcmp__node *row, mcmp_node_info *info)
{
    mcmp__snapshot *snap = view->snapshot;

    info->handle = row->leaving ? 0 : row->handle;
    info->id = row->id;
    info->route = info->state == MCMP_NODE_REMOVED
                      ? mcmp__span_str("REMOVED")
                      : mcmp__snapshot_text(snap, MCMP__NODE_ROUTE, node);
    info->balancer = mcmp__snapshot_text(snap, MCMP__BALANCER_NAME, row->balancer);
    if (row->domain != 0)
        info->domain = mcmp__snapshot_text(snap, MCMP__DOMAIN_TEXT, row->domain);
    info->host = mcmp__snapshot_text(snap, MCMP__NODE_HOST, node);
    info->port = row->port;
    info->scheme = row->scheme;
    info->flushpackets = row->flushpackets;
    info->smax = row->smax;
    info->flushwait = row->flushwait;
    info->ping = row->ping;
    info->ttl = row->ttl;
    info->timeout = row->timeout;
    info->reversed = row->reversed;
    copy_live(view, node, row, info);
}

/* Needed while a view is filled: by row of the store. */
typedef struct scratch {
    uint32_t *index_of; /* an alias's index in view->aliases */
    size_t aliases;
    uint8_t *has_row; /* a balancer has a node that is shown */
    size_t balancers;
} scratch;

static int copy_nodes(mcmp_view *view, mcmp_cluster *cluster, const scratch *room)
{
    mcmp__read *rd = mcmp__snapshot_rd(view->snapshot);
    uint32_t steps = 0;

    for (uint32_t i = mcmp__node_next(rd, 0); i != 0; i = mcmp__node_next(rd, i)) {
        mcmp__node row;
        mcmp__view_node *out;
        int stage = 0;
        int rc;

        if (!mcmp__node_get(rd, i, &row) || ++steps > mcmp__node_slots(rd))
            return MCMP_ERR_DAMAGED;
        if (row.leaving)
            stage = mcmp__leaving_stage(cluster, row.removed_at, view->now);
        if (stage < 0)
            continue;
        if (row.balancer >= room->balancers)
            return MCMP_ERR_DAMAGED;
        room->has_row[row.balancer] = 1;
        if (grow(&view->allocator, &view->nodes, &view->node_cap, view->node_count,
                 sizeof(*view->nodes)) != MCMP_OK)
            return MCMP_ERR_NOMEM;
        out = &view->nodes[view->node_count++];
        memset(out, 0, sizeof(*out));
        mcmp_node_info_init(&out->info);
        out->info.state = (uint32_t)stage;
        copy_node(view, i, &row, &out->info);
        rc = copy_aliases(view, i, room->index_of, room->aliases);
        if (rc == MCMP_OK)
            rc = copy_pairs(view, i, room->index_of, room->aliases);
        if (rc != MCMP_OK)
            return rc;
    }
    return MCMP_OK;
}

/* The pairs once more, grouped by alias: a counting sort. */
static int index_by_alias(mcmp_view *view)
{
    uint32_t first = 0;

    if (view->pair_count == 0)
        return MCMP_OK;
    view->by_alias = mcmp__calloc(&view->allocator, view->pair_count, sizeof(*view->by_alias));
    if (view->by_alias == NULL)
        return MCMP_ERR_NOMEM;
    view->by_alias_cap = view->pair_count;
    for (size_t i = 0; i < view->alias_count; i++) {
        view->aliases[i].first = first;
        first += view->aliases[i].count;
        view->aliases[i].count = 0;
    }
    for (size_t i = 0; i < view->pair_count; i++) {
        mcmp__view_alias *alias = &view->aliases[view->pairs[i].alias];

        view->by_alias[alias->first + alias->count++] = (uint32_t)i;
    }
    return MCMP_OK;
}

static int fill(mcmp_view *view, mcmp_cluster *cluster)
{
    const mcmp_cluster_options *opts = &mcmp__config_of(cluster)->opts;
    scratch room = { .aliases = (size_t)opts->max_aliases + 1,
                     .balancers = (size_t)opts->max_balancers + 1 };
    int rc = MCMP_ERR_NOMEM;

    room.index_of = mcmp__alloc(&view->allocator, room.aliases * sizeof(*room.index_of));
    room.has_row = mcmp__calloc(&view->allocator, room.balancers, 1);
    if (room.index_of != NULL && room.has_row != NULL) {
        /* A pair of an alias that is in no list names none. */
        memset(room.index_of, 0xff, room.aliases * sizeof(*room.index_of));
        rc = copy_nodes(view, cluster, &room);
    }
    if (rc == MCMP_OK)
        rc = copy_balancers(view, room.has_row, room.balancers);
    if (rc == MCMP_OK)
        rc = index_by_alias(view);
    if (rc == MCMP_OK && mcmp__snapshot_rd(view->snapshot)->torn)
        rc = MCMP_ERR_DAMAGED;
    mcmp__free(&view->allocator, room.index_of, room.aliases * sizeof(*room.index_of));
    mcmp__free(&view->allocator, room.has_row, room.balancers);
    return rc;
}

int mcmp__view_take(mcmp_view **out, mcmp_cluster *cluster, mcmp_time now, int must,
                    mcmp_error *err)
{
    const mcmp__config *config = mcmp__config_of(cluster);
    mcmp_view *view = mcmp__calloc(&config->allocator, 1, sizeof(*view));
    int rc;

    if (view == NULL)
        return mcmp__fail(err, MCMP_ERR_NOMEM, NULL, "no memory for the view");
    view->allocator = config->allocator;
    view->now = now;
    view->id = mcmp__cluster_id(cluster);
    view->product = mcmp__span_str(config->opts.product);
    rc = mcmp__snapshot_new(&view->snapshot, cluster, must, err);
    if (rc == MCMP_OK) {
        rc = fill(view, cluster);
        if (rc != MCMP_OK)
            (void)mcmp__fail(err, rc, NULL, "%s", mcmp_strerror(rc));
    }
    if (rc != MCMP_OK) {
        mcmp_view_free(view);
        return rc;
    }
    *out = view;
    return MCMP_OK;
}

int mcmp_view_new(mcmp_view **out, mcmp_cluster *cluster, mcmp_time now, mcmp_error *err)
{
    if (out == NULL || cluster == NULL)
        return mcmp__fail(err, MCMP_ERR_INVALID, NULL, "an argument is missing");
    return mcmp__view_take(out, cluster, now, 0, err);
}

void mcmp_view_free(mcmp_view *view)
{
    mcmp_allocator a;

    if (view == NULL)
        return;
    a = view->allocator;
    mcmp__free(&a, view->balancers, view->balancer_cap * sizeof(*view->balancers));
    mcmp__free(&a, view->nodes, view->node_cap * sizeof(*view->nodes));
    mcmp__free(&a, view->aliases, view->alias_cap * sizeof(*view->aliases));
    mcmp__free(&a, view->pairs, view->pair_cap * sizeof(*view->pairs));
    mcmp__free(&a, view->by_alias, view->by_alias_cap * sizeof(*view->by_alias));
    mcmp__snapshot_free(view->snapshot);
    mcmp__free(&a, view, sizeof(*view));
}

size_t mcmp_view_node_count(const mcmp_view *view)
{
    return view->node_count;
}

int mcmp_view_node(const mcmp_view *view, size_t i, mcmp_node_info *out)
{
    if (i >= view->node_count)
        return MCMP_DONE;
    return mcmp__sized_out(out, &view->nodes[i].info, sizeof(view->nodes[i].info));
}

size_t mcmp_view_context_count(const mcmp_view *view)
{
    return view->pair_count;
}

int mcmp_view_context(const mcmp_view *view, size_t i, mcmp_context_info *out)
{
    const mcmp__view_pair *pair;
    mcmp_context_info info = { .struct_size = sizeof(info) };

    if (i >= view->pair_count)
        return MCMP_DONE;
    pair = &view->pairs[i];
    info.node_id = view->nodes[pair->node].info.id;
    info.id = (uint64_t)pair->alias + 1;
    info.alias = view->aliases[pair->alias].name;
    info.path = pair->path;
    info.vhost = view->aliases[pair->alias].vhost;
    info.status = pair->status;
    info.requests = pair->requests;
    return mcmp__sized_out(out, &info, sizeof(info));
}
