/* SPDX-License-Identifier: Apache-2.0 */
/* Saving and loading as bytes: what comes back, what does not fit, what is refused. */
#include "saved.h"

#include "base/health.h"

static station from, to;
static saved image;
static mcmp_error err;

static void save(void)
{
    mcmp_cluster_options opts;

    mcmp_error_init(&err);
    saved_small(&opts);
    station_open(&from, &opts);
    saved_fill(&from);
    saved_encode(&image, from.cluster, from.now);
}

static void open_target(mcmp_cluster_options *opts)
{
    mcmp_cluster_options own;

    if (opts == NULL)
        saved_small(opts = &own);
    station_open(&to, opts);
}

static int load(mcmp_load_report *report)
{
    return saved_decode(&image, to.cluster, to.now, report, &err);
}

static void done(void)
{
    station_close(&from);
    station_close(&to);
}

START_TEST(state_that_was_loaded_looks_as_it_did)
{
    static const struct {
        const char *line;
        const char *accept;
    } forms[] = {
        { "INFO /", NULL }, { "INFO /", "text/xml" }, { "DUMP /", NULL }, { "DUMP /", "text/xml" }
    };
    mcmp_cluster_options opts;
    mcmp_load_report report;

    save();
    mcmp_cluster_options_init(&opts); /* tables of quite another size */
    open_target(&opts);
    mcmp_load_report_init(&report);
    row_code("load", load(&report), MCMP_OK);
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        char *before = saved_text(&from, forms[i].line, forms[i].accept);
        char *after = saved_text(&to, forms[i].line, forms[i].accept);

        ck_assert_str_eq(before, after);
        ck_assert(strlen(before) > 300);
        free(before);
        free(after);
    }
    ck_assert_uint_eq(report.id, mcmp_cluster_id(from.cluster));
    ck_assert_uint_eq(mcmp_cluster_id(to.cluster), mcmp_cluster_id(from.cluster));
    row_int("version", report.version, 1);
    row_int("balancers", report.balancers, 2);
    row_int("nodes", report.nodes, 3);
    row_int("aliases", report.aliases, 4);
    row_int("contexts", report.contexts, 5);
    row_int("domains", report.domains, 1);
    row_int("left out", report.skipped_nodes + report.skipped_contexts, 0);
    ck_assert_str_eq(report.product, "libmcmp/" MCMP_VERSION ".Final");
    saved_check(&to);
    done();
}
END_TEST

START_TEST(state_saved_again_is_the_same_file)
{
    static saved again;

    save();
    open_target(NULL);
    row_code("load", load(NULL), MCMP_OK);
    saved_encode(&again, to.cluster, to.now);
    ck_assert_uint_eq(again.len, image.len);
    ck_assert(memcmp(again.data, image.data, image.len) == 0);
    done();
}
END_TEST

START_TEST(state_answers_with_the_loaded_id_at_once)
{
    char want[80];

    save();
    open_target(NULL);
    row_code("load", load(NULL), MCMP_OK);
    row_code("status", say(&to, "STATUS /", "JVMRoute=n1&Load=40"), MCMP_OK);
    (void)snprintf(want, sizeof(want), "Type=STATUS-RSP&JVMRoute=n1&State=OK&id=%llu\n",
                   (unsigned long long)mcmp_cluster_id(from.cluster));
    row_text("answer", answer_body(&to), want);
    done();
}
END_TEST

START_TEST(state_version_grows_with_messages_and_loads)
{
    uint64_t version;

    save();
    open_target(NULL);
    version = mcmp_cluster_version(to.cluster);
    row_code("load", load(NULL), MCMP_OK);
    ck_assert_uint_gt(mcmp_cluster_version(to.cluster), version);
    version = mcmp_cluster_version(to.cluster);
    row_code("status", say(&to, "STATUS /", "JVMRoute=n1&Load=41"), MCMP_OK);
    ck_assert_uint_eq(mcmp_cluster_version(to.cluster), version);
    row_code("stop", say(&to, "STOP-APP /", "JVMRoute=n1&Alias=one&Context=/a"), MCMP_OK);
    ck_assert_uint_gt(mcmp_cluster_version(to.cluster), version);
    done();
}
END_TEST

