/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What time brings: one thread of one process at a time, which mod_watchdog elects, calls
 * mcmp_tick() and makes the probes that it hands out, many at once by poll(). When that process
 * ends its probes are due again, in another one.
 *
 * Most of what probes of many idle nodes cost is the kernel's; what is ours is to wake up seldom.
 * So probes that are due soon after each other begin together, and their answers are given a little
 * time to gather before poll() is asked.
 */
#include "watchdog.h"

#include <mod_watchdog.h>
#include <poll.h>
#include <stdlib.h>

#include "advertise.h"
#include "probe.h"
#include "traffic.h"

#define NAME "_mcmp_"
#define TURN (MCMP_SEC / 2)    /* the thread comes back so often, to see that the process ends */
#define NAP (80 * MCMP_MSEC)   /* somebody may have registered */
#define PERIOD_PARTS 64        /* of the period of probes is how much later one may begin */
#define GATHER (1 * MCMP_MSEC) /* that long answers may lie about */
#define MOST_PROBES 1024
#define TELL_EVERY (10 * MCMP_SEC)

#define GAP MCMP_SEC /* between two tries, when the template wants more than one */

struct running {
    struct probe *probe;
    mcmp_handle node;
    uint64_t ticket;
    mcmp_time share;    /* of the deadline, for each try */
    mcmp_time again_at; /* 0: it runs */
    mcmp_time step_at;  /* even when nothing comes */
    int64_t passes;
    int64_t fails;
};

struct health {
    server_rec *server;
    struct running *running; /* room for most */
    struct pollfd *polled;   /* what each of them waits for */
    int count;
    int most;
    unsigned char *failed; /* per slot of a node: what was reported last */
    size_t slots;
    mcmp_time told;    /* that a probe could not be made */
    mcmp_time tick_at; /* not before */
};

static unsigned char *failed_of(struct health *health, mcmp_handle node)
{
    static unsigned char none;
    size_t slot = (uint32_t)node;

    none = 0;
    return slot < health->slots ? &health->failed[slot] : &none;
}

static void forget(struct health *health, int i)
{
    probe_free(health->running[i].probe);
    health->count--;
    health->running[i] = health->running[health->count];
    health->polled[i] = health->polled[health->count];
}

static void report(struct health *health, int i, int good, mcmp_time now)
{
    struct running *r = &health->running[i];

    if (!good)
        ap_log_error(APLOG_MARK, APLOG_DEBUG, 0, health->server, "a probe failed: %s",
                     probe_why(r->probe) != NULL ? probe_why(r->probe) : "no answer");
    *failed_of(health, r->node) = !good;
    (void)mcmp_probe_report(mcmp_httpd_cluster(), r->node, r->ticket, good, now, NULL);
    forget(health, i);
}

/* Nothing is reported: it is due again when its time is over. */
static void lose(struct health *health, int i, mcmp_time now)
{
    if (health->told == 0 || now - health->told > TELL_EVERY) {
        health->told = now;
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, health->server, "a probe can't be made: %s",
                     probe_why(health->running[i].probe));
    }
    forget(health, i);
}

/* One try is over. hcfails of them in a row begin an error, hcpasses end it. */
static void finish(struct health *health, int i, int good, mcmp_time now)
{
    const struct mcmp_httpd_settings *settings = mcmp_httpd_settings();
    struct running *r = &health->running[i];
    int was_good = !*failed_of(health, r->node);
    int enough = good ? was_good || ++r->passes >= settings->hc_passes
                      : !was_good || ++r->fails >= settings->hc_fails;

    if (enough) {
        report(health, i, good, now);
        return;
    }
    r->again_at = r->step_at = now + (GAP < r->share ? GAP : r->share);
    health->polled[i].fd = -1;
    health->polled[i].revents = 0;
}

static int64_t most_tries(void)
{
    const struct mcmp_httpd_settings *settings = mcmp_httpd_settings();

    return settings->hc_fails > settings->hc_passes ? settings->hc_fails : settings->hc_passes;
}

static void begin(struct health *health, const mcmp_probe *what, mcmp_time now)
{
    struct running *r = &health->running[health->count];

    r->probe = probe_start(what);
    if (r->probe == NULL)
        return; /* it is due again later */
    r->node = what->node;
    r->ticket = what->ticket;
    r->share = (what->deadline - now) / (2 * most_tries() - 1); /* tries and gaps */
    r->again_at = 0;
    r->passes = 0;
    r->fails = 0;
    if (most_tries() > 1)
        probe_again(r->probe, now + r->share);
    r->step_at = now;
    health->polled[health->count].revents = 0;
    health->count++;
}

