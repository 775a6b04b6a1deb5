/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cookies and paths of any bytes. Properties: what is found lies inside its line or path, is not
 * empty and holds no byte that ends it; a walk ends; the parts of a session id make up the id.
 */
#include "lb/session.h"

#include <stdlib.h>

static void must(int ok)
{
    if (!ok)
        abort();
}

static void check_inside(mcmp_span value, mcmp_span text)
{
    must(value.len > 0);
    must(value.ptr >= text.ptr && value.ptr + value.len <= text.ptr + text.len);
}

static void check_id(mcmp_span id)
{
    mcmp_span stem = mcmp__session_stem(id);
    mcmp_span rest = mcmp__session_route(id);
    mcmp_span route;
    size_t sum = 0;

    must(stem.len + rest.len + (stem.len < id.len) == id.len);
    must(stem.len == 0 || memchr(stem.ptr, '.', stem.len) == NULL);
    while (mcmp__route_next(&rest, &route)) {
        must(route.len > 0 && memchr(route.ptr, '.', route.len) == NULL);
        sum += route.len;
    }
    must(sum <= id.len);
}

static void check_cookies(mcmp_span name, mcmp_span text)
{
    mcmp_span lines[2];
    mcmp__cookie_walk walk;
    mcmp_span value;
    size_t count = 0;

    lines[0] = mcmp__span(text.ptr, text.len / 2);
    lines[1] = mcmp__span(text.ptr + text.len / 2, text.len - text.len / 2);
    mcmp__cookie_walk_init(&walk, lines, 2, name);
    while (mcmp__cookie_next(&walk, &value)) {
        check_inside(value, lines[walk.line]);
        must(memchr(value.ptr, ';', value.len) == NULL);
        check_id(value);
        must(++count <= text.len);
    }
}

static void check_path(mcmp_span name, mcmp_span text)
{
    mcmp_span cut = mcmp__path_cut(text);
    mcmp_span value;
    size_t pos = 0;

    must(cut.len <= text.len);
    for (size_t i = 0; i < cut.len; i++)
        must(cut.ptr[i] != '?' && cut.ptr[i] != ';');
    while (mcmp__path_param_next(text, name, &pos, &value)) {
        check_inside(value, text);
        for (size_t i = 0; i < value.len; i++)
            must(value.ptr[i] != '?' && value.ptr[i] != ';' && value.ptr[i] != '/');
        must(memchr(text.ptr, '?', (size_t)(value.ptr - text.ptr)) == NULL);
        check_id(value);
    }
}

/* The first byte is the length of the name, which comes next. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data; /* bytes as text */
    mcmp_span name = { "JSESSIONID", 10 };
    size_t len;

    if (size == 0)
        return 0;
    len = data[0] % 16;
    if (len > 0 && len < size)
        name = mcmp__span(text + 1, len);
    else
        len = 0;
    check_cookies(name, mcmp__span(text + 1 + len, size - 1 - len));
    check_path(name, mcmp__span(text + 1 + len, size - 1 - len));
    return 0;
}
