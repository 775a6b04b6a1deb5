/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The OS layer as the core sees it: address space, locks between processes, processes. The only
 * part of the core that talks to the system; everything else is computing.
 */
#ifndef MCMP__OS_H
#define MCMP__OS_H

#include "base/base.h"

size_t mcmp__os_page_size(void);
int64_t mcmp__os_pid(void);
int mcmp__os_pid_alive(int64_t pid); /* 1 also when that can't be told */

/* Zeroed pages that cost memory only when touched; shared = children of fork see the same ones.
 * MCMP_OK, MCMP_ERR_NOMEM */
int mcmp__os_reserve(size_t size, int shared, void **out, mcmp_error *err);
void mcmp__os_release(void *memory, size_t size);

/* A lock in shared memory. Kinds differ in how they learn that an owner died; all of them give the
 * lock to the next one then. */
#define MCMP__LOCK_SIZE 128

typedef struct mcmp__lock_ops {
    size_t size;                /* of the lock, at most MCMP__LOCK_SIZE */
    int (*create)(void *lock);  /* 0, or an OS status; once per region */
    int (*acquire)(void *lock); /* 0, or an OS status; waits */
    void (*release)(void *lock);
} mcmp__lock_ops;

typedef struct mcmp__lock {
    const mcmp__lock_ops *ops;
    void *memory;
} mcmp__lock;

extern const mcmp__lock_ops mcmp__lock_robust;

#endif
