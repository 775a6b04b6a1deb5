/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handle of a cluster: opening and closing, memory, and what depends on the process.
 *
 * Host memory is attached when it holds a ready region of equal limits and created when it is
 * zeroed. The state word of the header goes 0 -> creator's pid -> ready, and ready is written
 * last, so that nobody uses half a region; a creator that died is replaced by the next opener.
 * Named segments: segment.c.
 */
#include "base/crypto.h"
#include "model/change.h"
#include "model/check.h"
#include "model/hash.h"
#include "model/process.h"
#include "model/segment.h"

static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static int take_seed(const mcmp_cluster *cluster, uint64_t *out, mcmp_error *err)
{
    *out = cluster->config.opts.random_seed;
    if (*out == 0 && mcmp__random_bytes(out, sizeof(*out)) != 0)
        return mcmp__fail(err, MCMP_ERR_OS, "random_seed", "the system gives no random bytes");
    return MCMP_OK;
}

/* Copies of the options' texts in one block */

static size_t text_size(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

static const char *take_text(char **at, const char *text)
{
    size_t size = text_size(text);
    char *copy = *at;

    if (text == NULL)
        return NULL;
    memcpy(copy, text, size);
    *at += size;
    return copy;
}

static mcmp_span take_span(char **at, mcmp_span span)
{
    mcmp_span copy = { *at, span.len };

    if (span.len != 0)
        memcpy(*at, span.ptr, span.len);
    *at += span.len;
    return copy;
}

static int take_texts(mcmp_cluster *cluster, mcmp_error *err)
{
    mcmp_cluster_options *opts = &cluster->config.opts;
    const char **texts[] = { &opts->default_balancer, &opts->product,    &opts->allow,
                             &opts->probe_method,     &opts->probe_path, &opts->probe_host,
                             &opts->no_context_503,   &opts->segment };
    mcmp_pair *pairs;
    size_t size;
    char *at;

    if (mcmp__mul_size(opts->identity_count, sizeof(*pairs), &size) != 0)
        return mcmp__fail(err, MCMP_ERR_INVALID, "identity_count", "too many identities");
    for (size_t i = 0; i < MCMP__COUNT(texts); i++)
        size += text_size(*texts[i]);
    for (size_t i = 0; i < opts->identity_count; i++)
        size += opts->identities[i].name.len + opts->identities[i].value.len;
    cluster->texts = mcmp__alloc(&cluster->config.allocator, size);
    if (cluster->texts == NULL)
        return mcmp__fail(err, MCMP_ERR_NOMEM, "options", "no memory for the options");
    cluster->texts_size = size;
    pairs = (void *)cluster->texts; /* the allocator's alignment is that of any type */
    at = cluster->texts + opts->identity_count * sizeof(*pairs);
    for (size_t i = 0; i < opts->identity_count; i++) {
        mcmp_pair pair = opts->identities[i];

        pairs[i].name = take_span(&at, pair.name);
        pairs[i].value = take_span(&at, pair.value);
    }
    opts->identities = opts->identity_count != 0 ? pairs : NULL;
    for (size_t i = 0; i < MCMP__COUNT(texts); i++)
        *texts[i] = take_text(&at, *texts[i]);
    return MCMP_OK;
}

/* Memory */

static int region_create(mcmp_cluster *cluster, mcmp_error *err)
{
    mcmp__word *region = cluster->region;
    uint64_t seed;
    int rc = take_seed(cluster, &seed, err);

    if (rc != MCMP_OK)
        return rc;
    mcmp__header_write(region, &cluster->layout, &cluster->config);
    mcmp__word_set(region + MCMP__R_SEED, seed);
    mcmp__word_set(region + MCMP__R_PID_SPACE, mcmp__os_pid_space());
    mcmp__header_seal(region);
    /* Below 2^31: tools put it into an int. */
    mcmp__word_set(region + MCMP__R_ID, mix(seed) % 0x7ffffffe + 1);
    rc = cluster->lock.ops->create((void *)(region + MCMP__R_LOCK));
    if (rc != 0)
        return mcmp__fail_os(err, rc, "the lock of the region");
    atomic_store_explicit(region + MCMP__R_STATE, MCMP__REGION_READY, memory_order_release);
    return MCMP_OK;
}

/* Create or attach, by the state word. */
static int region_enter(mcmp_cluster *cluster, mcmp_error *err)
{
    mcmp__word *state = cluster->region + MCMP__R_STATE;
    uint64_t seen = atomic_load_explicit(state, memory_order_acquire);

    while (seen != MCMP__REGION_READY) {
        if (cluster->local.read_only)
            return mcmp__fail(err, MCMP_ERR_REGION, "state", "the region is not ready");
        if (seen != 0 && mcmp__os_process_state(seen) != MCMP__PROCESS_GONE)
            return mcmp__fail(err, MCMP_ERR_REGION, "state",
                              "the region is being created by process %u", (uint32_t)seen);
        if (seen == 0 && mcmp__word_get(cluster->region + MCMP__R_MAGIC) != 0)
            return mcmp__fail(err, MCMP_ERR_REGION, "magic",
                              "the memory holds no region and is not zeroed");
        if (mcmp__word_swap(state, &seen, mcmp__os_self()))
            return region_create(cluster, err);
    }
    return mcmp__header_check(cluster->region, &cluster->layout, &cluster->config, err);
}

static int take_memory(mcmp_cluster *cluster, mcmp_error *err)
{
    const mcmp_cluster_options *opts = &cluster->config.opts;
    size_t size = cluster->layout.region_words * sizeof(mcmp__word);
    void *memory = opts->host_memory;
    int rc;

    if (opts->memory == MCMP_MEMORY_HOST) {
        if (memory == NULL || (uintptr_t)memory % mcmp__os_page_size() != 0)
            return mcmp__fail(err, MCMP_ERR_INVALID, "host_memory", "not aligned to a page");
        if (opts->host_memory_size < size)
            return mcmp__fail(err, MCMP_ERR_INVALID, "host_memory_size",
                              "%zu bytes are needed, not %zu", size, opts->host_memory_size);
    } else {
        rc = mcmp__os_reserve(size, opts->memory == MCMP_MEMORY_SHARED, &memory, err);
        if (rc != MCMP_OK)
            return rc;
        cluster->mapped = size;
    }
    cluster->region = memory;
    return MCMP_OK;
}

/* From memory to a region whose header fits. */
static int take_region(mcmp_cluster *cluster, mcmp_error *err)
{
    int rc;

    cluster->lock.ops = &mcmp__lock_robust;
    cluster->lock.memory = (void *)(cluster->region + MCMP__R_LOCK);
    rc = region_enter(cluster, err);
    if (rc == MCMP_OK) {
        cluster->layout.seed = mcmp__word_get(cluster->region + MCMP__R_SEED);
        cluster->layout.root_hash = (uint32_t)mcmp__hash_segment(cluster->layout.seed, "", 0);
    }
    return rc;
}

static void seed_random(mcmp_cluster *cluster)
{
    uint64_t seed = cluster->config.opts.random_seed;

    if (seed == 0 && mcmp__random_bytes(&seed, sizeof(seed)) != 0)
        seed = cluster->layout.seed; /* balance does not need secrecy */
    atomic_store_explicit(&cluster->local.random, mix(seed ^ (uint64_t)cluster->pid),
                          memory_order_relaxed);
}

static int take_local(mcmp_cluster *cluster, mcmp_error *err)
{
    mcmp__local *local = &cluster->local;

    local->node_slots = 2 * cluster->layout.max_nodes + 1;
    local->live = (void *)(cluster->region + cluster->layout.live_base);
    local->used = mcmp__calloc(&cluster->config.allocator, local->node_slots, sizeof(*local->used));
    if (local->used == NULL)
        return mcmp__fail(err, MCMP_ERR_NOMEM, "max_nodes", "no memory for the handle");
    return MCMP_OK;
}

static void release(mcmp_cluster *cluster)
{
    mcmp_allocator allocator = cluster->config.allocator;

    if (cluster->local.used != NULL)
        mcmp__free(&allocator, cluster->local.used,
                   cluster->local.node_slots * sizeof(*cluster->local.used));
    if (cluster->mapped != 0)
        mcmp__os_release(cluster->region, cluster->mapped);
    if (cluster->segment >= 0)
        mcmp__os_segment_close(cluster->segment);
    if (cluster->texts != NULL)
        mcmp__free(&allocator, cluster->texts, cluster->texts_size);
    mcmp__free(&allocator, cluster, sizeof(*cluster));
}

static int enter(mcmp_cluster *cluster, mcmp_error *err)
{
    int rc = mcmp__layout_make(&cluster->layout, &cluster->config, err);

    if (rc == MCMP_OK)
        rc = take_texts(cluster, err);
    if (rc == MCMP_OK)
        rc = take_memory(cluster, err);
    if (rc == MCMP_OK)
        rc = take_local(cluster, err); /* the last that needs memory of the process */
    if (rc == MCMP_OK)
        rc = take_region(cluster, err);
    if (rc == MCMP_OK)
        rc = mcmp__process_claim(cluster, err);
    return rc;
}

/* The same for a named segment: its limits may come out of it, and its content is looked at before
 * it is used. */
static int enter_named(mcmp_cluster *cluster, const mcmp_cluster_options *opts, mcmp_error *err)
{
    mcmp__segment segment;
    int rc = mcmp__segment_find(&segment, cluster, opts, err);

    cluster->local.read_only = cluster->config.opts.attach == MCMP_ATTACH_READ;
    if (rc == MCMP_OK)
        rc = mcmp__layout_make(&cluster->layout, &cluster->config, err);
    if (rc == MCMP_OK)
        rc = take_texts(cluster, err);
    if (rc == MCMP_OK)
        rc = mcmp__segment_map(&segment, cluster, err);
    if (rc == MCMP_OK)
        rc = take_local(cluster, err); /* the last that needs memory of the process */
    if (rc == MCMP_OK)
        rc = take_region(cluster, err);
    if (rc != MCMP_OK || cluster->local.read_only)
        return rc;
    rc = mcmp__segment_keep(&segment, cluster, err);
    if (rc == MCMP_OK && !segment.create)
        rc = mcmp__check_attached(cluster, err);
    if (rc == MCMP_OK)
        rc = mcmp__process_claim(cluster, err);
    return rc;
}

/* Written at setup only: threads that answer while another one loads must not see half a text. */
static void write_id(mcmp_cluster *cluster)
{
    cluster->id = mcmp__cluster_id(cluster);
    cluster->id_len = (uint32_t)mcmp__format_uint(cluster->id_text, cluster->id);
}

int mcmp_cluster_open(mcmp_cluster **out, const mcmp_cluster_options *opts, mcmp_error *err)
{
    mcmp__config config;
    mcmp_cluster *cluster;
    int rc = mcmp__config_take(&config, opts, err);

    if (rc != MCMP_OK)
        return rc;
    cluster = mcmp__calloc(&config.allocator, 1, sizeof(*cluster));
    if (cluster == NULL)
        return mcmp__fail(err, MCMP_ERR_NOMEM, "cluster", "no memory for the handle");
    (void)mcmp__config_take(&cluster->config, opts, NULL); /* its pointers point into itself */
    cluster->segment = -1;
    rc = mcmp__access_open(cluster, err);
    if (rc == MCMP_OK)
        rc = config.opts.memory == MCMP_MEMORY_NAMED ? enter_named(cluster, opts, err)
                                                     : enter(cluster, err);
    if (rc != MCMP_OK) {
        mcmp__access_close(cluster);
        release(cluster);
        return rc;
    }
    seed_random(cluster);
    write_id(cluster);
    *out = cluster;
    return MCMP_OK;
}

void mcmp_cluster_close(mcmp_cluster *cluster)
{
    if (cluster == NULL)
        return;
    mcmp__access_close(cluster);
    if (cluster->local.lb_free != NULL)
        cluster->local.lb_free(cluster, cluster->local.lb);
    if (!cluster->local.read_only)
        mcmp__process_leave(cluster);
    release(cluster);
}

int mcmp_cluster_region_size(const mcmp_cluster_options *opts, size_t *out_size, mcmp_error *err)
{
    mcmp__config config;
    mcmp__layout layout;
    int rc = mcmp__config_take(&config, opts, err);

    if (rc == MCMP_OK)
        rc = mcmp__layout_make(&layout, &config, err);
    if (rc == MCMP_OK)
        *out_size = layout.region_words * sizeof(mcmp__word);
    return rc;
}

int mcmp_cluster_after_fork(mcmp_cluster *cluster, mcmp_error *err)
{
    int rc;

    if (cluster->config.opts.memory == MCMP_MEMORY_HEAP)
        return mcmp__fail(err, MCMP_ERR_STATE, "memory", "heap memory is not shared with a child");
    if (cluster->local.read_only)
        return mcmp__fail(err, MCMP_ERR_STATE, "attach", "attached for reading only");
    if (cluster->pid == mcmp__os_pid())
        return mcmp__fail(err, MCMP_ERR_STATE, "pid", "this process has not forked");
    rc = mcmp__process_claim(cluster, err);
    if (rc == MCMP_OK) {
        seed_random(cluster);
        write_id(cluster); /* a state may have been loaded before the fork */
    }
    return rc;
}

const mcmp_command_limits *mcmp_cluster_limits(const mcmp_cluster *cluster)
{
    return &cluster->config.limits;
}

uint64_t mcmp_cluster_max_message(const mcmp_cluster *cluster)
{
    return cluster->config.limits.max_message;
}

uint64_t mcmp_cluster_id(const mcmp_cluster *cluster)
{
    return mcmp__word_get(cluster->region + MCMP__R_ID);
}

uint64_t mcmp__cluster_id(const mcmp_cluster *cluster)
{
    return mcmp_cluster_id(cluster);
}

uint64_t mcmp_cluster_version(const mcmp_cluster *cluster)
{
    return mcmp__version(cluster);
}

mcmp_span mcmp__cluster_id_text(const mcmp_cluster *cluster, char room[20])
{
    uint64_t id = mcmp__cluster_id(cluster);

    if (id == cluster->id)
        return mcmp__span(cluster->id_text, cluster->id_len);
    return mcmp__span(room, mcmp__format_uint(room, id));
}

mcmp__access **mcmp__access_of(mcmp_cluster *cluster)
{
    return &cluster->access;
}

int mcmp_node_is_current(mcmp_cluster *cluster, mcmp_handle node)
{
    mcmp__read rd;
    uint32_t row;

    mcmp__read_init(&rd, cluster);
    do {
        mcmp__read_begin(&rd);
        row = mcmp__node_by_handle(&rd, node);
    } while (!mcmp__read_done(&rd));
    return row != 0;
}

int mcmp__node_expire(mcmp_cluster *cluster, mcmp_handle node, mcmp_time now, mcmp_error *err)
{
    mcmp__tx tx;
    uint32_t row;
    int rc = mcmp__tx_begin(&tx, cluster, now, err);

    if (rc != MCMP_OK)
        return rc;
    row = mcmp__node_by_handle(&tx.rd, node);
    if (row == 0) {
        mcmp__tx_abort(&tx);
        return MCMP_ERR_STALE;
    }
    mcmp__change_removal(&tx, MCMP_CHANGE_EXPIRED, row, "removed after failed probes");
    mcmp__node_remove(&tx, row, 0);
    mcmp__tx_commit(&tx);
    return MCMP_OK;
}
