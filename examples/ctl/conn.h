/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection to a proxy's management port, plain or TLS. It is opened by the first question and
 * kept; one that the proxy closed meanwhile is opened anew once, as MCMP 1 expects of clients.
 */
#ifndef CTL_CONN_H
#define CTL_CONN_H

#include "ctl.h"

/* 0, or -1 without memory. */
int ctl_conn_new(ctl_conn **out, const ctl_options *options);
void ctl_conn_free(ctl_conn *conn);

/* Send a message (its path, host header and user agent are filled in) and wait for its answer,
 * which stays valid until the next question. CTL_OK for an answer of any status, else
 * CTL_UNREACHABLE, told. */
int ctl_ask(ctl *c, mcmp_message *message, const mcmp_answer_info **out);

/* The same, for answers that must be a success: CTL_REFUSED, told, when it is none. */
int ctl_must(ctl *c, mcmp_message *message, const mcmp_answer_info **out);

#endif
