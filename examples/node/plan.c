/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan for one balancer, see plan.h. One row per state: the request it sends and what its
 * answer does. Waiting is no state: hold_until delays whatever comes next. Every request may arrive
 * twice (MCMP 2), so after any doubt the plan starts again with INFO. When that shows the node and
 * all its contexts, and nothing was in doubt but a STATUS, the STATUS is the next thing to say: the
 * `id` in its answer tells whether the balancer still means what it was told (MCMP 4.5).
 */
#include "plan.h"
#include "log.h"

#include <stdlib.h>
#include <string.h>

#define BACKOFF_FIRST (250 * MCMP_MSEC)
#define BACKOFF_MOST (30 * MCMP_SEC)
#define STOP_POLL (500 * MCMP_MSEC)
#define DRAIN_TRIES 3
#define STALE_MAX 1024
#define VHOSTS_MAX 256
#define SEVERITY_OF(first) ((first) ? MCMP_LOG_WARN : MCMP_LOG_DEBUG)

typedef struct state_row {
    uint32_t command;
    uint32_t flags; /* of the message */
    void (*good)(node_plan *plan, mcmp_time now, const mcmp_answer_info *answer);
    void (*bad)(node_plan *plan, mcmp_time now, const mcmp_answer_info *answer);
} state_row;

static void enter(node_plan *plan, plan_state state)
{
    plan->state = state;
    plan->index = 0;
}

static void finish(node_plan *plan, int end)
{
    plan->end = end;
    enter(plan, PLAN_OVER);
}

static void start_drain(node_plan *plan)
{
    plan->hold_until = 0;
    if (plan->registered) {
        enter(plan, PLAN_DISABLE);
        return;
    }
    node_log(MCMP_LOG_DEBUG, plan->name, "not registered, nothing to drain");
    finish(plan, PLAN_END_REMOVED);
}

static mcmp_time min_time(mcmp_time a, mcmp_time b)
{
    return a < b ? a : b;
}

/* The delay after the given number of failures in a row, with a quarter of jitter either way. */
static mcmp_time backoff(node_plan *plan)
{
    mcmp_time most = min_time(plan->options->interval, BACKOFF_MOST);
    uint32_t shift = plan->failures < 8 ? plan->failures : 8;
    mcmp_time delay = min_time(BACKOFF_FIRST << shift >> 1, most);

    plan->random = plan->random * 6364136223846793005u + 1442695040888963407u;
    delay = delay * 3 / 4 + (mcmp_time)((plan->random >> 33) % (uint64_t)(delay / 2 + 1));
    return min_time(delay, most);
}

static void start_again_later(node_plan *plan, mcmp_time now)
{
    plan->failures++;
    if (!plan->resumes)
        plan->has_id = 0; /* everything is told anew, so another id is no news */
    plan->hold_until = now + backoff(plan);
    enter(plan, PLAN_INFO);
}

/* ---- what INFO shows of an earlier life ---- */

typedef struct vhost_row {
    uint64_t vhost;
    uint64_t id;
    char alias[256];
    size_t len;
} vhost_row;

typedef struct info_scan {
    node_plan *plan;
    uint64_t node; /* our id there */
    int found;
    int same;       /* at our endpoint */
    size_t serving; /* pairs of ours that are ENABLED */
    vhost_row *vhosts;
    size_t count;
} info_scan;

static int has_alias(const node_plan *plan, mcmp_span alias)
{
    for (size_t i = 0; i < plan->options->alias_count; i++)
        if (node_span_is_nocase(alias, plan->options->aliases[i]))
            return 1;
    return 0;
}

static int has_context(const node_plan *plan, mcmp_span context)
{
    for (size_t i = 0; i < plan->options->context_count; i++)
        if (node_span_is(context, plan->options->contexts[i]))
            return 1;
    return 0;
}

static int same_stale(const plan_stale *stale, mcmp_span alias, mcmp_span context)
{
    return stale->alias_len == alias.len && stale->context_len == context.len &&
           memcmp(stale->text, alias.ptr, alias.len) == 0 &&
           memcmp(stale->text + alias.len, context.ptr, context.len) == 0;
}

