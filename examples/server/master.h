/* SPDX-License-Identifier: Apache-2.0 */
/* The master process: opens everything, forks the workers and keeps them running. */
#ifndef SERVER_MASTER_H
#define SERVER_MASTER_H

#include "config.h"

/* Makes a configuration anew from the file and flags of the command line; NULL with a complaint. */
typedef struct config *(*config_again_fn)(void *ctx, struct complaint *why);

/* Run until told to stop. Returns the exit code. Takes the configuration. */
int master_run(struct config *config, config_again_fn again, void *ctx);

#endif
