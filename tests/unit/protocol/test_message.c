/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests as bytes: those of the recorded Java session and of JAVA-CLIENT 1, byte for byte, every
 * field in its place, and whatever is encoded is read back by parser and decoder.
 */
#include "golden.h"
#include "support.h"

#include <libmcmp/client.h>

static mcmp_message message_of(uint32_t command)
{
    mcmp_message message;

    mcmp_message_init(&message);
    message.command = command;
    message.host_header = span_of("127.0.0.1:16666");
    message.user_agent = span_of("ClusterListener/1.0");
    return message;
}

/* Encode into memory that ends at a guard page; the caller frees. */
static guard encode(const char *row, const mcmp_message *message)
{
    size_t need = 0;
    size_t len = 0;
    char *zeros;
    guard out;
    mcmp_error err;

    mcmp_error_init(&err);
    row_code(row, mcmp_message_encode(message, NULL, 0, &need, &err), MCMP_ERR_SPACE);
    row_int(row, err.code, MCMP_ERR_SPACE);
    zeros = calloc(1, need);
    ck_assert(zeros != NULL);
    out = guard_copy(zeros, need);
    free(zeros);
    row_code(row, mcmp_message_encode(message, out.ptr, need - 1, &len, NULL), MCMP_ERR_SPACE);
    row_int(row, len, need);
    row_int(row, out.ptr[0], 0); /* unchanged */
    row_code(row, mcmp_message_encode(message, out.ptr, need, &len, &err), MCMP_OK);
    row_int(row, len, need);
    return out;
}

static void check_bytes(const char *row, const mcmp_message *message, mcmp_span want)
{
    guard out = encode(row, message);

    row_bytes(row, ((mcmp_span){ out.ptr, out.len }), want.ptr, want.len);
    guard_free(&out);
}

/* The requests of the recorded session that differ. */
START_TEST(test_message_writes_what_the_java_client_wrote)
{
    static const mcmp_span aliases[] = { TEXT("localhost"), TEXT("t1.example"),
                                         TEXT("www.example") };
    static const mcmp_span contexts[2] = { TEXT("/"), TEXT("/app") };
    const uint64_t app = MCMP_FIELD_JVMROUTE | MCMP_FIELD_ALIAS | MCMP_FIELD_CONTEXT;
    const uint64_t node = MCMP_FIELD_JVMROUTE | MCMP_FIELD_HOST | MCMP_FIELD_PORT |
                          MCMP_FIELD_STICKY_FORCE | MCMP_FIELD_TYPE;
    const struct {
        size_t request; /* of the session */
        uint32_t command;
        uint32_t flags;
        uint64_t given;
        size_t context;
    } rows[] = {
        { 0, MCMP_COMMAND_INFO, 0, 0, 0 },
        { 1, MCMP_COMMAND_CONFIG, 0, node, 0 },
        { 2, MCMP_COMMAND_ENABLE_APP, 0, app, 0 },
        { 3, MCMP_COMMAND_ENABLE_APP, 0, app, 1 },
        { 4, MCMP_COMMAND_STATUS, 0, MCMP_FIELD_JVMROUTE | MCMP_FIELD_LOAD, 0 },
        { 10, MCMP_COMMAND_DUMP, MCMP_COMMAND_WHOLE_NODE, 0, 0 },
        { 11, MCMP_COMMAND_DISABLE_APP, 0, app, 1 },
        { 13, MCMP_COMMAND_DISABLE_APP, MCMP_COMMAND_WHOLE_NODE, MCMP_FIELD_JVMROUTE, 0 },
        { 14, MCMP_COMMAND_ENABLE_APP, MCMP_COMMAND_WHOLE_NODE, MCMP_FIELD_JVMROUTE, 0 },
        { 23, MCMP_COMMAND_STOP_APP, 0, app, 0 },
        { 24, MCMP_COMMAND_REMOVE_APP, 0, app, 0 },
        { 28, MCMP_COMMAND_REMOVE_APP, MCMP_COMMAND_WHOLE_NODE, MCMP_FIELD_JVMROUTE, 0 },
    };
    golden_session session;

    golden_load(&session);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const golden_request *want = &session.requests[rows[i].request];
        mcmp_message message = message_of(rows[i].command);
        char row[32];

        (void)snprintf(row, sizeof(row), "request %zu", rows[i].request);
        message.flags = rows[i].flags;
        message.given = rows[i].given;
        message.jvm_route = span_of("t1");
        message.host = span_of("127.0.0.1");
        message.port = 18009;
        message.load = 100;
        message.aliases = aliases;
        message.alias_count = COUNT_OF(aliases);
        message.contexts = &contexts[rows[i].context];
        message.context_count = 1;
        check_bytes(row, &message, (mcmp_span){ want->bytes, want->len });
    }
    golden_free(&session);
}
END_TEST

