/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words that several threads or processes share: 64-bit C11 atomics, the only way the region is
 * read or written (DESIGN 3, P7). Order comes from the places that say so, not from these calls:
 * get, set and add are relaxed. Builds for ThreadSanitizer, which knows no fences, order each word
 * instead of the fence (mcmp__data_get, mcmp__data_set and the fences of the publication).
 */
#ifndef MCMP__ATOMIC_H
#define MCMP__ATOMIC_H

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint64_t mcmp__word;

#if defined(__SANITIZE_THREAD__)
#define MCMP__TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MCMP__TSAN 1
#endif
#endif

static inline uint64_t mcmp__word_get(const mcmp__word *w)
{
    return atomic_load_explicit(w, memory_order_relaxed);
}

static inline void mcmp__word_set(mcmp__word *w, uint64_t value)
{
    atomic_store_explicit(w, value, memory_order_relaxed);
}

static inline uint64_t mcmp__word_add(mcmp__word *w, uint64_t value)
{
    return atomic_fetch_add_explicit(w, value, memory_order_relaxed);
}

/* 1 when *w was *expected and now is value; else *expected is what was there. */
static inline int mcmp__word_swap(mcmp__word *w, uint64_t *expected, uint64_t value)
{
    return atomic_compare_exchange_strong_explicit(w, expected, value, memory_order_acq_rel,
                                                   memory_order_relaxed);
}

/* A word of a copy, on the reader's side: all of them come before mcmp__fence_read(). */
static inline uint64_t mcmp__data_get(const mcmp__word *w)
{
#ifdef MCMP__TSAN
    return atomic_load_explicit(w, memory_order_acquire);
#else
    return atomic_load_explicit(w, memory_order_relaxed);
#endif
}

/* A word of a copy, on the writer's side: all of them come after mcmp__fence_write(). */
static inline void mcmp__data_set(mcmp__word *w, uint64_t value)
{
#ifdef MCMP__TSAN
    atomic_store_explicit(w, value, memory_order_release);
#else
    atomic_store_explicit(w, value, memory_order_relaxed);
#endif
}

static inline void mcmp__fence_read(void)
{
#ifndef MCMP__TSAN
    atomic_thread_fence(memory_order_acquire);
#endif
}

static inline void mcmp__fence_write(void)
{
#ifndef MCMP__TSAN
    atomic_thread_fence(memory_order_release);
#endif
}

#endif
