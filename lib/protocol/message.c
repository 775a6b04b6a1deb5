/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests as a node sends them (JAVA-CLIENT 1): head lines and pairs in the order of the Java
 * client, values form-encoded as by URLEncoder. A first pass counts, a second one writes, so a
 * buffer that is too small stays as it was.
 */
#include "base/base.h"

#include <libmcmp/client.h>
#include <libmcmp/version.h>

#include <stddef.h>

#define PIECE 512u

/* Counts what is put; writes it too when there is an out or a callback. */
typedef struct sink {
    char *out;
    size_t len;
    mcmp_write_fn write;
    void *ctx;
    size_t kept; /* bytes of the piece that the callback has not got yet */
    int stopped;
    char piece[PIECE];
} sink;

static void sink_init(sink *s, char *out)
{
    s->out = out;
    s->len = 0;
    s->write = NULL;
    s->kept = 0;
    s->stopped = 0;
}

static void flush(sink *s)
{
    if (s->kept != 0 && !s->stopped)
        s->stopped = s->write(s->ctx, s->piece, s->kept);
    s->kept = 0;
}

static void put_piece(sink *s, const char *data, size_t len)
{
    while (len > 0) {
        size_t n = MCMP__MIN(len, PIECE - s->kept);

        memcpy(s->piece + s->kept, data, n);
        s->kept += n;
        data += n;
        len -= n;
        if (s->kept == PIECE)
            flush(s);
    }
}

static void put(sink *s, const char *data, size_t len)
{
    if (s->out != NULL && len > 0)
        memcpy(s->out + s->len, data, len);
    s->len += len;
    if (s->write != NULL)
        put_piece(s, data, len);
}

static void put_span(sink *s, mcmp_span text)
{
    put(s, text.ptr, text.len);
}

static void put_str(sink *s, const char *text)
{
    put(s, text, strlen(text));
}

static void put_uint(sink *s, uint64_t value)
{
    char digits[20];

    put(s, digits, mcmp__format_uint(digits, value));
}

