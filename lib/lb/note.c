/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One log line per change of state. Of several processes that see the same failure only the one
 * whose swap changed the word logs it.
 */
#include "note.h"

#include "base/base.h"

#include <libmcmp/view.h>

static void log_change(mcmp_cluster *cluster, mcmp_handle node, mcmp__health_event event,
                       uint32_t before, uint32_t after)
{
    const mcmp_logger *logger = &mcmp__config_of(cluster)->logger;
    int level = mcmp__health_state(after) == MCMP_NODE_ERROR ? MCMP_LOG_WARN : MCMP_LOG_INFO;
    char route[256];
    char shown[3 * sizeof(route) + 1];
    size_t len = 0;
    mcmp__read rd;

    if (!mcmp__log_wanted(logger, level))
        return;
    mcmp__read_init(&rd, cluster);
    do {
        uint32_t index;

        mcmp__read_begin(&rd);
        index = mcmp__node_by_handle(&rd, node);
        len = mcmp__text(&rd, MCMP__NODE_ROUTE, index, route, sizeof(route));
    } while (!mcmp__read_done(&rd));
    mcmp__log(logger, level, "lb", "node \"%s\": %s, was %s, is %s",
              mcmp__printable(shown, sizeof(shown), mcmp__span(route, len)),
              mcmp__health_event_name(event), mcmp_node_state_name(mcmp__health_state(before)),
              mcmp_node_state_name(mcmp__health_state(after)));
}

int mcmp__note_event(mcmp_cluster *cluster, mcmp_handle node, mcmp__health_event event,
                     mcmp_time now)
{
    uint32_t before;
    uint32_t after;

    if (mcmp__live_event(cluster, node, (uint32_t)event, 0, now, &before, &after) != 0)
        return MCMP_ERR_STALE;
    if (mcmp__health_state(before) != mcmp__health_state(after))
        log_change(cluster, node, event, before, after);
    return MCMP_OK;
}