START_TEST(state_goes_on_with_its_numbers)
{
    save();
    row_code("last", say(&from, "CONFIG /", "JVMRoute=n9&Host=10.0.0.9&Port=9"), MCMP_OK);
    row_code("last", say(&from, "REMOVE-APP /*", "JVMRoute=n9"), MCMP_OK);
    saved_encode(&image, from.cluster, from.now);
    open_target(NULL);
    row_code("load", load(NULL), MCMP_OK);
    /* The removed one had id 5, which is not used again; and the lowest free number of n1 is the
     * one in the middle. */
    row_code("new", say(&to, "CONFIG /", "JVMRoute=n5&Host=10.0.0.5&Port=1"), MCMP_OK);
    ck_assert(info_has(&to, "Node: [6],Name: n5"));
    ck_assert(info_has(&to, "Vhost: [2:3:4], Alias: four"));
    row_code("app", say(&to, "ENABLE-APP /", "JVMRoute=n1&Alias=five&Context=/x"), MCMP_OK);
    ck_assert(info_has(&to, "Vhost: [2:2:"));
    row_code("repeat",
             say(&to, "CONFIG /",
                 "JVMRoute=n3&Host=backend.example&Port=80&Type=ws"
                 "&Balancer=alpha"),
             MCMP_OK);
    saved_check(&to);
    done();
}
END_TEST

START_TEST(state_of_an_empty_cluster_is_a_file_too)
{
    mcmp_load_report report;

    mcmp_error_init(&err);
    station_open(&from, NULL);
    saved_encode(&image, from.cluster, 0);
    open_target(NULL);
    mcmp_load_report_init(&report);
    row_code("load", load(&report), MCMP_OK);
    row_int("nodes", report.nodes, 0);
    ck_assert_uint_eq(mcmp_cluster_id(to.cluster), mcmp_cluster_id(from.cluster));
    done();
}
END_TEST

START_TEST(state_is_loaded_into_an_empty_cluster_only)
{
    static const char *const messages[][2] = {
        { "CONFIG /", "JVMRoute=x&Host=h&Port=1&Domain=d" },
        { "REMOVE-APP /*", "JVMRoute=x" }, /* its row is still shown */
    };
    uint64_t id;

    save();
    open_target(NULL);
    id = mcmp_cluster_id(to.cluster);
    for (size_t i = 0; i < COUNT_OF(messages); i++) {
        row_code("message", say(&to, messages[i][0], messages[i][1]), MCMP_OK);
        row_code(messages[i][0], load(NULL), MCMP_ERR_STATE);
        ck_assert_str_eq(err.field, "cluster");
        ck_assert_uint_eq(mcmp_cluster_id(to.cluster), id);
    }
    saved_check(&to);
    done();
}
END_TEST

START_TEST(state_with_the_greatest_times_can_be_loaded)
{
    save();
    row_code("config",
             say(&from, "CONFIG /",
                 "JVMRoute=t&Host=t&Port=1&ttl=9223372036854&ping=9223372036854"
                 "&Timeout=9223372036854&flushwait=9223372036854775&WaitWorker=99999999999999"),
             MCMP_OK);
    saved_encode(&image, from.cluster, from.now);
    open_target(NULL);
    row_code("load", load(NULL), MCMP_OK);
    saved_check(&to);
    done();
}
END_TEST

/* What does not fit */

typedef struct skips {
    char text[2048];
} skips;

static void note_skip(void *ctx, const mcmp_load_skip *skip)
{
    skips *s = ctx;
    size_t len = strlen(s->text);

    ck_assert_uint_eq(skip->struct_size, sizeof(*skip));
    (void)snprintf(s->text + len, sizeof(s->text) - len, "%u %.*s %.*s %.*s %.*s %.*s: %s\n",
                   skip->kind, (int)skip->balancer.len, skip->balancer.ptr, (int)skip->route.len,
                   skip->route.ptr, (int)skip->alias.len, skip->alias.ptr, (int)skip->context.len,
                   skip->context.ptr, (int)skip->domain.len, skip->domain.ptr, skip->limit);
}

