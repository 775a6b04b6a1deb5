/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CONFIG (MCMP 4.1): judged and written in one transaction, so that of several CONFIGs for one
 * endpoint exactly one wins. The judgement decides between four ends (register, update, replace,
 * refuse) or asks for a probe of the old endpoint; nothing is written before it is done.
 */
#include "apply.h"
#include "change.h"

#include "base/health.h"

#define MESS_ROOM 4096u /* all that a Mess can have */

typedef enum config_step {
    STEP_REGISTER,
    STEP_UPDATE,
    STEP_REPLACE,
    STEP_PROBE,
    STEP_REFUSE,
} config_step;

typedef struct config_job {
    mcmp__call *call;
    mcmp__tx tx;
    mcmp__node_data data;
    mcmp__balancer_data balancer;
    mcmp_handle old; /* STEP_PROBE: the node to probe */
    mcmp__node old_row;
    uint32_t refusal;  /* STEP_REFUSE */
    uint32_t live;     /* the live node of this route, or 0 */
    uint32_t evicted;  /* silent node of another route that holds the endpoint, or 0 */
    uint64_t armed_by; /* connection of a REMOVE-APP for the whole node just before (heal_reset) */
    mcmp_time armed_until;
    size_t mess_room; /* for what finds no place; 0 = none was made ready */
    char balancer_name[256];
    char evicted_route[192]; /* printable */
    mcmp__pairs pairs;
    mcmp__record record;
} config_job;

/* What the command says, with the cluster's defaults. */
static void fill_data(config_job *job)
{
    const mcmp_command *c = job->call->command;
    const uint32_t sticky =
        MCMP_COMMAND_STICKY | MCMP_COMMAND_STICKY_FORCE | MCMP_COMMAND_STICKY_REMOVE;
    mcmp__node_data *data = &job->data;
    mcmp_span name = c->balancer;

    if (name.len == 0)
        name = mcmp__span_str(job->call->config->opts.default_balancer);
    name.len = MCMP__MIN(name.len, sizeof(job->balancer_name));
    memcpy(job->balancer_name, name.ptr, name.len);
    (void)mcmp__lower_in_place(job->balancer_name, name.len);
    job->balancer.name = mcmp__span(job->balancer_name, name.len);
    job->balancer.cookie = c->sticky_cookie;
    job->balancer.path = c->sticky_path;
    job->balancer.wait_worker = c->wait_worker;
    job->balancer.flags = c->flags & sticky;
    job->balancer.max_attempts = c->max_attempts;
    data->route = c->jvm_route;
    data->domain = c->domain;
    data->host = c->host;
    data->port = c->port;
    data->scheme = c->scheme;
    data->flushpackets = c->flushpackets;
    data->smax = c->smax;
    data->reversed = (c->flags & MCMP_COMMAND_REVERSED) != 0;
    data->flushwait = c->flushwait;
    data->ping = c->ping;
    data->ttl = c->ttl;
    data->timeout = c->timeout;
    memcpy(data->owner, job->call->sender, sizeof(data->owner));
}

/* MCMP 4.1: has sent STATUS, and the last one is older than silent_after. */
static int is_silent(const config_job *job, uint32_t node)
{
    const mcmp__live *live = mcmp__live_of(job->call->cluster, node);
    mcmp_time last = (mcmp_time)mcmp__word_get(&live->last_status);
    mcmp_time limit = job->call->config->opts.silent_after;

    return limit != MCMP_NEVER && last != 0 && job->call->now - last > limit;
}

