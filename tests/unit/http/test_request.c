/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests on their way to the node, byte for byte: what stays, what ends at this hop, what is
 * added, and that each of them is a valid request of the same meaning again.
 */
#include "cuts.h"

typedef struct forward_row {
    const char *name;
    const char *request;
    const char *want;
    uint32_t flags;
    uint32_t framing;
    uint64_t length;
    const char *host;
    const char *client;
    const char *scheme;
    const char *by;
    const char *via;
    const char *cookie;
    const char *path;
    uint32_t sent_framing; /* 0 = NONE */
    uint32_t sent_upgrade;
} forward_row;

#define X MCMP_HTTP_FORWARD_X
#define FWD MCMP_HTTP_FORWARD_RFC7239
#define TRUST MCMP_HTTP_FORWARD_TRUSTED
#define IN "GET /x HTTP/1.1\r\nHost: a\r\n"
#define POST "POST /x HTTP/1.1\r\nHost: a\r\n"
#define LENGTH MCMP_HTTP_FRAMING_LENGTH
#define CHUNKED MCMP_HTTP_FRAMING_CHUNKED
#define WS "Connection: Upgrade\r\nUpgrade: websocket\r\n"
#define WS_OUT "Connection: upgrade\r\nUpgrade: websocket\r\n"

