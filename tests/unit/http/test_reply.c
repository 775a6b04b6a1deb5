/* SPDX-License-Identifier: Apache-2.0 */
/* Responses on their way to the client, and the host's own answers, byte for byte. */
#include "cuts.h"

#define OK11 "HTTP/1.1 200 OK\r\n"
#define LEN "Content-Length: 3\r\n"
#define CHUNK "Transfer-Encoding: chunked\r\n"
#define KEEP MCMP_HTTP_KEEP_ALIVE
#define UP MCMP_HTTP_UPGRADE
#define NONE MCMP_HTTP_FRAMING_NONE
#define LENGTH MCMP_HTTP_FRAMING_LENGTH
#define CHUNKED MCMP_HTTP_FRAMING_CHUNKED
#define CLOSE MCMP_HTTP_FRAMING_CLOSE

typedef struct reply_row {
    const char *name;
    uint32_t method;
    const char *response;
    uint32_t minor;
    uint32_t flags;
    const char *want;
    uint32_t sent_framing;
    uint32_t sent_flags;
} reply_row;

#define GET MCMP_HTTP_GET
#define HEAD MCMP_HTTP_HEAD

static const reply_row rows[] = {
    { "length", GET, OK11 LEN "\r\n", 1, KEEP, OK11 LEN "\r\n", LENGTH, KEEP },
    { "length, close", GET, OK11 LEN "\r\n", 1, 0, OK11 "Connection: close\r\n" LEN "\r\n", LENGTH,
      0 },
    { "length, 1.0", GET, OK11 LEN "\r\n", 0, 0, OK11 "Connection: close\r\n" LEN "\r\n", LENGTH,
      0 },
    { "length, 1.0 keep-alive", GET, OK11 LEN "\r\n", 0, KEEP,
      OK11 "Connection: keep-alive\r\n" LEN "\r\n", LENGTH, KEEP },
    { "chunked", GET, OK11 CHUNK "\r\n", 1, KEEP, OK11 CHUNK "\r\n", CHUNKED, KEEP },
    { "chunked, 1.0", GET, OK11 CHUNK "\r\n", 0, KEEP, OK11 "Connection: close\r\n\r\n", CLOSE, 0 },
    { "until close", GET, OK11 "\r\n", 1, KEEP, OK11 CHUNK "\r\n", CHUNKED, KEEP },
    { "until close, 1.0", GET, OK11 "\r\n", 0, KEEP, OK11 "Connection: close\r\n\r\n", CLOSE, 0 },
    { "until close, close", GET, OK11 "\r\n", 1, 0, OK11 "Connection: close\r\n" CHUNK "\r\n",
      CHUNKED, 0 },
    { "node of 1.0", GET, "HTTP/1.0 200 OK\r\n" LEN "\r\n", 1, KEEP, OK11 LEN "\r\n", LENGTH,
      KEEP },
    { "node closes, client stays", GET, OK11 "Connection: close\r\n" LEN "\r\n", 1, KEEP,
      OK11 LEN "\r\n", LENGTH, KEEP },
    { "length 0", GET, OK11 "Content-Length: 0\r\n\r\n", 1, KEEP, OK11 "Content-Length: 0\r\n\r\n",
      LENGTH, KEEP },
    { "HEAD with length", HEAD, OK11 LEN "\r\n", 1, KEEP, OK11 LEN "\r\n", NONE, KEEP },
    { "HEAD chunked", HEAD, OK11 CHUNK "\r\n", 1, KEEP, OK11 "\r\n", NONE, KEEP },
    { "HEAD without length, 1.0", HEAD, OK11 "\r\n", 0, KEEP, OK11 "Connection: keep-alive\r\n\r\n",
      NONE, KEEP },
    { "204", GET, "HTTP/1.1 204 No Content\r\n\r\n", 1, KEEP, "HTTP/1.1 204 No Content\r\n\r\n",
      NONE, KEEP },
    { "204 with length", GET, "HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n", 1, KEEP,
      "HTTP/1.1 204 x\r\n\r\n", NONE, KEEP },
    { "304 with length", GET, "HTTP/1.1 304 x\r\n" LEN "\r\n", 1, KEEP,
      "HTTP/1.1 304 x\r\n" LEN "\r\n", NONE, KEEP },
    { "304 chunked", GET, "HTTP/1.1 304 x\r\n" CHUNK "\r\n", 1, KEEP, "HTTP/1.1 304 x\r\n\r\n",
      NONE, KEEP },
    { "empty reason", GET, "HTTP/1.1 200 \r\n" LEN "\r\n", 1, KEEP, "HTTP/1.1 200 \r\n" LEN "\r\n",
      LENGTH, KEEP },
    { "100", GET, "HTTP/1.1 100 Continue\r\n\r\n", 1, 0, "HTTP/1.1 100 Continue\r\n\r\n", NONE, 0 },
    { "103", GET, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x\r\n\r\n", 1, KEEP,
      "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", NONE, KEEP },
    { "100 with length", GET, "HTTP/1.1 100 x\r\n" LEN "\r\n", 1, KEEP, "HTTP/1.1 100 x\r\n\r\n",
      NONE, KEEP },
    { "103 for 1.0", GET, "HTTP/1.1 103 Early Hints\r\n\r\n", 0, KEEP, "", NONE, KEEP },
    { "101", GET,
      "HTTP/1.1 101 SP\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
      "k\r\n\r\n",
      1, KEEP | UP,
      "HTTP/1.1 101 SP\r\nSec-WebSocket-Accept: k\r\nConnection: upgrade\r\nUpgrade: "
      "websocket\r\n\r\n",
      NONE, UP },
    { "upgrade declined", GET, OK11 LEN "Upgrade: websocket\r\nConnection: upgrade\r\n\r\n", 1,
      KEEP | UP, OK11 LEN "\r\n", LENGTH, KEEP },
    { "hop-by-hop headers end here", GET,
      OK11 "Keep-Alive: timeout=5\r\nServer: s\r\nConnection: keep-alive, x-a\r\nX-A: 1\r\n"
           "Proxy-Authenticate: b\r\nTrailer: t\r\n" LEN "Date: d\r\n\r\n",
      1, KEEP, OK11 "Server: s\r\nDate: d\r\n" LEN "\r\n", LENGTH, KEEP },
    { "cookies stay lines of their own", GET,
      OK11
      "Set-Cookie: a=1; Expires=Wed, 21 Oct\r\nSet-Cookie: b=2\r\nA: 1\r\nset-cookie: c\r\n" LEN
      "\r\n",
      1, KEEP,
      OK11
      "Set-Cookie: a=1; Expires=Wed, 21 Oct\r\nSet-Cookie: b=2\r\nA: 1\r\nset-cookie: c\r\n" LEN
      "\r\n",
      LENGTH, KEEP },
    { "flags of the request may come along", GET, OK11 LEN "\r\n", 1,
      KEEP | MCMP_HTTP_EXPECT_CONTINUE | MCMP_HTTP_HAS_LENGTH, OK11 LEN "\r\n", LENGTH, KEEP },
};

