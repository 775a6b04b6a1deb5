/* SPDX-License-Identifier: Apache-2.0 */
/* See oracle.h: CONFIG (MCMP 4.1). */
#include "oracle_parts.h"

#include <string.h>

static int is_silent(const oracle *o, const oracle_row *r)
{
    return o->opts.silent_after != MCMP_NEVER && r->last_status != 0 &&
           o->now - r->last_status > o->opts.silent_after;
}

static int same_endpoint(const oracle_config *a, const oracle_config *b)
{
    return a->host == b->host && a->port == b->port;
}

static int is_unchanged(const oracle_config *a, const oracle_config *b)
{
    return same_endpoint(a, b) && a->balancer == b->balancer && a->type == b->type &&
           a->reversed == b->reversed && a->smax == b->smax && a->ttl == b->ttl;
}

static oracle_row *other_at_endpoint(oracle *o, const oracle_message *m, const oracle_row *own)
{
    for (int i = 0; i < o->rows; i++)
        if (o->row[i].live && &o->row[i] != own && same_endpoint(&o->row[i].config, &m->config))
            return &o->row[i];
    return NULL;
}

/* 1: the endpoint is or can be made free; *evict is the id of the node that has to go, or 0. */
static int judge_endpoint(oracle *o, const oracle_message *m, const oracle_row *own,
                          uint64_t *evict, oracle_answer *out)
{
    oracle_row *other = other_at_endpoint(o, m, own);

    *evict = 0;
    if (other == NULL)
        return 1;
    if (o->opts.replace_policy == MCMP_REPLACE_REFUSE || !is_silent(o, other)) {
        oracle_refuse(out, MCMP_ERR_CONFLICT, "MEM: Another for the same worker already exist", "",
                      "");
        return 0;
    }
    if (!oracle_is_owner(o, m, other)) {
        oracle_refuse_denied(out);
        return 0;
    }
    *evict = other->id;
    return 1;
}

/* 1: a live node may get these other parameters now. */
static int judge_changed(oracle *o, const oracle_message *m, const oracle_hint *hint,
                         const oracle_row *r, uint64_t *evict, oracle_answer *out)
{
    uint32_t policy = o->opts.replace_policy;

    if (policy != MCMP_REPLACE_REFUSE && !judge_endpoint(o, m, r, evict, out))
        return 0;
    if (policy == MCMP_REPLACE_LAST_WRITER || (policy != MCMP_REPLACE_REFUSE && is_silent(o, r)))
        return 1;
    if (policy == MCMP_REPLACE_PROBE_OLD && !oracle_came_back(hint, r)) {
        oracle_ask_probe(out, r);
        return 0;
    }
    if (policy == MCMP_REPLACE_PROBE_OLD && !hint->probe_ok)
        return 1;
    oracle_refuse(out, MCMP_ERR_CONFLICT, "MEM: Node with \"", oracle_route[m->route],
                  "\" JVMRoute already exists");
    return 0;
}

static int is_known_balancer(const oracle *o, int name)
{
    for (int i = 0; i < o->rows; i++)
        if (o->row[i].config.balancer == name &&
            (o->row[i].live || oracle_stage(o, &o->row[i]) >= 0))
            return 1;
    return 0;
}

/* The last CONFIG of any of its nodes wins. 0: the table is full. */
static int put_balancer(oracle *o, const oracle_message *m)
{
    int name = m->config.balancer;
    oracle_balancer_row *b = oracle_balancer_of(o, name);

    while (b == NULL && o->balancers == (int)o->opts.max_balancers) {
        int left = oracle_oldest_leaving(o, 1);

        if (left < 0)
            return 0;
        oracle_forget(o, &o->row[left]);
        oracle_drop_balancers(o, -1);
    }
    if (b == NULL)
        b = &o->balancer[o->balancers++];
    b->name = name;
    b->config = m->config;
    return 1;
}

/* The silent node that has the endpoint, and every row that only reminds of one. */
static void clear_endpoint(oracle *o, const oracle_message *m, uint64_t evict)
{
    int keep = is_known_balancer(o, m->config.balancer) ? m->config.balancer : -1;

    if (keep < 0) /* what time has ended begins anew, at the end of the list */
        for (int i = o->rows - 1; i >= 0; i--)
            if (o->row[i].config.balancer == m->config.balancer)
                oracle_forget(o, &o->row[i]);
    if (evict != 0)
        oracle_remove(o, evict, 0);
    for (int i = o->rows - 1; i >= 0; i--)
        if (!o->row[i].live && same_endpoint(&o->row[i].config, &m->config))
            oracle_forget(o, &o->row[i]);
    oracle_drop_balancers(o, keep);
}

