/* SPDX-License-Identifier: Apache-2.0 */
/* See walk.h: the walk itself, and what is compared after each step. */
#include "walk.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WALK_START (1000 * MCMP_SEC)

uint32_t walk_pick(walk *w, uint32_t n)
{
    w->seed = w->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(w->seed >> 33) % n;
}

int walk_fail(walk *w, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(w->why, sizeof(w->why), format, args);
    va_end(args);
    return 0;
}

void walk_say(const walk *w, const char *format, ...)
{
    va_list args;

    if (!w->verbose)
        return;
    va_start(args, format);
    (void)printf("%10.3f ", (double)w->now / MCMP_SEC);
    (void)vprintf(format, args);
    (void)printf("\n");
    va_end(args);
}

static void fill_options(const walk *w, mcmp_cluster_options *opts, uint64_t seed)
{
    const oracle_options *from = &w->setup.opts;

    mcmp_cluster_options_init(opts);
    opts->flags = (from->use_alias ? MCMP_CLUSTER_USE_ALIAS : 0) |
                  (from->all_or_nothing ? MCMP_CLUSTER_ALL_OR_NOTHING : 0) |
                  (from->no_heal_reset ? MCMP_CLUSTER_NO_HEAL_RESET : 0) |
                  (from->ownership ? MCMP_CLUSTER_OWNERSHIP : 0) |
                  (from->ping_any ? MCMP_CLUSTER_PING_ANY : 0);
    opts->replace_policy = from->replace_policy;
    opts->policy = w->setup.policy;
    opts->max_nodes = from->max_nodes;
    opts->max_aliases = from->max_aliases;
    opts->max_contexts = from->max_contexts;
    opts->max_balancers = from->max_balancers;
    opts->max_failed_probes = from->max_failed_probes;
    opts->silent_after = from->silent_after;
    opts->grace = from->grace;
    opts->heal_window = from->heal_window;
    opts->domain_memory = from->domain_memory;
    opts->stop_hold = from->stop_hold;
    opts->random_seed = seed | 1;
    opts->now = WALK_START;
}

int walk_open(walk *w, const walk_setup *setup, uint64_t seed, int wrap)
{
    mcmp_cluster_options opts;

    memset(w, 0, sizeof(*w));
    w->setup = *setup;
    w->now = WALK_START;
    mcmp_error_init(&w->err);
    oracle_init(&w->o, &setup->opts);
    for (int i = 0; i < 2; i++) {
        static const uint8_t address[16] = {
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1
        };

        mcmp_peer_init(&w->peer[i]);
        memcpy(w->peer[i].address, address, sizeof(address));
        w->peer[i].address[15] = (uint8_t)(1 + i);
        w->peer[i].has_address = 1;
    }
    fill_options(w, &opts, seed);
    if (mcmp_cluster_open(&w->cluster, &opts, &w->err) != MCMP_OK)
        return walk_fail(w, "no cluster: %s", w->err.message);
    for (int i = 0; i < WALK_WAITING; i++)
        if (mcmp_response_new(&w->waiting[i].response, NULL, NULL) != MCMP_OK)
            return walk_fail(w, "no memory");
    w->o.cluster_id = mcmp_cluster_id(w->cluster);
    if (wrap)
        walk_wrap(w);
    return walk_check(w);
}

void walk_close(walk *w)
{
    for (int i = 0; i < WALK_WAITING; i++)
        mcmp_response_free(w->waiting[i].response);
    mcmp_cluster_close(w->cluster);
    w->cluster = NULL;
}

/* Comparing */

static int write_text(void *ctx, const void *data, size_t len)
{
    oracle_text *out = ctx;

    if (len > sizeof(out->data) - out->len)
        return -1;
    memcpy(out->data + out->len, data, len);
    out->len += len;
    return 0;
}

static int compare_form(walk *w, const mcmp_view *view, uint32_t form, const char *name)
{
    oracle_text *got = &w->text[0];
    oracle_text *want = &w->text[1];
    size_t at = 0;

    got->len = 0;
    if (mcmp_view_render(view, form, write_text, got, &w->err) != MCMP_OK)
        return walk_fail(w, "no %s: %s", name, w->err.message);
    if (got->len == want->len && memcmp(got->data, want->data, got->len) == 0)
        return 1;
    while (at < got->len && at < want->len && got->data[at] == want->data[at])
        at++;
    while (at > 0 && got->data[at - 1] != '\n')
        at--;
    return walk_fail(w, "%s shows\n%.*s\nnot\n%.*s", name,
                     (int)(got->len - at > 400 ? 400 : got->len - at), got->data + at,
                     (int)(want->len - at > 400 ? 400 : want->len - at), want->data + at);
}

/* A handle that is seen for the first time was never seen before, of whatever node. */
static int take_handle(walk *w, oracle_row *r, mcmp_handle handle)
{
    walk_handle *seen = &w->handles[w->handle_count % WALK_HANDLES];

    if (r->handle != 0)
        return r->handle == handle
                   ? 1
                   : walk_fail(w, "node %s has another handle", oracle_route[r->route]);
    if (handle >> 32 == 0)
        return walk_fail(w, "a handle without generation");
    for (int i = 0; i < WALK_HANDLES; i++)
        if (w->handles[i].handle == handle)
            return walk_fail(w, "handle %llx comes again", (unsigned long long)handle);
    *seen = (walk_handle){ handle, r->id, r->epoch, 0, 0 };
    w->handle_count++;
    r->handle = handle;
    return 1;
}

