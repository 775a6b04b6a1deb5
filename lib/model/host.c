/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The aliases that a request's host name stands for (MCMP 5.1): itself, lower case, without port
 * and final dot; an IPv6 address with and without brackets; and wildcards, the longest first.
 * Readers may be overtaken at any point.
 */
#include "model/index.h"

#define HOST_MAX 256u

static void add_alias(mcmp__read *rd, mcmp_span name, mcmp__aliases *out)
{
    uint32_t text;

    if (out->count == MCMP__MATCH_MAX)
        return;
    text = mcmp__text_find(rd, MCMP__I_ATEXT, name, mcmp__hash_text(rd->layout, name));
    if (text != 0)
        out->text[out->count++] = text;
}

static mcmp_span host_name(mcmp_span host, char *lower)
{
    size_t len = host.len;

    if (len > 0 && host.ptr[0] == '[') {
        const char *end = memchr(host.ptr, ']', len);

        len = end != NULL ? (size_t)(end - host.ptr) + 1 : len;
    } else {
        const char *colon = memchr(host.ptr, ':', len);

        len = colon != NULL ? (size_t)(colon - host.ptr) : len;
        if (len > 1 && host.ptr[len - 1] == '.')
            len--;
    }
    len = len < HOST_MAX ? len : 0; /* no alias is so long */
    for (size_t i = 0; i < len; i++)
        lower[i] = mcmp__lower(host.ptr[i]);
    return mcmp__span(lower, len);
}

void mcmp__host_aliases(mcmp__read *rd, mcmp_span host, mcmp__aliases *out)
{
    char buffer[HOST_MAX + 1];
    mcmp_span name;

    out->count = 0;
    if (host.len == 0)
        return;
    name = host_name(host, buffer);
    if (name.len == 0)
        return;
    add_alias(rd, name, out);
    if (buffer[0] == '[') {
        if (name.len > 2)
            add_alias(rd, mcmp__span(buffer + 1, name.len - 2), out);
        return;
    }
    if (mcmp__head_get(rd, MCMP__H_WILD) == 0)
        return;
    for (size_t i = 1; i + 1 < name.len; i++) {
        char kept = buffer[i - 1];

        if (buffer[i] != '.')
            continue;
        buffer[i - 1] = '*';
        add_alias(rd, mcmp__span(buffer + i - 1, name.len - i + 1), out);
        buffer[i - 1] = kept;
    }
}
