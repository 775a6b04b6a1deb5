/* SPDX-License-Identifier: Apache-2.0 */
/* See world.h. */
#include "world.h"

#include <stdarg.h>

static const char *const method_names[] = { "ENABLE-APP", "DISABLE-APP", "STOP-APP", "REMOVE-APP" };

/* Everything of a node follows from its route and a number. */
typedef struct stamp {
    uint32_t value;
    uint32_t place; /* endpoint and balancer: those messages replace the node */
    uint32_t domain;
} stamp;

static stamp stamp_of(uint32_t value)
{
    return (stamp){ value, value % 5, value % 4 };
}

static int wrong(world *w, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(w->wrong, sizeof(w->wrong), format, args);
    va_end(args);
    return -1;
}

/* Messages */

static void make_config(world_message *m, uint32_t node, uint64_t *seed)
{
    stamp s = stamp_of(1 + torture_pick(seed, 997));
    char domain[32] = "";
    int len;

    if (s.domain != 0)
        (void)snprintf(domain, sizeof(domain), "&Domain=d%u", s.domain);
    m->method = "CONFIG";
    len = snprintf(m->body, sizeof(m->body),
                   "JVMRoute=r%u&Balancer=b%u&Host=h%u-%u&Port=%u&Type=http%s&Timeout=%u&ping=%u"
                   "&flushwait=%u&smax=%u&ttl=%u&StickySessionForce=no&WaitWorker=%u",
                   node, s.place % 3, node, s.place, 8000 + s.place, domain, s.value, s.value + 1,
                   s.value, s.place, s.place + 1, torture_pick(seed, 4));
    if (torture_pick(seed, 3) == 0) {
        uint32_t x = torture_pick(seed, WORLD_CONTEXTS);

        (void)snprintf(m->body + len, sizeof(m->body) - (size_t)len,
                       "&Alias=a%u&Context=/x%u/l,/x%u/r", torture_pick(seed, WORLD_ALIASES), x, x);
    }
}

static void make_app(world_message *m, uint32_t node, uint64_t *seed)
{
    uint32_t first = torture_pick(seed, WORLD_CONTEXTS);
    uint32_t count = 1 + torture_pick(seed, WORLD_CONTEXTS);
    uint32_t aliases = 1 + torture_pick(seed, WORLD_ALIASES);
    size_t len;

    m->method = method_names[torture_pick(seed, 8) % 5 % 4]; /* ENABLE-APP more often */
    len = (size_t)snprintf(m->body, sizeof(m->body), "JVMRoute=r%u&Alias=%s&Context=", node,
                           aliases == 2                 ? "a0,a1"
                           : torture_pick(seed, 2) == 0 ? "a0"
                                                        : "a1");
    for (uint32_t i = 0; i < count; i++) {
        uint32_t x = (first + i) % WORLD_CONTEXTS;

        len += (size_t)snprintf(m->body + len, sizeof(m->body) - len, "%s/x%u/l,/x%u/r",
                                i != 0 ? "," : "", x, x);
    }
}

void world_message_make(world_message *m, uint64_t *seed)
{
    uint32_t node = torture_pick(seed, WORLD_NODES);
    uint32_t kind = torture_pick(seed, 100);

    memset(m, 0, sizeof(*m));
    m->target = "/";
    m->probe_ok = torture_pick(seed, 10) != 0;
    m->wait = torture_pick(seed, 700);
    if (kind < 35) {
        make_config(m, node, seed);
    } else if (kind < 75) {
        make_app(m, node, seed);
    } else if (kind < 88) {
        m->method = method_names[torture_pick(seed, 4)];
        m->target = "/*";
        (void)snprintf(m->body, sizeof(m->body), "JVMRoute=r%u", node);
    } else {
        m->method = "STATUS";
        (void)snprintf(m->body, sizeof(m->body), "JVMRoute=r%u&Load=%d", node,
                       (int)torture_pick(seed, 102) - 1);
    }
}

static void called(const world *w)
{
    if (w->after_call != NULL)
        w->after_call(w->after_ctx);
}

