/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One test for each number that AJP13 5 names: how the rule was learned elsewhere, and that it
 * holds here. Other tests hold the rules in every detail; these show the case itself.
 */
#include "serving.h"

#include <strings.h>

#define GET "GET /a HTTP/1.1\r\nHost: h\r\n"
#define END "\r\n"
#define POST(n) "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: " n "\r\n\r\n"
#define OK0 "C[04 00C8 s'200' 0000]"
#define OK3 "C[04 00C8 s'200' 0001 A003 s'3']"
#define ABC "C[03 0003 'abc' 00]"
#define END1 "C[05 01]"
#define REQ "P[02 02 n s'/a' n n n 0050 00 "

static void begin(player *p, const client *c)
{
    size_t len;

    player_open(p, c);
    player_parse(p, c->head);
    ck_assert_int_eq(player_request(p, &len, NULL), MCMP_OK);
}

/* Feeds all; the last result. */
static int answer(player *p, const char *text)
{
    const wire *w = wire_of(text);
    size_t off = 0;
    int rc;

    do {
        mcmp_ajp_event event;
        size_t used = 0;

        mcmp_ajp_event_init(&event);
        rc = mcmp_ajp_proxy_feed(p->proxy, w->bytes + off, w->len - off, &used, &event, NULL);
        off += used;
        if (rc == MCMP_OK && event.type == MCMP_AJP_EVENT_END)
            return MCMP_DONE;
    } while (rc == MCMP_OK);
    return rc;
}

static int ask_server(server *v, const char *text)
{
    const wire *w = wire_of(text);
    static story s;

    s.len = 0;
    return server_feed(v, &s, w->bytes, w->len, NULL);
}

/* mod_proxy_ajp kept a connection after a request body was not sent in full. */
START_TEST(test_cve_2009_1191_unsent_body_ends_the_connection)
{
    static const client c = { .head = POST("10") };
    static player p;

    begin(&p, &c);
    ck_assert_int_eq(answer(&p, OK3 ABC END1), MCMP_DONE);
    ck_assert(!mcmp_ajp_proxy_can_reuse(p.proxy));
    player_close(&p);
}
END_TEST

/* mod_proxy_ajp gave the rest of an answer to the next client after a read timed out. */
START_TEST(test_cve_2012_3502_an_answer_without_its_end_is_never_followed_by_another)
{
    static const client c = { .head = GET END };
    static player p;
    size_t len;

    begin(&p, &c);
    ck_assert_int_eq(answer(&p, OK0 ABC), MCMP_NEED_MORE);
    ck_assert(!mcmp_ajp_proxy_can_reuse(p.proxy));
    ck_assert_int_eq(player_request(&p, &len, NULL), MCMP_ERR_STATE);
    ck_assert_int_eq(mcmp_ajp_proxy_end(p.proxy, NULL), MCMP_ERR_TRUNCATED);
    player_close(&p);
}
END_TEST

/* mod_jk: a client that announced a body and sent none let answers reach other clients. */
START_TEST(test_cve_2008_5519_a_body_announced_and_never_sent_ends_the_connection)
{
    static const client c = { .head = POST("10") };
    mcmp_ajp_frame frame;
    static player p;

    begin(&p, &c);
    mcmp_ajp_frame_init(&frame);
    ck_assert_int_eq(mcmp_ajp_proxy_encode_body(p.proxy, 0, MCMP_AJP_BODY_LAST, &frame, NULL),
                     MCMP_ERR_AJP_BODY_SHORT);
    ck_assert(!mcmp_ajp_proxy_can_reuse(p.proxy));
    ck_assert_int_eq(answer(&p, OK0 END1), MCMP_ERR_STATE);
    player_close(&p);
}
END_TEST

/* Undertow sent the 400 of an over-long request twice; the second one was taken for the next. */
START_TEST(test_cve_2022_1319_a_second_answer_ends_the_connection)
{
    static const client c = { .head = GET END };
    static player p;

    begin(&p, &c);
    ck_assert_int_eq(answer(&p, OK3 ABC END1 OK3 ABC END1), MCMP_DONE);
    ck_assert(!mcmp_ajp_proxy_can_reuse(p.proxy));
    player_close(&p);
    begin(&p, &c);
    ck_assert_int_eq(answer(&p, OK3 ABC END1), MCMP_DONE);
    ck_assert(mcmp_ajp_proxy_can_reuse(p.proxy));
    ck_assert_int_eq(answer(&p, OK3 ABC END1), MCMP_ERR_AJP_ORDER);
    ck_assert(!mcmp_ajp_proxy_can_reuse(p.proxy));
    player_close(&p);
}
END_TEST

