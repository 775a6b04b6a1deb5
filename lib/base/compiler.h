/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the language does not have, with a portable form beside it (STYLE C1). Nothing outside of
 * this file asks for a compiler or a processor.
 */
#ifndef MCMP__COMPILER_H
#define MCMP__COMPILER_H

#include <stdint.h>

/* A function that is seldom called, kept apart so that its caller needs no room for it. */
#if defined(__GNUC__)
#define MCMP__COLD __attribute__((noinline, cold))
#else
#define MCMP__COLD
#endif

/* A function kept apart, so that the loop that calls it at times has its registers for itself. */
#if defined(__GNUC__)
#define MCMP__APART __attribute__((noinline))
#else
#define MCMP__APART
#endif

/* A small function that is a part of each caller, whatever their number. */
#if defined(__GNUC__)
#define MCMP__PART inline __attribute__((always_inline))
#else
#define MCMP__PART inline
#endif

/* Memory that will be read, or written, in a moment: so that several waits for it are one. Any
 * address will do. */
#if defined(__GNUC__)
#define MCMP__SOON_READ(at) __builtin_prefetch((const void *)(at), 0)
#define MCMP__SOON_WRITTEN(at) __builtin_prefetch((const void *)(at), 1)
#else
#define MCMP__SOON_READ(at) ((void)(at))
#define MCMP__SOON_WRITTEN(at) ((void)(at))
#endif

/* Index of the lowest bit set; mask is not 0. */
static inline unsigned mcmp__lowest_bit(uint32_t mask)
{
#if defined(__GNUC__)
    return (unsigned)__builtin_ctz(mask);
#else
    unsigned at = 0;

    for (; (mask & 1) == 0; mask >>= 1)
        at++;
    return at;
#endif
}

/* The same of 64 bits. */
static inline uint32_t mcmp__lowest_bit64(uint64_t mask)
{
#if defined(__GNUC__)
    return (uint32_t)__builtin_ctzll(mask);
#else
    uint32_t at = 0;

    for (; (mask & 1) == 0; mask >>= 1)
        at++;
    return at;
#endif
}

/* Index of the highest bit set; mask is not 0. */
static inline uint32_t mcmp__highest_bit(uint32_t mask)
{
#if defined(__GNUC__)
    return 31u - (uint32_t)__builtin_clz(mask);
#else
    uint32_t at = 0;

    while ((mask >>= 1) != 0)
        at++;
    return at;
#endif
}

/* Is the first byte of a word in memory its lowest one? */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define MCMP__LITTLE_ENDIAN 1
#else
#define MCMP__LITTLE_ENDIAN 0
#endif

/*
 * MCMP__CONTROLS16(text): one bit per byte of 16, set for bytes below 0x20 and for DEL. Only where
 * the processor has it; callers have a loop of their own for everywhere else.
 */
#if defined(__SSE2__) && !defined(MCMP__PORTABLE)
#include <emmintrin.h>

static inline uint32_t mcmp__controls16(const char *text)
{
    const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)text);
    const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    const __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));

    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(low, del));
}
#define MCMP__CONTROLS16(text) mcmp__controls16(text)

/* MCMP__FORM16(text): the same for bytes that are not plain in a form body, see decoder.c. */
static inline uint32_t mcmp__form16(const char *text)
{
    const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)text);
    const __m128i percent = _mm_sub_epi8(bytes, _mm_set1_epi8('%')); /* % & ' in a row */
    const __m128i less = _mm_sub_epi8(bytes, _mm_set1_epi8('<'));    /* < = > in a row */
    const __m128i two = _mm_set1_epi8(2);
    const __m128i rows = _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(percent, two), percent),
                                      _mm_cmpeq_epi8(_mm_min_epu8(less, two), less));
    const __m128i single = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                                        _mm_cmpeq_epi8(bytes, _mm_set1_epi8('+')));
    const __m128i outside = /* below 0x20, or above 0x7e: with a sign those are below it too */
        _mm_or_si128(_mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)),
                     _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f)));

    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(rows, single), outside));
}
#define MCMP__FORM16(text) mcmp__form16(text)

/* MCMP__ANY16(text, a, b, c, d): the same for these four bytes. */
static inline uint32_t mcmp__any16(const char *text, char a, char b, char c, char d)
{
    const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)text);
    const __m128i ab = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(a)),
                                    _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b)));
    const __m128i cd = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(c)),
                                    _mm_cmpeq_epi8(bytes, _mm_set1_epi8(d)));

    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(ab, cd));
}
#define MCMP__ANY16(text, a, b, c, d) mcmp__any16((text), (a), (b), (c), (d))
#endif

#endif
