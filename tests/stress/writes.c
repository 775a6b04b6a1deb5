/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kill at each store. A child does one thing (a message, a choice, taking or giving back its
 * place among the processes) and kills itself with SIGKILL before its first store into the region,
 * then before its second from the same start, and so on until it comes through. After each death
 * another child that repairs is killed at a random store of its own; then the region is looked at,
 * repaired and checked. While that repair runs, the region is copied before each of its stores: as
 * if the repairer had been killed there, and the copy is repaired and checked, too.
 */
#include "image.h"

#include "model/process.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct writes writes;
typedef void (*act_fn)(writes *s);

struct writes {
    torture *t;
    world world;
    image image;
    void *before; /* the region before the act */
    size_t size;
    uint64_t seed;     /* of where to kill */
    uint64_t messages; /* of what is sent: the same whatever happens at a kill */
    world_message message;
    uint64_t choices;    /* the same of what is asked for */
    image_states states; /* of the act */
    image_states now;    /* after a death: which of them may be seen */
    image_states *noted; /* by a child that nobody killed, in shared memory */
    told_table *told;    /* likewise */
    told_table *later;   /* of what comes after the act */
    pid_t dead;          /* whose place is cleaned */
};

/* Before which store of this process to die; or copy the region before each. */
static const char *region_start, *region_end;
static uint64_t stores_left;
static uint64_t stores_seen;
static writes *copies_for;

static int is_ours(const volatile void *at)
{
    const char *where = (const char *)at;

    return where >= region_start && where < region_end;
}

static void die_here(const volatile void *at)
{
    if (!is_ours(at))
        return;
    if (--stores_left == 0)
        for (;;)
            (void)kill(getpid(), SIGKILL);
}

static void copy_here(const volatile void *at)
{
    writes *s = copies_for;
    image_states states = s->now;

    if (!is_ours(at))
        return;
    stores_seen++;
    torture_hook = NULL;
    image_take(&s->image, s->world.cluster, (pid_t)syscall(SYS_gettid));
    (void)image_check(s->t, &s->image.world, &states, "a repair that was killed");
    s->t->number[N_IMAGES]++;
    s->t->number[N_REPAIRS]++;
    torture_hook = copy_here;
}

/* What children do */

static void act_message(writes *s)
{
    (void)world_apply(&s->world, &s->message);
}

static void act_select(writes *s)
{
    (void)world_select(&s->world);
    (void)world_select(&s->world);
    world_release_all(&s->world);
}

static void act_claim(writes *s)
{
    (void)mcmp_cluster_after_fork(s->world.cluster, NULL);
}

static void act_clean(writes *s)
{
    (void)mcmp_cluster_process_gone(s->world.cluster, s->dead);
}

static void act_repair(writes *s)
{
    mcmp__tx tx;

    if (mcmp__tx_begin(&tx, s->world.cluster, s->world.now, NULL) != MCMP_OK)
        return;
    mcmp__tx_repair(&tx);
    mcmp__tx_abort(&tx);
}

static void note_state(void *ctx)
{
    writes *s = ctx;

    if (!image_note(s->noted, &s->world))
        _exit(2);
}

/* A child that dies before its store number `at`; 0: it notes what it does instead. 1: it came
 * through; 0: killed; -1: it failed. */
static int run_child(writes *s, act_fn act, uint64_t at, pid_t *out)
{
    int status = 0;
    pid_t pid = fork();

    if (pid < 0)
        return -1;
    if (pid == 0) {
        torture_leash();
        if (act != act_claim)
            act_claim(s);
        stores_left = at;
        if (at != 0)
            torture_hook = die_here;
        else
            s->world.after_call = note_state;
        s->world.after_ctx = s;
        act(s);
        torture_hook = NULL;
        _exit(0);
    }
    *out = pid;
    if (waitpid(pid, &status, 0) != pid)
        return -1;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return 0;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 1 : -1;
}

/* Nobody but this process has a place, and nothing counts as running. */
static int check_places(writes *s, const char *what)
{
    const mcmp__word *region = s->world.cluster->region;
    uint64_t active = 0;

    for (uint32_t p = 0; p < s->world.cluster->layout.max_processes; p++) {
        uint32_t pid = mcmp__lo(mcmp__word_get(region + MCMP__R_PID + p));

        if (pid == (uint32_t)getpid())
            active |= UINT64_C(1) << p;
        else if (pid != 0) {
            torture_fail(s->t, "%s: a dead process keeps its place", what);
            return -1;
        }
    }
    if (mcmp__word_get(region + MCMP__R_ACTIVE) != active) {
        torture_fail(s->t, "%s: a dead process counts as active", what);
        return -1;
    }
    if (world_connected(&s->world) != 0) {
        torture_fail(s->t, "%s: selections of the dead still count", what);
        return -1;
    }
    return 0;
}

