/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ENABLE-APP, DISABLE-APP, STOP-APP and REMOVE-APP (MCMP 4.2 to 4.4), for named pairs or the whole
 * node. A STOP-APP answer that still counts running requests is held back for a moment (PEER): the
 * client asks at the end of a request at the node, a little before the proxy has seen that end.
 */
#include "apply.h"
#include "change.h"

/* How often a held answer looks again; the whole hold is opts.stop_hold. */
#define HOLD_STEP (5 * MCMP_MSEC)

/* Answers are made room for before anything is written: a shorter one as long as it could be, a
 * longer one when it is known which pairs were done. */
#define FIRST_ROOM ((size_t)4096)
#define MOST_OF(len) (3 * (len) + 1) /* escaped, and a comma */
#define ANSWER_REST 160u             /* what stands around the names */
#define ALIAS_REST 24u

enum { SAME_MAX = 16 };   /* aliases, and contexts, of a message that is looked at first */
enum { DONE_ROOM = 128 }; /* bytes of the bit field on the stack: 1024 pairs */

typedef struct app_job {
    mcmp__call *call;
    mcmp_handle node; /* 0: not looked up yet */
    uint32_t row;     /* of the node in the version that was looked at; 0 = none */
    uint64_t version;
    mcmp__pairs pairs;
    uint64_t running; /* STOP-APP */
    int whole;
    int same;         /* nothing to write: all pairs are as the message wants them */
    size_t done_size; /* of an allocated bit field, or 0 */
    mcmp__record record;
    size_t most; /* bytes that the answer may have */
    size_t room; /* bytes that it has room for */
    uint8_t done_room[DONE_ROOM];
} app_job;

static uint32_t status_of(uint32_t kind)
{
    switch (kind) {
    case MCMP_COMMAND_ENABLE_APP:
        return MCMP_STATUS_ENABLED;
    case MCMP_COMMAND_DISABLE_APP:
        return MCMP_STATUS_DISABLED;
    default:
        return MCMP_STATUS_STOPPED;
    }
}

static int take_room(app_job *job)
{
    const mcmp_command *command = job->call->command;
    size_t count;
    size_t bytes;

    job->pairs.done = job->done_room;
    job->pairs.limit = 0;
    if (job->whole)
        return MCMP_OK;
    if (mcmp__mul_size(command->alias_count, command->context_count, &count) != 0)
        count = MCMP__PAIR_LIMIT;
    job->pairs.limit = MCMP__MIN(count, MCMP__PAIR_LIMIT);
    bytes = (job->pairs.limit + 7) / 8;
    if (bytes <= sizeof(job->done_room)) {
        memset(job->done_room, 0, bytes);
        return MCMP_OK;
    }
    job->pairs.done = mcmp__calloc(&job->call->config->allocator, bytes, 1);
    if (job->pairs.done == NULL)
        return mcmp__fail(job->call->err, MCMP_ERR_NOMEM, NULL, "no memory for the message");
    job->done_size = bytes;
    return MCMP_OK;
}

static void give_room(app_job *job)
{
    if (job->done_size != 0)
        mcmp__free(&job->call->config->allocator, job->pairs.done, job->done_size);
}

static void set_all(mcmp__tx *tx, uint32_t node, uint32_t status, mcmp__pairs *pairs)
{
    for (uint32_t i = mcmp__pair_next(&tx->rd, node, 0); i != 0;
         i = mcmp__pair_next(&tx->rd, node, i)) {
        mcmp__pair row;

        if (!mcmp__pair_get(&tx->rd, i, &row) || row.status == status)
            continue;
        mcmp__pair_set_status(tx, i, status);
        pairs->changed++;
    }
}

static void write_node(app_job *job, mcmp__tx *tx, uint32_t node)
{
    const mcmp_command *command = job->call->command;
    int by_pair = (job->call->config->opts.flags & MCMP_CLUSTER_USE_ALIAS) != 0;
    int is_remove = command->kind == MCMP_COMMAND_REMOVE_APP;

    if (job->whole && is_remove) {
        mcmp__node_remove(tx, node, job->call->request->connection);
        return;
    }
    if (job->whole) {
        set_all(tx, node, status_of(command->kind), &job->pairs);
        return;
    }
    if (is_remove)
        mcmp__pairs_remove(tx, node, command, &job->pairs);
    else
        mcmp__pairs_register(tx, node, command, status_of(command->kind), 1, &job->pairs);
    if (command->kind == MCMP_COMMAND_STOP_APP)
        job->running = mcmp__pairs_running(&tx->rd, node, command, job->pairs.limit, by_pair);
}

