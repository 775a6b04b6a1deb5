/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mcmp_select_node(). The verdict is found in a read section
 * (lookup.c); what it costs to act on it - counters, start values, the hold - is written after the
 * section was whole. No lock, no allocation.
 */
#include "lb/select.h"

#include "base/compiler.h"
#include "lb/session.h"
#include "lb/used.h"

#define PROBE_STEP (20 * MCMP_MSEC) /* the same while loaded nodes are probed */
#define WAIT_STEP (100 * MCMP_MSEC) /* between two looks while a request waits (MCMP 5.8) */
#define CUSTOM_TRIES 4

_Static_assert(sizeof(((mcmp_selection *)0)->text) >=
                   MCMP__BALANCER_TEXTS_ROOM + MCMP__NODE_TEXTS_ROOM,
               "a selection has room for the texts of its balancer and its node");

void mcmp_query_init_sized(mcmp_query *query, size_t size)
{
    mcmp__sized_init(query, size);
}

void mcmp_selection_init_sized(mcmp_selection *selection, size_t size)
{
    mcmp__sized_init(selection, size);
}

void mcmp_outcome_init_sized(mcmp_outcome *outcome, size_t size)
{
    mcmp__sized_init(outcome, size);
}

const char *mcmp_reason_name(uint32_t reason)
{
    static const char *const names[] = {
        [MCMP_REASON_NONE] = "none",
        [MCMP_REASON_STICKY] = "sticky",
        [MCMP_REASON_DOMAIN] = "domain",
        [MCMP_REASON_BALANCED] = "balanced",
        [MCMP_REASON_STANDBY] = "standby",
        [MCMP_REASON_REDIRECTED] = "redirected",
        [MCMP_REASON_DISABLED] = "disabled",
        [MCMP_REASON_HASHED] = "hashed",
        [MCMP_REASON_NOT_OURS] = "not ours",
        [MCMP_REASON_STATUS] = "status",
        [MCMP_REASON_NONE_USABLE] = "none usable",
        [MCMP_REASON_FORCED] = "forced",
    };

    return reason < MCMP__COUNT(names) && names[reason] != NULL ? names[reason] : "?";
}

/*
 * Everything that the choice was made with goes into the caller's struct; inside the section. A
 * node and its balancer fill all fields, so that only other verdicts have to clear the struct
 * first.
 */
static void fill_node(mcmp__read *rd, const mcmp__lookup *look, mcmp_selection *out,
                      mcmp__running *running)
{
    const mcmp_span *last = &look->names[MCMP__NAME_PATH]; /* in out->text; free from there on */
    char *text = out->text + (last->ptr + last->len - out->text);

    mcmp__running_soon(rd->cluster, look->chosen.node, look->chosen.seat);
    if (!mcmp__node_take(rd, look->chosen.node, look->chosen.seat, text, out, running))
        rd->torn = 1; /* overtaken, and repeated; else damaged */
    out->status = 0;
    out->retry_at = 0;
}

static void fill_balancer(const mcmp__lookup *look, mcmp_selection *out)
{
    out->balancer = look->names[MCMP__NAME_BALANCER];
    out->max_retries = look->row.max_attempts;
    out->cookie_name = look->names[MCMP__NAME_COOKIE];
    out->path_name = look->names[MCMP__NAME_PATH];
    out->path_context = mcmp__span(look->query->path.ptr, look->match.context_len);
    out->session = look->session;
    out->session_route = mcmp__span(NULL, 0);
    if (look->session.len > 0) {
        out->session_route = mcmp__session_route(look->session);
        out->flags |= MCMP_SELECTION_HAS_SESSION;
    }
    if (look->remove_session)
        out->flags |= MCMP_SELECTION_REMOVE_SESSION;
}

/* Back to what init leaves, but for the room of the texts. */
static void clear_selection(mcmp_selection *out)
{
    size_t size = out->struct_size;

    memset(out, 0, offsetof(mcmp_selection, text));
    out->struct_size = size;
}

/* One whole section: the verdict and the texts. MCMP_OK, or MCMP_ERR_DAMAGED. */
static int run_section(mcmp__lookup *look, mcmp__choice *choice, mcmp_selection *out,
                       mcmp__running *running)
{
    const mcmp_query *query = look->query;
    uint32_t tried[MCMP__CHOICE_TRIED];
    mcmp__read rd;

    mcmp__read_init(&rd, choice->cluster);
    choice->rd = &rd;
    choice->tried = tried;
    choice->tried_count = (uint32_t)query->tried_count;
    do {
        mcmp__read_begin(&rd);
        for (uint32_t i = 0; i < choice->tried_count; i++)
            tried[i] = mcmp__node_by_handle(&rd, query->tried[i]);
        mcmp__lookup_run(look, choice);
        if (look->rc != MCMP_OK)
            clear_selection(out);
        else
            fill_node(&rd, look, out, running);
        out->flags = 0;
        if (look->balancer != 0)
            fill_balancer(look, out);
    } while (!mcmp__read_done(&rd));
    choice->tried = NULL;
    choice->tried_count = 0;
    return rd.damaged ? mcmp__read_result(&rd) : MCMP_OK;
}