static void refuses(const char *lines, int code)
{
    mcmp_http_head *head;
    char text[512];

    (void)snprintf(text, sizeof(text), "POST /a HTTP/1.1\r\nHost: h\r\n%s\r\n", lines);
    ck_assert_int_eq(mcmp_http_head_new(&head, NULL, NULL), MCMP_OK);
    row_code(lines, mcmp_http_head_parse_request(head, text, strlen(text), NULL), code);
    row_int(lines, mcmp_ajp_proxy_fault_of(code), MCMP_AJP_FAULT_CLIENT);
    mcmp_http_head_free(head);
}

/* mod_proxy_ajp: Transfer-Encoding and Content-Length smuggled a request to the container. */
START_TEST(test_cve_2022_26377_length_and_coding_together_are_refused)
{
    refuses("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", MCMP_ERR_HTTP_FRAMING);
    refuses("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", MCMP_ERR_HTTP_FRAMING);
    refuses("Content-Length: 3\r\nContent-Length: 4\r\n", MCMP_ERR_HTTP_FRAMING);
    refuses("Transfer-Encoding: chunked, gzip\r\n", MCMP_ERR_HTTP_FRAMING);
}
END_TEST

static size_t find_text(const char *bytes, size_t len, const char *text)
{
    size_t count = 0;

    for (size_t i = 0; i + strlen(text) <= len; i++)
        count += strncasecmp(bytes + i, text, strlen(text)) == 0;
    return count;
}

/* The same with the coding copied on: of framing only our own line goes out, and only one. */
START_TEST(test_cve_2022_36760_only_our_own_framing_goes_out)
{
    static const char *const requests[] = {
        "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
        ("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: CHUNKED\r\n"
         "Connection: transfer-encoding, content-length\r\n\r\n"),
        "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\nConnection: content-length\r\n\r\n",
    };

    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        const client c = { .head = requests[i] };
        static player p;
        size_t coded;
        size_t len;

        player_open(&p, &c);
        player_parse(&p, c.head);
        ck_assert_int_eq(player_request(&p, &len, NULL), MCMP_OK);
        coded = memmem(p.out, len,
                       "\xa0\x08\0\x01"
                       "7",
                       5) != NULL;
        row_int(c.head, find_text(p.out, len, "transfer-encoding") + coded, 1);
        row_int(c.head, find_text(p.out, len, "content-length"), 0);
        row_int(c.head, find_text(p.out, len, "CHUNKED"), coded ? 0 : 1);
        player_close(&p);
    }
}
END_TEST

/* Ghostcat: whoever reached the port set any attribute, and so any file of the application. */
START_TEST(test_cve_2020_1938_attributes_come_from_the_host_alone)
{
    static const client c = { .head = GET
                              "javax.servlet.include.request_uri: /\r\nremote_user: admin\r\n"
                              "AJP_REMOTE_PORT: 1\r\nsecret: x\r\nJK_LB_ACTIVATION: DIS\r\n" END };
    static const char *const wanted[] = {
        REQ "0000 0A s'javax.servlet.include.request_uri' s'/' FF]",
        REQ "0000 0A s'javax.servlet.include.path_info' s'/WEB-INF/web.xml' FF]",
        REQ "0000 0A s'req_attribute' s'x' FF]",
    };
    const mcmp_ajp_request *q;
    static player p;
    mcmp_pair line;
    server v;
    static story s;
    size_t len;

    player_open(&p, &c);
    player_parse(&p, c.head);
    ck_assert_int_eq(player_request(&p, &len, NULL), MCMP_OK);
    server_open(&v, NULL);
    {
        mcmp_ajp_event event;
        size_t used;

        mcmp_ajp_event_init(&event);
        ck_assert_int_eq(mcmp_ajp_container_feed(v.container, p.out, len, &used, &event, NULL),
                         MCMP_OK);
    }
    q = mcmp_ajp_container_request(v.container);
    ck_assert_uint_eq(q->attribute_count, 0);
    ck_assert_uint_eq(q->remote_port, 0);
    ck_assert(q->remote_user.ptr == NULL && q->activation.ptr == NULL);
    ck_assert_uint_eq(q->header_count, 6); /* headers they were, headers they stay */
    ck_assert_int_eq(mcmp_ajp_container_header(v.container, 2, &line), MCMP_OK);
    row_text("name", line.name, "remote_user");
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        mcmp_ajp_container_reset(v.container);
        row_code(wanted[i], ask_server(&v, wanted[i]), MCMP_ERR_AJP_ATTRIBUTE);
    }
    s.len = 0;
    server_answer(&v, &s, 403, 1);
    mcmp_ajp_container_free(v.container);
    player_close(&p);
}
END_TEST

