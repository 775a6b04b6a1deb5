/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oracle STEPS [SEED [EPISODE]]: so many random steps of a cluster beside its reference model, in
 * episodes of fresh clusters with different options. Prints what was done. When something differs
 * it prints the shortest history that it can find; with EPISODE only that one is walked.
 */
#include "walk.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EPISODE_STEPS = 4000, SHRINK_RUNS = 400 };

#define LIMITS(nodes, aliases, contexts, balancers)                             \
    .max_nodes = (nodes), .max_aliases = (aliases), .max_contexts = (contexts), \
    .max_balancers = (balancers), .max_failed_probes = 4
#define TIMES(silent, rest)                                                                   \
    .silent_after = (silent)*MCMP_SEC, .grace = (rest)*MCMP_SEC, .heal_window = 5 * MCMP_SEC, \
    .domain_memory = 300 * MCMP_SEC, .stop_hold = 50 * MCMP_MSEC

static const walk_setup setups[] = {
    { "plain", { LIMITS(5, 8, 20, 3), TIMES(15, 10) }, MCMP_POLICY_LBFACTOR },
    { "use_alias", { LIMITS(5, 8, 20, 3), TIMES(15, 10), .use_alias = 1 }, MCMP_POLICY_LBFACTOR },
    { "all_or_nothing, refuse",
      { LIMITS(4, 6, 12, 2), TIMES(15, 10), .all_or_nothing = 1,
        .replace_policy = MCMP_REPLACE_REFUSE },
      MCMP_POLICY_BUSYNESS },
    { "use_alias, last_writer, no heal_reset",
      { LIMITS(6, 10, 24, 4), TIMES(15, 10), .use_alias = 1, .no_heal_reset = 1,
        .replace_policy = MCMP_REPLACE_LAST_WRITER },
      MCMP_POLICY_TWO_CHOICES },
    { "ownership", { LIMITS(5, 9, 20, 2), TIMES(15, 10), .ownership = 1 }, MCMP_POLICY_LBFACTOR },
    { "hash, ping_any, short times",
      { LIMITS(8, 16, 40, 4), .ping_any = 1, .use_alias = 1, TIMES(3, 1) },
      MCMP_POLICY_HASH },
    { "all_or_nothing, use_alias",
      { LIMITS(3, 5, 9, 2), TIMES(15, 10), .all_or_nothing = 1, .use_alias = 1 },
      MCMP_POLICY_LBFACTOR },
    { "one of each",
      { LIMITS(1, 2, 3, 1), TIMES(15, 10), .replace_policy = MCMP_REPLACE_LAST_WRITER },
      MCMP_POLICY_LBFACTOR },
    { "plenty", { LIMITS(8, 48, 480, 4), TIMES(15, 10) }, MCMP_POLICY_LBFACTOR },
};

enum { SETUPS = sizeof(setups) / sizeof(setups[0]) };

static walk current;
static volatile sig_atomic_t episode_now;

static uint64_t mix(uint64_t z)
{
    z += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Walks the steps of the list; the number of those that went well. */
static int run(uint64_t seed, int episode, const int *list, int count, int verbose,
               walk_counts *counts)
{
    const walk_setup *setup = &setups[episode % SETUPS];
    uint64_t base = mix(seed + (uint64_t)episode);
    int done = 0;

    if (walk_open(&current, setup, base, episode / SETUPS % 2)) {
        current.verbose = verbose;
        while (done < count && walk_step(&current, mix(base + (uint64_t)list[done])))
            done++;
        if (done == count && !walk_check(&current))
            done--;
    }
    for (size_t i = 0; counts != NULL && i < sizeof(*counts) / sizeof(uint64_t); i++)
        ((uint64_t *)counts)[i] += ((uint64_t *)&current.counts)[i];
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
           setups[episode % SETUPS].name, done, current.why);
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
           (int)SETUPS);
    printf("per step %.1f nodes and %.1f contexts\n", (double)c->nodes / (double)c->steps,
           (double)c->pairs / (double)c->steps);
    tell("messages", c->messages);
    tell("unknown node", c->unknown);
    tell("conflict", c->conflict);
    tell("table full", c->full);
    tell("denied", c->denied);
    tell("turns waited", c->pending);
    tell("idle probes", c->probes);
    tell("handles gone", c->gone);
    tell("selections held", c->holds);
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

int main(int argc, char **argv)
{
    static int list[EPISODE_STEPS];
    uint64_t steps = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    int episode = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 0;
    walk_counts c = { 0 };

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
    } while (argc <= 3 && c.steps < steps);
    summary(&c, episode);
    return 0;
}
