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

#include "base/atomic.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define START_MASK UINT64_C(0x7fffffff)
#define WAIT_TURN 5000000 /* ns */

size_t mcmp__os_page_size(void)
{
    long size = sysconf(_SC_PAGESIZE);

    return size > 0 ? (size_t)size : 4096;
}

int64_t mcmp__os_pid(void)
{
    return (int64_t)getpid();
}

/* Fields of /proc/<pid>/stat behind the name, which may hold anything: state is number 0. */
#define STAT_THREADS 17
#define STAT_START 19

typedef struct process_stat {
    char state; /* 0 = not known */
    uint64_t threads;
    uint64_t start;
} process_stat;

static void read_stat(uint32_t pid, process_stat *out)
{
    char text[1024];
    const char *at;
    ssize_t got;
    int fd;

    memset(out, 0, sizeof(*out));
    (void)snprintf(text, sizeof(text), "/proc/%u/stat", pid);
    fd = open(text, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    got = read(fd, text, sizeof(text) - 1);
    (void)close(fd);
    text[got > 0 ? got : 0] = '\0';
    at = strrchr(text, ')');
    if (at == NULL || at[1] != ' ')
        return;
    out->state = at[2];
    at += 2;
    for (int field = 0; at != NULL && field <= STAT_START; field++) {
        uint64_t value = 0;

        for (; *at >= '0' && *at <= '9'; at++)
            value = value * 10 + (uint64_t)(*at - '0');
        if (field == STAT_THREADS)
            out->threads = value;
        if (field == STAT_START)
            out->start = value & START_MASK;
        at = strchr(at, ' ');
        at = at != NULL ? at + 1 : NULL;
    }
}

uint64_t mcmp__os_self(void)
{
    uint32_t pid = (uint32_t)getpid();
    process_stat stat;

    read_stat(pid, &stat);
    return pid | stat.start << 32;
}

enum mcmp__process_state mcmp__os_process_state(uint64_t process)
{
    uint32_t pid = (uint32_t)process;
    uint64_t start = process >> 32 & START_MASK;
    process_stat stat;

    if (pid > INT32_MAX)
        return MCMP__PROCESS_UNSURE;
    if (pid == 0 || (kill((pid_t)pid, 0) != 0 && errno == ESRCH))
        return MCMP__PROCESS_GONE;
    read_stat(pid, &stat);
    if (start != 0 && stat.start != 0 && stat.start != start)
        return MCMP__PROCESS_GONE; /* the pid is another one's now */
    /* Dead and not waited for: nothing of it runs any more. A process whose first thread alone has
     * ended looks the same but for the number of its threads. */
    if ((stat.state == 'Z' || stat.state == 'X') && stat.threads <= 1)
        return MCMP__PROCESS_GONE;
    return start != 0 && stat.start != 0 ? MCMP__PROCESS_ALIVE : MCMP__PROCESS_UNSURE;
}

uint64_t mcmp__os_pid_space(void)
{
    struct stat space;

    return stat("/proc/self/ns/pid", &space) == 0 ? (uint64_t)space.st_ino : 0;
}

void mcmp__os_pause(void)
{
    const struct timespec ms = { 0, 1000000 };

    (void)nanosleep(&ms, NULL);
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

/* What the dead owner left is the caller's business: it looks at the journal every time. */
static int take_over(void *lock, int rc)
{
    return rc == EOWNERDEAD ? pthread_mutex_consistent(lock) : rc;
}

/* Waits in turns. A waiter that is killed right after it was woken takes the wake-up with it when
 * somebody else has got the lock meanwhile: those who still wait would sleep until the next time
 * that two meet, however free the lock is. */
static int wait_in_turns(pthread_mutex_t *lock)
{
#ifdef MCMP__TSAN /* knows no dead owner from pthread_mutex_timedlock() */
    struct timespec turn = { 0, WAIT_TURN };
    int rc;

    while ((rc = pthread_mutex_trylock(lock)) == EBUSY)
        (void)nanosleep(&turn, NULL);
    return rc;
#else
    struct timespec until;
    int rc;

    do {
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += WAIT_TURN;
        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }
        rc = pthread_mutex_timedlock(lock, &until);
    } while (rc == ETIMEDOUT);
    return rc;
#endif
}

static int robust_acquire(void *lock)
{
    int rc = pthread_mutex_trylock(lock);

    return take_over(lock, rc == EBUSY ? wait_in_turns(lock) : rc);
}

static int robust_acquire_within(void *lock, uint32_t ms)
{
    int rc = pthread_mutex_trylock(lock);

    for (; rc == EBUSY && ms > 0; ms--) {
        mcmp__os_pause();
        rc = pthread_mutex_trylock(lock);
    }
    return rc == EBUSY ? ETIMEDOUT : take_over(lock, rc);
}

/* A new mutex is zero but for what says of which kind it is, and that never changes. */
static int robust_is_sound(const void *lock)
{
    union {
        pthread_mutex_t mutex;
        uint32_t words[MCMP__LOCK_SIZE / 4];
    } fresh;
    const _Atomic uint32_t *words = lock;
    int sound = 1;

    memset(&fresh, 0, sizeof(fresh));
    if (robust_create(&fresh) != 0)
        return 0;
    for (size_t i = 0; i < sizeof(fresh.mutex) / 4; i++)
        sound &= fresh.words[i] == 0 ||
                 fresh.words[i] == atomic_load_explicit(&words[i], memory_order_relaxed);
    (void)pthread_mutex_destroy(&fresh.mutex);
    return sound;
}

static void robust_release(void *lock)
{
    (void)pthread_mutex_unlock(lock);
}

_Static_assert(sizeof(pthread_mutex_t) <= MCMP__LOCK_SIZE, "the region has room for the lock");

const mcmp__lock_ops mcmp__lock_robust = {
    sizeof(pthread_mutex_t), robust_create,   robust_acquire,
    robust_acquire_within,   robust_is_sound, robust_release,
};
