/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session ids in what a request is made of: cookie lines as the library wants them, and requests
 * without an id that must not reach a node (MCMP 5.5).
 */
#ifndef MCMP_HTTPD_SESSION_H
#define MCMP_HTTPD_SESSION_H

#include <apr_pools.h>

#include <libmcmp/libmcmp.h>

#define SESSION_COOKIE_LINES 16

/* httpd joins Cookie lines by `, `; this takes them apart. The number of lines. */
size_t session_cookie_lines(const char *header, mcmp_span lines[SESSION_COOKIE_LINES]);

/* The header without the cookies of this name; NULL when none is left. */
char *session_drop_cookie(apr_pool_t *pool, const char *header, mcmp_span name);

/* The URL without the path parameters of this name. The query is left as it is. */
char *session_drop_parameter(apr_pool_t *pool, const char *url, mcmp_span name);

#endif
