/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of judgement (MCMP 1): the sender's right to the command, size, the body (by the
 * decoder), then the command's handler from `node known` on. After a probe or delay the handler is
 * called again and judges everything anew, since the state may have moved on meanwhile.
 */
#include "apply.h"

#include "base/compiler.h"

typedef int (*handler_fn)(mcmp__call *call);

typedef struct command_row {
    handler_fn handler; /* NULL: Command is not supported */
    uint32_t flags;
} command_row;

#define NO_BODY 0x1u /* MCMP 1: reads and ignores any body */
#define NO_SIZE 0x2u /* MCMP 4.12: nothing keeps the page from being served */
#define READS 0x4u   /* answered by a cluster that is attached for reading only */

static const command_row commands[] = {
    [MCMP_COMMAND_CONFIG] = { mcmp__apply_config, 0 },
    [MCMP_COMMAND_ENABLE_APP] = { mcmp__apply_app, 0 },
    [MCMP_COMMAND_DISABLE_APP] = { mcmp__apply_app, 0 },
    [MCMP_COMMAND_STOP_APP] = { mcmp__apply_app, 0 },
    [MCMP_COMMAND_REMOVE_APP] = { mcmp__apply_app, 0 },
    [MCMP_COMMAND_STATUS] = { mcmp__apply_status, 0 },
    [MCMP_COMMAND_PING] = { mcmp__apply_ping, 0 },
    [MCMP_COMMAND_INFO] = { mcmp__apply_report, NO_BODY | READS },
    [MCMP_COMMAND_DUMP] = { mcmp__apply_report, NO_BODY | READS },
    [MCMP_COMMAND_VERSION] = { mcmp__apply_report, NO_BODY | READS },
    [MCMP_COMMAND_PAGE] = { mcmp__apply_report, NO_BODY | NO_SIZE | READS },
};

MCMP__COLD static int refuse_size(mcmp__call *call, uint64_t limit)
{
    const mcmp_request *request = call->request;
    uint64_t size = MCMP__MAX(request->body_size, (uint64_t)request->body.len);
    char size_text[20];
    char limit_text[20];
    mcmp_span args[2];

    args[0] = mcmp__span(size_text, mcmp__format_uint(size_text, size));
    args[1] = mcmp__span(limit_text, mcmp__format_uint(limit_text, limit));
    if (mcmp_response_refuse(call->response, request, MCMP_REFUSAL_MESSAGE_SIZE, args, 2) !=
        MCMP_OK)
        return mcmp__fail(call->err, MCMP_ERR_NOMEM, NULL, "no memory for the answer");
    (void)mcmp__fail(call->err, MCMP_ERR_BODY_SIZE, "max_message",
                     "a message of %llu bytes is over the limit of %llu", (unsigned long long)size,
                     (unsigned long long)limit);
    mcmp__error_wire(call->err, MCMP_WIRE_MEM);
    return MCMP_ERR_BODY_SIZE;
}

/* The decoder has put the refusal's text into err; the answer quotes its culprit. */
MCMP__COLD static int decode(mcmp__call *call)
{
    mcmp_decoder *decoder;
    mcmp_span culprit;
    uint32_t refusal = MCMP_REFUSAL_NONE;
    int rc = mcmp_response_decoder(call->response, &call->config->limits, &decoder, call->err);

    if (rc == MCMP_OK)
        rc = mcmp_decoder_decode(decoder, call->request, &call->command, &refusal, call->err);
    if (rc != MCMP_ERR_SYNTAX)
        return rc;
    culprit = mcmp_decoder_culprit(decoder);
    if (mcmp_response_refuse(call->response, call->request, refusal, &culprit, 1) != MCMP_OK)
        return mcmp__fail(call->err, MCMP_ERR_NOMEM, NULL, "no memory for the answer");
    return rc;
}

/* Usually the parser has decoded the body already. */
static inline int take_command(mcmp__call *call)
{
    call->command = mcmp_request_command(call->request, &call->config->limits);
    return call->command != NULL ? MCMP_OK : decode(call);
}

static int judge(mcmp__call *call)
{
    const mcmp_request *request = call->request;
    uint64_t limit = call->config->limits.max_message;
    const command_row *row = &commands[MCMP_COMMAND_UNKNOWN];

    if (request->command < MCMP__COUNT(commands))
        row = &commands[request->command];
    if (!mcmp__access_command(*mcmp__access_of(call->cluster), request->peer, request->command))
        return mcmp__refuse(call, MCMP_REFUSAL_DENIED, request->method);
    if (row->handler == NULL)
        return mcmp__refuse(call, MCMP_REFUSAL_BAD_COMMAND, request->method);
    if (!(row->flags & READS) && mcmp__local_of(call->cluster)->read_only)
        return mcmp__fail(call->err, MCMP_ERR_STATE, "attach", "attached for reading only");
    if (!(row->flags & NO_SIZE) &&
        (request->flags & MCMP_REQUEST_OVERSIZE || request->body.len > limit))
        return refuse_size(call, limit);
    if (call->config->opts.flags & MCMP_CLUSTER_OWNERSHIP)
        mcmp__access_owner(request->peer, call->sender);
    if (!(row->flags & NO_BODY)) {
        int rc = take_command(call);

        if (rc != MCMP_OK)
            return rc;
    }
    return row->handler(call);
}