static const forward_row rows[] = {
    { "nothing to do", IN "\r\n", IN "\r\n", .flags = 0 },
    { "headers stay in order with their bytes", IN "B:  2 \r\na: 1\r\nB:\t3\r\nEmpty:\r\n\r\n",
      IN "B:  2 \r\na: 1\r\nB:\t3\r\nEmpty:\r\n\r\n", .flags = 0 },
    { "Host goes first", "GET /x HTTP/1.1\r\nA: 1\r\nHost: a\r\nB: 2\r\n\r\n",
      IN "A: 1\r\nB: 2\r\n\r\n", .flags = 0 },
    { "Host of the node", IN "\r\n", "GET /x HTTP/1.1\r\nHost: n:80\r\n\r\n", .host = "n:80" },
    { "Host of an absolute target", "GET http://b/y?z HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /y?z HTTP/1.1\r\nHost: b\r\n\r\n", .flags = 0 },
    { "HTTP/1.0 becomes 1.1", "GET /x HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
      IN "\r\n", .flags = 0 },
    { "HTTP/1.0 without Host", "GET /x HTTP/1.0\r\n\r\n", "GET /x HTTP/1.1\r\nHost: n\r\n\r\n",
      .host = "n" },
    { "canonical target", "GET /a/../%78 HTTP/1.1\r\nHost: a\r\n\r\n", IN "\r\n", .flags = 0 },
    { "OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
      .flags = 0 },
    { "other method", "PROPFIND /x HTTP/1.1\r\nHost: a\r\n\r\n",
      "PROPFIND /x HTTP/1.1\r\nHost: a\r\n\r\n", .flags = 0 },
    { "hop-by-hop headers end here",
      IN "Keep-Alive: 5\r\nA: 1\r\nProxy-Connection: x\r\nProxy-Authenticate: y\r\n"
         "Proxy-Authorization: z\r\nTE: trailers\r\nTrailer: t\r\nB: 2\r\nUpgrade: u\r\n"
         "connection: keep-alive\r\n\r\n",
      IN "A: 1\r\nB: 2\r\n\r\n", .flags = 0 },
    { "Connection's list ends here",
      IN "X-Secret: 1\r\nConnection: x-secret, Cookie\r\nA: 1\r\n"
         "x-Secret: 2\r\nCookie: c=d\r\n\r\n",
      IN "A: 1\r\n\r\n", .flags = 0 },
    { "Connection can't take Host and framing away",
      POST "Connection: host, content-length\r\nContent-Length: 3\r\n\r\n",
      POST "Content-Length: 3\r\n\r\n", .sent_framing = LENGTH },
    { "Proxy is dropped (CVE-2016-5387)", IN "Proxy: evil:8080\r\n\r\n", IN "\r\n", .flags = 0 },
    { "length", POST "content-length: 0012\r\n\r\n", POST "Content-Length: 12\r\n\r\n",
      .sent_framing = LENGTH },
    { "chunked", POST "transfer-encoding: CHUNKED\r\n\r\n",
      POST "Transfer-Encoding: chunked\r\n\r\n", .sent_framing = CHUNKED },
    { "chunked, buffered to a length", POST "Transfer-Encoding: chunked\r\n\r\n",
      POST "Content-Length: 5000000000\r\n\r\n", .framing = LENGTH, .length = 5000000000,
      .sent_framing = LENGTH },
    { "length, sent chunked", POST "Content-Length: 3\r\n\r\n",
      POST "Transfer-Encoding: chunked\r\n\r\n", .framing = CHUNKED, .sent_framing = CHUNKED },
    { "length, body left out", POST "Content-Length: 3\r\n\r\n", POST "\r\n",
      .framing = MCMP_HTTP_FRAMING_NONE },
    { "close", IN "\r\n", IN "Connection: close\r\n\r\n", .flags = MCMP_HTTP_FORWARD_CLOSE },
    { "Expect goes on", POST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n",
      POST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n", .sent_framing = LENGTH },
    { "Expect was answered", POST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n",
      POST "Content-Length: 3\r\n\r\n", .flags = MCMP_HTTP_FORWARD_NO_EXPECT,
      .sent_framing = LENGTH },
    { "X-Forwarded", IN "\r\n",
      IN "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Host: a\r\nX-Forwarded-Proto: http\r\n\r\n",
      .flags = X, .client = "192.0.2.1" },
    { "X-Forwarded replaces what a client says",
      IN "X-Forwarded-For: 1.1.1.1\r\nx-forwarded-host: b\r\nX-Forwarded-Proto: https\r\n"
         "Forwarded: for=1.1.1.1\r\n\r\n",
      IN "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Host: a\r\nX-Forwarded-Proto: http\r\n\r\n",
      .flags = X, .client = "192.0.2.1" },
    { "X-Forwarded appends to what a trusted client says",
      IN "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Host: b\r\nX-Forwarded-For: 2.2.2.2\r\n"
         "X-Forwarded-Proto:\r\nForwarded: for=1.1.1.1\r\n\r\n",
      IN "Forwarded: for=1.1.1.1\r\nX-Forwarded-For: 1.1.1.1, 2.2.2.2, ::1\r\n"
         "X-Forwarded-Host: b, a\r\nX-Forwarded-Proto: https\r\n\r\n",
      .flags = X | TRUST, .client = "::1", .scheme = "https" },
    { "Connection can't take ours away (CVE-2022-31813)",
      IN "Connection: X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, Forwarded, Via\r\n"
         "X-Forwarded-For: 1.1.1.1\r\nVia: 1.1 v\r\n\r\n",
      IN "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Host: a\r\nX-Forwarded-Proto: http\r\n"
         "Forwarded: for=192.0.2.1;host=a;proto=http\r\nVia: 1.1 p\r\n\r\n",
      .flags = X | FWD | TRUST, .client = "192.0.2.1", .via = "p" },
    { "untouched when not asked for", IN "X-Forwarded-For: 1.1.1.1\r\nForwarded: for=b\r\n\r\n",
      IN "X-Forwarded-For: 1.1.1.1\r\nForwarded: for=b\r\n\r\n", .flags = 0 },
    { "Forwarded of IPv6 with port in Host", "GET /x HTTP/1.1\r\nHost: a:81\r\n\r\n",
      "GET /x HTTP/1.1\r\nHost: a:81\r\n"
      "Forwarded: by=_p;for=\"[2001:db8::1]\";host=\"a:81\";proto=https\r\n\r\n",
      .flags = FWD, .client = "2001:db8::1", .by = "_p", .scheme = "https" },
    { "Forwarded by what must be quoted", IN "\r\n",
      IN "Forwarded: by=\"a \\\"b\\\\\";for=\"[::1]\";host=a;proto=http\r\n\r\n", .flags = FWD,
      .client = "[::1]", .by = "a \"b\\" },
    { "Forwarded without client", IN "\r\n", IN "Forwarded: for=unknown;host=a;proto=http\r\n\r\n",
      .flags = FWD },
    { "Forwarded replaces", IN "Forwarded: for=x\r\nX-Forwarded-For: 1.1.1.1\r\n\r\n",
      IN "Forwarded: for=1.2.3.4;host=a;proto=http\r\n\r\n", .flags = FWD, .client = "1.2.3.4" },
    { "Forwarded appends", IN "Forwarded: for=x\r\nForwarded: for=y\r\n\r\n",
      IN "Forwarded: for=x, for=y, for=1.2.3.4;host=a;proto=http\r\n\r\n", .flags = FWD | TRUST,
      .client = "1.2.3.4" },
    { "Via", "GET /x HTTP/1.0\r\nHost: a\r\nVia: 1.1 q\r\n\r\n",
      IN "Via: 1.1 q\r\nVia: 1.0 p\r\n\r\n", .via = "p" },
    { "upgrade", IN WS "Sec-WebSocket-Key: k\r\n\r\n", IN "Sec-WebSocket-Key: k\r\n" WS_OUT "\r\n",
      .sent_upgrade = 1 },
    { "upgrade wins over close", IN WS "\r\n", IN WS_OUT "\r\n", .flags = MCMP_HTTP_FORWARD_CLOSE,
      .sent_upgrade = 1 },
    { "upgrade to what is not allowed", IN "Connection: upgrade\r\nUpgrade: h2c\r\n\r\n", IN "\r\n",
      .flags = 0 },
    { "allowed ones of a list", IN "Connection: upgrade\r\nUpgrade: h2c, WebSocket\r\n\r\n",
      IN "Connection: upgrade\r\nUpgrade: WebSocket\r\n\r\n", .sent_upgrade = 1 },
    { "upgrade for a node that can't", IN WS "\r\n", IN "\r\n",
      .flags = MCMP_HTTP_FORWARD_NO_UPGRADE },
    { "h2c and its settings",
      IN "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
         "HTTP2-Settings: x\r\n\r\n",
      IN "\r\n", .flags = 0 },
};

static const forward_row session_rows[] = {
    { "only cookie", IN "Cookie: S=1.n\r\nA: 1\r\n\r\n", IN "A: 1\r\n\r\n", .cookie = "S" },
    { "first cookie", IN "Cookie: S=1.n; b=2;c=3\r\n\r\n", IN "Cookie: b=2;c=3\r\n\r\n",
      .cookie = "S" },
    { "middle cookie", IN "Cookie: a=1; S=1.n; c=3\r\n\r\n", IN "Cookie: a=1; c=3\r\n\r\n",
      .cookie = "S" },
    { "last cookie", IN "Cookie: a=1;  S=1.n\r\n\r\n", IN "Cookie: a=1\r\n\r\n", .cookie = "S" },
    { "cookie twice", IN "Cookie: S=1; a=1; S=2\r\n\r\n", IN "Cookie: a=1\r\n\r\n", .cookie = "S" },
    { "cookie in two lines", IN "Cookie: S=1\r\nA: 1\r\ncookie: b=2; S=2\r\n\r\n",
      IN "A: 1\r\ncookie: b=2\r\n\r\n", .cookie = "S" },
    { "blanks around name", IN "Cookie: a=1;\tS =1 ; b=2\r\n\r\n", IN "Cookie: a=1; b=2\r\n\r\n",
      .cookie = "S" },
    { "quoted", IN "Cookie: S=\"1.n\"; b=\"2\"\r\n\r\n", IN "Cookie: b=\"2\"\r\n\r\n",
      .cookie = "S" },
    { "names alike stay", IN "Cookie: S2=1; XS=2; s=3; a=S=4; S\r\n\r\n",
      IN "Cookie: S2=1; XS=2; s=3; a=S=4; S\r\n\r\n", .cookie = "S" },
    { "other bytes stay", IN "Cookie:   a=1;b=\xc3\xa4 ;  ; c = 3 ; S=1\r\n\r\n",
      IN "Cookie: a=1;b=\xc3\xa4 ;  ; c = 3 \r\n\r\n", .cookie = "S" },
    { "empty value", IN "Cookie: S=\r\n\r\n", IN "\r\n", .cookie = "S" },
    { "empty line", IN "Cookie:\r\n\r\n", IN "\r\n", .cookie = "S" },
    { "not asked for", IN "Cookie: S=1.n\r\n\r\n", IN "Cookie: S=1.n\r\n\r\n", .flags = 0 },
    { "path", "GET /x;s=1.n?q HTTP/1.1\r\nHost: a\r\n\r\n", "GET /x?q HTTP/1.1\r\nHost: a\r\n\r\n",
      .path = "s" },
    { "path, inside", "GET /x;s=1.n/y;t=2;s=3 HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /x/y;t=2 HTTP/1.1\r\nHost: a\r\n\r\n", .path = "s" },
    { "path, between others", "GET /x;r=1;s=2;t=3 HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /x;r=1;t=3 HTTP/1.1\r\nHost: a\r\n\r\n", .path = "s" },
    { "path, names alike", "GET /x;s2=1;xs=2;S=3;t=;s HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /x;s2=1;xs=2;S=3;t= HTTP/1.1\r\nHost: a\r\n\r\n", .path = "s" },
    { "path, not in the query", "GET /x?;s=1;s=2 HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /x?;s=1;s=2 HTTP/1.1\r\nHost: a\r\n\r\n", .path = "s" },
    { "path and cookie", "GET /x;s=1.n HTTP/1.1\r\nHost: a\r\nCookie: S=1.n; b=2\r\n\r\n",
      "GET /x HTTP/1.1\r\nHost: a\r\nCookie: b=2\r\n\r\n", .path = "s", .cookie = "S" },
};

static mcmp_span span_or_none(const char *text)
{
    mcmp_span none = { NULL, 0 };

    return text != NULL ? span_of(text) : none;
}

static mcmp_http_head *parsed(const char *row, const char *data, mcmp_http_target *target,
                              char *buf, size_t size)
{
    mcmp_http_head *head;

    ck_assert_int_eq(mcmp_http_head_new(&head, NULL, NULL), MCMP_OK);
    row_code(row, mcmp_http_head_parse_request(head, data, strlen(data), NULL), MCMP_OK);
    mcmp_http_target_init(target);
    row_code(row, mcmp_http_target_parse(mcmp_http_head_info(head), 0, buf, size, target, NULL),
             MCMP_OK);
    return head;
}

static void forward_of(const forward_row *row, const mcmp_http_target *target,
                       mcmp_http_forward *forward)
{
    mcmp_http_forward_init(forward);
    forward->target = target;
    forward->flags = row->flags;
    forward->framing = row->framing;
    forward->length = row->length;
    forward->host = span_or_none(row->host);
    forward->client = span_or_none(row->client);
    forward->scheme = span_or_none(row->scheme);
    forward->by = span_or_none(row->by);
    forward->via = span_or_none(row->via);
    forward->remove_cookie = span_or_none(row->cookie);
    forward->remove_path = span_or_none(row->path);
}

/* Every room below the size needed fails and names it; the result is a request again. */
static void check_row(const forward_row *row)
{
    mcmp_http_target target;
    mcmp_http_forward forward;
    char buf[1024];
    mcmp_http_head *head = parsed(row->name, row->request, &target, buf, sizeof(buf));
    size_t want = strlen(row->want);
    size_t len = 0;

    for (size_t room = 0; room < want; room++) {
        guard out = guard_copy(rows, room);

        forward_of(row, &target, &forward);
        row_code(row->name, mcmp_http_encode_request(head, &forward, out.ptr, room, &len, NULL),
                 MCMP_ERR_SPACE);
        row_int(row->name, len, want);
        row_int(row->name, forward.sent_framing, 0);
        guard_free(&out);
    }
    guard out = guard_copy(rows, want);
    mcmp_span text = { out.ptr, want };

    forward_of(row, &target, &forward);
    row_code(row->name, mcmp_http_encode_request(head, &forward, out.ptr, want, &len, NULL),
             MCMP_OK);
    row_text(row->name, text, row->want);
    row_int(row->name, forward.sent_framing,
            row->sent_framing != 0 ? row->sent_framing : MCMP_HTTP_FRAMING_NONE);
    row_int(row->name, forward.sent_upgrade, row->sent_upgrade);
    row_code(row->name, mcmp_http_head_parse_request(head, out.ptr, len, NULL), MCMP_OK);
    row_int(row->name, mcmp_http_head_info(head)->framing, forward.sent_framing);
    row_int(row->name, (mcmp_http_head_info(head)->flags & MCMP_HTTP_UPGRADE) != 0,
            row->sent_upgrade);
    guard_free(&out);
    mcmp_http_head_free(head);
}

START_TEST(requests_go_to_the_node_byte_for_byte)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check_row(&rows[i]);
}
END_TEST

