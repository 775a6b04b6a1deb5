/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Applying messages that a parser has read and decoded: STATUS, ENABLE-APP that changes nothing,
 * ENABLE-APP of one new pair.
 * Usage: bench_apply [NODES CONTEXTS ROUNDS]
 */
#include "bench.h"

#include <stdio.h>

/* Functions of their own, so that callgrind tells the three kinds apart. */
#define MEASURED __attribute__((noinline))
MEASURED int measure_status(mcmp_cluster *cluster, const mcmp_request *request,
                            mcmp_response *response);
MEASURED int measure_same(mcmp_cluster *cluster, const mcmp_request *request,
                          mcmp_response *response);
MEASURED int measure_new(mcmp_cluster *cluster, const mcmp_request *request,
                         mcmp_response *response);

MEASURED int measure_status(mcmp_cluster *cluster, const mcmp_request *request,
                            mcmp_response *response)
{
    int rc = mcmp_apply(cluster, request, response, NULL);

    return rc == MCMP_PENDING ? mcmp_apply_resume(cluster, request, response, 1, BENCH_NOW, NULL)
                              : rc;
}

MEASURED int measure_same(mcmp_cluster *cluster, const mcmp_request *request,
                          mcmp_response *response)
{
    int rc = mcmp_apply(cluster, request, response, NULL);

    __asm__ volatile("" ::: "memory"); /* keeps the three from being folded into one */
    return rc;
}

MEASURED int measure_new(mcmp_cluster *cluster, const mcmp_request *request,
                         mcmp_response *response)
{
    return mcmp_apply(cluster, request, response, NULL);
}

int main(int argc, char **argv)
{
    unsigned nodes = bench_argument(argc, argv, 1, 20);
    unsigned contexts = bench_argument(argc, argv, 2, 50);
    unsigned rounds = bench_argument(argc, argv, 3, 1000);
    mcmp_cluster *cluster = bench_cluster(nodes, contexts, 4);
    mcmp_parser *parser = bench_parser(cluster);
    mcmp_response *response;
    mcmp_request *request;
    char body[256];
    double seconds;

    bench_must("response", mcmp_response_new(&response, NULL, NULL), NULL);
    bench_begin();
    for (unsigned i = 0; i < rounds; i++) {
        unsigned node = i * 7 % nodes;

        (void)snprintf(body, sizeof(body), "JVMRoute=n%u&Load=%u", node, 50 + i % 50);
        request = bench_parse(parser, MCMP_COMMAND_STATUS, body);
        bench_must("STATUS", measure_status(cluster, request, response), NULL);
        (void)snprintf(body, sizeof(body), "JVMRoute=n%u&Alias=localhost&Context=%%2Fg%u%%2Fc%u",
                       node, node / 4, i % contexts);
        request = bench_parse(parser, MCMP_COMMAND_ENABLE_APP, body);
        bench_must("no change", measure_same(cluster, request, response), NULL);
        (void)snprintf(body, sizeof(body), "JVMRoute=n%u&Alias=localhost&Context=%%2Fnew%u", node,
                       i);
        request = bench_parse(parser, MCMP_COMMAND_ENABLE_APP, body);
        bench_must("new pair", measure_new(cluster, request, response), NULL);
    }
    seconds = bench_end();
    printf("STATUS, no change and a new pair, parsed and applied, %u nodes x %u contexts: %.0f ns "
           "together\n",
           nodes, contexts, seconds * 1e9 / rounds);
    mcmp_response_free(response);
    mcmp_parser_free(parser);
    mcmp_cluster_close(cluster);
    return 0;
}
