/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container may say, and what it may not: AJP13 3 and 4, sentence by sentence. Every row is
 * played whole, byte by byte and cut at every place, from memory that ends at a guard page.
 */
#include "exchange.h"

#define GET "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
#define HEADREQ "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n"
#define POST(n) "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: " n "\r\n\r\n"
#define CHUNKED "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"

#define OK0 "C[04 00C8 s'200' 0000]"
#define OK3 "C[04 00C8 s'OK' 0001 A003 s'3']"
#define ABC "C[03 0003 'abc' 00]"
#define END1 "C[05 01]"
#define OKLINE "HEAD 200 [OK] framing 4\n"
#define OK3LINE "HEAD 200 [OK] framing 2 3\n  Content-Length: 3\n"
#define CLOSED "END reuse 1\nclosed\n"

typedef struct reply_row {
    const char *name;
    const char *request; /* NULL: CPing */
    const char *body;
    const char *reply;
    const char *want;
} reply_row;

static const reply_row rows[] = {
    /* AJP13 3: Send Headers */
    { "a whole answer", GET, "", OK3 ABC END1, OK3LINE "BODY abc|" CLOSED },
    { "content without a length", GET, "", OK0 ABC ABC END1, OKLINE "BODY abcabc|" CLOSED },
    { "every code of a response header", GET, "",
      "C[04 00C8 s'' 000B A001 s'1' A002 s'2' A003 s'0' A004 s'4' A005 s'5' A006 s'6' A007 s'7' "
      "A008 s'8' A009 s'9' A00A s'10' A00B s'11']" END1,
      "HEAD 200 [OK] framing 2 0\n  Content-Type: 1\n  Content-Language: 2\n  Content-Length: 0\n"
      "  Date: 4\n  Last-Modified: 5\n  Location: 6\n  Set-Cookie: 7\n  Set-Cookie2: 8\n"
      "  Servlet-Engine: 9\n  Status: 10\n  WWW-Authenticate: 11\n" CLOSED },
    { "names as strings, a null and an empty value", GET, "",
      "C[04 00C8 s'200' 0003 s'X-A' s'1' s'X-N' n s'X-E' s'']" END1,
      OKLINE "  X-A: 1\n  X-N: \n  X-E: \n" CLOSED },
    { "a known name as string, in another case", GET, "",
      "C[04 00C8 s'200' 0001 s'content-LENGTH' s'3']" ABC END1,
      "HEAD 200 [OK] framing 2 3\n  content-LENGTH: 3\nBODY abc|" CLOSED },
    { "values keep bytes above 7F and TAB", GET, "",
      "C[04 00C8 s'200' 0001 s'X-L' 0005 'a' E9 '|' 09 'b' 00]" END1,
      OKLINE "  X-L: a\\xe9|\\x09b\n" CLOSED },
    { "the message is empty", GET, "", "C[04 00C8 s'' 0000]" END1, OKLINE CLOSED },
    { "the message is null", GET, "", "C[04 00C8 n 0000]" END1, OKLINE CLOSED },
    { "the message is a reason", GET, "", "C[04 00C8 s'Fine so far' 0000]" END1,
      "HEAD 200 [Fine so far] framing 4\n" CLOSED },
    { "digits of another status decide nothing", GET, "", "C[04 0194 s'200' 0000]" END1,
      "HEAD 404 [Not Found] framing 4\n" CLOSED },
    { "lowest and highest status", GET, "", "C[04 0257 s'' 0000]" END1,
      "HEAD 599 [] framing 4\n" CLOSED },
    { "status 600", GET, "", "C[04 0258 s'' 0000]", "MCMP_ERR_AJP_STATUS status @4\n" },
    { "status 99", GET, "", "C[04 0063 s'' 0000]", "MCMP_ERR_AJP_STATUS status @4\n" },
    { "status 0", GET, "", "C[04 0000 s'' 0000]", "MCMP_ERR_AJP_STATUS status @4\n" },
    { "code A000", GET, "", "C[04 00C8 s'' 0001 A000 s'x']", "MCMP_ERR_AJP_HEADER name @12\n" },
    { "code A00C", GET, "", "C[04 00C8 s'' 0001 A00C s'x']", "MCMP_ERR_AJP_HEADER name @12\n" },
    { "code A0FF", GET, "", "C[04 00C8 s'' 0001 A0FF s'x']", "MCMP_ERR_AJP_HEADER name @12\n" },
    { "a null name", GET, "", "C[04 00C8 s'' 0001 n s'x']", "MCMP_ERR_AJP_HEADER name @12\n" },
    { "an empty name", GET, "", "C[04 00C8 s'' 0001 s'' s'x']", "MCMP_ERR_AJP_HEADER name @4\n" },
    { "a name that is no token", GET, "", "C[04 00C8 s'' 0001 s'X Y' s'x']",
      "MCMP_ERR_AJP_HEADER name @4\n" },
    { "a name with a colon", GET, "", "C[04 00C8 s'' 0001 s'X:Y' s'x']",
      "MCMP_ERR_AJP_HEADER name @4\n" },
    { "a name with CR LF", GET, "", "C[04 00C8 s'' 0001 0006 'X-A' 0D0A 'B' 00 s'x']",
      "MCMP_ERR_AJP_HEADER name @4\n" },
    { "a value with CR LF", GET, "", "C[04 00C8 s'' 0001 s'X' 0006 'a' 0D0A 'b:c' 00]",
      "MCMP_ERR_AJP_HEADER value @4\n" },
    { "a value with LF", GET, "", "C[04 00C8 s'' 0001 s'X' 0003 'a' 0A 'b' 00]",
      "MCMP_ERR_AJP_HEADER value @4\n" },
    { "a value with NUL", GET, "", "C[04 00C8 s'' 0001 s'X' 0003 'a' 00 'b' 00]",
      "MCMP_ERR_AJP_HEADER value @4\n" },
    { "a name with NUL", GET, "", "C[04 00C8 s'' 0001 0003 'a' 00 'b' 00 s'x']",
      "MCMP_ERR_AJP_HEADER name @4\n" },
    { "a value with another control byte", GET, "", "C[04 00C8 s'' 0001 s'X' 0003 'a' 01 'b' 00]",
      "MCMP_ERR_AJP_HEADER value @4\n" },
    { "a message with LF", GET, "", "C[04 00C8 0003 'O' 0A 'K' 00 0000]",
      "MCMP_ERR_AJP_STATUS reason @4\n" },
    { "a message with NUL", GET, "", "C[04 00C8 0003 'O' 00 'K' 00 0000]",
      "MCMP_ERR_AJP_STATUS reason @4\n" },
    { "a message that leaves the packet", GET, "", "C[04 00C8 0010 'OK' 00 0000]",
      "MCMP_ERR_AJP_STRING message @7\n" },
    { "a terminator that is none", GET, "", "C[04 00C8 0002 'OK!' 0000]",
      "MCMP_ERR_AJP_STRING message @7\n" },
    { "the count leaves the packet", GET, "", "C[04 00C8 s'OK' 00]",
      "MCMP_ERR_AJP_STRING message @12\n" },
    { "fewer headers than the count", GET, "", "C[04 00C8 s'' 0002 A001 s'x']",
      "MCMP_ERR_AJP_STRING name @18\n" },
    { "more headers than the count", GET, "", "C[04 00C8 s'' 0000 A001 s'x']",
      "MCMP_ERR_AJP_PACKET Send Headers @12\n" },
    { "a value whose terminator is missing", GET, "", "C[04 00C8 s'' 0001 A001 0001 'x']",
      "MCMP_ERR_AJP_STRING value @14\n" },
    { "a value that leaves the packet", GET, "", "C[04 00C8 s'' 0001 A001 FFFE 'x' 00]",
      "MCMP_ERR_AJP_STRING value @14\n" },
    { "a name that leaves the packet", GET, "", "C[04 00C8 s'' 0001 9FFF 'x' 00]",
      "MCMP_ERR_AJP_STRING name @12\n" },
    { "a packet of a type and nothing", GET, "", "C[04]", "MCMP_ERR_AJP_PACKET packet @0\n" },
    { "Transfer-Encoding and Connection mean nothing", GET, "",
      "C[04 00C8 s'' 0003 s'Transfer-Encoding' s'chunked' s'Connection' s'close, X-H' s'X-H' "
      "s'1']" ABC END1,
      OKLINE "  Connection: close, X-H\n  X-H: 1\nBODY abc|" CLOSED },
    { "two Content-Length", GET, "", "C[04 00C8 s'' 0002 A003 s'3' A003 s'4']",
      "MCMP_ERR_AJP_LENGTH Content-Length @4\n" },
    { "a Content-Length that is no number", GET, "", "C[04 00C8 s'' 0001 A003 s'3x']",
      "MCMP_ERR_AJP_LENGTH Content-Length @4\n" },
    /* AJP13 3: Send Body Chunk */
    { "a chunk without the NUL behind it", GET, "", OK3 "C[03 0003 'abc']" END1,
      OK3LINE "BODY abc|" CLOSED },
    { "the byte behind a chunk is not 0", GET, "", OK3 "C[03 0003 'abc!']",
      OK3LINE "BODY abc|MCMP_ERR_AJP_STRING Send Body Chunk @20\n" },
    { "a chunk longer than its packet", GET, "", OK0 "C[03 0004 'abc']",
      OKLINE "MCMP_ERR_AJP_STRING Send Body Chunk @15\n" },
    { "a chunk shorter than its packet", GET, "", OK0 "C[03 0001 'abc' 00]",
      OKLINE "MCMP_ERR_AJP_STRING Send Body Chunk @15\n" },
    { "a chunk without length", GET, "", OK0 "C[03 00]",
      OKLINE "MCMP_ERR_AJP_PACKET packet @15\n" },
    { "a flush", GET, "", OK0 "C[03 0000 00]" ABC "C[03 0000]" END1,
      OKLINE "FLUSH\nBODY abc|FLUSH\n" CLOSED },
    { "a flush before the head is ignored", GET, "", "C[03 0000 00] C[03 0000]" OK0 END1,
      OKLINE CLOSED },
    { "a flush of HEAD", HEADREQ, "", OK0 "C[03 0000 00]" END1,
      "HEAD 200 [OK] framing 1\nFLUSH\n" CLOSED },
    { "a flush of 204", GET, "", "C[04 00CC s'' 0000] C[03 0000 00]" END1,
      "HEAD 204 [No Content] framing 1\nFLUSH\n" CLOSED },
    { "a flush whose byte behind is not 0", GET, "", OK0 "C[03 0000 01]",
      OKLINE "MCMP_ERR_AJP_STRING Send Body Chunk @15\n" },
    { "content whose bytes look like packets", GET, "", OK0 "C[03 0006 'AB' 0002 0501 00]" END1,
      OKLINE "BODY AB\\x00\\x02\\x05\\x01|" CLOSED },
    /* AJP13 3: End Response, Get Body Chunk, CPong */
    { "reuse 0", GET, "", OK0 "C[05 00]", OKLINE "END reuse 0\nclosed\n" },
    { "reuse 2", GET, "", OK0 "C[05 02]", OKLINE "END reuse 0\nclosed\n" },
    { "reuse FF", GET, "", OK0 "C[05 FF]", OKLINE "END reuse 0\nclosed\n" },
    { "End Response without reuse", GET, "", OK0 "C[05]",
      OKLINE "MCMP_ERR_AJP_PACKET packet @15\n" },
    { "End Response of three bytes", GET, "", OK0 "C[05 01 00]",
      OKLINE "MCMP_ERR_AJP_PACKET packet @15\n" },
    { "Get Body Chunk of two bytes", GET, "", "C[06 1F]", "MCMP_ERR_AJP_PACKET packet @0\n" },
    { "Get Body Chunk of four bytes", GET, "", "C[06 1FFA 00]", "MCMP_ERR_AJP_PACKET packet @0\n" },
    { "Get Body Chunk of length 0", GET, "", "C[06 0000]",
      "MCMP_ERR_AJP_ORDER Get Body Chunk @0\n" },
    { "CPong to a request", GET, "", "C[09]", "MCMP_ERR_AJP_ORDER CPong @0\n" },
    { "CPong to CPing", NULL, "", "C[09]", "PONG reuse 1\nclosed\n" },
    { "CPong of two bytes", NULL, "", "C[09 00]", "MCMP_ERR_AJP_PACKET packet @0\n" },
    { "something else to CPing", NULL, "", OK0, "MCMP_ERR_AJP_ORDER Send Headers @0\n" },
    { "an end to CPing", NULL, "", "C[05 01]", "MCMP_ERR_AJP_ORDER End Response @0\n" },
    { "no CPong", NULL, "", "", "cut\n" },
    /* no packet at all */
    { "another magic", GET, "", "P[05 01]", "MCMP_ERR_AJP_PACKET packet @0\n" },
    { "HTTP", GET, "", "'HTTP/1.1 400 Bad Request' 0D0A0D0A", "MCMP_ERR_AJP_PACKET packet @0\n" },
    { "an empty packet", GET, "", "C[]", "MCMP_ERR_AJP_PACKET packet @0\n" },
    { "type 0", GET, "", "C[00 00]", "MCMP_ERR_AJP_PACKET packet @0\n" },
    { "type 2", GET, "", "C[02 00 00]", "MCMP_ERR_AJP_PACKET packet @0\n" },
    { "type 7", GET, "", "C[07 00]", "MCMP_ERR_AJP_PACKET packet @0\n" },
    { "type 8", GET, "", "C[08]", "MCMP_ERR_AJP_PACKET packet @0\n" },
    { "type 10", GET, "", "C[0A]", "MCMP_ERR_AJP_PACKET packet @0\n" },
    { "type 255", GET, "", "C[FF 00]", "MCMP_ERR_AJP_PACKET packet @0\n" },
    /* AJP13 4.4 */
    { "100 and 103 before the head are dropped", GET, "",
      "C[04 0064 s'' 0000] C[04 0067 s'' 0001 s'Link' s'</a>']" OK3 ABC END1,
      OK3LINE "BODY abc|" CLOSED },
    { "103 as the last word", GET, "", "C[04 0067 s'103' 0001 A003 s'0']" END1,
      "MCMP_ERR_AJP_ORDER End Response @21\n" },
    { "101", GET, "", "C[04 0065 s'101' 0000]", "MCMP_ERR_AJP_STATUS status @0\n" },
    { "content without a head", GET, "", ABC, "MCMP_ERR_AJP_ORDER Send Body Chunk @0\n" },
    { "an end without a head", GET, "", END1, "MCMP_ERR_AJP_ORDER End Response @0\n" },
    { "a second head", GET, "", OK3 OK3, OK3LINE "MCMP_ERR_AJP_ORDER Send Headers @20\n" },
    { "an interim head behind the head", GET, "", OK3 "C[04 0064 s'' 0000]",
      OK3LINE "MCMP_ERR_AJP_ORDER Send Headers @20\n" },
    /* AJP13 4.5 */
    { "less than Content-Length", GET, "", OK3 "C[03 0002 'ab' 00]" END1,
      OK3LINE "BODY ab|MCMP_ERR_AJP_LENGTH Content-Length @30\n" },
    { "more than Content-Length", GET, "", OK3 "C[03 0004 'abcd' 00]",
      OK3LINE "MCMP_ERR_AJP_LENGTH Content-Length @20\n" },
    { "more than Content-Length in two chunks", GET, "", OK3 ABC "C[03 0001 'd' 00]",
      OK3LINE "BODY abc|MCMP_ERR_AJP_LENGTH Content-Length @31\n" },
    { "no End Response", GET, "", OK3 ABC, OK3LINE "BODY abc|cut\n" },
    { "no End Response behind content without length", GET, "", OK0 ABC, OKLINE "BODY abc|cut\n" },
    { "cut inside a packet", GET, "", OK0 "41420008", OKLINE "cut\n" },
    { "nothing at all", GET, "", "", "cut\n" },
    { "content of HEAD is dropped", HEADREQ, "", OK3 ABC ABC END1,
      "HEAD 200 [OK] framing 1\n  Content-Length: 3\n" CLOSED },
    { "HEAD without content", HEADREQ, "", OK3 END1,
      "HEAD 200 [OK] framing 1\n  Content-Length: 3\n" CLOSED },
    { "content of 204 is dropped", GET, "", "C[04 00CC s'' 0000]" ABC END1,
      "HEAD 204 [No Content] framing 1\n" CLOSED },
    { "content of 304 is dropped", GET, "", "C[04 0130 s'' 0001 A003 s'9']" ABC END1,
      "HEAD 304 [Not Modified] framing 1\n  Content-Length: 9\n" CLOSED },
    /* AJP13 4.1, 4.2: uploads */
    { "the first packet goes unasked", POST("5"), "12345", OK0 END1, "SENT 5\n" OKLINE CLOSED },
    { "an answer without reading the body", CHUNKED, "12345", OK0 END1, OKLINE CLOSED },
    { "a body of unknown length is asked for", CHUNKED, "12345",
      "C[06 0003] C[06 1FFA] C[06 1FFA]" OK0 END1,
      "GET 3\nSENT 3\nGET 8186\nSENT 2\nGET 8186\nSENT 0\n" OKLINE CLOSED },
    { "once more behind the last byte", POST("5"), "12345", "C[06 1FFA] C[06 1FFA]" OK0 END1,
      "SENT 5\nGET 8186\nSENT 0\nGET 8186\nSENT 0\n" OKLINE CLOSED },
    { "asked without any body", GET, "", "C[06 1FFA]" OK0 "C[06 0001]" END1,
      "GET 8186\nSENT 0\n" OKLINE "GET 1\nSENT 0\n" CLOSED },
    { "asked with length 0", POST("0"), "", "C[06 1FFA]" OK0 END1,
      "GET 8186\nSENT 0\n" OKLINE CLOSED },
    { "asked between chunks", CHUNKED, "12345",
      OK0 "C[06 0002]" ABC "C[03 0000 00] C[06 0002] C[06 0002]" ABC END1,
      OKLINE "GET 2\nSENT 2\nBODY abc|FLUSH\nGET 2\nSENT 2\nGET 2\nSENT 1\nBODY abc|" CLOSED },
};

