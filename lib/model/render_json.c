/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON form (MCMP 4.13, PEER): everything that is known, status per alias. Names of fields are
 * released; new ones are appended. Times are seconds, except flushwait, which is in milliseconds as
 * in the protocol. An object is opened and closed in the same function.
 */
#include "view.h"

#include <libmcmp/version.h>

static void key(mcmp__out *out, const char *name)
{
    mcmp__out_str(out, ",\"");
    mcmp__out_str(out, name);
    mcmp__out_str(out, "\":");
}

static void text_member(mcmp__out *out, const char *name, mcmp_span value)
{
    key(out, name);
    mcmp__out_json(out, value);
}

static void uint_member(mcmp__out *out, const char *name, uint64_t value)
{
    key(out, name);
    mcmp__out_uint(out, value);
}

static void int_member(mcmp__out *out, const char *name, int64_t value)
{
    key(out, name);
    mcmp__out_int(out, value);
}

static void time_member(mcmp__out *out, const char *name, mcmp_time value, mcmp_time unit)
{
    key(out, name);
    mcmp__out_time(out, value, unit);
}

static void bool_member(mcmp__out *out, const char *name, int value)
{
    key(out, name);
    mcmp__out_str(out, value ? "true" : "false");
}

static void balancer(mcmp__out *out, const mcmp__view_balancer *row)
{
    mcmp__out_str(out, "{\"name\":");
    mcmp__out_json(out, row->name);
    mcmp__out_str(out, ",\"sticky\":{\"enabled\":");
    mcmp__out_str(out, row->flags & MCMP_COMMAND_STICKY ? "true" : "false");
    bool_member(out, "force", (row->flags & MCMP_COMMAND_STICKY_FORCE) != 0);
    bool_member(out, "remove", (row->flags & MCMP_COMMAND_STICKY_REMOVE) != 0);
    text_member(out, "cookie", row->cookie);
    text_member(out, "path", row->path);
    mcmp__out_char(out, '}');
    time_member(out, "waitWorker", row->wait_worker, MCMP_SEC);
    uint_member(out, "maxAttempts", row->max_attempts);
    mcmp__out_char(out, '}');
}

static void alias_object(const mcmp_view *view, mcmp__out *out, const mcmp__view_alias *alias)
{
    mcmp__out_str(out, "{\"name\":");
    mcmp__out_json(out, alias->name);
    uint_member(out, "vhost", alias->vhost);
    mcmp__out_str(out, ",\"contexts\":[");
    for (uint32_t i = 0; i < alias->count; i++) {
        const mcmp__view_pair *pair = &view->pairs[view->by_alias[alias->first + i]];

        mcmp__out_str(out, i == 0 ? "{\"path\":" : ",{\"path\":");
        mcmp__out_json(out, pair->path);
        text_member(out, "status", mcmp__span_str(mcmp__status_name(pair->status)));
        uint_member(out, "requests", pair->requests);
        mcmp__out_char(out, '}');
    }
    mcmp__out_str(out, "]}");
}

static void node_fields(const mcmp_view *view, mcmp__out *out, const mcmp_node_info *node)
{
    text_member(out, "route", node->route);
    text_member(out, "state", mcmp__span_str(mcmp_node_state_name(node->state)));
    text_member(out, "balancer", node->balancer);
    text_member(out, "domain", node->domain);
    text_member(out, "host", node->host);
    uint_member(out, "port", node->port);
    text_member(out, "type", mcmp__span_str(mcmp_scheme_name(node->scheme)));
    bool_member(out, "reversed", node->reversed != 0);
    text_member(out, "flushpackets", mcmp__span_str(mcmp__flush_name(node->flushpackets)));
    time_member(out, "flushwait", node->flushwait, MCMP_MSEC);
    time_member(out, "ping", node->ping, MCMP_SEC);
    int_member(out, "smax", node->smax);
    time_member(out, "ttl", node->ttl, MCMP_SEC);
    time_member(out, "timeout", node->timeout, MCMP_SEC);
    int_member(out, "load", node->load);
    uint_member(out, "elected", node->elected);
    uint_member(out, "read", node->bytes_read);
    uint_member(out, "transferred", node->bytes_sent);
    uint_member(out, "connected", node->connected);
    uint_member(out, "failedProbes", node->failed_probes);
    key(out, "lastStatus"); /* seconds ago: the host's clock means nothing to others */
    if (node->last_status == 0)
        mcmp__out_str(out, "null");
    else
        mcmp__out_time(out, view->now - node->last_status, MCMP_SEC);
}

void mcmp__render_json(const mcmp_view *view, mcmp__out *out)
{
    mcmp__out_str_uint(out, "{\"id\":", view->id);
    text_member(out, "protocol", mcmp__span_str(MCMP_PROTOCOL_VERSION));
    text_member(out, "release", view->product);
    mcmp__out_str(out, ",\"balancers\":[");
    for (size_t i = 0; i < view->balancer_count; i++) {
        if (i != 0)
            mcmp__out_char(out, ',');
        balancer(out, &view->balancers[i]);
    }
    mcmp__out_str(out, "],\"nodes\":[");
    for (size_t i = 0; i < view->node_count; i++) {
        const mcmp__view_node *node = &view->nodes[i];

        mcmp__out_str_uint(out, i == 0 ? "{\"id\":" : ",{\"id\":", node->info.id);
        node_fields(view, out, &node->info);
        mcmp__out_str(out, ",\"aliases\":[");
        for (size_t k = 0; k < node->alias_count; k++) {
            if (k != 0)
                mcmp__out_char(out, ',');
            alias_object(view, out, &view->aliases[node->first_alias + k]);
        }
        mcmp__out_str(out, "]}");
    }
    mcmp__out_str(out, "]}\n");
}