static mcmp_http_head *parsed(const char *row, uint32_t method, const char *data)
{
    mcmp_http_head *head;

    ck_assert_int_eq(mcmp_http_head_new(&head, NULL, NULL), MCMP_OK);
    row_code(row, mcmp_http_head_parse_response(head, method, data, strlen(data), NULL), MCMP_OK);
    return head;
}

START_TEST(responses_go_to_the_client_byte_for_byte)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const reply_row *row = &rows[i];
        mcmp_http_head *head = parsed(row->name, row->method, row->response);
        size_t want = strlen(row->want);

        for (size_t room = 0; room <= want; room++) {
            guard out = guard_copy(rows, room);
            mcmp_span text = { out.ptr, 0 };
            mcmp_http_reply reply;

            mcmp_http_reply_init(&reply);
            reply.minor = row->minor;
            reply.flags = row->flags;
            row_code(row->name,
                     mcmp_http_encode_response(head, &reply, out.ptr, room, &text.len, NULL),
                     room < want ? MCMP_ERR_SPACE : MCMP_OK);
            row_int(row->name, text.len, want);
            row_int(row->name, reply.sent_framing, room < want ? 0 : row->sent_framing);
            row_int(row->name, reply.sent_flags, room < want ? 0 : row->sent_flags);
            if (room == want)
                row_text(row->name, text, row->want);
            guard_free(&out);
        }
        mcmp_http_head_free(head);
    }
}
END_TEST

