/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The choice of nearly every request in few steps: the measure of MCMP 5.6, and every member that
 * is looked at is active, with nothing tried, starting or in slow start.
 */
#ifndef MCMP__LB_PLAIN_H
#define MCMP__LB_PLAIN_H

#include "lb/choice.h"

/* 1 and what choice.c would choose of the ENABLED members of the one group; 0 when some member is
 * another case, with the choice as it was. */
int mcmp__plain_make(mcmp__choice *choice, const mcmp__set *set, mcmp__runner *out);

#endif
