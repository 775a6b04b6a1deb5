/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a request in memory, up to a limit. */
#ifndef NGX_MCMP_BODY_H
#define NGX_MCMP_BODY_H

#include "core.h"

typedef struct {
    u_char *data; /* len bytes; what is over the limit was dropped */
    size_t len;
    size_t room;
    size_t max;
    uint64_t seen;   /* bytes that came */
    ngx_flag_t more; /* so many came that reading ended before the body did */
    void (*done)(ngx_http_request_t *r, void *ctx);
    void *ctx;
} ngx_mcmp_body_t;

/* Reads it; done is called when it is there, maybe from inside. What a content handler returns. */
ngx_int_t ngx_mcmp_body_read(ngx_http_request_t *r, ngx_mcmp_body_t *body, size_t max,
                             void (*done)(ngx_http_request_t *r, void *ctx), void *ctx);

#endif
