/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan for one proxy: a row per state with what a good and a bad answer do. Waiting is no
 * state: hold_until delays whatever comes next. Every request may arrive twice (MCMP 2), so after
 * any doubt the plan starts again with INFO. When that shows the node and all its contexts, and
 * nothing was in doubt but a STATUS, the STATUS is the next thing to say: the `id` in its answer
 * tells whether the proxy still means what it was told (MCMP 4.5).
 */
#include "client/agent.h"

#include <libmcmp/view.h>

#include <stdarg.h>
#include <stdio.h>

#define SESSIONS_POLL MCMP_SEC
#define DRAIN_TRIES 3
#define SEVERITY_OF(first) ((first) ? MCMP_LOG_WARN : MCMP_LOG_DEBUG)

typedef struct state_row {
    int (*good)(mcmp__peer *peer, mcmp_time now, const mcmp_answer_info *answer);
    void (*bad)(mcmp__peer *peer, mcmp_time now, const mcmp_answer_info *answer);
} state_row;

void mcmp__peer_log(const mcmp__peer *peer, int level, const char *fmt, ...)
{
    char text[512];
    va_list args;

    if (!mcmp__log_wanted(&peer->agent->logger, level))
        return;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    mcmp__log(&peer->agent->logger, level, "agent", "%.*s: %s",
              (int)MCMP__MIN(peer->name.len, 200u), peer->name.ptr, text);
}

static void enter(mcmp__peer *peer, mcmp__plan_state state)
{
    peer->state = state;
    peer->index = 0;
}

static void finish(mcmp__peer *peer, uint32_t end)
{
    peer->end = end;
    peer->in_service = 0;
    enter(peer, MCMP__PLAN_OVER);
}

static int is_draining(const mcmp__peer *peer)
{
    return peer->state >= MCMP__PLAN_DISABLE;
}

static size_t context_count(const mcmp__peer *peer)
{
    return peer->agent->node.context_count;
}

static mcmp_time later(mcmp_time now, mcmp_time delay)
{
    return delay > INT64_MAX - now ? INT64_MAX : now + delay;
}

/* ---- contexts ---- */

/* The first context from `from` on that is to be told its status; their number when none is. */
static size_t next_untold(const mcmp__peer *peer, size_t from)
{
    for (; from < context_count(peer); from++)
        if (peer->told[from] != peer->agent->wanted[from])
            return from;
    return from;
}

/* Further contexts that were told another status meanwhile come after the last one. */
static void tell_contexts(mcmp__peer *peer, size_t from)
{
    size_t at = next_untold(peer, from);

    if (at == context_count(peer))
        at = next_untold(peer, 0);
    enter(peer, at < context_count(peer) ? MCMP__PLAN_APPS : MCMP__PLAN_STATUS);
    peer->index = peer->state == MCMP__PLAN_APPS ? at : 0;
    peer->hold_until = peer->state == MCMP__PLAN_STATUS ? peer->status_due : 0;
}

/* ---- draining ---- */

static size_t next_enabled(const mcmp__peer *peer, size_t from)
{
    while (from < context_count(peer) && peer->told[from] != MCMP_STATUS_ENABLED)
        from++;
    return from;
}

static size_t next_busy(const mcmp__peer *peer, size_t from)
{
    while (from < context_count(peer) && peer->told[from] != MCMP__TOLD_BUSY)
        from++;
    return from;
}

static void start_stop(mcmp__peer *peer)
{
    memset(peer->told, MCMP__TOLD_BUSY, context_count(peer));
    peer->running = 0;
    enter(peer, MCMP__PLAN_STOP);
}

static void start_sessions(mcmp__peer *peer, mcmp_time now)
{
    peer->wait_until = MCMP__MIN(later(now, peer->agent->options.drain_wait), peer->stop_by);
    enter(peer, MCMP__PLAN_SESSIONS);
}

