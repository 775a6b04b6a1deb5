/* SPDX-License-Identifier: Apache-2.0 */
/* Between nginx's requests and the library's: what comes in, what goes out. */
#ifndef NGX_MCMP_EXCHANGE_H
#define NGX_MCMP_EXCHANGE_H

#include "core.h"

/* Everything but the body; peer lives as long as the request. */
void ngx_mcmp_exchange_take(ngx_http_request_t *r, mcmp_request *request, mcmp_peer *peer);

/* An answer that is freed with the request's pool; NULL without memory. */
mcmp_response *ngx_mcmp_exchange_response(ngx_http_request_t *r);

/* Sends it; what nginx wants to finalize the request with. */
ngx_int_t ngx_mcmp_exchange_send(ngx_http_request_t *r, const mcmp_response *response);

#endif