static void fill(mcmp_message *message)
{
    message->jvm_route = span_of("t2");
    message->balancer = span_of("MyBal");
    message->domain = span_of("grp 1");
    message->host = span_of("127.0.0.1");
    message->max_attempts = 17;
    message->port = 18443;
    message->flags = MCMP_COMMAND_STICKY_REMOVE;
    message->timeout = 15 * MCMP_SEC;
    message->scheme = MCMP_SCHEME_HTTPS;
    message->wait_worker = 16 * MCMP_SEC;
    message->flushpackets = MCMP_FLUSH_ON;
    message->flushwait = 11 * MCMP_MSEC;
    message->ping = 12 * MCMP_SEC;
    message->smax = 13;
    message->ttl = 14 * MCMP_SEC;
}

START_TEST(test_message_writes_a_full_config)
{
    mcmp_message message = message_of(MCMP_COMMAND_CONFIG);

    fill(&message);
    message.given = MCMP_FIELD_JVMROUTE | MCMP_FIELD_BALANCER | MCMP_FIELD_DOMAIN |
                    MCMP_FIELD_HOST | MCMP_FIELD_MAX_ATTEMPTS | MCMP_FIELD_PORT |
                    MCMP_FIELD_STICKY | MCMP_FIELD_STICKY_REMOVE | MCMP_FIELD_TIMEOUT |
                    MCMP_FIELD_TYPE | MCMP_FIELD_WAIT_WORKER | MCMP_FIELD_FLUSHPACKETS |
                    MCMP_FIELD_FLUSHWAIT | MCMP_FIELD_PING | MCMP_FIELD_SMAX | MCMP_FIELD_TTL;
    check_bytes("JAVA-CLIENT 1", &message,
                span_of("CONFIG / HTTP/1.1\r\nHost: 127.0.0.1:16666\r\nContent-Length: 209\r\n"
                        "User-Agent: ClusterListener/1.0\r\nConnection: Keep-Alive\r\n\r\n"
                        "JVMRoute=t2&Balancer=MyBal&Domain=grp+1&Host=127.0.0.1&Maxattempts=17&"
                        "Port=18443&StickySession=No&StickySessionRemove=Yes&Timeout=15&Type=https&"
                        "WaitWorker=16&flushpackets=On&flushwait=11&ping=12&smax=13&ttl=14"));
}
END_TEST

