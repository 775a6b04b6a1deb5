/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every command may arrive twice (MCMP 2): the repeat answers the same, changes nothing and
 * publishes nothing, so readers never notice it (LESSONS 12).
 */
#include "held.h"
#include "model/store.h"

#define ONE "JVMRoute=n1&Host=10.0.0.1&Port=8009"

/* Sent twice each, in this order; `changes` is whether the first one changes the state. */
static const struct {
    const char *line;
    const char *body;
    int changes;
} rows[] = {
    { "CONFIG /", ONE, 1 },
    { "CONFIG /", ONE "&Balancer=MYCLUSTER&StickySession=yes&WaitWorker=0&smax=-1&ping=10s", 0 },
    { "CONFIG /", ONE "&Domain=d&flushpackets=auto&Timeout=5&Maxattempts=2", 1 },
    { "CONFIG /", ONE "&Domain=d&flushpackets=AUTO&Timeout=5000ms&Maxattempts=2", 0 },
    { "CONFIG /", ONE "&StickySessionCookie=SID", 1 },
    { "CONFIG /", ONE "&Alias=a,b&Context=/x,/y", 1 },
    { "CONFIG /", ONE "&Alias=B,a&Context=/y/,/x", 0 },
    { "ENABLE-APP /", "JVMRoute=n1&Alias=a&Context=/x", 1 },
    { "DISABLE-APP /", "JVMRoute=n1&Alias=a,c&Context=/x", 1 },
    { "STOP-APP /", "JVMRoute=n1&Alias=a,b&Context=/x,/y", 1 },
    { "ENABLE-APP /*", "JVMRoute=n1", 1 },
    { "REMOVE-APP /", "JVMRoute=n1&Alias=c&Context=/x,/none", 1 },
    { "REMOVE-APP /", "JVMRoute=n1&Alias=none&Context=/x", 0 },
    { "STATUS /", "JVMRoute=n1&Load=5", 0 },
    { "STATUS /", "JVMRoute=n1&Load=-1", 0 },
    { "STATUS /", "JVMRoute=n1", 0 },
    { "PING /", "JVMRoute=n1", 0 },
    { "PING /", "", 0 },
    { "INFO /", "", 0 },
    { "DUMP /", "", 0 },
    { "VERSION /", "", 0 },
    { "GET /", "", 0 },
};

START_TEST(test_a_repeat_publishes_nothing)
{
    station s;

    station_open(&s, NULL);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint64_t before = mcmp__version(s.cluster);
        uint64_t after;

        row_code(rows[i].body, say(&s, rows[i].line, rows[i].body), MCMP_OK);
        after = mcmp__version(s.cluster);
        row_int(rows[i].body, after - before, rows[i].changes);
        row_code(rows[i].body, say(&s, rows[i].line, rows[i].body), MCMP_OK);
        row_int(rows[i].body, mcmp__version(s.cluster) - after, 0);
    }
    ck_assert_int_eq(mcmp_cluster_check(s.cluster, NULL, &s.err), MCMP_OK);
    station_close(&s);
}
END_TEST

START_TEST(test_what_is_refused_publishes_nothing)
{
    static const char *const refused[][2] = {
        { "CONFIG /", "JVMRoute=n2&Host=10.0.0.1&Port=8009&Balancer=b" },
        { "CONFIG /", ONE "&smax=4&Domain=e&Maxattempts=9" },
        { "CONFIG /", "JVMRoute=n2&Host=10.0.0.2" },
        { "CONFIG /", ONE "&Domain=e&Alias=a,b&Context=/1,/2" },
        { "ENABLE-APP /", "JVMRoute=none&Alias=a&Context=/x" },
        { "REMOVE-APP /*", "JVMRoute=none" },
        { "STATUS /", "JVMRoute=none" },
        { "STATUS /", "" },
    };
    mcmp_cluster_options opts;
    station s;
    uint64_t before;

    mcmp_cluster_options_init(&opts);
    opts.flags = MCMP_CLUSTER_ALL_OR_NOTHING;
    opts.max_nodes = 1;
    opts.max_contexts = 2;
    station_open(&s, &opts);
    must(&s, "CONFIG /", ONE "&Domain=d");
    before = mcmp__version(s.cluster);
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        row_true(refused[i][1], say(&s, refused[i][0], refused[i][1]) < 0);
        row_int(refused[i][1], mcmp__version(s.cluster) - before, 0);
    }
    ck_assert(info_has(&s, "LBGroup: d,"));
    ck_assert_int_eq(mcmp_cluster_check(s.cluster, NULL, &s.err), MCMP_OK);
    station_close(&s);
}
END_TEST

START_TEST(test_a_message_is_one_publication_however_much_it_changes)
{
    station s;
    uint64_t before;

    station_open(&s, NULL);
    must(&s, "CONFIG /", ONE "&Alias=a,b,c&Context=/x,/y,/z&Balancer=one");
    must(&s, "STATUS /", "JVMRoute=n1&Load=1");
    s.now += 16 * MCMP_SEC;
    before = mcmp__version(s.cluster);
    /* n1 is removed, its balancer goes, n2 comes with all that it has */
    must(&s, "CONFIG /",
         "JVMRoute=n2&Host=10.0.0.1&Port=8009&Alias=a,d&Context=/x,/w&Balancer=two");
    ck_assert_uint_eq(mcmp__version(s.cluster) - before, 1);
    before = mcmp__version(s.cluster);
    must(&s, "REMOVE-APP /*", "JVMRoute=n2");
    ck_assert_uint_eq(mcmp__version(s.cluster) - before, 1);
    ck_assert_int_eq(mcmp_cluster_check(s.cluster, NULL, &s.err), MCMP_OK);
    station_close(&s);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_a_repeat_publishes_nothing,
        test_what_is_refused_publishes_nothing,
        test_a_message_is_one_publication_however_much_it_changes,
    };

    return run_tests("contract: repeats", tests, COUNT_OF(tests));
}