/* Balancer, Host, Port, Type, Reversed, Smax and Ttl are as they were. */
static int is_unchanged(config_job *job, const mcmp__node *row)
{
    mcmp__read *rd = &job->tx.rd;
    char text[MCMP__TEXT_MAX];
    size_t len;

    if (row->port != job->data.port || row->scheme != job->data.scheme ||
        row->smax != job->data.smax || row->ttl != job->data.ttl ||
        (row->reversed != 0) != (job->data.reversed != 0))
        return 0;
    len = mcmp__text(rd, MCMP__NODE_HOST, job->live, text, sizeof(text));
    if (!mcmp__host_equal(mcmp__span(text, len), job->data.host))
        return 0;
    len = mcmp__text(rd, MCMP__BALANCER_NAME, row->balancer, text, sizeof(text));
    return mcmp__span_eq(mcmp__span(text, len), job->balancer.name);
}

/* Before each judgement. */
static void begin_job(config_job *job)
{
    job->refusal = MCMP_REFUSAL_NONE;
    job->live = 0;
    job->evicted = 0;
    job->armed_by = 0;
    job->armed_until = 0;
    job->evicted_route[0] = '\0';
    mcmp__pairs_init(&job->pairs);
}

static config_step refuse(config_job *job, uint32_t refusal)
{
    job->refusal = refusal;
    return STEP_REFUSE;
}

/* Another live node at the endpoint keeps it unless it is silent. 0, or the refusal. */
static uint32_t judge_endpoint(config_job *job)
{
    uint32_t other = mcmp__row_by_endpoint(&job->tx.rd, job->data.host, job->data.port);
    mcmp__node row;

    if (other == 0 || other == job->live || !mcmp__node_get(&job->tx.rd, other, &row) ||
        row.leaving)
        return MCMP_REFUSAL_NONE;
    if (job->call->config->opts.replace_policy == MCMP_REPLACE_REFUSE || !is_silent(job, other))
        return MCMP_REFUSAL_WORKER_EXISTS;
    if (!mcmp__target_is_owned(job->call, &job->tx.rd, other))
        return MCMP_REFUSAL_DENIED;
    job->evicted = other;
    return MCMP_REFUSAL_NONE;
}

static config_step judge_changed(config_job *job)
{
    mcmp__call *call = job->call;
    uint32_t policy = call->config->opts.replace_policy;
    uint32_t refusal;

    if (policy == MCMP_REPLACE_REFUSE)
        return refuse(job, MCMP_REFUSAL_NODE_EXISTS);
    refusal = judge_endpoint(job);
    if (refusal != MCMP_REFUSAL_NONE)
        return refuse(job, refusal);
    if (policy == MCMP_REPLACE_LAST_WRITER || is_silent(job, job->live))
        return STEP_REPLACE;
    if (call->resumed != MCMP_PENDING_PROBE || call->probed != job->old)
        return STEP_PROBE;
    return call->probe_ok ? refuse(job, MCMP_REFUSAL_NODE_EXISTS) : STEP_REPLACE;
}

/* heal_reset: the row that REMOVE-APP left tells its connection and time. */
static void judge_heal(config_job *job)
{
    const mcmp__config *config = job->call->config;
    uint32_t left = mcmp__row_by_route(&job->tx.rd, job->data.route);
    mcmp__node row;

    if (config->opts.flags & MCMP_CLUSTER_NO_HEAL_RESET || config->opts.heal_window == MCMP_NEVER)
        return;
    if (left == 0 || !mcmp__node_get(&job->tx.rd, left, &row) || !row.leaving)
        return;
    job->armed_by = mcmp__node_removed_connection(&job->tx.rd, left);
    job->armed_until = row.removed_at + config->opts.heal_window;
    if (job->armed_by != job->call->request->connection || job->call->now > job->armed_until)
        job->armed_by = 0;
}

