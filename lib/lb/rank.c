/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measures of the policies. A row of the table per policy; less is better everywhere.
 */
#include "rank.h"

#include "base/health.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

/*
 * A node that becomes active starts at the mean of its active peers, so that it gets its share and
 * no flood (PEER, MCMP 5.6). The first scan that meets one only sums up; the second one, after
 * mcmp__rank_mean(), gives it the mean and notes it as start value.
 */
mcmp__share mcmp__rank_start(mcmp__choice *choice, const mcmp__runner *runner)
{
    mcmp__share share = { choice->mean.picks * (uint64_t)runner->load / 1000, choice->mean.carry };
    mcmp__node row;
    uint32_t i = 0;

    while (i < choice->start_count && choice->start[i].index != runner->node)
        i++;
    if (i < MCMP__CHOICE_WHOLE && mcmp__node_get(choice->rd, runner->node, &row)) {
        choice->start[i].node = row.handle;
        choice->start[i].index = runner->node;
        choice->start[i].share = share;
        choice->start_count = MCMP__MAX(choice->start_count, i + 1);
    }
    return share;
}

void mcmp__rank_mean(mcmp__choice *choice)
{
    uint64_t count = choice->sum_count > 0 ? choice->sum_count : 1;

    choice->mean.picks = choice->sum_picks / count;
    choice->mean.carry = choice->sum_carry / count;
    choice->mean_known = 1;
}

uint32_t mcmp__rank_ramp(const mcmp__choice *choice, const mcmp__live *live)
{
    mcmp_time length = choice->config->opts.slow_start;
    mcmp_time since;

    if (length <= 0)
        return MCMP__FULL_RAMP;
    since = choice->now - (mcmp_time)mcmp__word_get(&live->usable_since);
    if (since < 0)
        return 0;
    return since >= length ? MCMP__FULL_RAMP
                           : (uint32_t)((uint64_t)since * MCMP__FULL_RAMP / (uint64_t)length);
}

static uint64_t by_value(mcmp__choice *choice, const mcmp__runner *runner)
{
    (void)choice;
    return runner->value;
}

/* Requests in flight per Load; slow start lowers the Load that counts. */
static uint64_t by_busyness(mcmp__choice *choice, const mcmp__runner *runner)
{
    uint64_t load = runner->load > 0 ? (uint64_t)runner->load : 1;

    load = load * 1000 * runner->ramp / MCMP__FULL_RAMP;
    return (uint64_t)mcmp__running_node(choice->rd, runner->node) * 1000000 /
           MCMP__MAX(load, (uint64_t)1);
}

/* Rendezvous: who has the greatest hash of key and route. Routes are the same on every proxy. */
static uint64_t by_hash(mcmp__choice *choice, const mcmp__runner *runner)
{
    char route[256];
    size_t len = mcmp__text(choice->rd, MCMP__NODE_ROUTE, runner->node, route, sizeof(route));

    return ~XXH3_64bits_withSeed(route, len, choice->key);
}

/* The callback is asked outside the section: here the candidates of the best class are noted. */
static uint64_t by_callback(mcmp__choice *choice, const mcmp__runner *runner)
{
    if (choice->list_count > 0 && choice->list[0].load == 0 && runner->load > 0)
        choice->list_count = 0;
    if (choice->list_count < MCMP__CHOICE_WHOLE &&
        (choice->list_count == 0 || choice->list[0].load == 0 || runner->load > 0))
        choice->list[choice->list_count++] = *runner;
    return runner->value;
}

static uint64_t (*const measures[])(mcmp__choice *choice, const mcmp__runner *runner) = {
    [MCMP_POLICY_LBFACTOR] = by_value,       [MCMP_POLICY_BUSYNESS] = by_busyness,
    [MCMP_POLICY_TWO_CHOICES] = by_busyness, [MCMP_POLICY_HASH] = by_hash,
    [MCMP_POLICY_CUSTOM] = by_callback,
};

uint64_t mcmp__rank_measure(mcmp__choice *choice, const mcmp__runner *runner)
{
    return measures[choice->policy](choice, runner);
}

/*
 * In slow start a growing part of a node's Load counts. Only the policies that
 * go by picks need this: one passed over is counted as if it had been picked, so it falls behind
 * nobody and is not flooded at the end. Multiples of the golden ratio spread the turns that are
 * real evenly whatever part of them that is.
 */
int mcmp__rank_passes(const mcmp__choice *choice, const mcmp__runner *runner)
{
    uint32_t turn = (uint32_t)((runner->picks + 1) * UINT64_C(2654435769));

    if (runner->ramp == MCMP__FULL_RAMP || runner->load == 0 ||
        (choice->policy != MCMP_POLICY_LBFACTOR && choice->policy != MCMP_POLICY_CUSTOM))
        return 0;
    return turn >> 16 >= runner->ramp;
}
