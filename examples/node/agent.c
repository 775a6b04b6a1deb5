/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the plans, see agent.h. Each balancer has its own plan, connection and timer, so none waits
 * for another.
 */
#include "agent.h"
#include "link.h"
#include "log.h"
#include "plan.h"

#include <stdlib.h>
#include <string.h>

typedef struct node_member {
    node_agent *agent;
    const node_proxy *proxy;
    node_plan plan;
    node_link *link;
    uv_timer_t *timer;
} node_member;

struct node_agent {
    uv_loop_t *loop;
    const node_options *options;
    node_agent_fn ready;
    node_agent_fn ended;
    void *ctx;
    int is_ready;
    int has_ended;
    size_t count;
    node_member members[NODE_PROXIES_MAX];
};

int32_t node_load_of(double average, unsigned processors)
{
    double free_share = 1.0 - average / (processors > 0 ? processors : 1);
    int32_t load = (int32_t)(free_share * 100.0 + 0.5);

    return load < 1 ? 1 : load > 100 ? 100 : load;
}

static int32_t system_load(void)
{
    double averages[3] = { 0, 0, 0 };

    uv_loadavg(averages);
    return node_load_of(averages[0], uv_available_parallelism());
}

static mcmp_time now_of(const node_agent *agent)
{
    (void)agent;
    return (mcmp_time)(uv_hrtime() / 1000);
}

static void check_ended(node_agent *agent)
{
    for (size_t i = 0; i < agent->count; i++)
        if (agent->members[i].plan.end == 0)
            return;
    if (agent->has_ended)
        return;
    agent->has_ended = 1;
    agent->ended(agent->ctx);
}

/* While draining, a mute balancer may use the time that is left, and a little for the farewell. */
static void hurry(node_member *member)
{
    mcmp_time left = member->plan.stop_by - now_of(member->agent);

    if (member->plan.drain)
        node_link_hurry(member->link, left > MCMP_SEC ? left : MCMP_SEC);
}

static void run(node_member *member);

static void on_due(uv_timer_t *timer)
{
    run(timer->data);
}

static void send_next(node_member *member)
{
    plan_lists lists;
    mcmp_message message;
    mcmp_error err;
    size_t len = 0;
    char *bytes = NULL;
    int rc;

    if (member->agent->options->load < 0)
        member->plan.load = system_load();
    hurry(member);
    mcmp_error_init(&err);
    plan_message(&member->plan, member->proxy, &lists, &message);
    rc = mcmp_message_encode(&message, NULL, 0, &len, &err);
    if (rc == MCMP_ERR_SPACE)
        bytes = malloc(len);
    if (bytes != NULL)
        rc = mcmp_message_encode(&message, bytes, len, &len, &err);
    if (bytes == NULL || rc != MCMP_OK || node_link_send(member->link, bytes, len) != 0) {
        plan_failed(&member->plan, now_of(member->agent), 0,
                    rc != MCMP_OK && rc != MCMP_ERR_SPACE ? err.message : "no memory");
        uv_timer_start(member->timer, on_due, 0, 0);
    }
    free(bytes);
}

static void run(node_member *member)
{
    mcmp_time now = now_of(member->agent);
    mcmp_time until;
    uint64_t delay;

    switch (plan_next(&member->plan, now, &until)) {
    case PLAN_SEND:
        uv_timer_stop(member->timer);
        send_next(member);
        break;
    case PLAN_WAIT:
        delay = (uint64_t)(until - now + MCMP_MSEC - 1) / MCMP_MSEC;
        if (until != INT64_MAX)
            uv_timer_start(member->timer, on_due, delay, 0);
        break;
    default:
        uv_timer_stop(member->timer);
        check_ended(member->agent);
    }
}

static void on_done(void *ctx, const mcmp_answer_info *answer, int code, const char *why)
{
    node_member *member = ctx;
    node_agent *agent = member->agent;

    if (answer != NULL)
        plan_answer(&member->plan, now_of(agent), answer);
    else
        plan_failed(&member->plan, now_of(agent), code, why);
    if (member->plan.was_ok && !agent->is_ready) {
        agent->is_ready = 1;
        agent->ready(agent->ctx);
    }
    run(member);
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle);
}

static int open_member(node_agent *agent, const node_proxy *proxy, uint32_t port)
{
    node_member *member = &agent->members[agent->count];
    uint64_t seed = uv_hrtime() ^ (uint64_t)(uintptr_t)member;

    (void)uv_random(NULL, NULL, &seed, sizeof(seed), 0, NULL); /* only jitter depends on it */
    member->agent = agent;
    member->proxy = proxy;
    member->timer = calloc(1, sizeof(*member->timer));
    if (member->timer == NULL)
        return -1;
    member->link = node_link_new(agent->loop, proxy, agent->options, on_done, member);
    if (member->link == NULL) {
        free(member->timer);
        return -1;
    }
    plan_init(&member->plan, agent->options, proxy->name, port, seed);
    uv_timer_init(agent->loop, member->timer);
    member->timer->data = member;
    uv_timer_start(member->timer, on_due, 0, 0);
    agent->count++;
    return 0;
}

node_agent *node_agent_start(uv_loop_t *loop, const node_options *options, uint32_t port,
                             node_agent_fn ready, node_agent_fn ended, void *ctx)
{
    node_agent *agent = calloc(1, sizeof(*agent));

    if (agent == NULL)
        return NULL;
    agent->loop = loop;
    agent->options = options;
    agent->ready = ready;
    agent->ended = ended;
    agent->ctx = ctx;
    for (size_t i = 0; i < options->proxy_count; i++) {
        if (open_member(agent, &options->proxies[i], port) == 0)
            continue;
        node_agent_free(agent);
        return NULL;
    }
    return agent;
}

void node_agent_drain(node_agent *agent)
{
    for (size_t i = 0; i < agent->count; i++) {
        node_member *member = &agent->members[i];

        plan_drain(&member->plan, now_of(agent));
        hurry(member);
        uv_timer_start(member->timer, on_due, 0, 0);
    }
    check_ended(agent);
}

int node_agent_exit_code(const node_agent *agent)
{
    size_t refused = 0;

    for (size_t i = 0; i < agent->count; i++) {
        if (agent->members[i].plan.end == PLAN_END_INCOMPLETE || agent->members[i].plan.end == 0)
            return NODE_EXIT_INCOMPLETE;
        refused += agent->members[i].plan.end == PLAN_END_REFUSED;
    }
    return refused > 0 && refused == agent->count ? NODE_EXIT_REFUSED : NODE_EXIT_OK;
}

void node_agent_free(node_agent *agent)
{
    if (agent == NULL)
        return;
    for (size_t i = 0; i < agent->count; i++) {
        node_member *member = &agent->members[i];

        node_link_free(member->link);
        plan_clear(&member->plan);
        uv_close((uv_handle_t *)member->timer, on_timer_closed);
    }
    free(agent);
}
