/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authorisation (MCMP 1 and 2, DESIGN 6) through the public API: networks, identities, callback,
 * ownership. What is not known is refused; a refusal changes nothing.
 */
#include "station.h"

#define ONE "JVMRoute=n1&Host=10.0.0.1"

static const struct {
    const char *allow;
    uint8_t address[16];
    int ok;
} addresses[] = {
#define V4(a, b, c, d)                                       \
    {                                                        \
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d \
    }
    { NULL, V4(127, 0, 0, 1), 1 },
    { NULL, V4(127, 9, 9, 9), 1 },
    { NULL, V4(10, 1, 2, 3), 1 },
    { NULL, V4(172, 15, 255, 255), 0 },
    { NULL, V4(172, 16, 0, 0), 1 },
    { NULL, V4(172, 31, 255, 255), 1 },
    { NULL, V4(172, 32, 0, 0), 0 },
    { NULL, V4(192, 168, 5, 5), 1 },
    { NULL, V4(192, 169, 5, 5), 0 },
    { NULL, V4(8, 8, 8, 8), 0 },
    { NULL, { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 1 },
    { NULL, { 0xfd, 1 }, 1 },
    { NULL, { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 1 }, 1 },
    { NULL, { 0x20, 1, 0xd, 0xb8 }, 0 },
    { "loopback", V4(127, 0, 0, 1), 1 },
    { "loopback", V4(10, 0, 0, 1), 0 },
    { "LOOPBACK , 10.0.0.0/31", V4(10, 0, 0, 1), 1 },
    { "loopback,10.0.0.0/31", V4(10, 0, 0, 2), 0 },
    { "10.0.0.7", V4(10, 0, 0, 7), 1 },
    { "10.0.0.7", V4(127, 0, 0, 1), 0 },
    { "2001:db8::/33", { 0x20, 1, 0xd, 0xb8, 0x7f }, 1 },
    { "2001:db8::/33", { 0x20, 1, 0xd, 0xb8, 0x80 }, 0 },
    { "any", V4(8, 8, 8, 8), 1 },
    { "any", { 0x20, 1 }, 1 },
    { "0.0.0.0/0", V4(8, 8, 8, 8), 1 },
    { "0.0.0.0/0", { 0x20, 1 }, 0 },
    { "", V4(127, 0, 0, 1), 0 },
};

START_TEST(test_the_allow_list_decides_by_address)
{
    for (size_t i = 0; i < COUNT_OF(addresses); i++) {
        mcmp_cluster_options opts;
        station s;
        char name[80];

        mcmp_cluster_options_init(&opts);
        opts.allow = addresses[i].allow;
        station_open(&s, &opts);
        (void)snprintf(name, sizeof(name), "%zu: %s", i,
                       addresses[i].allow != NULL ? addresses[i].allow : "default");
        memcpy(s.peer.address, addresses[i].address, 16);
        row_code(name, say(&s, "VERSION /", ""), addresses[i].ok ? MCMP_OK : MCMP_ERR_DENIED);
        station_close(&s);
    }
}
END_TEST

START_TEST(test_every_command_is_refused_alike)
{
    static const char *const lines[] = { "CONFIG /",     "ENABLE-APP /", "DISABLE-APP /",
                                         "STOP-APP /",   "REMOVE-APP /", "REMOVE-APP /*",
                                         "STATUS /",     "PING /",       "INFO /",
                                         "DUMP /",       "VERSION /",    "GET /",
                                         "NO-SUCH-APP /" };
    station s;

    station_open(&s, NULL);
    ck_assert_int_eq(say(&s, "CONFIG /", ONE), MCMP_OK);
    station_address(&s, 8, 8, 8, 8);
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        row_code(lines[i], say(&s, lines[i], "JVMRoute=n1"), MCMP_ERR_DENIED);
        row_int(lines[i], mcmp_response_status(s.response), 403);
        row_text(lines[i], answer_header(&s, "Version"), "0.2.1");
        row_text(lines[i], answer_header(&s, "Type"), "GENERAL");
        row_text(lines[i], answer_header(&s, "Mess"), "GENERAL: Not authorised");
        row_int(lines[i], s.err.wire_class, MCMP_WIRE_GENERAL);
    }
    station_address(&s, 127, 0, 0, 1);
    ck_assert(info_has(&s, "Name: n1"));
    station_close(&s);
}
END_TEST

