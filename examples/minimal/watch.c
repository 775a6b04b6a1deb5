/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second program looks at the cluster of a running proxy: it attaches the named segment for
 * reading only, so it can neither disturb the proxy nor be held up by it, and prints the nodes.
 * What mcmpctl and monitoring do.
 *
 *     watch NAME          the nodes of a segment, e.g. of `mcmp-server --segment NAME`
 *     watch NAME --check  its invariants and figures
 *     watch               makes a segment, registers a node, and watches itself
 */
#include "example.h"

static mcmp_cluster *attach(const char *name, uint32_t how)
{
    mcmp_cluster_options options;
    mcmp_cluster *cluster = NULL;
    mcmp_error err;

    mcmp_error_init(&err);
    mcmp_cluster_options_init(&options);
    options.memory = MCMP_MEMORY_NAMED;
    options.segment = name;
    options.attach = how; /* with READ the limits are those of the segment */
    options.now = monotonic_now();
    if (mcmp_cluster_open(&cluster, &options, &err) != MCMP_OK)
        (void)fprintf(stderr, "%s: %s\n", name, err.message);
    return cluster;
}

/* One line per node; their number, or -1. A view is one whole state, however long it is looked
 * at. */
static long print_nodes(mcmp_cluster *cluster)
{
    mcmp_node_info node;
    mcmp_view *view;
    mcmp_error err;
    size_t count;

    mcmp_error_init(&err);
    if (mcmp_view_new(&view, cluster, monotonic_now(), &err) != MCMP_OK) {
        (void)fprintf(stderr, "%s\n", err.message); /* OVERTAKEN: writers were faster, try again */
        return -1;
    }
    count = mcmp_view_node_count(view);
    for (size_t i = 0; i < count; i++) {
        mcmp_node_info_init(&node);
        check(mcmp_view_node(view, i, &node) == MCMP_OK, "no such node");
        (void)printf("%.*s %s://%.*s:%u %s load %d, %u requests run\n", (int)node.route.len,
                     node.route.ptr, mcmp_scheme_name(node.scheme), (int)node.host.len,
                     node.host.ptr, node.port, mcmp_node_state_name(node.state), node.load,
                     node.connected);
    }
    mcmp_view_free(view);
    return (long)count;
}

static int print_check(mcmp_cluster *cluster)
{
    mcmp_check found;
    mcmp_error err;
    int rc;

    mcmp_error_init(&err);
    mcmp_check_init(&found);
    rc = mcmp_cluster_check(cluster, &found, &err);
    if (rc != MCMP_OK)
        (void)fprintf(stderr, "%s, row %llu: %s\n", err.field, (unsigned long long)err.offset,
                      err.message);
    else
        (void)printf("%llu messages, %u nodes, %u contexts, %u processes, %u of them dead\n",
                     (unsigned long long)found.messages, found.nodes, found.contexts,
                     found.processes, found.dead);
    return rc == MCMP_OK ? 0 : 1;
}

/* What the proxy does, in short: one node registers. */
static void register_node(mcmp_cluster *cluster)
{
    mcmp_response *response;
    mcmp_request request;
    mcmp_peer peer;

    mcmp_peer_init(&peer);
    peer.has_address = 1;
    peer.address[15] = 1; /* ::1 */
    mcmp_request_init(&request);
    request.method = text_of("CONFIG");
    request.command = MCMP_COMMAND_CONFIG;
    request.target = text_of("/");
    request.body = text_of("JVMRoute=n1&Host=localhost&Port=8080&Type=http");
    request.now = monotonic_now();
    request.connection = 1;
    request.peer = &peer;
    check(mcmp_response_new(&response, NULL, NULL) == MCMP_OK, "no memory");
    check(mcmp_apply(cluster, &request, response, NULL) == MCMP_OK, "CONFIG was refused");
    mcmp_response_free(response);
}

static int watch_itself(void)
{
    mcmp_cluster *proxy, *reader;
    char name[32];

    (void)snprintf(name, sizeof(name), "watch-%ld", (long)getpid());
    proxy = attach(name, MCMP_ATTACH_CREATE);
    check(proxy != NULL, "no segment");
    reader = attach(name, MCMP_ATTACH_READ);
    check(reader != NULL, "it can't be attached");
    check(print_nodes(reader) == 0, "there is a node already");
    register_node(proxy);
    check(print_nodes(reader) == 1, "the node is not seen");
    check(print_check(reader) == 0, "the state is damaged");
    mcmp_cluster_close(reader);
    mcmp_cluster_close(proxy); /* the segment stays until it is removed */
    check(mcmp_segment_unlink(name, 0, NULL) == MCMP_OK, "it can't be removed");
    return 0;
}

int main(int argc, char **argv)
{
    mcmp_cluster *cluster;
    int code;

    if (argc < 2)
        return watch_itself();
    cluster = attach(argv[1], MCMP_ATTACH_READ);
    if (cluster == NULL)
        return 1;
    if (argc > 2 && strcmp(argv[2], "--check") == 0)
        code = print_check(cluster);
    else
        code = print_nodes(cluster) < 0 ? 1 : 0;
    mcmp_cluster_close(cluster);
    return code;
}
