/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs one head or body in every way it can be cut: whole, byte by byte, and in two parts at every
 * place. The bytes always end at a guard page and lie somewhere else at each call, so that a view
 * kept from an earlier call, or a read past the end, shows. All ways must agree.
 */
#ifndef MCMP_TEST_HTTP_CUTS_H
#define MCMP_TEST_HTTP_CUTS_H

#include "support.h"

#include <libmcmp/http.h>

#define STAGE_ROOM ((size_t)128 << 10)

/* Two places for bytes, used in turn. */
typedef struct stage {
    char *ends[2];
    size_t len[2];
    unsigned turn;
} stage;

SUPPORT_UNUSED static void stage_init(stage *s)
{
    memset(s, 0, sizeof(*s));
    for (int i = 0; i < 2; i++) {
        guard room;
        char *zero = calloc(1, STAGE_ROOM);

        ck_assert(zero != NULL);
        room = guard_copy(zero, STAGE_ROOM);
        free(zero);
        s->ends[i] = room.ptr + STAGE_ROOM;
    }
}

/* The bytes at the end of readable memory; the other place is wiped. */
SUPPORT_UNUSED static const char *stage_put(stage *s, const void *data, size_t len)
{
    char *end;

    memset(s->ends[s->turn] - s->len[s->turn], '!', s->len[s->turn]);
    s->turn ^= 1;
    ck_assert(len <= STAGE_ROOM);
    end = s->ends[s->turn];
    if (len != 0)
        memcpy(end - len, data, len);
    s->len[s->turn] = len;
    return end - len;
}

/* A head as text, so that two results can be compared as a whole. */
typedef struct summary {
    int code;
    uint64_t offset;
    char field[40];
    char text[4096];
} summary;

static void describe(summary *out, const mcmp_http_head *head)
{
    const mcmp_http_info *info = mcmp_http_head_info(head);
    int len;

    ck_assert(info != NULL);
    len = snprintf(out->text, sizeof(out->text),
                   "%u %u %u %u %u %zu %llu [%.*s][%.*s][%.*s][%.*s][%.*s]\n", info->method,
                   info->status, info->minor, info->framing, info->flags, info->head_size,
                   (unsigned long long)info->length, (int)info->method_name.len,
                   info->method_name.len != 0 ? info->method_name.ptr : "", (int)info->target.len,
                   info->target.len != 0 ? info->target.ptr : "", (int)info->reason.len,
                   info->reason.len != 0 ? info->reason.ptr : "", (int)info->host.len,
                   info->host.len != 0 ? info->host.ptr : "", (int)info->upgrade.len,
                   info->upgrade.len != 0 ? info->upgrade.ptr : "");
    for (uint32_t i = 0; i < info->header_count && (size_t)len < sizeof(out->text); i++) {
        mcmp_pair pair;
        uint32_t id;
        uint32_t flags;

        ck_assert_int_eq(mcmp_http_head_header(head, i, &pair, &id, &flags), MCMP_OK);
        len +=
            snprintf(out->text + len, sizeof(out->text) - (size_t)len, "%u %u [%.*s]=[%.*s]\n", id,
                     flags, (int)pair.name.len, pair.name.ptr, (int)pair.value.len, pair.value.ptr);
    }
}

/* method < 0: a request; else a response to that method. */
static int parse_some(mcmp_http_head *head, int method, const char *data, size_t len,
                      mcmp_error *err)
{
    if (method < 0)
        return mcmp_http_head_parse_request(head, data, len, err);
    return mcmp_http_head_parse_response(head, (uint32_t)method, data, len, err);
}

/* Feeds cut after first bytes, then after step more each time. */
static void parse_cut(mcmp_http_head *head, int method, stage *s, const char *data, size_t len,
                      size_t first, size_t step, summary *out)
{
    mcmp_error err;
    size_t have = first;

    memset(out, 0, sizeof(*out));
    mcmp_error_init(&err);
    mcmp_http_head_reset(head);
    for (;;) {
        out->code = parse_some(head, method, stage_put(s, data, have), have, &err);
        if (out->code != MCMP_NEED_MORE || have == len)
            break;
        have = len - have > step ? have + step : len;
    }
    if (out->code == MCMP_OK)
        describe(out, head);
    if (out->code < 0) {
        out->offset = err.offset;
        memcpy(out->field, err.field, sizeof(out->field));
    }
}

static void same_summary(const char *row, const char *way, size_t at, const summary *a,
                         const summary *b)
{
    ck_assert_msg(a->code == b->code && a->offset == b->offset && strcmp(a->field, b->field) == 0,
                  "row '%s' %s %zu: %s %s at %llu, whole: %s %s at %llu", row, way, at,
                  mcmp_error_name(b->code), b->field, (unsigned long long)b->offset,
                  mcmp_error_name(a->code), a->field, (unsigned long long)a->offset);
    ck_assert_msg(strcmp(a->text, b->text) == 0, "row '%s' %s %zu: %s instead of %s", row, way, at,
                  b->text, a->text);
}

/* All ways agree; the head is left as parsed whole, from bytes of the stage. */
SUPPORT_UNUSED static void parse_all_ways(const char *row, mcmp_http_head *head, int method,
                                          stage *s, const char *data, size_t len, summary *out)
{
    summary other;

    parse_cut(head, method, s, data, len, len, 1, out);
    parse_cut(head, method, s, data, len, 0, 1, &other);
    same_summary(row, "byte by byte", 0, out, &other);
    for (size_t cut = 0; cut < len; cut++) {
        parse_cut(head, method, s, data, len, cut, len, &other);
        same_summary(row, "cut at", cut, out, &other);
    }
    parse_cut(head, method, s, data, len, len, 1, out);
}

#endif
