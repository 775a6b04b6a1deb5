/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oracle [--many] STEPS [SEED [EPISODE]]: so many random steps of a cluster beside its reference
 * model, in episodes of fresh clusters with different options; --many: clusters of up to 300 nodes
 * with the same few contexts. Prints what was done. When something differs it prints the shortest
 * history that it can find; with EPISODE only that one is walked.
 */
#include "walk.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EPISODE_STEPS = 4000, SHRINK_RUNS = 400 };

static const walk_setup *setups = walk_small;
static int setup_count;
static walk current;
static volatile sig_atomic_t episode_now;

static uint64_t mix(uint64_t z)
{
    z += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* A shorter tide, in which clusters stay smaller, in every second round. */
static int tide_of(const walk_setup *setup, int episode, int step)
{
    int steps = setup->tide >> episode / setup_count % 2;

    if (steps == 0)
        return WALK_EVEN;
    return step / steps % 2 == 0 ? WALK_FLOW : WALK_EBB;
}

static void add_counts(walk_counts *to, const walk_counts *from)
{
    uint64_t most = to->most > from->most ? to->most : from->most;

    for (size_t i = 0; i < sizeof(*to) / sizeof(uint64_t); i++)
        ((uint64_t *)to)[i] += ((const uint64_t *)from)[i];
    to->most = most;
}

/* Walks the steps of the list; the number of those that went well. */
static int run(uint64_t seed, int episode, const int *list, int count, int verbose,
               walk_counts *counts)
{
    const walk_setup *setup = &setups[episode % setup_count];
    uint64_t base = mix(seed + (uint64_t)episode);
    int done = 0;

    if (walk_open(&current, setup, base, episode / setup_count % 2)) {
        current.verbose = verbose;
        while (done < count && walk_step(&current, mix(base + (uint64_t)list[done]),
                                         tide_of(setup, episode, list[done])))
            done++;
        if (done == count && !(walk_compare(&current) && walk_check(&current)))
            done--;
    }
    if (counts != NULL)
        add_counts(counts, &current.counts);
    walk_close(&current);
    return done;
}

/* Leaves out parts of the history, smaller and smaller ones, as long as something still differs. */
static int shrink(uint64_t seed, int episode, int *list, int count)
{
    static int tried[EPISODE_STEPS];
    int part = count / 2;

    for (int runs = 0; part > 0 && runs < SHRINK_RUNS;) {
        int from = 0;
        int shorter = 0;

        for (; from < count && runs < SHRINK_RUNS; runs++) {
            int n = 0;
            int done;

            for (int i = 0; i < count; i++)
                if (i < from || i >= from + part)
                    tried[n++] = list[i];
            done = run(seed, episode, tried, n, 0, NULL);
            if (done < n) {
                count = done + 1;
                memcpy(list, tried, sizeof(*list) * (size_t)count);
                shorter = 1;
            } else {
                from += part;
            }
        }
        if (!shorter || part > 1)
            part /= 2;
    }
    return count;
}

static int report(uint64_t seed, int episode, int *list, int done)
{
    int count;

    printf("seed %llu, episode %d (%s), step %d: %s\n", (unsigned long long)seed, episode,
           setups[episode % setup_count].name, done, current.why);
    (void)fflush(stdout); /* the rest may take long */
    count = shrink(seed, episode, list, done + 1);
    printf("the shortest history found has %d steps:\n", count);
    (void)run(seed, episode, list, count, 1, NULL);
    printf("then: %s\n", current.why);
    return 1;
}

static void tell(const char *name, uint64_t count)
{
    if (count != 0)
        printf("  %-16s %12llu\n", name, (unsigned long long)count);
}

static void summary(const walk_counts *c, int episodes)
{
    printf("%llu steps in %d episodes of %d option sets\n", (unsigned long long)c->steps, episodes,
           setup_count);
    printf("compared as a whole %llu times, %.1f nodes and %.1f contexts each\n",
           (unsigned long long)c->compared, (double)c->nodes / (double)c->compared,
           (double)c->pairs / (double)c->compared);
    tell("messages", c->messages);
    tell("unknown node", c->unknown);
    tell("conflict", c->conflict);
    tell("table full", c->full);
    tell("denied", c->denied);
    tell("turns waited", c->pending);
    tell("idle probes", c->probes);
    tell("handles gone", c->gone);
    tell("selections held", c->holds);
    tell("most in a group", c->most);
    tell("into the index", c->indexed);
    tell("out of the index", c->unindexed);
    tell("up to level 1", c->raised[0]);
    tell("up to level 2", c->raised[1]);
    tell("down to level 1", c->lowered[1]);
    tell("down to level 0", c->lowered[0]);
    tell("choices", c->choices);
    for (uint32_t i = 0; i <= MCMP_REASON_FORCED; i++)
        tell(mcmp_reason_name(i), c->reason[i]);
}

static void crashed(int sig)
{
    char text[64];
    int len =
        snprintf(text, sizeof(text), "oracle: signal %d in episode %d\n", sig, (int)episode_now);

    (void)!write(2, text, (size_t)len);
    (void)signal(sig, SIG_DFL);
    (void)raise(sig);
}

/* A walk among many nodes that was never where they are kept in another way proves nothing. */
static int was_there(const walk_counts *c)
{
    int fine = c->unindexed != 0 && c->lowered[0] != 0 && c->lowered[1] != 0;

    if (!fine)
        printf("no place or group got large and small again\n");
    return fine;
}

static void choose_setups(int many)
{
    setups = many ? walk_many : walk_small;
    setup_count = many ? walk_many_count : walk_small_count;
}

int main(int argc, char **argv)
{
    static int list[EPISODE_STEPS];
    int many = argc > 1 && strcmp(argv[1], "--many") == 0;
    char **args = argv + many;
    int given = argc - many;
    uint64_t steps = given > 1 ? strtoull(args[1], NULL, 10) : 100000;
    uint64_t seed = given > 2 ? strtoull(args[2], NULL, 10) : 1;
    int episode = given > 3 ? (int)strtol(args[3], NULL, 10) : 0;
    walk_counts c = { 0 };

    choose_setups(many);
    (void)signal(SIGSEGV, crashed);
    (void)signal(SIGABRT, crashed);
    do {
        int done;

        episode_now = episode;
        for (int i = 0; i < EPISODE_STEPS; i++)
            list[i] = i;
        done = run(seed, episode, list, EPISODE_STEPS, 0, &c);
        if (done < EPISODE_STEPS)
            return report(seed, episode, list, done);
        episode++;
    } while (given <= 3 && c.steps < steps);
    summary(&c, episode);
    return many && given <= 3 && episode >= setup_count && !was_there(&c);
}