START_TEST(answers_are_decoded_however_they_are_cut)
{
    static story s;
    static wire w;

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const client c = { .head = rows[i].request,
                           .body = rows[i].body,
                           .body_len = strlen(rows[i].body) };
        static player p;

        player_open(&p, &c);
        if (c.head != NULL)
            player_parse(&p, c.head);
        w = *wire_of(rows[i].reply);
        player_all_ways(rows[i].name, &p, &w, &s);
        ck_assert_msg(strcmp(s.text, rows[i].want) == 0, "row '%s':\n%s\ninstead of\n%s",
                      rows[i].name, s.text, rows[i].want);
        player_close(&p);
    }
}
END_TEST

/* A proxy with an open exchange, everything sent. */
static void begin(player *p, const client *c)
{
    size_t len;
    static story s;

    s.len = 0;
    player_open(p, c);
    player_parse(p, c->head);
    ck_assert_int_eq(player_request(p, &len, NULL), MCMP_OK);
    (void)player_body(p, &s);
}

/* Takes all events of the bytes; the last result. */
static int take(player *p, const char *text, mcmp_error *err)
{
    const wire *w = wire_of(text);
    size_t off = 0;
    int rc;

    do {
        mcmp_ajp_event event;
        size_t used = 0;

        mcmp_ajp_event_init(&event);
        rc = mcmp_ajp_proxy_feed(p->proxy, w->bytes + off, w->len - off, &used, &event, err);
        off += used;
        if (rc == MCMP_OK && event.type == MCMP_AJP_EVENT_END)
            return MCMP_DONE;
    } while (rc == MCMP_OK);
    return rc;
}

