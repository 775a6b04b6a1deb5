/* SPDX-License-Identifier: Apache-2.0 */
/* Torture of the store: arguments, the watchdog, and what was done. See usage(). */
#include "torture.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

static unsigned patience = 30; /* seconds without a sign of life */

static const char *const number_names[N_NUMBERS] = {
    [N_MESSAGES] = "messages",
    [N_KILLS] = "kills",
    [N_REPAIR_KILLS] = "kills of a repairer",
    [N_INSIDE] = "kills inside a message",
    [N_IMAGES] = "images",
    [N_REPAIRS] = "images of a killed repair",
    [N_STORES] = "stores",
    [N_INSTRUCTIONS] = "instructions",
    [N_CHECKS] = "checks",
    [N_VIEWS] = "views",
    [N_SELECTIONS] = "selections",
    [N_SECTIONS] = "sections during a write",
    [N_GIVEN_BACK] = "selections given back",
    [N_TOLD] = "changes told",
    [N_MISSED] = "changes told to be missed",
    [N_AGREED] = "states as told",
};

typedef struct part {
    const char *name;
    int (*run)(torture *t);
    int hooks; /* 1: only with the hooked library; -1: only with the real one */
    const char *what;
} part;

static const part parts[] = {
    { "writes", torture_writes, 1, "a kill at each store of writer and repairer" },
    { "readers", torture_readers, 1, "read sections at each store of a writer" },
    { "random", torture_random, 0, "processes killed at random" },
    { "threads", torture_threads, 0, "threads of one process, nobody is killed" },
    { "step", torture_step, -1, "a kill after each instruction of messages and repairs" },
};

/* Of a thread that goes on for a handler that runs in any other one. */
static _Atomic int alive;
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "a handler may use it");

void torture_alive(void)
{
    atomic_store_explicit(&alive, 1, memory_order_relaxed);
}

static void on_alarm(int signal)
{
    static const char text[] = "torture: watchdog: nothing goes on\n";

    (void)signal;
    if (atomic_exchange_explicit(&alive, 0, memory_order_relaxed)) {
        (void)alarm(patience);
        return;
    }
    (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
    _exit(TORTURE_WATCHDOG); /* children are on a leash */
}

void torture_leash(void)
{
    pid_t parent = getppid();

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it died in between */
        _exit(2);
}

void torture_fail(torture *t, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (t->failures++ < 10) {
        fprintf(stderr, "torture: ");
        (void)vfprintf(stderr, format, args);
        fprintf(stderr, "\n");
    }
    va_end(args);
}

double torture_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void torture_pause(uint32_t ns)
{
    const struct timespec t = { 0, (long)ns };

    (void)ppoll(NULL, 0, &t, NULL);
}

uint32_t torture_pick(uint64_t *seed, uint32_t n)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((*seed >> 33) % n);
}

static void usage(void)
{
    printf("usage: torture [--quick | --full] [--seed N] [--seconds S] [--messages N] [--kills N]\n"
           "               [--patience S] [--no-ring] [PART...]\n"
           "  --quick       seconds of each part (the default)\n"
           "  --full        10 minutes in all\n"
           "  --seed N      of everything random (1)\n"
           "  --seconds S   how long a part without a fixed amount of work runs\n"
           "  --messages N  how many messages a part with one goes through\n"
           "  --kills N     random kills; the part ends when they are done or the time is over\n"
           "  --patience S  until the watchdog ends a run in which nothing goes on (30)\n"
           "  --no-ring     no changes are kept for observers\n");
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (parts[i].hooks == 0 || (parts[i].hooks > 0) == torture_has_hooks())
            printf("  %-13s %s\n", parts[i].name, parts[i].what);
}

/* 1 when argv[*at] is the option and has a number, which goes to *out. */
static int number_option(char **argv, int argc, int *at, const char *name, uint64_t *out)
{
    char *end;

    if (strcmp(argv[*at], name) != 0)
        return 0;
    if (*at + 1 >= argc) {
        usage();
        exit(2);
    }
    *out = strtoull(argv[++*at], &end, 10);
    if (*end != '\0') {
        usage();
        exit(2);
    }
    return 1;
}

/* The index of the first part, or argc. */
static int take_options(torture *t, int argc, char **argv)
{
    uint64_t value;
    int at;

    for (at = 1; at < argc && argv[at][0] == '-'; at++) {
        if (number_option(argv, argc, &at, "--seed", &t->seed))
            continue;
        if (number_option(argv, argc, &at, "--seconds", &value))
            t->seconds = (double)value;
        else if (number_option(argv, argc, &at, "--messages", &value))
            t->messages = (uint32_t)value;
        else if (number_option(argv, argc, &at, "--kills", &value))
            t->kills = (uint32_t)value;
        else if (number_option(argv, argc, &at, "--patience", &value))
            patience = (unsigned)value;
        else if (strcmp(argv[at], "--full") == 0)
            t->full = 1;
        else if (strcmp(argv[at], "--no-ring") == 0)
            t->no_ring = 1;
        else if (strcmp(argv[at], "--quick") != 0) {
            usage();
            exit(strcmp(argv[at], "--help") == 0 ? 0 : 2);
        }
    }
    return at;
}

static int run_part(torture *t, const part *p)
{
    torture own = *t;
    double start = torture_now();
    int rc;

    own.failures = 0;
    torture_alive();
    rc = p->run(&own);
    printf("%s: seed %" PRIu64 ", %.1f s", p->name, t->seed, torture_now() - start);
    for (size_t i = 0; i < N_NUMBERS; i++)
        if (own.number[i] != 0)
            printf(", %" PRIu64 " %s", own.number[i], number_names[i]);
    printf(", %u failures\n", own.failures);
    (void)fflush(stdout);
    t->failures += own.failures;
    return rc;
}

int main(int argc, char **argv)
{
    torture t = { .seed = 1 };
    int first = take_options(&t, argc, argv);
    int rc = 0;

    setvbuf(stderr, NULL, _IOLBF, 0);
    (void)signal(SIGALRM, on_alarm);
    (void)alarm(patience);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        int wanted = first == argc;

        for (int a = first; a < argc; a++)
            wanted |= strcmp(argv[a], parts[i].name) == 0;
        if (wanted && (parts[i].hooks == 0 || (parts[i].hooks > 0) == torture_has_hooks()))
            rc |= run_part(&t, &parts[i]);
    }
    return t.failures != 0 ? TORTURE_FOUND : rc;
}
