/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of fields (MCMP 3): key, where it is legal, its limit, form, refusal and place in
 * mcmp_command.
 */
#include "decoder.h"
#include "values.h"

#include "base/compiler.h"

#include <libmcmp/response.h>

#include <stddef.h>

#define ON(command) (1u << MCMP_COMMAND_##command)
#define ON_APP (ON(ENABLE_APP) | ON(DISABLE_APP) | ON(STOP_APP) | ON(REMOVE_APP))
#define ON_NODE (ON(CONFIG) | ON_APP | ON(STATUS) | ON(PING))
#define PLACE(member) \
    (uint32_t) offsetof(mcmp_command, member), (uint32_t)sizeof(((mcmp_command *)NULL)->member)
#define LIMIT(member) (uint32_t) offsetof(mcmp_command_limits, member)

const mcmp_command mcmp__command_defaults = {
    .struct_size = sizeof(mcmp_command),
    .flags = MCMP_COMMAND_STICKY | MCMP_COMMAND_STICKY_FORCE,
    .jvm_route = MCMP__SPAN(""),
    .domain = MCMP__SPAN(""),
    .host = MCMP__SPAN("localhost"),
    .balancer = MCMP__SPAN(""),
    .sticky_cookie = MCMP__SPAN("JSESSIONID"),
    .sticky_path = MCMP__SPAN("jsessionid"),
    .port = 8009,
    .scheme = MCMP_SCHEME_AJP,
    .flushpackets = MCMP_FLUSH_OFF,
    .smax = -1,
    .flushwait = 10 * MCMP_MSEC,
    .ping = 10 * MCMP_SEC,
    .ttl = 60 * MCMP_SEC,
    .max_attempts = 1,
};

static void *place_of(mcmp_decoder *d, const mcmp__field *field)
{
    return (char *)&d->command + field->place;
}

/* The value as bytes that may be changed: it lies in the decoder's own text. */
static char *own_bytes(mcmp_decoder *d, mcmp_span value)
{
    return d->text.data + (value.ptr - d->text.data);
}

static uint32_t limit_of(const mcmp_decoder *d, const mcmp__field *field)
{
    uint32_t limit;

    memcpy(&limit, (const char *)&d->limits + field->limit, sizeof(limit));
    return limit;
}

/* A bad form: refused, or the default and a notice. */
static uint32_t bad_form(mcmp_decoder *d, const mcmp__field *field)
{
    if (field->bad == MCMP_REFUSAL_NONE) {
        mcmp__field_reset(d, field);
        d->command.defaulted |= field->bit;
    }
    return field->bad;
}

/* One bit per byte of 16: comma, brackets and the one given. */
static inline uint32_t marks_of(const char *text, char more)
{
#ifdef MCMP__ANY16
    return MCMP__ANY16(text, ',', '[', ']', more);
#else
    uint32_t mask = 0;

    for (unsigned i = 0; i < 16; i++)
        mask |= (uint32_t)(text[i] == ',' || text[i] == '[' || text[i] == ']' || text[i] == more)
                << i;
    return mask;
#endif
}

/* MCMP 3.3: does the value hold a comma or bracket, or, where blank is set, a blank? It lies in the
 * decoder's text, which has room behind it. */
static int has_mark(mcmp_span value, int blank)
{
    uint32_t found = 0;

    for (size_t i = 0; i < value.len; i += 16) {
        size_t left = value.len - i;
        uint32_t marks = marks_of(value.ptr + i, blank ? ' ' : ',');

        found |= left < 16 ? marks & ((1u << left) - 1) : marks;
    }
    return found != 0;
}

static uint32_t read_text(mcmp_decoder *d, const mcmp__field *field, mcmp_span value)
{
    if (value.len > limit_of(d, field))
        return field->too_big;
    if (has_mark(value, field->no_blank))
        return field->bad;
    memcpy(place_of(d, field), &value, sizeof(value));
    return MCMP_REFUSAL_NONE;
}

