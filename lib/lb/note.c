/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One log line per change of state. Of several processes that see the same failure only the one
 * whose swap changed the word logs it.
 */
#include "note.h"

#include "base/base.h"

#include <libmcmp/view.h>

#define SHOWN_ROUTE 768u /* a byte may take three */

/* The node's route for the log, escaped; "?" when it has gone meanwhile. */
static const char *route_of(mcmp_cluster *cluster, mcmp_handle node, char *shown, size_t size)
{
    char route[256];
    size_t len = 0;
    mcmp__read rd;

    mcmp__read_init(&rd, cluster);
    do {
        uint32_t index;

        mcmp__read_begin(&rd);
        index = mcmp__node_by_handle(&rd, node);
        len = index != 0 ? mcmp__text(&rd, MCMP__NODE_ROUTE, index, route, sizeof(route)) : 0;
    } while (!mcmp__read_done(&rd));
    return len > 0 ? mcmp__printable(shown, size, mcmp__span(route, len)) : "?";
}

static void log_change(mcmp_cluster *cluster, mcmp_handle node, mcmp__health_event event,
                       uint32_t before, uint32_t after)
{
    const mcmp_logger *logger = &mcmp__config_of(cluster)->logger;
    int level = mcmp__health_state(after) == MCMP_NODE_ERROR ? MCMP_LOG_WARN : MCMP_LOG_INFO;
    char shown[SHOWN_ROUTE];

    if (mcmp__log_wanted(logger, level))
        mcmp__log(logger, level, "lb", "node %s: %s, was %s, is %s",
                  route_of(cluster, node, shown, sizeof(shown)), mcmp__health_event_name(event),
                  mcmp_node_state_name(mcmp__health_state(before)),
                  mcmp_node_state_name(mcmp__health_state(after)));
}

int mcmp__note_expiry(mcmp_cluster *cluster, mcmp_handle node, uint64_t failed, mcmp_time now,
                      mcmp_error *err)
{
    const mcmp_logger *logger = &mcmp__config_of(cluster)->logger;
    char shown[SHOWN_ROUTE];
    const char *route = "";
    int rc;

    if (mcmp__log_wanted(logger, MCMP_LOG_WARN))
        route = route_of(cluster, node, shown, sizeof(shown));
    rc = mcmp__node_expire(cluster, node, now, err);
    if (rc == MCMP_OK)
        mcmp__log(logger, MCMP_LOG_WARN, "lb", "node %s removed after %llu failed probes", route,
                  (unsigned long long)failed); /* the format's type */
    return rc;
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