static void add_stale(node_plan *plan, mcmp_span alias, mcmp_span context)
{
    plan_stale *stale;

    for (size_t i = 0; i < plan->stale_count; i++)
        if (same_stale(&plan->stale[i], alias, context))
            return;
    if (plan->stale == NULL)
        plan->stale = calloc(STALE_MAX, sizeof(*plan->stale));
    if (plan->stale == NULL || plan->stale_count == STALE_MAX)
        return; /* the rest is found at the next registration */
    stale = &plan->stale[plan->stale_count];
    stale->text = malloc(alias.len + context.len + 1);
    if (stale->text == NULL)
        return;
    memcpy(stale->text, alias.ptr, alias.len);
    memcpy(stale->text + alias.len, context.ptr, context.len);
    stale->alias_len = alias.len;
    stale->context_len = context.len;
    plan->stale_count++;
}

static void drop_stale(node_plan *plan)
{
    for (size_t i = 0; i < plan->stale_count; i++)
        free(plan->stale[i].text);
    free(plan->stale);
    plan->stale = NULL;
    plan->stale_count = 0;
}

static void scan_context(info_scan *scan, const mcmp_info_line *line, mcmp_span context)
{
    int known = has_context(scan->plan, context);

    for (size_t i = 0; i < scan->count; i++) {
        const vhost_row *row = &scan->vhosts[i];
        int ours = known && has_alias(scan->plan, node_span(row->alias, row->len));

        if (row->vhost == line->vhost && !ours)
            add_stale(scan->plan, node_span(row->alias, row->len), context);
        scan->serving += ours && row->id == line->id && line->status == MCMP_STATUS_ENABLED;
    }
}

static int is_ours(const node_plan *plan, const mcmp_info_line *line)
{
    uint64_t port;

    return node_span_is(line->type, mcmp_scheme_name(plan->options->scheme)) &&
           line->host.len == plan->options->backend_host.len &&
           memcmp(line->host.ptr, plan->options->backend_host.ptr, line->host.len) == 0 &&
           node_parse_uint(line->port, 65535, &port) == 0 && port == plan->port;
}

static void scan_line(info_scan *scan, const mcmp_info_line *line)
{
    char buf[1024];
    vhost_row *row;
    mcmp_span name = { buf, 0 };

    if (mcmp_answer_unescape(line->name, buf, sizeof(buf), &name.len) != MCMP_OK)
        return;
    if (line->kind == MCMP_INFO_NODE && !scan->found) {
        scan->found = node_span_is(name, scan->plan->options->route);
        scan->node = line->node;
        scan->same = scan->found && is_ours(scan->plan, line);
        return;
    }
    if (!scan->found || line->node != scan->node)
        return;
    if (line->kind == MCMP_INFO_CONTEXT)
        scan_context(scan, line, name);
    if (line->kind != MCMP_INFO_VHOST || scan->count == VHOSTS_MAX)
        return;
    row = &scan->vhosts[scan->count];
    if (name.len > sizeof(row->alias))
        return;
    memcpy(row->alias, name.ptr, name.len);
    row->len = name.len;
    row->vhost = line->vhost;
    row->id = line->id;
    scan->count++;
}

/* 1: it shows the node with just what is to be registered. */
static int scan_info(node_plan *plan, mcmp_span body)
{
    info_scan scan = { .plan = plan };
    mcmp_info_reader reader;
    mcmp_info_line line;
    int rc;

    drop_stale(plan);
    scan.vhosts = calloc(VHOSTS_MAX, sizeof(*scan.vhosts));
    if (scan.vhosts == NULL)
        return 0;
    mcmp_info_reader_init(&reader);
    mcmp_info_line_init(&line);
    reader.text = body;
    while ((rc = mcmp_info_next(&reader, &line, NULL)) == MCMP_OK || rc == MCMP_ERR_ANSWER)
        if (rc == MCMP_OK)
            scan_line(&scan, &line);
    free(scan.vhosts);
    if (plan->stale_count > 0)
        node_log(MCMP_LOG_INFO, plan->name, "removes %zu pairs of an earlier registration",
                 plan->stale_count);
    return scan.same && plan->stale_count == 0 &&
           scan.serving == plan->options->alias_count * plan->options->context_count;
}

/* ---- answers ---- */

