/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shows: keeping a node registered by mcmp_agent, from its first INFO to the end of its draining.
 * Imitates: an application server with an event loop of its own. The loop is the function run();
 * the wire is a function call here, as the proxy is a cluster in this process, and the clock a
 * number.
 */
#include "example.h"

#define INTERVAL (10 * MCMP_SEC)

static mcmp_cluster *cluster;
static mcmp_parser *parser;
static mcmp_response *response;
static mcmp_error err;
static int statuses;

/* What the proxy does with a request: its answer is in response. */
static void serve(mcmp_span bytes, mcmp_time now)
{
    static mcmp_peer peer;
    mcmp_request *request;
    size_t used;
    int rc;

    mcmp_peer_init(&peer);
    memcpy(peer.address, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1", 16);
    peer.has_address = 1;
    check(mcmp_parser_feed(parser, bytes.ptr, bytes.len, &used, &err) == MCMP_OK, err.message);
    request = mcmp_parser_request(parser);
    request->now = now;
    request->peer = &peer;
    statuses += request->command == MCMP_COMMAND_STATUS;
    rc = mcmp_apply(cluster, request, response, &err);
    while (rc == MCMP_PENDING) /* a probe: this application answers */
        rc = mcmp_apply_resume(cluster, request, response, 1, now, &err);
}

/* [host] */
/* Bytes for the proxy; what it answers goes back to the agent, in pieces as they come. */
static void send_and_receive(mcmp_agent *agent, const mcmp_agent_step *step, mcmp_time now)
{
    mcmp_span parts[2];
    size_t used;

    serve(step->bytes, now);
    parts[0] = mcmp_response_head(response);
    parts[1] = mcmp_response_body(response);
    for (int i = 0; i < 2; i++)
        check(mcmp_agent_received(agent, step->proxy, step->connection, now, parts[i].ptr,
                                  parts[i].len, &used, &err) == MCMP_OK,
              err.message);
}

/* The loop: do what the agent says until it waits, sleep as long as it says, and again. */
static mcmp_time run(mcmp_agent *agent, mcmp_time now, mcmp_time end)
{
    mcmp_agent_step step;
    int rc;

    mcmp_agent_step_init(&step);
    while (now < end) {
        rc = mcmp_agent_next(agent, now, &step, &err);
        if (rc == MCMP_DONE)
            break;
        check(rc == MCMP_OK || rc == MCMP_WAIT, err.message);
        if (rc == MCMP_WAIT)
            now = step.until; /* a real host waits for its sockets meanwhile */
        else if (step.action == MCMP_AGENT_CONNECT)
            check(mcmp_agent_connected(agent, step.proxy, step.connection, now) == MCMP_OK, "late");
        else if (step.action == MCMP_AGENT_SEND)
            send_and_receive(agent, &step, now);
    }
    return now;
}
/* [host] */

static mcmp_agent *make_agent(void)
{
    mcmp_span context = text_of("/shop");
    mcmp_agent_options opts;
    mcmp_agent *agent = NULL;
    mcmp_message node;

    mcmp_message_init(&node);
    node.given = MCMP_FIELD_JVMROUTE | MCMP_FIELD_HOST | MCMP_FIELD_PORT | MCMP_FIELD_TYPE;
    node.jvm_route = text_of("n1");
    node.host = text_of("127.0.0.1");
    node.port = 8080;
    node.scheme = MCMP_SCHEME_HTTP;
    node.contexts = &context;
    node.context_count = 1;
    mcmp_agent_options_init(&opts);
    opts.node = &node;
    opts.interval = INTERVAL;
    check(mcmp_agent_new(&agent, &opts, &err) == MCMP_OK, err.message);
    return agent;
}

static int is_served(void)
{
    mcmp_query query = { .struct_size = sizeof(query), .path = text_of("/shop/cart") };
    mcmp_selection selection = { .struct_size = sizeof(selection) };

    if (mcmp_select_node(cluster, &query, &selection, NULL) != MCMP_OK)
        return 0;
    mcmp_selection_release(cluster, &selection, NULL);
    return 1;
}

int main(void)
{
    mcmp_agent_proxy proxy;
    mcmp_agent *agent;
    mcmp_time now = MCMP_SEC;

    mcmp_error_init(&err);
    check(mcmp_cluster_open(&cluster, NULL, &err) == MCMP_OK, err.message);
    check(mcmp_parser_new(&parser, NULL, &err) == MCMP_OK, err.message);
    check(mcmp_response_new(&response, NULL, &err) == MCMP_OK, err.message);
    agent = make_agent();
    mcmp_agent_proxy_init(&proxy);
    proxy.host = text_of("127.0.0.1");
    proxy.port = 6666;
    check(mcmp_agent_add(agent, &proxy, now, NULL, &err) == MCMP_OK, err.message);
    now = run(agent, now, now + 5 * INTERVAL);
    check(is_served() && statuses == 5, "the node is registered and tells its STATUS");
    (void)printf("registered, told %d STATUS\n", statuses);
    check(mcmp_agent_drain(agent, 0, now) == MCMP_OK, "drain");
    (void)run(agent, now, now + 5 * INTERVAL);
    check(!is_served(), "the node is gone");
    (void)printf("drained and removed\n");
    mcmp_agent_free(agent);
    mcmp_response_free(response);
    mcmp_parser_free(parser);
    mcmp_cluster_close(cluster);
    return 0;
}
