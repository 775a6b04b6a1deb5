/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named segments: who may create, attach, recover and remove one.
 *
 * Concurrency. A lock of the system on the file orders it all (os.h). Who creates, or is the first
 * to attach, holds it exclusively; everybody who is attached for writing shares it as long as he
 * or a child of his lives. So whoever gets it exclusively knows that no writer is there: a region
 * that is not ready was left by a creator that died and is made anew in place, and one that is
 * ready gets a new lock, because nobody can be inside. Readers hold nothing: a region that is
 * ready stays so, is never made smaller, and removing its name takes nothing from who mapped it.
 *
 * Nothing of the content is followed here. The header is copied out first, which touches no page,
 * and every limit in it is compared or checked before the layout is computed from it.
 */
#include "model/segment.h"

#include "model/process.h"

#define WAIT_MS 10000u  /* for who creates, or holds the lock */
#define PROBE_MS 20u    /* for who just looks */
#define NEED (4u << 20) /* bytes that must be free: a few dozen nodes and some thousand contexts */
#define HEAD_WORDS MCMP__R_PUB

int mcmp__segment_name_check(const char *name, mcmp_error *err)
{
    size_t len = name != NULL ? strlen(name) : 0;

    for (size_t i = 0; i < len; i++) {
        char low = mcmp__lower(name[i]);

        if ((low < 'a' || low > 'z') && !mcmp__is_digit(low) && strchr("._-", low) == NULL)
            len = 0;
    }
    if (len < 1 || len > MCMP_SEGMENT_NAME_MAX)
        return mcmp__fail(err, MCMP_ERR_INVALID, "segment",
                          "the name of a segment is 1 to %d of A-Z a-z 0-9 . _ -",
                          MCMP_SEGMENT_NAME_MAX);
    return MCMP_OK;
}

/* Whose file it is. A reader may be the superuser, who could read it anyway. */
static int check_file(const mcmp__segment_stat *st, int reading, mcmp_error *err)
{
    uint64_t user = mcmp__os_user();

    if (!st->is_memory)
        return mcmp__fail(err, MCMP_ERR_REGION, "segment", "it is no plain file of shared memory");
    if (st->owner != user && !(reading && user == 0))
        return mcmp__fail(err, MCMP_ERR_DENIED, "owner",
                          "the segment belongs to user %llu, this process runs as %llu",
                          (unsigned long long)st->owner, (unsigned long long)user);
    if (st->mode != 0600)
        return mcmp__fail(err, MCMP_ERR_DENIED, "mode", "the segment has mode %04o, not 0600",
                          st->mode);
    return MCMP_OK;
}

enum content { READY, UNFINISHED, FOREIGN };

/* All of the first words: a page that was only looked at. */
static int is_zero(const mcmp__word *head)
{
    uint64_t any = 0;

    for (size_t i = 0; i < HEAD_WORDS; i++)
        any |= mcmp__word_get(head + i);
    return any == 0;
}

static enum content look(int fd, const mcmp__segment_stat *st, mcmp__word head[HEAD_WORDS])
{
    uint64_t state, magic;

    for (size_t i = 0; i < HEAD_WORDS; i++)
        mcmp__word_set(head + i, 0);
    if (st->is_untouched)
        return UNFINISHED; /* also a file without a size */
    if (mcmp__os_segment_peek(fd, 0, (void *)head, HEAD_WORDS * sizeof(*head)) !=
        (int64_t)(HEAD_WORDS * sizeof(*head)))
        return FOREIGN;
    state = mcmp__word_get(head + MCMP__R_STATE);
    magic = mcmp__word_get(head + MCMP__R_MAGIC);
    if (state == MCMP__REGION_READY)
        return READY;
    if (is_zero(head))
        return UNFINISHED;
    return state != 0 && (magic == 0 || magic == MCMP__REGION_MAGIC) ? UNFINISHED : FOREIGN;
}

/* One try: 1 = decided, the segment is ours to go on with; 0 = somebody else is at it; or an
 * error. */
