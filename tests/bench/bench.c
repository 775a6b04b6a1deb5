/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cluster builder, clock and callgrind marks of the benchmarks.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <valgrind/callgrind.h>

static struct timespec started;

void bench_must(const char *what, int rc, const mcmp_error *err)
{
    if (rc == MCMP_OK)
        return;
    fprintf(stderr, "%s: %s (%s)\n", what, mcmp_error_name(rc), err != NULL ? err->message : "");
    exit(1);
}

/* What the host knows of a request. */
static void set_sender(mcmp_request *request)
{
    static mcmp_peer peer;

    mcmp_peer_init(&peer);
    peer.has_address = 1;
    peer.address[10] = peer.address[11] = 0xff;
    peer.address[12] = 127;
    peer.address[15] = 1;
    request->now = BENCH_NOW;
    request->connection = 1;
    request->peer = &peer;
}

void bench_request(mcmp_request *request, uint32_t command, const char *body)
{
    mcmp_request_init(request);
    request->command = command;
    request->method.ptr = mcmp_command_name(command);
    request->method.len = strlen(request->method.ptr);
    request->target.ptr = "/";
    request->target.len = 1;
    request->body.ptr = body;
    request->body.len = strlen(body);
    request->body_size = request->body.len;
    set_sender(request);
}

mcmp_parser *bench_parser(mcmp_cluster *cluster)
{
    mcmp_parser_options opts;
    mcmp_parser *parser;

    mcmp_parser_options_init(&opts);
    opts.max_body = mcmp_cluster_max_message(cluster);
    opts.limits = mcmp_cluster_limits(cluster);
    bench_must("parser", mcmp_parser_new(&parser, &opts, NULL), NULL);
    return parser;
}

mcmp_request *bench_parse(mcmp_parser *parser, uint32_t command, const char *body)
{
    char message[1024];
    size_t used;
    int len = snprintf(message, sizeof(message),
                       "%s / HTTP/1.1\r\nHost: 127.0.0.1:6666\r\nContent-Length: %zu\r\n"
                       "User-Agent: ClusterListener/1.0\r\nConnection: Keep-Alive\r\n\r\n%s",
                       mcmp_command_name(command), strlen(body), body);

    bench_must("feed", mcmp_parser_feed(parser, message, (size_t)len, &used, NULL), NULL);
    set_sender(mcmp_parser_request(parser));
    return mcmp_parser_request(parser);
}

static void apply(mcmp_cluster *cluster, mcmp_response *response, uint32_t command,
                  const char *body)
{
    mcmp_request request;
    mcmp_error err;
    int rc;

    mcmp_error_init(&err);
    bench_request(&request, command, body);
    rc = mcmp_apply(cluster, &request, response, &err);
    if (rc == MCMP_PENDING) /* a STATUS wants its node probed first: it answered */
        rc = mcmp_apply_resume(cluster, &request, response, 1, BENCH_NOW, &err);
    bench_must(mcmp_command_name(command), rc, &err);
}

static void add_node(mcmp_cluster *cluster, mcmp_response *response, unsigned i, unsigned contexts,
                     unsigned group)
{
    char body[8192];
    unsigned next = 0;

    (void)snprintf(body, sizeof(body), "JVMRoute=n%u&Host=10.%u.%u.%u&Port=8080&Type=http", i,
                   i >> 16, i >> 8 & 255, i & 255);
    apply(cluster, response, MCMP_COMMAND_CONFIG, body);
    while (next < contexts) {
        int len = snprintf(body, sizeof(body), "JVMRoute=n%u&Alias=localhost&Context=", i);

        for (; next < contexts && (size_t)len < sizeof(body) - 64; next++)
            len += snprintf(body + len, sizeof(body) - (size_t)len, "/g%u/c%u,", group, next);
        body[len - 1] = '\0';
        apply(cluster, response, MCMP_COMMAND_ENABLE_APP, body);
    }
    (void)snprintf(body, sizeof(body), "JVMRoute=n%u&Load=100", i);
    apply(cluster, response, MCMP_COMMAND_STATUS, body);
}

mcmp_cluster *bench_cluster(unsigned nodes, unsigned contexts, unsigned sharing)
{
    mcmp_cluster_options opts;
    mcmp_cluster *cluster;
    mcmp_response *response;
    mcmp_error err;

    mcmp_error_init(&err);
    mcmp_cluster_options_init(&opts);
    opts.random_seed = 42;
    opts.now = BENCH_NOW;
    bench_must("open", mcmp_cluster_open(&cluster, &opts, &err), &err);
    bench_must("response", mcmp_response_new(&response, NULL, &err), &err);
    for (unsigned i = 0; i < nodes; i++)
        add_node(cluster, response, i, contexts, i / sharing);
    mcmp_response_free(response);
    return cluster;
}

unsigned bench_argument(int argc, char **argv, int index, unsigned otherwise)
{
    unsigned value = 0;

    if (index >= argc)
        return otherwise;
    for (const char *digit = argv[index]; *digit >= '0' && *digit <= '9'; digit++)
        value = value * 10 + (unsigned)(*digit - '0');
    return value;
}

void bench_begin(void)
{
    (void)clock_gettime(CLOCK_MONOTONIC, &started);
    CALLGRIND_START_INSTRUMENTATION;
}

double bench_end(void)
{
    struct timespec now;

    CALLGRIND_STOP_INSTRUMENTATION;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - started.tv_sec) + (double)(now.tv_nsec - started.tv_nsec) / 1e9;
}
