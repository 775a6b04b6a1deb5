/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls mcmp_tick() when it asks to be called, at least twice a second so that this process hears
 * of nodes that messages to other workers took away. Probes run in the background.
 */
#include "tick.h"

#include <stdlib.h>

#include "cluster.h"
#include "log.h"
#include "pool.h"
#include "probe.h"
#include "worker.h"

#define LONGEST (MCMP_SEC / 2)
#define MAX_PROBES 256u

struct tick {
    struct worker *worker;
    struct timer timer;
    struct link probes; /* struct running */
    unsigned running;
    struct log_limit limit;
};

struct running {
    struct link link;
    struct tick *tick;
    struct probe *probe;
    mcmp_handle node;
    uint64_t ticket;
};

static void on_probed(void *ctx, int ok, const char *why)
{
    struct running *r = ctx;
    struct worker *w = r->tick->worker;
    mcmp_time now = clock_now();
    uint32_t dropped;

    if (why != NULL && log_allowed(&r->tick->limit, now, &dropped))
        log_write(MCMP_LOG_DEBUG, "probe", "a node %s its probe: %s", ok ? "passed" : "failed",
                  why);
    mcmp_probe_report(w->cluster, r->node, r->ticket, ok, now, NULL);
    r->tick->running--;
    link_remove(&r->link);
    free(r);
}

static void start_probe(struct tick *tick, const mcmp_probe *probe)
{
    struct running *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return; /* it is due again later */
    r->tick = tick;
    r->node = probe->node;
    r->ticket = probe->ticket;
    r->probe = probe_start(tick->worker, probe, on_probed, r);
    if (r->probe == NULL) {
        free(r);
        return;
    }
    tick->running++;
    link_add(&tick->probes, &r->link);
}

static void on_timer(struct timer *timer)
{
    struct tick *tick = LINK_OWNER(struct tick, timer, timer);
    struct worker *w = tick->worker;
    mcmp_time now = clock_now();
    mcmp_time wait = LONGEST;
    mcmp_work work;
    int rc = MCMP_OK;

    if (w->stopping)
        return; /* the workers that stay do it */
    mcmp_work_init(&work);
    while (tick->running < MAX_PROBES &&
           (rc = mcmp_tick(w->cluster, now, &work, NULL)) == MCMP_OK) {
        if (work.kind == MCMP_WORK_PROBE)
            start_probe(tick, work.probe);
        else if (work.kind == MCMP_WORK_NODE_GONE)
            pools_node_gone(w->pools, work.node);
    }
    if (rc == MCMP_DONE && work.next_at != MCMP_NEVER && work.next_at - now < wait)
        wait = work.next_at - now;
    timer_set(&w->timers, &tick->timer, wait > 0 ? wait : 1);
}

struct tick *tick_new(struct worker *w)
{
    struct tick *tick = calloc(1, sizeof(*tick));

    if (tick == NULL)
        return NULL;
    tick->worker = w;
    link_init(&tick->probes);
    timer_init(&tick->timer, on_timer);
    timer_set(&w->timers, &tick->timer, 1);
    return tick;
}

void tick_free(struct tick *tick)
{
    timer_drop(&tick->timer);
    while (tick->probes.next != &tick->probes) {
        struct running *r = LINK_OWNER(struct running, link, tick->probes.next);

        link_remove(&r->link);
        probe_cancel(r->probe);
        free(r);
    }
    free(tick);
}
