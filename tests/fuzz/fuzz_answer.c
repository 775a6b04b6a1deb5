/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of a balancer. The first byte chooses limits, the second the cuts; the rest is the
 * stream. Properties: the story does not depend on the cuts; fields, numbers, escapes and INFO
 * lines of any body are read to their end.
 */
#include "protocol_fuzz.h"

#include <libmcmp/client.h>

static void read_fields(fuzz_story *story, mcmp_span body)
{
    static const char *const names[] = { "State", "id", "Requests", "" };
    mcmp_span value;
    uint64_t number;
    char *plain = malloc(body.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        int rc = mcmp_answer_field(body, names[i], &value);

        MUST(rc == MCMP_OK || rc == MCMP_ERR_NOT_FOUND);
        if (rc == MCMP_OK)
            fuzz_tell_span(story, value);
        if (mcmp_answer_number(body, names[i], &number) == MCMP_OK)
            fuzz_tell(story, number);
    }
    MUST(plain != NULL);
    MUST(mcmp_answer_unescape(body, plain, body.len, &len) == MCMP_OK && len <= body.len);
    fuzz_tell_bytes(story, plain, len);
    free(plain);
}

static void read_info(fuzz_story *story, mcmp_span body)
{
    mcmp_info_reader reader;
    mcmp_info_line line;
    int rc;

    mcmp_info_reader_init(&reader);
    reader.text = body;
    do {
        size_t before = reader.offset;

        mcmp_info_line_init(&line);
        rc = mcmp_info_next(&reader, &line, NULL);
        MUST(rc == MCMP_DONE || reader.offset > before);
        if (rc == MCMP_OK) {
            MUST(line.kind >= MCMP_INFO_NODE && line.kind <= MCMP_INFO_CONTEXT);
            MUST(line.name.len > 0);
            fuzz_tell_span(story, line.name);
            fuzz_tell_span(story, line.rest);
        }
    } while (rc != MCMP_DONE);
}

static void tell_answer(fuzz_story *story, void *answer)
{
    const mcmp_answer_info *info = mcmp_answer_get(answer);

    MUST(info != NULL && info->status >= 200 && info->status <= 999);
    fuzz_tell(story, info->status);
    fuzz_tell(story, info->flags);
    fuzz_tell(story, info->wire_class);
    fuzz_tell_span(story, info->reason);
    fuzz_tell_span(story, info->version);
    fuzz_tell_span(story, info->type);
    fuzz_tell_span(story, info->mess);
    fuzz_tell_span(story, info->content_type);
    fuzz_tell_span(story, info->body);
    read_fields(story, info->body);
    read_info(story, info->body);
}

static int feed(void *parser, const void *data, size_t len, size_t *used, mcmp_error *err)
{
    return mcmp_answer_feed(parser, data, len, used, err);
}

static fuzz_story run(unsigned limits, uint32_t seed, const uint8_t *data, size_t size)
{
    fuzz_story story = { 14695981039346656037u, 0 };
    mcmp_answer_options opts;
    mcmp_answer *answer = NULL;
    int rc;

    mcmp_answer_options_init(&opts);
    opts.max_body = (limits & 1) != 0 ? 16 : 0;
    opts.max_head = (limits & 2) != 0 ? 64 : 0;
    opts.max_headers = (limits & 4) != 0 ? 3 : 0;
    MUST(mcmp_answer_new(&answer, &opts, NULL) == MCMP_OK);
    rc = fuzz_feed(&(fuzz_stream){ answer, feed, tell_answer }, &story, seed, data, size);
    if (rc >= 0 && (rc = mcmp_answer_end(answer, NULL)) == MCMP_OK)
        tell_answer(&story, answer);
    fuzz_tell(&story, (uint64_t)(int64_t)rc);
    mcmp_answer_free(answer);
    return story;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_compare_cuts(run, data, size);
    return 0;
}
