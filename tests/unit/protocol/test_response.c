/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of the management port, byte for byte: success, every row of the error catalogue, the
 * Mess rules, leftovers of full tables, HEAD and close.
 */
#include "support.h"

#include <libmcmp/response.h>

static mcmp_response *new_response(void)
{
    mcmp_response *response = NULL;

    ck_assert_int_eq(mcmp_response_new(&response, NULL, NULL), MCMP_OK);
    return response;
}

static mcmp_request request_with(uint32_t flags)
{
    mcmp_request request;

    mcmp_request_init(&request);
    request.command = MCMP_COMMAND_STATUS;
    request.flags = flags;
    return request;
}

START_TEST(test_response_writes_success)
{
    static const struct {
        const char *name;
        uint32_t flags;
        const char *content_type;
        const char *body;
        const char *want_head;
        const char *want_body;
        int closes;
    } rows[] = {
        { "empty", 0, NULL, "", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", 0 },
        { "text", 0, "text/plain", "a\n",
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n", "a\n", 0 },
        { "close", MCMP_REQUEST_CLOSE, NULL, "abc",
          "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\n", "abc", 1 },
        { "linger", MCMP_REQUEST_LINGER, NULL, "",
          "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "", 1 },
        { "head", MCMP_REQUEST_HEAD, "text/html", "<p>",
          "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 3\r\n\r\n", "", 0 },
    };
    mcmp_response *response = new_response();

    ck_assert_uint_eq(mcmp_response_status(response), 0);
    ck_assert_int_eq(mcmp_response_end(response), MCMP_ERR_STATE);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mcmp_request request = request_with(rows[i].flags);

        row_code(rows[i].name, mcmp_response_begin(response, &request, rows[i].content_type),
                 MCMP_OK);
        for (const char *c = rows[i].body; *c != '\0'; c++)
            row_code(rows[i].name, mcmp_response_write(response, c, 1), MCMP_OK);
        row_code(rows[i].name, mcmp_response_end(response), MCMP_OK);
        row_int(rows[i].name, mcmp_response_status(response), 200);
        row_text(rows[i].name, mcmp_response_reason(response), "OK");
        row_text(rows[i].name, mcmp_response_head(response), rows[i].want_head);
        row_text(rows[i].name, mcmp_response_body(response), rows[i].want_body);
        row_int(rows[i].name, mcmp_response_must_close(response), rows[i].closes);
        row_int(rows[i].name, mcmp_response_refusal(response), MCMP_REFUSAL_NONE);
    }
    mcmp_response_free(response);
    mcmp_response_free(NULL);
}
END_TEST

START_TEST(test_response_begins_with_each_status_it_knows)
{
    static const struct {
        uint32_t status;
        const char *reason;
        int code;
    } rows[] = {
        { 200, "OK", MCMP_OK },
        { 400, "Bad Request", MCMP_OK },
        { 403, "Forbidden", MCMP_OK },
        { 404, "Not Found", MCMP_OK },
        { 405, "Method Not Allowed", MCMP_OK },
        { 413, "Payload Too Large", MCMP_OK },
        { 500, "Internal Server Error", MCMP_OK },
        { 0, "Internal Server Error", MCMP_ERR_INVALID },
        { 418, "Internal Server Error", MCMP_ERR_INVALID },
    };
    mcmp_response *response = new_response();
    mcmp_request request = request_with(0);

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        row_code(rows[i].reason,
                 mcmp_response_begin_status(response, &request, rows[i].status, "text/html"),
                 rows[i].code);
        row_text(rows[i].reason, mcmp_response_reason(response), rows[i].reason);
        if (rows[i].code != MCMP_OK)
            continue;
        row_code(rows[i].reason, mcmp_response_end(response), MCMP_OK);
        row_int(rows[i].reason, mcmp_response_status(response), rows[i].status);
    }
    ck_assert_int_eq(mcmp_response_begin_status(response, &request, 404, NULL), MCMP_OK);
    ck_assert_int_eq(mcmp_response_end(response), MCMP_OK);
    row_text("no type", mcmp_response_head(response),
             "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    mcmp_response_free(response);
}
END_TEST

START_TEST(test_response_lists_its_headers)
{
    mcmp_response *response = new_response();
    mcmp_request request = request_with(MCMP_REQUEST_CLOSE);
    static const char *const want[][2] = { { "Content-Type", "text/html" },
                                           { "X-A", "b c" },
                                           { "Content-Length", "0" },
                                           { "Connection", "close" } };
    mcmp_pair pair;

    ck_assert_int_eq(mcmp_response_add_header(response, "A", span_of("b")), MCMP_ERR_STATE);
    ck_assert_int_eq(mcmp_response_begin(response, &request, "text/html"), MCMP_OK);
    ck_assert_int_eq(mcmp_response_add_header(response, "X-A", span_of("b c")), MCMP_OK);
    ck_assert_int_eq(mcmp_response_add_header(response, "X A", span_of("b")), MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_response_add_header(response, "", span_of("b")), MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_response_add_header(response, "X", span_of("b\r\nY: z")),
                     MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_response_end(response), MCMP_OK);
    for (size_t i = 0; i < COUNT_OF(want); i++) {
        row_code(want[i][0], mcmp_response_header(response, i, &pair), MCMP_OK);
        row_text(want[i][0], pair.name, want[i][0]);
        row_text(want[i][0], pair.value, want[i][1]);
    }
    ck_assert_int_eq(mcmp_response_header(response, COUNT_OF(want), &pair), MCMP_DONE);
    ck_assert_int_eq(mcmp_response_header(response, SIZE_MAX, &pair), MCMP_DONE);
    ck_assert_int_eq(mcmp_response_begin(response, &request, NULL), MCMP_OK);
    for (int i = 0; i < 16; i++)
        ck_assert_int_eq(mcmp_response_add_header(response, "X", span_of("y")), MCMP_OK);
    ck_assert_int_eq(mcmp_response_add_header(response, "X", span_of("y")), MCMP_ERR_LIMIT);
    ck_assert_int_eq(mcmp_response_end(response), MCMP_OK);
    mcmp_response_free(response);
}
END_TEST

#define S "SYNTAX"
#define M "MEM"
static const struct {
    uint32_t refusal;
    const char *type;
    const char *mess;
    const char *args[2];
} catalogue[] = {
    { MCMP_REFUSAL_PARSE,
      S,
      "SYNTAX: Can't parse MCMP message. It might have contained illegal symbols or unknown "
      "elements.",
      { NULL } },
    { MCMP_REFUSAL_NO_ROUTE, S, "SYNTAX: JVMRoute can't be empty", { NULL } },
    { MCMP_REFUSAL_BIG_ROUTE, S, "SYNTAX: JVMRoute field too big", { NULL } },
    { MCMP_REFUSAL_BIG_BALANCER, S, "SYNTAX: Balancer field too big", { NULL } },
    { MCMP_REFUSAL_BIG_DOMAIN, S, "SYNTAX: LBGroup field too big", { NULL } },
    { MCMP_REFUSAL_BIG_HOST, S, "SYNTAX: Host field too big", { NULL } },
    { MCMP_REFUSAL_BIG_PORT, S, "SYNTAX: Port field too big", { NULL } },
    { MCMP_REFUSAL_BIG_TYPE, S, "SYNTAX: Type field too big", { NULL } },
    { MCMP_REFUSAL_BIG_ALIAS, S, "SYNTAX: Alias field too big", { NULL } },
    { MCMP_REFUSAL_BIG_CONTEXT, S, "SYNTAX: Context field too big", { NULL } },
    { MCMP_REFUSAL_BIG_FIELD, S, "SYNTAX: A field is too big", { NULL } },
    { MCMP_REFUSAL_BAD_FLUSHWAIT, S, "SYNTAX: Flushwait field has bad value", { NULL } },
    { MCMP_REFUSAL_BAD_PING, S, "SYNTAX: Ping field has bad value", { NULL } },
    { MCMP_REFUSAL_BAD_TTL, S, "SYNTAX: TTL field has bad value", { NULL } },
    { MCMP_REFUSAL_BAD_TIMEOUT, S, "SYNTAX: Timeout field has bad value", { NULL } },
    { MCMP_REFUSAL_BAD_HOST, S, "SYNTAX: Host field has bad value", { NULL } },
    { MCMP_REFUSAL_BAD_PORT, S, "SYNTAX: Port field has bad value", { NULL } },
    { MCMP_REFUSAL_BAD_TYPE, S, "SYNTAX: Type field has bad value", { NULL } },
    { MCMP_REFUSAL_BAD_LOAD, S, "SYNTAX: Load field has bad value", { NULL } },
    { MCMP_REFUSAL_NO_CONTEXT, S, "SYNTAX: Alias without Context", { NULL } },
    { MCMP_REFUSAL_NO_ALIAS, S, "SYNTAX: Context without Alias", { NULL } },
    { MCMP_REFUSAL_NO_APP, S, "SYNTAX: No Context and Alias in APP command", { NULL } },
    { MCMP_REFUSAL_BAD_FIELD, S, "SYNTAX: Invalid field \"Foo\" in message", { "Foo" } },
    { MCMP_REFUSAL_MISSING_FIELD, S, "SYNTAX: Mandatory field(s) missing in message", { NULL } },
    { MCMP_REFUSAL_BAD_SCHEME, S, "SYNTAX: Scheme \"ftp\" is not supported", { "ftp" } },
    { MCMP_REFUSAL_BAD_COMMAND, S, "SYNTAX: Command is not supported", { NULL } },
    { MCMP_REFUSAL_MESSAGE_SIZE,
      M,
      "MEM: Message of 1025 bytes exceeds the limit of 1024",
      { "1025", "1024" } },
    { MCMP_REFUSAL_UNKNOWN_NODE, M, "MEM: Can't read node with \"n%0A1\" JVMRoute", { "n\n1" } },
    { MCMP_REFUSAL_NODE_EXISTS, M, "MEM: Node with \"n1\" JVMRoute already exists", { "n1" } },
    { MCMP_REFUSAL_WORKER_EXISTS, M, "MEM: Another for the same worker already exist", { NULL } },
    { MCMP_REFUSAL_NODE_TABLE,
      M,
      "MEM: Can't update or insert node with \"n1\" JVMRoute",
      { "n1" } },
    { MCMP_REFUSAL_BALANCER_TABLE,
      M,
      "MEM: Can't update or insert balancer for node with \"%C3%A4\" JVMRoute",
      { "\xc3\xa4" } },
};

START_TEST(test_response_tells_every_row_of_the_catalogue)
{
    mcmp_response *response = new_response();
    mcmp_request request = request_with(0);
    char want[1024];

    for (size_t i = 0; i < COUNT_OF(catalogue); i++) {
        const mcmp_span args[2] = {
            span_of(catalogue[i].args[0] != NULL ? catalogue[i].args[0] : ""),
            span_of(catalogue[i].args[1] != NULL ? catalogue[i].args[1] : "")
        };
        char body[512];
        int len = snprintf(body, sizeof(body), "Type: %s\nMess: %s\n", catalogue[i].type,
                           catalogue[i].mess);

        row_code(
            catalogue[i].mess,
            mcmp_response_refuse(response, &request, catalogue[i].refusal, args, COUNT_OF(args)),
            MCMP_OK);
        (void)snprintf(want, sizeof(want),
                       "HTTP/1.1 500 Internal Server Error\r\nVersion: 0.2.1\r\nType: %s\r\n"
                       "Mess: %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n",
                       catalogue[i].type, catalogue[i].mess, len);
        row_text(catalogue[i].mess, mcmp_response_head(response), want);
        row_text(catalogue[i].mess, mcmp_response_body(response), body);
        row_int(catalogue[i].mess, mcmp_response_status(response), 500);
        row_int(catalogue[i].mess, mcmp_response_refusal(response), catalogue[i].refusal);
        row_int(catalogue[i].mess, mcmp_response_must_close(response), 0);
    }
    ck_assert_uint_eq(COUNT_OF(catalogue), MCMP_REFUSAL_TABLES - 1); /* TABLES and DENIED: below */
    ck_assert_int_eq(mcmp_response_refuse(response, &request, MCMP_REFUSAL_NONE, NULL, 0),
                     MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_response_refuse(response, &request, 9999, NULL, 0), MCMP_ERR_INVALID);
    mcmp_response_free(response);
}
END_TEST

START_TEST(test_response_denies_with_403)
{
    mcmp_response *response = new_response();
    mcmp_request request = request_with(MCMP_REQUEST_CLOSE);

    ck_assert_int_eq(mcmp_response_refuse(response, &request, MCMP_REFUSAL_DENIED, NULL, 0),
                     MCMP_OK);
    row_text("head", mcmp_response_head(response),
             "HTTP/1.1 403 Forbidden\r\nVersion: 0.2.1\r\nType: GENERAL\r\n"
             "Mess: GENERAL: Not authorised\r\nContent-Type: text/plain\r\n"
             "Content-Length: 44\r\nConnection: close\r\n\r\n");
    row_text("body", mcmp_response_body(response),
             "Type: GENERAL\nMess: GENERAL: Not authorised\n");
    request.flags = MCMP_REQUEST_HEAD;
    ck_assert_int_eq(mcmp_response_refuse(response, &request, MCMP_REFUSAL_DENIED, NULL, 0),
                     MCMP_OK);
    ck_assert_uint_eq(mcmp_response_body(response).len, 0);
    mcmp_response_free(response);
}
END_TEST

static mcmp_span mess_of(const mcmp_response *response)
{
    mcmp_pair pair;

    for (size_t i = 0; mcmp_response_header(response, i, &pair) == MCMP_OK; i++)
        if (pair.name.len == 4 && memcmp(pair.name.ptr, "Mess", 4) == 0)
            return pair.value;
    ck_abort_msg("no Mess");
}

START_TEST(test_response_keeps_quotes_and_mess_in_their_limits)
{
    mcmp_response *response = new_response();
    mcmp_request request = request_with(0);
    char big[5000];
    mcmp_span arg = { big, sizeof(big) };
    char want[128];

    memset(big, 'k', sizeof(big));
    ck_assert_int_eq(mcmp_response_refuse(response, &request, MCMP_REFUSAL_BAD_FIELD, &arg, 1),
                     MCMP_OK);
    (void)snprintf(want, sizeof(want), "SYNTAX: Invalid field \"%.64s\" in message", big);
    row_text("a key is cut at 64", mess_of(response), want);
    ck_assert_int_eq(mcmp_response_refuse(response, &request, MCMP_REFUSAL_UNKNOWN_NODE, &arg, 1),
                     MCMP_OK);
    row_int("Mess is cut at 4096", mess_of(response).len, 4096);
    arg.len = 63;
    memset(big, '\xff', sizeof(big));
    ck_assert_int_eq(mcmp_response_refuse(response, &request, MCMP_REFUSAL_UNKNOWN_NODE, &arg, 1),
                     MCMP_OK);
    row_int("a route stands whole", mess_of(response).len,
            strlen("MEM: Can't read node with \"\" JVMRoute") + 3 * 63);
    mcmp_response_free(response);
}
END_TEST

START_TEST(test_response_joins_what_found_no_place)
{
    mcmp_response *response = new_response();
    mcmp_request request = request_with(0);
    mcmp_span route = TEXT("n1");

    mcmp_response_begin_leftover(response);
    ck_assert_int_eq(mcmp_response_leftover(response, route, span_of("a\n"), span_of("")), MCMP_OK);
    ck_assert_int_eq(mcmp_response_leftover(response, route, span_of("b"), span_of("/c")), MCMP_OK);
    ck_assert_int_eq(mcmp_response_refuse(response, &request, MCMP_REFUSAL_TABLES, &route, 1),
                     MCMP_OK);
    row_text("two", mess_of(response),
             "MEM: Can't update or insert host alias for node with \"n1\" JVMRoute (a%0A), "
             "Can't update or insert context for node with \"n1\" JVMRoute (/c and alias: b)");
    mcmp_response_begin_leftover(response);
    ck_assert_int_eq(mcmp_response_leftover(response, route, span_of("b"), span_of("/c")), MCMP_OK);
    mcmp_response_count_leftover(response, 7);
    ck_assert_int_eq(mcmp_response_refuse(response, &request, MCMP_REFUSAL_TABLES, &route, 1),
                     MCMP_OK);
    row_text("one and a number", mess_of(response),
             "MEM: Can't update or insert context for node with \"n1\" JVMRoute (/c and alias: b)"
             ", and 7 more");
    mcmp_response_free(response);
}
END_TEST

START_TEST(test_response_counts_leftovers_after_4096_bytes)
{
    mcmp_response *response = new_response();
    mcmp_request request = request_with(0);
    const char *entry = ", Can't update or insert context for node with \"n1\" JVMRoute (/c and "
                        "alias: b)";
    size_t fits = (4096 - 5 - 32 + 2) / strlen(entry);
    char tail[64];
    mcmp_span mess;

    mcmp_response_begin_leftover(response);
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(
            mcmp_response_leftover(response, span_of("n1"), span_of("b"), span_of("/c")), MCMP_OK);
    ck_assert_int_eq(mcmp_response_refuse(response, &request, MCMP_REFUSAL_TABLES, NULL, 0),
                     MCMP_OK);
    mess = mess_of(response);
    ck_assert_uint_le(mess.len, 4096);
    (void)snprintf(tail, sizeof(tail), "(/c and alias: b), and %zu more", 1000 - fits);
    ck_assert(memcmp(mess.ptr + mess.len - strlen(tail), tail, strlen(tail)) == 0);
    ck_assert_uint_eq(mess.len, 5 + fits * strlen(entry) - 2 + strlen(tail) - 17);
    mcmp_response_free(response);
}
END_TEST

START_TEST(test_response_to_bad_http_is_400_and_close)
{
    mcmp_response *response = new_response();
    mcmp_pair pair;

    ck_assert_int_eq(mcmp_response_bad_http(response, MCMP_ERR_HTTP), MCMP_OK);
    ck_assert_uint_eq(mcmp_response_status(response), 400);
    ck_assert_int_eq(mcmp_response_must_close(response), 1);
    row_text("head", mcmp_response_head(response),
             "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 25\r\n"
             "Connection: close\r\n\r\n");
    row_text("body", mcmp_response_body(response), "not a valid HTTP request\n");
    row_text("reason", mcmp_response_reason(response), "Bad Request");
    for (size_t i = 0; mcmp_response_header(response, i, &pair) == MCMP_OK; i++)
        ck_assert_uint_ne(pair.name.len, 4); /* neither Type nor Mess */
    ck_assert_int_eq(mcmp_response_bad_http(response, MCMP_ERR_HEAD_SIZE), MCMP_OK);
    ck_assert_uint_eq(mcmp_response_status(response), 400);
    ck_assert_int_eq(mcmp_response_bad_http(response, MCMP_ERR_NOMEM), MCMP_OK);
    ck_assert_uint_eq(mcmp_response_status(response), 500);
    mcmp_response_free(response);
}
END_TEST

START_TEST(test_response_keeps_what_it_waits_for)
{
    mcmp_response *response = new_response();
    mcmp_request request = request_with(0);
    char host[] = "10.0.0.1";
    mcmp_probe probe;
    mcmp_pending pending = { .struct_size = sizeof(pending), .kind = MCMP_PENDING_PROBE };
    const mcmp_pending *got;

    mcmp_probe_init(&probe);
    probe.host = span_of(host);
    probe.method = span_of("OPTIONS");
    probe.path = span_of("*");
    probe.port = 80;
    pending.probe = &probe;
    ck_assert_int_eq(mcmp_response_begin(response, &request, NULL), MCMP_OK);
    ck_assert_int_eq(mcmp_response_set_pending(response, &pending), MCMP_OK);
    memset(host, 'x', sizeof(host) - 1);
    memset(&probe, 0, sizeof(probe));
    ck_assert_uint_eq(mcmp_response_status(response), 0);
    got = mcmp_response_pending(response);
    ck_assert(got != NULL && got->probe != NULL && got->probe != &probe);
    row_text("host", got->probe->host, "10.0.0.1");
    row_text("method", got->probe->method, "OPTIONS");
    row_text("path", got->probe->path, "*");
    row_text("authority", got->probe->authority, "");
    row_int("port", got->probe->port, 80);
    pending.kind = MCMP_PENDING_DELAY;
    pending.probe = NULL;
    ck_assert_int_eq(mcmp_response_set_pending(response, &pending), MCMP_OK);
    ck_assert(mcmp_response_pending(response)->probe == NULL);
    ck_assert_int_eq(mcmp_response_set_pending(response, NULL), MCMP_OK);
    ck_assert(mcmp_response_pending(response) == NULL);
    mcmp_response_free(response);
}
END_TEST

static int answer_all(const mcmp_allocator *allocator, void *ctx)
{
    mcmp_response *response = NULL;
    mcmp_request request = request_with(0);
    mcmp_decoder *decoder = NULL;
    mcmp_probe probe;
    mcmp_pending pending = { .struct_size = sizeof(pending), .probe = &probe };
    char big[1000];
    int rc = mcmp_response_new(&response, allocator, NULL);

    (void)ctx;
    memset(big, 'b', sizeof(big));
    mcmp_probe_init(&probe);
    if (rc == MCMP_OK)
        rc = mcmp_response_decoder(response, NULL, &decoder, NULL);
    if (rc == MCMP_OK)
        rc = mcmp_response_set_pending(response, &pending);
    if (rc == MCMP_OK)
        rc = mcmp_response_begin(response, &request, "text/plain");
    if (rc == MCMP_OK) {
        (void)mcmp_response_write(response, big, sizeof(big));
        rc = mcmp_response_end(response); /* tells of the failed write too */
        ck_assert((rc == MCMP_OK) == (mcmp_response_status(response) == 200));
    }
    if (rc == MCMP_OK) {
        mcmp_response_begin_leftover(response);
        (void)mcmp_response_leftover(response, span_of("r"), span_of("a"), span_of("/"));
        rc = mcmp_response_refuse(response, &request, MCMP_REFUSAL_TABLES, NULL, 0);
        ck_assert((rc == MCMP_OK) == (mcmp_response_status(response) == 500));
    }
    mcmp_response_free(response);
    return rc;
}

START_TEST(test_response_survives_any_failed_allocation)
{
    run_with_oom("answer", answer_all, NULL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_response_writes_success,
        test_response_begins_with_each_status_it_knows,
        test_response_lists_its_headers,
        test_response_tells_every_row_of_the_catalogue,
        test_response_denies_with_403,
        test_response_keeps_quotes_and_mess_in_their_limits,
        test_response_joins_what_found_no_place,
        test_response_counts_leftovers_after_4096_bytes,
        test_response_to_bad_http_is_400_and_close,
        test_response_keeps_what_it_waits_for,
        test_response_survives_any_failed_allocation,
    };

    return run_tests("response", tests, COUNT_OF(tests));
}
