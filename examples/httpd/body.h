/* SPDX-License-Identifier: Apache-2.0 */
/* Between a request of httpd and one of the library: the body in, the answer out. */
#ifndef MCMP_HTTPD_BODY_H
#define MCMP_HTTPD_BODY_H

#include "module.h"

/* Read the body through the input filters: request->body, body_size, and MCMP_REQUEST_OVERSIZE and
 * LINGER when it is over the limit. OK, or a status: then the connection can't go on. */
int body_read(request_rec *r, uint64_t limit, mcmp_request *request);

/* Everything else of a request: method, target, flags, host, sender, time. The peer is kept in the
 * request. */
void request_fill(request_rec *r, mcmp_request *request, mcmp_peer *peer);

/* Send an answer that is complete. */
void answer_send(request_rec *r, const mcmp_response *response);
/* Likewise, byte by byte as the library made it: a refusal keeps the connection, too. */
void answer_send_as_is(request_rec *r, const mcmp_response *response);
/* Before such a request is logged. */
int answer_log(request_rec *r);

#endif
