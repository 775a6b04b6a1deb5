/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the proxy does with HTTP for one request: parse a browser's head, make its target canonical,
 * write the head for the node, parse the node's head, write the one for the client, take a chunked
 * body apart. Usage: bench_http [ROUNDS]
 */
#include "bench.h"

#include <stdio.h>
#include <string.h>

static const char request[] =
    "GET /shop/catalogue/item;v=2?id=4711&lang=en HTTP/1.1\r\n"
    "Host: www.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml\r\n"
    "Accept-Encoding: gzip, deflate\r\n"
    "Cookie: JSESSIONID=0123456789abcdef.node1; theme=dark\r\n"
    "Connection: keep-alive\r\n\r\n";
static const char response[] = "HTTP/1.1 200 OK\r\n"
                               "Server: node/1.0\r\n"
                               "Date: Fri, 20 Nov 2026 07:00:00 GMT\r\n"
                               "Content-Type: text/html; charset=utf-8\r\n"
                               "Content-Length: 64\r\n"
                               "Cache-Control: no-cache\r\n"
                               "Set-Cookie: theme=dark; Path=/; HttpOnly\r\n"
                               "Connection: keep-alive\r\n\r\n";
static const char chunks[] = "10\r\n0123456789abcdef\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n";

static char out[4096];
static char room[1024];

static void forward(const mcmp_http_head *head, const mcmp_http_target *target)
{
    static const mcmp_span client = { "192.0.2.17", 10 };
    mcmp_http_forward how;
    size_t len;

    mcmp_http_forward_init(&how);
    how.target = target;
    how.client = client;
    how.flags = MCMP_HTTP_FORWARD_X;
    bench_must("encode request", mcmp_http_encode_request(head, &how, out, sizeof(out), &len, NULL),
               NULL);
}

static void reply(const mcmp_http_head *head)
{
    mcmp_http_reply how;
    size_t len;

    mcmp_http_reply_init(&how);
    how.minor = 1;
    how.flags = MCMP_HTTP_KEEP_ALIVE;
    bench_must("encode response",
               mcmp_http_encode_response(head, &how, out, sizeof(out), &len, NULL), NULL);
}

static void take_chunks(void)
{
    mcmp_http_body body;
    mcmp_span span;
    size_t off = 0;
    size_t used;
    int rc;

    mcmp_http_body_init(&body);
    bench_must("body", mcmp_http_body_start(&body, MCMP_HTTP_FRAMING_CHUNKED, 0, NULL), NULL);
    do {
        rc = mcmp_http_body_feed(&body, chunks + off, sizeof(chunks) - 1 - off, &used, &span, NULL);
        off += used;
    } while (rc == MCMP_OK);
    bench_must("chunks", rc == MCMP_DONE ? MCMP_OK : rc, NULL);
}

int main(int argc, char **argv)
{
    unsigned rounds = bench_argument(argc, argv, 1, 100000);
    mcmp_http_head *client;
    mcmp_http_head *node;
    double seconds;

    bench_must("head", mcmp_http_head_new(&client, NULL, NULL), NULL);
    bench_must("head", mcmp_http_head_new(&node, NULL, NULL), NULL);
    bench_begin();
    for (unsigned i = 0; i < rounds; i++) {
        mcmp_http_target target;

        mcmp_http_target_init(&target);
        bench_must("request",
                   mcmp_http_head_parse_request(client, request, sizeof(request) - 1, NULL), NULL);
        bench_must("target",
                   mcmp_http_target_parse(mcmp_http_head_info(client), 0, room, sizeof(room),
                                          &target, NULL),
                   NULL);
        forward(client, &target);
        bench_must("response",
                   mcmp_http_head_parse_response(node, MCMP_HTTP_GET, response,
                                                 sizeof(response) - 1, NULL),
                   NULL);
        reply(node);
        take_chunks();
    }
    seconds = bench_end();
    printf("heads of %zu and %zu bytes there and back: %.0f ns\n", sizeof(request) - 1,
           sizeof(response) - 1, seconds * 1e9 / rounds);
    mcmp_http_head_free(node);
    mcmp_http_head_free(client);
    return 0;
}
