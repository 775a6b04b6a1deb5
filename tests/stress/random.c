/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random kills: of some processes that write and read one is killed with SIGKILL, at any moment or
 * where it was made to stand still, and another one while it repairs what the first one left. After
 * each death the survivors must go on within 10 ms, the region must hold all invariants, and
 * nothing of the dead may count any more. Readers check what they see all the time, also while a
 * writer stands inside of a message.
 */
#include "worker.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(MCMP__TSAN) || defined(__SANITIZE_ADDRESS__)
#define LATE 100000000u /* ns; sanitizers slow everything down */
#else
#define LATE 10000000u
#endif
#define HANGS 20.0 /* seconds until a survivor that does not go on is said to hang */

typedef struct killer {
    torture *t;
    world world;
    worker_board *board;
    told_observer told;
    pid_t pid[WORKERS];
    uint64_t waited[WORKERS]; /* of the writers, when the victim was dead */
    uint64_t killed_at;
    uint64_t dead_at;
    uint64_t seed;
    uint64_t *latency; /* from each death, ns, without waiting for a processor */
    uint64_t *raw;     /* from each kill, by the clock */
    uint32_t measured;
    uint32_t room;
    uint64_t places[PLACES];
} killer;

/* Waits until the word is at least `value`; 0: it took too long. */
static int await(const _Atomic uint32_t *word, uint32_t value, double seconds)
{
    double end = torture_now() + seconds;

    while (atomic_load(word) < value) {
        if (torture_now() > end)
            return 0;
        torture_pause(50000);
    }
    return 1;
}

static void start(killer *k, uint32_t i)
{
    worker_state *w = &k->board->worker[i];

    k->pid[i] = worker_start(k->board, &k->world, i, torture_pick(&k->seed, 1u << 30));
    if (!await(&w->readers, 1, HANGS) || !await(&w->writer_tid, 1, HANGS))
        torture_fail(k->t, "a new process does not begin to work");
}

/* What happened in the workers */
static void take_over(killer *k, uint32_t i)
{
    worker_state *w = &k->board->worker[i];

    k->t->number[N_MESSAGES] += atomic_load(&w->commits);
    k->t->number[N_VIEWS] += atomic_load(&w->views);
    k->t->number[N_SELECTIONS] += atomic_load(&w->selections);
    if (atomic_load(&k->board->failures) != 0)
        torture_fail(k->t, "%s", k->board->text);
}

/* Selections that a process holds by the region. */
static uint64_t held_by(const mcmp_cluster *cluster, pid_t pid)
{
    const mcmp__layout *layout = &cluster->layout;
    uint64_t sum = 0;

    for (uint32_t p = 0; p < layout->max_processes; p++) {
        const mcmp__word *counts =
            cluster->region + layout->counts_base + (size_t)p * layout->counts_words;

        if (mcmp__lo(mcmp__word_get(cluster->region + MCMP__R_PID + p)) != (uint32_t)pid)
            continue;
        for (size_t n = 0; n <= layout->table[MCMP__T_NODE].cap; n++)
            sum += mcmp__lo(mcmp__word_get(counts + n));
    }
    return sum;
}

static int has_place(const mcmp_cluster *cluster, pid_t pid)
{
    for (uint32_t p = 0; p < cluster->layout.max_processes; p++)
        if (mcmp__lo(mcmp__word_get(cluster->region + MCMP__R_PID + p)) == (uint32_t)pid)
            return 1;
    return 0;
}

/* Makes the worker stand at the place; 0: it did not come by. */
static int stop_at(killer *k, uint32_t i, worker_place place)
{
    worker_state *w = &k->board->worker[i];

    atomic_store(&w->stop_after, torture_pick(&k->seed, 40));
    atomic_store(&w->stop_at, place);
    if (await(&w->stands, 1, 0.03))
        return 1;
    atomic_store(&w->stop_at, PLACE_NONE);
    return 0;
}

