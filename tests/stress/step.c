/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kill after each instruction, of the library as it is released. A child applies a message while
 * it is traced and makes one instruction at a time. After each that changed the region the state is
 * copied as it would be if the child were killed now, and the copy is looked at, repaired and
 * checked; an instruction that changed nothing leaves the image that was checked already. The same
 * is done with the repair of some of these images. Some children are killed in earnest, too.
 */
#include "image.h"

#include <unistd.h>

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#define TOO_MANY 5000000u /* instructions of one message: something goes round in circles */
#define NO_TRACING 9      /* status of a child */

typedef struct stepper stepper;

struct stepper {
    torture *t;
    world world;
    image image;
    void *before; /* the region before the message */
    void *last;   /* after the last instruction that changed it */
    void *outer;  /* the same of a message, while its repair is stepped through */
    size_t size;
    uint64_t seed;
    volatile int *phase; /* of the child: 1 while it is at work */
    world_message message;
    image_states states;
    image_states *noted; /* by a child that nobody stops, in shared memory */
    told_table *told;    /* likewise */
    uint64_t images;
    int no_tracing;
};

static void *pages(size_t size, int shared)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_ANONYMOUS | (shared ? MAP_SHARED : MAP_PRIVATE), -1, 0);

    if (memory == MAP_FAILED)
        exit(2);
    return memory;
}

static void *region_of(stepper *s)
{
    return (void *)s->world.cluster->region;
}

/* The child's part */

static void act_message(stepper *s)
{
    (void)world_apply(&s->world, &s->message);
}

static void act_repair(stepper *s)
{
    mcmp__tx tx;

    if (mcmp__tx_begin(&tx, s->world.cluster, s->world.now, NULL) != MCMP_OK)
        return;
    mcmp__tx_repair(&tx);
    mcmp__tx_abort(&tx);
}

/* A child that stands before the act; 0: none. */
static pid_t start(stepper *s, void (*act)(stepper *s), int traced)
{
    int status = 0;
    pid_t pid;

    *s->phase = 0;
    pid = fork();
    if (pid == 0) {
        torture_leash();
        if (traced && ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
            _exit(NO_TRACING);
        if (traced)
            (void)raise(SIGSTOP);
        *s->phase = 1;
        act(s);
        *s->phase = 2;
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return 0;
    if (WIFEXITED(status))
        s->no_tracing |= WEXITSTATUS(status) == NO_TRACING;
    return WIFSTOPPED(status) ? pid : 0;
}

/* One instruction. 1: it can go on; 0: it ended. */
static int step(pid_t pid)
{
    int status = 0;

    if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) != 0 || waitpid(pid, &status, 0) != pid)
        return 0;
    return WIFSTOPPED(status);
}

static void end(pid_t pid)
{
    int status = 0;

    (void)kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status))
        (void)kill(pid, SIGKILL);
}

/* What changed is looked at. */
static void look(stepper *s, pid_t pid, const char *what)
{
    image_take(&s->image, s->world.cluster, pid);
    (void)image_check(s->t, &s->image.world, &s->states, what);
    s->images++;
    s->t->number[N_IMAGES]++;
}

/* Steps through the act of a child. visit: called after each change, or NULL. 0: it did not end. */
static int step_through(stepper *s, pid_t pid, void (*visit)(stepper *s, pid_t pid),
                        const char *what)
{
    uint64_t count = 0;

    memcpy(s->last, region_of(s), s->size);
    while (*s->phase < 2 && s->t->failures == 0) {
        if (!step(pid)) {
            torture_fail(s->t, "%s: the child ended after %llu instructions", what,
                         (unsigned long long)count);
            return 0;
        }
        if (*s->phase == 0)
            continue;
        if (++count > TOO_MANY) {
            torture_fail(s->t, "%s: no end after %llu instructions", what,
                         (unsigned long long)count);
            break;
        }
        if (memcmp(region_of(s), s->last, s->size) == 0)
            continue;
        memcpy(s->last, region_of(s), s->size);
        look(s, pid, what);
        if (visit != NULL)
            visit(s, pid);
    }
    s->t->number[N_INSTRUCTIONS] += count;
    end(pid);
    return 1;
}

/* The child is dead at this instruction; another one repairs and dies at each of its own. */
static void step_repair(stepper *s, pid_t dead)
{
    image_states states = s->states;
    void *outer = s->last;
    int phase = *s->phase;
    uint64_t images = s->images;
    pid_t pid;

    if (torture_pick(&s->seed, s->t->full ? 12 : 60) != 0)
        return;
    image_take(&s->image, s->world.cluster, dead);
    memcpy(region_of(s), s->image.memory, s->size);
    if (image_death(s->t, &s->world, &s->states, "before a repair") != 0)
        return;
    s->last = s->outer;
    pid = start(s, act_repair, 1);
    if (pid != 0)
        (void)step_through(s, pid, NULL, "a repair");
    s->t->number[N_REPAIRS] += s->images - images;
    s->last = outer;
    s->states = states;
    *s->phase = phase;
    memcpy(region_of(s), s->last, s->size);
}

