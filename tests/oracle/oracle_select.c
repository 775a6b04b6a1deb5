/* SPDX-License-Identifier: Apache-2.0 */
/* See oracle.h: the choice of a node (MCMP 5.1 to 5.6, 5.8), as a set of nodes that are right. */
#include "oracle.h"

#include <string.h>

/* MCMP 5.1: lower case, without port (and without the dot that ends a full name). */
static void name_of_host(const char *host, char *out, size_t room)
{
    size_t len = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");

    if (len >= room)
        len = room - 1;
    for (size_t i = 0; i < len; i++)
        out[i] = (char)(host[i] >= 'A' && host[i] <= 'Z' ? host[i] + 32 : host[i]);
    while (len > 1 && out[len - 1] == '.')
        len--;
    out[len] = '\0';
}

int oracle_alias_counts(const oracle *o, int alias, const char *host)
{
    const char *text = oracle_alias[alias];
    char name[64];
    size_t len, tail;

    if (!o->opts.use_alias)
        return 1;
    name_of_host(host, name, sizeof(name));
    if (strncmp(text, "*.", 2) != 0)
        return strcmp(text, name) == 0;
    len = strlen(name);
    tail = strlen(text + 1);
    return len > tail && strcmp(name + len - tail, text + 1) == 0;
}

uint32_t oracle_status_at(const oracle *o, const oracle_row *r, int context, const char *host)
{
    uint32_t best = 0;

    for (int a = 0; r->live && a < O_ALIASES; a++) {
        uint32_t status = r->status[a][context];

        if (status != 0 && oracle_alias_counts(o, a, host) && (best == 0 || status < best))
            best = status; /* 1 is the most serving one */
    }
    return best;
}

static int is_prefix(const char *context, const char *path)
{
    size_t end = strcspn(path, "?;");
    size_t len = strlen(context);

    if (strcmp(context, "/") == 0)
        return 1;
    return context[0] == '/' && len <= end && memcmp(context, path, len) == 0 &&
           (len == end || path[len] == '/');
}

static int holds(const oracle *o, const oracle_query *q, int balancer, int context)
{
    for (int i = 0; i < o->rows; i++)
        if (o->row[i].live && o->row[i].config.balancer == balancer &&
            oracle_status_at(o, &o->row[i], context, q->host) != 0)
            return 1;
    return 0;
}

static int longest(const oracle *o, const oracle_query *q)
{
    int best = -1;

    for (int c = 0; c < (int)o->opts.names.contexts; c++) {
        int held = 0;

        if (!is_prefix(oracle_context[c], q->path) ||
            (best >= 0 && strlen(oracle_context[c]) <= strlen(oracle_context[best])))
            continue;
        for (int b = 0; b < (int)o->opts.names.balancers; b++)
            held |= (q->balancer < 0 || q->balancer == b) && holds(o, q, b, c);
        if (held)
            best = c;
    }
    return best;
}

/* What the session leads to. */
typedef struct home {
    int session; /* the request has one, of this balancer */
    int route;   /* -1: its id has none */
    int known;
    oracle_row *row;
    int domain;
} home;

static home home_of(oracle *o, int balancer, int route, mcmp_time now)
{
    home h = { 1, route, 0, NULL, 0 };
    oracle_row *r = route >= 0 ? oracle_live(o, route) : NULL;

    if (r != NULL) {
        h.known = r->config.balancer == balancer;
        h.row = h.known ? r : NULL;
        h.domain = h.known ? r->config.domain : 0;
        return h;
    }
    for (int i = 0; i < o->memories; i++)
        if (o->memory[i].route == route && now - o->memory[i].at <= o->opts.domain_memory)
            h.domain = o->memory[i].domain;
    h.known = h.domain != 0;
    return h;
}

/* The first one whose route is known, else the first. */
static void take_session(oracle *o, int balancer, const oracle_session *s, mcmp_time now, home *out)
{
    home h = home_of(o, balancer, s->route, now);

    if (!out->session || (h.known && !out->known))
        *out = h;
}

static home find_home(oracle *o, const oracle_query *q, const oracle_balancer_row *b)
{
    home h = { 0, -1, 0, NULL, 0 };

    if (!b->config.sticky)
        return h;
    if (q->given) {
        take_session(o, b->name, &q->given_session, q->now, &h);
        return h;
    }
    for (int i = 0; i < q->cookies; i++)
        if (q->cookie[i].name == b->config.cookie)
            take_session(o, b->name, &q->cookie[i], q->now, &h);
    if (q->in_path && q->param.name == b->config.cookie)
        take_session(o, b->name, &q->param, q->now, &h);
    return h;
}

static oracle_balancer_row *find_balancer(oracle *o, const oracle_query *q, int context, home *h)
{
    oracle_balancer_row *first = NULL;

    for (int i = 0; i < o->balancers; i++) {
        oracle_balancer_row *b = &o->balancer[i];

        if ((q->balancer >= 0 && q->balancer != b->name) || !holds(o, q, b->name, context))
            continue;
        *h = find_home(o, q, b);
        if (h->known)
            return b;
        first = first == NULL ? b : first;
    }
    *h = find_home(o, q, first);
    return first;
}