START_TEST(the_largest_packets_there_can_be_are_taken)
{
    static const client c = { .head = GET, .max_headers = 3 };
    const wire *w = wire_of(OK0 "C[03 FFFB r65531'x' 00] C[03 FFFC r65532'y']" END1);
    mcmp_ajp_event event;
    size_t off = 0;
    size_t content = 0;
    static player p;

    begin(&p, &c);
    mcmp_ajp_event_init(&event);
    while (off < w->len) {
        size_t used;

        ck_assert_int_eq(
            mcmp_ajp_proxy_feed(p.proxy, w->bytes + off, w->len - off, &used, &event, NULL),
            MCMP_OK);
        content += event.type == MCMP_AJP_EVENT_BODY ? event.data.len : 0;
        off += used;
    }
    ck_assert_uint_eq(content, 65531 + 65532);
    ck_assert_uint_eq(event.type, MCMP_AJP_EVENT_END);
    ck_assert(mcmp_ajp_proxy_can_reuse(p.proxy));
    player_close(&p);
    begin(&p, &c);
    /* the longest Send Headers: payload 65535 */
    ck_assert_int_eq(take(&p, "C[04 00C8 s'' 0001 s'X' S65517'v']" END1, NULL), MCMP_DONE);
    ck_assert_uint_eq(mcmp_http_head_info(mcmp_ajp_proxy_head(p.proxy))->header_count, 1);
    player_close(&p);
}
END_TEST

