/* SPDX-License-Identifier: Apache-2.0 */
/* See worker.h. */
#include "worker.h"

#include "model/change.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* How far this thread is inside of a message. */
typedef enum phase { PHASE_OUT, PHASE_LOCKED, PHASE_REPAIR, PHASE_WRITE, PHASE_DONE } phase;

static worker_board *the_board;
static worker_state *me;
static uint32_t my_index;
static mcmp_cluster *the_cluster;
static _Thread_local phase at_work;

uint64_t worker_clock(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t worker_waited(pid_t pid, pid_t tid)
{
    unsigned long long ran = 0, waited = 0;
    char path[64];
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", (int)pid, (int)tid);
    file = fopen(path, "r");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%llu %llu", &ran, &waited) != 2)
        waited = 0;
    (void)fclose(file);
    return waited;
}

/* Places */

int worker_has_lock(worker_place place)
{
    return place >= PLACE_LOCKED && place <= PLACE_UNLOCK;
}

static void pass(worker_place place)
{
    uint32_t none = 0;

    if (place == PLACE_NONE || atomic_load(&me->stop_at) != place)
        return;
    if (atomic_load(&me->stop_after) != 0 && atomic_fetch_sub(&me->stop_after, 1) != 0)
        return;
    if (!atomic_compare_exchange_strong(&me->stands, &none, 1))
        return; /* the other thread does */
    while (atomic_load(&me->stop_at) == place)
        torture_pause(20000);
    atomic_store(&me->stands, 0);
}

static worker_place place_of(size_t word)
{
    const mcmp__layout *layout = &the_cluster->layout;

    if (word == MCMP__R_PUB) {
        /* After a commit that finishes what a dead one announced the message itself begins. */
        at_work = at_work == PHASE_WRITE ? PHASE_DONE : PHASE_REPAIR;
        return at_work == PHASE_REPAIR ? PLACE_MARK : PLACE_PUBLISH;
    }
    if (word == MCMP__R_LOG) {
        phase before = at_work;

        at_work = PHASE_WRITE;
        return before == PHASE_REPAIR ? PLACE_REPAIRED : PLACE_LENGTH;
    }
    if (layout->ring_words != 0 && word >= layout->ring_base)
        return word < layout->ring_base + MCMP__C_WORDS ? PLACE_ANNOUNCE : PLACE_ENTRY;
    if (word >= layout->copy_base[0])
        return at_work == PHASE_REPAIR ? PLACE_REPAIR : PLACE_DATA;
    if (word >= layout->log_base)
        return PLACE_LOG;
    if (word >= layout->bitmap_base)
        return at_work == PHASE_REPAIR ? PLACE_REPAIR : PLACE_BITS;
    if (word >= layout->counts_base)
        return PLACE_COUNTS;
    return word >= layout->live_base ? PLACE_LIVE : PLACE_NONE;
}

static void at_store(const volatile void *at)
{
    const char *start = (const char *)the_cluster->region;
    const char *where = (const char *)at;

    if (where >= start && where < start + the_cluster->layout.region_words * sizeof(mcmp__word))
        pass(place_of((size_t)(where - start) / sizeof(mcmp__word)));
}

static int watched_acquire(void *lock)
{
    int rc;

    if (me != NULL)
        pass(PLACE_LOCK);
    rc = mcmp__lock_robust.acquire(lock);
    at_work = PHASE_LOCKED;
    if (me != NULL)
        pass(PLACE_LOCKED);
    return rc;
}

static void watched_release(void *lock)
{
    if (me != NULL)
        pass(PLACE_UNLOCK);
    mcmp__lock_robust.release(lock);
    at_work = PHASE_OUT;
    if (me != NULL)
        pass(PLACE_UNLOCKED);
}

void worker_watch_lock(mcmp_cluster *cluster)
{
    static mcmp__lock_ops watched;

    watched = mcmp__lock_robust;
    watched.acquire = watched_acquire;
    watched.release = watched_release;
    cluster->lock.ops = &watched;
}

/* Work */

static void report(const char *text)
{
    if (atomic_fetch_add(&the_board->failures, 1) == 0)
        (void)snprintf(the_board->text, sizeof(the_board->text), "%s", text);
}

static void stand_if_asked(world *w)
{
    if (atomic_load(&the_board->park) == 0)
        return;
    world_release_all(w);
    atomic_fetch_add(&me->parked, 1);
    while (atomic_load(&the_board->park) != 0)
        torture_pause(50000);
    atomic_fetch_sub(&me->parked, 1);
}

static void note_commit(void)
{
    uint32_t dying = atomic_load(&the_board->dying);
    uint64_t none = 0;
    uint64_t now;

    atomic_fetch_add_explicit(&me->commits, 1, memory_order_relaxed);
    if (dying == 0 || dying == my_index + 1 || atomic_load(&the_board->first) != 0)
        return;
    now = worker_clock();
    atomic_store(&me->waited, worker_waited(getpid(), (pid_t)syscall(SYS_gettid)));
    (void)atomic_compare_exchange_strong(&the_board->first, &none, now << 2 | my_index);
}

static void write_once(world *w)
{
    world_message m;

    world_message_make(&m, &w->seed);
    w->now = (mcmp_time)(worker_clock() / 1000);
    (void)world_apply(w, &m);
    note_commit();
    /* With a ring a failed request takes the lock (observer.h): readers, which must never wait,
     * tell of none. */
    if (mcmp__changes_on(w->cluster) && torture_pick(&w->seed, 4) == 0 && world_select(w) < 0)
        report(w->wrong);
}

static void read_once(world *w)
{
    int rc;

    w->now = (mcmp_time)(worker_clock() / 1000);
    if (torture_pick(&w->seed, 8) == 0) {
        if (world_look(w) != 0)
            report(w->wrong);
        atomic_fetch_add_explicit(&me->views, 1, memory_order_relaxed);
        return;
    }
    rc = world_select(w);
    if (rc < 0)
        report(w->wrong);
    atomic_fetch_add_explicit(&me->selections, 1, memory_order_relaxed);
}

/* Observers of one number after the other: this one goes on where the one before it died. The first
 * worker's is slow. */
static void observe(told_observer *o)
{
    uint64_t count = o->count;
    uint64_t missed = o->missed;

    if (o->observer == NULL)
        return;
    if (told_go_on(o, &the_board->told, 8) != 0)
        report(o->wrong);
    atomic_store(&the_board->last_told[my_index], o->last);
    atomic_fetch_add(&the_board->changes_told, o->count - count);
    atomic_fetch_add(&the_board->changes_missed, o->missed - missed);
}

static void *read_on(void *arg)
{
    world *w = arg;
    told_observer told;

    if (told_open(&told, w->cluster, atomic_load(&the_board->last_told[my_index])) != 0)
        report(told.wrong);
    torture_hook = at_store;
    for (uint32_t i = 0;; i++) {
        stand_if_asked(w);
        read_once(w);
        if (i % (my_index == 0 ? 512 : 4) == 0)
            observe(&told);
        atomic_store(&me->readers, 1);
        if (i % 16 == 0)
            torture_pause(20000);
    }
    return NULL;
}

static void work(world *shared, uint64_t seed)
{
    static world writer, reader;
    pthread_t thread;

    if (mcmp_cluster_after_fork(the_cluster, NULL) != MCMP_OK) {
        report("a new process finds no place");
        _exit(1);
    }
    world_join(&writer, shared->cluster, seed);
    world_join(&reader, shared->cluster, seed + 1000003);
    writer.fails = 4;
    if (mcmp__changes_on(the_cluster))
        reader.fails = 0;
    if (pthread_create(&thread, NULL, read_on, &reader) != 0)
        _exit(1);
    torture_hook = at_store;
    for (;;) {
        stand_if_asked(&writer);
        write_once(&writer);
        atomic_store(&me->writer_tid, (uint32_t)syscall(SYS_gettid));
        if (torture_pick(&writer.seed, 3) == 0)
            torture_pause(20000);
    }
}

pid_t worker_start(worker_board *board, world *shared, uint32_t index, uint64_t seed)
{
    pid_t pid;

    memset(&board->worker[index], 0, sizeof(board->worker[index]));
    pid = fork();
    if (pid != 0)
        return pid;
    torture_leash();
    the_board = board;
    the_cluster = shared->cluster;
    my_index = index;
    me = &board->worker[index];
    work(shared, seed);
    _exit(0);
}
