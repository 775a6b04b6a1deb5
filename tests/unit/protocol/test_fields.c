/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Section 3 of MCMP: every default, every limit at limit - 1, limit and limit + 1 (as standard and
 * as an option), every form of a value.
 */
#include "support.h"

#include <libmcmp/command.h>
#include <libmcmp/response.h>

#include <inttypes.h>

static mcmp_decoder *decoder;

typedef struct result {
    uint32_t refusal;
    const mcmp_command *command;
} result;

static result decode(mcmp_decoder *with, const char *row, uint32_t command, const char *body)
{
    mcmp_request request;
    guard copy = guard_copy(body, strlen(body));
    result r = { MCMP_REFUSAL_NONE, NULL };
    mcmp_error err;
    int rc;

    mcmp_error_init(&err);
    mcmp_request_init(&request);
    request.command = command;
    request.body = (mcmp_span){ copy.ptr, copy.len };
    rc = mcmp_decoder_decode(with, &request, &r.command, &r.refusal, &err);
    row_true(row, rc == MCMP_OK || rc == MCMP_ERR_SYNTAX);
    row_true(row, (rc == MCMP_OK) == (r.command != NULL));
    guard_free(&copy);
    return r;
}

/* The value of the field that key names, as text. */
static const char *show(const mcmp_command *c, uint64_t field)
{
    static char text[1200];
    const struct {
        uint64_t field;
        const mcmp_span *span;
    } spans[] = {
        { MCMP_FIELD_JVMROUTE, &c->jvm_route },
        { MCMP_FIELD_DOMAIN, &c->domain },
        { MCMP_FIELD_HOST, &c->host },
        { MCMP_FIELD_BALANCER, &c->balancer },
        { MCMP_FIELD_STICKY_COOKIE, &c->sticky_cookie },
        { MCMP_FIELD_STICKY_PATH, &c->sticky_path },
        { MCMP_FIELD_ALIAS, c->aliases },
        { MCMP_FIELD_CONTEXT, c->contexts },
    };
    const struct {
        uint64_t field;
        int64_t number;
    } numbers[] = {
        { MCMP_FIELD_PORT, c->port },
        { MCMP_FIELD_TYPE, c->scheme },
        { MCMP_FIELD_SCHEME, c->scheme },
        { MCMP_FIELD_FLUSHPACKETS, c->flushpackets },
        { MCMP_FIELD_FLUSHWAIT, c->flushwait },
        { MCMP_FIELD_PING, c->ping },
        { MCMP_FIELD_TTL, c->ttl },
        { MCMP_FIELD_TIMEOUT, c->timeout },
        { MCMP_FIELD_SMAX, c->smax },
        { MCMP_FIELD_WAIT_WORKER, c->wait_worker },
        { MCMP_FIELD_MAX_ATTEMPTS, c->max_attempts },
        { MCMP_FIELD_LOAD, c->load },
        { MCMP_FIELD_REVERSED, (c->flags & MCMP_COMMAND_REVERSED) != 0 },
        { MCMP_FIELD_STICKY, (c->flags & MCMP_COMMAND_STICKY) != 0 },
        { MCMP_FIELD_STICKY_FORCE, (c->flags & MCMP_COMMAND_STICKY_FORCE) != 0 },
        { MCMP_FIELD_STICKY_REMOVE, (c->flags & MCMP_COMMAND_STICKY_REMOVE) != 0 },
    };

    text[0] = '\0';
    for (size_t i = 0; i < COUNT_OF(spans); i++)
        if (spans[i].field == field && spans[i].span != NULL)
            (void)snprintf(text, sizeof(text), "%.*s", (int)spans[i].span->len, spans[i].span->ptr);
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        if (numbers[i].field == field)
            (void)snprintf(text, sizeof(text), "%" PRId64, numbers[i].number);
    return text;
}