START_TEST(limits_on_heads_are_errors_that_name_them)
{
    static const struct {
        const char *name;
        client c;
        const char *reply;
        int code;
        const char *field;
    } limits[] = {
        { "Send Headers of max_accept",
          { .head = GET, .max_accept = 8192 },
          "C[04 00C8 s'' 0001 s'X' S8173'v']",
          MCMP_NEED_MORE,
          "" },
        { "one byte over it",
          { .head = GET, .max_accept = 8192 },
          "C[04 00C8 s'' 0001 s'X' S8174'v']",
          MCMP_ERR_AJP_SIZE,
          "max_accept" },
        { "as many headers as allowed",
          { .head = GET, .max_headers = 2 },
          "C[04 00C8 s'' 0002 s'X' s'' s'Y' s'']",
          MCMP_NEED_MORE,
          "" },
        { "one more",
          { .head = GET, .max_headers = 2 },
          "C[04 00C8 s'' 0003 s'X' s'' s'Y' s'' s'Z' s'']",
          MCMP_ERR_AJP_SIZE,
          "max_headers" },
        { "the seventeenth interim head",
          { .head = GET },
          "C[04 0064 n 0000] C[04 0064 n 0000] C[04 0064 n 0000] C[04 0064 n 0000]"
          "C[04 0064 n 0000] C[04 0064 n 0000] C[04 0064 n 0000] C[04 0064 n 0000]"
          "C[04 0064 n 0000] C[04 0064 n 0000] C[04 0064 n 0000] C[04 0064 n 0000]"
          "C[04 0064 n 0000] C[04 0064 n 0000] C[04 0064 n 0000] C[04 0064 n 0000]"
          "C[04 0064 n 0000]",
          MCMP_ERR_AJP_ORDER,
          "status" },
    };

    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        mcmp_error err;
        static player p;

        mcmp_error_init(&err);
        begin(&p, &limits[i].c);
        row_code(limits[i].name, take(&p, limits[i].reply, &err), limits[i].code);
        row_text(limits[i].name, span_of(err.field), limits[i].field);
        player_close(&p);
    }
}
END_TEST

