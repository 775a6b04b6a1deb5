/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Observers under writers and sudden death. Writers apply random messages; every context they name
 * carries a checksum of itself, so a torn message is noticed. Each observer counts what it saw and
 * what it was told it missed, which must add up without a gap, and compares what it saw with what
 * the others saw under the same number.
 *
 *   stress_observer fork SECONDS [SEED]     writers and observers are processes and are killed with
 *                                           SIGKILL at random moments; a copy that is given all
 *                                           changes must be the same cluster in the end
 *   stress_observer threads SECONDS [SEED]  the same without killing, for ThreadSanitizer
 *
 * Prints messages, changes, kills and what was missed; the status is 0 when nothing was found.
 */
#include "model/store.h"

#include <libmcmp/libmcmp.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WRITERS 3
#define OBSERVERS 3 /* the first one is slow */
#define WORKERS (WRITERS + OBSERVERS)
#define NODES 6
#define MEMORY 65536 /* numbers whose hash is remembered */
#define AHEAD 300    /* changes that writers may be ahead of the copy */

typedef struct shared {
    _Atomic uint64_t clock;
    _Atomic uint64_t messages;
    _Atomic uint64_t copied; /* number of the last change that the copy was given */
    _Atomic uint64_t seen;
    _Atomic uint64_t missed;
    _Atomic uint64_t compared;
    _Atomic uint32_t stop;
    _Atomic uint32_t failures;
    _Atomic uint64_t hash[MEMORY]; /* number 16 bits | hash; 0 = nobody saw it yet */
} shared;

typedef struct worker {
    mcmp_cluster *cluster;
    shared *shared;
    uint64_t seed;
    int slot;
    int forking;
} worker;

static uint32_t pick(uint64_t *seed, uint32_t n)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33) % n;
}