static config_step judge(config_job *job)
{
    mcmp__read *rd = &job->tx.rd;
    uint32_t refusal;

    job->live = mcmp__node_by_route(rd, job->data.route);
    if (job->live == 0) {
        refusal = judge_endpoint(job);
        if (refusal != MCMP_REFUSAL_NONE)
            return refuse(job, refusal);
        judge_heal(job);
        return STEP_REGISTER;
    }
    if (!mcmp__node_get(rd, job->live, &job->old_row))
        return refuse(job, MCMP_REFUSAL_UNKNOWN_NODE);
    job->old = job->old_row.handle;
    if (!mcmp__target_is_owned(job->call, rd, job->live))
        return refuse(job, MCMP_REFUSAL_DENIED);
    return is_unchanged(job, &job->old_row) ? STEP_UPDATE : judge_changed(job);
}

/* Take out the silent node that held the endpoint, and any row that only reminds of one. */
static void clear_endpoint(config_job *job)
{
    mcmp__read *rd = &job->tx.rd;
    uint32_t left;
    mcmp__node row;

    mcmp__balancer_pin(&job->tx, job->balancer.name);
    if (job->evicted != 0) {
        char text[MCMP__TEXT_MAX];
        size_t len = mcmp__text(rd, MCMP__NODE_ROUTE, job->evicted, text, sizeof(text));

        (void)mcmp__printable(job->evicted_route, sizeof(job->evicted_route),
                              mcmp__span(text, len));
        mcmp__change_removal(&job->tx, MCMP_CHANGE_EVICTED, job->evicted,
                             "silent, its endpoint is another's");
        mcmp__node_remove(&job->tx, job->evicted, 0);
    }
    left = mcmp__row_by_endpoint(rd, job->data.host, job->data.port);
    if (left != 0 && mcmp__node_get(rd, left, &row) && row.leaving)
        mcmp__node_forget(&job->tx, left);
}

static uint32_t write_register(config_job *job)
{
    const mcmp__config *config = job->call->config;
    mcmp__read *rd = &job->tx.rd;
    uint32_t balancer;

    clear_endpoint(job);
    if (mcmp__node_count(rd) >= config->opts.max_nodes)
        return MCMP_REFUSAL_NODE_TABLE;
    if (mcmp__balancer_put(&job->tx, &job->balancer, &balancer, NULL) != MCMP_OK)
        return MCMP_REFUSAL_BALANCER_TABLE;
    if (mcmp__node_add(&job->tx, &job->data, balancer, &job->live, NULL) != MCMP_OK)
        return MCMP_REFUSAL_NODE_TABLE;
    if (job->armed_by != 0)
        mcmp__heal_arm(&job->tx, job->live, job->armed_by, job->armed_until);
    return MCMP_REFUSAL_NONE;
}

static uint32_t write_replace(config_job *job)
{
    uint32_t balancer;

    clear_endpoint(job);
    if (mcmp__balancer_put(&job->tx, &job->balancer, &balancer, NULL) != MCMP_OK)
        return MCMP_REFUSAL_BALANCER_TABLE;
    mcmp__node_replace(&job->tx, job->live, &job->data, balancer);
    return MCMP_REFUSAL_NONE;
}

static uint32_t write_update(config_job *job)
{
    uint32_t balancer;

    /* PEER: balancer fields belong to the balancer, the last CONFIG wins */
    if (mcmp__balancer_put(&job->tx, &job->balancer, &balancer, NULL) != MCMP_OK)
        return MCMP_REFUSAL_BALANCER_TABLE;
    mcmp__node_update(&job->tx, job->live, &job->data);
    return MCMP_REFUSAL_NONE;
}

/* Everything is decided; the only refusals left are those of full tables. */
static uint32_t write_step(config_job *job, config_step step)
{
    const mcmp_command *command = job->call->command;
    uint32_t refusal = step == STEP_REGISTER  ? write_register(job)
                       : step == STEP_REPLACE ? write_replace(job)
                                              : write_update(job);

    if (refusal != MCMP_REFUSAL_NONE || command->alias_count == 0)
        return refusal;
    mcmp__pairs_register(&job->tx, job->live, command, MCMP_STATUS_STOPPED, 0, &job->pairs);
    return job->pairs.left_count + job->pairs.left_more != 0 ? MCMP_REFUSAL_TABLES
                                                             : MCMP_REFUSAL_NONE;
}

