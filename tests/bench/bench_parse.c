/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsing messages of 200 bytes, head and body, into requests with their typed command.
 * Usage: bench_parse [ROUNDS]
 */
#include "bench.h"

#include <stdio.h>
#include <string.h>

#define HOST "Host: 127.0.0.1:6666\r\n"
#define AGENT "User-Agent: ClusterListener/1.0\r\n"

static const char config[] = "CONFIG / HTTP/1.1\r\n" HOST "Content-Length: 107\r\n"
                             "User-Agent: ClusterListener\r\n\r\n"
                             "JVMRoute=n1&Host=127.0.0.1&Maxattempts=1&Port=8009"
                             "&StickySessionForce=No&Type=ajp&ping=9&Balancer=mycluster";

static const char status[] =
    "STATUS / HTTP/1.1\r\n" HOST "Content-Length: 80\r\n" AGENT "Connection: Keep-Alive\r\n\r\n"
    "JVMRoute=node-7.rack-12.room-3.example.org-8f14e45fceea167a5a36dedd4bea2"
    "&Load=87";

static const char enable[] =
    "ENABLE-APP / HTTP/1.1\r\n" HOST "Content-Length: 76\r\n" AGENT "Connection: Keep-Alive\r\n\r\n"
    "JVMRoute=node-7.example.org-8f14e45fce&Alias=www.example.org"
    "&Context=%2Fshop";

/* A function per message, so that callgrind tells them apart. */
#define MEASURED __attribute__((noinline))
MEASURED void measure_config(mcmp_parser *parser);
MEASURED void measure_status(mcmp_parser *parser);
MEASURED void measure_enable(mcmp_parser *parser);

static inline void parse(mcmp_parser *parser, const char *message)
{
    size_t used;

    bench_must("feed", mcmp_parser_feed(parser, message, 200, &used, NULL), NULL);
}

MEASURED void measure_config(mcmp_parser *parser)
{
    parse(parser, config);
}

MEASURED void measure_status(mcmp_parser *parser)
{
    parse(parser, status);
}

MEASURED void measure_enable(mcmp_parser *parser)
{
    parse(parser, enable);
}

/* The bodies are decoded, and right. */
static void check(mcmp_parser *parser, const char *name)
{
    const mcmp_request *request = mcmp_parser_request(parser);
    mcmp_decoder *decoder;
    const mcmp_command *command;

    bench_must("decoder", mcmp_decoder_new(&decoder, NULL, NULL, NULL), NULL);
    bench_must(name, mcmp_decoder_decode(decoder, request, &command, NULL, NULL), NULL);
    if (request->decoded == NULL)
        fprintf(stderr, "%s: the body was not decoded\n", name);
    mcmp_decoder_free(decoder);
}

int main(int argc, char **argv)
{
    unsigned rounds = bench_argument(argc, argv, 1, 100000);
    mcmp_command_limits limits;
    mcmp_parser_options opts;
    mcmp_parser *parser;
    double seconds;

    if (sizeof(config) != 201 || sizeof(status) != 201 || sizeof(enable) != 201)
        fprintf(stderr, "the messages have %zu, %zu and %zu bytes\n", sizeof(config) - 1,
                sizeof(status) - 1, sizeof(enable) - 1);
    mcmp_command_limits_init(&limits);
    mcmp_parser_options_init(&opts);
    opts.limits = &limits;
    bench_must("parser", mcmp_parser_new(&parser, &opts, NULL), NULL);
    measure_config(parser);
    check(parser, "CONFIG");
    measure_status(parser);
    check(parser, "STATUS");
    measure_enable(parser);
    check(parser, "ENABLE-APP");
    bench_begin();
    for (unsigned i = 0; i < rounds; i++) {
        measure_config(parser);
        measure_status(parser);
        measure_enable(parser);
    }
    seconds = bench_end();
    printf("parse and decode 3 x 200 bytes: %.0f ns\n", seconds * 1e9 / rounds);
    mcmp_parser_free(parser);
    return 0;
}
