/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections, as steps for the host and events from it. One request is under way per proxy. A
 * number tells each connection from those before it, so an event that comes too late is
 * recognised. A connection that has carried an answer may be closed by the proxy at any time while
 * it is idle: a request that breaks on one is said once more on a new one.
 */
#include "client/agent.h"

#define HURRY_LEAST MCMP_SEC /* what is left for a proxy that is slow while draining */

int mcmp__wire_is_asking(const mcmp__peer *peer)
{
    return peer->wire != MCMP__WIRE_NONE && peer->wire != MCMP__WIRE_IDLE;
}

static int has_deadline(const mcmp__peer *peer)
{
    return peer->wire == MCMP__WIRE_CONNECTING || peer->wire == MCMP__WIRE_WAITING;
}

void mcmp__wire_drop(mcmp__peer *peer)
{
    if (peer->wire >= MCMP__WIRE_CONNECTING)
        peer->closing = peer->connection;
    peer->wire = MCMP__WIRE_NONE;
    peer->used = peer->repeated = peer->ready = peer->spoilt = 0;
}

/* While draining, a mute proxy may use the time that is left, and a little for the farewell. */
static mcmp_time deadline_of(const mcmp__peer *peer, mcmp_time now, mcmp_time limit)
{
    mcmp_time left;

    if (peer->drain && peer->stop_by != INT64_MAX) {
        left = MCMP__MAX(peer->stop_by - now, HURRY_LEAST);
        limit = MCMP__MIN(limit, left);
    }
    return limit > INT64_MAX - now ? INT64_MAX : now + limit;
}

void mcmp__wire_hurry(mcmp__peer *peer, mcmp_time now)
{
    if (has_deadline(peer))
        peer->deadline = MCMP__MIN(peer->deadline, deadline_of(peer, now, INT64_MAX));
}

static void fail(mcmp__peer *peer, mcmp_time now, int code, const char *why)
{
    mcmp__wire_drop(peer);
    mcmp__plan_failed(peer, now, code, why);
}

/* ---- steps ---- */

static void set_step(const mcmp__peer *peer, uint32_t action, mcmp_agent_step *step)
{
    step->action = action;
    step->proxy = peer->handle;
    step->connection = peer->connection;
}

static void give_connect(mcmp__peer *peer, mcmp_time now, mcmp_agent_step *step)
{
    peer->connection = ++peer->agent->connections;
    peer->wire = MCMP__WIRE_CONNECTING;
    peer->deadline = deadline_of(peer, now, peer->agent->options.connect_timeout);
    set_step(peer, MCMP_AGENT_CONNECT, step);
    step->host = peer->host;
    step->port = peer->port;
    step->flags = peer->flags;
}

static int give_send(mcmp__peer *peer, mcmp_time now, mcmp_agent_step *step, mcmp_error *err)
{
    int rc = mcmp__say(peer, now, err);

    if (rc != MCMP_OK)
        return rc;
    mcmp_answer_reset(peer->answer);
    peer->wire = MCMP__WIRE_WAITING;
    peer->deadline = deadline_of(peer, now, peer->agent->options.answer_timeout);
    set_step(peer, MCMP_AGENT_SEND, step);
    step->bytes = mcmp__span(peer->request.data, peer->request.len);
    return MCMP_OK;
}

static void give_close(mcmp__peer *peer, mcmp_agent_step *step)
{
    step->action = MCMP_AGENT_CLOSE;
    step->proxy = peer->handle;
    step->connection = peer->closing;
    peer->closing = 0;
}

/* A peer that nothing more is to be said to: its connection is closed, then it may go. */
static int end_peer(mcmp__peer *peer, mcmp_agent_step *step)
{
    int ends = peer->gone || (peer->drain && !peer->agent->drain);

    mcmp__wire_drop(peer);
    if (peer->closing != 0)
        give_close(peer, step);
    if (ends)
        mcmp__agent_drop(peer);
    return step->action != 0 ? MCMP_OK : MCMP_WAIT;
}

