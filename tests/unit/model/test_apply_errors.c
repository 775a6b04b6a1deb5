/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error catalogue of MCMP 2 and the order of judgement of MCMP 1, as bytes on the wire: status,
 * headers and body of each refusal, and the state after it.
 */
#include "parsed.h"

#define NODE "JVMRoute=n1&Host=10.0.0.1&Port=8009"
#define PARSE                                                                               \
    "SYNTAX: Can't parse MCMP message. It might have contained illegal symbols or unknown " \
    "elements."
#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A40 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A30 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A255 A64 A64 A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

typedef struct refusal {
    const char *name;
    const char *line;
    const char *body;
    int code;
    const char *mess;
} refusal;

static const refusal refusals[] = {
    { "no pair", "CONFIG /", "JVMRoute", MCMP_ERR_SYNTAX, PARSE },
    { "empty CONFIG", "CONFIG /", "", MCMP_ERR_SYNTAX, PARSE },
    { "empty value", "CONFIG /", "JVMRoute=", MCMP_ERR_SYNTAX, PARSE },
    { "half an escape", "CONFIG /", "JVMRoute=a%4", MCMP_ERR_SYNTAX, PARSE },
    { "a line feed", "STATUS /", "JVMRoute=a%0A", MCMP_ERR_SYNTAX, PARSE },
    { "an empty element", "ENABLE-APP /", "JVMRoute=n1&Alias=a,,b&Context=/", MCMP_ERR_SYNTAX,
      PARSE },
    { "the name REMOVED", "CONFIG /", "JVMRoute=REMOVED&Host=10.0.0.9", MCMP_ERR_SYNTAX, PARSE },
    { "CONFIG without JVMRoute", "CONFIG /", "Host=h", MCMP_ERR_SYNTAX,
      "SYNTAX: JVMRoute can't be empty" },
    { "ENABLE-APP without JVMRoute", "ENABLE-APP /", "", MCMP_ERR_SYNTAX,
      "SYNTAX: JVMRoute can't be empty" },
    { "whole node without JVMRoute", "REMOVE-APP /*", "", MCMP_ERR_SYNTAX,
      "SYNTAX: JVMRoute can't be empty" },
    { "STATUS without JVMRoute", "STATUS /", "Load=1", MCMP_ERR_SYNTAX,
      "SYNTAX: JVMRoute can't be empty" },
    { "long JVMRoute", "CONFIG /", "JVMRoute=" A64, MCMP_ERR_SYNTAX,
      "SYNTAX: JVMRoute field too big" },
    { "long Balancer", "CONFIG /", "JVMRoute=a&Balancer=" A40, MCMP_ERR_SYNTAX,
      "SYNTAX: Balancer field too big" },
    { "long Domain", "CONFIG /", "JVMRoute=a&Domain=" A30, MCMP_ERR_SYNTAX,
      "SYNTAX: LBGroup field too big" },
    { "long Host", "CONFIG /", "JVMRoute=a&Host=" A64, MCMP_ERR_SYNTAX,
      "SYNTAX: Host field too big" },
    { "long Port", "CONFIG /", "JVMRoute=a&Port=0000080", MCMP_ERR_SYNTAX,
      "SYNTAX: Port field too big" },
    { "long Type", "CONFIG /", "JVMRoute=a&Type=" A30, MCMP_ERR_SYNTAX,
      "SYNTAX: Type field too big" },
    { "long Alias", "ENABLE-APP /", "JVMRoute=n1&Context=/&Alias=" A255, MCMP_ERR_SYNTAX,
      "SYNTAX: Alias field too big" },
    { "long Context", "ENABLE-APP /", "JVMRoute=n1&Alias=a&Context=/" A64 "/" A30, MCMP_ERR_SYNTAX,
      "SYNTAX: Context field too big" },
    { "long cookie", "CONFIG /", "JVMRoute=a&StickySessionCookie=" A30, MCMP_ERR_SYNTAX,
      "SYNTAX: A field is too big" },
    { "long path", "CONFIG /", "JVMRoute=a&StickySessionPath=" A30, MCMP_ERR_SYNTAX,
      "SYNTAX: A field is too big" },
    { "bad flushwait", "CONFIG /", "JVMRoute=a&flushwait=x", MCMP_ERR_SYNTAX,
      "SYNTAX: Flushwait field has bad value" },
    { "bad ping", "CONFIG /", "JVMRoute=a&ping=-1", MCMP_ERR_SYNTAX,
      "SYNTAX: Ping field has bad value" },
    { "bad ttl", "CONFIG /", "JVMRoute=a&ttl=1d", MCMP_ERR_SYNTAX,
      "SYNTAX: TTL field has bad value" },
    { "bad Timeout", "CONFIG /", "JVMRoute=a&Timeout=-5", MCMP_ERR_SYNTAX,
      "SYNTAX: Timeout field has bad value" },
    { "wildcard Host", "CONFIG /", "JVMRoute=a&Host=0.0.0.0", MCMP_ERR_SYNTAX,
      "SYNTAX: Host field has bad value" },
    { "bad Port", "CONFIG /", "JVMRoute=a&Port=0", MCMP_ERR_SYNTAX,
      "SYNTAX: Port field has bad value" },
    { "bad Type", "CONFIG /", "JVMRoute=a&Type=ftp", MCMP_ERR_SYNTAX,
      "SYNTAX: Type field has bad value" },
    { "Alias alone", "CONFIG /", "JVMRoute=a&Alias=x", MCMP_ERR_SYNTAX,
      "SYNTAX: Alias without Context" },
    { "Context alone", "ENABLE-APP /", "JVMRoute=n1&Context=/x", MCMP_ERR_SYNTAX,
      "SYNTAX: Context without Alias" },
    { "neither of them", "ENABLE-APP /", "JVMRoute=n1", MCMP_ERR_SYNTAX,
      "SYNTAX: No Context and Alias in APP command" },
    { "unknown key in STATUS", "STATUS /", "JVMRoute=n1&Foo=1", MCMP_ERR_SYNTAX,
      "SYNTAX: Invalid field \"Foo\" in message" },
    { "empty STATUS", "STATUS /", "", MCMP_ERR_SYNTAX, "SYNTAX: Invalid field \"\" in message" },
    { "unknown key in PING", "PING /", "Bar=1", MCMP_ERR_SYNTAX,
      "SYNTAX: Invalid field \"Bar\" in message" },
    { "half a PING", "PING /", "Host=localhost&Port=1", MCMP_ERR_SYNTAX,
      "SYNTAX: Mandatory field(s) missing in message" },
    { "PING by ftp", "PING /", "Scheme=ftp&Host=localhost&Port=1", MCMP_ERR_SYNTAX,
      "SYNTAX: Scheme \"ftp\" is not supported" },
    { "unknown command", "FROB /", "", MCMP_ERR_SYNTAX, "SYNTAX: Command is not supported" },
    { "Load over 100", "STATUS /", "JVMRoute=n1&Load=101", MCMP_ERR_SYNTAX,
      "SYNTAX: Load field has bad value" },
    { "Load under -1", "STATUS /", "JVMRoute=n1&Load=-2", MCMP_ERR_SYNTAX,
      "SYNTAX: Load field has bad value" },
    { "ENABLE-APP of an unknown node", "ENABLE-APP /", "JVMRoute=x&Alias=a&Context=/",
      MCMP_ERR_UNKNOWN_NODE, "MEM: Can't read node with \"x\" JVMRoute" },
    { "REMOVE-APP of an unknown node", "REMOVE-APP /*", "JVMRoute=x", MCMP_ERR_UNKNOWN_NODE,
      "MEM: Can't read node with \"x\" JVMRoute" },
    { "STATUS of an unknown node", "STATUS /", "JVMRoute=x", MCMP_ERR_UNKNOWN_NODE,
      "MEM: Can't read node with \"x\" JVMRoute" },
    { "PING of an unknown node", "PING /", "JVMRoute=x", MCMP_ERR_UNKNOWN_NODE,
      "MEM: Can't read node with \"x\" JVMRoute" },
    { "REMOVED can't be addressed", "STATUS /", "JVMRoute=REMOVED", MCMP_ERR_UNKNOWN_NODE,
      "MEM: Can't read node with \"REMOVED\" JVMRoute" },
    { "another Smax", "CONFIG /", NODE "&smax=5", MCMP_ERR_CONFLICT,
      "MEM: Node with \"n1\" JVMRoute already exists" },
    { "another endpoint", "CONFIG /", "JVMRoute=n1&Host=10.0.0.1&Port=8010", MCMP_ERR_CONFLICT,
      "MEM: Node with \"n1\" JVMRoute already exists" },
    { "a taken endpoint", "CONFIG /", "JVMRoute=n2&Host=10.0.0.1&Port=8009&Type=http",
      MCMP_ERR_CONFLICT, "MEM: Another for the same worker already exist" },
    { "bytes in Mess", "STATUS /", "JVMRoute=%c3%a4", MCMP_ERR_UNKNOWN_NODE,
      "MEM: Can't read node with \"%C3%A4\" JVMRoute" },
};

