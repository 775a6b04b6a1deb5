/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each policy thinks of one usable member: the measure it goes by, start values of nodes that
 * have just joined, and slow start.
 */
#ifndef MCMP__LB_RANK_H
#define MCMP__LB_RANK_H

#include "lb/choice.h"

/* The measure of a policy other than that of MCMP 5.6; value and ramp are filled. */
uint64_t mcmp__rank_measure(mcmp__choice *choice, const mcmp__runner *runner);
/* How far the node has come in slow start, of MCMP__FULL_RAMP. */
uint32_t mcmp__rank_ramp(const mcmp__choice *choice, const mcmp__live *live);
/* The start of a node that has just become active, noted for mcmp__choice_apply(). */
mcmp__share mcmp__rank_start(mcmp__choice *choice, const mcmp__runner *runner);
/* Turns the sums of a scan into the mean from which fresh members start. */
void mcmp__rank_mean(mcmp__choice *choice);
/* 1 when the chosen one is in slow start and not yet due for a pick. */
int mcmp__rank_passes(const mcmp__choice *choice, const mcmp__runner *runner);

#endif