static uint32_t read_route(mcmp_decoder *d, const mcmp__field *field, mcmp_span value)
{
    uint32_t refusal = read_text(d, field, value);

    /* MCMP 4.4: a removed node is shown under this name */
    if (refusal == MCMP_REFUSAL_NONE && d->command.kind == MCMP_COMMAND_CONFIG &&
        mcmp__span_is(value, "REMOVED"))
        return field->bad;
    return refusal;
}

static uint32_t read_balancer(mcmp_decoder *d, const mcmp__field *field, mcmp_span value)
{
    d->command.flags &= ~MCMP_COMMAND_BALANCER_LOWERED;
    if (mcmp__lower_in_place(own_bytes(d, value), value.len))
        d->command.flags |= MCMP_COMMAND_BALANCER_LOWERED;
    return read_text(d, field, value);
}

static uint32_t read_host(mcmp_decoder *d, const mcmp__field *field, mcmp_span value)
{
    size_t len = 0;
    int what;

    if (value.len > limit_of(d, field))
        return field->too_big;
    what = mcmp__value_host(value, d->host, &len);
    if (what == MCMP__HOST_CHARS)
        return MCMP_REFUSAL_PARSE;
    /* PING names no worker: who may be probed is the store's to say (MCMP 4.6) */
    if (what == MCMP__HOST_BAD ||
        (what == MCMP__HOST_WILDCARD && d->command.kind == MCMP_COMMAND_CONFIG))
        return field->bad;
    d->command.host = mcmp__span(d->host, len);
    return MCMP_REFUSAL_NONE;
}

static uint32_t read_port(mcmp_decoder *d, const mcmp__field *field, mcmp_span value)
{
    uint64_t port;

    if (value.len > limit_of(d, field))
        return field->too_big;
    if (mcmp__parse_uint(value, 65535, &port) != 0 || port == 0)
        return field->bad;
    d->command.port = (uint32_t)port;
    return MCMP_REFUSAL_NONE;
}

static uint32_t read_type(mcmp_decoder *d, const mcmp__field *field, mcmp_span value)
{
    if (value.len > limit_of(d, field))
        return field->too_big;
    return mcmp__value_scheme(value, &d->command.scheme) == 0 ? MCMP_REFUSAL_NONE : field->bad;
}

static uint32_t read_scheme(mcmp_decoder *d, const mcmp__field *field, mcmp_span value)
{
    if (mcmp__value_scheme(value, &d->command.scheme) == 0)
        return MCMP_REFUSAL_NONE;
    d->culprit = value;
    return field->bad;
}

static uint32_t read_bool(mcmp_decoder *d, const mcmp__field *field, mcmp_span value)
{
    int on;

    if (mcmp__value_bool(value, &on) != 0)
        return bad_form(d, field);
    d->command.flags = on ? d->command.flags | field->flag : d->command.flags & ~field->flag;
    return MCMP_REFUSAL_NONE;
}

static uint32_t read_flush(mcmp_decoder *d, const mcmp__field *field, mcmp_span value)
{
    return mcmp__value_flush(value, &d->command.flushpackets) == 0 ? MCMP_REFUSAL_NONE
                                                                   : bad_form(d, field);
}

static uint32_t read_duration(mcmp_decoder *d, const mcmp__field *field, mcmp_span value)
{
    mcmp_time time;

    if (mcmp__value_duration(value, field->unit, &time) != 0)
        return field->bad;
    memcpy(place_of(d, field), &time, sizeof(time));
    return MCMP_REFUSAL_NONE;
}

static uint32_t read_smax(mcmp_decoder *d, const mcmp__field *field, mcmp_span value)
{
    int64_t number;

    if (mcmp__value_int(value, INT32_MIN, INT32_MAX, &number) != 0)
        return bad_form(d, field);
    d->command.smax = (int32_t)number;
    return MCMP_REFUSAL_NONE;
}

static uint32_t read_wait(mcmp_decoder *d, const mcmp__field *field, mcmp_span value)
{
    return mcmp__value_seconds(value, &d->command.wait_worker) == 0 ? MCMP_REFUSAL_NONE
                                                                    : bad_form(d, field);
}