typedef struct tight {
    const char *name;
    uint32_t nodes, balancers, aliases, contexts;
    uint32_t route, domain, host, balancer, cookie, alias, context;
    const char *left_out;
    const char *tail; /* of INFO */
} tight;

#define N1_TAIL                                                                      \
    "Vhost: [2:1:1], Alias: one\nVhost: [2:1:2], Alias: two\n"                       \
    "Vhost: [2:3:3], Alias: four\nContext: [2:1:1], Context: /b, Status: DISABLED\n" \
    "Context: [2:1:1], Context: /a, Status: ENABLED\n"                               \
    "Context: [2:3:3], Context: /d/e/f, Status: ENABLED\n"

static const tight tights[] = {
    { "two nodes", 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, "2 alpha n3   : max_nodes\n", NULL },
    { "one node", 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
      "1 zeta    : max_nodes\n2 zeta n2   : max_nodes\n2 alpha n3   : max_nodes\n"
      "3  n2 one  : max_nodes\n4  n2 one /a : max_nodes\n4  n2 one / : max_nodes\n",
      N1_TAIL },
    { "one balancer", 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0,
      "1 zeta    : max_balancers\n2 zeta n2   : max_balancers\n3  n2 one  : max_balancers\n"
      "4  n2 one /a : max_balancers\n4  n2 one / : max_balancers\n",
      N1_TAIL },
    { "three aliases", 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0,
      "3  n2 one  : max_aliases\n4  n2 one /a : max_aliases\n4  n2 one / : max_aliases\n",
      N1_TAIL },
    { "three contexts", 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0,
      "4  n2 one /a : max_contexts\n4  n2 one / : max_contexts\n", NULL },
    { "short routes", 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, "5  old   west: jvm_route\n", NULL },
    { "short domains", 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0,
      "2 alpha n1   : domain\n3  n1 one  : domain\n3  n1 two  : domain\n3  n1 four  : domain\n"
      "4  n1 one /a : domain\n4  n1 one /b : domain\n4  n1 four /d/e/f : domain\n"
      "5  old   west: domain\n",
      NULL },
    { "short hosts", 0, 0, 0, 0, 0, 0, 12, 0, 0, 0, 0, "2 alpha n3   : host\n", NULL },
    { "short cookies", 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, "", NULL },
    { "short aliases", 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0,
      "3  n1 four  : alias\n4  n1 four /d/e/f : alias\n", NULL },
    { "short contexts", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, "4  n1 four /d/e/f : context\n", NULL },
};

START_TEST(state_that_does_not_fit_is_named_and_the_rest_is_loaded)
{
    save();
    for (size_t i = 0; i < COUNT_OF(tights); i++) {
        const tight *t = &tights[i];
        mcmp_command_limits limits;
        mcmp_cluster_options opts;
        mcmp_load_options load_opts;
        skips left = { "" };

        mcmp_command_limits_init(&limits);
        limits.jvm_route = t->route;
        limits.domain = t->domain;
        limits.host = t->host;
        limits.balancer = t->balancer;
        limits.cookie = t->cookie;
        limits.alias = t->alias;
        limits.context = t->context;
        mcmp_cluster_options_init(&opts);
        opts.limits = &limits;
        opts.max_nodes = t->nodes;
        opts.max_balancers = t->balancers;
        opts.max_aliases = t->aliases;
        opts.max_contexts = t->contexts;
        station_open(&to, &opts);
        mcmp_load_options_init(&load_opts);
        load_opts.now = to.now;
        load_opts.skip = note_skip;
        load_opts.skip_ctx = &left;
        row_code(t->name,
                 mcmp_cluster_decode(to.cluster, image.data, image.len, &load_opts, NULL, &err),
                 MCMP_OK);
        ck_assert_msg(strncmp(left.text, t->left_out, strlen(t->left_out)) == 0 &&
                          (t->left_out[0] != '\0' || left.text[0] == '\0'),
                      "row '%s': left out is\n%s", t->name, left.text);
        if (t->tail != NULL)
            row_text(t->name, info_tail(&to), t->tail);
        saved_check(&to);
        station_close(&to);
    }
    open_target(NULL);
    done();
}
END_TEST

