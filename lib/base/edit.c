/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request loses on its way to a node that does not own its session (MCMP 5.5): the session
 * cookie and the session's path parameter. Both are walks over the parts that stay, so that each
 * codec writes them as its protocol wants; nothing is copied here.
 */
#include "base.h"

static int is_cookie(mcmp_span pair, mcmp_span name)
{
    const char *equals;

    pair = mcmp__trimmed(pair);
    equals = pair.len != 0 ? memchr(pair.ptr, '=', pair.len) : NULL;
    if (equals == NULL)
        return 0;
    return mcmp__span_eq(mcmp__trimmed(mcmp__span(pair.ptr, (size_t)(equals - pair.ptr))), name);
}

/* End of the cookie pair at from. RFC 6265 has no `;` inside of quotes, so any `;` ends it. */
static size_t pair_end(mcmp_span value, size_t from)
{
    const char *mark = memchr(value.ptr + from, ';', value.len - from);

    return mark != NULL ? (size_t)(mark - value.ptr) : value.len;
}

int mcmp__cookie_rest(mcmp_span value, mcmp_span cookie, size_t *from, mcmp_span *out)
{
    while (*from < value.len) {
        size_t end = pair_end(value, *from);
        mcmp_span pair = mcmp__span(value.ptr + *from, end - *from);

        *from = end + 1;
        if (is_cookie(pair, cookie))
            continue;
        *out = pair;
        return 1;
    }
    return 0;
}

/* Length of a parameter `;name=value` or `;name` at text, which begins with `;`; 0: another one. */
static size_t parameter_len(const char *text, size_t len, mcmp_span name)
{
    size_t end = 1;

    if (len < 1 + name.len || memcmp(text + 1, name.ptr, name.len) != 0)
        return 0;
    if (len > 1 + name.len && text[1 + name.len] != '=' && text[1 + name.len] != ';' &&
        text[1 + name.len] != '/')
        return 0;
    while (end < len && text[end] != ';' && text[end] != '/')
        end++;
    return end;
}

int mcmp__path_rest(mcmp_span path, mcmp_span name, size_t *from, mcmp_span *out)
{
    size_t at = *from;
    size_t cut = 0;

    if (at >= path.len)
        return 0;
    while (at < path.len) {
        if (path.ptr[at] == ';')
            cut = parameter_len(path.ptr + at, path.len - at, name);
        if (cut != 0)
            break;
        at++;
    }
    *out = mcmp__span(path.ptr + *from, at - *from);
    *from = at + cut;
    return 1;
}