START_TEST(test_fields_have_the_defaults_of_the_contract)
{
    static const struct {
        const char *name;
        uint64_t field;
        const char *want;
    } rows[] = {
        { "Domain", MCMP_FIELD_DOMAIN, "" },
        { "Host", MCMP_FIELD_HOST, "localhost" },
        { "Port", MCMP_FIELD_PORT, "8009" },
        { "Type is ajp", MCMP_FIELD_TYPE, "0" },
        { "Reversed", MCMP_FIELD_REVERSED, "0" },
        { "flushpackets is Off", MCMP_FIELD_FLUSHPACKETS, "0" },
        { "flushwait", MCMP_FIELD_FLUSHWAIT, "10000" },
        { "ping", MCMP_FIELD_PING, "10000000" },
        { "smax", MCMP_FIELD_SMAX, "-1" },
        { "ttl", MCMP_FIELD_TTL, "60000000" },
        { "Timeout", MCMP_FIELD_TIMEOUT, "0" },
        { "Balancer", MCMP_FIELD_BALANCER, "" },
        { "StickySession", MCMP_FIELD_STICKY, "1" },
        { "StickySessionForce", MCMP_FIELD_STICKY_FORCE, "1" },
        { "StickySessionRemove", MCMP_FIELD_STICKY_REMOVE, "0" },
        { "StickySessionCookie", MCMP_FIELD_STICKY_COOKIE, "JSESSIONID" },
        { "StickySessionPath", MCMP_FIELD_STICKY_PATH, "jsessionid" },
        { "WaitWorker", MCMP_FIELD_WAIT_WORKER, "0" },
        { "Maxattempts", MCMP_FIELD_MAX_ATTEMPTS, "1" },
    };
    result r = decode(decoder, "defaults", MCMP_COMMAND_CONFIG, "JVMRoute=a");

    row_int("given", r.command->given, MCMP_FIELD_JVMROUTE);
    row_int("defaulted", r.command->defaulted, 0);
    row_int("size", r.command->struct_size, sizeof(mcmp_command));
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        row_text(rows[i].name, span_of(show(r.command, rows[i].field)), rows[i].want);
}
END_TEST

typedef struct limit_row {
    const char *key;
    uint64_t field;
    size_t limit;
    uint32_t refusal;
    const char *before; /* other pairs that the command needs */
    char fill;
} limit_row;

static void check_limit(mcmp_decoder *with, const limit_row *row, size_t limit)
{
    char body[1400];
    char value[1200];
    char name[64];

    for (size_t len = limit - 1; len <= limit + 1; len++) {
        result r;

        memset(value, row->fill, len);
        value[len] = '\0';
        (void)snprintf(name, sizeof(name), "%s of %zu bytes", row->key, len);
        (void)snprintf(body, sizeof(body), "%s%s=%s", row->before, row->key, value);
        r = decode(with, name, MCMP_COMMAND_CONFIG, body);
        row_int(name, r.refusal, len > limit ? row->refusal : MCMP_REFUSAL_NONE);
        if (len <= limit && row->field != MCMP_FIELD_PORT)
            row_text(name, span_of(show(r.command, row->field)), value);
    }
}

START_TEST(test_fields_have_limits)
{
    static const limit_row rows[] = {
        { "JVMRoute", MCMP_FIELD_JVMROUTE, 63, MCMP_REFUSAL_BIG_ROUTE, "", 'r' },
        { "Domain", MCMP_FIELD_DOMAIN, 19, MCMP_REFUSAL_BIG_DOMAIN, "JVMRoute=a&", 'd' },
        { "Host", MCMP_FIELD_HOST, 63, MCMP_REFUSAL_BIG_HOST, "JVMRoute=a&", 'h' },
        { "Balancer", MCMP_FIELD_BALANCER, 39, MCMP_REFUSAL_BIG_BALANCER, "JVMRoute=a&", 'b' },
        { "StickySessionCookie", MCMP_FIELD_STICKY_COOKIE, 29, MCMP_REFUSAL_BIG_FIELD,
          "JVMRoute=a&", 'c' },
        { "StickySessionPath", MCMP_FIELD_STICKY_PATH, 29, MCMP_REFUSAL_BIG_FIELD, "JVMRoute=a&",
          'p' },
        { "Alias", MCMP_FIELD_ALIAS, 254, MCMP_REFUSAL_BIG_ALIAS, "JVMRoute=a&Context=/&", 'a' },
        { "Context", MCMP_FIELD_CONTEXT, 79, MCMP_REFUSAL_BIG_CONTEXT, "JVMRoute=a&Alias=b&", 'c' },
    };
    mcmp_command_limits limits;
    mcmp_decoder *other = NULL;

    mcmp_command_limits_init(&limits);
    limits.jvm_route = limits.domain = limits.host = limits.balancer = limits.cookie = 255;
    limits.alias = 7;
    limits.context = 1023;
    ck_assert_int_eq(mcmp_decoder_new(&other, &limits, NULL, NULL), MCMP_OK);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        check_limit(decoder, &rows[i], rows[i].limit);
        check_limit(other, &rows[i],
                    rows[i].field == MCMP_FIELD_ALIAS     ? 7
                    : rows[i].field == MCMP_FIELD_CONTEXT ? 1023
                                                          : 255);
    }
    mcmp_decoder_free(other);
}
END_TEST