static void client_fault(int code)
{
    row_int(mcmp_error_name(code), mcmp_ajp_proxy_fault_of(code), MCMP_AJP_FAULT_CLIENT);
    row_true(mcmp_error_name(code),
             mcmp_ajp_proxy_status_of(code) >= 400 && mcmp_ajp_proxy_status_of(code) < 500);
}

/* mod_proxy_ajp: a client that sent its body too slowly put the node into error. */
START_TEST(test_cve_2012_4557_a_slow_client_is_not_the_nodes_fault)
{
    static const client c = { .head = POST("10") };
    mcmp_ajp_frame frame;
    static player p;

    begin(&p, &c);
    mcmp_ajp_frame_init(&frame);
    ck_assert_int_eq(mcmp_ajp_proxy_encode_body(p.proxy, 0, 0, &frame, NULL), MCMP_NEED_MORE);
    ck_assert_int_eq(mcmp_ajp_proxy_encode_body(p.proxy, 3, MCMP_AJP_BODY_LAST, &frame, NULL),
                     MCMP_ERR_AJP_BODY_SHORT);
    client_fault(MCMP_ERR_AJP_BODY_SHORT);
    player_close(&p);
}
END_TEST

/* Tomcat: a malformed request let the balancer take the connector for broken. */
START_TEST(test_cve_2009_0033_a_malformed_request_is_not_the_nodes_fault)
{
    client_fault(MCMP_ERR_HTTP_HEADER);
    client_fault(MCMP_ERR_HTTP_LINE);
    client_fault(MCMP_ERR_HTTP_FRAMING);
    client_fault(MCMP_ERR_HTTP_HOST);
    client_fault(MCMP_ERR_HTTP_CHUNK);
}
END_TEST

/* Undertow closed the connection on a request over its packet size: the proxy gave the node up. */
START_TEST(test_cve_2022_2053_a_request_that_is_too_large_is_not_sent)
{
    static char head[10000];
    const client c = { .head = head };
    static player p;
    size_t len = 77;
    int at = snprintf(head, sizeof(head), GET "X: ");

    memset(head + at, 'x', 8150);
    memcpy(head + at + 8150, "\r\n\r\n", 5);
    player_open(&p, &c);
    player_parse(&p, head);
    ck_assert_int_eq(player_request(&p, &len, NULL), MCMP_ERR_AJP_REQUEST_SIZE);
    ck_assert_uint_eq(len, 77);
    ck_assert(mcmp_ajp_proxy_can_reuse(p.proxy));
    client_fault(MCMP_ERR_AJP_REQUEST_SIZE);
    client_fault(MCMP_ERR_HTTP_BODY_SIZE);
    player_close(&p);
}
END_TEST

/* The answer at the end of readable memory, for every length that a field can claim. */
static void claims(const char *before, const char *behind)
{
    static const client c = { .head = GET END };
    static wire w;
    static player p;
    static story s;

    player_open(&p, &c);
    player_parse(&p, c.head);
    for (unsigned claim = 0; claim <= 0xffff; claim += claim < 300 ? 1 : 251) {
        w.len = 0;
        wire_text(&w, before);
        wire_add16(&w, claim);
        wire_text(&w, behind);
        wire_close(&w, 0);
        player_play(&p, &w, 0, w.len, &s);
    }
    player_close(&p);
}

/* httpd: the length of a string was read behind the end of the packet. */
START_TEST(test_cve_2026_28780_lengths_of_strings_are_checked)
{
    claims("C[04 00C8", "'abc' 00 0000");
    claims("C[04 00C8 s'' 0001 s'X'", "'abc' 00");
}
END_TEST

/* httpd: getters took a number from behind the packet. */
START_TEST(test_cve_2026_33857_numbers_are_checked)
{
    static const client c = { .head = GET END };
    static const char whole[] = "\x04\0\xc8\0\0\0\0\x01\xa0\x01\0\x01x";
    static player p;
    static story s;
    static wire w;

    player_open(&p, &c);
    player_parse(&p, c.head);
    for (size_t len = 0; len < sizeof(whole) - 1; len++) { /* without the NUL none is complete */
        w.len = 0;
        wire_add(&w, "AB\0", 4);
        wire_add(&w, whole, len);
        wire_close(&w, 0);
        player_all_ways("numbers", &p, &w, &s);
        ck_assert_msg(strstr(s.text, "MCMP_ERR_AJP_") == s.text, "%zu: %s", len, s.text);
    }
    player_close(&p);
}
END_TEST