/* The balancer does not show what it was told: another id is no news then. */
static void tell_anew(node_plan *plan)
{
    if (plan->resumes)
        plan->has_id = 0;
    plan->resumes = 0;
}

static void good_info(node_plan *plan, mcmp_time now, const mcmp_answer_info *answer)
{
    int whole = scan_info(plan, answer->body);

    (void)now;
    if (whole && plan->resumes) {
        enter(plan, PLAN_STATUS);
        return;
    }
    tell_anew(plan);
    enter(plan, plan->stale_count > 0 ? PLAN_PURGE : PLAN_CONFIG);
}

static void next_purge(node_plan *plan, mcmp_time now, const mcmp_answer_info *answer)
{
    (void)now;
    (void)answer;
    if (++plan->index < plan->stale_count)
        return;
    drop_stale(plan);
    enter(plan, PLAN_CONFIG);
}

static void good_config(node_plan *plan, mcmp_time now, const mcmp_answer_info *answer)
{
    (void)now;
    (void)answer;
    plan->registered = 1;
    enter(plan, PLAN_ENABLE);
}

/* A full table leaves pairs out of a good answer (MCMP 4.2). Some balancers send no body. */
static void good_enable(node_plan *plan, mcmp_time now, const mcmp_answer_info *answer)
{
    mcmp_span rest = answer->body;

    (void)now;
    if (node_span_is(node_span_cut(rest, '\n', &rest), "Type=ENABLE-APP-RSP") &&
        memmem(answer->body.ptr, answer->body.len, "Contexts=", 9) == NULL)
        node_log(MCMP_LOG_WARN, plan->name, "context %s was left out: a table is full there",
                 plan->options->contexts[plan->index]);
    if (++plan->index == plan->options->context_count)
        enter(plan, PLAN_STATUS);
}

static void status_ok(node_plan *plan)
{
    if (plan->resumes)
        node_log(MCMP_LOG_INFO, plan->name, "is back and knows %s (id %llu)", plan->options->route,
                 (unsigned long long)plan->id);
    else if (!plan->was_ok || plan->again || plan->failures > 0)
        node_log(MCMP_LOG_INFO, plan->name, "registered as %s at %.*s:%u (id %llu)",
                 plan->options->route, (int)plan->options->backend_host.len,
                 plan->options->backend_host.ptr, plan->port, (unsigned long long)plan->id);
    else if (plan->notok)
        node_log(MCMP_LOG_INFO, plan->name, "reaches the backend again");
    plan->was_ok = 1;
    plan->notok = 0;
}

static void status_notok(node_plan *plan)
{
    node_log(SEVERITY_OF(!plan->notok), plan->name, "can't reach the backend at %.*s:%u",
             (int)plan->options->backend_host.len, plan->options->backend_host.ptr, plan->port);
    plan->notok = 1;
}

static void good_status(node_plan *plan, mcmp_time now, const mcmp_answer_info *answer)
{
    uint64_t id = plan->id;
    mcmp_span state = { NULL, 0 };
    int has_id = mcmp_answer_number(answer->body, "id", &id) == MCMP_OK;
    int lost = has_id && plan->has_id && id != plan->id && !plan->again;

    plan->id = id;
    plan->has_id = has_id;
    if (lost) { /* MCMP 4.5: the balancer lost what it had been told */
        node_log(MCMP_LOG_INFO, plan->name, "lost its state (id is %llu now), registers again",
                 (unsigned long long)id);
        plan->again = 1;
        plan->resumes = 0;
        enter(plan, PLAN_INFO);
        return;
    }
    (void)mcmp_answer_field(answer->body, "State", &state);
    if (node_span_is(state, "NOTOK"))
        status_notok(plan);
    else
        status_ok(plan);
    plan->again = 0;
    plan->resumes = 0;
    plan->failures = 0;
    plan->hold_until = now + plan->options->interval;
}

static void good_disable(node_plan *plan, mcmp_time now, const mcmp_answer_info *answer)
{
    (void)answer;
    if (++plan->index < plan->options->context_count)
        return;
    plan->running = 0;
    plan->hold_until = min_time(now + plan->options->drain_wait, plan->stop_by);
    enter(plan, PLAN_STOP);
}

