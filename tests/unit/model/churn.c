/* SPDX-License-Identifier: Apache-2.0 */
/* See churn.h. The model knows no index and no group: it asks every node about every pair. */
#include "churn.h"

#include "support.h"

static const char *const churn_alias[CHURN_ALIASES] = { "a.example.com",   "b.example.com",
                                                        "*.example.com",   "example.com",
                                                        "*.b.example.com", "[::1]" };
static const char *const churn_context[CHURN_CONTEXTS] = {
    "/", "/a", "/a/b", "/a/b/c", "/ab", "/long-context-name-over-eight/x", "noslash", "/a/bc", "/b"
};
static const char *const churn_host[] = { "a.example.com",
                                          "B.Example.com:8080",
                                          "x.b.example.com",
                                          "example.com.",
                                          "other.org",
                                          "[::1]:80",
                                          "" };
static const char *const churn_path[] = { "/",
                                          "/a",
                                          "/a/",
                                          "/a/b",
                                          "/a/b/c/d",
                                          "/a/bc;x=1",
                                          "/ab?a/b",
                                          "/abc",
                                          "/b/a",
                                          "*",
                                          "/long-context-name-over-eight/x/y",
                                          "/a/b;jsessionid=1/c",
                                          "",
                                          "noslash",
                                          "//",
                                          "/a//b" };

static uint32_t churn_pick(churn *c, uint32_t n)
{
    return test_random(&c->seed) % n;
}

static mcmp_span churn_text(char *buffer, const char *prefix, int n)
{
    int len = snprintf(buffer, 32, "%s%d", prefix, n);

    return (mcmp_span){ buffer, (size_t)len };
}

static int churn_live(const churn *c)
{
    int n = 0;

    for (int i = 0; i < CHURN_ROUTES; i++)
        n += c->node[i].live;
    return n;
}

static int churn_balancer_nodes(const churn *c, int balancer)
{
    int n = 0;

    for (int i = 0; i < CHURN_ROUTES; i++)
        n += c->node[i].live && c->node[i].balancer == balancer;
    return n;
}

static int churn_count(const churn *c, int pairs)
{
    int n = 0;

    for (int i = 0; i < CHURN_ROUTES; i++)
        for (int a = 0; a < CHURN_ALIASES; a++) {
            n += !pairs && c->node[i].vhost[a] != 0;
            for (int x = 0; pairs && x < CHURN_CONTEXTS; x++)
                n += c->node[i].status[a][x] != 0;
        }
    return n;
}

static int churn_port_taken(const churn *c, int port)
{
    for (int i = 0; i < CHURN_ROUTES; i++)
        if (c->node[i].live && c->node[i].port == port)
            return 1;
    return 0;
}

static uint32_t churn_lowest(const churn_node *n)
{
    for (uint32_t number = 1;; number++) {
        int used = 0;

        for (int a = 0; a < CHURN_ALIASES; a++)
            used |= n->vhost[a] == number;
        if (!used)
            return number;
    }
}

static void churn_settle(churn_node *n, uint32_t number)
{
    for (int a = 0; a < CHURN_ALIASES; a++)
        for (int x = 0; x < CHURN_CONTEXTS; x++)
            if (n->vhost[a] == number && n->status[a][x] != 0)
                return;
    for (int a = 0; a < CHURN_ALIASES; a++)
        if (n->vhost[a] == number)
            n->vhost[a] = 0;
}

static uint32_t churn_row(churn *c, mcmp__tx *tx, int i)
{
    char buffer[32];
    uint32_t row = mcmp__node_by_route(&tx->rd, churn_text(buffer, "route-", i));

    row_int(c->row, row != 0, c->node[i].live);
    return row;
}

typedef struct churn_data {
    char route[32], domain[32], host[32], name[32];
    mcmp__node_data node;
    mcmp__balancer_data balancer;
} churn_data;

static void churn_fill(churn_data *d, int i, int balancer, int domain, int port)
{
    memset(d, 0, sizeof(*d));
    d->node.route = churn_text(d->route, "route-", i);
    if (domain != 0)
        d->node.domain = churn_text(d->domain, "domain-", domain);
    d->node.host = churn_text(d->host, port % 2 ? "Host" : "hOST", 1);
    d->node.port = 8000u + (uint32_t)port;
    d->node.ping = 10 * MCMP_SEC;
    d->balancer.name = churn_text(d->name, "balancer-", balancer);
    d->balancer.cookie = (mcmp_span)TEXT("JSESSIONID");
    d->balancer.path = (mcmp_span)TEXT("jsessionid");
}

