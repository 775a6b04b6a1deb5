/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsing a message of 200 bytes, and decoding its body into a typed command.
 * Usage: bench_parse [ROUNDS]
 */
#include "bench.h"

#include <stdio.h>
#include <string.h>

static const char message[] = "CONFIG / HTTP/1.1\r\n"
                              "Host: 127.0.0.1:6666\r\n"
                              "Content-Length: 107\r\n"
                              "User-Agent: ClusterListener\r\n\r\n"
                              "JVMRoute=n1&Host=127.0.0.1&Maxattempts=1&Port=8009"
                              "&StickySessionForce=No&Type=ajp&ping=9&Balancer=mycluster";

int main(int argc, char **argv)
{
    unsigned rounds = bench_argument(argc, argv, 1, 100000);
    mcmp_parser *parser;
    mcmp_decoder *decoder;
    double seconds;

    if (sizeof(message) - 1 != 200)
        fprintf(stderr, "the message has %zu bytes\n", sizeof(message) - 1);
    bench_must("parser", mcmp_parser_new(&parser, NULL, NULL), NULL);
    bench_must("decoder", mcmp_decoder_new(&decoder, NULL, NULL, NULL), NULL);
    bench_begin();
    for (unsigned i = 0; i < rounds; i++) {
        const mcmp_command *command;
        size_t used;

        bench_must("feed", mcmp_parser_feed(parser, message, sizeof(message) - 1, &used, NULL),
                   NULL);
        bench_must("decode",
                   mcmp_decoder_decode(decoder, mcmp_parser_request(parser), &command, NULL, NULL),
                   NULL);
    }
    seconds = bench_end();
    printf("parse and decode 200 bytes: %.0f ns\n", seconds * 1e9 / rounds);
    mcmp_decoder_free(decoder);
    mcmp_parser_free(parser);
    return 0;
}
