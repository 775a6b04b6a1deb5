/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mcmp_explain(): the verdict of a query as a dry run, in words for operators. The result comes
 * from the same code as a selection; the story around it is told from one read section. Bytes of
 * peers are escaped, and of a session id only its route is shown (STYLE G3).
 */
#include "lb/select.h"

#include "base/health.h"
#include "lb/session.h"

#define SHOWN_NAME 300u   /* bytes of a name or path that are shown */
#define SHOWN_MEMBERS 64u /* candidates that are listed */
#define SHOWN_PREFIXES 32u

/* Text into the caller's room; counts on when it is full. */
typedef struct teller {
    char *out;
    size_t size;
    size_t len;
} teller;

static void tell(teller *t, const char *text, size_t len)
{
    if (t->len < t->size)
        memcpy(t->out + t->len, text, MCMP__MIN(len, t->size - t->len));
    t->len += len;
}

static void tell_str(teller *t, const char *text)
{
    tell(t, text, strlen(text));
}

static void tell_uint(teller *t, uint64_t value)
{
    char digits[20];

    tell(t, digits, mcmp__format_uint(digits, value));
}

/* A peer's text, escaped and in quotes. */
static void tell_name(teller *t, mcmp_span name)
{
    char shown[3 * SHOWN_NAME + 1];

    tell_str(t, "\"");
    tell_str(t, mcmp__printable(shown, sizeof(shown),
                                mcmp__span(name.ptr, MCMP__MIN(name.len, SHOWN_NAME))));
    tell_str(t, name.len > SHOWN_NAME ? "...\"" : "\"");
}

static void tell_text(teller *t, mcmp__read *rd, enum mcmp__text_kind kind, uint32_t index)
{
    char name[264]; /* the greatest name, and whole words */
    size_t len = mcmp__text(rd, kind, index, name, sizeof(name));

    tell_name(t, mcmp__span(name, len));
}

static void tell_request(teller *t, const mcmp__choice *choice, const mcmp_query *query)
{
    tell_str(t, "request: host ");
    tell_name(t, query->host);
    tell_str(t, ", path ");
    tell_name(t, mcmp__path_cut(query->path));
    if (query->balancer.len > 0) {
        tell_str(t, ", only balancer ");
        tell_name(t, query->balancer);
    }
    tell_str(t, (choice->config->opts.flags & MCMP_CLUSTER_USE_ALIAS) != 0
                    ? "; the host must equal an alias\n"
                    : "; the host is not compared with aliases\n");
}

/* The prefixes of the path from the longest down to the one that matched. */
static void tell_prefixes(teller *t, const mcmp__lookup *look)
{
    mcmp_span path = mcmp__path_cut(look->query->path);
    size_t found = look->rc == MCMP_NOT_OURS ? 0 : look->match.context_len;
    size_t len = path.len;
    uint32_t count = 0;

    tell_str(t, "looked up:");
    while (len > 0 && len >= found && count++ < SHOWN_PREFIXES) {
        if (len != found) {
            tell_str(t, " ");
            tell_name(t, mcmp__span(path.ptr, len));
            tell_str(t, " no,");
        }
        for (len--; len > 0 && path.ptr[len] != '/'; len--)
            continue;
    }
    if (found == 1 || (found == 0 && path.len != 1)) {
        tell_str(t, found == 1 ? " \"/\" yes\n" : " \"/\" no\n");
        return;
    }
    tell_str(t, " ");
    tell_name(t, mcmp__span(path.ptr, found));
    tell_str(t, found > 0 ? " yes\n" : " nothing\n");
}

static void tell_balancer(teller *t, const mcmp__lookup *look)
{
    tell_str(t, "balancer: ");
    tell_name(t, look->names[MCMP__NAME_BALANCER]);
    if (look->balancers > 1) {
        tell_str(t, ", of ");
        tell_uint(t, look->balancers);
        tell_str(t, look->home.known ? " that hold the context: the session's route is known there"
                                     : " that hold the context: the first by registration");
    }
    if ((look->row.flags & MCMP_COMMAND_STICKY) == 0) {
        tell_str(t, "; sessions are not sticky\n");
        return;
    }
    tell_str(t, "; sticky by cookie ");
    tell_name(t, look->names[MCMP__NAME_COOKIE]);
    tell_str(t, " or path parameter ");
    tell_name(t, look->names[MCMP__NAME_PATH]);
    tell_str(t, (look->row.flags & MCMP_COMMAND_STICKY_FORCE) != 0 ? ", force" : "");
    tell_str(t, (look->row.flags & MCMP_COMMAND_STICKY_REMOVE) != 0 ? ", remove" : "");
    tell_str(t, "\n");
}