static void start_drain(mcmp__peer *peer, mcmp_time now)
{
    peer->hold_until = 0;
    mcmp__inventory_drop(peer);
    if (!peer->registered) {
        mcmp__peer_log(peer, MCMP_LOG_DEBUG, "not registered, nothing to drain");
        finish(peer, MCMP_AGENT_STATE_REMOVED);
        return;
    }
    enter(peer, MCMP__PLAN_DISABLE);
    peer->index = next_enabled(peer, 0);
    if (peer->index == context_count(peer))
        start_sessions(peer, now);
}

/* While sessions are waited for nothing is said. */
static void look_at_sessions(mcmp__peer *peer, mcmp_time now)
{
    const mcmp_agent_options *options = &peer->agent->options;
    int none = options->sessions != NULL && options->sessions(options->ctx, now) == 0;

    if (none || now >= peer->wait_until) {
        start_stop(peer);
        peer->hold_until = 0;
        return;
    }
    peer->hold_until = options->sessions == NULL
                           ? peer->wait_until
                           : MCMP__MIN(later(now, SESSIONS_POLL), peer->wait_until);
}

/* ---- time ---- */

/* The delay after the failures so far, with a quarter of jitter either way. */
static mcmp_time backoff(mcmp__peer *peer)
{
    mcmp_agent *agent = peer->agent;
    mcmp_time most = agent->options.backoff_most;
    mcmp_time delay = agent->options.backoff_first;

    for (uint32_t i = 1; i < peer->failures && delay < most; i++)
        delay *= 2;
    delay = MCMP__MIN(delay, most);
    agent->random = agent->random * 6364136223846793005u + 1442695040888963407u;
    delay = delay - delay / 4 + (mcmp_time)((agent->random >> 33) % (uint64_t)(delay / 2 + 1));
    return MCMP__MIN(delay, most);
}

static void note_failure(mcmp__peer *peer, mcmp_time now)
{
    if (peer->failures++ == 0)
        peer->failing_since = now;
    peer->failed_at = now;
    peer->hold_until = later(now, backoff(peer));
}

static void start_again_later(mcmp__peer *peer, mcmp_time now)
{
    mcmp_time patience = peer->agent->options.forget_after;

    note_failure(peer, now);
    peer->in_service = 0;
    if (!peer->resumes)
        peer->has_id = 0; /* everything is told anew, so another id is no news */
    enter(peer, MCMP__PLAN_INFO);
    if ((peer->flags & MCMP_AGENT_FOUND) != 0 && !peer->drain && patience != MCMP_NEVER &&
        now - peer->failing_since >= patience) {
        mcmp__peer_log(peer, MCMP_LOG_INFO, "was out of reach for long, is forgotten");
        peer->gone = 1;
    }
}

static void start_again_now(mcmp__peer *peer)
{
    peer->again = 1;
    peer->resumes = 0;
    peer->in_service = 0;
    enter(peer, MCMP__PLAN_INFO);
}

void mcmp__plan_restart(mcmp__peer *peer)
{
    peer->end = 0;
    peer->hold_until = 0;
    if (peer->state == MCMP__PLAN_OVER)
        enter(peer, MCMP__PLAN_INFO);
}

mcmp_time mcmp__plan_due(mcmp__peer *peer, mcmp_time now)
{
    if (peer->state == MCMP__PLAN_SESSIONS && now >= peer->hold_until)
        look_at_sessions(peer, now);
    if (peer->state == MCMP__PLAN_OVER ||
        (peer->state == MCMP__PLAN_INFO && peer->agent->health != MCMP_AGENT_UP))
        return INT64_MAX;
    return now < peer->hold_until ? peer->hold_until : 0;
}

/* ---- answers ---- */

/* The proxy does not show what it was told: another id is no news then. */
static void tell_anew(mcmp__peer *peer)
{
    if (peer->resumes)
        peer->has_id = 0;
    peer->resumes = 0;
}

