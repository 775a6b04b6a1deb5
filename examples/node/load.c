/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load out of metrics, see load.h.
 */
#include "load.h"

#include <string.h>

void node_history_add(node_history *history, double value, size_t most)
{
    if (most > NODE_HISTORY_MAX)
        most = NODE_HISTORY_MAX;
    if (history->count == most)
        history->count--;
    memmove(history->values + 1, history->values, history->count * sizeof(*history->values));
    history->values[0] = value;
    history->count++;
}

double node_history_mean(const node_history *history, double decay)
{
    double sum = 0;
    double weights = 0;
    double weight = 1;

    for (size_t i = 0; i < history->count; i++) {
        sum += history->values[i] * weight;
        weights += weight;
        weight /= decay;
    }
    return weights > 0 ? sum / weights : 0;
}

int32_t node_load_of(const double *used, const uint32_t *weights, size_t count)
{
    double sum = 0;
    double all = 0;
    int32_t load;

    for (size_t i = 0; i < count; i++) {
        double share = used[i] > 1 ? 1 : used[i];

        if (used[i] < 0)
            continue;
        sum += share * weights[i];
        all += weights[i];
    }
    if (all <= 0)
        return -1;
    load = 100 - (int32_t)(100 * sum / all + 0.5);
    return load < 1 ? 1 : load;
}
