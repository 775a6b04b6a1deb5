/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics in the text format of Prometheus: one family after the other, a sample per live node.
 * Rows in their grace period are left out, a scraper forgets them by itself. Contexts are counted
 * by status and not listed, so that the number of series stays in proportion to the nodes.
 */
#include "view.h"

#include <libmcmp/version.h>

typedef struct family {
    const char *name;
    const char *type;
    const char *help;
    uint64_t (*value)(const mcmp_node_info *node);
} family;

static uint64_t is_up(const mcmp_node_info *node)
{
    return node->state == MCMP_NODE_ACTIVE || node->state == MCMP_NODE_STANDBY ||
           node->state == MCMP_NODE_UNPROVEN;
}

static uint64_t elected(const mcmp_node_info *node)
{
    return node->elected;
}

static uint64_t bytes_read(const mcmp_node_info *node)
{
    return node->bytes_read;
}

static uint64_t bytes_sent(const mcmp_node_info *node)
{
    return node->bytes_sent;
}

static uint64_t connected(const mcmp_node_info *node)
{
    return node->connected;
}

static uint64_t failed_probes(const mcmp_node_info *node)
{
    return node->failed_probes;
}

static const family families[] = {
    { "mcmp_node_up", "gauge", "1 while the node may be chosen.", is_up },
    { "mcmp_node_elected_total", "counter", "Times the node was chosen.", elected },
    { "mcmp_node_read_bytes_total", "counter", "Bytes received from the node.", bytes_read },
    { "mcmp_node_sent_bytes_total", "counter", "Bytes sent to the node.", bytes_sent },
    { "mcmp_node_requests", "gauge", "Requests running on the node.", connected },
    { "mcmp_node_failed_probes", "gauge", "Probes that failed in a row.", failed_probes },
};

static int is_live(const mcmp_node_info *node)
{
    return node->state < MCMP_NODE_LEAVING;
}

static void head(mcmp__out *out, const char *name, const char *type, const char *help)
{
    mcmp__out_str(out, "# HELP ");
    mcmp__out_str(out, name);
    mcmp__out_char(out, ' ');
    mcmp__out_str(out, help);
    mcmp__out_str(out, "\n# TYPE ");
    mcmp__out_str(out, name);
    mcmp__out_char(out, ' ');
    mcmp__out_str(out, type);
    mcmp__out_char(out, '\n');
}

/* The sample's name with its labels, left open for one more. */
static void sample(mcmp__out *out, const char *name, const mcmp_node_info *node)
{
    mcmp__out_str(out, name);
    mcmp__out_str(out, "{balancer=\"");
    mcmp__out_label(out, node->balancer);
    mcmp__out_str(out, "\",route=\"");
    mcmp__out_label(out, node->route);
    mcmp__out_char(out, '"');
}

static void loads(const mcmp_view *view, mcmp__out *out)
{
    head(out, "mcmp_node_load", "gauge", "Last accepted Load, -1 to 100.");
    for (size_t i = 0; i < view->node_count; i++) {
        const mcmp_node_info *node = &view->nodes[i].info;

        if (!is_live(node))
            continue;
        sample(out, "mcmp_node_load", node);
        mcmp__out_str(out, "} ");
        mcmp__out_int(out, node->load);
        mcmp__out_char(out, '\n');
    }
}

static void states(const mcmp_view *view, mcmp__out *out)
{
    head(out, "mcmp_node_state", "gauge", "1 with the label of the state the node is in.");
    for (size_t i = 0; i < view->node_count; i++) {
        const mcmp_node_info *node = &view->nodes[i].info;

        if (!is_live(node))
            continue;
        sample(out, "mcmp_node_state", node);
        mcmp__out_str(out, ",state=\"");
        mcmp__out_str(out, mcmp_node_state_name(node->state));
        mcmp__out_str(out, "\"} 1\n");
    }
}

static void contexts(const mcmp_view *view, mcmp__out *out)
{
    head(out, "mcmp_node_contexts", "gauge", "Registered contexts by status.");
    for (size_t i = 0; i < view->node_count; i++) {
        const mcmp__view_node *node = &view->nodes[i];
        uint64_t counts[MCMP_STATUS_STOPPED + 1] = { 0 };

        if (!is_live(&node->info))
            continue;
        for (size_t k = 0; k < node->pair_count; k++)
            counts[view->pairs[node->first_pair + k].status]++;
        for (uint32_t status = MCMP_STATUS_ENABLED; status <= MCMP_STATUS_STOPPED; status++) {
            sample(out, "mcmp_node_contexts", &node->info);
            mcmp__out_str(out, ",status=\"");
            mcmp__out_str(out, mcmp__status_name(status));
            mcmp__out_str_uint(out, "\"} ", counts[status]);
            mcmp__out_char(out, '\n');
        }
    }
}

void mcmp__render_metrics(const mcmp_view *view, mcmp__out *out)
{
    head(out, "mcmp_info", "gauge", "Release and protocol as labels.");
    mcmp__out_str(out, "mcmp_info{protocol=\"" MCMP_PROTOCOL_VERSION "\",release=\"");
    mcmp__out_label(out, view->product);
    mcmp__out_str(out, "\"} 1\n");
    head(out, "mcmp_balancers", "gauge", "Balancers known.");
    mcmp__out_str_uint(out, "mcmp_balancers ", view->balancer_count);
    mcmp__out_char(out, '\n');
    for (size_t f = 0; f < MCMP__COUNT(families); f++) {
        head(out, families[f].name, families[f].type, families[f].help);
        for (size_t i = 0; i < view->node_count; i++) {
            const mcmp_node_info *node = &view->nodes[i].info;

            if (!is_live(node))
                continue;
            sample(out, families[f].name, node);
            mcmp__out_str_uint(out, "} ", families[f].value(node));
            mcmp__out_char(out, '\n');
        }
    }
    loads(view, out);
    states(view, out);
    contexts(view, out);
}
