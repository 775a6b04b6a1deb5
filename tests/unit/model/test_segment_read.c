/* SPDX-License-Identifier: Apache-2.0 */
/* A segment attached for reading only: what works, what is refused, and beside a busy writer. */
#include "segments.h"

#include <libmcmp/view.h>

#include <signal.h>
#include <sys/prctl.h>

typedef struct pair {
    segment s;
    farm writer;
    mcmp_cluster *reader;
} pair;

static void pair_open(pair *p, const char *name)
{
    mcmp_cluster_options opts;

    p->s = segment_name(name);
    segment_options(&opts, &p->s, MCMP_ATTACH_CREATE);
    farm_open(&p->writer, &opts);
    farm_script(&p->writer, segment_farm);
    segment_adopt(&opts, &p->s, MCMP_ATTACH_READ);
    p->reader = segment_open(&opts);
}

static void pair_close(pair *p)
{
    mcmp_cluster_close(p->reader);
    farm_close(&p->writer);
    ck_assert_int_eq(mcmp_segment_unlink(p->s.name, 0, NULL), MCMP_OK);
}

static int apply(mcmp_cluster *cluster, const char *command, const char *body,
                 mcmp_response *response, mcmp_error *err)
{
    mcmp_request request;
    mcmp_peer peer;

    mcmp_peer_init(&peer);
    peer.has_address = 1;
    peer.address[15] = 1;
    mcmp_request_init(&request);
    request.method = span_of(command);
    request.command = mcmp_command_of_method(request.method);
    request.target = span_of("/");
    request.body = span_of(body);
    request.body_size = request.body.len;
    request.now = START_TIME;
    request.peer = &peer;
    return mcmp_apply(cluster, &request, response, err);
}

static mcmp_query query_of(const char *path, uint32_t flags)
{
    mcmp_query query;

    mcmp_query_init(&query);
    query.path = span_of(path);
    query.now = START_TIME;
    query.flags = flags;
    return query;
}

START_TEST(what_changes_something_is_refused)
{
    static const struct {
        const char *command, *body;
        int code;
    } rows[] = {
        { "CONFIG", "JVMRoute=new", MCMP_ERR_STATE },
        { "ENABLE-APP", "JVMRoute=a&Alias=localhost&Context=/new", MCMP_ERR_STATE },
        { "DISABLE-APP", "JVMRoute=a&Alias=localhost&Context=/x", MCMP_ERR_STATE },
        { "STOP-APP", "JVMRoute=a&Alias=localhost&Context=/x", MCMP_ERR_STATE },
        { "REMOVE-APP", "JVMRoute=a&Alias=localhost&Context=/x", MCMP_ERR_STATE },
        { "STATUS", "JVMRoute=a&Load=1", MCMP_ERR_STATE },
        { "PING", "", MCMP_ERR_STATE },
        { "INFO", "", MCMP_OK },
        { "DUMP", "", MCMP_OK },
        { "VERSION", "", MCMP_OK },
        { "GET", "", MCMP_OK },
    };
    mcmp_response *response;
    pair p;

    pair_open(&p, "refused");
    ck_assert_int_eq(mcmp_response_new(&response, NULL, NULL), MCMP_OK);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mcmp_error err;

        mcmp_error_init(&err);
        row_code(rows[i].command, apply(p.reader, rows[i].command, rows[i].body, response, &err),
                 rows[i].code);
        if (rows[i].code == MCMP_ERR_STATE)
            row_true(rows[i].command, strstr(err.message, "for reading only") != NULL);
    }
    mcmp_response_free(response);
    ck_assert_uint_eq(mcmp_cluster_id(p.reader), mcmp_cluster_id(p.writer.cluster));
    pair_close(&p);
}
END_TEST

START_TEST(calls_that_write_are_refused)
{
    mcmp_handle node;
    mcmp_error err;
    mcmp_work work;
    mcmp_query query;
    mcmp_selection selection;
    pair p;

    pair_open(&p, "calls");
    node = farm_handle(&p.writer, "a");
    mcmp_error_init(&err);
    mcmp_work_init(&work);
    mcmp_selection_init(&selection);
    query = query_of("/x", 0);
    ck_assert_int_eq(mcmp_tick(p.reader, START_TIME, &work, &err), MCMP_ERR_STATE);
    ck_assert_int_eq(mcmp_probe_report(p.reader, node, 1, 1, START_TIME, &err), MCMP_ERR_STATE);
    ck_assert_int_eq(mcmp_cluster_after_fork(p.reader, &err), MCMP_ERR_STATE);
    ck_assert_int_eq(mcmp_cluster_process_gone(p.reader, getpid()), MCMP_ERR_STATE);
    ck_assert_int_eq(mcmp_select_node(p.reader, &query, &selection, &err), MCMP_ERR_STATE);
    ck_assert_str_eq(err.field, "attach");
    ck_assert_int_eq(mcmp_selection_release(p.reader, &selection, NULL), MCMP_ERR_RELEASED);
    pair_close(&p);
}
END_TEST