START_TEST(test_fields_limits_are_checked)
{
    mcmp_command_limits limits;
    mcmp_decoder *other = NULL;
    uint32_t *const names[] = {
        &limits.jvm_route, &limits.domain,   &limits.host,   &limits.port,
        &limits.type,      &limits.balancer, &limits.cookie, &limits.alias
    };

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        mcmp_command_limits_init(&limits);
        *names[i] = 256;
        ck_assert_int_eq(mcmp_decoder_new(&other, &limits, NULL, NULL), MCMP_ERR_INVALID);
    }
    mcmp_command_limits_init(&limits);
    limits.context = 1024;
    ck_assert_int_eq(mcmp_decoder_new(&other, &limits, NULL, NULL), MCMP_ERR_INVALID);
    limits.struct_size = 0;
    ck_assert_int_eq(mcmp_decoder_new(&other, &limits, NULL, NULL), MCMP_ERR_INVALID);
    ck_assert(other == NULL);
}
END_TEST

typedef struct form_row {
    const char *pair;
    uint32_t refusal;
    const char *want; /* NULL when refused */
    int is_defaulted;
} form_row;

/* Rows of pairs `Key=value` of one field. */
static void check_forms(uint32_t command, const char *before, uint64_t field, const form_row *rows,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char body[600];
        result r;

        (void)snprintf(body, sizeof(body), "%s%s", before, rows[i].pair);
        r = decode(decoder, rows[i].pair, command, body);
        row_int(rows[i].pair, r.refusal, rows[i].refusal);
        if (rows[i].refusal != MCMP_REFUSAL_NONE)
            continue;
        row_true(rows[i].pair, rows[i].want != NULL);
        row_text(rows[i].pair, span_of(show(r.command, field)), rows[i].want);
        row_int(rows[i].pair, (r.command->given & field) != 0, 1);
        row_int(rows[i].pair, r.command->defaulted, rows[i].is_defaulted ? field : 0);
    }
}

#define OK MCMP_REFUSAL_NONE