static void tell_home(teller *t, mcmp__read *rd, const mcmp__lookup *look)
{
    if (!look->home.known) {
        tell_str(t, ", which no node of this balancer has and no removed one had lately");
    } else if (look->home.node != 0) {
        tell_str(t, ", which is the route of a live node");
    } else {
        tell_str(t, ", of a node that was removed");
    }
    if (look->home.domain != 0) {
        tell_str(t, " of domain ");
        tell_text(t, rd, MCMP__DOMAIN_TEXT, look->home.domain);
    }
}

static void tell_session(teller *t, mcmp__read *rd, const mcmp__lookup *look)
{
    static const char *const sources[MCMP__SESSION_SOURCES] = {
        [MCMP__SESSION_NONE] = "none",
        [MCMP__SESSION_GIVEN] = "an id given by the host",
        [MCMP__SESSION_COOKIE] = "an id in a cookie",
        [MCMP__SESSION_PATH] = "an id in the path",
    };

    tell_str(t, "session: ");
    tell_str(t, sources[look->source]);
    if (look->affine)
        tell_str(t, ", and an affinity cookie");
    if (look->route.len > 0) {
        tell_str(t, ", route ");
        tell_name(t, look->route);
        tell_home(t, rd, look);
    } else if (look->source != MCMP__SESSION_NONE) {
        tell_str(t, ", without a route");
    }
    tell_str(t, "\n");
}

static int was_tried(const mcmp__choice *choice, uint32_t node)
{
    for (uint32_t i = 0; i < choice->tried_count; i++)
        if (choice->tried[i] == node)
            return 1;
    return 0;
}

/* Why a member can't be taken, or that it can. */
static const char *verdict_of(const mcmp__choice *choice, const mcmp__member *member,
                              uint32_t health)
{
    if (member->status == MCMP_STATUS_STOPPED)
        return "not usable: STOPPED serves nothing new";
    if (member->status == MCMP_STATUS_DISABLED && !choice->disabled_ok)
        return "not usable: DISABLED serves only sessions";
    if (was_tried(choice, member->node))
        return "not usable: tried before for this request";
    if (mcmp__health_load(health) < 0)
        return "not usable: Load -1 until a STATUS with Load >= 0 succeeds";
    if ((health & MCMP__HEALTH_ERROR) != 0)
        return "not usable: in error until a probe or STATUS succeeds";
    if (mcmp__choice_awaits(choice, member->node, health))
        return "not usable: loaded from a file, its first probe is awaited";
    if (mcmp__health_weight(health) == 0)
        return "usable as hot standby, and for its own sessions";
    return member->status == MCMP_STATUS_DISABLED ? "usable when no ENABLED node is" : "usable";
}

static void tell_member(teller *t, mcmp__choice *choice, const mcmp__member *member)
{
    static const char *const statuses[] = { "?", "ENABLED", "DISABLED", "STOPPED" };
    const mcmp__live *live = mcmp__choice_live(choice, member->node);
    uint32_t health = (uint32_t)mcmp__word_get(&live->health);
    int load = mcmp__health_load(health);
    mcmp__share share = mcmp__share_read(mcmp__word_get(&live->share), mcmp__word_get(&live->carry),
                                         choice->period, MCMP__MAX(load, 1));
    uint32_t domain = mcmp__node_domain(choice->rd, member->node);

    tell_str(t, "candidate ");
    tell_text(t, choice->rd, MCMP__NODE_ROUTE, member->node);
    tell_str(t, ": ");
    tell_str(t, statuses[member->status < MCMP__COUNT(statuses) ? member->status : 0]);
    tell_str(t, ", ");
    tell_str(t, mcmp_node_state_name(mcmp__health_state(health)));
    tell_str(t, load < 0 ? ", load -1" : ", load ");
    if (load >= 0)
        tell_uint(t, (uint64_t)load);
    tell_str(t, ", busy ");
    tell_uint(t, mcmp__running_node(choice->rd, member->node));
    tell_str(t, ", score ");
    tell_uint(t, mcmp__share_value(share, MCMP__MAX(load, 1)));
    if (domain != 0) {
        tell_str(t, ", domain ");
        tell_text(t, choice->rd, MCMP__DOMAIN_TEXT, domain);
    }
    tell_str(t, ": ");
    tell_str(t, verdict_of(choice, member, health));
    tell_str(t, "\n");
}

static void tell_members(teller *t, mcmp__choice *choice, const mcmp__lookup *look)
{
    const mcmp__set *set = &look->set;
    uint32_t count = set->enabled + set->disabled + set->stopped;

    for (uint32_t i = 0; i < count && i < SHOWN_MEMBERS; i++) {
        mcmp__member member;

        if (mcmp__set_member(choice->rd, set, i, &member))
            tell_member(t, choice, &member);
    }
    if (count > SHOWN_MEMBERS) {
        tell_str(t, "and ");
        tell_uint(t, count - SHOWN_MEMBERS);
        tell_str(t, " more candidates\n");
    }
}

