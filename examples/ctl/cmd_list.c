/* SPDX-License-Identifier: Apache-2.0 */
/* nodes, contexts, info, dump: what the proxy knows. */
#include "conn.h"
#include "out.h"
#include "state.h"

#include <string.h>

static void endpoint(const mcmp_info_line *node, char *out, size_t size)
{
    (void)snprintf(out, size, "%.*s://%.*s:%.*s", (int)node->type.len, node->type.ptr,
                   (int)node->host.len, node->host.ptr, (int)node->port.len, node->port.ptr);
}

/* As a number where it is one, which it is in answers of ours. */
static void port_json(mcmp_span port)
{
    char text[8] = "";
    const char *end;
    int64_t number;

    if (port.len < sizeof(text))
        memcpy(text, port.ptr, port.len);
    if (ctl_parse_digits(text, 65535, &number, &end) == 0 && *end == '\0')
        ctl_json_int("port", number);
    else
        ctl_json_text("port", port);
}

static void node_json(const mcmp_info_line *node)
{
    ctl_json_open(NULL, '{');
    ctl_json_text("route", node->name);
    ctl_json_int("id", (int64_t)node->node);
    ctl_json_text("balancer", node->balancer);
    ctl_json_text("domain", node->domain);
    ctl_json_text("type", node->type);
    ctl_json_text("host", node->host);
    port_json(node->port);
    ctl_json_int("load", node->load);
    ctl_json_int("elected", (int64_t)node->elected);
    ctl_json_int("connected", (int64_t)node->connected);
    ctl_json_int("read", (int64_t)node->bytes_read);
    ctl_json_int("transferred", (int64_t)node->transferred);
    ctl_json_close('}');
}

static void node_cells(ctl_table *table, const mcmp_info_line *node)
{
    char text[512];

    ctl_table_span(table, node->name);
    ctl_table_span(table, node->balancer);
    ctl_table_span(table, node->domain.len != 0 ? node->domain : ctl_span("-"));
    endpoint(node, text, sizeof(text));
    ctl_table_str(table, text);
    (void)snprintf(text, sizeof(text), "%d", node->load);
    ctl_table_str(table, text);
    ctl_table_uint(table, node->connected);
    ctl_table_uint(table, node->elected);
    ctl_table_bytes(table, node->bytes_read);
    ctl_table_bytes(table, node->transferred);
}

int ctl_run_nodes(ctl *c)
{
    static const char *const heads[] = { "ROUTE",    "BALANCER", "DOMAIN", "ENDPOINT", ">LOAD",
                                         ">RUNNING", ">ELECTED", ">READ",  ">SENT" };
    ctl_table table;
    ctl_state state;
    int rc = ctl_state_ask(c, &state);

    if (rc != CTL_OK)
        return rc;
    ctl_table_init(&table, heads, CTL_COUNT(heads));
    if (c->options.form == CTL_JSON)
        ctl_json_open(NULL, '[');
    for (size_t i = 0; i < state.node_count; i++) {
        if (c->options.form == CTL_JSON)
            node_json(&state.nodes[i]);
        else
            node_cells(&table, &state.nodes[i]);
    }
    if (c->options.form == CTL_JSON) {
        ctl_json_close(']');
        ctl_json_end();
    } else {
        ctl_table_print(&table);
    }
    ctl_state_clear(&state);
    return CTL_OK;
}

static void pair_json(const ctl_state *state, const ctl_pair *pair)
{
    ctl_json_open(NULL, '{');
    ctl_json_text("context", pair->path);
    ctl_json_text("alias", pair->alias);
    ctl_json_text("route", state->nodes[pair->node].name);
    ctl_json_str("status", ctl_status_name(pair->status));
    ctl_json_close('}');
}

static void pair_cells(ctl_table *table, const ctl_state *state, const ctl_pair *pair)
{
    ctl_table_span(table, pair->path);
    ctl_table_span(table, pair->alias);
    ctl_table_span(table, state->nodes[pair->node].name);
    ctl_table_str(table, ctl_status_name(pair->status));
}

static void print_pairs(const ctl *c, const ctl_state *state, size_t only)
{
    static const char *const heads[] = { "CONTEXT", "ALIAS", "ROUTE", "STATUS" };
    ctl_table table;

    ctl_table_init(&table, heads, CTL_COUNT(heads));
    if (c->options.form == CTL_JSON)
        ctl_json_open(NULL, '[');
    for (size_t i = 0; i < state->pair_count; i++) {
        if (only < state->node_count && state->pairs[i].node != only)
            continue;
        if (c->options.form == CTL_JSON)
            pair_json(state, &state->pairs[i]);
        else
            pair_cells(&table, state, &state->pairs[i]);
    }
    if (c->options.form == CTL_JSON) {
        ctl_json_close(']');
        ctl_json_end();
    } else {
        ctl_table_print(&table);
    }
}

int ctl_run_contexts(ctl *c)
{
    ctl_state state;
    size_t only;
    int rc = ctl_state_ask(c, &state);

    if (rc != CTL_OK)
        return rc;
    only = state.node_count;
    if (c->options.arg_count == 1) {
        only = ctl_state_find(&state, ctl_span(c->options.args[0]));
        if (only == state.node_count)
            rc = ctl_fail(CTL_REFUSED, "%s knows no node \"%s\"", c->options.proxy,
                          c->options.args[0]);
    }
    if (rc == CTL_OK)
        print_pairs(c, &state, only);
    ctl_state_clear(&state);
    return rc;
}

static int report(ctl *c, uint32_t command)
{
    static const char *const accepts[] = {
        [CTL_TEXT] = "text/plain", [CTL_JSON] = "application/json", [CTL_XML] = "text/xml"
    };
    const mcmp_answer_info *answer;
    mcmp_message message;
    mcmp_span type;
    int rc;

    mcmp_message_init(&message);
    message.command = command;
    message.accept = ctl_span(accepts[c->options.form]);
    rc = ctl_must(c, &message, &answer);
    if (rc != CTL_OK)
        return rc;
    type = answer->content_type;
    if (c->options.form == CTL_JSON && (type.len < 16 || memcmp(type.ptr, "application/json", 16)))
        return ctl_fail(CTL_REFUSED, "%s gives no JSON, but %.*s", c->options.proxy, (int)type.len,
                        type.ptr);
    (void)fwrite(answer->body.ptr, 1, answer->body.len, stdout);
    if (answer->body.len != 0 && answer->body.ptr[answer->body.len - 1] != '\n')
        (void)putchar('\n');
    return CTL_OK;
}

int ctl_run_info(ctl *c)
{
    return report(c, MCMP_COMMAND_INFO);
}

int ctl_run_dump(ctl *c)
{
    return report(c, MCMP_COMMAND_DUMP);
}
