/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines on stderr: time, level, subject, text. Bytes that are no printable ASCII are shown as
 * %XX, since texts of balancers end up here.
 */
#ifndef NODE_LOG_H
#define NODE_LOG_H

#include <libmcmp/base.h>

void node_log_level(int level); /* MCMP_LOG_* */
void node_log_line(int level, const char *text);
int node_log_open(const char *file); /* again at SIGHUP; 0, or -1: errno, the old one stays */
void node_log(int level, const char *subject, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
