/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the server known by multicast, from the master: one process, whatever becomes of workers.
 * What can't work is an error at the start; a network that is not there yet is waited for.
 */
#ifndef SERVER_ADVERTISE_H
#define SERVER_ADVERTISE_H

#include <libmcmp/advertise.h>
#include <libmcmp/multicast.h>

#include "config.h"
#include "log.h"
#include "sockets.h"

struct advertise {
    mcmp_multicast *socket; /* NULL: off */
    mcmp_advertiser *advertiser;
    int failing; /* the last datagram was not sent */
};

/* What the options must satisfy together. 0, or -1 with the complaint. */
int advertise_check(const struct config *config, struct complaint *why);
/* After the sockets are open; nothing is sent yet. 0, or -1 with the complaint. */
int advertise_open(struct advertise *a, const struct config *config,
                   const struct listening_set *sockets, struct complaint *why);
/* Send what is due; returns when to call again, MCMP_NEVER when advertise is off. */
mcmp_time advertise_run(struct advertise *a, mcmp_time now);
/* The server stops: say so now, when it was announced. */
void advertise_stop(struct advertise *a, mcmp_time now);
/* Without a word: also for processes that inherited it. */
void advertise_close(struct advertise *a);

#endif
