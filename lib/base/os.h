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

/* Who a process is: pid | start << 32, below 2^63 and never 0. start is its start time cut to 31
 * bits, or 0 where the system does not tell it, so that a pid in use again is another process. With
 * MCMP__PROCESS_FOREIGN it is of another pid namespace, and nothing can be told of it. */
#define MCMP__PROCESS_FOREIGN (UINT64_C(1) << 31)
enum mcmp__process_state { MCMP__PROCESS_GONE, MCMP__PROCESS_ALIVE, MCMP__PROCESS_UNSURE };

uint64_t mcmp__os_self(void);
enum mcmp__process_state mcmp__os_process_state(uint64_t process);
uint64_t mcmp__os_pid_space(void); /* pids mean the same where this is the same; 0 = not known */

/* Zeroed pages that cost memory only when touched; shared = children of fork see the same ones.
 * MCMP_OK, MCMP_ERR_NOMEM */
int mcmp__os_reserve(size_t size, int shared, void **out, mcmp_error *err);
void mcmp__os_release(void *memory, size_t size);
void mcmp__os_pause(void); /* a millisecond; opening and attaching only, nothing else waits */

/* A lock in shared memory. Kinds differ in how they learn that an owner died; all of them give the
 * lock to the next one then. */
#define MCMP__LOCK_SIZE 128

typedef struct mcmp__lock_ops {
    size_t size;                                    /* of the lock, at most MCMP__LOCK_SIZE */
    int (*create)(void *lock);                      /* 0, or an OS status; once per region */
    int (*acquire)(void *lock);                     /* 0, or an OS status; waits */
    int (*acquire_within)(void *lock, uint32_t ms); /* the same, or ETIMEDOUT */
    int (*is_sound)(const void *lock);              /* 0: what stands there can't be such a lock */
    void (*release)(void *lock);
} mcmp__lock_ops;

typedef struct mcmp__lock {
    const mcmp__lock_ops *ops;
    void *memory;
} mcmp__lock;

extern const mcmp__lock_ops mcmp__lock_robust;

/* Named shared memory (segment_apr.c): a file that lives in memory, named without its prefix. Who
 * uses it holds a lock of the system on it, which is let go when the last process that inherited
 * the descriptor ends, however it ends. */
#define MCMP__SEGMENT_READ 0u  /* an existing one, read-only */
#define MCMP__SEGMENT_WRITE 1u /* an existing one */
#define MCMP__SEGMENT_NEW 2u   /* one that does not exist */

typedef struct mcmp__segment_stat {
    uint64_t size;         /* bytes */
    uint64_t owner;        /* user id */
    uint32_t mode;         /* permission bits */
    uint32_t is_memory;    /* a plain file of the system's shared memory */
    uint32_t is_linked;    /* the name still leads to it, or may */
    uint32_t is_untouched; /* nothing was ever written to it */
} mcmp__segment_stat;

/* MCMP_OK, MCMP_ERR_NOT_FOUND (no such name), MCMP_ERR_STATE (NEW: it exists), MCMP_ERR_OS */
int mcmp__os_segment_open(const char *name, uint32_t how, int *out, mcmp_error *err);
int mcmp__os_segment_stat(int fd, mcmp__segment_stat *out, mcmp_error *err);
/* 1 = locked, 0 = others hold it; a lock that is held is changed. */
int mcmp__os_segment_lock(int fd, int exclusive);
void mcmp__os_segment_unlock(int fd);
/* Copies out without touching pages that were never written. Bytes read, or -1. */
int64_t mcmp__os_segment_peek(int fd, uint64_t offset, void *out, size_t size);
/* Where the first memory at or after the offset is that was ever touched; -1 = nowhere, or that
 * can't be told. */
int64_t mcmp__os_segment_touched(int fd, uint64_t offset);
/* Empty, then of this size, all zero and without memory of its own. MCMP_ERR_OS: `need` bytes are
 * not free, or the size is refused. */
int mcmp__os_segment_reset(int fd, uint64_t size, uint64_t need, mcmp_error *err);
int mcmp__os_segment_map(int fd, size_t size, int writable, void **out, mcmp_error *err);
void mcmp__os_segment_close(int fd);
int mcmp__os_segment_unlink(const char *name, mcmp_error *err);
uint64_t mcmp__os_user(void); /* effective user id */

#endif