static void log_change(const app_job *job)
{
    const mcmp__call *call = job->call;
    const mcmp_command *command = call->command;
    const char *name;
    char route[192];
    char alias[192];
    char context[192];

    mcmp__pairs_log_left(call, &job->pairs);
    if (!mcmp__log_wanted(&call->config->logger, MCMP_LOG_INFO))
        return;
    name = mcmp_command_name(command->kind);
    (void)mcmp__printable(route, sizeof(route), command->jvm_route);
    if (job->whole && command->kind == MCMP_COMMAND_REMOVE_APP) {
        mcmp__log(&call->config->logger, MCMP_LOG_INFO, MCMP__LOG_MODULE, "node %s removed", route);
        return;
    }
    if (job->pairs.changed == 0)
        return;
    if (job->whole) {
        mcmp__log(&call->config->logger, MCMP_LOG_INFO, MCMP__LOG_MODULE,
                  "node %s: %s of all contexts, %zu changed", route, name, job->pairs.changed);
        return;
    }
    mcmp__log(&call->config->logger, MCMP_LOG_INFO, MCMP__LOG_MODULE,
              "node %s: %s %s%s of %s%s, %zu changed", route, name,
              mcmp__printable(context, sizeof(context), command->contexts[0]),
              command->context_count > 1 ? ", .." : "",
              mcmp__printable(alias, sizeof(alias), command->aliases[0]),
              command->alias_count > 1 ? ", .." : "", job->pairs.changed);
}

/* Long lists are seldom without a change; what is removed or counted is looked at by the others. */
static int may_be_same(const app_job *job)
{
    const mcmp_command *command = job->call->command;

    return !job->whole && command->alias_count <= SAME_MAX && command->context_count <= SAME_MAX &&
           (command->kind == MCMP_COMMAND_ENABLE_APP || command->kind == MCMP_COMMAND_DISABLE_APP);
}

/*
 * Is everything as the message wants it already? A whole state that was looked at without the lock
 * is as good as one seen under it. What was found here is used by the transaction if nothing was
 * published since.
 */
static void look(app_job *job)
{
    mcmp__call *call = job->call;
    uint32_t status = status_of(call->command->kind);
    mcmp__read rd;

    mcmp__read_init(&rd, call->cluster);
    do {
        mcmp__read_begin(&rd);
        job->row = mcmp__node_by_route(&rd, call->command->jvm_route);
        job->same = job->row != 0 && mcmp__target_is_owned(call, &rd, job->row) &&
                    mcmp__pairs_have(&rd, job->row, call->command, status, &job->pairs);
    } while (!mcmp__read_done(&rd));
    job->version = rd.seen >> 1;
    if (rd.damaged) /* the transaction says so */
        job->row = 0;
    job->same &= !rd.damaged;
}

static int write_message(app_job *job);

/* The node in the transaction; 0 = there is none (any more). */
static uint32_t node_of(app_job *job, mcmp__tx *tx)
{
    uint32_t node;

    if (job->row != 0 && job->version == tx->rd.seen >> 1)
        return job->row;
    job->pairs.first_row = 0;
    node = job->node != 0 ? mcmp__node_by_handle(&tx->rd, job->node) : 0;
    if (node == 0) /* not looked up yet, or replaced since */
        node = mcmp__node_by_route(&tx->rd, job->call->command->jvm_route);
    return node;
}

/* With every pair done, and the lists of STOP-APP. No name is longer than it was in the body, and
 * the names of a list together neither. */
static size_t most_of_answer(const mcmp__call *call)
{
    size_t list = MOST_OF(call->request->body.len);

    return ANSWER_REST + 2 * list + call->command->alias_count * (ALIAS_REST + list);
}

/* With the pairs that were done. */
static size_t size_of_answer(const app_job *job)
{
    const mcmp_command *command = job->call->command;
    size_t size = ANSWER_REST + 3 * MOST_OF(job->call->request->body.len);

    for (size_t i = 0; i < command->alias_count; i++) {
        size += ALIAS_REST;
        for (size_t k = 0; k < command->context_count; k++)
            if (mcmp__pairs_is_done(&job->pairs, command, i, k))
                size += MOST_OF(command->contexts[k].len);
    }
    return size;
}

/* All is taken back and done again with room for the answer, which is not asked for under the
 * lock. */
static int again_with_room(app_job *job, mcmp__tx *tx, size_t room)
{
    mcmp__tx_abort(tx);
    job->room = room;
    memset(job->pairs.done, 0, (job->pairs.limit + 7) / 8);
    mcmp__pairs_again(&job->pairs);
    return write_message(job);
}

