/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions: the writer's side of the twin copies (DESIGN 3, docs/store.md).
 *
 * Concurrency. One writer at a time, by the lock in the region. The publication word holds
 * version << 1 | mark; version & 1 says which copy is published. The dirty log names the blocks in
 * which the copies differ. Order promised to readers: the mark comes before the first write to the
 * other copy (release fence), all writes come before the next version (release store). Order
 * promised to the next writer: a block is in the log before it is written, and leaves the log after
 * it was copied.
 * A message is undone and finished by the same work: copying the logged blocks from the published
 * copy to the other. It can be killed and repeated at any point, and the published copy is never
 * touched, so readers do not notice. It is done by the next transaction before its first write:
 * until then the state after a death is as good as any other.
 */
#include "model/change.h"
#include "model/tx.h"

static mcmp__word *log_word(mcmp_cluster *cluster)
{
    return cluster->region + MCMP__R_LOG;
}

static uint64_t published(const mcmp_cluster *cluster)
{
    return mcmp__word_get(cluster->region + MCMP__R_PUB);
}

static mcmp__word *copy_of(mcmp_cluster *cluster, uint64_t version)
{
    return cluster->region + cluster->layout.copy_base[version & 1];
}

_Static_assert(MCMP__BLOCK_WORDS == 8, "copy_block copies eight words");

static void copy_block(mcmp__word *to, const mcmp__word *from)
{
    mcmp__data_set(to, mcmp__data_get(from));
    mcmp__data_set(to + 1, mcmp__data_get(from + 1));
    mcmp__data_set(to + 2, mcmp__data_get(from + 2));
    mcmp__data_set(to + 3, mcmp__data_get(from + 3));
    mcmp__data_set(to + 4, mcmp__data_get(from + 4));
    mcmp__data_set(to + 5, mcmp__data_get(from + 5));
    mcmp__data_set(to + 6, mcmp__data_get(from + 6));
    mcmp__data_set(to + 7, mcmp__data_get(from + 7));
}

/* Make the other copy equal to the published one. */
static void sync_copies(mcmp_cluster *cluster, uint64_t version)
{
    const mcmp__layout *layout = &cluster->layout;
    const mcmp__word *from = copy_of(cluster, version);
    mcmp__word *to = copy_of(cluster, version + 1);
    mcmp__word *log = cluster->region + layout->log_base;
    mcmp__word *bitmap = cluster->region + layout->bitmap_base;
    uint64_t blocks = layout->copy_words / MCMP__BLOCK_WORDS;
    uint64_t count = mcmp__word_get(log_word(cluster));

    count = MCMP__MIN(count, blocks);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t block = mcmp__word_get(log + i);

        if (block >= blocks)
            continue; /* damaged by others; never follow it */
        copy_block(to + block * MCMP__BLOCK_WORDS, from + block * MCMP__BLOCK_WORDS);
        mcmp__word_set(bitmap + block / 64, 0); /* counts again when the log is empty */
    }
    mcmp__fence_write();
    mcmp__data_set(log_word(cluster), 0);
}

/* Before the first write: tell readers of two versions ago, then bring the other copy up to date.
 * */
static void tx_open(mcmp__tx *tx)
{
    mcmp_cluster *cluster = tx->cluster;
    uint64_t pub = published(cluster);

    mcmp__word_set(cluster->region + MCMP__R_PUB, pub | 1);
    mcmp__fence_write();
    sync_copies(cluster, pub >> 1);
    tx->work = copy_of(cluster, (pub >> 1) + 1);
    tx->rd.base = tx->work;
    tx->bitmap = cluster->region + cluster->layout.bitmap_base;
    tx->log = cluster->region + cluster->layout.log_base;
    tx->log_count = 0;
    tx->open = 1;
}

void mcmp__put_first(mcmp__tx *tx, uint64_t block)
{
    mcmp__word *bits = tx->bitmap + block / 64;

    /* Each block is noted once; only a bitmap that others damage could make it more. */
    if (tx->log_count >= tx->rd.layout->copy_words / MCMP__BLOCK_WORDS)
        return;
    mcmp__data_set(tx->log + tx->log_count, block);
    mcmp__fence_write();
    mcmp__data_set(log_word(tx->cluster), ++tx->log_count);
    mcmp__fence_write();
    mcmp__word_set(bits, mcmp__word_get(bits) | UINT64_C(1) << (block % 64));
}

void mcmp__put_text(mcmp__tx *tx, uint32_t table, uint32_t row, uint32_t word, mcmp_span text)
{
    for (size_t at = 0; at < text.len; at += 8) {
        uint64_t value = 0;

        memcpy(&value, text.ptr + at, MCMP__MIN(text.len - at, sizeof(value)));
        mcmp__row_put(tx, table, row, word++, value);
    }
}

void mcmp__tx_repair(mcmp__tx *tx)
{
    if (!tx->open)
        tx_open(tx);
}

static int fail_reader(mcmp_error *err)
{
    return mcmp__fail(err, MCMP_ERR_STATE, "attach", "attached for reading only");
}

static void start(mcmp__tx *tx, mcmp_cluster *cluster, mcmp_time now)
{
    memset(tx, 0, sizeof(*tx));
    tx->cluster = cluster;
    tx->now = now;
    tx->rd.cluster = cluster;
    tx->rd.layout = &cluster->layout;
    tx->rd.seen = published(cluster);
    tx->rd.base = copy_of(cluster, tx->rd.seen >> 1);
}

static void publish(mcmp__tx *tx)
{
    mcmp_cluster *cluster = tx->cluster;

    if (tx->open) {
        uint64_t pub = published(cluster) | 1;

        atomic_store_explicit(cluster->region + MCMP__R_PUB, pub + 1, memory_order_release);
        mcmp__live_repair(tx);
    }
    mcmp__change_settle(cluster);
}

/* With the lock held. */
static int begin(mcmp__tx *tx, mcmp_cluster *cluster, mcmp_time now)
{
    start(tx, cluster, now);
    mcmp__live_repair(tx);
    if (mcmp__change_recover(tx)) {
        publish(tx);
        start(tx, cluster, now);
    }
    return MCMP_OK;
}

int mcmp__tx_begin(mcmp__tx *tx, mcmp_cluster *cluster, mcmp_time now, mcmp_error *err)
{
    int rc;

    if (cluster->local.read_only)
        return fail_reader(err);
    rc = cluster->lock.ops->acquire(cluster->lock.memory);
    if (rc != 0)
        return mcmp__fail_os(err, rc, "the lock of the region");
    return begin(tx, cluster, now);
}

int mcmp__tx_begin_within(mcmp__tx *tx, mcmp_cluster *cluster, mcmp_time now, uint32_t ms,
                          mcmp_error *err)
{
    int rc;

    if (cluster->local.read_only)
        return fail_reader(err);
    rc = cluster->lock.ops->acquire_within(cluster->lock.memory, ms);
    if (rc != 0)
        return mcmp__fail_os(err, rc, "the lock of the region");
    return begin(tx, cluster, now);
}

void mcmp__tx_commit(mcmp__tx *tx)
{
    mcmp__balancer_unpin(tx);
    if (tx->fresh_node != 0) /* its slot is free for everybody else until the next store */
        mcmp__live_start(tx);
    publish(tx);
    tx->cluster->lock.ops->release(tx->cluster->lock.memory);
}

void mcmp__tx_abort(mcmp__tx *tx)
{
    /* The log stays: the next transaction takes the blocks back from the published copy. */
    tx->cluster->lock.ops->release(tx->cluster->lock.memory);
}