static int refuse_tables(config_job *job)
{
    mcmp__call *call = job->call;
    const mcmp_command *command = call->command;
    int rc;

    mcmp_response_begin_leftover(call->response);
    for (size_t i = 0; i < job->pairs.left_count; i++) {
        const mcmp__leftover *left = &job->pairs.left[i];
        mcmp_span context = { NULL, 0 };

        if (left->context != MCMP__NO_CONTEXT)
            context = command->contexts[left->context];
        if (mcmp_response_leftover(call->response, command->jvm_route,
                                   command->aliases[left->alias], context) != MCMP_OK)
            return mcmp__fail(call->err, MCMP_ERR_NOMEM, NULL, "no memory for the answer");
    }
    mcmp_response_count_leftover(call->response, job->pairs.left_more);
    rc = mcmp__refuse(call, MCMP_REFUSAL_TABLES, command->jvm_route);
    if (rc == MCMP_ERR_FULL) {
        (void)mcmp__fail(call->err, rc, job->pairs.full_contexts ? "max_contexts" : "max_aliases",
                         "%llu entries found no place",
                         (unsigned long long)(job->pairs.left_count + job->pairs.left_more));
        mcmp__error_wire(call->err, MCMP_WIRE_MEM);
    }
    return rc;
}

static void log_notices(const mcmp__call *call)
{
    static const struct {
        uint64_t field;
        const char *name;
    } names[] = {
        { MCMP_FIELD_REVERSED, "Reversed" },
        { MCMP_FIELD_FLUSHPACKETS, "flushpackets" },
        { MCMP_FIELD_SMAX, "smax" },
        { MCMP_FIELD_STICKY, "StickySession" },
        { MCMP_FIELD_STICKY_FORCE, "StickySessionForce" },
        { MCMP_FIELD_STICKY_REMOVE, "StickySessionRemove" },
        { MCMP_FIELD_WAIT_WORKER, "WaitWorker" },
        { MCMP_FIELD_MAX_ATTEMPTS, "Maxattempts" },
    };
    const mcmp_command *command = call->command;
    char route[192];

    if (command->defaulted == 0 && !(command->flags & MCMP_COMMAND_BALANCER_LOWERED))
        return;
    (void)mcmp__printable(route, sizeof(route), command->jvm_route);
    for (size_t i = 0; i < MCMP__COUNT(names); i++)
        if (command->defaulted & names[i].field)
            mcmp__log(&call->config->logger, MCMP_LOG_NOTICE, MCMP__LOG_MODULE,
                      "node %s: bad value of %s, its default is used", route, names[i].name);
    if (command->flags & MCMP_COMMAND_BALANCER_LOWERED)
        mcmp__log(&call->config->logger, MCMP_LOG_NOTICE, MCMP__LOG_MODULE,
                  "node %s: the name of its balancer was lower-cased", route);
}

static void log_change(const config_job *job, config_step step, int was_written)
{
    const mcmp__call *call = job->call;
    const char *what = step == STEP_REGISTER  ? "registered"
                       : step == STEP_REPLACE ? "replaced"
                                              : "configured anew";
    char route[192];
    char host[192];

    log_notices(call);
    mcmp__pairs_log_left(call, &job->pairs);
    if (!was_written || !mcmp__log_wanted(&call->config->logger, MCMP_LOG_INFO))
        return;
    mcmp__log(
        &call->config->logger, MCMP_LOG_INFO, MCMP__LOG_MODULE,
        "node %s %s: %s://%s:%u, balancer %.*s%s%s",
        mcmp__printable(route, sizeof(route), job->data.route), what,
        mcmp_scheme_name(job->data.scheme), mcmp__printable(host, sizeof(host), job->data.host),
        (unsigned)job->data.port, (int)job->balancer.name.len, job->balancer.name.ptr,
        job->evicted_route[0] != '\0' ? ", in place of silent node " : "", job->evicted_route);
}