START_TEST(session_ids_are_cut_out_and_nothing_else)
{
    for (size_t i = 0; i < COUNT_OF(session_rows); i++)
        check_row(&session_rows[i]);
}
END_TEST

START_TEST(hosts_add_and_drop_headers_and_choose_upgrades)
{
    static const mcmp_pair add[] = { { TEXT("X-Request-Id"), TEXT("7") },
                                     { TEXT("A"), TEXT("own") } };
    static const mcmp_span drop[] = { TEXT("x-request-id"), TEXT("Cookie") };
    static const mcmp_span upgrades[] = { TEXT("h2c"), TEXT("irc/6.9") };
    mcmp_http_target target;
    mcmp_http_forward forward;
    char buf[256];
    char out[512];
    mcmp_span text = { out, 0 };
    mcmp_http_head *head =
        parsed("add",
               IN "X-Request-Id: 6\r\nA: 1\r\nCookie: S=1; b=2\r\nUpgrade: IRC/6.9, websocket\r\n"
                  "Connection: upgrade\r\n\r\n",
               &target, buf, sizeof(buf));

    mcmp_http_forward_init(&forward);
    forward.target = &target;
    forward.add = add;
    forward.add_count = 2;
    forward.drop = drop;
    forward.drop_count = 2;
    forward.remove_cookie = span_of("S");
    forward.upgrades = upgrades;
    forward.upgrade_count = 2;
    ck_assert_int_eq(mcmp_http_encode_request(head, &forward, out, sizeof(out), &text.len, NULL),
                     MCMP_OK);
    row_text(
        "add", text,
        IN "A: 1\r\nX-Request-Id: 7\r\nA: own\r\nConnection: upgrade\r\nUpgrade: IRC/6.9\r\n\r\n");
    forward.upgrade_count = 0;
    forward.drop_count = 1;
    ck_assert_int_eq(mcmp_http_encode_request(head, &forward, out, sizeof(out), &text.len, NULL),
                     MCMP_OK);
    row_text("no upgrade", text, IN "A: 1\r\nCookie: b=2\r\nX-Request-Id: 7\r\nA: own\r\n\r\n");
    ck_assert_uint_eq(forward.sent_upgrade, 0);
    mcmp_http_head_free(head);
}
END_TEST