/* httpd: a string was used although its terminator was not inside of the packet. */
START_TEST(test_cve_2026_34032_terminators_are_checked)
{
    static const client c = { .head = GET END };
    static player p;

    begin(&p, &c);
    ck_assert_int_eq(answer(&p, "C[04 00C8 s'' 0001 A001 0003 'abc']"), MCMP_ERR_AJP_STRING);
    player_close(&p);
    begin(&p, &c);
    ck_assert_int_eq(answer(&p, "C[04 00C8 0003 'abcd' 0000]"), MCMP_ERR_AJP_STRING);
    player_close(&p);
}
END_TEST

/* httpd: lengths were added before they were compared. */
START_TEST(test_cve_2026_34059_the_largest_lengths_do_not_wrap)
{
    claims("C[04 00C8 s'' FFFF", "'abc' 00");
    claims("C[03", "'abc' 00");
}
END_TEST

/* httpd: CR LF in what an AJP node said split the answer to the client. */
START_TEST(test_cve_2026_33523_a_container_can_not_split_an_answer)
{
    static const char *const bad[] = {
        "C[04 00C8 s'' 0001 s'X' 0008 'a' 0D0A 'Y: b' 00]",
        "C[04 00C8 s'' 0001 0006 'X' 0D0A 'Y:' 20 00 s'b']",
        "C[04 00C8 0006 'OK' 0D0A 'Y:' 00 0000]",
        "C[04 00C8 s'' 0001 A006 0003 '/' 0A 'x' 00]",
        "C[04 00C8 s'' 0001 A007 0003 'a' 00 'x' 00]",
    };
    static const client c = { .head = GET END };

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        static player p;
        int rc;

        begin(&p, &c);
        rc = answer(&p, bad[i]);
        row_true(bad[i], rc == MCMP_ERR_AJP_HEADER || rc == MCMP_ERR_AJP_STATUS ||
                             rc == MCMP_ERR_AJP_STRING);
        row_true(bad[i], mcmp_ajp_proxy_head(p.proxy) == NULL);
        row_int(bad[i], mcmp_ajp_proxy_status_of(rc), 502);
        player_close(&p);
    }
}
END_TEST

/* httpd: a header that was cut off turned the rest of the head into content. */
START_TEST(test_cve_2022_37436_a_head_is_taken_whole_or_not_at_all)
{
    static const client c = { .head = GET END };
    static player p;

    begin(&p, &c);
    ck_assert_int_eq(answer(&p, "C[04 00C8 s'' 0003 s'A' s'1' s'Bad Name' s'2' s'C' s'3']" ABC),
                     MCMP_ERR_AJP_HEADER);
    ck_assert_ptr_null(mcmp_ajp_proxy_head(p.proxy));
    player_close(&p);
}
END_TEST

/* httpd: a client named X-Forwarded-For in Connection, and the proxy's own line was dropped. */
START_TEST(test_cve_2022_31813_connection_takes_nothing_that_the_proxy_adds)
{
    static const client c = {
        .head =
            GET "Connection: X-Forwarded-For, X-Forwarded-Host, Host, Forwarded, Via, X-Mine\r\n"
                "X-Forwarded-For: 6.6.6.6\r\nX-Mine: evil\r\n" END
    };
    static const mcmp_pair mine = { TEXT("X-Mine"), TEXT("good") };
    static player p;
    size_t len;

    player_open(&p, &c);
    player_parse(&p, c.head);
    p.forward.client = span_of("192.0.2.1");
    p.forward.via = span_of("p");
    p.forward.add = &mine;
    p.forward.add_count = 1;
    p.forward.flags = MCMP_HTTP_FORWARD_X | MCMP_HTTP_FORWARD_RFC7239 | MCMP_HTTP_FORWARD_TRUSTED;
    ck_assert_int_eq(player_request(&p, &len, NULL), MCMP_OK);
    ck_assert_uint_eq(find_text(p.out, len, "X-Forwarded-For"), 1);
    ck_assert_uint_eq(find_text(p.out, len, "X-Forwarded-Host"), 1);
    ck_assert_uint_eq(find_text(p.out, len, "for=192.0.2.1"), 1);
    ck_assert_uint_eq(find_text(p.out, len, "1.1 p"), 1);
    ck_assert_uint_eq(find_text(p.out, len, "good"), 1);
    ck_assert_uint_eq(find_text(p.out, len, "evil") + find_text(p.out, len, "6.6.6.6"), 0);
    player_close(&p);
}
END_TEST

