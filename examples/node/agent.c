/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The library's agent on libuv, see agent.h. One link per open connection; the agent's numbers tell
 * which is which.
 */
#include "agent.h"
#include "conn.h"
#include "log.h"
#include "registration.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_WAIT_MS 1000u /* until an agent without memory is asked again */

typedef struct node_link {
    node_agent *agent;
    node_conn *conn;
    mcmp_handle proxy;
    uint64_t connection;
    struct node_link *next;
} node_link;

struct node_agent {
    uv_loop_t *loop;
    const node_options *options;
    node_tls *tls;
    node_agent_events events;
    void *ctx;
    mcmp_agent *core;
    uv_timer_t *timer;
    node_link *links;
    int is_ready;
    int has_ended;
    int pumping;
};

static void pump(node_agent *agent);

static mcmp_time now_of(void)
{
    return (mcmp_time)(uv_hrtime() / 1000);
}

/* ---- links ---- */

static void drop_link(node_link *link)
{
    node_link **at = &link->agent->links;

    while (*at != link)
        at = &(*at)->next;
    *at = link->next;
    node_conn_close(link->conn);
    free(link);
}

static node_link *find_link(const node_agent *agent, uint64_t connection)
{
    node_link *link = agent->links;

    while (link != NULL && link->connection != connection)
        link = link->next;
    return link;
}

static void on_connected(void *ctx)
{
    node_link *link = ctx;
    node_agent *agent = link->agent;

    if (mcmp_agent_connected(agent->core, link->proxy, link->connection, now_of()) != MCMP_OK)
        drop_link(link);
    pump(agent);
}

/* Without memory the answer is lost, and so the connection. */
static void give_up(node_link *link)
{
    node_agent *agent = link->agent;

    (void)mcmp_agent_closed(agent->core, link->proxy, link->connection, now_of(), "no memory",
                            NULL);
    drop_link(link);
}

static void on_received(void *ctx, const char *data, size_t len)
{
    node_link *link = ctx;
    node_agent *agent = link->agent;
    size_t used;
    int rc = mcmp_agent_received(agent->core, link->proxy, link->connection, now_of(), data, len,
                                 &used, NULL);

    if (rc == MCMP_ERR_STALE)
        drop_link(link);
    else if (rc != MCMP_OK)
        give_up(link);
    pump(agent);
}

static void on_closed(void *ctx, const char *why)
{
    node_link *link = ctx;
    node_agent *agent = link->agent;

    if (mcmp_agent_closed(agent->core, link->proxy, link->connection, now_of(), why, NULL) ==
        MCMP_ERR_NOMEM)
        (void)mcmp_agent_closed(agent->core, link->proxy, link->connection, now_of(), "no memory",
                                NULL);
    drop_link(link);
    pump(agent);
}

static void open_link(node_agent *agent, const mcmp_agent_step *step)
{
    static const node_conn_events events = { on_connected, on_received, on_closed };
    node_conn_target target = { step->host, step->port, NULL, agent->options->connect_timeout };
    node_link *link = calloc(1, sizeof(*link));

    if ((step->flags & MCMP_AGENT_TLS) != 0)
        target.tls = agent->tls;
    if (link != NULL)
        link->conn = node_conn_open(agent->loop, &target, &events, link);
    if (link == NULL || link->conn == NULL) {
        free(link);
        (void)mcmp_agent_closed(agent->core, step->proxy, step->connection, now_of(), "no memory",
                                NULL);
        return;
    }
    link->agent = agent;
    link->proxy = step->proxy;
    link->connection = step->connection;
    link->next = agent->links;
    agent->links = link;
}

/* ---- steps ---- */

static void do_step(node_agent *agent, const mcmp_agent_step *step)
{
    node_link *link;

    if (step->action == MCMP_AGENT_CONNECT) {
        open_link(agent, step);
        return;
    }
    link = find_link(agent, step->connection);
    if (link == NULL)
        return;
    if (step->action == MCMP_AGENT_SEND)
        node_conn_write(link->conn, step->bytes.ptr, step->bytes.len);
    else
        drop_link(link);
}

static void on_due(uv_timer_t *timer)
{
    pump(timer->data);
}

static void end(node_agent *agent)
{
    if (agent->has_ended)
        return;
    agent->has_ended = 1;
    uv_timer_stop(agent->timer);
    agent->events.ended(agent->ctx);
}