/* AJP13 5: reuse only when ..., each condition by itself. */
static const struct {
    const char *name;
    const char *head;
    const char *body;
    const char *reply;
    int rc;
    uint64_t unsent; /* bytes of the request that did not leave */
    int want;
} reuses[] = {
    { "all is well", GET, "", OK0 END1, MCMP_DONE, 0, 1 },
    { "reuse 0", GET, "", OK0 "C[05 00]", MCMP_DONE, 0, 0 },
    { "reuse 2", GET, "", OK0 "C[05 02]", MCMP_DONE, 0, 0 },
    { "no end", GET, "", OK0, MCMP_NEED_MORE, 0, 0 },
    { "a byte of the request did not leave", GET, "", OK0 END1, MCMP_DONE, 1, 0 },
    { "a byte behind the end", GET, "", OK0 END1 "00", MCMP_DONE, 0, 0 },
    { "a packet behind the end", GET, "", OK0 END1 "C[09]", MCMP_DONE, 0, 0 },
    { "the first packet is still due", POST("5"), NULL, OK0 END1, MCMP_DONE, 0, 0 },
    { "the rest was never asked for", POST("9000"), "r", OK0 END1, MCMP_DONE, 0, 1 },
    { "an answer to Get Body Chunk is due", CHUNKED, NULL, "C[06 0003]" OK0 END1, MCMP_DONE, 0, 0 },
    { "an error", GET, "", OK0 "C[00 00]", MCMP_ERR_AJP_PACKET, 0, 0 },
    { "less than Content-Length", GET, "", OK3 END1, MCMP_ERR_AJP_LENGTH, 0, 0 },
    { "inside a packet", GET, "", OK0 "4142", MCMP_NEED_MORE, 0, 0 },
};