static int good_info(mcmp__peer *peer, mcmp_time now, const mcmp_answer_info *answer)
{
    int whole = 0;
    int rc = mcmp__inventory_take(peer, answer->body, &whole);

    (void)now;
    if (rc != MCMP_OK)
        return rc;
    peer->status_due = 0;
    if (whole && peer->resumes) {
        enter(peer, MCMP__PLAN_STATUS);
        return MCMP_OK;
    }
    tell_anew(peer);
    if (peer->stale_count > 0)
        mcmp__peer_log(peer, MCMP_LOG_INFO, "removes %zu pairs of an earlier registration",
                       peer->stale_count);
    enter(peer, peer->stale_count > 0 ? MCMP__PLAN_PURGE : MCMP__PLAN_CONFIG);
    return MCMP_OK;
}

static int next_purge(mcmp__peer *peer, mcmp_time now, const mcmp_answer_info *answer)
{
    (void)now;
    (void)answer;
    if (++peer->index < peer->stale_count)
        return MCMP_OK;
    mcmp__inventory_drop(peer);
    enter(peer, MCMP__PLAN_CONFIG);
    return MCMP_OK;
}

static int good_config(mcmp__peer *peer, mcmp_time now, const mcmp_answer_info *answer)
{
    (void)now;
    (void)answer;
    peer->registered = 1;
    peer->registrations++;
    memset(peer->told, 0, context_count(peer));
    tell_contexts(peer, 0);
    return MCMP_OK;
}

/* The first occurrence of `part` in an answer. */
static int has_text(mcmp_span text, const char *part)
{
    size_t len = strlen(part);

    for (size_t i = 0; i + len <= text.len; i++)
        if (memcmp(text.ptr + i, part, len) == 0)
            return 1;
    return 0;
}

/* A full table leaves pairs out of a good answer (MCMP 4.2). Some proxies send no body. */
static int good_app(mcmp__peer *peer, mcmp_time now, const mcmp_answer_info *answer)
{
    mcmp_span context = peer->agent->node.contexts[peer->index];

    (void)now;
    if (has_text(answer->body, "Type=ENABLE-APP-RSP") && !has_text(answer->body, "Contexts="))
        mcmp__peer_log(peer, MCMP_LOG_WARN, "context %.*s was left out: a table is full there",
                       (int)context.len, context.ptr);
    peer->told[peer->index] = peer->sent_status;
    tell_contexts(peer, peer->index + 1);
    return MCMP_OK;
}

static void log_endpoint(const mcmp__peer *peer, int level, const char *what, int with_id)
{
    mcmp_span host = mcmp__self_host(peer->agent);
    mcmp_span route = peer->agent->node.jvm_route;
    uint32_t port = mcmp__self_port(peer->agent);

    if (with_id)
        mcmp__peer_log(peer, level, "%s %.*s at %.*s:%u (id %llu)", what, (int)route.len, route.ptr,
                       (int)host.len, host.ptr, port, (unsigned long long)peer->id);
    else
        mcmp__peer_log(peer, level, "%s at %.*s:%u", what, (int)host.len, host.ptr, port);
}

static void status_ok(mcmp__peer *peer)
{
    if (peer->resumes)
        log_endpoint(peer, MCMP_LOG_INFO, "is back and knows", 1);
    else if (!peer->was_ok || peer->again || peer->failures > 0)
        log_endpoint(peer, MCMP_LOG_INFO, "registered as", 1);
    else if (peer->notok)
        mcmp__peer_log(peer, MCMP_LOG_INFO, "reaches the backend again");
    peer->was_ok = 1;
    peer->notok = 0;
}

/* MCMP 4.5: another id tells that the proxy lost what it had been told. */
static int has_lost(mcmp__peer *peer, mcmp_span body)
{
    uint64_t id = peer->id;
    int has_id = mcmp_answer_number(body, "id", &id) == MCMP_OK;
    int lost = has_id && peer->has_id && id != peer->id && !peer->again;

    peer->id = id;
    peer->has_id = (uint8_t)has_id;
    return lost;
}

/* The rhythm is kept, and the time that an answer takes is no part of it; one that was said much
 * too late begins a new one, so that two never come close together. */