static void check_refusal(station *s, const char *name, const char *mess, uint32_t status)
{
    size_t type_len = (size_t)(strchr(mess, ':') - mess);
    char type[16];
    char length[24];
    mcmp_span body = answer_body(s);

    (void)snprintf(type, sizeof(type), "%.*s", (int)type_len, mess);
    row_int(name, mcmp_response_status(s->response), status);
    row_true(name, mcmp_response_reason(s->response).len > 0);
    row_text(name, answer_header(s, "Version"), "0.2.1");
    row_text(name, answer_header(s, "Type"), type);
    row_text(name, answer_header(s, "Mess"), mess);
    row_true(name, body.len > 0 && memmem(body.ptr, body.len, mess, strlen(mess)) != NULL);
    (void)snprintf(length, sizeof(length), "%zu", body.len);
    row_text(name, answer_header(s, "Content-Length"), length);
}

static uint32_t wire_class_of(const char *mess)
{
    return mess[0] == 'S' ? MCMP_WIRE_SYNTAX : mess[0] == 'M' ? MCMP_WIRE_MEM : MCMP_WIRE_GENERAL;
}

START_TEST(test_each_row_of_the_catalogue_has_its_bytes_and_changes_nothing)
{
    station s;
    char before[4096];
    mcmp_span info;

    station_open(&s, NULL);
    ck_assert_int_eq(say(&s, "CONFIG /", NODE "&Alias=h&Context=/app"), MCMP_OK);
    info = info_text(&s);
    ck_assert(info.len < sizeof(before));
    memcpy(before, info.ptr, info.len);
    before[info.len] = '\0';
    for (size_t i = 0; i < 2 * COUNT_OF(refusals); i++) { /* the same when it comes decoded */
        const refusal *row = &refusals[i / 2];
        int rc = (i % 2 == 0 ? say : say_parsed)(&s, row->line, row->body);

        row_code(row->name, rc, row->code);
        check_refusal(&s, row->name, row->mess, 500);
        row_int(row->name, s.err.code, row->code);
        row_int(row->name, s.err.wire_class, wire_class_of(row->mess));
        row_true(row->name, s.err.message[0] != '\0');
        row_text(row->name, info_text(&s), before);
    }
    station_close(&s);
}
END_TEST

