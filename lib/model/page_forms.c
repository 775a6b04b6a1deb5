/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links and buttons of the page. Every button is a form of its own that carries the token and the
 * names it is about, so the page needs no script.
 */
#include "page.h"

enum { DOMAINS_SHOWN = 64 };

typedef struct button {
    uint32_t status; /* what a context has afterwards */
    const char *command;
    const char *text;
} button;

static const button buttons[] = {
    { MCMP_STATUS_ENABLED, "ENABLE-APP", "Enable" },
    { MCMP_STATUS_DISABLED, "DISABLE-APP", "Disable" },
    { MCMP_STATUS_STOPPED, "STOP-APP", "Stop" },
};

static void hidden(mcmp__out *out, const char *name, mcmp_span value)
{
    mcmp__out_str(out, "<input type=\"hidden\" name=\"");
    mcmp__out_str(out, name);
    mcmp__out_str(out, "\" value=\"");
    mcmp__out_xml(out, value);
    mcmp__out_str(out, "\">");
}

static void open_form(mcmp__out *out, const mcmp__page *page, const char *range)
{
    mcmp__out_str(out, "<form method=\"post\" action=\"");
    mcmp__out_xml(out, page->path);
    mcmp__out_str(out, "\">");
    if (page->token.len != 0)
        hidden(out, "nonce", page->token);
    hidden(out, "Range", mcmp__span_str(range));
}

/* now: the status that needs no button; 0 = all have one. */
static void close_form(mcmp__out *out, uint32_t now)
{
    for (size_t i = 0; i < MCMP__COUNT(buttons); i++) {
        if (buttons[i].status == now)
            continue;
        mcmp__out_str(out, "<button name=\"Cmd\" value=\"");
        mcmp__out_str(out, buttons[i].command);
        mcmp__out_str(out, "\">");
        mcmp__out_str(out, buttons[i].text);
        mcmp__out_str(out, "</button>");
    }
    mcmp__out_str(out, "</form>");
}

static void link_to(mcmp__out *out, const mcmp__page *page, const char *query, const char *text)
{
    mcmp__out_str(out, "<a href=\"");
    mcmp__out_xml(out, page->path);
    mcmp__out_str(out, query);
    mcmp__out_str(out, "\">");
    mcmp__out_str(out, text);
    mcmp__out_str(out, "</a>");
}

void mcmp__page_links(mcmp__out *out, const mcmp__page *page)
{
    if (page->path.len == 0)
        return;
    mcmp__out_str(out, "<nav>");
    link_to(out, page, "", "Reload");
    link_to(out, page, "?refresh=10", "Reload every 10 s");
    link_to(out, page, "?Cmd=INFO", "INFO");
    link_to(out, page, "?Cmd=DUMP", "DUMP");
    mcmp__out_str(out, "</nav>");
}

void mcmp__page_node_form(mcmp__out *out, const mcmp__page *page, const mcmp_node_info *node)
{
    if (!mcmp__page_has_forms(page) || node->state >= MCMP_NODE_LEAVING)
        return;
    mcmp__out_str(out, "<div class=\"acts\">All contexts ");
    open_form(out, page, "NODE");
    hidden(out, "JVMRoute", node->route);
    close_form(out, 0);
    mcmp__out_str(out, "</div>");
}

void mcmp__page_pair_form(mcmp__out *out, const mcmp__page *page, mcmp_span route, mcmp_span alias,
                          const mcmp__view_pair *pair)
{
    open_form(out, page, "CONTEXT");
    hidden(out, "JVMRoute", route);
    hidden(out, "Alias", alias);
    hidden(out, "Context", pair->path);
    close_form(out, pair->status);
}

typedef struct domain_row {
    mcmp_span name;
    uint64_t members;
} domain_row;

/* Live members of each domain, by appearance. More domains than rows: the rest is left out. */
static size_t count_domains(const mcmp_view *view, domain_row rows[DOMAINS_SHOWN])
{
    size_t count = 0;

    for (size_t i = 0; i < view->node_count; i++) {
        const mcmp_node_info *info = &view->nodes[i].info;
        size_t at = 0;

        if (info->domain.len == 0 || info->state >= MCMP_NODE_LEAVING)
            continue;
        while (at < count && !mcmp__span_eq(rows[at].name, info->domain))
            at++;
        if (at == DOMAINS_SHOWN)
            continue;
        if (at == count)
            rows[count++] = (domain_row){ info->domain, 0 };
        rows[at].members++;
    }
    return count;
}

void mcmp__page_domains(mcmp__out *out, const mcmp__page *page, const mcmp_view *view)
{
    domain_row rows[DOMAINS_SHOWN];
    size_t count = mcmp__page_has_forms(page) ? count_domains(view, rows) : 0;

    if (count == 0)
        return;
    mcmp__out_str(out, "<h3>Domains</h3><article><table><tr><th>Domain</th><th>Members</th>"
                       "<th>All contexts</th></tr>");
    for (size_t i = 0; i < count; i++) {
        mcmp__out_str(out, "<tr><td>");
        mcmp__out_xml(out, rows[i].name);
        mcmp__out_str_uint(out, "</td><td>", rows[i].members);
        mcmp__out_str(out, "</td><td>");
        open_form(out, page, "DOMAIN");
        hidden(out, "Domain", rows[i].name);
        close_form(out, 0);
        mcmp__out_str(out, "</td></tr>");
    }
    mcmp__out_str(out, "</table></article>");
}