int world_apply(world *w, const world_message *m)
{
    mcmp_request request;
    int rc, turns;

    mcmp_request_init(&request);
    request.method = mcmp__span_str(m->method);
    request.target = mcmp__span_str(m->target);
    request.command = mcmp_command_of_method(request.method);
    request.flags = mcmp_request_flags(request.target, mcmp__span_str(""));
    request.body = mcmp__span_str(m->body);
    request.body_size = request.body.len;
    request.now = w->now;
    request.connection = 1;
    request.peer = &w->peer;
    rc = mcmp_apply(w->cluster, &request, w->response, NULL);
    called(w);
    for (turns = 0; rc == MCMP_PENDING && turns < 100; turns++) {
        rc = mcmp_apply_resume(w->cluster, &request, w->response, m->probe_ok, w->now, NULL);
        called(w);
    }
    return rc;
}

/* Looking */

static int digit_of(mcmp_span text, size_t at, uint32_t n)
{
    if (at >= text.len || text.ptr[at] < '0' || (uint32_t)(text.ptr[at] - '0') >= n)
        return -1;
    return text.ptr[at] - '0';
}

static int is_text(mcmp_span text, const char *format, uint32_t a, uint32_t b)
{
    char want[32];
    int len = snprintf(want, sizeof(want), format, a, b);

    return text.len == (size_t)len && (len == 0 || memcmp(text.ptr, want, text.len) == 0);
}

static int look_at_node(world *w, const mcmp_node_info *info)
{
    int node = digit_of(info->route, 1, WORLD_NODES);
    stamp s = stamp_of((uint32_t)(info->timeout / MCMP_SEC));

    if (node < 0)
        return wrong(w, "a node has the route %.*s", (int)info->route.len, info->route.ptr);
    if (s.value == 0 || info->ping != (s.value + 1) * MCMP_SEC ||
        info->flushwait != s.value * MCMP_MSEC || info->port != 8000 + s.place ||
        info->smax != (int32_t)s.place || info->ttl != (s.place + 1) * MCMP_SEC ||
        info->scheme != MCMP_SCHEME_HTTP || !is_text(info->host, "h%u-%u", (uint32_t)node, s.place))
        return wrong(w, "fields of node %d are not of one message", node);
    if (!is_text(info->domain, s.domain != 0 ? "d%u" : "", s.domain, 0) ||
        !is_text(info->balancer, "b%u", s.place % 3, 0))
        return wrong(w, "the domain or balancer of node %d is of another message", node);
    return 0;
}

/* Status by node row of the view, alias, pair of contexts and side. */
typedef struct seen_pairs {
    uint64_t id[2 * WORLD_NODES];
    uint8_t status[2 * WORLD_NODES][WORLD_ALIASES][WORLD_CONTEXTS][2];
    uint32_t nodes;
} seen_pairs;

static int look_at_context(world *w, seen_pairs *seen, const mcmp_context_info *info)
{
    int alias = digit_of(info->alias, 1, WORLD_ALIASES);
    int x = digit_of(info->path, 2, WORLD_CONTEXTS);
    int side = info->path.len == 5 ? info->path.ptr[4] == 'r' : -1;
    uint32_t n = 0;

    while (n < seen->nodes && seen->id[n] != info->node_id)
        n++;
    if (alias < 0 || x < 0 || side < 0 || n == seen->nodes)
        return wrong(w, "a context is none that was registered");
    if (seen->status[n][alias][x][side] != 0 || info->status == 0)
        return wrong(w, "a context is there twice");
    seen->status[n][alias][x][side] = (uint8_t)info->status;
    return 0;
}

static int look_at_pairs(world *w, const seen_pairs *seen)
{
    for (uint32_t n = 0; n < seen->nodes; n++)
        for (uint32_t i = 0; i < WORLD_ALIASES * WORLD_CONTEXTS; i++) {
            const uint8_t *pair = seen->status[n][i / WORLD_CONTEXTS][i % WORLD_CONTEXTS];

            if (pair[0] != pair[1])
                return wrong(w, "one half of a message: alias %u, contexts %u: %u and %u",
                             i / WORLD_CONTEXTS, i % WORLD_CONTEXTS, pair[0], pair[1]);
        }
    return 0;
}

static int look_through(world *w, const mcmp_view *view)
{
    seen_pairs seen;
    int rc = 0;

    memset(&seen, 0, sizeof(seen));
    for (size_t i = 0; i < mcmp_view_node_count(view) && rc == 0; i++) {
        mcmp_node_info info;

        mcmp_node_info_init(&info);
        if (mcmp_view_node(view, i, &info) != MCMP_OK || seen.nodes == MCMP__COUNT(seen.id))
            return wrong(w, "a view shows too many nodes");
        if (info.state != MCMP_NODE_REMOVED)
            rc = look_at_node(w, &info);
        seen.id[seen.nodes++] = info.id;
    }
    for (size_t i = 0; i < mcmp_view_context_count(view) && rc == 0; i++) {
        mcmp_context_info info;

        mcmp_context_info_init(&info);
        if (mcmp_view_context(view, i, &info) != MCMP_OK)
            return wrong(w, "a view miscounts its contexts");
        rc = look_at_context(w, &seen, &info);
    }
    return rc == 0 ? look_at_pairs(w, &seen) : rc;
}