static void put_int(sink *s, int64_t value)
{
    if (value < 0)
        put(s, "-", 1);
    put_uint(s, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

/* java.net.URLEncoder: letters, digits and `*-._` stand plain, a blank is `+`. */
static void put_form(sink *s, mcmp_span text)
{
    static const char hex[] = "0123456789ABCDEF";

    size_t from = 0;

    if (text.len == 0)
        return;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        char low = mcmp__lower(c);
        char escape[3] = { '%', hex[(uint8_t)c >> 4], hex[(uint8_t)c & 15] };

        if ((low >= 'a' && low <= 'z') || mcmp__is_digit(c) || c == '*' || c == '-' || c == '.' ||
            c == '_')
            continue;
        put(s, text.ptr + from, i - from);
        from = i + 1;
        if (c == ' ')
            put(s, "+", 1);
        else
            put(s, escape, sizeof(escape));
    }
    put(s, text.ptr + from, text.len - from);
}

typedef struct out_field out_field;

struct out_field {
    const char *key;
    uint64_t bit;
    size_t place;
    void (*put)(sink *s, const mcmp_message *message, const out_field *field);
    uint32_t flag;
};

static const void *place_of(const mcmp_message *message, const out_field *field)
{
    return (const char *)message + field->place;
}

static void put_text(sink *s, const mcmp_message *message, const out_field *field)
{
    mcmp_span text;

    memcpy(&text, place_of(message, field), sizeof(text));
    put_form(s, text);
}

static void put_list(sink *s, const mcmp_message *message, const out_field *field)
{
    int is_alias = field->bit == MCMP_FIELD_ALIAS;
    const mcmp_span *items = is_alias ? message->aliases : message->contexts;
    size_t count = is_alias ? message->alias_count : message->context_count;

    for (size_t i = 0; i < count; i++) {
        put_str(s, i > 0 ? "%2C" : "");
        put_form(s, items[i]);
    }
}

static void put_number(sink *s, const mcmp_message *message, const out_field *field)
{
    uint32_t number;

    memcpy(&number, place_of(message, field), sizeof(number));
    put_uint(s, number);
}

static void put_signed(sink *s, const mcmp_message *message, const out_field *field)
{
    int32_t number;

    memcpy(&number, place_of(message, field), sizeof(number));
    put_int(s, number);
}

static void put_yes(sink *s, const mcmp_message *message, const out_field *field)
{
    put_str(s, (message->flags & field->flag) != 0 ? "Yes" : "No");
}

static void put_true(sink *s, const mcmp_message *message, const out_field *field)
{
    put_str(s, (message->flags & field->flag) != 0 ? "true" : "false");
}

static void put_flush(sink *s, const mcmp_message *message, const out_field *field)
{
    static const char *const names[] = { "Off", "On", "Auto" };

    (void)field;
    put_str(s, names[MCMP__MIN(message->flushpackets, 2)]);
}

static void put_scheme(sink *s, const mcmp_message *message, const out_field *field)
{
    (void)field;
    put_str(s, mcmp_scheme_name(message->scheme));
}

static mcmp_time time_of(const mcmp_message *message, const out_field *field)
{
    mcmp_time time;

    memcpy(&time, place_of(message, field), sizeof(time));
    return time;
}

static uint64_t round_up(mcmp_time time, mcmp_time unit)
{
    return (uint64_t)(time / unit) + (time % unit != 0);
}

static void put_seconds(sink *s, const mcmp_message *message, const out_field *field)
{
    put_uint(s, round_up(time_of(message, field), MCMP_SEC));
}

static void put_millis(sink *s, const mcmp_message *message, const out_field *field)
{
    put_uint(s, round_up(time_of(message, field), MCMP_MSEC));
}

static void put_duration(sink *s, const mcmp_message *message, const out_field *field)
{
    if (time_of(message, field) % MCMP_SEC == 0) {
        put_seconds(s, message, field);
        return;
    }
    put_millis(s, message, field);
    put_str(s, "ms");
}

/* clang-format off */
#define ROW(key, FIELD, member, put) { key, MCMP_FIELD_##FIELD, offsetof(mcmp_message, member), put, 0 }
#define FLAG(key, FIELD, put) { key, MCMP_FIELD_##FIELD, 0, put, MCMP_COMMAND_##FIELD }

/* The Java client's order: JVMRoute, then its TreeMap's order, upper case before lower case. */
static const out_field out_fields[] = {
    ROW("JVMRoute", JVMROUTE, jvm_route, put_text),
    ROW("Alias", ALIAS, aliases, put_list),
    ROW("Balancer", BALANCER, balancer, put_text),
    ROW("Context", CONTEXT, contexts, put_list),
    ROW("Domain", DOMAIN, domain, put_text),
    ROW("Host", HOST, host, put_text),
    ROW("Load", LOAD, load, put_signed),
    ROW("Maxattempts", MAX_ATTEMPTS, max_attempts, put_number),
    ROW("Port", PORT, port, put_number),
    FLAG("Reversed", REVERSED, put_true),
    ROW("Scheme", SCHEME, scheme, put_scheme),
    FLAG("StickySession", STICKY, put_yes),
    ROW("StickySessionCookie", STICKY_COOKIE, sticky_cookie, put_text),
    FLAG("StickySessionForce", STICKY_FORCE, put_yes),
    ROW("StickySessionPath", STICKY_PATH, sticky_path, put_text),
    FLAG("StickySessionRemove", STICKY_REMOVE, put_yes),
    ROW("Timeout", TIMEOUT, timeout, put_duration),
    ROW("Type", TYPE, scheme, put_scheme),
    ROW("WaitWorker", WAIT_WORKER, wait_worker, put_seconds),
    ROW("flushpackets", FLUSHPACKETS, flushpackets, put_flush),
    ROW("flushwait", FLUSHWAIT, flushwait, put_millis),
    ROW("ping", PING, ping, put_duration),
    ROW("smax", SMAX, smax, put_signed),
    ROW("ttl", TTL, ttl, put_duration),
};
/* clang-format on */

static void put_body(sink *s, const mcmp_message *message)
{
    size_t start = s->len;

    for (size_t i = 0; i < MCMP__COUNT(out_fields); i++) {
        const out_field *field = &out_fields[i];

        if ((message->given & field->bit) == 0)
            continue;
        put_str(s, s->len > start ? "&" : "");
        put_str(s, field->key);
        put(s, "=", 1);
        field->put(s, message, field);
    }
    for (size_t i = 0; i < message->extra_count; i++) {
        put_str(s, s->len > start ? "&" : "");
        put_form(s, message->extra[i].name);
        put(s, "=", 1);
        put_form(s, message->extra[i].value);
    }
}

static void put_header(sink *s, const char *name, mcmp_span value, const char *otherwise)
{
    if (value.len == 0 && *otherwise == '\0')
        return; /* no such header */
    put_str(s, name);
    put_str(s, ": ");
    if (value.len > 0)
        put_span(s, value);
    else
        put_str(s, otherwise);
    put_str(s, "\r\n");
}

static void put_head(sink *s, const mcmp_message *message, size_t body_len)
{
    mcmp_span path = message->path;
    int is_bare = (message->flags & MCMP_MESSAGE_BARE) != 0;

    put_str(s, mcmp_command_name(message->command));
    put(s, " ", 1);
    put_span(s, path);
    if (path.len == 0 || path.ptr[path.len - 1] != '/')
        put(s, "/", 1);
    put_str(s, (message->flags & MCMP_COMMAND_WHOLE_NODE) != 0 ? "*" : "");
    put_str(s, " HTTP/1.1\r\n");
    if (!is_bare)
        put_header(s, "Host", message->host_header, "localhost");
    if (body_len > 0) {
        put_str(s, "Content-Length: ");
        put_uint(s, body_len);
        put_str(s, "\r\n");
    }
    if (is_bare) {
        put_str(s, "\r\n");
        return;
    }
    put_header(s, "User-Agent", message->user_agent, "libmcmp/" MCMP_VERSION);
    put_header(s, "Accept", message->accept, "");
    put_str(s, (message->flags & MCMP_MESSAGE_CLOSE) != 0 ? "Connection: close\r\n\r\n"
                                                          : "Connection: Keep-Alive\r\n\r\n");
}

static int check_message(const mcmp_message *message, mcmp_error *err)
{
    if (message->command < MCMP_COMMAND_CONFIG || message->command > MCMP_COMMAND_PAGE)
        return mcmp__fail(err, MCMP_ERR_INVALID, "command", "there is no such command");
    if (!mcmp__is_clean(message->path, 0x21) ||
        (message->path.len > 0 && message->path.ptr[0] != '/'))
        return mcmp__fail(err, MCMP_ERR_INVALID, "path", "the path is no prefix of a target");
    if (!mcmp__is_clean(message->host_header, 0x20) || !mcmp__is_clean(message->user_agent, 0x20) ||
        !mcmp__is_clean(message->accept, 0x20))
        return mcmp__fail(err, MCMP_ERR_INVALID, "header", "control character in a header value");
    for (size_t i = 0; i < MCMP__COUNT(out_fields); i++) {
        const out_field *field = &out_fields[i];
        int is_time =
            field->put == put_duration || field->put == put_millis || field->put == put_seconds;

        if (is_time && (message->given & field->bit) != 0 && time_of(message, field) < 0)
            return mcmp__fail(err, MCMP_ERR_INVALID, field->key, "a time is negative");
    }
    return MCMP_OK;
}

void mcmp_message_init_sized(mcmp_message *message, size_t size)
{
    mcmp__sized_init(message, size);
}

/* The caller's message in this library's size, checked; *out_body is the length of its body. */
static int take_message(mcmp_message *own, const mcmp_message *message, size_t *out_body,
                        mcmp_error *err)
{
    sink body;
    int rc = message != NULL ? mcmp__sized_in(own, sizeof(*own), message, sizeof(size_t))
                             : MCMP_ERR_INVALID;

    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "mcmp_message", "the message is not initialised or too new");
    if ((rc = check_message(own, err)) != MCMP_OK)
        return rc;
    sink_init(&body, NULL);
    put_body(&body, own);
    *out_body = body.len;
    return MCMP_OK;
}

