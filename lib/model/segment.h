/* SPDX-License-Identifier: Apache-2.0 */
/* Named segments on their way to a handle; internal to the store's files. */
#ifndef MCMP__SEGMENT_H
#define MCMP__SEGMENT_H

#include "model/layout.h"

typedef struct mcmp__segment {
    int fd;
    uint32_t create; /* there is nothing in it yet */
    uint32_t alone; /* no other process is attached, and none can attach until mcmp__segment_keep */
    uint64_t size;
} mcmp__segment;

/* 1..MCMP_SEGMENT_NAME_MAX of the characters allowed */
int mcmp__segment_name_check(const char *name, mcmp_error *err);

/* Find or make the file and hold its lock: alone, or beside others that are attached to a finished
 * region. Everything about the file but its size is checked. Limits that the options may leave open
 * are taken from its header. */
int mcmp__segment_find(mcmp__segment *segment, mcmp_cluster *cluster,
                       const mcmp_cluster_options *opts, mcmp_error *err);
/* The right size for the cluster's layout, mapped. */
int mcmp__segment_map(mcmp__segment *segment, mcmp_cluster *cluster, mcmp_error *err);
/* Others may attach from here on; they wait for the end of the first one's preparations. */
int mcmp__segment_keep(mcmp__segment *segment, mcmp_cluster *cluster, mcmp_error *err);

#endif
