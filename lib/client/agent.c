/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent as an object: options, the table of its proxies, and what the host wishes. A proxy's
 * slot is used again; its generation tells a stale handle.
 */
#include "client/agent.h"

#include <libmcmp/view.h>

#define DEFAULT_PROXIES 64
#define PROXIES_MAX 65536
#define HOST_MAX_BYTES 255
#define PATH_MAX_BYTES 1024

void mcmp_agent_options_init_sized(mcmp_agent_options *opts, size_t size)
{
    mcmp__sized_init(opts, size);
}

void mcmp_agent_proxy_init_sized(mcmp_agent_proxy *proxy, size_t size)
{
    mcmp__sized_init(proxy, size);
}

void mcmp_agent_step_init_sized(mcmp_agent_step *step, size_t size)
{
    mcmp__sized_init(step, size);
}

void mcmp_agent_info_init_sized(mcmp_agent_info *info, size_t size)
{
    mcmp__sized_init(info, size);
}

/* ---- options ---- */

static int set_time(mcmp_time *value, mcmp_time standard, int never, const char *name,
                    mcmp_error *err)
{
    if (*value == 0)
        *value = standard;
    if (*value < 0 && !(never && *value == MCMP_NEVER))
        return mcmp__fail(err, MCMP_ERR_INVALID, name, "%s must not be negative", name);
    return MCMP_OK;
}

static int set_times(mcmp_agent_options *o, mcmp_error *err)
{
    if (set_time(&o->interval, 10 * MCMP_SEC, 0, "interval", err) != MCMP_OK ||
        set_time(&o->connect_timeout, 5 * MCMP_SEC, 0, "connect_timeout", err) != MCMP_OK ||
        set_time(&o->answer_timeout, 20 * MCMP_SEC, 0, "answer_timeout", err) != MCMP_OK ||
        set_time(&o->backoff_first, 250 * MCMP_MSEC, 0, "backoff_first", err) != MCMP_OK ||
        set_time(&o->backoff_most, MCMP__MIN(o->interval, 30 * MCMP_SEC), 0, "backoff_most", err) !=
            MCMP_OK ||
        set_time(&o->drain_wait, 10 * MCMP_SEC, 1, "drain_wait", err) != MCMP_OK ||
        set_time(&o->drain_timeout, 10 * MCMP_SEC, 1, "drain_timeout", err) != MCMP_OK ||
        set_time(&o->stop_poll, 100 * MCMP_MSEC, 0, "stop_poll", err) != MCMP_OK ||
        set_time(&o->forget_after, 300 * MCMP_SEC, 1, "forget_after", err) != MCMP_OK)
        return MCMP_ERR_INVALID;
    if (o->drain_wait == MCMP_NEVER)
        o->drain_wait = 0;
    return MCMP_OK;
}

static int take_options(mcmp_agent_options *o, const mcmp_agent_options *from, mcmp_error *err)
{
    int rc = mcmp__sized_in(o, sizeof(*o), from, sizeof(size_t));

    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "options", "not initialised, or of a newer version");
    if (o->reserved != 0)
        return mcmp__fail(err, MCMP_ERR_UNSUPPORTED, "reserved", "must be 0");
    if (o->node == NULL)
        return mcmp__fail(err, MCMP_ERR_INVALID, "node", "an agent needs a node");
    if (o->max_proxies == 0)
        o->max_proxies = DEFAULT_PROXIES;
    if (o->max_proxies > PROXIES_MAX)
        return mcmp__fail(err, MCMP_ERR_INVALID, "max_proxies", "at most %d", PROXIES_MAX);
    if (o->max_answer == 0)
        o->max_answer = (uint64_t)8 << 20;
    return set_times(o, err);
}

static int take_logger(mcmp_logger *logger, const mcmp_logger *from, mcmp_error *err)
{
    int rc = mcmp__sized_in(logger, sizeof(*logger), from, sizeof(size_t));

    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "logger", "not initialised, or of a newer version");
    logger->struct_size = sizeof(*logger);
    return MCMP_OK;
}

