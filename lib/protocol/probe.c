/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes (MCMP 6): the bytes to send, and one function per state that takes the answer byte by
 * byte, so that cuts do not matter and nothing has to be kept. CPing and CPong are written out
 * here (AJP13 2, 3): the codec of lib/ajp keeps a connection's state, which takes memory, and a
 * test holds both to the same bytes.
 */
#include "base/base.h"

#include <libmcmp/command.h>
#include <libmcmp/probe.h>

#define STATE_NONE 0
#define STATE_PONG 1
#define STATE_LINE 2    /* a status line up to its number */
#define STATE_INTERIM 3 /* the rest of a head with 1xx */
#define STATE_FINAL 4   /* the rest of the final head */

#define DEFAULT_MAX_ANSWER 4096u
#define DEFAULT_GOOD_BELOW 500u

static const char ping[] = "\x12\x34\0\x01\x0a";
static const char pong[] = "AB\0\x01\x09";
static const char line[] = "HTTP/1.0 000"; /* 0: any digit */

void mcmp_probe_init_sized(mcmp_probe *probe, size_t size)
{
    mcmp__sized_init(probe, size);
}

void mcmp_probe_exchange_init_sized(mcmp_probe_exchange *exchange, size_t size)
{
    mcmp__sized_init(exchange, size);
}

/* The caller's probe in this library's size. */
static int take_probe(mcmp_probe *own, const mcmp_probe *probe, mcmp_error *err)
{
    int rc =
        probe != NULL ? mcmp__sized_in(own, sizeof(*own), probe, sizeof(size_t)) : MCMP_ERR_INVALID;

    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "struct_size", "the probe can't be read");
    if (own->scheme > MCMP_SCHEME_WSS)
        return mcmp__fail(err, MCMP_ERR_INVALID, "scheme", "there is no such scheme");
    return MCMP_OK;
}

/* ---- the question ---- */

static int write_parts(const mcmp_span *parts, size_t count, char *out, size_t size,
                       size_t *out_len, mcmp_error *err)
{
    size_t len = 0;

    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    *out_len = len;
    if (len > size)
        return mcmp__fail(err, MCMP_ERR_SPACE, NULL, "the probe needs %zu bytes", len);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len != 0)
            memcpy(out, parts[i].ptr, parts[i].len);
        out += parts[i].len;
    }
    return MCMP_OK;
}

static int is_token(mcmp_span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!mcmp__is_token_char(text.ptr[i]))
            return 0;
    return text.len != 0;
}

static int check_request(const mcmp_probe *probe, mcmp_span agent, mcmp_error *err)
{
    if (!is_token(probe->method))
        return mcmp__fail(err, MCMP_ERR_INVALID, "method", "the method is no token");
    if (probe->path.len == 0 || !mcmp__is_clean(probe->path, 0x21))
        return mcmp__fail(err, MCMP_ERR_INVALID, "path", "the path is no target of a request");
    if (!mcmp__is_clean(probe->authority, 0x21))
        return mcmp__fail(err, MCMP_ERR_INVALID, "authority", "the authority is no Host");
    if (!mcmp__is_clean(agent, 0x20))
        return mcmp__fail(err, MCMP_ERR_INVALID, "agent", "control character in a header value");
    return MCMP_OK;
}

int mcmp_probe_encode(const mcmp_probe *probe, mcmp_span agent, char *out, size_t size,
                      size_t *out_len, mcmp_error *err)
{
    mcmp_probe own;
    int rc = take_probe(&own, probe, err);

    if (rc == MCMP_OK && own.scheme == MCMP_SCHEME_AJP) {
        const mcmp_span parts[] = { MCMP__SPAN(ping) };

        return write_parts(parts, MCMP__COUNT(parts), out, size, out_len, err);
    }
    if (rc == MCMP_OK)
        rc = check_request(&own, agent, err);
    if (rc == MCMP_OK) {
        const mcmp_span parts[] = {
            own.method,    MCMP__SPAN(" "),
            own.path,      MCMP__SPAN(" HTTP/1.1\r\nHost: "),
            own.authority, mcmp__span_str(agent.len != 0 ? "\r\nUser-Agent: " : ""),
            agent,         MCMP__SPAN("\r\nConnection: close\r\n\r\n"),
        };

        return write_parts(parts, MCMP__COUNT(parts), out, size, out_len, err);
    }
    return rc;
}