static uint32_t read_attempts(mcmp_decoder *d, const mcmp__field *field, mcmp_span value)
{
    int64_t number;

    if (mcmp__value_int(value, 0, INT32_MAX, &number) != 0)
        return bad_form(d, field);
    d->command.max_attempts = (uint32_t)number;
    return MCMP_REFUSAL_NONE;
}

static uint32_t read_load(mcmp_decoder *d, const mcmp__field *field, mcmp_span value)
{
    return mcmp__value_load(value, &d->command.load) == 0 ? MCMP_REFUSAL_NONE : field->bad;
}

static int add_element(mcmp_decoder *d, int is_alias, mcmp_span element)
{
    mcmp__elements *list = is_alias ? &d->aliases : &d->contexts;

    while (!is_alias && element.len > 1 && element.ptr[element.len - 1] == '/')
        element.len--;
    return mcmp__elements_add(list, &d->allocator, element);
}

/* A comma list. Length comes before form (MCMP 1), so an empty element is told of at the end. */
static uint32_t read_elements(mcmp_decoder *d, const mcmp__field *field, mcmp_span value)
{
    int is_alias = field->bit == MCMP_FIELD_ALIAS;
    uint32_t limit = limit_of(d, field);
    uint32_t refusal = MCMP_REFUSAL_NONE;
    mcmp_span rest = value;

    if (is_alias)
        (void)mcmp__lower_in_place(own_bytes(d, value), value.len);
    for (;;) {
        const char *comma = rest.len > 0 ? memchr(rest.ptr, ',', rest.len) : NULL;
        mcmp_span element = mcmp__span(rest.ptr, comma ? (size_t)(comma - rest.ptr) : rest.len);

        if (element.len > limit)
            return field->too_big;
        if (element.len == 0)
            refusal = field->bad;
        else if (refusal == MCMP_REFUSAL_NONE && add_element(d, is_alias, element) != MCMP_OK)
            return MCMP__NO_MEMORY;
        if (comma == NULL)
            return refusal;
        rest = mcmp__span(comma + 1, rest.len - element.len - 1);
    }
}

