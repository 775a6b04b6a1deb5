/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An agent whose proxy says anything at all. The first byte chooses the cuts, the rest is a row of
 * events: bytes of an answer, an end of the connection, time that passes, wishes of the host.
 * Properties: what the agent says does not depend on the cuts; it never asks to wait for a time
 * that is over, and says nothing while an answer is awaited.
 */
#include "protocol_fuzz.h"

#include <libmcmp/agent.h>

#define STEPS_MAX 64 /* in a row, without an event */

typedef struct run_state {
    mcmp_agent *agent;
    mcmp_handle proxy;
    uint64_t connection; /* 0: none is open */
    mcmp_time now;
    fuzz_story story;
    uint32_t seed;
} run_state;

static void take_steps(run_state *r)
{
    mcmp_agent_step step;
    int rc = MCMP_OK;
    int steps = 0;

    mcmp_agent_step_init(&step);
    while ((rc = mcmp_agent_next(r->agent, r->now, &step, NULL)) == MCMP_OK) {
        MUST(++steps < STEPS_MAX);
        fuzz_tell(&r->story, step.action);
        if (step.action == MCMP_AGENT_CONNECT) {
            MUST(r->connection == 0);
            r->connection = step.connection;
            MUST(mcmp_agent_connected(r->agent, step.proxy, step.connection, r->now) == MCMP_OK);
        } else if (step.action == MCMP_AGENT_CLOSE) {
            MUST(r->connection == step.connection);
            r->connection = 0;
        } else {
            MUST(r->connection == step.connection && step.bytes.len > 0);
            fuzz_tell_span(&r->story, step.bytes);
        }
    }
    MUST(rc == MCMP_DONE || (rc == MCMP_WAIT && step.until > r->now));
    fuzz_tell(&r->story, (uint64_t)step.until);
}

static void feed(run_state *r, const uint8_t *data, size_t len)
{
    for (size_t off = 0; off < len && r->connection != 0;) {
        size_t piece = fuzz_piece(&r->seed, len - off);
        char *copy = fuzz_copy(data + off, piece);
        size_t used = 0;
        int rc = mcmp_agent_received(r->agent, r->proxy, r->connection, r->now, copy, piece, &used,
                                     NULL);

        free(copy);
        MUST((rc == MCMP_OK || rc == MCMP_ERR_STALE) && used == piece);
        off += piece;
        if (rc == MCMP_ERR_STALE)
            break;
    }
}

/* A good answer of the status and body given, so that the plan gets anywhere. */
static void answer(run_state *r, unsigned status, const uint8_t *body, size_t len)
{
    char head[128];
    int size =
        snprintf(head, sizeof(head), "HTTP/1.1 %u x\r\nType: %s\r\nContent-Length: %zu\r\n\r\n",
                 status, status % 2 == 0 ? "MEM" : "SYNTAX", len);
    char *all = malloc((size_t)size + len);

    MUST(all != NULL);
    memcpy(all, head, (size_t)size);
    if (len > 0)
        memcpy(all + size, body, len);
    feed(r, (const uint8_t *)all, (size_t)size + len);
    free(all);
}

static void event(run_state *r, uint8_t kind, const uint8_t *data, size_t len)
{
    switch (kind % 10) {
    case 0:
        feed(r, data, len);
        break;
    case 1:
        if (r->connection != 0)
            (void)mcmp_agent_closed(r->agent, r->proxy, r->connection, r->now,
                                    len % 2 == 0 ? NULL : "broken", NULL);
        r->connection = 0;
        break;
    case 2:
        (void)mcmp_agent_set_health(r->agent, (uint32_t)(len % 3), r->now);
        break;
    case 3:
        (void)mcmp_agent_retry(r->agent, r->proxy, r->now);
        break;
    case 4:
        answer(r, 500 + (unsigned)(len % 2), NULL, 0);
        break;
    case 5:
        if (len > 200)
            (void)mcmp_agent_drain(r->agent, 0, r->now);
        break;
    case 6:
        r->now += (mcmp_time)len * 100 * MCMP_MSEC;
        break;
    default:
        answer(r, 200, data, len);
    }
}

static fuzz_story run(uint32_t seed, const uint8_t *data, size_t size)
{
    run_state r = { .story = { 14695981039346656037u, 0 }, .now = 1, .seed = seed };
    static const mcmp_span alias = { "a", 1 };
    static const mcmp_span contexts[] = { { "/x", 2 }, { "/y", 2 } };
    mcmp_agent_options opts;
    mcmp_agent_proxy proxy;
    mcmp_message node;

    mcmp_message_init(&node);
    mcmp_agent_options_init(&opts);
    mcmp_agent_proxy_init(&proxy);
    node.given = MCMP_FIELD_JVMROUTE;
    node.jvm_route = (mcmp_span){ "n", 1 };
    node.aliases = &alias;
    node.alias_count = 1;
    node.contexts = contexts;
    node.context_count = 2;
    opts.node = &node;
    proxy.host = (mcmp_span){ "p", 1 };
    proxy.port = 1;
    MUST(mcmp_agent_new(&r.agent, &opts, NULL) == MCMP_OK);
    MUST(mcmp_agent_add(r.agent, &proxy, r.now, &r.proxy, NULL) == MCMP_OK);
    take_steps(&r);
    for (size_t off = 0; off + 2 <= size;) { /* kind, length, bytes */
        size_t len = data[off + 1] < size - off - 2 ? data[off + 1] : size - off - 2;

        event(&r, data[off], data + off + 2,
              data[off] % 10 == 0 || data[off] % 10 > 6 ? len : data[off + 1]);
        off += 2 + (data[off] % 10 == 0 || data[off] % 10 > 6 ? len : 0);
        take_steps(&r);
    }
    mcmp_agent_free(r.agent);
    return r.story;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_story whole;
    fuzz_story cut;

    if (size < 1 || size > 65536)
        return 0;
    whole = run(0, data + 1, size - 1);
    cut = run(data[0] * 2u + 1, data + 1, size - 1);
    MUST(whole.hash == cut.hash && whole.events == cut.events);
    return 0;
}