static int live_count(const oracle *o)
{
    int n = 0;

    for (int i = 0; i < o->rows; i++)
        n += o->row[i].live;
    return n;
}

static void refuse_full(oracle_answer *out, const oracle_message *m, const char *what)
{
    oracle_refuse(out, MCMP_ERR_FULL, what, oracle_route[m->route], "\" JVMRoute");
}

/* heal_reset: REMOVE-APP of the whole node came on this connection a moment ago. */
static mcmp_time heal_until(const oracle *o, const oracle_message *m)
{
    for (int i = 0; i < o->rows; i++) {
        const oracle_row *r = &o->row[i];
        mcmp_time until = r->removed_at + o->opts.heal_window;

        if (!r->live && r->route == m->route && r->removed_connection == m->connection &&
            m->connection != 0 && o->now <= until && !o->opts.no_heal_reset)
            return until;
    }
    return 0;
}

static oracle_row *add_row(oracle *o, const oracle_message *m, mcmp_time until)
{
    oracle_row *r;

    for (int i = o->rows - 1; i >= 0; i--)
        if (!o->row[i].live && o->row[i].route == m->route)
            oracle_forget(o, &o->row[i]);
    oracle_remember(o, m->route, 0);
    r = &o->row[o->rows++];
    memset(r, 0, sizeof(*r));
    r->live = 1;
    r->route = m->route;
    r->id = ++o->last_id;
    r->epoch = ++o->last_epoch;
    r->config = m->config;
    r->owner = m->sender;
    r->heal_connection = until != 0 ? m->connection : 0;
    r->heal_until = until;
    return r;
}

static void replace_row(oracle *o, oracle_row *r, const oracle_message *m)
{
    r->config = m->config;
    r->epoch = ++o->last_epoch;
    r->handle = 0;
    r->error = 0;
    r->last_status = 0;
    r->ok_probe = 0;
    r->failed = 0;
}

/* What may change at any time; the spelling of the host stays as it was shown. */
static void update_row(oracle_row *r, const oracle_message *m)
{
    r->config.domain = m->config.domain;
    r->config.flush = m->config.flush;
    r->config.flushwait = m->config.flushwait;
    r->config.ping = m->config.ping;
    r->config.timeout = m->config.timeout;
}

enum { REGISTER, REPLACE, UPDATE };

/* The row that the message is about; NULL: a table is full. */
static oracle_row *write_node(oracle *o, const oracle_message *m, int what, uint64_t evict,
                              oracle_answer *out)
{
    oracle_row *r = oracle_live(o, m->route);
    uint64_t id = r != NULL ? r->id : 0;
    mcmp_time until = what == REGISTER ? heal_until(o, m) : 0;

    if (what != UPDATE)
        clear_endpoint(o, m, evict);
    if (what == REGISTER && live_count(o) >= (int)o->opts.max_nodes) {
        refuse_full(out, m, "MEM: Can't update or insert node with \"");
        return NULL;
    }
    if (!put_balancer(o, m)) {
        refuse_full(out, m, "MEM: Can't update or insert balancer for node with \"");
        return NULL;
    }
    r = what == REGISTER ? add_row(o, m, until) : oracle_by_id(o, id);
    if (what == REPLACE)
        replace_row(o, r, m);
    if (what == UPDATE)
        update_row(r, m);
    return r;
}

void oracle_apply_config(oracle *o, const oracle_message *m, const oracle_hint *hint,
                         oracle_answer *out)
{
    static oracle before;
    oracle_row *r = oracle_live(o, m->route);
    int what = REGISTER;
    uint64_t evict = 0;
    oracle_pairs p = { 0 };

    if (r == NULL) {
        if (!judge_endpoint(o, m, NULL, &evict, out))
            return;
    } else if (!oracle_is_owner(o, m, r)) {
        oracle_refuse_denied(out);
        return;
    } else {
        what = is_unchanged(&r->config, &m->config) ? UPDATE : REPLACE;
        if (what == REPLACE && !judge_changed(o, m, hint, r, &evict, out))
            return;
    }
    oracle_copy(&before, o);
    r = write_node(o, m, what, evict, out);
    if (r != NULL)
        oracle_register(o, r, m, MCMP_STATUS_STOPPED, 0, &p, out);
    if (p.left_aliases || p.left_contexts) {
        out->code = MCMP_ERR_FULL;
        out->status = 500;
    }
    if (r == NULL || (out->code == MCMP_ERR_FULL && o->opts.all_or_nothing))
        oracle_copy(o, &before);
    oracle_drop_balancers(o, -1);
}
