/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shows: bytes of a management connection -> parser -> mcmp_apply() -> bytes of the answer.
 * Imitates: any server that hands the bytes of its management port to the library, in whatever
 * pieces they arrive. A node registers here with CONFIG, ENABLE-APP and STATUS and asks for INFO.
 */
#include "example.h"

static const char session[] = "CONFIG / HTTP/1.1\r\nHost: proxy\r\nContent-Length: 46\r\n\r\n"
                              "JVMRoute=n1&Host=127.0.0.1&Port=8081&Type=http"
                              "ENABLE-APP / HTTP/1.1\r\nHost: proxy\r\nContent-Length: 46\r\n\r\n"
                              "JVMRoute=n1&Alias=localhost%2Cb&Context=%2Fapp"
                              "STATUS / HTTP/1.1\r\nHost: proxy\r\nContent-Length: 19\r\n\r\n"
                              "JVMRoute=n1&Load=75"
                              "STATUS / HTTP/1.1\r\nHost: proxy\r\nContent-Length: 20\r\n\r\n"
                              "JVMRoute=n2&Load=100"
                              "INFO / HTTP/1.1\r\nHost: proxy\r\n\r\n";

typedef struct demo_host {
    mcmp_cluster *cluster;
    mcmp_parser *parser;
    mcmp_response *response;
    char statuses[64];    /* of the answers, e.g. "200 200 " */
    char last_body[1024]; /* of the last answer */
} demo_host;

/* What a server would write to the connection goes to the standard output here. */
static void show_answer(demo_host *host)
{
    mcmp_span head = mcmp_response_head(host->response);
    mcmp_span body = mcmp_response_body(host->response);
    size_t len = strlen(host->statuses);

    (void)printf("%.*s%.*s\n", (int)head.len, head.ptr, (int)body.len, body.len ? body.ptr : "");
    (void)snprintf(host->statuses + len, sizeof(host->statuses) - len, "%u ",
                   mcmp_response_status(host->response));
    (void)snprintf(host->last_body, sizeof(host->last_body), "%.*s", (int)body.len,
                   body.len ? body.ptr : "");
}

static void apply(demo_host *host, mcmp_time now)
{
    mcmp_request *request = mcmp_parser_request(host->parser);
    mcmp_error err;
    int rc;

    request->now = now; /* what only the host knows; request->peer would be the sender's address */
    request->connection = 1;
    mcmp_error_init(&err);
    rc = mcmp_apply(host->cluster, request, host->response, &err);
    /* STATUS wants the node probed. A server does that and comes back; here every node is well. */
    while (rc == MCMP_PENDING)
        rc = mcmp_apply_resume(host->cluster, request, host->response, 1, now, &err);
    /* A refusal is answered like a success, so only what has no answer is a failure of ours. */
    check(rc == MCMP_OK || rc == MCMP_ERR_UNKNOWN_NODE, err.message);
    if (rc != MCMP_OK)
        (void)printf("refused: %s (%s)\n", mcmp_error_name(rc), err.message);
    show_answer(host);
}

static void feed(demo_host *host, const char *data, size_t len, mcmp_time now)
{
    size_t off = 0;

    while (off < len) {
        size_t used = 0;
        mcmp_error err;
        int rc;

        mcmp_error_init(&err);
        rc = mcmp_parser_feed(host->parser, data + off, len - off, &used, &err);
        check(rc >= 0, err.message);
        off += used;
        if (rc == MCMP_OK)
            apply(host, now);
    }
}

int main(void)
{
    static const char node[] = "Node: [1],Name: n1,Balancer: mycluster,LBGroup: ,Host: 127.0.0.1,"
                               "Port: 8081,Type: http,";
    demo_host host = { 0 };
    mcmp_cluster_options options;
    mcmp_parser_options parsing;
    mcmp_error err;

    mcmp_error_init(&err);
    mcmp_cluster_options_init(&options);
    options.now = MCMP_SEC;
    options.allow = "any"; /* there is no peer address in this program */
    check(mcmp_cluster_open(&host.cluster, &options, &err) == MCMP_OK, err.message);
    mcmp_parser_options_init(&parsing);
    parsing.max_body = mcmp_cluster_max_message(host.cluster);
    parsing.limits = mcmp_cluster_limits(host.cluster); /* bodies are decoded by the parser */
    check(mcmp_parser_new(&host.parser, &parsing, &err) == MCMP_OK, err.message);
    check(mcmp_response_new(&host.response, NULL, &err) == MCMP_OK, err.message);

    /* The network cuts as it likes; the result is the same for every size of a piece. */
    for (size_t at = 0; at < sizeof(session) - 1; at += 7)
        feed(&host, session + at, sizeof(session) - 1 - at < 7 ? sizeof(session) - 1 - at : 7,
             2 * MCMP_SEC);

    check(strcmp(host.statuses, "200 200 200 500 200 ") == 0, host.statuses);
    check(strncmp(host.last_body, node, sizeof(node) - 1) == 0, host.last_body);
    check(strstr(host.last_body, "Load: 75\n") != NULL, "the load was not taken");
    check(strstr(host.last_body, "Alias: b\n") != NULL, "the alias is missing");
    check(strstr(host.last_body, "Context: /app, Status: ENABLED\n") != NULL, "no context");

    mcmp_response_free(host.response);
    mcmp_parser_free(host.parser);
    mcmp_cluster_close(host.cluster);
    (void)puts("parse_apply: ok");
    return 0;
}
