/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads and writes of a cluster at four sizes, beside LMDB and the figures of the prototype. Times
 * are printed and never judged; scale.py counts the instructions. Rates are per second of a
 * processor, as on a machine with nothing else to do; latencies are by the clock. Readers are timed
 * when they have been at every path a few times, in both copies when messages are applied.
 *
 *   bench_scale [SECONDS [NODES CONTEXTS]...]     everything; SECONDS per figure, 0.3
 *   bench_scale count ENGINE NODES CONTEXTS ROUNDS  calls for callgrind
 */
#include "scale.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <valgrind/callgrind.h>

#define MOST_WORKERS 4u
#define BUCKETS 1024u
#define VISITS 8u /* of each path by a reader, before it is timed */
#define ROUNDS 100000u
#define PACE 10000.0 /* messages per second */
#define FIRST_PACED 1000000u
#define BATCH 500u
#define MOST_PAIRS 100000u
#define MEASURED __attribute__((noinline))

typedef struct worker_result {
    uint64_t choices;
    double seconds;           /* of processor */
    double first;             /* ns, at the first visit of a path */
    uint64_t bucket[BUCKETS]; /* of latencies */
    uint64_t longest;
} worker_result;

typedef struct board {
    _Atomic int go;
    _Atomic int stop;
    _Atomic unsigned ready;
    _Atomic uint64_t messages;
    worker_result result[MOST_WORKERS];
} board;

typedef struct latencies {
    double percentile[4]; /* ns */
    uint64_t longest;
} latencies;

typedef struct figures {
    double hot, spread, release, status, pair; /* ns */
    double first;                              /* the same, by a new process */
    double registered;                         /* s */
    size_t empty, full;                        /* bytes */
    double rate[2][3];                         /* choices per second: threads, processes; 1 2 4 */
    double paced, paced_messages, stopped, calm;
    latencies during_pace, during_stop, during_calm;
} figures;

static const double percents[4] = { 50, 99, 99.9, 99.99 };
static const unsigned worker_counts[3] = { 1, 2, 4 };
static board *shared;
static double duration = 0.3;
static unsigned size_nodes, size_contexts;
static char paths[SCALE_PATHS][48];
static size_t path_lens[SCALE_PATHS];

void scale_must(const char *what, int holds)
{
    if (holds)
        return;
    fprintf(stderr, "bench_scale: %s failed\n", what);
    exit(1);
}

const char *scale_path(unsigned path, size_t *out_len)
{
    *out_len = path_lens[path];
    return paths[path];
}