int mcmp_agent_new(mcmp_agent **out, const mcmp_agent_options *opts, mcmp_error *err)
{
    mcmp_agent_options options;
    mcmp_allocator allocator;
    mcmp_agent *agent;
    int rc = take_options(&options, opts, err);

    if (rc != MCMP_OK)
        return rc;
    rc = mcmp__allocator_take(&allocator, options.allocator);
    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "allocator", "not initialised, or incomplete");
    agent = mcmp__calloc(&allocator, 1, sizeof(*agent));
    if (agent == NULL)
        return mcmp__fail(err, MCMP_ERR_NOMEM, NULL, "no memory for an agent");
    agent->allocator = allocator;
    agent->options = options;
    agent->random = options.seed;
    rc = take_logger(&agent->logger, options.logger, err);
    if (rc == MCMP_OK)
        rc = mcmp__self_copy(agent, options.node, err);
    if (rc != MCMP_OK)
        goto fail;
    agent->slots = mcmp__calloc(&allocator, options.max_proxies, sizeof(*agent->slots));
    if (agent->slots == NULL) {
        rc = mcmp__fail(err, MCMP_ERR_NOMEM, NULL, "no memory for an agent");
        goto fail;
    }
    agent->options.node = NULL;
    agent->options.allocator = NULL;
    agent->options.logger = NULL;
    *out = agent;
    return MCMP_OK;

fail:
    mcmp_agent_free(agent);
    return rc;
}

/* ---- proxies ---- */

static void free_peer(mcmp__peer *peer)
{
    const mcmp_allocator *allocator = &peer->agent->allocator;

    mcmp_answer_free(peer->answer);
    mcmp__buf_clear(&peer->stale);
    mcmp__buf_clear(&peer->request);
    mcmp__free(allocator, peer->told, peer->agent->node.context_count);
    mcmp__free(allocator, peer->text, peer->text_size);
    mcmp__free(allocator, peer, sizeof(*peer));
}

void mcmp_agent_free(mcmp_agent *agent)
{
    mcmp_allocator allocator;

    if (agent == NULL)
        return;
    for (size_t i = 0; i < agent->slot_count; i++)
        if (agent->slots[i].peer != NULL)
            free_peer(agent->slots[i].peer);
    allocator = agent->allocator;
    mcmp__free(&allocator, agent->slots, agent->options.max_proxies * sizeof(*agent->slots));
    mcmp__self_clear(agent);
    mcmp__free(&allocator, agent, sizeof(*agent));
}

mcmp__peer *mcmp__agent_peer(const mcmp_agent *agent, mcmp_handle handle)
{
    uint32_t index = mcmp__handle_index(handle);

    if (index >= agent->slot_count ||
        agent->slots[index].generation != mcmp__handle_generation(handle))
        return NULL;
    return agent->slots[index].peer;
}

void mcmp__agent_drop(mcmp__peer *peer)
{
    mcmp__peer_slot *slot = &peer->agent->slots[mcmp__handle_index(peer->handle)];

    slot->peer = NULL;
    free_peer(peer);
}

static mcmp__peer *find_peer(const mcmp_agent *agent, const mcmp_agent_proxy *proxy)
{
    for (size_t i = 0; i < agent->slot_count; i++) {
        mcmp__peer *peer = agent->slots[i].peer;

        if (peer != NULL && !peer->gone && !peer->drain && peer->port == proxy->port &&
            mcmp__span_eq_nocase(peer->host, proxy->host))
            return peer;
    }
    return NULL;
}

/* A new announcement of a proxy that was out of reach: it may be back. */
static void announce_again(mcmp__peer *peer, mcmp_time now)
{
    mcmp_time soonest = peer->failed_at + peer->agent->options.backoff_first;

    if (peer->failures == 0)
        return;
    peer->failing_since = now;
    if (peer->hold_until > soonest)
        peer->hold_until = soonest;
}