START_TEST(test_fields_read_hosts)
{
#define BAD MCMP_REFUSAL_BAD_HOST, NULL, 0
#define CHARS MCMP_REFUSAL_PARSE, NULL, 0
    static const form_row rows[] = {
        { "Host=Node-1.Example", OK, "Node-1.Example", 0 },
        { "Host=127.0.0.1", OK, "127.0.0.1", 0 },
        { "Host=[::1]", OK, "[::1]", 0 },
        { "Host=%5B0%3A0%3A0%3A0%3A0%3A0%3A0%3A1%5D", OK, "[0:0:0:0:0:0:0:1]", 0 },
        { "Host=::1", OK, "[::1]", 0 },
        { "Host=FE80::Ab", OK, "[FE80::Ab]", 0 },
        { "Host=[fe80::1%25eth0]", OK, "[fe80::1]", 0 },
        { "Host=fe80::1%25eth0", OK, "[fe80::1]", 0 },
        { "Host=::ffff:10.0.0.1", OK, "[::ffff:10.0.0.1]", 0 },
        { "Host=0.0.0.1", OK, "0.0.0.1", 0 },
        { "Host=b%C3%BCcher", OK,
          "b\xc3\xbc"
          "cher",
          0 },
        { "Host=0.0.0.0", BAD },
        { "Host=::", BAD },
        { "Host=[::]", BAD },
        { "Host=[0:0:0:0:0:0:0:0]", BAD },
        { "Host=[::%251]", BAD },
        { "Host=[::0.0.0.0]", BAD },
        { "Host=[::ffff:0.0.0.0]", BAD },
        { "Host=*", BAD },
        { "Host=[]", BAD },
        { "Host=[%25a]", BAD },
        { "Host=[a]", BAD },
        { "Host=[10.0.0.1]", BAD },
        { "Host=[1:2:3:4:5:6:7:8:9]", BAD },
        { "Host=[1::2::3]", BAD },
        { "Host=[12345::]", BAD },
        { "Host=a:80", BAD },
        { "Host=:", BAD },
        { "Host=a/b", BAD },
        { "Host=a?b", BAD },
        { "Host=a%23b", BAD },
        { "Host=u@a", BAD },
        { "Host=a,b", CHARS },
        { "Host=a+b", CHARS },
        { "Host=[::1", CHARS },
        { "Host=::1]", CHARS },
        { "Host=a[1]", CHARS },
        { "Host=[::1]]", CHARS },
    };
    static const form_row free_rows[] = {
        { "Host=0.0.0.0", OK, "0.0.0.0", 0 },
        { "Host=::", OK, "[::]", 0 },
        { "Host=*", OK, "*", 0 },
        { "Host=a:80", BAD },
    };

    check_forms(MCMP_COMMAND_CONFIG, "JVMRoute=a&", MCMP_FIELD_HOST, rows, COUNT_OF(rows));
    check_forms(MCMP_COMMAND_PING, "Scheme=http&Port=1&", MCMP_FIELD_HOST, free_rows,
                COUNT_OF(free_rows));
#undef BAD
#undef CHARS
}
END_TEST

/* 63 bytes are counted before a zone is dropped and before brackets are added. */
START_TEST(test_fields_count_a_host_as_sent)
{
    char body[128];
    result r;

    (void)snprintf(body, sizeof(body), "JVMRoute=a&Host=fe80::1%%25%055d", 0);
    r = decode(decoder, "63", MCMP_COMMAND_CONFIG, body);
    row_int("63 with zone", r.refusal, MCMP_REFUSAL_NONE);
    row_text("63 with zone", r.command->host, "[fe80::1]");
    (void)snprintf(body, sizeof(body), "JVMRoute=a&Host=fe80::1%%25%056d", 0);
    row_int("64 with zone", decode(decoder, "64", MCMP_COMMAND_CONFIG, body).refusal,
            MCMP_REFUSAL_BIG_HOST);
}
END_TEST

START_TEST(test_fields_read_ports_types_and_schemes)
{
#define BAD MCMP_REFUSAL_BAD_PORT, NULL, 0
    static const form_row ports[] = {
        { "Port=1", OK, "1", 0 },
        { "Port=65535", OK, "65535", 0 },
        { "Port=000080", OK, "80", 0 },
        { "Port=0", BAD },
        { "Port=65536", BAD },
        { "Port=99999", BAD },
        { "Port=-1", BAD },
        { "Port=%2B80", BAD },
        { "Port=80+", BAD },
        { "Port=8x", BAD },
        { "Port=http", BAD },
        { "Port=999999", BAD },
        { "Port=0000080", MCMP_REFUSAL_BIG_PORT, NULL, 0 },
    };
#undef BAD
#define BAD MCMP_REFUSAL_BAD_TYPE, NULL, 0
    static const form_row types[] = {
        { "Type=ajp", OK, "0", 0 },
        { "Type=HTTP", OK, "1", 0 },
        { "Type=Https", OK, "2", 0 },
        { "Type=ws", OK, "3", 0 },
        { "Type=WSS", OK, "4", 0 },
        { "Type=h2c", BAD },
        { "Type=ajp+", BAD },
        { "Type=httpsx", BAD },
        { "Type=123456789012345", BAD },
        { "Type=1234567890123456", MCMP_REFUSAL_BIG_TYPE, NULL, 0 },
    };
#undef BAD
    static const form_row schemes[] = {
        { "Scheme=ajp", OK, "0", 0 },
        { "Scheme=WSS", OK, "4", 0 },
        { "Scheme=h2c", MCMP_REFUSAL_BAD_SCHEME, NULL, 0 },
        { "Scheme=1234567890123456", MCMP_REFUSAL_BAD_SCHEME, NULL, 0 },
    };
    static const char *const names[] = { "ajp", "http", "https", "ws", "wss", "?" };

    check_forms(MCMP_COMMAND_CONFIG, "JVMRoute=a&", MCMP_FIELD_PORT, ports, COUNT_OF(ports));
    check_forms(MCMP_COMMAND_CONFIG, "JVMRoute=a&", MCMP_FIELD_TYPE, types, COUNT_OF(types));
    check_forms(MCMP_COMMAND_PING, "Host=a&Port=1&", MCMP_FIELD_SCHEME, schemes, COUNT_OF(schemes));
    for (uint32_t i = 0; i < COUNT_OF(names); i++)
        ck_assert_str_eq(mcmp_scheme_name(i), names[i]);
}
END_TEST