START_TEST(test_message_writes_single_fields)
{
    static const mcmp_pair extra[] = { { TEXT("X y"), TEXT("a=&b") }, { TEXT("Z"), TEXT("") } };
    static const struct {
        const char *name;
        uint64_t given;
        uint32_t flags;
        const char *want;
    } rows[] = {
        { "Reversed", MCMP_FIELD_REVERSED, MCMP_COMMAND_REVERSED, "Reversed=true" },
        { "not Reversed", MCMP_FIELD_REVERSED, 0, "Reversed=false" },
        { "Force", MCMP_FIELD_STICKY_FORCE, MCMP_COMMAND_STICKY_FORCE, "StickySessionForce=Yes" },
        { "cookie and path", MCMP_FIELD_STICKY_COOKIE | MCMP_FIELD_STICKY_PATH, 0,
          "StickySessionCookie=C%C3%A4&StickySessionPath=p-_.*%7E" },
        { "Scheme", MCMP_FIELD_SCHEME, 0, "Scheme=wss" },
        { "negative Load", MCMP_FIELD_LOAD, 0, "Load=-1" },
        { "ping with a fraction", MCMP_FIELD_PING, 0, "ping=1501ms" },
        { "flushwait rounded up", MCMP_FIELD_FLUSHWAIT, 0, "flushwait=2" },
        { "WaitWorker rounded up", MCMP_FIELD_WAIT_WORKER, 0, "WaitWorker=3" },
        { "flushpackets", MCMP_FIELD_FLUSHPACKETS, 0, "flushpackets=Auto" },
        { "IPv6", MCMP_FIELD_HOST, 0, "Host=%5B0%3A%3A1%5D" },
        { "empty list", MCMP_FIELD_ALIAS, 0, "Alias=" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mcmp_message message = message_of(MCMP_COMMAND_PING);
        const char *body;
        guard out;

        message.given = rows[i].given;
        message.flags = rows[i].flags;
        message.sticky_cookie = span_of("C\xc3\xa4");
        message.sticky_path = span_of("p-_.*~");
        message.scheme = MCMP_SCHEME_WSS;
        message.load = -1;
        message.ping = 1500 * MCMP_MSEC + 1;
        message.flushwait = 1001;
        message.wait_worker = 2 * MCMP_SEC + 1;
        message.flushpackets = MCMP_FLUSH_AUTO;
        message.host = span_of("[0::1]");
        out = encode(rows[i].name, &message);
        body = out.ptr + out.len - strlen(rows[i].want);
        row_true(rows[i].name, memcmp(body - 4, "\r\n\r\n", 4) == 0);
        row_bytes(rows[i].name, ((mcmp_span){ body, strlen(rows[i].want) }), rows[i].want,
                  strlen(rows[i].want));
        guard_free(&out);
    }
    {
        mcmp_message message = message_of(MCMP_COMMAND_PING);

        message.extra = extra;
        message.extra_count = COUNT_OF(extra);
        check_bytes("extra pairs", &message,
                    span_of("PING / HTTP/1.1\r\nHost: 127.0.0.1:16666\r\nContent-Length: 15\r\n"
                            "User-Agent: ClusterListener/1.0\r\nConnection: Keep-Alive\r\n\r\n"
                            "X+y=a%3D%26b&Z="));
    }
}
END_TEST

START_TEST(test_message_writes_heads)
{
    static const struct {
        const char *name;
        uint32_t command;
        uint32_t flags;
        const char *path;
        const char *accept;
        const char *want;
    } rows[] = {
        { "defaults", MCMP_COMMAND_INFO, 0, "", "",
          "INFO / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: libmcmp/0.1.0\r\n"
          "Connection: Keep-Alive\r\n\r\n" },
        { "a path", MCMP_COMMAND_INFO, 0, "/mcmp", "",
          "INFO /mcmp/ HTTP/1.1\r\nHost: localhost\r\nUser-Agent: libmcmp/0.1.0\r\n"
          "Connection: Keep-Alive\r\n\r\n" },
        { "whole node", MCMP_COMMAND_REMOVE_APP, MCMP_COMMAND_WHOLE_NODE, "/mcmp/", "",
          "REMOVE-APP /mcmp/* HTTP/1.1\r\nHost: localhost\r\nUser-Agent: libmcmp/0.1.0\r\n"
          "Connection: Keep-Alive\r\n\r\n" },
        { "accept and close", MCMP_COMMAND_DUMP, MCMP_MESSAGE_CLOSE, "", "text/xml",
          "DUMP / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: libmcmp/0.1.0\r\n"
          "Accept: text/xml\r\nConnection: close\r\n\r\n" },
        { "page", MCMP_COMMAND_PAGE, 0, "", "",
          "GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: libmcmp/0.1.0\r\n"
          "Connection: Keep-Alive\r\n\r\n" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mcmp_message message;

        mcmp_message_init(&message);
        message.command = rows[i].command;
        message.flags = rows[i].flags;
        message.path = span_of(rows[i].path);
        message.accept = span_of(rows[i].accept);
        check_bytes(rows[i].name, &message, span_of(rows[i].want));
    }
}
END_TEST

START_TEST(test_message_refuses_what_would_break_the_head)
{
    static const struct {
        const char *name;
        uint32_t command;
        const char *path;
        const char *host;
        const char *agent;
        const char *accept;
        mcmp_time ping;
        const char *field;
    } rows[] = {
        { "no command", MCMP_COMMAND_UNKNOWN, "", "", "", "", 0, "command" },
        { "command too high", 12, "", "", "", "", 0, "command" },
        { "blank in the path", 1, "/a b", "", "", "", 0, "path" },
        { "no slash first", 1, "a", "", "", "", 0, "path" },
        { "CRLF in Host", 1, "", "a\r\nX: y", "", "", 0, "header" },
        { "LF in User-Agent", 1, "", "", "\n", "", 0, "header" },
        { "DEL in Accept", 1, "", "", "", "\x7f", 0, "header" },
        { "negative time", 1, "", "", "", "", -1, "ping" },
    };
    mcmp_message plain;
    size_t len = 77;
    mcmp_error err;

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mcmp_message message;

        mcmp_message_init(&message);
        mcmp_error_init(&err);
        message.command = rows[i].command;
        message.path = span_of(rows[i].path);
        message.host_header = span_of(rows[i].host);
        message.user_agent = span_of(rows[i].agent);
        message.accept = span_of(rows[i].accept);
        message.given = MCMP_FIELD_PING;
        message.ping = rows[i].ping;
        row_code(rows[i].name, mcmp_message_encode(&message, NULL, 0, &len, &err),
                 MCMP_ERR_INVALID);
        row_text(rows[i].name, span_of(err.field), rows[i].field);
        row_int(rows[i].name, len, 77);
    }
    memset(&plain, 0, sizeof(plain));
    ck_assert_int_eq(mcmp_message_encode(&plain, NULL, 0, &len, NULL), MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_message_encode(NULL, NULL, 0, &len, NULL), MCMP_ERR_INVALID);
}
END_TEST

START_TEST(test_message_is_read_back_by_parser_and_decoder)
{
    static const mcmp_span aliases[] = { TEXT("localhost"), TEXT("b.example") };
    static const mcmp_span contexts[] = { TEXT("/"), TEXT("/a b&c=d%+") };
    mcmp_message message = message_of(MCMP_COMMAND_CONFIG);
    mcmp_parser *parser = NULL;
    mcmp_decoder *decoder = NULL;
    const mcmp_command *command = NULL;
    size_t used;
    guard out;

    fill(&message);
    message.given = ~(uint64_t)0;
    message.sticky_cookie = span_of("C");
    message.sticky_path = span_of("P");
    message.aliases = aliases;
    message.alias_count = COUNT_OF(aliases);
    message.contexts = contexts;
    message.context_count = COUNT_OF(contexts);
    out = encode("everything", &message);
    ck_assert_int_eq(mcmp_parser_new(&parser, NULL, NULL), MCMP_OK);
    ck_assert_int_eq(mcmp_decoder_new(&decoder, NULL, NULL, NULL), MCMP_OK);
    ck_assert_int_eq(mcmp_parser_feed(parser, out.ptr, out.len, &used, NULL), MCMP_OK);
    ck_assert_int_eq(
        mcmp_decoder_decode(decoder, mcmp_parser_request(parser), &command, NULL, NULL), MCMP_OK);
    row_text("domain", command->domain, "grp 1");
    row_text("balancer", command->balancer, "mybal");
    row_text("context", command->contexts[1], "/a b&c=d%+");
    row_int("flags", command->flags, MCMP_COMMAND_STICKY_REMOVE | MCMP_COMMAND_BALANCER_LOWERED);
    row_int("flushwait", command->flushwait, message.flushwait);
    row_int("ping", command->ping, message.ping);
    row_int("ttl", command->ttl, message.ttl);
    row_int("timeout", command->timeout, message.timeout);
    row_int("wait", command->wait_worker, message.wait_worker);
    row_int("scheme", command->scheme, MCMP_SCHEME_HTTPS);
    row_int("smax", command->smax, 13);
    row_int("attempts", command->max_attempts, 17);
    row_int("defaulted", command->defaulted, 0);
    mcmp_decoder_free(decoder);
    mcmp_parser_free(parser);
    guard_free(&out);
}
END_TEST

typedef struct pieces {
    char bytes[16384];
    size_t len;
    size_t calls;
    size_t stop_at; /* call number; 0 = never */
} pieces;

static int take_piece(void *ctx, const void *data, size_t len)
{
    pieces *p = ctx;

    if (++p->calls == p->stop_at)
        return 1;
    ck_assert(len > 0 && p->len + len <= sizeof(p->bytes));
    memcpy(p->bytes + p->len, data, len);
    p->len += len;
    return 0;
}

START_TEST(test_message_in_pieces_is_the_same)
{
    static const size_t lengths[] = { 0, 1, 100, 511, 512, 513, 3000 };
    static char name[3000];
    static pieces all, some;

    memset(name, '/', sizeof(name));
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        const mcmp_span context = { name, lengths[i] };
        mcmp_message message = message_of(MCMP_COMMAND_STOP_APP);
        guard out;

        message.given = MCMP_FIELD_JVMROUTE | MCMP_FIELD_CONTEXT;
        message.jvm_route = span_of("n1");
        message.contexts = &context;
        message.context_count = 1;
        out = encode("whole", &message);
        memset(&all, 0, sizeof(all));
        row_code("pieces", mcmp_message_write(&message, take_piece, &all, NULL), MCMP_OK);
        row_bytes("pieces", ((mcmp_span){ all.bytes, all.len }), out.ptr, out.len);
        guard_free(&out);
        for (size_t stop = 1; stop <= all.calls; stop++) {
            memset(&some, 0, sizeof(some));
            some.stop_at = stop;
            row_code("stopped", mcmp_message_write(&message, take_piece, &some, NULL),
                     MCMP_ERR_CALLBACK);
            row_int("stopped", some.calls, stop);
            row_bytes("stopped", ((mcmp_span){ some.bytes, some.len }), all.bytes, some.len);
        }
    }
}
END_TEST