static size_t count_state(const node_agent *agent, uint32_t state, size_t *out_all)
{
    mcmp_agent_info info;
    size_t count = 0;

    *out_all = 0;
    mcmp_agent_info_init(&info);
    for (mcmp_handle h = mcmp_agent_each(agent->core, 0); h != 0;
         h = mcmp_agent_each(agent->core, h)) {
        if (mcmp_agent_get(agent->core, h, &info) != MCMP_OK)
            continue;
        count += info.state == state;
        ++*out_all;
    }
    return count;
}

/* Ready at the first registration; over when all refuse for good, and none can be found. */
static void look_around(node_agent *agent)
{
    size_t all;

    if (!agent->is_ready && count_state(agent, MCMP_AGENT_STATE_REGISTERED, &all) > 0) {
        agent->is_ready = 1;
        agent->events.ready(agent->ctx);
    }
    if (!agent->options->advertise && count_state(agent, MCMP_AGENT_STATE_REFUSED, &all) == all &&
        all > 0)
        end(agent);
}

/* Calls from inside a step (a connection that fails at once) are taken up by the loop here. */
static void pump(node_agent *agent)
{
    mcmp_agent_step step;
    mcmp_time now;
    int rc;

    if (agent->pumping || agent->has_ended)
        return;
    agent->pumping = 1;
    mcmp_agent_step_init(&step);
    while ((rc = mcmp_agent_next(agent->core, now = now_of(), &step, NULL)) == MCMP_OK)
        do_step(agent, &step);
    agent->pumping = 0;
    if (rc == MCMP_WAIT && step.until != INT64_MAX)
        uv_timer_start(agent->timer, on_due,
                       (uint64_t)((step.until - now + MCMP_MSEC - 1) / MCMP_MSEC), 0);
    else if (rc < 0)
        uv_timer_start(agent->timer, on_due, MEMORY_WAIT_MS, 0);
    if (rc == MCMP_DONE)
        end(agent);
    else
        look_around(agent);
}

/* ---- the life of it ---- */

static void on_log(void *ctx, int level, const char *module, const char *msg, size_t len)
{
    (void)ctx;
    (void)module;
    (void)len;
    node_log_line(level, msg);
}

static int32_t on_load(void *ctx, mcmp_time now)
{
    node_agent *agent = ctx;

    (void)now;
    return agent->events.load(agent->ctx);
}

/* 0 would mean the default: the shortest time says it. */
static mcmp_time or_at_once(mcmp_time time)
{
    return time > 0 ? time : 1;
}

static int open_core(node_agent *agent, uint32_t port, const char **why)
{
    static mcmp_error err; /* *why may point into it */
    const node_options *options = agent->options;
    node_registration *registration = calloc(1, sizeof(*registration));
    mcmp_agent_options opts;
    mcmp_logger logger;
    int rc;

    *why = "no memory";
    if (registration == NULL)
        return -1;
    node_registration_fill(registration, options, port);
    mcmp_agent_options_init(&opts);
    mcmp_logger_init(&logger);
    mcmp_error_init(&err);
    logger.fn = on_log;
    logger.level = MCMP_LOG_DEBUG;
    opts.node = &registration->message;
    opts.interval = options->interval;
    opts.connect_timeout = options->connect_timeout;
    opts.answer_timeout = options->answer_timeout;
    opts.drain_wait = options->drain_wait > 0 ? options->drain_wait : MCMP_NEVER;
    opts.drain_timeout = or_at_once(options->drain_timeout);
    opts.max_proxies = NODE_PROXIES_MAX;
    opts.load = on_load;
    opts.ctx = agent;
    opts.logger = &logger;
    (void)uv_random(NULL, NULL, &opts.seed, sizeof(opts.seed), 0, NULL); /* only for jitter */
    rc = mcmp_agent_new(&agent->core, &opts, &err);
    free(registration);
    if (rc != MCMP_OK)
        *why = err.message;
    return rc == MCMP_OK ? 0 : -1;
}

static int add_proxy(node_agent *agent, const node_proxy *given, const char **why)
{
    static mcmp_error err;
    mcmp_agent_proxy proxy;

    mcmp_agent_proxy_init(&proxy);
    mcmp_error_init(&err);
    proxy.host = given->host;
    proxy.port = given->port;
    proxy.path = given->prefix;
    proxy.name = node_span_of(given->name);
    proxy.flags = given->tls ? MCMP_AGENT_TLS : 0;
    if (mcmp_agent_add(agent->core, &proxy, now_of(), NULL, &err) == MCMP_OK)
        return 0;
    *why = err.message;
    return -1;
}