START_TEST(test_fields_read_booleans)
{
    static const struct {
        const char *key;
        uint64_t field;
        const char *standard;
    } keys[] = {
        { "Reversed", MCMP_FIELD_REVERSED, "0" },
        { "StickySession", MCMP_FIELD_STICKY, "1" },
        { "StickySessionForce", MCMP_FIELD_STICKY_FORCE, "1" },
        { "StickySessionRemove", MCMP_FIELD_STICKY_REMOVE, "0" },
    };
    static const char *const yes[] = { "yes", "on", "true", "1", "YES", "On", "tRuE" };
    static const char *const no[] = { "no", "off", "false", "0", "NO", "Off", "fAlse" };
    static const char *const neither[] = { "y", "2", "enabled", "yes+", "10", "-1" };

    for (size_t k = 0; k < COUNT_OF(keys); k++) {
        char pair[64];
        form_row row = { pair, OK, "1", 0 };

        for (size_t i = 0; i < COUNT_OF(yes); i++) {
            (void)snprintf(pair, sizeof(pair), "%s=%s", keys[k].key, yes[i]);
            row.want = "1";
            check_forms(MCMP_COMMAND_CONFIG, "JVMRoute=a&", keys[k].field, &row, 1);
            (void)snprintf(pair, sizeof(pair), "%s=%s", keys[k].key, no[i]);
            row.want = "0";
            check_forms(MCMP_COMMAND_CONFIG, "JVMRoute=a&", keys[k].field, &row, 1);
        }
        row.is_defaulted = 1;
        row.want = keys[k].standard;
        for (size_t i = 0; i < COUNT_OF(neither); i++) {
            (void)snprintf(pair, sizeof(pair), "%s=%s", keys[k].key, neither[i]);
            check_forms(MCMP_COMMAND_CONFIG, "JVMRoute=a&", keys[k].field, &row, 1);
        }
    }
}
END_TEST