/* Tomcat: the secret was compared byte by byte until the first difference. */
START_TEST(test_cve_2026_43514_the_secret_is_compared_as_a_whole)
{
    static const char *const wrong[] = { "",         "s",         "s3cret-",         "s3cret-2",
                                         "x3cret-1", "s3cret-1x", "s3cret-1s3cret-1" };
    mcmp_ajp_options opts;
    char text[128];
    server v;

    mcmp_ajp_options_init(&opts);
    opts.secret = span_of("s3cret-1");
    server_open(&v, &opts);
    ck_assert_int_eq(ask_server(&v, REQ "0000 0C s's3cret-1' FF]"), MCMP_NEED_MORE);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        mcmp_ajp_container_reset(v.container);
        (void)snprintf(text, sizeof(text), REQ "0000 0C s'%s' FF]", wrong[i]);
        row_code(text, ask_server(&v, text), MCMP_ERR_AJP_SECRET);
        row_int(text, mcmp_ajp_container_status_of(MCMP_ERR_AJP_SECRET), 403);
    }
    mcmp_ajp_container_free(v.container);
}
END_TEST

static void same_path(const char *target, const char *path, const char *sent)
{
    char head[256];
    const client c = { .head = head };
    char want[256];
    const wire *w;
    static player p;
    size_t len;

    (void)snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", target);
    player_open(&p, &c);
    player_parse(&p, head);
    row_text(target, p.target.path, path);
    ck_assert_int_eq(player_request(&p, &len, NULL), MCMP_OK);
    (void)snprintf(want, sizeof(want), "s'%s'", sent);
    w = wire_of(want);
    row_true(target, memmem(p.out, len, w->bytes, w->len) != NULL);
    player_close(&p);
}

/* mod_jk matched `/;` rules against another path than the one it sent. */
START_TEST(test_cve_2018_11759_the_path_matched_is_the_path_sent)
{
    same_path("/a;x=y/b", "/a;x=y/b", "/a;x=y/b");
    same_path("/jk%73tatus;/c", "/jkstatus;/c", "/jkstatus;/c");
}
END_TEST

/* mod_jk's connector for IIS took parameters and dot segments in another order. */
START_TEST(test_cve_2018_1323_dot_segments_are_gone_before_anything_is_matched)
{
    mcmp_http_target target;
    mcmp_http_head *head;
    char room[256];

    same_path("/a/../b", "/b", "/b");
    same_path("/a/%2e%2e/b", "/b", "/b");
    ck_assert_int_eq(mcmp_http_head_new(&head, NULL, NULL), MCMP_OK);
    mcmp_http_target_init(&target);
    ck_assert_int_eq(mcmp_http_head_parse_request(head, "GET /a/..;x/b HTTP/1.0\r\n\r\n", 27, NULL),
                     MCMP_OK);
    ck_assert_int_eq(
        mcmp_http_target_parse(mcmp_http_head_info(head), 0, room, sizeof(room), &target, NULL),
        MCMP_ERR_HTTP_LINE);
    mcmp_http_head_free(head);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_cve_2009_1191_unsent_body_ends_the_connection,
        test_cve_2012_3502_an_answer_without_its_end_is_never_followed_by_another,
        test_cve_2008_5519_a_body_announced_and_never_sent_ends_the_connection,
        test_cve_2022_1319_a_second_answer_ends_the_connection,
        test_cve_2022_26377_length_and_coding_together_are_refused,
        test_cve_2022_36760_only_our_own_framing_goes_out,
        test_cve_2020_1938_attributes_come_from_the_host_alone,
        test_cve_2012_4557_a_slow_client_is_not_the_nodes_fault,
        test_cve_2009_0033_a_malformed_request_is_not_the_nodes_fault,
        test_cve_2022_2053_a_request_that_is_too_large_is_not_sent,
        test_cve_2026_28780_lengths_of_strings_are_checked,
        test_cve_2026_33857_numbers_are_checked,
        test_cve_2026_34032_terminators_are_checked,
        test_cve_2026_34059_the_largest_lengths_do_not_wrap,
        test_cve_2026_33523_a_container_can_not_split_an_answer,
        test_cve_2022_37436_a_head_is_taken_whole_or_not_at_all,
        test_cve_2022_31813_connection_takes_nothing_that_the_proxy_adds,
        test_cve_2026_43514_the_secret_is_compared_as_a_whole,
        test_cve_2018_11759_the_path_matched_is_the_path_sent,
        test_cve_2018_1323_dot_segments_are_gone_before_anything_is_matched,
    };

    return run_tests("ajp cve", tests, COUNT_OF(tests));
}