/* What is due now and was not looked for just before. Returns when to come again. */
static mcmp_time tick(struct health *health, mcmp_time now)
{
    const struct mcmp_httpd_settings *settings = mcmp_httpd_settings();
    mcmp_time period =
        settings->hc_interval != 0 ? settings->hc_interval : settings->recalc * MCMP_SEC;
    mcmp_time soonest = now + period / PERIOD_PARTS;
    mcmp_work work;
    int rc = MCMP_OK;

    if (now < health->tick_at)
        return health->tick_at;
    mcmp_work_init(&work);
    while (health->count < health->most &&
           (rc = mcmp_tick(mcmp_httpd_cluster(), now, &work, NULL)) == MCMP_OK)
        if (work.kind == MCMP_WORK_PROBE)
            begin(health, work.probe, now);
        else if (work.kind == MCMP_WORK_NODE_GONE)
            mcmp_httpd_node_gone(work.node);
    health->tick_at = now; /* there may be more: as soon as there is room */
    if (rc == MCMP_OK)
        return now;
    health->tick_at = now + NAP;
    if (rc == MCMP_DONE && work.next_at != MCMP_NEVER && work.next_at < health->tick_at)
        health->tick_at = work.next_at;
    if (health->tick_at < soonest)
        health->tick_at = soonest < now + NAP ? soonest : now + NAP;
    return health->tick_at;
}

static void step(struct health *health, int i, mcmp_time now)
{
    struct running *r = &health->running[i];
    int result;

    if (r->again_at != 0)
        probe_again(r->probe, now + r->share);
    r->again_at = 0;
    result = probe_step(r->probe, now);
    if (result == PROBE_RUNS)
        r->step_at = probe_wants(r->probe, &health->polled[i]);
    else if (result == PROBE_LOST)
        lose(health, i, now);
    else
        finish(health, i, result == PROBE_GOOD, now);
}

/* Those for which something came, or whose time has; returns how many. */
static int step_all(struct health *health, mcmp_time now)
{
    int count = 0;

    for (int i = health->count - 1; i >= 0; i--)
        if (health->polled[i].revents != 0 || health->running[i].step_at <= now) {
            step(health, i, now);
            count++;
        }
    return count;
}

/* Wait for one of the probes, but not beyond the given time. */
static void wait_until(struct health *health, mcmp_time now, mcmp_time until, int gather)
{
    for (int i = 0; i < health->count; i++)
        if (health->running[i].step_at < until)
            until = health->running[i].step_at;
    if (gather && health->count > 0 && until > now + GATHER) {
        apr_sleep(GATHER);
        now += GATHER;
    }
    if (until > now)
        (void)poll(health->polled, (nfds_t)health->count, (int)((until - now) / 1000 + 1));
}

static void turn(struct health *health)
{
    mcmp_time now = mcmp_httpd_now();
    mcmp_time end = now + TURN;

    while (now < end) {
        mcmp_time next = tick(health, now);
        mcmp_time advertise_at = advertise_step(now);
        int stepped;

        if (advertise_at < next)
            next = advertise_at;
        stepped = step_all(health, now);
        if (health->count == health->most && next <= now)
            next = now + NAP; /* one of them makes room before */
        wait_until(health, now, next < end ? next : end, stepped > 0);
        now = mcmp_httpd_now();
    }
}

static int make_room(struct health *health)
{
    if (health->running == NULL)
        health->running = calloc((size_t)health->most, sizeof(*health->running));
    if (health->polled == NULL)
        health->polled = calloc((size_t)health->most, sizeof(*health->polled));
    if (health->failed == NULL)
        health->failed = calloc(health->slots, 1);
    return health->running != NULL && health->polled != NULL && health->failed != NULL;
}

static void stop(struct health *health)
{
    advertise_pause();
    while (health->count > 0)
        probe_free(health->running[--health->count].probe);
    free(health->running);
    free(health->polled);
    free(health->failed);
    health->running = NULL;
    health->polled = NULL;
    health->failed = NULL;
}

static apr_status_t on_watchdog(int state, void *data, apr_pool_t *pool)
{
    struct health *health = data;

    (void)pool;
    if (state == AP_WATCHDOG_STATE_STOPPING)
        stop(health);
    else if (state == AP_WATCHDOG_STATE_RUNNING && mcmp_httpd_cluster() != NULL &&
             make_room(health))
        turn(health);
    return APR_SUCCESS;
}

int watchdog_register(apr_pool_t *pconf, server_rec *s)
{
    APR_OPTIONAL_FN_TYPE(ap_watchdog_get_instance) *get =
        APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_get_instance);
    APR_OPTIONAL_FN_TYPE(ap_watchdog_register_callback) *add =
        APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_register_callback);
    struct health *health = apr_pcalloc(pconf, sizeof(*health));
    ap_watchdog_t *watchdog = NULL;
    apr_status_t rv;

    if (get == NULL || add == NULL) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, 0, s,
                     "mod_watchdog is needed for the health of nodes: load it too");
        return -1;
    }
    health->server = s;
    health->most = (int)mcmp_httpd_settings()->threads * 16;
    if (health->most > MOST_PROBES)
        health->most = MOST_PROBES;
    health->slots = 2 * (size_t)mcmp_httpd_settings()->max_nodes + 2; /* the removed ones, too */
    rv = get(&watchdog, NAME, 0, 1, pconf);
    if (rv == APR_SUCCESS)
        rv = add(watchdog, AP_WD_TM_SLICE, health, on_watchdog);
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, rv, s, "mod_watchdog does not take the module in");
        return -1;
    }
    return 0;
}