static void check_deadline(mcmp__peer *peer, mcmp_time now)
{
    if (has_deadline(peer) && now >= peer->deadline)
        fail(peer, now, 0,
             peer->wire == MCMP__WIRE_CONNECTING ? "no connection in time" : "no answer in time");
}

/* MCMP_OK: a step. MCMP_WAIT: *until was lowered to when this peer wants to be asked. */
static int peer_step(mcmp__peer *peer, mcmp_time now, mcmp_agent_step *step, mcmp_time *until,
                     mcmp_error *err)
{
    mcmp_time due;

    check_deadline(peer, now);
    if (peer->closing != 0) {
        give_close(peer, step);
        return MCMP_OK;
    }
    if (has_deadline(peer)) {
        *until = MCMP__MIN(*until, peer->deadline);
        return MCMP_WAIT;
    }
    due = peer->gone ? INT64_MAX : mcmp__plan_due(peer, now);
    if (peer->gone || peer->state == MCMP__PLAN_OVER)
        return end_peer(peer, step);
    if (due != 0 && !mcmp__wire_is_asking(peer)) {
        *until = MCMP__MIN(*until, due);
        return MCMP_WAIT;
    }
    if (peer->wire == MCMP__WIRE_NONE || peer->wire == MCMP__WIRE_WANTED) {
        give_connect(peer, now, step);
        return MCMP_OK;
    }
    return give_send(peer, now, step, err);
}

/* MCMP_DONE when a draining agent has nothing left to do. */
static int is_over(const mcmp_agent *agent)
{
    if (!agent->drain)
        return 0;
    for (size_t i = 0; i < agent->slot_count; i++)
        if (agent->slots[i].peer != NULL && agent->slots[i].peer->state != MCMP__PLAN_OVER)
            return 0;
    return 1;
}

static int next_step(mcmp_agent *agent, mcmp_time now, mcmp_agent_step *step, mcmp_error *err)
{
    size_t count = agent->slot_count;

    step->until = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        mcmp__peer *peer = agent->slots[agent->next_slot % count].peer;
        int rc = MCMP_WAIT;

        if (peer != NULL)
            rc = peer_step(peer, now, step, &step->until, err);
        if (rc != MCMP_WAIT)
            return rc;
        agent->next_slot = (agent->next_slot + 1) % count;
    }
    return is_over(agent) ? MCMP_DONE : MCMP_WAIT;
}

int mcmp_agent_next(mcmp_agent *agent, mcmp_time now, mcmp_agent_step *step, mcmp_error *err)
{
    mcmp_agent_step found = { .struct_size = sizeof(found) };
    int rc;

    if (step == NULL || step->struct_size < sizeof(size_t))
        return mcmp__fail(err, MCMP_ERR_INVALID, "step", "the step was not initialised");
    rc = next_step(agent, now, &found, err);
    if (rc < 0)
        return rc;
    if (rc == MCMP_OK)
        found.until = 0;
    (void)mcmp__sized_out(step, &found, sizeof(found)); /* its size was checked */
    return rc;
}

/* ---- events ---- */

/* The peer whose open connection this is; NULL: it was given up. */
static mcmp__peer *peer_of(const mcmp_agent *agent, mcmp_handle handle, uint64_t connection)
{
    mcmp__peer *peer = mcmp__agent_peer(agent, handle);

    if (peer == NULL || peer->wire < MCMP__WIRE_CONNECTING || peer->connection != connection)
        return NULL;
    return peer;
}

int mcmp_agent_connected(mcmp_agent *agent, mcmp_handle proxy, uint64_t connection, mcmp_time now)
{
    mcmp__peer *peer = peer_of(agent, proxy, connection);

    (void)now;
    if (peer == NULL || peer->wire != MCMP__WIRE_CONNECTING)
        return MCMP_ERR_STALE;
    peer->wire = MCMP__WIRE_ASKING;
    return MCMP_OK;
}

