/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attempts to forward one request: what each of them came to, and whether another node may be
 * tried (MCMP 5.9).
 */
#ifndef MCMP_HTTPD_ATTEMPT_H
#define MCMP_HTTPD_ATTEMPT_H

#include "exchange.h"

/* The scheme_handler hook: the attempts are inside of it, so that mod_proxy sees only the last. */
int attempt_run(request_rec *r, proxy_worker *worker, proxy_server_conf *conf, char *url,
                const char *proxyhost, apr_port_t proxyport);
/* The create_req hook: mod_proxy_http is about to read an answer from `answer->connection`. */
int attempt_begins_answer(request_rec *r, request_rec *answer);
/* Registers the filter that tells whether an answer has begun. */
void attempt_register_filter(void);

#endif
