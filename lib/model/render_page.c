/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page for people (MCMP 4.12): read-only, no script, nothing loaded from elsewhere. Tools look
 * at it too: its first `/x.y.z.Final` is the product of VERSION, every row of the cluster stands
 * there as `Node <name>`, and that word occurs nowhere else, so static text says "member".
 */
#include "view.h"

#include <libmcmp/version.h>

/* Contexts of one alias that are written out; INFO and JSON have all of them. */
enum { CONTEXTS_SHOWN = 100 };

/* The hash is over the bytes between <style> and </style> below; test_render checks it. */
const char mcmp__page_policy[] =
    "default-src 'none'; style-src 'sha256-UBwcrH0QBA/0RgsozFo5nnWSb307/xq6coZDXes6Trw='; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static const char style[] =
    ":root{color-scheme:light dark;--bg:#f4f6f9;--card:#fff;--ink:#1c2530;--dim:#667385;"
    "--line:#dfe5ec;--ok:#1a7f4b;--idle:#2f6fb5;--warn:#a86200;--bad:#b3261e;--off:#7a8594}"
    "@media(prefers-color-scheme:dark){:root{--bg:#12171e;--card:#1b222c;--ink:#e4eaf2;"
    "--dim:#93a1b3;--line:#2c3643;--ok:#4cc38a;--idle:#6cabf0;--warn:#e8a64c;--bad:#f2756b;"
    "--off:#8a96a6}}"
    "*{box-sizing:border-box}"
    "body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.45 system-ui,sans-serif}"
    "header{padding:26px 32px 12px}h1{margin:0;font-size:22px;font-weight:650}"
    "header p{margin:2px 0 0;color:var(--dim)}main{padding:8px 32px 40px}"
    "h2{font-size:17px;margin:0;font-weight:650}h3{font-size:15px;margin:28px 0 8px}"
    ".tiles{display:flex;flex-wrap:wrap;gap:12px;margin:12px 0 20px;padding:0;list-style:none}"
    ".tiles li{background:var(--card);border:1px solid var(--line);border-radius:10px;"
    "padding:10px 18px;min-width:112px;color:var(--dim)}"
    ".tiles b{display:block;font-size:24px;line-height:1.2;color:var(--ink)}"
    ".grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(380px,1fr));gap:16px;"
    "align-items:start}"
    "article{background:var(--card);border:1px solid var(--line);border-left:5px solid var(--off);"
    "border-radius:10px;padding:14px 18px;overflow-wrap:anywhere}"
    ".active{border-left-color:var(--ok)}.standby,.unproven{border-left-color:var(--idle)}"
    ".error,.broken{border-left-color:var(--bad)}"
    ".top{display:flex;gap:10px;align-items:center;justify-content:space-between}"
    ".badge{font-size:12px;padding:2px 10px;border-radius:99px;color:#fff;background:var(--off)}"
    ".active .badge{background:var(--ok)}.standby .badge,.unproven .badge{background:var(--idle)}"
    ".error .badge,.broken .badge{background:var(--bad)}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 14px;margin:10px 0}"
    "dt{color:var(--dim)}dd{margin:0}meter{width:120px;height:12px;vertical-align:-1px}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;padding:5px 10px 5px 0;border-top:1px solid var(--line);"
    "vertical-align:top}th{color:var(--dim);font-weight:500}"
    ".app{display:inline-block;font:13px/1.5 ui-monospace,monospace;border:1px solid var(--line);"
    "border-radius:6px;padding:0 7px;margin:0 5px 4px 0}"
    ".ENABLED{border-color:var(--ok)}.DISABLED{border-color:var(--warn);color:var(--warn)}"
    ".STOPPED{border-color:var(--bad);color:var(--bad)}";

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

static void contexts(const mcmp_view *view, mcmp__out *out, const mcmp__view_alias *alias)
{
    for (uint32_t i = 0; i < alias->count && i < CONTEXTS_SHOWN; i++) {
        const mcmp__view_pair *pair = &view->pairs[view->by_alias[alias->first + i]];
        const char *status = mcmp__status_name(pair->status);

        mcmp__out_str(out, "<span class=\"app ");
        mcmp__out_str(out, status);
        mcmp__out_str(out, "\" title=\"");
        mcmp__out_str(out, status);
        mcmp__out_str_uint(out, ", running: ", pair->requests);
        mcmp__out_str(out, "\">");
        mcmp__out_xml(out, pair->path);
        if (pair->status != MCMP_STATUS_ENABLED) {
            mcmp__out_char(out, ' ');
            mcmp__out_str(out, status);
        }
        mcmp__out_str(out, "</span>");
    }
    if (alias->count > CONTEXTS_SHOWN) {
        mcmp__out_str_uint(out, "and ", alias->count - CONTEXTS_SHOWN);
        mcmp__out_str(out, " more");
    }
}

static void aliases(const mcmp_view *view, mcmp__out *out, const mcmp__view_node *node)
{
    if (node->alias_count == 0)
        return;
    mcmp__out_str(out, "<table><tr><th>Alias</th><th>Contexts</th></tr>");
    for (size_t i = 0; i < node->alias_count; i++) {
        const mcmp__view_alias *alias = &view->aliases[node->first_alias + i];

        mcmp__out_str(out, "<tr><td>");
        mcmp__out_xml(out, alias->name);
        mcmp__out_str(out, "</td><td>");
        contexts(view, out, alias);
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

static void member(const mcmp_view *view, mcmp__out *out, const mcmp__view_node *node)
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
    mcmp__out_str(out, "</dd></dl>");
    aliases(view, out, node);
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

void mcmp__render_page(const mcmp_view *view, mcmp__out *out)
{
    mcmp__out_str(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>");
    mcmp__out_xml(out, view->product);
    mcmp__out_str(out, "</title><meta name=\"viewport\" content=\"width=device-width, "
                       "initial-scale=1\"><style>");
    mcmp__out_str(out, style);
    mcmp__out_str(out, "</style></head><body><header><h1>");
    mcmp__out_xml(out, view->product);
    mcmp__out_str(out, "</h1><p>Protocol " MCMP_PROTOCOL_VERSION ", state ");
    mcmp__out_uint(out, view->id);
    mcmp__out_str(out, "</p></header><main>");
    tiles(view, out);
    if (view->node_count == 0)
        mcmp__out_str(out, "<article><h2>No members</h2>Nothing has registered yet.</article>");
    mcmp__out_str(out, "<div class=\"grid\">\n");
    for (size_t i = 0; i < view->node_count; i++)
        member(view, out, &view->nodes[i]);
    mcmp__out_str(out, "</div>");
    balancers(view, out);
    mcmp__out_str(out, "</main></body></html>\n");
}