static void end_stop_round(node_plan *plan, mcmp_time now)
{
    if (plan->running > 0 && now < plan->stop_by) {
        node_log(MCMP_LOG_INFO, plan->name, "waits for %llu running requests",
                 (unsigned long long)plan->running);
        plan->hold_until = min_time(now + STOP_POLL, plan->stop_by);
        plan->running = 0;
        enter(plan, PLAN_STOP);
        return;
    }
    if (plan->running > 0) {
        node_log(MCMP_LOG_WARN, plan->name, "leaves with %llu requests running",
                 (unsigned long long)plan->running);
        plan->cut_off = 1;
    }
    enter(plan, PLAN_REMOVE);
}

static void next_stop(node_plan *plan, mcmp_time now, const mcmp_answer_info *answer)
{
    uint64_t running = 0;

    if (mcmp_answer_number(answer->body, "Requests", &running) == MCMP_OK)
        plan->running += running;
    if (++plan->index == plan->options->context_count)
        end_stop_round(plan, now);
}

static void next_remove(node_plan *plan, mcmp_time now, const mcmp_answer_info *answer)
{
    (void)now;
    (void)answer;
    if (++plan->index == plan->options->context_count)
        enter(plan, PLAN_REMOVE_NODE);
}

static void good_remove_node(node_plan *plan, mcmp_time now, const mcmp_answer_info *answer)
{
    (void)now;
    (void)answer;
    node_log(MCMP_LOG_INFO, plan->name, "removed");
    finish(plan, plan->cut_off ? PLAN_END_INCOMPLETE : PLAN_END_REMOVED);
}

/* ---- refusals ---- */

static void log_refusal(const node_plan *plan, int level, const mcmp_answer_info *answer)
{
    node_log(level, plan->name, "answered %u %.*s: %.*s", answer->status, (int)answer->reason.len,
             answer->reason.ptr, (int)(answer->mess.len < 300 ? answer->mess.len : 300),
             answer->mess.ptr != NULL ? answer->mess.ptr : "");
}

static void bad_register(node_plan *plan, mcmp_time now, const mcmp_answer_info *answer)
{
    if (answer->wire_class == MCMP_WIRE_SYNTAX) { /* MCMP 2: a retry can't cure it */
        log_refusal(plan, MCMP_LOG_ERROR, answer);
        node_log(MCMP_LOG_ERROR, plan->name, "refused for good, gives this balancer up");
        finish(plan, PLAN_END_REFUSED);
        return;
    }
    log_refusal(plan, SEVERITY_OF(plan->failures == 0), answer);
    plan->resumes = 0;
    start_again_later(plan, now);
}

/* *-APP or STATUS of a node that is not known there: register at once, but not in a tight loop. */
static void bad_lost(node_plan *plan, mcmp_time now, const mcmp_answer_info *answer)
{
    if (answer->wire_class == MCMP_WIRE_SYNTAX || plan->again) {
        bad_register(plan, now, answer);
        return;
    }
    log_refusal(plan, MCMP_LOG_INFO, answer);
    plan->registered = 0;
    plan->again = 1;
    plan->resumes = 0;
    plan->has_id = 0;
    enter(plan, PLAN_INFO);
}

static void bad_purge(node_plan *plan, mcmp_time now, const mcmp_answer_info *answer)
{
    log_refusal(plan, MCMP_LOG_DEBUG, answer);
    next_purge(plan, now, answer);
}

/* The balancer does not know the node any more: nothing is left to be done there. */
static void bad_drain(node_plan *plan, mcmp_time now, const mcmp_answer_info *answer)
{
    (void)now;
    log_refusal(plan, MCMP_LOG_WARN, answer);
    finish(plan, answer->wire_class == MCMP_WIRE_MEM ? PLAN_END_REMOVED : PLAN_END_INCOMPLETE);
}

