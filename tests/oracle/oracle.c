/* SPDX-License-Identifier: Apache-2.0 */
/* See oracle.h: the state and what a row goes through. */
#include "oracle.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

const char *oracle_route[O_ROUTES];
uint32_t oracle_port[O_PORTS] = { 8009, 8010, 443 };
const char *const oracle_host[O_HOSTS][O_SPELLINGS] = { { "10.0.0.1", "10.0.0.1" },
                                                        { "node.example.com", "NODE.example.COM" },
                                                        { "[fd00::1]", "[FD00:0::1]" },
                                                        { "localhost", "localhost" } };
const char *const oracle_balancer[O_BALANCERS] = { "mycluster", "b1", "b2", "b3" };
const char *const oracle_domain[O_DOMAINS] = { "", "east", "west+1" };
const char *const oracle_alias[O_ALIASES] = { "a.example.com", "b.example.com",   "*.example.com",
                                              "example.com",   "*.b.example.com", "[::1]" };
const char *const oracle_context[O_CONTEXTS] = {
    "/",       "/a",    "/a/b", "/a/b/c", "/ab", "/long-context-name-over-eight/x",
    "noslash", "/a/bc", "/b",   "/A"
};
const char *const oracle_cookie[O_COOKIES] = { "JSESSIONID", "SID" };
const char *const oracle_path_name[O_COOKIES] = { "jsessionid", "sid" };

/* Always the same; the fifth is longer than the others. */
static void fill_names(void)
{
    static char routes[O_ROUTES][16];

    for (int i = 0; i < O_ROUTES; i++) {
        (void)snprintf(routes[i], sizeof(routes[i]), i == 4 ? "node-four" : "n%d", i);
        oracle_route[i] = routes[i];
    }
    for (uint32_t i = 3; i < O_PORTS; i++)
        oracle_port[i] = 9000 + i;
}

void oracle_init(oracle *o, const oracle_options *opts)
{
    fill_names();
    memset(o, 0, sizeof(*o));
    o->opts = *opts;
}

/* Without the rows that are not in use. */
void oracle_copy(oracle *to, const oracle *from)
{
    memcpy(to, from, offsetof(oracle, row) + sizeof(from->row[0]) * (size_t)from->rows);
}

void oracle_set_add(oracle_set *set, int route)
{
    set->bits[route / 64] |= UINT64_C(1) << route % 64;
}

int oracle_set_has(const oracle_set *set, int route)
{
    return (int)(set->bits[route / 64] >> route % 64 & 1);
}

int oracle_set_size(const oracle_set *set)
{
    int n = 0;

    for (int i = 0; i < O_ROUTES; i++)
        n += oracle_set_has(set, i);
    return n;
}

oracle_row *oracle_live(oracle *o, int route)
{
    for (int i = 0; i < o->rows; i++)
        if (o->row[i].live && o->row[i].route == route)
            return &o->row[i];
    return NULL;
}

oracle_row *oracle_by_id(oracle *o, uint64_t id)
{
    for (int i = 0; i < o->rows; i++)
        if (o->row[i].id == id)
            return &o->row[i];
    return NULL;
}

oracle_balancer_row *oracle_balancer_of(oracle *o, int name)
{
    for (int i = 0; i < o->balancers; i++)
        if (o->balancer[i].name == name)
            return &o->balancer[i];
    return NULL;
}

/* MCMP 4.4: under its name, then as REMOVED, then forgotten. */
int oracle_stage(const oracle *o, const oracle_row *r)
{
    if (o->now - r->removed_at >= 2 * o->opts.grace)
        return -1;
    return o->now - r->removed_at >= o->opts.grace ? MCMP_NODE_REMOVED : MCMP_NODE_LEAVING;
}

uint32_t oracle_state(const oracle *o, const oracle_row *r)
{
    if (!r->live)
        return (uint32_t)oracle_stage(o, r);
    if (r->load < 0)
        return MCMP_NODE_BROKEN;
    if (r->error)
        return MCMP_NODE_ERROR;
    if (r->load > 0)
        return MCMP_NODE_ACTIVE;
    return r->proven ? MCMP_NODE_STANDBY : MCMP_NODE_UNPROVEN;
}

/* Domain 0: nothing is to be remembered of the route. */
void oracle_remember(oracle *o, int route, int domain)
{
    int at = 0;

    for (int i = 0; i < o->memories; i++)
        if (o->memory[i].route != route)
            o->memory[at++] = o->memory[i];
    o->memories = at;
    if (domain == 0)
        return;
    if (o->memories == (int)o->opts.max_nodes) {
        memmove(o->memory, o->memory + 1, sizeof(o->memory[0]) * (size_t)(o->memories - 1));
        o->memories--;
    }
    o->memory[o->memories++] = (oracle_memory){ route, domain, o->now };
}

/* Balancers without any row go, but the one that the message at hand speaks of (keep). */
void oracle_drop_balancers(oracle *o, int keep)
{
    int at = 0;

    for (int i = 0; i < o->balancers; i++) {
        int used = o->balancer[i].name == keep;

        for (int k = 0; k < o->rows; k++)
            used |= o->row[k].config.balancer == o->balancer[i].name;
        if (used)
            o->balancer[at++] = o->balancer[i];
    }
    o->balancers = at;
}

void oracle_forget(oracle *o, oracle_row *r)
{
    size_t after = (size_t)(&o->row[o->rows] - (r + 1));

    memmove(r, r + 1, after * sizeof(*r));
    o->rows--;
}

/* Rows whose time is over: kept a while longer only for heal_reset. */
void oracle_forget_old(oracle *o)
{
    mcmp_time keep = 2 * o->opts.grace;

    if (o->opts.heal_window > keep)
        keep = o->opts.heal_window;
    for (int i = 0; i < o->rows;) {
        if (!o->row[i].live && o->now - o->row[i].removed_at > keep)
            oracle_forget(o, &o->row[i]);
        else
            i++;
    }
    oracle_drop_balancers(o, -1);
}

static int has_live(const oracle *o, int balancer)
{
    for (int i = 0; i < o->rows; i++)
        if (o->row[i].live && o->row[i].config.balancer == balancer)
            return 1;
    return 0;
}

/* The row removed first, of all or of those whose balancer has no live node; -1: none. */
int oracle_oldest_leaving(const oracle *o, int without_live)
{
    int best = -1;

    for (int i = 0; i < o->rows; i++) {
        const oracle_row *r = &o->row[i];

        if (r->live || (without_live && has_live(o, r->config.balancer)))
            continue;
        if (best < 0 || r->removal < o->row[best].removal)
            best = i;
    }
    return best;
}

/* MCMP 4.4. The balancers are looked at by the caller: the message may bring another node. */
void oracle_remove(oracle *o, uint64_t id, uint64_t connection)
{
    oracle_row *r = oracle_by_id(o, id);
    int leaving = 0;

    oracle_remember(o, r->route, r->config.domain);
    memset(r->vhost, 0, sizeof(r->vhost));
    memset(r->status, 0, sizeof(r->status));
    memset(r->place, 0, sizeof(r->place));
    memset(r->running, 0, sizeof(r->running));
    r->live = 0;
    r->handle = 0;
    r->removed_at = o->now;
    r->removed_connection = connection;
    r->removal = ++o->last_removal;
    for (int i = 0; i < o->rows; i++)
        leaving += !o->row[i].live;
    if (leaving > (int)o->opts.max_nodes)
        oracle_forget(o, &o->row[oracle_oldest_leaving(o, 0)]);
}