/* What a custom policy is told of a runner. 0 when its node has gone meanwhile. */
static int candidate_of(mcmp__choice *choice, const mcmp__runner *runner, mcmp_candidate *out)
{
    mcmp__read rd;
    mcmp__node row = { 0 };
    uint32_t busy;
    int found;

    mcmp__read_init(&rd, choice->cluster);
    do {
        mcmp__read_begin(&rd);
        found = mcmp__node_get(&rd, runner->node, &row) && !row.leaving;
        busy = found ? mcmp__running_node(&rd, runner->node) : 0;
    } while (!mcmp__read_done(&rd));
    memset(out, 0, sizeof(*out));
    out->struct_size = sizeof(*out);
    out->node = row.handle;
    out->load = runner->load;
    out->busy = busy;
    out->elected = mcmp__word_get(&mcmp__choice_live(choice, runner->node)->elected);
    out->score = runner->value;
    return found;
}

/* Asks the host's policy, outside any section. The index of the best, 0 = none is left. */
static uint32_t ask_custom(mcmp__choice *choice)
{
    const mcmp_cluster_options *opts = &choice->config->opts;
    mcmp_candidate best;
    uint32_t node = 0;

    for (uint32_t i = 0; i < choice->list_count; i++) {
        mcmp_candidate other;

        if (!candidate_of(choice, &choice->list[i], &other))
            continue;
        if (node == 0 || opts->better(opts->better_ctx, &best, &other)) {
            best = other;
            node = choice->list[i].node;
        }
    }
    return node;
}

/*
 * The verdict with the host's own policy: a second section takes the node it chose of those that
 * the first one found, if that still may serve; else all begins again, a few times.
 */
static MCMP__COLD int decide_custom(mcmp__lookup *look, mcmp__choice *choice, mcmp_selection *out,
                                    mcmp__running *running)
{
    int rc = MCMP_OK;

    for (int i = 0; i < CUSTOM_TRIES && rc == MCMP_OK && choice->list_count > 1; i++) {
        mcmp__choice found = *choice;

        choice->only = ask_custom(choice);
        if (choice->only != 0)
            rc = run_section(look, choice, out, running);
        if (choice->only != 0 && look->rc == MCMP_OK) {
            found.random = choice->random;
            *choice = found; /* start values and passed ones are those of the first section */
            return rc;
        }
        choice->only = 0;
        rc = run_section(look, choice, out, running);
    }
    return rc;
}

/* The verdict: of one section but with a policy of the host. */
static int decide(mcmp__lookup *look, mcmp__choice *choice, mcmp_selection *out,
                  mcmp__running *running)
{
    int rc = run_section(look, choice, out, running);

    if (rc == MCMP_OK && choice->list_count > 1)
        return decide_custom(look, choice, out, running);
    return rc;
}

/* MCMP 5.8: until when the request may wait, and when to look again. */
static int wait_or_fail(const mcmp__lookup *look, const mcmp__choice *choice, mcmp_selection *out)
{
    const mcmp_query *query = look->query;
    mcmp_time since = query->waiting_since > 0 ? query->waiting_since : query->now;
    mcmp_time left = look->row.wait_worker - (query->now - since);

    out->status = 503;
    if (choice->unproven > 0) { /* ends with their probes, at the latest with the longest one */
        out->retry_at = query->now + PROBE_STEP;
        return MCMP_WAIT;
    }
    if (look->row.wait_worker > 0 && left > 0 && choice->unwell > 0) {
        out->retry_at = query->now + MCMP__MIN(left, WAIT_STEP);
        return MCMP_WAIT;
    }
    out->retry_at = query->now + choice->config->opts.recalc_period;
    return MCMP_NO_NODE;
}

/* Counts the pick and takes the hold. */
static void hold(mcmp__choice *choice, const mcmp__lookup *look, const mcmp__running *running,
                 mcmp_selection *out)
{
    mcmp__live *live = mcmp__choice_live(choice, look->chosen.node);

    if ((choice->start_count | choice->passed_count) != 0)
        mcmp__choice_apply(choice);
    mcmp__running_start(choice->cluster, running);
    mcmp__word_add(&live->elected, 1);
    mcmp__share_add(&live->share, &live->carry, choice->period,
                    look->chosen.load > 0 ? look->chosen.load : 1);
    mcmp__used_mark(&choice->local->used[look->chosen.node], mcmp__handle_generation(out->node));
    out->reserved[MCMP__HELD_NODE] = running->node;
    out->reserved[MCMP__HELD_SEAT] = running->seat;
    out->reserved[MCMP__HELD_INDEX] = look->chosen.node;
    out->flags |= MCMP_SELECTION_HELD;
}