START_TEST(state_with_more_domains_than_fit_keeps_the_newest)
{
    mcmp_cluster_options opts;
    mcmp_load_options load_opts;
    mcmp_load_report report;
    skips left = { "" };
    char body[100];

    save();
    for (int i = 0; i < 3; i++) {
        (void)snprintf(body, sizeof(body), "JVMRoute=r%d&Host=r%d&Port=1&Domain=d%d", i, i, i);
        row_code(body, say(&from, "CONFIG /", body), MCMP_OK);
        (void)snprintf(body, sizeof(body), "JVMRoute=r%d", i);
        row_code(body, say(&from, "REMOVE-APP /*", body), MCMP_OK);
    }
    saved_encode(&image, from.cluster, from.now);
    mcmp_cluster_options_init(&opts);
    opts.max_nodes = 3;
    open_target(&opts);
    mcmp_load_options_init(&load_opts);
    load_opts.now = to.now;
    load_opts.skip = note_skip;
    load_opts.skip_ctx = &left;
    mcmp_load_report_init(&report);
    row_code("load",
             mcmp_cluster_decode(to.cluster, image.data, image.len, &load_opts, &report, &err),
             MCMP_OK);
    row_int("domains", report.domains, 3);
    row_int("left out", report.skipped_domains, 1);
    ck_assert_str_eq(left.text, "5  old   west: max_nodes\n");
    saved_check(&to);
    done();
}
END_TEST

/* Nodes that come back */

static int ask(station *s, const char *session, mcmp_selection *selection)
{
    mcmp_query query;

    mcmp_query_init(&query);
    query.now = s->now;
    query.path = span_of("/a");
    query.balancer = span_of("alpha");
    query.session = span_of(session);
    mcmp_selection_init(selection);
    return mcmp_select_node(s->cluster, &query, selection, &s->err);
}

static int ask_and_release(station *s, const char *session, mcmp_selection *selection)
{
    mcmp_outcome outcome;
    int rc = ask(s, session, selection);

    mcmp_outcome_init(&outcome);
    outcome.now = s->now;
    if (rc == MCMP_OK)
        row_code("release", mcmp_selection_release(s->cluster, selection, &outcome), MCMP_OK);
    return rc;
}

/* All probes that are due; n1's shows `n1_ok`, the others answer. */
static unsigned probe_all(station *s, int n1_ok)
{
    unsigned count = 0;
    mcmp_work work;

    mcmp_work_init(&work);
    while (mcmp_tick(s->cluster, s->now, &work, NULL) == MCMP_OK) {
        int is_n1;

        if (work.kind != MCMP_WORK_PROBE)
            continue;
        is_n1 = work.probe->port == 8009;
        row_code("report",
                 mcmp_probe_report(s->cluster, work.probe->node, work.probe->ticket,
                                   !is_n1 || n1_ok, s->now, NULL),
                 MCMP_OK);
        count++;
    }
    return count;
}

/* n1 and n3 hold /a of balancer alpha, n3 without a domain. */
static void load_two(void)
{
    save();
    row_code("more", say(&from, "ENABLE-APP /", "JVMRoute=n3&Alias=one&Context=/a"), MCMP_OK);
    saved_encode(&image, from.cluster, from.now);
    open_target(NULL);
    row_code("load", load(NULL), MCMP_OK);
}

