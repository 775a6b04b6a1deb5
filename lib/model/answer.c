/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the handlers of commands answer with: refusals with their result codes, the small bodies of
 * STATUS and PING, and probes for the host to make. Nothing here is called inside a transaction.
 */
#include "apply.h"

static int no_memory(mcmp__call *call)
{
    return mcmp__fail(call->err, MCMP_ERR_NOMEM, NULL, "no memory for the answer");
}

typedef struct refusal_row {
    int code;
    uint32_t wire;
    const char *field;
    const char *text;
} refusal_row;

/* What handlers refuse themselves; the rows of the decoder bring their own error. */
static refusal_row refusal_of(uint32_t refusal)
{
    static const refusal_row rows[] = {
        [MCMP_REFUSAL_BAD_COMMAND] = { MCMP_ERR_SYNTAX, MCMP_WIRE_SYNTAX, NULL,
                                       "the command is not supported" },
        [MCMP_REFUSAL_UNKNOWN_NODE] = { MCMP_ERR_UNKNOWN_NODE, MCMP_WIRE_MEM, "JVMRoute",
                                        "there is no node of this JVMRoute" },
        [MCMP_REFUSAL_NODE_EXISTS] = { MCMP_ERR_CONFLICT, MCMP_WIRE_MEM, "JVMRoute",
                                       "a live node of this JVMRoute has other parameters" },
        [MCMP_REFUSAL_WORKER_EXISTS] = { MCMP_ERR_CONFLICT, MCMP_WIRE_MEM, "Host",
                                         "another live node has this endpoint" },
        [MCMP_REFUSAL_NODE_TABLE] = { MCMP_ERR_FULL, MCMP_WIRE_MEM, "max_nodes",
                                      "the table of nodes is full (max_nodes)" },
        [MCMP_REFUSAL_BALANCER_TABLE] = { MCMP_ERR_FULL, MCMP_WIRE_MEM, "max_balancers",
                                          "the table of balancers is full (max_balancers)" },
        [MCMP_REFUSAL_TABLES] = { MCMP_ERR_FULL, MCMP_WIRE_MEM, NULL,
                                  "not every alias and context found a place" },
        [MCMP_REFUSAL_DENIED] = { MCMP_ERR_DENIED, MCMP_WIRE_GENERAL, NULL,
                                  "the sender is not allowed to do this" },
    };

    return rows[refusal];
}

int mcmp__refuse(mcmp__call *call, uint32_t refusal, mcmp_span arg)
{
    refusal_row row = refusal_of(refusal);

    if (mcmp_response_refuse(call->response, call->request, refusal, &arg, 1) != MCMP_OK)
        return no_memory(call);
    (void)mcmp__fail(call->err, row.code, row.field, "%s", row.text);
    mcmp__error_wire(call->err, row.wire);
    return row.code;
}

int mcmp__refuse_unknown(mcmp__call *call)
{
    return mcmp__refuse(call, MCMP_REFUSAL_UNKNOWN_NODE, call->command->jvm_route);
}

int mcmp__answer_reserve(mcmp__call *call, size_t body, size_t mess)
{
    return mcmp_response_reserve(call->response, body, mess) == MCMP_OK ? MCMP_OK : no_memory(call);
}

int mcmp__answer_empty(mcmp__call *call)
{
    if (mcmp_response_begin(call->response, call->request, NULL) != MCMP_OK ||
        mcmp_response_end(call->response) != MCMP_OK)
        return no_memory(call);
    return MCMP_OK;
}

static int write_piece(void *ctx, const void *data, size_t len)
{
    mcmp_response *response = ctx;

    return mcmp_response_write(response, data, len) == MCMP_OK ? 0 : -1;
}

void mcmp__answer_begin(mcmp__call *call, mcmp__out *out, const char *content_type)
{
    mcmp__out_init(out, write_piece, call->response);
    if (mcmp_response_begin(call->response, call->request, content_type) != MCMP_OK)
        out->failed = MCMP_ERR_CALLBACK;
}

