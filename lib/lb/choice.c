/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies over a set of members. Scanning decides which members are looked at, rank() what a
 * policy thinks of one; everything read here is either of the section's copy or a live word.
 */
#include "choice.h"

#include "base/compiler.h"
#include "base/health.h"
#include "lb/plain.h"
#include "lb/rank.h"

/* The two kinds of usable members of one status. */
enum { ACTIVE, STANDBY, KINDS };

static int is_in(const uint32_t *list, uint32_t count, uint32_t node)
{
    for (uint32_t i = 0; i < count; i++)
        if (list[i] == node)
            return 1;
    return 0;
}

MCMP__COLD int mcmp__choice_awaits(const mcmp__choice *choice, uint32_t node, uint32_t health)
{
    const mcmp_cluster_options *opts = &choice->config->opts;
    mcmp_time longest = opts->probe_deadline > 0 ? opts->probe_deadline + MCMP__PROBE_SLACK : 0;
    mcmp_time loaded;

    if ((health & MCMP__HEALTH_RESTORED) == 0 || opts->probe_period <= 0)
        return 0;
    loaded = (mcmp_time)mcmp__word_get(&mcmp__choice_live(choice, node)->registered_at);
    return choice->now - loaded < longest;
}

static inline int is_usable(mcmp__choice *choice, const mcmp__member *member, mcmp__runner *out)
{
    uint32_t health = (uint32_t)mcmp__word_get(&mcmp__choice_live(choice, member->node)->health);

    /* Also one that this request found dead: it may come back while the request waits. */
    if (!mcmp__health_usable(health)) {
        choice->unwell++;
        return 0;
    }
    if ((health & MCMP__HEALTH_RESTORED) != 0 &&
        mcmp__choice_awaits(choice, member->node, health)) {
        choice->unwell++;
        choice->unproven++;
        return 0;
    }
    if (choice->tried_count != 0 && is_in(choice->tried, choice->tried_count, member->node))
        return 0;
    out->node = member->node;
    out->seat = member->seat;
    out->status = member->status;
    out->health = health;
    out->load = mcmp__health_weight(health);
    return 1;
}

int mcmp__choice_usable(mcmp__choice *choice, const mcmp__member *member, mcmp__runner *out)
{
    return is_usable(choice, member, out);
}

/* Ties go to the lower id where all were looked at; where few were, to the first seen. */
static inline int is_better(mcmp__choice *choice, const mcmp__runner *a, const mcmp__runner *b)
{
    if (a->measure != b->measure)
        return a->measure < b->measure;
    if (a->value != b->value)
        return a->value < b->value;
    return choice->ordered &&
           mcmp__node_id(choice->rd, a->node) < mcmp__node_id(choice->rd, b->node);
}

/*
 * The value of MCMP 5.6; standby nodes count as Load 1. A node that becomes active starts at the
 * mean of its active peers, so that it gets its share and no flood (PEER): the first look only sums
 * up, the second one, when the mean is known, gives it.
 */
static inline void set_value(mcmp__choice *choice, mcmp__runner *runner, const mcmp__live *live)
{
    uint64_t load = runner->load > 0 ? (uint64_t)runner->load : 1;
    mcmp__share share = mcmp__share_read(mcmp__word_get(&live->share), mcmp__word_get(&live->carry),
                                         choice->period, (int)load);
    uint64_t part;

    if ((runner->health & MCMP__HEALTH_FRESH) != 0 && runner->load > 0) {
        if (choice->mean_known)
            share = mcmp__rank_start(choice, runner);
        choice->fresh = 1;
    }
    part = share.picks * 1000 / load;
    runner->picks = share.picks;
    runner->value = part + share.carry;
    if ((runner->health & MCMP__HEALTH_FRESH) == 0 && runner->load > 0) {
        choice->sum_picks += part;
        choice->sum_carry += share.carry;
        choice->sum_count++;
    }
}

static inline void rank(mcmp__choice *choice, mcmp__runner *runner)
{
    const mcmp__live *live = mcmp__choice_live(choice, runner->node);

    runner->ramp = MCMP__FULL_RAMP;
    if (choice->config->opts.slow_start > 0)
        runner->ramp = mcmp__rank_ramp(choice, live);
    runner->value = 0; /* a hash must not depend on what was picked before */
    if (choice->policy != MCMP_POLICY_HASH)
        set_value(choice, runner, live);
    runner->measure = runner->value;
    if (choice->policy != MCMP_POLICY_LBFACTOR)
        runner->measure = mcmp__rank_measure(choice, runner);
}