static mcmp_span put(char **at, mcmp_span text)
{
    mcmp_span copy = { *at, text.len };

    if (text.len > 0)
        memcpy(*at, text.ptr, text.len);
    *at += text.len;
    return copy;
}

/* `host:port`, the host in brackets when it is an IPv6 address. */
static mcmp_span put_authority(char **at, mcmp_span host, uint32_t port)
{
    static const mcmp_span marks[] = { MCMP__SPAN("["), MCMP__SPAN("]:"), MCMP__SPAN(":") };
    int is_v6 = memchr(host.ptr, ':', host.len) != NULL;
    mcmp_span all = { *at, 0 };

    if (is_v6)
        (void)put(at, marks[0]);
    (void)put(at, host);
    (void)put(at, marks[is_v6 ? 1 : 2]);
    *at += mcmp__format_uint(*at, port);
    all.len = (size_t)(*at - all.ptr);
    return all;
}

static int check_proxy(const mcmp_agent_proxy *proxy, mcmp_error *err)
{
    mcmp_message message;
    size_t len;

    if (proxy->host.len == 0 || proxy->host.len > HOST_MAX_BYTES || proxy->host.ptr[0] == '[')
        return mcmp__fail(err, MCMP_ERR_INVALID, "host", "1 to %d bytes, IPv6 without brackets",
                          HOST_MAX_BYTES);
    if (proxy->path.len > PATH_MAX_BYTES)
        return mcmp__fail(err, MCMP_ERR_INVALID, "path", "at most %d bytes", PATH_MAX_BYTES);
    if (proxy->port < 1 || proxy->port > 65535)
        return mcmp__fail(err, MCMP_ERR_INVALID, "port", "1 to 65535");
    if ((proxy->flags & ~(MCMP_AGENT_TLS | MCMP_AGENT_FOUND)) != 0)
        return mcmp__fail(err, MCMP_ERR_UNSUPPORTED, "flags", "not known to this version");
    mcmp_message_init(&message); /* what may stand in a head is known there */
    message.command = MCMP_COMMAND_INFO;
    message.path = proxy->path;
    message.host_header = proxy->host;
    if (mcmp_message_encode(&message, NULL, 0, &len, NULL) != MCMP_ERR_SPACE)
        return mcmp__fail(err, MCMP_ERR_INVALID, "host", "host or path has a forbidden byte");
    return MCMP_OK;
}

static int fill_peer(mcmp__peer *peer, const mcmp_agent_proxy *proxy, mcmp_error *err)
{
    const mcmp_allocator *allocator = &peer->agent->allocator;
    mcmp_answer_options answers;
    char *at;

    peer->text_size = 2 * proxy->host.len + proxy->path.len + proxy->name.len + 24;
    peer->text = mcmp__alloc(allocator, peer->text_size);
    peer->told = mcmp__calloc(allocator, peer->agent->node.context_count, 1);
    if (peer->text == NULL || peer->told == NULL)
        return mcmp__fail(err, MCMP_ERR_NOMEM, NULL, "no memory for a proxy");
    at = peer->text;
    peer->host = put(&at, proxy->host);
    peer->path = put(&at, proxy->path);
    peer->authority = put_authority(&at, proxy->host, proxy->port);
    peer->name = proxy->name.len > 0 ? put(&at, proxy->name) : peer->authority;
    peer->port = proxy->port;
    peer->flags = proxy->flags;
    mcmp_answer_options_init(&answers);
    answers.max_body = peer->agent->options.max_answer;
    answers.allocator = allocator;
    return mcmp_answer_new(&peer->answer, &answers, err);
}