static int try_enter(mcmp__segment *segment, mcmp__word head[HEAD_WORDS], int may_create,
                     mcmp_error *err)
{
    mcmp__segment_stat st;
    enum content content;
    int rc;

    segment->alone = (uint32_t)mcmp__os_segment_lock(segment->fd, 1);
    if (!segment->alone && !mcmp__os_segment_lock(segment->fd, 0))
        return 0;
    rc = mcmp__os_segment_stat(segment->fd, &st, err);
    if (rc != MCMP_OK)
        return rc;
    if (!st.is_linked)
        return mcmp__fail(err, MCMP_ERR_STALE, "segment", "the segment was removed meanwhile");
    content = look(segment->fd, &st, head);
    segment->size = st.size;
    segment->create = content == UNFINISHED;
    if (content == FOREIGN)
        return mcmp__fail(err, MCMP_ERR_REGION, "magic", "the segment holds no region");
    if (content == READY)
        return 1;
    if (segment->alone && !may_create)
        return mcmp__fail(err, MCMP_ERR_REGION, "state",
                          "the segment was never finished by its creator");
    if (!segment->alone)
        mcmp__os_segment_unlock(segment->fd);
    return (int)segment->alone;
}

/* A writer beside others, or alone. One that only looks may keep us from being alone for a
 * moment. */
static int enter_writing(mcmp__segment *segment, mcmp__word head[HEAD_WORDS], int may_create,
                         mcmp_error *err)
{
    for (uint32_t ms = 0; ms < WAIT_MS; ms++) {
        int rc = try_enter(segment, head, may_create, err);

        if (rc < 0 || (rc > 0 && (segment->alone || ms >= PROBE_MS)))
            return rc < 0 ? rc : MCMP_OK;
        if (rc > 0)
            mcmp__os_segment_unlock(segment->fd);
        mcmp__os_pause();
    }
    return mcmp__fail(err, MCMP_ERR_REGION, "state",
                      "another process has been creating the segment for %u seconds",
                      WAIT_MS / 1000);
}

/* A reader needs no lock, but waits for a creator that is alive. */
static int enter_reading(mcmp__segment *segment, mcmp__word head[HEAD_WORDS], mcmp_error *err)
{
    for (uint32_t ms = 0; ms < WAIT_MS; ms++) {
        mcmp__segment_stat st;
        int unlocked = mcmp__os_segment_lock(segment->fd, 0);
        int rc = mcmp__os_segment_stat(segment->fd, &st, err);
        enum content content;

        if (rc != MCMP_OK)
            return rc;
        content = look(segment->fd, &st, head);
        segment->size = st.size;
        mcmp__os_segment_unlock(segment->fd);
        if (content == READY)
            return MCMP_OK;
        if (content == FOREIGN)
            return mcmp__fail(err, MCMP_ERR_REGION, "magic", "the segment holds no region");
        if (unlocked)
            break;
        mcmp__os_pause();
    }
    return mcmp__fail(err, MCMP_ERR_REGION, "state", "the segment was not finished by its creator");
}

static int open_file(mcmp__segment *segment, const mcmp_cluster_options *opts, mcmp_error *err)
{
    uint32_t how = opts->attach == MCMP_ATTACH_READ ? MCMP__SEGMENT_READ : MCMP__SEGMENT_WRITE;
    int rc = mcmp__os_segment_open(opts->segment, how, &segment->fd, err);

    if (rc != MCMP_ERR_NOT_FOUND || opts->attach >= MCMP_ATTACH_EXISTING)
        return rc;
    rc = mcmp__os_segment_open(opts->segment, MCMP__SEGMENT_NEW, &segment->fd, err);
    return rc == MCMP_ERR_STATE ? MCMP_ERR_STALE : rc; /* another one was faster: attach to his */
}

/* MCMP_ERR_STALE: the name came or went while we looked, begin again. */
static int find_once(mcmp__segment *segment, const mcmp_cluster_options *opts,
                     mcmp__word head[HEAD_WORDS], mcmp_error *err)
{
    int reading = opts->attach == MCMP_ATTACH_READ;
    mcmp__segment_stat st;
    int rc = open_file(segment, opts, err);

    if (rc == MCMP_OK)
        rc = mcmp__os_segment_stat(segment->fd, &st, err);
    if (rc == MCMP_OK)
        rc = check_file(&st, reading, err);
    if (rc == MCMP_OK && reading)
        return enter_reading(segment, head, err);
    if (rc == MCMP_OK)
        rc = enter_writing(segment, head, opts->attach < MCMP_ATTACH_EXISTING, err);
    if (rc == MCMP_OK && opts->attach == MCMP_ATTACH_CREATE && !segment->create)
        rc = mcmp__fail(err, MCMP_ERR_STATE, "segment", "the segment %s exists", opts->segment);
    return rc;
}

