/* SPDX-License-Identifier: Apache-2.0 */
/* See walk.h: requests and their choice, selections that are held, and what time brings. */
#include "walk.h"

#include <stdio.h>
#include <string.h>

static const char *const hosts[] = { "a.example.com",
                                     "B.Example.com:8080",
                                     "x.b.example.com",
                                     "example.com.",
                                     "other.org",
                                     "[::1]:80",
                                     "" };
static const char *const paths[] = { "/",
                                     "/a",
                                     "/a/",
                                     "/a/b",
                                     "/a/b/c/d",
                                     "/a/bc",
                                     "/ab?a/b",
                                     "/abc",
                                     "/b/a",
                                     "*",
                                     "/long-context-name-over-eight/x/y",
                                     "/a/b;p=1",
                                     "",
                                     "noslash",
                                     "//",
                                     "/a//b",
                                     "/A",
                                     "/a/bc/" };

enum { O_TRIED = 64 }; /* as many as the library takes */

typedef struct query_room {
    char cookie[128];
    char path[128];
    char session[64];
    mcmp_span cookies[O_COOKIE_LINES];
    mcmp_handle tried[O_TRIED];
} query_room;

static oracle_session choose_session(walk *w)
{
    oracle_session s = { (int)walk_pick(w, O_COOKIES),
                         (int)walk_pick(w, w->o.opts.names.routes + 2) - 2 };

    if (s.route < 0)
        s.route = walk_pick(w, 3) == 0 ? -1 : 0;
    return s;
}

/* Mostly none; now and then most of a small cluster. */
static void choose_tried(walk *w, oracle_query *q)
{
    uint32_t routes = w->o.opts.names.routes;
    uint32_t most = routes > O_TRIED && walk_pick(w, 16) == 0 ? O_TRIED : 0;

    for (uint32_t i = 0; i < most; i++)
        oracle_set_add(&q->tried, (int)walk_pick(w, routes));
    for (int i = 0; most == 0 && i < 3 && walk_pick(w, 4) == 0; i++)
        oracle_set_add(&q->tried, (int)walk_pick(w, routes));
}

static void choose_query(walk *w, oracle_query *q)
{
    uint32_t kind = walk_pick(w, 8);

    memset(q, 0, sizeof(*q));
    q->host = hosts[walk_pick(w, walk_pick(w, 2) ? 3 : sizeof(hosts) / sizeof(hosts[0]))];
    q->path = paths[walk_pick(w, sizeof(paths) / sizeof(paths[0]))];
    q->balancer = walk_pick(w, 5) == 0 ? (int)walk_pick(w, w->o.opts.names.balancers) : -1;
    q->now = w->now;
    q->given = kind == 0;
    q->given_session = choose_session(w);
    q->cookies = kind == 1 || kind == 2 ? (int)kind : 0;
    for (int i = 0; i < O_COOKIE_LINES; i++)
        q->cookie[i] = choose_session(w);
    q->in_path = (kind == 2 || kind == 3) && strchr(q->path, '?') == NULL;
    q->param = choose_session(w);
    choose_tried(w, q);
    if (walk_pick(w, 2) == 0)
        q->waiting_since = w->now - walk_pick(w, 20) * MCMP_SEC;
}

static void write_id(char *out, size_t size, const oracle_session *s)
{
    (void)snprintf(out, size, "%s%s", s->route < 0 ? "abc" : "ab.",
                   s->route < 0 ? "" : oracle_route[s->route]);
}

/* One line for all cookies, or one for each. */
static void write_cookies(walk *w, const oracle_query *q, query_room *room, mcmp_query *out)
{
    size_t len = 0;
    int split = (int)walk_pick(w, 2);

    for (int i = 0; i < q->cookies; i++) {
        int last = i + 1 == q->cookies;
        size_t from = split ? len : 0;
        char id[64];

        write_id(id, sizeof(id), &q->cookie[i]);
        len += (size_t)snprintf(room->cookie + len, sizeof(room->cookie) - len,
                                walk_pick(w, 4) == 0 ? "x=JSESSIONID; %s=\"%s\"%s" : "%s=%s%s",
                                oracle_cookie[q->cookie[i].name], id, split || last ? "" : "; ");
        if (split || last)
            room->cookies[out->cookie_count++] = (mcmp_span){ room->cookie + from, len - from };
    }
    out->cookies = room->cookies;
}