START_TEST(test_a_body_over_the_limit_is_refused_whole)
{
    mcmp_cluster_options opts;
    mcmp_command_limits limits;
    station s;
    char body[80];
    mcmp_request request;

    mcmp_cluster_options_init(&opts);
    mcmp_command_limits_init(&limits);
    limits.max_message = 40;
    opts.limits = &limits;
    station_open(&s, &opts);
    ck_assert_uint_eq(mcmp_cluster_max_message(s.cluster), 40);
    memset(body, 'a', sizeof(body));
    memcpy(body, "JVMRoute=", 9);
    for (size_t len = 39; len <= 41; len++) {
        mcmp_span text = { body, len };
        int rc = station_send(&s, "CONFIG /", text);

        ck_assert_int_eq(rc, len <= 40 ? MCMP_OK : MCMP_ERR_BODY_SIZE);
        if (len <= 40)
            ck_assert_int_eq(say(&s, "REMOVE-APP /*", ""), MCMP_ERR_SYNTAX);
        else
            check_refusal(&s, "41", "MEM: Message of 41 bytes exceeds the limit of 40", 500);
        body[40] = 'b';
        ck_assert_int_eq(say(&s, "PING /", ""), MCMP_OK);
        if (len == 39) { /* the endpoint becomes free for the next one */
            mcmp_span gone = { body, len };

            ck_assert_int_eq(station_send(&s, "REMOVE-APP /*", gone), MCMP_OK);
        }
    }
    /* a body that the parser has dropped */
    station_request(&s, "STATUS /", span_of(""), &request);
    request.flags |= MCMP_REQUEST_OVERSIZE;
    request.body_size = 5000;
    ck_assert_int_eq(mcmp_apply(s.cluster, &request, s.response, &s.err), MCMP_ERR_BODY_SIZE);
    check_refusal(&s, "dropped", "MEM: Message of 5000 bytes exceeds the limit of 40", 500);
    ck_assert_str_eq(s.err.field, "max_message");
    station_close(&s);
}
END_TEST

