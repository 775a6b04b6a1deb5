/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drain: DISABLE-APP, time for sessions to end, STOP-APP, and with --wait until nothing runs. What
 * runs on a context is told by STOP-APP itself; on a whole node by INFO's Connected, since the
 * answer for a whole node is empty (MCMP 4.2).
 */
#include "app.h"
#include "conn.h"

#include <inttypes.h>
#include <unistd.h>

#define STEP (200 * MCMP_MSEC)

static int running_of_node(ctl *c, const ctl_target *target, uint64_t *out)
{
    ctl_state state;
    size_t node;
    int rc = ctl_state_ask(c, &state);

    if (rc != CTL_OK)
        return rc;
    node = ctl_state_find(&state, target->route);
    *out = node < state.node_count ? state.nodes[node].connected : 0;
    ctl_state_clear(&state);
    return CTL_OK;
}

static int stop_and_count(ctl *c, const ctl_target *target, uint64_t *out)
{
    const mcmp_answer_info *answer;
    int rc = ctl_target_send(c, target, MCMP_COMMAND_STOP_APP, &answer);

    if (rc != CTL_OK)
        return rc;
    if (target->context.len == 0)
        return running_of_node(c, target, out);
    if (mcmp_answer_number(answer->body, "Requests", out) != MCMP_OK)
        return ctl_fail(CTL_REFUSED, "%s does not tell the running requests of a context",
                        c->options.proxy);
    return CTL_OK;
}

/* On a terminal one line that renews itself, else a line for each change. */
static void show(const ctl *c, uint64_t running, uint64_t before, mcmp_time since)
{
    if (isatty(STDOUT_FILENO))
        (void)printf("\r%s: running %" PRIu64 ", %d s ", c->options.args[0], running,
                     (int)((ctl_now() - since) / MCMP_SEC));
    else if (running != before)
        (void)printf("%s: running %" PRIu64 "\n", c->options.args[0], running);
    (void)fflush(stdout);
}

static int wait_idle(ctl *c, const ctl_target *target, uint64_t running)
{
    mcmp_time start = ctl_now();
    mcmp_time end = start + c->options.most;
    uint64_t before = UINT64_MAX;
    int rc = CTL_OK;

    while (rc == CTL_OK) {
        show(c, running, before, start);
        if (running == 0 || ctl_now() >= end)
            break;
        ctl_sleep(STEP);
        before = running;
        rc = stop_and_count(c, target, &running);
    }
    if (isatty(STDOUT_FILENO))
        (void)putchar('\n');
    if (rc != CTL_OK)
        return rc;
    if (running != 0)
        return ctl_fail(CTL_BUSY, "%s: %" PRIu64 " requests still run after %g s (--most)",
                        c->options.args[0], running, (double)c->options.most / MCMP_SEC);
    (void)printf("%s: drained in %.1f s\n", c->options.args[0],
                 (double)(ctl_now() - start) / MCMP_SEC);
    return CTL_OK;
}

static int drain(ctl *c, const ctl_target *target)
{
    const mcmp_answer_info *answer;
    uint64_t running = 0;
    int rc = ctl_target_send(c, target, MCMP_COMMAND_DISABLE_APP, &answer);

    if (rc != CTL_OK)
        return rc;
    if (c->options.sessions > 0) {
        (void)printf("%s: disabled, sessions have %g s\n", c->options.args[0],
                     (double)c->options.sessions / MCMP_SEC);
        (void)fflush(stdout);
        ctl_sleep(c->options.sessions);
    }
    rc = stop_and_count(c, target, &running);
    if (rc != CTL_OK)
        return rc;
    if (c->options.wait)
        return wait_idle(c, target, running);
    (void)printf("%s: stopped, running %" PRIu64 "\n", c->options.args[0], running);
    return CTL_OK;
}

int ctl_run_drain(ctl *c)
{
    ctl_target target;
    int rc = ctl_target_take(c, &target, c->options.args[0]);

    if (rc != CTL_OK)
        return rc;
    rc = drain(c, &target);
    ctl_target_clear(&target);
    return rc;
}