START_TEST(loaded_nodes_get_nothing_before_their_probe)
{
    mcmp_selection selection;
    char story[4096];
    mcmp_query query;
    size_t len;

    load_two();
    row_code("no session", ask(&to, "", &selection), MCMP_WAIT);
    ck_assert_int_gt(selection.retry_at, to.now);
    ck_assert_int_le(selection.retry_at, to.now + 100 * MCMP_MSEC);
    row_code("session", ask(&to, "s.n1", &selection), MCMP_WAIT);
    mcmp_query_init(&query);
    query.now = to.now;
    query.path = span_of("/a");
    query.balancer = span_of("alpha");
    row_code("why", mcmp_explain(to.cluster, &query, story, sizeof(story), &len, NULL), MCMP_OK);
    ck_assert(strstr(story, "its first probe is awaited") != NULL);
    ck_assert(strstr(story, "result: wait") != NULL);
    row_int("probes are due at once", probe_all(&to, 1), 3);
    row_code("no session", ask_and_release(&to, "", &selection), MCMP_OK);
    row_int("by its load", selection.reason, MCMP_REASON_BALANCED);
    row_code("session", ask_and_release(&to, "s.n1", &selection), MCMP_OK);
    row_text("its node", selection.route, "n1");
    row_int("sticky", selection.reason, MCMP_REASON_STICKY);
    row_code("other", ask_and_release(&to, "s.n3", &selection), MCMP_OK);
    row_text("its node", selection.route, "n3");
    done();
}
END_TEST

START_TEST(loaded_nodes_that_answer_first_take_what_has_no_session)
{
    mcmp_selection selection;

    load_two();
    row_code("status", say(&to, "STATUS /", "JVMRoute=n3&Load=100"), MCMP_OK);
    row_code("no session", ask_and_release(&to, "", &selection), MCMP_OK);
    row_text("the proven one", selection.route, "n3");
    row_code("session", ask(&to, "s.n1", &selection), MCMP_WAIT);
    row_code("status", say(&to, "STATUS /", "JVMRoute=n1&Load=1"), MCMP_OK);
    row_code("session", ask_and_release(&to, "s.n1", &selection), MCMP_OK);
    row_text("its node", selection.route, "n1");
    done();
}
END_TEST

START_TEST(loaded_node_that_is_dead_is_left_by_its_sessions)
{
    mcmp_selection selection;

    save();
    row_code("more",
             say(&from, "CONFIG /",
                 "JVMRoute=n4&Host=10.0.0.4&Port=8004&Balancer=alpha&StickySessionForce=No"
                 "&StickySessionCookie=SID&StickySessionPath=sid"
                 "&Alias=one&Context=/a"),
             MCMP_OK);
    row_code("more", say(&from, "ENABLE-APP /", "JVMRoute=n4&Alias=one&Context=/a"), MCMP_OK);
    row_code("more", say(&from, "STATUS /", "JVMRoute=n4&Load=50"), MCMP_OK);
    saved_encode(&image, from.cluster, from.now);
    open_target(NULL);
    row_code("load", load(NULL), MCMP_OK);
    row_code("waits", ask(&to, "s.n1", &selection), MCMP_WAIT);
    row_code("other", say(&to, "STATUS /", "JVMRoute=n4&Load=50"), MCMP_OK);
    row_code("also when another could serve", ask(&to, "s.n1", &selection), MCMP_WAIT);
    probe_all(&to, 0);
    row_code("goes", ask_and_release(&to, "s.n1", &selection), MCMP_OK);
    row_text("elsewhere", selection.route, "n4");
    row_int("reason", selection.reason, MCMP_REASON_REDIRECTED);
    done();
}
END_TEST

START_TEST(loaded_nodes_are_standby_where_nobody_probes)
{
    mcmp_selection selection;

    load_two();
    to.now += 10 * MCMP_SEC;
    row_code("still", ask(&to, "", &selection), MCMP_WAIT);
    to.now += 2 * MCMP_SEC;
    row_code("standby", ask_and_release(&to, "", &selection), MCMP_OK);
    row_int("reason", selection.reason, MCMP_REASON_STANDBY);
    row_code("session", ask_and_release(&to, "s.n1", &selection), MCMP_OK);
    row_text("its node", selection.route, "n1");
    done();
}
END_TEST