/* Returns 1 when the transaction may commit. */
static int churn_add(churn *c, mcmp__tx *tx, int i)
{
    int balancer = (int)churn_pick(c, CHURN_BALANCERS);
    int domain = (int)churn_pick(c, 3);
    int port = (int)churn_pick(c, CHURN_ROUTES + 2);
    int balancers = 0;
    churn_node *n = &c->node[i];
    churn_data d;
    uint32_t b, row;
    int rc, full;

    if (n->live || churn_port_taken(c, port))
        return 0;
    for (int k = 0; k < CHURN_BALANCERS; k++)
        balancers += churn_balancer_nodes(c, k) != 0;
    churn_fill(&d, i, balancer, domain, port);
    rc = mcmp__balancer_put(tx, &d.balancer, &b, NULL);
    full = churn_balancer_nodes(c, balancer) == 0 && balancers == CHURN_MAX_BALANCERS;
    row_code(c->row, rc, full ? MCMP_ERR_FULL : MCMP_OK);
    if (full)
        return 0;
    rc = mcmp__node_add(tx, &d.node, b, &row, NULL);
    full = churn_live(c) == CHURN_MAX_NODES;
    row_code(c->row, rc, full ? MCMP_ERR_FULL : MCMP_OK);
    if (full)
        return 0;
    memset(n, 0, sizeof(*n));
    n->live = 1;
    n->balancer = balancer;
    n->domain = domain;
    n->port = port;
    n->id = ++c->last_id;
    return 1;
}

static int churn_replace(churn *c, mcmp__tx *tx, int i)
{
    int balancer = (int)churn_pick(c, CHURN_BALANCERS);
    int port = (int)churn_pick(c, CHURN_ROUTES + 2);
    churn_data d;
    uint32_t b;

    if (!c->node[i].live || churn_port_taken(c, port))
        return 0;
    churn_fill(&d, i, balancer, c->node[i].domain, port);
    if (mcmp__balancer_put(tx, &d.balancer, &b, NULL) != MCMP_OK)
        return 0;
    mcmp__node_replace(tx, churn_row(c, tx, i), &d.node, b);
    c->node[i].balancer = balancer;
    c->node[i].port = port;
    return 1;
}

static int churn_update(churn *c, mcmp__tx *tx, int i)
{
    int domain = (int)churn_pick(c, 3);
    churn_data d;

    if (!c->node[i].live)
        return 0;
    churn_fill(&d, i, c->node[i].balancer, domain, c->node[i].port);
    mcmp__node_update(tx, churn_row(c, tx, i), &d.node);
    c->node[i].domain = domain;
    return 1;
}

static int churn_remove(churn *c, mcmp__tx *tx, int i)
{
    if (!c->node[i].live)
        return 0;
    mcmp__node_remove(tx, churn_row(c, tx, i), 7);
    memset(&c->node[i], 0, sizeof(c->node[i]));
    return 1;
}

/* Add or change one pair as a message with one alias and one context does. */
static int churn_pair(churn *c, mcmp__tx *tx, int i)
{
    int a = (int)churn_pick(c, CHURN_ALIASES);
    int x = (int)churn_pick(c, CHURN_CONTEXTS);
    uint32_t status = 1 + churn_pick(c, 3);
    churn_node *n = &c->node[i];
    uint32_t node = churn_row(c, tx, i);
    uint32_t alias, pair, number;
    int full, rc;

    if (!n->live)
        return 0;
    alias = mcmp__alias_find(&tx->rd, node, span_of(churn_alias[a]));
    row_int(c->row, alias != 0, n->vhost[a] != 0);
    if (alias == 0) {
        number = mcmp__vhost_free(&tx->rd, node);
        row_int(c->row, number, churn_lowest(n));
        if (churn_pick(c, 3) == 0 && number > 1)
            number--; /* joins a known number */
        full = churn_count(c, 0) == CHURN_MAX_ALIASES;
        rc = mcmp__alias_add(tx, node, span_of(churn_alias[a]), number, &alias, NULL);
        row_code(c->row, rc, full ? MCMP_ERR_FULL : MCMP_OK);
        if (full)
            return 0;
        n->vhost[a] = number;
    }
    pair = mcmp__pair_find(&tx->rd, alias, span_of(churn_context[x]));
    row_int(c->row, pair != 0, n->status[a][x] != 0);
    if (pair != 0) {
        mcmp__pair_set_status(tx, pair, status);
        n->status[a][x] = status;
        return 1;
    }
    full = churn_count(c, 1) == CHURN_MAX_PAIRS;
    rc = mcmp__pair_add(tx, alias, span_of(churn_context[x]), status, &pair, NULL);
    row_code(c->row, rc, full ? MCMP_ERR_FULL : MCMP_OK);
    if (full) {
        row_int(c->row, mcmp__vhost_settle(tx, node, n->vhost[a]),
                mcmp__alias_find(&tx->rd, node, span_of(churn_alias[a])) == 0);
        churn_settle(n, n->vhost[a]);
    } else {
        n->status[a][x] = status;
    }
    return 1;
}