START_TEST(a_connection_is_used_again_only_when_nothing_is_owed)
{
    for (size_t i = 0; i < COUNT_OF(reuses); i++) {
        static char content[9000];
        const char *name = reuses[i].name;
        client c = { .head = reuses[i].head };
        static player p;
        size_t len;
        int fits;

        c.body = content;
        c.body_len = reuses[i].body != NULL && reuses[i].body[0] != '\0' ? sizeof(content) : 0;
        player_open(&p, &c);
        player_parse(&p, c.head);
        ck_assert(mcmp_ajp_proxy_can_reuse(p.proxy));
        ck_assert_int_eq(mcmp_ajp_proxy_encode_request(p.proxy, p.head, &p.forward, &p.facts, p.out,
                                                       sizeof(p.out), &len, NULL),
                         MCMP_OK);
        row_int(name, mcmp_ajp_proxy_can_reuse(p.proxy), 0);
        mcmp_ajp_proxy_sent(p.proxy, len - reuses[i].unsent);
        if (c.body_len != 0) {
            static story s;

            (void)player_body(&p, &s);
        }
        row_code(name, take(&p, reuses[i].reply, NULL), reuses[i].rc);
        row_int(name, mcmp_ajp_proxy_can_reuse(p.proxy), reuses[i].want);
        fits = mcmp_ajp_proxy_encode_request(p.proxy, p.head, &p.forward, &p.facts, p.out,
                                             sizeof(p.out), &len, NULL);
        row_code(name, fits, reuses[i].want ? MCMP_OK : MCMP_ERR_STATE);
        player_close(&p);
    }
}
END_TEST

START_TEST(the_first_packet_may_follow_the_end_of_the_answer)
{
    static const client c = { .head = POST("5"), .body = "12345", .body_len = 5 };
    static player p;
    static story s;
    size_t len;

    player_open(&p, &c);
    player_parse(&p, c.head);
    ck_assert_int_eq(player_request(&p, &len, NULL), MCMP_OK);
    ck_assert_int_eq(take(&p, OK0 END1, NULL), MCMP_DONE);
    ck_assert(!mcmp_ajp_proxy_can_reuse(p.proxy));
    (void)player_body(&p, &s);
    ck_assert_uint_eq(p.body_at, 5);
    ck_assert(mcmp_ajp_proxy_can_reuse(p.proxy));
    player_close(&p);
}
END_TEST

START_TEST(bytes_between_exchanges_are_an_error)
{
    static const client c = { .head = GET };
    static const char *const idle[] = { "00", "C[09]", "C[04 00C8 s'' 0000]", "C[05 01]" };

    for (size_t i = 0; i < COUNT_OF(idle); i++) {
        static player p;

        player_open(&p, &c);
        row_code(idle[i], take(&p, idle[i], NULL), MCMP_ERR_AJP_ORDER);
        row_int(idle[i], mcmp_ajp_proxy_can_reuse(p.proxy), 0);
        row_code(idle[i], take(&p, idle[i], NULL), MCMP_ERR_STATE);
        player_close(&p);
        begin(&p, &c);
        ck_assert_int_eq(take(&p, OK0 END1, NULL), MCMP_DONE);
        row_int(idle[i], mcmp_ajp_proxy_can_reuse(p.proxy), 1);
        row_code(idle[i], take(&p, idle[i], NULL), MCMP_ERR_AJP_ORDER);
        row_int(idle[i], mcmp_ajp_proxy_can_reuse(p.proxy), 0);
        player_close(&p);
    }
}
END_TEST

START_TEST(the_end_of_the_stream_between_exchanges_is_no_error)
{
    static const client c = { .head = GET };
    static player p;

    player_open(&p, &c);
    ck_assert_int_eq(mcmp_ajp_proxy_end(p.proxy, NULL), MCMP_DONE);
    ck_assert(!mcmp_ajp_proxy_can_reuse(p.proxy));
    ck_assert_int_eq(take(&p, OK0, NULL), MCMP_ERR_STATE);
    mcmp_ajp_proxy_reset(p.proxy);
    ck_assert(mcmp_ajp_proxy_can_reuse(p.proxy));
    player_close(&p);
}
END_TEST

