/* SPDX-License-Identifier: Apache-2.0 */
/* TLS towards nodes, for probes. */
#ifndef NGX_MCMP_TLS_H
#define NGX_MCMP_TLS_H

#include "module.h"

/* Shakes hands; done is called when it is over, maybe from inside the start; then
 * ngx_mcmp_tls_is_up() tells how. It has to set the handlers of both events anew. NGX_ERROR: it
 * can't begin, done is not called. */
ngx_int_t ngx_mcmp_tls_start(ngx_mcmp_zone_t *zone, ngx_connection_t *c, const ngx_str_t *host,
                             ngx_connection_handler_pt done);

int ngx_mcmp_tls_is_up(const ngx_connection_t *c);

/* Ends it without waiting for the peer; also of a connection without TLS. */
void ngx_mcmp_tls_close(ngx_connection_t *c);

#endif
