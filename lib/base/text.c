/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text as (pointer, length): comparing, numbers, character classes. ASCII only, no locale; bytes
 * above 0x7f are never letters.
 */
#include "base.h"

mcmp_span mcmp__span(const char *ptr, size_t len)
{
    mcmp_span span = { ptr, len };

    return span;
}

mcmp_span mcmp__span_str(const char *text)
{
    return mcmp__span(text, text != NULL ? strlen(text) : 0);
}

int mcmp__span_eq(mcmp_span a, mcmp_span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

int mcmp__span_eq_nocase(mcmp_span a, mcmp_span b)
{
    if (a.len != b.len)
        return 0;
    for (size_t i = 0; i < a.len; i++)
        if (mcmp__lower(a.ptr[i]) != mcmp__lower(b.ptr[i]))
            return 0;
    return 1;
}

int mcmp__span_is(mcmp_span a, const char *text)
{
    return mcmp__span_eq(a, mcmp__span_str(text));
}

int mcmp__span_is_nocase(mcmp_span a, const char *text)
{
    return mcmp__span_eq_nocase(a, mcmp__span_str(text));
}

char mcmp__lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

void mcmp__lower_in_place(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        text[i] = mcmp__lower(text[i]);
}

int mcmp__is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int mcmp__is_token_char(char c)
{
    /* one bit per byte; marks !#$%&'*+-.^_`|~ , digits, letters */
    static const uint32_t token[8] = { 0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff };
    uint8_t byte = (uint8_t)c;

    return (int)(token[byte >> 5] >> (byte & 31) & 1);
}

int mcmp__hex_value(char c)
{
    char low = mcmp__lower(c);

    if (mcmp__is_digit(c))
        return c - '0';
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

int mcmp__parse_uint(mcmp_span text, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;

    if (text.len == 0)
        return -1;
    for (size_t i = 0; i < text.len; i++) {
        uint64_t digit;

        if (!mcmp__is_digit(text.ptr[i]))
            return -1;
        digit = (uint64_t)(text.ptr[i] - '0');
        if (value > (max - MCMP__MIN(digit, max)) / 10 || value * 10 + digit > max)
            return -1;
        value = value * 10 + digit;
    }
    *out = value;
    return 0;
}

size_t mcmp__format_uint(char *out, uint64_t value)
{
    char digits[20];
    size_t len = 0;

    do {
        digits[len++] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    for (size_t i = 0; i < len; i++)
        out[i] = digits[len - 1 - i];
    return len;
}