START_TEST(test_fields_read_durations)
{
    static const struct {
        const char *key;
        uint64_t field;
        uint32_t bad;
        int64_t unit;
    } keys[] = {
        { "flushwait", MCMP_FIELD_FLUSHWAIT, MCMP_REFUSAL_BAD_FLUSHWAIT, MCMP_MSEC },
        { "ping", MCMP_FIELD_PING, MCMP_REFUSAL_BAD_PING, MCMP_SEC },
        { "ttl", MCMP_FIELD_TTL, MCMP_REFUSAL_BAD_TTL, MCMP_SEC },
        { "Timeout", MCMP_FIELD_TIMEOUT, MCMP_REFUSAL_BAD_TIMEOUT, MCMP_SEC },
    };
    static const struct {
        const char *text;
        int64_t number; /* -1: bad */
        int64_t unit;   /* 0: that of the field */
    } values[] = {
        { "0", 0, 0 },
        { "3000", 3000, 0 },
        { "007", 7, 0 },
        { "5ms", 5, MCMP_MSEC },
        { "5MS", 5, MCMP_MSEC },
        { "5s", 5, MCMP_SEC },
        { "5S", 5, MCMP_SEC },
        { "5mi", 5, 60 * MCMP_SEC },
        { "5Min", 5, 60 * MCMP_SEC },
        { "5h", 5, 3600 * MCMP_SEC },
        { "5H", 5, 3600 * MCMP_SEC },
        { "9223372036854775ms", 9223372036854775, MCMP_MSEC },
        { "9223372036854776ms", -1, 0 },
        { "99999999999999999999999", -1, 0 },
        { "-1", -1, 0 },
        { "-0", -1, 0 },
        { "%2B5", -1, 0 },
        { "5m", -1, 0 },
        { "5+s", -1, 0 },
        { "+5", -1, 0 },
        { "5d", -1, 0 },
        { "1.5s", -1, 0 },
        { "s", -1, 0 },
        { "five", -1, 0 },
        { "5hs", -1, 0 },
    };

    for (size_t k = 0; k < COUNT_OF(keys); k++)
        for (size_t i = 0; i < COUNT_OF(values); i++) {
            char pair[64];
            char want[32];
            form_row row = { pair, values[i].number < 0 ? keys[k].bad : OK, want, 0 };
            int64_t unit = values[i].unit != 0 ? values[i].unit : keys[k].unit;

            (void)snprintf(pair, sizeof(pair), "%s=%s", keys[k].key, values[i].text);
            (void)snprintf(want, sizeof(want), "%" PRId64, values[i].number * unit);
            check_forms(MCMP_COMMAND_CONFIG, "JVMRoute=a&", keys[k].field, &row, 1);
        }
}
END_TEST

START_TEST(test_fields_read_numbers_or_keep_their_defaults)
{
    static const form_row smax[] = {
        { "smax=0", OK, "0", 0 },
        { "smax=26", OK, "26", 0 },
        { "smax=-1", OK, "-1", 0 },
        { "smax=-7", OK, "-7", 0 },
        { "smax=99999999999", OK, "2147483647", 0 },
        { "smax=many", OK, "-1", 1 },
        { "smax=1.5", OK, "-1", 1 },
        { "smax=%2B1", OK, "-1", 1 },
        { "smax=-", OK, "-1", 1 },
        { "smax=1+", OK, "-1", 1 },
    };
    static const form_row wait[] = {
        { "WaitWorker=0", OK, "0", 0 },
        { "WaitWorker=3000", OK, "3000000000", 0 },
        { "WaitWorker=4611686018427", OK, "4611686018427000000", 0 },
        { "WaitWorker=4611686018428", OK, "4611686018427387904", 0 },
        { "WaitWorker=99999999999999999999999999", OK, "4611686018427387904", 0 },
        { "WaitWorker=-1", OK, "0", 1 },
        { "WaitWorker=5s", OK, "0", 1 },
        { "WaitWorker=x", OK, "0", 1 },
    };
    static const form_row attempts[] = {
        { "Maxattempts=0", OK, "0", 0 },
        { "Maxattempts=17", OK, "17", 0 },
        { "Maxattempts=99999999999", OK, "2147483647", 0 },
        { "Maxattempts=-1", OK, "1", 1 },
        { "Maxattempts=x", OK, "1", 1 },
    };
    static const form_row flush[] = {
        { "flushpackets=On", OK, "1", 0 },   { "flushpackets=on", OK, "1", 0 },
        { "flushpackets=Off", OK, "0", 0 },  { "flushpackets=AUTO", OK, "2", 0 },
        { "flushpackets=true", OK, "1", 0 }, { "flushpackets=0", OK, "0", 0 },
        { "flushpackets=2", OK, "0", 1 },    { "flushpackets=maybe", OK, "0", 1 },
    };

    check_forms(MCMP_COMMAND_CONFIG, "JVMRoute=a&", MCMP_FIELD_SMAX, smax, COUNT_OF(smax));
    check_forms(MCMP_COMMAND_CONFIG, "JVMRoute=a&", MCMP_FIELD_WAIT_WORKER, wait, COUNT_OF(wait));
    check_forms(MCMP_COMMAND_CONFIG, "JVMRoute=a&", MCMP_FIELD_MAX_ATTEMPTS, attempts,
                COUNT_OF(attempts));
    check_forms(MCMP_COMMAND_CONFIG, "JVMRoute=a&", MCMP_FIELD_FLUSHPACKETS, flush,
                COUNT_OF(flush));
}
END_TEST