int world_look(world *w)
{
    mcmp_view *view;
    int rc = mcmp_view_new(&view, w->cluster, w->now, NULL);

    if (rc == MCMP_ERR_OVERTAKEN) /* says so, as it should */
        return 0;
    if (rc != MCMP_OK)
        return wrong(w, "no view: %s", mcmp_error_name(rc));
    rc = look_through(w, view);
    mcmp_view_free(view);
    return rc;
}

/* Selecting */

static int look_at_selection(world *w, const mcmp_selection *s)
{
    mcmp_node_info info;

    mcmp_node_info_init(&info);
    info.route = s->route;
    info.host = s->host;
    info.port = s->port;
    info.scheme = s->scheme;
    info.ping = s->ping;
    info.flushwait = s->flushwait;
    info.timeout = s->timeout;
    info.smax = s->smax;
    info.ttl = s->ttl;
    info.balancer = s->balancer;
    /* A selection does not tell the domain. */
    info.domain = mcmp__span_str("");
    if (stamp_of((uint32_t)(s->timeout / MCMP_SEC)).domain != 0) {
        static const char *const names[] = { "", "d1", "d2", "d3" };

        info.domain = mcmp__span_str(names[(s->timeout / MCMP_SEC) % 4]);
    }
    return look_at_node(w, &info);
}

static void release_one(world *w, uint32_t at, uint32_t result)
{
    mcmp_outcome outcome;

    mcmp_outcome_init(&outcome);
    outcome.result = result;
    outcome.bytes_read = 100;
    outcome.bytes_sent = 10;
    outcome.now = w->now;
    (void)mcmp_selection_release(w->cluster, &w->held[at], &outcome);
    called(w);
    w->held_count--;
    if (at != w->held_count)
        w->held[at] = w->held[w->held_count]; /* spans into it are not used any more */
}

void world_release_all(world *w)
{
    while (w->held_count != 0)
        release_one(w, w->held_count - 1, MCMP_OUTCOME_OK);
}

int world_select(world *w)
{
    mcmp_selection *s;
    mcmp_query query;
    mcmp_span cookie;
    char path[32];
    char session[48];
    int rc;

    if (w->held_count == WORLD_HELD || (w->held_count != 0 && torture_pick(&w->seed, 2) == 0))
        release_one(w, torture_pick(&w->seed, w->held_count),
                    w->fails != 0 && torture_pick(&w->seed, w->fails) == 0 ? MCMP_OUTCOME_CONNECT
                                                                           : MCMP_OUTCOME_OK);
    s = &w->held[w->held_count];
    mcmp_selection_init(s);
    mcmp_query_init(&query);
    (void)snprintf(path, sizeof(path), "/x%u/%c/page", torture_pick(&w->seed, WORLD_CONTEXTS),
                   torture_pick(&w->seed, 2) == 0 ? 'l' : 'r');
    (void)snprintf(session, sizeof(session), "JSESSIONID=abc.r%u",
                   torture_pick(&w->seed, WORLD_NODES));
    cookie = mcmp__span_str(session);
    query.now = w->now;
    query.path = mcmp__span_str(path);
    query.cookies = &cookie;
    query.cookie_count = torture_pick(&w->seed, 2);
    rc = mcmp_select_node(w->cluster, &query, s, NULL);
    called(w);
    if (rc < 0)
        return wrong(w, "selecting failed: %s", mcmp_error_name(rc));
    if (rc != MCMP_OK)
        return 0;
    w->held_count++;
    if (look_at_selection(w, s) != 0)
        return -1;
    if (s->path_context.len != 5 || memcmp(s->path_context.ptr, path, 5) != 0)
        return wrong(w, "a node was chosen for another context");
    return 1;
}