/* A real death at some instruction. */
static void kill_somewhere(stepper *s, uint64_t instructions)
{
    uint64_t at = torture_pick(&s->seed, (uint32_t)instructions);
    image_states states = s->states;
    pid_t pid = start(s, act_message, 1);

    if (pid == 0)
        return;
    while (*s->phase < 2 && (*s->phase == 0 || at-- > 0))
        if (!step(pid))
            return;
    end(pid);
    states.at = 0;
    (void)image_check(s->t, &s->world, &states, "a real kill");
    s->t->number[N_KILLS]++;
    memcpy(region_of(s), s->before, s->size);
}

static void note_state(void *ctx)
{
    stepper *s = ctx;

    if (!image_note(s->noted, &s->world))
        _exit(2);
}

static int find_after(stepper *s)
{
    int status = 0;
    pid_t pid;

    memcpy(s->before, region_of(s), s->size);
    memset(s->told, 0, sizeof(*s->told));
    image_begin(s->noted, s->told, &s->world);
    pid = fork();
    if (pid == 0) {
        torture_leash();
        s->world.after_call = note_state;
        s->world.after_ctx = s;
        act_message(s);
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        return -1;
    s->states = *s->noted;
    memcpy(region_of(s), s->before, s->size);
    return 0;
}

static void one_message(stepper *s, uint32_t number)
{
    uint64_t instructions = s->t->number[N_INSTRUCTIONS];
    char what[80];
    pid_t pid;

    world_message_make(&s->message, &s->seed);
    s->world.now += s->message.wait * MCMP_MSEC;
    (void)snprintf(what, sizeof(what), "message %u (%s %s)", number, s->message.method,
                   s->message.target);
    if (find_after(s) != 0) {
        torture_fail(s->t, "%s: an undisturbed child failed", what);
        return;
    }
    pid = start(s, act_message, 1);
    if (pid == 0 || !step_through(s, pid, step_repair, what))
        return;
    s->t->number[N_MESSAGES]++;
    if (s->t->failures == 0 && s->states.at + 1 != s->states.count)
        torture_fail(s->t, "%s: it came through and changed nothing", what);
    instructions = s->t->number[N_INSTRUCTIONS] - instructions;
    memcpy(region_of(s), s->before, s->size);
    for (int i = 0; i < 3; i++)
        kill_somewhere(s, instructions);
    (void)world_apply(&s->world, &s->message);
}

static void run(stepper *s, uint32_t messages, uint32_t kind)
{
    world_open(&s->world, MCMP_MEMORY_SHARED, NULL, 0, kind);
    image_open(&s->image, kind);
    s->size = world_size(kind);
    s->before = pages(s->size, 0);
    s->last = pages(s->size, 0);
    s->outer = pages(s->size, 0);
    for (int i = 0; i < 60; i++) {
        world_message_make(&s->message, &s->seed);
        s->world.now += s->message.wait * MCMP_MSEC;
        (void)world_apply(&s->world, &s->message);
    }
    for (uint32_t i = 0; i < messages && s->t->failures == 0 && !s->no_tracing; i++)
        one_message(s, i);
    (void)munmap(s->before, s->size);
    (void)munmap(s->last, s->size);
    (void)munmap(s->outer, s->size);
    image_close(&s->image);
    world_close(&s->world);
}

/* The first half of the messages with a ring, the others without. */
int torture_step(torture *t)
{
    uint32_t messages = t->messages != 0 ? t->messages : t->full ? 20 : 3;
    uint32_t with_ring = t->no_ring ? 0 : (messages + 1) / 2;
    stepper s = { .t = t, .seed = t->seed };

    s.phase = pages(sizeof(*s.phase), 1);
    s.noted = pages(sizeof(*s.noted), 1);
    s.told = pages(sizeof(*s.told), 1);
    run(&s, with_ring, WORLD_RING);
    if (t->failures == 0 && !s.no_tracing)
        run(&s, messages - with_ring, 0);
    if (s.no_tracing)
        printf("step: skipped, this system does not let a process trace its child\n");
    return s.no_tracing ? TORTURE_SKIPPED : 0;
}
#else
int torture_step(torture *t)
{
    (void)t;
    printf("step: skipped, single steps are known for Linux on x86-64 and aarch64 only\n");
    return TORTURE_SKIPPED;
}
#endif