START_TEST(test_fields_read_load)
{
#define BAD MCMP_REFUSAL_BAD_LOAD, NULL, 0
    static const form_row rows[] = {
        { "Load=0", OK, "0", 0 },
        { "Load=1", OK, "1", 0 },
        { "Load=99", OK, "99", 0 },
        { "Load=100", OK, "100", 0 },
        { "Load=-1", OK, "-1", 0 },
        { "Load=-0", OK, "0", 0 },
        { "Load=007", OK, "7", 0 },
        { "Load=50.9", OK, "50", 0 },
        { "Load=100.5", OK, "100", 0 },
        { "Load=-1.0", OK, "-1", 0 },
        { "Load=101", BAD },
        { "Load=-2", BAD },
        { "Load=1000", BAD },
        { "Load=4294967297", BAD },
        { "Load=%2B1", BAD },
        { "Load=1e1", BAD },
        { "Load=+1", BAD },
        { "Load=1+", BAD },
        { "Load=1.", BAD },
        { "Load=.5", BAD },
        { "Load=1.x", BAD },
        { "Load=1.5.2", BAD },
        { "Load=-", BAD },
        { "Load=--1", BAD },
        { "Load=", BAD },
        { "Load=0x1", BAD },
        { "Load=nan", BAD },
    };
#undef BAD

    check_forms(MCMP_COMMAND_STATUS, "JVMRoute=a&", MCMP_FIELD_LOAD, rows, COUNT_OF(rows));
}
END_TEST

START_TEST(test_fields_keep_the_case_of_what_is_not_lowered)
{
    static const form_row routes[] = {
        { "JVMRoute=N1.Ab-c_d:e", OK, "N1.Ab-c_d:e", 0 },
        { "JVMRoute=37c72f05-c6ff-364f-a116-e6597f1a85a8", OK,
          "37c72f05-c6ff-364f-a116-e6597f1a85a8", 0 },
        { "JVMRoute=a=b", OK, "a=b", 0 },
    };
    result r = decode(decoder, "lowered", MCMP_COMMAND_CONFIG, "JVMRoute=a&Balancer=MyBal");

    row_text("balancer", r.command->balancer, "mybal");
    row_int("notice", r.command->flags & MCMP_COMMAND_BALANCER_LOWERED,
            MCMP_COMMAND_BALANCER_LOWERED);
    r = decode(decoder, "not lowered", MCMP_COMMAND_CONFIG, "JVMRoute=a&Balancer=mybal");
    row_int("no notice", r.command->flags & MCMP_COMMAND_BALANCER_LOWERED, 0);
    r = decode(decoder, "kept", MCMP_COMMAND_CONFIG,
               "JVMRoute=a&Domain=Grp+1&StickySessionCookie=SiD");
    row_text("domain", r.command->domain, "Grp 1");
    row_text("cookie", r.command->sticky_cookie, "SiD");
    check_forms(MCMP_COMMAND_STATUS, "", MCMP_FIELD_JVMROUTE, routes, COUNT_OF(routes));
}
END_TEST