/* Each message breaks several rules; the first in the order of MCMP 1 answers. */
static const refusal order[] = {
    { "walker before key", "STATUS /", "Foo=1&JVMRoute=%zz", MCMP_ERR_SYNTAX, PARSE },
    { "pairs in the order sent: key", "STATUS /", "Foo=1&Load=x", MCMP_ERR_SYNTAX,
      "SYNTAX: Invalid field \"Foo\" in message" },
    { "pairs in the order sent: form", "STATUS /", "Load=x&Foo=1", MCMP_ERR_SYNTAX,
      "SYNTAX: Load field has bad value" },
    { "length before form", "CONFIG /", "Type=" A30 "&Port=x", MCMP_ERR_SYNTAX,
      "SYNTAX: Type field too big" },
    { "form before JVMRoute", "CONFIG /", "Port=x", MCMP_ERR_SYNTAX,
      "SYNTAX: Port field has bad value" },
    { "JVMRoute before pairing", "CONFIG /", "Alias=a", MCMP_ERR_SYNTAX,
      "SYNTAX: JVMRoute can't be empty" },
    { "pairing before node known", "ENABLE-APP /", "JVMRoute=x&Alias=a", MCMP_ERR_SYNTAX,
      "SYNTAX: Alias without Context" },
    { "node known before probe", "STATUS /", "JVMRoute=x&Load=5", MCMP_ERR_UNKNOWN_NODE,
      "MEM: Can't read node with \"x\" JVMRoute" },
    { "conflict before tables", "CONFIG /", "JVMRoute=n2&Host=10.0.0.1&Port=8009",
      MCMP_ERR_CONFLICT, "MEM: Another for the same worker already exist" },
    { "node table before balancer table", "CONFIG /", "JVMRoute=n2&Host=10.0.0.2&Balancer=b2",
      MCMP_ERR_FULL, "MEM: Can't update or insert node with \"n2\" JVMRoute" },
};

START_TEST(test_the_first_failure_in_order_is_the_answer)
{
    mcmp_cluster_options opts;
    station s;

    mcmp_cluster_options_init(&opts);
    opts.max_nodes = 1;
    opts.max_balancers = 1;
    station_open(&s, &opts);
    ck_assert_int_eq(say(&s, "CONFIG /", NODE), MCMP_OK);
    for (size_t i = 0; i < COUNT_OF(order); i++) {
        row_code(order[i].name, say(&s, order[i].line, order[i].body), order[i].code);
        check_refusal(&s, order[i].name, order[i].mess, 500);
    }
    ck_assert_int_eq(s.probes, 0);
    /* the right to the command comes before everything */
    station_address(&s, 8, 8, 8, 8);
    ck_assert_int_eq(say(&s, "FROB /", "%zz"), MCMP_ERR_DENIED);
    check_refusal(&s, "denied", "GENERAL: Not authorised", 403);
    station_close(&s);
}
END_TEST

