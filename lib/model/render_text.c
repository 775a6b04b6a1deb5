/* SPDX-License-Identifier: Apache-2.0 */
/*
 * INFO and DUMP as text (MCMP 4.7 and 4.9). Tools count the fields and the Java client parses the
 * lines, so exactly these fields stand there, in this order.
 */
#include "view.h"

static uint64_t in_unit(mcmp_time value, mcmp_time unit)
{
    return value > 0 ? (uint64_t)(value / unit) : 0;
}

static void field(mcmp__out *out, const char *name, mcmp_span value)
{
    mcmp__out_str(out, name);
    mcmp__out_text(out, value);
}

static void info_node(mcmp__out *out, const mcmp_node_info *node)
{
    mcmp__out_str_uint(out, "Node: [", node->id);
    field(out, "],Name: ", node->route);
    field(out, ",Balancer: ", node->balancer);
    field(out, ",LBGroup: ", node->domain);
    field(out, ",Host: ", node->host);
    mcmp__out_str_uint(out, ",Port: ", node->port);
    mcmp__out_str(out, ",Type: ");
    mcmp__out_str(out, mcmp_scheme_name(node->scheme));
    mcmp__out_str(out, ",Flushpackets: ");
    mcmp__out_str(out, mcmp__flush_name(node->flushpackets));
    mcmp__out_str_uint(out, ",Flushwait: ", in_unit(node->flushwait, MCMP_MSEC));
    mcmp__out_str_uint(out, ",Ping: ", in_unit(node->ping, MCMP_SEC));
    mcmp__out_str(out, ",Smax: ");
    mcmp__out_int(out, node->smax);
    mcmp__out_str_uint(out, ",Ttl: ", in_unit(node->ttl, MCMP_SEC));
    mcmp__out_str_uint(out, ",Elected: ", node->elected);
    mcmp__out_str_uint(out, ",Read: ", node->bytes_read);
    mcmp__out_str_uint(out, ",Transfered: ", node->bytes_sent);
    mcmp__out_str_uint(out, ",Connected: ", node->connected);
    mcmp__out_str(out, ",Load: ");
    mcmp__out_int(out, node->load);
    mcmp__out_char(out, '\n');
}

static void info_ids(mcmp__out *out, const char *word, uint64_t node, uint64_t vhost, uint64_t line)
{
    mcmp__out_str_uint(out, word, node);
    mcmp__out_char(out, ':');
    mcmp__out_uint(out, vhost);
    mcmp__out_char(out, ':');
    mcmp__out_uint(out, line);
}

void mcmp__render_info_text(const mcmp_view *view, mcmp__out *out)
{
    for (size_t i = 0; i < view->node_count; i++)
        info_node(out, &view->nodes[i].info);
    for (size_t i = 0; i < view->alias_count; i++) {
        const mcmp__view_alias *alias = &view->aliases[i];

        info_ids(out, "Vhost: [", view->nodes[alias->node].info.id, alias->vhost, i + 1);
        field(out, "], Alias: ", alias->name);
        mcmp__out_char(out, '\n');
    }
    for (size_t i = 0; i < view->pair_count; i++) {
        const mcmp__view_pair *pair = &view->pairs[i];

        info_ids(out, "Context: [", view->nodes[pair->node].info.id,
                 view->aliases[pair->alias].vhost, (uint64_t)pair->alias + 1);
        field(out, "], Context: ", pair->path);
        mcmp__out_str(out, ", Status: ");
        mcmp__out_str(out, mcmp__status_name(pair->status));
        mcmp__out_char(out, '\n');
    }
}

static void flag(mcmp__out *out, const char *name, const mcmp__view_balancer *row, uint32_t bit)
{
    mcmp__out_str(out, name);
    mcmp__out_char(out, row->flags & bit ? '1' : '0');
}

static void dump_balancer(mcmp__out *out, const mcmp__view_balancer *row, uint64_t id)
{
    mcmp__out_str_uint(out, "balancer: [", id);
    field(out, "] Name: ", row->name);
    flag(out, " Sticky: ", row, MCMP_COMMAND_STICKY);
    field(out, " [", row->cookie);
    field(out, "]/[", row->path);
    flag(out, "] remove: ", row, MCMP_COMMAND_STICKY_REMOVE);
    flag(out, " force: ", row, MCMP_COMMAND_STICKY_FORCE);
    mcmp__out_str_uint(out, " Timeout: ", in_unit(row->wait_worker, MCMP_SEC));
    mcmp__out_str_uint(out, " maxAttempts: ", row->max_attempts);
    mcmp__out_char(out, '\n');
}

static void dump_node(mcmp__out *out, const mcmp_node_info *node)
{
    mcmp__out_str_uint(out, "node: [", node->id);
    mcmp__out_str_uint(out, ":", node->id);
    field(out, "],Balancer: ", node->balancer);
    field(out, ",JVMRoute: ", node->route);
    field(out, ",LBGroup: [", node->domain);
    field(out, "],Host: ", node->host);
    mcmp__out_str_uint(out, ",Port: ", node->port);
    mcmp__out_str(out, ",Type: ");
    mcmp__out_str(out, mcmp_scheme_name(node->scheme));
    mcmp__out_str_uint(out, ",flushpackets: ", node->flushpackets);
    mcmp__out_str_uint(out, ",flushwait: ", in_unit(node->flushwait, MCMP_MSEC));
    mcmp__out_str_uint(out, ",ping: ", in_unit(node->ping, MCMP_SEC));
    mcmp__out_str(out, ",smax: ");
    mcmp__out_int(out, node->smax);
    mcmp__out_str_uint(out, ",ttl: ", in_unit(node->ttl, MCMP_SEC));
    mcmp__out_str_uint(out, ",timeout: ", in_unit(node->timeout, MCMP_SEC));
    mcmp__out_char(out, '\n');
}

static void dump_place(mcmp__out *out, uint64_t vhost, uint64_t node)
{
    mcmp__out_str_uint(out, "] vhost: ", vhost);
    mcmp__out_str_uint(out, " node: ", node);
}

void mcmp__render_dump_text(const mcmp_view *view, mcmp__out *out)
{
    for (size_t i = 0; i < view->balancer_count; i++)
        dump_balancer(out, &view->balancers[i], i + 1);
    for (size_t i = 0; i < view->node_count; i++)
        dump_node(out, &view->nodes[i].info);
    for (size_t i = 0; i < view->alias_count; i++) {
        const mcmp__view_alias *alias = &view->aliases[i];

        mcmp__out_str_uint(out, "host: ", i + 1);
        field(out, " [", alias->name);
        dump_place(out, alias->vhost, view->nodes[alias->node].info.id);
        mcmp__out_char(out, '\n');
    }
    for (size_t i = 0; i < view->pair_count; i++) {
        const mcmp__view_pair *pair = &view->pairs[i];

        mcmp__out_str_uint(out, "context: ", i + 1);
        field(out, " [", pair->path);
        dump_place(out, view->aliases[pair->alias].vhost, view->nodes[pair->node].info.id);
        mcmp__out_str_uint(out, " status: ", pair->status);
        mcmp__out_char(out, '\n');
    }
}
