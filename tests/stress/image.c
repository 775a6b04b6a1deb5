/* SPDX-License-Identifier: Apache-2.0 */
/* See image.h. */
#include "image.h"

#include <pthread.h>
#include <sys/mman.h>

#if defined(__linux__)
#include <linux/futex.h>
#endif

void image_open(image *im, int tight)
{
    im->size = world_size(tight);
    im->memory = mmap(NULL, im->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (im->memory == MAP_FAILED) {
        fprintf(stderr, "torture: no memory\n");
        exit(2);
    }
    world_open(&im->world, MCMP_MEMORY_HOST, im->memory, im->size, tight);
}

void image_close(image *im)
{
    world_close(&im->world);
    (void)munmap(im->memory, im->size);
}

/* The futex word of a mutex: the C library does not say where it is, but it is the word that holds
 * the owner's thread id, and the kernel touches no other. */
int image_bury(mcmp_cluster *cluster, pid_t victim)
{
#if defined(__linux__) && defined(__GLIBC__)
    pthread_mutex_t *mutex = cluster->lock.memory;
    uint32_t *futex = (uint32_t *)&mutex->__data.__lock;
    uint32_t value = __atomic_load_n(futex, __ATOMIC_RELAXED);

    if (victim != 0 && (value & FUTEX_TID_MASK) == (uint32_t)victim)
        __atomic_store_n(futex, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED, __ATOMIC_RELAXED);
    return 1;
#else
    (void)cluster;
    (void)victim;
    return 0;
#endif
}

void image_take(image *im, const mcmp_cluster *from, pid_t victim)
{
    memcpy(im->memory, (const void *)from->region, im->size);
    (void)image_bury(im->world.cluster, victim);
}

static uint64_t digest(const mcmp_cluster *cluster, uint64_t version)
{
    const mcmp__word *words = cluster->region + cluster->layout.copy_base[version & 1];
    size_t count = cluster->layout.copy_words;
    uint64_t a = 1, b = 2;

    for (size_t i = 0; i + 1 < count; i += 2) {
        a = (a ^ mcmp__word_get(words + i)) * UINT64_C(0x9e3779b97f4a7c15);
        b = (b ^ mcmp__word_get(words + i + 1)) * UINT64_C(0xd6e8feb86659fd93);
        a ^= a >> 29;
        b ^= b >> 31;
    }
    return a ^ b;
}

uint64_t image_digest_of(const mcmp_cluster *cluster, uint64_t version)
{
    return digest(cluster, version);
}

uint64_t image_digest(const mcmp_cluster *cluster)
{
    return digest(cluster, mcmp__version(cluster));
}

/* What readers see before anybody repaired anything. */
static int check_published(torture *t, world *w, image_states *states, const char *what)
{
    uint64_t seen = image_digest(w->cluster);

    if (seen != states->before && seen != states->after) {
        torture_fail(t, "%s: readers see a part of a message", what);
        return -1;
    }
    if (states->before != states->after) {
        if (states->is_after && seen == states->before) {
            torture_fail(t, "%s: readers see a message no more", what);
            return -1;
        }
        states->is_after = seen == states->after;
    }
    return 0;
}

static int check_repaired(torture *t, world *w, uint64_t seen, const char *what)
{
    const mcmp_cluster *cluster = w->cluster;
    const mcmp__layout *layout = &cluster->layout;

    if (image_digest(cluster) != seen)
        torture_fail(t, "%s: the repair changed what readers see", what);
    else if (memcmp((const void *)(cluster->region + layout->copy_base[0]),
                    (const void *)(cluster->region + layout->copy_base[1]),
                    layout->copy_words * sizeof(mcmp__word)) != 0)
        torture_fail(t, "%s: the copies differ after the repair", what);
    else if (mcmp__word_get(cluster->region + MCMP__R_LOG) != 0)
        torture_fail(t, "%s: the log is not empty after the repair", what);
    else if (world_health_agrees(w) != 0)
        torture_fail(t, "%s: %s", what, w->wrong);
    else
        return 0;
    return -1;
}

int image_check(torture *t, world *w, image_states *states, const char *what)
{
    mcmp_error err;
    uint64_t seen;

    mcmp_error_init(&err);
    torture_alive();
    if (check_published(t, w, states, what) != 0)
        return -1;
    seen = image_digest(w->cluster);
    if (mcmp_cluster_check(w->cluster, NULL, &err) != MCMP_OK) {
        torture_fail(t, "%s: %s", what, err.message);
        return -1;
    }
    t->number[N_CHECKS]++;
    return check_repaired(t, w, seen, what);
}