START_TEST(test_a_balancer_that_finds_no_place_leaves_no_node)
{
    mcmp_cluster_options opts;
    station s;

    mcmp_cluster_options_init(&opts);
    opts.max_nodes = 8;
    opts.max_balancers = 1;
    station_open(&s, &opts);
    ck_assert_int_eq(say(&s, "CONFIG /", NODE), MCMP_OK);
    ck_assert_int_eq(say(&s, "CONFIG /", "JVMRoute=n2&Host=10.0.0.2&Balancer=b2"), MCMP_ERR_FULL);
    check_refusal(&s, "balancer",
                  "MEM: Can't update or insert balancer for node with \"n2\" JVMRoute", 500);
    ck_assert_str_eq(s.err.field, "max_balancers");
    ck_assert(!info_has(&s, "n2"));
    station_close(&s);
}
END_TEST

START_TEST(test_misuse_is_an_error_and_no_crash)
{
    station s;
    mcmp_request request;

    station_open(&s, NULL);
    station_request(&s, "PING /", span_of(""), &request);
    ck_assert_int_eq(mcmp_apply(NULL, &request, s.response, NULL), MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_apply(s.cluster, NULL, s.response, NULL), MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_apply(s.cluster, &request, NULL, NULL), MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_apply_resume(s.cluster, &request, s.response, 1, s.now, NULL),
                     MCMP_ERR_STATE);
    s.peer.struct_size = 0;
    ck_assert_int_eq(mcmp_apply(s.cluster, &request, s.response, NULL), MCMP_ERR_INVALID);
    s.peer.struct_size = sizeof(s.peer);
    request.struct_size = 0;
    ck_assert_int_eq(mcmp_apply(s.cluster, &request, s.response, NULL), MCMP_ERR_INVALID);
    station_close(&s);
}
END_TEST

START_TEST(test_a_caller_of_another_age_is_understood)
{
    struct {
        mcmp_request request;
        uint64_t unknown;
    } newer;
    struct {
        mcmp_peer peer;
        uint64_t unknown;
    } peer;
    station s;

    station_open(&s, NULL);
    memset(&newer, 0, sizeof(newer));
    memset(&peer, 0, sizeof(peer));
    station_request(&s, "PING /", span_of(""), &newer.request);
    newer.request.struct_size = sizeof(newer);
    peer.peer = s.peer;
    peer.peer.struct_size = sizeof(peer);
    newer.request.peer = &peer.peer;
    ck_assert_int_eq(mcmp_apply(s.cluster, &newer.request, s.response, NULL), MCMP_OK);
    newer.unknown = 1;
    ck_assert_int_eq(mcmp_apply(s.cluster, &newer.request, s.response, NULL), MCMP_ERR_UNSUPPORTED);
    newer.unknown = 0;
    peer.unknown = 1;
    ck_assert_int_eq(mcmp_apply(s.cluster, &newer.request, s.response, NULL), MCMP_ERR_UNSUPPORTED);
    /* one that knows of no peer yet: nothing is known of the sender */
    peer.unknown = 0;
    newer.request.struct_size = offsetof(mcmp_request, peer);
    ck_assert_int_eq(mcmp_apply(s.cluster, &newer.request, s.response, NULL), MCMP_ERR_DENIED);
    station_close(&s);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_each_row_of_the_catalogue_has_its_bytes_and_changes_nothing,
        test_a_body_over_the_limit_is_refused_whole,
        test_the_first_failure_in_order_is_the_answer,
        test_a_balancer_that_finds_no_place_leaves_no_node,
        test_misuse_is_an_error_and_no_crash,
        test_a_caller_of_another_age_is_understood,
    };

    return run_tests("apply: errors", tests, COUNT_OF(tests));
}