/* P2: readers of the others go on though this writer stands inside of a message. */
static void readers_go_on(killer *k, uint32_t dead, uint32_t standing)
{
    double end = torture_now() + HANGS;

    for (uint32_t i = 0; i < WORKERS; i++) {
        worker_state *w = &k->board->worker[i];
        uint64_t goal = atomic_load(&w->selections) + 20;

        while (i != dead && i != standing && atomic_load(&w->selections) < goal) {
            if (torture_now() > end) {
                torture_fail(k->t, "a reader waits for a writer that stands in a message");
                return;
            }
            torture_pause(50000);
        }
    }
    k->t->number[N_INSIDE]++;
}

/* Kills, and waits until the system says that it is dead. */
static void kill_worker(killer *k, uint32_t i)
{
    int status = 0;

    (void)kill(k->pid[i], SIGKILL);
    while (waitpid(k->pid[i], &status, 0) < 0 && errno == EINTR)
        continue;
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        torture_fail(k->t, "a worker ended by itself with status %#x", (unsigned)status);
    k->t->number[N_KILLS]++;
}

/* Another observer, which nobody kills. Nobody writes: then all there is has been told. */
static void observe(killer *k, int at_rest)
{
    int compared = 0;

    if (told_go_on(&k->told, &k->board->told, UINT32_MAX) != 0 ||
        (at_rest && (compared = told_agrees(&k->told, &k->world)) < 0))
        torture_fail(k->t, "%s", k->told.wrong);
    else
        k->t->number[N_AGREED] += (uint64_t)compared;
}

static void measure_begin(killer *k, uint32_t victim)
{
    atomic_store(&k->board->first, 0);
    k->killed_at = worker_clock();
    atomic_store(&k->board->dying, victim + 1);
}

/* Until here the victim may have waited for a processor to die on, with the lock. */
static void measure_death(killer *k)
{
    k->dead_at = worker_clock();
    for (uint32_t i = 0; i < WORKERS; i++)
        k->waited[i] =
            worker_waited(k->pid[i], (pid_t)atomic_load(&k->board->worker[i].writer_tid));
}

/* The time to the next message that a survivor completed: from the kill by the clock, and from the
 * death without the time that the survivor waited for a processor, which leaves what it ran and
 * what it slept. */
static void measure_end(killer *k)
{
    double end = torture_now() + HANGS;
    uint64_t first, at, net, waited;

    while ((first = atomic_load(&k->board->first)) == 0 && torture_now() < end)
        torture_pause(50000);
    if (first == 0) {
        torture_fail(k->t, "nobody goes on after a death");
        return;
    }
    atomic_store(&k->board->dying, 0);
    at = first >> 2;
    net = at > k->dead_at ? at - k->dead_at : 0;
    waited = atomic_load(&k->board->worker[first & 3].waited);
    waited -= MCMP__MIN(waited, k->waited[first & 3]);
    net -= MCMP__MIN(net, waited);
    if (k->measured < k->room) {
        k->raw[k->measured] = at - k->killed_at;
        k->latency[k->measured++] = net;
    }
}

/* Nobody holds anything and nobody writes: the state is looked at from all sides. */
static void look_at_rest(killer *k)
{
    atomic_store(&k->board->park, 1);
    for (uint32_t i = 0; i < WORKERS; i++)
        if (!await(&k->board->worker[i].parked, WORKER_THREADS, HANGS)) {
            torture_fail(k->t, "a worker does not come to rest");
            return;
        }
    if (world_connected(&k->world) != 0)
        torture_fail(k->t, "selections of the dead still count");
    if (world_health_agrees(&k->world) != 0 || world_look(&k->world) != 0)
        torture_fail(k->t, "%s", k->world.wrong);
    observe(k, 1);
    atomic_store(&k->board->park, 0);
    for (uint32_t i = 0; i < WORKERS; i++) {
        double end = torture_now() + HANGS;

        while (atomic_load(&k->board->worker[i].parked) != 0 && torture_now() < end)
            torture_pause(50000);
    }
}