/* What we send is read by a client as we say it goes. */
START_TEST(responses_are_read_back_as_they_were_meant)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const reply_row *row = &rows[i];
        size_t len = strlen(row->want);
        mcmp_http_head *head;
        const mcmp_http_info *info;

        if (len == 0)
            continue;
        head = parsed(row->name, row->method, row->want);
        info = mcmp_http_head_info(head);
        row_int(row->name, info->framing, row->sent_framing);
        if (info->status >= 200)
            row_int(row->name, (info->flags & KEEP) != 0,
                    (row->sent_flags & KEEP) != 0 && row->sent_framing != CLOSE);
        row_int(row->name, (info->flags & UP) != 0, (row->sent_flags & UP) != 0);
        mcmp_http_head_free(head);
    }
}
END_TEST

START_TEST(hosts_add_and_drop_headers)
{
    static const mcmp_pair add[] = { { TEXT("Set-Cookie"), TEXT("route=n1; Path=/") } };
    static const mcmp_span drop[] = { TEXT("server") };
    static const char data[] = OK11 "Server: s\r\nVia: 1.1 q\r\nSet-Cookie: a\r\n" LEN "\r\n";
    mcmp_http_head *head = parsed("add", GET, data);
    mcmp_http_reply reply;
    char out[512];
    mcmp_span text = { out, 0 };

    mcmp_http_reply_init(&reply);
    reply.minor = 1;
    reply.flags = KEEP;
    reply.via = span_of("p");
    reply.add = add;
    reply.add_count = 1;
    reply.drop = drop;
    reply.drop_count = 1;
    ck_assert_int_eq(mcmp_http_encode_response(head, &reply, out, 512, &text.len, NULL), MCMP_OK);
    row_text("add", text,
             OK11
             "Via: 1.1 q\r\nSet-Cookie: a\r\nVia: 1.1 p\r\nSet-Cookie: route=n1; Path=/\r\n" LEN
             "\r\n");
    mcmp_http_head_free(head);
}
END_TEST

START_TEST(calls_that_make_no_sense_are_refused)
{
    static const mcmp_pair bad = { TEXT("X"), TEXT("a\r\nSet-Cookie: b") };
    static const char up[] = "HTTP/1.1 101 SP\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n";
    static const char request[] = "GET / HTTP/1.0\r\n\r\n";
    mcmp_http_head *head = parsed("101", GET, up);
    mcmp_http_reply reply;
    char out[512];
    size_t len;

    mcmp_http_reply_init(&reply);
    reply.minor = 1;
    ck_assert_int_eq(mcmp_http_encode_response(head, &reply, out, 512, &len, NULL),
                     MCMP_ERR_HTTP_UPGRADE);
    reply.flags = UP;
    reply.add = &bad;
    reply.add_count = 1;
    ck_assert_int_eq(mcmp_http_encode_response(head, &reply, out, 512, &len, NULL),
                     MCMP_ERR_INVALID);
    reply.add_count = 0;
    reply.via = span_of("a\r\n");
    ck_assert_int_eq(mcmp_http_encode_response(head, &reply, out, 512, &len, NULL),
                     MCMP_ERR_INVALID);
    reply.via.len = 0;
    reply.flags = MCMP_HTTP_NO_BODY;
    ck_assert_int_eq(mcmp_http_encode_response(head, &reply, out, 512, &len, NULL),
                     MCMP_ERR_UNSUPPORTED);
    reply.flags = UP;
    ck_assert_int_eq(mcmp_http_head_parse_response(head, GET, "HTTP/1.1 101 x\r\n\r\n", 18, NULL),
                     MCMP_OK);
    ck_assert_int_eq(mcmp_http_encode_response(head, &reply, out, 512, &len, NULL),
                     MCMP_ERR_HTTP_UPGRADE);
    ck_assert_int_eq(mcmp_http_head_parse_request(head, request, strlen(request), NULL), MCMP_OK);
    ck_assert_int_eq(mcmp_http_encode_response(head, &reply, out, 512, &len, NULL), MCMP_ERR_STATE);
    mcmp_http_head_free(head);
}
END_TEST

