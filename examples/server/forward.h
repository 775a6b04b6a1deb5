/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of forwarding; the work itself is declared in exchange.h. */
#ifndef SERVER_FORWARD_H
#define SERVER_FORWARD_H

#include "config.h"

/* How long a client that asked for it waits for the node's 100 before we send ours. */
#define CONTINUE_PATIENCE 1000000

void forward_init(const struct config *config);

#endif
