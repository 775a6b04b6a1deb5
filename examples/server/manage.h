/* SPDX-License-Identifier: Apache-2.0 */
/* The management port: MCMP messages and the page (MCMP 1, 2). Any worker may serve it. */
#ifndef SERVER_MANAGE_H
#define SERVER_MANAGE_H

#include <sys/socket.h>

struct worker;

/* Take a connection; the descriptor is ours. */
void manage_start(struct worker *w, int fd, const struct sockaddr *peer, int tls);
/* The worker leaves: idle connections are closed, others after their answer. */
void manage_leave(struct worker *w);
void manage_close_all(struct worker *w);

#endif