static int churn_drop_pair(churn *c, mcmp__tx *tx, int i)
{
    int a = (int)churn_pick(c, CHURN_ALIASES);
    int x = (int)churn_pick(c, CHURN_CONTEXTS);
    churn_node *n = &c->node[i];
    uint32_t node = churn_row(c, tx, i);
    uint32_t alias, pair;

    if (!n->live || n->status[a][x] == 0)
        return 0;
    alias = mcmp__alias_find(&tx->rd, node, span_of(churn_alias[a]));
    pair = mcmp__pair_find(&tx->rd, alias, span_of(churn_context[x]));
    row_true(c->row, pair != 0);
    mcmp__pair_remove(tx, pair);
    n->status[a][x] = 0;
    churn_settle(n, n->vhost[a]);
    return 1;
}

/* One message; the model follows only when it is committed. */
void churn_step(churn *c)
{
    static int (*const ops[])(churn *, mcmp__tx *,
                              int) = { churn_add,       churn_add,       churn_remove, churn_update,
                                       churn_replace,   churn_pair,      churn_pair,   churn_pair,
                                       churn_drop_pair, churn_drop_pair, churn_pair,   churn_pair };
    churn before = *c;
    uint32_t op = churn_pick(c, COUNT_OF(ops));
    int node = (int)churn_pick(c, CHURN_ROUTES);
    mcmp__tx tx;
    int ok;

    c->now += churn_pick(c, 8) * MCMP_SEC;
    ck_assert_int_eq(mcmp__tx_begin(&tx, c->cluster, c->now, NULL), MCMP_OK);
    ok = ops[op](c, &tx, node);
    if (ok && churn_pick(c, 8) != 0) {
        mcmp__tx_commit(&tx);
        return;
    }
    mcmp__tx_abort(&tx);
    before.seed = c->seed;
    before.now = c->now;
    *c = before;
}

/* What the model says: the most serving status of the node at the context for this host. */
static int churn_alias_counts(const churn *c, int a, const char *host)
{
    if (!c->use_alias)
        return 1;
    switch (a) {
    case 0:
        return strcmp(host, "a.example.com") == 0;
    case 1:
        return strcmp(host, "B.Example.com:8080") == 0;
    case 2:
        return strcmp(host, "a.example.com") == 0 || strcmp(host, "B.Example.com:8080") == 0 ||
               strcmp(host, "x.b.example.com") == 0;
    case 3:
        return strcmp(host, "example.com.") == 0;
    case 4:
        return strcmp(host, "x.b.example.com") == 0;
    default:
        return strcmp(host, "[::1]:80") == 0;
    }
}

static uint32_t churn_status(const churn *c, int i, int x, const char *host)
{
    uint32_t best = 0;

    for (int a = 0; a < CHURN_ALIASES; a++) {
        uint32_t s = c->node[i].status[a][x];

        if (s != 0 && churn_alias_counts(c, a, host) && (best == 0 || s < best))
            best = s;
    }
    return best;
}

static int churn_prefix(const char *context, const char *path)
{
    size_t end = strcspn(path, "?;");
    size_t len = strlen(context);

    if (strcmp(context, "/") == 0)
        return 1;
    return context[0] == '/' && len <= end && memcmp(context, path, len) == 0 &&
           (len == end || path[len] == '/');
}