typedef struct answer_row {
    const char *name;
    uint32_t status;
    uint32_t minor;
    uint32_t flags;
    uint32_t retry_after;
    const char *body;
    const char *type;
    const char *want;
} answer_row;

#define TAIL(code_text, n) \
    "HTTP/1.1 " code_text "\r\nContent-Type: text/plain\r\nContent-Length: " n "\r\n"

static const answer_row answers[] = {
    { "400", 400, 1, 0, 0, NULL, NULL,
      TAIL("400 Bad Request", "16") "Connection: close\r\n\r\n400 Bad Request\n" },
    { "404 kept", 404, 1, KEEP, 0, NULL, NULL, TAIL("404 Not Found", "14") "\r\n404 Not Found\n" },
    { "404 for HEAD", 404, 1, KEEP | MCMP_HTTP_NO_BODY, 0, NULL, NULL,
      TAIL("404 Not Found", "14") "\r\n" },
    { "404 kept, 1.0", 404, 0, KEEP, 0, NULL, NULL,
      TAIL("404 Not Found", "14") "Connection: keep-alive\r\n\r\n404 Not Found\n" },
    { "408", 408, 1, 0, 0, NULL, NULL,
      TAIL("408 Request Timeout", "20") "Connection: close\r\n\r\n408 Request Timeout\n" },
    { "413", 413, 1, 0, 0, NULL, NULL,
      TAIL("413 Content Too Large", "22") "Connection: close\r\n\r\n413 Content Too Large\n" },
    { "414", 414, 1, 0, 0, NULL, NULL,
      TAIL("414 URI Too Long", "17") "Connection: close\r\n\r\n414 URI Too Long\n" },
    { "431", 431, 1, 0, 0, NULL, NULL,
      TAIL("431 Request Header Fields Too Large", "36") "Connection: close\r\n\r\n"
                                                        "431 Request Header Fields Too Large\n" },
    { "501", 501, 1, 0, 0, NULL, NULL,
      TAIL("501 Not Implemented", "20") "Connection: close\r\n\r\n501 Not Implemented\n" },
    { "502", 502, 1, KEEP, 0, NULL, NULL, TAIL("502 Bad Gateway", "16") "\r\n502 Bad Gateway\n" },
    { "503", 503, 1, KEEP, 10, NULL, NULL,
      TAIL("503 Service Unavailable", "24") "Retry-After: 10\r\n\r\n503 Service Unavailable\n" },
    { "504", 504, 1, KEEP, 0, NULL, NULL,
      TAIL("504 Gateway Timeout", "20") "\r\n504 Gateway Timeout\n" },
    { "own body", 200, 1, KEEP, 0, "{}", "application/json",
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}" },
    { "204", 204, 1, KEEP, 0, NULL, NULL, "HTTP/1.1 204 No Content\r\n\r\n" },
    { "unknown status", 599, 1, 0, 0, NULL, NULL,
      TAIL("599 ", "5") "Connection: close\r\n\r\n599 \n" },
};