static void write_query(walk *w, const oracle_query *q, query_room *room, mcmp_query *out)
{
    int len;
    char id[64];

    mcmp_query_init(out);
    out->now = q->now;
    out->host = (mcmp_span){ q->host, strlen(q->host) };
    write_id(id, sizeof(id), &q->param);
    len = q->in_path ? snprintf(room->path, sizeof(room->path), "%s;%s=%s", q->path,
                                oracle_path_name[q->param.name], id)
                     : snprintf(room->path, sizeof(room->path), "%s", q->path);
    out->path = (mcmp_span){ room->path, (size_t)len };
    write_cookies(w, q, room, out);
    if (q->given) {
        write_id(room->session, sizeof(room->session), &q->given_session);
        out->session = (mcmp_span){ room->session, strlen(room->session) };
    }
    if (q->balancer >= 0)
        out->balancer =
            (mcmp_span){ oracle_balancer[q->balancer], strlen(oracle_balancer[q->balancer]) };
    for (int i = 0; i < O_ROUTES; i++) {
        oracle_row *r = oracle_set_has(&q->tried, i) ? oracle_live(&w->o, i) : NULL;

        if (r != NULL)
            room->tried[out->tried_count++] = r->handle;
    }
    out->tried = room->tried;
    out->waiting_since = q->waiting_since;
}

static int is_text(mcmp_span got, const char *want)
{
    return got.len == strlen(want) && (got.len == 0 || memcmp(got.ptr, want, got.len) == 0);
}

static int route_of(mcmp_span route)
{
    for (int i = 0; i < O_ROUTES; i++)
        if (is_text(route, oracle_route[i]))
            return i;
    return -1;
}

static uint32_t reason_of(const walk *w, uint32_t reason)
{
    if (w->setup.policy == MCMP_POLICY_HASH &&
        (reason == MCMP_REASON_BALANCED || reason == MCMP_REASON_REDIRECTED))
        return MCMP_REASON_HASHED;
    return reason;
}

static int compare_node(walk *w, const oracle_verdict *v, const mcmp_selection *s)
{
    int route = route_of(s->route);
    const oracle_row *r = route >= 0 ? oracle_live(&w->o, route) : NULL;
    const oracle_balancer_row *b = oracle_balancer_of(&w->o, v->balancer);

    if (r == NULL || !oracle_set_has(&v->allowed, route))
        return walk_fail(w, "node %.*s is chosen, which is none of the %d right ones",
                         (int)s->route.len, s->route.ptr, oracle_set_size(&v->allowed));
    if (s->node != r->handle || s->port != oracle_port[r->config.port] ||
        s->scheme != (uint32_t)r->config.type ||
        !is_text(s->host, oracle_host[r->config.host][r->config.spelling]) ||
        s->ping != r->config.ping * MCMP_SEC || s->timeout != r->config.timeout * MCMP_SEC ||
        s->max_retries != (uint32_t)b->config.attempts)
        return walk_fail(w, "what is said of node %s is wrong", oracle_route[route]);
    return 1;
}

static int compare_verdict(walk *w, const oracle_query *q, const oracle_verdict *v, int rc,
                           const mcmp_selection *s)
{
    int want = v->may_wait ? MCMP_WAIT : v->rc;

    walk_say(w, "  choice: host %s path %s balancer %d, %d tried: %s, %s", q->host, q->path,
             q->balancer, oracle_set_size(&q->tried), mcmp_error_name(rc),
             mcmp_reason_name(s->reason));
    if (rc != want || s->reason != reason_of(w, v->reason))
        return walk_fail(w, "host %s path %s balancer %d, %d tried: %s, %s, not %s, %s", q->host,
                         q->path, q->balancer, oracle_set_size(&q->tried), mcmp_error_name(rc),
                         mcmp_reason_name(s->reason), mcmp_error_name(want),
                         mcmp_reason_name(reason_of(w, v->reason)));
    w->counts.reason[s->reason]++;
    if (v->context < 0)
        return 1;
    /* `/` matches what does not begin with it as well: then no part of the path can name it */
    if (s->path_context.len != strlen(oracle_context[v->context]) && q->path[0] == '/')
        return walk_fail(w, "context %.*s matches, not %s", (int)s->path_context.len,
                         s->path_context.ptr, oracle_context[v->context]);
    if (!is_text(s->balancer, oracle_balancer[v->balancer]))
        return walk_fail(w, "balancer %.*s, not %s", (int)s->balancer.len, s->balancer.ptr,
                         oracle_balancer[v->balancer]);
    if (((s->flags & MCMP_SELECTION_HAS_SESSION) != 0) != v->has_session ||
        (rc == MCMP_OK && ((s->flags & MCMP_SELECTION_REMOVE_SESSION) != 0) != v->remove_session))
        return walk_fail(w, "the session is there, or has to go, and is not told so");
    return rc != MCMP_OK || compare_node(w, v, s);
}

