/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `Node known and the sender's right to it` (MCMP 1) for the commands that name a node without
 * changing its rows: lock-free looks, copied out before anything of the host is called.
 */
#include "apply.h"

int mcmp__target_is_senders(const mcmp__call *call, mcmp__read *rd, uint32_t node)
{
    uint64_t owner[3];

    mcmp__node_owner(rd, node, owner);
    return call->sender[0] != 0 && memcmp(call->sender, owner, sizeof(owner)) == 0;
}

int mcmp__target_find(mcmp__call *call, mcmp_handle *out)
{
    const mcmp_command *command = call->command;
    mcmp__read rd;
    uint32_t node;
    int owned = 1;

    mcmp__read_init(&rd, call->cluster);
    do {
        mcmp__read_begin(&rd);
        node = mcmp__node_by_route(&rd, command->jvm_route);
        *out = mcmp__node_handle(&rd, node);
        owned = mcmp__target_is_owned(call, &rd, node);
    } while (!mcmp__read_done(&rd));
    if (rd.damaged)
        return mcmp__fail(call->err, MCMP_ERR_DAMAGED, NULL, "the region is damaged");
    if (node == 0)
        return mcmp__refuse_unknown(call);
    if (!mcmp__access_node(*mcmp__access_of(call->cluster), call->request->peer, command->kind,
                           command->jvm_route))
        return mcmp__refuse(call, MCMP_REFUSAL_DENIED, command->jvm_route);
    /* PING only looks, so it is open to those who did not register the node */
    if (!owned && command->kind != MCMP_COMMAND_PING)
        return mcmp__refuse(call, MCMP_REFUSAL_DENIED, command->jvm_route);
    return MCMP_OK;
}

int mcmp__target_probe(mcmp__call *call, mcmp_handle handle)
{
    char text[MCMP__TEXT_MAX];
    mcmp_span host = { text, 0 };
    uint32_t node;
    mcmp__node row;
    mcmp__read rd;

    memset(&row, 0, sizeof(row));
    mcmp__read_init(&rd, call->cluster);
    do {
        mcmp__read_begin(&rd);
        node = mcmp__node_by_handle(&rd, handle);
        if (node != 0 && mcmp__node_get(&rd, node, &row))
            host.len = mcmp__text(&rd, MCMP__NODE_HOST, node, text, sizeof(text));
    } while (!mcmp__read_done(&rd));
    if (node == 0) /* removed or replaced this very moment: the next message finds what is true */
        return mcmp__refuse_unknown(call);
    return mcmp__answer_probe(call, handle, host, row.port, row.scheme, row.ping);
}
