/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of MCMP 5.1 to 5.5 and 5.7 in their order: match, balancer, session, status, own node,
 * domain, anywhere. Nothing here leaves the read section early, and nothing calls the host.
 */
#include "lookup.h"

#include "base/health.h"
#include "lb/session.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

static int has_flag(const mcmp__lookup *look, uint32_t flag)
{
    return (look->row.flags & flag) != 0;
}

/* What one route leads to (MCMP 5.5: a route counts only while it is known). */
static mcmp__home home_of(mcmp__read *rd, uint32_t balancer, mcmp_span route, mcmp_time now)
{
    mcmp__home home = { 0, 0, 0, route };
    uint32_t node = mcmp__node_by_route(rd, route);

    if (node != 0 && mcmp__node_balancer(rd, node) == balancer) {
        home.known = 1;
        home.node = node;
        home.domain = mcmp__node_domain(rd, node);
        return home;
    }
    if (node == 0)
        home.domain = mcmp__domain_recall(rd, route, now);
    home.known = home.domain != 0;
    return home;
}

/* The own node as it may serve: a candidate by status, usable, not tried. */
static int can_serve(mcmp__lookup *look, mcmp__choice *choice, const mcmp__home *home,
                     mcmp__runner *out)
{
    mcmp__member member;

    look->own_status = 0;
    if (home->node == 0 || !mcmp__set_find(choice->rd, &look->set, home->node, &member))
        return 0;
    look->own_status = member.status;
    return (member.status == MCMP_STATUS_ENABLED || member.status == MCMP_STATUS_DISABLED) &&
           mcmp__choice_usable(choice, &member, out);
}

/*
 * The home of a route text: with ranked routes the first one whose node can serve, else the first
 * that is known.
 */
static mcmp__home judge_route(mcmp__lookup *look, mcmp__choice *choice, mcmp_span text)
{
    int ranked = (choice->config->opts.flags & MCMP_CLUSTER_RANKED_ROUTES) != 0;
    mcmp__home first = { 0, 0, 0, text };
    mcmp_span rest = text;
    mcmp_span route;

    if (!ranked)
        return text.len > 0 ? home_of(choice->rd, look->balancer, text, choice->now) : first;
    while (mcmp__route_next(&rest, &route)) {
        mcmp__home home = home_of(choice->rd, look->balancer, route, choice->now);
        mcmp__runner runner;

        if (home.known && can_serve(look, choice, &home, &runner))
            return home;
        if (home.known && !first.known)
            first = home;
    }
    return first;
}

/* Takes the id over when it is the first one, or the first whose route is known. 1 = look no
 * more. */
static int take_session(mcmp__lookup *look, mcmp__choice *choice, mcmp_span id, uint32_t source)
{
    mcmp_span route = mcmp__session_route(id);
    mcmp__home home = judge_route(look, choice, route);

    if (look->source == MCMP__SESSION_NONE || home.known) {
        look->session = id;
        look->route = route;
        look->source = source;
        look->home = home;
    }
    return home.known;
}

/* MCMP 5.4: the host's word, else cookies, else path parameters. */
static void find_session_id(mcmp__lookup *look, mcmp__choice *choice)
{
    const mcmp_query *query = look->query;
    mcmp__cookie_walk walk;
    mcmp_span id;
    size_t pos = 0;

    if (query->session.len > 0) {
        take_session(look, choice, query->session, MCMP__SESSION_GIVEN);
        return;
    }
    mcmp__cookie_walk_init(&walk, query->cookies, query->cookie_count,
                           look->names[MCMP__NAME_COOKIE]);
    while (mcmp__cookie_next(&walk, &id))
        if (take_session(look, choice, id, MCMP__SESSION_COOKIE))
            return;
    if (!mcmp__path_has_params(query->path))
        return;
    while (mcmp__path_param_next(query->path, look->names[MCMP__NAME_PATH], &pos, &id))
        if (take_session(look, choice, id, MCMP__SESSION_PATH))
            return;
}

/* PEER: the value of a separate affinity cookie is a route, and goes before that of the id. */
static void find_session(mcmp__lookup *look, mcmp__choice *choice)
{
    mcmp__home home;

    look->source = MCMP__SESSION_NONE;
    look->session.len = 0;
    look->route.len = 0;
    look->affine = 0;
    memset(&look->home, 0, sizeof(look->home));
    if (!has_flag(look, MCMP_COMMAND_STICKY))
        return;
    find_session_id(look, choice);
    if (look->query->affinity.len == 0)
        return;
    home = judge_route(look, choice, look->query->affinity);
    if (home.known) {
        look->affine = 1;
        look->route = look->query->affinity;
        look->home = home;
    }
}

/* The balancer's row, its names and its members at the matched context. */
static void enter_balancer(mcmp__lookup *look, mcmp__choice *choice, uint32_t balancer)
{
    mcmp__read *rd = choice->rd;

    look->balancer = balancer;
    if (!mcmp__balancer_all(rd, balancer, look->text, look->names, &look->row))
        memset(&look->row, 0, sizeof(look->row));
    mcmp__set_of(rd, &look->match, balancer, 0, &look->set);
    find_session(look, choice);
}

/* The balancer the host asks for: 0 = any, -1 = there is none of this name. */
static int64_t asked_balancer(mcmp__read *rd, mcmp_span name)
{
    char low[256];
    uint32_t balancer;

    if (name.len == 0)
        return 0;
    if (name.len > sizeof(low))
        return -1;
    memcpy(low, name.ptr, name.len);
    (void)mcmp__lower_in_place(low, name.len);
    balancer = mcmp__balancer_by_name(rd, mcmp__span(low, name.len));
    return balancer != 0 ? (int64_t)balancer : -1;
}

