/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What operators are told: each row names sentences that must stand in the story, and one that must
 * not. The result told is the result of a selection.
 */
#include "farm.h"

#define TWO NODE("n1", FREE) NODE("n2", FREE) ON("n1", "/app") ON("n2", "/app")

typedef struct row {
    const char *name;
    uint32_t options;
    const char *setup;
    const char *path;
    const char *cookie;
    const char *says[5];
    const char *never;
} row;

static const row rows[] = {
    { "balanced",
      0,
      TWO,
      "/app/x",
      NULL,
      { "path \"/app/x\"", "looked up: \"/app/x\" no, \"/app\" yes\n",
        "balancer: \"mycluster\"; sticky by cookie \"JSESSIONID\"",
        "candidate \"n1\": ENABLED, active, load 100, busy 0, score 0: usable\n",
        "result: node \"n1\" at ajp://n1:8009; reason balanced: chosen by the policy\n" },
      "StickySessionForce" },
    { "own node",
      0,
      TWO,
      "/app",
      "JSESSIONID=secret.n2",
      { "looked up: \"/app\" yes\n",
        "session: an id in a cookie, route \"n2\", which is the route of a live node\n",
        "result: node \"n2\" at ajp://n2:8009; reason sticky: the session's own node\n" },
      "secret" },
    { "redirected",
      0,
      TWO FAIL("n2"),
      "/app",
      "JSESSIONID=x.n2",
      { "candidate \"n2\": ENABLED, error, load 100, busy 0, score 0: not usable: in error until a "
        "probe or STATUS succeeds\n",
        "reason redirected: the session's node can't serve, chosen anywhere\n" },
      "reason sticky" },
    { "stale route",
      0,
      TWO,
      "/app",
      "JSESSIONID=x.n9",
      { "route \"n9\", which no node of this balancer has and no removed one had lately\n" },
      "live node" },
    { "remembered domain",
      0,
      NODE("n1", "&Domain=east") NODE("n2", "&Domain=east") ON("n1", "/app") ON("n2", "/app")
          GONE("n1"),
      "/app",
      "JSESSIONID=x.n1",
      { "route \"n1\", of a node that was removed of domain \"east\"\n", "domain \"east\": usable",
        "reason domain: " },
      "candidate \"n1\"" },
    { "forced",
      0,
      NODE("n1", "") ON("n1", "/app") FAIL("n1"),
      "/app",
      "JSESSIONID=x.n1",
      { ", force\n", "result: status 503; reason forced: StickySessionForce" },
      "result: node" },
    { "no context",
      0,
      TWO STOP("n1", "/app") DISABLE("n2", "/app"),
      "/app",
      NULL,
      { "session: none\n", "not usable: STOPPED serves nothing new\n",
        "not usable: DISABLED serves only sessions\n", "result: status 404; reason status: " },
      "result: node" },
    { "not ours",
      0,
      TWO,
      "/other/x",
      NULL,
      { "looked up: \"/other/x\" no, \"/other\" no, \"/\" no\n",
        "result: none; reason not ours: no context matches" },
      "candidate" },
    { "root",
      0,
      NODE("n1", "") ON("n1", "/"),
      "/x",
      NULL,
      { "looked up: \"/x\" no, \"/\" yes\n" },
      "nothing" },
    { "standby and broken",
      0,
      TWO LOAD("n1", "-1") LOAD("n2", "0"),
      "/app",
      NULL,
      { "candidate \"n1\": ENABLED, broken, load -1, busy 0, score 0: not usable: Load -1 until a "
        "STATUS with Load >= 0 succeeds\n",
        "usable as hot standby, and for its own sessions\n", "reason standby: a hot standby" },
      "reason balanced" },
    { "alias",
      MCMP_CLUSTER_USE_ALIAS,
      TWO,
      "/app",
      NULL,
      { "host \"localhost\"", "; the host must equal an alias\n" },
      "not compared" },
    { "two balancers",
      0,
      NODE("n1", "&Balancer=b1") NODE("n2", "&Balancer=b2") ON("n1", "/app") ON("n2", "/app"),
      "/app",
      "JSESSIONID=x.n2",
      { "balancer: \"b2\", of 2 that hold the context: the session's route is known there" },
      "candidate \"n1\"" },
    { "control bytes", 0, TWO, "/app\x01\n", NULL, { "\"/app%01%0A\"" }, "\x01" },
};