uint32_t world_connected(world *w)
{
    mcmp__read rd;
    uint32_t sum = 0;

    mcmp__read_init(&rd, w->cluster);
    do {
        mcmp__read_begin(&rd);
        sum = 0;
        for (uint32_t n = 1; n <= rd.layout->table[MCMP__T_NODE].cap; n++)
            sum += mcmp__running_node(&rd, n);
        for (uint32_t s = 1; s <= rd.layout->table[MCMP__T_SEAT].cap; s++)
            sum += mcmp__running_seat(&rd, s);
    } while (!mcmp__read_done(&rd));
    return sum;
}

int world_health_agrees(world *w)
{
    mcmp__tx tx;
    int rc = mcmp__tx_begin(&tx, w->cluster, w->now, NULL);

    if (rc != MCMP_OK)
        return wrong(w, "no lock: %s", mcmp_error_name(rc));
    for (uint32_t n = 1; n <= tx.rd.layout->table[MCMP__T_NODE].cap && rc == 0; n++) {
        uint64_t gen = mcmp__row_get(&tx.rd, MCMP__T_NODE, n, MCMP__N_GEN);

        if (mcmp__lo(gen) == MCMP__N_LIVE &&
            mcmp__hi(mcmp__word_get(&mcmp__live_of(w->cluster, n)->health)) != mcmp__hi(gen))
            rc = wrong(w, "the health of node row %u is of another generation", n);
    }
    mcmp__tx_abort(&tx);
    return rc;
}

/* Opening */

static void options(mcmp_cluster_options *opts, mcmp_command_limits *limits, uint32_t kind)
{
    int tight = (kind & WORLD_TIGHT) != 0;

    mcmp_cluster_options_init(opts);
    mcmp_command_limits_init(limits);
    limits->jvm_route = 8;
    limits->domain = 8;
    limits->host = 9;
    limits->balancer = 9;
    limits->cookie = 10;
    limits->alias = 8;
    limits->context = 8;
    limits->max_message = 1024;
    opts->limits = limits;
    opts->max_nodes = tight ? WORLD_NODES - 1 : WORLD_NODES;
    opts->max_aliases = tight ? 4 : WORLD_NODES * WORLD_ALIASES;
    opts->max_contexts = tight ? 24 : WORLD_NODES * WORLD_ALIASES * WORLD_CONTEXTS * 2;
    opts->max_balancers = tight ? 2 : 0;
    opts->max_processes = 6;
    opts->replace_policy = MCMP_REPLACE_LAST_WRITER;
    opts->flags = MCMP_CLUSTER_ALL_OR_NOTHING;
    opts->grace = 1 * MCMP_SEC;
    opts->domain_memory = 3 * MCMP_SEC;
    opts->heal_window = 1 * MCMP_SEC;
    opts->stop_hold = MCMP_NEVER;
    opts->default_balancer = "b0";
    opts->allow = "any";
    opts->random_seed = 42;
    opts->change_ring = (kind & WORLD_RING) != 0 ? 4096 : 0;
}

size_t world_size(uint32_t kind)
{
    mcmp_cluster_options opts;
    mcmp_command_limits limits;
    size_t size = 0;

    options(&opts, &limits, kind);
    opts.memory = MCMP_MEMORY_SHARED; /* heap memory has room for one process */
    (void)mcmp_cluster_region_size(&opts, &size, NULL);
    return size;
}

void world_join(world *w, mcmp_cluster *cluster, uint64_t seed)
{
    memset(w, 0, sizeof(*w));
    w->cluster = cluster;
    w->seed = seed;
    w->now = 1000 * MCMP_SEC;
    w->fails = 50;
    mcmp_peer_init(&w->peer);
    if (mcmp_response_new(&w->response, NULL, NULL) != MCMP_OK) {
        fprintf(stderr, "torture: no memory\n");
        exit(2);
    }
}

void world_open(world *w, uint32_t memory, void *host_memory, size_t size, uint32_t kind)
{
    mcmp_cluster_options opts;
    mcmp_command_limits limits;
    mcmp_cluster *cluster;
    mcmp_error err;

    mcmp_error_init(&err);
    options(&opts, &limits, kind);
    opts.memory = memory;
    opts.host_memory = host_memory;
    opts.host_memory_size = size;
    if (mcmp_cluster_open(&cluster, &opts, &err) != MCMP_OK) {
        fprintf(stderr, "torture: %s\n", err.message);
        exit(2);
    }
    world_join(w, cluster, 1);
}

void world_leave(world *w)
{
    mcmp_response_free(w->response);
}

void world_close(world *w)
{
    world_leave(w);
    mcmp_cluster_close(w->cluster);
}