static int churn_longest(const churn *c, const char *host, const char *path, int balancer)
{
    int best = -1;

    for (int x = 0; x < CHURN_CONTEXTS; x++) {
        int held = 0;

        for (int i = 0; i < CHURN_ROUTES; i++)
            held |= c->node[i].live && churn_status(c, i, x, host) != 0 &&
                    (balancer < 0 || c->node[i].balancer == balancer);
        if (held && churn_prefix(churn_context[x], path) &&
            (best < 0 || strlen(churn_context[x]) > strlen(churn_context[best])))
            best = x;
    }
    return best;
}

static int churn_route_of(mcmp__read *rd, uint32_t node)
{
    char text[64];
    size_t len = mcmp__text(rd, MCMP__NODE_ROUTE, node, text, sizeof(text));

    ck_assert_uint_gt(len, 6);
    return text[6] - '0';
}

static int churn_balancer_of(mcmp__read *rd, uint32_t balancer)
{
    char text[64];
    size_t len = mcmp__text(rd, MCMP__BALANCER_NAME, balancer, text, sizeof(text));

    ck_assert_uint_gt(len, 9);
    return text[9] - '0';
}

/* Every member once, with its best status, in the right part; nobody else. */
static void churn_compare_set(churn *c, mcmp__read *rd, mcmp__match *m, uint32_t balancer,
                              const char *host, int x, int domain)
{
    int b = churn_balancer_of(rd, balancer);
    int seen[CHURN_ROUTES] = { 0 };
    char text[32];
    mcmp__member many[128];
    uint32_t dom = 0, total, some = 0, last = 0;
    mcmp__set set;

    if (domain != 0) {
        for (int i = 0; i < CHURN_ROUTES; i++)
            if (c->node[i].live && c->node[i].domain == domain)
                dom = mcmp__node_domain(rd, mcmp__node_by_route(rd, churn_text(text, "route-", i)));
        if (dom == 0)
            return;
    }
    total = mcmp__set_of(rd, m, balancer, dom, &set);
    row_true(c->row, total <= 128);
    for (uint32_t i = 0; i < total; i++) {
        mcmp__member member, found;
        int n;

        if (!mcmp__set_member(rd, &set, i, &member))
            continue;
        n = churn_route_of(rd, member.node);
        row_int(c->row, seen[n]++, 0);
        row_int(c->row, member.status, churn_status(c, n, x, host));
        row_true(c->row, member.status >= last);
        row_int(c->row, c->node[n].balancer, b);
        row_true(c->row, domain == 0 || c->node[n].domain == domain);
        row_int(c->row, mcmp__set_find(rd, &set, member.node, &found), 1);
        row_int(c->row, found.status, member.status);
        last = member.status;
        some++;
    }
    for (int i = 0; i < CHURN_ROUTES; i++)
        row_int(c->row, seen[i],
                c->node[i].live && c->node[i].balancer == b &&
                    (domain == 0 || c->node[i].domain == domain) &&
                    churn_status(c, i, x, host) != 0);
    row_int(c->row, mcmp__set_members(rd, &set, 0, total, many), some);
}

void churn_compare_match(churn *c)
{
    const char *host = churn_host[churn_pick(c, COUNT_OF(churn_host))];
    const char *path = churn_path[churn_pick(c, COUNT_OF(churn_path))];
    int fixed = churn_pick(c, 2) ? (int)churn_pick(c, CHURN_BALANCERS) : -1;
    int domain = (int)churn_pick(c, 3);
    uint32_t balancer = 0, count;
    char text[32];
    uint64_t order = 0;
    mcmp__match m;
    mcmp__read rd;
    int want;

    mcmp__read_init(&rd, c->cluster);
    mcmp__read_begin(&rd);
    if (fixed >= 0 && churn_balancer_nodes(c, fixed) != 0)
        balancer = mcmp__balancer_by_name(&rd, churn_text(text, "balancer-", fixed));
    else
        fixed = -1;
    count = mcmp__match_find(&rd, span_of(host), span_of(path), balancer, &m);
    want = churn_longest(c, host, path, fixed);
    ck_assert_msg((count != 0) == (want >= 0), "%s: host %s path %s balancer %d: %u, context %d",
                  c->row, host, path, fixed, count, want);
    if (want >= 0) {
        row_int(c->row, m.context_len, path[0] == '/' ? strlen(churn_context[want]) : 0);
        while ((balancer = mcmp__match_next(&rd, &m)) != 0) {
            int b = churn_balancer_of(&rd, balancer);
            mcmp__balancer info;

            row_true(c->row, mcmp__balancer_get(&rd, balancer, &info) && info.order > order);
            order = info.order;
            row_int(c->row, info.nodes, churn_balancer_nodes(c, b));
            churn_compare_set(c, &rd, &m, balancer, host, want, domain);
        }
        row_true(c->row, order != 0);
    }
    row_int(c->row, mcmp__read_done(&rd), 1);
    row_int(c->row, rd.damaged, 0);
}

