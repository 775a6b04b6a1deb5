/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images: the region as a killed process would leave it, copied into a region of its own, to which
 * a cluster is attached that repairs it and looks at it from all sides.
 */
#ifndef MCMP_TORTURE_IMAGE_H
#define MCMP_TORTURE_IMAGE_H

#include "world.h"

typedef struct image {
    world world; /* attached to the copy */
    void *memory;
    size_t size;
} image;

/* What the published copy may hold: nothing else, and never `before` once `after` was seen. */
typedef struct image_states {
    uint64_t before;
    uint64_t after;
    int is_after; /* seen */
} image_states;

void image_open(image *im, int tight);
void image_close(image *im);

/* Copies a region of the same options. victim: thread id of who would be dead, or 0. */
void image_take(image *im, const mcmp_cluster *from, pid_t victim);
/* What the kernel does to a robust mutex whose owner dies. 0: not on this system. */
int image_bury(mcmp_cluster *cluster, pid_t victim);

/* A number for everything in the published copy. */
uint64_t image_digest(const mcmp_cluster *cluster);
/* The same of the copy of one version. */
uint64_t image_digest_of(const mcmp_cluster *cluster, uint64_t version);

/* Looks at a region after a death, repairs and checks it. 0, or -1 after torture_fail(). */
int image_check(torture *t, world *w, image_states *states, const char *what);

#endif
