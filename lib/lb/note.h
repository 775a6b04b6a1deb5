/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health events of the balancer: change the word, and log a change of state once.
 */
#ifndef MCMP__LB_NOTE_H
#define MCMP__LB_NOTE_H

#include "base/health.h"
#include "model/read.h"

/* Outside read sections. MCMP_OK, or MCMP_ERR_STALE when the handle's node is gone. */
int mcmp__note_event(mcmp_cluster *cluster, mcmp_handle node, mcmp__health_event event,
                     mcmp_time now);

/* Takes the node out after so many failed probes. MCMP_OK, MCMP_ERR_STALE, MCMP_ERR_OS. */
int mcmp__note_expiry(mcmp_cluster *cluster, mcmp_handle node, uint64_t failed, mcmp_time now,
                      mcmp_error *err);

#endif
