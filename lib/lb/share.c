/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing side of the measure of MCMP 5.6. Two words are changed one after the other; a process
 * killed in between leaves a carry that is one period old, which the next roll forgets.
 */
#include "share.h"

void mcmp__share_add(mcmp__word *share, mcmp__word *carry, uint32_t period, int load)
{
    uint64_t word = mcmp__word_get(share);

    for (;;) {
        uint64_t picks = word & MCMP__SHARE_PICK_MASK;
        uint64_t before = mcmp__word_get(carry);
        uint32_t gone = mcmp__share_gone(word, period);
        uint64_t next = word + (picks != MCMP__SHARE_PICK_MASK);

        if (gone != 0 || picks == 0)
            next = (uint64_t)period << MCMP__SHARE_PICKS | 1;
        if (mcmp__word_swap(share, &word, next)) {
            if (gone != 0)
                mcmp__word_set(carry, mcmp__share_roll(picks, before, gone, load));
            return;
        }
    }
}

void mcmp__share_start(mcmp__word *share, mcmp__word *carry, uint32_t period, mcmp__share start)
{
    mcmp__word_set(carry, start.carry);
    mcmp__word_set(share, (uint64_t)period << MCMP__SHARE_PICKS |
                              MCMP__MIN(start.picks, MCMP__SHARE_PICK_MASK));
}