static mcmp_time next_status(const mcmp__peer *peer, mcmp_time now)
{
    mcmp_time interval = peer->agent->options.interval;
    int is_late = peer->status_due == 0 || peer->said_at - peer->status_due > interval / 8;
    mcmp_time next = later(is_late ? peer->said_at : peer->status_due, interval);

    return next > now ? next : later(now, interval);
}

static int good_status(mcmp__peer *peer, mcmp_time now, const mcmp_answer_info *answer)
{
    mcmp_span state = { NULL, 0 };

    if (has_lost(peer, answer->body)) {
        mcmp__peer_log(peer, MCMP_LOG_INFO, "lost its state (id is %llu now), registers again",
                       (unsigned long long)peer->id);
        start_again_now(peer);
        return MCMP_OK;
    }
    (void)mcmp_answer_field(answer->body, "State", &state);
    if (mcmp__span_is(state, "NOTOK")) {
        log_endpoint(peer, SEVERITY_OF(!peer->notok), "can't reach the backend", 0);
        peer->notok = 1;
    } else {
        status_ok(peer);
    }
    peer->again = peer->resumes = 0;
    peer->failures = 0;
    peer->in_service = 1;
    peer->reason[0] = '\0';
    peer->statuses++;
    peer->status_due = next_status(peer, now);
    if (peer->said_health != peer->agent->health)
        peer->status_due = 0;
    tell_contexts(peer, 0);
    return MCMP_OK;
}

static int good_leave(mcmp__peer *peer, mcmp_time now, const mcmp_answer_info *answer)
{
    (void)now;
    (void)answer;
    mcmp__peer_log(peer, MCMP_LOG_INFO, "removed, as the backend is not well");
    peer->registered = peer->in_service = 0;
    peer->has_id = 0;
    peer->failures = 0;
    peer->was_ok = 0;
    enter(peer, MCMP__PLAN_INFO);
    return MCMP_OK;
}

static int good_disable(mcmp__peer *peer, mcmp_time now, const mcmp_answer_info *answer)
{
    (void)answer;
    peer->told[peer->index] = MCMP_STATUS_DISABLED;
    peer->index = next_enabled(peer, peer->index + 1);
    if (peer->index == context_count(peer))
        start_sessions(peer, now);
    return MCMP_OK;
}

static void end_stop_round(mcmp__peer *peer, mcmp_time now)
{
    mcmp_time poll = peer->agent->options.stop_poll;

    if (peer->running > 0 && now < peer->stop_by) {
        mcmp__peer_log(peer, peer->running != peer->running_shown ? MCMP_LOG_INFO : MCMP_LOG_DEBUG,
                       "waits for %llu running requests", (unsigned long long)peer->running);
        peer->running_shown = peer->running;
        peer->running = 0;
        peer->hold_until = MCMP__MIN(later(now, poll), peer->stop_by);
        peer->index = next_busy(peer, 0);
        return;
    }
    peer->running_shown = peer->running;
    if (peer->running > 0) {
        mcmp__peer_log(peer, MCMP_LOG_WARN, "leaves with %llu requests running",
                       (unsigned long long)peer->running);
        peer->cut_off = 1;
    }
    enter(peer, MCMP__PLAN_REMOVE);
}

static int next_stop(mcmp__peer *peer, mcmp_time now, const mcmp_answer_info *answer)
{
    uint64_t running = 0;

    (void)mcmp_answer_number(answer->body, "Requests", &running);
    peer->told[peer->index] = running > 0 ? MCMP__TOLD_BUSY : MCMP_STATUS_STOPPED;
    peer->running += MCMP__MIN(running, (uint64_t)UINT32_MAX);
    peer->index = next_busy(peer, peer->index + 1);
    if (peer->index == context_count(peer))
        end_stop_round(peer, now);
    return MCMP_OK;
}

static int next_remove(mcmp__peer *peer, mcmp_time now, const mcmp_answer_info *answer)
{
    (void)now;
    (void)answer;
    if (++peer->index == context_count(peer))
        enter(peer, MCMP__PLAN_REMOVE_NODE);
    return MCMP_OK;
}

