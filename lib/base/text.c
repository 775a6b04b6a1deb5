/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text as (pointer, length): comparing, numbers, character classes. ASCII only, no locale; bytes
 * above 0x7f are never letters.
 */
#include "base.h"
#include "compiler.h"

/* Most names come in the case that everybody uses. */
int mcmp__bytes_eq_nocase(const char *a, const char *b, size_t len)
{
    if (mcmp__bytes_eq(a, b, len))
        return 1;
    for (size_t i = 0; i < len; i++)
        if (mcmp__lower(a[i]) != mcmp__lower(b[i]))
            return 0;
    return 1;
}

/* Marks !#$%&'*+-.^_`|~ , digits, letters */
const uint8_t mcmp__token_chars[256] = {
    /* 00 */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    /* 10 */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    /* 20 */ 0, 1, 0, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 1, 1, 0,
    /* 30 */ 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0,
    /* 40 */ 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    /* 50 */ 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1,
    /* 60 */ 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    /* 70 */ 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 0, 1, 0,
};

/*
 * Eight at a time: of the two sums of a byte's lower seven bits, only for a letter A..Z one reaches
 * the upper bit and the other does not; that bit, moved by two, is what makes a small letter of it.
 */
static inline uint64_t lower_eight(char *text)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t word, low, from_a, over_z, letters;

    memcpy(&word, text, sizeof(word));
    low = word & 0x7f * ones;
    from_a = low + (0x80 - 'A') * ones;
    over_z = low + (0x80 - ('Z' + 1)) * ones;
    letters = (from_a ^ over_z) & ~word & 0x80 * ones;
    word |= letters >> 2;
    memcpy(text, &word, sizeof(word));
    return letters;
}

int mcmp__lower_in_place(char *text, size_t len)
{
    uint64_t changed = 0;

    if (len >= 8) {
        for (size_t i = 0; i < len - 8; i += 8)
            changed |= lower_eight(text + i);
        return (changed | lower_eight(text + len - 8)) != 0; /* it may overlap */
    }
    for (size_t i = 0; i < len; i++) {
        changed |= (uint64_t)(text[i] != mcmp__lower(text[i]));
        text[i] = mcmp__lower(text[i]);
    }
    return changed != 0;
}

int mcmp__parse_uint(mcmp_span text, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;

    if (text.len == 0)
        return -1;
    for (size_t i = 0; i < text.len; i++) {
        uint64_t digit = (uint64_t)(uint8_t)text.ptr[i] - '0';

        if (digit > 9 || value > UINT64_MAX / 10 || value * 10 > UINT64_MAX - digit)
            return -1;
        value = value * 10 + digit;
    }
    if (value > max)
        return -1;
    *out = value;
    return 0;
}

/* A bit is worth log10(2) = 1233 / 4096 digits; that is one too few from a power of ten on. */
static size_t count_digits(uint64_t value)
{
    static const uint32_t powers[] = { 0,      10,      100,      1000,      10000,
                                       100000, 1000000, 10000000, 100000000, 1000000000 };
    size_t len = 0;
    uint32_t digits;

    for (; value > UINT32_MAX; value /= 1000000000)
        len += 9;
    digits = (mcmp__highest_bit((uint32_t)value | 1) + 1) * 1233 >> 12;
    return len + digits + (value >= powers[digits]);
}

size_t mcmp__format_uint(char *out, uint64_t value)
{
    static const char pairs[] = "0001020304050607080910111213141516171819"
                                "2021222324252627282930313233343536373839"
                                "4041424344454647484950515253545556575859"
                                "6061626364656667686970717273747576777879"
                                "8081828384858687888990919293949596979899";
    size_t len = count_digits(value);
    size_t at = len;

    while (value >= 10000) { /* a division of 64 bits per four digits */
        uint32_t four = (uint32_t)(value % 10000);

        at -= 4;
        memcpy(out + at, pairs + four / 100 * 2, 2);
        memcpy(out + at + 2, pairs + four % 100 * 2, 2);
        value /= 10000;
    }
    while (value >= 100) {
        at -= 2;
        memcpy(out + at, pairs + value % 100 * 2, 2);
        value /= 100;
    }
    if (value >= 10)
        memcpy(out, pairs + value * 2, 2);
    else
        out[0] = (char)('0' + value);
    return len;
}

int mcmp__list_has(mcmp_span list, mcmp_span word)
{
    size_t from = 0;

    while (from < list.len) {
        const char *comma = memchr(list.ptr + from, ',', list.len - from);
        size_t end = comma != NULL ? (size_t)(comma - list.ptr) : list.len;
        size_t last = end;

        while (from < last && list.ptr[from] == ' ')
            from++;
        while (last > from && list.ptr[last - 1] == ' ')
            last--;
        if (mcmp__span_eq_nocase(mcmp__span(list.ptr + from, last - from), word))
            return word.len > 0;
        from = end + 1;
    }
    return 0;
}