/*
 * The context and the balancer. Of several balancers that hold it, the one whose session route is
 * known, else the first by registration (MCMP 5.5).
 */
static int find_place(mcmp__lookup *look, mcmp__choice *choice)
{
    int64_t asked = asked_balancer(choice->rd, look->query->balancer);
    uint32_t first;
    uint32_t next;

    look->balancers = 0;
    look->match.count = 0;
    if (asked < 0 || mcmp__match_find(choice->rd, look->query->host, look->query->path,
                                      (uint32_t)asked, &look->match) == 0)
        return 0;
    first = mcmp__match_next(choice->rd, &look->match);
    if (first == 0)
        return 0;
    look->balancers = 1;
    enter_balancer(look, choice, first);
    if (look->match.count == 1 && look->match.cursor[0] == 0)
        return 1; /* the one place has no further balancer */
    next = mcmp__match_next(choice->rd, &look->match);
    if (next == 0)
        return 1;
    for (; next != 0; next = mcmp__match_next(choice->rd, &look->match)) {
        if (++look->balancers > choice->config->opts.max_balancers) {
            choice->rd->torn = 1; /* a circle */
            break;
        }
        if (!look->home.known)
            enter_balancer(look, choice, next);
    }
    if (!look->home.known)
        enter_balancer(look, choice, first);
    return 1;
}

/* What a hash goes by (MCMP 5.7, 7). */
static mcmp_span key_of(const mcmp__lookup *look, const mcmp__choice *choice)
{
    int deterministic = (choice->config->opts.flags & MCMP_CLUSTER_DETERMINISTIC) != 0;

    if (deterministic && look->session.len > 0)
        return mcmp__session_stem(look->session);
    if (look->query->key.len > 0)
        return look->query->key;
    if (look->session.len > 0)
        return mcmp__session_stem(look->session);
    return mcmp__path_cut(look->query->path);
}

/* The policy of this choice. */
static void set_policy(mcmp__lookup *look, mcmp__choice *choice)
{
    const mcmp_cluster_options *opts = &choice->config->opts;
    mcmp_span key;

    choice->policy = opts->policy;
    choice->disabled_ok = look->session.len > 0 || look->affine;
    if ((opts->flags & MCMP_CLUSTER_DETERMINISTIC) != 0 && look->session.len > 0)
        choice->policy = MCMP_POLICY_HASH;
    if (choice->policy != MCMP_POLICY_HASH)
        return;
    key = key_of(look, choice);
    choice->key = XXH3_64bits(key.len > 0 ? key.ptr : "", key.len);
}

static uint32_t reason_of(const mcmp__lookup *look, const mcmp__choice *choice)
{
    if (look->home.known)
        return choice->policy == MCMP_POLICY_HASH ? MCMP_REASON_HASHED : MCMP_REASON_REDIRECTED;
    if (look->chosen.status == MCMP_STATUS_DISABLED)
        return MCMP_REASON_DISABLED;
    if (look->chosen.load == 0)
        return MCMP_REASON_STANDBY;
    return choice->policy == MCMP_POLICY_HASH ? MCMP_REASON_HASHED : MCMP_REASON_BALANCED;
}

/* A session whose node can't serve: first inside the domain (MCMP 5.5). 1 = the verdict stands. */
static int leave_home(mcmp__lookup *look, mcmp__choice *choice)
{
    mcmp__set mates;

    if (look->home.domain != 0) {
        mcmp__set_of(choice->rd, &look->match, look->balancer, look->home.domain, &mates);
        if (mcmp__choice_make(choice, &mates, &look->chosen)) {
            look->rc = MCMP_OK;
            look->reason = MCMP_REASON_DOMAIN;
            return 1;
        }
    }
    if (!has_flag(look, MCMP_COMMAND_STICKY_FORCE))
        return 0;
    look->rc = MCMP_NO_NODE;
    look->reason = MCMP_REASON_FORCED;
    return 1;
}

/* The verdict where a context matches and some candidate may serve by status. */
static void judge(mcmp__lookup *look, mcmp__choice *choice)
{
    if (look->home.known) {
        uint32_t unproven = choice->unproven;

        if (can_serve(look, choice, &look->home, &look->chosen) &&
            (choice->only == 0 || choice->only == look->chosen.node)) {
            look->rc = MCMP_OK;
            look->reason = MCMP_REASON_STICKY;
            return;
        }
        if (choice->unproven != unproven) { /* its session is there: worth the short wait */
            look->rc = MCMP_NO_NODE;
            look->reason = MCMP_REASON_NONE_USABLE;
            return;
        }
        if (leave_home(look, choice))
            return;
    }
    if (!mcmp__choice_make(choice, &look->set, &look->chosen)) {
        look->rc = MCMP_NO_NODE;
        look->reason = MCMP_REASON_NONE_USABLE;
        return;
    }
    look->rc = MCMP_OK;
    look->reason = reason_of(look, choice);
    look->remove_session =
        look->session.len > 0 && look->route.len > 0 && has_flag(look, MCMP_COMMAND_STICKY_REMOVE);
}

void mcmp__lookup_run(mcmp__lookup *look, mcmp__choice *choice)
{
    mcmp__choice_begin(choice);
    look->remove_session = 0;
    look->own_status = 0;
    look->chosen.node = 0;
    look->rc = MCMP_NOT_OURS;
    look->reason = MCMP_REASON_NOT_OURS;
    look->session.len = 0;
    look->balancer = 0;
    if (!find_place(look, choice))
        return;
    set_policy(look, choice);
    if (look->set.enabled == 0 && (look->set.disabled == 0 || !choice->disabled_ok)) {
        look->rc = MCMP_NO_CONTEXT;
        look->reason = MCMP_REASON_STATUS;
        return;
    }
    judge(look, choice);
}