static int new_peer(mcmp_agent *agent, size_t index, const mcmp_agent_proxy *proxy, mcmp_error *err)
{
    mcmp__peer *peer = mcmp__calloc(&agent->allocator, 1, sizeof(*peer));
    mcmp__peer_slot *slot = &agent->slots[index];
    int rc;

    if (peer == NULL)
        return mcmp__fail(err, MCMP_ERR_NOMEM, NULL, "no memory for a proxy");
    peer->agent = agent;
    mcmp__buf_init(&peer->stale, &agent->allocator, 0);
    mcmp__buf_init(&peer->request, &agent->allocator, 0);
    rc = fill_peer(peer, proxy, err);
    if (rc != MCMP_OK) {
        free_peer(peer);
        return rc;
    }
    slot->generation = slot->generation == UINT32_MAX ? 1 : slot->generation + 1;
    slot->peer = peer;
    peer->handle = (mcmp_handle)slot->generation << 32 | index;
    if (index == agent->slot_count)
        agent->slot_count++;
    return MCMP_OK;
}

static size_t free_slot(const mcmp_agent *agent)
{
    size_t i = 0;

    while (i < agent->slot_count && agent->slots[i].peer != NULL)
        i++;
    return i;
}

int mcmp_agent_add(mcmp_agent *agent, const mcmp_agent_proxy *proxy, mcmp_time now,
                   mcmp_handle *out, mcmp_error *err)
{
    mcmp_agent_proxy given;
    mcmp__peer *peer;
    size_t index;
    int rc = mcmp__sized_in(&given, sizeof(given), proxy, sizeof(size_t));

    if (rc != MCMP_OK || proxy == NULL)
        return mcmp__fail(err, rc != MCMP_OK ? rc : MCMP_ERR_INVALID, "proxy",
                          "not initialised, or of a newer version");
    rc = check_proxy(&given, err);
    if (rc != MCMP_OK)
        return rc;
    if (agent->drain)
        return mcmp__fail(err, MCMP_ERR_STATE, NULL, "the agent drains");
    peer = find_peer(agent, &given);
    if (peer != NULL) {
        announce_again(peer, now);
    } else {
        index = free_slot(agent);
        if (index == agent->options.max_proxies)
            return mcmp__fail(err, MCMP_ERR_LIMIT, "max_proxies", "more than %zu proxies", index);
        rc = new_peer(agent, index, &given, err);
        if (rc != MCMP_OK)
            return rc;
        peer = agent->slots[index].peer;
    }
    if (out != NULL)
        *out = peer->handle;
    return MCMP_OK;
}

/* ---- what the host wishes ---- */

int mcmp_agent_retry(mcmp_agent *agent, mcmp_handle proxy, mcmp_time now)
{
    mcmp__peer *peer = mcmp__agent_peer(agent, proxy);

    (void)now;
    if (peer == NULL || peer->gone)
        return MCMP_ERR_STALE;
    if (!peer->drain && !mcmp__wire_is_asking(peer))
        mcmp__plan_restart(peer);
    return MCMP_OK;
}

int mcmp_agent_forget(mcmp_agent *agent, mcmp_handle proxy)
{
    mcmp__peer *peer = mcmp__agent_peer(agent, proxy);

    if (peer == NULL || peer->gone)
        return MCMP_ERR_STALE;
    mcmp__peer_log(peer, MCMP_LOG_INFO, "is forgotten");
    mcmp__wire_drop(peer);
    peer->gone = 1;
    return MCMP_OK;
}

int mcmp_agent_set_health(mcmp_agent *agent, uint32_t health, mcmp_time now)
{
    if (health > MCMP_AGENT_AWAY)
        return MCMP_ERR_INVALID;
    if (health == agent->health)
        return MCMP_OK;
    agent->health = health;
    for (size_t i = 0; i < agent->slot_count; i++) {
        mcmp__peer *peer = agent->slots[i].peer;

        if (peer == NULL || peer->gone || mcmp__wire_is_asking(peer))
            continue; /* one that is asking follows when it has its answer */
        if (peer->state == MCMP__PLAN_STATUS)
            peer->hold_until = peer->status_due = 0;
        mcmp__plan_settle(peer, now);
    }
    return MCMP_OK;
}

