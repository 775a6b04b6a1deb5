/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of judgement (MCMP 1) from its far ends: the sender's right before size, size before
 * the walker, rights to a node before its conflicts; and the message limit of 3.4.
 */
#include "held.h"
#include "parsed.h"

#define ONE "JVMRoute=n1&Host=10.0.0.1&Port=8009"

/* max(1024, 9 + 64 + aliases * 255 + 7 + contexts * 80 + 8), at most 1 MiB, or the option. */
static const struct {
    const char *name;
    uint32_t aliases;
    uint32_t contexts;
    uint64_t option;
    uint64_t limit;
} limits[] = {
    { "the smallest tables", 1, 1, 0, 1024 },
    { "just below 1024", 1, 8, 0, 1024 },
    { "just above 1024", 1, 9, 0, 1063 },
    { "more aliases", 4, 1, 0, 1188 },
    { "1 MiB at most", 60000, 60000, 0, 1048576 },
    { "an option below", 4, 1, 200, 200 },
    { "an option above", 60000, 60000, 1048577, 1048577 },
};

/* ONE and empty pairs, which are skipped, up to len bytes. */
static char *padded(uint64_t len)
{
    char *body = malloc((size_t)len);

    ck_assert(body != NULL);
    memset(body, '&', (size_t)len);
    memcpy(body, ONE, sizeof(ONE) - 1);
    return body;
}

static void at_the_limit(station *s, const char *name, uint64_t limit, uint64_t len)
{
    char *body = padded(len);
    mcmp_span text = { body, (size_t)len };
    char mess[100];
    int rc = station_send(s, "CONFIG /", text);

    free(body);
    row_code(name, rc, len <= limit ? MCMP_OK : MCMP_ERR_BODY_SIZE);
    if (len <= limit)
        return;
    (void)snprintf(mess, sizeof(mess), "MEM: Message of %llu bytes exceeds the limit of %llu",
                   (unsigned long long)len, (unsigned long long)limit);
    row_text(name, answer_header(s, "Mess"), mess);
    row_text(name, answer_header(s, "Type"), "MEM");
}

START_TEST(test_the_message_limit_follows_from_the_tables)
{
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        mcmp_cluster_options opts;
        mcmp_command_limits own;
        station s;

        mcmp_cluster_options_init(&opts);
        mcmp_command_limits_init(&own);
        own.max_message = limits[i].option;
        opts.limits = &own;
        opts.max_nodes = 4;
        opts.max_aliases = limits[i].aliases;
        opts.max_contexts = limits[i].contexts;
        station_open(&s, &opts);
        row_int(limits[i].name, mcmp_cluster_max_message(s.cluster), limits[i].limit);
        for (int k = 1; k >= -1; k--)
            at_the_limit(&s, limits[i].name, limits[i].limit, limits[i].limit - (uint64_t)k);
        station_close(&s);
    }
}
END_TEST

START_TEST(test_a_body_is_dropped_by_the_parser_just_where_the_cluster_refuses_it)
{
    for (int over = 0; over <= 1; over++) {
        mcmp_cluster_options opts;
        mcmp_parser_options parse;
        mcmp_parser *parser;
        station s;
        char *body;
        char head[100];
        uint64_t len;
        size_t used;

        mcmp_cluster_options_init(&opts);
        opts.max_nodes = opts.max_aliases = opts.max_contexts = 1;
        station_open(&s, &opts);
        len = mcmp_cluster_max_message(s.cluster) + (uint64_t)over;
        mcmp_parser_options_init(&parse);
        parse.max_body = mcmp_cluster_max_message(s.cluster);
        parse.limits = mcmp_cluster_limits(s.cluster);
        ck_assert_int_eq(mcmp_parser_new(&parser, &parse, &s.err), MCMP_OK);
        (void)snprintf(head, sizeof(head), "CONFIG / HTTP/1.1\r\nContent-Length: %llu\r\n\r\n",
                       (unsigned long long)len);
        ck_assert_int_eq(mcmp_parser_feed(parser, head, strlen(head), &used, &s.err),
                         MCMP_NEED_MORE);
        body = padded(len);
        ck_assert_int_eq(mcmp_parser_feed(parser, body, (size_t)len, &used, &s.err), MCMP_OK);
        free(body);
        mcmp_parser_request(parser)->peer = &s.peer;
        mcmp_parser_request(parser)->now = s.now;
        ck_assert_int_eq(mcmp_apply(s.cluster, mcmp_parser_request(parser), s.response, &s.err),
                         over ? MCMP_ERR_BODY_SIZE : MCMP_OK);
        if (over)
            row_text("Mess", answer_header(&s, "Mess"),
                     "MEM: Message of 1025 bytes exceeds the limit of 1024");
        mcmp_parser_free(parser);
        station_close(&s);
    }
}
END_TEST