/* The answer is complete. The wire is free before the plan goes on. */
static int deliver(mcmp__peer *peer, mcmp_time now, mcmp_error *err)
{
    const mcmp_answer_info *answer = mcmp_answer_get(peer->answer);
    mcmp__wire_state wire = peer->wire;
    int spoilt = peer->spoilt || (answer->flags & MCMP_ANSWER_CLOSE) != 0;

    peer->ready = 1;
    peer->wire = MCMP__WIRE_IDLE;
    if (mcmp__plan_answer(peer, now, answer) != MCMP_OK) {
        peer->wire = wire;
        return mcmp__fail(err, MCMP_ERR_NOMEM, NULL, "no memory for what INFO shows");
    }
    peer->ready = peer->repeated = 0;
    peer->used = 1;
    if (spoilt)
        mcmp__wire_drop(peer);
    return MCMP_OK;
}

/* The connection broke under a request. */
static void broke(mcmp__peer *peer, mcmp_time now, const char *why)
{
    if (!peer->used || peer->repeated) {
        fail(peer, now, 0, why);
        return;
    }
    mcmp__wire_drop(peer);
    peer->wire = MCMP__WIRE_WANTED;
    peer->repeated = 1;
}

static int take_answer(mcmp__peer *peer, mcmp_time now, const void *data, size_t len, size_t *used,
                       mcmp_error *err)
{
    mcmp_error why;
    int rc;

    if (!peer->ready) {
        mcmp_error_init(&why);
        rc = mcmp_answer_feed(peer->answer, data, len, used, &why);
        if (rc == MCMP_NEED_MORE)
            return MCMP_OK;
        if (rc == MCMP_ERR_NOMEM)
            return mcmp__fail(err, rc, NULL, "no memory for an answer");
        if (rc != MCMP_OK) {
            *used = len;
            fail(peer, now, rc, why.message[0] != '\0' ? why.message : mcmp_strerror(rc));
            return MCMP_OK;
        }
        peer->spoilt = *used < len; /* more than was asked for: the connection is not used again */
    }
    *used = len;
    return deliver(peer, now, err);
}

int mcmp_agent_received(mcmp_agent *agent, mcmp_handle proxy, uint64_t connection, mcmp_time now,
                        const void *data, size_t len, size_t *used, mcmp_error *err)
{
    mcmp__peer *peer = peer_of(agent, proxy, connection);

    *used = 0;
    if (peer == NULL || peer->wire == MCMP__WIRE_CONNECTING) {
        *used = len;
        return MCMP_ERR_STALE;
    }
    if (len == 0 && !peer->ready)
        return MCMP_OK;
    if (peer->wire == MCMP__WIRE_WAITING)
        return take_answer(peer, now, data, len, used, err);
    *used = len; /* nothing was asked: such a connection is not to be trusted */
    if (peer->wire == MCMP__WIRE_ASKING)
        broke(peer, now, "the proxy speaks before it was asked");
    else
        mcmp__wire_drop(peer);
    return MCMP_OK;
}

int mcmp_agent_closed(mcmp_agent *agent, mcmp_handle proxy, uint64_t connection, mcmp_time now,
                      const char *why, mcmp_error *err)
{
    mcmp__peer *peer = peer_of(agent, proxy, connection);
    int rc;

    if (peer == NULL)
        return MCMP_ERR_STALE;
    if (peer->wire == MCMP__WIRE_WAITING && why == NULL &&
        (peer->ready || mcmp_answer_end(peer->answer, NULL) == MCMP_OK)) {
        peer->spoilt = 1;
        rc = deliver(peer, now, err);
        if (rc != MCMP_OK)
            return rc;
    } else if (peer->wire == MCMP__WIRE_IDLE) {
        mcmp__wire_drop(peer);
    } else {
        broke(peer, now, why != NULL ? why : "the connection broke: end of file");
    }
    if (mcmp__agent_peer(agent, proxy) == peer)
        peer->closing = 0; /* the host has closed it */
    return MCMP_OK;
}