START_TEST(test_a_sender_without_an_address_is_refused_unless_listed)
{
    static const char *const allows[] = { NULL, "loopback", "local", "any" };

    for (size_t i = 0; i < COUNT_OF(allows); i++) {
        mcmp_cluster_options opts;
        mcmp_request request;
        station s;

        mcmp_cluster_options_init(&opts);
        opts.allow = allows[i];
        station_open(&s, &opts);
        s.peer.has_address = 0;
        ck_assert_int_eq(say(&s, "PING /", ""), i >= 2 ? MCMP_OK : MCMP_ERR_DENIED);
        station_request(&s, "PING /", span_of(""), &request);
        request.peer = NULL;
        ck_assert_int_eq(mcmp_apply(s.cluster, &request, s.response, &s.err),
                         i >= 2 ? MCMP_OK : MCMP_ERR_DENIED);
        station_close(&s);
    }
}
END_TEST

START_TEST(test_a_bad_allow_list_is_refused_when_the_cluster_opens)
{
    static const char *const bad[] = {
        "10.0.0.0/33", "10.0.0",    "::/129", "privat", "10.0.0.1,",
        "10.0.0.0/",   "1.2.3.256", ":::",    "g::",    "10.0.0.0/x"
    };

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        mcmp_cluster_options opts;
        station s;

        mcmp_cluster_options_init(&opts);
        opts.allow = bad[i];
        row_code(bad[i], station_try_open(&s, &opts), MCMP_ERR_INVALID);
        row_text(bad[i], span_of(s.err.field), "allow");
        station_close(&s);
    }
}
END_TEST

START_TEST(test_identities_are_bound_to_routes)
{
    static const struct {
        const char *identity;
        const char *line;
        const char *body;
        int code;
    } rows[] = {
        { "", "INFO /", "", MCMP_ERR_DENIED },
        { "CN=eve", "INFO /", "", MCMP_ERR_DENIED },
        { "CN=ops", "INFO /", "", MCMP_OK },
        { "CN=ops", "CONFIG /", "JVMRoute=anything&Host=10.0.0.9", MCMP_OK },
        { "CN=shop", "CONFIG /", "JVMRoute=shop-1&Host=10.0.0.1", MCMP_OK },
        { "CN=shop", "CONFIG /", "JVMRoute=shop&Host=10.0.0.2", MCMP_OK },
        { "CN=shop", "CONFIG /", "JVMRoute=shopping&Host=10.0.0.3", MCMP_ERR_DENIED },
        { "CN=shop", "STATUS /", "JVMRoute=shop-1", MCMP_OK },
        { "CN=shop", "STATUS /", "JVMRoute=anything", MCMP_ERR_DENIED },
        { "CN=shop", "STATUS /", "JVMRoute=unknown", MCMP_ERR_UNKNOWN_NODE },
        { "CN=shop", "REMOVE-APP /*", "JVMRoute=anything", MCMP_ERR_DENIED },
        { "CN=shop", "PING /", "JVMRoute=anything", MCMP_ERR_DENIED },
        { "CN=shop", "PING /", "", MCMP_OK },
        { "CN=www.example", "STATUS /", "JVMRoute=shop-1", MCMP_ERR_DENIED },
        { "CN=www.example", "DUMP /", "", MCMP_OK },
    };
    const mcmp_pair table[] = {
        { TEXT("CN=ops"), TEXT("*") },
        { TEXT("CN=shop"), TEXT("shop, shop-*") },
        { TEXT("CN=*.example"), TEXT("") },
    };
    mcmp_cluster_options opts;
    station s;

    mcmp_cluster_options_init(&opts);
    opts.identities = table;
    opts.identity_count = COUNT_OF(table);
    station_open(&s, &opts);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char name[100];

        s.peer.identity = span_of(rows[i].identity);
        (void)snprintf(name, sizeof(name), "%zu: %s %s", i, rows[i].identity, rows[i].line);
        row_code(name, say(&s, rows[i].line, rows[i].body), rows[i].code);
    }
    station_close(&s);
}
END_TEST

/* Allows everything but STATUS of n2 and the command DUMP. */
static int judge(void *ctx, const mcmp_access *access)
{
    int *calls = ctx;

    (*calls)++;
    if (access->command == MCMP_COMMAND_DUMP)
        return 1;
    return access->command == MCMP_COMMAND_STATUS && access->jvm_route.len == 2 &&
           access->jvm_route.ptr[1] == '2';
}