static void fail(worker *w, const char *what)
{
    fprintf(stderr, "stress: %s\n", what);
    atomic_fetch_add(&w->shared->failures, 1);
}

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t len)
{
    const unsigned char *bytes = data;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Gives the processor to others for so long. */
static void rest(double seconds)
{
    double until = now() + seconds;

    while (now() < until)
        (void)sched_yield();
}

/* Writers */

/* A request without HTTP around it; resumed at once when it waits. */
static int apply(mcmp_cluster *cluster, mcmp_response *response, mcmp_request *request, int ok)
{
    int rc = mcmp_apply(cluster, request, response, NULL);

    for (int i = 0; rc == MCMP_PENDING && i < 100; i++)
        rc = mcmp_apply_resume(cluster, request, response, ok, request->now, NULL);
    return rc;
}

static mcmp_peer local_peer(void)
{
    mcmp_peer peer;

    mcmp_peer_init(&peer);
    peer.has_address = 1;
    peer.address[10] = peer.address[11] = 0xff;
    peer.address[12] = 127;
    peer.address[15] = 1;
    return peer;
}

/* "/<number>-<its hash>" */
static int add_context(worker *w, char *out, size_t room)
{
    uint32_t n = pick(&w->seed, 12);
    char digits[16];
    int len = snprintf(digits, sizeof(digits), "%u", n);

    return snprintf(out, room, "/%s-%08x", digits,
                    (unsigned)(uint32_t)hash_bytes(7, digits, (size_t)len));
}

static void make_body(worker *w, int kind, char *out, size_t room)
{
    uint32_t node = pick(&w->seed, NODES);
    int len = snprintf(out, room, "JVMRoute=n%u", node);

    if (kind == 0)
        (void)snprintf(out + len, room - (size_t)len, "&Load=%d", (int)pick(&w->seed, 102) - 1);
    else if (kind == 1)
        (void)snprintf(out + len, room - (size_t)len, "&Host=10.0.0.%u&Domain=d%u",
                       node * 4 + pick(&w->seed, 4), pick(&w->seed, 3));
    if (kind < 3)
        return;
    len += snprintf(out + len, room - (size_t)len, "&Alias=a%u&Context=", pick(&w->seed, 3));
    len += add_context(w, out + len, room - (size_t)len);
    while (pick(&w->seed, 3) != 0 && (size_t)len + 64 < room) {
        out[len++] = ',';
        len += add_context(w, out + len, room - (size_t)len);
    }
}

static void write_once(worker *w, mcmp_response *response, const mcmp_peer *peer)
{
    static const char *const methods[] = {
        "STATUS",     "CONFIG",      "REMOVE-APP", "ENABLE-APP",
        "ENABLE-APP", "DISABLE-APP", "STOP-APP",   "REMOVE-APP"
    };
    int kind = (int)pick(&w->seed, 8);
    int is_whole = kind == 2;
    mcmp_request request;
    char body[1024];
    int rc;

    if (is_whole && pick(&w->seed, 8) != 0)
        kind = 1;
    make_body(w, kind, body, sizeof(body));
    mcmp_request_init(&request);
    request.method = (mcmp_span){ methods[kind], strlen(methods[kind]) };
    request.target = (mcmp_span){ kind == 2 ? "/*" : "/", kind == 2 ? 2 : 1 };
    request.command = mcmp_command_of_method(request.method);
    request.flags = mcmp_request_flags(request.target, (mcmp_span){ "", 0 });
    request.body = (mcmp_span){ body, strlen(body) };
    request.body_size = request.body.len;
    request.now = (mcmp_time)atomic_fetch_add(&w->shared->clock, 1) * MCMP_MSEC;
    request.peer = peer;
    rc = apply(w->cluster, response, &request, pick(&w->seed, 8) != 0);
    if (rc < 0 && rc != MCMP_ERR_UNKNOWN_NODE && rc != MCMP_ERR_CONFLICT && rc != MCMP_ERR_FULL)
        fail(w, mcmp_error_name(rc));
    atomic_fetch_add(&w->shared->messages, 1);
}

/* The number of the last change there is, or 0. */
static uint64_t last_change(worker *w, mcmp_observer *observer, uint64_t *last)
{
    mcmp_change change;
    int rc;

    mcmp_change_init(&change);
    while ((rc = mcmp_observer_next(observer, &change, NULL)) == MCMP_OK)
        *last = change.sequence;
    if (rc != MCMP_DONE && rc != MCMP_ERR_OVERTAKEN)
        fail(w, mcmp_error_name(rc));
    return *last;
}

static void write_all(worker *w)
{
    mcmp_peer peer = local_peer();
    mcmp_observer *observer;
    mcmp_response *response;
    uint64_t last = 0;

    if (mcmp_response_new(&response, NULL, NULL) != MCMP_OK ||
        mcmp_observer_new(&observer, w->cluster, NULL, NULL) != MCMP_OK) {
        fail(w, "a writer has no memory");
        return;
    }
    while (atomic_load(&w->shared->stop) == 0) {
        if (w->forking && last_change(w, observer, &last) > atomic_load(&w->shared->copied) + AHEAD)
            (void)sched_yield();
        else
            write_once(w, response, &peer);
    }
    mcmp_observer_free(observer);
    mcmp_response_free(response);
}

/* Observers */

/* Each context of a message names its own hash. */
static int is_sound(mcmp_span bytes)
{
    const char *at = memmem(bytes.ptr, bytes.len, "Context=", 8);
    const char *end = bytes.ptr + bytes.len;
    const char *length = memmem(bytes.ptr, bytes.len, "Content-Length: ", 16);
    const char *body = memmem(bytes.ptr, bytes.len, "\r\n\r\n", 4);

    if (body == NULL || length == NULL || atol(length + 16) != end - body - 4)
        return 0;
    while (at != NULL) {
        const char *number = memmem(at, (size_t)(end - at), "%2F", 3);
        const char *dash = number != NULL ? memchr(number, '-', (size_t)(end - number)) : NULL;
        char want[16];

        if (number == NULL)
            break;
        if (dash == NULL || end - dash < 9)
            return 0;
        number += 3;
        (void)snprintf(want, sizeof(want), "-%08x",
                       (unsigned)(uint32_t)hash_bytes(7, number, (size_t)(dash - number)));
        if (memcmp(dash, want, 9) != 0)
            return 0;
        at = dash + 9;
    }
    return 1;
}

/* All observers see the same under one number. */
static void compare(worker *w, const mcmp_change *change)
{
    uint64_t hash = hash_bytes(1469598103934665603u, change->bytes.ptr, change->bytes.len);
    _Atomic uint64_t *slot = &w->shared->hash[change->sequence % MEMORY];
    uint64_t tag = (change->sequence / MEMORY + 1) << 48;
    uint64_t old = atomic_load(slot);

    hash = hash_bytes(hash, change->route.ptr, change->route.len);
    hash = hash_bytes(hash, change->text.ptr, change->text.len);
    hash = hash_bytes(hash, &change->time, sizeof(change->time));
    hash = hash_bytes(hash, &change->kind, sizeof(change->kind));
    hash = tag | hash >> 16;
    if (old >> 48 == hash >> 48) {
        atomic_fetch_add(&w->shared->compared, 1);
        if (old != hash)
            fail(w, "two observers saw different changes under one number");
    } else if (old < tag) {
        (void)atomic_compare_exchange_strong(slot, &old, hash);
    }
}

static void take(worker *w, const mcmp_change *change, uint64_t *last)
{
    int has_entry = change->kind != MCMP_CHANGE_MISSED;

    if (*last != 0 && change->sequence != *last + change->missed + (uint64_t)has_entry)
        fail(w, "what was missed does not add up");
    *last = change->sequence;
    atomic_fetch_add(&w->shared->missed, change->missed);
    if (!has_entry)
        return;
    atomic_fetch_add(&w->shared->seen, 1);
    if (change->bytes.len != 0 && !is_sound(change->bytes))
        fail(w, "a message is torn");
    compare(w, change);
}

static void observe_all(worker *w)
{
    mcmp_observer_options opts;
    mcmp_observer *observer;
    uint64_t last = 0;

    mcmp_observer_options_init(&opts);
    opts.from = MCMP_OBSERVE_OLDEST;
    if (mcmp_observer_new(&observer, w->cluster, &opts, NULL) != MCMP_OK) {
        fail(w, "an observer does not begin");
        return;
    }
    while (atomic_load(&w->shared->stop) == 0) {
        mcmp_change change;
        int rc;

        mcmp_change_init(&change);
        rc = mcmp_observer_next(observer, &change, NULL);
        if (rc == MCMP_OK)
            take(w, &change, &last);
        else if (rc != MCMP_DONE && rc != MCMP_ERR_OVERTAKEN)
            fail(w, mcmp_error_name(rc));
        if (rc == MCMP_DONE || (w->slot == WRITERS && pick(&w->seed, 16) == 0))
            rest(w->slot == WRITERS ? 0.003 : 0.0001);
    }
    mcmp_observer_free(observer);
}

static void *work(void *arg)
{
    worker *w = arg;

    if (w->slot < WRITERS)
        write_all(w);
    else
        observe_all(w);
    return NULL;
}

/* The copy */

typedef struct copy {
    mcmp_cluster *cluster;
    mcmp_response *response;
    mcmp_parser *parser;
    mcmp_observer *observer;
    mcmp_peer peer;
    worker *worker;
    uint64_t last;
} copy;

static mcmp_cluster *open_cluster(uint32_t memory, uint64_t ring)
{
    mcmp_cluster_options opts;
    mcmp_cluster *cluster;
    mcmp_error err;

    mcmp_cluster_options_init(&opts);
    mcmp_error_init(&err);
    opts.memory = memory;
    opts.max_nodes = NODES - 1;
    opts.max_aliases = 12;
    opts.max_contexts = 60;
    opts.max_processes = memory == MCMP_MEMORY_HEAP ? 0 : WORKERS + 1;
    opts.replace_policy = MCMP_REPLACE_LAST_WRITER;
    opts.stop_hold = MCMP_NEVER;
    opts.random_seed = 42;
    opts.change_ring = ring;
    if (mcmp_cluster_open(&cluster, &opts, &err) != MCMP_OK) {
        fprintf(stderr, "stress: %s\n", err.message);
        exit(1);
    }
    return cluster;
}

static int copy_change(void *ctx, const mcmp_change *change)
{
    copy *c = ctx;
    mcmp_request request;
    size_t used = 0;
    int rc;

    take(c->worker, change, &c->last);
    if (change->missed != 0)
        fail(c->worker, "the copy missed a change");
    if (change->bytes.len != 0) {
        if (mcmp_parser_feed(c->parser, change->bytes.ptr, change->bytes.len, &used, NULL) !=
            MCMP_OK) {
            fail(c->worker, "a change is no whole request");
            return 1;
        }
        request = *mcmp_parser_request(c->parser);
        request.now = change->time;
        request.peer = &c->peer;
        rc = apply(c->cluster, c->response, &request, 1);
        if (rc != MCMP_OK && rc != MCMP_ERR_FULL)
            fail(c->worker, mcmp_error_name(rc));
    }
    atomic_store(&c->worker->shared->copied, change->sequence);
    return 0;
}

static void follow(copy *c, size_t max)
{
    int rc = mcmp_observer_run(c->observer, copy_change, c, max, NULL);

    if (rc < 0 && rc != MCMP_ERR_OVERTAKEN)
        fail(c->worker, mcmp_error_name(rc));
}

static void open_copy(copy *c, worker *w)
{
    memset(c, 0, sizeof(*c));
    c->worker = w;
    c->peer = local_peer();
    c->cluster = open_cluster(MCMP_MEMORY_HEAP, 0);
    if (mcmp_response_new(&c->response, NULL, NULL) != MCMP_OK ||
        mcmp_parser_new(&c->parser, NULL, NULL) != MCMP_OK ||
        mcmp_observer_new(&c->observer, w->cluster, NULL, NULL) != MCMP_OK)
        exit(1);
}

static char *text_of(mcmp_cluster *cluster, copy *c, const char *method)
{
    mcmp_request request;
    mcmp_span body;
    char *text;

    mcmp_request_init(&request);
    request.method = (mcmp_span){ method, strlen(method) };
    request.target = (mcmp_span){ "/", 1 };
    request.command = mcmp_command_of_method(request.method);
    request.now = (mcmp_time)atomic_load(&c->worker->shared->clock) * MCMP_MSEC;
    request.peer = &c->peer;
    (void)apply(cluster, c->response, &request, 1);
    body = mcmp_response_body(c->response);
    text = calloc(1, body.len + 1);
    if (text == NULL)
        exit(1);
    if (body.len != 0)
        memcpy(text, body.ptr, body.len);
    return text;
}

static void compare_copy(copy *c)
{
    static const char *const methods[] = { "INFO", "DUMP" };

    for (size_t i = 0; i < 2; i++) {
        char *want = text_of(c->worker->cluster, c, methods[i]);
        char *got = text_of(c->cluster, c, methods[i]);

        if (strcmp(want, got) != 0) {
            fail(c->worker, "the copy is not the same");
            fprintf(stderr, "--- %s\n%s+++\n%s", methods[i], want, got);
        }
        free(want);
        free(got);
    }
}

static void close_copy(copy *c)
{
    mcmp_observer_free(c->observer);
    mcmp_parser_free(c->parser);
    mcmp_response_free(c->response);
    mcmp_cluster_close(c->cluster);
}

/* Running */

static void check(worker *w)
{
    mcmp_error err;

    mcmp_error_init(&err);
    if (mcmp_cluster_check(w->cluster, NULL, &err) != MCMP_OK)
        fail(w, err.message);
}

static pid_t spawn(worker *w, int slot, uint64_t seed)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    w->seed = seed;
    w->slot = slot;
    if (mcmp_cluster_after_fork(w->cluster, NULL) != MCMP_OK) {
        fail(w, "a child finds no slot");
        _exit(1);
    }
    (void)work(w);
    _exit(0);
}