START_TEST(calls_that_read_work)
{
    mcmp_selection selection;
    mcmp_query query = query_of("/x", MCMP_QUERY_DRY_RUN);
    mcmp_check check, own;
    mcmp_handle node;
    char text[4096];
    size_t len;
    pair p;

    pair_open(&p, "read");
    node = farm_handle(&p.writer, "a");
    mcmp_selection_init(&selection);
    ck_assert_int_eq(mcmp_select_node(p.reader, &query, &selection, NULL), MCMP_OK);
    ck_assert_int_eq(mcmp_explain(p.reader, &query, text, sizeof(text), &len, NULL), MCMP_OK);
    ck_assert_ptr_nonnull(strstr(text, "result: node"));
    ck_assert_int_eq(mcmp_node_is_current(p.reader, node), 1);
    mcmp_check_init(&check);
    mcmp_check_init(&own);
    ck_assert_int_eq(mcmp_cluster_check(p.reader, &check, NULL), MCMP_OK);
    ck_assert_int_eq(mcmp_cluster_check(p.writer.cluster, &own, NULL), MCMP_OK);
    ck_assert_uint_eq(check.compared, 0);
    ck_assert_uint_eq(own.compared, 1);
    ck_assert_uint_eq(check.nodes, own.nodes);
    ck_assert_uint_eq(check.leaving, own.leaving);
    ck_assert_uint_eq(check.contexts, own.contexts);
    ck_assert_uint_eq(check.groups, own.groups);
    ck_assert_uint_eq(check.messages, own.messages);
    ck_assert_uint_eq(check.used_bytes, own.used_bytes);
    ck_assert_uint_eq(check.processes, 1); /* readers have no slot */
    farm_script(&p.writer, GONE("a"));
    ck_assert_int_eq(mcmp_node_is_current(p.reader, node), 0);
    pair_close(&p);
}
END_TEST

/* The writer adds and removes all contexts of a node by one message each, as fast as it can; a
 * reader sees all or none, and a state that holds together. */
#define MANY "/1,/2,/3,/4,/5,/6,/7,/8,/9,/10"

static _Noreturn void write_for_ever(const segment *s)
{
    mcmp_cluster_options opts;
    farm f;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    segment_options(&opts, s, MCMP_ATTACH_EXISTING);
    farm_open(&f, &opts);
    for (;;) {
        farm_script(&f, "ENABLE-APP JVMRoute=d&Alias=many.example&Context=" MANY);
        farm_script(&f, "REMOVE-APP JVMRoute=d&Alias=many.example&Context=" MANY);
    }
}

static size_t count_many(const mcmp_view *view)
{
    size_t count = 0;

    for (size_t i = 0; i < mcmp_view_context_count(view); i++) {
        mcmp_context_info info;

        mcmp_context_info_init(&info);
        ck_assert_int_eq(mcmp_view_context(view, i, &info), MCMP_OK);
        count += info.alias.len == strlen("many.example") &&
                 memcmp(info.alias.ptr, "many.example", info.alias.len) == 0;
    }
    return count;
}

