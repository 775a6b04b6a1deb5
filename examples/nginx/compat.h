/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nginx's own headers, and every check of its version that the module makes. Nothing else includes
 * them, so that a change of nginx is answered here.
 */
#ifndef NGX_MCMP_COMPAT_H
#define NGX_MCMP_COMPAT_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_connect.h>
#include <ngx_http.h>

#if nginx_version < 1022000
#error "ngx_http_mcmp_module needs nginx 1.22 or newer"
#endif

/* 1.23.0 linked headers of one name in a list and dropped the array of Cookie lines. */
#if nginx_version >= 1023000
#define NGX_MCMP_LINKED_HEADERS 1
#else
#define NGX_MCMP_LINKED_HEADERS 0
#endif

#endif