static const state_row rows[] = {
    [PLAN_INFO] = { MCMP_COMMAND_INFO, 0, good_info, bad_register },
    [PLAN_PURGE] = { MCMP_COMMAND_REMOVE_APP, 0, next_purge, bad_purge },
    [PLAN_CONFIG] = { MCMP_COMMAND_CONFIG, 0, good_config, bad_register },
    [PLAN_ENABLE] = { MCMP_COMMAND_ENABLE_APP, 0, good_enable, bad_lost },
    [PLAN_STATUS] = { MCMP_COMMAND_STATUS, 0, good_status, bad_lost },
    [PLAN_DISABLE] = { MCMP_COMMAND_DISABLE_APP, 0, good_disable, bad_drain },
    [PLAN_STOP] = { MCMP_COMMAND_STOP_APP, 0, next_stop, bad_drain },
    [PLAN_REMOVE] = { MCMP_COMMAND_REMOVE_APP, 0, next_remove, bad_drain },
    [PLAN_REMOVE_NODE] = { MCMP_COMMAND_REMOVE_APP, MCMP_COMMAND_WHOLE_NODE, good_remove_node,
                           bad_drain },
};

/* ---- requests ---- */

static void set_optional_text(mcmp_message *message, uint64_t field, mcmp_span *to,
                              const char *text, const char *standard)
{
    if (text == NULL || (standard != NULL && strcmp(text, standard) == 0))
        return;
    message->given |= field;
    *to = node_span_of(text);
}

static void set_optional_time(mcmp_message *message, uint64_t field, mcmp_time *to, mcmp_time value)
{
    if (value == NODE_NOT_GIVEN)
        return;
    message->given |= field;
    *to = value;
}

/* What differs from the protocol's default is sent, as the Java client does (JAVA-CLIENT 1). */
static void fill_balancer(const node_options *options, mcmp_message *message)
{
    set_optional_text(message, MCMP_FIELD_BALANCER, &message->balancer, options->balancer, NULL);
    set_optional_text(message, MCMP_FIELD_STICKY_COOKIE, &message->sticky_cookie,
                      options->sticky_cookie, "JSESSIONID");
    set_optional_text(message, MCMP_FIELD_STICKY_PATH, &message->sticky_path, options->sticky_path,
                      "jsessionid");
    set_optional_time(message, MCMP_FIELD_WAIT_WORKER, &message->wait_worker, options->wait_worker);
    if (options->sticky == 0)
        message->given |= MCMP_FIELD_STICKY;
    if (options->sticky_force != 1)
        message->given |= MCMP_FIELD_STICKY_FORCE;
    if (options->sticky_remove == 1) {
        message->given |= MCMP_FIELD_STICKY_REMOVE;
        message->flags |= MCMP_COMMAND_STICKY_REMOVE;
    }
    if (options->max_attempts != NODE_NOT_GIVEN) {
        message->given |= MCMP_FIELD_MAX_ATTEMPTS;
        message->max_attempts = (uint32_t)options->max_attempts;
    }
}

static void fill_config(const node_plan *plan, mcmp_message *message)
{
    const node_options *options = plan->options;

    message->given |= MCMP_FIELD_HOST | MCMP_FIELD_PORT | MCMP_FIELD_TYPE;
    message->host = options->backend_host;
    message->port = plan->port;
    message->scheme = options->scheme;
    set_optional_text(message, MCMP_FIELD_DOMAIN, &message->domain, options->domain, NULL);
    set_optional_time(message, MCMP_FIELD_PING, &message->ping, options->ping);
    set_optional_time(message, MCMP_FIELD_TTL, &message->ttl, options->ttl);
    set_optional_time(message, MCMP_FIELD_TIMEOUT, &message->timeout, options->timeout);
    set_optional_time(message, MCMP_FIELD_FLUSHWAIT, &message->flushwait, options->flushwait);
    if (options->flushpackets >= 0) {
        message->given |= MCMP_FIELD_FLUSHPACKETS;
        message->flushpackets = (uint32_t)options->flushpackets;
    }
    if (options->smax != NODE_NOT_GIVEN) {
        message->given |= MCMP_FIELD_SMAX;
        message->smax = (int32_t)options->smax;
    }
    fill_balancer(options, message);
}

static void fill_app(const node_plan *plan, plan_lists *lists, mcmp_message *message)
{
    size_t count = plan->options->alias_count;

    if (plan->state == PLAN_PURGE) {
        const plan_stale *stale = &plan->stale[plan->index];

        lists->aliases[0] = node_span(stale->text, stale->alias_len);
        lists->context = node_span(stale->text + stale->alias_len, stale->context_len);
        count = 1;
    } else {
        for (size_t i = 0; i < count; i++)
            lists->aliases[i] = node_span_of(plan->options->aliases[i]);
        lists->context = node_span_of(plan->options->contexts[plan->index]);
    }
    message->given |= MCMP_FIELD_ALIAS | MCMP_FIELD_CONTEXT;
    message->aliases = lists->aliases;
    message->alias_count = count;
    message->contexts = &lists->context;
    message->context_count = 1;
}

