/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of the management port. The first byte chooses limits, the second the cuts; the rest is
 * the stream. Property: requests, their contents, the error and its place do not depend on the
 * cuts, nor does the command that a body is decoded to.
 */
#include "protocol_fuzz.h"

#include <libmcmp/command.h>
#include <libmcmp/parser.h>

static void tell_command(fuzz_story *story, const mcmp_request *request)
{
    const mcmp_command *command = mcmp_request_command(request, NULL);

    fuzz_tell(story, request->decoded != NULL);
    fuzz_tell(story, command != NULL);
    if (command == NULL)
        return;
    fuzz_tell(story, command->given);
    fuzz_tell(story, command->flags);
    fuzz_tell_span(story, command->jvm_route);
    fuzz_tell_span(story, command->host);
    for (size_t i = 0; i < command->alias_count; i++)
        fuzz_tell_span(story, command->aliases[i]);
    for (size_t i = 0; i < command->context_count; i++)
        fuzz_tell_span(story, command->contexts[i]);
}

static void tell_request(fuzz_story *story, void *parser)
{
    const mcmp_request *request = mcmp_parser_request(parser);

    MUST(request != NULL && request->method.len > 0 && request->target.len > 0);
    MUST((request->flags & MCMP_REQUEST_OVERSIZE) != 0 ? request->body.len == 0
                                                       : request->body.len == request->body_size);
    fuzz_tell(story, request->command);
    fuzz_tell(story, request->flags);
    fuzz_tell(story, request->body_size);
    fuzz_tell_span(story, request->method);
    fuzz_tell_span(story, request->target);
    fuzz_tell_span(story, request->host);
    fuzz_tell_span(story, request->body);
    tell_command(story, request);
}

static int feed(void *parser, const void *data, size_t len, size_t *used, mcmp_error *err)
{
    return mcmp_parser_feed(parser, data, len, used, err);
}

static fuzz_story run(unsigned limits, uint32_t seed, const uint8_t *data, size_t size)
{
    fuzz_story story = { 14695981039346656037u, 0 };
    mcmp_command_limits names;
    mcmp_parser_options opts;
    mcmp_parser *parser = NULL;
    int rc;

    mcmp_command_limits_init(&names);
    mcmp_parser_options_init(&opts);
    opts.limits = &names;
    opts.max_body = (limits & 1) != 0 ? 16 : 0;
    opts.max_drop = (limits & 2) != 0 ? 32 : 0;
    opts.max_head = (limits & 4) != 0 ? 64 : 0;
    opts.max_headers = (limits & 8) != 0 ? 3 : 0;
    MUST(mcmp_parser_new(&parser, &opts, NULL) == MCMP_OK);
    rc = fuzz_feed(&(fuzz_stream){ parser, feed, tell_request }, &story, seed, data, size);
    fuzz_tell(&story, (uint64_t)(int64_t)(rc < 0 ? rc : mcmp_parser_end(parser, NULL)));
    mcmp_parser_free(parser);
    return story;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_compare_cuts(run, data, size);
    return 0;
}
