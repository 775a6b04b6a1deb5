/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shows: choosing a node for a request, and giving the choice back with what came of it: balancing,
 * sessions, failover to another node, draining.
 * Imitates: the request path of a proxy. It parses requests of the management port by itself here:
 * a host may fill mcmp_request as it likes.
 */
#include "example.h"

static mcmp_cluster *cluster;
static mcmp_response *response;
static mcmp_time now = MCMP_SEC;

/* One message of a node, every probe of which is answered well. */
static void tell(uint32_t command, const char *body)
{
    mcmp_request request;
    mcmp_error err;
    int rc;

    mcmp_error_init(&err);
    mcmp_request_init(&request);
    request.command = command;
    request.target = text_of("/");
    request.body = text_of(body);
    request.body_size = request.body.len;
    request.now = now;
    rc = mcmp_apply(cluster, &request, response, &err);
    while (rc == MCMP_PENDING)
        rc = mcmp_apply_resume(cluster, &request, response, 1, now, &err);
    check(rc == MCMP_OK, err.message);
}

static void add_node(const char *route, int port)
{
    char body[160];

    (void)snprintf(body, sizeof(body),
                   "JVMRoute=%s&Host=127.0.0.1&Port=%d&Type=http&StickySessionForce=No", route,
                   port);
    tell(MCMP_COMMAND_CONFIG, body);
    (void)snprintf(body, sizeof(body), "JVMRoute=%s&Alias=localhost&Context=/app", route);
    tell(MCMP_COMMAND_ENABLE_APP, body);
    (void)snprintf(body, sizeof(body), "JVMRoute=%s&Load=100", route);
    tell(MCMP_COMMAND_STATUS, body);
}

/* One request: choose, "forward", give back. Returns what select said, route gets the node's name. */
static int serve(const char *path, const char *cookie, uint32_t result, char route[64])
{
    mcmp_span line = text_of(cookie);
    mcmp_query query;
    mcmp_selection selection;
    mcmp_outcome outcome;
    mcmp_error err;
    int rc;

    mcmp_error_init(&err);
    mcmp_query_init(&query);
    query.now = now += MCMP_MSEC;
    query.host = text_of("localhost");
    query.path = text_of(path);
    query.cookies = &line;
    query.cookie_count = cookie[0] != '\0';
    mcmp_selection_init(&selection);
    rc = mcmp_select_node(cluster, &query, &selection, &err);
    check(rc >= 0, err.message);
    (void)printf("%-6s %-28s -> ", path, cookie);
    if (rc != MCMP_OK) {
        (void)printf("%s, answer %u\n", mcmp_error_name(rc), selection.status);
        return rc;
    }
    (void)snprintf(route, 64, "%.*s", (int)selection.route.len, selection.route.ptr);
    (void)printf("%s at port %u (%s)\n", route, selection.port, mcmp_reason_name(selection.reason));
    mcmp_outcome_init(&outcome);
    outcome.result = result;
    outcome.bytes_sent = 100;
    outcome.bytes_read = 1000;
    outcome.now = now;
    check(mcmp_selection_release(cluster, &selection, &outcome) == MCMP_OK, "not released");
    check(mcmp_selection_release(cluster, &selection, &outcome) == MCMP_ERR_RELEASED,
          "a selection can be released once only");
    return rc;
}

int main(void)
{
    mcmp_cluster_options options;
    mcmp_error err;
    char route[64];
    int first = 0;

    mcmp_error_init(&err);
    mcmp_cluster_options_init(&options);
    options.now = now;
    options.allow = "any";
    check(mcmp_cluster_open(&cluster, &options, &err) == MCMP_OK, err.message);
    check(mcmp_response_new(&response, NULL, &err) == MCMP_OK, err.message);
    check(serve("/app", "", MCMP_OUTCOME_OK, route) == MCMP_NOT_OURS, "nobody is registered");
    add_node("n1", 8081);
    add_node("n2", 8082);

    for (int i = 0; i < 10; i++) {
        check(serve("/app", "", MCMP_OUTCOME_OK, route) == MCMP_OK, "no node");
        first += strcmp(route, "n1") == 0;
    }
    check(first == 5, "two nodes of the same load get half of the requests each");
    check(serve("/other", "", MCMP_OUTCOME_OK, route) == MCMP_NOT_OURS, "an unknown context");
    check(serve("/app", "JSESSIONID=abc.n2", MCMP_OUTCOME_OK, route) == MCMP_OK, "no node");
    check(strcmp(route, "n2") == 0, "a session stays at its node");

    tell(MCMP_COMMAND_DISABLE_APP, "JVMRoute=n2&Alias=localhost&Context=/app");
    check(serve("/app", "", MCMP_OUTCOME_OK, route) == MCMP_OK && strcmp(route, "n1") == 0,
          "new sessions avoid a node that drains");
    check(serve("/app", "JSESSIONID=abc.n2", MCMP_OUTCOME_OK, route) == MCMP_OK, "no node");
    check(strcmp(route, "n2") == 0, "old ones still reach it");

    /* n2 breaks: the failed forward puts it into error, its session goes elsewhere. */
    check(serve("/app", "JSESSIONID=abc.n2", MCMP_OUTCOME_CONNECT, route) == MCMP_OK, "no node");
    check(serve("/app", "JSESSIONID=abc.n2", MCMP_OUTCOME_OK, route) == MCMP_OK, "no node");
    check(strcmp(route, "n1") == 0, "the session fails over");

    mcmp_response_free(response);
    mcmp_cluster_close(cluster);
    (void)puts("select_release: ok");
    return 0;
}