int mcmp_message_encode(const mcmp_message *message, void *buf, size_t size, size_t *out_len,
                        mcmp_error *err)
{
    mcmp_message own;
    size_t body;
    sink all;
    int rc = take_message(&own, message, &body, err);

    if (rc != MCMP_OK)
        return rc;
    sink_init(&all, NULL);
    put_head(&all, &own, body);
    *out_len = all.len + body;
    if (*out_len > size)
        return mcmp__fail(err, MCMP_ERR_SPACE, NULL, "the message needs %zu bytes", *out_len);
    sink_init(&all, buf);
    put_head(&all, &own, body);
    put_body(&all, &own);
    return MCMP_OK;
}

int mcmp_message_write(const mcmp_message *message, mcmp_write_fn write, void *ctx, mcmp_error *err)
{
    mcmp_message own;
    size_t body;
    sink all;
    int rc;

    if (write == NULL)
        return mcmp__fail(err, MCMP_ERR_INVALID, "write", "there is nothing to call");
    rc = take_message(&own, message, &body, err);
    if (rc != MCMP_OK)
        return rc;
    sink_init(&all, NULL);
    all.write = write;
    all.ctx = ctx;
    put_head(&all, &own, body);
    put_body(&all, &own);
    flush(&all);
    return all.stopped == 0
               ? MCMP_OK
               : mcmp__fail(err, MCMP_ERR_CALLBACK, "write", "the callback stopped the message");
}
