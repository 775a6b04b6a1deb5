/* SPDX-License-Identifier: Apache-2.0 */
/*
 * INFO read line by line, as this library writes it and with the oddities that the Java client
 * tolerates too.
 */
#include "support.h"

#include <libmcmp/client.h>

#define NODE                                                                               \
    "Node: [12],Name: t1,Balancer: mycluster,LBGroup: ,Host: [::1],Port: 18009,Type: ajp," \
    "Flushpackets: Auto,Flushwait: 10,Ping: 10,Smax: -1,Ttl: 60,Elected: 1,Read: 2,"       \
    "Transfered: 3,Connected: 4,Load: -1\n"

static int next(mcmp_info_reader *reader, mcmp_info_line *line, mcmp_error *err)
{
    mcmp_info_line_init(line);
    mcmp_error_init(err);
    return mcmp_info_next(reader, line, err);
}

START_TEST(test_info_reads_nodes_vhosts_and_contexts)
{
    static const char text[] = NODE "Vhost: [12:1:7], Alias: localhost\n"
                                    "Context: [12:1:8], Context: /a b, Status: DISABLED\n"
                                    "Context: [12:1:9], Context: /, Status: STOPPED\n";
    guard body = guard_copy(text, sizeof(text) - 1);
    mcmp_info_reader reader;
    mcmp_info_line line;
    mcmp_error err;

    mcmp_info_reader_init(&reader);
    reader.text = (mcmp_span){ body.ptr, body.len };
    ck_assert_int_eq(next(&reader, &line, &err), MCMP_OK);
    row_int("kind", line.kind, MCMP_INFO_NODE);
    row_int("node", line.node, 12);
    row_text("name", line.name, "t1");
    row_text("balancer", line.balancer, "mycluster");
    row_text("domain", line.domain, "");
    row_text("host", line.host, "[::1]");
    row_text("port", line.port, "18009");
    row_text("type", line.type, "ajp");
    row_int("flushpackets", line.flushpackets, MCMP_FLUSH_AUTO);
    row_int("flushwait", line.flushwait, 10 * MCMP_MSEC);
    row_int("ping", line.ping, 10 * MCMP_SEC);
    row_int("smax", line.smax, -1);
    row_int("ttl", line.ttl, 60 * MCMP_SEC);
    row_int("elected", line.elected, 1);
    row_int("read", line.bytes_read, 2);
    row_int("transferred", line.transferred, 3);
    row_int("connected", line.connected, 4);
    row_int("load", line.load, -1);
    row_true("rest", memcmp(line.rest.ptr, "Flushpackets: Auto,", 19) == 0);
    ck_assert_int_eq(next(&reader, &line, &err), MCMP_OK);
    row_int("kind", line.kind, MCMP_INFO_VHOST);
    row_text("alias", line.name, "localhost");
    row_int("vhost", line.vhost, 1);
    row_int("id", line.id, 7);
    ck_assert_int_eq(next(&reader, &line, &err), MCMP_OK);
    row_int("kind", line.kind, MCMP_INFO_CONTEXT);
    row_text("path", line.name, "/a b");
    row_int("status", line.status, 2);
    row_int("id", line.id, 8);
    ck_assert_int_eq(next(&reader, &line, &err), MCMP_OK);
    row_int("status", line.status, 3);
    ck_assert_int_eq(next(&reader, &line, &err), MCMP_DONE);
    ck_assert_int_eq(next(&reader, &line, &err), MCMP_DONE);
    guard_free(&body);
}
END_TEST

START_TEST(test_info_passes_over_what_it_does_not_know)
{
    static const char text[] = "\nHello: [1],x\r\nNode: [0],Name: a,New: x,Load: 7\r\nVhosts: [1]\n"
                               "Vhost: [0:1:0],Alias: b";
    guard body = guard_copy(text, sizeof(text) - 1);
    mcmp_info_reader reader;
    mcmp_info_line line;
    mcmp_error err;

    mcmp_info_reader_init(&reader);
    reader.text = (mcmp_span){ body.ptr, body.len };
    ck_assert_int_eq(next(&reader, &line, &err), MCMP_OK);
    row_text("name", line.name, "a");
    row_int("load", line.load, 7);
    ck_assert_int_eq(next(&reader, &line, &err), MCMP_OK);
    row_text("alias", line.name, "b");
    ck_assert_int_eq(next(&reader, &line, &err), MCMP_DONE);
    guard_free(&body);
}
END_TEST

START_TEST(test_info_tells_of_bad_lines_and_goes_on)
{
    static const struct {
        const char *line;
        const char *field;
    } rows[] = {
        { "Node: [],Name: a", "id" },
        { "Node: [x],Name: a", "id" },
        { "Node: [1:2],Name: a", "id" },
        { "Node: [1", "Name" },
        { "Node: [1],Balancer: b", "Name" },
        { "Node: [1],Name: a,Load: much", "Load" },
        { "Node: [1],Name: a,Flushpackets: maybe", "Flushpackets" },
        { "Node: [1],Name: a,Elected: -1", "Elected" },
        { "Node: [18446744073709551616],Name: a", "id" },
        { "Vhost: [1:2], Alias: a", "id" },
        { "Vhost: [1:2:3]", "Name" },
        { "Context: [1:1:1], Context: /", "Status" },
        { "Context: [1:1:1], Context: /, Status: enabled", "Status" },
        { "Context: [1:1:1], Status: ENABLED", "Name" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[256];
        int len = snprintf(text, sizeof(text), "x\n%s\nVhost: [1:1:1], Alias: z\n", rows[i].line);
        guard body = guard_copy(text, (size_t)len);
        mcmp_info_reader reader;
        mcmp_info_line line;
        mcmp_error err;

        mcmp_info_reader_init(&reader);
        reader.text = (mcmp_span){ body.ptr, body.len };
        row_code(rows[i].line, next(&reader, &line, &err), MCMP_ERR_ANSWER);
        row_text(rows[i].line, span_of(err.field), rows[i].field);
        row_int(rows[i].line, err.offset, 2);
        row_int(rows[i].line, line.kind, 0); /* untouched */
        row_code(rows[i].line, next(&reader, &line, &err), MCMP_OK);
        row_text(rows[i].line, line.name, "z");
        guard_free(&body);
    }
}
END_TEST

START_TEST(test_info_checks_its_reader)
{
    mcmp_info_reader reader;
    mcmp_info_line line;
    mcmp_error err;

    memset(&reader, 0, sizeof(reader));
    ck_assert_int_eq(next(&reader, &line, &err), MCMP_ERR_INVALID);
    mcmp_info_reader_init(&reader);
    ck_assert_int_eq(next(&reader, &line, &err), MCMP_DONE);
    reader.offset = 1;
    ck_assert_int_eq(next(&reader, &line, &err), MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_info_next(NULL, &line, &err), MCMP_ERR_INVALID);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_info_reads_nodes_vhosts_and_contexts,
        test_info_passes_over_what_it_does_not_know,
        test_info_tells_of_bad_lines_and_goes_on,
        test_info_checks_its_reader,
    };

    return run_tests("info", tests, COUNT_OF(tests));
}