int walk_choice(walk *w)
{
    oracle_verdict verdict;
    oracle_query q;
    mcmp_selection s;
    mcmp_query query;
    query_room room;
    int rc;

    choose_query(w, &q);
    write_query(w, &q, &room, &query);
    query.flags = MCMP_QUERY_DRY_RUN;
    mcmp_selection_init(&s);
    w->counts.choices++;
    rc = mcmp_select_node(w->cluster, &query, &s, &w->err);
    oracle_select(&w->o, &q, &verdict);
    return compare_verdict(w, &q, &verdict, rc, &s);
}

/* Which of the aliases that count has one request more now. -1: none, or more than one. */
static int counted_alias(walk *w, const oracle_row *r, int context, const char *host)
{
    mcmp_context_info info;
    mcmp_view *view;
    int found = -1;
    int times = 0;

    if (!w->o.opts.use_alias)
        return 0;
    if (mcmp_view_new(&view, w->cluster, w->now, &w->err) != MCMP_OK)
        return -1;
    mcmp_context_info_init(&info);
    for (size_t i = 0; mcmp_view_context(view, i, &info) == MCMP_OK; i++)
        for (int a = 0; a < O_ALIASES; a++)
            if (info.node_id == r->id && is_text(info.path, oracle_context[context]) &&
                is_text(info.alias, oracle_alias[a]) && oracle_alias_counts(&w->o, a, host) &&
                r->status[a][context] == oracle_status_at(&w->o, r, context, host) &&
                info.requests == r->running[a][context] + 1) {
                found = a;
                times++;
            }
    mcmp_view_free(view);
    return times == 1 ? found : -1;
}

static int take_hold(walk *w, walk_held *h, const oracle_query *q, const oracle_verdict *v)
{
    oracle_row *r = oracle_live(&w->o, route_of(h->selection.route));

    h->alias = counted_alias(w, r, v->context, q->host);
    if (h->alias < 0)
        return walk_fail(w, "the request is not counted at one pair that may serve it");
    h->used = 1;
    h->id = r->id;
    h->epoch = r->epoch;
    h->handle = r->handle;
    h->context = v->context;
    h->place = r->place[h->alias][h->context];
    r->elected++;
    r->connected++;
    r->running[h->alias][h->context]++;
    for (int i = 0; i < WALK_HANDLES; i++)
        if (w->handles[i].handle == r->handle)
            w->handles[i].used = 1;
    w->counts.holds++;
    return 1;
}

int walk_hold(walk *w)
{
    walk_held *h = &w->held[walk_pick(w, WALK_HELD)];
    oracle_verdict verdict;
    mcmp_query query;
    oracle_query q;
    query_room room;
    int rc;

    if (h->used)
        return 1;
    choose_query(w, &q);
    write_query(w, &q, &room, &query);
    mcmp_selection_init(&h->selection);
    oracle_select(&w->o, &q, &verdict);
    walk_say(w, "select");
    rc = mcmp_select_node(w->cluster, &query, &h->selection, &w->err);
    if (!compare_verdict(w, &q, &verdict, rc, &h->selection))
        return 0;
    return rc != MCMP_OK || take_hold(w, h, &q, &verdict);
}

int walk_release(walk *w)
{
    walk_held *h = &w->held[walk_pick(w, WALK_HELD)];
    oracle_row *r = oracle_by_id(&w->o, h->id);
    mcmp_outcome outcome;
    int unused = walk_pick(w, 6) == 0;
    int rc;

    mcmp_outcome_init(&outcome);
    outcome.result = walk_pick(w, 8) == 0 ? 1 + walk_pick(w, 6) : MCMP_OUTCOME_OK;
    outcome.bytes_read = walk_pick(w, 1000);
    outcome.bytes_sent = walk_pick(w, 100);
    outcome.now = w->now;
    if (!h->used)
        return 1;
    walk_say(w, "release %u%s", (unsigned)outcome.result, unused ? " unused" : "");
    rc = mcmp_selection_release(w->cluster, &h->selection, unused ? NULL : &outcome);
    if (rc != MCMP_OK)
        return walk_fail(w, "a selection is not taken back: %s", mcmp_error_name(rc));
    h->used = 0;
    if (r == NULL)
        return 1;
    r->connected--;
    if (h->place != 0 && r->place[h->alias][h->context] == h->place)
        r->running[h->alias][h->context]--;
    if (r->epoch != h->epoch || unused)
        return 1;
    r->bytes_read += outcome.bytes_read;
    r->bytes_sent += outcome.bytes_sent;
    if (outcome.result == MCMP_OUTCOME_CONNECT || outcome.result == MCMP_OUTCOME_NO_ANSWER)
        r->error = 1;
    return 1;
}