void scale_make_paths(unsigned nodes, unsigned contexts)
{
    uint64_t seed = 1;

    for (unsigned i = 0; i < SCALE_PATHS; i++) {
        unsigned group, context;

        seed = seed * 6364136223846793005u + 1442695040888963407u;
        group = (unsigned)(seed >> 33) % ((nodes + SCALE_SHARING - 1) / SCALE_SHARING);
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        context = (unsigned)(seed >> 33) % contexts;
        path_lens[i] = (size_t)snprintf(paths[i], sizeof(paths[i]), "/g%u/c%u", group, context);
        (void)snprintf(paths[i] + path_lens[i], sizeof(paths[i]) - path_lens[i], "/items/4711");
    }
}

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Of this thread: what others do on the machine does not count. */
static double processor_time(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint64_t nanoseconds(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Functions of their own under their own names, so that callgrind tells them apart. */
MEASURED void measure_select(const scale_engine *e, unsigned path);
MEASURED void measure_release(const scale_engine *e);
MEASURED void measure_status(const scale_engine *e, const scale_message *message);
MEASURED void measure_pair(const scale_engine *e, const scale_message *message);

MEASURED void measure_select(const scale_engine *e, unsigned path)
{
    e->choose(path);
    __asm__ volatile("" ::: "memory");
}

MEASURED void measure_release(const scale_engine *e)
{
    if (e->release != NULL)
        e->release();
    __asm__ volatile("" ::: "memory");
}

MEASURED void measure_status(const scale_engine *e, const scale_message *message)
{
    e->status(message);
    __asm__ volatile("" ::: "memory");
}

MEASURED void measure_pair(const scale_engine *e, const scale_message *message)
{
    e->pair(message);
    __asm__ volatile("" ::: "memory");
}

static scale_message status_of(const scale_engine *e, uint64_t number)
{
    scale_message m = { .node = (unsigned)(number * 7 % size_nodes),
                        .value = 50 + (unsigned)(number % 50) };

    if (e->write_status != NULL)
        e->write_status(&m);
    return m;
}

static scale_message pair_of(const scale_engine *e, uint64_t number)
{
    scale_message m = { .node = (unsigned)(number * 7 % size_nodes), .value = (unsigned)number };

    if (e->write_pair != NULL)
        e->write_pair(&m);
    return m;
}

static void fill(const scale_engine *e)
{
    scale_make_paths(size_nodes, size_contexts);
    e->create(size_nodes, size_contexts);
    for (unsigned i = 0; i < size_nodes; i++)
        e->add_node(i);
    for (unsigned i = 0; i < SCALE_PATHS; i++) { /* new nodes get their start value */
        e->choose(i);
        measure_release(e);
    }
}

static int count(int argc, char **argv)
{
    const scale_engine *e = argc > 2 && strcmp(argv[2], "lmdb") == 0 ? &scale_lmdb : &scale_cluster;
    scale_message message;
    unsigned rounds;

    scale_must("usage", argc == 6 && e->name != NULL);
    size_nodes = (unsigned)atoi(argv[3]);
    size_contexts = (unsigned)atoi(argv[4]);
    rounds = (unsigned)atoi(argv[5]);
    fill(e);
    CALLGRIND_START_INSTRUMENTATION;
    for (unsigned i = 0; i < rounds; i++) {
        measure_select(e, i % SCALE_PATHS);
        measure_release(e);
        message = status_of(e, i);
        measure_status(e, &message);
        message = pair_of(e, i);
        measure_pair(e, &message);
    }
    CALLGRIND_STOP_INSTRUMENTATION;
    e->destroy();
    return 0;
}

/* One thread: nanoseconds per call. */

static int by_value(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* Medians of many short rounds: a round in which others had the processor does not count. */
static void time_choices(const scale_engine *e, unsigned step, double *out_choose,
                         double *out_release)
{
    static uint64_t choosing[ROUNDS], releasing[ROUNDS];
    double from = processor_time();
    unsigned rounds = 0;

    while (rounds < ROUNDS && (rounds < 100 || processor_time() - from < duration)) {
        uint64_t start = nanoseconds();
        uint64_t middle;

        for (unsigned i = 0; i < SCALE_HELD; i++)
            e->choose((rounds * SCALE_HELD + i) * step % SCALE_PATHS);
        middle = nanoseconds();
        for (unsigned i = 0; i < SCALE_HELD; i++)
            measure_release(e);
        choosing[rounds] = middle - start;
        releasing[rounds++] = nanoseconds() - middle;
    }
    qsort(choosing, rounds, sizeof(choosing[0]), by_value);
    qsort(releasing, rounds, sizeof(releasing[0]), by_value);
    *out_choose = (double)choosing[rounds / 2] / SCALE_HELD;
    *out_release = (double)releasing[rounds / 2] / SCALE_HELD;
}

/* Messages that were written before the time counts. */
static double time_messages(const scale_engine *e,
                            scale_message (*make)(const scale_engine *e, uint64_t number),
                            void (*apply)(const scale_message *message), uint64_t most)
{
    static scale_message batch[BATCH];
    double sum = 0;
    uint64_t calls = 0;

    while (sum < duration && calls < most) {
        double from;

        for (unsigned i = 0; i < BATCH; i++)
            batch[i] = make(e, calls + i);
        from = processor_time();
        for (unsigned i = 0; i < BATCH; i++)
            apply(&batch[i]);
        sum += processor_time() - from;
        calls += BATCH;
    }
    return sum / (double)calls * 1e9;
}

/* Several readers */

/* Sixteen steps to each power of two. */
static unsigned bucket_of(uint64_t ns)
{
    unsigned power = 0;

    while (ns >> power >= 32)
        power++;
    return power * 16 + (unsigned)(ns >> power);
}

static uint64_t bucket_end(unsigned bucket)
{
    unsigned power = bucket < 32 ? 0 : bucket / 16 - 1;

    return (uint64_t)(bucket - power * 16 + 1) << power;
}

/* The first choices of a process map memory into it, a page each: that is over before any counts.
 * Returns what a choice and its release take on the first visit, in ns. */
static double settle_in(const scale_engine *e)
{
    double from = processor_time();
    double first = 0;

    for (unsigned i = 0; i < VISITS * SCALE_PATHS; i++) {
        if (i == SCALE_PATHS)
            first = (processor_time() - from) / SCALE_PATHS * 1e9;
        e->choose(i % SCALE_PATHS);
        measure_release(e);
    }
    return first;
}

static void read_on(const scale_engine *e, unsigned slot, int with_latency)
{
    worker_result *result = &shared->result[slot];
    double from;
    uint64_t calls = 0;

    result->first = settle_in(e);
    shared->ready++;
    while (!shared->go)
        (void)poll(NULL, 0, 1);
    from = processor_time();
    while (!shared->stop) {
        for (unsigned i = 0; i < 64; i++, calls++) {
            unsigned path = (unsigned)(calls * 2654435761u + slot) % SCALE_PATHS;
            uint64_t start = with_latency ? nanoseconds() : 0;

            e->choose(path);
            if (with_latency) {
                uint64_t took = nanoseconds() - start;

                result->bucket[bucket_of(took)]++;
                result->longest = took > result->longest ? took : result->longest;
            }
            measure_release(e);
        }
    }
    result->seconds = processor_time() - from;
    result->choices = calls;
}

typedef struct thread_arg {
    const scale_engine *engine;
    unsigned slot;
} thread_arg;

static void *read_thread(void *arg)
{
    thread_arg *a = arg;

    a->engine->enter(0);
    read_on(a->engine, a->slot, 0);
    a->engine->leave();
    return NULL;
}

/* More workers than processors have to share them. */
static double sum_rates(unsigned workers)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    double rate = 0;

    for (unsigned i = 0; i < workers; i++)
        rate += (double)shared->result[i].choices / shared->result[i].seconds;
    return processors < (long)workers ? rate * (double)processors / workers : rate;
}

static void start_all(unsigned workers)
{
    double deadline = now() + 20;

    while (shared->ready < workers) {
        (void)poll(NULL, 0, 1);
        scale_must("start of the workers", now() < deadline);
    }
    shared->go = 1;
}

/* A child that does not outlive this process. */
static pid_t spawn(void)
{
    pid_t pid = fork();

    scale_must("fork", pid >= 0);
    if (pid == 0)
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    return pid;
}

static double rate_of_threads(const scale_engine *e, unsigned workers)
{
    pthread_t threads[MOST_WORKERS];
    thread_arg args[MOST_WORKERS];

    memset(shared, 0, sizeof(*shared));
    for (unsigned i = 0; i < workers; i++) {
        args[i] = (thread_arg){ e, i };
        scale_must("thread", pthread_create(&threads[i], NULL, read_thread, &args[i]) == 0);
    }
    start_all(workers);
    (void)poll(NULL, 0, (int)(duration * 1000));
    shared->stop = 1;
    for (unsigned i = 0; i < workers; i++)
        (void)pthread_join(threads[i], NULL);
    return sum_rates(workers);
}

static pid_t spawn_reader(const scale_engine *e, unsigned slot, int with_latency)
{
    pid_t pid = spawn();

    if (pid != 0)
        return pid;
    e->enter(1);
    read_on(e, slot, with_latency);
    _exit(0);
}

static void await_all(const pid_t *pids, unsigned workers)
{
    int status = 1;

    for (unsigned i = 0; i < workers; i++)
        scale_must("reader", waitpid(pids[i], &status, 0) == pids[i] && status == 0);
}

static double rate_of_processes(const scale_engine *e, unsigned workers, int with_latency)
{
    pid_t pids[MOST_WORKERS];

    memset(shared, 0, sizeof(*shared));
    for (unsigned i = 0; i < workers; i++)
        pids[i] = spawn_reader(e, i, with_latency);
    start_all(workers);
    (void)poll(NULL, 0, (int)(duration * 1000));
    shared->stop = 1;
    await_all(pids, workers);
    return sum_rates(workers);
}

/* So many messages per second, in bursts of a millisecond, also while the readers settle in. */
static void write_paced(const scale_engine *e)
{
    double from = now();
    uint64_t done = 0;
    uint64_t before = 0;

    e->enter(1);
    shared->ready++;
    while (!shared->stop) {
        uint64_t due = (uint64_t)((now() - from) * PACE);

        for (; done < due && !shared->stop; done++) {
            scale_message message =
                done % 2 == 0 ? status_of(e, done) : pair_of(e, FIRST_PACED + done);

            (done % 2 == 0 ? e->status : e->pair)(&message);
        }
        if (!shared->go)
            before = done;
        shared->messages = done - before;
        (void)poll(NULL, 0, 1);
    }
    _exit(0);
}

static void take_latencies(latencies *f, unsigned workers)
{
    uint64_t sums[BUCKETS] = { 0 };
    uint64_t all = 0, seen = 0;
    unsigned p = 0;

    f->longest = 0;
    for (unsigned i = 0; i < workers; i++) {
        for (unsigned b = 0; b < BUCKETS; b++) {
            sums[b] += shared->result[i].bucket[b];
            all += shared->result[i].bucket[b];
        }
        if (shared->result[i].longest > f->longest)
            f->longest = shared->result[i].longest;
    }
    for (unsigned b = 0; b < BUCKETS; b++) {
        seen += sums[b];
        while (p < 4 && (double)seen >= (double)all * percents[p] / 100)
            f->percentile[p++] = (double)bucket_end(b);
    }
}

/* Two readers while messages are applied. */
static void run_paced(const scale_engine *e, figures *f)
{
    pid_t pids[3];

    memset(shared, 0, sizeof(*shared));
    pids[0] = spawn_reader(e, 0, 1);
    pids[1] = spawn_reader(e, 1, 1);
    pids[2] = spawn();
    if (pids[2] == 0)
        write_paced(e);
    start_all(3);
    (void)poll(NULL, 0, (int)(duration * 4000));
    f->paced_messages = (double)shared->messages / (duration * 4);
    shared->stop = 1;
    await_all(pids, 3);
    f->paced = sum_rates(2);
    take_latencies(&f->during_pace, 2);
}

/* Stop the writer where it is inside a message. */
static pid_t stop_writer(const scale_engine *e)
{
    int status;
    pid_t pid = spawn();

    if (pid == 0) {
        e->enter(1);
        e->stop_inside();
        _exit(0);
    }
    for (unsigned tries = 0;; tries++) {
        (void)poll(NULL, 0, 3);
        (void)kill(pid, SIGSTOP);
        scale_must("stop", waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
        if (e->is_inside(pid))
            return pid;
        scale_must("a stop inside a message", tries < 1000);
        (void)kill(pid, SIGCONT);
    }
}

static void run_stopped(const scale_engine *e, figures *f)
{
    pid_t writer = stop_writer(e);

    f->stopped = rate_of_processes(e, 2, 1);
    take_latencies(&f->during_stop, 2);
    (void)kill(writer, SIGKILL);
    (void)waitpid(writer, NULL, 0);
    f->calm = rate_of_processes(e, 2, 1);
    take_latencies(&f->during_calm, 2);
}

static void run_size(const scale_engine *e, figures *f)
{
    double from;

    memset(f, 0, sizeof(*f));
    scale_make_paths(size_nodes, size_contexts);
    e->create(size_nodes, size_contexts);
    f->empty = e->touched();
    from = processor_time();
    for (unsigned i = 0; i < size_nodes; i++)
        e->add_node(i);
    f->registered = processor_time() - from;
    f->full = e->touched();
    for (unsigned i = 0; i < SCALE_PATHS; i++) {
        e->choose(i);
        measure_release(e);
    }
    for (unsigned i = 0; i < 3; i++) {
        f->rate[0][i] = rate_of_threads(e, worker_counts[i]);
        f->rate[1][i] = rate_of_processes(e, worker_counts[i], 0);
        if (i == 0)
            f->first = shared->result[0].first;
    }
    time_choices(e, 0, &f->hot, &f->release);
    time_choices(e, 1, &f->spread, &f->release);
    f->status = time_messages(e, status_of, e->status, UINT64_MAX);
    run_paced(e, f);
    run_stopped(e, f);
    f->pair = time_messages(e, pair_of, e->pair, MOST_PAIRS);
    e->destroy();
}

/* One line: the library, LMDB, their ratio, the prototype. */
static void line(const char *what, const char *unit, double mine, double rival,
                 const char *prototype)
{
    char other[24] = "-";
    char ratio[24] = "-";

    if (rival > 0) {
        (void)snprintf(other, sizeof(other), "%.2f", rival);
        (void)snprintf(ratio, sizeof(ratio), "%.2f", rival / mine);
    }
    printf("  %-34s %-8s %12.2f %12s %9s   %s\n", what, unit, mine, other, ratio, prototype);
}

static void lines_of_latencies(const latencies *f, const latencies *r, const char *prototype)
{
    char what[48];

    for (unsigned i = 0; i < 4; i++) {
        (void)snprintf(what, sizeof(what), "  select, %.2f %% under", percents[i]);
        line(what, "ns", f->percentile[i], r->percentile[i], i == 2 ? prototype : "-");
    }
    line("  select, longest", "us", (double)f->longest / 1e3, (double)r->longest / 1e3, "-");
}

static const char *registered_before(void)
{
    if (size_nodes == 1000)
        return "80";
    return size_nodes == 4096 ? "700-1300" : "-";
}

static void print_size(const figures *f, const figures *r)
{
    double pairs = (double)size_nodes * size_contexts;
    char what[48];

    printf("%u nodes x %u contexts\n", size_nodes, size_contexts);
    printf("  %-34s %-8s %12s %12s %9s   %s\n", "", "unit", "libmcmp", "LMDB", "LMDB/own",
           "prototype");
    line("select, hot", "ns", f->hot, r->hot, "55-130");
    line("select, spread", "ns", f->spread, r->spread, "75-270");
    line("release", "ns", f->release, 0, "-");
    line("both, first visits of a process", "ns", f->first, r->first, "-");
    line("STATUS, from body to answer", "ns", f->status, r->status, "25 (table alone)");
    line("a new pair, from body to answer", "ns", f->pair, r->pair, "400-1600");
    line("whole cluster registered", "ms", f->registered * 1e3, r->registered * 1e3,
         registered_before());
    line("touched when empty", "KB", (double)f->empty / 1024, (double)r->empty / 1024, "12");
    line("touched per node", "bytes", (double)(f->full - f->empty) / size_nodes,
         (double)(r->full - r->empty) / size_nodes, "-");
    line("touched per pair", "bytes", (double)(f->full - f->empty) / pairs,
         (double)(r->full - r->empty) / pairs, "216-580");
    for (unsigned kind = 0; kind < 2; kind++)
        for (unsigned i = 0; i < 3; i++) {
            (void)snprintf(what, sizeof(what), "%u %s, selects/s", worker_counts[i],
                           kind == 0 ? "threads" : "processes");
            line(what, "million", f->rate[kind][i] / 1e6, r->rate[kind][i] / 1e6, "-");
        }
    line("2 readers, messages applied", "per s", f->paced_messages, r->paced_messages, "10000");
    line("2 readers meanwhile, timed each", "million", f->paced / 1e6, r->paced / 1e6, "5-12");
    lines_of_latencies(&f->during_pace, &r->during_pace, "1000");
    line("2 readers, nobody writes, timed", "million", f->calm / 1e6, r->calm / 1e6, "-");
    lines_of_latencies(&f->during_calm, &r->during_calm, "-");
    line("2 readers, writer stopped inside", "million", f->stopped / 1e6, r->stopped / 1e6, "-");
    line("  as part of 2 without a writer", "%", f->stopped / f->calm * 100,
         r->calm > 0 ? r->stopped / r->calm * 100 : 0, "100");
    lines_of_latencies(&f->during_stop, &r->during_stop, "-");
    (void)fflush(stdout);
}

static void compare(unsigned nodes, unsigned contexts)
{
    figures own, rival;

    size_nodes = nodes;
    size_contexts = contexts;
    memset(&rival, 0, sizeof(rival));
    run_size(&scale_cluster, &own);
    if (scale_lmdb.name != NULL)
        run_size(&scale_lmdb, &rival);
    print_size(&own, &rival);
}

int main(int argc, char **argv)
{
    static const unsigned sizes[][2] = { { 20, 50 }, { 200, 10 }, { 1000, 100 }, { 4096, 200 } };

    if (argc > 1 && strcmp(argv[1], "count") == 0)
        return count(argc, argv);
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    scale_must("memory", shared != MAP_FAILED);
    if (argc > 1)
        duration = atof(argv[1]);
    scale_must("seconds", duration > 0);
    if (scale_lmdb.name == NULL)
        printf("built without LMDB\n");
    for (int i = 2; i + 1 < argc; i += 2)
        compare((unsigned)atoi(argv[i]), (unsigned)atoi(argv[i + 1]));
    for (size_t i = 0; argc < 4 && i < sizeof(sizes) / sizeof(sizes[0]); i++)
        compare(sizes[i][0], sizes[i][1]);
    return 0;
}
