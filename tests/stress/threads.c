/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writers and readers as threads of one process that share one handle; nobody is killed. For
 * ThreadSanitizer, which sees everything here, and for the locks of a host with threads.
 */
#include "told.h"

#include <pthread.h>

#define WRITERS 2u
#define READERS 2u
#define THREADS (WRITERS + READERS)

typedef struct worker {
    world world;
    _Atomic uint32_t *stop;
    _Atomic uint64_t done; /* messages, or selections and views */
    uint64_t views;
    uint32_t failed;
    told_observer told; /* each reader observes, too */
    told_table *table;
} worker;

static void *write_on(void *arg)
{
    worker *w = arg;
    world_message m;

    while (atomic_load(w->stop) == 0) {
        world_message_make(&m, &w->world.seed);
        w->world.now += m.wait * MCMP_MSEC;
        (void)world_apply(&w->world, &m);
        atomic_fetch_add_explicit(&w->done, 1, memory_order_relaxed);
    }
    return NULL;
}

static void *read_on(void *arg)
{
    worker *w = arg;

    while (atomic_load(w->stop) == 0 && !w->failed) {
        if (torture_pick(&w->world.seed, 8) == 0 && told_go_on(&w->told, w->table, 8) != 0) {
            (void)snprintf(w->world.wrong, sizeof(w->world.wrong), "%s", w->told.wrong);
            w->failed = 1;
        } else if (torture_pick(&w->world.seed, 8) == 0) {
            w->failed = world_look(&w->world) != 0;
            w->views++;
        } else {
            w->failed = world_select(&w->world) < 0;
        }
        atomic_fetch_add_explicit(&w->done, 1, memory_order_relaxed);
    }
    world_release_all(&w->world);
    return NULL;
}

/* Everybody does something between two checks, or the watchdog comes. */
static void check_on(torture *t, worker *workers, mcmp_cluster *cluster, double seconds)
{
    double end = torture_now() + seconds;
    uint64_t seen[THREADS] = { 0 };

    while (torture_now() < end && t->failures == 0) {
        mcmp_error err;
        uint32_t moved = 0;

        mcmp_error_init(&err);
        torture_pause(5000000);
        if (mcmp_cluster_check(cluster, NULL, &err) != MCMP_OK)
            torture_fail(t, "%s", err.message);
        t->number[N_CHECKS]++;
        for (uint32_t i = 0; i < THREADS; i++) {
            uint64_t done = atomic_load(&workers[i].done);

            moved += done != seen[i];
        }
        if (moved == THREADS) {
            torture_alive();
            for (uint32_t i = 0; i < THREADS; i++)
                seen[i] = atomic_load(&workers[i].done);
        }
    }
}

int torture_threads(torture *t)
{
    static worker workers[THREADS];
    static told_table table;
    pthread_t threads[THREADS];
    _Atomic uint32_t stop = 0;
    world main_world;

    world_open(&main_world, MCMP_MEMORY_HEAP, NULL, 0, t->no_ring ? 0 : WORLD_RING);
    memset(workers, 0, sizeof(workers));
    memset(&table, 0, sizeof(table));
    for (uint32_t i = 0; i < THREADS; i++) {
        world_join(&workers[i].world, main_world.cluster, t->seed + i);
        workers[i].stop = &stop;
        workers[i].table = &table;
        if (i >= WRITERS && told_open(&workers[i].told, main_world.cluster, 0) != 0)
            torture_fail(t, "%s", workers[i].told.wrong);
        if (pthread_create(&threads[i], NULL, i < WRITERS ? write_on : read_on, &workers[i]) != 0)
            exit(2);
    }
    check_on(t, workers, main_world.cluster, t->seconds > 0 ? t->seconds : t->full ? 60 : 4);
    atomic_store(&stop, 1);
    for (uint32_t i = 0; i < THREADS; i++) {
        uint64_t done;

        (void)pthread_join(threads[i], NULL);
        done = atomic_load(&workers[i].done);
        t->number[i < WRITERS ? N_MESSAGES : N_SELECTIONS] += done - workers[i].views;
        t->number[N_VIEWS] += workers[i].views;
        t->number[N_TOLD] += workers[i].told.count;
        t->number[N_MISSED] += workers[i].told.missed;
        told_close(&workers[i].told);
        if (workers[i].failed)
            torture_fail(t, "%s", workers[i].world.wrong);
        world_leave(&workers[i].world);
    }
    if (t->failures == 0 && world_connected(&main_world) != 0)
        torture_fail(t, "nobody holds anything, but something counts");
    world_close(&main_world);
    return 0;
}