START_TEST(loaded_statuses_and_loads_count_as_before)
{
    mcmp_view *view;
    mcmp_node_info info;
    mcmp_selection selection;

    save();
    row_code("more", say(&from, "ENABLE-APP /", "JVMRoute=n3&Alias=one&Context=/a"), MCMP_OK);
    row_code("disable", say(&from, "DISABLE-APP /", "JVMRoute=n1&Alias=one&Context=/a"), MCMP_OK);
    saved_encode(&image, from.cluster, from.now);
    open_target(NULL);
    row_code("load", load(NULL), MCMP_OK);
    row_code("view", mcmp_view_new(&view, to.cluster, to.now, NULL), MCMP_OK);
    mcmp_node_info_init(&info);
    row_code("node", mcmp_view_node(view, 1, &info), MCMP_OK);
    row_text("route", info.route, "n2");
    row_int("broken stays broken", info.state, MCMP_NODE_BROKEN);
    row_code("node", mcmp_view_node(view, 2, &info), MCMP_OK);
    row_int("unproven", info.state, MCMP_NODE_UNPROVEN);
    row_int("load", info.load, 40);
    row_int("age of its STATUS", to.now - info.last_status, 62 * MCMP_SEC);
    mcmp_view_free(view);
    probe_all(&to, 1);
    row_code("disabled", ask_and_release(&to, "s.n1", &selection), MCMP_OK);
    row_text("serves its session", selection.route, "n1");
    row_code("others", ask_and_release(&to, "", &selection), MCMP_OK);
    row_text("go elsewhere", selection.route, "n3");
    done();
}
END_TEST

START_TEST(loaded_counters_go_on)
{
    mcmp_selection selection;

    load_two();
    probe_all(&to, 1);
    for (int i = 0; i < 5; i++)
        row_code("ask", ask_and_release(&to, "s.n1", &selection), MCMP_OK);
    saved_encode(&image, to.cluster, to.now);
    station_close(&to);
    open_target(NULL);
    row_code("load", load(NULL), MCMP_OK);
    ck_assert(info_has(&to, "Elected: 5,"));
    done();
}
END_TEST

START_TEST(loaded_domains_are_remembered_for_the_rest_of_their_time)
{
    mcmp_selection selection;

    save();
    /* the route `old` was removed 62 s ago, of 300; west is the domain of no node here */
    open_target(NULL);
    row_code("load", load(NULL), MCMP_OK);
    row_code("mate",
             say(&to, "CONFIG /",
                 "JVMRoute=n6&Host=10.0.0.6&Port=8006&Balancer=alpha&Domain=west"
                 "&StickySessionCookie=SID&StickySessionPath=sid&Alias=one&Context=/a"),
             MCMP_OK);
    row_code("mate", say(&to, "ENABLE-APP /", "JVMRoute=n6&Alias=one&Context=/a"), MCMP_OK);
    row_code("mate", say(&to, "STATUS /", "JVMRoute=n6&Load=1"), MCMP_OK);
    probe_all(&to, 1);
    row_code("remembered", ask_and_release(&to, "s.old", &selection), MCMP_OK);
    row_int("by its domain", selection.reason, MCMP_REASON_DOMAIN);
    row_text("the mate", selection.route, "n6");
    to.now += 239 * MCMP_SEC;
    row_code("forgotten", ask_and_release(&to, "s.old", &selection), MCMP_OK);
    row_int("anywhere", selection.reason, MCMP_REASON_BALANCED);
    done();
}
END_TEST

START_TEST(loaded_nodes_belong_to_whom_they_did)
{
    mcmp_cluster_options opts;

    mcmp_error_init(&err);
    saved_small(&opts);
    opts.flags = MCMP_CLUSTER_OWNERSHIP;
    opts.allow = "any";
    station_open(&from, &opts);
    saved_fill(&from);
    saved_encode(&image, from.cluster, from.now);
    open_target(&opts);
    row_code("load", load(NULL), MCMP_OK);
    station_address(&to, 10, 0, 0, 7);
    row_code("stranger", say(&to, "STATUS /", "JVMRoute=n1&Load=1"), MCMP_ERR_DENIED);
    station_address(&to, 127, 0, 0, 1);
    row_code("owner", say(&to, "STATUS /", "JVMRoute=n1&Load=1"), MCMP_OK);
    done();
}
END_TEST