/* ---- the answer ---- */

static int take_kind(mcmp_probe_exchange *exchange, const mcmp_probe *probe, mcmp_error *err)
{
    mcmp_probe own;
    int rc = take_probe(&own, probe, err);

    if (rc != MCMP_OK)
        return rc;
    exchange->good_below = own.good_below != 0 ? own.good_below : DEFAULT_GOOD_BELOW;
    exchange->state = own.scheme == MCMP_SCHEME_AJP ? STATE_PONG : STATE_LINE;
    return MCMP_OK;
}

static int check_started(const mcmp_probe_exchange *exchange, mcmp_error *err)
{
    if (exchange->struct_size < sizeof(*exchange) || exchange->state == STATE_NONE)
        return mcmp__fail(err, MCMP_ERR_STATE, NULL, "the exchange was not started");
    return MCMP_OK;
}

int mcmp_probe_exchange_start(mcmp_probe_exchange *exchange, const mcmp_probe *probe,
                              mcmp_error *err)
{
    mcmp_probe_exchange own;
    int rc = mcmp__sized_in(&own, sizeof(own), exchange, sizeof(own));

    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "struct_size", "the exchange is not initialised, or newer");
    if ((exchange->flags & ~MCMP_PROBE_WHOLE_HEAD) != 0)
        return mcmp__fail(err, MCMP_ERR_UNSUPPORTED, "flags", "unknown flags");
    rc = probe != NULL ? take_kind(exchange, probe, err) : check_started(exchange, err);
    if (rc != MCMP_OK)
        return rc;
    if (exchange->state != STATE_PONG)
        exchange->state = STATE_LINE;
    exchange->verdict = MCMP_PROBE_OPEN;
    exchange->status = 0;
    exchange->head_at = 0;
    exchange->taken = 0;
    exchange->count = 0;
    exchange->number = 0;
    return MCMP_OK;
}

static void on_pong(mcmp_probe_exchange *exchange, char c)
{
    if (c != pong[exchange->count])
        exchange->verdict = MCMP_PROBE_NOT_PONG;
    else if (++exchange->count == MCMP_PROBE_PING_LEN)
        exchange->verdict = MCMP_PROBE_GOOD;
}

static void judge_status(mcmp_probe_exchange *exchange)
{
    exchange->verdict =
        exchange->status < exchange->good_below ? MCMP_PROBE_GOOD : MCMP_PROBE_BAD_STATUS;
}

static void on_number(mcmp_probe_exchange *exchange)
{
    exchange->count = 0;
    if (exchange->number < 100) {
        exchange->verdict = MCMP_PROBE_NOT_HTTP;
    } else if (exchange->number < 200) {
        exchange->state = STATE_INTERIM;
    } else {
        exchange->status = exchange->number;
        exchange->state = STATE_FINAL;
        if ((exchange->flags & MCMP_PROBE_WHOLE_HEAD) == 0)
            judge_status(exchange);
    }
}

static void on_line(mcmp_probe_exchange *exchange, char c)
{
    char want = line[exchange->count++];

    if (want == '0' ? !mcmp__is_digit(c) : c != want) {
        exchange->verdict = MCMP_PROBE_NOT_HTTP;
        return;
    }
    /* The digit of the version does not count: a blank follows it. */
    exchange->number = want == '0' ? exchange->number * 10 + (uint32_t)(c - '0') : 0;
    if (exchange->count == sizeof(line) - 1)
        on_number(exchange);
}