static int compare_nodes(walk *w, const mcmp_view *view)
{
    size_t n = 0;

    for (int i = w->o.rows - 1; i >= 0; i--) {
        oracle_row *r = &w->o.row[i];
        mcmp_node_info info;

        if (!r->live && oracle_stage(&w->o, r) < 0)
            continue;
        mcmp_node_info_init(&info);
        if (mcmp_view_node(view, n++, &info) != MCMP_OK)
            return walk_fail(w, "node %s is missing", oracle_route[r->route]);
        if (info.id != r->id || info.state != oracle_state(&w->o, r))
            return walk_fail(w, "node %s: id %llu, state %s, not %llu, %s", oracle_route[r->route],
                             (unsigned long long)info.id, mcmp_node_state_name(info.state),
                             (unsigned long long)r->id,
                             mcmp_node_state_name(oracle_state(&w->o, r)));
        if (info.last_status != r->last_status || info.failed_probes != r->failed)
            return walk_fail(w, "node %s: last STATUS or failed probes differ",
                             oracle_route[r->route]);
        if (r->live && !take_handle(w, r, info.handle))
            return 0;
    }
    return n == mcmp_view_node_count(view) ? 1 : walk_fail(w, "there are more nodes");
}

static int compare_requests(walk *w, const mcmp_view *view, const uint32_t *want)
{
    mcmp_context_info info;

    mcmp_context_info_init(&info);
    for (size_t i = 0; mcmp_view_context(view, i, &info) == MCMP_OK; i++)
        if (info.requests != want[i])
            return walk_fail(w, "%.*s of %.*s at node %llu has %u requests, not %u",
                             (int)info.path.len, info.path.ptr, (int)info.alias.len, info.alias.ptr,
                             (unsigned long long)info.node_id, (unsigned)info.requests,
                             (unsigned)want[i]);
    return 1;
}

/* Exactly the handles of live nodes under their present endpoints are current. */
static int compare_current(walk *w)
{
    const walk_handle *h = &w->handles[walk_pick(w, WALK_HANDLES)];
    oracle_row *r = h->handle != 0 ? oracle_by_id(&w->o, h->id) : NULL;
    int want = r != NULL && r->live && r->epoch == h->epoch;

    if (h->handle != 0 && mcmp_node_is_current(w->cluster, h->handle) != want)
        return walk_fail(w, "handle %llx is %scurrent", (unsigned long long)h->handle,
                         want ? "not " : "");
    return 1;
}

int walk_compare(walk *w)
{
    uint32_t requests[O_ROWS * O_ALIASES * O_CONTEXTS];
    mcmp_view *view;
    int fine;

    if (mcmp_view_new(&view, w->cluster, w->now, &w->err) != MCMP_OK)
        return walk_fail(w, "no view: %s", w->err.message);
    fine = compare_nodes(w, view);
    if (fine) {
        oracle_info(&w->o, &w->text[1], requests);
        fine = compare_form(w, view, MCMP_RENDER_INFO_TEXT, "INFO") &&
               compare_requests(w, view, requests);
    }
    if (fine) {
        oracle_dump(&w->o, &w->text[1]);
        fine = compare_form(w, view, MCMP_RENDER_DUMP_TEXT, "DUMP");
    }
    w->counts.compared++;
    w->counts.nodes += mcmp_view_node_count(view);
    w->counts.pairs += mcmp_view_context_count(view);
    mcmp_view_free(view);
    return fine && compare_current(w);
}

/* Time passes: mostly a little, now and then past each of the limits or just to it. */
static void pass_time(walk *w)
{
    static const uint16_t limits[] = { 1, 2, 3, 5, 6, 10, 15, 20, 300 };
    uint32_t kind = walk_pick(w, 100);

    if (kind >= 45 && kind < 50)
        w->now += limits[walk_pick(w, sizeof(limits) / sizeof(limits[0]))] * MCMP_SEC;
    else if (kind >= 99)
        w->now += (290 + walk_pick(w, 20)) * MCMP_SEC;
    else if (kind >= 96)
        w->now += walk_pick(w, 25) * MCMP_SEC + walk_pick(w, 1000) * MCMP_MSEC;
    else if (kind >= 88)
        w->now += walk_pick(w, 4000) * MCMP_MSEC;
    else if (kind >= 50)
        w->now += walk_pick(w, 200) * MCMP_MSEC;
    w->o.now = w->now;
}

/* All of it now and then; always when there is a node whose handle was not seen yet. */
static int is_due(const walk *w, uint64_t step)
{
    if (w->setup.every <= 1 || step % (uint64_t)w->setup.every == 0)
        return 1;
    for (int i = 0; i < w->o.rows; i++)
        if (w->o.row[i].live && w->o.row[i].handle == 0)
            return 1;
    return 0;
}

int walk_step(walk *w, uint64_t step, int tide)
{
    static const struct {
        uint8_t message, nonsense, hold, release; /* up to there, of 100; the others are ticks */
    } upto[WALK_TIDES] = { { 62, 64, 80, 94 }, { 84, 85, 91, 97 }, { 62, 64, 80, 94 } };
    uint32_t kind;
    int fine;

    w->seed = step;
    w->tide = tide;
    w->counts.steps++;
    pass_time(w);
    kind = walk_pick(w, 100);
    if (kind < upto[tide].message)
        fine = walk_message(w);
    else if (kind < upto[tide].nonsense)
        fine = walk_nonsense(w);
    else if (kind < upto[tide].hold)
        fine = walk_hold(w);
    else if (kind < upto[tide].release)
        fine = walk_release(w);
    else
        fine = walk_tick(w);
    walk_note_groups(w);
    return fine && (!is_due(w, step) || walk_compare(w)) && walk_choice(w) &&
           (step % 64 != 0 || walk_check(w));
}
