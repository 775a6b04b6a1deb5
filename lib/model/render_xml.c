/* SPDX-License-Identifier: Apache-2.0 */
/*
 * INFO and DUMP as XML (MCMP 4.8 and 4.10). PEER: every text is escaped, so the document is well
 * formed whatever the names are (test_render: hostile names).
 */
#include "view.h"

static void open_tag(mcmp__out *out, const char *name)
{
    mcmp__out_char(out, '<');
    mcmp__out_str(out, name);
    mcmp__out_char(out, '>');
}

static void close_tag(mcmp__out *out, const char *name)
{
    mcmp__out_str(out, "</");
    mcmp__out_str(out, name);
    mcmp__out_char(out, '>');
}

static void text_tag(mcmp__out *out, const char *name, mcmp_span value)
{
    open_tag(out, name);
    mcmp__out_xml(out, value);
    close_tag(out, name);
}

static void uint_tag(mcmp__out *out, const char *name, uint64_t value)
{
    open_tag(out, name);
    mcmp__out_uint(out, value);
    close_tag(out, name);
}

static void int_tag(mcmp__out *out, const char *name, int64_t value)
{
    open_tag(out, name);
    mcmp__out_int(out, value);
    close_tag(out, name);
}

static void time_tag(mcmp__out *out, const char *name, mcmp_time value, mcmp_time unit)
{
    uint_tag(out, name, value > 0 ? (uint64_t)(value / unit) : 0);
}

static void info_node(mcmp__out *out, const mcmp_node_info *node)
{
    mcmp__out_str_uint(out, "<Node id=\"", node->id);
    mcmp__out_str(out, "\" name=\"");
    mcmp__out_xml(out, node->route);
    mcmp__out_str(out, "\">");
    text_tag(out, "Balancer", node->balancer);
    text_tag(out, "LBGroup", node->domain);
    text_tag(out, "Host", node->host);
    uint_tag(out, "Port", node->port);
    text_tag(out, "Type", mcmp__span_str(mcmp_scheme_name(node->scheme)));
    text_tag(out, "Flushpackets", mcmp__span_str(mcmp__flush_name(node->flushpackets)));
    time_tag(out, "Flushwait", node->flushwait, MCMP_MSEC);
    time_tag(out, "Ping", node->ping, MCMP_SEC);
    int_tag(out, "Smax", node->smax);
    time_tag(out, "Ttl", node->ttl, MCMP_SEC);
    uint_tag(out, "Elected", node->elected);
    uint_tag(out, "Read", node->bytes_read);
    uint_tag(out, "Transfered", node->bytes_sent);
    uint_tag(out, "Connected", node->connected);
    int_tag(out, "Load", node->load);
    close_tag(out, "Node");
}

static void status_tag(mcmp__out *out, uint32_t status)
{
    mcmp__out_str_uint(out, "<Status id=\"", status);
    mcmp__out_str(out, "\">");
    mcmp__out_str(out, mcmp__status_name(status));
    close_tag(out, "Status");
}

void mcmp__render_info_xml(const mcmp_view *view, mcmp__out *out)
{
    mcmp__out_str(out, "<?xml version=\"1.0\" standalone=\"yes\" ?>\n<Info><Nodes>");
    for (size_t i = 0; i < view->node_count; i++)
        info_node(out, &view->nodes[i].info);
    mcmp__out_str(out, "</Nodes><Vhosts>");
    for (size_t i = 0; i < view->alias_count; i++) {
        const mcmp__view_alias *alias = &view->aliases[i];

        mcmp__out_str_uint(out, "<Vhost id=\"", alias->vhost);
        mcmp__out_str(out, "\" alias=\"");
        mcmp__out_xml(out, alias->name);
        mcmp__out_str_uint(out, "\"><Node id=\"", view->nodes[alias->node].info.id);
        mcmp__out_str(out, "\"/></Vhost>");
    }
    mcmp__out_str(out, "</Vhosts><Contexts>");
    for (size_t i = 0; i < view->pair_count; i++) {
        const mcmp__view_pair *pair = &view->pairs[i];

        mcmp__out_str_uint(out, "<Context id=\"", i + 1);
        mcmp__out_str(out, "\">");
        status_tag(out, pair->status);
        text_tag(out, "Context", pair->path);
        mcmp__out_str_uint(out, "<Node id=\"", view->nodes[pair->node].info.id);
        mcmp__out_str_uint(out, "\"/><Vhost id=\"", view->aliases[pair->alias].vhost);
        mcmp__out_str(out, "\"/></Context>");
    }
    mcmp__out_str(out, "</Contexts></Info>");
}

