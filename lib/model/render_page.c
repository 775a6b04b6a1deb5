/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page for people (MCMP 4.12): no script, nothing loaded from elsewhere. Tools look
 * at it too: its first `/x.y.z.Final` is the product of VERSION, every row of the cluster stands
 * there as `Node <name>`, and that word occurs nowhere else, so static text says "member".
 */
#include "page.h"

#include <libmcmp/version.h>

/* Contexts of one alias that are written out; INFO and JSON have all of them. */
enum { CONTEXTS_SHOWN = 100 };

static void row_text(mcmp__out *out, const char *name, mcmp_span value)
{
    mcmp__out_str(out, "<dt>");
    mcmp__out_str(out, name);
    mcmp__out_str(out, "</dt><dd>");
    mcmp__out_xml(out, value);
    mcmp__out_str(out, "</dd>");
}

static void row_uint(mcmp__out *out, const char *name, uint64_t value)
{
    mcmp__out_str(out, "<dt>");
    mcmp__out_str(out, name);
    mcmp__out_str_uint(out, "</dt><dd>", value);
    mcmp__out_str(out, "</dd>");
}

static void tile(mcmp__out *out, uint64_t value, const char *name)
{
    mcmp__out_str_uint(out, "<li><b>", value);
    mcmp__out_str(out, "</b>");
    mcmp__out_str(out, name);
    mcmp__out_str(out, "</li>");
}

static void tiles(const mcmp_view *view, mcmp__out *out)
{
    uint64_t states[MCMP_NODE_REMOVED + 1] = { 0 };
    uint64_t busy = 0;

    for (size_t i = 0; i < view->node_count; i++) {
        states[view->nodes[i].info.state]++;
        busy += view->nodes[i].info.connected;
    }
    mcmp__out_str(out, "<ul class=\"tiles\">");
    tile(out, states[MCMP_NODE_ACTIVE], "active");
    tile(out, states[MCMP_NODE_STANDBY] + states[MCMP_NODE_UNPROVEN], "standby");
    tile(out, states[MCMP_NODE_ERROR] + states[MCMP_NODE_BROKEN], "not usable");
    tile(out, states[MCMP_NODE_LEAVING] + states[MCMP_NODE_REMOVED], "leaving");
    tile(out, view->balancer_count, "balancers");
    tile(out, view->pair_count, "contexts");
    tile(out, busy, "requests running");
    mcmp__out_str(out, "</ul>");
}

static void context(mcmp__out *out, const mcmp__page *page, mcmp_span route, mcmp_span alias,
                    const mcmp__view_pair *pair)
{
    const char *status = mcmp__status_name(pair->status);
    int has_form = mcmp__page_has_forms(page);

    mcmp__out_str(out, has_form ? "<details class=\"app " : "<span class=\"app ");
    mcmp__out_str(out, status);
    mcmp__out_str(out, "\" title=\"");
    mcmp__out_str(out, status);
    mcmp__out_str_uint(out, ", running: ", pair->requests);
    mcmp__out_str(out, has_form ? "\"><summary>" : "\">");
    mcmp__out_xml(out, pair->path);
    if (pair->status != MCMP_STATUS_ENABLED) {
        mcmp__out_char(out, ' ');
        mcmp__out_str(out, status);
    }
    if (!has_form) {
        mcmp__out_str(out, "</span>");
        return;
    }
    mcmp__out_str(out, "</summary>");
    mcmp__page_pair_form(out, page, route, alias, pair);
    mcmp__out_str(out, "</details>");
}

static void contexts(const mcmp_view *view, mcmp__out *out, const mcmp__page *page,
                     const mcmp__view_alias *alias)
{
    mcmp_span route = view->nodes[alias->node].info.route;

    for (uint32_t i = 0; i < alias->count && i < CONTEXTS_SHOWN; i++)
        context(out, page, route, alias->name, &view->pairs[view->by_alias[alias->first + i]]);
    if (alias->count > CONTEXTS_SHOWN) {
        mcmp__out_str_uint(out, "and ", alias->count - CONTEXTS_SHOWN);
        mcmp__out_str(out, " more");
    }
}

static void aliases(const mcmp_view *view, mcmp__out *out, const mcmp__page *page,
                    const mcmp__view_node *node)
{
    if (node->alias_count == 0)
        return;
    mcmp__out_str(out, "<table class=\"apps\"><tr><th>Alias</th><th>Contexts</th></tr>");
    for (size_t i = 0; i < node->alias_count; i++) {
        const mcmp__view_alias *alias = &view->aliases[node->first_alias + i];

        mcmp__out_str(out, "<tr><td>");
        mcmp__out_xml(out, alias->name);
        mcmp__out_str(out, "</td><td>");
        contexts(view, out, page, alias);
        mcmp__out_str(out, "</td></tr>");
    }
    mcmp__out_str(out, "</table>");
}

static void load_row(mcmp__out *out, int32_t load)
{
    mcmp__out_str(out, "<dt>Load</dt><dd>");
    if (load >= 0) {
        mcmp__out_str(out, "<meter min=\"0\" max=\"100\" value=\"");
        mcmp__out_int(out, load);
        mcmp__out_str(out, "\"></meter> ");
    }
    mcmp__out_int(out, load);
    mcmp__out_str(out, "</dd>");
}

