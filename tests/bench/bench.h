/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the benchmarks share: a cluster of a given size built by messages, the clock, and marks
 * between which callgrind counts. Only the public interface is used, as a host would.
 */
#ifndef MCMP_BENCH_H
#define MCMP_BENCH_H

#include <libmcmp/libmcmp.h>

/* Ends the program with a message when rc is not MCMP_OK. */
void bench_must(const char *what, int rc, const mcmp_error *err);

/*
 * nodes with contexts each; every group of `sharing` nodes serves the same contexts: node i has
 * /g<i / sharing>/c<j>, JVMRoute n<i>, Load 100.
 */
mcmp_cluster *bench_cluster(unsigned nodes, unsigned contexts, unsigned sharing);

/* A request of the management port as a host with a parser of its own hands it over; body must
 * stay. */
void bench_request(mcmp_request *request, uint32_t command, const char *body);

/* A parser as mcmp-server has it, and what it makes of a message; view, until the next one. */
mcmp_parser *bench_parser(mcmp_cluster *cluster);
mcmp_request *bench_parse(mcmp_parser *parser, uint32_t command, const char *body);

/* Number of an argument, or the default when it is not given. */
unsigned bench_argument(int argc, char **argv, int index, unsigned otherwise);

/* callgrind counts from begin to end; the seconds between them are returned. */
void bench_begin(void);
double bench_end(void);

/* Time of the host in the benchmark: stands still, so that every run is the same. */
#define BENCH_NOW ((mcmp_time)1000 * MCMP_SEC)

#endif