static void dump_balancer(mcmp__out *out, const mcmp__view_balancer *row, uint64_t id)
{
    mcmp__out_str_uint(out, "<Balancer id=\"", id);
    mcmp__out_str(out, "\" name=\"");
    mcmp__out_xml(out, row->name);
    mcmp__out_str(out, "\"><StickySession>");
    uint_tag(out, "Enabled", (row->flags & MCMP_COMMAND_STICKY) != 0);
    text_tag(out, "Cookie", row->cookie);
    text_tag(out, "Path", row->path);
    uint_tag(out, "Remove", (row->flags & MCMP_COMMAND_STICKY_REMOVE) != 0);
    uint_tag(out, "Force", (row->flags & MCMP_COMMAND_STICKY_FORCE) != 0);
    close_tag(out, "StickySession");
    time_tag(out, "Timeout", row->wait_worker, MCMP_SEC);
    uint_tag(out, "MaxAttempts", row->max_attempts);
    close_tag(out, "Balancer");
}

static void dump_node(mcmp__out *out, const mcmp_node_info *node)
{
    mcmp__out_str_uint(out, "<Node id=\"", node->id);
    mcmp__out_str(out, "\">");
    text_tag(out, "Balancer", node->balancer);
    text_tag(out, "JVMRoute", node->route);
    text_tag(out, "LBGroup", node->domain);
    text_tag(out, "Host", node->host);
    uint_tag(out, "Port", node->port);
    text_tag(out, "Type", mcmp__span_str(mcmp_scheme_name(node->scheme)));
    uint_tag(out, "FlushPackets", node->flushpackets);
    time_tag(out, "FlushWait", node->flushwait, MCMP_MSEC);
    time_tag(out, "Ping", node->ping, MCMP_SEC);
    int_tag(out, "Smax", node->smax);
    time_tag(out, "Ttl", node->ttl, MCMP_SEC);
    time_tag(out, "Timeout", node->timeout, MCMP_SEC);
    close_tag(out, "Node");
}

static void dump_pairs(const mcmp_view *view, mcmp__out *out)
{
    for (size_t i = 0; i < view->pair_count; i++) {
        const mcmp__view_pair *pair = &view->pairs[i];

        mcmp__out_str_uint(out, "<Context id=\"", i + 1);
        mcmp__out_str(out, "\" path=\"");
        mcmp__out_xml(out, pair->path);
        mcmp__out_str(out, "\">");
        uint_tag(out, "Vhost", view->aliases[pair->alias].vhost);
        uint_tag(out, "Node", view->nodes[pair->node].info.id);
        status_tag(out, pair->status);
        close_tag(out, "Context");
    }
}

void mcmp__render_dump_xml(const mcmp_view *view, mcmp__out *out)
{
    mcmp__out_str(out, "<Dump><Balancers>");
    for (size_t i = 0; i < view->balancer_count; i++)
        dump_balancer(out, &view->balancers[i], i + 1);
    mcmp__out_str(out, "</Balancers><Nodes>");
    for (size_t i = 0; i < view->node_count; i++)
        dump_node(out, &view->nodes[i].info);
    mcmp__out_str(out, "</Nodes><Hosts>");
    for (size_t i = 0; i < view->alias_count; i++) {
        const mcmp__view_alias *alias = &view->aliases[i];

        mcmp__out_str_uint(out, "<Host id=\"", i + 1);
        mcmp__out_str(out, "\" alias=\"");
        mcmp__out_xml(out, alias->name);
        mcmp__out_str(out, "\">");
        uint_tag(out, "Vhost", alias->vhost);
        uint_tag(out, "Node", view->nodes[alias->node].info.id);
        close_tag(out, "Host");
    }
    mcmp__out_str(out, "</Hosts><Contexts>");
    dump_pairs(view, out);
    mcmp__out_str(out, "</Contexts></Dump>");
}
