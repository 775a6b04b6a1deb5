/* SPDX-License-Identifier: Apache-2.0 */
/* What operators do with a named segment while no server of ours is to start. */
#ifndef SERVER_SEGMENT_H
#define SERVER_SEGMENT_H

#include "config.h"

/* Check the whole state and print the figures; servers that use it go on. Exit code. */
int segment_check(const struct config *config);
/* Remove a segment that nobody uses. Exit code. */
int segment_remove(const struct config *config);

#endif
