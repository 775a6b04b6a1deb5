/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The work that time brings. Of all workers, also of those that an old configuration still has, one
 * calls mcmp_tick(): the owner, whose pid and last sign of life stand in the zone. When it leaves
 * it says so; when it dies or hangs the next worker whose timer runs takes over. Every worker looks
 * after its own idle connections.
 */
#include "tick.h"

#include <time.h>

#include "advertise.h"
#include "probe.h"
#include "state.h"

#define TURN 500u    /* milliseconds: at least as often does a worker look around */
#define SHORTEST 10u /* between two turns */
#define LIFE 2000u   /* of an owner that gives no sign */
#define SWEEP (2 * TURN)
#define MAX_PROBES 256u
#define ANNOUNCE_AGAIN (10 * MCMP_SEC)

typedef struct {
    ngx_queue_t queue;
    ngx_mcmp_zone_t *zone;
    ngx_mcmp_probe_t *probe;
    mcmp_handle node;
    uint64_t ticket;
} running;

/* What a zone has in a worker. */
typedef struct {
    ngx_event_t event;
    ngx_queue_t probes; /* running */
    ngx_uint_t count;
    ngx_msec_t swept;
    ngx_mcmp_saver_t *saver;         /* NULL: no mcmp_state */
    ngx_mcmp_announcer_t *announcer; /* the owner's, with mcmp_advertise */
    mcmp_time announce_at;
} worker;

mcmp_time ngx_mcmp_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (mcmp_time)ts.tv_sec * MCMP_SEC + ts.tv_nsec / 1000;
}

static ngx_atomic_uint_t now_msec(void)
{
    return (ngx_atomic_uint_t)(ngx_mcmp_now() / MCMP_MSEC);
}

static int is_gone(ngx_atomic_uint_t pid)
{
    return kill((ngx_pid_t)pid, 0) == -1 && ngx_errno == NGX_ESRCH;
}

/* 1 while this worker is the one that ticks. */
static int own(ngx_mcmp_shared_t *shared)
{
    ngx_atomic_uint_t self = (ngx_atomic_uint_t)ngx_pid;
    ngx_atomic_uint_t owner = shared->owner;

    if (ngx_exiting || ngx_quit)
        return 0;
    if (owner != self) {
        if (owner != 0 && now_msec() - shared->beat < LIFE && !is_gone(owner))
            return 0;
        if (!ngx_atomic_cmp_set(&shared->owner, owner, self))
            return 0;
    }
    shared->beat = now_msec();
    return 1;
}

static void drop(running *r)
{
    worker *w = r->zone->worker;

    ngx_queue_remove(&r->queue);
    w->count--;
    ngx_free(r);
}

static void on_probed(void *ctx, int ok, const char *why)
{
    running *r = ctx;

    if (why != NULL)
        ngx_log_error(NGX_LOG_DEBUG, ngx_cycle->log, 0, "mcmp zone \"%V\": a node %s its probe: %s",
                      &r->zone->name, ok ? "passed" : "failed", why);
    (void)mcmp_probe_report(r->zone->cluster, r->node, r->ticket, ok, ngx_mcmp_now(), NULL);
    drop(r);
}

static void start_probe(ngx_mcmp_zone_t *zone, const mcmp_probe *probe)
{
    worker *w = zone->worker;
    running *r = ngx_calloc(sizeof(*r), ngx_cycle->log);

    if (r == NULL)
        return; /* it is due again later */
    r->zone = zone;
    r->node = probe->node;
    r->ticket = probe->ticket;
    r->probe = ngx_mcmp_probe_start(zone, probe, 0, on_probed, r);
    if (r->probe == NULL) {
        ngx_free(r);
        return;
    }
    w->count++;
    ngx_queue_insert_tail(&w->probes, &r->queue);
}

static void sweep(ngx_mcmp_zone_t *zone)
{
    worker *w = zone->worker;

    w->swept = ngx_current_msec;
    if (zone->sweep != NULL)
        zone->sweep(zone);
}