/* Who sends what, and which of the several things that are wrong is the answer. The node n1 is
 * bound to the identity "one", n2 to "two"; both live. The limit is 60 bytes. */
static const struct {
    const char *name;
    const char *identity;
    int foreign; /* an address that is not allowed */
    const char *line;
    const char *body;
    const char *mess;
} rows[] = {
    { "the right to the command before size", "one", 1, "CONFIG /",
      "%zz&aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "GENERAL: Not authorised" },
    { "an unknown identity before size", "three", 0, "INFO /",
      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "GENERAL: Not authorised" },
    { "the right to the command before the command", "", 0, "FROB /", "",
      "GENERAL: Not authorised" },
    { "size before the walker", "one", 0, "STATUS /",
      "%zz&aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "MEM: Message of 61 bytes exceeds the limit of 60" },
    { "the command before size", "one", 0, "FROB /",
      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "SYNTAX: Command is not supported" },
    { "size also where the body is ignored", "one", 0, "INFO /",
      "%zz&aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "MEM: Message of 61 bytes exceeds the limit of 60" },
    { "the walker before keys", "one", 0, "PING /", "Bad=1&%",
      "SYNTAX: Can't parse MCMP message. It might have contained illegal symbols or unknown "
      "elements." },
    { "forms before the right to the node", "one", 0, "STATUS /", "JVMRoute=n2&Load=x",
      "SYNTAX: Load field has bad value" },
    { "JVMRoute missing before pairing", "one", 0, "STOP-APP /", "Context=/x",
      "SYNTAX: JVMRoute can't be empty" },
    { "pairing before the right to the node", "one", 0, "STOP-APP /", "JVMRoute=n2&Context=/x",
      "SYNTAX: Context without Alias" },
    { "node known before the right to it", "one", 0, "STATUS /", "JVMRoute=n3",
      "MEM: Can't read node with \"n3\" JVMRoute" },
    { "the right to the node before its conflicts", "one", 0, "CONFIG /",
      "JVMRoute=n2&Host=10.0.0.1&Port=8009", "GENERAL: Not authorised" },
    { "and before the probe", "one", 0, "STATUS /", "JVMRoute=n2&Load=5",
      "GENERAL: Not authorised" },
    { "the endpoint of another before the probe", "one", 0, "CONFIG /",
      "JVMRoute=n1&Host=10.0.0.2&Port=8009", "MEM: Another for the same worker already exist" },
    { "conflicts before the table of nodes", "new", 0, "CONFIG /",
      "JVMRoute=n4&Host=10.0.0.2&Port=8009", "MEM: Another for the same worker already exist" },
    { "a full table last", "new", 0, "CONFIG /", "JVMRoute=n4&Host=10.0.0.4&Port=8009",
      "MEM: Can't update or insert node with \"n4\" JVMRoute" },
};

typedef int (*say_fn)(station *s, const char *line, const char *body);

static void check_order(say_fn say_it)
{
    const mcmp_pair identities[] = {
        { TEXT("one"), TEXT("n1,n3") },
        { TEXT("two"), TEXT("n2") },
        { TEXT("new"), TEXT("n4") },
    };
    mcmp_command_limits own;
    mcmp_cluster_options opts;
    station s;

    mcmp_cluster_options_init(&opts);
    mcmp_command_limits_init(&own);
    own.max_message = 60;
    opts.limits = &own;
    opts.max_nodes = 2;
    opts.identities = identities;
    opts.identity_count = COUNT_OF(identities);
    station_open(&s, &opts);
    s.peer.identity = span_of("one");
    must(&s, "CONFIG /", ONE);
    s.peer.identity = span_of("two");
    must(&s, "CONFIG /", "JVMRoute=n2&Host=10.0.0.2&Port=8009");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        s.peer.identity = span_of(rows[i].identity);
        station_address(&s, rows[i].foreign ? 8 : 127, 0, 0, 1);
        row_true(rows[i].name, say_it(&s, rows[i].line, rows[i].body) < 0);
        row_text(rows[i].name, answer_header(&s, "Mess"), rows[i].mess);
        row_int(rows[i].name, mcmp_response_status(s.response), rows[i].mess[0] == 'G' ? 403 : 500);
    }
    ck_assert_int_eq(s.probes, 0);
    station_close(&s);
}

START_TEST(test_of_several_faults_the_first_in_order_is_told)
{
    check_order(say);
}
END_TEST

START_TEST(test_the_order_is_the_same_when_the_body_comes_decoded)
{
    check_order(say_parsed);
}
END_TEST

START_TEST(test_rights_are_judged_again_after_a_probe)
{
    mcmp_cluster_options opts;
    station s;
    held h;

    mcmp_cluster_options_init(&opts);
    opts.flags = MCMP_CLUSTER_OWNERSHIP;
    station_open(&s, &opts);
    must(&s, "CONFIG /", ONE);
    ck_assert_int_eq(held_start(&s, &h, "STATUS /", "JVMRoute=n1&Load=5"), MCMP_PENDING);
    must(&s, "REMOVE-APP /*", "JVMRoute=n1");
    station_address(&s, 10, 0, 0, 7); /* h's request refers to the same peer */
    must(&s, "CONFIG /", ONE);
    station_address(&s, 127, 0, 0, 1);
    ck_assert_int_eq(held_resume(&s, &h, 1), MCMP_ERR_DENIED);
    row_text("why", held_mess(&h), "GENERAL: Not authorised");
    ck_assert(info_has(&s, ",Load: 0\n"));
    held_end(&h);
    station_close(&s);
}
END_TEST

START_TEST(test_the_endpoint_of_a_silent_node_needs_no_right_to_its_route_but_its_owner)
{
    const mcmp_pair identities[] = { { TEXT("one"), TEXT("n1") }, { TEXT("two"), TEXT("n2") } };

    for (int owned = 0; owned <= 1; owned++) {
        mcmp_cluster_options opts;
        station s;

        mcmp_cluster_options_init(&opts);
        opts.flags = owned ? MCMP_CLUSTER_OWNERSHIP : 0;
        opts.identities = identities;
        opts.identity_count = COUNT_OF(identities);
        station_open(&s, &opts);
        s.peer.identity = span_of("one");
        must(&s, "CONFIG /", ONE);
        must(&s, "STATUS /", "JVMRoute=n1&Load=5");
        s.now += 16 * MCMP_SEC;
        s.peer.identity = span_of("two");
        ck_assert_int_eq(say(&s, "CONFIG /", "JVMRoute=n2&Host=10.0.0.1&Port=8009"),
                         owned ? MCMP_ERR_DENIED : MCMP_OK);
        ck_assert_int_eq(info_has(&s, "Name: n1,"), owned);
        station_close(&s);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_the_message_limit_follows_from_the_tables,
        test_a_body_is_dropped_by_the_parser_just_where_the_cluster_refuses_it,
        test_of_several_faults_the_first_in_order_is_told,
        test_the_order_is_the_same_when_the_body_comes_decoded,
        test_rights_are_judged_again_after_a_probe,
        test_the_endpoint_of_a_silent_node_needs_no_right_to_its_route_but_its_owner,
    };

    return run_tests("contract: order of judgement", tests, COUNT_OF(tests));
}