/* Who attaches must be able to tell the processes in the slots from his own. */
static int check_pid_space(const mcmp__word *head, mcmp_error *err)
{
    uint64_t theirs = mcmp__word_get(head + MCMP__R_PID_SPACE);
    uint64_t ours = mcmp__os_pid_space();

    if (theirs != 0 && ours != 0 && theirs != ours)
        return mcmp__fail(err, MCMP_ERR_REGION, "pid_space",
                          "processes of another pid namespace (%llu, ours is %llu) are attached to "
                          "the segment",
                          (unsigned long long)theirs, (unsigned long long)ours);
    return MCMP_OK;
}

int mcmp__segment_find(mcmp__segment *segment, mcmp_cluster *cluster,
                       const mcmp_cluster_options *opts, mcmp_error *err)
{
    const mcmp_cluster_options *own = &cluster->config.opts;
    mcmp__word head[HEAD_WORDS];
    int rc = MCMP_ERR_STALE;

    for (uint32_t ms = 0; rc == MCMP_ERR_STALE && ms < WAIT_MS; ms++) {
        segment->fd = -1;
        segment->create = 0;
        segment->alone = 0;
        rc = find_once(segment, own, head, err);
        if (rc != MCMP_OK && segment->fd >= 0)
            mcmp__os_segment_close(segment->fd);
    }
    if (rc != MCMP_OK)
        return rc;
    cluster->segment = segment->fd;
    if (segment->create)
        return MCMP_OK;
    if (mcmp__header_known(head, err) != MCMP_OK)
        return MCMP_ERR_REGION;
    if (own->attach != MCMP_ATTACH_READ && !segment->alone && check_pid_space(head, err) != MCMP_OK)
        return MCMP_ERR_REGION;
    if (own->attach >= MCMP_ATTACH_EXISTING)
        return mcmp__header_adopt(&cluster->config, opts, head, err);
    return MCMP_OK;
}

int mcmp__segment_map(mcmp__segment *segment, mcmp_cluster *cluster, mcmp_error *err)
{
    const mcmp_cluster_options *opts = &cluster->config.opts;
    size_t size = cluster->layout.region_words * sizeof(mcmp__word);
    mcmp__word head[HEAD_WORDS];
    void *memory;
    int rc;

    if (segment->create) {
        rc = mcmp__os_segment_reset(segment->fd, size, MCMP__MIN(size, NEED), err);
        if (rc != MCMP_OK)
            return rc;
    } else {
        if (mcmp__os_segment_peek(segment->fd, 0, (void *)head, sizeof(head)) != sizeof(head))
            return mcmp__fail(err, MCMP_ERR_REGION, "size", "the segment is truncated");
        rc = mcmp__header_check(head, &cluster->layout, &cluster->config, err);
        if (rc != MCMP_OK)
            return rc;
        if (segment->size != size)
            return mcmp__fail(err, MCMP_ERR_REGION, "size",
                              "the segment has %llu bytes, its region %zu",
                              (unsigned long long)segment->size, size);
    }
    rc = mcmp__os_segment_map(segment->fd, size, opts->attach != MCMP_ATTACH_READ, &memory, err);
    if (rc != MCMP_OK)
        return rc;
    cluster->region = memory;
    cluster->mapped = size;
    return MCMP_OK;
}

/* The first one to come finds what its predecessors left. */
static int take_over(mcmp_cluster *cluster, mcmp_error *err)
{
    mcmp__word *region = cluster->region;
    uint64_t space = mcmp__os_pid_space();
    int foreign = mcmp__word_get(region + MCMP__R_PID_SPACE) != space;
    int rc = 0;

    /* A process that closed all its descriptors holds no lock, but has its slot. */
    if (!foreign && mcmp__process_find_live(cluster) != 0)
        return MCMP_OK;
    mcmp__word_set(region + MCMP__R_PID_SPACE, space);
    for (size_t i = 0; i < MCMP__LOCK_SIZE / sizeof(*region); i++)
        mcmp__word_set(region + MCMP__R_LOCK + i, 0);
    rc = cluster->lock.ops->create(cluster->lock.memory);
    if (rc != 0)
        return mcmp__fail_os(err, rc, "the lock of the region");
    mcmp__process_sweep_all(cluster, 1);
    return MCMP_OK;
}