static int check_query(const mcmp_query *query, mcmp_error *err)
{
    if (query->tried_count > MCMP__CHOICE_TRIED)
        return mcmp__fail(err, MCMP_ERR_INVALID, "tried_count", "more than %u nodes were tried",
                          MCMP__CHOICE_TRIED);
    if ((query->tried_count > 0 && query->tried == NULL) ||
        (query->cookie_count > 0 && query->cookies == NULL) ||
        (query->path.len > 0 && query->path.ptr == NULL) ||
        (query->host.len > 0 && query->host.ptr == NULL))
        return mcmp__fail(err, MCMP_ERR_INVALID, "query", "a count or length without a pointer");
    if ((query->flags & ~MCMP_QUERY_DRY_RUN) != 0)
        return mcmp__fail(err, MCMP_ERR_UNSUPPORTED, "flags", "unknown flag of a query");
    return MCMP_OK;
}

/* The caller's query as this library knows it; a copy only when the size is another one. */
static inline int take_query(const mcmp_query *query, mcmp_query *copy, const mcmp_query **out,
                             mcmp_error *err)
{
    int rc;

    if (query == NULL)
        return mcmp__fail(err, MCMP_ERR_INVALID, "query", "no query");
    *out = query;
    if (query->struct_size != sizeof(*query)) {
        rc = mcmp__sized_in(copy, sizeof(*copy), query, sizeof(query->struct_size));
        if (rc != MCMP_OK)
            return mcmp__fail(err, rc, "query", "the query was not initialised, or is too new");
        *out = copy;
    }
    return check_query(*out, err);
}

int mcmp__query_take(const mcmp_query *query, mcmp_query *copy, const mcmp_query **out,
                     mcmp_error *err)
{
    return take_query(query, copy, out, err);
}

/* MCMP 5.3: missing, or unavailable, as an option says for all balancers or some. */
static uint32_t no_context_status(const mcmp_cluster_options *opts, mcmp_span balancer)
{
    int is_503 = (opts->flags & MCMP_CLUSTER_NO_CONTEXT_503) != 0 ||
                 mcmp__list_has(mcmp__span_str(opts->no_context_503), balancer);

    return is_503 ? 503 : 404;
}

/* Turns the verdict into the result of the call. */
static int conclude(mcmp__lookup *look, mcmp__choice *choice, const mcmp__running *running,
                    mcmp_selection *out)
{
    out->reason = look->reason;
    out->selected_at = look->query->now;
    if (look->rc == MCMP_OK) {
        if ((look->query->flags & MCMP_QUERY_DRY_RUN) == 0)
            hold(choice, look, running, out);
        return MCMP_OK;
    }
    if (look->rc == MCMP_NO_NODE)
        return wait_or_fail(look, choice, out);
    out->status = 404;
    if (look->rc == MCMP_NO_CONTEXT)
        out->status = no_context_status(&choice->config->opts, out->balancer);
    return look->rc;
}

int mcmp_select_node(mcmp_cluster *cluster, const mcmp_query *query, mcmp_selection *selection,
                     mcmp_error *err)
{
    mcmp__running running = { 0, 0 };
    mcmp__lookup look;
    mcmp__choice choice;
    mcmp_query copy;
    int rc;

    if (cluster == NULL || selection == NULL || selection->struct_size < sizeof(*selection))
        return mcmp__fail(err, MCMP_ERR_INVALID, "selection",
                          "no cluster, or no selection made "
                          "ready by mcmp_selection_init()");
    if ((selection->flags & MCMP_SELECTION_HELD) != 0)
        return mcmp__fail(err, MCMP_ERR_INVALID, "selection", "it was not released yet");
    rc = take_query(query, &copy, &look.query, err);
    if (rc != MCMP_OK)
        return rc;
    mcmp__choice_init(&choice, cluster, look.query);
    if (choice.local->read_only && (look.query->flags & MCMP_QUERY_DRY_RUN) == 0)
        return mcmp__fail(err, MCMP_ERR_STATE, "attach", "attached for reading only");
    look.text = selection->text;
    rc = decide(&look, &choice, selection, &running);
    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "region", "%s", mcmp_strerror(rc));
    return conclude(&look, &choice, &running, selection);
}
