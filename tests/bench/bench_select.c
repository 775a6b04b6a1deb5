/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Choosing a node and giving it back: a cookie header of 200 bytes without a session, a path of
 * four segments. Usage: bench_select [NODES CONTEXTS SHARING ROUNDS]
 */
#include "bench.h"

#include <stdio.h>
#include <string.h>

#define COOKIES                                                                 \
    "theme=dark; lang=en; _ga=GA1.2.1089234765.1700000000; consent=0123456789;" \
    " cart=7d1f2c3b4a5968778695a4b3c2d1e0ff; seen=1,2,3,4,5,6,7,8,9; csrf=ab"   \
    "cdef0123456789abcdef0123456789abcdef0123456789abcdef0123"

static mcmp_span span(const char *text)
{
    mcmp_span s = { text, strlen(text) };

    return s;
}

static void choose(mcmp_cluster *cluster, mcmp_query *query, unsigned groups, unsigned contexts,
                   unsigned rounds)
{
    mcmp_selection selection;
    mcmp_outcome outcome;

    mcmp_selection_init(&selection);
    mcmp_outcome_init(&outcome);
    for (unsigned i = 0; i < rounds; i++) {
        char path[64];

        (void)snprintf(path, sizeof(path), "/g%u/c%u/items/4711", i * 7 % groups, i % contexts);
        query->path = span(path);
        bench_must("select", mcmp_select_node(cluster, query, &selection, NULL), NULL);
        bench_must("release", mcmp_selection_release(cluster, &selection, &outcome), NULL);
    }
}

int main(int argc, char **argv)
{
    unsigned nodes = bench_argument(argc, argv, 1, 20);
    unsigned contexts = bench_argument(argc, argv, 2, 50);
    unsigned sharing = bench_argument(argc, argv, 3, 4);
    unsigned rounds = bench_argument(argc, argv, 4, 100000);
    unsigned groups = (nodes + sharing - 1) / sharing;
    mcmp_cluster *cluster = bench_cluster(nodes, contexts, sharing);
    mcmp_span cookies = span(COOKIES);
    mcmp_query query;
    double seconds;

    if (cookies.len != 200)
        fprintf(stderr, "the cookie header has %zu bytes\n", cookies.len);
    mcmp_query_init(&query);
    query.now = BENCH_NOW;
    query.host = span("localhost");
    query.cookies = &cookies;
    query.cookie_count = 1;
    choose(cluster, &query, groups, contexts, rounds); /* new nodes get their start value */
    bench_begin();
    choose(cluster, &query, groups, contexts, rounds);
    seconds = bench_end();
    printf("select and release, %u nodes x %u contexts, %u nodes each: %.0f ns\n", nodes, contexts,
           sharing, seconds * 1e9 / rounds);
    mcmp_cluster_close(cluster);
    return 0;
}
