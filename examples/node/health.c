/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of the application, see health.h. The next check begins an interval after the last one has
 * begun, or when that is over.
 */
#include "health.h"
#include "log.h"
#include "probe.h"
#include "text.h"

#include <stdlib.h>

struct node_health {
    uv_loop_t *loop;
    const node_options *options;
    node_health_fn changed;
    void *ctx;
    uv_timer_t *timer;
    node_probe *probe;
    node_verdict verdict;
    node_probe_target target;
    uint64_t begun; /* ms */
};

int node_verdict_add(node_verdict *verdict, int ok)
{
    if (verdict->is_well >= 0 && verdict->is_well == ok) {
        verdict->row = 0;
        return 0;
    }
    if (verdict->is_well >= 0 && ++verdict->row < (ok ? verdict->rise : verdict->fall))
        return 0;
    verdict->row = 0;
    verdict->is_well = ok;
    return 1;
}

static void on_due(uv_timer_t *timer);

static void on_result(void *ctx, int ok, const char *text)
{
    node_health *health = ctx;
    uint64_t interval = (uint64_t)(health->options->check_interval / MCMP_MSEC);
    uint64_t spent = uv_now(health->loop) - health->begun;

    health->probe = NULL;
    uv_timer_start(health->timer, on_due, spent < interval ? interval - spent : 0, 0);
    if (!ok)
        node_log(MCMP_LOG_DEBUG, "check", "failed: %s", text);
    if (!node_verdict_add(&health->verdict, ok))
        return;
    if (ok)
        node_log(MCMP_LOG_INFO, "check", "the application is well");
    else
        node_log(MCMP_LOG_WARN, "check", "the application is not well: %s", text);
    health->changed(health->ctx, ok);
}

static void on_due(uv_timer_t *timer)
{
    node_health *health = timer->data;

    health->begun = uv_now(health->loop);
    health->probe = node_probe_start(health->loop, &health->target, on_result, health);
    if (health->probe == NULL)
        uv_timer_start(timer, on_due, (uint64_t)(health->options->check_interval / MCMP_MSEC), 0);
}

static void set_target(node_health *health, uint32_t port)
{
    const node_options *options = health->options;
    mcmp_span host = options->backend_host;

    if (host.ptr[0] == '[')
        host = node_span(host.ptr + 1, host.len - 2);
    health->target.kind = options->check;
    health->target.host = host;
    health->target.port = port;
    health->target.url = &options->check_url;
    health->target.command = options->check_text;
    health->target.timeout = options->check_timeout;
}

node_health *node_health_start(uv_loop_t *loop, const node_options *options, uint32_t port,
                               node_health_fn changed, void *ctx)
{
    node_health *health = calloc(1, sizeof(*health));

    if (health != NULL)
        health->timer = calloc(1, sizeof(*health->timer));
    if (health == NULL || health->timer == NULL) {
        free(health);
        return NULL;
    }
    health->loop = loop;
    health->options = options;
    health->changed = changed;
    health->ctx = ctx;
    health->verdict.fall = options->check_fall;
    health->verdict.rise = options->check_rise;
    health->verdict.is_well = -1;
    set_target(health, port);
    uv_timer_init(loop, health->timer);
    health->timer->data = health;
    uv_timer_start(health->timer, on_due, 0, 0);
    return health;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle);
}

void node_health_free(node_health *health)
{
    if (health == NULL)
        return;
    node_probe_cancel(health->probe);
    uv_close((uv_handle_t *)health->timer, on_timer_closed);
    free(health);
}
