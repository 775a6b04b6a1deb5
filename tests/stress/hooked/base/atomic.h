/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands before lib/base/atomic.h in the search path of the torture's own build of the library: the
 * same header, but every store into a shared word, also those that a call of <stdatomic.h> makes
 * directly, announces its address first. So a test can stop or kill at each of them, new ones
 * included, and the library's sources know nothing of it. A type that is missing below does not
 * compile.
 */
#ifndef MCMP_HOOKED_ATOMIC_H
#define MCMP_HOOKED_ATOMIC_H

#include <stdatomic.h>
#include <stdint.h>

/* Called before the store; see hook.c. */
void mcmp_torture_store(const volatile void *at);

#define HOOKED(type, bits)                                                                  \
    static inline void hooked_store##bits(_Atomic type *at, type value, memory_order order) \
    {                                                                                       \
        mcmp_torture_store(at);                                                             \
        atomic_store_explicit(at, value, order);                                            \
    }                                                                                       \
    static inline type hooked_add##bits(_Atomic type *at, type value, memory_order order)   \
    {                                                                                       \
        mcmp_torture_store(at);                                                             \
        return atomic_fetch_add_explicit(at, value, order);                                 \
    }                                                                                       \
    static inline int hooked_swap##bits(_Atomic type *at, type *expected, type value,       \
                                        memory_order order, memory_order failed)            \
    {                                                                                       \
        mcmp_torture_store(at);                                                             \
        return atomic_compare_exchange_strong_explicit(at, expected, value, order, failed); \
    }                                                                                       \
    static inline int hooked_weak##bits(_Atomic type *at, type *expected, type value,       \
                                        memory_order order, memory_order failed)            \
    {                                                                                       \
        mcmp_torture_store(at);                                                             \
        return atomic_compare_exchange_weak_explicit(at, expected, value, order, failed);   \
    }

HOOKED(uint64_t, 64)
HOOKED(uint32_t, 32)

static inline uint64_t hooked_or64(_Atomic uint64_t *at, uint64_t value, memory_order order)
{
    mcmp_torture_store(at);
    return atomic_fetch_or_explicit(at, value, order);
}

static inline uint64_t hooked_and64(_Atomic uint64_t *at, uint64_t value, memory_order order)
{
    mcmp_torture_store(at);
    return atomic_fetch_and_explicit(at, value, order);
}

#define HOOKED_OF(at, what) \
    _Generic((at), _Atomic uint64_t * : hooked_##what##64, _Atomic uint32_t * : hooked_##what##32)

#undef atomic_store_explicit
#undef atomic_fetch_add_explicit
#undef atomic_fetch_or_explicit
#undef atomic_fetch_and_explicit
#undef atomic_compare_exchange_strong_explicit
#undef atomic_compare_exchange_weak_explicit
#define atomic_store_explicit(at, value, order) HOOKED_OF(at, store)((at), (value), (order))
#define atomic_fetch_add_explicit(at, value, order) HOOKED_OF(at, add)((at), (value), (order))
#define atomic_fetch_or_explicit(at, value, order) hooked_or64((at), (value), (order))
#define atomic_fetch_and_explicit(at, value, order) hooked_and64((at), (value), (order))
#define atomic_compare_exchange_strong_explicit(at, expected, value, order, failed) \
    HOOKED_OF(at, swap)((at), (expected), (value), (order), (failed))
#define atomic_compare_exchange_weak_explicit(at, expected, value, order, failed) \
    HOOKED_OF(at, weak)((at), (expected), (value), (order), (failed))

/* The forms without a hook are taken away, so that none is used unseen. */
#undef atomic_store
#undef atomic_exchange
#undef atomic_exchange_explicit
#undef atomic_fetch_add
#undef atomic_fetch_sub
#undef atomic_fetch_sub_explicit
#undef atomic_fetch_or
#undef atomic_fetch_and
#undef atomic_fetch_xor
#undef atomic_fetch_xor_explicit
#undef atomic_compare_exchange_strong
#undef atomic_compare_exchange_weak

#include MCMP_HOOKED_REAL

#endif
