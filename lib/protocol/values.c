/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forms of values (MCMP 3.4). Nothing here knows which field it reads: what a bad form means is
 * the business of the field table.
 */
#include "values.h"

#include <libmcmp/command.h>

static const struct {
    mcmp_span word;
    int value;
} bool_words[] = {
    { MCMP__SPAN("yes"), 1 }, { MCMP__SPAN("no"), 0 },   { MCMP__SPAN("on"), 1 },
    { MCMP__SPAN("off"), 0 }, { MCMP__SPAN("true"), 1 }, { MCMP__SPAN("false"), 0 },
    { MCMP__SPAN("1"), 1 },   { MCMP__SPAN("0"), 0 },
};

static const struct {
    mcmp_span unit;
    mcmp_time length;
} units[] = {
    { MCMP__SPAN("ms"), MCMP_MSEC },         { MCMP__SPAN("s"), MCMP_SEC },
    { MCMP__SPAN("mi"), 60 * MCMP_SEC },     { MCMP__SPAN("min"), 60 * MCMP_SEC },
    { MCMP__SPAN("h"), 60 * 60 * MCMP_SEC },
};

static const char *const scheme_names[] = { "ajp", "http", "https", "ws", "wss" };

const char *mcmp_scheme_name(uint32_t scheme)
{
    return scheme < MCMP__COUNT(scheme_names) ? scheme_names[scheme] : "?";
}

int mcmp__value_scheme(mcmp_span text, uint32_t *out)
{
    for (uint32_t i = 0; i < MCMP__COUNT(scheme_names); i++)
        if (mcmp__span_is_nocase(text, scheme_names[i])) {
            *out = i;
            return 0;
        }
    return -1;
}

int mcmp__value_bool(mcmp_span text, int *out)
{
    for (size_t i = 0; i < MCMP__COUNT(bool_words); i++)
        if (mcmp__span_eq_nocase(text, bool_words[i].word)) {
            *out = bool_words[i].value;
            return 0;
        }
    return -1;
}

int mcmp__value_flush(mcmp_span text, uint32_t *out)
{
    int on;

    if (mcmp__span_is_nocase(text, "auto")) {
        *out = MCMP_FLUSH_AUTO;
        return 0;
    }
    if (mcmp__value_bool(text, &on) != 0)
        return -1;
    *out = on ? MCMP_FLUSH_ON : MCMP_FLUSH_OFF;
    return 0;
}

/* The digits at the front, saturated; returns their number. */
static size_t leading_digits(mcmp_span text, uint64_t max, uint64_t *out)
{
    const uint64_t safe = (UINT64_MAX - 9) / 10;
    uint64_t value = 0;
    size_t i = 0;

    for (; i < text.len; i++) {
        unsigned digit = (unsigned)((uint8_t)text.ptr[i] - '0');

        if (digit > 9)
            break;
        value = value < safe ? value * 10 + digit : max + 1;
    }
    *out = MCMP__MIN(value, max);
    return i;
}

int mcmp__value_duration(mcmp_span text, mcmp_time unit, mcmp_time *out)
{
    uint64_t value;
    size_t digits = leading_digits(text, INT64_MAX, &value);
    mcmp_span suffix = mcmp__span(text.ptr + digits, text.len - digits);

    if (digits == 0)
        return -1;
    if (suffix.len > 0) {
        size_t i = 0;

        while (i < MCMP__COUNT(units) && !mcmp__span_eq_nocase(suffix, units[i].unit))
            i++;
        if (i == MCMP__COUNT(units))
            return -1;
        unit = units[i].length;
    }
    if (value > (uint64_t)(INT64_MAX / unit))
        return -1;
    *out = (mcmp_time)value * unit;
    return 0;
}

int mcmp__value_int(mcmp_span text, int64_t min, int64_t max, int64_t *out)
{
    int minus = text.len > 0 && text.ptr[0] == '-';
    mcmp_span rest = minus ? mcmp__span(text.ptr + 1, text.len - 1) : text;
    uint64_t value;
    size_t digits = leading_digits(rest, INT64_MAX, &value);
    int64_t number = minus ? -(int64_t)value : (int64_t)value;

    if (digits == 0 || digits != rest.len || (number < 0 && min == 0))
        return -1;
    *out = number < min ? min : MCMP__MIN(number, max);
    return 0;
}