START_TEST(texts_that_would_break_the_head_are_refused)
{
    static const mcmp_pair bad_lines[] = {
        { TEXT("X"), TEXT("a\r\nB: c") }, { TEXT("X"), TEXT("a\nb") }, { TEXT("X"), TEXT("a\0") },
        { TEXT("X:"), TEXT("a") },        { TEXT(""), TEXT("a") },     { TEXT("X\r"), TEXT("a") },
    };
    mcmp_http_target target;
    mcmp_http_forward forward;
    char buf[64];
    char out[512];
    size_t len;
    mcmp_http_head *head = parsed("bad", IN "\r\n", &target, buf, sizeof(buf));
    mcmp_span *const texts[] = { &forward.host, &forward.client, &forward.scheme, &forward.by,
                                 &forward.via };

    for (size_t i = 0; i < COUNT_OF(bad_lines); i++) {
        mcmp_http_forward_init(&forward);
        forward.target = &target;
        forward.add = &bad_lines[i];
        forward.add_count = 1;
        row_code("line", mcmp_http_encode_request(head, &forward, out, 512, &len, NULL),
                 MCMP_ERR_INVALID);
    }
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        mcmp_http_forward_init(&forward);
        forward.target = &target;
        *texts[i] = span_of("a\r\nB: c");
        row_code("text", mcmp_http_encode_request(head, &forward, out, 512, &len, NULL),
                 MCMP_ERR_INVALID);
    }
    mcmp_http_head_free(head);
}
END_TEST