START_TEST(a_reader_beside_a_busy_writer_sees_whole_messages)
{
    long seen[2] = { 0, 0 };
    long overtaken = 0;
    uint64_t first, last = 0;
    mcmp_check check;
    pid_t pid;
    pair p;

    fails_in_line_only("beside a writer that never stops no two runs are the same");
    pair_open(&p, "busy");
    mcmp_check_init(&check);
    ck_assert_int_eq(mcmp_cluster_check(p.reader, &check, NULL), MCMP_OK);
    first = check.messages;
    pid = fork();
    if (pid == 0)
        write_for_ever(&p.s);
    for (long i = 0; i < 200000 && (i < as_often(3000, 300) || seen[0] == 0 || seen[1] == 0); i++) {
        mcmp_view *view;
        mcmp_selection selection;
        mcmp_query query = query_of("/x", MCMP_QUERY_DRY_RUN);
        int rc = mcmp_view_new(&view, p.reader, START_TIME, NULL);

        mcmp_selection_init(&selection);
        if (rc == MCMP_OK) {
            size_t count = count_many(view);

            ck_assert_msg(count == 0 || count == 10, "%zu of 10 contexts", count);
            seen[count / 10]++;
            mcmp_view_free(view);
        } else {
            ck_assert_int_eq(rc, MCMP_ERR_OVERTAKEN);
            overtaken++;
        }
        rc = mcmp_select_node(p.reader, &query, &selection, NULL);
        ck_assert_msg(rc == MCMP_OK || rc == MCMP_ERR_OVERTAKEN, "%s", mcmp_error_name(rc));
        rc = mcmp_cluster_check(p.reader, &check, NULL);
        ck_assert_msg(rc == MCMP_OK || rc == MCMP_ERR_OVERTAKEN, "%s", mcmp_error_name(rc));
        last = rc == MCMP_OK ? check.messages : last;
    }
    ck_assert_int_eq(kill(pid, SIGKILL), 0); /* anywhere */
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    ck_assert_int_gt(seen[0], 0);
    ck_assert_int_gt(seen[1], 0);
    ck_assert_uint_gt(last, first + 10); /* the writer went on */
    ck_assert_int_eq(mcmp_cluster_check(p.reader, NULL, NULL), MCMP_OK);
    ck_assert_int_eq(mcmp_cluster_check(p.writer.cluster, NULL, NULL), MCMP_OK);
    pair_close(&p);
}
END_TEST

/* A writer that stopped inside a message, with the lock, holds no reader up. */
START_TEST(a_stopped_writer_holds_no_reader_up)
{
    mcmp__node_data node = { .host = TEXT("h"), .route = TEXT("half"), .port = 80 };
    mcmp_query query = query_of("/x", MCMP_QUERY_DRY_RUN);
    mcmp_selection selection;
    mcmp_check check;
    mcmp_view *view;
    uint32_t row;
    mcmp__tx tx;
    pair p;

    pair_open(&p, "stopped");
    ck_assert_int_eq(mcmp__tx_begin(&tx, p.writer.cluster, START_TIME, NULL), MCMP_OK);
    ck_assert_int_eq(mcmp__node_add(&tx, &node, 1, &row, NULL), MCMP_OK);
    mcmp_check_init(&check);
    mcmp_selection_init(&selection);
    ck_assert_int_eq(mcmp_view_new(&view, p.reader, START_TIME, NULL), MCMP_OK);
    ck_assert_uint_eq(mcmp_view_node_count(view), 6);
    mcmp_view_free(view);
    ck_assert_int_eq(mcmp_select_node(p.reader, &query, &selection, NULL), MCMP_OK);
    ck_assert_int_eq(mcmp_cluster_check(p.reader, &check, NULL), MCMP_OK);
    ck_assert_uint_eq(check.nodes, 5);
    mcmp__tx_abort(&tx);
    pair_close(&p);
}
END_TEST

/* Somebody stores version after version without the lock: a reader gives up, it does not hang. */
START_TEST(a_reader_that_is_always_overtaken_says_so)
{
    mcmp_query query = query_of("/x", MCMP_QUERY_DRY_RUN);
    mcmp_selection selection;
    long overtaken = 0;
    mcmp_view *view;
    pid_t pid;
    bytes b;
    pair p;

    fails_in_line_only("beside a writer that never stops no two runs are the same");
    pair_open(&p, "overtaken");
    b = segment_map(&p.s);
    pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            (void)atomic_fetch_add((_Atomic uint64_t *)&b.words[MCMP__R_PUB], 8);
    }
    for (int i = 0; i < 1000000 && overtaken < 3; i++) {
        int rc;

        mcmp_selection_init(&selection);
        rc = mcmp_select_node(p.reader, &query, &selection, NULL);
        ck_assert_msg(rc == MCMP_OK || rc == MCMP_ERR_OVERTAKEN, "%s", mcmp_error_name(rc));
        rc = mcmp_view_new(&view, p.reader, START_TIME, NULL);
        ck_assert_msg(rc == MCMP_OK || rc == MCMP_ERR_OVERTAKEN, "%s", mcmp_error_name(rc));
        overtaken += rc == MCMP_ERR_OVERTAKEN;
        if (rc == MCMP_OK)
            mcmp_view_free(view);
    }
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    ck_assert_int_eq(overtaken, 3);
    segment_unmap(&b);
    pair_close(&p);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {
        what_changes_something_is_refused,
        calls_that_write_are_refused,
        calls_that_read_work,
        a_reader_beside_a_busy_writer_sees_whole_messages,
        a_stopped_writer_holds_no_reader_up,
        a_reader_that_is_always_overtaken_says_so,
    };

    return run_tests("model segment read", tests, COUNT_OF(tests));
}
