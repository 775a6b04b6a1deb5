/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mcmp_selection_release(): the hold goes, bytes are counted, and a forward that never reached the
 * node's answer puts it in error (passive health, DESIGN 5). What the client did never counts.
 */
#include "lb/select.h"

#include "base/health.h"
#include "lb/note.h"

/* Does the row still belong to the endpoint that was selected? */
static int is_same(const mcmp__live *live, mcmp_handle node)
{
    return (mcmp__word_get(&live->health) >> 32) == mcmp__handle_generation(node);
}

/* 0: the node has gone, or is another one. */
static int count_bytes(mcmp_cluster *cluster, const mcmp_selection *selection, uint64_t bytes_read,
                       uint64_t bytes_sent)
{
    mcmp__live *live = mcmp__live_of(cluster, (uint32_t)selection->reserved[MCMP__HELD_INDEX]);

    if (!is_same(live, selection->node))
        return 0;
    if (bytes_read != 0)
        mcmp__word_add(&live->bytes_read, bytes_read);
    if (bytes_sent != 0)
        mcmp__word_add(&live->bytes_sent, bytes_sent);
    return 1;
}

static void settle(mcmp_cluster *cluster, const mcmp_selection *selection,
                   const mcmp_outcome *outcome)
{
    if (!count_bytes(cluster, selection, outcome->bytes_read, outcome->bytes_sent))
        return;
    if (outcome->result == MCMP_OUTCOME_CONNECT || outcome->result == MCMP_OUTCOME_NO_ANSWER)
        mcmp__note_event(cluster, selection->node, MCMP__HEALTH_FORWARD_FAILED, outcome->now);
}

int mcmp_selection_release(mcmp_cluster *cluster, mcmp_selection *selection,
                           const mcmp_outcome *outcome)
{
    mcmp__running running;
    mcmp_outcome copy;
    int rc;

    if (cluster == NULL || selection == NULL || selection->struct_size < sizeof(*selection))
        return MCMP_ERR_INVALID;
    if (outcome != NULL && outcome->struct_size != sizeof(*outcome)) {
        rc = mcmp__sized_in(&copy, sizeof(copy), outcome, sizeof(outcome->struct_size));
        if (rc != MCMP_OK)
            return rc;
        outcome = &copy;
    }
    if ((selection->flags & MCMP_SELECTION_HELD) == 0)
        return MCMP_ERR_RELEASED;
    selection->flags &= ~MCMP_SELECTION_HELD;
    running.node = selection->reserved[MCMP__HELD_NODE];
    running.seat = selection->reserved[MCMP__HELD_SEAT];
    mcmp__running_end(cluster, &running);
    if (outcome != NULL)
        settle(cluster, selection, outcome);
    return MCMP_OK;
}

int mcmp_selection_progress(mcmp_cluster *cluster, const mcmp_selection *selection,
                            uint64_t bytes_read, uint64_t bytes_sent)
{
    if (cluster == NULL || selection == NULL || selection->struct_size < sizeof(*selection))
        return MCMP_ERR_INVALID;
    if ((selection->flags & MCMP_SELECTION_HELD) == 0)
        return MCMP_ERR_RELEASED;
    count_bytes(cluster, selection, bytes_read, bytes_sent);
    return MCMP_OK;
}