START_TEST(progress_tells_where_an_exchange_stands)
{
    static const client c = { .head = POST("5"), .body = "12345", .body_len = 5 };
    mcmp_ajp_progress now;
    static player p;
    static story s;
    size_t len;

    mcmp_ajp_progress_init(&now);
    player_open(&p, &c);
    player_parse(&p, c.head);
    ck_assert_int_eq(mcmp_ajp_proxy_encode_request(p.proxy, p.head, &p.forward, &p.facts, p.out,
                                                   sizeof(p.out), &len, NULL),
                     MCMP_OK);
    ck_assert_int_eq(mcmp_ajp_proxy_progress(p.proxy, &now), MCMP_OK);
    ck_assert_uint_eq(now.unsent, len);
    ck_assert_uint_eq(now.packets_due, 1);
    ck_assert_uint_eq(now.has_reply + now.has_head + now.has_ended, 0);
    mcmp_ajp_proxy_sent(p.proxy, len);
    (void)player_body(&p, &s);
    ck_assert_int_eq(take(&p, "41", NULL), MCMP_NEED_MORE);
    ck_assert_int_eq(mcmp_ajp_proxy_progress(p.proxy, &now), MCMP_OK);
    ck_assert_uint_eq(now.has_reply, 1);
    ck_assert_uint_eq(now.has_head, 0);
    ck_assert_uint_eq(now.body_sent, 5);
    ck_assert_uint_eq(now.unsent + now.packets_due, 0);
    ck_assert_int_eq(take(&p, "42 0016 04 00C8 n 00", NULL), MCMP_NEED_MORE);
    ck_assert_ptr_null(mcmp_ajp_proxy_head(p.proxy));
    player_close(&p);
    begin(&p, &c);
    ck_assert_int_eq(take(&p, OK0 ABC ABC "C[06 0001]", NULL), MCMP_NEED_MORE);
    ck_assert_int_eq(mcmp_ajp_proxy_progress(p.proxy, &now), MCMP_OK);
    ck_assert_uint_eq(now.body_taken, 6);
    ck_assert_uint_eq(now.packets_due, 1);
    ck_assert_uint_eq(now.has_head, 1);
    (void)player_body(&p, &s);
    ck_assert_int_eq(take(&p, END1, NULL), MCMP_DONE);
    ck_assert_int_eq(mcmp_ajp_proxy_progress(p.proxy, &now), MCMP_OK);
    ck_assert_uint_eq(now.has_ended, 1);
    player_close(&p);
}
END_TEST

START_TEST(a_second_get_body_chunk_while_one_is_open_is_an_error)
{
    static const client c = { .head = CHUNKED };
    static player p;

    begin(&p, &c);
    ck_assert_int_eq(take(&p, "C[06 0003] C[06 0003]", NULL), MCMP_ERR_AJP_ORDER);
    player_close(&p);
}
END_TEST

START_TEST(every_code_has_a_status_and_someone_to_blame)
{
    static const struct {
        int code;
        uint32_t status;
        uint32_t fault;
    } codes[] = {
        { MCMP_ERR_AJP_PACKET, 502, MCMP_AJP_FAULT_NODE },
        { MCMP_ERR_AJP_STRING, 502, MCMP_AJP_FAULT_NODE },
        { MCMP_ERR_AJP_HEADER, 502, MCMP_AJP_FAULT_NODE },
        { MCMP_ERR_AJP_STATUS, 502, MCMP_AJP_FAULT_NODE },
        { MCMP_ERR_AJP_ORDER, 502, MCMP_AJP_FAULT_NODE },
        { MCMP_ERR_AJP_SIZE, 502, MCMP_AJP_FAULT_NODE },
        { MCMP_ERR_AJP_LENGTH, 502, MCMP_AJP_FAULT_NODE },
        { MCMP_ERR_TRUNCATED, 502, MCMP_AJP_FAULT_NODE },
        { MCMP_ERR_AJP_REQUEST_SIZE, 431, MCMP_AJP_FAULT_CLIENT },
        { MCMP_ERR_AJP_BODY_SHORT, 400, MCMP_AJP_FAULT_CLIENT },
        { MCMP_ERR_HTTP_FRAMING, 400, MCMP_AJP_FAULT_CLIENT },
        { MCMP_ERR_HTTP_CODING, 501, MCMP_AJP_FAULT_CLIENT },
        { MCMP_ERR_HTTP_BODY_SIZE, 413, MCMP_AJP_FAULT_CLIENT },
        { MCMP_ERR_AJP_ATTRIBUTE, 500, MCMP_AJP_FAULT_NONE },
        { MCMP_ERR_STATE, 500, MCMP_AJP_FAULT_NONE },
        { MCMP_ERR_NOMEM, 500, MCMP_AJP_FAULT_NONE },
        { MCMP_OK, 500, MCMP_AJP_FAULT_NONE },
    };

    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        const char *name = mcmp_error_name(codes[i].code);

        row_int(name, mcmp_ajp_proxy_status_of(codes[i].code), codes[i].status);
        row_int(name, mcmp_ajp_proxy_fault_of(codes[i].code), codes[i].fault);
    }
}
END_TEST

