/* SPDX-License-Identifier: Apache-2.0 */
/* GET /metrics of the management port: the cluster in the text format of Prometheus. */
#ifndef SERVER_METRICS_H
#define SERVER_METRICS_H

#include <libmcmp/libmcmp.h>

struct worker;

/* 1 when the request is for this page. */
int metrics_wanted(const mcmp_request *request);
/* Answer it; the peer is judged like for the page. A result like that of mcmp_apply(). */
int metrics_answer(struct worker *w, const mcmp_request *request, mcmp_response *response);

#endif