static void reap(worker *w, pid_t pid)
{
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    (void)mcmp_cluster_process_gone(w->cluster, pid); /* not found, when it had no slot yet */
}

/* All writers die at about the same time: what they had begun is finished or never was. */
static void kill_writers(worker *w, copy *c, pid_t *pids, uint64_t seed)
{
    for (int i = 0; i < WRITERS; i++)
        (void)kill(pids[i], SIGKILL);
    for (int i = 0; i < WRITERS; i++)
        reap(w, pids[i]);
    check(w); /* takes the lock, as the next writer does */
    follow(c, 0);
    compare_copy(c);
    for (int i = 0; i < WRITERS; i++)
        pids[i] = spawn(w, i, seed + (uint64_t)i);
}

static uint64_t run_processes(worker *w, double seconds, uint64_t seed)
{
    pid_t pids[WORKERS];
    uint64_t kills = 0;
    double end = now() + seconds;
    copy c;

    open_copy(&c, w);
    for (int i = 0; i < WORKERS; i++)
        pids[i] = spawn(w, i, seed + (uint64_t)i);
    while (now() < end && atomic_load(&w->shared->failures) == 0) {
        int i = (int)pick(&seed, WORKERS);

        for (uint32_t turns = 1 + pick(&seed, 20); turns > 0; turns--) {
            follow(&c, 50);
            rest(pick(&seed, 200) * 1e-6);
        }
        if (i < WRITERS) {
            kill_writers(w, &c, pids, seed);
            kills += WRITERS;
        } else {
            reap(w, pids[i]);
            kills++;
            pids[i] = spawn(w, i, seed);
        }
    }
    for (int i = 0; i < WORKERS; i++)
        reap(w, pids[i]);
    close_copy(&c);
    return kills;
}

