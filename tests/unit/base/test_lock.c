/* SPDX-License-Identifier: Apache-2.0 */
/* The robust lock of the region: what waits gets it, whatever became of a wake-up. */
#include "base/os.h"

#include "support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#if defined(__linux__) && defined(__GLIBC__) && !defined(__SANITIZE_THREAD__)
#include <linux/futex.h>

typedef struct waiter {
    pthread_mutex_t lock;
    _Atomic int got;
} waiter;

static void *wait_for_lock(void *arg)
{
    waiter *w = arg;

    ck_assert_int_eq(mcmp__lock_robust.acquire(&w->lock), 0);
    mcmp__lock_robust.release(&w->lock);
    atomic_store(&w->got, 1);
    return NULL;
}

static uint32_t word_of(waiter *w)
{
    return __atomic_load_n((uint32_t *)&w->lock.__data.__lock, __ATOMIC_ACQUIRE);
}

static int out_of_time(time_t end)
{
    return time(NULL) > end;
}

/* A waiter was woken and killed while somebody else took the lock: whoever still waits is not
 * marked in the lock any more, and its release wakes nobody. */
START_TEST(who_waits_gets_a_lock_whose_wake_up_was_lost)
{
    time_t end = time(NULL) + 20;
    pthread_t thread;
    waiter w = { .got = 0 };

    ck_assert_int_eq(mcmp__lock_robust.create(&w.lock), 0);
    ck_assert_int_eq(mcmp__lock_robust.acquire(&w.lock), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, wait_for_lock, &w), 0);
    while ((word_of(&w) & FUTEX_WAITERS) == 0)
        ck_assert(!out_of_time(end));
    __atomic_and_fetch((uint32_t *)&w.lock.__data.__lock, ~(uint32_t)FUTEX_WAITERS,
                       __ATOMIC_ACQ_REL);
    mcmp__lock_robust.release(&w.lock);
    while (atomic_load(&w.got) == 0)
        ck_assert_msg(!out_of_time(end), "the lock is free, but nobody takes it");
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

int main(void)
{
    const TTest *tests[] = { who_waits_gets_a_lock_whose_wake_up_was_lost };

    return run_tests("lock", tests, COUNT_OF(tests));
}
#else
int main(void)
{
    return 0; /* the inside of the lock is not known here */
}
#endif
