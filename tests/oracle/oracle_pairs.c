/* SPDX-License-Identifier: Apache-2.0 */
/* See oracle.h: pairs of alias and context, and the numbers of virtual hosts (MCMP 3.3). */
#include "oracle_parts.h"

static int alias_total(const oracle *o)
{
    int n = 0;

    for (int i = 0; i < o->rows; i++)
        for (uint32_t a = 0; a < o->opts.names.aliases; a++)
            n += o->row[i].vhost[a] != 0;
    return n;
}

static int pair_total(const oracle *o)
{
    int n = 0;

    for (int i = 0; i < o->rows; i++)
        for (uint32_t a = 0; a < o->opts.names.aliases; a++)
            for (uint32_t c = 0; c < o->opts.names.contexts; c++)
                n += o->row[i].status[a][c] != 0;
    return n;
}

static uint32_t lowest_number(const oracle_row *r)
{
    for (uint32_t number = 1;; number++) {
        int used = 0;

        for (int a = 0; a < O_ALIASES; a++)
            used |= r->vhost[a] == number;
        if (!used)
            return number;
    }
}

static uint32_t number_of_list(const oracle_row *r, const oracle_message *m)
{
    for (int i = 0; i < m->alias_count; i++)
        if (r->vhost[m->alias[i]] != 0)
            return r->vhost[m->alias[i]];
    return lowest_number(r);
}

/* A number without contexts goes with all its aliases. */
static void settle(oracle_row *r, uint32_t number)
{
    for (int a = 0; a < O_ALIASES; a++)
        for (int c = 0; c < O_CONTEXTS; c++)
            if (r->vhost[a] == number && r->status[a][c] != 0)
                return;
    for (int a = 0; a < O_ALIASES; a++)
        if (r->vhost[a] == number)
            r->vhost[a] = 0;
}

/* Where running requests are counted: by pair with use_alias, else by context. */
static int has_place(const oracle *o, const oracle_row *r, int alias, int context)
{
    for (int a = 0; a < O_ALIASES; a++)
        if (r->status[a][context] != 0 && (!o->opts.use_alias || a == alias))
            return 1;
    return 0;
}

static void add_pair(oracle *o, oracle_row *r, int alias, int context, uint32_t status)
{
    int at = o->opts.use_alias ? alias : 0;

    if (!has_place(o, r, alias, context)) {
        r->place[at][context] = ++o->last_place;
        r->running[at][context] = 0;
    }
    r->status[alias][context] = (uint8_t)status;
    r->pair_order[alias][context] = ++o->last_order;
}

void oracle_remove_pair(oracle *o, oracle_row *r, int alias, int context)
{
    int at = o->opts.use_alias ? alias : 0;

    r->status[alias][context] = 0;
    if (!has_place(o, r, alias, context)) {
        r->place[at][context] = 0;
        r->running[at][context] = 0;
    }
    settle(r, r->vhost[alias]);
}

static void leave_out(oracle_answer *out, const oracle_message *m, int alias, int context)
{
    oracle_add(&out->mess, out->mess.len == 0 ? "MEM: " : ", ");
    oracle_add(&out->mess, context >= 0 ? "Can't update or insert context for node with \""
                                        : "Can't update or insert host alias for node with \"");
    oracle_add(&out->mess, oracle_route[m->route]);
    oracle_add(&out->mess, "\" JVMRoute (");
    if (context >= 0) {
        oracle_add(&out->mess, oracle_context[context]);
        oracle_add(&out->mess, " and alias: ");
    }
    oracle_add(&out->mess, oracle_alias[alias]);
    oracle_add(&out->mess, ")");
}

static void register_contexts(oracle *o, oracle_row *r, const oracle_message *m, int i,
                              uint32_t status, int set_existing, oracle_pairs *p,
                              oracle_answer *out)
{
    int a = m->alias[i];

    for (int k = 0; k < m->context_count; k++) {
        int c = m->context[k];

        if (r->status[a][c] != 0) {
            if (set_existing)
                r->status[a][c] = (uint8_t)status;
            p->done[i][k] = 1;
        } else if (p->left_contexts || pair_total(o) == (int)o->opts.max_contexts) {
            p->left_contexts = 1;
            leave_out(out, m, a, c);
        } else {
            add_pair(o, r, a, c, status);
            p->done[i][k] = 1;
        }
    }
}

void oracle_register(oracle *o, oracle_row *r, const oracle_message *m, uint32_t status,
                     int set_existing, oracle_pairs *p, oracle_answer *out)
{
    uint32_t number = number_of_list(r, m);
    int added = 0;

    for (int i = 0; i < m->alias_count; i++) {
        int a = m->alias[i];

        if (r->vhost[a] == 0) {
            added = 1;
            if (p->left_aliases || alias_total(o) == (int)o->opts.max_aliases) {
                p->left_aliases = 1;
                leave_out(out, m, a, -1);
                continue;
            }
            r->vhost[a] = number;
            r->alias_order[a] = ++o->last_order;
        }
        register_contexts(o, r, m, i, status, set_existing, p, out);
    }
    if (added && set_existing) /* these commands tell nobody, so nothing empty may stay */
        settle(r, number);
}