START_TEST(test_the_callback_is_asked_for_the_command_and_for_the_node)
{
    mcmp_cluster_options opts;
    station s;
    int calls = 0;

    mcmp_cluster_options_init(&opts);
    opts.authorize = judge;
    opts.authorize_ctx = &calls;
    station_open(&s, &opts);
    ck_assert_int_eq(say(&s, "CONFIG /", ONE), MCMP_OK);
    ck_assert_int_ge(calls, 2);
    if (!memory_was_short()) /* a call that is made again asks again */
        ck_assert_int_eq(calls, 2);
    ck_assert_int_eq(say(&s, "CONFIG /", "JVMRoute=n2&Host=10.0.0.2"), MCMP_OK);
    ck_assert_int_eq(say(&s, "DUMP /", ""), MCMP_ERR_DENIED);
    ck_assert_int_eq(say(&s, "STATUS /", "JVMRoute=n1&Load=-1"), MCMP_OK);
    ck_assert_int_eq(say(&s, "STATUS /", "JVMRoute=n2&Load=-1"), MCMP_ERR_DENIED);
    ck_assert(info_has(&s, "Name: n2,Balancer: mycluster,LBGroup: ,Host: 10.0.0.2,Port: 8009,"
                           "Type: ajp,Flushpackets: Off,Flushwait: 10,Ping: 10,Smax: -1,Ttl: 60,"
                           "Elected: 0,Read: 0,Transfered: 0,Connected: 0,Load: 0\n"));
    station_close(&s);
}
END_TEST

START_TEST(test_with_ownership_only_the_registrant_may_change_a_node)
{
    static const char *const touches[] = { "CONFIG /",     "ENABLE-APP /",  "STOP-APP /*",
                                           "REMOVE-APP /", "REMOVE-APP /*", "STATUS /" };
    static const char *const bodies[] = { ONE,           "JVMRoute=n1&Alias=a&Context=/",
                                          "JVMRoute=n1", "JVMRoute=n1&Alias=a&Context=/",
                                          "JVMRoute=n1", "JVMRoute=n1&Load=9" };
    mcmp_cluster_options opts;

    for (int by_identity = 0; by_identity <= 1; by_identity++) {
        station s;

        mcmp_cluster_options_init(&opts);
        opts.flags = MCMP_CLUSTER_OWNERSHIP;
        station_open(&s, &opts);
        s.peer.identity = span_of(by_identity ? "CN=a" : "");
        ck_assert_int_eq(say(&s, "CONFIG /", ONE), MCMP_OK);
        if (by_identity)
            s.peer.identity = span_of("CN=b");
        else
            station_address(&s, 127, 0, 0, 2);
        for (size_t i = 0; i < COUNT_OF(touches); i++)
            row_code(touches[i], say(&s, touches[i], bodies[i]), MCMP_ERR_DENIED);
        ck_assert_int_eq(say(&s, "PING /", "JVMRoute=n1"), MCMP_OK);
        ck_assert(info_has(&s, "Name: n1"));
        /* the identity counts from any address */
        s.peer.identity = span_of(by_identity ? "CN=a" : "");
        station_address(&s, 127, 0, 0, by_identity ? 9 : 1);
        for (size_t i = 0; i < COUNT_OF(touches) - 2; i++)
            row_code(touches[i], say(&s, touches[i], bodies[i]), MCMP_OK);
        ck_assert_int_eq(say(&s, "STATUS /", "JVMRoute=n1&Load=9"), MCMP_OK);
        /* a silent node is not anybody's to take */
        s.now += 60 * MCMP_SEC;
        station_address(&s, 127, 0, 0, 3);
        s.peer.identity = span_of(by_identity ? "CN=c" : "");
        ck_assert_int_eq(say(&s, "CONFIG /", "JVMRoute=n9&Host=10.0.0.1"), MCMP_ERR_DENIED);
        station_close(&s);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_the_allow_list_decides_by_address,
        test_every_command_is_refused_alike,
        test_a_sender_without_an_address_is_refused_unless_listed,
        test_a_bad_allow_list_is_refused_when_the_cluster_opens,
        test_identities_are_bound_to_routes,
        test_the_callback_is_asked_for_the_command_and_for_the_node,
        test_with_ownership_only_the_registrant_may_change_a_node,
    };

    return run_tests("access", tests, COUNT_OF(tests));
}