/* When it can't be opened it is tried again later. */
static mcmp_time announce(ngx_mcmp_zone_t *zone, mcmp_time now)
{
    worker *w = zone->worker;
    mcmp_error err;

    if (w->announcer != NULL && now < w->announce_at)
        return w->announce_at;
    w->announce_at = now + ANNOUNCE_AGAIN;
    mcmp_error_init(&err);
    if (w->announcer == NULL)
        w->announcer = ngx_mcmp_announcer_open(zone->advertise, zone->shared, &err);
    if (w->announcer != NULL) {
        w->announce_at = ngx_mcmp_announcer_turn(w->announcer, zone->shared, now);
        if (w->announce_at == MCMP_NEVER)
            w->announce_at = now + ANNOUNCE_AGAIN;
    }
    return w->announce_at;
}

static ngx_msec_t msec_until(mcmp_time at, mcmp_time now)
{
    return at > now ? (ngx_msec_t)((at - now) / MCMP_MSEC) : 0;
}

/* The owner's part; milliseconds until it is to be done again. */
static ngx_msec_t tick(ngx_mcmp_zone_t *zone)
{
    worker *w = zone->worker;
    mcmp_time now = ngx_mcmp_now();
    ngx_msec_t wait = TURN;
    mcmp_work work;
    int rc = MCMP_OK;

    mcmp_work_init(&work);
    while (w->count < MAX_PROBES && (rc = mcmp_tick(zone->cluster, now, &work, NULL)) == MCMP_OK) {
        if (work.kind == MCMP_WORK_PROBE)
            start_probe(zone, work.probe);
        else if (work.kind == MCMP_WORK_NODE_GONE)
            sweep(zone);
    }
    if (rc == MCMP_DONE && work.next_at != MCMP_NEVER)
        wait = ngx_min(wait, msec_until(work.next_at, now));
    if (zone->advertise != NULL && !zone->shared->silent)
        wait = ngx_min(wait, msec_until(announce(zone, now), now));
    if (w->saver != NULL)
        ngx_mcmp_saver_turn(w->saver, now);
    return ngx_max(wait, SHORTEST);
}

static void on_timer(ngx_event_t *event)
{
    ngx_mcmp_zone_t *zone = event->data;
    worker *w = zone->worker;
    ngx_msec_t wait = TURN;

    if (own(zone->shared)) {
        wait = tick(zone);
    } else {
        ngx_mcmp_announcer_close(w->announcer);
        w->announcer = NULL;
        (void)ngx_atomic_cmp_set(&zone->shared->owner, (ngx_atomic_uint_t)ngx_pid, 0);
    }
    if ((ngx_msec_int_t)(ngx_current_msec - w->swept) >= (ngx_msec_int_t)SWEEP)
        sweep(zone);
    ngx_add_timer(event, wait);
}

ngx_int_t ngx_mcmp_tick_start(ngx_mcmp_zone_t *zone, ngx_cycle_t *cycle)
{
    worker *w = ngx_pcalloc(cycle->pool, sizeof(*w));

    if (w == NULL)
        return NGX_ERROR;
    ngx_queue_init(&w->probes);
    if (zone->settings.state.len != 0) {
        w->saver = ngx_mcmp_saver_new(zone, cycle->pool);
        if (w->saver == NULL)
            return NGX_ERROR;
    }
    w->event.handler = on_timer;
    w->event.data = zone;
    w->event.log = cycle->log;
    w->event.cancelable = 1; /* a worker that ends does not wait for it */
    zone->worker = w;
    ngx_add_timer(&w->event, 1);
    return NGX_OK;
}

void ngx_mcmp_tick_stop(ngx_mcmp_zone_t *zone)
{
    worker *w = zone->worker;
    int owner = zone->shared->owner == (ngx_atomic_uint_t)ngx_pid;

    if (w->event.timer_set)
        ngx_del_timer(&w->event);
    while (!ngx_queue_empty(&w->probes)) {
        running *r = ngx_queue_data(ngx_queue_head(&w->probes), running, queue);

        ngx_mcmp_probe_cancel(r->probe);
        drop(r);
    }
    ngx_mcmp_announcer_close(w->announcer);
    if (w->saver != NULL)
        ngx_mcmp_saver_end(w->saver, owner);
    (void)ngx_atomic_cmp_set(&zone->shared->owner, (ngx_atomic_uint_t)ngx_pid, 0);
    zone->worker = NULL;
}
