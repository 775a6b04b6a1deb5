/* SPDX-License-Identifier: Apache-2.0 */
/* Process slots of the region: who counts where. Internal to the store's files. */
#ifndef MCMP__PROCESS_H
#define MCMP__PROCESS_H

#include "model/tx.h"

/* Take a slot for this process, if need be that of a dead one. MCMP_OK, MCMP_ERR_FULL */
int mcmp__process_claim(mcmp_cluster *cluster, mcmp_error *err);
void mcmp__process_leave(mcmp_cluster *cluster);
/* Give back what dead processes held; all: there can be no other process. */
void mcmp__process_sweep_all(mcmp_cluster *cluster, int all);
/* A live owner of a slot, or 0. */
uint64_t mcmp__process_find_live(const mcmp_cluster *cluster);

#endif