/* count: how much of CR LF CR LF the last bytes were. */
static void on_rest(mcmp_probe_exchange *exchange, char c)
{
    if (c == '\r')
        exchange->count = exchange->count == 2 ? 3 : 1;
    else
        exchange->count = c == '\n' && (exchange->count & 1) != 0 ? exchange->count + 1 : 0;
    if (exchange->count != 4)
        return;
    exchange->count = 0;
    if (exchange->state == STATE_FINAL) {
        judge_status(exchange);
    } else {
        exchange->state = STATE_LINE;
        exchange->head_at = exchange->taken;
    }
}

static void (*const on_byte[])(mcmp_probe_exchange *exchange, char c) = {
    [STATE_PONG] = on_pong,
    [STATE_LINE] = on_line,
    [STATE_INTERIM] = on_rest,
    [STATE_FINAL] = on_rest,
};

/* A status that is known decides also when its head is over the limit. */
static void meet_limit(mcmp_probe_exchange *exchange)
{
    if (exchange->state == STATE_FINAL)
        judge_status(exchange);
    else
        exchange->verdict = MCMP_PROBE_TOO_LONG;
}

int mcmp_probe_exchange_feed(mcmp_probe_exchange *exchange, const void *data, size_t len,
                             mcmp_error *err)
{
    const char *bytes = data;
    size_t i = 0;
    int rc = check_started(exchange, err);
    uint32_t most;

    if (rc != MCMP_OK)
        return rc;
    most = exchange->max_answer != 0 ? exchange->max_answer : DEFAULT_MAX_ANSWER;
    while (i < len && exchange->verdict == MCMP_PROBE_OPEN) {
        exchange->taken++;
        on_byte[exchange->state](exchange, bytes[i++]);
        if (exchange->verdict == MCMP_PROBE_OPEN && exchange->taken >= most)
            meet_limit(exchange);
    }
    if (i < len && exchange->state == STATE_PONG && exchange->verdict == MCMP_PROBE_GOOD)
        exchange->verdict = MCMP_PROBE_NOT_PONG;
    return exchange->verdict == MCMP_PROBE_OPEN ? MCMP_NEED_MORE : MCMP_DONE;
}

int mcmp_probe_exchange_end(mcmp_probe_exchange *exchange, mcmp_error *err)
{
    int rc = check_started(exchange, err);

    if (rc != MCMP_OK)
        return rc;
    exchange->count = 0; /* whatever came: nothing more is sent on it */
    if (exchange->verdict == MCMP_PROBE_OPEN)
        exchange->verdict = MCMP_PROBE_CLOSED;
    return MCMP_DONE;
}

const char *mcmp_probe_exchange_text(const mcmp_probe_exchange *exchange)
{
    static const char *const texts[] = {
        [MCMP_PROBE_OPEN] = NULL,
        [MCMP_PROBE_GOOD] = NULL,
        [MCMP_PROBE_BAD_STATUS] = "bad status",
        [MCMP_PROBE_NOT_HTTP] = "the answer is no HTTP",
        [MCMP_PROBE_NOT_PONG] = "the answer to CPing is no CPong",
        [MCMP_PROBE_TOO_LONG] = "the answer is too long",
        [MCMP_PROBE_CLOSED] = "closed without an answer",
    };

    /* AJP13 5: the secret is no part of CPing. */
    if (exchange->verdict == MCMP_PROBE_GOOD && exchange->state == STATE_PONG)
        return "CPong came; the secret was not checked by that";
    return exchange->verdict < MCMP__COUNT(texts) ? texts[exchange->verdict] : NULL;
}

int mcmp_probe_exchange_can_reuse(const mcmp_probe_exchange *exchange)
{
    return exchange->state == STATE_PONG && exchange->verdict == MCMP_PROBE_GOOD &&
           exchange->count == MCMP_PROBE_PING_LEN;
}
