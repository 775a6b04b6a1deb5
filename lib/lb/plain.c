/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plain choice: members are looked at where they stand, and any that is not as it mostly is
 * ends it, so that the scan of choice.c looks at all of them with all its rules. Each step counts
 * here, since up to MCMP__CHOICE_WHOLE members are looked at for a request.
 */
#include "plain.h"

#include "base/compiler.h"
#include "base/health.h"

typedef struct plain_scan {
    mcmp__read *rd;
    const mcmp__set *set;
    const mcmp__live *live;
    uint32_t slots; /* rows of it */
    uint32_t period;
    uint64_t now; /* a share word without picks in this period */
    uint64_t ids; /* the bits of ids that count; with none ties stay with who was seen first */

    /* the best one so far */
    uint64_t value;
    uint64_t id;
    uint64_t member; /* seat << 32 | node; 0 = none */
} plain_scan;

/* The Load of a plain member: its health has no other bits but these. */
static inline uint64_t plain_load(const mcmp__live *live)
{
    return mcmp__word_get(&live->health) & (UINT32_MAX ^ MCMP__HEALTH_PROVEN);
}

/* The value of a node whose word may be of another period. */
static MCMP__APART uint64_t rolled_value(const mcmp__live *live, uint32_t period, int load)
{
    uint64_t word = mcmp__word_get(&live->share);

    return mcmp__share_value(mcmp__share_read(word, mcmp__word_get(&live->carry), period, load),
                             load);
}

static inline uint64_t value_of(const plain_scan *scan, const mcmp__live *live, uint64_t load)
{
    uint64_t picks = mcmp__word_get(&live->share) - scan->now;

    if (picks > MCMP__SHARE_PICK_MASK)
        return rolled_value(live, scan->period, (int)load);
    return picks * 1000 / load + mcmp__word_get(&live->carry);
}

/* 0: the member is another case. */
static inline int look_at_one(plain_scan *scan, uint64_t member)
{
    uint32_t node = (uint32_t)member;
    const mcmp__live *live;
    uint64_t load, value, id;

    if (node >= scan->slots)
        return 0;
    live = &scan->live[node];
    load = plain_load(live);
    if (load - 1 >= INT8_MAX)
        return 0;
    value = value_of(scan, live, load);
    if (value > scan->value)
        return 1;
    id = mcmp__word_get(&live->id) & scan->ids;
    if (value == scan->value && id >= scan->id)
        return 1;
    scan->value = value;
    scan->id = id;
    scan->member = member;
    return 1;
}

/* Members that stand side by side. 0: one of them is another case. */
static inline int look_at_run(plain_scan *scan, const mcmp__word *at, const mcmp__word *end)
{
    for (; at < end; at++)
        if (!look_at_one(scan, mcmp__data_get(at)))
            return 0;
    return 1;
}

static int look_at(plain_scan *scan, uint32_t from, uint32_t count)
{
    uint32_t end = from + count;

    while (from < end) {
        mcmp__run run = mcmp__set_run(scan->rd, scan->set, from);
        uint32_t n = MCMP__MIN(run.count, end - from);

        if (!look_at_run(scan, run.at, run.at + n))
            return 0;
        from += n;
    }
    return 1;
}

/* Adds the members of a window, which may go on in another leaf. */
static inline uint32_t take_window(const plain_scan *scan, mcmp__window window, uint64_t *out,
                                   uint32_t n)
{
    while (window.count > 0) {
        mcmp__run run = mcmp__set_run(scan->rd, scan->set, window.from);
        uint32_t some = MCMP__MIN(run.count, window.count);

        for (uint32_t i = 0; i < some; i++) {
            out[n] = mcmp__data_get(run.at + i);
            if ((uint32_t)out[n] < scan->slots)
                MCMP__SOON_READ(&scan->live[(uint32_t)out[n]]);
            n++;
        }
        window.from += some;
        window.count -= some;
    }
    return n;
}

/* Of the members of random windows all live rows are asked for before the first is looked at. */
static int look_at_windows(plain_scan *scan, mcmp__choice *choice)
{
    uint64_t random = choice->random;
    mcmp__window windows[4];
    uint32_t count = mcmp__choice_windows(choice, scan->set->enabled, windows);
    uint64_t members[MCMP__WINDOWS_HOLD];
    uint32_t n = 0;

    for (uint32_t i = 0; i < count; i++)
        n = take_window(scan, windows[i], members, n);
    for (uint32_t i = 0; i < n; i++) {
        if (look_at_one(scan, members[i]))
            continue;
        choice->random = random; /* the same again: who starts there must get its start */
        return 0;
    }
    return 1;
}

static int look(plain_scan *scan, mcmp__choice *choice)
{
    choice->ordered = scan->set->enabled <= MCMP__CHOICE_WHOLE;
    scan->ids = choice->ordered ? UINT64_MAX : 0;
    if (choice->ordered)
        return look_at(scan, 0, scan->set->enabled);
    return look_at_windows(scan, choice);
}

int mcmp__plain_make(mcmp__choice *choice, const mcmp__set *set, mcmp__runner *out)
{
    plain_scan scan = {
        .rd = choice->rd,
        .set = set,
        .live = choice->local->live,
        .slots = choice->local->node_slots,
        .period = choice->period,
        .now = (uint64_t)choice->period << MCMP__SHARE_PICKS,
        .value = UINT64_MAX,
    };

    if (!look(&scan, choice))
        return 0;
    out->node = (uint32_t)scan.member;
    out->seat = (uint32_t)(scan.member >> 32);
    out->status = MCMP_STATUS_ENABLED;
    out->health = (uint32_t)mcmp__word_get(&mcmp__choice_live(choice, out->node)->health);
    out->load = mcmp__health_weight(out->health);
    out->measure = scan.value;
    out->value = scan.value;
    out->ramp = MCMP__FULL_RAMP;
    return 1;
}
