/* SPDX-License-Identifier: Apache-2.0 */
/* See image.h. */
#include "image.h"

#include "base/health.h"
#include "model/change.h"

#include <pthread.h>
#include <sys/mman.h>

#if defined(__linux__)
#include <linux/futex.h>
#endif

void image_open(image *im, uint32_t kind)
{
    im->size = world_size(kind);
    im->memory = mmap(NULL, im->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (im->memory == MAP_FAILED) {
        fprintf(stderr, "torture: no memory\n");
        exit(2);
    }
    world_open(&im->world, MCMP_MEMORY_HOST, im->memory, im->size, kind);
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

/* Of each node that is published: what observers are told of its health. */
static uint64_t health_digest(mcmp_cluster *cluster)
{
    mcmp__read rd;
    uint64_t hash = 1;

    if (!mcmp__changes_on(cluster))
        return 0;
    mcmp__read_init(&rd, cluster);
    mcmp__read_begin(&rd);
    for (uint32_t n = 1; n <= rd.layout->table[MCMP__T_NODE].cap; n++) {
        uint64_t gen = mcmp__row_get(&rd, MCMP__T_NODE, n, MCMP__N_GEN);
        uint32_t word = mcmp__lo(mcmp__word_get(&mcmp__live_of(cluster, n)->health));

        if (mcmp__lo(gen) != MCMP__N_LIVE)
            continue;
        hash = (hash ^ n ^ gen) * UINT64_C(0x9e3779b97f4a7c15);
        hash = (hash ^ mcmp__health_state(word)) * UINT64_C(0xd6e8feb86659fd93);
        hash = (hash ^ (uint32_t)mcmp__health_load(word)) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    (void)mcmp__read_done(&rd);
    return hash;
}

/* 1: who died had announced a change of health, and the repair may carry it through. */
static int is_announced(const mcmp_cluster *cluster)
{
    return mcmp__changes_on(cluster) &&
           mcmp__word_get(mcmp__change_control(cluster) + MCMP__C_HANDLE) != 0;
}

int image_note(image_states *states, const world *w)
{
    char wrong[200] = "";
    image_state now = { image_digest(w->cluster), health_digest(w->cluster), 0 };
    const image_state *last = states->count != 0 ? &states->state[states->count - 1] : NULL;

    if (told_look(states->told, w->cluster, 1, &now.last, wrong, sizeof(wrong)) != 0)
        return 0;
    if (last != NULL && now.digest == last->digest && now.health == last->health)
        return 1;
    if (states->count == IMAGE_STATES)
        return 0;
    states->limit = states->count;
    states->state[states->count++] = now;
    return 1;
}

void image_begin(image_states *states, told_table *told, const world *w)
{
    memset(states, 0, sizeof(*states));
    states->told = told;
    (void)image_note(states, w);
}

/* Which of the states this is, from `at` to the limit; -1 after torture_fail(). */
static int find_state(torture *t, const world *w, const image_states *states, const char *what)
{
    uint64_t seen = image_digest(w->cluster);

    for (uint32_t i = states->at; i <= states->limit; i++)
        if (states->state[i].digest == seen)
            return (int)i;
    for (uint32_t i = 0; i < states->count; i++)
        if (states->state[i].digest == seen) {
            torture_fail(t, "%s: readers see state %u of %u, allowed are %u to %u", what, i,
                         states->count, states->at, states->limit);
            return -1;
        }
    torture_fail(t, "%s: readers see a part of a message", what);
    return -1;
}

/* Observers are told what is known, whole and up to the state. */
static int check_told(torture *t, const world *w, const image_states *states, const char *what)
{
    char wrong[200] = "";
    uint64_t last;

    if (told_look(states->told, w->cluster, 0, &last, wrong, sizeof(wrong)) != 0) {
        torture_fail(t, "%s: %s", what, wrong);
        return -1;
    }
    if (last == states->state[states->at].last)
        return 0;
    torture_fail(t, "%s: observers are told up to change %llu, not %llu", what,
                 (unsigned long long)last, (unsigned long long)states->state[states->at].last);
    return -1;
}

/* What can be seen before anybody repaired anything. */
static int check_published(torture *t, world *w, image_states *states, const char *what)
{
    int found = find_state(t, w, states, what);

    if (found < 0)
        return -1;
    states->at = (uint32_t)found;
    return check_told(t, w, states, what);
}

int image_death(torture *t, world *w, image_states *states, const char *what)
{
    if (check_published(t, w, states, what) != 0)
        return -1;
    states->limit = MCMP__MIN(states->limit, states->at + (uint32_t)is_announced(w->cluster));
    return 0;
}

static int check_repaired(torture *t, world *w, const image_states *states, const char *what)
{
    const mcmp_cluster *cluster = w->cluster;
    const mcmp__layout *layout = &cluster->layout;

    if (memcmp((const void *)(cluster->region + layout->copy_base[0]),
               (const void *)(cluster->region + layout->copy_base[1]),
               layout->copy_words * sizeof(mcmp__word)) != 0)
        torture_fail(t, "%s: the copies differ after the repair", what);
    else if (mcmp__word_get(cluster->region + MCMP__R_LOG) != 0)
        torture_fail(t, "%s: the log is not empty after the repair", what);
    else if (is_announced(cluster))
        torture_fail(t, "%s: a change of health is announced after the repair", what);
    else if (world_health_agrees(w) != 0)
        torture_fail(t, "%s: %s", what, w->wrong);
    else if (health_digest(w->cluster) != states->state[states->at].health)
        torture_fail(t, "%s: the health of the nodes is not what observers were told", what);
    else
        return check_told(t, w, states, what);
    return -1;
}

/* The state that is seen before the repair, or the next one when that was announced, is there after
 * it. */
int image_check(torture *t, world *w, image_states *states, const char *what)
{
    image_states repaired;
    mcmp_error err;
    int found;

    mcmp_error_init(&err);
    torture_alive();
    repaired = *states;
    if (image_death(t, w, &repaired, what) != 0)
        return -1;
    states->at = repaired.at;
    if (mcmp_cluster_check(w->cluster, NULL, &err) != MCMP_OK) {
        torture_fail(t, "%s: %s", what, err.message);
        return -1;
    }
    t->number[N_CHECKS]++;
    found = find_state(t, w, &repaired, what);
    if (found < 0)
        return -1;
    repaired.at = (uint32_t)found;
    return check_repaired(t, w, &repaired, what);
}