/* After a worker's death: what it held is given back, all is whole, another takes its place. */
static void bury(killer *k, uint32_t i)
{
    mcmp_error err;

    mcmp_error_init(&err);
    k->t->number[N_GIVEN_BACK] += held_by(k->world.cluster, k->pid[i]);
    (void)mcmp_cluster_process_gone(k->world.cluster, k->pid[i]);
    if (has_place(k->world.cluster, k->pid[i]))
        torture_fail(k->t, "a dead process keeps its place");
    if (mcmp_cluster_check(k->world.cluster, NULL, &err) != MCMP_OK)
        torture_fail(k->t, "after a kill: %s", err.message);
    k->t->number[N_CHECKS]++;
    observe(k, 0);
    take_over(k, i);
    if (k->t->failures == 0)
        start(k, i);
}

static void kill_one(killer *k, uint32_t victim, worker_place place)
{
    if (place != PLACE_NONE && stop_at(k, victim, place)) {
        k->places[place]++;
        if (worker_has_lock(place))
            readers_go_on(k, victim, victim);
    } else {
        torture_pause(torture_pick(&k->seed, 1500000));
    }
    measure_begin(k, victim);
    kill_worker(k, victim);
    measure_death(k);
    measure_end(k);
    bury(k, victim);
}

static worker_place any_place(killer *k)
{
    worker_place place;

    do {
        place = (worker_place)(1 + torture_pick(&k->seed, PLACES - 1));
    } while (k->t->no_ring && (place == PLACE_ANNOUNCE || place == PLACE_ENTRY));
    return place;
}