void plan_message(const node_plan *plan, const node_proxy *proxy, plan_lists *lists,
                  mcmp_message *message)
{
    const state_row *row = &rows[plan->state];

    mcmp_message_init(message);
    message->command = row->command;
    message->flags = row->flags;
    message->path = proxy->prefix;
    message->host_header = proxy->authority;
    message->user_agent = node_span_of("mcmp-node/" MCMP_VERSION);
    if (plan->state == PLAN_INFO)
        return;
    message->given = MCMP_FIELD_JVMROUTE;
    message->jvm_route = node_span_of(plan->options->route);
    if (plan->state == PLAN_CONFIG)
        fill_config(plan, message);
    else if (plan->state == PLAN_STATUS)
        message->given |= MCMP_FIELD_LOAD;
    else if (plan->state != PLAN_REMOVE_NODE)
        fill_app(plan, lists, message);
    message->load = plan->load;
}

/* ---- what happens ---- */

void plan_init(node_plan *plan, const node_options *options, const char *name, uint32_t port,
               uint64_t seed)
{
    memset(plan, 0, sizeof(*plan));
    plan->options = options;
    plan->name = name;
    plan->port = port;
    plan->random = seed;
    plan->load = options->load;
}

void plan_clear(node_plan *plan)
{
    drop_stale(plan);
}

int plan_next(node_plan *plan, mcmp_time now, mcmp_time *until)
{
    *until = INT64_MAX;
    if (plan->state == PLAN_OVER)
        return PLAN_END;
    if (plan->pending)
        return PLAN_WAIT;
    if (now < plan->hold_until) {
        *until = plan->hold_until;
        return PLAN_WAIT;
    }
    plan->pending = 1;
    return PLAN_SEND;
}

static int is_draining(const node_plan *plan)
{
    return plan->state >= PLAN_DISABLE;
}

void plan_answer(node_plan *plan, mcmp_time now, const mcmp_answer_info *answer)
{
    const state_row *row = &rows[plan->state];

    plan->pending = 0;
    plan->hold_until = 0;
    if (answer->status == 200)
        row->good(plan, now, answer);
    else
        row->bad(plan, now, answer);
    if (plan->drain && !is_draining(plan))
        start_drain(plan);
}

void plan_failed(node_plan *plan, mcmp_time now, int code, const char *why)
{
    plan->pending = 0;
    if (plan->state == PLAN_INFO && code == MCMP_ERR_BODY_SIZE && !plan->drain) {
        node_log(MCMP_LOG_NOTICE, plan->name, "INFO is too long, old contexts are left alone");
        tell_anew(plan);
        enter(plan, PLAN_CONFIG);
        return;
    }
    node_log(SEVERITY_OF(plan->failures == 0 || is_draining(plan)), plan->name, "%s", why);
    if (!is_draining(plan)) {
        /* Whether a STATUS arrived makes no difference; of anything else it is to be asked. */
        plan->resumes = plan->has_id &&
                        (plan->state == PLAN_STATUS || (plan->resumes && plan->state == PLAN_INFO));
        start_again_later(plan, now);
        if (plan->drain && plan->registered && now >= plan->stop_by)
            finish(plan, PLAN_END_INCOMPLETE);
        else if (plan->drain)
            start_drain(plan);
        return;
    }
    plan->failures++;
    plan->hold_until = now + backoff(plan);
    if (plan->failures >= DRAIN_TRIES || plan->hold_until >= plan->stop_by)
        finish(plan, PLAN_END_INCOMPLETE);
}

void plan_drain(node_plan *plan, mcmp_time now)
{
    if (plan->drain || plan->state == PLAN_OVER)
        return;
    plan->drain = 1;
    plan->stop_by = now + plan->options->drain_timeout;
    if (!plan->pending)
        start_drain(plan);
}
