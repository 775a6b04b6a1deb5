/* SPDX-License-Identifier: Apache-2.0 */
/* See oracle.h: what INFO and DUMP have to show (MCMP 4.7 and 4.9). */
#include "oracle.h"

#include <string.h>

void oracle_add(oracle_text *out, const char *text)
{
    size_t len = strlen(text);

    if (len > sizeof(out->data) - out->len)
        len = sizeof(out->data) - out->len;
    memcpy(out->data + out->len, text, len);
    out->len += len;
}

void oracle_add_int(oracle_text *out, int64_t value)
{
    char digits[24];
    size_t at = sizeof(digits) - 1;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (value < 0)
        digits[--at] = '-';
    oracle_add(out, digits + at);
}

static void add_field(oracle_text *out, const char *name, const char *value)
{
    oracle_add(out, name);
    oracle_add(out, value);
}

static void add_number(oracle_text *out, const char *name, int64_t value)
{
    oracle_add(out, name);
    oracle_add_int(out, value);
}

static int is_shown(const oracle *o, const oracle_row *r)
{
    return r->live || oracle_stage(o, r) >= 0;
}

static const char *name_of(const oracle *o, const oracle_row *r)
{
    if (!r->live && oracle_stage(o, r) == MCMP_NODE_REMOVED)
        return "REMOVED";
    return oracle_route[r->route];
}

static void info_node(const oracle *o, const oracle_row *r, oracle_text *out)
{
    static const char *const flush[] = { "Off", "On", "Auto" };
    const oracle_config *c = &r->config;

    add_number(out, "Node: [", (int64_t)r->id);
    add_field(out, "],Name: ", name_of(o, r));
    add_field(out, ",Balancer: ", oracle_balancer[c->balancer]);
    add_field(out, ",LBGroup: ", oracle_domain[c->domain]);
    add_field(out, ",Host: ", oracle_host[c->host][c->spelling]);
    add_number(out, ",Port: ", oracle_port[c->port]);
    add_field(out, ",Type: ", mcmp_scheme_name((uint32_t)c->type));
    add_field(out, ",Flushpackets: ", flush[c->flush]);
    add_number(out, ",Flushwait: ", c->flushwait);
    add_number(out, ",Ping: ", c->ping);
    add_number(out, ",Smax: ", c->smax);
    add_number(out, ",Ttl: ", c->ttl);
    add_number(out, ",Elected: ", (int64_t)r->elected);
    add_number(out, ",Read: ", (int64_t)r->bytes_read);
    add_number(out, ",Transfered: ", (int64_t)r->bytes_sent);
    add_number(out, ",Connected: ", r->connected);
    add_number(out, ",Load: ", r->load);
    oracle_add(out, "\n");
}

/* The alias (context -1) or pair of the least order above `after`; 0: there is none. */
static uint64_t next_alias(const oracle_row *r, uint64_t after, int *alias)
{
    uint64_t best = 0;

    for (int a = 0; a < O_ALIASES; a++)
        if (r->vhost[a] != 0 && r->alias_order[a] > after &&
            (best == 0 || r->alias_order[a] < best)) {
            best = r->alias_order[a];
            *alias = a;
        }
    return best;
}

static uint64_t next_pair(const oracle_row *r, uint32_t status, uint64_t after, int *alias,
                          int *context)
{
    uint64_t best = 0;

    for (int a = 0; a < O_ALIASES; a++)
        for (int c = 0; c < O_CONTEXTS; c++)
            if (r->status[a][c] == status && r->pair_order[a][c] > after &&
                (best == 0 || r->pair_order[a][c] < best)) {
                best = r->pair_order[a][c];
                *alias = a;
                *context = c;
            }
    return best;
}

/* Where an alias's line comes among all: the third id of its lines. */
typedef struct line_ids {
    int line[O_ROWS][O_ALIASES];
} line_ids;

static void number_aliases(const oracle *o, line_ids *ids)
{
    int line = 0;
    int a = 0;

    for (int i = o->rows - 1; i >= 0; i--)
        for (uint64_t at = next_alias(&o->row[i], 0, &a); at != 0;
             at = next_alias(&o->row[i], at, &a))
            ids->line[i][a] = ++line;
}

static void add_ids(oracle_text *out, const char *word, const oracle *o, int i, int a,
                    const line_ids *ids)
{
    add_number(out, word, (int64_t)o->row[i].id);
    add_number(out, ":", o->row[i].vhost[a]);
    add_number(out, ":", ids->line[i][a]);
}

typedef void (*pair_fn)(const oracle *o, int i, int a, int c, const line_ids *ids, uint64_t n,
                        oracle_text *out);

/* STOPPED, then DISABLED, then ENABLED, each by registration. */
static void each_pair(const oracle *o, const line_ids *ids, pair_fn add, uint32_t *requests,
                      oracle_text *out)
{
    uint64_t n = 0;
    int a = 0;
    int c = 0;

    for (int i = o->rows - 1; i >= 0; i--)
        for (uint32_t status = MCMP_STATUS_STOPPED; status >= MCMP_STATUS_ENABLED; status--)
            for (uint64_t at = next_pair(&o->row[i], status, 0, &a, &c); at != 0;
                 at = next_pair(&o->row[i], status, at, &a, &c)) {
                if (requests != NULL)
                    requests[n] = o->row[i].running[o->opts.use_alias ? a : 0][c];
                add(o, i, a, c, ids, ++n, out);
            }
}