int mcmp__segment_keep(mcmp__segment *segment, mcmp_cluster *cluster, mcmp_error *err)
{
    int rc = MCMP_OK;

    if (segment->alone && !segment->create)
        rc = take_over(cluster, err);
    /* Shared from here on. In between another one may have been alone for a moment: he finds the
     * same and does the same. */
    for (uint32_t ms = 0; rc == MCMP_OK && segment->alone; ms++) {
        if (mcmp__os_segment_lock(segment->fd, 0))
            break;
        if (ms == WAIT_MS)
            return mcmp__fail(err, MCMP_ERR_REGION, "state",
                              "another process holds the lock of the segment");
        mcmp__os_pause();
    }
    if (rc == MCMP_OK && !cluster->lock.ops->is_sound(cluster->lock.memory))
        return mcmp__fail(err, MCMP_ERR_REGION, "lock", "the lock of the region is damaged");
    return rc;
}

/* Removing */

static uint64_t live_process(int fd)
{
    uint64_t words[MCMP__R_PROCESSES + 1];
    uint64_t count;

    if (mcmp__os_segment_peek(fd, 0, words, sizeof(words)) != sizeof(words) ||
        words[MCMP__R_MAGIC] != MCMP__REGION_MAGIC ||
        words[MCMP__R_VERSION] != MCMP__REGION_VERSION)
        return 0;
    count = MCMP__MIN((uint32_t)words[MCMP__R_PROCESSES], MCMP__MAX_PROCESSES);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t owner;

        if (mcmp__os_segment_peek(fd, (MCMP__R_PID + i) * 8, &owner, sizeof(owner)) !=
            sizeof(owner))
            return 0;
        owner &= UINT64_MAX >> 1;
        if (owner != 0 && mcmp__os_process_state(owner) != MCMP__PROCESS_GONE)
            return owner;
    }
    return 0;
}

static int check_unused(int fd, mcmp_error *err)
{
    int alone = mcmp__os_segment_lock(fd, 1);
    uint64_t owner;

    for (uint32_t ms = 0; !alone && ms < PROBE_MS; ms++) {
        mcmp__os_pause();
        alone = mcmp__os_segment_lock(fd, 1);
    }
    owner = live_process(fd);
    if (owner != 0)
        return mcmp__fail(err, MCMP_ERR_STATE, "segment", "process %u is attached to the segment",
                          (uint32_t)owner);
    if (!alone)
        return mcmp__fail(err, MCMP_ERR_STATE, "segment",
                          "a process that has no slot is attached to the segment");
    return MCMP_OK;
}

int mcmp_segment_unlink(const char *name, uint32_t flags, mcmp_error *err)
{
    mcmp__segment_stat st;
    int fd;
    int rc;

    if (mcmp__segment_name_check(name, err) != MCMP_OK)
        return MCMP_ERR_INVALID;
    if ((flags & ~MCMP_SEGMENT_FORCE) != 0)
        return mcmp__fail(err, MCMP_ERR_UNSUPPORTED, "flags", "unknown flag");
    rc = mcmp__os_segment_open(name, MCMP__SEGMENT_READ, &fd, err);
    if (rc != MCMP_OK)
        return rc;
    rc = mcmp__os_segment_stat(fd, &st, err);
    if (rc == MCMP_OK && st.owner != mcmp__os_user())
        rc = mcmp__fail(err, MCMP_ERR_DENIED, "owner", "the segment belongs to user %llu",
                        (unsigned long long)st.owner);
    if (rc == MCMP_OK && (flags & MCMP_SEGMENT_FORCE) == 0)
        rc = check_unused(fd, err);
    if (rc == MCMP_OK)
        rc = mcmp__os_segment_unlink(name, err); /* while nobody can attach */
    mcmp__os_segment_close(fd);
    return rc;
}