/* Time's work */

static int take_probe(walk *w, const mcmp_probe *probe)
{
    static const uint8_t fates[WALK_TIDES][2] = { { 14, 18 }, { 18, 19 }, { 9, 18 } };
    uint32_t fate = walk_pick(w, 20);
    uint32_t ok = fates[w->tide][0];
    uint32_t lost = fates[w->tide][1];
    oracle_row *r = NULL;

    w->counts.probes++;
    for (int i = 0; i < w->o.rows; i++)
        if (w->o.row[i].live && w->o.row[i].handle == probe->node)
            r = &w->o.row[i];
    if (r == NULL)
        return walk_fail(w, "a probe of a node that is not there");
    if (probe->port != oracle_port[r->config.port] ||
        !is_text(probe->host, oracle_host[r->config.host][r->config.spelling]))
        return walk_fail(w, "a probe of another endpoint than that of %s", oracle_route[r->route]);
    walk_say(w, "  probe of %s %s", oracle_route[r->route],
             fate < ok     ? "ok"
             : fate < lost ? "failed"
                           : "lost");
    if (fate >= lost)
        return 1; /* never reported */
    if (mcmp_probe_report(w->cluster, probe->node, probe->ticket, fate < ok, w->now, &w->err) !=
        MCMP_OK)
        return walk_fail(w, "a probe's result is not taken: %s", w->err.message);
    if (fate < ok) {
        r->error = 0;
        r->failed = 0;
        r->ok_probe = w->now;
        return 1;
    }
    r->error = 1;
    if (++r->failed >= w->o.opts.max_failed_probes) {
        uint64_t id = r->id;

        oracle_forget_old(&w->o);
        oracle_remove(&w->o, id, 0);
        oracle_drop_balancers(&w->o, -1);
    }
    return 1;
}

static int take_gone(walk *w, mcmp_handle handle)
{
    w->counts.gone++;
    for (int i = 0; i < WALK_HANDLES; i++) {
        walk_handle *h = &w->handles[i];

        if (h->handle != handle)
            continue;
        walk_say(w, "  gone %llx", (unsigned long long)handle);
        if (h->reported || mcmp_node_is_current(w->cluster, handle))
            return walk_fail(w, "handle %llx is told to be gone, and is not or was already",
                             (unsigned long long)handle);
        h->reported = 1;
        return 1;
    }
    return w->handle_count >= WALK_HANDLES ? 1 : walk_fail(w, "an unknown handle is gone");
}

/* Connections that the host has to nodes that are gone: each is to be told by now. */
static int all_gone_told(walk *w)
{
    for (int i = 0; i < WALK_HANDLES; i++) {
        const walk_handle *h = &w->handles[i];
        oracle_row *r = h->used && !h->reported ? oracle_by_id(&w->o, h->id) : NULL;

        if (h->used && !h->reported && (r == NULL || !r->live || r->epoch != h->epoch))
            return walk_fail(w, "handle %llx was used and is gone, and nobody says so",
                             (unsigned long long)h->handle);
    }
    return 1;
}

int walk_tick(walk *w)
{
    uint32_t most = 200 + 4 * w->o.opts.max_nodes;
    mcmp_work work;
    int rc = MCMP_OK;

    walk_say(w, "tick");
    for (uint32_t i = 0; i < most && rc == MCMP_OK; i++) {
        int fine = 1;

        mcmp_work_init(&work);
        rc = mcmp_tick(w->cluster, w->now, &work, &w->err);
        if (rc == MCMP_OK)
            fine =
                work.kind == MCMP_WORK_PROBE ? take_probe(w, work.probe) : take_gone(w, work.node);
        if (!fine)
            return 0;
    }
    if (rc != MCMP_DONE || work.next_at < w->now || work.next_at > w->now + MCMP_SEC)
        return walk_fail(w, "a tick never ends, or sleeps for too long");
    return all_gone_told(w);
}
