/* SPDX-License-Identifier: Apache-2.0 */
/* Probes: is there somebody at a node's endpoint (MCMP 6)? */
#ifndef MCMP_HTTPD_PROBE_H
#define MCMP_HTTPD_PROBE_H

#include <poll.h>

#include "module.h"

#define PROBE_RUNS 0
#define PROBE_GOOD 1
#define PROBE_BAD 2
#define PROBE_LOST 3 /* something is missing here: that says nothing of the node */

struct probe;

/* Begin a probe; what is copied. NULL without memory. */
struct probe *probe_start(const mcmp_probe *what);
/* Ask once more, with a deadline of its own. */
void probe_again(struct probe *probe, mcmp_time deadline);
/* Go as far as possible without waiting: PROBE_*. */
int probe_step(struct probe *probe, mcmp_time now);
/* What to wait for before the next step; fd is -1 when only time can tell. Returns when to step at
 * the latest. */
mcmp_time probe_wants(const struct probe *probe, struct pollfd *out);
/* Why it failed; static text, or NULL. */
const char *probe_why(const struct probe *probe);
void probe_free(struct probe *probe);

/* A whole probe in this thread: 1 good, 0 bad. Returns at its deadline at the latest. */
int probe_run(const mcmp_probe *what, const char **why);

#endif