/* The endpoint is read before the lock goes: the node may be another one right after. */
static int probe_old(config_job *job)
{
    const mcmp__node *row = &job->old_row;
    char text[MCMP__TEXT_MAX];
    size_t len = mcmp__text(&job->tx.rd, MCMP__NODE_HOST, job->live, text, sizeof(text));

    mcmp__tx_abort(&job->tx);
    return mcmp__answer_probe(job->call, job->old, mcmp__span(text, len), row->port, row->scheme,
                              row->ping);
}

/* Another endpoint is not in error; its word follows the commit. */
static void observe_replaced(config_job *job)
{
    const mcmp__live *live = mcmp__live_of(job->call->cluster, job->live);
    uint32_t before = (uint32_t)mcmp__word_get(&live->health); /* the low half */

    mcmp__change_health(&job->tx, job->live, MCMP__HEALTH_REPLACE, before,
                        mcmp__health_next(before, MCMP__HEALTH_REPLACE, 0));
}

static int run(config_job *job);

/* The answer lists what found no place. Room for that is not asked for under the lock: all is taken
 * back, and done again with room. */
static int again_with_room(config_job *job)
{
    mcmp__tx_abort(&job->tx);
    begin_job(job);
    job->mess_room = MESS_ROOM;
    return run(job);
}

static int run(config_job *job)
{
    mcmp__call *call = job->call;
    uint32_t refusal;
    config_step step;
    int was_written;
    int rc = mcmp__answer_reserve(call, 0, job->mess_room);

    if (rc == MCMP_OK)
        rc = mcmp__tx_begin(&job->tx, call->cluster, call->now, call->err);
    if (rc != MCMP_OK)
        return rc;
    step = judge(job);
    if (step == STEP_PROBE)
        return probe_old(job);
    if (step == STEP_REFUSE) {
        mcmp__tx_abort(&job->tx);
        return mcmp__refuse(call, job->refusal, job->data.route);
    }
    refusal = write_step(job, step);
    if (refusal != MCMP_REFUSAL_NONE && (refusal != MCMP_REFUSAL_TABLES ||
                                         call->config->opts.flags & MCMP_CLUSTER_ALL_OR_NOTHING)) {
        mcmp__tx_abort(&job->tx);
        return refusal == MCMP_REFUSAL_TABLES ? refuse_tables(job)
                                              : mcmp__refuse(call, refusal, job->data.route);
    }
    if (refusal == MCMP_REFUSAL_TABLES && job->mess_room == 0)
        return again_with_room(job);
    was_written = job->tx.open != 0;
    if (was_written) {
        mcmp__record_config(&job->record, &job->tx, job->live, call, &job->balancer, &job->pairs);
        if (step == STEP_REPLACE)
            observe_replaced(job);
    }
    mcmp__tx_commit(&job->tx);
    log_change(job, step, was_written);
    return refusal == MCMP_REFUSAL_TABLES ? refuse_tables(job) : mcmp__answer_empty(call);
}

int mcmp__apply_config(mcmp__call *call)
{
    config_job job;
    const mcmp_command *command = call->command;
    int rc;

    if (!mcmp__access_node(*mcmp__access_of(call->cluster), call->request->peer, command->kind,
                           command->jvm_route))
        return mcmp__refuse(call, MCMP_REFUSAL_DENIED, command->jvm_route);
    job.call = call;
    job.mess_room = 0;
    memset(&job.data, 0, sizeof(job.data));
    memset(&job.balancer, 0, sizeof(job.balancer));
    fill_data(&job);
    begin_job(&job);
    rc = mcmp__record_open(&job.record, call);
    if (rc != MCMP_OK)
        return rc;
    rc = run(&job);
    mcmp__record_close(&job.record, call);
    return rc;
}
