/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives an agent with one or more proxies that a test plays: connections are made at once, the
 * next request is shown, answers are given in pieces of the size that the test chooses, and the
 * clock stands still unless the test turns it.
 */
#ifndef MCMP_TEST_DRIVE_H
#define MCMP_TEST_DRIVE_H

#include "support.h"

#include <libmcmp/libmcmp.h>

enum { DRIVE_WAITS = -1, DRIVE_OVER = -2 };

typedef struct driver {
    mcmp_agent *agent;
    mcmp_time now;
    mcmp_agent_step step; /* the last one */
    mcmp_handle proxy;    /* of the last request, and so connection */
    uint64_t connection;
    char request[4096];
    size_t request_len;
    size_t connects;
    size_t closes;
    size_t cut;      /* answers come in pieces of so many bytes; 0 = whole */
    char log[16384]; /* lines of the agent */
    mcmp_logger logger;
} driver;

static driver drive;

static void drive_log(void *ctx, int level, const char *module, const char *msg, size_t len)
{
    driver *d = ctx;
    size_t at = strlen(d->log);

    (void)level, (void)module;
    if (at + len + 2 > sizeof(d->log))
        return;
    memcpy(d->log + at, msg, len);
    d->log[at + len] = '\n';
    d->log[at + len + 1] = '\0';
}

SUPPORT_UNUSED static void drive_init(void)
{
    size_t cut = drive.cut;

    memset(&drive, 0, sizeof(drive));
    drive.cut = cut;
    drive.now = MCMP_SEC;
    mcmp_logger_init(&drive.logger);
    drive.logger.ctx = &drive;
    drive.logger.fn = drive_log;
    drive.logger.level = MCMP_LOG_DEBUG;
}

SUPPORT_UNUSED static int drive_logged(const char *text)
{
    return strstr(drive.log, text) != NULL;
}

/* The next request; connections are made on the way. DRIVE_WAITS: step.until says for how long. */
SUPPORT_UNUSED static int drive_next(void)
{
    for (;;) {
        int rc;

        mcmp_agent_step_init(&drive.step);
        rc = mcmp_agent_next(drive.agent, drive.now, &drive.step, NULL);
        if (rc != MCMP_OK) {
            ck_assert(rc == MCMP_WAIT || rc == MCMP_DONE);
            return rc == MCMP_WAIT ? DRIVE_WAITS : DRIVE_OVER;
        }
        if (drive.step.action == MCMP_AGENT_CLOSE) {
            drive.closes++;
            continue;
        }
        drive.proxy = drive.step.proxy;
        drive.connection = drive.step.connection;
        if (drive.step.action == MCMP_AGENT_CONNECT) {
            drive.connects++;
            ck_assert_int_eq(mcmp_agent_connected(drive.agent, drive.step.proxy,
                                                  drive.step.connection, drive.now),
                             MCMP_OK);
            continue;
        }
        ck_assert_uint_eq(drive.step.action, MCMP_AGENT_SEND);
        ck_assert_uint_lt(drive.step.bytes.len, sizeof(drive.request));
        memcpy(drive.request, drive.step.bytes.ptr, drive.step.bytes.len);
        drive.request_len = drive.step.bytes.len;
        drive.request[drive.request_len] = '\0';
        return (int)mcmp_command_of_method(
            (mcmp_span){ drive.request, strcspn(drive.request, " ") });
    }
}

/* The body of the last request. */
SUPPORT_UNUSED static const char *drive_body(void)
{
    const char *body = strstr(drive.request, "\r\n\r\n");

    ck_assert(body != NULL);
    return body + 4;
}

/* Bytes of the connection of the last request; what the last call returned. */
SUPPORT_UNUSED static int drive_feed(const char *bytes, size_t len)
{
    size_t piece = drive.cut != 0 ? drive.cut : len;
    int rc = MCMP_OK;

    for (size_t at = 0; at < len && rc == MCMP_OK; at += piece) {
        size_t part = len - at < piece ? len - at : piece;
        guard copy = guard_copy(bytes + at, part);
        size_t used = 0;

        rc = mcmp_agent_received(drive.agent, drive.proxy, drive.connection, drive.now, copy.ptr,
                                 part, &used, NULL);
        ck_assert_uint_eq(used, part);
        guard_free(&copy);
    }
    return rc;
}