static int good_remove_node(mcmp__peer *peer, mcmp_time now, const mcmp_answer_info *answer)
{
    (void)now;
    (void)answer;
    mcmp__peer_log(peer, MCMP_LOG_INFO, "removed");
    peer->registered = 0;
    finish(peer, peer->cut_off ? MCMP_AGENT_STATE_INCOMPLETE : MCMP_AGENT_STATE_REMOVED);
    return MCMP_OK;
}

/* ---- refusals ---- */

static void note_refusal(mcmp__peer *peer, int level, const mcmp_answer_info *answer)
{
    char reason[40];
    char mess[300];

    (void)mcmp__printable(reason, sizeof(reason), answer->reason);
    (void)mcmp__printable(mess, sizeof(mess), answer->mess);
    (void)snprintf(peer->reason, sizeof(peer->reason), "answered %u %s: %.80s",
                   (unsigned)answer->status, reason, mess);
    mcmp__peer_log(peer, level, "answered %u %s: %s", (unsigned)answer->status, reason, mess);
}

static void bad_register(mcmp__peer *peer, mcmp_time now, const mcmp_answer_info *answer)
{
    if (answer->wire_class == MCMP_WIRE_SYNTAX) { /* MCMP 2: a retry can't cure it */
        note_refusal(peer, MCMP_LOG_ERROR, answer);
        mcmp__peer_log(peer, MCMP_LOG_ERROR, "refused for good, gives this balancer up");
        finish(peer, MCMP_AGENT_STATE_REFUSED);
        return;
    }
    note_refusal(peer, SEVERITY_OF(peer->failures == 0), answer);
    peer->resumes = 0;
    start_again_later(peer, now);
}

/* *-APP or STATUS of a node that is not known there: register at once, but not in a tight loop. */
static void bad_lost(mcmp__peer *peer, mcmp_time now, const mcmp_answer_info *answer)
{
    if (answer->wire_class == MCMP_WIRE_SYNTAX || peer->again) {
        bad_register(peer, now, answer);
        return;
    }
    note_refusal(peer, MCMP_LOG_INFO, answer);
    peer->registered = 0;
    peer->has_id = 0;
    start_again_now(peer);
}

static void bad_purge(mcmp__peer *peer, mcmp_time now, const mcmp_answer_info *answer)
{
    note_refusal(peer, MCMP_LOG_DEBUG, answer);
    (void)next_purge(peer, now, answer);
}

/* What the proxy does not know needs no removal; whatever it says, STATUS of the node end here. */
static void bad_leave(mcmp__peer *peer, mcmp_time now, const mcmp_answer_info *answer)
{
    note_refusal(peer, MCMP_LOG_INFO, answer);
    (void)good_leave(peer, now, answer);
}

/* The proxy does not know the node any more: nothing is left to be done there. */
static void bad_drain(mcmp__peer *peer, mcmp_time now, const mcmp_answer_info *answer)
{
    (void)now;
    note_refusal(peer, MCMP_LOG_WARN, answer);
    finish(peer, answer->wire_class == MCMP_WIRE_MEM ? MCMP_AGENT_STATE_REMOVED
                                                     : MCMP_AGENT_STATE_INCOMPLETE);
}

static const state_row rows[] = {
    [MCMP__PLAN_INFO] = { good_info, bad_register },
    [MCMP__PLAN_PURGE] = { next_purge, bad_purge },
    [MCMP__PLAN_CONFIG] = { good_config, bad_register },
    [MCMP__PLAN_APPS] = { good_app, bad_lost },
    [MCMP__PLAN_STATUS] = { good_status, bad_lost },
    [MCMP__PLAN_LEAVE] = { good_leave, bad_leave },
    [MCMP__PLAN_DISABLE] = { good_disable, bad_drain },
    [MCMP__PLAN_STOP] = { next_stop, bad_drain },
    [MCMP__PLAN_REMOVE] = { next_remove, bad_drain },
    [MCMP__PLAN_REMOVE_NODE] = { good_remove_node, bad_drain },
};

/* ---- what happens ---- */

