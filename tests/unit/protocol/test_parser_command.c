/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsers that decode bodies: when they do and when they leave it to mcmp_apply(). That the command
 * is the same however the bytes were cut is asserted for every row of test_parser.c.
 */
#include "support.h"

#include <libmcmp/command.h>
#include <libmcmp/parser.h>

#define MAX_DECODE 16384 /* of parser.c */

START_TEST(test_parser_decodes_only_when_asked_and_within_the_limits)
{
    static const struct {
        const char *name;
        int with_limits;
        uint64_t max_message;
        size_t len;
        int want;
    } rows[] = {
        { "without limits", 0, 0, 20, 0 },
        { "with limits", 1, 0, 20, 1 },
        { "the longest message", 1, 20, 20, 1 },
        { "a longer one", 1, 19, 20, 0 },
        { "the longest body", 1, 0, MAX_DECODE, 1 },
        { "a longer body", 1, 0, MAX_DECODE + 1, 0 },
        { "the limit does not raise that", 1, 1 << 20, MAX_DECODE + 1, 0 },
    };
    char *body = malloc(MAX_DECODE + 1);

    ck_assert_ptr_nonnull(body);
    memset(body, '&', MAX_DECODE + 1);
    memcpy(body, "JVMRoute=a", 10);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mcmp_command_limits names;
        mcmp_parser_options opts;
        mcmp_parser *parser = NULL;
        const mcmp_command *command;
        char head[64];
        size_t used;
        int len = snprintf(head, sizeof(head), "STATUS / HTTP/1.1\r\nContent-Length: %zu\r\n\r\n",
                           rows[i].len);

        mcmp_command_limits_init(&names);
        names.max_message = rows[i].max_message;
        mcmp_parser_options_init(&opts);
        opts.limits = rows[i].with_limits ? &names : NULL;
        ck_assert_int_eq(mcmp_parser_new(&parser, &opts, NULL), MCMP_OK);
        ck_assert_int_eq(mcmp_parser_feed(parser, head, (size_t)len, &used, NULL), MCMP_NEED_MORE);
        row_code(rows[i].name, mcmp_parser_feed(parser, body, rows[i].len, &used, NULL), MCMP_OK);
        command = mcmp_request_command(mcmp_parser_request(parser), NULL);
        if (command != NULL || !memory_was_short()) { /* else left to mcmp_apply() */
            row_int(rows[i].name, command != NULL, rows[i].want);
            row_int(rows[i].name, mcmp_parser_request(parser)->decoded != NULL, rows[i].want);
        }
        if (command != NULL)
            row_text(rows[i].name, command->jvm_route, "a");
        mcmp_parser_free(parser);
    }
    free(body);
}
END_TEST

/* Want of memory for the command does not fail the request: mcmp_apply() can still decode it. */
static int parse_and_decode(const mcmp_allocator *allocator, void *ctx)
{
    static const char text[] = "ENABLE-APP / HTTP/1.1\r\nContent-Length: 39\r\n\r\n"
                               "JVMRoute=abcdefgh&Alias=a,b&Context=/,/";
    mcmp_command_limits names;
    mcmp_parser_options opts;
    mcmp_parser *parser = NULL;
    size_t used;
    int rc;

    (void)ctx;
    mcmp_command_limits_init(&names);
    mcmp_parser_options_init(&opts);
    opts.allocator = allocator;
    opts.limits = &names;
    rc = mcmp_parser_new(&parser, &opts, NULL);
    if (rc != MCMP_OK)
        return rc;
    rc = mcmp_parser_feed(parser, text, sizeof(text) - 1, &used, NULL);
    if (rc == MCMP_OK && mcmp_request_command(mcmp_parser_request(parser), NULL) == NULL) {
        ck_assert_ptr_null(mcmp_parser_request(parser)->decoded);
        rc = MCMP_ERR_NOMEM;
    }
    mcmp_parser_free(parser);
    return rc;
}

START_TEST(test_parser_goes_on_without_memory_for_the_command)
{
    run_with_oom("parse and decode", parse_and_decode, NULL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_parser_decodes_only_when_asked_and_within_the_limits,
        test_parser_goes_on_without_memory_for_the_command,
    };

    return run_tests("parser: commands", tests, COUNT_OF(tests));
}
