/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writers, readers and sudden death. Every message of the writers leaves each node with all of its
 * contexts in one status, so a reader that sees anything else saw a part of a message.
 *
 *   stress_store fork SECONDS     processes over shared memory; one after the other is killed with
 *                                 SIGKILL at a random moment, then all invariants are checked
 *   stress_store threads SECONDS  the same in one process without killing, for ThreadSanitizer
 *
 * Prints messages, reads, kills and checks; the status is 0 when nothing was found.
 */
#include "model/store.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NODES 12
#define CONTEXTS 7
#define WRITERS 2
#define READERS 2
#define WORKERS (WRITERS + READERS)

typedef struct shared {
    _Atomic uint64_t messages;
    _Atomic uint64_t reads;
    _Atomic uint64_t whole;
    _Atomic uint32_t stop;
    _Atomic uint32_t failures;
} shared;

typedef struct worker {
    mcmp_cluster *cluster;
    shared *shared;
    uint64_t seed;
    int reader;
    int endless; /* until killed */
} worker;

static uint32_t pick(uint64_t *seed, uint32_t n)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33) % n;
}

static mcmp_span text(char *buffer, const char *prefix, uint32_t n)
{
    int len = snprintf(buffer, 32, "%s%u", prefix, n);

    return (mcmp_span){ buffer, (size_t)len };
}

static void fail(worker *w, const char *what)
{
    fprintf(stderr, "stress: %s\n", what);
    atomic_fetch_add(&w->shared->failures, 1);
}

static void add_node(worker *w, mcmp__tx *tx, uint32_t i)
{
    mcmp__balancer_data balancer = { 0 };
    mcmp__node_data node = { 0 };
    char route[32], host[32], name[32], path[32];
    uint32_t status = 1 + pick(&w->seed, 3);
    uint32_t row, alias, pair;

    balancer.name = text(name, "balancer", i % 3);
    balancer.cookie = mcmp__span_str("JSESSIONID");
    balancer.path = mcmp__span_str("jsessionid");
    node.route = text(route, "route", i);
    node.host = text(host, "host", i);
    node.port = 8009;
    if (i % 2 == 0)
        node.domain = mcmp__span_str("even");
    if (mcmp__balancer_put(tx, &balancer, &row, NULL) != MCMP_OK ||
        mcmp__node_add(tx, &node, row, &row, NULL) != MCMP_OK ||
        mcmp__alias_add(tx, row, mcmp__span_str("localhost"), 1, &alias, NULL) != MCMP_OK) {
        fail(w, "a node does not fit");
        return;
    }
    for (uint32_t x = 0; x < CONTEXTS; x++)
        if (mcmp__pair_add(tx, alias, text(path, "/app", x), status, &pair, NULL) != MCMP_OK)
            fail(w, "a context does not fit");
}

static void change_node(worker *w, mcmp__tx *tx, uint32_t row)
{
    uint32_t status = 1 + pick(&w->seed, 3);

    for (uint32_t p = mcmp__pair_next(&tx->rd, row, 0); p != 0;
         p = mcmp__pair_next(&tx->rd, row, p))
        mcmp__pair_set_status(tx, p, status);
}

static void write_once(worker *w)
{
    uint32_t i = pick(&w->seed, NODES);
    char route[32];
    mcmp__tx tx;
    uint32_t row;

    if (mcmp__tx_begin(&tx, w->cluster, (mcmp_time)pick(&w->seed, 1000) * MCMP_SEC, NULL) != 0) {
        fail(w, "no lock");
        return;
    }
    row = mcmp__node_by_route(&tx.rd, text(route, "route", i));
    if (row == 0)
        add_node(w, &tx, i);
    else if (pick(&w->seed, 4) == 0)
        mcmp__node_remove(&tx, row, 0);
    else
        change_node(w, &tx, row);
    if (pick(&w->seed, 16) == 0)
        mcmp__tx_abort(&tx);
    else
        mcmp__tx_commit(&tx);
    atomic_fetch_add_explicit(&w->shared->messages, 1, memory_order_relaxed);
}