int mcmp_agent_set_context(mcmp_agent *agent, mcmp_span context, uint32_t status, mcmp_time now)
{
    size_t at = 0;

    if (status < MCMP_STATUS_ENABLED || status > MCMP_STATUS_STOPPED)
        return MCMP_ERR_INVALID;
    while (at < agent->node.context_count && !mcmp__span_eq(agent->node.contexts[at], context))
        at++;
    if (at == agent->node.context_count)
        return MCMP_ERR_NOT_FOUND;
    agent->wanted[at] = (uint8_t)status;
    for (size_t i = 0; i < agent->slot_count; i++) {
        mcmp__peer *peer = agent->slots[i].peer;

        if (peer != NULL && !peer->gone && !mcmp__wire_is_asking(peer))
            mcmp__plan_settle(peer, now);
    }
    return MCMP_OK;
}

int mcmp_agent_drain(mcmp_agent *agent, mcmp_handle proxy, mcmp_time now)
{
    mcmp__peer *peer;

    if (proxy != 0) {
        peer = mcmp__agent_peer(agent, proxy);
        if (peer == NULL || peer->gone)
            return MCMP_ERR_STALE;
        mcmp__plan_drain(peer, now);
        return MCMP_OK;
    }
    agent->drain = 1;
    for (size_t i = 0; i < agent->slot_count; i++)
        if (agent->slots[i].peer != NULL && !agent->slots[i].peer->gone)
            mcmp__plan_drain(agent->slots[i].peer, now);
    return MCMP_OK;
}

/* ---- views ---- */

mcmp_handle mcmp_agent_each(const mcmp_agent *agent, mcmp_handle after)
{
    for (size_t i = after == 0 ? 0 : (size_t)mcmp__handle_index(after) + 1; i < agent->slot_count;
         i++)
        if (agent->slots[i].peer != NULL && !agent->slots[i].peer->gone)
            return agent->slots[i].peer->handle;
    return 0;
}

static uint32_t state_of(const mcmp__peer *peer)
{
    if (peer->state == MCMP__PLAN_OVER)
        return peer->end;
    if (peer->state >= MCMP__PLAN_DISABLE)
        return MCMP_AGENT_STATE_DRAINING;
    if (peer->in_service)
        return MCMP_AGENT_STATE_REGISTERED;
    return peer->state == MCMP__PLAN_INFO && peer->agent->health != MCMP_AGENT_UP
               ? MCMP_AGENT_STATE_HELD
               : MCMP_AGENT_STATE_REGISTERING;
}

static mcmp_time due_of(const mcmp__peer *peer)
{
    if (peer->wire == MCMP__WIRE_CONNECTING || peer->wire == MCMP__WIRE_WAITING)
        return peer->deadline;
    if (peer->state == MCMP__PLAN_OVER ||
        (peer->state == MCMP__PLAN_INFO && peer->agent->health != MCMP_AGENT_UP))
        return INT64_MAX;
    return peer->hold_until;
}

int mcmp_agent_get(const mcmp_agent *agent, mcmp_handle proxy, mcmp_agent_info *info)
{
    const mcmp__peer *peer = mcmp__agent_peer(agent, proxy);
    mcmp_agent_info found = { .struct_size = sizeof(found) };

    if (peer == NULL || peer->gone)
        return MCMP_ERR_STALE;
    found.name = peer->name;
    found.host = peer->host;
    found.reason = mcmp__span_str(peer->reason);
    found.port = peer->port;
    found.flags = peer->flags;
    found.state = state_of(peer);
    found.failures = peer->failures;
    found.id = peer->id;
    found.registrations = peer->registrations;
    found.statuses = peer->statuses;
    found.running = peer->running_shown;
    found.due = due_of(peer);
    return mcmp__sized_out(info, &found, sizeof(found));
}
