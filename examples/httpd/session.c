/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session ids in cookies and paths. Cookies are pairs that end at `;` (RFC 6265); several lines of
 * them come as one, joined by `, `, which no cookie value may contain.
 */
#include "session.h"

#include <apr_strings.h>
#include <string.h>

size_t session_cookie_lines(const char *header, mcmp_span lines[SESSION_COOKIE_LINES])
{
    size_t count = 0;

    while (header != NULL && count < SESSION_COOKIE_LINES) {
        const char *joint = count + 1 < SESSION_COOKIE_LINES ? strstr(header, ", ") : NULL;

        lines[count].ptr = header;
        lines[count].len = joint != NULL ? (size_t)(joint - header) : strlen(header);
        count++;
        header = joint != NULL ? joint + 2 : NULL;
    }
    return count;
}

/* The end of the pair that starts at `at`: `;`, a joint, or the end of the text. */
static const char *pair_end(const char *at)
{
    const char *end = at + strcspn(at, ";,");

    while (*end == ',' && end[1] != ' ')
        end += 1 + strcspn(end + 1, ";,");
    return end;
}

static int is_named(const char *at, const char *end, mcmp_span name)
{
    if ((size_t)(end - at) <= name.len || memcmp(at, name.ptr, name.len) != 0)
        return 0;
    at += name.len;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    return at < end && *at == '=';
}

char *session_drop_cookie(apr_pool_t *pool, const char *header, mcmp_span name)
{
    char *out = apr_palloc(pool, 2 * strlen(header) + 1); /* a joint becomes `; ` */
    char *to = out;

    while (*header != '\0') {
        const char *end;

        header += strspn(header, " \t;,");
        end = pair_end(header);
        if (end > header && !is_named(header, end, name)) {
            if (to > out) {
                memcpy(to, "; ", 2);
                to += 2;
            }
            memcpy(to, header, (size_t)(end - header));
            to += end - header;
        }
        header = end;
    }
    *to = '\0';
    return to > out ? out : NULL;
}

char *session_drop_parameter(apr_pool_t *pool, const char *url, mcmp_span name)
{
    char *out = apr_pstrdup(pool, url);
    char *at = out;
    char *query = strchr(out, '?');

    while ((at = strchr(at, ';')) != NULL && (query == NULL || at < query)) {
        size_t len = strcspn(at + 1, ";/?") + 1;

        if (!is_named(at + 1, at + len, name)) {
            at += len;
            continue;
        }
        memmove(at, at + len, strlen(at + len) + 1);
        if (query != NULL)
            query -= len;
    }
    return out;
}