START_TEST(own_answers_are_small_and_right)
{
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        const answer_row *row = &answers[i];
        size_t want = strlen(row->want);

        for (size_t room = 0; room <= want; room++) {
            guard out = guard_copy(rows, room);
            mcmp_span text = { out.ptr, 0 };
            mcmp_http_answer answer;

            mcmp_http_answer_init(&answer);
            answer.status = row->status;
            answer.minor = row->minor;
            answer.flags = row->flags;
            answer.retry_after = row->retry_after;
            if (row->body != NULL)
                answer.body = span_of(row->body);
            if (row->type != NULL)
                answer.type = span_of(row->type);
            row_code(row->name, mcmp_http_encode_answer(&answer, out.ptr, room, &text.len, NULL),
                     room < want ? MCMP_ERR_SPACE : MCMP_OK);
            row_int(row->name, text.len, want);
            if (room == want)
                row_text(row->name, text, row->want);
            guard_free(&out);
        }
    }
}
END_TEST

START_TEST(own_answers_are_read_back)
{
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        const answer_row *row = &answers[i];
        mcmp_http_head *head =
            parsed(row->name, (row->flags & MCMP_HTTP_NO_BODY) != 0 ? HEAD : GET, row->want);
        const mcmp_http_info *info = mcmp_http_head_info(head);

        row_int(row->name, info->status, row->status);
        row_int(row->name, (info->flags & KEEP) != 0, (row->flags & KEEP) != 0);
        if (info->framing == LENGTH)
            row_int(row->name, info->length, strlen(row->want) - info->head_size);
        else
            row_int(row->name, strlen(row->want), info->head_size);
        mcmp_http_head_free(head);
    }
}
END_TEST

START_TEST(own_answers_refuse_what_they_can_not_say)
{
    static const mcmp_pair line = { TEXT("Allow"), TEXT("GET") };
    static const mcmp_pair bad = { TEXT("Allow"), TEXT("GET\n") };
    mcmp_http_answer answer;
    char out[512];
    mcmp_span text = { out, 0 };

    mcmp_http_answer_init(&answer);
    answer.minor = 1;
    ck_assert_int_eq(mcmp_http_encode_answer(&answer, out, 512, &text.len, NULL), MCMP_ERR_INVALID);
    answer.status = 600;
    ck_assert_int_eq(mcmp_http_encode_answer(&answer, out, 512, &text.len, NULL), MCMP_ERR_INVALID);
    answer.status = 405;
    answer.flags = MCMP_HTTP_UPGRADE;
    ck_assert_int_eq(mcmp_http_encode_answer(&answer, out, 512, &text.len, NULL),
                     MCMP_ERR_UNSUPPORTED);
    answer.flags = 0;
    answer.add = &bad;
    answer.add_count = 1;
    ck_assert_int_eq(mcmp_http_encode_answer(&answer, out, 512, &text.len, NULL), MCMP_ERR_INVALID);
    answer.add = &line;
    ck_assert_int_eq(mcmp_http_encode_answer(&answer, out, 512, &text.len, NULL), MCMP_OK);
    row_text("405", text,
             TAIL("405 Method Not Allowed", "23") "Allow: GET\r\nConnection: close\r\n\r\n"
                                                  "405 Method Not Allowed\n");
    ck_assert_str_eq(mcmp_http_reason(404), "Not Found");
    ck_assert_str_eq(mcmp_http_reason(299), "");
    ck_assert_str_eq(MCMP_HTTP_CONTINUE, "HTTP/1.1 100 Continue\r\n\r\n");
}
END_TEST

START_TEST(idempotent_methods_are_those_of_rfc_9110)
{
    static const int want[] = { 0, 1, 1, 0, 1, 1, 1, 1, 0 };

    for (uint32_t method = 0; method < COUNT_OF(want); method++)
        ck_assert_int_eq(mcmp_http_is_idempotent(method), want[method]);
    ck_assert_int_eq(mcmp_http_is_idempotent(9), 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        responses_go_to_the_client_byte_for_byte,
        responses_are_read_back_as_they_were_meant,
        hosts_add_and_drop_headers,
        calls_that_make_no_sense_are_refused,
        own_answers_are_small_and_right,
        own_answers_are_read_back,
        own_answers_refuse_what_they_can_not_say,
        idempotent_methods_are_those_of_rfc_9110,
    };

    return run_tests("http/reply", tests, COUNT_OF(tests));
}
