/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session ids and routes out of the texts of a request. Cookies are split as RFC 6265 says: pairs
 * end at `;` whatever stands around it, and a name counts only where a pair begins, so that the
 * same letters inside another value are no match (MCMP 5.4).
 */
#include "session.h"

#include "base/compiler.h"

mcmp_span mcmp__path_cut(mcmp_span path)
{
    const char *end;

    if (path.len == 0)
        return path;
    end = memchr(path.ptr, '?', path.len);
    if (end != NULL)
        path.len = (size_t)(end - path.ptr);
    end = path.len > 0 ? memchr(path.ptr, ';', path.len) : NULL;
    if (end != NULL)
        path.len = (size_t)(end - path.ptr);
    return path;
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static mcmp_span trim_value(mcmp_span value)
{
    while (value.len > 0 && is_blank(value.ptr[0])) {
        value.ptr++;
        value.len--;
    }
    while (value.len > 0 && is_blank(value.ptr[value.len - 1]))
        value.len--;
    if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"') {
        value.ptr++;
        value.len -= 2;
    }
    return value;
}

/* The value that follows the name, up to `;`; blanks before `=` are let pass. */
static int value_after(const char *at, const char *end, mcmp_span *out_value)
{
    const char *stop;

    while (at < end && is_blank(*at))
        at++;
    if (at == end || *at != '=')
        return 0;
    at++;
    stop = memchr(at, ';', (size_t)(end - at));
    *out_value = trim_value(mcmp__span(at, (size_t)((stop != NULL ? stop : end) - at)));
    return out_value->len > 0;
}

/* Does a pair begin here: at the start of the line, or after `;` and blanks? */
static int begins_pair(const char *start, const char *at)
{
    while (at > start && is_blank(at[-1]))
        at--;
    return at == start || at[-1] == ';';
}

/*
 * Where the name may begin, from `at` on. Its first letter is searched rather than the next pair:
 * cookie lines are long, and that letter is rare in them.
 */
static inline const char *next_letter(const char *at, const char *end, mcmp_span name)
{
    size_t left = (size_t)(end - at);

    return left > name.len ? memchr(at, name.ptr[0], left - name.len) : NULL;
}

/* Finds it in one line, first at `at`. The end of the value, or NULL. */
static MCMP__APART const char *find_in_line(mcmp_span line, const char *at, mcmp_span name,
                                            mcmp_span *out_value)
{
    const char *end = line.ptr + line.len;

    for (; at != NULL; at = next_letter(at + 1, end, name))
        if (memcmp(at, name.ptr, name.len) == 0 && begins_pair(line.ptr, at) &&
            value_after(at + name.len, end, out_value))
            return out_value->ptr + out_value->len;
    return NULL;
}

int mcmp__cookie_next(mcmp__cookie_walk *walk, mcmp_span *out_value)
{
    if (walk->name.len == 0)
        return 0;
    for (; walk->line < walk->count; walk->line++, walk->pos = 0) {
        mcmp_span line = walk->lines[walk->line];
        const char *at;

        if (line.len == 0)
            continue;
        at = next_letter(line.ptr + walk->pos, line.ptr + line.len, walk->name);
        if (at != NULL)
            at = find_in_line(line, at, walk->name, out_value);
        if (at != NULL) {
            walk->pos = (size_t)(at - line.ptr);
            return 1;
        }
    }
    return 0;
}

static size_t param_length(const char *text, size_t len)
{
    size_t i = 0;

    while (i < len && text[i] != ';' && text[i] != '/')
        i++;
    return i;
}

int mcmp__path_param_next(mcmp_span path, mcmp_span name, size_t *pos, mcmp_span *out_value)
{
    const char *query;
    size_t len;

    if (name.len == 0 || path.len <= *pos || memchr(path.ptr + *pos, ';', path.len - *pos) == NULL)
        return 0; /* nearly every path */
    query = memchr(path.ptr, '?', path.len);
    len = query != NULL ? (size_t)(query - path.ptr) : path.len;
    while (*pos < len) {
        const char *mark = memchr(path.ptr + *pos, ';', len - *pos);
        size_t at;

        if (mark == NULL)
            break;
        at = (size_t)(mark - path.ptr) + 1;
        *pos = at;
        if (len - at <= name.len || memcmp(path.ptr + at, name.ptr, name.len) != 0 ||
            path.ptr[at + name.len] != '=')
            continue;
        at += name.len + 1;
        *out_value = mcmp__span(path.ptr + at, param_length(path.ptr + at, len - at));
        *pos = at + out_value->len;
        if (out_value->len > 0)
            return 1;
    }
    *pos = len;
    return 0;
}

mcmp_span mcmp__session_route(mcmp_span id)
{
    const char *dot = id.len > 0 ? memchr(id.ptr, '.', id.len) : NULL;

    if (dot == NULL)
        return mcmp__span(NULL, 0);
    return mcmp__span(dot + 1, id.len - (size_t)(dot + 1 - id.ptr));
}

mcmp_span mcmp__session_stem(mcmp_span id)
{
    const char *dot = id.len > 0 ? memchr(id.ptr, '.', id.len) : NULL;

    if (dot != NULL)
        id.len = (size_t)(dot - id.ptr);
    return id;
}

int mcmp__route_next(mcmp_span *rest, mcmp_span *out_route)
{
    while (rest->len > 0) {
        const char *dot = memchr(rest->ptr, '.', rest->len);
        size_t len = dot != NULL ? (size_t)(dot - rest->ptr) : rest->len;

        *out_route = mcmp__span(rest->ptr, len);
        rest->ptr += dot != NULL ? len + 1 : len;
        rest->len -= dot != NULL ? len + 1 : len;
        if (len > 0)
            return 1;
    }
    return 0;
}
