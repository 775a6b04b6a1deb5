/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images: the region as a killed process would leave it, copied into a region of its own, to which
 * a cluster is attached that repairs it and looks at it from all sides.
 */
#ifndef MCMP_TORTURE_IMAGE_H
#define MCMP_TORTURE_IMAGE_H

#include "told.h"

typedef struct image {
    world world; /* attached to the copy */
    void *memory;
    size_t size;
} image;

#define IMAGE_STATES 64u

/* What can be seen between two calls of the library. */
typedef struct image_state {
    uint64_t digest; /* of the published copy */
    uint64_t health; /* of its nodes; only with a ring, without one it changes by itself */
    uint64_t last;   /* number of the last change for observers */
} image_state;

/* The states that an act goes through: nothing else may be seen, and none again that was left. */
typedef struct image_states {
    image_state state[IMAGE_STATES];
    uint32_t count;
    uint32_t at;    /* the one that was seen last */
    uint32_t limit; /* the last one that may be seen */
    told_table *told;
} image_states;

void image_open(image *im, uint32_t kind);
void image_close(image *im);

/* Copies a region of the same options. victim: thread id of who would be dead, or 0. */
void image_take(image *im, const mcmp_cluster *from, pid_t victim);
/* What the kernel does to a robust mutex whose owner dies. 0: not on this system. */
int image_bury(mcmp_cluster *cluster, pid_t victim);

/* A number for everything in the published copy. */
uint64_t image_digest(const mcmp_cluster *cluster);
/* The same of the copy of one version. */
uint64_t image_digest_of(const mcmp_cluster *cluster, uint64_t version);

/* Begins with the state of now. */
void image_begin(image_states *states, told_table *told, const world *w);
/* Adds the state of now, if it is another one. Returns 0 when there is no room. */
int image_note(image_states *states, const world *w);

/* After a death: which state is published, and which is the last that the repair may lead to? 0, or
 * -1 after torture_fail(). */
int image_death(torture *t, world *w, image_states *states, const char *what);
/* Looks at a region after a death, repairs and checks it. 0, or -1 after torture_fail(). */
int image_check(torture *t, world *w, image_states *states, const char *what);

#endif