/* Looks at one member. 1 when it is active. */
static int look_at(mcmp__choice *choice, const mcmp__member *member, mcmp__runner best[KINDS])
{
    mcmp__runner runner;
    uint32_t kind;

    if (!is_usable(choice, member, &runner) ||
        (choice->passed_count != 0 && is_in(choice->passed, choice->passed_count, runner.node)))
        return 0;
    kind = runner.load > 0 ? ACTIVE : STANDBY;
    rank(choice, &runner);
    if (best[kind].node == 0 || is_better(choice, &runner, &best[kind]))
        best[kind] = runner;
    return kind == ACTIVE;
}

static void look_at_each(mcmp__choice *choice, const mcmp__member *members, uint32_t count,
                         mcmp__runner best[KINDS])
{
    best[ACTIVE].node = 0;
    best[STANDBY].node = 0;
    choice->list_count = 0;
    for (uint32_t i = 0; i < count; i++)
        look_at(choice, &members[i], best);
}

/* Looks at the given members; again, when some had no start value and now can have one. */
static void look_at_some(mcmp__choice *choice, const mcmp__member *members, uint32_t count,
                         mcmp__runner best[KINDS])
{
    uint32_t unwell = choice->unwell;

    choice->sum_count = 0;
    choice->sum_picks = 0;
    choice->sum_carry = 0;
    choice->fresh = 0;
    choice->mean_known = 0;
    look_at_each(choice, members, count, best);
    if (!choice->fresh)
        return;
    mcmp__rank_mean(choice);
    choice->unwell = unwell;
    look_at_each(choice, members, count, best);
}

/* Every member once from a random place on, until enough active ones were seen. */
static void look_at_all(mcmp__choice *choice, const mcmp__set *set, uint32_t first, uint32_t count,
                        uint32_t enough, mcmp__runner best[KINDS])
{
    uint64_t random = mcmp__choice_mix(choice->random);
    uint32_t start = (uint32_t)(((random & 0xffffffffu) * count) >> 32);
    uint32_t active = 0;

    best[ACTIVE].node = 0;
    best[STANDBY].node = 0;
    choice->list_count = 0;
    for (uint32_t i = 0; i < count && active < enough; i++) {
        uint32_t at = start + i < count ? start + i : start + i - count;
        mcmp__member member;

        if (mcmp__set_member(choice->rd, set, first + at, &member))
            active += (uint32_t)look_at(choice, &member, best);
    }
}

/* Adds a window, in two parts when it goes over the end. */
static inline uint32_t add_window(mcmp__window *out, uint32_t n, uint32_t from, uint32_t width,
                                  uint32_t count)
{
    out[n].from = from;
    out[n].count = MCMP__MIN(width, count - from);
    n++;
    if (from + width <= count)
        return n;
    out[n].from = 0;
    out[n].count = 1;
    return n + 1;
}

uint32_t mcmp__choice_windows(mcmp__choice *choice, uint32_t count, mcmp__window out[4])
{
    uint64_t random = mcmp__choice_mix(choice->random);
    uint32_t width = choice->policy == MCMP_POLICY_TWO_CHOICES ? 1 : 2;
    uint32_t a = (uint32_t)(((random & 0xffffffffu) * count) >> 32);
    uint32_t b = (uint32_t)(((random >> 32) * (count - 1)) >> 32);
    uint32_t n = 0;

    choice->random = random + MCMP__CHOICE_STEP;
    b += b >= a; /* another place than a */
    n = add_window(out, n, a, width, count);
    return add_window(out, n, b, width, count);
}

/* The members of random windows. */
static uint32_t sample(mcmp__choice *choice, const mcmp__set *set, uint32_t first, uint32_t count,
                       mcmp__member out[4])
{
    mcmp__window windows[4];
    uint32_t some = mcmp__choice_windows(choice, count, windows);
    uint32_t n = 0;

    for (uint32_t i = 0; i < some; i++)
        n += mcmp__set_members(choice->rd, set, first + windows[i].from, windows[i].count, out + n);
    return n;
}

