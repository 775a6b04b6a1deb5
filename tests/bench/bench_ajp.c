/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the proxy does with AJP for one request: a browser's head of 12 lines and two cookies as a
 * Forward Request (TELL 1: with all that a host may add), a container's head, and the framing of
 * bodies both ways. Usage: bench_ajp [ROUNDS [TELL]]
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char request[] =
    "GET /shop/catalogue/item;v=2?id=4711&lang=en HTTP/1.1\r\n"
    "Host: www.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: de,en-US;q=0.7,en;q=0.3\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Referer: https://www.example.com/shop/catalogue?lang=en\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: JSESSIONID=0123456789ABCDEF0123456789ABCDEF.node1; theme=dark\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "Sec-Fetch-Dest: document\r\n"
    "Sec-Fetch-Mode: navigate\r\n"
    "If-None-Match: W/\"4711-1700000000000\"\r\n\r\n";

static const mcmp_pair lines[] = {
    { { "Set-Cookie", 10 },
      { "JSESSIONID=0123456789ABCDEF0123456789ABCDEF.node1; Path=/shop; HttpOnly", 71 } },
    { { "ETag", 4 }, { "W/\"4711-1700000000000\"", 22 } },
    { { "Last-Modified", 13 }, { "Tue, 14 Nov 2023 22:13:20 GMT", 29 } },
    { { "Content-Type", 12 }, { "text/html;charset=UTF-8", 23 } },
    { { "Content-Length", 14 }, { "8184", 4 } },
    { { "Date", 4 }, { "Fri, 20 Nov 2026 07:00:00 GMT", 29 } },
};

static int telling; /* X-Forwarded lines, own address, route and secret as well */
static char out[65536];
static char answer[2048];
static char content[65536];

static size_t forward(mcmp_ajp_proxy *proxy, const mcmp_http_head *head,
                      const mcmp_http_target *target, uint32_t framing)
{
    static const mcmp_span client = { "192.0.2.17", 10 };
    static const mcmp_span local = { "192.0.2.1", 9 };
    static const mcmp_span route = { "node1", 5 };
    static const mcmp_span secret = { "s3cret-1", 8 };
    mcmp_http_forward how;
    mcmp_ajp_facts facts;
    size_t len;

    mcmp_http_forward_init(&how);
    mcmp_ajp_facts_init(&facts);
    how.target = target;
    how.client = client;
    if (telling) {
        how.flags = MCMP_HTTP_FORWARD_X;
        facts.local_addr = local;
        facts.jvm_route = route;
        facts.secret = secret;
    }
    how.framing = framing;
    facts.remote_port = 40000;
    bench_must(
        "encode",
        mcmp_ajp_proxy_encode_request(proxy, head, &how, &facts, out, sizeof(out), &len, NULL),
        NULL);
    mcmp_ajp_proxy_sent(proxy, len);
    return len;
}

/* The head of an answer, as the container's side writes it to the request in out. */
static size_t write_answer(size_t request_len)
{
    mcmp_ajp_container *container;
    mcmp_ajp_options opts;
    mcmp_ajp_event event;
    size_t len;

    mcmp_ajp_event_init(&event);
    mcmp_ajp_options_init(&opts);
    bench_must("container", mcmp_ajp_container_new(&container, &opts, NULL), NULL);
    bench_must("request", mcmp_ajp_container_feed(container, out, request_len, &len, &event, NULL),
               NULL);
    bench_must("head",
               mcmp_ajp_container_encode_head(container, 200, lines,
                                              sizeof(lines) / sizeof(lines[0]), answer,
                                              sizeof(answer), &len, NULL),
               NULL);
    mcmp_ajp_container_free(container);
    return len;
}

