/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Response heads made of parts: the same as if a node had sent the text. Each row is built, and
 * what it was built of is also written out and parsed; both heads must agree in everything.
 */
#include "cuts.h"

#define LINES 4

typedef struct build_row {
    const char *name;
    uint32_t method;
    uint32_t status;
    const char *reason;
    mcmp_pair lines[LINES];
    int code;
    const char *field;
} build_row;

#define GET MCMP_HTTP_GET
#define HEAD MCMP_HTTP_HEAD

static const build_row rows[] = {
    { "no line", GET, 200, "OK", { { TEXT(""), TEXT("") } }, MCMP_OK, "" },
    { "no reason", GET, 599, "", { { TEXT(""), TEXT("") } }, MCMP_OK, "" },
    { "length", GET, 200, "OK", { { TEXT("Content-Length"), TEXT("3") } }, MCMP_OK, "" },
    { "length of HEAD", HEAD, 200, "OK", { { TEXT("content-length"), TEXT("3") } }, MCMP_OK, "" },
    { "204", GET, 204, "x", { { TEXT("A"), TEXT("") } }, MCMP_OK, "" },
    { "304", GET, 304, "x", { { TEXT("ETag"), TEXT("\"a\"") } }, MCMP_OK, "" },
    { "100", GET, 100, "x", { { TEXT("A"), TEXT("") } }, MCMP_OK, "" },
    { "101",
      GET,
      101,
      "x",
      { { TEXT("Upgrade"), TEXT("w") }, { TEXT("Connection"), TEXT("upgrade") } },
      MCMP_OK,
      "" },
    { "lines of one name, and hop-by-hop",
      GET,
      200,
      "OK",
      { { TEXT("Set-Cookie"), TEXT("a=1") },
        { TEXT("set-cookie"), TEXT("b=2") },
        { TEXT("Connection"), TEXT("x-a, close") },
        { TEXT("X-A"), TEXT("1") } },
      MCMP_OK,
      "" },
    { "blanks around a value", GET, 200, "OK", { { TEXT("A"), TEXT(" \tb c\t ") } }, MCMP_OK, "" },
    { "bytes above 7F", GET, 200, "caf\xe9", { { TEXT("A"), TEXT("\xe9") } }, MCMP_OK, "" },
    { "an empty name", GET, 200, "OK", { { TEXT(""), TEXT("x") } }, MCMP_ERR_HTTP_HEADER, "name" },
    { "no token", GET, 200, "OK", { { TEXT("A:"), TEXT("x") } }, MCMP_ERR_HTTP_HEADER, "name" },
    { "LF in a name",
      GET,
      200,
      "OK",
      { { TEXT("A\nB"), TEXT("x") } },
      MCMP_ERR_HTTP_HEADER,
      "name" },
    { "CR in a known name",
      GET,
      200,
      "OK",
      { { TEXT("Content\rLength"), TEXT("3") } },
      MCMP_ERR_HTTP_HEADER,
      "name" },
    { "CR LF in a value",
      GET,
      200,
      "OK",
      { { TEXT("A"), TEXT("x\r\nB: y") } },
      MCMP_ERR_HTTP_HEADER,
      "value" },
    { "NUL in a value",
      GET,
      200,
      "OK",
      { { TEXT("A"), TEXT("x\0y") } },
      MCMP_ERR_HTTP_HEADER,
      "value" },
    { "LF in the reason",
      GET,
      200,
      "O\nK",
      { { TEXT("A"), TEXT("x") } },
      MCMP_ERR_HTTP_LINE,
      "reason" },
    { "99", GET, 99, "", { { TEXT("A"), TEXT("x") } }, MCMP_ERR_HTTP_LINE, "status" },
    { "600", GET, 600, "", { { TEXT("A"), TEXT("x") } }, MCMP_ERR_HTTP_LINE, "status" },
    { "two lengths",
      GET,
      200,
      "",
      { { TEXT("Content-Length"), TEXT("3") }, { TEXT("Content-Length"), TEXT("3") } },
      MCMP_ERR_HTTP_FRAMING,
      "Content-Length" },
};

static size_t count_of(const build_row *row)
{
    size_t count = 0;

    while (count < LINES && (row->lines[count].name.ptr != NULL))
        count++;
    return row->lines[0].name.len == 0 && row->lines[0].value.len == 0 ? 0 : count;
}

static mcmp_http_head *new_head(const mcmp_http_options *opts)
{
    mcmp_http_head *head;

    ck_assert_int_eq(mcmp_http_head_new(&head, opts, NULL), MCMP_OK);
    return head;
}

START_TEST(heads_are_built_as_they_would_be_parsed)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const build_row *row = &rows[i];
        mcmp_http_head *head = new_head(NULL);
        mcmp_http_head *again = new_head(NULL);
        mcmp_error err;
        static summary built;
        static summary parsed;
        char out[512];
        size_t len = 0;

        mcmp_error_init(&err);
        row_code(row->name,
                 mcmp_http_head_build_response(head, row->method, row->status, span_of(row->reason),
                                               row->lines, count_of(row), out, sizeof(out), &len,
                                               &err),
                 row->code);
        row_text(row->name, span_of(err.field), row->field);
        if (row->code != MCMP_OK) {
            row_true(row->name, mcmp_http_head_info(head) == NULL);
        } else {
            row_code(row->name, mcmp_http_head_parse_response(again, row->method, out, len, &err),
                     MCMP_OK);
            describe(&built, head);
            describe(&parsed, again);
            row_text(row->name, span_of(built.text), parsed.text);
        }
        mcmp_http_head_free(head);
        mcmp_http_head_free(again);
    }
}
END_TEST

