/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `Node known and the sender's right to it` (MCMP 1) for the commands that name a node without
 * changing its rows: lock-free looks, copied out before anything of the host is called.
 */
#include "apply.h"

int mcmp__target_read(mcmp__read *rd, uint32_t node, mcmp__target *out)
{
    mcmp__node row;

    if (node == 0 || !mcmp__node_get(rd, node, &row))
        return 0;
    out->handle = row.handle;
    out->index = node;
    out->port = row.port;
    out->scheme = row.scheme;
    out->ping = row.ping;
    return 1;
}

int mcmp__target_is_owned(const mcmp__call *call, mcmp__read *rd, uint32_t node)
{
    uint64_t owner[3];
    uint64_t sender[3];

    if (!(call->config->opts.flags & MCMP_CLUSTER_OWNERSHIP))
        return 1;
    mcmp__node_owner(rd, node, owner);
    mcmp__access_owner(call->request->peer, sender);
    return sender[0] != 0 && memcmp(sender, owner, sizeof(sender)) == 0;
}

int mcmp__target_find(mcmp__call *call, mcmp__target *out)
{
    const mcmp_command *command = call->command;
    mcmp__read rd;
    int found;
    int owned = 1;

    mcmp__read_init(&rd, call->cluster);
    do {
        mcmp__read_begin(&rd);
        found = mcmp__target_read(&rd, mcmp__node_by_route(&rd, command->jvm_route), out);
        if (found)
            owned = mcmp__target_is_owned(call, &rd, out->index);
    } while (!mcmp__read_done(&rd));
    if (rd.damaged)
        return mcmp__fail(call->err, MCMP_ERR_DAMAGED, NULL, "the region is damaged");
    if (!found)
        return mcmp__refuse_unknown(call);
    if (!mcmp__access_node(*mcmp__access_of(call->cluster), call->request->peer, command->kind,
                           command->jvm_route))
        return mcmp__refuse(call, MCMP_REFUSAL_DENIED, command->jvm_route);
    /* PING only looks, so it is open to those who did not register the node */
    if (!owned && command->kind != MCMP_COMMAND_PING)
        return mcmp__refuse(call, MCMP_REFUSAL_DENIED, command->jvm_route);
    return MCMP_OK;
}

int mcmp__target_probe(mcmp__call *call, const mcmp__target *target)
{
    char text[MCMP__TEXT_MAX];
    size_t len = 0;
    uint32_t node;
    mcmp__read rd;

    mcmp__read_init(&rd, call->cluster);
    do {
        mcmp__read_begin(&rd);
        node = mcmp__node_by_handle(&rd, target->handle);
        if (node != 0)
            len = mcmp__text(&rd, MCMP__NODE_HOST, node, text, sizeof(text));
    } while (!mcmp__read_done(&rd));
    if (node == 0) /* removed or replaced this very moment: the next message finds what is true */
        return mcmp__refuse_unknown(call);
    return mcmp__answer_probe(call, target, mcmp__span(text, len));
}