static int open_and_close(const mcmp_allocator *allocator, void *ctx)
{
    mcmp_ajp_options opts;
    mcmp_ajp_proxy *proxy;
    int rc;

    (void)ctx;
    mcmp_ajp_options_init(&opts);
    opts.allocator = allocator;
    rc = mcmp_ajp_proxy_new(&proxy, &opts, NULL);
    if (rc == MCMP_OK)
        mcmp_ajp_proxy_free(proxy);
    return rc;
}

START_TEST(memory_that_is_not_there_is_an_error)
{
    run_with_oom("proxy", open_and_close, NULL);
    mcmp_ajp_proxy_free(NULL);
}
END_TEST

START_TEST(an_exchange_allocates_nothing)
{
    static const client c = { .head = POST("5"), .body = "12345", .body_len = 5 };
    mcmp_ajp_options opts;
    test_heap heap;
    static player p;
    static story s;
    size_t calls;
    size_t len;

    player_open(&p, &c);
    mcmp_ajp_proxy_free(p.proxy);
    test_heap_init(&heap, 0);
    mcmp_ajp_options_init(&opts);
    opts.allocator = &heap.allocator;
    ck_assert_int_eq(mcmp_ajp_proxy_new(&p.proxy, &opts, NULL), MCMP_OK);
    calls = heap.calls;
    player_parse(&p, c.head);
    p.forward.flags = MCMP_HTTP_FORWARD_X | MCMP_HTTP_FORWARD_RFC7239;
    p.forward.client = span_of("192.0.2.1");
    ck_assert_int_eq(player_request(&p, &len, NULL), MCMP_OK);
    (void)player_body(&p, &s);
    ck_assert_int_eq(take(&p, OK3 ABC "C[06 0001]", NULL), MCMP_NEED_MORE);
    ck_assert_uint_eq(heap.calls, calls);
    mcmp_ajp_proxy_free(p.proxy);
    ck_assert_uint_eq(heap.live_blocks, 0);
    mcmp_http_head_free(p.head);
}
END_TEST

START_TEST(options_have_ranges)
{
    static const struct {
        const char *name;
        mcmp_ajp_options opts;
        int code;
    } cases[] = {
        { "defaults", { .max_packet = 0 }, MCMP_OK },
        { "smallest packet", { .max_packet = 8192 }, MCMP_OK },
        { "largest packet", { .max_packet = 65536, .max_accept = 65539 }, MCMP_OK },
        { "packet too small", { .max_packet = 8191 }, MCMP_ERR_INVALID },
        { "packet too large", { .max_packet = 65537 }, MCMP_ERR_INVALID },
        { "accept too small", { .max_accept = 8191 }, MCMP_ERR_INVALID },
        { "accept too large", { .max_accept = 65540 }, MCMP_ERR_INVALID },
        { "too many headers", { .max_headers = 10001 }, MCMP_ERR_INVALID },
        { "head too large", { .max_head = (16u << 20) + 1 }, MCMP_ERR_INVALID },
        { "flags", { .flags = 1 }, MCMP_ERR_UNSUPPORTED },
        { "reserved", { .reserved = 1 }, MCMP_ERR_UNSUPPORTED },
        { "names without a list", { .allow_count = 1 }, MCMP_ERR_INVALID },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        mcmp_ajp_options opts = cases[i].opts;
        mcmp_ajp_container *container = NULL;
        mcmp_ajp_proxy *proxy = NULL;

        opts.struct_size = sizeof(opts);
        row_code(cases[i].name, mcmp_ajp_proxy_new(&proxy, &opts, NULL), cases[i].code);
        row_code(cases[i].name, mcmp_ajp_container_new(&container, &opts, NULL), cases[i].code);
        mcmp_ajp_proxy_free(proxy);
        mcmp_ajp_container_free(container);
    }
    ck_assert_int_eq(mcmp_ajp_proxy_new(NULL, NULL, NULL), MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_ajp_container_new(NULL, NULL, NULL), MCMP_ERR_INVALID);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        answers_are_decoded_however_they_are_cut,
        the_largest_packets_there_can_be_are_taken,
        limits_on_heads_are_errors_that_name_them,
        a_connection_is_used_again_only_when_nothing_is_owed,
        the_first_packet_may_follow_the_end_of_the_answer,
        bytes_between_exchanges_are_an_error,
        the_end_of_the_stream_between_exchanges_is_no_error,
        progress_tells_where_an_exchange_stands,
        a_second_get_body_chunk_while_one_is_open_is_an_error,
        every_code_has_a_status_and_someone_to_blame,
        memory_that_is_not_there_is_an_error,
        an_exchange_allocates_nothing,
        options_have_ranges,
    };

    return run_tests("ajp proxy", tests, COUNT_OF(tests));
}