/* clang-format off */
#define TEXT_ROW(key, FIELD, on, member, max, big, no_blank, read) \
    { MCMP__SPAN(key), MCMP_FIELD_##FIELD, on, LIMIT(max), MCMP_REFUSAL_##big, MCMP_REFUSAL_PARSE, PLACE(member), 0, no_blank, 0, read }
#define FORM_ROW(key, FIELD, on, member, max, big, bad, read) \
    { MCMP__SPAN(key), MCMP_FIELD_##FIELD, on, max, MCMP_REFUSAL_##big, MCMP_REFUSAL_##bad, PLACE(member), 0, 0, 0, read }
#define BOOL_ROW(key, FIELD) \
    { MCMP__SPAN(key), MCMP_FIELD_##FIELD, ON(CONFIG), 0, 0, MCMP_REFUSAL_NONE, PLACE(flags), MCMP_COMMAND_##FIELD, 0, 0, read_bool }
#define TIME_ROW(key, FIELD, member, unit) \
    { MCMP__SPAN(key), MCMP_FIELD_##FIELD, ON(CONFIG), 0, 0, MCMP_REFUSAL_BAD_##FIELD, PLACE(member), 0, 0, unit, read_duration }

static const mcmp__field fields[] = {
    { .read = NULL }, /* no key */
    TIME_ROW("ttl", TTL, ttl, MCMP_SEC),
    FORM_ROW("Load", LOAD, ON(STATUS), load, 0, NONE, BAD_LOAD, read_load),
    FORM_ROW("Host", HOST, ON(CONFIG) | ON(PING), host, LIMIT(host), BIG_HOST, BAD_HOST, read_host),
    FORM_ROW("Port", PORT, ON(CONFIG) | ON(PING), port, LIMIT(port), BIG_PORT, BAD_PORT, read_port),
    FORM_ROW("Type", TYPE, ON(CONFIG), scheme, LIMIT(type), BIG_TYPE, BAD_TYPE, read_type),
    TIME_ROW("ping", PING, ping, MCMP_SEC),
    FORM_ROW("smax", SMAX, ON(CONFIG), smax, 0, NONE, NONE, read_smax),
    TEXT_ROW("Alias", ALIAS, ON(CONFIG) | ON_APP, aliases, alias, BIG_ALIAS, 0, read_elements),
    FORM_ROW("Scheme", SCHEME, ON(PING), scheme, 0, NONE, BAD_SCHEME, read_scheme),
    TEXT_ROW("Domain", DOMAIN, ON(CONFIG), domain, domain, BIG_DOMAIN, 0, read_text),
    TEXT_ROW("Context", CONTEXT, ON(CONFIG) | ON_APP, contexts, context, BIG_CONTEXT, 0, read_elements),
    TIME_ROW("Timeout", TIMEOUT, timeout, MCMP_SEC),
    TEXT_ROW("JVMRoute", JVMROUTE, ON_NODE, jvm_route, jvm_route, BIG_ROUTE, 1, read_route),
    TEXT_ROW("Balancer", BALANCER, ON(CONFIG), balancer, balancer, BIG_BALANCER, 0, read_balancer),
    BOOL_ROW("Reversed", REVERSED),
    TIME_ROW("flushwait", FLUSHWAIT, flushwait, MCMP_MSEC),
    FORM_ROW("WaitWorker", WAIT_WORKER, ON(CONFIG), wait_worker, 0, NONE, NONE, read_wait),
    FORM_ROW("Maxattempts", MAX_ATTEMPTS, ON(CONFIG), max_attempts, 0, NONE, NONE, read_attempts),
    FORM_ROW("flushpackets", FLUSHPACKETS, ON(CONFIG), flushpackets, 0, NONE, NONE, read_flush),
    BOOL_ROW("StickySession", STICKY),
    TEXT_ROW("StickySessionPath", STICKY_PATH, ON(CONFIG), sticky_path, cookie, BIG_FIELD, 1, read_text),
    BOOL_ROW("StickySessionForce", STICKY_FORCE),
    BOOL_ROW("StickySessionRemove", STICKY_REMOVE),
    TEXT_ROW("StickySessionCookie", STICKY_COOKIE, ON(CONFIG), sticky_cookie, cookie, BIG_FIELD, 1, read_text),
};
/* clang-format on */

/* The row of a key by slot_of(): each key has a slot of its own. */
static const uint8_t slots[64] = {
    0,  0,  0,  11, 0,  0, 0, 0,  4,  0,  0, 0, 3, 0,  0, 9,  10, 0,  16, 0, 0, 0,
    19, 22, 6,  0,  13, 0, 0, 18, 14, 24, 0, 0, 0, 21, 1, 0,  0,  20, 0,  0, 0, 0,
    0,  8,  15, 0,  12, 0, 0, 17, 5,  0,  0, 0, 2, 0,  0, 23, 0,  0,  0,  7,
};

/* By first and last but one letter, in any case. */
static inline size_t slot_of(mcmp_span key)
{
    unsigned first = (uint8_t)key.ptr[0] | 0x20u;
    unsigned other = (uint8_t)key.ptr[key.len - 2] | 0x20u;

    return (first + 12 * other) % MCMP__COUNT(slots);
}

MCMP__COLD static int is_other_case(const mcmp__field *field, mcmp_span key)
{
    return mcmp__span_eq_nocase(field->key, key);
}

const mcmp__field *mcmp__field_find(mcmp_span key)
{
    const mcmp__field *field;

    if (key.len < 3)
        return NULL;
    field = &fields[slots[slot_of(key)]];
    if (field->key.len != key.len)
        return NULL;
    if (mcmp__bytes_eq(field->key.ptr, key.ptr, key.len)) /* as nearly all senders spell it */
        return field;
    return is_other_case(field, key) ? field : NULL;
}

void mcmp__field_reset(mcmp_decoder *d, const mcmp__field *field)
{
    const mcmp_command *defaults = &mcmp__command_defaults;

    if (field->flag != 0)
        d->command.flags = (d->command.flags & ~field->flag) | (defaults->flags & field->flag);
    else
        memcpy(place_of(d, field), (const char *)defaults + field->place, field->size);
}