typedef struct field {
    oracle *o;
    const oracle_query *q;
    int context;
    int balancer;
    int disabled_ok;
    int unwell;
} field;

static int is_usable(const field *f, const oracle_row *r)
{
    return !r->error && r->load >= 0 && !oracle_set_has(&f->q->tried, r->route);
}

/* The best class of candidates: ENABLED, with Load 0 only when need be; then DISABLED likewise. */
static oracle_set best_class(field *f, int domain, int *load, uint32_t *status)
{
    oracle_set found[4] = { 0 };

    for (int i = 0; i < f->o->rows; i++) {
        const oracle_row *r = &f->o->row[i];
        uint32_t at = oracle_status_at(f->o, r, f->context, f->q->host);

        if (!r->live || r->config.balancer != f->balancer || at == 0 || at == MCMP_STATUS_STOPPED ||
            (domain != 0 && r->config.domain != domain) ||
            (at == MCMP_STATUS_DISABLED && !f->disabled_ok))
            continue;
        f->unwell |= r->error || r->load < 0;
        if (is_usable(f, r))
            oracle_set_add(&found[(at == MCMP_STATUS_DISABLED) * 2 + (r->load == 0)], r->route);
    }
    for (int k = 0; k < 4; k++)
        if (oracle_set_size(&found[k]) != 0) {
            *status = k >= 2 ? MCMP_STATUS_DISABLED : MCMP_STATUS_ENABLED;
            *load = k % 2 == 0;
            return found[k];
        }
    return found[0];
}

static int serves_by_status(const field *f)
{
    for (int i = 0; i < f->o->rows; i++) {
        const oracle_row *r = &f->o->row[i];
        uint32_t at = oracle_status_at(f->o, r, f->context, f->q->host);

        if (r->live && r->config.balancer == f->balancer &&
            (at == MCMP_STATUS_ENABLED || (at == MCMP_STATUS_DISABLED && f->disabled_ok)))
            return 1;
    }
    return 0;
}

/* MCMP 5.5: its own node, else its domain; 1 when that decides. */
static int stay_home(field *f, const home *h, const oracle_balancer_row *b, oracle_verdict *out)
{
    uint32_t status;
    int load;

    if (h->row != NULL) {
        uint32_t at = oracle_status_at(f->o, h->row, f->context, f->q->host);

        if (at == MCMP_STATUS_ENABLED || at == MCMP_STATUS_DISABLED) {
            f->unwell |= h->row->error || h->row->load < 0;
            if (is_usable(f, h->row)) {
                oracle_set_add(&out->allowed, h->row->route);
                out->reason = MCMP_REASON_STICKY;
                return 1;
            }
        }
    }
    if (h->domain != 0) {
        out->allowed = best_class(f, h->domain, &load, &status);
        if (oracle_set_size(&out->allowed) != 0) {
            out->reason = MCMP_REASON_DOMAIN;
            return 1;
        }
    }
    if (!b->config.force)
        return 0;
    out->rc = MCMP_NO_NODE;
    out->reason = MCMP_REASON_FORCED;
    return 1;
}

static void choose_anywhere(field *f, const home *h, const oracle_balancer_row *b,
                            oracle_verdict *out)
{
    uint32_t status = 0;
    int load = 0;

    out->allowed = best_class(f, 0, &load, &status);
    if (oracle_set_size(&out->allowed) == 0) {
        out->rc = MCMP_NO_NODE;
        out->reason = MCMP_REASON_NONE_USABLE;
        return;
    }
    out->reason = h->known                         ? MCMP_REASON_REDIRECTED
                  : status == MCMP_STATUS_DISABLED ? MCMP_REASON_DISABLED
                  : !load                          ? MCMP_REASON_STANDBY
                                                   : MCMP_REASON_BALANCED;
    out->remove_session = h->session && h->route >= 0 && b->config.remove;
}

void oracle_select(oracle *o, const oracle_query *q, oracle_verdict *out)
{
    field f = { o, q, longest(o, q), 0, 0, 0 };
    oracle_balancer_row *b;
    mcmp_time left;
    home h;

    memset(out, 0, sizeof(*out));
    out->context = f.context;
    out->balancer = -1;
    out->rc = MCMP_NOT_OURS;
    out->reason = MCMP_REASON_NOT_OURS;
    if (f.context < 0)
        return;
    b = find_balancer(o, q, f.context, &h);
    f.balancer = b->name;
    f.disabled_ok = h.session;
    out->balancer = b->name;
    out->has_session = h.session;
    out->rc = MCMP_NO_CONTEXT;
    out->reason = MCMP_REASON_STATUS;
    if (!serves_by_status(&f))
        return;
    out->rc = MCMP_OK;
    if (!h.known || !stay_home(&f, &h, b, out))
        choose_anywhere(&f, &h, b, out);
    left = b->config.wait * MCMP_SEC - (q->waiting_since > 0 ? q->now - q->waiting_since : 0);
    out->may_wait = out->rc == MCMP_NO_NODE && b->config.wait > 0 && left > 0 && f.unwell;
}
