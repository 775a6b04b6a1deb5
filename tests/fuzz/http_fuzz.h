/* SPDX-License-Identifier: Apache-2.0 */
/* What the targets of lib/http share beside fuzz.h: heads, parsed whole and in pieces. */
#ifndef MCMP_HTTP_FUZZ_H
#define MCMP_HTTP_FUZZ_H

#include "fuzz.h"

#include <libmcmp/http.h>

/* Small limits, so that short inputs reach them. */
static inline mcmp_http_head *fuzz_head(void)
{
    mcmp_http_options opts;
    mcmp_http_head *head;

    mcmp_http_options_init(&opts);
    opts.max_line = 512;
    opts.max_headers = 16;
    opts.max_head = 2048;
    MUST(mcmp_http_head_new(&head, &opts, NULL) == MCMP_OK);
    return head;
}

/* method < 0: a request */
static inline int fuzz_parse(mcmp_http_head *head, int method, const char *data, size_t len,
                             mcmp_error *err)
{
    mcmp_error_init(err);
    if (method < 0)
        return mcmp_http_head_parse_request(head, data, len, err);
    return mcmp_http_head_parse_response(head, (uint32_t)method, data, len, err);
}

static inline void fuzz_same_head(const mcmp_http_head *a, const mcmp_http_head *b)
{
    const mcmp_http_info *left = mcmp_http_head_info(a);
    const mcmp_http_info *right = mcmp_http_head_info(b);

    MUST(left->method == right->method && left->status == right->status);
    MUST(left->minor == right->minor && left->framing == right->framing);
    MUST(left->flags == right->flags && left->length == right->length);
    MUST(left->head_size == right->head_size && left->header_count == right->header_count);
    MUST(fuzz_same(left->method_name, right->method_name));
    MUST(fuzz_same(left->target, right->target) && fuzz_same(left->reason, right->reason));
    MUST(fuzz_same(left->host, right->host) && fuzz_same(left->upgrade, right->upgrade));
    for (uint32_t i = 0; i < left->header_count; i++) {
        mcmp_pair x;
        mcmp_pair y;
        uint32_t flags[2];

        MUST(mcmp_http_head_header(a, i, &x, NULL, &flags[0]) == MCMP_OK);
        MUST(mcmp_http_head_header(b, i, &y, NULL, &flags[1]) == MCMP_OK);
        MUST(fuzz_same(x.name, y.name) && fuzz_same(x.value, y.value) && flags[0] == flags[1]);
    }
}

/* Cut anywhere, the result is the same: code, place and all that was read. */
static inline void fuzz_cuts(const mcmp_http_head *whole, int rc, const mcmp_error *err, int method,
                             const char *data, size_t len, size_t step)
{
    mcmp_http_head *head = fuzz_head();
    mcmp_error other;
    int got;

    for (size_t have = step;; have += step) {
        size_t now = have < len ? have : len;
        char *part = fuzz_copy(data, now);

        got = fuzz_parse(head, method, part, now, &other);
        if (got == MCMP_OK)
            fuzz_same_head(whole, head);
        free(part);
        if (got != MCMP_NEED_MORE || now == len)
            break;
    }
    MUST(got == rc);
    MUST(got >= 0 || (other.offset == err->offset && strcmp(other.field, err->field) == 0));
    mcmp_http_head_free(head);
}

#endif