/* What the choice and the probes count. */
static void counters(const mcmp_view *view, mcmp__out *out, const mcmp_node_info *info)
{
    row_uint(out, "Running", info->connected);
    row_uint(out, "Elected", info->elected);
    row_uint(out, "Bytes in", info->bytes_read);
    row_uint(out, "Bytes out", info->bytes_sent);
    mcmp__out_str(out, "<dt>Last status</dt><dd>");
    if (info->last_status == 0) {
        mcmp__out_str(out, "never");
    } else {
        mcmp_time age = view->now - info->last_status;

        mcmp__out_uint(out, age > 0 ? (uint64_t)(age / MCMP_SEC) : 0);
        mcmp__out_str(out, " s ago");
    }
    mcmp__out_str(out, "</dd>");
}

static void member(const mcmp_view *view, mcmp__out *out, const mcmp__page *page,
                   const mcmp__view_node *node)
{
    const mcmp_node_info *info = &node->info;
    const char *state = mcmp_node_state_name(info->state);

    mcmp__out_str(out, "<article class=\"");
    mcmp__out_str(out, state);
    mcmp__out_str(out, "\"><div class=\"top\"><h2>Node ");
    mcmp__out_xml(out, info->route);
    mcmp__out_str(out, "</h2><span class=\"badge\">");
    mcmp__out_str(out, state);
    mcmp__out_str(out, "</span></div><dl><dt>Endpoint</dt><dd>");
    mcmp__out_str(out, mcmp_scheme_name(info->scheme));
    mcmp__out_str(out, "://");
    mcmp__out_xml(out, info->host);
    mcmp__out_str_uint(out, ":", info->port);
    mcmp__out_str(out, "</dd>");
    row_text(out, "Balancer", info->balancer);
    if (info->domain.len != 0)
        row_text(out, "Domain", info->domain);
    load_row(out, info->load);
    if (!(page->flags & MCMP_PAGE_REDUCED))
        counters(view, out, info);
    mcmp__out_str(out, "</dl>");
    aliases(view, out, page, node);
    mcmp__page_node_form(out, page, info);
    mcmp__out_str(out, "</article>\n");
}

static void yes_no(mcmp__out *out, int value)
{
    mcmp__out_str(out, value ? "</td><td>yes" : "</td><td>no");
}

static void balancers(const mcmp_view *view, mcmp__out *out)
{
    if (view->balancer_count == 0)
        return;
    mcmp__out_str(out, "<h3>Balancers</h3><article><table><tr><th>Name</th><th>Sticky</th>"
                       "<th>Force</th><th>Remove</th><th>Cookie</th><th>Path</th>"
                       "<th>Wait, s</th><th>Attempts</th></tr>");
    for (size_t i = 0; i < view->balancer_count; i++) {
        const mcmp__view_balancer *row = &view->balancers[i];

        mcmp__out_str(out, "<tr><td>");
        mcmp__out_xml(out, row->name);
        yes_no(out, (row->flags & MCMP_COMMAND_STICKY) != 0);
        yes_no(out, (row->flags & MCMP_COMMAND_STICKY_FORCE) != 0);
        yes_no(out, (row->flags & MCMP_COMMAND_STICKY_REMOVE) != 0);
        mcmp__out_str(out, "</td><td>");
        mcmp__out_xml(out, row->cookie);
        mcmp__out_str(out, "</td><td>");
        mcmp__out_xml(out, row->path);
        mcmp__out_str(out, "</td><td>");
        mcmp__out_time(out, row->wait_worker, MCMP_SEC);
        mcmp__out_str_uint(out, "</td><td>", row->max_attempts);
        mcmp__out_str(out, "</td></tr>");
    }
    mcmp__out_str(out, "</table></article>");
}

static void notice(mcmp__out *out, const mcmp__page *page)
{
    if (page->notice.len == 0)
        return;
    mcmp__out_str(out, page->is_refusal ? "<p class=\"notice refusal\" role=\"alert\">"
                                        : "<p class=\"notice\" role=\"status\">");
    mcmp__out_xml(out, page->notice);
    mcmp__out_str(out, "</p>");
}

static void head(const mcmp_view *view, mcmp__out *out)
{
    mcmp__out_str(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>");
    mcmp__out_xml(out, view->product);
    mcmp__out_str(out, "</title><meta name=\"viewport\" content=\"width=device-width, "
                       "initial-scale=1\"><style>");
    mcmp__out_str(out, mcmp__page_style);
    mcmp__out_str(out, "</style></head><body><header><h1>");
    mcmp__out_xml(out, view->product);
    mcmp__out_str(out, "</h1><p>Protocol " MCMP_PROTOCOL_VERSION ", state ");
    mcmp__out_uint(out, view->id);
    mcmp__out_str(out, "</p>");
}

void mcmp__page_write(const mcmp_view *view, const mcmp__page *page, mcmp__out *out)
{
    head(view, out);
    mcmp__page_links(out, page);
    mcmp__out_str(out, "</header><main>");
    notice(out, page);
    tiles(view, out);
    if (view->node_count == 0)
        mcmp__out_str(out, "<article><h2>No members</h2>Nothing has registered yet.</article>");
    mcmp__out_str(out, "<div class=\"grid\">\n");
    for (size_t i = 0; i < view->node_count; i++)
        member(view, out, page, &view->nodes[i]);
    mcmp__out_str(out, "</div>");
    mcmp__page_domains(out, page, view);
    if (!(page->flags & MCMP_PAGE_REDUCED))
        balancers(view, out);
    mcmp__out_str(out, "</main></body></html>\n");
}

void mcmp__render_page(const mcmp_view *view, mcmp__out *out)
{
    static const mcmp__page read_only;

    mcmp__page_write(view, &read_only, out);
}
