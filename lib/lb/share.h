/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The measure of MCMP 5.6: `E * 1000 / L + carry`, from two live words per node. Time is cut into
 * periods; a word names the period its picks belong to, so that whoever meets an old one rolls it
 * and no timer is needed.
 *
 * share: period << 40 | picks of that period (E)
 * carry: value at the end of the period before
 *
 * Of the carry only half goes over into the next one: the rule of the protocol when each period
 * starts even, but what happened long ago fades, values stay bounded, and differences die out
 * instead of swinging from period to period. Pure but for mcmp__share_add(), which swaps words.
 */
#ifndef MCMP__LB_SHARE_H
#define MCMP__LB_SHARE_H

#include "base/atomic.h"
#include "base/base.h"

#define MCMP__SHARE_PICKS 40 /* bits of the picks; the other 24 are the period */
#define MCMP__SHARE_PICK_MASK ((UINT64_C(1) << MCMP__SHARE_PICKS) - 1)
#define MCMP__SHARE_PERIOD_MASK 0xffffffu

/* The parts of a node's value as of a period. */
typedef struct mcmp__share {
    uint64_t picks; /* E */
    uint64_t carry;
} mcmp__share;

/* A length of MCMP_NEVER makes one period of all time. */
static inline uint32_t mcmp__share_period(mcmp_time now, mcmp_time length)
{
    return length <= 0 ? 0 : (uint32_t)((uint64_t)now / (uint64_t)length) & MCMP__SHARE_PERIOD_MASK;
}

/* Half of the old carry and the finished period's picks, halved again for each idle period
 * since. */
static inline uint64_t mcmp__share_roll(uint64_t picks, uint64_t carry, uint32_t periods, int load)
{
    uint64_t value = picks * 1000 / (uint64_t)load + carry / 2;

    return periods > 63 ? 0 : value >> (periods - 1);
}

/* Periods that ended since the word's; 0 also for a reader whose clock is a little behind. */
static inline uint32_t mcmp__share_gone(uint64_t word, uint32_t period)
{
    uint32_t gone = (period - (uint32_t)(word >> MCMP__SHARE_PICKS)) & MCMP__SHARE_PERIOD_MASK;

    return gone <= MCMP__SHARE_PERIOD_MASK / 2 ? gone : 0;
}

/* The parts as they count in the period. */
static inline mcmp__share mcmp__share_read(uint64_t word, uint64_t carry, uint32_t period, int load)
{
    uint32_t gone = mcmp__share_gone(word, period);
    mcmp__share out = { word & MCMP__SHARE_PICK_MASK, carry };

    if (gone != 0) {
        out.carry = mcmp__share_roll(out.picks, carry, gone, load);
        out.picks = 0;
    }
    return out;
}

static inline uint64_t mcmp__share_value(mcmp__share share, int load)
{
    return share.picks * 1000 / (uint64_t)load + share.carry;
}

/* Count one pick. Rolls the period first when it is over: the swap of the word decides who does. */
void mcmp__share_add(mcmp__word *share, mcmp__word *carry, uint32_t period, int load);
/* Put a node at the given start, as one that joins its peers (PEER, MCMP 5.6). */
void mcmp__share_start(mcmp__word *share, mcmp__word *carry, uint32_t period, mcmp__share start);

#endif