/* The first one dies inside of a message, the second one while it repairs what that left. */
static void kill_two(killer *k, uint32_t first, uint32_t second)
{
    worker_state *w = &k->board->worker[second];

    if (!stop_at(k, first, PLACE_DATA))
        return;
    k->places[PLACE_DATA]++;
    atomic_store(&w->stop_after, torture_pick(&k->seed, 100));
    atomic_store(&w->stop_at, PLACE_REPAIR);
    kill_worker(k, first);
    if (await(&w->stands, 1, 0.03)) {
        k->places[PLACE_REPAIR]++;
        readers_go_on(k, first, second);
        k->t->number[N_REPAIR_KILLS]++;
    }
    measure_begin(k, second);
    kill_worker(k, second);
    measure_death(k);
    measure_end(k);
    (void)mcmp_cluster_process_gone(k->world.cluster, k->pid[second]);
    bury(k, first);
    if (k->t->failures == 0)
        bury(k, second);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void print_times(uint64_t *times, uint32_t n, const char *what)
{
    uint32_t late = 0;

    for (uint32_t i = 0; i < n; i++)
        late += times[i] > LATE;
    qsort(times, n, sizeof(*times), by_value);
    printf("random: %s: median %.0f us, 99 %% %.0f us, 99.9 %% %.0f us, at most %.0f us, %u of %u "
           "over %u ms\n",
           what, (double)times[n / 2] / 1e3, (double)times[n - 1 - n / 100] / 1e3,
           (double)times[n - 1 - n / 1000] / 1e3, (double)times[n - 1] / 1e3, late, n,
           LATE / 1000000);
}

/* A few may be late: a machine under load stops whole processors for a while, which no queue's time
 * shows. Whoever has to wait for a timeout or for another process is late each time that the victim
 * had the lock, which is half of the kills. */
static void judge_latency(killer *k)
{
    uint32_t n = k->measured;
    uint32_t late = 0;

    if (n == 0)
        return;
    for (uint32_t i = 0; i < n; i++)
        late += k->latency[i] > LATE;
    print_times(k->raw, n, "a survivor's next message after a kill, by the clock");
    print_times(k->latency, n, "after the death, ran or slept");
    if (late > 2 + n / 2000)
        torture_fail(k->t, "%u of %u times the survivors did not go on within %u ms", late, n,
                     LATE / 1000000);
}

static void print_places(const killer *k)
{
    static const char *const names[PLACES] = {
        [PLACE_LOCK] = "before the lock",
        [PLACE_LOCKED] = "with the lock",
        [PLACE_MARK] = "mark",
        [PLACE_REPAIR] = "copying",
        [PLACE_REPAIRED] = "emptying",
        [PLACE_LOG] = "entry",
        [PLACE_LENGTH] = "length",
        [PLACE_BITS] = "bit",
        [PLACE_DATA] = "data",
        [PLACE_LIVE] = "live row",
        [PLACE_ANNOUNCE] = "ring's control",
        [PLACE_ENTRY] = "change",
        [PLACE_PUBLISH] = "publication",
        [PLACE_UNLOCK] = "after the publication",
        [PLACE_UNLOCKED] = "after the lock",
        [PLACE_COUNTS] = "count",
    };

    if (!torture_has_hooks())
        return;
    printf("random: killed at");
    for (uint32_t p = 1; p < PLACES; p++)
        printf("%s %s %llu", p > 1 ? "," : "", names[p], (unsigned long long)k->places[p]);
    printf("\n");
}

static void go(killer *k, double seconds, uint32_t kills)
{
    double end = torture_now() + seconds;

    for (uint32_t i = 0; i < WORKERS; i++)
        start(k, i);
    while (torture_now() < end && k->t->number[N_KILLS] < kills && k->t->failures == 0) {
        uint32_t victim = torture_pick(&k->seed, WORKERS);
        uint32_t how = torture_pick(&k->seed, 10);

        torture_alive();
        if (!torture_has_hooks() || how < 2)
            kill_one(k, victim, PLACE_NONE);
        else if (how < 4)
            kill_two(k, victim, (victim + 1) % WORKERS);
        else
            kill_one(k, victim, any_place(k));
        if (k->t->failures == 0 && torture_pick(&k->seed, 2) == 0)
            look_at_rest(k);
    }
    for (uint32_t i = 0; i < WORKERS; i++) {
        (void)kill(k->pid[i], SIGKILL);
        (void)waitpid(k->pid[i], NULL, 0);
    }
}

int torture_random(torture *t)
{
    static killer k;
    double seconds = t->seconds > 0 ? t->seconds : t->full ? 200 : 5;
    uint32_t kills = t->kills != 0 ? t->kills : 100000;

    memset(&k, 0, sizeof(k));
    k.t = t;
    k.seed = t->seed;
    k.room = kills + 2;
    k.latency = calloc(k.room, sizeof(*k.latency));
    k.raw = calloc(k.room, sizeof(*k.raw));
    k.board =
        mmap(NULL, sizeof(*k.board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (k.board == MAP_FAILED || k.latency == NULL || k.raw == NULL)
        exit(2);
    world_open(&k.world, MCMP_MEMORY_SHARED, NULL, 0, t->no_ring ? 0 : WORLD_RING);
    if (told_open(&k.told, k.world.cluster, 0) != 0)
        torture_fail(t, "%s", k.told.wrong);
    k.world.now = (mcmp_time)(worker_clock() / 1000);
    if (torture_has_hooks())
        worker_watch_lock(k.world.cluster);
    go(&k, seconds, kills);
    if (t->failures == 0)
        judge_latency(&k);
    print_places(&k);
    t->number[N_TOLD] = k.told.count + atomic_load(&k.board->changes_told);
    t->number[N_MISSED] = k.told.missed + atomic_load(&k.board->changes_missed);
    told_close(&k.told);
    (void)munmap(k.board, sizeof(*k.board));
    free(k.latency);
    free(k.raw);
    world_close(&k.world);
    return 0;
}
