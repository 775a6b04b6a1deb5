/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The OS layer: address space, the robust lock, processes. No state of its own, safe from any
 * thread.
 *
 * Anonymous pages come from mmap and not from apr_shm_create(): the region reserves far more
 * address space than it touches, which needs MAP_NORESERVE, and APR's pools want a process-wide
 * apr_initialize(), which a library must not force on its host (STYLE O4). The lock is a robust
 * mutex inside the region, since APR's lock hides the owner's death and can't be found by a process
 * that attaches; mcmp__lock_ops is the place for another kind.
 */
#include "base/os.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

size_t mcmp__os_page_size(void)
{
    long size = sysconf(_SC_PAGESIZE);

    return size > 0 ? (size_t)size : 4096;
}

int64_t mcmp__os_pid(void)
{
    return (int64_t)getpid();
}

int mcmp__os_pid_alive(int64_t pid)
{
    return kill((pid_t)pid, 0) == 0 || errno != ESRCH;
}

int mcmp__os_reserve(size_t size, int shared, void **out, mcmp_error *err)
{
    int flags = MAP_ANONYMOUS | MAP_NORESERVE | (shared ? MAP_SHARED : MAP_PRIVATE);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);

    if (memory == MAP_FAILED) {
        mcmp__fail_os(err, errno, "mmap");
        return mcmp__fail(err, MCMP_ERR_NOMEM, "max_contexts",
                          "no address space for a region of %zu bytes", size);
    }
    *out = memory;
    return MCMP_OK;
}

void mcmp__os_release(void *memory, size_t size)
{
    (void)munmap(memory, size);
}

static int robust_create(void *lock)
{
    pthread_mutexattr_t attr;
    int rc = pthread_mutexattr_init(&attr);

    if (rc != 0)
        return rc;
    rc = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    if (rc == 0)
        rc = pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    if (rc == 0)
        rc = pthread_mutex_init(lock, &attr);
    (void)pthread_mutexattr_destroy(&attr);
    return rc;
}

static int robust_acquire(void *lock)
{
    int rc = pthread_mutex_lock(lock);

    /* What the dead owner left is the caller's business: it looks at the journal every time. */
    if (rc == EOWNERDEAD)
        rc = pthread_mutex_consistent(lock);
    return rc;
}

static void robust_release(void *lock)
{
    (void)pthread_mutex_unlock(lock);
}

_Static_assert(sizeof(pthread_mutex_t) <= MCMP__LOCK_SIZE, "the region has room for the lock");

const mcmp__lock_ops mcmp__lock_robust = { sizeof(pthread_mutex_t), robust_create, robust_acquire,
                                           robust_release };