int mcmp__value_seconds(mcmp_span text, mcmp_time *out)
{
    int64_t seconds;

    if (mcmp__value_int(text, 0, MCMP__WAIT_MAX / MCMP_SEC + 1, &seconds) != 0)
        return -1;
    *out = seconds > MCMP__WAIT_MAX / MCMP_SEC ? MCMP__WAIT_MAX : seconds * MCMP_SEC;
    return 0;
}

/* -?digits[.digits]; the fraction is dropped */
int mcmp__value_load(mcmp_span text, int32_t *out)
{
    int minus = text.len > 0 && text.ptr[0] == '-';
    mcmp_span rest = minus ? mcmp__span(text.ptr + 1, text.len - 1) : text;
    uint64_t value;
    uint64_t fraction;
    size_t digits = leading_digits(rest, 1000, &value);

    if (digits == 0 || value > (minus ? 1u : 100u))
        return -1;
    if (digits < rest.len) {
        mcmp_span tail = mcmp__span(rest.ptr + digits + 1, rest.len - digits - 1);

        if (rest.ptr[digits] != '.' || tail.len == 0 ||
            leading_digits(tail, 1000, &fraction) != tail.len)
            return -1;
    }
    *out = minus ? -(int32_t)value : (int32_t)value;
    return 0;
}

static int is_all_zero(const uint8_t address[16])
{
    static const uint8_t none[16] = { 0 };
    static const uint8_t mapped[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

    return memcmp(address, none, sizeof(none)) == 0 || memcmp(address, mapped, sizeof(mapped)) == 0;
}

static int host_v6(mcmp_span literal, char *out, size_t *out_len)
{
    const char *zone = memchr(literal.ptr, '%', literal.len);
    uint8_t address[16];

    if (zone != NULL)
        literal.len = (size_t)(zone - literal.ptr);
    if (literal.len == 0 || memchr(literal.ptr, ':', literal.len) == NULL ||
        mcmp__address_parse(literal, address) != 0)
        return MCMP__HOST_BAD;
    out[0] = '[';
    memcpy(out + 1, literal.ptr, literal.len);
    out[literal.len + 1] = ']';
    *out_len = literal.len + 2;
    return is_all_zero(address) ? MCMP__HOST_WILDCARD : MCMP__HOST_OK;
}

/* What stands in a Host. */
enum { IN_LIST = 1, IN_URL = 2, COLON = 4, ZERO = 8 };

static const uint8_t host_marks[256] = {
    [','] = IN_LIST, ['['] = IN_LIST, [']'] = IN_LIST, [' '] = IN_LIST,
    ['/'] = IN_URL,  ['?'] = IN_URL,  ['#'] = IN_URL,  ['@'] = IN_URL,
    ['\\'] = IN_URL, [':'] = COLON,   ['0'] = ZERO,    ['.'] = ZERO,
};

int mcmp__value_host(mcmp_span text, char *out, size_t *out_len)
{
    int bracketed = text.len >= 2 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']';
    mcmp_span inner = bracketed ? mcmp__span(text.ptr + 1, text.len - 2) : text;
    unsigned any = 0;
    unsigned all = ZERO;
    uint8_t address[16];

    for (size_t i = 0; i < inner.len; i++) {
        any |= host_marks[(uint8_t)inner.ptr[i]];
        all &= host_marks[(uint8_t)inner.ptr[i]];
    }
    if ((any & IN_LIST) != 0)
        return MCMP__HOST_CHARS;
    if (bracketed || (any & COLON) != 0)
        return host_v6(inner, out, out_len);
    if ((any & IN_URL) != 0)
        return MCMP__HOST_BAD; /* would end the host in a URL or an authority */
    memcpy(out, text.ptr, text.len);
    *out_len = text.len;
    if (mcmp__span_is(text, "*"))
        return MCMP__HOST_WILDCARD;
    if (all != 0 && mcmp__address_parse(text, address) == 0) /* of zeros and dots */
        return MCMP__HOST_WILDCARD;
    return MCMP__HOST_OK;
}