/* Room for what comes in another size than this library's. */
typedef struct foreign {
    mcmp_request request;
    mcmp_peer peer;
} foreign;

MCMP__COLD static int take_foreign(mcmp__call *call, const mcmp_request *request, foreign *room)
{
    const mcmp_peer *peer;
    int rc = mcmp__sized_in(&room->request, sizeof(room->request), request,
                            sizeof(request->struct_size));

    if (rc != MCMP_OK)
        return rc;
    room->request.struct_size = sizeof(room->request); /* it is ours from here on */
    call->request = &room->request;
    peer = room->request.peer;
    if (peer == NULL)
        return MCMP_OK;
    rc = mcmp__sized_in(&room->peer, sizeof(room->peer), peer, sizeof(peer->struct_size));
    room->peer.struct_size = sizeof(room->peer);
    room->request.peer = &room->peer;
    return rc;
}

static inline int take_request(mcmp__call *call, const mcmp_request *request, foreign *room,
                               mcmp_error *err)
{
    int rc;

    call->request = request;
    if (request->struct_size == sizeof(*request) &&
        (request->peer == NULL || request->peer->struct_size == sizeof(*request->peer)))
        return MCMP_OK;
    rc = take_foreign(call, request, room);
    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "request", "the request or its peer is not initialised");
    return MCMP_OK;
}

static inline int begin_call(mcmp__call *call, mcmp_cluster *cluster, const mcmp_request *request,
                             mcmp_response *response, foreign *room, mcmp_error *err)
{
    if (cluster == NULL || request == NULL || response == NULL)
        return mcmp__fail(err, MCMP_ERR_INVALID, NULL, "an argument is missing");
    memset(call, 0, sizeof(*call));
    call->cluster = cluster;
    call->config = mcmp__config_of(cluster);
    call->response = response;
    call->err = err;
    return take_request(call, request, room, err);
}

/* What the header lists after the semicolon: nothing is answered, not even by an older answer. */
static int is_unanswered(int rc)
{
    return rc == MCMP_ERR_NOMEM || rc == MCMP_ERR_OS || rc == MCMP_ERR_DAMAGED;
}

MCMP__COLD static int drop_answer(mcmp_response *response, int rc)
{
    mcmp_pending pending = { .struct_size = sizeof(pending), .kind = MCMP_PENDING_DELAY };

    (void)mcmp_response_set_pending(response, &pending); /* drops what was written */
    (void)mcmp_response_set_pending(response, NULL);
    return rc;
}

int mcmp_apply(mcmp_cluster *cluster, const mcmp_request *request, mcmp_response *response,
               mcmp_error *err)
{
    foreign room;
    mcmp__call call;
    int rc = begin_call(&call, cluster, request, response, &room, err);

    if (rc != MCMP_OK)
        return rc;
    call.now = call.request->now;
    (void)mcmp_response_set_pending(response, NULL);
    rc = judge(&call);
    return is_unanswered(rc) ? drop_answer(response, rc) : rc;
}

int mcmp_apply_resume(mcmp_cluster *cluster, const mcmp_request *request, mcmp_response *response,
                      int probe_ok, mcmp_time now, mcmp_error *err)
{
    mcmp_pending pending;
    mcmp_probe probe;
    foreign room;
    mcmp__call call;
    int rc = begin_call(&call, cluster, request, response, &room, err);

    if (rc != MCMP_OK)
        return rc;
    if (mcmp_response_pending(response) == NULL)
        return mcmp__fail(err, MCMP_ERR_STATE, NULL, "the answer does not wait for anything");
    pending = *mcmp_response_pending(response);
    if (pending.probe != NULL) {
        probe = *pending.probe;
        pending.probe = &probe;
        call.probed = probe.node;
    }
    call.now = now;
    call.resumed = pending.kind;
    call.probe_ok = probe_ok;
    (void)mcmp_response_set_pending(response, NULL);
    rc = judge(&call);
    if (is_unanswered(rc)) /* it can be tried again */
        (void)mcmp_response_set_pending(response, &pending);
    return rc;
}
