/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address literals as bytes: IPv4 dotted and all forms of IPv6 (RFC 4291 2.2), without the system's
 * resolver or locale. IPv4 is kept mapped (::ffff:a.b.c.d), so that both families compare alike.
 */
#include "base.h"

static int parse_ipv4(mcmp_span text, uint8_t out[4])
{
    size_t i = 0;

    for (int part = 0; part < 4; part++) {
        size_t from = i;
        uint64_t value;

        while (i < text.len && mcmp__is_digit(text.ptr[i]))
            i++;
        if (i - from > 3 || mcmp__parse_uint(mcmp__span(text.ptr + from, i - from), 255, &value))
            return -1;
        out[part] = (uint8_t)value;
        if (part < 3 && (i == text.len || text.ptr[i++] != '.'))
            return -1;
    }
    return i == text.len ? 0 : -1;
}

static size_t hex_run(mcmp_span text, size_t from, uint32_t *out_value)
{
    size_t i = from;

    *out_value = 0;
    while (i < text.len && i - from < 5 && mcmp__hex_value(text.ptr[i]) >= 0)
        *out_value = *out_value << 4 | (uint32_t)mcmp__hex_value(text.ptr[i++]);
    return i - from;
}

/* State of an IPv6 text between two groups. */
typedef struct ipv6_walk {
    uint8_t bytes[16];
    size_t len;
    size_t gap; /* where `::` stood; 17 = nowhere */
    size_t pos;
} ipv6_walk;

/* One group, or the dotted IPv4 at the end. */
static int ipv6_group(ipv6_walk *walk, mcmp_span text)
{
    uint32_t value;
    size_t digits = hex_run(text, walk->pos, &value);

    if (digits == 0 || digits > 4)
        return -1;
    if (walk->pos + digits < text.len && text.ptr[walk->pos + digits] == '.') {
        mcmp_span rest = mcmp__span(text.ptr + walk->pos, text.len - walk->pos);

        if (walk->len > 12 || parse_ipv4(rest, walk->bytes + walk->len) != 0)
            return -1;
        walk->len += 4;
        walk->pos = text.len;
        return 0;
    }
    if (walk->len > 14)
        return -1;
    walk->bytes[walk->len++] = (uint8_t)(value >> 8);
    walk->bytes[walk->len++] = (uint8_t)value;
    walk->pos += digits;
    return 0;
}

/* The colon or colons after a group. */
static int ipv6_colon(ipv6_walk *walk, mcmp_span text)
{
    if (text.ptr[walk->pos] != ':' || walk->pos + 1 == text.len)
        return -1;
    walk->pos++;
    if (text.ptr[walk->pos] != ':')
        return 0;
    if (walk->gap != 17)
        return -1;
    walk->gap = walk->len;
    walk->pos++;
    return 0;
}

static int parse_ipv6(mcmp_span text, uint8_t out[16])
{
    ipv6_walk walk = { .gap = 17 };
    size_t tail;

    if (text.len >= 2 && text.ptr[0] == ':' && text.ptr[1] == ':') {
        walk.gap = 0;
        walk.pos = 2;
    }
    while (walk.pos < text.len) {
        if (ipv6_group(&walk, text) != 0)
            return -1;
        if (walk.pos < text.len && ipv6_colon(&walk, text) != 0)
            return -1;
    }
    if (walk.gap == 17 ? walk.len != 16 : walk.len > 14)
        return -1;
    memset(out, 0, 16);
    if (walk.gap == 17)
        walk.gap = 16;
    tail = walk.len - MCMP__MIN(walk.gap, walk.len);
    memcpy(out, walk.bytes, walk.len - tail);
    memcpy(out + 16 - tail, walk.bytes + walk.len - tail, tail);
    return 0;
}

int mcmp__address_parse(mcmp_span text, uint8_t out[16])
{
    static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

    if (text.len >= 2 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']')
        text = mcmp__span(text.ptr + 1, text.len - 2);
    if (text.len == 0)
        return -1;
    if (memchr(text.ptr, ':', text.len) == NULL) {
        memcpy(out, mapped, sizeof(mapped));
        return parse_ipv4(text, out + 12);
    }
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '%')
            text.len = i;
    return parse_ipv6(text, out);
}