START_TEST(calls_that_make_no_sense_are_refused)
{
    static const char reply[] = "HTTP/1.1 200 OK\r\n\r\n";
    mcmp_http_target target;
    mcmp_http_forward forward;
    char buf[64];
    char out[512];
    size_t len;
    mcmp_http_head *head = parsed("state", IN "\r\n", &target, buf, sizeof(buf));

    mcmp_http_forward_init(&forward);
    ck_assert_int_eq(mcmp_http_encode_request(head, &forward, out, 512, &len, NULL),
                     MCMP_ERR_INVALID);
    forward.target = &target;
    forward.flags = 0x80000000u;
    ck_assert_int_eq(mcmp_http_encode_request(head, &forward, out, 512, &len, NULL),
                     MCMP_ERR_UNSUPPORTED);
    forward.flags = 0;
    forward.framing = MCMP_HTTP_FRAMING_CLOSE;
    ck_assert_int_eq(mcmp_http_encode_request(head, &forward, out, 512, &len, NULL),
                     MCMP_ERR_INVALID);
    forward.framing = 0;
    mcmp_http_head_reset(head);
    ck_assert_int_eq(mcmp_http_encode_request(head, &forward, out, 512, &len, NULL),
                     MCMP_ERR_STATE);
    ck_assert_int_eq(mcmp_http_head_parse_response(head, MCMP_HTTP_GET, reply, strlen(reply), NULL),
                     MCMP_OK);
    ck_assert_int_eq(mcmp_http_encode_request(head, &forward, out, 512, &len, NULL),
                     MCMP_ERR_STATE);
    mcmp_http_head_free(head);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        requests_go_to_the_node_byte_for_byte,          session_ids_are_cut_out_and_nothing_else,
        hosts_add_and_drop_headers_and_choose_upgrades, texts_that_would_break_the_head_are_refused,
        calls_that_make_no_sense_are_refused,
    };

    return run_tests("http/request", tests, COUNT_OF(tests));
}