static void churn_compare_node(churn *c, mcmp__read *rd, int i)
{
    const churn_node *n = &c->node[i];
    char text[32];
    uint32_t node = mcmp__node_by_route(rd, churn_text(text, "route-", i));
    int aliases = 0, pairs = 0;

    row_int(c->row, node != 0, n->live);
    if (!n->live)
        return;
    row_int(c->row, mcmp__node_id(rd, node), n->id);
    row_int(c->row, churn_balancer_of(rd, mcmp__node_balancer(rd, node)), n->balancer);
    row_int(c->row, mcmp__row_by_endpoint(rd, span_of("HOST1"), 8000u + (uint32_t)n->port), node);
    for (uint32_t a = mcmp__alias_next(rd, node, 0); a != 0; a = mcmp__alias_next(rd, node, a))
        aliases++;
    for (uint32_t p = mcmp__pair_next(rd, node, 0); p != 0; p = mcmp__pair_next(rd, node, p))
        pairs++;
    for (int a = 0; a < CHURN_ALIASES; a++) {
        uint32_t row = mcmp__alias_find(rd, node, span_of(churn_alias[a]));
        mcmp__alias alias = { 0 };

        row_int(c->row, mcmp__alias_get(rd, row, &alias), n->vhost[a] != 0);
        row_int(c->row, alias.vhost, n->vhost[a]);
        aliases -= row != 0;
        for (int x = 0; x < CHURN_CONTEXTS; x++) {
            uint32_t p = mcmp__pair_find(rd, row, span_of(churn_context[x]));
            mcmp__pair pair = { 0 };

            row_int(c->row, mcmp__pair_get(rd, p, &pair), n->status[a][x] != 0);
            row_int(c->row, p != 0 ? pair.status : 0, n->status[a][x]);
            pairs -= p != 0;
        }
    }
    row_int(c->row, aliases, 0);
    row_int(c->row, pairs, 0);
}

void churn_compare_all(churn *c)
{
    mcmp__read rd;

    mcmp__read_init(&rd, c->cluster);
    mcmp__read_begin(&rd);
    for (int i = 0; i < CHURN_ROUTES; i++)
        churn_compare_node(c, &rd, i);
    row_int(c->row, mcmp__node_count(&rd), churn_live(c));
    row_int(c->row, mcmp__read_done(&rd), 1);
}

void churn_open(churn *c, int use_alias, uint64_t seed)
{
    mcmp_cluster_options opts;
    mcmp_error err;

    mcmp_cluster_options_init(&opts);
    mcmp_error_init(&err);
    opts.max_nodes = CHURN_MAX_NODES;
    opts.max_aliases = CHURN_MAX_ALIASES;
    opts.max_contexts = CHURN_MAX_PAIRS;
    opts.max_balancers = CHURN_MAX_BALANCERS;
    opts.flags = use_alias ? MCMP_CLUSTER_USE_ALIAS : 0;
    opts.random_seed = seed;
    memset(c, 0, sizeof(*c));
    c->use_alias = use_alias;
    c->seed = seed;
    c->now = MCMP_SEC;
    c->row = use_alias ? "by alias" : "any alias";
    ck_assert_msg(mcmp_cluster_open(&c->cluster, &opts, &err) == MCMP_OK, "%s", err.message);
}

void churn_run(churn *c, int steps, int check_every)
{
    mcmp_error err;

    for (int i = 0; i < steps; i++) {
        churn_step(c);
        churn_compare_match(c);
        if (i % check_every != 0)
            continue;
        churn_compare_all(c);
        mcmp_error_init(&err);
        ck_assert_msg(mcmp_cluster_check(c->cluster, NULL, &err) == MCMP_OK, "step %d: %s", i,
                      err.message);
    }
}
