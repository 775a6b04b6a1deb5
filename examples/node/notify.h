/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to the service manager that started the program: a datagram to NOTIFY_SOCKET, as
 * sd_notify(3) describes it. Without that variable nothing is sent.
 */
#ifndef NODE_NOTIFY_H
#define NODE_NOTIFY_H

#include <stdint.h>

int node_notify(const char *text); /* 1: sent, 0: nobody listens, -1: errno */

/* How often the manager wants to hear `WATCHDOG=1`, in ms; 0 = never. */
uint64_t node_notify_watchdog(void);

#endif