/* The message itself, in one transaction. MCMP_OK, or what was answered. */
static int write_message(app_job *job)
{
    mcmp__call *call = job->call;
    mcmp__tx tx;
    uint32_t node;
    int rc = mcmp__answer_reserve(call, job->room, 0);

    if (rc == MCMP_OK)
        rc = mcmp__tx_begin(&tx, call->cluster, call->now, call->err);
    if (rc != MCMP_OK)
        return rc;
    node = node_of(job, &tx);
    if (node == 0) { /* removed since */
        mcmp__tx_abort(&tx);
        return mcmp__refuse_unknown(call);
    }
    if (!mcmp__target_is_owned(call, &tx.rd, node)) {
        mcmp__tx_abort(&tx);
        return mcmp__refuse(call, MCMP_REFUSAL_DENIED, call->command->jvm_route);
    }
    write_node(job, &tx, node);
    if (job->most > job->room && size_of_answer(job) > job->room)
        return again_with_room(job, &tx, size_of_answer(job));
    if (tx.open)
        mcmp__record_app(&job->record, &tx, node, call, &job->pairs);
    mcmp__tx_commit(&tx);
    log_change(job);
    return MCMP_OK;
}

/* A held STOP-APP: the message was written, only its answer is made anew. */
static int read_again(app_job *job)
{
    mcmp__call *call = job->call;
    size_t bytes = (job->pairs.limit + 7) / 8;
    int by_pair = (call->config->opts.flags & MCMP_CLUSTER_USE_ALIAS) != 0;
    mcmp__read rd;
    uint32_t node;

    mcmp__read_init(&rd, call->cluster);
    do {
        mcmp__read_begin(&rd);
        memset(job->pairs.done, 0, bytes);
        node = mcmp__node_by_route(&rd, call->command->jvm_route);
        mcmp__pairs_mark(&rd, node, call->command, &job->pairs);
        job->running = mcmp__pairs_running(&rd, node, call->command, job->pairs.limit, by_pair);
    } while (!mcmp__read_done(&rd));
    if (rd.damaged)
        return mcmp__fail(call->err, MCMP_ERR_DAMAGED, NULL, "the region is damaged");
    return node != 0 ? MCMP_OK : mcmp__refuse_unknown(call);
}

static void write_list(mcmp__out *out, const char *name, const mcmp_span *list, size_t count)
{
    mcmp__out_str(out, name);
    for (size_t i = 0; i < count; i++) {
        if (i != 0)
            mcmp__out_char(out, ',');
        mcmp__out_amp(out, list[i]);
    }
}

/* MCMP 4.2: before Alias and Context, so that no name can forge it. */
static void write_requests(app_job *job, mcmp__out *out)
{
    const mcmp_command *command = job->call->command;

    mcmp__out_str(out, "Type=STOP-APP-RSP&JvmRoute=");
    mcmp__out_amp(out, command->jvm_route);
    mcmp__out_str_uint(out, "&Requests=", job->running);
    write_list(out, "&Alias=", command->aliases, command->alias_count);
    write_list(out, "&Context=", command->contexts, command->context_count);
    mcmp__out_char(out, '\n');
}

/* MCMP 2: the client splits the whole answer of STOP-APP at `&`, so all of its names are escaped as
 * in its first line, or one could forge a second `Requests`. */
static void write_name(const app_job *job, mcmp__out *out, mcmp_span name)
{
    if (job->call->command->kind == MCMP_COMMAND_STOP_APP)
        mcmp__out_amp(out, name);
    else
        mcmp__out_text(out, name);
}

static int is_done(const app_job *job, size_t alias, size_t context)
{
    return job->same || mcmp__pairs_is_done(&job->pairs, job->call->command, alias, context);
}

static void write_alias(app_job *job, mcmp__out *out, size_t alias)
{
    const mcmp_command *command = job->call->command;
    int any = 0;

    for (size_t i = 0; i < command->context_count; i++) {
        if (!is_done(job, alias, i))
            continue;
        if (!any) {
            mcmp__out_str(out, "Alias=");
            write_name(job, out, command->aliases[alias]);
            mcmp__out_str(out, " Contexts=");
        } else {
            mcmp__out_char(out, ',');
        }
        write_name(job, out, command->contexts[i]);
        any = 1;
    }
    if (any)
        mcmp__out_char(out, '\n');
}

#define ENABLED_START "Type=ENABLE-APP-RSP\nJvmRoute="

static mcmp_span start_of(uint32_t kind)
{
    static const mcmp_span enabled = MCMP__SPAN(ENABLED_START);
    static const mcmp_span disabled = MCMP__SPAN("Type=DISABLE-APP-RSP\nJvmRoute=");
    static const mcmp_span stopped = MCMP__SPAN("JvmRoute="); /* its Type comes with Requests */
    static const mcmp_span removed = MCMP__SPAN("Type=REMOVE-APP-RSP\nJvmRoute=");

    switch (kind) {
    case MCMP_COMMAND_ENABLE_APP:
        return enabled;
    case MCMP_COMMAND_DISABLE_APP:
        return disabled;
    case MCMP_COMMAND_STOP_APP:
        return stopped;
    default:
        return removed;
    }
}