static int bury(writes *s, pid_t pid, const char *what)
{
    (void)mcmp_cluster_process_gone(s->world.cluster, pid);
    if (s->dead != 0)
        (void)mcmp_cluster_process_gone(s->world.cluster, s->dead);
    return check_places(s, what);
}

/* The repair, with a copy before each of its stores. */
static void repair_watched(writes *s)
{
    copies_for = s;
    stores_seen = 0;
    torture_hook = copy_here;
    act_repair(s);
    torture_hook = NULL;
    s->t->number[N_STORES] += stores_seen;
}

/* The survivors go on: whatever comes next works. */
static void go_on(writes *s, const char *what)
{
    world_message next;
    uint64_t seed = s->seed;
    image_states any;

    world_message_make(&next, &seed);
    (void)world_apply(&s->world, &next);
    memset(s->later, 0, sizeof(*s->later));
    image_begin(&any, s->later, &s->world);
    (void)image_check(s->t, &s->world, &any, what);
}

/* After the death at store `at`: a repairer dies too, then all is looked at. */
static void examine(writes *s, uint64_t at, int watched, const char *what)
{
    uint64_t repair_at = 1 + torture_pick(&s->seed, 300);
    pid_t pid = 0;
    int rc;

    s->now = s->states;
    if (image_death(s->t, &s->world, &s->now, what) != 0)
        return;
    s->states.at = s->now.at;
    if (at % 2 == 0) {
        rc = run_child(s, act_repair, repair_at, &pid);
        if (rc < 0)
            torture_fail(s->t, "%s: a repairer failed", what);
        s->t->number[N_REPAIR_KILLS] += rc == 0;
        s->t->number[N_KILLS] += rc == 0;
        (void)bury(s, pid, what);
    }
    if (watched)
        repair_watched(s);
    if (image_check(s->t, &s->world, &s->now, what) != 0)
        return;
    if (at % 4 == 1)
        go_on(s, what);
}

/* The states that the act goes through, by doing it undisturbed. */
static int find_after(writes *s, act_fn act)
{
    pid_t pid = 0;

    memset(s->told, 0, sizeof(*s->told));
    image_begin(s->noted, s->told, &s->world);
    if (run_child(s, act, 0, &pid) != 1 || bury(s, pid, "undisturbed") != 0) {
        torture_fail(s->t, "an undisturbed child failed");
        return -1;
    }
    s->states = *s->noted;
    for (size_t i = 0; i < TOLD_ROOM; i++)
        s->t->number[N_TOLD] += atomic_load(&s->told->change[i]) != 0;
    memcpy((void *)s->world.cluster->region, s->before, s->size);
    return 0;
}

/* Kills at each store of one act. */
static void kill_everywhere(writes *s, act_fn act, const char *what)
{
    int done = 0;

    memcpy(s->before, (const void *)s->world.cluster->region, s->size);
    if (find_after(s, act) != 0)
        return;
    for (uint64_t at = 1; !done && s->t->failures == 0; at++) {
        pid_t pid = 0;
        int rc = run_child(s, act, at, &pid);

        done = rc == 1;
        if (rc < 0)
            torture_fail(s->t, "%s: a child failed at store %llu", what, (unsigned long long)at);
        s->t->number[N_KILLS] += rc == 0;
        s->t->number[N_STORES] += rc == 0;
        if (bury(s, pid, what) == 0)
            examine(s, at, torture_pick(&s->seed, s->t->full ? 8 : 16) == 0, what);
        if (!done)
            memcpy((void *)s->world.cluster->region, s->before, s->size);
    }
    if (s->t->failures == 0 && s->states.at + 1 != s->states.count)
        torture_fail(s->t, "%s: it came through and changed nothing", what);
}

/* Every node that is there takes requests. */
static void wake_all(writes *s)
{
    for (uint32_t n = 0; n < WORLD_NODES; n++) {
        world_message m = { .method = "ENABLE-APP", .target = "/*", .probe_ok = 1 };

        (void)snprintf(m.body, sizeof(m.body), "JVMRoute=r%u", n);
        (void)world_apply(&s->world, &m);
        m.method = "STATUS";
        m.target = "/";
        (void)snprintf(m.body, sizeof(m.body), "JVMRoute=r%u&Load=50", n);
        (void)world_apply(&s->world, &m);
    }
}

/* One that held selections died, and who cleans up after it dies, too. */
static void kill_cleaners(writes *s)
{
    int gate[2];
    char byte;
    pid_t pid;

    wake_all(s);
    if (pipe(gate) != 0)
        return;
    pid = fork();
    if (pid == 0) {
        torture_leash();
        act_claim(s);
        for (int i = 0; i < 20; i++)
            (void)world_select(&s->world);
        (void)!write(gate[1], "x", 1);
        for (;;)
            (void)pause();
    }
    (void)!read(gate[0], &byte, 1);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    (void)close(gate[0]);
    (void)close(gate[1]);
    s->t->number[N_GIVEN_BACK] += world_connected(&s->world);
    s->dead = pid;
    kill_everywhere(s, act_clean, "giving back");
    s->dead = 0;
}

