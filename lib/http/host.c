/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grammar of Host and of a target's authority: a name, an IPv4 address or a bracketed IPv6
 * address, and a port. Narrower than RFC 3986: no user names, no percent codes, no sub-delims, no
 * zone ids, no empty labels, since nodes read those in more than one way.
 */
#include "http.h"

static int port_is_valid(mcmp_span port)
{
    uint64_t value;

    return port.len == 0 || (port.len <= 5 && mcmp__parse_uint(port, 65535, &value) == 0);
}

/* Bytes of a dotted quad at the end of an IPv6 address. */
static int quad_is_valid(const char *text, size_t len)
{
    int parts = 0;
    size_t i = 0;

    while (i < len) {
        unsigned value = 0;
        size_t digits = 0;

        for (; i < len && mcmp__is_digit(text[i]); i++, digits++)
            value = value * 10 + (unsigned)(text[i] - '0') * (digits < 3);
        if (digits == 0 || digits > 3 || value > 255)
            return 0;
        parts++;
        if (i == len)
            break;
        if (text[i++] != '.' || i == len)
            return 0;
    }
    return parts == 4;
}

/* Number of groups of text without `::`, a dotted quad at the end counting two; -1: bad. */
static int groups_of(const char *text, size_t len, int quad)
{
    int groups = 0;
    size_t i = 0;

    while (i < len) {
        size_t digits = 0;

        while (i + digits < len && mcmp__http_char_is(text[i + digits], MCMP__CHAR_HEX))
            digits++;
        if (quad && i + digits < len && text[i + digits] == '.')
            return quad_is_valid(text + i, len - i) ? groups + 2 : -1;
        if (digits == 0 || digits > 4)
            return -1;
        groups++;
        i += digits;
        if (i < len && (text[i] != ':' || ++i == len))
            return -1;
    }
    return groups;
}

/* RFC 3986 IPv6address: eight groups, one run of which may be `::`. */
static int ipv6_is_valid(const char *text, size_t len)
{
    size_t gap = 0;
    int left;
    int right;

    while (gap + 2 <= len && (text[gap] != ':' || text[gap + 1] != ':'))
        gap++;
    if (gap + 2 > len)
        return groups_of(text, len, 1) == 8;
    left = groups_of(text, gap, 0);
    right = groups_of(text + gap + 2, len - gap - 2, 1);
    return left >= 0 && right >= 0 && left + right < 8;
}

static int bracketed_is_valid(mcmp_span host)
{
    const char *end = memchr(host.ptr, ']', host.len);
    size_t len;

    if (end == NULL)
        return 0;
    len = (size_t)(end - host.ptr) + 1;
    if (len < host.len && host.ptr[len] != ':')
        return 0;
    if (len < host.len && !port_is_valid(mcmp__span(host.ptr + len + 1, host.len - len - 1)))
        return 0;
    return ipv6_is_valid(host.ptr + 1, len - 2);
}

int mcmp__http_host_is_valid(mcmp_span host)
{
    size_t i = 0;
    char last = '.';

    if (host.len == 0)
        return 0;
    if (host.ptr[0] == '[')
        return bracketed_is_valid(host);
    for (; i < host.len && mcmp__http_char_is(host.ptr[i], MCMP__CHAR_HOST); i++) {
        if (host.ptr[i] == '.' && last == '.')
            return 0;
        last = host.ptr[i];
    }
    if (i == 0)
        return 0;
    if (i == host.len)
        return 1;
    return host.ptr[i] == ':' && port_is_valid(mcmp__span(host.ptr + i + 1, host.len - i - 1));
}