/* 1 when the node is whole: every context, all with one status, each found as a candidate. */
static int is_whole(mcmp__read *rd, uint32_t row)
{
    uint32_t count = 0;
    uint32_t status = 0;
    int whole = 1;

    for (uint32_t p = mcmp__pair_next(rd, row, 0); p != 0 && count <= CONTEXTS;
         p = mcmp__pair_next(rd, row, p)) {
        mcmp__pair pair;

        whole &= mcmp__pair_get(rd, p, &pair);
        whole &= status == 0 || pair.status == status;
        status = pair.status;
        count++;
    }
    return whole && count == CONTEXTS;
}

/* 1 when the match has what it says and the first member is a live node with that status. */
static int is_candidate(mcmp__read *rd, mcmp_span path, uint32_t row, mcmp__running *running)
{
    mcmp__match match;
    mcmp__set set;
    mcmp__member member;

    if (mcmp__match_find(rd, mcmp__span_str("localhost"), path, mcmp__node_balancer(rd, row),
                         &match) == 0)
        return 0;
    if (mcmp__set_of(rd, &match, mcmp__match_next(rd, &match), 0, &set) == 0 ||
        !mcmp__set_find(rd, &set, row, &member))
        return 0;
    mcmp__running_of(rd, row, member.seat, running);
    return match.context_len == 5;
}

static void read_once(worker *w)
{
    uint32_t i = pick(&w->seed, NODES);
    uint32_t x = pick(&w->seed, CONTEXTS);
    char route[32], path[32];
    mcmp__running running = { 0, 0 };
    mcmp__read rd;
    int whole, found;

    (void)snprintf(path, sizeof(path), "/app%u/page", x);
    mcmp__read_init(&rd, w->cluster);
    do {
        uint32_t row;

        mcmp__read_begin(&rd);
        row = mcmp__node_by_route(&rd, text(route, "route", i));
        whole = row == 0 || is_whole(&rd, row);
        found = row == 0 || is_candidate(&rd, mcmp__span_str(path), row, &running);
    } while (!mcmp__read_done(&rd));
    atomic_fetch_add_explicit(&w->shared->reads, 1, memory_order_relaxed);
    if (rd.damaged)
        fail(w, "a reader left a table");
    if (!whole)
        fail(w, "a reader saw a part of a message");
    if (!found)
        fail(w, "a node is no candidate for its context");
    if (running.node != 0) {
        mcmp__running_start(w->cluster, &running);
        if (pick(&w->seed, 64) != 0)
            mcmp__running_end(w->cluster, &running); /* some are held until death */
        atomic_fetch_add_explicit(&w->shared->whole, 1, memory_order_relaxed);
    }
}

static void *work(void *arg)
{
    worker *w = arg;

    while (w->endless || atomic_load(&w->shared->stop) == 0) {
        if (w->reader)
            read_once(w);
        else
            write_once(w);
    }
    return NULL;
}

static mcmp_cluster *open_cluster(uint32_t memory)
{
    mcmp_cluster_options opts;
    mcmp_cluster *cluster;
    mcmp_error err;

    mcmp_cluster_options_init(&opts);
    mcmp_error_init(&err);
    opts.memory = memory;
    opts.max_nodes = NODES;
    opts.max_aliases = NODES;
    opts.max_contexts = NODES * CONTEXTS;
    opts.max_processes = memory == MCMP_MEMORY_HEAP ? 0 : WORKERS + 1;
    opts.random_seed = 42;
    if (mcmp_cluster_open(&cluster, &opts, &err) != MCMP_OK) {
        fprintf(stderr, "stress: %s\n", err.message);
        exit(1);
    }
    return cluster;
}

static void check(worker *w, uint64_t *checks)
{
    mcmp_error err;

    mcmp_error_init(&err);
    if (mcmp_cluster_check(w->cluster, NULL, &err) != MCMP_OK)
        fail(w, err.message);
    *checks += 1;
}

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Until the others have done so much more; they must, whoever was killed. */
static void await(worker *w, uint64_t more)
{
    uint64_t target = atomic_load(&w->shared->messages) + more;
    double end = now() + 20;

    while (atomic_load(&w->shared->messages) < target && atomic_load(&w->shared->failures) == 0) {
        (void)sched_yield();
        if (now() > end)
            fail(w, "nobody goes on");
    }
}