/* The story, from one state of the cluster. */
static int tell_story(teller *t, mcmp__lookup *look, mcmp__choice *choice)
{
    uint32_t tried[MCMP__CHOICE_TRIED];
    mcmp__read rd;

    mcmp__read_init(&rd, choice->cluster);
    choice->rd = &rd;
    choice->tried = tried;
    choice->tried_count = (uint32_t)look->query->tried_count;
    do {
        mcmp__read_begin(&rd);
        t->len = 0;
        for (uint32_t i = 0; i < choice->tried_count; i++)
            tried[i] = mcmp__node_by_handle(&rd, look->query->tried[i]);
        mcmp__lookup_run(look, choice);
        tell_request(t, choice, look->query);
        tell_prefixes(t, look);
        if (look->rc != MCMP_NOT_OURS) {
            tell_balancer(t, look);
            tell_session(t, &rd, look);
            tell_members(t, choice, look);
        }
    } while (!mcmp__read_done(&rd));
    return mcmp__read_result(&rd);
}

static const char *sentence_of(uint32_t reason)
{
    static const char *const sentences[] = {
        [MCMP_REASON_NONE] = "",
        [MCMP_REASON_STICKY] = "the session's own node",
        [MCMP_REASON_DOMAIN] = "the session's node can't serve, another one of its domain can",
        [MCMP_REASON_BALANCED] = "chosen by the policy",
        [MCMP_REASON_STANDBY] = "a hot standby, no node with Load > 0 is usable",
        [MCMP_REASON_REDIRECTED] = "the session's node can't serve, chosen anywhere",
        [MCMP_REASON_DISABLED] = "a DISABLED node, no ENABLED one is usable",
        [MCMP_REASON_HASHED] = "chosen by hash",
        [MCMP_REASON_NOT_OURS] = "no context matches: not a request for the cluster",
        [MCMP_REASON_STATUS] = "a context matches, but by status no node may serve this request",
        [MCMP_REASON_NONE_USABLE] = "there are candidates, but none is usable",
        [MCMP_REASON_FORCED] =
            "StickySessionForce, and neither the session's node nor its domain can serve",
    };

    return reason < MCMP__COUNT(sentences) && sentences[reason] != NULL ? sentences[reason] : "?";
}

static void tell_result(teller *t, int rc, const mcmp_selection *selection)
{
    tell_str(t, "result: ");
    if (rc == MCMP_OK) {
        tell_str(t, "node ");
        tell_name(t, selection->route);
        tell_str(t, " at ");
        tell_str(t, mcmp_scheme_name(selection->scheme));
        tell_str(t, "://");
        tell(t, selection->host.ptr, selection->host.len);
        tell_str(t, ":");
        tell_uint(t, selection->port);
    } else if (rc == MCMP_NOT_OURS) {
        tell_str(t, "none");
    } else {
        tell_str(t, rc == MCMP_WAIT ? "wait, at the end status " : "status ");
        tell_uint(t, selection->status);
    }
    tell_str(t, "; reason ");
    tell_str(t, mcmp_reason_name(selection->reason));
    tell_str(t, ": ");
    tell_str(t, sentence_of(selection->reason));
    if ((selection->flags & MCMP_SELECTION_REMOVE_SESSION) != 0)
        tell_str(t, "; the session id is to be removed");
    tell_str(t, "\n");
}

int mcmp_explain(mcmp_cluster *cluster, const mcmp_query *query, char *out, size_t size,
                 size_t *out_len, mcmp_error *err)
{
    teller t = { out, size > 0 ? size - 1 : 0, 0 };
    char names[MCMP__BALANCER_TEXTS_ROOM];
    mcmp_selection selection;
    mcmp__lookup look;
    mcmp__choice choice;
    mcmp_query copy;
    int rc, torn;

    if (cluster == NULL || out_len == NULL || (out == NULL && size > 0))
        return mcmp__fail(err, MCMP_ERR_INVALID, "out", "no cluster, or no room for the text");
    rc = mcmp__query_take(query, &copy, &look.query, err);
    if (rc != MCMP_OK)
        return rc;
    copy = *look.query;
    copy.flags |= MCMP_QUERY_DRY_RUN;
    look.query = &copy;
    mcmp_selection_init(&selection);
    rc = mcmp_select_node(cluster, &copy, &selection, err);
    if (rc < 0)
        return rc;
    mcmp__choice_init(&choice, cluster, &copy);
    look.text = names;
    torn = tell_story(&t, &look, &choice);
    if (torn != MCMP_OK)
        return mcmp__fail(err, torn, "region", "%s", mcmp_strerror(torn));
    tell_result(&t, rc, &selection);
    if (size > 0)
        out[MCMP__MIN(t.len, size - 1)] = '\0';
    *out_len = t.len;
    return t.len < size
               ? MCMP_OK
               : mcmp__fail(err, MCMP_ERR_SPACE, "size", "%zu bytes are needed", t.len + 1);
}
