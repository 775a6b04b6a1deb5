/* SPDX-License-Identifier: Apache-2.0 */
/* Probes of nodes and endpoints (MCMP 6), in the background, each with one deadline. */
#ifndef SERVER_PROBE_H
#define SERVER_PROBE_H

#include <libmcmp/response.h>

struct worker;
struct probe;

/* ok 1: the endpoint answered as it should, and why tells what that leaves open, or is NULL; else
 * why tells what failed. */
typedef void (*probe_fn)(void *ctx, int ok, const char *why);

/* Start one; the description is copied. fn is called later, once. NULL without memory. */
struct probe *probe_start(struct worker *w, const mcmp_probe *what, probe_fn fn, void *ctx);
/* fn will not be called; NULL is allowed. */
void probe_cancel(struct probe *p);

#endif