static pid_t spawn(worker *w, int slot, uint64_t seed)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    w->seed = seed;
    w->reader = slot >= WRITERS;
    w->endless = 1;
    if (mcmp_cluster_after_fork(w->cluster, NULL) != MCMP_OK) {
        fail(w, "a child finds no slot");
        _exit(1);
    }
    work(w);
    _exit(0);
}

/* Nobody runs any more: nothing may count as running. */
static void check_counts(worker *w)
{
    mcmp__read rd;
    uint32_t sum = 0;

    mcmp__read_init(&rd, w->cluster);
    mcmp__read_begin(&rd);
    for (uint32_t n = mcmp__node_next(&rd, 0); n != 0; n = mcmp__node_next(&rd, n))
        sum += mcmp__running_node(&rd, n);
    if (!mcmp__read_done(&rd) || sum != 0)
        fail(w, "selections of the dead still count");
}

static uint64_t kill_some(worker *w, double seconds, uint64_t *checks)
{
    pid_t pids[WORKERS];
    uint64_t seed = 7;
    uint64_t kills = 0;
    double end = now() + seconds;

    for (int i = 0; i < WORKERS; i++)
        pids[i] = spawn(w, i, (uint64_t)i + 1);
    while (now() < end && atomic_load(&w->shared->failures) == 0) {
        int i = (int)pick(&seed, WORKERS + WRITERS) % WORKERS;

        await(w, pick(&seed, 200));
        (void)kill(pids[i], SIGKILL);
        (void)waitpid(pids[i], NULL, 0);
        kills++;
        /* Not found, when it was killed before it took its slot. */
        (void)mcmp_cluster_process_gone(w->cluster, pids[i]);
        check(w, checks);
        pids[i] = spawn(w, i, seed);
    }
    for (int i = 0; i < WORKERS; i++) {
        (void)kill(pids[i], SIGKILL);
        (void)waitpid(pids[i], NULL, 0);
        (void)mcmp_cluster_process_gone(w->cluster, pids[i]);
    }
    check_counts(w);
    return kills;
}

static void run_threads(worker *w, double seconds, uint64_t *checks)
{
    pthread_t threads[WORKERS];
    worker workers[WORKERS];
    double end = now() + seconds;

    for (int i = 0; i < WORKERS; i++) {
        workers[i] = *w;
        workers[i].seed = (uint64_t)i + 1;
        workers[i].reader = i >= WRITERS;
        if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0)
            exit(1);
    }
    while (now() < end && atomic_load(&w->shared->failures) == 0) {
        await(w, 200);
        check(w, checks);
    }
    atomic_store(&w->shared->stop, 1);
    for (int i = 0; i < WORKERS; i++)
        (void)pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
    int forking = argc > 1 && strcmp(argv[1], "fork") == 0;
    double seconds = argc > 2 ? (double)(argv[2][0] - '0') : 3;
    uint64_t kills = 0, checks = 0;
    worker w = { 0 };

    w.shared =
        mmap(NULL, sizeof(*w.shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (w.shared == MAP_FAILED)
        return 1;
    w.cluster = open_cluster(forking ? MCMP_MEMORY_SHARED : MCMP_MEMORY_HEAP);
    if (forking)
        kills = kill_some(&w, seconds, &checks);
    else
        run_threads(&w, seconds, &checks);
    check(&w, &checks);
    printf("%s: %llu messages, %llu reads, %llu of a node, %llu kills, %llu checks, %u failures\n",
           forking ? "fork" : "threads", (unsigned long long)atomic_load(&w.shared->messages),
           (unsigned long long)atomic_load(&w.shared->reads),
           (unsigned long long)atomic_load(&w.shared->whole), (unsigned long long)kills,
           (unsigned long long)checks, atomic_load(&w.shared->failures));
    mcmp_cluster_close(w.cluster);
    return atomic_load(&w.shared->failures) == 0 && atomic_load(&w.shared->whole) > 0 ? 0 : 1;
}