/* Memory */

static int save_and_load(const mcmp_allocator *allocator, void *ctx)
{
    mcmp_cluster_options opts;
    mcmp_load_report report;
    station s;
    int rc;

    saved_small(&opts);
    opts.allocator = allocator;
    rc = station_try_open(&s, &opts);
    mcmp_load_report_init(&report);
    if (rc == MCMP_OK)
        rc = saved_decode(ctx, s.cluster, s.now, &report, &s.err);
    if (rc != MCMP_OK && s.cluster != NULL)
        ck_assert(mcmp__version(s.cluster) == 0);
    if (rc == MCMP_OK) {
        static saved again;

        again.len = 0;
        rc = mcmp_cluster_encode(s.cluster, s.now, saved_take, &again, &s.err);
    }
    mcmp_response_free(s.response);
    mcmp_cluster_close(s.cluster);
    return rc;
}

START_TEST(state_without_memory_is_an_error_and_leaves_nothing)
{
    save();
    run_with_oom("save and load", save_and_load, &image);
    open_target(NULL);
    done();
}
END_TEST

START_TEST(state_calls_refuse_bad_arguments)
{
    mcmp_load_options opts;
    mcmp_load_report report;

    save();
    open_target(NULL);
    row_code("no cluster", mcmp_cluster_encode(NULL, 0, saved_take, &image, NULL),
             MCMP_ERR_INVALID);
    row_code("nowhere", mcmp_cluster_encode(from.cluster, 0, NULL, NULL, NULL), MCMP_ERR_INVALID);
    row_code("no path", mcmp_cluster_save(from.cluster, NULL, 0, NULL), MCMP_ERR_INVALID);
    row_code("no path", mcmp_cluster_load(to.cluster, NULL, NULL, NULL, NULL), MCMP_ERR_INVALID);
    row_code("no bytes", mcmp_cluster_decode(to.cluster, NULL, 1, NULL, NULL, NULL),
             MCMP_ERR_INVALID);
    memset(&report, 0, sizeof(report));
    row_code("raw report",
             mcmp_cluster_decode(to.cluster, image.data, image.len, NULL, &report, NULL),
             MCMP_ERR_INVALID);
    memset(&opts, 0, sizeof(opts));
    row_code("raw options",
             mcmp_cluster_decode(to.cluster, image.data, image.len, &opts, NULL, NULL),
             MCMP_ERR_INVALID);
    image.len = sizeof(image.data) - 10; /* the callback has no room left */
    row_code("callback", mcmp_cluster_encode(from.cluster, 0, saved_take, &image, &err),
             MCMP_ERR_CALLBACK);
    done();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        state_that_was_loaded_looks_as_it_did,
        state_saved_again_is_the_same_file,
        state_answers_with_the_loaded_id_at_once,
        state_version_grows_with_messages_and_loads,
        state_goes_on_with_its_numbers,
        state_of_an_empty_cluster_is_a_file_too,
        state_is_loaded_into_an_empty_cluster_only,
        state_with_the_greatest_times_can_be_loaded,
        state_that_does_not_fit_is_named_and_the_rest_is_loaded,
        state_with_more_domains_than_fit_keeps_the_newest,
        loaded_nodes_get_nothing_before_their_probe,
        loaded_nodes_that_answer_first_take_what_has_no_session,
        loaded_node_that_is_dead_is_left_by_its_sessions,
        loaded_nodes_are_standby_where_nobody_probes,
        loaded_statuses_and_loads_count_as_before,
        loaded_counters_go_on,
        loaded_domains_are_remembered_for_the_rest_of_their_time,
        loaded_nodes_belong_to_whom_they_did,
        state_without_memory_is_an_error_and_leaves_nothing,
        state_calls_refuse_bad_arguments,
    };

    return run_tests("model state", tests, COUNT_OF(tests));
}