START_TEST(test_explain_tells_every_row)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const row *r = &rows[i];
        mcmp_span cookie = span_of(r->cookie != NULL ? r->cookie : "");
        mcmp_cluster_options opts;
        mcmp_query query;
        char text[8192];
        size_t len;
        farm f;

        farm_options(&opts);
        opts.flags = r->options;
        farm_open(&f, &opts);
        farm_script(&f, r->setup);
        mcmp_query_init(&query);
        query.now = f.now;
        query.host = span_of("localhost");
        query.path = span_of(r->path);
        query.cookies = &cookie;
        query.cookie_count = 1;
        row_code(r->name, mcmp_explain(f.cluster, &query, text, sizeof(text), &len, NULL), MCMP_OK);
        row_int(r->name, len, strlen(text));
        for (size_t k = 0; k < COUNT_OF(r->says) && r->says[k] != NULL; k++)
            ck_assert_msg(strstr(text, r->says[k]) != NULL, "%s: '%s' is not in\n%s", r->name,
                          r->says[k], text);
        ck_assert_msg(strstr(text, r->never) == NULL, "%s: '%s' is in\n%s", r->name, r->never,
                      text);
        farm_close(&f);
    }
}
END_TEST

START_TEST(test_explain_reports_the_room_it_needs)
{
    mcmp_cluster_options opts;
    mcmp_query query;
    char whole[8192];
    char part[8192];
    size_t len;
    size_t need;
    farm f;

    farm_options(&opts);
    farm_open(&f, &opts);
    farm_script(&f, TWO);
    mcmp_query_init(&query);
    query.now = f.now;
    query.path = span_of("/app");
    ck_assert_int_eq(mcmp_explain(f.cluster, &query, whole, sizeof(whole), &len, NULL), MCMP_OK);
    ck_assert_int_eq(mcmp_explain(f.cluster, &query, NULL, 0, &need, NULL), MCMP_ERR_SPACE);
    ck_assert_uint_eq(need, len);
    for (size_t size = 1; size <= len; size++) {
        memset(part, 'x', sizeof(part));
        ck_assert_int_eq(mcmp_explain(f.cluster, &query, part, size, &need, NULL), MCMP_ERR_SPACE);
        ck_assert_uint_eq(need, len);
        ck_assert_uint_eq(strlen(part), size - 1);
        ck_assert_int_eq(memcmp(part, whole, size - 1), 0);
        ck_assert_int_eq(part[size], 'x');
    }
    ck_assert_int_eq(mcmp_explain(f.cluster, &query, part, len + 1, &need, NULL), MCMP_OK);
    ck_assert_str_eq(part, whole);
    ck_assert_int_eq(mcmp_explain(f.cluster, NULL, part, len, &need, NULL), MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_explain(NULL, &query, part, len, &need, NULL), MCMP_ERR_INVALID);
    farm_close(&f);
}
END_TEST

START_TEST(test_explain_counts_nothing)
{
    mcmp_cluster_options opts;
    mcmp_query query;
    char text[8192];
    size_t len;
    farm f;

    farm_options(&opts);
    farm_open(&f, &opts);
    farm_script(&f, TWO);
    mcmp_query_init(&query);
    query.now = f.now;
    query.path = span_of("/app");
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(mcmp_explain(f.cluster, &query, text, sizeof(text), &len, NULL), MCMP_OK);
        ck_assert_ptr_nonnull(strstr(text, "result: node \"n1\""));
    }
    ck_assert_uint_eq(farm_info(&f, "n1").elected, 0);
    ck_assert_uint_eq(farm_info(&f, "n1").connected, 0);
    ck_assert_uint_eq(farm_pick(&f, &query), 1);
    farm_close(&f);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_explain_tells_every_row,
        test_explain_reports_the_room_it_needs,
        test_explain_counts_nothing,
    };

    return run_tests("explain", tests, COUNT_OF(tests));
}
