/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classes of bytes and the scans over runs of them. Values and targets are checked eight bytes at a
 * time; a group with anything unusual in it is looked at byte by byte. Only loads inside the given
 * length are made, at any alignment.
 */
#include "http.h"

#include "../base/compiler.h"

/* clang-format off */
/* Token 1, path 2, plain 4, host 8, hex 16, text 32; a test derives each from its definition. */
const uint8_t mcmp__http_chars[256] = {
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x20, 0x23, 0x20, 0x21, 0x23, 0x21, 0x23, 0x23, 0x22, 0x22, 0x23, 0x23, 0x22, 0x2f, 0x2f, 0x20,
    0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x22, 0x22, 0x20, 0x22, 0x20, 0x20,
    0x22, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f,
    0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x20, 0x20, 0x20, 0x21, 0x2f,
    0x21, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f,
    0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x20, 0x21, 0x20, 0x2f, 0x00,
    0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20,
    0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20,
    0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20,
    0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20,
    0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20,
    0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20,
    0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20,
    0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20,
};
/* clang-format on */

#define ONES UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

static inline uint64_t load8(const char *text)
{
    uint64_t word;

    memcpy(&word, text, sizeof(word));
    return word;
}

/* Not 0 when a byte is below low or DEL. Bytes above 0x7f don't count; TAB does, as it is rare. */
static inline uint64_t odd8(uint64_t word, uint64_t low)
{
    uint64_t del = word ^ (ONES * 0x7f);

    return (((word - ONES * low) & ~word) | ((del - ONES) & ~del)) & HIGHS;
}

/* Plain bytes in groups of eight: the first odd one is in what is left, if there is one. */
static inline size_t skip_plain(const char *text, size_t len, uint64_t low)
{
    size_t i = 0;

    while (i + 8 <= len && odd8(load8(text + i), low) == 0)
        i += 8;
    return i;
}

/* TAB is below low and no fault: the bytes from it on are looked at one by one. */
size_t mcmp__http_text_bad(const char *text, size_t len)
{
    size_t i = skip_plain(text, len, 0x20);

    /* the last eight once more, or at least what of them is left */
    if (i + 8 > len && len >= 8 && odd8(load8(text + len - 8), 0x20) == 0)
        return len;
    while (i < len && mcmp__http_char_is(text[i], MCMP__CHAR_TEXT))
        i++;
    return i;
}

size_t mcmp__http_target_bad(const char *text, size_t len)
{
    size_t i = skip_plain(text, len, 0x21);

    while (i < len && (uint8_t)text[i] > 0x20 && text[i] != 0x7f)
        i++;
    return i;
}

/*
 * A control byte at text[at]. 1: the search ends there or, at a CR LF, one further: *out_end. A CR
 * at the very end is left for the next search, as only the next byte tells whether it is a fault.
 */
static inline int take_control(const char *text, size_t len, size_t at, size_t *out_end,
                               uint32_t *odd)
{
    *out_end = at;
    if (text[at] == '\r') {
        if (at + 1 == len)
            return 1;
        *out_end = at + 1;
        if (text[at + 1] == '\n')
            return 1;
        *odd = 1;
    } else if (text[at] == '\n') {
        return 1;
    } else if (text[at] != '\t') {
        *odd = 1;
    }
    return 0;
}

size_t mcmp__http_line_end(const char *text, size_t len, uint32_t *odd)
{
    size_t end;
    size_t i = 0;

#ifdef MCMP__CONTROLS16
    for (; i + 16 <= len; i += 16)
        for (uint32_t mask = MCMP__CONTROLS16(text + i); mask != 0; mask &= mask - 1)
            if (take_control(text, len, i + mcmp__lowest_bit(mask), &end, odd))
                return end;
#endif
    while (i < len) {
        i += skip_plain(text + i, len - i, 0x20);
        for (size_t stop = MCMP__MIN(i + 8, len); i < stop; i++)
            if (!mcmp__http_char_is(text[i], MCMP__CHAR_TEXT) &&
                take_control(text, len, i, &end, odd))
                return end;
    }
    return len;
}

int mcmp__http_has_high(const char *text, size_t len)
{
    size_t i = 0;
    uint64_t seen = 0;

    for (; i + 8 <= len; i += 8)
        seen |= load8(text + i);
    for (; i < len; i++)
        seen |= (uint8_t)text[i];
    return (seen & HIGHS) != 0;
}

int mcmp__http_is_token(mcmp_span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!mcmp__http_char_is(text.ptr[i], MCMP__CHAR_TOKEN))
            return 0;
    return text.len != 0;
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

int mcmp__http_list_next(mcmp_span *rest, mcmp_span *out)
{
    const char *p = rest->ptr;
    const char *stop = p + rest->len;

    while (p < stop && (*p == ',' || is_blank(*p)))
        p++;
    if (p == stop)
        return 0;
    out->ptr = p;
    while (p < stop && *p != ',')
        p++;
    rest->ptr = p;
    rest->len = (size_t)(stop - p);
    while (is_blank(p[-1]))
        p--;
    out->len = (size_t)(p - out->ptr);
    return 1;
}