START_TEST(test_message_in_pieces_is_checked_first)
{
    static pieces all;
    mcmp_message message = message_of(MCMP_COMMAND_UNKNOWN);
    mcmp_error err;

    mcmp_error_init(&err);
    ck_assert_int_eq(mcmp_message_write(&message, take_piece, &all, &err), MCMP_ERR_INVALID);
    row_text("field", span_of(err.field), "command");
    message.command = MCMP_COMMAND_INFO;
    ck_assert_int_eq(mcmp_message_write(&message, NULL, NULL, &err), MCMP_ERR_INVALID);
    row_text("field", span_of(err.field), "write");
    ck_assert_uint_eq(all.calls, 0);
}
END_TEST

START_TEST(test_bare_message_has_the_length_alone)
{
    mcmp_message message = message_of(MCMP_COMMAND_STATUS);

    message.flags = MCMP_MESSAGE_BARE;
    message.given = MCMP_FIELD_JVMROUTE | MCMP_FIELD_LOAD;
    message.jvm_route = span_of("n 1");
    message.load = -1;
    check_bytes("status", &message,
                span_of("STATUS / HTTP/1.1\r\nContent-Length: 20\r\n\r\nJVMRoute=n+1&Load=-1"));
    message.given = 0;
    check_bytes("no body", &message, span_of("STATUS / HTTP/1.1\r\n\r\n"));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_message_writes_what_the_java_client_wrote,
        test_message_writes_a_full_config,
        test_message_writes_single_fields,
        test_message_writes_heads,
        test_message_refuses_what_would_break_the_head,
        test_message_is_read_back_by_parser_and_decoder,
        test_message_in_pieces_is_the_same,
        test_message_in_pieces_is_checked_first,
        test_bare_message_has_the_length_alone,
    };

    return run_tests("message", tests, COUNT_OF(tests));
}