int mcmp__answer_end(mcmp__call *call, mcmp__out *out)
{
    if (mcmp__out_end(out) != MCMP_OK || mcmp_response_end(call->response) != MCMP_OK)
        return no_memory(call);
    return MCMP_OK;
}

static void state_json(mcmp__out *out, mcmp_span type, mcmp_span route, int ok, uint64_t id)
{
    mcmp__out_str(out, "{\"type\":");
    mcmp__out_json(out, type);
    if (route.len != 0) {
        mcmp__out_str(out, ",\"route\":");
        mcmp__out_json(out, route);
    }
    mcmp__out_str(out, ok ? ",\"state\":\"OK\",\"id\":" : ",\"state\":\"NOTOK\",\"id\":");
    mcmp__out_uint(out, id);
    mcmp__out_str(out, "}\n");
}

static void state_text(mcmp__out *out, mcmp_span type, mcmp_span route, int ok, uint64_t id)
{
    mcmp__out_str(out, "Type=");
    mcmp__out_bytes(out, type.ptr, type.len);
    if (route.len != 0) {
        mcmp__out_str(out, "&JVMRoute=");
        mcmp__out_amp(out, route);
    }
    mcmp__out_str(out, ok ? "&State=OK&id=" : "&State=NOTOK&id=");
    mcmp__out_uint(out, id);
    mcmp__out_char(out, '\n');
}

int mcmp__answer_text(mcmp__call *call, const char *text, size_t len)
{
    if (mcmp_response_begin(call->response, call->request, "text/plain") != MCMP_OK ||
        mcmp_response_write(call->response, text, len) != MCMP_OK ||
        mcmp_response_end(call->response) != MCMP_OK)
        return no_memory(call);
    return MCMP_OK;
}

/* The usual STATUS answer in one piece: it is by far the most frequent one. */
static int answer_plain(mcmp__call *call, mcmp_span type, mcmp_span route, int ok)
{
    char room[400]; /* names have at most 255 bytes */
    char id[20];
    char *at = MCMP__ADD(room, "Type=");

    at = mcmp__add_span(at, type);
    if (route.len != 0)
        at = mcmp__add_span(MCMP__ADD(at, "&JVMRoute="), route);
    at = ok ? MCMP__ADD(at, "&State=OK&id=") : MCMP__ADD(at, "&State=NOTOK&id=");
    at = mcmp__add_span(at, mcmp__cluster_id_text(call->cluster, id));
    *at++ = '\n';
    return mcmp__answer_text(call, room, (size_t)(at - room));
}

int mcmp__answer_state(mcmp__call *call, mcmp_span type, mcmp_span route, int ok)
{
    int json = (call->request->flags & MCMP_REQUEST_WANT_JSON) != 0;
    uint64_t id;
    mcmp__out out;

    if (!json && route.len <= 255 && mcmp__is_plain_amp(route))
        return answer_plain(call, type, route, ok);
    id = mcmp__cluster_id(call->cluster);
    mcmp__answer_begin(call, &out, json ? "application/json" : "text/plain");
    if (json)
        state_json(&out, type, route, ok, id);
    else
        state_text(&out, type, route, ok, id);
    return mcmp__answer_end(call, &out);
}

int mcmp__answer_probe(mcmp__call *call, mcmp_handle node, mcmp_span host, uint32_t port,
                       uint32_t scheme, mcmp_time ping)
{
    char authority[MCMP__AUTHORITY_MAX];
    mcmp_probe probe;
    mcmp_pending pending = { .struct_size = sizeof(pending), .kind = MCMP_PENDING_PROBE };

    mcmp__probe_fill(call->config, host, port, scheme, ping, call->now, authority, &probe);
    probe.node = node;
    pending.resume_at = probe.deadline;
    pending.probe = &probe;
    if (mcmp_response_set_pending(call->response, &pending) != MCMP_OK)
        return no_memory(call);
    return MCMP_PENDING;
}