SUPPORT_UNUSED static void drive_answer(unsigned status, const char *type, const char *body)
{
    char bytes[8192];
    int len =
        snprintf(bytes, sizeof(bytes), "HTTP/1.1 %u Word\r\n%s%s%sContent-Length: %zu\r\n\r\n%s",
                 status, type != NULL ? "Type: " : "", type != NULL ? type : "",
                 type != NULL ? "\r\nMess: it says why\r\n" : "", strlen(body), body);

    ck_assert(len > 0 && (size_t)len < sizeof(bytes));
    ck_assert_int_eq(drive_feed(bytes, (size_t)len), MCMP_OK);
}

SUPPORT_UNUSED static void drive_ok(const char *body)
{
    drive_answer(200, NULL, body);
}

SUPPORT_UNUSED static void drive_expect(int command, const char *body)
{
    ck_assert_int_eq(drive_next(), command);
    drive_ok(body);
}

/* The connection of the last request fails. */
SUPPORT_UNUSED static void drive_break(const char *why)
{
    ck_assert_int_eq(
        mcmp_agent_closed(drive.agent, drive.proxy, drive.connection, drive.now, why, NULL),
        MCMP_OK);
}

/* The agent's wait in ms; -1 when it does not, or for ever. */
SUPPORT_UNUSED static int64_t drive_wait_ms(void)
{
    if (drive_next() != DRIVE_WAITS || drive.step.until == INT64_MAX)
        return -1;
    return (drive.step.until - drive.now) / MCMP_MSEC;
}

SUPPORT_UNUSED static uint32_t drive_state(mcmp_handle proxy)
{
    mcmp_agent_info info;

    mcmp_agent_info_init(&info);
    ck_assert_int_eq(mcmp_agent_get(drive.agent, proxy, &info), MCMP_OK);
    return info.state;
}

SUPPORT_UNUSED static mcmp_handle drive_add(const char *host, uint32_t port, uint32_t flags)
{
    mcmp_agent_proxy proxy;
    mcmp_handle handle = 0;

    mcmp_agent_proxy_init(&proxy);
    proxy.host = span_of(host);
    proxy.port = port;
    proxy.flags = flags;
    ck_assert_int_eq(mcmp_agent_add(drive.agent, &proxy, drive.now, &handle, NULL), MCMP_OK);
    return handle;
}

#define DRIVE_STATUS(id) "Type=STATUS-RSP&JVMRoute=n1&State=OK&id=" id "\n"
#define DRIVE_STATUS_OK DRIVE_STATUS("5")
/* The node n1 at 127.0.0.1:2 by http, with the context /app of localhost. */
static const mcmp_span drive_alias = TEXT("localhost");
static const mcmp_span drive_context = TEXT("/app");

SUPPORT_UNUSED static mcmp_message drive_node(void)
{
    mcmp_message node;

    mcmp_message_init(&node);
    node.given = MCMP_FIELD_JVMROUTE | MCMP_FIELD_HOST | MCMP_FIELD_PORT | MCMP_FIELD_TYPE;
    node.jvm_route = span_of("n1");
    node.host = span_of("127.0.0.1");
    node.port = 2;
    node.scheme = MCMP_SCHEME_HTTP;
    node.aliases = &drive_alias;
    node.alias_count = 1;
    node.contexts = &drive_context;
    node.context_count = 1;
    return node;
}

/* opts may be NULL; its node and logger are set here when they are not. */
SUPPORT_UNUSED static void drive_begin(const mcmp_agent_options *opts)
{
    mcmp_agent_options own;
    mcmp_message node = drive_node();

    drive_init();
    if (opts != NULL)
        own = *opts;
    else
        mcmp_agent_options_init(&own);
    if (own.drain_wait == 0)
        own.drain_wait = 2 * MCMP_SEC;
    if (own.node == NULL)
        own.node = &node;
    own.logger = &drive.logger;
    ck_assert_int_eq(mcmp_agent_new(&drive.agent, &own, NULL), MCMP_OK);
}

SUPPORT_UNUSED static mcmp_handle drive_begin_one(void)
{
    drive_begin(NULL);
    return drive_add("127.0.0.1", 1, 0);
}

SUPPORT_UNUSED static void drive_end(void)
{
    mcmp_agent_free(drive.agent);
    drive.agent = NULL;
}

SUPPORT_UNUSED static void drive_register(void)
{
    drive_expect(MCMP_COMMAND_INFO, "");
    drive_expect(MCMP_COMMAND_CONFIG, "");
    drive_expect(MCMP_COMMAND_ENABLE_APP, "");
    drive_expect(MCMP_COMMAND_STATUS, DRIVE_STATUS_OK);
}

#endif