START_TEST(transfer_encoding_of_another_protocol_is_left_out)
{
    static const mcmp_pair lines[] = {
        { TEXT("Transfer-Encoding"), TEXT("chunked") },
        { TEXT("Content-Length"), TEXT("3") },
        { TEXT("transfer-encoding"), TEXT("gzip") },
    };
    mcmp_http_head *head = new_head(NULL);
    char out[128];
    size_t len;

    ck_assert_int_eq(mcmp_http_head_build_response(head, GET, 200, span_of("OK"), lines, 3, out,
                                                   sizeof(out), &len, NULL),
                     MCMP_OK);
    ck_assert_uint_eq(mcmp_http_head_info(head)->framing, MCMP_HTTP_FRAMING_LENGTH);
    ck_assert_uint_eq(mcmp_http_head_info(head)->header_count, 1);
    mcmp_http_head_free(head);
}
END_TEST

START_TEST(room_and_limits_are_named)
{
    static const mcmp_pair lines[] = { { TEXT("A"), TEXT("1") }, { TEXT("B"), TEXT("2") } };
    static const char want[] = "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\n\r\n";
    mcmp_http_options opts;
    mcmp_http_head *head = new_head(NULL);
    mcmp_error err;
    size_t len;

    mcmp_error_init(&err);
    for (size_t room = 0; room < sizeof(want); room++) {
        guard out = guard_copy(want, room);
        int rc = mcmp_http_head_build_response(head, GET, 200, span_of("OK"), lines, 2, out.ptr,
                                               room, &len, NULL);

        ck_assert_uint_eq(len, sizeof(want) - 1);
        ck_assert_int_eq(rc, room < len ? MCMP_ERR_SPACE : MCMP_OK);
        ck_assert(rc != MCMP_OK || memcmp(out.ptr, want, len) == 0);
        guard_free(&out);
    }
    mcmp_http_head_free(head);
    for (size_t over = 0; over < 2; over++) {
        char out[128];

        mcmp_http_options_init(&opts);
        opts.max_head = (uint32_t)(sizeof(want) - 1 - over);
        head = new_head(&opts);
        ck_assert_int_eq(mcmp_http_head_build_response(head, GET, 200, span_of("OK"), lines, 2, out,
                                                       sizeof(out), &len, &err),
                         over ? MCMP_ERR_HTTP_SIZE : MCMP_OK);
        mcmp_http_head_free(head);
        mcmp_http_options_init(&opts);
        opts.max_headers = (uint32_t)(2 - over);
        head = new_head(&opts);
        ck_assert_int_eq(mcmp_http_head_build_response(head, GET, 200, span_of("OK"), lines, 2, out,
                                                       sizeof(out), &len, &err),
                         over ? MCMP_ERR_HTTP_SIZE : MCMP_OK);
        mcmp_http_head_free(head);
    }
    ck_assert_str_eq(err.field, "max_headers");
    ck_assert_uint_eq(err.offset, 1);
}
END_TEST

START_TEST(only_the_own_lines_are_written_when_they_are_asked_for)
{
    static const char request[] = "GET /a HTTP/1.1\r\nHost: h\r\nA: 1\r\nX-Forwarded-For: x\r\n"
                                  "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    static const mcmp_pair add = { TEXT("B"), TEXT("2") };
    mcmp_http_head *head = new_head(NULL);
    mcmp_http_target target;
    mcmp_http_forward forward;
    char room[64];
    char out[256];
    size_t len;

    mcmp_http_target_init(&target);
    mcmp_http_forward_init(&forward);
    ck_assert_int_eq(mcmp_http_head_parse_request(head, request, sizeof(request) - 1, NULL),
                     MCMP_OK);
    ck_assert_int_eq(
        mcmp_http_target_parse(mcmp_http_head_info(head), 0, room, sizeof(room), &target, NULL),
        MCMP_OK);
    forward.target = &target;
    forward.client = span_of("192.0.2.1");
    forward.via = span_of("p");
    forward.add = &add;
    forward.add_count = 1;
    forward.flags = MCMP_HTTP_FORWARD_X | MCMP_HTTP_FORWARD_OWN_LINES;
    ck_assert_int_eq(mcmp_http_encode_request(head, &forward, out, sizeof(out), &len, NULL),
                     MCMP_OK);
    row_text("own lines", ((mcmp_span){ out, len }),
             "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Host: h\r\nX-Forwarded-Proto: http\r\n"
             "Via: 1.1 p\r\nB: 2\r\n");
    ck_assert_uint_eq(forward.sent_upgrade, 0);
    mcmp_http_head_free(head);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        heads_are_built_as_they_would_be_parsed,
        transfer_encoding_of_another_protocol_is_left_out,
        room_and_limits_are_named,
        only_the_own_lines_are_written_when_they_are_asked_for,
    };

    return run_tests("http build", tests, COUNT_OF(tests));
}