static void info_pair(const oracle *o, int i, int a, int c, const line_ids *ids, uint64_t n,
                      oracle_text *out)
{
    static const char *const names[] = { "", "ENABLED", "DISABLED", "STOPPED" };

    (void)n;
    add_ids(out, "Context: [", o, i, a, ids);
    add_field(out, "], Context: ", oracle_context[c]);
    add_field(out, ", Status: ", names[o->row[i].status[a][c]]);
    oracle_add(out, "\n");
}

void oracle_info(const oracle *o, oracle_text *out, uint32_t *requests)
{
    line_ids ids;
    int a = 0;

    out->len = 0;
    number_aliases(o, &ids);
    for (int i = o->rows - 1; i >= 0; i--)
        if (is_shown(o, &o->row[i]))
            info_node(o, &o->row[i], out);
    for (int i = o->rows - 1; i >= 0; i--)
        for (uint64_t at = next_alias(&o->row[i], 0, &a); at != 0;
             at = next_alias(&o->row[i], at, &a)) {
            add_ids(out, "Vhost: [", o, i, a, &ids);
            add_field(out, "], Alias: ", oracle_alias[a]);
            oracle_add(out, "\n");
        }
    each_pair(o, &ids, info_pair, requests, out);
}

static int has_shown_row(const oracle *o, int balancer)
{
    for (int i = 0; i < o->rows; i++)
        if (o->row[i].config.balancer == balancer && is_shown(o, &o->row[i]))
            return 1;
    return 0;
}

static void dump_balancer(const oracle_balancer_row *b, int n, oracle_text *out)
{
    const oracle_config *c = &b->config;

    add_number(out, "balancer: [", n);
    add_field(out, "] Name: ", oracle_balancer[b->name]);
    add_number(out, " Sticky: ", c->sticky);
    add_field(out, " [", oracle_cookie[c->cookie]);
    add_field(out, "]/[", oracle_path_name[c->cookie]);
    add_number(out, "] remove: ", c->remove);
    add_number(out, " force: ", c->force);
    add_number(out, " Timeout: ", c->wait);
    add_number(out, " maxAttempts: ", c->attempts);
    oracle_add(out, "\n");
}

static void dump_node(const oracle *o, const oracle_row *r, oracle_text *out)
{
    const oracle_config *c = &r->config;

    add_number(out, "node: [", (int64_t)r->id);
    add_number(out, ":", (int64_t)r->id);
    add_field(out, "],Balancer: ", oracle_balancer[c->balancer]);
    add_field(out, ",JVMRoute: ", name_of(o, r));
    add_field(out, ",LBGroup: [", oracle_domain[c->domain]);
    add_field(out, "],Host: ", oracle_host[c->host][c->spelling]);
    add_number(out, ",Port: ", oracle_port[c->port]);
    add_field(out, ",Type: ", mcmp_scheme_name((uint32_t)c->type));
    add_number(out, ",flushpackets: ", c->flush);
    add_number(out, ",flushwait: ", c->flushwait);
    add_number(out, ",ping: ", c->ping);
    add_number(out, ",smax: ", c->smax);
    add_number(out, ",ttl: ", c->ttl);
    add_number(out, ",timeout: ", c->timeout);
    oracle_add(out, "\n");
}

static void dump_place(const oracle *o, int i, int a, oracle_text *out)
{
    add_number(out, "] vhost: ", o->row[i].vhost[a]);
    add_number(out, " node: ", (int64_t)o->row[i].id);
}

static void dump_pair(const oracle *o, int i, int a, int c, const line_ids *ids, uint64_t n,
                      oracle_text *out)
{
    (void)ids;
    add_number(out, "context: ", (int64_t)n);
    add_field(out, " [", oracle_context[c]);
    dump_place(o, i, a, out);
    add_number(out, " status: ", o->row[i].status[a][c]);
    oracle_add(out, "\n");
}

void oracle_dump(const oracle *o, oracle_text *out)
{
    line_ids ids;
    int n = 0;
    int a = 0;

    out->len = 0;
    number_aliases(o, &ids);
    for (int i = 0; i < o->balancers; i++)
        if (has_shown_row(o, o->balancer[i].name))
            dump_balancer(&o->balancer[i], ++n, out);
    for (int i = o->rows - 1; i >= 0; i--)
        if (is_shown(o, &o->row[i]))
            dump_node(o, &o->row[i], out);
    for (int i = o->rows - 1; i >= 0; i--)
        for (uint64_t at = next_alias(&o->row[i], 0, &a); at != 0;
             at = next_alias(&o->row[i], at, &a)) {
            add_number(out, "host: ", ids.line[i][a]);
            add_field(out, " [", oracle_alias[a]);
            dump_place(o, i, a, out);
            oracle_add(out, "\n");
        }
    each_pair(o, &ids, dump_pair, NULL, out);
}