static void take(mcmp_ajp_proxy *proxy, const char *data, size_t len)
{
    mcmp_ajp_event event;
    size_t at = 0;

    mcmp_ajp_event_init(&event);
    while (at < len) {
        size_t used;
        int rc = mcmp_ajp_proxy_feed(proxy, data + at, len - at, &used, &event, NULL);

        bench_must("answer", rc == MCMP_NEED_MORE ? MCMP_OK : rc, NULL);
        at += used;
    }
}

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* An answer of chunks of 8184 bytes that came in reads of eight of them; then an upload. */
static void measure_bodies(mcmp_ajp_proxy *proxy, const mcmp_http_head *head,
                           const mcmp_http_target *target, unsigned rounds)
{
    static const char ok[] = "AB\0\x07\x04\0\xc8\xff\xff\0\0";
    static const char get[] = "AB\0\x03\x06\xff\xff";
    static const char chunk[] = "AB\x1f\xfc\x03\x1f\xf8";
    double from;
    double copied;

    for (int i = 0; i < 7; i++) {
        memcpy(content + i * 8192, chunk, sizeof(chunk) - 1);
        content[i * 8192 + 8191] = 0;
    }
    (void)forward(proxy, head, target, MCMP_HTTP_FRAMING_CHUNKED);
    take(proxy, ok, sizeof(ok) - 1);
    from = now();
    for (unsigned i = 0; i < rounds; i++)
        take(proxy, content, 7 * 8192);
    from = now() - from;
    copied = now();
    for (unsigned i = 0; i < rounds; i++)
        memcpy(out, content + (i & 7), 7 * 8192);
    copied = now() - copied;
    printf("answer's chunks: %.1f GB/s, a copy of them %.1f GB/s\n",
           (double)rounds * 7 * 8184 / from * 1e-9, (double)rounds * 7 * 8192 / copied * 1e-9);
    from = now();
    for (unsigned i = 0; i < rounds; i++) {
        mcmp_ajp_frame frame;

        mcmp_ajp_frame_init(&frame);
        take(proxy, get, sizeof(get) - 1);
        bench_must("body", mcmp_ajp_proxy_encode_body(proxy, sizeof(content), 0, &frame, NULL),
                   NULL);
        mcmp_ajp_proxy_sent(proxy, frame.head_len + frame.take);
    }
    printf("packets of an upload: %.1f GB/s\n", (double)rounds * 8186 / (now() - from) * 1e-9);
}

int main(int argc, char **argv)
{
    unsigned rounds = bench_argument(argc, argv, 1, 100000);
    mcmp_http_target target;
    mcmp_http_head *client;
    mcmp_ajp_proxy *proxy;
    size_t head_len;
    char room[256];
    double seconds;

    telling = bench_argument(argc, argv, 2, 0) != 0;
    bench_must("head", mcmp_http_head_new(&client, NULL, NULL), NULL);
    bench_must("proxy", mcmp_ajp_proxy_new(&proxy, NULL, NULL), NULL);
    mcmp_http_target_init(&target);
    bench_must("request", mcmp_http_head_parse_request(client, request, sizeof(request) - 1, NULL),
               NULL);
    bench_must(
        "target",
        mcmp_http_target_parse(mcmp_http_head_info(client), 0, room, sizeof(room), &target, NULL),
        NULL);
    head_len = write_answer(forward(proxy, client, &target, MCMP_HTTP_FRAMING_AUTO));
    mcmp_ajp_proxy_reset(proxy);
    bench_begin();
    for (unsigned i = 0; i < rounds; i++) {
        (void)forward(proxy, client, &target, MCMP_HTTP_FRAMING_AUTO);
        take(proxy, answer, head_len);
        mcmp_ajp_proxy_reset(proxy);
    }
    seconds = bench_end();
    printf("head of 12 lines out, one of %zu bytes in: %.0f ns\n", head_len,
           seconds * 1e9 / rounds);
    mcmp_ajp_proxy_reset(proxy);
    measure_bodies(proxy, client, &target, rounds);
    mcmp_ajp_proxy_free(proxy);
    mcmp_http_head_free(client);
    return 0;
}