enum { ONE_NAME = 256, ONE_ROOM = 3 * ONE_NAME + 64 };

static int is_one_plain(const app_job *job)
{
    const mcmp_command *command = job->call->command;

    return command->alias_count == 1 && command->context_count == 1 &&
           command->kind != MCMP_COMMAND_STOP_APP && is_done(job, 0, 0) &&
           (command->flags & MCMP_COMMAND_NOT_ASCII) == 0 && command->jvm_route.len <= ONE_NAME &&
           command->aliases[0].len <= ONE_NAME && command->contexts[0].len <= ONE_NAME;
}

/* The usual answer, of one pair whose names need no escape, in one piece. */
static int answer_one(app_job *job)
{
    const mcmp_command *command = job->call->command;
    char room[ONE_ROOM];
    char *at;

    if (command->kind == MCMP_COMMAND_ENABLE_APP)
        at = MCMP__ADD(room, ENABLED_START);
    else
        at = mcmp__add_span(room, start_of(command->kind));
    at = MCMP__ADD(mcmp__add_span(at, command->jvm_route), "\nAlias=");
    at = MCMP__ADD(mcmp__add_span(at, command->aliases[0]), " Contexts=");
    at = MCMP__ADD(mcmp__add_span(at, command->contexts[0]), "\n");
    return mcmp__answer_text(job->call, room, (size_t)(at - room));
}

static int answer_pairs(app_job *job)
{
    mcmp__call *call = job->call;
    const mcmp_command *command = call->command;
    mcmp_span start;
    mcmp__out out;

    if (is_one_plain(job))
        return answer_one(job);
    start = start_of(command->kind);
    mcmp__answer_begin(call, &out, "text/plain");
    if (command->kind == MCMP_COMMAND_STOP_APP)
        write_requests(job, &out);
    mcmp__out_bytes(&out, start.ptr, start.len);
    write_name(job, &out, command->jvm_route);
    mcmp__out_char(&out, '\n');
    for (size_t i = 0; i < command->alias_count; i++)
        write_alias(job, &out, i);
    return mcmp__answer_end(call, &out);
}

static int hold(app_job *job, mcmp_time until)
{
    mcmp__call *call = job->call;
    mcmp_pending pending = { .struct_size = sizeof(pending),
                             .kind = MCMP_PENDING_DELAY,
                             .resume_at = MCMP__MIN(call->now + HOLD_STEP, until) };

    if (mcmp_response_set_pending(call->response, &pending) != MCMP_OK)
        return mcmp__fail(call->err, MCMP_ERR_NOMEM, NULL, "no memory for the answer");
    return MCMP_PENDING;
}

static int run(app_job *job)
{
    mcmp__call *call = job->call;
    mcmp_time until = call->request->now + call->config->opts.stop_hold;
    int rc;

    if (call->resumed == MCMP_PENDING_DELAY) {
        rc = read_again(job);
    } else {
        job->most = job->whole ? 0 : most_of_answer(call);
        job->room = MCMP__MIN(job->most, FIRST_ROOM);
        rc = write_message(job);
    }
    if (rc != MCMP_OK)
        return rc;
    if (job->whole)
        return mcmp__answer_empty(call);
    if (job->running != 0 && call->config->opts.stop_hold != MCMP_NEVER && call->now < until)
        return hold(job, until);
    return answer_pairs(job);
}

int mcmp__apply_app(mcmp__call *call)
{
    app_job job;
    int rc = MCMP_OK;

    job.call = call;
    job.row = 0;
    job.same = 0;
    job.running = 0;
    job.done_size = 0;
    mcmp__pairs_init(&job.pairs);
    job.whole = (call->command->flags & MCMP_COMMAND_WHOLE_NODE) != 0;
    job.node = 0; /* found in the transaction, unless somebody has to be asked first */
    if (mcmp__access_has_node_rules(*mcmp__access_of(call->cluster)))
        rc = mcmp__target_find(call, &job.node);
    if (rc == MCMP_OK && may_be_same(&job))
        look(&job);
    if (job.same)
        return answer_pairs(&job);
    if (rc == MCMP_OK)
        rc = mcmp__record_open(&job.record, call);
    if (rc != MCMP_OK)
        return rc;
    rc = take_room(&job);
    if (rc == MCMP_OK) {
        rc = run(&job);
        give_room(&job);
    }
    mcmp__record_close(&job.record, call);
    return rc;
}