/* A node that is gone registers anew, in a row that had another occupant. */
static void kill_newcomer(writes *s)
{
    world_message gone = { .method = "REMOVE-APP", .target = "/*" };

    do {
        world_message_make(&s->message, &s->messages);
    } while (strcmp(s->message.method, "CONFIG") != 0);
    (void)snprintf(gone.body, sizeof(gone.body), "JVMRoute=r%c",
                   s->message.body[strlen("JVMRoute=r")]);
    (void)world_apply(&s->world, &gone);
    s->world.now += 2 * MCMP_SEC; /* longer than it lingers */
    kill_everywhere(s, act_message, "a node registers anew");
}

/* A node breaks and is well again by its STATUS: with a ring, two commits, each one announced. */
static void kill_status(writes *s)
{
    uint32_t node = torture_pick(&s->choices, WORLD_NODES);

    wake_all(s);
    for (uint32_t i = 0; i < 2; i++) {
        memset(&s->message, 0, sizeof(s->message));
        s->message.method = "STATUS";
        s->message.target = "/";
        s->message.probe_ok = (int)i;
        (void)snprintf(s->message.body, sizeof(s->message.body), "JVMRoute=r%u&Load=%u", node,
                       70 + i);
        s->world.now += 2 * MCMP_SEC; /* a probe of its own */
        kill_everywhere(s, act_message, "a node tells how it is");
    }
}

static void go_through(writes *s, uint32_t messages, uint32_t kind)
{
    for (uint32_t i = 0; i < messages && s->t->failures == 0; i++) {
        char what[80];

        world_message_make(&s->message, &s->messages);
        s->world.now += s->message.wait * MCMP_MSEC;
        (void)snprintf(what, sizeof(what), "message %u%s (%s %s)", i,
                       (kind & WORLD_TIGHT) != 0 ? " of full tables" : "", s->message.method,
                       s->message.target);
        kill_everywhere(s, act_message, what);
        s->t->number[N_MESSAGES]++;
        s->world.seed = torture_pick(&s->choices, 1u << 30);
        if (i % 8 == 3)
            kill_everywhere(s, act_select, "choosing");
        if (i % 16 == 0) {
            kill_status(s);
            kill_newcomer(s);
        }
        if (i % 16 == 7)
            kill_everywhere(s, act_claim, "taking a place");
        if (i % 16 == 5)
            kill_cleaners(s);
    }
}

/* Something to begin with. */
static void fill(writes *s)
{
    for (int i = 0; i < 60 && s->t->failures == 0; i++) {
        mcmp_error err;

        mcmp_error_init(&err);
        world_message_make(&s->message, &s->messages);
        s->world.now += s->message.wait * MCMP_MSEC;
        (void)world_apply(&s->world, &s->message);
        if (mcmp_cluster_check(s->world.cluster, NULL, &err) != MCMP_OK)
            torture_fail(s->t, "nobody was killed: %s", err.message);
    }
}

static void *shared_pages(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_SHARED, -1, 0);

    if (memory == MAP_FAILED)
        exit(2);
    return memory;
}

static void run(torture *t, uint32_t messages, uint32_t kind)
{
    uint64_t seed = t->seed + kind;
    writes s = { .t = t, .seed = seed, .messages = seed, .choices = seed };

    world_open(&s.world, MCMP_MEMORY_SHARED, NULL, 0, kind);
    s.world.fails = 3;
    image_open(&s.image, kind);
    s.size = world_size(kind);
    s.before = malloc(s.size);
    s.later = malloc(sizeof(*s.later));
    if (s.before == NULL || s.later == NULL)
        exit(2);
    s.noted = shared_pages(sizeof(*s.noted));
    s.told = shared_pages(sizeof(*s.told));
    region_start = (const char *)s.world.cluster->region;
    region_end = region_start + s.size;
    fill(&s);
    go_through(&s, messages, kind);
    (void)munmap(s.noted, sizeof(*s.noted));
    (void)munmap(s.told, sizeof(*s.told));
    free(s.later);
    free(s.before);
    image_close(&s.image);
    world_close(&s.world);
}

/* Two thirds of the messages with room for all and a ring, the others with full tables or without a
 * ring. */
int torture_writes(torture *t)
{
    uint32_t messages = t->messages != 0 ? t->messages : t->full ? 150 : 18;
    uint32_t ring = t->no_ring ? 0 : WORLD_RING;

    run(t, messages - 2 * (messages / 6), ring);
    if (t->failures == 0)
        run(t, messages / 6, ring | WORLD_TIGHT);
    if (t->failures == 0)
        run(t, messages / 6, 0);
    return 0;
}
