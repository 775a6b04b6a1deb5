/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts of a request that say where it belongs: the path up to its parameters, session ids in
 * cookies and path parameters, routes inside session ids (MCMP 5.1, 5.4). Pure; all spans are parts
 * of what was given, nothing is copied.
 */
#ifndef MCMP__LB_SESSION_H
#define MCMP__LB_SESSION_H

#include "base/base.h"

/* The path up to its first `?` or `;`. */
mcmp_span mcmp__path_cut(mcmp_span path);

/* Walks the values of one cookie name over all Cookie lines. */
typedef struct mcmp__cookie_walk {
    const mcmp_span *lines;
    size_t count;
    mcmp_span name;
    size_t line; /* the line being read */
    size_t pos;  /* in it */
} mcmp__cookie_walk;

static inline void mcmp__cookie_walk_init(mcmp__cookie_walk *walk, const mcmp_span *lines,
                                          size_t count, mcmp_span name)
{
    walk->lines = lines;
    walk->count = count;
    walk->name = name;
    walk->line = 0;
    walk->pos = 0;
}

/* 1 and the next non-empty value without surrounding quotes, or 0. */
int mcmp__cookie_next(mcmp__cookie_walk *walk, mcmp_span *out_value);

/* Nearly no path has parameters: asked before the walk. */
static inline int mcmp__path_has_params(mcmp_span path)
{
    return path.len > 0 && memchr(path.ptr, ';', path.len) != NULL;
}

/* The next non-empty value of `;name=` from *pos on, in any segment before `?`. 1, or 0. */
int mcmp__path_param_next(mcmp_span path, mcmp_span name, size_t *pos, mcmp_span *out_value);

/* What follows the first `.` of a session id; empty when there is none. */
mcmp_span mcmp__session_route(mcmp_span id);
/* What stands before the first `.`. */
mcmp_span mcmp__session_stem(mcmp_span id);
/* Takes the first of `a.b.c` off *rest, skipping empty ones. 1, or 0 at the end. */
int mcmp__route_next(mcmp_span *rest, mcmp_span *out_route);

#endif
