/* SPDX-License-Identifier: Apache-2.0 */
/* The access log: one line per request, collected and written in one piece. */
#ifndef SERVER_ACCESS_LOG_H
#define SERVER_ACCESS_LOG_H

struct worker;
struct exchange;
struct access_log;

struct access_log *access_log_new(struct worker *w);
void access_log_free(struct access_log *log);
void access_log_reopen(struct access_log *log);
/* The exchange is over. */
void access_log_write(struct access_log *log, const struct exchange *x);

#endif