static void follow_health(mcmp__peer *peer)
{
    uint32_t health = peer->agent->health;

    if (health == MCMP_AGENT_AWAY && peer->registered && peer->state != MCMP__PLAN_LEAVE) {
        mcmp__inventory_drop(peer);
        enter(peer, MCMP__PLAN_LEAVE);
    } else if (health != MCMP_AGENT_AWAY && peer->state == MCMP__PLAN_LEAVE) {
        peer->resumes = 0;
        enter(peer, MCMP__PLAN_INFO);
    }
}

void mcmp__plan_settle(mcmp__peer *peer, mcmp_time now)
{
    if (peer->state == MCMP__PLAN_OVER || is_draining(peer))
        return;
    if (peer->drain) {
        start_drain(peer, now);
        return;
    }
    follow_health(peer);
    if (peer->state == MCMP__PLAN_STATUS && peer->hold_until > 0)
        tell_contexts(peer, 0);
}

int mcmp__plan_answer(mcmp__peer *peer, mcmp_time now, const mcmp_answer_info *answer)
{
    const state_row *row = &rows[peer->state];
    mcmp_time hold = peer->hold_until;

    peer->hold_until = 0;
    if (answer->status != 200) {
        row->bad(peer, now, answer);
    } else if (row->good(peer, now, answer) != MCMP_OK) {
        peer->hold_until = hold;
        return MCMP_ERR_NOMEM;
    }
    mcmp__plan_settle(peer, now);
    return MCMP_OK;
}

static void failed_draining(mcmp__peer *peer, mcmp_time now)
{
    note_failure(peer, now);
    if (peer->failures >= DRAIN_TRIES || peer->hold_until >= peer->stop_by)
        finish(peer, MCMP_AGENT_STATE_INCOMPLETE);
}

static void failed_registered(mcmp__peer *peer, mcmp_time now)
{
    int was_status = peer->state == MCMP__PLAN_STATUS;
    int was_info = peer->state == MCMP__PLAN_INFO;
    int was_leave = peer->state == MCMP__PLAN_LEAVE;

    /* Whether a STATUS arrived makes no difference; of anything else it is to be asked. */
    peer->resumes = peer->has_id && (was_status || (peer->resumes && was_info));
    start_again_later(peer, now);
    if (was_leave)
        enter(peer, MCMP__PLAN_LEAVE);
    if (peer->drain && peer->registered && now >= peer->stop_by)
        finish(peer, MCMP_AGENT_STATE_INCOMPLETE);
    else if (!peer->gone)
        mcmp__plan_settle(peer, now);
}

void mcmp__plan_failed(mcmp__peer *peer, mcmp_time now, int code, const char *why)
{
    if (peer->state == MCMP__PLAN_INFO && code == MCMP_ERR_BODY_SIZE && !peer->drain) {
        mcmp__peer_log(peer, MCMP_LOG_NOTICE, "INFO is too long, old contexts are left alone");
        tell_anew(peer);
        peer->status_due = 0;
        enter(peer, MCMP__PLAN_CONFIG);
        return;
    }
    (void)mcmp__printable(peer->reason, sizeof(peer->reason), mcmp__span_str(why));
    mcmp__peer_log(peer, SEVERITY_OF(peer->failures == 0 || is_draining(peer)), "%s", peer->reason);
    if (is_draining(peer))
        failed_draining(peer, now);
    else
        failed_registered(peer, now);
}

void mcmp__plan_drain(mcmp__peer *peer, mcmp_time now)
{
    mcmp_time limit = peer->agent->options.drain_timeout;

    if (peer->drain)
        return;
    peer->drain = 1;
    if (peer->state == MCMP__PLAN_OVER)
        return;
    peer->stop_by = limit == MCMP_NEVER ? INT64_MAX : later(now, limit);
    if (peer->state == MCMP__PLAN_INFO && !peer->registered)
        mcmp__wire_drop(peer); /* there is nothing to drain, whatever it would answer */
    mcmp__wire_hurry(peer, now);
    if (!mcmp__wire_is_asking(peer))
        mcmp__plan_settle(peer, now);
}