node_agent *node_agent_start(uv_loop_t *loop, const node_options *options, node_tls *tls,
                             uint32_t port, const node_agent_events *events, void *ctx,
                             const char **why)
{
    node_agent *agent = calloc(1, sizeof(*agent));

    *why = "no memory";
    if (agent == NULL)
        return NULL;
    agent->loop = loop;
    agent->options = options;
    agent->tls = tls;
    agent->events = *events;
    agent->ctx = ctx;
    agent->timer = calloc(1, sizeof(*agent->timer));
    if (agent->timer == NULL) {
        free(agent);
        return NULL;
    }
    uv_timer_init(loop, agent->timer);
    agent->timer->data = agent;
    if (open_core(agent, port, why) != 0)
        goto fail;
    for (size_t i = 0; i < options->proxy_count; i++)
        if (add_proxy(agent, &options->proxies[i], why) != 0)
            goto fail;
    uv_timer_start(agent->timer, on_due, 0, 0);
    return agent;

fail:
    node_agent_free(agent);
    return NULL;
}

void node_agent_drain(node_agent *agent)
{
    (void)mcmp_agent_drain(agent->core, 0, now_of());
    pump(agent);
}

void node_agent_set_health(node_agent *agent, uint32_t health)
{
    (void)mcmp_agent_set_health(agent->core, health, now_of());
    pump(agent);
}

int node_agent_exit_code(const node_agent *agent)
{
    size_t all;
    size_t refused = count_state(agent, MCMP_AGENT_STATE_REFUSED, &all);
    size_t removed = count_state(agent, MCMP_AGENT_STATE_REMOVED, &all);

    if (refused + removed < all)
        return NODE_EXIT_INCOMPLETE;
    return refused > 0 && refused == all ? NODE_EXIT_REFUSED : NODE_EXIT_OK;
}

size_t node_agent_registered(const node_agent *agent, size_t *out_proxies)
{
    return count_state(agent, MCMP_AGENT_STATE_REGISTERED, out_proxies);
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle);
}

void node_agent_free(node_agent *agent)
{
    if (agent == NULL)
        return;
    while (agent->links != NULL)
        drop_link(agent->links);
    mcmp_agent_free(agent->core);
    uv_close((uv_handle_t *)agent->timer, on_timer_closed);
    free(agent);
}

/* ---- proxies that are found ---- */

static mcmp_handle find_proxy(const node_agent *agent, mcmp_span host, uint32_t port,
                              mcmp_agent_info *info)
{
    mcmp_agent_info_init(info);
    for (mcmp_handle h = mcmp_agent_each(agent->core, 0); h != 0;
         h = mcmp_agent_each(agent->core, h))
        if (mcmp_agent_get(agent->core, h, info) == MCMP_OK && info->port == port &&
            info->host.len == host.len && memcmp(info->host.ptr, host.ptr, host.len) == 0)
            return h;
    return 0;
}

void node_agent_found(node_agent *agent, mcmp_span host, uint32_t port, int tls, int is_new)
{
    mcmp_agent_proxy proxy;
    mcmp_handle handle = 0;
    mcmp_error err;
    int rc;

    mcmp_agent_proxy_init(&proxy);
    mcmp_error_init(&err);
    proxy.host = host;
    proxy.port = port;
    proxy.flags = MCMP_AGENT_FOUND | (tls ? MCMP_AGENT_TLS : 0);
    rc = mcmp_agent_add(agent->core, &proxy, now_of(), &handle, &err);
    if (rc == MCMP_OK && is_new) /* another start of it may take what the last one refused */
        (void)mcmp_agent_retry(agent->core, handle, now_of());
    if (rc != MCMP_OK && rc != MCMP_ERR_STATE)
        node_log(MCMP_LOG_WARN, "advertise", "%.*s:%u is left out: %s", (int)host.len, host.ptr,
                 port, err.message);
    pump(agent);
}

void node_agent_left(node_agent *agent, mcmp_span host, uint32_t port)
{
    mcmp_agent_info info;
    mcmp_handle handle = find_proxy(agent, host, port, &info);

    if (handle != 0 && (info.flags & MCMP_AGENT_FOUND) != 0)
        (void)mcmp_agent_forget(agent->core, handle);
    pump(agent);
}