/* The best of the members first .. first + count by kind. */
static void look_at_range(mcmp__choice *choice, const mcmp__set *set, uint32_t first,
                          uint32_t count, mcmp__runner best[KINDS])
{
    mcmp__member members[MCMP__CHOICE_WHOLE];
    uint32_t whole = choice->policy == MCMP_POLICY_TWO_CHOICES ? 2 : MCMP__CHOICE_WHOLE;

    choice->ordered = count <= whole || choice->policy == MCMP_POLICY_HASH;
    if (choice->policy == MCMP_POLICY_HASH) {
        look_at_all(choice, set, first, count, UINT32_MAX, best);
        return;
    }
    if (choice->ordered) {
        look_at_some(choice, members, mcmp__set_members(choice->rd, set, first, count, members),
                     best);
        return;
    }
    for (uint32_t round = 0; round < MCMP__CHOICE_ROUNDS; round++) {
        look_at_some(choice, members, sample(choice, set, first, count, members), best);
        if (best[ACTIVE].node != 0)
            return;
    }
    look_at_all(choice, set, first, count, MCMP__CHOICE_ENOUGH, best);
}

/* The best of one status; one in slow start may be passed over for the next best. */
static int best_of_range(mcmp__choice *choice, const mcmp__set *set, uint32_t first, uint32_t count,
                         mcmp__runner *out)
{
    uint64_t random = choice->random;
    mcmp__runner passed = { 0 };

    for (;;) {
        mcmp__runner best[KINDS];

        choice->random = random;
        look_at_range(choice, set, first, count, best);
        *out = best[ACTIVE].node != 0 ? best[ACTIVE] : best[STANDBY];
        if (passed.node != 0 && best[ACTIVE].node == 0) {
            *out = passed; /* nobody else is there: better one in slow start than a standby */
            choice->passed_count = 0;
            choice->list_count = 0;
            return 1;
        }
        if (out->node == 0 || !mcmp__rank_passes(choice, out))
            return out->node != 0;
        if (choice->passed_count == MCMP__CHOICE_PASSED)
            return 1;
        if (passed.node == 0)
            passed = *out;
        choice->passed[choice->passed_count++] = out->node;
    }
}

/* May the plain case be tried? */
static inline int may_be_plain(const mcmp__choice *choice, const mcmp__set *set)
{
    return choice->policy == MCMP_POLICY_LBFACTOR && choice->tried_count == 0 &&
           choice->config->opts.slow_start <= 0 && set->enabled != 0 && set->groups == 1;
}

int mcmp__choice_make(mcmp__choice *choice, const mcmp__set *set, mcmp__runner *out)
{
    mcmp__member member;

    if (choice->only != 0)
        return mcmp__set_find(choice->rd, set, choice->only, &member) &&
               (member.status == MCMP_STATUS_ENABLED ||
                (member.status == MCMP_STATUS_DISABLED && choice->disabled_ok)) &&
               mcmp__choice_usable(choice, &member, out);
    if (may_be_plain(choice, set) && mcmp__plain_make(choice, set, out))
        return 1;
    if (set->enabled != 0 && best_of_range(choice, set, 0, set->enabled, out))
        return 1;
    return choice->disabled_ok && set->disabled != 0 &&
           best_of_range(choice, set, set->enabled, set->disabled, out);
}

void mcmp__choice_apply(const mcmp__choice *choice)
{
    for (uint32_t i = 0; i < choice->start_count; i++) {
        const mcmp__start *start = &choice->start[i];
        mcmp__live *live = mcmp__choice_live(choice, start->index);

        mcmp__share_start(&live->share, &live->carry, choice->period, start->share);
        mcmp__live_event(choice->cluster, start->node, MCMP__HEALTH_FRESH_DONE, 0, choice->now,
                         NULL, NULL);
    }
    for (uint32_t i = 0; i < choice->passed_count; i++) {
        uint32_t node = choice->passed[i];
        mcmp__live *live = mcmp__choice_live(choice, node);
        int load = mcmp__health_weight((uint32_t)mcmp__word_get(&live->health));

        mcmp__share_add(&live->share, &live->carry, choice->period, load > 0 ? load : 1);
    }
}
