/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers to probes. The first two bytes choose scheme, flags, limit and cut; the rest is fed.
 * Properties: cuts change nothing; and a second judge, who has all bytes at once and searches them
 * by memmem(), finds the same verdict, status and place.
 */
#include "fuzz.h"

#include <libmcmp/command.h>
#include <libmcmp/probe.h>

typedef struct judgement {
    uint32_t verdict;
    uint32_t status;
    uint32_t head_at;
    uint32_t taken;
} judgement;

static void run(const mcmp_probe *probe, const mcmp_probe_exchange *fresh, const char *data,
                size_t len, size_t step, mcmp_probe_exchange *out)
{
    size_t from = 0;

    *out = *fresh;
    MUST(mcmp_probe_exchange_start(out, probe, NULL) == MCMP_OK);
    do {
        size_t take = len - from < step ? len - from : step;
        char *part = fuzz_copy(data + from, take);
        int rc = mcmp_probe_exchange_feed(out, part, take, NULL);

        MUST(rc == (out->verdict == MCMP_PROBE_OPEN ? MCMP_NEED_MORE : MCMP_DONE));
        free(part);
        from += take;
    } while (from < len);
}

/* Bytes that agree with `HTTP/1.0 000`, in which 0 is any digit. */
static size_t line_len(const char *data, size_t len)
{
    static const char line[] = "HTTP/1.0 000";
    size_t i = 0;

    while (i < len && i < sizeof(line) - 1 &&
           (line[i] == '0' ? data[i] >= '0' && data[i] <= '9' : data[i] == line[i]))
        i++;
    return i;
}

static void judge_head(const char *data, size_t len, int whole, uint32_t good_below, judgement *out)
{
    const char *end = memmem(data + out->head_at, len - out->head_at, "\r\n\r\n", 4);
    uint32_t verdict = out->status < good_below ? MCMP_PROBE_GOOD : MCMP_PROBE_BAD_STATUS;

    out->taken = out->head_at + 12;
    out->verdict = verdict;
    if (!whole)
        return;
    out->taken = end != NULL ? (uint32_t)(end + 4 - data) : (uint32_t)len;
    out->verdict = end != NULL ? verdict : MCMP_PROBE_OPEN;
}

static void judge_http(const char *data, size_t len, int whole, uint32_t good_below, judgement *out)
{
    for (;;) {
        const char *at = data + out->head_at;
        size_t rest = len - out->head_at;
        size_t same = line_len(at, rest);
        const char *end;
        int number;

        out->taken = (uint32_t)(out->head_at + same);
        if (same < 12) {
            out->verdict = same < rest ? MCMP_PROBE_NOT_HTTP : MCMP_PROBE_OPEN;
            out->taken += same < rest;
            return;
        }
        number = (at[9] - '0') * 100 + (at[10] - '0') * 10 + (at[11] - '0');
        if (number < 100) {
            out->verdict = MCMP_PROBE_NOT_HTTP;
            return;
        }
        if (number >= 200) {
            out->status = (uint32_t)number;
            judge_head(data, len, whole, good_below, out);
            return;
        }
        end = memmem(at + 12, rest - 12, "\r\n\r\n", 4);
        out->taken = (uint32_t)len;
        if (end == NULL)
            return;
        out->head_at = (uint32_t)(end + 4 - data);
    }
}

static void judge_ajp(const char *data, size_t len, judgement *out)
{
    size_t same = 0;

    while (same < len && same < 5 && data[same] == "AB\0\x01\x09"[same])
        same++;
    out->taken = (uint32_t)same;
    if (same == 5)
        out->verdict = len == 5 ? MCMP_PROBE_GOOD : MCMP_PROBE_NOT_PONG;
    else if (same < len) {
        out->verdict = MCMP_PROBE_NOT_PONG;
        out->taken++;
    }
}

/* The limit: only so many bytes are looked at, and then there is a verdict. */
static judgement judge(const mcmp_probe *probe, const mcmp_probe_exchange *fresh, const char *data,
                       size_t len)
{
    size_t seen = len < fresh->max_answer ? len : fresh->max_answer;
    judgement out = { MCMP_PROBE_OPEN, 0, 0, 0 };

    if (probe->scheme == MCMP_SCHEME_AJP)
        judge_ajp(data, seen == 5 ? len : seen, &out);
    else
        judge_http(data, seen, (fresh->flags & MCMP_PROBE_WHOLE_HEAD) != 0, probe->good_below,
                   &out);
    if (out.verdict != MCMP_PROBE_OPEN || out.taken < fresh->max_answer)
        return out;
    out.verdict = MCMP_PROBE_TOO_LONG;
    if (out.status != 0)
        out.verdict = out.status < probe->good_below ? MCMP_PROBE_GOOD : MCMP_PROBE_BAD_STATUS;
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data + 2;
    mcmp_probe probe;
    mcmp_probe_exchange fresh;
    mcmp_probe_exchange whole;
    judgement want;

    if (size < 2)
        return 0;
    mcmp_probe_init(&probe);
    mcmp_probe_exchange_init(&fresh);
    probe.scheme = (data[0] & 1u) != 0 ? MCMP_SCHEME_HTTP : MCMP_SCHEME_AJP;
    probe.good_below = (data[0] & 2u) != 0 ? 400 : 500;
    fresh.flags = (data[0] & 4u) != 0 ? MCMP_PROBE_WHOLE_HEAD : 0;
    fresh.max_answer = (data[0] & 8u) != 0 ? data[1] + 1u : 4096;
    run(&probe, &fresh, text, size - 2, size, &whole);
    for (size_t i = 0; i < 2; i++) {
        mcmp_probe_exchange other;

        run(&probe, &fresh, text, size - 2, i == 0 ? 1 : data[1] + (size_t)1, &other);
        MUST(memcmp(&other, &whole, sizeof(other)) == 0);
    }
    want = judge(&probe, &fresh, text, size - 2);
    MUST(whole.verdict == want.verdict && whole.status == want.status);
    MUST(whole.head_at == want.head_at && whole.taken == want.taken);
    MUST(!mcmp_probe_exchange_can_reuse(&whole) || size == 7);
    MUST(mcmp_probe_exchange_end(&whole, NULL) == MCMP_DONE);
    MUST(whole.verdict ==
         (want.verdict != MCMP_PROBE_OPEN ? want.verdict : (uint32_t)MCMP_PROBE_CLOSED));
    return 0;
}