static void run_threads(worker *w, double seconds, uint64_t seed)
{
    pthread_t threads[WORKERS];
    worker workers[WORKERS];
    double end = now() + seconds;

    for (int i = 0; i < WORKERS; i++) {
        workers[i] = *w;
        workers[i].seed = seed + (uint64_t)i;
        workers[i].slot = i;
        if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0)
            exit(1);
    }
    while (now() < end && atomic_load(&w->shared->failures) == 0) {
        rest(0.01);
        check(w);
    }
    atomic_store(&w->shared->stop, 1);
    for (int i = 0; i < WORKERS; i++)
        (void)pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
    int forking = argc > 1 && strcmp(argv[1], "fork") == 0;
    double seconds = argc > 2 ? atof(argv[2]) : 3;
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    uint64_t kills = 0;
    worker w = { 0 };
    shared *s;

    w.shared =
        mmap(NULL, sizeof(*w.shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (w.shared == MAP_FAILED)
        return 1;
    s = w.shared;
    atomic_store(&s->clock, 1);
    w.forking = forking;
    /* The ring holds what the copy may be behind, but not what the slow one is behind. */
    w.cluster =
        open_cluster(forking ? MCMP_MEMORY_SHARED : MCMP_MEMORY_HEAP, forking ? 262144 : 16384);
    if (forking)
        kills = run_processes(&w, seconds, seed);
    else
        run_threads(&w, seconds, seed);
    check(&w);
    printf("%s: %llu messages, %llu kills, %llu changes seen, %llu missed, %llu compared, %llu "
           "copied, %u failures\n",
           forking ? "fork" : "threads", (unsigned long long)atomic_load(&s->messages),
           (unsigned long long)kills, (unsigned long long)atomic_load(&s->seen),
           (unsigned long long)atomic_load(&s->missed),
           (unsigned long long)atomic_load(&s->compared),
           (unsigned long long)atomic_load(&s->copied), atomic_load(&s->failures));
    mcmp_cluster_close(w.cluster);
    return atomic_load(&s->failures) == 0 && atomic_load(&s->compared) > 0 ? 0 : 1;
}