static char spelled(char c, int how)
{
    if (how == 1 && c >= 'a' && c <= 'z')
        return (char)(c - 'a' + 'A');
    return how == 2 && c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* With `more` behind it the key is none that this command knows. */
static void check_key(uint32_t command, const char *key, const char *more, const char *value,
                      uint64_t field)
{
    const uint64_t needed = MCMP_FIELD_JVMROUTE | MCMP_FIELD_ALIAS | MCMP_FIELD_CONTEXT;
    int is_known = more[0] == '\0';
    char body[128];
    result r;

    (void)snprintf(body, sizeof(body), "%s%s%s&JVMRoute=r%s", key, more, value,
                   command == MCMP_COMMAND_CONFIG ? "&Alias=a&Context=c" : "");
    r = decode(decoder, body, command, body);
    if (r.command == NULL)
        row_true(body, !is_known && r.refusal == MCMP_REFUSAL_BAD_FIELD);
    else if (is_known || (field & needed) == 0)
        row_int(body, (r.command->given & field) != 0, is_known);
}

/* The key as sent, all upper and all lower case are one field; a byte more is none. */
START_TEST(test_fields_are_found_by_whole_keys_in_any_case)
{
    static const struct {
        const char *pair;
        uint32_t command;
        uint64_t field;
    } keys[] = {
        { "JVMRoute=1", MCMP_COMMAND_CONFIG, MCMP_FIELD_JVMROUTE },
        { "Load=1", MCMP_COMMAND_STATUS, MCMP_FIELD_LOAD },
        { "Alias=1", MCMP_COMMAND_CONFIG, MCMP_FIELD_ALIAS },
        { "Context=1", MCMP_COMMAND_CONFIG, MCMP_FIELD_CONTEXT },
        { "Host=h", MCMP_COMMAND_CONFIG, MCMP_FIELD_HOST },
        { "Port=1", MCMP_COMMAND_CONFIG, MCMP_FIELD_PORT },
        { "Type=ajp", MCMP_COMMAND_CONFIG, MCMP_FIELD_TYPE },
        { "Scheme=ajp", MCMP_COMMAND_PING, MCMP_FIELD_SCHEME },
        { "Balancer=1", MCMP_COMMAND_CONFIG, MCMP_FIELD_BALANCER },
        { "Domain=1", MCMP_COMMAND_CONFIG, MCMP_FIELD_DOMAIN },
        { "Reversed=1", MCMP_COMMAND_CONFIG, MCMP_FIELD_REVERSED },
        { "flushpackets=1", MCMP_COMMAND_CONFIG, MCMP_FIELD_FLUSHPACKETS },
        { "flushwait=1", MCMP_COMMAND_CONFIG, MCMP_FIELD_FLUSHWAIT },
        { "ping=1", MCMP_COMMAND_CONFIG, MCMP_FIELD_PING },
        { "smax=1", MCMP_COMMAND_CONFIG, MCMP_FIELD_SMAX },
        { "ttl=1", MCMP_COMMAND_CONFIG, MCMP_FIELD_TTL },
        { "Timeout=1", MCMP_COMMAND_CONFIG, MCMP_FIELD_TIMEOUT },
        { "StickySession=1", MCMP_COMMAND_CONFIG, MCMP_FIELD_STICKY },
        { "StickySessionForce=1", MCMP_COMMAND_CONFIG, MCMP_FIELD_STICKY_FORCE },
        { "StickySessionRemove=1", MCMP_COMMAND_CONFIG, MCMP_FIELD_STICKY_REMOVE },
        { "StickySessionCookie=1", MCMP_COMMAND_CONFIG, MCMP_FIELD_STICKY_COOKIE },
        { "StickySessionPath=1", MCMP_COMMAND_CONFIG, MCMP_FIELD_STICKY_PATH },
        { "WaitWorker=1", MCMP_COMMAND_CONFIG, MCMP_FIELD_WAIT_WORKER },
        { "Maxattempts=1", MCMP_COMMAND_CONFIG, MCMP_FIELD_MAX_ATTEMPTS },
    };

    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        size_t len = strcspn(keys[i].pair, "=");
        char key[32];

        for (int how = 0; how < 4; how++) {
            for (size_t k = 0; k <= len; k++)
                key[k] = k < len ? spelled(keys[i].pair[k], how) : '\0';
            check_key(keys[i].command, key, how == 3 ? "x" : "", keys[i].pair + len, keys[i].field);
        }
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_fields_have_the_defaults_of_the_contract,
        test_fields_have_limits,
        test_fields_limits_are_checked,
        test_fields_read_hosts,
        test_fields_count_a_host_as_sent,
        test_fields_read_ports_types_and_schemes,
        test_fields_read_booleans,
        test_fields_read_durations,
        test_fields_read_numbers_or_keep_their_defaults,
        test_fields_read_load,
        test_fields_keep_the_case_of_what_is_not_lowered,
        test_fields_are_found_by_whole_keys_in_any_case,
    };
    int rc;

    if (mcmp_decoder_new(&decoder, NULL, NULL, NULL) != MCMP_OK)
        return 1;
    rc = run_tests("fields", tests, COUNT_OF(tests));
    mcmp_decoder_free(decoder);
    return rc;
}
